"""What a shop tells of besides orders and customers: products, levels, that it is over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

import pytest

from commerce_bridge.bridge.channel import ChannelStatus, StockPolicy
from commerce_bridge.bridge.model import (
	Event,
	EventData,
	Fulfilment,
	OrderReference,
	Product,
	ProductDeletion,
	ProductVariant,
	ShownLevel,
	Uninstalled,
)
from commerce_bridge.bridge.protocols import NewEntry
from commerce_bridge.bridge.receive import dedupe_key
from commerce_bridge.bridge.worker import run_once
from tests.sandbox.stage import CHANNEL, STOCK, Stage

NOW = datetime(2026, 5, 4, 9, tzinfo=timezone.utc)


@pytest.fixture
def stage() -> Iterator[Stage]:
	stage = Stage()
	stage.settle()
	yield stage
	stage.close()


@dataclass
class Told:
	"""A connector whose next payload means this."""

	data: EventData | None
	incomplete: bool = False
	answer: EventData | None = None
	reason: str | None = None
	order_topics = frozenset({"told"})
	fact_topics: frozenset[str] = frozenset()
	calls: list[str] = field(default_factory=list)

	def parse(self, topic: str, payload: str) -> Event:
		return Event(type=topic, data=self.data, incomplete=self.incomplete)

	def complete(self, event: Event) -> Event:
		self.calls.append("complete")
		return event.model_copy(update={"data": self.answer, "reason": self.reason})


def tell(stage: Stage, data: EventData | None, incomplete: bool = False) -> Any:
	"""The entry of an event with this content, worked on."""
	told = Told(data, incomplete)
	world = replace(stage.world(), connect=lambda *asked: told)
	number = len(stage.sandbox.journal.entries())
	with world.erp.transaction():
		entry = NewEntry(CHANNEL, "Inbound", "told", dedupe_key(CHANNEL, "told", str(number)), "{}")
		[recorded] = world.journal.record([entry])
	run_once(world)
	[row] = stage.sandbox.journal.entries(name=recorded.name)
	return row


def watch(stage: Stage, watching: bool = True, **stock: Any) -> None:
	policy = StockPolicy(**{"first_push_confirmed": True, "watch": watching} | stock)
	stage.channel = stage.channel.model_copy(update={"stock": policy})
	stage.sandbox.state.save(stage.channel)


def test_a_product_is_linked_and_no_item_is_made(stage: Stage) -> None:
	stage.sandbox.make_item("LAMP")
	variants = (ProductVariant(id="v1", sku="LAMP"), ProductVariant(id="v2", sku="NO-SUCH-ITEM"))
	row = tell(stage, Product(id="p1", title="Lamp", variants=variants))
	assert (row["state"], row["message"][:27]) == ("Succeeded", "2 variants, 1 newly listed:")
	assert "NO-SUCH-ITEM" in row["message"]
	listings = stage.sandbox.database.read("select * from listings where product_id = 'p1'")
	assert [(each["item_code"], each["variant_id"]) for each in listings] == [("LAMP", "v1")]


def test_a_deleted_product_is_marked_on_its_listings(stage: Stage) -> None:
	listing = stage.sandbox.make_listing(CHANNEL, "PHONE", "P2", product_id="p2")
	assert tell(stage, ProductDeletion(id="p2"))["state"] == "Succeeded"
	[row] = stage.sandbox.database.read("select listing_error from listings where name = ?", listing)
	assert "deleted" in row["listing_error"].lower() or "gone" in row["listing_error"].lower()
	assert tell(stage, ProductDeletion(id="unknown"))["state"] == "Skipped"


@pytest.mark.parametrize("policy", [{"watching": False}, {"push": False}, {"first_push_confirmed": False}])
def test_levels_are_looked_at_only_where_they_are_watched_and_ours(
	stage: Stage, policy: dict[str, Any]
) -> None:
	watch(stage, **policy)
	row = tell(stage, ShownLevel(sku="PHONE", quantity=Decimal(STOCK + 1)))
	assert (row["state"], row["message"]) == ("Skipped", "The stock of this shop is not watched")


def test_a_level_that_somebody_raised_is_put_right(stage: Stage) -> None:
	watch(stage)
	assert tell(stage, ShownLevel(sku="PHONE", quantity=Decimal(STOCK)))["state"] == "Skipped"
	stage.shop.stock["PHONE"] = stage.shop.told["PHONE"] = Decimal(STOCK + 9)
	assert tell(stage, ShownLevel(sku="PHONE", quantity=Decimal(STOCK + 9)))["state"] == "Succeeded"
	stage.settle()
	assert stage.shop.told["PHONE"] == STOCK


def test_an_app_that_was_uninstalled_works_on_nothing_until_a_person_says_so(stage: Stage) -> None:
	row = tell(stage, Uninstalled())
	assert row["state"] == "Succeeded"
	assert stage.sandbox.state.channel(CHANNEL).status is ChannelStatus.PAUSED
	stage.place(1, PHONE=1)
	stage.deliver()
	stage.run()
	[waiting] = stage.sandbox.journal.entries(topic="order.upserted")
	assert waiting["state"] == "Queued"


def test_what_the_storefront_does_not_have_any_more_is_skipped(stage: Stage) -> None:
	row = tell(stage, OrderReference(id="9001"), incomplete=True)
	assert (row["state"], row["message"]) == ("Skipped", "told: the storefront does not have it any more")


def test_a_fulfilment_told_on_its_own_is_applied_too(stage: Stage) -> None:
	row = tell(stage, Fulfilment(id="f1", order_id="unknown", lines=(), updated_at=NOW))
	assert (row["state"], row["message"]) == ("Skipped", "Of an order that is not imported")


def test_what_nobody_knows_is_said(stage: Stage) -> None:
	assert tell(stage, None)["message"] == "told: not supported yet"
