"""Graded goods on a real site: which units are offered, who gets one, and that exactly this one is delivered."""

from __future__ import annotations

import hashlib
import json
import os
from decimal import Decimal
from typing import Any

import frappe
from erpnext.controllers.accounts_controller import update_child_qty_rate
from erpnext.selling.doctype.sales_order.sales_order import make_delivery_note, make_sales_invoice
from erpnext.stock.doctype.delivery_note.delivery_note import make_sales_return
from erpnext.stock.doctype.pick_list.pick_list import create_delivery_note

from commerce_bridge.bridge import unbooked, worker
from commerce_bridge.bridge.protocols import NewEntry
from commerce_bridge.erpnext import bin, catalog, channel_grade_map, serial_no, site, unit_delivery
from commerce_bridge.erpnext.test_orders import START, line
from commerce_bridge.tests import processes, settings
from commerce_bridge.tests.base import SiteTestCase
from commerce_bridge.tests.factory import SiteFixture

ONE, TWO = "Graded One", "Graded Two"
PHONE, PHONES = "CB-USED-PHONE", "CB Phones"
SHIRT = "CB-USED-SHIRT"
#: Units that two channels race for; the whole is 200, which takes some minutes.
RACED = int(os.environ.get("COMMERCE_BRIDGE_RACED_UNITS", "40"))
PROCESSES = 4


class GradedCase(SiteTestCase):
	def setUp(self) -> None:
		self.fixture = SiteFixture()
		self.channels = {name: self.fixture.make_channel(name) for name in (ONE, TWO)}
		self.item_group()
		self.item(PHONE, has_serial_no=1, cb_listing_mode="Unit")
		self.fixture.close_orders(PHONE)
		self.quarantine = self.warehouse("CB Quarantine", "Quarantine")
		frappe.db.sql(
			"UPDATE `tabSerial No` SET cb_grade = NULL, cb_sales_order = NULL WHERE item_code = %s", PHONE
		)
		frappe.db.delete("Channel Grade Map")
		for channel in (ONE, TWO):
			for grade in "AB":
				self.map(channel, grade)
		frappe.db.delete("Stock Change")
		frappe.db.commit()
		self.world = site.world()
		self.sent = 0

	def item_group(self) -> None:
		if not frappe.db.exists("Item Group", PHONES):
			group = {"doctype": "Item Group", "item_group_name": PHONES, "parent_item_group": "Products"}
			frappe.get_doc(group).insert()

	def item(self, item_code: str, **values: Any) -> None:
		if not frappe.db.exists("Item", item_code):
			self.new_item(item_code, **values)
		frappe.db.set_value("Item", item_code, "cb_identifier_type", "")
		frappe.clear_document_cache("Item", item_code)

	def new_item(self, item_code: str, **values: Any) -> None:
		standard = {"item_code": item_code, "item_group": PHONES, "stock_uom": "Nos", "is_stock_item": 1}
		frappe.get_doc({"doctype": "Item", **standard, "cb_recommerce": 1, **values}).insert()

	def warehouse(self, title: str, purpose: str) -> str:
		values = {"warehouse_name": title, "company": self.fixture.company}
		name = frappe.db.get_value("Warehouse", values)
		if not name:
			parent = frappe.db.get_value("Warehouse", self.fixture.warehouse, "parent_warehouse")
			doc = frappe.get_doc({"doctype": "Warehouse", **values, "parent_warehouse": parent})
			name = doc.insert().name
		frappe.db.set_value("Warehouse", name, "cb_purpose", purpose)
		frappe.clear_document_cache("Warehouse", name)
		return name

	def map(self, channel: str, grade: str, **values: Any) -> Any:
		row = {"channel": channel, "item_group": PHONES, "condition": "Used", "grade": grade}
		row |= {"outbound_code": f"{channel} {grade}", **values}
		doc = frappe.get_doc({"doctype": "Channel Grade Map", **row}).insert()
		frappe.db.commit()
		return doc

	def receive(self, count: int = 1, grade: str | None = "B", item: str = PHONE, **values: Any) -> list[str]:
		"""Units in stock, graded; their numbers sort in the order they are made."""
		batch = frappe.generate_hash(length=8)
		names = [f"CB-U-{batch}-{number:04}" for number in range(count)]
		row = {"item_code": item, "qty": count, "t_warehouse": self.fixture.warehouse, "basic_rate": 100}
		row |= {"use_serial_batch_fields": 1, "serial_no": "\n".join(names)}
		entry = {"doctype": "Stock Entry", "stock_entry_type": "Material Receipt", "items": [row]}
		frappe.get_doc({**entry, "company": self.fixture.company}).insert().submit()
		found = {"cb_grade": grade, "cb_condition": "Used", **values}
		for name in names:
			frappe.db.set_value("Serial No", name, found, update_modified=False)
		frappe.db.commit()
		return names

	def transfer(self, serial: str, warehouse: str) -> None:
		row = {"item_code": PHONE, "qty": 1, "s_warehouse": self.fixture.warehouse, "t_warehouse": warehouse}
		row |= {"use_serial_batch_fields": 1, "serial_no": serial}
		entry = {"doctype": "Stock Entry", "stock_entry_type": "Material Transfer", "items": [row]}
		frappe.get_doc({**entry, "company": self.fixture.company}).insert().submit()
		frappe.db.commit()

	def unit_listing(self, channel: str, serial: str, **values: Any) -> str:
		return self.listing(channel, f"U-{serial}", serial_no=serial, **values)

	def listing(self, channel: str, sku: str, item: str = PHONE, **values: Any) -> str:
		doc = {"doctype": "Channel Listing", "channel": channel, "item_code": item, "sku": sku, **values}
		name = frappe.get_doc({**doc, "publication": "Published"}).insert().name
		frappe.db.commit()
		return name

	def shown(self, channel: str, sku: str, item: str = PHONE) -> tuple[int, str | None]:
		frappe.db.rollback()
		[level] = [each for each in bin.levels(self.channels[channel], [item]) if each.level.sku == sku]
		return int(level.level.quantity), level.reason

	def why(self, sku: str) -> str:
		frappe.db.rollback()
		return frappe.db.get_value("Channel Listing", {"sku": sku}, "not_listed_because") or ""

	def entry(self, channel: str, external_id: str, *lines: dict[str, Any], buyer: str = "ada") -> NewEntry:
		self.sent += 1
		total = sum(Decimal(each["total"]) for each in lines)
		data = {
			"id": external_id,
			"order_number": f"#{external_id}",
			"updated_at": START.replace(minute=self.sent % 60, hour=9 + self.sent // 60).isoformat(),
			"placed_at": START.isoformat(),
			"currency": self.fixture.currency,
			"customer": {"id": buyer, "email": f"{buyer}@graded.example", "first_name": buyer},
			"lines": list(lines),
			"totals": {"grand_total": str(total)},
		}
		payload = json.dumps({"type": "order.upserted", "timestamp": "2026-11-20T09:00:00Z", "data": data})
		key = hashlib.sha256(f"{self.id()}{channel}{self.sent}".encode()).hexdigest()
		return NewEntry(channel, "Inbound", "order.upserted", key, payload, external_id)

	def send(self, channel: str, external_id: str, *lines: dict[str, Any]) -> Any:
		with self.world.erp.transaction():
			name = self.world.journal.record([self.entry(channel, external_id, *lines)])[0].name
		while worker.run_once(self.world):
			continue
		return frappe._dict(self.fixture.entry(name))

	def booked(self, channel: str, external_id: str, *lines: dict[str, Any]) -> Any:
		log = self.send(channel, external_id, *lines)
		self.assertEqual(log.state, "Succeeded", f"{log.message} {log.traceback}")
		return frappe.get_doc("Sales Order", log.reference_name)

	def held(self, channel: str, external_id: str, *lines: dict[str, Any]) -> str:
		log = self.send(channel, external_id, *lines)
		self.assertEqual(
			(log.state, log.error_class), ("Failed", "Rejected"), f"{log.message} {log.traceback}"
		)
		self.assertEqual(self.fixture.count_sales_orders(external_id), 0)
		return log.message

	def promised(self, *serials: str) -> list[str | None]:
		frappe.db.rollback()
		return [frappe.db.get_value("Serial No", name, "cb_sales_order") or None for name in serials]

	def changes(self) -> set[tuple[str, str]]:
		frappe.db.rollback()
		return set(frappe.get_all("Stock Change", fields=["kind", "item_code"], as_list=True))


def wants(sku: str, quantity: int = 1, **values: Any) -> dict[str, Any]:
	return {**line("l1", sku, quantity, "100.00"), **values}


class TestOffered(GradedCase):
	def test_only_what_may_be_sold_is_offered_and_the_listing_says_why_not(self) -> None:
		[serial] = self.receive()
		self.unit_listing(ONE, serial)
		self.listing(ONE, "POOL-B", grade="B", condition="Used")
		self.assertEqual(self.shown(ONE, f"U-{serial}"), (1, None))
		self.assertEqual(self.shown(ONE, "POOL-B"), (1, None))
		cases = (
			({"cb_grade": None}, "no grade"),
			({"cb_grade": "X"}, "not sellable"),
			({"cb_identifier_status": "Blacklisted"}, "Blacklisted"),
			({"cb_identifier_status": "Financed"}, "Financed"),
			({"cb_identifier_status": "Locked"}, "Locked"),
			({"cb_refurbishment_status": "Pending"}, "Pending"),
			({"cb_refurbishment_status": "In Progress"}, "In Progress"),
			({"cb_refurbishment_status": "Scrapped"}, "Scrapped"),
			({"status": "Delivered"}, "Delivered"),
			({"warehouse": self.quarantine}, "Quarantine"),
		)
		kept = frappe.db.get_value("Serial No", serial, ["cb_grade", "status", "warehouse"], as_dict=True)
		clean = {**kept, "cb_identifier_status": "", "cb_refurbishment_status": ""}
		for values, reason in cases:
			frappe.db.set_value("Serial No", serial, {**clean, **values})
			frappe.db.commit()
			quantity, why = self.shown(ONE, f"U-{serial}")
			self.assertEqual(quantity, 0, values)
			self.assertIn(reason, why or "", values)
			self.assertEqual(self.shown(ONE, "POOL-B")[0], 0, values)
		for values in ({"cb_refurbishment_status": "Completed"}, {"cb_identifier_status": "Unknown"}):
			frappe.db.set_value("Serial No", serial, {**clean, **values})
			frappe.db.commit()
			self.assertEqual(self.shown(ONE, "POOL-B"), (1, None), values)

	def test_an_imei_has_to_be_checked(self) -> None:
		[serial] = self.receive()
		self.unit_listing(ONE, serial)
		self.listing(ONE, "POOL-B", grade="B", condition="Used")
		frappe.db.set_value("Item", PHONE, "cb_identifier_type", "IMEI")
		for status, quantity in (("", 0), ("Unknown", 0), ("Blacklisted", 0), ("Clear", 1)):
			frappe.db.set_value("Serial No", serial, "cb_identifier_status", status)
			frappe.db.commit()
			self.assertEqual(self.shown(ONE, f"U-{serial}")[0], quantity, status)
			self.assertEqual(self.shown(ONE, "POOL-B")[0], quantity, status)

	def test_pools_count_item_condition_and_grade(self) -> None:
		self.receive(3, "A")
		self.receive(2, "B")
		self.receive(4, "B", cb_condition="Refurbished")
		self.map(ONE, "B", condition="Refurbished")
		for sku, values in (
			("A", {"grade": "A", "condition": "Used"}),
			("B", {"grade": "B", "condition": "Used"}),
			("R", {"grade": "B", "condition": "Refurbished"}),
			("ANY-B", {"grade": "B"}),
			("ALL", {}),
		):
			self.listing(ONE, sku, **values)
		counts = {sku: self.shown(ONE, sku) for sku in ("A", "B", "R", "ANY-B", "ALL")}
		self.assertEqual(counts, dict(zip(counts, [(n, None) for n in (3, 2, 4, 6, 9)], strict=True)))

	def test_goods_without_serial_numbers_follow_the_map_too(self) -> None:
		self.item(SHIRT, cb_condition="Used", cb_grade="B")
		frappe.db.set_value("Item", SHIRT, {"cb_condition": "Used", "cb_grade": "B"})
		self.fixture.set_stock(SHIRT, Decimal(5))
		self.listing(ONE, "SHIRT", item=SHIRT)
		self.assertEqual(self.shown(ONE, "SHIRT", SHIRT), (5, None))
		frappe.db.set_value("Item", SHIRT, "cb_grade", "C")
		frappe.db.commit()
		reason = f"No row in Channel Grade Map for Used, grade C in {PHONES}"
		self.assertEqual(self.shown(ONE, "SHIRT", SHIRT), (0, reason))
		frappe.db.set_value("Item", SHIRT, {"cb_grade": "B", "cb_refurbishment_status": "Pending"})
		frappe.db.commit()
		self.assertEqual(self.shown(ONE, "SHIRT", SHIRT)[0], 0)
		frappe.db.set_value("Item", SHIRT, "cb_refurbishment_status", "")
		frappe.db.commit()

	def test_what_a_shop_sold_and_nobody_booked_yet_is_not_offered(self) -> None:
		serials = self.receive(4)
		for channel in (ONE, TWO):
			self.unit_listing(channel, serials[0])
			self.listing(channel, f"{channel}-POOL", grade="B", condition="Used")
		entries = [
			self.entry(ONE, "x-1", wants(f"U-{serials[0]}")),
			self.entry(ONE, "x-2", wants(f"{ONE}-POOL", 2)),
		]
		with self.world.erp.transaction():
			self.world.journal.record(entries)
		unbooked.count_all(self.world)
		for _booked in range(2):
			for channel in (ONE, TWO):
				self.assertEqual(self.shown(channel, f"U-{serials[0]}")[0], 0)
				self.assertEqual(self.shown(channel, f"{channel}-POOL"), (1, None))
			while worker.run_once(self.world):
				continue

	def test_a_buffer_is_kept_back_of_pools_and_not_of_single_units(self) -> None:
		self.channels[ONE] = self.fixture.make_channel(ONE, stock_buffer=1)
		[serial, *_others] = self.receive(3)
		self.unit_listing(ONE, serial)
		self.listing(ONE, "POOL-B", grade="B")
		self.assertEqual([self.shown(ONE, sku)[0] for sku in (f"U-{serial}", "POOL-B")], [1, 2])

	def test_three_queries_for_any_number(self) -> None:
		from commerce_bridge.erpnext.test_stock_change import statements

		for serial in self.receive(5):
			self.unit_listing(ONE, serial)
		self.listing(ONE, "POOL", grade="B")
		listings = frappe.get_all("Channel Listing", {"channel": ONE}, ["name"])
		work = statements(
			lambda: serial_no.offered(self.channels[ONE], listings, {None: [self.fixture.warehouse]})
		)
		self.assertLessEqual(len(work), 3)


class TestGradeMap(GradedCase):
	def test_unmapped_is_not_listed_and_says_so_and_mapped_has_its_code(self) -> None:
		[serial] = self.receive(grade="C")
		self.unit_listing(ONE, serial)
		self.listing(ONE, "POOL-C", grade="C", condition="Used")
		reason = f"No row in Channel Grade Map for Used, grade C in {PHONES}"
		self.assertEqual(self.shown(ONE, f"U-{serial}"), (0, reason))
		self.assertEqual(self.shown(ONE, "POOL-C"), (0, reason))
		self.map(ONE, "C", outbound_code="GOOD", min_warranty_months=12)
		self.assertEqual(self.shown(ONE, f"U-{serial}"), (1, None))
		self.assertEqual(self.shown(ONE, "POOL-C"), (1, None))
		key = (PHONES, "Used", "C")
		code = channel_grade_map.codes(ONE, [key])[key]
		self.assertEqual((code.outbound_code, code.min_warranty_months), ("GOOD", 12))
		self.assertEqual(channel_grade_map.codes(TWO, [key]), {})

	def test_the_most_specific_row_wins(self) -> None:
		frappe.db.delete("Channel Grade Map", {"channel": ONE})
		key = (PHONES, "Used", "B")
		rows = (
			({"item_group": None, "condition": ""}, "ANY"),
			({"item_group": None, "condition": "Used"}, "ANY USED"),
			({"item_group": "Products", "condition": ""}, "PRODUCTS"),
			({"item_group": "Products", "condition": "Used"}, "PRODUCTS USED"),
			({"item_group": PHONES, "condition": ""}, "PHONES"),
			({"item_group": PHONES, "condition": "Used"}, "PHONES USED"),
		)
		for values, code in rows:
			self.map(ONE, "B", outbound_code=code, **values)
			self.assertEqual(channel_grade_map.codes(ONE, [key])[key].outbound_code, code)
		other = ("Services", "Used", "B")
		self.assertEqual(channel_grade_map.codes(ONE, [other])[other].outbound_code, "ANY USED")

	def test_blocked_or_not_approved_is_not_listed(self) -> None:
		[serial] = self.receive(grade="C")
		self.unit_listing(ONE, serial)
		row = self.map(ONE, "C")
		for field, word in (("blocked", "blocks"), ("needs_approval", "approve")):
			row.reload()
			row.update({"blocked": 0, "needs_approval": 0, field: 1})
			row.save()
			frappe.db.commit()
			quantity, why = self.shown(ONE, f"U-{serial}")
			self.assertEqual(quantity, 0)
			self.assertIn(word, why or "")

	def test_the_same_row_twice_is_refused_in_words(self) -> None:
		with self.assertRaisesRegex(frappe.ValidationError, "already"):
			self.map(ONE, "B")
		with self.assertRaisesRegex(frappe.ValidationError, "Code Sent"):
			self.map(ONE, "D", outbound_code="")
		frappe.db.rollback()


class TestRegrade(GradedCase):
	def test_a_regrade_moves_no_stock_and_changes_every_channel(self) -> None:
		for channel in (ONE, TWO):
			self.map(channel, "C")
		[serial] = self.receive(grade="B")
		for channel in (ONE, TWO):
			for grade in "BC":
				self.listing(channel, f"{channel}-{grade}", grade=grade, condition="Used")
			self.listing(channel, f"{channel}-U", serial_no=serial, grade="B", condition="Used")
		ledger = frappe.db.count("Stock Ledger Entry")
		frappe.db.delete("Stock Change")
		doc = frappe.get_doc("Serial No", serial)
		doc.cb_grade = "C"
		doc.save()
		frappe.db.commit()
		self.assertEqual(frappe.db.count("Stock Ledger Entry"), ledger)
		self.assertEqual(self.changes(), {(kind, PHONE) for kind in ("stock", "price", "listing")})
		for channel in (ONE, TWO):
			counts = [self.shown(channel, f"{channel}-{what}")[0] for what in ("B", "C", "U")]
			self.assertEqual(counts, [0, 1, 1])
			grade = frappe.db.get_value("Channel Listing", {"sku": f"{channel}-U"}, "grade")
			key = (PHONES, "Used", grade)
			code = channel_grade_map.codes(channel, [key])[key]
			self.assertEqual((grade, code.outbound_code), ("C", f"{channel} C"))

	def test_a_save_that_changes_nothing_shown_is_no_news(self) -> None:
		[serial] = self.receive()
		frappe.db.delete("Stock Change")
		doc = frappe.get_doc("Serial No", serial)
		doc.cb_battery_health = 91
		doc.save()
		frappe.db.commit()
		self.assertEqual(self.changes(), set())

	def test_a_move_may_take_a_listing_off_the_shop(self) -> None:
		[serial] = self.receive()
		self.unit_listing(ONE, serial)
		frappe.db.delete("Stock Change")
		self.transfer(serial, self.quarantine)
		self.assertEqual(self.changes(), {("stock", PHONE), ("listing", PHONE)})
		self.assertIn("Quarantine", self.shown(ONE, f"U-{serial}")[1] or "")

	def test_a_warehouse_people_may_not_sell_from_takes_its_units_off_the_shop(self) -> None:
		shelf = self.warehouse("CB Third Shelf", "Sellable")
		rows = [{"warehouse": self.fixture.warehouse}, {"warehouse": shelf}]
		channel = self.fixture.make_channel(ONE, warehouses=rows, push_listings=1)
		self.addCleanup(self.fixture.make_channel, ONE, warehouses=[], push_listings=0)
		[serial] = self.receive()
		self.transfer(serial, shelf)
		name = self.unit_listing(ONE, serial)
		for purpose, published in (("Quarantine", False), ("Sellable", True)):
			frappe.db.delete("Sync Log")
			frappe.get_doc("Warehouse", shelf).update({"cb_purpose": purpose}).save()
			frappe.db.commit()
			topics = frappe.get_all("Sync Log", {"channel": ONE, "state": "Queued"}, pluck="topic")
			self.assertIn("listing.resync", topics)
			rows = catalog.contents(channel, [PHONE])
			shown = {row.content.listing: row.content.published for row in rows}
			self.assertEqual(shown[name], published)

	def test_one_insert(self) -> None:
		from commerce_bridge.erpnext.test_stock_change import statements

		doc = frappe.get_doc("Serial No", self.receive()[0])
		doc.cb_identifier_status = "Blacklisted"

		def save() -> None:
			doc.save()
			frappe.db.commit()

		inserts = [query for query in statements(save) if query.startswith("INSERT INTO `tabStock Change`")]
		self.assertEqual(len(inserts), 1)

	def test_grades_and_maps_are_looked_at_anew(self) -> None:
		[serial] = self.receive()
		self.unit_listing(ONE, serial)
		expected = {(kind, PHONE) for kind in ("stock", "price", "listing")}
		grade = frappe.get_doc("Condition Grade", "B")
		row = frappe.get_doc("Channel Grade Map", {"channel": ONE, "grade": "B"})
		for work in (grade.save, row.save, row.delete):
			frappe.db.delete("Stock Change")
			work()
			frappe.db.commit()
			self.assertEqual(self.changes(), expected, work)

	def test_an_open_form_does_not_take_a_unit_from_its_order(self) -> None:
		[serial] = self.receive()
		self.unit_listing(ONE, serial)
		form = frappe.get_doc("Serial No", serial)
		order = self.booked(ONE, "form-1", wants(f"U-{serial}"))
		form.cb_battery_health = 88
		form.save()
		frappe.db.commit()
		self.assertEqual(self.promised(serial), [order.name])
		form.reload()
		form.cb_sales_order = None
		form.save()
		frappe.db.commit()
		self.assertEqual(self.promised(serial), [order.name])


class TestBooking(GradedCase):
	def test_a_unit_is_sold_once_and_the_second_order_is_held_with_an_offer(self) -> None:
		sold, better, worse = self.receive(grade="B") + self.receive(grade="A") + self.receive(grade="C")
		self.map(TWO, "C")
		for channel in (ONE, TWO):
			for serial in (sold, better, worse):
				self.unit_listing(channel, serial)
		order = self.booked(ONE, "u-1", wants(f"U-{sold}"))
		row = order.items[0]
		self.assertEqual((row.cb_serial_no, row.cb_grade), (sold, "B"))
		self.assertEqual(self.promised(sold), [order.name])
		for channel in (ONE, TWO):
			self.assertEqual(self.shown(channel, f"U-{sold}"), (0, f"Sold by Sales Order {order.name}"))
		message = self.held(TWO, "u-2", wants(f"U-{sold}"))
		self.assertIn(order.name, message)
		self.assertIn(f"U-{better} (Serial No {better}, grade A)", message)
		self.assertNotIn(worse, message)
		self.assertEqual(self.promised(sold, better), [order.name, None])

	def test_listings_say_so_and_the_outbox_knows_before_the_entry_is_done(self) -> None:
		[serial] = self.receive()
		for channel in (ONE, TWO):
			self.listing(channel, f"{channel}-U", serial_no=serial)
		frappe.db.delete("Stock Change")
		frappe.db.commit()
		with self.world.erp.transaction():
			self.world.journal.record([self.entry(ONE, "t-1", wants(f"{ONE}-U"))])
		worker.run_once(self.world)  # this entry and no push
		self.assertLessEqual({("stock", PHONE), ("listing", PHONE)}, self.changes() | self.pushed())
		[order] = self.promised(serial)
		for channel in (ONE, TWO):
			self.assertEqual(self.why(f"{channel}-U"), f"Sold by Sales Order {order}")

	def pushed(self) -> set[tuple[str, str]]:
		"""What has been taken from the outbox already, into entries for each channel."""
		names = {"stock.changed": "stock", "listing.changed": "listing"}
		topics = frappe.get_all("Sync Log", {"direction": "Outbound"}, pluck="topic", distinct=True)
		return {(names.get(topic, topic.split(".")[0]), PHONE) for topic in topics}

	def test_nothing_to_offer_is_said(self) -> None:
		[serial] = self.receive()
		for channel in (ONE, TWO):
			self.unit_listing(channel, serial)
		self.booked(ONE, "n-1", wants(f"U-{serial}"))
		self.assertIn("Nothing of the same or a better grade", self.held(TWO, "n-2", wants(f"U-{serial}")))

	def test_a_pool_gives_units_of_its_grade(self) -> None:
		serials = self.receive(3, "B")
		self.receive(2, "A")
		self.listing(ONE, "POOL-B", grade="B", condition="Used")
		order = self.booked(ONE, "p-1", wants("POOL-B", 2))
		self.assertEqual(self.promised(*serials), [order.name, order.name, None])
		self.assertEqual((order.items[0].cb_grade, order.items[0].cb_serial_no), ("B", None))
		self.assertEqual(self.shown(ONE, "POOL-B"), (1, None))
		message = self.held(ONE, "p-2", wants("POOL-B", 2))
		self.assertIn(order.name, message)
		self.assertEqual(self.promised(*serials), [order.name, order.name, None])

	def test_a_pool_takes_what_is_sold_on_its_own_last(self) -> None:
		serials = self.receive(3)
		self.unit_listing(TWO, serials[0])
		self.listing(ONE, "POOL-LAST", grade="B", condition="Used")
		order = self.booked(ONE, "last-1", wants("POOL-LAST", 2))
		self.assertEqual(self.promised(*serials), [None, order.name, order.name])

	def test_a_line_that_names_its_units_gets_them(self) -> None:
		serials = self.receive(4, "B")
		self.listing(ONE, "POOL-B", grade="B", condition="Used")
		order = self.booked(ONE, "s-1", wants("POOL-B", 2, serials=[serials[3], serials[1]]))
		self.assertEqual(self.promised(*serials), [None, order.name, None, order.name])
		self.booked(ONE, "s-2", wants("POOL-B", 1, serials=[serials[2]]))
		self.assertIn(serials[1], self.held(ONE, "s-3", wants("POOL-B", 1, serials=[serials[1]])))
		self.assertIn("named", self.held(ONE, "s-4", wants("POOL-B", 1, serials=serials[:2])))

	def test_two_of_one_unit_cannot_be_sold(self) -> None:
		[serial] = self.receive()
		self.unit_listing(ONE, serial)
		self.assertIn("one unit", self.held(ONE, "d-1", wants(f"U-{serial}", 2)))

	def test_what_got_worse_since_it_was_sold_is_held(self) -> None:
		self.map(ONE, "C")
		[serial] = self.receive(grade="C")
		self.unit_listing(ONE, serial)
		self.assertIn("sold as grade B", self.held(ONE, "w-1", wants(f"U-{serial}", 1, grade="B")))
		self.booked(ONE, "w-2", wants(f"U-{serial}", 1, grade="C"))

	def test_a_unit_is_sold_from_where_it_is(self) -> None:
		other = self.warehouse("CB Second Shelf", "Sellable")
		rows = [{"warehouse": self.fixture.warehouse}, {"warehouse": other}]
		self.channels[ONE] = self.fixture.make_channel(ONE, warehouses=rows)
		here, there = self.receive(2)
		self.transfer(there, other)
		self.unit_listing(ONE, there)
		self.assertEqual(self.shown(ONE, f"U-{there}"), (1, None))
		self.assertEqual(self.booked(ONE, "h-1", wants(f"U-{there}")).items[0].warehouse, other)
		self.assertEqual(self.promised(here), [None])


class TestGivingBack(GradedCase):
	def setUp(self) -> None:
		super().setUp()
		self.serials = self.receive(3, "B")
		self.listing(ONE, "POOL-B", grade="B", condition="Used")
		for serial in self.serials:
			self.unit_listing(ONE, serial)

	def test_cancelled(self) -> None:
		order = self.booked(ONE, "c-1", wants(f"U-{self.serials[0]}"))
		order.cancel()
		frappe.db.commit()
		self.assertEqual(self.promised(*self.serials), [None] * 3)
		self.assertEqual(self.why(f"U-{self.serials[0]}"), "")
		self.assertEqual(self.shown(ONE, "POOL-B"), (3, None))

	def test_a_draft_has_its_unit_until_it_is_deleted(self) -> None:
		self.fixture.make_channel(ONE, order_docstatus="Draft")
		order = self.booked(ONE, "c-2", wants(f"U-{self.serials[0]}"))
		self.assertEqual(order.docstatus, 0)
		self.assertEqual(self.promised(self.serials[0]), [order.name])
		self.held(ONE, "c-3", wants(f"U-{self.serials[0]}"))
		order.submit()
		frappe.db.commit()
		self.assertEqual(self.promised(self.serials[0]), [order.name])
		other = self.booked(ONE, "c-4", wants(f"U-{self.serials[1]}"))
		other.delete()
		frappe.db.commit()
		self.assertEqual(self.promised(self.serials[1]), [None])

	def test_replaced(self) -> None:
		first = self.booked(ONE, "c-5", wants("POOL-B", 1))
		second = self.booked(ONE, "c-5", wants("POOL-B", 2))
		self.assertEqual(second.amended_from, first.name)
		self.assertEqual(self.promised(*self.serials), [second.name, second.name, None])
		third = self.booked(ONE, "c-5", wants(f"U-{self.serials[2]}", 1))
		self.assertEqual(self.promised(*self.serials), [None, None, third.name])

	def test_a_draft_that_follows(self) -> None:
		self.fixture.make_channel(ONE, order_docstatus="Draft")
		self.booked(ONE, "c-6", wants("POOL-B", 2))
		order = self.booked(ONE, "c-6", wants("POOL-B", 1))
		self.assertEqual(self.promised(*self.serials), [order.name, None, None])

	def test_closed_and_opened_again(self) -> None:
		order = self.booked(ONE, "c-7", wants(f"U-{self.serials[0]}"))
		order.update_status("Closed")
		frappe.db.commit()
		self.assertEqual(self.promised(self.serials[0]), [None])
		order.reload()
		order.update_status("Draft")
		frappe.db.commit()
		self.assertEqual(self.promised(self.serials[0]), [order.name])
		order.reload()
		order.update_status("Closed")
		frappe.db.commit()
		other = self.booked(ONE, "c-8", wants(f"U-{self.serials[0]}"))
		order.reload()
		with self.assertRaisesRegex(frappe.ValidationError, other.name):
			order.update_status("Draft")
		self.assertEqual(self.promised(self.serials[0]), [other.name])

	def test_update_items(self) -> None:
		order = self.booked(ONE, "c-9", wants("POOL-B", 2))
		for quantity, expected in ((1, [order.name, None, None]), (3, [order.name] * 3)):
			row = frappe.get_doc("Sales Order", order.name).items[0]
			change = {"docname": row.name, "item_code": PHONE, "qty": quantity, "rate": 100}
			update_child_qty_rate("Sales Order", json.dumps([change]), order.name)
			frappe.db.commit()
			self.assertEqual(self.promised(*self.serials), expected, quantity)
		row = frappe.get_doc("Sales Order", order.name).items[0]
		change = {"docname": row.name, "item_code": PHONE, "qty": 4, "rate": 100}
		with self.assertRaisesRegex(frappe.ValidationError, "3 are free"):
			update_child_qty_rate("Sales Order", json.dumps([change]), order.name)
		frappe.db.rollback()

	def test_a_person_sells_a_unit_too(self) -> None:
		"""An order of no channel that names the unit takes it as well."""
		customer = self.booked(ONE, "c-10", wants(f"U-{self.serials[0]}")).customer
		row = {"item_code": PHONE, "qty": 1, "rate": 90, "warehouse": self.fixture.warehouse}
		row |= {"cb_serial_no": self.serials[1], "delivery_date": frappe.utils.nowdate()}
		values = {"doctype": "Sales Order", "customer": customer, "company": self.fixture.company}
		doc = frappe.get_doc({**values, "items": [row]}).insert()
		self.assertIsNone(frappe.db.get_value("Serial No", self.serials[1], "cb_sales_order"))
		doc.submit()
		frappe.db.commit()
		self.assertEqual(self.promised(self.serials[1]), [doc.name])
		self.assertIn(doc.name, self.held(ONE, "c-11", wants(f"U-{self.serials[1]}")))


class TestDelivery(GradedCase):
	def setUp(self) -> None:
		super().setUp()
		self.serials = self.receive(4, "B")
		self.listing(ONE, "POOL-B", grade="B", condition="Used")
		for serial in self.serials:
			self.unit_listing(ONE, serial)

	def delivered(self, note: Any) -> list[str]:
		bundles = [row.serial_and_batch_bundle for row in frappe.get_doc(note.doctype, note.name).items]
		return sorted(
			frappe.get_all("Serial and Batch Entry", {"parent": ("in", bundles)}, pluck="serial_no")
		)

	def submit(self, doc: Any) -> Any:
		if doc.is_new():
			doc.insert()
		doc.submit()
		frappe.db.commit()
		return doc

	def test_exactly_the_unit_that_was_sold_leaves(self) -> None:
		order = self.booked(ONE, "e-1", wants(f"U-{self.serials[2]}"))
		note = self.submit(make_delivery_note(order.name))
		self.assertEqual(self.delivered(note), [self.serials[2]])
		self.assertEqual(self.promised(self.serials[2]), [None])
		self.assertEqual(frappe.db.get_value("Serial No", self.serials[2], "status"), "Delivered")
		message = self.held(ONE, "e-2", wants(f"U-{self.serials[2]}"))
		self.assertIn(order.name, message)
		note.reload()
		note.cancel()
		frappe.db.commit()
		self.assertEqual(self.promised(self.serials[2]), [order.name])

	def test_part_by_part(self) -> None:
		order = self.booked(ONE, "e-3", wants("POOL-B", 3))
		parts = []
		for quantity in (1, 2):
			note = make_delivery_note(order.name)
			note.items[0].qty = quantity
			parts.append(self.delivered(self.submit(note)))
		self.assertEqual(parts, [self.serials[:1], self.serials[1:3]])

	def test_an_invoice_that_updates_stock(self) -> None:
		order = self.booked(ONE, "e-4", wants(f"U-{self.serials[3]}"))
		invoice = make_sales_invoice(order.name)
		invoice.update_stock = 1
		self.assertEqual(self.delivered(self.submit(invoice)), [self.serials[3]])
		self.assertEqual(self.promised(self.serials[3]), [None])

	def refused(self, order: Any, serial: str, pattern: str) -> None:
		note = make_delivery_note(order.name)
		note.items[0].update({"serial_no": serial, "use_serial_batch_fields": 1})
		with self.assertRaisesRegex(frappe.ValidationError, pattern):
			note.insert()
		frappe.db.rollback()

	def test_another_grade_another_orders_or_a_blocked_unit_is_refused(self) -> None:
		[better] = self.receive(grade="A")
		order = self.booked(ONE, "e-5", wants("POOL-B", 1))
		other = self.booked(ONE, "e-6", wants(f"U-{self.serials[1]}"))
		self.refused(order, better, "has grade A")
		self.refused(order, self.serials[1], other.name)
		self.refused(other, self.serials[2], f"sold Serial No {self.serials[1]}")
		frappe.db.set_value("Serial No", self.serials[0], "cb_identifier_status", "Blacklisted")
		frappe.db.commit()
		self.refused(order, self.serials[0], "Blacklisted")

	def test_a_unit_of_a_pool_may_be_exchanged_for_an_equal_one(self) -> None:
		order = self.booked(ONE, "e-7", wants("POOL-B", 1))
		note = make_delivery_note(order.name)
		note.items[0].update({"serial_no": self.serials[3], "use_serial_batch_fields": 1})
		self.assertEqual(self.delivered(self.submit(note)), [self.serials[3]])
		self.assertEqual(self.promised(*self.serials), [None] * 4)
		self.assertEqual(self.shown(ONE, "POOL-B")[0], 3)

	def test_what_erpnext_picks_itself_is_checked_too(self) -> None:
		item = f"CB-PICKED-{frappe.generate_hash(length=8)}"
		self.new_item(item, has_serial_no=1)
		self.receive(item=item)
		self.listing(ONE, item, item=item, grade="B")
		order = self.booked(ONE, "e-8", wants(item))
		row = {"item_code": item, "qty": 1, "rate": 1, "warehouse": self.fixture.warehouse}
		values = {"doctype": "Delivery Note", "customer": order.customer, "company": self.fixture.company}
		note = frappe.get_doc({**values, "items": [row]}).insert()
		self.assertFalse(note.items[0].serial_no)
		with self.assertRaisesRegex(frappe.ValidationError, order.name):
			note.submit()
		frappe.db.rollback()

	def test_reserved_stock_is_exactly_what_was_promised(self) -> None:
		settings.change(self, "Stock Settings", enable_stock_reservation=1, auto_reserve_serial_and_batch=1)
		self.fixture.make_channel(ONE, afterwards="Reserve Stock")
		order = self.booked(ONE, "e-9", wants(f"U-{self.serials[2]}"))
		entry = frappe.get_doc("Stock Reservation Entry", {"voucher_no": order.name})
		self.assertEqual([row.serial_no for row in entry.sb_entries], [self.serials[2]])
		other = self.booked(ONE, "e-10", wants(f"U-{self.serials[0]}"))
		self.refused(other, self.serials[2], order.name)
		note = make_delivery_note(order.name, kwargs={"for_reserved_stock": 1})
		self.assertEqual(self.delivered(self.submit(note)), [self.serials[2]])
		plain = make_delivery_note(other.name)
		self.assertEqual(self.delivered(self.submit(plain)), [self.serials[0]])

	def test_a_pick_list_sends_people_for_what_was_promised(self) -> None:
		self.fixture.make_channel(ONE, afterwards="Create Pick List")
		order = self.booked(ONE, "e-12", wants(f"U-{self.serials[2]}"))
		name = frappe.db.get_value("Pick List Item", {"sales_order": order.name}, "parent")
		pick_list = frappe.get_doc("Pick List", name)
		self.assertEqual([row.serial_no for row in pick_list.locations], [self.serials[2]])
		pick_list.submit()
		note = create_delivery_note(pick_list.name)
		self.assertEqual(self.delivered(self.submit(note)), [self.serials[2]])

	def test_a_return_comes_back_free_but_not_for_sale(self) -> None:
		order = self.booked(ONE, "e-11", wants(f"U-{self.serials[0]}"))
		note = self.submit(make_delivery_note(order.name))
		returned = make_sales_return(note.name)
		returned.items[0].warehouse = self.quarantine
		returned.insert()
		self.submit(frappe.get_doc("Delivery Note", returned.name))
		unit = frappe.db.get_value("Serial No", self.serials[0], ["status", "warehouse"], as_dict=True)
		self.assertEqual((unit.status, unit.warehouse), ("Active", self.quarantine))
		self.assertEqual(self.promised(self.serials[0]), [None])
		quantity, why = self.shown(ONE, f"U-{self.serials[0]}")
		self.assertEqual(quantity, 0)
		self.assertIn("Quarantine", why or "")
		frappe.get_doc("Sales Order", order.name).save()  # a later edit takes no unit for what came back
		frappe.db.commit()
		self.assertEqual(self.promised(*self.serials), [None] * 4)


class TestOthersHaveIt(GradedCase):
	"""What documents without a channel take of graded goods. An item of its own: no other test's stock is in its Bin."""

	def setUp(self) -> None:
		super().setUp()
		self.code = f"CB-OTHERS-{frappe.generate_hash(length=8)}"
		self.new_item(self.code, has_serial_no=1)
		self.serials = self.receive(3, item=self.code)
		self.sku = f"POOL-{self.code}"
		self.listing(ONE, self.sku, item=self.code, grade="B")
		for serial in self.serials:
			self.unit_listing(ONE, serial, item=self.code)

	def offers(self) -> list[int]:
		skus = (self.sku, *(f"U-{serial}" for serial in self.serials))
		return [self.shown(ONE, sku, self.code)[0] for sku in skus]

	def by_hand(self, quantity: int, **values: Any) -> Any:
		"""An order somebody types: it names neither grade nor unit."""
		buyer = f"hand-buyer-{frappe.generate_hash(length=8)}"
		customer = self.booked(ONE, buyer, wants(self.sku)).customer
		frappe.get_doc("Sales Order", {"cb_external_id": buyer, "docstatus": 1}).cancel()
		row = {"item_code": self.code, "qty": quantity, "rate": 90, "warehouse": self.fixture.warehouse}
		row["delivery_date"] = frappe.utils.nowdate()
		doc = {"doctype": "Sales Order", "customer": customer, "company": self.fixture.company, **values}
		order = frappe.get_doc({**doc, "items": [row]}).insert()
		order.submit()
		frappe.db.commit()
		return order

	def test_an_order_that_names_no_unit_takes_its_number_off(self) -> None:
		order = self.by_hand(2)
		self.assertEqual(self.offers()[0], 1)
		self.assertIn("1 are free", self.held(ONE, "hand-1", wants(self.sku, 2)))
		mine = self.booked(ONE, "hand-2", wants(self.sku, 1))
		self.assertEqual(self.offers(), [0, 0, 0, 0])
		message = self.held(ONE, "hand-3", wants(f"U-{self.serials[2]}"))
		self.assertIn("reserved by documents that name no unit", message)
		mine.reload()
		mine.cancel()
		frappe.get_doc("Sales Order", order.name).cancel()
		frappe.db.commit()
		self.assertEqual(self.offers(), [3, 1, 1, 1])
		self.booked(ONE, "hand-4", wants(self.sku, 3))

	def test_two_pools_and_units_together_offer_no_more_than_the_bin_leaves(self) -> None:
		"""3 of grade B, each on its own and in the pool, 4 of grade A: an order somebody types takes 5 of the 7."""
		self.receive(4, "A", item=self.code)
		self.listing(ONE, f"A-{self.code}", item=self.code, grade="A")
		self.listing(ONE, f"ALL-{self.code}", item=self.code)
		skus = [f"A-{self.code}", self.sku, f"ALL-{self.code}", *(f"U-{name}" for name in self.serials)]
		offers = lambda: [self.shown(ONE, sku, self.code)[0] for sku in skus]  # noqa: E731
		self.assertEqual(offers(), [4, 3, 7, 1, 1, 1])
		order = self.by_hand(2)
		self.assertEqual(offers(), [2, 3, 5, 1, 1, 1], "the pool with most units gives way")
		more = self.by_hand(3)
		self.assertEqual(offers(), [0, 2, 2, 1, 1, 0], "units that are sold on their own are the last")
		with self.world.erp.transaction():
			self.world.journal.record([self.entry(ONE, "both-1", wants(f"ALL-{self.code}"))])
		unbooked.count_all(self.world)
		self.assertEqual(offers(), [0, 1, 1, 1, 0, 0], "what waits in the Sync Log counts too")
		while worker.run_once(self.world):
			continue
		self.assertEqual(offers(), [0, 1, 1, 1, 0, 0])
		for each in (order, more):
			frappe.get_doc("Sales Order", each.name).cancel()
		frappe.db.commit()
		self.assertEqual(sum(offers()[:2]), 6)

	def test_what_is_paused_takes_no_share(self) -> None:
		self.receive(4, "A", item=self.code)
		self.listing(ONE, f"A-{self.code}", item=self.code, grade="A")
		alone = {"channel": ONE, "item_code": self.code, "serial_no": ("is", "set")}
		frappe.db.set_value("Channel Listing", alone, "publication", "Paused")
		frappe.db.commit()
		self.by_hand(4)
		offers = lambda: [self.shown(ONE, sku, self.code) for sku in (f"A-{self.code}", self.sku)]  # noqa: E731
		self.assertEqual(offers(), [(2, None), (1, None)])
		frappe.db.set_value("Channel Listing", {"sku": f"A-{self.code}"}, "publication", "Paused")
		frappe.db.commit()
		self.assertEqual(offers(), [(0, "Paused"), (3, None)])

	def wait(self, sku: str, quantity: int) -> None:
		"""A storefront sold it, and nobody books it."""
		with self.world.erp.transaction():
			self.world.journal.record([self.entry(ONE, f"wait-{self.code}", wants(sku, quantity))])
		unbooked.count_all(self.world)

	def test_what_waits_is_taken_from_the_pool_it_was_sold_from(self) -> None:
		self.receive(4, "A", item=self.code)
		self.listing(ONE, f"A-{self.code}", item=self.code, grade="A")
		alone = {"channel": ONE, "item_code": self.code, "serial_no": ("is", "set")}
		frappe.db.set_value("Channel Listing", alone, "publication", "Paused")
		frappe.db.commit()
		self.wait(f"A-{self.code}", 2)
		offers = [self.shown(ONE, sku, self.code)[0] for sku in (f"A-{self.code}", self.sku)]
		self.assertEqual(offers, [2, 3])

	def test_what_waits_and_was_sold_by_no_listing_counts_too(self) -> None:
		self.wait(self.code, 1)
		self.assertEqual(self.offers(), [2, 1, 1, 0])

	def shelve(self, *serials: str) -> None:
		"""The channel sells from a second warehouse too, and these are there."""
		shelf = self.warehouse("CB Second Shelf", "Sellable")
		rows = [{"warehouse": self.fixture.warehouse}, {"warehouse": shelf}]
		self.channels[ONE] = self.fixture.make_channel(ONE, warehouses=rows)
		self.addCleanup(self.fixture.make_channel, ONE, warehouses=[])
		row = {"item_code": self.code, "qty": len(serials), "t_warehouse": shelf}
		row |= {"s_warehouse": self.fixture.warehouse, "serial_no": "\n".join(serials)}
		entry = {"doctype": "Stock Entry", "stock_entry_type": "Material Transfer"}
		entry |= {"company": self.fixture.company, "items": [{**row, "use_serial_batch_fields": 1}]}
		frappe.get_doc(entry).insert().submit()
		frappe.db.commit()

	def test_what_one_warehouse_leaves_is_not_offered_from_another(self) -> None:
		self.shelve(self.serials[2])
		self.by_hand(2)
		self.assertEqual(self.offers(), [1, 0, 0, 1])

	def test_an_order_for_more_than_its_warehouse_has_takes_from_the_others(self) -> None:
		[better] = self.receive(1, "A", item=self.code)
		self.listing(ONE, f"A-{self.code}", item=self.code, grade="A")
		self.shelve(self.serials[1], better)
		self.by_hand(3)
		self.assertEqual(self.offers(), [1, 0, 1, 0])
		self.assertEqual(self.shown(ONE, f"A-{self.code}", self.code), (0, None))

	def till(self, serial: str, customer: str) -> Any:
		row = {"item_code": self.code, "qty": 1, "warehouse": self.fixture.warehouse, "serial_no": serial}
		doc = frappe.get_doc({"doctype": "POS Invoice", "customer": customer, "items": [row]})
		doc.items[0].use_serial_batch_fields = 1
		return doc

	def sold_at_the_till(self, serial: str, in_bundle: bool) -> Any:
		"""The rows a submitted POS Invoice leaves: the till itself, its profile and its shift are ERPNext's."""
		doc = self.till(serial, "")
		doc.update({"name": f"CB-POS-{serial}", "docstatus": 1, "company": self.fixture.company})
		doc.db_insert()
		row = doc.items[0]
		row.update({"name": frappe.generate_hash(), "parent": doc.name, "parenttype": doc.doctype})
		row.update({"parentfield": "items", "docstatus": 1, "stock_qty": 1})
		if in_bundle:
			row.update({"serial_no": None, "serial_and_batch_bundle": f"CB-SBB-{serial}"})
			entry = {"doctype": "Serial and Batch Entry", "name": frappe.generate_hash(), "serial_no": serial}
			entry |= {"parent": row.serial_and_batch_bundle, "parenttype": "Serial and Batch Bundle"}
			frappe.get_doc({**entry, "parentfield": "entries", "qty": -1}).db_insert()
		row.db_insert()
		frappe.db.commit()
		return doc

	def test_what_the_till_sold_is_gone_before_it_is_consolidated(self) -> None:
		for serial, in_bundle in ((self.serials[0], True), (self.serials[1], False)):
			doc = self.sold_at_the_till(serial, in_bundle)
			self.addCleanup(frappe.db.commit)  # after the two deletions
			self.addCleanup(frappe.db.delete, "POS Invoice", {"name": doc.name})
			self.addCleanup(frappe.db.delete, "POS Invoice Item", {"parent": doc.name})
			self.assertIn(doc.name, self.shown(ONE, f"U-{serial}", self.code)[1] or "")
			self.assertIn(doc.name, self.held(ONE, f"till-{serial}", wants(f"U-{serial}")))
		self.assertEqual(self.offers(), [1, 0, 0, 1])
		order = self.booked(ONE, "till-last", wants(self.sku))
		self.assertEqual(self.promised(*self.serials), [None, None, order.name])

	def test_the_till_does_not_sell_what_is_promised(self) -> None:
		order = self.booked(ONE, "till-1", wants(f"U-{self.serials[0]}"))
		with self.assertRaisesRegex(frappe.ValidationError, f"is sold by Sales Order {order.name}"):
			self.till(self.serials[0], order.customer).run_method("before_validate")
		self.till(self.serials[1], order.customer).run_method("before_validate")
		returned = self.till(self.serials[0], order.customer)
		returned.is_return = 1
		returned.run_method("before_validate")
		frappe.db.set_value("Serial No", self.serials[2], "cb_identifier_status", "Blacklisted")
		with self.assertRaisesRegex(frappe.ValidationError, "Blacklisted"):
			self.till(self.serials[2], order.customer).run_method("before_validate")
		frappe.db.rollback()

	def test_nor_does_it_sell_one_that_is_chosen_in_a_bundle_of_serial_numbers(self) -> None:
		order = self.booked(ONE, f"till-{self.code}", wants(f"U-{self.serials[0]}"))
		for serial, is_refused in ((self.serials[0], True), (self.serials[1], False)):
			doc = self.till("", order.customer)
			doc.items[0].serial_and_batch_bundle = f"CB-SBB-{serial}"
			entry = {"doctype": "Serial and Batch Entry", "name": frappe.generate_hash(), "serial_no": serial}
			entry |= {"parent": f"CB-SBB-{serial}", "parenttype": "Serial and Batch Bundle"}
			frappe.get_doc({**entry, "parentfield": "entries", "qty": -1}).db_insert()
			if is_refused:
				with self.assertRaisesRegex(frappe.ValidationError, f"is sold by Sales Order {order.name}"):
					doc.run_method("before_validate")
			else:
				doc.run_method("before_validate")
		frappe.db.rollback()

	def test_two_reservations_of_parts_take_two_units(self) -> None:
		settings.change(self, "Stock Settings", enable_stock_reservation=1, auto_reserve_serial_and_batch=1)
		order = self.booked(ONE, "e-11", wants(self.sku, 2))
		part = {"sales_order_item": order.items[0].name, "qty_to_reserve": 1}
		frappe.db.set_value("Sales Order Item", order.items[0].name, "reserve_stock", 1)
		for _part in range(2):
			doc = frappe.get_doc("Sales Order", order.name)
			doc.create_stock_reservation_entries(
				items_details=[{**part, "warehouse": order.items[0].warehouse}], notify=False
			)
		entries = frappe.get_all("Stock Reservation Entry", {"voucher_no": order.name}, pluck="name")
		held = frappe.get_all("Serial and Batch Entry", {"parent": ("in", entries)}, pluck="serial_no")
		promised = frappe.get_all("Serial No", {"cb_sales_order": order.name}, pluck="name")
		self.assertEqual((len(entries), sorted(held)), (2, sorted(promised)))

	def test_reserved_units_are_not_offered(self) -> None:
		settings.change(self, "Stock Settings", enable_stock_reservation=1, auto_reserve_serial_and_batch=1)
		order = self.by_hand(1)
		order.create_stock_reservation_entries(notify=False)
		frappe.db.commit()
		[held] = frappe.get_all(
			"Serial and Batch Entry",
			{"parenttype": "Stock Reservation Entry", "serial_no": ("in", self.serials)},
			pluck="serial_no",
		)
		self.assertIn(order.name, self.shown(ONE, f"U-{held}", self.code)[1] or "")
		self.assertEqual(self.offers()[0], 2)
		mine = self.booked(ONE, "res-1", wants(self.sku, 2))
		self.assertEqual(
			self.promised(*self.serials), [None if name == held else mine.name for name in self.serials]
		)

	def test_units_of_all_rows_are_locked_at_once(self) -> None:
		from commerce_bridge.erpnext.test_stock_change import statements

		self.receive(2, "A", item=self.code)
		self.listing(ONE, f"A-{self.code}", item=self.code, grade="A")
		second = {**line("l2", f"A-{self.code}", 1, "100.00")}
		work = statements(lambda: self.booked(ONE, "lock-1", wants(self.sku), second))
		locks = [query for query in work if "tabSerial No" in query and query.endswith("FOR UPDATE")]
		self.assertEqual(len([query for query in locks if self.serials[0] in query or "IN %s" in query]), 1)

	def test_plain_serial_numbers_cost_a_delivery_next_to_nothing(self) -> None:
		from commerce_bridge.erpnext.test_stock_change import statements

		serials = self.receive(5, None, item=self.code)
		customer = self.booked(ONE, "plain-1", wants(self.sku)).customer
		row = {"item_code": self.code, "qty": 1, "rate": 1, "warehouse": self.fixture.warehouse}
		rows = [{**row, "serial_no": name, "use_serial_batch_fields": 1} for name in serials]
		values = {"doctype": "Delivery Note", "customer": customer, "company": self.fixture.company}
		note = frappe.get_doc({**values, "items": rows}).insert()
		note.submit()
		self.assertLessEqual(len(statements(lambda: unit_delivery.on_submit(note))), 2)
		frappe.db.rollback()

	def test_a_delivery_of_many_units_costs_as_many_statements_as_one(self) -> None:
		"""Of our own: what is read before, what is checked after, and what is freed."""
		from commerce_bridge.erpnext.test_stock_change import statements

		self.receive(5, item=self.code)
		counts = []
		for quantity in (1, 5):
			lines = [{**wants(self.sku), "id": f"l{number}"} for number in range(quantity)]
			order = self.booked(ONE, f"many-{quantity}-{self.code}", *lines)
			note = make_delivery_note(order.name)
			before = statements(lambda note=note: unit_delivery.before_validate(note))
			promised = frappe.get_all("Serial No", {"cb_sales_order": order.name}, pluck="name")
			self.assertEqual(sorted(row.serial_no for row in note.items), sorted(promised))
			note.insert().submit()
			frappe.db.set_value(
				"Serial No",
				{"name": ("in", promised)},
				{"cb_sales_order": order.name, "cb_sales_order_item": note.items[0].so_detail},
			)
			after = statements(lambda note=note: unit_delivery.on_submit(note))
			self.assertEqual(frappe.db.count("Serial No", {"cb_sales_order": order.name}), 0)
			frappe.db.commit()
			counts.append((len(before), len(after)))
		self.assertEqual(counts[0], counts[1])

	def test_the_listings_grade_counts_before_the_items_everywhere(self) -> None:
		self.item(SHIRT, cb_condition="Used", cb_grade="B")
		frappe.db.set_value("Item", SHIRT, {"cb_condition": "Used", "cb_grade": "B"})
		self.fixture.set_stock(SHIRT, Decimal(5))
		self.listing(ONE, "SHIRT-C", item=SHIRT, grade="C")
		reason = f"No row in Channel Grade Map for Used, grade C in {PHONES}"
		self.assertEqual(self.shown(ONE, "SHIRT-C", SHIRT), (0, reason))
		[row] = [row for row in catalog.contents(self.channels[ONE], [SHIRT]) if row.content.sku == "SHIRT-C"]
		self.assertEqual(row.content.grade, "C")


class TestBundles(GradedCase):
	"""Two phones of which single units are sold, and one charger that is counted. Items of its own."""

	def setUp(self) -> None:
		super().setUp()
		batch = frappe.generate_hash(length=8)
		self.code, self.charger, self.box = (f"CB-{what}-{batch}" for what in ("PART", "CHARGER", "BOX"))
		self.new_item(self.code, has_serial_no=1)
		self.new_item(self.charger, cb_recommerce=0)
		self.new_item(self.box, is_stock_item=0, cb_recommerce=0)
		rows = [{"item_code": self.code, "qty": 2}, {"item_code": self.charger, "qty": 1}]
		frappe.get_doc({"doctype": "Product Bundle", "new_item_code": self.box, "items": rows}).insert()
		self.serials = self.receive(5, item=self.code)
		self.fixture.set_stock(self.charger, Decimal(10))
		self.listing(ONE, self.box, item=self.box)

	def offer(self, sku: str = "") -> tuple[int, str | None]:
		return self.shown(ONE, sku or self.box, self.box)

	def kept(self, values: dict[str, Any], *serials: str) -> None:
		for name in serials:
			frappe.db.set_value("Serial No", name, values, update_modified=False)
		frappe.db.commit()

	def delivered(self, note: Any) -> list[str]:
		entries = frappe.get_all("Serial and Batch Bundle", {"voucher_no": note.name}, pluck="name")
		return sorted(
			frappe.get_all("Serial and Batch Entry", {"parent": ("in", entries)}, pluck="serial_no")
		)

	def deliver(self, order: Any, doc: Any = None) -> Any:
		note = (doc or make_delivery_note(order.name)).insert()
		note.submit()
		frappe.db.commit()
		return note

	def test_a_bundle_offers_what_its_sellable_units_allow(self) -> None:
		self.assertEqual(self.offer(), (2, None))
		self.kept({"cb_identifier_status": "Locked"}, self.serials[0])
		self.assertEqual(self.offer(), (2, None), "two of four")
		clear = {"cb_identifier_status": "", "cb_refurbishment_status": "", "cb_grade": "B"}
		for refused in (
			{"cb_identifier_status": "Blacklisted"},
			{"cb_refurbishment_status": "Pending"},
			{"cb_grade": None},
			{"cb_sales_order": "Another"},
		):
			self.kept(refused, self.serials[1])
			self.assertEqual(self.offer(), (1, None), refused)
			self.kept({**clear, "cb_sales_order": None}, self.serials[1])
		self.kept({"cb_grade": "C"}, *self.serials)
		reason = f"No row in Channel Grade Map for Used, grade C in {PHONES}"
		self.assertEqual(self.offer(), (0, reason))
		self.kept({"cb_grade": "B"}, *self.serials)
		self.fixture.set_stock(self.charger, Decimal(1))
		self.assertEqual(self.offer(), (1, None), "the smallest component decides")

	def test_a_listing_that_says_a_grade_offers_only_that(self) -> None:
		self.kept({"cb_grade": "A"}, *self.serials[:2])
		for grade, condition in (("A", "Used"), ("B", None), ("A", "Refurbished")):
			self.listing(ONE, f"{grade}-{condition}", item=self.box, grade=grade, condition=condition)
		offers = [self.offer(sku)[0] for sku in (self.box, "A-Used", "B-None", "A-Refurbished")]
		self.assertEqual(offers, [2, 1, 1, 0])
		order = self.booked(ONE, f"grade-{self.box}", wants("A-Used"))
		self.assertEqual(self.promised(*self.serials), [order.name] * 2 + [None] * 3)
		self.assertIn("in grade A", self.held(ONE, f"worse-{self.box}", wants("A-Used")))

	def test_a_row_of_the_map_looks_at_bundles_too(self) -> None:
		frappe.db.delete("Stock Change")
		self.map(ONE, "D")
		self.assertLessEqual({("stock", self.box), ("listing", self.box)}, self.changes())

	def test_no_more_queries_than_for_single_units(self) -> None:
		from commerce_bridge.erpnext.test_stock_change import statements

		self.listing(ONE, f"P-{self.code}", item=self.code)
		work = statements(lambda: bin.levels(self.channels[ONE], [self.box, self.code]))
		self.assertLessEqual(len(work), 6, work)

	def test_units_are_promised_and_exactly_these_leave(self) -> None:
		self.receive(1, "C", item=self.code)
		self.kept({"cb_identifier_status": "Locked"}, self.serials[0])
		self.unit_listing(TWO, self.serials[1], item=self.code)
		order = self.booked(ONE, f"box-{self.box}", wants(self.box))
		self.assertEqual(self.promised(*self.serials), [None, None, order.name, order.name, None])
		rows = set(frappe.get_all("Serial No", {"cb_sales_order": order.name}, pluck="cb_sales_order_item"))
		self.assertEqual(rows, {order.items[0].name})
		self.assertEqual(self.offer(), (1, None))
		other = self.booked(ONE, f"other-{self.box}", wants(self.box))
		self.assertEqual(self.promised(*self.serials[1:2], *self.serials[4:]), [other.name] * 2)
		self.assertEqual(self.why(f"U-{self.serials[1]}"), f"Sold by Sales Order {other.name}")
		message = self.held(ONE, f"third-{self.box}", wants(self.box))
		self.assertIn(f"2 of {self.code} are ordered, 0 are free", message)
		note = self.deliver(order)
		self.assertEqual(self.delivered(note), self.serials[2:4])
		self.assertEqual(self.promised(*self.serials[2:4]), [None, None])
		frappe.get_doc("Delivery Note", note.name).cancel()
		frappe.db.commit()
		self.assertEqual(self.promised(*self.serials[2:4]), [order.name] * 2)
		invoice = make_sales_invoice(other.name)
		invoice.update_stock = 1
		self.assertEqual(self.delivered(self.deliver(other, invoice)), [self.serials[1], self.serials[4]])

	def test_part_by_part_and_given_back(self) -> None:
		order = self.booked(ONE, f"part-{self.box}", wants(self.box, 2))
		self.assertEqual(self.promised(*self.serials), [order.name] * 4 + [None])
		first = make_delivery_note(order.name)
		first.items[0].qty = 1
		self.assertEqual(self.delivered(self.deliver(order, first)), self.serials[:2])
		frappe.get_doc("Sales Order", order.name).save()  # what was delivered needs no unit any more
		frappe.db.commit()
		self.assertEqual(self.promised(*self.serials), [None, None, order.name, order.name, None])
		self.assertEqual(self.offer()[0], 0)
		frappe.get_doc("Sales Order", order.name).update_status("Closed")
		frappe.db.commit()
		self.assertEqual(self.promised(*self.serials), [None] * 5)
		self.assertEqual(self.offer()[0], 1)

	def test_update_items_and_a_replaced_order(self) -> None:
		values = {"item_code": self.code, "warehouse": self.fixture.warehouse}
		first = self.booked(ONE, f"upd-{self.box}", wants(self.box))
		second = self.booked(ONE, f"upd-{self.box}", wants(self.box, 2))
		self.assertEqual(second.amended_from, first.name)
		self.assertEqual(self.promised(*self.serials), [second.name] * 4 + [None])
		self.assertEqual(frappe.db.get_value("Bin", values, "reserved_qty"), 4)
		values["item_code"] = self.charger
		self.assertEqual(frappe.db.get_value("Bin", values, "reserved_qty"), 2)
		self.assertEqual(self.offer()[0], 0)
		for quantity in (1, 2):
			row = frappe.get_doc("Sales Order", second.name).items[0]
			change = {"docname": row.name, "item_code": self.box, "qty": quantity, "rate": 100}
			update_child_qty_rate("Sales Order", json.dumps([change]), second.name)
			frappe.db.commit()
			expected = [second.name] * 2 * quantity + [None] * (5 - 2 * quantity)
			self.assertEqual(self.promised(*self.serials), expected)

	def test_numbers_taken_beforehand(self) -> None:
		"""ERPNext finds parts of bundles, and we find units, by the names of the order's rows."""
		self.channels[ONE] = self.fixture.make_channel(ONE, own_numbering=1)
		self.addCleanup(self.fixture.make_channel, ONE, own_numbering=0)
		order = self.booked(ONE, f"own-{self.box}", wants(self.box))
		rows = frappe.get_all("Serial No", {"cb_sales_order": order.name}, pluck="cb_sales_order_item")
		self.assertEqual(rows, [order.items[0].name] * 2)
		values = {"item_code": self.code, "warehouse": self.fixture.warehouse}
		self.assertEqual(frappe.db.get_value("Bin", values, "reserved_qty"), 2)

	def test_another_unit_gives_way_to_the_promised_one_or_is_refused(self) -> None:
		order = self.booked(ONE, f"ref-{self.box}", wants(self.box))
		note = make_delivery_note(order.name).insert()
		for row in note.packed_items:
			if row.item_code == self.code:
				row.serial_no = "\n".join(self.serials[3:])
		chosen = frappe.copy_doc(note)
		for row in chosen.packed_items:
			if row.item_code == self.code:
				row.serial_and_batch_bundle = f"CB-SBB-{self.code}"
		entry = {
			"doctype": "Serial and Batch Entry",
			"name": frappe.generate_hash(),
			"serial_no": self.serials[4],
		}
		entry |= {"parent": f"CB-SBB-{self.code}", "parenttype": "Serial and Batch Bundle"}
		frappe.get_doc({**entry, "parentfield": "entries", "qty": -1}).db_insert()
		chosen.items[0].name = chosen.packed_items[0].parent_detail_docname
		with self.assertRaisesRegex(frappe.ValidationError, f"is not promised to Sales Order {order.name}"):
			unit_delivery.validate(chosen)
		frappe.db.delete("Serial and Batch Entry", {"parent": f"CB-SBB-{self.code}"})
		note.save()  # the promised ones take their place
		note.submit()
		frappe.db.commit()
		self.assertEqual(self.delivered(note), self.serials[:2])

	def test_units_in_another_warehouse(self) -> None:
		shelf = self.warehouse("CB Second Shelf", "Sellable")
		rows = [{"warehouse": self.fixture.warehouse}, {"warehouse": shelf}]
		self.channels[ONE] = self.fixture.make_channel(ONE, warehouses=rows)
		self.addCleanup(self.fixture.make_channel, ONE, warehouses=[])
		row = {"item_code": self.code, "qty": 4, "s_warehouse": self.fixture.warehouse, "t_warehouse": shelf}
		row |= {"use_serial_batch_fields": 1, "serial_no": "\n".join(self.serials[1:])}
		entry = {"doctype": "Stock Entry", "stock_entry_type": "Material Transfer", "items": [row]}
		frappe.get_doc({**entry, "company": self.fixture.company}).insert().submit()
		frappe.db.commit()
		first = {**wants(self.charger), "id": "l0"}  # ERPNext counts rows of components and of goods alike
		order = self.booked(ONE, f"far-{self.box}", first, wants(self.box))
		expected = {self.code: shelf, self.charger: self.fixture.warehouse}
		self.assertEqual({row.item_code: row.warehouse for row in order.packed_items}, expected)
		self.assertEqual(self.delivered(self.deliver(order)), self.serials[1:3])

	def test_a_pick_list_sends_people_for_each_component(self) -> None:
		self.fixture.make_channel(ONE, afterwards="Create Pick List")
		self.addCleanup(self.fixture.make_channel, ONE)
		self.kept({"cb_identifier_status": "Locked"}, self.serials[0])
		order = self.booked(ONE, f"pick-{self.box}", wants(self.box))
		name = frappe.db.get_value("Pick List Item", {"sales_order": order.name}, "parent")
		rows = {row.item_code: row for row in frappe.get_doc("Pick List", name).locations}
		self.assertEqual(set(rows), {self.code, self.charger})
		self.assertEqual(rows[self.code].serial_no, "\n".join(self.serials[1:3]))
		self.assertEqual((rows[self.code].qty, rows[self.charger].qty), (2, 1))

	def test_what_waits_in_the_sync_log_takes_units_once(self) -> None:
		with self.world.erp.transaction():
			self.world.journal.record([self.entry(ONE, f"wait-{self.box}", wants(self.box))])
		unbooked.count_all(self.world)
		self.listing(ONE, f"P-{self.code}", item=self.code)
		for _booked in range(2):
			self.assertEqual(self.offer()[0], 1)
			self.assertEqual(self.shown(ONE, f"P-{self.code}", self.code)[0], 3)
			while worker.run_once(self.world):
				continue
		log = frappe.get_doc("Unbooked Sale", {"item_code": self.code}).log
		for state in ("Succeeded", "Running"):  # its newest event is applied anew
			frappe.db.set_value("Sync Log", log, "state", state)
			frappe.db.commit()
			self.assertEqual(self.shown(ONE, f"P-{self.code}", self.code)[0], 3, state)

	def test_a_person_s_bundle_takes_units_of_the_grade_it_says(self) -> None:
		customer = self.booked(ONE, f"hand-{self.box}", wants(self.box)).customer
		row = {"item_code": self.box, "qty": 1, "rate": 90, "warehouse": self.fixture.warehouse}
		row |= {"cb_grade": "B", "delivery_date": frappe.utils.nowdate()}
		values = {"doctype": "Sales Order", "customer": customer, "company": self.fixture.company}
		order = frappe.get_doc({**values, "items": [row]}).insert()
		order.submit()
		frappe.db.commit()
		self.assertEqual(self.promised(*self.serials[2:]), [order.name] * 2 + [None])
		self.assertEqual(self.delivered(self.deliver(order)), self.serials[2:4])


class TestRace(GradedCase):
	"""Orders of one buyer, and numbers from one series, are taken one after the other: here neither is the same."""

	def test_two_channels_race_for_single_units(self) -> None:
		for channel in (ONE, TWO):
			self.fixture.make_channel(channel, own_numbering=1)
		serials, spare = self.receive(RACED), self.receive(3)
		for serial in (*serials, *spare):
			for channel in (ONE, TWO):
				self.unit_listing(channel, serial)
		entries = [
			self.entry(
				channel, f"race-{channel}-{serial}", wants(f"U-{serial}"), buyer=f"b{number % 2}{side}"
			)
			for number, serial in enumerate(serials)
			for side, channel in enumerate((ONE, TWO))
		]
		with self.world.erp.transaction():
			self.world.journal.record(entries)
		workers = processes.start(processes.DRAIN, PROCESSES)
		processes.go_on(workers)
		processes.finish(workers, seconds=900)
		self.drain()
		logs = frappe.get_all("Sync Log", {"direction": "Inbound"}, ["state", "message", "error_class"])
		won = [log for log in logs if log.state == "Succeeded"]
		held = [log for log in logs if (log.state, log.error_class) == ("Failed", "Rejected")]
		self.assertEqual((len(won), len(held)), (RACED, RACED), logs)
		orders = self.promised(*serials)
		self.assertEqual(len(set(orders)), RACED)
		self.assertNotIn(None, orders)
		for log in held:
			self.assertRegex(log.message, "Sold by Sales Order")
			self.assertIn("in the same or a better grade: SKU", log.message)
		for channel in self.channels.values():
			shown = {each.level.sku: each.level.quantity for each in bin.levels(channel, [PHONE])}
			self.assertEqual(
				{sku for sku, quantity in shown.items() if quantity}, {f"U-{name}" for name in spare}
			)
			self.assertEqual(len(shown), RACED + len(spare))
		self.assertEqual(self.promised(*spare), [None] * 3)

	def drain(self) -> None:
		"""Those that met another too often, when their time has come."""
		frappe.db.sql("UPDATE `tabSync Log` SET next_attempt_at = NOW() WHERE state = 'Retrying'")
		frappe.db.commit()
		while worker.run_once(self.world):
			continue
