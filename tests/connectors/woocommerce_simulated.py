"""The simulated WooCommerce as the connector contract uses it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from commerce_bridge.bridge.channel import Channel, Credentials
from commerce_bridge.bridge.protocols import WebhookRequest
from sandbox.storefronts.woocommerce import NewLine, WooCommerceStorefront
from sandbox.storefronts.woocommerce.goods import price_decimal
from sandbox.storefronts.woocommerce.sales import Order
from sandbox.storefronts.woocommerce.webhooks import signature
from tests.connectors.contract_platform import COMMON, Platform
from tests.connectors.contract_suite import CALLBACK, SKUS

SECRET = "s3cretOfTheContract"
#: What the shop calls carriers, and what it shows of them.
CARRIERS = {"dhl": "DHL", "ups": "UPS"}


class WooCommerce(Platform):
	tells_itself, moves_money, knows_returns = True, True, False

	def __init__(self, path: str = "") -> None:
		super().__init__()
		self.shop = WooCommerceStorefront(self.clock, path=path)
		self.shop.fulfilments = True
		for sku in SKUS:
			self.shop.add_product(sku, Decimal("33.33"), 10)
		for topic in ("order.created", "order.updated"):
			self.shop.subscribe(topic, "https://elsewhere.example/", SECRET)
		self.shop.start()
		self.channel = Channel(platform="woocommerce", store_url=self.shop.url, **COMMON)
		self.credentials = Credentials(
			api_key=self.shop.consumer_key, api_secret=self.shop.consumer_secret, webhook_secrets=(SECRET,)
		)

	def place(self, quantities: Mapping[str, int]) -> str:
		lines = [NewLine(sku, quantity, discount=Decimal("1.11")) for sku, quantity in quantities.items()]
		placed = self.shop.place_order(
			lines,
			Decimal("4.90"),
			customer=self.shop.add_customer("ada@example.com"),
			meta={"gift": "yes"},
			note="Ring twice",
		)
		self.shop.take_queue()
		return str(placed.id)

	def _order(self, order_id: str) -> Order:
		return self.shop.orders[int(order_id)]

	def change(self, order_id: str) -> None:
		self.shop.edit_order(self._order(order_id), add=[NewLine("CABLE", 2)])
		self.shop.take_queue()

	def cancel(self, order_id: str) -> None:
		self.shop.cancel_order(self._order(order_id))

	def deliveries(self, order_id: str) -> list[WebhookRequest]:
		return [
			WebhookRequest(told.headers, told.body)
			for told in self.shop.recorded
			if told.topic.startswith("order.") and str(told.resource_id) == order_id
		]

	def signed(self, request: WebhookRequest, secret: str) -> WebhookRequest:
		changed = {"x-wc-webhook-signature": signature(secret, request.body)}
		return replace(request, headers={**request.headers, **changed})

	def total(self, order_id: str) -> Decimal:
		return self._order(order_id).total

	def lines(self, order_id: str) -> dict[str, str]:
		return {line.product.sku: str(line.id) for line in self._order(order_id).lines if line.product}

	def address(self, sku: str) -> dict[str, Any]:
		return {"product_id": str(self.shop.product(sku).id), "variant_id": None}

	def unknown_address(self) -> dict[str, Any]:
		return {"product_id": "999999", "variant_id": None}

	def stock(self, sku: str) -> Decimal:
		return Decimal(self.shop.stock(sku) or 0)

	def price(self, sku: str) -> Decimal:
		return price_decimal(self.shop.product(sku), self.clock())

	def titles(self) -> dict[str, str]:
		return {product.sku: product.name for product in self.shop.products.values()}

	def sent(self, order_id: str) -> dict[str, int]:
		found: dict[str, int] = {}
		for parcel in self.shop.parcels.values():
			if str(parcel.order_id) == order_id and parcel.fulfilled and not parcel.deleted:
				for item in parcel.items:
					line = str(item["item_id"])
					found[line] = found.get(line, 0) + item["qty"]
		return found

	def tracking(self, order_id: str) -> list[tuple[str | None, str | None]]:
		parcels = [each for each in self.shop.parcels.values() if str(each.order_id) == order_id]
		return sorted(
			(CARRIERS.get(each.value("_shipment_provider")), each.value("_tracking_number"))
			for each in parcels
			if each.fulfilled and not each.deleted
		)

	def pay(self, order_id: str) -> None:
		order = self._order(order_id)
		order.payment_method, order.transaction_id = "stripe", f"ch_{order_id}"
		self.shop.refunding["stripe"] = ""
		self.shop.changed(order)

	def give_back(
		self,
		order_id: str,
		quantities: Mapping[str, int],
		restock: bool = False,
		amount: Decimal | None = None,
	) -> None:
		lines = self.lines(order_id)
		chosen = {int(lines[sku]): number for sku, number in quantities.items()}
		self.shop.refund_order(self._order(order_id), amount, chosen, restock=restock, moved=True)

	def given_back(self, order_id: str) -> list[Decimal]:
		return [refund.amount for refund in self._order(order_id).refunds]

	def send_back(self, order_id: str, quantities: Mapping[str, int]) -> None:
		raise AssertionError("WooCommerce knows no returns")

	def lose_answer(self, operation: str) -> None:
		path = {"stock": "/products/", "shipment": "/fulfillments", "refund": "/refunds"}[operation]
		self.shop.fail("lost", path=path, method="WRITE")

	def break_down(self, how: bool | str) -> None:
		self.shop.outage = how

	def subscribed(self) -> list[str]:
		return sorted(each.topic for each in self.shop.webhooks.values() if each.delivery_url == CALLBACK)
