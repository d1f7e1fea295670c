"""Product mutations. Lists of a productSet delete what they leave out, as the real one does."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from sandbox.storefronts.shopify import graph
from sandbox.storefronts.shopify.goods import Image, Level, Metafield, Product, Variant
from sandbox.storefronts.shopify.mutations import Args, Payload, failed, mutation, wrong
from sandbox.storefronts.shopify.payloads import gid
from sandbox.storefronts.shopify.queries import find, number
from sandbox.storefronts.shopify.shop import first

_NAMES = {
	"title": "title",
	"handle": "handle",
	"vendor": "vendor",
	"productType": "product_type",
	"status": "status",
	"descriptionHtml": "description_html",
	"tags": "tags",
	"giftCard": "gift_card",
}


def new_product(shop: Any, given: dict[str, Any]) -> Product:
	moment, name = shop.now(), given.get("title") or ""
	product = Product(shop.new_id("product"), name, "", moment, moment)
	_fill(shop, product, given)
	product.handle = product.handle or "-".join(name.lower().split()) or str(product.id)
	shop.products[product.id] = product
	return product


def _fill(shop: Any, product: Product, given: dict[str, Any]) -> None:
	for name, attribute in _NAMES.items():
		if given.get(name) is not None:
			setattr(product, attribute, given[name])
	for row in given.get("metafields") or ():
		set_metafield(shop, product, row)


def set_metafield(shop: Any, owner: Any, row: dict[str, Any]) -> Metafield:
	key = (row.get("namespace") or "custom", row["key"])
	known = owner.metafields.get(key)
	made = Metafield(
		known.id if known else shop.new_id("metafield"),
		owner,
		*key,
		row.get("type") or (known.type if known else "single_line_text_field"),
		row["value"],
		shop.now(),
	)
	owner.metafields[key] = made
	return made


@mutation("productCreate")
def create(shop: Any, args: Args) -> Payload:
	given = args.get("product") or args.get("input") or {}
	if not (given.get("title") or "").strip():
		return failed(wrong("title", "Title can't be blank"), product=None)
	product = new_product(shop, given)
	product.option_names = [each["name"] for each in given.get("productOptions") or ()]
	options = {each["name"]: each["values"][0]["name"] for each in given.get("productOptions") or ()}
	variant = shop.make_variant(product, None, Decimal("0.00"), options)
	variant.tracked = False
	_stock_at_first(shop, variant)
	_add_media(shop, product, args.get("media"))
	shop.tell("products/create", product)
	return {"product": product, "userErrors": []}


def _stock_at_first(shop: Any, variant: Variant) -> None:
	"""A new variant is stocked at the shop's first location only."""
	variant.levels[shop.location.id] = Level(updated_at=shop.now())


def _add_media(shop: Any, product: Product, media: list[dict[str, Any]] | None) -> list[Image]:
	return [
		shop.add_image(product, row["originalSource"], row.get("alt") or "")
		for row in media or ()
		if row.get("originalSource")
	]


@mutation("productUpdate")
def update(shop: Any, args: Args) -> Payload:
	given = args.get("product") or args.get("input") or {}
	identifier = args.get("identifier") or {}
	product = shop.products.get(number(given.get("id") or identifier.get("id") or 0))
	if product is None:
		return failed(wrong("id", "Product does not exist"), product=None)
	if "title" in given and not (given["title"] or "").strip():
		return failed(wrong("title", "Title can't be blank"), product=product)
	_fill(shop, product, given)
	_add_media(shop, product, args.get("media"))
	shop.tell("products/update", product)
	return {"product": product, "userErrors": []}


@mutation("productDelete")
def delete(shop: Any, args: Args) -> Payload:
	product = shop.products.get(number(args["input"]["id"]))
	if product is None:
		return failed(wrong("id", "Product does not exist"), deletedProductId=None)
	shop.delete_product(product)
	return {"deletedProductId": gid("Product", product.id), "userErrors": []}


@mutation("productCreateMedia")
def create_media(shop: Any, args: Args) -> Payload:
	product = shop.products.get(number(args["productId"]))
	if product is None:
		error = wrong("productId", "Product does not exist", "PRODUCT_DOES_NOT_EXIST")
		return {"media": None, "product": None, "mediaUserErrors": [error], "userErrors": [error]}
	made = _add_media(shop, product, args["media"])
	return {"media": made, "product": product, "mediaUserErrors": [], "userErrors": []}


# --- variants ------------------------------------------------------------------------------------------------


def _fill_variant(shop: Any, variant: Variant, given: dict[str, Any]) -> None:
	for name, attribute in (("barcode", "barcode"), ("inventoryPolicy", "policy"), ("taxable", "taxable")):
		if name in given:
			setattr(variant, attribute, given[name])
	if given.get("price") is not None:
		variant.price = Decimal(str(given["price"])).quantize(Decimal("0.01"))
	if "compareAtPrice" in given:
		value = given["compareAtPrice"]
		variant.compare_at = None if value is None else Decimal(str(value)).quantize(Decimal("0.01"))
	_fill_item(variant, given.get("inventoryItem") or {})
	for row in given.get("metafields") or ():
		set_metafield(shop, variant, row)
	_choose_image(shop, variant, given)
	variant.updated_at = shop.now()


def _fill_item(variant: Variant, given: dict[str, Any]) -> None:
	for name, attribute in (
		("sku", "sku"),
		("tracked", "tracked"),
		("requiresShipping", "requires_shipping"),
	):
		if name in given:
			setattr(variant, attribute, given[name])
	weight = (given.get("measurement") or {}).get("weight")
	if weight:
		variant.weight, variant.weight_unit = Decimal(str(weight["value"])), weight["unit"]


def _choose_image(shop: Any, variant: Variant, given: dict[str, Any]) -> None:
	images = variant.product.images
	if given.get("mediaId"):
		variant.image = first(images, lambda image: image.id == number(given["mediaId"]))
	for url in given.get("mediaSrc") or ():
		variant.image = first(images, lambda image: image.url == url) or shop.add_image(variant.product, url)  # noqa: B023
	source = (given.get("file") or {}).get("originalSource")
	if source:
		variant.image = first(images, lambda image: image.url == source)


def _options(given: dict[str, Any], product: Product) -> dict[str, str]:
	by_id = {number: name for name, number in product.option_ids.items()}
	found = {}
	for row in given.get("optionValues") or ():
		name = row.get("optionName") or by_id.get(number(row.get("optionId")))
		if name and name != "Title":
			found[name] = row["name"]
	return found


def _wrong_price(given: dict[str, Any], path: str) -> dict[str, Any] | None:
	price = given.get("price")
	if price is not None and Decimal(str(price)) < 0:
		return wrong(f"{path}.price", "Price must be greater than or equal to 0", "GREATER_THAN_OR_EQUAL_TO")
	return None


@mutation("productVariantsBulkUpdate")
def update_variants(shop: Any, args: Args) -> Payload:
	"""All or nothing, unless partial updates are allowed: then those without an error are made."""
	product = shop.products.get(number(args["productId"]))
	if product is None:
		return failed(
			wrong("productId", "Product does not exist", "PRODUCT_DOES_NOT_EXIST"),
			product=None,
			productVariants=None,
		)
	errors, wanted = [], []
	for index, row in enumerate(args["variants"]):
		variant = first(product.variants, lambda each: each.id == number(row.get("id") or 0))  # noqa: B023
		error = _wrong_price(row, f"variants.{index}")
		if variant is None:
			error = wrong(
				f"variants.{index}.id", "Product variant does not exist", "PRODUCT_VARIANT_DOES_NOT_EXIST"
			)
		if error:
			errors.append(error)
		else:
			wanted.append((variant, row))
	if errors and not args.get("allowPartialUpdates"):
		return failed(*errors, product=product, productVariants=None)
	for variant, row in wanted:
		_fill_variant(shop, variant, row)
	shop.tell("products/update", product)
	return failed(*errors, product=product, productVariants=[variant for variant, _ in wanted])


@mutation("productVariantsBulkCreate")
def create_variants(shop: Any, args: Args) -> Payload:
	product = shop.products.get(number(args["productId"]))
	if product is None:
		return failed(
			wrong("productId", "Product does not exist", "PRODUCT_DOES_NOT_EXIST"),
			product=None,
			productVariants=None,
		)
	errors = []
	for index, row in enumerate(args["variants"]):
		options = _options(row, product)
		if any(each.options == options for each in product.variants) and options:
			errors.append(
				wrong(
					f"variants.{index}",
					f"The variant '{' / '.join(options.values())}' already exists. Please change at least one option value.",
					"VARIANT_ALREADY_EXISTS",
				)
			)
	if errors:
		return failed(*errors, product=product, productVariants=None)
	alone = product.variants[0] if len(product.variants) == 1 and not product.option_names else None
	made = [_new_variant(shop, product, row) for row in args["variants"]]
	if alone is not None and args.get("strategy") == "REMOVE_STANDALONE_VARIANT":
		product.variants.remove(alone)
		shop.forget_variant(alone)
	_add_media(shop, product, args.get("media"))
	shop.tell("products/update", product)
	return {"product": product, "productVariants": made, "userErrors": []}


def _new_variant(shop: Any, product: Product, given: dict[str, Any]) -> Variant:
	options = _options(given, product)
	product.option_names += [name for name in options if name not in product.option_names]
	variant = shop.make_variant(product, None, Decimal("0.00"), options)
	variant.tracked = False
	_stock_at_first(shop, variant)
	_fill_variant(shop, variant, given)
	for row in given.get("inventoryQuantities") or ():
		quantity = row.get("quantity", row.get("availableQuantity"))
		level = variant.levels.setdefault(number(row["locationId"]), Level())
		level.available, level.active, level.updated_at = quantity, True, shop.now()
	return variant


@mutation("productVariantsBulkDelete")
def delete_variants(shop: Any, args: Args) -> Payload:
	product = shop.products.get(number(args["productId"]))
	if product is None:
		return failed(wrong("productId", "Product does not exist", "PRODUCT_DOES_NOT_EXIST"), product=None)
	gone = {number(each) for each in args["variantsIds"]}
	for variant in [each for each in product.variants if each.id in gone]:
		product.variants.remove(variant)
		shop.forget_variant(variant)
	shop.tell("products/update", product)
	return {"product": product, "userErrors": []}


# --- productSet ----------------------------------------------------------------------------------------------


@mutation("productSet")
def set_product(shop: Any, args: Args) -> Payload:
	"""Creates or replaces. Variants, files and metafields are replaced as a whole where they are given."""
	given, identifier = args["input"], args.get("identifier") or {}
	product, missing = _identified(shop, given, identifier)
	if missing:
		return failed(wrong("input", "Product does not exist", "PRODUCT_DOES_NOT_EXIST"), product=None)
	error = _wrong_set(given, product)
	if error:
		return failed(error, product=None)
	topic = "products/update" if product else "products/create"
	if product is None:
		product = new_product(shop, given)
		if identifier.get("customId"):
			set_metafield(shop, product, identifier["customId"])
	else:
		if given.get("metafields") is not None:
			product.metafields.clear()
		_fill(shop, product, given)
	_set_parts(shop, product, given)
	shop.tell(topic, product)
	if args.get("synchronous") is False:
		return {"product": None, "productSetOperation": _operation(shop, product), "userErrors": []}
	return {"product": product, "productSetOperation": None, "userErrors": []}


def _identified(shop: Any, given: dict[str, Any], identifier: dict[str, Any]) -> tuple[Product | None, bool]:
	"""The product that is meant, and whether one was named that there is not."""
	wanted = identifier.get("id") or given.get("id")
	if wanted:
		product = shop.products.get(number(wanted))
		return product, product is None
	handle = identifier.get("handle")
	if handle:
		return first(shop.products.values(), lambda each: each.handle == handle), False
	custom = identifier.get("customId")
	if custom:
		key = (custom.get("namespace") or "custom", custom["key"])
		return first(
			shop.products.values(),
			lambda each: key in each.metafields and each.metafields[key].value == custom["value"],
		), False
	return None, False


def _wrong_set(given: dict[str, Any], product: Product | None) -> dict[str, Any] | None:
	if product is None and not (given.get("title") or "").strip():
		return wrong("input.title", "Title can't be blank", "MISSING_FIELD_REQUIRED")
	if given.get("variants") is not None and given.get("productOptions") is None:
		return wrong(
			"input.productOptions",
			"Product options input is required when updating variants",
			"PRODUCT_OPTIONS_INPUT_MISSING",
		)
	for index, row in enumerate(given.get("variants") or ()):
		error = _wrong_price(row, f"input.variants.{index}")
		if error:
			return error
	return None


def _set_parts(shop: Any, product: Product, given: dict[str, Any]) -> None:
	if given.get("files") is not None:
		kept = {image.id: image for image in product.images}
		product.images = []
		for row in given["files"]:
			known = kept.get(number(row.get("id") or 0))
			if known:
				product.images.append(known)
			elif row.get("originalSource"):
				shop.add_image(product, row["originalSource"], row.get("alt") or "")
	if given.get("productOptions") is not None:
		product.option_names = [each["name"] for each in given["productOptions"] if each["name"] != "Title"]
	if given.get("variants") is not None:
		_set_variants(shop, product, given["variants"])
	elif not product.variants:
		_stock_at_first(shop, shop.make_variant(product, None, Decimal("0.00"), {}))


def _set_variants(shop: Any, product: Product, rows: list[dict[str, Any]]) -> None:
	before = list(product.variants)
	product.variants = []
	for row in rows:
		options = _options(row, product)
		known = first(before, lambda each: each.id == number(row.get("id") or 0)) or first(  # noqa: B023
			before,
			lambda each: each.options == options,  # noqa: B023
		)
		if known is None:
			_new_variant(shop, product, row)
			continue
		known.options = options
		product.variants.append(known)
		_fill_variant(shop, known, row)
	for gone in before:
		if gone not in product.variants:
			shop.forget_variant(gone)


def _operation(shop: Any, product: Product) -> dict[str, Any]:
	made = {
		"__typename": "ProductSetOperation",
		"id": gid("ProductSetOperation", shop.new_id("operation")),
		"status": "COMPLETE",
		"product": product,
		"userErrors": [],
	}
	shop.operations[number(made["id"])] = made
	return made


# --- whatever else belongs to products -----------------------------------------------------------------------


@mutation("publishablePublish")
def publish(shop: Any, args: Args) -> Payload:
	return _publish(shop, args, True)


@mutation("publishableUnpublish")
def unpublish(shop: Any, args: Args) -> Payload:
	return _publish(shop, args, False)


def _publish(shop: Any, args: Args, on: bool) -> Payload:
	product = find(shop, args["id"])
	wanted = {number(row["publicationId"]) for row in args["input"] if row.get("publicationId")}
	if product is None:
		return failed(wrong("id", "Resource does not exist"), publishable=None)
	if not wanted <= shop.publications.keys():
		return failed(wrong("input.0.publicationId", "Publication does not exist"), publishable=product)
	product.publications = product.publications | wanted if on else product.publications - wanted
	shop.tell("products/update", product)
	return {"publishable": product, "userErrors": []}


@mutation("metafieldsSet")
def set_metafields(shop: Any, args: Args) -> Payload:
	"""At most 25, all or nothing."""
	rows, errors = args["metafields"], []
	if len(rows) > 25:
		errors.append(
			wrong("metafields", "Exceeded the maximum metafields input limit of 25.", "LESS_THAN_OR_EQUAL_TO")
		)
	for index, row in enumerate(rows):
		owner = find(shop, row["ownerId"])
		if owner is None:
			errors.append(wrong(f"metafields.{index}.ownerId", "Owner does not exist.", "INVALID"))
		elif "compareDigest" in row:
			known = owner.metafields.get((row.get("namespace") or "custom", row["key"]))
			if (known.compare_digest if known else None) != row["compareDigest"]:
				errors.append(
					wrong(
						f"metafields.{index}",
						"The resource has been updated since it was loaded.",
						"STALE_OBJECT",
					)
				)
		if not row["value"]:
			errors.append(wrong(f"metafields.{index}.value", "can't be blank", "BLANK"))
	if errors:
		return failed(*errors, metafields=None)
	made = [set_metafield(shop, find(shop, row["ownerId"]), row) for row in rows]
	return {"metafields": made, "userErrors": []}


@mutation("tagsAdd")
def add_tags(shop: Any, args: Args) -> Payload:
	return _tags(shop, args, lambda tags: list(dict.fromkeys([*tags, *args["tags"]])))


@mutation("tagsRemove")
def remove_tags(shop: Any, args: Args) -> Payload:
	return _tags(shop, args, lambda tags: [tag for tag in tags if tag not in args["tags"]])


def _tags(shop: Any, args: Args, change: Any) -> Payload:
	node = find(shop, args["id"])
	if node is None:
		return failed(wrong("id", "Resource does not exist"), node=None)
	node.tags = change(node.tags)
	return {"node": node, "userErrors": []}


graph.FIELDS.setdefault("Metafield", {})


@mutation("metafieldsDelete")
def delete_metafields(shop: Any, args: Args) -> Payload:
	"""What is not there is not deleted, and no error."""
	deleted: list[dict[str, Any] | None] = []
	for row in args["metafields"]:
		owner = find(shop, row["ownerId"])
		known = owner.metafields.pop((row["namespace"], row["key"]), None) if owner else None
		deleted.append(dict(row) if known else None)
	return {"deletedMetafields": deleted, "userErrors": []}
