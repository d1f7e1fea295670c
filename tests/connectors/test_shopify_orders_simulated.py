"""Orders of the simulated shop, told and asked for: the same, and to the cent, whatever was done to them."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from commerce_bridge.bridge import model
from commerce_bridge.bridge.errors import Misconfigured, Rejected
from commerce_bridge.bridge.orders import fingerprint_of
from commerce_bridge.connectors.shopify import mapper, orders
from sandbox.storefronts.shopify.sales import address
from sandbox.storefronts.shopify.shop import NewLine, NewShipping
from tests.connectors.shopify_simulated import Stage
from tests.connectors.test_shopify_mapper import CHANNEL, planned
from tests.connectors.test_shopify_orders import differences
from tests.erpnext_arithmetic import ROUNDING_METHODS, assert_books

VAT = (("VAT", Decimal("0.19")),)
CITY = (("State Tax", Decimal("0.0625")), ("City Tax", Decimal("0.015")))
LINES = (NewLine("A", 3, discount=Decimal("1.00")), NewLine("B", 2))
POST = (NewShipping(Decimal("4.90")),)


def plain(stage: Stage, **about: Any) -> Any:
	return stage.shop.place_order(LINES, shipping=POST, **about)


def edited(stage: Stage) -> Any:
	order = plain(stage, taxes=CITY, taxes_included=False)
	stage.shop.edit_order(order, {order.lines[0]: 2}, add=[NewLine("C", 1)])
	return order


def edited_away(stage: Stage) -> Any:
	order = plain(stage)
	stage.shop.edit_order(order, {order.lines[0]: 0})
	return order


def refunded(stage: Stage) -> Any:
	order = plain(stage, taxes=CITY, taxes_included=False)
	stage.shop.refund(order, {order.lines[0]: 1, order.lines[1]: 1}, restock="cancel")
	stage.shop.refund(order, {order.lines[0]: 1}, shipping=True)
	return order


def refunded_with_taxes_inside(stage: Stage) -> Any:
	order = plain(stage, taxes=VAT, taxes_included=True)
	stage.shop.refund(order, {order.lines[0]: 1}, restock="return")
	return order


def tipped(stage: Stage) -> Any:
	tip = NewLine(title="Tip", price=Decimal("2.00"), tip_gateway="manual", taxes=(), requires_shipping=False)
	return stage.shop.place_order([NewLine("A"), tip])


def presented(stage: Stage) -> Any:
	return plain(stage, presentment=("USD", Decimal("1.0853")))


def typed_in(stage: Stage) -> Any:
	card = NewLine("B", gift_card=True, requires_shipping=False)
	return stage.shop.place_order([NewLine(title="Engraving", price=Decimal("7.50")), card])


def sent(stage: Stage) -> Any:
	order = plain(stage)
	stage.shop.fulfil(order.fulfilment_orders[0])
	return order


def cancelled(stage: Stage) -> Any:
	order = plain(stage)
	stage.shop.cancel_order(order)
	return order


@pytest.fixture
def stage() -> Stage:
	stage = Stage()
	stage.shop.add_location("South")
	for sku, price in (("A", "33.33"), ("B", "10.05"), ("C", "0.99")):
		stage.shop.add_product(sku, Decimal(price))
		for place in stage.shop.locations:
			stage.shop.set_available(stage.shop.variant(sku), place, 50)
	return stage


@pytest.mark.parametrize(
	"act",
	[
		plain,
		edited,
		edited_away,
		refunded,
		refunded_with_taxes_inside,
		tipped,
		presented,
		typed_in,
		sent,
		cancelled,
	],
)
def test_told_and_asked_for_are_one(stage: Stage, act: Callable[[Stage], Any]) -> None:
	sold = act(stage)
	payload = json.loads(json.dumps(stage.shop.order_payload(sold), default=str))
	told = mapper.parse("orders/updated", json.dumps(payload)).data
	assert isinstance(told, model.Order)
	event = model.Event(type="orders/edited", data=model.OrderReference(id=told.id), incomplete=True)
	found = orders.complete(stage.client, CHANNEL, event).data
	assert isinstance(found, model.Order)
	assert fingerprint_of(CHANNEL, found) == fingerprint_of(CHANNEL, told)
	assert found.fulfilments == told.fulfilments
	assert list(differences(told.custom, found.custom)) == []
	assert list(differences(found.custom, told.custom)) == []
	assert found.total == sold.current_total
	if not found.cancelled:
		assert_books(planned(found), found, 2, ROUNDING_METHODS[0])


def test_an_order_moved_to_another_location_follows(stage: Stage) -> None:
	sold = plain(stage)
	north, south = list(stage.shop.locations.values())[:2]
	reference = model.OrderReference(id=str(sold.id))
	event = model.Event(type="fulfillment_orders/moved", data=reference, incomplete=True)
	before = orders.complete(stage.client, stage.channel, event).data
	assert isinstance(before, model.Order)
	assert {line.location_id for line in before.lines} == {str(north.id)}
	stage.shop.move(sold.fulfilment_orders[0], south)
	after = orders.complete(stage.client, stage.channel, event).data
	assert isinstance(after, model.Order)
	assert {line.location_id for line in after.lines} == {str(south.id)}


def withheld(stage: Stage) -> Any:
	buyer = stage.shop.add_customer(email="ada@example.com", first_name="Ada", last_name="Quill")
	sold = plain(stage, customer=buyer, phone="+15550100", shipping_address=address(zip="97201"))
	stage.shop.customer_data = False
	return sold


def test_an_order_whose_buyer_is_withheld_is_read_without_one(stage: Stage) -> None:
	sold = withheld(stage)
	payload = orders.fetch_payload(stage.client, str(sold.id))
	assert payload is not None
	order = mapper.to_order(payload)
	assert (order.customer, order.billing_address, order.shipping_address) == (None, None, None)
	assert order.total == sold.current_total
	assert_books(planned(order), order, 2, ROUNDING_METHODS[0])


@pytest.mark.parametrize(
	("path", "code"),
	[
		(["order", "transactions"], "ACCESS_DENIED"),
		(["order", "customerLocale"], "ACCESS_DENIED"),
		(["order"], "ACCESS_DENIED"),
		(["order", "customer"], "FORBIDDEN"),
		(["order", "lineItems", "nodes", 0, "product"], "ACCESS_DENIED"),
	],
)
def test_nothing_else_may_be_withheld(
	stage: Stage, monkeypatch: pytest.MonkeyPatch, path: list[str | int], code: str
) -> None:
	sold = withheld(stage)
	answer = stage.shop.handle

	def denied(*request: Any) -> Any:
		status, headers, body = answer(*request)
		content = json.loads(body)
		content["errors"].append({"message": "no", "path": path, "extensions": {"code": code}})
		return status, headers, json.dumps(content).encode()

	monkeypatch.setattr(stage.shop, "handle", denied)
	with pytest.raises(Misconfigured if code == "ACCESS_DENIED" else Rejected):
		orders.fetch_payload(stage.client, str(sold.id))


def test_the_poll_lists_what_changed(stage: Stage) -> None:
	sold = [plain(stage) for _each in range(3)]
	pages = list(orders.orders_since(stage.client, None))
	listed = [event.external_id for page in pages for event in page.events]
	assert sorted(filter(None, listed)) == sorted(str(order.id) for order in sold)
