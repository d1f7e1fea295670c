"""What happens in the demo, as steps to wait for, and what must be true when they are done."""

from __future__ import annotations

import http.client
import json
import random
import signal
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import Any
from urllib.parse import urlencode, urlsplit

from commerce_bridge.bridge import feeds
from commerce_bridge.bridge.channel import (
	Channel,
	InvoicePolicy,
	PaymentMap,
	RefundPolicy,
	ShippingMap,
	StockPolicy,
	TaxMap,
)
from commerce_bridge.bridge.plan import Books
from commerce_bridge.connectors.http import GuardedTransport
from sandbox.clock import FastClock
from sandbox.database import Row
from sandbox.demo_shops import SHOPS, DemoShop
from sandbox.local_server import LocalServer
from sandbox.server import WEBHOOK_PATH, ErpSite
from sandbox.worker import WorkerSettings
from sandbox.world import Sandbox

ORDERS, CLIENTS, TWICE, OUT_OF_ORDER, UNKNOWN, FORGED, SHIPPED = 200, 8, 20, 20, 10, 10, 40
PAID_AT_ONCE, REFUNDED = 60, 60
WORKERS, KILLS = 2, 3
STOPS_PER_TICK = 10
#: The demo's minute is the system's twenty: leases, retries and circuits keep their sizes.
SPEED = 20.0
LEASE, LONGEST_RETRY = timedelta(seconds=40), timedelta(seconds=10)
CHANNEL, WAREHOUSE, SHIPPING_ITEM = "Demo Shop", "Stores", "SHIPPING"
SKUS, STOCK = [f"PHONE-{letter}" for letter in "ABCDEFGHIJKL"], 500
NEW_SKUS = [f"BRAND-NEW-{number}" for number in range(1, UNKNOWN + 1)]

Step = Callable[[], bool]
#: A webhook of the shop, and whether it is forged.
Sent = tuple[Any, bool]


@dataclass(frozen=True)
class Tally:
	title: str
	done: int
	total: int


@dataclass(frozen=True)
class Finding:
	"""One line of the final table."""

	title: str
	expected: Any
	found: Any

	@property
	def ok(self) -> bool:
		return self.expected == self.found


class Clients:
	"""Threads that deliver webhooks over HTTP, each event until it is acknowledged or refused."""

	def __init__(self, shop: DemoShop, site_url: str):
		self._shop = shop
		self._address = urlsplit(site_url).netloc
		self._queue: SimpleQueue[Sent] = SimpleQueue()
		self._lock = Lock()
		self.acknowledged = self.duplicates = self.refused = self.sent = 0

	def deliver(self, events: Sequence[Sent]) -> None:
		"""Starts eight threads on these events; each with whether somebody else is to sign it."""
		if not events:
			return
		for event in events:
			self._queue.put(event)
		self.sent += len(events)
		for _ in range(CLIENTS):
			Thread(target=self._work, daemon=True).start()

	@property
	def answered(self) -> int:
		return self.acknowledged + self.refused

	def _work(self) -> None:
		while True:
			try:
				event, forged = self._queue.get_nowait()
			except Empty:
				return
			if not self._shop.deliver(event, self._post, forged) and not forged:
				self._queue.put((event, forged))

	def _post(self, headers: Mapping[str, str], body: bytes) -> int:
		connection = http.client.HTTPConnection(self._address, timeout=10)
		try:
			connection.request(
				"POST", f"{WEBHOOK_PATH}?{urlencode({'channel': CHANNEL})}", body=body, headers=dict(headers)
			)
			response = connection.getresponse()
			content = response.read()
		finally:
			connection.close()
		with self._lock:
			self.acknowledged += response.status == 200
			self.refused += response.status == 401
			self.duplicates += response.status == 200 and bool(json.loads(content).get("duplicate"))
		return response.status


class Scenario:
	"""The shop, the ERP, the workers, and what is done to them."""

	def __init__(self, folder: Path, platform: str = "custom"):
		self._stack = ExitStack()
		self._transport = GuardedTransport(allow_loopback=True)
		self.clock = FastClock.from_now(SPEED)
		self.chance = random.Random(2026)
		self.sandbox = Sandbox.create(folder / "erp.sqlite", self.clock)
		self.shop: DemoShop = SHOPS[platform](self.clock, self.chance)
		self.settings = WorkerSettings(folder / "erp.sqlite", self.clock, LEASE, LONGEST_RETRY)
		self.workers: list[subprocess.Popen[bytes]] = []
		self.killed: list[dict[str, int]] = []  # of each killed worker the entry it held, and the attempt
		self.notes: dict[str, str] = {}  # Delivery Note → tracking number
		self.failures: list[tuple[str, str]] = []
		self.late: list[Sent] = []
		self.twice = 0  # events that were delivered twice
		self.sold: dict[str, Decimal] = {}  # what orders cost before anything was given back

	def __enter__(self) -> Scenario:
		self._stack.callback(self.sandbox.database.close)
		site = self._stack.enter_context(LocalServer(ErpSite(self.sandbox, self._transport).handle))
		self.shop.start()
		self._stack.callback(self.shop.stop)
		self._stack.callback(self._stop_workers)
		self.url = site.url
		self.clients = Clients(self.shop, site.url)
		self._open_shop()
		self.workers = [self.settings.start() for _ in range(WORKERS)]
		return self

	def __exit__(self, *_: object) -> None:
		self._stack.close()

	def _stop_workers(self) -> None:
		for worker in self.workers:
			if worker.stdin is not None:
				worker.stdin.close()
			worker.wait(timeout=30)

	def _open_shop(self) -> None:
		channel = Channel(
			name=CHANNEL,
			company="Demo Company",
			company_currency="EUR",
			currency="EUR",
			default_warehouse=WAREHOUSE,
			taxes=(TaxMap(title="*", account="VAT"),),
			shipping=(ShippingMap(method="*", item=SHIPPING_ITEM),),
			fee_item=SHIPPING_ITEM,
			stock=StockPolicy(first_push_confirmed=True),
			invoices=InvoicePolicy(when="When Paid"),
			payments=(PaymentMap(gateway="*", mode_of_payment="Card", account="Clearing"),),
			refunds=RefundPolicy(adjustment_item=SHIPPING_ITEM, returns="Submitted"),
			**self.shop.settings(WAREHOUSE),
		)
		self.sandbox.state.save(channel, self.shop.credentials())
		connector = self.sandbox.world(self._transport).connect(channel, self.shop.credentials())
		self.shop.open(connector, f"{self.url}{WEBHOOK_PATH}?{urlencode({'channel': CHANNEL})}")
		self.sandbox.make_item(SHIPPING_ITEM, is_stock_item=False)
		for sku in [*SKUS, *NEW_SKUS]:
			self.shop.add_product(sku)
		for sku in SKUS:
			self._stock(sku)
		self.deliver_waiting()

	def _stock(self, sku: str) -> None:
		self.sandbox.make_item(sku)
		self.shop.make_listing(self.sandbox, CHANNEL, sku)
		self.sandbox.set_stock(sku, WAREHOUSE, Decimal(STOCK))

	# --- the steps

	def steps(self) -> Iterator[Step]:
		"""Each is repeated until it says that it is done."""
		self._place_orders()
		yield lambda: self._booked() >= ORDERS // 8
		for _ in range(KILLS - 1):
			yield self._kill_a_worker
		yield lambda: self._booked() >= ORDERS // 4
		self.shop.break_down(True)
		self._ship(SHIPPED // 2)
		yield lambda: self.shop.requests_refused >= 3
		self.shop.break_down("reset")
		yield lambda: self.shop.requests_refused >= 5
		yield lambda: self.clients.answered >= self.clients.sent
		self.shop.break_down(False)
		self.clients.deliver(self.late)
		yield lambda: self.clients.answered >= self.clients.sent
		self._ship(SHIPPED - SHIPPED // 2)
		yield self._quiet
		self._fix_unknown_items()
		yield self._quiet
		self._pay()
		yield self._quiet
		self.sold = self.shop.totals()
		self._give_back()
		yield self._kill_a_worker
		yield self._quiet

	def deliver_waiting(self) -> None:
		"""The shop tells of what happened in it by itself; to be called while a step is waited for."""
		self.clients.deliver([(event, False) for event in self.shop.waiting()])

	def _place_orders(self) -> None:
		first = {
			number: self.shop.place(number, SKUS, NEW_SKUS[number] if number < UNKNOWN else None)
			for number in range(ORDERS)
		}
		events: list[Sent] = []
		for number, told in first.items():
			if UNKNOWN <= number < UNKNOWN + OUT_OF_ORDER:
				events += [(event, False) for event in self.shop.change(number, SKUS)]
				self.late += [(event, False) for event in told]
			else:
				events += [(event, False) for event in told]
			if number >= ORDERS - PAID_AT_ONCE:
				events += [(event, False) for event in self.shop.pay(self.shop.order_id(told[0]))]
		again = self.chance.sample(events, TWICE)
		self.twice, events = len(again), events + again
		events += [(self.shop.forge(ORDERS + number, SKUS), True) for number in range(FORGED)]
		self.chance.shuffle(events)
		self.clients.deliver(events)

	def _booked(self) -> int:
		return len(
			{row["external_id"] for row in self.sandbox.sales_orders() if row["status"] == "Submitted"}
		)

	def _kill_a_worker(self) -> bool:
		"""SIGKILL for a worker that holds an entry just then; another takes its place."""
		for index, worker in [*enumerate(self.workers)] * STOPS_PER_TICK:
			worker.send_signal(signal.SIGSTOP)
			held = {
				row["name"]: row["attempt_count"]
				for row in self.sandbox.journal.entries(state="Running")
				if row["lease_token"].startswith(f"{worker.pid}-")
			}
			if held:
				worker.kill()
				worker.wait()
				self.killed.append(held)
				self.workers[index] = self.settings.start()
				return True
			worker.send_signal(signal.SIGCONT)
		self._give_work()
		return False

	def _give_work(self) -> None:
		"""A machine that is faster than its killer gets a full sync of the stock to do."""
		if not self.sandbox.journal.unfinished():
			world = self.sandbox.world(self._transport)
			with world.erp.transaction():
				feeds.queue_resync(world, world.state.channel(CHANNEL), feeds.STOCK)

	def _ship(self, count: int) -> None:
		"""Ships orders that nothing more is to come for."""
		shipped = {
			row["sales_order"] for row in self.sandbox.database.read("select sales_order from delivery_notes")
		}
		late = {self.shop.order_id(event) for event, _ in self.late}
		ready = [
			row["name"]
			for row in self.sandbox.sales_orders()
			if row["status"] == "Submitted" and row["name"] not in shipped and row["external_id"] not in late
		]
		for name in ready[:count]:
			tracking = f"TRACK-{name}"
			note = self.sandbox.erp.make_delivery(
				name,
				carrier="DHL",
				tracking_number=tracking,
				tracking_url=f"https://track.example/{tracking}",
			)
			self.notes[note] = tracking

	def _quiet(self) -> bool:
		changes = self.sandbox.database.read_one("select count(*) as n from stock_changes")
		told = self.clients.answered >= self.clients.sent
		return told and not changes["n"] and not self.sandbox.journal.unfinished()

	def _fix_unknown_items(self) -> None:
		"""What a person does with the failed entries: makes the items, then Retry."""
		failed = self.sandbox.journal.entries(state="Failed")
		known = {row["external_id"]: row["external_number"] for row in failed if row["external_number"]}
		self.failures = sorted({(known.get(row["external_id"], "?"), row["message"]) for row in failed})
		for sku in NEW_SKUS:
			self._stock(sku)
		for row in failed:
			self.sandbox.journal.requeue(row["name"])

	def _pay(self) -> None:
		"""Buyers pay; the shop tells of some of it twice."""
		events: list[Sent] = [
			(event, False) for key in sorted(self.shop.totals()) for event in self.shop.pay(key)
		]
		self.twice += self._deliver_some_twice(events)

	def _give_back(self) -> None:
		"""Of some orders a part is given back; sent or not, they are billed."""
		keys = sorted(self.sold)[:REFUNDED]
		events: list[Sent] = [(event, False) for key in keys for event in self.shop.give_back(key)]
		self.twice += self._deliver_some_twice(events)

	def _deliver_some_twice(self, events: list[Sent]) -> int:
		"""In any order; how many."""
		again = self.chance.sample(events, min(TWICE, len(events)))
		events += again
		self.chance.shuffle(events)
		self.clients.deliver(events)
		return len(again)

	# --- what came of it

	def tallies(self) -> list[Tally]:
		return [
			Tally("webhooks answered", self.clients.answered, self.clients.sent),
			Tally("orders in the ERP", self._booked(), ORDERS),
			Tally("workers killed", len(self.killed), KILLS),
			Tally("refused in the outage", self.shop.requests_refused, self.shop.requests_refused),
			Tally("orders billed", self._invoices(), ORDERS),
			Tally("shipments in the shop", len(self.shop.tracking_numbers()), SHIPPED),
		]

	def _invoices(self) -> int:
		row = self.sandbox.database.read_one("select count(*) as n from sales_invoices where not is_return")
		return row["n"]

	def findings(self) -> list[Finding]:
		return [*self._planned_faults(), *self._equalities()]

	def _planned_faults(self) -> list[Finding]:
		recovered = [held for held in self.killed if all(map(self._was_recovered, held.items()))]
		reasons = sum(any(sku in reason for sku in NEW_SKUS) for _, reason in self.failures)
		return [
			Finding("deliveries repeated, recognised", self.twice, self.clients.duplicates),
			Finding("deliveries out of order", OUT_OF_ORDER, self._delivered_late()),
			Finding("forged webhooks refused", FORGED, self.sandbox.state.rejected(CHANNEL)),
			Finding(
				"orders with unknown SKUs, reason named", (UNKNOWN, UNKNOWN), (len(self.failures), reasons)
			),
			Finding(
				"workers killed at work, work recovered", (KILLS, KILLS), (len(self.killed), len(recovered))
			),
			Finding("outage met by our pushes", True, self.shop.requests_refused >= 5),
		]

	def _was_recovered(self, held: tuple[str, int]) -> bool:
		"""Whether the attempt after the one that was killed came to an end, or a later state of its order settled it."""
		name, attempt = held
		return bool(
			self.sandbox.database.read(
				"select 1 from attempts where entry = ? and number = ? union all"
				" select 1 from sync_log where name = ? and state = 'Skipped' and message like 'Settled by %'",
				*(name, attempt + 1, name),
			)
		)

	def _delivered_late(self) -> int:
		"""Orders whose first version was put into the log after their second."""
		seen: dict[str, list[Any]] = {}
		for row in self.sandbox.journal.entries():
			if row["topic"] in self.shop.order_topics():
				seen.setdefault(row["external_id"], []).append(self.shop.age(row["payload"]))
		return sum(ages != sorted(ages) for ages in seen.values())

	def _equalities(self) -> list[Finding]:
		live = [row for row in self.sandbox.sales_orders() if row["status"] == "Submitted"]
		by_order: dict[str, list[Decimal]] = {}
		for row in live:
			by_order.setdefault(row["external_id"], []).append(Decimal(row["grand_total"]))
		wanted = {key: [total] for key, total in self.sold.items()}
		same = sum(by_order.get(key) == totals for key, totals in wanted.items())
		shown = self.shop.stock()
		offered = {sku: self.sandbox.erp.available(sku, [WAREHOUSE]) for sku in shown}
		wrong_stock = sorted(sku for sku, quantity in shown.items() if quantity != offered[sku])
		tracked = self.shop.tracking_numbers()
		unfinished = [
			row["message"]
			for row in self.sandbox.journal.entries()
			if row["state"] not in ("Succeeded", "Skipped")
		]
		return [
			Finding("orders in the shop, in the ERP", len(wanted), len(live)),
			Finding("orders with equal totals", ORDERS, same),
			Finding("sum of all orders", _sum(wanted), _sum(by_order)),
			Finding("SKUs whose stock differs", [], wrong_stock),
			Finding(
				"shipments in the shop, with tracking",
				(SHIPPED, True),
				(len(tracked), tracked == sorted(self.notes.values())),
			),
			Finding("orders from forged webhooks", 0, len(by_order.keys() - wanted.keys())),
			*self._books(live),
			Finding("entries not finished", [], unfinished),
		]

	def _books(self, live: Sequence[Row]) -> list[Finding]:
		"""Money, invoices and credit notes, order by order."""
		kept = {row["external_id"]: self.sandbox.erp.get_books(row["name"]) for row in live}
		money = self.shop.money()
		paid = {key: books.paid for key, books in kept.items()}
		back = {key: books.paid_back for key, books in kept.items()}
		due = {key: total - money[key].given_back for key, total in self.sold.items()}
		return [
			Finding(
				"paid in the shop, in the ERP",
				_total(each.paid for each in money.values()),
				_total(paid.values()),
			),
			Finding(
				"given back in the shop, in the ERP",
				_total(each.given_back for each in money.values()),
				_total(back.values()),
			),
			Finding(
				"orders whose money differs",
				[],
				[key for key, each in sorted(money.items()) if each != (paid.get(key), back.get(key))],
			),
			Finding(
				"orders not billed to the cent",
				[],
				[key for key, total in sorted(due.items()) if key not in kept or _billed(kept[key]) != total],
			),
			Finding(
				"invoices and credit notes, with something open",
				(ORDERS, REFUNDED, 0),
				(
					_count(kept.values(), is_return=False),
					_count(kept.values(), is_return=True),
					sum(bool(each.open) for books in kept.values() for each in books.invoices),
				),
			),
		]


def _billed(books: Books) -> Decimal:
	return _total(-each.total if each.is_return else each.total for each in books.invoices if each.submitted)


def _count(books: Iterable[Books], is_return: bool) -> int:
	return sum(each.is_return == is_return for kept in books for each in kept.invoices)


def _total(amounts: Iterable[Decimal]) -> Decimal:
	return sum(amounts, Decimal(0))


def _sum(totals: Mapping[str, list[Decimal]]) -> Decimal:
	return sum((total for each in totals.values() for total in each), Decimal(0))
