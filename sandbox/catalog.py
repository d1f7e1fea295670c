"""What the embedded ERP knows of a product beside its stock: a name, a price, where it is shown."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from commerce_bridge.bridge.channel import Channel
from commerce_bridge.bridge.feeds import fingerprint_of, pushes_prices
from commerce_bridge.bridge.model import Component, Listing, Price
from commerce_bridge.bridge.protocols import Kind, ListingContent, ListingPrice, PushResult
from sandbox.database import Database, Row, marks, to_decimal

#: Before the fingerprint of a listing that was told not to be shown.
HIDDEN = "hidden:"


class Catalog:
	_database: Database

	# --- the protocol

	def listing_prices(self, channel: Channel, item_codes: Sequence[str]) -> list[ListingPrice]:
		return [
			ListingPrice(self._price(channel, row), row["pushed_price"], self._problem(channel, row))
			for row in self._listed_rows(channel, item_codes)
			if row["publication"] != "Delisted" and is_in_shop(channel, row)
		]

	def listing_contents(self, channel: Channel, item_codes: Sequence[str]) -> list[ListingContent]:
		return [
			ListingContent(self._content(channel, row), (row["pushed_listing"] or "").removeprefix(HIDDEN))
			for row in self._listed_rows(channel, item_codes)
		]

	def save_pushed_prices(self, channel: str, pushed: Sequence[Price], now: datetime) -> None:
		for price in pushed:
			self._database.write(
				"update listings set pushed_price = ?, price_error = null where name = ?",
				*(fingerprint_of(price), price.listing),
			)

	def save_pushed_listings(
		self, channel: str, pushed: Sequence[tuple[Listing, PushResult]], now: datetime
	) -> None:
		for listing, result in pushed:
			self._save_pushed_listing(listing, result)

	def _save_pushed_listing(self, listing: Listing, result: PushResult) -> None:
		row = self._database.read_one("select * from listings where name = ?", listing.listing)
		ids = {
			"product_id": result.product_id or listing.product_id,
			"variant_id": result.variant_id or listing.variant_id,
		}
		mark = "" if listing.published else HIDDEN
		gone = row["publication"] == "Delisted" and not listing.published
		price = listing.price and fingerprint_of(listing.price.model_copy(update=ids))
		self._database.write(
			"update listings set product_id = ?, variant_id = ?, pushed_listing = ?, pushed_price = ?,"
			" price_error = ?, listing_error = null where name = ?",
			*ids.values(),
			None if gone else mark + fingerprint_of(listing.model_copy(update=ids)),
			price or row["pushed_price"],
			None if price else row["price_error"],
			listing.listing,
		)
		if gone:  # nothing of it is sold there, and if it comes back its level is sent anew
			self._database.write("delete from listing_levels where listing = ?", listing.listing)
		if listing.published and (row["pushed_listing"] or HIDDEN).startswith(HIDDEN):
			self._note(listing.item_code, "stock", "price")

	# --- what a person does in the ERP; each is a transaction of its own

	def set_price(self, item_code: str, amount: Decimal) -> None:
		"""An Item Price of the one price list."""
		with self._database.transaction():
			self._database.write("insert or replace into item_prices values (?, ?)", item_code, str(amount))
			self._note(item_code, "price", "listing")

	def rename_item(self, item_code: str, title: str) -> None:
		with self._database.transaction():
			self._database.write("update items set item_name = ? where item_code = ?", title, item_code)
			self._note(item_code, "listing")

	def publish(self, item_code: str, publication: str) -> None:
		"""Publishes, pauses or delists an item in every channel."""
		with self._database.transaction():
			self._database.write(
				"update listings set publication = ? where item_code = ?", publication, item_code
			)
			self._note(item_code, "listing", "price", "stock")

	def _note(self, item_code: str, *kinds: Kind) -> None:
		for kind in kinds:
			self._database.insert("stock_changes", kind=kind, item_code=item_code)

	# --- how rows are read

	def _listed_rows(self, channel: Channel, item_codes: Sequence[str]) -> list[Row]:
		return self._database.read(
			"select listings.*, item_name, stock_uom, disabled, amount from listings"
			" join items on items.item_code = listings.item_code"
			" left join item_prices on item_prices.item_code = listings.item_code"
			" where channel = ? and (publication != 'Delisted' or pushed_listing is not null)"
			f" and listings.item_code in ({marks(item_codes)}) order by listings.name",
			*(channel.name, *item_codes),
		)

	def _price(self, channel: Channel, row: Row) -> Price:
		return Price(
			**_ids(row),
			currency=channel.currency,
			amount=to_decimal(row["price"]) or to_decimal(row["amount"]),
		)

	def _problem(self, channel: Channel, row: Row) -> str | None:
		if self._price(channel, row).amount is not None:
			return None
		return f"No price for {row['item_code']}: add one"

	def _content(self, channel: Channel, row: Row) -> Listing:
		priced = pushes_prices(channel)
		reason = None
		if row["publication"] != "Published":
			reason = f"The listing is {row['publication']}"
		elif row["disabled"]:
			reason = f"{row['item_code']} is disabled"
		elif priced:
			reason = self._problem(channel, row)
		price = self._price(channel, row) if priced else None
		return Listing(
			**_ids(row),
			published=reason is None,
			reason=reason,
			title=row["item_name"] if channel.ownership.title == "ERPNext" else None,
			uom=row["uom"] or row["stock_uom"],
			barcodes=self._column("select barcode from barcodes where item_code = ?", row),
			components=tuple(
				Component(sku=part["child"], quantity=Decimal(part["qty"]))
				for part in self._database.read("select * from bundles where parent = ?", row["item_code"])
			),
			grade=row["grade"],
			price=price if price and price.amount is not None else None,
		)

	def _column(self, statement: str, row: Row) -> tuple[str, ...]:
		return tuple(found[0] for found in self._database.read(statement, row["item_code"]))


def is_in_shop(channel: Channel, row: Row) -> bool:
	"""Whether the shop has the product: where we create products there, not before it took the first content."""
	if not channel.catalog.push_listings or row["product_id"]:
		return True
	return not (row["pushed_listing"] or HIDDEN).startswith(HIDDEN)


def _ids(row: Row) -> dict[str, str | None]:
	return {
		"listing": row["name"],
		"item_code": row["item_code"],
		"sku": row["sku"],
		"product_id": row["product_id"],
		"variant_id": row["variant_id"],
	}
