"""What a person did to the document of a storefront's order, a Sales Order or a Sales Invoice instead of one, told to the
shop."""

from __future__ import annotations

from typing import Any

import frappe

from commerce_bridge.bridge.errors import Misconfigured
from commerce_bridge.bridge.model import OrderChange, ShipmentLine
from commerce_bridge.bridge.outbound import ORDER_CHANGE, document_entry
from commerce_bridge.erpnext import channel_settings, direct_invoice, stock_change
from commerce_bridge.erpnext.channel_settings import decimal

CANCELLED = 2


def tell(doc: Any, what: str) -> None:
	"""Queues a person's change for the storefront, where the channel's policy says so. Our own are echoes."""
	if not doc.get("cb_channel") or doc.flags.commerce_bridge_applied:
		return
	try:
		channel = channel_settings.load(doc.cb_channel).channel
	except Misconfigured:
		return  # the channel was deleted since
	if channel.orders.send_local_changes:
		stock_change.queue_document(document_entry(channel.name, ORDER_CHANGE, doc.doctype, doc.name, what))


def of_order(name: str) -> OrderChange | None:
	"""What a person made of an order, as it stands now; None if it belongs to no channel any more."""
	doctype = direct_invoice.doctype_of(name)
	if not frappe.db.exists(doctype, name):
		return None
	doc = frappe.get_doc(doctype, name)
	if not doc.cb_external_id:
		return None
	return OrderChange(
		order_id=doc.cb_external_id,
		order_number=doc.cb_external_number or doc.cb_external_id,
		kind="cancelled" if doc.docstatus == CANCELLED else "edited",
		lines=tuple(
			ShipmentLine(order_line_id=row.cb_line_id or None, sku=row.item_code, quantity=decimal(row.qty))
			for row in doc.items
		),
	)
