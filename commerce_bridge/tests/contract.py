"""What every implementation of `Erp`, `Journal` and `ChannelState` has to do, as one suite.

The sandbox runs it under pytest, a real site under `bench run-tests`: a test case inherits from `ContractSuite`
and gives it a `Fixture`. The suite itself uses the protocols and the fixture, nothing else.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, Protocol
from unittest import TestCase

from commerce_bridge.bridge.channel import Channel, ChannelStatus, Credentials
from commerce_bridge.bridge.details import Details, Unmapped
from commerce_bridge.bridge.errors import LeaseLost, Misconfigured, Rejected
from commerce_bridge.bridge.model import (
	Address,
	Customer,
	DataRequest,
	Parcel,
	Product,
	ProductVariant,
	Redaction,
	Shipment,
	ShownLevel,
	StockLevel,
)
from commerce_bridge.bridge.plan import (
	Amounts,
	ItemKey,
	ItemRow,
	Record,
	SalesOrderPlan,
	SoldLine,
	TaxRow,
	UnbookedSale,
)
from commerce_bridge.bridge.protocols import (
	ERASED,
	ChannelState,
	Circuit,
	Drift,
	DriftCheck,
	Entry,
	Erp,
	Journal,
	Kind,
	ListingLevel,
	NewEntry,
	Outcome,
	Progress,
	PushResult,
	Token,
	Traces,
)
from commerce_bridge.bridge.webhooks import FOLLOW, follow_entry

LEASE = timedelta(minutes=5)
SECOND = timedelta(seconds=1)
MOMENT = datetime(2026, 5, 4, 8, tzinfo=timezone.utc)
KINDS: tuple[Kind, ...] = ("stock", "price", "listing")


class Fixture(Protocol):
	"""What the suite needs of the world around the protocols. Everything it makes is committed."""

	erp: Erp
	journal: Journal
	state: ChannelState
	tax_account: str
	refusal: type[Exception] | tuple[type[Exception], ...]  # how the ERP refuses what its own rules forbid

	def now(self) -> datetime:
		"""Aware, UTC; the time the journal stamps new entries with, or a little later."""
		...

	def make_channel(self, name: str, **settings: Any) -> Channel:
		"""An active channel that submits orders and pushes stock; or the same with other settings."""
		...

	def set_credentials(self, channel: str, credentials: Credentials) -> None: ...

	def make_item(self, item_code: str, barcode: str | None = None, is_stock_item: bool = True) -> None: ...

	def make_bundle(self, item_code: str, components: dict[str, Decimal]) -> None: ...

	def make_listing(self, channel: str, item_code: str, sku: str, product_id: str | None = None) -> str: ...

	def set_stock(self, item_code: str, quantity: Decimal) -> None:
		"""In the default warehouse of the suite's channel."""
		...

	def make_delivery(self, sales_order: str, carrier: str, tracking_number: str) -> str:
		"""Submits a Delivery Note for all that is open."""
		...

	def deliver_one(self, sales_order: str) -> str:
		"""Submits a Delivery Note of one piece of its first row."""
		...

	def track_delivery(self, delivery_note: str, *parcels: Parcel, delivered: bool = False) -> None:
		"""Enters all its parcels after submit, and that the buyer has them."""
		...

	def cancel_delivery(self, delivery_note: str) -> None: ...

	def entry(self, name: str) -> dict[str, Any]:
		"""A Sync Log row: state, message, attempt_count, payload, external_number, reference_name, error_class."""
		...

	def entries_about(self, document: str) -> list[dict[str, Any]]:
		"""Sync Log rows whose reference is this document: topic, direction, state."""
		...

	def push_errors(self, listing: str) -> list[str | None]:
		"""What is kept on the listing of its stock, its price and its content."""
		...

	def count_sales_orders(self, external_id: str) -> int:
		"""Those that are not cancelled."""
		...

	def addresses_of(self, customer: str) -> int: ...

	def drifts(self, channel: str) -> list[tuple[str, str | None, Decimal, Decimal]]:
		"""Kind, SKU, shown and available (0 for None) of each row that is kept, sorted."""
		...

	def drift_checks(self, channel: str) -> list[tuple[str, int, Decimal]]:
		"""Id, drifted listings and units of each check, oldest first."""
		...


class ContractSuite(TestCase):
	"""Inherit from it, set `__test__ = True`, and make `self.fixture` in `setUp` before calling super's."""

	__test__ = False  # run by those who inherit
	fixture: Fixture

	def setUp(self) -> None:
		super().setUp()
		self.erp, self.journal, self.state = self.fixture.erp, self.fixture.journal, self.fixture.state
		self.channel = self.fixture.make_channel("Contract Shop")

	# --- shorthand

	def record(self, key: str, **values: Any) -> str:
		with self.erp.transaction():
			return self.journal.record([self.new_entry(key, **values)])[0].name

	def new_entry(self, key: str, **values: Any) -> NewEntry:
		defaults = {
			"channel": self.channel.name,
			"direction": "Inbound",
			"topic": "order.upserted",
			"payload": "{}",
		}
		return NewEntry(dedupe_key=hashlib.sha256(key.encode()).hexdigest(), **defaults | values)

	def claim(self, after: timedelta = SECOND) -> Entry:
		entry = self.journal.claim(self.fixture.now() + after, LEASE)
		assert entry is not None, "something was due"
		return entry

	def nothing_due(self, after: timedelta = SECOND) -> None:
		self.assertIsNone(self.journal.claim(self.fixture.now() + after, LEASE))

	def finish(self, entry: Entry, outcome: Outcome) -> None:
		with self.erp.transaction():
			self.journal.finish(entry, outcome, self.fixture.now())

	def customer(self, **values: Any) -> str:
		customer = Customer(**{"first_name": "Ada", "last_name": "Lovelace"} | values)
		with self.erp.transaction():
			name = self.erp.create_customer(self.channel, customer)
			self.erp.ensure_contact(name, customer)
		return name

	def plan(self, external_id: str, *rows: ItemRow, **values: Any) -> SalesOrderPlan:
		"""An order of these rows with 10 % tax on top; its customer is made unless given."""
		today = self.fixture.now().date()
		amounts = Amounts(
			items=rows,
			taxes=(TaxRow("On Net Total", self.fixture.tax_account, "Tax", rate=Decimal(10)),),
			discount_amount=Decimal(0),
			apply_discount_on="Net Total",
			grand_total=Decimal(0),
			total_taxes=Decimal(0),
		)
		plan = SalesOrderPlan(
			channel=self.channel.name,
			company=self.channel.company,
			external_id=external_id,
			external_number=f"#{external_id}",
			customer=values.get("customer") or self.customer(email=f"{external_id}@example.com"),
			contact=None,
			billing_address=None,
			shipping_address=None,
			currency=self.channel.currency,
			conversion_rate=Decimal(1),
			price_list=self.channel.price_list,
			transaction_date=today,
			delivery_date=today,
			naming_series=self.channel.naming_series,
			cost_center=self.channel.cost_center,
			amounts=amounts,
			submit=True,
			afterwards="Nothing",
			own_numbering=False,
		)
		return replace(plan, **values)

	def order(self, external_id: str, quantity: int = 2, **values: Any) -> str:
		"""A Sales Order of one row, 10.00 each."""
		plan = self.plan(external_id, row("CB-PHONE", quantity), **values)
		with self.erp.transaction():
			return self.erp.create_sales_order(self.channel, plan).name

	def phone(self, stock: int = 10) -> None:
		self.fixture.make_item("CB-PHONE")
		self.fixture.set_stock("CB-PHONE", Decimal(stock))

	def level(self, item_code: str) -> Decimal:
		with self.erp.transaction():
			levels = self.erp.stock_levels(self.channel, [item_code])
		self.assertEqual(len(levels), 1)
		return levels[0].level.quantity

	def drain_stock_changes(self) -> list[str]:
		items: list[str] = []
		with self.erp.transaction():
			while taken := self.erp.take_changes(100):
				items += taken.get("stock", [])
		return items


class JournalContract(ContractSuite):
	def test_the_same_key_is_recorded_once(self) -> None:
		with self.erp.transaction():
			first, second = self.journal.record([self.new_entry("a"), self.new_entry("a", payload="other")])
		self.assertTrue(first.created)
		self.assertFalse(second.created)
		self.assertEqual(first.name, second.name)
		with self.erp.transaction():
			again = self.journal.record([self.new_entry("a")])[0]
		self.assertEqual((again.name, again.created), (first.name, False))
		self.assertEqual(self.fixture.entry(first.name)["payload"], "{}")

	def test_what_is_rolled_back_was_never_recorded(self) -> None:
		with self.assertRaises(ZeroDivisionError), self.erp.transaction():
			self.journal.record([self.new_entry("a")])
			raise ZeroDivisionError
		self.nothing_due()
		with self.erp.transaction():
			self.assertTrue(self.journal.record([self.new_entry("a")])[0].created)

	def test_the_oldest_is_claimed_first_and_each_once(self) -> None:
		names = [self.record(key) for key in "abc"]
		claimed = [self.claim() for _ in names]
		self.assertEqual([entry.name for entry in claimed], names)
		self.assertEqual({entry.attempt for entry in claimed}, {1})
		self.assertEqual(self.fixture.entry(names[0])["state"], "Running")
		self.nothing_due()

	def test_a_claimed_entry_carries_what_was_recorded(self) -> None:
		self.record("a", external_id="9001", payload='{"a": 1}', reference_doctype=None)
		entry = self.claim()
		self.assertEqual((entry.channel, entry.direction), (self.channel.name, "Inbound"))
		self.assertEqual(
			(entry.topic, entry.payload, entry.external_id), ("order.upserted", '{"a": 1}', "9001")
		)

	def test_terminal_entries_are_not_claimed(self) -> None:
		for state in ("Succeeded", "Skipped", "Failed"):
			self.record(state, state=state)
		self.nothing_due(timedelta(days=400))

	def test_a_lease_that_ran_out_frees_the_entry_and_fences_its_worker(self) -> None:
		name = self.record("a")
		dead = self.claim()
		self.nothing_due(LEASE - 2 * SECOND)
		heir = self.claim(LEASE + 5 * SECOND)
		self.assertEqual((heir.name, heir.attempt), (name, 2))
		self.assertNotEqual(heir.lease, dead.lease)
		with self.assertRaises(LeaseLost), self.erp.transaction():
			self.journal.hold(dead)
		with self.assertRaises(LeaseLost):
			self.finish(dead, Outcome("Failed", "the zombie's"))
		with self.assertRaises(LeaseLost):
			self.journal.postpone(dead, self.fixture.now())
		self.finish(heir, Outcome("Succeeded", "the heir's"))
		self.assertEqual(self.fixture.entry(name)["message"], "the heir's")

	def test_a_finished_entry_is_held_by_nobody(self) -> None:
		self.record("a")
		entry = self.claim()
		self.finish(entry, Outcome("Succeeded"))
		with self.assertRaises(LeaseLost), self.erp.transaction():
			self.journal.hold(entry)

	def test_finish_writes_the_outcome(self) -> None:
		name = self.record("a")
		self.finish(
			self.claim(),
			Outcome("Failed", "no item", "Misconfigured", external_number="#7", payload='["left"]'),
		)
		row = self.fixture.entry(name)
		self.assertEqual(
			(row["state"], row["message"], row["error_class"]), ("Failed", "no item", "Misconfigured")
		)
		self.assertEqual((row["external_number"], row["payload"]), ("#7", '["left"]'))
		self.assertEqual(row["attempt_count"], 1)

	def test_details_stay_while_an_entry_is_retrying_and_go_with_the_next_outcome(self) -> None:
		name = self.record("a")
		details = Details(unmapped=(Unmapped(sku="MUG", name="A mug"),))
		due = self.fixture.now()
		self.finish(self.claim(), Outcome("Failed", "no item", "Misconfigured", details=details))
		self.fixture.requeue(name)
		self.finish(self.claim(), Outcome("Retrying", "503", "Retryable", next_attempt_at=due))
		self.assertEqual(Details.model_validate_json(self.fixture.entry(name)["details"]), details)
		self.finish(self.claim(), Outcome("Succeeded"))
		self.assertIsNone(self.fixture.entry(name)["details"])

	def test_finish_is_part_of_the_transaction(self) -> None:
		name = self.record("a")
		entry = self.claim()
		with self.assertRaises(ZeroDivisionError), self.erp.transaction():
			self.journal.finish(entry, Outcome("Succeeded"), self.fixture.now())
			raise ZeroDivisionError
		self.assertEqual(self.fixture.entry(name)["state"], "Running")

	def test_retrying_waits_for_its_time(self) -> None:
		name = self.record("a")
		at = self.fixture.now() + timedelta(hours=1)
		self.finish(self.claim(), Outcome("Retrying", "503", "Retryable", next_attempt_at=at))
		self.nothing_due(timedelta(minutes=59))
		again = self.claim(timedelta(minutes=61))
		self.assertEqual((again.name, again.attempt), (name, 2))

	def test_postponed_entries_wait_and_lose_no_attempt(self) -> None:
		name = self.record("a")
		self.journal.postpone(self.claim(), self.fixture.now() + timedelta(minutes=10))
		self.nothing_due(timedelta(minutes=9))
		again = self.claim(timedelta(minutes=11))
		self.assertEqual((again.name, again.attempt), (name, 1))

	def test_a_paused_channel_holds_its_entries(self) -> None:
		name = self.record("a")
		self.fixture.make_channel("Contract Shop", status=ChannelStatus.PAUSED)
		self.nothing_due()
		self.fixture.make_channel("Contract Shop", status=ChannelStatus.ACTIVE)
		self.assertEqual(self.claim().name, name)

	def test_a_disabled_channel_takes_its_webhooks_back_and_nothing_else(self) -> None:
		for direction in ("Inbound", "Outbound"):
			self.record(direction, direction=direction)
		with self.erp.transaction():
			[back] = self.journal.record([follow_entry(self.channel.name, "https://erp.example")])
		self.fixture.make_channel("Contract Shop", status=ChannelStatus.PAUSED)
		self.nothing_due()
		self.fixture.make_channel("Contract Shop", status=ChannelStatus.DISABLED)
		entry = self.claim()
		self.assertEqual((entry.name, entry.topic), (back.name, FOLLOW))
		while (other := self.journal.claim(self.fixture.now() + SECOND, LEASE)) is not None:
			self.assertEqual(other.topic, FOLLOW)  # of the channel's own changes of state

	def test_what_was_recorded_can_be_read(self) -> None:
		self.assertEqual(self.journal.payload(self.record("a", payload='{"a": 1}')), '{"a": 1}')
		self.assertIsNone(self.journal.payload("no such entry"))

	def test_the_newest_state_of_an_order_that_was_applied(self) -> None:
		later = self.fixture.now()
		topics = ["order.upserted", "order.placed"]
		self.assertIsNone(self.journal.latest(self.channel.name, topics, "9001"))
		for key, at in (("new", later), ("old", later - timedelta(hours=1))):
			self.record(key, external_id="9001", payload=f'"{key}"', source_time=at)
			self.finish(self.claim(), Outcome("Succeeded"))
		self.record("newest", external_id="9001", source_time=later + SECOND)
		self.finish(self.claim(), Outcome("Failed", "no item", "Rejected"))
		self.record(
			"other", external_id="9001", topic="order.seen", source_time=later + SECOND, state="Succeeded"
		)
		with self.erp.transaction():
			found = self.journal.latest(self.channel.name, topics, "9001")
			self.assertIsNone(self.journal.latest(self.channel.name, topics, "9002"))
			self.assertIsNone(self.journal.latest("Another Shop", topics, "9001"))
			self.journal.blank(self.channel.name, Traces(orders=("9001",)), keep="")
			self.assertIsNone(self.journal.latest(self.channel.name, topics, "9001"))
		self.assertEqual(found, ("order.upserted", '"new"'))

	def test_what_waits_for_an_order_is_woken(self) -> None:
		at = self.fixture.now() + timedelta(days=1)
		waiting = Outcome("Retrying", "not here yet", "Retryable", next_attempt_at=at)
		given_up = Outcome("Failed", "not here yet", "Retryable")
		wrong = Outcome("Failed", "no account", "Misconfigured")
		woken = []
		for key, topic, order, outcome in (
			("a", "payment.found", "9001", waiting),
			("b", "payment.found", "9001", given_up),
			("c", "payment.found", "9001", wrong),
			("d", "payment.found", "9002", waiting),
			("e", "refund.found", "9001", waiting),
		):
			name = self.record(key, topic=topic, external_id=order)
			self.finish(self.claim(), outcome)
			woken += [name] if key in "ab" else []
		self.nothing_due()
		with self.erp.transaction():
			count = self.journal.wake(self.channel.name, ["payment.found"], "9001", self.fixture.now())
		self.assertEqual(count, 2)
		self.assertEqual({self.claim().name, self.claim().name}, set(woken))
		self.nothing_due()

	def test_what_is_rolled_back_wakes_nothing(self) -> None:
		at = self.fixture.now() + timedelta(days=1)
		self.record("a", topic="payment.found", external_id="9001")
		self.finish(self.claim(), Outcome("Retrying", "wait", "Retryable", next_attempt_at=at))
		with self.assertRaises(ZeroDivisionError), self.erp.transaction():
			self.journal.wake(self.channel.name, ["payment.found"], "9001", self.fixture.now())
			raise ZeroDivisionError
		self.nothing_due()

	def test_inbound_entries_are_counted_once(self) -> None:
		name = self.record("in", external_id="9001", payload="[1]")
		self.record("out", direction="Outbound")
		self.record("skipped", state="Skipped")
		with self.erp.transaction():
			[found] = self.journal.uncounted(10)
			self.journal.mark_counted([found.name])
		self.assertEqual((found.name, found.topic, found.payload), (name, "order.upserted", "[1]"))
		with self.erp.transaction():
			self.assertEqual(self.journal.uncounted(10), [])
			self.journal.count_again([("Another Shop", "9001"), (self.channel.name, "9002")])
			self.assertEqual(self.journal.uncounted(10), [])
			self.journal.count_again([(self.channel.name, "9001")])
			self.assertEqual([entry.name for entry in self.journal.uncounted(10)], [name])

	def test_what_is_unfinished_about_the_same_order_is_counted_with_it(self) -> None:
		first, foreign = self.record("1", external_id="9001"), self.record("2", external_id="9002")
		with self.erp.transaction():
			self.journal.mark_counted([first, foreign])
		second = self.record("3", external_id="9001")
		with self.erp.transaction():
			self.assertEqual({entry.name for entry in self.journal.uncounted(10)}, {first, second})
		self.finish(self.claim(), Outcome("Failed", "no item", "Rejected"))
		with self.erp.transaction():
			self.assertIn(first, {entry.name for entry in self.journal.uncounted(10)})

	def test_of_what_is_finished_nothing_is_counted(self) -> None:
		name = self.record("1", external_id="9001")
		self.finish(self.claim(), Outcome("Succeeded"))
		with self.erp.transaction():
			[found] = self.journal.uncounted(10)
		self.assertEqual((found.name, found.payload), (name, None))

	def test_an_open_circuit_stops_outbound_only(self) -> None:
		self.record("out", direction="Outbound", topic="stock.changed", payload="[]")
		inbound = self.record("in")
		opened = Circuit(failures=5, opened_until=self.fixture.now() + timedelta(minutes=30))
		self.assertTrue(self.state.swap_circuit(self.channel.name, Circuit(), opened))
		self.assertEqual(self.claim().name, inbound)
		self.nothing_due(timedelta(seconds=30))

	def test_a_half_open_circuit_lets_one_probe_through(self) -> None:
		name = self.record("out", direction="Outbound", topic="stock.changed", payload="[]")
		now = self.fixture.now()
		probed = Circuit(failures=5, opened_until=now - timedelta(minutes=1), probing_since=now)
		self.assertTrue(self.state.swap_circuit(self.channel.name, Circuit(), probed))
		self.nothing_due(timedelta(seconds=30))
		self.assertEqual(self.claim(LEASE + timedelta(seconds=30)).name, name)

	def test_entries_of_one_lane_run_one_at_a_time(self) -> None:
		values = {"direction": "Outbound", "topic": "stock.changed", "payload": "[]", "lane": "stock:x"}
		first, second = self.record("a", **values), self.record("b", **values)
		entry = self.claim()
		self.assertEqual(entry.name, first)
		self.nothing_due()
		self.finish(entry, Outcome("Succeeded"))
		self.assertEqual(self.claim().name, second)

	def test_a_dead_worker_does_not_block_its_lane(self) -> None:
		values = {"direction": "Outbound", "topic": "stock.changed", "payload": "[]", "lane": "stock:x"}
		names = {self.record("a", **values), self.record("b", **values)}
		self.claim()
		heir = self.claim(LEASE + 5 * SECOND)
		self.assertIn(heir.name, names)

	def test_items_join_the_waiting_entry(self) -> None:
		name = self.record("a", direction="Outbound", topic="stock.changed", payload='["A"]')
		with self.erp.transaction():
			self.assertTrue(self.journal.merge_queued(self.channel.name, "stock.changed", ["A", "B"], 3))
		self.assertEqual(sorted(json.loads(self.fixture.entry(name)["payload"])), ["A", "B"])
		with self.erp.transaction():
			self.assertFalse(self.journal.merge_queued(self.channel.name, "stock.changed", ["C", "D"], 3))
			self.assertFalse(self.journal.merge_queued(self.channel.name, "other.topic", ["C"], 3))
		self.assertEqual(sorted(json.loads(self.fixture.entry(name)["payload"])), ["A", "B"])

	def claimed(self, name: str) -> Entry:
		"""This entry, whatever else a new channel has to do first."""
		while (entry := self.claim()).name != name:
			continue
		return entry

	def settle(self, entry: Entry, seen: datetime | None = None) -> int:
		with self.erp.transaction():
			return self.journal.settle(
				entry, "9001", ["order.upserted", "order.cancelled"], MOMENT, seen, f"Settled by {entry.name}"
			)

	def test_what_failed_of_an_order_is_settled_once_it_is_applied(self) -> None:
		failed = {"state": "Failed", "error_class": "Rejected", "external_id": "9001", "source_time": MOMENT}
		older = self.record("older", **failed | {"source_time": MOMENT - SECOND})
		cancelled = self.record("x", **failed | {"source_time": MOMENT - SECOND, "topic": "order.cancelled"})
		others = [
			self.record("newer", **failed | {"source_time": MOMENT + SECOND}),
			self.record("same moment, other content", **failed | {"payload": '{"a": 1}'}),
			self.record("same moment, other case", **failed | {"payload": '{"A": 2}'}),
			self.record("without a time", **failed | {"source_time": None}),
			self.record("refund", **failed | {"source_time": MOMENT - SECOND, "topic": "refund.created"}),
			self.record("other order", **failed | {"source_time": MOMENT - SECOND, "external_id": "9002"}),
			self.record("outbound", **failed | {"source_time": MOMENT - SECOND, "direction": "Outbound"}),
			self.record("other state", **failed | {"source_time": MOMENT - SECOND, "state": "Succeeded"}),
		]
		states = [self.fixture.entry(name)["state"] for name in others]
		same = self.record("same content", **failed | {"payload": '{"a": 2}'})
		entry = self.claimed(self.record("now", external_id="9001", payload='{"a": 2}'))
		self.assertEqual(self.settle(entry), 3)
		for name in (older, cancelled, same):
			row = self.fixture.entry(name)
			self.assertEqual((row["state"], row["message"]), ("Skipped", f"Settled by {entry.name}"))
			self.assertFalse(row["error_class"])
		self.assertEqual([self.fixture.entry(name)["state"] for name in others], states)
		self.assertEqual(self.settle(entry), 0)

	def test_of_one_moment_what_was_recorded_before_is_settled(self) -> None:
		failed = {"state": "Failed", "external_id": "9001", "source_time": MOMENT}
		before = self.record("before", **failed)
		entry = self.claimed(self.record("now", external_id="9001", payload='{"a": 1}'))
		assert entry.recorded is not None
		after = self.record("after", **failed)
		self.assertEqual(self.settle(entry, entry.recorded), 1)
		self.assertEqual(self.fixture.entry(before)["state"], "Skipped")
		self.assertEqual(self.fixture.entry(after)["state"], "Failed")
		self.assertEqual(self.settle(entry, self.fixture.now()), 1, "what was asked for since holds it too")

	def test_of_one_moment_what_was_begun_before_brings_nothing_back(self) -> None:
		"""A worker died over a state, and a later one of the same second was applied since."""
		values = {"external_id": "9001", "source_time": MOMENT}
		waiting = self.claimed(self.record("waiting", **values))
		self.finish(waiting, Outcome("Retrying", "busy", "Retryable", next_attempt_at=self.fixture.now()))
		older = self.record("older", **values | {"source_time": MOMENT - SECOND})
		begun = [self.claimed(name) for name in (waiting.name, older)]
		entry = self.claimed(self.record("now", **values))
		assert entry.recorded is not None
		self.assertEqual(self.settle(entry, entry.recorded), 1)
		self.assertEqual(self.fixture.entry(waiting.name)["state"], "Skipped")
		with self.assertRaises(LeaseLost), self.erp.transaction():
			self.journal.hold(begun[0])
		with self.erp.transaction():
			self.journal.hold(begun[1])
			self.journal.hold(entry)

	def test_what_is_settled_is_part_of_the_transaction(self) -> None:
		values = {"state": "Failed", "external_id": "9001", "source_time": MOMENT - SECOND}
		name = self.record("older", **values)
		entry = self.claimed(self.record("now", external_id="9001"))
		with self.assertRaises(ZeroDivisionError), self.erp.transaction():
			self.journal.settle(entry, "9001", ["order.upserted"], MOMENT, None, "settled")
			raise ZeroDivisionError
		self.assertEqual(self.fixture.entry(name)["state"], "Failed")

	def test_an_entry_learns_of_which_order_it_is(self) -> None:
		name = self.record("a")
		entry = self.claimed(name)
		with self.erp.transaction():
			self.journal.name_order(entry, "9001")
		self.assertEqual(self.fixture.entry(name)["external_id"], "9001")
		self.finish(entry, Outcome("Failed", "no item", "Misconfigured"))
		with self.erp.transaction():
			self.journal.name_order(entry, "9002")
		self.assertEqual(self.fixture.entry(name)["external_id"], "9001", "it is nobody's any more")

	def outbound(self, key: str, topic: str = "stock.changed", **values: Any) -> str:
		return self.record(key, direction="Outbound", topic=topic, payload=f'["{key}"]', **values)

	def test_what_is_open_about_an_order(self) -> None:
		def is_open(topic: str = "shipment.changed", external_id: str = "9001") -> bool:
			return self.journal.is_open(self.channel.name, topic, external_id)

		self.assertFalse(is_open())
		self.record("a", direction="Outbound", topic="shipment.changed", external_id="9001")
		self.assertTrue(is_open())
		self.assertFalse(is_open(external_id="9002") or is_open("order.changed"))
		self.assertFalse(self.journal.is_open("Another Shop", "shipment.changed", "9001"))
		entry = self.claim()
		self.assertTrue(is_open(), "while it runs")
		now = self.fixture.now()
		self.finish(entry, Outcome("Retrying", "503", "Retryable", next_attempt_at=now))
		self.assertTrue(is_open(), "while it is tried again")
		self.finish(self.claim(), Outcome("Failed", "gone", "Rejected"))
		self.assertFalse(is_open())

	def test_states_of_entries(self) -> None:
		name = self.outbound("a")
		self.assertEqual(self.journal.state_of(name), "Queued")
		entry = self.claim()
		self.assertEqual(self.journal.state_of(name), "Running")
		self.finish(entry, Outcome("Failed"))
		self.assertEqual(self.journal.state_of(name), "Failed")
		self.assertIsNone(self.journal.state_of("no such entry"))

	def test_payloads_of_what_is_not_done(self) -> None:
		self.outbound("running")
		self.claim()
		self.outbound("queued")
		self.outbound("other topic", "stock.resync")
		self.outbound("no such topic", "price.changed")
		self.outbound("done", state="Succeeded")
		self.outbound("failed", state="Failed")
		self.record("inbound", topic="stock.changed")
		found = self.journal.open_payloads(self.channel.name, ("stock.changed", "stock.resync"))
		self.assertEqual(sorted(found), ['["other topic"]', '["queued"]', '["running"]'])
		self.assertEqual(self.journal.open_payloads("Another Shop", ("stock.changed",)), [])

	def test_what_was_sent_otherwise_is_superseded(self) -> None:
		old = self.outbound("old", state="Failed")
		others = {
			self.outbound("other topic", "price.changed", state="Failed"): "Failed",
			self.outbound("waits"): "Queued",
			self.record("inbound", topic="stock.changed", state="Failed"): "Failed",
		}
		before = self.fixture.now()
		others[self.outbound("new", state="Failed")] = "Failed"
		with self.erp.transaction():
			topics = ("stock.changed", "stock.resync")
			self.assertEqual(self.journal.supersede(self.channel.name, topics, before, "sent again"), 1)
		row = self.fixture.entry(old)
		self.assertEqual((row["state"], row["message"]), ("Skipped", "sent again"))
		self.assertEqual({name: self.journal.state_of(name) for name in others}, others)

	def test_items_do_not_join_what_runs_or_was_tried(self) -> None:
		self.record("a", direction="Outbound", topic="stock.changed", payload='["A"]')
		entry = self.claim()
		with self.erp.transaction():
			self.assertFalse(self.journal.merge_queued(self.channel.name, "stock.changed", ["B"], 9))
		self.finish(entry, Outcome("Retrying", "503", "Retryable", next_attempt_at=self.fixture.now()))
		with self.erp.transaction():
			self.assertFalse(self.journal.merge_queued(self.channel.name, "stock.changed", ["B"], 9))


class ChannelStateContract(ContractSuite):
	def test_a_channel_is_read_as_it_was_set(self) -> None:
		channel = self.state.channel("Contract Shop")
		self.assertEqual((channel.name, channel.status), ("Contract Shop", ChannelStatus.ACTIVE))
		self.assertTrue(channel.default_warehouse)
		self.assertTrue(channel.company_currency)

	def test_an_unknown_channel_is_misconfigured(self) -> None:
		with self.assertRaises(Misconfigured):
			self.state.channel("No Such Shop")

	def test_only_active_channels_are_active(self) -> None:
		self.assertIn("Contract Shop", self.state.active_channels())
		self.fixture.make_channel("Contract Shop", status=ChannelStatus.PAUSED)
		self.assertNotIn("Contract Shop", self.state.active_channels())

	def test_a_paused_channel_works_on_nothing(self) -> None:
		with self.erp.transaction():
			self.state.pause("Contract Shop", "The app was uninstalled")
		self.assertIs(self.state.channel("Contract Shop").status, ChannelStatus.PAUSED)
		self.assertNotIn("Contract Shop", self.state.active_channels())

	def test_credentials_come_back_and_do_not_show(self) -> None:
		self.fixture.set_credentials("Contract Shop", Credentials(webhook_secrets=("s3cr3t",)))
		credentials = self.state.credentials("Contract Shop")
		self.assertEqual(credentials.webhook_secrets, ("s3cr3t",))
		self.assertNotIn("s3cr3t", f"{credentials!r} {credentials}")

	def test_a_token_is_kept_committed_until_it_is_dropped(self) -> None:
		name, ends = self.channel.name, self.fixture.now().replace(microsecond=0)
		self.fixture.make_channel("Other Shop")
		self.assertIsNone(self.state.get_token(name))
		self.state.save_token(name, Token("shpat_1", ends))
		with self.assertRaises(ZeroDivisionError), self.erp.transaction():
			raise ZeroDivisionError
		self.assertEqual(self.state.get_token(name), Token("shpat_1", ends))
		self.assertIsNone(self.state.get_token("Other Shop"))
		self.state.save_token(name, Token("shpat_2"))
		self.assertEqual(self.state.get_token(name), Token("shpat_2", None))
		self.assertNotIn("shpat", repr(self.state.get_token(name)))
		self.state.save_token(name, None)
		self.assertIsNone(self.state.get_token(name))

	def test_facts_are_kept_committed_and_replaced(self) -> None:
		name = self.channel.name
		self.fixture.make_channel("Other Shop")
		self.assertEqual(self.state.get_facts(name), {})
		self.state.save_facts(name, {"Version": "10.2.4", "Currency": "€"})
		with self.assertRaises(ZeroDivisionError), self.erp.transaction():
			raise ZeroDivisionError
		self.assertEqual(self.state.get_facts(name), {"Version": "10.2.4", "Currency": "€"})
		self.assertEqual(self.state.get_facts("Other Shop"), {})
		self.state.save_token(name, Token("t"))
		self.state.save_facts(name, {"Version": "10.3"})
		self.assertEqual(self.state.get_facts(name), {"Version": "10.3"})
		self.assertEqual(self.state.get_token(name), Token("t"))

	def test_the_circuit_is_swapped_only_by_who_saw_it(self) -> None:
		name = self.channel.name
		now = self.fixture.now().replace(microsecond=0)
		seen = self.state.get_circuit(name)
		self.assertEqual(seen, Circuit())
		opened = Circuit(failures=5, opened_until=now)
		self.assertTrue(self.state.swap_circuit(name, seen, opened))
		self.assertFalse(self.state.swap_circuit(name, seen, Circuit(failures=1)))
		self.assertEqual(self.state.get_circuit(name), opened)
		self.assertTrue(self.state.swap_circuit(name, opened, Circuit()))
		self.assertEqual(self.state.get_circuit(name), Circuit())

	def test_cursors_are_kept_by_name_in_the_transaction(self) -> None:
		name = self.channel.name
		self.assertIsNone(self.state.get_cursor(name, "orders"))
		with self.erp.transaction():
			self.state.set_cursor(name, "orders", "page-7")
		with self.assertRaises(ZeroDivisionError), self.erp.transaction():
			self.state.set_cursor(name, "orders", "page-8")
			raise ZeroDivisionError
		self.assertEqual(self.state.get_cursor(name, "orders"), "page-7")
		self.assertIsNone(self.state.get_cursor(name, "products"))

	def test_a_cursor_is_locked_and_read_as_it_is(self) -> None:
		name = self.channel.name
		with self.erp.transaction():
			self.assertIsNone(self.state.get_cursor(name, "walk:stock", lock=True))
			self.state.set_cursor(name, "walk:stock", "entry")
		with self.erp.transaction():
			self.assertEqual(self.state.get_cursor(name, "walk:stock", lock=True), "entry")
			self.state.set_cursor(name, "walk:stock", None)
		self.assertIsNone(self.state.get_cursor(name, "walk:stock"))

	def test_the_latest_progress_of_each_kind_is_kept(self) -> None:
		name, now = self.channel.name, self.fixture.now().replace(microsecond=0)
		stock = Progress("Stock", 1, 2, 0, now)
		prices = Progress("Prices", 3, None, 1, now + SECOND, now + 2 * SECOND, "done")
		self.assertEqual(self.state.get_progress(name), [])
		with self.erp.transaction():
			self.state.set_progress(name, stock)
			self.state.set_progress(name, prices)
			self.state.set_progress(name, replace(stock, done=2))
		with self.assertRaises(ZeroDivisionError), self.erp.transaction():
			self.state.set_progress(name, replace(stock, done=3))
			raise ZeroDivisionError
		self.assertEqual(self.state.get_progress(name), [prices, replace(stock, done=2)])


class PartiesContract(ContractSuite):
	def test_a_customer_as_it_is_told(self) -> None:
		buyer = Customer(
			email="told@contract.example",
			phone="+493012345",
			first_name="Ada",
			last_name="Lovelace",
			tax_id="T-1",
		)
		address = Address(name="Ada", line1="Road 1", city="Berlin", country_code="DE")
		with self.erp.transaction():
			name = self.erp.create_customer(self.channel, buyer)
			self.erp.ensure_contact(name, buyer)
			self.erp.ensure_address(name, address, "Shipping")
		with self.erp.transaction():
			told = self.erp.get_customer(name)
			nobody = self.erp.get_customer("no such customer")
		assert told is not None
		self.assertIsNone(nobody)
		self.assertEqual(
			told.model_copy(update={"updated_at": None}),
			buyer.model_copy(update={"id": name, "addresses": (address,)}),
		)

	def test_records_are_kept_and_follow(self) -> None:
		now = self.fixture.now().replace(microsecond=0)
		record = Record(self.channel.name, "Order", "9001", version=3, source_time=now, fingerprint="f")
		with self.erp.transaction():
			self.assertIsNone(self.erp.get_record(self.channel.name, "Order", "9001"))
			self.erp.save_record(record)
		with self.erp.transaction():
			self.assertEqual(self.erp.get_record(self.channel.name, "Order", "9001"), record)
			later = replace(
				record,
				version=4,
				cancelled=True,
				shop_total=Decimal("1234567.89"),
				currency="EUR",
				placed_on=now.date(),
			)
			self.erp.save_record(later)
		with self.erp.transaction():
			found = self.erp.get_record(self.channel.name, "Order", "9001")
			self.assertEqual(found, later)
			self.assertIsNone(self.erp.get_record(self.channel.name, "Customer", "9001"))

	def test_external_ids_differ_by_case_accent_and_blank(self) -> None:
		ids = ["evt_a", "evt_A", "evt_a ", "evt_á"]
		with self.erp.transaction():
			for version, external_id in enumerate(ids):
				self.erp.save_record(Record(self.channel.name, "Order", external_id, version=version))
		with self.erp.transaction():
			found = [self.erp.get_record(self.channel.name, "Order", external_id) for external_id in ids]
		self.assertEqual([record and record.version for record in found], [0, 1, 2, 3])

	def test_customers_are_found_by_email_whatever_the_case(self) -> None:
		name = self.customer(email="ada@contract.example")
		with self.erp.transaction():
			self.assertEqual(self.erp.customers_with_email("Ada@Contract.Example"), [name])
			self.assertEqual(self.erp.customers_with_email("da@contract.example"), [])

	def test_customers_are_found_by_phone(self) -> None:
		name = self.customer(phone="+4930123456")
		with self.erp.transaction():
			self.assertEqual(self.erp.customers_with_phone("+4930123456"), [name])
			self.assertEqual(self.erp.customers_with_phone("+4930123457"), [])

	def test_names_in_any_script(self) -> None:
		for number, (first, last) in enumerate([("张", "伟"), ("Zoë", "D'Arc 🎉"), ("<script>", "x" * 200)]):
			email = f"script{number}@contract.example"
			name = self.customer(first_name=first, last_name=last, email=email)
			with self.erp.transaction():
				self.assertEqual(self.erp.customers_with_email(email), [name])

	def test_the_same_contact_is_not_made_twice(self) -> None:
		buyer = Customer(first_name="Ada", email="ada2@contract.example")
		name = self.customer(email=buyer.email)
		with self.erp.transaction():
			first = self.erp.ensure_contact(name, buyer)
			second = self.erp.ensure_contact(name, buyer.model_copy(update={"phone": "+4930999999"}))
		self.assertIsNotNone(first)
		self.assertEqual(first, second)
		with self.erp.transaction():
			self.assertEqual(self.erp.customers_with_phone("+4930999999"), [name])

	def test_addresses_are_matched_by_content(self) -> None:
		name = self.customer(email="ada3@contract.example")
		address = Address(name="Ada Lovelace", line1="St James 12", city="London", country_code="GB")
		with self.erp.transaction():
			first = self.erp.ensure_address(name, address, "Shipping")
			self.assertEqual(self.erp.ensure_address(name, address, "Shipping"), first)
		self.assertEqual(self.fixture.addresses_of(name), 1)
		with self.erp.transaction():
			moved = address.model_copy(update={"line1": "St James 13"})
			self.assertNotEqual(self.erp.ensure_address(name, moved, "Shipping"), first)

	def test_an_unknown_country_is_rejected(self) -> None:
		name = self.customer(email="ada4@contract.example")
		with self.assertRaises(Rejected), self.erp.transaction():
			self.erp.ensure_address(name, Address(line1="x", city="y", country_code="QQ"), "Shipping")

	def test_updating_a_customer_keeps_it(self) -> None:
		name = self.customer(email="ada5@contract.example")
		with self.erp.transaction():
			self.erp.update_customer(self.channel, name, Customer(first_name="Augusta", last_name="King"))
		with self.erp.transaction():
			self.assertEqual(self.erp.customers_with_email("ada5@contract.example"), [name])


class PersonalDataContract(ContractSuite):
	def buyer(self, name: str, **values: Any) -> tuple[str, str]:
		"""A buyer of the channel with an order; the names of the customer and of its Sales Order."""
		self.phone()
		email = values.pop("email", f"{name}@contract.example")
		customer = self.customer(email=email, last_name=f"Last {name}", **values)
		record = Record(self.channel.name, "Customer", name, doctype="Customer", document=customer)
		with self.erp.transaction():
			self.erp.save_record(record)
			self.erp.ensure_address(customer, Address(line1=f"{name} Road 1", city="Berlin"), "Shipping")
		return customer, self.order(f"order-{name}", customer=customer)

	def redact(self, **values: Any) -> str:
		with self.erp.transaction(), self.erp.act_as(self.channel):
			return self.erp.redact(self.channel, Redaction(**values), "asking").message

	def known(self, **values: Any) -> str:
		with self.erp.transaction():
			return self.erp.personal_data(self.channel, DataRequest(**values))

	def test_a_person_is_known_until_redacted_and_nobody_else_is_told_of(self) -> None:
		self.buyer("one", phone="+4930111")
		self.buyer("two", phone="+4930111")
		asked = {"customer_id": "one", "email": "one@contract.example", "phone": "+4930111"}
		known = self.known(**asked)
		for text in ("one@contract.example", "Last one", "one Road 1", "order-one"):
			self.assertIn(text, known)
		for text in ("two@contract.example", "Last two", "two Road 1", "order-two"):
			self.assertNotIn(text, known)
		self.assertIn("1 customers, 1 orders", self.redact(**asked, order_ids=("order-one",)))
		with self.erp.transaction():
			self.assertEqual(self.erp.customers_with_email("one@contract.example"), [])
			self.assertIsNone(self.erp.get_record(self.channel.name, "Customer", "one"))
			self.assertEqual(len(self.erp.customers_with_email("two@contract.example")), 1)
		again = self.known(**asked, order_ids=("order-one",))
		for text in ("one@contract.example", "Last one", "one Road 1"):
			self.assertNotIn(text, again)
		self.assertEqual(self.fixture.count_sales_orders("order-one"), 1)

	def test_nobody_known_is_no_error(self) -> None:
		message = self.redact(customer_id="never", email="never@contract.example", order_ids=("never",))
		self.assertEqual(message, "Nothing is known of this person")

	def test_a_customer_of_two_channels_stays(self) -> None:
		customer, _order = self.buyer("three")
		other = self.fixture.make_channel("Contract Other")
		with self.erp.transaction():
			self.erp.save_record(Record(other.name, "Customer", "x", doctype="Customer", document=customer))
		self.assertIn(f"stays, being a buyer of {other.name}", self.redact(customer_id="three"))
		with self.erp.transaction():
			self.assertEqual(self.erp.customers_with_email("three@contract.example"), [customer])

	def test_entries_are_erased_and_stay(self) -> None:
		order = self.record("a", external_id="o-1", payload='{"x": "one"}')
		customer = self.record("b", external_id="o-1", topic="customer.upserted", payload='{"x": "two"}')
		asking = self.record("c", external_id="o-1", payload='{"x": "three"}')
		with self.erp.transaction():
			erased = self.journal.blank(self.channel.name, Traces(orders=("o-1",)), keep=asking)
		self.assertEqual(erased, 1)
		row = self.fixture.entry(order)
		self.assertEqual((row["state"], row["payload"] or "", row["message"]), ("Skipped", "", ERASED))
		self.assertEqual(self.fixture.entry(customer)["payload"], '{"x": "two"}')
		self.assertEqual((self.fixture.entry(asking)["state"], self.record("a")), ("Queued", order))


class SalesContract(ContractSuite):
	def setUp(self) -> None:
		super().setUp()
		self.phone()

	def test_items_by_listing_code_and_barcode(self) -> None:
		self.fixture.make_item("CB-CASE", barcode="4006381333931")
		listing = self.fixture.make_listing(self.channel.name, "CB-PHONE", "WEB-PHONE", product_id="77")
		keys = {
			"listing": ItemKey(product_id="77"),
			"code": ItemKey(sku="CB-CASE"),
			"barcode": ItemKey(barcode="4006381333931"),
			"none": ItemKey(sku="CB-NOTHING"),
		}
		with self.erp.transaction():
			found = self.erp.find_items(self.channel, keys.values())
		self.assertEqual(found[keys["listing"]].item_code, "CB-PHONE")
		self.assertEqual(found[keys["listing"]].listing, listing)
		self.assertEqual(found[keys["code"]].item_code, "CB-CASE")
		self.assertEqual(found[keys["barcode"]].item_code, "CB-CASE")
		self.assertNotIn(keys["none"], found)

	def test_an_order_is_booked_with_its_totals(self) -> None:
		plan = self.plan("c-1", row("CB-PHONE", 3, "33.33"))
		with self.erp.transaction():
			booked = self.erp.create_sales_order(self.channel, plan)
		self.assertEqual((booked.grand_total, booked.total_taxes), (Decimal("109.99"), Decimal("10.00")))
		self.assertTrue(booked.submitted)
		self.assertEqual(self.fixture.count_sales_orders("c-1"), 1)
		with self.erp.transaction():
			state = self.erp.get_sales_order(booked.name)
		assert state is not None
		self.assertEqual((state.status, state.delivered, state.billed), ("Submitted", (), ()))

	def test_charges_on_an_account_are_no_taxes(self) -> None:
		plan = self.plan("c-8", row("CB-PHONE", 1))
		freight = TaxRow(
			"Actual", self.fixture.tax_account, "Freight", tax_amount=Decimal("4.90"), is_tax=False
		)
		amounts = replace(plan.amounts, taxes=(*plan.amounts.taxes, freight))
		with self.erp.transaction():
			booked = self.erp.create_sales_order(self.channel, replace(plan, amounts=amounts))
		self.assertEqual((booked.grand_total, booked.total_taxes), (Decimal("15.90"), Decimal("1.00")))

	def test_how_far_an_order_is(self) -> None:
		name = self.order("c-30")
		note = self.fixture.make_delivery(name, "DHL", "T-30")
		self.assertEqual(self.status(name), ("c-30", "To Bill", Decimal(100), Decimal(0)))
		self.fixture.cancel_delivery(note)
		self.assertEqual(self.status(name), ("c-30", "To Deliver and Bill", Decimal(0), Decimal(0)))
		self.assertEqual(
			self.status(name, "Another Shop"), (name, "To Deliver and Bill", Decimal(0), Decimal(0))
		)
		plan = self.plan("c-30", row("CB-PHONE", 5))
		with self.erp.transaction():
			booked = self.erp.replace_sales_order(self.channel, name, plan)
		self.assertIsNone(self.status(name), "the amendment speaks for it")
		with self.erp.transaction():
			self.erp.cancel_sales_order(booked.name)
		self.assertEqual(self.status(booked.name), ("c-30", "Cancelled", Decimal(0), Decimal(0)))
		self.assertIsNone(self.status("no such order"))

	def status(self, name: str, channel: str | None = None) -> tuple[str, str, Decimal, Decimal] | None:
		with self.erp.transaction():
			status = self.erp.get_order_status(name, channel)
		return status and (status.order_id, status.status, status.delivered, status.billed)

	def test_a_rolled_back_order_leaves_nothing(self) -> None:
		plan = self.plan("c-2", row("CB-PHONE", 1))
		with self.assertRaises(ZeroDivisionError), self.erp.transaction():
			self.erp.create_sales_order(self.channel, plan)
			raise ZeroDivisionError
		self.assertEqual(self.fixture.count_sales_orders("c-2"), 0)

	def test_a_submitted_order_is_replaced_by_an_amendment(self) -> None:
		name = self.order("c-3")
		plan = self.plan("c-3", row("CB-PHONE", 5), customer=self.customer(email="c3@contract.example"))
		with self.erp.transaction():
			booked = self.erp.replace_sales_order(self.channel, name, plan)
		self.assertNotEqual(booked.name, name)
		self.assertEqual(booked.grand_total, Decimal("55.00"))
		self.assertEqual(self.fixture.count_sales_orders("c-3"), 1)
		with self.erp.transaction():
			again = self.erp.replace_sales_order(self.channel, booked.name, plan)
		self.assertNotIn(again.name, (name, booked.name))
		self.assertEqual(self.fixture.count_sales_orders("c-3"), 1)

	def test_a_draft_is_rewritten_in_place(self) -> None:
		name = self.order("c-4", submit=False)
		plan = self.plan("c-4", row("CB-PHONE", 4), submit=False)
		with self.erp.transaction():
			booked = self.erp.replace_sales_order(self.channel, name, plan)
		self.assertEqual((booked.name, booked.submitted), (name, False))
		self.assertEqual(booked.grand_total, Decimal("44.00"))

	def test_cancelling(self) -> None:
		submitted, draft = self.order("c-5"), self.order("c-6", submit=False)
		with self.erp.transaction():
			self.erp.cancel_sales_order(submitted)
			self.erp.cancel_sales_order(draft)
		with self.erp.transaction():
			state = self.erp.get_sales_order(submitted)
			self.assertEqual(state and state.status, "Cancelled")
			self.assertIsNone(self.erp.get_sales_order(draft))

	def test_a_delivered_order_says_so_and_is_not_cancelled(self) -> None:
		name = self.order("c-7")
		note = self.fixture.make_delivery(name, "DHL", "T-7")
		with self.erp.transaction():
			state = self.erp.get_sales_order(name)
		self.assertEqual(state and state.delivered, (note,))
		with self.assertRaises(self.fixture.refusal), self.erp.transaction():
			self.erp.cancel_sales_order(name)
		self.assertEqual(self.fixture.count_sales_orders("c-7"), 1)

	def test_rates(self) -> None:
		with self.erp.transaction():
			own = self.erp.exchange_rate(
				self.channel, self.channel.company_currency, self.fixture.now().date()
			)
			self.assertEqual(own, 1)

	def test_a_missing_rate_is_misconfigured(self) -> None:
		with self.assertRaises(Misconfigured), self.erp.transaction():
			self.erp.exchange_rate(self.channel, "XAF", self.fixture.now().date())

	def test_rows_that_name_no_line_get_one(self) -> None:
		plan = self.plan("NAMELESS-1", row("CB-PHONE", 2), replace(row("CB-PHONE", 1), line_id="its own"))
		with self.erp.transaction():
			order = self.erp.create_sales_order(self.channel, plan).name
			[found] = self.erp.unnamed_rows(order)
			self.assertEqual((found.item_code, found.qty, found.waits), ("CB-PHONE", Decimal(2), True))
			self.erp.name_rows({found.name: "line-of-the-shop"})
			self.assertEqual(self.erp.unnamed_rows(order), [])
			change = self.erp.get_order_change(order)
		self.assertIn(
			("line-of-the-shop", Decimal(2)), [(line.order_line_id, line.quantity) for line in change.lines]
		)


class StockContract(ContractSuite):
	def setUp(self) -> None:
		super().setUp()
		self.phone()
		self.listing = self.fixture.make_listing(self.channel.name, "CB-PHONE", "WEB-PHONE", product_id="77")
		self.drain_stock_changes()

	def test_orders_reserve_and_deliveries_take(self) -> None:
		self.assertEqual(self.level("CB-PHONE"), 10)
		name = self.order("s-1", quantity=3)
		self.assertEqual(self.level("CB-PHONE"), 7)
		note = self.fixture.make_delivery(name, "DHL", "T-1")
		self.assertEqual(self.level("CB-PHONE"), 7)
		self.fixture.cancel_delivery(note)
		with self.erp.transaction():
			self.erp.cancel_sales_order(name)
		self.assertEqual(self.level("CB-PHONE"), 10)

	def test_a_draft_counts_as_sold(self) -> None:
		self.order("s-2", quantity=3, submit=False)
		self.assertEqual(self.level("CB-PHONE"), 7)

	def test_never_below_nothing_and_less_the_buffer(self) -> None:
		self.order("s-3", quantity=8)
		policy = self.channel.stock.model_copy(update={"buffer": Decimal(1)})
		self.channel = self.fixture.make_channel("Contract Shop", stock=policy)
		self.assertEqual(self.level("CB-PHONE"), 1)
		self.order("s-4", quantity=8)
		self.assertEqual(self.level("CB-PHONE"), 0)

	def test_bundles_are_as_many_as_their_parts_allow(self) -> None:
		self.fixture.make_item("CB-CASE")
		self.fixture.set_stock("CB-CASE", Decimal(3))
		self.fixture.make_bundle("CB-SET", {"CB-PHONE": Decimal(2), "CB-CASE": Decimal(1)})
		self.fixture.make_listing(self.channel.name, "CB-SET", "WEB-SET", product_id="78")
		self.assertEqual(self.level("CB-SET"), 3)
		with self.erp.transaction():
			shown = self.erp.listed_items(self.channel.name, ["CB-CASE"])
			self.assertEqual(shown, ["CB-SET"])
			self.assertEqual(self.erp.listed_after(self.channel.name, None, 10), ["CB-PHONE", "CB-SET"])
			self.assertEqual(self.erp.listed_after(self.channel.name, "CB-PHONE", 10), ["CB-SET"])
			self.assertEqual(self.erp.listed_after(self.channel.name, None, 1), ["CB-PHONE"])
			self.assertEqual(self.erp.count_listed(self.channel.name), 2)

	def test_a_bundle_of_bundles_is_refused(self) -> None:
		self.fixture.make_item("CB-INNER", is_stock_item=False)
		self.fixture.make_bundle("CB-OUTER", {"CB-INNER": Decimal(1), "CB-PHONE": Decimal(1)})
		self.fixture.make_bundle("CB-INNER", {"CB-PHONE": Decimal(1)})
		self.fixture.make_listing(self.channel.name, "CB-OUTER", "WEB-OUTER", product_id="79")
		with self.erp.transaction():
			[found] = self.erp.stock_levels(self.channel, ["CB-OUTER"])
		self.assertEqual(found.level.quantity, 0)
		self.assertIn("CB-INNER", found.reason or "")

	def sold(self, external_id: str, log: str, *lines: SoldLine) -> None:
		with self.erp.transaction():
			self.erp.save_unbooked([UnbookedSale(self.channel.name, external_id, log, lines)])

	def sold_line(self, quantity: int, item: str = "CB-PHONE", **values: Any) -> SoldLine:
		return SoldLine(item, self.channel.default_warehouse, Decimal(quantity), "Nos", **values)

	def test_what_waits_in_the_journal_is_sold(self) -> None:
		log = self.record("u-1")
		self.sold("u-1", log, self.sold_line(2), self.sold_line(1))
		self.assertEqual(self.drain_stock_changes(), ["CB-PHONE"])
		self.assertEqual(self.level("CB-PHONE"), 7)
		self.sold("u-1", log, self.sold_line(3))
		self.assertEqual(self.drain_stock_changes(), [], "the quantity is the same")
		self.sold("u-1", log)
		self.assertEqual(self.drain_stock_changes(), ["CB-PHONE"])
		self.assertEqual(self.level("CB-PHONE"), 10)

	def test_the_parts_of_a_sold_bundle_are_sold(self) -> None:
		self.fixture.make_item("CB-CASE")
		self.fixture.set_stock("CB-CASE", Decimal(3))
		self.fixture.make_bundle("CB-SET", {"CB-PHONE": Decimal(2), "CB-CASE": Decimal(1)})
		self.drain_stock_changes()
		self.sold("u-2", self.record("u-2"), self.sold_line(2, "CB-SET", is_bundle=True))
		self.assertEqual(sorted(self.drain_stock_changes()), ["CB-CASE", "CB-PHONE"])
		self.assertEqual(self.level("CB-PHONE"), 6)

	def test_what_its_sales_order_says_is_not_taken_off_twice(self) -> None:
		name = self.order("u-3", quantity=2)
		record = Record(self.channel.name, "Order", "u-3", "Sales Order", name, version=1)
		with self.erp.transaction():
			self.erp.save_record(record)
			known = self.erp.known_orders(self.channel.name, ["u-3", "u-4"])
		self.assertEqual({key: found.document for key, found in known.items()}, {"u-3": name})
		log = self.record("u-3")
		for asked, expected in ((5, 5), (2, 8), (1, 8)):
			self.sold("u-3", log, self.sold_line(asked))
			self.assertEqual(self.level("CB-PHONE"), expected, asked)

	def test_what_is_finished_is_not_taken_off_and_forgotten(self) -> None:
		self.sold("u-5", self.record("u-5"), self.sold_line(2))
		self.sold("u-6", self.record("u-6"), self.sold_line(1))
		self.finish(self.claim(), Outcome("Failed", "no item", "Rejected"))
		self.assertEqual(self.level("CB-PHONE"), 7, "a failed order is sold")
		self.finish(self.claim(), Outcome("Skipped"))
		self.assertEqual(self.level("CB-PHONE"), 8)
		self.drain_stock_changes()
		with self.erp.transaction():
			self.assertEqual(self.erp.forget_finished_sales(), [(self.channel.name, "u-6")])
		self.assertEqual(self.drain_stock_changes(), ["CB-PHONE"])
		with self.erp.transaction():
			self.assertEqual(self.erp.forget_finished_sales(), [])

	def test_changes_are_taken_once(self) -> None:
		self.fixture.set_stock("CB-PHONE", Decimal(12))
		self.assertIn("CB-PHONE", self.drain_stock_changes())
		self.assertEqual(self.drain_stock_changes(), [])

	def test_orders_and_deliveries_leave_changes(self) -> None:
		name = self.order("s-5")
		self.assertIn("CB-PHONE", self.drain_stock_changes())
		self.fixture.make_delivery(name, "DHL", "T-5")
		self.assertIn("CB-PHONE", self.drain_stock_changes())

	def test_drafts_leave_changes(self) -> None:
		name = self.order("s-7", submit=False)
		self.assertIn("CB-PHONE", self.drain_stock_changes())
		with self.erp.transaction():
			self.erp.cancel_sales_order(name)
		self.assertIn("CB-PHONE", self.drain_stock_changes())
		self.assertEqual(self.level("CB-PHONE"), 10)

	def test_a_rolled_back_taker_leaves_the_changes(self) -> None:
		self.fixture.set_stock("CB-PHONE", Decimal(12))
		with self.assertRaises(ZeroDivisionError), self.erp.transaction():
			self.assertIn("CB-PHONE", self.erp.take_changes(100)["stock"])
			raise ZeroDivisionError
		self.assertIn("CB-PHONE", self.drain_stock_changes())

	def test_what_was_pushed_is_remembered(self) -> None:
		with self.erp.transaction():
			[before] = self.erp.stock_levels(self.channel, ["CB-PHONE"])
			self.erp.save_push_errors(self.channel.name, "stock", {self.listing: "unknown product"})
			self.erp.save_pushed(self.channel.name, [before.level], self.fixture.now())
		with self.erp.transaction():
			[after] = self.erp.stock_levels(self.channel, ["CB-PHONE"])
		self.assertIsNone(before.last_pushed)
		expecting = before.level.model_copy(update={"expected": Decimal(10)})
		self.assertEqual((after.last_pushed, after.level), (Decimal(10), expecting))
		self.assertEqual((before.level.listing, before.level.sku), (self.listing, "WEB-PHONE"))
		self.assertEqual(before.level.product_id, "77")

	def read_level(self) -> ListingLevel:
		with self.erp.transaction():
			[found] = self.erp.stock_levels(self.channel, ["CB-PHONE"])
		return found

	def push_level(self, quantity: int = 10) -> StockLevel:
		level = self.read_level().level.model_copy(update={"quantity": Decimal(quantity)})
		with self.erp.transaction():
			self.erp.save_pushed(self.channel.name, [level], self.fixture.now())
		return level

	def test_what_was_pushed_last_is_expected_until_it_is_forgotten(self) -> None:
		level = self.push_level(7)
		self.assertEqual((self.read_level().last_pushed, self.read_level().level.expected), (7, 7))
		elsewhere = level.model_copy(update={"location_id": "elsewhere"})
		with self.erp.transaction():
			self.erp.forget_levels(self.channel.name, [elsewhere])
		self.assertEqual(self.read_level().level.expected, 7)
		with self.erp.transaction():
			self.erp.forget_levels(self.channel.name, [level])
		self.assertEqual((self.read_level().last_pushed, self.read_level().level.expected), (None, None))

	def test_what_the_shop_calls_a_level_is_kept(self) -> None:
		self.assertIsNone(self.read_level().level.stock_id)
		with self.erp.transaction():
			self.erp.save_stock_ids(self.channel.name, {self.listing: "808950810"})
		self.assertEqual(self.read_level().level.stock_id, "808950810")

	def shown(self, quantity: int, **values: Any) -> Outcome:
		shown = ShownLevel(**{"stock_id": "808950810", "quantity": Decimal(quantity)} | values)
		with self.erp.transaction():
			return self.erp.note_shown(self.channel, shown)

	def test_what_the_shop_shows_meets_what_was_pushed(self) -> None:
		with self.erp.transaction():
			self.erp.save_stock_ids(self.channel.name, {self.listing: "808950810"})
		self.assertEqual(self.shown(3).state, "Skipped", "nothing was ever pushed")
		self.push_level(7)
		self.drain_stock_changes()
		for quantity, state in ((7, "Skipped"), (6, "Succeeded")):
			self.assertEqual(self.shown(quantity).state, state)
			self.assertEqual((self.read_level().last_pushed, self.drain_stock_changes()), (7, []))
		self.assertEqual(self.shown(8, location_id="elsewhere").state, "Skipped")
		self.assertEqual(self.shown(8, stock_id="other").state, "Skipped")
		outcome = self.shown(8)
		self.assertEqual(outcome.state, "Succeeded")
		self.assertIn("8", outcome.message)
		self.assertEqual((self.read_level().last_pushed, self.drain_stock_changes()), (None, ["CB-PHONE"]))
		self.assertEqual(self.shown(9).state, "Skipped", "it is being sent")

	def test_a_level_is_known_by_its_product_or_sku_where_the_shop_says_no_more(self) -> None:
		self.push_level(7)
		for known in ({"sku": "WEB-PHONE"}, {"product_id": "77"}):
			self.assertEqual(self.shown(6, stock_id=None, **known).state, "Succeeded", known)

	def test_a_feed_that_is_taken_clears_its_own_error_only(self) -> None:
		name, now = self.channel.name, self.fixture.now()
		with self.erp.transaction():
			for kind in KINDS:
				self.erp.save_push_errors(name, kind, {self.listing: f"{kind} refused"})
			[level] = self.erp.stock_levels(self.channel, ["CB-PHONE"])
			[price] = self.erp.listing_prices(self.channel, ["CB-PHONE"])
			[content] = self.erp.listing_contents(self.channel, ["CB-PHONE"])
		unpriced = content.content.model_copy(update={"price": None})
		priced = unpriced.model_copy(
			update={"price": price.price.model_copy(update={"amount": Decimal("9.99")})}
		)
		taken = PushResult(self.listing)
		left = ["stock refused", "price refused", "listing refused"]
		self.assertEqual(self.fixture.push_errors(self.listing), left)
		for save, cleared in (
			(lambda: self.erp.save_pushed(name, [level.level], now), [0]),
			(lambda: self.erp.save_pushed_listings(name, [(unpriced, taken)], now), [2]),
			(lambda: self.erp.save_push_errors(name, "listing", {self.listing: "again"}), []),
			(lambda: self.erp.save_pushed_prices(name, [price.price], now), [1]),
			(lambda: self.erp.save_push_errors(name, "price", {self.listing: "again"}), []),
			(lambda: self.erp.save_pushed_listings(name, [(priced, taken)], now), [1, 2]),
		):
			before = self.fixture.push_errors(self.listing)
			with self.erp.transaction():
				save()
			after = self.fixture.push_errors(self.listing)
			self.assertEqual([at for at in range(3) if before[at] and not after[at]], cleared)
		self.assertEqual(self.fixture.push_errors(self.listing), [None] * 3)

	def test_a_delivery_is_told_with_its_tracking(self) -> None:
		plan = self.plan("s-6", row("CB-PHONE", 2, line_id="l1"))
		with self.erp.transaction():
			name = self.erp.create_sales_order(self.channel, plan).name
		note = self.fixture.make_delivery(name, "DHL", "T-6")
		with self.erp.transaction():
			shipment = self.erp.get_shipment("Delivery Note", note)
		assert shipment is not None
		self.assertEqual((shipment.order_id, shipment.order_number), ("s-6", "#s-6"))
		[parcel] = shipment.parcels
		self.assertEqual((parcel.carrier, parcel.tracking_number), ("DHL", "T-6"))
		self.assertEqual([(line.order_line_id, line.quantity) for line in shipment.lines], [("l1", 2)])
		self.assertFalse(shipment.cancelled)
		self.fixture.cancel_delivery(note)
		with self.erp.transaction():
			taken_back = self.erp.get_shipment("Delivery Note", note)
		self.assertTrue(taken_back and taken_back.cancelled)
		told = self.fixture.entries_about(note)
		self.assertEqual([entry["direction"] for entry in told], ["Outbound"] * 2)

	def delivery(self, external_id: str) -> str:
		"""A Delivery Note of a new order of the shop."""
		plan = self.plan(external_id, row("CB-PHONE", 2, line_id="l1"))
		with self.erp.transaction():
			name = self.erp.create_sales_order(self.channel, plan).name
		return self.fixture.make_delivery(name, "DHL", f"T-{external_id}")

	def shipment(self, note: str) -> Shipment:
		with self.erp.transaction():
			shipment = self.erp.get_shipment("Delivery Note", note)
		assert shipment is not None
		return shipment

	def test_tracking_changed_later_is_told_once_each_time(self) -> None:
		note = self.delivery("s-8")
		first = (
			Parcel(carrier="Own Van", tracking_number="P1", tracking_url="https://van.example/P1"),
			Parcel(carrier="Own Van", tracking_number="P2"),
		)
		for count, parcels in enumerate((first, first[:1], first), start=2):
			for _twice in range(2):
				self.fixture.track_delivery(note, *parcels)
			self.assertEqual(self.shipment(note).parcels, parcels)
			self.assertEqual(len(self.fixture.entries_about(note)), count)

	def partly(self, external_id: str, *quantities: int) -> tuple[str, str]:
		"""A Sales Order of a line for each quantity, and a Delivery Note of one piece of the first."""
		rows = [row("CB-PHONE", quantity, line_id=f"l{at}") for at, quantity in enumerate(quantities)]
		plan = self.plan(external_id, *rows)
		with self.erp.transaction():
			name = self.erp.create_sales_order(self.channel, plan).name
		return name, self.fixture.deliver_one(name)

	def test_a_shipment_is_complete_once_nothing_of_its_order_is_left(self) -> None:
		for external_id, quantities in (("s-11", (2,)), ("s-12", (1, 1))):
			order, first = self.partly(external_id, *quantities)
			self.assertFalse(self.shipment(first).complete)
			rest = self.fixture.make_delivery(order, "DHL", "T-11")
			self.assertEqual([self.shipment(note).complete for note in (first, rest)], [True, True])
			self.fixture.cancel_delivery(rest)
			self.assertEqual([self.shipment(note).complete for note in (first, rest)], [False, False])
			again = self.fixture.make_delivery(order, "DHL", "T-12")
			notes = (first, rest, again)
			self.assertEqual([self.shipment(note).complete for note in notes], [True, False, True])

	def test_what_completes_an_order_tells_no_other_shipment_again(self) -> None:
		order, first = self.partly("s-13", 2)
		self.fixture.make_delivery(order, "DHL", "T-13")
		for _twice in range(2):
			self.fixture.track_delivery(first)
		self.assertEqual(len(self.fixture.entries_about(first)), 1)
		self.fixture.track_delivery(first, Parcel(tracking_number="P1"))
		self.assertEqual(len(self.fixture.entries_about(first)), 2)

	def test_delivered_is_told(self) -> None:
		note = self.delivery("s-9")
		self.assertEqual((self.shipment(note).status, self.shipment(note).delivered_at), ("shipped", None))
		for _twice in range(2):
			self.fixture.track_delivery(note, Parcel(tracking_number="P1"), delivered=True)
		shipment = self.shipment(note)
		self.assertEqual((shipment.status, shipment.parcels[0].delivered), ("delivered", True))
		self.assertIsNotNone(shipment.delivered_at)
		self.assertEqual(len(self.fixture.entries_about(note)), 2)

	def test_a_shipment_is_that_of_the_channel_s_order(self) -> None:
		note = self.delivery("s-10")
		with self.erp.transaction():
			self.assertIsNotNone(self.erp.get_shipment("Delivery Note", note, self.channel.name, "s-10"))
			self.assertIsNone(self.erp.get_shipment("Delivery Note", note, "Another Shop", "s-10"))
			self.assertIsNone(self.erp.get_shipment("Delivery Note", note, self.channel.name, "another"))

	def test_what_is_no_delivery_of_a_channel_is_no_shipment(self) -> None:
		with self.erp.transaction():
			self.assertIsNone(self.erp.get_shipment("Delivery Note", "NO-SUCH-NOTE"))


class DriftContract(ContractSuite):
	def setUp(self) -> None:
		super().setUp()
		self.listings: dict[str, str] = {}
		for item in ("CB-PHONE", "CB-CASE"):
			self.fixture.make_item(item)
			self.listings[item] = self.fixture.make_listing(self.channel.name, item, f"WEB-{item}")
		self.since = self.fixture.now()

	def not_shown(self, after: str | None = None, limit: int = 10) -> list[tuple[str, str]]:
		with self.erp.transaction():
			return self.erp.not_shown(self.channel.name, self.since, after, limit)

	def save(self, check: DriftCheck, *rows: Drift) -> None:
		with self.erp.transaction():
			self.erp.save_drift(check, rows)

	def check(self, key: str, **values: Any) -> DriftCheck:
		return DriftCheck(key, self.channel.name, self.fixture.now(), **values)

	def test_what_was_not_shown_since_a_time(self) -> None:
		everything = sorted((listing, item) for item, listing in self.listings.items())
		self.assertEqual(self.not_shown(), everything)
		self.assertEqual(self.not_shown(limit=1), everything[:1])
		self.assertEqual(self.not_shown(after=everything[0][0]), everything[1:])
		with self.erp.transaction():
			shown = [self.listings["CB-PHONE"]]
			self.erp.save_shown(self.channel.name, shown, self.fixture.now() + SECOND)
		self.assertEqual(self.not_shown(), [(self.listings["CB-CASE"], "CB-CASE")])
		self.since += 10 * SECOND
		self.assertEqual(self.not_shown(), everything)

	def test_rows_of_the_check_that_finished_last_are_kept(self) -> None:
		differs = Drift("Differs", self.listings["CB-CASE"], "CB-CASE", "WEB-CB-CASE", shown=Decimal(7))
		unknown = Drift("Unknown to Us", sku="STRANGE", shown=Decimal("2.5"))
		first = self.check("first")
		self.save(first, differs)
		self.save(replace(first, drifted=1, units=Decimal("7.5"), finished=self.fixture.now()), unknown)
		kept = [
			("Differs", "WEB-CB-CASE", Decimal(7), Decimal(0)),
			("Unknown to Us", "STRANGE", Decimal("2.5"), Decimal(0)),
		]
		self.assertEqual(self.fixture.drifts(self.channel.name), kept)
		second = self.check("second")
		self.save(second)
		self.assertEqual(self.fixture.drifts(self.channel.name), kept, "while the next one runs")
		self.save(replace(second, finished=self.fixture.now()))
		self.assertEqual(self.fixture.drifts(self.channel.name), [])
		numbers = [("first", 1, Decimal("7.5")), ("second", 0, Decimal(0))]
		self.assertEqual(self.fixture.drift_checks(self.channel.name), numbers)


class ProductContract(ContractSuite):
	"""Products of a shop and the listings they are linked to. What an ERP makes of them besides is its own."""

	def setUp(self) -> None:
		super().setUp()
		for item in ("CB-PHONE", "CB-CASE"):
			self.fixture.make_item(item)

	def product(self, number: str, **skus: str | None) -> Product:
		"""With a variant for each: its id (after a letter) and its SKU."""
		variants = tuple(
			ProductVariant(id=name[1:], sku=sku, stock_id=f"9{name[1:]}") for name, sku in skus.items()
		)
		return Product(id=number, title=f"Product {number}", variants=variants)

	def link(self, *products: Product) -> list[tuple[str, str | None, str, bool]]:
		"""Of each variant: its id, its item, what was made, and whether something is wrong."""
		with self.erp.transaction():
			results = self.erp.link_products(self.channel, products, create=False)
		return [(row.variant_id, row.item_code, row.made, bool(row.error)) for row in results]

	def level(self, item: str) -> tuple[str | None, str | None, str | None]:
		with self.erp.transaction():
			[row] = self.erp.stock_levels(self.channel, [item])
		return row.level.product_id, row.level.variant_id, row.level.stock_id

	def test_linked_once_and_known_then(self) -> None:
		product = self.product("1", v11="CB-PHONE", v12="cb-case", v13="STRANGE", v14=None)
		left = [("13", None, "Nothing", True), ("14", None, "Nothing", True)]
		self.assertEqual(
			self.link(product),
			[("11", "CB-PHONE", "Listing", False), ("12", "CB-CASE", "Listing", False), *left],
		)
		self.assertEqual(self.level("CB-CASE"), ("1", "12", "912"))
		self.assertEqual(
			self.link(product),
			[("11", "CB-PHONE", "Nothing", False), ("12", "CB-CASE", "Nothing", False), *left],
		)

	def test_a_listing_of_its_sku_gets_its_ids(self) -> None:
		self.fixture.make_listing(self.channel.name, "CB-PHONE", "WEB-PHONE")
		self.assertEqual(
			self.link(self.product("1", v11="WEB-PHONE")), [("11", "CB-PHONE", "Listing", False)]
		)
		self.assertEqual(self.level("CB-PHONE"), ("1", "11", "911"))

	def test_an_sku_of_two_variants_is_linked_to_none(self) -> None:
		found = self.link(self.product("1", v11="CB-PHONE", v12="CB-PHONE"), self.product("2", v21="CB-CASE"))
		self.assertEqual([row[1:3] for row in found], [(None, "Nothing")] * 2 + [("CB-CASE", "Listing")])

	def test_what_the_shop_deleted_says_so_until_it_is_back(self) -> None:
		both = self.product("1", v11="CB-PHONE", v12="CB-CASE")
		self.link(both)
		with self.erp.transaction():
			self.assertEqual(self.erp.mark_deleted(self.channel.name, "1"), 2)
			self.assertEqual(self.erp.mark_deleted(self.channel.name, "1"), 0)
			self.assertEqual(self.erp.mark_deleted(self.channel.name, "2"), 0)
		self.link(both)
		with self.erp.transaction():
			self.assertEqual(self.erp.mark_deleted(self.channel.name, "1"), 2, "it had come back")


CONTRACTS = (
	DriftContract,
	ProductContract,
	JournalContract,
	ChannelStateContract,
	PartiesContract,
	PersonalDataContract,
	SalesContract,
	StockContract,
)


def row(item_code: str, quantity: int, rate: str = "10.00", line_id: str | None = None) -> ItemRow:
	return ItemRow(
		item_code=item_code,
		qty=Decimal(quantity),
		rate=Decimal(rate),
		price_list_rate=Decimal(rate),
		line_id=line_id,
	)
