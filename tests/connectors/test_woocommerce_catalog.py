"""Listings into a shop as products and variations: what is ours is written, what others added stays."""

from __future__ import annotations

import json
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from commerce_bridge.bridge.channel import StockPolicy
from commerce_bridge.bridge.errors import Misconfigured, Retryable
from commerce_bridge.bridge.model import ShownProduct
from commerce_bridge.connectors.woocommerce import catalog
from commerce_bridge.connectors.woocommerce.catalog import BATCH, LONGEST_BATCH, PATIENCE
from commerce_bridge.connectors.woocommerce.product_bodies import weight_in
from tests.connectors.storefront import json_answer
from tests.connectors.woocommerce_catalog_shop import (
	BACK,
	BASE,
	CHANNEL,
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


# --- a new product ---------------------------------------------------------------------------------------------


def test_a_new_product_has_all_that_is_ours(shop: CatalogShop) -> None:
	row = listing(
		description="<p>Good</p>",
		brand="Pear",
		weight=Decimal("250"),
		weight_uom="Gram",
		barcodes=("4006381333931",),
		price=price("99.5", compare_at=Decimal("120"), valid_from=date(2026, 12, 1)),
	)
	[result] = push(shop, row)
	made = shop.of("TEA")
	assert (result.error, result.warning) == (None, None)
	assert (result.product_id, result.variant_id) == (str(made["id"]), None)
	assert (made["name"], made["description"], made["status"]) == ("Name of TEA", "<p>Good</p>", "publish")
	assert (made["regular_price"], made["sale_price"]) == ("120.00", "99.50")
	assert made["date_on_sale_from_gmt"] == "2026-11-30T23:00:00"  # midnight in Berlin
	assert (made["weight"], made["global_unique_id"]) == ("0.25", "4006381333931")
	assert [each["name"] for each in made["brands"]] == ["Pear"]


def test_what_is_not_ours_is_not_sent(shop: CatalogShop) -> None:
	number = shop.add("TEA", name="Theirs", description="Theirs", weight="3", regular_price="7")
	before = dict(shop.products[number])
	[result] = push(shop, listing(title=None, product_id=str(number)))
	assert result.error is None and shop.writes == []
	[result] = push(shop, listing(title=None, product_id=str(number), weight=Decimal(1), weight_uom="Kg"))
	assert shop.products[number] == before | {"weight": "1"}
	assert shop.calls[-1].body == {"weight": "1"}


def test_no_product_is_made_without_a_title_or_what_is_not_to_be_shown(shop: CatalogShop) -> None:
	untitled, hidden = push(shop, listing("A", title=None), listing("B", published=False))
	assert "choose ERPNext as the owner of titles" in (untitled.error or "")
	assert (hidden.error, hidden.product_id) == (None, None)
	assert not shop.products


@pytest.mark.parametrize(
	("policy", "counted"),
	[
		(StockPolicy(first_push_confirmed=True), True),
		(StockPolicy(), False),
		(StockPolicy(push=False), False),
	],
)
def test_new_goods_are_out_of_stock_where_stock_is_ours(policy: StockPolicy, counted: bool) -> None:
	shop = CatalogShop(channel=CHANNEL.model_copy(update={"stock": policy}))
	push(shop, listing(), shirt("S"))
	for sku in ("TEA", "SHIRT-Red-S"):
		made = shop.of(sku)
		assert (made["manage_stock"], made["stock_quantity"]) == ((True, 0) if counted else (False, None))
	assert parent_of(shop)["manage_stock"] is False


def test_a_shop_that_counts_no_stock_is_not_told_any(shop: CatalogShop) -> None:
	shop.facts["Stock Management"] = "No"
	push(shop, listing())
	assert shop.of("TEA")["manage_stock"] is False


def test_stock_of_a_product_that_is_there_is_left_alone(shop: CatalogShop) -> None:
	number = shop.add("TEA", manage_stock=True, stock_quantity=7)
	push(shop, listing(product_id=str(number)))
	assert shop.products[number]["stock_quantity"] == 7


@pytest.mark.parametrize(
	("weight", "uom", "unit", "sent"),
	[
		("1", "Kg", "g", "1000"),
		("250", "Gram", "kg", "0.25"),
		("1", "Pound", "kg", "0.4536"),
		("1", "kg", "lbs", "2.2046"),
		("2", "Ounce", "oz", "2"),
		("0.00001", "Gram", "kg", None),
		("1", "Nos", "kg", None),
		("1", "Kg", "stone", None),
	],
)
def test_weights_are_in_the_shops_unit(weight: str, uom: str, unit: str, sent: str | None) -> None:
	assert weight_in(unit, listing(weight=Decimal(weight), weight_uom=uom)) == sent


def test_a_price_in_another_currency_is_not_sent(shop: CatalogShop) -> None:
	dollars = price().model_copy(update={"currency": "USD"})
	[result] = push(shop, listing(price=dollars))
	assert "in USD, the shop sells in EUR" in (result.error or "") and not shop.products


# --- nothing twice, nothing to another product -------------------------------------------------------------------


def test_a_lost_answer_makes_nothing_twice(shop: CatalogShop) -> None:
	shop.lost = ["POST products"]
	with pytest.raises(Retryable):
		push(shop, listing(images=(FRONT,)))
	[result] = push(shop, listing(images=(FRONT,)))
	[made] = shop.products.values()
	assert result.product_id == str(made["id"]) and result.error is None
	assert len(made["images"]) == 1


@pytest.mark.parametrize("place", range(1, 12))
def test_wherever_an_answer_is_lost_a_product_with_variations_is_made_once(place: int) -> None:
	shop = CatalogShop()
	rows = [shirt("S", images=(FRONT,)), shirt("M", images=(BACK,), price=price("12"))]
	count = 0

	def before(call: Call) -> None:
		nonlocal count
		count += call.method != "GET"
		if count == place and call.method != "GET":
			count += 1
			shop.lost.append(str(call))

	shop.before = before  # type: ignore[assignment]
	for _ in range(3):  # the worker tries again until nothing is lost any more
		try:
			results = push(shop, *rows)
		except Retryable:
			continue
		rows = [linked(row, each) if not each.error else row for row, each in zip(rows, results, strict=True)]
		if not any(each.error for each in results):
			break
	parent = parent_of(shop)
	assert sorted(row["sku"] for row in shop.variations(parent["id"])) == ["SHIRT-Red-M", "SHIRT-Red-S"]
	assert len(shop.products) == 3 and parent["status"] == "publish"
	assert sorted(each["src"].rpartition("/")[2] for each in parent["images"]) == ["back.jpg", "front.jpg"]
	assert {row.product_id for row in rows} == {str(parent["id"])}


@pytest.mark.parametrize("kind", ["simple", "variable", "variation"])
def test_a_product_of_somebody_else_with_the_sku_is_never_written_to(shop: CatalogShop, kind: str) -> None:
	parent = shop.add(type="variable") if kind == "variation" else 0
	number = shop.add("tea", parent, **({} if parent else {"type": kind}))
	before = json.dumps(shop.products)
	for row in (listing(), listing(variant_of="POT", attributes={"Size": "S"})):
		[result] = push(shop, row)
		assert f"roduct {parent or number} of the shop has the SKU TEA already" in (result.error or "")
		assert "import the shop's products to link it" in (result.error or "")
		assert result.product_id is None
	assert json.dumps(shop.products) == before and shop.writes == []


def test_a_copy_that_somebody_made_of_a_product_of_ours_is_not_written_to(shop: CatalogShop) -> None:
	"""The shop copies its custom fields, and makes a SKU of its own."""
	push(shop, listing())
	copy = shop.add("TEA-1", meta_data=shop.of("TEA")["meta_data"])
	before, writes = json.dumps(shop.products), len(shop.writes)
	[result] = push(shop, listing(listing="L-2", sku="TEA-1"))
	assert f"Product {copy} of the shop has the SKU TEA-1 already" in (result.error or "")
	assert (json.dumps(shop.products), len(shop.writes)) == (before, writes)


def test_a_sku_that_is_given_to_another_product_meanwhile(shop: CatalogShop) -> None:
	"""The shop is asked first; between that and the call somebody makes a product."""

	def before(call: Call) -> None:
		if call.method == "POST" and not shop.products:
			shop.add("TEA")

	shop.before = before  # type: ignore[assignment]
	[result] = push(shop, listing())
	assert "has the SKU TEA already" in (result.error or "") and len(shop.products) == 1


def test_a_sku_of_a_product_in_the_trash_is_told_of(shop: CatalogShop) -> None:
	shop.add("TEA", status="trash")
	[result] = push(shop, listing())
	assert "in its trash may have the SKU TEA" in (result.error or "")


def test_a_hidden_listing_does_not_complain_of_a_product_with_its_sku(shop: CatalogShop) -> None:
	shop.add("TEA")
	[result] = push(shop, listing(published=False))
	assert result.error is None and shop.writes == []


def test_a_sku_with_a_comma_is_not_that_of_other_products(shop: CatalogShop) -> None:
	shop.add("A")
	[result] = push(shop, listing("A,B"))
	assert result.error is None and shop.of("A,B")["name"] == "Name of A,B"
	[result] = push(shop, listing("A,B"))
	assert result.product_id == str(shop.of("A,B")["id"])


def test_what_is_gone_or_in_the_trash_is_not_made_again(shop: CatalogShop) -> None:
	trashed = shop.add("B", status="trash")
	gone, binned = push(shop, listing("A", product_id="99"), listing("B", product_id=str(trashed)))
	assert "The shop has deleted product 99" in (gone.error or "")
	assert "in the trash" in (binned.error or "") and shop.writes == []


def test_ids_that_are_none_or_of_something_else(shop: CatalogShop) -> None:
	parent = shop.add(type="variable")
	variation = shop.add("V", parent)
	simple = shop.add("S")
	odd, other, single = push(
		shop,
		listing("A", product_id="gid://7"),
		listing("V", product_id=str(variation)),
		listing("S", product_id=str(simple), variant_id="77"),
	)
	assert "must be numbers" in (odd.error or "")
	assert f"{variation} is a variation of product {parent}" in (other.error or "")
	assert "has no variations: empty Variant ID" in (single.error or "")
	assert shop.writes == []


def test_a_product_id_entered_as_variant_id_too_is_the_product(shop: CatalogShop) -> None:
	number = str(shop.add("TEA"))
	[result] = push(shop, listing(product_id=number, variant_id=number))
	assert (result.error, result.product_id, result.variant_id) == (None, number, None)


def test_two_listings_of_one_product_do_not_take_turns(shop: CatalogShop) -> None:
	number = str(shop.add("A"))
	results = push(shop, listing("A", product_id=number), listing("B", product_id=number))
	assert all("Several listings are product" in (each.error or "") for each in results)
	assert shop.writes == []


def test_an_answer_about_another_product_is_not_taken(shop: CatalogShop) -> None:
	number = shop.add("TEA")
	shop.before = lambda call: json_answer({"id": 7, "sku": "TEA"}) if call.method == "PUT" else None
	with pytest.raises(Retryable, match="another product"):
		push(shop, listing(product_id=str(number)))


# --- barcodes, brands, attributes, custom fields -----------------------------------------------------------------


def test_a_barcode_with_letters_is_left_out(shop: CatalogShop) -> None:
	"""WooCommerce would keep "-1" of it."""
	[letters, both] = push(shop, listing("A", barcodes=("ABC-1",)), listing("B", barcodes=("ABC", "42")))
	assert "barcode is left out" in (letters.warning or "") and letters.error is None
	assert shop.of("A")["global_unique_id"] == "" and shop.of("B")["global_unique_id"] == "42"
	assert both.warning is None


def test_a_barcode_of_another_product_does_not_keep_this_one_from_being_made(shop: CatalogShop) -> None:
	other = shop.add("X", global_unique_id="42")
	[result] = push(shop, listing(barcodes=("42",)))
	assert result.error is None and f"product {other} of the shop has it already" in (result.warning or "")
	assert shop.of("TEA")["global_unique_id"] == ""
	[result] = push(shop, linked(listing(barcodes=("42",), title="Other"), result))
	assert result.error is None and shop.of("TEA")["name"] == "Other"


def test_a_brand_is_made_once_and_found_again(shop: CatalogShop) -> None:
	results = push(shop, listing("A", brand="Pear & Co"), listing("B", brand="Pear & Co"))
	assert list(shop.brands.values()) == ["Pear & Co"]
	assert shop.writes.count("POST products/brands") == 1
	push(shop, linked(listing("A", brand="pear & co"), results[0]))
	assert shop.writes.count("POST products/brands") == 1  # it has it already, spelled as HTML
	push(shop, listing("C", brand="pear & CO"))
	assert len(shop.brands) == 1 and shop.of("C")["brands"] == shop.of("A")["brands"]


def test_a_shop_without_brands_is_told_of(shop: CatalogShop) -> None:
	no_route = {"code": "rest_no_route", "message": "", "data": {"status": 404}}
	shop.before = lambda call: json_answer(no_route, 404) if call.path == "products/brands" else None
	[result] = push(shop, listing(brand="Pear"))
	assert result.error is None and "brand is left out" in (result.warning or "")


USED = {
	"condition": "Used",
	"grade": "A",
	"grade_code": "GA",
	"warranty_months": 24,
	"refurbishment_status": "Refurbished",
}


def test_used_goods_say_so_in_attributes_and_custom_fields(shop: CatalogShop) -> None:
	push(shop, listing(**USED))
	assert attributes_of(shop.of("TEA")) == {
		"Condition": ["Used"],
		"Grade": ["A"],
		"Refurbishment": ["Refurbished"],
		"Warranty": ["24 months"],
	}
	assert all(each["visible"] for each in shop.of("TEA")["attributes"])
	kept = shop.meta("TEA")
	assert (kept["_commerce_bridge_grade"], kept["_commerce_bridge_grade_code"]) == ("A", "GA")


def test_attributes_of_the_merchant_stay(shop: CatalogShop) -> None:
	shop.attributes[3] = "Material"
	theirs = [
		{"id": 3, "name": "Material", "position": 0, "visible": True, "variation": False, "options": ["Tea &amp; Tin"]},
		{"id": 0, "name": "Origin", "position": 1, "visible": False, "variation": False, "options": ["A &amp; B"]},
		{"id": 0, "name": "grade", "position": 2, "visible": True, "variation": False, "options": ["Old"]},
	]  # fmt: skip
	number = shop.add("TEA", attributes=json.loads(json.dumps(theirs)))
	push(shop, listing(product_id=str(number), grade="B"))
	[material, origin, grade] = shop.products[number]["attributes"]
	assert (material, origin) == (theirs[0], theirs[1])
	assert grade == {**theirs[2], "options": ["B"]}
	# Values all products share are sent as they are read, not as HTML keeps them.
	assert shop.calls[-1].body["attributes"][0]["options"] == ["Tea & Tin"]


def test_an_attribute_that_all_products_share_is_used(shop: CatalogShop) -> None:
	"""So that buyers can filter by it."""
	shop.attributes[9] = "Grade"
	push(shop, listing(grade="A"))
	assert [each["id"] for each in shop.of("TEA")["attributes"]] == [9]


def test_nothing_is_sent_again_that_the_shop_has(shop: CatalogShop) -> None:
	row = listing(title=None, **USED, custom={"battery": "91"})
	number = shop.add("TEA")
	row = row.model_copy(update={"product_id": str(number)})
	push(shop, row)
	writes = len(shop.writes)
	push(shop, row)
	assert writes == 1 and len(shop.writes) == 1


def test_of_two_custom_fields_of_one_key_the_first_counts_as_in_the_shop(shop: CatalogShop) -> None:
	row = listing(title=None, custom={"battery": "91"})
	number = shop.add("TEA", meta_data=[{"key": "battery", "value": value} for value in ("80", "91")])
	push(shop, row.model_copy(update={"product_id": str(number)}))
	[write] = [call for call in shop.calls if call.method == "PUT"]
	assert write.body["meta_data"] == [{"key": "battery", "value": "91"}]


def test_a_single_unit_of_a_variant_is_a_product_on_its_own(shop: CatalogShop) -> None:
	rows = [shirt("S").model_copy(update={"serial_no": n, "listing": n, "sku": n}) for n in ("1", "2")]
	results = push(shop, *rows)
	assert len({each.product_id for each in results}) == 2
	assert attributes_of(shop.of("1")) == {"Colour": ["Red"], "Size": ["S"]}
	assert shop.meta("1")["_commerce_bridge_serial_no"] == "1"


def test_custom_values_are_custom_fields(shop: CatalogShop) -> None:
	[result] = push(shop, listing(custom={"battery": "91", "empty": None, "count": 3}))
	assert shop.meta("TEA")["battery"] == "91" and shop.meta("TEA")["count"] == "3"
	assert "empty" not in shop.meta("TEA")
	push(shop, linked(listing(custom={"battery": None, "count": 3}), result))
	assert shop.meta("TEA")["battery"] == ""


@pytest.mark.parametrize("key", ["_sku", "_price", "_stock", "_commerce_bridge_listing"])
def test_custom_values_are_no_way_past_ownership(shop: CatalogShop, key: str) -> None:
	"""WooCommerce takes some custom fields for fields of the product: "_sku" changes its SKU."""
	[result] = push(shop, listing(custom={key: "1"}))
	assert f"Left out: {key}" in (result.warning or "")
	assert shop.meta("TEA").get(key) != "1"


# --- images ------------------------------------------------------------------------------------------------------


def images_of(row: dict[str, Any]) -> list[str]:
	return [each["src"].rpartition("/")[2] for each in row["images"]]


def test_an_image_that_cannot_be_fetched_does_not_lose_the_product(shop: CatalogShop) -> None:
	shop.unreachable = {BACK}
	[result] = push(shop, listing(images=(FRONT, BACK)))
	assert result.error is None and result.product_id
	assert BACK in (result.warning or "") and FRONT not in (result.warning or "")
	assert images_of(shop.of("TEA")) == ["front.jpg"]


def test_a_slow_image_does_not_lose_the_product(shop: CatalogShop) -> None:
	shop.before = lambda call: Retryable("no answer in time") if "images" in (call.body or {}) else None
	[result] = push(shop, listing(images=(FRONT,)))
	assert result.error is None and result.product_id
	assert "Push the listing again" in (result.warning or "")


def test_an_image_is_handed_over_once_and_those_of_the_merchant_stay(shop: CatalogShop) -> None:
	theirs = {"id": 5, "src": f"{BASE}/wp-content/uploads/theirs.jpg"}
	number = shop.add("TEA", images=[theirs])
	row = listing(product_id=str(number), images=(FRONT,))
	push(shop, row)
	push(shop, row)
	assert images_of(shop.of("TEA")) == ["theirs.jpg", "front.jpg"]
	shop.of("TEA")["images"] = [theirs]  # the merchant takes ours down
	push(shop, row)
	assert images_of(shop.of("TEA")) == ["theirs.jpg"]
	push(shop, row.model_copy(update={"images": (FRONT, BACK)}))
	assert images_of(shop.of("TEA")) == ["theirs.jpg", "back.jpg"]


def test_images_that_came_from_the_shop_are_not_handed_back(shop: CatalogShop) -> None:
	number = shop.add("TEA", images=[{"id": 5, "src": f"{BASE}/wp-content/uploads/tea.jpg"}])
	back = (
		f"{BASE}/wp-content/uploads/tea.jpg",
		f"{BASE}/wp-content/uploads/2020/old.jpg",
		"https://x/TEA.jpg",
	)
	push(shop, listing(product_id=str(number), images=back))
	assert images_of(shop.of("TEA")) == ["tea.jpg"]


def test_images_that_are_not_ours_are_not_touched(shop: CatalogShop) -> None:
	number = shop.add("TEA", images=[{"id": 5, "src": f"{BASE}/a.jpg"}])
	push(shop, listing(product_id=str(number), images=None))
	assert all("images" not in (call.body or {}) for call in shop.calls)


def test_what_somebody_wrote_into_our_custom_field_of_images_is_passed_over(shop: CatalogShop) -> None:
	for text in ("{", "[1]", "null", 5, None):
		number = shop.add(meta_data=[{"key": "_commerce_bridge_images", "value": text}])
		push(shop, listing(f"S{number}", product_id=str(number), images=(FRONT,)))
		assert len(images_of(shop.products[number])) == 1


# --- taken off, put back -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
	("status", "published", "becomes"),
	[
		("publish", False, "draft"),
		("future", False, "draft"),
		("draft", False, "draft"),
		("draft", True, "publish"),
		("pending", True, "publish"),
		("private", True, "private"),
		("private", False, "private"),
		("future", True, "future"),
	],
)
def test_published_and_taken_down(shop: CatalogShop, status: str, published: bool, becomes: str) -> None:
	number = shop.add("TEA", status=status)
	push(shop, listing(product_id=str(number), published=published))
	assert shop.products[number]["status"] == becomes


# --- a shop that fails or is slow --------------------------------------------------------------------------------


def test_a_product_that_fails_does_not_keep_the_others(shop: CatalogShop) -> None:
	"""A plugin may fail at saving one product."""

	def before(call: Call) -> Any:
		return Retryable("500") if (call.body or {}).get("sku") == "BAD" else None

	shop.before = before
	bad, good = push(shop, listing("BAD"), listing("GOOD"))
	assert bad.retry and bad.error == "500" and good.error is None


def test_a_shop_that_takes_nothing_is_told_of_as_such(shop: CatalogShop) -> None:
	shop.before = lambda call: Retryable("500")
	with pytest.raises(Retryable):
		push(shop, *(listing(f"S{place}") for place in range(BATCH)))
	assert len(shop.calls) == PATIENCE


def test_a_variation_that_fails_does_not_keep_the_others(shop: CatalogShop) -> None:
	def before(call: Call) -> Any:
		return Retryable("500") if (call.body or {}).get("sku") == "SHIRT-Red-S" else None

	shop.before = before
	bad, good = push(shop, shirt("S"), shirt("M"))
	assert bad.retry and bad.error == "500" and (good.error, good.variant_id is None) == (None, False)
	assert parent_of(shop)["status"] == "publish"


def test_a_shop_that_takes_no_variation_is_told_of_as_such(shop: CatalogShop) -> None:
	def before(call: Call) -> Any:
		return Retryable("500") if call.method == "POST" and "variations" in call.path else None

	shop.before = before
	with pytest.raises(Retryable, match="500"):
		push(shop, *(shirt(str(place)) for place in range(10)))
	assert sum("/variations" in call for call in shop.writes) == PATIENCE


def test_an_error_of_one_variation_is_kept_when_its_product_is_written(shop: CatalogShop) -> None:
	small, medium = push(shop, shirt("S"), shirt("M"))
	gone = linked(shirt("S"), small).model_copy(update={"variant_id": "999"})
	refused, _ = push(shop, gone, linked(shirt("M", published=False), medium))
	assert "has deleted variation 999" in (refused.error or "")


def test_what_comes_after_a_shop_stopped_answering_is_left_for_another_batch(shop: CatalogShop) -> None:
	shop.before = lambda call: Retryable("gone") if len(shop.products) == 2 else None
	results = push(shop, *(listing(f"S{place}") for place in range(8)))
	assert [each.error for each in results[:2]] == [None, None]
	assert all(each.unsent and each.error == "gone" for each in results[2:])
	assert len(shop.products) == 2


def test_a_slow_shop_ends_the_batch_in_time(shop: CatalogShop) -> None:
	shop.takes = LONGEST_BATCH / 4
	results = push(shop, *(listing(f"S{place}") for place in range(10)))
	taken = [each for each in results if not each.unsent]
	assert 0 < len(taken) < 10 and all(each.error is None for each in taken)
	assert len(shop.products) == len(taken)


def test_a_slow_shop_ends_a_product_with_many_variations_in_time(shop: CatalogShop) -> None:
	shop.takes = LONGEST_BATCH / 3
	rows = [shirt(str(place)) for place in range(12)]
	results = push(shop, *rows)
	assert results[0].error is None  # something is taken each time, however slow the shop is
	assert all(each.unsent for each in results[1:])
	shop.takes = timedelta(0)
	assert all(each.error is None for each in push(shop, *rows))
	assert len(shop.variations(parent_of(shop)["id"])) == 12


def test_a_wrong_key_is_raised(shop: CatalogShop) -> None:
	refused = {"code": "woocommerce_rest_cannot_view", "message": "", "data": {"status": 401}}
	shop.before = lambda call: json_answer(refused, 401)
	with pytest.raises(Misconfigured):
		push(shop, listing())


@pytest.mark.parametrize(("name", "value"), [("regular_price", "11.00"), ("sku", "TEA-1")])
def test_what_the_shop_shows_otherwise_than_it_was_sent_is_an_error(
	shop: CatalogShop, name: str, value: str
) -> None:
	number = shop.add("OLD")

	def before(call: Call) -> Any:
		return json_answer({**shop.products[number], "sku": "TEA", "regular_price": "10.00", name: value}) if call.method == "PUT" else None  # fmt: skip

	shop.before = before
	[result] = push(shop, listing(product_id=str(number), price=price("10")))
	assert f"another {name} than was sent" in (result.error or "")


# --- what the shop has -------------------------------------------------------------------------------------------


def test_products_and_variations_the_shop_has(shop: CatalogShop) -> None:
	simple = shop.add("TEA", name="Tea &amp; Milk", global_unique_id="42")
	parent = shop.add("PARENT", type="variable", name="Shirt")
	variation = shop.add("V", parent, attributes=[{"id": 0, "name": "Size", "option": "S &amp; M"}])
	page = catalog.shown(shop.client, None)
	assert page.cursor is None
	assert page.rows == (
		ShownProduct(sku="TEA", product_id=str(simple), variant_id=None, barcode="42", title="Tea & Milk"),
		ShownProduct(
			sku="V", product_id=str(parent), variant_id=str(variation), barcode=None, title="Shirt - S & M"
		),
	)


def test_what_the_shop_has_comes_in_pages(shop: CatalogShop) -> None:
	for place in range(250):
		shop.add(f"P{place}")
	rows: list[Any] = []
	page = catalog.shown(shop.client, None)
	while page.cursor:
		rows += page.rows
		page = catalog.shown(shop.client, page.cursor)
	assert [row.sku for row in (*rows, *page.rows)] == [f"P{place}" for place in range(250)]
	assert len(shop.calls) == 3


def test_a_page_of_what_the_shop_has_ends_in_time(shop: CatalogShop) -> None:
	for place in range(3):
		shop.add(f"V{place}", shop.add(type="variable"))
	shop.takes = LONGEST_BATCH
	page = catalog.shown(shop.client, None)
	assert len(page.rows) == 1 and page.cursor


def test_what_is_deleted_while_the_shop_is_read_is_left_out(shop: CatalogShop) -> None:
	shop.add("V", shop.add(type="variable"))
	shop.add("TEA")
	gone = {"code": "woocommerce_rest_product_invalid_id", "message": "Invalid ID.", "data": {"status": 404}}
	shop.before = lambda call: json_answer(gone, 404) if call.path.endswith("/variations") else None
	assert [row.sku for row in catalog.shown(shop.client, None).rows] == ["TEA"]
