"""What a storefront has sold in an order that is not booked yet; `erpnext/unbooked_sale.py` is its one writer."""

from __future__ import annotations

from frappe.model.document import Document

from commerce_bridge.permissions import refuse_by_hand


class UnbookedSale(Document):
	# begin: auto-generated types
	# This code is auto-generated. Do not modify anything in this block.

	from typing import TYPE_CHECKING

	if TYPE_CHECKING:
		from frappe.types import DF

		channel: DF.Link
		external_id: DF.Data
		item_code: DF.Link
		listing: DF.Link | None
		log: DF.Link
		record: DF.Data
		stock_qty: DF.Float
		warehouse: DF.Link

	# end: auto-generated types
	def validate(self) -> None:
		refuse_by_hand(self)

	def on_trash(self) -> None:
		refuse_by_hand(self)
