"""Stock levels into a shop, and the levels it shows.

Absolute quantities, 250 in one call, which Shopify takes all or none: rows it names are taken out, and the others
are sent again. What is not known of a row yet (its inventory item, whether it is tracked and stocked at the
location) is asked for once a batch, and only of rows that were never pushed: in the steady state a batch is one
mutation. It is asked for because Shopify does not say so any more: since 2026 a quantity at a location where
the item is not stocked is taken without an error, and sells nothing.
https://shopify.dev/changelog/removal-of-itemnotstockedatlocation-error
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from commerce_bridge.bridge.channel import Channel
from commerce_bridge.bridge.errors import Rejected
from commerce_bridge.bridge.model import ShownLevel, StockLevel
from commerce_bridge.bridge.protocols import PushResult, ShownPage, row_key
from commerce_bridge.connectors.shopify.client import Result, ShopifyClient, UserError, user_errors
from commerce_bridge.connectors.shopify.documents.stock import (
	ACTIVATE,
	SET_QUANTITIES,
	SHOWN,
	STATES,
)
from commerce_bridge.connectors.shopify.ids import gid, legacy_id, number_of
from commerce_bridge.connectors.shopify.setup import mapped_locations

#: Rows in one call: https://shopify.dev/docs/api/usage/limits
BATCH = 250
#: How often the rows that were not refused are sent again: Shopify names all refused ones at once.
ROUNDS = 5
#: Shopify's own limit of a quantity.
MOST = 1_000_000_000
#: What lies further back than this when Shopify answers was not done for this call.
OLDEST_ANSWER = timedelta(seconds=3)
#: A choice of the merchant's, who may sell the variant whatever there is: what we make ourselves is tracked.
_UNTRACKED = "Shopify does not track this variant's stock: tick Track quantity there, or delist the listing to send none"
_ROW = re.compile(r"[0-9]{1,4}")
_NOT_STOCKED = "not stocked"  # ITEM_NOT_STOCKED_AT_LOCATION, until 2026-07
_ALREADY = "already active"
_STALE = frozenset({"CHANGE_FROM_QUANTITY_STALE", "COMPARE_QUANTITY_STALE"})
#: Code → what to do about it, in words.
_WORDS = {
	"INVALID_INVENTORY_ITEM": "the shop has no such product any more: list it anew, or delete the listing",
	"INVALID_LOCATION": "the shop has no such location: correct it in Warehouses of the channel",
	"NON_MUTABLE_INVENTORY_ITEM": "the product is a bundle in the shop, which counts its parts: push no stock of it",
}


@dataclass(slots=True)
class _Row:
	"""One level on its way out."""

	level: StockLevel
	item: str | None  # the inventory item
	found: str | None = None  # that was not known before
	error: str | None = None
	retry: bool = False
	stale: bool = False
	done: bool = False
	again: bool = False  # the same was set before, by an attempt whose answer was lost

	@property
	def believed(self) -> int | None:
		"""What the shop should show now."""
		if self.level.expected is None:
			return None
		return shown_quantity(self.level.quantity if self.again else self.level.expected)

	@property
	def open(self) -> bool:
		return not self.done and self.error is None

	def refuse(self, error: str, retry: bool = False) -> None:
		self.error, self.retry = error, retry

	def result(self) -> PushResult:
		return PushResult(
			row_key(self.level), self.error, retry=self.retry, stock_id=self.found, stale=self.stale
		)


def push(client: ShopifyClient, unit: str, levels: Sequence[StockLevel]) -> list[PushResult]:
	"""Sends levels, at most `BATCH`; one result each, in order.

	:param unit: name of the Sync Log; shown in the shop's inventory history
	"""
	rows = [_Row(level, level.stock_id) for level in levels]
	_refuse_unaddressed(rows)
	_look_up(client, rows)
	_refuse_twice(rows)
	for _ in range(ROUNDS):
		waiting = [row for row in rows if row.open]
		if not waiting:
			break
		_send(client, unit, waiting)
	for row in rows:
		if row.open:
			row.refuse("Shopify refused other rows of the same call again and again", retry=True)
	return [row.result() for row in rows]


def shown_quantity(quantity: Decimal) -> int:
	"""What the shop is told of a quantity: whole units, never fewer than none."""
	return max(0, min(int(quantity // 1), MOST))


# --- what is not known yet -----------------------------------------------------------------------------------


def _refuse_unaddressed(rows: Sequence[_Row]) -> None:
	for row in rows:
		if not number_of(row.level.location_id):
			row.refuse("Shopify counts stock by location: enter the Location of the warehouse in the channel")
		elif not (number_of(row.item) or number_of(row.level.variant_id)):
			row.refuse(
				"The listing has no Variant ID of the shop: import the shop's products, or push this one"
			)


def _refuse_twice(rows: Sequence[_Row]) -> None:
	"""Two listings of one product at one location: Shopify refuses a call that names it twice."""
	first: dict[tuple[str | None, str | None], _Row] = {}
	for row in rows:
		if row.open and first.setdefault((row.item, row.level.location_id), row) is not row:
			other = first[row.item, row.level.location_id].level.listing
			row.refuse(f"The listing {other} is the same product of the shop: delete one of the two")


def _look_up(client: ShopifyClient, rows: Sequence[_Row]) -> None:
	"""One query for each location, of rows of which something is not known."""
	unknown = [row for row in rows if row.open and (row.item is None or row.level.expected is None)]
	for location in dict.fromkeys(row.level.location_id for row in unknown):
		here = [row for row in unknown if row.level.location_id == location]
		ids = [_node_id(row) for row in here]
		nodes = client.run(STATES, {"ids": ids, "location": gid("Location", location or "")})["nodes"]
		for row, node in zip(here, nodes, strict=True):
			_prepare(client, row, (node or {}).get("inventoryItem") or node)


def _node_id(row: _Row) -> str:
	if row.item is not None:
		return gid("InventoryItem", row.item)
	return gid("ProductVariant", row.level.variant_id or "")


def _prepare(client: ShopifyClient, row: _Row, item: Mapping[str, Any] | None) -> None:
	if not item:
		row.refuse("The shop has deleted this product: list it anew, or delete the listing")
		return
	number = legacy_id(item["id"])
	if row.item is None:
		row.item = row.found = number
	if not item["tracked"]:
		row.refuse(_UNTRACKED)
		return
	level = item["inventoryLevel"]
	if not level or not level["isActive"]:
		_activate(client, row)


def _activate(client: ShopifyClient, row: _Row) -> None:
	"""Stocks an item at a location, with its quantity: nothing is left to send of it."""
	variables = {
		"item": gid("InventoryItem", row.item or ""),
		"location": gid("Location", row.level.location_id or ""),
		"available": shown_quantity(row.level.quantity),
	}
	errors = user_errors(client.run_idempotent(ACTIVATE, variables)["inventoryActivate"])
	if any(_ALREADY in error.message for error in errors):
		return  # somebody was faster: its level is sent like any other
	if errors:
		row.refuse(f"The product is not stocked at location {row.level.location_id}: {_told(errors)}")
	row.done = not errors


# --- sending -------------------------------------------------------------------------------------------------


def _send(client: ShopifyClient, unit: str, rows: Sequence[_Row]) -> None:
	"""One call; rows that Shopify names are settled, the others stay open unless all were taken."""
	data = client.run_idempotent(
		SET_QUANTITIES,
		_variables(unit, rows),
		is_replay=lambda result: _is_replay(result, rows),
		renew=lambda: _renewed(unit, rows),
	)
	errors = user_errors(data["inventorySetQuantities"])
	if not errors:
		for row in rows:
			row.done = True
		return
	named = dict(_by_row(errors, rows))
	if not named:  # it is about the whole call
		for row in rows:
			row.refuse(f"Shopify refused: {_told(errors)}")
	for row, error in named.values():
		_settle(client, row, error)


def _is_replay(result: Result, rows: Sequence[_Row]) -> bool:
	"""Whether the answer may be that of an attempt before, after which something else was set: what Shopify did
	for it lies back. Where it changed nothing it does not say when that was; that is as it should be where all
	rows say what the shop shows already."""
	payload = result.data["inventorySetQuantities"]
	if user_errors(payload):
		return False
	group = payload["inventoryAdjustmentGroup"]
	if group is None:
		return any(row.level.expected != row.level.quantity for row in rows)
	made = datetime.fromisoformat(group["createdAt"].replace("Z", "+00:00"))
	return result.answered_at is not None and result.answered_at - made > OLDEST_ANSWER


def _renewed(unit: str, rows: Sequence[_Row]) -> dict[str, Any]:
	for row in rows:
		row.again = True
	return _variables(unit, rows)


def _variables(unit: str, rows: Sequence[_Row]) -> dict[str, Any]:
	return {"input": _input(unit, rows)}


def _input(unit: str, rows: Sequence[_Row]) -> dict[str, Any]:
	return {
		"name": "available",
		"reason": "correction",
		"referenceDocumentUri": f"gid://commerce-bridge/SyncLog/{quote(unit or 'push', safe='')}",
		"quantities": [
			{
				"inventoryItemId": gid("InventoryItem", row.item or ""),
				"locationId": gid("Location", row.level.location_id or ""),
				"quantity": shown_quantity(row.level.quantity),
				# Has to be there, if only as null: https://shopify.dev/changelog/making-changefromquantity-field-required
				"changeFromQuantity": row.believed,
			}
			for row in rows
		],
	}


def _by_row(
	errors: Sequence[UserError], rows: Sequence[_Row]
) -> Iterator[tuple[int, tuple[_Row, UserError]]]:
	"""Row → its error. The path of one is ("input", "quantities", "3", …)."""
	for error in reversed(errors):  # the first of a row counts
		index = error.field[2] if len(error.field) > 2 and error.field[1] == "quantities" else ""
		if _ROW.fullmatch(index) and int(index) < len(rows):
			yield int(index), (rows[int(index)], error)


def _settle(client: ShopifyClient, row: _Row, error: UserError) -> None:
	if error.code in _STALE:
		row.stale = True
		row.refuse(
			"The shop's level changed since the last push: it is sent again without regard to it", True
		)
	elif _NOT_STOCKED in f"{error.code} {error.message}".lower().replace("_", " "):
		_activate(client, row)
	else:
		row.refuse(f"Shopify refused the level: {_WORDS.get(error.code or '', error.message)}")


def _told(errors: Sequence[UserError]) -> str:
	return "; ".join(dict.fromkeys(error.message for error in errors))


# --- what the shop shows -------------------------------------------------------------------------------------


def shown(client: ShopifyClient, channel: Channel, cursor: str | None) -> ShownPage | None:
	"""A page of the levels of the channel's locations, one location after the other.

	:param cursor: "<location>:<cursor of Shopify>"
	:return: None where no warehouse has a location
	"""
	locations = mapped_locations(channel)
	if not locations:
		return None
	location, _, after = (cursor or f"{locations[0]}:").partition(":")
	if location not in locations:
		raise Rejected(f"Location {location[:40]} is not one of the channel's any more: begin anew")
	found = client.run(SHOWN, {"location": gid("Location", location), "after": after or None})["location"]
	page = found["inventoryLevels"] if found else {"nodes": (), "pageInfo": {"hasNextPage": False}}
	rows = tuple(_shown_level(node, location) for node in page["nodes"] if node["item"]["tracked"])
	return ShownPage(rows, _next(page["pageInfo"], location, locations))


def _next(page: Mapping[str, Any], location: str, locations: Sequence[str]) -> str | None:
	if page["hasNextPage"]:
		return f"{location}:{page['endCursor']}"
	following = locations[locations.index(location) + 1 :]
	return f"{following[0]}:" if following else None


def _shown_level(node: Mapping[str, Any], location: str) -> ShownLevel:
	item = node["item"]
	variant = next(iter((item.get("variants") or {}).get("nodes") or ()), None)
	available = next((row["quantity"] for row in node["quantities"] if row["name"] == "available"), 0)
	return ShownLevel(
		sku=item["sku"] or None,
		product_id=legacy_id(variant["product"]["id"]) if variant else None,
		variant_id=legacy_id(variant["id"]) if variant else None,
		location_id=location,
		stock_id=legacy_id(item["id"]),
		quantity=Decimal(available),
	)
