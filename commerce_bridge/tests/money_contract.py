"""What every `Erp` has to do after the order: invoices, payments, credit notes, returns. See `contract`."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any, Literal, Protocol

from commerce_bridge.bridge.channel import Channel, InvoicePolicy
from commerce_bridge.bridge.errors import Misconfigured, Rejected
from commerce_bridge.bridge.model import InvoiceDue
from commerce_bridge.bridge.plan import (
	Amounts,
	Booked,
	Books,
	CreditNotePlan,
	Invoice,
	InvoicePlan,
	ItemRow,
	PaymentPlan,
	Record,
	ReturnPlan,
	TaxRow,
)
from commerce_bridge.tests.contract import ContractSuite, Fixture, row

ZERO = Decimal(0)
DUE = "invoice.due"


class MoneyFixture(Fixture, Protocol):
	"""What these contracts need besides. Everything it makes is committed."""

	clearing_account: str  # in the company's currency
	foreign_account: str  # in a currency that is neither the company's nor the order's
	fee_account: str
	fee_tax_account: str
	mode_of_payment: str
	second_warehouse: str
	examples: int  # how many random cases are worth their time

	def deliver(self, sales_order: str, quantities: Mapping[str, Decimal]) -> str:
		"""Submits a Delivery Note of these lines of the shop, and of nothing else."""
		...

	def submit_return(self, name: str) -> None: ...

	def allocated(self, payment: str) -> Decimal:
		"""How much of a Payment Entry is allocated to documents; 0 once it is cancelled."""
		...

	def clear_payment(self, payment: str) -> None:
		"""Somebody finds it on a bank statement."""
		...

	def draft_invoice(self, sales_order: str) -> str:
		"""A person's own draft of all that is not billed."""
		...

	def entries_of(self, external_id: str, topic: str) -> list[dict[str, Any]]: ...


class MoneyContract(ContractSuite):
	"""Shorthand; two lines of 10.00 and a tax of 10 % unless a test says otherwise."""

	fixture: MoneyFixture

	def setUp(self) -> None:
		super().setUp()
		self.phone(stock=1000)

	def sold(self, external_id: str, *rows: ItemRow, **amounts: Any) -> str:
		plan = self.plan(external_id, *(rows or (row("CB-PHONE", 2, line_id="a"),)))
		plan = replace(plan, amounts=replace(plan.amounts, **amounts))
		with self.erp.transaction():
			return self.erp.create_sales_order(self.channel, plan).name

	def invoice(self, order: str, note: str | None = None, submit: bool = True) -> Booked | None:
		today = self.fixture.now().date()
		plan = InvoicePlan(self.channel.name, order, today, submit, delivery_note=note)
		with self.erp.transaction():
			return self.erp.create_invoice(self.channel, plan)

	def billed(self, order: str, note: str | None = None, submit: bool = True) -> Booked:
		booked = self.invoice(order, note, submit)
		assert booked is not None, "something was left to be billed"
		return booked

	def payment_plan(
		self, order: str, amount: str, kind: Literal["Receive", "Pay"] = "Receive", **values: Any
	) -> PaymentPlan:
		plan = PaymentPlan(
			channel=self.channel.name,
			company=self.channel.company,
			customer=self.books(order).customer,
			sales_order=order,
			payment_type=kind,
			amount=Decimal(amount),
			currency=self.channel.currency,
			conversion_rate=Decimal(1),
			mode_of_payment=self.fixture.mode_of_payment,
			account=self.fixture.clearing_account,
			reference="txn",
			posting_date=self.fixture.now().date(),
			cost_center=self.channel.cost_center,
			gateway="stripe",
		)
		return replace(plan, **values)

	def pay(self, order: str, amount: str, kind: Literal["Receive", "Pay"] = "Receive", **values: Any) -> str:
		plan = self.payment_plan(order, amount, kind, **values)
		with self.erp.transaction():
			return self.erp.create_payment(self.channel, plan)

	def credit_plan(
		self, order: str, invoice: str | None, *rows: ItemRow, tax: str = "0", **values: Any
	) -> CreditNotePlan:
		net = sum((each.qty * each.rate for each in rows), ZERO)
		taxes = (TaxRow("Actual", self.fixture.tax_account, "Tax", tax_amount=Decimal(tax)),)
		plan = CreditNotePlan(
			channel=self.channel.name,
			company=self.channel.company,
			external_id="refund",
			sales_order=order,
			customer=self.books(order).customer,
			invoice=invoice,
			amounts=Amounts(
				rows, taxes if Decimal(tax) else (), ZERO, "Net Total", net + Decimal(tax), Decimal(tax)
			),
			currency=self.channel.currency,
			conversion_rate=Decimal(1),
			posting_date=self.fixture.now().date(),
			submit=True,
			cost_center=self.channel.cost_center,
		)
		return replace(plan, **values)

	def credit(
		self, order: str, invoice: str | None, *rows: ItemRow, tax: str = "0", **values: Any
	) -> Booked:
		plan = self.credit_plan(order, invoice, *rows, tax=tax, **values)
		with self.erp.transaction():
			return self.erp.create_credit_note(self.channel, plan)

	def books(self, order: str) -> Books:
		with self.erp.transaction():
			books = self.erp.get_books(order)
		assert books is not None
		return books

	def document(self, order: str, name: str) -> Invoice:
		return next(each for each in self.books(order).invoices if each.name == name)

	def open_of(self, order: str, name: str) -> Decimal:
		return self.document(order, name).open

	def tax(self, amount: str) -> TaxRow:
		return TaxRow("Actual", self.fixture.tax_account, "Tax", tax_amount=Decimal(amount))


class InvoiceContract(MoneyContract):
	def test_an_order_is_billed_once(self) -> None:
		order = self.sold("i-1")
		booked = self.billed(order)
		self.assertEqual(
			(booked.grand_total, booked.total_taxes, booked.submitted), (Decimal(22), Decimal(2), True)
		)
		self.assertIsNone(self.invoice(order), "nothing is left")
		books = self.books(order)
		self.assertEqual(
			books.invoices,
			(Invoice(booked.name, True, False, Decimal(22), Decimal(22), {"a": Decimal(2)}),),
		)
		self.assertEqual((books.total, books.quantities, books.closed), (Decimal(22), {"a": 2}, False))
		with self.erp.transaction():
			state = self.erp.get_sales_order(order)
			status = self.erp.get_order_status(order)
		assert state and status
		self.assertEqual((state.billed, state.drafts), ((booked.name,), ()))
		self.assertEqual((status.status, status.billed), ("To Deliver", Decimal(100)))

	def test_a_draft_is_ours_to_delete(self) -> None:
		order = self.sold("i-2")
		draft = self.billed(order, submit=False)
		self.assertFalse(draft.submitted)
		self.assertIsNone(self.invoice(order, submit=False), "the draft bills it")
		with self.erp.transaction():
			state = self.erp.get_sales_order(order)
			assert state
			self.assertEqual((state.billed, state.drafts), ((), (draft.name,)))
			self.assertEqual(self.erp.delete_draft_invoices(order), [draft.name])
			self.assertEqual(self.erp.delete_draft_invoices(order), [])
		self.assertEqual(self.books(order).invoices, ())
		self.assertEqual(self.billed(order).grand_total, Decimal(22))

	def test_a_persons_draft_and_what_is_submitted_stay(self) -> None:
		order = self.sold("i-3", row("CB-PHONE", 3, line_id="a"))
		booked = self.billed(order, self.fixture.deliver(order, {"a": Decimal(1)}))
		theirs = self.fixture.draft_invoice(order)
		with self.erp.transaction():
			self.assertEqual(self.erp.delete_draft_invoices(order), [])
		self.assertEqual({each.name for each in self.books(order).invoices}, {booked.name, theirs})

	def test_a_billed_order_is_not_cancelled(self) -> None:
		order = self.sold("i-4")
		self.billed(order)
		with self.assertRaises(self.fixture.refusal), self.erp.transaction():
			self.erp.cancel_sales_order(order)
		plan = self.plan("i-4", row("CB-PHONE", 5))
		with self.assertRaises(self.fixture.refusal), self.erp.transaction():
			self.erp.replace_sales_order(self.channel, order, plan)
		self.assertEqual(self.fixture.count_sales_orders("i-4"), 1)

	def test_each_delivery_is_billed_once(self) -> None:
		order = self.sold("i-5", row("CB-PHONE", 3, line_id="a"), row("CB-PHONE", 1, "5.00", line_id="b"))
		first = self.fixture.deliver(order, {"a": Decimal(2)})
		second = self.fixture.deliver(order, {"a": Decimal(1), "b": Decimal(1)})
		one, two = self.billed(order, first), self.billed(order, second)
		self.assertEqual((one.grand_total, two.grand_total), (Decimal("22.00"), Decimal("16.50")))
		self.assertIsNone(self.invoice(order, first))
		self.assertIsNone(self.invoice(order))
		books = self.books(order)
		self.assertEqual(books.deliveries, (first, second))
		self.assertEqual([each.delivery_notes for each in books.invoices], [(first,), (second,)])
		self.assertEqual([each.lines for each in books.invoices], [{"a": 2}, {"a": 1, "b": 1}])
		self.assertEqual(books.delivered, {"a": 3, "b": 1})

	def test_a_delivery_bills_no_more_than_is_not_billed(self) -> None:
		order = self.sold("i-6")
		self.billed(order)
		self.assertIsNone(self.invoice(order, self.fixture.deliver(order, {"a": Decimal(2)})))

	def test_what_came_back_is_billed_all_the_same(self) -> None:
		"""The credit note says that it came back."""
		for key, whole in (("i-7", False), ("i-8", True)):
			with self.subTest(whole=whole):
				order = self.sold(key)
				note = self.fixture.deliver(order, {"a": Decimal(2)})
				plan = ReturnPlan(
					self.channel.name, order, {"a": Decimal(1)}, self.fixture.now().date(), True
				)
				with self.erp.transaction():
					self.erp.create_returns(self.channel, plan)
				booked = self.billed(order, None if whole else note)
				self.assertEqual(booked.grand_total, Decimal(22))

	def test_charges_and_discount_are_shared_to_the_cent(self) -> None:
		rows = (
			row("CB-PHONE", 3, "9.99", line_id="a"),
			row("CB-PHONE", 3, "3.33", line_id="b"),
		)
		order = self.sold("i-9", *rows, taxes=(self.tax("7.61"),), discount_amount=Decimal("1.00"))
		notes = [
			self.fixture.deliver(order, lines)
			for lines in ({"a": Decimal(1)}, {"a": Decimal(2), "b": Decimal(1)}, {"b": Decimal(2)})
		]
		booked = [self.billed(order, note) for note in notes]
		self.assertEqual(
			[each.grand_total for each in booked],
			[Decimal("11.64"), Decimal("27.17"), Decimal("7.76")],
		)
		self.assertEqual(sum(each.grand_total for each in booked), self.books(order).total)
		self.assertEqual(sum(each.total_taxes for each in booked), Decimal("7.61"))

	def test_charges_that_nothing_ships_go_with_the_last_goods(self) -> None:
		rows = (row("CB-PHONE", 2, line_id="a"), row("CB-SHIPPING", 1, "4.90"))
		order = self.sold("i-10", *rows)
		first = self.billed(order, self.fixture.deliver(order, {"a": Decimal(1)}))
		last = self.billed(order, self.fixture.deliver(order, {"a": Decimal(1)}))
		self.assertEqual((first.grand_total, last.grand_total), (Decimal("11.00"), Decimal("16.39")))

	def test_random_deliveries_and_their_invoices_are_the_order(self) -> None:
		for seed in range(self.fixture.examples):
			with self.subTest(seed=seed):
				self._random_invoices(random.Random(seed), f"r-{seed}")

	def _random_invoices(self, chance: random.Random, key: str) -> None:
		order, quantities = self._random_order(chance, key)
		total, left = ZERO, dict(quantities)
		while any(left.values()):
			part = {line: Decimal(chance.randint(0, int(rest))) for line, rest in left.items()}
			part = {line: quantity for line, quantity in part.items() if quantity}
			if not part:
				continue
			left = {line: rest - part.get(line, ZERO) for line, rest in left.items()}
			note = self.fixture.deliver(order, part)
			booked = self.invoice(order, note)
			total += booked.grand_total if booked else ZERO
		self.assertIsNone(self.invoice(order), "everything is billed")
		self.assertEqual(total, self.books(order).total)

	def _random_order(self, chance: random.Random, key: str) -> tuple[str, dict[str, Decimal]]:
		rows = [
			row("CB-PHONE", chance.randint(1, 5), str(Decimal(chance.randint(0, 5000)) / 100), line_id=line)
			for line in "abc"[: chance.randint(1, 3)]
		]
		rows = [replace(each, discount_percentage=ZERO if each.rate else Decimal(100)) for each in rows]
		value = sum((each.qty * each.rate for each in rows), ZERO)
		percent = TaxRow("On Net Total", self.fixture.tax_account, "Tax", rate=Decimal("19"))
		taxes = chance.choice(((percent,), (self.tax("7.61"),), (percent, self.tax("0.01")), ()))
		discount = (value * chance.randint(0, 3) / 10).quantize(Decimal("0.01"))
		if not chance.randint(0, 1):
			rows.append(row("CB-SHIPPING", 1, "4.90"))
		order = self.sold(key, *rows, taxes=taxes, discount_amount=discount)
		return order, {each.line_id: each.qty for each in rows if each.line_id}

	def test_a_delivery_makes_its_invoice_due_where_the_policy_says_so(self) -> None:
		silent = self.sold("i-11")
		self.fixture.deliver(silent, {"a": Decimal(2)})
		self.assertEqual(self.fixture.entries_of("i-11", DUE), [])
		self.channel = self._billing_deliveries()
		order = self.sold("i-12")
		notes = [self.fixture.deliver(order, {"a": Decimal(1)}) for _ in range(2)]
		entries = self.fixture.entries_of("i-12", DUE)
		self.assertEqual([entry["state"] for entry in entries], ["Queued", "Queued"])
		due = [InvoiceDue.model_validate_json(entry["payload"]) for entry in entries]
		self.assertEqual([(each.order_id, each.delivery_note) for each in due], [("i-12", n) for n in notes])

	def _billing_deliveries(self) -> Channel:
		return self.fixture.make_channel("Contract Shop", invoices=InvoicePolicy(when="When Delivered"))

	def test_no_such_order_has_no_books(self) -> None:
		with self.erp.transaction():
			self.assertIsNone(self.erp.get_books("NO-SUCH-ORDER"))


class PaymentContract(MoneyContract):
	def test_an_advance_pays_the_invoice(self) -> None:
		order = self.sold("p-1")
		payment = self.pay(order, "22.00")
		self.assertEqual((self.books(order).paid, self.fixture.allocated(payment)), (22, 22))
		invoice = self.billed(order)
		self.assertEqual(self.open_of(order, invoice.name), 0)
		self.assertEqual(self.fixture.allocated(payment), 22)

	def test_an_advance_pays_its_order_and_no_other_of_the_buyer(self) -> None:
		buyer = self.customer(email="p2@contract.example")
		one = self.sold_to(buyer, "p-2a")
		other = self.sold_to(buyer, "p-2b")
		self.pay(one, "22.00")
		invoice = self.billed(other)
		self.assertEqual(self.open_of(other, invoice.name), 22)
		self.assertEqual((self.books(one).paid, self.books(other).paid), (22, 0))

	def sold_to(self, customer: str, external_id: str) -> str:
		plan = self.plan(external_id, row("CB-PHONE", 2, line_id="a"), customer=customer)
		with self.erp.transaction():
			return self.erp.create_sales_order(self.channel, plan).name

	def test_money_pays_the_oldest_invoice_first_then_the_order(self) -> None:
		order = self.sold("p-3", row("CB-PHONE", 3, line_id="a"))
		first = self.billed(order, self.fixture.deliver(order, {"a": Decimal(1)})).name
		second = self.billed(order, self.fixture.deliver(order, {"a": Decimal(1)})).name
		self.pay(order, "15.00")
		self.assertEqual((self.open_of(order, first), self.open_of(order, second)), (0, Decimal("7.00")))
		rest = self.pay(order, "20.00")
		self.assertEqual(self.open_of(order, second), 0)
		self.assertEqual(self.fixture.allocated(rest), Decimal("18.00"), "11.00 of it are an advance")
		self.assertEqual(self.books(order).paid, Decimal("35.00"))
		last = self.billed(order)
		self.assertEqual((last.grand_total, self.open_of(order, last.name)), (Decimal("11.00"), 0))

	def test_an_advance_is_taken_by_one_invoice_after_the_other(self) -> None:
		order = self.sold("p-4", row("CB-PHONE", 3, line_id="a"))
		payment = self.pay(order, "20.00")
		first = self.billed(order, self.fixture.deliver(order, {"a": Decimal(1)})).name
		second = self.billed(order, self.fixture.deliver(order, {"a": Decimal(2)})).name
		self.assertEqual((self.open_of(order, first), self.open_of(order, second)), (0, Decimal("13.00")))
		self.assertEqual(self.fixture.allocated(payment), Decimal("20.00"))

	def test_what_is_paid_too_much_stays_on_the_account(self) -> None:
		order = self.sold("p-5")
		payment = self.pay(order, "25.00")
		self.assertEqual(self.fixture.allocated(payment), Decimal("22.00"))
		invoice = self.billed(order)
		self.assertEqual((self.open_of(order, invoice.name), self.books(order).paid), (0, 25))

	def test_a_draft_invoice_takes_nothing_yet(self) -> None:
		order = self.sold("p-6")
		self.pay(order, "22.00")
		self.billed(order, submit=False)
		self.assertEqual(self.books(order).paid, 22)
		with self.erp.transaction():
			self.erp.delete_draft_invoices(order)
		invoice = self.billed(order)
		self.assertEqual(self.open_of(order, invoice.name), 0)

	def test_fees_are_part_of_what_was_paid(self) -> None:
		order = self.sold("p-7")
		fees = {
			"fee": Decimal("0.70"),
			"fee_account": self.fixture.fee_account,
			"fee_tax": Decimal("0.13"),
			"fee_tax_account": self.fixture.fee_tax_account,
		}
		invoice = self.billed(order).name
		payment = self.pay(order, "22.00", **fees)
		self.assertEqual((self.open_of(order, invoice), self.fixture.allocated(payment)), (0, 22))

	def test_a_cancelled_payment_leaves_what_it_paid_open(self) -> None:
		order = self.sold("p-8")
		invoice = self.billed(order).name
		payment = self.pay(order, "22.00")
		for _ in range(2):
			with self.erp.transaction():
				self.erp.cancel_payment(payment)
		self.assertEqual((self.open_of(order, invoice), self.books(order).paid), (22, 0))
		with self.erp.transaction():
			self.erp.cancel_payment("NO-SUCH-PAYMENT")

	def test_money_on_the_bank_statement_is_not_cancelled(self) -> None:
		order = self.sold("p-9")
		payment = self.pay(order, "22.00")
		self.fixture.clear_payment(payment)
		with self.assertRaisesRegex(Rejected, payment), self.erp.transaction():
			self.erp.cancel_payment(payment)
		self.assertEqual(self.books(order).paid, 22)

	def test_an_account_in_another_currency_is_misconfigured(self) -> None:
		order = self.sold("p-10")
		with self.assertRaises(Misconfigured) as caught:
			self.pay(order, "22.00", account=self.fixture.foreign_account)
		self.assertIn(self.fixture.foreign_account, str(caught.exception))
		self.assertEqual(self.books(order).paid, 0)

	def test_an_order_that_is_replaced_keeps_its_money(self) -> None:
		order = self.sold("p-11")
		payment = self.pay(order, "22.00")
		plan = self.plan("p-11", row("CB-PHONE", 5, line_id="a"), customer=self.books(order).customer)
		with self.erp.transaction():
			amended = self.erp.replace_sales_order(self.channel, order, plan).name
		self.assertEqual((self.books(amended).paid, self.fixture.allocated(payment)), (22, 22))
		invoice = self.billed(amended).name
		self.assertEqual(self.open_of(amended, invoice), Decimal("33.00"))

	def test_an_order_that_becomes_smaller_lets_go_of_what_is_too_much(self) -> None:
		order = self.sold("p-12")
		payment = self.pay(order, "22.00")
		plan = self.plan("p-12", row("CB-PHONE", 1, line_id="a"), customer=self.books(order).customer)
		with self.erp.transaction():
			amended = self.erp.replace_sales_order(self.channel, order, plan).name
		self.assertEqual((self.books(amended).paid, self.fixture.allocated(payment)), (22, 11))
		self.assertEqual(self.open_of(amended, self.billed(amended).name), 0)

	def test_a_cancelled_order_leaves_its_money_on_the_account(self) -> None:
		order = self.sold("p-13")
		payment = self.pay(order, "22.00")
		with self.erp.transaction():
			self.erp.cancel_sales_order(order)
		self.assertEqual((self.books(order).paid, self.fixture.allocated(payment)), (22, 0))
		back = self.pay(order, "22.00", "Pay")
		self.assertEqual((self.books(order).paid_back, self.fixture.allocated(back)), (22, 0))


class CreditNoteContract(MoneyContract):
	def test_a_credit_note_has_exactly_its_amounts(self) -> None:
		order = self.sold("n-1")
		invoice = self.billed(order).name
		note = self.credit(order, invoice, row("CB-PHONE", 1, "9.99", line_id="a"), tax="1.07")
		self.assertEqual(
			(note.grand_total, note.total_taxes, note.submitted), (Decimal("11.06"), Decimal("1.07"), True)
		)
		found = self.document(order, note.name)
		self.assertEqual(
			(found.is_return, found.return_against, found.total, found.open, found.lines),
			(True, invoice, Decimal("11.06"), Decimal("11.06"), {"a": 1}),
		)
		self.assertEqual(self.open_of(order, invoice), 22, "it is owed by itself")

	def test_money_that_went_back_pays_it_whatever_came_first(self) -> None:
		for key, paid_first in (("n-2", False), ("n-3", True)):
			with self.subTest(paid_first=paid_first):
				order = self.sold(key)
				self.pay(order, "22.00")
				invoice = self.billed(order).name
				if paid_first:
					self.pay(order, "11.00", "Pay")
				note = self.credit(order, invoice, row("CB-PHONE", 1, line_id="a"), tax="1.00").name
				if not paid_first:
					self.assertEqual(self.open_of(order, note), 11)
					self.pay(order, "11.00", "Pay")
				self.assertEqual((self.open_of(order, note), self.open_of(order, invoice)), (0, 0))
				self.assertEqual((self.books(order).paid, self.books(order).paid_back), (22, 11))

	def test_one_that_settles_lowers_what_is_open(self) -> None:
		order = self.sold("n-4")
		invoice = self.billed(order).name
		note = self.credit(order, invoice, row("CB-PHONE", 1, line_id="a"), tax="1.00", settles=True).name
		self.assertEqual((self.open_of(order, invoice), self.open_of(order, note)), (11, 0))

	def test_one_that_settles_more_than_is_open_is_owed(self) -> None:
		order = self.sold("n-5")
		self.pay(order, "22.00")
		invoice = self.billed(order).name
		note = self.credit(order, invoice, row("CB-PHONE", 1, line_id="a"), tax="1.00", settles=True).name
		self.assertEqual((self.open_of(order, invoice), self.open_of(order, note)), (0, 11))

	def test_no_more_than_was_billed_is_credited(self) -> None:
		order = self.sold("n-6")
		invoice = self.billed(order).name
		self.credit(order, invoice, row("CB-PHONE", 1, line_id="a"))
		with self.assertRaises(self.fixture.refusal):
			self.credit(order, invoice, row("CB-PHONE", 2, line_id="a"))
		self.assertEqual(len(self.books(order).invoices), 2)

	def test_a_charge_without_a_line_is_credited(self) -> None:
		order = self.sold("n-7", row("CB-PHONE", 2, line_id="a"), row("CB-SHIPPING", 1, "4.90"))
		invoice = self.billed(order).name
		note = self.credit(order, invoice, row("CB-SHIPPING", 1, "4.90"), tax="0.49")
		self.assertEqual(note.grand_total, Decimal("5.39"))
		self.assertEqual(self.document(order, note.name).lines, {})

	def test_one_over_several_invoices_names_none(self) -> None:
		order = self.sold("n-8")
		for _ in range(2):
			self.billed(order, self.fixture.deliver(order, {"a": Decimal(1)}))
		note = self.credit(order, None, row("CB-PHONE", 2, line_id="a"), tax="2.00")
		found = self.document(order, note.name)
		self.assertEqual((found.is_return, found.return_against, found.open), (True, None, 22))

	def test_a_draft_settles_nothing_yet(self) -> None:
		order = self.sold("n-9")
		invoice = self.billed(order).name
		note = self.credit(
			order, invoice, row("CB-PHONE", 1, line_id="a"), tax="1.00", settles=True, submit=False
		)
		self.assertFalse(note.submitted)
		self.assertEqual(self.open_of(order, invoice), 22)
		self.assertFalse(self.document(order, note.name).submitted)

	def test_a_draft_is_deleted_and_no_other(self) -> None:
		order = self.sold("n-11")
		invoice = self.billed(order).name
		one = row("CB-PHONE", 1, line_id="a")
		kept = self.credit(order, invoice, one).name
		draft = self.credit(order, invoice, one, submit=False).name
		for name in (draft, draft, kept, invoice, "NO-SUCH-NOTE"):
			with self.erp.transaction():
				self.erp.delete_draft_credit_note(name)
		self.assertEqual({each.name for each in self.books(order).invoices}, {invoice, kept})

	def test_what_was_credited_is_not_billed_again(self) -> None:
		"""Nor does it move the shares of the invoices that follow."""
		rows = (row("CB-PHONE", 1, "9.99", line_id="a"), row("CB-PHONE", 2, "3.33", line_id="b"))
		order = self.sold("n-10", *rows, taxes=(self.tax("3.17"),), discount_amount=Decimal("1.00"))
		first = self.billed(order, self.fixture.deliver(order, {"a": Decimal(1)}))
		self.credit(order, first.name, row("CB-PHONE", 1, "5.00", line_id="a"), tax="0.03")
		rest = self.billed(order, self.fixture.deliver(order, {"b": Decimal(2)}))
		self.assertIsNone(self.invoice(order))
		self.assertEqual(first.grand_total + rest.grand_total, self.books(order).total)

	def test_random_refunds_leave_what_was_sold_less_what_went_back(self) -> None:
		for seed in range(self.fixture.examples):
			with self.subTest(seed=seed):
				self._random_credits(random.Random(seed), f"rc-{seed}")

	def _random_credits(self, chance: random.Random, key: str) -> None:
		quantity = chance.randint(2, 6)
		order = self.sold(key, row("CB-PHONE", quantity, line_id="a"))
		self.pay(order, str(11 * quantity))
		invoice = self.billed(order).name
		owed = ZERO
		for _ in range(quantity):
			rate = Decimal(chance.randint(1, 1000)) / 100
			tax = Decimal(chance.randint(0, 100)) / 100
			note = self.credit(order, invoice, row("CB-PHONE", 1, str(rate), line_id="a"), tax=str(tax))
			self.assertEqual(note.grand_total, rate + tax)
			self.pay(order, str(rate + tax), "Pay")
			owed += rate + tax
		books = self.books(order)
		self.assertEqual((books.paid, books.paid_back), (11 * quantity, owed))
		self.assertEqual([each.open for each in books.invoices], [ZERO] * (quantity + 1))


class ReturnContract(MoneyContract):
	def bring_back(self, order: str, quantity: int, submit: bool = True, **values: Any) -> list[str]:
		plan = ReturnPlan(
			self.channel.name, order, {"a": Decimal(quantity)}, self.fixture.now().date(), submit, **values
		)
		with self.erp.transaction():
			return self.erp.create_returns(self.channel, plan)

	def delivered(self, key: str, *quantities: int) -> str:
		order = self.sold(key, row("CB-PHONE", sum(quantities), line_id="a"))
		for quantity in quantities:
			self.fixture.deliver(order, {"a": Decimal(quantity)})
		return order

	def test_goods_come_back_of_the_note_they_left_with(self) -> None:
		order = self.delivered("b-1", 1, 2)
		[one] = self.bring_back(order, 1)
		self.assertEqual(self.books(order).returned, {"a": 1})
		[two] = self.bring_back(order, 2)
		self.assertNotEqual(one, two)
		books = self.books(order)
		self.assertEqual((books.delivered, books.returned), ({"a": 3}, {"a": 3}))
		self.assertEqual(len(books.deliveries), 2, "returns are none")

	def test_one_for_each_note(self) -> None:
		order = self.delivered("b-2", 1, 2)
		self.assertEqual(len(self.bring_back(order, 3)), 2)

	def test_a_draft_brings_nothing_back_yet(self) -> None:
		order = self.delivered("b-3", 2)
		[draft] = self.bring_back(order, 1, submit=False)
		self.assertEqual(self.books(order).returned, {})
		with self.assertRaises(Rejected):
			self.bring_back(order, 2)
		self.fixture.submit_return(draft)
		self.assertEqual(self.books(order).returned, {"a": 1})

	def test_no_more_comes_back_than_left(self) -> None:
		order = self.delivered("b-4", 1, 1)
		self.bring_back(order, 1)
		with self.assertRaises(Rejected):
			self.bring_back(order, 2)
		self.assertEqual(self.books(order).returned, {"a": 1}, "nothing half made")

	def test_the_shipment_says_what_came_back(self) -> None:
		order = self.delivered("b-5", 2)
		[note] = self.books(order).deliveries
		self.bring_back(order, 2)
		with self.erp.transaction():
			shipment = self.erp.get_shipment("Delivery Note", note)
		assert shipment
		self.assertEqual(shipment.status, "returned")
		self.assertEqual([(line.quantity, line.returned) for line in shipment.lines], [(2, 2)])

	def test_the_warehouse_of_the_plan_gets_them(self) -> None:
		self.fixture.make_listing(self.channel.name, "CB-PHONE", "WEB-PHONE", product_id="77")
		order = self.delivered("b-6", 2)
		self.erp_close(order)
		before = self.level("CB-PHONE")
		self.bring_back(order, 1, warehouse=self.fixture.second_warehouse)
		self.assertEqual(self.level("CB-PHONE"), before, "not for sale there")

	def erp_close(self, order: str) -> None:
		with self.erp.transaction():
			self.erp.close_sales_order(order)


class CloseContract(MoneyContract):
	def test_a_closed_order_reserves_nothing_more(self) -> None:
		self.fixture.make_listing(self.channel.name, "CB-PHONE", "WEB-PHONE", product_id="77")
		order = self.sold("x-1")
		before = self.level("CB-PHONE")
		for _ in range(2):
			with self.erp.transaction():
				self.erp.close_sales_order(order)
		self.assertEqual(self.level("CB-PHONE"), before + 2)
		self.assertTrue(self.books(order).closed)
		with self.erp.transaction():
			status = self.erp.get_order_status(order)
		self.assertEqual(status and status.status, "Closed")

	def test_what_is_billed_can_be_closed(self) -> None:
		order = self.sold("x-2")
		self.billed(order)
		with self.erp.transaction():
			self.erp.close_sales_order(order)
		self.assertTrue(self.books(order).closed)

	def test_only_a_submitted_order_is_closed(self) -> None:
		draft = self.order("x-3", submit=False)
		with self.assertRaises(self.fixture.refusal), self.erp.transaction():
			self.erp.close_sales_order(draft)


class RecordsContract(ContractSuite):
	def save(self, external_id: str, order_id: str, **values: Any) -> None:
		record = Record(self.channel.name, "Payment", external_id, order_id=order_id, **values)
		with self.erp.transaction():
			self.erp.save_record(record)

	def test_the_records_of_an_order_oldest_first(self) -> None:
		self.save("p2", "o-1", data='{"id": "p2"}')
		self.save("p1", "o-1")
		self.save("p3", "o-2")
		self.save("p2", "o-1", data='{"id": "p2", "x": 1}', version=2)
		with self.erp.transaction():
			found = self.erp.records_of(self.channel.name, "Payment", "o-1")
			self.assertEqual(self.erp.records_of(self.channel.name, "Refund", "o-1"), [])
			self.assertEqual(self.erp.records_of("Another Shop", "Payment", "o-1"), [])
			same = self.erp.get_record(self.channel.name, "Payment", "p2")
		self.assertEqual([record.external_id for record in found], ["p2", "p1"])
		self.assertEqual(
			(found[0].data, found[0].version, found[0].order_id), ('{"id": "p2", "x": 1}', 2, "o-1")
		)
		self.assertEqual(same, found[0])
