"""Which of the shop's taxes, shipping methods and locations a channel's tables say nothing of."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from commerce_bridge.bridge.channel import Channel, PaymentMap, ShippingMap, TaxMap, WarehouseMap
from commerce_bridge.bridge.protocols import (
	SuggestedGateway,
	SuggestedLocation,
	SuggestedShipping,
	SuggestedTax,
	Suggestions,
)
from commerce_bridge.bridge.suggestions import lacking

VAT = SuggestedTax("VAT", rate=Decimal(19))
REDUCED = SuggestedTax("VAT", rate=Decimal(7))
POST = SuggestedShipping("flat_rate:1", "Post")
HALL = SuggestedLocation("1", "Hall")
SEPA = SuggestedGateway("stripe_sepa", "SEPA")
FOUND = Suggestions((VAT, REDUCED), (POST,), (HALL,), ("a note",), (SEPA,))


def channel(**tables: Any) -> Channel:
	values = {
		"name": "Tea",
		"platform": "custom",
		"company": "C",
		"company_currency": "EUR",
		"currency": "EUR",
	}
	return Channel(**values, **tables)


def tax(**values: Any) -> TaxMap:
	return TaxMap(account="VAT - C", **values)


def test_an_empty_channel_lacks_all_of_it() -> None:
	assert lacking(channel(), FOUND) == FOUND


def test_what_has_a_row_is_left_out() -> None:
	rows = {
		"taxes": (tax(title="VAT", rate=Decimal("7.00")),),
		"shipping": (ShippingMap(method="Post", account="Freight"),),
		"warehouses": (WarehouseMap(warehouse="Hall - C", location_id="1"),),
		"payments": (PaymentMap(gateway="Stripe*", currency="USD", account="Stripe - C"),),
	}
	assert lacking(channel(**rows), FOUND) == Suggestions((VAT,), notes=("a note",))


def test_a_row_without_a_rate_stands_for_every_rate_of_its_name() -> None:
	assert lacking(channel(taxes=(tax(title="VAT"),)), FOUND).taxes == ()


@pytest.mark.parametrize("row", [{}, {"title": "*"}, {"title": "*", "code": "*"}])
def test_a_row_that_stands_for_all_covers_and_is_no_row_of_its_own(row: dict[str, str]) -> None:
	found = lacking(channel(taxes=(tax(**row),)), FOUND).taxes
	assert [(each.rate, each.covered) for each in found] == [(Decimal(19), True), (Decimal(7), True)]


def test_the_same_of_shipping() -> None:
	rows = (ShippingMap(method="*", item="Freight"),)
	assert [each.covered for each in lacking(channel(shipping=rows), FOUND).shipping] == [True]
	rows = (*rows, ShippingMap(method="flat_rate:1", item="Freight"))
	assert lacking(channel(shipping=rows), FOUND).shipping == ()


def test_a_row_without_a_target_is_no_row() -> None:
	assert lacking(channel(shipping=(ShippingMap(method="Post"),)), FOUND).shipping == (POST,)


def test_the_same_of_gateways() -> None:
	others = PaymentMap(gateway="*", account="Clearing - C")
	found = lacking(channel(payments=(others,)), FOUND).gateways
	assert [(each.gateway, each.covered) for each in found] == [("stripe_sepa", True)]
	rows = (PaymentMap(gateway="stripe"), PaymentMap(gateway="sepa*"))
	assert lacking(channel(payments=rows), FOUND).gateways == (SEPA,)
