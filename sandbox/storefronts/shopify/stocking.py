"""Stock mutations: absolute numbers, each only if the shop still shows what the caller believes it shows."""

from __future__ import annotations

from typing import Any

from graphql import GraphQLError

from sandbox.storefronts.shopify.goods import Level
from sandbox.storefronts.shopify.graph import LevelAt, StockItem
from sandbox.storefronts.shopify.mutations import Args, Payload, failed, mutation, wrong
from sandbox.storefronts.shopify.payloads import gid
from sandbox.storefronts.shopify.queries import number

REASONS = {
	"correction", "cycle_count_available", "received", "restock", "other", "damaged", "quality_control",
	"safety_stock", "reservation_created", "reservation_deleted", "reservation_updated", "promotion", "shrinkage",
	"movement_created", "movement_received", "movement_updated", "movement_canceled",
}  # fmt: skip
#: From this version on a quantity is taken where the item is not stocked, and sells nothing there.
#: https://shopify.dev/changelog/removal-of-itemnotstockedatlocation-error
TAKES_ANY_LOCATION = "2026-10"
HIGHEST, LOWEST = 1_000_000_000, -1_000_000_000


@mutation("inventorySetQuantities")
def set_quantities(shop: Any, args: Args) -> Payload:
	"""All or nothing: one row that is wrong keeps all of them from being set."""
	given = args["input"]
	rows = given["quantities"]
	_demand_change_from(rows, "InventoryQuantityInput")
	errors = _wrong_input(given)
	seen: set[tuple[str, str]] = set()
	for index, row in enumerate(rows):
		error = _wrong_row(shop, row, f"input.quantities.{index}", given["name"], seen)
		if error:
			errors.append(error)
	if errors:
		return failed(*errors, inventoryAdjustmentGroup=None)
	changes: list[dict[str, Any]] = []
	for row in rows:
		changes += _set(shop, row, given["name"])
	return {"inventoryAdjustmentGroup": _group(shop, given, changes), "userErrors": []}


def _demand_change_from(rows: list[dict[str, Any]], name: str) -> None:
	"""Since 2026-04 it has to be there, if only as null; the schema does not say so."""
	if any("changeFromQuantity" not in row for row in rows):
		raise GraphQLError(
			f"{name} must include the following argument: changeFromQuantity.",
			extensions={"code": "INVALID_FIELD_ARGUMENTS"},
		)


def _wrong_input(given: dict[str, Any]) -> list[dict[str, Any]]:
	errors = []
	if given["name"] not in ("available", "on_hand"):
		errors.append(
			wrong("input.name", "The quantity name must be either 'available' or 'on_hand'.", "INVALID_NAME")
		)
	if given["reason"] not in REASONS:
		errors.append(wrong("input.reason", "The specified reason is invalid.", "INVALID_REASON"))
	uri = given.get("referenceDocumentUri")
	if uri is not None and ("://" not in uri or uri.startswith("gid://shopify/")):
		errors.append(
			wrong(
				"input.referenceDocumentUri",
				"The specified reference document is invalid.",
				"INVALID_REFERENCE_DOCUMENT",
			)
		)
	return errors


def _wrong_row(
	shop: Any, row: dict[str, Any], path: str, name: str, seen: set[tuple[str, str]]
) -> dict[str, Any] | None:
	variant = shop.inventory_item(number(row["inventoryItemId"]))
	location_id = number(row["locationId"])
	if variant is None:
		return wrong(
			f"{path}.inventoryItemId",
			"The specified inventory item could not be found.",
			"INVALID_INVENTORY_ITEM",
		)
	if location_id not in shop.locations:
		return wrong(f"{path}.locationId", "The specified location could not be found.", "INVALID_LOCATION")
	if (row["inventoryItemId"], row["locationId"]) in seen:
		return wrong(
			f"{path}.inventoryItemId",
			"The combination of inventoryItemId and locationId must be unique.",
			"NO_DUPLICATE_INVENTORY_ITEM_ID_GROUP_ID_PAIR",
		)
	seen.add((row["inventoryItemId"], row["locationId"]))
	level = variant.levels.get(location_id) or Level(active=False)
	if not level.active and shop.version < TAKES_ANY_LOCATION:
		return wrong(
			f"{path}.locationId",
			"The specified inventory item is not stocked at the location.",
			"ITEM_NOT_STOCKED_AT_LOCATION",
		)
	return _wrong_quantity(row, level, path, name)


def _wrong_quantity(row: dict[str, Any], level: Level, path: str, name: str) -> dict[str, Any] | None:
	if row["quantity"] > HIGHEST:
		return wrong(
			f"{path}.quantity", f"The quantity can't be higher than {HIGHEST:,}.", "INVALID_QUANTITY_TOO_HIGH"
		)
	if row["quantity"] < LOWEST:
		return wrong(
			f"{path}.quantity", f"The quantity can't be lower than {LOWEST:,}.", "INVALID_QUANTITY_TOO_LOW"
		)
	believed, shown = row["changeFromQuantity"], level.available if name == "available" else level.on_hand
	if believed is not None and believed != shown:
		return wrong(
			f"{path}.changeFromQuantity",
			"The specified compare quantity does not match the current quantity.",
			"CHANGE_FROM_QUANTITY_STALE",
		)
	return None


def _set(shop: Any, row: dict[str, Any], name: str) -> list[dict[str, Any]]:
	variant, location_id = shop.inventory_item(number(row["inventoryItemId"])), number(row["locationId"])
	level = variant.levels.setdefault(location_id, Level(active=False))
	before = level.available
	quantity = row["quantity"] - (level.committed if name == "on_hand" else 0)
	if quantity == before:
		return []
	shop.set_available(variant, location_id, quantity)
	return [
		{
			"name": each,
			"delta": quantity - before,
			"quantityAfterChange": None,
			"ledgerDocumentUri": None,
			"item": StockItem(variant),
			"location": shop.locations[location_id],
		}
		for each in ("available", "on_hand")
	]


def _group(shop: Any, given: dict[str, Any], changes: list[dict[str, Any]]) -> dict[str, Any] | None:
	"""None where nothing changed."""
	if not changes:
		return None
	return {
		"__typename": "InventoryAdjustmentGroup",
		"id": gid("InventoryAdjustmentGroup", shop.new_id("adjustment")),
		"createdAt": shop.now(),
		"reason": given["reason"],
		"referenceDocumentUri": given.get("referenceDocumentUri"),
		"changes": changes,
	}


@mutation("inventoryAdjustQuantities")
def adjust_quantities(shop: Any, args: Args) -> Payload:
	given = args["input"]
	_demand_change_from(given["changes"], "InventoryChangeInput")
	errors = _wrong_input(given)
	seen: set[tuple[str, str]] = set()
	for index, row in enumerate(given["changes"]):
		error = _wrong_row(shop, {"quantity": 0, **row}, f"input.changes.{index}", "available", seen)
		if error:
			errors.append(error)
	if errors:
		return failed(*errors, inventoryAdjustmentGroup=None)
	changes: list[dict[str, Any]] = []
	for row in given["changes"]:
		level = shop.inventory_item(number(row["inventoryItemId"])).levels[number(row["locationId"])]
		changes += _set(shop, {**row, "quantity": level.available + row["delta"]}, "available")
	return {"inventoryAdjustmentGroup": _group(shop, given, changes), "userErrors": []}


@mutation("inventoryActivate")
def activate(shop: Any, args: Args) -> Payload:
	"""Since 2026-04 a quantity that is left out stays what it was."""
	if args.get("available") is not None and args.get("onHand") is not None:
		return failed(
			wrong("available", "Not allowed to set both available and on_hand quantities."),
			inventoryLevel=None,
		)
	variant = shop.inventory_item(number(args["inventoryItemId"]))
	location = shop.locations.get(number(args["locationId"]))
	if variant is None:
		return failed(wrong("inventoryItemId", "The product couldn't be found."), inventoryLevel=None)
	if location is None or not location.active:
		return failed(wrong("locationId", "The location couldn't be found."), inventoryLevel=None)
	level = variant.levels.setdefault(location.id, Level(active=False))
	if level.active and args.get("available") is not None:
		return failed(
			wrong(
				"available",
				"Not allowed to set available quantity when the item is already active at the location.",
			),
			inventoryLevel=None,
		)
	level.active, level.updated_at = True, shop.now()
	if args.get("available") is not None:
		shop.set_available(variant, location.id, args["available"])
	elif args.get("onHand") is not None:
		shop.set_available(variant, location.id, args["onHand"] - level.committed)
	return {"inventoryLevel": LevelAt(variant, location), "userErrors": []}


@mutation("inventoryItemUpdate")
def update_item(shop: Any, args: Args) -> Payload:
	variant = shop.inventory_item(number(args["id"]))
	if variant is None:
		return failed(wrong("id", "The product couldn't be found."), inventoryItem=None)
	given = args["input"]
	variant.tracked = given.get("tracked", variant.tracked)
	variant.sku = given.get("sku", variant.sku)
	return {"inventoryItem": StockItem(variant), "userErrors": []}
