"""Which account the money of a gateway is booked on."""

from __future__ import annotations

from frappe.model.document import Document


class ChannelPaymentMap(Document):
	# begin: auto-generated types
	# This code is auto-generated. Do not modify anything in this block.

	from typing import TYPE_CHECKING

	if TYPE_CHECKING:
		from frappe.types import DF

		account: DF.Link | None
		book: DF.Literal["Now", "On Capture", "On Delivery", "Never"]
		fee_account: DF.Link | None
		fee_tax_account: DF.Link | None
		gateway: DF.Data
		mode_of_payment: DF.Link | None
		order_currency: DF.Link | None
		parent: DF.Data
		parentfield: DF.Data
		parenttype: DF.Data
	# end: auto-generated types
	pass
