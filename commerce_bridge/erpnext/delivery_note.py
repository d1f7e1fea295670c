"""DocTypes Delivery Note, and Sales Invoice with Update Stock: a shipment of a storefront's order, see `shipping`;
and drafts of what a shop sent by itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import frappe
from erpnext.selling.doctype.sales_order.sales_order import make_delivery_note
from frappe.utils import flt, getdate, now_datetime

from commerce_bridge.bridge.channel import Channel
from commerce_bridge.bridge.errors import Rejected
from commerce_bridge.bridge.fulfilments import RECORD_TYPE
from commerce_bridge.bridge.invoices import delivery_entry
from commerce_bridge.bridge.mapping import warehouse_at
from commerce_bridge.bridge.model import Fulfilment, Parcel
from commerce_bridge.bridge.plan import Deliveries, Delivery, OrderedLine
from commerce_bridge.erpnext import carrier, channel_settings, shipping, stock_change
from commerce_bridge.erpnext.channel_settings import decimal
from commerce_bridge.erpnext.customer import clean

DOCTYPE = "Delivery Note"
DRAFT, SUBMITTED = 0, 1
ORDERED = """SELECT cb_line_id AS line, item_code, item_name, qty, warehouse FROM `tabSales Order Item`
	WHERE parent = %s AND COALESCE(cb_line_id, '') != '' ORDER BY idx"""
#: What a return brings back is no delivery undone: the shop sent it all the same.
SHIPPED = """SELECT 'Delivery Note' AS doctype, note.name, note.docstatus, row.cb_line_id AS line, row.qty, note.creation
	FROM `tabDelivery Note Item` row JOIN `tabDelivery Note` note ON note.name = row.parent
	WHERE row.against_sales_order = %(order)s AND note.docstatus < 2 AND note.is_return = 0
	UNION ALL SELECT 'Sales Invoice', invoice.name, invoice.docstatus, row.cb_line_id, row.qty, invoice.creation
	FROM `tabSales Invoice Item` row JOIN `tabSales Invoice` invoice ON invoice.name = row.parent
	WHERE row.sales_order = %(order)s AND invoice.docstatus < 2 AND invoice.is_return = 0
		AND invoice.update_stock = 1
	ORDER BY creation, name"""
OF_ORDERS = "SELECT cb_channel, cb_external_id FROM `tabSales Order` WHERE name IN %s ORDER BY name"
CALLED = """SELECT external_id, document_type, document_name FROM `tabChannel Record`
	WHERE record_type = %s AND cancelled = 0 AND document_name IN %s AND document_type IN %s ORDER BY creation, name"""


# --- what a shop sent by itself --------------------------------------------------------------------------


def deliveries(sales_order: str) -> Deliveries:
	"""See `Erp.get_deliveries`: three queries."""
	lines = {
		row.line: OrderedLine(row.item_code, row.item_name, decimal(flt(row.qty)), row.warehouse)
		for row in frappe.db.sql(ORDERED, sales_order, as_dict=True)
	}
	shipped: dict[tuple[str, str], int] = {}
	quantities: dict[str, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
	for row in frappe.db.sql(SHIPPED, {"order": sales_order}, as_dict=True):
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


def _called(names: Sequence[str]) -> dict[tuple[str, str], list[str]]:
	"""What the shops call these documents."""
	found: dict[tuple[str, str], list[str]] = {}
	doctypes = (DOCTYPE, "Sales Invoice")
	values = (RECORD_TYPE, tuple(names), doctypes)
	for external_id, *document in frappe.db.sql(CALLED, values) if names else ():
		found.setdefault(tuple(document), []).append(external_id)
	return found


def draft_of(channel: Channel, sales_order: str, fulfilment: Fulfilment) -> str:
	"""See `Erp.create_delivery_note`. Positions that are no goods of the shop (shipping, fees) go with the first."""
	wanted = {line.order_line_id: line.quantity for line in fulfilment.lines}
	rows = {row.name: row.cb_line_id for row in frappe.get_doc("Sales Order", sales_order).items}
	chosen = [name for name, line in rows.items() if line in wanted or not line]
	doc = make_delivery_note(sales_order, kwargs={"filtered_children": chosen})
	prepared = _prepared(sales_order)
	doc.items = [row for row in doc.items if row.cb_line_id or row.so_detail not in prepared]
	_set_quantities(doc, sales_order, wanted)
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


def _prepared(sales_order: str) -> set[str]:
	"""Rows of the order that a draft has already."""
	filters = {"against_sales_order": sales_order, "docstatus": DRAFT}
	return set(frappe.get_all("Delivery Note Item", filters, pluck="so_detail"))


def _set_quantities(doc: Any, sales_order: str, wanted: dict[str, Decimal]) -> None:
	"""ERPNext filled in all that is open."""
	still_open = {row.cb_line_id: decimal(flt(row.qty)) for row in doc.items if row.cb_line_id}
	for line, quantity in wanted.items():
		if quantity > still_open.get(line, Decimal(0)):
			raise Rejected(
				f"Sales Order {sales_order} has not {quantity:f} of line {line} left to be delivered"
			)
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
	doctype = DOCTYPE if frappe.db.exists(DOCTYPE, name) else "Sales Invoice"
	docstatus = frappe.db.get_value(doctype, name, "docstatus", for_update=True)
	if docstatus == SUBMITTED:
		raise Rejected(
			f"The shop says that {doctype} {name} was not sent, but it is submitted. Cancel it if the goods are there, "
			"then retry; else skip this entry."
		)
	if docstatus == DRAFT:
		frappe.delete_doc(doctype, name)


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
	"""Tells the storefront what is on its way; of a Delivery Note, what is due now where the channel waited for it."""
	shipping.tell(doc)
	if doc.doctype == DOCTYPE and not doc.is_return:
		_tell_due(doc)


def _tell_due(doc: Any) -> None:
	"""One entry for each order in it, by which its invoice is made, or its payment on delivery."""
	for channel, order_id in orders_in(doc):
		for settings in channel_settings.usable([channel]):
			if entry := delivery_entry(settings, order_id, doc.name, getdate(doc.posting_date)):
				stock_change.queue_document(entry)


def orders_in(doc: Any) -> list[tuple[str, str]]:
	"""Channel and id of each storefront's order in a Delivery Note or Sales Invoice. Of most documents nothing is read:
	they are of one order, which their header names."""
	field = shipping.ORDER_FIELD[doc.doctype]
	orders = tuple({row.get(field) for row in doc.items if row.cb_line_id} - {None, ""})
	found = [(doc.cb_channel, doc.cb_external_id)] if orders else []
	if len(orders) > 1:
		found = frappe.db.sql(OF_ORDERS, (orders,))
	return [
		(channel, order_id)
		for channel, order_id in found
		if channel and order_id and channel_settings.exists(channel)
	]


def on_cancel(doc: Any, method: str | None = None) -> None:
	"""Takes the shipment back; of a return, what it had made of the shipment."""
	shipping.tell(doc)


def on_update_after_submit(doc: Any, method: str | None = None) -> None:
	"""Carrier, tracking, parcels and delivery may be filled in after submit."""
	shipping.tell(doc)
