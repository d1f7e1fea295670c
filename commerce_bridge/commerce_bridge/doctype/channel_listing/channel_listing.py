"""Which item, grade or single unit is sold as which product of a storefront."""

from __future__ import annotations

import hashlib

import frappe
from frappe import _
from frappe.model.document import Document
from frappe.utils import now_datetime

CHANGED_AT = ("stock_changed_at", "price_changed_at", "listing_changed_at")


class ChannelListing(Document):
	# begin: auto-generated types
	# This code is auto-generated. Do not modify anything in this block.

	from typing import TYPE_CHECKING

	if TYPE_CHECKING:
		from commerce_bridge.commerce_bridge.doctype.channel_listing_level.channel_listing_level import (
			ChannelListingLevel,
		)
		from frappe.types import DF

		channel: DF.Link
		condition: DF.Literal["", "New", "Open Box", "Refurbished", "Used", "For Parts"]
		grade: DF.Link | None
		item_code: DF.Link
		levels: DF.Table[ChannelListingLevel]
		listing_changed_at: DF.Datetime | None
		listing_error: DF.SmallText | None
		listing_key: DF.Data | None
		listing_pushed_at: DF.Datetime | None
		not_listed_because: DF.SmallText | None
		price: DF.Currency
		price_changed_at: DF.Datetime | None
		price_error: DF.SmallText | None
		price_pushed_at: DF.Datetime | None
		product_id: DF.Data | None
		publication: DF.Literal["Published", "Paused", "Delisted"]
		pushed_amount: DF.Data | None
		pushed_listing: DF.Data | None
		pushed_price: DF.Data | None
		serial_no: DF.Link | None
		shown_at: DF.Datetime | None
		sku: DF.Data | None
		stock_changed_at: DF.Datetime | None
		stock_error: DF.SmallText | None
		stock_id: DF.Data | None
		uom: DF.Link | None
		variant_id: DF.Data | None
		warning: DF.SmallText | None

	# end: auto-generated types
	def before_insert(self) -> None:
		"""Whoever reads what changed since a time finds a new listing."""
		self.update(dict.fromkeys(CHANGED_AT, now_datetime()))

	def before_validate(self) -> None:
		"""The key makes a listing unique in the database, whoever inserts it."""
		self.sku = (self.sku or self.item_code or "").strip()
		self.listing_key = listing_key(self.channel, self.product_id, self.variant_id, self.sku)

	def validate(self) -> None:
		self.validate_serial_no()

	def validate_serial_no(self) -> None:
		if not self.serial_no:
			return
		item_code = frappe.db.get_value("Serial No", self.serial_no, "item_code")
		if item_code != self.item_code:
			frappe.throw(_("Serial No {0} is of item {1}").format(self.serial_no, item_code))


def listing_key(channel: str, product_id: str | None, variant_id: str | None, sku: str | None) -> str:
	"""SHA-256, hex, of what identifies a listing. Hashed, since the database compares text loosely."""
	return hashlib.sha256(
		"\0".join((channel, product_id or "", variant_id or "", sku or "")).encode()
	).hexdigest()


def on_doctype_update() -> None:
	"""Indexes of the ways a listing is looked up: by item for stock, by SKU and by product for orders, by what
	changed for those who read pages. Listings from before those times were kept get theirs."""
	frappe.db.add_index("Channel Listing", ["channel", "item_code"], "channel_item")
	frappe.db.add_index("Channel Listing", ["channel", "sku"], "channel_sku")
	frappe.db.add_index("Channel Listing", ["channel", "product_id"], "channel_product")
	frappe.db.add_index("Channel Listing", ["item_code", "channel"], "item_channel")
	for column in CHANGED_AT:
		frappe.db.add_index("Channel Listing", ["channel", column], f"channel_{column}")
		frappe.db.sql(f"UPDATE `tabChannel Listing` SET {column} = modified WHERE {column} IS NULL")
