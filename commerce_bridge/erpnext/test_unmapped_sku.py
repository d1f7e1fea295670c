"""The report Unmapped SKUs: products of the shop that are no Item, and how they become one."""

from __future__ import annotations

from typing import Any

import frappe
from frappe.desk.query_report import run as run_report
from frappe.utils import add_to_date, now_datetime

from commerce_bridge import api
from commerce_bridge.bridge import worker
from commerce_bridge.bridge.clock import utc_now
from commerce_bridge.bridge.details import Details, Unmapped
from commerce_bridge.bridge.product_import import IMPORT
from commerce_bridge.bridge.protocols import Progress
from commerce_bridge.bridge.walks import PROGRESS
from commerce_bridge.erpnext import channel_state, sql, unmapped_sku
from commerce_bridge.erpnext.test_orders import SHOP, OrdersCase, line
from commerce_bridge.permissions import USER as USER_ROLE
from commerce_bridge.tests.test_permissions import make_user


class UnmappedCase(OrdersCase):
	def setUp(self) -> None:
		super().setUp()
		self.addCleanup(frappe.set_user, "Administrator")
		self.sku = f"CB-{frappe.generate_hash(length=8).upper()}"  # what was booked once stays an Item
		self.item_code = f"{self.sku}-ITEM"

	def fail(self, external_id: str, sku: str = "", **values: Any) -> Any:
		"""An order of something that is no Item."""
		sold = {**line("l1", sku or self.sku, 1, "5.00"), "name": "<b>Strange</b>", **values}
		entry = self.send("order.upserted", self.order(external_id, sold, total="5.00"))
		self.assertEqual((entry.state, entry.error_class), ("Failed", "Misconfigured"))
		return entry

	def work(self) -> None:
		frappe.db.commit()
		while worker.run_once(self.world):
			continue
		frappe.db.rollback()

	def rows(self, **filters: Any) -> list[dict[str, Any]]:
		frappe.db.rollback()
		return run_report("Unmapped SKUs", {"channel": SHOP, **filters})["result"]

	def product(self) -> dict[str, Any]:
		[row] = self.rows()
		return {name: row[name] for name in ("sku", "barcode", "product_id", "variant_id")}

	def states(self) -> list[str]:
		return frappe.get_all("Sync Log", {"direction": "Inbound", "channel": SHOP}, pluck="state")


class TestFound(UnmappedCase):
	def test_orders_of_one_sku_are_one_row(self) -> None:
		logs = {self.fail("U1").name, self.fail("U2", self.sku.lower()).name}
		[row] = self.rows()
		self.assertEqual((row["sku"], row["title"], row["orders"]), (self.sku, "<b>Strange</b>", 2))
		self.assertEqual(set(row["logs"].split(",")), logs)
		self.assertEqual(self.rows(source="Stock Drift"), [])

	def test_what_was_mapped_by_hand_waits_for_a_retry_only(self) -> None:
		self.fail("U1")
		self.fixture.make_item(self.sku)
		[row] = self.rows()
		self.assertEqual(row["item_code"], self.sku)
		api.retry(row["logs"].split(","))
		self.work()
		self.assertEqual(self.rows(), [])
		self.assertEqual(self.states(), ["Succeeded"])

	def test_stock_that_is_unknown_to_us(self) -> None:
		stamp = now_datetime()
		sql.insert_rows(
			"Drift Check", [{"name": "done", "channel": SHOP, "started": stamp, "finished": stamp}]
		)
		sql.insert_rows(
			"Drift Check", [{"name": "runs", "channel": SHOP, "started": stamp, "finished": None}]
		)
		drift = {"channel": SHOP, "kind": "Unknown to Us", "checked_at": stamp}
		rows = [("done", "A"), ("done", "B"), ("runs", "A")]
		sql.insert_rows(
			"Stock Drift",
			[
				{**drift, "drift_check": check, "sku": f"{self.sku}-{check}", "location_id": place}
				for check, place in rows
			],
		)
		frappe.db.commit()
		[row] = self.rows()
		self.assertEqual((row["sku"], row["orders"], row["sources"]), (f"{self.sku}-done", 0, "Stock Drift"))

	def test_products_that_the_last_import_left(self) -> None:
		finished = utc_now()
		for age, sku in ((10, "CB-OLD"), (0, self.sku)):
			details = Details(unmapped=(Unmapped(sku=sku, product_id=sku, why="No Item"),), walk="w")
			entry = {
				"channel": SHOP,
				"direction": "Outbound",
				"topic": IMPORT,
				"state": "Succeeded",
				"dedupe_key": sku,
				"details": details.as_text(),
				"creation": add_to_date(now_datetime(), days=-age),
			}
			sql.insert_rows("Sync Log", [entry])
		started = add_to_date(finished, hours=-1)
		progress = Progress(PROGRESS["products"], 1, 1, 0, started, add_to_date(finished, minutes=1))
		channel_state.set_progress(SHOP, progress)
		frappe.db.commit()
		[row] = self.rows()
		self.assertEqual((row["sku"], row["why"], row["sources"]), (self.sku, "No Item", "Import"))

	def test_queries_do_not_grow(self) -> None:
		for number in range(3):
			self.fail(f"U{number}", f"{self.sku}-{number}")
		frappe.db.rollback()
		unmapped_sku.find([SHOP])
		with self.assertQueryCount(8):
			self.assertEqual(len(unmapped_sku.find([SHOP])), 3)


class TestMapped(UnmappedCase):
	def test_link_makes_a_listing_and_books_the_orders(self) -> None:
		self.fail("U1", product_id="77", variant_id="78")
		self.fail("U2")
		self.fail("U3", "CB-ANOTHER")
		product = {"sku": self.sku, "product_id": "77", "variant_id": "78"}
		self.assertEqual(api.link_unmapped(SHOP, product, "CB-PHONE"), 2)
		frappe.db.commit()
		self.assertEqual([row["sku"] for row in self.rows()], ["CB-ANOTHER"], "the others are being retried")
		self.work()
		self.assertEqual(sorted(self.states()), ["Failed", "Succeeded", "Succeeded"])
		self.assertEqual(self.sales_order("U1").items[0].item_code, "CB-PHONE")
		[listing] = frappe.get_all(
			"Channel Listing", {"channel": SHOP}, ["sku", "product_id", "variant_id", "item_code"]
		)
		self.assertEqual(tuple(listing.values()), (self.sku, "77", "78", "CB-PHONE"))

	def test_create_makes_the_item_and_books_the_orders(self) -> None:
		self.fail("U1", barcode=f"B{self.sku}")
		made = api.create_unmapped(
			SHOP, frappe.as_json(self.product()), self.item_code, "<b>Strange</b>", "Products"
		)
		self.assertEqual(made, {"item_code": self.item_code, "retried": 1})
		self.work()
		self.assertEqual(self.states(), ["Succeeded"])
		item = frappe.get_doc("Item", self.item_code)
		self.assertEqual((item.item_group, item.barcodes[0].barcode), ("Products", f"B{self.sku}"))
		self.assertNotIn("<", item.item_name)
		self.assertEqual(item.owner, self.channel.integration_user)

	def test_a_barcode_goes_to_the_item(self) -> None:
		self.fixture.make_item(self.item_code)
		product = {"barcode": f"B{self.sku}"}
		api.link_unmapped(SHOP, product, self.item_code)
		self.assertEqual(
			frappe.db.get_value("Item Barcode", {"barcode": f"B{self.sku}"}, "parent"), self.item_code
		)
		self.assertEqual(frappe.db.count("Channel Listing", {"channel": SHOP}), 0)

	def test_what_cannot_be_linked_is_said(self) -> None:
		self.fixture.make_item(self.sku)
		for product, item_code, said in (
			({"sku": self.sku}, "CB-PHONE", "already"),
			({"sku": "CB-NEVER-SEEN"}, "CB-NO-SUCH-ITEM", "no Item"),
			({"name": "A thing"}, "CB-PHONE", "neither"),
			([1], "CB-PHONE", "Choose a row"),
		):
			with self.assertRaisesRegex(frappe.ValidationError, said):
				api.link_unmapped(SHOP, product, item_code)
		frappe.db.set_value("Item", self.sku, "disabled", 1)
		with self.assertRaisesRegex(frappe.ValidationError, "disabled"):
			api.link_unmapped(SHOP, {"sku": "CB-NEVER-SEEN"}, self.sku)

	def test_a_user_reads_and_retries_but_does_not_link(self) -> None:
		entry = self.fail("U1")
		make_user("mapping-user@example.com", USER_ROLE)
		make_user("mapping-nobody@example.com", None)
		frappe.db.commit()
		frappe.set_user("mapping-user@example.com")
		self.assertEqual(len(self.rows()), 1)
		self.assertEqual(api.retry([entry.name]), 1)
		for call in (
			lambda: api.link_unmapped(SHOP, {"sku": self.sku}, "CB-PHONE"),
			lambda: api.create_unmapped(SHOP, {"sku": self.sku}, self.sku, self.sku, "Products"),
		):
			with self.assertRaises(frappe.PermissionError):
				call()
		frappe.set_user("mapping-nobody@example.com")
		with self.assertRaises(frappe.PermissionError):
			self.rows()
