"""Products of a shop as items and listings of the embedded ERP. It knows no templates: each variant is an item."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from commerce_bridge.bridge.channel import Channel
from commerce_bridge.bridge.clock import Now
from commerce_bridge.bridge.model import Product, ProductVariant
from commerce_bridge.bridge.product_import import require_item_group
from commerce_bridge.bridge.product_matching import (
	GONE,
	GONE_ADVICE,
	Known,
	Listed,
	code_of,
	gone,
	left_without_item,
	match,
	shared_skus,
)
from commerce_bridge.bridge.protocols import Kind, Linked
from sandbox.database import Database, Row, to_text

KINDS: tuple[Kind, ...] = ("listing", "price", "stock")


class Products:
	_database: Database
	_now: Now

	# --- the protocol

	def link_products(
		self,
		channel: Channel,
		products: Sequence[Product],
		create: bool,
		overwrite: bool = False,
		prices: bool = False,
	) -> list[Linked]:
		if create:
			require_item_group(channel)
		known, shared, results = self._known(channel), shared_skus(products), []
		for product in products:
			for variant in product.variants:
				result = self._link(channel, known, shared, product, variant, create)
				results.append(result)
				if result.item_code and prices and variant.price:
					self._database.write(
						"insert or ignore into item_prices values (?, ?)",
						result.item_code,
						str(variant.price),
					)
				if result.made == "Nothing" and result.item_code and overwrite:
					self._overwrite(channel, product, result.item_code)
			for listing in gone(product, known):
				self._set(listing, listing_error=GONE_ADVICE)
		return results

	def mark_deleted(self, channel: str, product_id: str) -> int:
		return self._database.write(
			"update listings set listing_error = ? where channel = ? and product_id = ?"
			" and coalesce(listing_error, '') not like ?",
			*(GONE_ADVICE, channel, product_id, f"{GONE}%"),
		)

	def mark_not_exported(self, channel: str, since: datetime) -> int:
		return self._database.write(
			"update listings set listing_error = ? where channel = ? and product_id is not null"
			" and publication <> 'Delisted' and (shown_at is null or shown_at < ?)"
			" and coalesce(listing_error, '') not like ?",
			*(GONE_ADVICE, channel, to_text(since), f"{GONE}%"),
		)

	# --- how it is done

	def _known(self, channel: Channel) -> Known:
		known = Known()
		for row in self._database.read("select item_code from items"):
			known.add_item(row["item_code"])
		for row in self._database.read("select * from barcodes"):
			known.barcodes[row["barcode"]] = row["item_code"]
		rows = self._database.read("select * from listings where channel = ? order by name", channel.name)
		for row in rows:
			known.add_listing(_listed(row))
		return known

	def _link(
		self,
		channel: Channel,
		known: Known,
		shared: set[str],
		product: Product,
		variant: ProductVariant,
		create: bool,
	) -> Linked:
		found = match(product, variant, known, shared)
		if found.action in ("known", "adopt"):
			assert found.listing
			self._keep_ids(known, found.listing, product, variant)
			made = "Nothing" if found.action == "known" else "Listing"
			for kind in KINDS if made == "Listing" else ():
				self._database.insert("stock_changes", kind=kind, item_code=found.item_code)
			return Linked(variant.id, variant.sku, found.item_code, made, found.reason)
		if found.action == "left":
			return Linked(variant.id, variant.sku, error=found.reason)
		if found.action == "link":
			assert found.item_code
			self._list(channel, known, product, variant, found.item_code, KINDS)
			return Linked(variant.id, variant.sku, found.item_code, "Listing")
		if not create or product.gift_card or product.left_out:
			return Linked(variant.id, variant.sku, error=left_without_item(product, variant))
		return self._make(channel, known, product, variant)

	def _make(self, channel: Channel, known: Known, product: Product, variant: ProductVariant) -> Linked:
		code = code_of(variant.sku or f"{channel.name}-{variant.id}")
		self._database.insert(
			"items",
			item_code=code,
			item_name=" - ".join(filter(None, (product.title, variant.title))),
			stock_uom="Nos",
			is_stock_item=variant.tracked,
		)
		if variant.barcode:
			self._database.insert("barcodes", barcode=variant.barcode, item_code=code)
		known.add_item(code, variant.barcode)
		# What the shop shows is what the item was made of: there is nothing to tell it but the stock.
		self._list(channel, known, product, variant, code, ("stock",))
		return Linked(variant.id, variant.sku, code, "Item")

	def _list(
		self,
		channel: Channel,
		known: Known,
		product: Product,
		variant: ProductVariant,
		item_code: str,
		kinds: Sequence[Kind],
	) -> None:
		name = self._database.next_name("LIST-")
		self._database.insert(
			"listings",
			name=name,
			channel=channel.name,
			item_code=item_code,
			sku=variant.sku or item_code,
			product_id=product.id,
			variant_id=variant.listed_id,
			stock_id=variant.stock_id,
			shown_at=to_text(self._now()),
		)
		known.add_listing(
			Listed(name, item_code, variant.sku or item_code, product.id, variant.listed_id, variant.stock_id)
		)
		for kind in kinds:
			self._database.insert("stock_changes", kind=kind, item_code=item_code)

	def _keep_ids(self, known: Known, listed: Listed, product: Product, variant: ProductVariant) -> None:
		ids = {
			"product_id": product.id,
			"variant_id": variant.listed_id,
			"stock_id": variant.stock_id or listed.stock_id,
		}
		cleared = {"listing_error": None} if listed.gone else {}
		self._set(listed.name, **ids, **cleared, shown_at=to_text(self._now()))
		if listed.variant_id != variant.listed_id:
			known.by_ids.pop((listed.product_id or "", listed.variant_id or ""), None)
		known.add_listing(Listed(listed.name, listed.item_code, listed.sku, **ids))

	def _overwrite(self, channel: Channel, product: Product, item_code: str) -> None:
		if channel.ownership.title == "Storefront":
			self._database.write(
				"update items set item_name = ? where item_code = ?", product.title, item_code
			)

	def _set(self, listing: str, **values: str | None) -> None:
		columns = ", ".join(f"{name} = ?" for name in values)
		self._database.write(f"update listings set {columns} where name = ?", *values.values(), listing)


def _listed(row: Row) -> Listed:
	return Listed(
		name=row["name"],
		item_code=row["item_code"],
		sku=row["sku"],
		product_id=row["product_id"],
		variant_id=row["variant_id"],
		stock_id=row["stock_id"],
		gone=(row["listing_error"] or "").startswith(GONE),
	)
