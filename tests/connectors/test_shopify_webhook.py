from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from commerce_bridge.bridge.channel import Credentials
from commerce_bridge.bridge.errors import BadRequest, Unauthorized
from commerce_bridge.bridge.protocols import Incoming, WebhookRequest
from commerce_bridge.connectors.shopify import webhook
from commerce_bridge.connectors.shopify.subscriptions import header_topic, wanted_topics
from tests.connectors.shopify_shop import CHANNEL, CREDENTIALS, SHOP_DOMAIN

SAMPLES = Path(__file__).resolve().parents[3] / "shared" / "samples" / "shopify"


def gid(kind: str, number: int = 1) -> dict[str, Any]:
	return {"id": number, "admin_graphql_api_id": f"gid://shopify/{kind}/{number}"}


ORDER = {
	**gid("Order", 450789469),
	"name": "#1001",
	"line_items": [],
	"updated_at": "2026-11-20T10:00:00-05:00",
}
FULFILMENT = {**gid("Fulfillment", 5), "order_id": 450789469, "line_items": [], "name": "#1001.1"}
EDIT = {"order_edit": {"id": 9, "order_id": 450789469, "committed_at": "2026-11-20T10:00:00-05:00"}}
RETURN = {**gid("Return", 6), "order": gid("Order", 450789469)}
REFUND = {**gid("Refund", 7), "order_id": 450789469}
TRANSACTION = {"id": 8, "order_id": 450789469, "kind": "sale", "gateway": "visa"}
MOVE = {
	"original_fulfillment_order": {"id": "gid://shopify/FulfillmentOrder/1", "status": "closed"},
	"moved_fulfillment_order": {"id": "gid://shopify/FulfillmentOrder/2", "status": "open"},
}
CUSTOMER = {**gid("Customer", 11), "email": None}
PRODUCT = {**gid("Product", 12), "title": "Cup", "variants": []}
LEVEL = {"inventory_item_id": 13, "location_id": 14, "available": None}
SHOP = {"id": 15, "name": "Tea", "domain": None, "myshopify_domain": SHOP_DOMAIN}
REDACT = {"shop_id": 15, "shop_domain": SHOP_DOMAIN, "customer": {"id": 11}, "orders_to_redact": [450789469]}
REQUEST = {
	"shop_id": 15,
	"shop_domain": SHOP_DOMAIN,
	"customer": {"id": 11},
	"orders_requested": [450789469],
	"data_request": {"id": 1},
}
SHOP_REDACT = {"shop_id": 15, "shop_domain": SHOP_DOMAIN}
#: Topic → what it sends, and the id it is kept under.
BODIES: dict[str, tuple[dict[str, Any], str | None]] = {
	"orders/create": (ORDER, "450789469"),
	"orders/updated": (ORDER, "450789469"),
	"orders/paid": (ORDER, "450789469"),
	"orders/cancelled": ({**ORDER, "cancelled_at": "2026-11-20T10:00:00Z"}, "450789469"),
	"orders/edited": (EDIT, "450789469"),
	"orders/delete": ({"id": 450789469}, "450789469"),
	"fulfillments/create": (FULFILMENT, "450789469"),
	"fulfillments/update": (FULFILMENT, "450789469"),
	"fulfillment_orders/moved": (MOVE, None),
	"refunds/create": (REFUND, "450789469"),
	"order_transactions/create": (TRANSACTION, "450789469"),
	**{
		f"returns/{event}": (RETURN, "450789469")
		for event in ("approve", "cancel", "close", "decline", "process", "reopen", "request", "update")
	},
	"customers/create": (CUSTOMER, "11"),
	"customers/update": (CUSTOMER, "11"),
	"products/create": (PRODUCT, "12"),
	"products/update": (PRODUCT, "12"),
	"products/delete": ({"id": 12}, "12"),
	"inventory_levels/update": (LEVEL, "13"),
	"app/uninstalled": (SHOP, None),
	"customers/redact": (REDACT, "11"),
	"customers/data_request": (REQUEST, "11"),
	"shop/redact": (SHOP_REDACT, None),
}
#: Topics whose bodies cannot be told apart, and need not be: the state they carry is applied alike, or the
#: impostor is one that is never worked on.
ALIKE = (
	{"orders/create", "orders/updated", "orders/paid", "orders/cancelled"},
	{"fulfillments/create", "fulfillments/update"},
	{"customers/create", "customers/update"},
	{"products/create", "products/update"},
	{"products/delete", "orders/delete"},
	{topic for topic in BODIES if topic.startswith("returns/")},
)


def signed(body: Any, secret: str = "shpss_current", **headers: str) -> WebhookRequest:
	raw = body if isinstance(body, bytes) else json.dumps(body).encode()
	digest = base64.b64encode(hmac.new(secret.encode(), raw, hashlib.sha256).digest()).decode()
	given = {name.replace("_", "-"): value for name, value in headers.items()}
	defaults = {
		"x-shopify-hmac-sha256": digest,
		"x-shopify-shop-domain": SHOP_DOMAIN,
		"x-shopify-topic": "orders/create",
		"x-shopify-webhook-id": "b54557e4-bdd9-4b37-8a5f-bf7d70bcd043",
		"x-shopify-triggered-at": "2026-11-20T09:59:58.160232984Z",
	}
	return WebhookRequest({**defaults, **given}, raw)


def verify(request: WebhookRequest, credentials: Credentials = CREDENTIALS, **channel: Any) -> None:
	webhook.verify(request, CHANNEL.model_copy(update=channel), credentials)


def identify(topic: str, body: Any, **headers: str) -> Incoming:
	return webhook.identify(signed(body, x_shopify_topic=topic, **headers), CHANNEL)


# --- who sent it ---------------------------------------------------------------------------------------------


def test_the_secret_of_the_app_signs() -> None:
	verify(signed(ORDER))


def test_a_known_signature() -> None:
	"""Made with `openssl dgst -sha256 -hmac hush -binary | base64`."""
	assert webhook.signature(b"hush", b'{"id":1}') == b"VnKUjZsLuN5iZWjn5EntcBVCF9kMN43LglzCE1/GSeY="


@pytest.mark.parametrize("secret", ["shpss_old", "shop-wide"])
def test_the_previous_secret_and_the_shop_s_own_sign_too(secret: str) -> None:
	verify(
		signed(ORDER, secret),
		Credentials(api_secret="shpss_current", webhook_secrets=("shop-wide", "shpss_old")),
	)


@pytest.mark.parametrize(
	"headers",
	[
		{"x_shopify_hmac_sha256": ""},
		{"x_shopify_hmac_sha256": "é" * 44},
		{"x_shopify_hmac_sha256": "\udcff"},
		{"x_shopify_hmac_sha256": "A" * 43 + "="},
		{"x_shopify_shop_domain": "other.myshopify.com"},
		{"x_shopify_shop_domain": ""},
	],
)
def test_another_signature_or_shop_is_refused(headers: dict[str, str]) -> None:
	with pytest.raises(Unauthorized):
		verify(signed(ORDER, **headers))


def test_another_secret_is_refused() -> None:
	with pytest.raises(Unauthorized):
		verify(signed(ORDER, "shpss_other"))


@pytest.mark.parametrize("body", [b"", b"{}", b'{"id": 1} ', b"\xff\xfe"])
def test_exactly_these_bytes_are_signed(body: bytes) -> None:
	request = signed(b'{"id": 1}')
	with pytest.raises(Unauthorized):
		verify(WebhookRequest(request.headers, body))


@pytest.mark.parametrize("secret", ["", "None"])
def test_a_channel_without_secrets_takes_nothing(secret: str) -> None:
	with pytest.raises(Unauthorized):
		verify(signed(ORDER, secret), Credentials(webhook_secrets=("",), api_secret=""))


def test_a_channel_without_a_shop_takes_nothing() -> None:
	with pytest.raises(Unauthorized):
		verify(signed(ORDER, x_shopify_shop_domain=""), store_url="")


def test_the_simulated_shop_has_a_name_of_its_own() -> None:
	simulated = signed(ORDER, x_shopify_shop_domain="simulated.myshopify.com")
	verify(simulated, store_url="http://127.0.0.1:8125")
	with pytest.raises(Unauthorized):
		verify(simulated)


# --- what it is ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("topic", BODIES)
def test_every_topic_is_known_by_its_body(topic: str) -> None:
	body, external_id = BODIES[topic]
	incoming = identify(topic, body)
	assert (incoming.topic, incoming.external_id) == (topic, external_id)
	assert incoming.event_id == "b54557e4-bdd9-4b37-8a5f-bf7d70bcd043"
	assert json.loads(incoming.payload) == body


def test_every_topic_that_is_subscribed_to_is_known() -> None:
	switched_on = CHANNEL.model_copy(
		update={"stock": CHANNEL.stock.model_copy(update={"watch": True})},
	)
	assert {header_topic(topic) for topic in wanted_topics(switched_on)} <= set(BODIES)


@pytest.mark.parametrize("named", BODIES)
def test_a_delivery_is_not_one_of_another_topic(named: str) -> None:
	others = [sent for sent in BODIES if not any({sent, named} <= group for group in ALIKE)]
	for sent in (topic for topic in others if topic != named):
		with pytest.raises(BadRequest, match="is not what"):
			identify(named, BODIES[sent][0])


def test_an_order_that_stands_is_no_cancellation() -> None:
	with pytest.raises(BadRequest):
		identify("orders/cancelled", {**ORDER, "cancelled_at": None})


@pytest.mark.parametrize(
	("topic", "body"),
	[
		("app/uninstalled", {**SHOP, "myshopify_domain": "other.myshopify.com"}),
		("customers/redact", {**REDACT, "shop_domain": "other.myshopify.com"}),
		("customers/data_request", {**REQUEST, "shop_domain": "other.myshopify.com"}),
		("shop/redact", {**SHOP_REDACT, "shop_domain": "other.myshopify.com"}),
	],
)
def test_a_delivery_that_names_another_shop_is_not_for_here(topic: str, body: dict[str, Any]) -> None:
	with pytest.raises(BadRequest):
		identify(topic, body)


@pytest.mark.parametrize(
	"topic", ["orders/updated", "app/uninstalled", "shop/redact", "inventory_levels/update"]
)
@pytest.mark.parametrize(
	"body", [b"", b"[]", b'{"id": 1', b'{"id": 1, "id": 2}', b'{"a": NaN}', b"{}", b'{"id": "x"}', b"\xff"]
)
def test_a_body_that_is_damaged_is_refused(topic: str, body: bytes) -> None:
	with pytest.raises(BadRequest):
		identify(topic, body)


@pytest.mark.parametrize("topic", ["", "orders", "orders/create/x", "<b>/x", "Ünknown/x"])
def test_a_topic_that_is_none_is_refused(topic: str) -> None:
	with pytest.raises(BadRequest):
		identify(topic, ORDER)


@pytest.mark.parametrize("topic", ["carts/update", "orders/changed", "themes/publish"])
def test_a_topic_nobody_asked_for_is_kept_with_the_reason(topic: str) -> None:
	incoming = identify(topic, {"id": 3})
	assert (incoming.supported, incoming.reason) == (False, f"unknown topic {topic}")
	assert incoming.external_id == "3"


@pytest.mark.parametrize("topic", ["refunds/create", "order_transactions/create", "returns/request"])
def test_money_and_returns_are_worked_on_under_their_order(topic: str) -> None:
	incoming = identify(topic, BODIES[topic][0])
	assert (incoming.supported, incoming.external_id) == (True, BODIES[topic][1])


def test_a_return_that_names_no_order_is_refused() -> None:
	body = {"admin_graphql_api_id": "gid://shopify/Return/1", "id": 1, "status": "open"}
	with pytest.raises(BadRequest):
		identify("returns/close", body)


def test_a_deleted_order_is_left_to_a_person() -> None:
	incoming = identify("orders/delete", {"id": 450789469})
	assert not incoming.supported and "stays in ERPNext" in incoming.reason


def test_ids_keep_every_digit() -> None:
	number = 2**60 + 1
	incoming = identify("products/delete", {"id": number})
	assert incoming.external_id == str(number)
	assert str(number) in incoming.payload


def test_a_rounded_number_is_read_from_the_global_id() -> None:
	rounded = {
		**ORDER,
		"id": 820982911946154500,
		"admin_graphql_api_id": "gid://shopify/Order/820982911946154508",
	}
	assert identify("orders/create", rounded).external_id == "820982911946154508"


def test_what_people_call_an_order_is_kept() -> None:
	assert identify("orders/create", ORDER).external_number == "#1001"
	assert identify("orders/create", {**ORDER, "name": "9" * 500}).external_number == "9" * 140
	assert identify("fulfillments/create", FULFILMENT).external_number is None


@pytest.mark.parametrize(
	("topic", "body", "expected"),
	[
		("orders/create", ORDER, datetime(2026, 11, 20, 15, 0, tzinfo=timezone.utc)),
		("orders/edited", EDIT, datetime(2026, 11, 20, 15, 0, tzinfo=timezone.utc)),
		("app/uninstalled", SHOP, datetime(2026, 11, 20, 9, 59, 58, 160232, tzinfo=timezone.utc)),
		("orders/create", {**ORDER, "updated_at": "soon"}, None),
		("orders/create", {**ORDER, "updated_at": 5}, None),
	],
)
def test_when_it_happened(topic: str, body: dict[str, Any], expected: datetime | None) -> None:
	assert identify(topic, body).source_time == expected


def test_without_an_id_of_the_delivery_its_bytes_are_the_id() -> None:
	first, again = (identify("orders/create", ORDER, x_shopify_webhook_id="") for _ in range(2))
	other = identify("orders/create", {**ORDER, "note": "x"}, x_shopify_webhook_id="")
	assert first.event_id == again.event_id != other.event_id


# --- what Shopify itself sends ---------------------------------------------------------------------------------


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the captured deliveries are not here")
@pytest.mark.parametrize(
	("name", "external_id"),
	[
		("orders.create", "820982911946154508"),
		("orders.edited", "820982911946154500"),
		("refunds.create", "820982911946154500"),
		("fulfillments.create", "820982911946154500"),
		("returns.request", "4783296544821"),
		("order_transactions.create", "820982911946154500"),
		("inventory_levels.update", "271878346596884015"),
		("products.update", "788032119674292922"),
	],
)
def test_captured_deliveries_are_known(name: str, external_id: str) -> None:
	sample = json.loads((SAMPLES / f"{name}.json").read_text())
	request = WebhookRequest(sample["headers"], json.dumps(sample["body"]).encode())
	channel = CHANNEL.model_copy(update={"store_url": "https://shop.myshopify.com"})
	incoming = webhook.identify(request, channel)
	assert incoming.topic == sample["topic"]
	assert incoming.external_id == external_id
	assert incoming.source_time is not None
