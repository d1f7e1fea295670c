"""Stock levels into a shop, and the levels it shows.

A product whose stock WooCommerce does not manage sells without limit, and takes a quantity without keeping it; a
variation may lean on the quantity of its product instead ("parent"). So every level is sent together with
`manage_stock`, and the answer is compared with it. There is no location, and nothing like compare-and-set: what a
sale took between the count and the call is put right by the next level.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any

from commerce_bridge.bridge.model import ShownLevel, StockLevel
from commerce_bridge.bridge.protocols import PushResult, ShownPage, row_key
from commerce_bridge.connectors.woocommerce import batches
from commerce_bridge.connectors.woocommerce.batches import Difference, Row
from commerce_bridge.connectors.woocommerce.client import PAGE, NotFound, WooCommerceClient
from commerce_bridge.connectors.woocommerce.product_export import Position, listed, variations
from commerce_bridge.connectors.woocommerce.products import is_parent

BATCH = batches.BATCH
_SHOWN = ("manage_stock", "stock_quantity")
_FIELDS = ("id", "sku", "type", *_SHOWN)
#: Products with variations whose variations are read for one page of levels: a call each, or more.
PARENTS_PER_PAGE = 20
_SWITCHED_OFF = (
	"The shop does not manage this product's stock although it was told to: in WooCommerce > Settings > Products > "
	"Inventory tick Enable stock management, or see which plugin refuses it"
)


def push(client: WooCommerceClient, levels: Sequence[StockLevel]) -> list[PushResult]:
	"""Sends levels, at most `BATCH`; one result each, in order. Errors as in `batches.push`."""
	rows = [_row(level) for level in levels]
	batches.push(client, rows, _SHOWN)
	return [
		PushResult(row_key(level), row.error, retry=row.retry, unsent=row.unsent)
		for level, row in zip(levels, rows, strict=True)
	]


def _row(level: StockLevel) -> Row:
	quantity = max(int(level.quantity // 1), 0)
	row = Row(
		label=level.listing,
		sku=level.sku,
		product=level.product_id,
		variant=level.variant_id,
		body={"manage_stock": True, "stock_quantity": quantity},
		differs=partial(_differs, quantity),
	)
	if level.location_id is not None:
		row.refuse("WooCommerce has no locations: leave Location ID empty in Warehouses of the channel")
	elif level.quantity % 1:
		row.refuse(
			f"{level.quantity.normalize():f} is no whole number, which WooCommerce asks for: tick Whole Units in the "
			"channel, or sell the item in a smaller unit"
		)
	return row


def _differs(quantity: int, answer: Mapping[str, Any]) -> Difference | None:
	managed, shown = answer.get("manage_stock"), _number(answer.get("stock_quantity"))
	if managed is not True:
		kind = answer.get("type")
		if kind in ("external", "grouped"):
			return Difference(f"WooCommerce counts no stock of a product of type {kind}: delist it", False)
		return Difference(_SWITCHED_OFF, again=managed == "parent")
	if shown != quantity:
		told = "no number" if shown is None else f"{shown.normalize():f}"
		return Difference(f"The shop shows {told} where {quantity} was sent: a plugin changes it")
	return None


def _number(value: Any) -> Decimal | None:
	if isinstance(value, bool) or not isinstance(value, (int, str, Decimal)):
		return None
	try:
		number = Decimal(value)
	except InvalidOperation:
		return None
	return number if number.is_finite() else None


# --- what the shop shows -------------------------------------------------------------------------------------


def shown(client: WooCommerceClient, cursor: str | None) -> ShownPage:
	"""A page of levels: those of up to 100 products, by id, with their variations.

	Nothing is said of what the shop sells without counting: products whose stock is not managed, variations that
	lean on their product's quantity, and products with variations themselves. A listing of ours among them is one
	that the shop does not show.
	"""
	page = listed(client, Position.read(cursor), PAGE, _FIELDS)
	rows: list[ShownLevel] = []
	taken = calls = 0
	ends = client.now() + batches.LONGEST_BATCH
	for product in page.products:
		if calls == PARENTS_PER_PAGE or (taken and client.now() >= ends):
			break
		taken += 1
		if is_parent(product):
			calls += 1
			rows += _levels_of_variations(client, product)
		elif _is_counted(product):
			rows.append(_level(product, None))
	following = page.after(taken) if page.products else None
	return ShownPage(tuple(rows), str(following) if following else None)


def _levels_of_variations(client: WooCommerceClient, product: Mapping[str, Any]) -> list[ShownLevel]:
	try:
		return [_level(product, row) for row in variations(client, product, _FIELDS) if _is_counted(row)]
	except NotFound:  # deleted a moment ago
		return []


def _is_counted(product: Mapping[str, Any]) -> bool:
	return product.get("manage_stock") is True


def _level(product: Mapping[str, Any], variation: Mapping[str, Any] | None) -> ShownLevel:
	sold = variation or product
	return ShownLevel(
		sku=str(sold.get("sku") or "") or None,
		product_id=str(product["id"]),
		variant_id=str(variation["id"]) if variation else None,
		quantity=_number(sold.get("stock_quantity")) or Decimal(0),
	)
