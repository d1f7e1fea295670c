"""DocType Carrier: what is typed, what a storefront gets, and what is refused."""

from __future__ import annotations

from typing import Any

import frappe

from commerce_bridge import install
from commerce_bridge.erpnext.carrier import Carriers, web_address
from commerce_bridge.tests.base import SiteTestCase
from commerce_bridge.tests.factory import SiteFixture

SHOP, OTHER = "Carrier Shop", "Other Carrier Shop"


class TestCarrier(SiteTestCase):
	def setUp(self) -> None:
		self.fixture = SiteFixture()
		for name in (SHOP, OTHER):
			self.fixture.make_channel(name)

	def tearDown(self) -> None:
		frappe.db.rollback()

	def carrier(self, name: str, **values: Any) -> Any:
		return frappe.get_doc({"doctype": "Carrier", "carrier_name": name, **values}).insert()

	def spelled(self, carrier: str, channel: str = SHOP) -> str | None:
		parcel = Carriers(channel).parcel(carrier, "1", None)
		return parcel.carrier if parcel else None

	def test_six_carriers_are_seeded_with_their_addresses_and_shopify_s_spellings(self) -> None:
		addresses = {}
		for seed in install.CARRIERS:
			parcel = Carriers(SHOP).parcel(seed["carrier_name"], "A 1/2&x=3", None)
			addresses[parcel.carrier] = parcel.tracking_url
		self.assertEqual(
			addresses,
			{
				"FedEx": "https://www.fedex.com/fedextrack/?trknbr=A%201%2F2%26x%3D3",
				"DHL": "https://www.dhl.com/en/express/tracking.html?AWB=A%201%2F2%26x%3D3",
				"UPS": "https://www.ups.com/track?loc=en_US&tracknum=A%201%2F2%26x%3D3",
				"USPS": "https://tools.usps.com/go/TrackConfirmAction?tLabels=A%201%2F2%26x%3D3",
				"BlueDart": "https://www.bluedart.com/trackdartresultthirdparty?trackFor=0"
				"&trackNo=A%201%2F2%26x%3D3",
				"Shiprocket": "https://shiprocket.co/tracking/A%201%2F2%26x%3D3",
			},
		)
		spellings = frappe.get_all("Carrier Spelling", {"platform": "shopify"}, pluck="spelling")
		self.assertEqual(sorted(spellings), ["Bluedart", "DHL Express", "FedEx", "UPS", "USPS"])

	def test_what_a_merchant_changed_stays(self) -> None:
		doc = frappe.get_doc("Carrier", "FedEx")
		doc.update({"tracking_url": "https://my.example/{tracking_number}", "spellings": []}).save()
		install.add_carriers()
		doc.reload()
		self.assertEqual((doc.tracking_url, doc.spellings), ("https://my.example/{tracking_number}", []))

	def test_names_and_aliases_match_whatever_the_case_and_spaces(self) -> None:
		self.carrier("Test Post", aliases="T-Post\n  Post of Test ")
		for typed in ("Test Post", "TEST  post", " t-POST ", "post OF test"):
			self.assertEqual(self.spelled(typed), "Test Post", typed)
		self.assertEqual(self.spelled("Post"), "Post")  # not in the map: as it was typed

	def test_a_storefront_gets_its_own_spelling(self) -> None:
		rows = [
			{"platform": "custom", "spelling": "test_post"},
			{"channel": OTHER, "spelling": "tp-2"},
			{"platform": "another", "spelling": "never"},
		]
		self.carrier("Test Post", spellings=rows)
		self.assertEqual(self.spelled("test post", SHOP), "test_post")
		self.assertEqual(self.spelled("test post", OTHER), "tp-2")

	def test_the_parcel_s_own_address_comes_first_and_only_web_addresses_go_out(self) -> None:
		self.carrier("Test Post", tracking_url="https://post.example/{tracking_number}")
		carriers = Carriers(SHOP)
		told = {
			"https://own.example/1": "https://own.example/1",
			"javascript:alert(1)": "https://post.example/T-1",
			"": "https://post.example/T-1",
		}
		for own, expected in told.items():
			self.assertEqual(carriers.parcel("Test Post", "T-1", own).tracking_url, expected)
		self.assertIsNone(carriers.parcel("Test Post", None, None).tracking_url)
		self.assertIsNone(carriers.parcel("Somebody", "T-1", "ftp://own.example/1").tracking_url)
		self.assertIsNone(carriers.parcel(" ", "", "data:text/html,x"))

	def test_web_addresses(self) -> None:
		for good in ("http://a.example/x?y=1", "https://a.example"):
			self.assertEqual(web_address(f" {good} "), good)
		for bad in ("https://", "//a.example", "https://a b", "https://[", "file:///etc", None, "a\x00b"):
			self.assertIsNone(web_address(bad), bad)

	def test_a_template_needs_a_place_for_the_number_and_a_web_address(self) -> None:
		for bad in ("https://post.example/", "javascript:{tracking_number}", "{tracking_number}"):
			with self.assertRaises(frappe.ValidationError, msg=bad):
				self.carrier("Test Post", tracking_url=bad)

	def test_a_spelling_means_one_carrier(self) -> None:
		for aliases in ("fedex", "Federal  EXPRESS"):
			with self.assertRaises(frappe.ValidationError, msg=aliases):
				self.carrier("Test Post", aliases=aliases)
		with self.assertRaises(frappe.ValidationError):
			self.carrier("dhl express")

	def test_a_storefront_is_named_once(self) -> None:
		row = {"platform": "custom", "spelling": "x"}
		for rows in ([row, row], [{"spelling": "x"}]):
			with self.assertRaises(frappe.ValidationError):
				self.carrier("Test Post", spellings=rows)
