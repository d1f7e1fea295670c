"""One movement of a payout, and the document that booked it, or the account that it is booked to."""

from __future__ import annotations

from frappe.model.document import Document


class PayoutRow(Document):
	# begin: auto-generated types
	# This code is auto-generated. Do not modify anything in this block.

	from typing import TYPE_CHECKING

	if TYPE_CHECKING:
		from frappe.types import DF

		account: DF.Link | None
		fee: DF.Currency
		fee_booked: DF.Currency
		fee_tax: DF.Currency
		fee_tax_booked: DF.Currency
		gross: DF.Currency
		kind: DF.Literal["Payment", "Refund", "Dispute", "Fee", "Adjustment", "Reserve"]
		matched_amount: DF.Currency
		matched_doctype: DF.Link | None
		matched_document: DF.DynamicLink | None
		moved_on: DF.Date | None
		net: DF.Currency
		note: DF.SmallText | None
		order_number: DF.Data | None
		parent: DF.Data
		parentfield: DF.Data
		parenttype: DF.Data
		problem: DF.SmallText | None
		reference: DF.Data | None
		remark: DF.SmallText | None
		row_id: DF.Data
		state: DF.Literal["Unmatched", "Matched", "Accepted"]
	# end: auto-generated types
	pass
