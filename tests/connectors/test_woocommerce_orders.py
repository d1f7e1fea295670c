"""What is asked of a shop: what a deletion leaves out, one order, and all that changed, none left out."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from itertools import count, islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commerce_bridge.bridge import model
from commerce_bridge.bridge.errors import AnswerTooLarge, Misconfigured, Rejected, Retryable
from commerce_bridge.bridge.protocols import Page
from commerce_bridge.connectors.woocommerce import mapper, orders
from commerce_bridge.connectors.woocommerce.client import NotFound, Unreadable
from tests.connectors.test_woocommerce_amounts import CHANNEL
from tests.connectors.test_woocommerce_mapper import captured
from tests.connectors.woocommerce_orders import Cart, Sold

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=timezone.utc)
START = datetime(2026, 11, 20, 9, 0, tzinfo=timezone.utc)
PAYLOAD = Cart([Sold("10.00")]).payload()


def gmt(time: datetime) -> str:
	return time.strftime("%Y-%m-%dT%H:%M:%S")


def order(number: int, modified: datetime = START, **changes: Any) -> dict[str, Any]:
	return {
		**PAYLOAD,
		"id": number,
		"number": str(number),
		"date_modified_gmt": gmt(modified),
		"date_modified": gmt(modified + timedelta(hours=1)),
		**changes,
	}


@dataclass
class Shop:
	"""Answers as a WooCommerce does: orders that changed in one second come in another order each time."""

	orders: dict[int, dict[str, Any]] = field(default_factory=dict)
	products: dict[str, dict[str, Any]] = field(default_factory=dict)
	variations: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
	refunds: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
	asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
	chance: random.Random = field(default_factory=lambda: random.Random(7))
	before: Any = None  # called before each answer
	most: int = 1_000  # orders of weight 1 in an answer that is not too large

	def add(self, *rows: dict[str, Any]) -> Shop:
		self.orders.update({row["id"]: row for row in rows})
		return self

	def get(self, path: str, **params: Any) -> Any:
		self.asked.append((path, params))
		if self.before:
			self.before(self)
		if path == "orders":
			return self._listed(params)
		kind, _, key = path.partition("/")
		if path.endswith("/refunds"):
			return self.refunds.get(int(path.split("/")[1]), [])[: params["per_page"]]
		if path.endswith("/variations"):
			return self.variations[path.split("/")[1]][: params["per_page"]]
		found = self.orders.get(int(key)) if kind == "orders" else self.products.get(key)
		if found is None:
			raise NotFound("gone", f"woocommerce_rest_{kind}_invalid_id", 404)
		return found

	def pages(self, path: str, **params: Any) -> Iterator[list[Any]]:
		size = params.pop("per_page", 100)
		for number in count(1):
			rows = self.get(path, **params, per_page=size, page=number)
			if rows:
				yield rows
			if len(rows) < size:
				return

	def _listed(self, params: dict[str, Any]) -> list[dict[str, Any]]:
		assert params["per_page"] <= 100
		trash = params.get("status") == "trash"
		rows = [row for row in self.orders.values() if (row["status"] == "trash") == trash]
		after, until = params.get("modified_after"), params.get("modified_before")
		assert bool(after) == bool(params.get("dates_are_gmt"))
		assert not after or "Z" not in after
		rows = [row for row in rows if not after or row["date_modified_gmt"] > after]
		rows = [row for row in rows if not until or row["date_modified_gmt"] < until]
		self.chance.shuffle(rows)
		rows.sort(key=lambda row: row["id"] if params["orderby"] == "id" else row["date_modified_gmt"])
		start = (params.get("page", 1) - 1) * params["per_page"]
		shown = rows[start : start + params["per_page"]]
		if fields := params.get("_fields"):
			return [{name: row[name] for name in fields} for row in shown]
		if sum(row.get("weight", 1) for row in shown) > self.most:
			raise AnswerTooLarge("more than is taken")
		if any("broken" in row for row in shown):
			raise Unreadable("no JSON")
		return shown


def polled(shop: Any, cursor: str | None = None) -> list[Page]:
	"""The pages with orders; the one behind them only says that it is the last."""
	*pages, last = orders.orders_since(shop, cursor, lambda: NOW)
	assert (last.events, last.more, all(page.more for page in pages)) == ((), False, True)
	return pages


def ids(pages: Sequence[Page]) -> list[int]:
	return [int(event.external_id or 0) for page in pages for event in page.events]


# --- those that changed ----------------------------------------------------------------------------------


def test_orders_come_oldest_first_and_whole() -> None:
	shop = Shop().add(*(order(number, START + timedelta(seconds=-number)) for number in range(1, 8)))
	[page] = polled(shop)
	assert ids([page]) == [7, 6, 5, 4, 3, 2, 1]
	event = page.events[0]
	assert (event.topic, event.external_number) == (mapper.POLLED, "7")
	assert event.source_time == START - timedelta(seconds=7)
	assert mapper.parse(event.topic, event.payload, CHANNEL).data == mapper.to_order(shop.orders[7], CHANNEL)
	assert page.cursor == "under way: 2026-11-20T08:59:59Z"


def test_an_order_is_the_same_polled_or_sent() -> None:
	sent = mapper.parse("order.updated", captured_text("order_updated_webhook"), CHANNEL).data
	payload = captured("order_updated_webhook")
	[page] = polled(Shop().add(json.loads(json.dumps(payload))))
	found = mapper.parse(page.events[0].topic, page.events[0].payload, CHANNEL).data
	assert isinstance(sent, model.Order) and isinstance(found, model.Order)
	assert found.model_copy(update={"custom": {}, "lines": ()}) == sent.model_copy(
		update={"custom": {}, "lines": ()}
	)
	assert [row.model_copy(update={"custom": {}}) for row in found.lines] == [
		row.model_copy(update={"custom": {}}) for row in sent.lines
	]


def captured_text(name: str) -> str:
	sample = json.loads((Path(__file__).parent / "fixtures" / "woocommerce" / f"{name}.json").read_text())
	return sample["raw_body"]


def test_a_poll_begins_before_its_cursor() -> None:
	"""Five minutes, and a second more: `modified_after` leaves the moment itself out."""
	shop = Shop().add(
		order(1, START - timedelta(minutes=5, seconds=1)),
		order(2, START - timedelta(minutes=5)),
		order(3, START),
	)
	assert ids(polled(shop, "2026-11-20T09:00:00Z")) == [2, 3]
	assert {params["modified_after"] for _path, params in shop.asked} == {"2026-11-20T08:54:59"}
	assert all(params["dates_are_gmt"] is True for _path, params in shop.asked)


def test_a_cursor_of_another_zone_is_the_same_moment() -> None:
	shop = Shop()
	polled(shop, "2026-11-20T14:30:00+05:30")
	assert shop.asked[0][1]["modified_after"] == "2026-11-20T08:54:59"


def test_a_cursor_that_is_no_moment_is_refused() -> None:
	with pytest.raises(Misconfigured):
		polled(Shop(), "page-3")


def test_without_a_cursor_the_whole_history_is_read() -> None:
	shop = Shop().add(order(1, datetime(2015, 1, 1, tzinfo=timezone.utc)), order(2))
	assert ids(polled(shop)) == [1, 2]
	assert "modified_after" not in shop.asked[0][1]


def test_an_empty_shop_has_no_page() -> None:
	assert polled(Shop(), "2026-11-20T09:00:00Z") == []


@pytest.mark.parametrize("number", [99, 100, 101, 250, 1_000])
def test_all_orders_of_as_many_seconds_are_read_once(number: int) -> None:
	shop = Shop().add(*(order(each, START + timedelta(seconds=each)) for each in range(1, number + 1)))
	pages = polled(shop)
	assert ids(pages) == list(range(1, number + 1))
	assert all(len(page.events) <= 100 for page in pages)
	assert [page.cursor for page in pages] == sorted(page.cursor or "" for page in pages)


@pytest.mark.parametrize("number", [100, 101, 350])
def test_a_second_with_more_orders_than_a_page_loses_none(number: int) -> None:
	"""A real shop, asked for the second page of such orders, repeats some and never shows others."""
	shop = Shop().add(*(order(each) for each in range(1, number + 1)))
	shop.add(order(9_001, START - timedelta(seconds=1)), order(9_002, START + timedelta(seconds=1)))
	found = ids(polled(shop))
	assert sorted(found) == [*range(1, number + 1), 9_001, 9_002]
	assert found[0] == 9_001 and found[-1] == 9_002


def test_a_full_second_that_is_changed_while_it_is_read_loses_none() -> None:
	"""An order that changes leaves its second, and moves those after it to the page before."""
	shop = Shop().add(*(order(each) for each in range(1, 302)))
	later = START + timedelta(minutes=1)
	changed = iter(range(1, 60))

	def change(shop: Shop) -> None:
		number = next(changed, None)
		if number:
			shop.add(order(number, later, status="completed"))

	shop.before = change
	found = ids(polled(shop))
	assert set(found) == set(range(1, 302))


@settings(max_examples=60, deadline=None)
@given(
	seconds=st.lists(st.integers(0, 12), min_size=1, max_size=500),
	trashed=st.sets(st.integers(1, 500), max_size=20),
	seed=st.integers(0, 1_000),
)
def test_whatever_the_seconds_none_is_left_out_or_told_twice(
	seconds: list[int], trashed: set[int], seed: int
) -> None:
	shop = Shop(chance=random.Random(seed)).add(
		*(
			order(
				number,
				START + timedelta(seconds=second),
				status="trash" if number in trashed else "processing",
			)
			for number, second in enumerate(seconds, 1)
		)
	)
	pages = polled(shop, "2026-11-20T09:00:00Z")
	assert sorted(ids(pages)) == list(range(1, len(seconds) + 1))
	events = [event.event_id for page in pages for event in page.events]
	assert len(set(events)) == len(events)


def test_a_poll_that_is_killed_goes_on_from_any_of_its_pages() -> None:
	shop = Shop().add(*(order(each, START + timedelta(seconds=each // 3)) for each in range(1, 1_001)))
	whole = polled(shop)
	for place in range(len(whole)):
		seen = set(ids(whole[: place + 1]))
		rest = polled(shop, whole[place].cursor)
		assert seen | set(ids(rest)) == set(range(1, 1_001))


def test_a_poll_that_is_killed_again_and_again_comes_to_its_end() -> None:
	"""However much changed within the overlap: two pages at a time are enough."""
	shop = Shop().add(*(order(each, START + timedelta(seconds=each // 9)) for each in range(1, 1_001)))
	seen: set[int] = set()
	cursor, killed, more = None, 0, True
	while more:
		for page in islice(orders.orders_since(shop, cursor, lambda: NOW), 2):
			seen |= set(ids([page]))
			cursor, more = page.cursor or cursor, page.more
		killed += 1
		assert killed <= 12
	assert seen == set(range(1, 1_001))
	assert cursor == "2026-11-20T09:01:51Z", "the end is read again, with the overlap"


@pytest.mark.parametrize("each_second", [1, 9, 40])
def test_where_a_page_is_more_than_is_taken_smaller_ones_are_asked_for(each_second: int) -> None:
	heavy = {7: 60, 8: 60, 30: 99}
	shop = Shop().add(
		*(
			order(each, START + timedelta(seconds=each // each_second), weight=heavy.get(each, 1))
			for each in range(1, 301)
		)
	)
	shop.most = 110
	assert set(ids(polled(shop))) == set(range(1, 301))


@pytest.mark.parametrize("each_second", [1, 9, 300])
@pytest.mark.parametrize("wrong", [{"weight": 1_001}, {"broken": True}])
def test_an_order_that_cannot_be_read_keeps_no_other_from_being_read(
	each_second: int, wrong: dict[str, Any]
) -> None:
	"""It is recorded by its number, and fails by itself."""
	shop = Shop().add(
		*(
			order(each, START + timedelta(seconds=each // each_second), **(wrong if each in (7, 200) else {}))
			for each in range(1, 301)
		)
	)
	pages = polled(shop)
	assert sorted(ids(pages)) == list(range(1, 301))
	[seventh] = [event for page in pages for event in page.events if event.external_id == "7"]
	assert seventh.external_number == "7" and seventh.source_time
	with pytest.raises(Rejected, match="line_items: is required"):
		mapper.parse(seventh.topic, seventh.payload, CHANNEL)


def test_ten_thousand_orders_are_read_page_by_page() -> None:
	"""Pages are asked for when they are taken: what was read before is not kept."""
	shop = Shop().add(*(order(each, START + timedelta(seconds=each)) for each in range(1, 10_001)))
	pages = orders.orders_since(shop, None, lambda: NOW)
	next(pages)
	assert len(shop.asked) == 2, "the trash, and one page"
	assert sum(len(page.events) for page in pages) == 9_900
	assert len(shop.asked) <= 104


@pytest.mark.parametrize("there", [(), (order(1, START - timedelta(minutes=3)),)])
def test_a_poll_that_finds_nothing_new_leaves_the_cursor_where_it_was(there: Any) -> None:
	*_, last = orders.orders_since(Shop().add(*there), "2026-11-20T09:00:00Z", lambda: NOW)
	assert last.cursor == "2026-11-20T09:00:00Z"


def test_the_trash_is_read_too() -> None:
	"""No status means any, and any means none in the trash. Of an order that REST takes out of the trash again, no
	webhook tells either."""
	shop = Shop().add(order(1, status="trash"), order(2), order(3, status="checkout-draft"))
	pages = polled(shop)
	assert sorted(ids(pages)) == [1, 2, 3]
	assert [page.cursor for page in pages] == [None, "under way: 2026-11-20T09:00:00Z"]
	trashed = mapper.parse(mapper.POLLED, pages[0].events[0].payload, CHANNEL).data
	assert isinstance(trashed, model.Order) and trashed.cancelled


def test_the_cursor_does_not_go_beyond_when_the_trash_was_read() -> None:
	"""What is thrown away while a long history is read is found by the next poll."""
	shop = Shop().add(order(1, NOW - timedelta(hours=1)), order(2, NOW + timedelta(hours=1)))
	*_, last = orders.orders_since(shop, None, lambda: NOW)
	assert last.cursor == "2026-11-20T12:00:00Z"


def test_each_state_of_an_order_is_one_event_however_often_it_is_seen() -> None:
	def seen(**changes: Any) -> str:
		[page] = polled(Shop().add(order(1, **changes)))
		return page.events[0].event_id

	image = [{**PAYLOAD["line_items"][0], "image": {"id": 9, "src": "https://shop.example/9.png"}}]
	for same in (
		{"_links": {"a": 1}},
		{"needs_payment": True},
		{"currency_symbol": "€"},
		{"line_items": image},
	):
		assert seen(**same) == seen()
	assert seen(status="completed") != seen(), "of one second"
	assert seen(date_modified_gmt="2026-11-20T09:00:01") != seen()


@pytest.mark.parametrize("answer", [{"code": "x"}, [3], [{"id": 0}], [{}], None, "<html>"])
def test_an_answer_that_is_no_list_of_orders_is_asked_for_again(answer: Any) -> None:
	class Odd(Shop):
		def get(self, path: str, **params: Any) -> Any:
			return answer

	with pytest.raises(Retryable):
		polled(Odd())


def test_orders_that_do_not_say_when_they_changed_are_not_read_forever() -> None:
	rows = [order(each, date_modified_gmt=None, date_created_gmt=None) for each in range(1, 101)]

	class Odd(Shop):
		def get(self, path: str, **params: Any) -> Any:
			return [] if params.get("status") else rows

	with pytest.raises(Retryable, match="do not say when"):
		polled(Odd())


# --- one order -------------------------------------------------------------------------------------------


def test_an_order_is_fetched_as_it_stands() -> None:
	shop = Shop().add(order(5, status="completed"))
	found = orders.fetch_order(shop, "5")
	assert found and (found.topic, found.external_id, found.external_number) == (mapper.POLLED, "5", "5")
	assert orders.fetch_order(shop, "5") == found
	shop.add(order(5, status="cancelled"))
	again = orders.fetch_order(shop, "5")
	assert again and again.event_id != found.event_id


def test_an_order_that_is_not_there_is_none() -> None:
	assert orders.fetch_order(Shop(), "5") is None


# --- completing ------------------------------------------------------------------------------------------


def completed(shop: Shop, event: model.Event) -> model.Event:
	return orders.complete(shop, CHANNEL, event, lambda: NOW)


def deleted_order(shop: Shop) -> Any:
	event = model.Event(type="order.deleted", data=model.OrderReference(id="5"), incomplete=True)
	return completed(shop, event).data


def test_a_deleted_order_is_in_the_trash_and_cancelled() -> None:
	found = deleted_order(Shop().add(order(5, status="trash")))
	assert isinstance(found, model.Order) and (found.id, found.cancelled) == ("5", True)


def test_a_deleted_order_that_is_gone_for_good_is_cancelled_now() -> None:
	found = deleted_order(Shop())
	assert isinstance(found, model.OrderCancellation)
	assert (found.id, found.updated_at) == ("5", NOW)


def test_a_deleted_order_that_was_restored_since_stands() -> None:
	"""Nor does a deletion that somebody sent again cancel it: what counts is what the shop says now."""
	found = deleted_order(Shop().add(order(5)))
	assert isinstance(found, model.Order) and not found.cancelled


def deleted_product(shop: Shop, product_id: str = "15") -> Any:
	event = model.Event(type="product.deleted", data=model.ProductDeletion(id=product_id), incomplete=True)
	return completed(shop, event).data


def shirt(**changes: Any) -> Shop:
	parent = {**captured("product_variable"), **changes}
	return Shop(products={"15": parent}, variations={"15": captured("variations_list")})


def test_a_deleted_product_is_one_where_the_shop_says_so() -> None:
	assert deleted_product(shirt(status="trash")) == model.ProductDeletion(id="15")
	assert deleted_product(Shop()) == model.ProductDeletion(id="15")


def test_a_deleted_product_that_is_there_is_no_deletion() -> None:
	"""The bodies of `order.deleted` and `product.deleted` are alike, and the topic is not signed."""
	found = deleted_product(shirt())
	assert isinstance(found, model.Product) and len(found.variants) == 2


def test_a_deleted_variation_is_one_that_its_product_has_no_more() -> None:
	shop = shirt()
	shop.products["16"] = {**captured("variation"), "status": "trash"}
	shop.variations["15"] = [row for row in shop.variations["15"] if row["id"] != 16]
	found = deleted_product(shop, "16")
	assert isinstance(found, model.Product)
	assert (found.id, found.partial, [row.id for row in found.variants]) == ("15", False, ["17"])


def test_a_variable_product_is_completed_by_its_variations() -> None:
	event = mapper.parse("product.updated", captured_text_of_product(), CHANNEL)
	found = completed(shirt(), event).data
	assert isinstance(found, model.Product) and not found.partial
	assert {row.id: row.sku for row in found.variants} == {"16": "VAR-1-S", "17": "VAR-1-M"}


def captured_text_of_product() -> str:
	return json.dumps(captured("product_variable"))


def test_a_product_with_more_variations_than_a_page_is_whole() -> None:
	row = captured("variation")
	shop = shirt()
	rows = [{**row, "id": number} for number in range(1, 251)]

	class Paged(Shop):
		def pages(self, path: str, **params: Any) -> Iterator[list[Any]]:
			yield from (rows[start : start + 100] for start in range(0, 250, 100))

	paged = Paged(products=shop.products)
	found = deleted_product(paged)
	assert isinstance(found, model.Product) and len(found.variants) == 250


def test_a_product_that_is_gone_meanwhile_is_nothing_to_book() -> None:
	event = model.Event(type="product.updated", data=model.Product(id="15", title="Shirt"), incomplete=True)
	assert completed(Shop(), event).data is None


def test_a_product_in_the_trash_is_a_deletion() -> None:
	event = model.Event(type="product.updated", data=model.Product(id="15", title="Shirt"), incomplete=True)
	assert completed(shirt(status="trash"), event).data == model.ProductDeletion(id="15")


def test_an_event_that_lacks_nothing_stays() -> None:
	event = model.Event(type="order.updated", data=mapper.to_order(PAYLOAD, CHANNEL))
	assert completed(Shop(), event) is event


def test_an_answer_that_is_something_else_is_asked_for_again() -> None:
	class Odd(Shop):
		def get(self, path: str, **params: Any) -> Any:
			return {"message": "down for a moment"}

	with pytest.raises(Retryable):
		deleted_order(Odd())
