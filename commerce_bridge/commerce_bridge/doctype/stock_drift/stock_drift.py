"""A difference between what a storefront shows and what is available. `erpnext/stock_drift.py` is its one writer."""

from __future__ import annotations

import frappe
from frappe.model.document import Document

from commerce_bridge.permissions import refuse_by_hand


class StockDrift(Document):
	# begin: auto-generated types
	# This code is auto-generated. Do not modify anything in this block.

	from typing import TYPE_CHECKING

	if TYPE_CHECKING:
		from frappe.types import DF

		available: DF.Float
		channel: DF.Link
		checked_at: DF.Datetime | None
		difference: DF.Float
		drift_check: DF.Link | None
		item_code: DF.Link | None
		kind: DF.Literal["Differs", "Not in Shop", "Unknown to Us"]
		listing: DF.Link | None
		location_id: DF.Data | None
		product_id: DF.Data | None
		repair_queued_at: DF.Datetime | None
		shown: DF.Float
		sku: DF.Data | None
		variant_id: DF.Data | None

	# end: auto-generated types
	def validate(self) -> None:
		refuse_by_hand(self)

	def on_trash(self) -> None:
		refuse_by_hand(self)


def on_doctype_update() -> None:
	"""The report reads the rows of a channel's last check."""
	frappe.db.add_index("Stock Drift", ["channel", "drift_check"], "channel_check")
