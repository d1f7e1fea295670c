"""The shops of the demo, behind one small protocol: what is particular to a platform, and nothing else."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from decimal import Decimal
from threading import Event
from typing import Any, Protocol

from commerce_bridge.bridge.channel import Credentials, WarehouseMap
from commerce_bridge.bridge.clock import Now
from commerce_bridge.bridge.protocols import Connector
from sandbox.storefronts.custom import CustomStorefront, ShopEvent
from sandbox.storefronts.orders import SHIPPING, Product, order, random_lines
from sandbox.storefronts.shopify import ACCESS_TOKEN, NewLine, NewShipping, ShopifyStorefront
from sandbox.storefronts.shopify.goods import Variant
from sandbox.storefronts.shopify.sales import Order, address
from sandbox.storefronts.shopify.webhooks import Delivery, Post
from sandbox.world import Sandbox

SECRET, WRONG_SECRET = "whsec_ZGVtby1zZWNyZXQtb2YtdGhlLXNob3A=", "whsec_c29tZWJvZHktZWxzZXMtc2VjcmV0"
CENT = Decimal("0.01")


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
			return self.waiting()

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

	def totals(self) -> dict[str, Decimal]:
		return {str(key): sold.current_total for key, sold in self._shop.orders.items()}

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


SHOPS: Mapping[str, type[CustomDemoShop] | type[ShopifyDemoShop]] = {
	"custom": CustomDemoShop,
	"shopify": ShopifyDemoShop,
}
