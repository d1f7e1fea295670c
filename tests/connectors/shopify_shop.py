"""What the tests of the Shopify connector share: a channel, a client whose shop answers what the test says."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from commerce_bridge.bridge.channel import Channel, Credentials
from commerce_bridge.bridge.protocols import HttpResponse, Surroundings
from commerce_bridge.connectors.shopify.client import ShopifyClient
from tests.connectors.storefront import NOW, KeptInMemory, RecordingTransport

SHOP_DOMAIN = "tea-and-cups.myshopify.com"
TOKEN = "shpat_pasted"
CHANNEL = Channel(
	name="Tea",
	platform="shopify",
	company="Company",
	company_currency="EUR",
	currency="EUR",
	store_url=f"https://{SHOP_DOMAIN}",
)
CREDENTIALS = Credentials(api_key="client-id", api_secret="shpss_current", access_token=TOKEN)


def answer(data: Any = None, errors: Any = None, cost: Any = None, **headers: str) -> HttpResponse:
	"""An answer of the GraphQL endpoint; header names with underscores."""
	body = {"data": data} | ({"errors": errors} if errors else {})
	if cost:
		body["extensions"] = {"cost": cost}
	named = {name.replace("_", "-"): value for name, value in headers.items()}
	return HttpResponse(200, {"content-type": "application/json", **named}, json.dumps(body).encode())


def cost(requested: int, available: int, maximum: int = 2000, rate: int = 100) -> dict[str, Any]:
	"""`extensions.cost`, as the captured answers of Shopify have it."""
	return {
		"requestedQueryCost": requested,
		"actualQueryCost": requested,
		"throttleStatus": {
			"maximumAvailable": float(maximum),
			"currentlyAvailable": available,
			"restoreRate": float(rate),
		},
	}


@dataclass
class Shop:
	"""A client, and everything that it sent, waited and kept."""

	answers: list[HttpResponse | Exception]
	channel: Channel = CHANNEL
	credentials: Credentials = CREDENTIALS
	now: datetime = NOW
	unit: str = "SYNC-1"
	memory: KeptInMemory = field(default_factory=KeptInMemory)
	slept: list[float] = field(default_factory=list)

	def __post_init__(self) -> None:
		self.transport = RecordingTransport(self.answers)
		self.surroundings = Surroundings(
			self.transport,
			self.memory,
			lambda: self.now,
			self.slept.append,
			self.unit,
			allow_loopback=True,
		)
		self.client = self.connect()

	def connect(self) -> ShopifyClient:
		return ShopifyClient(self.channel, self.credentials, self.surroundings, self.transport)

	@property
	def bodies(self) -> list[dict[str, Any]]:
		"""What was posted to the GraphQL endpoint."""
		return [json.loads(body) for _, url, _, body in self.transport.sent if url.endswith("graphql.json")]

	@property
	def variables(self) -> list[dict[str, Any]]:
		return [body["variables"] for body in self.bodies]


def shop(*answers: HttpResponse | Exception, channel: dict[str, Any] | None = None, **values: Any) -> Shop:
	"""A shop that gives these answers, one after the other."""
	changed = CHANNEL.model_copy(update=channel or {})
	return Shop(list(answers), channel=changed, **values)
