"""A real WooCommerce as the connector contract uses it: what a buyer or a merchant does there is done by its API.

See the README beside this file for what the shop needs. It has to be empty: everything in it afterwards is of the
tests, and is deleted.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from functools import cached_property
from threading import Event
from time import monotonic
from typing import Any

import pytest
import requests
from woocommerce.oauth import OAuth

from commerce_bridge.bridge.channel import Channel, Credentials
from commerce_bridge.bridge.errors import Retryable
from commerce_bridge.bridge.protocols import Connector, HttpResponse, Limits, Surroundings, WebhookRequest
from commerce_bridge.connectors import build
from commerce_bridge.connectors.http import GuardedTransport
from sandbox.local_server import LocalServer
from sandbox.storefronts.woocommerce.service import MAINTENANCE
from sandbox.storefronts.woocommerce.webhooks import signature
from tests.connectors.contract_platform import COMMON
from tests.connectors.contract_suite import CALLBACK, SKUS
from tests.connectors.storefront import KeptInMemory
from tests.connectors.woocommerce_simulated import CARRIERS

VARIABLES = tuple(f"COMMERCE_BRIDGE_WOOCOMMERCE_{name}" for name in ("URL", "KEY", "SECRET"))
SECRET = "s3cretOfTheContract"
PRICE, STOCK = "33.33", 10
#: The shop's queue runner sends webhooks in the background.
PATIENCE_SECONDS = 60.0
BUYER = {
	"first_name": "Ada",
	"last_name": "Lovelace",
	"address_1": "Hauptstraße 1",
	"city": "Köln",
	"postcode": "50667",
	"country": "DE",
	"email": "ada@example.com",
}

TRANSFER = {"payment_method": "bacs", "payment_method_title": "Direct bank transfer"}


def is_asked_for() -> bool:
	return all(os.environ.get(name) for name in VARIABLES)


class Api:
	"""The shop's REST API, for what is done to the shop; it shares no code with the connector."""

	def __init__(self, url: str, key: str, secret: str):
		self.url, self._key, self._secret = url.rstrip("/"), key, secret

	def __call__(self, method: str, path: str, body: Any = None, **params: Any) -> Any:
		"""The answer's JSON. Raises where it is an error."""
		url = requests.Request(method, f"{self.url}/wp-json/wc/v3/{path}", params=params).prepare().url or ""
		given: dict[str, Any] = {"auth": (self._key, self._secret)}
		if url.startswith("http://"):
			signer = OAuth(url, self._key, self._secret, version="wc/v3", method=method)
			url, given = signer.get_oauth_url(), {}
		answer = requests.request(method, url, json=body, timeout=60, **given)
		answer.raise_for_status()
		return answer.json()

	def all(self, path: str, **params: Any) -> list[dict[str, Any]]:
		found: list[dict[str, Any]] = []
		while True:
			page = self(
				"GET", path, per_page=100, page=len(found) // 100 + 1, orderby="id", order="asc", **params
			)
			found += page
			if len(page) < 100:
				return found


class FaultyTransport:
	"""The network: it can lose an answer, and a shop behind it can be closed."""

	def __init__(self) -> None:
		self._inner = GuardedTransport(allow_loopback=True)
		self.losing: str | None = None  # of the next call that changes something at such a path
		self.outage: bool | str = False

	def send(
		self,
		method: str,
		url: str,
		headers: Mapping[str, str],
		body: bytes | None = None,
		limits: Limits | None = None,
	) -> HttpResponse:
		if self.outage == "reset":
			raise Retryable("The connection was reset")
		if self.outage:
			return HttpResponse(503, {"content-type": "text/html", "retry-after": "600"}, MAINTENANCE)
		answer = self._inner.send(method, url, headers, body, limits)
		if self.losing and method != "GET" and re.search(self.losing, url):
			self.losing = None
			raise Retryable("The connection was closed")
		return answer


class Receiver:
	"""Where the shop posts to: keeps what is signed, answers 200."""

	def __init__(self) -> None:
		self.received: list[WebhookRequest] = []
		self._server = LocalServer(self._take)
		self.url = f"{self._server.url}/hook"

	def __enter__(self) -> Receiver:
		self._server.__enter__()
		return self

	def __exit__(self, *_: object) -> None:
		self._server.__exit__()

	def _take(
		self, method: str, target: str, headers: Mapping[str, str], body: bytes
	) -> tuple[int, Mapping[str, str], bytes]:
		if "x-wc-webhook-signature" in headers:
			self.received.append(WebhookRequest(dict(headers), body))
		return 200, {}, b""


class LiveShop:
	"""The shop itself, for all tests: empty but for the products of the suite and two webhooks."""

	def __init__(self, receiver: Receiver) -> None:
		url, key, secret = (os.environ[name] for name in VARIABLES)
		self.key, self.secret, self.receiver = key, secret, receiver
		self.api = Api(url, key, secret)
		self._refuse_a_shop_in_use()
		self.products = {sku: self._make(sku) for sku in SKUS}
		self.webhooks = [self._subscribe(topic) for topic in ("order.created", "order.updated")]

	def _refuse_a_shop_in_use(self) -> None:
		for path, status in (
			("products", "any"),
			("products", "trash"),
			("orders", "any"),
			("orders", "trash"),
		):
			if self.api("GET", path, per_page=1, status=status):
				pytest.fail(
					f"The shop at {self.api.url} has {path} ({status}): these tests need an empty one"
				)

	def _make(self, sku: str) -> int:
		body = {"name": f"Product {sku}", "sku": sku, "regular_price": PRICE}
		made: int = self.api("POST", "products", {**body, "manage_stock": True, "stock_quantity": STOCK})[
			"id"
		]
		return made

	def _subscribe(self, topic: str) -> int:
		body = {"name": "contract", "topic": topic, "delivery_url": self.receiver.url, "secret": SECRET}
		made: int = self.api("POST", "webhooks", body)["id"]
		return made

	def set_back(self) -> None:
		"""As it was before a test: no orders, no products but the suite's, no webhooks of the connector's."""
		for status in ("any", "trash"):
			for order in self.api.all("orders", status=status):
				self.api("DELETE", f"orders/{order['id']}", force="true")
		for product in self.api.all("products", status="any"):
			if product["id"] not in self.products.values():
				self.api("DELETE", f"products/{product['id']}", force="true")
		for webhook in self.api.all("webhooks"):
			if webhook["delivery_url"] == CALLBACK:
				self.api("DELETE", f"webhooks/{webhook['id']}", force="true")
		for number in self.products.values():
			body = {"manage_stock": True, "stock_quantity": STOCK, "regular_price": PRICE}
			self.api("PUT", f"products/{number}", body)
		self.receiver.received.clear()

	def clear(self) -> None:
		"""Nothing of the tests stays."""
		self.set_back()
		for number in self.products.values():
			self.api("DELETE", f"products/{number}", force="true")
		for number in self.webhooks:
			self.api("DELETE", f"webhooks/{number}", force="true")


class WooCommerceLive:
	"""One test's view of it."""

	#: Its own ways to pay give no money back; extensions that do need an account of a gateway.
	tells_itself, moves_money, knows_returns = True, False, False

	def __init__(self, live: LiveShop) -> None:
		self._live, self._api = live, live.api
		self._transport, self._memory = FaultyTransport(), KeptInMemory()
		self.channel = Channel(platform="woocommerce", store_url=live.api.url, **COMMON)
		self.credentials = Credentials(api_key=live.key, api_secret=live.secret, webhook_secrets=(SECRET,))

	def connector(
		self, unit: str = "SYNC-1", channel: Channel | None = None, credentials: Credentials | None = None
	) -> Connector:
		surroundings = Surroundings(
			self._transport,
			self._memory,
			self.now,
			lambda seconds: self.wait(timedelta(seconds=seconds)),
			unit,
			allow_loopback=True,
		)
		return build(
			channel or self.channel, self.credentials if credentials is None else credentials, surroundings
		)

	def now(self) -> datetime:
		return datetime.now(timezone.utc)

	def wait(self, time: timedelta) -> None:
		"""Real time cannot be moved: the shop's clock shows a new second."""
		second = self.now().replace(microsecond=0)
		_until(lambda: self.now().replace(microsecond=0) > second, "a new second")

	def place(self, quantities: Mapping[str, int]) -> str:
		lines = [
			{
				"product_id": self._live.products[sku],
				"quantity": quantity,
				"subtotal": str(Decimal(PRICE) * quantity),
				"total": str(Decimal(PRICE) * quantity - Decimal("1.11")),
			}
			for sku, quantity in quantities.items()
		]
		body = {
			"status": "processing",
			**TRANSFER,
			"billing": BUYER,
			"shipping": {name: value for name, value in BUYER.items() if name != "email"},
			"line_items": lines,
			"shipping_lines": [{**self._shipping, "method_title": "Flat rate", "total": "4.90"}],
			"meta_data": [{"key": "gift", "value": "yes"}],
			"customer_note": "Ring twice",
		}
		return str(self._api("POST", "orders", body)["id"])

	@cached_property
	def _shipping(self) -> dict[str, str]:
		"""A method of the shop, as its checkout writes it on an order."""
		for zone in self._api("GET", "shipping/zones"):
			for method in self._api("GET", f"shipping/zones/{zone['id']}/methods"):
				return {"method_id": method["method_id"], "instance_id": str(method["instance_id"])}
		raise AssertionError("the shop has no shipping method: add a flat rate to a zone")

	def _order(self, order_id: str) -> dict[str, Any]:
		found: dict[str, Any] = self._api("GET", f"orders/{order_id}")
		return found

	def change(self, order_id: str) -> None:
		line = {"product_id": self._live.products["CABLE"], "quantity": 2}
		self._api("PUT", f"orders/{order_id}", {"line_items": [line]})

	def cancel(self, order_id: str) -> None:
		self._api("PUT", f"orders/{order_id}", {"status": "cancelled"})

	def deliveries(self, order_id: str) -> list[WebhookRequest]:
		"""Waits until the shop has told of the order as it is now, by both topics."""
		modified = self._order(order_id)["date_modified_gmt"].encode()

		def told() -> list[WebhookRequest]:
			return [
				each
				for each in self._live.receiver.received
				if f'"id":{order_id},'.encode() in each.body[:40]
			]

		def is_told() -> bool:
			topics = {each.headers["x-wc-webhook-topic"] for each in told()}
			return len(topics) == 2 and b'"date_modified_gmt":"' + modified in told()[-1].body

		_until(is_told, f"the webhooks of order {order_id}")
		return told()

	def signed(self, request: WebhookRequest, secret: str) -> WebhookRequest:
		changed = {"x-wc-webhook-signature": signature(secret, request.body)}
		return replace(request, headers={**request.headers, **changed})

	def total(self, order_id: str) -> Decimal:
		return Decimal(self._order(order_id)["total"])

	def lines(self, order_id: str) -> dict[str, str]:
		return {line["sku"]: str(line["id"]) for line in self._order(order_id)["line_items"]}

	def address(self, sku: str) -> dict[str, Any]:
		return {"product_id": str(self._live.products[sku]), "variant_id": None}

	def unknown_address(self) -> dict[str, Any]:
		return {"product_id": "999999999", "variant_id": None}

	def _product(self, sku: str) -> dict[str, Any]:
		[found] = self._api("GET", "products", sku=sku)
		return dict(found)

	def stock(self, sku: str) -> Decimal:
		return Decimal(self._product(sku)["stock_quantity"])

	def price(self, sku: str) -> Decimal:
		return Decimal(self._product(sku)["price"])

	def titles(self) -> dict[str, str]:
		return {product["sku"]: product["name"] for product in self._api.all("products", status="any")}

	def _sent(self, order_id: str) -> list[dict[str, Any]]:
		rows = self._api("GET", f"orders/{order_id}/fulfillments")["fulfillments"]
		return [
			{meta["key"]: meta["value"] for meta in row["meta_data"]} for row in rows if row["is_fulfilled"]
		]

	def sent(self, order_id: str) -> dict[str, int]:
		found: dict[str, int] = {}
		for parcel in self._sent(order_id):
			for item in parcel["_items"]:
				line = str(item["item_id"])
				found[line] = found.get(line, 0) + item["qty"]
		return found

	def tracking(self, order_id: str) -> list[tuple[str | None, str | None]]:
		return sorted(
			(CARRIERS.get(parcel["_shipment_provider"]), parcel["_tracking_number"])
			for parcel in self._sent(order_id)
		)

	def pay(self, order_id: str) -> None:
		self._api("PUT", f"orders/{order_id}", {**TRANSFER, "set_paid": True})

	def give_back(
		self,
		order_id: str,
		quantities: Mapping[str, int],
		restock: bool = False,
		amount: Decimal | None = None,
	) -> None:
		lines = self._order(order_id)["line_items"]
		rows = [_share(line, quantities[line["sku"]]) for line in lines if line["sku"] in quantities]
		body: dict[str, Any] = {"api_refund": False, "api_restock": restock, "line_items": rows}
		given = body if amount is None else body | {"amount": str(amount)}
		self._api("POST", f"orders/{order_id}/refunds", given)

	def given_back(self, order_id: str) -> list[Decimal]:
		rows = self._api("GET", f"orders/{order_id}/refunds", per_page=100)
		return [Decimal(row["amount"]) for row in sorted(rows, key=lambda row: int(row["id"]))]

	def send_back(self, order_id: str, quantities: Mapping[str, int]) -> None:
		raise AssertionError("WooCommerce knows no returns")

	def lose_answer(self, operation: str) -> None:
		paths = {"stock": "/products/", "shipment": "/fulfillments", "refund": "/refunds"}
		self._transport.losing = paths[operation]

	def break_down(self, how: bool | str) -> None:
		self._transport.outage = how

	def subscribed(self) -> list[str]:
		rows = self._api.all("webhooks")
		return sorted(row["topic"] for row in rows if row["delivery_url"] == CALLBACK)


def _share(line: Mapping[str, Any], pieces: int) -> dict[str, Any]:
	"""What some pieces of an order's line cost, and the taxes on them, as a row of a refund."""

	def part(amount: str) -> str:
		return str((Decimal(amount) * pieces / line["quantity"]).quantize(Decimal("0.01")))

	taxes = [{"id": tax["id"], "refund_total": part(tax["total"])} for tax in line["taxes"] if tax["total"]]
	return {"id": line["id"], "quantity": pieces, "refund_total": part(line["total"]), "refund_tax": taxes}


def _until(true: Callable[[], bool], what: str) -> None:
	pause, deadline = Event(), monotonic() + PATIENCE_SECONDS
	while not true():
		if monotonic() > deadline:
			pytest.fail(f"Waited {PATIENCE_SECONDS:.0f} s for {what}")
		pause.wait(0.05)
