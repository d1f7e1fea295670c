"""DocType Delivery Note: a shipment of a channel's order, told to the storefront."""

from __future__ import annotations

from typing import Any

import frappe
from frappe.utils import get_datetime

from commerce_bridge.bridge.model import Shipment, ShipmentLine
from commerce_bridge.bridge.outbound import SHIPMENT, document_entry
from commerce_bridge.erpnext import channel_settings, stock_change
from commerce_bridge.erpnext.channel_settings import decimal
from commerce_bridge.erpnext.time import from_site

DOCTYPE = "Delivery Note"
CANCELLED = 2
SERIALS = """SELECT parent, serial_no FROM `tabSerial and Batch Entry`
	WHERE parent IN %s AND COALESCE(serial_no, '') != '' ORDER BY idx"""


def on_submit(doc: Any, method: str | None = None) -> None:
	_tell(doc)


def on_cancel(doc: Any, method: str | None = None) -> None:
	_tell(doc)


def on_update_after_submit(doc: Any, method: str | None = None) -> None:
	"""Carrier and tracking may be filled in after submit."""
	_tell(doc)


def _tell(doc: Any) -> None:
	"""A channel whose order this ships hears of it; `modified` tells one change from the next."""
	if not doc.get("cb_channel") or doc.is_return or not channel_settings.exists(doc.cb_channel):
		return
	state = f"{int(doc.docstatus)} {doc.modified}"
	stock_change.queue_document(document_entry(doc.cb_channel, SHIPMENT, DOCTYPE, doc.name, state))


def shipment_of(name: str) -> Shipment | None:
	"""See `Erp.get_shipment`. Rows that are no position of the shop's (shipping, fees) are left out."""
	if not frappe.db.exists(DOCTYPE, name):
		return None
	doc = frappe.get_doc(DOCTYPE, name)
	if not doc.cb_external_id or doc.is_return:
		return None
	serials = _serials(doc)
	return Shipment(
		id=doc.name,
		order_id=doc.cb_external_id,
		order_number=doc.cb_external_number or doc.cb_external_id,
		lines=tuple(
			ShipmentLine(
				order_line_id=row.cb_line_id,
				sku=row.item_code,
				quantity=decimal(row.qty),
				serials=serials.get(row.name, ()),
			)
			for row in doc.items
			if row.cb_line_id
		),
		carrier=doc.cb_carrier or None,
		tracking_number=doc.cb_tracking_number or None,
		tracking_url=doc.cb_tracking_url or None,
		shipped_at=from_site(get_datetime(f"{doc.posting_date} {doc.posting_time}")),
		cancelled=doc.docstatus == CANCELLED,
	)


def _serials(doc: Any) -> dict[str, tuple[str, ...]]:
	"""Serial numbers by row, from the bundle or, with the old fields, from the row itself."""
	bundles = tuple(row.serial_and_batch_bundle for row in doc.items if row.serial_and_batch_bundle)
	of_bundle: dict[str, list[str]] = {}
	for parent, serial in frappe.db.sql(SERIALS, (bundles,)) if bundles else ():
		of_bundle.setdefault(parent, []).append(serial)
	return {
		row.name: tuple(of_bundle.get(row.serial_and_batch_bundle) or (row.serial_no or "").split())
		for row in doc.items
	}
