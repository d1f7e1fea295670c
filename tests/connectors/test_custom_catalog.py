"""Catalog, prices, order status and customers to a custom storefront, and what it shows read back."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal

import pytest

from commerce_bridge.bridge import signatures
from commerce_bridge.bridge.errors import BridgeError, Misconfigured, Rejected, Retryable, TooLarge
from commerce_bridge.bridge.model import (
	Address,
	Component,
	Customer,
	Listing,
	OrderStatus,
	Price,
	ShownLevel,
	ShownProduct,
)
from commerce_bridge.bridge.protocols import HttpResponse, PushResult, ShownPage
from commerce_bridge.connectors.custom import messages
from commerce_bridge.connectors.custom.connector import CustomConnector
from tests.connectors.storefront import (
	CHANNEL,
	CREDENTIALS,
	NOW,
	SECRET,
	RecordingTransport,
	json_answer,
	surroundings,
)

PRICE = Price(
	listing="L1",
	item_code="ITEM",
	sku="A",
	product_id="p1",
	currency="INR",
	amount=Decimal("12.50"),
	compare_at=Decimal("15.00"),
	valid_until=date(2026, 11, 30),
)
LISTING = Listing(
	listing="L1",
	item_code="ITEM",
	sku="A",
	product_id="p1",
	title="Phone",
	description="<p>Good</p>",
	images=("https://erp.example/files/a.jpg",),
	weight=Decimal("0.250"),
	weight_uom="Kg",
	barcodes=("4006381333931",),
	attributes={"Colour": "Blue"},
	template_product_id="p1",
	components=(Component(sku="CASE", quantity=Decimal("2.00")),),
	condition="Refurbished",
	grade="A",
	warranty_months=12,
	custom={"model": "X1"},
	price=PRICE,
)
STATUS = OrderStatus(
	order_id="9001",
	order_number="WEB-9001",
	document="SO-1",
	status="To Bill",
	delivered=Decimal("100.000"),
	billed=Decimal("33.30"),
	updated_at=NOW,
)
CUSTOMER = Customer(id="CUST-1", email="asha@example.com", addresses=(Address(city="Pune"),), updated_at=NOW)


class Shop:
	def __init__(self, *answers: HttpResponse | Exception):
		self.transport = RecordingTransport(list(answers))
		self.connector = CustomConnector(CHANNEL, CREDENTIALS, surroundings(self.transport))

	@property
	def message(self) -> dict:
		method, url, headers, body = self.transport.sent[-1]
		assert (method, url) == ("POST", CHANNEL.store_url)
		signatures.verify(headers, body, (SECRET,), NOW)
		return json.loads(body)


# --- messages --------------------------------------------------------------------------------------------


def test_prices():
	shop = Shop()
	other = PRICE.model_copy(
		update={"listing": "L2", "amount": Decimal("1E+2"), "compare_at": None, "valid_until": None}
	)
	assert shop.connector.push_prices([PRICE, other]) == [PushResult("L1"), PushResult("L2")]
	messages.PriceUpdated.model_validate(shop.message)
	assert shop.message["type"] == "price.updated"
	first, second = shop.message["data"]["prices"]
	assert first == {
		"key": "L1",
		"sku": "A",
		"product_id": "p1",
		"variant_id": None,
		"currency": "INR",
		"amount": "12.50",
		"compare_at": "15.00",
		"valid_from": None,
		"valid_until": "2026-11-30",
	}
	assert (second["amount"], second["compare_at"]) == ("100", None)


def test_a_listing_with_all_there_is_of_it():
	shop = Shop()
	assert shop.connector.push_listings([LISTING]) == [PushResult("L1")]
	messages.ListingUpserted.model_validate(shop.message)
	assert shop.message["type"] == "listing.upserted"
	[row] = shop.message["data"]["listings"]
	assert row == {
		"key": "L1",
		"sku": "A",
		"product_id": "p1",
		"variant_id": None,
		"published": True,
		"reason": None,
		"title": "Phone",
		"description": "<p>Good</p>",
		"images": ["https://erp.example/files/a.jpg"],
		"brand": None,
		"item_group": None,
		"uom": None,
		"weight": "0.25",
		"weight_uom": "Kg",
		"barcodes": ["4006381333931"],
		"variant_of": None,
		"attributes": {"Colour": "Blue"},
		"components": [{"sku": "CASE", "quantity": "2"}],
		"condition": "Refurbished",
		"grade": "A",
		"grade_code": None,
		"serial_no": None,
		"warranty_months": 12,
		"refurbishment_status": None,
		"custom": {"model": "X1"},
		"price": {
			"currency": "INR",
			"amount": "12.50",
			"compare_at": "15.00",
			"valid_from": None,
			"valid_until": "2026-11-30",
		},
	}


def test_a_listing_of_which_little_is_ours():
	shop = Shop()
	shop.connector.push_listings(
		[Listing(listing="L1", item_code="I", sku="A", published=False, reason="Paused")]
	)
	messages.ListingUpserted.model_validate(shop.message)
	[row] = shop.message["data"]["listings"]
	assert (row["published"], row["reason"]) == (False, "Paused")
	assert [row[name] for name in ("title", "description", "images", "price")] == [None] * 4


def test_the_storefront_says_what_it_calls_a_new_product():
	rows = [{"key": "L1", "product_id": 77, "variant_id": "77-1"}]
	[result] = Shop(json_answer({"results": rows})).connector.push_listings([LISTING])
	assert (result.error, result.product_id, result.variant_id) == (None, "77", "77-1")


def test_an_order_status():
	shop = Shop()
	assert shop.connector.push_order_status(STATUS) == PushResult("9001")
	messages.OrderStatusChanged.model_validate(shop.message)
	assert shop.message["data"] == {
		"order_id": "9001",
		"order_number": "WEB-9001",
		"document": "SO-1",
		"status": "To Bill",
		"delivered": "100",
		"billed": "33.3",
		"updated_at": "2026-11-20T10:00:00Z",
	}


def test_a_customer():
	shop = Shop()
	assert shop.connector.push_customer(CUSTOMER) == PushResult("CUST-1")
	messages.CustomerUpdated.model_validate(shop.message)
	data = shop.message["data"]
	assert (data["id"], data["addresses"][0]["city"], data["updated_at"]) == (
		"CUST-1",
		"Pune",
		"2026-11-20T10:00:00Z",
	)


# --- answers ---------------------------------------------------------------------------------------------

PUSHES = {
	"prices": lambda connector: connector.push_prices([PRICE]),
	"listings": lambda connector: connector.push_listings([LISTING]),
	"status": lambda connector: [connector.push_order_status(STATUS)],
	"customer": lambda connector: [connector.push_customer(CUSTOMER)],
}
every_push = pytest.mark.parametrize("push", PUSHES.values(), ids=PUSHES)


@every_push
@pytest.mark.parametrize(
	("status", "error"),
	[(401, Misconfigured), (413, TooLarge), (422, Rejected), (429, Retryable), (503, Retryable)],
)
def test_what_a_status_means(push, status: int, error: type[BridgeError]):
	with pytest.raises(BridgeError) as raised:
		push(Shop(HttpResponse(status, {"retry-after": "60"}, b"")).connector)
	assert type(raised.value) is error and str(status) in str(raised.value)
	if status in (429, 503):
		assert raised.value.after.total_seconds() == 60


@every_push
@pytest.mark.parametrize(
	"answer",
	[
		HttpResponse(200, {"content-type": "text/html"}, b"<!doctype html><title>Log in</title>"),
		HttpResponse(200, {}, b"  <html></html>"),
		HttpResponse(200, {"content-type": "text/plain"}, b"word " * 100),
		HttpResponse(200, {}, b"\x89PNG\r\n"),
		HttpResponse(200, {"content-type": "application/json"}, b"OK"),
		HttpResponse(200, {"content-type": "text/plain"}, b"{"),
		HttpResponse(200, {"content-type": "application/json"}, b"[]"),
	],
)
def test_a_page_or_garbage_is_no_yes(push, answer: HttpResponse):
	with pytest.raises(Retryable):
		push(Shop(answer).connector)


@every_push
def test_no_answer_at_all(push):
	with pytest.raises(Retryable, match="closed"):
		push(Shop(Retryable("The connection was closed")).connector)


@every_push
@pytest.mark.parametrize("body", [b"", b" \n", b"OK", b"success"])
def test_a_plain_yes(push, body: bytes):
	assert [result.error for result in push(Shop(HttpResponse(200, {}, body)).connector)] == [None]


def test_errors_inside_a_200_are_read_whatever_it_calls_itself():
	body = json.dumps({"results": [{"key": "L2", "error": "no\nsuch product", "retry": True}]}).encode()
	answer = HttpResponse(200, {"content-type": "text/html"}, body)
	other = PRICE.model_copy(update={"listing": "L2"})
	assert Shop(answer).connector.push_prices([PRICE, other]) == [
		PushResult("L1"),
		PushResult("L2", "no such product", True),
	]


# --- reading ---------------------------------------------------------------------------------------------


def test_a_page_of_stock_and_one_of_the_catalog():
	levels = [
		{"sku": "A", "product_id": "", "location_id": "store-2", "quantity": 3, "shelf": "B4"},
		{"sku": None, "product_id": "p2", "variant_id": "v2", "quantity": "-2.5"},
	]
	shop = Shop(json_answer({"levels": levels, "cursor": "c2"}))
	assert shop.connector.shown_stock("c1") == ShownPage(
		(
			ShownLevel(sku="A", location_id="store-2", quantity=Decimal(3)),
			ShownLevel(product_id="p2", variant_id="v2", quantity=Decimal("-2.5")),
		),
		"c2",
	)
	[(method, url, headers, body)] = shop.transport.sent
	assert (method, url, body) == ("GET", "https://shop.example/hooks/stock?limit=250&cursor=c1", None)
	signatures.verify(headers, b"", (SECRET,), NOW)
	products = [{"sku": "A", "product_id": "p1", "barcode": "4006381333931", "title": "Phone"}]
	shop = Shop(json_answer({"products": products, "cursor": None}))
	assert shop.connector.shown_catalog(None) == ShownPage(
		(ShownProduct(sku="A", product_id="p1", barcode="4006381333931", title="Phone"),), None
	)
	assert shop.transport.sent[0][1] == "https://shop.example/hooks/catalog?limit=250"


READS = {"stock": CustomConnector.shown_stock, "catalog": CustomConnector.shown_catalog}
every_read = pytest.mark.parametrize("read", READS.values(), ids=READS)


@every_read
@pytest.mark.parametrize("status", [404, 405, 501])
def test_a_storefront_that_does_not_show_it(read, status: int):
	assert read(Shop(HttpResponse(status, {}, b"")).connector, None) is None


@every_read
def test_an_empty_cursor_is_the_end(read):
	page = read(Shop(json_answer({"levels": [], "products": [], "cursor": ""})).connector, "c1")
	assert page == ShownPage((), None)


@every_read
@pytest.mark.parametrize(
	"answer",
	[
		HttpResponse(200, {"content-type": "text/html"}, b"<html>"),
		HttpResponse(200, {}, b""),
		json_answer({}),
		json_answer({"levels": {}, "products": {}}),
		json_answer({"levels": [1], "products": [1]}),
		json_answer({"levels": [{"sku": "A", "quantity": 1.5}], "products": [{"title": 5}]}),
		json_answer({"levels": [{"sku": "A"}], "products": [{"sku": ["A"]}]}),
		json_answer({"levels": [], "products": [], "cursor": 5}),
		json_answer({"levels": [], "products": [], "cursor": "c1"}),
		HttpResponse(503, {}, b""),
	],
)
def test_a_page_that_cannot_be_read(read, answer: HttpResponse):
	with pytest.raises(Retryable):
		read(Shop(answer).connector, "c1")


def test_what_is_wrong_with_a_page_is_named():
	answer = json_answer({"levels": [{"quantity": "1"}, {"quantity": "many"}], "cursor": None})
	with pytest.raises(Retryable, match=r"page\.levels\[1\]\.quantity: must be a decimal"):
		Shop(answer).connector.shown_stock(None)
