"""Append-only outbox: items whose stock, price or content may have changed. `erpnext/stock_change.py` is its one writer."""

from __future__ import annotations

from frappe.model.document import Document

from commerce_bridge.permissions import refuse_by_hand


class StockChange(Document):
	# begin: auto-generated types
	# This code is auto-generated. Do not modify anything in this block.

	from typing import TYPE_CHECKING

	if TYPE_CHECKING:
		from frappe.types import DF

		item_code: DF.Data
		kind: DF.Data
		voucher_no: DF.Data | None
		voucher_type: DF.Data | None
		warehouse: DF.Data | None

	# end: auto-generated types
	def validate(self) -> None:
		refuse_by_hand(self)

	def on_trash(self) -> None:
		refuse_by_hand(self)
