"""Payouts on a site: imported, matched, refused until they add up, booked to the cent, found by the bank's statement."""

from __future__ import annotations

from datetime import date, datetime, timezone
from decimal import Decimal
from typing import Any

import frappe
from erpnext.accounts.doctype.bank_reconciliation_tool.bank_reconciliation_tool import (
	get_linked_payments,
	reconcile_vouchers,
)

from commerce_bridge import api
from commerce_bridge.bridge.channel import OrderPolicy, PaymentMap
from commerce_bridge.bridge.errors import Rejected
from commerce_bridge.bridge.model import BalanceRow
from commerce_bridge.bridge.model import Payout as Told
from commerce_bridge.bridge.plan import Record
from commerce_bridge.bridge.protocols import PayoutPage
from commerce_bridge.erpnext import channel_record, payment_entry, payout, payout_matching, site
from commerce_bridge.erpnext.payout import Saved
from commerce_bridge.permissions import MANAGER
from commerce_bridge.permissions import USER as USER_ROLE
from commerce_bridge.tests import processes
from commerce_bridge.tests.base import SiteTestCase
from commerce_bridge.tests.factory import SiteFixture
from commerce_bridge.tests.test_permissions import make_user

SHOP, GATEWAY = "Payout Shop", "razorpay"
DAY = date(2026, 11, 20)
HEADER = "payout_id,paid_on,bank_reference,payout_net,id,kind,currency,gross,fee,fee_tax,net,reference,order_number"


#: Another person takes a payment for a payout, a second at most being waited for.
TAKE = """
frappe.db.sql("SET innodb_lock_wait_timeout = 1")
frappe.db.sql("SELECT COUNT(*) FROM `tabPayout Row`")
say("looked")
doc = frappe.get_doc("Payout", "{payout}")
doc.rows[0].update({{"matched_doctype": "Payment Entry", "matched_document": "{payment}"}})
try:
	doc.save()
	frappe.db.commit()
	print("taken", flush=True)
except frappe.QueryTimeoutError:
	print("waited", flush=True)
except frappe.ValidationError:
	print("refused", flush=True)
"""


class PayoutCase(SiteTestCase):
	"""A channel whose gateway has a clearing account, and payments booked there."""

	def setUp(self) -> None:
		super().setUp()
		self.fixture = SiteFixture()
		self.addCleanup(frappe.set_user, "Administrator")
		self.currency, self.company = self.fixture.currency, self.fixture.company
		self.clearing = self.account("CB Gateway Clearing", "Cash")
		self.bank = self.account("CB Bank", "Bank")
		self.fees = self.account("CB Fees", "", root="Expense")
		self.fee_tax = self.account("CB Fee Tax", "", root="Asset")
		self.losses = self.account("CB Chargebacks", "", root="Expense")
		self.forget()
		self.map(account=self.clearing, fee_account=self.fees, fee_tax_account=self.fee_tax)

	def forget(self) -> None:
		for table in (
			"Payout Row",
			"Payout",
			"GL Entry",
			"Payment Ledger Entry",
			"Bank Transaction Payments",
		):
			frappe.db.delete(table)
		for table in ("Payment Entry", "Journal Entry", "Bank Transaction"):
			frappe.db.delete(table)
		frappe.db.commit()

	def map(self, shop: str = SHOP, **accounts: Any) -> None:
		row = PaymentMap(gateway="razor*", mode_of_payment=self.mode(), book="On Capture", **accounts)
		orders = OrderPolicy(from_date=datetime(2026, 11, 1, tzinfo=timezone.utc))
		self.channel = self.fixture.make_channel(shop, payments=(row,), orders=orders)

	def mode(self) -> str:
		if not frappe.db.exists("Mode of Payment", "CB Razorpay"):
			frappe.get_doc(
				{"doctype": "Mode of Payment", "mode_of_payment": "CB Razorpay", "type": "Bank"}
			).insert()
		return "CB Razorpay"

	def account(self, name: str, account_type: str, root: str = "Asset", currency: str | None = None) -> str:
		known = frappe.db.get_value("Account", {"account_name": name, "company": self.company})
		if known:
			return known
		parent = frappe.db.get_value(
			"Account",
			{"company": self.company, "is_group": 1, "root_type": root, "parent_account": ("is", "set")},
		)
		doc = {"doctype": "Account", "account_name": name, "company": self.company, "parent_account": parent}
		doc |= {"account_type": account_type, "account_currency": currency or self.currency}
		return frappe.get_doc(doc).insert().name

	def pay(self, reference: str, amount: float, fee: float = 0, tax: float = 0, **more: Any) -> str:
		"""A payment of `amount`, whose fee never reached the clearing account; below zero it went back."""
		receive = amount > 0
		debtors = frappe.get_cached_value("Company", self.company, "default_receivable_account")
		clearing = more.pop("clearing", self.clearing)
		kept = [(self.fees, fee), (self.fee_tax, tax)]
		moved = abs(amount) - fee - tax if receive else abs(amount) + fee + tax
		doc = frappe.get_doc(
			{
				"doctype": "Payment Entry",
				"payment_type": "Receive" if receive else "Pay",
				"company": self.company,
				"posting_date": DAY,
				"party_type": "Customer",
				"party": self.customer(),
				"paid_from": debtors if receive else clearing,
				"paid_to": clearing if receive else debtors,
				"paid_amount": moved,
				"received_amount": moved,
				"source_exchange_rate": 1,
				"target_exchange_rate": 1,
				"reference_no": reference,
				"reference_date": DAY,
				"cb_channel": SHOP,
				"cb_gateway": GATEWAY,
				"deductions": [
					{"account": account, "amount": part, "cost_center": self.cost_center()}
					for account, part in kept
					if part
				],
				**more,
			}
		)
		doc.insert().submit()
		frappe.db.commit()
		return doc.name

	def customer(self) -> str:
		name = "CB Payout Buyer"
		if not frappe.db.exists("Customer", name):
			frappe.get_doc({"doctype": "Customer", "customer_name": name}).insert()
		return name

	def cost_center(self) -> str:
		return frappe.get_cached_value("Company", self.company, "cost_center")

	def row(
		self, name: str, kind: str, gross: str, fee: str = "0", tax: str = "0", reference: str = ""
	) -> str:
		net = Decimal(gross) - Decimal(fee) - Decimal(tax)
		return f"{name},{kind},{self.currency},{gross},{fee},{tax},{net},{reference},"

	def csv(self, *rows: str, payout_id: str = "setl_1", net: str = "", utr: str = "UTR1") -> bytes:
		lines = [f"{payout_id},2026-11-20,{utr},{net},{row}" for row in rows]
		return "\n".join([HEADER, *lines]).encode()

	def bring(self, *rows: str, **more: Any) -> Any:
		"""The one payout of these rows, imported and with a bank account."""
		saved = payout.import_file(SHOP, "generic", GATEWAY, self.csv(*rows, **more))
		[name] = [*saved.made, *saved.updated, *saved.unchanged, *saved.submitted]
		doc = frappe.get_doc("Payout", name)
		if doc.docstatus == 0 and not doc.bank_account:
			doc.bank_account = self.bank
			doc.save()
		frappe.db.commit()
		return doc

	def ledger(self, name: str | None) -> dict[str, float]:
		rows = frappe.get_all(
			"GL Entry",
			{"voucher_no": name, "is_cancelled": 0},
			["account", "sum(debit) - sum(credit) as amount"],
			group_by="account",
		)
		return {row.account: round(row.amount, 2) for row in rows}

	def balance(self, account: str) -> float:
		filters = {"account": account, "is_cancelled": 0}
		return round(
			frappe.get_all("GL Entry", filters, "sum(debit) - sum(credit) as amount")[0].amount or 0, 2
		)

	def states(self, doc: Any) -> list[tuple[str, str | None]]:
		return [(row.state, row.matched_document or row.account) for row in doc.rows]

	def refusal(self, doc: Any) -> str:
		frappe.db.commit()
		with self.assertRaises(frappe.ValidationError) as refused:
			doc.submit()
		frappe.db.rollback()
		self.assertEqual(frappe.db.count("Journal Entry"), 0)
		return str(refused.exception)


class TestBooked(PayoutCase):
	def test_payments_refunds_and_fees_leave_the_clearing_account(self) -> None:
		"""One payment whose fee the shop told, one whose fee only the payout tells, a refund, a fee of its own."""
		first, second = self.pay("pay_1", 1000, 20, 3.6), self.pay("pay_2", 500.55)
		back = self.pay("rfnd_1", -100)
		doc = self.bring(
			self.row("b1", "payment", "1000.00", "20.00", "3.60", "pay_1"),
			self.row("b2", "payment", "500.55", "10.01", "1.80", "pay_2"),
			self.row("b3", "refund", "-100.00", reference="rfnd_1"),
			self.row("b4", "fee", "-5.00"),
		)
		self.assertEqual(
			self.states(doc),
			[("Matched", first), ("Matched", second), ("Matched", back), ("Accepted", self.fees)],
		)
		self.assertEqual(
			(doc.status, doc.net, doc.unmatched, doc.control_difference), ("Ready", 1360.14, 0, 0)
		)
		doc.submit()
		entry = frappe.get_doc("Journal Entry", doc.journal_entry)
		self.assertEqual((entry.docstatus, entry.cheque_no, entry.cheque_date), (1, "UTR1", DAY))
		self.assertEqual(
			self.ledger(entry.name),
			{self.bank: 1360.14, self.fees: 15.01, self.fee_tax: 1.8, self.clearing: -1376.95},
		)
		self.assertEqual(self.balance(self.clearing), 0)
		self.assertEqual((self.balance(self.fees), self.balance(self.fee_tax)), (35.01, 5.4))
		self.assertEqual(frappe.db.get_value("Payout", doc.name, "status"), "Booked")

	def test_the_gateway_s_split_of_fee_and_tax_counts(self) -> None:
		"""The shop told the fee with its tax in it: the tax is moved to its account."""
		self.pay("pay_1", 100, 2.36)
		self.bring(self.row("b1", "payment", "100.00", "2.00", "0.36", "pay_1")).submit()
		self.assertEqual((self.balance(self.fees), self.balance(self.fee_tax)), (2.0, 0.36))
		self.assertEqual((self.balance(self.clearing), self.balance(self.bank)), (0, 97.64))

	def test_without_an_account_of_its_own_the_tax_is_a_part_of_the_fee(self) -> None:
		self.map(account=self.clearing, fee_account=self.fees)
		self.pay("pay_1", 100, 2)
		self.bring(self.row("b1", "payment", "100.00", "2.00", "0.36", "pay_1")).submit()
		self.assertEqual((self.balance(self.fees), self.balance(self.clearing)), (2.36, 0))

	def test_disputes_reserves_and_adjustments(self) -> None:
		"""A dispute needs an account; what is kept back stays in the clearing account until it is paid out."""
		self.pay("pay_1", 1000)
		doc = self.bring(
			self.row("b1", "payment", "1000.00", reference="pay_1"),
			self.row("b2", "dispute", "-300.00", "15.00", reference="dp_1"),
			self.row("b3", "reserve", "-50.00"),
		)
		self.assertEqual([state for state, _where in self.states(doc)], ["Matched", "Unmatched", "Accepted"])
		doc.rows[1].account = self.losses
		doc.save()
		doc.submit()
		self.assertEqual(
			self.ledger(doc.journal_entry),
			{self.bank: 635, self.losses: 300, self.fees: 15, self.clearing: -950},
		)
		released = self.bring(self.row("b9", "reserve", "50.00"), payout_id="setl_2", utr="UTR2")
		released.submit()
		self.assertEqual((self.balance(self.clearing), self.balance(self.bank)), (0, 685))

	def test_more_went_back_than_came_in(self) -> None:
		self.pay("rfnd_1", -100)
		doc = self.bring(self.row("b1", "refund", "-100.00", "1.00", reference="rfnd_1"))
		doc.submit()
		self.assertEqual(
			self.ledger(doc.journal_entry), {self.bank: -101.0, self.fees: 1.0, self.clearing: 100.0}
		)

	def test_the_example_of_the_documentation(self) -> None:
		self.pay("ch_1", 100, 2)
		self.pay("ch_2", 50)
		self.pay("re_1", -20)
		doc = self.bring(
			self.row("b1", "payment", "100.00", "2.00", reference="ch_1"),
			self.row("b2", "payment", "50.00", "1.00", "0.19", "ch_2"),
			self.row("b3", "refund", "-20.00", reference="re_1"),
			self.row("b4", "dispute", "-30.00", "15.00", reference="dp_1"),
		)
		doc.rows[3].account = self.losses
		doc.save()
		doc.submit()
		booked = {
			self.bank: 81.81,
			self.fees: 16.0,
			self.fee_tax: 0.19,
			self.losses: 30.0,
			self.clearing: -128.0,
		}
		self.assertEqual(self.ledger(doc.journal_entry), booked)

	def test_a_payment_that_was_paid_out_cannot_be_cancelled(self) -> None:
		booked = self.pay("pay_1", 100)
		self.bring(self.row("b1", "payment", "100.00", reference="pay_1")).submit()
		frappe.db.commit()
		with self.assertRaises(frappe.LinkExistsError):
			frappe.get_doc("Payment Entry", booked).cancel()

	def test_a_shop_that_takes_back_what_was_paid_out_is_told_the_payout(self) -> None:
		booked = self.pay("pay_1", 100)
		doc = self.bring(self.row("b1", "payment", "100.00", reference="pay_1"))
		doc.submit()
		frappe.db.commit()
		with self.assertRaisesRegex(Rejected, doc.name):
			payment_entry.cancel(booked)
		self.assertEqual(frappe.db.get_value("Payment Entry", booked, "docstatus"), 1)

	def test_a_payment_that_a_person_amended_is_the_amended_one(self) -> None:
		"""What the shop says of it next is said of the Payment Entry that stands."""
		booked = self.pay("pay_1", 100)
		key = (SHOP, "Payment", "pay_1")
		channel_record.save(Record(*key, doctype="Payment Entry", document=booked))
		old = frappe.get_doc("Payment Entry", booked)
		old.cancel()
		amended = frappe.copy_doc(old)
		amended.amended_from, amended.docstatus = booked, 0
		amended.insert().submit()
		record = channel_record.get(*key)
		self.assertEqual(record and record.document, amended.name)

	def test_cancelled_with_its_journal_entry_and_imported_again(self) -> None:
		self.pay("pay_1", 100)
		row = self.row("b1", "payment", "100.00", reference="pay_1")
		doc = self.bring(row)
		doc.submit()
		frappe.db.commit()
		with self.assertRaises(frappe.LinkExistsError):
			frappe.get_doc("Journal Entry", doc.journal_entry).cancel()
		frappe.db.rollback()
		doc.reload()
		doc.cancel()
		self.assertEqual(frappe.db.get_value("Journal Entry", doc.journal_entry, "docstatus"), 2)
		self.assertEqual((self.balance(self.clearing), self.balance(self.bank)), (100, 0))
		again = self.bring(row)
		self.assertEqual((again.amended_from, again.status), (doc.name, "Ready"))
		again.submit()
		self.assertEqual((self.balance(self.clearing), self.balance(self.bank)), (0, 100))

	def test_found_and_reconciled_by_the_bank_s_statement(self) -> None:
		"""By ERPNext's own Bank Reconciliation Tool: by its reference and amount, first of all that are offered."""
		self.pay("pay_1", 100)
		doc = self.bring(self.row("b1", "payment", "100.00", "2.00", reference="pay_1"), utr="UTR-77")
		doc.submit()
		statement = self.bank_transaction(98.0, "UTR-77")
		found = get_linked_payments(
			statement,
			["payment_entry", "journal_entry"],
			from_date=DAY,
			to_date=DAY,
			filter_by_reference_date=False,
		)
		best = found[0]
		self.assertEqual(
			(best["doctype"], best["name"], best["paid_amount"]), ("Journal Entry", doc.journal_entry, 98.0)
		)
		vouchers = [
			{"payment_doctype": "Journal Entry", "payment_name": best["name"], "amount": best["paid_amount"]}
		]
		reconcile_vouchers(statement, frappe.as_json(vouchers))
		self.assertEqual(frappe.db.get_value("Bank Transaction", statement, "status"), "Reconciled")
		self.assertTrue(frappe.db.get_value("Journal Entry", doc.journal_entry, "clearance_date"))

	def bank_transaction(self, deposit: float, reference: str) -> str:
		if not frappe.db.exists("Bank", "CB Test Bank"):
			frappe.get_doc({"doctype": "Bank", "bank_name": "CB Test Bank"}).insert()
		known = frappe.db.get_value("Bank Account", {"account": self.bank})
		of_it = {
			"account_name": "CB Bank",
			"bank": "CB Test Bank",
			"account": self.bank,
			"is_company_account": 1,
		}
		account = (
			known
			or frappe.get_doc({"doctype": "Bank Account", "company": self.company, **of_it}).insert().name
		)
		told = {"date": DAY, "deposit": deposit, "reference_number": reference, "bank_account": account}
		doc = frappe.get_doc(
			{"doctype": "Bank Transaction", "currency": self.currency, "company": self.company, **told}
		)
		doc.insert().submit()
		return doc.name


class TestRefused(PayoutCase):
	def test_rows_that_do_not_sum_block_with_both_numbers(self) -> None:
		self.pay("pay_1", 100)
		doc = self.bring(self.row("b1", "payment", "100.00", reference="pay_1"), net="99.00")
		self.assertEqual((doc.status, doc.control_difference), ("To Match", -1.0))
		message = self.refusal(doc)
		self.assertIn(f"99.00 {self.currency}", message)
		self.assertIn(f"100.00 {self.currency}", message)

	def test_unmatched_rows_block_and_offer_what_fits(self) -> None:
		near, far = self.pay("other", 101), self.pay("another", 55)
		exact, refund = self.pay("typo_1", 100), self.pay("back", -100)
		doc = self.bring(self.row("b1", "payment", "100.00", reference="pay_1"))
		self.assertIn("No payment is booked under pay_1", self.refusal(doc))
		offered = api.payout_candidates(doc.name, doc.rows[0].name)
		self.assertEqual(
			[(one["name"], one["amount"], one["fits"]) for one in offered],
			[(exact, 100.0, True), (near, 101.0, False), (far, 55.0, False)],
		)
		self.assertNotIn(refund, [one["name"] for one in offered])
		doc.reload()
		doc.rows[0].update({"matched_doctype": "Payment Entry", "matched_document": exact})
		doc.save()
		self.assertEqual((doc.rows[0].state, doc.status), ("Matched", "Ready"))

	def test_a_document_of_another_amount_blocks_with_both_amounts(self) -> None:
		self.pay("pay_1", 99)
		doc = self.bring(self.row("b1", "payment", "100.00", reference="pay_1"))
		self.assertEqual(doc.rows[0].state, "Unmatched")
		message = self.refusal(doc)
		self.assertIn(f"booked 99.00 {self.currency}", message)
		self.assertIn(f"100.00 {self.currency}", message)

	def test_states_are_not_what_somebody_wrote(self) -> None:
		doc = self.bring(self.row("b1", "payment", "100.00", reference="pay_1"))
		doc.rows[0].update({"state": "Matched", "matched_amount": 100})
		doc.control_difference, doc.unmatched = 0, 0
		doc.save()
		self.assertEqual((doc.rows[0].state, doc.unmatched), ("Unmatched", 1))
		doc.rows[0].net = 90
		with self.assertRaisesRegex(frappe.ValidationError, "Row 1: net is 90.00"):
			doc.save()

	def test_a_payment_is_paid_out_once(self) -> None:
		booked = self.pay("pay_1", 100)
		self.bring(self.row("b1", "payment", "100.00", reference="pay_1"))
		other = self.bring(self.row("b7", "payment", "100.00", reference="pay_1"), payout_id="setl_2")
		self.assertEqual(self.states(other), [("Unmatched", None)])
		self.assertEqual(api.payout_candidates(other.name, other.rows[0].name), [])
		other.reload()
		other.rows[0].update({"matched_doctype": "Payment Entry", "matched_document": booked})
		with self.assertRaisesRegex(frappe.ValidationError, "is matched in payout"):
			other.save()

	def test_of_two_at_the_same_time_one_takes_the_payment(self) -> None:
		"""The second one's transaction began before the first one's ended: it does not see what that wrote."""
		payment = self.pay("p1", 10)
		other = self.bring(self.row("b1", "payment", "10.00", reference="?"), payout_id="setl_2")
		[process] = processes.start(TAKE.format(payout=other.name, payment=payment))
		self.addCleanup(processes.kill, process)
		processes.go_on([process])
		processes.wait_for(process, "looked")
		first = self.bring(self.row("b1", "payment", "10.00", reference="p1"))
		self.assertEqual(self.states(first), [("Matched", payment)])
		processes.go_on([process])
		processes.wait_for(process, "refused")
		frappe.db.rollback()
		self.assertEqual(
			frappe.get_all("Payout Row", {"matched_document": payment}, pluck="parent"), [first.name]
		)

	def test_while_one_takes_a_payment_the_other_waits(self) -> None:
		payment = self.pay("p1", 10)
		other = self.bring(self.row("b1", "payment", "10.00", reference="?"), payout_id="setl_2")
		first = self.bring(self.row("b1", "payment", "10.00", reference="!"))
		payout_matching.judge(first)
		first.rows[0].update({"matched_doctype": "Payment Entry", "matched_document": payment})
		payout_matching.judge(first)  # it is free; nothing is written yet
		[process] = processes.start(TAKE.format(payout=other.name, payment=payment))
		self.addCleanup(processes.kill, process)
		processes.go_on([process])
		processes.wait_for(process, "looked")
		processes.go_on([process])
		processes.wait_for(process, "waited")

	def test_one_of_another_clearing_account_waits_too(self) -> None:
		"""Both would hold the same gap of the index, and write into it: a deadlock."""
		other = self.bring(self.row("b1", "payment", "10.00", reference="?"), payout_id="setl_2")
		other.db_set("clearing_account", self.account("CB Other Clearing", "Cash"))
		first = self.bring(self.row("b1", "payment", "10.00", reference="!"))
		mine, theirs = self.pay("p1", 10), self.pay("p2", 10)
		first.rows[0].update({"matched_doctype": "Payment Entry", "matched_document": mine})
		payout_matching.judge(first)
		judge = f'frappe.get_attr("{payout_matching.__name__}.judge")(doc)'  # nothing is written
		take = TAKE.format(payout=other.name, payment=theirs).replace("doc.save()", judge)
		[process] = processes.start(take)
		self.addCleanup(processes.kill, process)
		processes.go_on([process])
		processes.wait_for(process, "looked")
		processes.go_on([process])
		processes.wait_for(process, "waited")

	def test_accounts_that_cannot_work_are_named(self) -> None:
		self.pay("pay_1", 100)
		doc = self.bring(self.row("b1", "payment", "100.00", "2.00", reference="pay_1"))
		currency = "USD" if self.currency != "USD" else "EUR"
		foreign = self.account("CB Bank Foreign", "Bank", currency=currency)
		doc.bank_account = foreign
		message = self.refusal(doc)
		self.assertIn(f"{foreign} is in {currency}, the payout in {self.currency}", message)
		doc.reload()
		doc.rows[0].matched_document, doc.rows[0].account = None, self.debtors()
		self.assertIn("Receivable", self.refusal(doc))

	def debtors(self) -> str:
		return frappe.get_cached_value("Company", self.company, "default_receivable_account")

	def test_a_gateway_without_a_row_of_payment_methods_is_kept_and_blocks(self) -> None:
		saved = payout.import_file(SHOP, "generic", "stripe", self.csv(self.row("b1", "payment", "1.00")))
		doc = frappe.get_doc("Payout", saved.made[0])
		message = self.refusal(doc)
		self.assertIn("add stripe to Payment Methods of channel Payout Shop", message)

	def test_fees_without_an_account(self) -> None:
		self.map(account=self.clearing)
		self.pay("pay_1", 100)
		doc = self.bring(self.row("b1", "payment", "100.00", "2.00", reference="pay_1"))
		self.assertIn("Fee Account is empty", self.refusal(doc))


class TestMatched(PayoutCase):
	def record(self, external_id: str, document: str, data: str | None = None) -> None:
		channel_record.save(
			Record(
				SHOP,
				"Payment",
				external_id,
				doctype="Payment Entry",
				document=document,
				order_id="O",
				data=data,
			)
		)

	def test_by_the_shop_s_id_and_by_what_it_says_of_the_gateway(self) -> None:
		"""Where the Payment Entry has another reference, the channel's record of the payment leads to it."""
		first, second = self.pay("edited", 100), self.pay("edited too", 70)
		self.record("shop-1", first)
		self.record("shop-2", second, '{"id": "shop-2", "reference": "ch_2"}')
		doc = self.bring(
			self.row("b1", "payment", "100.00", reference="shop-1"),
			self.row("b2", "payment", "70.00", reference="ch_2"),
		)
		self.assertEqual(self.states(doc), [("Matched", first), ("Matched", second)])

	def test_a_payment_and_its_refund_under_one_reference(self) -> None:
		paid, back = self.pay("pay_1", 100), self.pay("pay_1", -100)
		doc = self.bring(
			self.row("b1", "refund", "-100.00", reference="pay_1"),
			self.row("b2", "payment", "100.00", reference="pay_1"),
		)
		self.assertEqual(self.states(doc), [("Matched", back), ("Matched", paid)])

	def test_a_refund_alone_is_not_the_payment(self) -> None:
		self.pay("pay_1", -100)
		doc = self.bring(self.row("b1", "payment", "100.00", reference="pay_1"))
		self.assertEqual(self.states(doc), [("Unmatched", None)])

	def test_case_counts_and_other_accounts_do_not(self) -> None:
		self.pay("PAY_1", 100)
		self.pay("pay_1", 100, clearing=self.bank)
		doc = self.bring(self.row("b1", "payment", "100.00", reference="pay_1"))
		self.assertEqual(self.states(doc), [("Unmatched", None)])

	def test_booked_later_and_found_then(self) -> None:
		doc = self.bring(self.row("b1", "payment", "100.00", reference="pay_1"))
		self.pay("pay_1", 100)
		self.assertEqual(api.find_payout_matches(doc.name), 0)
		self.assertEqual(frappe.db.get_value("Payout", doc.name, "status"), "Ready")

	def test_queries_do_not_grow_with_the_rows(self) -> None:
		counts = []
		for number in (2, 30):
			for index in range(number):
				self.pay(f"p{number}-{index}", 10)
			rows = [
				self.row(f"b{index}", "payment", "10.00", reference=f"p{number}-{index}")
				for index in range(number)
			]
			doc = self.bring(*rows, payout_id=f"setl-{number}")
			for row in doc.rows:
				row.matched_document = None
			with count_queries() as counted:
				payout.prepare(doc)
				payout.validate(doc)
			self.assertEqual(doc.unmatched, 0)
			counts.append(counted[0])
		self.assertEqual(counts[0], counts[1])


class TestImported(PayoutCase):
	def test_a_second_time_changes_nothing(self) -> None:
		self.pay("pay_1", 100)
		row = self.row("b1", "payment", "100.00", reference="pay_1")
		doc = self.bring(row)
		before = frappe.db.get_value("Payout", doc.name, "modified")
		saved = payout.import_file(SHOP, "generic", GATEWAY.upper(), self.csv(row))
		self.assertEqual(saved, Saved(unchanged=[doc.name]))
		self.assertEqual(frappe.db.get_value("Payout", doc.name, "modified"), before)
		doc.reload()
		doc.submit()
		self.assertEqual(
			payout.import_file(SHOP, "generic", GATEWAY, self.csv(row)), Saved(submitted=[doc.name])
		)
		self.assertEqual((frappe.db.count("Payout"), frappe.db.count("Journal Entry")), (1, 1))

	def test_a_draft_is_brought_up_to_date_and_keeps_what_a_person_did(self) -> None:
		dispute = self.row("b1", "dispute", "-100.00", reference="dp_1")
		doc = self.bring(dispute, self.row("b2", "payment", "10.00", reference="pay_2"))
		doc.rows[0].update({"account": self.losses, "remark": "lost"})
		doc.save()
		saved = payout.import_file(
			SHOP, "generic", GATEWAY, self.csv(dispute, self.row("b2", "payment", "11.00", reference="pay_2"))
		)
		self.assertEqual(saved, Saved(updated=[doc.name]))
		doc.reload()
		self.assertEqual(
			(doc.rows[0].account, doc.rows[0].remark, doc.rows[1].gross), (self.losses, "lost", 11.0)
		)
		self.assertEqual((doc.net, doc.bank_account), (-89.0, self.bank))

	def test_one_of_each_settlement_and_none_if_one_row_is_bad(self) -> None:
		good = self.csv(self.row("b1", "payment", "1.00")).decode()
		second = self.csv(self.row("b2", "payment", "2.00"), payout_id="setl_2").decode().split("\n")[1]
		saved = payout.import_file(SHOP, "generic", GATEWAY, f"{good}\n{second}".encode())
		self.assertEqual(saved.made, ["razorpay setl_1", "razorpay setl_2"])
		bad = f"{good}\n{second}\n{second}".replace("setl_", "new_").replace("2.00,,", "x,,").encode()
		with self.assertRaisesRegex(Rejected, 'Row 3, column "net"'):
			payout.import_file(SHOP, "generic", GATEWAY, bad)
		self.assertEqual(frappe.db.count("Payout"), 2)

	def test_nothing_is_half_made_where_erpnext_refuses_a_payout(self) -> None:
		good = self.csv(self.row("b1", "payment", "1.00")).decode()
		unknown = self.csv(self.row("b2", "payment", "2.00"), payout_id="setl_2").decode().split("\n")[1]
		unknown = unknown.replace(self.currency, "XQQ")
		with self.assertRaises(frappe.ValidationError):
			payout.import_file(SHOP, "generic", GATEWAY, f"{good}\n{unknown}".encode())
		self.assertEqual(frappe.db.count("Payout"), 0)

	def test_uploaded_by_a_person(self) -> None:
		file = self.upload(self.csv(self.row("b1", "payment", "1.00")))
		answer = api.import_payouts(SHOP, "generic", file.file_url, GATEWAY)
		self.assertEqual((answer["made"], answer["left_out"]), (["razorpay setl_1"], 0))
		broken = self.upload(self.csv(self.row("b1", "payment", "1.00")).replace(b"1.00", b"1..00", 1))
		with self.assertRaisesRegex(frappe.ValidationError, "Row 2, column"):
			api.import_payouts(SHOP, "generic", broken.file_url, GATEWAY)
		for url in ("", "https://example.com/report.csv", "/private/files/no-such.csv"):
			with self.assertRaises(frappe.ValidationError):
				api.import_payouts(SHOP, "generic", url, GATEWAY)

	def upload(self, content: bytes) -> Any:
		name = f"{frappe.generate_hash(length=8)}.csv"
		return frappe.get_doc(
			{"doctype": "File", "file_name": name, "content": content, "is_private": 1}
		).insert()

	def test_payouts_that_differ_in_case_or_by_how_long_they_are(self) -> None:
		for payout_id in ("S1", "s1", "S-1", "S" * 140):
			payout.import_file(
				SHOP, "generic", GATEWAY, self.csv(self.row("b", "payment", "1.00"), payout_id=payout_id)
			)
		names = set(frappe.get_all("Payout", pluck="name"))
		self.assertEqual(len(names), 4)
		self.assertIn("razorpay s1 (2)", names)


class TestAnotherCurrency(PayoutCase):
	def setUp(self) -> None:
		super().setUp()
		self.foreign = "USD" if self.currency != "USD" else "EUR"
		self.clearing = self.account("CB Gateway Clearing Foreign", "Cash", currency=self.foreign)
		self.bank = self.account("CB Bank Foreign", "Bank", currency=self.foreign)
		self.exchange = self.account("CB Exchange", "", root="Expense")
		frappe.db.set_value("Company", self.company, "exchange_gain_loss_account", self.exchange)
		frappe.clear_document_cache("Company", self.company)
		self.map(account=self.clearing, fee_account=self.fees, fee_tax_account=self.fee_tax)
		self.rate(80.0)

	def rate(self, rate: float) -> None:
		frappe.db.delete("Currency Exchange", {"from_currency": self.foreign, "to_currency": self.currency})
		frappe.get_doc(
			{
				"doctype": "Currency Exchange",
				"date": DAY,
				"from_currency": self.foreign,
				"to_currency": self.currency,
				"exchange_rate": rate,
				"for_selling": 1,
			}
		).insert()

	def row(self, *arguments: Any, **more: Any) -> str:
		return super().row(*arguments, **more).replace(f",{self.currency},", f",{self.foreign},")

	def test_both_currencies_of_the_clearing_account_come_to_zero(self) -> None:
		"""Paid at 79.99, paid out at 80: the difference is the exchange's."""
		self.pay(
			"pay_1", 100.03 * 79.99, paid_from_amount=None, received_amount=100.03, target_exchange_rate=79.99
		)
		doc = self.bring(self.row("b1", "payment", "100.03", "2.01", "0.36", "pay_1"))
		doc.submit()
		self.assertEqual(self.balance(self.clearing), 0)
		in_account = frappe.get_all(
			"GL Entry",
			{"account": self.clearing, "is_cancelled": 0},
			"sum(debit_in_account_currency) - sum(credit_in_account_currency) as amount",
		)[0].amount
		self.assertEqual(round(in_account, 2), 0)
		ledger = self.ledger(doc.journal_entry)
		self.assertEqual((ledger[self.bank], ledger[self.fees], ledger[self.fee_tax]), (7812.8, 160.8, 28.8))
		self.assertEqual(round(sum(ledger.values()), 2), 0)
		self.assertEqual(ledger[self.exchange], -1.0)

	def test_a_clearing_account_in_another_currency_is_refused_by_name(self) -> None:
		doc = self.bring(self.row("b1", "payment", "100.00", reference="pay_1"))
		doc.clearing_account = self.account("CB Gateway Clearing", "Cash")
		doc.rows[0].account = self.losses
		self.assertIn(f"is in {self.currency}, the payout in {self.foreign}", self.refusal(doc))

	def test_without_an_exchange_rate(self) -> None:
		frappe.db.delete("Currency Exchange", {"from_currency": self.foreign})
		doc = self.bring(self.row("b1", "adjustment", "100.00"))
		doc.rows[0].account = self.losses
		self.assertIn("No exchange rate", self.refusal(doc))


class FakeConnector:
	"""Payouts by page; what is asked is kept."""

	def __init__(self, pages: dict[str | None, PayoutPage | Exception | None]) -> None:
		self.pages, self.asked = pages, []

	def payouts(self, cursor: str | None) -> PayoutPage | None:
		self.asked.append(cursor)
		assert len(self.asked) < 10, "it goes on for ever"
		page = self.pages[cursor]
		if isinstance(page, Exception):
			raise page
		return page


class TestFetched(PayoutCase):
	def told(self, name: str, amount: str = "10.00", day: date = DAY) -> Told:
		row = BalanceRow(
			id=f"{name}-b",
			kind="payment",
			gross=amount,
			net=amount,
			currency=self.currency,
			reference="pay_1",
		)
		return Told(id=name, gateway=GATEWAY, currency=self.currency, net=amount, paid_on=day, rows=(row,))

	def fetch(self, connector: FakeConnector) -> Saved | None:
		original, site.connect = site.connect, lambda *_arguments: connector
		try:
			return payout.fetch(SHOP)
		finally:
			site.connect = original

	def test_page_by_page_from_where_it_stopped(self) -> None:
		pages = {
			None: PayoutPage((self.told("po_1"),), "c1", True),
			"c1": PayoutPage((self.told("po_2"),), "c2", False),
			"c2": PayoutPage((self.told("po_2"), self.told("po_3")), "c3", False),
		}
		connector = FakeConnector(pages)
		self.assertEqual(self.fetch(connector).made, ["razorpay po_1", "razorpay po_2"])
		again = self.fetch(connector)
		self.assertEqual((again.made, again.unchanged), (["razorpay po_3"], ["razorpay po_2"]))
		self.assertEqual(connector.asked, [None, "c1", "c2"])
		self.assertEqual(
			frappe.db.get_value("Payout", "razorpay po_1", "owner"), self.channel.integration_user
		)

	def test_a_page_that_leads_nowhere_is_the_last_one(self) -> None:
		pages = {None: PayoutPage((self.told("po_1"),), "c1", True), "c1": PayoutPage((), "c1", True)}
		connector = FakeConnector(pages)
		self.assertEqual(self.fetch(connector).made, ["razorpay po_1"])
		self.assertEqual(connector.asked, [None, "c1"])

	def test_what_was_read_before_an_error_is_kept(self) -> None:
		pages = {None: PayoutPage((self.told("po_1"),), "c1", True), "c1": Rejected("broken")}
		with self.assertRaises(Rejected):
			self.fetch(FakeConnector(pages))
		self.assertEqual(frappe.get_all("Payout", pluck="name"), ["razorpay po_1"])
		rest = FakeConnector({"c1": PayoutPage((), "c1", False)})
		self.assertEqual(self.fetch(rest), Saved())
		self.assertEqual(rest.asked, ["c1"])

	def test_what_was_paid_out_before_the_channel_began_is_left_out(self) -> None:
		old, first = self.told("po_0", day=date(2026, 10, 31)), self.told("po_1", day=date(2026, 11, 1))
		saved = self.fetch(FakeConnector({None: PayoutPage((old, first), "c1", False)}))
		self.assertEqual(saved.made, ["razorpay po_1"])

	def test_a_platform_without_payouts(self) -> None:
		self.assertIsNone(self.fetch(FakeConnector({None: None})))
		self.assertEqual(frappe.db.count("Payout"), 0)

	def test_each_day_an_error_of_one_keeps_no_other_from_being_read(self) -> None:
		self.map("Another Payout Shop", account=self.clearing)
		self.fixture.make_channel("Shop Without Payments")
		asked = []

		def connect(channel: Any, *_rest: Any) -> FakeConnector:
			asked.append(channel.name)
			return FakeConnector({None: Rejected("broken")})

		original, site.connect = site.connect, connect
		try:
			payout.fetch_all()
		finally:
			site.connect = original
		self.assertEqual(sorted(asked), sorted([SHOP, "Another Payout Shop"]))


class TestRights(PayoutCase):
	def as_role(self, *roles: str) -> str:
		frappe.set_user("Administrator")
		user = make_user(f"payouts-{frappe.scrub(roles[0])}@example.com", roles[0])
		frappe.set_user(user)
		return user

	def test_an_accountant_imports_matches_and_books(self) -> None:
		self.pay("pay_1", 100)
		self.as_role("Accounts User")
		file = frappe.get_doc(
			{
				"doctype": "File",
				"file_name": "r.csv",
				"content": self.csv(self.row("b1", "payment", "100.00", reference="pay_1")),
				"is_private": 1,
			}
		).insert()
		[name] = api.import_payouts(SHOP, "generic", file.file_url, GATEWAY)["made"]
		doc = frappe.get_doc("Payout", name)
		self.assertEqual(len(api.payout_candidates(name, doc.rows[0].name)), 0)
		doc.bank_account = self.bank
		doc.save()
		doc.submit()
		self.assertEqual(
			frappe.db.get_value("Journal Entry", doc.journal_entry, "owner"), frappe.session.user
		)

	def test_a_manager_prepares_and_does_not_book(self) -> None:
		self.pay("pay_1", 100)
		doc = self.bring(self.row("b1", "payment", "100.00", reference="pay_1"))
		self.as_role(MANAGER)
		doc = frappe.get_doc("Payout", doc.name)
		doc.save()
		self.assertEqual(api.find_payout_matches(doc.name), 0)
		doc.reload()
		with self.assertRaises(frappe.PermissionError):
			doc.submit()
		with self.assertRaises(
			frappe.PermissionError
		):  # who was paid by whom is for those who may read payments
			api.payout_candidates(doc.name, doc.rows[0].name)

	def test_a_reader_changes_nothing_and_a_stranger_sees_nothing(self) -> None:
		doc = self.bring(self.row("b1", "payment", "100.00", reference="pay_1"))
		self.as_role(USER_ROLE)
		frappe.get_doc("Payout", doc.name).check_permission("read")
		for call in (
			lambda: api.find_payout_matches(doc.name),
			lambda: api.import_payouts(SHOP, "generic", "/x", GATEWAY),
			lambda: api.fetch_payouts(SHOP),
			lambda: api.payout_candidates(doc.name, "x"),
		):
			self.assertRaises(frappe.PermissionError, call)
		self.as_role("Stock User")
		self.assertFalse(frappe.has_permission("Payout", "read"))

	def test_of_another_channel_nothing_can_be_imported(self) -> None:
		other = self.fixture.make_channel("Foreign Payout Shop")
		user = self.as_role("Accounts Manager")
		frappe.set_user("Administrator")
		permission = {
			"doctype": "User Permission",
			"user": user,
			"allow": "Channel Settings",
			"for_value": other.name,
		}
		permission = frappe.get_doc(permission).insert(ignore_if_duplicate=True)
		self.addCleanup(frappe.db.delete, "User Permission", {"user": user})
		frappe.set_user(user)
		with self.assertRaises(frappe.PermissionError):
			api.import_payouts(SHOP, "generic", "/x", GATEWAY)

	def test_of_another_company_no_payout_is_made_whatever_company_is_said(self) -> None:
		elsewhere = f"CB Elsewhere {frappe.generate_hash(length=4)}"
		company = {"doctype": "Company", "name": elsewhere, "company_name": elsewhere, "abbr": elsewhere[-4:]}
		frappe.get_doc({**company, "default_currency": self.currency, "country": "Germany"}).db_insert()
		self.addCleanup(frappe.db.rollback)
		user = make_user("payouts-elsewhere@example.com", "Accounts User")
		permission = {"user": user, "allow": "Company", "for_value": elsewhere}
		frappe.get_doc({"doctype": "User Permission", **permission}).insert()
		frappe.set_user(user)
		values = {"channel": SHOP, "company": elsewhere, "gateway": GATEWAY, "payout_id": "P-elsewhere"}
		row = {"row_id": "a", "kind": "Payment", "gross": 5, "net": 5}
		doc = {
			"doctype": "Payout",
			**values,
			"currency": self.currency,
			"paid_on": DAY,
			"net": 5,
			"rows": [row],
		}
		with self.assertRaises(frappe.PermissionError):
			frappe.get_doc(doc).insert()

	def test_a_file_is_named_and_not_looked_for(self) -> None:
		asked: Any = ["like", "%"]
		with self.assertRaises(frappe.ValidationError):
			payout.uploaded(asked)


class count_queries:
	"""How many statements the block sends."""

	def __enter__(self) -> list[int]:
		counted, original = [0], frappe.db.sql

		def sql(*arguments: Any, **more: Any) -> Any:
			counted[0] += 1
			return original(*arguments, **more)

		frappe.db.sql = sql
		return counted

	def __exit__(self, *_error: Any) -> None:
		del frappe.db.sql  # the class has it
