"""What a storefront has sold is off every channel's stock from its webhook on, and is never counted twice.

One suite for the sandbox and a real site: events go into the journal, are counted, and become orders.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Protocol

from commerce_bridge.bridge import feeds
from commerce_bridge.bridge.channel import ChannelStatus, LineItems, OrderPolicy
from commerce_bridge.bridge.errors import Misconfigured, Rejected
from commerce_bridge.bridge.model import Event, EventData, Order, OrderCancellation, StockLevel
from commerce_bridge.bridge.protocols import Incoming, PushResult, row_key
from commerce_bridge.bridge.receive import new_entry
from commerce_bridge.bridge.unbooked import count_all, count_unbooked
from commerce_bridge.bridge.worker import run_once
from commerce_bridge.bridge.world import World
from commerce_bridge.tests.contract import ContractSuite
from commerce_bridge.tests.order_cells import CanonicalConnector, CellFixture, line, order


class UnbookedFixture(CellFixture, Protocol):
	def skip(self, entry: str) -> None:
		"""A person gives an entry up."""
		...

	def requeue(self, entry: str) -> None:
		"""A person tries an entry again."""
		...


class FragileConnector(CanonicalConnector):
	"""Chokes on what no test of the engine should know."""

	def __init__(self, pushed: list[Decimal]):
		self._pushed = pushed

	def push_stock(self, levels: Sequence[StockLevel]) -> list[PushResult]:
		self._pushed += [level.quantity for level in levels]
		return [PushResult(row_key(level)) for level in levels]

	def parse(self, topic: str, payload: str) -> Event:
		if topic == "unexpected":
			raise ZeroDivisionError
		if topic == "rejected":
			raise Rejected("no sense")
		return super().parse(topic, payload)


class UnbookedCells(ContractSuite):
	fixture: UnbookedFixture

	def setUp(self) -> None:
		super().setUp()
		self.channel = self.fixture.make_channel(self.channel.name, orders=OrderPolicy())
		self.phone(stock=100)
		self.fixture.make_listing(self.channel.name, "CB-PHONE", "CB-PHONE")
		self.pushed: list[Decimal] = []
		connect: Any = lambda *asked: FragileConnector(self.pushed)  # noqa: E731
		self.world = World(self.erp, self.journal, self.state, connect, self._now, lambda low, high: high)
		self.number = 0

	def _now(self) -> datetime:
		return self.fixture.now() + timedelta(seconds=1)

	def key(self) -> str:
		return f"unbooked-{self.fixture.now().strftime('%H%M%S%f')}"

	def arrive(self, data: EventData | str, topic: str = "order.upserted", channel: Any = None) -> str:
		"""The webhook of an event: one entry, nothing else."""
		self.number += 1
		channel = channel or self.channel
		external_id = None if isinstance(data, str) else data.id
		if isinstance(data, Order):
			data = data.model_copy(update={"currency": channel.currency})
		payload = data if isinstance(data, str) else data.model_dump_json()
		incoming = Incoming(topic, f"{self.id()}-{self.number}", external_id, None, None, payload)
		with self.erp.transaction():
			return self.journal.record([new_entry(channel, incoming)])[0].name

	def cancel(self, key: str, version: int) -> str:
		moment = order(key, line(1), version=version).updated_at
		return self.arrive(OrderCancellation(id=key, version=version, updated_at=moment), "order.cancelled")

	def left(self) -> Decimal:
		"""What is on offer once all was counted."""
		count_all(self.world)
		return self.level("CB-PHONE")

	# --- appears

	def test_an_order_is_sold_from_its_webhook_on(self) -> None:
		self.arrive(order(self.key(), line(1, 3), line(2, 2)))
		self.assertEqual(self.left(), 95)
		self.assertIn("CB-PHONE", self.drain_stock_changes())

	def test_on_every_channel(self) -> None:
		other = self.fixture.make_channel("Contract Shop 2", orders=OrderPolicy())
		self.arrive(order(self.key(), line(1, 3)), channel=other)
		self.assertEqual(self.left(), 97)

	def test_of_a_paused_channel_too(self) -> None:
		other = self.fixture.make_channel("Contract Shop 2", orders=OrderPolicy())
		self.arrive(order(self.key(), line(1, 3)), channel=other)
		self.fixture.make_channel("Contract Shop 2", status=ChannelStatus.PAUSED)
		self.assertEqual(self.left(), 97)

	def test_the_newest_version_counts_whatever_comes_first(self) -> None:
		for first, second in ((1, 2), (2, 1)):
			key = self.key()
			for version in (first, second):
				self.arrive(order(key, line(1, 2 + version), version=version))
				count_all(self.world)
			self.assertEqual(self.left(), 96)
			self.cancel(key, 3)
			self.assertEqual(self.left(), 100)

	def test_lines_without_a_product_sell_nothing_of_ours(self) -> None:
		self.fixture.make_item("CB-CUSTOM", is_stock_item=False)
		items = LineItems(custom="CB-CUSTOM", gift_card="CB-CUSTOM")
		self.channel = self.fixture.make_channel(self.channel.name, line_items=items)
		nameless = [
			line(number, 4).model_copy(update={"sku": None, "kind": kind})
			for number, kind in enumerate(("custom", "gift_card"), start=2)
		]
		self.arrive(order(self.key(), line(1, 3), *nameless))
		self.assertEqual(self.left(), 97)

	def test_a_cancelled_order_sells_nothing(self) -> None:
		key = self.key()
		self.cancel(key, 2)
		self.arrive(order(key, line(1, 3), version=1))
		self.arrive(order(self.key(), line(1, 3), cancelled=True))
		self.assertEqual(self.left(), 100)

	def test_unknown_goods_are_ignored(self) -> None:
		strange = line(2, 5).model_copy(update={"sku": "CB-NOBODY-KNOWS"})
		self.arrive(order(self.key(), line(1, 3), strange))
		self.assertEqual(self.left(), 97)

	def test_orders_the_channel_does_not_take_sell_nothing(self) -> None:
		self.fixture.make_channel(self.channel.name, orders=OrderPolicy(statuses=("paid",)))
		self.arrive(order(self.key(), line(1, 3), status="pending"))
		self.assertEqual(self.left(), 100)

	def test_what_cannot_be_read_is_looked_into_once(self) -> None:
		self.arrive("{", "unexpected")
		self.arrive("{", "rejected")
		self.arrive("{", "order.upserted")
		self.arrive(order(self.key(), line(1, 3)))
		self.assertEqual(count_unbooked(self.world), 4)
		self.assertEqual(count_unbooked(self.world), 0)
		self.assertEqual(self.left(), 97)

	def test_events_of_a_channel_nobody_can_connect_are_looked_into_once(self) -> None:
		def connect(*asked: Any) -> Any:
			raise Misconfigured("no such platform")

		self.arrive(order(self.key(), line(1, 3)))
		self.assertEqual(count_unbooked(replace(self.world, connect=connect)), 1)
		self.assertEqual(count_unbooked(self.world), 0)

	def test_a_line_is_taken_off_where_it_is_delivered_from(self) -> None:
		there = line(1, 3).model_copy(update={"location_id": "nowhere we know"})
		self.arrive(order(self.key(), there))
		self.assertEqual(self.left(), 97, "a location nobody mapped is the default warehouse")

	def test_more_than_the_database_holds_stops_nobody(self) -> None:
		"""Each line is a number an order may say; their sum is not."""
		huge = line(1).model_copy(update={"quantity": Decimal(999999999999)})
		self.arrive(order(self.key(), huge, huge.model_copy(update={"id": "l2"})))
		self.assertEqual(count_unbooked(self.world), 1)
		self.assertEqual(count_unbooked(self.world), 0)
		self.assertEqual(self.level("CB-PHONE"), 0)

	def test_an_order_that_cannot_be_counted_stops_no_other(self) -> None:
		bad, good = self.key(), self.key() + "-good"
		suite = self

		class Failing:
			def __getattr__(self, name: str) -> Any:
				return getattr(suite.erp, name)

			def save_unbooked(self, sales: Any) -> None:
				if any(sale.external_id == bad for sale in sales):
					raise ZeroDivisionError("Ada Lovelace")
				suite.erp.save_unbooked(sales)

		failing = replace(self.world, erp=Failing())
		name = self.arrive(order(bad, line(1, 5)))
		self.arrive(order(good, line(1, 3)))
		with self.assertLogs("commerce_bridge.bridge.unbooked", "ERROR") as logged:
			self.assertEqual(count_unbooked(failing), 2)
		self.assertEqual(count_unbooked(failing), 0)
		self.assertEqual(self.level("CB-PHONE"), 97)
		self.assertEqual(self.fixture.entry(name)["state"], "Queued", "the worker is to say what is wrong")
		self.assertIn("ZeroDivisionError", logged.output[0])
		self.assertNotIn("Ada", logged.output[0])

	# --- disappears

	def test_a_booked_order_is_taken_off_once_at_any_moment(self) -> None:
		key = self.key()
		self.arrive(order(key, line(1, 3)))
		self.assertEqual(self.left(), 97)
		run_once(self.world)
		self.assertEqual(self.level("CB-PHONE"), 97, "booked, and its row not forgotten yet")
		self.assertEqual(self.left(), 97, "booked, and forgotten")
		self.assertEqual(self.fixture.count_sales_orders(key), 1)

	def test_inside_the_booking_transaction_too(self) -> None:
		"""What is committed changes in one step: a reader before it sees the row, after it the order."""
		seen: list[Decimal] = []
		suite = self

		class Watching:
			def __getattr__(self, name: str) -> Any:
				return getattr(suite.journal, name)

			def finish(self, *args: Any) -> None:
				seen.append(suite.erp.stock_levels(suite.channel, ["CB-PHONE"])[0].level.quantity)
				suite.journal.finish(*args)
				seen.append(suite.erp.stock_levels(suite.channel, ["CB-PHONE"])[0].level.quantity)

		self.arrive(order(self.key(), line(1, 3)))
		count_all(self.world)
		run_once(replace(self.world, journal=Watching()))
		self.assertEqual(seen, [97, 97])

	def test_a_change_of_a_booked_order_takes_off_the_difference(self) -> None:
		key = self.key()
		self.arrive(order(key, line(1, 3)))
		run_once(self.world)
		self.arrive(order(key, line(1, 5), version=2))
		self.assertEqual(self.left(), 95)
		self.arrive(order(key, line(1, 2), version=3))
		self.assertEqual(self.left(), 97, "less than is reserved: until it is booked, the reservation stands")
		run_once(self.world)
		run_once(self.world)
		self.assertEqual(self.left(), 98)

	def test_an_older_event_that_failed_sells_nothing_once_a_newer_one_is_booked(self) -> None:
		key = self.key()
		strange = line(2, 1).model_copy(update={"sku": "CB-NOBODY-KNOWS"})
		failed = self.arrive(order(key, line(1, 5), strange, version=1))
		self.assertEqual(self.left(), 95)
		run_once(self.world)
		self.assertEqual(self.fixture.entry(failed)["state"], "Failed")
		self.assertEqual(self.left(), 95, "the shop has sold it all the same")
		self.arrive(order(key, line(1, 2), version=2))
		run_once(self.world)
		self.assertEqual(self.left(), 98)

	def test_two_versions_of_which_the_first_is_booked(self) -> None:
		key = self.key()
		self.arrive(order(key, line(1, 2), version=1))
		self.arrive(order(key, line(1, 5), version=2))
		self.assertEqual(self.left(), 95)
		run_once(self.world)
		self.assertEqual(self.level("CB-PHONE"), 95)
		run_once(self.world)
		self.assertEqual(self.left(), 95)

	def test_an_older_event_counts_again_when_the_newer_one_is_given_up(self) -> None:
		key = self.key()
		self.arrive(order(key, line(1, 5), version=1))
		newer = self.arrive(order(key, line(1, 2), version=2))
		self.assertEqual(self.left(), 98)
		self.fixture.skip(newer)
		self.assertEqual(self.left(), 95)

	def test_a_push_counts_what_came_since(self) -> None:
		entry = feeds.feed_entry(self.channel, feeds.STOCK, feeds.STOCK.changed, ["CB-PHONE"], self.key())
		with self.erp.transaction():
			pushing = self.journal.record([entry])[0].name
		self.arrive(order(self.key(), line(1, 3)))
		run_once(self.world)
		self.assertEqual(self.fixture.entry(pushing)["state"], "Succeeded")
		self.assertEqual(self.pushed, [97])

	def test_what_a_person_gives_up_is_on_offer_again(self) -> None:
		name = self.arrive(order(self.key(), line(1, 3)))
		self.assertEqual(self.left(), 97)
		self.drain_stock_changes()
		self.fixture.skip(name)
		self.assertEqual(self.left(), 100)
		self.assertIn("CB-PHONE", self.drain_stock_changes())
		self.fixture.requeue(name)
		self.assertEqual(self.left(), 97)
