"""Listings and prices into a shop: what is ours is written, what others added stays."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from commerce_bridge.bridge.channel import CatalogPolicy, EventPolicy
from commerce_bridge.bridge.errors import Rejected, Retryable
from commerce_bridge.bridge.model import Customer, Listing, OrderChange, OrderStatus, Price, ShipmentLine
from commerce_bridge.bridge.protocols import PushResult
from commerce_bridge.connectors.shopify import catalog, order_changes, pricing
from commerce_bridge.connectors.shopify.publishing import Publisher
from sandbox.storefronts.shopify import ACCESS_TOKEN
from sandbox.storefronts.shopify.goods import Product, Publication, Variant
from sandbox.storefronts.shopify.service import Access
from tests.connectors.shopify_shop import CHANNEL, answer, shop
from tests.connectors.shopify_simulated import Stage
from tests.connectors.storefront import NOW


@pytest.fixture
def stage() -> Stage:
	return Stage()


def price_of(variant: Variant, amount: Any = "9.50", **values: Any) -> Price:
	return Price(
		**{
			"listing": f"L-{variant.sku}",
			"item_code": variant.sku,
			"sku": variant.sku,
			"product_id": str(variant.product.id),
			"variant_id": str(variant.id),
			"currency": "EUR",
			"amount": None if amount is None else Decimal(amount),
			**values,
		}
	)


def push_prices(stage: Stage, *prices: Price) -> list[PushResult]:
	return pricing.push(stage.client, stage.channel, prices)


# --- prices ---


def test_prices_go_in_one_call_for_each_product(stage: Stage) -> None:
	small = stage.shop.add_product("S", options={"Size": "S"})
	large = stage.shop.add_product("L", options={"Size": "L"}, product=small.product)
	other = stage.shop.add_product("X")
	results = push_prices(stage, price_of(small, "9.5"), price_of(other, "1"), price_of(large, "12"))
	assert [(result.key, result.error) for result in results] == [("L-S", None), ("L-X", None), ("L-L", None)]
	assert [each.price for each in (small, large, other)] == [
		Decimal("9.50"),
		Decimal("12.00"),
		Decimal("1.00"),
	]
	assert stage.fields == ["productVariantsBulkUpdate"] * 2


@pytest.mark.parametrize(("currency", "written"), [("EUR", "10.01"), ("JPY", "10"), ("KWD", "10.005")])
def test_amounts_have_the_decimals_of_the_currency(stage: Stage, currency: str, written: str) -> None:
	stage.changes = {"currency": currency}
	push_prices(stage, price_of(stage.shop.add_product("A"), "10.005", currency=currency))
	assert stage.shop.calls[-1].variables["variants"][0]["price"] == written


def test_without_a_price_the_shop_keeps_its_own(stage: Stage) -> None:
	variant = stage.shop.add_product("A", Decimal("7.00"))
	result = push_prices(stage, price_of(variant, None))[0]
	assert "No price for A" in (result.error or "")
	assert (variant.price, stage.fields) == (Decimal("7.00"), [])


def test_a_price_of_another_currency_is_refused(stage: Stage) -> None:
	result = push_prices(stage, price_of(stage.shop.add_product("A"), currency="USD"))[0]
	assert "in USD, the shop sells in EUR" in (result.error or "")


def test_what_it_cost_before(stage: Stage) -> None:
	stage.changes = {"catalog": CatalogPolicy(compare_at_list="Before")}
	variant = stage.shop.add_product("A")
	push_prices(stage, price_of(variant, compare_at=Decimal(20)))
	assert variant.compare_at == Decimal("20.00")
	push_prices(stage, price_of(variant))
	assert variant.compare_at is None


def test_what_it_cost_before_stays_where_nobody_here_knows(stage: Stage) -> None:
	variant = stage.shop.add_product("A", compare_at=Decimal("30.00"))
	push_prices(stage, price_of(variant))
	assert variant.compare_at == Decimal("30.00")


def test_an_error_of_one_variant_is_that_rows(stage: Stage) -> None:
	good = stage.shop.add_product("S", options={"Size": "S"})
	bad = stage.shop.add_product("L", options={"Size": "L"}, product=good.product)
	results = push_prices(stage, price_of(bad, "-1"), price_of(good, "5"))
	assert "greater than or equal to 0" in (results[0].error or "")
	assert (results[1].error, good.price) == (None, Decimal("5.00"))


def test_a_product_that_is_not_known_is_asked_once(stage: Stage) -> None:
	variants = [stage.shop.add_product(sku) for sku in "ABC"]
	stage.shop.delete_product(variants[2].product)
	results = push_prices(stage, *(price_of(each, product_id=None) for each in variants))
	assert stage.fields.count("nodes") == 1
	assert [result.product_id for result in results] == [str(each.product.id) for each in variants[:2]] + [
		None
	]
	assert [bool(result.error) for result in results] == [False, False, True]
	assert variants[0].price == Decimal("9.50")


def test_a_product_that_is_gone_is_every_rows(stage: Stage) -> None:
	variant = stage.shop.add_product("A")
	row = price_of(variant)
	stage.shop.delete_product(variant.product)
	assert "does not exist" in (push_prices(stage, row)[0].error or "")


def test_what_was_taken_before_the_shop_went_away_is_kept(stage: Stage) -> None:
	variants = [stage.shop.add_product(sku) for sku in "ABC"]
	first = stage.client
	stage.shop.fail("503", operation=str(variants[1].product.id))
	results = pricing.push(first, stage.channel, [price_of(each) for each in variants])
	assert [(bool(each.error), each.unsent) for each in results] == [
		(False, False),
		(True, True),
		(True, True),
	]
	stage.shop.fail("503")
	with pytest.raises(Retryable):
		push_prices(stage, price_of(variants[1]))


def slowly(stage: Stage, seconds: int) -> None:
	"""Each call takes so long."""
	moment, handle = [stage.shop.now()], stage.shop.handle

	def handled(*request: Any) -> Any:
		moment[0] += timedelta(seconds=seconds)
		return handle(*request)

	stage.shop.now = lambda: moment[0]  # type: ignore[method-assign]
	stage.shop.handle = handled  # type: ignore[method-assign]


def test_a_slow_shop_gets_the_rest_of_the_prices_in_another_call(stage: Stage) -> None:
	variants = [stage.shop.add_product(f"A{number}") for number in range(10)]
	slowly(stage, 20)
	results = push_prices(stage, *(price_of(each) for each in variants))
	assert [result.unsent for result in results] == [False] * 3 + [True] * 7
	assert stage.fields == ["productVariantsBulkUpdate"] * 3


def test_a_slow_shop_gets_the_rest_of_the_products_in_another_call(stage: Stage) -> None:
	slowly(stage, 20)
	results = push(stage, *(listing(sku) for sku in "ABCDEF"))
	sent = [result for result in results if not result.unsent]
	assert 0 < len(sent) < 6
	assert all(result.product_id for result in sent)
	assert not any(result.product_id for result in results if result.unsent)


# --- new products ---


def listing(code: str = "A", **values: Any) -> Listing:
	texts = {"title": "Phone", "description": "<p>Good</p>"}
	return Listing(**{"listing": f"L-{code}", "item_code": code, "sku": code, **texts, **values})


def shirt(size: str, **values: Any) -> Listing:
	return listing(
		f"SHIRT-{size}",
		**{"title": f"Shirt-{size}", "variant_of": "SHIRT", "attributes": {"Size": size}, **values},
	)


def push(stage: Stage, *listings: Listing) -> list[PushResult]:
	return catalog.push_listings(stage.client, stage.channel, listings)


def only_product(stage: Stage) -> Product:
	(product,) = stage.shop.products.values()
	return product


def test_a_new_product_is_made_in_one_call_and_named(stage: Stage) -> None:
	price = Price(listing="L-A", item_code="A", sku="A", currency="EUR", amount=Decimal("99.9"))
	result = push(
		stage,
		listing(
			brand="Acme",
			item_group="Phones",
			barcodes=("4006381333931", "1"),
			weight=Decimal("0.25"),
			weight_uom="Kg",
			images=("https://erp.example/files/a.jpg",),
			price=price,
		),
	)[0]
	product = only_product(stage)
	variant = product.variants[0]
	assert (result.error, result.product_id, result.variant_id, result.stock_id) == (
		None,
		str(product.id),
		str(variant.id),
		str(variant.inventory_item_id),
	)
	assert (
		product.title,
		product.description_html,
		product.vendor,
		product.product_type,
		product.status,
	) == (
		"Phone",
		"<p>Good</p>",
		"Acme",
		"Phones",
		"ACTIVE",
	)
	assert (variant.sku, variant.barcode, variant.price, variant.tracked) == (
		"A",
		"4006381333931",
		Decimal("99.90"),
		True,
	)
	assert (variant.weight, variant.weight_unit) == (Decimal("0.25"), "KILOGRAMS")
	assert [image.url for image in product.images] == ["https://erp.example/files/a.jpg"]
	assert product.option_names == []
	assert stage.fields == [
		*("productByIdentifier", "productVariants", "productSet"),
		*("publications", "publishablePublish"),
	]


def test_variants_of_a_template_are_one_product_with_options(stage: Stage) -> None:
	results = push(stage, shirt("S"), listing("X"), shirt("M"))
	assert results[0].product_id == results[2].product_id != results[1].product_id
	product = stage.shop.products[int(results[0].product_id or 0)]
	assert (product.title, product.option_names) == ("Shirt", ["Size"])
	assert [(each.sku, each.options) for each in product.variants] == [
		("SHIRT-S", {"Size": "S"}),
		("SHIRT-M", {"Size": "M"}),
	]


def test_a_variant_that_comes_later_joins_its_product(stage: Stage) -> None:
	first = push(stage, shirt("S"))[0]
	later = push(stage, shirt("M"))[0]
	assert (later.error, later.product_id) == (None, first.product_id)
	assert [each.sku for each in only_product(stage).variants] == ["SHIRT-S", "SHIRT-M"]
	assert later.stock_id == str(stage.shop.variant("SHIRT-M").inventory_item_id)


@pytest.mark.parametrize("in_batch", [False, True])
def test_a_variant_joins_a_product_that_the_shop_had_before(stage: Stage, in_batch: bool) -> None:
	"""Imported, so that neither its handle nor its SKUs are ours."""
	theirs = stage.shop.add_product("SHIRT-S", title="Theirs", options={"Size": "S"})
	sibling = {"template_product_id": str(theirs.product.id)}
	others = [shirt("L", **sibling)] if in_batch else []
	results = push(stage, shirt("M", **sibling), *others)
	assert {(each.error, each.product_id) for each in results} == {(None, str(theirs.product.id))}
	skus = [each.sku for each in only_product(stage).variants]
	assert skus == ["SHIRT-S", "SHIRT-M", *(["SHIRT-L"] if in_batch else [])]


def test_a_variant_whose_siblings_are_gone_is_a_new_product(stage: Stage) -> None:
	gone = stage.shop.add_product("SHIRT-S", options={"Size": "S"})
	stage.shop.delete_product(gone.product)
	rows = shirt("M", template_product_id=str(gone.product.id)), shirt("L", published=False)
	results = push(stage, *rows)
	assert (results[0].error, results[0].product_id) == (None, str(only_product(stage).id))


def test_what_is_not_shown_is_not_said_to_be_a_product_that_is_gone(stage: Stage) -> None:
	gone = stage.shop.add_product("SHIRT-S", options={"Size": "S"})
	stage.shop.delete_product(gone.product)
	result = push(stage, shirt("M", template_product_id=str(gone.product.id), published=False))[0]
	assert (result.error, result.product_id) == (None, None)


def test_a_new_variant_that_does_not_fit_keeps_nothing_from_its_siblings(stage: Stage) -> None:
	there = stage.shop.add_product("SHIRT-S", options={"Taille": "S"})
	ids = {"product_id": str(there.product.id), "variant_id": str(there.id)}
	results = push(stage, shirt("S", **ids), shirt("M"))
	assert [each.error is None for each in results] == [True, False]
	assert "Taille" in (results[1].error or "")


def test_a_unit_of_a_variant_joins_no_product(stage: Stage) -> None:
	there = stage.shop.add_product("SHIRT-S", options={"Size": "S"})
	unit = shirt("M", sku="U1", serial_no="SN1", template_product_id=str(there.product.id))
	assert push(stage, unit)[0].product_id != str(there.product.id)


# --- where it is to be seen ---


def test_a_new_product_is_to_be_seen_in_the_online_store_and_nowhere_else(stage: Stage) -> None:
	stage.shop.publications[2] = Publication(2, "Point of Sale", "pos")
	results = push(stage, listing("A"), shirt("S"), shirt("M"))
	assert [product.publications for product in stage.shop.products.values()] == [{1}, {1}]
	assert [result.warning for result in results] == [None, None, None]
	assert stage.fields.count("publications") == 1


def test_an_online_store_is_known_by_its_name_too(stage: Stage) -> None:
	stage.shop.publications = {7: Publication(7, "Online Store", "another-handle")}
	push(stage, listing("A"))
	assert only_product(stage).publications == {7}


def test_a_shop_without_an_online_store(stage: Stage) -> None:
	stage.shop.publications = {2: Publication(2, "Point of Sale", "pos")}
	result = push(stage, listing("A"))[0]
	assert (result.error, only_product(stage).publications) == (None, set())
	assert "no Online Store" in (result.warning or "")


@pytest.mark.parametrize(
	("kept", "lacking"),
	[(["read_publications"], "write_publications"), ([], "read_publications")],
)
def test_without_the_scope_the_product_is_made_and_each_row_says_so(
	stage: Stage, kept: list[str], lacking: str
) -> None:
	granted = frozenset({"read_products", "write_products", *kept})
	stage.shop.tokens[ACCESS_TOKEN] = Access(granted)
	results = push(stage, listing("A"), listing("B"))
	assert [(each.error, bool(each.product_id), bool(each.variant_id)) for each in results] == [
		(None, True, True)
	] * 2
	for result in results:
		assert lacking in (result.warning or "")
		assert "Publish it in Shopify" in (result.warning or "")


def test_a_refused_publication_is_told() -> None:
	store = {"title": "Channel Catalog", "apps": {"nodes": [{"handle": "online_store", "title": "Shop"}]}}
	nodes = [{"id": "gid://shopify/Publication/1", "catalog": store}, {"id": "2", "catalog": None}]
	errors = [{"field": ["id"], "message": "Product is sold by subscription only"}]
	told = shop(
		answer({"publications": {"nodes": nodes}}),
		answer({"publishablePublish": {"userErrors": errors}}),
	)
	assert "by subscription only" in (Publisher(told.client).publish("1") or "")
	assert told.variables[-1]["publications"] == [{"publicationId": "gid://shopify/Publication/1"}]


def test_a_product_whose_publication_failed_is_published_by_the_next_attempt(stage: Stage) -> None:
	stage.shop.fail("503", operation="publishablePublish")
	with pytest.raises(Retryable):
		push(stage, listing("A"))
	assert only_product(stage).publications == set()
	push(stage, listing("A"))
	assert only_product(stage).publications == {1}


def test_what_a_merchant_has_not_published_stays_so(stage: Stage) -> None:
	variant = stage.shop.add_product("A")
	variant.product.publications = set()
	push(stage, listing("A"))
	push(stage, known(variant))
	assert variant.product.publications == set()


def test_a_unit_that_is_sold_on_its_own_is_a_product_of_its_own(stage: Stage) -> None:
	units = [
		shirt("S", listing=f"L-{number}", sku=f"U{number}", serial_no=f"SN{number}") for number in range(2)
	]
	results = push(stage, *units)
	assert [result.error for result in results] == [None, None]
	assert len(stage.shop.products) == 2


def test_an_attempt_whose_answer_was_lost_makes_nothing_twice(stage: Stage) -> None:
	stage.shop.fail("lost", operation="productSet")
	with pytest.raises(Retryable):
		push(stage, shirt("S"), shirt("M"))
	results = push(stage, shirt("S"), shirt("M"))
	assert len(only_product(stage).variants) == 2
	assert all(result.variant_id for result in results)


def test_a_new_variant_whose_answer_was_lost_is_not_made_twice(stage: Stage) -> None:
	push(stage, shirt("S"))
	stage.shop.fail("lost", operation="productVariantsBulkCreate")
	with pytest.raises(Retryable):
		push(stage, shirt("M"))
	assert push(stage, shirt("M"))[0].variant_id == str(stage.shop.variant("SHIRT-M").id)
	assert len(only_product(stage).variants) == 2


def test_a_product_the_shop_has_with_this_sku_is_taken(stage: Stage) -> None:
	variant = stage.shop.add_product("A", title="Theirs")
	result = push(stage, listing("A"))[0]
	assert (result.product_id, result.variant_id) == (str(variant.product.id), str(variant.id))
	assert (len(stage.shop.products), variant.product.title) == (1, "Phone")


def test_a_sku_that_is_not_quite_this_one_is_another(stage: Stage) -> None:
	stage.shop.add_product("A-1")
	push(stage, listing("A"))
	assert len(stage.shop.products) == 2


def test_a_sku_that_the_search_takes_for_the_same_is_not(stage: Stage) -> None:
	"""Shopify's search does not mind upper and lower case."""
	node = {"id": "gid://shopify/ProductVariant/1", "sku": "a", "product": {"id": "gid://shopify/Product/1"}}
	told = shop(
		answer({"productByIdentifier": None, "productVariants": {"nodes": [node]}}),
		answer({"productSet": None}),
	)
	catalog.push_listings(told.client, told.channel, [listing("A")])
	assert ["productSet(" in body["query"] for body in told.bodies] == [False, True]


def test_a_sku_of_several_products_is_for_a_person(stage: Stage) -> None:
	stage.shop.add_product("A", title="One")
	stage.shop.add_product("A", title="Two")
	assert "Several products" in (push(stage, listing("A"))[0].error or "")
	assert len(stage.shop.products) == 2


def test_what_is_not_to_be_shown_is_not_made(stage: Stage) -> None:
	result = push(stage, listing("A", published=False, reason="Paused"))[0]
	assert (result.error, result.product_id, stage.shop.products) == (None, None, {})


def test_a_product_without_a_title_of_ours_is_not_made(stage: Stage) -> None:
	results = push(stage, listing("A", title=None), listing("B"))
	assert "titles are not ours" in (results[0].error or "")
	assert results[1].error is None


def test_more_options_than_shopify_knows(stage: Stage) -> None:
	attributes = {name: "1" for name in ("Size", "Colour", "Grade", "Memory")}
	result = push(stage, listing("A", variant_of="T", attributes=attributes))[0]
	assert "3 options" in (result.error or "")


def test_refurbished_goods_say_what_they_are(stage: Stage) -> None:
	unit = listing(
		"A",
		condition="Refurbished",
		grade="A",
		grade_code="LIKE_NEW",
		warranty_months=12,
		refurbishment_status="Tested",
		serial_no="SN1",
		custom={"Battery Health": "91", "empty": None},
	)
	push(stage, unit)
	metafields = only_product(stage).variants[0].metafields
	assert {
		key: (row.type, row.value)
		for (namespace, key), row in metafields.items()
		if namespace == "commerce_bridge"
	} == {
		"condition": ("single_line_text_field", "Refurbished"),
		"grade": ("single_line_text_field", "A"),
		"grade_code": ("single_line_text_field", "LIKE_NEW"),
		"warranty_months": ("number_integer", "12"),
		"refurbishment_status": ("single_line_text_field", "Tested"),
		"serial_no": ("single_line_text_field", "SN1"),
		"battery_health": ("single_line_text_field", "91"),
		"published": ("boolean", "true"),
	}


# --- products that are there ---


def known(variant: Variant, **values: Any) -> Listing:
	ids = {"product_id": str(variant.product.id), "variant_id": str(variant.id)}
	return listing(variant.sku or "", **{**ids, **values})


def test_what_others_added_stays(stage: Stage) -> None:
	ours = stage.shop.add_product("S", options={"Size": "S"})
	theirs = stage.shop.add_product("L", options={"Size": "L"}, product=ours.product)
	product = ours.product
	product.tags = ["summer"]
	stage.shop.add_image(product, "https://cdn.shopify.com/s/files/1/theirs.jpg")
	order_changes_metafield(stage, product)
	result = push(stage, known(ours, images=("https://erp.example/files/ours.jpg",)))[0]
	assert (result.error, result.stock_id) == (None, str(ours.inventory_item_id))
	assert product.variants == [ours, theirs]
	assert [image.url.rpartition("/")[2] for image in product.images] == ["theirs.jpg", "ours.jpg"]
	assert product.tags == ["summer"]
	assert ("custom", "care") in product.metafields
	assert "productSet" not in stage.fields


def order_changes_metafield(stage: Stage, product: Product) -> None:
	"""Of another app."""
	given = {"ownerId": f"gid://shopify/Product/{product.id}", "namespace": "custom", "key": "care"}
	stage.client.run(
		order_changes.SET_METAFIELDS,
		{"metafields": [{**given, "type": "single_line_text_field", "value": "30°"}]},
	)


def test_what_is_not_ours_is_not_written(stage: Stage) -> None:
	variant = stage.shop.add_product("A", Decimal("7.00"), title="Theirs", barcode="1", weight=Decimal(3))
	variant.product.description_html, variant.product.vendor = "<p>Theirs</p>", "Theirs"
	push(stage, known(variant, title=None, description=None))
	product = variant.product
	assert (product.title, product.description_html, product.vendor) == (
		"Theirs",
		"<p>Theirs</p>",
		"Theirs",
	)
	assert (variant.price, variant.barcode, variant.weight) == (Decimal("7.00"), "1", Decimal(3))


def test_an_image_is_handed_over_once(stage: Stage) -> None:
	url, second = "https://erp.example/files/a.jpg", "https://erp.example/files/b.jpg"
	made = push(stage, listing("A", images=(url,)))[0]
	again = listing("A", product_id=made.product_id, variant_id=made.variant_id, images=(url, second))
	for _ in range(2):
		push(stage, again)
	product = only_product(stage)
	assert [image.url for image in product.images] == [url, second]
	assert json.loads(product.metafields["commerce_bridge", "images"].value) == [url, second]


def test_an_image_that_shopify_renamed_is_not_handed_over_again(stage: Stage) -> None:
	url = "https://erp.example/files/a.jpg"
	made = push(stage, listing("A", images=(url,)))[0]
	product = only_product(stage)
	product.images[0].url = "https://cdn.shopify.com/s/files/1/a_0b1c2d3e.jpg?v=1"
	push(stage, listing("A", product_id=made.product_id, variant_id=made.variant_id, images=(url,)))
	assert len(product.images) == 1


def test_an_image_of_shopifys_own_is_not_handed_back(stage: Stage) -> None:
	variant = stage.shop.add_product("A")
	url = "https://cdn.shopify.com/s/files/1/0001/a.jpg?v=1"
	stage.shop.add_image(variant.product, url)
	push(stage, known(variant, images=(url, "https://erp.example/files/A.jpg")))
	assert len(variant.product.images) == 1


def test_a_listing_that_is_taken_down_and_comes_back(stage: Stage) -> None:
	variant = stage.shop.add_product("A")
	push(stage, known(variant, published=False, reason="Paused"))
	assert variant.product.status == "DRAFT"
	push(stage, known(variant))
	assert variant.product.status == "ACTIVE"


def test_a_product_is_shown_while_one_of_its_variants_is(stage: Stage) -> None:
	made = push(stage, shirt("S"), shirt("M"))
	ids = [{"product_id": each.product_id, "variant_id": each.variant_id} for each in made]
	push(stage, shirt("S", published=False, **ids[0]))
	assert only_product(stage).status == "ACTIVE"
	push(stage, shirt("M", published=False, **ids[1]))
	assert only_product(stage).status == "DRAFT"
	push(stage, shirt("S", **ids[0]))
	assert only_product(stage).status == "ACTIVE"


def test_the_texts_of_a_product_are_those_of_its_first_variant(stage: Stage) -> None:
	made = push(stage, shirt("S"), shirt("M"))
	ids = [{"product_id": each.product_id, "variant_id": each.variant_id} for each in made]
	push(stage, shirt("M", description="of M", **ids[1]))
	assert only_product(stage).description_html == "<p>Good</p>"
	push(stage, shirt("S", description="of S", **ids[0]))
	assert only_product(stage).description_html == "of S"


def test_a_deleted_product_is_told(stage: Stage) -> None:
	variant, other = stage.shop.add_product("A"), stage.shop.add_product("B")
	rows = known(variant), known(other)
	stage.shop.delete_product(variant.product)
	results = push(stage, *rows)
	assert "has deleted product" in (results[0].error or "")
	assert results[1].error is None


def test_a_deleted_variant_is_told_and_its_siblings_go(stage: Stage) -> None:
	there = stage.shop.add_product("S", options={"Size": "S"})
	gone = stage.shop.add_product("M", options={"Size": "M"}, product=there.product)
	rows = known(gone, title="New"), known(there, title="New")
	there.product.variants.remove(gone)
	stage.shop.forget_variant(gone)
	results = push(stage, *rows)
	assert "has deleted variant" in (results[0].error or "")
	assert (results[1].error, there.product.title) == (None, "New")


def test_a_variant_of_other_options_is_for_a_person(stage: Stage) -> None:
	there = stage.shop.add_product("S", options={"Taille": "S"})
	result = push(stage, shirt("M", product_id=str(there.product.id)))[0]
	assert "Taille" in (result.error or "")
	assert there.product.variants == [there]


def test_a_variant_is_known_by_its_options_too(stage: Stage) -> None:
	there = stage.shop.add_product("old-sku", options={"Size": "M"})
	result = push(stage, shirt("M", product_id=str(there.product.id)))[0]
	assert (result.variant_id, there.sku) == (str(there.id), "SHIRT-M")


def test_a_variant_is_known_by_its_sku_before_its_options(stage: Stage) -> None:
	there = stage.shop.add_product("SHIRT-M", options={"Size": "Medium"})
	other = stage.shop.add_product("x", options={"Size": "M"}, product=there.product)
	result = push(stage, shirt("M", product_id=str(there.product.id)))[0]
	assert (result.variant_id, other.sku) == (str(there.id), "x")


def test_the_only_variant_of_a_product_needs_no_id(stage: Stage) -> None:
	variant = stage.shop.add_product(None, title="Theirs")
	result = push(stage, listing("A", product_id=str(variant.product.id)))[0]
	assert (result.variant_id, variant.sku) == (str(variant.id), "A")


def test_a_product_of_many_variants_is_read_to_its_end(stage: Stage) -> None:
	first = stage.shop.add_product("V0", options={"Size": "0"})
	for number in range(1, 300):
		stage.shop.add_product(f"V{number}", options={"Size": str(number)}, product=first.product)
	last = first.product.variants[-1]
	result = push(
		stage, listing("V299", product_id=str(first.product.id), variant_of="V", attributes={"Size": "299"})
	)[0]
	assert result.variant_id == str(last.id)


def test_what_was_made_before_the_shop_went_away_is_kept(stage: Stage) -> None:
	stage.shop.fail("503", operation='sku:\\"B\\"')
	results = push(stage, listing("A"), listing("B"), listing("C"))
	assert [(bool(each.product_id), each.unsent) for each in results] == [
		(True, False),
		(False, True),
		(False, True),
	]


# --- what the shop has ---


def test_the_products_of_the_shop_page_by_page(stage: Stage) -> None:
	for number in range(260):
		stage.shop.add_product(f"A{number}", title=f"Title {number}")
	stage.shop.add_product("S", title="Shirt", options={"Size": "S"})
	first = catalog.shown(stage.client, None)
	second = catalog.shown(stage.client, first.cursor)
	rows = {row.sku: row for row in (*first.rows, *second.rows)}
	assert (len(rows), second.cursor) == (261, None)
	assert (rows["A7"].title, rows["S"].title) == ("Title 7", "Shirt - S")
	assert rows["S"].variant_id == str(stage.shop.variant("S").id)


# --- orders ---


def change(order: Any, kind: Any = "cancelled", **values: Any) -> OrderChange:
	return OrderChange(order_id=str(order.id), order_number="#1001", kind=kind, **values)


def test_an_order_is_cancelled_once_its_goods_put_back_and_nothing_refunded(stage: Stage) -> None:
	stage.shop.add_product("A", stock=5)
	order = stage.shop.place_order({"A": 2})
	for _ in range(2):
		assert order_changes.push_change(stage.client, change(order)).error is None
	assert order.cancelled_at is not None
	assert stage.shop.stock("A") == 5
	assert [each.kind for each in order.transactions] == ["SALE"]
	assert stage.fields.count("orderCancel") == 1


def test_an_order_that_cannot_be_cancelled(stage: Stage) -> None:
	stage.shop.add_product("A", stock=5)
	order = stage.shop.place_order({"A": 2})
	stage.shop.fulfil(order.fulfilment_orders[0])
	with pytest.raises(Rejected, match="does not cancel order"):
		order_changes.push_change(stage.client, change(order))
	stage.shop.delete_order(order)
	with pytest.raises(Rejected, match="has no order"):
		order_changes.push_change(stage.client, change(order))


def test_an_edited_order_is_for_a_person(stage: Stage) -> None:
	stage.shop.add_product("A", stock=5)
	order = stage.shop.place_order({"A": 2})
	lines = (ShipmentLine(order_line_id="1", sku="A", quantity=Decimal("3.000")),)
	with pytest.raises(Rejected, match=r"Edit order #\d+ in Shopify .*3 × A"):
		order_changes.push_change(stage.client, change(order, "edited", lines=lines))


def test_how_far_an_order_is_stands_in_its_metafields(stage: Stage) -> None:
	stage.shop.add_product("A", stock=5)
	order = stage.shop.place_order({"A": 2})
	status = OrderStatus(
		order_id=str(order.id),
		order_number="#1001",
		document="SAL-ORD-1",
		status="To Bill",
		delivered=Decimal("100.00"),
		billed=Decimal(0),
		updated_at=NOW,
	)
	assert order_changes.push_status(stage.client, status).error is None
	values = {key: row.value for (_, key), row in order.metafields.items()}
	assert values == {
		"erpnext_order": "SAL-ORD-1",
		"erpnext_status": "To Bill",
		"erpnext_delivered": "100",
		"erpnext_billed": "0",
	}
	with pytest.raises(Rejected, match="choose Own"):
		order_changes.push_status(stage.client, status.model_copy(update={"order_id": "SAL-ORD-1"}))


def test_customers_are_not_written() -> None:
	with pytest.raises(Rejected, match="choose Nothing for Customers"):
		order_changes.push_customer(Customer(id="1"))


def test_what_is_not_offered_is_told_before_it_fails() -> None:
	told = CHANNEL.model_copy(update={"events": EventPolicy(order_status="All", customers="Own")})
	lines = order_changes.checks(told)
	assert [(line.ok, line.severity) for line in lines] == [(False, "error"), (False, "error")]
	assert ["Nothing" in (lines[0].fix or ""), "Own" in (lines[1].fix or "")] == [True, True]
	own = CHANNEL.model_copy(update={"events": EventPolicy(order_status="Own")})
	assert order_changes.checks(own) == []


def test_the_handle_is_nobody_elses() -> None:
	handles = {
		catalog.handle_of(each) for each in (listing("A"), listing("a"), listing("ü"), shirt("S"), shirt("M"))
	}
	assert len(handles) == 4  # of one template, one
	assert all(handle.replace("-", "").isalnum() for handle in handles)
	assert CHANNEL.platform == "shopify"
