"""DocType Item: found for the lines of an order by listing, SKU and barcode, all lines at once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import frappe

from commerce_bridge.bridge.channel import Channel
from commerce_bridge.bridge.plan import Item, ItemKey

FOUND = """SELECT item_code, sku, product_id, variant_id, uom, grade, name, creation FROM `tabChannel Listing`
	WHERE channel = %(channel)s"""
#: Each half has an index; an OR of the two would read every listing of the channel.
LISTINGS = f"""{FOUND} AND sku IN %(skus)s UNION {FOUND} AND product_id IN %(products)s ORDER BY creation"""
BARCODES = """SELECT barcode, parent FROM `tabItem Barcode` WHERE barcode IN %s AND parenttype = 'Item'"""
ITEMS = """SELECT item.name, item.item_name, item.stock_uom, bundle.name IS NOT NULL AS is_bundle
	FROM `tabItem` item LEFT JOIN `tabProduct Bundle` bundle
		ON bundle.new_item_code = item.name AND bundle.disabled = 0
	WHERE item.name IN %s"""
#: `IN ()` is no SQL; no row has this value.
NOTHING = ("\x1f",)


def find(channel: Channel, keys: Iterable[ItemKey]) -> dict[ItemKey, Item]:
	"""Items by listing (product and variant, then its SKU), item code, barcode: at most one query each.

	Keys without an item are absent. The collation takes "é" for "e" and ignores outer blanks; an item is
	found only under its own spelling, upper and lower case aside.
	"""
	wanted = list(dict.fromkeys(keys))
	if not wanted:
		return {}
	listings = _listings(channel, wanted)
	barcodes = _barcodes(wanted)
	codes = {row.item_code for row in listings.values()} | set(barcodes.values())
	items = _items(codes | {key.sku for key in wanted if key.sku})
	found = {key: _match(key, listings, barcodes, items) for key in wanted}
	return {key: item for key, item in found.items() if item}


def _listings(channel: Channel, keys: list[ItemKey]) -> dict[tuple[str, ...], Any]:
	"""Listings by (product, variant), by (product,) where it has no variant, and by ("sku", SKU)."""
	values = {
		"channel": channel.name,
		"skus": tuple({key.sku for key in keys if key.sku}) or NOTHING,
		"products": tuple({key.product_id for key in keys if key.product_id}) or NOTHING,
	}
	listings: dict[tuple[str, ...], Any] = {}
	for row in frappe.db.sql(LISTINGS, values, as_dict=True):
		if row.product_id:
			listings.setdefault(("product", row.product_id, row.variant_id or ""), row)
		if row.sku:
			listings.setdefault(("sku", _spelling(row.sku)), row)
	return listings


def _barcodes(keys: list[ItemKey]) -> dict[str, str]:
	barcodes = tuple({key.barcode for key in keys if key.barcode})
	return dict(frappe.db.sql(BARCODES, (barcodes,))) if barcodes else {}


def _items(codes: set[str]) -> dict[str, Any]:
	if not codes:
		return {}
	rows = frappe.db.sql(ITEMS, (tuple(codes),), as_dict=True)
	return {_spelling(row.name): row for row in rows}


def _match(
	key: ItemKey, listings: dict[tuple[str, ...], Any], barcodes: dict[str, str], items: dict[str, Any]
) -> Item | None:
	listing = _listing_of(key, listings)
	codes = (listing and listing.item_code, key.sku, key.barcode and barcodes.get(key.barcode))
	row = next((items[_spelling(code)] for code in codes if code and _spelling(code) in items), None)
	if not row:
		return None
	return Item(
		item_code=row.name,
		item_name=row.item_name,
		stock_uom=row.stock_uom,
		is_bundle=bool(row.is_bundle),
		listing=listing.name if listing else None,
		uom=(listing.uom if listing else None) or row.stock_uom,
		grade=listing.grade if listing else None,
	)


def _listing_of(key: ItemKey, listings: dict[tuple[str, ...], Any]) -> Any:
	by_product = key.product_id and listings.get(("product", key.product_id, key.variant_id or ""))
	return by_product or (key.sku and listings.get(("sku", _spelling(key.sku)))) or None


def _spelling(code: str) -> str:
	return code.casefold()
