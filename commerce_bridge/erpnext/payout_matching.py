"""Which document booked a row of a payout: found by the gateway's id, checked by what the ledger says of it.

What a document brought into the clearing account, and the fees that it booked, are read from the General Ledger, so
that a Payment Entry, and a Journal Entry by hand, count alike. A fixed number of queries, whatever the number of rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import frappe
from frappe import _
from frappe.utils import cstr, getdate

from commerce_bridge.bridge.money import decimals_of, quantise, written
from commerce_bridge.erpnext.channel_record import name_of
from commerce_bridge.erpnext.channel_settings import decimal

RECORD_TYPE = "Payment"
MATCHED, UNMATCHED, ACCEPTED = "Matched", "Unmatched", "Accepted"
DOCTYPES = ("Payment Entry", "Journal Entry")
#: A person looks for what is near: days before and after the row, and how many documents.
NEAR_DAYS, MOST_CANDIDATES = 45, 20

BY_REFERENCE = """SELECT name, reference_no FROM `tabPayment Entry` WHERE docstatus = 1 AND reference_no IN %(references)s
	AND (paid_to = %(clearing)s OR paid_from = %(clearing)s)"""
BY_RECORD = """SELECT external_id AS reference, document_name AS name FROM `tabChannel Record`
	WHERE name IN %(names)s AND document_type = 'Payment Entry' AND document_name IS NOT NULL"""
BY_GATEWAY = """SELECT reference, document_name AS name FROM `tabChannel Record`
	WHERE channel = %(channel)s AND reference IN %(references)s AND record_type = %(type)s
		AND document_type = 'Payment Entry' AND document_name IS NOT NULL"""
LEDGER = """SELECT voucher_type, voucher_no, account, MIN(posting_date) AS posting_date,
		SUM(debit_in_account_currency - credit_in_account_currency) AS amount, SUM(debit - credit) AS base
	FROM `tabGL Entry` WHERE voucher_no IN %(names)s AND account IN %(accounts)s AND is_cancelled = 0
	GROUP BY voucher_type, voucher_no, account"""
#: Payouts take documents one after the other: two at a time would both find them free. Those of other clearing accounts
#: too: each would hold the gap of the index that the other writes into.
IN_TURN = "SELECT name FROM `tabDocType` WHERE name = 'Payout' FOR UPDATE"
#: As it is committed now, not as it was when the transaction began.
TAKEN = """SELECT row.matched_doctype, row.matched_document, row.parent FROM `tabPayout Row` row
	WHERE row.matched_document IN %(names)s AND row.parent != %(payout)s AND row.docstatus < 2 LOCK IN SHARE MODE"""
NEAR = """SELECT gl.voucher_type, gl.voucher_no, MIN(gl.posting_date) AS posting_date,
		SUM(gl.debit_in_account_currency - gl.credit_in_account_currency) AS amount
	FROM `tabGL Entry` gl
	WHERE gl.account = %(clearing)s AND gl.is_cancelled = 0 AND gl.voucher_type IN %(doctypes)s
		AND gl.posting_date BETWEEN %(day)s - INTERVAL %(days)s DAY AND %(day)s + INTERVAL %(days)s DAY
		AND NOT EXISTS (SELECT 1 FROM `tabPayout Row` taken WHERE taken.matched_document = gl.voucher_no
			AND taken.matched_doctype = gl.voucher_type AND taken.docstatus < 2)
		AND NOT EXISTS (SELECT 1 FROM `tabPayout` made WHERE made.journal_entry = gl.voucher_no AND made.docstatus = 1)
	GROUP BY gl.voucher_type, gl.voucher_no
	HAVING SIGN(SUM(gl.debit_in_account_currency - gl.credit_in_account_currency)) = SIGN(%(gross)s)
	ORDER BY ABS(SUM(gl.debit_in_account_currency - gl.credit_in_account_currency) - %(gross)s),
		ABS(DATEDIFF(MIN(gl.posting_date), %(day)s)), gl.voucher_no
	LIMIT %(limit)s"""

Voucher = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Facts:
	"""What a document did to the clearing account, in that account's currency and in the company's, and which fees it
	booked, in the payout's currency."""

	cleared: Decimal
	cleared_base: Decimal
	fee: Decimal
	fee_tax: Decimal


def find(doc: Any) -> None:
	"""Fills in the documents of rows that have none, by the gateway's ids; of fees and reserves the account."""
	rows = [row for row in doc.rows if not row.matched_document and not row.account]
	found = (
		_by_references(doc, {row.reference for row in rows if row.reference}) if doc.clearing_account else {}
	)
	names = {name for several in found.values() for name in several}
	facts, taken = read_facts(doc, {("Payment Entry", name) for name in names}), _taken(doc, names)
	used = {(row.matched_doctype, row.matched_document) for row in doc.rows if row.matched_document}
	for row in rows:
		fitting = [
			voucher
			for voucher in (("Payment Entry", name) for name in sorted(found.get(row.reference, ())))
			if voucher in facts and voucher not in used | taken.keys() and _same_way(row, facts[voucher])
		]
		exact = [voucher for voucher in fitting if _difference(row, facts[voucher]) == 0]
		if chosen := next(iter(exact), fitting[0] if len(fitting) == 1 else None):
			row.matched_doctype, row.matched_document = chosen
			used.add(chosen)
		else:
			row.account = {"Fee": doc.fee_account, "Reserve": doc.clearing_account}.get(row.kind)


def _by_references(doc: Any, references: set[str]) -> dict[str, set[str]]:
	"""Payment Entries by the gateway's id: what the channel booked under it, or what has it as its reference."""
	found: dict[str, set[str]] = {}
	if not references:
		return found
	names = tuple(name_of(doc.channel, RECORD_TYPE, reference) for reference in references)
	values = {"references": tuple(references), "clearing": doc.clearing_account, "names": names}
	for row in frappe.db.sql(BY_RECORD, values, as_dict=True):
		found.setdefault(row.reference, set()).add(row.name)
	for row in frappe.db.sql(BY_REFERENCE, values, as_dict=True):
		found.setdefault(row.reference_no, set()).add(row.name)
	if missing := references - found.keys():
		values = {"references": tuple(missing), "channel": doc.channel, "type": RECORD_TYPE}
		for row in frappe.db.sql(BY_GATEWAY, values, as_dict=True):
			found.setdefault(row.reference, set()).add(row.name)
	return found


def read_facts(doc: Any, vouchers: Iterable[Voucher]) -> dict[Voucher, Facts]:
	"""By document; those that did nothing to the clearing account are not among them."""
	wanted = set(vouchers)
	accounts = [
		account for account in (doc.clearing_account, doc.fee_account, doc.fee_tax_account) if account
	]
	if not wanted or not doc.clearing_account:
		return {}
	values = {"names": tuple(name for _doctype, name in wanted), "accounts": tuple(accounts)}
	ledger: dict[Voucher, dict[str, Any]] = {}
	for row in frappe.db.sql(LEDGER, values, as_dict=True):
		ledger.setdefault((row.voucher_type, row.voucher_no), {})[row.account] = row
	return {
		voucher: _facts(doc, by_account)
		for voucher, by_account in ledger.items()
		if voucher in wanted and doc.clearing_account in by_account
	}


def _facts(doc: Any, by_account: dict[str, Any]) -> Facts:
	clearing = by_account[doc.clearing_account]
	cleared, base = decimal(clearing.amount), decimal(clearing.base)
	rate = base / cleared if cleared else Decimal(1)

	def fee_on(account: str | None) -> Decimal:
		row = by_account.get(account or "")
		if not row or account == doc.clearing_account:
			return Decimal(0)
		if frappe.get_cached_value("Account", account, "account_currency") == doc.currency:
			return decimal(row.amount)
		return quantise(decimal(row.base) / rate, decimals_of(doc.currency))

	same = doc.fee_tax_account == doc.fee_account
	return Facts(cleared, base, fee_on(doc.fee_account), Decimal(0) if same else fee_on(doc.fee_tax_account))


def _taken(doc: Any, names: Iterable[str]) -> dict[Voucher, str]:
	"""Documents that rows of other payouts are matched with, and which payouts. Nobody else takes one until the
	transaction ends."""
	wanted = tuple(names)
	if not wanted:
		return {}
	frappe.db.sql(IN_TURN)
	rows = frappe.db.sql(TAKEN, {"names": wanted, "payout": cstr(doc.name)})
	return {(doctype, name): payout for doctype, name, payout in rows}


def _same_way(row: Any, facts: Facts) -> bool:
	return (decimal(row.gross) > 0) == (facts.cleared > 0)


def _difference(row: Any, facts: Facts) -> Decimal:
	"""What the row moves beyond what the document brought, and the fees that are still to be booked."""
	fees = decimal(row.fee) + decimal(row.fee_tax) - facts.fee - facts.fee_tax
	return decimal(row.net) + fees - facts.cleared


def judge(doc: Any) -> None:
	"""Sets the state of each row by its document, or account: never by what somebody wrote into it.

	Raises `ValidationError` for a document that another row has.
	"""
	chosen = {(row.matched_doctype, row.matched_document) for row in doc.rows if row.matched_document}
	facts = read_facts(doc, chosen)
	_refuse_taken(doc, chosen)
	for row in doc.rows:
		row.problem = None
		row.matched_amount = row.fee_booked = row.fee_tax_booked = 0
		if row.matched_document:
			row.account = None
			_judge_matched(doc, row, facts.get((row.matched_doctype, row.matched_document)))
		elif row.account:
			row.state = ACCEPTED
		else:
			row.state = UNMATCHED
			row.matched_doctype = None
			row.problem = _nothing_found(row)


def _judge_matched(doc: Any, row: Any, facts: Facts | None) -> None:
	if facts is None:
		row.state = UNMATCHED
		row.problem = _("{0} {1} is not booked on account {2}").format(
			_(row.matched_doctype), row.matched_document, doc.clearing_account or "?"
		)
		return
	booked = facts.cleared + facts.fee + facts.fee_tax
	row.matched_amount, row.fee_booked, row.fee_tax_booked = (
		float(x) for x in (booked, facts.fee, facts.fee_tax)
	)
	if _difference(row, facts) == 0:
		row.state = MATCHED
		return
	row.state = UNMATCHED
	row.problem = _("{0} booked {1}, the gateway says {2}").format(
		row.matched_document, written(booked, doc.currency), written(decimal(row.gross), doc.currency)
	)


def _nothing_found(row: Any) -> str:
	if row.kind in ("Payment", "Refund"):
		return _("No payment is booked under {0}").format(row.reference or row.row_id)
	return _("Choose the account that it is booked to")


def _refuse_taken(doc: Any, chosen: Iterable[Voucher]) -> None:
	seen: dict[Voucher, int] = {}
	for row in doc.rows:
		voucher = (row.matched_doctype, row.matched_document)
		if row.matched_document and seen.setdefault(voucher, row.idx) != row.idx:
			frappe.throw(
				_("Rows {0} and {1} have the same document, {2}").format(seen[voucher], row.idx, voucher[1])
			)
		if row.matched_document and row.matched_doctype not in DOCTYPES:
			frappe.throw(_("Row {0}: choose a Payment Entry or a Journal Entry").format(row.idx))
	taken = _taken(doc, [name for _doctype, name in chosen])
	for voucher, number in seen.items():
		if voucher in taken:
			frappe.throw(
				_("Row {0}: {1} is matched in payout {2} already").format(number, voucher[1], taken[voucher])
			)


def candidates(doc: Any, row: Any) -> list[dict[str, Any]]:
	"""Documents that may have booked a row: those of the same direction on the clearing account that no payout has, the
	nearest in amount first, then in time."""
	if not doc.clearing_account:
		return []
	values = {
		"clearing": doc.clearing_account,
		"doctypes": DOCTYPES,
		"day": getdate(row.moved_on or doc.paid_on),
		"days": NEAR_DAYS,
		"gross": row.gross,
		"limit": MOST_CANDIDATES,
	}
	found = frappe.db.sql(NEAR, values, as_dict=True)
	used = {(one.matched_doctype, one.matched_document) for one in doc.rows if one.matched_document}
	kept = [one for one in found if (one.voucher_type, one.voucher_no) not in used]
	facts = read_facts(doc, [(one.voucher_type, one.voucher_no) for one in kept])
	details = _details([one.voucher_no for one in kept])
	return [_candidate(row, one, facts, details.get(one.voucher_no) or {}) for one in kept]


def _details(names: Sequence[str]) -> dict[str, Any]:
	fields = ["name", "party_name", "reference_no", "cb_external_number"]
	rows = frappe.get_all("Payment Entry", {"name": ("in", names)}, fields) if names else []
	return {row.name: row for row in rows}


def _candidate(row: Any, one: Any, facts: dict[Voucher, Facts], details: Any) -> dict[str, Any]:
	of_it = facts[(one.voucher_type, one.voucher_no)]
	return {
		"doctype": one.voucher_type,
		"name": one.voucher_no,
		"posting_date": one.posting_date,
		"amount": float(of_it.cleared + of_it.fee + of_it.fee_tax),
		"fits": _difference(row, of_it) == 0,
		"party": details.get("party_name"),
		"reference": details.get("reference_no"),
		"order_number": details.get("cb_external_number"),
	}
