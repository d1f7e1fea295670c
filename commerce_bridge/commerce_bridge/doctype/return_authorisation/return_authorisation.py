"""Goods that a buyer sends back: what was agreed, what came, and what became of it. See erpnext/return_authorisation.py."""

from __future__ import annotations

from frappe.model.document import Document

from commerce_bridge.erpnext import return_authorisation


class ReturnAuthorisation(Document):
	# begin: auto-generated types
	# This code is auto-generated. Do not modify anything in this block.

	from typing import TYPE_CHECKING

	if TYPE_CHECKING:
		from commerce_bridge.commerce_bridge.doctype.return_authorisation_line.return_authorisation_line import (
			ReturnAuthorisationLine,
		)
		from frappe.types import DF

		channel: DF.Link
		company: DF.Link
		customer: DF.Link | None
		decision: DF.SmallText | None
		external_id: DF.Data | None
		external_number: DF.Data | None
		lines: DF.Table[ReturnAuthorisationLine]
		note: DF.SmallText | None
		order_id: DF.Data | None
		order_number: DF.Data | None
		sales_invoice: DF.Link | None
		sales_order: DF.Link | None
		shop_status: DF.Data | None
		status: DF.Literal["Requested", "Approved", "Declined", "Received", "Closed", "Cancelled"]

	# end: auto-generated types
	def validate(self) -> None:
		return_authorisation.validate(self)

	def on_update(self) -> None:
		return_authorisation.tell(self)

	def on_trash(self) -> None:
		return_authorisation.on_trash(self)
