"""Products, and what a shop shows of them at a location."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Any

from pydantic import Field

from commerce_bridge.bridge import model
from commerce_bridge.bridge.errors import Rejected
from commerce_bridge.connectors.shopify.ids import id_of, number_of, stock_ids_of
from commerce_bridge.connectors.shopify.payloads import (
	Amount,
	Long,
	Object,
	Text,
	Time,
	Wire,
	required_id,
	validated,
)

#: Shopify's most: https://shopify.dev/docs/api/admin/migrate/new-product-model
MOST_VARIANTS = 2_048
#: Units of weight as ERPNext spells them.
WEIGHT_UNITS = {
	"g": "Gram",
	"kg": "Kg",
	"oz": "Ounce",
	"lb": "Pound",
	"grams": "Gram",
	"kilograms": "Kg",
	"ounces": "Ounce",
	"pounds": "Pound",
}
#: What Shopify calls the one variant of a product that has none.
ONLY_VARIANT = "Default Title"


class Image(Wire):
	src: Text | None = None
	url: Text | None = None


class Option(Wire):
	name: Text | None = None


class Variant(Wire):
	sku: Text | None = None
	barcode: Text | None = None
	title: Text | None = None
	price: Amount | None = None
	compare_at_price: Amount | None = None
	option1: Text | None = None
	option2: Text | None = None
	option3: Text | None = None
	weight: Amount | None = None
	weight_unit: Text | None = None
	image_id: Any = None
	inventory_item_id: Any = None
	inventory_item_gid: Any = None
	inventory_management: Text | None = None


class Product(Wire):
	title: Text | None = None
	body_html: Long | None = None
	vendor: Text | None = None
	product_type: Text | None = None
	status: Text | None = None
	updated_at: Time | None = None
	options: Annotated[list[Option], Field(max_length=50)] | None = None
	images: Annotated[list[Object], Field(max_length=MOST_VARIANTS)] | None = None
	variants: Annotated[list[Object], Field(max_length=MOST_VARIANTS)] | None = None
	variant_gids: Annotated[list[Object], Field(max_length=MOST_VARIANTS)] | None = None


class Level(Wire):
	available: Amount | None = None


def to_product(payload: Object) -> tuple[model.Product, bool]:
	"""The product, and whether the payload has all its variants: one with many names some by id only."""
	wire = validated(Product, payload, "product")
	raw_variants = wire.variants or []
	images = {number_of(image.get("id")): _source(image) for image in wire.images or ()}
	names = tuple(option.name for option in wire.options or () if option.name)
	variants = [validated(Variant, raw, "variant") for raw in raw_variants]
	product = model.Product(
		id=required_id(payload, "Product", "This product"),
		title=wire.title or "",
		description=wire.body_html or None,
		brand=wire.vendor or None,
		product_type=wire.product_type or None,
		published=(wire.status or "active").lower() == "active",
		images=tuple(source for source in images.values() if source),
		option_names=() if _is_single(variants) else names,
		variants=tuple(
			_variant(variant, raw, names, images) for variant, raw in zip(variants, raw_variants, strict=True)
		),
		updated_at=wire.updated_at,
	)
	return product, len(wire.variant_gids or ()) <= len(raw_variants)


def _is_single(variants: Sequence[Variant]) -> bool:
	return len(variants) == 1 and (variants[0].option1 or ONLY_VARIANT) == ONLY_VARIANT


def _variant(
	wire: Variant, raw: Object, names: Sequence[str], images: Mapping[str | None, str | None]
) -> model.ProductVariant:
	values = (wire.option1, wire.option2, wire.option3)
	options = {name: value for name, value in zip(names, values, strict=False) if value}
	single = options and list(options.values()) == [ONLY_VARIANT]
	unit = WEIGHT_UNITS.get((wire.weight_unit or "").lower())
	return model.ProductVariant(
		id=required_id(raw, "ProductVariant", "A variant"),
		sku=wire.sku or None,
		barcode=wire.barcode or None,
		title=None if wire.title == ONLY_VARIANT else wire.title or None,
		options={} if single else options,
		price=wire.price,
		compare_at=wire.compare_at_price,
		weight=wire.weight if unit and wire.weight else None,
		weight_uom=unit if wire.weight else None,
		image=images.get(number_of(wire.image_id)) if wire.image_id is not None else None,
		stock_id=id_of({"admin_graphql_api_id": wire.inventory_item_gid}, "InventoryItem")
		or number_of(wire.inventory_item_id),
		tracked="inventory_management" not in raw or bool(wire.inventory_management),
	)


def _source(image: Object) -> str | None:
	wire = validated(Image, image, "image")
	return wire.src or wire.url or None


def to_deletion(payload: Object) -> model.ProductDeletion:
	return model.ProductDeletion(id=required_id(payload, "Product", "This product"))


def to_level(payload: Object) -> model.ShownLevel:
	"""What the shop shows of an item at a location. Without a number it is not stocked there: 0.

	The ids are taken from the level's global id, which names both, exactly.
	"""
	wire = validated(Level, payload, "stock level")
	found = stock_ids_of(payload)
	if found is None:
		raise Rejected("This stock level of Shopify does not say of which item and location it is")
	return model.ShownLevel(stock_id=found[0], location_id=found[1], quantity=wire.available or Decimal(0))
