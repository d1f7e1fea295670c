"""What site tests need around money: accounts, deliveries of some lines, and what the ledgers say."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import frappe

from commerce_bridge.tests.factory import SiteFixture

OF_ORDERS = ("Sales Invoice", "Payment Entry", "Delivery Note")
LEDGER = """SELECT account, SUM(debit - credit) FROM `tabGL Entry`
	WHERE is_cancelled = 0 AND voucher_no IN %s GROUP BY account"""


class MoneySiteFixture(SiteFixture):
	"""`MoneyFixture` of the contracts on a site."""

	mode_of_payment = "Commerce Bridge Test"
	examples = 3

	def __init__(self) -> None:
		super().__init__()
		self.open_accounts()
		for doctype in OF_ORDERS:  # those of earlier runs stay, but are of no order of these tests
			frappe.db.sql(f"UPDATE `tab{doctype}` SET cb_external_id = NULL WHERE cb_external_id IS NOT NULL")
		frappe.db.commit()

	def open_accounts(self) -> None:
		"""Accounts of a gateway, and its Mode of Payment."""
		self.clearing_account = self.account("CB Clearing", "Bank Accounts", account_type="Bank")
		foreign = "CHF" if self.currency != "CHF" else "NOK"
		self.foreign_account = self.account("CB Foreign Clearing", "Bank Accounts", account_currency=foreign)
		self.fee_account = self.account("CB Gateway Fees", "Indirect Expenses")
		self.fee_tax_account = self.account("CB Fee Tax", "Duties and Taxes")
		if not frappe.db.exists("Mode of Payment", self.mode_of_payment):
			mode = {"doctype": "Mode of Payment", "mode_of_payment": self.mode_of_payment, "type": "Bank"}
			frappe.get_doc(mode).insert(ignore_permissions=True)
		frappe.db.commit()

	def account(self, title: str, parent: str, **values: Any) -> str:
		"""An account of the company below a group; made if there is none."""
		if name := frappe.db.get_value("Account", {"account_name": title, "company": self.company}):
			return name
		group = {"company": self.company, "is_group": 1, "account_name": parent}
		doc = {
			"doctype": "Account",
			"account_name": title,
			"company": self.company,
			"parent_account": frappe.db.get_value("Account", group),
			**values,
		}
		name = frappe.get_doc(doc).insert(ignore_permissions=True).name
		frappe.db.commit()
		return name

	# --- what a person does

	def deliver(self, sales_order: str, quantities: Mapping[str, Decimal]) -> str:
		note = self.delivery_of(sales_order)
		note.items = [row for row in note.items if row.cb_line_id in quantities]
		for number, row in enumerate(note.items, 1):
			row.idx, row.qty = number, float(quantities[row.cb_line_id])
		note.insert(ignore_permissions=True).submit()
		frappe.db.commit()
		return note.name

	def submit_return(self, name: str) -> None:
		frappe.get_doc("Delivery Note", name).submit()
		frappe.db.commit()

	def draft_invoice(self, sales_order: str) -> str:
		return self.stands("draft invoice", sales_order)

	def submit_invoice(self, name: str) -> None:
		frappe.get_doc("Sales Invoice", name).submit()
		frappe.db.commit()

	def clear_payment(self, payment: str) -> None:
		frappe.db.set_value("Payment Entry", payment, "clearance_date", frappe.utils.today())
		frappe.db.commit()

	# --- what the books say

	def allocated(self, payment: str) -> Decimal:
		frappe.db.rollback()
		status, amount = frappe.db.get_value(
			"Payment Entry", payment, ["docstatus", "total_allocated_amount"]
		)
		return Decimal(str(amount)) if status == 1 else Decimal(0)

	def balances(self, *documents: str) -> dict[str, Decimal]:
		"""Balance of each account, debit being positive, by all that these documents booked."""
		frappe.db.rollback()
		rows = frappe.db.sql(LEDGER, (documents,))
		return {account: _cents(balance) for account, balance in rows if _cents(balance)}

	def receivable(self, customer: str) -> dict[str, Decimal]:
		"""What is open by voucher on a customer's account, by the payment ledger."""
		frappe.db.rollback()
		still_open: dict[str, Decimal] = defaultdict(Decimal)
		rows = frappe.get_all(
			"Payment Ledger Entry",
			{"party": customer, "delinked": 0},
			["against_voucher_no as voucher", "amount"],
		)
		for row in rows:
			still_open[row.voucher] += Decimal(str(row.amount))
		return {name: _cents(amount) for name, amount in still_open.items() if _cents(amount)}

	def stock(self, item_code: str, warehouse: str | None = None) -> tuple[Decimal, Decimal]:
		"""Quantity and value of an item in a warehouse."""
		frappe.db.rollback()
		key = {"item_code": item_code, "warehouse": warehouse or self.warehouse}
		found = frappe.db.get_value("Bin", key, ["actual_qty", "stock_value"]) or (0, 0)
		return Decimal(str(found[0])), _cents(found[1])


def _cents(amount: Any) -> Decimal:
	return Decimal(str(amount or 0)).quantize(Decimal("0.01"))
