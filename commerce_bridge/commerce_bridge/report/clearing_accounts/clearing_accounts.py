"""Report: what is open on the clearing accounts of payment gateways, by channel and gateway, and since when."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import frappe
from frappe import _
from frappe.utils import getdate

from commerce_bridge.commerce_bridge.report.shown import channels, column
from commerce_bridge.erpnext import clearing_accounts
from commerce_bridge.erpnext.clearing_accounts import AGES, Open

BY_GATEWAY, DOCUMENTS = "By Gateway", "Open Documents"
#: More than a person looks through; a browser shows them still.
MOST_ROWS = 10_000


def execute(filters: dict[str, Any] | None = None) -> tuple[Any, ...]:
	"""Columns, rows, message, chart and summary; channels the user may not read are left out."""
	wanted = frappe._dict(filters or {})
	readable, day = channels(wanted.channel), getdate(wanted.on)
	if wanted.view == DOCUMENTS:
		rows = clearing_accounts.documents(readable, day, MOST_ROWS)
		return _document_columns(), _document_rows(rows, day), _cut(rows)
	found, balances = clearing_accounts.sums(readable, day)
	return _columns(), _rows(found, balances, day), _message(readable), None, _summary(found)


def _columns() -> list[dict[str, Any]]:
	return [
		column("channel", _("Channel"), "Link", 150, options="Channel Settings"),
		column("gateway", _("Gateway"), width=140),
		column("account", _("Clearing Account"), width=200),
		column("open", _("Open"), "Currency", 120, options="currency"),
		column("documents", _("Documents"), "Int", 100),
		column("oldest", _("Open Since"), "Date", 110),
		column("days", _("Days"), "Int", 70),
		*(
			column(f"age_{number}", label, "Currency", 110, options="currency")
			for number, label in enumerate(_ages())
		),
		column("balance", _("Account Balance"), "Currency", 140, options="currency"),
		column("kept", _("Kept by the Gateway"), "Currency", 160, options="currency"),
		column("currency", _("Currency"), width=80),
	]


def _ages() -> list[str]:
	edges = [0, *AGES]
	return [
		*(_("{0}–{1} Days").format(edges[n] + (n > 0), edges[n + 1]) for n in range(len(AGES))),
		_("Over {0} Days").format(AGES[-1]),
	]


def _rows(found: Sequence[Open], balances: dict[str, Decimal], day: date) -> list[dict[str, Any]]:
	"""Of each account the balance stands in its first row, with what is left of it once all that is open is: what the
	gateway keeps back, or was booked there by hand."""
	opened: dict[str, Decimal] = {}
	for one in found:
		opened[one.account] = opened.get(one.account, Decimal(0)) + one.open
	rows, seen = [], set()
	for one in found:
		row = _row(one, day)
		if one.account not in seen:
			seen.add(one.account)
			balance = balances.get(one.account, Decimal(0))
			row |= {"balance": float(balance), "kept": float(balance - opened[one.account])}
		rows.append(row)
	return rows + [
		_kept(account, balance) for account, balance in balances.items() if balance and account not in seen
	]


def _row(one: Open, day: date) -> dict[str, Any]:
	return {
		"channel": one.channel,
		"gateway": one.gateway,
		"account": one.account,
		"open": float(one.open),
		"documents": one.documents,
		"oldest": one.oldest,
		"days": (day - one.oldest).days if one.oldest else None,
		**{f"age_{number}": float(amount) for number, amount in enumerate(one.ages)},
		"currency": one.currency,
	}


def _kept(account: str, balance: Decimal) -> dict[str, Any]:
	currency = frappe.get_cached_value("Account", account, "account_currency")
	return {
		"account": account,
		"open": 0.0,
		"balance": float(balance),
		"kept": float(balance),
		"currency": currency,
	}


def _message(readable: Sequence[str]) -> str | None:
	if clearing_accounts.clearing_rows(readable):
		return None
	return _("No channel has a clearing account: enter them in its Payment Methods.")


def _summary(found: Sequence[Open]) -> list[dict[str, Any]]:
	totals: dict[str, Decimal] = {}
	for one in found:
		totals[one.currency] = totals.get(one.currency, Decimal(0)) + one.open
	cards: list[dict[str, Any]] = [
		{"label": _("Open"), "value": float(total), "datatype": "Currency", "currency": currency}
		for currency, total in sorted(totals.items())
	]
	oldest = min((one.oldest for one in found if one.oldest), default=None)
	return [*cards, {"label": _("Open Since"), "value": oldest, "datatype": "Date"}] if oldest else cards


# --- documents -------------------------------------------------------------------------------------------


def _document_columns() -> list[dict[str, Any]]:
	return [
		column("posting_date", _("Date"), "Date", 110),
		column("days", _("Days"), "Int", 70),
		column("channel", _("Channel"), "Link", 150, options="Channel Settings"),
		column("gateway", _("Gateway"), width=130),
		column("open", _("Open"), "Currency", 120, options="currency"),
		# No Dynamic Link: who may not read Payment Entries would get no report at all. The script makes it one.
		column("document", _("Document"), width=190),
		column("reference", _("Reference"), width=190),
		column("order_number", _("Order"), width=110),
		column("account", _("Clearing Account"), width=200),
		column("doctype", "", width=0, hidden=1),
		column("currency", "", width=0, hidden=1),
	]


def _document_rows(found: Sequence[Any], day: date) -> list[dict[str, Any]]:
	return [
		{
			"posting_date": row.posting_date,
			"days": (day - row.posting_date).days,
			"channel": row.channel,
			"gateway": row.gateway,
			"open": row.open,
			"document": row.voucher_no,
			"reference": row.reference,
			"order_number": row.order_number,
			"account": row.account,
			"doctype": row.voucher_type,
			"currency": frappe.get_cached_value("Account", row.account, "account_currency"),
		}
		for row in found
	]


def _cut(found: Sequence[Any]) -> str | None:
	return (
		_("Only the oldest {0} are shown: choose a channel.").format(MOST_ROWS)
		if len(found) == MOST_ROWS
		else None
	)
