"""Cancellations, edits and refunds of orders that are billed: the rows of docs/orders.md, a test for each cell."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from commerce_bridge.bridge.channel import InvoicePolicy, PaymentMap, RefundPolicy
from commerce_bridge.bridge.model import EventData, InvoiceDue
from commerce_bridge.bridge.plan import Books, Invoice
from commerce_bridge.tests.history_events import (
	ALL,
	DELIVERED,
	DRAFTS,
	NEVER,
	PAID,
	back,
	cancelled,
	order,
	paid,
	refund,
)
from commerce_bridge.tests.history_suite import TOPICS, HistoryFixture, played
from commerce_bridge.tests.order_cells import CellSuite, line

ZERO = Decimal(0)


class BillingSuite(CellSuite):
	"""Shorthand for orders with money."""

	fixture: HistoryFixture

	def policy(self, invoices: InvoicePolicy, **settings: Any) -> None:
		row = {"mode_of_payment": self.fixture.mode_of_payment, "account": self.fixture.clearing_account}
		defaults: dict[str, Any] = {
			"invoices": invoices,
			"payments": (PaymentMap(gateway="card", **row), PaymentMap(gateway="now", **row, book="Now")),
			"refunds": RefundPolicy(adjustment_item="CB-SHIPPING", returns="Submitted"),
		}
		self.channel = self.fixture.make_channel(self.channel.name, **defaults | settings)

	def tell(self, key: str, event: EventData) -> dict[str, Any]:
		return self.receive(played(event, key, self.channel.currency), TOPICS[type(event)])

	def sold(self, invoices: InvoicePolicy, *events: EventData, **settings: Any) -> str:
		"""An order that is paid, and whatever else is told of it; its key."""
		self.policy(invoices, **settings)
		key = self.key("billed")
		for event in (order(), paid(), *events):
			row = self.tell(key, event)
			self.assertEqual(row["state"], "Succeeded", row["message"])
		return key

	def books(self, key: str) -> Books:
		with self.erp.transaction():
			record = self.erp.get_record(self.channel.name, "Order", key)
			books = self.erp.get_books(record.document or "") if record else None
		assert books
		return books

	def notes(self, key: str) -> list[Invoice]:
		return [invoice for invoice in self.books(key).invoices if invoice.is_return]

	def invoices(self, key: str) -> list[Invoice]:
		return [invoice for invoice in self.books(key).invoices if not invoice.is_return]

	def send(self, key: str, *lines: str) -> str:
		quantities = {each: Decimal(2) for each in lines or ("l1", "l2")}
		note = self.fixture.deliver(self.live(key)["name"], quantities)
		self.work()
		return note


class BilledCells(BillingSuite):
	# --- cancelled

	def test_cancelled_after_billing_is_credited_in_full_and_closed(self) -> None:
		key = self.sold(PAID)
		row = self.tell(key, cancelled(9))
		self.assertEqual(row["state"], "Succeeded", row["message"])
		[invoice], [note] = self.invoices(key), self.notes(key)
		self.assertEqual((note.total, note.return_against), (Decimal(49), invoice.name))
		self.assertTrue(self.books(key).closed)
		self.assertIn(note.name, row["message"])
		self.assertIn("49.00", row["message"].partition("was paid and is not given back")[0])
		self.assertEqual(self.tell(key, cancelled(10))["state"], "Succeeded")
		self.assertEqual(len(self.notes(key)), 1, "once")

	def test_opened_again_after_it_was_credited_is_a_person_s(self) -> None:
		for invoices in (PAID, InvoicePolicy(when="Instead of Sales Order")):
			with self.subTest(invoices.when):
				key = self.sold(invoices)
				self.tell(key, cancelled(9))
				row = self.tell(key, order(12))
				self.assertEqual((row["state"], row["error_class"]), ("Failed", "Rejected"), row["message"])
				self.assertIn("by hand", row["message"])
				self.assertEqual((len(self.invoices(key)), len(self.notes(key))), (1, 1), "as it was")

	def test_cancelled_with_a_draft_of_ours_is_cancelled(self) -> None:
		key = self.sold(DRAFTS)
		[draft] = self.invoices(key)
		self.assertFalse(draft.submitted)
		row = self.tell(key, cancelled(9))
		self.assertEqual((row["state"], self.fixture.live_orders(key)), ("Succeeded", []), row["message"])
		self.assertEqual(self.invoices(key), [])

	def test_cancelled_after_it_was_sent_fails_unless_all_of_it_was_given_back(self) -> None:
		key = self.sold(DELIVERED)
		note = self.send(key)
		row = self.tell(key, cancelled(9))
		self.assertEqual((row["state"], row["error_class"]), ("Failed", "Rejected"))
		self.assertIn(note, row["message"])
		self.assertEqual(self.tell(key, refund("r1", *ALL, shipping="5.00"))["state"], "Succeeded")
		row = self.tell(key, cancelled(11))
		self.assertEqual(row["state"], "Succeeded", row["message"])
		self.assertEqual([each.total for each in self.notes(key)], [Decimal(49)])

	def test_cancelled_with_an_order_that_names_its_refund_is_explained_by_it(self) -> None:
		"""What some shops make of an order that was sent, came back and was given back as a whole."""
		key = self.sold(DELIVERED)
		self.send(key)
		gone = refund("r1", *ALL, shipping="5.00")
		row = self.tell(key, order(11, line(1, 0), shipping="0.00", cancelled=True, refunds=(gone,)))
		self.assertEqual(row["state"], "Succeeded", row["message"])
		self.assertEqual([each.total for each in self.notes(key)], [Decimal(49)])
		self.assertEqual(self.books(key).paid_back, Decimal(49))

	# --- what is due

	def test_what_is_not_paid_is_not_billed_whoever_asks_and_what_is_billed_not_again(self) -> None:
		self.policy(PAID)
		key = self.key("due")
		self.tell(key, order())
		self.tell(key, paid(amount="20.00"))
		row = self.receive(InvoiceDue(order_id=key), "invoice.due")
		self.assertEqual((row["state"], self.invoices(key)), ("Skipped", []))
		self.assertIn("20.00", row["message"])
		self.tell(key, paid("p2", "29.00", 3))
		[invoice] = self.invoices(key)
		row = self.receive(InvoiceDue(order_id=key), "invoice.due")
		self.assertIn(invoice.name, row["message"])
		self.assertEqual((row["state"], len(self.invoices(key))), ("Skipped", 1))

	def test_a_delivery_that_was_cancelled_is_not_billed(self) -> None:
		self.policy(DELIVERED)
		key = self.key("gone")
		name = self.tell(key, order())["reference_name"]
		note = self.fixture.deliver(name, {"l1": Decimal(1)})
		self.fixture.cancel_delivery(note)
		self.work()
		[entry] = self.fixture.entries_of(key, "invoice.due")
		self.assertEqual((entry["state"], self.invoices(key)), ("Skipped", []))
		self.assertIn(note, entry["message"])

	# --- edited

	def test_an_edit_after_billing_fails_and_names_the_invoice(self) -> None:
		key = self.sold(PAID)
		[invoice] = self.invoices(key)
		row = self.tell(key, order(9, line(1, 3), line(2)))
		self.assertEqual((row["state"], row["error_class"]), ("Failed", "Rejected"))
		self.assertIn(invoice.name, row["message"])

	def test_an_edit_that_is_no_refund_is_not_explained_by_one(self) -> None:
		key = self.sold(DELIVERED)
		self.send(key)
		gone = refund("r1", back("l1", 1))
		wrong = order(11, line(1, 1), line(2, 1), refunds=(gone,), refunds_deducted=True)
		row = self.tell(key, wrong)
		self.assertEqual((row["state"], row["error_class"]), ("Failed", "Rejected"), row["message"])
		right = order(12, line(1, 1), line(2), refunds=(gone,), refunds_deducted=True)
		row = self.tell(key, right)
		self.assertEqual(row["state"], "Succeeded", row["message"])
		self.assertIn("Nothing to change", row["message"])
		self.assertEqual([each.total for each in self.notes(key)], [Decimal(11)])

	def test_an_order_without_its_money_is_explained_by_its_refund(self) -> None:
		key = self.sold(DELIVERED)
		self.send(key)
		gone = refund("r1", adjustment="49.00")
		row = self.tell(key, order(11, money_gone="refunded", refunded=Decimal(49), refunds=(gone,)))
		self.assertEqual(row["state"], "Succeeded", row["message"])
		self.assertNotIn("by hand", row["message"])
		self.assertEqual([each.total for each in self.notes(key)], [Decimal(49)])

	def test_an_order_without_its_money_before_it_is_sent_is_cancelled(self) -> None:
		key = self.sold(DELIVERED)
		gone = refund("r1", adjustment="49.00")
		row = self.tell(key, order(11, money_gone="refunded", refunded=Decimal(49), refunds=(gone,)))
		self.assertEqual((row["state"], self.fixture.live_orders(key)), ("Succeeded", []), row["message"])
		books = self.books(key)
		self.assertEqual((books.paid, books.paid_back), (Decimal(49), Decimal(49)))

	def test_where_nothing_is_booked_of_refunds_an_order_without_its_money_fails_as_ever(self) -> None:
		self.policy(NEVER, payments=(), refunds=RefundPolicy(credit_notes=False))
		key = self.key("as-ever")
		self.tell(key, order())
		gone = refund("r1", adjustment="49.00")
		row = self.tell(key, order(11, money_gone="refunded", refunded=Decimal(49), refunds=(gone,)))
		self.assertEqual((row["state"], row["error_class"]), ("Failed", "Rejected"))
		self.assertEqual(self.tell(key, refund("r1", adjustment="49.00"))["state"], "Skipped")

	# --- given back

	def test_more_than_the_order_is_refused_with_both_amounts(self) -> None:
		key = self.sold(PAID)
		self.tell(key, order(12, status="packed"))
		row = self.tell(key, refund("r1", adjustment="50.00"))
		self.assertEqual((row["state"], row["error_class"]), ("Failed", "Rejected"))
		for amount in ("50.00", "49.00"):
			self.assertIn(amount, row["message"])
		self.assertEqual((self.notes(key), self.books(key).paid_back), ([], ZERO), "nothing half booked")

	def test_more_than_was_paid_waits_and_says_both_amounts(self) -> None:
		self.policy(PAID)
		key = self.key("underpaid")
		self.tell(key, order())
		self.tell(key, paid(amount="20.00"))
		row = self.tell(key, refund("r1", back("l1", 2), money="22.00"))
		self.assertEqual((row["state"], row["error_class"]), ("Retrying", "Retryable"))
		for amount in ("22.00", "20.00"):
			self.assertIn(amount, row["message"])
		self.assertEqual(self.books(key).paid_back, ZERO)
		self.tell(key, paid("p2", "29.00", 3))
		self.work()
		[row] = self.fixture.entries_of(key, "refund.created")
		self.assertEqual(row["state"], "Succeeded", "its payment woke it")

	def test_the_same_refund_twice_and_in_two_topics_is_credited_once(self) -> None:
		key = self.sold(DELIVERED)
		self.send(key)
		gone = refund("r1", back("l1", 1))
		for event in (gone, gone, order(11, refunds=(gone,)), gone):
			self.assertIn(self.tell(key, event)["state"], ("Succeeded", "Skipped"))
		self.assertEqual([each.total for each in self.notes(key)], [Decimal(11)])
		self.assertEqual(self.books(key).paid_back, Decimal(11))

	def test_a_refund_of_an_unknown_order_waits_for_it(self) -> None:
		self.policy(PAID)
		key = self.key("unknown")
		row = self.tell(key, refund("r1", back("l1", 1)))
		self.assertEqual((row["state"], row["error_class"]), ("Retrying", "Retryable"))
		self.assertIn("is not here yet", row["message"])

	def test_money_of_an_order_that_is_not_taken_in_is_skipped(self) -> None:
		self.policy(PAID)
		self.use_statuses("paid")
		key = self.key("left-out")
		self.assertEqual(self.tell(key, paid())["state"], "Retrying")
		self.assertEqual(self.tell(key, order(status="pending"))["state"], "Skipped")
		[row] = self.fixture.entries_of(key, "payment.updated")
		self.assertEqual(row["state"], "Skipped", row["message"])
		self.assertEqual(self.tell(key, refund("r1", back("l1", 1)))["state"], "Skipped")
		self.assertEqual(self.tell(key, order(12))["state"], "Succeeded")
		books = self.books(key)
		kept = (books.total, books.paid, books.paid_back)
		self.assertEqual(kept, (Decimal(38), Decimal(49), Decimal(11)), "what was kept of it is booked")

	def use_statuses(self, *statuses: str) -> None:
		policy = self.channel.orders.model_copy(update={"statuses": statuses})
		self.policy(PAID, orders=policy)

	def test_a_refund_that_was_taken_back_after_it_was_credited_fails_and_names_the_note(self) -> None:
		key = self.sold(DELIVERED)
		self.send(key)
		self.tell(key, refund("r1", back("l1", 1)))
		[note] = self.notes(key)
		row = self.tell(key, refund("r1", back("l1", 1), updated=12, cancelled=True))
		self.assertEqual((row["state"], row["error_class"]), ("Failed", "Rejected"))
		self.assertIn(note.name, row["message"])

	def test_a_refund_with_a_draft_note_is_taken_back(self) -> None:
		drafts = RefundPolicy(submit=False, adjustment_item="CB-SHIPPING", returns="Nothing")
		key = self.sold(DELIVERED, refunds=drafts)
		self.send(key)
		self.tell(key, refund("r1", back("l1", 1)))
		[note] = self.notes(key)
		self.assertFalse(note.submitted)
		row = self.tell(key, refund("r1", back("l1", 1), updated=12, cancelled=True))
		self.assertEqual((row["state"], self.notes(key)), ("Succeeded", []), row["message"])
		self.assertEqual(self.books(key).paid_back, ZERO)

	def test_a_refund_that_is_taken_back_takes_its_money_along_whoever_names_it(self) -> None:
		key = self.sold(NEVER)
		self.send(key)
		self.tell(key, refund("r1", back("l1", 1)))
		self.assertEqual(self.books(key).paid_back, Decimal(11))
		row = self.tell(key, refund("r1", back("l1", 1), updated=12, cancelled=True, money=None))
		self.assertEqual((row["state"], self.books(key).paid_back), ("Succeeded", ZERO), row["message"])

	def test_of_several_refunds_what_was_sent_comes_back_once(self) -> None:
		key = self.sold(PAID)
		self.fixture.deliver(self.live(key)["name"], {"l1": Decimal(1)})
		self.work()
		for name, minute, returned in (("r1", 10, {}), ("r2", 11, {"l1": Decimal(1)})):
			row = self.tell(key, refund(name, back("l1", 1, restock=True), minute=minute))
			self.assertEqual(row["state"], "Succeeded", row["message"])
			self.assertEqual(self.books(key).returned, returned)

	def test_a_note_lowers_what_is_owed_unless_money_goes_back(self) -> None:
		for money, open_of_invoice in ((None, "18"), ("11.00", "29")):
			with self.subTest(money=money):
				self.policy(DELIVERED)
				key = self.key("open", str(money))
				self.tell(key, order())
				self.tell(key, paid(amount="20.00"))
				self.send(key)
				row = self.tell(key, refund("r1", back("l1", 1), money=money))
				self.assertEqual(row["state"], "Succeeded", row["message"])
				[invoice], [note] = self.invoices(key), self.notes(key)
				self.assertEqual((invoice.open, note.open), (Decimal(open_of_invoice), ZERO))

	def test_what_is_given_back_unsent_is_said_not_to_be_sent(self) -> None:
		key = self.sold(PAID)
		row = self.tell(key, refund("r1", back("l1", 1)))
		self.assertIn("Not to be sent any more: 1 × CB-PHONE", row["message"])
		self.assertFalse(self.books(key).closed)
		row = self.tell(key, refund("r2", back("l1", 1), back("l2", 2), minute=11))
		self.assertIn("closed", row["message"])
		self.assertTrue(self.books(key).closed)

	def test_what_is_sent_and_not_billed_waits_and_its_money_goes_at_once(self) -> None:
		key = self.sold(NEVER)
		self.send(key)
		row = self.tell(key, refund("r1", back("l1", 1, restock=True)))
		self.assertEqual(row["state"], "Succeeded", row["message"])
		self.assertIn("waits for the invoice", row["message"])
		books = self.books(key)
		self.assertEqual((books.invoices, books.paid_back, books.returned), ((), Decimal(11), {"l1": 1}))
		self.fixture.bill(self.live(key)["name"])
		self.work()
		[invoice], [note] = self.invoices(key), self.notes(key)
		self.assertEqual((note.total, note.return_against), (Decimal(11), invoice.name))
		books = self.books(key)
		self.assertEqual((books.paid_back, books.returned), (Decimal(11), {"l1": 1}), "once")
		row = self.tell(key, refund("r2", back("l2", 1), minute=11, money=None))
		self.assertIn("over", row["message"], "billed: credited at once")

	def test_goods_of_a_refund_of_a_return_come_back_with_the_return(self) -> None:
		key = self.sold(DELIVERED)
		self.send(key)
		row = self.tell(key, refund("r1", back("l1", 1, restock=True), return_id="rma-7"))
		self.assertEqual((row["state"], self.books(key).returned), ("Succeeded", {}), row["message"])
		self.assertIn("rma-7", row["message"])
		self.assertEqual([note.total for note in self.notes(key)], [Decimal(11)])

	def test_a_refund_that_only_waits_is_skipped_and_says_so(self) -> None:
		key = self.sold(NEVER)
		self.send(key)
		row = self.tell(key, refund("r1", back("l1", 1), money=None))
		self.assertEqual(row["state"], "Skipped")
		self.assertIn("waits for the invoice", row["message"])

	def test_goods_that_are_prepared_keep_a_refund_waiting_for_a_person(self) -> None:
		key = self.sold(DELIVERED)
		note = self.fixture.draft_delivery(self.live(key)["name"])
		row = self.tell(key, refund("r1", back("l1", 1)))
		self.assertEqual((row["state"], row["error_class"]), ("Failed", "Rejected"))
		self.assertIn(note, row["message"])

	def test_a_gateway_without_a_row_is_named_and_nothing_is_booked(self) -> None:
		self.policy(PAID)
		key = self.key("gateway")
		self.tell(key, order())
		row = self.tell(key, paid(gateway="PayFriend"))
		self.assertEqual((row["state"], row["error_class"]), ("Failed", "Misconfigured"))
		self.assertIn("PayFriend", row["message"])
		self.assertEqual((self.books(key).paid, self.invoices(key)), (ZERO, []))

	def test_a_refund_without_an_adjustment_item_says_which_field(self) -> None:
		key = self.sold(DELIVERED, refunds=RefundPolicy(), fee_item=None)
		self.send(key)
		row = self.tell(key, refund("r1", adjustment="4.00"))
		self.assertEqual((row["state"], row["error_class"]), ("Failed", "Misconfigured"))
		self.assertIn("Adjustments", row["message"])
		self.assertEqual(self.books(key).paid_back, ZERO)

	def test_an_older_state_of_a_payment_or_refund_is_skipped(self) -> None:
		key = self.sold(PAID)
		self.assertEqual(self.tell(key, paid(minute=1, status="authorised"))["state"], "Skipped")
		self.tell(key, refund("r1", back("l1", 1), updated=12))
		self.assertEqual(self.tell(key, refund("r1", back("l1", 1), updated=11))["state"], "Skipped")

	def test_a_payment_in_another_currency_is_refused_with_both(self) -> None:
		self.policy(PAID)
		key = self.key("currency")
		self.tell(key, order())
		payment = played(paid(), key, self.channel.currency).model_copy(update={"currency": "JPY"})
		row = self.receive(payment, "payment.updated")
		self.assertEqual((row["state"], row["error_class"]), ("Failed", "Rejected"))
		for currency in ("JPY", self.channel.currency):
			self.assertIn(currency, row["message"])
