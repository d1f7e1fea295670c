"""Money, refunds and goods where a person had a hand in it, or where things came late: a test for each cell. One suite for
the sandbox and a real site."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any, Literal, Protocol

from commerce_bridge.bridge.channel import OrderPolicy, PaymentMap, RefundPolicy
from commerce_bridge.bridge.model import EventData, FulfilledLine, Fulfilment, Refund, Return, ReturnLine
from commerce_bridge.bridge.payments import RECORD_TYPE as PAYMENT
from commerce_bridge.bridge.protocols import Incoming
from commerce_bridge.bridge.receive import new_entry
from commerce_bridge.tests.billed_cells import BillingSuite
from commerce_bridge.tests.history_events import (
	ALL,
	DELIVERED,
	DRAFTS,
	NEVER,
	PAID,
	at,
	back,
	cancelled,
	order,
	paid,
	refund,
)
from commerce_bridge.tests.history_suite import TOPICS, HistoryFixture, played
from commerce_bridge.tests.order_cells import line

ZERO = Decimal(0)
LATER = timedelta(days=30)


class MoneyCellFixture(HistoryFixture, Protocol):
	"""What a person does besides."""

	def cancel_payment_by_hand(self, name: str, delete: bool = False) -> None: ...

	def draft_credit(self, invoice: str, quantities: Mapping[str, int]) -> str:
		"""A person drafts a credit note of these quantities of an invoice; its name."""
		...

	def submit_invoice(self, name: str) -> None: ...

	def delete_invoice(self, name: str) -> None: ...

	def forget_order(self, key: str) -> None:
		"""The payloads of an order's entries expire."""
		...


class MoneyCells(BillingSuite):
	fixture: MoneyCellFixture

	def tell(self, key: str, event: EventData) -> dict[str, Any]:
		"""As connectors do, with the order that it is of."""
		data = played(event, key, self.channel.currency)
		self.number += 1
		topic, name = TOPICS[type(data)], f"{self.id()}-{self.number}"
		with self.erp.transaction():
			incoming = Incoming(topic, name, key, None, data.updated_at, data.model_dump_json())
			entry = self.journal.record([new_entry(self.channel, incoming)])[0].name
		self.work()
		return self.fixture.entry(entry)

	def states(self, key: str, topic: str) -> list[str]:
		return [entry["state"] for entry in self.fixture.entries_of(key, topic)]

	def payment(self, key: str, name: str = "p1") -> str:
		"""The Payment Entry of a payment."""
		with self.erp.transaction():
			record = self.erp.get_record(self.channel.name, PAYMENT, f"{key}-{name}")
		assert record and record.document
		return record.document

	# --- a payment that a person took back

	def test_a_payment_that_a_person_took_back_stays_so_until_another_amount_is_told(self) -> None:
		for delete, said in ((False, "was cancelled in ERPNext"), (True, "deleted its Payment Entry")):
			with self.subTest(deleted=delete):
				self.policy(NEVER)
				key = self.key("by-hand", str(delete))
				for event in (order(), paid()):
					self.tell(key, event)
				self.fixture.cancel_payment_by_hand(self.payment(key), delete)
				row = self.tell(key, paid(minute=5))
				self.assertEqual((row["state"], self.books(key).paid), ("Skipped", ZERO), row["message"])
				self.assertIn(said, row["message"])
				row = self.tell(key, paid(amount="40.00", minute=6))
				self.assertEqual((row["state"], self.books(key).paid), ("Succeeded", 40), row["message"])
				self.assertEqual(self.tell(key, paid(amount="40.00", minute=7))["state"], "Skipped")

	def test_the_transaction_of_a_deleted_payment_is_not_booked_under_another_id(self) -> None:
		key = self.sold(NEVER)
		self.fixture.cancel_payment_by_hand(self.payment(key), delete=True)
		row = self.tell(key, paid("p2", minute=5, reference="txn-p1"))
		self.assertEqual((row["state"], self.books(key).paid), ("Skipped", ZERO), row["message"])
		self.assertIn("deleted in ERPNext", row["message"])

	def test_a_payment_that_a_person_deleted_is_not_booked_by_the_delivery(self) -> None:
		row = {"mode_of_payment": self.fixture.mode_of_payment, "account": self.fixture.clearing_account}
		self.policy(NEVER, payments=(PaymentMap(gateway="*", **row, book="On Delivery"),))
		key = self.key("cod")
		for event in (order(), paid()):
			self.tell(key, event)
		note = self.send(key)
		self.assertEqual(self.books(key).paid, 49)
		self.fixture.cancel_payment_by_hand(self.payment(key), delete=True)
		self.fixture.cancel_delivery(note)
		self.send(key)
		self.assertEqual(self.books(key).paid, ZERO)

	def test_what_was_taken_back_is_said_where_nothing_is_booked_instead(self) -> None:
		key = self.sold(NEVER)
		name = self.payment(key)
		self.policy(NEVER, payments=())
		row = self.tell(key, paid(amount="40.00", minute=5))
		self.assertEqual(row["state"], "Skipped", "nothing is looked at where nothing is booked")
		self.assertEqual(self.books(key).paid, 49)
		self.policy(PAID, payments=())
		row = self.tell(key, paid(amount="40.00", minute=6))
		self.assertEqual((row["state"], self.books(key).paid), ("Succeeded", ZERO), row["message"])
		self.assertIn(f"{name} cancelled", row["message"])
		self.assertIn("no Payment Methods", row["message"])

	# --- money of an order that was cancelled before it was seen

	def test_money_of_an_order_that_was_cancelled_unseen_is_a_person_s_until_it_went_back(self) -> None:
		self.policy(NEVER)
		key = self.key("unseen")
		self.tell(key, cancelled(1))
		row = self.tell(key, paid())
		self.assertEqual(row["state"], "Failed", row["message"])
		for said in ("49.00", "cancelled", "card"):
			self.assertIn(said, row["message"])
		row = self.tell(key, paid("p2", status="authorised"))
		self.assertEqual(row["state"], "Skipped", "no money moved")
		self.tell(key, refund("r1", *ALL, shipping="5.00"))
		self.assertEqual(self.states(key, "payment.updated"), ["Skipped", "Skipped"], "the refund woke it")

	def test_money_that_waited_for_an_order_that_was_cancelled_unseen_says_so_too(self) -> None:
		self.policy(NEVER)
		key = self.key("waited")
		self.assertEqual(self.tell(key, paid())["state"], "Retrying")
		self.tell(key, cancelled(3))
		self.assertEqual(self.states(key, "payment.updated"), ["Failed"])
		self.tell(key, order(9))
		self.assertEqual((self.states(key, "payment.updated"), self.books(key).paid), (["Succeeded"], 49))

	def test_nothing_waits_for_an_order_whose_money_was_gone_when_it_was_seen(self) -> None:
		self.policy(PAID)
		for money_gone, refunds in (("voided", ()), ("refunded", (refund("r1", *ALL, shipping="5.00"),))):
			with self.subTest(money_gone):
				key = self.key("gone", money_gone)
				told = order(1, refunds=refunds).model_copy(update={"money_gone": money_gone})
				self.assertEqual(self.tell(key, told)["state"], "Skipped")
				row = self.tell(key, paid("p1", minute=2))
				self.assertEqual(row["state"], "Skipped", row["message"])

	def test_money_that_did_not_come_in_or_is_booked_elsewhere_is_nobody_s(self) -> None:
		row = {"mode_of_payment": self.fixture.mode_of_payment, "account": self.fixture.clearing_account}
		never = PaymentMap(gateway="elsewhere", **row, book="Never")
		self.policy(NEVER, payments=(PaymentMap(gateway="card", **row), never))
		key = self.key("nothing")
		self.tell(key, cancelled(1))
		for event in (paid(status="authorised"), paid("p2", gateway="elsewhere")):
			self.assertEqual(self.tell(key, event)["state"], "Skipped")
		self.policy(NEVER, payments=())
		self.assertEqual(self.tell(key, paid("p3"))["state"], "Skipped")

	# --- a cancellation before its refund

	def test_the_refund_of_all_of_it_wakes_a_cancellation_that_failed(self) -> None:
		key = self.sold(DELIVERED)
		self.send(key)
		self.assertEqual(self.tell(key, cancelled(9))["state"], "Failed")
		self.tell(key, refund("r1", back("l1", 1)))
		self.assertEqual(self.states(key, "order.cancelled"), ["Failed"], "a part of it")
		self.tell(key, refund("r2", back("l1", 1), back("l2", 2), minute=11, shipping="5.00"))
		self.assertEqual(self.states(key, "order.cancelled"), ["Succeeded"])

	def test_the_refund_wakes_a_change_that_it_explains(self) -> None:
		key = self.sold(DELIVERED)
		self.send(key)
		change = order(11, line(1, 1), line(2), refunds_deducted=True)
		self.assertEqual(self.tell(key, change)["state"], "Failed")
		self.tell(key, refund("r1", back("l1", 1)))
		self.assertEqual(self.states(key, "order.upserted"), ["Succeeded", "Succeeded"])

	# --- a credit note that a person drafted

	def drafted(self) -> tuple[str, str]:
		"""An order that was billed, and a person's draft credit note of one piece."""
		key = self.sold(PAID)
		[invoice] = self.invoices(key)
		return key, self.fixture.draft_credit(invoice.name, {"l1": 1})

	def total_of(self, key: str, name: str) -> Decimal:
		return next(note.total for note in self.notes(key) if note.name == name)

	def told_of(self, key: str, draft: str, name: str = "r1", **values: Any) -> dict[str, Any]:
		"""The shop's refund of as much as the draft comes to."""
		rest = self.total_of(key, draft) - 10
		adjustment = str(rest) if rest else ""
		return self.tell(key, refund(name, back("l1", 1, rate=0), adjustment=adjustment, **values))

	def test_a_refund_waits_for_the_draft_of_a_person_and_is_the_submitted_one(self) -> None:
		key, draft = self.drafted()
		row = self.told_of(key, draft)
		self.assertIn(f"{draft} is of exactly this", row["message"])
		self.assertEqual([note.name for note in self.notes(key)], [draft])
		self.assertEqual(self.books(key).paid_back, self.total_of(key, draft), "money went at once")
		self.fixture.submit_invoice(draft)
		self.work(LATER)
		[found] = self.fixture.entries_of(key, "refund.found")
		self.assertEqual((found["state"], found["reference_name"]), ("Succeeded", draft), found["message"])
		self.assertEqual([note.name for note in self.notes(key)], [draft])
		self.assertEqual(self.books(key).paid_back, self.total_of(key, draft), "once")

	def test_a_refund_is_credited_by_itself_once_the_draft_is_deleted(self) -> None:
		key, draft = self.drafted()
		self.told_of(key, draft)
		self.fixture.delete_invoice(draft)
		self.work(LATER)
		[found] = self.fixture.entries_of(key, "refund.found")
		self.assertEqual(found["state"], "Succeeded", found["message"])
		[note] = self.notes(key)
		self.assertTrue(note.submitted)
		self.assertEqual(found["reference_name"], note.name)

	def test_a_draft_of_another_amount_is_another_one_and_a_submitted_one_comes_first(self) -> None:
		key, draft = self.drafted()
		self.tell(key, refund("r1", back("l1", 1, "7.00")))
		[made] = [note for note in self.notes(key) if note.name != draft]
		self.assertTrue(made.submitted)
		[invoice] = self.invoices(key)
		other = self.fixture.draft_credit(invoice.name, {"l2": 1})
		self.fixture.submit_invoice(other)
		row = self.told_of(key, other, "r2", minute=12)
		self.assertEqual((row["state"], row["reference_name"]), ("Succeeded", other), row["message"])

	# --- goods that came back before their refund

	def came_back(self, key: str, quantity: int, minute: int = 20) -> None:
		lines = (ReturnLine(order_line_id="l1", quantity=Decimal(quantity), received=Decimal(quantity)),)
		for status, moment in (("approved", minute), ("received", minute + 1)):
			told = Return(id="v1", order_id=key, status=status, updated_at=at(moment), lines=lines)  # type: ignore[arg-type]
			row = self.tell(key, told)
			self.assertEqual(row["state"], "Succeeded", row["message"])

	def test_goods_that_came_back_with_a_return_do_not_come_back_with_its_refund(self) -> None:
		policies: tuple[Literal["Draft", "Submitted"], ...] = ("Draft", "Submitted")
		for returns in policies:
			for quantity in (1, 2):
				with self.subTest(returns=returns, quantity=quantity):
					kept = RefundPolicy(adjustment_item="CB-SHIPPING", returns=returns)
					self.policy(DELIVERED, refunds=kept)
					key = self.key("rma", returns, str(quantity))
					for event in (order(), paid()):
						self.tell(key, event)
					self.send(key)
					self.came_back(key, quantity)
					row = self.tell(key, refund("r1", back("l1", quantity, restock=True), minute=25))
					self.assertEqual(row["state"], "Succeeded", row["message"])
					self.assertIn("Came back already", row["message"])
					self.assertEqual(self._back(key), Decimal(quantity))

	def _back(self, key: str) -> Decimal:
		books = self.books(key)
		return books.returned.get("l1", ZERO) + books.returning.get("l1", ZERO)

	def test_what_came_back_is_of_one_refund_and_the_next_brings_its_own(self) -> None:
		key = self.sold(DELIVERED)
		self.send(key)
		self.came_back(key, 1)
		for name, minute, wanted in (("r1", 25, 1), ("r2", 26, 2)):
			row = self.tell(key, refund(name, back("l1", 1, restock=True), minute=minute))
			self.assertEqual(row["state"], "Succeeded", row["message"])
			self.assertEqual(self._back(key), Decimal(wanted), name)

	def test_what_came_back_of_a_refund_that_names_its_return_is_not_another_s(self) -> None:
		key = self.sold(DELIVERED)
		self.send(key)
		self.came_back(key, 1)
		self.tell(key, refund("r1", back("l1", 1, restock=True), minute=25, return_id="v1"))
		self.assertEqual(self._back(key), Decimal(1))
		self.tell(key, refund("r2", back("l1", 1, restock=True), minute=26))
		self.assertEqual(self._back(key), Decimal(2))

	# --- sent and given back before the order was seen

	def sent(self, name: str, **quantities: int) -> Fulfilment:
		lines = tuple(
			FulfilledLine(order_line_id=key, quantity=Decimal(count)) for key, count in quantities.items()
		)
		return Fulfilment(id=name, order_id="?", updated_at=at(5), lines=lines)

	def late(self, key: str, *fulfilments: Fulfilment, gone: Refund, **policy: Any) -> dict[str, Any]:
		"""An order that is imported after it was sent and something was given back."""
		orders = OrderPolicy(fulfilled_in_shop="Draft Delivery Note", **policy)
		self.policy(NEVER, orders=orders)
		told = order(30, fulfilments=fulfilments, refunds=(gone,), payments=(paid(),))
		return self.tell(key, told)

	def test_what_was_sent_and_given_back_before_the_order_was_seen_leaves_nothing_open(self) -> None:
		cases = {
			"whole": ((self.sent("f1", l1=2, l2=2),), refund("r1", back("l1", 1)), {"l1": 1, "l2": 2}),
			"line": ((self.sent("f1", l1=2, l2=2),), refund("r1", back("l1", 2)), {"l2": 2}),
			"parts": (
				(self.sent("f1", l1=1, l2=2), self.sent("f2", l1=1)),
				refund("r1", back("l1", 1)),
				{"l1": 1, "l2": 2},
			),
			"nothing": (
				(self.sent("f1", l1=2), self.sent("f2", l2=2)),
				refund("r1", back("l1", 2)),
				{"l2": 2},
			),
		}
		for name, (fulfilments, gone, shipped) in cases.items():
			with self.subTest(name):
				key = self.key("late", name)
				row = self.late(key, *fulfilments, gone=gone)
				self.assertEqual(row["state"], "Succeeded", row["message"])
				self.work(LATER)
				entries = self.fixture.entries_of(key, "fulfilment.found")
				story = [entry["message"] for entry in entries]
				self.assertEqual({entry["state"] for entry in entries}, {"Succeeded"}, story)
				self.assertIn("given back", " ".join(story))
				notes = self.fixture.deliveries(self.live(key)["name"])
				found: dict[str, Decimal] = {}
				for note in notes:
					for line_id, quantity in note["quantities"].items():
						found[line_id] = found.get(line_id, ZERO) + quantity
				self.assertEqual(
					found, {line_id: Decimal(count) for line_id, count in shipped.items()}, story
				)

	def test_more_than_was_given_back_is_still_refused(self) -> None:
		key = self.key("too-much")
		self.late(key, self.sent("f1", l1=3, l2=2), gone=refund("r1", back("l1", 1)))
		[entry] = self.fixture.entries_of(key, "fulfilment.found")
		self.assertEqual((entry["state"], entry["error_class"]), ("Failed", "Rejected"), entry["message"])

	# --- drafts of ours that make way

	def test_a_draft_invoice_makes_way_for_a_refund_once_and_nothing_goes_on_for_ever(self) -> None:
		"""Both ways: the order can follow, or it cannot."""
		for known in (True, False):
			with self.subTest(known=known):
				key = self.sold(DRAFTS)
				[draft] = self.invoices(key)
				if not known:
					self.fixture.forget_order(key)
				row = self.tell(key, refund("r1", back("l1", 1)))
				for _ in range(5):
					self.work(LATER)
				self.assertEqual(row["state"], "Succeeded", row["message"])
				counts = [len(self.states(key, topic)) for topic in ("refund.found", "invoice.due")]
				self.assertLessEqual(max(counts), 2, "it comes to rest")
				[kept] = self.invoices(key)
				if known:
					self.assertEqual(kept.total, Decimal(38))
				else:
					self.assertEqual((kept.name, kept.total), (draft.name, Decimal(49)), "it waits for it")

	# --- not to be sent

	def test_while_a_refund_waits_for_an_invoice_its_order_stays_open(self) -> None:
		self.policy(NEVER)
		key = self.key("waiting")
		for event in (order(), paid()):
			self.tell(key, event)
		self.send(key, "l1")
		row = self.tell(key, refund("r1", back("l2", 2)))
		self.assertIn("waits for the invoice", row["message"])
		self.assertIn("Not to be sent any more: 2 × CB-PHONE", row["message"])
		self.assertFalse(self.books(key).closed, "a closed order cannot be billed")
		self.fixture.bill(self.live(key)["name"])
		self.work(LATER)
		self.assertEqual([note.total for note in self.notes(key)], [Decimal(22)])
		self.assertTrue(self.books(key).closed)
