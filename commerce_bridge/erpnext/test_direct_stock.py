"""Orders that are Sales Invoices: their goods count as sold from the draft until they leave, and no longer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any
from unittest.mock import patch

import frappe
from erpnext.accounts.doctype.sales_invoice.sales_invoice import make_delivery_note, make_sales_return
from erpnext.stock.doctype.delivery_note.delivery_note import make_sales_return as make_return
from frappe.utils import add_days, now, nowdate

from commerce_bridge import tasks
from commerce_bridge.bridge import feeds, unbooked, worker
from commerce_bridge.erpnext import available, bin, channel_listing, direct_stock
from commerce_bridge.erpnext.test_availability import CASE, PHONE, SHOP, AvailabilityCase
from commerce_bridge.erpnext.test_orders import SHOP as ORDERS_SHOP
from commerce_bridge.erpnext.test_orders import OrdersCase, line

BUNDLE = "CB-UNDELIVERED-SET"


class DirectStockCase(AvailabilityCase):
	def invoice(self, *quantities: tuple[str, float], submit: bool = True, **values: Any) -> Any:
		"""One that stands for an order, as the channel makes it."""
		rows = values.pop("items", None) or [
			{"item_code": item, "qty": quantity, "rate": 10, "warehouse": self.warehouse}
			for item, quantity in quantities
		]
		direct = {"cb_channel": SHOP, "cb_instead_of_order": 1, "due_date": nowdate(), **values}
		direct |= {"company": self.company, "customer": self.customer(), "items": rows}
		doc = frappe.get_doc({"doctype": "Sales Invoice", **direct})
		doc.flags.commerce_bridge_applied = True
		doc.insert()
		if submit:
			doc.submit()
		return doc

	def deliver_some(self, invoice: Any, quantity: float, row: int = 0) -> Any:
		note = make_delivery_note(invoice.name)
		note.items = [note.items[row]]
		note.items[0].qty = quantity
		note.insert().submit()
		return note

	def give_back(self, note: Any, quantity: float) -> Any:
		"""Goods of a delivery come back."""
		doc = make_return(note.name)
		doc.items[0].qty = -quantity
		doc.insert().submit()
		return doc

	def credit(self, invoice: Any, quantity: float, **values: Any) -> Any:
		doc = make_sales_return(invoice.name)
		doc.items = doc.items[:1]
		doc.items[0].qty = -quantity
		doc.update({"due_date": None, **values})
		doc.insert().submit()
		return doc

	def ticks(self, invoice: Any) -> list[int]:
		rows = {"parent": invoice.name}
		return frappe.get_all("Sales Invoice Item", rows, pluck="cb_undelivered", order_by="idx")

	def save(self, doc: Any, **values: Any) -> Any:
		doc.reload()
		doc.update(values)
		doc.save()
		return doc


class TestLife(DirectStockCase):
	def test_draft_submitted_cancelled(self) -> None:
		invoice = self.changed(lambda: self.invoice((PHONE, 3), submit=False), 7)
		self.changed(invoice.submit, 7)
		self.changed(lambda: self.cancel(invoice), 10)
		self.assertEqual(self.ticks(invoice), [0])

	def test_a_draft_that_is_edited_or_deleted(self) -> None:
		invoice = self.changed(lambda: self.invoice((PHONE, 3), (CASE, 1), submit=False), 7)
		invoice.items[0].qty = 5
		self.changed(invoice.save, 5)
		self.changed(lambda: self.save(invoice, items=invoice.items[:1]), 10, CASE)
		self.changed(lambda: frappe.delete_doc("Sales Invoice", invoice.name), 10)

	def test_deliveries_take_over_from_it(self) -> None:
		invoice = self.invoice((PHONE, 3))
		first = self.changed(lambda: self.deliver_some(invoice, 1), 7)
		second = self.changed(lambda: self.deliver_some(invoice, 2), 7)
		self.assertEqual(self.ticks(invoice), [0])
		self.changed(lambda: self.cancel(second), 7)
		self.assertEqual(self.ticks(invoice), [1])
		self.changed(lambda: self.cancel(first), 7)
		self.changed(lambda: self.cancel(invoice), 10)

	def test_a_draft_delivery_note_delivers_nothing(self) -> None:
		invoice = self.invoice((PHONE, 3))
		frappe.db.commit()
		self.unchanged(make_delivery_note(invoice.name).insert)
		self.assertEqual((self.level(), self.ticks(invoice)), (7, [1]))

	def test_goods_delivered_from_another_warehouse(self) -> None:
		"""What was promised here is here again."""
		shelf = self.make_warehouse("CB Shelf").name
		self.entry("Material Receipt", (PHONE, 3), t_warehouse=shelf)
		invoice = self.invoice((PHONE, 3))

		def deliver() -> None:
			note = make_delivery_note(invoice.name)
			note.items[0].warehouse = shelf
			note.insert().submit()

		self.changed(deliver, 10)

	def test_goods_that_never_left_and_are_credited_are_free(self) -> None:
		invoice = self.invoice((PHONE, 3))
		note = self.changed(lambda: self.credit(invoice, 2), 9)
		self.changed(lambda: self.cancel(note), 7)
		self.changed(lambda: self.credit(invoice, 3), 10)
		self.assertEqual(self.ticks(invoice), [0])

	def test_a_form_opened_before_a_credit_is_saved_after_it(self) -> None:
		invoice = self.invoice((PHONE, 3))
		form = frappe.get_doc("Sales Invoice", invoice.name)
		self.credit(invoice, 3)
		form.save()
		self.assertEqual(self.ticks(invoice), [0])

	def test_a_draft_credit_note_frees_nothing(self) -> None:
		invoice = self.invoice((PHONE, 3))
		doc = make_sales_return(invoice.name)
		doc.insert()
		frappe.db.commit()
		self.assertEqual(self.level(), 7)

	def test_goods_that_came_back_are_owed_until_they_are_credited(self) -> None:
		"""As of a Sales Order: somebody may send others in their place."""
		invoice = self.invoice((PHONE, 3))
		note = self.deliver_some(invoice, 3)
		back = self.changed(lambda: self.give_back(note, 2), 7)
		self.assertEqual(self.ticks(invoice), [1])
		self.changed(lambda: self.credit(invoice, 2), 9)
		self.changed(lambda: self.cancel(back), 7)

	def test_a_credit_of_what_came_back_leaves_the_rest_owed(self) -> None:
		invoice = self.invoice((PHONE, 3))
		self.give_back(self.deliver_some(invoice, 1), 1)
		self.credit(invoice, 1)
		self.assertEqual((self.level(), self.ticks(invoice)), (8, [1]))

	def test_a_credit_of_what_is_gone_promises_no_less_than_nothing(self) -> None:
		invoice = self.invoice((PHONE, 3))
		self.deliver_some(invoice, 3)
		self.credit(invoice, 2)
		self.assertEqual((self.level(), self.ticks(invoice)), (7, [0]))

	def test_in_boxes(self) -> None:
		item = frappe.get_doc("Item", PHONE)
		if "Box" not in [row.uom for row in item.uoms]:
			item.append("uoms", {"uom": "Box", "conversion_factor": 3})
			item.save()
			frappe.db.commit()
		row = {"item_code": PHONE, "qty": 2, "uom": "Box", "conversion_factor": 3, "rate": 30}
		values = {"items": [{**row, "warehouse": self.warehouse}]}
		invoice = self.changed(lambda: self.invoice(**values), 4)
		self.changed(lambda: self.deliver_some(invoice, 1), 4)
		self.changed(lambda: self.credit(invoice, 1), 7)

	def test_two_rows_of_one_item_are_counted_by_themselves(self) -> None:
		invoice = self.invoice((PHONE, 3), (PHONE, 2))
		self.assertEqual(self.level(), 5)
		self.deliver_some(invoice, 2, row=1)
		self.assertEqual((self.level(), self.ticks(invoice)), (5, [1, 0]))

	def test_goods_a_supplier_sends_are_not_ours_to_promise(self) -> None:
		row = {"item_code": PHONE, "qty": 4, "rate": 10, "warehouse": self.warehouse}
		self.invoice(items=[{**row, "delivered_by_supplier": 1}])
		self.assertEqual(self.level(), 10)

	def test_of_several_invoices_each_counts(self) -> None:
		self.invoice((PHONE, 3), submit=False)
		self.invoice((PHONE, 2))
		self.assertEqual(self.level(), 5)

	def test_any_other_invoice_promises_nothing(self) -> None:
		frappe.db.commit()
		self.unchanged(lambda: self.invoice((PHONE, 3), cb_instead_of_order=0))
		self.assertEqual(self.level(), 10)

	def test_amended_by_hand_the_new_one_counts(self) -> None:
		invoice = self.invoice((PHONE, 3))
		self.cancel(invoice)
		amended = frappe.copy_doc(invoice, ignore_no_copy=True)
		amended.update({"amended_from": invoice.name, "docstatus": 0})
		amended.items[0].qty = 4
		self.changed(amended.insert, 6)


class TestUpdateStock(DirectStockCase):
	def test_draft_submitted_cancelled(self) -> None:
		invoice = self.changed(lambda: self.invoice((PHONE, 3), submit=False, update_stock=1), 7)
		self.changed(invoice.submit, 7)
		self.assertEqual(self.ticks(invoice), [0])
		self.changed(lambda: self.cancel(invoice), 10)

	def test_taken_back(self) -> None:
		invoice = self.changed(lambda: self.invoice((PHONE, 3), update_stock=1), 7)
		self.changed(lambda: self.credit(invoice, 1, update_stock=1), 8)
		self.credit(invoice, 1, update_stock=0)
		self.assertEqual(self.level(), 8)

	def test_a_bundle_leaves_in_parts(self) -> None:
		self.fixture.make_bundle(BUNDLE, {PHONE: Decimal(2), CASE: Decimal(1)})
		invoice = self.changed(lambda: self.invoice((BUNDLE, 2), submit=False, update_stock=1), 6)
		self.assertEqual(self.level(CASE), 8)
		self.changed(invoice.submit, 6)
		self.changed(lambda: self.cancel(invoice), 10)

	def test_what_is_not_there_is_not_sold(self) -> None:
		with self.assertRaises(frappe.ValidationError):
			self.invoice((PHONE, 11), update_stock=1)
		frappe.db.rollback()
		self.assertEqual(self.level(), 10)


class TestAtNight(DirectStockCase):
	def test_ticks_that_documents_of_one_instant_left_wrong_are_right_in_the_morning(self) -> None:
		sent, credited, stopped, waiting = (self.invoice((PHONE, 1)) for _number in range(4))
		long_ago = {"modified": add_days(now(), -9)}
		frappe.db.set_value("Delivery Note", self.deliver_some(sent, 1).name, long_ago, update_modified=False)
		self.cancel(self.credit(credited, 1))
		self.cancel(self.deliver_some(stopped, 1))
		invoices, right = (sent, credited, stopped, waiting), [[0], [1], [1], [1]]
		self.assertEqual([self.ticks(invoice) for invoice in invoices], right)
		for invoice, tick in ((sent, 1), (credited, 0), (stopped, 0)):
			frappe.db.set_value("Sales Invoice Item", {"parent": invoice.name}, "cb_undelivered", tick)
		frappe.db.commit()
		self.changed(tasks.count_undelivered, 6)
		self.assertEqual([self.ticks(invoice) for invoice in invoices], right)


class TestBundles(DirectStockCase):
	def setUp(self) -> None:
		super().setUp()
		self.fixture.make_bundle(BUNDLE, {PHONE: Decimal(2), CASE: Decimal(1)})
		self.fixture.make_listing(SHOP, BUNDLE, BUNDLE)
		frappe.db.delete("Stock Change")
		frappe.db.commit()

	def levels(self) -> tuple[int, ...]:
		return tuple(int(self.level(item)) for item in (PHONE, CASE, BUNDLE))

	def test_its_parts_are_sold_before_they_are_packed(self) -> None:
		invoice = self.changed(lambda: self.invoice((BUNDLE, 2), submit=False), 6)
		self.assertEqual(invoice.packed_items, [])
		self.assertEqual(self.levels(), (6, 8, 3))
		self.changed(invoice.submit, 8, CASE)
		self.deliver_some(invoice, 1)
		self.assertEqual((self.levels(), self.ticks(invoice)), ((6, 8, 3), [1]))
		note = self.changed(lambda: self.credit(invoice, 1), 8)
		self.assertEqual((self.levels(), self.ticks(invoice)), ((8, 9, 4), [0]))
		self.changed(lambda: self.cancel(note), 8, CASE)

	def test_cancelled_and_deleted(self) -> None:
		invoice = self.invoice((BUNDLE, 2))
		self.changed(lambda: self.cancel(invoice), 10, CASE)
		draft = self.invoice((BUNDLE, 2), submit=False)
		self.changed(lambda: frappe.delete_doc("Sales Invoice", draft.name), 10, CASE)

	def test_a_disabled_bundle_takes_nothing(self) -> None:
		self.invoice((BUNDLE, 2))
		frappe.db.commit()
		self.assertEqual(self.level(), 6)
		frappe.db.set_value("Product Bundle", {"new_item_code": BUNDLE}, "disabled", 1)
		self.assertEqual(self.level(), 10)
		frappe.db.rollback()


class TestCosts(DirectStockCase):
	def test_levels_take_as_many_statements_with_it(self) -> None:
		work = lambda: bin.levels(self.channel, [PHONE, CASE])  # noqa: E731
		_levels, before = self.statements(work)
		self.invoice((PHONE, 3), (CASE, 1))
		frappe.db.commit()
		_levels, after = self.statements(work)
		self.assertEqual(len(after), len(before), after)

	def test_levels_read_no_invoices_that_are_delivered(self) -> None:
		"""Rows of invoices can be found by the tick and the item, their headers by name. In a small table the database may
		do without."""
		for _number in range(3):
			self.deliver_some(self.invoice((PHONE, 1)), 1)
		self.invoice((PHONE, 2))
		values = {"items": (PHONE, CASE), "warehouses": (self.warehouse,), "preorder": 0}
		plan = frappe.db.sql(f"EXPLAIN {available.BOOKED}", values, as_dict=True)
		may = lambda row, index: index in (row.possible_keys or "").split(",")  # noqa: E731
		ours = [row for row in plan if may(row, "commerce_bridge_cb_undelivered_item_code")]
		self.assertEqual([row.table for row in ours], ["row", "row"])
		selects = {row.id for row in ours}
		headers = [row for row in plan if row.id in selects and row.table == "parent"]
		self.assertEqual([may(row, "PRIMARY") for row in headers], [True, True])
		parts = {row.table: row for row in plan if row.select_type == "DEPENDENT SUBQUERY"}
		self.assertTrue(may(parts["note"], "return_against") and may(parts["credited"], "parent"), parts)

	def test_a_delivery_of_another_invoice_asks_once_and_writes_nothing(self) -> None:
		other = self.invoice((PHONE, 3), cb_instead_of_order=0)
		note = make_delivery_note(other.name)
		_result, statements = self.statements(lambda: direct_stock.on_delivery(note))
		self.assertLessEqual(len([query for query in statements if "tabSales Invoice" in query]), 1)
		self.assertEqual([query for query in statements if query.startswith("UPDATE")], [])

	def test_following_asks_once_and_writes_by_key(self) -> None:
		invoice = self.invoice((PHONE, 3), (CASE, 1))
		frappe.db.set_value("Sales Invoice Item", {"parent": invoice.name}, "cb_undelivered", 0)
		_result, statements = self.statements(lambda: direct_stock.follow([invoice.name]))
		own = [query for query in statements if "tabSales Invoice Item" in query]
		self.assertEqual(len(own), 2, own)
		self.assertEqual(self.ticks(invoice), [1, 1])
		_result, statements = self.statements(lambda: direct_stock.follow([invoice.name]))
		self.assertEqual(len([query for query in statements if "tabSales Invoice Item" in query]), 1)


class TestPushed(DirectStockCase):
	def pushed(self, item: str) -> Any:
		listing = frappe.db.get_value("Channel Listing", {"channel": SHOP, "item_code": item})
		return frappe.db.get_value("Channel Listing Level", {"parent": listing}, "pushed_at")

	def push(self, item: str) -> None:
		[row] = bin.levels(self.channel, [item])
		self.fixture.erp.save_pushed(SHOP, [row.level], self.fixture.now())

	def test_forgotten_and_pushed_again(self) -> None:
		for item in (PHONE, CASE):
			self.push(item)
		invoice = self.invoice((PHONE, 1))
		channel_listing.forget_pushed(SHOP, invoice.name)
		self.assertEqual((bool(self.pushed(PHONE)), bool(self.pushed(CASE))), (False, True))
		self.changed(lambda: channel_listing.push_again(SHOP, invoice.name), 9)

	def test_an_invoice_that_stands_for_no_order_forgets_nothing(self) -> None:
		self.push(PHONE)
		invoice = self.invoice((PHONE, 1), cb_instead_of_order=0)
		channel_listing.forget_pushed(SHOP, invoice.name)
		self.assertTrue(self.pushed(PHONE))


class DirectOrderCase(OrdersCase):
	"""A shop whose orders are Sales Invoices; ten phones, of which this shop and others see what is left."""

	update_stock = 0

	def setUp(self) -> None:
		super().setUp()
		self.make_direct()
		for item in (PHONE, CASE):
			self.fixture.set_stock(item, Decimal(10))
			self.fixture.make_listing(ORDERS_SHOP, item, item)
		frappe.db.delete("Stock Change")
		frappe.db.commit()

	def make_direct(self, **values: Any) -> None:
		direct = {"invoice_when": "Instead of Sales Order", "invoice_update_stock": self.update_stock}
		self.channel = self.fixture.make_channel(ORDERS_SHOP, **direct, **values)

	def level(self, item: str = PHONE) -> int:
		frappe.db.rollback()
		unbooked.count_all(self.world)
		[found] = bin.levels(self.channel, [item])
		return int(found.level.quantity)

	def invoices(self, external_id: str) -> list[Any]:
		frappe.db.rollback()
		filters = {"cb_external_id": external_id, "docstatus": ("<", 2), "is_return": 0}
		names = frappe.get_all("Sales Invoice", filters, pluck="name")
		return [frappe.get_doc("Sales Invoice", name) for name in names]

	def sold(self, log: Any) -> Any:
		self.assertEqual((log.state, log.reference_doctype), ("Succeeded", "Sales Invoice"), log.message)
		return frappe.get_doc("Sales Invoice", log.reference_name)

	def work(self) -> None:
		while worker.run_once(self.world):
			continue

	@contextmanager
	def in_shop(self, name: str) -> Iterator[None]:
		"""Events are of another channel meanwhile."""
		with patch("commerce_bridge.erpnext.test_orders.SHOP", name):
			yield

	def today(self, external_id: str, quantity: int) -> dict[str, Any]:
		"""Placed just now: goods cannot leave before they came."""
		return self.simple(external_id, quantity, placed_at=self.fixture.now().isoformat())

	def cancellation(self, external_id: str) -> dict[str, Any]:
		return {"id": external_id, "updated_at": "2026-11-20T19:00:00Z"}


class TestOrdersOfAShop(DirectOrderCase):
	def test_booked_changed_and_cancelled_as_a_draft(self) -> None:
		self.make_direct(invoice_docstatus="Draft")
		self.sold(self.send("order.upserted", self.simple("i-1", 2)))
		self.assertEqual(self.level(), 8)
		self.sold(self.send("order.upserted", self.simple("i-1", 5)))
		self.assertEqual((self.level(), len(self.invoices("i-1"))), (5, 1))
		log = self.send("order.cancelled", self.cancellation("i-1"))
		self.assertEqual((log.state, self.level(), self.invoices("i-1")), ("Succeeded", 10, []), log.message)

	def test_a_cancelled_order_that_was_submitted_is_credited_and_free(self) -> None:
		self.sold(self.send("order.upserted", self.simple("i-2", 2)))
		self.assertEqual(self.level(), 8)
		log = self.send("order.cancelled", self.cancellation("i-2"))
		self.assertEqual((log.state, self.level()), ("Succeeded", 10), log.message)

	def test_its_change_leads_to_a_push_of_what_is_left(self) -> None:
		self.send("order.upserted", self.simple("i-3", 2))
		with self.world.erp.transaction():
			frappe.db.delete("Sync Log", {"direction": "Outbound"})
		self.assertIn(PHONE, frappe.get_all("Stock Change", {"kind": "stock"}, pluck="item_code"))
		feeds.collect_changes(self.world)
		frappe.db.rollback()
		topics = frappe.get_all("Sync Log", {"direction": "Outbound"}, ["topic", "payload"])
		self.assertTrue([row for row in topics if row.topic == feeds.STOCK.changed and PHONE in row.payload])

	def test_an_edit_that_waits_is_counted_beyond_what_the_invoice_says(self) -> None:
		self.sold(self.send("order.upserted", self.simple("i-4", 2)))
		log = self.send("order.upserted", self.simple("i-4", 5))
		self.assertEqual(log.state, "Failed", log.message)
		self.assertEqual(self.level(), 5)
		self.assertEqual(frappe.get_all("Unbooked Sale", pluck="stock_qty"), [5])

	def test_an_edit_that_waits_counts_the_parts_of_a_bundle_once(self) -> None:
		self.fixture.make_bundle(BUNDLE, {PHONE: Decimal(2), CASE: Decimal(1)})
		wanted = [
			self.order("i-5", line("l1", BUNDLE, count, "10.00"), total=f"{count}0.00") for count in (1, 3)
		]
		wanted[1]["updated_at"] = "2026-11-20T18:00:00Z"
		self.sold(self.send("order.upserted", wanted[0]))
		self.assertEqual((self.level(), self.level(CASE)), (8, 9))
		self.assertEqual(self.send("order.upserted", wanted[1]).state, "Failed")
		self.assertEqual((self.level(), self.level(CASE)), (4, 7))

	def test_the_last_one_sold_twice_at_once(self) -> None:
		"""One shop books a Sales Order, the other an invoice: nobody is shown less than nothing, or a unit more."""
		self.fixture.set_stock(PHONE, Decimal(1))
		other = self.fixture.make_channel("Other Orders Shop")
		self.fixture.make_listing(other.name, PHONE, PHONE)
		self.sold(self.send("order.upserted", self.simple("i-6", 1)))
		channel, self.channel = self.channel, other
		self.assertEqual(self.level(), 0)
		with self.in_shop(other.name):
			log = self.send("order.upserted", self.simple("i-7", 1))
		self.assertEqual((log.state, log.reference_doctype), ("Succeeded", "Sales Order"), log.message)
		self.assertEqual(self.level(), 0)
		self.channel = channel
		self.assertEqual(self.level(), 0)


class TestOrdersThatUpdateStock(DirectOrderCase):
	update_stock = 1

	def test_goods_leave_with_the_invoice(self) -> None:
		doc = self.sold(self.send("order.upserted", self.today("u-1", 2)))
		self.assertEqual((doc.update_stock, self.level()), (1, 8))
		in_bin = frappe.db.get_value(
			"Bin", {"item_code": PHONE, "warehouse": self.fixture.warehouse}, "actual_qty"
		)
		self.assertEqual(in_bin, 8)

	def test_what_is_not_there_fails_and_leaves_nothing(self) -> None:
		"""Also where another shop took the last one in the meantime; the order stays sold until it is decided."""
		customers = frappe.db.count("Customer")
		log = self.send("order.upserted", self.today("u-2", 11))
		self.assertEqual((log.state, log.error_class), ("Failed", "Rejected"))
		self.assertIn("Update Stock", log.message)
		self.assertIn(PHONE, log.message)
		self.assertEqual(self.invoices("u-2"), [])
		self.assertEqual(
			frappe.db.count("Channel Record", {"external_id": "u-2", "document_name": ("is", "set")}), 0
		)
		self.assertEqual(frappe.db.count("Customer"), customers)
		self.assertEqual(
			frappe.db.count("Stock Ledger Entry", {"voucher_type": "Sales Invoice", "voucher_no": ""}), 0
		)
		self.assertEqual(self.level(), 0)
		self.fixture.set_stock(PHONE, Decimal(12))
		self.fixture.requeue(log.name)
		self.work()
		self.assertEqual((len(self.invoices("u-2")), self.level()), (1, 1))

	def test_after_a_sales_order_took_the_last_one(self) -> None:
		"""ERPNext does not keep an invoice from taking what a Sales Order is promised: nobody is shown a unit more."""
		self.fixture.set_stock(PHONE, Decimal(1))
		other = self.fixture.make_channel("Other Orders Shop")
		with self.in_shop(other.name):
			self.send("order.upserted", self.today("u-3", 1))
		self.send("order.upserted", self.today("u-4", 1))
		self.assertEqual(self.level(), 0)
