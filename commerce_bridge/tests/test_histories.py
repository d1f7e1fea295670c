"""The order histories on a real site, their ledgers included.

Of each history a few orders of arrival are played; `COMMERCE_BRIDGE_ARRIVALS` says how many ("all": every one).
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from decimal import Decimal

import frappe

from commerce_bridge.tests import history_suite
from commerce_bridge.tests.base import SiteTestCase
from commerce_bridge.tests.site_money import MoneySiteFixture

ARRIVALS = os.environ.get("COMMERCE_BRIDGE_ARRIVALS", "2")
#: By Sales Order, cancelled documents too: what they booked is taken back by their own entries.
OF_ORDERS = """SELECT name FROM `tabSales Invoice` WHERE name IN (
		SELECT parent FROM `tabSales Invoice Item` WHERE sales_order IN %(orders)s)
	UNION SELECT name FROM `tabDelivery Note` WHERE name IN (
		SELECT parent FROM `tabDelivery Note Item` WHERE against_sales_order IN %(orders)s)
	UNION SELECT name FROM `tabPayment Entry` WHERE cb_channel != '' AND cb_external_id IN (
		SELECT cb_external_id FROM `tabSales Order` WHERE name IN %(orders)s)"""
BOOKED = """SELECT entry.account, account.root_type, account.account_type, SUM(entry.debit - entry.credit) AS balance
	FROM `tabGL Entry` entry JOIN `tabAccount` account ON account.name = entry.account
	WHERE entry.voucher_no IN %s GROUP BY entry.account"""
MOVED = "SELECT COALESCE(SUM(actual_qty), 0) FROM `tabStock Ledger Entry` WHERE voucher_no IN %s AND is_cancelled = 0"
#: What goods cost is in the value of the stock, which the histories count in pieces.
GOODS = ("Stock", "Cost of Goods Sold")


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

	def bill(self, sales_order: str) -> None:
		self.stands("billed", sales_order)

	def submit_drafts(self, sales_order: str) -> None:
		rows = {"sales_order": sales_order, "docstatus": 0}
		for name in frappe.get_all("Sales Invoice Item", rows, pluck="parent", distinct=True):
			self.submit_invoice(name)

	def orders_of(self, external_id: str) -> list[str]:
		frappe.db.rollback()
		return frappe.get_all(
			"Sales Order", {"cb_external_id": external_id}, pluck="name", order_by="creation, name"
		)

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
		pieces = frappe.db.sql(MOVED, (tuple(names),))[0][0]
		return {**found, "stock": Decimal(str(pieces)).quantize(Decimal("0.01"))}

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
