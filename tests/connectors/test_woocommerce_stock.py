"""Stock levels into a shop, always together with who counts them; and the levels it shows."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from commerce_bridge.bridge.errors import Rejected, Retryable
from commerce_bridge.bridge.model import ShownLevel, StockLevel
from commerce_bridge.bridge.protocols import PushResult
from commerce_bridge.connectors.woocommerce import stock
from tests.connectors.storefront import json_answer
from tests.connectors.woocommerce_shelf import Call, Shelf


@pytest.fixture
def shelf() -> Shelf:
	return Shelf()


def level(product: int | None, variant: int | None = None, quantity: Any = 5, **values: Any) -> StockLevel:
	return StockLevel(
		**{
			"listing": f"L-{variant or product}",
			"item_code": "ITEM",
			"sku": f"S{variant or product}",
			"product_id": None if product is None else str(product),
			"variant_id": None if variant is None else str(variant),
			"quantity": Decimal(quantity),
			**values,
		}
	)


def push(shelf: Shelf, *levels: StockLevel) -> list[PushResult]:
	return stock.push(shelf.client, levels)


def on_shelf(shelf: Shelf, number: int) -> tuple[Any, Any]:
	return shelf.products[number]["manage_stock"], shelf.products[number]["stock_quantity"]


# --- levels out ---


def test_one_batch_of_the_engine_is_ten_calls(shelf: Shelf) -> None:
	results = push(shelf, *(level(shelf.add()) for _ in range(stock.BATCH)))
	assert shelf.paths == ["POST products/batch"] * 10
	assert all(result.error is None for result in results)


def test_results_are_in_the_order_of_the_levels(shelf: Shelf) -> None:
	parent = shelf.add(type="variable")
	variation, alone = shelf.add_variation(parent), shelf.add()
	results = push(shelf, level(parent, variation), level(9_999), level(alone))
	assert [result.key for result in results] == [f"L-{variation}|", "L-9999|", f"L-{alone}|"]
	assert [result.error is None for result in results] == [True, False, True]


def test_whose_stock_was_not_managed_is_managed_from_then_on(shelf: Shelf) -> None:
	parent = shelf.add(type="variable", manage_stock=True, stock_quantity=44)
	alone, leaning = shelf.add(), shelf.add_variation(parent, manage_stock="parent", stock_quantity=44)
	results = push(shelf, level(alone, quantity=3), level(parent, leaning, quantity=2))
	assert [result.error for result in results] == [None, None]
	assert (on_shelf(shelf, alone), on_shelf(shelf, leaning)) == ((True, 3), (True, 2))
	assert on_shelf(shelf, parent) == (True, 44), "what the product itself counts is left alone"


def test_every_row_says_that_stock_is_managed(shelf: Shelf) -> None:
	push(shelf, *(level(shelf.add(manage_stock=True)) for _ in range(3)))
	items = shelf.calls[0].body["update"]
	assert [(item["manage_stock"], item["stock_quantity"]) for item in items] == [(True, 5)] * 3


def test_a_variation_that_goes_on_leaning_on_its_product_is_an_error(shelf: Shelf) -> None:
	parent = shelf.add(type="variable")
	variation = shelf.add_variation(parent)
	shelf.tamper = lambda call, rows: [{**rows[0], "manage_stock": "parent", "stock_quantity": 5}]
	[result] = push(shelf, level(parent, variation))
	assert "Enable stock management" in (result.error or "")
	assert shelf.paths[1:] == [f"PUT products/{parent}/variations/{variation}"]


def test_a_shop_that_counts_no_stock_is_said_once_a_row_and_not_asked_again(shelf: Shelf) -> None:
	shelf.tamper = lambda call, rows: [{**row, "manage_stock": False, "stock_quantity": None} for row in rows]
	results = push(shelf, *(level(shelf.add()) for _ in range(100)))
	assert all("Enable stock management" in (result.error or "") and not result.retry for result in results)
	assert len(shelf.calls) == 1


@pytest.mark.parametrize("kind", ["external", "grouped"])
def test_products_that_have_no_stock_of_their_own_say_so(shelf: Shelf, kind: str) -> None:
	[result] = push(shelf, level(shelf.add(type=kind)))
	assert f"of type {kind}" in (result.error or "") and len(shelf.calls) == 1


@pytest.mark.parametrize("shown", [3, None, "", "abc", True, [5], {"a": 5}])
def test_another_level_than_was_sent_is_an_error_in_the_end(shelf: Shelf, shown: Any) -> None:
	shelf.tamper = lambda call, rows: [{**rows[0], "stock_quantity": shown}]
	[result] = push(shelf, level(shelf.add(), quantity=1))
	assert "where 1 was sent" in (result.error or "") and not result.retry
	assert len(shelf.calls) == 2


@pytest.mark.parametrize("shown", [5, "5", "5.00"])
def test_the_same_level_may_be_written_in_other_ways(shelf: Shelf, shown: Any) -> None:
	shelf.tamper = lambda call, rows: [{**rows[0], "stock_quantity": shown}]
	assert push(shelf, level(shelf.add(), quantity=5))[0].error is None


@pytest.mark.parametrize("quantity", ["2.5", "0.001", "-0.5"])
def test_fractions_are_not_cut_off_silently(shelf: Shelf, quantity: str) -> None:
	"""The shop would: in a batch 5.5 becomes 5, and nothing says so."""
	number = shelf.add()
	other, cut = push(shelf, level(shelf.add()), level(number, quantity=quantity))
	assert "no whole number" in (cut.error or "") and "Whole Units" in (cut.error or "") and not cut.retry
	assert other.error is None and on_shelf(shelf, number) == (False, None)


@pytest.mark.parametrize(("quantity", "sent"), [("5.000", 5), ("0", 0), ("-3", 0), ("1E+3", 1000)])
def test_whole_units_that_there_are(shelf: Shelf, quantity: str, sent: int) -> None:
	number = shelf.add()
	assert push(shelf, level(number, quantity=quantity))[0].error is None
	assert on_shelf(shelf, number) == (True, sent)
	assert type(shelf.calls[0].body["update"][0]["stock_quantity"]) is int


def test_a_location_is_a_mistake_in_the_settings(shelf: Shelf) -> None:
	"""Two warehouses with locations would write over each other."""
	[result] = push(shelf, level(shelf.add(), location_id="7"))
	assert result.key.endswith("|7") and "leave Location ID empty" in (result.error or "")
	assert shelf.calls == []


def test_maintenance_in_the_middle_leaves_the_rest_for_another_batch(shelf: Shelf) -> None:
	levels = [level(shelf.add()) for _ in range(300)]
	shelf.interfere = lambda call: (
		json_answer({}, 503, **{"retry-after": "60"}) if len(shelf.calls) > 2 else None
	)
	results = push(shelf, *levels)
	assert [result.error is None for result in results] == [True] * 200 + [False] * 100
	assert [result.unsent for result in results] == [False] * 200 + [True] * 100


def test_a_product_whose_saving_fails_is_tried_again_later(shelf: Shelf) -> None:
	levels = [level(shelf.add()) for _ in range(4)]

	def fatal(call: Call) -> Any:
		broken = any(str(item["id"]) == levels[2].product_id for item in call.body["update"])
		return json_answer({"code": "internal_server_error", "message": ""}, 500) if broken else None

	shelf.interfere = fatal
	results = push(shelf, *levels)
	assert [result.error is None for result in results] == [True, True, False, True]
	assert (results[2].retry, results[2].unsent) == (True, False)


# --- what the shop shows ---


def walk(shelf: Shelf) -> tuple[list[ShownLevel], int]:
	"""All rows, and how many pages they were on."""
	rows: list[ShownLevel] = []
	cursor, pages = None, 0
	while pages == 0 or cursor is not None:
		page = stock.shown(shelf.client, cursor)
		assert page.cursor is None or page.cursor != cursor
		rows, cursor, pages = [*rows, *page.rows], page.cursor, pages + 1  # type: ignore[list-item]
	return rows, pages


def test_an_empty_shop_shows_nothing(shelf: Shelf) -> None:
	assert walk(shelf) == ([], 1)


def test_levels_of_products_and_variations(shelf: Shelf) -> None:
	alone, parent = shelf.add("A", manage_stock=True, stock_quantity=3), shelf.add("P", type="variable")
	variation = shelf.add_variation(parent, "V", manage_stock=True, stock_quantity=-2)
	rows, _pages = walk(shelf)
	assert [(row.sku, row.product_id, row.variant_id, row.location_id, row.quantity) for row in rows] == [
		("A", str(alone), None, None, 3),
		("V", str(parent), str(variation), None, -2),
	]


def test_nothing_is_said_of_what_is_sold_without_counting(shelf: Shelf) -> None:
	shelf.add("A")
	parent = shelf.add("P", type="variable", manage_stock=True, stock_quantity=44)
	shelf.add_variation(parent, "V", manage_stock="parent", stock_quantity=44)
	shelf.add_variation(parent, "W")
	assert walk(shelf)[0] == []


@pytest.mark.parametrize("count", [1, 99, 100, 101, 199, 200, 250, 1000])
def test_every_product_is_shown_once(shelf: Shelf, count: int) -> None:
	for number in range(count):
		shelf.add(f"S{number}", manage_stock=True, stock_quantity=number)
	rows, pages = walk(shelf)
	assert [row.sku for row in rows] == [f"S{number}" for number in range(count)]
	assert pages <= count // 99 + 1 and len(shelf.calls) <= count // 99 + 2


def test_a_page_reads_few_products_with_variations(shelf: Shelf) -> None:
	"""Each is a call more: a page has to end in time."""
	parents = [shelf.add(type="variable") for _ in range(50)]
	for parent in parents:
		for _ in range(3):
			shelf.add_variation(parent, manage_stock=True, stock_quantity=1)
	rows, pages = walk(shelf)
	assert len(rows) == 150 and pages == 3
	assert len({row.variant_id for row in rows}) == 150
	assert len(shelf.calls) == 50 + 3


def test_a_page_of_a_slow_shop_ends_in_time(shelf: Shelf) -> None:
	for _ in range(10):
		parent = shelf.add(type="variable")
		shelf.add_variation(parent, manage_stock=True, stock_quantity=1)
	shelf.takes = timedelta(seconds=15)
	page = stock.shown(shelf.client, None)
	assert len(page.rows) == 3 and len(shelf.calls) == 4
	assert len(walk(shelf)[0]) == 10


def test_variations_of_one_product_may_be_many_pages(shelf: Shelf) -> None:
	parent = shelf.add(type="variable")
	for _ in range(250):
		shelf.add_variation(parent, manage_stock=True, stock_quantity=1)
	rows, pages = walk(shelf)
	assert (len({row.variant_id for row in rows}), len(rows), pages) == (250, 250, 1)


@pytest.mark.parametrize("deleted", [1, 60, 99, 100])
def test_products_deleted_meanwhile_hide_no_other_one(shelf: Shelf, deleted: int) -> None:
	"""The shop counts products from the first one on: those after a deleted one have moved up."""
	for number in range(300):
		shelf.add(f"S{number}", manage_stock=True, stock_quantity=1)
	first = stock.shown(shelf.client, None)
	for number in sorted(shelf.products)[:deleted]:
		del shelf.products[number]
	rows, cursor = list(first.rows), first.cursor
	while cursor is not None:
		page = stock.shown(shelf.client, cursor)
		rows, cursor = [*rows, *page.rows], page.cursor
	assert [row.sku for row in rows] == [f"S{number}" for number in range(300)]


def test_a_shop_that_was_emptied_meanwhile_is_at_its_end(shelf: Shelf) -> None:
	for _ in range(150):
		shelf.add(manage_stock=True)
	cursor = stock.shown(shelf.client, None).cursor
	shelf.products.clear()
	page = stock.shown(shelf.client, cursor)
	assert (page.rows, page.cursor) == ((), None)


def test_a_page_is_the_same_when_it_is_read_again(shelf: Shelf) -> None:
	for number in range(150):
		shelf.add(f"S{number}", manage_stock=True, stock_quantity=number)
	cursor = stock.shown(shelf.client, None).cursor
	assert stock.shown(shelf.client, cursor) == stock.shown(shelf.client, cursor)


def test_a_product_deleted_while_its_variations_are_read_has_none(shelf: Shelf) -> None:
	shelf.add(type="variable")
	shelf.add("A", manage_stock=True, stock_quantity=1)
	gone = {"code": "woocommerce_rest_product_invalid_id", "message": "Invalid ID.", "data": {"status": 404}}
	shelf.interfere = lambda call: json_answer(gone, 404) if "variations" in call.path else None
	assert [row.sku for row in walk(shelf)[0]] == ["A"]


@pytest.mark.parametrize("cursor", ["1", "1:2:3", "-1:2", "x:y", "1:2; drop", "99999999999:1"])
def test_a_position_that_is_none_is_refused(shelf: Shelf, cursor: str) -> None:
	with pytest.raises(Rejected, match="begin anew"):
		stock.shown(shelf.client, cursor)


@pytest.mark.parametrize("answer", [{}, [None], [{"id": "x"}], [{"sku": "A"}], ["A"]])
def test_a_list_that_is_none_is_tried_again(shelf: Shelf, answer: Any) -> None:
	shelf.interfere = lambda call: json_answer(answer)
	with pytest.raises(Retryable):
		stock.shown(shelf.client, None)


def test_no_level_that_can_be_read_is_none(shelf: Shelf) -> None:
	"""WooCommerce makes 0 of it as soon as the product is saved."""
	shelf.add("A", manage_stock=True, stock_quantity=None)
	assert [row.quantity for row in walk(shelf)[0]] == [0]


def test_only_what_is_needed_is_asked_for(shelf: Shelf) -> None:
	shelf.add(type="variable")
	walk(shelf)
	assert [call.query["_fields"] for call in shelf.calls] == ["id,sku,type,manage_stock,stock_quantity"] * 2
	assert [(call.query["orderby"], call.query["order"]) for call in shelf.calls] == [("id", "asc")] * 2


def test_a_slow_shop_ends_a_batch_in_time(shelf: Shelf) -> None:
	shelf.takes = timedelta(seconds=20)
	results = push(shelf, *(level(shelf.add()) for _ in range(1000)))
	assert len(shelf.calls) == 3 and sum(result.unsent for result in results) == 700
