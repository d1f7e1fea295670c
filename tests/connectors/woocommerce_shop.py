"""What the tests of the WooCommerce connector share: a channel, a client whose shop answers what the test says."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from commerce_bridge.bridge.channel import Channel, Credentials
from commerce_bridge.bridge.protocols import HttpResponse, Surroundings
from commerce_bridge.connectors.woocommerce.client import WooCommerceClient
from tests.connectors.storefront import NOW, KeptInMemory, RecordingTransport

FIXTURES = Path(__file__).parent / "fixtures" / "woocommerce"
KEY, KEY_SECRET = "ck_" + "a1" * 20, "cs_" + "b2" * 20
CHANNEL = Channel(
	name="Tea",
	platform="woocommerce",
	company="Company",
	company_currency="EUR",
	currency="EUR",
	store_url="https://tea.example/en",
)
CREDENTIALS = Credentials(api_key=KEY, api_secret=KEY_SECRET, webhook_secrets=("Secret1",))


def answer(body: Any = None, status: int = 200, **headers: str) -> HttpResponse:
	"""An answer of the REST API; header names with underscores."""
	named = {name.replace("_", "-"): value for name, value in headers.items()}
	content = json.dumps(body).encode()
	return HttpResponse(status, {"content-type": "application/json; charset=UTF-8", **named}, content)


def captured(name: str) -> HttpResponse:
	"""An answer that a real WooCommerce gave."""
	sample = json.loads((FIXTURES / f"{name}.json").read_text())
	headers = {key.lower(): value for key, value in (sample.get("headers") or {}).items()}
	text = sample["body_text"] if "body_text" in sample else json.dumps(sample["body"])
	return HttpResponse(sample["status"], headers, text.encode())


@dataclass
class Shop:
	"""A client, and everything that it sent and kept."""

	answers: list[HttpResponse | Exception]
	channel: Channel = CHANNEL
	credentials: Credentials = CREDENTIALS
	now: datetime = NOW
	allow_loopback: bool = False
	memory: KeptInMemory = field(default_factory=KeptInMemory)
	transport: Any = None

	def __post_init__(self) -> None:
		self.transport = self.transport or RecordingTransport(self.answers)
		self.surroundings = Surroundings(
			self.transport,
			self.memory,
			lambda: self.now,
			lambda seconds: None,
			allow_loopback=self.allow_loopback,
		)

	def connect(self) -> WooCommerceClient:
		return WooCommerceClient(self.channel, self.credentials, self.surroundings)

	@property
	def client(self) -> WooCommerceClient:
		return self.connect()

	@property
	def sent(self) -> list[tuple[str, str, dict[str, list[str]], Any]]:
		"""Method, address without query, query, and body of each request."""
		return [
			(method, url.partition("?")[0], parse_qs(urlsplit(url).query), json.loads(body) if body else None)
			for method, url, _, body in self.transport.sent
		]


def shop(*answers: HttpResponse | Exception, channel: dict[str, Any] | None = None, **values: Any) -> Shop:
	"""A shop that gives these answers, one after the other."""
	changed = CHANNEL.model_copy(update=channel or {})
	return Shop(list(answers), channel=changed, **values)
