"""The order histories on a real site, their ledgers included.

Of each history one order of arrival is played, forwards or backwards; `COMMERCE_BRIDGE_ARRIVALS` says how many, and "all"
that it is as on the sandbox.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal

import frappe

from commerce_bridge.tests import history_suite
from commerce_bridge.tests.base import SiteTestCase
from commerce_bridge.tests.order_cells import T0
from commerce_bridge.tests.site_money import MoneySiteFixture

ARRIVALS = os.environ.get("COMMERCE_BRIDGE_ARRIVALS", "1")
#: By the documents that stand for the order, cancelled ones too: what they booked is taken back by their own entries.
OF_ORDERS = """SELECT name FROM `tabSales Invoice` WHERE name IN %(orders)s OR return_against IN %(orders)s
		OR name IN (SELECT parent FROM `tabSales Invoice Item` WHERE sales_order IN %(orders)s)
	UNION SELECT name FROM `tabDelivery Note` WHERE name IN (SELECT parent FROM `tabDelivery Note Item`
		WHERE against_sales_order IN %(orders)s OR against_sales_invoice IN %(orders)s)
	UNION SELECT name FROM `tabStock Entry` WHERE cb_sales_invoice IN %(orders)s
	UNION SELECT name FROM `tabPayment Entry` WHERE cb_channel != '' AND cb_external_id IN (
		SELECT cb_external_id FROM `tabSales Order` WHERE name IN %(orders)s
		UNION SELECT cb_external_id FROM `tabSales Invoice` WHERE name IN %(orders)s)"""
BOOKED = """SELECT entry.account, account.root_type, account.account_type, SUM(entry.debit - entry.credit) AS balance
	FROM `tabGL Entry` entry JOIN `tabAccount` account ON account.name = entry.account
	WHERE entry.voucher_no IN %s GROUP BY entry.account"""
MOVED = """SELECT warehouse = %s, SUM(actual_qty) FROM `tabStock Ledger Entry`
	WHERE voucher_no IN %s AND is_cancelled = 0 GROUP BY 1"""
#: What goods cost is in the value of the stock, which the histories count in pieces.
GOODS = ("Stock", "Cost of Goods Sold")
PLENTY = 10000.0


class HistorySiteFixture(MoneySiteFixture):
	"""`HistoryFixture` on a site."""

	def __init__(self) -> None:
		super().__init__()
		self.gift_account = self.account("CB Gift Cards", "Current Liabilities")
		self.roles = {
			self.clearing_account: "clearing",
			self.fee_account: "fees",
			self.fee_tax_account: "fee tax",
			self.gift_account: "gift cards",
			self.tax_account: "tax",
		}
		frappe.db.commit()

	def fill_shelf(self, item_code: str) -> None:
		day = (T0 - timedelta(days=1)).date()
		entry = {"item_code": self.make_item(item_code), "warehouse": self.warehouse, "is_cancelled": 0}
		filled = {**entry, "posting_date": day, "actual_qty": PLENTY}
		if not frappe.db.exists("Stock Ledger Entry", filled):
			self.move_stock(item_code, PLENTY, day)

	def bill(self, sales_order: str) -> None:
		self.stands("billed", sales_order)

	def submit_drafts(self, sales_order: str) -> None:
		rows = {"sales_order": sales_order, "docstatus": 0}
		names = frappe.get_all("Sales Invoice Item", rows, pluck="parent", distinct=True)
		names += frappe.get_all("Sales Invoice", {"name": sales_order, "docstatus": 0}, pluck="name")
		for name in names:
			self.submit_invoice(name)

	def orders_of(self, external_id: str) -> list[str]:
		frappe.db.rollback()
		return self.names_of(external_id)

	def ledger(self, sales_orders: Sequence[str]) -> Mapping[str, Decimal]:
		frappe.db.rollback()
		names = frappe.db.sql(OF_ORDERS, {"orders": tuple(sales_orders) or ("-",)}, pluck=True) or ["-"]
		found = dict.fromkeys(("receivable", "income", *self.roles.values()), Decimal(0))
		for row in frappe.db.sql(BOOKED, (tuple(names),), as_dict=True):
			if row.account_type not in GOODS:
				role = self._role(row)
				found[role] = found.get(role, Decimal(0)) + Decimal(str(row.balance)).quantize(
					Decimal("0.01")
				)
		found |= {"stock": Decimal(0), "quarantine": Decimal(0)}
		for second, pieces in frappe.db.sql(MOVED, (self.second_warehouse, tuple(names))):
			role = "quarantine" if second else "stock"
			found[role] = Decimal(str(pieces)).quantize(Decimal("0.01"))
		return found

	def _role(self, row: frappe._dict) -> str:
		if row.account_type == "Receivable":
			return "receivable"
		return self.roles.get(row.account) or ("income" if row.root_type == "Income" else row.account)


class TestHistories(history_suite.HistorySuite, SiteTestCase):
	__test__ = True
	most = history_suite.AT_RANDOM if ARRIVALS == "all" else int(ARRIVALS)

	def setUp(self) -> None:
		self.fixture = HistorySiteFixture()
		super().setUp()


history_suite.add_tests(TestHistories)
