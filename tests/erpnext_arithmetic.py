"""ERPNext's totals of a Sales Order, step for step and in floats as it calculates them: a judge of the engine.

Written from erpnext/controllers/taxes_and_totals.py and frappe/utils/data.py of version 15, method by method
under their names, for documents as the engine plans them: one currency, no margin, no item tax template, no
pricing rule. Of the engine it imports the two models it compares, and no arithmetic.
https://github.com/frappe/erpnext/blob/version-15/erpnext/controllers/taxes_and_totals.py
https://github.com/frappe/frappe/blob/version-15/frappe/utils/data.py
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from commerce_bridge.bridge.model import Order
from commerce_bridge.bridge.plan import Amounts

ROUNDING_METHODS = ("Banker's Rounding", "Banker's Rounding (legacy)", "Commercial Rounding")


class Refused(Exception):
	"""ERPNext would not save the document."""


def bankers_rounding(number: float, precision: int) -> float:
	multiplier = 10**precision
	number = round(number * multiplier, 12)
	if number == 0:
		return 0.0
	floor = math.floor(number)
	epsilon = 2.0 ** (math.log(abs(number), 2) - 52.0)
	if abs(number - floor - 0.5) < epsilon:
		number = floor if floor % 2 == 0 else floor + 1
	else:
		number = round(number)
	return number / multiplier


def bankers_rounding_legacy(number: float, precision: int) -> float:
	multiplier = 10**precision
	number = round(number * multiplier if precision else number, 8)
	floor = math.floor(number)
	part = number - floor
	if not precision and part == 0.5:
		number = floor if floor % 2 == 0 else floor + 1
	elif part == 0.5:
		number = floor + 1
	else:
		number = round(number)
	return (number / multiplier) if precision else number


def round_away_from_zero(number: float, precision: int) -> float:
	if number == 0:
		return 0.0
	epsilon = 2.0 ** (math.log(abs(number), 2) - 52.0)
	return round(number + math.copysign(epsilon, number), precision)


_METHODS: dict[str, Callable[[float, int], float]] = dict(
	zip(ROUNDING_METHODS, (bankers_rounding, bankers_rounding_legacy, round_away_from_zero), strict=True)
)


class SalesOrder:
	"""A document and its calculation (`calculate_taxes_and_totals`).

	:param items: `qty`, `rate`, `price_list_rate`, `discount_percentage` of each row
	:param taxes: `charge_type`, `rate`, `tax_amount`, `included_in_print_rate` of each row
	:param precision: of currency fields on the site, :param float_precision: of the other numbers
	"""

	def __init__(
		self,
		items: Sequence[Mapping[str, Any]],
		taxes: Sequence[Mapping[str, Any]],
		discount_amount: float = 0.0,
		apply_discount_on: str = "Grand Total",
		precision: int = 2,
		float_precision: int = 3,
		rounding_method: str = ROUNDING_METHODS[0],
	):
		self.items = [dict(row) for row in items]
		self.taxes = [dict(row) for row in taxes]
		self.discount_amount = discount_amount
		self.apply_discount_on = apply_discount_on
		self.precision = precision
		self.float_precision = float_precision
		self._round = _METHODS[rounding_method]
		self.discount_amount_applied = False
		self.grand_total_for_distributing_discount: float | None = None
		self.grand_total = self.net_total = self.total = self.total_taxes_and_charges = 0.0
		self.grand_total_diff = 0.0
		self.calculate()

	def flt(self, number: float) -> float:
		return self._round(float(number), self.precision)

	def calculate(self) -> None:
		self._calculate()
		self.set_discount_amount()
		self.apply_discount_amount()

	def _calculate(self) -> None:
		self.calculate_item_values()
		self.initialize_taxes()
		self.determine_exclusive_rate()
		self.calculate_net_total()
		self.calculate_taxes()
		self.adjust_grand_total_for_inclusive_tax()
		self.calculate_totals()

	def calculate_item_values(self) -> None:
		if self.discount_amount_applied:
			return
		for item in self.items:
			item["qty"] = self._round(float(item["qty"]), self.float_precision)
			item["rate"] = self.flt(item["rate"])
			item["price_list_rate"] = self.flt(item["price_list_rate"])
			if item["discount_percentage"] == 100:
				item["rate"] = 0.0
			elif item["price_list_rate"] and not item["rate"]:
				item["rate"] = self.flt(item["price_list_rate"] * (1.0 - item["discount_percentage"] / 100.0))
			item["discount_amount"] = item["price_list_rate"] - item["rate"]
			item["amount"] = item["net_amount"] = self.flt(item["rate"] * item["qty"])

	def initialize_taxes(self) -> None:
		for tax in self.taxes:
			tax["rate"] = self._round(float(tax["rate"]), self.float_precision)
			tax["tax_amount_after_discount_amount"] = 0.0
			if tax["charge_type"] == "Actual":
				tax["tax_amount"] = self.flt(tax["tax_amount"])

	def determine_exclusive_rate(self) -> None:
		fraction = sum(tax["rate"] / 100.0 for tax in self.taxes if tax["included_in_print_rate"])
		if fraction and not self.discount_amount_applied:
			for item in self.items:
				item["net_amount"] = self.flt(item["amount"] / (1 + fraction))

	def calculate_net_total(self) -> None:
		self.total = self.net_total = 0.0
		for item in self.items:
			self.total += item["amount"]
			self.net_total += item["net_amount"]
		self.total, self.net_total = self.flt(self.total), self.flt(self.net_total)

	def calculate_taxes(self) -> None:
		self.grand_total_diff = 0.0
		if not self.taxes:
			return
		left = {index: tax["tax_amount"] for index, tax in enumerate(self.taxes)}
		for number, item in enumerate(self.items):
			for index, tax in enumerate(self.taxes):
				current = self.get_current_tax_amount(item, tax)
				if tax["charge_type"] == "Actual":
					left[index] -= current
					if number == len(self.items) - 1:
						current += left[index]
				tax["tax_amount_after_discount_amount"] += current
		if self.apply_discount_on == "Grand Total" and self.discount_amount:
			self.settle_grand_total_discount()
		for index, tax in enumerate(self.taxes):
			tax["tax_amount_after_discount_amount"] = self.flt(tax["tax_amount_after_discount_amount"])
			self.set_cumulative_total(index, tax)

	def settle_grand_total_discount(self) -> None:
		for index, tax in enumerate(self.taxes):
			if self.discount_amount_applied:
				tax["tax_amount_after_discount_amount"] = self.flt(tax["tax_amount_after_discount_amount"])
			self.set_cumulative_total(index, tax)
		last = self.taxes[-1]["total"]
		if self.discount_amount_applied:
			wanted = self.grand_total_for_distributing_discount - self.discount_amount
			self.grand_total_diff = self.flt(wanted - last)
		else:
			self.grand_total_for_distributing_discount = last

	def get_current_tax_amount(self, item: Mapping[str, Any], tax: Mapping[str, Any]) -> float:
		if tax["charge_type"] == "Actual":
			return item["net_amount"] * tax["tax_amount"] / self.net_total if self.net_total else 0.0
		return (tax["rate"] / 100.0) * item["net_amount"]

	def set_cumulative_total(self, index: int, tax: dict[str, Any]) -> None:
		before = self.taxes[index - 1]["total"] if index else self.net_total
		tax["total"] = self.flt(before + tax["tax_amount_after_discount_amount"])

	def adjust_grand_total_for_inclusive_tax(self) -> None:
		if not any(tax["included_in_print_rate"] for tax in self.taxes):
			return
		added = sum(
			tax["tax_amount_after_discount_amount"] for tax in self.taxes if not tax["included_in_print_rate"]
		)
		diff = self.total + added - self.flt(self.taxes[-1]["total"])
		if self.discount_amount_applied and self.discount_amount:
			diff -= self.discount_amount
		diff = self.flt(diff)
		self.grand_total_diff = diff if diff and abs(diff) <= 5.0 / 10**self.precision else 0.0
		if self.grand_total_for_distributing_discount is not None and not self.discount_amount_applied:
			self.grand_total_for_distributing_discount += self.grand_total_diff

	def calculate_totals(self) -> None:
		if self.taxes:
			self.grand_total = self.taxes[-1]["total"] + self.grand_total_diff
			charged = self.grand_total - self.net_total - self.grand_total_diff
			self.total_taxes_and_charges = self.flt(charged)
		else:
			self.grand_total = self.net_total
		self.grand_total = self.flt(self.grand_total)

	def set_discount_amount(self) -> None:
		self.discount_amount = self.flt(self.discount_amount)
		before = self.grand_total
		if (before >= 0 and self.discount_amount > before) or (before < 0 and self.discount_amount < before):
			raise Refused(f"Additional Discount Amount {self.discount_amount} exceeds {before}")

	def apply_discount_amount(self) -> None:
		if not self.discount_amount:
			return
		base = self.get_total_for_discount_amount()
		if not base:
			return
		net_total = expected = 0.0
		for item in self.items:
			adjusted = item["net_amount"] - self.discount_amount * item["net_amount"] / base
			expected += adjusted
			item["net_amount"] = self.flt(adjusted)
			net_total += item["net_amount"]
			difference = self.flt(expected - net_total)
			if difference:
				item["net_amount"] = self.flt(item["net_amount"] + difference)
				net_total += difference
		self.discount_amount_applied = True
		self._calculate()

	def get_total_for_discount_amount(self) -> float:
		if self.apply_discount_on == "Net Total" or not self.taxes:
			return self.net_total
		actual = sum(tax["tax_amount"] for tax in self.taxes if tax["charge_type"] == "Actual")
		total = self.grand_total_for_distributing_discount
		return (self.grand_total if total is None else total) - actual


def document_of(plan: Amounts, precision: int, rounding_method: str = ROUNDING_METHODS[0]) -> SalesOrder:
	"""The document ERPNext makes of a plan."""
	item_fields = ("qty", "rate", "price_list_rate", "discount_percentage")
	return SalesOrder(
		[{name: float(getattr(row, name)) for name in item_fields} for row in plan.items],
		[
			{
				"charge_type": row.charge_type,
				"rate": float(row.rate),
				"tax_amount": float(row.tax_amount),
				"included_in_print_rate": row.included_in_print_rate,
			}
			for row in plan.taxes
		],
		float(plan.discount_amount),
		plan.apply_discount_on,
		precision,
		rounding_method=rounding_method,
	)


def cents(amount: float | Decimal, precision: int) -> Decimal:
	"""A float that stands for a rounded amount, as that amount."""
	return Decimal(round(amount * 10**precision)).scaleb(-precision)


def taxes_of(order: Order) -> dict[str, Decimal]:
	"""What the shop charged, by title."""
	found: dict[str, Decimal] = defaultdict(Decimal)
	for part in (*order.lines, *order.shipping, *order.fees):
		for tax in part.taxes:
			found[tax.title] += tax.amount
	return {title: amount for title, amount in found.items() if amount}


def assert_books(plan: Amounts, order: Order, precision: int, rounding_method: str) -> None:
	"""The document of the plan has the order's grand total and, tax by tax, its taxes.

	Every title of a tax must have an account of the same name.
	"""
	document = document_of(plan, precision, rounding_method)
	assert cents(document.grand_total, precision) == order.total == plan.grand_total
	booked: dict[str, Decimal] = defaultdict(Decimal)
	for row, tax in zip(plan.taxes, document.taxes, strict=True):
		if row.is_tax:
			booked[row.account_head] += cents(tax["tax_amount_after_discount_amount"], precision)
	charged = taxes_of(order)
	assert {account: amount for account, amount in booked.items() if amount} == charged
	assert plan.total_taxes == sum(charged.values(), Decimal(0))
