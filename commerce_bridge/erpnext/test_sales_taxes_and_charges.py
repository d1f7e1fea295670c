"""An order delivered, billed and returned in parts: the parts together are the order, to the cent."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

import frappe
from erpnext.controllers.sales_and_purchase_return import make_return_doc
from erpnext.selling.doctype.sales_order.sales_order import make_delivery_note, make_sales_invoice
from erpnext.stock.doctype.delivery_note.delivery_note import make_sales_invoice as make_invoice_of_delivery

from commerce_bridge.bridge.model import Discount, Order, OrderLine, ShippingLine, TaxLine
from commerce_bridge.bridge.plan import Amounts
from commerce_bridge.bridge.totals import key_of, plan_amounts
from commerce_bridge.erpnext.item import find
from commerce_bridge.tests.base import SiteTestCase
from commerce_bridge.tests.contract import ContractSuite
from commerce_bridge.tests.factory import SiteFixture

MOMENT = datetime(2026, 11, 2, 12, tzinfo=timezone.utc)


def shop_order(currency: str, inclusive: bool, discount: str, tax_by_line: list[str]) -> Order:
	"""3 × 33.33 and 7 × 1.03, shipping 4.90, taxes as the shop says: per line, then shipping."""
	prices = [(3, Decimal("33.33")), (7, Decimal("1.03"))]
	lines = tuple(
		OrderLine(
			id=f"l{number}",
			sku="CB-PHONE",
			quantity=Decimal(quantity),
			unit_price=price,
			total=quantity * price,
			taxes=(TaxLine(title="VAT", rate=Decimal(19), amount=Decimal(tax)),),
		)
		for number, ((quantity, price), tax) in enumerate(zip(prices, tax_by_line[:2], strict=True))
	)
	freight = Decimal("4.90")
	tax = TaxLine(title="VAT", rate=Decimal(19), amount=Decimal(tax_by_line[2]))
	shipping = ShippingLine(title="Standard", amount=freight, taxes=(tax,))
	total = sum((line.total for line in lines), freight) - Decimal(discount)
	total += Decimal(0) if inclusive else sum(map(Decimal, tax_by_line), Decimal(0))
	return Order(
		id="parts",
		number="parts",
		updated_at=MOMENT,
		currency=currency,
		prices_include_tax=inclusive,
		lines=lines,
		shipping=(shipping,),
		discounts=(Discount(amount=Decimal(discount)),) if Decimal(discount) else (),
		total=total,
	)


#: name → inclusive, discount, taxes by line; "odd" taxes are none that ERPNext would calculate
CASES = {
	"calculated": (False, "0", ["19.00", "1.37", "0.93"]),
	"calculated, discounted": (False, "10.00", ["17.27", "1.24", "0.89"]),
	"odd": (False, "0", ["18.95", "1.41", "0.93"]),
	"odd, discounted": (False, "10.01", ["17.10", "1.00", "0.50"]),
	"included": (True, "0", ["15.96", "1.15", "0.78"]),
	"included, odd, discounted": (True, "9.99", ["15.00", "1.00", "0.70"]),
}


class TestParts(ContractSuite, SiteTestCase):
	__test__ = True

	def setUp(self) -> None:
		self.fixture = SiteFixture()
		super().setUp()
		self.phone(stock=1000)

	def sales_order(self, case: str) -> Any:
		wanted = shop_order(self.channel.currency, *CASES[case])
		items = find(self.channel, [key_of(line) for line in wanted.lines])
		amounts: Amounts = plan_amounts(wanted, self.channel, items, 2)
		with self.erp.transaction():
			booked = self.erp.create_sales_order(self.channel, self.plan("parts", amounts=amounts))
		self.assertEqual((booked.grand_total, booked.total_taxes), (amounts.grand_total, amounts.total_taxes))
		return frappe.get_doc("Sales Order", booked.name)

	def in_parts(self, make: Callable[[], Any], keep: Callable[[Any, int], float]) -> list[Any]:
		"""Makes and submits documents until nothing is left; `keep` says how many of a row the n-th takes."""
		made: list[Any] = []
		while True:
			doc = make()
			rows = [(row, keep(row, len(made))) for row in doc.get("items", [])]
			doc.items = [row for row, quantity in rows if quantity]
			if not doc.items:
				return made
			for row, quantity in rows:
				row.qty = quantity
			doc.insert()
			made.append(doc.submit())

	def assert_sums(self, order: Any, parts: list[Any], exact_taxes: bool) -> None:
		self.assertGreater(len(parts), 1)
		self.assert_equal(order.grand_total, sum(part.grand_total for part in parts))
		if exact_taxes:
			self.assert_equal(
				order.total_taxes_and_charges, sum(part.total_taxes_and_charges for part in parts)
			)
			self.assert_equal(order.discount_amount, sum(part.discount_amount for part in parts))

	def assert_equal(self, one: float, other: float) -> None:
		self.assertEqual(round(one, 2), round(other, 2))

	def each_case(self, test: Callable[[Any, bool], None]) -> None:
		for case in CASES:
			with self.subTest(case):
				order = self.sales_order(case)
				calculated_inside = any(row.included_in_print_rate for row in order.taxes)
				test(order, not calculated_inside)
				frappe.db.commit()

	def test_billed_one_by_one(self) -> None:
		def test(order: Any, exact: bool) -> None:
			parts = self.in_parts(lambda: make_sales_invoice(order.name), lambda row, number: min(row.qty, 1))
			self.assert_sums(order, parts, exact)

		self.each_case(test)

	def test_delivered_in_parts_and_billed_from_the_deliveries(self) -> None:
		def test(order: Any, exact: bool) -> None:
			notes = self.in_parts(
				lambda: make_delivery_note(order.name),
				lambda row, number: min(row.qty, 2) if number == 0 else row.qty,
			)
			self.assert_sums(order, notes, exact)
			invoices = [make_invoice_of_delivery(note.name).insert().submit() for note in notes]
			self.assert_sums(order, invoices, exact)

		self.each_case(test)

	def test_returned_in_parts(self) -> None:
		def test(order: Any, exact: bool) -> None:
			invoice = make_sales_invoice(order.name).insert().submit()
			self.assert_equal(invoice.grand_total, order.grand_total)
			left = {row.name: row.qty for row in invoice.items}

			def take(row: Any, number: int) -> float:
				quantity = min(left[row.sales_invoice_item], 2)
				left[row.sales_invoice_item] -= quantity
				return -quantity

			notes = self.in_parts(lambda: make_return_doc("Sales Invoice", invoice.name), take)
			self.assert_equal(-invoice.grand_total, sum(note.grand_total for note in notes))

		self.each_case(test)

	def test_a_cancelled_part_is_made_again(self) -> None:
		order = self.sales_order("odd, discounted")
		first = self.first_of_two(order)
		self.first_of_two(order)
		first.reload()
		first.cancel()
		parts = [self.first_of_two(order)]
		parts += self.in_parts(lambda: make_sales_invoice(order.name), lambda row, number: row.qty)
		everything = frappe.get_all(
			"Sales Invoice Item", {"sales_order": order.name, "docstatus": 1}, pluck="parent", distinct=True
		)
		totals = [frappe.db.get_value("Sales Invoice", name, "grand_total") for name in everything]
		self.assert_equal(order.grand_total, sum(totals))

	def test_a_returned_part_is_billed_again(self) -> None:
		order = self.sales_order("odd, discounted")
		invoice = make_sales_invoice(order.name).insert().submit()
		credit = make_return_doc("Sales Invoice", invoice.name)
		credit.update_billed_amount_in_sales_order = 1
		credit.insert().submit()
		again = make_sales_invoice(order.name).insert().submit()
		self.assert_equal(again.grand_total, order.grand_total)

	def first_of_two(self, order: Any) -> Any:
		doc = make_sales_invoice(order.name)
		for row in doc.items:
			row.qty = min(row.qty, 1)
		return doc.insert().submit()

	def test_a_document_of_no_channel_is_left_alone(self) -> None:
		order = self.sales_order("odd")
		invoice = make_sales_invoice(order.name)
		invoice.cb_channel = None
		for row in invoice.items:
			row.qty = 1
		invoice.insert()
		self.assert_equal(invoice.total_taxes_and_charges, order.total_taxes_and_charges)
