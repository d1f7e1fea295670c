"""What leaves the warehouse for a storefront's order: what Delivery Notes and Sales Invoices tell of it.

Goods that come back change the shipment they left with. A document that ships several orders is one shipment
of each; which order a row ships is said by its Sales Order, or by the invoice that stands for its order, never by the
document's header.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple

import frappe
from frappe.utils import flt, get_datetime

from commerce_bridge.bridge.fulfilments import RECORD_TYPE, is_of_order
from commerce_bridge.bridge.model import Parcel, Shipment, ShipmentLine
from commerce_bridge.bridge.outbound import SHIPMENT, shipment_entry
from commerce_bridge.erpnext import channel_settings, direct_invoice, stock_change
from commerce_bridge.erpnext.carrier import Carriers
from commerce_bridge.erpnext.channel_settings import decimal
from commerce_bridge.erpnext.time import from_site

DELIVERY_NOTE, SALES_INVOICE = "Delivery Note", "Sales Invoice"
DRAFT, CANCELLED = 0, 2
#: What people and ERPNext call it → what storefronts are told.
STATUS = {
	"In Transit": "in_transit",
	"In Progress": "in_transit",
	"Delivered": "delivered",
	"Returned": "returned",
	"Lost": "lost",
}

ORDERS = "SELECT name, cb_channel, cb_external_id, cb_external_number FROM `tabSales Order` WHERE name IN %s"
DIRECT_ORDERS = """SELECT name, cb_channel, cb_external_id, cb_external_number FROM `tabSales Invoice`
	WHERE name IN %s AND cb_instead_of_order = 1"""
SERIALS = """SELECT parent, serial_no FROM `tabSerial and Batch Entry`
	WHERE parent IN %s AND COALESCE(serial_no, '') != '' ORDER BY idx"""
RETURNED = """SELECT item.dn_detail, SUM(-item.qty) FROM `tabDelivery Note` back
		JOIN `tabDelivery Note Item` item ON item.parent = back.name
		WHERE back.return_against IN %(notes)s AND back.is_return = 1 AND back.docstatus = 1 GROUP BY item.dn_detail
	UNION ALL SELECT item.sales_invoice_item, SUM(-item.qty) FROM `tabSales Invoice` back
		JOIN `tabSales Invoice Item` item ON item.parent = back.name
		WHERE back.return_against IN %(invoices)s AND back.is_return = 1 AND back.docstatus = 1
			AND back.update_stock = 1 GROUP BY item.sales_invoice_item
	UNION ALL SELECT item.cb_sales_invoice_item, ROUND(SUM(item.qty * item.cb_line_part), 6)
		FROM `tabStock Entry` back JOIN `tabStock Entry Detail` item ON item.parent = back.name
		WHERE back.cb_sales_invoice IN %(invoices)s AND back.docstatus = 1 GROUP BY item.cb_sales_invoice_item"""
#: Orders of which something is left to be sent. What came back was sent.
UNSENT = """SELECT DISTINCT standing.cb_channel, standing.cb_external_id FROM `tabSales Order` named
	JOIN `tabSales Order` standing ON standing.cb_external_id = named.cb_external_id
		AND standing.cb_channel = named.cb_channel AND standing.docstatus < 2
	JOIN `tabSales Order Item` ordered ON ordered.parent = standing.name
	WHERE named.name IN %s AND COALESCE(ordered.cb_line_id, '') != '' AND ordered.qty - 0.000001 >
		COALESCE((SELECT SUM(item.qty) FROM `tabDelivery Note Item` item
			JOIN `tabDelivery Note` sent ON sent.name = item.parent
			WHERE item.so_detail = ordered.name AND sent.docstatus = 1 AND sent.is_return = 0), 0)
		+ COALESCE((SELECT SUM(item.qty) FROM `tabSales Invoice Item` item
			JOIN `tabSales Invoice` sent ON sent.name = item.parent
			WHERE item.so_detail = ordered.name AND sent.docstatus = 1 AND sent.is_return = 0
				AND sent.update_stock = 1), 0)"""
#: The same of invoices that stand for their orders; what was credited and did not come back is not to be sent.
DIRECT_UNSENT = """SELECT DISTINCT standing.cb_channel, standing.cb_external_id FROM `tabSales Invoice` named
	JOIN `tabSales Invoice` standing ON standing.cb_external_id = named.cb_external_id
		AND standing.cb_channel = named.cb_channel AND standing.docstatus < 2 AND standing.cb_instead_of_order = 1
		AND NOT (standing.docstatus = 1 AND standing.update_stock = 1)
	JOIN `tabSales Invoice Item` ordered ON ordered.parent = standing.name
	WHERE named.name IN %s AND named.cb_instead_of_order = 1 AND COALESCE(ordered.cb_line_id, '') != ''
		AND ordered.qty - 0.000001 >
		COALESCE((SELECT SUM(item.qty) FROM `tabDelivery Note Item` item
			JOIN `tabDelivery Note` sent ON sent.name = item.parent
			WHERE item.si_detail = ordered.name AND sent.docstatus = 1 AND sent.is_return = 0), 0)
		+ GREATEST(COALESCE((SELECT SUM(-item.qty) FROM `tabSales Invoice` note
			JOIN `tabSales Invoice Item` item ON item.parent = note.name
			WHERE note.return_against = standing.name AND note.docstatus = 1 AND note.is_return = 1
				AND item.sales_invoice_item = ordered.name), 0)
			- COALESCE((SELECT SUM(-item.qty) FROM `tabDelivery Note Item` item
				JOIN `tabDelivery Note` back ON back.name = item.parent
				WHERE item.si_detail = ordered.name AND back.docstatus = 1 AND back.is_return = 1), 0), 0)"""
SHIPMENTS = """SELECT covered.delivery_note, carrier, service_provider, awb_number, tracking_url, tracking_status
	FROM `tabShipment Delivery Note` covered JOIN `tabShipment` shipment ON shipment.name = covered.parent
	WHERE covered.delivery_note IN %s AND shipment.docstatus = 1 ORDER BY shipment.creation, shipment.name"""
#: A statement of each kind of document: an OR of them would look at all that the channel ever sent.
_CALLED = """SELECT external_id, document_type, document_name, fingerprint, cancelled, creation, name
	FROM `tabChannel Record` WHERE channel = %(channel)s AND record_type = %(type)s"""
CALLED = f"""{_CALLED} AND document_type = 'Delivery Note' AND document_name IN (
		SELECT parent FROM `tabDelivery Note Item` WHERE against_sales_order IN %(orders)s)
	UNION ALL {_CALLED} AND document_type = 'Sales Invoice' AND document_name IN (
		SELECT parent FROM `tabSales Invoice Item` WHERE sales_order IN %(orders)s)
	ORDER BY creation, name"""
CALLED_DIRECT = f"""{_CALLED} AND document_type = 'Delivery Note' AND document_name IN (
		SELECT parent FROM `tabDelivery Note Item` WHERE against_sales_invoice IN %(orders)s)
	UNION ALL {_CALLED} AND document_type = 'Sales Invoice' AND document_name IN %(orders)s
	ORDER BY creation, name"""
LAST_TOLD = """SELECT name, payload FROM `tabSync Log`
	WHERE reference_doctype = %s AND reference_name = %s AND channel = %s AND topic = %s AND external_id = %s
	ORDER BY creation DESC, name DESC LIMIT 1"""


class Order(NamedTuple):
	"""An order of a storefront."""

	channel: str
	id: str
	number: str


class Tracking(NamedTuple):
	"""What is known of a document's parcels: carrier, number, URL and whether it was delivered, of each."""

	parcels: tuple[tuple[str | None, str | None, str | None, bool], ...]
	status: str | None


@dataclass(slots=True)
class Around:
	"""What other tables say of some documents, read at once for all of them."""

	orders: dict[str, Order] = field(default_factory=dict)
	unsent: set[tuple[str, str]] = field(default_factory=set)  # channels and ids of orders
	serials: dict[str, list[str]] = field(default_factory=dict)  # by bundle
	returned: dict[str, Decimal] = field(default_factory=dict)  # by row
	shipments: dict[str, list[Any]] = field(default_factory=dict)  # by Delivery Note
	carriers: dict[str, Carriers] = field(default_factory=dict)  # by channel


# --- told ------------------------------------------------------------------------------------------------


def tell(doc: Any) -> None:
	"""Queues what the storefronts do not know of this document yet; of a return, what it makes of the original.

	Of a document without a channel nothing is read.
	"""
	if not _is_ours(doc) or not moves_goods(doc):
		return
	if doc.is_return:
		doc = _get(doc.doctype, doc.return_against)
	if doc is None:
		return
	for order, shipment in of_document(doc).items():
		if not channel_settings.exists(order.channel):
			continue
		entry = shipment_entry(order.channel, doc.doctype, doc.name, shipment, _last_told(doc, order))
		if entry:
			stock_change.queue_document(entry)


def get(doctype: str, name: str, channel: str | None = None, order_id: str | None = None) -> Shipment | None:
	"""See `Erp.get_shipment`."""
	doc = _get(doctype, name)
	for order, shipment in (of_document(doc) if doc else {}).items():
		if channel in (None, order.channel) and order_id in (None, order.id):
			return shipment.model_copy(update=_called(doc, order))
	return None


def _called(doc: Any, order: Order) -> dict[str, tuple[str, ...]]:
	"""What the storefront calls this shipment, and the others of the same order."""
	values = {"channel": order.channel, "type": RECORD_TYPE}
	rows = [
		row
		for statement, orders in ((CALLED, _sales_orders([doc])), (CALLED_DIRECT, _direct_orders([doc])))
		for row in (frappe.db.sql(statement, {**values, "orders": orders}, as_dict=True) if orders else ())
		if is_of_order(row.fingerprint, order.id) and (not row.cancelled or doc.docstatus == CANCELLED)
	]
	own = [(row.document_type, row.document_name) == (doc.doctype, doc.name) for row in rows]
	return {
		"external_ids": tuple(row.external_id for row, mine in zip(rows, own, strict=True) if mine),
		"taken_ids": tuple(
			row.external_id for row, mine in zip(rows, own, strict=True) if not (mine or row.cancelled)
		),
	}


def of_document(doc: Any, around: Around | None = None) -> dict[Order, Shipment]:
	"""The shipment of every order of a storefront in this document, by order."""
	if doc.docstatus == DRAFT or doc.is_return or not moves_goods(doc):
		return {}
	around = around or _around([doc])
	parts = _parts(doc, around)
	if not parts:
		return {}
	serials, tracking = _serials(doc, around), _tracking(doc, around)
	shipments = {}
	for order, rows in parts.items():
		name = doc.name if len(parts) == 1 else f"{doc.name}:{order.id}"
		lines = tuple(_line(row, serials, around.returned) for row in rows)
		shipment = _shipment(doc, order, name, lines, tracking, around)
		shipments[order] = shipment.model_copy(update={"complete": _is_complete(doc, order, rows, around)})
	return shipments


def of_many(documents: Sequence[tuple[str, str]]) -> dict[tuple[str, str], dict[Order, Shipment]]:
	"""The shipments of many documents, by DocType and name, in a fixed number of queries."""
	docs = []
	for doctype in (DELIVERY_NOTE, SALES_INVOICE):
		docs += _load(doctype, [name for of_type, name in documents if of_type == doctype])
	around = _around(docs)
	return {(doc.doctype, doc.name): of_document(doc, around) for doc in docs}


def _load(doctype: str, names: Sequence[str]) -> list[Any]:
	"""Documents with the tables that shipments are made of: one query each, however many there are."""
	if not names:
		return []
	meta = frappe.get_meta(doctype)
	tables = [meta.get_field(name) for name in ("items", "packed_items", "cb_parcels")]
	children: dict[tuple[str, str], list[Any]] = {}
	for table in filter(None, tables):
		for row in frappe.db.sql(
			f"SELECT * FROM `tab{table.options}` WHERE parent IN %s AND parenttype = %s ORDER BY idx",
			(tuple(names), doctype),
			as_dict=True,
		):
			children.setdefault((row.parent, row.parentfield), []).append(row)
	return [
		frappe.get_doc(
			{
				**row,
				"doctype": doctype,
				**{
					table.fieldname: children.get((row.name, table.fieldname), [])
					for table in tables
					if table
				},
			}
		)
		for row in frappe.db.sql(
			f"SELECT * FROM `tab{doctype}` WHERE name IN %s", (tuple(names),), as_dict=True
		)
	]


def _is_ours(doc: Any) -> bool:
	return bool(doc.get("cb_channel") or any(row.get("cb_line_id") for row in doc.items))


def moves_goods(doc: Any) -> bool:
	"""Whether goods leave, or come back, with this Delivery Note or Sales Invoice.

	A Sales Invoice made from a Delivery Note tells nothing: what it bills was told by the Delivery Note."""
	return doc.doctype == DELIVERY_NOTE or bool(doc.update_stock)


def _get(doctype: str, name: str | None) -> Any:
	return frappe.get_doc(doctype, name) if name and frappe.db.exists(doctype, name) else None


def _last_told(doc: Any, order: Order) -> tuple[str, str | None] | None:
	rows = frappe.db.sql(LAST_TOLD, (doc.doctype, doc.name, order.channel, SHIPMENT, order.id))
	return rows[0] if rows else None


# --- read ------------------------------------------------------------------------------------------------


def _around(docs: Sequence[Any]) -> Around:
	around = Around()
	for orders, named, unsent in (
		(_sales_orders(docs), ORDERS, UNSENT),
		(_direct_orders(docs), DIRECT_ORDERS, DIRECT_UNSENT),
	):
		if orders:
			around.orders |= {name: Order(*values) for name, *values in frappe.db.sql(named, (orders,))}
			around.unsent |= set(frappe.db.sql(unsent, (orders,)))
	bundles = tuple({row.serial_and_batch_bundle for doc in docs for _name, row in _moved(doc)} - {None, ""})
	for parent, serial in frappe.db.sql(SERIALS, (bundles,)) if bundles else ():
		around.serials.setdefault(parent, []).append(serial)
	notes, invoices = (
		tuple(doc.name for doc in docs if doc.doctype == doctype)
		for doctype in (DELIVERY_NOTE, SALES_INVOICE)
	)
	values = {"notes": notes or ("-",), "invoices": invoices or ("-",)}  # no document has this name
	for row, quantity in frappe.db.sql(RETURNED, values) if docs else ():
		if row:
			around.returned[row] = decimal(flt(quantity))
	for shipment in frappe.db.sql(SHIPMENTS, (notes,), as_dict=True) if notes else ():
		around.shipments.setdefault(shipment.delivery_note, []).append(shipment)
	return around


def _sales_orders(docs: Iterable[Any]) -> tuple[str, ...]:
	field = {DELIVERY_NOTE: "against_sales_order", SALES_INVOICE: "sales_order"}
	return _named(row.get(field[doc.doctype]) for doc in docs for row in doc.items if row.cb_line_id)


def _direct_orders(docs: Iterable[Any]) -> tuple[str, ...]:
	"""Invoices by which rows without a Sales Order were sold; some of them may stand for no order."""
	return _named(_sold_by(doc, row) for doc in docs for row in doc.items if row.cb_line_id)


def _sold_by(doc: Any, row: Any) -> str | None:
	if doc.doctype == SALES_INVOICE:
		return doc.name if direct_invoice.is_direct(doc) and not row.sales_order else None
	return None if row.against_sales_order else row.against_sales_invoice


def _named(names: Iterable[str | None]) -> tuple[str, ...]:
	return tuple(sorted({name for name in names if name}))


def _order_of(doc: Any, row: Any) -> str | None:
	"""As `direct_invoice.order_of`, of documents whose orders are read already."""
	return row.get("against_sales_order") or row.get("sales_order") or _sold_by(doc, row)


def _parts(doc: Any, around: Around) -> dict[Order, list[Any]]:
	"""Rows by the order they ship. Rows that are no position of the shop's (shipping, fees) are left out."""
	header = Order(doc.cb_channel, doc.cb_external_id, doc.cb_external_number)
	parts: dict[tuple[str, str], tuple[Order, list[Any]]] = {}
	for row in doc.items:
		order = around.orders.get(_order_of(doc, row), header)
		if row.cb_line_id and order.channel and order.id:
			named = order._replace(number=order.number or order.id)
			parts.setdefault((order.channel, order.id), (named, []))[1].append(row)
	return dict(parts.values())


def _shipment(
	doc: Any,
	order: Order,
	shipment_id: str,
	lines: tuple[ShipmentLine, ...],
	tracking: Tracking,
	around: Around,
) -> Shipment:
	all_returned = all(line.returned >= line.quantity for line in lines)
	status = "returned" if all_returned else tracking.status or "shipped"
	return Shipment(
		id=shipment_id,
		order_id=order.id,
		order_number=order.number,
		lines=lines,
		parcels=_parcels(order.channel, tracking, around),
		status=status,
		shipped_at=from_site(get_datetime(f"{doc.posting_date} {doc.posting_time}")),
		delivered_at=from_site(doc.get("cb_delivered_at")) if tracking.status == "delivered" else None,
		cancelled=doc.docstatus == CANCELLED,
	)


def _is_complete(doc: Any, order: Order, rows: list[Any], around: Around) -> bool:
	"""Whether nothing is left to be sent of the order. Where a row names no order, nobody knows."""
	known = all(_order_of(doc, row) in around.orders for row in rows)
	return doc.docstatus != CANCELLED and known and (order.channel, order.id) not in around.unsent


def _line(row: Any, serials: dict[str, tuple[str, ...]], returned: dict[str, Decimal]) -> ShipmentLine:
	return ShipmentLine(
		order_line_id=row.cb_line_id,
		sku=row.item_code,
		quantity=decimal(flt(row.qty)),
		serials=serials.get(row.name, ()),
		returned=returned.get(row.name, Decimal(0)),
	)


def _parcels(channel: str, tracking: Tracking, around: Around) -> tuple[Parcel, ...]:
	carriers = around.carriers.setdefault(channel, Carriers(channel))
	made = (carriers.parcel(*values) for values in tracking.parcels)
	return tuple(parcel for parcel in made if parcel)


def _moved(doc: Any) -> list[tuple[str, Any]]:
	"""What moved stock, with the row that was sold: the row of a Product Bundle has what is packed for it."""
	packed = [(row.parent_detail_docname, row) for row in doc.get("packed_items") or ()]
	return [*((row.name, row) for row in doc.items), *packed]


def _serials(doc: Any, around: Around) -> dict[str, tuple[str, ...]]:
	"""Serial numbers by row, from the bundle or, with the old fields, from the row itself."""
	serials: dict[str, tuple[str, ...]] = {}
	for name, row in _moved(doc):
		own = around.serials.get(row.serial_and_batch_bundle) or (row.serial_no or "").split("\n")
		serials[name] = serials.get(name, ()) + tuple(serial.strip() for serial in own if serial.strip())
	return serials


def _tracking(doc: Any, around: Around) -> Tracking:
	"""ERPNext's Shipments of a Delivery Note count; then the document's parcels, its own carrier fields, and at
	last its transporter."""
	shipments = around.shipments.get(doc.name, []) if doc.doctype == DELIVERY_NOTE else []
	parcels = tuple(parcel for shipment in shipments for parcel in _of_shipment(shipment))
	status = _together(STATUS.get(shipment.tracking_status) for shipment in shipments)
	if not any(any(parcel[:3]) for parcel in parcels):
		parcels = _own_parcels(doc)
	status = status or STATUS.get(doc.get("cb_delivery_status"))
	if not status and parcels and all(delivered for *_known, delivered in parcels):
		status = "delivered"
	if status == "delivered":
		parcels = tuple((*known, True) for *known, _delivered in parcels)
	return Tracking(parcels, status)


def _of_shipment(shipment: Any) -> list[tuple[str | None, str | None, str | None, bool]]:
	"""A Shipment of several parcels has their numbers, and their URLs, in one field with commas between."""
	carrier = shipment.carrier or shipment.service_provider
	numbers, urls = _listed(shipment.awb_number), _listed(shipment.tracking_url)
	delivered = shipment.tracking_status == "Delivered"
	if len(numbers) < 2:
		return [(carrier, number, (urls or [None])[0], delivered) for number in numbers or [None]]
	matched = urls if len(urls) == len(numbers) else [None] * len(numbers)
	return [(carrier, number, url, delivered) for number, url in zip(numbers, matched, strict=True)]


def _listed(text: str | None) -> list[str]:
	return [part.strip() for line in (text or "").splitlines() for part in line.split(", ") if part.strip()]


def _together(statuses: Iterable[str | None]) -> str | None:
	"""The status of parcels that went separately: delivered when all are, lost or returned when one is."""
	found = list(statuses)
	if len(set(found)) == 1:
		return found[0]
	worst = [status for status in ("lost", "returned") if status in found]
	return worst[0] if worst else "in_transit" if any(found) else None


def _own_parcels(doc: Any) -> tuple[tuple[str | None, str | None, str | None, bool], ...]:
	if doc.get("cb_parcels"):
		return tuple(
			(row.carrier, row.tracking_number, row.tracking_url, bool(row.delivered))
			for row in doc.cb_parcels
		)
	if doc.cb_carrier or doc.cb_tracking_number or doc.cb_tracking_url:
		return ((doc.cb_carrier, doc.cb_tracking_number, doc.cb_tracking_url, False),)
	if doc.get("transporter_name") or doc.get("lr_no"):
		return ((doc.get("transporter_name"), doc.get("lr_no"), None, False),)
	return ()
