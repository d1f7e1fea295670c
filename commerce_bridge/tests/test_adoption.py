"""Switching from Ecommerce Integrations: what it linked is ours afterwards, and nothing is made twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

import frappe
from frappe.custom.doctype.custom_field.custom_field import create_custom_fields

from commerce_bridge.bridge.errors import Rejected
from commerce_bridge.bridge.model import Order, OrderLine
from commerce_bridge.bridge.orders import apply_order
from commerce_bridge.bridge.protocols import Entry
from commerce_bridge.connectors.shopify.adoption import ECOMMERCE_INTEGRATIONS
from commerce_bridge.erpnext import adoption
from commerce_bridge.tests.base import SiteTestCase
from commerce_bridge.tests.factory import SiteFixture

CHANNEL = "CB Adopted Shop"
FIELDS = {
	"Sales Order": ["shopify_order_id", "shopify_order_number"],
	"Delivery Note": ["shopify_order_id", "shopify_order_number", "shopify_fulfillment_id"],
	"Sales Invoice": ["shopify_order_id", "shopify_order_number"],
	"Customer": ["shopify_customer_id"],
}
NOW = datetime(2026, 11, 20, 10, 0, tzinfo=timezone.utc)


def leave_fields() -> None:
	"""The custom fields of the other connector, and its DocType."""
	create_custom_fields(
		{
			doctype: [
				{
					"fieldname": name,
					"label": name,
					"fieldtype": "Data" if doctype == "Customer" else "Small Text",
				}
				for name in names
			]
			for doctype, names in FIELDS.items()
		}
	)
	if not frappe.db.exists("DocType", "Ecommerce Item"):
		data = ("integration", "integration_item_code", "variant_id", "sku", "erpnext_item_code")
		fields = [{"fieldname": name, "label": name, "fieldtype": "Data"} for name in data]
		fields.append({"fieldname": "has_variants", "label": "has_variants", "fieldtype": "Check"})
		doctype = {"doctype": "DocType", "name": "Ecommerce Item", "module": "Custom", "custom": 1}
		frappe.get_doc({**doctype, "autoname": "hash", "fields": fields}).insert()


def take_fields_back() -> None:
	for doctype, names in FIELDS.items():
		for name in names:
			frappe.delete_doc("Custom Field", f"{doctype}-{name}", force=True)
			frappe.db.sql_ddl(f"ALTER TABLE `tab{doctype}` DROP COLUMN IF EXISTS `{name}`")
		frappe.clear_cache(doctype=doctype)
	frappe.delete_doc("DocType", "Ecommerce Item", force=True)
	frappe.db.sql_ddl("DROP TABLE IF EXISTS `tabEcommerce Item`")
	frappe.db.commit()


class AdoptionTestCase(SiteTestCase):
	@classmethod
	def setUpClass(cls) -> None:
		super().setUpClass()
		cls.fixture = SiteFixture()
		leave_fields()
		cls.addClassCleanup(take_fields_back)

	def setUp(self) -> None:
		self.fixture = SiteFixture()
		frappe.db.delete("Ecommerce Item")
		self.channel = self.fixture.make_channel(
			CHANNEL,
			platform="shopify",
			store_url="https://cb-adopted.myshopify.com",
			access_token="shpat_0123456789abcdef0123456789abcdef",
			api_secret="shpss_0123456789abcdef",
		)
		self.phone = self.fixture.make_item("CB-ADOPTED")

	def ecommerce_item(self, **values: Any) -> None:
		row = {
			"integration": "shopify",
			"integration_item_code": "11",
			"variant_id": "12",
			"sku": "SKU-12",
			"erpnext_item_code": self.phone,
			"has_variants": 0,
			**values,
		}
		frappe.get_doc({"doctype": "Ecommerce Item", **row}).insert()
		frappe.db.commit()

	def adopt(self, write: bool = True) -> adoption.Report:
		return adoption.adopt(CHANNEL, ECOMMERCE_INTEGRATIONS, write=write)

	def sales_order(self, order_id: str, cancelled: bool = False, quantity: int = 1) -> str:
		doc = frappe.get_doc(
			{
				"doctype": "Sales Order",
				"customer": self.customer(),
				"company": self.fixture.company,
				"currency": self.fixture.currency,
				"delivery_date": "2026-12-01",
				"shopify_order_id": order_id,
				"shopify_order_number": f"#{order_id}",
				"items": [
					{
						"item_code": self.phone,
						"qty": quantity,
						"rate": 100,
						"warehouse": self.fixture.warehouse,
					}
				],
			}
		).insert()
		doc.submit()
		if cancelled:
			doc.cancel()
		frappe.db.commit()
		return doc.name

	def customer(self, shopify_id: str | None = None) -> str:
		name = frappe.db.get_value("Customer", {"customer_name": "CB Adopted Buyer"})
		if not name:
			values = {"customer_name": "CB Adopted Buyer", "customer_group": "Individual"}
			name = (
				frappe.get_doc({"doctype": "Customer", "territory": "All Territories", **values})
				.insert()
				.name
			)
		frappe.db.set_value("Customer", name, "shopify_customer_id", shopify_id)
		frappe.db.commit()
		return name

	def listings(self) -> list[tuple[Any, ...]]:
		return [
			(row.item_code, row.product_id, row.variant_id, row.sku)
			for row in frappe.get_all(
				"Channel Listing", {"channel": CHANNEL}, ["item_code", "product_id", "variant_id", "sku"]
			)
		]

	def record(self, record_type: str, external_id: str) -> Any:
		with self.fixture.erp.transaction():
			return self.fixture.erp.get_record(CHANNEL, record_type, external_id)


class TestListings(AdoptionTestCase):
	def test_a_linked_item_is_listed_under_the_shops_ids(self) -> None:
		self.ecommerce_item()
		self.assertEqual(self.adopt().counts["Channel Listings made"], 1)
		self.assertEqual(self.listings(), [(self.phone, "11", "12", "SKU-12")])

	def test_repeated_it_makes_nothing_more(self) -> None:
		self.ecommerce_item()
		self.adopt()
		again = self.adopt()
		self.assertEqual(again.counts["Channel Listings that were there already"], 1)
		self.assertEqual(len(self.listings()), 1)

	def test_a_dry_run_writes_nothing_and_counts_the_same(self) -> None:
		self.ecommerce_item()
		self.sales_order("7001")
		planned = self.adopt(write=False)
		self.assertEqual(self.listings(), [])
		self.assertIsNone(self.record("Order", "7001"))
		self.assertEqual(+planned.counts, +self.adopt().counts)

	def test_a_listing_of_the_sku_gets_the_ids(self) -> None:
		self.fixture.make_listing(CHANNEL, self.phone, "SKU-12")
		self.ecommerce_item()
		self.assertEqual(self.adopt().counts["Channel Listings given the shop's ids"], 1)
		self.assertEqual(self.listings(), [(self.phone, "11", "12", "SKU-12")])

	def test_templates_are_not_listed(self) -> None:
		self.ecommerce_item(has_variants=1, variant_id="", sku="")
		self.adopt()
		self.assertEqual(self.listings(), [])

	def test_an_item_that_is_gone_is_named(self) -> None:
		self.ecommerce_item(erpnext_item_code="CB-NOT-THERE")
		report = self.adopt()
		self.assertIn("CB-NOT-THERE", "\n".join(report.lines()))
		self.assertEqual(self.listings(), [])

	def test_a_product_listed_as_another_item_is_left(self) -> None:
		other = self.fixture.make_item("CB-ADOPTED-OTHER")
		self.ecommerce_item()
		self.adopt()
		frappe.db.set_value("Channel Listing", {"channel": CHANNEL}, "item_code", other)
		self.assertIn("another Item", "\n".join(self.adopt().lines()))

	def test_other_integrations_are_not_touched(self) -> None:
		self.ecommerce_item(integration="unicommerce")
		self.adopt()
		self.assertEqual(self.listings(), [])


class TestOrders(AdoptionTestCase):
	def order(self, order_id: str, quantity: int = 1, **values: Any) -> Order:
		total = Decimal(100 * quantity)
		line = OrderLine(
			id="1", sku=self.phone, quantity=Decimal(quantity), unit_price=Decimal(100), total=total
		)
		given = {"updated_at": NOW, "currency": self.fixture.currency, "lines": (line,), "total": total}
		return Order(id=order_id, number=f"#{order_id}", **{**given, **values})

	def arrive(self, order: Order) -> Any:
		entry = Entry("none", CHANNEL, "Inbound", "orders/updated", "", order.id, 1, "lease", NOW)
		with self.fixture.erp.transaction():
			outcome = apply_order(self.fixture.erp, self.channel, order, entry)
		return outcome

	def test_an_order_that_arrives_again_makes_no_second_sales_order(self) -> None:
		name = self.sales_order("8001")
		self.adopt()
		outcome = self.arrive(self.order("8001"))
		self.assertEqual((outcome.state, outcome.reference_name), ("Succeeded", name))
		self.assertEqual(frappe.db.count("Sales Order", {"cb_external_id": "8001"}), 1)
		self.assertEqual(frappe.db.get_value("Sales Order", name, "docstatus"), 1)

	def test_what_is_delivered_afterwards_is_told_to_the_shop(self) -> None:
		self.fixture.set_stock(self.phone, Decimal(5))
		name = self.sales_order("8010")
		self.adopt()
		self.arrive(self.order("8010"))
		note = self.fixture.make_delivery(name, "DHL", "1Z")
		with self.fixture.erp.transaction():
			shipment = self.fixture.erp.get_shipment("Delivery Note", note)
		self.assertEqual([(line.order_line_id, line.quantity) for line in shipment.lines], [("1", 1)])

	def test_rows_that_are_no_lines_of_the_order_are_named(self) -> None:
		self.sales_order("8011")
		self.adopt()
		other = self.fixture.make_item("CB-ADOPTED-OTHER")
		line = self.order("8011").lines[0].model_copy(update={"sku": other})
		with self.assertRaisesRegex(Rejected, self.phone):
			self.arrive(self.order("8011", lines=(line,)))

	def test_the_next_change_is_followed(self) -> None:
		self.sales_order("8002")
		self.adopt()
		self.arrive(self.order("8002"))
		later = replace_time(self.order("8002", quantity=3))
		outcome = self.arrive(later)
		self.assertEqual(frappe.db.get_value("Sales Order", outcome.reference_name, "grand_total"), 300)

	def test_an_order_cancelled_here_stays_cancelled(self) -> None:
		name = self.sales_order("8003", cancelled=True)
		self.adopt()
		self.assertEqual(self.arrive(self.order("8003")).state, "Skipped")
		self.assertEqual(frappe.db.get_value("Sales Order", name, "docstatus"), 2)

	def test_of_several_documents_the_standing_one_counts(self) -> None:
		standing = self.sales_order("8004")
		self.sales_order("8004", cancelled=True)
		self.adopt()
		self.assertEqual(self.record("Order", "8004").document, standing)

	def test_documents_get_the_channel_and_the_orders_id(self) -> None:
		name = self.sales_order("8005")
		self.adopt()
		found = frappe.db.get_value(
			"Sales Order", name, ["cb_channel", "cb_external_id", "cb_external_number"]
		)
		self.assertEqual(found, (CHANNEL, "8005", "#8005"))

	def test_the_oldest_order_still_to_be_delivered_is_named(self) -> None:
		name = self.sales_order("8012")
		frappe.db.set_value("Sales Order", name, "transaction_date", "2026-01-02")
		self.assertIn("2026-01-02", "\n".join(self.adopt(write=False).lines()))

	def test_customers_and_fulfilments_are_linked(self) -> None:
		customer = self.customer("5001")
		self.fixture.set_stock(self.phone, Decimal(5))
		order = self.sales_order("8006")
		note = self.fixture.make_delivery(order, "DHL", "1Z")
		frappe.db.set_value("Delivery Note", note, "shopify_fulfillment_id", "6001")
		frappe.db.set_value("Customer", customer, "shopify_customer_id", "5001")
		frappe.db.commit()
		self.adopt()
		self.assertEqual(self.record("Customer", "5001").document, customer)
		self.assertEqual(self.record("Fulfilment", "6001").document, note)

	def test_what_the_other_connector_sent_is_not_sent_again(self) -> None:
		self.fixture.set_stock(self.phone, Decimal(5))
		order = self.sales_order("8020", quantity=2)
		old = self.fixture.draft_delivery(order)
		half = frappe.get_doc("Delivery Note", old)
		half.items[0].qty = 1
		half.save().submit()
		frappe.db.set_value(
			"Delivery Note", old, {"shopify_fulfillment_id": "6020", "shopify_order_id": "8020"}
		)
		self.adopt()
		self.arrive(self.order("8020", quantity=2))
		new = self.fixture.make_delivery(order, "DHL", "2Z")
		with self.fixture.erp.transaction():
			first = self.fixture.erp.get_shipment("Delivery Note", old)
			second = self.fixture.erp.get_shipment("Delivery Note", new)
		self.assertEqual((first.external_ids, first.taken_ids), (("6020",), ()))
		self.assertEqual((second.external_ids, second.taken_ids), ((), ("6020",)))

	def test_an_id_that_means_another_document_here_is_left_and_named(self) -> None:
		ours = self.sales_order("8007")
		self.adopt()
		frappe.db.set_value("Sales Order", ours, "shopify_order_id", "8008")
		theirs = self.sales_order("8007")
		self.assertIn(theirs, "\n".join(self.adopt().lines()))
		self.assertEqual(self.record("Order", "8007").document, ours)


class TestRefusals(AdoptionTestCase):
	def test_a_channel_of_another_platform(self) -> None:
		self.fixture.make_channel("CB Not Adopted", platform="custom")
		with self.assertRaisesRegex(frappe.ValidationError, "custom"):
			adoption.adopt("CB Not Adopted", ECOMMERCE_INTEGRATIONS)

	def test_a_site_the_other_connector_never_saw(self) -> None:
		never = replace(ECOMMERCE_INTEGRATIONS.orders, external_id="never_there")
		with self.assertRaisesRegex(frappe.ValidationError, "left nothing"):
			adoption.adopt(CHANNEL, replace(ECOMMERCE_INTEGRATIONS, orders=never))


def replace_time(order: Order) -> Order:
	return order.model_copy(update={"updated_at": NOW.replace(hour=11)})
