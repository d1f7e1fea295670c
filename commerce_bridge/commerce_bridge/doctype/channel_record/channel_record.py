"""Which external id is which document; `erpnext/channel_record.py` is its one writer.

The name is a hash of channel, record type and external id, so the primary key is the unique index.
"""

from __future__ import annotations

import frappe
from frappe.model.document import Document

from commerce_bridge.permissions import refuse_by_hand


class ChannelRecord(Document):
	# begin: auto-generated types
	# This code is auto-generated. Do not modify anything in this block.

	from typing import TYPE_CHECKING

	if TYPE_CHECKING:
		from frappe.types import DF

		cancelled: DF.Check
		channel: DF.Link
		currency: DF.Link | None
		data: DF.Code | None
		document_name: DF.DynamicLink | None
		document_type: DF.Link | None
		external_id: DF.Data
		fingerprint: DF.Data | None
		order_id: DF.Data | None
		placed_on: DF.Date | None
		record_type: DF.Data
		reference: DF.Data | None
		shop_total: DF.Currency
		source_time: DF.Datetime | None
		version: DF.Data | None

	# end: auto-generated types
	def validate(self) -> None:
		refuse_by_hand(self)

	def on_trash(self) -> None:
		refuse_by_hand(self)


def on_doctype_update() -> None:
	"""Indexes of the way back, from a document to what the storefront calls it, of the orders of some days, of all that is
	of an order, and of what a gateway calls a payment."""
	frappe.db.add_index("Channel Record", ["document_type", "document_name"], "document")
	frappe.db.add_index("Channel Record", ["record_type", "placed_on"], "placed_on")
	frappe.db.add_index("Channel Record", ["record_type", "creation"], "type_creation")
	frappe.db.add_index("Channel Record", ["channel", "order_id"], "order")
	frappe.db.add_index("Channel Record", ["channel", "reference"], "channel_reference")
