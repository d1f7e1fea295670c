"""Refunds of Shopify: an order as it stands, and its refunds, are together what was ordered, to the cent."""

from __future__ import annotations

import copy
import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from commerce_bridge.bridge import model
from commerce_bridge.bridge.channel import RefundPolicy
from commerce_bridge.bridge.errors import BridgeError
from commerce_bridge.connectors.shopify import mapper, orders
from sandbox.storefronts.shopify.shop import NewLine, NewShipping
from tests.connectors import shopify_orders as made
from tests.connectors.shopify_orders import BY_NAME, line, refund, refunded_line, tax, transaction
from tests.connectors.shopify_simulated import Stage
from tests.connectors.test_shopify_mapper import CHANNEL, planned
from tests.connectors.test_shopify_orders_simulated import CITY, VAT
from tests.erpnext_arithmetic import ROUNDING_METHODS, assert_books

ZERO = Decimal(0)


def read(payload: Any, booked: bool = True) -> model.Order:
	data = mapper.parse("orders/updated", json.dumps(payload), books_refunds=booked).data
	assert isinstance(data, model.Order)
	return data


def case(name: str, booked: bool = True) -> model.Order:
	return read(BY_NAME[name].payload, booked)


def given_back(order: model.Order) -> Decimal:
	return sum((each.total for each in order.refunds), ZERO)


def consistent(order: model.Order) -> None:
	"""Each refund's total is the sum of what it says."""
	for each in order.refunds:
		parts = [*each.lines, *each.shipping, *each.adjustments]
		taxes = sum((row.amount for part in parts for row in part.taxes), ZERO)
		amounts = sum((part.amount for part in parts), ZERO)
		assert each.total == amounts + (ZERO if each.prices_include_tax else taxes)
		assert each.prices_include_tax == order.prices_include_tax
		assert each.currency == order.currency


#: Order → its total, and what was ordered, by hand.
SUMS = [
	("exchanged: one given back, another taken instead", "40.00", "75.00"),
	("one of three refunded and restocked", "21.26", "31.90"),
	("one of three refunded, a cent short of its share", "21.28", "31.90"),
	("refunded twice", "22.00", "44.00"),
	("refunded, not restocked, of a line with two taxes", "21.55", "43.10"),
	("refunded without goods: the entry's subtotal is 0.00", "10.00", "20.00"),
	("money given back for goodwill, off the total", "45.00", "50.00"),
	("the same, taxed", "49.50", "55.00"),
	("goods taken back for less than they cost", "24.00", "40.00"),
	("shipping refunded", "20.00", "25.50"),
	("a part of shipping refunded", "25.50", "28.80"),
	("goods refunded, shipping kept", "5.00", "25.00"),
	("the last cents of shares, and money given back for goodwill", "6.32", "7.32"),
	("paid in cash, and a part given back in cash", "10.00", "15.00"),
	("refunded as a whole, and not cancelled", "0.00", "22.00"),
]


@pytest.mark.parametrize("booked", [True, False])
@pytest.mark.parametrize(("name", "total", "ordered"), SUMS)
def test_what_is_left_and_what_was_given_back_are_what_was_ordered(
	name: str, total: str, ordered: str, booked: bool
) -> None:
	order = case(name, booked)
	assert (order.total, order.total + given_back(order)) == (Decimal(total), Decimal(ordered))
	assert order.refunds_deducted
	consistent(order)


def test_an_order_without_refunds_is_less_by_none() -> None:
	order = case("plain")
	assert (order.refunds, order.refunds_deducted) == ((), False)


def test_a_refund_says_which_goods_came_back_and_where() -> None:
	rows = [
		{**refunded_line(1, 1, 10.0, 1.0, "return"), "location_id": 655},
		refunded_line(2, 1, 5.0, 0.5, "no_restock"),
		refunded_line(3, 1, 4.0, 0.4, "cancel"),
	]
	lines = [
		line(1, "10.00", current_quantity=0, tax_lines=[tax("1.00")]),
		line(2, "5.00", current_quantity=0, tax_lines=[tax("0.50")]),
		line(3, "4.00", 2, current_quantity=1, tax_lines=[tax("0.80")]),
	]
	given = refund(*rows, **{"return": {"id": 12, "admin_graphql_api_id": "gid://shopify/Return/12"}})
	order = read(made.order(lines, "4.40", "0.40", "4.00", refunds=[given]))
	[found] = order.refunds
	assert [(row.order_line_id, row.quantity, row.restock, row.location_id) for row in found.lines] == [
		("5001", 1, True, "655"),
		("5002", 1, False, None),
		("5003", 1, True, None),
	]
	assert (found.id, found.return_id, found.total) == ("8001", "12", Decimal("20.90"))
	assert found.created_at == found.updated_at


def test_the_taxes_of_a_refund_are_those_of_the_line() -> None:
	[found] = case("refunded, not restocked, of a line with two taxes").refunds
	assert [(row.title, row.rate, row.amount) for row in found.lines[0].taxes] == [
		("State Tax", Decimal("6.25"), Decimal("1.25")),
		("City Tax", Decimal("1.5"), Decimal("0.30")),
	]


def test_shipping_is_named_as_on_the_order() -> None:
	[found] = case("a part of shipping refunded").refunds
	[shipping] = found.shipping
	assert (shipping.code, shipping.title, shipping.amount) == ("Standard", "Standard", Decimal("3.00"))
	assert [(row.title, row.amount) for row in shipping.taxes] == [("State Tax", Decimal("0.30"))]


def test_shipping_told_twice_counts_once() -> None:
	"""Older versions have it as an adjustment too."""
	twice = {**made.adjustment("-5.00", "-0.50", "Shipping refund"), "kind": "shipping_refund"}
	payload = made.order(
		[line(1, "20.00")],
		"20.00",
		shipping_lines=[made.shipping(1, "5.00", tax_lines=[tax("0.50")])],
		refunds=[refund(ships=[made.refunded_shipping(1, "5.00", "0.50")], adjustments=[twice], **MOVED)],
	)
	order = read(payload)
	assert (order.total, given_back(order), order.refunds[0].adjustments) == (20, Decimal("5.50"), ())


@pytest.mark.parametrize("booked", [True, False])
def test_shipping_told_twice_counts_twice_where_the_total_says_so(booked: bool) -> None:
	"""5.00 of shipping, and 5.00 besides: the total is Shopify's word."""
	besides = {**made.adjustment("-5.00", reason="Shipping refund"), "kind": "shipping_refund"}
	given = refund(ships=[made.refunded_shipping(1, "5.00")], adjustments=[besides], **MOVED)
	payload = made.order(
		[line(1, "20.00")], "15.00", shipping_lines=[made.shipping(1, "5.00")], refunds=[given]
	)
	order = read(payload, booked)
	assert (order.total, given_back(order)) == (15, 10)


def test_duties_and_tips_are_given_back_as_what_they_are() -> None:
	tip = made.typed_in(2, "2.00", title="Tip", tip_payment_gateway="manual", current_quantity=0)
	dutiable = line(1, "50.00", duties=[made.duty(1, "12.00")])
	duties = [{"duty_id": 1, "amount_set": made.money("12.00")}]
	payload = made.order(
		[dutiable, tip],
		"50.00",
		total_tip_received="0.00",
		current_total_duties_set=made.money("0.00"),
		original_total_duties_set=made.money("12.00"),
		refunds=[refund(refunded_line(2, 1, 2.0, 0.0, "no_restock"), duties=duties)],
	)
	order = read(payload)
	[found] = order.refunds
	assert {(fee.code, fee.amount) for fee in found.adjustments} == {("tip", 2), ("duties", 12)}
	assert (found.lines, order.total, given_back(order)) == ((), 50, 14)


# --- what the money differs by ---------------------------------------------------------------------------

MOVED = {"transactions": [{**transaction(9, "refund", "5.00", "manual"), "parent_id": 6001}]}


@pytest.mark.parametrize(
	("money", "booked", "total", "back"),
	[
		(MOVED, True, "45.00", "5.00"),
		(MOVED, False, "50.00", "0.00"),
		({}, True, "50.00", "0.00"),
		({"transactions": [{**transaction(9, "refund", "5.00", "x", "failure")}]}, True, "50.00", "0.00"),
	],
)
def test_goodwill_that_the_total_does_not_say_is_taken_off_where_its_money_is_booked(
	money: dict[str, Any], booked: bool, total: str, back: str
) -> None:
	payload = copy.deepcopy(BY_NAME["money given back for goodwill, not off the total"].payload)
	payload["refunds"][0] |= money
	order = read(payload, booked)
	assert (order.total, given_back(order)) == (Decimal(total), Decimal(back))
	assert_books(planned(order), order, 2, ROUNDING_METHODS[0])


def test_money_kept_back_that_the_total_does_not_say_is_added() -> None:
	"""20.00 of goods came back, 16.00 were given: the shop keeps 4.00 that its total is without."""
	given = refund(refunded_line(1, 1, 20.0, 0.0, "return"), adjustments=[made.adjustment("4.00")], **MOVED)
	order = read(made.order([line(1, "20.00", 2, current_quantity=1)], "20.00", refunds=[given]))
	assert (order.total, given_back(order)) == (24, 16)
	assert {fee.code: fee.amount for fee in order.fees} == {"refund_discrepancy": 4}


def test_money_on_its_way_is_no_difference() -> None:
	pending = made.adjustment("20.00", reason="Pending refund discrepancy")
	waiting = {**transaction(9, "refund", "20.00", "manual", "pending")}
	given = refund(refunded_line(1, 1, 20.0, 0.0, "return"), adjustments=[pending], transactions=[waiting])
	order = read(made.order([line(1, "20.00", 2, current_quantity=1)], "20.00", refunds=[given]))
	assert (order.total, given_back(order)) == (20, 20)
	[payment] = order.refunds[0].payments
	assert (payment.status, payment.amount) == ("pending", 20)


def test_money_that_is_on_its_way_in_part_is_no_difference() -> None:
	pending = made.adjustment("15.00", reason="Pending refund discrepancy")
	waiting = transaction(8, "refund", "15.00", "manual", "pending")
	moved = {"transactions": [*MOVED["transactions"], waiting]}
	given = refund(refunded_line(1, 1, 20.0, 0.0, "return"), adjustments=[pending], **moved)
	order = read(made.order([line(1, "20.00", 2, current_quantity=1)], "20.00", refunds=[given]))
	assert (order.total, given_back(order)) == (20, 20)


def test_a_removal_without_money_is_no_money_kept_back() -> None:
	"""Nothing was paid, so that nothing is given back: the shop keeps nothing."""
	given = refund(refunded_line(1, 1, 20.0, 0.0, "cancel"), adjustments=[made.adjustment("20.00")])
	order = read(made.order([line(1, "20.00", 2, current_quantity=1)], "20.00", refunds=[given]))
	assert (order.total, given_back(order)) == (20, 20)


# --- the money -------------------------------------------------------------------------------------------


def test_the_money_of_a_refund_is_its_own() -> None:
	rows = [
		{**transaction(8, "refund", "3.00", "gift_card"), "payment_id": "#1.1", "parent_id": 6001},
		{**transaction(9, "refund", "2.00", "stripe", "pending"), "payment_id": "#1.2"},
		transaction(7, "void", "9.00", "stripe"),
	]
	given = refund(adjustments=[made.adjustment("-5.00")], transactions=rows)
	order = read(made.order([line(1, "50.00")], "45.00", refunds=[given]))
	[found] = order.refunds
	assert [(row.id, row.gateway, row.reference, row.status, row.amount) for row in found.payments] == [
		("6008", "gift_card", "#1.1", "captured", 3),
		("6009", "stripe", "#1.2", "pending", 2),
	]
	assert order.payments == ()


def test_a_refund_is_as_new_as_its_newest_part() -> None:
	row = {**transaction(9, "refund", "5.00", "manual"), "processed_at": "2026-11-21T09:00:00Z"}
	given = refund(adjustments=[made.adjustment("-5.00")], transactions=[row])
	[found] = read(made.order([line(1, "50.00")], "45.00", refunds=[given])).refunds
	assert found.updated_at and found.updated_at > found.created_at


# --- of the simulated shop -------------------------------------------------------------------------------


@pytest.fixture
def stage() -> Stage:
	return stocked()


def stocked() -> Stage:
	stage = Stage()
	for sku, price in (("A", "33.33"), ("B", "10.05")):
		stage.shop.add_product(sku, Decimal(price), 50)
	return stage


def asked(stage: Stage, order: Any) -> model.Order:
	event = model.Event(type="x", data=model.OrderReference(id=str(order.id)), incomplete=True)
	data = orders.complete(stage.client, CHANNEL, event).data
	assert isinstance(data, model.Order)
	return data


def test_an_order_with_refunds_is_asked_for_whole(stage: Stage) -> None:
	order = stage.shop.place_order([NewLine("A", 2)], presentment=("USD", Decimal("1.1")))
	stage.shop.refund(order, {order.lines[0]: 1}, restock="return")
	text = json.dumps(stage.shop.order_payload(order), default=str)
	event = mapper.parse("orders/updated", text, books_refunds=True)
	assert event.incomplete
	found = orders.complete(stage.client, CHANNEL, event).data
	assert isinstance(found, model.Order)
	[payment] = found.refunds[0].payments
	assert (payment.currency, payment.charged_currency) == ("EUR", "USD")
	assert payment.amount == found.refunds[0].total
	kept = RefundPolicy(credit_notes=False)
	assert not orders.books_refunds(CHANNEL.model_copy(update={"refunds": kept}))
	assert not mapper.parse("orders/updated", text).incomplete


def test_an_order_that_is_gone_is_taken_as_it_was_told(stage: Stage) -> None:
	order = stage.shop.place_order([NewLine("A", 2)])
	stage.shop.refund(order, {order.lines[0]: 1})
	event = mapper.parse(
		"orders/updated", json.dumps(stage.shop.order_payload(order), default=str), books_refunds=True
	)
	del stage.shop.orders[order.id]
	assert orders.complete(stage.client, CHANNEL, event).data == event.data


def test_many_refunds_and_transactions_of_one_are_read(stage: Stage) -> None:
	order = stage.shop.place_order([NewLine("A", 30)], paid=False)
	for _number in range(12):
		stage.shop.pay(order, Decimal("50.00"))
	stage.shop.pay(order)
	stage.shop.refund(order, amount=Decimal("550.00"))
	for _number in range(5):
		stage.shop.refund(order, {order.lines[0]: 1})
	found = asked(stage, order)
	assert [len(each.payments) for each in found.refunds] == [11, 1, 2, 1, 1, 1]
	assert found.total + given_back(found) == order.total


@pytest.mark.parametrize("scope", ["read_returns"])
def test_refunds_are_read_without_the_scope_of_returns(stage: Stage, scope: str) -> None:
	order = stage.shop.place_order([NewLine("A", 2)])
	stage.shop.fulfil(order.fulfilment_orders[0])
	returned = stage.shop.request_return(order, {order.lines[0]: 1})
	stage.shop.approve_return(returned)
	stage.shop.refund_return(returned)
	found = asked(stage, order)
	assert [(each.return_id, each.total) for each in found.refunds] == [(str(returned.id), Decimal("39.67"))]
	stage.shop.tokens = {
		token: type(access)(access.scopes - {"read_returns", "write_returns"}, access.expires)
		for token, access in stage.shop.tokens.items()
	}
	without = asked(stage, order)
	assert [(each.return_id, each.total) for each in without.refunds] == [(None, Decimal("39.67"))]
	assert without.returns == ()


ACTIONS = st.one_of(
	st.tuples(st.just("line"), st.integers(0, 1), st.sampled_from(["no_restock", "return", "cancel"])),
	st.tuples(st.just("shipping"), st.none(), st.none()),
	st.tuples(st.just("goodwill"), st.integers(1, 300), st.none()),
	st.tuples(st.just("less"), st.integers(0, 1), st.integers(1, 300)),
	st.tuples(st.just("edit"), st.integers(0, 1), st.none()),
	st.tuples(st.just("more"), st.integers(1, 3), st.none()),
)


def act(stage: Stage, order: Any, action: Any) -> None:
	kind, what, more = action
	shop = stage.shop
	if kind == "goodwill":
		shop.refund(order, amount=Decimal(what) / 100)
	elif kind == "shipping":
		if not order.refunded_shipping():
			shop.refund(order, shipping=True)
	elif kind == "more":
		shop.edit_order(order, add=[NewLine("B", what)])
	elif order.lines[what].current_quantity:
		line = order.lines[what]
		if kind == "edit":
			shop.edit_order(order, {line: line.current_quantity - 1})
		elif kind == "less":
			given = max(line.share(line.total, 1) - Decimal(more) / 100, Decimal("0.01"))
			shop.refund(order, {line: 1}, amount=given)
		else:
			shop.refund(order, {line: 1}, restock=more)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
	actions=st.lists(ACTIONS, max_size=6),
	included=st.booleans(),
	city=st.booleans(),
	said=st.booleans(),
	off=st.integers(0, 200),
)
def test_whatever_is_given_back_the_order_and_its_refunds_are_what_was_ordered(
	actions: list[Any], included: bool, city: bool, said: bool, off: int
) -> None:
	"""Taxes included or not, one or two of them, discounts, goodwill in the total or not: to the cent."""
	stage = stocked()
	stage.shop.adjusts_total = said
	lines = [NewLine("A", 3, discount=Decimal(off) / 100), NewLine("B", 2)]
	order = stage.shop.place_order(
		lines, [NewShipping(Decimal("4.90"))], taxes=CITY if city else VAT, taxes_included=included
	)
	for action in actions:
		act(stage, order, action)
	told = read(json.loads(json.dumps(stage.shop.order_payload(order), default=str)))
	found = asked(stage, order)
	for each in (told, found):
		assert each.total + given_back(each) == order.total
		consistent(each)
		if not each.cancelled:
			assert_books(planned(each), each, 2, ROUNDING_METHODS[0])
	assert [each.total for each in told.refunds] == [each.total for each in found.refunds]
	paid_back = sum((row.amount for each in found.refunds for row in each.payments), ZERO)
	assert paid_back == order.refunded
	for sold in order.lines:
		rows = [row for each in found.refunds for row in each.lines if row.order_line_id == str(sold.id)]
		left = [row for row in found.lines if row.id == str(sold.id)]
		assert sum((row.total for row in left), ZERO) + sum((row.amount for row in rows), ZERO) == sold.total
		assert sum(row.quantity for row in rows) == sold.removed


# --- bad input -------------------------------------------------------------------------------------------

GARBAGE = st.sampled_from(
	[None, True, -1, 0, 3, 1.5, "", "x", "9.999", "1e9", [], {}, [{}], [None], "999999999999.99"]
)


def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
	found = [path] if path else []
	if isinstance(value, dict):
		for key, inner in value.items():
			found += paths(inner, (*path, key))
	elif isinstance(value, list):
		for index, inner in enumerate(value):
			found += paths(inner, (*path, index))
	return found


def whole() -> dict[str, Any]:
	"""An order with payments, refunds and a return, as it is fetched."""
	stage = stocked()
	order = stage.shop.place_order(
		[NewLine("A", 3), NewLine("B", 2)],
		[NewShipping(Decimal("4.90"))],
		taxes=CITY,
		authorised=True,
		paid=False,
	)
	stage.shop.capture(order)
	stage.shop.fulfil(order.fulfilment_orders[0])
	returned = stage.shop.request_return(order, {order.lines[0]: 1})
	stage.shop.approve_return(returned)
	stage.shop.refund_return(returned)
	stage.shop.refund(order, {order.lines[1]: 1}, shipping=True, amount=Decimal("1.00"))
	payload = orders.fetch_payload(stage.client, str(order.id))
	assert payload is not None
	return json.loads(json.dumps(payload, default=str))


WHOLE = whole()
PATHS = [path for path in paths(WHOLE) if path[0] in ("refunds", "transactions", "returns")]


@settings(max_examples=1500, deadline=None, suppress_health_check=list(HealthCheck))
@given(changes=st.lists(st.tuples(st.sampled_from(PATHS), st.booleans(), GARBAGE), min_size=1, max_size=3))
def test_whatever_is_wrong_with_money_only_our_own_errors_come_out(changes: list[Any]) -> None:
	payload = copy.deepcopy(WHOLE)
	for path, removed, garbage in changes:
		target = payload
		try:
			for key in path[:-1]:
				target = target[key]
			if removed and isinstance(target, dict):
				target.pop(path[-1])
			else:
				target[path[-1]] = copy.deepcopy(garbage)
		except (KeyError, IndexError, TypeError):
			continue
	try:
		order = read(payload)
		consistent(order)
		planned(order)
	except BridgeError as error:
		assert str(error)
