"""Deliveries of WooCommerce, before their data is looked at: who sent them, and what they are."""

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
from commerce_bridge.bridge.protocols import Answer, Incoming, WebhookRequest
from commerce_bridge.connectors.woocommerce import webhook
from commerce_bridge.connectors.woocommerce.mapper import ORDER_TOPICS, POLLED
from commerce_bridge.connectors.woocommerce.subscriptions import TOPICS
from tests.connectors.woocommerce_orders import VAT19, Cart, Sold

FIXTURES = Path(__file__).parent / "fixtures" / "woocommerce"
SECRET = "Secret1"
CREDENTIALS = Credentials(webhook_secrets=(SECRET,))
ORDER = Cart([Sold("10.00", 1, (VAT19,))]).payload()
PRODUCT = {"id": 12, "type": "simple", "status": "publish", "sku": "A", "manage_stock": False, "name": "Cup"}
CUSTOMER = {"id": 3, "email": "a@example.com", "username": "a", "billing": {}}
ONLY_ID = {"id": 23}
GONE = {"code": "woocommerce_rest_shop_order_invalid_id", "message": "Invalid ID.", "data": {"status": 404}}
FORBIDDEN = {
	"code": "woocommerce_rest_cannot_view",
	"message": "Sorry, you cannot view this resource.",
	"data": {"status": 403},
}
#: Topic → what it sends.
BODIES: dict[str, dict[str, Any]] = {
	"order.created": ORDER,
	"order.updated": ORDER,
	"order.restored": ORDER,
	"order.deleted": ONLY_ID,
	"product.created": PRODUCT,
	"product.updated": PRODUCT,
	"product.restored": PRODUCT,
	"product.deleted": ONLY_ID,
	"customer.created": CUSTOMER,
	"customer.updated": CUSTOMER,
	"customer.deleted": ONLY_ID,
}


def raw(body: Any) -> bytes:
	return body if isinstance(body, bytes) else json.dumps(body).encode()


def signed(topic: str, body: Any, secret: str = SECRET, **headers: str) -> WebhookRequest:
	digest = base64.b64encode(hmac.new(secret.encode(), raw(body), hashlib.sha256).digest()).decode()
	resource, _, event = topic.partition(".")
	defaults = {
		"x-wc-webhook-source": "https://shop.example/",
		"x-wc-webhook-topic": topic,
		"x-wc-webhook-resource": resource,
		"x-wc-webhook-event": event,
		"x-wc-webhook-signature": digest,
		"x-wc-webhook-id": "7",
		"x-wc-webhook-delivery-id": "f1ca4a9b1f6f212345edec03678fbd0b",
	}
	given = {name.replace("_", "-"): value for name, value in headers.items()}
	return WebhookRequest({**defaults, **given}, raw(body))


def identify(topic: str, body: Any, **headers: str) -> Incoming:
	return webhook.identify(signed(topic, body, **headers))


# --- the ping ------------------------------------------------------------------------------------------------


def test_the_ping_of_a_real_shop_is_answered_with_exactly_200() -> None:
	"""Until it is, every delivery is followed by another one. It has neither topic nor signature."""
	ping = json.loads((FIXTURES / "webhook_ping.json").read_text())
	headers = {name.lower(): value for name, value in ping["headers"]}
	assert webhook.handshake(WebhookRequest(headers, ping["body"].encode())) == Answer(200)


@pytest.mark.parametrize(
	"body", [b"", b"webhook_id=", b"webhook_id=1&x=1", b"webhook_id=a", b"webhook_id=1\n", b"{}"]
)
def test_what_is_no_ping_is_not_answered(body: bytes) -> None:
	assert webhook.handshake(WebhookRequest({}, body)) is None


def test_a_delivery_is_no_ping() -> None:
	assert webhook.handshake(signed("order.created", b"webhook_id=1")) is None


# --- who sent it ---------------------------------------------------------------------------------------------


def test_the_secret_signs() -> None:
	webhook.verify(signed("order.created", ORDER), CREDENTIALS)


@pytest.mark.parametrize("secrets", [(SECRET, "Old"), ("Old", SECRET)])
def test_any_of_the_secrets_signs(secrets: tuple[str, ...]) -> None:
	webhook.verify(signed("order.created", ORDER, "Old"), Credentials(webhook_secrets=secrets))


def test_a_known_signature() -> None:
	"""Made with `openssl dgst -sha256 -hmac hush -binary | base64`."""
	assert webhook.signature(b"hush", b'{"id":1}') == b"VnKUjZsLuN5iZWjn5EntcBVCF9kMN43LglzCE1/GSeY="


@pytest.mark.parametrize("signature", ["", "é" * 44, "\udcff", "A" * 43 + "="])
def test_another_signature_is_refused(signature: str) -> None:
	with pytest.raises(Unauthorized):
		webhook.verify(signed("order.created", ORDER, x_wc_webhook_signature=signature), CREDENTIALS)


def test_another_secret_is_refused() -> None:
	with pytest.raises(Unauthorized):
		webhook.verify(signed("order.created", ORDER, "Other"), CREDENTIALS)


def test_the_keys_of_the_api_sign_nothing() -> None:
	with pytest.raises(Unauthorized):
		webhook.verify(signed("order.created", ORDER, "cs_1"), Credentials(api_key="ck_1", api_secret="cs_1"))


@pytest.mark.parametrize("secrets", [(), ("",)])
def test_a_channel_without_secrets_takes_nothing(secrets: tuple[str, ...]) -> None:
	with pytest.raises(Unauthorized):
		webhook.verify(signed("order.created", ORDER, ""), Credentials(webhook_secrets=secrets))


@pytest.mark.parametrize(
	"body", [b"", b"{}", b'{"a":"b/c"} ', b'{"a": "b/c"}', rb'{"a":"\u0062/c"}', b"\xff\xfe"]
)
def test_exactly_these_bytes_are_signed(body: bytes) -> None:
	"""A shop writes "\\/" and "\\u00fc": what is read and written again is other bytes."""
	request = signed("order.created", rb'{"a":"b\/c"}')
	webhook.verify(request, CREDENTIALS)
	with pytest.raises(Unauthorized):
		webhook.verify(WebhookRequest(request.headers, body), CREDENTIALS)


# --- what it is ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("topic", BODIES)
def test_every_topic_is_known_by_its_body(topic: str) -> None:
	incoming = identify(topic, BODIES[topic])
	assert (incoming.topic, incoming.external_id) == (topic, str(BODIES[topic]["id"]))
	assert json.loads(incoming.payload) == BODIES[topic]


def test_every_topic_that_is_subscribed_to_is_known() -> None:
	assert set(TOPICS) == set(BODIES) == webhook.TOPICS


def test_topics_that_lead_to_an_order() -> None:
	assert {topic for topic in BODIES if topic.startswith("order.")} | {POLLED} == ORDER_TOPICS


@pytest.mark.parametrize("named", BODIES)
def test_a_delivery_is_not_one_of_another_topic(named: str) -> None:
	"""The topic is not signed: an order that was captured is not sent on as its own deletion."""
	for sent, body in BODIES.items():
		if body is not BODIES[named]:
			with pytest.raises(BadRequest, match="is not what"):
				identify(named, body)
		else:
			assert identify(sent, body).topic == sent


@pytest.mark.parametrize("topic", ["order.updated", "order.deleted", "product.updated", "customer.updated"])
@pytest.mark.parametrize(
	"body",
	[
		b"",
		b"[]",
		b'{"id": 1',
		b'{"id": 1, "id": 2}',
		b'{"a": NaN}',
		b"{}",
		b'{"id": "x"}',
		b'{"id":0}',
		b"\xff",
	],
)
def test_a_body_that_is_damaged_is_refused(topic: str, body: bytes) -> None:
	with pytest.raises(BadRequest):
		identify(topic, body)


@pytest.mark.parametrize("topic", ["", "order", "order/created", "<b>.x", "Ünknown.x"])
def test_a_topic_that_is_none_is_refused(topic: str) -> None:
	with pytest.raises(BadRequest):
		identify(topic, ORDER)


@pytest.mark.parametrize(
	("topic", "body"),
	[
		("coupon.created", {"id": 3, "code": "ten"}),
		("action.woocommerce_order_note_added", {"action": "woocommerce_order_note_added", "arg": 2}),
		(POLLED, {"id": 3}),
	],
)
def test_a_topic_nobody_asked_for_is_kept_with_the_reason(topic: str, body: dict[str, Any]) -> None:
	incoming = identify(topic, body)
	assert (incoming.supported, incoming.reason) == (False, f"unknown topic {topic}")


def test_a_deleted_customer_is_left_to_a_person() -> None:
	incoming = identify("customer.deleted", ONLY_ID)
	assert not incoming.supported and incoming.reason and "stays in ERPNext" in incoming.reason


def test_the_time_is_that_of_the_order_in_utc() -> None:
	"""`date_modified` is the shop's own time, `date_modified_gmt` has no zone."""
	assert identify("order.updated", ORDER).source_time == datetime(
		2026, 11, 20, 9, 0, 5, tzinfo=timezone.utc
	)
	assert identify("order.deleted", ONLY_ID).source_time is None


@pytest.mark.parametrize(
	"value", [None, "", 7, "yesterday", "2026-13-01T00:00:00", "9999-12-31T23:59:59-23:59"]
)
def test_what_is_no_time_is_none(value: Any) -> None:
	assert webhook.moment(value) is None


def test_an_order_s_number_is_what_people_know_it_by() -> None:
	"""Extensions number orders anew: the id stays."""
	incoming = identify("order.created", {**ORDER, "number": "WEB-2026-17"})
	assert (incoming.external_id, incoming.external_number) == ("4711", "WEB-2026-17")


# --- what is the same delivery -------------------------------------------------------------------------------


def test_a_hundred_deliveries_of_one_second_are_a_hundred() -> None:
	"""The delivery's id is a hash of webhook and second."""
	ids = {identify("order.created", {**ORDER, "id": number}).event_id for number in range(1, 101)}
	assert len(ids) == 100


def test_the_same_content_is_the_same_delivery_whatever_its_id() -> None:
	first = identify("order.created", ORDER)
	again = identify("order.created", ORDER, x_wc_webhook_delivery_id="0" * 32)
	assert first.event_id == again.event_id


@pytest.mark.parametrize(
	"other",
	[
		{"topic": "order.updated"},
		{"x_wc_webhook_id": "8"},
		{"body": {**ORDER, "status": "completed"}},
	],
)
def test_another_webhook_topic_or_content_is_another(other: dict[str, Any]) -> None:
	same: dict[str, Any] = {"topic": "order.created", "body": ORDER}
	assert identify(**same).event_id != identify(**(same | other)).event_id


def test_what_is_deleted_again_after_it_was_restored_is_another_event() -> None:
	"""Its body is an id both times."""
	first = identify("order.deleted", ONLY_ID)
	second = identify("order.deleted", ONLY_ID, x_wc_webhook_delivery_id="0" * 32)
	assert first.event_id != second.event_id
	assert first.event_id == identify("order.deleted", ONLY_ID).event_id


# --- errors that a shop signs and sends in place of its data -------------------------------------------------


@pytest.mark.parametrize("topic", BODIES)
def test_what_was_gone_when_the_shop_sent_it_is_skipped(topic: str) -> None:
	incoming = identify(topic, GONE)
	assert not incoming.supported
	assert incoming.reason and ("no longer there" in incoming.reason or topic == "customer.deleted")


@pytest.mark.parametrize("topic", ["order.created", "product.updated", "customer.updated"])
def test_a_webhook_whose_owner_has_no_rights_is_worked_on_to_say_so(topic: str) -> None:
	incoming = identify(topic, FORBIDDEN)
	assert (incoming.supported, incoming.external_id) == (True, None)


# --- captured ------------------------------------------------------------------------------------------------

CAPTURED = sorted(
	path.stem for path in FIXTURES.glob("*_webhook*.json") if not path.stem.startswith("error_")
)


#: Of the deliveries captured one by one, and of those captured together.
CAPTURED_SECRET, DELIVERIES_SECRET = "plain-secret-123", "s3cret"


def assert_signed_and_known(headers: dict[str, str], body: str, secret: str) -> None:
	request = WebhookRequest({name.lower(): value for name, value in headers.items()}, body.encode())
	webhook.verify(request, Credentials(webhook_secrets=(secret,)))
	incoming = webhook.identify(request)
	assert incoming.topic == request.headers["x-wc-webhook-topic"]
	assert incoming.payload == body
	assert len(incoming.event_id) == 64


@pytest.mark.parametrize("name", CAPTURED)
def test_a_captured_delivery_is_signed_and_known(name: str) -> None:
	sample = json.loads((FIXTURES / f"{name}.json").read_text())
	assert_signed_and_known(sample["headers"], sample["raw_body"], CAPTURED_SECRET)


def test_deliveries_of_a_real_shop_are_signed_and_known() -> None:
	lines = (FIXTURES / "deliveries.jsonl").read_text().splitlines()
	deliveries = [json.loads(line)["request"] for line in lines]
	told = [row for row in deliveries if "X-WC-Webhook-Topic" in row["headers"]]
	for row in told:
		assert_signed_and_known(row["headers"], row["body"], DELIVERIES_SECRET)
	assert (len(told), len(deliveries) - len(told)) == (27, 1), "one is a ping"
