"""Orders whose Sales Invoice stands instead of a Sales Order: the rows of docs/orders.md, and the stock they sell."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from commerce_bridge.bridge.channel import InvoicePolicy, RefundPolicy
from commerce_bridge.bridge.model import InvoiceDue, Order
from commerce_bridge.bridge.outbound import SHIPMENT
from commerce_bridge.bridge.plan import SalesOrderState
from commerce_bridge.tests.billed_cells import BillingSuite
from commerce_bridge.tests.direct_histories import DIRECT, DIRECT_DRAFT, MORE, ON_SHELF, TAKEN, WITH_STOCK
from commerce_bridge.tests.history_events import DELIVERED, NEVER, PAID, back, cancelled, order, paid, refund
from commerce_bridge.tests.order_cells import line

#: Item whose levels are looked at.
COUNTED = "CB-COUNTED"


def counted(minute: int = 1) -> Order:
	"""Two lines of two pieces."""
	lines = (line(number).model_copy(update={"sku": COUNTED}) for number in (1, 2))
	return order(minute, *lines)


class DirectCells(BillingSuite):
	def direct(
		self, invoices: InvoicePolicy = DIRECT, told: Order | None = None, **settings: Any
	) -> tuple[str, str]:
		"""An order that was taken in: external id, Sales Invoice."""
		self.policy(invoices, **settings)
		key = self.key("direct")
		row = self.tell(key, told or order())
		self.assertEqual(
			(row["state"], row["reference_doctype"]), ("Succeeded", "Sales Invoice"), row["message"]
		)
		total = f"49.00 {self.channel.currency}"
		self.assertEqual(row["message"], f"Sales Invoice {row['reference_name']} made, {total}")
		return key, row["reference_name"]

	def state_of(self, name: str) -> SalesOrderState:
		with self.erp.transaction():
			state = self.erp.get_sales_order(name)
		assert state
		return state

	def refused(self, row: dict[str, Any], *said: str) -> None:
		self.assertEqual((row["state"], row["error_class"]), ("Failed", "Rejected"), row["message"])
		for part in said:
			self.assertIn(part, row["message"])

	# --- what it is

	def test_the_invoice_is_the_order(self) -> None:
		key, name = self.direct()
		self.assertEqual(self.fixture.documents(key), 1)
		state, books = self.state_of(name), self.books(key)
		self.assertEqual((state.doctype, state.status, state.billed), ("Sales Invoice", "Submitted", (name,)))
		self.assertEqual((state.delivered, state.drafts), ((), ()))
		self.assertEqual((books.doctype, books.total, books.closed), ("Sales Invoice", Decimal(49), False))
		[invoice] = self.invoices(key)
		self.assertEqual((invoice.name, invoice.open), (name, Decimal(49)))

	def test_with_update_stock_it_is_its_shipment(self) -> None:
		self.fixture.fill_shelf(ON_SHELF)
		key, name = self.direct(WITH_STOCK, TAKEN[0])
		self.assertEqual(self.state_of(name).delivered, (name,))
		self.assertEqual(self.books(key).delivered, {"l1": Decimal(2), "l2": Decimal(2)})
		with self.erp.transaction():
			shipment = self.erp.get_shipment("Sales Invoice", name, self.channel.name, key)
		assert shipment
		self.assertEqual((shipment.order_id, shipment.complete), (key, True))
		self.assertIn(SHIPMENT, [entry["topic"] for entry in self.fixture.entries_about(name)])

	# --- told again

	def test_a_draft_follows_in_place_and_is_deleted_with_its_order(self) -> None:
		key, name = self.direct(DIRECT_DRAFT)
		self.assertEqual((self.state_of(name).billed, self.state_of(name).drafts), ((), ()))
		row = self.tell(key, MORE)
		self.assertIn(f"Sales Invoice {name} changed, 60.00", row["message"])
		self.assertEqual((self.live(key)["name"], self.live(key)["grand_total"]), (name, Decimal(60)))
		row = self.tell(key, cancelled(9))
		self.assertEqual((row["state"], self.fixture.live_orders(key)), ("Succeeded", []))
		self.assertIn(f"Sales Invoice {name} cancelled", row["message"])

	def test_an_edit_of_what_is_submitted_says_what_to_do(self) -> None:
		key, name = self.direct()
		self.refused(self.tell(key, MORE), f"Sales Invoice {name}", "it is submitted", "Make a credit note")
		self.assertEqual(self.live(key)["grand_total"], Decimal(49))
		self.assertIn("says this already", self.tell(key, order(4))["message"])

	def test_what_a_person_cancelled_is_said_and_not_made_again(self) -> None:
		key, name = self.direct()
		self.fixture.cancel_by_hand(name)
		self.refused(self.tell(key, MORE), f"Sales Invoice {name} was cancelled in ERPNext")
		row = self.tell(key, cancelled(9))
		self.assertEqual((row["state"], row["message"]), ("Succeeded", "Cancelled already"))
		self.assertEqual((self.fixture.documents(key), self.fixture.live_orders(key)), (1, []))

	def test_a_cancellation_names_the_draft_that_is_being_prepared(self) -> None:
		key, name = self.direct()
		self.tell(key, paid())
		note = self.fixture.draft_delivery(name)
		self.refused(self.tell(key, cancelled(9)), note, f"Sales Invoice {name}")
		self.assertEqual(self.notes(key), [])

	def test_a_cancellation_without_credit_notes_says_what_to_do(self) -> None:
		key, name = self.direct(refunds=RefundPolicy(credit_notes=False))
		self.refused(self.tell(key, cancelled(9)), f"Sales Invoice {name}", "Cancel it, then retry")
		self.assertEqual(self.state_of(name).status, "Submitted")

	def test_goods_that_left_on_paper_come_back_as_the_channel_says(self) -> None:
		self.fixture.fill_shelf(ON_SHELF)
		for returns, came_back in (("Submitted", Decimal(2)), ("Draft", None), ("Nothing", None)):
			with self.subTest(returns):
				policy = RefundPolicy(adjustment_item="CB-SHIPPING", returns=returns)  # type: ignore[arg-type]
				key, name = self.direct(WITH_STOCK, TAKEN[0], refunds=policy)
				row = self.tell(key, cancelled(9))
				self.assertEqual(row["state"], "Succeeded", row["message"])
				self.assertEqual([note.total for note in self.notes(key)], [Decimal(49)])
				self.assertEqual(self.books(key).returned.get("l1"), came_back)
				self.assertIn("by hand" if returns == "Nothing" else "return ", row["message"])
				self.assertIn(f"nothing is left of Sales Invoice {name}", row["message"])

	# --- billed once

	def test_no_other_rule_bills_it_again(self) -> None:
		key, name = self.direct()
		self.policy(PAID)
		self.tell(key, paid())
		self.policy(DELIVERED)
		self.send(key)
		self.assertEqual([invoice.name for invoice in self.invoices(key)], [name])
		for due in (
			InvoiceDue(order_id=key),
			InvoiceDue(order_id=key, delivery_note=self.books(key).deliveries[0]),
		):
			row = self.receive(due, "invoice.due")
			self.assertEqual((row["state"], row["message"]), ("Skipped", "Nothing is due"))
		self.assertEqual([invoice.name for invoice in self.invoices(key)], [name])

	def test_what_has_a_sales_order_keeps_it_and_is_billed_by_hand(self) -> None:
		self.policy(NEVER)
		key = self.key("kept")
		self.tell(key, order())
		self.policy(DIRECT)
		row = self.tell(key, MORE)
		self.assertEqual((row["state"], row["reference_doctype"]), ("Succeeded", "Sales Order"))
		self.assertIn("bill it by hand", row["message"])
		self.assertIn("bill it by hand", self.tell(key, MORE.model_copy(update={"version": 4}))["message"])
		note = self.fixture.deliver(row["reference_name"], {"l1": Decimal(1)})
		row = self.receive(InvoiceDue(order_id=key, delivery_note=note), "invoice.due")
		self.assertEqual(row["state"], "Skipped")
		self.assertIn("by hand", row["message"])
		self.assertEqual(self.invoices(key), [])

	def test_what_left_with_an_invoice_is_billed_by_it(self) -> None:
		self.policy(DELIVERED)
		key = self.key("itself")
		name = self.tell(key, order())["reference_name"]
		self.fixture.bill(name)
		invoice = self.invoices(key)[0].name
		row = self.receive(InvoiceDue(order_id=key, delivery_note=invoice), "invoice.due")
		self.assertEqual((row["state"], len(self.invoices(key))), ("Skipped", 1))
		self.assertIn(f"Sales Invoice {invoice} bills what left with it", row["message"])

	# --- what it sells

	def test_what_did_not_leave_is_sold(self) -> None:
		self.policy(DIRECT)
		self.fixture.make_item(COUNTED)
		self.fixture.set_stock(COUNTED, Decimal(20))
		self.fixture.make_listing(self.channel.name, COUNTED, COUNTED)
		key, name = self.direct(DIRECT_DRAFT, counted())
		self.assertEqual(self.level(COUNTED), 16, "a draft")
		self.fixture.submit_drafts(name)
		self.work()
		self.assertEqual(self.level(COUNTED), 16, "submitted")
		self.drain_stock_changes()
		self.fixture.deliver(name, {"l1": Decimal(2)})
		self.assertEqual(self.level(COUNTED), 16, "a part of it left")
		self.tell(key, paid())
		self.drain_stock_changes()
		row = self.tell(key, refund("r1", back("l2", 1)))
		self.assertEqual((row["state"], self.level(COUNTED)), ("Succeeded", 17), row["message"])
		self.assertIn(COUNTED, self.drain_stock_changes(), "it is pushed")
		key, name = self.direct(DIRECT, counted())
		self.assertEqual(self.level(COUNTED), 13)
		self.tell(key, cancelled(9))
		self.assertEqual(self.level(COUNTED), 17, "credited")
		key, name = self.direct(InvoicePolicy(when=DIRECT.when, update_stock=True, submit=False), counted())
		self.assertEqual(self.level(COUNTED), 13, "goods of a draft are still here")
		self.tell(key, cancelled(9))
		self.assertEqual(self.level(COUNTED), 17, "deleted")
		key, name = self.direct(DIRECT, counted())
		self.fixture.cancel_by_hand(name)
		self.assertEqual(self.level(COUNTED), 17, "cancelled by a person")
