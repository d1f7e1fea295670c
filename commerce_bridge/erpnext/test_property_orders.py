"""Any order of a shop, booked by ERPNext itself: the Sales Order is the order, and so are its invoices together."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import frappe
from erpnext.selling.doctype.sales_order.sales_order import make_sales_invoice
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from commerce_bridge.bridge.channel import InvoicePolicy
from commerce_bridge.bridge.model import Customer, Order
from commerce_bridge.bridge.orders import apply_order
from commerce_bridge.bridge.plan import Record
from commerce_bridge.bridge.protocols import Entry
from commerce_bridge.bridge.totals import ROUNDING
from commerce_bridge.erpnext.channel_settings import decimal
from commerce_bridge.tests import settings as site_settings
from commerce_bridge.tests.base import SiteTestCase
from commerce_bridge.tests.factory import SiteFixture
from commerce_bridge.tests.strategies import CURRENCIES, EXPRESS, FREIGHT, MOMENT, orders

SHOP = "Any Orders Shop"
ZERO = Decimal(0)
#: Orders made up; the whole is 200, which takes some minutes.
ORDERS = int(os.environ.get("COMMERCE_BRIDGE_RANDOM_ORDERS", "40"))
COARSE = tuple(currency for currency, decimals in CURRENCIES.items() if decimals <= 2)
FINE = tuple(currency for currency, decimals in CURRENCIES.items() if decimals > 2)


def examples(share: int = 1) -> settings:
	"""Failures are shown as they were found: shrinking one here takes minutes. And they are kept nowhere: a
	bench's folders are not ours to write to."""
	return settings(
		max_examples=max(1, ORDERS // share),
		deadline=None,
		database=None,
		phases=(Phase.generate,),
		suppress_health_check=list(HealthCheck),
	)


class PropertyCase(SiteTestCase):
	def setUp(self) -> None:
		self.fixture = SiteFixture()
		self.freight = self.account("Freight and Forwarding Charges")
		self.channel = self.fixture.make_channel(
			SHOP,
			shipping_methods=[
				{"method": EXPRESS, "item": self.fixture.make_item("CB-SHIPPING", is_stock_item=False)},
				{"method": FREIGHT, "account": self.freight},
			],
			fee_item=self.fixture.make_item("CB-FEE", is_stock_item=False),
			rounding_account=self.account("Round Off"),
		)
		for number in range(5):
			self.by_weight(f"SKU-{number}")
		for currency in CURRENCIES:
			self.exchange_rate(currency)
		frappe.db.commit()
		self.known_customer()

	def account(self, name: str) -> str:
		return frappe.db.get_value("Account", {"account_name": name, "company": self.fixture.company})

	def by_weight(self, item_code: str) -> None:
		"""An item that is sold in parts: most units of measure of ERPNext take whole numbers only."""
		self.fixture.make_item(item_code)
		frappe.db.set_value("UOM", "Kg", "must_be_whole_number", 0)
		doc = frappe.get_doc("Item", item_code)
		if doc.stock_uom != "Kg":
			doc.update({"stock_uom": "Kg", "uoms": []}).save()

	def exchange_rate(self, currency: str) -> None:
		pair = {"from_currency": currency, "to_currency": self.fixture.currency, "date": "2020-01-01"}
		if currency != self.fixture.currency and not frappe.db.exists("Currency Exchange", pair):
			rate = {"doctype": "Currency Exchange", "exchange_rate": 1.1, "for_selling": 1}
			frappe.get_doc({**pair, **rate}).insert()

	def known_customer(self) -> None:
		"""So that examples need not make one each."""
		self.buyer = Customer(id="c-1", email="any@orders.example", first_name="Any", last_name="Buyer")
		erp = self.fixture.erp
		with erp.transaction():
			name = erp.create_customer(self.channel, self.buyer)
			erp.save_record(Record(SHOP, "Customer", "c-1", doctype="Customer", document=name))

	@contextmanager
	def booked(self, order: Order) -> Iterator[Any]:
		"""The document of an order, as the database has it; afterwards nothing of it is left."""
		order = order.model_copy(update={"customer": self.buyer})
		entry = Entry("log", SHOP, "Inbound", "order.upserted", "{}", order.id, 1, "lease", MOMENT)
		frappe.db.rollback()
		try:
			with self.fixture.erp.act_as(self.channel):
				outcome = apply_order(self.fixture.erp, self.channel, order, entry)
			self.assertEqual(outcome.state, "Succeeded", outcome.message)
			yield frappe.get_doc(outcome.reference_doctype, outcome.reference_name)
		finally:
			frappe.db.rollback()

	def assert_is(self, doc: Any, order: Order) -> None:
		self.assertEqual((doc.docstatus, doc.currency), (1, order.currency))
		self.assertEqual(amount(doc.grand_total), order.total)
		self.assertFalse(doc.rounded_total)
		self.assertEqual(taxes_of(doc, self.freight), shop_taxes(order))
		rows = {row.cb_line_id: row for row in doc.items if row.cb_line_id}
		lines = {line.id: line for line in order.lines if line.quantity}
		self.assertEqual(rows.keys(), lines.keys())
		net = order.prices_include_tax and not any(row.included_in_print_rate for row in doc.taxes)
		for key, line in lines.items():
			tax = sum((tax.amount for tax in line.taxes), ZERO) if net else ZERO
			self.assert_row(rows[key], line.quantity, line.total - tax, CURRENCIES[order.currency])

	def assert_row(self, row: Any, quantity: Decimal, total: Decimal, decimals: int) -> None:
		"""To the cent where pieces at a price in whole cents give the total; else up to two cents a piece above,
		which the document's discount takes back."""
		unit = Decimal(1).scaleb(-decimals)
		self.assertEqual(decimal(row.qty), quantity)
		above = amount(row.amount) - total
		self.assertTrue(0 <= above <= 2 * unit * quantity + unit / 2, f"{row.amount} for {total}")
		if quantity == int(quantity) and not (total / quantity) % unit:
			self.assertEqual(above, 0)


def amount(value: float | None) -> Decimal:
	"""Of the precision Frappe stores; digits behind are the float's."""
	return Decimal(str(round(value or 0, 6))).normalize() + 0


def taxes_of(doc: Any, freight: str) -> dict[str, Decimal]:
	"""By title, of what is a tax; without those of nothing."""
	found: dict[str, Decimal] = defaultdict(Decimal)
	for row in doc.taxes:
		if row.account_head != freight and row.description != ROUNDING:
			found[row.description] += amount(row.tax_amount_after_discount_amount)
	return {title: total for title, total in found.items() if total}


def shop_taxes(order: Order) -> dict[str, Decimal]:
	found: dict[str, Decimal] = defaultdict(Decimal)
	for part in (*(line for line in order.lines if line.quantity), *order.shipping, *order.fees):
		for tax in part.taxes:
			found[tax.title] += tax.amount
	return {title: total for title, total in found.items() if total}


class TestOrdersToTheCent(PropertyCase):
	def setUp(self) -> None:
		super().setUp()
		any_currency = "allow_multi_currency_invoices_against_single_party_account"
		site_settings.change(self, "Accounts Settings", **{any_currency: 1})

	@examples()
	@given(order=orders(currencies=COARSE))
	def test_a_sales_order_is_the_order(self, order: Order) -> None:
		with self.booked(order) as doc:
			self.assert_is(doc, order)

	@examples(4)
	@given(order=orders(currencies=COARSE), data=st.data())
	def test_two_invoices_are_the_order(self, order: Order, data: st.DataObject) -> None:
		with self.booked(order) as doc:
			first = {row.name: data.draw(st.integers(0, int(row.qty))) for row in doc.items}
			rest = {row.name: row.qty - first[row.name] for row in doc.items}
			invoices = [invoice for part in (first, rest) if (invoice := self.bill(doc, part))]
			self.assertEqual(sum((amount(invoice.grand_total) for invoice in invoices), ZERO), order.total)
			if not any(row.included_in_print_rate for row in doc.taxes):
				self.assertEqual(self.sums(invoices), shop_taxes(order))

	def bill(self, order: Any, quantities: dict[str, float]) -> Any:
		"""A submitted invoice of these quantities by row of the order; None where there are none."""
		if not any(quantities.values()):
			return None
		invoice = make_sales_invoice(order.name)
		invoice.items = [row for row in invoice.items if quantities[row.so_detail]]
		for row in invoice.items:
			row.qty = quantities[row.so_detail]
		# ERPNext counts a row as billed by its amount: 5 of 5.232 at 0.01 leave nothing that could be billed.
		assume(len(invoice.items) == sum(bool(quantity) for quantity in quantities.values()))
		return invoice.insert().submit()

	def sums(self, invoices: list[Any]) -> dict[str, Decimal]:
		found: dict[str, Decimal] = defaultdict(Decimal)
		for invoice in invoices:
			for title, total in taxes_of(invoice, self.freight).items():
				found[title] += total
		return {title: total for title, total in found.items() if total}


class TestInvoicesToTheCent(PropertyCase):
	"""Instead of Sales Orders: each is the order, and is in the ledger as such."""

	def setUp(self) -> None:
		super().setUp()
		any_currency = "allow_multi_currency_invoices_against_single_party_account"
		site_settings.change(self, "Accounts Settings", **{any_currency: 1})
		instead = InvoicePolicy(when="Instead of Sales Order")
		self.channel = self.channel.model_copy(update={"invoices": instead})

	@examples(2)
	@given(order=orders(currencies=COARSE))
	def test_a_sales_invoice_is_the_order(self, order: Order) -> None:
		with self.booked(order) as doc:
			self.assertEqual((doc.doctype, doc.cb_instead_of_order), ("Sales Invoice", 1))
			self.assert_is(doc, order)
			ledger = frappe.get_all(
				"GL Entry",
				{"voucher_no": doc.name, "account": doc.debit_to},
				["sum(debit_in_transaction_currency - credit_in_transaction_currency) as owed"],
			)
			self.assertEqual(amount(ledger[0].owed), order.total)
			self.assertEqual(amount(doc.payment_schedule[0].payment_amount), order.total)


class TestThreeDecimals(PropertyCase):
	"""A currency finer than a cent needs a site that keeps three decimals."""

	def setUp(self) -> None:
		super().setUp()
		site_settings.change(self, "System Settings", currency_precision="3")

	@examples(4)
	@given(order=orders(currencies=(*FINE, "USD")))
	def test_a_sales_order_is_the_order(self, order: Order) -> None:
		with self.booked(order) as doc:
			self.assert_is(doc, order)
