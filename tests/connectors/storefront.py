"""What the tests of the custom storefront share: a channel, messages, and a transport that records."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from commerce_bridge.bridge import signatures
from commerce_bridge.bridge.channel import Channel, Credentials
from commerce_bridge.bridge.clock import Now
from commerce_bridge.bridge.protocols import (
	HttpResponse,
	Limits,
	Surroundings,
	Token,
	Transport,
	WebhookRequest,
)

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
NOW = datetime(2026, 11, 20, 10, 0, tzinfo=timezone.utc)
CHANNEL = Channel(
	name="Shop",
	platform="custom",
	company="Company",
	company_currency="INR",
	currency="INR",
	store_url="https://shop.example/hooks",
)
CREDENTIALS = Credentials(webhook_secrets=(SECRET,))


def order(**changes: Any) -> dict[str, Any]:
	"""The data of a valid order."""
	return {
		"id": "9001",
		"order_number": "WEB-9001",
		"version": 3,
		"updated_at": "2026-11-20T09:30:00Z",
		"status": "processing",
		"currency": "INR",
		"prices_include_tax": True,
		"customer": {"id": "c7", "email": "asha@example.com", "phone": "", "first_name": "Asha"},
		"billing_address": {"name": "Asha", "line1": "1 MG Road", "region_code": "KA", "country_code": "IN"},
		"shipping_address": {},
		"lines": [
			{
				"id": "l1",
				"sku": "PHONE-A",
				"quantity": 2,
				"unit_price": "1180.00",
				"taxes": [{"code": "IGST", "rate": "18", "amount": "360.00"}],
			}
		],
		"shipping": [{"code": "std", "title": "", "amount": "59.00"}],
		"totals": {"grand_total": "2419.00"},
		**changes,
	}


def message(event_type: str = "order.upserted", data: Any = None, **envelope: Any) -> dict[str, Any]:
	return {
		"type": event_type,
		"timestamp": "2026-11-20T09:30:01Z",
		"data": order() if data is None else data,
		**envelope,
	}


def signed(body: bytes | Mapping[str, Any], webhook_id: str = "msg_1", **headers: str) -> WebhookRequest:
	raw = body if isinstance(body, bytes) else json.dumps(body).encode()
	made = signatures.signed_headers((SECRET,), webhook_id, NOW, raw)
	given = {name.replace("_", "-"): value for name, value in headers.items()}
	return WebhookRequest({"content-type": "application/json", **made, **given}, raw)


@dataclass
class RecordingTransport:
	"""Answers from a list, and remembers what was sent."""

	answers: list[HttpResponse | Exception] = field(default_factory=list)
	sent: list[tuple[str, str, dict[str, str], bytes | None]] = field(default_factory=list)

	def send(
		self,
		method: str,
		url: str,
		headers: Mapping[str, str],
		body: bytes | None = None,
		limits: Limits | None = None,
	) -> HttpResponse:
		self.sent.append((method, url, dict(headers), body))
		answer = self.answers.pop(0) if self.answers else HttpResponse(204, {}, b"")
		if isinstance(answer, Exception):
			raise answer
		return answer


class KeptInMemory:
	"""Keeps tokens and facts as long as the test runs."""

	def __init__(self) -> None:
		self.kept: dict[str, Token] = {}
		self.facts: dict[str, dict[str, str]] = {}

	def get_facts(self, channel: str) -> dict[str, str]:
		return dict(self.facts.get(channel, {}))

	def save_facts(self, channel: str, facts: Mapping[str, str]) -> None:
		self.facts[channel] = dict(facts)

	def get_token(self, channel: str) -> Token | None:
		return self.kept.get(channel)

	def save_token(self, channel: str, token: Token | None) -> None:
		self.kept.pop(channel, None)
		if token:
			self.kept[channel] = token


def surroundings(transport: Transport, now: Now = lambda: NOW, unit: str = "SYNC-1") -> Surroundings:
	"""Nobody waits: how long it would have been is for the tests of waiting to say."""
	return Surroundings(transport, KeptInMemory(), now, lambda seconds: None, unit, allow_loopback=True)


def json_answer(body: Any, status: int = 200, **headers: str) -> HttpResponse:
	return HttpResponse(status, {"content-type": "application/json", **headers}, json.dumps(body).encode())
