"""Products and variations by the API."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sandbox.storefronts.woocommerce import checks
from sandbox.storefronts.woocommerce.goods import Product, shown_product, shown_variation
from sandbox.storefronts.woocommerce.pictures import images
from sandbox.storefronts.woocommerce.routing import batch, checked_list, ids, page, route, shuffled
from sandbox.storefronts.woocommerce.shop import Shop
from sandbox.storefronts.woocommerce.values import (
	Answer,
	ApiError,
	Fatal,
	Request,
	moment_of,
	number_of,
	price_of,
	whole,
)

PRODUCT, VARIATIONS = r"/wc/v3/products/(\d+)", r"/wc/v3/products/(\d+)/variations"
TEXTS = (
	"name", "slug", "description", "short_description", "type", "catalog_visibility", "tax_status", "tax_class",
	"weight", "purchase_note", "shipping_class", "external_url", "button_text",
)  # fmt: skip
PLAIN = (
	"virtual",
	"downloadable",
	"featured",
	"sold_individually",
	"menu_order",
	"default_attributes",
	"upsell_ids",
)


# --- reading


@route("GET", "/wc/v3/products")
def list_products(shop: Shop, request: Request) -> Answer:
	checked_list(request, checks.PRODUCT_LIST)
	found = [each for each in shop.products.values() if _wanted(shop, each, request.query)]
	return page(request, _sorted(found, request), lambda each: shown_product(shop, each))


def _wanted(shop: Shop, product: Product, query: Mapping[str, str]) -> bool:
	if product.parent is not None and not query.get("sku"):
		return False  # variations are found by their SKU only
	status = query.get("status", "any")
	if (product.status == "trash") != (status == "trash"):
		return False
	tests = {
		"status": lambda value: value == "any" or product.status == value,
		"sku": lambda value: product.sku.lower() in [each.strip().lower() for each in value.split(",")],
		"type": lambda value: product.parent is None and product.fields["type"] == value,
		"slug": lambda value: product.fields.get("slug") == value,
		"include": lambda value: product.id in ids(value),
		"exclude": lambda value: product.id not in ids(value),
		"parent": lambda value: 0 in ids(value),
		"search": lambda value: (
			value.lower() in f"{product.full_name} {product.fields['description']}".lower()
		),
		"global_unique_id": lambda value: product.fields["global_unique_id"] in value.split(","),
		"category": lambda value: bool(ids(value) & set(product.fields.get("categories", ()))),
		"brand": lambda value: bool(ids(value) & set(product.fields.get("brands", ()))),
		"modified_after": lambda value: (
			product.modified.replace(microsecond=0) > asked_moment(shop, value, query)
		),
	}
	return all(test(query[name]) for name, test in tests.items() if query.get(name))


def asked_moment(shop: Shop, value: str, query: Mapping[str, str]) -> Any:
	"""A date of a question: of the shop's time unless it says its zone or dates_are_gmt is beside it. With both it is
	shifted by the shop's offset once more. Seen on a real shop."""
	gmt = str(query.get("dates_are_gmt", "")).lower() in ("true", "1")
	moment = moment_of(value, checks.UTC if gmt else shop.zone)
	if gmt and moment is not None and moment_of(value, shop.zone) == moment:
		return moment + (moment.astimezone(shop.zone).utcoffset() or timedelta(0))
	return moment


def _sorted(found: list[Product], request: Request) -> list[Product]:
	keys: dict[str, Any] = {
		"id": lambda each: each.id,
		"date": lambda each: (each.created.replace(microsecond=0), shuffled(request, each.id)),
		"modified": lambda each: (each.modified.replace(microsecond=0), shuffled(request, each.id)),
		"title": lambda each: (each.full_name.lower(), each.id),
		"price": lambda each: (number_of(each.fields["regular_price"]), each.id),
		"menu_order": lambda each: (each.fields["menu_order"], each.id),
	}
	key = keys.get(request.query.get("orderby", "date"), keys["date"])
	return sorted(found, key=key, reverse=request.query.get("order", "desc") == "desc")


@route("GET", PRODUCT)
def read_product(shop: Shop, request: Request, number: int) -> Answer:
	return Answer(200, shown_product(shop, _known(shop, number, 404)))


def _known(shop: Shop, number: int, status: int) -> Product:
	product = shop.products.get(number)
	if product is None:
		raise ApiError("woocommerce_rest_product_invalid_id", "Invalid ID.", status)
	return product


# --- writing


@route("POST", "/wc/v3/products")
def create_product(shop: Shop, request: Request) -> Answer:
	checks.check(request.given, checks.PRODUCT)
	return Answer(201, _created(shop, request.given))


def _created(shop: Shop, given: dict[str, Any]) -> dict[str, Any]:
	_free_sku(shop, given, None)
	pictures = images(shop, given.get("images") or ())
	product = shop.make_product({"name": given.get("name") or "Product", "slug": given.get("slug") or ""})
	write(shop, product, given, pictures)
	shop.tell("product.created", product.id)
	return shown_product(shop, product, False)


@route("WRITE", PRODUCT)
def update_product(shop: Shop, request: Request, number: int) -> Answer:
	checks.check(request.given, checks.PRODUCT)
	return Answer(200, _updated(shop, number, request.given))


def _updated(shop: Shop, number: int, given: dict[str, Any]) -> dict[str, Any]:
	product = _known(shop, number, 400)
	if product.parent is not None:
		raise ApiError(
			"woocommerce_rest_invalid_product_id",
			"To manipulate product variations you should use the"
			" /products/&lt;product_id&gt;/variations/&lt;id&gt; endpoint.",
			404,
		)
	_free_sku(shop, given, product)
	pictures = images(shop, given["images"]) if given.get("images") is not None else None
	write(shop, product, given, pictures)
	shop.touch(product)
	return shown_product(shop, product, False)


@route("DELETE", PRODUCT)
def delete_product(shop: Shop, request: Request, number: int) -> Answer:
	return Answer(200, _deleted(shop, _known(shop, number, 404), request.flag("force"), shown_product))


def _deleted(shop: Shop, product: Product, force: bool, shown: Any) -> dict[str, Any]:
	before: dict[str, Any] = shown(shop, product, False)
	if force:
		shop.delete_product(product)
	elif product.status == "trash":
		raise ApiError("woocommerce_rest_already_trashed", "The product has already been deleted.", 410)
	else:
		shop.trash_product(product)
	return before


@route("WRITE", "/wc/v3/products/batch")
def batch_products(shop: Shop, request: Request) -> Answer:
	def delete(number: int) -> dict[str, Any]:
		return _deleted(shop, _known(shop, number, 404), True, shown_product)

	return batch(
		request,
		lambda row: _created(shop, row),
		lambda number, row: _updated(shop, number, row),
		delete,
	)


def write(
	shop: Shop, product: Product, given: Mapping[str, Any], pictures: list[dict[str, Any]] | None
) -> None:
	"""Takes over what is given, in the shop's own way with wrong values."""
	fields = product.fields
	fields |= {name: str(given[name]) for name in TEXTS if given.get(name) is not None and name in fields}
	fields |= {name: given[name] for name in PLAIN if given.get(name) is not None and name in fields}
	fields |= {name: str(given[name]).strip() for name in ("sku",) if given.get(name) is not None}
	if "status" in given and given["status"] is not None:
		known = given["status"] in checks.PRODUCT_STATUSES
		fields["status"] = given["status"] if known else "draft"
	if given.get("dimensions"):
		fields["dimensions"] = {**fields["dimensions"], **given["dimensions"]}
	_write_code(shop, product, given)
	_write_prices(shop, product, given)
	_write_stock(shop, product, given)
	_write_terms(shop, product, given)
	if pictures is not None:
		fields["image" if product.parent else "images"] = (
			(pictures[0] if pictures else None) if product.parent else pictures
		)
	if given.get("attributes") is not None:
		_write_attributes(shop, product, given["attributes"])
	if given.get("meta_data"):
		fields["meta_data"] = merged_meta(shop, fields["meta_data"], given["meta_data"])


def _write_code(shop: Shop, product: Product, given: Mapping[str, Any]) -> None:
	"""A GTIN that is none is dropped without a word; one of another product is refused."""
	code = given.get("global_unique_id")
	if code is None:
		return
	kept = "".join(each for each in str(code) if each.isdigit() or each == "-")
	for other in shop.products.values():
		if kept and other is not product and other.fields["global_unique_id"] == kept:
			raise ApiError(
				"product_invalid_global_unique_id",
				"Invalid or duplicated GTIN, UPC, EAN or ISBN.",
				resource_id=other.id,
			)
	product.fields["global_unique_id"] = kept


def _write_prices(shop: Shop, product: Product, given: Mapping[str, Any]) -> None:
	for name in ("regular_price", "sale_price"):
		if name in given:
			product.fields[name] = price_of(given[name], shop.decimal_separator)
	for name, gmt in (("from", ""), ("to", ""), ("from", "_gmt"), ("to", "_gmt")):
		value = given.get(f"date_on_sale_{name}{gmt}")
		if isinstance(value, str):  # null leaves it as it is, "" takes it away
			moment = moment_of(value, checks.UTC if gmt else shop.zone) if value else None
			setattr(product, f"sale_{name}", moment)
	regular, sale = product.fields["regular_price"], product.fields["sale_price"]
	if sale != "" and number_of(sale) >= number_of(regular):
		product.fields["sale_price"] = ""


def _write_stock(shop: Shop, product: Product, given: Mapping[str, Any]) -> None:
	"""A number is taken only where the stock is counted; a variation that is not counted loses its number."""
	fields = product.fields
	if not shop.manage_stock:
		fields |= {"stock_status": given.get("stock_status") or fields["stock_status"]}
		return
	if given.get("manage_stock") is not None:
		fields["manage_stock"] = given["manage_stock"] in (True, 1, "1", "true", "yes")
	if not fields["manage_stock"]:
		fields |= {"stock_quantity": None, "backorders": "no"}
		fields["stock_status"] = given.get("stock_status") or fields["stock_status"]
		return
	if given.get("backorders") is not None:
		fields["backorders"] = given["backorders"]
	if "stock_quantity" in given:
		fields["stock_quantity"] = whole(given["stock_quantity"])
	elif fields["stock_quantity"] is None:
		fields["stock_quantity"] = 0


def _write_terms(shop: Shop, product: Product, given: Mapping[str, Any]) -> None:
	for name, terms in shop.terms.items():
		if given.get(name) is not None and name in product.fields:
			known = [int(row["id"]) for row in given[name] if int(row.get("id") or 0) in terms.rows]
			product.fields[name] = known
	if not product.parent and not product.fields["categories"]:
		product.fields["categories"] = [next(iter(shop.terms["categories"].rows))]


def _write_attributes(shop: Shop, product: Product, rows: list[dict[str, Any]]) -> None:
	made = []
	for position, row in enumerate(rows):
		known = shop.attributes.get(int(row.get("id") or 0))
		name = known.name if known else str(row.get("name") or "")
		if not name:
			continue
		common = {"id": known.id if known else 0, "name": name, "slug": known.slug if known else name}
		if product.parent is not None:
			made.append({**common, "option": str(row.get("option") or "")})
			continue
		options = [str(each) for each in row.get("options") or ()]
		options = sorted(options) if known else options
		for option in options if known else ():
			if known and known.terms.named(option) is None:
				known.terms.add(shop.new_id("term"), option)
		flags = {"visible": bool(row.get("visible")), "variation": bool(row.get("variation"))}
		made.append({**common, "position": int(row.get("position", position)), **flags, "options": options})
	product.fields["attributes"] = made


def merged_meta(shop: Shop, kept: list[dict[str, Any]], given: list[dict[str, Any]]) -> list[dict[str, Any]]:
	"""A row is found by its id, else by its key; null takes it away."""
	rows = [dict(row) for row in kept]
	for new in given:
		known = next((row for row in rows if row["id"] == new.get("id")), None) or next(
			(row for row in rows if "id" not in new and row["key"] == new.get("key")), None
		)
		if new.get("value") is None:
			rows = [row for row in rows if row is not known]
		elif known is not None:
			known |= {"key": new.get("key", known["key"]), "value": new["value"]}
		else:
			rows.append({"id": shop.new_id("meta"), "key": str(new.get("key")), "value": new["value"]})
	return rows


def _free_sku(shop: Shop, given: Mapping[str, Any], product: Product | None) -> None:
	"""A SKU of another product is refused with whose it is; one in the trash has none any more."""
	sku = str(given.get("sku") or "").strip()
	if not sku or (product is not None and product.sku.lower() == sku.lower()):
		return
	for other in shop.products.values():
		if other.sku.lower() != sku.lower() or other is product or other.status == "trash":
			continue
		raise ApiError(
			"product_invalid_sku",
			"Invalid or duplicated SKU.",
			resource_id=other.id,
			unique_sku=_unique(shop, sku),
		)


def _unique(shop: Shop, sku: str) -> str:
	taken = {each.sku.lower() for each in shop.products.values()}
	number = 1
	while f"{sku}-{number}".lower() in taken:
		number += 1
	return f"{sku}-{number}"


# --- variations


@route("GET", VARIATIONS)
def list_variations(shop: Shop, request: Request, parent: int) -> Answer:
	"""A parent that is not there has none: 200 all the same."""
	checked_list(request, checks.LIST)
	product = shop.products.get(parent)
	found = [each for each in (product.variations if product else ()) if each.status != "trash"]
	if request.query.get("include"):
		found = [each for each in found if each.id in ids(request.query["include"])]
	if request.query.get("sku"):
		found = [each for each in found if each.sku.lower() == request.query["sku"].lower()]
	return page(request, _sorted(found, request), lambda each: shown_variation(shop, each))


@route("GET", VARIATIONS + r"/(\d+)")
def read_variation(shop: Shop, request: Request, parent: int, number: int) -> Answer:
	return Answer(200, shown_variation(shop, _known_variation(shop, parent, number)))


def _known_variation(shop: Shop, parent: int, number: int) -> Product:
	found = shop.products.get(number)
	if found is None or found.parent is None or found.parent.id != parent:
		raise ApiError("woocommerce_rest_product_variation_invalid_id", "Invalid ID.", 404)
	return found


@route("POST", VARIATIONS)
def create_variation(shop: Shop, request: Request, parent: int) -> Answer:
	checks.check(request.given, checks.VARIATION)
	return Answer(201, _created_variation(shop, parent, request.given))


def _created_variation(shop: Shop, parent: int, given: dict[str, Any]) -> dict[str, Any]:
	product = shop.products.get(parent)
	if product is None or product.parent is not None:
		raise Fatal()  # seen on a real shop
	_free_sku(shop, given, None)
	pictures = images(shop, [given["image"]]) if given.get("image") else None
	made = shop.make_variation(product, {})
	write(shop, made, given, pictures)
	shop.tell("product.created", made.id)
	return shown_variation(shop, made, False)


@route("WRITE", VARIATIONS + r"/(\d+)")
def update_variation(shop: Shop, request: Request, parent: int, number: int) -> Answer:
	checks.check(request.given, checks.VARIATION)
	return Answer(200, _updated_variation(shop, parent, number, request.given))


def _updated_variation(shop: Shop, parent: int, number: int, given: dict[str, Any]) -> dict[str, Any]:
	product = _known_variation(shop, parent, number)
	_free_sku(shop, given, product)
	pictures = images(shop, [given["image"]]) if given.get("image") else None
	write(shop, product, given, pictures)
	shop.touch(product)
	return shown_variation(shop, product, False)


@route("DELETE", VARIATIONS + r"/(\d+)")
def delete_variation(shop: Shop, request: Request, parent: int, number: int) -> Answer:
	product = _known_variation(shop, parent, number)
	return Answer(200, _deleted(shop, product, request.flag("force"), shown_variation))


@route("WRITE", VARIATIONS + "/batch")
def batch_variations(shop: Shop, request: Request, parent: int) -> Answer:
	def delete(number: int) -> dict[str, Any]:
		return _deleted(shop, _known_variation(shop, parent, number), True, shown_variation)

	return batch(
		request,
		lambda row: _created_variation(shop, parent, row),
		lambda number, row: _updated_variation(shop, parent, number, row),
		delete,
	)
