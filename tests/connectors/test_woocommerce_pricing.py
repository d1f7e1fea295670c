"""Prices into a shop: regular and sale price, as strings in its decimals, with the days of a sale."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from commerce_bridge.bridge.model import Price
from commerce_bridge.bridge.protocols import PushResult
from commerce_bridge.connectors.woocommerce import pricing
from tests.connectors.storefront import json_answer
from tests.connectors.woocommerce_shelf import CHANNEL, FACTS, Shelf


@pytest.fixture
def shelf() -> Shelf:
	return Shelf()


def price(
	product: int | None, amount: str | None = "9.90", variant: int | None = None, **values: Any
) -> Price:
	return Price(
		**{
			"listing": f"L-{variant or product}",
			"item_code": "ITEM",
			"sku": f"S{variant or product}",
			"product_id": None if product is None else str(product),
			"variant_id": None if variant is None else str(variant),
			"currency": "EUR",
			"amount": None if amount is None else Decimal(amount),
			**values,
		}
	)


def push(shelf: Shelf, *prices: Price) -> list[PushResult]:
	return pricing.push(shelf.client, CHANNEL, prices)


def shown(shelf: Shelf, number: int) -> tuple[str, str, str | None, str | None]:
	product = shelf.products[number]
	names = ("regular_price", "sale_price", "date_on_sale_from_gmt", "date_on_sale_to_gmt")
	return tuple(product[name] for name in names)  # type: ignore[return-value]


def test_a_thousand_prices_are_ten_calls(shelf: Shelf) -> None:
	results = push(shelf, *(price(shelf.add()) for _ in range(1000)))
	assert shelf.paths == ["POST products/batch"] * 10
	assert all(result.error is None for result in results)


def test_a_price_is_text_in_the_shops_decimals(shelf: Shelf) -> None:
	parent = shelf.add(type="variable")
	alone, variation = shelf.add(), shelf.add_variation(parent)
	results = push(shelf, price(alone, "9.9"), price(parent, "1234.565", variation))
	assert [result.error for result in results] == [None, None]
	assert (shown(shelf, alone)[0], shown(shelf, variation)[0]) == ("9.90", "1234.57")


@pytest.mark.parametrize(("decimals", "sent"), [("0", "10"), ("2", "9.95"), ("3", "9.950"), ("4", "9.9500")])
def test_decimals_are_those_the_shop_shows(shelf: Shelf, decimals: str, sent: str) -> None:
	shelf.memory.facts[CHANNEL.name] = {**FACTS, "Decimals": decimals}
	number = shelf.add()
	push(shelf, price(number, "9.95"))
	assert shown(shelf, number)[0] == sent


def test_what_it_cost_before_makes_it_a_sale(shelf: Shelf) -> None:
	number = shelf.add()
	days = {"valid_from": date(2026, 11, 20), "valid_until": date(2026, 12, 24)}
	assert push(shelf, price(number, "9.90", compare_at=Decimal(12), **days))[0].error is None
	# Days of Berlin, in winter an hour before UTC; the last one counts to its end.
	assert shown(shelf, number) == ("12.00", "9.90", "2026-11-19T23:00:00", "2026-12-24T22:59:59")


def test_a_day_on_which_the_clocks_change_counts_to_its_end(shelf: Shelf) -> None:
	fields = pricing.price_fields(
		price(1, compare_at=Decimal(12), valid_from=date(2026, 3, 29), valid_until=date(2026, 3, 29)),
		2,
		"Europe/Berlin",
	)
	assert fields["date_on_sale_from_gmt"] == "2026-03-28T23:00:00"
	assert fields["date_on_sale_to_gmt"] == "2026-03-29T21:59:59"


def test_a_price_without_one_before_ends_the_sale_that_was(shelf: Shelf) -> None:
	"""The buyer pays the sale price where there is one: ours would not be what is paid."""
	number = shelf.add(
		regular_price="20",
		sale_price="5",
		date_on_sale_from_gmt="2026-01-01T00:00:00",
		date_on_sale_to_gmt=None,
	)
	days = {"valid_from": date(2026, 11, 20), "valid_until": date(2026, 12, 24)}
	push(shelf, price(number, "9.90", **days))
	assert shown(shelf, number) == ("9.90", "", None, None)


def test_a_sale_without_days_clears_those_of_the_one_before(shelf: Shelf) -> None:
	number = shelf.add(date_on_sale_from_gmt="2020-01-01T00:00:00", date_on_sale_to_gmt="2020-01-02T00:00:00")
	push(shelf, price(number, "9.90", compare_at=Decimal(12)))
	assert shown(shelf, number) == ("12.00", "9.90", None, None)
	assert shelf.calls[0].body["update"][0]["date_on_sale_to_gmt"] == "", "null would leave it as it is"


@pytest.mark.parametrize("before", ["9.90", "9.904", "9.00"])
def test_a_sale_at_no_lower_price_is_none(shelf: Shelf, before: str) -> None:
	"""WooCommerce drops it without a word."""
	number = shelf.add()
	assert push(shelf, price(number, "9.90", compare_at=Decimal(before)))[0].error is None
	assert shown(shelf, number) == ("9.90", "", None, None)


def test_without_a_price_it_cannot_be_bought(shelf: Shelf) -> None:
	number = shelf.add(regular_price="20", sale_price="5")
	assert push(shelf, price(number, None, compare_at=Decimal(12)))[0].error is None
	assert shown(shelf, number) == ("", "", None, None)


def test_a_price_in_another_currency_is_not_sent(shelf: Shelf) -> None:
	number, other = shelf.add(), shelf.add()
	results = push(shelf, price(number, currency="INR"), price(other))
	assert "INR" in (results[0].error or "") and "EUR" in (results[0].error or "")
	assert results[1].error is None and shown(shelf, number)[0] == ""


@pytest.mark.parametrize(
	"changed",
	[
		{"regular_price": "1290"},
		{"regular_price": ""},
		{"regular_price": None},
		{"regular_price": {"a": "1"}},
		{"regular_price": "zwölf"},
		{"sale_price": ""},
		{"sale_price": "9.9000001"},
		{"date_on_sale_to_gmt": None},
		{"date_on_sale_to_gmt": "2026-12-24T23:59:59"},
	],
)
def test_another_price_than_was_sent_is_an_error_in_the_end(shelf: Shelf, changed: dict[str, Any]) -> None:
	shelf.tamper = lambda call, rows: [{**rows[0], **changed}]
	[result] = push(shelf, price(shelf.add(), "9.90", compare_at=Decimal(12), valid_until=date(2026, 12, 24)))
	assert next(iter(changed)) in (result.error or "")
	assert len(shelf.calls) == 2, "once more alone"


def test_the_same_price_may_be_written_in_another_way(shelf: Shelf) -> None:
	shelf.tamper = lambda call, rows: [{**rows[0], "regular_price": "9.9"}]
	assert push(shelf, price(shelf.add(), "9.90"))[0].error is None


@pytest.mark.parametrize("kind", ["grouped", "variable"])
def test_products_without_a_price_of_their_own_say_so(shelf: Shelf, kind: str) -> None:
	[result] = push(shelf, price(shelf.add(type=kind)))
	assert result.error and len(shelf.calls) == 1


def test_results_name_the_listings_in_order(shelf: Shelf) -> None:
	first, second = shelf.add(), shelf.add()
	results = push(shelf, price(second), price(9_999), price(first))
	assert [result.key for result in results] == [f"L-{second}", "L-9999", f"L-{first}"]
	assert [result.error is None for result in results] == [True, False, True]


def test_the_rest_of_a_batch_is_left_for_another(shelf: Shelf) -> None:
	prices = [price(shelf.add()) for _ in range(150)]
	shelf.interfere = lambda call: (
		json_answer({}, 503, **{"retry-after": "9"}) if len(shelf.calls) == 2 else None
	)
	assert [result.unsent for result in push(shelf, *prices)] == [False] * 100 + [True] * 50


def test_a_price_at_whose_saving_a_plugin_fails_is_tried_again_later(shelf: Shelf) -> None:
	prices = [price(shelf.add()) for _ in range(2)]
	fatal = {"code": "internal_server_error", "message": "", "data": {"status": 500}}
	shelf.interfere = lambda call: (
		json_answer(fatal, 500) if str(call.body["update"][-1]["id"]) == prices[1].product_id else None
	)
	results = push(shelf, *prices)
	assert results[0].error is None
	assert (results[1].retry, results[1].unsent) == (True, False)
