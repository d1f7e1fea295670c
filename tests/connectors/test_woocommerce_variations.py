"""Variants of a template into a shop, as variations of one product."""

from __future__ import annotations

import json
from typing import Any

import pytest

from commerce_bridge.connectors.woocommerce.product_bodies import slug_of
from tests.connectors.woocommerce_catalog_shop import (
	BACK,
	FRONT,
	Call,
	CatalogShop,
	attributes_of,
	linked,
	listing,
	parent_of,
	price,
	push,
	shirt,
)


@pytest.fixture
def shop() -> CatalogShop:
	return CatalogShop()


def test_variants_of_a_template_are_variations_of_one_product(shop: CatalogShop) -> None:
	results = push(
		shop, shirt("S", price=price("10")), shirt("M", price=price("12")), shirt("S", "Blue", brand="Pear")
	)
	parent = parent_of(shop)
	assert (parent["name"], parent["status"], parent["sku"]) == ("Shirt", "publish", "")
	assert parent["slug"] == slug_of("SHIRT")
	assert attributes_of(parent, variation=True) == {"Colour": ["Red", "Blue"], "Size": ["S", "M"]}
	rows = shop.variations(parent["id"])
	assert [(row["sku"], row["regular_price"]) for row in rows] == [
		("SHIRT-Red-S", "10.00"),
		("SHIRT-Red-M", "12.00"),
		("SHIRT-Blue-S", ""),
	]
	assert [[each["option"] for each in row["attributes"]] for row in rows] == [
		["Red", "S"],
		["Red", "M"],
		["Blue", "S"],
	]
	assert [(each.product_id, each.variant_id, each.error) for each in results] == [
		(str(parent["id"]), str(row["id"]), None) for row in rows
	]


def test_a_new_product_with_variations_is_one_call_and_one_for_each(shop: CatalogShop) -> None:
	"""And one that shows it once they are there."""
	push(shop, shirt("S", grade="A"), shirt("M", grade="B"))
	number = parent_of(shop)["id"]
	assert shop.writes == [
		"POST products",
		*[f"POST products/{number}/variations"] * 2,
		f"PUT products/{number}",
	]


def test_a_product_with_variations_is_shown_only_once_it_has_one(shop: CatalogShop) -> None:
	statuses: list[str] = []

	def before(call: Call) -> None:
		if call.path.endswith("/variations") and call.method == "POST":
			statuses.append(parent_of(shop)["status"])

	shop.before = before  # type: ignore[assignment]
	push(shop, shirt("S"))
	assert statuses == ["draft"] and parent_of(shop)["status"] == "publish"


@pytest.mark.parametrize("shared", [False, True])
def test_a_value_that_the_product_does_not_have_is_added_before_its_variation(shared: bool) -> None:
	"""WooCommerce takes a variation with any value, and shows it to no buyer."""
	shop = CatalogShop()
	if shared:
		shop.attributes[9] = "Size"
	[first] = push(shop, shirt("S & M"))
	[second] = push(shop, shirt("XL").model_copy(update={"template_product_id": first.product_id}))
	parent = parent_of(shop)
	has = attributes_of(parent, variation=True)["Size"]
	assert has == (["S &amp; M", "XL"] if shared else ["S & M", "XL"])
	assert second.product_id == first.product_id and len(shop.variations(parent["id"])) == 2
	added = next(place for place, call in enumerate(shop.calls) if "XL" in json.dumps((call.body or {}).get("attributes", "")))  # fmt: skip
	assert shop.calls[added].method == "PUT"


def test_a_value_is_spelled_as_the_product_has_it(shop: CatalogShop) -> None:
	[first] = push(shop, shirt("Small"))
	push(shop, shirt("small", "red").model_copy(update={"template_product_id": first.product_id, "sku": "X"}))
	assert attributes_of(parent_of(shop), variation=True)["Size"] == ["Small"]
	assert len(shop.variations(parent_of(shop)["id"])) == 1  # the same values: refused, with another SKU
	push(shop, shirt("small", "Blue").model_copy(update={"template_product_id": first.product_id}))
	assert [each["option"] for each in shop.of("SHIRT-Blue-small")["attributes"]] == ["Blue", "Small"]


def test_a_bar_in_a_value_does_not_make_two_of_it(shop: CatalogShop) -> None:
	push(shop, shirt("1|2"))
	parent = parent_of(shop)
	assert attributes_of(parent, variation=True)["Size"] == ["1/2"]
	[variation] = shop.variations(parent["id"])
	assert [each["option"] for each in variation["attributes"]] == ["Red", "1/2"]
	[again] = push(shop, shirt("1|2"))
	assert again.variant_id == str(variation["id"])


def test_used_variations_say_so_each_and_their_product_for_all(shop: CatalogShop) -> None:
	results = push(shop, shirt("S", grade="A", condition="Used"), shirt("M", grade="B", condition="Used"))
	assert attributes_of(parent_of(shop)) == {"Grade": ["A", "B"], "Condition": ["Used"]}
	assert shop.meta("SHIRT-Red-S")["_commerce_bridge_grade"] == "A"
	[_] = push(shop, linked(shirt("S", grade="C"), results[0]))
	assert sorted(attributes_of(parent_of(shop))["Grade"]) == ["B", "C"]
	assert shop.meta("SHIRT-Red-S")["_commerce_bridge_grade"] == "C"
	assert shop.meta("SHIRT-Red-M")["_commerce_bridge_grade"] == "B"


def test_variations_show_the_image_of_their_own(shop: CatalogShop) -> None:
	push(shop, shirt("S", images=(FRONT, BACK)), shirt("M", images=(BACK,)))
	parent = parent_of(shop)
	numbers = {each["src"].rpartition("/")[2]: each["id"] for each in parent["images"]}
	assert list(numbers) == ["front.jpg", "back.jpg"]
	assert shop.of("SHIRT-Red-S")["image"] == {"id": numbers["front.jpg"]}
	assert shop.of("SHIRT-Red-M")["image"] == {"id": numbers["back.jpg"]}


def test_images_of_the_same_name_are_told_apart(shop: CatalogShop) -> None:
	other = "https://erp.example/files/blue/front.jpg"
	push(shop, shirt("S", images=(FRONT,)), shirt("S", "Blue", images=(other,)))
	red, blue = (image["id"] for image in parent_of(shop)["images"])
	assert shop.of("SHIRT-Red-S")["image"] == {"id": red}
	assert shop.of("SHIRT-Blue-S")["image"] == {"id": blue}


def test_texts_of_the_product_are_those_of_its_first_variation(shop: CatalogShop) -> None:
	small, medium = push(shop, shirt("S"), shirt("M"))
	push(shop, linked(shirt("M", title="Other-Red-M"), medium))
	assert parent_of(shop)["name"] == "Shirt"
	push(shop, linked(shirt("S", title="Better-Red-S"), small))
	assert parent_of(shop)["name"] == "Better"


def test_an_item_that_is_no_variant_does_not_rename_the_product_it_is_a_variation_of(
	shop: CatalogShop,
) -> None:
	parent = shop.add(type="variable", name="Shirt")
	variation = shop.add("V", parent)
	[result] = push(shop, listing("V", product_id=str(parent), variant_id=str(variation), price=price("3")))
	assert result.error is None and shop.products[parent]["name"] == "Shirt"
	assert shop.products[variation]["regular_price"] == "3.00"


def test_the_name_an_import_gave_an_item_goes_back_as_the_products(shop: CatalogShop) -> None:
	push(shop, shirt("S", title="Shirt - long - Red / S"))
	assert parent_of(shop)["name"] == "Shirt - long"


def test_one_variation_taken_down_then_all_then_back(shop: CatalogShop) -> None:
	rows = [shirt("S"), shirt("M")]
	rows = [linked(row, each) for row, each in zip(rows, push(shop, *rows), strict=True)]
	hidden = [row.model_copy(update={"published": False}) for row in rows]
	push(shop, hidden[0])
	assert (shop.of("SHIRT-Red-S")["status"], parent_of(shop)["status"]) == ("private", "publish")
	push(shop, hidden[1])
	assert (shop.of("SHIRT-Red-M")["status"], parent_of(shop)["status"]) == ("private", "draft")
	push(shop, rows[0])
	assert (shop.of("SHIRT-Red-S")["status"], parent_of(shop)["status"]) == ("publish", "publish")


def test_a_hidden_variant_is_not_made_beside_its_siblings(shop: CatalogShop) -> None:
	_, hidden = push(shop, shirt("S"), shirt("M", published=False))
	assert (hidden.error, hidden.variant_id) == (None, None)
	assert len(shop.variations(parent_of(shop)["id"])) == 1


def test_a_variation_of_the_merchant_is_found_by_its_sku_or_its_values(shop: CatalogShop) -> None:
	parent = shop.add(
		type="variable",
		attributes=[
			{"id": 0, "name": name, "variation": True, "visible": True, "options": values}
			for name, values in (("Colour", ["Red"]), ("size", ["S", "M", "L"]))
		],
	)

	def chosen(size: str) -> list[dict[str, Any]]:
		return [{"id": 0, "name": "Colour", "option": "Red"}, {"id": 0, "name": "size", "option": size}]

	by_sku = shop.add("shirt-red-s", parent, attributes=chosen("L"))
	by_values = shop.add("", parent, attributes=chosen("M"))
	other = shop.add("OTHER", parent, attributes=chosen("S"))
	rows = [
		row.model_copy(update={"product_id": str(parent)}) for row in (shirt("S"), shirt("M"), shirt("L"))
	]
	results = push(shop, *rows)
	assert [each.variant_id for each in results[:2]] == [str(by_sku), str(by_values)]
	assert shop.products[by_values]["sku"] == "SHIRT-Red-M"
	assert results[2].error and f"Variation {by_sku}" in results[2].error
	assert shop.products[other]["sku"] == "OTHER"


def test_a_variant_whose_attributes_are_not_the_products_is_refused(shop: CatalogShop) -> None:
	[first] = push(shop, shirt("S"))
	odd = listing("ODD", variant_of="SHIRT", attributes={"Length": "1"}, template_product_id=first.product_id)
	new, other = push(shop, odd, shirt("M").model_copy(update={"product_id": first.product_id}))
	assert "its variations differ in Colour, Size, the item's attributes are Length" in (new.error or "")
	assert other.error is None
	assert "Length" not in attributes_of(parent_of(shop), variation=True)


def test_unlike_variants_of_a_template_that_is_new(shop: CatalogShop) -> None:
	good, odd = push(shop, shirt("S"), shirt("M").model_copy(update={"attributes": {"Size": "M"}}))
	assert good.error is None and "its variations differ in Colour, Size" in (odd.error or "")
	assert attributes_of(parent_of(shop), variation=True) == {"Colour": ["Red"], "Size": ["S"]}


def test_an_item_without_attributes_is_no_new_variation(shop: CatalogShop) -> None:
	parent = shop.add(type="variable")
	[result] = push(shop, listing(product_id=str(parent)))
	assert "has variations, and none has the SKU TEA" in (result.error or "")
	assert shop.writes == []


def test_a_sibling_does_not_turn_a_simple_product_into_another_kind(shop: CatalogShop) -> None:
	number = str(shop.add("SHIRT-Red-S"))
	own, sibling = push(
		shop,
		shirt("S").model_copy(update={"product_id": number}),
		shirt("M").model_copy(update={"template_product_id": number}),
	)
	assert own.error is None and "has no variations: make it a variable product" in (sibling.error or "")
	assert [row["type"] for row in shop.products.values()] == ["simple"]


def test_siblings_whose_product_is_gone_are_made_anew(shop: CatalogShop) -> None:
	[result] = push(shop, shirt("S").model_copy(update={"template_product_id": "99"}))
	assert result.error is None and result.product_id == str(parent_of(shop)["id"])


def test_a_deleted_variation_is_told_of_and_the_others_are_taken(shop: CatalogShop) -> None:
	small, medium = push(shop, shirt("S"), shirt("M"))
	del shop.products[int(small.variant_id or 0)]
	gone, taken = push(shop, linked(shirt("S"), small), linked(shirt("M", price=price("3")), medium))
	assert "has deleted variation" in (gone.error or "") and taken.error is None
	assert shop.of("SHIRT-Red-M")["regular_price"] == "3.00"


def test_one_variation_that_is_refused_does_not_keep_the_others(shop: CatalogShop) -> None:
	shop.add("SHIRT-Red-M")
	small, medium = push(shop, shirt("S"), shirt("M"))
	assert small.error is None and "has the SKU SHIRT-Red-M already" in (medium.error or "")
