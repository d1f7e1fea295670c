"""Resync, check and repair on a site, against a storefront that is asked over HTTP."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import frappe
from frappe.desk.query_report import run as run_report

from commerce_bridge import api, tasks
from commerce_bridge.bridge import drift, worker
from commerce_bridge.bridge.channel import Credentials
from commerce_bridge.bridge.protocols import Progress
from commerce_bridge.commerce_bridge.report.stock_drift import stock_drift as report
from commerce_bridge.erpnext import channel_state, site, sql
from commerce_bridge.permissions import USER as USER_ROLE
from commerce_bridge.tests.base import SiteTestCase
from commerce_bridge.tests.factory import SiteFixture
from commerce_bridge.tests.storefront import open_storefront
from commerce_bridge.tests.test_permissions import make_user

SHOP = "Drifting Shop"
SECRET = "whsec_ZHJpZnQtc2VjcmV0LW9mLXRoZS1zaG9w"
ITEMS = ("CB-D1", "CB-D2", "CB-D3", "CB-D4", "CB-D5")


class DriftCase(SiteTestCase):
	def setUp(self) -> None:
		self.fixture = SiteFixture()
		self.shop = open_storefront(self, SECRET)
		self.fixture.make_channel(SHOP, store_url=self.shop.url)
		self.fixture.set_credentials(SHOP, Credentials(webhook_secrets=(SECRET,)))
		self.addCleanup(frappe.set_user, "Administrator")
		for item in ITEMS:
			self.fixture.make_item(item)
			self.fixture.set_stock(item, Decimal(10))
			self.fixture.make_listing(SHOP, item, item)
		self.world = replace(site.world(), items_per_entry=2)
		self.work()
		frappe.db.delete("Sync Log")
		frappe.db.commit()

	def step(self) -> bool:
		"""What a drain does for one entry."""
		return worker.run_once(self.world)

	def work(self) -> None:
		site.collect(self.world)
		while self.step():
			continue

	def check(self) -> list[Any]:
		api.check_stock_in_shop(SHOP)
		self.work()
		return self.fixture.drifts(SHOP)

	def progress(self, kind: str) -> Progress:
		frappe.db.rollback()
		[found] = [row for row in channel_state.get_progress(SHOP) if row.kind == kind]
		return found

	def states(self, topic: str) -> list[str]:
		frappe.db.rollback()
		return frappe.get_all("Sync Log", {"topic": topic}, pluck="state", order_by="creation")


class TestResync(DriftCase):
	def sent(self) -> list[str]:
		"""What was sent since this was asked last; the shop shows it still."""
		changed = sorted(sku for sku, quantity in self.shop.levels.items() if quantity != "-1")
		self.shop.levels = dict.fromkeys(self.shop.levels, "-1")
		return changed

	def test_every_level_is_sent_in_steps_whatever_was_last_pushed(self) -> None:
		self.sent()
		self.assertEqual(api.sync_stock_now(SHOP), len(ITEMS))
		self.work()
		self.assertEqual(self.sent(), list(ITEMS))
		self.assertEqual(self.states("stock.resync"), ["Succeeded"] * 3)
		ended = self.progress("Stock")
		self.assertEqual((ended.done, ended.total, bool(ended.finished)), (5, 5, True))

	def test_what_changes_while_it_runs_goes_before_its_next_step(self) -> None:
		self.sent()
		api.sync_stock_now(SHOP)
		self.assertTrue(self.step())
		self.assertEqual(self.sent(), ["CB-D1", "CB-D2"])
		self.fixture.move_stock("CB-D5", -1)
		site.collect(self.world)  # a drain looks at the outbox each second
		order = []
		while self.step():
			order.append(self.sent())
		self.assertEqual(order, [["CB-D3", "CB-D4"], ["CB-D5"], ["CB-D5"]])

	def test_what_it_has_yet_to_come_to_is_known_in_the_order_it_walks_in(self) -> None:
		"""The database has "cb-d0" before "CB-D1", Python after it."""
		self.fixture.make_item("cb-d0")
		listing = self.fixture.make_listing(SHOP, "cb-d0", "cb-d0")
		self.addCleanup(frappe.db.commit)
		self.addCleanup(frappe.delete_doc, "Channel Listing", listing, force=True)
		self.work()
		api.sync_stock_now(SHOP)
		self.assertTrue(self.step())
		with self.world.erp.transaction():
			waiting = drift._waiting(self.world, self.world.state.channel(SHOP), ["cb-d0", *ITEMS])
		self.assertEqual(waiting, {"CB-D2", "CB-D3", "CB-D4", "CB-D5"})

	def test_two_at_once_are_refused_and_one_is_stopped(self) -> None:
		self.sent()
		api.sync_stock_now(SHOP)
		with self.assertRaises(frappe.ValidationError):
			api.sync_stock_now(SHOP)
		self.step()
		self.assertTrue(api.stop_walk(SHOP, "stock"))
		self.work()
		self.assertEqual(self.sent(), ["CB-D1", "CB-D2"])
		self.assertEqual(self.states("stock.resync"), ["Succeeded", "Skipped"])
		self.assertIn("Stopped by Administrator", self.progress("Stock").message)
		self.assertFalse(api.stop_walk(SHOP, "stock"))
		api.sync_stock_now(SHOP)
		self.work()
		self.assertEqual(self.sent(), list(ITEMS))

	def test_at_night_every_active_channel_and_one_under_way_goes_on(self) -> None:
		self.sent()
		self.fixture.make_channel("Paused Shop", status="Paused")
		tasks.resync_stock()
		tasks.resync_stock()
		tasks.resync_prices()
		tasks.resync_listings()
		self.work()
		self.assertEqual(self.sent(), list(ITEMS))
		self.assertEqual(self.states("stock.resync"), ["Succeeded"] * 3)
		self.assertEqual(self.states("price.resync") + self.states("listing.resync"), [], "not sent here")

	def test_what_is_asked_for_must_be_ours(self) -> None:
		for ask in (api.send_prices_now, api.send_products_now):
			with self.assertRaises(frappe.ValidationError):
				ask(SHOP)
		with self.assertRaises(frappe.ValidationError):
			api.stop_walk(SHOP, "everything")
		self.fixture.make_channel(SHOP, status="Paused")
		for ask in (api.sync_stock_now, api.check_stock_in_shop):
			with self.assertRaises(frappe.ValidationError):
				ask(SHOP)


class TestDrift(DriftCase):
	def test_what_somebody_edited_is_found_and_repaired(self) -> None:
		self.assertEqual(self.check(), [])
		self.shop.levels["CB-D2"] = "14"
		del self.shop.levels["CB-D4"]
		self.shop.levels["STRANGE"] = "3"
		self.assertEqual(
			self.check(),
			[
				("Differs", "CB-D2", Decimal(14), Decimal(10)),
				("Not in Shop", "CB-D4", Decimal(0), Decimal(10)),
				("Unknown to Us", "STRANGE", Decimal(3), Decimal(0)),
			],
		)
		chosen = frappe.get_all("Stock Drift", {"kind": ("!=", "Unknown to Us")}, pluck="name")
		self.shop.levels |= dict.fromkeys(("CB-D1", "CB-D3"), "-1")
		self.assertEqual(api.repair_drift(chosen), 2)
		self.assertTrue(
			all(frappe.get_all("Stock Drift", {"name": ("in", chosen)}, pluck="repair_queued_at"))
		)
		self.work()
		self.assertEqual(self.shop.levels["CB-D1"], "-1", "nothing but what was chosen is sent")
		self.shop.levels |= dict.fromkeys(("CB-D1", "CB-D3"), "10")
		del self.shop.levels["STRANGE"]
		self.assertEqual(self.check(), [])
		numbers = [(drifted, units) for _, drifted, units in self.fixture.drift_checks(SHOP)]
		self.assertEqual(numbers, [(0, 0), (2, 14), (0, 0)])

	def test_what_is_on_its_way_is_no_drift(self) -> None:
		self.fixture.move_stock("CB-D3", -2)
		api.check_stock_in_shop(SHOP)
		held = self.world.journal.claim(self.world.now(), self.world.lease)
		assert held is not None and held.topic == "stock.check"
		worker.work_on(self.world, held)
		frappe.db.rollback()
		check = frappe.get_last_doc("Drift Check")
		self.assertEqual((check.drifted, check.pending), (0, 1))

	def test_at_night(self) -> None:
		self.shop.levels["CB-D2"] = "14"
		tasks.check_stock()
		tasks.check_stock()
		self.work()
		self.assertEqual([row[1] for row in self.fixture.drifts(SHOP)], ["CB-D2"])
		self.assertEqual(len(self.fixture.drift_checks(SHOP)), 1)
		self.assertTrue(self.progress("Stock Check").finished)

	def test_rows_of_an_older_check_are_not_repaired(self) -> None:
		self.shop.levels["CB-D2"] = "14"
		self.check()
		names = frappe.get_all("Stock Drift", pluck="name")
		self.check()
		with self.assertRaises(frappe.ValidationError):
			api.repair_drift(names)

	def test_what_is_unknown_to_us_is_not_repaired(self) -> None:
		self.shop.levels["STRANGE"] = "3"
		self.check()
		with self.assertRaises(frappe.ValidationError):
			api.repair_drift(frappe.get_all("Stock Drift", pluck="name"))

	def test_a_user_sees_and_does_not_repair(self) -> None:
		self.shop.levels["CB-D2"] = "14"
		self.check()
		names = frappe.get_all("Stock Drift", pluck="name")
		make_user("drift-user@example.com", USER_ROLE)
		frappe.set_user("drift-user@example.com")
		self.assertEqual(len(run_report("Stock Drift", {"channel": SHOP})["result"]), 1)
		with self.assertRaises(frappe.PermissionError):
			api.repair_drift(names)


class TestReport(DriftCase):
	def run_report(self, **filters: Any) -> dict[str, Any]:
		return run_report("Stock Drift", {"channel": SHOP, **filters})

	def test_rows_filters_and_trend(self) -> None:
		self.assertIn("not checked yet", self.run_report()["message"])
		self.shop.levels |= {"CB-D2": "14", "CB-D3": "9", "STRANGE": "3"}
		del self.shop.levels["CB-D4"]
		self.check()
		self.check()
		found = self.run_report()
		shown = [(row["kind"], row["sku"], row["shown"], row["available"]) for row in found["result"]]
		self.assertEqual(
			shown,
			[
				("Not in Shop", "CB-D4", None, 10),
				("Differs", "CB-D2", 14, 10),
				("Unknown to Us", "STRANGE", 3, None),
				("Differs", "CB-D3", 9, 10),
			],
		)
		self.assertEqual(found["result"][0]["warehouses"], self.fixture.warehouse)
		self.assertEqual(found["chart"]["data"]["datasets"][0]["values"], [3, 3])
		self.assertIn("Listings that differ: 3 of 5, units: 15", found["message"])
		self.assertEqual(len(self.run_report(kind="Differs")["result"]), 2)
		self.assertEqual(len(self.run_report(warehouse=self.fixture.warehouse)["result"]), 3)
		self.assertEqual(len(self.run_report(warehouse="No Such Warehouse")["result"]), 0)

	def test_who_has_no_role_sees_nothing(self) -> None:
		make_user("drift-nobody@example.com", None)
		frappe.set_user("drift-nobody@example.com")
		with self.assertRaises(frappe.PermissionError):
			self.run_report()
		with self.assertRaises(frappe.PermissionError):
			report.execute({"channel": SHOP})

	def test_ten_thousand_rows(self) -> None:
		self.check()
		check = frappe.get_last_doc("Drift Check").name
		rows = [
			{
				"channel": SHOP,
				"drift_check": check,
				"kind": "Differs",
				"item_code": ITEMS[number % 5],
				"sku": f"S{number:05d}",
				"shown": 1,
				"available": 2,
				"difference": -1,
			}
			for number in range(10_000)
		]
		for start in range(0, len(rows), 1_000):
			sql.insert_rows("Stock Drift", rows[start : start + 1_000])
		frappe.db.commit()
		self.assertEqual(len(self.run_report()["result"]), 10_000)
		names = frappe.get_all("Stock Drift", pluck="name")
		self.assertEqual(api.repair_drift(frappe.as_json(names)), 5)
		self.work()
		self.assertEqual(self.states("stock.resync"), ["Succeeded"])
