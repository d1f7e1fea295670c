"""What WooCommerce makes of tax rates: compound ones, prices with tax inside, rounding by line or by order.

Seen on orders of a real shop in all four combinations, with one rate, two rates and compound ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR, ROUND_HALF_DOWN, ROUND_HALF_UP, Decimal

from sandbox.storefronts.woocommerce.values import ZERO

HUNDRED = Decimal(100)
#: The shop keeps amounts with this many decimals.
PRECISION = Decimal("0.000001")


@dataclass(frozen=True)
class Rate:
	"""A tax rate of the shop; a compound one is charged on the price with the others in it."""

	id: int
	code: str
	label: str
	percent: Decimal
	compound: bool = False
	shipping: bool = True
	tax_class: str = ""


@dataclass(frozen=True)
class Rounding:
	"""How the shop rounds: `by_order` is woocommerce_tax_round_at_subtotal."""

	decimals: int = 2
	by_order: bool = False
	included: bool = False

	def tax(self, amount: Decimal) -> Decimal:
		"""A tax in minor units: half of one is rounded down where prices include tax."""
		mode = ROUND_HALF_DOWN if self.included else ROUND_HALF_UP
		return amount.quantize(Decimal(1).scaleb(-self.decimals), mode)

	def line_tax(self, amount: Decimal) -> Decimal:
		return amount if self.by_order else self.tax(amount)

	def money(self, amount: Decimal) -> Decimal:
		return amount.quantize(Decimal(1).scaleb(-self.decimals), ROUND_HALF_UP)

	def line(self, amount: Decimal) -> Decimal:
		return amount if self.by_order else self.money(amount)


def charged(net: Decimal, rates: Sequence[Rate]) -> dict[int, Decimal]:
	"""The tax on a net amount, not rounded, by rate."""
	taxes = {rate.id: net * rate.percent / HUNDRED for rate in rates if not rate.compound}
	for rate in rates:
		if rate.compound:
			taxes[rate.id] = (net + sum(taxes.values(), ZERO)) * rate.percent / HUNDRED
	return {number: amount.quantize(PRECISION) for number, amount in taxes.items()}


def net_of(gross: Decimal, rates: Sequence[Rate]) -> Decimal:
	"""What is left of an amount when the tax in it is taken out."""
	factor = 1 + sum((rate.percent for rate in rates if not rate.compound), ZERO) / HUNDRED
	for rate in rates:
		if rate.compound:
			factor *= 1 + rate.percent / HUNDRED
	return (gross / factor).quantize(PRECISION)


def discounted(amounts: Sequence[tuple[Decimal, int]], percent: Decimal, decimals: int) -> list[Decimal]:
	"""What a coupon of some percent takes off each line (its amount, its quantity): each rounded down, and what is
	missing to the whole goes, a minor unit a piece, to the dearest pieces."""
	unit = Decimal(1).scaleb(-decimals)
	parts = [(amount * percent / HUNDRED).quantize(unit, ROUND_FLOOR) for amount, _ in amounts]
	whole = sum((amount for amount, _ in amounts), ZERO) * percent / HUNDRED
	missing = int((whole.quantize(unit, ROUND_HALF_UP) - sum(parts, ZERO)) / unit)
	by_price = sorted(range(len(amounts)), key=lambda index: -(amounts[index][0] / (amounts[index][1] or 1)))
	for index in by_price:
		taken = min(missing, amounts[index][1])
		parts[index] += taken * unit
		missing -= taken
	return parts


def spread(
	amount: Decimal, classes: Iterable[tuple[str, Decimal]], rates: Mapping[str, Sequence[Rate]]
) -> dict[int, Decimal]:
	"""The tax of a negative fee: of each tax class as much as the order has of it, shipping included."""
	weights: dict[str, Decimal] = {}
	for tax_class, total in classes:
		weights[tax_class] = weights.get(tax_class, ZERO) + total
	whole = sum(weights.values(), ZERO)
	taxes: dict[int, Decimal] = {}
	for tax_class, weight in weights.items():
		part = amount * weight / whole if whole else ZERO
		for number, tax in charged(part, rates.get(tax_class, ())).items():
			taxes[number] = taxes.get(number, ZERO) + tax
	return taxes
