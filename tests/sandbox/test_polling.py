"""What is read from a storefront: page and cursor are one, nothing is stored twice, an import moves no cursor."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from commerce_bridge.bridge.polling import CURSOR, poll
from commerce_bridge.bridge.protocols import Incoming, NewEntry, Page, Recorded
from tests.sandbox.stage import CHANNEL, START, Stage


@pytest.fixture
def stage() -> Iterator[Stage]:
	stage = Stage()
	yield stage
	stage.close()


@dataclass
class Pages:
	"""A connector that offers these pages, and remembers where it was asked to begin."""

	pages: list[Page]
	asked: list[str | None] = field(default_factory=list)

	def orders_since(self, cursor: str | None) -> Iterator[Page]:
		self.asked.append(cursor)
		yield from self.pages


def seen(number: int) -> Incoming:
	return Incoming("order.upserted", f"polled:{number}", str(9000 + number), None, None, "{}")


def two_pages() -> Pages:
	return Pages([Page((seen(1), seen(2)), "after-2", more=True), Page((seen(3),), "after-3", more=False)])


def cursor_of(stage: Stage) -> str | None:
	return stage.sandbox.state.get_cursor(CHANNEL, CURSOR)


def test_all_pages_are_stored_and_the_next_poll_begins_behind_them(stage: Stage) -> None:
	shop = two_pages()
	polled = poll(stage.world(), stage.channel, shop)
	assert (polled.seen, polled.new) == (3, 3)
	assert cursor_of(stage) == "after-3"
	poll(stage.world(), stage.channel, shop)
	assert shop.asked == [None, "after-3"]


def test_what_was_seen_before_is_counted_and_not_stored_again(stage: Stage) -> None:
	poll(stage.world(), stage.channel, Pages([Page((seen(1),), "after-1", more=False)]))
	polled = poll(stage.world(), stage.channel, two_pages())
	assert (polled.seen, polled.new) == (3, 2)
	assert len(stage.sandbox.journal.entries(direction="Inbound")) == 3


def test_what_is_applied_in_a_newer_state_is_not_stored(stage: Stage) -> None:
	stage.place(1, version=3, PHONE=1)
	stage.settle()
	moments = [START + timedelta(minutes=version) for version in (2, 3, 4)]
	events = [
		Incoming("orders/changed", f"9001@{moment.isoformat()}", "9001", None, moment, "{}")
		for moment in moments
	]
	unknown = Incoming("orders/changed", "9002@x", "9002", None, moments[0], "{}")
	page = Page((*events, unknown, seen(1)), "after", more=False)
	polled = poll(stage.world(), stage.channel, Pages([page]))
	assert (polled.seen, polled.new) == (5, 4)
	stored = stage.sandbox.journal.entries(topic="orders/changed")
	assert [(row["external_id"], row["source_time"][:16]) for row in stored] == [
		("9001", "2026-05-04T08:03"),
		("9001", "2026-05-04T08:04"),
		("9002", "2026-05-04T08:02"),
	]


def test_a_page_without_a_cursor_leaves_the_one_before(stage: Stage) -> None:
	poll(stage.world(), stage.channel, two_pages())
	poll(stage.world(), stage.channel, Pages([Page((seen(4),), None, more=False)]))
	assert cursor_of(stage) == "after-3"


def test_an_import_begins_elsewhere_and_leaves_the_channels_cursor(stage: Stage) -> None:
	poll(stage.world(), stage.channel, two_pages())
	history = Pages([Page((seen(0),), "after-0", more=False)])
	assert poll(stage.world(), stage.channel, history, since="2020").new == 1
	assert (history.asked, cursor_of(stage)) == (["2020"], "after-3")


def test_the_start_is_for_channels_that_have_no_cursor(stage: Stage) -> None:
	shop = two_pages()
	poll(stage.world(), stage.channel, shop, start="today")
	poll(stage.world(), stage.channel, shop, start="today")
	assert shop.asked == ["today", "after-3"]


def test_a_page_that_cannot_be_stored_does_not_move_the_cursor(stage: Stage) -> None:
	world = stage.world()

	class Full:
		def record(self, entries: list[NewEntry]) -> list[Recorded]:
			if entries[0].external_id == "9003":
				raise OSError("disk full")
			return world.journal.record(entries)

	with pytest.raises(OSError, match="disk full"):
		poll(replace(world, journal=Full()), stage.channel, two_pages())
	assert cursor_of(stage) == "after-2"
	assert {row["external_id"] for row in stage.sandbox.journal.entries()} == {"9001", "9002"}
