"""The section "Sync" on a document: which entries are its own, and who sees them."""

from __future__ import annotations

import json

import frappe

from commerce_bridge import api
from commerce_bridge.bridge import feeds
from commerce_bridge.bridge.outbound import ORDER_STATUS, document_entry
from commerce_bridge.erpnext import document_entries
from commerce_bridge.erpnext.test_orders import SHOP, OrdersCase
from commerce_bridge.permissions import USER
from commerce_bridge.tests.test_permissions import make_user

CLERK = "clerk-of-sync@example.com"


class TestDocumentEntries(OrdersCase):
	def setUp(self) -> None:
		super().setUp()
		self.addCleanup(frappe.set_user, "Administrator")

	def topics(self, doctype: str, name: str) -> list[str]:
		frappe.db.commit()
		return [row["topic"] for row in api.document_entries(doctype, name)]

	def test_an_order_shows_what_is_about_it_and_what_its_shop_sent_of_it(self) -> None:
		self.send("order.upserted", self.simple("e-1"))
		self.send("order.upserted", self.simple("e-2"))
		order = self.sales_order("e-1")
		broken = self.simple("e-1", updated_at="2099-01-01T00:00:00Z") | {"totals": {"grand_total": "1.00"}}
		failed = self.send("order.upserted", broken)
		with self.fixture.erp.transaction():
			self.fixture.journal.record([document_entry(SHOP, ORDER_STATUS, "Sales Order", order.name, "1")])
		found = api.document_entries("Sales Order", order.name)
		self.assertEqual([row["topic"] for row in found], [ORDER_STATUS, "order.upserted", "order.upserted"])
		self.assertEqual((found[1]["name"], found[1]["state"]), (failed.name, "Failed"))

	def test_a_customer_of_the_same_id_is_not_the_order(self) -> None:
		name = self.send("order.upserted", self.simple("e-3")).name
		order = self.sales_order("e-3")
		customer = {"topic": "customer.upserted", "reference_doctype": None, "reference_name": None}
		frappe.db.set_value("Sync Log", name, customer)
		self.assertEqual(self.topics("Sales Order", order.name), [])

	def test_a_document_without_a_channel_has_none(self) -> None:
		self.send("order.upserted", self.simple("e-4"))
		order = self.sales_order("e-4")
		frappe.db.set_value("Sales Order", order.name, "cb_channel", None)
		self.assertEqual(self.topics("Sales Order", order.name), [])

	def test_an_item_shows_what_was_sent_of_it_and_of_no_item_with_a_longer_code(self) -> None:
		item, other = self.fixture.make_item("CB-SYNC-1"), self.fixture.make_item("CB-SYNC-12")
		for code in (item, other):
			self.fixture.make_listing(SHOP, code, code)
		channel = self.fixture.state.channel(SHOP)
		frappe.db.delete("Sync Log")
		with self.fixture.erp.transaction():
			feeds.queue_items(self.world, channel, feeds.STOCK, [other])
		self.assertEqual(self.topics("Item", item), [])
		with self.fixture.erp.transaction():
			feeds.queue_items(self.world, channel, feeds.STOCK, [other, item])
		self.assertEqual(self.topics("Item", item), ["stock.resync"])
		self.assertEqual(len(self.topics("Item", other)), 2)

	def test_an_item_that_is_listed_nowhere_has_none(self) -> None:
		item = self.fixture.make_item("CB-SYNC-3")
		frappe.db.delete("Channel Listing", {"item_code": item})
		self.assertEqual(self.topics("Item", item), [])

	def test_the_latest_only_and_few_queries(self) -> None:
		self.send("order.upserted", self.simple("e-5"))
		order = self.sales_order("e-5")
		with self.fixture.erp.transaction():
			self.fixture.journal.record(
				[
					document_entry(SHOP, ORDER_STATUS, "Sales Order", order.name, str(number))
					for number in range(document_entries.SHOWN + 5)
				]
			)
		self.assertEqual(len(self.topics("Sales Order", order.name)), document_entries.SHOWN)
		doc = frappe.get_doc("Sales Order", order.name)
		with self.assertQueryCount(1):
			document_entries._of_order(doc)

	def test_who_may_not_read_the_document_or_the_log_sees_nothing(self) -> None:
		self.send("order.upserted", self.simple("e-6"))
		order = self.sales_order("e-6")
		frappe.get_doc("User", make_user(CLERK, USER)).remove_roles("Sales User")
		frappe.set_user(CLERK)
		with self.assertRaises(frappe.PermissionError):
			api.document_entries("Sales Order", order.name)
		frappe.set_user("Administrator")
		frappe.get_doc("User", CLERK).add_roles("Sales User")
		frappe.set_user(CLERK)
		self.assertEqual(self.topics("Sales Order", order.name), ["order.upserted"])
		frappe.set_user("Administrator")
		frappe.get_doc("User", CLERK).remove_roles(USER)
		frappe.set_user(CLERK)
		with self.assertRaises(frappe.PermissionError):
			api.document_entries("Sales Order", order.name)

	def test_other_doctypes_are_not_asked_about(self) -> None:
		with self.assertRaises(frappe.ValidationError):
			api.document_entries("User", "Administrator")

	def test_a_hostile_message_is_cut_and_left_as_text(self) -> None:
		name = self.send("order.upserted", self.simple("e-7")).name
		hostile = "<script>alert(1)</script>" * 2_000
		frappe.db.set_value("Sync Log", name, "message", hostile)
		frappe.db.commit()
		[row] = api.document_entries("Sales Order", self.sales_order("e-7").name)
		self.assertEqual(row["message"], hostile[:300])
		self.assertIn("<script>", json.dumps(row, default=str))
