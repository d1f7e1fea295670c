"""What the tools behind a storefront are told: how far an order is, and customers that changed."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any
from unittest.mock import patch

import frappe
from erpnext.selling.doctype.sales_order.sales_order import make_sales_invoice

from commerce_bridge.bridge import worker
from commerce_bridge.bridge.channel import ChannelStatus
from commerce_bridge.bridge.outbound import CUSTOMER, ORDER_STATUS
from commerce_bridge.bridge.protocols import PushResult
from commerce_bridge.erpnext.test_orders import SHOP, OrdersCase

CRM = "Events CRM"
CONNECTOR = "commerce_bridge.connectors.custom.connector.CustomConnector"


class EventsCase(OrdersCase):
	def setUp(self) -> None:
		super().setUp()
		self.crm()
		self.channel = self.fixture.make_channel(SHOP, send_order_status="Own", send_customers="Own")
		frappe.db.delete("Sync Log")  # of what was tidied up
		frappe.db.commit()

	def told(self, topic: str, channel: str = SHOP) -> list[Any]:
		frappe.db.rollback()
		fields = ["name", "reference_name", "state", "payload"]
		return frappe.get_all(
			"Sync Log", {"topic": topic, "channel": channel}, fields, order_by="creation, name"
		)

	def names(self, topic: str, channel: str = SHOP) -> list[str]:
		return [row.reference_name for row in self.told(topic, channel)]

	def crm(self, **settings: Any) -> None:
		self.fixture.make_channel(
			CRM, **{"send_order_status": "Nothing", "send_customers": "Nothing", **settings}
		)

	def by_hand(self, **values: Any) -> Any:
		"""A Sales Order that a person makes."""
		row = {"item_code": "CB-PHONE", "qty": 1, "rate": 10, "warehouse": self.fixture.warehouse}
		doc = frappe.get_doc(
			{
				"doctype": "Sales Order",
				"company": self.fixture.company,
				"customer": self.customer("By Hand").name,
				"delivery_date": "2030-01-01",
				"currency": self.fixture.currency,
				"selling_price_list": "Standard Selling",
				"items": [row],
				**values,
			}
		).insert()
		doc.submit()
		frappe.db.commit()
		return doc

	def customer(self, name: str) -> Any:
		doc = frappe.get_doc(
			{
				"doctype": "Customer",
				"customer_name": f"{name} {frappe.generate_hash(length=6)}",
				"customer_type": "Individual",
				"customer_group": "Individual",
				"territory": "All Territories",
			}
		).insert()
		frappe.db.commit()
		return doc


class TestOrderStatus(EventsCase):
	def pushed(self) -> list[Any]:
		"""What the storefront gets of what waits."""
		with patch(f"{CONNECTOR}.push_order_status") as push, patch(f"{CONNECTOR}.push_shipment") as shipped:
			push.side_effect = shipped.side_effect = lambda document: PushResult("key")
			while worker.run_once(self.world):
				continue
		return [call.args[0] for call in push.call_args_list]

	def test_a_new_order_is_told_once(self) -> None:
		with patch(f"{CONNECTOR}.push_order_status", return_value=PushResult("x")) as push:
			self.send("order.upserted", self.simple("s-1"))
		[status] = [call.args[0] for call in push.call_args_list]
		doc = self.sales_order("s-1")
		self.assertEqual(
			(status.order_id, status.order_number, status.document, status.status),
			("s-1", "#s-1", doc.name, "To Deliver and Bill"),
		)
		self.assertEqual((status.delivered, status.billed), (Decimal(0), Decimal(0)))
		self.assertEqual(self.names(ORDER_STATUS), [doc.name])

	def test_delivery_and_invoice_and_their_cancellation_are_told(self) -> None:
		self.send("order.upserted", self.simple("s-2"))
		self.pushed()
		order = self.sales_order("s-2").name
		note = self.fixture.make_delivery(order, "DHL", "T-1")
		self.assertEqual([(s.status, s.delivered) for s in self.pushed()], [("To Bill", Decimal(100))])
		self.fixture.cancel_delivery(note)
		self.assertEqual(
			[(s.status, s.delivered) for s in self.pushed()], [("To Deliver and Bill", Decimal(0))]
		)
		make_sales_invoice(order).insert().submit()
		frappe.db.commit()
		self.assertEqual([(s.status, s.billed) for s in self.pushed()], [("To Deliver", Decimal(100))])
		self.assertEqual(len(self.told(ORDER_STATUS)), 4)

	def test_partly(self) -> None:
		self.send("order.upserted", self.simple("s-3"))
		self.pushed()
		self.fixture.stands("partly delivered", self.sales_order("s-3").name)
		[status] = self.pushed()
		self.assertEqual((status.status, status.delivered), ("To Deliver and Bill", Decimal(50)))

	def test_hold_close_and_reopen_come_back_to_a_state_told_before(self) -> None:
		self.send("order.upserted", self.simple("s-4"))
		self.pushed()
		name = self.sales_order("s-4").name
		for status, expected in (
			("On Hold", "On Hold"),
			("Draft", "To Deliver and Bill"),
			("Closed", "Closed"),
			("Draft", "To Deliver and Bill"),
		):
			frappe.get_doc("Sales Order", name).update_status(status)
			frappe.db.commit()
			self.assertEqual([told.status for told in self.pushed()], [expected])

	def test_a_save_that_changes_nothing_told_is_not_told(self) -> None:
		self.send("order.upserted", self.simple("s-5"))
		doc = self.sales_order("s-5")
		doc.po_no = "Their number"
		doc.save()
		frappe.db.commit()
		self.assertEqual(len(self.told(ORDER_STATUS)), 1)

	def test_an_amendment_takes_the_cancelled_order_s_place(self) -> None:
		self.send("order.upserted", self.simple("s-6"))
		self.pushed()
		first = self.sales_order("s-6").name
		with patch(f"{CONNECTOR}.push_order_status", return_value=PushResult("x")) as push:
			self.send("order.upserted", self.simple("s-6", quantity=3))
		second = self.sales_order("s-6").name
		self.assertNotEqual(first, second)
		self.assertEqual([call.args[0].document for call in push.call_args_list], [second])
		self.assertEqual(self.names(ORDER_STATUS), [first, second])

	def test_cancelled_by_hand(self) -> None:
		self.send("order.upserted", self.simple("s-7"))
		self.pushed()
		self.fixture.cancel_by_hand(self.sales_order("s-7").name)
		self.assertEqual([status.status for status in self.pushed()], ["Cancelled"])

	def test_a_rolled_back_change_tells_nothing(self) -> None:
		self.send("order.upserted", self.simple("s-8"))
		frappe.get_doc("Sales Order", self.sales_order("s-8").name).update_status("Closed")
		frappe.db.rollback()
		frappe.db.commit()
		self.assertEqual(len(self.told(ORDER_STATUS)), 1)

	def test_own_hears_of_its_orders_only_and_all_of_all(self) -> None:
		self.crm(send_order_status="All")
		self.send("order.upserted", self.simple("s-9"))
		ours, by_hand = self.sales_order("s-9").name, self.by_hand().name
		self.assertEqual(self.names(ORDER_STATUS), [ours])
		self.assertEqual(self.names(ORDER_STATUS, CRM), [ours, by_hand])
		here = self.world.erp
		with here.transaction():
			told = [here.get_order_status(ours, channel) for channel in (SHOP, CRM)]
			other = here.get_order_status(by_hand, CRM)
		self.assertEqual(
			[(status.order_id, status.order_number) for status in told if status],
			[("s-9", "#s-9"), (ours, "#s-9")],
		)
		self.assertEqual(
			(other.order_id, other.order_number) if other else None, (by_hand, by_hand), "its name stands in"
		)

	def test_nothing_is_read_where_nobody_listens(self) -> None:
		self.fixture.make_channel(SHOP, send_order_status="Nothing", send_customers="Nothing")
		with (
			patch("commerce_bridge.erpnext.order_status.get") as read,
			patch("commerce_bridge.erpnext.customer.told") as read_customer,
		):
			self.send("order.upserted", self.simple("s-10"))
		self.assertFalse(read.called or read_customer.called)
		self.assertEqual(self.told(ORDER_STATUS) + self.told(CUSTOMER), [])

	def test_a_disabled_channel_is_told_nothing_and_a_paused_one_later(self) -> None:
		self.fixture.make_channel(SHOP, send_order_status="All", status=ChannelStatus.DISABLED)
		self.crm(send_order_status="All", status=ChannelStatus.PAUSED)
		name = self.by_hand().name
		self.assertEqual(self.names(ORDER_STATUS), [])
		self.assertEqual(
			[(row.reference_name, row.state) for row in self.told(ORDER_STATUS, CRM)], [(name, "Queued")]
		)

	def test_one_insert_a_voucher(self) -> None:
		self.crm(send_order_status="All")
		self.send("order.upserted", self.simple("s-11"))
		self.pushed()
		order = self.sales_order("s-11").name
		statements: list[str] = []
		plain = frappe.db.sql

		def counted(query: str, *arguments: Any, **values: Any) -> Any:
			statements.append(str(query))
			return plain(query, *arguments, **values)

		with patch.object(frappe.db, "sql", counted):
			self.fixture.make_delivery(order, "DHL", "T-2")
		inserts = [text for text in statements if text.startswith("INSERT INTO `tabSync Log`")]
		self.assertEqual(len(inserts), 1)
		topics = frappe.get_all("Sync Log", {"state": "Queued"}, pluck="topic", order_by="topic")
		self.assertEqual(topics, [ORDER_STATUS, ORDER_STATUS, "shipment.changed"])


class TestCustomers(EventsCase):
	def bought(self, order: str) -> str:
		self.send("order.upserted", self.simple(order))
		return self.sales_order(order).customer

	def test_what_the_channel_just_told_us_is_not_told_back(self) -> None:
		self.bought("c-1")
		self.assertEqual(self.told(CUSTOMER), [])

	def test_a_person_s_change_is_told_to_the_customer_s_channel(self) -> None:
		name = self.bought("c-2")
		doc = frappe.get_doc("Customer", name)
		doc.tax_id = "DE-4711"
		doc.save()
		frappe.db.commit()
		self.assertEqual(self.names(CUSTOMER), [name])
		doc.reload()
		doc.customer_details = "nobody is told of this"
		doc.save()
		frappe.db.commit()
		self.assertEqual(len(self.told(CUSTOMER)), 1)

	def test_contact_and_address_are_told_once_a_transaction(self) -> None:
		name = self.bought("c-3")
		link = [{"link_doctype": "Customer", "link_name": name}]
		contact = frappe.get_doc("Contact", frappe.db.get_value("Customer", name, "customer_primary_contact"))
		contact.append("phone_nos", {"phone": "+4930111222", "is_primary_mobile_no": 1})
		contact.save()
		address = frappe.get_doc(
			{
				"doctype": "Address",
				"address_title": "Ada",
				"address_type": "Billing",
				"address_line1": "-",
				"city": "Berlin",
				"country": "Germany",
				"links": link,
			}
		).insert()
		frappe.db.commit()
		self.assertEqual(self.names(CUSTOMER), [name])
		with self.world.erp.transaction():
			customer = self.world.erp.get_customer(name)
		assert customer is not None
		self.assertEqual(
			(customer.id, customer.email, customer.phone, customer.first_name, customer.last_name),
			(name, "ada@orders.example", "+4930111222", "Ada", "Lovelace"),
		)
		[told] = [entry for entry in customer.addresses if entry.city == "Berlin"]
		self.assertEqual((told.line1, told.country_code), (None, "DE"))
		address.delete()
		frappe.db.commit()
		self.assertEqual(len(self.told(CUSTOMER)), 2)

	def test_own_hears_nothing_of_others_and_all_does(self) -> None:
		self.crm(send_customers="All")
		stranger = self.customer("Stranger").name
		bought = self.bought("c-4")
		self.assertEqual(self.told(CUSTOMER), [])
		self.assertEqual(set(self.names(CUSTOMER, CRM)), {stranger, bought})

	def test_another_channel_s_news_of_a_shared_customer_is_no_echo(self) -> None:
		name = self.bought("c-5")
		self.crm(send_customers="Own")
		with self.world.erp.transaction(), self.world.erp.act_as(self.world.state.channel(CRM)):
			doc = frappe.get_doc("Customer", name)
			doc.tax_id = "FR-1"
			doc.save()
		self.assertEqual(self.names(CUSTOMER), [name])
		self.assertEqual(self.names(CUSTOMER, CRM), [])

	def test_a_customer_that_is_gone_is_nothing_to_tell(self) -> None:
		with self.world.erp.transaction():
			self.assertIsNone(self.world.erp.get_customer("nobody at all"))

	def test_the_company_s_name_is_no_person_s(self) -> None:
		doc = self.customer("Acme")
		doc.customer_type = "Company"
		doc.save()
		frappe.db.commit()
		with self.world.erp.transaction():
			customer = self.world.erp.get_customer(doc.name)
		assert customer is not None
		self.assertEqual((customer.company, customer.first_name), (doc.customer_name, None))

	def test_the_payload_holds_no_personal_data(self) -> None:
		name = self.bought("c-6")
		frappe.get_doc("Customer", name).update({"tax_id": "DE-1"}).save()
		frappe.db.commit()
		[row] = self.told(CUSTOMER)
		self.assertEqual(set(json.loads(row.payload)), {"doctype", "name", "told"})
