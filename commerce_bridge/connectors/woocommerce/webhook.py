"""Who sent it, and what is it: a delivery of WooCommerce, before its data is looked at.

https://woocommerce.github.io/woocommerce-rest-api-docs/#webhooks
Only the body is signed: topic, webhook and shop of a delivery are not. So a captured delivery could be sent again as
if it were of another topic. Against that, a channel has an address and secrets of its own, and the body has to be
what its topic sends. WooCommerce never sends a delivery again: what is lost here, a poll finds.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets as randomness
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from commerce_bridge.bridge import strict_json
from commerce_bridge.bridge.channel import Credentials
from commerce_bridge.bridge.errors import BadRequest, Unauthorized
from commerce_bridge.bridge.protocols import Answer, Incoming, WebhookRequest
from commerce_bridge.connectors.woocommerce.mapper import error_status, is_error
from commerce_bridge.connectors.woocommerce.payloads import id_of

SIGNATURE_HEADER = "x-wc-webhook-signature"
TOPIC_HEADER = "x-wc-webhook-topic"
WEBHOOK_HEADER = "x-wc-webhook-id"
#: Of a webhook and a second: a hundred deliveries may have the same.
DELIVERY_HEADER = "x-wc-webhook-delivery-id"
#: What a shop posts to an address before it uses it: unsigned, and answered by 200 and no other status, else every
#: delivery is followed by one.
_PING = re.compile(rb"webhook_id=[0-9]{1,19}")
_HEADERS = "x-wc-webhook-"
_TOPIC = re.compile(r"[a-z0-9_]{1,80}\.[a-z0-9_.-]{1,120}")
_LONGEST_NUMBER = 140
_GONE = frozenset({404, 410})

Body = Mapping[str, Any]


def handshake(request: WebhookRequest) -> Answer | None:
	"""The answer to the unsigned ping of a new webhook; None for anything else."""
	if any(name.startswith(_HEADERS) for name in request.headers) or not _PING.fullmatch(request.body):
		return None
	return Answer(200)


def verify(request: WebhookRequest, credentials: Credentials) -> None:
	"""Checks that one of the channel's secrets signed exactly these bytes.

	:raises Unauthorized: whatever is wrong, without saying what
	"""
	presented = request.headers.get(SIGNATURE_HEADER, "").encode("utf-8", "replace")
	keys = [secret.encode("utf-8") for secret in credentials.webhook_secrets if secret]
	matched = False
	# A channel without a secret costs the same time as one with: nobody learns which channels exist.
	for key in keys or [randomness.token_bytes(32)]:
		# No early exit: the time must not tell which secret was the right one.
		matched |= hmac.compare_digest(signature(key, request.body), presented)
	if not (matched and keys):
		raise Unauthorized("no valid signature")


def signature(key: bytes, body: bytes) -> bytes:
	"""What WooCommerce sends in the header for a body: base64 of its HMAC-SHA256."""
	return base64.b64encode(hmac.new(key, body, hashlib.sha256).digest())


def identify(request: WebhookRequest) -> Incoming:
	"""Topic and ids of a delivery. Its data may still make no sense: that is the mapper's to say.

	:raises BadRequest: it has no topic, is not plain JSON, or is not what its topic sends
	"""
	name = request.headers.get(TOPIC_HEADER, "").strip().lower()
	if not _TOPIC.fullmatch(name):
		raise BadRequest("the header X-WC-Webhook-Topic names no topic")
	body = strict_json.loads(request.body)
	topic = _TOPICS.get(name) or _Topic(_anything, reason=f"unknown topic {name}")
	failed = is_error(body)
	if not failed and not topic.fits(body):
		raise BadRequest(f"the body is not what {name} sends")
	reason = _why_not(body, topic) if failed else topic.reason
	return Incoming(
		topic=name,
		event_id=_event_id(request, name, body),
		external_id=id_of(body.get("id")),
		external_number=_number(body) if topic.fits is _is_order and not failed else None,
		source_time=moment(body.get("date_modified_gmt")),
		payload=strict_json.text_of(request.body),
		supported=reason is None,
		reason=reason,
	)


def _event_id(request: WebhookRequest, topic: str, body: Body) -> str:
	"""Webhook, topic, resource and content. The delivery's own id is not unique; it counts where the content is but
	an id: what was deleted, restored and deleted again is two events of one content."""
	parts = [
		request.headers.get(WEBHOOK_HEADER, ""),
		topic,
		id_of(body.get("id")) or "",
		hashlib.sha256(request.body).hexdigest(),
	]
	if set(body) == {"id"}:
		parts.append(request.headers.get(DELIVERY_HEADER, ""))
	return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()


def _why_not(error: Body, topic: _Topic) -> str | None:
	"""Why an error that the shop signed and sent in place of its data needs nobody; None where it does."""
	if topic.reason:
		return topic.reason
	return "it was no longer there when the shop sent it" if error_status(error) in _GONE else None


# --- what a topic sends --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Topic:
	"""`fits`: whether a body is one of this topic. `reason`: why it is never worked on."""

	fits: Callable[[Body], bool]
	reason: str | None = None


def _is_order(body: Body) -> bool:
	return _has_id(body) and all(key in body for key in ("line_items", "currency", "total", "status"))


def _is_product(body: Body) -> bool:
	return _has_id(body) and all(key in body for key in ("type", "sku", "status", "manage_stock"))


def _is_customer(body: Body) -> bool:
	return _has_id(body) and all(key in body for key in ("email", "username", "billing"))


def _is_only_id(body: Body) -> bool:
	"""A deletion says nothing but the id. A whole object is not one: it would delete what it describes."""
	return set(body) == {"id"} and _has_id(body)


def _has_id(body: Body) -> bool:
	return id_of(body.get("id")) is not None


def _anything(body: Body) -> bool:
	return True


_ORDER, _PRODUCT, _CUSTOMER = _Topic(_is_order), _Topic(_is_product), _Topic(_is_customer)
_TOPICS = {
	"order.created": _ORDER,
	"order.updated": _ORDER,
	"order.restored": _ORDER,
	"order.deleted": _Topic(_is_only_id),
	"product.created": _PRODUCT,
	"product.updated": _PRODUCT,
	"product.restored": _PRODUCT,
	"product.deleted": _Topic(_is_only_id),
	"customer.created": _CUSTOMER,
	"customer.updated": _CUSTOMER,
	"customer.deleted": _Topic(
		_is_only_id,
		reason="a customer deleted in WooCommerce stays in ERPNext: disable it there if it should not",
	),
}
#: Topics that are known, those that nothing is done about among them.
TOPICS = frozenset(_TOPICS)


# --- what is shown of it -------------------------------------------------------------------------------------


def _number(body: Body) -> str | None:
	"""The order's number as people know it, which an extension may have made another than its id."""
	number = body.get("number")
	return number[:_LONGEST_NUMBER] if isinstance(number, str) and number else None


def moment(value: Any) -> datetime | None:
	"""A `*_gmt` time of WooCommerce, which is UTC and does not say so, as an aware one; None for anything else."""
	try:
		time = datetime.fromisoformat(value.replace("Z", "+00:00"))
		return time.astimezone(timezone.utc) if time.tzinfo else time.replace(tzinfo=timezone.utc)
	except (AttributeError, TypeError, ValueError, OverflowError):
		return None
