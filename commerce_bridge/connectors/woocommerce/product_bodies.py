"""What a listing is in WooCommerce's words: bodies of products and variations.

A field that is None in the listing is not ours to write: no body has it. What tells our products from others is
kept in their custom fields: see `LISTING`, `TEMPLATE` and `IMAGES`.
https://woocommerce.github.io/woocommerce-rest-api-docs/#product-properties
"""

from __future__ import annotations

import hashlib
import html
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import unquote, urlsplit

from commerce_bridge.bridge.model import Listing
from commerce_bridge.connectors.woocommerce.payloads import meta_of
from commerce_bridge.connectors.woocommerce.pricing import price_fields

_OURS = "_commerce_bridge_"
#: Custom fields of products that we made: the listing; of a product with variations the item code of its template.
LISTING, TEMPLATE = f"{_OURS}listing", f"{_OURS}item"
#: Images that were handed over: address → number in the shop, 0 where that is not known.
IMAGES = f"{_OURS}images"
#: Attributes that say what used goods are like, and the custom field of a variation that says the same of it.
SHOWN_AS = {
	f"{_OURS}condition": "Condition",
	f"{_OURS}grade": "Grade",
	f"{_OURS}refurbishment_status": "Refurbishment",
	f"{_OURS}warranty_months": "Warranty",
}
#: A kilogram, and others, in grams. https://www.nist.gov/pml/owm/metric-si/unit-conversion
_GRAMS = {
	"kg": Decimal(1000),
	"kilogram": Decimal(1000),
	"g": Decimal(1),
	"gram": Decimal(1),
	"lb": Decimal("453.59237"),
	"lbs": Decimal("453.59237"),
	"pound": Decimal("453.59237"),
	"oz": Decimal("28.349523125"),
	"ounce": Decimal("28.349523125"),
	"tonne": Decimal(1_000_000),
	"milligram": Decimal("0.001"),
}
_WEIGHT_PLACES = Decimal("0.0001")
#: WooCommerce keeps nothing else of a GTIN, UPC, EAN or ISBN: letters are dropped without a word.
_GTIN = re.compile(r"[0-9][0-9-]*")
#: Custom fields that are fields of a product to WooCommerce: as such they would go past ownership.
_RESERVED = frozenset(
	"_backorders _button_text _children _crosssell_ids _default_attributes _download_expiry _download_limit "
	"_downloadable _downloadable_files _edit_last _edit_lock _featured _global_unique_id _height _length "
	"_low_stock_amount _manage_stock _price _product_attributes _product_image_gallery _product_url _product_version "
	"_purchase_note _regular_price _sale_price _sale_price_dates_from _sale_price_dates_to _sku _sold_individually "
	"_stock _stock_status _tax_class _tax_status _thumbnail_id _upsell_ids _variation_description _virtual "
	"_visibility _wc_average_rating _wc_rating_count _wc_review_count _weight _width total_sales".split()
)

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Rules:
	"""How the shop wants it.

	:param counted: stock is counted there, and pushed by us: what is new is out of stock until it is
	"""

	decimals: int
	weight_unit: str
	time_zone: str
	counted: bool


# --- names -----------------------------------------------------------------------------------------------------


def is_variant(listing: Listing) -> bool:
	"""A unit that is sold on its own is a product on its own: two of them would have the same attributes."""
	return bool(listing.variant_of and listing.attributes and not listing.serial_no)


def title_of(listing: Listing) -> str | None:
	"""ERPNext names a variant after its template, with a dash and an abbreviation for each attribute; an import, with
	its values."""
	if listing.title is None or not is_variant(listing):
		return listing.title
	product, _, values = listing.title.rpartition(" - ")
	if product and values == " / ".join(listing.attributes.values()):
		return product
	parts = listing.title.rsplit("-", len(listing.attributes))
	return parts[0].strip() or listing.title if len(parts) > len(listing.attributes) else listing.title


def slug_of(template: str) -> str:
	"""The slug a product with variations is made with: by it alone the shop can be asked for it."""
	words = re.sub(r"[^a-z0-9]+", "-", template.lower()).strip("-")[:80]
	return f"{words}-{hashlib.sha256(f'template:{template}'.encode()).hexdigest()[:8]}".lstrip("-")


def spelling(text: Any) -> str:
	"""A name as it is compared: the shop's has entities where it is kept as HTML."""
	return " ".join(html.unescape(str(text or "")).split()).casefold()


def option(value: str) -> str:
	"""A value of an attribute as WooCommerce keeps it: a bar would make two of it."""
	return " ".join(value.replace("|", "/").split())


# --- what is there ---------------------------------------------------------------------------------------------


def given_images(product: Mapping[str, Any]) -> dict[str, int]:
	"""Addresses that were handed over, each with the number it got in the shop, or 0."""
	try:
		kept = json.loads(meta_of(product).get(IMAGES) or "{}")
	except (TypeError, ValueError):  # somebody edited it
		return {}
	if not isinstance(kept, dict):
		return {}
	return {url: number if isinstance(number, int) else 0 for url, number in kept.items()}


def images_meta(given: Mapping[str, int]) -> Body:
	return {"key": IMAGES, "value": json.dumps(given, ensure_ascii=False)}


def file_name(url: str) -> str:
	return unquote(urlsplit(url).path.rpartition("/")[2]).lower()


# --- bodies ----------------------------------------------------------------------------------------------------


def texts(listing: Listing) -> Body:
	"""Title and description of a product, as far as they are ours."""
	fields = {"name": title_of(listing), "description": listing.description}
	return {name: value for name, value in fields.items() if value is not None}


def sold(rules: Rules, listing: Listing, there: Mapping[str, Any]) -> tuple[Body, list[str]]:
	"""What a product without variations, and a variation, both have; and what had to be left out, in words.

	:param there: as it is in the shop; empty for a new one
	"""
	body: Body = {"sku": listing.sku} if there.get("sku") != listing.sku else {}
	left_out: list[str] = []
	weight = weight_in(rules.weight_unit, listing)
	if weight:
		body["weight"] = weight
	if listing.barcodes:
		gtin = next((code for code in listing.barcodes if _GTIN.fullmatch(code)), None)
		if gtin:
			body["global_unique_id"] = gtin
		else:
			left_out.append("The barcode is left out: WooCommerce takes digits only")
	if listing.price is not None and there.get("type") != "grouped":
		body |= price_fields(listing.price, rules.decimals, rules.time_zone)
	refused = sorted(key for key in listing.custom if _is_reserved(key))
	if refused:
		left_out.append(
			f"Left out: {', '.join(refused)}: fields of WooCommerce or of this app, choose other keys"
		)
	meta = list(_meta(listing, meta_of(there)))
	if meta:
		body["meta_data"] = meta
	return body, left_out


def new_stock(rules: Rules) -> Body:
	"""A new product cannot be bought before its stock was sent, where that is ours."""
	return {"manage_stock": True, "stock_quantity": 0} if rules.counted else {}


def _meta(listing: Listing, kept: Mapping[str, Any]) -> Iterator[Body]:
	"""Custom fields that are not in the shop as they should be."""
	ours = {
		"condition": listing.condition,
		"grade": listing.grade,
		"grade_code": listing.grade_code,
		"refurbishment_status": listing.refurbishment_status,
		"serial_no": listing.serial_no,
		"warranty_months": listing.warranty_months,
	}
	for name, value in ours.items():
		if value is not None and str(kept.get(f"{_OURS}{name}", "")) != str(value):
			yield {"key": f"{_OURS}{name}", "value": str(value)}
	for key, value in listing.custom.items():
		text = "" if value is None else str(value)
		if key and not _is_reserved(key) and str(kept.get(key) or "") != text:
			yield {"key": key, "value": text}


def _is_reserved(key: str) -> bool:
	return key in _RESERVED or key.startswith(_OURS)


def weight_in(unit: str, listing: Listing) -> str | None:
	"""The weight in the shop's unit; None where there is none, or in a unit that is no weight we know."""
	ours, theirs = _GRAMS.get((listing.weight_uom or "").strip().lower()), _GRAMS.get(unit)
	if listing.weight is None or ours is None or theirs is None:
		return None
	weight = (listing.weight * ours / theirs).quantize(_WEIGHT_PLACES).normalize()
	return f"{weight:f}" if weight else None


def difference(sent: Mapping[str, Any], answer: Mapping[str, Any]) -> str | None:
	"""What the shop shows otherwise than it was sent; None where nothing is."""
	for name in ("sku", "regular_price", "sale_price", "weight", "global_unique_id"):
		if name in sent and not _same(sent[name], answer.get(name)):
			return f"The shop shows another {name} than was sent: a plugin changes it"
	return None


def _same(sent: str, shown: Any) -> bool:
	if shown == sent:
		return True
	try:
		return bool(sent) and Decimal(str(shown)) == Decimal(sent)
	except InvalidOperation:
		return False


# --- attributes ------------------------------------------------------------------------------------------------


def qualities(listing: Listing) -> dict[str, str]:
	"""What of used goods is shown as attributes, by name."""
	months = listing.warranty_months
	values = {
		"Condition": listing.condition,
		"Grade": listing.grade,
		"Refurbishment": listing.refurbishment_status,
		"Warranty": None if months is None else _months(months),
	}
	return {name: value for name, value in values.items() if value}


def qualities_kept(product: Mapping[str, Any]) -> dict[str, str]:
	"""Like `qualities`, of a variation as the shop has it."""
	kept = {title: str(meta_of(product).get(key) or "") for key, title in SHOWN_AS.items()}
	if kept["Warranty"].isdecimal():
		kept["Warranty"] = _months(int(kept["Warranty"]))
	return {name: value for name, value in kept.items() if value}


def _months(months: int) -> str:
	return f"{months} months" if months != 1 else "1 month"


def attributes_with(
	there: Iterable[Mapping[str, Any]],
	values: Mapping[str, Sequence[str]],
	known: Mapping[str, int],
	of_variations: bool,
) -> list[Body] | None:
	"""All attributes a product is to have; None where it has them. They are sent as a whole: those of the shop go
	back as they are.

	:param values: by name; those that variations differ in are added to what is there, others take its place
	:param known: attributes of all products of the shop, by spelling
	"""
	result = [_as_it_is(row) for row in there]
	changed = False
	for name, wanted in values.items():
		options = list(dict.fromkeys(map(option, wanted)))
		row = next((row for row in result if spelling(row["name"]) == spelling(name)), None)
		if row is None:
			result.append(_attribute(name, options, known, len(result), of_variations))
			changed = True
			continue
		if of_variations:
			has = {spelling(value) for value in row["options"]}
			options = [*row["options"], *(value for value in options if spelling(value) not in has)]
		same = sorted(map(spelling, options)) == sorted(map(spelling, row["options"]))
		if not same or row["variation"] < of_variations:
			row["options"], row["variation"] = options, row["variation"] or of_variations
			changed = True
	return result if changed else None


def _as_it_is(row: Mapping[str, Any]) -> Body:
	"""An attribute to be sent back. Values of one that all products share are kept as HTML."""
	shared = bool(row.get("id"))
	options = [str(value) for value in row.get("options") or ()]
	return {
		"id": row.get("id") or 0,
		"name": str(row.get("name") or ""),
		"position": row.get("position") or 0,
		"visible": bool(row.get("visible")),
		"variation": bool(row.get("variation")),
		"options": [html.unescape(value) for value in options] if shared else options,
	}


def _attribute(
	name: str, options: Sequence[str], known: Mapping[str, int], position: int, of_variations: bool
) -> Body:
	return {
		"id": known.get(spelling(name), 0),
		"name": name,
		"position": position,
		"visible": True,
		"variation": of_variations,
		"options": list(options),
	}


def variation_options(parent: Mapping[str, Any], listing: Listing) -> list[Body]:
	"""The values of a new variation, spelled as its product has them: others would never be found by a buyer."""
	wanted = {spelling(name): option(value) for name, value in listing.attributes.items()}
	result = []
	for row in map(_as_it_is, differing(parent)):
		value = wanted.get(spelling(row["name"]), "")
		same = (each for each in row["options"] if spelling(each) == spelling(value))
		key = {"id": row["id"]} if row["id"] else {"name": row["name"]}
		result.append({**key, "option": next(same, value)})
	return result


def differing(parent: Mapping[str, Any]) -> list[Mapping[str, Any]]:
	"""The attributes in which a product's variations differ."""
	return [row for row in parent.get("attributes") or () if row.get("variation")]


def options_of(variation: Mapping[str, Any]) -> dict[str, str]:
	"""The values of a variation, as they are compared."""
	rows = variation.get("attributes") or ()
	return {spelling(row.get("name")): spelling(row.get("option")) for row in rows}
