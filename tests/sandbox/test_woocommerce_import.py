"""Products of a WooCommerce shop as listings and Items: those without variations have no variant id."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from commerce_bridge.bridge.channel import CatalogPolicy
from commerce_bridge.connectors.woocommerce import product_export
from commerce_bridge.connectors.woocommerce.product_export import products
from tests.connectors.woocommerce_catalog_shop import CatalogShop
from tests.sandbox.stage import CHANNEL, Stage

POLICY = CatalogPolicy(item_group="Products")


@pytest.fixture
def stage() -> Iterator[Stage]:
	stage = Stage()
	stage.channel = stage.channel.model_copy(update={"catalog": POLICY})
	stage.settle()
	yield stage
	stage.close()


@pytest.fixture
def shop() -> CatalogShop:
	return CatalogShop()


def take(stage: Stage, shop: CatalogShop, create: bool = True, **options: bool) -> dict[str, str | None]:
	"""Imports all pages; why each product was left, by SKU or id."""
	left: dict[str, str | None] = {}
	cursor = None
	while True:
		page = products(shop.client, cursor)
		with stage.sandbox.erp.transaction():
			results = stage.sandbox.erp.link_products(stage.channel, page.products, create, **options)
		left |= {row.sku or row.variant_id: row.error for row in results if row.error}
		cursor = page.cursor
		if cursor is None:
			return left


def rows(stage: Stage) -> list[dict[str, Any]]:
	found = stage.sandbox.database.read("select * from listings where product_id is not null order by name")
	return [{name: value for name, value in dict(row).items() if name != "shown_at"} for row in found]


def ids(stage: Stage) -> dict[str, tuple[str, str | None]]:
	"""SKU → product and variant."""
	return {row["sku"]: (row["product_id"], row["variant_id"]) for row in rows(stage)}


def test_listings_have_the_ids_that_orders_name(stage: Stage, shop: CatalogShop) -> None:
	simple = shop.add("TEA")
	parent = shop.add(type="variable", attributes=[{"id": 0, "name": "Size", "variation": True}])
	variation = shop.add("V", parent, attributes=[{"id": 0, "name": "Size", "option": "S"}])
	assert take(stage, shop) == {}
	assert ids(stage) == {"TEA": (str(simple), None), "V": (str(parent), str(variation))}


def test_again_it_changes_nothing(stage: Stage, shop: CatalogShop) -> None:
	shop.add("TEA")
	shop.add()
	take(stage, shop)
	before = rows(stage)
	assert len(before) == 2
	assert take(stage, shop) == {} and rows(stage) == before


def test_products_without_a_sku_become_an_item_each_with_its_own_price(
	stage: Stage, shop: CatalogShop
) -> None:
	numbers = [shop.add(regular_price=price, price=price) for price in ("3.00", "5.00")]
	take(stage, shop, prices=True)
	codes = [f"{CHANNEL}-{number}" for number in numbers]
	assert sorted(row["item_code"] for row in rows(stage)) == codes
	kept = stage.sandbox.database.read("select * from item_prices where item_code in (?, ?)", *codes)
	assert sorted(tuple(row)[1] for row in kept) == ["3.00", "5.00"]


def test_a_listing_without_ids_gets_them(stage: Stage, shop: CatalogShop) -> None:
	stage.sandbox.make_item("TEA")
	stage.sandbox.make_listing(CHANNEL, "TEA")
	number = shop.add("TEA")
	take(stage, shop, create=False)
	assert ids(stage) == {"TEA": (str(number), None)}


def test_a_barcode_does_not_take_another_products_listing(stage: Stage, shop: CatalogShop) -> None:
	stage.sandbox.make_item("TEA", barcode="4006381333931")
	first = shop.add("TEA")
	take(stage, shop)
	shop.add("OTHER", global_unique_id="4006381333931")
	left = take(stage, shop)
	assert f"listed as product {first}" in (left["OTHER"] or "")
	assert ids(stage) == {"TEA": (str(first), None)}


def test_a_sku_that_moved_to_another_product_is_for_a_person_unless_the_first_is_gone(
	stage: Stage, shop: CatalogShop
) -> None:
	first = shop.add("TEA")
	take(stage, shop)
	shop.products[first]["sku"] = "OLD"
	second = shop.add("TEA")
	left = take(stage, shop)
	assert f"listed as product {first}" in (left["TEA"] or "") and ids(stage)["TEA"][0] == str(first)
	del shop.products[first]
	with stage.sandbox.erp.transaction():
		assert stage.sandbox.erp.mark_deleted(CHANNEL, str(first)) == 1
	assert take(stage, shop) == {}
	assert ids(stage)["TEA"] == (str(second), None)


def test_a_product_that_got_variations_hands_its_listing_to_the_one_with_its_sku(
	stage: Stage, shop: CatalogShop
) -> None:
	number = shop.add("TEA")
	take(stage, shop)
	shop.products[number] |= {
		"type": "variable",
		"sku": "",
		"attributes": [{"id": 0, "name": "Size", "variation": True}],
	}
	variation = shop.add("TEA", number, attributes=[{"id": 0, "name": "Size", "option": "S"}])
	assert take(stage, shop) == {}
	assert ids(stage) == {"TEA": (str(number), str(variation))}


def test_what_is_not_sold_here_becomes_no_item_and_says_why(stage: Stage, shop: CatalogShop) -> None:
	grouped, external = shop.add(type="grouped"), shop.add("AFFILIATE", type="external")
	left = take(stage, shop)
	assert "grouped product is no goods" in (left[str(grouped)] or "")
	assert "leads to another shop" in (left["AFFILIATE"] or "")
	assert rows(stage) == [] and external


def test_what_is_not_sold_here_is_linked_to_an_item_that_is_there(stage: Stage, shop: CatalogShop) -> None:
	"""Somebody made it on purpose."""
	stage.sandbox.make_item("SET")
	number = shop.add("SET", type="grouped")
	assert take(stage, shop) == {} and ids(stage) == {"SET": (str(number), None)}


def test_a_page_that_is_taken_twice_after_a_worker_died(
	stage: Stage, shop: CatalogShop, monkeypatch: pytest.MonkeyPatch
) -> None:
	monkeypatch.setattr(product_export, "PRODUCTS_PER_PAGE", 2)
	for place in range(5):
		shop.add(f"P{place}")
	first = products(shop.client, None)
	for _ in range(2):
		with stage.sandbox.erp.transaction():
			stage.sandbox.erp.link_products(stage.channel, first.products, True)
	take(stage, shop)
	assert sorted(ids(stage)) == [f"P{place}" for place in range(5)]
