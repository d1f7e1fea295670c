"""The shops of the demo, behind one small protocol: what is particular to a platform, and nothing else."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from threading import Event
from typing import Any, NamedTuple, Protocol

from commerce_bridge.bridge.channel import Credentials, WarehouseMap
from commerce_bridge.bridge.clock import Now
from commerce_bridge.bridge.protocols import Connector
from sandbox.storefronts.custom import CustomStorefront, ShopEvent
from sandbox.storefronts.orders import SHIPPING, Product, order, random_lines
from sandbox.storefronts.shopify import ACCESS_TOKEN, NewLine, NewShipping, ShopifyStorefront
from sandbox.storefronts.shopify.goods import Variant
from sandbox.storefronts.shopify.sales import Order, address
from sandbox.storefronts.shopify.webhooks import Delivery, Post
from sandbox.storefronts.woocommerce import NewFee, WooCommerceStorefront
from sandbox.storefronts.woocommerce import NewLine as WooCommerceLine
from sandbox.storefronts.woocommerce.goods import price_decimal
from sandbox.storefronts.woocommerce.sales import Order as WooCommerceOrder
from sandbox.storefronts.woocommerce.webhooks import Delivery as WooCommerceDelivery
from sandbox.storefronts.woocommerce.webhooks import as_php
from sandbox.world import Sandbox

SECRET, WRONG_SECRET = "whsec_ZGVtby1zZWNyZXQtb2YtdGhlLXNob3A=", "whsec_c29tZWJvZHktZWxzZXMtc2VjcmV0"
WOOCOMMERCE_SECRET = "demoSecretOfTheShop"
CENT = Decimal("0.01")


#: A gesture.
GOODWILL = Decimal("1.00")


class Money(NamedTuple):
	"""What was paid of an order, and what went back."""

	paid: Decimal
	given_back: Decimal


class DemoShop(Protocol):
	"""A simulated shop as the demo uses it. An event is a webhook that has to be delivered."""

	requests_refused: int

	def start(self) -> None: ...

	def stop(self) -> None: ...

	def settings(self, warehouse: str) -> dict[str, Any]:
		"""What a channel of this shop has that others have not."""
		...

	def credentials(self) -> Credentials: ...

	def open(self, connector: Connector, webhook_url: str) -> None:
		"""The channel is set up: the shop is told where to post."""
		...

	def break_down(self, outage: bool | str) -> None:
		"""True: 503; "reset": hangs up; False: works again."""
		...

	def add_product(self, sku: str) -> None: ...

	def make_listing(self, sandbox: Sandbox, channel: str, sku: str) -> None:
		"""As an import of the shop's products would make it."""
		...

	def place(self, number: int, skus: Sequence[str], extra: str | None = None) -> list[Any]:
		"""A buyer orders some of these, and `extra` with them; the events that tell of it."""
		...

	def change(self, number: int, skus: Sequence[str]) -> list[Any]:
		"""The order becomes another one; the events that tell of it. Later than `place` by the shop's clock."""
		...

	def forge(self, number: int, skus: Sequence[str]) -> Any:
		"""An order nobody placed: it is not in the shop, and to be signed by somebody else."""
		...

	def waiting(self) -> list[Any]:
		"""Events of what happened in the shop by itself since this was asked last."""
		...

	def deliver(self, event: Any, post: Post, forged: bool) -> bool:
		"""Sends an event once; whether it was acknowledged."""
		...

	def order_id(self, event: Any) -> str: ...

	def pay(self, order_id: str) -> list[Any]:
		"""The buyer pays what is open of an order; the events that tell of it."""
		...

	def give_back(self, order_id: str) -> list[Any]:
		"""A piece of the first position is taken back, or for every third order an amount is given as a gesture; the
		events that tell of it."""
		...

	def money(self) -> dict[str, Money]:
		"""What was paid of each order, and given back."""
		...

	def totals(self) -> dict[str, Decimal]:
		"""What each order costs now, by the order's id."""
		...

	def stock(self) -> dict[str, Decimal]:
		"""What is on offer, by SKU."""
		...

	def tracking_numbers(self) -> list[str]:
		"""Of everything that the shop shows as sent."""
		...

	def order_topics(self) -> tuple[str, ...]:
		"""Topics of the Sync Log under which orders come in as they stand."""
		...

	def age(self, payload: str) -> Any:
		"""What tells an older state of an order from a newer one, of a payload in the Sync Log."""
		...


class CustomDemoShop:
	def __init__(self, now: Now, chance: random.Random):
		self._now, self._chance = now, chance
		self._shop = CustomStorefront(secrets=[SECRET], now=now)
		self._orders: dict[int, dict[str, Any]] = {}
		self.start, self.stop = self._shop.start, self._shop.stop

	@property
	def requests_refused(self) -> int:
		return self._shop.requests_refused

	def settings(self, warehouse: str) -> dict[str, Any]:
		return {"platform": "custom", "store_url": self._shop.url}

	def credentials(self) -> Credentials:
		return Credentials(webhook_secrets=(SECRET,))

	def open(self, connector: Connector, webhook_url: str) -> None:
		"""A custom shop's developer enters the address."""

	def break_down(self, outage: bool | str) -> None:
		self._shop.outage = outage

	def add_product(self, sku: str) -> None:
		self._shop.add_product(sku, Decimal(self._chance.randint(199, 99_999)).scaleb(-2))

	def make_listing(self, sandbox: Sandbox, channel: str, sku: str) -> None:
		sandbox.make_listing(channel, sku)

	def place(self, number: int, skus: Sequence[str], extra: str | None = None) -> list[ShopEvent]:
		data = self._order(number, 1, skus)
		if extra:
			included = data["prices_include_tax"]
			more = random_lines(self._chance, number + 1_000, [self._shop.products[extra]], included)
			shipping = Decimal(data["shipping"][0]["amount"])
			data = order(number, 1, self._now(), [*data["lines"], *more], shipping, included)
		return [self._shop.upsert(data)]

	def change(self, number: int, skus: Sequence[str]) -> list[ShopEvent]:
		return [self._shop.upsert(self._order(number, 2, skus))]

	def forge(self, number: int, skus: Sequence[str]) -> ShopEvent:
		return self._shop.event("order.upserted", self._order(number, 1, skus))

	def _order(self, number: int, version: int, skus: Sequence[str]) -> dict[str, Any]:
		inclusive = number % 3 == 0
		products: list[Product] = [self._shop.products[sku] for sku in skus]
		lines = random_lines(self._chance, number, products, inclusive)
		return order(number, version, self._now(), lines, self._chance.choice(SHIPPING), inclusive)

	def waiting(self) -> list[ShopEvent]:
		return []

	def deliver(self, event: ShopEvent, post: Post, forged: bool) -> bool:
		return self._shop.deliver(event, post, WRONG_SECRET if forged else None)

	def order_id(self, event: ShopEvent) -> str:
		return event.order_id

	def pay(self, order_id: str) -> list[ShopEvent]:
		if self._shop.orders[order_id].get("payments"):
			return []
		return [self._shop.pay(order_id, self.totals()[order_id], self._now())]

	def give_back(self, order_id: str) -> list[ShopEvent]:
		sold = self._shop.orders[order_id]
		if int(order_id) % 3 == 0:
			gesture = [{"title": "Sorry", "amount": str(GOODWILL)}]
			return [self._shop.refund(order_id, GOODWILL, self._now(), adjustments=gesture)]
		line = sold["lines"][0]
		tax = line["taxes"][0] | {"amount": str(_share(line["taxes"][0]["amount"], line["quantity"]))}
		amount = _share(line["total"], line["quantity"])
		total = amount + (0 if sold["prices_include_tax"] else Decimal(tax["amount"]))
		piece = {
			"order_line_id": line["id"],
			"quantity": 1,
			"amount": str(amount),
			"taxes": [tax],
			"restock": True,
		}
		return [self._shop.refund(order_id, total, self._now(), lines=[piece])]

	def money(self) -> dict[str, Money]:
		return {
			key: Money(
				_sum(row["amount"] for row in data.get("payments", ())),
				_sum(row["amount"] for refund in data.get("refunds", ()) for row in refund["payments"]),
			)
			for key, data in self._shop.orders.items()
		}

	def totals(self) -> dict[str, Decimal]:
		return {key: Decimal(data["totals"]["grand_total"]) for key, data in self._shop.orders.items()}

	def stock(self) -> dict[str, Decimal]:
		return dict(self._shop.stock)

	def tracking_numbers(self) -> list[str]:
		return sorted(data["tracking_number"] for data in self._shop.shipments.values())

	def order_topics(self) -> tuple[str, ...]:
		return ("order.upserted",)

	def age(self, payload: str) -> Any:
		return json.loads(payload)["data"]["version"]


class ShopifyDemoShop:
	"""Orders are changed by a person who adds a line; the shop tells of everything it has topics for."""

	def __init__(self, now: Now, chance: random.Random):
		self._now, self._chance = now, chance
		self._shop = ShopifyStorefront(now)
		self._orders: dict[int, Order] = {}
		self._told = 0

	def start(self) -> None:
		self._shop.start()

	def stop(self) -> None:
		self._shop.stop()

	@property
	def requests_refused(self) -> int:
		return self._shop.requests_refused

	def settings(self, warehouse: str) -> dict[str, Any]:
		location = WarehouseMap(warehouse=warehouse, location_id=str(self._shop.location.id))
		return {"platform": "shopify", "store_url": self._shop.url, "warehouses": (location,)}

	def credentials(self) -> Credentials:
		return Credentials(
			api_key=self._shop.client_id, api_secret=self._shop.client_secret, access_token=ACCESS_TOKEN
		)

	def open(self, connector: Connector, webhook_url: str) -> None:
		connector.register_webhooks(webhook_url)

	def break_down(self, outage: bool | str) -> None:
		self._shop.outage = outage

	def add_product(self, sku: str) -> None:
		self._shop.add_product(sku, Decimal(self._chance.randint(199, 99_999)).scaleb(-2))

	def make_listing(self, sandbox: Sandbox, channel: str, sku: str) -> None:
		variant = self._shop.variant(sku)
		sandbox.make_listing(channel, sku, product_id=str(variant.product.id), variant_id=str(variant.id))

	def place(self, number: int, skus: Sequence[str], extra: str | None = None) -> list[Delivery]:
		with self._shop.lock:
			lines = self._lines(skus, extra)
			shipping = [NewShipping(self._chance.choice(SHIPPING))]
			self._orders[number] = self._shop.place_order(
				lines, shipping, taxes_included=number % 3 == 0, **self._buyer(number)
			)
			# Its buyer and its money are told before it: by the order, it is known which one it is.
			return sorted(self.waiting(), key=lambda event: event.topic != "orders/create")

	def change(self, number: int, skus: Sequence[str]) -> list[Delivery]:
		"""Shopify's clock shows seconds: a state of the same second would not be later."""
		sold = self._orders[number]
		while int(self._now().timestamp()) <= int(sold.updated_at.timestamp()):
			Event().wait(0.01)
		with self._shop.lock:
			self._shop.edit_order(sold, add=self._lines(skus, None)[:1])
			return self.waiting()

	def forge(self, number: int, skus: Sequence[str]) -> Delivery:
		like = self._orders[number % len(self._orders)]
		made = self._shop.order_payload(like)
		made["id"] += 1_000_000_000
		made["admin_graphql_api_id"] = f"gid://shopify/Order/{made['id']}"
		return self._shop.event("orders/create", made)

	def _lines(self, skus: Sequence[str], extra: str | None) -> list[NewLine]:
		"""One to three positions, some of them with a discount that no quantity divides."""
		chosen = self._chance.sample(list(skus), self._chance.randint(1, 3)) + ([extra] if extra else [])
		return [self._line(self._shop.variant(sku)) for sku in chosen]

	def _line(self, variant: Variant) -> NewLine:
		discount = self._chance.choice((Decimal(0), Decimal(0), (variant.price / 7).quantize(CENT)))
		return NewLine(variant.sku, self._chance.randint(1, 4), discount=discount)

	def _buyer(self, number: int) -> dict[str, Any]:
		email = f"buyer{number % 60}@example.com"
		known = [each for each in self._shop.customers.values() if each.email == email]
		buyer = (
			known[0] if known else self._shop.add_customer(email=email, first_name="Ada", last_name="Büyer")
		)
		street = address(
			first_name="Ada",
			last_name="Büyer",
			address1=f"Hauptstraße {number % 60}",
			city="Köln",
			zip="50667",
			country="Germany",
			country_code="DE",
		)
		return {"customer": buyer, "billing_address": street, "shipping_address": street}

	def waiting(self) -> list[Delivery]:
		with self._shop.lock:
			made = self._shop.recorded[self._told :]
			self._told += len(made)
			return made

	def deliver(self, event: Delivery, post: Post, forged: bool) -> bool:
		return self._shop.deliver(event, post, "shpss_somebody_elses" if forged else None)

	def order_id(self, event: Delivery) -> str:
		return event.external_id

	def pay(self, order_id: str) -> list[Delivery]:
		"""What was ordered is paid with it; what was added to an order is not."""
		sold = self._shop.orders[int(order_id)]
		with self._shop.lock:
			if sold.outstanding:
				self._shop.pay(sold)
			return self.waiting()

	def give_back(self, order_id: str) -> list[Delivery]:
		sold = self._shop.orders[int(order_id)]
		with self._shop.lock:
			if int(order_id) % 3 == 0:
				self._shop.refund(sold, amount=GOODWILL)
			else:
				self._shop.refund(sold, {sold.lines[0]: 1})
			return self.waiting()

	def money(self) -> dict[str, Money]:
		return {str(key): Money(sold.received, sold.refunded) for key, sold in self._shop.orders.items()}

	def totals(self) -> dict[str, Decimal]:
		"""Less what was given as a gesture, which a shop's total need not say."""
		return {
			str(key): sold.current_total + sold.adjusted(in_total=False)
			for key, sold in self._shop.orders.items()
		}

	def stock(self) -> dict[str, Decimal]:
		return {str(each.sku): Decimal(each.total) for each in self._shop.variants.values()}

	def tracking_numbers(self) -> list[str]:
		sent = [each for sold in self._shop.orders.values() for each in sold.fulfilments]
		return sorted(
			parcel.number or "" for each in sent if each.status == "SUCCESS" for parcel in each.parcels
		)

	def order_topics(self) -> tuple[str, ...]:
		return ("orders/create", "orders/updated")

	def age(self, payload: str) -> Any:
		return json.loads(payload)["updated_at"]


class WooCommerceDemoShop:
	"""Some of its orders are of prices with tax inside, some are rounded once for the order: a shop is set to one of
	each, this one in turn. What it tells it tells once."""

	def __init__(self, now: Now, chance: random.Random):
		self._now, self._chance = now, chance
		self._shop = WooCommerceStorefront(now)
		self._shop.fulfilments = True
		self._orders: dict[int, WooCommerceOrder] = {}

	def start(self) -> None:
		self._shop.start()

	def stop(self) -> None:
		self._shop.stop()

	@property
	def requests_refused(self) -> int:
		return self._shop.requests_refused

	def settings(self, warehouse: str) -> dict[str, Any]:
		return {"platform": "woocommerce", "store_url": self._shop.url}

	def credentials(self) -> Credentials:
		return Credentials(
			api_key=self._shop.consumer_key,
			api_secret=self._shop.consumer_secret,
			webhook_secrets=(WOOCOMMERCE_SECRET,),
		)

	def open(self, connector: Connector, webhook_url: str) -> None:
		connector.register_webhooks(webhook_url)

	def break_down(self, outage: bool | str) -> None:
		self._shop.outage = outage

	def add_product(self, sku: str) -> None:
		self._shop.add_product(sku, Decimal(self._chance.randint(199, 99_999)).scaleb(-2))

	def make_listing(self, sandbox: Sandbox, channel: str, sku: str) -> None:
		sandbox.make_listing(channel, sku, product_id=str(self._shop.product(sku).id))

	def place(self, number: int, skus: Sequence[str], extra: str | None = None) -> list[WooCommerceDelivery]:
		with self._shop.lock:
			self._shop.prices_include_tax = number % 3 == 0
			self._shop.tax_round_at_subtotal = number % 2 == 0
			self._orders[number] = self._shop.place_order(
				self._lines(skus, extra),
				self._chance.choice(SHIPPING),
				fees=[NewFee("Discount", Decimal("-0.55"))] if number % 7 == 0 else [],
				billing={
					"first_name": "Ada",
					"last_name": "Büyer",
					"address_1": f"Hauptstraße {number % 60}",
					"city": "Köln",
					"postcode": "50667",
					"country": "DE",
					"email": f"buyer{number % 60}@example.com",
				},
			)
			return self.waiting()

	def change(self, number: int, skus: Sequence[str]) -> list[WooCommerceDelivery]:
		"""WooCommerce's clock shows seconds: a state of the same second would not be later."""
		sold = self._orders[number]
		while int(self._now().timestamp()) <= int(sold.modified.timestamp()):
			Event().wait(0.01)
		with self._shop.lock:
			self._shop.edit_order(sold, add=self._lines(skus, None)[:1])
			return self.waiting()

	def forge(self, number: int, skus: Sequence[str]) -> WooCommerceDelivery:
		like = next(each for each in self._shop.recorded if each.topic == "order.created")
		payload = {**like.payload, "id": number + 1_000_000, "number": str(number + 1_000_000)}
		return replace(like, body=as_php(payload))

	def _lines(self, skus: Sequence[str], extra: str | None) -> list[WooCommerceLine]:
		"""One to three positions, some of them with a discount that no quantity divides."""
		chosen = self._chance.sample(list(skus), self._chance.randint(1, 3)) + ([extra] if extra else [])
		return [self._line(sku) for sku in chosen]

	def _line(self, sku: str) -> WooCommerceLine:
		price = price_decimal(self._shop.product(sku), self._now())
		discount = self._chance.choice((Decimal(0), Decimal(0), (price / 7).quantize(CENT)))
		return WooCommerceLine(sku, self._chance.randint(1, 4), discount=discount)

	def waiting(self) -> list[WooCommerceDelivery]:
		return self._shop.take_queue()

	def deliver(self, event: WooCommerceDelivery, post: Post, forged: bool) -> bool:
		return self._shop.deliver(event, post, "somebodyElses" if forged else None)

	def order_id(self, event: WooCommerceDelivery) -> str:
		return str(event.resource_id)

	def pay(self, order_id: str) -> list[WooCommerceDelivery]:
		"""A shop of this platform says only that an order is paid, and counts whatever it costs as that."""
		return []

	def give_back(self, order_id: str) -> list[WooCommerceDelivery]:
		sold = self._shop.orders[int(order_id)]
		with self._shop.lock:
			if int(order_id) % 3 == 0:
				self._shop.refund_order(sold, GOODWILL, moved=True)
			else:
				self._shop.refund_order(sold, quantities={sold.lines[0].id: 1}, moved=True)
			return self.waiting()

	def money(self) -> dict[str, Money]:
		return {str(key): Money(sold.total, sold.refunded) for key, sold in self._shop.orders.items()}

	def totals(self) -> dict[str, Decimal]:
		return {str(key): sold.total for key, sold in self._shop.orders.items()}

	def stock(self) -> dict[str, Decimal]:
		return {each.sku: Decimal(each.stock or 0) for each in self._shop.products.values()}

	def tracking_numbers(self) -> list[str]:
		sent = [each for each in self._shop.parcels.values() if each.fulfilled and not each.deleted]
		return sorted(str(each.value("_tracking_number")) for each in sent)

	def order_topics(self) -> tuple[str, ...]:
		return ("order.created", "order.updated")

	def age(self, payload: str) -> Any:
		return json.loads(payload)["date_modified_gmt"]


def _share(amount: str, quantity: int) -> Decimal:
	return (Decimal(amount) / quantity).quantize(CENT)


def _sum(amounts: Iterable[str]) -> Decimal:
	return sum(map(Decimal, amounts), Decimal(0))


SHOPS: Mapping[str, type[CustomDemoShop] | type[ShopifyDemoShop] | type[WooCommerceDemoShop]] = {
	"custom": CustomDemoShop,
	"shopify": ShopifyDemoShop,
	"woocommerce": WooCommerceDemoShop,
}
