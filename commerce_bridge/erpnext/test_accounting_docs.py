"""The examples of docs/accounting.md, posted on a site: the General Ledger says what the document says."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

import frappe

from commerce_bridge.bridge import worker
from commerce_bridge.bridge.channel import InvoicePolicy, PaymentMap, RefundPolicy
from commerce_bridge.erpnext import documentation_pages, payout
from commerce_bridge.erpnext.test_orders import SHOP, OrdersCase
from commerce_bridge.tests.site_money import MoneySiteFixture

#: Document, account, debit, credit.
Posting = tuple[str, str, Decimal, Decimal]
#: Account of the document, the group it lies under on a site, and its type.
ACCOUNTS = {
	"Bank": ("Bank Accounts", "Bank"),
	"Stripe Clearing": ("Current Assets", ""),
	"Cash on Delivery Clearing": ("Current Assets", ""),
	"Gift Cards": ("Current Liabilities", ""),
	"Gateway Fees": ("Indirect Expenses", ""),
	"Goodwill": ("Indirect Expenses", ""),
	"Input Tax": ("Duties and Taxes", ""),
	"VAT": ("Duties and Taxes", "Tax"),
}
ROW = re.compile(r"^\| ([A-Z][^|]+) \| ([^|]+) \| ([\d.]*) *\| ([\d.]*) *\|$", re.MULTILINE)
LEDGER = """SELECT ledger.voucher_type, ledger.voucher_no, account.account_name, ledger.debit, ledger.credit
	FROM `tabGL Entry` ledger JOIN `tabAccount` account ON account.name = ledger.account
	WHERE ledger.voucher_no IN %s AND ledger.is_cancelled = 0 AND COALESCE(account.account_type, '') NOT IN %s"""
STOCK = ("Stock", "Cost of Goods Sold", "Stock Received But Not Billed")


def told(heading: str) -> list[Posting]:
	"""The table of an example, sorted."""
	text = (documentation_pages.folder() / "accounting.md").read_text()
	_before, _heading, chapter = text.partition(f"### Example: {heading}\n")
	rows = ROW.findall(chapter.partition("\n##")[0])
	return sorted(
		(document.strip(), account.strip(), Decimal(debit or 0), Decimal(credit or 0))
		for document, account, debit, credit in rows
		if document != "Document"
	)


class TestAccountingDocs(OrdersCase):
	maxDiff = None

	def setUp(self) -> None:
		super().setUp()
		self.fixture = MoneySiteFixture()
		accounts = {
			title: self.fixture.account(title, parent, account_type=kind)
			for title, (parent, kind) in ACCOUNTS.items()
		}
		stripe, cash, gift_card = (
			PaymentMap(gateway=gateway, account=accounts[title], book=book)
			for gateway, title, book in (
				("stripe*", "Stripe Clearing", "On Capture"),
				("cod", "Cash on Delivery Clearing", "On Delivery"),
				("gift_card", "Gift Cards", "On Capture"),
			)
		)
		fees = {"fee_account": accounts["Gateway Fees"], "fee_tax_account": accounts["Input Tax"]}
		self.bank = accounts["Bank"]
		self.fixture.make_channel(
			SHOP,
			payments=(stripe.model_copy(update=fees), cash, gift_card),
			invoices=InvoicePolicy(when="When Delivered"),
			refunds=RefundPolicy(adjustment_item=self.goodwill(accounts["Goodwill"]), returns="Nothing"),
			taxes=[{"title": "*", "account": accounts["VAT"]}],
		)
		self.fixture.set_stock("CB-PHONE", Decimal(100))

	def goodwill(self, account: str) -> str:
		item = frappe.get_doc("Item", self.fixture.make_item("CB-DOC-GOODWILL", is_stock_item=False))
		item.set("item_defaults", [{"company": self.fixture.company, "income_account": account}])
		item.save(ignore_permissions=True)
		frappe.db.commit()
		return item.name

	# --- what happens

	def phones(self, external_id: str, quantity: int = 2, **values: Any) -> None:
		"""An order of so many phones at 100.00, with 19 % on top."""
		row = {
			"id": "l1",
			"sku": "CB-PHONE",
			"quantity": quantity,
			"unit_price": "100.00",
			"total": f"{100 * quantity}.00",
			"taxes": [{"title": "VAT", "rate": "19", "amount": f"{19 * quantity}.00"}],
		}
		log = self.send(
			"order.upserted", self.order(external_id, row, total=f"{119 * quantity}.00", **values)
		)
		self.assertEqual(log.state, "Succeeded", f"{log.message} {log.traceback}")

	def paid(self, amount: str = "238.00", gateway: str = "stripe", **values: Any) -> dict[str, Any]:
		name = frappe.generate_hash(length=10)
		base = {"id": f"pay-{name}", "reference": f"ch-{name}", "status": "captured"}
		return {**base, "gateway": gateway, "amount": amount, **values}

	def deliver(self, external_id: str, *quantities: int) -> None:
		for quantity in quantities:
			self.fixture.deliver(self.sales_order(external_id).name, {"l1": Decimal(quantity)})
			self.work()

	def work(self) -> None:
		while worker.run_once(self.world):
			continue

	def refunded(self, external_id: str, total: str, **values: Any) -> None:
		refund = {
			"id": f"re-{external_id}",
			"order_id": external_id,
			"created_at": "2026-11-20T10:00:00Z",
			"currency": self.fixture.currency,
			"total": total,
			"payments": [self.paid(total)],
			**values,
		}
		log = self.send("refund.created", refund)
		self.assertEqual(log.state, "Succeeded", f"{log.message} {log.traceback}")

	# --- what the ledger says

	def posted(self, external_id: str, others: Iterable[str] = ()) -> list[Posting]:
		frappe.db.rollback()
		filters = {"cb_external_id": external_id, "docstatus": 1}
		named = {name: "Journal Entry" for name in others}
		for name, kind in self.documents("Payment Entry", filters, "payment_type"):
			named[name] = f"Payment Entry ({kind})"
		for name, is_return in self.documents("Sales Invoice", filters, "is_return"):
			named[name] = "Credit Note" if is_return else "Sales Invoice"
		rows = frappe.db.sql(LEDGER, (tuple(named), STOCK))
		return sorted(
			(named[voucher], account, Decimal(f"{debit:.2f}"), Decimal(f"{credit:.2f}"))
			for _type, voucher, account, debit, credit in rows
		)

	def documents(self, doctype: str, filters: dict[str, Any], field: str) -> list[Any]:
		return frappe.get_all(doctype, filters, ["name", field], as_list=True)

	def assert_as_told(self, heading: str, external_id: str, others: Iterable[str] = ()) -> None:
		expected = told(heading)
		self.assertTrue(expected, f"the document has no example {heading}")
		self.assertEqual(self.posted(external_id, others), expected)
		debit, credit = (sum(row[side] for row in expected) for side in (2, 3))
		self.assertEqual(debit, credit)

	# --- the examples

	def test_paid_by_card(self) -> None:
		self.phones("d-card", payments=[self.paid(fee="7.20", fee_tax="1.37")])
		self.deliver("d-card", 2)
		self.assert_as_told("paid by card", "d-card")

	def test_the_payout_of_the_order_paid_by_card(self) -> None:
		payment = self.paid(fee="7.20", fee_tax="1.37")
		self.phones("d-payout", payments=[payment])
		head = "payout_id,paid_on,id,kind,currency,gross,fee,fee_tax,net,reference"
		start = f"po-{payment['id']},2026-11-21"
		rows = [
			f"{start},b-1,payment,{self.fixture.currency},238.00,7.20,1.37,229.43,{payment['reference']}",
			f"{start},b-2,fee,{self.fixture.currency},-0.50,0,0,-0.50,",
		]
		[name] = payout.import_file(SHOP, "generic", "stripe", "\n".join([head, *rows]).encode()).made
		doc = frappe.get_doc("Payout", name)
		doc.update({"bank_account": self.bank}).save()
		doc.submit()
		frappe.db.commit()
		heading = "the payout of the order paid by card"
		posted = self.posted("none", [frappe.db.get_value("Payout", name, "journal_entry")])
		self.assertEqual(posted, told(heading))

	def test_partly_paid_with_a_gift_card(self) -> None:
		self.phones("d-gift", payments=[self.paid("50.00", "gift_card"), self.paid("188.00")])
		self.deliver("d-gift", 2)
		self.assert_as_told("partly paid with a gift card", "d-gift")

	def test_cash_on_delivery(self) -> None:
		self.phones("d-cod", payments=[self.paid(gateway="cod", status="pending")])
		self.assertEqual(self.posted("d-cod", ["none"]), [], "nothing is posted on the way")
		self.deliver("d-cod", 2)
		self.assert_as_told("cash on delivery", "d-cod")

	def test_sent_in_two_parcels(self) -> None:
		self.phones("d-parcels", payments=[self.paid()])
		self.deliver("d-parcels", 1, 1)
		self.assert_as_told("sent in two parcels", "d-parcels")

	def instead_of_sales_orders(self, update_stock: bool = False) -> None:
		"""The channel makes Sales Invoices; goods that come back are received at once."""
		doc = frappe.get_doc("Channel Settings", SHOP)
		doc.update(
			{
				"invoice_when": "Instead of Sales Order",
				"invoice_update_stock": int(update_stock),
				"returns": "Submitted",
			}
		)
		doc.save()
		frappe.db.commit()

	def test_the_invoice_instead_of_a_sales_order(self) -> None:
		self.instead_of_sales_orders()
		self.phones("d-direct", payments=[self.paid()])
		self.assert_as_told("the invoice instead of a Sales Order", "d-direct")
		[name] = self.fixture.names_of("d-direct")
		self.fixture.deliver(name, {"l1": Decimal(2)})
		self.work()
		self.assert_as_told("the invoice instead of a Sales Order", "d-direct")

	def test_goods_leave_with_the_invoice_and_one_comes_back(self) -> None:
		self.instead_of_sales_orders(update_stock=True)
		before = self.fixture.stock("CB-PHONE")
		today = datetime.now(timezone.utc).isoformat()  # goods are there since a moment ago
		self.phones("d-stock", payments=[self.paid(gateway="cod", status="pending")], placed_at=today)
		sent = self.fixture.stock("CB-PHONE")
		self.one_phone_back("d-stock", restock=True)
		back = self.fixture.stock("CB-PHONE")
		self.assert_as_told("goods leave with the invoice, and one comes back", "d-stock")
		self.assertEqual([before[0] - sent[0], back[0] - sent[0]], [2, 1])
		self.assertEqual(before[1] - sent[1], 2 * (back[1] - sent[1]), "it comes back at what it cost")

	def one_phone_back(self, external_id: str, **values: Any) -> None:
		taxes = [{"title": "VAT", "rate": "19", "amount": "19.00"}]
		row = {"order_line_id": "l1", "quantity": 1, "amount": "100.00", "taxes": taxes, **values}
		self.refunded(external_id, "119.00", lines=[row])

	def test_one_phone_given_back_after_the_invoice(self) -> None:
		self.phones("d-after", payments=[self.paid()])
		self.deliver("d-after", 2)
		self.one_phone_back("d-after")
		self.assert_as_told("one phone given back after the invoice", "d-after")

	def test_one_phone_given_back_before_the_invoice(self) -> None:
		self.phones("d-before", payments=[self.paid()])
		self.one_phone_back("d-before")
		self.deliver("d-before", 1)
		self.assert_as_told("one phone given back before the invoice", "d-before")

	def test_goodwill(self) -> None:
		self.phones("d-good", payments=[self.paid()])
		self.deliver("d-good", 2)
		self.refunded("d-good", "10.00", adjustments=[{"title": "Goodwill", "amount": "10.00"}])
		self.assert_as_told("goodwill", "d-good")
