"""Orders asked of Shopify: the same as a webhook tells, page after page."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from commerce_bridge.bridge import model, strict_json
from commerce_bridge.bridge.channel import Channel, WarehouseMap
from commerce_bridge.bridge.errors import Misconfigured, NotYet, Rejected, Retryable
from commerce_bridge.bridge.orders import fingerprint_of
from commerce_bridge.connectors.shopify import mapper, orders, product_nodes
from commerce_bridge.connectors.shopify.order_nodes import DIFFERENT, money_set
from tests.connectors import shopify_orders as made
from tests.connectors.shopify_nodes import Shop, connection, fulfilment_order_node
from tests.connectors.shopify_orders import BIG, BY_NAME, CASES, Case, line
from tests.connectors.test_shopify_mapper import CHANNEL, read

TWO_PLACES = CHANNEL.model_copy(
	update={
		"warehouses": (
			WarehouseMap(warehouse="North", location_id="10"),
			WarehouseMap(warehouse="South", location_id="20"),
		)
	}
)
ORDER = "450789469"


def asked(shop: Shop) -> list[str]:
	return [name for name, _variables in shop.asked]


def completed(shop: Shop, channel: Channel = CHANNEL, order_id: str = ORDER) -> Any:
	reference = model.OrderReference(id=order_id)
	event = model.Event(type="orders/edited", data=reference, incomplete=True)
	return orders.complete(shop, channel, event).data


# --- one order -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("expected", CASES, ids=lambda expected: expected.name)
def test_an_order_is_the_same_whichever_way_it_came(expected: Case) -> None:
	"""Not one field that a Sales Order depends on differs; else each poll would book it anew."""
	shop = Shop(page=1)
	shop.add(expected.payload)
	told = read(expected.payload)
	found = completed(shop, order_id=told.id)
	assert found == found.model_copy(
		update={
			name: getattr(told, name)
			for name in ("total", "cancelled", "status", "updated_at", "placed_at", "fulfilments", "test")
		}
	)
	assert fingerprint_of(CHANNEL, found) == fingerprint_of(CHANNEL, told)


#: Where an order repeats its own lines.
REPEATED = {
	"fulfillments[].line_items": "line_items",
	"refunds[].refund_line_items[].line_item": "line_items[]",
	"refunds[].refund_shipping_lines[].shipping_line": "shipping_lines[]",
}


def differences(told: Any, found: Any, path: str = "") -> Iterator[str]:
	"""Where two payloads say different things to a field map, which takes what is missing for None."""
	if path in DIFFERENT:
		return
	if isinstance(told, dict) and isinstance(found, dict):
		for key in told:
			below = f"{path}.{key}".removeprefix(".")
			yield from differences(told[key], found.get(key), REPEATED.get(below, below))
	elif isinstance(told, list) and isinstance(found, list) and len(told) == len(found):
		for one, other in zip(told, found, strict=True):
			yield from differences(one, other, REPEATED.get(path, f"{path}[]"))
	elif told != found:
		yield f"{path}: {told!r}, {found!r}"


#: Webhooks made by hand that GraphQL could not be asked for: of another shape than Shopify's own.
MADE_OTHERWISE = {
	"ids that a float cannot hold": "the numbers were rounded on their way",
	"nobody is named": "an order has a name always",
	"paid in cash at the till, rounded down": "its empty texts are Shopify's None",
	"sent in two parts, one of them taken back": "the lines of its fulfilments are not the order's",
	"a currency without decimals": "its amounts are written with two, see the test of amounts",
	"a currency with three decimals": "its amounts are written with two, see the test of amounts",
}


@pytest.mark.parametrize(
	"expected",
	[case for case in CASES if case.name not in MADE_OTHERWISE],
	ids=lambda expected: expected.name,
)
def test_a_field_map_reads_the_same_whichever_way_an_order_came(expected: Case) -> None:
	shop = Shop(page=1)
	shop.add(expected.payload)
	found = completed(shop, order_id=read(expected.payload).id)
	told = strict_json.loads(json.dumps(expected.payload).encode())
	assert list(differences(told, found.custom)) == []


@pytest.mark.parametrize(
	("amount", "currency", "told"),
	[
		("19.5", "EUR", "19.50"),
		("0.0", "USD", "0.00"),
		("1500.0", "JPY", "1500"),
		("1.25", "KWD", "1.250"),
		("0.125", "EUR", "0.125"),
		("-3.0", "EUR", "-3.00"),
	],
)
def test_amounts_are_written_as_webhooks_write_them(amount: str, currency: str, told: str) -> None:
	bag = {"shopMoney": {"amount": amount, "currencyCode": currency}}
	assert money_set(bag) == {"shop_money": {"amount": told, "currency_code": currency}}


def test_what_was_fetched_can_be_stored_and_read_again() -> None:
	shop = Shop()
	shop.add(BY_NAME["one of three refunded and restocked"].payload)
	incoming = orders.fetch_order(shop, ORDER)
	assert incoming is not None
	assert (incoming.topic, incoming.external_id, incoming.external_number) == (
		"orders/updated",
		ORDER,
		"#1001",
	)
	assert incoming.source_time == datetime(2026, 11, 20, 18, 30, tzinfo=timezone.utc)
	found = mapper.parse(incoming.topic, incoming.payload).data
	assert isinstance(found, model.Order)
	assert found.total == Decimal("21.26")
	again = orders.fetch_order(shop, ORDER)
	assert again is not None
	assert again.event_id == incoming.event_id


def test_an_order_that_is_gone() -> None:
	assert completed(Shop()) is None
	assert orders.fetch_order(Shop(), ORDER) is None


def test_a_plain_order_is_one_call() -> None:
	shop = Shop(page=50)
	shop.add(BY_NAME["plain"].payload)
	completed(shop)
	assert asked(shop) == ["Order"]


def test_every_page_of_every_connection_is_read() -> None:
	shop = Shop(page=2)
	lines = [line(number, "2.00", 2, current_quantity=1) for number in range(1, 8)]
	payload = made.order(
		lines,
		"14.00",
		current_subtotal="14.00",
		refunds=[made.refund(*(made.refunded_line(number, 1, 2.0, 0.0, "return") for number in range(1, 8)))],
		fulfillments=[made.fulfilment(1, *((number, 1) for number in range(1, 8)))],
	)
	shop.add(payload)
	order = completed(shop)
	assert len(order.lines) == 7
	assert order.total == sum(row.total for row in order.lines) == Decimal("14.00")
	assert [row.order_line_id for row in order.fulfilments[0].lines] == [row.id for row in order.lines]
	assert set(asked(shop)) == {
		"Order",
		"OrderLines",
		"Refunds",
		"RefundLines",
		"Fulfilments",
		"FulfilmentLines",
	}


def test_refunds_and_fulfilments_are_asked_in_batches() -> None:
	shop = Shop(page=50)
	payload = made.order(
		[line(1, "1.00", 40)],
		"40.00",
		refunds=[{**made.refund(), "id": 8001 + number} for number in range(7)],
		fulfillments=[made.fulfilment(number, (1, 1)) for number in range(1, 23)],
	)
	shop.add(payload)
	order = completed(shop)
	assert len(order.fulfilments) == 22
	assert asked(shop) == ["Order", *["Refunds"] * 3, *["Fulfilments"] * 3]


def test_lists_that_may_be_cut_are_asked_for_again() -> None:
	shop = Shop(page=50)
	refunds = [
		{**made.refund(made.refunded_line(1, 1, 1.0, 0.0, "return")), "id": 8001 + row} for row in range(51)
	]
	fulfilments = [made.fulfilment(number, (1, 1)) for number in range(1, 52)]
	payload = made.order(
		[line(1, "1.00", 60, current_quantity=9)], "9.00", refunds=refunds, fulfillments=fulfilments
	)
	node = shop.add(payload)
	order = completed(shop)
	assert (len(order.custom["refunds"]), len(order.fulfilments)) == (51, 51)
	assert {"RefundsListed", "FulfilmentsListed"} <= set(asked(shop))
	assert order.total == order.lines[0].total == Decimal("9.00")
	ids = [{"id": f"gid://shopify/Refund/{number}"} for number in range(300)]
	node["refunds"] = lambda info, first: ids[:first]
	with pytest.raises(Rejected, match="250 refunds or more"):
		completed(shop)


def test_more_payments_than_fit_are_asked_for() -> None:
	shop = Shop()
	paid = [made.transaction(number, "sale", "1.00", "manual") for number in range(25)]
	shop.add(made.order([line(1, "25.00")], "25.00", transactions=paid))
	order = completed(shop)
	assert len(order.payments) == 25
	assert order.payments[0].fee == Decimal("0.3")


def test_a_cursor_that_does_not_move_is_a_fault_that_passes() -> None:
	shop = Shop()
	node = shop.add(BY_NAME["plain"].payload)
	stuck = {"nodes": [], "pageInfo": {"hasNextPage": True, "endCursor": "1"}}
	node["lineItems"] = lambda info, **asked: stuck
	with pytest.raises(Retryable):
		completed(shop)


def test_the_tip_is_found_by_its_amount() -> None:
	shop = Shop()
	payload = made.order(
		[line(1, "8.00"), made.typed_in(2, "2.00", title="For the team", requires_shipping=False)],
		"10.00",
		total_tip_received="2.00",
	)
	shop.add(payload)
	order = completed(shop)
	assert [fee.code for fee in order.fees] == ["tip"]
	assert [row.id for row in order.lines] == ["5001"]


def test_a_line_that_was_typed_in_is_no_tip() -> None:
	shop = Shop()
	payload = made.order(
		[line(1, "8.00"), made.typed_in(2, "15.00", requires_shipping=False)],
		"25.00",
		total_tip_received="2.00",
	)
	shop.add(payload)
	order = completed(shop)
	assert [row.total for row in order.lines] == [Decimal("8.00"), Decimal("15.00")]
	assert [(fee.code, fee.amount) for fee in order.fees] == [("tip", Decimal("2.00"))]


# --- locations -------------------------------------------------------------------------------------------


def placed(shop: Shop, *rows: tuple[int, int | None, Mapping[str, int], str]) -> None:
	nodes = [fulfilment_order_node(shop, *row) for row in rows]
	payload = made.order([line(1, "5.00", 3), line(2, "1.00")], "16.00")
	shop.add(payload, fulfillmentOrders=connection(nodes, 1))


def test_locations_are_asked_for_only_where_several_are_mapped() -> None:
	shop = Shop()
	placed(shop, (1, 20, {"5001": 3, "5002": 1}, "OPEN"))
	assert {row.location_id for row in completed(shop).lines} == {None}
	assert "AssignedLocations" not in asked(shop)
	assert {row.location_id for row in completed(shop, TWO_PLACES).lines} == {"20"}


def test_a_line_is_split_over_the_locations_that_send_it() -> None:
	shop = Shop(page=1)
	placed(
		shop,
		(1, 20, {"5001": 1, "5002": 1}, "CLOSED"),
		(2, 10, {"5001": 2}, "IN_PROGRESS"),
		(3, 5, {"5001": 3}, "CANCELLED"),
		(4, None, {"5002": 1}, "OPEN"),
	)
	order = completed(shop, TWO_PLACES)
	assert [(row.id, row.location_id, row.quantity, row.total) for row in order.lines] == [
		("5001", "10", 2, Decimal("10.00")),
		("5001:20", "20", 1, Decimal("5.00")),
		("5002", "20", 1, Decimal("1.00")),
	]


@pytest.mark.parametrize(("minutes", "waits"), [(0, True), (14, True), (15, False), (60, False)])
def test_a_new_order_that_no_location_has_yet_waits_a_little(minutes: int, waits: bool) -> None:
	shop = Shop()
	placed(shop, (1, 20, {"5001": 3}, "OPEN"))
	created = datetime.fromisoformat(made.NOON)
	event = model.Event(type="orders/edited", data=model.OrderReference(id=ORDER), incomplete=True)
	clock = created + timedelta(minutes=minutes)
	if waits:
		with pytest.raises(NotYet) as error:
			orders.complete(shop, TWO_PLACES, event, lambda: clock)
		assert error.value.after == timedelta(minutes=1)
	else:
		order = orders.complete(shop, TWO_PLACES, event, lambda: clock).data
		assert isinstance(order, model.Order)
		assert [row.location_id for row in order.lines] == ["20", None]


def test_what_nobody_sends_is_not_waited_for() -> None:
	shop = Shop()
	downloaded = line(2, "1.00", requires_shipping=False)
	gone = line(3, "1.00", current_quantity=0)
	elsewhere = fulfilment_order_node(shop, 1, None, {"5001": 1})
	shop.add(
		made.order([line(1, "5.00"), downloaded, gone], "6.00"), fulfillmentOrders=connection([elsewhere], 1)
	)
	event = model.Event(type="orders/edited", data=model.OrderReference(id=ORDER), incomplete=True)
	order = orders.complete(shop, TWO_PLACES, event, lambda: datetime.fromisoformat(made.NOON)).data
	assert isinstance(order, model.Order)
	assert {row.location_id for row in order.lines} == {None}


def test_the_order_of_a_webhook_gets_its_locations() -> None:
	shop = Shop()
	placed(shop, (1, 20, {"5001": 3, "5002": 1}, "OPEN"))
	payload = made.order([line(1, "5.00", 3), line(2, "1.00")], "16.00", note="as it was sent")
	event = mapper.parse("orders/create", json.dumps(payload), several_locations=True)
	order = orders.complete(shop, TWO_PLACES, event).data
	assert isinstance(order, model.Order)
	assert {row.location_id for row in order.lines} == {"20"}
	assert order.note == "as it was sent"
	assert asked(shop) == ["AssignedLocations"]


def test_a_cancelled_order_is_asked_nothing() -> None:
	shop = Shop()
	event = mapper.parse("orders/cancelled", json.dumps(BY_NAME["cancelled"].payload), several_locations=True)
	assert orders.complete(shop, TWO_PLACES, event).data == event.data
	assert asked(shop) == []


def test_a_move_leads_to_its_order() -> None:
	shop = Shop()
	placed(shop, (9, 10, {"5001": 3}, "OPEN"))
	moved = {"moved_fulfillment_order": {"id": "gid://shopify/FulfillmentOrder/9"}}
	event = mapper.parse("fulfillment_orders/moved", json.dumps(moved))
	order = orders.complete(shop, TWO_PLACES, event).data
	assert isinstance(order, model.Order)
	assert (order.id, order.lines[0].location_id) == (ORDER, "10")
	gone = event.model_copy(update={"data": model.OrderReference(id="gid://shopify/FulfillmentOrder/8")})
	assert orders.complete(shop, TWO_PLACES, gone).data is None


# --- those that changed ----------------------------------------------------------------------------------


def changed(shop: Shop, count: int) -> None:
	for number in range(1, count + 1):
		global_id = f"gid://shopify/Order/{BIG + number}"
		shop.orders[global_id] = {"id": global_id, "updatedAt": f"2026-11-20T12:{number:02}:00Z"}


def test_orders_are_listed_oldest_first_with_an_overlap() -> None:
	shop = Shop(page=2)
	changed(shop, 9)
	pages = list(orders.orders_since(shop, "2026-11-20T12:10:00Z"))
	events = [event for page in pages for event in page.events]
	assert [event.external_id for event in events] == [str(BIG + number) for number in range(5, 10)]
	assert [page.more for page in pages] == [True, True, False]
	assert pages[-1].cursor == "2026-11-20T12:09:00Z"
	first = events[0]
	assert (first.topic, first.event_id) == ("orders/changed", f"{BIG + 5}@2026-11-20T12:05:00Z")
	assert mapper.parse(first.topic, first.payload) == model.Event(
		type="orders/changed",
		data=model.OrderReference(
			id=str(BIG + 5), updated_at=datetime(2026, 11, 20, 12, 5, tzinfo=timezone.utc)
		),
		incomplete=True,
	)


def test_without_a_cursor_it_is_the_whole_history() -> None:
	shop = Shop()
	changed(shop, 3)
	assert len([event for page in orders.orders_since(shop, None) for event in page.events]) == 3
	assert shop.asked[0][1]["query"] is None


def test_nothing_changed_keeps_the_cursor() -> None:
	(page,) = orders.orders_since(Shop(), "2026-11-20T12:10:00Z")
	assert (page.events, page.cursor, page.more) == ((), None, False)


def test_a_search_that_grows_too_long_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
	monkeypatch.setattr(orders, "SEARCH_PAGES", 2)
	shop = Shop(page=2)
	changed(shop, 9)
	events = [event for page in orders.orders_since(shop, None) for event in page.events]
	assert {event.external_id for event in events} == {str(BIG + number) for number in range(1, 10)}
	assert {variables["query"] for _name, variables in shop.asked} > {
		None,
		"updated_at:>='2026-11-20T12:04:00Z'",
	}


def test_a_cursor_that_is_no_moment_is_refused() -> None:
	with pytest.raises(Misconfigured):
		next(orders.orders_since(Shop(), "yesterday"))


# --- products --------------------------------------------------------------------------------------------


def variant(number: int) -> dict[str, Any]:
	return {
		"id": f"gid://shopify/ProductVariant/{number}",
		"sku": f"SHIRT-{number}",
		"title": str(number),
		"price": "19.90",
		"compareAtPrice": None,
		"selectedOptions": [{"name": "Size", "value": str(number)}],
		"media": connection(
			[{"__typename": "MediaImage", "preview": {"image": {"url": f"https://cdn.example/{number}"}}}], 1
		),
		"inventoryItem": {
			"id": f"gid://shopify/InventoryItem/{100 + number}",
			"tracked": True,
			"measurement": {"weight": {"unit": "KILOGRAMS", "value": 0.25}},
		},
	}


def test_a_product_of_many_variants_is_read_whole() -> None:
	shop = Shop(page=2)
	shop.products["gid://shopify/Product/11"] = {
		"id": "gid://shopify/Product/11",
		"title": "Shirt",
		"descriptionHtml": "<p>Soft</p>",
		"vendor": "Acme",
		"productType": "",
		"status": "ACTIVE",
		"updatedAt": "2026-11-20T12:00:00Z",
		"options": lambda info, **asked: [{"name": "Size"}],
		"media": connection([], 50),
		"variants": connection([variant(number) for number in range(1, 6)], 2),
	}
	event = model.Event(type="products/update", data=model.Product(id="11", title="Shirt"), incomplete=True)
	found = orders.complete(shop, CHANNEL, event).data
	assert isinstance(found, model.Product)
	assert [row.sku for row in found.variants] == [f"SHIRT-{number}" for number in range(1, 6)]
	assert found.variants[0] == model.ProductVariant(
		id="1",
		sku="SHIRT-1",
		title="1",
		options={"Size": "1"},
		price=Decimal("19.90"),
		weight=Decimal("0.25"),
		weight_uom="Kg",
		image="https://cdn.example/1",
		stock_id="101",
	)
	assert (found.currency, found.published, found.option_names) == ("USD", True, ("Size",))


def test_a_product_that_is_gone() -> None:
	assert product_nodes.fetch_product(Shop(), "11") is None
