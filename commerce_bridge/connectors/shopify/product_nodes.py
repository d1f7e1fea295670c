"""A product read over GraphQL, with all its variants."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Protocol

from commerce_bridge.bridge import model
from commerce_bridge.bridge.errors import Retryable
from commerce_bridge.bridge.money import parse_decimal
from commerce_bridge.connectors.shopify.documents import products as documents
from commerce_bridge.connectors.shopify.ids import gid, legacy_id
from commerce_bridge.connectors.shopify.products import ONLY_VARIANT, WEIGHT_UNITS

Node = Mapping[str, Any]


class Client(Protocol):
	"""What is used of `ShopifyClient`."""

	def run(self, document: str, variables: Mapping[str, Any] | None = None) -> dict[str, Any]: ...


def fetch_product(client: Client, product_id: str) -> model.Product | None:
	"""The product as the shop has it now; None where it does not have it."""
	global_id = gid("Product", product_id)
	answer = client.run(documents.PRODUCT, {"id": global_id})
	node = answer.get("product")
	if not node:
		return None
	page = node["variants"]
	variants = list(page["nodes"])
	after = None
	while page["pageInfo"]["hasNextPage"]:
		if page["pageInfo"]["endCursor"] in (None, after):
			raise Retryable("Shopify says there is another page, but its cursor does not move")
		after = page["pageInfo"]["endCursor"]
		found = client.run(documents.PRODUCT_VARIANTS, {"id": global_id, "after": after}).get("product")
		if not found:
			return None
		page = found["variants"]
		variants += page["nodes"]
	return product_of(node, variants, answer["shop"]["currencyCode"])


def product_of(node: Node, variants: Iterable[Node], currency: str | None) -> model.Product:
	"""A node of a product and those of its variants as the canonical product."""
	found = tuple(map(variant_of, variants))
	return model.Product(
		id=legacy_id(node["id"]),
		title=node["title"],
		description=node.get("descriptionHtml") or None,
		brand=node.get("vendor") or None,
		product_type=node.get("productType") or None,
		published=node["status"] == "ACTIVE",
		images=_pictures(node),
		currency=currency,
		option_names=tuple(option["name"] for option in node["options"])
		if any(variant.options for variant in found)
		else (),
		variants=found,
		updated_at=node.get("updatedAt"),
		gift_card=bool(node.get("isGiftCard")),
	)


def variant_of(node: Node) -> model.ProductVariant:
	options = {option["name"]: option["value"] for option in node["selectedOptions"]}
	item = node.get("inventoryItem") or {}
	weight = (item.get("measurement") or {}).get("weight") or {}
	unit = WEIGHT_UNITS.get((weight.get("unit") or "").lower())
	value = _amount(weight.get("value"))
	return model.ProductVariant(
		id=legacy_id(node["id"]),
		sku=node.get("sku") or None,
		barcode=node.get("barcode") or None,
		title=None if node.get("title") == ONLY_VARIANT else node.get("title"),
		options={} if list(options.values()) == [ONLY_VARIANT] else options,
		price=_amount(node.get("price")),
		compare_at=_amount(node.get("compareAtPrice")),
		weight=value if unit and value else None,
		weight_uom=unit if value else None,
		image=next(iter(_pictures(node)), None),
		stock_id=legacy_id(item["id"]) if item.get("id") else None,
		tracked=item.get("tracked", True),
	)


def _pictures(node: Node) -> tuple[str, ...]:
	"""Addresses of the pictures of a product or variant; videos and models have a preview too."""
	images = ((media.get("preview") or {}).get("image") or {} for media in node["media"]["nodes"])
	return tuple(image["url"] for image in images if image.get("url"))


def _amount(value: Any) -> Decimal | None:
	if value is None:
		return None
	return parse_decimal(f"{value:f}" if isinstance(value, Decimal) else value)
