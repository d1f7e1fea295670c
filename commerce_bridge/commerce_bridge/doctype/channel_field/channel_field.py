"""A value of the storefront's payload and the field it is written to."""

from __future__ import annotations

from frappe.model.document import Document


class ChannelField(Document):
	# begin: auto-generated types
	# This code is auto-generated. Do not modify anything in this block.

	from typing import TYPE_CHECKING

	if TYPE_CHECKING:
		from frappe.types import DF

		default_value: DF.Data | None
		fieldname: DF.Data
		parent: DF.Data
		parentfield: DF.Data
		parenttype: DF.Data
		path: DF.Data
		target_doctype: DF.Literal["Sales Order", "Sales Order Item", "Customer"]
		transform: DF.Literal[
			"", "upper", "lower", "strip", "date", "datetime", "integer", "decimal", "boolean"
		]
	# end: auto-generated types
	pass
