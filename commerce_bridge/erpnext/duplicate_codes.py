"""Codes that several Items or listings share, or that only people tell apart: to be put right before a first sync.

Three queries, each read row by row; what is kept of them are the codes.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import frappe

ITEMS = "SELECT name, item_name, disabled FROM `tabItem`"
BARCODES = (
	"SELECT barcode, parent AS item_code FROM `tabItem Barcode` WHERE parenttype = 'Item' AND barcode > ''"
)
LISTINGS = """SELECT name, channel, item_code, sku, product_id, variant_id FROM `tabChannel Listing`
	WHERE sku > '' AND publication != 'Delisted'"""
BARCODE, ALIKE, SHARED_SKU, OTHER_ITEM = (
	"Barcode on Several Items",
	"Item Codes Alike",
	"SKU on Several Listings",
	"SKU Is Another Item",
)
KINDS = (BARCODE, ALIKE, SHARED_SKU, OTHER_ITEM)


@dataclass(frozen=True, slots=True)
class Shared:
	"""One of the Items or listings that share a code; rows of one `group` belong together."""

	kind: str
	group: str
	code: str
	item_code: str
	channel: str | None = None
	listing: str | None = None
	product_id: str | None = None
	variant_id: str | None = None
	other_item: str | None = None


@dataclass(slots=True)
class _Codes:
	items: dict[str, list[str]] = field(default_factory=dict)  # plain form → item codes
	barcodes: dict[str, list[tuple[str, str]]] = field(default_factory=dict)  # GTIN → barcode, item code
	listings: dict[tuple[str, str], list[Any]] = field(default_factory=dict)  # channel, plain form → rows


def plain(code: str) -> str:
	"""A code without what people overlook: case, blanks, and ways to write the same letter."""
	return "".join(unicodedata.normalize("NFKC", code).casefold().split())


def gtin(barcode: str) -> str:
	"""A barcode as it is compared: 8, 12 and 13 figures are the same number as 14 with zeros before it.
	https://www.gs1.org/standards/id-keys/gtin
	"""
	code = plain(barcode)
	return code.zfill(14) if code.isascii() and code.isdigit() else code


def find(channel: str | None = None) -> list[Shared]:
	"""All that is shared; of one channel's listings only, where it is named."""
	codes = _read(channel)
	found = [*_barcodes(codes), *_alike(codes), *_shared_skus(codes), *_other_items(codes)]
	return found


def _rows(statement: str, values: dict[str, Any] | None = None) -> Iterator[Any]:
	with frappe.db.unbuffered_cursor():
		yield from frappe.db.sql(statement, values or {}, as_dict=True, as_iterator=True)


def _read(channel: str | None) -> _Codes:
	codes = _Codes()
	for row in _rows(ITEMS):
		codes.items.setdefault(plain(row.name), []).append(row.name)
	for row in _rows(BARCODES):
		codes.barcodes.setdefault(gtin(row.barcode), []).append((row.barcode, row.item_code))
	listings = f"{LISTINGS} AND channel = %(channel)s" if channel else LISTINGS
	for row in _rows(listings, {"channel": channel}):
		codes.listings.setdefault((row.channel, plain(row.sku)), []).append(row)
	return codes


def _barcodes(codes: _Codes) -> Iterator[Shared]:
	for number, rows in codes.barcodes.items():
		if len({item for _barcode, item in rows}) > 1:
			yield from (Shared(BARCODE, number, barcode, item) for barcode, item in rows)


def _alike(codes: _Codes) -> Iterator[Shared]:
	for form, names in codes.items.items():
		if len(names) > 1:
			yield from (Shared(ALIKE, form, name, name) for name in names)


def _shared_skus(codes: _Codes) -> Iterator[Shared]:
	for (_channel, form), rows in codes.listings.items():
		if len(rows) > 1:
			yield from (_of_listing(SHARED_SKU, form, row) for row in rows)


def _other_items(codes: _Codes) -> Iterator[Shared]:
	"""Listings whose SKU is the code of an Item that they are not of: an order of that SKU takes the listing's."""
	for (_channel, form), rows in codes.listings.items():
		names = codes.items.get(form, [])
		for row in rows:
			if names and plain(row.item_code) != form:
				yield _of_listing(OTHER_ITEM, form, row, names[0])


def _of_listing(kind: str, form: str, row: Any, other: str | None = None) -> Shared:
	return Shared(
		kind=kind,
		group=f"{row.channel}\0{form}",
		code=row.sku,
		item_code=row.item_code,
		channel=row.channel,
		listing=row.name,
		product_id=row.product_id,
		variant_id=row.variant_id,
		other_item=other,
	)
