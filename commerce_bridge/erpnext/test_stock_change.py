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
		nobody = dict.fromkeys(("owner_stock", "owner_price", "owner_title", "owner_images"), "Storefront")
		for settings in (nobody, {"status": ChannelStatus.PAUSED}):
			self.fixture.make_channel(SHOP, **settings)
			self.fixture.move_stock("CB-PHONE", 1)
			self.assertEqual(self.changes(), 0, settings)
		self.fixture.make_channel(SHOP, **dict.fromkeys(nobody, "ERPNext"))

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

	def test_a_listing_in_another_unit(self) -> None:
		item = frappe.get_doc("Item", "CB-CASE")
		item.uoms = [row for row in item.uoms if row.uom == item.stock_uom]
		item.append("uoms", {"uom": "Box", "conversion_factor": 4})
		item.append("uoms", {"uom": "Pair", "conversion_factor": 0.25})
		item.save()
		for uom, buffer, expected in (
			("Box", 0, 2),
			("Box", 3, 1),
			("Pair", 0, 40),
			("Pair", 1, 36),
			("", 1, 9),
		):
			self.channel = self.fixture.make_channel(SHOP, stock_buffer=buffer)
			frappe.db.set_value("Channel Listing", {"item_code": "CB-CASE"}, "uom", uom)
			self.assertEqual(self.level("CB-CASE"), expected, (uom, buffer))
		self.fixture.make_channel(SHOP)

	def test_a_unit_without_conversion_is_no_guess(self) -> None:
		frappe.db.set_value("Channel Listing", {"item_code": "CB-PHONE"}, "uom", "Meter")
		[row] = bin.levels(self.channel, ["CB-PHONE"])
		self.assertEqual(row.level.quantity, 0)
		self.assertIn("Meter", row.reason or "")
		frappe.db.rollback()

	def test_a_paused_listing_offers_nothing(self) -> None:
		frappe.db.set_value("Channel Listing", {"item_code": "CB-PHONE"}, "publication", "Paused")
		[row] = bin.levels(self.channel, ["CB-PHONE"])
		self.assertEqual((row.level.quantity, row.reason), (0, "Paused"))
		frappe.db.rollback()

	def test_a_template_is_not_sold(self) -> None:
		frappe.db.set_value("Item", "CB-PHONE", "has_variants", 1)
		[row] = bin.levels(self.channel, ["CB-PHONE"])
		self.assertEqual(row.level.quantity, 0)
		self.assertIn("template", row.reason or "")
		frappe.db.rollback()

	def test_what_is_on_order_is_offered_where_the_channel_says_so(self) -> None:
		values = {"item_code": "CB-PHONE", "warehouse": self.fixture.warehouse}
		changed = {"ordered_qty": 5, "indented_qty": 100, "planned_qty": 100}
		frappe.db.set_value("Bin", values, changed, update_modified=False)
		self.assertEqual(self.level(), 10)
		offering = self.channel.stock.model_copy(update={"preorder": True})
		self.channel = self.channel.model_copy(update={"stock": offering})
		self.assertEqual(self.level(), 15)
		frappe.db.rollback()

	def test_what_the_shop_does_not_have_yet_has_no_level(self) -> None:
		catalog = self.channel.catalog.model_copy(update={"push_listings": True})
		self.channel = self.channel.model_copy(update={"catalog": catalog})
		self.assertEqual(bin.levels(self.channel, ["CB-PHONE"]), [])
		for pushed, count in (("hidden:1", 0), ("1", 1)):
			frappe.db.set_value("Channel Listing", {"item_code": "CB-PHONE"}, "pushed_listing", pushed)
			self.assertEqual(len(bin.levels(self.channel, ["CB-PHONE"])), count)
		frappe.db.rollback()

	def test_three_queries_for_any_number_and_three_more_for_graded_goods(self) -> None:
		few = statements(lambda: bin.levels(self.channel, ["CB-PHONE"]))
		many = statements(lambda: bin.levels(self.channel, ["CB-PHONE", "CB-CASE"] * 500))
		self.assertEqual((len(few), len(many)), (3, 3))
		frappe.db.set_value("Item", "CB-PHONE", {"cb_recommerce": 1, "has_serial_no": 1})
		graded = statements(lambda: bin.levels(self.channel, ["CB-PHONE", "CB-CASE"] * 500))
		self.assertLessEqual(len(graded), 6)
		frappe.db.rollback()
