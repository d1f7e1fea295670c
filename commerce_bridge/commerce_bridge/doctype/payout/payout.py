"""What a gateway sent to the bank, and of what it is made. See erpnext/payout.py and erpnext/payout_entry.py."""

from __future__ import annotations

from frappe.model.document import Document

from commerce_bridge.erpnext import payout, payout_entry


class Payout(Document):
	# begin: auto-generated types
	# This code is auto-generated. Do not modify anything in this block.

	from typing import TYPE_CHECKING

	if TYPE_CHECKING:
		from commerce_bridge.commerce_bridge.doctype.payout_row.payout_row import PayoutRow
		from frappe.types import DF

		amended_from: DF.Link | None
		bank_account: DF.Link | None
		bank_reference: DF.Data | None
		channel: DF.Link
		clearing_account: DF.Link | None
		company: DF.Link
		control_difference: DF.Currency
		currency: DF.Link
		fee_account: DF.Link | None
		fee_tax_account: DF.Link | None
		gateway: DF.Data
		journal_entry: DF.Link | None
		net: DF.Currency
		paid_on: DF.Date
		payout_id: DF.Data
		payout_key: DF.Data | None
		rows: DF.Table[PayoutRow]
		rows_total: DF.Currency
		status: DF.Literal["To Match", "Ready", "Booked", "Cancelled"]
		unmatched: DF.Int

	# end: auto-generated types
	def autoname(self) -> None:
		self.name = payout.new_name(self)

	def validate(self) -> None:
		payout.validate(self)

	def before_submit(self) -> None:
		payout.refuse_unfinished(self)
		self.status = "Booked"

	def on_submit(self) -> None:
		payout_entry.book(self)

	def before_cancel(self) -> None:
		self.status = "Cancelled"
		self.payout_key = None  # the payout may be imported again

	def on_cancel(self) -> None:
		payout_entry.cancel(self)
