"""The Shopify connector as a whole: every method of the protocol, over the network, and before it is set up."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from datetime import timezone
from decimal import Decimal

import pytest

from commerce_bridge import connectors
from commerce_bridge.bridge.channel import Credentials
from commerce_bridge.bridge.errors import Misconfigured, Unauthorized
from commerce_bridge.bridge.model import Listing, Price, Shipment, ShipmentLine, StockLevel
from commerce_bridge.bridge.protocols import Connector, WebhookRequest
from commerce_bridge.connectors.shopify.connector import ShopifyConnector
from sandbox.storefronts.shopify import ShopifyStorefront
from tests.connectors.shopify_shop import CHANNEL
from tests.connectors.shopify_simulated import CREDENTIALS, Stage
from tests.connectors.storefront import NOW, RecordingTransport, surroundings


@pytest.fixture
def stage() -> Iterator[Stage]:
	with ShopifyStorefront() as shop:
		yield Stage(shop, changes={"store_url": shop.url})


def connect(stage: Stage) -> Connector:
	return connectors.build(stage.channel, CREDENTIALS, surroundings(RecordingTransport(), stage.shop.now))


def test_it_has_every_method_of_the_protocol_with_the_same_parameters() -> None:
	for name, asked in inspect.getmembers(Connector, inspect.isfunction):
		if not name.startswith("_"):
			there = inspect.signature(getattr(ShopifyConnector, name))
			assert list(there.parameters) == list(inspect.signature(asked).parameters), name


def test_a_day_of_a_listing(stage: Stage) -> None:
	"""Listed, stocked, priced, ordered, sent: each call by a connector of its own, as units of work are."""
	made = connect(stage).push_listings([Listing(listing="L", item_code="A", sku="A", title="Phone")])[0]
	ids = {
		"listing": "L",
		"item_code": "A",
		"sku": "A",
		"product_id": made.product_id,
		"variant_id": made.variant_id,
	}
	place = str(stage.shop.location.id)
	level = StockLevel(**ids, location_id=place, stock_id=made.stock_id, quantity=Decimal(5))
	assert [result.error for result in connect(stage).push_stock([level])] == [None]
	price = Price(**ids, currency="EUR", amount=Decimal("12.5"))
	assert [result.error for result in connect(stage).push_prices([price])] == [None]
	order = stage.shop.place_order({"A": 2})
	line = ShipmentLine(order_line_id=str(order.lines[0].id), sku="A", quantity=Decimal(2))
	shipment = Shipment(id="DN-1", order_id=str(order.id), order_number=order.name, lines=(line,))
	assert connect(stage).push_shipment(shipment).external_ids == (str(order.fulfilments[0].id),)
	shown = connect(stage).shown_stock(None)
	assert shown is not None
	assert [(row.sku, row.quantity) for row in shown.rows] == [("A", Decimal(3))]
	catalog = connect(stage).shown_catalog(None)
	assert catalog is not None
	assert [row.variant_id for row in catalog.rows] == [made.variant_id]
	assert stage.shop.variant("A").price == Decimal("12.50")


def test_a_channel_that_is_not_set_up_answers_all_the_same() -> None:
	blank = CHANNEL.model_copy(update={"store_url": ""})
	connector = connectors.build(blank, Credentials(), surroundings(RecordingTransport()))
	request = WebhookRequest({"x-shopify-shop-domain": "a.myshopify.com"}, b"{}")
	assert connector.handshake(request) is None
	with pytest.raises(Unauthorized):
		connector.verify(request, NOW.astimezone(timezone.utc))
	assert not all(line.ok for line in connector.check())
	with pytest.raises(Misconfigured):
		connector.shown_catalog(None)
