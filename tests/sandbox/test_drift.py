"""A check of what the shop shows, on the sandbox: in steps of two rows and pages of one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from commerce_bridge.bridge import walks
from commerce_bridge.bridge.channel import WarehouseMap
from commerce_bridge.bridge.drift import queue_check
from commerce_bridge.bridge.feeds import STOCK, queue_items, queue_resync
from commerce_bridge.bridge.model import ShownLevel
from commerce_bridge.bridge.protocols import Drift, DriftCheck, Progress, ShownPage
from commerce_bridge.bridge.worker import run_once
from commerce_bridge.bridge.world import World
from tests.sandbox.stage import CHANNEL, WAREHOUSE, Stage


@pytest.fixture
def stage() -> Iterator[Stage]:
	stage = Stage()
	stage.items_per_entry = 2
	stage.settle()
	yield stage
	stage.close()


class Asked:
	"""A connector that shows what a test says; everything else is the real one's."""

	def __init__(self, connector: Any, shown: Callable[[str | None], ShownPage | None]):
		self._connector = connector
		self.shown_stock = shown

	def __getattr__(self, name: str) -> Any:
		return getattr(self._connector, name)


def shows(stage: Stage, shown: Callable[[str | None], ShownPage | None]) -> World:
	world = stage.world()
	return replace(world, connect=lambda *asked: Asked(world.connect(*asked), shown))


def one_by_one(stage: Stage) -> World:
	"""The shop's own levels, one on each page."""

	def shown(cursor: str | None) -> ShownPage:
		position = int(cursor or 0)
		rows = [ShownLevel(sku=sku, quantity=quantity) for sku, quantity in sorted(stage.shop.stock.items())]
		following = str(position + 1) if position + 1 < len(rows) else None
		return ShownPage(tuple(rows[position : position + 1]), following)

	return shows(stage, shown)


def begin(world: World, stage: Stage) -> bool:
	with world.erp.transaction():
		return queue_check(world, stage.channel)


def check(stage: Stage, world: World | None = None) -> list[Drift]:
	world = world or one_by_one(stage)
	assert begin(world, stage)
	stage.run(world)
	return stage.sandbox.erp.drifts(CHANNEL)


def latest(stage: Stage) -> DriftCheck:
	return stage.sandbox.erp.drift_checks(CHANNEL)[-1]


def progress(stage: Stage) -> Progress:
	[found] = [row for row in stage.sandbox.state.get_progress(CHANNEL) if row.kind == "Stock Check"]
	return found


def forget_product(stage: Stage, sku: str) -> None:
	del stage.shop.products[sku], stage.shop.stock[sku]


def test_a_shop_that_shows_what_is_available_has_no_drift(stage: Stage) -> None:
	assert check(stage) == []
	ended = latest(stage)
	assert (ended.listings, ended.drifted, ended.units, ended.unknown) == (3, 0, 0, 0)
	assert ended.finished is not None
	assert (progress(stage).done, progress(stage).total) == (3, 3)


def test_through_the_storefront_s_own_pages(stage: Stage) -> None:
	stage.shop.stock["CASE"] = Decimal(7)
	assert [drift.sku for drift in check(stage, stage.world())] == ["CASE"]


def test_what_somebody_edited_in_the_shop(stage: Stage) -> None:
	stage.shop.stock["CASE"] = Decimal(7)
	[drift] = check(stage)
	assert (drift.kind, drift.item_code, drift.sku) == ("Differs", "CASE", "CASE")
	assert (drift.shown, drift.available) == (7, 50)
	assert drift.listing
	assert (latest(stage).drifted, latest(stage).units) == (1, 43)
	assert "Listings that differ: 1 of 3; units: 43" in progress(stage).message


def test_repaired_the_next_check_finds_nothing(stage: Stage) -> None:
	stage.shop.stock["CASE"] = Decimal(7)
	check(stage)
	stage.shop.told.clear()
	world = stage.world()
	with world.erp.transaction():
		queue_items(world, stage.channel, STOCK, ["CASE"])
	stage.run()
	assert dict(stage.shop.told) == {"CASE": 50}, "exactly what was chosen"
	assert check(stage) == []
	assert [one.drifted for one in stage.sandbox.erp.drift_checks(CHANNEL)] == [1, 0], "the trend stays"


def test_what_the_shop_does_not_show(stage: Stage) -> None:
	for sku in ("CASE", "CABLE", "PHONE"):
		forget_product(stage, sku)
	drifts = check(stage, shows(stage, lambda cursor: ShownPage((), None)))
	assert [(drift.kind, drift.item_code, drift.shown, drift.available) for drift in drifts] == [
		("Not in Shop", "PHONE", None, 50),
		("Not in Shop", "CASE", None, 50),
		("Not in Shop", "CABLE", None, 50),
	]
	assert latest(stage).drifted == 3
	assert (progress(stage).done, progress(stage).finished is not None) == (3, True)


def test_what_is_not_published_need_not_be_in_the_shop(stage: Stage) -> None:
	forget_product(stage, "CASE")
	with stage.sandbox.database.transaction():
		stage.sandbox.database.write("update listings set publication = 'Paused' where item_code = 'CASE'")
	assert check(stage) == []


def test_what_we_do_not_know(stage: Stage) -> None:
	stage.shop.add_product("STRANGE", stock=4)
	[drift] = check(stage)
	assert (drift.kind, drift.sku, drift.listing, drift.shown) == ("Unknown to Us", "STRANGE", None, 4)
	assert (latest(stage).drifted, latest(stage).unknown) == (0, 1)


def test_a_product_of_several_locations_is_one(stage: Stage) -> None:
	stage.sandbox.make_warehouse("Outlet")
	places = (
		WarehouseMap(warehouse=WAREHOUSE, location_id="1"),
		WarehouseMap(warehouse="Outlet", location_id="2"),
	)
	stage.channel = stage.channel.model_copy(update={"warehouses": places})
	stage.sandbox.state.save(stage.channel)
	rows = [ShownLevel(sku=sku, location_id="1", quantity=Decimal(50)) for sku in ("PHONE", "CASE", "CABLE")]
	rows += [
		ShownLevel(sku="PHONE", location_id="2", quantity=Decimal(3)),
		ShownLevel(sku="PHONE", location_id="3", quantity=Decimal(9)),  # no place of ours
	]
	[drift] = check(stage, shows(stage, lambda cursor: ShownPage(tuple(rows), None)))
	assert (drift.sku, drift.location_id, drift.shown, drift.available) == ("PHONE", "2", 3, 0)
	assert latest(stage).listings == 3


def test_a_shop_s_locations_are_one_where_the_channel_has_none(stage: Stage) -> None:
	rows = [ShownLevel(sku=sku, quantity=Decimal(50)) for sku in ("CASE", "CABLE")]
	rows += [ShownLevel(sku="PHONE", location_id=place, quantity=Decimal(25)) for place in ("1", "2")]
	assert check(stage, shows(stage, lambda cursor: ShownPage(tuple(rows), None))) == []


def test_what_is_on_its_way_is_no_drift(stage: Stage) -> None:
	stage.sandbox.erp.move_stock("CASE", WAREHOUSE, Decimal(-5))  # in the outbox
	world = one_by_one(stage)
	begin(world, stage)
	with world.erp.transaction():
		queue_items(world, stage.channel, STOCK, ["PHONE"])
	stage.shop.stock["PHONE"] = Decimal(7)
	claimed_first = replace(world, journal=OnlyChecks(world.journal))
	while run_once(claimed_first):
		continue
	assert stage.sandbox.erp.drifts(CHANNEL) == []
	assert (latest(stage).drifted, latest(stage).pending) == (0, 2)


def test_what_a_resync_has_not_reached_is_on_its_way(stage: Stage) -> None:
	for sku in ("CABLE", "PHONE"):
		stage.shop.stock[sku] = Decimal(7)
	world = one_by_one(stage)
	with world.erp.transaction():
		queue_resync(world, stage.channel, STOCK)
	assert run_once(world)  # CABLE, CASE
	stage.shop.stock["CABLE"] = Decimal(7)  # and somebody edits it again
	begin(world, stage)
	claimed_first = replace(world, journal=OnlyChecks(world.journal))
	while run_once(claimed_first):
		continue
	assert [drift.sku for drift in stage.sandbox.erp.drifts(CHANNEL)] == ["CABLE"]
	assert latest(stage).pending == 1


class OnlyChecks:
	"""A journal whose pushes are held up."""

	def __init__(self, journal: Any):
		self._journal = journal

	def claim(self, now: Any, lease: Any) -> Any:
		held = []
		while (entry := self._journal.claim(now, lease)) is not None and entry.topic != "stock.check":
			held.append(entry)
		for other in held:
			self._journal.postpone(other, now)
		return entry

	def __getattr__(self, name: str) -> Any:
		return getattr(self._journal, name)


def test_what_was_pushed_between_two_readings_is_no_drift(stage: Stage) -> None:
	readings = iter([Decimal(7), Decimal(50)])

	def shown(cursor: str | None) -> ShownPage:
		rows = [ShownLevel(sku=sku, quantity=Decimal(50)) for sku in ("CABLE", "CASE")]
		return ShownPage((*rows, ShownLevel(sku="PHONE", quantity=next(readings))), None)

	assert check(stage, shows(stage, shown)) == []
	assert next(readings, None) is None, "it was read again"


def test_a_shop_that_cannot_be_asked_says_so(stage: Stage) -> None:
	assert check(stage, shows(stage, lambda cursor: None)) == []
	assert stage.sandbox.erp.drift_checks(CHANNEL) == []
	assert "cannot be asked" in progress(stage).message
	assert progress(stage).finished is not None
	[entry] = stage.sandbox.journal.entries(topic="stock.check")
	assert (entry["state"], "cannot be asked" in entry["message"]) == ("Skipped", True)
	assert begin(stage.world(), stage), "it may be asked again"


def test_a_cursor_that_does_not_move_is_no_end(stage: Stage) -> None:
	world = shows(stage, lambda cursor: ShownPage((), "again"))
	begin(world, stage)
	stage.run(world)
	[*_, entry] = stage.sandbox.journal.entries(topic="stock.check")
	assert entry["state"] == "Retrying"


def test_two_at_once_are_one(stage: Stage) -> None:
	world = one_by_one(stage)
	assert begin(world, stage)
	assert not begin(world, stage)
	stage.run(world)
	assert len(stage.sandbox.erp.drift_checks(CHANNEL)) == 1


def test_stopped(stage: Stage) -> None:
	world = one_by_one(stage)
	begin(world, stage)
	assert run_once(world)
	assert walks.stop(world, CHANNEL, "check", "Stopped by Ada")
	stage.run(world)
	assert latest(stage).finished is None
	assert progress(stage).message == "Stopped by Ada"


def test_an_outage_is_waited_for(stage: Stage) -> None:
	stage.shop.stock["CASE"] = Decimal(7)
	stage.shop.outage = True
	begin(stage.world(), stage)
	stage.run()
	stage.shop.outage = False
	stage.settle()
	assert [drift.sku for drift in stage.sandbox.erp.drifts(CHANNEL)] == ["CASE"]
	assert latest(stage).finished is not None
