"""Listings into a shop as products and variants, and the products it has.

A new product is made by `productSet`, in one call with its variants. It is never used on a product that exists:
it deletes the variants, images and metafields that are not named. There `productUpdate` and the bulk mutations of
variants write what is ours (a field that is None is not), and leave everything else.

Variants of one template are one product, whose options are the attributes. What keeps a repetition from making
anything twice: a product's handle follows from its item, variants are found by SKU, and the addresses of images
that were handed over are kept in a metafield of the product.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from commerce_bridge.bridge.channel import Channel
from commerce_bridge.bridge.errors import Rejected
from commerce_bridge.bridge.model import Listing, ShownProduct
from commerce_bridge.bridge.protocols import PushResult, ShownPage
from commerce_bridge.connectors.shopify.client import ShopifyClient, UserError, user_errors
from commerce_bridge.connectors.shopify.documents.catalog import (
	CREATE_PRODUCT,
	CREATE_VARIANTS,
	FIND,
	MORE_VARIANTS,
	PRODUCT,
	SHOWN,
	UPDATE_PRODUCT,
	UPDATE_VARIANTS,
)
from commerce_bridge.connectors.shopify.ids import gid, legacy_id, number_of
from commerce_bridge.connectors.shopify.order_changes import NAMESPACE
from commerce_bridge.connectors.shopify.pricing import errors_by_row, in_turn, price_fields
from commerce_bridge.connectors.shopify.publishing import Publisher

#: Listings in one batch: a product takes one to four calls.
BATCH = 25
#: Options of a product: Shopify's own limit.
OPTIONS = 3
#: ERPNext's unit → Shopify's. Weights in other units are left out.
WEIGHT_UNITS = {
	"kg": "KILOGRAMS",
	"kilogram": "KILOGRAMS",
	"gram": "GRAMS",
	"g": "GRAMS",
	"pound": "POUNDS",
	"lb": "POUNDS",
	"lbs": "POUNDS",
	"ounce": "OUNCES",
	"oz": "OUNCES",
}
#: Images that are Shopify's already.
SHOPIFY_FILES = "cdn.shopify.com"
_SINGLE = [{"optionName": "Title", "name": "Default Title"}]
_NO_OPTION = "Default Title"
_NOT_A_KEY = re.compile(r"[^a-z0-9_-]+")


@dataclass(slots=True)
class _Row:
	"""A listing on its way out, and what the shop calls it."""

	listing: Listing
	product: str | None
	variant: str | None
	stock: str | None = None
	error: str | None = None
	unsent: bool = False
	warning: str | None = None

	def result(self) -> PushResult:
		return PushResult(
			self.listing.listing,
			self.error,
			unsent=self.unsent,
			warning=self.warning,
			product_id=self.product,
			variant_id=self.variant,
			stock_id=self.stock,
		)


@dataclass(frozen=True, slots=True)
class Variant:
	"""A variant as the shop has it."""

	id: str
	sku: str
	options: Mapping[str, str]
	stock: str
	published: bool


@dataclass(frozen=True, slots=True)
class Product:
	"""A product as the shop has it: what a listing needs to know of it."""

	id: str
	status: str
	option_names: tuple[str, ...]
	given_images: tuple[str, ...]  # addresses that were handed over
	files: frozenset[str]  # names of the images it shows
	variants: tuple[Variant, ...]


def push_listings(client: ShopifyClient, channel: Channel, listings: Sequence[Listing]) -> list[PushResult]:
	"""Makes, changes and takes down products; one result each, in order."""
	rows = [
		_Row(listing, number_of(listing.product_id), number_of(listing.variant_id)) for listing in listings
	]
	publisher = Publisher(client)
	in_turn(client, _groups(rows), lambda group: _push_product(client, channel, publisher, group), _put_off)
	return [row.result() for row in rows]


def _put_off(group: Sequence[_Row], why: str) -> None:
	for row in group:
		row.error, row.unsent = why, True


def _groups(rows: Sequence[_Row]) -> list[list[_Row]]:
	"""Rows of the same product. A new variant belongs to the product of its siblings."""
	products = {_code(row.listing): row.product for row in rows if row.product and _is_variant(row.listing)}
	groups: dict[str, list[_Row]] = {}
	for row in rows:
		row.product = row.product or products.get(_code(row.listing)) or _product_of_siblings(row.listing)
		groups.setdefault(row.product or f"new:{_code(row.listing)}", []).append(row)
	return list(groups.values())


def _product_of_siblings(listing: Listing) -> str | None:
	return number_of(listing.template_product_id) if _is_variant(listing) else None


def _is_variant(listing: Listing) -> bool:
	"""A unit that is sold on its own is a product on its own: two of them would have the same options."""
	return bool(listing.variant_of and listing.attributes and not listing.serial_no)


def _code(listing: Listing) -> str:
	"""What tells products apart that the shop does not have yet."""
	return f"template:{listing.variant_of}" if _is_variant(listing) else f"sku:{listing.sku}"


def handle_of(listing: Listing) -> str:
	"""The handle a product is made with: the same whenever it is asked for, and nobody else's."""
	text = (listing.variant_of or "") if _is_variant(listing) else listing.sku
	slug = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:80]
	return f"{slug}-{hashlib.sha256(_code(listing).encode()).hexdigest()[:8]}".lstrip("-")


def _push_product(client: ShopifyClient, channel: Channel, publisher: Publisher, rows: list[_Row]) -> None:
	try:
		product = _known_product(client, rows)
		is_new = product is None
		if product is None:
			number, is_new = _find(client, rows)
			product = _read_found(client, number) if number else None
		if product is None:
			_create(client, channel, rows)
		else:
			_update(client, channel, product, rows)
		if is_new:
			_publish(publisher, rows)
	except Rejected as error:
		for row in rows:
			row.error = row.error or str(error)


def _publish(publisher: Publisher, rows: Sequence[_Row]) -> None:
	shown = [row for row in rows if row.product and row.listing.published and row.error is None]
	warning = publisher.publish(shown[0].product or "") if shown else None
	for row in shown:
		row.warning = warning


# --- finding -------------------------------------------------------------------------------------------------


def _known_product(client: ShopifyClient, rows: Sequence[_Row]) -> Product | None:
	"""The product that one of the listings is, or that their siblings are. Of siblings it may be gone."""
	number = rows[0].product
	if number is None:
		return None
	if any(row.listing.product_id for row in rows):
		return _read_found(client, number)
	product = read_product(client, number)
	if product is None:
		for row in rows:
			row.product = None
	return product


def _read_found(client: ShopifyClient, number: str) -> Product:
	product = read_product(client, number)
	if product is None:
		raise Rejected(
			f"The shop has deleted product {number}: to make it anew, empty Product ID and Variant ID of the listing"
		)
	return product


def _find(client: ShopifyClient, rows: Sequence[_Row]) -> tuple[str | None, bool]:
	"""The product that has these SKUs already, or that an attempt which died has made; and whether it is new: made
	by us, and perhaps not published yet."""
	skus = {row.listing.sku for row in rows}
	search = " OR ".join(f"sku:{json.dumps(sku, ensure_ascii=False)}" for sku in sorted(skus))
	data = client.run(FIND, {"handle": handle_of(rows[0].listing), "skus": search})
	if data["productByIdentifier"]:
		return legacy_id(data["productByIdentifier"]["id"]), True
	found = {node["product"]["id"] for node in data["productVariants"]["nodes"] if node["sku"] in skus}
	if len(found) > 1:
		raise Rejected(
			f"Several products of the shop have the SKU {', '.join(sorted(skus))}: give each its own there, or enter"
			" Product ID and Variant ID in the listing"
		)
	return (legacy_id(found.pop()), False) if found else (None, True)


def read_product(client: ShopifyClient, number: str) -> Product | None:
	"""None where the shop has no such product."""
	node = client.run(PRODUCT, {"id": gid("Product", number)})["product"]
	if node is None:
		return None
	urls = [(image.get("image") or {}).get("url") for image in node["media"]["nodes"] if image]
	return Product(
		id=number,
		status=node["status"],
		option_names=tuple(option["name"] for option in node["options"]),
		given_images=_given_images(node["images"]),
		files=frozenset(_file_name(url) for url in urls if url),
		variants=tuple(_variants(client, node)),
	)


def _variants(client: ShopifyClient, node: Mapping[str, Any]) -> Iterator[Variant]:
	page = node["variants"]
	while True:
		for variant in page["nodes"]:
			yield Variant(
				id=legacy_id(variant["id"]),
				sku=variant["sku"] or "",
				options={option["name"]: option["value"] for option in variant["selectedOptions"]},
				stock=legacy_id(variant["inventoryItem"]["id"]),
				published=(variant["published"] or {}).get("value") != "false",
			)
		if not page["pageInfo"]["hasNextPage"]:
			return
		after = page["pageInfo"]["endCursor"]
		page = client.run(MORE_VARIANTS, {"id": node["id"], "after": after})["product"]["variants"]


def _given_images(metafield: Mapping[str, Any] | None) -> tuple[str, ...]:
	try:
		urls = json.loads(metafield["value"]) if metafield else []
	except ValueError:  # somebody edited it
		urls = []
	return tuple(url for url in urls if isinstance(url, str)) if isinstance(urls, list) else ()


def _file_name(url: str) -> str:
	return unquote(urlsplit(url).path.rpartition("/")[2]).lower()


# --- what a listing is in Shopify's words --------------------------------------------------------------------


def _texts(listing: Listing) -> dict[str, Any]:
	"""What a product says, as far as it is ours to write."""
	fields = {
		"title": _title(listing),
		"descriptionHtml": listing.description,
		"vendor": listing.brand,
		"productType": listing.item_group,
	}
	return {name: value for name, value in fields.items() if value is not None}


def _title(listing: Listing) -> str | None:
	"""ERPNext names a variant after its template, with a dash and an abbreviation for each attribute."""
	if listing.title is None or not _is_variant(listing):
		return listing.title
	parts = listing.title.rsplit("-", len(listing.attributes))
	return parts[0].strip() or listing.title if len(parts) > len(listing.attributes) else listing.title


def _variant_fields(channel: Channel, listing: Listing) -> dict[str, Any]:
	"""What a variant is, as far as it is ours to write."""
	item: dict[str, Any] = {"sku": listing.sku}
	unit = WEIGHT_UNITS.get((listing.weight_uom or "").strip().lower())
	if listing.weight is not None and unit:
		item["measurement"] = {"weight": {"value": float(listing.weight), "unit": unit}}
	fields: dict[str, Any] = {"inventoryItem": item, "metafields": metafields_of(listing)}
	if listing.barcodes:
		fields["barcode"] = listing.barcodes[0]
	if listing.price is not None:
		fields |= price_fields(channel, listing.price)
	return fields


def metafields_of(listing: Listing) -> list[dict[str, str]]:
	"""Metafields of a variant. `published` lets its product be taken down with the last of its variants."""
	values: dict[str, Any] = {
		"condition": listing.condition,
		"grade": listing.grade,
		"grade_code": listing.grade_code,
		"refurbishment_status": listing.refurbishment_status,
		"serial_no": listing.serial_no,
		"warranty_months": listing.warranty_months,
		**{_NOT_A_KEY.sub("_", key.lower())[:64]: value for key, value in listing.custom.items()},
		"published": listing.published,
	}
	return [
		_metafield(key, value) for key, value in values.items() if value not in (None, "") and len(key) >= 2
	]


def _metafield(key: str, value: Any) -> dict[str, str]:
	if isinstance(value, bool):
		kind, text = "boolean", "true" if value else "false"
	elif isinstance(value, int):
		kind, text = "number_integer", str(value)
	else:
		text = str(value)
		kind = "multi_line_text_field" if "\n" in text else "single_line_text_field"
	return {"namespace": NAMESPACE, "key": key, "type": kind, "value": text}


def _option_values(listing: Listing) -> list[dict[str, str]]:
	if not _is_variant(listing):
		return _SINGLE
	return [{"optionName": name, "name": value} for name, value in listing.attributes.items()]


def _images(listings: Iterable[Listing]) -> list[str]:
	"""Addresses of all images, each once, without those that came from Shopify."""
	urls = dict.fromkeys(url for listing in listings for url in listing.images or ())
	return [url for url in urls if urlsplit(url).hostname != SHOPIFY_FILES]


def _images_metafield(urls: Sequence[str]) -> dict[str, str]:
	return {"namespace": NAMESPACE, "key": "images", "type": "json", "value": json.dumps(list(urls))}


# --- a new product -------------------------------------------------------------------------------------------


def _create(client: ShopifyClient, channel: Channel, rows: Sequence[_Row]) -> None:
	"""What is not to be shown is not made."""
	for row in rows:
		if row.variant:
			row.error = "The listing has a Variant ID, but no Product ID: import the shop's products"
	rows = [row for row in rows if row.listing.published and row.error is None]
	if not rows:
		return
	payload = client.run(CREATE_PRODUCT, {"input": _product_input(channel, [row.listing for row in rows])})
	payload = payload["productSet"]
	errors = user_errors(payload)
	if errors or not payload["product"]:
		raise Rejected(f"Shopify refused the product: {_told(errors)}")
	made = {node["sku"]: node for node in payload["product"]["variants"]["nodes"]}
	for row in rows:
		row.product = legacy_id(payload["product"]["id"])
		_name(row, made.get(row.listing.sku))


def _product_input(channel: Channel, listings: Sequence[Listing]) -> dict[str, Any]:
	first = listings[0]
	if not first.title:
		raise Rejected(
			f"The shop has no product with the SKU {first.sku}, and titles are not ours to write: make it in Shopify"
			" with this SKU, or choose ERPNext as the owner of titles"
		)
	images = _images(listings)
	fields = {
		**_texts(first),
		"handle": handle_of(first),
		"status": "ACTIVE",
		"productOptions": _product_options(listings),
		"variants": [_new_variant(channel, listing, with_image=len(listings) > 1) for listing in listings],
	}
	if images:
		fields["files"] = [_file(url) for url in images]
		fields["metafields"] = [_images_metafield(images)]
	return fields


def _product_options(listings: Sequence[Listing]) -> list[dict[str, Any]]:
	options: dict[str, dict[str, None]] = {}
	for listing in listings:
		for value in _option_values(listing):
			options.setdefault(value["optionName"], {})[value["name"]] = None
	_refuse_options(options)
	return [
		{"name": name, "values": [{"name": value} for value in values]} for name, values in options.items()
	]


def _refuse_options(names: Iterable[str]) -> None:
	if len(list(names)) > OPTIONS:
		raise Rejected(f"Shopify knows {OPTIONS} options of a product, not {', '.join(names)}")


def _new_variant(channel: Channel, listing: Listing, with_image: bool) -> dict[str, Any]:
	fields = {"optionValues": _option_values(listing), **_variant_fields(channel, listing)}
	fields["inventoryItem"] = {**fields["inventoryItem"], "tracked": True}
	images = _images([listing])
	if with_image and images:
		fields["file"] = _file(images[0])
	return fields


def _file(url: str) -> dict[str, str]:
	return {"originalSource": url, "contentType": "IMAGE"}


def _name(row: _Row, node: Mapping[str, Any] | None) -> None:
	if node is None:
		row.error = f"Shopify made no variant with the SKU {row.listing.sku}: look at product {row.product}"
		return
	row.variant, row.stock = legacy_id(node["id"]), legacy_id(node["inventoryItem"]["id"])


# --- a product that is there ---------------------------------------------------------------------------------


def _update(client: ShopifyClient, channel: Channel, product: Product, rows: Sequence[_Row]) -> None:
	known = {row.listing.listing: _match(product, row, rows) for row in rows if row.error is None}
	there = [row for row in rows if known.get(row.listing.listing)]
	new = [row for row in rows if row.error is None and not known[row.listing.listing]]
	for row in rows:
		row.product = product.id
		variant = known.get(row.listing.listing)
		if variant:
			row.variant, row.stock = variant.id, variant.stock
	_update_product(client, product, rows, known)
	if there:
		_update_variants(client, channel, product, there)
	wanted = [row for row in new if row.listing.published]
	if wanted:
		try:
			_create_variants(client, channel, product, wanted)
		except Rejected as error:  # the others were taken
			for row in wanted:
				row.error = str(error)


def _match(product: Product, row: _Row, rows: Sequence[_Row]) -> Variant | None:
	"""The variant a listing is: by its id, its SKU, its options; or the only one of a product without options."""
	listing = row.listing
	if row.variant:
		found = next((each for each in product.variants if each.id == row.variant), None)
		if found is None:
			row.error = f"The shop has deleted variant {row.variant}: to make it anew, empty Variant ID of the listing"
		return found
	taken = {each.variant for each in rows if each.variant}
	free = [each for each in product.variants if each.id not in taken]
	by_sku = [each for each in free if each.sku == listing.sku]
	if by_sku:
		return by_sku[0]
	if _is_variant(listing):
		return next((each for each in free if dict(each.options) == listing.attributes), None)
	single = len(product.variants) == 1 and list(product.variants[0].options.values()) == [_NO_OPTION]
	return free[0] if single and free and len(rows) == 1 else None


def _update_product(
	client: ShopifyClient, product: Product, rows: Sequence[_Row], known: Mapping[str, Variant | None]
) -> None:
	fields: dict[str, Any] = {"id": gid("Product", product.id)}
	leading = _leading(product, rows)
	if leading is not None:
		fields |= _texts(leading.listing)
	status = _status(product, rows, known)
	if status != product.status:
		fields["status"] = status
	media = [url for url in _images(row.listing for row in rows) if _is_new(product, url)]
	if media:
		fields["metafields"] = [_images_metafield([*product.given_images, *media])]
	if len(fields) == 1:
		return
	variables = {
		"product": fields,
		"media": [{"originalSource": url, "mediaContentType": "IMAGE"} for url in media] or None,
	}
	errors = user_errors(client.run(UPDATE_PRODUCT, variables)["productUpdate"])
	if errors:
		raise Rejected(f"Shopify refused the product: {_told(errors)}")


def _leading(product: Product, rows: Sequence[_Row]) -> _Row | None:
	"""The listing whose texts are the product's: that of its first variant. Any other one's would take turns."""
	first = product.variants[0].id if product.variants else None
	return next((row for row in rows if row.variant == first and row.listing.published), None)


def _status(product: Product, rows: Sequence[_Row], known: Mapping[str, Variant | None]) -> str:
	"""A product is shown as long as one of its variants is; what the others offer is told by their stock."""
	published = {variant.id: variant.published for variant in product.variants}
	for row in rows:
		variant = known.get(row.listing.listing)
		published[variant.id if variant else row.listing.listing] = row.listing.published
	if not any(published.values()):
		return "DRAFT" if product.status in ("ACTIVE", "UNLISTED") else product.status
	return product.status if product.status == "UNLISTED" else "ACTIVE"


def _is_new(product: Product, url: str) -> bool:
	return url not in product.given_images and _file_name(url) not in product.files


def _update_variants(client: ShopifyClient, channel: Channel, product: Product, rows: Sequence[_Row]) -> None:
	variants = [
		{"id": gid("ProductVariant", row.variant or ""), **_variant_fields(channel, row.listing)}
		for row in rows
	]
	variables = {"product": gid("Product", product.id), "variants": variants}
	payload = client.run(UPDATE_VARIANTS, variables)["productVariantsBulkUpdate"]
	for index, message in errors_by_row(user_errors(payload), "variants", len(rows)).items():
		rows[index].error = f"Shopify refused the variant: {message}"


def _create_variants(client: ShopifyClient, channel: Channel, product: Product, rows: Sequence[_Row]) -> None:
	"""All of them or none: Shopify takes a call of new variants as a whole."""
	for row in rows:
		_refuse_unlike(product, row.listing)
	variants = [_new_variant(channel, row.listing, with_image=False) for row in rows]
	variables = {"product": gid("Product", product.id), "variants": variants}
	payload = client.run(CREATE_VARIANTS, variables)["productVariantsBulkCreate"]
	errors = user_errors(payload)
	if errors:
		raise Rejected(f"Shopify refused new variants: {_told(errors)}")
	made = {node["sku"]: node for node in payload["productVariants"]}
	for row in rows:
		_name(row, made.get(row.listing.sku))


def _refuse_unlike(product: Product, listing: Listing) -> None:
	names = set(listing.attributes) if _is_variant(listing) else {"Title"}
	if names != set(product.option_names):
		raise Rejected(
			f"{listing.sku} is no variant of product {product.id}: its options are"
			f" {', '.join(product.option_names)}, the item's attributes {', '.join(sorted(names))}. Make them the same"
		)


def _told(errors: Sequence[UserError]) -> str:
	return "; ".join(dict.fromkeys(map(str, errors))) or "no reason given"


# --- what the shop has ---------------------------------------------------------------------------------------


def shown(client: ShopifyClient, cursor: str | None) -> ShownPage:
	"""A page of the variants the shop has."""
	page = client.run(SHOWN, {"after": cursor})["productVariants"]
	rows = tuple(_shown_product(node) for node in page["nodes"])
	return ShownPage(rows, page["pageInfo"]["endCursor"] if page["pageInfo"]["hasNextPage"] else None)


def _shown_product(node: Mapping[str, Any]) -> ShownProduct:
	product = node["product"]
	title = product["title"]
	if not product["hasOnlyDefaultVariant"]:
		title = f"{title} - {node['title']}"
	return ShownProduct(
		sku=node["sku"] or None,
		product_id=legacy_id(product["id"]),
		variant_id=legacy_id(node["id"]),
		barcode=node["barcode"] or None,
		title=title,
	)
