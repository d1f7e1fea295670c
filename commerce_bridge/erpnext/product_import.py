"""A shop's products as Channel Listings, and where that is asked as Items; see `bridge.product_matching`.

A page of products is read about in a fixed number of queries. Each product has a savepoint of its own, and each Item
that is made: what ERPNext refuses is told of that variant, and the others go on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from itertools import count
from typing import Any

import frappe
import pymysql
from frappe.utils import now_datetime, strip_html

from commerce_bridge.bridge import feeds
from commerce_bridge.bridge.channel import Channel
from commerce_bridge.bridge.clock import utc_now
from commerce_bridge.bridge.errors import Rejected
from commerce_bridge.bridge.model import Product, ProductVariant
from commerce_bridge.bridge.product_import import require_item_group
from commerce_bridge.bridge.product_matching import (
	CODE_LENGTH,
	GONE,
	GONE_ADVICE,
	Known,
	Listed,
	Match,
	code_of,
	gone,
	left_without_item,
	match,
	shared_skus,
)
from commerce_bridge.bridge.protocols import Linked, PushResult
from commerce_bridge.erpnext import catalog, channel_listing, item_price, new_item, sql, stock_change, wake
from commerce_bridge.erpnext.channel_listing import DOCTYPE, KINDS, listing_key
from commerce_bridge.erpnext.time import to_site

COLUMNS = (
	"SELECT name, item_code, sku, product_id, variant_id, stock_id, listing_error FROM `tabChannel Listing`"
)
#: Each part has an index.
LISTINGS = " UNION ".join(
	f"{COLUMNS} WHERE channel = %(channel)s AND {column} IN %({column}s)s"
	for column in ("product_id", "sku", "item_code")
)
ITEMS = "SELECT name, has_variants FROM `tabItem` WHERE name IN %s"
BARCODES = """SELECT code.barcode, item.name, item.has_variants FROM `tabItem Barcode` code
	JOIN `tabItem` item ON item.name = code.parent WHERE code.barcode IN %s AND code.parenttype = 'Item'"""
IS_GONE = "COALESCE(listing_error, '') LIKE %(gone)s"
#: `IN ()` is no SQL; no row has this value.
NOTHING = ("\x1f",)
#: What ERPNext refuses of one document. A deadlock is none of it: the whole page is repeated then.
REFUSALS = (frappe.ValidationError, pymysql.err.IntegrityError, pymysql.err.DataError, Rejected)
NOT_REFUSALS = (frappe.QueryDeadlockError, frappe.QueryTimeoutError, frappe.TimestampMismatchError)
_savepoints = count()


@dataclass(slots=True)
class Page:
	"""What a page of products is worked on with, and what became of it."""

	channel: Channel
	create: bool
	overwrite: bool
	known: Known
	shared: set[str]
	maker: new_item.Maker
	rows: list[dict[str, Any]] = field(default_factory=list)  # listings to be inserted
	linked: list[str] = field(default_factory=list)  # items that were there before
	made: list[str] = field(default_factory=list)

	def checkpoint(self) -> Page:
		"""A copy that stays as it is now."""
		return replace(
			self, known=copy_of(self.known), rows=[*self.rows], linked=[*self.linked], made=[*self.made]
		)


def copy_of(known: Known) -> Known:
	return Known(
		dict(known.by_ids),
		dict(known.by_sku),
		dict(known.by_item),
		dict(known.items),
		set(known.templates),
		dict(known.barcodes),
	)


def link(
	channel: Channel, products: Sequence[Product], create: bool, overwrite: bool, prices: bool
) -> list[Linked]:
	"""See `Erp.link_products`."""
	if create:
		require_item_group(channel)
	if not products:
		return []
	if prices:
		item_price.require_list(channel, {row.currency for row in products if row.currency})
	page = _page(channel, products, create, overwrite)
	results: list[Linked] = []
	for product in products:
		page, done = _link_whole(page, product)
		results += done
	if prices:
		_keep_prices(channel, products, results)
	_tell(page)
	return results


def _page(channel: Channel, products: Sequence[Product], create: bool, overwrite: bool) -> Page:
	known, shared = _known(channel, products), shared_skus(products)
	_save_shown(known, products)
	maker = new_item.Maker(channel)
	if create:
		maker.prepare(
			product
			for product in products
			if not (product.gift_card or product.left_out)
			and any(match(product, row, known, shared).action == "missing" for row in product.variants)
		)
	return Page(channel, create, overwrite, known, shared, maker)


def _link_whole(page: Page, product: Product) -> tuple[Page, list[Linked]]:
	"""All variants of a product, or where that fails none, each with the reason."""
	before, results = page.checkpoint(), []
	error = _tried(lambda: results.extend(_link_product(page, product)))
	if error is None:
		return page, results
	return before, [Linked(row.id, row.sku, error=error) for row in product.variants]


def _tried(work: Callable[[], Any]) -> str | None:
	"""Does it in a savepoint; returns what ERPNext has against it, in words, with nothing of it left.

	`PermissionError` is raised: it is a matter of the whole import.
	"""
	name = f"commerce_bridge_{next(_savepoints)}"  # one of the same name would take the place of an outer one
	frappe.db.savepoint(name)
	try:
		work()
	except NOT_REFUSALS:
		raise
	except REFUSALS as error:
		frappe.db.rollback(save_point=name)
		frappe.local.message_log = []
		return _text(error)
	frappe.db.release_savepoint(name)
	return None


def _text(error: BaseException) -> str:
	if isinstance(error, frappe.DuplicateEntryError | pymysql.err.IntegrityError):
		return "ERPNext has something of this name already: look for an Item or a listing with this SKU"
	text = strip_html(str(error)).strip()[:500]
	if isinstance(error, frappe.MandatoryError):
		return f"ERPNext demands what the shop does not have: {text.rpartition(': ')[2]}"
	return text or type(error).__name__


# --- what is known ---------------------------------------------------------------------------------------


def _known(channel: Channel, products: Sequence[Product]) -> Known:
	"""Three queries, whatever the number of products."""
	variants = [row for product in products for row in product.variants]
	skus = {row.sku for row in variants if row.sku}
	codes = skus | {code_of(sku) for sku in skus}
	known = Known()
	for name, has_variants in frappe.db.sql(ITEMS, (tuple(codes) or NOTHING,)):
		known.add_item(name, template=bool(has_variants))
	barcodes = tuple({row.barcode for row in variants if row.barcode})
	for barcode, name, has_variants in frappe.db.sql(BARCODES, (barcodes or NOTHING,)):
		known.barcodes[barcode] = name
		if has_variants:
			known.templates.add(name)
	values = {
		"channel": channel.name,
		"product_ids": tuple(row.id for row in products),
		"skus": tuple(skus) or NOTHING,
		"item_codes": tuple(set(known.barcodes.values())) or NOTHING,
	}
	for row in frappe.db.sql(LISTINGS, values, as_dict=True):
		known.add_listing(
			Listed(
				name=row.name,
				item_code=row.item_code,
				sku=row.sku or None,
				product_id=row.product_id or None,
				variant_id=row.variant_id or None,
				stock_id=row.stock_id or None,
				gone=(row.listing_error or "").startswith(GONE),
			)
		)
	return known


def _save_shown(known: Known, products: Iterable[Product]) -> None:
	"""Keeps on the listings that the shop has their products, whatever else becomes of them."""
	ids = ((product.id, row.listed_id or "") for product in products for row in product.variants)
	names = tuple(known.by_ids[pair].name for pair in ids if pair in known.by_ids)
	if names:
		sql.execute(f"UPDATE `tab{DOCTYPE}` SET shown_at = %s WHERE name IN %s", (to_site(utc_now()), names))


# --- one product -----------------------------------------------------------------------------------------


def _link_product(page: Page, product: Product) -> list[Linked]:
	results = [_link_variant(page, product, row) for row in product.variants]
	sql.insert_rows(DOCTYPE, page.rows)
	page.rows.clear()
	_mark(gone(product, page.known), GONE_ADVICE)
	return results


def _link_variant(page: Page, product: Product, variant: ProductVariant) -> Linked:
	found = match(product, variant, page.known, page.shared)
	if found.action == "left":
		return Linked(variant.id, variant.sku, error=found.reason)
	if found.action == "missing":
		return _make(page, product, variant)
	assert found.item_code
	if found.action == "link":
		_list(page, product, variant, found.item_code)
		page.linked.append(found.item_code)
	else:
		_keep_ids(page, product, variant, found)
	problem = found.reason
	if page.overwrite and not problem:
		problem = _tried(lambda: new_item.overwrite(page.channel, product, variant, found.item_code or ""))
	return Linked(
		variant.id,
		variant.sku,
		found.item_code,
		"Nothing" if found.action == "known" else "Listing",
		problem,
	)


def _make(page: Page, product: Product, variant: ProductVariant) -> Linked:
	if not page.create or product.gift_card or product.left_out:
		return Linked(variant.id, variant.sku, error=left_without_item(product, variant))
	made: list[tuple[str, str | None]] = []
	templates = dict(page.maker.templates)
	error = _tried(lambda: made.append(page.maker.make(product, variant)))
	if error:
		page.maker.templates, page.maker.brands = templates, {}
		return Linked(variant.id, variant.sku, error=error)
	[(code, left_out)] = made
	page.known.add_item(code, variant.barcode)
	_list(page, product, variant, code)
	page.made.append(code)
	return Linked(variant.id, variant.sku, code, "Item", left_out)


def _list(page: Page, product: Product, variant: ProductVariant, item_code: str) -> None:
	"""A new listing. What the shop does not show is not published where we decide what it shows."""
	sku = variant.sku if variant.sku and len(variant.sku) <= CODE_LENGTH else item_code
	stamp = now_datetime()
	row = {
		"name": sql.new_name(),
		"channel": page.channel.name,
		"item_code": item_code,
		"sku": sku,
		"product_id": product.id,
		"variant_id": variant.listed_id,
		"stock_id": variant.stock_id,
		"publication": "Published"
		if product.published or not page.channel.catalog.push_listings
		else "Paused",
		"listing_key": listing_key(page.channel.name, product.id, variant.listed_id, sku),
		"shown_at": to_site(utc_now()),
		**dict.fromkeys(channel_listing.CHANGED.values(), stamp),
	}
	page.rows.append(row)
	page.known.add_listing(
		Listed(row["name"], item_code, sku, product.id, variant.listed_id, variant.stock_id)
	)


def _keep_ids(page: Page, product: Product, variant: ProductVariant, found: Match) -> None:
	"""What the shop calls the listing now; nothing is written where that is known."""
	listed = found.listing
	assert listed
	stock_id = variant.stock_id or listed.stock_id
	kept = replace(listed, product_id=product.id, variant_id=variant.listed_id, stock_id=stock_id, gone=False)
	if kept == listed:
		return
	sql.execute(
		f"""UPDATE `tab{DOCTYPE}` SET product_id = %s, variant_id = %s, stock_id = %s, listing_key = %s,
			shown_at = %s, listing_error = {"NULL" if listed.gone else "listing_error"} WHERE name = %s""",
		(
			*(product.id, variant.listed_id, stock_id),
			listing_key(page.channel.name, product.id, variant.listed_id, listed.sku),
			*(to_site(utc_now()), listed.name),
		),
	)
	if listed.variant_id != variant.listed_id or listed.product_id != product.id:
		page.known.by_ids.pop((listed.product_id or "", listed.variant_id or ""), None)
		_forget_pushed(listed.name)
	if found.action == "adopt" or listed.gone:
		page.linked.append(listed.item_code)
	page.known.add_listing(kept)


def _forget_pushed(listing: str) -> None:
	"""Under its new ids the shop was told nothing of it yet."""
	sql.execute(
		f"UPDATE `tab{channel_listing.LEVEL}` SET pushed_at = NULL WHERE parent = %s AND parenttype = %s",
		(listing, DOCTYPE),
	)


# --- prices ----------------------------------------------------------------------------------------------


def _keep_prices(channel: Channel, products: Sequence[Product], results: list[Linked]) -> None:
	"""The shop's prices of the items that the price lists have none of."""
	variants = {row.id: row for product in products for row in product.variants}
	items = {row.item_code: variants[row.variant_id] for row in results if row.item_code}
	wanted: dict[str, dict[str, Decimal]] = {channel.price_list: {}}
	if channel.catalog.compare_at_list:
		wanted[channel.catalog.compare_at_list] = {}
	for code, variant in items.items():
		if variant.price and variant.price > 0:
			wanted[channel.price_list][code] = variant.price
		if (
			channel.catalog.compare_at_list
			and variant.compare_at
			and variant.compare_at > (variant.price or 0)
		):
			wanted[channel.catalog.compare_at_list][code] = variant.compare_at
	refused: dict[str, str] = {}
	for price_list, amounts in wanted.items():
		for code in item_price.without_price(price_list, list(amounts)):
			error = _tried(
				lambda code=code, amounts=amounts, price_list=price_list: item_price.add(
					price_list, code, amounts[code]
				)
			)
			if error:
				refused[code] = f"The price is left out: {error}"
	for place, row in enumerate(results):
		if row.item_code in refused:
			reasons = (row.error, refused[row.item_code])
			results[place] = replace(row, error="; ".join(filter(None, reasons)))


# --- deleted in the shop ---------------------------------------------------------------------------------


def mark_deleted(channel: str, product_id: str) -> int:
	"""See `Erp.mark_deleted`. What is offered stays as it is: a person decides, and a variant may come back."""
	return sql.execute(
		f"""UPDATE `tab{DOCTYPE}` SET listing_error = %(advice)s
		WHERE channel = %(channel)s AND product_id = %(product)s AND NOT {IS_GONE}""",
		{"channel": channel, "product": product_id, **_marks()},
	)


def mark_not_exported(channel: str, since: datetime) -> int:
	"""See `Erp.mark_not_exported`. What was made in the shop meanwhile is in no export yet."""
	return sql.execute(
		f"""UPDATE `tab{DOCTYPE}` SET listing_error = %(advice)s
		WHERE channel = %(channel)s AND COALESCE(product_id, '') != '' AND publication != 'Delisted'
			AND creation < %(since)s AND (shown_at IS NULL OR shown_at < %(since)s)
			AND (listing_pushed_at IS NULL OR listing_pushed_at < %(since)s) AND NOT {IS_GONE}""",
		{"channel": channel, "since": to_site(since), **_marks()},
	)


def _mark(listings: Sequence[str], text: str) -> None:
	if listings:
		sql.execute(f"UPDATE `tab{DOCTYPE}` SET listing_error = %s WHERE name IN %s", (text, tuple(listings)))


def _marks() -> Mapping[str, str]:
	return {"advice": GONE_ADVICE, "gone": f"{GONE}%"}


# --- into the outbox -------------------------------------------------------------------------------------


def _tell(page: Page) -> None:
	"""The shop is told of Items that were there before. Of those made of what it shows, it needs the stock alone:
	that it shows the rest is kept, or it would be sent back what came from it."""
	for kind in KINDS:
		stock_change.add_items(dict.fromkeys(page.linked), DOCTYPE, kind)
	stock_change.add_items(dict.fromkeys(page.made), DOCTYPE, "stock")
	if page.made:
		_note_shown(page)
	if page.made or page.linked:
		frappe.db.after_commit.add(wake.wake)


def _note_shown(page: Page) -> None:
	channel, made, now = page.channel, list(dict.fromkeys(page.made)), utc_now()
	if feeds.pushes_listings(channel):
		contents = [row.content for row in catalog.contents(channel, made) if row.content.published]
		pushed = [(row, PushResult(row.listing)) for row in contents]
		channel_listing.save_pushed_listings(channel.name, pushed, now)
	elif feeds.pushes_prices(channel):
		rows = [row.price for row in item_price.prices(channel, made) if row.problem is None]
		channel_listing.save_pushed_prices(channel.name, rows, now)
