"""A resync on the sandbox: in steps of two items, in the order of the pushes the shop sees."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from commerce_bridge.bridge import walks
from commerce_bridge.bridge.channel import ChannelStatus
from commerce_bridge.bridge.feeds import STOCK, queue_resync
from commerce_bridge.bridge.protocols import Progress
from commerce_bridge.bridge.worker import run_once
from tests.sandbox.stage import CHANNEL, WAREHOUSE, Stage

ITEMS = ("CABLE", "CASE", "PHONE", "Q1", "Q2")


@pytest.fixture
def stage() -> Iterator[Stage]:
	stage = Stage()
	stage.items_per_entry = 2
	for sku in ITEMS[3:]:
		stage.shop.add_product(sku)
		stage.add_item(sku)
	stage.settle()
	stage.shop.told.clear()
	yield stage
	stage.close()


def resync(stage: Stage, **values: Any) -> int | None:
	world = stage.world()
	with world.erp.transaction():
		return queue_resync(world, stage.channel, STOCK, **values)


def told(stage: Stage) -> list[str]:
	"""SKUs the shop was told of since this was asked last."""
	skus = sorted(stage.shop.told)
	stage.shop.told.clear()
	return skus


def steps(stage: Stage) -> list[Any]:
	return stage.sandbox.journal.entries(topic="stock.resync")


def progress(stage: Stage) -> Progress:
	[found] = stage.sandbox.state.get_progress(CHANNEL)
	return found


def test_everything_is_sent_whatever_was_last_pushed(stage: Stage) -> None:
	stage.shop.stock["CASE"] = Decimal(1)  # somebody edits it there
	assert resync(stage) == 5
	stage.run()
	assert told(stage) == list(ITEMS)
	assert stage.shop.stock["CASE"] == 50
	assert [row["state"] for row in steps(stage)] == ["Succeeded"] * 3
	ended = progress(stage)
	assert (ended.kind, ended.done, ended.total, ended.failed) == ("Stock", 5, 5, 0)
	assert ended.finished is not None


def test_a_number_of_items_that_fills_the_last_step(stage: Stage) -> None:
	stage.items_per_entry = 5
	resync(stage)
	stage.run()
	assert told(stage) == list(ITEMS)
	assert progress(stage).finished is not None


def test_what_changes_while_a_step_runs_goes_before_the_next_one(stage: Stage) -> None:
	resync(stage)
	world = stage.world()
	handle = stage.shop.handle

	def change_and_handle(*request: Any) -> Any:
		stage.shop.handle = handle  # type: ignore[method-assign]
		stage.sandbox.erp.move_stock("Q2", WAREHOUSE, Decimal(-1))
		return handle(*request)

	stage.shop.handle = change_and_handle  # type: ignore[method-assign]
	order = []
	while run_once(world):
		order.append(told(stage))
	assert order == [["CABLE", "CASE"], ["Q2"], ["PHONE", "Q1"], ["Q2"]]
	assert stage.shop.stock["Q2"] == 49


def test_a_change_that_is_queued_already_goes_before_the_next_step(stage: Stage) -> None:
	resync(stage)
	stage.sandbox.erp.move_stock("Q2", WAREHOUSE, Decimal(-1))
	world = stage.world()
	assert run_once(world)
	told(stage)
	assert run_once(world)
	assert told(stage) == ["Q2"]


def test_one_that_is_under_way_is_joined(stage: Stage) -> None:
	resync(stage)
	run_once(stage.world())
	assert resync(stage, join=True) is None
	stage.run()
	assert told(stage) == list(ITEMS)
	assert len(steps(stage)) == 3
	assert resync(stage, join=True) == 5


def test_one_that_begins_anew_ends_the_one_under_way(stage: Stage) -> None:
	resync(stage)
	run_once(stage.world())
	assert told(stage) == ["CABLE", "CASE"]
	resync(stage)
	stage.run()
	assert told(stage) == list(ITEMS)
	assert [row["state"] for row in steps(stage)] == ["Succeeded", "Skipped", *["Succeeded"] * 3]
	assert progress(stage).done == 5


def test_stopped_between_steps(stage: Stage) -> None:
	resync(stage)
	world = stage.world()
	run_once(world)
	assert walks.stop(world, CHANNEL, "stock", "Stopped by Ada")
	stage.run()
	assert told(stage) == ["CABLE", "CASE"]
	assert [row["state"] for row in steps(stage)] == ["Succeeded", "Skipped"]
	ended = progress(stage)
	assert (ended.done, ended.message) == (2, "Stopped by Ada")
	assert ended.finished is not None
	assert not walks.stop(world, CHANNEL, "stock", "Stopped again")


def test_stopped_while_a_step_runs(stage: Stage) -> None:
	resync(stage)
	world = stage.world()
	handle = stage.shop.handle

	def stop_and_handle(*request: Any) -> Any:
		walks.stop(stage.world(), CHANNEL, "stock", "Stopped by Ada")
		return handle(*request)

	stage.shop.handle = stop_and_handle  # type: ignore[method-assign]
	stage.run(world)
	assert told(stage) == ["CABLE", "CASE"]
	assert [row["state"] for row in steps(stage)] == ["Succeeded"]
	assert progress(stage).message == "Stopped by Ada"


def test_an_outage_is_waited_for_and_the_walk_goes_on(stage: Stage) -> None:
	resync(stage)
	run_once(stage.world())
	stage.shop.outage = True
	stage.run()
	[_, step] = steps(stage)
	assert step["state"] == "Retrying"
	assert resync(stage, join=True) is None, "it goes on by itself"
	stage.shop.outage = False
	stage.settle()
	assert told(stage) == list(ITEMS)
	assert progress(stage).finished is not None


def test_a_step_a_person_gave_up_is_no_walk_and_retried_it_goes_on(stage: Stage) -> None:
	resync(stage)
	world = stage.world()
	run_once(world)
	[_, step] = steps(stage)
	fail(stage, step["name"])
	stage.sandbox.journal.requeue(step["name"])
	stage.run()
	assert told(stage) == list(ITEMS)


def test_a_failed_step_does_not_keep_the_next_night_from_its_own(stage: Stage) -> None:
	resync(stage)
	run_once(stage.world())
	[_, step] = steps(stage)
	fail(stage, step["name"])
	assert resync(stage, join=True) == 5
	stage.run()
	assert steps(stage)[1]["state"] == "Skipped", "all of it was sent again"
	stage.sandbox.journal.requeue(step["name"])
	stage.shop.told.clear()
	stage.run()
	assert told(stage) == [], "a step of a walk that was replaced does nothing"


def fail(stage: Stage, name: str) -> None:
	with stage.sandbox.database.transaction():
		stage.sandbox.database.write("update sync_log set state = 'Failed' where name = ?", name)


def test_what_is_refused_is_retried_alone_and_counted(stage: Stage) -> None:
	stage.shop.refusing["CASE"] = "busy"
	resync(stage)
	stage.run()
	assert told(stage) == ["CABLE", "PHONE", "Q1", "Q2"]
	assert (progress(stage).done, progress(stage).failed) == (5, 1)
	[first, *_] = steps(stage)
	assert (first["state"], json.loads(first["payload"])) == ("Retrying", ["CASE"])
	stage.shop.refusing.clear()
	stage.settle()
	assert told(stage) == ["CASE"]


def test_what_failed_night_after_night_is_one_entry(stage: Stage) -> None:
	stage.sandbox.make_item("NOT-THERE")
	stage.sandbox.make_listing(CHANNEL, "NOT-THERE")
	for _night in range(3):
		resync(stage)
		stage.run()
	failed = stage.sandbox.journal.entries(state="Failed")
	assert [json.loads(row["payload"]) for row in failed] == [["NOT-THERE"]]


def test_a_channel_that_no_longer_pushes_ends_its_walk(stage: Stage) -> None:
	resync(stage)
	run_once(stage.world())
	told(stage)
	policy = stage.channel.stock.model_copy(update={"push": False})
	stage.sandbox.state.save(stage.channel.model_copy(update={"stock": policy}))
	stage.run()
	assert told(stage) == []
	assert progress(stage).finished is not None


def test_a_paused_channel_waits_and_goes_on(stage: Stage) -> None:
	resync(stage)
	run_once(stage.world())
	stage.sandbox.state.save(stage.channel.model_copy(update={"status": ChannelStatus.PAUSED}))
	stage.run()
	assert told(stage) == ["CABLE", "CASE"]
	stage.sandbox.state.save(stage.channel)
	stage.run()
	assert told(stage) == ["PHONE", "Q1", "Q2"]


def test_a_dry_run_walks_to_the_end_and_sends_nothing(stage: Stage) -> None:
	stage.sandbox.state.save(stage.channel.model_copy(update={"dry_run": True}))
	resync(stage)
	stage.run()
	assert told(stage) == []
	assert [row["state"] for row in steps(stage)] == ["Skipped"] * 3
	assert (progress(stage).done, progress(stage).finished is not None) == (5, True)


def test_nothing_listed_is_no_walk(stage: Stage) -> None:
	with stage.sandbox.database.transaction():
		stage.sandbox.database.write("update listings set publication = 'Delisted'")
		stage.sandbox.database.write("delete from listing_levels")
	assert resync(stage) == 0
	assert steps(stage) == []


def test_what_is_delisted_is_sold_no_more_and_told_once(stage: Stage) -> None:
	stage.sandbox.erp.publish("PHONE", "Delisted")
	stage.run()
	assert stage.shop.stock["PHONE"] == 0
	stage.shop.told.clear()
	resync(stage)
	stage.run()
	assert "PHONE" not in stage.shop.told
