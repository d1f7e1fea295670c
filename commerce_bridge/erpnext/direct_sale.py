"""DocType Sales Invoice instead of a Sales Order: made from an order's plan, followed while it is a draft, cancelled; and
what a person does to it. See `direct_invoice` for how others tell it from invoices of Sales Orders, and `direct_stock` for
its goods."""

from __future__ import annotations

from typing import Any

import frappe
from erpnext.accounts.party import get_party_account, get_payment_terms_template
from erpnext.controllers.accounts_controller import get_payment_terms
from erpnext.stock.stock_ledger import NegativeStockError
from frappe.utils import getdate, nowtime, strip_html, today

from commerce_bridge.bridge.errors import Misconfigured, Rejected
from commerce_bridge.bridge.plan import Booked, ItemRow, Parties, SalesOrderPlan, SalesOrderState
from commerce_bridge.erpnext import (
	channel_record,
	direct_invoice,
	order_change,
	order_values,
	payment_entry,
	prefetch,
	sales_invoice,
	submission,
)
from commerce_bridge.erpnext.direct_invoice import DOCTYPE, FLAG, SALES_ORDER

DRAFT, SUBMITTED = 0, 1
#: What is promised to Sales Orders as single units: of an item, of its listing, or of a bundle's component.
UNITS = """SELECT item.name FROM `tabItem` item WHERE item.has_serial_no = 1 AND (
	(item.name IN %(items)s AND (item.cb_recommerce = 1 OR EXISTS (SELECT 1 FROM `tabChannel Listing` listing
		WHERE listing.name IN %(listings)s AND listing.item_code = item.name
			AND (COALESCE(listing.serial_no, '') != '' OR COALESCE(listing.grade, '') != ''))))
	OR (item.cb_recommerce = 1 AND item.name IN (SELECT part.item_code FROM `tabProduct Bundle Item` part
		JOIN `tabProduct Bundle` bundle ON bundle.name = part.parent
		WHERE bundle.new_item_code IN %(items)s AND bundle.disabled = 0))) LIMIT 1"""
STANDING = """SELECT DISTINCT 'Delivery Note' AS doctype, parent, docstatus FROM `tabDelivery Note Item`
		WHERE against_sales_invoice = %(name)s AND docstatus < 2
	UNION SELECT 'Sales Invoice', name, docstatus FROM `tabSales Invoice`
		WHERE return_against = %(name)s AND docstatus < 2"""


# --- from the storefront ---------------------------------------------------------------------------------


def create(plan: SalesOrderPlan) -> Booked:
	"""A new Sales Invoice that stands for the order. With an active Workflow it stops as Draft.

	:raises Misconfigured: it sells single units, its series gives a Sales Order's name, or the customer's account is in
		another currency
	:raises Rejected: Update Stock, and the goods are not there
	"""
	return _book(plan, frappe.get_doc(_values(plan)))


def replace(name: str, plan: SalesOrderPlan) -> Booked:
	"""See `Erp.replace_sales_order`. What was paid for it, the new one takes."""
	old = frappe.get_doc(DOCTYPE, name)
	if old.docstatus == DRAFT:
		return _rewrite(old, plan)
	if old.docstatus == SUBMITTED:
		_cancel(old)
	return _book(plan, frappe.get_doc({**_values(plan), "amended_from": name}))


def cancel(name: str) -> None:
	"""See `Erp.cancel_sales_order`."""
	doc = frappe.get_doc(DOCTYPE, name)
	if doc.docstatus == DRAFT:
		doc.flags.commerce_bridge_applied = True
		doc.delete()
	elif doc.docstatus == SUBMITTED:
		_cancel(doc)


def _cancel(doc: Any) -> None:
	payment_entry.release(doc)
	doc.flags.commerce_bridge_applied = True
	doc.cancel()


def _book(plan: SalesOrderPlan, doc: Any) -> Booked:
	_refuse_units(plan)
	doc.flags.commerce_bridge_applied = True
	order_values.let_decide_pricing(doc)
	prefetch.prefetch(plan.currency)
	sales_invoice.refuse_currency(doc)
	try:
		submission.book(doc, plan.submit)
	except NegativeStockError as error:
		raise _short_of_stock(doc, error) from error
	_refuse_name(doc, plan)
	if plan.note:
		doc.add_comment("Comment", frappe.utils.escape_html(plan.note))
	return order_values.booked(plan, doc)


def _rewrite(doc: Any, plan: SalesOrderPlan) -> Booked:
	_refuse_units(plan)
	values = _values(plan)
	for fieldname in ("doctype", "naming_series"):
		values.pop(fieldname)  # it has its number
	order_values.let_decide_pricing(doc)
	doc.flags.commerce_bridge_applied = True
	doc.update(
		{"items": [], "taxes": [], "advances": [], "payment_schedule": [], **values, "status": "Draft"}
	)
	sales_invoice.refuse_currency(doc)
	doc.save()
	return order_values.booked(plan, doc)


def _values(plan: SalesOrderPlan) -> dict[str, Any]:
	"""As of a Sales Order. No till, and no payments but those of this order, whatever the site's defaults are."""
	debit_to = get_party_account("Customer", plan.customer, plan.company)
	return {
		"doctype": DOCTYPE,
		**order_values.header(plan),
		**_dated(plan),
		**_due(plan),
		"debit_to": debit_to,
		"party_account_currency": frappe.get_cached_value("Account", debit_to, "account_currency"),
		"update_stock": int(plan.update_stock),
		"is_pos": 0,
		"is_return": 0,
		"allocate_advances_automatically": 0,
		"redeem_loyalty_points": 0,
		"write_off_outstanding_amount_automatically": 0,
		"status": "Unpaid",
		"cb_made": 1,
		FLAG: 1,
		"items": [_item(row, plan) for row in plan.amounts.items],
		"taxes": order_values.taxes(plan),
		**order_values.safe(plan.values),
	}


def _item(row: ItemRow, plan: SalesOrderPlan) -> dict[str, Any]:
	return {**order_values.item(row, plan), **order_values.safe(row.values)}


def _dated(plan: SalesOrderPlan) -> dict[str, Any]:
	"""The day of the order stays, whenever somebody submits a draft. Goods that leave on an earlier day leave at its end:
	what came in on that day was there."""
	dated = sales_invoice.dated(plan.transaction_date, last=plan.update_stock)
	if plan.submit or getdate(plan.transaction_date) != getdate(today()):
		return dated
	return {**dated, "posting_time": nowtime(), "set_posting_time": 1}


def _due(plan: SalesOrderPlan) -> dict[str, Any]:
	"""On the day of the order, or by the terms of the customer, its group or the company. ERPNext would take the terms for
	the rows of the schedule alone."""
	template = get_payment_terms_template(plan.customer, "Customer", plan.company)
	terms = get_payment_terms(template, plan.transaction_date) if template else []
	due = max((getdate(term.due_date) for term in terms), default=plan.transaction_date)
	return {"payment_terms_template": template, "due_date": due}


def _refuse_units(plan: SalesOrderPlan) -> None:
	rows = plan.amounts.items
	values = {
		"items": tuple({row.item_code for row in rows}),
		"listings": tuple({row.listing for row in rows if row.listing}) or ("",),
	}
	named = [row.item_code for row in rows if row.serial_no]
	found = named or frappe.db.sql(UNITS, values, pluck=True)
	if found:
		raise Misconfigured(
			f"Item {found[0]} is sold by single units, and units are promised to Sales Orders: choose another value than "
			f"“Instead of Sales Order” under Make Sales Invoices of channel {plan.channel}, then retry.",
			doctype="Channel Settings",
			document=plan.channel,
			fieldname="invoice_when",
		)


def _refuse_name(doc: Any, plan: SalesOrderPlan) -> None:
	"""A name says which document stands for an order: one of both kinds would be taken for the Sales Order."""
	if frappe.db.exists(SALES_ORDER, doc.name):
		raise Misconfigured(
			f"There is a Sales Order {doc.name} already, and a Sales Invoice of this name would be taken for it: choose another "
			f"Series of Sales Invoices of channel {plan.channel}, then retry.",
			doctype="Channel Settings",
			document=plan.channel,
			fieldname="invoice_series",
		)


def _short_of_stock(doc: Any, error: NegativeStockError) -> Rejected:
	said = strip_html(str(error)).strip()[:500]
	return Rejected(
		f"The goods of this order leave with its Sales Invoice (Update Stock), dated {doc.posting_date}, and were not in stock "
		f"then: {said} Book what came in with a date that is not later, then retry; or take the tick Update Stock off the "
		"channel, and send the goods with a Delivery Note."
	)


# --- what stands on it -----------------------------------------------------------------------------------


def state_of(name: str) -> SalesOrderState | None:
	"""The direct invoice with what was made from it; its row is locked. None if it was deleted, or is of a Sales Order."""
	if not direct_invoice.stands(name):
		return None
	fields = ("docstatus", "update_stock", *order_values.PARTIES)
	found = frappe.db.get_value(DOCTYPE, name, fields, for_update=True)
	if found is None:
		return None
	docstatus, update_stock, *parties = found
	rows = frappe.db.sql(STANDING, {"name": name})

	def named(doctype: str, status: int) -> tuple[str, ...]:
		return tuple(sorted(parent for kind, parent, found in rows if (kind, found) == (doctype, status)))

	itself = (name,) if docstatus == SUBMITTED else ()
	return SalesOrderState(
		name=name,
		status=order_values.STATUS[docstatus],
		parties=Parties(*(party or None for party in parties)),
		delivered=named("Delivery Note", SUBMITTED) + (itself if update_stock else ()),
		billed=itself,
		drafts=named("Delivery Note", DRAFT) + named(DOCTYPE, DRAFT),
		doctype=DOCTYPE,
	)


# --- events ----------------------------------------------------------------------------------------------


def before_insert(doc: Any, method: str | None = None) -> None:
	"""A copy that a person makes of an order is no order of the storefront; an amendment is, whoever makes it."""
	if not doc.get("cb_channel") or doc.flags.commerce_bridge_applied:
		return
	if doc.amended_from:
		doc.set(FLAG, int(direct_invoice.stands(doc.amended_from)))
	elif not doc.is_return and not _is_mapped(doc):
		order_values.forget_order(doc)
		doc.update({FLAG: 0, "cb_made": 0})


def _is_mapped(doc: Any) -> bool:
	"""Made of an order, or of a delivery."""
	return any(row.get("sales_order") or row.get("delivery_note") for row in doc.items)


def before_submit(doc: Any, method: str | None = None) -> None:
	"""What was paid for the order until now pays it, whoever submits it."""
	if direct_invoice.is_direct(doc):
		sales_invoice.take_payments(doc)


def on_update(doc: Any, method: str | None = None) -> None:
	"""Amended by hand, it is the order now."""
	if direct_invoice.is_direct(doc) and doc.amended_from and not doc.flags.commerce_bridge_applied:
		channel_record.follow(DOCTYPE, doc.amended_from, doc.name)


def on_submit(doc: Any, method: str | None = None) -> None:
	if direct_invoice.is_direct(doc) and doc.amended_from:
		order_change.tell(doc, "amended")


def on_cancel(doc: Any, method: str | None = None) -> None:
	if direct_invoice.is_direct(doc):
		order_change.tell(doc, "cancelled")
