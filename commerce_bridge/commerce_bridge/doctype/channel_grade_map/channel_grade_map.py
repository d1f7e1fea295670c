"""What a channel calls a grade of an item group in a condition. Without a row, a unit is not listed."""

from __future__ import annotations

import hashlib

import frappe
from frappe import _
from frappe.model.document import Document


class ChannelGradeMap(Document):
	# begin: auto-generated types
	# This code is auto-generated. Do not modify anything in this block.

	from typing import TYPE_CHECKING

	if TYPE_CHECKING:
		from frappe.types import DF

		blocked: DF.Check
		channel: DF.Link
		condition: DF.Literal["", "New", "Open Box", "Refurbished", "Used", "For Parts"]
		grade: DF.Link
		inbound_codes: DF.SmallText | None
		item_group: DF.Link | None
		map_key: DF.Data | None
		min_warranty_months: DF.Int
		needs_approval: DF.Check
		outbound_code: DF.Data | None

	# end: auto-generated types
	def before_validate(self) -> None:
		"""The key makes channel, item group, condition and grade unique together in the database."""
		parts = (self.channel, self.item_group or "", self.condition or "", self.grade or "")
		self.map_key = hashlib.sha256("\0".join(parts).encode()).hexdigest()

	def validate(self) -> None:
		self.validate_code()
		self.validate_unique()

	def validate_code(self) -> None:
		self.outbound_code = (self.outbound_code or "").strip()
		if not self.outbound_code and not self.blocked:
			frappe.throw(_("Fill in Code Sent, or tick Blocked"), frappe.MandatoryError)

	def validate_unique(self) -> None:
		"""The database refuses a second row as well; this says in words which one is there."""
		known = frappe.db.get_value(self.doctype, {"map_key": self.map_key, "name": ("!=", self.name)})
		if known:
			frappe.throw(
				_("There is a row already for {0}, item group {1}, condition {2}, grade {3}: {4}").format(
					self.channel,
					self.item_group or _("any"),
					self.condition or _("any"),
					self.grade,
					frappe.utils.get_link_to_form(self.doctype, known),
				),
				title=_("Twice the Same"),
			)
