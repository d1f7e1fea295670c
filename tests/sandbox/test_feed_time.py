"""Feeds at a slow or failing storefront: an entry ends in time, and nothing that was sent is sent again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from commerce_bridge.bridge.channel import CatalogPolicy
from commerce_bridge.bridge.errors import Retryable
from commerce_bridge.bridge.feeds import FEEDS, Feed, collect_changes, queue_items, queue_resync
from commerce_bridge.bridge.protocols import Kind, Progress, PushResult
from commerce_bridge.bridge.worker import run_once
from commerce_bridge.bridge.world import World
from tests.sandbox.stage import CHANNEL, WAREHOUSE, Stage

ITEMS = tuple(f"Q{number:02}" for number in range(12))
BATCH = 3
PUSHES: dict[Kind, str] = {"stock": "push_stock", "price": "push_prices", "listing": "push_listings"}


class OutOfTime(Exception):
	"""What a queue raises into a job."""


class Slow:
	"""Stands before a connector: each row takes a while, and some calls get no answer."""

	batch_size = listing_batch_size = BATCH

	def __init__(self, shop: SlowShop, connector: Any):
		self._shop, self._connector = shop, connector

	def __getattr__(self, name: str) -> Any:
		method = getattr(self._connector, name)
		return (lambda rows: self._shop.push(method, rows)) if name in PUSHES.values() else method


class SlowShop:
	def __init__(self, stage: Stage):
		self.stage = stage
		self.seconds_a_row = 0.0
		self.calls: list[list[str]] = []  # SKUs that were sent, call by call
		self.failing: dict[int, Exception] = {}  # number of the call → what it raises
		self.taking: int | None = None  # rows of one call; the others are put off

	@property
	def sent(self) -> list[str]:
		return [sku for call in self.calls for sku in call]

	def world(self) -> World:
		world = self.stage.world()

		def connect(*asked: Any) -> Any:
			return Slow(self, world.connect(*asked))

		return replace(world, connect=connect, interruptions=(OutOfTime,))

	def push(self, method: Any, rows: Sequence[Any]) -> list[PushResult]:
		taken = rows[: self.taking]
		self.stage.time += timedelta(seconds=self.seconds_a_row * len(taken))
		self.calls.append([])
		if failure := self.failing.pop(len(self.calls), None):
			raise failure
		self.calls[-1] = [row.sku for row in taken]
		left = [PushResult(row.listing, "No time", unsent=True) for row in rows[len(taken) :]]
		return [*method(taken), *left] if taken else left


@pytest.fixture
def stage() -> Iterator[Stage]:
	stage = Stage()
	with stage.sandbox.database.transaction():
		stage.sandbox.database.write("delete from listings")
		stage.sandbox.database.write("delete from listing_levels")
	policy = CatalogPolicy(push_prices=True, push_listings=True)
	stage.channel = stage.channel.model_copy(update={"catalog": policy})
	stage.sandbox.state.save(stage.channel)
	for number, sku in enumerate(ITEMS):
		stage.shop.add_product(sku)
		stage.add_item(sku)
		stage.sandbox.erp.set_price(sku, Decimal(number + 1))
	stage.settle()
	yield stage
	stage.close()


@pytest.fixture
def shop(stage: Stage) -> SlowShop:
	return SlowShop(stage)


def resync(stage: Stage, feed: Feed) -> None:
	world = stage.world()
	with world.erp.transaction():
		queue_resync(world, stage.channel, feed)


def work(shop: SlowShop) -> list[float]:
	"""Works until nothing is due; how many seconds each entry took."""
	took, world = [], shop.world()
	while True:
		began = shop.stage.time
		if not run_once(world):
			return took
		took.append((shop.stage.time - began).total_seconds())
		assert len(took) < 60, "it does not end"


def many_units(stage: Stage) -> None:
	"""Nine more listings of the second item, in a shop whose products are made there."""
	stage.sandbox.state.save(stage.channel.model_copy(update={"catalog": CatalogPolicy()}))
	for number in range(9):
		stage.shop.add_product(f"UNIT-{number}")
		stage.sandbox.make_listing(CHANNEL, ITEMS[1], sku=f"UNIT-{number}")
	stage.settle()


def entries(stage: Stage, topic: str) -> list[Any]:
	return stage.sandbox.journal.entries(topic=topic)


def progress(stage: Stage, kind: str) -> Progress:
	[found] = [row for row in stage.sandbox.state.get_progress(CHANNEL) if row.kind == kind]
	return found


def change(stage: Stage, *skus: str) -> None:
	for sku in skus or ITEMS:
		stage.sandbox.erp.move_stock(sku, WAREHOUSE, Decimal(-1))
	while collect_changes(stage.world()):
		continue


# --- a slow storefront ---


@pytest.mark.parametrize("kind", FEEDS)
def test_a_resync_at_a_slow_storefront_ends_and_sends_everything_once(
	stage: Stage, shop: SlowShop, kind: Kind
) -> None:
	shop.seconds_a_row = 25  # a batch takes 75 s, all of it 300 s
	resync(stage, FEEDS[kind])
	took = work(shop)
	assert max(took) < 240, "the lease is 300 s"
	assert shop.sent == list(ITEMS)
	assert {row["state"] for row in entries(stage, FEEDS[kind].resync)} == {"Succeeded"}
	[ended] = [row for row in stage.sandbox.state.get_progress(CHANNEL)]
	assert (ended.done, ended.total, ended.failed) == (12, 12, 0)
	assert ended.finished is not None


def test_the_progress_is_that_of_the_items_that_were_sent(stage: Stage, shop: SlowShop) -> None:
	shop.seconds_a_row = 25
	resync(stage, FEEDS["price"])
	run_once(shop.world())
	assert progress(stage, "Prices").done == len(shop.sent) == 6
	[first, _] = entries(stage, "price.resync")
	assert "left to the next entry: 6" in first["message"]


def test_changes_at_a_slow_storefront_are_sent_once_and_cost_no_attempt(stage: Stage, shop: SlowShop) -> None:
	shop.seconds_a_row = 25
	change(stage)
	work(shop)
	assert sorted(shop.sent) == list(ITEMS)
	rows = entries(stage, "stock.changed")[-2:]
	assert [(row["state"], row["attempt_count"]) for row in rows] == [("Succeeded", 1)] * 2


def test_what_is_asked_for_by_hand_is_sent_once(stage: Stage, shop: SlowShop) -> None:
	shop.seconds_a_row = 25
	world = stage.world()
	with world.erp.transaction():
		queue_items(world, stage.channel, FEEDS["stock"], ITEMS)
	work(shop)
	assert shop.sent == list(ITEMS)


def test_an_item_of_many_rows_is_sent_in_parts(stage: Stage, shop: SlowShop) -> None:
	"""Used units are listings of one item: more of them than one entry can send."""
	many_units(stage)
	shop.seconds_a_row = 50
	resync(stage, FEEDS["stock"])
	work(shop)
	assert len(shop.sent) == len(set(shop.sent)) == 21
	assert progress(stage, "Stock").done == 12


def test_an_item_of_many_rows_asked_for_by_hand(stage: Stage, shop: SlowShop) -> None:
	many_units(stage)
	shop.seconds_a_row = 50
	world = stage.world()
	with world.erp.transaction():
		queue_items(world, stage.channel, FEEDS["stock"], ITEMS[:2])
	work(shop)
	assert len(shop.sent) == len(set(shop.sent)) == 11


# --- a failing one ---


@pytest.mark.parametrize("failure", [Retryable("No answer"), OutOfTime()])
@pytest.mark.parametrize("kind", FEEDS)
def test_a_later_call_that_fails_repeats_nothing_of_a_resync(
	stage: Stage, shop: SlowShop, kind: Kind, failure: Exception
) -> None:
	shop.failing = {3: failure}
	resync(stage, FEEDS[kind])
	work(shop)
	assert shop.sent == list(ITEMS)
	assert [row["attempt_count"] for row in entries(stage, FEEDS[kind].resync)] == [1, 1]


def test_a_later_call_that_fails_repeats_nothing_of_what_was_asked_for(stage: Stage, shop: SlowShop) -> None:
	shop.failing = {2: Retryable("No answer")}
	world = stage.world()
	with world.erp.transaction():
		queue_items(world, stage.channel, FEEDS["price"], ITEMS)
	work(shop)
	assert shop.sent == list(ITEMS)


def test_a_later_call_of_changes_that_fails_is_asked_about_by_the_same_entry(
	stage: Stage, shop: SlowShop
) -> None:
	"""A storefront knows a call that is repeated by the entry it belongs to."""
	shop.failing = {2: Retryable("No answer")}
	change(stage)
	work(shop)
	stage.time += timedelta(hours=1)
	work(shop)
	assert sorted(shop.sent) == list(ITEMS)
	row = entries(stage, "stock.changed")[-1]
	assert (row["state"], row["attempt_count"]) == ("Succeeded", 2)


def test_where_nothing_is_sent_attempts_count(stage: Stage, shop: SlowShop) -> None:
	shop.failing = {1: Retryable("No answer")}
	resync(stage, FEEDS["price"])
	work(shop)
	[row] = entries(stage, "price.resync")
	assert (row["state"], row["attempt_count"]) == ("Retrying", 1)


def test_rows_that_were_refused_are_retried_apart_from_those_left(stage: Stage, shop: SlowShop) -> None:
	shop.failing = {2: Retryable("No answer")}
	stage.shop.refusing["Q01"] = "busy"
	resync(stage, FEEDS["stock"])
	work(shop)
	[first, rest] = entries(stage, "stock.resync")
	assert (first["state"], json.loads(first["payload"])) == ("Retrying", ["Q01"])
	assert rest["state"] == "Succeeded"
	assert (progress(stage, "Stock").done, progress(stage, "Stock").failed) == (12, 1)


def test_an_open_circuit_within_an_entry_repeats_nothing(stage: Stage, shop: SlowShop) -> None:
	resync(stage, FEEDS["price"])
	push = shop.push

	def push_and_open(method: Any, rows: Sequence[Any]) -> list[PushResult]:
		shop.push = push  # type: ignore[method-assign]
		state = stage.sandbox.state
		before = state.get_circuit(CHANNEL)
		results = push(method, rows)
		state.swap_circuit(
			CHANNEL, before, replace(before, failures=5, opened_until=stage.time + timedelta(60))
		)
		return results

	shop.push = push_and_open  # type: ignore[method-assign]
	work(shop)
	assert shop.sent == list(ITEMS[:3])
	stage.time += timedelta(61)
	work(shop)
	assert shop.sent == list(ITEMS)


# --- one that takes a part of a batch ---


@pytest.mark.parametrize("kind", FEEDS)
def test_rows_that_are_put_off_follow(stage: Stage, shop: SlowShop, kind: Kind) -> None:
	shop.taking = 2
	resync(stage, FEEDS[kind])
	work(shop)
	assert shop.sent == list(ITEMS)
	assert {row["attempt_count"] for row in entries(stage, FEEDS[kind].resync)} == {1}


def test_a_storefront_that_takes_nothing_at_all_is_no_endless_loop(stage: Stage, shop: SlowShop) -> None:
	shop.taking = 0
	resync(stage, FEEDS["price"])
	work(shop)
	[row] = entries(stage, "price.resync")
	assert (row["state"], row["attempt_count"]) == ("Retrying", 1)
