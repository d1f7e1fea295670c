"""Stock levels into a shop: few calls, and each row answered for itself."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from commerce_bridge.bridge.errors import Retryable
from commerce_bridge.bridge.model import StockLevel
from commerce_bridge.connectors.shopify import stock
from sandbox.storefronts.shopify import ShopifyStorefront
from sandbox.storefronts.shopify.goods import Variant
from tests.connectors.shopify_shop import answer, shop
from tests.connectors.shopify_simulated import Stage
from tests.connectors.storefront import NOW


@pytest.fixture
def stage() -> Stage:
	return Stage()


def level(stage: Stage, variant: Variant, quantity: Any = 5, **values: Any) -> StockLevel:
	"""Of a listing whose ids are known, at the first location, where 0 was pushed last."""
	return StockLevel(
		**{
			"listing": f"L-{variant.sku}",
			"item_code": variant.sku,
			"sku": variant.sku,
			"product_id": str(variant.product.id),
			"variant_id": str(variant.id),
			"location_id": str(stage.shop.location.id),
			"stock_id": str(variant.inventory_item_id),
			"quantity": Decimal(quantity),
			"expected": Decimal(0),
			**values,
		}
	)


def push(stage: Stage, *levels: StockLevel) -> list[Any]:
	return stock.push(stage.client, stage.unit, levels)


# --- few calls ---


def test_a_thousand_items_at_one_location_are_four_mutations_and_no_query(stage: Stage) -> None:
	variants = [stage.shop.add_product(f"A{number}") for number in range(1000)]
	levels = [level(stage, variant, number % 7) for number, variant in enumerate(variants)]
	for start in range(0, 1000, stock.BATCH):
		assert all(result.error is None for result in push(stage, *levels[start : start + stock.BATCH]))
	assert stage.fields == ["inventorySetQuantities"] * 4
	assert [stage.shop.stock(f"A{number}") for number in range(1000)] == [
		number % 7 for number in range(1000)
	]


def test_a_resync_of_what_is_shown_already_is_as_few_calls(stage: Stage) -> None:
	variants = [stage.shop.add_product(f"A{number}", stock=3) for number in range(250)]
	push(stage, *(level(stage, variant, 3, expected=Decimal(3)) for variant in variants))
	assert stage.fields == ["inventorySetQuantities"]


def test_all_locations_go_in_one_call(stage: Stage) -> None:
	other = stage.shop.add_location("Depot")
	variant = stage.shop.add_product("A")
	first = level(stage, variant, 3)
	second = level(stage, variant, 4, location_id=str(other.id))
	assert [result.key for result in push(stage, first, second)] == [
		f"L-A|{stage.shop.location.id}",
		f"L-A|{other.id}",
	]
	assert stage.fields == ["inventorySetQuantities"]
	assert (stage.shop.stock("A"), stage.shop.stock("A", other.id)) == (3, 4)


def test_what_is_not_known_is_asked_once_and_told(stage: Stage) -> None:
	variants = [stage.shop.add_product(f"A{number}") for number in range(250)]
	results = push(stage, *(level(stage, each, 2, stock_id=None, expected=None) for each in variants))
	assert stage.fields == ["nodes", "inventorySetQuantities"]
	assert [result.stock_id for result in results] == [str(each.inventory_item_id) for each in variants]


def test_the_call_names_the_sync_log_and_what_the_shop_should_show(stage: Stage) -> None:
	variant = stage.shop.add_product("A", stock=7)
	stage.unit = "SYNC 1/2"
	push(stage, level(stage, variant, 5, expected=Decimal(7)))
	given = stage.shop.calls[0].variables["input"]
	assert given["referenceDocumentUri"] == "gid://commerce-bridge/SyncLog/SYNC%201%2F2"
	assert (given["name"], given["reason"]) == ("available", "correction")
	assert [(row["quantity"], row["changeFromQuantity"]) for row in given["quantities"]] == [(5, 7)]


def test_an_unknown_level_is_opted_out_of_in_so_many_words(stage: Stage) -> None:
	"""The rule is Shopify's, and not in its schema: the field has to be there."""
	variant = stage.shop.add_product("A", stock=7)
	assert push(stage, level(stage, variant, 5, expected=None))[0].error is None
	assert stage.shop.calls[-1].variables["input"]["quantities"][0]["changeFromQuantity"] is None


@pytest.mark.parametrize(("quantity", "shown"), [("-3", 0), ("2.9", 2), ("-0.5", 0), ("3000000000", 10**9)])
def test_whole_units_that_there_are(stage: Stage, quantity: str, shown: int) -> None:
	variant = stage.shop.add_product("A", stock=1)
	assert push(stage, level(stage, variant, quantity, expected=Decimal(1)))[0].error is None
	assert stage.shop.stock("A") == shown


def test_what_was_sent_of_a_negative_level_was_none(stage: Stage) -> None:
	variant = stage.shop.add_product("A", stock=0)
	assert push(stage, level(stage, variant, 4, expected=Decimal(-2)))[0].error is None


def test_a_repetition_in_the_same_unit_is_the_same_call(stage: Stage) -> None:
	variant = stage.shop.add_product("A")
	stage.shop.fail("lost", operation="inventorySetQuantities")
	with pytest.raises(Retryable):
		push(stage, level(stage, variant, 5))
	assert push(stage, level(stage, variant, 5))[0].error is None
	assert stage.shop.repetitions == 1


def test_a_level_that_comes_back_is_set_again_though_its_key_was_used(stage: Stage) -> None:
	"""5, then 3, then 5 in one unit of work, whose answers were lost: the first one's answer is kept at the shop."""
	moment = [NOW]
	stage.shop = ShopifyStorefront(lambda: moment[0])
	variant = stage.shop.add_product("A", stock=1)
	for quantity in (5, 3, 5, 3):
		stage.shop.fail("lost", operation="inventorySetQuantities")
		with pytest.raises(Retryable):
			push(stage, level(stage, variant, quantity, expected=None))
		moment[0] += timedelta(seconds=60)
	assert push(stage, level(stage, variant, 5, expected=None))[0].error is None
	assert stage.shop.stock("A") == 5
	assert stage.shop.repetitions > 0


def test_a_level_that_changed_nothing_the_first_time_is_set_again_too(stage: Stage) -> None:
	"""Of what changed nothing Shopify does not say when that was."""
	variant = stage.shop.add_product("A", stock=5)
	for quantity in (5, 3):
		stage.shop.fail("lost", operation="inventorySetQuantities")
		with pytest.raises(Retryable):
			push(stage, level(stage, variant, quantity, expected=None))
	assert push(stage, level(stage, variant, 5, expected=None))[0].error is None
	assert stage.shop.stock("A") == 5


def test_a_lost_answer_is_got_later_without_writing_over_a_sale(stage: Stage) -> None:
	"""What the first attempt set is what the shop has to show still."""
	moment = [NOW]
	stage.shop = ShopifyStorefront(lambda: moment[0])
	calm, sold = stage.shop.add_product("A", stock=1), stage.shop.add_product("B", stock=1)
	levels = [level(stage, each, 5, expected=Decimal(1)) for each in (calm, sold)]
	stage.shop.fail("lost", operation="inventorySetQuantities")
	with pytest.raises(Retryable):
		push(stage, *levels)
	stage.shop.place_order({"B": 1})
	moment[0] += timedelta(seconds=60)
	results = push(stage, *levels)
	assert [(result.error is None, result.stale) for result in results] == [(True, False), (False, True)]
	assert (stage.shop.stock("A"), stage.shop.stock("B")) == (5, 4)


# --- rows that are refused ---


def test_a_level_that_changed_meanwhile_is_stale_and_the_others_go(stage: Stage) -> None:
	sold, other = stage.shop.add_product("A", stock=9), stage.shop.add_product("B", stock=1)
	results = push(
		stage, level(stage, sold, 5, expected=Decimal(10)), level(stage, other, 4, expected=Decimal(1))
	)
	assert (results[0].stale, results[0].retry, bool(results[0].error)) == (True, True, True)
	assert results[1].error is None
	assert (stage.shop.stock("A"), stage.shop.stock("B")) == (9, 4)
	assert push(stage, level(stage, sold, 5, expected=None))[0].error is None
	assert stage.shop.stock("A") == 5


def test_every_refused_row_is_taken_out_at_once(stage: Stage) -> None:
	variants = [stage.shop.add_product(f"A{number}") for number in range(20)]
	levels = [level(stage, each, 5, expected=Decimal(number % 2)) for number, each in enumerate(variants)]
	results = push(stage, *levels)
	assert [result.stale for result in results] == [bool(number % 2) for number in range(20)]
	assert stage.fields == ["inventorySetQuantities"] * 2


def test_a_deleted_product_is_named_and_the_others_go(stage: Stage) -> None:
	gone, unknown, there = (stage.shop.add_product(sku) for sku in "ABC")
	levels = [level(stage, gone), level(stage, unknown, stock_id=None), level(stage, there)]
	stage.shop.delete_product(gone.product)
	stage.shop.delete_product(unknown.product)
	results = push(stage, *levels)
	assert "no such product any more" in (results[0].error or "")
	assert "has deleted this product" in (results[1].error or "")
	assert [result.retry for result in results] == [False] * 3
	assert (results[2].error, stage.shop.stock("C")) == (None, 5)


def test_a_location_that_is_none(stage: Stage) -> None:
	variant = stage.shop.add_product("A")
	results = push(stage, level(stage, variant, location_id="1"), level(stage, variant, location_id=None))
	assert "no such location" in (results[0].error or "")
	assert "enter the Location" in (results[1].error or "")


def test_a_listing_without_ids_is_told_what_to_do(stage: Stage) -> None:
	variant = stage.shop.add_product("A")
	result = push(stage, level(stage, variant, stock_id=None, variant_id=None))[0]
	assert "no Variant ID" in (result.error or "")
	assert stage.fields == []


def test_two_listings_of_one_product_do_not_keep_the_others_back(stage: Stage) -> None:
	twice, other = stage.shop.add_product("A"), stage.shop.add_product("B")
	results = push(
		stage,
		level(stage, twice, 5),
		level(stage, twice, 6, listing="L-A2", stock_id=None, expected=None),
		level(stage, other, 7),
	)
	assert [result.error is None for result in results] == [True, False, True]
	assert "L-A is the same product" in (results[1].error or "")
	assert (stage.shop.stock("A"), stage.shop.stock("B")) == (5, 7)


def refused(code: str | None, *path: str, message: str = "No") -> Any:
	error = {"field": list(path) or None, "message": message, "code": code}
	return answer({"inventorySetQuantities": {"inventoryAdjustmentGroup": None, "userErrors": [error]}})


GROUP = {"id": "gid://shopify/InventoryAdjustmentGroup/1", "createdAt": "2026-11-20T10:00:00Z"}
TAKEN = answer({"inventorySetQuantities": {"inventoryAdjustmentGroup": GROUP, "userErrors": []}})
KNOWN = StockLevel(
	listing="L",
	item_code="A",
	sku="A",
	variant_id="2",
	location_id="7",
	stock_id="3",
	quantity=Decimal(5),
	expected=Decimal(0),
)


def test_an_error_of_the_whole_call_is_every_rows(stage: Stage) -> None:
	told = shop(refused("INVALID_REASON", "input", "reason", message="The specified reason is invalid."))
	results = stock.push(
		told.client, "SYNC-1", [KNOWN, KNOWN.model_copy(update={"listing": "M", "stock_id": "4"})]
	)
	assert ["The specified reason is invalid." in (result.error or "") for result in results] == [True, True]
	assert len(told.bodies) == 1


def test_a_bundle_of_the_shop_is_named() -> None:
	told = shop(refused("NON_MUTABLE_INVENTORY_ITEM", "input", "quantities", "0", "inventoryItemId"))
	assert "bundle" in (stock.push(told.client, "SYNC-1", [KNOWN])[0].error or "")


def test_rows_that_are_never_reached_are_tried_again() -> None:
	rows = [
		KNOWN.model_copy(update={"listing": f"L{number}", "stock_id": str(number)}) for number in range(9)
	]
	told = shop(*[refused("OTHER", "input", "quantities", "0") for _ in rows])
	results = stock.push(told.client, "SYNC-1", rows)
	assert [result.retry for result in results] == [False] * stock.ROUNDS + [True] * 4
	assert all(result.error for result in results)


# --- stocked and tracked ---


def test_an_item_that_is_not_stocked_there_is_activated_once(stage: Stage) -> None:
	variant = stage.shop.add_product("A")
	other = stage.shop.add_location("Depot")
	row = level(stage, variant, 4, location_id=str(other.id), expected=None)
	assert push(stage, row)[0].error is None
	assert stage.fields == ["nodes", "inventoryActivate"]
	assert (variant.levels[other.id].active, variant.levels[other.id].available) == (True, 4)
	assert (
		push(stage, row.model_copy(update={"quantity": Decimal(2), "expected": Decimal(4)}))[0].error is None
	)
	assert stage.fields[2:] == ["inventorySetQuantities"]


def test_an_error_of_earlier_versions_says_that_it_is_not_stocked() -> None:
	told = shop(
		refused("ITEM_NOT_STOCKED_AT_LOCATION", "input", "quantities", "0", "locationId"),
		answer(
			{
				"inventoryActivate": {
					"inventoryLevel": {"id": "gid://shopify/InventoryLevel/1"},
					"userErrors": [],
				}
			}
		),
	)
	assert stock.push(told.client, "SYNC-1", [KNOWN])[0].error is None
	assert told.variables[1]["available"] == 5


def test_an_item_whose_location_was_taken_away_is_activated_again(stage: Stage) -> None:
	variant = stage.shop.add_product("A", stock=3)
	variant.levels[stage.shop.location.id].active = False
	assert push(stage, level(stage, variant, 5, expected=None))[0].error is None
	assert variant.levels[stage.shop.location.id].active
	assert stage.shop.stock("A") == 5


def test_where_somebody_was_faster_the_level_is_sent_like_any_other() -> None:
	message = "Not allowed to set available quantity when the item is already active at the location."
	errors = [{"field": ["available"], "message": message}]
	told = shop(
		refused("ITEM_NOT_STOCKED_AT_LOCATION", "input", "quantities", "0", "locationId"),
		answer({"inventoryActivate": {"inventoryLevel": None, "userErrors": errors}}),
		TAKEN,
	)
	assert stock.push(told.client, "SYNC-1", [KNOWN])[0].error is None
	assert len(told.bodies) == 3


def test_an_item_that_cannot_be_stocked_there_is_told(stage: Stage) -> None:
	variant = stage.shop.add_product("A")
	other = stage.shop.add_location("Closed")
	other.active = False
	result = push(stage, level(stage, variant, 4, location_id=str(other.id), expected=None))[0]
	assert "not stocked at location" in (result.error or "")


def test_what_the_merchant_does_not_track_stays_so_and_the_others_go(stage: Stage) -> None:
	untracked, other = stage.shop.add_product("A", tracked=False), stage.shop.add_product("B")
	results = push(
		stage, level(stage, untracked, 4, expected=None, stock_id=None), level(stage, other, 5, expected=None)
	)
	assert "tick Track quantity there" in (results[0].error or "")
	assert (results[0].retry, results[0].stock_id) == (False, str(untracked.inventory_item_id))
	assert results[1].error is None
	assert (untracked.tracked, stage.shop.stock("B")) == (False, 5)
	assert stage.fields == ["nodes", "inventorySetQuantities"]


def test_selling_what_is_not_there_is_the_merchants_choice(stage: Stage) -> None:
	variant = stage.shop.add_product("A", policy="CONTINUE")
	assert push(stage, level(stage, variant, 0, expected=None))[0].error is None
	assert variant.policy == "CONTINUE"


# --- what the shop shows ---


def test_the_levels_of_every_location_page_by_page(stage: Stage) -> None:
	other = stage.shop.add_location("Depot")
	for number in range(130):
		stage.shop.add_product(f"A{number}", stock=number)
	stage.shop.add_product("SERVICE", stock=1, tracked=False)
	rows, cursor, pages = [], None, 0
	while True:
		page = stock.shown(stage.client, stage.channel, cursor)
		assert page is not None
		rows, cursor, pages = rows + list(page.rows), page.cursor, pages + 1
		if cursor is None:
			break
	assert pages == 4
	first = {row.sku: row for row in rows if row.location_id == str(stage.shop.location.id)}
	assert {sku: int(row.quantity) for sku, row in first.items()} == {f"A{n}": n for n in range(130)}
	assert sum(row.location_id == str(other.id) for row in rows) == 130
	variant = stage.shop.variant("A7")
	assert first["A7"].stock_id == str(variant.inventory_item_id)
	assert (first["A7"].variant_id, first["A7"].product_id) == (str(variant.id), str(variant.product.id))


def test_without_a_location_the_shop_cannot_be_asked(stage: Stage) -> None:
	stage.changes = {"warehouses": ()}
	assert stock.shown(stage.client, stage.channel, None) is None
