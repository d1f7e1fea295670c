"""Which shipping method is which service item, or a charge on which account."""

from __future__ import annotations

from frappe.model.document import Document


class ChannelShippingMethod(Document):
	# begin: auto-generated types
	# This code is auto-generated. Do not modify anything in this block.

	from typing import TYPE_CHECKING

	if TYPE_CHECKING:
		from frappe.types import DF

		account: DF.Link | None
		item: DF.Link | None
		method: DF.Data
		parent: DF.Data
		parentfield: DF.Data
		parenttype: DF.Data
	# end: auto-generated types
	pass
