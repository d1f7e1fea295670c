"""A shop's products, page by page, with the variations of each."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from commerce_bridge.bridge.errors import Rejected, Retryable
from commerce_bridge.bridge.model import Product
from commerce_bridge.bridge.product_matching import Known, left_without_item, match
from commerce_bridge.connectors.woocommerce import product_export
from commerce_bridge.connectors.woocommerce.product_export import (
	LONGEST_PAGE,
	PRODUCTS_PER_PAGE,
	VARIANTS_PER_PAGE,
	products,
)
from tests.connectors.storefront import json_answer
from tests.connectors.woocommerce_catalog_shop import Call, CatalogShop


@pytest.fixture
def shop() -> CatalogShop:
	return CatalogShop()


def size_of(*values: str) -> list[dict[str, Any]]:
	return [{"id": 0, "name": "Size", "variation": True, "visible": True, "options": list(values)}]


def option(value: str, **values: Any) -> dict[str, Any]:
	return {"attributes": [{"id": 0, "name": "Size", "option": value}], **values}


def all_of(shop: CatalogShop) -> list[Product]:
	"""Everything, each page asked for by a unit of work of its own."""
	found: list[Product] = []
	page = products(shop.client, None)
	while True:
		found += page.products
		if page.cursor is None:
			return found
		page = products(shop.client, page.cursor)


def test_a_simple_product_with_all_that_is_taken_of_it(shop: CatalogShop) -> None:
	number = shop.add(
		"TEA",
		name="Tea &amp; Milk",
		description="<p>Good</p>",
		price="9.50",
		regular_price="12",
		sale_price="9.50",
		on_sale=True,
		weight="0.25",
		global_unique_id="4006381333931",
		brands=[{"id": 1, "name": "Pear &amp; Co"}],
		categories=[{"id": 2, "name": "Teas"}, {"id": 3, "name": "Gifts"}],
		images=[
			{"id": 5, "src": "https://shop.example/a.jpg"},
			{"id": 6, "src": "https://shop.example/b.jpg"},
		],
	)
	[product] = products(shop.client, None).products
	assert product.id == str(number)
	assert (product.title, product.description) == ("Tea & Milk", "<p>Good</p>")
	assert (product.brand, product.product_type, product.currency) == ("Pear & Co", "Teas", "EUR")
	assert product.images == ("https://shop.example/a.jpg", "https://shop.example/b.jpg")
	[variant] = product.variants
	assert (variant.sku, variant.barcode, variant.options) == ("TEA", "4006381333931", {})
	assert (variant.price, variant.compare_at) == (Decimal("9.50"), Decimal("12"))
	assert (variant.weight, variant.weight_uom, variant.tracked) == (Decimal("0.25"), "Kg", True)


def test_a_product_without_variations_is_listed_without_a_variant_id(shop: CatalogShop) -> None:
	"""So do orders name it; and two of them without a SKU are told apart."""
	first, second = shop.add(), shop.add()
	found = all_of(shop)
	assert [row.variants[0].listed_id for row in found] == [None, None]
	assert [row.variants[0].id for row in found] == [str(first), str(second)]


def test_variations_come_with_their_product_by_id(shop: CatalogShop) -> None:
	parent = shop.add("SHIRT", type="variable", name="Shirt", attributes=size_of("S", "M"))
	shop.add("SHIRT-M", parent, **option("M", price="5", regular_price="5"))
	shop.add("SHIRT-S", parent, **option("S", image={"id": 9, "src": "https://shop.example/s.jpg"}))
	[product] = all_of(shop)
	assert product.option_names == ("Size",)
	assert [(row.sku, row.options, row.title) for row in product.variants] == [
		("SHIRT-M", {"Size": "M"}, "M"),
		("SHIRT-S", {"Size": "S"}, "S"),
	]
	assert product.variants[1].image == "https://shop.example/s.jpg"
	assert [row.listed_id for row in product.variants] == [row.id for row in product.variants]


def test_more_variations_than_one_call_gives(shop: CatalogShop) -> None:
	parent = shop.add(type="variable", attributes=size_of("S"))
	for place in range(205):
		shop.add(f"V{place}", parent, **option("S"))
	[product] = all_of(shop)
	assert [row.sku for row in product.variants] == [f"V{place}" for place in range(205)]


def test_what_is_not_public_says_so(shop: CatalogShop) -> None:
	for status in ("publish", "draft", "private", "pending"):
		shop.add(status=status)
	assert [row.published for row in all_of(shop)] == [True, False, False, False]


@pytest.mark.parametrize("kind", ["grouped", "external"])
def test_what_is_not_sold_here_is_told_of_and_becomes_no_item(shop: CatalogShop, kind: str) -> None:
	shop.add("SET", type=kind, name="A set")
	[product] = all_of(shop)
	[variant] = product.variants
	assert not variant.tracked
	assert kind in left_without_item(product, variant)
	assert match(product, variant, Known()).action == "missing"


def test_goods_that_need_no_shipping_are_not_kept_in_stock(shop: CatalogShop) -> None:
	shop.add("EBOOK", virtual=True)
	[product] = all_of(shop)
	assert not product.variants[0].tracked and product.left_out is None


def test_a_product_that_cannot_be_read_is_told_of_and_keeps_no_other_from_coming(shop: CatalogShop) -> None:
	shop.add("BROKEN", regular_price="a lot")
	shop.add("TEA")
	broken, tea = all_of(shop)
	assert "regular_price" in left_without_item(broken, broken.variants[0])
	assert broken.partial and tea.left_out is None


# --- pages -----------------------------------------------------------------------------------------------------


def test_a_page_is_one_call_for_products_without_variations(shop: CatalogShop) -> None:
	for place in range(2 * PRODUCTS_PER_PAGE):
		shop.add(f"P{place}")
	first = products(shop.client, None)
	assert len(shop.calls) == 1
	assert (len(first.products), first.done, first.total) == (PRODUCTS_PER_PAGE, PRODUCTS_PER_PAGE, 200)
	assert [row.variants[0].sku for row in all_of(shop)] == [f"P{place}" for place in range(200)]


def test_only_what_is_needed_is_asked_for(shop: CatalogShop) -> None:
	"""Prices as HTML and related products take a shop long to work out."""
	products(shop.client, None)
	asked = shop.calls[0].query["_fields"].split(",")
	assert (
		"price_html" not in asked
		and "related_ids" not in asked
		and {"sku", "meta_data"} & set(asked) == {"sku"}
	)


def test_a_page_ends_when_it_has_many_variants(shop: CatalogShop) -> None:
	for place in range(4):
		parent = shop.add(type="variable", attributes=size_of("S"))
		for other in range(100):
			shop.add(f"{place}-{other}", parent, **option("S"))
	page = products(shop.client, None)
	assert sum(len(row.variants) for row in page.products) == 300 >= VARIANTS_PER_PAGE
	assert [len(row.variants) for row in products(shop.client, page.cursor).products] == [100]


def test_a_page_ends_in_time_with_one_product_at_least(shop: CatalogShop) -> None:
	for place in range(3):
		parent = shop.add(type="variable", attributes=size_of("S"))
		shop.add(f"V{place}", parent, **option("S"))
	shop.takes = LONGEST_PAGE + timedelta(seconds=1)
	page = products(shop.client, None)
	assert len(page.products) == 1 and page.cursor
	assert len(all_of(shop)) == 3


def test_the_same_page_is_read_again_after_a_worker_died(shop: CatalogShop) -> None:
	for place in range(PRODUCTS_PER_PAGE + 5):
		shop.add(f"P{place}")
	cursor = products(shop.client, None).cursor
	assert products(shop.client, cursor) == products(shop.client, cursor)


@pytest.mark.parametrize("deleted", [1, 30, 99, 150])
def test_products_that_are_deleted_meanwhile_hide_no_others(shop: CatalogShop, deleted: int) -> None:
	numbers = [shop.add(f"P{place}") for place in range(300)]
	page = products(shop.client, None)
	page = products(shop.client, page.cursor)
	seen = {row.id for row in page.products} | {str(number) for number in numbers[:100]}
	for number in numbers[:deleted]:
		del shop.products[number]
	while page.cursor:
		page = products(shop.client, page.cursor)
		assert not seen & {row.id for row in page.products}
		seen |= {row.id for row in page.products}
	assert seen == set(map(str, numbers))


def test_everything_behind_a_position_deleted_is_the_end(shop: CatalogShop) -> None:
	numbers = [shop.add() for _ in range(150)]
	cursor = products(shop.client, None).cursor
	for number in numbers:
		del shop.products[number]
	page = products(shop.client, cursor)
	assert page.products == () and page.cursor is None


def test_older_products_that_come_back_do_not_end_the_walk(shop: CatalogShop) -> None:
	for _ in range(150):
		shop.products[shop.add()]["status"] = "trash"
	numbers = [shop.add() for _ in range(250)]
	cursor = products(shop.client, None).cursor
	for row in shop.products.values():  # 150 older ones are restored
		row["status"] = "publish"
	rest: list[str] = []
	while cursor:
		page = products(shop.client, cursor)
		rest += [row.id for row in page.products]
		cursor = page.cursor
	assert rest == [str(number) for number in numbers[100:]]


def test_a_product_that_is_deleted_between_two_calls_is_left_out(shop: CatalogShop) -> None:
	parent = shop.add(type="variable", attributes=size_of("S"))
	shop.add("TEA")
	gone = {"code": "woocommerce_rest_product_invalid_id", "message": "Invalid ID.", "data": {"status": 404}}

	def before(call: Call) -> Any:
		return json_answer(gone, 404) if call.path == f"products/{parent}/variations" else None

	shop.before = before
	assert [row.variants[0].sku for row in all_of(shop)] == ["TEA"]


def test_a_shop_that_lists_in_another_order_is_told_of(shop: CatalogShop) -> None:
	rows = [{"id": 7, "type": "simple"}, {"id": 3, "type": "simple"}]
	shop.before = lambda call: json_answer(rows)
	with pytest.raises(Rejected, match="a plugin changes the order"):
		products(shop.client, None)


def test_a_cache_that_gives_the_same_page_again_is_told_of(shop: CatalogShop) -> None:
	for _ in range(2 * PRODUCTS_PER_PAGE):
		shop.add()
	page = shop.client.get("products", orderby="id", order="asc", per_page=PRODUCTS_PER_PAGE)
	cursor = products(shop.client, None).cursor
	shop.before = lambda call: json_answer(page)
	with pytest.raises(Retryable, match="same page of products twice"):
		products(shop.client, cursor)


@pytest.mark.parametrize("body", [{"products": []}, [{"name": "no id"}], ["text"]])
def test_an_answer_that_is_no_list_of_products_is_asked_for_again(shop: CatalogShop, body: Any) -> None:
	shop.before = lambda call: json_answer(body)
	with pytest.raises(Retryable):
		products(shop.client, None)


def test_a_position_that_is_none_is_refused(shop: CatalogShop) -> None:
	with pytest.raises(Rejected, match="begin anew"):
		products(shop.client, "gid://42")
	assert not shop.calls


def test_an_empty_shop_is_an_end(shop: CatalogShop) -> None:
	page = products(shop.client, None)
	assert (page.products, page.cursor, page.total) == ((), None, 0)


def test_pages_fit_one_transaction_of_the_engine() -> None:
	from commerce_bridge.bridge.product_import import MOST_VARIANTS

	assert product_export.VARIANTS_PER_PAGE <= MOST_VARIANTS
