"""One comparison of what a storefront shows with what is available: the trend. `erpnext/stock_drift.py` is its one writer."""

from __future__ import annotations

import frappe
from frappe.model.document import Document

from commerce_bridge.permissions import refuse_by_hand


class DriftCheck(Document):
	# begin: auto-generated types
	# This code is auto-generated. Do not modify anything in this block.

	from typing import TYPE_CHECKING

	if TYPE_CHECKING:
		from frappe.types import DF

		channel: DF.Link
		drifted: DF.Int
		finished: DF.Datetime | None
		listings: DF.Int
		pending: DF.Int
		started: DF.Datetime | None
		units: DF.Float
		unknown: DF.Int

	# end: auto-generated types
	def validate(self) -> None:
		refuse_by_hand(self)

	def on_trash(self) -> None:
		refuse_by_hand(self)


def on_doctype_update() -> None:
	"""The report reads the last checks of a channel."""
	frappe.db.add_index("Drift Check", ["channel", "started"], "channel_started")
