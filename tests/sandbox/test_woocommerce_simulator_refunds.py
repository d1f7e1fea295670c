"""The simulated WooCommerce gives money back as a real 10.2.4 was seen to: the same calls, the same answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from sandbox.storefronts.woocommerce import NewFee, WooCommerceStorefront
from tests.sandbox.woocommerce_api import Api, Clock, listen, topics

FIXTURES = Path(__file__).parents[1] / "connectors" / "fixtures" / "woocommerce" / "refunds"
#: What is another one in each shop.
OWN = {"id", "date_created", "date_created_gmt", "product_id", "sku", "name", "image", "_links", "rate_code"}
Json = dict[str, Any]


@pytest.fixture
def clock() -> Clock:
	return Clock()


@pytest.fixture
def shop(clock: Clock) -> Iterator[WooCommerceStorefront]:
	with WooCommerceStorefront(clock) as started:
		started.add_product("PHONE", "33.33", stock=50)
		yield started


@pytest.fixture
def api(shop: WooCommerceStorefront, clock: Clock) -> Api:
	return Api(shop, clock)


def placed(shop: WooCommerceStorefront, api: Api, method: str = "stripe") -> Json:
	order = shop.place_order(
		{"PHONE": 3},
		Decimal("4.90"),
		[NewFee("Gift wrap", Decimal("2.00"))],
		payment=(method, method),
		created_via="rest-api",
	)
	found: Json = api.get(f"orders/{order.id}")
	return found


def row(part: Json, quantity: int, net: str, tax: str) -> Json:
	refunded = [{"id": 1, "refund_total": tax}]
	return {"id": part["id"], "quantity": quantity, "refund_total": net, "refund_tax": refunded}


def refund(api: Api, order: Json, *rows: Json, **body: Any) -> Json:
	given = {"api_refund": False, "api_restock": False, "line_items": list(rows)} | body
	made: Json = api.post(f"orders/{order['id']}/refunds", given)
	return made


# --- as the real one


def rows(api: Api, order: Json) -> None:
	line, sent, fee = order["line_items"][0], order["shipping_lines"][0], order["fee_lines"][0]
	parts = row(line, 1, "33.33", "6.33"), row(sent, 0, "4.90", "0.93"), row(fee, 0, "0.43", "0.08")
	refund(api, order, *parts, amount="46.00")


def amounts(api: Api, order: Json) -> None:
	refund(api, order, amount="5.00")
	refund(api, order, row(order["line_items"][0], 0, "1.00", "0.19"), amount="3.00")


def by_status(api: Api, order: Json) -> None:
	refund(api, order, row(order["line_items"][0], 1, "33.33", "6.33"), api_restock=True)
	refund(api, order, amount="10.00")
	api.put(f"orders/{order['id']}", {"status": "refunded"})


def restock(api: Api, order: Json) -> None:
	refund(api, order, row(order["line_items"][0], 1, "33.33", "6.33"), api_restock=True)
	refund(api, order, row(order["line_items"][0], 2, "66.66", "12.67"))


def full(api: Api, order: Json) -> None:
	line, sent, fee = order["line_items"][0], order["shipping_lines"][0], order["fee_lines"][0]
	parts = row(line, 3, "99.99", "19.00"), row(sent, 0, "4.90", "0.93"), row(fee, 0, "2.00", "0.38")
	refund(api, order, *parts, amount=order["total"])


def without_own(value: Any) -> Any:
	if isinstance(value, list):
		return [without_own(each) for each in value]
	if not isinstance(value, dict):
		return value
	if value.get("key") == "_refunded_item_id":
		return "of a line"
	return {key: without_own(each) for key, each in value.items() if key not in OWN}


@pytest.mark.parametrize("history", [rows, amounts, by_status, restock, full])
def test_it_answers_as_a_real_shop_did(
	shop: WooCommerceStorefront, api: Api, history: Callable[[Api, Json], None]
) -> None:
	order = placed(shop, api)
	history(api, order)
	real = json.loads((FIXTURES / f"{history.__name__}.json").read_text(encoding="utf-8"))
	found = api.get(f"orders/{order['id']}/refunds")
	by_amount = [sorted(each, key=lambda made: made["amount"]) for each in (found, real["refunds"])]
	assert without_own(by_amount[0]) == without_own(by_amount[1])
	after = api.get(f"orders/{order['id']}")
	for name in ("status", "total", "total_tax"):
		assert after[name] == real["order"][name]
	told = [sorted(each["total"] for each in shown["refunds"]) for shown in (after, real["order"])]
	assert told[0] == told[1]
	stock = [
		{meta["key"]: meta["value"] for meta in shown["line_items"][0]["meta_data"]}
		for shown in (after, real["order"])
	]
	assert stock[0] == stock[1]


# --- what is checked, and what is not


def test_nothing_says_that_rows_come_to_the_amount(shop: WooCommerceStorefront, api: Api) -> None:
	order = placed(shop, api)
	assert (
		refund(api, order, {"id": 999999, "quantity": 1, "refund_total": "1.00"}, amount="1.00")["line_items"]
		== []
	)
	assert refund(api, order, amount="0")["amount"] == "0.00"
	made = refund(api, order, row(order["line_items"][0], 9, "1.00", "0.00"), amount="1.00")
	assert made["line_items"][0]["quantity"] == -9


@pytest.mark.parametrize(
	("method", "message"),
	[
		("cod", "The payment gateway for this order does not support automatic refunds."),
		("klarna", "The payment gateway for this order does not exist."),
		("stripe", "Charge ch_1 has already been refunded."),
	],
)
def test_a_gateway_that_cannot_refuses_and_no_refund_stays(
	shop: WooCommerceStorefront, api: Api, method: str, message: str
) -> None:
	shop.refunding["stripe"] = "Charge ch_1 has already been refunded."
	order = placed(shop, api, method)
	answer = api.send("POST", f"orders/{order['id']}/refunds", {"amount": "1.00", "api_refund": True})
	assert (answer.status_code, answer.json()["message"], answer.json()["data"]) == (500, message, 500)
	assert api.get(f"orders/{order['id']}/refunds") == []


def test_a_gateway_that_can_says_so(shop: WooCommerceStorefront, api: Api) -> None:
	shop.refunding["stripe"] = ""
	order = placed(shop, api)
	made = refund(api, order, amount="1.00", api_refund=True, meta_data=[{"key": "_ours", "value": "CN-1"}])
	assert made["refunded_payment"] is True
	assert [meta["key"] for meta in made["meta_data"]] == ["_ours", "_refund_type"]


@pytest.mark.parametrize("force", [{}, {"force": "true"}])
def test_of_a_deleted_refund_nothing_is_told(
	shop: WooCommerceStorefront, api: Api, clock: Clock, force: Json
) -> None:
	order = placed(shop, api)
	made = refund(api, order, amount="127.20")
	listen(shop)
	before = api.get(f"orders/{order['id']}")
	clock.time += timedelta(seconds=5)
	path = f"orders/{order['id']}/refunds/{made['id']}"
	assert api.send("DELETE", path, **force).status_code == 200
	after = api.get(f"orders/{order['id']}")
	assert (after["refunds"], after["status"]) == ([], "refunded")
	assert after["date_modified_gmt"] == before["date_modified_gmt"]
	assert topics(shop) == []
	assert api.refused("GET", path) == (404, "woocommerce_rest_shop_order_refund_invalid_id")


def test_cash_is_paid_when_the_order_is_completed(shop: WooCommerceStorefront, api: Api) -> None:
	for method, paid in (("cod", [False, True]), ("bacs", [True, True])):
		order = placed(shop, api, method)
		done = api.put(f"orders/{order['id']}", {"status": "completed"})
		assert [bool(state["date_paid"]) for state in (order, done)] == paid
