"""Invoices told, and money asked back, on a real site."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlparse

import frappe
from erpnext.accounts.doctype.payment_entry.payment_entry import get_payment_entry
from erpnext.accounts.doctype.sales_invoice.sales_invoice import make_sales_return
from frappe.utils.print_format import download_pdf
from frappe.www.printview import validate_print_permission

from commerce_bridge.bridge.requested_refunds import REQUESTED
from commerce_bridge.erpnext import invoice_events
from commerce_bridge.tests import invoice_cells
from commerce_bridge.tests.base import SiteTestCase
from commerce_bridge.tests.factory import USER
from commerce_bridge.tests.site_money import MoneySiteFixture


class InvoiceEventsFixture(MoneySiteFixture):
	def credit(self, invoice: str, quantities: Mapping[str, int], settles: bool = False) -> str:
		doc = self.credit_draft(invoice, quantities)
		doc.update_outstanding_for_self = int(not settles)
		doc.insert().submit()
		frappe.db.commit()
		return doc.name

	def credit_draft(self, invoice: str, quantities: Mapping[str, int]) -> Any:
		doc = make_sales_return(invoice)
		doc.items = [row for row in doc.items if row.cb_line_id in quantities]
		for number, row in enumerate(doc.items, 1):
			row.idx, row.qty = number, -quantities[row.cb_line_id]
		return doc

	def cancel_invoice(self, name: str) -> None:
		frappe.get_doc("Sales Invoice", name).cancel()
		frappe.db.commit()

	def amend(self, name: str) -> str:
		old = frappe.get_doc("Sales Invoice", name)
		doc = frappe.copy_doc(old)
		doc.update({"amended_from": name, "docstatus": 0, "status": "Draft"})
		doc.insert().submit()
		frappe.db.commit()
		return doc.name


class TestInvoiceEvents(invoice_cells.InvoiceCells, SiteTestCase):
	__test__ = True
	fixture: InvoiceEventsFixture

	def setUp(self) -> None:
		self.fixture = InvoiceEventsFixture()
		super().setUp()
		self.addCleanup(frappe.set_user, "Administrator")

	def test_the_link_opens_the_pdf_for_who_has_it_and_for_nobody_else(self) -> None:
		_key, _order, invoice = self.billed("pdf", invoices="Own with PDF")
		self.work()
		query = parse_qs(urlparse(self.told[0].url or "").query)
		self.assertEqual((query["doctype"], query["name"]), (["Sales Invoice"], [invoice]))
		self.assertIn(download_pdf, frappe.whitelisted)
		self.assertIn(download_pdf, frappe.guest_methods)
		[key] = query["key"]
		frappe.set_user("Guest")
		doc = frappe.get_doc("Sales Invoice", invoice)
		for wrong in ("", "x", key[:-1]):
			frappe.local.form_dict = frappe._dict(key=wrong)
			self.assertRaises(frappe.PermissionError, validate_print_permission, doc)
		frappe.local.form_dict = frappe._dict(key=key)
		validate_print_permission(doc)

	def test_the_link_is_the_same_each_time(self) -> None:
		_key, _order, invoice = self.billed("same-link", invoices="Own with PDF")
		self.work()
		with self.erp.transaction():
			again = self.erp.get_invoice_notice(invoice, self.channel.name)
		self.assertEqual(again and again.url, self.told[0].url)

	def test_positions_taxes_and_the_rest_are_the_total(self) -> None:
		_key, order_name, invoice = self.billed("parts", send_refunds=True)
		doc = make_sales_return(invoice)
		doc.insert().submit()
		frappe.db.commit()
		self.work()
		[request] = self.given_back.values()
		self.assertEqual([row.amount for row in request.lines], [20, 20])
		taxes = [tax.amount for row in request.lines for tax in row.taxes]
		self.assertTrue(all(tax > 0 for tax in taxes))
		self.assertEqual(40 + sum(taxes) + request.shipping, Decimal(49))
		self.assertEqual((request.total, self.credits(order_name)[0].total), (Decimal(49), Decimal(49)))

	def test_an_amended_credit_note_gives_nothing_back_again(self) -> None:
		key, order_name, invoice = self.billed("amended", send_refunds=True)
		note = self.fixture.credit(invoice, {"l1": 1})
		self.work()
		self.fixture.cancel_invoice(note)
		amended = self.fixture.amend(note)
		self.work()
		self.assertEqual((self.topics(amended), len(self.given_back)), ([], 1))
		total = self.credits(order_name)[0].total
		row = self.receive(self.refund(key, f"RF-{note}", total), "refund.created")
		self.assertEqual((row["state"], row["reference_name"]), ("Succeeded", amended), row["message"])
		self.assertEqual([each.name for each in self.credits(order_name)], [amended])

	def test_an_amendment_before_the_shop_was_asked_is_asked_under_the_first_name(self) -> None:
		_key, _order, invoice = self.billed("amended-first", send_refunds=True)
		note = self.fixture.credit(invoice, {"l1": 1})
		self.fixture.cancel_invoice(note)
		amended = self.fixture.amend(note)
		self.work()
		self.assertEqual(self.topics(note), [(REQUESTED, "Skipped")])
		self.assertEqual((self.topics(amended), list(self.given_back)), ([(REQUESTED, "Succeeded")], [note]))

	def test_one_paid_out_by_a_person_is_not_given_back_again(self) -> None:
		_key, _order, invoice = self.billed("paid-out", send_refunds=True)
		note = self.fixture.credit(invoice, {"l1": 1})
		payment = get_payment_entry("Sales Invoice", note)
		payment.update({"reference_no": "by hand", "reference_date": frappe.utils.today()})
		payment.paid_from = self.fixture.clearing_account
		payment.insert().submit()
		frappe.db.commit()
		self.work()
		self.assertEqual((self.topics(note), self.given_back), ([(REQUESTED, "Skipped")], {}))

	def test_a_draft_of_ours_that_a_person_submits_asks_for_nothing(self) -> None:
		key, order_name, _invoice = self.billed("our-draft", send_refunds=True)
		frappe.db.set_value("Channel Settings", self.channel.name, "credit_note_docstatus", "Draft")
		frappe.db.commit()
		self.state.channel(self.channel.name, anew=True)
		self.receive(self.refund(key, "shop-1", Decimal(11)), "refund.created")
		[note] = self.credits(order_name)
		if not note.submitted:
			frappe.get_doc("Sales Invoice", note.name).submit()
			frappe.db.commit()
		self.work()
		self.assertEqual((self.topics(note.name), self.given_back), ([], {}))

	def test_one_that_the_channel_made_asks_for_nothing(self) -> None:
		"""Of an order that was cancelled in the shop: of no refund, yet the shop knows."""
		_key, _order, invoice = self.billed("channel-made", send_refunds=True)
		doc = self.fixture.credit_draft(invoice, {"l1": 1})
		doc.cb_made = 1
		doc.insert().submit()
		frappe.db.commit()
		self.work()
		self.assertEqual((self.topics(doc.name), self.given_back), ([], {}))

	def test_an_invoice_of_nobody_costs_nothing(self) -> None:
		doc = frappe.new_doc("Sales Invoice")
		with self.assertQueryCount(0):
			invoice_events.on_submit(doc)

	def test_the_hooks_add_one_insert_a_document(self) -> None:
		"""No HTTP, and the entries of one document are one statement."""
		_key, _order, invoice = self.billed("one-insert", invoices="Own", send_refunds=True)
		doc = self.fixture.credit_draft(invoice, {"l1": 1})
		doc.insert()
		statements: list[str] = []
		original = frappe.db.sql
		frappe.db.sql = lambda query, *args, **values: (
			statements.append(str(query)),
			original(query, *args, **values),
		)[1]
		try:
			doc.submit()
			frappe.db.commit()
		finally:
			del frappe.db.sql  # the class has it
		inserts = [text for text in statements if "INSERT INTO `tabSync Log`" in text]
		self.assertEqual(len(inserts), 1)
		self.assertEqual(len(self.topics(doc.name)), 2)

	def test_the_integration_user_may_read_what_it_tells(self) -> None:
		_key, _order, invoice = self.billed("rights", invoices="Own with PDF")
		self.work()
		frappe.set_user(USER)
		with self.erp.transaction():
			self.assertIsNotNone(self.erp.get_invoice_notice(invoice, self.channel.name))
