"""Which document an external id is, when a person amends or deletes that document in ERPNext."""

from __future__ import annotations

from typing import Any

import frappe

from commerce_bridge.erpnext.test_orders import SHOP, OrdersCase


class TestAmendedByHand(OrdersCase):
	def amend(self, external_id: str, submit: bool = True) -> Any:
		"""As the Desk does it: cancelled, copied with all fields, saved, submitted."""
		doc = self.sales_order(external_id)
		doc.cancel()
		amended = frappe.copy_doc(doc)
		amended.update({"amended_from": doc.name, "docstatus": 0, "status": "Draft"})
		amended.items[0].qty = 1
		amended.insert()
		if submit:
			amended.submit()
		frappe.db.commit()
		return amended

	def test_a_cancellation_reaches_the_amended_order(self) -> None:
		self.send("order.upserted", self.simple("am-1"))
		amended = self.amend("am-1")
		moment = self.simple("am-1")["updated_at"]
		log = self.send("order.cancelled", {"id": "am-1", "updated_at": moment})
		self.assertEqual(log.state, "Succeeded", log.message)
		self.assertEqual(frappe.db.get_value("Sales Order", amended.name, "docstatus"), 2)

	def test_a_draft_amendment_is_rewritten_in_place(self) -> None:
		self.send("order.upserted", self.simple("am-2"))
		amended = self.amend("am-2", submit=False)
		log = self.send("order.upserted", self.simple("am-2", 3))
		self.assertEqual((log.state, log.reference_name), ("Succeeded", amended.name), log.message)
		self.assertEqual(self.fixture.count_sales_orders("am-2"), 1)

	def test_an_echo_leaves_the_amended_order_alone(self) -> None:
		self.send("order.upserted", self.simple("am-3"))
		amended = self.amend("am-3")
		log = self.send("order.upserted", self.simple("am-3"))
		self.assertEqual((log.state, log.reference_name), ("Succeeded", amended.name), log.message)
		self.assertEqual(self.sales_order("am-3").items[0].qty, 1)

	def test_a_storefronts_change_amends_the_amended_order(self) -> None:
		self.send("order.upserted", self.simple("am-4"))
		amended = self.amend("am-4")
		log = self.send("order.upserted", self.simple("am-4", 5))
		self.assertEqual(log.state, "Succeeded", log.message)
		doc = self.sales_order("am-4")
		self.assertEqual((doc.amended_from, doc.items[0].qty), (amended.name, 5))
		self.assertEqual(self.fixture.count_sales_orders("am-4"), 1)

	def test_the_storefront_is_told(self) -> None:
		self.channel = self.fixture.make_channel(SHOP, send_local_changes=1)
		self.send("order.upserted", self.simple("am-5"))
		amended = self.amend("am-5")
		told = frappe.get_all("Sync Log", {"topic": "order.changed"}, pluck="reference_name")
		self.assertIn(amended.name, told)


class TestDeletedByHand(OrdersCase):
	def test_the_next_order_of_a_deleted_customer_is_booked(self) -> None:
		"""The storefront's customer id pointed to a document that is gone: no Retry would ever have helped."""
		self.send("order.upserted", self.simple("del-1"))
		doc = self.sales_order("del-1")
		customer = doc.customer
		doc.cancel()
		doc.delete()
		frappe.db.set_value("Customer", customer, "customer_primary_contact", None)
		for doctype in ("Contact", "Address"):
			linked = {"parenttype": doctype, "link_doctype": "Customer", "link_name": customer}
			for name in frappe.get_all("Dynamic Link", linked, pluck="parent"):
				frappe.delete_doc(doctype, name, force=True)
		frappe.delete_doc("Customer", customer)
		frappe.db.commit()
		log = self.send("order.upserted", self.simple("del-2"))
		self.assertEqual(log.state, "Succeeded", log.message)
		self.assertTrue(frappe.db.exists("Customer", self.sales_order("del-2").customer))
