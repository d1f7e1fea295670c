"""The connector contract, for each platform against its simulated storefront."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from commerce_bridge.bridge.channel import Authentication, Channel, Credentials, WarehouseMap
from commerce_bridge.bridge.model import StockLevel
from commerce_bridge.bridge.protocols import WebhookRequest
from commerce_bridge.connectors import platforms
from sandbox.storefronts.custom import CustomStorefront
from sandbox.storefronts.orders import line, order
from sandbox.storefronts.shopify import ACCESS_TOKEN, NewLine, NewShipping, ShopifyStorefront
from sandbox.storefronts.shopify.sales import Order as ShopifyOrder
from sandbox.storefronts.shopify.sales import address
from sandbox.storefronts.shopify.webhooks import signature
from sandbox.storefronts.signing import sign
from tests.connectors.contract_platform import COMMON, Platform
from tests.connectors.contract_suite import CALLBACK, SKUS, ConnectorContract
from tests.connectors.woocommerce_simulated import WooCommerce

SECRET = "whsec_Y29udHJhY3Qtc2VjcmV0LW9mLXRoZS1zaG9w"


def _share(row: Mapping[str, Any], pieces: int, restock: bool) -> dict[str, Any]:
	"""What some pieces of an order's line cost, and the tax on them."""
	share = Decimal(pieces) / Decimal(row["quantity"])
	[tax] = row["taxes"]
	return {
		"order_line_id": row["id"],
		"quantity": pieces,
		"amount": str((Decimal(row["total"]) * share).quantize(Decimal("0.01"))),
		"taxes": [{**tax, "amount": str((Decimal(tax["amount"]) * share).quantize(Decimal("0.01")))}],
		"restock": restock,
	}


class Custom(Platform):
	tells_itself, moves_money, knows_returns = False, True, True

	def __init__(self) -> None:
		super().__init__()
		self.shop = CustomStorefront(secrets=[SECRET], now=self.clock)
		for sku in SKUS:
			self.shop.add_product(sku, Decimal("33.33"), 10)
		self.told: list[Any] = []
		self.shop.start()
		self.channel = Channel(platform="custom", store_url=self.shop.url, **COMMON)
		self.credentials = Credentials(webhook_secrets=(SECRET,))

	def place(self, quantities: Mapping[str, int]) -> str:
		return self._place(1 + len(self.shop.orders), 1, quantities)

	def _place(self, number: int, version: int, quantities: Mapping[str, int]) -> str:
		lines = [
			line(f"{number}-{sku}", self.shop.products[sku], quantity, Decimal("1.11"), False)
			for sku, quantity in quantities.items()
		]
		data = order(number, version, self.clock(), lines, Decimal("4.90"), False)
		self.told.append(self.shop.upsert(data))
		return data["id"]

	def change(self, order_id: str) -> None:
		data = self.shop.orders[order_id]
		quantities = {row["sku"]: row["quantity"] + 1 for row in data["lines"]}
		self._place(int(order_id) - 9000, data["version"] + 1, quantities)

	def cancel(self, order_id: str) -> None:
		self.shop.cancel(order_id, 9, self.clock())

	def deliveries(self, order_id: str) -> list[WebhookRequest]:
		return [
			WebhookRequest(sign(SECRET, event.webhook_id, event.body, self.clock()), event.body)
			for event in self.told
			if event.order_id == order_id
		]

	def signed(self, request: WebhookRequest, secret: str) -> WebhookRequest:
		return replace(request, headers=sign(secret, "evt_1", request.body, self.clock()))

	def total(self, order_id: str) -> Decimal:
		return Decimal(self.shop.orders[order_id]["totals"]["grand_total"])

	def lines(self, order_id: str) -> dict[str, str]:
		return {row["sku"]: row["id"] for row in self.shop.orders[order_id]["lines"]}

	def address(self, sku: str) -> dict[str, Any]:
		return {}

	def unknown_address(self) -> dict[str, Any]:
		return {}

	def stock(self, sku: str) -> Decimal:
		return self.shop.stock[sku]

	def price(self, sku: str) -> Decimal:
		return self.shop.products[sku].price

	def titles(self) -> dict[str, str]:
		return {sku: self.shop.titles.get(sku, sku) for sku in self.shop.products}

	def sent(self, order_id: str) -> dict[str, int]:
		return {line_id: int(quantity) for line_id, quantity in self.shop.shipped(order_id).items()}

	def tracking(self, order_id: str) -> list[tuple[str | None, str | None]]:
		rows = [row for row in self.shop.shipments.values() if row["order_id"] == order_id]
		return sorted(
			(parcel["carrier"], parcel["tracking_number"]) for row in rows for parcel in row["parcels"]
		)

	def pay(self, order_id: str) -> None:
		self.shop.pay(order_id, self.total(order_id), self.clock())

	def give_back(
		self,
		order_id: str,
		quantities: Mapping[str, int],
		restock: bool = False,
		amount: Decimal | None = None,
	) -> None:
		rows = [
			_share(row, quantities[row["sku"]], restock)
			for row in self.shop.orders[order_id]["lines"]
			if row["sku"] in quantities
		]
		worth = sum((Decimal(row["amount"]) + Decimal(row["taxes"][0]["amount"]) for row in rows), Decimal(0))
		adjustments = [] if amount is None else [{"title": "Sorry", "amount": str(amount)}]
		self.shop.refund(order_id, worth + (amount or 0), self.clock(), lines=rows, adjustments=adjustments)

	def given_back(self, order_id: str) -> list[Decimal]:
		return [Decimal(row["total"]) for row in self.shop.orders[order_id].get("refunds", ())]

	def send_back(self, order_id: str, quantities: Mapping[str, int]) -> None:
		lines = self.lines(order_id)
		rows = [{"order_line_id": lines[sku], "quantity": number} for sku, number in quantities.items()]
		self.shop.return_goods(order_id, rows, "requested", self.clock())

	def lose_answer(self, operation: str) -> None:
		self.transport.losing = True

	def break_down(self, how: bool | str) -> None:
		self.shop.outage = how

	def subscribed(self) -> list[str]:
		return []


class Shopify(Platform):
	tells_itself, moves_money, knows_returns = True, True, True

	def __init__(self, api_version: str = "", authentication: Authentication = "Access Token") -> None:
		super().__init__()
		self.shop = ShopifyStorefront(self.clock)
		for sku in SKUS:
			self.shop.add_product(sku, Decimal("33.33"), 10)
		for topic in ("orders/create", "orders/updated"):
			self.shop.subscribe(topic, "https://elsewhere.example/")
		self.shop.start()
		self.channel = Channel(
			platform="shopify",
			store_url=self.shop.url,
			api_version=api_version,
			authentication=authentication,
			warehouses=(WarehouseMap(warehouse="Stores", location_id=str(self.shop.location.id)),),
			**COMMON,
		)
		self.credentials = Credentials(
			api_key=self.shop.client_id,
			api_secret=self.shop.client_secret,
			access_token=ACCESS_TOKEN if authentication == "Access Token" else None,
			webhook_secrets=(self.shop.client_secret,),
		)

	def place(self, quantities: Mapping[str, int]) -> str:
		street = address(
			first_name="Ada",
			last_name="Lovelace",
			address1="Hauptstraße 1",
			city="Köln",
			zip="50667",
			country="Germany",
			country_code="DE",
		)
		lines = [NewLine(sku, quantity, discount=Decimal("1.11")) for sku, quantity in quantities.items()]
		buyer = self.shop.add_customer(
			email="ada@example.com", first_name="Ada", last_name="Lovelace", address=street
		)
		placed = self.shop.place_order(
			lines,
			[NewShipping(Decimal("4.90"))],
			customer=buyer,
			billing_address=street,
			shipping_address=street,
			attributes=[{"name": "gift", "value": "yes"}],
			note="Ring twice",
		)
		return str(placed.id)

	def _order(self, order_id: str) -> ShopifyOrder:
		return self.shop.orders[int(order_id)]

	def change(self, order_id: str) -> None:
		self.shop.edit_order(self._order(order_id), add=[NewLine("CABLE", 2)])

	def cancel(self, order_id: str) -> None:
		self.shop.cancel_order(self._order(order_id))

	def deliveries(self, order_id: str) -> list[WebhookRequest]:
		return [
			WebhookRequest(self.shop.headers(event), event.body)
			for event in self.shop.recorded
			if event.external_id == order_id and event.topic.startswith("orders/")
		]

	def signed(self, request: WebhookRequest, secret: str) -> WebhookRequest:
		changed = {"x-shopify-hmac-sha256": signature(secret, request.body)}
		return replace(request, headers={**request.headers, **changed})

	def total(self, order_id: str) -> Decimal:
		return self._order(order_id).current_total

	def lines(self, order_id: str) -> dict[str, str]:
		return {str(row.sku): str(row.id) for row in self._order(order_id).lines}

	def address(self, sku: str) -> dict[str, Any]:
		variant = self.shop.variant(sku)
		return {
			"product_id": str(variant.product.id),
			"variant_id": str(variant.id),
			"location_id": str(self.shop.location.id),
		}

	def unknown_address(self) -> dict[str, Any]:
		return {"product_id": "41", "variant_id": "42", "location_id": str(self.shop.location.id)}

	def stock(self, sku: str) -> Decimal:
		return Decimal(self.shop.stock(sku))

	def price(self, sku: str) -> Decimal:
		return self.shop.variant(sku).price

	def titles(self) -> dict[str, str]:
		return {str(variant.sku): variant.product.title for variant in self.shop.variants.values()}

	def sent(self, order_id: str) -> dict[str, int]:
		return {str(row.id): row.fulfilled for row in self._order(order_id).lines if row.fulfilled}

	def tracking(self, order_id: str) -> list[tuple[str | None, str | None]]:
		sent = [each for each in self._order(order_id).fulfilments if each.status == "SUCCESS"]
		return sorted((parcel.company, parcel.number) for each in sent for parcel in each.parcels)

	def pay(self, order_id: str) -> None:
		if self._order(order_id).outstanding:
			self.shop.pay(self._order(order_id), gateway="bogus")

	def give_back(
		self,
		order_id: str,
		quantities: Mapping[str, int],
		restock: bool = False,
		amount: Decimal | None = None,
	) -> None:
		order = self._order(order_id)
		chosen = {row: quantities[str(row.sku)] for row in order.lines if row.sku in quantities}
		self.shop.refund(order, chosen, restock="cancel" if restock else "no_restock", amount=amount)

	def given_back(self, order_id: str) -> list[Decimal]:
		return [
			sum((row.amount for row in refund.transactions), Decimal(0))
			for refund in self._order(order_id).refunds
		]

	def send_back(self, order_id: str, quantities: Mapping[str, int]) -> None:
		order = self._order(order_id)
		for part in order.fulfilment_orders:
			self.shop.fulfil(part)
		self.shop.request_return(order, {row: quantities[str(row.sku)] for row in order.lines})

	def lose_answer(self, operation: str) -> None:
		mutations = {
			"stock": "inventorySetQuantities",
			"shipment": "fulfillmentCreate",
			"refund": "refundCreate",
		}
		mutation = mutations[operation]
		self.shop.fail("lost", operation=mutation)

	def break_down(self, how: bool | str) -> None:
		self.shop.outage = how

	def subscribed(self) -> list[str]:
		return sorted(each.topic for each in self.shop.subscriptions.values() if each.uri == CALLBACK)


class TestCustom(ConnectorContract):
	@pytest.fixture
	def shop(self) -> Iterator[Custom]:
		made = Custom()
		yield made
		made.shop.stop()


class TestShopify(ConnectorContract):
	@pytest.fixture(params=["2026-10", "2026-04", "2026-07", "Client Credentials"])
	def shop(self, request: pytest.FixtureRequest) -> Iterator[Shopify]:
		given: str = request.param
		made = Shopify(given) if given.startswith("20") else Shopify("", "Client Credentials")
		yield made
		made.shop.stop()

	def test_a_thousand_levels_are_four_calls(self, shop: Shopify) -> None:
		"""In the steady state: what the shop calls each listing is known, and what it showed last."""
		variants = [shop.shop.add_product(f"SKU-{number}") for number in range(1_000)]
		levels = [
			StockLevel(
				listing=f"L-{variant.sku}",
				item_code=str(variant.sku),
				sku=str(variant.sku),
				variant_id=str(variant.id),
				location_id=str(shop.shop.location.id),
				stock_id=str(variant.inventory_item_id),
				quantity=Decimal(7),
				expected=Decimal(0),
			)
			for variant in variants
		]
		for start in range(0, 1_000, 250):
			results = shop.connector(f"SYNC-{start}").push_stock(levels[start : start + 250])
			assert {result.error for result in results} == {None}
		assert [call.fields for call in shop.shop.calls] == [["inventorySetQuantities"]] * 4
		assert {variant.total for variant in variants} == {7}

	def test_rows_the_shop_names_are_told_and_the_others_sent_again(self, shop: Shopify) -> None:
		"""The mutation takes all rows or none: one sold in between, one deleted, one as it should be."""
		known = [
			self.level(
				shop, sku, "7", stock_id=str(shop.shop.variant(sku).inventory_item_id), expected=Decimal(10)
			)
			for sku in SKUS
		]
		shop.place({"PHONE": 1})
		shop.shop.delete_product(shop.shop.variant("CASE").product)
		stale, deleted, taken = shop.connector().push_stock(known)
		assert (stale.stale, stale.retry, bool(stale.error)) == (True, True, True)
		assert (deleted.stale, deleted.retry, bool(deleted.error)) == (False, False, True)
		assert (taken.error, shop.stock("CABLE"), shop.stock("PHONE")) == (None, 7, 9)
		[again] = shop.connector("SYNC-2").push_stock([known[0].model_copy(update={"expected": None})])
		assert (again.error, shop.stock("PHONE")) == (None, 7)


class TestWooCommerce(ConnectorContract):
	@pytest.fixture(params=["", "/shop"])
	def shop(self, request: pytest.FixtureRequest) -> Iterator[WooCommerce]:
		made = WooCommerce(request.param)
		yield made
		made.shop.stop()


def test_every_platform_keeps_the_contract() -> None:
	tested = {
		each.__name__.removeprefix("Test").lower() for each in (TestCustom, TestShopify, TestWooCommerce)
	}
	assert tested == set(platforms())
