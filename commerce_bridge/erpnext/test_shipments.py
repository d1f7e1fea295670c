"""What a storefront is told of the goods that leave for its orders, on a real site."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any
from unittest.mock import patch

import frappe
from erpnext.accounts.doctype.sales_invoice.sales_invoice import make_sales_return as return_invoice
from erpnext.selling.doctype.sales_order.sales_order import make_delivery_note, make_sales_invoice
from erpnext.stock.doctype.delivery_note.delivery_note import make_sales_invoice as bill_delivery
from erpnext.stock.doctype.delivery_note.delivery_note import make_sales_return
from frappe.utils import add_to_date, now_datetime

from commerce_bridge.bridge import worker
from commerce_bridge.bridge.model import Parcel, Shipment
from commerce_bridge.bridge.outbound import SHIPMENT
from commerce_bridge.erpnext import shipment as erpnext_shipment
from commerce_bridge.erpnext import shipping
from commerce_bridge.erpnext.test_orders import SHOP, OrdersCase, line
from commerce_bridge.erpnext.time import from_site
from commerce_bridge.tests.factory import SiteFixture

OTHER = "Other Orders Shop"
FEDEX = "https://www.fedex.com/fedextrack/?trknbr="


class ShipmentsCase(OrdersCase):
	fixture: SiteFixture

	def ordered(self, external_id: str, quantity: int = 2) -> str:
		"""The Sales Order of a new order of the shop."""
		log = self.send("order.upserted", self.simple(external_id, quantity))
		self.assertEqual(log.state, "Succeeded", log.message)
		return log.reference_name

	def submit(self, doc: Any) -> Any:
		doc.insert(ignore_permissions=True).submit()
		frappe.db.commit()
		return doc

	def delivered(self, sales_order: str, quantity: float | None = None, **values: Any) -> Any:
		"""A submitted Delivery Note."""
		doc = make_delivery_note(sales_order).update(values)
		if quantity:
			doc.items[0].qty = quantity
		return self.submit(doc)

	def invoiced(self, sales_order: str, quantity: float | None = None, **values: Any) -> Any:
		"""A submitted Sales Invoice, with Update Stock unless said otherwise."""
		doc = make_sales_invoice(sales_order).update({"update_stock": 1, **values})
		if quantity:
			doc.items[0].qty = quantity
		return self.submit(doc)

	def save(self, doc: Any, **values: Any) -> Any:
		doc.reload()
		doc.update(values)
		doc.save(ignore_permissions=True)
		frappe.db.commit()
		return doc

	def told(self, doc: Any, channel: str = SHOP) -> int:
		"""How often the shop was told of a document."""
		frappe.db.rollback()
		return len(frappe.get_all("Sync Log", self.about(doc) | {"channel": channel}))

	def about(self, doc: Any) -> dict[str, Any]:
		return {"reference_doctype": doc.doctype, "reference_name": doc.name, "topic": SHIPMENT}

	def shipment(self, doc: Any, channel: str | None = None, order_id: str | None = None) -> Shipment:
		with self.world.erp.transaction():
			shipment = self.world.erp.get_shipment(doc.doctype, doc.name, channel, order_id)
		assert shipment is not None, "it is a shipment of the shop's"
		return shipment

	def work(self) -> None:
		while worker.run_once(self.world):
			continue

	def is_nothing(self, doc: Any) -> None:
		with self.world.erp.transaction():
			self.assertIsNone(self.world.erp.get_shipment(doc.doctype, doc.name))
		self.assertEqual(self.told(doc), 0)

	def covering(self, *notes: Any, **values: Any) -> Any:
		"""A submitted Shipment of ERPNext for Delivery Notes; where it goes does not matter here."""
		doc = frappe.get_doc(
			{
				"doctype": "Shipment",
				"pickup_from": "09:00",
				"pickup_to": "17:00",
				"value_of_goods": 100,
				"shipment_delivery_note": [{"delivery_note": note.name} for note in notes],
				"shipment_parcel": [{"length": 5, "width": 5, "height": 5, "weight": 5, "count": 1}],
				**values,
			}
		)
		doc.flags.ignore_mandatory = True
		return self.submit(doc)


class TestDocuments(ShipmentsCase):
	def test_a_delivery_note_is_told_once(self) -> None:
		note = self.delivered(self.ordered("sh-1"))
		[entry] = frappe.get_all("Sync Log", self.about(note), ["*"])
		self.assertEqual((entry.channel, entry.direction, entry.state), (SHOP, "Outbound", "Queued"))
		self.assertEqual((entry.external_id, entry.external_number), ("sh-1", "#sh-1"))
		shipment = self.shipment(note)
		self.assertEqual(
			(shipment.id, shipment.order_id, shipment.order_number), (note.name, "sh-1", "#sh-1")
		)
		[sent] = shipment.lines
		self.assertEqual((sent.order_line_id, sent.sku, sent.quantity), ("l1", "CB-PHONE", 2))
		self.assertEqual((shipment.status, shipment.parcels, shipment.cancelled), ("shipped", (), False))
		self.assertIsNotNone(shipment.shipped_at)

	def test_a_draft_is_no_shipment(self) -> None:
		for make in (make_delivery_note, make_sales_invoice):
			doc = make(self.ordered(f"sh-2-{make.__name__}")).update({"update_stock": 1})
			doc.insert(ignore_permissions=True)
			frappe.db.commit()
			self.is_nothing(doc)

	def test_a_part_by_delivery_note_and_the_rest_by_invoice(self) -> None:
		order = self.ordered("sh-3", 3)
		note = self.delivered(order, 1)
		invoice = self.invoiced(order, 2, cb_carrier="UPS", cb_tracking_number="T-3")
		self.assertEqual((self.told(note), self.told(invoice)), (1, 1))
		shipments = [self.shipment(note), self.shipment(invoice)]
		self.assertEqual([shipment.id for shipment in shipments], [note.name, invoice.name])
		self.assertEqual([shipment.order_id for shipment in shipments], ["sh-3", "sh-3"])
		self.assertEqual([shipment.lines[0].quantity for shipment in shipments], [1, 2])
		self.assertEqual(shipments[1].parcels[0].tracking_number, "T-3")

	def test_an_invoice_that_moves_no_goods_is_no_shipment(self) -> None:
		order = self.ordered("sh-4")
		note = self.delivered(order, 1, cb_carrier="DHL", cb_tracking_number="T-4")
		bill = self.submit(bill_delivery(note.name))
		self.is_nothing(bill)
		self.is_nothing(self.submit(make_sales_invoice(order)))
		self.save(bill, cb_tracking_number="T-5")
		bill.cancel()
		frappe.db.commit()
		self.assertEqual((self.told(bill), self.told(note)), (0, 1))

	def test_cancelled_is_told_and_takes_it_back(self) -> None:
		for kind in (self.delivered, self.invoiced):
			doc = kind(self.ordered(f"sh-5-{kind.__name__}"))
			doc.cancel()
			frappe.db.commit()
			self.assertEqual(self.told(doc), 2)
			self.assertTrue(self.shipment(doc).cancelled)

	def test_of_a_document_without_a_channel_nothing_is_read(self) -> None:
		note = self.delivered(self.ordered("sh-6"))
		bare = frappe.copy_doc(note)
		bare.cb_channel = None
		bare.items[0].cb_line_id = None
		bill = make_sales_invoice(note.items[0].against_sales_order)
		with patch.object(frappe.db, "sql", side_effect=AssertionError("it was read")):
			for doc in (bare, bill):
				shipping.tell(doc)

	def test_a_deleted_channel_is_told_nothing(self) -> None:
		order = self.ordered("sh-7")
		with patch.object(shipping.channel_settings, "exists", return_value=False):
			note = self.delivered(order)
		self.assertEqual(self.told(note), 0)


class TestTracking(ShipmentsCase):
	def test_an_unchanged_save_tells_nothing(self) -> None:
		values = {"cb_carrier": "DHL", "cb_tracking_number": "T-1", "cb_delivery_status": "Delivered"}
		for make in (self.delivered, self.invoiced):
			doc = make(self.ordered(f"tr-1-{make.__name__}"), **values)
			for _again in range(2):
				self.save(doc)
			self.assertEqual(self.told(doc), 1)

	def test_tracking_added_changed_and_put_back_is_told_each_time(self) -> None:
		note = self.delivered(self.ordered("tr-2"))
		for count, number in enumerate(("T-1", "T-2", "T-1"), start=2):
			for _twice in range(2):
				self.save(note, cb_carrier="fedex", cb_tracking_number=number)
			self.assertEqual(self.told(note), count)
		[parcel] = self.shipment(note).parcels
		self.assertEqual(parcel, Parcel(carrier="FedEx", tracking_number="T-1", tracking_url=f"{FEDEX}T-1"))

	def test_several_parcels_count_before_the_one(self) -> None:
		note = self.delivered(self.ordered("tr-3"), cb_carrier="DHL", cb_tracking_number="ONE")
		rows = [
			{"carrier": "Federal Express", "tracking_number": "P 1"},
			{"carrier": "Own Van", "tracking_number": "P2", "tracking_url": "https://van.example/P2"},
			{},
		]
		self.save(note, cb_parcels=rows)
		self.assertEqual(
			self.shipment(note).parcels,
			(
				Parcel(carrier="FedEx", tracking_number="P 1", tracking_url=f"{FEDEX}P%201"),
				Parcel(carrier="Own Van", tracking_number="P2", tracking_url="https://van.example/P2"),
			),
		)
		self.assertEqual((self.told(note), self.shipment(note).status), (2, "shipped"))

	def test_delivered_when_every_parcel_is(self) -> None:
		note = self.delivered(self.ordered("tr-4"))
		self.save(note, cb_parcels=[{"tracking_number": "P1", "delivered": 1}, {"tracking_number": "P2"}])
		self.assertEqual([parcel.delivered for parcel in self.shipment(note).parcels], [True, False])
		self.assertEqual(self.shipment(note).status, "shipped")
		note.cb_parcels[1].delivered = 1
		note.save(ignore_permissions=True)
		frappe.db.commit()
		self.assertEqual((self.shipment(note).status, self.told(note)), ("delivered", 3))

	def test_the_delivery_status_goes_out(self) -> None:
		note = self.delivered(self.ordered("tr-5"), cb_tracking_number="P1")
		for status, told in {"In Transit": "in_transit", "Lost": "lost", "Returned": "returned"}.items():
			self.save(note, cb_delivery_status=status)
			shipment = self.shipment(note)
			self.assertEqual((shipment.status, shipment.delivered_at), (told, None))
		before = now_datetime()
		self.save(note, cb_delivery_status="Delivered")
		self.assertGreaterEqual(note.cb_delivered_at, before)
		shipment = self.shipment(note)
		self.assertEqual((shipment.status, shipment.parcels[0].delivered), ("delivered", True))
		self.assertIsNotNone(shipment.delivered_at)
		self.save(note, cb_delivered_at="2026-11-20 10:00:00")
		self.assertEqual(self.told(note), 6)
		self.assertEqual(self.shipment(note).delivered_at, from_site("2026-11-20 10:00:00"))

	def test_the_transporter_is_better_than_nothing(self) -> None:
		note = self.delivered(self.ordered("tr-6"), transporter_name="UPS", lr_no="LR-1")
		[parcel] = self.shipment(note).parcels
		self.assertEqual((parcel.carrier, parcel.tracking_number), ("UPS", "LR-1"))
		self.save(note, cb_tracking_number="T-6")
		[parcel] = self.shipment(note).parcels
		self.assertEqual((parcel.carrier, parcel.tracking_number), (None, "T-6"))

	def test_parcels_stay_with_the_document_they_are_of(self) -> None:
		values = {"cb_parcels": [{"tracking_number": "P1"}], "cb_delivery_status": "Delivered"}
		note = self.delivered(self.ordered("tr-7"), **values)
		for copied in (bill_delivery(note.name), make_sales_return(note.name)):
			self.assertFalse(copied.cb_parcels or copied.cb_delivery_status or copied.cb_delivered_at)

	def test_carriers_are_offered_on_the_form(self) -> None:
		note = self.delivered(self.ordered("tr-8"))
		note.run_method("onload")
		self.assertLessEqual({"DHL", "UPS"}, set(note.get_onload("cb_carriers")))


class TestReturns(ShipmentsCase):
	def test_a_part_that_comes_back_is_said_on_its_line(self) -> None:
		note = self.delivered(self.ordered("re-1", 3), cb_delivery_status="Delivered")
		back = make_sales_return(note.name)
		back.items[0].qty = -1
		self.submit(back)
		shipment = self.shipment(note)
		self.assertEqual((shipment.lines[0].quantity, shipment.lines[0].returned), (3, 1))
		self.assertEqual(shipment.status, "delivered")
		self.is_nothing(back)
		self.assertEqual(self.told(note), 2)
		self.submit(make_sales_return(note.name))
		shipment = self.shipment(note)
		self.assertEqual((shipment.lines[0].returned, shipment.status), (3, "returned"))
		self.assertEqual(self.told(note), 3)

	def test_a_cancelled_return_never_was(self) -> None:
		note = self.delivered(self.ordered("re-2"))
		back = self.submit(make_sales_return(note.name))
		self.assertEqual(self.shipment(note).status, "returned")
		back.cancel()
		frappe.db.commit()
		shipment = self.shipment(note)
		self.assertEqual((shipment.status, shipment.lines[0].returned, self.told(note)), ("shipped", 0, 3))

	def test_a_credit_note_returns_goods_only_with_update_stock(self) -> None:
		for update_stock, status, told in ((1, "returned", 2), (0, "shipped", 1)):
			invoice = self.invoiced(self.ordered(f"re-3-{update_stock}"))
			back = return_invoice(invoice.name).update({"update_stock": update_stock})
			self.submit(back)
			self.assertEqual((self.shipment(invoice).status, self.told(invoice)), (status, told))
			self.is_nothing(back)

	def test_what_came_back_was_sent(self) -> None:
		note = self.delivered(self.ordered("re-4"))
		self.assertTrue(self.shipment(note).complete)
		self.submit(make_sales_return(note.name))
		self.assertTrue(self.shipment(note).complete)


class TestComplete(ShipmentsCase):
	def test_documents_of_both_kinds_count(self) -> None:
		order = self.ordered("co-1", 2)
		note = self.delivered(order, 1)
		self.assertFalse(self.shipment(note).complete)
		self.submit(bill_delivery(note.name))  # moves no goods
		self.assertFalse(self.shipment(note).complete)
		invoice = self.invoiced(order, 1)
		self.assertEqual([self.shipment(doc).complete for doc in (note, invoice)], [True, True])
		invoice.reload()
		invoice.cancel()
		frappe.db.commit()
		self.assertEqual([self.shipment(doc).complete for doc in (note, invoice)], [False, False])

	def test_each_order_of_a_document_is_complete_by_itself(self) -> None:
		first, second = self.ordered("co-2", 1), self.ordered("co-3", 2)
		doc = make_delivery_note(second, make_delivery_note(first))
		doc.items[1].qty = 1
		note = self.submit(doc)
		complete = [self.shipment(note, SHOP, order_id).complete for order_id in ("co-2", "co-3")]
		self.assertEqual(complete, [True, False])

	def test_the_other_sales_order_of_the_same_order_counts(self) -> None:
		first, second = self.ordered("co-4", 1), self.ordered("co-5", 1)
		frappe.db.set_value("Sales Order", second, "cb_external_id", "co-4")
		frappe.db.commit()
		note = self.delivered(first)
		self.assertFalse(self.shipment(note).complete)
		self.delivered(second)
		self.assertTrue(self.shipment(note).complete)

	def test_where_no_sales_order_is_named_nobody_knows(self) -> None:
		note = self.delivered(self.ordered("co-6", 1))
		frappe.db.set_value("Delivery Note Item", note.items[0].name, "against_sales_order", None)
		frappe.db.commit()
		self.assertFalse(self.shipment(note).complete)


class TestSeveralOrders(ShipmentsCase):
	def setUp(self) -> None:
		super().setUp()
		self.fixture.make_channel(OTHER)

	def both(self, first: str, second: str, **values: Any) -> Any:
		"""One Delivery Note of two Sales Orders of one customer."""
		doc = make_delivery_note(second, make_delivery_note(first))
		return self.submit(doc.update(values))

	def test_a_document_of_two_orders_is_a_shipment_of_each(self) -> None:
		note = self.both(self.ordered("two-1", 1), self.ordered("two-2", 2), cb_tracking_number="T-1")
		shipments = [self.shipment(note, SHOP, order_id) for order_id in ("two-1", "two-2")]
		self.assertEqual([shipment.order_id for shipment in shipments], ["two-1", "two-2"])
		self.assertEqual([shipment.order_number for shipment in shipments], ["#two-1", "#two-2"])
		self.assertEqual([[line.quantity for line in shipment.lines] for shipment in shipments], [[1], [2]])
		self.assertEqual(
			[shipment.id for shipment in shipments], [f"{note.name}:two-1", f"{note.name}:two-2"]
		)
		self.assertEqual({shipment.parcels[0].tracking_number for shipment in shipments}, {"T-1"})
		entries = frappe.get_all("Sync Log", self.about(note), pluck="external_id")
		self.assertEqual(sorted(entries), ["two-1", "two-2"])

	def test_each_hears_of_its_own_return(self) -> None:
		note = self.both(self.ordered("two-3", 1), self.ordered("two-4", 2))
		back = make_sales_return(note.name)
		back.items = [row for row in back.items if row.qty == -1]
		self.submit(back)
		statuses = [self.shipment(note, SHOP, order_id).status for order_id in ("two-3", "two-4")]
		self.assertEqual(statuses, ["returned", "shipped"])
		entries = frappe.get_all("Sync Log", self.about(note), pluck="external_id")
		self.assertEqual(sorted(entries), ["two-3", "two-3", "two-4"])

	def test_orders_of_two_channels(self) -> None:
		first, second = self.ordered("two-5", 1), self.ordered("two-6", 2)
		frappe.db.set_value("Sales Order", second, {"cb_channel": OTHER, "cb_external_id": "two-5"})
		frappe.db.commit()
		note = self.both(first, second)
		self.assertEqual((self.told(note), self.told(note, OTHER)), (1, 1))
		for channel, number, quantity in ((SHOP, "#two-5", 1), (OTHER, "#two-6", 2)):
			shipment = self.shipment(note, channel, "two-5")
			self.assertEqual((shipment.order_number, shipment.lines[0].quantity), (number, quantity))
		self.save(note, cb_tracking_number="T-5")
		self.assertEqual((self.told(note), self.told(note, OTHER)), (2, 2))

	def test_the_rows_decide_whatever_the_header_says(self) -> None:
		first, second = self.ordered("two-7", 1), self.ordered("two-8", 2)
		doc = make_delivery_note(second, make_delivery_note(first))
		self.assertEqual(doc.cb_external_id, "two-8")
		doc.items = [row for row in doc.items if row.against_sales_order == first]
		note = self.submit(doc)
		shipment = self.shipment(note)
		self.assertEqual((shipment.id, shipment.order_id), (note.name, "two-7"))

	def test_rows_of_nobody_s_order_are_nobody_s(self) -> None:
		first, second = self.ordered("two-9", 1), self.ordered("two-10", 2)
		frappe.db.set_value("Sales Order", second, {"cb_channel": None, "cb_external_id": None})
		frappe.db.commit()
		note = self.both(first, second)
		shipment = self.shipment(note)
		self.assertEqual((shipment.id, shipment.order_id, len(shipment.lines)), (note.name, "two-9", 1))

	def test_two_sales_orders_of_one_order_are_one_shipment(self) -> None:
		first, second = self.ordered("two-13", 1), self.ordered("two-14", 2)
		frappe.db.set_value("Sales Order", second, "cb_external_id", "two-13")
		frappe.db.commit()
		note = self.both(first, second)
		shipment = self.shipment(note)
		self.assertEqual((shipment.id, [sent.quantity for sent in shipment.lines]), (note.name, [1, 2]))
		self.assertEqual(self.told(note), 1)

	def test_each_entry_sends_its_own_order(self) -> None:
		note = self.both(self.ordered("two-11", 1), self.ordered("two-12", 2))
		self.fixture.make_channel(SHOP, dry_run=1)
		entries = frappe.get_all("Sync Log", self.about(note), ["name", "external_id"])
		self.work()
		for entry in entries:
			summary = json.loads(self.fixture.entry(entry.name)["summary"])
			self.assertEqual(summary["order_id"], entry.external_id)


class TestWhatIsInIt(ShipmentsCase):
	def test_serials_of_a_bundle_and_of_the_old_fields(self) -> None:
		for old in (0, 1):
			serials = self.serial_numbers(f"SHIP{old}", 2)
			order = self.ordered_serials(f"in-{old}")
			doc = make_delivery_note(order)
			doc.items[0].update({"use_serial_batch_fields": 1, "serial_no": "\n".join(serials)})
			if not old:
				doc.items[0].update({"use_serial_batch_fields": 0, "serial_no": None})
				doc.insert(ignore_permissions=True)
				doc.items[0].serial_and_batch_bundle = self.bundle(doc, serials)
			note = self.submit(doc) if old else self.submitted(doc)
			self.assertEqual(sorted(self.shipment(note).lines[0].serials), sorted(serials))
			self.save(note)
			self.assertEqual(self.told(note), 1)

	def test_a_product_bundle_stays_one_line(self) -> None:
		self.fixture.make_bundle("CB-SHIP-SET", {"CB-PHONE": Decimal(1), "CB-CASE": Decimal(2)})
		lines = [line("l1", "CB-SHIP-SET", 2, "10.00")]
		log = self.send("order.upserted", self.order("in-3", *lines, total="20.00"))
		self.assertEqual(log.state, "Succeeded", log.message)
		note = self.delivered(log.reference_name)
		self.assertEqual(len(note.packed_items), 2)
		[sent] = self.shipment(note).lines
		self.assertEqual((sent.order_line_id, sent.sku, sent.quantity), ("l1", "CB-SHIP-SET", 2))

	def test_a_product_bundle_has_the_serials_of_what_is_packed(self) -> None:
		serials = self.serial_numbers("PACK", 2)
		self.fixture.make_bundle("CB-SHIP-SERIALS", {"CB-SERIAL-SHIP": Decimal(1)})
		lines = [line("l1", "CB-SHIP-SERIALS", 2, "10.00")]
		log = self.send("order.upserted", self.order("in-5", *lines, total="20.00"))
		self.assertEqual(log.state, "Succeeded", log.message)
		doc = make_delivery_note(log.reference_name)
		doc.insert(ignore_permissions=True)
		doc.packed_items[0].update({"use_serial_batch_fields": 1, "serial_no": "\n".join(serials)})
		doc.save(ignore_permissions=True)
		[sent] = self.shipment(self.submitted(doc)).lines
		self.assertEqual(
			(sent.sku, sent.quantity, sorted(sent.serials)), ("CB-SHIP-SERIALS", 2, sorted(serials))
		)

	def test_shipping_is_no_line(self) -> None:
		shipping_line = {"code": "std", "title": "Standard", "amount": "5.00"}
		order = self.order(
			"in-4", line("l1", "CB-PHONE", 1, "10.00"), total="15.00", shipping=[shipping_line]
		)
		log = self.send("order.upserted", order)
		self.assertEqual(log.state, "Succeeded", log.message)
		note = self.delivered(log.reference_name)
		self.assertEqual([sent.order_line_id for sent in self.shipment(note).lines], ["l1"])

	def ordered_serials(self, external_id: str) -> str:
		total = "20.00"
		log = self.send(
			"order.upserted", self.order(external_id, line("l1", "CB-SERIAL-SHIP", 2, "10.00"), total=total)
		)
		self.assertEqual(log.state, "Succeeded", log.message)
		return log.reference_name

	def serial_numbers(self, prefix: str, quantity: int) -> list[str]:
		"""New units of a serialised item, received."""
		item = self.fixture.make_item("CB-SERIAL-SHIP")
		frappe.db.set_value("Item", item, "has_serial_no", 1)
		frappe.clear_document_cache("Item", item)
		names = [f"{prefix}-{frappe.generate_hash(length=8)}" for _unit in range(quantity)]
		row = {"item_code": item, "qty": quantity, "t_warehouse": self.fixture.warehouse, "basic_rate": 1}
		row |= {"use_serial_batch_fields": 1, "serial_no": "\n".join(names)}
		entry = {"doctype": "Stock Entry", "stock_entry_type": "Material Receipt", "items": [row]}
		self.submit(frappe.get_doc({**entry, "company": self.fixture.company}))
		return names

	def bundle(self, doc: Any, serials: list[str]) -> str:
		row = doc.items[0]
		values = {
			"doctype": "Serial and Batch Bundle",
			"company": doc.company,
			"item_code": row.item_code,
			"warehouse": row.warehouse,
			"has_serial_no": 1,
			"type_of_transaction": "Outward",
			"voucher_type": doc.doctype,
			"voucher_no": doc.name,
			"voucher_detail_no": row.name,
			"entries": [{"serial_no": serial, "qty": -1, "warehouse": row.warehouse} for serial in serials],
		}
		return frappe.get_doc(values).insert(ignore_permissions=True).name

	def submitted(self, doc: Any) -> Any:
		doc.submit()
		frappe.db.commit()
		return doc


class TestShipmentsOfErpnext(ShipmentsCase):
	def test_a_shipment_is_told_with_the_delivery_notes_it_covers(self) -> None:
		notes = [self.delivered(self.ordered(f"er-1-{number}")) for number in range(2)]
		self.covering(*notes, carrier="fedex", awb_number="AWB-1", tracking_status="In Progress")
		for note in notes:
			shipment = self.shipment(note)
			[parcel] = shipment.parcels
			self.assertEqual(
				parcel, Parcel(carrier="FedEx", tracking_number="AWB-1", tracking_url=f"{FEDEX}AWB-1")
			)
			self.assertEqual((shipment.status, self.told(note)), ("in_transit", 2))

	def test_it_counts_before_our_own_fields_and_they_where_it_says_nothing(self) -> None:
		own = {"cb_carrier": "DHL", "cb_tracking_number": "OWN", "cb_delivery_status": "In Transit"}
		note = self.delivered(self.ordered("er-2"), **own)
		covering = self.covering(note)
		self.assertEqual((self.shipment(note).parcels[0].tracking_number, self.told(note)), ("OWN", 1))
		covering.db_set({"service_provider": "UPS", "awb_number": "AWB-2", "tracking_status": "Delivered"})
		frappe.db.commit()
		shipment = self.shipment(note)
		[parcel] = shipment.parcels
		self.assertEqual((parcel.carrier, parcel.tracking_number), ("UPS", "AWB-2"))
		self.assertEqual((shipment.status, parcel.delivered, self.told(note)), ("delivered", True, 2))

	def test_a_changed_status_is_told_once(self) -> None:
		note = self.delivered(self.ordered("er-3"))
		covering = self.covering(note, awb_number="AWB-3")
		for _twice in range(2):
			self.save(covering, tracking_status="Returned")
		self.assertEqual((self.shipment(note).status, self.told(note)), ("returned", 3))

	def test_a_cancelled_shipment_takes_its_tracking_along(self) -> None:
		note = self.delivered(self.ordered("er-4"), cb_tracking_number="OWN")
		covering = self.covering(note, awb_number="AWB-4", tracking_status="Lost")
		self.assertEqual(self.shipment(note).status, "lost")
		covering.cancel()
		frappe.db.commit()
		shipment = self.shipment(note)
		self.assertEqual((shipment.status, shipment.parcels[0].tracking_number), ("shipped", "OWN"))
		self.assertEqual(self.told(note), 3)

	def test_several_numbers_in_one_field_are_several_parcels(self) -> None:
		note = self.delivered(self.ordered("er-5"))
		urls = "https://a.example/1, https://a.example/2"
		covering = self.covering(note, carrier="UPS", awb_number="N1, N2", tracking_url=urls)
		parcels = self.shipment(note).parcels
		self.assertEqual([parcel.tracking_number for parcel in parcels], ["N1", "N2"])
		self.assertEqual([parcel.tracking_url for parcel in parcels], urls.split(", "))
		covering.db_set("tracking_url", "https://a.example/all")
		frappe.db.commit()
		self.assertIn("ups.com", self.shipment(note).parcels[1].tracking_url)

	def test_of_several_shipments_all_count(self) -> None:
		note = self.delivered(self.ordered("er-6"))
		self.covering(note, awb_number="A1", tracking_status="Delivered")
		second = self.covering(note, awb_number="A2")
		for status, told in {"": "in_transit", "Lost": "lost", "Delivered": "delivered"}.items():
			self.save(second, tracking_status=status)
			shipment = self.shipment(note)
			self.assertEqual(shipment.status, told)
			self.assertEqual([parcel.tracking_number for parcel in shipment.parcels], ["A1", "A2"])

	def test_what_is_written_past_all_events_is_noticed_once(self) -> None:
		note = self.delivered(self.ordered("er-7"))
		covering = self.covering(note, carrier="UPS")
		erpnext_shipment.notice_changes()
		self.assertEqual(self.told(note), 2)
		frappe.db.set_value("Shipment", covering.name, {"awb_number": "AWB-7", "tracking_status": "Lost"})
		frappe.db.commit()
		self.assertEqual(self.told(note), 2)
		for _twice in range(2):
			erpnext_shipment.notice_changes()
			self.assertEqual((self.told(note), self.shipment(note).status), (3, "lost"))

	def test_a_look_starts_where_the_last_one_ended(self) -> None:
		note = self.delivered(self.ordered("er-8"))
		covering = self.covering(note)
		erpnext_shipment.notice_changes()
		now = now_datetime()
		long_ago, old = add_to_date(now, days=-9), add_to_date(now, hours=-2)
		frappe.db.set_value("Channel Settings", SHOP, "creation", long_ago, update_modified=False)
		values = {"awb_number": "AWB-8", "modified": old}
		frappe.db.set_value("Shipment", covering.name, values, update_modified=False)
		frappe.db.commit()
		erpnext_shipment.notice_changes()
		self.assertEqual(self.told(note), 1)
		with patch.object(erpnext_shipment, "now_datetime", return_value=add_to_date(old, minutes=5)):
			erpnext_shipment.notice_changes()  # the clock was set back: the cursor lies in the future
		self.assertEqual(self.told(note), 2)

	def test_a_draft_and_a_shipment_of_others_tell_nothing(self) -> None:
		note = self.delivered(self.ordered("er-9"))
		draft = frappe.new_doc("Shipment")
		draft.append("shipment_delivery_note", {"delivery_note": note.name})
		draft.awb_number = "AWB-9"
		draft.run_method("on_change")
		frappe.db.commit()
		self.assertEqual((self.told(note), self.shipment(note).parcels), (1, ()))

	def test_no_doctype_of_another_app_is_needed(self) -> None:
		self.assertFalse(frappe.db.exists("DocType", "Parcel Service"))
		note = self.delivered(self.ordered("er-10"))
		self.covering(note, carrier="Unknown Carrier", awb_number="AWB-10")
		[parcel] = self.shipment(note).parcels
		self.assertEqual((parcel.carrier, parcel.tracking_url), ("Unknown Carrier", None))
