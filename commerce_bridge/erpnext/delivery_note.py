"""DocTypes Delivery Note, and Sales Invoice with Update Stock: a shipment of a storefront's order, see `shipping`."""

from __future__ import annotations

from typing import Any

from frappe.utils import now_datetime

from commerce_bridge.erpnext import carrier, shipping


def onload(doc: Any, method: str | None = None) -> None:
	"""Carriers to choose from; any other may be typed."""
	if doc.get("cb_channel"):
		doc.set_onload("cb_carriers", carrier.names())


def stamp_delivered(doc: Any, method: str | None = None) -> None:
	"""Before the document is written: when it was delivered, where nobody said."""
	if doc.get("cb_delivery_status") == "Delivered" and not doc.get("cb_delivered_at"):
		doc.cb_delivered_at = now_datetime()


def on_submit(doc: Any, method: str | None = None) -> None:
	"""Tells the storefront what is on its way."""
	shipping.tell(doc)


def on_cancel(doc: Any, method: str | None = None) -> None:
	"""Takes the shipment back; of a return, what it had made of the shipment."""
	shipping.tell(doc)


def on_update_after_submit(doc: Any, method: str | None = None) -> None:
	"""Carrier, tracking, parcels and delivery may be filled in after submit."""
	shipping.tell(doc)
