"""The totals of a Sales Order as ERPNext computes them, in decimals.

Follows erpnext/controllers/taxes_and_totals.py of ERPNext 15 for what the engine's plans use: rows with a
rate, "On Net Total" (also included in the print rate) and "Actual" taxes, one discount on the document.
Shares no code with the engine: it is the judge of the engine's arithmetic.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal

from commerce_bridge.bridge.errors import Rejected
from commerce_bridge.bridge.plan import Amounts, ItemRow, TaxRow

ZERO = Decimal(0)
HUNDRED = Decimal(100)


@dataclass
class _Item:
	qty: Decimal
	rate: Decimal
	amount: Decimal
	net_amount: Decimal


@dataclass
class _Tax:
	row: TaxRow
	charged: Decimal = ZERO  # ERPNext's tax_amount_after_discount_amount
	total: Decimal = ZERO


@dataclass(frozen=True)
class Totals:
	"""What the document says, rounded to `precision`."""

	amounts: tuple[Decimal, ...]  # of each item row
	net_total: Decimal
	taxes: tuple[Decimal, ...]  # of each tax row
	total_taxes: Decimal  # of the rows that are taxes, not charges on an account
	grand_total: Decimal


@dataclass
class _Document:
	"""One calculation: a first pass without the discount, a second with it."""

	items: list[_Item]
	taxes: list[_Tax]
	precision: int
	discount: Decimal
	on_grand_total: bool
	discounted: bool = False
	total: Decimal = ZERO
	net_total: Decimal = ZERO
	grand_total: Decimal = ZERO
	difference: Decimal = ZERO  # ERPNext's grand_total_diff
	to_distribute: Decimal | None = field(default=None)

	def rounded(self, value: Decimal) -> Decimal:
		return value.quantize(Decimal(1).scaleb(-self.precision), ROUND_HALF_EVEN)

	def run(self) -> Totals:
		self._pass()
		if self.discount > max(self.grand_total, ZERO):
			raise Rejected(f"The discount {self.discount} exceeds the total {self.grand_total} before it.")
		if self.discount:
			self._distribute_discount()
		return self._totals()

	def _pass(self) -> None:
		self._take_tax_out_of_prices()
		self.total = self.rounded(sum((item.amount for item in self.items), ZERO))
		self.net_total = self.rounded(sum((item.net_amount for item in self.items), ZERO))
		self._charge_taxes()
		self._forgive_inclusive_rounding()
		last = self.taxes[-1].total if self.taxes else self.net_total
		self.grand_total = self.rounded(last + self.difference)

	def _take_tax_out_of_prices(self) -> None:
		fraction = sum((tax.row.rate / HUNDRED for tax in self.taxes if tax.row.included_in_print_rate), ZERO)
		if self.discounted or not fraction:
			return
		for item in self.items:
			item.net_amount = self.rounded(item.amount / (1 + fraction))

	def _charge_taxes(self) -> None:
		self.difference = ZERO
		for tax in self.taxes:
			tax.charged = self._actual(tax) if tax.row.charge_type == "Actual" else self._on_net_total(tax)
		if self.on_grand_total and self.discount and self.taxes:
			self._settle_grand_total_discount()
		for tax in self.taxes:
			tax.charged = self.rounded(tax.charged)
		self._accumulate()

	def _actual(self, tax: _Tax) -> Decimal:
		"""ERPNext spreads the amount over the items by net amount; the last one takes what is left."""
		return self.rounded(tax.row.tax_amount) if self.items else ZERO

	def _on_net_total(self, tax: _Tax) -> Decimal:
		return sum((tax.row.rate / HUNDRED * item.net_amount for item in self.items), ZERO)

	def _settle_grand_total_discount(self) -> None:
		if self.discounted:
			for tax in self.taxes:
				tax.charged = self.rounded(tax.charged)
		self._accumulate()
		last = self.taxes[-1].total
		if not self.discounted:
			self.to_distribute = last
		elif self.to_distribute is not None:
			self.difference = self.rounded(self.to_distribute - self.discount - last)

	def _accumulate(self) -> None:
		running = self.net_total
		for tax in self.taxes:
			running = tax.total = self.rounded(running + tax.charged)

	def _forgive_inclusive_rounding(self) -> None:
		"""ERPNext forgives up to five minor units between the prices and net plus tax."""
		if not any(tax.row.included_in_print_rate for tax in self.taxes):
			return
		exclusive = sum((tax.charged for tax in self.taxes if not tax.row.included_in_print_rate), ZERO)
		missing = self.total + exclusive - self.taxes[-1].total
		if self.discounted:
			missing -= self.discount
		missing = self.rounded(missing)
		self.difference = missing if abs(missing) <= Decimal(5).scaleb(-self.precision) else ZERO
		if self.to_distribute is not None and not self.discounted:
			self.to_distribute += self.difference

	def _base_of_discount(self) -> Decimal:
		if not self.on_grand_total or not self.taxes:
			return self.net_total
		actual = sum((tax.row.tax_amount for tax in self.taxes if tax.row.charge_type == "Actual"), ZERO)
		return (self.grand_total if self.to_distribute is None else self.to_distribute) - actual

	def _distribute_discount(self) -> None:
		base = self._base_of_discount()
		if not base:
			return
		expected = net = ZERO
		for item in self.items:
			adjusted = item.net_amount - self.discount * item.net_amount / base
			expected += adjusted
			item.net_amount = self.rounded(adjusted)
			net += item.net_amount
			if left := self.rounded(expected - net):
				item.net_amount += left
				net += left
		self.discounted = True
		self._pass()

	def _totals(self) -> Totals:
		return Totals(
			amounts=tuple(item.amount for item in self.items),
			net_total=self.net_total,
			taxes=tuple(tax.charged for tax in self.taxes),
			total_taxes=sum((tax.charged for tax in self.taxes if tax.row.is_tax), ZERO),
			grand_total=self.grand_total,
		)


def calculate(plan: Amounts, precision: int) -> Totals:
	"""The totals the ERP would save for a plan.

	:param precision: decimals of the site's currency fields, which may be more than the currency has
	:raises Rejected: as ERPNext does, when the discount exceeds the total
	"""
	step = Decimal(1).scaleb(-precision)

	def item(row: ItemRow) -> _Item:
		rate = _rate(row).quantize(step, ROUND_HALF_EVEN)
		amount = (rate * row.qty).quantize(step, ROUND_HALF_EVEN)
		return _Item(row.qty, rate, amount, amount)

	return _Document(
		items=[item(row) for row in plan.items],
		taxes=[_Tax(row) for row in plan.taxes],
		precision=precision,
		discount=plan.discount_amount,
		on_grand_total=plan.apply_discount_on == "Grand Total",
	).run()


def _rate(row: ItemRow) -> Decimal:
	"""ERPNext falls back to the price list rate where no rate is given and nothing says "free"."""
	if row.discount_percentage == HUNDRED:
		return ZERO
	if row.price_list_rate and not row.rate:
		return row.price_list_rate * (1 - row.discount_percentage / HUNDRED)
	return row.rate
