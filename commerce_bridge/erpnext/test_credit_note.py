"""Invoices, credit notes and returns of a storefront's orders: what they book, and what stays as the shop said."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from unittest.mock import patch

import frappe

from commerce_bridge.bridge.plan import InvoicePlan, ReturnPlan
from commerce_bridge.tests.base import SiteTestCase
from commerce_bridge.tests.contract import row
from commerce_bridge.tests.money_contract import MoneyContract
from commerce_bridge.tests.site_money import MoneySiteFixture

STEP = "commerce_bridge.erpnext.submission.needs_draft_first"
OWN = (
	*(
		"name",
		"creation",
		"modified",
		"parent",
		"title",
		"customer",
		"customer_name",
		"remarks",
		"po_no",
		"contact_person",
	),
	*(
		"cb_external_id",
		"cb_external_number",
		"sales_order",
		"so_detail",
		"reference_name",
		"reference_row",
		"return_against",
	),
	*("sales_invoice_item", "posting_time", "contact_display", "contact_email", "items", "taxes", "advances"),
	*("payment_schedule", "customer_address", "address_display", "item_wise_tax_detail"),
)


class DocumentCase(MoneyContract, SiteTestCase):
	fixture: MoneySiteFixture

	def setUp(self) -> None:
		self.fixture = MoneySiteFixture()
		super().setUp()
		company = frappe.get_cached_doc("Company", self.fixture.company)
		self.receivable, self.income = company.default_receivable_account, company.default_income_account
		self.stock_account = company.default_inventory_account
		self.cost = company.default_expense_account

	def doc(self, name: str, doctype: str = "Sales Invoice") -> Any:
		frappe.db.rollback()
		return frappe.get_doc(doctype, name)

	def entries(self, name: str) -> dict[str, Decimal]:
		names = {self.receivable: "receivable", self.income: "income", self.fixture.tax_account: "tax"}
		names |= {self.stock_account: "stock", self.cost: "cost"}
		return {names.get(account, account): value for account, value in self.fixture.balances(name).items()}

	def compared(self, name: str) -> dict[str, Any]:
		doc = self.doc(name)
		values = {key: value for key, value in doc.as_dict().items() if key not in OWN}
		for table in ("items", "taxes", "advances"):
			values[table] = [
				{key: value for key, value in each.as_dict().items() if key not in OWN}
				for each in doc.get(table)
			]
		return {**values, "ledger": self.fixture.balances(name)}


class TestInvoice(DocumentCase):
	__test__ = True

	def test_what_it_books(self) -> None:
		order = self.sold("d-1")
		booked = self.billed(order)
		self.assertEqual(
			self.entries(booked.name), {"receivable": Decimal(22), "income": Decimal(-20), "tax": Decimal(-2)}
		)
		doc = self.doc(booked.name)
		self.assertEqual((doc.cb_channel, doc.cb_external_id, doc.cb_made), (self.channel.name, "d-1", 1))
		self.assertEqual(doc.status, "Unpaid")

	def test_in_one_step_as_in_two(self) -> None:
		found = []
		for number, draft_first in enumerate((False, True)):
			order = self.sold(f"d-2{number}")
			self.pay(order, "15.00")
			with patch(STEP, return_value=draft_first):
				found.append(self.compared(self.billed(order).name))
		self.assertEqual(*found)
		self.assertEqual(found[0]["status"], "Partly Paid")
		self.assertEqual(found[0]["outstanding_amount"], 7)

	def test_what_is_free_in_one_step_as_in_two(self) -> None:
		found = []
		for number, draft_first in enumerate((False, True)):
			free = row("CB-PHONE", 2, "0.00", line_id="a")
			order = self.sold(f"d-3{number}", free, taxes=())
			with patch(STEP, return_value=draft_first):
				found.append(self.compared(self.billed(order).name))
		self.assertEqual(*found)
		self.assertEqual(found[0]["status"], "Paid")

	def test_the_day_and_the_series_of_the_plan(self) -> None:
		order = self.sold("d-4")
		day = frappe.utils.getdate(frappe.utils.add_days(frappe.utils.today(), -1))
		plan = InvoicePlan(self.channel.name, order, day, True, naming_series="ACC-SINV-RET-.YYYY.-")
		with self.erp.transaction(), self.erp.act_as(self.channel):
			booked = self.erp.create_invoice(self.channel, plan)
		assert booked
		doc = self.doc(booked.name)
		self.assertEqual((doc.posting_date, doc.due_date), (day, day))
		self.assertTrue(doc.name.startswith("ACC-SINV-RET-"))

	def test_a_draft_takes_its_advances_when_a_person_submits_it(self) -> None:
		order = self.sold("d-5")
		draft = self.billed(order, submit=False).name
		self.pay(order, "22.00")
		self.fixture.submit_invoice(draft)
		self.assertEqual(self.open_of(order, draft), 0)

	def test_of_a_delivery_that_ships_two_orders(self) -> None:
		"""A person put both in one Delivery Note: each is billed by itself."""
		buyer = self.customer(email="two@contract.example")
		one, other = self._sold_to(buyer, "d-6"), self._sold_to(buyer, "d-7")
		note = frappe.get_doc("Delivery Note", self._both(one, other))
		booked = [self.billed(order, note.name) for order in (one, other)]
		self.assertEqual([each.grand_total for each in booked], [22, 22])
		self.assertEqual(self.doc(note.name, "Delivery Note").per_billed, 100)

	def _sold_to(self, customer: str, external_id: str) -> str:
		plan = self.plan(external_id, row("CB-PHONE", 2, line_id="a"), customer=customer)
		with self.erp.transaction():
			return self.erp.create_sales_order(self.channel, plan).name

	def _both(self, one: str, other: str) -> str:
		from erpnext.selling.doctype.sales_order.sales_order import make_delivery_note

		note = make_delivery_note(other, make_delivery_note(one))
		note.insert(ignore_permissions=True).submit()
		frappe.db.commit()
		return note.name

	def test_an_invoice_by_hand_makes_what_waited_due(self) -> None:
		order = self.sold("d-8")
		self.fixture.stands("billed", order)
		[entry] = self.fixture.entries_of("d-8", "invoice.due")
		self.assertIn('"invoice"', entry["payload"])
		self.billed(self.sold("d-9"))
		self.assertEqual(self.fixture.entries_of("d-9", "invoice.due"), [], "ours needs none")


class TestCreditNote(DocumentCase):
	__test__ = True

	def test_what_it_books(self) -> None:
		order = self.sold("c-1")
		invoice = self.billed(order).name
		note = self.credit(order, invoice, row("CB-PHONE", 1, "9.99", line_id="a"), tax="1.07").name
		self.assertEqual(
			self.entries(note),
			{"receivable": Decimal("-11.06"), "income": Decimal("9.99"), "tax": Decimal("1.07")},
		)
		doc = self.doc(note)
		self.assertEqual((doc.cb_external_id, doc.return_against, doc.status), ("c-1", invoice, "Return"))
		self.assertEqual(self.doc(order, "Sales Order").per_billed, 100, "it is not billed again")

	def test_in_one_step_as_in_two(self) -> None:
		found = []
		for number, draft_first in enumerate((False, True)):
			order = self.sold(f"c-2{number}")
			invoice = self.billed(order).name
			with patch(STEP, return_value=draft_first):
				note = self.credit(
					order, invoice, row("CB-PHONE", 1, line_id="a"), tax="1.00", settles=bool(number)
				)
			found.append(self.compared(note.name))
			self.assertEqual(self.open_of(order, note.name), 0 if number else 11)
		for values in found:
			for key in ("update_outstanding_for_self", "outstanding_amount"):
				values.pop(key)
		self.assertEqual(*found)

	def test_a_draft_keeps_its_amounts_when_a_person_submits_it(self) -> None:
		"""Shares of the invoice's taxes, which other documents get, are not what the shop gave back."""
		order = self.sold("c-3", taxes=(self.tax("3.00"),))
		invoice = self.billed(order).name
		draft = self.credit(order, invoice, row("CB-PHONE", 1, line_id="a"), tax="0.10", submit=False).name
		self.fixture.submit_invoice(draft)
		self.assertEqual(self.document(order, draft).total, Decimal("10.10"))
		doc = self.doc(draft)
		self.assertEqual([tax.tax_amount for tax in doc.taxes], [-0.10])

	def test_a_credit_note_by_hand_takes_its_share(self) -> None:
		from erpnext.accounts.doctype.sales_invoice.sales_invoice import make_sales_return

		order = self.sold("c-4", taxes=(self.tax("3.00"),))
		self.pay(order, "23.00")
		invoice = self.billed(order).name
		note = make_sales_return(invoice)
		note.items[0].qty = -1
		note.insert(ignore_permissions=True).submit()
		frappe.db.commit()
		self.assertEqual(self.document(order, note.name).total, Decimal("11.50"))

	def test_a_higher_rate_than_was_billed(self) -> None:
		"""Rounding of the shop: ERPNext refuses it of a row of the invoice, so the row is of none."""
		order = self.sold("c-5")
		invoice = self.billed(order).name
		note = self.credit(order, invoice, row("CB-PHONE", 1, "10.01", line_id="a"))
		self.assertEqual(note.grand_total, Decimal("10.01"))
		with self.assertRaises(self.fixture.refusal):
			self.credit(order, invoice, row("CB-PHONE", 2, line_id="a"))

	def test_of_a_closed_order(self) -> None:
		order = self.sold("c-6")
		invoice = self.billed(order).name
		with self.erp.transaction():
			self.erp.close_sales_order(order)
		note = self.credit(order, invoice, row("CB-PHONE", 2, line_id="a"), tax="2.00", settles=True)
		self.assertEqual((note.grand_total, self.open_of(order, invoice)), (22, 0))

	def test_a_discount_and_a_tax_that_is_included(self) -> None:
		order = self.sold("c-7")
		invoice = self.billed(order).name
		plan = self.credit_plan(order, invoice, row("CB-PHONE", 1, line_id="a"))
		amounts = plan.amounts.__class__(
			plan.amounts.items, (), Decimal("0.40"), "Net Total", Decimal("9.60"), Decimal(0)
		)
		note = self.credit(order, invoice, amounts=amounts)
		self.assertEqual(note.grand_total, Decimal("9.60"))

	def test_the_integration_user_needs_its_role_alone(self) -> None:
		order = self.sold("c-8")
		invoice = self.billed(order).name
		self.pay(order, "22.00")
		plan = self.credit_plan(order, invoice, row("CB-PHONE", 1, line_id="a"), submit=False)
		with self.erp.transaction(), self.erp.act_as(self.channel):
			name = self.erp.create_credit_note(self.channel, plan).name
			self.erp.delete_draft_credit_note(name)
		self.assertFalse(frappe.db.exists("Sales Invoice", name))


class TestReturn(DocumentCase):
	__test__ = True

	def test_stock_and_its_value_come_back(self) -> None:
		order = self.sold("s-1")
		note = self.fixture.deliver(order, {"a": Decimal(2)})
		before = self.fixture.stock("CB-PHONE"), self.fixture.stock("CB-PHONE", self.fixture.second_warehouse)
		value = -self.entries(note)["stock"] / 2
		plan = ReturnPlan(
			self.channel.name,
			order,
			{"a": Decimal(1)},
			self.fixture.now().date(),
			True,
			warehouse=self.fixture.second_warehouse,
		)
		with self.erp.transaction(), self.erp.act_as(self.channel):
			[back] = self.erp.create_returns(self.channel, plan)
		self.assertEqual(self.entries(back), {"stock": value, "cost": -value})
		after = self.fixture.stock("CB-PHONE"), self.fixture.stock("CB-PHONE", self.fixture.second_warehouse)
		self.assertEqual(after[0], before[0])
		self.assertEqual(after[1], (before[1][0] + 1, before[1][1] + value))
		self.assertEqual(self.doc(order, "Sales Order").per_delivered, 100 / 2)

	def test_a_bundle_comes_back_in_its_parts(self) -> None:
		self.fixture.make_item("CB-PART-BACK")
		self.fixture.set_stock("CB-PART-BACK", Decimal(50))
		self.fixture.make_bundle("CB-SET-BACK", {"CB-PART-BACK": Decimal(2)})
		order = self.sold("s-2", row("CB-SET-BACK", 2, line_id="a"))
		self.fixture.deliver(order, {"a": Decimal(2)})
		plan = ReturnPlan(
			self.channel.name,
			order,
			{"a": Decimal(1)},
			self.fixture.now().date(),
			True,
			warehouse=self.fixture.second_warehouse,
		)
		before = self.fixture.stock("CB-PART-BACK", self.fixture.second_warehouse)[0]
		with self.erp.transaction():
			self.erp.create_returns(self.channel, plan)
		self.assertEqual(self.fixture.stock("CB-PART-BACK", self.fixture.second_warehouse)[0], before + 2)
