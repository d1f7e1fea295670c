"""Payment Entries of a storefront's orders: what they book, to the cent and the account, and in whose name."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import frappe

from commerce_bridge.bridge.channel import PaymentMap
from commerce_bridge.bridge.errors import Misconfigured, Rejected
from commerce_bridge.tests.base import SiteTestCase
from commerce_bridge.tests.contract import row
from commerce_bridge.tests.factory import USER
from commerce_bridge.tests.money_contract import MoneyContract
from commerce_bridge.tests.settings import change
from commerce_bridge.tests.site_money import MoneySiteFixture

SINGLE_PARTY_ACCOUNT = "allow_multi_currency_invoices_against_single_party_account"
EUR, RATE = "EUR", Decimal("1.1")


class PaymentCase(MoneyContract, SiteTestCase):
	fixture: MoneySiteFixture

	def setUp(self) -> None:
		self.fixture = MoneySiteFixture()
		super().setUp()
		self.fees: dict[str, Any] = {
			"fee": Decimal("0.70"),
			"fee_account": self.fixture.fee_account,
			"fee_tax": Decimal("0.13"),
			"fee_tax_account": self.fixture.fee_tax_account,
		}
		self.receivable = frappe.get_cached_value(
			"Company", self.fixture.company, "default_receivable_account"
		)

	def sold_in_euro(self, external_id: str) -> str:
		plan = self.plan(external_id, row("CB-PHONE", 2, line_id="a"))
		plan = replace(plan, currency=EUR, conversion_rate=RATE)
		with self.erp.transaction():
			return self.erp.create_sales_order(self.channel, plan).name

	def pay_in_euro(self, order: str, amount: str, **values: Any) -> str:
		return self.pay(order, amount, **{"currency": EUR, "conversion_rate": RATE} | values)

	def doc(self, name: str) -> Any:
		frappe.db.rollback()
		return frappe.get_doc("Payment Entry", name)

	def amounts(self, **balances: str) -> dict[str, Decimal]:
		accounts = {
			"receivable": self.receivable,
			"clearing": self.fixture.clearing_account,
			"fee": self.fixture.fee_account,
			"fee_tax": self.fixture.fee_tax_account,
		}
		return {accounts.get(name, name): Decimal(amount) for name, amount in balances.items()}


class TestReceipts(PaymentCase):
	__test__ = True

	def test_the_gross_is_paid_and_the_net_reaches_the_account(self) -> None:
		order = self.sold("e-1")
		name = self.pay(order, "22.00", **self.fees)
		self.assertEqual(
			self.fixture.balances(name),
			self.amounts(receivable="-22", clearing="21.17", fee="0.70", fee_tax="0.13"),
		)
		doc = self.doc(name)
		self.assertEqual((doc.cb_amount, doc.cb_currency), (22, self.channel.currency))
		self.assertEqual((doc.cb_channel, doc.cb_external_id), (self.channel.name, "e-1"))

	def test_a_fee_tax_without_an_account_is_a_part_of_the_fee(self) -> None:
		name = self.pay(self.sold("e-2"), "22.00", **self.fees | {"fee_tax_account": None})
		self.assertEqual(
			self.fixture.balances(name), self.amounts(receivable="-22", clearing="21.17", fee="0.83")
		)

	def test_without_a_fee_account_the_gross_reaches_the_account(self) -> None:
		name = self.pay(self.sold("e-3"), "22.00", **self.fees | {"fee_account": None})
		self.assertEqual(self.fixture.balances(name), self.amounts(receivable="-22", clearing="22"))

	def test_a_bank_account_gets_its_reference(self) -> None:
		name = self.pay(self.sold("e-4"), "22.00", reference="ch_<3>" + "x" * 200)
		doc = self.doc(name)
		self.assertEqual(doc.reference_no, ("ch_ 3 " + "x" * 200)[:140])
		self.assertEqual(str(doc.reference_date), str(doc.posting_date))

	def test_the_integration_user_needs_its_role_alone(self) -> None:
		order = self.sold("e-5")
		plan = self.payment_plan(order, "22.00", **self.fees)
		with self.erp.transaction(), self.erp.act_as(self.channel):
			name = self.erp.create_payment(self.channel, plan)
		self.assertEqual(self.doc(name).owner, USER)
		with self.erp.transaction(), self.erp.act_as(self.channel):
			self.erp.cancel_payment(name)
		self.assertEqual(self.doc(name).docstatus, 2)

	def test_in_one_step_as_in_two(self) -> None:
		found = []
		for number, draft_first in enumerate((False, True)):
			order = self.sold(f"e-6{number}")
			change_of = "commerce_bridge.erpnext.submission.needs_draft_first"
			with self.patched(change_of, draft_first):
				found.append(self._compared(self.pay(order, "22.00", **self.fees)))
		self.assertEqual(*found)

	def patched(self, target: str, value: Any) -> Any:
		from unittest.mock import patch

		return patch(target, return_value=value)

	def _compared(self, name: str) -> dict[str, Any]:
		doc = self.doc(name)
		own = ("name", "creation", "modified", "parent", "title", "party", "party_name", "remarks")
		rows = [[*doc.references], [*doc.deductions]]
		left_out = (
			*own,
			"cb_external_id",
			"cb_external_number",
			"reference_name",
			"contact_person",
			"contact_email",
		)
		values = {
			key: value
			for key, value in doc.as_dict().items()
			if key not in (*left_out, "references", "deductions")
		}
		values["rows"] = [
			[{key: value for key, value in each.as_dict().items() if key not in left_out} for each in table]
			for table in rows
		]
		values["ledger"] = self.fixture.balances(name)
		return values

	def test_advances_in_an_account_of_their_own(self) -> None:
		account = self.fixture.account("CB Advances", "Current Liabilities", account_type="Receivable")
		company = {
			"book_advance_payments_in_separate_party_account": 1,
			"default_advance_received_account": account,
		}
		self._set_company(**company)
		order = self.sold("e-7")
		name = self.pay(order, "22.00")
		self.assertEqual(self.fixture.balances(name), {account: -22, self.fixture.clearing_account: 22})
		invoice = self.billed(order).name
		self.assertEqual(self.open_of(order, invoice), 0)
		self.assertEqual(self.books(order).paid, 22)

	def _set_company(self, **values: Any) -> None:
		before = frappe.db.get_value("Company", self.fixture.company, list(values), as_dict=True)
		self.addCleanup(self._write_company, before)
		self._write_company(values)

	def _write_company(self, values: Any) -> None:
		frappe.db.rollback()
		frappe.db.set_value("Company", self.fixture.company, dict(values))
		frappe.db.commit()
		frappe.clear_document_cache("Company", self.fixture.company)


class TestForeignCurrency(PaymentCase):
	"""An order in euro; the company's books are in another currency."""

	__test__ = True

	def setUp(self) -> None:
		super().setUp()
		change(self, "Accounts Settings", **{SINGLE_PARTY_ACCOUNT: 1})

	def test_an_account_in_the_company_s_currency(self) -> None:
		order = self.sold_in_euro("f-1")
		name = self.pay_in_euro(order, "22.00", **self.fees)
		# 22.00, 0.70 and 0.13 EUR at 1.1; 21.17 EUR are 23.29
		self.assertEqual(
			self.fixture.balances(name),
			self.amounts(receivable="-24.20", clearing="23.29", fee="0.77", fee_tax="0.14"),
		)
		self.assertEqual(self.books(order).paid, 22)
		invoice = self.billed(order).name
		self.assertEqual(self.open_of(order, invoice), 0)

	def test_an_account_in_the_order_s_currency(self) -> None:
		account = self.fixture.account("CB Euro Clearing", "Bank Accounts", account_currency=EUR)
		order = self.sold_in_euro("f-2")
		invoice = self.billed(order).name
		name = self.pay_in_euro(order, "22.00", account=account, **self.fees)
		self.assertEqual(
			self.fixture.balances(name),
			self.amounts(receivable="-24.20", fee="0.77", fee_tax="0.14") | {account: Decimal("23.29")},
		)
		doc = self.doc(name)
		self.assertEqual((doc.received_amount, doc.paid_to_account_currency), (21.17, EUR))
		self.assertEqual(self.open_of(order, invoice), 0)

	def test_what_the_gateway_took_differs(self) -> None:
		"""The buyer owed 24.20, the gateway took 24.00: the rest is a loss of exchange."""
		order = self.sold_in_euro("f-3")
		name = self.pay_in_euro(order, "22.00", charged=(Decimal("24.00"), self.fixture.currency))
		loss = frappe.get_cached_value("Company", self.fixture.company, "exchange_gain_loss_account")
		self.assertEqual(
			self.fixture.balances(name),
			self.amounts(receivable="-24.20", clearing="24.00") | {loss: Decimal("0.20")},
		)

	def test_a_refund_in_euro(self) -> None:
		order = self.sold_in_euro("f-4")
		self.pay_in_euro(order, "22.00")
		invoice = self.billed(order).name
		values = {"currency": EUR, "conversion_rate": RATE}
		note = self.credit(order, invoice, row("CB-PHONE", 1, line_id="a"), tax="1.00", **values).name
		back = self.pay_in_euro(order, "11.00", kind="Pay")
		self.assertEqual(self.fixture.balances(back), self.amounts(receivable="12.10", clearing="-12.10"))
		self.assertEqual((self.open_of(order, note), self.books(order).paid_back), (0, 11))

	def test_a_customer_with_an_account_in_euro(self) -> None:
		change(self, "Accounts Settings", **{SINGLE_PARTY_ACCOUNT: 0})
		values = {"account_type": "Receivable", "account_currency": EUR}
		account = self.fixture.account("CB Euro Debtors", "Accounts Receivable", **values)
		order = self.sold_in_euro("f-6")
		buyer = frappe.get_doc("Customer", self.books(order).customer)
		buyer.default_currency = EUR
		buyer.append("accounts", {"company": self.fixture.company, "account": account})
		buyer.save()
		frappe.db.commit()
		name = self.pay_in_euro(order, "22.00", **self.fees)
		self.assertEqual(
			self.fixture.balances(name),
			self.amounts(clearing="23.29", fee="0.77", fee_tax="0.14") | {account: Decimal("-24.20")},
		)
		invoice = self.billed(order).name
		self.assertEqual((self.open_of(order, invoice), self.books(order).paid), (0, 22))

	def test_invoices_in_euro_say_what_they_need(self) -> None:
		change(self, "Accounts Settings", **{SINGLE_PARTY_ACCOUNT: 0})
		with self.assertRaises(Misconfigured) as caught:
			self.billed(self.sold_in_euro("f-7"))
		self.assertEqual(caught.exception.fieldname, SINGLE_PARTY_ACCOUNT)

	def test_the_row_of_the_table_is_named(self) -> None:
		rows = [
			PaymentMap(gateway="paypal"),
			PaymentMap(gateway="stripe", account=self.fixture.foreign_account),
		]
		channel = self.channel.model_copy(update={"payments": tuple(rows)})
		plan = self.payment_plan(self.sold("f-5"), "22.00", account=self.fixture.foreign_account)
		with self.assertRaises(Misconfigured) as caught, self.erp.transaction():
			self.erp.create_payment(channel, plan)
		self.assertIn("Row 2", str(caught.exception))
		self.assertEqual(
			(caught.exception.doctype, caught.exception.document, caught.exception.fieldname),
			("Channel Settings", channel.name, "payment_map"),
		)


class TestWhatPeopleDo(PaymentCase):
	__test__ = True

	def test_an_order_amended_by_hand_keeps_what_was_paid(self) -> None:
		order = self.sold("h-1")
		payment = self.pay(order, "22.00")
		doc = frappe.get_doc("Sales Order", order)
		doc.cancel()
		amended = frappe.copy_doc(doc)
		amended.update({"amended_from": order, "docstatus": 0, "status": "Draft"})
		amended.insert().submit()
		frappe.db.commit()
		self.assertEqual(self.books(amended.name).paid, 22)
		invoice = self.billed(amended.name).name
		self.assertEqual((self.open_of(amended.name, invoice), self.fixture.allocated(payment)), (0, 22))

	def test_payments_stay_where_the_site_does_not_unlink_them(self) -> None:
		change(self, "Accounts Settings", unlink_advance_payment_on_cancelation_of_order=0)
		order = self.sold("h-2")
		payment = self.pay(order, "22.00")
		with self.erp.transaction():
			self.erp.cancel_sales_order(order)
		self.assertEqual((self.books(order).paid, self.fixture.allocated(payment)), (22, 0))

	def test_a_payment_by_hand_counts(self) -> None:
		from erpnext.accounts.doctype.payment_entry.payment_entry import get_payment_entry

		order = self.sold("h-3")
		doc = get_payment_entry("Sales Order", order)
		doc.update({"reference_no": "by hand", "reference_date": frappe.utils.today()})
		doc.update({"paid_to": self.fixture.clearing_account})
		doc.insert().submit()
		frappe.db.commit()
		self.assertEqual(self.books(order).paid, 22)
		invoice = self.billed(order).name
		self.assertEqual((self.books(order).paid, self.open_of(order, invoice)), (22, 0))

	def test_what_a_bank_transaction_names_is_not_cancelled(self) -> None:
		payment = self.pay(self.sold("h-4"), "22.00")
		row_of = {"parent": "none", "parenttype": "Bank Transaction", "parentfield": "payment_entries"}
		key = {"payment_document": "Payment Entry", "payment_entry": payment, "docstatus": 1}
		frappe.get_doc({"doctype": "Bank Transaction Payments", **row_of, **key}).db_insert()
		frappe.db.commit()
		with self.assertRaisesRegex(Rejected, "bank statement"), self.erp.transaction():
			self.erp.cancel_payment(payment)
		frappe.db.delete("Bank Transaction Payments", {"payment_entry": payment})
		frappe.db.commit()
