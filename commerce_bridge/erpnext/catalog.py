"""What a storefront is to show of every listing, for any number of items, in a fixed number of queries.

Only what the channel says is ours is filled in. What keeps a listing off the shop is told in words.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import frappe
from frappe.utils import cstr, get_url

from commerce_bridge.bridge.channel import Channel
from commerce_bridge.bridge.feeds import pushes_prices
from commerce_bridge.bridge.model import Component, Listing
from commerce_bridge.bridge.protocols import ListingContent, ListingPrice
from commerce_bridge.erpnext import (
	bin,
	channel_grade_map,
	channel_listing,
	channel_settings,
	html,
	item_price,
	serial_no,
	stock_change,
)
from commerce_bridge.erpnext.channel_settings import decimal

#: Characters of a description, its tags included.
DESCRIPTION_LIMIT = 20_000
IMAGES_SHOWN = 20
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".gif", ".webp", ".avif", ".svg")
NO_ADDRESS = (
	"Images are left out: this site has no public https address. "
	"Set host_name in site_config.json, such as https://erp.example.com"
)
#: Fields of Item that no storefront may be told: what the goods cost us.
SECRET_FIELDS = frozenset(("valuation_rate", "last_purchase_rate"))

LISTINGS = f"""SELECT listing.name, listing.item_code, listing.sku, listing.product_id, listing.variant_id,
		listing.publication, listing.pushed_listing, listing.serial_no,
		COALESCE(NULLIF(listing.uom, ''), item.stock_uom) AS uom,
		IF(COALESCE(listing.uom, '') IN ('', item.stock_uom), 1,
			{channel_listing.UOM_FACTOR}) AS factor,
		item.item_name, item.description, item.image, item.brand, item.item_group, item.weight_per_unit,
		item.weight_uom, item.variant_of, item.disabled, item.has_variants,
		{serial_no.CONDITION} AS `condition`,
		grade.name AS grade, grade.default_warranty_months,
		COALESCE(NULLIF(serial.cb_refurbishment_status, ''),
			NULLIF(item.cb_refurbishment_status, '')) AS refurbishment_status{{fields}}
	FROM `tabChannel Listing` listing JOIN `tabItem` item ON item.name = listing.item_code
	{channel_listing.UOM_JOINS}
	LEFT JOIN `tabSerial No` serial ON serial.name = listing.serial_no
	LEFT JOIN `tabCondition Grade` grade
		ON grade.name = {serial_no.GRADE}
	WHERE listing.channel = %s AND listing.item_code IN %s
		AND (listing.publication != 'Delisted' OR listing.pushed_listing IS NOT NULL)
	ORDER BY listing.item_code, listing.name"""
ATTRIBUTES = """SELECT parent, attribute, attribute_value FROM `tabItem Variant Attribute`
	WHERE parent IN %s AND parenttype = 'Item' AND COALESCE(attribute_value, '') != '' ORDER BY idx"""
BARCODES = """SELECT parent, barcode FROM `tabItem Barcode`
	WHERE parent IN %s AND parenttype = 'Item' AND COALESCE(barcode, '') != '' ORDER BY idx"""
#: A component is called as the channel lists it, else by its item code.
COMPONENTS = """SELECT bundle.new_item_code, COALESCE((SELECT MIN(listing.sku) FROM `tabChannel Listing` listing
			WHERE listing.channel = %s AND listing.item_code = component.item_code
				AND listing.publication != 'Delisted'), component.item_code), component.qty
	FROM `tabProduct Bundle` bundle JOIN `tabProduct Bundle Item` component ON component.parent = bundle.name
	WHERE bundle.new_item_code IN %s AND bundle.disabled = 0 ORDER BY component.idx"""
#: A unit that is sold on its own is a product on its own.
SIBLINGS = """SELECT item.variant_of, listing.product_id
	FROM `tabItem` item JOIN `tabChannel Listing` listing ON listing.item_code = item.name
	WHERE item.variant_of IN %s AND listing.channel = %s AND listing.publication != 'Delisted'
		AND COALESCE(listing.product_id, '') != '' AND COALESCE(listing.serial_no, '') = ''
	GROUP BY item.variant_of, listing.product_id"""
FILES = """SELECT attached_to_name, file_url FROM `tabFile`
	WHERE attached_to_doctype = 'Item' AND attached_to_name IN %s AND is_private = 0 AND is_folder = 0
	ORDER BY creation, name"""


@dataclass(slots=True)
class Parts:
	"""What belongs to items and stands in other tables."""

	attributes: dict[str, dict[str, str]] = field(default_factory=lambda: defaultdict(dict))
	barcodes: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
	components: dict[str, list[Component]] = field(default_factory=lambda: defaultdict(list))
	files: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
	prices: Mapping[str, ListingPrice] = field(default_factory=dict)
	reasons: Mapping[str, str] = field(default_factory=dict)
	codes: Mapping[Any, Any] = field(default_factory=dict)
	products: Mapping[str, str] = field(default_factory=dict)


def contents(channel: Channel, item_codes: Sequence[str]) -> list[ListingContent]:
	"""See `Erp.listing_contents`."""
	if not item_codes:
		return []
	columns = _custom_columns(channel)
	selected = "".join(f", item.`{column}` AS `custom_{column}`" for column in columns.values())
	rows = frappe.db.sql(LISTINGS.format(fields=selected), (channel.name, tuple(item_codes)), as_dict=True)
	if not rows:
		return []
	parts = _parts(channel, rows)
	images = {row.name: _images(row, parts) for row in rows}
	return [
		ListingContent(
			_content(channel, row, parts, images[row.name][0], columns),
			(row.pushed_listing or "").removeprefix(channel_listing.HIDDEN) or None,
			images[row.name][1],
		)
		for row in rows
	]


def _parts(channel: Channel, rows: Sequence[Any]) -> Parts:
	items = tuple({row.item_code for row in rows})
	parts = Parts(reasons=bin.reasons(channel, items), products=_products_of_templates(channel, rows))
	if pushes_prices(channel):
		parts.prices = item_price.by_listing(channel, items)
	parts.codes = channel_grade_map.codes(channel.name, (_grade_key(row) for row in rows if row.grade))
	for item, attribute, value in frappe.db.sql(ATTRIBUTES, (items,)):
		parts.attributes[item][attribute] = value
	for item, barcode in frappe.db.sql(BARCODES, (items,)):
		parts.barcodes[item].append(barcode)
	for bundle, sku, quantity in frappe.db.sql(COMPONENTS, (channel.name, items)):
		parts.components[bundle].append(Component(sku=sku, quantity=decimal(quantity)))
	if channel.ownership.images == "ERPNext":
		for item, url in frappe.db.sql(FILES, (items,)):
			parts.files[item].append(cstr(url))
	return parts


def _products_of_templates(channel: Channel, rows: Sequence[Any]) -> dict[str, str]:
	"""Template → the product its variants are in the shop; without those that are several products there."""
	templates = {row.variant_of for row in rows if row.variant_of and not row.serial_no}
	found: dict[str, list[str]] = defaultdict(list)
	if templates:
		for template, product in frappe.db.sql(SIBLINGS, (tuple(templates), channel.name)):
			found[template].append(product)
	return {template: products[0] for template, products in found.items() if len(products) == 1}


def _grade_key(row: Any) -> tuple[str, str | None, str | None]:
	return row.item_group, row.condition, row.grade


def _content(
	channel: Channel, row: Any, parts: Parts, images: Sequence[str] | None, columns: Mapping[str, str]
) -> Listing:
	priced = parts.prices.get(row.name)
	reason = _why_not(channel, row, parts, priced)
	texts, pictures = (owner == "ERPNext" for owner in (channel.ownership.title, channel.ownership.images))
	code = parts.codes.get(_grade_key(row)) if row.grade else None
	weight = decimal(row.weight_per_unit) * decimal(row.factor or 1)
	return Listing(
		listing=row.name,
		item_code=row.item_code,
		sku=row.sku or row.item_code,
		product_id=row.product_id or None,
		variant_id=row.variant_id or None,
		published=reason is None,
		reason=reason,
		title=row.item_name if texts else None,
		description=html.clean(row.description, DESCRIPTION_LIMIT) if texts else None,
		images=tuple(images) if pictures and images is not None else None,
		brand=row.brand or None,
		item_group=row.item_group or None,
		uom=row.uom,
		weight=weight or None,
		weight_uom=(row.weight_uom or None) if weight else None,
		barcodes=tuple(parts.barcodes.get(row.item_code, ())),
		variant_of=row.variant_of or None,
		template_product_id=None if row.serial_no else parts.products.get(row.variant_of),
		attributes=parts.attributes.get(row.item_code, {}),
		components=tuple(parts.components.get(row.item_code, ())),
		condition=row.condition or None,
		grade=row.grade or None,
		grade_code=code.outbound_code if code else None,
		serial_no=row.serial_no or None,
		warranty_months=_warranty(row, code),
		refurbishment_status=row.refurbishment_status or None,
		custom={key: _plain(row[f"custom_{column}"]) for key, column in columns.items()},
		price=priced.price if priced and priced.price.amount is not None else None,
	)


def _why_not(channel: Channel, row: Any, parts: Parts, priced: ListingPrice | None) -> str | None:
	"""Why the listing is not shown; None where it is."""
	if row.publication != "Published":
		return row.publication
	if row.disabled:
		return f"Item {row.item_code} is disabled"
	if row.has_variants:
		return f"Item {row.item_code} is a template: list its variants"
	return parts.reasons.get(row.name) or (priced.problem if priced else None)


def _warranty(row: Any, code: Any) -> int | None:
	"""Months: what the grade comes with, and at least what the channel demands."""
	months = max(row.default_warranty_months or 0, code.min_warranty_months if code else 0)
	return months or None


# --- images ----------------------------------------------------------------------------------------------


def _images(row: Any, parts: Parts) -> tuple[list[str] | None, str | None]:
	"""Addresses of the public images of an item, its main image first, and a warning of what is left out.

	None instead of the addresses where this site has none to give: the shop keeps the images it has.
	"""
	urls = [url for url in (cstr(row.image), *parts.files.get(row.item_code, ())) if _is_image(url)]
	found, missing = [], []
	for url in dict.fromkeys(urls):
		(found if _is_there(url) else missing).append(url)
	addresses = [_address(url) for url in found[:IMAGES_SHOWN]]
	if not all(map(_may_go_out, addresses)):
		return None, NO_ADDRESS
	return addresses, f"Left out, the file does not exist: {', '.join(missing)}" if missing else None


def _is_image(url: str) -> bool:
	"""Public files of ours, and images that are somewhere else on the web. Private files never."""
	if url.startswith("https://"):
		return True
	return url.startswith("/files/") and url.lower().endswith(IMAGE_SUFFIXES)


def _is_there(url: str) -> bool:
	if url.startswith("https://"):
		return True
	folder = Path(frappe.get_site_path("public", "files")).resolve()
	path = (folder / unquote(url.removeprefix("/files/"))).resolve()
	return path.is_relative_to(folder) and path.is_file()


def _address(url: str) -> str:
	return url if url.startswith("https://") else get_url(quote(unquote(url)), allow_header_override=False)


def _may_go_out(address: str) -> bool:
	"""A shop on the web can fetch over https only; one on a developer's machine takes what there is."""
	return address.startswith("https://") or bool(frappe.conf.get("commerce_bridge_allow_loopback"))


# --- custom fields ---------------------------------------------------------------------------------------


def why_not_field(fieldname: str) -> str | None:
	"""Why a field of Item cannot go out, in words; None where it can."""
	meta = frappe.get_meta("Item")
	known = meta.get_field(fieldname)
	if fieldname in SECRET_FIELDS:
		return "it says what the goods cost you"
	if (
		known is None
		or known.fieldtype in frappe.model.no_value_fields
		or known.fieldtype in frappe.model.table_fields
	):
		return "Item has no such field with a value"
	return "it is a password" if known.fieldtype == "Password" else None


def _custom_columns(channel: Channel) -> dict[str, str]:
	"""Key → column. A field that was deleted since is left out."""
	columns = set(frappe.db.get_table_columns("Item"))
	return {
		row.key: row.fieldname
		for row in channel.catalog.fields
		if row.fieldname in columns and not why_not_field(row.fieldname)
	}


def _plain(value: Any) -> Any:
	"""A database value as JSON can hold it without loss."""
	if isinstance(value, float | Decimal):
		return f"{decimal(value).normalize():f}"
	if isinstance(value, datetime | date | timedelta):
		return cstr(value)
	return value


# --- into the outbox -------------------------------------------------------------------------------------

#: Fields of Item that a listing shows or that decide on it, and tables of it.
SHOWN = (
	"item_name description image brand item_group weight_per_unit weight_uom stock_uom disabled has_variants "
	"variant_of end_of_life cb_recommerce cb_condition cb_grade cb_refurbishment_status"
).split()
TABLES = {
	"barcodes": ("barcode",),
	"attributes": ("attribute", "attribute_value"),
	"uoms": ("uom", "conversion_factor"),
}
#: Those of them that a price depends on.
PRICED = ("stock_uom", "variant_of", "cb_grade", "uoms")


def on_item(doc: Any, method: str | None = None) -> None:
	"""Hook: an Item was saved. Only what goes out counts."""
	before = doc.get_doc_before_save()
	if before is None:
		return
	changed = {
		name for name in (*SHOWN, *TABLES, *_custom_fields()) if _value(doc, name) != _value(before, name)
	}
	if changed:
		stock_change.note(doc.name, "", doc.doctype, doc.name, "listing")
	if changed.intersection(PRICED):
		stock_change.note(doc.name, "", doc.doctype, doc.name, "price")


def _custom_fields() -> set[str]:
	channels = channel_settings.usable(channel_settings.listing_channels())
	return {row.fieldname for channel in channels for row in channel.catalog.fields}


def _value(doc: Any, name: str) -> Any:
	if name in TABLES:
		return [[cstr(row.get(column)) for column in TABLES[name]] for row in doc.get(name) or ()]
	value = doc.get(name)
	return float(value or 0) if isinstance(value, int | float) else cstr(value)


def on_bundle(doc: Any, method: str | None = None) -> None:
	"""Hook: a Product Bundle was saved or deleted."""
	stock_change.note(doc.new_item_code, "", doc.doctype, doc.name, "listing")


def on_file(doc: Any, method: str | None = None) -> None:
	"""Hook: a File was attached to an Item, changed, or deleted."""
	before = doc.get_doc_before_save()
	owners: Iterable[Any] = (doc, before) if before else (doc,)
	for owner in owners:
		if owner.attached_to_doctype == "Item" and owner.attached_to_name:
			stock_change.note(owner.attached_to_name, "", doc.doctype, doc.name, "listing")
