"""A client of the simulated shop, without a network between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from commerce_bridge.bridge.channel import Channel, Credentials, WarehouseMap
from commerce_bridge.bridge.errors import Retryable
from commerce_bridge.bridge.protocols import HttpResponse, Surroundings
from commerce_bridge.connectors.shopify.client import ShopifyClient
from sandbox.storefronts.shopify import ACCESS_TOKEN, ShopifyStorefront
from tests.connectors.shopify_shop import CHANNEL
from tests.connectors.storefront import KeptInMemory

CREDENTIALS = Credentials(api_secret="shpss_simulated", access_token=ACCESS_TOKEN)


@dataclass
class Direct:
	"""A transport that ends in the simulated shop."""

	shop: ShopifyStorefront

	def send(
		self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None
	) -> HttpResponse:
		try:
			status, answered, content = self.shop.handle(method, urlsplit(url).path, headers, body or b"")
		except ConnectionAbortedError:
			raise Retryable("No answer") from None
		return HttpResponse(status, {name.lower(): value for name, value in answered.items()}, content)


@dataclass
class Stage:
	"""A simulated shop and the channel of it."""

	shop: ShopifyStorefront = field(default_factory=ShopifyStorefront)
	unit: str = "SYNC-1"
	changes: dict[str, Any] = field(default_factory=dict)

	@property
	def channel(self) -> Channel:
		rows = tuple(
			WarehouseMap(warehouse=place.name, location_id=str(place.id))
			for place in self.shop.locations.values()
		)
		return CHANNEL.model_copy(update={"warehouses": rows, **self.changes})

	@property
	def client(self) -> ShopifyClient:
		"""As a unit of work makes it: anew."""
		transport = Direct(self.shop)
		surroundings = Surroundings(
			transport, KeptInMemory(), self.shop.now, lambda seconds: None, self.unit, allow_loopback=True
		)
		return ShopifyClient(self.channel, CREDENTIALS, surroundings, transport)

	@property
	def fields(self) -> list[str]:
		"""The root fields of all calls, in order."""
		return [name for call in self.shop.calls for name in call.fields]
