"""Each thing that would make ERPNext refuse or change an order is found, with what to change where."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import frappe

from commerce_bridge.bridge.protocols import Check
from commerce_bridge.erpnext import preflight
from commerce_bridge.tests import settings
from commerce_bridge.tests.base import SiteTestCase
from commerce_bridge.tests.factory import SiteFixture

SHOP = "Preflight Shop"


class TestPreflight(SiteTestCase):
	def setUp(self) -> None:
		self.fixture = SiteFixture()
		territory = frappe.db.get_value("Territory", {"is_group": 0})
		self.channel = self.fixture.make_channel(SHOP, territory=territory)
		self.fixture.make_item("CB-CHECKED")
		self.fixture.make_listing(SHOP, "CB-CHECKED", "CB-CHECKED")
		settings.change(self, "Selling Settings", allow_multiple_items=1, cust_master_name="Naming Series")
		settings.change(self, "Stock Settings", auto_insert_price_list_rate_if_missing=0)

	def found(self, **channel: Any) -> dict[str, Check]:
		"""What is to be changed, by title."""
		changed = self.channel.model_copy(update=channel)
		return {check.title: check for check in preflight.checks(changed) if not check.ok}

	def only(self, title: str, doctype: str, named: str, **channel: Any) -> None:
		found = self.found(**channel)
		self.assertEqual(list(found), [title])
		self.assertEqual(found[title].doctype, doctype)
		self.assertIn(named, found[title].fix or "")

	def item(self, **values: Any) -> None:
		doc = frappe.get_doc("Item", "CB-CHECKED")
		before = {field: doc.get(field) for field in values}
		self.addCleanup(self.save_item, before)
		self.save_item(values)

	def save_item(self, values: dict[str, Any]) -> None:
		frappe.db.rollback()
		frappe.get_doc("Item", "CB-CHECKED").update(values).save()
		frappe.db.commit()

	def test_a_channel_that_is_ready(self) -> None:
		self.assertEqual(self.found(), {})

	def test_the_integration_user(self) -> None:
		self.only(
			"Integration user", "Channel Settings", "Integration User", integration_user="nobody@x.example"
		)

	def test_decimals(self) -> None:
		found = self.found(currency="KWD")["Decimals of the currency"]
		self.assertEqual((found.doctype, found.severity), ("System Settings", "error"))
		self.assertIn("Currency Precision to 3", found.fix or "")

	def test_the_exchange_rate(self) -> None:
		frappe.db.delete("Currency Exchange", {"from_currency": "NOK"})
		self.only("Exchange rate", "Currency Exchange", "from NOK to", currency="NOK")

	def test_repeated_items(self) -> None:
		settings.change(self, "Selling Settings", allow_multiple_items=0)
		self.only("Repeated items", "Selling Settings", "Added Multiple Times")

	def test_prices_made_from_orders(self) -> None:
		settings.change(self, "Stock Settings", auto_insert_price_list_rate_if_missing=1)
		self.only("Prices made from orders", "Stock Settings", "Auto Insert Item Price")

	def test_reserving_needs_reservations(self) -> None:
		orders = self.channel.orders.model_copy(update={"afterwards": "Reserve Stock"})
		settings.change(self, "Stock Settings", enable_stock_reservation=0)
		self.only("Stock reservation", "Stock Settings", "Enable Stock Reservation", orders=orders)

	def test_maximum_discounts(self) -> None:
		self.item(max_discount=10)
		self.only("Maximum discounts", "Item", "CB-CHECKED")

	def test_item_tax_templates(self) -> None:
		template = self.tax_template()
		self.item(taxes=[{"item_tax_template": template}])
		self.only("Item Tax Templates", "Item", "CB-CHECKED")

	def tax_template(self) -> str:
		values = {"doctype": "Item Tax Template", "company": self.fixture.company}
		title = f"CB {frappe.generate_hash(length=6)}"
		rows = [{"tax_type": self.fixture.tax_account, "tax_rate": 7}]
		name = frappe.get_doc({**values, "title": title, "taxes": rows}).insert().name
		frappe.db.commit()
		return name

	def test_disabled_items(self) -> None:
		self.fixture.set_stock("CB-CHECKED", Decimal(0))
		self.item(disabled=1)
		self.only("Disabled items", "Item", "CB-CHECKED")

	def test_naming_of_customers(self) -> None:
		settings.change(self, "Selling Settings", cust_master_name="Customer Name")
		self.only("Naming of customers", "Selling Settings", "Naming Series")

	def test_groups_where_members_are_needed(self) -> None:
		self.only("Customer Group", "Channel Settings", "is a group", customer_group="All Customer Groups")
		self.only("Territory", "Channel Settings", "Choose a Territory", territory="")

	def test_nothing_listed(self) -> None:
		frappe.db.delete("Channel Listing", {"channel": SHOP})
		self.only("Listings", "Channel Listing", "Add the items")
