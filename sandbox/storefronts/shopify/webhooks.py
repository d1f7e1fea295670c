"""Webhooks as Shopify sends them: headers, signature, repetition.

https://shopify.dev/docs/apps/build/webhooks/delivery-structure
https://shopify.dev/docs/apps/build/webhooks/verify-deliveries
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

#: Headers and body of a webhook → the status that came back; raises OSError where none did.
Post = Callable[[Mapping[str, str], bytes], int]
#: Consecutive failures after which a subscription is deleted.
FAILURES = 8
TIMEOUT_SECONDS = 5


@dataclass(eq=False)
class Subscription:
	id: int
	topic: str  # as the header has it: orders/create
	uri: str
	created_at: datetime
	updated_at: datetime
	include_fields: list[str] = field(default_factory=list)
	filter: str | None = None
	name: str | None = None
	failures: int = 0


@dataclass(eq=False)
class Delivery:
	"""A webhook the shop has to deliver: the same id and body however often it is sent."""

	webhook_id: str
	event_id: str
	topic: str
	body: bytes
	external_id: str
	triggered_at: datetime
	subscription: Subscription | None
	attempts: int = 0

	def headers(self, secret: str, domain: str, version: str) -> dict[str, str]:
		return {
			"content-type": "application/json",
			"user-agent": "Shopify-Captain-Hook",
			"x-shopify-topic": self.topic,
			"x-shopify-hmac-sha256": signature(secret, self.body),
			"x-shopify-shop-domain": domain,
			"x-shopify-api-version": version,
			"x-shopify-webhook-id": self.webhook_id,
			"x-shopify-event-id": self.event_id,
			"x-shopify-triggered-at": self.triggered_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
			**(
				{"x-shopify-name": self.subscription.name}
				if self.subscription and self.subscription.name
				else {}
			),
		}


def signature(secret: str, body: bytes) -> str:
	return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


def delivery(
	topic: str,
	payload: Mapping[str, Any],
	moment: datetime,
	event_id: str,
	subscription: Subscription | None = None,
) -> Delivery:
	"""A delivery of its own id; those of one action share the event's."""
	kept = payload
	if subscription and subscription.include_fields:
		names = {name.split(".")[0] for name in subscription.include_fields}
		kept = {name: value for name, value in payload.items() if name in names}
	body = json.dumps(kept, ensure_ascii=False).encode()
	external_id = str(payload.get("id") or payload.get("order_id") or "")
	return Delivery(str(uuid.uuid4()), event_id, topic, body, external_id, moment, subscription)


def post_to(uri: str) -> Post:
	"""Sends over the network, without following redirects."""

	def post(headers: Mapping[str, str], body: bytes) -> int:
		parts = urlsplit(uri)
		secure = parts.scheme == "https"
		make = http.client.HTTPSConnection if secure else http.client.HTTPConnection
		connection = make(parts.netloc, timeout=TIMEOUT_SECONDS)
		try:
			path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
			connection.request("POST", path, body=body, headers=dict(headers))
			response = connection.getresponse()
			response.read()
			return response.status
		except http.client.HTTPException as error:
			raise ConnectionError(str(error)) from error
		finally:
			connection.close()

	return post
