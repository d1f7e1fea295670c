"""Payments of orders whose customer, or company, has payment terms: allocated to the terms, in the order of their due dates."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import frappe

from commerce_bridge.erpnext.test_payment_entry import EUR, SINGLE_PARTY_ACCOUNT, PaymentCase
from commerce_bridge.tests.contract import row
from commerce_bridge.tests.settings import change

TERMS = (("CB Now", 40.0, 0), ("CB Later", 60.0, 30))


class TestPaymentTerms(PaymentCase):
	__test__ = True

	def setUp(self) -> None:
		super().setUp()
		self.use_terms(by_term=True)

	def use_terms(self, by_term: bool) -> None:
		for name, _portion, _days in TERMS:
			if not frappe.db.exists("Payment Term", name):
				frappe.get_doc({"doctype": "Payment Term", "payment_term_name": name}).insert()
		title = f"CB Terms {int(by_term)}"
		if not frappe.db.exists("Payment Terms Template", title):
			rows = [
				{
					"payment_term": name,
					"invoice_portion": portion,
					"credit_days": days,
					"due_date_based_on": "Day(s) after invoice date",
				}
				for name, portion, days in TERMS
			]
			values = {"template_name": title, "allocate_payment_based_on_payment_terms": int(by_term)}
			frappe.get_doc({"doctype": "Payment Terms Template", **values, "terms": rows}).insert()
		frappe.db.commit()
		self.addCleanup(
			self.use_template, frappe.db.get_value("Company", self.fixture.company, "payment_terms")
		)
		self.use_template(title)

	def use_template(self, title: str | None) -> None:
		frappe.db.rollback()
		frappe.db.set_value("Company", self.fixture.company, "payment_terms", title)
		frappe.db.commit()
		frappe.clear_document_cache("Company", self.fixture.company)

	def schedule(self, doctype: str, name: str) -> list[tuple[str, Decimal, Decimal]]:
		"""Term, what was paid of it, and what is open."""
		frappe.db.rollback()
		fields = ["payment_term", "paid_amount", "outstanding"]
		rows = frappe.get_all(
			"Payment Schedule", {"parent": name, "parenttype": doctype}, fields, order_by="idx"
		)
		return [
			(each.payment_term, Decimal(str(each.paid_amount)), Decimal(str(each.outstanding)))
			for each in rows
		]

	def open_terms(self, doctype: str, name: str) -> Decimal:
		return sum((open_of for _term, _paid, open_of in self.schedule(doctype, name)), Decimal(0))

	def references(self, payment: str) -> list[tuple[str, str | None, Decimal]]:
		return [
			(each.reference_name, each.payment_term or None, Decimal(str(each.allocated_amount)))
			for each in self.doc(payment).references
		]

	def test_what_is_paid_in_parts_is_allocated_to_the_terms_of_the_order(self) -> None:
		order = self.sold("t-1")
		self.assertEqual(
			self.schedule("Sales Order", order),
			[("CB Now", 0, Decimal("8.8")), ("CB Later", 0, Decimal("13.2"))],
		)
		first, second = self.pay(order, "10.00"), self.pay(order, "12.00", reference="txn-2")
		self.assertEqual(
			[self.references(first), self.references(second)],
			[
				[(order, "CB Now", Decimal("8.8")), (order, "CB Later", Decimal("1.2"))],
				[(order, "CB Later", Decimal("12"))],
			],
		)
		self.assertEqual(self.open_terms("Sales Order", order), 0)
		invoice = self.billed(order).name
		self.assertEqual((self.open_of(order, invoice), self.books(order).paid), (0, 22))

	def test_what_is_paid_after_the_invoice_is_allocated_to_its_terms(self) -> None:
		order = self.sold("t-2")
		invoice = self.billed(order).name
		first, second = self.pay(order, "10.00"), self.pay(order, "12.00", reference="txn-2")
		self.assertEqual(self.open_of(order, invoice), 0)
		self.assertEqual([self.fixture.allocated(name) for name in (first, second)], [10, 12])
		self.assertEqual(self.open_terms("Sales Invoice", invoice), 0)

	def test_half_before_and_half_after_the_invoice(self) -> None:
		order = self.sold("t-3")
		first = self.pay(order, "10.00")
		invoice = self.billed(order).name
		second = self.pay(order, "12.00", reference="txn-2")
		self.assertEqual(self.open_of(order, invoice), 0)
		self.assertEqual([self.fixture.allocated(name) for name in (first, second)], [10, 12])

	def test_what_is_paid_twice_is_kept_on_the_customer(self) -> None:
		order = self.sold("t-4")
		payment = self.pay(order, "30.00")
		self.assertEqual(self.fixture.allocated(payment), 22)

	def test_a_payment_that_is_taken_back_leaves_the_terms_open(self) -> None:
		order = self.sold("t-5")
		payment = self.pay(order, "22.00")
		with self.erp.transaction():
			self.erp.cancel_payment(payment)
		self.assertEqual(self.open_terms("Sales Order", order), 22)
		self.assertEqual(self.fixture.allocated(self.pay(order, "22.00")), 22)

	def test_money_goes_back_of_an_invoice_with_terms(self) -> None:
		order = self.sold("t-6")
		self.pay(order, "22.00")
		invoice = self.billed(order).name
		note = self.credit(order, invoice, row("CB-PHONE", 1, line_id="a"), tax="1.00").name
		back = self.pay(order, "11.00", kind="Pay")
		self.assertEqual((self.open_of(order, note), self.fixture.allocated(back)), (0, 11))

	def test_money_goes_back_before_the_credit_note(self) -> None:
		order = self.sold("t-7")
		self.pay(order, "22.00")
		invoice = self.billed(order).name
		self.pay(order, "11.00", kind="Pay")
		note = self.credit(order, invoice, row("CB-PHONE", 1, line_id="a"), tax="1.00").name
		self.assertEqual(self.open_of(order, note), 0)

	def test_an_order_that_is_made_anew_keeps_what_was_paid_of_its_terms(self) -> None:
		for key, pieces, rest in (("t-8", 1, "0"), ("t-8b", 3, "11.00")):
			with self.subTest(pieces=pieces):
				order = self.sold(key)
				self.pay(order, "22.00")
				rows = row("CB-PHONE", pieces, line_id="a")
				plan = self.plan(key, rows, customer=self.books(order).customer)
				with self.erp.transaction():
					amended = self.erp.replace_sales_order(self.channel, order, plan).name
				self.assertEqual(self.open_terms("Sales Order", amended), Decimal(rest))
				if Decimal(rest):
					second = self.pay(amended, rest, reference=f"{key}-2")
					self.assertEqual(self.references(second), [(amended, "CB Later", Decimal(rest))])
				invoice = self.billed(amended).name
				self.assertEqual(self.open_of(amended, invoice), 0)

	def test_terms_without_allocation_by_term(self) -> None:
		self.use_terms(by_term=False)
		order = self.sold("t-9")
		first = self.pay(order, "10.00")
		invoice = self.billed(order).name
		second = self.pay(order, "12.00", reference="txn-2")
		self.assertEqual(self.open_of(order, invoice), 0)
		self.assertEqual([self.fixture.allocated(name) for name in (first, second)], [10, 12])

	def test_an_order_in_euro(self) -> None:
		change(self, "Accounts Settings", **{SINGLE_PARTY_ACCOUNT: 1})
		order = self.sold_in_euro("t-10")
		payment = self.pay_in_euro(order, "22.00")
		self.assertEqual(self.books(order).paid, 22)
		self.assertEqual(
			self.references(payment),
			[(order, "CB Now", Decimal("9.68")), (order, "CB Later", Decimal("14.52"))],
		)
		self.assertEqual(self.open_terms("Sales Order", order), 0)
		invoice = self.billed(order).name
		self.assertEqual(self.open_of(order, invoice), 0)

	def test_no_more_than_a_term_is_worth_in_another_currency(self) -> None:
		"""40 % of 22.00 EUR at 1.1234 are 9.88592: ERPNext takes no 9.89 of it."""
		change(self, "Accounts Settings", **{SINGLE_PARTY_ACCOUNT: 1})
		plan = self.plan("t-13", row("CB-PHONE", 2, line_id="a"))
		rate = {"currency": EUR, "conversion_rate": Decimal("1.1234")}
		with self.erp.transaction():
			order = self.erp.create_sales_order(self.channel, replace(plan, **rate)).name
		payment = self.pay(order, "22.00", **rate)
		self.assertEqual(self.references(payment)[0], (order, "CB Now", Decimal("9.88")))
		invoice = self.billed(order).name
		self.assertEqual(self.open_of(order, invoice), 0)

	def test_terms_that_the_invoice_takes_from_the_order(self) -> None:
		change(self, "Accounts Settings", automatically_fetch_payment_terms=1)
		order = self.sold("t-11")
		first = self.pay(order, "10.00")
		invoice = self.billed(order).name
		second = self.pay(order, "12.00", reference="txn-2")
		self.assertEqual(self.open_of(order, invoice), 0)
		self.assertEqual([self.fixture.allocated(name) for name in (first, second)], [10, 12])

	def test_a_draft_invoice_takes_the_advance_when_a_person_submits_it(self) -> None:
		order = self.sold("t-12")
		self.pay(order, "10.00")
		draft = self.billed(order, submit=False).name
		frappe.get_doc("Sales Invoice", draft).submit()
		frappe.db.commit()
		self.assertEqual(self.open_of(order, draft), 12)
		self.pay(order, "12.00", reference="txn-2")
		self.assertEqual(self.open_of(order, draft), 0)
