"""DocType Sales Invoice: of an order, or of one delivery of it, with what was paid in advance; and drafts withdrawn."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import frappe
from erpnext.accounts.party import get_party_account, get_party_gle_currency
from erpnext.selling.doctype.sales_order.sales_order import make_sales_invoice
from frappe.utils import cstr, flt, getdate, now_datetime, today

from commerce_bridge.bridge.channel import Channel
from commerce_bridge.bridge.deductions import RECORD_TYPE as REFUND
from commerce_bridge.bridge.deductions import WAITING
from commerce_bridge.bridge.errors import Misconfigured, Rejected
from commerce_bridge.bridge.invoices import credit_note_entry, invoice_entry
from commerce_bridge.bridge.plan import Booked, InvoicePlan
from commerce_bridge.erpnext import (
	channel_settings,
	delivery_note,
	payment_entry,
	sales_taxes_and_charges,
	stock_change,
	submission,
)
from commerce_bridge.erpnext.channel_settings import decimal

DOCTYPE = "Sales Invoice"
DRAFT, SUBMITTED = 0, 1
#: Drafts count as billed: nothing is billed twice.
UNBILLED = """SELECT row.name AS so_detail, row.docstatus, COALESCE(row.cb_line_id, '') != '' AS goods, row.qty - COALESCE((SELECT SUM(billed.qty) FROM `tabSales Invoice Item` billed
		JOIN `tabSales Invoice` invoice ON invoice.name = billed.parent
		WHERE billed.so_detail = row.name AND invoice.docstatus < 2 AND invoice.is_return = 0), 0) AS qty
	FROM `tabSales Order Item` row WHERE row.parent = %s ORDER BY row.idx"""
#: What came back is billed all the same: money follows refunds, and each has its credit note.
DELIVERED = """SELECT row.name AS dn_detail, row.parent AS delivery_note, row.so_detail, row.warehouse, row.cost_center, row.expense_account,
		row.qty - COALESCE((SELECT SUM(billed.qty) FROM `tabSales Invoice Item` billed
			JOIN `tabSales Invoice` invoice ON invoice.name = billed.parent
			WHERE billed.dn_detail = row.name AND invoice.docstatus < 2 AND invoice.is_return = 0), 0) AS qty
	FROM `tabDelivery Note Item` row
	WHERE row.parent = %s AND row.against_sales_order = %s ORDER BY row.idx"""
OF_DELIVERY = ("dn_detail", "delivery_note", "warehouse", "cost_center", "expense_account")
DRAFTS = """SELECT DISTINCT invoice.name FROM `tabSales Invoice` invoice
	JOIN `tabSales Invoice Item` row ON row.parent = invoice.name
	WHERE row.sales_order = %s AND invoice.docstatus = 0 AND invoice.is_return = 0 AND invoice.cb_made = 1 ORDER BY invoice.name"""


def create(channel: Channel, plan: InvoicePlan) -> Booked | None:
	"""See `Erp.create_invoice`."""
	rows = _rows(plan)
	if not rows:
		return None
	chosen = list(dict.fromkeys(row.so_detail for row in rows))
	doc = make_sales_invoice(plan.sales_order, args={"filtered_children": chosen})
	doc.flags.ignore_permissions = False  # which the mapping sets
	doc.flags.commerce_bridge_applied = True
	doc.flags.ignore_permlevel_for_fields = ["ignore_pricing_rule"]
	refuse_currency(doc)
	_set_rows(doc, rows)
	doc.update({**dated(plan.posting_date), "cb_made": 1, "ignore_pricing_rule": 1, "payment_schedule": []})
	if plan.naming_series:
		doc.naming_series = plan.naming_series
	if plan.submit:
		_set_advances(doc)
	else:
		doc.update({"allocate_advances_automatically": 1, "only_include_allocated_payments": 1})
	submission.book(doc, plan.submit)
	return booked(doc)


def dated(posting_date: date, last: bool = False) -> dict[str, Any]:
	"""Date and time of a document. One of today is of this moment; of an earlier day, `last` comes after all others."""
	if getdate(posting_date) == getdate(today()):
		return {"posting_date": posting_date, "due_date": posting_date}
	return {
		"posting_date": posting_date,
		"due_date": posting_date,
		"posting_time": "23:59:59" if last else "00:00:00",
		"set_posting_time": 1,
	}


def booked(doc: Any) -> Booked:
	"""What became of a plan; amounts of a credit note are positive here."""
	taxes = [row.tax_amount_after_discount_amount for row in doc.taxes]
	precision = doc.precision("grand_total")
	return Booked(
		name=doc.name,
		grand_total=abs(decimal(flt(doc.grand_total, precision))),
		total_taxes=abs(decimal(flt(sum(taxes), precision))),
		submitted=doc.docstatus == SUBMITTED,
	)


def _rows(plan: InvoicePlan) -> list[Any]:
	"""What is to be billed: of the order, or of the delivery as far as the order is not billed otherwise."""
	unbilled = frappe.db.sql(UNBILLED, plan.sales_order, as_dict=True)
	if any(row.docstatus != SUBMITTED for row in unbilled):
		raise Rejected(f"Sales Order {plan.sales_order} is not submitted: it cannot be billed.")
	if plan.delivery_note:
		return _of_delivery(plan, unbilled)
	return [row for row in unbilled if flt(row.qty) > 0]


def _of_delivery(plan: InvoicePlan, unbilled: Sequence[Any]) -> list[Any]:
	"""With the last goods go those charges that no delivery has."""
	left = {row.so_detail: decimal(flt(row.qty)) for row in unbilled}
	rows = []
	for row in frappe.db.sql(DELIVERED, (plan.delivery_note, plan.sales_order), as_dict=True):
		quantity = min(decimal(flt(row.qty)), left.get(row.so_detail, Decimal(0)))
		if quantity > 0:
			left[row.so_detail] -= quantity
			rows.append(frappe._dict(row, qty=float(quantity)))
	if rows and all(left[row.so_detail] <= 0 for row in unbilled if row.goods):
		rows += [row for row in unbilled if left[row.so_detail] > 0]
	return rows


def refuse_currency(doc: Any) -> None:
	"""What ERPNext would say of an order in another currency does not tell what to do about it."""
	currency = frappe.get_cached_value("Account", doc.debit_to, "account_currency")
	setting = "allow_multi_currency_invoices_against_single_party_account"
	if currency == doc.currency or frappe.db.get_single_value("Accounts Settings", setting, cache=True):
		return
	if not get_party_gle_currency("Customer", doc.customer, doc.company):
		raise Misconfigured(
			f"The order is in {doc.currency}, but account {doc.debit_to} of customer {doc.customer} is in {currency}. Tick "
			"“Allow multi-currency invoices against single party account” in Accounts Settings, or enter an account in "
			f"{doc.currency} in the table Accounts of the customer or of the channel's Customer Group; then retry.",
			doctype="Accounts Settings",
			document="Accounts Settings",
			fieldname=setting,
		)


def _set_rows(doc: Any, rows: Sequence[Any]) -> None:
	"""ERPNext filled in what it holds for billable, row by row of the order."""
	mapped = {row.so_detail: row.as_dict(no_default_fields=True) for row in doc.items}
	items = []
	for number, wanted in enumerate(rows, 1):
		of_delivery = {field: wanted[field] for field in OF_DELIVERY if wanted.get(field)}
		items.append({**mapped[wanted.so_detail], **of_delivery, "idx": number, "qty": float(wanted.qty)})
	doc.set("items", items)
	sales_taxes_and_charges.prorate(doc)
	doc.run_method("calculate_taxes_and_totals")


def _set_advances(doc: Any) -> None:
	"""What was paid for this order: allocated to it, or not allocated to anything. ERPNext's own choice would take the
	customer's other payments too, or leave out what was paid while the order was a draft."""
	entries = doc.get_advance_entries(include_unallocated=False)
	doc.set("advances", [])
	_allocate(doc, [*entries, *_own_payments(doc, {doc.debit_to})])


def take_payments(doc: Any) -> None:
	"""Before an invoice that stands for its order is submitted: what was paid for the order and is not allocated becomes its
	advances. What a person chose stays."""
	party = get_party_account("Customer", doc.customer, doc.company, include_advance=True)
	chosen = [row for row in doc.advances if flt(row.allocated_amount)]
	doc.set("advances", chosen)
	taken = {row.reference_name for row in chosen}
	own = _own_payments(doc, {doc.debit_to, *party})
	_allocate(doc, [entry for entry in own if entry.reference_name not in taken])
	doc.calculate_taxes_and_totals()
	doc.set_payment_schedule()  # of what is left to be paid


def _own_payments(doc: Any, accounts: Collection[str]) -> list[Any]:
	"""What was paid for the order and is not allocated, of these accounts."""
	own = payment_entry.unallocated(doc.cb_channel, doc.cb_external_id, doc.customer, "Receive")
	return [_unallocated(row) for row in own if row.paid_from in accounts]


def _allocate(doc: Any, entries: Sequence[Any]) -> None:
	"""Oldest first, as far as the invoice goes beyond the advances that it has."""
	in_company_currency = doc.party_account_currency == doc.company_currency
	rest = flt(doc.base_grand_total if in_company_currency else doc.grand_total)
	rest = flt(rest - sum(flt(row.allocated_amount) for row in doc.advances), doc.precision("grand_total"))
	for entry in sorted(entries, key=lambda row: (getdate(row.posting_date), row.reference_name)):
		part = min(rest, flt(entry.amount))
		if part > 0:
			doc.append("advances", _advance(doc, entry, part))
			rest = flt(rest - part, doc.precision("grand_total"))
	doc.status = "Paid" if not rest else "Partly Paid" if doc.advances else "Unpaid"


def _unallocated(row: Any) -> Any:
	return frappe._dict(
		reference_type="Payment Entry",
		reference_name=row.name,
		amount=row.amount,
		exchange_rate=row.rate,
		posting_date=row.posting_date,
		remarks=row.remarks,
		paid_from=row.paid_from,
	)


def _advance(doc: Any, entry: Any, part: float) -> Mapping[str, Any]:
	return {
		"reference_type": entry.reference_type,
		"reference_name": entry.reference_name,
		"reference_row": entry.get("reference_row"),
		"docstatus": doc.docstatus,
		"remarks": entry.get("remarks"),
		"advance_amount": flt(entry.amount),
		"allocated_amount": part,
		"ref_exchange_rate": flt(entry.get("exchange_rate")),
		"difference_posting_date": doc.posting_date,
		"account": entry.get("paid_from"),
	}


def delete_drafts(sales_order: str) -> list[str]:
	"""See `Erp.delete_draft_invoices`."""
	names = frappe.db.sql(DRAFTS, sales_order, pluck=True)
	for name in names:
		frappe.delete_doc(DOCTYPE, name)
	return names


# --- events ----------------------------------------------------------------------------------------------


def after_mapping(doc: Any, method: str | None, source_doc: Any) -> None:
	"""A return has no advances: ERPNext maps the rows of those its invoice had, and refuses them for being empty."""
	if doc.get("cb_channel") and doc.is_return:
		doc.set("advances", [])


def on_submit(doc: Any, method: str | None = None) -> None:
	"""A person billed an order: what waited for that is looked at."""
	if doc.is_return:
		_find_waiting(doc)
	if doc.is_return or doc.flags.commerce_bridge_applied:
		return
	for channel, order_id in delivery_note.orders_in(doc):
		for settings in channel_settings.usable([channel]):
			if entry := invoice_entry(settings, order_id, doc.name):
				stock_change.queue_document(entry)


def on_trash(doc: Any, method: str | None = None) -> None:
	"""A draft credit note is gone: refunds that waited for it are booked by themselves."""
	if doc.is_return and doc.docstatus == DRAFT:
		_find_waiting(doc, cstr(now_datetime()))


def _find_waiting(doc: Any, gone: str = "") -> None:
	"""Refunds wait for the credit note that a person drafted. Nothing is recorded where none does."""
	for channel, order_id in () if doc.get("cb_made") else delivery_note.orders_in(doc):
		waiting = {"order_id": order_id, "channel": channel, "record_type": REFUND, "fingerprint": WAITING}
		for settings in (
			channel_settings.usable([channel]) if frappe.db.exists("Channel Record", waiting) else ()
		):
			if entry := credit_note_entry(settings, order_id, doc.name, gone):
				stock_change.queue_document(entry)
