"""What a channel's settings keep out or hold back, who a buyer is, and how an attempt that failed is written."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from commerce_bridge.bridge.channel import OrderPolicy, Ownership, StockPolicy
from commerce_bridge.bridge.errors import Conflict
from commerce_bridge.bridge.feeds import FEEDS, collect_changes, lane_of
from commerce_bridge.bridge.fulfilments import SHIPMENT
from commerce_bridge.bridge.outbound import shipment_lane
from commerce_bridge.bridge.protocols import HttpResponse
from commerce_bridge.bridge.retry import MAX_ATTEMPTS
from commerce_bridge.bridge.worker import run_once
from commerce_bridge.connectors.custom.connector import CustomConnector
from tests.sandbox.stage import LEASE, SKUS, STOCK, WAREHOUSE, Stage

PLACED = datetime(2026, 5, 4, 8, 1, tzinfo=timezone.utc)  # of version 1 of an order of the stage


@pytest.fixture
def stage() -> Iterator[Stage]:
	stage = Stage()
	yield stage
	stage.close()


def set_up(stage: Stage, **settings: Any) -> None:
	stage.channel = stage.channel.model_copy(update=settings)
	stage.sandbox.state.save(stage.channel)


def take(stage: Stage, order: dict[str, Any]) -> Any:
	"""The shop's order is delivered and worked on; its entry."""
	stage.events.append(stage.shop.upsert(order))
	stage.settle()
	return stage.sandbox.journal.entries(topic="order.upserted")[-1]


def plan_of(stage: Stage, number: int) -> dict[str, Any]:
	[row] = stage.sandbox.sales_orders(str(9000 + number))
	return json.loads(row["plan"])


# --- which orders are taken in ---------------------------------------------------------------------------


def test_only_the_statuses_of_the_policy_are_taken_in_and_what_was_taken_in_is_followed(stage: Stage) -> None:
	set_up(stage, orders=OrderPolicy(statuses=("paid",)))
	entry = take(stage, stage.order(1, 1, PHONE=1))
	assert (entry["state"], stage.sandbox.sales_orders()) == ("Skipped", [])
	assert "processing" in entry["message"]
	take(stage, stage.order(1, 2, PHONE=1) | {"status": "paid"})
	take(stage, stage.order(1, 3, PHONE=4) | {"status": "packed"})
	assert stage.sandbox.erp.available("PHONE", [WAREHOUSE]) == STOCK - 4


def test_where_the_channel_names_none_the_statuses_are_the_platform_s(
	stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
	monkeypatch.setattr(CustomConnector, "default_statuses", ("paid",), raising=False)
	assert "processing" in take(stage, stage.order(1, 1, PHONE=1))["message"]
	assert take(stage, stage.order(1, 2, PHONE=1) | {"status": "paid"})["state"] == "Succeeded"
	with stage.sandbox.erp.transaction():
		stage.sandbox.state.pause(stage.channel.name, "a pause must not write them down")
	monkeypatch.undo()
	assert stage.sandbox.state.channel(stage.channel.name).orders.statuses == ()


@pytest.mark.parametrize(("begins", "taken"), [(PLACED, 1), (PLACED + timedelta(seconds=1), 0)])
def test_imports_begin_at_a_moment_that_is_included(stage: Stage, begins: datetime, taken: int) -> None:
	set_up(stage, orders=OrderPolicy(from_date=begins))
	take(stage, stage.order(1, 1, PHONE=1))
	assert len(stage.sandbox.sales_orders()) == taken


# --- how they are booked ---------------------------------------------------------------------------------


def test_the_day_of_an_order_is_that_of_the_site_and_delivery_is_never_before_it(stage: Stage) -> None:
	set_up(stage, time_zone="Pacific/Auckland")
	late = {"placed_at": "2026-05-04T20:00:00Z", "delivery_date": "2026-05-01"}
	take(stage, stage.order(1, 1, PHONE=1) | late)
	plan = plan_of(stage, 1)
	assert (plan["transaction_date"], plan["delivery_date"]) == ("2026-05-05", "2026-05-05")


def test_an_event_that_changes_nothing_booked_leaves_the_sales_order(stage: Stage) -> None:
	take(stage, stage.order(1, 1, PHONE=1))
	before = stage.sales_order(1)
	entry = take(stage, stage.order(1, 2, PHONE=1) | {"placed_at": "2026-05-04T08:01:00Z"})
	assert entry["state"] == "Succeeded"
	assert len(stage.sandbox.sales_orders()) == 1, "no amendment"
	assert stage.sales_order(1) == before


def test_what_is_delivered_is_not_changed_and_not_cancelled(stage: Stage) -> None:
	take(stage, stage.order(1, 1, PHONE=2))
	note = stage.sandbox.erp.make_delivery(stage.sales_order(1), carrier="DHL", tracking_number="T-1")
	changed = take(stage, stage.order(1, 2, PHONE=5))
	stage.cancel(1, version=3)
	stage.settle()
	[cancelled] = stage.sandbox.journal.entries(topic="order.cancelled")
	for entry in (changed, cancelled):
		assert (entry["state"], entry["error_class"]) == ("Failed", "Rejected")
		assert note in entry["message"]
		assert "skip this entry" in entry["message"], "it says what a person may do"
	assert stage.sales_order(1), "still live"


def test_a_change_of_what_was_cancelled_by_hand_is_a_persons_to_settle(stage: Stage) -> None:
	take(stage, stage.order(1, 1, PHONE=2))
	stage.sandbox.erp.cancel_by_hand(stage.sales_order(1))
	entry = take(stage, stage.order(1, 2, PHONE=5))
	assert (entry["state"], entry["error_class"]) == ("Failed", "Rejected")
	assert [row["status"] for row in stage.sandbox.sales_orders()] == ["Cancelled"]


def test_a_cancellation_older_than_what_was_applied_is_skipped(stage: Stage) -> None:
	take(stage, stage.order(1, 1, PHONE=1))
	stage.cancel(1, version=2)
	late = stage.events.pop()
	take(stage, stage.order(1, 3, PHONE=3))
	stage.events.append(late)
	stage.settle()
	[entry] = stage.sandbox.journal.entries(topic="order.cancelled")
	assert entry["state"] == "Skipped"
	assert stage.sandbox.erp.available("PHONE", [WAREHOUSE]) == STOCK - 3


def test_an_order_stays_cancelled_when_an_older_update_comes_late(stage: Stage) -> None:
	take(stage, stage.order(1, 1, PHONE=1))
	stage.place(1, version=2, PHONE=3)
	late = stage.events.pop()
	stage.cancel(1, version=3)
	stage.settle()
	stage.events.append(late)
	stage.settle()
	assert stage.sandbox.journal.entries(topic="order.upserted")[-1]["state"] == "Skipped"
	assert [row["status"] for row in stage.sandbox.sales_orders()] == ["Cancelled"]
	assert stage.sandbox.erp.available("PHONE", [WAREHOUSE]) == STOCK


@pytest.mark.parametrize("field", ["grand_total", "total_taxes"])
def test_a_document_that_comes_to_something_else_is_not_kept(stage: Stage, field: str) -> None:
	"""An Item Tax Template, a Pricing Rule: the engine cannot know, so it looks at what was booked."""
	erp = stage.sandbox.erp

	class Different:
		def __getattr__(self, name: str) -> Any:
			return getattr(erp, name)

		def create_sales_order(self, *values: Any) -> Any:
			booked = erp.create_sales_order(*values)
			return replace(booked, **{field: getattr(booked, field) + Decimal("0.01")})

	stage.place(1, PHONE=1)
	stage.deliver()
	stage.run(replace(stage.world(), erp=Different()))
	[entry] = stage.sandbox.journal.entries(topic="order.upserted")
	assert (entry["state"], entry["error_class"]) == ("Failed", "Rejected")
	assert entry["message"].startswith("Totals differ")
	assert stage.sandbox.sales_orders() == []


# --- who bought ------------------------------------------------------------------------------------------


def buyers(stage: Stage, *orders: dict[str, Any]) -> list[str]:
	"""The customer of each order, placed one after the other by these buyers."""
	for number, buyer in enumerate(orders, start=1):
		take(stage, stage.order(number, 1, PHONE=1) | {"customer": buyer})
	return [
		stage.sandbox.sales_orders(str(9000 + number))[0]["customer"] for number in range(1, len(orders) + 1)
	]


def test_an_email_finds_its_customer_whatever_the_case(stage: Stage) -> None:
	first, second = buyers(stage, {"email": "ada@example.com"}, {"id": "c9", "email": " ADA@Example.com"})
	assert first == second


def test_a_phone_number_finds_its_customer_where_there_is_no_email(stage: Stage) -> None:
	first, second = buyers(
		stage, {"email": "ada@example.com", "phone": "+49 30 123456"}, {"phone": "030 123456"}
	)
	assert first == second


def test_another_email_is_another_customer_although_the_phone_number_is_known(stage: Stage) -> None:
	phone = {"phone": "+49 30 123456"}
	first, second = buyers(stage, {"email": "ada@example.com"} | phone, {"email": "eve@example.com"} | phone)
	assert first != second


def test_a_phone_number_that_two_customers_share_finds_neither(stage: Stage) -> None:
	phone = {"phone": "+49 30 123456"}
	found = buyers(stage, {"email": "ada@example.com"} | phone, {"email": "eve@example.com"} | phone, phone)
	assert len(set(found)) == 3


def told_of_customer(stage: Stage, name: str, updated_at: str) -> str:
	data = {"id": "c1", "email": "ada@example.com", "first_name": name, "updated_at": updated_at}
	stage.events.append(stage.shop.upsert_customer(data))
	stage.settle()
	return stage.sandbox.journal.entries(topic="customer.upserted")[-1]["state"]


def names(stage: Stage) -> list[str]:
	rows = stage.sandbox.database.read("select data from customers")
	return [json.loads(row["data"])["first_name"] for row in rows]


def test_a_customer_follows_the_shop_unless_the_event_is_older(stage: Stage) -> None:
	assert told_of_customer(stage, "Ada", "2026-05-04T10:00:00Z") == "Succeeded"
	assert told_of_customer(stage, "Augusta", "2026-05-04T11:00:00Z") == "Succeeded"
	assert told_of_customer(stage, "Ada", "2026-05-04T10:30:00Z") == "Skipped"
	assert names(stage) == ["Augusta"]


def test_a_customer_owned_by_the_erp_is_left_alone(stage: Stage) -> None:
	set_up(stage, ownership=Ownership(customer="ERPNext"))
	assert told_of_customer(stage, "Ada", "2026-05-04T10:00:00Z") == "Succeeded", "made"
	assert told_of_customer(stage, "Augusta", "2026-05-04T11:00:00Z") == "Skipped"
	assert names(stage) == ["Ada"]


def locks_taken(stage: Stage, kind: str) -> list[set[str]]:
	"""Delivers and works; the named locks of this kind that each transaction took."""
	taken: list[set[str]] = []
	erp = stage.sandbox.erp

	class Listening:
		def __getattr__(self, name: str) -> Any:
			return getattr(erp, name)

		def transaction(self, *locks: str) -> Any:
			taken.append({lock for lock in locks if lock.startswith(kind)})
			return erp.transaction(*locks)

	stage.deliver()
	stage.run(replace(stage.world(), erp=Listening()))
	return [locks for locks in taken if locks]


@pytest.mark.parametrize(
	"spellings",
	[
		({"email": "Ada@example.com"}, {"email": "ada@Example.com "}),
		({"phone": "+49 30 123456"}, {"phone": "030 123456"}),
	],
)
def test_orders_of_one_buyer_wait_for_one_another(
	stage: Stage, spellings: tuple[dict[str, str], ...]
) -> None:
	"""Guests have no id: the lock on the e-mail or phone number is what keeps two workers from two customers."""
	for number, customer in enumerate(spellings, start=1):
		stage.events.append(stage.shop.upsert(stage.order(number, 1, PHONE=1) | {"customer": customer}))
	first, second = locks_taken(stage, "buyer:")
	assert first == second
	assert len(first) == 1


def test_events_of_one_order_wait_for_one_another(stage: Stage) -> None:
	stage.place(1, PHONE=1)
	stage.place(2, PHONE=1)
	stage.cancel(1, version=2)
	first, other, cancelled = locks_taken(stage, "order:")
	assert first == cancelled != other
	assert len(first) == 1


# --- what is sent ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
	"settings",
	[
		{"stock": StockPolicy(push=False, first_push_confirmed=True)},
		{"stock": StockPolicy(first_push_confirmed=False)},
		{"ownership": Ownership(stock="Storefront")},
		{"dry_run": True},
	],
)
def test_stock_that_is_not_ours_to_push_stays_here(stage: Stage, settings: dict[str, Any]) -> None:
	set_up(stage, **settings)
	stage.settle()
	assert stage.shop.told == {}


def test_stock_that_was_queued_before_the_setting_changed_stays_here(stage: Stage) -> None:
	stage.run()
	stage.shop.told.clear()
	stage.sandbox.erp.move_stock("PHONE", WAREHOUSE, Decimal(1))
	stage.shop.outage = True
	stage.run()
	stage.shop.outage = False
	set_up(stage, ownership=Ownership(stock="Storefront"))
	stage.time += timedelta(hours=1)
	stage.settle()
	assert stage.shop.told == {}


def test_a_dry_run_says_what_it_would_send(stage: Stage) -> None:
	take(stage, stage.order(1, 1, PHONE=1))
	set_up(stage, dry_run=True)
	stage.sandbox.erp.make_delivery(stage.sales_order(1), carrier="DHL", tracking_number="T-1")
	stage.settle()
	assert stage.shop.shipments == {}
	[entry] = stage.sandbox.journal.entries(topic="shipment.changed")
	assert (entry["state"], "T-1" in entry["summary"]) == ("Skipped", True)


def test_more_levels_than_one_call_takes_are_all_sent(stage: Stage) -> None:
	more = [f"SKU-{number}" for number in range(300)]
	for sku in more:
		stage.shop.add_product(sku)
		stage.add_item(sku)
	stage.settle()
	assert set(stage.shop.told) == {*SKUS, *more}
	assert set(stage.shop.told.values()) == {Decimal(STOCK)}


def test_items_that_change_while_an_entry_waits_join_it(stage: Stage) -> None:
	stage.settle()
	world = stage.world()
	for skus in (("PHONE",), ("CASE", "CABLE")):
		for sku in skus:
			stage.sandbox.erp.move_stock(sku, WAREHOUSE, Decimal(1))
		collect_changes(world)
	[waiting] = stage.sandbox.journal.entries(direction="Outbound", state="Queued")
	assert sorted(json.loads(waiting["payload"])) == sorted(SKUS)
	stage.settle()
	assert set(stage.shop.stock.values()) == {Decimal(STOCK + 1)}


def test_a_lane_that_another_worker_still_sends_in_is_left_to_it(stage: Stage) -> None:
	stage.settle()
	stage.sandbox.erp.move_stock("PHONE", WAREHOUSE, Decimal(1))
	taken = stage.shop.requests_taken
	with stage.sandbox.erp.exclusive(f"push:{lane_of(FEEDS['stock'], stage.channel.name)}") as mine:
		assert mine
		stage.run()
		assert stage.shop.requests_taken == taken
	[waiting] = stage.sandbox.journal.entries(direction="Outbound", state="Queued")
	assert waiting["attempt_count"] == 0
	stage.settle()
	assert stage.shop.stock["PHONE"] == STOCK + 1


def two_deliveries(stage: Stage) -> None:
	"""Of one order, and both entries wait."""
	take(stage, stage.order(1, 1, PHONE=2))
	for _ in range(2):
		stage.sandbox.erp.make_delivery(stage.sales_order(1), {1: Decimal(1)})


def test_shipments_of_one_order_are_told_one_after_the_other(stage: Stage) -> None:
	"""Each looks up what of the order is left to be sent, and what its siblings are called."""
	take(stage, stage.order(2, 1, CASE=1))
	two_deliveries(stage)
	stage.sandbox.erp.make_delivery(stage.sales_order(2))
	journal = stage.sandbox.journal
	claimed = [entry for _ in range(9) if (entry := journal.claim(stage.time, LEASE))]
	told = [entry.external_id for entry in claimed if entry.topic == SHIPMENT]
	assert sorted(told) == ["9001", "9002"]


def test_a_shipment_is_left_to_who_still_tells_of_another_one_of_its_order(stage: Stage) -> None:
	two_deliveries(stage)
	lane = shipment_lane(stage.channel.name, "9001")
	with stage.sandbox.erp.exclusive(f"push:{lane}") as mine:
		assert mine
		stage.run()
		assert stage.shop.shipments == {}
	stage.settle()
	assert len(stage.shop.shipments) == 2


# --- how an attempt ends ---------------------------------------------------------------------------------


class Answering:
	"""A transport that answers what it is told to."""

	def __init__(self, answer: Callable[[], HttpResponse]):
		self._answer = answer

	def send(self, *_: Any) -> HttpResponse:
		return self._answer()


def push_against(stage: Stage, answer: Callable[[], HttpResponse]) -> Any:
	"""A stock entry is tried against a shop that answers like this; the entry."""
	stage.run(stage.sandbox.world(Answering(answer), LEASE, lambda low, high: low))
	return stage.sandbox.journal.entries(direction="Outbound")[0]


def test_a_storefront_that_names_a_time_is_left_alone_until_then(stage: Stage) -> None:
	entry = push_against(stage, lambda: HttpResponse(429, {"retry-after": "600"}, b""))
	assert entry["state"] == "Retrying"
	assert datetime.fromisoformat(entry["due"]) - stage.time >= timedelta(seconds=599)


def test_a_refusal_is_an_answer_and_does_not_open_the_circuit(stage: Stage) -> None:
	world = stage.sandbox.world(Answering(lambda: HttpResponse(422, {}, b"")), LEASE, lambda low, high: low)
	for _ in range(8):
		stage.run(world)
		for row in stage.sandbox.journal.entries(state="Failed"):
			stage.sandbox.journal.requeue(row["name"])
	circuit = stage.sandbox.state.get_circuit(stage.channel.name)
	assert (circuit.failures, circuit.opened_until) == (0, None)


def test_an_unknown_error_is_failed_and_its_text_told_to_nobody(stage: Stage) -> None:
	secret = "ada@" + "example.com"  # the traceback quotes source lines; the value stands in none

	def burst() -> HttpResponse:
		raise KeyError(secret)

	entry = push_against(stage, burst)
	assert (entry["state"], entry["error_class"]) == ("Failed", "Unexpected")
	assert "KeyError" in entry["message"]
	assert secret not in entry["message"] + entry["traceback"]


def test_an_entry_that_kills_its_worker_each_time_is_given_up(stage: Stage) -> None:
	stage.run()
	stage.place(1, PHONE=1)
	stage.deliver()
	for attempt in range(1, MAX_ATTEMPTS + 1):
		entry = stage.sandbox.journal.claim(stage.now(), LEASE)
		assert entry is not None
		assert entry.attempt == attempt
		stage.time += LEASE + timedelta(seconds=1)
	assert run_once(stage.world())
	[row] = stage.sandbox.journal.entries(topic="order.upserted")
	assert (row["state"], row["error_class"]) == ("Failed", "Rejected")
	assert stage.sandbox.sales_orders() == []


@pytest.mark.parametrize(("conflicts", "state"), [(4, "Succeeded"), (5, "Retrying")])
def test_a_transaction_that_met_another_is_repeated_at_once(stage: Stage, conflicts: int, state: str) -> None:
	stage.run()
	left = [conflicts]
	journal = stage.sandbox.journal

	class Meeting:
		def __getattr__(self, name: str) -> Any:
			return getattr(journal, name)

		def hold(self, entry: Any) -> None:
			if left[0]:
				left[0] -= 1
				raise Conflict("deadlock")
			journal.hold(entry)

	stage.place(1, PHONE=1)
	stage.deliver()
	run_once(replace(stage.world(), journal=Meeting()))
	[row] = stage.sandbox.journal.entries(topic="order.upserted")
	assert row["state"] == state
