"""What a channel's settings and the site's own make of an order."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import frappe
from frappe.custom.doctype.custom_field.custom_field import create_custom_fields

from commerce_bridge.bridge import worker
from commerce_bridge.erpnext import operations
from commerce_bridge.erpnext.test_orders import SHOP, OrdersCase, line
from commerce_bridge.tests import settings


class SettingsCase(OrdersCase):
	def booked(self, external_id: str, data: dict[str, Any]) -> Any:
		"""The Sales Order an order became."""
		log = self.send("order.upserted", data)
		self.assertEqual(log.state, "Succeeded", f"{log.message} {log.traceback}")
		return self.sales_order(external_id)

	def one_line(self, external_id: str, values: Mapping[str, Any], quantity: int = 2, **order: Any) -> Any:
		"""The Sales Order of an order with one line, 10.00 a piece and no tax."""
		row = {**line("l1", "CB-PHONE", quantity, "10.00"), **values}
		row = {key: value for key, value in row.items() if value is not None}
		return self.booked(external_id, self.order(external_id, row, total=f"{10 * quantity}.00", **order))

	def reserved(self, item_code: str) -> float:
		values = {"item_code": item_code, "warehouse": self.fixture.warehouse}
		return frappe.db.get_value("Bin", values, "reserved_qty") or 0


class TestAfterwards(SettingsCase):
	def reservations(self, sales_order: str) -> list[tuple[str, str, float]]:
		filters = {"voucher_no": sales_order, "docstatus": 1}
		fields = ["item_code", "warehouse", "reserved_qty"]
		rows = frappe.get_all("Stock Reservation Entry", filters, fields, order_by="creation")
		return [(row.item_code, row.warehouse, row.reserved_qty) for row in rows]

	def test_stock_is_reserved(self) -> None:
		settings.change(self, "Stock Settings", enable_stock_reservation=1)
		self.fixture.make_channel(SHOP, afterwards="Reserve Stock")
		doc = self.booked("a-1", self.simple("a-1"))
		self.assertEqual(doc.docstatus, 1)
		self.assertEqual(self.reservations(doc.name), [("CB-PHONE", self.fixture.warehouse, 2.0)])

	def test_as_much_is_reserved_as_there_is(self) -> None:
		settings.change(self, "Stock Settings", enable_stock_reservation=1, allow_partial_reservation=1)
		self.fixture.make_channel(SHOP, afterwards="Reserve Stock")
		self.fixture.set_stock("CB-PHONE", Decimal(1))
		doc = self.booked("a-2", self.simple("a-2"))
		self.assertEqual(self.reservations(doc.name), [("CB-PHONE", self.fixture.warehouse, 1.0)])

	def test_a_pick_list_is_made(self) -> None:
		self.fixture.make_channel(SHOP, afterwards="Create Pick List")
		doc = self.booked("a-3", self.simple("a-3"))
		rows = frappe.get_all(
			"Pick List Item", {"sales_order": doc.name}, ["item_code", "qty", "warehouse", "docstatus"]
		)
		self.assertEqual(
			[tuple(row.values()) for row in rows], [("CB-PHONE", 2.0, self.fixture.warehouse, 0)]
		)

	def test_without_stock_there_is_nothing_to_pick(self) -> None:
		self.fixture.make_channel(SHOP, afterwards="Create Pick List")
		self.fixture.make_item("CB-NEVER-STOCKED")
		sold = line("l1", "CB-NEVER-STOCKED", 2, "10.00", 2, "1.00")
		doc = self.booked("a-4", self.order("a-4", sold, total="22.00"))
		self.assertEqual(doc.docstatus, 1)
		self.assertFalse(frappe.db.exists("Pick List Item", {"sales_order": doc.name}))

	def test_a_draft_is_neither_reserved_nor_picked(self) -> None:
		self.fixture.make_channel(SHOP, afterwards="Create Pick List", order_docstatus="Draft")
		doc = self.booked("a-5", self.simple("a-5"))
		self.assertEqual(doc.docstatus, 0)
		self.assertFalse(frappe.db.exists("Pick List Item", {"sales_order": doc.name}))


class TestWorkflow(SettingsCase):
	name = "CB Test Approval"

	def setUp(self) -> None:
		super().setUp()
		for doctype, field, titles in (
			("Workflow State", "workflow_state_name", ("CB Waiting", "CB Approved")),
			("Workflow Action Master", "workflow_action_name", ("CB Approve",)),
		):
			for title in titles:
				if not frappe.db.exists(doctype, title):
					frappe.get_doc({"doctype": doctype, field: title}).insert()
		self.addCleanup(self.remove)
		frappe.get_doc(
			{
				"doctype": "Workflow",
				"workflow_name": self.name,
				"document_type": "Sales Order",
				"is_active": 1,
				"states": [
					{"state": "CB Waiting", "doc_status": "0", "allow_edit": "Sales Manager"},
					{"state": "CB Approved", "doc_status": "1", "allow_edit": "Sales Manager"},
				],
				"transitions": [
					{
						"state": "CB Waiting",
						"action": "CB Approve",
						"next_state": "CB Approved",
						"allowed": "Sales Manager",
					}
				],
			}
		).insert()
		frappe.db.commit()

	def remove(self) -> None:
		frappe.set_user("Administrator")
		frappe.db.rollback()
		frappe.delete_doc("Workflow", self.name)
		frappe.db.delete("Workflow Action", {"reference_doctype": "Sales Order"})  # they would keep drafts
		frappe.db.delete("Custom Field", {"dt": "Sales Order", "fieldname": "workflow_state"})
		frappe.db.commit()
		frappe.clear_cache()

	def test_an_order_waits_for_approval_as_a_draft(self) -> None:
		doc = self.booked("w-1", self.simple("w-1"))
		self.assertEqual((doc.docstatus, doc.status, doc.workflow_state), (0, "Draft", "CB Waiting"))
		self.assertEqual(doc.grand_total, 22.0)

	def test_a_waiting_order_follows_and_is_cancelled(self) -> None:
		first = self.booked("w-2", self.simple("w-2"))
		doc = self.booked("w-2", self.simple("w-2", quantity=3))
		self.assertEqual((doc.name, doc.docstatus, doc.grand_total), (first.name, 0, 33.0))
		self.assertEqual(doc.workflow_state, "CB Waiting")
		cancelled = {"id": "w-2", "updated_at": "2026-11-21T09:00:00Z"}
		self.assertEqual(self.send("order.cancelled", cancelled).state, "Succeeded")
		self.assertEqual(self.fixture.documents("w-2"), 0)


class TestTaxesAndCurrencies(SettingsCase):
	def test_the_company_s_default_taxes_are_not_added(self) -> None:
		template = frappe.get_doc(
			{
				"doctype": "Sales Taxes and Charges Template",
				"title": f"CB Default {frappe.generate_hash(length=6)}",
				"company": self.fixture.company,
				"is_default": 1,
				"taxes": [
					{
						"charge_type": "On Net Total",
						"account_head": self.fixture.tax_account,
						"description": "Added",
						"rate": 25,
					}
				],
			}
		).insert()
		frappe.db.commit()
		self.addCleanup(self.delete, template)
		doc = self.one_line("t-1", {})
		self.assertEqual((doc.grand_total, doc.total_taxes_and_charges), (20.0, 0.0))

	def delete(self, doc: Any) -> None:
		frappe.db.rollback()
		frappe.delete_doc(doc.doctype, doc.name)
		frappe.db.commit()

	def rate(self, currency: str, rate: float | None) -> None:
		frappe.db.rollback()
		frappe.db.delete("Currency Exchange", {"from_currency": currency})
		if rate:
			values = {"from_currency": currency, "to_currency": self.fixture.currency, "exchange_rate": rate}
			values |= {"doctype": "Currency Exchange", "date": "2026-11-01", "for_selling": 1}
			frappe.get_doc(values).insert()
		frappe.db.commit()

	def test_a_missing_rate_says_so_and_retry_succeeds(self) -> None:
		self.rate("CHF", None)
		log = self.send("order.upserted", self.simple("t-2", currency="CHF"))
		self.assertEqual((log.state, log.error_class), ("Failed", "Misconfigured"), log.message)
		for named in ("Currency Exchange", "CHF", self.fixture.currency):
			self.assertIn(named, log.message)
		self.assertEqual(self.fixture.documents("t-2"), 0)
		self.rate("CHF", 1.25)
		self.assertEqual(operations.requeue([log.name], ("Failed",)), 1)
		frappe.db.commit()
		worker.run_once(self.world)
		self.assertEqual(self.fixture.entry(log.name)["state"], "Succeeded")
		doc = self.sales_order("t-2")
		self.assertEqual((doc.currency, doc.grand_total), ("CHF", 22.0))
		self.assertEqual((doc.conversion_rate, doc.base_grand_total), (1.25, 27.5))
		self.assertEqual((doc.items[0].rate, doc.items[0].base_rate), (10.0, 12.5))

	def test_the_rate_of_the_day_the_order_was_placed(self) -> None:
		self.rate("CHF", 1.25)
		later = {"from_currency": "CHF", "to_currency": self.fixture.currency, "exchange_rate": 2}
		later |= {"doctype": "Currency Exchange", "date": "2026-11-21", "for_selling": 1}
		frappe.get_doc(later).insert()
		frappe.db.commit()
		doc = self.booked("t-3", self.simple("t-3", currency="CHF"))
		self.assertEqual((str(doc.transaction_date), doc.conversion_rate), ("2026-11-20", 1.25))


class TestItems(SettingsCase):
	def test_a_bundle_is_packed(self) -> None:
		self.fixture.make_bundle("CB-PACKED-SET", {"CB-PHONE": Decimal(1), "CB-CASE": Decimal(2)})
		before = self.reserved("CB-CASE")
		doc = self.one_line("i-1", {"sku": "CB-PACKED-SET"})
		self.assertEqual([row.item_code for row in doc.items], ["CB-PACKED-SET"])
		packed = [(row.item_code, row.qty, row.warehouse) for row in doc.packed_items]
		warehouse = self.fixture.warehouse
		self.assertEqual(packed, [("CB-PHONE", 2.0, warehouse), ("CB-CASE", 4.0, warehouse)])
		self.assertEqual(self.reserved("CB-CASE") - before, 4)

	def test_an_item_is_found_by_its_barcode(self) -> None:
		self.fixture.make_item("CB-SCANNED", barcode="4006381333948")
		doc = self.one_line("i-2", {"sku": None, "barcode": "4006381333948"})
		self.assertEqual(doc.items[0].item_code, "CB-SCANNED")

	def test_a_listing_decides_before_the_sku(self) -> None:
		listing = self.fixture.make_listing(SHOP, "CB-CASE", "WEB-CASE", product_id="p-77")
		doc = self.one_line("i-3", {"product_id": "p-77"})
		self.assertEqual((doc.items[0].item_code, doc.items[0].cb_listing), ("CB-CASE", listing))

	def test_a_listing_is_found_by_its_sku(self) -> None:
		listing = self.fixture.make_listing(SHOP, "CB-CASE", "WEB-SKU")
		doc = self.one_line("i-4", {"sku": "WEB-SKU"})
		self.assertEqual((doc.items[0].item_code, doc.items[0].cb_listing), ("CB-CASE", listing))

	def test_another_channel_s_listing_is_none_of_ours(self) -> None:
		self.fixture.make_channel("Other Orders Shop")
		self.fixture.make_listing("Other Orders Shop", "CB-CASE", "WEB-OTHER")
		row = line("l1", "WEB-OTHER", 1, "10.00")
		log = self.send("order.upserted", self.order("i-5", row, total="10.00"))
		self.assertEqual((log.state, log.error_class), ("Failed", "Misconfigured"))

	def test_the_location_decides_the_warehouse(self) -> None:
		other = self.warehouse("CB Berlin")
		self.fixture.make_channel(SHOP, warehouses=[{"warehouse": other, "location_id": "berlin"}])
		rows = [
			{**line("l1", "CB-PHONE", 1, "10.00"), "location_id": "berlin"},
			{**line("l2", "CB-PHONE", 1, "10.00"), "location_id": "nowhere"},
			line("l3", "CB-PHONE", 1, "10.00"),
		]
		doc = self.booked("i-6", self.order("i-6", *rows, total="30.00"))
		default = self.fixture.warehouse
		self.assertEqual([row.warehouse for row in doc.items], [other, default, default])

	def warehouse(self, title: str) -> str:
		values = {"warehouse_name": title, "company": self.fixture.company}
		name = frappe.db.get_value("Warehouse", values)
		if not name:
			name = frappe.get_doc({"doctype": "Warehouse", **values}).insert().name
			frappe.db.commit()
		return name


class TestFields(SettingsCase):
	fields = {
		"Sales Order": [
			{"fieldname": "loyalty_tier", "label": "Loyalty Tier", "fieldtype": "Data"},
			{"fieldname": "promised_at", "label": "Promised At", "fieldtype": "Datetime"},
		],
		"Sales Order Item": [
			{"fieldname": "assembly_required", "label": "Assembly Required", "fieldtype": "Check"},
			{"fieldname": "gift_weight", "label": "Gift Weight", "fieldtype": "Float"},
		],
	}

	def setUp(self) -> None:
		super().setUp()
		create_custom_fields(self.fields)
		frappe.db.commit()
		self.addCleanup(self.remove)

	def remove(self) -> None:
		frappe.db.rollback()
		self.fixture.make_channel(SHOP)
		for doctype, fields in self.fields.items():
			for field in fields:
				frappe.delete_doc("Custom Field", f"{doctype}-{field['fieldname']}")
		frappe.db.commit()
		frappe.clear_cache()

	def map(self, *rows: tuple[str, str, str, str, str]) -> None:
		columns = ("path", "target_doctype", "fieldname", "transform", "default_value")
		self.fixture.make_channel(SHOP, field_map=[dict(zip(columns, row, strict=True)) for row in rows])

	def test_fields_of_the_payload_are_kept(self) -> None:
		self.map(
			("loyalty.tier", "Sales Order", "loyalty_tier", "upper", ""),
			("assembly", "Sales Order Item", "assembly_required", "boolean", "no"),
			("weight", "Sales Order Item", "gift_weight", "decimal", ""),
		)
		rows = [
			{**line("l1", "CB-PHONE", 1, "10.00"), "assembly": "yes", "weight": 1.5},
			line("l2", "CB-PHONE", 1, "10.00"),
		]
		doc = self.booked("x-1", self.order("x-1", *rows, total="20.00", loyalty={"tier": "gold"}))
		self.assertEqual(doc.loyalty_tier, "GOLD")
		self.assertEqual([row.assembly_required for row in doc.items], [1, 0])
		self.assertEqual([row.gift_weight for row in doc.items], [1.5, 0.0])

	def test_times_are_kept_in_the_site_s_zone(self) -> None:
		self.map(("promised", "Sales Order", "promised_at", "datetime", ""))
		zone = frappe.utils.get_system_timezone()
		doc = self.one_line("x-2", {}, promised="2026-12-01T12:00:00Z")
		expected = frappe.utils.convert_utc_to_timezone(
			frappe.utils.get_datetime("2026-12-01 12:00:00"), zone
		)
		self.assertEqual(doc.promised_at, expected.replace(tzinfo=None))

	def test_what_does_not_fit_is_refused_by_its_path(self) -> None:
		self.map(("assembly", "Sales Order Item", "assembly_required", "boolean", ""))
		row = {**line("l1", "CB-PHONE", 1, "10.00"), "assembly": "perhaps"}
		log = self.send("order.upserted", self.order("x-3", row, total="10.00"))
		self.assertEqual((log.state, log.error_class), ("Failed", "Rejected"))
		self.assertIn('"assembly"', log.message)

	def test_the_delivery_date_is_the_shop_s(self) -> None:
		doc = self.one_line("x-4", {}, delivery_date="2026-12-24")
		self.assertEqual(doc.delivery_date, date(2026, 12, 24))
		self.assertEqual(doc.items[0].delivery_date, date(2026, 12, 24))

	def test_a_delivery_before_the_order_is_one_at_once(self) -> None:
		doc = self.one_line("x-5", {}, delivery_date="2026-01-01")
		self.assertEqual(doc.delivery_date, doc.transaction_date)

	def test_a_note_stands_on_the_order_as_it_was_written(self) -> None:
		doc = self.one_line("x-6", {}, note="Ring <b>twice</b> 🔔")
		comments = frappe.get_all(
			"Comment", {"reference_name": doc.name, "comment_type": "Comment"}, pluck="content"
		)
		self.assertEqual(comments, ["Ring &lt;b&gt;twice&lt;/b&gt; 🔔"])
