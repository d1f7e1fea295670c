from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal

import pytest

from commerce_bridge.bridge import signatures
from commerce_bridge.bridge.channel import Credentials
from commerce_bridge.bridge.errors import BridgeError, Misconfigured, Rejected, Retryable, TooLarge
from commerce_bridge.bridge.model import OrderChange, Parcel, Shipment, ShipmentLine, StockLevel
from commerce_bridge.bridge.protocols import HttpResponse, PushResult, row_key
from commerce_bridge.connectors.custom import mapper, messages
from commerce_bridge.connectors.custom.client import retry_after
from commerce_bridge.connectors.custom.connector import CustomConnector
from tests.connectors.storefront import (
	CHANNEL,
	CREDENTIALS,
	NOW,
	SECRET,
	RecordingTransport,
	json_answer,
	order,
	surroundings,
)


class Shop:
	"""A connector whose storefront answers what the test says."""

	def __init__(self, *answers: HttpResponse | Exception, credentials=CREDENTIALS, **channel: object):
		self.now = NOW
		self.transport = RecordingTransport(list(answers))
		changed = CHANNEL.model_copy(update=channel)
		self.connector = CustomConnector(changed, credentials, surroundings(self.transport, lambda: self.now))

	@property
	def message(self) -> dict:
		return json.loads(self.transport.sent[-1][3])


def level(**changes: object) -> StockLevel:
	given = {"listing": "L1", "item_code": "ITEM", "sku": "A", "quantity": Decimal("3.000"), **changes}
	return StockLevel(**given)


LEVELS = [
	level(),
	level(
		listing="L2", sku="B", location_id="store-2", product_id="p", variant_id="v", quantity=Decimal("2.5")
	),
]
LINE = ShipmentLine(order_line_id="l1", sku="A", quantity=Decimal(2), serials=("S1",))
SHIPMENT = Shipment(
	id="DN-1",
	order_id="9001",
	order_number="WEB-9001",
	lines=(LINE,),
	parcels=(Parcel(carrier="BlueDart", tracking_number="T1", tracking_url="https://track.example/T1"),),
	shipped_at=NOW,
)
CHANGE = OrderChange(order_id="9001", order_number="WEB-9001", kind="cancelled")

# --- messages --------------------------------------------------------------------------------------------


def test_stock_is_one_signed_message_for_the_batch():
	shop = Shop()
	assert shop.connector.push_stock(LEVELS) == [PushResult("L1|"), PushResult("L2|store-2")]
	[(method, url, headers, body)] = shop.transport.sent
	assert (method, url, headers["content-type"]) == (
		"POST",
		"https://shop.example/hooks",
		"application/json",
	)
	signatures.verify(headers, body, (SECRET,), NOW)
	assert shop.message == {
		"type": "stock.updated",
		"timestamp": "2026-11-20T10:00:00Z",
		"data": {
			"as_of": None,
			"levels": [
				{
					"key": "L1|",
					"sku": "A",
					"product_id": None,
					"variant_id": None,
					"location_id": None,
					"quantity": "3",
				},
				{
					"key": "L2|store-2",
					"sku": "B",
					"product_id": "p",
					"variant_id": "v",
					"location_id": "store-2",
					"quantity": "2.5",
				},
			],
		},
	}
	messages.StockUpdated.model_validate(shop.message)


def test_stock_is_as_old_as_the_level_read_first():
	shop = Shop()
	moments = (NOW + timedelta(microseconds=5), NOW)
	shop.connector.push_stock([level(listing=str(moment), as_of=moment) for moment in moments])
	assert shop.message["data"]["as_of"] == "2026-11-20T10:00:00.000000Z"
	messages.StockUpdated.model_validate(shop.message)
	shop.connector.push_stock([level(as_of=NOW), level(listing="L2")])
	assert shop.message["data"]["as_of"] is None


def test_a_shipment_and_its_cancellation():
	shop = Shop()
	assert shop.connector.push_shipment(SHIPMENT) == PushResult("DN-1")
	messages.ShipmentUpserted.model_validate(shop.message)
	assert shop.message["data"] == {
		"id": "DN-1",
		"order_id": "9001",
		"order_number": "WEB-9001",
		"lines": [{"order_line_id": "l1", "sku": "A", "quantity": "2", "serials": ["S1"], "returned": "0"}],
		"carrier": "BlueDart",
		"tracking_number": "T1",
		"tracking_url": "https://track.example/T1",
		"parcels": [
			{
				"carrier": "BlueDart",
				"tracking_number": "T1",
				"tracking_url": "https://track.example/T1",
				"delivered": False,
			}
		],
		"status": "shipped",
		"shipped_at": "2026-11-20T10:00:00Z",
		"delivered_at": None,
	}
	shop.connector.push_shipment(SHIPMENT.model_copy(update={"cancelled": True, "shipped_at": None}))
	messages.ShipmentCancelled.model_validate(shop.message)
	assert shop.message["type"] == "shipment.cancelled"


def test_an_order_change():
	shop = Shop()
	assert shop.connector.push_order_change(CHANGE) == PushResult("9001")
	messages.OrderChanged.model_validate(shop.message)


def test_both_secrets_sign_while_one_replaces_the_other():
	shop = Shop(credentials=Credentials(webhook_secrets=("new", "old")))
	shop.connector.push_stock(LEVELS)
	_, _, headers, body = shop.transport.sent[0]
	for secret in ("new", "old"):
		signatures.verify(headers, body, (secret,), NOW)


def test_the_same_stock_later_is_another_message():
	# A shop drops ids it has seen: after 5, 3, 5 it must show 5.
	shop = Shop()
	for _ in range(3):
		shop.connector.push_stock(LEVELS)
		shop.now += timedelta(milliseconds=1)
	assert len({headers["webhook-id"] for _, _, headers, _ in shop.transport.sent}) == 3


# --- answers ---------------------------------------------------------------------------------------------


def test_each_row_has_its_own_result():
	rows = [{"key": "L2|store-2", "error": "unknown\n sku", "retry": True}, {"key": "not ours", "error": "x"}]
	results = Shop(json_answer({"results": rows})).connector.push_stock(LEVELS)
	assert results == [PushResult("L1|"), PushResult("L2|store-2", "unknown sku", True)]


def test_a_row_that_fails_for_good():
	answer = json_answer({"results": [{"key": "DN-1", "error": "order is archived", "product_id": 5}]})
	assert Shop(answer).connector.push_shipment(SHIPMENT) == PushResult(
		"DN-1", "order is archived", False, product_id="5"
	)


@pytest.mark.parametrize(
	"answer",
	[
		HttpResponse(204, {}, b""),
		HttpResponse(200, {"content-type": "text/html"}, b"OK"),
		HttpResponse(200, {}, b"OK"),
		HttpResponse(202, {"content-type": "application/json"}, b" "),
		json_answer({}),
		json_answer({"results": []}),
		json_answer({"results": None}),
		json_answer({"results": [{"key": "L1|"}, {"key": "L1|", "error": None}, {"key": 5, "error": "x"}]}),
	],
)
def test_a_2xx_that_names_no_error_took_all(answer: HttpResponse):
	assert all(result.error is None for result in Shop(answer).connector.push_stock(LEVELS))


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"results": {}}', b'{"results": ["x"]}'])
def test_an_answer_that_cannot_be_read_is_tried_again(body: bytes):
	with pytest.raises(Retryable, match="cannot be read"):
		Shop(HttpResponse(200, {"content-type": "application/json"}, body)).connector.push_stock(LEVELS)


@pytest.mark.parametrize(
	("status", "error"),
	[
		*[(status, Retryable) for status in (408, 425, 429, 500, 502, 503, 504, 599)],
		*[(status, Misconfigured) for status in (301, 302, 307, 308, 401, 403, 404, 410)],
		*[(status, Rejected) for status in (400, 405, 409, 415, 422)],
		(413, TooLarge),
	],
)
def test_what_a_status_means(status: int, error: type[BridgeError]):
	for push in (
		lambda shop: shop.connector.push_stock(LEVELS),
		lambda shop: shop.connector.push_shipment(SHIPMENT),
		lambda shop: shop.connector.push_order_change(CHANGE),
	):
		with pytest.raises(BridgeError) as raised:
			push(Shop(HttpResponse(status, {}, b"")))
		assert type(raised.value) is error
		assert str(status) in str(raised.value)


@pytest.mark.parametrize(
	("status", "field"), [(401, "webhook_secret"), (404, "store_url"), (302, "store_url")]
)
def test_a_setting_that_is_wrong_is_named(status: int, field: str):
	with pytest.raises(Misconfigured) as raised:
		Shop(HttpResponse(status, {}, b"")).connector.push_stock(LEVELS)
	assert (raised.value.doctype, raised.value.document, raised.value.fieldname) == (
		"Channel Settings",
		"Shop",
		field,
	)


@pytest.mark.parametrize(
	("value", "wait"),
	[
		("120", timedelta(seconds=120)),
		("0", timedelta(0)),
		("Fri, 20 Nov 2026 10:02:00 GMT", timedelta(seconds=120)),
		("Fri, 20 Nov 2026 09:00:00 GMT", timedelta(0)),
		("999999999", timedelta(days=1)),
		("Sat, 20 Nov 2032 10:02:00 GMT", timedelta(days=1)),
		("", None),
		("soon", None),
		("-5", None),
		("1.5", None),
		("9" * 400, None),
	],
)
def test_retry_after(value: str, wait: timedelta | None):
	assert retry_after({"retry-after": value}, NOW) == wait
	with pytest.raises(Retryable) as raised:
		Shop(HttpResponse(429, {"retry-after": value}, b"")).connector.push_stock(LEVELS)
	assert raised.value.after == wait


def test_without_address_or_secret_nothing_is_sent():
	for shop in (
		Shop(store_url=""),
		Shop(credentials=Credentials()),
		Shop(credentials=Credentials(webhook_secrets=("",))),
	):
		with pytest.raises(Misconfigured):
			shop.connector.push_stock(LEVELS)
		assert shop.transport.sent == []


# --- reading ---------------------------------------------------------------------------------------------


def page(*orders: dict, cursor: str | None = None, more: bool = False) -> HttpResponse:
	return json_answer({"orders": list(orders), "cursor": cursor, "more": more})


def test_orders_are_read_page_by_page():
	shop = Shop(page(order(), order(id="2"), cursor="c1", more=True), page(order(id="3"), cursor="c2"))
	pages = list(shop.connector.orders_since("c0"))
	assert [[event.external_id for event in each.events] for each in pages] == [["9001", "2"], ["3"]]
	assert [(each.cursor, each.more) for each in pages] == [("c1", True), ("c2", False)]
	urls = [url for _, url, _, _ in shop.transport.sent]
	assert urls == [
		"https://shop.example/hooks/orders?limit=100&since=c0",
		"https://shop.example/hooks/orders?limit=100&since=c1",
	]
	for method, _, headers, body in shop.transport.sent:
		assert (method, body) == ("GET", None)
		signatures.verify(headers, b"", (SECRET,), NOW)


def test_the_first_read_has_no_cursor_and_a_query_stays():
	shop = Shop(page(), store_url="https://shop.example/index.php?route=bridge")
	list(shop.connector.orders_since(None))
	assert shop.transport.sent[0][1] == "https://shop.example/index.php/orders?route=bridge&limit=100"


def test_what_was_read_is_parsed_like_what_was_sent():
	[read] = next(Shop(page(order())).connector.orders_since(None)).events
	assert (read.topic, read.external_number, read.supported) == ("order.upserted", "WEB-9001", True)
	assert read.source_time == NOW - timedelta(minutes=30)
	assert mapper.parse(read.topic, read.payload) == mapper.parse(
		"order.upserted", json.dumps({"type": "order.upserted", "data": order()})
	)


def test_an_unchanged_order_is_the_same_event_and_a_changed_one_another():
	def event_id(**changes: object) -> str:
		return next(Shop(page(order(**changes))).connector.orders_since(None)).events[0].event_id

	assert event_id() == event_id()
	assert event_id() != event_id(note="changed")


def test_a_cursor_that_does_not_move_ends_the_reading():
	for stuck in ("c0", None):
		with pytest.raises(Retryable, match="does not move"):
			list(Shop(page(order(), cursor=stuck, more=True)).connector.orders_since("c0"))


@pytest.mark.parametrize("status", [404, 405, 501])
def test_a_storefront_without_reading(status: int):
	assert list(Shop(HttpResponse(status, {}, b"")).connector.orders_since(None)) == []
	assert Shop(HttpResponse(status, {}, b"")).connector.fetch_order("1") is None


@pytest.mark.parametrize(
	"answer",
	[
		HttpResponse(200, {}, b"<html>"),
		json_answer({}),
		json_answer({"orders": [1]}),
		json_answer({"orders": {}}),
		json_answer({"orders": [], "cursor": 5}),
		json_answer({"orders": [], "more": "yes"}),
		HttpResponse(503, {}, b""),
	],
)
def test_a_page_that_cannot_be_read(answer: HttpResponse):
	with pytest.raises(Retryable):
		list(Shop(answer).connector.orders_since(None))


def test_one_order_is_fetched():
	shop = Shop(json_answer(order()))
	assert shop.connector.fetch_order("a/b?c#d").external_id == "9001"
	assert shop.transport.sent[0][1] == "https://shop.example/hooks/orders/a%2Fb%3Fc%23d"


def test_reading_with_a_wrong_secret_says_so():
	with pytest.raises(Misconfigured):
		list(Shop(HttpResponse(401, {}, b"")).connector.orders_since(None))


# --- check -----------------------------------------------------------------------------------------------


def test_all_is_well():
	shop = Shop(HttpResponse(200, {"date": "Fri, 20 Nov 2026 09:59:30 GMT"}, b""))
	assert [check.ok for check in shop.connector.check()] == [True, True]
	assert shop.message == {"type": "ping", "timestamp": "2026-11-20T10:00:00Z", "data": {}}


@pytest.mark.parametrize(
	("date", "off"), [("Fri, 20 Nov 2026 09:58:59 GMT", 61), ("Fri, 20 Nov 2026 10:06:00 GMT", 360)]
)
def test_a_clock_that_is_off_is_a_warning(date: str, off: int):
	clock = Shop(HttpResponse(200, {"date": date}, b"")).connector.check()[-1]
	assert (clock.ok, clock.severity) == (False, "warning")
	assert f"{off} s" in clock.title and clock.fix


def test_without_a_date_nothing_is_said_of_the_clock():
	assert len(Shop(HttpResponse(200, {"date": "?"}, b"")).connector.check()) == 1


@pytest.mark.parametrize(
	"answer", [HttpResponse(401, {}, b""), HttpResponse(500, {}, b""), Retryable("no answer")]
)
def test_a_failed_ping(answer: HttpResponse | Exception):
	[check] = Shop(answer).connector.check()
	assert (check.ok, check.severity, check.doctype, check.document) == (
		False,
		"error",
		"Channel Settings",
		"Shop",
	)
	assert check.fix


def test_what_is_not_filled_in_is_named_without_a_request():
	shop = Shop(store_url="", credentials=Credentials())
	checks = shop.connector.check()
	assert [check.ok for check in checks] == [False, False]
	assert "URL" in checks[0].title and "secret" in checks[1].title
	assert [check.severity for check in checks] == ["warning", "warning"], (
		"it may read, and post with a token"
	)
	assert shop.transport.sent == []


def test_what_is_sent_has_to_be_signed():
	[check] = Shop(credentials=Credentials()).connector.check()
	assert ("secret" in check.title, check.severity, check.unreachable) == (True, "error", False)


def test_webhooks_are_entered_by_the_shops_developer():
	shop = Shop()
	assert "https://erp.example/x" in shop.connector.register_webhooks("https://erp.example/x")
	shop.connector.unregister_webhooks("https://erp.example/x")
	assert shop.transport.sent == []


def test_row_keys_tell_locations_apart():
	assert row_key(level()) == "L1|"
	assert row_key(level(location_id="x")) == "L1|x"
