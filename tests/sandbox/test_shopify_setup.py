"""Setting a channel up at the simulated Shopify, over the network."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from commerce_bridge.bridge.channel import Channel, Credentials, StockPolicy, WarehouseMap
from commerce_bridge.bridge.clock import utc_now
from commerce_bridge.bridge.errors import BridgeError, Misconfigured, Rejected, Retryable
from commerce_bridge.bridge.protocols import Surroundings, Token, WebhookRequest
from commerce_bridge.connectors.shopify.client import ShopifyClient
from commerce_bridge.connectors.shopify.connector import ShopifyConnector
from commerce_bridge.connectors.shopify.documents.setup import SHOP
from commerce_bridge.connectors.shopify.subscriptions import header_topic, wanted_topics
from sandbox.storefronts.shopify.service import CLIENT_ID, ShopifyStorefront
from tests.connectors.storefront import KeptInMemory, RecordingTransport

URL = "http://127.0.0.1:9/api/method/commerce_bridge.api.webhook?channel=Tea"


class Channels:
	"""A channel at a simulated shop, in one unit of work after the other."""

	def __init__(self) -> None:
		self.now = utc_now()  # the server stamps its answers with the clock of this machine
		self.slept: list[float] = []
		self.memory = KeptInMemory()
		self.shop = ShopifyStorefront(now=lambda: self.now)
		self.settings: dict[str, Any] = {"authentication": "Client Credentials"}

	@property
	def channel(self) -> Channel:
		values = {
			"name": "Tea",
			"platform": "shopify",
			"company": "Company",
			"company_currency": "EUR",
			"currency": "EUR",
			"store_url": self.shop.url,
			"warehouses": tuple(
				WarehouseMap(warehouse=place.name, location_id=str(place.id))
				for place in self.shop.locations.values()
			),
		}
		return Channel(**values | self.settings)

	@property
	def credentials(self) -> Credentials:
		return Credentials(api_key=CLIENT_ID, api_secret=self.shop.client_secret)

	@property
	def surroundings(self) -> Surroundings:
		return Surroundings(
			RecordingTransport(), self.memory, lambda: self.now, self._sleep, "SYNC-1", allow_loopback=True
		)

	def _sleep(self, seconds: float) -> None:
		self.slept.append(seconds)
		self.now += timedelta(seconds=seconds)

	@property
	def connector(self) -> ShopifyConnector:
		return ShopifyConnector(self.channel, self.credentials, self.surroundings)

	@property
	def client(self) -> ShopifyClient:
		return ShopifyClient(self.channel, self.credentials, self.surroundings)


@pytest.fixture
def tea() -> Iterator[Channels]:
	channels = Channels()
	with channels.shop:
		yield channels


def test_a_channel_is_checked_and_in_order(tea: Channels) -> None:
	assert [check.title for check in tea.connector.check() if not check.ok] == []
	assert tea.shop.tokens_given == 1


def test_tokens_are_renewed_as_they_end(tea: Channels) -> None:
	tea.client.run(SHOP)
	tea.client.run(SHOP)
	assert tea.shop.tokens_given == 1
	tea.now += timedelta(hours=23, minutes=55)
	tea.client.run(SHOP)
	assert tea.shop.tokens_given == 2
	tea.shop.expire_tokens()
	tea.client.run(SHOP)
	assert tea.shop.tokens_given == 3


def test_another_organisation_is_told(tea: Channels) -> None:
	tea.shop.same_organisation = False
	with pytest.raises(Misconfigured, match="same organisation"):
		tea.client.run(SHOP)


@pytest.mark.parametrize(
	("fault", "error"),
	[
		("402", Misconfigured),
		("403", Misconfigured),
		("423", Misconfigured),
		("429", Retryable),
		("500", Retryable),
		("503", Retryable),
		("html", Retryable),
		("truncated", Retryable),
		("internal", Retryable),
		("hang up", Retryable),
		("lost", Retryable),
	],
)
def test_faults_are_what_they_are(tea: Channels, fault: str, error: type[BridgeError]) -> None:
	tea.client.run(SHOP)
	tea.shop.fail(fault, operation="Shop")
	with pytest.raises(error):
		tea.client.run(SHOP)
	tea.client.run(SHOP)


def test_a_throttled_call_waits_and_succeeds(tea: Channels) -> None:
	tea.client.run(SHOP)
	tea.shop.fail("throttled", operation="Shop")
	tea.client.run(SHOP)
	assert len(tea.slept) == 1 and 0 < tea.slept[0] < 10


def test_webhooks_are_registered_kept_and_taken_back(tea: Channels) -> None:
	assert tea.connector.webhooks_differ(URL)
	tea.connector.register_webhooks(URL)
	topics = {subscription.topic for subscription in tea.shop.subscriptions.values()}
	assert topics == {header_topic(topic) for topic in wanted_topics(tea.channel)}
	assert not tea.connector.webhooks_differ(URL)
	dropped = next(iter(tea.shop.subscriptions))
	del tea.shop.subscriptions[dropped]
	assert tea.connector.webhooks_differ(URL)
	tea.connector.register_webhooks(URL)
	assert {subscription.topic for subscription in tea.shop.subscriptions.values()} == topics
	tea.connector.unregister_webhooks(URL)
	assert tea.shop.subscriptions == {}


def test_a_setting_that_is_switched_on_is_listened_to(tea: Channels) -> None:
	tea.connector.register_webhooks(URL)
	tea.settings["stock"] = StockPolicy(watch=True)
	assert tea.connector.webhooks_differ(URL)


def test_a_person_authorises_the_channel(tea: Channels) -> None:
	tea.settings["authentication"] = "Authorisation"
	url = tea.connector.authorisation_url(
		"https://erp.example/back", "https://erp.example/form", "handle.secret"
	)
	back = tea.shop.authorise(url)
	query = dict(parse_qsl(urlsplit(back).query))
	assert query["state"] == "handle.secret"
	token = tea.connector.authorised(query)
	assert token.expires is None
	tea.memory.save_token("Tea", token)
	assert tea.client.run(SHOP)["shop"]["myshopifyDomain"] == tea.shop.domain
	with pytest.raises(Misconfigured):
		tea.connector.authorised(query)  # a code is good for one token
	with pytest.raises(Rejected):
		tea.connector.authorised({**query, "shop": "other.myshopify.com"})


def test_a_token_that_was_taken_back_asks_for_a_person(tea: Channels) -> None:
	tea.settings["authentication"] = "Authorisation"
	tea.memory.save_token("Tea", Token("shpat_gone"))
	with pytest.raises(Misconfigured, match="press Connect to Shop again"):
		tea.client.run(SHOP)


def test_what_the_shop_sends_is_taken(tea: Channels) -> None:
	tea.connector.register_webhooks(URL)
	tea.shop.uninstall()
	[event] = tea.shop.deliveries
	request = WebhookRequest(tea.shop.headers(event), event.body)
	tea.connector.verify(request, tea.now)
	assert tea.connector.identify(request).topic == "app/uninstalled"
