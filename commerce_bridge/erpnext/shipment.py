"""DocType Shipment (ERPNext's): tracking of the Delivery Notes it covers.

What it says is read when a Delivery Note is told, see `shipping`; here it is noticed that something changed.
Apps that book with carriers write it past all events, so that a scheduled look finds what events do not say.
Their DocTypes (Parcel Service) are never read: a site without such an app has none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import frappe
from frappe.utils import get_datetime, now_datetime

from commerce_bridge.erpnext import channel_settings, channel_state, shipping, transaction

DOCTYPE = "Shipment"
CURSOR = "shipments"
#: A change is visible only once its transaction ends, later than the time it bears.
OVERLAP = timedelta(minutes=15)
CHUNK = 100

OF_CHANNELS = """SELECT name FROM `tabDelivery Note`
	WHERE name IN %s AND docstatus = 1 AND COALESCE(cb_channel, '') != '' ORDER BY name"""
CHANGED = """SELECT DISTINCT note.name FROM `tabShipment` shipment
	JOIN `tabShipment Delivery Note` covered ON covered.parent = shipment.name
	JOIN `tabDelivery Note` note ON note.name = covered.delivery_note
	WHERE shipment.modified >= %s AND shipment.docstatus > 0 AND note.docstatus = 1 AND note.cb_channel = %s
	ORDER BY note.name"""


def on_change(doc: Any, method: str | None = None) -> None:
	"""Submitted, changed after that, or cancelled. Of drafts nothing is told."""
	names = tuple({row.delivery_note for row in doc.shipment_delivery_note if row.delivery_note})
	if doc.docstatus and names:
		_tell(name for (name,) in frappe.db.sql(OF_CHANNELS, (names,)))


def notice_changes() -> None:
	"""Each ten minutes: tells what changed in Shipments since the last look, of every active channel."""
	for channel in channel_settings.active_channels():
		now = now_datetime()
		for names in _chunks(_changed(channel, now)):
			with transaction.transaction():
				_tell(names)
		with transaction.transaction():
			channel_state.set_cursor(channel, CURSOR, now.isoformat())


def _changed(channel: str, now: datetime) -> list[str]:
	"""Delivery Notes of the channel whose Shipments changed. The first look goes back to the channel's making,
	and one after the clock was set back goes back from now."""
	with transaction.transaction():
		cursor = channel_state.get_cursor(channel, CURSOR)
		since = cursor or frappe.db.get_value("Channel Settings", channel, "creation")
		start = min(get_datetime(since), now) - OVERLAP
		return [name for (name,) in frappe.db.sql(CHANGED, (start, channel))]


def _tell(names: Iterable[str]) -> None:
	for name in names:
		shipping.tell(frappe.get_doc("Delivery Note", name))


def _chunks(names: Sequence[str]) -> Iterator[Sequence[str]]:
	for start in range(0, len(names), CHUNK):
		yield names[start : start + CHUNK]
