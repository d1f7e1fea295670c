"""The worker dies between any two calls it makes; recovery always ends where the undisturbed run does.

A flow is a situation and what is to be done. It runs once undisturbed, which counts the points: before and
after each call to the ERP, the journal, the channel's state and the connector, and around each transaction.
Then it runs once for each point and is killed there; and once for each point outside a transaction, where it
stops for so long that another worker takes its entry over, and then goes on as if nothing had happened.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from functools import cache, partial
from typing import Any

import pytest

from commerce_bridge.bridge.channel import CatalogPolicy, OrderPolicy
from commerce_bridge.bridge.drift import queue_check
from commerce_bridge.bridge.feeds import STOCK, queue_resync
from commerce_bridge.bridge.protocols import Entry
from commerce_bridge.bridge.worker import work_on
from commerce_bridge.bridge.world import World
from tests.sandbox.careful_shop import Screens
from tests.sandbox.flow import Flow
from tests.sandbox.money_flows import MONEY_ENDS, MONEY_FLOWS
from tests.sandbox.stage import CHANNEL, LEASE, SKUS, START, WAREHOUSE, Stage
from tests.sandbox.told_flows import TOLD_ENDS, TOLD_FLOWS, end_of


class Killed(BaseException):
	"""SIGKILL: nothing in the program may catch it."""


@dataclass
class Killer:
	"""Counts the points that are passed, and kills at one of them."""

	at: int | None = None
	passed: list[str] = field(default_factory=list)

	def point(self, label: str) -> None:
		self.passed.append(label)
		if len(self.passed) - 1 == self.at:
			raise Killed(label)

	def wrap(self, target: Any, name: str) -> Any:
		return Watched(target, name, self)


@dataclass
class Sleeper(Killer):
	"""Stops at a point, or at the next one outside a transaction (nobody else can write during one).

	`meanwhile` is what the others do while it sleeps; `finished` is what they left, see `finished_entries`.
	"""

	meanwhile: Callable[[], dict[str, Any]] = dict
	finished: dict[str, Any] | None = None
	in_transaction: bool = False
	outside: list[int] = field(default_factory=list)

	def point(self, label: str) -> None:
		moment, _, call = label.rpartition(" ")
		if call == "erp.transaction":
			self.in_transaction = moment in ("inside", "at the end of")
		if not self.in_transaction:
			self.outside.append(len(self.passed))
		self.passed.append(label)
		due = self.at is not None and len(self.passed) > self.at
		if due and self.finished is None and not self.in_transaction:
			self.finished = self.meanwhile()


def finished_entries(stage: Stage) -> dict[str, Any]:
	"""Every column of the entries that are done for good, and of their attempts: nothing of it may change, but
	for the mark that nobody looked into what it sells: that is done when there is time."""
	read = stage.sandbox.database.read
	rows = read("select * from sync_log where state in ('Succeeded', 'Skipped')")
	return {
		row["name"]: (
			dict(row) | {"to_count": 0},
			*map(tuple, read("select * from attempts where entry = ?", row["name"])),
		)
		for row in rows
	}


class Watched:
	"""Stands for a part of the world; each call of a method passes two points."""

	def __init__(self, target: Any, name: str, killer: Killer):
		self._target, self._name, self._killer = target, name, killer

	def __getattr__(self, attribute: str) -> Any:
		value = getattr(self._target, attribute)
		return self._watched(value, f"{self._name}.{attribute}") if callable(value) else value

	def _watched(self, method: Callable[..., Any], label: str) -> Callable[..., Any]:
		def call(*args: Any, **values: Any) -> Any:
			self._killer.point(f"before {label}")
			result = method(*args, **values)
			if isinstance(result, AbstractContextManager):
				return self._around(result, label)
			self._killer.point(f"after {label}")
			return result

		return call

	@contextmanager
	def _around(self, context: AbstractContextManager[Any], label: str) -> Iterator[Any]:
		with context as value:
			self._killer.point(f"inside {label}")
			yield value
			self._killer.point(f"at the end of {label}")
		self._killer.point(f"after {label}")


# --- the flows -------------------------------------------------------------------------------------------


def _booked(stage: Stage, **quantities: int) -> None:
	stage.place(1, **quantities or {"PHONE": 2, "CASE": 1})
	stage.settle()


def new_order(stage: Stage) -> None:
	stage.place(1, PHONE=2, CASE=1)


def two_orders_of_a_buyer(stage: Stage) -> None:
	stage.place(1, PHONE=2)
	stage.place(61, inclusive=True, CASE=3)


def update(stage: Stage) -> None:
	_booked(stage)
	stage.place(1, version=2, PHONE=5, CABLE=1)


def update_of_a_draft(stage: Stage) -> None:
	drafts = stage.channel.model_copy(update={"orders": OrderPolicy(submit=False)})
	stage.sandbox.state.save(drafts)
	update(stage)


def cancellation(stage: Stage) -> None:
	_booked(stage)
	stage.cancel(1, version=2)


def cancellation_first(stage: Stage) -> None:
	stage.place(1, PHONE=2)
	stage.cancel(1, version=2)
	stage.events.reverse()


def cancellation_second(stage: Stage) -> None:
	cancellation_first(stage)
	stage.events.reverse()


def refused_cancellation(stage: Stage) -> None:
	_booked(stage)
	stage.sandbox.erp.make_delivery(stage.sales_order(1), carrier="DHL", tracking_number="T-1")
	stage.settle()
	stage.cancel(1, version=2)


def customer(stage: Stage) -> None:
	address = {"line1": "St James 12", "city": "London", "country_code": "GB"}
	data = {"id": "c1", "email": "Ada@Example.com", "first_name": "Ada", "addresses": [address]}
	stage.events.append(stage.shop.upsert_customer(data))


def customer_again(stage: Stage) -> None:
	customer(stage)
	stage.settle()
	moved = {"line1": "St James 13", "city": "London", "country_code": "GB"}
	data = {"id": "c1", "email": "ada@example.com", "first_name": "Augusta", "addresses": [moved]}
	stage.events.append(stage.shop.upsert_customer(data))


def stock(stage: Stage) -> None:
	stage.settle()
	stage.sandbox.erp.move_stock("PHONE", WAREHOUSE, Decimal(7))
	stage.sandbox.erp.move_stock("CASE", WAREHOUSE, Decimal(-7))


def shipment(stage: Stage) -> None:
	_booked(stage)
	order = stage.sales_order(1)
	stage.sandbox.erp.make_delivery(order, {1: Decimal(1)}, "DHL", "T-1", "https://track.example/T-1")
	stage.sandbox.erp.make_delivery(order, None, "DHL", "T-2", "https://track.example/T-2")


def shipment_taken_back(stage: Stage) -> None:
	_booked(stage)
	note = stage.sandbox.erp.make_delivery(stage.sales_order(1), carrier="DHL", tracking_number="T-1")
	stage.settle()
	assert note in stage.shop.shipments
	stage.sandbox.erp.cancel_delivery(note)


def cancelled_by_hand(stage: Stage) -> None:
	_booked(stage)
	stage.sandbox.erp.cancel_by_hand(stage.sales_order(1))


def partly_refused_batch(stage: Stage) -> None:
	stage.shop.refusing["CASE"] = "busy"


def accept_again(stage: Stage) -> None:
	stage.shop.refusing.clear()


def catalog(stage: Stage) -> None:
	"""The shop gets its products and prices from us, and has what there is."""
	policy = CatalogPolicy(push_listings=True, push_prices=True)
	stage.channel = stage.channel.model_copy(update={"catalog": policy})
	stage.sandbox.state.save(stage.channel)
	for sku in SKUS:
		stage.sandbox.erp.set_price(sku, Decimal("33.33"))
	stage.settle()


def product_created(stage: Stage) -> None:
	catalog(stage)
	stage.sandbox.make_item("NEW")
	stage.sandbox.make_listing(CHANNEL, "NEW")
	stage.sandbox.set_stock("NEW", WAREHOUSE, Decimal(3))
	stage.sandbox.erp.set_price("NEW", Decimal("5.00"))


def product_renamed(stage: Stage) -> None:
	catalog(stage)
	stage.sandbox.erp.rename_item("PHONE", "A better phone")
	stage.sandbox.erp.rename_item("CASE", "A better case")


def price_changed(stage: Stage) -> None:
	catalog(stage)
	stage.sandbox.erp.set_price("PHONE", Decimal("29.90"))


def listing_paused(stage: Stage) -> None:
	catalog(stage)
	stage.sandbox.erp.publish("PHONE", "Paused")


def listing_delisted(stage: Stage) -> None:
	catalog(stage)
	stage.sandbox.erp.publish("PHONE", "Delisted")


def partly_refused_catalog(stage: Stage) -> None:
	catalog(stage)
	stage.shop.refusing["PHONE"] = "being looked at"
	for sku in ("PHONE", "CASE"):
		stage.sandbox.erp.rename_item(sku, "New name")
		stage.sandbox.erp.set_price(sku, Decimal("9.99"))


def too_large(stage: Stage) -> None:
	catalog(stage)
	stage.shop.largest = 1
	for sku in SKUS:
		stage.sandbox.erp.set_price(sku, Decimal("8.88"))


def outage(stage: Stage) -> None:
	stage.shop.outage = True
	stage.place(1, PHONE=2)


def end_of_outage(stage: Stage) -> None:
	stage.shop.outage = False


def unknown_item(stage: Stage) -> None:
	stage.shop.add_product("NEW")
	stage.place(1, PHONE=1, NEW=1)


def make_item_and_retry(stage: Stage) -> None:
	"""A person sees the failure once it is there."""
	stage.settle()
	if not stage.sandbox.database.read("select 1 from items where item_code = 'NEW'"):
		stage.add_item("NEW")
	for row in stage.sandbox.journal.entries(state="Failed"):
		stage.sandbox.journal.requeue(row["name"])


def _in_steps(stage: Stage) -> None:
	stage.settle()
	stage.items_per_entry = 2


def resync(stage: Stage) -> None:
	_in_steps(stage)
	stage.shop.stock["CASE"] = stage.shop.told["CASE"] = Decimal(1)


def start_resync(stage: Stage, world: World) -> None:
	"""As every night: it joins one that is under way. What changes after its start is sent too."""
	with world.erp.transaction():
		queue_resync(world, stage.channel, STOCK, join=True)
	stage.sandbox.erp.move_stock("PHONE", WAREHOUSE, Decimal(-7))


def resync_in_parts(stage: Stage) -> None:
	"""A shop so slow that a step is cut short, and within an item."""
	stage.shop.add_product("CASE-2")
	stage.sandbox.make_listing(CHANNEL, "CASE", sku="CASE-2")
	resync(stage)
	stage.items_per_entry, stage.one_by_one = 1_000, True


def changes_in_parts(stage: Stage) -> None:
	stage.settle()
	stage.one_by_one = True
	for sku in SKUS:
		stage.sandbox.erp.move_stock(sku, WAREHOUSE, Decimal(-1))


def check_of_the_shop(stage: Stage) -> None:
	_in_steps(stage)
	stage.shop.add_product("STRANGE", stock=4)


def start_check(stage: Stage, world: World) -> None:
	with world.erp.transaction():
		queue_check(world, stage.channel)


def _in_the_shop(stage: Stage) -> Screens:
	"""A booked order of a shop that says what was sent."""
	stage.screens = Screens()
	_booked(stage)
	return stage.screens


def shipment_echoed(stage: Stage) -> None:
	"""The shop tells of the order again as soon as it has our shipment."""
	_in_the_shop(stage)
	order = stage.sales_order(1)
	stage.sandbox.erp.make_delivery(order, {1: Decimal(1)}, "DHL", "T-1")
	stage.sandbox.erp.make_delivery(order, None, "DHL", "T-2")
	stage.place(1, version=2, PHONE=2, CASE=1)


def sent_in_the_shop(stage: Stage) -> None:
	_in_the_shop(stage).send("9001", START, **{"1-PHONE": 2})
	stage.place(1, version=2, PHONE=2, CASE=1)


def sent_and_submitted(stage: Stage) -> None:
	sent_in_the_shop(stage)
	stage.settle()
	[draft] = stage.sandbox.erp.get_deliveries(stage.sales_order(1)).documents
	stage.sandbox.erp.submit_delivery(draft.name)


def sent_and_cancelled(stage: Stage) -> None:
	sent_in_the_shop(stage)
	stage.settle()
	assert stage.screens is not None
	stage.screens.void("9001")
	stage.place(1, version=3, PHONE=2, CASE=1)


def sent_by_both(stage: Stage) -> None:
	"""A person delivers in ERPNext what somebody sends in the shop before it was told."""
	screens = _in_the_shop(stage)
	stage.sandbox.erp.make_delivery(stage.sales_order(1), carrier="DHL", tracking_number="T-1")
	screens.send("9001", START, **{"1-PHONE": 2, "1-CASE": 1})
	stage.place(1, version=2, PHONE=2, CASE=1)


def level_changed_by_hand(stage: Stage) -> None:
	"""What we sent last is not what the shop shows: it takes the next level without an expectation."""
	stage.settle()
	stage.screens = Screens(shown={"PHONE": Decimal(3)})
	stage.sandbox.erp.move_stock("PHONE", WAREHOUSE, Decimal(7))


FLOWS = (
	Flow("resync", resync, start=start_resync),
	Flow("resync in parts", resync_in_parts, start=start_resync),
	Flow("changes in parts", changes_in_parts),
	Flow("check of the shop", check_of_the_shop, start=start_check),
	Flow("new order", new_order),
	Flow("two orders of a buyer", two_orders_of_a_buyer),
	Flow("update", update),
	Flow("update of a draft", update_of_a_draft),
	Flow("cancellation", cancellation),
	Flow("cancellation first", cancellation_first, overtaken=cancellation_second),
	Flow("cancellation second", cancellation_second, overtaken=cancellation_first),
	Flow("refused cancellation", refused_cancellation),
	Flow("customer", customer),
	Flow("customer again", customer_again),
	Flow("stock", stock),
	Flow("shipment", shipment),
	Flow("shipment taken back", shipment_taken_back),
	Flow("shipment echoed", shipment_echoed),
	Flow("sent in the shop", sent_in_the_shop),
	Flow("sent and submitted", sent_and_submitted),
	Flow("sent and cancelled", sent_and_cancelled),
	Flow("sent by both", sent_by_both),
	Flow("level changed by hand", level_changed_by_hand),
	Flow("cancelled by hand", cancelled_by_hand),
	Flow("partly refused batch", partly_refused_batch, accept_again),
	Flow("product created", product_created),
	Flow("product renamed", product_renamed),
	Flow("price changed", price_changed),
	Flow("listing paused", listing_paused),
	Flow("listing delisted", listing_delisted),
	Flow("partly refused catalog", partly_refused_catalog, accept_again),
	Flow("too large", too_large),
	Flow("outage", outage, end_of_outage),
	Flow("unknown item", unknown_item, make_item_and_retry),
	*MONEY_FLOWS,
	*TOLD_FLOWS,
)


#: Where the flows of the catalog end: titles, prices, and what is hidden in the shop.
CATALOG_SHOWN: dict[str, Callable[[dict[str, Any]], bool]] = {
	"product created": lambda end: (
		(end["shop titles"]["NEW"], end["shop products"]["NEW"], end["shop stock"]["NEW"])
		== ("New", Decimal("5.00"), 3)
	),
	"product renamed": lambda end: (
		(end["shop titles"]["PHONE"], end["shop titles"]["CASE"]) == ("A better phone", "A better case")
	),
	"price changed": lambda end: end["shop products"]["PHONE"] == Decimal("29.90"),
	"listing paused": lambda end: end["shop hidden"] == {"PHONE"},
	"listing delisted": lambda end: (
		end["shop hidden"] == {"PHONE"} and end["listings"]["PHONE"]["pushed_listing"] is None
	),
	"partly refused catalog": lambda end: (
		end["shop titles"]["PHONE"] == "New name" and end["shop products"]["PHONE"] == Decimal("9.99")
	),
	"too large": lambda end: set(end["shop products"].values()) == {Decimal("8.88")},
}


#: Delivery Notes at the end of the flows of goods that were sent, and how many fulfilments the shop has of them.
SENT: dict[str, tuple[list[str], int]] = {
	"shipment echoed": (["Submitted", "Submitted"], 2),
	"sent in the shop": (["Draft"], 1),
	"sent and submitted": (["Submitted"], 1),
	"sent and cancelled": ([], 1),
	"sent by both": (["Submitted"], 1),
}


@pytest.mark.parametrize("name", SENT)
def test_goods_that_are_sent_leave_once(name: str) -> None:
	[flow] = [flow for flow in FLOWS if flow.name == name]
	end = undisturbed(flow)[0]
	[(_order, sent)] = end["shop sent"]
	assert (end["deliveries"], len(sent)) == SENT[name]
	records = [record for record in end["records"] if record[0] == "Fulfilment"]
	assert {(record[1], bool(record[3])) for record in records} == set(sent)


@pytest.mark.parametrize("name", MONEY_ENDS)
def test_the_books_say_what_the_flow_is_for(name: str) -> None:
	[flow] = [flow for flow in FLOWS if flow.name == name]
	end = undisturbed(flow)[0]
	invoices = [("credit note" if row[1] == "1" else "invoice", row[2], row[4]) for row in end["invoices"]]
	payments = [(kind, amount) for kind, status, amount, _free in end["payments"] if status == "Submitted"]
	returns = [(item, quantity) for _status, item, quantity, _warehouse in end["returns"]]
	assert (invoices, payments, returns) == MONEY_ENDS[name]


@pytest.mark.parametrize("name", TOLD_ENDS)
def test_the_shop_is_told_and_asked_once(name: str) -> None:
	[flow] = [flow for flow in FLOWS if flow.name == name]
	assert end_of(undisturbed(flow)[0]) == TOLD_ENDS[name]


@pytest.mark.parametrize("name", CATALOG_SHOWN)
def test_the_shop_shows_what_the_flow_is_for(name: str) -> None:
	[flow] = [flow for flow in FLOWS if flow.name == name]
	assert CATALOG_SHOWN[name](undisturbed(flow)[0])


# --- the runs --------------------------------------------------------------------------------------------


@cache
def prepared(flow: Flow) -> Stage:
	"""The situation of a flow; it is never run itself, each run has a copy."""
	stage = Stage(in_memory=True)
	flow.before(stage)
	return stage


def run(flow: Flow, killer: Killer) -> dict[str, Any]:
	"""One run; killed or not, it is brought to rest and looked at."""
	stage = prepared(flow).copy()
	try:
		_under_fire(stage, flow, killer)
		flow.heal(stage)
		stage.time += LEASE + timedelta(seconds=1)
		stage.settle()
		return stage.snapshot()
	finally:
		stage.close()


def _under_fire(
	stage: Stage, flow: Flow, killer: Killer, after_run: Callable[[], None] = lambda: None
) -> None:
	"""What is begun, what is due, what is due after the first wait, and what is due when the world is mended."""
	disturbed = stage.disturbed(killer.wrap)
	try:
		disturbed.start(flow.start)
	except Killed:
		return flow.start(stage, stage.world())
	try:
		disturbed.deliver()
		disturbed.run()
		after_run()
		flow.heal(stage)
		stage.time += timedelta(hours=1)
		disturbed.run()
		after_run()
	except Killed:
		return


@cache
def undisturbed(flow: Flow) -> tuple[dict[str, Any], tuple[str, ...]]:
	killer = Killer()
	return run(flow, killer), tuple(killer.passed)


def undisturbed_overtaken(flow: Flow) -> dict[str, Any] | None:
	return undisturbed(Flow(flow.name, flow.overtaken, flow.heal, flow.start))[0] if flow.overtaken else None


def differences(flow: Flow, after: dict[str, Any]) -> list[str]:
	"""What of a snapshot is not as the undisturbed run leaves it, nor as the overtaken one does."""
	end = undisturbed(flow)[0]
	if after in (end, undisturbed_overtaken(flow)):
		return []
	return [f"{part}: {after[part]} instead of {end[part]}" for part in end if after[part] != end[part]]


@contextmanager
def named(point: str) -> Iterator[None]:
	"""An error says at which point it was."""
	try:
		yield
	except Exception as error:
		raise AssertionError(f"{point}: {error}") from error


each_flow = pytest.mark.parametrize("flow", FLOWS, ids=lambda flow: flow.name.replace(" ", "_"))


@each_flow
def test_a_worker_killed_at_any_point_changes_nothing_in_the_end(flow: Flow) -> None:
	"""One run for each of the flow's points; all that go wrong are told."""
	wrong = {}
	for number, label in enumerate(undisturbed(flow)[1]):
		point, killer = f"{number} {label}", Killer(at=number)
		with named(point):
			after = run(flow, killer)
		assert len(killer.passed) == number + 1, f"{point}: it was killed there"
		if found := differences(flow, after):
			wrong[point] = found
	assert not wrong, "\n".join(map(str, wrong.items()))


# --- a worker that outlives its lease --------------------------------------------------------------------


class Heirs:
	"""The workers that take over what a sleeping one holds."""

	def __init__(self, stage: Stage):
		self._stage = stage
		self._held: list[Entry] = []

	def finish(self) -> dict[str, Any]:
		"""They do all there is."""
		self._stage.time += LEASE + timedelta(seconds=1)
		self._stage.run()
		return finished_entries(self._stage)

	def begin(self) -> dict[str, Any]:
		"""They claim all there is, and are not done when the first worker wakes up."""
		self._stage.time += LEASE + timedelta(seconds=1)
		world = self._stage.world()
		while entry := world.journal.claim(world.now(), LEASE):
			self._held.append(entry)
		return finished_entries(self._stage)

	def go_on(self) -> None:
		"""What they had begun is still theirs, and they end it."""
		held, self._held = self._held, []
		for entry in held:
			[row] = self._stage.sandbox.journal.entries(name=entry.name)
			assert (row["state"], row["lease_token"]) == ("Running", entry.lease), "the heir's entry"
			work_on(self._stage.world(), entry)


def run_with_a_sleeper(
	flow: Flow, sleeper: Sleeper, others: Callable[[Heirs], dict[str, Any]]
) -> tuple[dict[str, Any], dict[str, Any]]:
	"""The snapshot at the end, and what is written of the entries that are done then."""
	stage = prepared(flow).copy()
	try:
		heirs = Heirs(stage)
		sleeper.meanwhile = partial(others, heirs)
		_under_fire(stage, flow, sleeper, heirs.go_on)
		flow.heal(stage)
		stage.time += LEASE + timedelta(seconds=1)
		stage.settle()
		return stage.snapshot(), finished_entries(stage)
	finally:
		stage.close()


@cache
def points_outside_transactions(flow: Flow) -> tuple[int, ...]:
	sleeper = Sleeper()
	run(flow, sleeper)
	return tuple(sleeper.outside)


@pytest.mark.parametrize("others", [Heirs.begin, Heirs.finish], ids=lambda others: others.__name__)
@each_flow
def test_a_worker_that_outlives_its_lease_at_any_point_changes_nothing_in_the_end(
	flow: Flow, others: Callable[[Heirs], dict[str, Any]]
) -> None:
	wrong = {}
	for number in points_outside_transactions(flow):
		point, sleeper = f"{number} {undisturbed(flow)[1][number]}", Sleeper(at=number)
		with named(point):
			after, entries = run_with_a_sleeper(flow, sleeper, others)
		assert sleeper.finished is not None, f"{point}: it slept there"
		found = differences(flow, after)
		if {name: entries[name] for name in sleeper.finished} != sleeper.finished:
			found.append("what was finished has changed")
		if found:
			wrong[point] = found
	assert not wrong, "\n".join(map(str, wrong.items()))


def test_another_worker_finishes_what_a_sleeper_had_claimed() -> None:
	"""Else the test above would pass without a fence."""
	sleeper = Sleeper(at=undisturbed(FLOWS[0])[1].index("after journal.claim"))
	run_with_a_sleeper(FLOWS[0], sleeper, Heirs.finish)
	assert sleeper.finished


@each_flow
def test_a_copy_of_a_situation_is_all_there_is_of_it(flow: Flow) -> None:
	"""Else one run would disturb the next: two of them pass the same points, and end the same."""
	killer = Killer()
	assert (run(flow, killer), tuple(killer.passed)) == undisturbed(flow)


@each_flow
def test_the_undisturbed_run_does_what_the_flow_is_for(flow: Flow) -> None:
	end = undisturbed(flow)[0]
	states = {(topic, state) for topic, _, state in end["log"]}
	live = [content for content in end["orders"] if content[1] != "Cancelled"]
	failed = [topic for topic, state in states if state == "Failed"]
	assert failed == (["order.cancelled"] if flow.name == "refused cancellation" else [])
	expected_orders = {
		"two orders of a buyer": 2,
		"cancellation": 0,
		"cancellation first": 0,
		"cancellation second": 0,
		"customer": 0,
		"customer again": 0,
		"stock": 0,
		"cancelled by hand": 0,
		"partly refused batch": 0,
		**dict.fromkeys(CATALOG_SHOWN, 0),
		"resync": 0,
		"resync in parts": 0,
		"changes in parts": 0,
		"check of the shop": 0,
		"level changed by hand": 0,
	}
	assert len(live) == expected_orders.get(flow.name, 1)
	if flow.name.startswith("resync"):
		assert ("Stock", len(SKUS), 0, True) in end["walks"]
	if flow.name == "check of the shop":
		assert end["drifts"] == [("Unknown to Us", "STRANGE")]
		assert end["checks"] == [(len(SKUS), 0, 1, True)]
	shown = [sku for sku in SKUS if (flow.name, sku) != ("listing delisted", "PHONE")]
	assert all(end["shop told"][sku] == Decimal(end["pushed"][sku, None]) for sku in shown)
	if flow.name != "refused cancellation":  # there the shop took back what the ERP says has left
		assert all(end["shop stock"][sku] == end["shop told"][sku] for sku in SKUS)


def test_the_flows_pass_every_kind_of_call() -> None:
	"""A list of what is covered, so that a new call of the engine is not left out unseen."""
	passed = {label.removeprefix("before ") for flow in FLOWS for label in undisturbed(flow)[1]}
	assert passed >= {
		*("journal.record", "journal.claim", "journal.hold", "journal.finish", "journal.merge_queued"),
		*("erp.transaction", "erp.exclusive", "erp.act_as", "erp.get_record", "erp.save_record"),
		*("erp.create_customer", "erp.update_customer", "erp.ensure_contact", "erp.ensure_address"),
		*("journal.is_open", "erp.get_deliveries", "erp.create_delivery_note", "erp.withdraw_delivery_note"),
		*("erp.save_stock_ids", "erp.forget_levels"),
		*("erp.find_items", "erp.create_sales_order", "erp.replace_sales_order", "erp.cancel_sales_order"),
		*("erp.take_changes", "erp.listed_items", "erp.stock_levels", "erp.save_pushed"),
		*("erp.save_push_errors", "erp.forget_pushed", "erp.get_shipment", "erp.get_order_change"),
		*("state.get_circuit", "state.swap_circuit", "state.channel", "state.credentials"),
		*("erp.count_listed", "erp.listed_after", "erp.save_shown", "erp.not_shown", "erp.save_drift"),
		*("state.get_cursor", "state.set_cursor", "state.set_progress", "journal.supersede"),
		*("journal.open_payloads", "connector.shown_stock"),
		*("erp.listing_prices", "erp.listing_contents", "erp.save_pushed_prices"),
		*("erp.save_pushed_listings", "erp.save_not_listed"),
		*("connector.push_prices", "connector.push_listings"),
		*(
			"erp.records_of",
			"erp.get_books",
			"erp.create_payment",
			"erp.cancel_payment",
			"erp.create_invoice",
		),
		*("erp.create_credit_note", "erp.close_sales_order", "journal.latest", "journal.wake"),
		*("erp.create_returns", "erp.save_return", "erp.receive_return"),
		*("connector.push_stock", "connector.push_shipment", "connector.push_order_change"),
	}
