"""Webhooks as WooCommerce sends them: a ping without a signature, the payload built when it is sent, each sent once.

Seen on a real shop: nothing is ever sent again; the seventh failure in a row disables a webhook, and its count is
kept; of one webhook and one resource only one delivery waits at a time.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import html
import http.client
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

#: Headers and body → the status that came back; raises OSError where none did.
Post = Callable[[Mapping[str, str], bytes], int]
#: More failures in a row than this disable a webhook: the seventh, since it is compared before it is counted.
FAILURES = 5
TIMEOUT_SECONDS = 5
HOOKS = {
	"order.created": ["woocommerce_new_order"],
	"order.updated": ["woocommerce_update_order", "woocommerce_order_refunded"],
	"order.deleted": ["wp_trash_post", "woocommerce_trash_order"],
	"order.restored": ["untrashed_post", "woocommerce_untrash_order"],
	"product.created": [
		"woocommerce_process_product_meta", "woocommerce_new_product", "woocommerce_new_product_variation",
	],
	"product.updated": [
		"woocommerce_process_product_meta", "woocommerce_update_product", "woocommerce_update_product_variation",
	],
	"product.deleted": ["wp_trash_post"],
	"product.restored": ["untrashed_post"],
	"customer.created": ["user_register", "woocommerce_created_customer", "woocommerce_new_customer"],
	"customer.updated": ["profile_update", "woocommerce_update_customer"],
	"customer.deleted": ["delete_user"],
}  # fmt: skip


@dataclass(eq=False)
class Webhook:
	id: int
	topic: str
	delivery_url: str
	secret: str
	name: str
	created: datetime
	modified: datetime | None = None
	status: str = "active"  # active, paused, disabled
	owner: str = "admin"  # whose rights decide what it may tell
	failures: int = 0
	ping_pending: bool = True

	@property
	def resource(self) -> str:
		return self.topic.split(".")[0]

	@property
	def event(self) -> str:
		return self.topic.split(".")[1]

	@property
	def hooks(self) -> list[str]:
		return HOOKS.get(self.topic, [])


@dataclass(eq=False)
class Pending:
	"""Something to be told of: what, is found out when it is sent."""

	webhook: Webhook
	resource_id: int


@dataclass(eq=False)
class Delivery:
	"""A webhook as it was sent, with what came back: None where nothing did, or it was not sent."""

	webhook: Webhook
	topic: str
	resource_id: int
	headers: dict[str, str]
	body: bytes
	status: int | None = None

	@property
	def payload(self) -> dict[str, Any]:
		found: dict[str, Any] = json.loads(self.body)
		return found


@dataclass(eq=False)
class Ping:
	"""What a webhook's address is asked when it is made: `webhook_id=1`, not signed, answered with exactly 200."""

	webhook: Webhook
	headers: dict[str, str] = field(default_factory=dict)
	body: bytes = b""
	status: int | None = None


def signature(secret: str, body: bytes) -> str:
	"""Of the bytes as they are sent; entities in the secret are decoded first."""
	key = html.unescape(secret).encode()
	return base64.b64encode(hmac.new(key, body, hashlib.sha256).digest()).decode()


def as_php(payload: Any) -> bytes:
	"""JSON with slashes and everything outside ASCII escaped."""
	return json.dumps(payload, separators=(",", ":")).replace("/", "\\/").encode()


def headers_of(webhook: Webhook, body: bytes, home: str, version: str, now: datetime) -> dict[str, str]:
	"""The delivery's id is of the webhook and the second: two within one second have the same."""
	of_second = hashlib.md5(f"{webhook.id}{int(now.timestamp())}".encode(), usedforsecurity=False)
	return {
		"user-agent": f"WooCommerce/{version} Hookshot (WordPress/6.8.8)",
		"accept": "*/*",
		"content-type": "application/json",
		"x-wc-webhook-source": home,
		"x-wc-webhook-topic": webhook.topic,
		"x-wc-webhook-resource": webhook.resource,
		"x-wc-webhook-event": webhook.event,
		"x-wc-webhook-signature": signature(webhook.secret, body),
		"x-wc-webhook-id": str(webhook.id),
		"x-wc-webhook-delivery-id": of_second.hexdigest(),
	}


def ping_of(webhook: Webhook, version: str) -> Ping:
	headers = {
		"user-agent": f"WooCommerce/{version} Hookshot (WordPress/6.8.8)",
		"accept": "*/*",
		"content-type": "application/x-www-form-urlencoded",
	}
	return Ping(webhook, headers, f"webhook_id={webhook.id}".encode())


def counted(webhook: Webhook, status: int | None, now: datetime) -> None:
	"""What an answer means for the webhook. Redirects are not followed, and 301 and 302 count as success."""
	if status is not None and 200 <= status < 303:
		webhook.failures = 0
	elif webhook.failures > FAILURES:
		webhook.status, webhook.modified = "disabled", now
	else:
		webhook.failures += 1


def post_to(url: str) -> Post:
	"""Sends over the network, without following redirects. Reaches this machine and nothing else."""

	def post(headers: Mapping[str, str], body: bytes) -> int:
		parts = urlsplit(url)
		if parts.hostname not in ("127.0.0.1", "localhost"):
			raise ConnectionRefusedError(parts.hostname)
		make = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
		connection = make(parts.netloc, timeout=TIMEOUT_SECONDS)
		try:
			path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
			connection.request("POST", path, body=body, headers={**headers, "connection": "close"})
			response = connection.getresponse()
			response.read()
			return response.status
		except http.client.HTTPException as error:
			raise ConnectionError(str(error)) from error
		finally:
			connection.close()

	return post


def sent(post: Post, headers: Mapping[str, str], body: bytes) -> int | None:
	"""The status that came back, or None."""
	try:
		return post(headers, body)
	except OSError:
		return None
