"""Which tax of the storefront is booked on which account."""

from __future__ import annotations

from frappe.model.document import Document


class ChannelTax(Document):
	# begin: auto-generated types
	# This code is auto-generated. Do not modify anything in this block.

	from typing import TYPE_CHECKING

	if TYPE_CHECKING:
		from frappe.types import DF

		account: DF.Link
		code: DF.Data | None
		parent: DF.Data
		parentfield: DF.Data
		parenttype: DF.Data
		rate: DF.Data | None
		title: DF.Data | None
	# end: auto-generated types
	pass
