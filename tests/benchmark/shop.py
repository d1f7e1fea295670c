"""The shop that is measured on a site: an Active channel, listed items, and orders on the wire's format.

As the site tests do, it empties the app's own tables first.
"""

from __future__ import annotations

import json
import os
import random
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import frappe
import pymysql

from commerce_bridge.bridge import receive
from commerce_bridge.bridge.channel import Channel, Credentials
from commerce_bridge.bridge.clock import utc_now
from commerce_bridge.bridge.protocols import Connector, HttpResponse, WebhookRequest
from commerce_bridge.bridge.worker import run_once
from commerce_bridge.bridge.world import World
from commerce_bridge.connectors import build
from commerce_bridge.erpnext import site, sql
from commerce_bridge.tests.factory import USER, SiteFixture
from sandbox.storefronts.custom import CustomStorefront
from sandbox.storefronts.orders import Product, line, order
from sandbox.storefronts.signing import sign

CHANNEL = "Benchmark"
SECRET = "whsec_" + "YmVuY2htYXJrLXNlY3JldC1vZi10aGUtYmVuY2g="
ITEMS, BUYERS = 40, 40
PRICE = Decimal("33.33")
STATEMENTS_OF_TRANSACTIONS = ("commit", "rollback", "start transaction", "savepoint", "release savepoint")
OURS = "commerce_bridge."
#: Buyers of this run: nobody of an earlier one has their names.
RUN = secrets.token_hex(3)


@dataclass
class DirectTransport:
	"""The connector's way to the shop without a network; counts the calls."""

	shop: CustomStorefront
	calls: int = 0

	def send(self, method: str, url: str, headers: Any, body: bytes | None = None) -> Any:
		self.calls += 1
		return HttpResponse(*self.shop.handle(method, url, headers, body or b""))


@dataclass
class Shop:
	"""A channel on the connected site, its world, and the numbers of its orders."""

	fixture: SiteFixture
	channel: Channel
	world: World
	transport: DirectTransport
	storefront: CustomStorefront
	skus: list[str]
	number: int = 0
	chance: random.Random = field(default_factory=lambda: random.Random(1))

	# --- orders

	def order(self, buyer: int | None = None) -> dict[str, Any]:
		"""A new order: two lines, tax on top, shipping; of one of the usual buyers or of this one."""
		self.number += 1
		number = self.number
		lines = [
			line(f"{number}-{sku}", Product(sku, PRICE), self.chance.randint(1, 4), Decimal("1.11"), False)
			for sku in self.chance.sample(self.skus, 2)
		]
		data = order(number, 1, utc_now(), lines, Decimal("4.90"), False, self.channel.currency)
		return data | _buyer(self.chance.randrange(BUYERS) if buyer is None else buyer)

	def request(self, data: dict[str, Any]) -> WebhookRequest:
		"""The signed delivery of an order."""
		now = utc_now()
		body = json.dumps({"type": "order.upserted", "timestamp": data["updated_at"], "data": data}).encode()
		return WebhookRequest(sign(SECRET, f"evt_{data['id']}", body, now), body, {"channel": CHANNEL})

	def record(self, data: dict[str, Any]) -> str:
		"""What the webhook does with an order; the name of its Sync Log."""
		connector = self.connector()
		entry = receive.new_entry(self.channel, connector.identify(self.request(data)))
		with self.world.erp.transaction():
			return self.world.journal.record([entry])[0].name

	def connector(self) -> Connector:
		return self.world.connect(self.channel, Credentials(webhook_secrets=(SECRET,)))

	def work(self) -> None:
		"""One unit of work of the real worker."""
		if not run_once(self.world):
			raise RuntimeError("nothing was due")

	def succeeded(self, log: str) -> str:
		"""The document a log is about; raises where the work did not succeed."""
		state, message, name = frappe.db.get_value("Sync Log", log, ["state", "message", "reference_name"])
		if state != "Succeeded":
			raise RuntimeError(f"{state}: {message}")
		return name

	def make(self, data: dict[str, Any]) -> str:
		log = self.record(data)
		self.work()
		return self.succeeded(log)


def _buyer(number: int) -> dict[str, Any]:
	"""Customer and two addresses of a buyer."""
	address = {
		"name": f"Buyer {RUN} {number}",
		"line1": f"{number} Main Street",
		"city": "Springfield",
		"postal_code": "12345",
		"country_code": "US",
	}
	customer = {
		"id": f"buyer-{RUN}-{number}",
		"email": f"buyer{number}.{RUN}@shop.example",
		"phone": f"+1415{5550000 + number}",
		"first_name": "Buyer",
		"last_name": f"{RUN} {number}",
	}
	shipping = address | {"line1": f"{number} Harbour Road"}
	return {"customer": customer, "billing_address": address, "shipping_address": shipping}


# --- making it -------------------------------------------------------------------------------------------


def connect() -> None:
	"""Connects this process to the site that BENCH and SITE name."""
	if getattr(frappe.local, "db", None) is None:
		frappe.init(site=os.environ["SITE"], sites_path=os.path.join(os.environ["BENCH"], "sites"))
		frappe.connect()
		frappe.set_user("Administrator")


def open_shop(own_numbering: bool = False) -> Shop:
	"""The shop with its usual buyers known, all caches warm."""
	connect()
	fixture = SiteFixture()
	skus = [fixture.make_item(f"CB-BENCH-{number}") for number in range(ITEMS)]
	fixture.make_channel(CHANNEL, own_numbering=int(own_numbering), store_url="https://shop.example")
	fixture.set_credentials(CHANNEL, Credentials(webhook_secrets=(SECRET,)))
	for sku in skus:
		fixture.make_listing(CHANNEL, sku, sku)
		_price(sku)
	shop = _shop(fixture, skus)
	for buyer in range(BUYERS):
		shop.make(shop.order(buyer))
	return shop


def _shop(fixture: SiteFixture, skus: Sequence[str]) -> Shop:
	storefront = CustomStorefront(secrets=[SECRET])
	transport = DirectTransport(storefront)
	here = site.world()
	world = World(
		here.erp,
		here.journal,
		here.state,
		lambda channel, credentials, unit="": build(channel, credentials, site.surroundings(unit, transport)),
		here.now,
		here.uniform,
	)
	return Shop(fixture, here.state.channel(CHANNEL), world, transport, storefront, list(skus))


def _price(sku: str) -> None:
	"""The item's price in the channel's price list, as a shop's items have one."""
	price = {"doctype": "Item Price", "item_code": sku, "price_list": "Standard Selling"}
	if not frappe.db.exists(price):
		frappe.get_doc({**price, "price_list_rate": float(PRICE)}).insert()
		frappe.db.commit()


# --- looking at it ---------------------------------------------------------------------------------------


@contextmanager
def queries() -> Iterator[list[str]]:
	"""Every statement sent to the database, on whatever connection; those that only begin or end a transaction
	are left out."""
	sent: list[str] = []
	execute = pymysql.cursors.Cursor.execute

	def counted(cursor: Any, query: Any, args: Any = None) -> Any:
		text = query.decode(errors="replace") if isinstance(query, bytes) else str(query)
		if not text.strip().lower().startswith(STATEMENTS_OF_TRANSACTIONS):
			sent.append(text)
		return execute(cursor, query, args)

	pymysql.cursors.Cursor.execute = counted
	try:
		yield sent
	finally:
		pymysql.cursors.Cursor.execute = execute


@contextmanager
def without_hooks() -> Iterator[None]:
	"""ERPNext as it is without this app: none of our document events."""
	hooks = frappe.get_doc_hooks()
	frappe.local.doc_events_hooks = {
		doctype: {
			event: [path for path in paths if not path.startswith(OURS)] for event, paths in events.items()
		}
		for doctype, events in hooks.items()
	}
	try:
		yield
	finally:
		frappe.local.doc_events_hooks = hooks


@contextmanager
def as_integration_user() -> Iterator[None]:
	frappe.set_user(USER)
	try:
		yield
	finally:
		frappe.set_user("Administrator")


def insert(doctype: str, rows: Sequence[dict[str, Any]]) -> None:
	"""Many rows past ERPNext's documents, 1,000 a statement; those that are there stay."""
	for start in range(0, len(rows), 1000):
		sql.insert_rows(doctype, rows[start : start + 1000], keep_first=True)
	frappe.db.commit()
