"""What the simulated WooCommerce makes of products, orders and amounts; every oddity was seen on a real shop."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import pytest

from sandbox.storefronts.woocommerce import NewFee, NewLine, Rate, WooCommerceStorefront
from sandbox.storefronts.woocommerce.taxes import Rounding, discounted
from tests.sandbox.woocommerce_api import Api, Clock, listen, topics


@pytest.fixture
def clock() -> Clock:
	return Clock()


@pytest.fixture
def shop(clock: Clock) -> Iterator[WooCommerceStorefront]:
	with WooCommerceStorefront(clock) as started:
		yield started


@pytest.fixture
def api(shop: WooCommerceStorefront, clock: Clock) -> Api:
	return Api(shop, clock)


# --- products


class TestProducts:
	def test_a_batch_is_checked_for_nothing(self, shop: WooCommerceStorefront, api: Api) -> None:
		one, two = shop.add_product("A", stock=1), shop.add_product("B", stock=1)
		rows = [
			{"id": one.id, "stock_quantity": "abc", "status": "nonsense"},
			{"id": two.id, "stock_quantity": 5.5, "regular_price": 7.5},
			{"id": 999999, "stock_quantity": 1},
		]
		first, second, missing = api.post("products/batch", {"update": rows})["update"]
		assert (first["stock_quantity"], first["status"]) == (0, "draft")
		assert (second["stock_quantity"], second["regular_price"]) == (5, "7.5")
		assert missing == {
			"id": 999999,
			"error": {
				"code": "woocommerce_rest_product_invalid_id",
				"message": "Invalid ID.",
				"data": {"status": 400},
			},
		}

	def test_a_batch_has_at_most_a_hundred_rows(self, api: Api) -> None:
		rows = [{"id": 1}] * 60
		answer = api.refused("POST", "products/batch", {"update": rows, "create": rows})
		assert answer == (413, "woocommerce_rest_request_entity_too_large")
		assert api.post("products/batch", {}) == []

	def test_alone_the_same_is_refused(self, shop: WooCommerceStorefront, api: Api) -> None:
		product = shop.add_product("A")
		wrong = {"stock_quantity": 5.5, "regular_price": 7.5, "status": "nonsense", "manage_stock": "yes"}
		answer = api.send("PUT", f"products/{product.id}", wrong)
		assert (answer.status_code, answer.json()["code"]) == (400, "rest_invalid_param")
		assert set(answer.json()["data"]["params"]) == set(wrong)

	@pytest.mark.parametrize(
		("separator", "given", "kept"),
		[
			(".", "12,5", "125"),
			(",", "12,5", "12.5"),
			(",", "1.234,5", "1234.5"),
			(".", "abc", ""),
			(".", "10.000", "10.000"),
			(".", "", ""),
		],
	)
	def test_prices_are_read_in_the_shops_own_way(
		self, shop: WooCommerceStorefront, api: Api, separator: str, given: str, kept: str
	) -> None:
		shop.decimal_separator = separator
		product = shop.add_product("A")
		assert api.put(f"products/{product.id}", {"regular_price": given})["regular_price"] == kept

	def test_stock_of_what_is_not_counted_is_dropped_in_silence(
		self, shop: WooCommerceStorefront, api: Api
	) -> None:
		shirt = shop.add_variable_product("SHIRT", {"S": "25.00"}, stock=None)
		path = f"products/{shirt.id}/variations/{shirt.variations[0].id}"
		assert api.put(path, {"stock_quantity": 5})["stock_quantity"] is None
		counted = api.put(path, {"manage_stock": True, "stock_quantity": 5})
		assert (counted["manage_stock"], counted["stock_quantity"]) == (True, 5)
		assert api.put(path, {"manage_stock": False})["stock_quantity"] is None
		api.put(f"products/{shirt.id}", {"manage_stock": True, "stock_quantity": 44})
		shown = api.get(path)
		assert (shown["manage_stock"], shown["stock_quantity"]) == ("parent", 44)
		assert api.put(path, {"stock_quantity": 3})["stock_quantity"] == 44
		assert shop.stock("SHIRT") == 44

	def test_a_number_that_is_not_counted_is_forgotten(self, shop: WooCommerceStorefront, api: Api) -> None:
		path = f"products/{shop.add_product('A', stock=4).id}"
		api.put(path, {"manage_stock": False})
		assert api.put(path, {"manage_stock": True})["stock_quantity"] == 0

	def test_a_stock_of_null_is_none_left(self, shop: WooCommerceStorefront, api: Api) -> None:
		product = shop.add_product("A", stock=4)
		shown = api.put(f"products/{product.id}", {"stock_quantity": None})
		assert (shown["stock_quantity"], shown["stock_status"]) == (0, "outofstock")

	def test_a_sku_is_taken_once(self, shop: WooCommerceStorefront, api: Api) -> None:
		product = shop.add_product("Sim-1")
		answer = api.send("POST", "products", {"name": "x", "sku": "SIM-1"})
		assert (answer.status_code, answer.json()["code"]) == (400, "product_invalid_sku")
		assert answer.json()["data"] == {"status": 400, "resource_id": product.id, "unique_sku": "SIM-1-1"}
		[row] = api.post("products/batch", {"create": [{"name": "x", "sku": "SIM-1"}]})["create"]
		assert (row["id"], row["error"]["code"]) == (0, "product_invalid_sku")
		shop.trash_product(product)
		assert api.post("products", {"name": "x", "sku": "SIM-1"})["sku"] == "SIM-1"

	def test_variations_are_found_below_their_parent_or_by_sku(
		self, shop: WooCommerceStorefront, api: Api
	) -> None:
		shirt = shop.add_variable_product("SHIRT", {"S": "25.00", "M": "26.00"})
		other = shop.add_variable_product("COAT", {"S": "25.00"})
		small = shirt.variations[0]
		assert {row["id"] for row in api.get("products")} == {shirt.id, other.id}
		found = api.get("products", sku="shirt-s,COAT")
		assert {(row["id"], row["type"]) for row in found} == {
			(small.id, "variation"),
			(other.id, "variable"),
		}
		assert api.get(f"products/{small.id}")["parent_id"] == shirt.id
		assert api.refused("PUT", f"products/{small.id}", {}) == (404, "woocommerce_rest_invalid_product_id")
		path = f"products/{other.id}/variations"
		gone = "woocommerce_rest_product_variation_invalid_id"
		assert api.refused("PUT", f"{path}/{small.id}", {}) == (404, gone)
		[row] = api.post(f"{path}/batch", {"update": [{"id": small.id}]})["update"]
		assert (row["id"], row["error"]["data"]["status"]) == (small.id, 404)
		assert api.get("products/999999/variations") == []

	def test_a_product_that_is_gone(self, api: Api) -> None:
		code = "woocommerce_rest_product_invalid_id"
		assert api.refused("GET", "products/999999") == (404, code)
		assert api.refused("PUT", "products/999999", {}) == (400, code)

	def test_sale_prices_and_their_dates(self, shop: WooCommerceStorefront, api: Api, clock: Clock) -> None:
		path = f"products/{shop.add_product('A', '10').id}"
		shown = api.put(path, {"sale_price": "8.50", "date_on_sale_to_gmt": "2026-11-20T10:00:00"})
		assert (shown["price"], shown["on_sale"], shown["date_on_sale_to"]) == (
			"8.50",
			True,
			"2026-11-20T11:00:00",
		)
		clock.time += timedelta(hours=3)
		assert (api.get(path)["price"], api.get(path)["sale_price"]) == ("10", "8.50")
		assert api.put(path, {"date_on_sale_to_gmt": None})["date_on_sale_to_gmt"] is not None
		assert api.put(path, {"date_on_sale_to_gmt": ""})["date_on_sale_to_gmt"] is None
		assert api.put(path, {"sale_price": "10"})["sale_price"] == "", "not below the regular price"

	def test_rows_of_meta_are_merged_by_key(self, shop: WooCommerceStorefront, api: Api) -> None:
		path = f"products/{shop.add_product('A').id}"
		api.put(path, {"meta_data": [{"key": "a", "value": 1}, {"key": "b", "value": {"c": 2}}]})
		shown = api.put(path, {"meta_data": [{"key": "a", "value": None}, {"key": "b", "value": "3"}]})
		assert [(row["key"], row["value"]) for row in shown["meta_data"]] == [("b", "3")]

	def test_an_image_that_cannot_be_fetched_stops_the_whole(
		self, shop: WooCommerceStorefront, api: Api
	) -> None:
		shop.unreachable_images.add("https://cdn.example/x.png")
		given = {"name": "x", "images": [{"src": "https://cdn.example/x.png"}]}
		assert api.refused("POST", "products", given) == (400, "woocommerce_product_image_upload_error")
		assert shop.products == {}
		made = api.post("products", {"name": "x", "images": [{"src": "https://cdn.example/y.png"}]})
		[image] = made["images"]
		assert image["src"] == f"{shop.home}wp-content/uploads/2026/11/y.png"
		[same] = api.put(f"products/{made['id']}", {"images": [{"id": image["id"]}]})["images"]
		assert same["id"] == image["id"]


# --- orders


class TestOrders:
	def test_rows_are_lost_between_pages_of_one_second(self, shop: WooCommerceStorefront, api: Api) -> None:
		"""The shop sorts by the date alone."""
		shop.add_product("A", stock=None)
		for _ in range(30):
			shop.place_order({"A": 1})

		def read(by: str) -> list[int]:
			pages = [api.get("orders", orderby=by, order="asc", per_page=10, page=page) for page in (1, 2, 3)]
			return [row["id"] for page in pages for row in page]

		assert len(read("modified")) == 30 > len(set(read("modified")))
		assert read("id") == sorted(shop.orders)

	def test_modified_after_leaves_out_its_second(
		self, shop: WooCommerceStorefront, api: Api, clock: Clock
	) -> None:
		shop.add_product("A")
		clock.time += timedelta(milliseconds=700)
		order = shop.place_order({"A": 1})
		gmt = {"dates_are_gmt": "true"}
		assert api.get("orders", modified_after="2026-11-20T08:00:00", **gmt) == []
		assert [row["id"] for row in api.get("orders", modified_after="2026-11-20T07:59:59", **gmt)] == [
			order.id
		]
		assert api.get("orders", modified_after="2026-11-20T08:59:59"), (
			"without the flag it is the shop's time"
		)
		assert api.get("orders", modified_after="2026-11-20T07:59:59Z")
		assert not api.get("orders", modified_after="2026-11-20T07:59:59Z", **gmt), "both: shifted"
		assert api.refused("GET", "orders", modified_after="x") == (400, "rest_invalid_param")

	def test_dates_are_the_shops_and_utc_without_a_zone(self, shop: WooCommerceStorefront, api: Api) -> None:
		shop.add_product("A")
		shown = api.get(f"orders/{shop.place_order({'A': 1}).id}")
		assert (shown["date_created"], shown["date_created_gmt"]) == (
			"2026-11-20T09:00:00",
			"2026-11-20T08:00:00",
		)

	def test_any_status_leaves_out_the_trash(self, shop: WooCommerceStorefront, api: Api) -> None:
		shop.add_product("A")
		order = shop.place_order({"A": 1})
		shop.trash_order(order)
		assert api.get("orders") == api.get("orders", status="any,trash") == []
		assert len(api.get("orders", status="processing,trash")) == 1
		assert api.refused("GET", "orders", status="wc-completed") == (400, "rest_invalid_param")

	def test_lists_have_bounds_and_beyond_them_nothing(self, api: Api) -> None:
		assert api.get("orders", page=7) == []
		assert api.refused("GET", "orders", per_page=101) == (400, "rest_invalid_param")

	def test_a_quantity_alone_leaves_the_total(self, shop: WooCommerceStorefront, api: Api) -> None:
		shop.add_product("A", "33.33", stock=10)
		order = shop.place_order({"A": 2})
		[line] = order.lines
		path = f"orders/{order.id}"
		shown = api.put(path, {"line_items": [{"id": line.id, "quantity": 3}]})
		assert (shown["total"], shown["line_items"][0]["price"]) == ("79.33", 22.22)
		assert shop.stock("A") == 7
		given = {"id": line.id, "quantity": 3, "subtotal": "99.99", "total": "99.99"}
		assert api.put(path, {"line_items": [given]})["total"] == "118.99"
		foreign = {"line_items": [{"id": 999, "quantity": 1}]}
		assert api.refused("PUT", path, foreign) == (400, "woocommerce_rest_invalid_item_id")
		assert api.put(path, {"line_items": [{"id": line.id, "quantity": 0}]})["line_items"] == []
		assert shop.stock("A") == 10

	def test_an_unknown_product_is_a_line_of_none(self, shop: WooCommerceStorefront, api: Api) -> None:
		made = api.post("orders", {"line_items": [{"product_id": 999999, "quantity": 1}]})
		[line] = made["line_items"]
		assert (line["product_id"], line["sku"], line["total"], made["status"]) == (
			0,
			None,
			"0.00",
			"pending",
		)
		without = {"line_items": [{"quantity": 1}]}
		assert api.refused("POST", "orders", without) == (400, "woocommerce_rest_required_product_reference")

	def test_lines_lose_a_product_that_is_deleted(self, shop: WooCommerceStorefront, api: Api) -> None:
		product = shop.add_product("A", "10")
		order = shop.place_order({"A": 1})
		shop.delete_product(product)
		[line] = api.get(f"orders/{order.id}")["line_items"]
		assert (line["product_id"], line["sku"], line["name"], line["total"]) == (
			0,
			None,
			"Product A",
			"10.00",
		)

	def test_a_wrong_coupon_leaves_a_draft(self, shop: WooCommerceStorefront, api: Api) -> None:
		answer = api.send("POST", "orders", {"coupon_lines": [{"code": "nope"}]})
		assert (answer.status_code, answer.json()["code"]) == (400, "woocommerce_rest_invalid_coupon")
		[draft] = api.get("orders")
		assert (draft["id"], draft["status"]) == (
			answer.json()["data"]["new_draft_order_id"],
			"checkout-draft",
		)

	def test_paid_on_delivery_is_completed(self, shop: WooCommerceStorefront, api: Api) -> None:
		assert api.post("orders", {"payment_method": "cod", "set_paid": True})["status"] == "completed"
		assert api.post("orders", {"payment_method": "bacs", "set_paid": True})["status"] == "processing"

	def test_refunds_are_refused_as_a_server_error(self, shop: WooCommerceStorefront, api: Api) -> None:
		shop.add_product("A", "10")
		order = shop.place_order({"A": 1})
		path = f"orders/{order.id}/refunds"
		answer = api.send("POST", path, {"amount": "1000", "api_refund": False})
		assert (answer.status_code, answer.json()["data"]) == (500, 500)
		made = api.post(path, {"amount": "5.00", "api_refund": False})
		assert made["amount"] == "5.00"
		shown = api.get(f"orders/{order.id}")
		assert (shown["total"], shown["status"]) == ("11.90", "processing")
		assert [row["total"] for row in shown["refunds"]] == ["-5.00"]

	def test_a_refunded_line_is_negative(self, shop: WooCommerceStorefront, api: Api) -> None:
		shop.add_product("A", "10", stock=5)
		order = shop.place_order({"A": 3})
		shop.refund_order(order, quantities={order.lines[0].id: 1}, restock=True)
		[refund] = api.get(f"orders/{order.id}/refunds")
		[line] = refund["line_items"]
		assert (line["quantity"], line["total"], line["total_tax"], refund["amount"]) == (
			-1,
			"-10.00",
			"-1.90",
			"11.90",
		)
		assert shop.stock("A") == 3

	def test_an_order_that_is_gone(self, api: Api) -> None:
		code = "woocommerce_rest_shop_order_invalid_id"
		assert api.refused("GET", "orders/999999") == (404, code)
		assert api.refused("PUT", "orders/999999", {}) == (400, code)
		assert api.refused("GET", "orders/999999/notes") == (404, "woocommerce_rest_order_invalid_id")

	def test_what_has_no_trash_needs_force(self, shop: WooCommerceStorefront, api: Api) -> None:
		customer = shop.add_customer("ada@example.com")
		listen(shop)
		assert api.refused("DELETE", f"customers/{customer.id}") == (
			501,
			"woocommerce_rest_trash_not_supported",
		)
		assert api.send("DELETE", f"customers/{customer.id}", force="true").status_code == 200
		assert topics(shop) == [("customer.deleted", customer.id)]


# --- amounts, as a real shop reckoned them


VAT, REDUCED = (
	Rate(1, "DE-VAT 19%-1", "VAT 19%", Decimal(19)),
	Rate(2, "DE-VAT 7%-1", "VAT 7%", Decimal(7), shipping=False, tax_class="reduced-rate"),
)
CANADA = [Rate(3, "CA-GST-1", "GST", Decimal(5)), Rate(4, "CA-QST-2", "QST", Decimal("9.975"), compound=True)]
#: included, by order, rates, mixed goods, coupon, negative fee → total, total_tax, the taxes' rows
REAL = [
	(False, False, [VAT], False, True, False, "48.55", "7.75", ["6.82", "0.93"]),
	(False, True, [VAT], False, True, False, "48.55", "7.75", ["6.82", "0.93"]),
	(True, False, [VAT], False, True, False, "41.73", "6.66", ["5.73", "0.93"]),
	(True, True, [VAT], False, True, False, "41.73", "6.66", ["5.73", "0.93"]),
	(False, False, [VAT, REDUCED], True, True, False, "84.29", "10.06", ["6.77", "0.93", "2.36", "0.00"]),
	(True, False, [VAT, REDUCED], True, True, False, "75.16", "8.83", ["5.69", "0.93", "2.21", "0.00"]),
	(True, True, [VAT, REDUCED], True, True, False, "75.16", "8.82", ["5.69", "0.93", "2.21", "0.00"]),
	(False, False, CANADA, False, True, False, "47.11", "6.31", ["1.80", "0.25", "3.75", "0.51"]),
	(False, True, CANADA, False, True, False, "47.11", "6.31", ["1.80", "0.25", "3.76", "0.51"]),
	(False, False, [VAT, REDUCED], True, False, True, "90.10", "10.72", ["7.25", "0.93", "2.54", "0.00"]),
	(False, True, [VAT, REDUCED], True, False, True, "90.11", "10.73", ["7.25", "0.93", "2.54", "0.00"]),
]


@pytest.mark.parametrize(
	("included", "by_order", "rates", "mixed", "coupon", "fee", "total", "tax", "rows"), REAL
)
def test_orders_cost_what_they_cost_in_a_real_shop(
	shop: WooCommerceStorefront,
	api: Api,
	included: bool,
	by_order: bool,
	rates: list[Rate],
	mixed: bool,
	coupon: bool,
	fee: bool,
	total: str,
	tax: str,
	rows: list[str],
) -> None:
	shop.prices_include_tax, shop.tax_round_at_subtotal, shop.rates = included, by_order, rates
	shop.coupons["ten"] = Decimal(10)
	for sku, price in (("P999", "9.99"), ("P137", "1.37"), ("P033", "0.33")):
		shop.add_product(sku, price, stock=None)
	shop.add_product("BOOK", "12.49", stock=None, tax_class="reduced-rate")
	goods = [("P999", 3), ("BOOK", 3), ("P137", 7)] if mixed else [("P999", 3), ("P137", 7), ("P033", 1)]
	order = shop.place_order(
		[NewLine(sku, quantity) for sku, quantity in goods],
		Decimal("4.90"),
		fees=[NewFee("Rabatt", Decimal("-2.55"))] if fee else [],
		coupons=["ten"] if coupon else [],
	)
	shown = api.get(f"orders/{order.id}")
	assert (shown["total"], shown["total_tax"]) == (total, tax)
	assert [row[name] for row in shown["tax_lines"] for name in ("tax_total", "shipping_tax_total")] == rows


@pytest.mark.parametrize(("included", "tax"), [(False, "1.01"), (True, "1.00")])
def test_half_a_cent_of_tax(included: bool, tax: str) -> None:
	assert Rounding(included=included).tax(Decimal("1.005")) == Decimal(tax)


def test_what_a_coupon_leaves_over_goes_to_the_dearest() -> None:
	amounts = [(Decimal("29.97"), 3), (Decimal("37.47"), 3), (Decimal("9.59"), 7)]
	assert discounted(amounts, Decimal(10), 2) == [Decimal("2.99"), Decimal("3.76"), Decimal("0.95")]
