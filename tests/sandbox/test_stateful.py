"""Random interleavings: deliveries doubled and shuffled, workers that stop and come back, outages, clock jumps.

What holds at the end, whatever happened (reference: the checker of a fault matrix):
I1 each acknowledged event has one entry, and it is finished;
I2 at most one live Sales Order for each order of the shop;
I3 it is what the shop's newest version says;
I4 what was last pushed is what is available, and after a full sync the shop shows it;
I5 nothing comes of what nobody signed;
I6 an entry is finished once, and only by the worker that holds it.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from commerce_bridge.bridge.feeds import STOCK, collect_changes, queue_resync
from commerce_bridge.bridge.protocols import Entry
from commerce_bridge.bridge.worker import run_once, work_on
from sandbox.storefronts.custom import ShopEvent
from sandbox.storefronts.signing import sign
from tests.sandbox.stage import CHANNEL, LEASE, SKUS, WAREHOUSE, Stage
from tests.sandbox.test_crash_points import Killed, Killer, Sleeper, finished_entries

FORGER = "whsec_c29tZWJvZHktZWxzZQ=="
NUMBERS = st.integers(0, 3)
QUANTITIES = st.dictionaries(st.sampled_from(SKUS), st.integers(1, 4), min_size=1)


class Interleavings(RuleBasedStateMachine):
	def __init__(self) -> None:
		super().__init__()
		self.stage = Stage()
		self.told: list[ShopEvent] = []  # everything the shop ever told, to be told again
		self.acknowledged: set[str] = set()
		self.versions: dict[int, int] = {}
		self.asleep: list[Entry] = []  # claimed by workers that do not go on
		self.notes: dict[str, str] = {}
		self.finished: dict[str, Any] = {}

	# --- the shop

	@rule(number=NUMBERS, quantities=QUANTITIES, inclusive=st.booleans())
	def order_or_change(self, number: int, quantities: dict[str, int], inclusive: bool) -> None:
		current = self.stage.shop.orders.get(str(9000 + number))
		if current and (current["status"] == "cancelled" or self._is_fixed(number)):
			return
		version = self.versions[number] = self.versions.get(number, 0) + 1
		event = self.stage.shop.upsert(self.stage.order(number, version, inclusive, **quantities))
		self.told.append(event)

	@rule(number=NUMBERS)
	def cancel(self, number: int) -> None:
		if number not in self.versions or self._is_fixed(number):
			return
		self.versions[number] += 1
		self.stage.cancel(number, self.versions[number])
		self.told.append(self.stage.events.pop())

	@rule(which=st.integers(0, 30), times=st.integers(1, 2))
	def deliver(self, which: int, times: int) -> None:
		"""Any event, also one that was delivered long ago."""
		for _ in range(times if self.told else 0):
			event = self.told[-1 - which % len(self.told)]
			if self.stage.shop.deliver(event, self.stage.post):
				self.acknowledged.add(event.webhook_id)

	@rule(number=NUMBERS)
	def forge(self, number: int) -> None:
		event = self.stage.shop.event("order.upserted", self.stage.order(number + 50, 1, PHONE=1))
		assert (
			self.stage.post(sign(FORGER, event.webhook_id, event.body, self.stage.now()), event.body) == 401
		)

	@rule(outage=st.sampled_from((False, True, "reset")))
	def outage(self, outage: bool | str) -> None:
		self.stage.shop.outage = outage

	# --- the workers

	@rule()
	def work(self) -> None:
		run_once(self.stage.world())

	@rule()
	def collect(self) -> None:
		collect_changes(self.stage.world())

	@rule(at=st.integers(0, 60))
	def work_and_be_killed(self, at: int) -> None:
		try:
			self.stage.disturbed(Killer(at).wrap).run()
		except Killed:
			return

	@rule()
	def fall_asleep(self) -> None:
		world = self.stage.world()
		entry = world.journal.claim(world.now(), world.lease)
		if entry is not None:
			self.asleep.append(entry)

	@rule()
	def wake_up(self) -> None:
		"""A zombie goes on, whether or not its lease has ended and another did the work."""
		if not self.asleep:
			return
		entry = self.asleep.pop(0)
		before = self._row(entry)
		work_on(self.stage.world(), entry)
		if before["lease_token"] != entry.lease:
			assert tuple(self._row(entry)) == tuple(before)  # I6

	def _row(self, entry: Entry) -> Any:
		[row] = self.stage.sandbox.journal.entries(name=entry.name)
		return row

	@rule(at=st.integers(0, 10) | st.integers(0, 60), done=st.booleans())
	def work_and_outlive_the_lease(self, at: int, done: bool) -> None:
		"""In the middle of its work a worker stops for longer than its lease, and others take over."""

		known = len(self.asleep)

		def others() -> dict[str, Any]:
			self.stage.time += LEASE + timedelta(seconds=1)
			if done:
				self.stage.run()
			else:
				self.fall_asleep()
			return finished_entries(self.stage)

		sleeper = Sleeper(at, meanwhile=others)
		self.stage.disturbed(sleeper.wrap).run()
		entries = finished_entries(self.stage)
		assert {name: entries[name] for name in sleeper.finished or ()} == (sleeper.finished or {})  # I6
		for heir in self.asleep[known:]:
			assert self._row(heir)["lease_token"] == heir.lease  # I6

	@rule(minutes=st.sampled_from((1, 4, 6, 90)))
	def time_passes(self, minutes: int) -> None:
		self.stage.time += timedelta(minutes=minutes)

	# --- the people in the ERP

	@rule(sku=st.sampled_from(SKUS), quantity=st.integers(-5, 5))
	def move_stock(self, sku: str, quantity: int) -> None:
		self.stage.sandbox.erp.move_stock(sku, WAREHOUSE, Decimal(quantity))

	@rule(number=NUMBERS)
	def ship(self, number: int) -> None:
		rows = self._live(number)
		current = self.stage.shop.orders.get(str(9000 + number))
		# A shop tells no more changes of what it was told is shipped: only its newest version is shipped here.
		# A cancellation that comes after the parcel left is refused, rightly: not what this machine is about.
		if not current or current["status"] == "cancelled" or len(rows) != 1 or self._is_fixed(number):
			return
		if self._booked_version(number) == current["version"]:
			tracking = f"T-{number}"
			note = self.stage.sandbox.erp.make_delivery(
				rows[0]["name"], carrier="DHL", tracking_number=tracking
			)
			self.notes[note] = tracking

	@rule()
	def retry_failed(self) -> None:
		for row in self.stage.sandbox.journal.entries(state="Failed"):
			self.stage.sandbox.journal.requeue(row["name"])

	# --- what holds

	@invariant()
	def what_is_finished_stays_as_it_is(self) -> None:
		entries = finished_entries(self.stage)
		assert {name: entries[name] for name in self.finished} == self.finished  # I6
		self.finished = entries

	def teardown(self) -> None:
		try:
			self._end()
		finally:
			self.stage.close()

	def _end(self) -> None:
		stage = self.stage
		stage.shop.outage = False
		for event in self.told:
			assert stage.shop.deliver(event, stage.post)
			self.acknowledged.add(event.webhook_id)
		stage.time += timedelta(hours=1)
		stage.settle()
		self.retry_failed()
		stage.settle()
		self._check_log()
		self._check_orders()
		self._check_stock()

	def _check_log(self) -> None:
		entries = self.stage.sandbox.journal.entries()
		inbound = [row for row in entries if row["direction"] == "Inbound"]
		assert len(inbound) == len(self.acknowledged)  # I1, I5
		assert {row["state"] for row in entries} <= {"Succeeded", "Skipped"}
		shown = {key: data["tracking_number"] for key, data in self.stage.shop.shipments.items()}
		assert shown == self.notes

	def _check_orders(self) -> None:
		for number in range(4):
			order = self.stage.shop.orders.get(str(9000 + number))
			live = self._live(number)
			if order is None or order["status"] == "cancelled":
				assert live == []
			else:
				assert len(live) == 1  # I2
				assert self._same(live[0], order)  # I3
		assert all(row["external_id"] < "9050" for row in self.stage.sandbox.sales_orders())  # I5

	def _check_stock(self) -> None:
		stage, world = self.stage, self.stage.world()
		for level in stage.sandbox.erp.stock_levels(stage.channel, SKUS):
			assert level.last_pushed == level.level.quantity == stage.shop.told[level.level.sku]  # I4
		with world.erp.transaction():
			queue_resync(world, stage.channel, STOCK)
		stage.settle()
		offered = {sku: max(stage.sandbox.erp.available(sku, [WAREHOUSE]), Decimal(0)) for sku in SKUS}
		assert stage.shop.stock == offered
		assert stage.sandbox.state.get_circuit(CHANNEL).opened_until is None

	def _live(self, number: int) -> list:
		rows = self.stage.sandbox.sales_orders(str(9000 + number))
		return [row for row in rows if row["status"] != "Cancelled"]

	def _is_fixed(self, number: int) -> bool:
		return any(
			self.stage.sandbox.erp.get_sales_order(row["name"]).delivered for row in self._live(number)
		)

	def _booked_version(self, number: int) -> int:
		[record] = self.stage.sandbox.database.read(
			"select version from records where record_type = 'Order' and external_id = ?", str(9000 + number)
		)
		return record["version"]

	def _same(self, row, order) -> bool:
		booked = {line["line_id"]: line["qty"] for line in self.stage.sandbox.erp.order_rows(row["name"])}
		booked.pop(None, None)
		sold = {line["id"]: str(line["quantity"]) for line in order["lines"]}
		return booked == sold and Decimal(row["grand_total"]) == Decimal(order["totals"]["grand_total"])


Interleavings.TestCase.settings = settings(
	max_examples=120,
	stateful_step_count=40,
	deadline=None,
	derandomize=True,
	suppress_health_check=list(HealthCheck),
)
TestInterleavings = Interleavings.TestCase
