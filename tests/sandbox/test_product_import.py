"""Products of a shop become listings and Items: page by page, again and again, on the sandbox."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from commerce_bridge.bridge import walks
from commerce_bridge.bridge.channel import CatalogPolicy, Ownership
from commerce_bridge.bridge.details import Details
from commerce_bridge.bridge.errors import Misconfigured, Retryable
from commerce_bridge.bridge.model import Product, ProductVariant
from commerce_bridge.bridge.product_import import CANNOT_BE_ASKED, IMPORT, queue_import
from commerce_bridge.bridge.product_matching import GONE
from commerce_bridge.bridge.protocols import ProductPage, Progress
from commerce_bridge.bridge.worker import run_once
from commerce_bridge.bridge.world import World
from tests.sandbox.stage import CHANNEL, Stage

WAIT = timedelta(seconds=5)


class Shop:
	"""A connector that exports what a test says, in pages of so many products; the rest is the real one's."""

	def __init__(self, products: Sequence[Product] = (), size: int = 2, asked_in_vain: int = 0):
		self.content = list(products)
		self.size = size
		self.asked_in_vain = asked_in_vain
		self.asked: list[str | None] = []
		self.connector: Any = None

	def products(self, cursor: str | None) -> ProductPage | None:
		self.asked.append(cursor)
		if cursor is None:
			return ProductPage((), "0", WAIT)
		if self.asked_in_vain:
			self.asked_in_vain -= 1
			return ProductPage((), cursor, WAIT, done=7)
		start, total = int(cursor), len(self.content)
		end = min(start + self.size, total)
		found = tuple(self.content[start:end])
		return ProductPage(found, str(end) if end < total else None, done=end, total=total)

	def world(self, stage: Stage) -> World:
		world = stage.world()

		def connect(*asked: Any) -> Any:
			self.connector = world.connect(*asked)
			return self

		return replace(world, connect=connect)

	def __getattr__(self, name: str) -> Any:
		return getattr(self.connector, name)


@pytest.fixture
def stage() -> Iterator[Stage]:
	stage = Stage()
	stage.channel = stage.channel.model_copy(update={"catalog": CatalogPolicy(item_group="Products")})
	stage.sandbox.state.save(stage.channel, stage.sandbox.state.credentials(CHANNEL))
	stage.settle()
	yield stage
	stage.close()


def product(number: int, *variants: ProductVariant, **values: Any) -> Product:
	return Product(id=str(number), title=f"Product {number}", variants=variants, currency="EUR", **values)


def variant(number: int, sku: str | None = None, **values: Any) -> ProductVariant:
	return ProductVariant(id=str(number), sku=sku, stock_id=f"stock-{number}", **values)


def begin(world: World, stage: Stage, **options: bool) -> bool:
	with world.erp.transaction():
		return queue_import(world, stage.channel, **options)


def run(stage: Stage, shop: Shop, **options: bool) -> Progress:
	world = shop.world(stage)
	assert begin(world, stage, **options)
	for _ in range(50):
		stage.run(world)
		if progress(stage).finished:
			return progress(stage)
		stage.time += WAIT
	raise AssertionError("the import does not end")


def progress(stage: Stage) -> Progress:
	[found] = [row for row in stage.sandbox.state.get_progress(CHANNEL) if row.kind == "Products"]
	return found


def entries(stage: Stage) -> list[Any]:
	return stage.sandbox.journal.entries(topic=IMPORT)


def listings(stage: Stage) -> dict[str, dict[str, Any]]:
	"""By the id of their variant."""
	rows = stage.sandbox.database.read("select * from listings where variant_id is not null")
	return {row["variant_id"]: dict(row) for row in rows}


def items(stage: Stage) -> set[str]:
	return {row["item_code"] for row in stage.sandbox.database.read("select item_code from items")}


def reasons(stage: Stage) -> dict[str, str]:
	"""Why each variant is to be looked at, as the entries say."""
	rows = [row for entry in entries(stage) for row in json.loads(entry["summary"])["to look at"]]
	return {row["variant_id"]: row["why"] for row in rows}


def test_linked_by_sku_then_by_barcode(stage: Stage) -> None:
	stage.sandbox.make_item("LOOSE")
	stage.sandbox.make_item("SCANNED", barcode="4006381333931")
	shop = Shop(
		[
			product(1, variant(11, "loose")),
			product(2, variant(21, barcode="4006381333931")),
			product(3, variant(31, "PHONE")),
		]
	)
	ended = run(stage, shop)
	found = listings(stage)
	assert {number: row["item_code"] for number, row in found.items()} == {
		"11": "LOOSE",
		"21": "SCANNED",
		"31": "PHONE",
	}
	assert found["31"]["product_id"] == "3" and found["31"]["stock_id"] == "stock-31"
	assert (ended.done, ended.total, ended.failed) == (3, 3, 0)
	assert ended.message == "3 products: 0 Items made, 3 linked, 0 known already"


def test_again_it_changes_nothing(stage: Stage) -> None:
	shop = Shop([product(1, variant(11, "PHONE")), product(2, variant(21, "NEW", price=Decimal(5)))])
	run(stage, shop, create=True, prices=True)
	stage.settle()
	before = stage.snapshot()
	ended = run(stage, shop, create=True, prices=True)
	assert ended.message == "2 products: 0 Items made, 0 linked, 2 known already"
	after = stage.snapshot()
	assert {name: after[name] for name in ("listings", "bins", "pushed")} == {
		name: before[name] for name in ("listings", "bins", "pushed")
	}
	assert not stage.sandbox.database.read("select * from stock_changes")


def test_items_are_made_only_where_that_is_asked(stage: Stage) -> None:
	shop = Shop([product(1, variant(11, "NEW")), product(2, variant(21))])
	ended = run(stage, shop)
	assert "NEW" not in items(stage)
	assert (ended.failed, listings(stage)) == (2, {})
	assert reasons(stage)["11"] == "No Item has SKU NEW: make one, or let the import make Items"
	assert reasons(stage)["21"].startswith("It has neither SKU nor barcode")
	left = [row for entry in entries(stage) for row in Details.model_validate_json(entry["details"]).unmapped]
	assert [(row.product_id, row.variant_id, row.sku, row.name) for row in left] == [
		("1", "11", "NEW", "Product 1"),
		("2", "21", None, "Product 2"),
	]
	assert {row.why for row in left} == set(reasons(stage).values())
	run(stage, shop, create=True)
	assert {"NEW", f"{CHANNEL}-21"} <= items(stage)
	assert listings(stage)["21"]["item_code"] == f"{CHANNEL}-21"


def test_no_group_for_new_items(stage: Stage) -> None:
	stage.channel = stage.channel.model_copy(update={"catalog": CatalogPolicy()})
	with pytest.raises(Misconfigured) as caught:
		begin(Shop().world(stage), stage, create=True)
	assert caught.value.fieldname == "new_item_group"
	assert begin(Shop().world(stage), stage), "nothing is made: no group is needed"


def test_an_sku_of_several_variants_is_linked_to_none(stage: Stage) -> None:
	shop = Shop(
		[
			product(1, variant(11, "PHONE"), variant(12, "phone")),
			product(2, variant(21, "CASE", sku_shared=True)),  # the other one is on a later page
		]
	)
	run(stage, shop, create=True)
	assert listings(stage) == {}
	assert set(reasons(stage)) == {"11", "12", "21"}
	assert all("Several variants" in why for why in reasons(stage).values())


def test_an_sku_that_is_listed_as_another_product(stage: Stage) -> None:
	run(stage, Shop([product(1, variant(11, "PHONE"))]))
	run(stage, Shop([product(1, variant(11, "PHONE")), product(2, variant(21, "PHONE"))], size=1))
	assert listings(stage)["11"]["product_id"] == "1" and "21" not in listings(stage)
	assert reasons(stage)["21"] == "Its SKU is listed as variant 11 of product 1 already, with Item PHONE"


def test_a_barcode_whose_item_is_listed_as_another_variant(stage: Stage) -> None:
	stage.sandbox.make_item("SCANNED", barcode="4006381333931")
	variants = (variant(11, barcode="4006381333931"), variant(12, barcode="4006381333931"))
	run(stage, Shop([product(1, *variants)]))
	assert set(listings(stage)) == {"11"}
	assert "Item SCANNED, which is listed as variant 11" in reasons(stage)["12"]


def test_a_listing_of_another_item_is_left_alone(stage: Stage) -> None:
	run(stage, Shop([product(1, variant(11, "PHONE"))]))
	run(stage, Shop([product(1, variant(11, "CASE"))]))
	assert listings(stage)["11"]["item_code"] == "PHONE"
	assert "listed as Item PHONE, but its SKU is that of Item CASE" in reasons(stage)["11"]


def test_deleted_and_back(stage: Stage) -> None:
	both = product(1, variant(11, "PHONE"), variant(12, "CASE"))
	run(stage, Shop([both]))
	run(stage, Shop([product(1, variant(11, "PHONE"))]))
	assert listings(stage)["12"]["listing_error"].startswith(GONE)
	assert listings(stage)["12"]["publication"] == "Published", "that is for a person to decide"
	assert listings(stage)["11"]["listing_error"] is None
	run(stage, Shop([both]))
	assert listings(stage)["12"]["listing_error"] is None


def test_a_product_that_is_not_exported_any_more(stage: Stage) -> None:
	run(stage, Shop([product(1, variant(11, "PHONE")), product(2, variant(21, "CASE"))]))
	ended = run(stage, Shop([product(1, variant(11, "PHONE"))]))
	assert ended.message.endswith("1 listings are not in the shop any more")
	assert listings(stage)["21"]["listing_error"].startswith(GONE)
	assert listings(stage)["11"]["listing_error"] is None


def test_a_variant_that_was_made_anew_takes_its_listing_over(stage: Stage) -> None:
	run(stage, Shop([product(1, variant(11, "PHONE"))]))
	run(stage, Shop([product(1, variant(12, "PHONE"))]))
	[(number, row)] = listings(stage).items()
	assert (number, row["item_code"], row["stock_id"], row["listing_error"]) == (
		"12",
		"PHONE",
		"stock-12",
		None,
	)


def test_gift_cards_are_no_goods(stage: Stage) -> None:
	run(stage, Shop([product(1, variant(11, "GIFT-50"), gift_card=True)]), create=True)
	assert "GIFT-50" not in items(stage)
	assert "Gift cards are no goods" in reasons(stage)["11"]


def test_titles_are_overwritten_only_where_the_shop_owns_them(stage: Stage) -> None:
	def title() -> str:
		[row] = stage.sandbox.database.read("select item_name from items where item_code = 'PHONE'")
		return row["item_name"]

	shop = Shop([product(1, variant(11, "PHONE"))])
	run(stage, shop, overwrite=True)
	assert title() == "Phone"
	stage.channel = stage.channel.model_copy(update={"ownership": Ownership(title="Storefront")})
	stage.sandbox.state.save(stage.channel, stage.sandbox.state.credentials(CHANNEL))
	run(stage, shop)
	assert title() == "Phone"
	run(stage, shop, overwrite=True)
	assert title() == "Product 1"


# --- the walk --------------------------------------------------------------------------------------------


def many(count: int) -> list[Product]:
	return [product(number, variant(number * 10, f"SKU-{number}")) for number in range(1, count + 1)]


def test_page_by_page_and_waiting_for_the_export(stage: Stage) -> None:
	shop = Shop(many(5), asked_in_vain=2)
	world = shop.world(stage)
	begin(world, stage, create=True)
	stage.run(world)
	assert shop.asked == [None, "0"]
	waiting = progress(stage)
	assert (waiting.done, waiting.finished) == (0, None)
	assert waiting.message == "The storefront prepares the list of its products: 7 so far"
	assert [row["attempt_count"] for row in entries(stage)] == [1, 0], "waiting is no attempt"
	stage.time += WAIT
	stage.run(world)
	stage.time += WAIT
	assert run_once(world)
	assert (progress(stage).done, progress(stage).total) == (2, 5)
	stage.run(world)
	assert [row["state"] for row in entries(stage)] == ["Succeeded"] * 4
	assert progress(stage).message == "5 products: 5 Items made, 0 linked, 0 known already"


def test_a_product_with_more_variants_than_one_entry_takes(stage: Stage) -> None:
	large = product(1, *(variant(1000 + number, f"SKU-{number}") for number in range(1, 601)))
	twice = product(2, variant(21, "SKU-1"), variant(22, "LAST"))
	shop = Shop([large, twice])
	ended = run(stage, shop, create=True)
	assert ended.message == (
		"2 products: 600 Items made, 0 linked, 0 known already, 2 with something to look at"
	)
	assert (ended.done, ended.total) == (2, 2)
	assert [json.loads(row["payload"])["part"] for row in entries(stage)] == [0, 0, 1, 2]
	assert not [row for row in listings(stage).values() if row["listing_error"]], "none of them is gone"
	assert set(reasons(stage)) == {"1001", "21"}, "the SKU of both, although they were not worked on together"
	kept = large.model_copy(update={"variants": (large.variants[0], *large.variants[2:])})
	ended = run(stage, Shop([kept, twice]))
	assert ended.message.endswith("1 listings are not in the shop any more")
	assert listings(stage)["1002"]["listing_error"].startswith(GONE)


def test_a_second_one_does_not_begin_while_one_is_under_way(stage: Stage) -> None:
	shop = Shop(many(3))
	world = shop.world(stage)
	assert begin(world, stage)
	assert not begin(world, stage)
	run_once(world)
	assert not begin(world, stage)
	stage.run(world)
	assert begin(world, stage)


def test_stopped(stage: Stage) -> None:
	shop = Shop(many(5))
	world = shop.world(stage)
	begin(world, stage, create=True)
	run_once(world)
	run_once(world)
	assert walks.stop(world, CHANNEL, "products", "Stopped by somebody")
	stage.run(world)
	assert len(listings(stage)) == 2
	assert entries(stage)[-1]["state"] == "Skipped"
	assert (progress(stage).finished is not None, progress(stage).message) == (True, "Stopped by somebody")


class Killed(BaseException):
	"""The operating system ends the worker."""


def test_killed_at_every_step_of_every_page(stage: Stage) -> None:
	"""Whatever the worker was about to do when it died, in the end everything is there once, and counted once."""
	shop = Shop(many(3), size=1)
	begin(shop.world(stage), stage, create=True)
	for after in range(400):
		world = shop.world(stage)
		calls = iter(range(10_000))

		class Dying:
			def __init__(self, real: Any, after: int = after, calls: Iterator[int] = calls):
				self._real, self._after, self._calls = real, after, calls

			def __getattr__(self, name: str) -> Any:
				method = getattr(self._real, name)

				def call(*arguments: Any, **named: Any) -> Any:
					if next(self._calls) >= self._after:
						raise Killed
					return method(*arguments, **named)

				return call

		dying = replace(world, journal=Dying(world.journal), state=Dying(world.state))
		try:
			run_once(dying)
		except Killed:
			stage.time += timedelta(minutes=6)
			if not progress(stage).finished:
				continue
		if progress(stage).finished:
			break
	assert progress(stage).message == "3 products: 3 Items made, 0 linked, 0 known already"
	assert sorted(listings(stage)) == ["10", "20", "30"]


def test_a_storefront_that_cannot_be_asked(stage: Stage) -> None:
	shop = Shop()
	shop.products = lambda cursor: None  # type: ignore[method-assign]
	ended = run(stage, shop)
	assert ended.message == CANNOT_BE_ASKED
	assert entries(stage)[-1]["state"] == "Skipped"


def test_a_storefront_that_is_away_is_asked_again(stage: Stage) -> None:
	shop = Shop(many(2))
	read = shop.products

	def away(cursor: str | None) -> ProductPage | None:
		shop.products = read  # type: ignore[method-assign]
		raise Retryable("503")

	shop.products = away  # type: ignore[method-assign]
	world = shop.world(stage)
	begin(world, stage, create=True)
	stage.run(world)
	assert entries(stage)[0]["state"] == "Retrying"
	stage.time += timedelta(hours=1)
	stage.run(world)
	assert progress(stage).message.startswith("2 products: 2 Items made")


def test_a_cursor_that_does_not_move(stage: Stage) -> None:
	shop = Shop()
	shop.products = lambda cursor: ProductPage((), "1")  # type: ignore[method-assign]
	world = shop.world(stage)
	begin(world, stage)
	stage.run(world)
	assert entries(stage)[-1]["state"] == "Retrying"
	assert "cursor does not move" in entries(stage)[-1]["message"]


def test_what_was_left_alone_is_told_at_the_end(stage: Stage) -> None:
	ended = run(stage, Shop(many(40), size=10))
	assert ended.failed == 40
	assert ended.message.endswith("40 with something to look at")
	whole = json.loads(entries(stage)[-1]["summary"])["of the whole import"]
	assert (whole["count"], len(whole["first"])) == (40, 30)
	assert whole["first"][0].startswith("SKU-1: No Item has SKU SKU-1")


def test_stock_of_what_was_linked_is_sent_and_nothing_else_of_what_was_made(stage: Stage) -> None:
	stage.shop.add_product("LOOSE")
	stage.sandbox.make_item("LOOSE")
	stage.sandbox.set_stock("LOOSE", "Stores", Decimal(3))
	run(stage, Shop([product(1, variant(11, "LOOSE"))]))
	assert stage.shop.stock["LOOSE"] == 3
	run(stage, Shop([product(2, variant(21, "NEW"))]), create=True)
	payloads = [
		(row["topic"], json.loads(row["payload"]))
		for row in stage.sandbox.journal.entries()
		if row["direction"] == "Outbound" and row["topic"].endswith(".changed")
	]
	assert [topic for topic, payload in payloads if "NEW" in payload] == ["stock.changed"]
