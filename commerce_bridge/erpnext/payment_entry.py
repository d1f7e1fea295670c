"""DocType Payment Entry: what a buyer paid for an order, and what went back.

A receipt is allocated to the order's open invoices, oldest first, then to the order itself; a refund to the order's
open credit notes. What is left stays on the customer's account until an invoice, or a credit note, of the order takes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import erpnext
import frappe
from erpnext.accounts.general_ledger import process_debit_credit_difference
from erpnext.accounts.party import get_party_account
from erpnext.accounts.utils import (
	_delete_adv_pl_entries,
	_delete_pl_entries,
	create_payment_ledger_entry,
	unlink_ref_doc_from_payment_entries,
	update_voucher_outstanding,
)
from frappe.model.meta import get_field_precision
from frappe.utils import flt, getdate

from commerce_bridge.bridge.channel import Channel
from commerce_bridge.bridge.errors import Misconfigured, Rejected
from commerce_bridge.bridge.plan import PaymentPlan
from commerce_bridge.erpnext import currency_exchange, sql, submission
from commerce_bridge.erpnext.channel_settings import decimal
from commerce_bridge.erpnext.customer import clean

DOCTYPE = "Payment Entry"
DRAFT, SUBMITTED = 0, 1
LONGEST = 140
CENT = 0.01
#: ERPNext holds a term with so little left for paid.
NOT_A_TERM = 0.1
ORDER = """SELECT name, docstatus, status, cb_external_id, cb_external_number, advance_paid, grand_total,
		base_grand_total, payment_terms_template FROM `tabSales Order` WHERE name = %s"""
BILLED = """SELECT name, is_return, debit_to, outstanding_amount, grand_total, base_grand_total, payment_terms_template
	FROM `tabSales Invoice` WHERE docstatus = 1
		AND name IN (SELECT parent FROM `tabSales Invoice Item` WHERE sales_order = %s)
	ORDER BY posting_date, creation, name"""
#: Of an invoice that stands for its order: itself and what credits it.
DIRECT_ORDER = """SELECT name, docstatus, cb_external_id, cb_external_number FROM `tabSales Invoice`
	WHERE name = %s AND cb_instead_of_order = 1"""
DIRECT_BILLED = """SELECT name, is_return, debit_to, outstanding_amount, grand_total, base_grand_total, payment_terms_template
	FROM `tabSales Invoice` WHERE docstatus = 1 AND (name = %(order)s OR return_against = %(order)s)
	ORDER BY posting_date, creation, name"""
#: What is open of the terms of these documents, first what is due first.
TERMS = """SELECT parent, payment_term, outstanding FROM `tabPayment Schedule`
	WHERE parent IN %s AND COALESCE(payment_term, '') != '' ORDER BY due_date, idx"""
UNALLOCATED = """SELECT name, unallocated_amount AS amount, source_exchange_rate AS rate, posting_date, remarks,
		paid_from, paid_to FROM `tabPayment Entry`
	WHERE cb_external_id = %(id)s AND cb_channel = %(channel)s AND BINARY cb_external_id = %(id)s AND party = %(customer)s
		AND docstatus = 1 AND payment_type = %(type)s AND unallocated_amount > 0
	ORDER BY posting_date, creation, name"""

ADVANCES = """SELECT payment.name, row.name FROM `tabPayment Entry Reference` row
	JOIN `tabPayment Entry` payment ON payment.name = row.parent
	WHERE row.reference_doctype = 'Sales Order' AND row.reference_name = %s AND payment.docstatus = 1
	ORDER BY payment.posting_date DESC, payment.creation DESC, payment.name DESC"""


@dataclass(frozen=True, slots=True)
class Side:
	"""One account of a payment: its currency, and company currency for one unit of it."""

	account: str
	currency: str
	rate: float


# --- made ------------------------------------------------------------------------------------------------


def create(channel: Channel, plan: PaymentPlan) -> str:
	"""See `Erp.create_payment`."""
	if plan.amount <= 0:
		raise Rejected(f"A payment of {plan.amount:f} {plan.currency} cannot be booked.")
	order, billed = _order(plan.sales_order)
	party, money = _party(plan, billed), _money(channel, plan)
	gross = _rounded(
		float(plan.amount) * (float(plan.conversion_rate) if party.currency != plan.currency else 1)
	)
	references = _by_term(plan, party, [order, *billed], _references(plan, order, billed, party, gross))
	doc = frappe.get_doc(_values(plan, order, party, money))
	doc.update(_amounts(plan, party, money, gross, [row["allocated_amount"] for row in references]))
	doc.set("references", references)
	if frappe.get_cached_value("Company", plan.company, "book_advance_payments_in_separate_party_account"):
		doc.status = "Draft"
		doc.insert()  # ERPNext finds the account of advances for drafts alone
		doc.submit()
	else:
		submission.book(doc, submit=True)
	return doc.name


def _order(name: str) -> tuple[Any, Sequence[Any]]:
	"""The document that stands for the order, and the submitted invoices and credit notes of it."""
	if found := frappe.db.sql(ORDER, name, as_dict=True):
		return found[0], frappe.db.sql(BILLED, name, as_dict=True)
	[order] = frappe.db.sql(DIRECT_ORDER, name, as_dict=True)
	return frappe._dict(order, is_direct=True), frappe.db.sql(DIRECT_BILLED, {"order": name}, as_dict=True)


def _values(plan: PaymentPlan, order: Any, party: Side, money: Side) -> dict[str, Any]:
	source, target = (party, money) if plan.payment_type == "Receive" else (money, party)
	return {
		"doctype": DOCTYPE,
		"payment_type": plan.payment_type,
		"company": plan.company,
		"posting_date": plan.posting_date,
		"mode_of_payment": plan.mode_of_payment,
		"party_type": "Customer",
		"party": plan.customer,
		"paid_from": source.account,
		"paid_from_account_currency": source.currency,
		"source_exchange_rate": source.rate,
		"paid_to": target.account,
		"paid_to_account_currency": target.currency,
		"target_exchange_rate": target.rate,
		"reference_no": clean(plan.reference)[:LONGEST],
		"reference_date": plan.posting_date,
		"cost_center": plan.cost_center,
		"is_opening": "No",
		"status": "Submitted",
		"cb_channel": plan.channel,
		"cb_external_id": order.cb_external_id,
		"cb_external_number": order.cb_external_number,
		"cb_gateway": clean(plan.gateway)[:LONGEST],
		"cb_amount": float(plan.amount),
		"cb_currency": plan.currency,
	}


def _party(plan: PaymentPlan, billed: Sequence[Any]) -> Side:
	"""The receivable account: that of the order's invoices, else the customer's. In the company's currency, or the
	order's."""
	invoices = [row.debit_to for row in billed]
	account = invoices[0] if invoices else get_party_account("Customer", plan.customer, plan.company)
	currency = frappe.get_cached_value("Account", account, "account_currency")
	if currency == _company_currency(plan):
		return Side(account, currency, 1)
	if currency == plan.currency:
		return Side(account, currency, float(plan.conversion_rate))
	raise Misconfigured(
		f"Account {account} of customer {plan.customer} is in {currency}, but the order is in {plan.currency}: "
		"enter an account in that currency, or in the company's, in the customer's table Accounts.",
		doctype="Customer",
		document=plan.customer,
		fieldname="accounts",
	)


def _money(channel: Channel, plan: PaymentPlan) -> Side:
	"""The clearing account. In the order's currency, the company's, or in what the gateway took."""
	currency = frappe.get_cached_value("Account", plan.account, "account_currency")
	if currency == _company_currency(plan):
		return Side(plan.account, currency, 1)
	if currency == plan.currency:
		return Side(plan.account, currency, float(plan.conversion_rate))
	if plan.charged and currency == plan.charged[1]:
		rate = currency_exchange.exchange_rate(channel, currency, plan.posting_date)
		return Side(plan.account, currency, float(rate))
	row = next(
		(number for number, row in enumerate(channel.payments, 1) if row.account == plan.account), None
	)
	raise Misconfigured(
		f"Row {row or '?'} of Payment Methods of channel {channel.name}: account {plan.account} is in {currency or '?'}, "
		f"but what was paid by {plan.gateway or plan.mode_of_payment} is in {plan.currency}. Enter an account in "
		f"{plan.currency} or in the company's currency, {_company_currency(plan)}.",
		doctype="Channel Settings",
		document=channel.name,
		fieldname="payment_map",
	)


def _company_currency(plan: PaymentPlan) -> str:
	return frappe.get_cached_value("Company", plan.company, "default_currency")


def _amounts(
	plan: PaymentPlan, party: Side, money: Side, gross: float, allocated: Sequence[float]
) -> dict[str, Any]:
	"""Amounts of both sides, and what lies between them in company currency: fees, and what exchange rates make."""
	receive = plan.payment_type == "Receive"
	moved = _moved(plan, money)
	fees = _fees(plan)
	# ERPNext wants both sides to be worth the same; what the party owes beyond that is in the deductions.
	same = moved if party.currency == money.currency else _rounded(moved * money.rate / party.rate)
	owed = _base(gross - sum(allocated), party) + sum(_base(amount, party) for amount in allocated)
	kept = owed - _base(same, party) if receive else _base(same, party) - owed
	rest = _rounded(kept - sum(amount for _account, amount in fees))
	if rest:
		fees.append((_exchange_account(plan), rest))
	cost_center = plan.cost_center or erpnext.get_default_cost_center(plan.company)
	return {
		"paid_amount": same if receive else moved,
		"received_amount": moved if receive else same,
		"deductions": [
			{"account": account, "amount": amount, "cost_center": cost_center}
			for account, amount in fees
			if amount
		],
	}


def _moved(plan: PaymentPlan, money: Side) -> float:
	"""What reaches the clearing account, or leaves it, in that account's currency."""
	fee = plan.fee + plan.fee_tax if plan.fee_account else Decimal(0)
	net = plan.amount - fee if plan.payment_type == "Receive" else plan.amount + fee
	if plan.charged and money.currency == plan.charged[1] and money.currency != plan.currency:
		return _rounded(float(net * plan.charged[0] / plan.amount))
	return _rounded(float(net) * (1 if money.currency == plan.currency else float(plan.conversion_rate)))


def _fees(plan: PaymentPlan) -> list[tuple[str, float]]:
	"""In company currency, as ERPNext keeps deductions. Without an account of its own the tax is a part of the fee."""
	if not plan.fee_account:
		return []
	rate = float(plan.conversion_rate)
	rows = [(plan.fee_account, plan.fee), (plan.fee_tax_account or plan.fee_account, plan.fee_tax)]
	return [(account, _rounded(float(amount) * rate)) for account, amount in rows if amount]


def _exchange_account(plan: PaymentPlan) -> str:
	account = frappe.get_cached_value("Company", plan.company, "exchange_gain_loss_account")
	if not account:
		raise Misconfigured(
			f"Company {plan.company} has no Exchange Gain / Loss Account, which a payment in another currency needs.",
			doctype="Company",
			document=plan.company,
			fieldname="exchange_gain_loss_account",
		)
	return account


def _base(amount: float, side: Side) -> float:
	return _rounded(amount * side.rate)


def _rounded(amount: float) -> float:
	"""As ERPNext rounds amounts on this site."""
	return flt(amount, get_field_precision(frappe.get_meta(DOCTYPE).get_field("base_paid_amount")))


# --- allocated -------------------------------------------------------------------------------------------


def _references(
	plan: PaymentPlan, order: Any, billed: Sequence[Any], party: Side, gross: float
) -> list[dict[str, Any]]:
	"""What the payment is for, as far as it goes; ERPNext fills in the rest of the rows."""
	if plan.payment_type == "Pay":
		notes = [row for row in billed if row.is_return and row.outstanding_amount < 0]
		wanted = [("Sales Invoice", row.name, -row.outstanding_amount) for row in notes]
		return [{**row, "allocated_amount": -row["allocated_amount"]} for row in _spread(wanted, gross)]
	invoices = [row for row in billed if row.outstanding_amount > 0 and row.debit_to == party.account]
	wanted = [("Sales Invoice", row.name, row.outstanding_amount) for row in invoices]
	if not order.is_direct and order.docstatus == SUBMITTED and order.status != "Closed":
		wanted.append(("Sales Order", order.name, _open_of_order(plan, order, billed, party)))
	return _spread(wanted, gross)


def _open_of_order(plan: PaymentPlan, order: Any, billed: Iterable[Any], party: Side) -> float:
	"""What is neither billed nor paid in advance of it."""
	total = "base_grand_total" if party.currency == _company_currency(plan) else "grand_total"
	unbilled = order[total] - sum(row[total] for row in billed if not row.is_return)
	return min(_rounded(unbilled), _rounded(order[total] - (order.advance_paid or 0)))


def _spread(wanted: Iterable[tuple[str, str, float]], amount: float) -> list[dict[str, Any]]:
	rows = []
	for doctype, name, still_open in wanted:
		part = _rounded(min(still_open, amount))
		if part > 0:
			rows.append({"reference_doctype": doctype, "reference_name": name, "allocated_amount": part})
			amount = _rounded(amount - part)
	return rows


def _by_term(
	plan: PaymentPlan, party: Side, documents: Iterable[Any], rows: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
	"""Rows of documents whose template allocates by term, as a row for each of their terms: ERPNext takes no other. What no
	term has room for stays unallocated."""
	by_term = {each.name for each in documents if _allocates_by_term(each.payment_terms_template)}
	names = tuple(row["reference_name"] for row in rows if row["reference_name"] in by_term)
	terms = frappe.db.sql(TERMS, (names,), as_dict=True) if names else []
	rate = 1 if party.currency == plan.currency else float(plan.conversion_rate)
	found: list[dict[str, Any]] = []
	for row in rows:
		if row["reference_name"] not in by_term or row["allocated_amount"] < 0:
			found.append(row)
			continue
		left = row["allocated_amount"]
		for term in terms:
			if term.parent != row["reference_name"] or term.outstanding <= NOT_A_TERM:
				continue
			part = min(left, _rounded_down(term.outstanding * rate))
			if part > 0:
				found.append({**row, "payment_term": term.payment_term, "allocated_amount": part})
				left = _rounded(left - part)
	return found


def _allocates_by_term(template: str | None) -> bool:
	return bool(
		template
		and frappe.get_cached_value(
			"Payment Terms Template", template, "allocate_payment_based_on_payment_terms"
		)
	)


def _rounded_down(amount: float) -> float:
	"""No more than this: ERPNext compares with what it does not round."""
	rounded = _rounded(amount)
	return rounded if rounded <= amount else _rounded(rounded - CENT)


def unallocated(channel: str, external_id: str, customer: str, payment_type: str) -> list[Any]:
	"""Payments of an order that nothing has taken yet, oldest first: an order was a draft, or cancelled, or closed."""
	values = {"id": external_id, "channel": channel, "customer": customer, "type": payment_type}
	return frappe.db.sql(UNALLOCATED, values, as_dict=True) if external_id else []


def pay_out(credit_note: Any) -> None:
	"""Money that went back before its credit note was made is allocated to it. ERPNext's reconciliation knows no
	refunds: this is what it does, the amount being negative."""
	owed = _rounded(-frappe.db.get_value("Sales Invoice", credit_note.name, "outstanding_amount"))
	for row in unallocated(credit_note.cb_channel, credit_note.cb_external_id, credit_note.customer, "Pay"):
		part = _rounded(min(owed, row.amount))
		if part > 0 and row.paid_to == credit_note.debit_to:
			_allocate(row.name, credit_note, part)
			owed = _rounded(owed - part)


def _allocate(name: str, credit_note: Any, amount: float) -> None:
	doc = frappe.get_doc(DOCTYPE, name)
	reference = ("Sales Invoice", credit_note.name)
	row = doc.append("references", dict(zip(("reference_doctype", "reference_name"), reference, strict=True)))
	row.update(
		{"allocated_amount": -amount, "docstatus": SUBMITTED, "exchange_rate": doc.get_exchange_rate()}
	)
	doc.set_missing_ref_details(update_ref_details_only_for=[reference])
	_save_allocated(doc)
	update_voucher_outstanding(*reference, credit_note.debit_to, "Customer", credit_note.customer)


def _save_allocated(doc: Any) -> None:
	"""As ERPNext's reconciliation does: the General Ledger stays, what is paid by what is written anew."""
	doc.flags.ignore_validate_update_after_submit = True
	doc.flags.ignore_reposting_on_reconciliation = True
	doc.set_amounts()
	doc.clear_unallocated_reference_document_rows()
	doc.save()
	_delete_pl_entries(DOCTYPE, doc.name)
	_delete_adv_pl_entries(DOCTYPE, doc.name)
	ledger = doc.build_gl_map()
	process_debit_credit_difference(ledger)
	create_payment_ledger_entry(ledger, update_outstanding="No", cancel=0, adv_adj=1)


# --- moved to another order, cancelled -------------------------------------------------------------------


def set_aside(sales_order: str) -> list[str]:
	"""Payments of a Sales Order that is about to be replaced let go of it, or ERPNext would, for good.

	:return: what `move` needs to allocate them to the new one
	"""
	rows = frappe.db.sql(
		"""SELECT name FROM `tabPayment Entry Reference`
		WHERE reference_doctype = 'Sales Order' AND reference_name = %s AND docstatus = 1""",
		sales_order,
		pluck=True,
	)
	if rows:
		_refer(rows, "")
	return rows


def move(rows: Sequence[str], old: str, new: str) -> None:
	"""What was paid for the Sales Order `old` is paid for `new`, as if it had been renamed."""
	if not rows:
		return
	_refer(rows, new)
	sql.execute(
		"""UPDATE `tabAdvance Payment Ledger Entry` SET against_voucher_no = %s, delinked = 0
		WHERE against_voucher_type = 'Sales Order' AND against_voucher_no = %s""",
		(new, old),
	)
	order = frappe.get_doc("Sales Order", new)
	order.set_total_advance_paid()
	_let_go(order)
	_pay_terms(order)


def _pay_terms(order: Any) -> None:
	"""What was paid for the order before it was made anew is paid of the terms that are due first."""
	if not _allocates_by_term(order.payment_terms_template):
		return
	rate = order.conversion_rate if order.party_account_currency != order.currency else 1
	left = flt((order.advance_paid or 0) / rate, order.precision("grand_total"))
	for term in sorted(order.payment_schedule, key=lambda row: (getdate(row.due_date), row.idx)):
		paid = min(left, term.payment_amount)
		still_open = flt(term.payment_amount - paid, term.precision("outstanding"))
		term.db_set({"paid_amount": paid, "outstanding": still_open}, update_modified=False)
		left = flt(left - paid, term.precision("outstanding"))


def _let_go(order: Any) -> None:
	"""An order that became smaller takes no more than it comes to; the payment that came last loses first."""
	total = order.grand_total if order.party_account_currency == order.currency else order.base_grand_total
	too_much = _rounded((order.advance_paid or 0) - total)
	for name, row_name in frappe.db.sql(ADVANCES, order.name) if too_much > 0 else ():
		doc = frappe.get_doc(DOCTYPE, name)
		row = next(row for row in doc.references if row.name == row_name)
		less = min(too_much, row.allocated_amount)
		row.allocated_amount = _rounded(row.allocated_amount - less)
		_save_allocated(doc)
		too_much = _rounded(too_much - less)
		if too_much <= 0:
			break
	order.set_total_advance_paid()


def _refer(rows: Sequence[str], sales_order: str) -> None:
	sql.execute(
		"UPDATE `tabPayment Entry Reference` SET reference_name = %s WHERE name IN %s",
		(sales_order, tuple(rows)),
	)


def release(order: Any) -> None:
	"""What was paid for a Sales Order, or for the invoice instead of one, that is about to be cancelled stays on the
	customer's account. ERPNext does so itself, unless Accounts Settings forbid it: then nobody could cancel it."""
	setting = "unlink_advance_payment_on_cancelation_of_order"
	if order.doctype == "Sales Invoice":
		setting = "unlink_payment_on_cancellation_of_invoice"
	if not frappe.db.get_single_value("Accounts Settings", setting, cache=True):
		unlink_ref_doc_from_payment_entries(order)


def cancel(name: str) -> None:
	"""See `Erp.cancel_payment`."""
	if not frappe.db.exists(DOCTYPE, name):
		return
	doc = frappe.get_doc(DOCTYPE, name)
	if doc.docstatus == DRAFT:
		doc.delete()
	elif doc.docstatus == SUBMITTED:
		_refuse_cleared(doc)
		doc.cancel()


def stands(name: str) -> bool:
	"""See `Erp.payment_stands`."""
	return frappe.db.get_value(DOCTYPE, name, "docstatus") in (DRAFT, SUBMITTED)


def _refuse_cleared(doc: Any) -> None:
	paid_out = {"matched_doctype": DOCTYPE, "matched_document": doc.name, "docstatus": SUBMITTED}
	if payout := frappe.db.get_value("Payout Row", paid_out, "parent"):
		raise Rejected(
			f"The shop takes back the payment that is booked as Payment Entry {doc.name}, but Payout {payout} says that it was "
			"paid out. Settle it with the gateway, or cancel that payout first; then retry, or skip this entry."
		)
	key = {"payment_document": DOCTYPE, "payment_entry": doc.name, "docstatus": SUBMITTED}
	if not doc.clearance_date and not frappe.db.exists("Bank Transaction Payments", key):
		return
	raise Rejected(
		f"The shop takes back the payment of {decimal(doc.cb_amount):f} {doc.cb_currency} that is booked as Payment Entry "
		f"{doc.name}, but by the bank statement it was made. Settle it with the gateway, then skip this entry."
	)
