"""Goods of orders whose Sales Invoice stands instead of a Sales Order, on a real site: sent, told, and come back."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import frappe
from erpnext.accounts.doctype.sales_invoice.sales_invoice import make_delivery_note, make_sales_return
from erpnext.selling.doctype.sales_order.sales_order import make_sales_invoice
from erpnext.stock.doctype.delivery_note.delivery_note import make_sales_return as return_delivery

from commerce_bridge import api
from commerce_bridge.bridge.channel import EventPolicy, InvoicePolicy, PaymentMap, RefundPolicy
from commerce_bridge.bridge.errors import Rejected
from commerce_bridge.bridge.fulfilments import RECORD_TYPE
from commerce_bridge.bridge.model import (
	FulfilledLine,
	Fulfilment,
	InvoiceNotice,
	OrderStatus,
	RefundRequest,
	Shipment,
)
from commerce_bridge.bridge.orders import INSTEAD
from commerce_bridge.bridge.plan import ReturnPlan
from commerce_bridge.bridge.protocols import PushResult
from commerce_bridge.erpnext import invoice_return, return_authorisation, shipping
from commerce_bridge.erpnext.test_returns import ReturnsFixture
from commerce_bridge.tests.base import SiteTestCase
from commerce_bridge.tests.billed_cells import BillingSuite
from commerce_bridge.tests.history_events import BACK, back, paid, refund
from commerce_bridge.tests.order_cells import T0, CanonicalConnector, line, order
from commerce_bridge.tests.return_cells import HOUR, Return, ReturnLine
from commerce_bridge.tests.site_money import MoneySiteFixture

DIRECT, WITH_STOCK = InvoicePolicy(when=INSTEAD), InvoicePolicy(when=INSTEAD, update_stock=True)
COST = 7.0
BATCHED, BUNDLE, PART, TRACED = (f"CB-DIRECT-{kind}" for kind in ("BATCHED", "SET", "PART", "TRACED"))
PHONE = "CB-PHONE"


class DirectFixture(MoneySiteFixture, ReturnsFixture):
	def note_of(self, invoice: str, quantities: Mapping[str, int] | None = None) -> str:
		"""A submitted Delivery Note of an invoice."""
		note = make_delivery_note(invoice)
		if quantities:
			note.items = [row for row in note.items if row.cb_line_id in quantities]
			for number, row in enumerate(note.items, 1):
				row.idx, row.qty = number, quantities[row.cb_line_id]
		note.insert().submit()
		frappe.db.commit()
		return note.name

	def notes_of(self, invoice: str) -> list[Any]:
		frappe.db.rollback()
		filters = {"against_sales_invoice": invoice}
		names = frappe.get_all(
			"Delivery Note Item", filters, pluck="parent", distinct=True, order_by="creation"
		)
		return [frappe.get_doc("Delivery Note", name) for name in dict.fromkeys(names)]

	def entries_back(self, invoice: str) -> list[Any]:
		frappe.db.rollback()
		names = frappe.get_all(
			"Stock Entry", {"cb_sales_invoice": invoice}, pluck="name", order_by="creation"
		)
		return [frappe.get_doc("Stock Entry", name) for name in names]

	def receive_stock(self, item_code: str, quantity: int, rate: float = COST, **values: Any) -> Any:
		row = {"item_code": item_code, "qty": quantity, "t_warehouse": self.warehouse, "basic_rate": rate}
		entry = {"doctype": "Stock Entry", "stock_entry_type": "Material Receipt", "company": self.company}
		doc = frappe.get_doc({**entry, "items": [{**row, **values}]}).insert()
		doc.submit()
		frappe.db.commit()
		return doc

	def make_traced(self, item_code: str) -> None:
		"""An item whose units ERPNext picks: nobody sells a certain one."""
		if not frappe.db.exists("Item", item_code):
			values = {"has_serial_no": 1, "serial_no_series": "CB-TRACED-.#####"}
			item = {"item_code": item_code, "item_group": "Products", "stock_uom": "Nos", **values}
			frappe.get_doc({"doctype": "Item", **item}).insert()
			frappe.db.commit()

	def units_of(self, voucher: str) -> set[str]:
		return set(self._of_bundles(voucher, "serial_no"))

	def batches_of(self, voucher: str) -> list[str]:
		return self._of_bundles(voucher, "batch_no")

	def _of_bundles(self, voucher: str, fieldname: str) -> list[str]:
		frappe.db.rollback()
		filters = {"voucher_no": voucher, "docstatus": 1}
		bundles = frappe.get_all("Serial and Batch Bundle", filters, pluck="name")
		return frappe.get_all("Serial and Batch Entry", {"parent": ("in", bundles or [""])}, pluck=fieldname)


class DirectConnector(CanonicalConnector):
	"""A shop that keeps all that it was told."""

	def __init__(self, told: list[Any]):
		self._told = told

	def push_shipment(self, shipment: Shipment) -> PushResult:
		self._told.append(shipment)
		if shipment.cancelled:
			return PushResult(shipment.id)
		return PushResult(shipment.id, external_ids=shipment.external_ids or (f"F-{shipment.id}",))

	def push_invoice(self, invoice: InvoiceNotice) -> PushResult:
		self._told.append(invoice)
		return PushResult(invoice.id)

	def push_return(self, notice: Any) -> PushResult:
		self._told.append(notice)
		return PushResult(notice.id, external_ids=(f"R-{notice.document}",))

	def push_order_status(self, status: OrderStatus) -> PushResult:
		self._told.append(status)
		return PushResult(status.order_id)

	def push_refund(self, request: RefundRequest) -> PushResult:
		self._told.append(request)
		return PushResult(request.id, external_ids=(f"RF-{request.id}",))


class DirectCase(BillingSuite, SiteTestCase):
	fixture: DirectFixture
	invoices_by = DIRECT

	def setUp(self) -> None:
		self.fixture = DirectFixture()
		super().setUp()
		self.told: list[Any] = []
		self.placed = self.fixture.now()  # the goods were there by then
		self.addCleanup(frappe.set_user, "Administrator")

	def connector(self) -> Any:
		return DirectConnector(self.told)

	def shipments(self, key: str) -> list[Shipment]:
		return [each for each in self.told if isinstance(each, Shipment) and each.order_id == key]

	def says(self, key: str, *lines: Any, version: int = 1, **values: Any) -> dict[str, Any]:
		"""The shop's order, of two lines if not said otherwise."""
		lines = lines or (line(1), line(2))
		return self.receive(order(key, *lines, version=version, placed_at=self.placed, **values))

	def ordered(self, *lines: Any, **settings: Any) -> tuple[str, str]:
		"""An order of two lines, two pieces each, if not said otherwise: its id, and its invoice."""
		invoices = settings.pop("invoices", self.invoices_by)
		self.policy(invoices, **settings)
		key = self.key(self._testMethodName[5:40])
		row = self.says(key, *lines)
		self.assertEqual(
			(row["state"], row["reference_doctype"]), ("Succeeded", "Sales Invoice"), row["message"]
		)
		self.assertEqual(frappe.db.count("Sales Order", {"cb_external_id": key}), 0)
		return key, row["reference_name"]

	def policy(self, invoices: InvoicePolicy, **settings: Any) -> None:
		if "refunds" not in settings:
			settings["refunds"] = self.refunds()
		super().policy(invoices, **settings)

	def refunds(self, **values: Any) -> RefundPolicy:
		return RefundPolicy(**{"adjustment_item": "CB-SHIPPING", "returns": "Submitted", **values})

	def sent(self, key: str, number: int = 1, **quantities: int) -> Fulfilment:
		lines = quantities or {"l1": 2, "l2": 2}
		return Fulfilment(
			id=f"{key}-f{number}",
			order_id=key,
			lines=tuple(FulfilledLine(order_line_id=name, quantity=Decimal(lines[name])) for name in lines),
			updated_at=T0,
		)

	def shop_sent(self, key: str, *fulfilments: Fulfilment, minute: int = 5) -> list[dict[str, Any]]:
		"""An order event with these; what became of each."""
		self.says(key, version=minute, fulfilments=fulfilments)
		return self.fixture.entries_of(key, "fulfilment.found")

	def document_of(self, fulfilment: Fulfilment) -> tuple[str | None, str | None]:
		with self.erp.transaction():
			known = self.erp.get_record(self.channel.name, RECORD_TYPE, fulfilment.id)
		assert known
		return known.doctype, known.document

	def give_back(self, key: str, *lines: Any, name: str = "r1", minute: int = 10) -> dict[str, Any]:
		row = self.tell(key, refund(name, *lines, minute=minute, money=None))
		self.assertEqual(row["state"], "Succeeded", row["message"])
		return row

	def said_back(self, key: str, status: str, minute: int = 10, quantity: int = 2) -> dict[str, Any]:
		"""The shop says how far the return of its first line is."""
		lines = (ReturnLine(order_line_id="l1", quantity=Decimal(quantity)),)
		said = Return(id=f"{key}-r", order_id=key, status=status, lines=lines, version=minute, updated_at=T0)
		row = self.receive(said, "return.updated")
		self.assertEqual(row["state"], "Succeeded", row["message"])
		return row

	def authorisation(self, key: str) -> Any:
		frappe.db.rollback()
		return frappe.get_doc("Return Authorisation", {"external_id": f"{key}-r"})

	def cost_of(self, *documents: str) -> float:
		"""What is left on the account of the cost of sales, of these documents."""
		account = frappe.get_cached_value("Company", self.fixture.company, "default_expense_account")
		return float(self.fixture.balances(*documents).get(account, 0))


class TestDelivered(DirectCase):
	__test__ = True

	def test_what_the_shop_sent_becomes_a_draft_of_the_invoice_and_is_told_once(self) -> None:
		key, name = self.ordered()
		fulfilment = self.sent(key)
		[entry] = self.shop_sent(key, fulfilment)
		[note] = self.fixture.notes_of(name)
		self.assertEqual((entry["state"], note.docstatus), ("Succeeded", 0), entry["message"])
		self.assertEqual((note.cb_channel, note.cb_external_id), (self.channel.name, key))
		self.assertEqual(self.document_of(fulfilment), ("Delivery Note", note.name))
		self.assertEqual(self.shipments(key), [])
		note.submit()
		frappe.db.commit()
		self.work()
		[shipment] = self.shipments(key)
		self.assertEqual((shipment.external_ids, shipment.complete), ((fulfilment.id,), True))
		self.assertEqual({row.order_line_id: row.quantity for row in shipment.lines}, {"l1": 2, "l2": 2})
		self.assertEqual(self.books(key).delivered, {"l1": 2, "l2": 2})

	def test_parts_are_together_the_invoice_to_the_cent(self) -> None:
		lines = (line(1, 3, "3.33", "1.00"), line(2, 3, "0.07"))
		key, name = self.ordered(*lines)
		first, second = self.sent(key, 1, l1=1, l2=2), self.sent(key, 2, l1=2, l2=1)
		self.says(key, *lines, version=5, fulfilments=(first, second))
		for note in self.fixture.notes_of(name):
			note.submit()
			frappe.db.commit()
		self.work()
		notes, invoice = self.fixture.notes_of(name), frappe.get_doc("Sales Invoice", name)
		totals = [Decimal(str(note.grand_total)) for note in notes]
		self.assertEqual((len(notes), sum(totals)), (2, Decimal(str(invoice.grand_total))))
		taxes = [Decimal(str(note.total_taxes_and_charges)) for note in notes]
		self.assertEqual(sum(taxes), Decimal(str(invoice.total_taxes_and_charges)))
		services = [row.item_code for note in notes for row in note.items if not row.cb_line_id]
		self.assertEqual(services, ["CB-SHIPPING"], "with the first of them")
		told = {shipment.id: shipment.complete for shipment in self.shipments(key)}
		self.assertEqual(len(told), 2)
		self.assertTrue(all(told.values()), "both were told once nothing was left")

	def test_the_last_part_makes_it_complete(self) -> None:
		key, name = self.ordered()
		self.fixture.note_of(name, {"l1": 2})
		self.work()
		self.fixture.note_of(name, {"l2": 2})
		self.work()
		self.assertEqual([each.complete for each in self.shipments(key)], [False, True])

	def test_what_was_credited_and_never_left_is_not_waited_for(self) -> None:
		key, name = self.ordered()
		self.give_back(key, back("l2", 2))
		self.fixture.note_of(name, {"l1": 2})
		self.work()
		self.assertEqual([each.complete for each in self.shipments(key)], [True])

	def test_what_came_back_and_was_credited_was_sent_and_the_rest_is_still_to_be(self) -> None:
		key, name = self.ordered()
		note = self.fixture.note_of(name, {"l1": 1})
		return_delivery(note).insert().submit()
		frappe.db.commit()
		self.give_back(key, back("l1", 1))
		self.fixture.note_of(name, {"l2": 2})
		self.work()
		self.assertFalse(self.shipments(key)[-1].complete)

	def test_more_than_is_left_is_not_made(self) -> None:
		key, name = self.ordered()
		note = self.fixture.note_of(name, {"l1": 1})
		self.work()
		entries = self.shop_sent(key, self.sent(key, 1, l1=2))
		self.assertEqual(entries[-1]["state"], "Failed")
		for text in (f"Sales Invoice {name}", note):
			self.assertIn(text, entries[-1]["message"])

	def test_a_delivery_that_is_cancelled_is_taken_back(self) -> None:
		key, name = self.ordered()
		note = self.fixture.note_of(name)
		self.work()
		self.fixture.cancel_delivery(note)
		self.work()
		self.assertEqual([each.cancelled for each in self.shipments(key)], [False, True])
		self.assertEqual(self.books(key).delivered, {})

	def test_payment_on_delivery_is_booked_with_the_last_part(self) -> None:
		row = {"mode_of_payment": self.fixture.mode_of_payment, "account": self.fixture.clearing_account}
		cod = (PaymentMap(gateway="cod", **row, book="On Delivery"),)
		key, name = self.ordered(payments=cod)
		self.tell(key, paid(status="pending", gateway="cod"))
		self.fixture.note_of(name, {"l1": 2})
		self.work()
		self.assertEqual(self.books(key).paid, 0)
		self.fixture.note_of(name, {"l2": 2})
		self.work()
		self.assertEqual(self.books(key).paid, 49)
		self.assertEqual(len(self.books(key).invoices), 1, "billed once")

	def test_units_that_erpnext_picked_are_told(self) -> None:
		self.fixture.make_traced(TRACED)
		self.fixture.receive_stock(TRACED, 3)
		key, name = self.ordered(line(1, 2).model_copy(update={"sku": TRACED}))
		note = self.fixture.note_of(name)
		self.work()
		[shipment] = self.shipments(key)
		units = self.fixture.units_of(note)
		self.assertEqual((len(units), set(shipment.lines[0].serials)), (2, units))

	def test_goods_come_back_by_a_return_of_the_delivery(self) -> None:
		key, name = self.ordered(refunds=self.refunds(return_warehouse=self.fixture.second_warehouse))
		note = self.fixture.note_of(name)
		self.work()
		self.give_back(key, back("l1", 1, restock=True))
		[sent, returned] = self.fixture.notes_of(name)
		self.assertEqual((sent.name, returned.return_against, returned.docstatus), (note, note, 1))
		self.assertEqual(
			[(row.qty, row.warehouse) for row in returned.items], [(-1, self.fixture.second_warehouse)]
		)
		books = self.books(key)
		self.assertEqual((books.returned, len(books.invoices)), ({"l1": 1}, 2))
		self.work()
		self.assertEqual([row.returned for row in self.shipments(key)[-1].lines], [1, 0])
		self.assertEqual(self.fixture.entries_back(name), [])

	def test_returns_by_policy_stay_drafts_or_are_nobody_s(self) -> None:
		key, name = self.ordered(refunds=self.refunds(returns="Draft"))
		self.fixture.note_of(name)
		self.give_back(key, back("l1", 1, restock=True))
		self.assertEqual([note.docstatus for note in self.fixture.notes_of(name)], [1, 0])
		self.policy(DIRECT, refunds=self.refunds(returns="Nothing"))
		self.give_back(key, back("l2", 1, restock=True), name="r2", minute=12)
		self.assertEqual(len(self.fixture.notes_of(name)), 2)


class TestWithUpdateStock(DirectCase):
	__test__ = True
	invoices_by = WITH_STOCK

	def test_the_invoice_is_told_once_as_the_shipment(self) -> None:
		key, name = self.ordered()
		self.work()
		[shipment] = self.shipments(key)
		self.assertEqual((shipment.id, shipment.complete), (name, True))
		self.assertEqual({row.order_line_id: row.quantity for row in shipment.lines}, {"l1": 2, "l2": 2})
		self.tell(key, paid())
		self.says(key, version=3, status="shipped")
		self.assertEqual(len(self.shipments(key)), 1)

	def test_what_the_shop_calls_it_is_found_by_the_documents(self) -> None:
		"""Not by looking at all that the channel ever sent, each with a query of its own."""
		values = {"channel": "A Shop", "type": RECORD_TYPE, "orders": ("-",)}
		for statement in (shipping.CALLED, shipping.CALLED_DIRECT):
			plan = frappe.db.sql(f"EXPLAIN {statement}", values, as_dict=True)
			self.assertNotIn("DEPENDENT SUBQUERY", {row.select_type for row in plan})

	def test_what_the_shop_sent_by_itself_is_this_invoice(self) -> None:
		key, name = self.ordered()
		self.work()
		first, second = self.sent(key, 1, l1=2), self.sent(key, 2, l2=2)
		entries = self.shop_sent(key, first, second)
		self.assertEqual([each["state"] for each in entries], ["Succeeded"] * 2, entries[-1]["message"])
		for fulfilment in (first, second):
			self.assertEqual(self.document_of(fulfilment), ("Sales Invoice", name))
		self.assertEqual((self.fixture.notes_of(name), len(self.shipments(key))), ([], 1))

	def test_an_order_that_comes_sent_names_it_too(self) -> None:
		self.policy(WITH_STOCK)
		key = self.key("sent")
		fulfilment = self.sent(key)
		name = self.says(key, fulfilments=(fulfilment,))["reference_name"]
		self.work()
		self.work(later=HOUR)
		self.assertEqual(self.document_of(fulfilment), ("Sales Invoice", name))
		self.assertEqual(self.fixture.notes_of(name), [])

	def test_a_draft_ships_nothing_and_is_not_deleted_for_a_fulfilment(self) -> None:
		key, name = self.ordered(invoices=WITH_STOCK.model_copy(update={"submit": False}))
		[entry] = self.shop_sent(key, self.sent(key))
		self.assertEqual((entry["state"], self.shipments(key)), ("Failed", []))
		self.assertIn(f"Sales Invoice {name} is draft. Submit it", entry["message"])
		with self.erp.transaction():
			self.erp.withdraw_delivery_note(name)
		self.assertTrue(frappe.db.exists("Sales Invoice", name))
		frappe.get_doc("Sales Invoice", name).submit()
		frappe.db.commit()
		self.work()
		self.assertEqual([each.id for each in self.shipments(key)], [name])

	def test_that_the_shop_did_not_send_it_does_not_undo_the_order(self) -> None:
		key, name = self.ordered()
		self.work()
		fulfilment = self.sent(key)
		self.shop_sent(key, fulfilment)
		entries = self.shop_sent(key, fulfilment.model_copy(update={"cancelled": True}), minute=6)
		self.assertEqual(entries[-1]["state"], "Failed")
		self.assertIn("stands for the order", entries[-1]["message"])
		self.assertEqual(frappe.db.get_value("Sales Invoice", name, "docstatus"), 1)

	def test_payment_on_delivery_is_booked(self) -> None:
		row = {"mode_of_payment": self.fixture.mode_of_payment, "account": self.fixture.clearing_account}
		cod = (PaymentMap(gateway="cod", **row, book="On Delivery"),)
		self.policy(WITH_STOCK.model_copy(update={"submit": False}), payments=cod)
		key = self.key("cod")
		name = self.says(key)["reference_name"]
		self.tell(key, paid(status="pending", gateway="cod"))
		self.assertEqual(self.books(key).paid, 0)
		frappe.get_doc("Sales Invoice", name).submit()
		frappe.db.commit()
		self.work(later=HOUR)
		self.assertEqual((self.books(key).paid, len(self.books(key).invoices)), (49, 1))

	def test_goods_come_back_at_their_cost_and_money_goes_once(self) -> None:
		before = self.fixture.stock(PHONE)
		key, name = self.ordered()
		gone = before[1] - self.fixture.stock(PHONE)[1]
		self.give_back(key, *BACK)
		[entry] = self.fixture.entries_back(name)
		self.assertEqual((entry.docstatus, self.fixture.stock(PHONE)), (1, before))
		self.assertEqual(Decimal(str(entry.total_incoming_value)), gone)
		[note] = self.notes(key)
		self.assertEqual(frappe.db.get_value("Sales Invoice", note.name, "update_stock"), 0)
		self.assertEqual(self.cost_of(name, note.name, entry.name), 0)
		self.assertEqual(self.books(key).returned, {"l1": 2, "l2": 2})
		self.work()
		last = self.shipments(key)[-1]
		self.assertEqual((last.status, [row.returned for row in last.lines]), ("returned", [2, 2]))

	def test_what_came_back_is_not_taken_back_twice(self) -> None:
		key, name = self.ordered()
		self.give_back(key, back("l1", 1, restock=True))
		self.give_back(key, back("l1", 1, restock=True), name="r2", minute=12)
		entries = self.fixture.entries_back(name)
		self.assertEqual([row.qty for entry in entries for row in entry.items], [1, 1])
		self.assertEqual(self.books(key).returned, {"l1": 2})
		plan = ReturnPlan(self.channel.name, name, {"l1": Decimal(1)}, self.placed.date(), submit=True)
		with self.assertRaisesRegex(Rejected, "came back before"), self.erp.transaction():
			self.erp.create_returns(self.channel, plan)
		entries[0].cancel()
		frappe.db.commit()
		self.assertEqual(self.books(key).returned, {"l1": 1})

	def test_no_more_comes_back_than_left(self) -> None:
		"""Of a draft, too, in which a person writes another quantity."""
		_key, name = self.ordered()
		row = frappe.get_doc("Sales Invoice", name).items[0]
		part = invoice_return.Part(row.name, Decimal(1))
		entry = frappe.get_doc("Stock Entry", invoice_return.make(name, [part], submit=False))
		entry.items[0].qty = 3
		entry.save()
		with self.assertRaisesRegex(frappe.ValidationError, f"left with Sales Invoice {name}"):
			entry.submit()
		frappe.db.rollback()

	def test_batches_come_back_as_they_left(self) -> None:
		self.fixture.make_item(BATCHED)
		frappe.db.set_value(
			"Item", BATCHED, {"has_batch_no": 1, "create_new_batch": 1, "batch_number_series": "CB-B-.####"}
		)
		frappe.clear_document_cache("Item", BATCHED)
		self.fixture.receive_stock(BATCHED, 1, 4.0)
		self.fixture.receive_stock(BATCHED, 1, 6.0)
		key, name = self.ordered(line(1, 2).model_copy(update={"sku": BATCHED}))
		left = self.fixture.batches_of(name)
		self.give_back(key, back("l1", 1, restock=True))
		self.give_back(key, back("l1", 1, restock=True), name="r2", minute=12)
		entries = [entry.name for entry in self.fixture.entries_back(name)]
		came = [batch for entry in entries for batch in self.fixture.batches_of(entry)]
		self.assertEqual((len(left), sorted(came)), (2, sorted(left)))
		self.assertEqual(self.cost_of(name, *entries), 0)

	def test_policy_says_draft_and_where(self) -> None:
		key, name = self.ordered(
			refunds=self.refunds(returns="Draft", return_warehouse=self.fixture.second_warehouse)
		)
		self.give_back(key, back("l1", 1, restock=True))
		[entry] = self.fixture.entries_back(name)
		self.assertEqual((entry.docstatus, entry.items[0].t_warehouse), (0, self.fixture.second_warehouse))
		self.assertEqual(self.books(key).returned, {})

	def test_a_bundle_comes_back_in_parts(self) -> None:
		self.fixture.make_item(PART)
		self.fixture.receive_stock(PART, 20)
		self.fixture.receive_stock(PHONE, 5)
		self.fixture.make_bundle(BUNDLE, {PART: Decimal(3), PHONE: Decimal(1)})
		key, name = self.ordered(line(1, 2).model_copy(update={"sku": BUNDLE}))
		before = self.fixture.stock(PART)
		self.give_back(key, back("l1", 1, restock=True))
		[entry] = self.fixture.entries_back(name)
		self.assertEqual({row.item_code: row.qty for row in entry.items}, {PART: 3, PHONE: 1})
		self.assertEqual(self.fixture.stock(PART)[0] - before[0], 3)
		self.assertEqual(self.books(key).returned, {"l1": 1})
		self.give_back(key, back("l1", 1, restock=True), name="r2", minute=12)
		self.assertEqual(self.books(key).returned, {"l1": 2})
		self.assertEqual(self.cost_of(name, *(each.name for each in self.fixture.entries_back(name))), 0)

	def test_all_units_come_back_and_of_some_a_person_says_which(self) -> None:
		self.fixture.make_traced(TRACED)
		self.fixture.receive_stock(TRACED, 2, 5.0)
		self.fixture.receive_stock(TRACED, 2, 9.0)
		key, name = self.ordered(line(1, 2).model_copy(update={"sku": TRACED}))
		units = self.fixture.units_of(name)
		self.work()
		self.assertEqual(set(self.shipments(key)[0].lines[0].serials), units)
		self.give_back(key, back("l1", 1, restock=True))
		[draft] = self.fixture.entries_back(name)
		self.assertEqual((draft.docstatus, draft.items[0].serial_no or ""), (0, ""))
		draft.delete()
		frappe.db.commit()
		self.give_back(key, back("l1", 1, restock=False), name="r2", minute=12)
		other, oname = self.ordered(line(1, 2).model_copy(update={"sku": TRACED}))
		self.give_back(other, back("l1", 2, restock=True))
		[entry] = self.fixture.entries_back(oname)
		self.assertEqual(
			(entry.docstatus, self.fixture.units_of(entry.name)), (1, self.fixture.units_of(oname))
		)
		self.assertEqual(self.cost_of(oname, entry.name), 0)

	def test_a_unit_that_left_with_another_invoice_does_not_come_back(self) -> None:
		self.fixture.make_traced(TRACED)
		self.fixture.receive_stock(TRACED, 4, 5.0)
		orders = [self.ordered(line(1, 2).model_copy(update={"sku": TRACED})) for _number in range(2)]
		(key, name), (_other, sold) = orders
		self.give_back(key, back("l1", 1, restock=True))
		[draft] = self.fixture.entries_back(name)
		for unit, refused in (
			(min(self.fixture.units_of(sold)), True),
			(min(self.fixture.units_of(name)), False),
		):
			draft.reload()
			draft.items[0].update({"serial_no": unit, "use_serial_batch_fields": 1})
			draft.save()
			frappe.db.commit()
			if refused:
				with self.assertRaisesRegex(frappe.ValidationError, f"{unit} did not leave with .*{name}"):
					draft.submit()
				frappe.db.rollback()
			else:
				draft.submit()
				frappe.db.commit()
		self.assertEqual(self.books(key).returned, {"l1": 1})

	def test_a_person_s_credit_note_that_moves_stock_counts_and_does_so_once(self) -> None:
		key, name = self.ordered()
		doc = make_sales_return(name)
		doc.items = [row for row in doc.items if row.cb_line_id == "l1"]
		doc.items[0].qty = -1
		doc.insert().submit()
		frappe.db.commit()
		self.assertEqual(self.books(key).returned, {"l1": 1})

	def test_goods_of_a_return_do_not_come_back_with_a_credit_note_again(self) -> None:
		key, name = self.ordered()
		self.said_back(key, "received")
		[entry] = self.fixture.entries_back(name)
		again = make_sales_return(name)
		self.assertTrue(again.update_stock, "as ERPNext offers it")
		with self.assertRaisesRegex(frappe.ValidationError, entry.name):
			again.insert().submit()
		frappe.db.rollback()
		again = make_sales_return(name)
		again.update({"update_stock": 0}).insert().submit()
		frappe.db.commit()
		self.assertEqual(self.books(key).returned, {"l1": 2})

	def test_a_return_takes_goods_back_and_the_refund_no_more(self) -> None:
		key, name = self.ordered()
		self.said_back(key, "approved")
		self.said_back(key, "received", 12)
		found, [entry] = self.authorisation(key), self.fixture.entries_back(name)
		self.assertEqual((found.status, found.sales_invoice, found.sales_order), ("Received", name, None))
		self.assertEqual(
			(found.order_id, found.order_number),
			(key, frappe.get_doc("Sales Invoice", name).cb_external_number),
		)
		self.assertEqual((entry.cb_return_authorisation, entry.docstatus), (found.name, 1))
		self.assertEqual(self.cost_of(name, entry.name), self.cost_of(name) / 2)
		self.give_back(key, back("l1", 2, restock=True))
		self.assertEqual(len(self.fixture.entries_back(name)), 1)

	def test_a_return_adopts_what_a_person_s_credit_note_took_back(self) -> None:
		key, name = self.ordered()
		doc = make_sales_return(name)
		doc.items = [row for row in doc.items if row.cb_line_id == "l1"]
		doc.insert().submit()
		frappe.db.commit()
		self.said_back(key, "received")
		doc.reload()
		found = self.authorisation(key)
		self.assertEqual((doc.cb_return_authorisation, found.lines[0].received), (found.name, 2))
		self.assertEqual(self.fixture.entries_back(name), [])
		doc.cancel()
		frappe.db.commit()
		self.assertEqual(self.authorisation(key).lines[0].received, 0)

	def test_a_return_adopts_what_a_refund_took_back(self) -> None:
		key, name = self.ordered()
		self.give_back(key, back("l1", 2, restock=True))
		self.said_back(key, "received", 12)
		[entry] = self.fixture.entries_back(name)
		self.assertEqual(entry.cb_return_authorisation, self.authorisation(key).name)
		self.assertEqual(self.authorisation(key).lines[0].received, 2)


class TestOfSalesOrders(DirectCase):
	"""A person bills a Sales Order with Update Stock."""

	__test__ = True

	def invoiced(self, **settings: Any) -> tuple[str, Any]:
		self.policy(InvoicePolicy(), **settings)
		key = self.key("so")
		row = self.says(key)
		if "payments" in settings:
			self.tell(key, paid(status="pending", gateway="cod"))
		invoice = make_sales_invoice(row["reference_name"])
		invoice.update({"update_stock": 1}).insert().submit()
		frappe.db.commit()
		self.work()
		return key, invoice

	def test_goods_come_back_though_they_left_with_an_invoice(self) -> None:
		before = self.fixture.stock(PHONE)
		key, invoice = self.invoiced()
		self.give_back(key, back("l1", 2, restock=True))
		[entry] = self.fixture.entries_back(invoice.name)
		self.assertEqual((entry.docstatus, entry.items[0].qty), (1, 2))
		self.assertEqual(before[0] - self.fixture.stock(PHONE)[0], 2)
		self.assertEqual(self.books(key).returned, {"l1": 2})

	def test_payment_on_delivery_is_booked(self) -> None:
		row = {"mode_of_payment": self.fixture.mode_of_payment, "account": self.fixture.clearing_account}
		key, invoice = self.invoiced(payments=(PaymentMap(gateway="cod", **row, book="On Delivery"),))
		self.assertEqual(self.books(key).paid, 49)
		self.assertEqual([each.name for each in self.books(key).invoices], [invoice.name])

	def test_payment_on_delivery_of_an_order_that_a_person_closes(self) -> None:
		row = {"mode_of_payment": self.fixture.mode_of_payment, "account": self.fixture.clearing_account}
		self.policy(InvoicePolicy(), payments=(PaymentMap(gateway="cod", **row, book="On Delivery"),))
		for delivered, booked in (({"l1": Decimal(2)}, 49), ({}, 0)):
			with self.subTest(delivered):
				key = self.key("closed")
				name = self.says(key)["reference_name"]
				self.tell(key, paid(status="pending", gateway="cod"))
				if delivered:
					self.fixture.deliver(name, delivered)
				self.work()
				self.assertEqual(self.books(key).paid, 0)
				frappe.get_doc("Sales Order", name).update_status("Closed")
				frappe.db.commit()
				self.work()
				self.assertEqual((self.books(key).paid, self.books(key).invoices), (booked, ()))


class TestReturnsOfInvoices(DirectCase):
	__test__ = True

	def authorised(self, **values: Any) -> Any:
		row = {"item_code": PHONE, "quantity": 1}
		return frappe.get_doc(
			{"doctype": "Return Authorisation", "channel": self.channel.name, "lines": [row], **values}
		)

	def test_a_person_takes_goods_of_a_delivery_back(self) -> None:
		key, name = self.ordered()
		note = self.fixture.note_of(name)
		doc = self.authorised(sales_invoice=name).insert()
		self.assertEqual(
			(doc.order_id, doc.customer), (key, frappe.db.get_value("Sales Invoice", name, "customer"))
		)
		return_authorisation.decide(doc.name, "approved")
		[row] = return_authorisation.returnable(doc.name)
		[[doctype, made]] = return_authorisation.receive(doc.name, [{"row": row["row"], "quantity": 1}])
		frappe.db.commit()
		self.assertEqual(
			(doctype, frappe.db.get_value(doctype, made, "return_against")), ("Delivery Note", note)
		)
		self.work()
		notices = [each for each in self.told if getattr(each, "document", None) == doc.name]
		self.assertEqual((notices[-1].order_id, notices[-1].status), (key, "received"))

	def test_one_of_another_channel_or_of_a_sales_order_is_refused(self) -> None:
		_key, name = self.ordered()
		other = self.fixture.make_channel("Other Orders Shop").name
		with self.assertRaisesRegex(frappe.ValidationError, "not of channel"):
			self.authorised(sales_invoice=name, channel=other).insert()
		frappe.db.rollback()
		credit = make_sales_return(name)
		credit.insert().submit()
		with self.assertRaisesRegex(frappe.ValidationError, "choose that"):
			self.authorised(sales_invoice=credit.name).insert()
		frappe.db.rollback()
		self.policy(InvoicePolicy())
		sales_order = self.says(self.key("so"))["reference_name"]
		with self.assertRaisesRegex(frappe.ValidationError, "of one order"):
			self.authorised(sales_invoice=name, sales_order=sales_order).insert()
		frappe.db.rollback()
		with self.assertRaisesRegex(frappe.ValidationError, f"{name} has no"):
			row = {"item_code": self.fixture.make_item("CB-CASE"), "quantity": 1}
			self.authorised(sales_invoice=name, lines=[row]).insert()
		frappe.db.rollback()
		with self.assertRaisesRegex(frappe.ValidationError, f"{name} has 2"):
			self.authorised(sales_invoice=name, lines=[{"item_code": PHONE, "quantity": 3}]).insert()
		frappe.db.rollback()


class TestTold(DirectCase):
	__test__ = True

	def test_the_invoice_its_credit_notes_and_a_person_s_refund(self) -> None:
		key, name = self.ordered(events=EventPolicy(invoices="Own"), refunds=self.refunds(send_refunds=True))
		self.tell(key, paid())
		self.give_back(key, back("l1", 1))
		credit = make_sales_return(name)
		credit.items = [row for row in credit.items if row.cb_line_id == "l2"]
		credit.insert().submit()
		frappe.db.commit()
		self.work()
		notices = [each for each in self.told if isinstance(each, InvoiceNotice)]
		self.assertEqual([each.order_id for each in notices], [key] * 3)
		self.assertEqual([each.is_return for each in notices], [False, True, True])
		[request] = [each for each in self.told if isinstance(each, RefundRequest)]
		self.assertEqual((request.id, request.order_id), (credit.name, key))

	def test_how_far_it_is(self) -> None:
		key, name = self.ordered(events=EventPolicy(order_status="Own"))
		self.fixture.note_of(name, {"l1": 1})
		self.work()
		self.fixture.note_of(name)
		self.work()
		told = [each for each in self.told if isinstance(each, OrderStatus)]
		self.assertEqual({(each.order_id, each.document) for each in told}, {(key, name)})
		self.assertEqual([each.delivered for each in told], [0, 25, 100])
		self.assertEqual(
			(told[-1].billed, told[-1].status), (100, frappe.db.get_value("Sales Invoice", name, "status"))
		)
		_key, other = self.ordered(invoices=WITH_STOCK)
		with self.erp.transaction():
			status = self.erp.get_order_status(other, self.channel.name)
		self.assertEqual(status and (status.delivered, status.billed), (100, 100))

	def test_its_form_shows_what_the_shop_sent_of_the_order(self) -> None:
		key, name = self.ordered()
		self.tell(key, paid())
		topics = [row["topic"] for row in api.document_entries("Sales Invoice", name)]
		self.assertEqual(sorted(set(topics)), ["order.upserted", "payment.updated"])
		credit = make_sales_return(name).insert()
		self.assertEqual(api.document_entries("Sales Invoice", credit.name), [])
