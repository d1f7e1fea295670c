"""Products, and the variations of variable ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from commerce_bridge.bridge import model
from commerce_bridge.connectors.woocommerce import payloads
from commerce_bridge.connectors.woocommerce.payloads import Object, required, validated

#: Units of weight of a shop as ERPNext spells them.
WEIGHT_UNITS = {"kg": "Kg", "g": "Gram", "lbs": "Pound", "oz": "Ounce"}
_VARIATION = "variation"
#: Types of which nothing is sold here, and what is said of them: no order has them as a line.
_NOT_SOLD = {
	"grouped": "A grouped product is no goods: the products it shows together are sold, each as an Item of its own",
	"external": "An external product is no goods of this shop: its button leads to another shop, which sells it",
}
#: Of extensions that sell money to spend later.
_GIFT_CARDS = frozenset({"gift-card", "gift_card", "pw-gift-card"})
_IN_TRASH = "trash"


def is_parent(payload: Mapping[str, Any]) -> bool:
	"""Whether a product is sold only as one of its variations: extensions have types of their own for such."""
	kind = payload.get("type")
	return isinstance(kind, str) and kind.startswith("variable")


def has_variations(payload: Mapping[str, Any]) -> bool:
	"""Whether the product has variations, of which its own payload has no more than the ids."""
	return payload.get("type") != _VARIATION and (is_parent(payload) or bool(payload.get("variations")))


def in_trash(payload: Mapping[str, Any]) -> bool:
	return payload.get("status") == _IN_TRASH


def parent_of(payload: Mapping[str, Any]) -> str | None:
	"""The id of the product that a variation is of; None for a product."""
	return payloads.id_of(payload.get("parent_id")) if payload.get("type") == _VARIATION else None


def to_product(
	payload: Object,
	variations: Iterable[Object] | None = None,
	currency: str | None = None,
	weight_unit: str | None = None,
) -> model.Product:
	"""The product with what can be bought of it.

	A product without variations is its own only variant. A variation alone is a part of its product. Of what is not
	sold here no Item is made; it is told of as nothing that stock is kept of.

	:param variations: all there are, where they were asked for; without them nothing is said of them
	:param currency: of the shop, and `weight_unit` as its settings name it: products do not say
	:raises Rejected: a field makes no sense, or an id is missing
	"""
	wire = validated(payloads.Product, payload, "product")
	uom = WEIGHT_UNITS.get(weight_unit or "")
	if wire.type == _VARIATION:
		return _of_variation(wire, currency, uom)
	variants, partial = _variants(wire, payload, variations, uom)
	return model.Product(
		id=required(wire.id, "This product"),
		title=wire.name or wire.sku or f"Product {wire.id}",
		description=wire.description,
		brand=_first(wire.brands),
		product_type=_first(wire.categories),
		published=wire.status == "publish",
		images=tuple(image.src for image in wire.images if image.src),
		currency=currency,
		option_names=tuple(row.name for row in wire.attributes if row.variation and row.name),
		variants=variants,
		updated_at=wire.date_modified_gmt or wire.date_created_gmt,
		gift_card=wire.type in _GIFT_CARDS,
		left_out=_NOT_SOLD.get(wire.type or ""),
		partial=partial,
	)


def _variants(
	wire: payloads.Product, payload: Object, variations: Iterable[Object] | None, uom: str | None
) -> tuple[tuple[model.ProductVariant, ...], bool]:
	"""And whether some are missing."""
	if not has_variations(payload):
		only = _variant(wire, required(wire.id, "This product"), uom)
		tracked = only.tracked and wire.type not in _NOT_SOLD
		return (only.model_copy(update={"is_product": True, "tracked": tracked}),), False
	if variations is None:
		return (), True
	rows = [validated(payloads.Product, row, "variation") for row in variations]
	return tuple(_variant(row, required(row.id, "A variation"), uom) for row in rows), False


def _of_variation(wire: payloads.Product, currency: str | None, uom: str | None) -> model.Product:
	return model.Product(
		id=required(wire.parent_id, "The product of this variation"),
		title=wire.name or wire.sku or f"Product {wire.parent_id}",
		currency=currency,
		option_names=tuple(row.name for row in wire.attributes if row.name),
		variants=(_variant(wire, required(wire.id, "This variation"), uom),),
		updated_at=wire.date_modified_gmt or wire.date_created_gmt,
		partial=True,
	)


def _variant(wire: payloads.Product, variant_id: str, uom: str | None) -> model.ProductVariant:
	options = {row.name: row.option for row in wire.attributes if row.name and row.option}
	image = wire.image or next(iter(wire.images), None)
	weight = wire.weight or None
	return model.ProductVariant(
		id=variant_id,
		sku=wire.sku,
		barcode=wire.global_unique_id,
		title=" / ".join(options.values()) or None,
		options=options,
		price=_price(wire),
		compare_at=wire.regular_price if wire.on_sale else None,
		weight=weight if uom else None,
		weight_uom=uom if weight else None,
		image=image.src if image else None,
		# Most shops do not count the stock of most products; what needs no shipping is not kept in stock.
		tracked=not wire.virtual,
	)


def _price(wire: payloads.Product) -> Decimal | None:
	if wire.on_sale and wire.sale_price is not None:
		return wire.sale_price
	return wire.price if wire.regular_price is None else wire.regular_price


def _first(rows: Iterable[payloads.Named]) -> str | None:
	return next((row.name for row in rows if row.name), None)
