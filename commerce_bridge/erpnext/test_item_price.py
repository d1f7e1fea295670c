"""What a listing costs: as ERPNext would price an order row, for all listings at once."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any
from unittest.mock import patch

import frappe
from erpnext.stock.get_item_details import get_price_list_rate_for
from frappe.utils import add_days, getdate, nowdate

from commerce_bridge.bridge.protocols import ListingPrice
from commerce_bridge.erpnext import item_price
from commerce_bridge.erpnext.test_stock_change import statements
from commerce_bridge.tests.base import SiteTestCase
from commerce_bridge.tests.factory import SiteFixture

SHOP = "Price Shop"
LIST, BEFORE = "Standard Selling", "CB Before"


class PriceCase(SiteTestCase):
	def setUp(self) -> None:
		self.fixture = SiteFixture()
		frappe.db.delete("Item Price")
		self._price_list(BEFORE)
		self._price_list("CB Other", "USD" if self.fixture.currency != "USD" else "EUR")
		self.channel = self.make_channel()
		for item in ("CB-SOLD", "CB-SOLD-CASE"):
			self.fixture.make_item(item)
		self.set_item(uoms=[], barcodes=[])
		self.listing = self.fixture.make_listing(SHOP, "CB-SOLD", "WEB-PHONE", product_id="p1")
		self.forget_changes()

	def make_channel(self, **settings: Any) -> Any:
		given = {
			"push_prices": 1,
			"push_listings": 0,
			"owner_price": "ERPNext",
			"owner_title": "ERPNext",
			"owner_images": "ERPNext",
			"compare_at_price_list": BEFORE,
			"grade_factor": 1,
			"catalog_fields": [],
			**settings,
		}
		return self.fixture.make_channel(SHOP, **given)

	def _price_list(self, name: str, currency: str | None = None) -> None:
		if not frappe.db.exists("Price List", name):
			values = {"doctype": "Price List", "price_list_name": name, "selling": 1, "enabled": 1}
			frappe.get_doc({**values, "currency": currency or self.fixture.currency}).insert()
			frappe.db.commit()

	def forget_changes(self) -> None:
		frappe.db.delete("Stock Change")
		frappe.db.commit()

	def add_price(self, rate: float, item: str = "CB-SOLD", price_list: str = LIST, **values: Any) -> Any:
		doc = {"doctype": "Item Price", "item_code": item, "price_list": price_list, "price_list_rate": rate}
		made = frappe.get_doc({**doc, **values}).insert()
		frappe.db.commit()
		return made

	def set_item(self, name: str = "CB-SOLD", **values: Any) -> None:
		frappe.get_doc("Item", name).update(values).save()
		frappe.db.commit()

	def set_listing(self, **values: Any) -> None:
		frappe.get_doc("Channel Listing", self.listing).update(values).save()
		frappe.db.commit()

	def price(self) -> ListingPrice:
		[row] = item_price.prices(self.channel, ["CB-SOLD"])
		return row

	def amount(self) -> Decimal | None:
		return self.price().price.amount

	def kinds(self, item: str = "CB-SOLD") -> list[str]:
		frappe.db.rollback()
		return sorted(frappe.get_all("Stock Change", {"item_code": item}, pluck="kind"))

	def make_grade(self, name: str, factor: float) -> None:
		if not frappe.db.exists("Condition Grade", name):
			values = {"doctype": "Condition Grade", "grade": name, "rank": 90, "sellable": 1}
			frappe.get_doc({**values, "sell_factor": factor}).insert()
		frappe.db.set_value("Condition Grade", name, "sell_factor", factor)


class TestPrices(PriceCase):
	def test_the_price_of_the_channel_s_list_today(self) -> None:
		self.add_price(12.505)
		price = self.price().price
		self.assertEqual((price.amount, price.currency), (Decimal("12.51"), self.fixture.currency))
		self.assertEqual((price.listing, price.sku, price.product_id), (self.listing, "WEB-PHONE", "p1"))

	def test_without_a_price_it_says_what_to_do(self) -> None:
		row = self.price()
		self.assertIsNone(row.price.amount)
		self.assertEqual(row.problem, f"No price for CB-SOLD in price list {LIST}: add an Item Price")

	def test_a_price_of_nothing_is_none(self) -> None:
		self.add_price(0)
		row = self.price()
		self.assertIsNone(row.price.amount)
		self.assertIn("is 0", row.problem)

	def test_prices_of_customers_and_batches_are_not_the_shop_s(self) -> None:
		customer = {"doctype": "Customer", "customer_name": "CB Price", "customer_group": "Individual"}
		name = frappe.get_doc({**customer, "territory": "All Territories"}).insert().name
		self.add_price(5, customer=name)
		self.assertIsNone(self.amount())
		self.add_price(7)
		self.assertEqual(self.amount(), 7)

	def test_validity(self) -> None:
		today = nowdate()
		self.add_price(1, valid_from=add_days(today, -20), valid_upto=add_days(today, -1))
		self.add_price(2, valid_from=add_days(today, 1))
		self.assertIsNone(self.amount())
		self.add_price(3, valid_from=add_days(today, -9), valid_upto=today)
		price = self.price().price
		self.assertEqual((price.amount, price.valid_until), (3, getdate(today)))
		self.add_price(4, valid_from=today)
		self.assertEqual(self.amount(), 4, "the one that began last")

	def _sell_in_boxes(self) -> None:
		self.set_item(uoms=[{"uom": "Nos", "conversion_factor": 1}, {"uom": "Box", "conversion_factor": 12}])

	def test_units_of_measure(self) -> None:
		self._sell_in_boxes()
		self.set_listing(uom="Box")
		self.add_price(2.5)
		self.assertEqual(self.amount(), 30)
		self.add_price(25, uom="Box")
		self.assertEqual(self.amount(), 25)
		self.set_listing(uom="Kg")
		self.assertIsNone(self.amount(), "nobody knows how many pieces are a kilogram")
		self.set_listing(uom="")

	def test_a_factor_of_0_is_none_and_the_template_s_counts(self) -> None:
		self._sell_in_boxes()
		self.set_item("CB-SOLD-CASE", uoms=[{"uom": "Box", "conversion_factor": 6}])
		frappe.db.set_value(
			"UOM Conversion Detail", {"parent": "CB-SOLD", "uom": "Box"}, "conversion_factor", 0
		)
		frappe.db.set_value("Item", "CB-SOLD", "variant_of", "CB-SOLD-CASE")
		self.addCleanup(frappe.db.commit)
		self.addCleanup(self.set_item, "CB-SOLD-CASE", uoms=[])
		self.addCleanup(self.set_listing, uom="")
		self.addCleanup(frappe.db.set_value, "Item", "CB-SOLD", "variant_of", None)
		self.set_listing(uom="Box")
		self.add_price(2.5)
		self.assertEqual(self.amount(), 15)

	def test_it_is_what_erpnext_puts_into_an_order(self) -> None:
		self._sell_in_boxes()
		today = nowdate()
		for days, uom, rate in ((-5, "Nos", 10), (-2, "Nos", 11), (-1, "Box", 100), (None, "Box", 90)):
			self.add_price(rate, uom=uom, valid_from=add_days(today, days) if days else None)
		for uom in ("", "Box"):
			self.set_listing(uom=uom)
			arguments = frappe._dict(
				{"price_list": LIST, "uom": uom or "Nos", "stock_uom": "Nos", "transaction_date": today}
			)
			arguments.update({"conversion_factor": 12 if uom else 1, "qty": 1})
			self.assertEqual(self.amount(), get_price_list_rate_for(arguments, "CB-SOLD"), uom)
		self.set_listing(uom="")

	def test_the_price_on_the_listing_wins(self) -> None:
		self.add_price(10)
		self.set_listing(price=7.5)
		self.assertEqual(self.amount(), Decimal("7.50"))

	def test_a_grade_multiplies_the_price(self) -> None:
		self.make_grade("CB-B", 0.6)
		self.add_price(99.99)
		self.set_listing(grade="CB-B")
		self.assertEqual(self.amount(), Decimal("59.99"))
		self.channel = self.make_channel(grade_factor=0)
		self.assertEqual(self.amount(), Decimal("99.99"))
		self.channel = self.make_channel()
		self.set_listing(price=50)
		self.assertEqual(self.amount(), 50, "a price somebody entered is not multiplied")

	def test_a_unit_has_the_factor_of_its_own_grade(self) -> None:
		self.make_grade("CB-B", 0.6)
		self.make_grade("CB-C", 0.5)
		self.fixture.make_item("CB-SOLD-UNIT")
		frappe.db.set_value("Item", "CB-SOLD-UNIT", "has_serial_no", 1)
		frappe.clear_document_cache("Item", "CB-SOLD-UNIT")
		if not frappe.db.exists("Serial No", "CB-SOLD-UNIT-1"):
			values = {"doctype": "Serial No", "serial_no": "CB-SOLD-UNIT-1", "item_code": "CB-SOLD-UNIT"}
			frappe.get_doc({**values, "company": self.fixture.company}).insert()
		frappe.db.set_value("Serial No", "CB-SOLD-UNIT-1", "cb_grade", "CB-C")
		name = self.fixture.make_listing(SHOP, "CB-SOLD-UNIT", "UNIT-1")
		frappe.db.set_value("Channel Listing", name, {"serial_no": "CB-SOLD-UNIT-1", "grade": "CB-B"})
		self.add_price(100, item="CB-SOLD-UNIT")
		[row] = item_price.prices(self.channel, ["CB-SOLD-UNIT"])
		self.assertEqual(row.price.amount, 50)

	def test_what_it_cost_before_is_told_only_if_it_was_more(self) -> None:
		self.add_price(10)
		for rate, expected in ((9, None), (10, None), (15, Decimal("15.00"))):
			frappe.db.delete("Item Price", {"price_list": BEFORE})
			self.add_price(rate, price_list=BEFORE)
			self.assertEqual(self.price().price.compare_at, expected)

	def test_a_list_in_another_currency_is_a_problem(self) -> None:
		self.add_price(10, price_list="CB Other")
		channel = self.channel.model_copy(update={"price_list": "CB Other"})
		[row] = item_price.prices(channel, ["CB-SOLD"])
		self.assertIsNone(row.price.amount)
		self.assertIn("CB Other is in", row.problem)

	def test_a_bundle_has_its_own_price_or_none(self) -> None:
		self.fixture.make_bundle("CB-SOLD-SET", {"CB-SOLD": Decimal(1), "CB-SOLD-CASE": Decimal(2)})
		self.fixture.make_listing(SHOP, "CB-SOLD-SET", "WEB-BUNDLE")
		for item in ("CB-SOLD", "CB-SOLD-CASE"):
			self.add_price(10, item=item)
		[row] = item_price.prices(self.channel, ["CB-SOLD-SET"])
		self.assertIsNone(row.price.amount)
		self.add_price(25, item="CB-SOLD-SET")
		[row] = item_price.prices(self.channel, ["CB-SOLD-SET"])
		self.assertEqual(row.price.amount, 25)

	def test_the_number_of_queries_is_fixed(self) -> None:
		self.fixture.make_listing(SHOP, "CB-SOLD-CASE", "WEB-CASE", product_id="p2")
		self.add_price(10)
		few = statements(lambda: item_price.prices(self.channel, ["CB-SOLD"]))
		many = statements(lambda: item_price.prices(self.channel, ["CB-SOLD", "CB-SOLD-CASE"] * 500))
		self.assertEqual((len(few), len(many)), (3, 3))


class TestEvents(PriceCase):
	def test_an_item_price_is_one_insert_when_it_is_made_changed_and_deleted(self) -> None:
		doc = self.add_price(10)
		self.assertEqual(self.kinds(), ["listing", "price"])
		self.forget_changes()

		def change() -> None:
			doc.price_list_rate = 11
			doc.save()
			frappe.db.commit()

		inserts = [query for query in statements(change) if "INSERT INTO `tabStock Change`" in query]
		self.assertEqual(len(inserts), 1)
		self.forget_changes()
		doc.delete()
		frappe.db.commit()
		self.assertEqual(self.kinds(), ["listing", "price"])

	def test_prices_of_other_lists_are_nobody_s_business(self) -> None:
		self.add_price(10, price_list="CB Other")
		self.assertEqual(self.kinds(), [])
		self.add_price(10, price_list=BEFORE)
		self.assertEqual(self.kinds(), ["listing", "price"])

	def test_a_price_that_begins_or_ended_at_midnight_is_noticed_then(self) -> None:
		today = nowdate()
		self.add_price(1, valid_from=today)
		self.add_price(
			2, item="CB-SOLD-CASE", valid_from=add_days(today, -30), valid_upto=add_days(today, -1)
		)
		self.fixture.make_item("CB-SOLD-CABLE")
		self.add_price(3, item="CB-SOLD-CABLE", valid_from=add_days(today, -30), valid_upto=today)
		self.forget_changes()
		self.assertEqual(item_price.note_beginnings_and_ends(), 2)
		frappe.db.commit()
		self.assertEqual(self.kinds("CB-SOLD"), ["listing", "price"])
		self.assertEqual(self.kinds("CB-SOLD-CASE"), ["listing", "price"])
		self.assertEqual(self.kinds("CB-SOLD-CABLE"), [], "it holds until tonight")

	def test_the_day_is_the_site_s(self) -> None:
		self.add_price(1, valid_from=add_days(nowdate(), 1))
		later = item_price.utc_now() + timedelta(days=1)
		with self.subTest("tomorrow"), self._at(later):
			self.assertEqual(self.amount(), 1)
		self.assertIsNone(self.amount())

	def _at(self, moment: Any) -> Any:
		return patch("commerce_bridge.erpnext.item_price.utc_now", lambda: moment)
