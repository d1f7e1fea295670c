"""Taxes and shipping methods as WooCommerce lists them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from commerce_bridge.bridge.errors import Misconfigured, Retryable
from commerce_bridge.bridge.protocols import SuggestedGateway, SuggestedShipping, SuggestedTax
from commerce_bridge.connectors.woocommerce.suggestions import TAX_PAGES, ZONES, suggestions
from tests.connectors.woocommerce_shop import Shop, answer, captured, shop


def rate(name: str, percent: str = "19.0000", **values: Any) -> dict[str, Any]:
	base = {"id": 1, "country": "DE", "state": "", "priority": 1, "class": "standard"}
	return {**base, "name": name, "rate": percent, **values}


def method(instance: int, kind: str, title: str, enabled: bool = True) -> dict[str, Any]:
	return {"instance_id": instance, "method_id": kind, "title": title, "enabled": enabled}


def tea_shop(rates: list[Any], *zones: tuple[str, list[Any]]) -> Shop:
	named = [{"id": number, "name": name} for number, (name, _) in enumerate(zones)]
	return shop(answer(rates), answer(named), *(answer(methods) for _, methods in zones), answer([]))


def test_a_tax_is_met_once_however_many_countries_charge_it() -> None:
	found = suggestions(
		tea_shop(
			[rate("VAT &amp; more"), rate("VAT &amp; more", country="AT"), rate("VAT &amp; more", "7.5000")]
		).client
	)
	assert found.taxes == (
		SuggestedTax("VAT & more", None, Decimal(19), "DE, standard rate"),
		SuggestedTax("VAT & more", None, Decimal("7.5"), "DE, standard rate"),
	)


def test_a_rate_of_twenty_is_written_as_people_write_it() -> None:
	assert str(suggestions(tea_shop([rate("VAT", "20.0000")]).client).taxes[0].rate) == "20"


def test_a_rate_without_a_name_is_known_by_its_code() -> None:
	"""`WC_Tax::get_rate_code`: country, state, TAX, priority; what is empty is left out."""
	rows = [rate("", country="us", state="ny", priority=2), rate("", country="", **{"class": "reduced-rate"})]
	found = suggestions(tea_shop(rows).client).taxes
	assert [(tax.title, tax.code) for tax in found] == [(None, "US-NY-TAX-2"), (None, "TAX-1")]
	assert [tax.example for tax in found] == ["us-ny, standard rate", "Everywhere, reduced rate"]


@pytest.mark.parametrize("written", ["", "many", None])
def test_a_rate_that_is_no_number_matches_every_rate(written: Any) -> None:
	assert suggestions(tea_shop([rate("VAT", written)]).client).taxes[0].rate is None


def test_methods_that_are_switched_on_are_named_as_orders_name_them() -> None:
	germany = [method(1, "flat_rate", "Post"), method(2, "local_pickup", "Pick up", enabled=False)]
	found = suggestions(tea_shop([], ("", [method(4, "free_shipping", "")]), ("Germany", germany)).client)
	assert found.shipping == (
		SuggestedShipping("free_shipping:4", None, "Everywhere else"),
		SuggestedShipping("flat_rate:1", "Post", "Zone Germany"),
	)
	assert (found.taxes, found.locations, found.notes) == ((), (), ())


def gateway(name: str, title: Any = "Card", enabled: Any = True) -> dict[str, Any]:
	return {"id": name, "title": title, "method_title": "Stripe", "enabled": enabled}


def test_ways_to_pay_that_are_switched_on_are_named_as_orders_name_them() -> None:
	rows = [
		gateway("stripe"),
		gateway("cod", None),
		gateway("cheque", enabled=False),
		gateway("", "Nameless"),
	]
	tea = shop(answer([]), answer([]), answer(rows))
	assert suggestions(tea.client).gateways == (
		SuggestedGateway("stripe", "Card", "Stripe"),
		SuggestedGateway("cod", None, "Stripe"),
	)
	assert tea.sent[-1][1].endswith("/wc/v3/payment_gateways")


def test_taxes_are_read_page_by_page_up_to_a_limit() -> None:
	pages = [answer([rate(f"VAT {page}-{row}") for row in range(100)]) for page in range(TAX_PAGES)]
	tea = shop(*pages, answer([]))
	assert len(suggestions(tea.client).taxes) == 100 * TAX_PAGES
	assert [query["page"] for _, url, query, _ in tea.sent if url.endswith("/taxes")][-1] == [str(TAX_PAGES)]


def test_of_very_many_zones_the_first_are_read_and_a_note_says_so() -> None:
	zones = [(f"Zone {number}", [method(number, "flat_rate", "Post")]) for number in range(ZONES + 1)]
	found = suggestions(tea_shop([], *zones).client)
	assert (len(found.shipping), len(found.notes)) == (ZONES, 1)


def test_a_key_that_may_not_read_them_is_told_of() -> None:
	with pytest.raises(Misconfigured):
		suggestions(shop(captured("error_401_bad_key_basic")).client)
	with pytest.raises(Retryable):
		suggestions(shop(captured("error_503_maintenance")).client)
