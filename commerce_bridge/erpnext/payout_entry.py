"""The Journal Entry of a Payout: what reached the bank, fees not booked yet, and what leaves the clearing account.

	Dr  bank                what was paid out
	Dr  fees, tax on fees   what no Payment Entry had deducted
	Dr  accounts of rows    that no document stands behind: disputes, adjustments
	Cr  clearing            what the matched documents had booked there

Its reference is the bank's name of the payout, by which ERPNext's Bank Reconciliation Tool finds it.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import erpnext
import frappe
from frappe import _

from commerce_bridge.bridge.errors import BridgeError
from commerce_bridge.bridge.money import decimals_of, quantise
from commerce_bridge.erpnext import channel_settings, currency_exchange, payout_matching
from commerce_bridge.erpnext.channel_settings import decimal

CANCELLED, SUBMITTED = 2, 1
#: Digits of an exchange rate with which the amount in company currency comes back to the cent.
RATE_DIGITS = Decimal("1e-12")


# --- what can be booked ----------------------------------------------------------------------------------


def account_problems(doc: Any) -> list[str]:
	"""What is wrong with the accounts of a payout, in words."""
	found = []
	if not doc.clearing_account:
		found.append(
			_("Clearing Account is empty: add {0} to Payment Methods of channel {1}").format(
				doc.gateway, doc.channel
			)
		)
	if doc.net and not doc.bank_account:
		found.append(_("Bank Account is empty"))
	if not doc.fee_account and any(_fees(doc)):
		found.append(_("Fee Account is empty, and there are fees to book"))
	found += _currency_problems(doc)
	found += [problem for account in _accounts(doc) if (problem := _unusable(doc, account))]
	return found


def _fees(doc: Any) -> tuple[Decimal, Decimal]:
	"""Fees and their tax that no document has booked."""
	fee = sum((decimal(row.fee) - decimal(row.fee_booked) for row in doc.rows), Decimal(0))
	tax = sum((decimal(row.fee_tax) - decimal(row.fee_tax_booked) for row in doc.rows), Decimal(0))
	return fee, tax


def _currency_problems(doc: Any) -> list[str]:
	found = []
	for label, account in (
		(_("Clearing Account"), doc.clearing_account),
		(_("Bank Account"), doc.bank_account),
	):
		currency = account and _currency(account)
		if currency and currency != doc.currency:
			found.append(
				_("{0} {1} is in {2}, the payout in {3}: choose an account in {3}").format(
					label, account, currency, doc.currency
				)
			)
	for row in doc.rows:
		if row.account and _currency(row.account) not in (doc.currency, _company_currency(doc)):
			found.append(
				_("Row {0}: account {1} is in {2}").format(row.idx, row.account, _currency(row.account))
			)
	return found


def _accounts(doc: Any) -> list[str]:
	named = (doc.bank_account, doc.clearing_account, doc.fee_account, doc.fee_tax_account)
	return list(dict.fromkeys(account for account in (*named, *(row.account for row in doc.rows)) if account))


def _unusable(doc: Any, account: str) -> str | None:
	fields = ["company", "is_group", "disabled", "account_type"]
	values = frappe.get_cached_value("Account", account, fields, as_dict=True)
	if not values or values.company != doc.company:
		return _("Account {0} is not of company {1}").format(account, doc.company)
	if values.is_group or values.disabled:
		return _("Account {0} is a group, or disabled").format(account)
	if values.account_type in ("Receivable", "Payable", "Stock"):
		return _("Account {0} is of type {1}, which needs more than an amount").format(
			account, _(values.account_type)
		)
	return None


def _currency(account: str) -> str:
	return frappe.get_cached_value("Account", account, "account_currency")


def _company_currency(doc: Any) -> str:
	return frappe.get_cached_value("Company", doc.company, "default_currency")


# --- booked ----------------------------------------------------------------------------------------------


def book(doc: Any) -> None:
	"""Makes and submits the Journal Entry, with the rights of whoever submits the payout. Where nothing moves on any
	account there is none."""
	accounts = _balanced(doc, [row for row in _rows(doc) if row["amount"]])
	if not accounts:
		return
	entry = frappe.new_doc("Journal Entry")
	entry.update(
		{
			"voucher_type": "Bank Entry" if doc.net else "Journal Entry",
			"company": doc.company,
			"posting_date": doc.paid_on,
			"cheque_no": (doc.bank_reference or doc.payout_id)[:140],
			"cheque_date": doc.paid_on,
			"multi_currency": int(doc.currency != _company_currency(doc)),
			"user_remark": _("Payout {0} of {1}").format(doc.payout_id, doc.gateway),
			"accounts": [_account_row(doc, row) for row in accounts],
		}
	)
	entry.insert()
	entry.submit()
	doc.db_set("journal_entry", entry.name)


def cancel(doc: Any) -> None:
	"""Takes the Journal Entry back. One that is cancelled already stays as it is."""
	if (
		doc.journal_entry
		and frappe.db.get_value("Journal Entry", doc.journal_entry, "docstatus") == SUBMITTED
	):
		frappe.get_doc("Journal Entry", doc.journal_entry).cancel()


def _rows(doc: Any) -> list[dict[str, Any]]:
	"""Debits (above zero) and credits, in the payout's currency; `rate` is company currency for one unit of it."""
	rate = _rate(doc)
	fee, tax = _fees(doc)
	taxed = doc.fee_tax_account or doc.fee_account
	cleared, base = _cleared(doc)
	accepted: dict[str, Decimal] = {}
	for row in doc.rows:
		if row.state == payout_matching.ACCEPTED:
			accepted[row.account] = accepted.get(row.account, Decimal(0)) - decimal(row.gross)
	fees: dict[str, Decimal] = {}
	for account, amount in ((doc.fee_account, fee), (taxed, tax)):
		fees[account] = fees.get(account, Decimal(0)) + amount
	historical = (base / cleared).quantize(RATE_DIGITS) if cleared else rate
	return [
		{"account": doc.bank_account, "amount": decimal(doc.net), "rate": rate},
		*({"account": account, "amount": amount, "rate": rate} for account, amount in fees.items()),
		*({"account": account, "amount": amount, "rate": rate} for account, amount in accepted.items()),
		{"account": doc.clearing_account, "amount": -cleared, "rate": historical},
	]


def _cleared(doc: Any) -> tuple[Decimal, Decimal]:
	"""What the matched documents brought into the clearing account, in its currency and in the company's."""
	chosen = [(row.matched_doctype, row.matched_document) for row in doc.rows if row.matched_document]
	facts = payout_matching.read_facts(doc, chosen).values()
	return sum((one.cleared for one in facts), Decimal(0)), sum(
		(one.cleared_base for one in facts), Decimal(0)
	)


def _rate(doc: Any) -> Decimal:
	try:
		channel = channel_settings.load(doc.channel).channel
		return currency_exchange.exchange_rate(channel, doc.currency, doc.paid_on)
	except BridgeError as error:
		frappe.throw(frappe.utils.escape_html(str(error)))


def _balanced(doc: Any, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
	"""With what exchange rates make in company currency, on the company's account for it."""
	rest = -sum((_base(doc, row) for row in rows), Decimal(0))
	if not rest:
		return rows
	account = frappe.get_cached_value("Company", doc.company, "exchange_gain_loss_account")
	if not account:
		frappe.throw(_("Company {0} has no Exchange Gain / Loss Account").format(doc.company))
	return [*rows, {"account": account, "amount": rest, "rate": Decimal(1), "base": True}]


def _base(doc: Any, row: dict[str, Any]) -> Decimal:
	return quantise(row["amount"] * row["rate"], decimals_of(_company_currency(doc)))


def _account_row(doc: Any, row: dict[str, Any]) -> dict[str, Any]:
	"""In the currency of the account: the payout's, or the company's."""
	own = _currency(row["account"]) == doc.currency and not row.get("base")
	amount = row["amount"] if own else _base(doc, row)
	side = "debit_in_account_currency" if amount > 0 else "credit_in_account_currency"
	return {
		"account": row["account"],
		side: float(abs(amount)),
		"exchange_rate": float(row["rate"]) if own else 1,
		"cost_center": _cost_center(doc),
	}


def _cost_center(doc: Any) -> str | None:
	channel = channel_settings.load(doc.channel).channel
	return channel.cost_center or erpnext.get_default_cost_center(doc.company)
