"""The report Duplicate SKUs: codes that are shared, or that only blanks tell apart."""

from __future__ import annotations

from typing import Any

import frappe
from frappe.desk.query_report import run as run_report

from commerce_bridge.commerce_bridge.report.duplicate_skus import duplicate_skus as report
from commerce_bridge.erpnext import duplicate_codes, sql
from commerce_bridge.permissions import USER as USER_ROLE
from commerce_bridge.tests.base import SiteTestCase
from commerce_bridge.tests.factory import SiteFixture
from commerce_bridge.tests.test_permissions import make_user

SHOP = "Untidy Shop"
OTHER = "Other Untidy Shop"


class TestDuplicates(SiteTestCase):
	def setUp(self) -> None:
		self.fixture = SiteFixture()
		self.addCleanup(frappe.set_user, "Administrator")
		self.fixture.make_channel(SHOP)
		self.fixture.make_item("CB-TIDY")

	def found(self, kind: str, **filters: Any) -> set[tuple[Any, ...]]:
		rows = run_report("Duplicate SKUs", {"kind": kind, **filters})["result"]
		names = ("code", "item_code", "channel", "other_item")
		return {tuple(row[name] for name in names) for row in rows if row["item_code"].startswith("CB-")}

	def temporary(self, item_code: str, barcode: str | None = None) -> None:
		self.fixture.make_item(item_code, barcode)
		self.addCleanup(frappe.db.commit)
		self.addCleanup(frappe.delete_doc, "Item", item_code, force=True)

	def test_one_number_in_two_lengths_is_one_barcode(self) -> None:
		self.temporary("CB-DUP-1", "036000291452")
		self.temporary("CB-DUP-2", "0036000291452")
		self.temporary("CB-DUP-3", "4006381333962")
		self.assertEqual(
			self.found("Barcode on Several Items"),
			{("036000291452", "CB-DUP-1", None, None), ("0036000291452", "CB-DUP-2", None, None)},
		)

	def test_item_codes_that_blanks_and_letters_tell_apart(self) -> None:
		for code in ("CB-ALIKE 1", "CB-ALIKE1", "CB-ALIKE2"):
			self.temporary(code)
		self.assertEqual(
			self.found("Item Codes Alike"),
			{("CB-ALIKE 1", "CB-ALIKE 1", None, None), ("CB-ALIKE1", "CB-ALIKE1", None, None)},
		)

	def test_listings_that_share_an_sku_in_one_channel(self) -> None:
		self.fixture.make_channel(OTHER)
		self.fixture.make_item("CB-TIDY-2")
		self.fixture.make_listing(SHOP, "CB-TIDY", "cb-shared", "11")
		self.fixture.make_listing(SHOP, "CB-TIDY-2", "CB-Shared", "12")
		self.fixture.make_listing(OTHER, "CB-TIDY", "CB-SHARED", "11")
		shared = {("cb-shared", "CB-TIDY", SHOP, None), ("CB-Shared", "CB-TIDY-2", SHOP, None)}
		self.assertEqual(self.found("SKU on Several Listings"), shared)
		self.assertEqual(self.found("SKU on Several Listings", channel=OTHER), set())

	def test_a_listing_whose_sku_is_another_item(self) -> None:
		self.fixture.make_item("CB-TIDY-2")
		self.fixture.make_listing(SHOP, "CB-TIDY", "cb-tidy-2")
		self.fixture.make_listing(SHOP, "CB-TIDY-2", "CB-TIDY-2", "12")
		found = self.found("SKU Is Another Item")
		self.assertEqual(found, {("cb-tidy-2", "CB-TIDY", SHOP, "CB-TIDY-2")})

	def test_every_kind_says_what_to_do(self) -> None:
		advices = {report._advice(kind) for kind in duplicate_codes.KINDS}
		self.assertEqual(len(advices), len(duplicate_codes.KINDS))

	def test_queries_do_not_grow(self) -> None:
		rows = [
			{
				"channel": SHOP,
				"item_code": "CB-TIDY",
				"sku": f"S{number // 2}",
				"product_id": str(number),
				"publication": "Published",
				"listing_key": f"{number:064d}",
			}
			for number in range(3_000)
		]
		sql.insert_rows("Channel Listing", rows)
		frappe.db.commit()
		with self.assertQueryCount(3):
			found = duplicate_codes.find(SHOP)
		self.assertEqual(sum(row.kind == "SKU on Several Listings" for row in found), 3_000)

	def test_rights(self) -> None:
		self.fixture.make_item("CB-TIDY-2")
		self.fixture.make_listing(SHOP, "CB-TIDY", "cb-tidy-2")
		make_user("tidy-user@example.com", USER_ROLE)
		make_user("tidy-nobody@example.com", None)
		frappe.db.commit()
		frappe.set_user("tidy-user@example.com")
		self.assertEqual(len(self.found("SKU Is Another Item")), 1)
		frappe.set_user("tidy-nobody@example.com")
		with self.assertRaises(frappe.PermissionError):
			self.found("SKU Is Another Item")
		with self.assertRaises(frappe.PermissionError):
			report.execute({})
