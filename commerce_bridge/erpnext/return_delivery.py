"""Goods of an order that come back: returns of its Delivery Notes, and Stock Entries of what left with an invoice."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import frappe
from erpnext.controllers.sales_and_purchase_return import make_return_doc
from frappe.utils import flt, getdate

from commerce_bridge.bridge.channel import Channel
from commerce_bridge.bridge.errors import Rejected
from commerce_bridge.bridge.plan import ReturnPlan
from commerce_bridge.erpnext import direct_invoice, invoice_return, sales_invoice
from commerce_bridge.erpnext.channel_settings import decimal

DOCTYPE, SALES_INVOICE = "Delivery Note", "Sales Invoice"
#: Rows of the order's deliveries and how much of each is still away; drafts of returns count as come back.
AWAY = """SELECT row.name, row.parent, 'Delivery Note' AS doctype, row.cb_line_id AS line, row.item_code, row.qty,
		note.posting_date, row.qty + COALESCE((SELECT SUM(back.qty) FROM `tabDelivery Note Item` back
			JOIN `tabDelivery Note` returned ON returned.name = back.parent
			WHERE back.dn_detail = row.name AND returned.is_return = 1 AND returned.docstatus < 2), 0) AS away
	FROM `tabDelivery Note Item` row JOIN `tabDelivery Note` note ON note.name = row.parent
	WHERE row.{field} = %s AND note.docstatus = 1 AND note.is_return = 0
		AND COALESCE(row.cb_line_id, '') != ''
	ORDER BY note.posting_date, note.posting_time, note.creation, row.idx"""


def away(order: str) -> list[Any]:
	"""Rows of an order's Delivery Notes, and then of its invoices that moved goods, each with how much is `away`."""
	direct = direct_invoice.doctype_of(order) == SALES_INVOICE
	field = "against_sales_invoice" if direct else "against_sales_order"
	notes = frappe.db.sql(AWAY.format(field=field), order, as_dict=True)
	return [*notes, *invoice_return.away(order, direct)]


def create(channel: Channel, plan: ReturnPlan) -> list[str]:
	"""See `Erp.create_returns`. The oldest delivery is returned first. Which of several serial numbers came back nobody
	said: such a return stays a draft."""
	rows = away(plan.sales_order)
	quantities = _spread(plan, rows)
	documents = dict.fromkeys((row.doctype, row.parent) for row in rows if row.name in quantities)
	made = [
		_return(plan, name, quantities, rows)
		if doctype == DOCTYPE
		else _receive(plan, name, quantities, rows)
		for doctype, name in documents
	]
	return [name for name in made if name]


def _spread(plan: ReturnPlan, rows: list[Any]) -> dict[str, Decimal]:
	"""How much of each row of the deliveries comes back."""
	left = {line: quantity for line, quantity in plan.quantities.items() if quantity > 0}
	taken: dict[str, Decimal] = {}
	for row in rows:
		part = min(left.get(row.line, Decimal(0)), decimal(flt(row.away)))
		if part > 0:
			taken[row.name] = part
			left[row.line] -= part
	missing = ", ".join(f"{quantity:f} of line {line}" for line, quantity in left.items() if quantity > 0)
	if missing:
		raise Rejected(
			f"Of {direct_invoice.doctype_of(plan.sales_order)} {plan.sales_order} so much cannot come back, for it was not delivered or came back before: "
			f"{missing}"
		)
	return taken


def _return(plan: ReturnPlan, note: str, quantities: Mapping[str, Decimal], rows: list[Any]) -> str:
	doc = make_return_doc(DOCTYPE, note)
	doc.items = [row for row in doc.items if row.dn_detail in quantities]
	for number, row in enumerate(doc.items, 1):
		row.idx, row.qty = number, -float(quantities[row.dn_detail])
		if plan.warehouse:
			row.warehouse = plan.warehouse
	doc.update(_moment(plan, note, rows))
	doc.flags.commerce_bridge_applied = True
	doc.flags.ignore_permlevel_for_fields = ["ignore_pricing_rule"]
	doc.insert()
	if plan.warehouse and doc.packed_items:
		for part in doc.packed_items:  # ERPNext puts parts of bundles where they came from
			part.warehouse = plan.warehouse
		doc.save()
	if plan.submit and not _unsaid_serials(quantities, rows, note):
		doc.submit()
	return doc.name


def _receive(
	plan: ReturnPlan, invoice: str, quantities: Mapping[str, Decimal], rows: list[Any]
) -> str | None:
	"""What left with an invoice; its credit note, which moves no stock, is made of the same refund."""
	parts = [
		invoice_return.Part(row.name, quantities[row.name], warehouse=plan.warehouse)
		for row in rows
		if row.parent == invoice and row.name in quantities
	]
	return invoice_return.make(invoice, parts, plan.submit, _moment(plan, invoice, rows))


def _moment(plan: ReturnPlan, document: str, rows: list[Any]) -> dict[str, Any]:
	"""Not before the goods left."""
	left = max(getdate(row.posting_date) for row in rows if row.parent == document)
	moment = sales_invoice.dated(max(getdate(plan.posting_date), left), last=True)
	moment.pop("due_date")
	return moment


def _unsaid_serials(quantities: Mapping[str, Decimal], rows: list[Any], note: str) -> bool:
	"""Whether a part of several units comes back."""
	return any(
		quantities[row.name] < decimal(flt(row.qty))
		and frappe.get_cached_value("Item", row.item_code, "has_serial_no")
		for row in rows
		if row.parent == note and row.name in quantities
	)
