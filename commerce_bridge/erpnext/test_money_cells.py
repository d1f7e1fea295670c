"""Money where a person had a hand in it, on a real site; and that people's documents are saved whatever the channel lacks."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import frappe
from erpnext.accounts.doctype.sales_invoice.sales_invoice import make_sales_return

from commerce_bridge.bridge.channel import EventPolicy, PaymentMap
from commerce_bridge.erpnext import channel_settings
from commerce_bridge.tests import money_cells
from commerce_bridge.tests.base import SiteTestCase
from commerce_bridge.tests.history_events import DELIVERED, order
from commerce_bridge.tests.test_histories import HistorySiteFixture

LEDGERS = ("GL Entry", "Payment Ledger Entry", "Advance Payment Ledger Entry")


class MoneyCellSiteFixture(HistorySiteFixture):
	def cancel_payment_by_hand(self, name: str, delete: bool = False) -> None:
		frappe.get_doc("Payment Entry", name).cancel()
		if delete:
			for ledger in LEDGERS:  # ERPNext keeps what they name, unless they are deleted first
				frappe.db.delete(ledger, {"voucher_no": name})
			frappe.delete_doc("Payment Entry", name)
		frappe.db.commit()

	def draft_credit(self, invoice: str, quantities: Mapping[str, int]) -> str:
		doc = make_sales_return(invoice)
		doc.items = [row for row in doc.items if row.cb_line_id in quantities]
		for number, row in enumerate(doc.items, 1):
			row.idx, row.qty = number, -quantities[row.cb_line_id]
		doc.insert()
		frappe.db.commit()
		return doc.name

	def delete_invoice(self, name: str) -> None:
		frappe.delete_doc("Sales Invoice", name)
		frappe.db.commit()

	def forget_order(self, key: str) -> None:
		frappe.db.set_value("Sync Log", {"external_id": key, "topic": "order.upserted"}, "payload", "")
		frappe.db.commit()


class TestMoneyCells(money_cells.MoneyCells, SiteTestCase):
	__test__ = True
	fixture: MoneyCellSiteFixture

	def setUp(self) -> None:
		self.fixture = MoneyCellSiteFixture()
		super().setUp()

	def test_people_s_documents_are_saved_whatever_the_channel_lacks(self) -> None:
		"""Without a company, no settings of the channel can be loaded: nothing is told, and nobody is kept from working."""
		policy = EventPolicy(invoices="Own")
		account = {"account": self.fixture.clearing_account}
		waits = PaymentMap(
			gateway="*", mode_of_payment=self.fixture.mode_of_payment, book="On Delivery", **account
		)
		self.policy(DELIVERED, events=policy, payments=(waits,))
		key = self.key("no-company")
		name = self.tell(key, order())["reference_name"]
		frappe.db.set_value("Channel Settings", self.channel.name, "company", None)
		frappe.clear_document_cache("Channel Settings", self.channel.name)
		channel_settings.forget()
		frappe.db.commit()
		note = self.fixture.deliver(name, {"l1": Decimal(1)})
		invoice = self.fixture.stands("billed", name)
		self.fixture.delete_invoice(self.fixture.draft_credit(invoice, {"l1": 1}))
		credit = self.fixture.draft_credit(invoice, {"l1": 1})
		for doctype, each in (("Sales Invoice", credit), ("Delivery Note", note)):
			doc = frappe.get_doc(doctype, each)
			if doc.docstatus == 0:
				doc.submit()
			doc.cancel()
		frappe.db.commit()
		self.assertEqual(self.fixture.entries_of(key, "invoice.due"), [])
