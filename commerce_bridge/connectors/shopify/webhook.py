"""Who sent it, and what is it: a delivery of Shopify, before its data is looked at.

https://shopify.dev/docs/apps/build/webhooks/verify-deliveries
Only the body is signed: shop, topic and ids of a delivery are not. So a captured delivery could be sent again as
if it were of another shop or topic. Against that, a channel has an address and secrets of its own, the shop it
is from must be the channel's, and the body has to be what its topic sends.
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
from commerce_bridge.bridge.channel import Channel, Credentials
from commerce_bridge.bridge.errors import BadRequest, Unauthorized
from commerce_bridge.bridge.protocols import Incoming, WebhookRequest
from commerce_bridge.connectors.shopify.ids import id_of, kind_of, number_of, stock_ids_of
from commerce_bridge.connectors.shopify.shop import known_domain

SIGNATURE_HEADER = "x-shopify-hmac-sha256"
TOPIC_HEADER = "x-shopify-topic"
SHOP_HEADER = "x-shopify-shop-domain"
#: Unique for each delivery; repetitions of it carry the same.
ID_HEADER = "x-shopify-webhook-id"
TRIGGERED_HEADER = "x-shopify-triggered-at"
MAX_NUMBER_LENGTH = 140
_TOPIC = re.compile(r"[a-z0-9_]{1,80}/[a-z0-9_]{1,80}")
# Shopify writes nanoseconds; Python reads at most six digits of a second.
_FRACTION = re.compile(r"(\.[0-9]{1,6})[0-9]*")

Body = Mapping[str, Any]


def verify(request: WebhookRequest, channel: Channel, credentials: Credentials) -> None:
	"""Checks that one of the channel's secrets signed exactly these bytes, and that they are of its shop.

	Shopify signs with the app's client secret, and with the old one for up to an hour after a change; webhooks
	made by hand in the shop's admin are signed with a secret of the shop.

	:raises Unauthorized: whatever is wrong, without saying what
	"""
	presented = request.headers.get(SIGNATURE_HEADER, "").encode("utf-8", "replace")
	secrets = (*credentials.webhook_secrets, credentials.api_secret)
	keys = [secret.encode("utf-8") for secret in secrets if secret]
	matched = False
	# A channel without a secret costs the same time as one with: nobody learns which channels exist.
	for key in keys or [randomness.token_bytes(32)]:
		# No early exit: the time must not tell which secret was the right one.
		matched |= hmac.compare_digest(signature(key, request.body), presented)
	shop = request.headers.get(SHOP_HEADER, "").strip().lower()
	if not (matched and keys and shop == known_domain(channel.store_url)):
		raise Unauthorized("no valid signature")


def signature(key: bytes, body: bytes) -> bytes:
	"""What Shopify sends in the header for a body: base64 of its HMAC-SHA256."""
	return base64.b64encode(hmac.new(key, body, hashlib.sha256).digest())


def identify(request: WebhookRequest, channel: Channel) -> Incoming:
	"""Topic and ids of a delivery. Its data may still make no sense: that is `parse`'s to say.

	:raises BadRequest: it has no topic, is not plain JSON, or is not what its topic sends
	"""
	name = request.headers.get(TOPIC_HEADER, "").strip().lower()
	if not _TOPIC.fullmatch(name):
		raise BadRequest("the header X-Shopify-Topic names no topic")
	body = strict_json.loads(request.body)
	topic = _TOPICS.get(name) or _Topic(_anything, _own_id, supported=False, reason=f"unknown topic {name}")
	if not topic.fits(body) or _of_another_shop(body, known_domain(channel.store_url)):
		raise BadRequest(f"the body is not what {name} sends")
	return Incoming(
		topic=name,
		event_id=request.headers.get(ID_HEADER) or hashlib.sha256(request.body).hexdigest(),
		external_id=topic.about(body),
		external_number=_number(body) if topic.fits is _is_order else None,
		source_time=_source_time(body, request.headers),
		payload=strict_json.text_of(request.body),
		supported=topic.supported,
		reason=topic.reason,
	)


# --- what a topic sends --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Topic:
	"""`fits`: whether a body is one of this topic. `about`: the id it is kept under, mostly the order's."""

	fits: Callable[[Body], bool]
	about: Callable[[Body], str | None]
	supported: bool = True
	reason: str | None = None  # why it is never worked on; None where a later version will


def _is(kind: str, *keys: str) -> Callable[[Body], bool]:
	"""A body with a global id of this kind, and with all these keys."""

	def fits(body: Body) -> bool:
		return kind_of(body.get("admin_graphql_api_id")) == kind and all(key in body for key in keys)

	return fits


def _id(kind: str) -> Callable[[Body], str | None]:
	return lambda body: id_of(body, kind)


def _is_order(body: Body) -> bool:
	return kind_of(body.get("admin_graphql_api_id")) == "Order" and isinstance(body.get("line_items"), list)


def _is_cancelled_order(body: Body) -> bool:
	return _is_order(body) and bool(body.get("cancelled_at"))


def _is_order_edit(body: Body) -> bool:
	return _edited_order(body) is not None


def _is_part_of_order(body: Body) -> bool:
	"""A transaction: Shopify's own samples of it have no global id."""
	kind = kind_of(body.get("admin_graphql_api_id"))
	return kind in (None, "OrderTransaction") and _order_id(body) is not None and "gateway" in body


def _is_return(body: Body) -> bool:
	return kind_of(body.get("admin_graphql_api_id")) == "Return" and _returned_order(body) is not None


def _is_only_id(kind: str) -> Callable[[Body], bool]:
	"""A deletion says nothing but the id. A whole object is not one: it would delete what it describes."""

	def fits(body: Body) -> bool:
		told = kind_of(body.get("admin_graphql_api_id"))
		return (
			set(body) <= {"id", "admin_graphql_api_id"} and told in (None, kind) and bool(id_of(body, kind))
		)

	return fits


def _is_move(body: Body) -> bool:
	return kind_of(_moved(body).get("id")) == "FulfillmentOrder" and "original_fulfillment_order" in body


def _is_level(body: Body) -> bool:
	return stock_ids_of(body) is not None and "available" in body


def _is_shop(body: Body) -> bool:
	"""Shopify's own sample of it leaves the names empty."""
	return "myshopify_domain" in body and "domain" in body


def _is_redaction(body: Body) -> bool:
	return _is_compliance(body) and "orders_to_redact" in body


def _is_data_request(body: Body) -> bool:
	return _is_compliance(body) and "orders_requested" in body


def _is_compliance(body: Body) -> bool:
	return isinstance(body.get("shop_domain"), str) and isinstance(body.get("customer"), dict)


def _is_shop_redaction(body: Body) -> bool:
	"""Nothing but the shop: what names a customer must not erase everybody."""
	return set(body) == {"shop_id", "shop_domain"} and isinstance(body["shop_domain"], str)


def _anything(body: Body) -> bool:
	return True


def _of_another_shop(body: Body, domain: str | None) -> bool:
	"""These bodies name their shop, and they are signed: of another shop, it is a delivery sent on to here."""
	named = [body[key] for key in ("shop_domain", "myshopify_domain") if isinstance(body.get(key), str)]
	return any(shop.strip().lower() != domain for shop in named)


def _own_id(body: Body) -> str | None:
	return number_of(body.get("id"))


def _order_id(body: Body) -> str | None:
	return number_of(body.get("order_id"))


def _edited_order(body: Body) -> str | None:
	edit = body.get("order_edit")
	return number_of(edit.get("order_id")) if isinstance(edit, dict) else None


def _returned_order(body: Body) -> str | None:
	return id_of(body.get("order"), "Order") or _order_id(body)


def _moved(body: Body) -> Body:
	moved = body.get("moved_fulfillment_order")
	return moved if isinstance(moved, dict) else {}


def _moved_order(body: Body) -> str | None:
	"""Shopify names the fulfilment order only; which order it is of has to be asked."""
	return number_of(_moved(body).get("order_id"))


def _customer(body: Body) -> str | None:
	customer = body.get("customer")
	return number_of(customer.get("id")) if isinstance(customer, dict) else None


def _level(body: Body) -> str | None:
	ids = stock_ids_of(body)
	return ids[0] if ids else None


def _nothing(body: Body) -> str | None:
	return None


_RETURN = _Topic(_is_return, _returned_order)
_TOPICS = {
	"orders/create": _Topic(_is_order, _id("Order")),
	"orders/updated": _Topic(_is_order, _id("Order")),
	"orders/paid": _Topic(_is_order, _id("Order")),
	"orders/cancelled": _Topic(_is_cancelled_order, _id("Order")),
	"orders/edited": _Topic(_is_order_edit, _edited_order),
	"orders/delete": _Topic(
		_is_only_id("Order"),
		_id("Order"),
		supported=False,
		reason="an order deleted in Shopify stays in ERPNext: cancel it there if it should not",
	),
	"fulfillments/create": _Topic(_is("Fulfillment", "order_id", "line_items"), _order_id),
	"fulfillments/update": _Topic(_is("Fulfillment", "order_id", "line_items"), _order_id),
	"fulfillment_orders/moved": _Topic(_is_move, _moved_order),
	"refunds/create": _Topic(_is("Refund", "order_id"), _order_id),
	"order_transactions/create": _Topic(_is_part_of_order, _order_id),
	"returns/approve": _RETURN,
	"returns/cancel": _RETURN,
	"returns/close": _RETURN,
	"returns/decline": _RETURN,
	"returns/process": _RETURN,
	"returns/reopen": _RETURN,
	"returns/request": _RETURN,
	"returns/update": _RETURN,
	"customers/create": _Topic(_is("Customer"), _id("Customer")),
	"customers/update": _Topic(_is("Customer"), _id("Customer")),
	"products/create": _Topic(_is("Product", "title"), _id("Product")),
	"products/update": _Topic(_is("Product", "title"), _id("Product")),
	"products/delete": _Topic(_is_only_id("Product"), _id("Product")),
	"inventory_levels/update": _Topic(_is_level, _level),
	"app/uninstalled": _Topic(_is_shop, _nothing),
	"customers/redact": _Topic(_is_redaction, _customer),
	"customers/data_request": _Topic(_is_data_request, _customer),
	"shop/redact": _Topic(_is_shop_redaction, _nothing),
}
#: Topics whose events are worked on.
SUPPORTED = frozenset(name for name, topic in _TOPICS.items() if topic.supported)


# --- what is shown of it -------------------------------------------------------------------------------------


def _number(body: Body) -> str | None:
	"""The order's number as people know it, e.g. "#1001"."""
	name = body.get("name")
	return name[:MAX_NUMBER_LENGTH] if isinstance(name, str) and name else None


def _source_time(body: Body, headers: Mapping[str, str]) -> datetime | None:
	edit = body.get("order_edit")
	told = edit.get("committed_at") if isinstance(edit, dict) else body.get("updated_at")
	return moment(told or body.get("processed_at") or headers.get(TRIGGERED_HEADER))


def moment(value: Any) -> datetime | None:
	"""A time of Shopify as an aware one in UTC; None for anything else."""
	try:
		time = datetime.fromisoformat(_FRACTION.sub(_six_digits, value).replace("Z", "+00:00"))
		return time.astimezone(timezone.utc) if time.tzinfo else None
	except (AttributeError, TypeError, ValueError, OverflowError):
		return None


def _six_digits(match: re.Match[str]) -> str:
	return match[1].ljust(7, "0")
