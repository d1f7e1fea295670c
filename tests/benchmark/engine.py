"""The engine alone: from the bytes of a webhook to a reconciled Sales Order, on one core, without ERPNext."""

from __future__ import annotations

import json
import random
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from statistics import median
from typing import Any

from commerce_bridge.bridge.channel import Channel, Credentials, ShippingMap, TaxMap
from commerce_bridge.bridge.clock import utc_now
from commerce_bridge.bridge.inbound import process
from commerce_bridge.bridge.model import Address, Customer, Order
from commerce_bridge.bridge.money import decimals_of
from commerce_bridge.bridge.plan import Booked, Item, ItemKey, Record, Rounding, SalesOrderPlan
from commerce_bridge.bridge.protocols import (
	Entry,
	NewEntry,
	Outcome,
	Recorded,
	Surroundings,
	WebhookRequest,
)
from commerce_bridge.bridge.receive import receive
from commerce_bridge.bridge.totals import key_of, plan_amounts
from commerce_bridge.bridge.worker import run_once
from commerce_bridge.bridge.world import World
from commerce_bridge.connectors import build
from commerce_bridge.connectors.shopify import mapper, webhook
from sandbox.storefronts.orders import Product, line, order
from sandbox.storefronts.signing import sign
from sandbox.world import Sandbox
from tests.benchmark.table import SAMPLES, Row, at_least, timed
from tests.connectors import shopify_orders

EVENTS = 200
LINES = 2
SECRET = "whsec_" + "YmVuY2htYXJrLXNlY3JldC1vZi10aGUtZW5naW5l"
CHANNEL = Channel(
	name="Shop",
	platform="custom",
	company="Company",
	company_currency="EUR",
	currency="EUR",
	store_url="https://shop.example",
	default_warehouse="Stores",
	default_country="DE",
	taxes=(TaxMap(title="*", account="VAT"),),
	shipping=(ShippingMap(method="*", item="SHIPPING"),),
)
CREDENTIALS = Credentials(webhook_secrets=(SECRET,))
SHOPIFY = CHANNEL.model_copy(update={"platform": "shopify", "store_url": "https://bench.myshopify.com"})
SHOPIFY_CREDENTIALS = Credentials(api_secret="the secret of the app", access_token="shpat_bench")
SKUS = tuple(f"SKU-{number}" for number in range(40))
Requests = Callable[[int, int, datetime], list[WebhookRequest]]


def rows() -> list[Row]:
	"""Events a second, without a database and with the embedded ERP on SQLite."""
	return [
		at_least("engine alone, events/s and core", _alone(), 2000),
		Row(
			"  with the sandbox ERP on SQLite, events/s", f"{_on_sqlite(CHANNEL, CREDENTIALS, requests):,.0f}"
		),
		at_least("Shopify orders parsed, mapped and reconciled, events/s and core", _shopify(), 2000),
		Row(
			"  with the sandbox ERP on SQLite, events/s",
			f"{_on_sqlite(SHOPIFY, SHOPIFY_CREDENTIALS, shopify_requests):,.0f}",
		),
	]


def requests(first: int, count: int, now: datetime) -> list[WebhookRequest]:
	"""Signed orders of two lines with tax and shipping."""
	chance = random.Random(first)
	made = []
	for number in range(first, first + count):
		lines = [
			line(
				f"{number}-{sku}",
				Product(sku, Decimal("33.33")),
				chance.randint(1, 4),
				Decimal("1.11"),
				False,
			)
			for sku in chance.sample(SKUS, LINES)
		]
		data = order(number, 1, now, lines, Decimal("4.90"), inclusive=False)
		body = json.dumps({"type": "order.upserted", "timestamp": now.isoformat(), "data": data}).encode()
		made.append(WebhookRequest(sign(SECRET, f"evt_{number}", body, now), body))
	return made


# --- without a database ----------------------------------------------------------------------------------


def _alone() -> float:
	world = _memory_world()
	rates = []
	for sample in range(SAMPLES + 1):
		batch = requests(sample * EVENTS, EVENTS, utc_now())
		begin = time.process_time()  # of a core: nothing waits here, and others may use the machine
		_through(world, batch)
		rates.append(EVENTS / (time.process_time() - begin))
	return median(rates[1:])


def _through(world: World, batch: Sequence[WebhookRequest]) -> None:
	for request in batch:
		now = world.now()
		connector = world.connect(CHANNEL, CREDENTIALS)
		answer = receive(connector, CHANNEL, request, world.journal, nullcontext, now)
		entry = world.journal.claim(now, world.lease)
		if answer.status != 200 or entry is None:
			raise RuntimeError(f"not accepted: {answer}")
		process(world, CHANNEL, connector, entry)


def _memory_world() -> World:
	state = _NoState()

	def connect(channel: Channel, credentials: Credentials, unit: str = "") -> Any:
		return build(
			channel, credentials, Surroundings(_NoTransport(), state, utc_now, lambda seconds: None, unit)
		)

	return World(_MemoryErp(), _MemoryJournal(), state, connect, utc_now, random.uniform)


class _NoTransport:
	def send(self, *request: Any) -> Any:
		raise RuntimeError("nothing is sent here")


class _NoState:
	"""`ChannelState` is not asked: the channel is at hand."""


class _MemoryJournal:
	"""One entry, handed from the front door to the worker."""

	def __init__(self) -> None:
		self.waiting: NewEntry | None = None

	def record(self, entries: Sequence[NewEntry]) -> list[Recorded]:
		self.waiting = entries[0]
		return [Recorded("log", True)]

	def claim(self, now: datetime, lease: timedelta) -> Entry | None:
		new = self.waiting
		return new and Entry(
			"log", new.channel, "Inbound", new.topic, new.payload, new.external_id, 1, "lease", now
		)

	def hold(self, entry: Entry) -> None:
		"""Nobody else is there."""

	def settle(self, *asked: Any) -> int:
		return 0

	def finish(self, entry: Entry, outcome: Outcome, now: datetime) -> None:
		if outcome.state != "Succeeded":
			raise RuntimeError(outcome.message)


class _MemoryErp:
	"""An ERP that costs nothing: it knows every item, and its documents come to what was planned."""

	def __init__(self) -> None:
		self.records: dict[tuple[str, str], Record] = {}

	def transaction(self, *locks: str) -> AbstractContextManager[None]:
		return nullcontext()

	def get_record(self, channel: str, record_type: str, external_id: str) -> Record | None:
		return self.records.get((record_type, external_id))

	def save_record(self, record: Record) -> None:
		self.records[record.record_type, record.external_id] = replace(record)

	def customers_with_email(self, email: str) -> list[str]:
		return []

	def create_customer(self, channel: Channel, customer: Customer) -> str:
		return f"Customer {customer.id}"

	def ensure_contact(self, customer_name: str, customer: Customer) -> str | None:
		return None

	def ensure_address(self, customer_name: str, address: Address, kind: str) -> str:
		return f"{customer_name}-{kind}"

	def find_items(self, channel: Channel, keys: Iterable[ItemKey]) -> Mapping[ItemKey, Item]:
		return {key: Item(key.sku or "") for key in keys}

	def exchange_rate(self, channel: Channel, currency: str, on: date) -> Decimal:
		return Decimal(1)

	def forget_pushed(self, channel: str, sales_order: str) -> None:
		return None

	def rounding(self) -> Rounding:
		return Rounding()

	def create_sales_order(self, channel: Channel, plan: SalesOrderPlan) -> Booked:
		return Booked("SO", plan.amounts.grand_total, plan.amounts.total_taxes, True)


# --- Shopify ---------------------------------------------------------------------------------------------


def _shopify() -> float:
	"""From the text of a webhook to the rows of the Sales Order: two lines with a discount, taxes, shipping."""
	texts = [json.dumps(shopify_order(number)) for number in range(EVENTS)]
	rates = []
	for _sample in range(SAMPLES + 1):
		begin = time.process_time()
		for text in texts:
			order = mapper.parse("orders/create", text).data
			if not isinstance(order, Order):
				raise RuntimeError("not read as an order")
			items = {key_of(line): Item(line.sku or "") for line in order.lines}
			plan_amounts(order, SHOPIFY, items, decimals_of(order.currency))
		rates.append(EVENTS / (time.process_time() - begin))
	return median(rates[1:])


def shopify_order(number: int) -> dict[str, Any]:
	"""An order as a webhook sends it, with every field it has."""
	lines = [
		shopify_orders.line(
			number * LINES + position,
			"33.33",
			3,
			off=["1.11"],
			tax_lines=[shopify_orders.tax("9.89", "VAT")],
			sku=SKUS[(number * LINES + position) % len(SKUS)],
			currency="EUR",
		)
		for position in range(LINES)
	]
	delivery = shopify_orders.shipping(1, "4.90", tax_lines=[shopify_orders.tax("0.49", "VAT")])
	return shopify_orders.order(
		lines,
		"222.93",
		"20.27",
		"197.76",
		shipping_lines=[delivery],
		id=number,
		admin_graphql_api_id=f"gid://shopify/Order/{number}",
		currency="EUR",
		discount_codes=[{"code": "TEN"}],
	)


def shopify_requests(first: int, count: int, now: datetime) -> list[WebhookRequest]:
	"""The same orders as signed deliveries."""
	made = []
	for number in range(first, first + count):
		body = json.dumps(shopify_order(number + 1)).encode()
		headers = {
			webhook.SIGNATURE_HEADER: webhook.signature(b"the secret of the app", body).decode("ascii"),
			webhook.SHOP_HEADER: "bench.myshopify.com",
			webhook.TOPIC_HEADER: "orders/create",
			webhook.ID_HEADER: f"delivery-{number}",
		}
		made.append(WebhookRequest(headers, body))
	return made


# --- with the embedded ERP -------------------------------------------------------------------------------


def _on_sqlite(channel: Channel, credentials: Credentials, make: Requests) -> float:
	with tempfile.TemporaryDirectory() as folder:
		sandbox = Sandbox.create(Path(folder) / "erp.sqlite")
		sandbox.state.save(channel, credentials)
		sandbox.make_item("SHIPPING", is_stock_item=False)
		for sku in SKUS:
			sandbox.make_item(sku)
		world = sandbox.world(_NoTransport())
		rates = list(_sqlite_rates(sandbox, world, channel, make))
		sandbox.database.close()
	return median(rates)


def _sqlite_rates(sandbox: Sandbox, world: World, channel: Channel, make: Requests) -> Iterator[float]:
	events = 20
	for sample in range(SAMPLES):
		batch = make(sample * events, events, utc_now())
		yield events / timed(lambda batch=batch: _through_sandbox(sandbox, world, channel, batch))
	orders = sandbox.sales_orders()
	if len(orders) != SAMPLES * events:
		raise RuntimeError(f"{len(orders)} of {SAMPLES * events} orders were booked")


def _through_sandbox(
	sandbox: Sandbox, world: World, channel: Channel, batch: Sequence[WebhookRequest]
) -> None:
	connector = world.connect(channel, sandbox.state.credentials(channel.name))
	for request in batch:
		receive(connector, channel, request, world.journal, sandbox.database.transaction, world.now())
		run_once(world)
