"""What a storefront is told of a listing, what of it is ours, and what makes it be told again."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest.mock import patch

import frappe
from frappe.utils import get_url

from commerce_bridge import api
from commerce_bridge.bridge import feeds, worker
from commerce_bridge.bridge.channel import Credentials
from commerce_bridge.bridge.clock import utc_now
from commerce_bridge.bridge.model import Component, Listing, StockLevel
from commerce_bridge.bridge.protocols import HttpResponse, PushResult
from commerce_bridge.connectors import build
from commerce_bridge.erpnext import catalog, channel_listing, html, site
from commerce_bridge.erpnext.test_item_price import LIST, SHOP, PriceCase
from commerce_bridge.erpnext.test_stock_change import statements
from commerce_bridge.tests.base import SiteTestCase

PNG = b"\x89PNG\r\n\x1a\n"


class CatalogCase(PriceCase):
	def setUp(self) -> None:
		super().setUp()
		self.channel = self.make_channel(push_listings=1)
		self.add_price(10)
		self.fixture.set_stock("CB-SOLD", Decimal(5))
		frappe.db.delete("File", {"attached_to_doctype": "Item", "attached_to_name": "CB-SOLD"})
		self.set_item(**dict.fromkeys(("image", "brand", "weight_uom", "cb_condition", "cb_grade"), None))
		self.set_item(item_name="Phone", description="<p>Good</p>", weight_per_unit=0, disabled=0)
		self.forget_changes()

	def content(self, item: str = "CB-SOLD") -> Listing:
		[row] = catalog.contents(self.channel, [item])
		return row.content

	def push(self, item: str = "CB-SOLD", **result: Any) -> Listing:
		"""The storefront took the listing as it is now."""
		content = self.content(item)
		channel_listing.save_pushed_listings(
			SHOP, [(content, PushResult(content.listing, **result))], utc_now()
		)
		frappe.db.commit()
		return content

	def warning(self) -> str | None:
		"""What the listing says after the feed has read it."""
		feeds.LISTING.read(self.fixture.erp, self.channel, ["CB-SOLD"])
		frappe.db.commit()
		return self.row().warning

	def is_due(self, item: str = "CB-SOLD") -> bool:
		rows = catalog.contents(self.channel, [item])
		return any(row.last_pushed != feeds.fingerprint_of(row.content) for row in rows)

	def row(self) -> Any:
		return frappe.db.get_value("Channel Listing", self.listing, "*", as_dict=True)

	def attach(self, name: str, private: bool = False) -> Any:
		doc = frappe.get_doc(
			{
				"doctype": "File",
				"file_name": name,
				"attached_to_doctype": "Item",
				"attached_to_name": "CB-SOLD",
				"is_private": int(private),
				"content": PNG + name.encode(),
			}
		).insert()
		frappe.db.commit()
		return doc


class TestContents(CatalogCase):
	def test_all_there_is_of_an_item(self) -> None:
		if not frappe.db.exists("Brand", "CB Brand"):
			frappe.get_doc({"doctype": "Brand", "brand": "CB Brand"}).insert()
		self.fixture.make_item("CB-SOLD", barcode="5901234123457")
		self.set_item(brand="CB Brand", weight_per_unit=0.25, weight_uom="Kg", cb_condition="Used")
		content = self.content()
		self.assertEqual(
			(content.title, content.description, content.brand, content.item_group),
			("Phone", "<p>Good</p>", "CB Brand", "Products"),
		)
		self.assertEqual((content.weight, content.weight_uom, content.uom), (Decimal("0.25"), "Kg", "Nos"))
		self.assertEqual(content.barcodes, ("5901234123457",))
		self.assertEqual((content.sku, content.product_id, content.condition), ("WEB-PHONE", "p1", "Used"))
		self.assertEqual(content.price.amount, 10)
		self.assertTrue(content.published)

	def test_what_is_not_ours_is_left_alone(self) -> None:
		self.attach("cb-mine.png")
		self.channel = self.make_channel(
			push_listings=1, owner_title="Storefront", owner_images="Nobody", owner_price="Storefront"
		)
		content = self.content()
		self.assertEqual(
			(content.title, content.description, content.images, content.price), (None, None, None, None)
		)
		self.assertTrue(content.published, "a price that is not ours keeps nothing off the shop")

	def test_why_it_is_not_shown(self) -> None:
		frappe.db.delete("Item Price")
		self.assertEqual(
			(self.content().published, self.content().reason),
			(False, f"No price for CB-SOLD in price list {LIST}: add an Item Price"),
		)
		self.add_price(10)
		for change, reason in (
			(lambda: self.set_listing(publication="Paused"), "Paused"),
			(lambda: self.set_item(disabled=1), "Item CB-SOLD is disabled"),
		):
			change()
			self.assertEqual((self.content().published, self.content().reason), (False, reason))
			self.set_item(disabled=0)
			self.set_listing(publication="Published")
		self.assertTrue(self.content().published)

	def test_variants_and_their_template(self) -> None:
		variant = self._variant()
		self.fixture.make_listing(SHOP, variant, "SHIRT-S")
		self.add_price(10, item=variant)
		content = self.content(variant)
		self.assertEqual((content.variant_of, content.attributes), ("CB-SOLD-SHIRT", {"CB Size": "Small"}))
		self.fixture.make_listing(SHOP, "CB-SOLD-SHIRT", "SHIRT")
		self.assertEqual(
			self.content("CB-SOLD-SHIRT").reason, "Item CB-SOLD-SHIRT is a template: list its variants"
		)

	def test_a_variant_knows_the_product_of_its_siblings(self) -> None:
		first, second = self._variant(), self._variant("Medium", "M")
		sibling = self.fixture.make_listing(SHOP, first, "SHIRT-S")
		listing = self.fixture.make_listing(SHOP, second, "SHIRT-M")

		def product(**of_sibling: Any) -> str | None:
			frappe.db.set_value("Channel Listing", sibling, of_sibling)
			frappe.db.commit()
			return self.content(second).template_product_id

		self.assertIsNone(product(product_id=None))
		self.assertEqual(product(product_id="P-7"), "P-7")
		before = feeds.fingerprint_of(self.content(second))
		self.assertEqual(product(publication="Paused"), "P-7", "it is in the shop all the same")
		self.assertIsNone(product(publication="Delisted"))
		self.assertEqual(feeds.fingerprint_of(self.content(second)), before, "nothing is sent for it")
		self.assertEqual(product(publication="Published"), "P-7")
		frappe.db.set_value("Channel Listing", listing, "serial_no", "CB-UNIT")
		self.assertIsNone(product(), "a unit is a product on its own")
		frappe.db.set_value("Channel Listing", listing, "serial_no", None)
		self.assertIsNone(product(serial_no="CB-UNIT"), "so is its sibling")
		self.assertEqual(product(serial_no=None), "P-7")
		frappe.db.set_value("Channel Listing", listing, {"product_id": "P-8", "variant_id": "V-8"})
		self.assertIsNone(product(), "which of the two is for a person to say")

	def test_siblings_in_another_channel_say_nothing(self) -> None:
		variant = self._variant()
		other = self.fixture.make_channel("CB Elsewhere").name
		self.fixture.make_listing(other, variant, "SHIRT-S", product_id="P-7")
		self.fixture.make_listing(SHOP, variant, "SHIRT-S")
		self.assertIsNone(self.content(variant).template_product_id)

	def test_what_the_storefront_says_a_person_has_to_do_is_on_the_listing(self) -> None:
		content = self.content()
		told = PushResult(content.listing, warning="Publish it")
		feeds.LISTING.learn(self.fixture.erp, self.channel, [(content, told)])
		self.assertEqual(self.row().warning, "Publish it")

	def test_a_bundle_names_its_components(self) -> None:
		self.fixture.make_bundle("CB-SOLD-SET", {"CB-SOLD": Decimal(1), "CB-SOLD-CASE": Decimal(2)})
		self.fixture.make_listing(SHOP, "CB-SOLD-SET", "WEB-BUNDLE")
		self.assertEqual(
			self.content("CB-SOLD-SET").components,
			(
				Component(sku="WEB-PHONE", quantity=Decimal(1)),
				Component(sku="CB-SOLD-CASE", quantity=Decimal(2)),
			),
		)

	def test_grade_code_and_warranty(self) -> None:
		self.make_grade("CB-B", 0.6)
		frappe.db.set_value("Condition Grade", "CB-B", {"default_warranty_months": 6, "sellable": 1})
		values = {"channel": SHOP, "grade": "CB-B", "outbound_code": "VERY_GOOD", "min_warranty_months": 12}
		if not frappe.db.exists("Channel Grade Map", {"channel": SHOP, "grade": "CB-B"}):
			frappe.get_doc({"doctype": "Channel Grade Map", **values}).insert()
		self.set_listing(grade="CB-B", condition="Refurbished")
		content = self.content()
		self.assertEqual(
			(content.condition, content.grade, content.grade_code, content.warranty_months),
			("Refurbished", "CB-B", "VERY_GOOD", 12),
		)
		self.assertEqual(content.price.amount, 6)
		self.set_listing(grade=None, condition="")

	def test_custom_fields(self) -> None:
		rows = [{"item_field": "max_discount", "custom_key": "discount"}, {"item_field": "is_stock_item"}]
		self.channel = self.make_channel(push_listings=1, catalog_fields=rows)
		self.assertEqual(self.content().custom, {"discount": "0", "is_stock_item": 1})

	def test_fields_that_must_not_go_out_are_refused(self) -> None:
		for fieldname in (
			"valuation_rate",
			"last_purchase_rate",
			"no_such_field",
			"barcodes",
			"section_break_11",
		):
			with self.assertRaises(frappe.ValidationError, msg=fieldname):
				self.make_channel(catalog_fields=[{"item_field": fieldname}])
			frappe.db.rollback()
		with self.assertRaises(frappe.ValidationError):
			self.make_channel(catalog_fields=[{"item_field": "brand"}, {"item_field": "brand"}])
		frappe.db.rollback()

	def test_the_number_of_queries_is_fixed(self) -> None:
		for number in range(5):
			self.fixture.make_listing(SHOP, "CB-SOLD-CASE", f"CASE-{number}")
		self.add_price(10, item="CB-SOLD-CASE")
		few = statements(lambda: catalog.contents(self.channel, ["CB-SOLD"]))
		many = statements(lambda: catalog.contents(self.channel, ["CB-SOLD", "CB-SOLD-CASE"] * 300))
		self.assertEqual(len(few), len(many))
		self.assertLessEqual(len(many), 20)

	def _variant(self, size: str = "Small", abbr: str = "S") -> str:
		if not frappe.db.exists("Item Attribute", "CB Size"):
			frappe.get_doc({"doctype": "Item Attribute", "attribute_name": "CB Size"}).insert()
		attribute = frappe.get_doc("Item Attribute", "CB Size")
		if size not in [row.attribute_value for row in attribute.item_attribute_values]:
			attribute.append("item_attribute_values", {"attribute_value": size, "abbr": abbr})
			attribute.save()
		common = {"doctype": "Item", "item_group": "Products", "stock_uom": "Nos"}
		if not frappe.db.exists("Item", "CB-SOLD-SHIRT"):
			template = {
				"item_code": "CB-SOLD-SHIRT",
				"has_variants": 1,
				"attributes": [{"attribute": "CB Size"}],
			}
			frappe.get_doc({**common, **template}).insert()
		code = f"CB-SOLD-SHIRT-{abbr}"
		if not frappe.db.exists("Item", code):
			row = {"attribute": "CB Size", "attribute_value": size}
			variant = {"item_code": code, "variant_of": "CB-SOLD-SHIRT", "attributes": [row]}
			frappe.get_doc({**common, **variant}).insert()
		frappe.db.commit()
		return code


class TestImages(CatalogCase):
	def setUp(self) -> None:
		super().setUp()
		self.set_host("https://erp.example.com")

	def set_host(self, address: str, allow_loopback: int = 0) -> None:
		values = {"host_name": address, "commerce_bridge_allow_loopback": allow_loopback}
		changed = patch.dict(frappe.local.conf, values)
		changed.start()
		self.addCleanup(changed.stop)

	def test_public_images_of_the_item_by_their_address(self) -> None:
		first, second = self.attach("cb front 1.png"), self.attach("cb-back.png")
		self.attach("cb-secret.png", private=True)
		self.attach("cb-manual.txt")
		self.set_item(image=second.file_url)
		urls = [get_url(second.file_url), get_url(first.file_url.replace(" ", "%20"))]
		self.assertEqual(list(self.content().images), urls)
		self.assertTrue(all(url.startswith("https://erp.example.com") for url in urls))

	def test_without_a_public_address_the_shop_keeps_the_images_it_has(self) -> None:
		there = self.attach("cb-local.png")
		for address in ("http://erp.example.com", ""):
			self.set_host(address)
			self.assertIsNone(self.content().images)
			self.assertIn("host_name", self.warning())
			self.assertTrue(self.content().published)
		self.set_host("http://erp.example.com", allow_loopback=1)
		self.assertEqual(self.content().images, (get_url(there.file_url),))
		self.assertIsNone(self.warning())
		self.set_host("http://erp.example.com")
		there.db_set("attached_to_name", "CB-SOLD-CASE")
		frappe.db.set_value("Item", "CB-SOLD", "image", "https://cdn.example.com/a.jpg")
		self.assertEqual(self.content().images, ("https://cdn.example.com/a.jpg",), "not on this site")

	def test_an_image_that_is_gone_is_named_and_the_rest_goes(self) -> None:
		gone, there = self.attach("cb-gone.png"), self.attach("cb-there.png")
		Path(gone.get_full_path()).unlink()
		content = self.content()
		self.assertEqual(content.images, (get_url(there.file_url),))
		self.assertTrue(content.published)
		self.assertIn(gone.file_url, self.warning())
		gone.db_set("attached_to_name", "CB-SOLD-CASE")
		self.assertIsNone(self.warning())

	def test_a_path_out_of_the_public_folder_is_no_image(self) -> None:
		for url in (
			"/files/../../site_config.png",
			"/private/files/x.png",
			"javascript:alert(1)",
			"http://a/b.png",
		):
			frappe.db.set_value("Item", "CB-SOLD", "image", url)
			self.assertEqual(self.content().images, (), url)
		frappe.db.set_value("Item", "CB-SOLD", "image", "https://cdn.example.com/a.jpg?v=1")
		self.assertEqual(self.content().images, ("https://cdn.example.com/a.jpg?v=1",))


class TestHtml(SiteTestCase):
	def test_scripts_styles_and_events_are_gone(self) -> None:
		dirty = (
			'<div onclick="x()"><script>steal()</script><style>a{}</style><!-- c -->'
			'<p style="color:red">Good <a href="javascript:alert(1)">a</a><img src=x onerror=y></p></div>'
		)
		self.assertEqual(html.clean(dirty, 1_000), "<div><p>Good <a>a</a></p></div>")
		self.assertEqual(html.clean("<p>5 < 6 & 7</p><svg/onload=alert(1)>", 99), "<p>5 &lt; 6 &amp; 7</p>")
		self.assertEqual(html.clean(None, 10), "")

	def test_a_long_text_ends_at_a_tag(self) -> None:
		text = "".join(f"<li>Point <b>{number}</b> &amp; more</li>" for number in range(2_000))
		cut = html.clean(f"<div><ul>{text}</ul><script>{'x' * 9_000}</script></div>", 10_000)
		self.assertLessEqual(len(cut), 10_000)
		self.assertGreater(len(cut), 9_900)
		self.assertTrue(cut.endswith("</ul></div>"))
		self.assertEqual(cut.count("<b>"), cut.count("</b>"))
		self.assertEqual(cut.count("<li>"), cut.count("</li>"))
		self.assertNotIn("xxx", cut)
		self.assertEqual(html.clean(cut, 10_000), cut)

	def test_a_long_text_without_tags_ends_at_a_word(self) -> None:
		self.assertEqual(html.clean("word " * 100, 12), "word word")
		self.assertEqual(html.clean("<p>" + "word " * 100 + "</p>", 30), "<p></p>")
		self.assertEqual(html.clean("x" * 50, 10), "x" * 10)


class TestPushed(CatalogCase):
	def test_what_was_taken_is_not_due_again(self) -> None:
		self.assertTrue(self.is_due())
		refused = dict.fromkeys(channel_listing.ERRORS.values(), "refused")
		frappe.db.set_value("Channel Listing", self.listing, refused)
		self.push(product_id="P-9", variant_id="V-1")
		row = self.row()
		self.assertEqual((row.product_id, row.variant_id), ("P-9", "V-1"))
		self.assertEqual(
			(row.listing_error, row.price_error, row.stock_error),
			(None, None, "refused"),
			"the price came too",
		)
		self.assertEqual(row.listing_key, channel_listing.listing_key(SHOP, "P-9", "V-1", "WEB-PHONE"))
		self.assertEqual(row.pushed_amount, f"10.00 {self.fixture.currency}")
		self.assertFalse(self.is_due())
		[price] = self.fixture.erp.listing_prices(self.channel, ["CB-SOLD"])
		self.assertEqual(
			price.last_pushed, feeds.fingerprint_of(price.price), "the listing brought the price"
		)

	def test_an_id_that_another_listing_has_is_not_taken(self) -> None:
		other = self.fixture.make_listing(SHOP, "CB-SOLD-CASE", "WEB-PHONE", product_id="P-9")
		self.push(product_id="P-9")
		self.assertEqual(self.row().product_id, "p1")
		self.assertTrue(frappe.db.exists("Channel Listing", other))

	def test_a_new_product_waits_for_its_content_before_stock_and_price(self) -> None:
		self.set_listing(product_id=None)
		self.assertEqual(self.fixture.erp.listing_prices(self.channel, ["CB-SOLD"]), [])
		self.assertEqual(self.fixture.erp.stock_levels(self.channel, ["CB-SOLD"]), [])
		self.forget_changes()
		self.push(product_id="P-9")
		self.assertEqual(self.kinds(), ["price", "stock"])
		[level] = self.fixture.erp.stock_levels(self.channel, ["CB-SOLD"])
		self.assertEqual(level.level.quantity, 5)

	def test_delisted_is_told_once(self) -> None:
		self.push()
		self.set_listing(publication="Delisted")
		self.assertEqual(self.fixture.erp.listed_items(SHOP, ["CB-SOLD"]), ["CB-SOLD"])
		self.assertFalse(self.push().published)
		self.assertEqual(self.fixture.erp.listed_items(SHOP, ["CB-SOLD"]), [])
		self.assertEqual(catalog.contents(self.channel, ["CB-SOLD"]), [])
		self.set_listing(publication="Published")
		self.assertTrue(self.is_due())

	def show(self, quantity: int, location: str | None = None) -> None:
		"""The storefront took this level."""
		level = StockLevel(
			listing=self.listing,
			item_code="CB-SOLD",
			sku="WEB-PHONE",
			product_id="p1",
			variant_id=None,
			location_id=location,
			quantity=Decimal(quantity),
		)
		channel_listing.save_pushed(SHOP, [level], utc_now())
		frappe.db.commit()

	def delisted_levels(self) -> list[tuple[str | None, Decimal, Decimal | None]]:
		rows = self.fixture.erp.stock_levels(self.channel, ["CB-SOLD"])
		return [(row.level.location_id, row.level.quantity, row.last_pushed) for row in rows]

	def is_listed(self) -> bool:
		listed = self.fixture.erp.listed_items(SHOP, ["CB-SOLD"])
		self.assertEqual("CB-SOLD" in self.fixture.erp.listed_after(SHOP, None, 100), bool(listed))
		return bool(listed)

	def test_what_is_delisted_is_sold_no_more_where_products_are_the_shop_s(self) -> None:
		self.channel = self.make_channel(push_listings=0)
		frappe.db.delete("Channel Listing Level", {"parent": self.listing})
		self.addCleanup(frappe.db.commit)
		self.addCleanup(frappe.db.delete, "Channel Listing Level", {"parent": self.listing})
		self.addCleanup(self.set_listing, publication="Published")
		self.set_listing(publication="Delisted")
		self.assertEqual((self.is_listed(), self.delisted_levels()), (False, []), "never shown")
		self.show(5)
		self.show(3, "closed")  # a location that the channel has no more
		self.assertTrue(self.is_listed())
		self.assertCountEqual(self.delisted_levels(), [(None, 0, 5), ("closed", 0, 3)])
		self.show(0, "closed")
		self.assertEqual(self.delisted_levels(), [(None, 0, 5)], "the rest until the shop took it")
		self.show(0)
		self.assertEqual((self.is_listed(), self.delisted_levels()), (False, []), "then nothing more")

	def test_what_the_shop_took_down_needs_every_level_anew(self) -> None:
		self.addCleanup(frappe.db.commit)
		self.addCleanup(frappe.db.delete, "Channel Listing Level", {"parent": self.listing})
		self.push()
		self.show(5)
		self.set_listing(publication="Delisted")
		self.push()
		self.assertEqual((self.is_listed(), self.delisted_levels()), (False, []))
		self.set_listing(publication="Published")
		self.push()
		self.assertEqual(self.delisted_levels(), [(None, 5, None)])


class TestEvents(CatalogCase):
	def changed_by(self, work: Callable[[], object], item: str = "CB-SOLD") -> list[str]:
		self.forget_changes()

		def committed() -> None:
			work()
			frappe.db.commit()

		inserts = [query for query in statements(committed) if "INSERT INTO `tabStock Change`" in query]
		self.assertLessEqual(len(inserts), 1, "one insert a document")
		return [kind for kind in self.kinds(item) if kind != "stock"]

	def test_only_what_goes_out_of_an_item_counts(self) -> None:
		for values, kinds in (
			({"item_name": "Phone 2"}, ["listing"]),
			({"description": "Better"}, ["listing"]),
			({"weight_per_unit": 2}, ["listing"]),
			({"barcodes": [{"barcode": "036000291452"}]}, ["listing"]),
			({"uoms": [{"uom": "Box", "conversion_factor": 6}]}, ["listing", "price"]),
			({"safety_stock": 7}, []),
			({"lead_time_days": 3}, []),
			({}, []),
		):
			self.assertEqual(self.changed_by(lambda values=values: self.set_item(**values)), kinds, values)
		self.set_item(safety_stock=0, lead_time_days=0)

	def test_a_mapped_field_counts(self) -> None:
		self.assertEqual(self.changed_by(lambda: self.set_item(safety_stock=8)), [])
		self.make_channel(push_listings=1, catalog_fields=[{"item_field": "safety_stock"}])
		self.assertEqual(self.changed_by(lambda: self.set_item(safety_stock=9)), ["listing"])
		self.set_item(safety_stock=0)

	def test_files_of_an_item(self) -> None:
		self.assertEqual(self.changed_by(lambda: self.attach("cb-new.png")), ["listing"])
		name = frappe.db.get_value("File", {"attached_to_name": "CB-SOLD", "file_name": ("like", "cb-new%")})
		self.assertEqual(self.changed_by(lambda: frappe.delete_doc("File", name)), ["listing"])

	def test_a_bundle(self) -> None:
		self.fixture.make_bundle("CB-SOLD-SET", {"CB-SOLD": Decimal(1)})
		name = frappe.db.get_value("Product Bundle", {"new_item_code": "CB-SOLD-SET"})
		bundle = frappe.get_doc("Product Bundle", name)
		for more in (1, -1):
			bundle.items[0].qty += more
			self.assertEqual(self.changed_by(bundle.save, "CB-SOLD-SET"), ["listing"])

	def test_a_listing(self) -> None:
		for values in (
			{"publication": "Paused"},
			{"price": 5},
			{"sku": "WEB-2"},
			{"publication": "Published"},
		):
			self.assertEqual(
				self.changed_by(lambda values=values: self.set_listing(**values)),
				["listing", "price"],
				values,
			)
		self.assertEqual(self.changed_by(lambda: self.set_listing(price_error="machine")), [])
		self.forget_changes()
		self.assertEqual(channel_listing.add(SHOP, ["CB-SOLD-CASE"]), 1)
		frappe.db.commit()
		self.assertEqual(self.kinds("CB-SOLD-CASE"), ["listing", "price", "stock"])

	def test_settings_that_show_something_else_send_everything_again(self) -> None:
		for values, topics in (
			({"grade_factor": 0}, {"price.resync"}),
			({"owner_title": "Storefront"}, {"listing.resync"}),
			({"push_prices": 0}, {"listing.resync"}),
			({"push_prices": 1}, {"listing.resync", "price.resync"}),
			({"catalog_fields": [{"item_field": "brand"}]}, {"listing.resync"}),
			({"order_statuses": "processing"}, set()),
		):
			frappe.db.delete("Sync Log")
			settings = {"push_listings": 1, **values}
			doc = frappe.get_doc("Channel Settings", SHOP).update(settings).save()
			frappe.db.commit()
			found = set(frappe.get_all("Sync Log", {"channel": doc.name}, pluck="topic"))
			self.assertEqual(found, topics, values)


class TestPublication(CatalogCase):
	def test_people_publish_pause_and_delist(self) -> None:
		other = self.fixture.make_listing(SHOP, "CB-SOLD-CASE", "WEB-CASE")
		self.assertEqual(api.set_publication([self.listing, other], "Paused"), 2)
		self.assertEqual(api.set_publication([self.listing, other], "Paused"), 0)
		self.assertEqual(self.row().publication, "Paused")
		with self.assertRaises(frappe.ValidationError):
			api.set_publication([self.listing], "Gone")

	def test_only_managers_may(self) -> None:
		from commerce_bridge.permissions import USER
		from commerce_bridge.tests.test_permissions import make_user

		user = make_user("cb-catalog-user@example.com", USER)
		frappe.set_user(user)
		try:
			with self.assertRaises(frappe.PermissionError):
				api.set_publication([self.listing], "Paused")
		finally:
			frappe.set_user("Administrator")


class Shop:
	"""Takes what the connector sends, and answers as it is told to."""

	def __init__(self) -> None:
		self.rows: dict[str, list[dict[str, Any]]] = {}
		self.answers: dict[str, HttpResponse] = {}  # to the next message of a type

	def send(self, method: str, url: str, headers: Any, body: bytes | None = None) -> HttpResponse:
		message = json.loads(body or b"{}")
		if message["type"] in self.answers:
			return self.answers.pop(message["type"])
		rows = next(value for value in message["data"].values() if isinstance(value, list))
		self.rows.setdefault(message["type"], []).extend(rows)
		results = [
			{"key": row["key"]} | ({"product_id": f"P-{row['sku']}"} if row.get("published") else {})
			for row in rows
		]
		body = json.dumps({"results": results}).encode()
		return HttpResponse(200, {"content-type": "application/json"}, body)


class TestTheWholeWay(CatalogCase):
	def setUp(self) -> None:
		super().setUp()
		self.make_channel(push_listings=1, store_url="https://shop.example.com")
		self.fixture.set_credentials(SHOP, Credentials(webhook_secrets=("whsec_c2VjcmV0LW9mLXRoZS1zaG9w",)))
		self.set_listing(product_id=None)
		self.shop = Shop()
		frappe.db.delete("Sync Log")
		frappe.db.commit()

	def work(self) -> None:
		connect = lambda channel, secrets, unit="": build(  # noqa: E731
			channel, secrets, site.surroundings(unit, self.shop)
		)
		world = replace(site.world(), connect=connect)
		while site.collect(world) or worker.run_once(world):
			continue

	def states(self) -> dict[str, set[str]]:
		found: dict[str, set[str]] = {}
		for row in frappe.get_all("Sync Log", fields=["topic", "state"]):
			found.setdefault(row.topic, set()).add(row.state)
		return found

	def test_a_new_product_its_price_its_end(self) -> None:
		self.work()
		[listing] = self.shop.rows["listing.upserted"]
		self.assertEqual(
			(listing["sku"], listing["title"], listing["price"]["amount"]), ("WEB-PHONE", "Phone", "10.00")
		)
		self.assertEqual([row["quantity"] for row in self.shop.rows["stock.updated"]], ["5"])
		self.assertNotIn("price.updated", self.shop.rows, "the listing brought it")
		self.assertEqual(self.row().product_id, "P-WEB-PHONE")
		self.shop.rows.clear()
		name = frappe.db.get_value("Item Price", {"item_code": "CB-SOLD"})
		frappe.get_doc("Item Price", name).update({"price_list_rate": 8}).save()
		frappe.db.commit()
		self.work()
		self.assertEqual([row["amount"] for row in self.shop.rows["price.updated"]], ["8.00"])
		self.assertNotIn("listing.upserted", self.shop.rows)
		self.shop.rows.clear()
		api.set_publication([self.listing], "Delisted")
		frappe.db.commit()
		self.work()
		self.assertEqual([row["published"] for row in self.shop.rows["listing.upserted"]], [False])
		self.shop.rows.clear()
		self.set_item(item_name="Nobody hears of it")
		self.fixture.move_stock("CB-SOLD", 1)
		self.work()
		self.assertEqual(self.shop.rows, {})
		self.assertEqual({state for states in self.states().values() for state in states}, {"Succeeded"})

	def test_a_refused_row_says_why_and_the_others_go_on(self) -> None:
		other = self.fixture.make_listing(SHOP, "CB-SOLD-CASE", "WEB-CASE", product_id="p2")
		self.add_price(3, item="CB-SOLD-CASE")
		results = {"results": [{"key": self.listing, "error": "<b>no</b> such category"}]}
		answer = HttpResponse(200, {"content-type": "application/json"}, json.dumps(results).encode())
		self.shop.answers = {"listing.upserted": answer}
		self.work()
		self.assertEqual(self.row().listing_error, "<b>no</b> such category")
		kept = frappe.db.get_value("Channel Listing", other, ["listing_error", "pushed_listing"])
		self.assertIsNone(kept[0])
		self.assertTrue(kept[1])
		self.assertEqual(self.states()["listing.changed"], {"Failed"})

	def test_an_item_without_a_price_is_not_shown(self) -> None:
		frappe.db.delete("Item Price")
		frappe.db.commit()
		self.work()
		[listing] = self.shop.rows["listing.upserted"]
		self.assertFalse(listing["published"])
		self.assertIn("add an Item Price", self.row().not_listed_because)
		self.assertNotIn("stock.updated", self.shop.rows)
		self.add_price(5)
		self.work()
		self.assertTrue(self.shop.rows["listing.upserted"][-1]["published"])
		self.assertIsNone(self.row().not_listed_because)
		self.assertEqual([row["quantity"] for row in self.shop.rows["stock.updated"]], ["5"])

	def test_where_only_prices_are_ours_a_missing_one_fails_the_row(self) -> None:
		self.make_channel(push_listings=0, store_url="https://shop.example.com")
		frappe.db.delete("Item Price")
		frappe.db.delete("Sync Log")
		self.set_listing(sku="WEB-PHONE-2")
		self.work()
		self.assertEqual(self.states()["price.changed"], {"Failed"})
		problem = f"No price for CB-SOLD in price list {LIST}: add an Item Price"
		self.assertIn(problem, frappe.db.get_value("Sync Log", {"topic": "price.changed"}, "message"))
		self.assertEqual(self.row().price_error, problem)
		self.shop.rows.clear()
		self.fixture.move_stock("CB-SOLD", 1)
		self.work()
		self.assertEqual([row["quantity"] for row in self.shop.rows["stock.updated"]], ["6"])
		self.assertEqual(self.row().price_error, problem, "stock that is taken says nothing of the price")
		self.add_price(5)
		self.work()
		self.assertIsNone(self.row().price_error)
