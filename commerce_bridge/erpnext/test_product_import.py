"""Products of a shop as Items of a real site: templates, variants, attributes, prices, barcodes, and what is left."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any
from unittest.mock import patch

import frappe

from commerce_bridge import api
from commerce_bridge.bridge import worker
from commerce_bridge.bridge.clock import utc_now
from commerce_bridge.bridge.errors import Misconfigured
from commerce_bridge.bridge.model import Product, ProductVariant
from commerce_bridge.bridge.product_matching import GONE
from commerce_bridge.bridge.protocols import Linked, ProductPage
from commerce_bridge.erpnext import item_attribute, site
from commerce_bridge.erpnext.test_stock_change import statements
from commerce_bridge.permissions import MANAGER
from commerce_bridge.tests.base import SiteTestCase
from commerce_bridge.tests.factory import SiteFixture

SHOP, LIST, GROUP = "Importing Shop", "CB Import List", "Products"
CONNECTOR = "commerce_bridge.connectors.custom.connector.CustomConnector"
IMAGE = "https://cdn.example.com/one.jpg?v=1"
EAN = "5012345678900"


def variant(number: int, sku: str | None = None, **values: Any) -> ProductVariant:
	return ProductVariant(id=str(number), sku=sku, stock_id=f"9{number}", **values)


def shirt(*variants: ProductVariant, number: int = 1, **values: Any) -> Product:
	"""A product whose variants differ in size and colour."""
	return Product(
		id=str(number),
		**{
			"title": "CBI Shirt",
			"option_names": ("CBI Size", "CBI Colour"),
			"variants": variants,
			**values,
		},
	)


def options(size: str, colour: str) -> dict[str, str]:
	return {"CBI Size": size, "CBI Colour": colour}


class ImportCase(SiteTestCase):
	def setUp(self) -> None:
		self.fixture = SiteFixture()
		self._forget_items()
		if not frappe.db.exists("Price List", LIST):
			frappe.get_doc(
				{
					"doctype": "Price List",
					"price_list_name": LIST,
					"currency": self.fixture.currency,
					"selling": 1,
				}
			).insert()
		self.channel = self.make_channel()

	def make_channel(self, **settings: Any) -> Any:
		values = {
			"new_item_group": GROUP,
			"price_list": LIST,
			"currency": self.fixture.currency,
			"owner_title": "ERPNext",
			"owner_images": "ERPNext",
		}
		self.channel = self.fixture.make_channel(SHOP, **{**values, **settings})
		return self.channel

	def _forget_items(self) -> None:
		frappe.db.delete("Item Price", {"price_list": LIST})
		for doctype, field in (("Item", "item_code"), ("Item Attribute", "name"), ("Brand", "name")):
			for prefix in ("CBI%", f"{SHOP}%"):
				for name in frappe.get_all(
					doctype, {field: ("like", prefix)}, pluck="name", order_by="creation desc"
				):
					if frappe.db.exists(doctype, name):
						frappe.delete_doc(doctype, name, force=True)
		frappe.db.commit()

	def link(self, *products: Product, create: bool = True, **values: bool) -> dict[str, Linked]:
		"""By the id of the variant; as the integration user."""
		erp = self.fixture.erp
		with erp.act_as(self.channel), erp.transaction():
			results = erp.link_products(self.channel, products, create, **values)
		return {row.variant_id: row for row in results}

	def item(self, code: str) -> Any:
		return frappe.get_doc("Item", code)

	def listing(self, variant_id: str) -> Any:
		return frappe.db.get_value("Channel Listing", {"variant_id": variant_id}, "*", as_dict=True)

	def price(self, item: str) -> Decimal | None:
		value = frappe.db.get_value("Item Price", {"item_code": item, "price_list": LIST}, "price_list_rate")
		return None if value is None else Decimal(str(value))


class TestMaking(ImportCase):
	def test_a_product_without_options(self) -> None:
		product = Product(
			id="1",
			title="CBI Phone",
			description="<p onclick='x()'>Good<script>bad()</script></p>",
			brand="CBI Brand",
			images=(IMAGE,),
			variants=(
				variant(
					11,
					"CBI-PHONE",
					barcode=EAN,
					price=Decimal("19.90"),
					weight=Decimal("0.25"),
					weight_uom="Kg",
				),
			),
		)
		[result] = self.link(product, prices=True).values()
		self.assertEqual(result, Linked("11", "CBI-PHONE", "CBI-PHONE", "Item"))
		item = self.item("CBI-PHONE")
		self.assertEqual(
			(item.item_name, item.description, item.item_group, item.brand, item.image),
			("CBI Phone", "<p>Good</p>", GROUP, "CBI Brand", IMAGE),
		)
		self.assertEqual((item.weight_per_unit, item.weight_uom, item.has_variants), (0.25, "Kg", 0))
		self.assertEqual([(row.barcode, row.barcode_type) for row in item.barcodes], [(EAN, "EAN")])
		self.assertEqual(item.owner, self.channel.integration_user)
		self.assertEqual(self.price("CBI-PHONE"), Decimal("19.9"))
		row = self.listing("11")
		self.assertEqual(
			(row.item_code, row.sku, row.product_id, row.stock_id, row.publication),
			("CBI-PHONE", "CBI-PHONE", "1", "911", "Published"),
		)

	def test_products_that_have_no_variant_id(self) -> None:
		"""Each is listed as itself: with or without a SKU, with its own price, and again without any change."""
		products = [
			Product(
				id=str(number),
				title="CBI Tea",
				currency=self.fixture.currency,
				variants=(
					ProductVariant(
						id=str(number), sku=sku, price=Decimal(number), is_product=True, barcode=barcode
					),
				),
			)
			for number, sku, barcode in ((1, None, None), (2, "CBI-TEA", EAN), (3, None, None))
		]
		for made in ("Item", "Nothing"):
			results = self.link(*products, prices=True)
			self.assertEqual([row.made for row in results.values()], [made] * 3)
		codes = (f"{SHOP}-1", "CBI-TEA", f"{SHOP}-3")
		for number, code in enumerate(codes, start=1):
			rows = frappe.get_all(
				"Channel Listing", {"channel": SHOP, "item_code": code}, ["product_id", "variant_id"]
			)
			self.assertEqual(
				[(row.product_id, row.variant_id or None) for row in rows], [(str(number), None)]
			)
			self.assertEqual(self.price(code), Decimal(number))
		scanned = ProductVariant(id="4", sku="CBI-OTHER", barcode=EAN, is_product=True)
		[left] = self.link(Product(id="4", title="CBI Other", variants=(scanned,))).values()
		self.assertIn("listed as product 2", left.error)

	def test_what_is_no_goods_is_told_of(self) -> None:
		only = ProductVariant(id="5", sku="CBI-SET", is_product=True, tracked=False)
		[left] = self.link(
			Product(id="5", title="CBI Set", left_out="It is a set", variants=(only,))
		).values()
		self.assertEqual((left.error, left.item_code), ("It is a set", None))
		self.assertFalse(frappe.db.exists("Item", "CBI-SET"))

	def test_a_template_and_its_variants(self) -> None:
		product = shirt(
			variant(11, "CBI-S-RED", options=options("S", "Red"), title="S / Red"),
			variant(12, "CBI-M-RED", options=options("M", "Red"), title="M / Red", image=IMAGE),
		)
		results = self.link(product)
		self.assertEqual({row.made for row in results.values()}, {"Item"})
		template = self.item(f"{SHOP}-1")
		self.assertEqual((template.has_variants, template.item_name), (1, "CBI Shirt"))
		self.assertEqual([row.attribute for row in template.attributes], ["CBI Size", "CBI Colour"])
		item = self.item("CBI-M-RED")
		self.assertEqual((item.variant_of, item.item_name), (template.name, "CBI Shirt - M / Red"))
		self.assertEqual(item.image, IMAGE)
		self.assertEqual(
			[(row.attribute, row.attribute_value) for row in item.attributes],
			[("CBI Size", "M"), ("CBI Colour", "Red")],
		)
		self.assertIsNone(
			frappe.db.get_value("Channel Listing", {"item_code": template.name}), "a template is not sold"
		)

	def test_a_variant_that_the_shop_added_later(self) -> None:
		first = variant(11, "CBI-S-RED", options=options("S", "Red"))
		self.link(shirt(first))
		template = self.item(f"{SHOP}-1")
		results = self.link(shirt(first, variant(12, "CBI-L-RED", options=options("L", "Red"))))
		self.assertEqual([row.made for row in results.values()], ["Nothing", "Item"])
		self.assertEqual(self.item("CBI-L-RED").variant_of, template.name)
		self.assertEqual(frappe.db.get_value("Item", template.name, "modified"), template.modified)

	def test_an_option_that_the_shop_added_later(self) -> None:
		first = variant(11, "CBI-S-RED", options=options("S", "Red"))
		self.link(shirt(first))
		more = {**options("L", "Red"), "CBI Fit": "Slim"}
		names = ("CBI Size", "CBI Colour", "CBI Fit")
		results = self.link(shirt(first, variant(12, "CBI-L", options=more), option_names=names))
		self.assertIn("make the Item by hand", results["12"].error)
		self.assertEqual(results["11"].item_code, "CBI-S-RED")

	def test_without_sku_its_code_names_the_variant(self) -> None:
		[result] = self.link(Product(id="1", title="CBI Loose", variants=(variant(11),))).values()
		self.assertEqual(result.item_code, f"{SHOP}-11")

	def test_codes_that_erpnext_would_refuse(self) -> None:
		sku = "CBI <b>\t" + "x" * 200
		[result] = self.link(Product(id="1", title="CBI Odd", variants=(variant(11, sku),))).values()
		self.assertTrue(result.item_code.startswith("CBI -b-xxx"), result)
		self.assertEqual(len(result.item_code), 140)

	def test_untracked_goods_are_no_stock_items(self) -> None:
		self.link(Product(id="1", title="CBI Download", variants=(variant(11, "CBI-FILE", tracked=False),)))
		self.assertEqual(self.item("CBI-FILE").is_stock_item, 0)

	def test_a_naming_series_for_items(self) -> None:
		frappe.db.set_default("item_naming_by", "Naming Series")
		frappe.db.commit()
		try:
			product = Product(id="1", title="CBI Named", variants=(variant(11, "CBI-NAMED"),))
			[made] = self.link(product).values()
			self.assertTrue(made.item_code.startswith("STO-ITEM-"), made)
			[again] = self.link(product).values()
			self.assertEqual((again.item_code, again.made), (made.item_code, "Nothing"))
		finally:
			frappe.db.set_default("item_naming_by", "Item Code")
			frappe.delete_doc("Item", made.item_code, force=True)
			frappe.db.commit()

	def test_what_must_be_known_before(self) -> None:
		self.make_channel(new_item_group=None)
		product = Product(id="1", title="CBI", variants=(variant(11, "CBI-X"),))
		with self.assertRaises(Misconfigured) as caught:
			self.link(product)
		self.assertEqual(caught.exception.fieldname, "new_item_group")
		with self.assertRaises(Misconfigured) as caught:
			self.link(product.model_copy(update={"currency": "JPY"}), create=False, prices=True)
		self.assertEqual(caught.exception.fieldname, "price_list")

	def test_one_bad_variant_stops_no_other(self) -> None:
		same = options("S", "Red")
		results = self.link(
			shirt(variant(11, "CBI-A", options=same), variant(12, "CBI-B", options=same)),
			Product(id="2", title="CBI Other", variants=(variant(21, "CBI-C"),)),
		)
		self.assertEqual(results["11"].made, "Item")
		self.assertIn("exists with same attributes", results["12"].error)
		self.assertEqual(results["21"].made, "Item")
		self.assertFalse(frappe.db.exists("Item", "CBI-B"))

	def test_a_field_that_the_site_demands(self) -> None:
		field = {"fieldname": "cbi_needed", "label": "Needed", "fieldtype": "Data", "reqd": 1}
		custom = frappe.get_doc({"doctype": "Custom Field", "dt": "Item", **field}).insert()
		frappe.db.commit()
		try:
			[result] = self.link(Product(id="1", title="CBI", variants=(variant(11, "CBI-X"),))).values()
			self.assertEqual(result.error, "ERPNext demands what the shop does not have: cbi_needed")
		finally:
			custom.delete()
			frappe.db.commit()

	def test_what_cannot_be_kept_is_told(self) -> None:
		odd = variant(11, "CBI-X", weight=Decimal(1), weight_uom="CBI Stone")
		[result] = self.link(Product(id="1", title="CBI", variants=(odd,))).values()
		self.assertEqual((result.made, result.item_code), ("Item", "CBI-X"))
		self.assertEqual(result.error, "The weight is left out: there is no UOM CBI Stone")

	def test_the_group_that_is_named_like_the_category(self) -> None:
		if not frappe.db.exists("Item Group", "CBI Phones"):
			frappe.get_doc(
				{
					"doctype": "Item Group",
					"item_group_name": "CBI Phones",
					"parent_item_group": "All Item Groups",
				}
			).insert()
			frappe.db.commit()
		for number, (category, group) in enumerate(
			{"CBI Phones": "CBI Phones", "CBI Nowhere": GROUP, "All Item Groups": GROUP}.items(), start=1
		):
			only = variant(10 + number, f"CBI-CAT-{number}")
			self.link(Product(id=str(number), title="CBI", product_type=category, variants=(only,)))
			self.assertEqual(frappe.db.get_value("Item", f"CBI-CAT-{number}", "item_group"), group, category)

	def test_a_brand_that_is_there(self) -> None:
		frappe.get_doc({"doctype": "Brand", "brand": "CBI Brand"}).insert()
		frappe.db.commit()
		self.link(Product(id="1", title="CBI", brand="cbi brand", variants=(variant(11, "CBI-X"),)))
		self.assertEqual(self.item("CBI-X").brand, "CBI Brand")


class TestAttributes(ImportCase):
	def test_values_are_added_and_abbreviations_stay_different(self) -> None:
		first = item_attribute.ensure("CBI Colour", ["Light Blue", "Light-Blue", "淡"], "x")
		self.assertEqual(first.value("light blue"), "Light Blue")
		item_attribute.ensure("cbi colour", ["LIGHT BLUE", "Red"], "x")
		doc = frappe.get_doc("Item Attribute", "CBI Colour")
		self.assertEqual(
			[(row.attribute_value, row.abbr) for row in doc.item_attribute_values],
			[("Light Blue", "LIGHTBLUE"), ("Light-Blue", "LIGHTBLUE-2"), ("淡", "淡"), ("Red", "RED")],
		)

	def test_one_that_takes_numbers_only_is_left_alone(self) -> None:
		frappe.get_doc(
			{
				"doctype": "Item Attribute",
				"attribute_name": "CBI Size",
				"numeric_values": 1,
				"from_range": 1,
				"to_range": 50,
				"increment": 1,
			}
		).insert()
		frappe.db.commit()
		self.link(shirt(variant(11, "CBI-S-RED", options=options("S", "Red"))))
		rows = self.item("CBI-S-RED").attributes
		self.assertEqual([row.attribute for row in rows], [f"CBI Size ({SHOP})", "CBI Colour"])
		self.link(
			shirt(
				variant(11, "CBI-S-RED", options=options("S", "Red")),
				variant(12, "CBI-M-RED", options=options("M", "Red")),
			)
		)
		self.assertEqual(self.item("CBI-M-RED").variant_of, f"{SHOP}-1")


class TestLinking(ImportCase):
	def test_by_sku_then_by_barcode_and_items_stay_as_they_are(self) -> None:
		self.fixture.make_item("CBI-ONE")
		self.fixture.make_item("CBI-TWO", barcode=EAN)
		before = [self.item(code).as_dict() for code in ("CBI-ONE", "CBI-TWO")]
		product = Product(
			id="1",
			title="Another title",
			brand="CBI Brand",
			variants=(variant(11, "cbi-one", weight=Decimal(3), weight_uom="Kg"), variant(12, barcode=EAN)),
		)
		results = self.link(product)
		self.assertEqual(
			[(row.item_code, row.made) for row in results.values()],
			[("CBI-ONE", "Listing"), ("CBI-TWO", "Listing")],
		)
		self.assertEqual([self.item(code).as_dict() for code in ("CBI-ONE", "CBI-TWO")], before)

	def test_a_listing_with_the_sku_gets_the_ids(self) -> None:
		self.fixture.make_item("CBI-ONE")
		listing = self.fixture.make_listing(SHOP, "CBI-ONE", "WEB-1")
		[result] = self.link(Product(id="1", title="CBI", variants=(variant(11, "WEB-1"),))).values()
		self.assertEqual((result.item_code, result.made), ("CBI-ONE", "Listing"))
		row = self.listing("11")
		self.assertEqual((row.name, row.product_id, row.stock_id), (listing, "1", "911"))
		doc = frappe.get_doc("Channel Listing", listing)
		key = doc.listing_key
		doc.before_validate()
		self.assertEqual(doc.listing_key, key, "as if a person had saved it")

	def test_a_template_is_no_product(self) -> None:
		self.link(shirt(variant(11, "CBI-S-RED", options=options("S", "Red"))))
		other = Product(id="2", title="CBI", variants=(variant(21, f"{SHOP}-1"),))
		self.assertIn("is a template", self.link(other)["21"].error)

	def test_prices_only_where_there_are_none(self) -> None:
		self.fixture.make_item("CBI-ONE")
		self.fixture.make_item("CBI-TWO")
		price = {"doctype": "Item Price", "price_list": LIST, "item_code": "CBI-ONE", "price_list_rate": 7}
		frappe.get_doc(price).insert()
		frappe.db.commit()
		product = Product(
			id="1",
			title="CBI",
			variants=(variant(11, "CBI-ONE", price=Decimal(9)), variant(12, "CBI-TWO", price=Decimal(9))),
		)
		self.link(product)
		self.assertIsNone(self.price("CBI-TWO"), "nobody asked for prices")
		self.link(product, prices=True)
		self.assertEqual((self.price("CBI-ONE"), self.price("CBI-TWO")), (7, 9))

	def test_the_integration_user_may_make_prices_and_not_change_them(self) -> None:
		user = self.channel.integration_user
		self.assertTrue(frappe.has_permission("Item Price", "create", user=user))
		self.assertFalse(frappe.has_permission("Item Price", "write", user=user))

	def test_overwritten_only_where_told_and_owned(self) -> None:
		self.fixture.make_item("CBI-ONE")
		product = Product(
			id="1",
			title="CBI new",
			description="<p>New <a href='https://example.com'>text</a> & more</p>",
			images=(IMAGE,),
			variants=(variant(11, "CBI-ONE"),),
		)
		self.link(product, overwrite=True)
		self.assertEqual(self.item("CBI-ONE").item_name, "CBI-ONE")
		self.make_channel(owner_title="Storefront", owner_images="Storefront")
		self.link(product)
		self.assertEqual(self.item("CBI-ONE").item_name, "CBI-ONE")
		self.link(product, overwrite=True)
		item = self.item("CBI-ONE")
		self.assertEqual((item.item_name, item.image), ("CBI new", IMAGE))
		self.assertIn("New", item.description)
		self.link(product, overwrite=True)
		self.assertEqual(self.item("CBI-ONE").modified, item.modified, "the same again writes nothing")

	def test_deleted_and_back(self) -> None:
		one, two = variant(11, "CBI-A"), variant(12, "CBI-B")
		self.link(Product(id="1", title="CBI", variants=(one, two)))
		self.link(Product(id="1", title="CBI", variants=(one,)))
		self.assertTrue(self.listing("12").listing_error.startswith(GONE))
		self.assertEqual(self.listing("12").publication, "Published")
		self.assertIsNone(self.listing("11").listing_error)
		self.link(Product(id="1", title="CBI", variants=(one, two)))
		self.assertIsNone(self.listing("12").listing_error)
		with self.fixture.erp.transaction():
			self.assertEqual(self.fixture.erp.mark_deleted(SHOP, "1"), 2)
		with self.fixture.erp.transaction():
			self.assertEqual(self.fixture.erp.mark_deleted(SHOP, "1"), 0)

	def test_not_exported_any_more(self) -> None:
		self.link(
			Product(id="1", title="CBI", variants=(variant(11, "CBI-A"),)),
			Product(id="2", title="CBI", variants=(variant(21, "CBI-B"),)),
		)
		frappe.db.set_value(
			"Channel Listing", {"channel": SHOP}, "creation", frappe.utils.add_days(frappe.utils.now(), -1)
		)
		frappe.db.set_value(
			"Channel Listing", {"channel": SHOP}, "shown_at", frappe.utils.add_days(frappe.utils.now(), -1)
		)
		frappe.db.commit()
		began = utc_now() - timedelta(seconds=2)
		self.link(Product(id="1", title="CBI", variants=(variant(11, "CBI-A"),)))
		with self.fixture.erp.transaction():
			self.assertEqual(self.fixture.erp.mark_not_exported(SHOP, began), 1)
		self.assertIsNone(self.listing("11").listing_error)
		self.assertTrue(self.listing("21").listing_error.startswith(GONE))


class TestEcho(ImportCase):
	def waiting(self) -> set[str]:
		"""Topics of what is about to be sent of the made Items."""
		site.collect(site.world())
		rows = frappe.get_all(
			"Sync Log",
			{"channel": SHOP, "direction": "Outbound", "state": "Queued"},
			["topic", "payload"],
		)
		return {row.topic for row in rows if "CBI-" in (row.payload or "")}

	def test_what_came_from_the_shop_is_not_sent_back(self) -> None:
		self.make_channel(push_listings=1, push_prices=1)
		product = Product(
			id="1",
			title="CBI Phone",
			variants=(variant(11, "CBI-PHONE", price=Decimal(5)),),
		)
		self.link(product, prices=True)
		sent: list[Any] = []

		def push(connector: Any, rows: Any) -> list[Any]:
			sent.extend(rows)
			return []

		with patch(f"{CONNECTOR}.push_listings", push), patch(f"{CONNECTOR}.push_prices", push):
			here = site.world()
			self.waiting()
			with patch("frappe.enqueue"), patch(f"{CONNECTOR}.push_stock", return_value=[]):
				while worker.run_once(here):
					continue
		self.assertEqual(sent, [])
		frappe.db.delete("Sync Log")
		frappe.db.commit()
		self.link(product, prices=True)
		self.assertEqual(self.waiting(), set(), "the same again changes nothing")

	def test_a_draft_of_the_shop_is_not_published_by_us(self) -> None:
		draft = Product(id="1", title="CBI", published=False, variants=(variant(11, "CBI-A"),))
		self.make_channel(push_listings=1)
		self.link(draft)
		self.assertEqual(self.listing("11").publication, "Paused")
		self.make_channel()
		self.link(draft.model_copy(update={"id": "2", "variants": (variant(21, "CBI-B"),)}))
		self.assertEqual(self.listing("21").publication, "Published")


class TestWalk(ImportCase):
	"""From the button to the summary."""

	def run_import(self, products: list[Product], **options: Any) -> Any:
		def exported(connector: Any, cursor: str | None) -> ProductPage:
			if cursor is None:
				return ProductPage((), "0", timedelta(0))
			start = int(cursor)
			end = min(start + 2, len(products))
			following = str(end) if end < len(products) else None
			return ProductPage(tuple(products[start:end]), following, done=end, total=len(products))

		with patch("frappe.enqueue"), patch(f"{CONNECTOR}.products", exported):
			api.import_products(SHOP, **options)
			here = site.world()
			while worker.run_once(here):
				continue
		[progress] = [row for row in self.fixture.state.get_progress(SHOP) if row.kind == "Products"]
		return progress

	def test_started_by_a_manager(self) -> None:
		products = [
			Product(
				id=str(number),
				title=f"CBI {number}",
				variants=(variant(10 * number, f"CBI-{number}", price=Decimal(number)),),
			)
			for number in range(1, 6)
		]
		self.fixture.make_item("CBI-3")
		progress = self.run_import(products, create=1, prices="1")
		self.assertEqual(progress.message, "5 products: 4 Items made, 1 linked, 0 known already")
		self.assertEqual((progress.done, progress.total, progress.failed), (5, 5, 0))
		self.assertEqual(self.price("CBI-4"), 4)
		entries = frappe.get_all("Sync Log", {"topic": "products.import"}, ["state", "summary"])
		self.assertEqual({row.state for row in entries}, {"Succeeded"})
		progress = self.run_import(products, create=1, prices="1")
		self.assertEqual(progress.message, "5 products: 0 Items made, 0 linked, 5 known already")

	def test_what_is_to_be_looked_at(self) -> None:
		products = [Product(id="1", title="CBI", variants=(variant(11, "CBI-NONE"),))]
		progress = self.run_import(products)
		self.assertEqual(progress.failed, 1)
		entry = frappe.get_all(
			"Sync Log", {"topic": "products.import", "message": ("like", "%to look at%")}, ["summary"]
		)[0]
		[row] = json.loads(entry.summary)["to look at"]
		self.assertEqual((row["sku"], row["variant_id"]), ("CBI-NONE", "11"))

	def test_only_a_manager_may(self) -> None:
		user = "cbi-user@example.com"
		if not frappe.db.exists("User", user):
			frappe.get_doc({"doctype": "User", "email": user, "first_name": "U"}).insert()
		for role, allowed in (("Commerce Bridge User", False), (MANAGER, True)):
			frappe.set_user("Administrator")
			doc = frappe.get_doc("User", user)
			doc.roles = []
			doc.add_roles(role)
			frappe.set_user(user)
			try:
				if allowed:
					with patch("frappe.enqueue"):
						api.import_products(SHOP)
				else:
					self.assertRaises(frappe.PermissionError, api.import_products, SHOP)
			finally:
				frappe.set_user("Administrator")

	def test_no_group_is_told_at_once(self) -> None:
		self.make_channel(new_item_group=None)
		with self.assertRaisesRegex(frappe.ValidationError, "Item Group for New Items"):
			api.import_products(SHOP, create=1)

	def test_one_at_a_time(self) -> None:
		with patch("frappe.enqueue"):
			api.import_products(SHOP)
			with self.assertRaisesRegex(frappe.ValidationError, "under way"):
				api.import_products(SHOP)
			self.assertTrue(api.stop_walk(SHOP, "products"))
			api.import_products(SHOP)


class TestQueries(ImportCase):
	def test_how_many(self) -> None:
		"""Known products cost a page a fixed number of queries; a new Item costs what ERPNext's own does."""

		def products(start: int, count: int) -> list[Product]:
			return [
				Product(
					id=str(number),
					title=f"CBI {number}",
					variants=(variant(10 * number, f"CBI-{number}", price=Decimal(1)),),
				)
				for number in range(start, start + count)
			]

		self.link(*products(1, 1), prices=True)
		few = statements(lambda: self.link(*products(1, 1), prices=True))
		made = statements(lambda: self.link(*products(2, 20), prices=True))
		many = statements(lambda: self.link(*products(1, 21), prices=True))
		extra = (len(many) - len(few)) / 20
		self.assertLessEqual(extra, 2, "a savepoint, and its release")
		self.assertLessEqual(len(made) / 20, 110)
