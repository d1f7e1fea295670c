"""Products of WooCommerce: simple ones, variable ones, and variations that come alone."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from commerce_bridge.bridge import model
from commerce_bridge.connectors.woocommerce import products
from tests.connectors.test_woocommerce_mapper import captured, parsed


def test_a_simple_product_is_its_own_variant() -> None:
	event = parsed("product.created", captured("product_created_webhook"))
	found = event.data
	assert isinstance(found, model.Product) and not event.incomplete
	[variant] = found.variants
	assert (found.id, variant.listed_id, variant.sku, variant.price) == ("21", None, "FRESH-1", Decimal(1))
	assert (found.title, found.published, found.partial) == ("Fresh", True, False)


def test_a_variable_product_names_only_the_ids_of_its_variations() -> None:
	event = parsed("product.updated", captured("product_variable"))
	found = event.data
	assert event.incomplete
	assert isinstance(found, model.Product) and (found.variants, found.partial) == ((), True)


def test_a_variable_product_with_its_variations() -> None:
	rows = captured("variations_list")
	found = products.to_product(captured("product_variable"), rows, "EUR", "kg")
	assert (found.option_names, found.partial) == (("Size",), False)
	assert {row.options["Size"]: (row.id, row.listed_id) for row in found.variants} == {
		row["attributes"][0]["option"]: (str(row["id"]), str(row["id"])) for row in rows
	}


def test_a_variation_is_a_part_of_its_product() -> None:
	"""A sale sends one, with no word of the product's other variations."""
	event = parsed("product.updated", captured("product_updated_by_sale_webhook"))
	found = event.data
	assert isinstance(found, model.Product) and not event.incomplete
	[variant] = found.variants
	assert (found.id, found.partial, variant.id, variant.sku) == ("15", True, "17", "VAR-1-M")
	assert variant.options == {"Size": "M"}


def test_a_variation_whose_stock_is_its_product_s_is_read() -> None:
	[variant] = products.to_product(captured("variation_manage_stock_parent")).variants
	assert (variant.id, variant.tracked) == ("17", True)


def product(**changes: Any) -> model.Product:
	return products.to_product({**captured("product_simple"), **changes}, None, "EUR", "g")


def test_prices_regular_and_sale() -> None:
	[regular] = product(regular_price="10", price="10", sale_price="", on_sale=False).variants
	[sale] = product(regular_price="10", price="7.50", sale_price="7.50", on_sale=True).variants
	[later] = product(regular_price="10", price="10", sale_price="7.50", on_sale=False).variants
	[none] = product(regular_price="", price="", sale_price="", on_sale=False).variants
	assert [(row.price, row.compare_at) for row in (regular, sale, later, none)] == [
		(Decimal(10), None),
		(Decimal("7.50"), Decimal(10)),
		(Decimal(10), None),
		(None, None),
	]


def test_what_else_a_product_says() -> None:
	found = product(
		weight="250",
		global_unique_id="4006381333931",
		brands=[{"id": 1, "name": "Bodum"}],
		categories=[{"id": 2, "name": "Cups"}, {"id": 3, "name": "Sale"}],
		images=[{"id": 1, "src": "https://shop.example/1.png"}, {"id": 2, "src": ""}],
		status="draft",
	)
	[variant] = found.variants
	assert (variant.weight, variant.weight_uom, variant.barcode) == (Decimal(250), "Gram", "4006381333931")
	assert (found.brand, found.product_type, found.published) == ("Bodum", "Cups", False)
	assert found.images == ("https://shop.example/1.png",)
	assert found.currency == "EUR"


@pytest.mark.parametrize("kind", ["grouped", "external"])
def test_of_some_products_nothing_is_sold_here(kind: str) -> None:
	found = product(type=kind)
	assert found.left_out and "no goods" in found.left_out
	assert [row.tracked for row in found.variants] == [False]


@pytest.mark.parametrize(
	("kind", "incomplete"), [("subscription", False), ("variable-subscription", True), ("bundle", False)]
)
def test_types_of_extensions_are_simple_or_variable(kind: str, incomplete: bool) -> None:
	assert parsed("product.updated", {**captured("product_simple"), "type": kind}).incomplete is incomplete


def test_what_needs_no_shipping_is_not_kept_in_stock() -> None:
	assert [row.tracked for row in product(virtual=True).variants] == [False]
	assert [row.tracked for row in product(manage_stock=False).variants] == [True]
