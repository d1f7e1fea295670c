"""A warehouse and the location of the storefront it is offered as."""

from __future__ import annotations

from frappe.model.document import Document


class ChannelWarehouse(Document):
	# begin: auto-generated types
	# This code is auto-generated. Do not modify anything in this block.

	from typing import TYPE_CHECKING

	if TYPE_CHECKING:
		from frappe.types import DF

		location_id: DF.Data | None
		parent: DF.Data
		parentfield: DF.Data
		parenttype: DF.Data
		warehouse: DF.Link
	# end: auto-generated types
	pass
