"""A field of Item that goes to the storefront with the listing."""

from __future__ import annotations

from frappe.model.document import Document


class ChannelCatalogField(Document):
	# begin: auto-generated types
	# This code is auto-generated. Do not modify anything in this block.

	from typing import TYPE_CHECKING

	if TYPE_CHECKING:
		from frappe.types import DF

		custom_key: DF.Data | None
		item_field: DF.Data
		parent: DF.Data
		parentfield: DF.Data
		parenttype: DF.Data
	# end: auto-generated types
	pass
