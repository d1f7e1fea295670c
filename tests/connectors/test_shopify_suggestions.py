"""Taxes, shipping methods and locations of a Shopify store: read off its last orders, and its list of locations."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from commerce_bridge.bridge.errors import Retryable
from commerce_bridge.bridge.protocols import (
	SuggestedGateway,
	SuggestedLocation,
	SuggestedShipping,
	SuggestedTax,
)
from commerce_bridge.connectors.shopify.suggestions import NO_ORDERS, suggestions
from sandbox.storefronts.shopify.shop import NewLine, NewShipping
from tests.connectors.shopify_shop import answer, shop
from tests.connectors.shopify_simulated import Stage

NOTHING = {"pageInfo": {"hasNextPage": False, "endCursor": None}, "nodes": []}
VAT = (("VAT", Decimal("0.19")),)
CITY = (("State Tax", Decimal("0.0625")), ("City Tax", Decimal("0.015")))


def denied(field: str, scope: str) -> dict[str, Any]:
	message = f"Access denied for {field} field. Required access: `{scope}` access scope."
	return {
		"message": message,
		"path": [field],
		"extensions": {"code": "ACCESS_DENIED", "requiredAccess": scope},
	}


def test_what_the_last_orders_were_charged() -> None:
	stage = Stage()
	stage.shop.place_order([NewLine("A")], shipping=(NewShipping(Decimal(5)),), taxes=VAT)
	stage.shop.place_order([NewLine("A")], shipping=(NewShipping(Decimal(5)),), taxes=CITY)
	last = stage.shop.place_order(
		[NewLine("A")], shipping=(NewShipping(Decimal(9), "Express", "EX"),), taxes=VAT
	)
	found = suggestions(stage.client)
	assert [(tax.title, tax.rate) for tax in found.taxes] == [
		("VAT", Decimal(19)),
		("State Tax", Decimal("6.25")),
		("City Tax", Decimal("1.5")),
	]
	assert found.taxes[0].example == f"Order {last.name}"
	assert SuggestedShipping("EX", "Express", f"Order {last.name}") == found.shipping[0]
	assert len(found.shipping) == 2
	assert found.notes == ()


def test_gateways_that_orders_were_paid_by() -> None:
	paid = {"taxLines": [], "shippingLines": {"nodes": []}}
	orders = [
		{**paid, "name": "#2", "paymentGatewayNames": ["gift_card", "shopify_payments"]},
		{**paid, "name": "#1", "paymentGatewayNames": ["shopify_payments", ""]},
	]
	found = suggestions(shop(answer({"orders": {"nodes": orders}}), answer({"locations": NOTHING})).client)
	assert found.gateways == (
		SuggestedGateway("gift_card", example="Order #2"),
		SuggestedGateway("shopify_payments", example="Order #2"),
	)


def test_active_locations_with_the_numbers_the_table_takes() -> None:
	stage = Stage()
	places = list(stage.shop.locations.values())
	places[-1].active = False
	found = suggestions(stage.client).locations
	assert found == tuple(SuggestedLocation(str(each.id), each.name) for each in places[:-1])


def test_a_shop_without_orders_says_why_there_is_nothing() -> None:
	found = suggestions(Stage().client)
	assert (found.taxes, found.shipping, found.notes) == ((), (), (NO_ORDERS,))


def test_a_tax_the_marketplace_pays_has_its_code() -> None:
	tax = {"title": "Sales Tax", "rate": 0.08875, "channelLiable": True}
	line = {
		"code": None,
		"title": "",
		"taxLines": [{**tax, "title": "", "rate": None, "channelLiable": None}],
	}
	order = {"name": "#1", "taxLines": [tax], "shippingLines": {"nodes": [line]}, "paymentGatewayNames": []}
	found = suggestions(shop(answer({"orders": {"nodes": [order]}}), answer({"locations": NOTHING})).client)
	assert found.taxes == (
		SuggestedTax("Sales Tax", "channel_liable", Decimal("8.875"), "Order #1"),
		SuggestedTax("Tax", None, None, "Order #1"),
	)
	assert found.shipping == (), "what has no name can have no row"


def test_what_the_app_may_not_read_is_left_out_and_told_of() -> None:
	orders = answer(None, [denied("orders", "read_orders")])
	locations = answer(None, [denied("locations", "read_locations")])
	found = suggestions(shop(orders, locations).client)
	assert (found.taxes, found.shipping, found.locations) == ((), (), ())
	assert ["read_orders" in found.notes[0], "read_locations" in found.notes[1]] == [True, True]


def test_an_outage_is_no_empty_shop() -> None:
	with pytest.raises(Retryable):
		suggestions(shop(Retryable("No answer")).client)
