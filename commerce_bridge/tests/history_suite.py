"""Plays the order histories: every order of arrival, each event twice. One suite for the sandbox and a real site."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from itertools import chain, islice, permutations, product
from math import factorial, prod
from typing import Any, Protocol

from commerce_bridge.bridge.channel import PaymentMap, RefundPolicy
from commerce_bridge.bridge.model import (
	EventData,
	Fulfilment,
	Order,
	OrderCancellation,
	Payment,
	Refund,
	Return,
)
from commerce_bridge.bridge.plan import Books as Found
from commerce_bridge.bridge.plan import Invoice
from commerce_bridge.bridge.protocols import Incoming
from commerce_bridge.bridge.receive import new_entry
from commerce_bridge.bridge.returns import RECORD_TYPE as RETURN
from commerce_bridge.tests.direct_histories import DIRECT_HISTORIES, ON_SHELF
from commerce_bridge.tests.histories import HISTORIES
from commerce_bridge.tests.history_events import CURRENCY, ORDER_ID, SECOND, Done, History
from commerce_bridge.tests.long_histories import LONG_HISTORIES
from commerce_bridge.tests.money_contract import MoneyFixture
from commerce_bridge.tests.order_cells import CellFixture, CellSuite

ZERO = Decimal(0)
#: Events of one phase of which every order of arrival is played; of more, so many at random.
ALL_ORDERS_UPTO, AT_RANDOM = 5, 200
#: Longer than anything waits.
LATER = timedelta(days=30)


class HistoryFixture(MoneyFixture, CellFixture, Protocol):
	gift_account: str  # a liability

	def bill(self, sales_order: str) -> None:
		"""A person makes an invoice of all that is not billed, and submits it."""
		...

	def submit_drafts(self, sales_order: str) -> None:
		"""A person submits the order's draft invoices."""
		...

	def ledger(self, sales_orders: Sequence[str]) -> Mapping[str, Decimal] | None:
		"""Balances by role of what was booked of these Sales Orders: see `histories.Books`. None where no ledger is kept."""
		...

	def fill_shelf(self, item_code: str) -> None:
		"""There is plenty of an item, since before the orders were placed."""
		...

	def orders_of(self, external_id: str) -> list[str]:
		"""All Sales Orders of an order, cancelled ones too, oldest first."""
		...


class HistorySuite(CellSuite):
	"""`orders_of_arrival` says how many of them are played; each test is one history."""

	fixture: HistoryFixture
	most = 200

	def play_all(self, history: History) -> None:
		orders = list(self.arrivals(history))
		for number, phases in enumerate(orders):
			with self.subTest(history.name, number=number):
				self.play(history, phases)

	def arrivals(self, history: History) -> Iterator[tuple[Sequence[EventData], ...]]:
		"""Every order of arrival, or as many as there is time for: the order of the moments and its opposite first."""
		counts = [len(phase.events) for phase in history.phases]
		every = max(counts) <= ALL_ORDERS_UPTO and prod(map(factorial, counts)) <= self.most
		if every:
			yield from product(*(permutations(phase.events) for phase in history.phases))
			return
		there = tuple(phase.events for phase in history.phases)
		back = tuple(phase.events[::-1] for phase in history.phases)
		ends = (there, back) if random.Random(f"{history.name}: first").random() < 0.5 else (back, there)
		chance = random.Random(history.name)
		shuffled = (
			tuple(_shuffled(chance, phase.events) for phase in history.phases) for _ in range(AT_RANDOM)
		)
		yield from islice(chain(ends, shuffled), max(1, min(self.most, AT_RANDOM)))

	def play(self, history: History, phases: Sequence[Sequence[EventData]]) -> None:
		self._use(history)
		key = self.key("history")
		for phase, events in zip(history.phases, phases, strict=True):
			self._arrive(key, events)
			for done in phase.done:
				self._do(key, done)
				self.work(LATER)
		self._compare(history, key, phases)

	def _use(self, history: History) -> None:
		fixture = self.fixture
		if history.invoices.update_stock:
			fixture.fill_shelf(ON_SHELF)
		row = {
			"mode_of_payment": fixture.mode_of_payment,
			"account": fixture.clearing_account,
			"fee_account": fixture.fee_account,
			"fee_tax_account": fixture.fee_tax_account,
		}
		defaults: dict[str, Any] = {
			"invoices": history.invoices,
			"payments": (
				PaymentMap(gateway="card", **row),
				PaymentMap(gateway="now", **row, book="Now"),
				PaymentMap(gateway="COD*", **row, book="On Delivery"),
				PaymentMap(gateway="gift_card", **row | {"account": fixture.gift_account}),
				PaymentMap(gateway="*", **row, book="Never"),
			),
			"refunds": RefundPolicy(adjustment_item="CB-SHIPPING", returns="Submitted"),
		}
		settings = defaults | dict(history.settings)
		if settings["refunds"].return_warehouse == SECOND:
			changes = {"return_warehouse": fixture.second_warehouse}
			settings["refunds"] = settings["refunds"].model_copy(update=changes)
		self.channel = fixture.make_channel(self.channel.name, **settings)

	# --- what happens

	def _arrive(self, key: str, events: Sequence[EventData]) -> None:
		"""Each event, worked on as it arrives; then each once more, and time goes by."""
		for event in (*events, *events):
			self._tell(key, event)
			self.work()
		self.work(LATER)

	def _tell(self, key: str, event: EventData) -> None:
		self.number += 1
		data = played(event, key, self.channel.currency)
		incoming = Incoming(
			TOPICS[type(data)], f"{key}-{self.number}", key, None, None, data.model_dump_json()
		)
		with self.erp.transaction():
			self.journal.record([new_entry(self.channel, incoming)])

	def _do(self, key: str, done: Done) -> None:
		sales_order = self.live(key)["name"]
		if done.what == "deliver":
			books = self._books(sales_order)
			lines = {line: Decimal(quantity) for line, quantity in done.lines.items()}
			self.fixture.deliver(sales_order, lines or _undelivered(books))
		elif done.what == "bill":
			self.fixture.bill(sales_order)
		elif done.what == "submit drafts":
			self.fixture.submit_drafts(sales_order)
		elif done.what == "submit deliveries":
			for note in self.fixture.deliveries(sales_order):
				if note["status"] == "Draft":
					self.fixture.submit_delivery(note["name"])

	# --- what there is in the end

	def _books(self, sales_order: str) -> Found:
		with self.erp.transaction():
			books = self.erp.get_books(sales_order)
		assert books is not None
		return books

	def _compare(self, history: History, key: str, phases: Any) -> None:
		names = self.fixture.orders_of(key)
		books = [self._books(name) for name in names]
		end = history.end
		invoices = [invoice for each in books for invoice in each.invoices if invoice.submitted]
		credited = _total(invoices, is_return=True)
		received = sum((each.paid for each in books), ZERO)
		back = sum((each.paid_back for each in books), ZERO)
		found: dict[str, Any] = {
			"billed": _total(invoices, is_return=False) - credited,
			"received": received if end.back is not None else received - back,
			"goods": sum(
				(sum(each.returned.values()) - sum(each.delivered.values()) for each in books), ZERO
			),
			"returns": {name: self._return(f"{key}-{name}") for name in end.returns},
			"failed": self._unfinished(key),
		}
		wanted = {
			"billed": Decimal(end.billed),
			"received": Decimal(end.received),
			"goods": sum((Decimal(end.ledger.get(role, 0)) for role in ("stock", "quarantine")), ZERO),
			"returns": dict(end.returns),
			"failed": end.failed,
		}
		for name, value, said in (("credited", credited, end.credited), ("back", back, end.back)):
			if said is not None:
				found[name], wanted[name] = value, Decimal(said)
		if end.order is not None:
			found["order"] = [order["grand_total"] for order in self.fixture.live_orders(key)]
			wanted["order"] = [Decimal(end.order)] if end.order else []
		self.assertEqual(found, wanted, self._story(key, phases))
		self._compare_ledger(history, names, key, phases)

	def _compare_ledger(self, history: History, names: Sequence[str], key: str, phases: Any) -> None:
		found = self.fixture.ledger(names)
		if found is None:
			return
		wanted = {role: Decimal(amount) for role, amount in history.end.ledger.items()}
		balances = {role: amount for role, amount in found.items() if amount or role in wanted}
		self.assertEqual(balances, wanted, self._story(key, phases))

	def _return(self, external_id: str) -> str:
		"""Its status, and what came back of it."""
		with self.erp.transaction():
			record = self.erp.get_record(self.channel.name, RETURN, external_id)
			state = self.erp.get_return(record.document) if record and record.document else None
		assert state, f"return {external_id} is not there"
		pieces = (
			f"{each.received.normalize():f} of {line}" for line, each in state.lines.items() if each.received
		)
		return ", ".join((state.status, *pieces))

	def _unfinished(self, key: str) -> tuple[str, ...]:
		return tuple(
			entry["topic"]
			for topic in EVERY_TOPIC
			for entry in self.fixture.entries_of(key, topic)
			if entry["state"] not in ("Succeeded", "Skipped")
		)

	def _story(self, key: str, phases: Any) -> str:
		"""What happened, for people."""
		lines = [f"{type(event).__name__} {event.id}" for events in phases for event in events]
		for topic in EVERY_TOPIC:
			for entry in self.fixture.entries_of(key, topic):
				lines.append(f"{entry['topic']}: {entry['state']}: {entry['message']}")
		return "\n".join(lines)


#: What each event is called where the canonical model is the payload.
TOPICS: dict[type, str] = {
	Order: "order.upserted",
	OrderCancellation: "order.cancelled",
	Payment: "payment.updated",
	Refund: "refund.created",
	Return: "return.updated",
	Fulfilment: "fulfilment",
}
FOUND_TOPICS = ("payment.found", "refund.found", "return.found", "fulfilment.found")
EVERY_TOPIC = (*TOPICS.values(), *FOUND_TOPICS, "invoice.due")


def _shuffled(chance: random.Random, events: Sequence[EventData]) -> Sequence[EventData]:
	return chance.sample(list(events), len(events))


def _undelivered(books: Found) -> dict[str, Decimal]:
	left = {line: quantity - books.delivered.get(line, ZERO) for line, quantity in books.quantities.items()}
	return {line: quantity for line, quantity in left.items() if quantity}


def _total(invoices: Sequence[Invoice], is_return: bool) -> Decimal:
	return sum((invoice.total for invoice in invoices if invoice.is_return == is_return), ZERO)


def played(event: EventData, key: str, currency: str) -> Any:
	"""The event of this order, in the channel's currency: ids of what it names are unique in a shop."""
	text = (
		event.model_dump_json().replace(f'"{CURRENCY}"', f'"{currency}"').replace(f'"{ORDER_ID}"', f'"{key}"')
	)
	data = type(event).model_validate_json(text)
	return _renamed(data, key)


def _renamed(data: Any, key: str) -> Any:
	if isinstance(data, Payment):
		reference = data.reference and f"{key}-{data.reference}"
		return data.model_copy(update={"id": f"{key}-{data.id}", "reference": reference})
	if isinstance(data, Refund):
		payments = tuple(_renamed(payment, key) for payment in data.payments)
		of = data.return_id and f"{key}-{data.return_id}"
		return data.model_copy(update={"id": f"{key}-{data.id}", "payments": payments, "return_id": of})
	if isinstance(data, Return | Fulfilment):
		return data.model_copy(update={"id": f"{key}-{data.id}"})
	if isinstance(data, Order):
		names = ("payments", "refunds", "returns", "fulfilments")
		changes = {name: tuple(_renamed(each, key) for each in getattr(data, name)) for name in names}
		return data.model_copy(update={"number": f"#{key}", **changes})
	return data


def add_tests(suite: type[HistorySuite]) -> None:
	"""Gives a suite one test for each history."""

	def test_of(history: History) -> Any:
		def test(self: HistorySuite) -> None:
			self.play_all(history)

		return test

	for history in (*HISTORIES, *LONG_HISTORIES, *DIRECT_HISTORIES):
		name = "".join(letter if letter.isalnum() else "_" for letter in history.name)
		setattr(suite, f"test_{name}", test_of(history))
