"""Deliveries of the simulated Shopify, from its webhook to the documents in the embedded ERP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from commerce_bridge.bridge.channel import Channel, ChannelStatus, Credentials, TaxMap, WarehouseMap
from commerce_bridge.bridge.protocols import NewEntry, Surroundings, Token, WebhookRequest
from commerce_bridge.bridge.receive import dedupe_key, receive
from commerce_bridge.bridge.worker import run_once
from commerce_bridge.connectors.shopify.client import ShopifyClient
from commerce_bridge.connectors.shopify.connector import ShopifyConnector
from sandbox.storefronts.shopify.shop import NewLine
from sandbox.storefronts.shopify.webhooks import Delivery
from sandbox.world import Sandbox
from tests.connectors.shopify_shop import SHOP_DOMAIN
from tests.connectors.shopify_simulated import CREDENTIALS, Direct
from tests.connectors.shopify_simulated import Stage as Simulated
from tests.sandbox.stage import START

WEBHOOKS = "https://erp.example/webhooks"
TOPICS = ("orders/create", "orders/updated", "orders/paid", "fulfillment_orders/moved", "app/uninstalled")


class Site:
	"""A channel of a shop with two locations, each mapped to a warehouse."""

	def __init__(self, path: Path, **settings: Any) -> None:
		self.time = START
		self.sandbox = Sandbox.create(path, self.now, durable=False)
		simulated = Simulated()
		self.shop = simulated.shop
		self.shop.now, self.shop.domain = self.now, SHOP_DOMAIN
		self.north = next(iter(self.shop.locations.values()))
		self.south = self.shop.add_location("South")
		places = ((self.north, "North"), (self.south, "South"))
		self.channel = Channel(
			name="Tea",
			platform="shopify",
			company="Company",
			company_currency="EUR",
			currency="EUR",
			store_url=f"https://{SHOP_DOMAIN}",
			taxes=(TaxMap(title="*", account="VAT"),),
			warehouses=tuple(
				WarehouseMap(warehouse=warehouse, location_id=str(place.id)) for place, warehouse in places
			),
			**settings,
		)
		self.sandbox.state.save(self.channel, CREDENTIALS)
		for topic in TOPICS:
			self.shop.subscribe(topic, WEBHOOKS)
		self.shop.add_product("CUP", Decimal("12.00"))
		for place, _warehouse in places:
			self.shop.set_available(self.shop.variant("CUP"), place.id, 50)

	def now(self) -> Any:
		self.time += timedelta(milliseconds=1)
		return self.time

	def connect(self, channel: Channel, credentials: Credentials, unit: str = "") -> ShopifyConnector:
		transport = Direct(self.shop)
		around = Surroundings(transport, self.sandbox.state, self.now, lambda seconds: None, unit)
		connector = ShopifyConnector(channel, credentials, around)
		vars(connector)["_client"] = ShopifyClient(channel, credentials, around, transport)
		return connector

	def take(self, delivery: Delivery) -> Any:
		"""The entry of a delivery, worked on."""
		headers = self.shop.headers(delivery, domain=SHOP_DOMAIN)
		request = WebhookRequest({name.lower(): value for name, value in headers.items()}, delivery.body)
		journal, transaction = self.sandbox.journal, self.sandbox.database.transaction
		connector = self.connect(self.channel, CREDENTIALS)
		answer = receive(connector, self.channel, request, journal, transaction, self.now())
		assert answer.status == 200 and answer.body
		self.work()
		return self.entry(str(answer.body["log"]))

	def work(self) -> None:
		world = replace(self.sandbox.world(Direct(self.shop)), connect=self.connect)
		while run_once(world):
			continue

	def entry(self, name: str) -> Any:
		[row] = self.sandbox.journal.entries(name=name)
		return row

	def told(self, topic: str) -> Delivery:
		"""The last delivery of a topic."""
		return [each for each in self.shop.deliveries if each.topic == topic][-1]


@pytest.fixture
def path(tmp_path: Path) -> Path:
	return tmp_path / "erp.sqlite"


@pytest.fixture
def site(path: Path) -> Iterator[Site]:
	site = Site(path)
	yield site
	site.sandbox.database.close()


# --- moved -----------------------------------------------------------------------------------------------


def test_a_move_is_kept_under_its_order_and_followed(site: Site) -> None:
	site.sandbox.make_item("CUP")
	sold = site.shop.place_order([NewLine("CUP", 2)])
	assert site.take(site.told("orders/create"))["state"] == "Succeeded"
	site.shop.move(sold.fulfilment_orders[0], site.south)
	row = site.take(site.told("fulfillment_orders/moved"))
	assert (row["state"], row["external_id"]) == ("Succeeded", str(sold.id))
	[standing] = [each for each in site.sandbox.sales_orders(str(sold.id)) if each["status"] != "Cancelled"]
	assert [line["warehouse"] for line in site.sandbox.erp.order_rows(standing["name"])] == ["South"]


def test_a_move_that_fails_is_kept_under_its_order_too(site: Site) -> None:
	sold = site.shop.place_order([NewLine("CUP", 2)])
	site.shop.move(sold.fulfilment_orders[0], site.south)
	row = site.take(site.told("fulfillment_orders/moved"))
	assert (row["state"], row["external_id"]) == ("Failed", str(sold.id))


# --- uninstalled -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("authentication", ["Access Token", "Authorisation", "Client Credentials"])
def test_an_app_that_is_gone_pauses_the_channel_and_its_token_is_dropped(
	path: Path, authentication: str
) -> None:
	site = Site(path, authentication=authentication)
	credentials = CREDENTIALS.model_copy(update={"api_key": site.shop.client_id})
	site.sandbox.state.save(site.channel, credentials)
	token = next(iter(site.shop.tokens))
	site.sandbox.state.save_token("Tea", Token(token))
	site.shop.uninstall()
	row = site.take(site.told("app/uninstalled"))
	assert (row["state"], row["message"][:23]) == ("Succeeded", "The app was uninstalled")
	assert site.sandbox.state.get_token("Tea") is None
	assert site.sandbox.state.channel("Tea").status is ChannelStatus.PAUSED
	site.sandbox.database.close()


def test_a_body_that_is_sent_again_as_an_uninstallation_stops_nothing(path: Path) -> None:
	site = Site(path, authentication="Authorisation")
	token = Token(next(iter(site.shop.tokens)))
	site.sandbox.state.save_token("Tea", token)
	body = {"id": 1, "name": "Tea", "domain": "tea.example", "myshopify_domain": SHOP_DOMAIN}
	row = site.take(site.shop.event("app/uninstalled", body))
	assert row["state"] == "Skipped"
	assert "still gives this channel access" in row["message"]
	assert site.sandbox.state.get_token("Tea") == token
	assert site.sandbox.state.channel("Tea").status is ChannelStatus.ACTIVE
	site.sandbox.database.close()


def test_whether_an_app_is_gone_is_asked_again_while_the_shop_does_not_answer(path: Path) -> None:
	site = Site(path)
	site.shop.fail("500", operation="Scopes")
	body = {"id": 1, "domain": "tea.example", "myshopify_domain": SHOP_DOMAIN}
	assert site.take(site.shop.event("app/uninstalled", body))["state"] == "Retrying"
	assert site.sandbox.state.channel("Tea").status is ChannelStatus.ACTIVE
	site.sandbox.database.close()


# --- failures that are over ------------------------------------------------------------------------------


def test_what_failed_of_an_order_is_settled_by_the_entry_that_brings_it(site: Site) -> None:
	sold = site.shop.place_order([NewLine("CUP", 2)])
	payload = json.loads(json.dumps(site.shop.order_payload(sold), default=str))
	topics = ("orders/create", "orders/updated", "orders/paid")
	failed = [site.take(site.shop.event(topic, payload))["name"] for topic in topics]
	assert [site.entry(name)["state"] for name in failed] == ["Failed"] * 3
	other = NewEntry("Tea", "Inbound", "refunds/create", dedupe_key("Tea", "refunds/create", "1"), "{}")
	moment = site.shop.orders[sold.id].updated_at - timedelta(hours=1)
	refund = replace(other, external_id=str(sold.id), source_time=moment, state="Failed")
	with site.sandbox.erp.transaction():
		[refunded] = site.sandbox.journal.record([refund])
	site.sandbox.make_item("CUP")
	site.sandbox.journal.requeue(failed[0])
	site.work()
	assert [site.entry(name)["state"] for name in failed] == ["Succeeded", "Skipped", "Skipped"]
	assert all(failed[0] in site.entry(name)["message"] for name in failed[1:])
	assert site.entry(refunded.name)["state"] == "Failed"
