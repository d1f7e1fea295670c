"""The outbox: what a user's transaction leaves for the storefronts, and what it costs."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from unittest.mock import patch

import frappe

from commerce_bridge.bridge.channel import ChannelStatus
from commerce_bridge.erpnext import bin
from commerce_bridge.tests.base import SiteTestCase
from commerce_bridge.tests.factory import SiteFixture

SHOP = "Stock Shop"


def statements(work: Callable[[], object]) -> list[str]:
	"""The SQL that a piece of work runs."""
	found: list[str] = []
	database = type(frappe.local.db)
	run = database.sql

	def sql(self, query, *args, **kwargs):
		found.append(" ".join(str(query).split()))
		return run(self, query, *args, **kwargs)

	with patch.object(database, "sql", sql):
		work()
	return found


class StockCase(SiteTestCase):
	def setUp(self) -> None:
		self.fixture = SiteFixture()
		self.channel = self.fixture.make_channel(SHOP)
		for item in ("CB-PHONE", "CB-CASE"):
			self.fixture.make_item(item)
			self.fixture.set_stock(item, Decimal(10))
			self.fixture.make_listing(SHOP, item, f"WEB-{item}")
		frappe.db.delete("Stock Change")
		frappe.db.commit()

	def changes(self) -> int:
		frappe.db.rollback()
		return frappe.db.count("Stock Change")

	def entry(self) -> object:
		rows = [
			{"item_code": item, "qty": 1, "t_warehouse": self.fixture.warehouse, "basic_rate": 1}
			for item in ("CB-PHONE", "CB-CASE", "CB-PHONE")
		]
		values = {"doctype": "Stock Entry", "stock_entry_type": "Material Receipt", "items": rows}
		return frappe.get_doc({**values, "company": self.fixture.company}).insert()

	def order(self, quantity: int, submit: bool = True) -> str:
		"""An order a person typed in, of no channel."""
		row = {"item_code": "CB-PHONE", "qty": quantity, "rate": 10, "warehouse": self.fixture.warehouse}
		customer = frappe.db.get_value("Customer", {"customer_name": "CB Counter"}) or self.customer()
		today = frappe.utils.nowdate()
		values = {"doctype": "Sales Order", "customer": customer, "company": self.fixture.company}
		doc = frappe.get_doc(
			{**values, "transaction_date": today, "delivery_date": today, "items": [row]}
		).insert()
		if submit:
			doc.submit()
		frappe.db.commit()
		return doc.name

	def customer(self) -> str:
		values = {"doctype": "Customer", "customer_name": "CB Counter", "customer_group": "Individual"}
		return frappe.get_doc({**values, "territory": "All Territories"}).insert().name


class TestOutbox(StockCase):
	def test_a_voucher_costs_one_insert(self) -> None:
		entry = self.entry()

		def submit() -> None:
			entry.submit()
			frappe.db.commit()

		inserts = [query for query in statements(submit) if "`tabStock Change`" in query]
		self.assertEqual(len(inserts), 1)
		self.assertTrue(inserts[0].startswith("INSERT"))
		self.assertEqual(self.changes(), 2)

	def test_a_rolled_back_save_leaves_nothing_behind(self) -> None:
		self.entry().submit()
		frappe.db.rollback()
		frappe.db.commit()
		self.assertEqual(self.changes(), 0)
		self.fixture.move_stock("CB-CASE", 1)
		frappe.db.rollback()
		self.assertEqual(frappe.get_all("Stock Change", pluck="item_code"), ["CB-CASE"])

	def test_nothing_is_written_where_no_channel_shows_stock(self) -> None:
		for settings in ({"push_stock": 0}, {"owner_stock": "Storefront"}, {"status": ChannelStatus.PAUSED}):
			self.fixture.make_channel(SHOP, **settings)
			self.fixture.move_stock("CB-PHONE", 1)
			self.assertEqual(self.changes(), 0, settings)
		self.fixture.make_channel(SHOP)

	def test_a_save_does_not_fail_without_redis(self) -> None:
		with (
			patch("commerce_bridge.erpnext.wake._dead_until", 0.0),
			patch.dict(frappe.local.conf, {"redis_queue": "redis://127.0.0.1:1"}),
		):
			self.fixture.move_stock("CB-PHONE", 1)
		self.assertEqual(self.changes(), 1)

	def test_hold_and_close_count(self) -> None:
		order = self.order(3)
		for status in ("On Hold", "Draft", "Closed"):
			frappe.db.delete("Stock Change")
			frappe.get_doc("Sales Order", order).update_status(status)
			frappe.db.commit()
			self.assertEqual(self.changes(), 1, status)


class TestLevels(StockCase):
	def level(self, item: str = "CB-PHONE") -> Decimal:
		[row] = bin.levels(self.channel, [item])
		return row.level.quantity

	def test_reserved_stock_is_not_subtracted_twice(self) -> None:
		values = {"item_code": "CB-PHONE", "warehouse": self.fixture.warehouse}
		for reserved, stock_reserved, expected in ((3, 0, 7), (3, 3, 7), (0, 3, 7), (3, 2, 7), (12, 0, 0)):
			changed = {"reserved_qty": reserved, "reserved_stock": stock_reserved}
			frappe.db.set_value("Bin", values, changed, update_modified=False)
			self.assertEqual(self.level(), expected, (reserved, stock_reserved))
		frappe.db.rollback()

	def test_production_subcontracting_and_plans_count(self) -> None:
		values = {"item_code": "CB-PHONE", "warehouse": self.fixture.warehouse}
		for suffix in ("production", "sub_contract", "production_plan"):
			field = f"reserved_qty_for_{suffix}"
			frappe.db.set_value("Bin", values, field, 4, update_modified=False)
			self.assertEqual(self.level(), 6, field)
			frappe.db.rollback()

	def test_a_draft_a_person_typed_does_not_count(self) -> None:
		self.order(3, submit=False)
		self.assertEqual(self.level(), 10)

	def test_a_group_is_the_sum_of_its_warehouses(self) -> None:
		group = frappe.db.get_value("Warehouse", self.fixture.warehouse, "parent_warehouse")
		rows = [{"warehouse": group, "location_id": "all"}]
		self.channel = self.fixture.make_channel(SHOP, warehouses=rows)
		[row] = bin.levels(self.channel, ["CB-PHONE"])
		self.assertEqual((row.level.location_id, row.level.quantity), ("all", 10))

	def test_disabled_items_show_nothing(self) -> None:
		frappe.db.set_value("Item", "CB-CASE", "disabled", 1)
		self.assertEqual(self.level("CB-CASE"), 0)
		frappe.db.rollback()

	def test_six_queries_for_any_number(self) -> None:
		few = statements(lambda: bin.levels(self.channel, ["CB-PHONE"]))
		many = statements(lambda: bin.levels(self.channel, ["CB-PHONE", "CB-CASE"] * 500))
		self.assertEqual(len(few), len(many))
		self.assertLessEqual(len(many), 6)
