"""What is open on the clearing accounts of payment gateways: booked there, and in no submitted payout.

Every document that moved something on such an account counts, read from the General Ledger; a Payment Entry says of
which channel and gateway it is, of others the channel's payment map says it, where it names the account once. Two
queries, whatever the number of documents.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import frappe

from commerce_bridge.bridge.channel import Channel
from commerce_bridge.erpnext import channel_settings
from commerce_bridge.erpnext.channel_settings import decimal

#: Days since it was booked: the last column is for what is older.
AGES = (7, 30, 90)
#: A document whose payout is submitted is not open; nor is the entry of a payout itself.
OPEN = """FROM `tabGL Entry` gl
	LEFT JOIN `tabPayment Entry` payment ON gl.voucher_type = 'Payment Entry' AND payment.name = gl.voucher_no
	WHERE gl.account IN %(accounts)s AND gl.is_cancelled = 0 AND gl.posting_date <= %(day)s
		AND NOT EXISTS (SELECT 1 FROM `tabPayout Row` paid JOIN `tabPayout` payout ON payout.name = paid.parent
			WHERE paid.matched_document = gl.voucher_no AND paid.matched_doctype = gl.voucher_type
				AND paid.docstatus = 1 AND payout.paid_on <= %(day)s)
		AND NOT EXISTS (SELECT 1 FROM `tabPayout` made WHERE made.journal_entry = gl.voucher_no AND made.docstatus = 1)"""
AMOUNT = "SUM(gl.debit_in_account_currency - gl.credit_in_account_currency)"
AGE = "DATEDIFF(%(day)s, gl.posting_date)"
SUMS = f"""SELECT gl.account, payment.cb_channel AS channel, payment.cb_gateway AS gateway,
		{AMOUNT} AS open, COUNT(DISTINCT gl.voucher_type, gl.voucher_no) AS documents, MIN(gl.posting_date) AS oldest,
		SUM(IF({AGE} <= %(first)s, gl.debit_in_account_currency - gl.credit_in_account_currency, 0)) AS age_0,
		SUM(IF({AGE} > %(first)s AND {AGE} <= %(second)s,
			gl.debit_in_account_currency - gl.credit_in_account_currency, 0)) AS age_1,
		SUM(IF({AGE} > %(second)s AND {AGE} <= %(third)s,
			gl.debit_in_account_currency - gl.credit_in_account_currency, 0)) AS age_2,
		SUM(IF({AGE} > %(third)s, gl.debit_in_account_currency - gl.credit_in_account_currency, 0)) AS age_3
	{OPEN} GROUP BY gl.account, payment.cb_channel, payment.cb_gateway"""
BALANCES = """SELECT account, SUM(debit_in_account_currency - credit_in_account_currency) AS balance FROM `tabGL Entry`
	WHERE account IN %(accounts)s AND is_cancelled = 0 AND posting_date <= %(day)s GROUP BY account"""
DOCUMENTS = f"""SELECT gl.account, gl.voucher_type, gl.voucher_no, MIN(gl.posting_date) AS posting_date,
		{AMOUNT} AS open, payment.cb_channel AS channel, payment.cb_gateway AS gateway,
		payment.reference_no AS reference, payment.cb_external_number AS order_number
	{OPEN} GROUP BY gl.account, gl.voucher_type, gl.voucher_no HAVING open != 0
	ORDER BY posting_date, gl.voucher_no LIMIT %(limit)s"""


@dataclass(slots=True)
class Open:
	"""What is open of a gateway on an account, in the account's currency."""

	channel: str | None
	gateway: str | None
	account: str
	currency: str
	open: Decimal = Decimal(0)
	documents: int = 0
	oldest: date | None = None
	ages: tuple[Decimal, ...] = (Decimal(0),) * (len(AGES) + 1)


def clearing_rows(channels: Sequence[str]) -> dict[str, list[tuple[str, str]]]:
	"""Clearing accounts of these channels, with (channel, gateway pattern) of each row that names them."""
	rows: dict[str, list[tuple[str, str]]] = {}
	for channel in _loaded(channels):
		for row in channel.payments:
			if row.account:
				rows.setdefault(row.account, []).append((channel.name, row.gateway))
	return rows


def _loaded(channels: Iterable[str]) -> list[Channel]:
	return channel_settings.usable(channels)


def sums(channels: Sequence[str], on: date) -> tuple[list[Open], dict[str, Decimal]]:
	"""By channel, gateway and account what is open on that day; and the balance of each account."""
	rows = clearing_rows(channels)
	if not rows:
		return [], {}
	values = {
		"accounts": tuple(rows),
		"day": on,
		**dict(zip(("first", "second", "third"), AGES, strict=True)),
	}
	found: dict[tuple[str | None, str | None, str], Open] = {}
	for row in frappe.db.sql(SUMS, values, as_dict=True):
		channel, gateway = _whose(row, rows[row.account])
		if channel in (None, *channels):
			_add(found, row, channel, gateway)
	balances = frappe.db.sql(BALANCES, values)
	kept = [one for one in found.values() if one.open or any(one.ages)]
	return sorted(kept, key=lambda one: (one.channel or "", one.gateway or "", one.account)), {
		account: decimal(balance) for account, balance in balances
	}


def _add(
	found: dict[tuple[str | None, str | None, str], Open], row: Any, channel: str | None, gateway: str | None
) -> None:
	key = (channel, (gateway or "").casefold(), row.account)
	currency = frappe.get_cached_value("Account", row.account, "account_currency")
	one = found.setdefault(key, Open(channel, gateway, row.account, currency))
	one.open += decimal(row.open)
	one.documents += row.documents
	one.oldest = min(filter(None, (one.oldest, row.oldest)), default=None)
	ages = [decimal(row[f"age_{number}"]) for number in range(len(AGES) + 1)]
	one.ages = tuple(old + new for old, new in zip(one.ages, ages, strict=True))


def _whose(row: Any, mapped: Sequence[tuple[str, str]]) -> tuple[str | None, str | None]:
	"""The channel and gateway a document says, else those of the one row that has its account."""
	if row.channel:
		return row.channel, row.gateway or None
	names, gateways = {name for name, _gateway in mapped}, {gateway for _name, gateway in mapped}
	return (names.pop() if len(names) == 1 else None), (gateways.pop() if len(gateways) == 1 else None)


def documents(channels: Sequence[str], on: date, limit: int) -> list[Any]:
	"""The open documents themselves, the oldest first."""
	rows = clearing_rows(channels)
	if not rows:
		return []
	found = frappe.db.sql(DOCUMENTS, {"accounts": tuple(rows), "day": on, "limit": limit}, as_dict=True)
	for row in found:
		row.channel, row.gateway = _whose(row, rows[row.account])
	return [row for row in found if row.channel in (None, *channels)]
