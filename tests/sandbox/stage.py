"""A shop and an embedded ERP in one process, on a clock that tests move: no network, no waiting."""

from __future__ import annotations

import copy
import copyreg
import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from threading import RLock
from typing import Any

from commerce_bridge.bridge.channel import (
	Channel,
	Credentials,
	OrderPolicy,
	ShippingMap,
	StockPolicy,
	TaxMap,
)
from commerce_bridge.bridge.errors import Retryable
from commerce_bridge.bridge.feeds import collect_changes
from commerce_bridge.bridge.protocols import HttpResponse, WebhookRequest
from commerce_bridge.bridge.unbooked import count_unbooked
from commerce_bridge.bridge.worker import run_once
from commerce_bridge.bridge.world import World
from sandbox.database import Database
from sandbox.server import ErpSite
from sandbox.storefronts.custom import CustomStorefront, ShopEvent
from sandbox.storefronts.orders import line, order
from sandbox.world import Sandbox
from tests.sandbox.careful_shop import CarefulConnector, Screens

START = datetime(2026, 5, 4, 8, tzinfo=timezone.utc)
LEASE = timedelta(minutes=5)
#: Where the locks of all stages in memory are: what one of them holds, none of the others asks for at the same time.
LOCKS = tempfile.TemporaryDirectory()
copyreg.pickle(type(RLock()), lambda _lock: (RLock, ()))  # a copy of a lock is one that nobody holds
TICK = timedelta(milliseconds=1)
CHANNEL, WAREHOUSE, SHIPPING_ITEM = "Shop", "Stores", "SHIPPING"
SECRET = "whsec_c3RhZ2Utc2VjcmV0LW9mLXRoZS1zaG9w"
SKUS = ("PHONE", "CASE", "CABLE")
STOCK = 50
#: How many entries a feed takes depends on when they were collected; what they brought about does not.
NOT_A_FEED = "topic not like 'stock.%' and topic not like 'price.%' and topic not like 'listing.%'"
#: Whether the shop tells of our own shipment before we remember it is a matter of time.
OWN_ECHO = "topic = 'fulfilment.found' and state = 'Skipped'"
LISTING_COLUMNS = (
	"publication",
	"product_id",
	"stock_id",
	"stock_error",
	"price_error",
	"listing_error",
	"not_listed_because",
	"pushed_listing",
	"pushed_price",
)


def _database() -> Database:
	"""Of one thread, and gone with its connection: what a stage costs is what happens on it."""
	return Database(Path(LOCKS.name) / "erp.sqlite", durable=False, in_memory=True)


class DirectTransport:
	"""The connectors' way to the shop, without a network."""

	def __init__(self, shop: CustomStorefront):
		self._shop = shop

	def send(
		self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None
	) -> HttpResponse:
		try:
			status, answered, content = self._shop.handle(
				method, url.removeprefix("https://shop.example"), headers, body or b""
			)
		except ConnectionAbortedError:
			raise Retryable("The connection was closed") from None
		return HttpResponse(status, answered, content)


class OneByOne:
	"""A connector that takes one row in a call."""

	batch_size = listing_batch_size = 1

	def __init__(self, connector: Any):
		self._connector = connector

	def __getattr__(self, name: str) -> Any:
		return getattr(self._connector, name)


class Stage:
	"""Everything a test moves: clock, shop, ERP, workers. In memory it is one thread's, costs little, and can be
	copied."""

	def __init__(self, in_memory: bool = False) -> None:
		self._folder = None if in_memory else tempfile.TemporaryDirectory()
		self.time = START
		self.items_per_entry = 1_000
		self.one_by_one = False  # each entry of a feed has time for one row
		self.screens: Screens | None = None  # of a shop that says what was sent
		file = Path(self._folder.name) / "erp.sqlite" if self._folder else None
		self.sandbox = Sandbox.on(Database(file, durable=False) if file else _database(), self.now)
		self.sandbox.database.create()
		self.shop = CustomStorefront(secrets=[SECRET], now=self.now)
		self.transport = DirectTransport(self.shop)
		self.events: list[ShopEvent] = []  # not acknowledged yet
		self.channel = Channel(
			name=CHANNEL,
			platform="custom",
			company="Company",
			company_currency="EUR",
			currency="EUR",
			store_url="https://shop.example",
			default_warehouse=WAREHOUSE,
			taxes=(TaxMap(title="*", account="VAT"),),
			shipping=(ShippingMap(method="*", item=SHIPPING_ITEM),),
			fee_item=SHIPPING_ITEM,
			stock=StockPolicy(first_push_confirmed=True),
			orders=OrderPolicy(send_local_changes=True),
		)
		self.sandbox.state.save(self.channel, Credentials(webhook_secrets=(SECRET,)))
		self.sandbox.make_item(SHIPPING_ITEM, is_stock_item=False)
		for sku in SKUS:
			self.shop.add_product(sku, Decimal("33.33"))
			self.add_item(sku)

	def copy(self) -> Stage:
		"""Another stage in memory, as this one is, where everything is as it is here: what happens on one of them changes
		nothing on the other."""
		database = _database()
		self.sandbox.database.copy_to(database)
		shared = {id(self.channel): self.channel}  # nothing changes it: another takes its place
		return copy.deepcopy(self, {id(self.sandbox.database): database, **shared})

	def close(self) -> None:
		self.sandbox.database.close()
		if self._folder:
			self._folder.cleanup()

	def now(self) -> datetime:
		self.time += TICK
		return self.time

	def add_item(self, sku: str) -> None:
		self.sandbox.make_item(sku)
		self.sandbox.make_listing(CHANNEL, sku)
		self.sandbox.set_stock(sku, WAREHOUSE, Decimal(STOCK))

	def world(self) -> World:
		"""The engine's world; waits between attempts are the longest there are."""
		world = self._world()
		if self.screens is None:
			return replace(world, items_per_entry=self.items_per_entry)
		screens = self.screens

		def connect(*asked: Any) -> Any:
			return CarefulConnector(world.connect(*asked), screens, START)

		return replace(world, items_per_entry=self.items_per_entry, connect=connect)

	def _world(self) -> World:
		world = self.sandbox.world(self.transport, lease=LEASE, uniform=lambda low, high: high)
		if not self.one_by_one:
			return world

		def connect(*asked: Any) -> Any:
			return OneByOne(world.connect(*asked))

		return replace(world, connect=connect, sending_for=timedelta(0))

	# --- the shop's side

	def order(self, number: int, version: int, inclusive: bool = False, **quantities: int) -> dict[str, Any]:
		"""An order of these quantities; an update has the same number and a higher version."""
		lines = [
			line(f"{number}-{sku}", self.shop.products[sku], quantity, Decimal("1.11"), inclusive)
			for sku, quantity in quantities.items()
		]
		moment = START + timedelta(minutes=version)
		return order(number, version, moment, lines, Decimal("4.90"), inclusive)

	def place(self, number: int, version: int = 1, inclusive: bool = False, **quantities: int) -> None:
		"""The shop takes an order or a change of it, and has yet to tell of it."""
		self.events.append(self.shop.upsert(self.order(number, version, inclusive, **quantities)))

	def cancel(self, number: int, version: int) -> None:
		moment = START + timedelta(minutes=version)
		self.events.append(self.shop.cancel(str(9000 + number), version, moment))

	def deliver(self, sandbox: Sandbox | None = None) -> None:
		"""The shop sends what was not acknowledged, oldest first."""
		for event in list(self.events):
			if self.shop.deliver(event, lambda headers, body: self.post(headers, body, sandbox)):
				self.events.remove(event)

	def post(self, headers: Mapping[str, str], body: bytes, sandbox: Sandbox | None = None) -> int:
		"""One request to the webhook endpoint; the status it answers."""
		site = ErpSite(sandbox or self.sandbox, self.transport)
		return site.webhook(WebhookRequest(headers, body, {"channel": CHANNEL})).status

	# --- the workers' side

	def run(self, world: World | None = None) -> None:
		"""Works until nothing is due."""
		world = world or self.world()
		while run_once(world) or count_unbooked(world) + collect_changes(world):
			continue

	def settle(self) -> None:
		"""Delivers and works, past every lease and every wait, until nothing is left to do."""
		for _ in range(40):
			self.deliver()
			self.run()
			if not self.events and not self.sandbox.journal.unfinished():
				return
			self.time += timedelta(hours=1)
		raise AssertionError("the system does not come to rest")

	def disturbed(self, wrap: Callable[[Any, str], Any]) -> Stage.Disturbed:
		"""The same stage with every part of it wrapped."""
		return Stage.Disturbed(self, wrap)

	class Disturbed:
		def __init__(self, stage: Stage, wrap: Callable[[Any, str], Any]):
			sandbox, world = stage.sandbox, stage.world()
			erp, journal, state = (
				wrap(sandbox.erp, "erp"),
				wrap(sandbox.journal, "journal"),
				wrap(sandbox.state, "state"),
			)
			self._stage = stage
			self._sandbox = replace(sandbox, erp=erp, journal=journal, state=state)
			self._world = replace(
				world,
				erp=erp,
				journal=journal,
				state=state,
				connect=lambda *asked: wrap(world.connect(*asked), "connector"),
			)

		def deliver(self) -> None:
			self._stage.deliver(self._sandbox)

		def start(self, begin: Callable[[Stage, World], None]) -> None:
			begin(self._stage, self._world)

		def run(self) -> None:
			self._stage.run(self._world)

	# --- what there is

	def sales_order(self, number: int) -> str:
		"""The live Sales Order of an order."""
		rows = self.sandbox.sales_orders(str(9000 + number))
		[name] = [row["name"] for row in rows if row["status"] != "Cancelled"]
		return name

	def snapshot(self) -> dict[str, Any]:
		"""Everything that matters in the end; names that depend on the order of events are left out."""
		read = self.sandbox.database.read
		return {
			"orders": sorted(self._order_content(row) for row in self.sandbox.sales_orders()),
			"customers": sorted(row["data"] for row in read("select data from customers")),
			"contacts": sorted(row["email"] for row in read("select email from contact_emails")),
			"addresses": sorted(row["content"] for row in read("select content from addresses")),
			"records": sorted(
				(row["record_type"], row["external_id"], row["version"] or 0, row["cancelled"])
				for row in read("select * from records")
			),
			"bins": {tuple(row)[:2]: tuple(row)[2:] for row in read("select * from bins")},
			"pushed": {
				(row["sku"], row["stock_error"]): row["last_pushed"]
				for row in read("select * from listings left join listing_levels on listing = listings.name")
			},
			"invoices": sorted(self._invoice_content(row) for row in read("select * from sales_invoices")),
			"payments": sorted(
				(row["payment_type"], row["status"], row["amount"], str(self.sandbox.erp.unallocated(row)))
				for row in read("select * from payment_entries")
			),
			"returns": sorted(
				tuple(row)
				for row in read(
					"select status, item_code, qty, warehouse from return_notes join return_note_items on parent = name"
				)
			),
			**self._after_the_order(),
			"deliveries": sorted(row["status"] for row in read("select status from delivery_notes")),
			"log": sorted(
				(row["topic"], row["external_id"] or "", row["state"])
				for row in read(f"select * from sync_log where {NOT_A_FEED} and not ({OWN_ECHO})")
			),
			"drifts": [(drift.kind, drift.sku) for drift in self.sandbox.erp.drifts(CHANNEL)],
			"checks": [
				(check.listings, check.drifted, check.unknown, check.finished is not None)
				for check in self.sandbox.erp.drift_checks(CHANNEL)
			],
			"walks": sorted(
				(row.kind, row.done, row.failed, row.finished is not None)
				for row in self.sandbox.state.get_progress(CHANNEL)
			),
			"circuit": self.sandbox.state.get_circuit(CHANNEL),
			"listings": {
				row["sku"]: {column: row[column] for column in LISTING_COLUMNS}
				for row in read("select * from listings")
			},
			"shop products": {sku: product.price for sku, product in self.shop.products.items()},
			"shop titles": dict(self.shop.titles),
			"shop hidden": set(self.shop.hidden),
			"shop stock": dict(self.shop.stock),
			"shop told": dict(self.shop.told),
			"shop shipments": sorted(map(_text, self.shop.shipments.values())),
			"shop sent": sorted(
				(name, [(each.id, each.cancelled) for each in sent])
				for name, sent in (self.screens.sent if self.screens else {}).items()
			),
			"shop changes": sorted({_text(change) for change in self.shop.changes}),
		}

	def _after_the_order(self) -> dict[str, Any]:
		"""Returns, and what the shop was told or asked."""
		rows = self.sandbox.database.read(
			"select * from return_authorisations back join return_lines on parent = back.name"
		)
		kept = ("status", "shop_status", "line_id", "qty", "inspected")
		return {
			"authorisations": sorted(tuple(row[column] or "" for column in kept) for row in rows),
			"shop after the order": {
				"requests": len(self.shop.requests),
				"invoices": len(self.shop.invoices),
				"returns": sorted(row["status"] for row in self.shop.returns.values()),
			},
		}

	def _order_content(self, row: Any) -> tuple[str, ...]:
		rows = self.sandbox.erp.order_rows(row["name"])
		kept = ("line_id", "item_code", "qty", "rate", "amount", "warehouse", "delivered_qty")
		lines = [[line[column] for column in kept] for line in rows]
		return (row["external_id"], row["status"], row["grand_total"], row["total_taxes"], _text(lines))

	def _invoice_content(self, row: Any) -> tuple[str, ...]:
		rows = [
			line
			for line in self.sandbox.erp.invoice_rows(row["sales_order"])
			if line["parent"] == row["name"]
		]
		lines = [[line[column] for column in ("line_id", "item_code", "qty", "rate")] for line in rows]
		kept = ("status", "is_return", "grand_total", "total_taxes")
		still_open = str(self.sandbox.erp.open_of(row))
		return (*(str(row[column]) for column in kept), still_open, _text(lines))


def _text(value: Any) -> str:
	return json.dumps(value, sort_keys=True, default=str)
