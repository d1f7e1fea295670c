"""DocTypes Delivery Note, and Sales Invoice with Update Stock: a shipment of a storefront's order, see `shipping`;
and drafts of what a shop sent by itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from decimal import Decimal
from typing import Any

import frappe
from erpnext.accounts.doctype.sales_invoice.sales_invoice import make_delivery_note as deliver_invoice
from erpnext.selling.doctype.sales_order.sales_order import make_delivery_note
from frappe.utils import flt, getdate, now_datetime

from commerce_bridge.bridge.channel import Channel
from commerce_bridge.bridge.errors import Rejected
from commerce_bridge.bridge.fulfilments import RECORD_TYPE
from commerce_bridge.bridge.invoices import closed_entry, delivery_entry
from commerce_bridge.bridge.mapping import warehouse_at
from commerce_bridge.bridge.model import Fulfilment, Parcel
from commerce_bridge.bridge.plan import Deliveries, Delivery, OrderedLine
from commerce_bridge.erpnext import (
	carrier,
	channel_settings,
	direct_invoice,
	invoice_return,
	order_status,
	shipping,
	stock_change,
	transaction,
)
from commerce_bridge.erpnext.channel_settings import decimal
from commerce_bridge.erpnext.customer import clean

DOCTYPE, SALES_INVOICE = shipping.DELIVERY_NOTE, shipping.SALES_INVOICE
DRAFT, SUBMITTED = 0, 1
ORDERED = """SELECT cb_line_id AS line, item_code, item_name, qty, warehouse FROM `tab{doctype} Item`
	WHERE parent = %s AND COALESCE(cb_line_id, '') != '' ORDER BY idx"""
#: Of a Delivery Note's row, what names the document that stands for its order, and the row of that.
ROW_OF = {
	"Sales Order": ("against_sales_order", "so_detail"),
	SALES_INVOICE: ("against_sales_invoice", "si_detail"),
}
#: What a return brings back is no delivery undone: the shop sent it all the same.
SHIPPED = """SELECT 'Delivery Note' AS doctype, note.name, note.docstatus, row.cb_line_id AS line, row.qty, note.creation
	FROM `tabDelivery Note Item` row JOIN `tabDelivery Note` note ON note.name = row.parent
	WHERE row.against_sales_order = %(order)s AND note.docstatus < 2 AND note.is_return = 0
	UNION ALL SELECT 'Sales Invoice', invoice.name, invoice.docstatus, row.cb_line_id, row.qty, invoice.creation
	FROM `tabSales Invoice Item` row JOIN `tabSales Invoice` invoice ON invoice.name = row.parent
	WHERE row.sales_order = %(order)s AND invoice.docstatus < 2 AND invoice.is_return = 0
		AND invoice.update_stock = 1
	ORDER BY creation, name"""
#: The same of an invoice that stands for its order: with Update Stock, its goods leave with itself.
SHIPPED_DIRECT = """SELECT 'Delivery Note' AS doctype, note.name, note.docstatus, row.cb_line_id AS line, row.qty,
		note.creation
	FROM `tabDelivery Note Item` row JOIN `tabDelivery Note` note ON note.name = row.parent
	WHERE row.against_sales_invoice = %(order)s AND note.docstatus < 2 AND note.is_return = 0
	UNION ALL SELECT 'Sales Invoice', invoice.name, invoice.docstatus, row.cb_line_id, row.qty, invoice.creation
	FROM `tabSales Invoice Item` row JOIN `tabSales Invoice` invoice ON invoice.name = row.parent
	WHERE invoice.name = %(order)s AND invoice.docstatus < 2 AND invoice.update_stock = 1
	ORDER BY creation, name"""
OF_ORDERS = """SELECT cb_channel, cb_external_id FROM `tabSales Order` WHERE name IN %(names)s
	UNION SELECT cb_channel, cb_external_id FROM `tabSales Invoice`
	WHERE name IN %(names)s AND cb_instead_of_order = 1 ORDER BY cb_channel, cb_external_id"""
CALLED = """SELECT external_id, document_type, document_name FROM `tabChannel Record`
	WHERE record_type = %s AND cancelled = 0 AND document_name IN %s AND document_type IN %s ORDER BY creation, name"""


# --- what a shop sent by itself --------------------------------------------------------------------------


def deliveries(sales_order: str) -> Deliveries:
	"""See `Erp.get_deliveries`: three queries of a Sales Order, a few more of an invoice that stands for the order."""
	lines, statement = ordered(sales_order, "Sales Order"), SHIPPED
	if not lines and direct_invoice.doctype_of(sales_order) == SALES_INVOICE:
		lines, statement = ordered(sales_order, SALES_INVOICE), SHIPPED_DIRECT
	shipped: dict[tuple[str, str], int] = {}
	quantities: dict[str, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
	for row in frappe.db.sql(statement, {"order": sales_order}, as_dict=True):
		shipped[row.doctype, row.name] = row.docstatus
		if row.line:
			quantities[row.name][row.line] += decimal(flt(row.qty))
	called = _called([name for _doctype, name in shipped])
	return Deliveries(
		lines,
		tuple(
			Delivery(
				doctype,
				name,
				docstatus == SUBMITTED,
				dict(quantities[name]),
				tuple(called.get((doctype, name), ())),
			)
			for (doctype, name), docstatus in shipped.items()
		),
	)


def ordered(order: str, doctype: str) -> dict[str, OrderedLine]:
	"""The positions of an order's document by the shop's line id."""
	return {
		row.line: OrderedLine(row.item_code, row.item_name, decimal(flt(row.qty)), row.warehouse)
		for row in frappe.db.sql(ORDERED.format(doctype=doctype), order, as_dict=True)
	}


def _called(names: Sequence[str]) -> dict[tuple[str, str], list[str]]:
	"""What the shops call these documents."""
	found: dict[tuple[str, str], list[str]] = {}
	doctypes = (DOCTYPE, SALES_INVOICE)
	values = (RECORD_TYPE, tuple(names), doctypes)
	for external_id, *document in frappe.db.sql(CALLED, values) if names else ():
		found.setdefault(tuple(document), []).append(external_id)
	return found


def draft_of(channel: Channel, sales_order: str, fulfilment: Fulfilment) -> str:
	"""See `Erp.create_delivery_note`. Positions that are no goods of the shop (shipping, fees) go with the first."""
	wanted = {line.order_line_id: line.quantity for line in fulfilment.lines}
	doctype = direct_invoice.doctype_of(sales_order)
	doc = _open_of(doctype, sales_order, wanted)
	field, detail = ROW_OF[doctype]
	prepared = _prepared(sales_order, field, detail)
	doc.items = [row for row in doc.items if row.cb_line_id or row.get(detail) not in prepared]
	_set_quantities(doc, f"{doctype} {sales_order}", wanted)
	warehouse = warehouse_at(channel, fulfilment.location_id)
	for row in doc.items if warehouse else ():
		if not frappe.get_cached_value(
			"Item", row.item_code, "has_serial_no"
		):  # a unit leaves from where it is
			row.warehouse = warehouse
	_set_parcels(doc, fulfilment.parcels)
	doc.flags.ignore_permlevel_for_fields = ["ignore_pricing_rule"]
	doc.insert()
	doc.add_comment(
		"Comment", f"Sent in the shop itself: fulfilment {frappe.utils.escape_html(fulfilment.id)}"
	)
	return doc.name


def _open_of(doctype: str, order: str, wanted: Collection[str]) -> Any:
	"""A Delivery Note, not saved yet, with what is open of these lines, and of what is no goods of the shop."""
	if doctype == SALES_INVOICE:
		doc = deliver_invoice(order)
		doc.items = [row for row in doc.items if row.cb_line_id in wanted or not row.cb_line_id]
		return doc
	rows = {row.name: row.cb_line_id for row in frappe.get_doc("Sales Order", order).items}
	chosen = [name for name, line in rows.items() if line in wanted or not line]
	return make_delivery_note(order, kwargs={"filtered_children": chosen})


def _prepared(order: str, field: str, detail: str) -> set[str]:
	"""Rows of the order that a draft has already."""
	return set(frappe.get_all("Delivery Note Item", {field: order, "docstatus": DRAFT}, pluck=detail))


def _set_quantities(doc: Any, order: str, wanted: dict[str, Decimal]) -> None:
	"""ERPNext filled in all that is open."""
	still_open = {row.cb_line_id: decimal(flt(row.qty)) for row in doc.items if row.cb_line_id}
	for line, quantity in wanted.items():
		if quantity > still_open.get(line, Decimal(0)):
			raise Rejected(f"{order} has not {quantity:f} of line {line} left to be delivered")
	for idx, row in enumerate(doc.items, start=1):
		row.idx = idx
		if row.cb_line_id:
			row.qty = float(wanted[row.cb_line_id])


def _set_parcels(doc: Any, parcels: Sequence[Parcel]) -> None:
	rows = [
		{
			"carrier": _short(parcel.carrier),
			"tracking_number": _short(parcel.tracking_number),
			"tracking_url": _web_address(parcel.tracking_url),
		}
		for parcel in parcels
	]
	if len(rows) == 1:
		doc.update({f"cb_{fieldname}": value for fieldname, value in rows[0].items()})
	else:
		doc.update(dict.fromkeys(("cb_carrier", "cb_tracking_number", "cb_tracking_url")))
		doc.set("cb_parcels", rows)


def _short(text: str | None) -> str | None:
	return clean(text)[:140] if text else None


def _web_address(url: str | None) -> str | None:
	"""One that does not fit is left out: the carrier's template makes another."""
	address = carrier.web_address(url)
	return address if address and len(address) <= 140 else None


def withdraw(name: str) -> None:
	"""See `Erp.withdraw_delivery_note`."""
	doctype = DOCTYPE if frappe.db.exists(DOCTYPE, name) else SALES_INVOICE
	docstatus = frappe.db.get_value(doctype, name, "docstatus", for_update=True)
	if doctype == SALES_INVOICE and direct_invoice.stands(name):
		_refuse_order(name, docstatus)
	elif docstatus == SUBMITTED:
		raise Rejected(
			f"The shop says that {doctype} {name} was not sent, but it is submitted. Cancel it if the goods are there, "
			"then retry; else skip this entry."
		)
	elif docstatus == DRAFT:
		frappe.delete_doc(doctype, name)


def _refuse_order(name: str, docstatus: int | None) -> None:
	"""An invoice that stands for its order is not undone because its goods are still there."""
	if docstatus == SUBMITTED:
		raise Rejected(
			f"The shop says that Sales Invoice {name} was not sent, but its goods left with it, and it stands for the order. "
			"Where they are still to be sent, skip this entry; where the order is cancelled, its cancellation credits it."
		)


# --- events ----------------------------------------------------------------------------------------------


def onload(doc: Any, method: str | None = None) -> None:
	"""Carriers to choose from; any other may be typed."""
	if doc.get("cb_channel"):
		doc.set_onload("cb_carriers", carrier.names())


def after_mapping(doc: Any, method: str | None, source_doc: Any) -> None:
	"""The same for a document that was made from another one and is not saved yet."""
	onload(doc)


def stamp_delivered(doc: Any, method: str | None = None) -> None:
	"""Before the document is written: when it was delivered, where nobody said."""
	if doc.get("cb_delivery_status") == "Delivered" and not doc.get("cb_delivered_at"):
		doc.cb_delivered_at = now_datetime()


def on_submit(doc: Any, method: str | None = None) -> None:
	"""Tells the storefront what is on its way, and looks what is due now where the channel waited for it."""
	if doc.doctype == SALES_INVOICE and doc.is_return and doc.update_stock and doc.get("cb_channel"):
		invoice_return.refuse_twice(doc)
	_tell(doc)
	if shipping.moves_goods(doc) and not doc.is_return:
		_tell_due(doc)


def _tell(doc: Any) -> None:
	shipping.tell(doc)
	if doc.doctype == DOCTYPE:
		order_status.on_delivery(doc)


def _tell_due(doc: Any) -> None:
	"""One entry for each order in it, by which its invoice is made, or its payment on delivery. What leaves with an
	invoice is billed by that."""
	for channel, order_id in orders_in(doc):
		for settings in channel_settings.usable([channel]):
			if doc.doctype == SALES_INVOICE and not any(
				row.book == "On Delivery" for row in settings.payments
			):
				continue
			if entry := delivery_entry(settings, order_id, doc.name, getdate(doc.posting_date)):
				stock_change.queue_document(entry)


def on_order_change(doc: Any, method: str | None = None) -> None:
	"""Hook of Sales Order: a person closes one of which some was delivered, and nothing more is to be. Raised by `db_set`,
	which is how ERPNext closes it; looked at once a day. One that the channel closes itself was given back."""
	closed = doc.get("cb_channel") and doc.cb_external_id and doc.status == "Closed"
	if not closed or not flt(doc.per_delivered) or transaction.acting_for() == doc.cb_channel:
		return
	for settings in channel_settings.usable([doc.cb_channel]):
		if entry := closed_entry(settings, doc.cb_external_id, doc.name, getdate()):
			stock_change.queue_document(entry)


def orders_in(doc: Any) -> list[tuple[str, str]]:
	"""Channel and id of each storefront's order in a Delivery Note or Sales Invoice. Of most documents nothing is read:
	they are of one order, which their header names."""
	orders = tuple({direct_invoice.order_of(doc, row) for row in doc.items if row.cb_line_id} - {None, ""})
	found = [(doc.cb_channel, doc.cb_external_id)] if orders else []
	if len(orders) > 1:
		found = frappe.db.sql(OF_ORDERS, {"names": orders})
	return [
		(channel, order_id)
		for channel, order_id in found
		if channel and order_id and channel_settings.exists(channel)
	]


def on_cancel(doc: Any, method: str | None = None) -> None:
	"""Takes the shipment back; of a return, what it had made of the shipment."""
	_tell(doc)


def on_update_after_submit(doc: Any, method: str | None = None) -> None:
	"""Carrier, tracking, parcels and delivery may be filled in after submit."""
	shipping.tell(doc)
