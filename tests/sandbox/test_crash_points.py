"""The worker dies between any two calls it makes; recovery always ends where the undisturbed run does.

A flow is a situation and what is to be done. It runs once undisturbed, which counts the points: before and
after each call to the ERP, the journal, the channel's state and the connector, and around each transaction.
Then it runs once for each point and is killed there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from functools import cache
from typing import Any

import pytest

from commerce_bridge.bridge.channel import OrderPolicy
from tests.sandbox.stage import LEASE, SKUS, WAREHOUSE, Stage


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


@dataclass(frozen=True)
class Flow:
	"""`before` is done undisturbed; what is due then is done under fire; `heal` mends the world afterwards.

	While a dead worker's entry waits for its lease to end, a later one may overtake it: `overtaken` is the same
	situation with the events that way round, and where it ends is as right.
	"""

	name: str
	before: Callable[[Stage], None]
	heal: Callable[[Stage], None] = lambda stage: None
	overtaken: Callable[[Stage], None] | None = None


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


FLOWS = (
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
	Flow("cancelled by hand", cancelled_by_hand),
	Flow("partly refused batch", partly_refused_batch, accept_again),
	Flow("outage", outage, end_of_outage),
	Flow("unknown item", unknown_item, make_item_and_retry),
)


# --- the runs --------------------------------------------------------------------------------------------


def run(flow: Flow, killer: Killer) -> dict[str, Any]:
	"""One run; killed or not, it is brought to rest and looked at."""
	stage = Stage()
	try:
		flow.before(stage)
		_under_fire(stage, flow, killer)
		flow.heal(stage)
		stage.time += LEASE + timedelta(seconds=1)
		stage.settle()
		return stage.snapshot()
	finally:
		stage.close()


def _under_fire(stage: Stage, flow: Flow, killer: Killer) -> None:
	"""What is due, what is due after the first wait, and what is due when the world is mended."""
	disturbed = stage.disturbed(killer.wrap)
	try:
		disturbed.deliver()
		disturbed.run()
		flow.heal(stage)
		stage.time += timedelta(hours=1)
		disturbed.run()
	except Killed:
		return


@cache
def undisturbed(flow: Flow) -> tuple[dict[str, Any], tuple[str, ...]]:
	killer = Killer()
	return run(flow, killer), tuple(killer.passed)


def undisturbed_overtaken(flow: Flow) -> dict[str, Any] | None:
	return undisturbed(Flow(flow.name, flow.overtaken, flow.heal))[0] if flow.overtaken else None


def every_point() -> list[Any]:
	return [
		pytest.param(flow, number, id=f"{flow.name}-{number}-{label}".replace(" ", "_"))
		for flow in FLOWS
		for number, label in enumerate(undisturbed(flow)[1])
	]


@pytest.mark.parametrize(("flow", "number"), every_point())
def test_a_worker_killed_at_this_point_changes_nothing_in_the_end(flow: Flow, number: int) -> None:
	killer = Killer(at=number)
	after = run(flow, killer)
	assert len(killer.passed) == number + 1, "it was killed there"
	assert after == undisturbed(flow)[0] or after == undisturbed_overtaken(flow)


@pytest.mark.parametrize("flow", FLOWS, ids=lambda flow: flow.name)
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
	}
	assert len(live) == expected_orders.get(flow.name, 1)
	assert all(end["shop told"][sku] == Decimal(end["pushed"][sku, None]) for sku in SKUS)
	if flow.name != "refused cancellation":  # there the shop took back what the ERP says has left
		assert all(end["shop stock"][sku] == end["shop told"][sku] for sku in SKUS)


def test_the_flows_pass_every_kind_of_call() -> None:
	"""A list of what is covered, so that a new call of the engine is not left out unseen."""
	passed = {label.removeprefix("before ") for flow in FLOWS for label in undisturbed(flow)[1]}
	assert passed >= {
		*("journal.record", "journal.claim", "journal.hold", "journal.finish", "journal.merge_queued"),
		*("erp.transaction", "erp.exclusive", "erp.act_as", "erp.get_record", "erp.save_record"),
		*("erp.create_customer", "erp.update_customer", "erp.ensure_contact", "erp.ensure_address"),
		*("erp.find_items", "erp.create_sales_order", "erp.replace_sales_order", "erp.cancel_sales_order"),
		*("erp.take_stock_changes", "erp.listed_items", "erp.stock_levels", "erp.save_pushed"),
		*("erp.save_push_errors", "erp.forget_pushed", "erp.get_shipment", "erp.get_order_change"),
		*("state.get_circuit", "state.swap_circuit", "state.channel", "state.credentials"),
		*("connector.push_stock", "connector.push_shipment", "connector.push_order_change"),
	}
