"""The connector joins the modules to the protocol: each method hands over what it was given, and what it was told."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from unittest.mock import create_autospec, sentinel

import pytest

from commerce_bridge import connectors
from commerce_bridge.bridge.channel import Channel, Credentials
from commerce_bridge.bridge.errors import Misconfigured, Retryable
from commerce_bridge.bridge.model import Listing, Price, Shipment, ShipmentLine, StockLevel
from commerce_bridge.bridge.protocols import Answer, Connector, PushResult, WebhookRequest
from commerce_bridge.connectors import woocommerce
from commerce_bridge.connectors.woocommerce import order_changes, setup
from commerce_bridge.connectors.woocommerce.connector import WooCommerceConnector
from tests.connectors.storefront import RecordingTransport, surroundings
from tests.connectors.woocommerce_shelf import CHANNEL
from tests.connectors.woocommerce_simulated import WooCommerce

CREDENTIALS = Credentials(webhook_secrets=("s3cret",), api_key="ck_test", api_secret="cs_test")
_S = sentinel


def build(channel: Channel = CHANNEL) -> WooCommerceConnector:
	built = connectors.build(channel, CREDENTIALS, surroundings(RecordingTransport()))
	assert isinstance(built, WooCommerceConnector)
	return built


#: method, what it is given, the function that does it, what that is given of it
TOLD = [
	("handshake", (_S.request,), "webhook.handshake", (_S.request,)),
	("verify", (_S.request, _S.now), "webhook.verify", (_S.request, CREDENTIALS)),
	("identify", (_S.request,), "webhook.identify", (_S.request,)),
	("parse", (_S.topic, _S.payload), "mapper.parse", (_S.topic, _S.payload, CHANNEL)),
	("complete", (_S.event,), "orders.complete", ("client", CHANNEL, _S.event, "now")),
	("fetch_order", (_S.id,), "orders.fetch_order", ("client", _S.id)),
	("orders_since", (_S.cursor,), "orders.orders_since", ("client", _S.cursor, "now")),
	("shown_stock", (_S.cursor,), "stock.shown", ("client", _S.cursor)),
	("shown_catalog", (_S.cursor,), "catalog.shown", ("client", _S.cursor)),
	("products", (_S.cursor,), "product_export.products", ("client", _S.cursor)),
	("push_stock", (_S.levels,), "stock.push", ("client", _S.levels)),
	("push_prices", (_S.prices,), "pricing.push", ("client", CHANNEL, _S.prices)),
	("push_listings", (_S.listings,), "catalog.push_listings", ("client", CHANNEL, _S.listings)),
	("push_shipment", (_S.shipment,), "shipments.push", ("client", CHANNEL, _S.shipment)),
	("push_order_change", (_S.change,), "order_changes.push_change", ("client", _S.change)),
	("push_order_status", (_S.status,), "order_changes.push_status", ("client", _S.status)),
	("push_customer", (_S.customer,), "order_changes.push_customer", (_S.customer,)),
	("push_refund", (_S.request,), "refund_requests.push", ("client", _S.request)),
	("push_invoice", (_S.invoice,), "invoices.push", ("client", _S.invoice)),
	("push_return", (_S.notice,), "invoices.push_return", ("client", _S.notice)),
	("payouts", (_S.cursor,), "payments.payouts", (_S.cursor,)),
	("warnings", (), "setup.warnings", ("client",)),
	("suggestions", (), "suggestions.suggestions", ("client",)),
	(
		"register_webhooks",
		(_S.url,),
		"subscriptions.register",
		("client", CHANNEL, CREDENTIALS, _S.url, True),
	),
	("unregister_webhooks", (_S.url,), "subscriptions.unregister", ("client", _S.url)),
	("webhooks_differ", (_S.url,), "subscriptions.differ", ("client", CREDENTIALS, _S.url)),
	(
		"authorisation_url",
		(_S.url, _S.back, _S.state),
		"setup.authorisation_url",
		(CHANNEL, "surroundings", _S.url, _S.back, _S.state),
	),
	("authorised", (_S.query,), "setup.authorised", (_S.query,)),
]
#: These answer nothing.
_SILENT = ("verify", "unregister_webhooks")


@pytest.mark.parametrize(("method", "given", "function", "handed"), TOLD, ids=[row[0] for row in TOLD])
def test_each_method_is_told_in_its_module(
	monkeypatch: pytest.MonkeyPatch, method: str, given: Any, function: str, handed: Any
) -> None:
	module_name, _, name = function.partition(".")
	module = getattr(woocommerce, module_name)
	spy = create_autospec(getattr(module, name), return_value=sentinel.answer)
	monkeypatch.setattr(module, name, spy)
	built = build()
	answer = getattr(built, method)(*given)
	assert answer is (None if method in _SILENT else sentinel.answer)
	parts = {"client": built._client, "now": built._surroundings.now, "surroundings": built._surroundings}
	spy.assert_called_once_with(
		*(parts.get(part, part) if isinstance(part, str) else part for part in handed)
	)


def test_every_method_of_the_protocol_is_there_with_its_parameters() -> None:
	promised = {
		name: part for name, part in vars(Connector).items() if inspect.isfunction(part) and name[0] != "_"
	}
	assert set(promised) == {row[0] for row in TOLD} | {"check"}
	for name, part in promised.items():
		ours = inspect.signature(getattr(WooCommerceConnector, name))
		assert list(ours.parameters) == list(inspect.signature(part).parameters), name


def test_the_check_says_what_is_not_offered_too(monkeypatch: pytest.MonkeyPatch) -> None:
	monkeypatch.setattr(setup, "check", create_autospec(setup.check, return_value=[_S.right]))
	monkeypatch.setattr(
		order_changes, "checks", create_autospec(order_changes.checks, return_value=[_S.missing])
	)
	assert build().check() == [_S.right, _S.missing]


def test_a_ping_is_answered_before_the_channel_is_set_up() -> None:
	"""The shop pings while the webhook is made; what it needs of the channel is its address here, nothing else."""
	bare = CHANNEL.model_copy(update={"store_url": ""})
	built = build(bare)
	assert built.handshake(WebhookRequest({}, b"webhook_id=7")) == Answer(200)
	with pytest.raises(Misconfigured):
		built.push_stock([])


def test_what_the_registry_asks_of_the_platform() -> None:
	assert "woocommerce" in connectors.platforms()
	assert connectors.default_statuses("woocommerce") == ("processing", "on-hold", "completed")
	assert connectors.sets_webhook_secret("woocommerce")
	assert connectors.posts_keys("woocommerce")
	assert not connectors.signs_with_api_secret("woocommerce")
	told = connectors.settings_problems("woocommerce", {"store_url": "not an address"}, [])
	assert {fieldname for fieldname, _problem in told} >= {"store_url"}


def test_entries_that_hold_or_lead_to_an_order() -> None:
	assert WooCommerceConnector.order_topics == {
		"order.created",
		"order.updated",
		"order.restored",
		"order.deleted",
		"order.polled",
	}


def test_one_batch_of_the_engine_is_one_of_its_entries() -> None:
	assert (WooCommerceConnector.batch_size, WooCommerceConnector.platform) == (1_000, "woocommerce")
	assert 0 < WooCommerceConnector.listing_batch_size <= 100


# --- over the network ---

ADDRESS: dict[str, Any] = {"listing": "L", "item_code": "A", "sku": "A"}


@pytest.fixture
def shop() -> Iterator[WooCommerce]:
	made = WooCommerce()
	yield made
	made.shop.stop()


def put(shop: WooCommerce, connector: Connector, sku: str, quantity: int) -> PushResult:
	ids = {**ADDRESS, **_address(shop, sku)}
	[result] = connector.push_stock([StockLevel(**ids, quantity=Decimal(quantity))])
	return result


def _address(shop: WooCommerce, sku: str) -> dict[str, Any]:
	product = shop.shop.product(sku)
	if product.parent is None:
		return {"sku": sku, "product_id": str(product.id)}
	return {"sku": sku, "product_id": str(product.parent.id), "variant_id": str(product.id)}


def test_a_day_of_a_listing(shop: WooCommerce) -> None:
	"""Listed, stocked, priced, ordered, sent, shown: each call by a connector of its own, as units of work are."""
	listing = Listing(listing="L", item_code="A", sku="A", title="Phone")
	[made] = shop.connector().push_listings([listing])
	assert (made.error, made.product_id) == (None, str(shop.shop.product("A").id))
	ids = {**ADDRESS, "product_id": made.product_id, "variant_id": made.variant_id}
	level = StockLevel(**ids, quantity=Decimal(5))
	assert [result.error for result in shop.connector().push_stock([level])] == [None]
	price = Price(**ids, currency="EUR", amount=Decimal("12.5"))
	assert [result.error for result in shop.connector().push_prices([price])] == [None]
	order = shop.shop.place_order({"A": 2})
	line = ShipmentLine(order_line_id=str(order.lines[0].id), sku="A", quantity=Decimal(2))
	shipment = Shipment(id="DN-1", order_id=str(order.id), order_number=str(order.id), lines=(line,))
	assert shop.connector().push_shipment(shipment).error is None
	assert shop.sent(str(order.id)) == {str(order.lines[0].id): 2}
	shown = shop.connector().shown_stock(None)
	assert shown is not None
	assert [row.quantity for row in shown.rows if row.sku == "A"] == [3]  # type: ignore[union-attr]
	catalog = shop.connector().shown_catalog(None)
	assert catalog is not None and made.product_id in [row.product_id for row in catalog.rows]
	assert shop.price("A") == Decimal("12.50")


def test_levels_of_a_shop_on_the_network(shop: WooCommerce) -> None:
	"""A variation that leans on its product, a product nobody counted, and one that is in the trash."""
	parent = shop.shop.add_variable_product("SHIRT", {"S": "10", "M": "10"}, stock=None)
	shop.shop.change_product(parent, manage_stock=True, stock_quantity=44)
	shop.shop.add_product("FREE", stock=None)
	shop.shop.trash_product(shop.shop.add_product("OLD"))
	results = {sku: put(shop, shop.connector(), sku, 7).error for sku in ("SHIRT-S", "FREE", "OLD")}
	assert (results["SHIRT-S"], results["FREE"]) == (None, None)
	assert "trash" in (results["OLD"] or "")
	assert [shop.shop.stock(sku) for sku in ("SHIRT-S", "SHIRT-M", "FREE")] == [7, 44, 7]
	page = shop.connector().shown_stock(None)
	assert page is not None
	skus = {row.sku for row in page.rows}
	assert {"SHIRT-S", "FREE"} <= skus and not {"SHIRT", "SHIRT-M", "OLD"} & skus


def test_a_thousand_products_and_a_thousand_variations_of_fifty(shop: WooCommerce) -> None:
	sizes = {str(number): "10" for number in range(20)}
	for number in range(1000):
		shop.shop.add_product(f"P{number}", stock=None)
	for number in range(50):
		shop.shop.add_variable_product(f"V{number}", sizes, stock=None)
	for skus, calls in (
		([f"P{number}" for number in range(1000)], 10),
		([f"V{number}-{size}" for number in range(50) for size in sizes], 50),
	):
		shop.shop.calls.clear()
		levels = [
			StockLevel(**{**ADDRESS, "listing": sku, **_address(shop, sku)}, quantity=Decimal(index))
			for index, sku in enumerate(skus)
		]
		results = shop.connector().push_stock(levels)
		assert all(result.error is None for result in results)
		assert len(shop.shop.calls) == calls
		assert [shop.shop.stock(sku) for sku in skus] == list(range(1000))


def test_a_lost_answer_sets_the_same_level_again(shop: WooCommerce) -> None:
	shop.lose_answer("stock")
	with pytest.raises(Retryable):
		put(shop, shop.connector(), "PHONE", 3)
	assert shop.shop.stock("PHONE") == 3
	assert put(shop, shop.connector(), "PHONE", 3).error is None
	assert shop.shop.stock("PHONE") == 3
