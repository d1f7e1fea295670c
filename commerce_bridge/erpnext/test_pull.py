"""What a channel's readers get: who may read, pages without gaps, ETags, limits, and what is refused."""

from __future__ import annotations

import base64
import json
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from functools import partial
from typing import Any
from unittest.mock import patch
from urllib.parse import parse_qs, urlencode, urlsplit

import frappe
from erpnext.accounts.doctype.sales_invoice.sales_invoice import make_delivery_note
from werkzeug.test import TestResponse

from commerce_bridge.bridge.channel import ChannelStatus
from commerce_bridge.bridge.clock import utc_now
from commerce_bridge.erpnext import bin, pull, site
from commerce_bridge.erpnext.test_orders import SHOP as ORDERS_SHOP
from commerce_bridge.erpnext.test_orders import OrdersCase
from commerce_bridge.erpnext.time import earliest_of_site, from_site, to_site
from commerce_bridge.permissions import INTEGRATION, MANAGER, USER
from commerce_bridge.tests.base import SiteTestCase
from commerce_bridge.tests.factory import SiteFixture
from commerce_bridge.tests.webhooks import WebhookCase

SHOP, OTHER = "Pull Shop", "Pull Other Shop"
ITEMS = [f"CB-PULL-{number}" for number in range(7)]
FEEDS = ("catalog", "stock", "prices", "shipments", "orders")
NOW = datetime(2026, 11, 20, 9, 0, 30, tzinfo=timezone.utc)


class PullCase(SiteTestCase):
	def setUp(self) -> None:
		self.fixture = SiteFixture()
		self.fixture.make_channel(SHOP)
		for item in ITEMS:
			self.fixture.make_item(item)
			self.fixture.make_listing(SHOP, item, f"WEB-{item}")
		site.collect(site.world())
		self.addCleanup(frappe.set_user, "Administrator")

	def get(self, feed: str = "stock", channel: str = SHOP, **parameters: Any) -> Any:
		"""The answer as the request's own code gives it, without a request."""
		asked = {name: str(value) for name, value in parameters.items()}
		with patch.dict(frappe.conf, {pull.REQUESTS_SETTING: 0}):
			return pull.answer(feed, channel, asked, NOW)

	def read(self, feed: str = "stock", channel: str = SHOP, **parameters: Any) -> list[Any]:
		answer = self.get(feed, channel, **parameters)
		self.assertEqual(answer.status_code, 200, answer.data)
		return json.loads(answer.data)

	def walk(self, feed: str, limit: int, channel: str = SHOP, **parameters: Any) -> list[list[Any]]:
		"""All pages, each asked for with what the last one's headers say."""
		pages, cursor = [], {}
		while True:
			answer = self.get(feed, channel, limit=limit, **parameters, **cursor)
			pages.append(json.loads(answer.data))
			if "X-Next-Cursor" not in answer.headers:
				self.assertNotIn("Link", answer.headers)
				return pages
			cursor = {"cursor": answer.headers["X-Next-Cursor"]}
			self.assertLess(len(pages), 50)

	def stamp(self, *moments: datetime, column: str = "stock_changed_at", channel: str = SHOP) -> list[str]:
		"""Gives the channel's listings these times, in turn; returns their names."""
		names = frappe.get_all("Channel Listing", {"channel": channel}, pluck="name", order_by="item_code")
		for number, name in enumerate(names):
			moment = to_site(moments[number % len(moments)])
			frappe.db.set_value("Channel Listing", name, column, moment, update_modified=False)
		frappe.db.commit()
		return names

	def count(self, work: Any) -> int:
		"""Queries of some work."""
		plain, queries = frappe.db.sql, []

		def counted(query: str, *arguments: Any, **values: Any) -> Any:
			queries.append(str(query))
			return plain(query, *arguments, **values)

		with patch.object(frappe.db, "sql", counted):
			work()
		return len(queries)


class TestStock(PullCase):
	def test_the_same_numbers_as_a_push(self) -> None:
		self.fixture.set_stock(ITEMS[0], Decimal(5))
		channel = self.fixture.make_channel(SHOP, stock_buffer=2)
		shown = {row["listing"]: row["quantity"] for row in self.read()}
		pushed = {row.level.listing: str(row.level.quantity) for row in bin.levels(channel, ITEMS)}
		self.assertEqual(shown, pushed)
		self.assertIn("3", shown.values())

	def test_an_element_says_what_it_is(self) -> None:
		[name, *_rest] = self.stamp(NOW)
		[row] = [row for row in self.read() if row["listing"] == name]
		self.assertEqual(
			row,
			{
				"id": f"{name}|:2026-11-20T09:00:30.000000Z",
				"key": f"{name}|",
				"updated_at": "2026-11-20T09:00:30.000000Z",
				"listing": name,
				"item_code": ITEMS[0],
				"sku": f"WEB-{ITEMS[0]}",
				"product_id": None,
				"variant_id": None,
				"location_id": None,
				"quantity": row["quantity"],
			},
		)

	def test_a_change_comes_first_and_under_another_id(self) -> None:
		self.stamp(NOW - timedelta(days=1))
		before = {row["key"]: row["id"] for row in self.read()}
		self.fixture.move_stock(ITEMS[3], 1)
		site.collect(site.world())
		first, *rest = self.read()
		self.assertEqual(first["item_code"], ITEMS[3])
		self.assertNotEqual(before[first["key"]], first["id"])
		self.assertEqual(
			{row["key"]: row["id"] for row in rest}, {k: v for k, v in before.items() if k != first["key"]}
		)

	def test_every_location_and_never_more_than_the_limit(self) -> None:
		group = frappe.db.get_value("Warehouse", {"company": self.fixture.company, "is_group": 1})
		warehouses = [
			{"warehouse": self.fixture.warehouse, "location_id": "berlin"},
			{"warehouse": group, "location_id": "all"},
		]
		self.fixture.make_channel(SHOP, warehouses=warehouses)
		pages = self.walk("stock", 5)
		self.assertEqual([len(page) for page in pages], [4, 4, 4, 2])
		rows = [row for page in pages for row in page]
		self.assertEqual(len({row["id"] for row in rows}), 2 * len(ITEMS))
		self.assertEqual({row["location_id"] for row in rows}, {"berlin", "all"})

	def test_a_delisted_listing_is_sold_nowhere(self) -> None:
		self.fixture.set_stock(ITEMS[0], Decimal(5))
		self.stamp(NOW)
		doc = frappe.get_doc("Channel Listing", {"channel": SHOP, "item_code": ITEMS[0]})
		doc.publication = "Delisted"
		doc.save()
		frappe.db.commit()
		site.collect(site.world())
		first = self.read()[0]
		self.assertEqual((first["listing"], first["quantity"]), (doc.name, "0"))
		self.assertEqual(self.read("catalog")[0]["published"], False)

	def test_a_setting_that_changes_every_number_makes_every_listing_new(self) -> None:
		self.stamp(NOW - timedelta(days=1))
		self.assertEqual(self.read(updated_since=NOW.isoformat()), [])
		doc = frappe.get_doc("Channel Settings", SHOP)
		doc.stock_buffer = 1
		doc.save()
		frappe.db.commit()
		self.assertEqual(len(self.read(updated_since=(NOW - timedelta(hours=1)).isoformat())), len(ITEMS))


class TestPages(PullCase):
	def test_no_gap_and_no_repetition_under_equal_times(self) -> None:
		for moments in ((NOW,), (NOW, NOW - timedelta(microseconds=1)), (NOW, NOW, NOW - timedelta(days=1))):
			names = self.stamp(*moments)
			for limit in range(1, len(ITEMS) + 1):
				with self.subTest(moments=len(moments), limit=limit):
					pages = self.walk("stock", limit)
					rows = [row for page in pages for row in page]
					self.assertEqual(sorted(row["listing"] for row in rows), sorted(names))
					times = [row["updated_at"] for row in rows]
					self.assertEqual(times, sorted(times, reverse=True))
					self.assertTrue(all(len(page) <= limit for page in pages))

	def test_since_is_inclusive_and_holds_on_every_page(self) -> None:
		self.stamp(NOW, NOW - timedelta(hours=1), NOW - timedelta(hours=2))
		since = (NOW - timedelta(hours=1)).isoformat()
		rows = [row for page in self.walk("stock", 2, updated_since=since) for row in page]
		self.assertEqual(
			{row["updated_at"] for row in rows},
			{"2026-11-20T09:00:30.000000Z", "2026-11-20T08:00:30.000000Z"},
		)
		self.assertEqual(len(rows), 5)

	def test_since_in_any_offset(self) -> None:
		self.stamp(NOW, NOW - timedelta(hours=2))
		for text in (
			"2026-11-20T08:00:00Z",
			"2026-11-20T08:00Z",
			"2026-11-20 08:00:00.5Z",
			"2026-11-20T13:30:00+05:30",
			"2026-11-20T13:30:00 05:30",
			"2026-11-20T13:30:00+0530",
			"2026-11-20T03:00:00-05:00",
		):
			with self.subTest(since=text):
				self.assertEqual(len(self.read(updated_since=text)), 4)
		self.assertEqual(len(self.read(updated_since="0001-01-01T00:00:00Z")), len(ITEMS))

	def test_the_hour_the_clocks_go_through_twice(self) -> None:
		"""02:10 of the second time was stored as 02:10, and is asked for after 02:50 of the first."""
		with patch("commerce_bridge.erpnext.time.get_system_timezone", return_value="Europe/Berlin"):
			asked = datetime(2026, 10, 25, 0, 50, tzinfo=timezone.utc)
			later = to_site(datetime(2026, 10, 25, 1, 10, tzinfo=timezone.utc))
			self.assertLessEqual(earliest_of_site(asked), later)
			plain = datetime(2026, 10, 26, 0, 50, tzinfo=timezone.utc)
			self.assertEqual(from_site(earliest_of_site(plain)), plain)

	def test_link_leads_to_the_next_page_with_the_same_question(self) -> None:
		self.stamp(NOW)
		answer = self.get(limit=3, updated_since="2026-11-20T08:00:00Z")
		url, relation = answer.headers["Link"].split("; ")
		self.assertEqual(relation, 'rel="next"')
		query = parse_qs(urlsplit(url.strip("<>")).query)
		self.assertEqual(
			query,
			{
				"channel": [SHOP],
				"limit": ["3"],
				"updated_since": ["2026-11-20T08:00:00Z"],
				"cursor": [answer.headers["X-Next-Cursor"]],
			},
		)

	def test_a_page_costs_the_same_however_many_rows(self) -> None:
		for feed in FEEDS:
			self.get(feed)  # settings and meta are read once
			counts = {self.count(partial(self.get, feed, limit=limit)) for limit in (2, 4, 7)}
			with self.subTest(feed=feed):
				self.assertEqual(len(counts), 1, counts)
				self.assertLessEqual(max(counts), 20)

	def test_reading_writes_nothing(self) -> None:
		frappe.db.set_value("Item", ITEMS[0], "image", "/files/cb-no-such-file.png")
		frappe.db.set_value("Channel Listing", {"item_code": ITEMS[0]}, "warning", None)
		frappe.db.commit()
		self.addCleanup(frappe.db.commit)
		self.addCleanup(frappe.db.set_value, "Item", ITEMS[0], "image", None)
		plain, verbs = frappe.db.sql, set()

		def kept(query: str, *arguments: Any, **values: Any) -> Any:
			verbs.add(str(query).lstrip(" \n\t(").split()[0].upper())
			return plain(query, *arguments, **values)

		with patch.object(frappe.db, "sql", kept):
			for feed in FEEDS:
				self.assertEqual(self.get(feed).status_code, 200)
		self.assertIn("SELECT", verbs)
		self.assertFalse(verbs & {"INSERT", "UPDATE", "DELETE", "REPLACE"}, verbs)

	def test_hostile_parameters_are_refused_in_words(self) -> None:
		cursor = base64.urlsafe_b64encode
		for name, values in {
			"limit": ("0", "-1", "501", "1e3", "ten", "٣", "1;DROP TABLE tabItem", "9" * 30, "[1]", "1.0"),
			"updated_since": (
				"2026-11-20T09:00:00",
				"2026-11-20",
				"yesterday",
				"1795168800",
				"2026-13-40T09:00:00Z",
				"2026-11-20T09:00:00+99:99",
				"' OR 1=1 --",
				"٢٠٢٦-11-20T09:00:00Z",
				"x" * 5000,
			),
			"cursor": (
				"x",
				"é",
				"'; SELECT 1",
				"A" * 5000,
				cursor(b"2026-11-20").decode(),
				cursor(b"yesterday|x").decode(),
				cursor(b"2026-11-20T09:00:00+00:00|x").decode(),
				cursor(b"0001-01-01T00:00:00|x").decode(),
				cursor(b"2026-11-20T09:00:00|\0").decode(),
				cursor(b"\xff\xfe|x").decode(),
			),
		}.items():
			for value in values:
				with self.subTest(parameter=name, value=value[:40]):
					answer = self.get(**{name: value})
					self.assertEqual(answer.status_code, 400, answer.data)
					self.assertEqual(answer.mimetype, "application/json")
					self.assertGreater(len(json.loads(answer.data)["error"]), 20)

	def test_a_cursor_is_data_and_nothing_else(self) -> None:
		self.stamp(NOW)
		name = base64.urlsafe_b64encode(b"2026-11-20T09:00:00|' OR 1=1 -- %s %(channel)s").decode()
		self.assertEqual(self.get(cursor=name).status_code, 200)

	def test_unowned_disabled_and_paused(self) -> None:
		self.fixture.make_channel(SHOP, owner_stock="Storefront")
		answer = self.get("stock")
		self.assertEqual(answer.status_code, 409)
		self.assertIn("belong to Storefront", json.loads(answer.data)["error"])
		self.fixture.make_channel(SHOP, status=ChannelStatus.DISABLED)
		self.assertEqual(self.get("stock").status_code, 409)
		self.fixture.make_channel(SHOP, status=ChannelStatus.PAUSED)
		self.assertEqual(self.get("stock").status_code, 200)

	def test_no_row_of_another_channel(self) -> None:
		self.fixture.make_channel(OTHER)
		other = self.fixture.make_listing(OTHER, ITEMS[0], "OTHER-SKU")
		for feed in ("stock", "prices", "catalog"):
			self.assertEqual([row["listing"] for row in self.read(feed, OTHER)], [other])
			self.assertNotIn(other, [row["listing"] for row in self.read(feed)])
		cursor = self.get(limit=1).headers["X-Next-Cursor"]
		self.assertLessEqual({row["listing"] for row in self.read(channel=OTHER, cursor=cursor)}, {other})

	def test_pages_are_read_from_an_index(self) -> None:
		plain, statements = frappe.db.sql, []

		def kept(query: str, *arguments: Any, **values: Any) -> Any:
			if "UNION ALL" in str(query) and "AS moment" in str(query):
				statements.append((query, arguments[0]))
			return plain(query, *arguments, **values)

		with patch.object(frappe.db, "sql", kept):
			for feed in FEEDS:
				self.get(feed, cursor=pull._cursor((to_site(NOW), "x")))
		self.assertEqual(len(statements), len(FEEDS))
		for query, values in statements:
			keys = {
				"commerce_bridge_cb_channel_modified" in row.possible_keys
				or "changed_at" in row.possible_keys
				for row in frappe.db.sql(f"EXPLAIN {query}", values, as_dict=True)
				if row.table and row.table.startswith("tab")
			}
			with self.subTest(query=query[:80]):
				self.assertEqual(keys, {True})


class TestContents(PullCase):
	def price(self, item: str, rate: float) -> None:
		values = {"item_code": item, "price_list": "Standard Selling"}
		frappe.db.delete("Item Price", values)
		frappe.get_doc({"doctype": "Item Price", **values, "price_list_rate": rate}).insert()
		frappe.db.commit()

	def test_prices_are_decimal_strings_and_a_missing_one_says_why(self) -> None:
		frappe.db.delete("Item Price", {"item_code": ("in", ITEMS)})
		self.price(ITEMS[0], 19.9)
		rows = {row["item_code"]: row for row in self.read("prices")}
		self.assertEqual(
			(rows[ITEMS[0]]["amount"], rows[ITEMS[0]]["currency"], rows[ITEMS[0]]["problem"]),
			("19.9", self.fixture.currency, None),
		)
		self.assertIsNone(rows[ITEMS[1]]["amount"])
		self.assertIn("Item Price", rows[ITEMS[1]]["problem"])

	def test_the_catalog_is_what_a_push_would_send(self) -> None:
		rows = {row["item_code"]: row for row in self.read("catalog")}
		contents = {
			row.content.item_code: row.content
			for row in pull.catalog.contents(site.world().state.channel(SHOP), ITEMS)
		}
		self.assertEqual(set(rows), set(contents))
		for item, content in contents.items():
			sent = json.loads(json.dumps(content.model_dump(), default=pull._plain))
			self.assertEqual({name: rows[item][name] for name in sent}, sent)
			self.assertEqual(rows[item]["key"], content.listing)

	def test_a_new_listing_is_found_by_when_it_was_made(self) -> None:
		moment = utc_now()
		for column in ("stock_changed_at", "price_changed_at", "listing_changed_at"):
			self.stamp(moment - timedelta(days=1), column=column)
		item = self.fixture.make_item(f"CB-PULL-NEW-{frappe.generate_hash(length=6)}")
		name = self.fixture.make_listing(SHOP, item, item)
		for feed in ("stock", "prices", "catalog"):
			self.assertEqual(
				[row["listing"] for row in self.read(feed, updated_since=moment.isoformat())], [name]
			)


class TestEtag(PullCase):
	def test_what_the_reader_has_is_not_sent_again(self) -> None:
		self.stamp(NOW)
		tag = self.get().headers["ETag"]
		self.assertRegex(tag, r'^"[0-9a-f]{40}"$')
		for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
			with self.subTest(known=known):
				answer = self.known(known)
				self.assertEqual((answer.status_code, answer.data), (304, b""))
				self.assertEqual(answer.headers["ETag"], tag)
		self.assertEqual(self.known('"other"').status_code, 200)

	def test_a_change_has_another_tag(self) -> None:
		self.fixture.set_stock(ITEMS[0], Decimal(5))
		tag = self.get().headers["ETag"]
		self.fixture.move_stock(ITEMS[0], 1)
		self.assertEqual(self.known(tag).status_code, 200)

	def known(self, tags: str) -> Any:
		with (
			patch("commerce_bridge.erpnext.pull.frappe.request", True),
			patch("commerce_bridge.erpnext.pull.frappe.get_request_header", return_value=tags),
		):
			return self.get()


class TestLimit(PullCase):
	def ask(self, now: datetime) -> Any:
		with patch.dict(frappe.conf, {pull.REQUESTS_SETTING: 3}):
			return pull.answer("stock", SHOP, {}, now)

	def test_more_than_allowed_waits_for_the_next_minute(self) -> None:
		frappe.cache.delete_keys("commerce_bridge_reads")
		moment = datetime(2031, 1, 1, 12, 0, 20, tzinfo=timezone.utc)
		self.assertEqual([self.ask(moment).status_code for _ in range(4)], [200, 200, 200, 429])
		answer = self.ask(moment)
		self.assertEqual(answer.headers["Retry-After"], "40")
		self.assertIn("40 seconds", json.loads(answer.data)["error"])
		self.assertEqual(self.ask(moment + timedelta(seconds=40)).status_code, 200)

	def test_each_user_has_their_own(self) -> None:
		frappe.cache.delete_keys("commerce_bridge_reads")
		moment = datetime(2031, 1, 2, 12, 0, tzinfo=timezone.utc)
		for _ in range(4):
			last = self.ask(moment)
		self.assertEqual(last.status_code, 429)
		frappe.set_user("commerce-bridge-integration@example.com")
		self.assertEqual(self.ask(moment).status_code, 200)

	def test_without_redis_everybody_is_answered(self) -> None:
		import redis

		with patch.object(frappe.cache, "incr", side_effect=redis.exceptions.ConnectionError):
			self.assertEqual(self.ask(NOW).status_code, 200)


class TestOrdersAndShipments(OrdersCase):
	def read(self, feed: str, **parameters: Any) -> list[Any]:
		frappe.db.rollback()
		with patch.dict(frappe.conf, {pull.REQUESTS_SETTING: 0}):
			answer = pull.answer(feed, ORDERS_SHOP, parameters, utc_now())
		self.assertEqual(answer.status_code, 200, answer.data)
		return json.loads(answer.data)

	def test_an_order_s_way(self) -> None:
		since = utc_now().isoformat()
		self.send("order.upserted", self.simple("p-1"))
		[row] = self.read("orders", updated_since=since)
		name = self.sales_order("p-1").name
		self.assertEqual(
			(row["key"], row["order_id"], row["order_number"], row["status"], row["delivered"]),
			(name, "p-1", "#p-1", "To Deliver and Bill", "0"),
		)
		note = self.fixture.make_delivery(name, "DHL", "T-1")
		[later] = self.read("orders", updated_since=since)
		self.assertEqual((later["key"], later["status"], later["delivered"]), (name, "To Bill", "100"))
		self.assertNotEqual(later["id"], row["id"])
		[shipment] = self.read("shipments", updated_since=since)
		self.assertEqual(
			(shipment["key"], shipment["order_id"], shipment["document"], shipment["document_type"]),
			(f"{note}|p-1", "p-1", note, "Delivery Note"),
		)
		self.assertEqual(shipment["parcels"][0]["tracking_number"], "T-1")
		self.assertEqual(
			[(line["order_line_id"], line["quantity"]) for line in shipment["lines"]], [("l1", "2")]
		)
		self.fixture.cancel_delivery(note)
		[cancelled] = self.read("shipments", updated_since=since)
		self.assertTrue(cancelled["cancelled"])
		self.assertNotEqual(cancelled["id"], shipment["id"])

	def test_the_way_of_an_order_that_is_an_invoice(self) -> None:
		self.fixture.make_channel(ORDERS_SHOP, invoice_when="Instead of Sales Order")
		since = utc_now().isoformat()
		name = self.send("order.upserted", self.simple("p-4")).reference_name
		[row] = self.read("orders", updated_since=since)
		self.assertEqual(
			(row["key"], row["order_id"], row["document"], row["delivered"], row["billed"]),
			(name, "p-4", name, "0", "100"),
		)
		note = make_delivery_note(name)
		note.items[0].qty = 1
		note.insert().submit()
		frappe.db.commit()
		[later] = self.read("orders", updated_since=since)
		self.assertEqual((later["key"], later["delivered"]), (name, "50"))
		self.assertNotEqual(later["id"], row["id"])
		[shipment] = self.read("shipments", updated_since=since)
		self.assertEqual((shipment["order_id"], shipment["document"]), ("p-4", note.name))

	def test_orders_of_both_kinds_are_one_feed(self) -> None:
		"""The policy was changed: page after page, the youngest first, and nothing of an invoice of a Sales Order."""
		since = utc_now().isoformat()
		first = self.send("order.upserted", self.simple("p-6")).reference_name
		self.fixture.stands("billed", first)
		self.fixture.make_channel(ORDERS_SHOP, invoice_when="Instead of Sales Order")
		second = self.send("order.upserted", self.simple("p-7")).reference_name
		self.assertEqual(
			[row["key"] for row in self.read("orders", updated_since=since, limit="5")], [second, first]
		)
		self.assertEqual(
			[row["key"] for row in self.read("orders", updated_since=since, limit="1")], [second]
		)

	def test_an_amended_invoice_is_told_as_its_amendment(self) -> None:
		self.fixture.make_channel(ORDERS_SHOP, invoice_when="Instead of Sales Order")
		since = utc_now().isoformat()
		invoice = frappe.get_doc(
			"Sales Invoice", self.send("order.upserted", self.simple("p-8")).reference_name
		)
		invoice.cancel()
		amended = frappe.copy_doc(invoice, ignore_no_copy=True)
		amended.update({"amended_from": invoice.name, "docstatus": 0}).insert()
		frappe.db.commit()
		[row] = self.read("orders", updated_since=since)
		self.assertEqual(row["document"], amended.name)

	def test_the_shipment_is_the_one_that_is_pushed(self) -> None:
		since = utc_now().isoformat()
		self.send("order.upserted", self.simple("p-2"))
		note = self.fixture.make_delivery(self.sales_order("p-2").name, "DHL", "T-2")
		[read] = self.read("shipments", updated_since=since)
		with self.world.erp.transaction():
			pushed = self.world.erp.get_shipment("Delivery Note", note)
		assert pushed is not None
		sent = json.loads(json.dumps(pushed.model_dump(exclude={"id"}), default=pull._plain))
		self.assertEqual({name: read[name] for name in sent}, sent)
		self.assertEqual(read["shipment_id"], pushed.id)

	def test_an_amended_order_is_told_as_its_amendment(self) -> None:
		since = utc_now().isoformat()
		self.send("order.upserted", self.simple("p-3"))
		self.send("order.upserted", self.simple("p-3", quantity=3))
		[row] = self.read("orders", updated_since=since)
		self.assertEqual(row["document"], self.sales_order("p-3").name)

	def test_a_page_of_shipments_costs_the_same_however_many(self) -> None:
		since = utc_now().isoformat()
		for number in range(4):
			self.send("order.upserted", self.simple(f"p-5-{number}"))
			self.fixture.make_delivery(self.sales_order(f"p-5-{number}").name, "DHL", f"T-{number}")
		counts = set()
		self.read("shipments")
		for limit in ("1", "2", "4"):
			plain, queries = frappe.db.sql, []

			def counted(
				query: str, *arguments: Any, plain: Any = plain, queries: Any = queries, **values: Any
			) -> Any:
				queries.append(query)
				return plain(query, *arguments, **values)

			with patch.object(frappe.db, "sql", counted):
				self.assertEqual(len(self.read("shipments", updated_since=since, limit=limit)), int(limit))
			counts.add(len(queries))
		self.assertEqual(len(counts), 1, counts)


class TestHttp(WebhookCase):
	"""Over Frappe's own WSGI application, with tokens."""

	def token(self, *roles: str) -> str:
		email = f"cb-pull-{frappe.scrub('-'.join(roles) or 'nobody')}@example.com"
		if not frappe.db.exists("User", email):
			frappe.get_doc(
				{"doctype": "User", "email": email, "first_name": "Pull", "send_welcome_email": 0}
			).insert(ignore_permissions=True)
		user = frappe.get_doc("User", email)
		user.add_roles(*roles)
		user.api_key, user.api_secret = frappe.generate_hash(length=15), "a-secret-for-tests"
		user.save(ignore_permissions=True)
		frappe.db.commit()
		self.user = email
		return f"token {user.api_key}:a-secret-for-tests"

	def get(
		self, feed: str, token: str | None = None, method: str = "GET", headers: Any = None, **query: str
	) -> TestResponse:
		path = f"/api/method/commerce_bridge.api.{feed}?{urlencode(query)}"
		return self.request(method, path, headers={"Authorization": token or "", **(headers or {})})

	def test_a_page_is_a_bare_array(self) -> None:
		token = self.token(INTEGRATION)
		shop = self.fixture.make_channel("Shop Without Orders").name
		for feed in FEEDS:
			answer = self.get(feed, token, channel=shop)
			self.assertEqual((answer.status_code, answer.json), (200, []), feed)
			self.assertEqual(answer.mimetype, "application/json")
			again = self.get(feed, token, headers={"If-None-Match": answer.headers["ETag"]}, channel=shop)
			self.assertEqual((again.status_code, again.data), (304, b""))

	def test_who_may_read(self) -> None:
		allowed = {role: self.token(role) for role in (INTEGRATION, USER, MANAGER)}
		refused = {"Sales Manager": self.token("Sales Manager"), "nobody": self.token(), "guest": None}
		for feed in FEEDS:
			for role, token in allowed.items():
				self.assertEqual(self.get(feed, token, channel="Api Shop").status_code, 200, (feed, role))
			for role, token in refused.items():
				self.assertEqual(self.get(feed, token, channel="Api Shop").status_code, 403, (feed, role))
			wrong = self.get(feed, "token a:b", channel="Api Shop")
			self.assertEqual(wrong.status_code, 401)

	def test_a_channel_of_somebody_else_is_as_one_that_does_not_exist(self) -> None:
		self.fixture.make_channel(OTHER)
		token = self.token(INTEGRATION)
		permission = {"user": self.user, "allow": "Channel Settings", "for_value": "Api Shop"}
		frappe.get_doc({"doctype": "User Permission", **permission}).insert(ignore_permissions=True)
		frappe.db.commit()
		self.addCleanup(self.forget, permission)
		self.assertEqual(self.get("stock", token, channel="Api Shop").status_code, 200)
		answers = [self.get("stock", token, channel=name) for name in (OTHER, "No Such Shop", "")]
		self.assertEqual([answer.status_code for answer in answers], [403, 403, 403])
		said = [
			answer.json["exception"].replace(name, "X")
			for answer, name in zip(answers, (OTHER, "No Such Shop"), strict=False)
		]
		self.assertEqual(said[0], said[1])

	def forget(self, permission: dict[str, str]) -> None:
		frappe.db.delete("User Permission", permission)
		frappe.db.commit()
		frappe.cache.delete_value("user_permissions")

	def test_only_get(self) -> None:
		token = self.token(INTEGRATION)
		for method in ("POST", "PUT", "DELETE"):
			self.assertEqual(self.get("stock", token, method, channel="Api Shop").status_code, 403, method)

	def test_the_limit_is_answered_with_429(self) -> None:
		token = self.token(INTEGRATION)
		frappe.cache.delete_keys("commerce_bridge_reads")
		with patch("commerce_bridge.erpnext.pull._wait", return_value=17):
			answer = self.get("stock", token, channel="Api Shop")
		self.assertEqual((answer.status_code, answer.headers["Retry-After"]), (429, "17"))
