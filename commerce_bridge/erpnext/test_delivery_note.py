"""Drafts of what a shop sent by itself, on a real site: units, warehouses, money, parcels, orders that share one."""

from __future__ import annotations

from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

import frappe
from erpnext.selling.doctype.sales_order.sales_order import make_delivery_note
from erpnext.stock.doctype.delivery_note.delivery_note import make_sales_return

from commerce_bridge.bridge.channel import WarehouseMap
from commerce_bridge.bridge.fulfilments import RECORD_TYPE, TOLD, fingerprint_of
from commerce_bridge.bridge.model import FulfilledLine, Fulfilment, Parcel
from commerce_bridge.bridge.plan import Record
from commerce_bridge.erpnext.test_graded import ONE, GradedCase, wants
from commerce_bridge.erpnext.test_orders import SHOP, OrdersCase, line

NOW = datetime(2026, 11, 21, 9, tzinfo=timezone.utc)


def sent(order_id: str, *parcels: Parcel, location_id: str | None = None, **quantities: int) -> Fulfilment:
	lines = tuple(
		FulfilledLine(order_line_id=line_id, quantity=Decimal(quantity))
		for line_id, quantity in quantities.items()
	)
	return Fulfilment(
		id="F <1>", order_id=order_id, lines=lines, parcels=parcels, location_id=location_id, updated_at=NOW
	)


class TestDrafts(OrdersCase):
	def draft(self, sales_order: str, fulfilment: Fulfilment) -> Any:
		"""As the worker makes it: with the rights of the channel's integration user."""
		with self.world.erp.act_as(self.channel), self.world.erp.transaction():
			name = self.world.erp.create_delivery_note(self.channel, sales_order, fulfilment)
		return frappe.get_doc("Delivery Note", name)

	def submit(self, doc: Any) -> Any:
		doc.submit()
		frappe.db.commit()
		return doc

	def shipped_order(self, external_id: str) -> str:
		"""33.33 and 2 × 5.00 less 1.00, 10 % tax, shipping 4.90: nothing of it divides evenly."""
		taxes = [{"title": "VAT", "rate": "10", "amount": "0.49"}]
		shipping = [{"code": "std", "title": "Standard", "amount": "4.90", "taxes": taxes}]
		lines = (
			line("l1", "CB-PHONE", 3, "33.33", 1, "10.00"),
			line("l2", "CB-CASE", 2, "5.00", 1, "0.90", discount="1.00"),
		)
		log = self.send("order.upserted", self.order(external_id, *lines, total="125.28", shipping=shipping))
		self.assertEqual(log.state, "Succeeded", log.message)
		return log.reference_name

	def test_parts_are_together_the_order_to_the_cent(self) -> None:
		name = self.shipped_order("dn-1")
		notes = [
			self.submit(self.draft(name, sent("dn-1", **quantities)))
			for quantities in ({"l1": 1}, {"l1": 1, "l2": 1}, {"l1": 1, "l2": 1})
		]
		order = frappe.get_doc("Sales Order", name)
		self.assertEqual(
			(sum(Decimal(str(note.grand_total)) for note in notes), order.per_delivered),
			(Decimal(str(order.grand_total)), 100.0),
		)
		services = [row.item_code for note in notes for row in note.items if not row.cb_line_id]
		self.assertEqual(services, ["CB-SHIPPING"], "with the first of them")

	def test_two_drafts_have_the_shipping_once(self) -> None:
		name = self.shipped_order("dn-2")
		drafts = [self.draft(name, sent("dn-2", l1=1)), self.draft(name, sent("dn-2", l1=1))]
		self.assertEqual([len(draft.items) for draft in drafts], [2, 1])
		self.assertEqual([draft.docstatus for draft in drafts], [0, 0])

	def test_parcels_and_what_is_no_web_address(self) -> None:
		parcel = Parcel(carrier="<b>DHL</b>", tracking_number="T-1", tracking_url="https://dhl.example/T-1")
		name = self.shipped_order("dn-3")
		doc = self.draft(name, sent("dn-3", parcel, l1=1))
		self.assertEqual(
			(doc.cb_carrier, doc.cb_tracking_number, doc.cb_tracking_url),
			("b DHL /b", "T-1", "https://dhl.example/T-1"),
		)
		bad = [
			parcel.model_copy(update={"tracking_url": url})
			for url in ("javascript:alert(1)", f"https://x.example/{'x' * 200}")
		]
		doc = self.draft(name, sent("dn-3", *bad, l1=1))
		self.assertEqual([row.tracking_url for row in doc.cb_parcels], [None, None])
		self.assertFalse(doc.cb_carrier)
		[comment] = frappe.get_all("Comment", {"reference_name": doc.name}, pluck="content")
		self.assertIn("F &lt;1&gt;", comment)

	def test_a_document_of_two_orders_is_called_by_each_its_own_way(self) -> None:
		names = {key: self.shipped_order(key) for key in ("dn-4", "dn-5")}
		doc = make_delivery_note(names["dn-4"])
		doc = make_delivery_note(names["dn-5"], doc)
		doc.insert(ignore_permissions=True)
		self.submit(doc)
		with self.world.erp.transaction():
			for key in names:
				told = fingerprint_of(TOLD, key)
				record = Record(SHOP, RECORD_TYPE, f"F-{key}", "Delivery Note", doc.name, fingerprint=told)
				self.world.erp.save_record(record)
		with self.world.erp.transaction():
			found = {
				key: self.world.erp.get_shipment("Delivery Note", doc.name, SHOP, key).external_ids
				for key in names
			}
		self.assertEqual(found, {"dn-4": ("F-dn-4",), "dn-5": ("F-dn-5",)})

	def test_an_invoice_that_moves_goods_ships_too(self) -> None:
		name = self.shipped_order("dn-6")
		invoice = frappe.get_doc("Sales Invoice", self.fixture.stands("draft invoice", name))
		with self.world.erp.transaction():
			self.assertEqual(self.world.erp.get_deliveries(name).documents, ())
		invoice.update({"update_stock": 1})
		invoice.save().submit()
		frappe.db.commit()
		with self.world.erp.transaction():
			[found] = self.world.erp.get_deliveries(name).documents
		self.assertEqual(
			(found.doctype, found.name, found.submitted, found.lines),
			("Sales Invoice", invoice.name, True, {"l1": 3, "l2": 2}),
		)

	def test_what_a_return_brought_back_was_sent_all_the_same(self) -> None:
		name = self.shipped_order("dn-7")
		note = self.submit(self.draft(name, sent("dn-7", l1=3, l2=2)))
		back = make_sales_return(note.name)
		back.insert(ignore_permissions=True)
		self.submit(back)
		with self.world.erp.transaction():
			[found] = self.world.erp.get_deliveries(name).documents
		self.assertEqual((found.name, found.lines), (note.name, {"l1": 3, "l2": 2}))

	def test_a_draft_that_a_person_deletes_is_nobody_s(self) -> None:
		name = self.shipped_order("dn-8")
		doc = self.draft(name, sent("dn-8", l1=1))
		with self.world.erp.transaction():
			self.world.erp.save_record(Record(SHOP, RECORD_TYPE, "F-8", "Delivery Note", doc.name))
		frappe.delete_doc("Delivery Note", doc.name)
		frappe.db.commit()
		with self.world.erp.transaction():
			record = self.world.erp.get_record(SHOP, RECORD_TYPE, "F-8")
		self.assertIsNone(record.document)


class TestUnits(GradedCase):
	def test_the_units_that_were_sold_leave_from_where_they_are(self) -> None:
		other = self.warehouse("CB Elsewhere", "")
		rows = (WarehouseMap(warehouse=self.fixture.warehouse, location_id="1"),)
		rows += (WarehouseMap(warehouse=other, location_id="2"),)
		channel = self.channels[ONE] = self.fixture.make_channel(ONE, warehouses=rows)
		units = self.receive(3)
		self.listing(ONE, "POOL-B", grade="B", condition="Used")
		order = self.booked(ONE, "dn-u1", wants("POOL-B", 2))
		promised = [name for name, taken in zip(units, self.promised(*units), strict=True) if taken]
		with self.world.erp.act_as(channel), self.world.erp.transaction():
			fulfilment = sent("dn-u1", location_id="2", l1=2)
			name = self.world.erp.create_delivery_note(channel, order.name, fulfilment)
		doc = frappe.get_doc("Delivery Note", name)
		[row] = doc.items
		self.assertEqual(
			(row.warehouse, sorted(row.serial_no.split("\n"))), (self.fixture.warehouse, promised)
		)
		doc.submit()
		frappe.db.commit()
		self.assertEqual(self.promised(*promised), [None, None])
