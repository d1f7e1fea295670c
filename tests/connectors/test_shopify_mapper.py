"""What Shopify sends, as the canonical model: to the cent, or refused in words."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from commerce_bridge.bridge import model
from commerce_bridge.bridge.channel import Channel, FieldMap, LineItems, ShippingMap, TaxMap
from commerce_bridge.bridge.errors import BridgeError, Rejected, TotalsDiffer
from commerce_bridge.bridge.mapping import mapped_values
from commerce_bridge.bridge.money import decimals_of
from commerce_bridge.bridge.plan import Amounts, Item
from commerce_bridge.bridge.totals import key_of, plan_amounts
from commerce_bridge.connectors.shopify import mapper
from tests.connectors import shopify_orders as made
from tests.connectors.shopify_orders import (
	BIG,
	BY_NAME,
	CASES,
	Case,
	line,
	refund,
	tax,
)
from tests.erpnext_arithmetic import ROUNDING_METHODS, assert_books

TITLES = ("State Tax", "City Tax", "County Tax", "VAT", "Import VAT")
CHANNEL = Channel(
	name="Shop",
	platform="shopify",
	company="Company",
	company_currency="USD",
	currency="USD",
	default_warehouse="Stores",
	taxes=(
		*(TaxMap(title=title, account=title) for title in TITLES),
		TaxMap(code="channel_liable", account="Marketplace Tax"),
	),
	shipping=(ShippingMap(method="*", item="SHIPPING"),),
	fee_item="FEE",
	line_items=LineItems(custom="CUSTOM", gift_card="GIFT-CARD"),
)


def read(payload: dict[str, Any], assigned: mapper.Assigned | None = None) -> model.Order:
	"""From the text of a webhook, as it is stored."""
	data = mapper.parse("orders/updated", json.dumps(payload)).data
	assert isinstance(data, model.Order)
	return data if assigned is None else mapper.to_order(data.custom, assigned)


def case(name: str) -> model.Order:
	return read(BY_NAME[name].payload)


def planned(order: model.Order, channel: Channel = CHANNEL) -> Amounts:
	items = {key_of(row): Item(row.sku or row.id) for row in order.lines}
	return plan_amounts(order, channel, items, decimals_of(order.currency))


# --- to the cent -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("expected", CASES, ids=lambda expected: expected.name)
def test_it_is_booked_at_what_the_shop_says(expected: Case) -> None:
	order = read(expected.payload)
	assert order.total == Decimal(expected.total)
	assert order.cancelled is not expected.booked
	if expected.lines is not None:
		assert [(row.quantity, row.total) for row in order.lines] == [
			(quantity, Decimal(total)) for quantity, total in expected.lines
		]
	assert {fee.code: fee.amount for fee in order.fees} == {
		code: Decimal(amount) for code, amount in expected.fees.items()
	}
	for row in order.lines:
		assert row.total == row.quantity * row.unit_price - row.discount
	if expected.booked:
		plan = planned(order)
		for method in ROUNDING_METHODS:
			assert_books(plan, order, max(decimals_of(order.currency), 2), method)


def test_there_are_enough_of_them() -> None:
	assert len(CASES) >= 25
	assert len(BY_NAME) == len(CASES)


def test_an_order_that_nothing_explains_is_held() -> None:
	order = read(made.order([line(1, "20.00")], "19.00"))
	assert order.total == Decimal("19.00")
	with pytest.raises(TotalsDiffer) as held:
		planned(order)
	assert held.value.difference == Decimal("-1.00")


def test_a_goodwill_refund_explains_no_other_difference() -> None:
	payload = made.order(
		[line(1, "50.00")], "46.00", refunds=[refund(adjustments=[made.adjustment("-5.00")])]
	)
	with pytest.raises(TotalsDiffer):
		planned(read(payload))


def test_an_adjustment_counts_once() -> None:
	adjusted = refund(adjustments=[made.adjustment("-5.00", "-0.50")])
	with pytest.raises(TotalsDiffer):
		planned(read(made.order([line(1, "50.00")], "39.50", refunds=[adjusted])))


def test_a_tip_with_a_line_explains_no_other_difference() -> None:
	tip = made.typed_in(2, "2.00", title="Tip", tip_payment_gateway="shopify_payments")
	with pytest.raises(TotalsDiffer):
		planned(read(made.order([line(1, "8.00"), tip], "12.00", total_tip_received="2.00")))


def test_a_difference_of_more_than_rounding_is_not_spread() -> None:
	payload = made.order([line(1, "10.00", 3, current_quantity=2)], "20.03", current_subtotal="20.03")
	with pytest.raises(TotalsDiffer) as held:
		planned(read(payload))
	assert held.value.difference == Decimal("0.03")


def test_the_tax_of_a_marketplace_goes_to_its_account() -> None:
	order = case("tax that a marketplace pays")
	assert [charge.code for charge in order.lines[0].taxes] == ["channel_liable"]
	assert [row.account_head for row in planned(order).taxes] == ["Marketplace Tax"]


def test_rates_are_percentages() -> None:
	order = case("three taxes of one line")
	assert [str(charge.rate) for charge in order.lines[0].taxes] == ["6.25", "1.5", "0.25"]


def test_amounts_come_in_the_currency_of_the_shop() -> None:
	order = case("sold in the buyer's currency, booked in the shop's")
	assert (order.currency, order.lines[0].unit_price) == ("EUR", 42)
	paid = FieldMap(
		path="current_total_price_set.presentment_money.amount",
		doctype="Sales Order",
		fieldname="paid",
		transform="decimal",
	)
	channel = CHANNEL.model_copy(update={"fields": (paid,)})
	assert mapped_values(channel, "Sales Order", order.custom) == {"paid": Decimal("91.14")}


@pytest.mark.parametrize("number", [9.67, "9.67", 9, "9"])
def test_amounts_of_refunds_may_be_json_numbers(number: Any) -> None:
	payload = copy.deepcopy(BY_NAME["one of three refunded and restocked"].payload)
	row = payload["refunds"][0]["refund_line_items"][0]
	del row["subtotal_set"]
	row["subtotal"] = number
	left = Decimal("29.00") - Decimal(str(number))
	share = Decimal("19.33")
	assert read(payload).lines[0].total == (left if abs(left - share) <= Decimal("0.03") else share)


# --- everything else -------------------------------------------------------------------------------------


def test_kinds_of_lines() -> None:
	kinds = {
		name: [row.kind for row in case(name).lines]
		for name in (
			"gift card sold",
			"a line typed in",
			"a product that was deleted since",
			"nobody is named",
		)
	}
	assert kinds == {
		"gift card sold": ["gift_card", "product"],
		"a line typed in": ["custom"],
		"a product that was deleted since": ["product"],
		"nobody is named": ["product"],
	}


def test_a_line_that_names_no_sku_either_is_still_no_line_that_was_typed_in() -> None:
	"""Its product was deleted since; a line that was typed in has no vendor."""
	deleted = line(1, "15.00", product_id=None, variant_id=None, sku=None, product_exists=False)
	assert read(made.order([deleted], "15.00")).lines[0].kind == "product"


@pytest.mark.parametrize(
	("status", "current_quantity", "gone"),
	[
		("refunded", 1, "refunded"),
		("voided", 1, "voided"),
		("refunded", 0, None),
		("paid", 1, None),
		("partially_refunded", 1, None),
	],
)
def test_goods_whose_money_is_gone(status: str, current_quantity: int, gone: str | None) -> None:
	order = read(
		made.order([line(1, "20.00", current_quantity=current_quantity)], "20.00", financial_status=status)
	)
	assert (order.money_gone, order.cancelled) == (gone, current_quantity == 0)


def test_a_line_that_became_more() -> None:
	order = read(made.order([line(1, "10.00", 1, current_quantity=3)], "30.00"))
	assert (order.lines[0].quantity, order.lines[0].total) == (3, Decimal("30.00"))
	planned(order)


def test_ids_are_exact() -> None:
	order = case("ids that a float cannot hold")
	assert (order.id, order.lines[0].id) == (str(BIG), str(BIG))
	assert (order.lines[0].product_id, order.lines[0].variant_id) == (str(BIG), str(BIG))


def test_a_gift_card_that_was_redeemed_is_a_payment() -> None:
	payments = case("gift card redeemed: a payment, and no discount").payments
	assert [(row.id, row.gateway, row.status, row.amount, row.currency) for row in payments] == [
		("6001", "gift_card", "captured", Decimal("25.00"), "USD"),
		("6002", "shopify_payments", "captured", Decimal("35.00"), "USD"),
		("6003", "shopify_payments", "failed", Decimal("35.00"), "USD"),
	]
	assert case("plain").payments == ()  # webhooks of orders tell of none


def test_who_bought_and_where_it_goes() -> None:
	order = case("plain")
	assert order.customer is not None
	assert (order.customer.id, order.customer.email) == ("207119551", "ada@example.com")
	assert (order.customer.first_name, order.customer.last_name) == ("Ada", "Quill")
	assert order.shipping_address == model.Address(
		name="Ada Quill",
		line1="12 Harbour Street",
		city="Portland",
		region="Oregon",
		postal_code="97201",
		country_code="US",
	)


def test_nobody_has_to_be_named() -> None:
	order = case("nobody is named")
	assert (order.customer, order.billing_address, order.shipping_address) == (None, None, None)
	assert (order.number, order.lines[0].sku) == ("1001", None)
	contact = read(made.order([line(1, "1.00")], "1.00", customer=None)).customer
	assert contact is not None
	assert (contact.id, contact.email) == (None, "ada@example.com")
	empty = dict.fromkeys(made.address(), None)
	assert read(made.order([line(1, "1.00")], "1.00", billing_address=empty)).billing_address is None


def test_what_people_wrote_is_reachable_through_the_field_map() -> None:
	order = case("notes, attributes and properties")
	assert order.note == "Ring twice"
	fields = (
		FieldMap(path="note_attributes[?name=='gift'].value | [0]", doctype="Sales Order", fieldname="gift"),
		FieldMap(
			path="properties[?name=='Engraving'].value | [0]",
			doctype="Sales Order Item",
			fieldname="engraving",
		),
	)
	channel = CHANNEL.model_copy(update={"fields": fields})
	assert mapped_values(channel, "Sales Order", order.custom) == {"gift": "yes"}
	assert mapped_values(channel, "Sales Order Item", order.lines[0].custom) == {"engraving": "A. Q."}


def test_times_are_utc_and_the_status_is_that_of_the_payment() -> None:
	order = case("plain")
	assert order.updated_at == datetime(2026, 11, 20, 18, 30, tzinfo=timezone.utc)
	assert order.placed_at == datetime(2026, 11, 20, 17, tzinfo=timezone.utc)
	assert order.status == "paid"


def test_a_test_order_says_so() -> None:
	assert case("a test order").test
	assert not case("plain").test


def test_fulfilments_are_told_cancelled_ones_too_and_pending_ones_not() -> None:
	sent, taken_back = case("sent in two parts, one of them taken back").fulfilments
	assert sent == model.Fulfilment(
		id="4001",
		order_id="450789469",
		lines=(model.FulfilledLine(order_line_id="5001", quantity=Decimal(1)),),
		location_id="655441491",
		parcels=(
			model.Parcel(
				carrier="UPS",
				tracking_number="1Z2345",
				tracking_url="https://www.ups.com/track?tracknum=1Z2345",
			),
		),
		updated_at=datetime(2026, 11, 20, 18, 30, tzinfo=timezone.utc),
		fulfilled_at=datetime(2026, 11, 20, 18, 30, tzinfo=timezone.utc),
	)
	assert (taken_back.id, taken_back.cancelled, taken_back.lines[0].quantity) == ("4002", True, 2)


def test_a_sale_over_the_counter_leaves_from_its_location() -> None:
	assert case("paid in cash at the till, rounded down").lines[0].location_id == "655441491"
	online = read(made.order([line(1, "1.00")], "1.00", location_id=655441491))
	assert online.lines[0].location_id is None


def test_a_cancelled_order_may_be_opened_again() -> None:
	assert case("cancelled").cancelled
	payload = {**BY_NAME["cancelled"].payload, "cancelled_at": None}
	payload |= {"line_items": [line(1, "20.00")], **made.priced("current_total_price", "20.00")}
	assert not read(payload).cancelled


def test_a_tip_is_no_goods_that_were_sent() -> None:
	tip = made.typed_in(2, "2.00", title="Tip", tip_payment_gateway="shopify_payments")
	sent = made.fulfilment(1, (1, 1), (2, 1))
	order = read(made.order([line(1, "8.00"), tip], "10.00", total_tip_received="2.00", fulfillments=[sent]))
	assert [row.order_line_id for row in order.fulfilments[0].lines] == ["5001"]


# --- locations -------------------------------------------------------------------------------------------


def test_a_line_sent_from_two_locations_becomes_two() -> None:
	payload = made.order(
		[line(1, "3.33", 3, off=["0.02"], tax_lines=[tax("1.00"), tax("0.25", "City Tax", 0.025)])],
		"11.22",
		"1.25",
		fulfillments=[made.fulfilment(1, (1, 1), location_id=20)],
	)
	order = read(payload, {"5001": {"10": 2, "20": 1}})
	first, second = order.lines
	assert (first.id, first.location_id, first.quantity) == ("5001", "10", 2)
	assert (second.id, second.location_id, second.quantity) == ("5001:20", "20", 1)
	assert first.total + second.total == Decimal("9.97")
	assert [first.taxes[0].amount + second.taxes[0].amount] == [Decimal("1.00")]
	assert order.fulfilments[0].lines[0].order_line_id == "5001:20"
	assert_books(planned(order), order, 2, ROUNDING_METHODS[0])


@pytest.mark.parametrize(
	("assigned", "expected"),
	[
		({}, [("5001", None, 2)]),
		({"5001": {"10": 2}}, [("5001", "10", 2)]),
		({"5001": {"10": 1, "9": 3}}, [("5001", "9", 2)]),  # more than is left: some of it was edited away
		({"5001": {"10": 1}}, [("5001", "10", 2)]),  # less: the rest goes with it
		({"5001": {"10": 0, "20": 1}}, [("5001", "20", 2)]),
		({"7": {"10": 2}}, [("5001", None, 2)]),
	],
)
def test_who_sends_how_much(assigned: dict[str, dict[str, int]], expected: list[Any]) -> None:
	order = mapper.to_order(made.order([line(1, "5.00", 2)], "10.00"), assigned)
	assert [(row.id, row.location_id, row.quantity) for row in order.lines] == expected


def test_what_no_location_has_is_the_first_ones() -> None:
	order = mapper.to_order(made.order([line(1, "5.00", 3)], "15.00"), {"5001": {"20": 1, "10": 1}})
	assert [(row.id, row.quantity) for row in order.lines] == [("5001", 2), ("5001:20", 1)]


def test_an_order_is_incomplete_only_where_locations_matter() -> None:
	text = json.dumps(BY_NAME["plain"].payload)
	assert not mapper.parse("orders/create", text).incomplete
	assert mapper.parse("orders/create", text, several_locations=True).incomplete


# --- other events ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
	("topic", "payload", "expected"),
	[
		(
			"orders/edited",
			{"order_edit": {"order_id": BIG, "committed_at": "2026-11-20T12:00:00Z"}},
			model.OrderReference(id=str(BIG), updated_at=datetime(2026, 11, 20, 12, tzinfo=timezone.utc)),
		),
		("fulfillments/create", {"id": 1, "order_id": 7}, model.OrderReference(id="7")),
		(
			"fulfillment_orders/moved",
			{"moved_fulfillment_order": {"id": "gid://shopify/FulfillmentOrder/9"}},
			model.OrderReference(id="gid://shopify/FulfillmentOrder/9"),
		),
		(
			"orders/changed",
			{"id": 7, "updated_at": "2026-11-20T12:00:00Z"},
			model.OrderReference(id="7", updated_at=datetime(2026, 11, 20, 12, tzinfo=timezone.utc)),
		),
		("products/delete", {"id": 7}, model.ProductDeletion(id="7")),
		(
			"inventory_levels/update",
			{
				"inventory_item_id": BIG - 1,
				"location_id": 5,
				"available": -3,
				"admin_graphql_api_id": f"gid://shopify/InventoryLevel/5?inventory_item_id={BIG}",
			},
			model.ShownLevel(stock_id=str(BIG), location_id="5", quantity=Decimal(-3)),
		),
		(
			"inventory_levels/update",
			{"inventory_item_id": 4, "location_id": 5, "available": None},
			model.ShownLevel(stock_id="4", location_id="5", quantity=Decimal(0)),
		),
		("app/uninstalled", {"id": 1, "domain": "x.myshopify.com"}, model.Uninstalled()),
		(
			"customers/redact",
			{
				"shop_id": 1,
				"customer": {"id": 7, "email": "ada@example.com", "phone": None},
				"orders_to_redact": [1, 2, 2],
			},
			model.Redaction(customer_id="7", email="ada@example.com", order_ids=("1", "2")),
		),
		("shop/redact", {"shop_id": 1}, model.Redaction(everything=True)),
		(
			"customers/data_request",
			{"customer": {"id": 7}, "orders_requested": [3], "data_request": {"id": 9}},
			model.DataRequest(customer_id="7", order_ids=("3",)),
		),
		("refunds/create", {"id": 1, "order_id": BIG}, model.OrderReference(id=str(BIG))),
		(
			"returns/request",
			{"id": 1, "order": {"id": 2, "admin_graphql_api_id": "gid://shopify/Order/3"}},
			model.OrderReference(id="3"),
		),
		("returns/close", {"id": 1, "order_id": 2}, model.OrderReference(id="2")),
		("draft_orders/create", {"id": 1}, None),
	],
)
def test_events(topic: str, payload: dict[str, Any], expected: Any) -> None:
	event = mapper.parse(topic, json.dumps(payload))
	assert event.data == expected
	assert event.incomplete is isinstance(expected, model.OrderReference | model.Uninstalled)


def test_a_customer() -> None:
	payload = made.customer(phone="+15035550100", addresses=[made.address(company="Quill Ltd")])
	event = mapper.parse("customers/update", json.dumps(payload)).data
	assert isinstance(event, model.Customer)
	assert (event.id, event.email, event.phone) == ("207119551", "ada@example.com", "+15035550100")
	assert [address.company for address in event.addresses] == [None, "Quill Ltd"]
	assert event.updated_at == datetime(2026, 11, 20, 17, tzinfo=timezone.utc)


def product(**more: Any) -> dict[str, Any]:
	variants = [
		{
			"id": 21 + number,
			"admin_graphql_api_id": f"gid://shopify/ProductVariant/{21 + number}",
			"sku": f"SHIRT-{size}",
			"barcode": None,
			"title": size,
			"price": "19.99",
			"compare_at_price": "24.99",
			"option1": size,
			"option2": None,
			"option3": None,
			"image_id": 31,
			"inventory_item_id": 41 + number,
		}
		for number, size in enumerate("SM")
	]
	made = {
		"id": 11,
		"admin_graphql_api_id": "gid://shopify/Product/11",
		"title": "Shirt",
		"body_html": "<p>Soft</p>",
		"vendor": "Acme",
		"product_type": "Shirts",
		"status": "active",
		"updated_at": "2026-11-20T12:00:00Z",
		"options": [{"name": "Size", "position": 1, "values": ["S", "M"]}],
		"images": [{"id": 31, "src": "https://cdn.example/shirt.png"}],
		"variants": variants,
		"variant_gids": [{"admin_graphql_api_id": row["admin_graphql_api_id"]} for row in variants],
	}
	return {**made, **more}


def test_a_product_with_its_variants() -> None:
	event = mapper.parse("products/update", json.dumps(product()))
	found = event.data
	assert isinstance(found, model.Product)
	assert not event.incomplete
	assert (found.id, found.title, found.published, found.option_names) == ("11", "Shirt", True, ("Size",))
	assert found.variants[1] == model.ProductVariant(
		id="22",
		sku="SHIRT-M",
		title="M",
		options={"Size": "M"},
		price=Decimal("19.99"),
		compare_at=Decimal("24.99"),
		image="https://cdn.example/shirt.png",
		stock_id="42",
	)


def test_a_product_with_more_variants_than_the_payload_holds_is_incomplete() -> None:
	gids = [{"admin_graphql_api_id": f"gid://shopify/ProductVariant/{number}"} for number in range(3)]
	assert mapper.parse("products/update", json.dumps(product(variant_gids=gids))).incomplete


def test_a_product_without_options() -> None:
	variant = {**product()["variants"][0], "title": "Default Title", "option1": "Default Title"}
	payload = product(variants=[variant], options=[{"name": "Title"}], variant_gids=[], status="draft")
	found = mapper.parse("products/update", json.dumps(payload)).data
	assert isinstance(found, model.Product)
	assert (found.option_names, found.published) == ((), False)
	assert (found.variants[0].options, found.variants[0].title) == ({}, None)


# --- bad input -------------------------------------------------------------------------------------------


def without(*path: Any) -> dict[str, Any]:
	payload: Any = copy.deepcopy(BY_NAME["taxes on top, of shipping too"].payload)
	target = payload
	for key in path[:-1]:
		target = target[key]
	del target[path[-1]]
	return payload


def replaced(value: Any, *path: Any) -> dict[str, Any]:
	payload: Any = copy.deepcopy(BY_NAME["taxes on top, of shipping too"].payload)
	target = payload
	for key in path[:-1]:
		target = target[key]
	target[path[-1]] = value
	return payload


@pytest.mark.parametrize(
	("payload", "said"),
	[
		(without("line_items"), "line_items: is required"),
		(without("updated_at"), "updated_at: is required"),
		(without("currency"), "currency: is required"),
		(replaced("dollars", "currency"), "currency"),
		(replaced("XX1", "currency"), "currency"),
		(replaced("12,50", "line_items", 0, "price_set", "shop_money", "amount"), "must be an amount"),
		(replaced("1" * 20, "line_items", 0, "price_set", "shop_money", "amount"), "must be an amount"),
		(replaced(-1, "line_items", 0, "quantity"), "quantity: must be a whole number"),
		(replaced(1.5, "line_items", 0, "quantity"), "quantity: must be a whole number"),
		(replaced("2026-11-20", "updated_at"), "updated_at: must be a time with an offset"),
		(replaced([line(1, "1.00")] * 5001, "line_items"), "line_items"),
		(replaced([line(1, "1.00")] * 2, "line_items"), "same id"),
		(replaced("yes", "taxes_included"), "taxes_included: must be true or false"),
	],
)
def test_what_makes_no_sense_is_refused_in_words(payload: dict[str, Any], said: str) -> None:
	with pytest.raises(Rejected) as refused:
		read(payload)
	assert said in str(refused.value)


def test_a_line_without_an_id_is_refused() -> None:
	payload = without("line_items", 0, "id")
	del payload["line_items"][0]["admin_graphql_api_id"]
	with pytest.raises(Rejected, match=r"line_items\[0\] of Shopify has no id"):
		read(payload)


def test_an_amount_finer_than_the_currency_is_refused() -> None:
	with pytest.raises(Rejected, match="the currency has 2 decimals"):
		planned(read(made.order([line(1, "16.486")], "16.486")))


def test_amounts_that_overflow_are_refused() -> None:
	crumb = made.duty(1, "0.000000001", tax("999999999999.99", "Import VAT"))
	huge = made.order(
		[line(1, "1.00", duties=[crumb])], "2.00", current_total_duties_set=made.money("999999999999.99")
	)
	with pytest.raises(Rejected):
		planned(read(huge))


@pytest.mark.parametrize("cut", [0, 1, 40, 500, 2000])
def test_a_truncated_payload_is_refused(cut: int) -> None:
	with pytest.raises(Rejected):
		mapper.parse("orders/create", json.dumps(BY_NAME["plain"].payload)[:cut])


def test_no_value_of_the_payload_is_said() -> None:
	with pytest.raises(Rejected) as refused:
		read(made.order([line(1, "1.00")], "1.00", email=["ada@example.com"]))
	assert "ada@example.com" not in str(refused.value)


def test_a_great_many_lines_are_read() -> None:
	lines = [line(number, "1.00") for number in range(1, 501)]
	assert len(read(made.order(lines, "500.00")).lines) == 500


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
	if path:
		yield path
	if isinstance(value, dict):
		for key, item in value.items():
			yield from paths(item, (*path, key))
	elif isinstance(value, list):
		for index, item in enumerate(value):
			yield from paths(item, (*path, index))


EVENTS = [
	*(("orders/updated", each.payload) for each in CASES),
	("customers/update", made.customer(addresses=[made.address()])),
	("products/update", product()),
	("inventory_levels/update", {"inventory_item_id": 1, "location_id": 2, "available": 3}),
	("orders/edited", {"order_edit": {"order_id": 1, "committed_at": made.NOON}}),
	("fulfillments/update", made.fulfilment(1, (1, 1))),
	("fulfillment_orders/moved", {"moved_fulfillment_order": {"id": "gid://shopify/FulfillmentOrder/9"}}),
	("refunds/create", made.refund(order_id=1)),
	("order_transactions/create", {**made.transaction(1, "sale", "1.00", "manual"), "order_id": 1}),
	("returns/request", {"order": {"id": 2, "admin_graphql_api_id": "gid://shopify/Order/2"}}),
	("customers/redact", {"customer": {"id": 7, "email": "a@example.com"}, "orders_to_redact": [1]}),
	("customers/data_request", {"customer": {"id": 7}, "orders_requested": [3]}),
]
PATHS = [(topic, payload, path) for topic, payload in EVENTS for path in paths(payload)]
GARBAGE = (
	st.none()
	| st.booleans()
	| st.integers()
	| st.integers(min_value=0, max_value=3)
	| st.floats(allow_nan=False, allow_infinity=False)
	| st.sampled_from(
		["", "0.00", "-0.01", "1e9", "999999999999.99", "0.000000001", "\u0000", "\ud800", "gid://"]
	)
	| st.text(max_size=5)
	| st.just([])
	| st.just({})
	| st.just([{}])
	| st.just([None])
)


@settings(max_examples=3000, deadline=None, suppress_health_check=list(HealthCheck))
@given(
	changes=st.lists(
		st.tuples(st.integers(0, len(PATHS) - 1), st.booleans(), GARBAGE), min_size=1, max_size=4
	)
)
def test_whatever_is_wrong_with_a_payload_only_our_own_errors_come_out(changes: list[Any]) -> None:
	topic, original, _path = PATHS[changes[0][0]]
	payload = copy.deepcopy(original)
	for index, removed, garbage in changes:
		_change(payload, PATHS[index][2], removed, garbage)
	try:
		event = mapper.parse(topic, json.dumps(payload))
		if isinstance(event.data, model.Order):
			planned(event.data)
	except BridgeError as error:
		assert str(error)


def _change(payload: Any, path: tuple[Any, ...], removed: bool, garbage: Any) -> None:
	target = payload
	for key in path[:-1]:
		try:
			target = target[key]
		except (KeyError, IndexError, TypeError):
			return
	if isinstance(target, dict) and path[-1] in target:
		target.pop(path[-1]) if removed else target.update({path[-1]: garbage})
	elif isinstance(target, list) and isinstance(path[-1], int) and path[-1] < len(target):
		target[path[-1]] = garbage
