"""An order that is a Sales Invoice instead of a Sales Order: what it books, and what a person does to it."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any
from unittest.mock import patch

import frappe
from erpnext.accounts.doctype.sales_invoice.sales_invoice import make_delivery_note, make_sales_return
from erpnext.selling.doctype.sales_order.sales_order import make_sales_invoice
from frappe.utils import add_days, getdate, strip_html, today

from commerce_bridge.bridge.channel import InvoicePolicy
from commerce_bridge.bridge.errors import Misconfigured, Rejected
from commerce_bridge.bridge.plan import Booked, Invoice, ItemRow, Record, SalesOrderPlan
from commerce_bridge.erpnext import channel_settings, direct_invoice, preflight
from commerce_bridge.tests.base import SiteTestCase
from commerce_bridge.tests.contract import row
from commerce_bridge.tests.factory import SiteFixture
from commerce_bridge.tests.money_contract import MoneyContract
from commerce_bridge.tests.settings import change
from commerce_bridge.tests.site_money import MoneySiteFixture

DOCTYPE = "Sales Invoice"
SHOP = "Direct Shop"
STEP = "commerce_bridge.erpnext.submission.needs_draft_first"
SINGLE_PARTY_ACCOUNT = "allow_multi_currency_invoices_against_single_party_account"


class DirectCase(MoneyContract, SiteTestCase):
	"""Orders of one line of two, 10.00 each, with a tax of 10 %, unless a test says otherwise."""

	fixture: MoneySiteFixture

	def setUp(self) -> None:
		self.fixture = MoneySiteFixture()
		super().setUp()
		company = frappe.get_cached_doc("Company", self.fixture.company)
		self.receivable, self.income = company.default_receivable_account, company.default_income_account
		self.stock_account = company.default_inventory_account
		self.cost = company.default_expense_account

	def direct(self, external_id: str, *rows: ItemRow, **values: Any) -> SalesOrderPlan:
		plan = self.plan(external_id, *(rows or (row("CB-PHONE", 2, line_id="a"),)))
		return replace(plan, document=DOCTYPE, naming_series=None, **values)

	def made(self, external_id: str, *rows: ItemRow, **values: Any) -> Booked:
		return self.book(self.direct(external_id, *rows, **values))

	def book(self, plan: SalesOrderPlan) -> Booked:
		with self.erp.transaction(), self.erp.act_as(self.channel):
			return self.erp.create_sales_order(self.channel, plan)

	def doc(self, name: str, doctype: str = DOCTYPE) -> Any:
		frappe.db.rollback()
		return frappe.get_doc(doctype, name)

	def cancel(self, name: str) -> None:
		self.doc(name).cancel()
		frappe.db.commit()

	def entries(self, name: str) -> dict[str, Decimal]:
		names = {self.receivable: "receivable", self.income: "income", self.fixture.tax_account: "tax"}
		names |= {self.stock_account: "stock", self.cost: "cost", self.fixture.clearing_account: "clearing"}
		return {names.get(account, account): value for account, value in self.fixture.balances(name).items()}


class TestMade(DirectCase):
	__test__ = True

	def test_what_it_books(self) -> None:
		booked = self.made("v-1")
		self.assertEqual(
			(booked.grand_total, booked.total_taxes, booked.submitted), (Decimal(22), Decimal(2), True)
		)
		doc = self.doc(booked.name)
		self.assertEqual(
			(
				doc.cb_channel,
				doc.cb_external_id,
				doc.cb_external_number,
				doc.cb_made,
				doc.cb_instead_of_order,
			),
			(self.channel.name, "v-1", "#v-1", 1, 1),
		)
		self.assertEqual((doc.items[0].cb_line_id, doc.update_stock, doc.is_pos), ("a", 0, 0))
		self.assertEqual((doc.posting_date, doc.due_date, doc.status), (self.today, self.today, "Unpaid"))
		self.assertEqual(
			self.entries(booked.name), {"receivable": Decimal(22), "income": Decimal(-20), "tax": Decimal(-2)}
		)
		self.assertFalse(frappe.db.exists("Sales Order", {"cb_external_id": "v-1"}))
		self.assertEqual(direct_invoice.doctype_of(booked.name), DOCTYPE)

	@property
	def today(self) -> Any:
		return getdate(today())

	def test_in_one_step_as_in_two(self) -> None:
		found = []
		for number, draft_first in enumerate((False, True)):
			with patch(STEP, return_value=draft_first):
				name = self.made(f"v-2{number}", row("CB-PHONE", 3, "9.99", line_id="a")).name
			doc = self.doc(name)
			found.append(
				(self.entries(name), doc.status, doc.outstanding_amount, doc.due_date, doc.customer_address)
			)
		self.assertEqual(*found)

	def test_the_day_of_the_order_and_the_series(self) -> None:
		day = add_days(self.today, -3)
		booked = self.made("v-3", transaction_date=day)
		doc = self.doc(booked.name)
		self.assertEqual((doc.posting_date, doc.due_date), (day, day))
		plan = replace(self.direct("v-31"), naming_series="ACC-SINV-RET-.YYYY.-")
		self.assertTrue(self.book(plan).name.startswith("ACC-SINV-RET-"))

	def test_the_day_stays_when_a_draft_is_submitted_later(self) -> None:
		draft = self.made("v-4", submit=False)
		self.assertFalse(draft.submitted)
		yesterday = add_days(self.today, -1)
		frappe.db.set_value(DOCTYPE, draft.name, "posting_date", yesterday)
		frappe.db.commit()
		self.fixture.submit_invoice(draft.name)
		doc = self.doc(draft.name)
		self.assertEqual((doc.docstatus, doc.posting_date), (1, yesterday))

	def test_a_name_that_a_sales_order_has(self) -> None:
		order = self.order("v-5")
		series, number = order[:-5], int(order[-5:])
		frappe.db.sql("UPDATE `tabSeries` SET current = %s WHERE name = %s", (number - 1, series))
		frappe.db.commit()
		plan = replace(self.direct("v-51"), naming_series="SAL-ORD-.YYYY.-")
		with self.assertRaisesRegex(Misconfigured, f"There is a Sales Order {order} already") as caught:
			self.book(plan)
		self.assertEqual(caught.exception.fieldname, "invoice_series")
		frappe.db.rollback()
		self.assertFalse(frappe.db.exists(DOCTYPE, order))
		frappe.db.sql("UPDATE `tabSeries` SET current = %s WHERE name = %s", (number, series))
		frappe.db.commit()

	def test_no_taxes_but_those_of_the_shop(self) -> None:
		template = self.default_template()
		self.addCleanup(self.delete, "Sales Taxes and Charges Template", template)
		rule = {"tax_type": "Sales", "sales_tax_template": template, "company": self.fixture.company}
		rule = frappe.get_doc({"doctype": "Tax Rule", "priority": 1, **rule}).insert()
		frappe.db.commit()
		self.addCleanup(self.delete, "Tax Rule", rule.name)
		from_templates = {
			"add_taxes_from_taxes_and_charges_template": 1,
			"add_taxes_from_item_tax_template": 0,
		}
		change(self, "Accounts Settings", **from_templates)
		plan = self.direct("v-6")
		booked = self.book(replace(plan, amounts=replace(plan.amounts, taxes=())))
		self.assertEqual((booked.grand_total, booked.total_taxes), (20, 0))
		self.assertEqual(self.book(self.direct("v-61")).grand_total, 22)

	def default_template(self) -> str:
		row = {"charge_type": "On Net Total", "account_head": self.fixture.tax_account, "rate": 50}
		doc = {
			"doctype": "Sales Taxes and Charges Template",
			"title": "CB Default",
			"company": self.fixture.company,
			"is_default": 1,
			"taxes": [{**row, "description": "Half"}],
		}
		name = frappe.get_doc(doc).insert().name
		frappe.db.commit()
		return name

	def delete(self, doctype: str, name: str) -> None:
		frappe.db.rollback()
		frappe.set_user("Administrator")
		frappe.delete_doc(doctype, name, force=True)
		frappe.db.commit()

	def test_no_price_but_that_of_the_shop(self) -> None:
		rule = {
			"doctype": "Pricing Rule",
			"title": "CB Half Price",
			"apply_on": "Item Code",
			"items": [{"item_code": "CB-PHONE"}],
			"selling": 1,
			"company": self.fixture.company,
			"currency": self.fixture.currency,
			"rate_or_discount": "Discount Percentage",
			"discount_percentage": 50,
		}
		name = frappe.get_doc(rule).insert().name
		frappe.db.commit()
		self.addCleanup(self.delete, "Pricing Rule", name)
		self.assertEqual(self.made("v-7").grand_total, 22)
		draft = self.made("v-71", submit=False).name
		self.fixture.submit_invoice(draft)
		self.assertEqual(self.doc(draft).grand_total, 22)

	def test_no_rounded_total(self) -> None:
		doc = self.doc(self.made("v-8", row("CB-PHONE", 1, "9.99", line_id="a")).name)
		self.assertEqual((doc.grand_total, doc.rounded_total, doc.outstanding_amount), (10.99, 0, 10.99))

	def test_no_till(self) -> None:
		"""Whatever a site's form proposes for new invoices."""
		for fieldname in ("is_pos", "update_stock", "allocate_advances_automatically"):
			frappe.make_property_setter(
				{"doctype": DOCTYPE, "fieldname": fieldname, "property": "default", "value": "1"}
			)
		frappe.db.commit()
		frappe.local.new_doc_templates.clear()  # kept for a request
		self.addCleanup(self.no_defaults)
		doc = self.doc(self.made("v-9").name)
		self.assertEqual(
			(doc.is_pos, doc.update_stock, doc.allocate_advances_automatically, doc.outstanding_amount),
			(0, 0, 0, 22),
		)

	def no_defaults(self) -> None:
		frappe.db.rollback()
		frappe.set_user("Administrator")
		frappe.db.delete("Property Setter", {"doc_type": DOCTYPE, "property": "default", "value": "1"})
		frappe.clear_cache(doctype=DOCTYPE)
		frappe.local.new_doc_templates.clear()
		frappe.db.commit()

	def test_due_by_the_customers_payment_terms_or_at_once(self) -> None:
		terms = self.terms()
		customer = self.customer(email="terms@example.com")
		frappe.db.set_value("Customer", customer, "payment_terms", terms)
		frappe.db.commit()
		plan = replace(self.direct("v-10", transaction_date=add_days(self.today, -2)), customer=customer)
		doc = self.doc(self.book(plan).name)
		due = add_days(doc.posting_date, 30)
		self.assertEqual((doc.grand_total, doc.due_date), (22, due))
		self.assertEqual(
			[(each.due_date, each.payment_amount) for each in doc.payment_schedule],
			[(add_days(doc.posting_date, 10), 11), (due, 11)],
		)
		self.pay(doc.name, "22.00")
		self.assertEqual(self.doc(doc.name).status, "Paid")

	def terms(self) -> str:
		rows = []
		for days in (10, 30):
			term = {"payment_term_name": f"CB {days} days", "invoice_portion": 50, "credit_days": days}
			term |= {"due_date_based_on": "Day(s) after invoice date"}
			if not frappe.db.exists("Payment Term", term["payment_term_name"]):
				frappe.get_doc({"doctype": "Payment Term", **term}).insert()
			rows.append({"payment_term": term["payment_term_name"], **term})
		if not frappe.db.exists("Payment Terms Template", "CB Halves"):
			template = {"doctype": "Payment Terms Template", "template_name": "CB Halves", "terms": rows}
			frappe.get_doc(template).insert()
		frappe.db.commit()
		return "CB Halves"

	def test_an_account_in_another_currency_is_misconfigured(self) -> None:
		for allowed in (0, 1):
			change(self, "Accounts Settings", **{SINGLE_PARTY_ACCOUNT: allowed})
			plan = replace(self.direct(f"v-11{allowed}"), currency="EUR", conversion_rate=Decimal("1.1"))
			if allowed:
				name = self.book(plan).name
				self.assertEqual(self.entries(name)["receivable"], Decimal("24.20"))
				continue
			with self.assertRaisesRegex(Misconfigured, "The order is in EUR") as caught:
				self.book(plan)
			self.assertEqual(caught.exception.fieldname, SINGLE_PARTY_ACCOUNT)

	def test_with_a_workflow_it_stops_as_a_draft(self) -> None:
		with patch("commerce_bridge.erpnext.submission.get_workflow_name", return_value="CB Approval"):
			booked = self.made("v-12")
		self.assertEqual((booked.submitted, self.doc(booked.name).status), (False, "Draft"))

	def test_single_units_are_promised_to_sales_orders(self) -> None:
		self.fixture.make_item("CB-UNIT-BOX", is_stock_item=False)
		unit = self.fixture.make_item("CB-UNIT")
		frappe.db.set_value("Item", unit, {"has_serial_no": 1, "cb_recommerce": 1})
		frappe.clear_document_cache("Item", unit)
		self.fixture.make_bundle("CB-UNIT-BOX", {unit: Decimal(1)})
		frappe.db.commit()
		for number, sold in enumerate((unit, "CB-UNIT-BOX")):
			with self.assertRaisesRegex(
				Misconfigured, f"{sold if sold == unit else unit} is sold by single units"
			) as caught:
				self.made(f"v-13{number}", row("CB-PHONE", 1), row(sold, 1))
			self.assertEqual(caught.exception.fieldname, "invoice_when")
		named = replace(row("CB-PHONE", 1), serial_no="S-1")
		with self.assertRaisesRegex(Misconfigured, "CB-PHONE is sold by single units"):
			self.made("v-132", named)


class TestUpdateStock(DirectCase):
	__test__ = True

	def test_the_goods_leave_with_it(self) -> None:
		before = self.fixture.stock("CB-PHONE")
		name = self.made("w-1", update_stock=True).name
		after = self.fixture.stock("CB-PHONE")
		self.assertEqual(before[0] - after[0], 2)
		cost = before[1] - after[1]
		self.assertEqual(
			self.entries(name),
			{
				"receivable": Decimal(22),
				"income": Decimal(-20),
				"tax": Decimal(-2),
				"stock": -cost,
				"cost": cost,
			},
		)

	def test_a_draft_moves_nothing_until_it_is_submitted(self) -> None:
		before, _value = self.fixture.stock("CB-PHONE")
		name = self.made("w-2", update_stock=True, submit=False).name
		self.assertEqual(self.fixture.stock("CB-PHONE")[0], before)
		self.fixture.submit_invoice(name)
		self.assertEqual(self.fixture.stock("CB-PHONE")[0], before - 2)

	def test_on_an_earlier_day_what_came_in_that_day_was_there(self) -> None:
		"""And what came in later was not."""
		item = self.fixture.make_item(f"CB-{frappe.generate_hash(length=8)}")
		day = add_days(getdate(today()), -3)
		sold = row(item, 2, line_id="a")
		self.receive(item, add_days(day, 1))
		plan = self.direct("w-3", sold, update_stock=True, transaction_date=day)
		with self.assertRaisesRegex(Rejected, f"dated {day}, and were not in stock then.*Update Stock"):
			self.book(plan)
		self.receive(item, day)
		self.assertTrue(self.book(plan).submitted)

	def test_what_is_not_there_holds_the_order(self) -> None:
		item = self.fixture.make_item(f"CB-{frappe.generate_hash(length=8)}")
		with self.assertRaisesRegex(Rejected, "were not in stock then"):
			self.made("w-4", row(item, 1, line_id="a"), update_stock=True)
		self.assertEqual(
			self.made("w-41", row(item, 1, line_id="a")).grand_total, 11, "nothing leaves with it"
		)

	def receive(self, item: str, day: Any) -> None:
		line = {"item_code": item, "qty": 5, "t_warehouse": self.fixture.warehouse, "basic_rate": 1}
		doc = {
			"doctype": "Stock Entry",
			"stock_entry_type": "Material Receipt",
			"company": self.fixture.company,
			"posting_date": day,
			"posting_time": "10:00:00",
			"set_posting_time": 1,
			"items": [line],
		}
		frappe.get_doc(doc).insert().submit()
		frappe.db.commit()


class TestFollowed(DirectCase):
	"""What the engine sees of it, and what it does to it."""

	__test__ = True

	def found(self, name: str) -> Any:
		with self.erp.transaction():
			return self.erp.get_sales_order(name)

	def test_a_draft_is_rewritten_in_place(self) -> None:
		draft = self.made("f-1", submit=False)
		plan = self.direct(
			"f-1", row("CB-PHONE", 5, line_id="a"), row("CB-SHIPPING", 1, "4.90"), submit=False
		)
		with self.erp.transaction(), self.erp.act_as(self.channel):
			booked = self.erp.replace_sales_order(self.channel, draft.name, plan)
		self.assertEqual((booked.name, booked.grand_total), (draft.name, Decimal("60.39")))
		doc = self.doc(draft.name)
		self.assertEqual([each.qty for each in doc.items], [5, 1])
		self.assertEqual([each.payment_amount for each in doc.payment_schedule], [60.39])
		self.assertEqual((doc.docstatus, doc.cb_instead_of_order), (0, 1))

	def test_a_draft_is_deleted_when_the_order_is_cancelled(self) -> None:
		draft = self.made("f-2", submit=False).name
		with self.erp.transaction(), self.erp.act_as(self.channel):
			self.erp.cancel_sales_order(draft)
		self.assertFalse(frappe.db.exists(DOCTYPE, draft))
		self.assertIsNone(self.found(draft))

	def test_a_submitted_one_is_cancelled_and_amended(self) -> None:
		"""And the new one takes what was paid, whatever Accounts Settings say."""
		for number, unlink in enumerate((1, 0)):
			change(self, "Accounts Settings", unlink_payment_on_cancellation_of_invoice=unlink)
			old = self.made(f"f-3{number}").name
			payment = self.pay(old, "22.00")
			plan = replace(
				self.direct(f"f-3{number}", row("CB-PHONE", 1, line_id="a")),
				customer=self.books(old).customer,
			)
			with self.erp.transaction():
				new = self.erp.replace_sales_order(self.channel, old, plan).name
			self.assertEqual((self.doc(old).docstatus, self.doc(new).amended_from), (2, old))
			self.assertEqual((self.fixture.allocated(payment), self.books(new).paid), (11, 22))
			self.assertEqual((self.open_of(new, new), self.books(old).paid), (0, 0))
			with self.erp.transaction():
				self.erp.cancel_sales_order(new)
			self.assertEqual((self.found(new).status, self.fixture.allocated(payment)), ("Cancelled", 0))

	def test_what_stands_on_it(self) -> None:
		name = self.made("f-4").name
		customer = self.doc(name).customer
		state = self.found(name)
		self.assertEqual(
			(state.doctype, state.status, state.parties.customer), (DOCTYPE, "Submitted", customer)
		)
		self.assertEqual((state.billed, state.delivered, state.drafts), ((name,), (), ()))
		note = self.credit(name, name, row("CB-PHONE", 1, line_id="a"), submit=False).name
		self.assertEqual(self.found(name).drafts, (note,))
		draft = self.made("f-41", submit=False).name
		state = self.found(draft)
		self.assertEqual((state.status, state.billed, state.drafts), ("Draft", (), ()))
		left = self.made("f-42", update_stock=True).name
		self.assertEqual((self.found(left).delivered, self.found(left).billed), ((left,), (left,)))

	def test_its_deliveries(self) -> None:
		name = self.made("f-5").name
		draft = self.delivery(name, 1, submit=False)
		self.assertEqual(self.found(name).drafts, (draft,))
		frappe.get_doc("Delivery Note", draft).submit()
		frappe.db.commit()
		self.assertEqual((self.found(name).delivered, self.found(name).drafts), ((draft,), ()))
		books = self.books(name)
		self.assertEqual((books.delivered, books.deliveries), ({"a": 1}, (draft,)))

	def delivery(self, name: str, quantity: int, submit: bool = True) -> str:
		doc = make_delivery_note(name)
		doc.items[0].qty = quantity
		doc.insert(ignore_permissions=True)
		if submit:
			doc.submit()
		frappe.db.commit()
		return doc.name

	def test_an_invoice_of_a_sales_order_is_no_order(self) -> None:
		name = self.billed(self.sold("f-6")).name
		self.assertIsNone(self.found(name))
		with self.erp.transaction():
			self.assertIsNone(self.erp.get_books(name))
		self.assertEqual(direct_invoice.doctype_of(name), "Sales Order")

	def test_its_books(self) -> None:
		name = self.made("f-7").name
		books = self.books(name)
		self.assertEqual((books.doctype, books.total, books.quantities), (DOCTYPE, 22, {"a": 2}))
		self.assertEqual(
			books.invoices, (Invoice(name, True, False, Decimal(22), Decimal(22), {"a": Decimal(2)}),)
		)
		self.assertEqual((books.deliveries, books.delivered, books.closed), ((), {}, False))
		left = self.books(self.made("f-71", update_stock=True).name)
		self.assertEqual((left.deliveries, left.delivered), ((left.sales_order,), {"a": 2}))

	def test_nothing_bills_or_closes_it_again(self) -> None:
		name = self.made("f-8").name
		self.assertIsNone(self.invoice(name))
		with self.erp.transaction():
			self.assertEqual(self.erp.delete_draft_invoices(name), [])
			self.erp.close_sales_order(name)
		self.assertEqual(self.found(name).status, "Submitted")
		draft = self.made("f-81", submit=False).name
		with self.erp.transaction():
			self.assertEqual(self.erp.delete_draft_invoices(draft), [], "the order itself is no draft of it")

	def test_what_is_neither(self) -> None:
		self.assertIsNone(self.found("NO-SUCH-ORDER"))
		for action in (self.erp.cancel_sales_order, self.erp.close_sales_order):
			with self.assertRaises(self.fixture.refusal), self.erp.transaction():
				action("NO-SUCH-ORDER")


class TestPaid(DirectCase):
	__test__ = True

	def test_what_is_paid_after_it(self) -> None:
		name = self.made("q-1").name
		first, second = self.pay(name, "10.00"), self.pay(name, "15.00")
		self.assertEqual((self.fixture.allocated(first), self.fixture.allocated(second)), (10, 12))
		self.assertEqual((self.open_of(name, name), self.books(name).paid), (0, 25))
		self.assertEqual(self.doc(name).status, "Paid")
		self.assertEqual(self.entries(first), {"receivable": Decimal(-10), "clearing": Decimal(10)})

	def test_a_draft_takes_what_was_paid_when_a_person_submits_it(self) -> None:
		customer = self.customer(email="q2@example.com")
		other = self.book(replace(self.direct("q-20"), customer=customer, submit=False)).name
		draft = self.book(replace(self.direct("q-2"), customer=customer, submit=False)).name
		theirs = self.pay(other, "22.00")
		early, late = self.pay(draft, "8.00"), self.pay(draft, "20.00")
		self.assertEqual([self.fixture.allocated(each) for each in (early, late)], [0, 0])
		self.assertEqual(self.books(draft).paid, 28)
		self.fixture.submit_invoice(draft)
		self.assertEqual([self.fixture.allocated(each) for each in (early, late, theirs)], [8, 14, 0])
		doc = self.doc(draft)
		self.assertEqual((doc.outstanding_amount, doc.status, doc.total_advance), (0, "Paid", 22))
		self.assertEqual([each.allocated_amount for each in doc.advances], [8, 14])
		self.assertEqual(self.fixture.receivable(customer), {theirs: Decimal(-22), late: Decimal(-6)})

	def test_in_part(self) -> None:
		draft = self.made("q-3", submit=False).name
		self.pay(draft, "5.00")
		self.fixture.submit_invoice(draft)
		doc = self.doc(draft)
		self.assertEqual((doc.outstanding_amount, doc.status), (17, "Partly Paid"))

	def test_what_a_person_chose_stays(self) -> None:
		draft = self.made("q-4", submit=False).name
		one, two = self.pay(draft, "8.00"), self.pay(draft, "20.00")
		doc = self.doc(draft)
		row = {"reference_type": "Payment Entry", "reference_name": two, "advance_amount": 20}
		doc.append("advances", {**row, "allocated_amount": 20, "ref_exchange_rate": 1})
		doc.submit()
		frappe.db.commit()
		self.assertEqual([self.fixture.allocated(each) for each in (one, two)], [2, 20])
		self.assertEqual(self.open_of(draft, draft), 0)

	def test_a_cancelled_one_lets_go(self) -> None:
		"""A person cancels it, and amends it by hand."""
		name = self.made("q-5").name
		payment = self.pay(name, "22.00")
		self.cancel(name)
		self.assertEqual((self.fixture.allocated(payment), self.books(name).paid), (0, 22))
		amended = frappe.copy_doc(self.doc(name))
		amended.update({"amended_from": name, "docstatus": 0})
		amended.insert().submit()
		frappe.db.commit()
		self.assertEqual((self.fixture.allocated(payment), self.books(amended.name).paid), (22, 22))
		self.assertEqual(self.books(name).paid, 0)

	def test_in_another_currency(self) -> None:
		change(self, "Accounts Settings", **{SINGLE_PARTY_ACCOUNT: 1})
		euro: dict[str, Any] = {"currency": "EUR", "conversion_rate": Decimal("1.1")}
		for number, submit in enumerate((True, False)):
			name = self.book(replace(self.direct(f"q-6{number}", submit=submit), **euro)).name
			self.pay(name, "22.00", **euro)
			if not submit:
				self.fixture.submit_invoice(name)
			self.assertEqual((self.open_of(name, name), self.books(name).paid), (0, 22))
			self.assertEqual(self.fixture.receivable(self.doc(name).customer), {})

	def test_advances_in_an_account_of_their_own(self) -> None:
		account = self.fixture.account(
			"CB Advances Received", "Current Liabilities", account_type="Receivable"
		)
		company = {"book_advance_payments_in_separate_party_account": 1}
		company["default_advance_received_account"] = account
		before = frappe.db.get_value("Company", self.fixture.company, list(company), as_dict=True)
		self.company(**company)
		self.addCleanup(self.company, **before)
		draft = self.made("q-7", submit=False).name
		payment = self.pay(draft, "22.00")
		self.assertEqual(self.fixture.balances(payment)[account], -22)
		self.fixture.submit_invoice(draft)
		self.assertEqual((self.open_of(draft, draft), self.fixture.allocated(payment)), (0, 22))
		self.assertEqual(self.fixture.balances(payment, draft).get(account, 0), 0)

	def company(self, **values: Any) -> None:
		frappe.db.rollback()
		frappe.db.set_value("Company", self.fixture.company, values)
		frappe.db.commit()
		frappe.clear_cache()


class TestCredited(DirectCase):
	__test__ = True

	def test_a_part_of_it(self) -> None:
		name = self.made("c-1", row("CB-PHONE", 2, line_id="a"), row("CB-SHIPPING", 1, "4.90")).name
		self.pay(name, "27.39")
		booked = self.credit(name, name, row("CB-PHONE", 1, "9.99", line_id="a"), tax="1.07")
		self.assertEqual((booked.grand_total, booked.total_taxes), (Decimal("11.06"), Decimal("1.07")))
		doc, sold = self.doc(booked.name), self.doc(name)
		self.assertEqual(
			(doc.return_against, doc.update_stock, doc.cb_instead_of_order, doc.cb_made, doc.cb_external_id),
			(name, 0, 0, 1, "c-1"),
		)
		self.assertEqual((doc.customer, doc.items[0].sales_order), (sold.customer, None))
		self.assertEqual(doc.items[0].sales_invoice_item, sold.items[0].name)
		self.assertEqual(
			self.entries(booked.name),
			{"receivable": Decimal("-11.06"), "income": Decimal("9.99"), "tax": Decimal("1.07")},
		)
		self.assertEqual(self.open_of(name, booked.name), Decimal("11.06"))
		self.pay(name, "11.06", "Pay")
		books = self.books(name)
		self.assertEqual([each.open for each in books.invoices], [0, 0])
		self.assertEqual((books.paid, books.paid_back), (Decimal("27.39"), Decimal("11.06")))

	def test_one_that_settles(self) -> None:
		name = self.made("c-2").name
		note = self.credit(name, name, row("CB-PHONE", 2, line_id="a"), tax="2.00", settles=True).name
		self.assertEqual((self.open_of(name, name), self.open_of(name, note)), (0, 0))

	def test_money_that_went_back_first(self) -> None:
		name = self.made("c-3").name
		self.pay(name, "22.00")
		back = self.pay(name, "11.00", "Pay")
		note = self.credit(name, name, row("CB-PHONE", 1, line_id="a"), tax="1.00").name
		self.assertEqual((self.open_of(name, note), self.fixture.allocated(back)), (0, 11))

	def test_no_more_than_was_sold(self) -> None:
		"""Whether or not the engine says which invoice it is of."""
		name = self.made("c-4").name
		self.credit(name, None, row("CB-PHONE", 1, line_id="a"))
		with self.assertRaisesRegex(Rejected, "not 2 of line a left"):
			self.credit(name, None, row("CB-PHONE", 2, line_id="a"))
		[_sold, note] = self.books(name).invoices
		self.assertEqual((note.return_against, note.lines), (name, {"a": 1}))

	def test_goodwill_is_of_it_too(self) -> None:
		item = self.fixture.make_item("CB-GOODWILL", is_stock_item=False)
		name = self.made("c-5").name
		note = self.credit(name, name, row(item, 1, "3.00")).name
		self.assertEqual(self.document(name, note).total, 3)

	def test_drafts_are_among_its_books(self) -> None:
		name = self.made("c-6").name
		draft = self.credit(name, name, row("CB-PHONE", 1, line_id="a"), submit=False).name
		self.assertFalse(self.document(name, draft).submitted)
		with self.erp.transaction():
			self.assertEqual(self.erp.delete_draft_invoices(name), [], "credit notes stay")
		with self.erp.transaction():
			self.erp.delete_draft_credit_note(draft)
		self.assertEqual(len(self.books(name).invoices), 1)


class TestByHand(DirectCase):
	"""What a person does to it, as to a Sales Order."""

	__test__ = True

	def setUp(self) -> None:
		super().setUp()
		self.channel = self.fixture.make_channel("Contract Shop", send_local_changes=1)

	def recorded(self, external_id: str, **values: Any) -> str:
		name = self.made(external_id, **values).name
		record = Record(self.channel.name, "Order", external_id, DOCTYPE, name, order_id=external_id)
		with self.erp.transaction():
			self.erp.save_record(record)
		return name

	def document_of(self, external_id: str) -> tuple[str | None, str | None]:
		with self.erp.transaction():
			record = self.erp.get_record(self.channel.name, "Order", external_id)
		assert record is not None
		return record.doctype, record.document

	def amended(self, name: str) -> Any:
		"""As the form makes it: a copy of all fields, a draft."""
		doc = frappe.copy_doc(self.doc(name))
		doc.update({"amended_from": name, "docstatus": 0, "status": "Draft"})
		return doc.insert()

	def told(self, name: str) -> list[str]:
		return [row["topic"] for row in self.fixture.entries_about(name) if row["topic"] == "order.changed"]

	def test_cancelled_the_shop_is_told(self) -> None:
		name = self.recorded("h-1")
		self.cancel(name)
		self.assertEqual(self.told(name), ["order.changed"])
		with self.erp.transaction():
			change = self.erp.get_order_change(name)
			state = self.erp.get_sales_order(name)
		assert change and state
		self.assertEqual((change.kind, change.order_id, state.status), ("cancelled", "h-1", "Cancelled"))
		self.assertEqual([line.order_line_id for line in change.lines], ["a"])

	def test_our_own_cancellation_is_an_echo(self) -> None:
		name = self.recorded("h-2")
		with self.erp.transaction():
			self.erp.cancel_sales_order(name)
		self.assertEqual(self.told(name), [])

	def test_amended_it_is_the_order(self) -> None:
		name = self.recorded("h-3")
		self.cancel(name)
		draft = self.amended(name)
		frappe.db.commit()
		self.assertEqual(self.document_of("h-3"), (DOCTYPE, draft.name))
		self.assertEqual((draft.cb_instead_of_order, draft.cb_external_id), (1, "h-3"))
		draft.submit()
		frappe.db.commit()
		self.assertEqual(self.told(draft.name), ["order.changed"])
		with self.erp.transaction():
			change = self.erp.get_order_change(draft.name)
		self.assertEqual(change and change.kind, "edited")

	def test_amended_by_an_app_that_copies_less(self) -> None:
		name = self.recorded("h-4")
		self.cancel(name)
		doc = frappe.copy_doc(self.doc(name), ignore_no_copy=False)
		doc.update({"amended_from": name, "docstatus": 0})
		self.assertFalse(doc.cb_instead_of_order)
		doc.insert()
		frappe.db.commit()
		self.assertEqual((doc.cb_instead_of_order, self.document_of("h-4")[1]), (1, doc.name))

	def test_a_copy_is_no_order(self) -> None:
		name = self.recorded("h-5")
		for ignore_no_copy in (True, False):
			copy = frappe.copy_doc(self.doc(name), ignore_no_copy=ignore_no_copy).insert()
			self.assertEqual(
				(copy.cb_instead_of_order, copy.cb_channel, copy.cb_external_id, copy.items[0].cb_line_id),
				(0, None, None, None),
			)
			frappe.db.rollback()

	def test_what_is_made_of_it_keeps_the_order(self) -> None:
		"""A credit note, an invoice of a Sales Order, a Delivery Note."""
		name = self.recorded("h-6")
		note = make_sales_return(name).insert()
		self.assertEqual((note.cb_external_id, note.cb_instead_of_order), ("h-6", 0))
		sent = make_delivery_note(name).insert()
		self.assertEqual((sent.cb_external_id, sent.items[0].cb_line_id), ("h-6", "a"))
		frappe.db.rollback()
		billed = make_sales_invoice(self.sold("h-61")).insert()
		self.assertEqual((billed.cb_external_id, billed.cb_instead_of_order), ("h-61", 0))

	def test_a_draft_that_a_person_deleted_stays_deleted(self) -> None:
		name = self.recorded("h-7", submit=False)
		self.doc(name).delete()
		frappe.db.commit()
		self.assertEqual(self.document_of("h-7"), (DOCTYPE, name))
		with self.erp.transaction():
			self.assertIsNone(self.erp.get_sales_order(name))

	def test_the_number_of_one_that_is_gone_is_not_given_again(self) -> None:
		"""What is told of the deleted order later would meet the next order's document."""
		for number, planned in enumerate((self.direct, self.plan)):
			gone = self.book(
				replace(planned(f"h-71{number}", row("CB-PHONE", 2, line_id="a")), submit=False)
			).name
			with self.erp.transaction(), self.erp.act_as(self.channel):
				self.erp.cancel_sales_order(gone)
			later = self.book(
				replace(planned(f"h-72{number}", row("CB-PHONE", 2, line_id="a")), submit=False)
			).name
			self.assertNotEqual(later, gone)
			deleted = frappe.get_doc("Deleted Document", {"deleted_name": gone})
			self.assertTrue(json.loads(deleted.data)["naming_series"], "to be restored by")

	def test_refunds_that_waited_are_looked_at_when_a_person_submits_it(self) -> None:
		name = self.recorded("h-8", submit=False)
		self.fixture.submit_invoice(name)
		[entry] = self.fixture.entries_of("h-8", "invoice.due")
		self.assertEqual((entry["state"], json.loads(entry["payload"])["invoice"]), ("Queued", name))
		self.recorded("h-81")
		self.assertEqual(self.fixture.entries_of("h-81", "invoice.due"), [], "our own is known")


class TestSalesOrdersAsEver(DirectCase):
	"""Nothing is asked about direct invoices where a Sales Order stands for the order."""

	__test__ = True

	def test_no_query_more(self) -> None:
		asked: list[str] = []
		query = frappe.db.sql

		def listen(statement: Any, *args: Any, **kwargs: Any) -> Any:
			asked.append(str(statement))
			return query(statement, *args, **kwargs)

		with patch.object(frappe.db, "sql", side_effect=listen):
			order = self.sold("s-1")
			self.pay(order, "22.00")
			invoice = self.billed(order).name
			self.credit(order, invoice, row("CB-PHONE", 1, line_id="a"))
			self.books(order)
			with self.erp.transaction():
				self.erp.get_sales_order(order)
				self.erp.close_sales_order(order)
		self.assertGreater(len(asked), 50)
		about = [statement for statement in asked if "cb_instead_of_order" in statement]
		reading = [statement for statement in about if not statement.lstrip().lower().startswith("insert")]
		self.assertEqual(reading, [])


class TestSettings(SiteTestCase):
	"""What an order without a Sales Order cannot have is refused when it is chosen."""

	def setUp(self) -> None:
		self.addCleanup(frappe.db.rollback)
		self.fixture = SiteFixture()
		self.fixture.make_channel(SHOP)

	def saved(self, **values: Any) -> Any:
		doc = frappe.get_doc("Channel Settings", SHOP)
		doc.update({"invoice_when": "Instead of Sales Order", **values})
		with patch.object(preflight, "of_storefront", return_value=[]):
			doc.save()
		return doc

	def refused(self, said: str, **values: Any) -> None:
		with self.assertRaises(frappe.ValidationError) as caught:
			self.saved(**values)
		self.assertIn(said, strip_html(str(caught.exception)))

	def test_it_is_read(self) -> None:
		policy = channel_settings.channel_of(self.saved(invoice_update_stock=1)).invoices
		self.assertEqual(policy, InvoicePolicy(when="Instead of Sales Order", update_stock=True))
		self.assertFalse(
			channel_settings.channel_of(self.saved(invoice_update_stock=0)).invoices.update_stock
		)

	def test_what_needs_a_sales_order(self) -> None:
		otherwise = "or choose another value in Make Sales Invoices"
		for choice in ("Reserve Stock", "Create Pick List"):
			said = f"Afterwards: {choice} needs a Sales Order, and Sales Invoices are made instead. Choose Nothing, {otherwise}"
			self.refused(said, afterwards=choice)
			self.saved(afterwards=choice, order_docstatus="Draft")
			self.saved(afterwards=choice, order_docstatus="Submitted", invoice_when="When Paid")
		self.saved(afterwards="Nothing")

	def test_numbers_of_sales_orders(self) -> None:
		self.refused("Number in a Transaction of Its Own: is for Sales Orders", own_numbering=1)
		self.saved(own_numbering=1, invoice_when="Never")

	def test_fields_that_an_invoice_has_not(self) -> None:
		def mapped(doctype: str, fieldname: str) -> list[dict[str, str]]:
			return [{"path": "custom.x", "target_doctype": doctype, "fieldname": fieldname}]

		self.refused(
			"row 1: Sales Invoice has no field delivery_date, and is made instead of Sales Order",
			field_map=mapped("Sales Order", "delivery_date"),
		)
		self.refused("Sales Invoice Item has no field", field_map=mapped("Sales Order Item", "delivery_date"))
		self.saved(field_map=mapped("Sales Order", "po_no"))
		self.saved(field_map=mapped("Sales Order", "delivery_date"), invoice_when="Never")

	def found(self, **policy: Any) -> dict[str, str]:
		channel = channel_settings.load(SHOP).channel
		invoices = InvoicePolicy(when="Instead of Sales Order", **policy)
		checks = preflight.checks(channel.model_copy(update={"invoices": invoices}))
		return {check.title: f"{check.severity}: {check.fix}" for check in checks if not check.ok}

	def test_a_site_that_wants_orders_before_invoices(self) -> None:
		title = "Invoices without orders"
		self.assertNotIn(title, self.found())
		change(self, "Selling Settings", so_required="Yes")
		self.assertIn("error: Set “Is Sales Order Required", self.found()[title])
		self.assertIn(title, self.found(update_stock=True))
		change(self, "Selling Settings", so_required="No", dn_required="Yes")
		self.assertIn("error: Set “Is Delivery Note Required", self.found()[title])
		self.assertNotIn(title, self.found(update_stock=True), "its goods leave with it")

	def test_single_units_are_told_of(self) -> None:
		item = self.fixture.make_item("CB-UNIT")
		frappe.db.set_value("Item", item, {"has_serial_no": 1, "cb_recommerce": 0})
		self.fixture.make_listing(SHOP, item, "WEB-UNIT")
		self.assertNotIn("Single units", self.found())
		frappe.db.set_value("Item", item, "cb_recommerce", 1)
		self.assertIn(
			"warning: Single units are promised to Sales Orders, and CB-UNIT", self.found()["Single units"]
		)

	def test_the_workflow_of_invoices_counts(self) -> None:
		real = frappe.db.get_value

		def active(doctype: str, filters: Any = None, *args: Any, **kwargs: Any) -> Any:
			if doctype == "Workflow":
				return "CB Approval" if filters["document_type"] == DOCTYPE else None
			return real(doctype, filters, *args, **kwargs)

		with patch.object(frappe.db, "get_value", side_effect=active):
			self.assertIn("Workflow CB Approval is active", self.found()["Workflow"])
			self.assertNotIn("Workflow", self.found(submit=False))
