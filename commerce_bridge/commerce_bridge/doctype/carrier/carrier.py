"""Who carries parcels: how people write it, how each storefront spells it, and where buyers follow a parcel."""

from __future__ import annotations

import frappe
from frappe import _
from frappe.model.document import Document

from commerce_bridge.erpnext import carrier


class Carrier(Document):
	# begin: auto-generated types
	# This code is auto-generated. Do not modify anything in this block.

	from typing import TYPE_CHECKING

	if TYPE_CHECKING:
		from frappe.types import DF

		from commerce_bridge.commerce_bridge.doctype.carrier_spelling.carrier_spelling import CarrierSpelling

		aliases: DF.SmallText | None
		carrier_name: DF.Data
		spellings: DF.Table[CarrierSpelling]
		tracking_url: DF.Data | None

	# end: auto-generated types
	def validate(self) -> None:
		self.validate_tracking_url()
		self.validate_aliases()
		self.validate_spellings()

	def validate_tracking_url(self) -> None:
		"""The address must be one of the web, and must have a place for the number."""
		if not self.tracking_url:
			return
		if carrier.PLACE not in self.tracking_url:
			frappe.throw(_("Tracking URL: write {0} where the number belongs").format(carrier.PLACE))
		if not carrier.web_address(carrier.filled(self.tracking_url, "1")):
			frappe.throw(_("Tracking URL must begin with http:// or https://"))

	def validate_aliases(self) -> None:
		"""A spelling that means two carriers would send one's parcels to the other's address."""
		meant = carrier.names_taken(besides=self.name)
		for written in (self.carrier_name, *carrier.lines(self.aliases)):
			other = meant.get(carrier.normalized(written))
			if other:
				frappe.throw(_("{0} already means the carrier {1}").format(written, other))

	def validate_spellings(self) -> None:
		seen = set()
		for row in self.spellings:
			key = row.channel or row.platform
			if not key:
				frappe.throw(_("Spellings, row {0}: choose a platform or a channel").format(row.idx))
			if key in seen:
				frappe.throw(_("Spellings, row {0}: {1} has a row already").format(row.idx, key))
			seen.add(key)
