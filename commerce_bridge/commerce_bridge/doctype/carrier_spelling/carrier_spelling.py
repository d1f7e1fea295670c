"""What a storefront calls a carrier."""

from __future__ import annotations

from frappe.model.document import Document


class CarrierSpelling(Document):
	# begin: auto-generated types
	# This code is auto-generated. Do not modify anything in this block.

	from typing import TYPE_CHECKING

	if TYPE_CHECKING:
		from frappe.types import DF

		channel: DF.Link | None
		parent: DF.Data
		parentfield: DF.Data
		parenttype: DF.Data
		platform: DF.Data | None
		spelling: DF.Data
	# end: auto-generated types
	pass
