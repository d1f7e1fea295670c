"""A position of a return, or one unit of it."""

from __future__ import annotations

from frappe.model.document import Document


class ReturnAuthorisationLine(Document):
	# begin: auto-generated types
	# This code is auto-generated. Do not modify anything in this block.

	from typing import TYPE_CHECKING

	if TYPE_CHECKING:
		from frappe.types import DF

		condition_declared: DF.Data | None
		condition_found: DF.Literal["", "New", "Open Box", "Refurbished", "Used", "For Parts"]
		disposition: DF.Literal["", "Restock", "Refurbish", "Scrap"]
		grade_found: DF.Link | None
		inspection_result: DF.SmallText | None
		item_code: DF.Link
		item_name: DF.Data | None
		order_line_id: DF.Data | None
		parent: DF.Data
		parentfield: DF.Data
		parenttype: DF.Data
		quantity: DF.Float
		reason: DF.Data | None
		received: DF.Float
		serial_declared: DF.Data | None
		serial_no: DF.Link | None
		warehouse: DF.Link | None
	# end: auto-generated types
	pass
