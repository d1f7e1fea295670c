"""Amounts of an order, brought to sum up to what the shop charged, to the cent.

WooCommerce calculates with six decimals and more, and tells what it shows: each amount rounded by itself. With
taxes rounded per order, or prices that include them, lines and taxes then differ by cents from `tax_lines` and
`total`, which are what was charged. Those cents are spread here, one minor unit a part, over the largest parts;
never more of them than rounding can explain. An order that differs by more is left as it is: the engine holds it.
https://woocommerce.com/document/setting-up-taxes-in-woocommerce/#rounding
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from math import isqrt

from commerce_bridge.bridge import model
from commerce_bridge.bridge.money import decimals_of, minor_unit
from commerce_bridge.connectors.woocommerce import payloads

#: What a tax came to, of goods and fees, and of shipping.
Charged = Mapping[str, tuple[Decimal, Decimal]]


@dataclass(slots=True)
class Part:
	"""A line, fee or shipping line: what it costs without taxes, and its taxes by rate.

	:param may_be_free: it may cost nothing and be taxed all the same, as a line may; a charge may not
	"""

	amount: Decimal
	taxes: dict[str, Decimal] = field(default_factory=dict)
	may_be_free: bool = False

	def copy(self) -> Part:
		return Part(self.amount, dict(self.taxes), self.may_be_free)


def part_of(wire: payloads.Taxed, rates: Sequence[payloads.TaxRate]) -> Part:
	"""What a line says. Without taxes by rate, all of its tax is of the order's one rate."""
	taxes: dict[str, Decimal] = {}
	for tax in wire.taxes:
		if tax.total is not None:
			taxes[tax.id] = taxes.get(tax.id, Decimal(0)) + tax.total
	if not taxes and wire.total_tax:
		taxes[rates[0].rate_id if len(rates) == 1 else ""] = wire.total_tax
	return Part(wire.total, taxes, may_be_free=isinstance(wire, payloads.Line))


def charged_of(rates: Iterable[payloads.TaxRate]) -> dict[str, tuple[Decimal, Decimal]]:
	"""What the order says that each rate came to. A rate may be there twice."""
	found: dict[str, tuple[Decimal, Decimal]] = {}
	for rate in rates:
		goods, shipping = found.get(rate.rate_id, (Decimal(0), Decimal(0)))
		found[rate.rate_id] = goods + rate.tax_total, shipping + rate.shipping_tax_total
	return found


def unit_of(currency: str, amounts: Iterable[Decimal]) -> Decimal:
	"""The smallest amount the shop counts in: by its decimals, which may be fewer than the currency's.

	:param amounts: as the shop writes them, with its decimals
	"""
	shown = max((-int(amount.as_tuple().exponent) for amount in amounts), default=0)
	return minor_unit(max(min(shown, decimals_of(currency)), 0))


def settled(
	goods: Sequence[Part],
	shipping: Sequence[Part],
	charged: Charged,
	total: Decimal,
	unit: Decimal,
	included: bool = True,
) -> tuple[list[Part], list[Part]]:
	"""The parts, such that each tax sums to what was charged of it, and everything to the total.

	:param goods: lines and fees
	:param unit: a minor unit: finer amounts are rounded to it
	:param included: prices were entered with taxes
	:return: copies in the same order; not changed but for that rounding where rounding explains no such difference
	"""
	given = [_rounded(part, unit) for part in goods], [_rounded(part, unit) for part in shipping]
	parts = [part.copy() for part in given[0]], [part.copy() for part in given[1]]
	told = {rate: (_fit(pair[0], unit), _fit(pair[1], unit)) for rate, pair in charged.items()}
	for rate, targets in told.items():
		for group, target in zip(parts, targets, strict=True):
			if not _meet_tax(group, rate, target, unit):
				return given
	if not _meet_total([*parts[0], *parts[1]], told, total, unit, included):
		return given
	return parts


def taxes_of(part: Part, rates: Mapping[str, payloads.TaxRate]) -> tuple[model.TaxLine, ...]:
	"""The taxes of a part, named as the order names its rates."""
	return tuple(_tax_line(rates.get(rate_id), amount) for rate_id, amount in part.taxes.items())


def _tax_line(rate: payloads.TaxRate | None, amount: Decimal) -> model.TaxLine:
	if rate is None:
		return model.TaxLine(title="Tax", amount=amount)
	return model.TaxLine(
		title=rate.label or rate.rate_code or "Tax",
		code=rate.rate_code,
		rate=rate.rate_percent,
		amount=amount,
	)


def price_of(amount: Decimal, quantity: Decimal, unit: Decimal) -> Decimal:
	"""The smallest price, in whole minor units, that so many of come to `amount` at least."""
	if not quantity:
		return Decimal(0)
	count, rest = divmod(amount, quantity * unit)
	return (count + (rest > 0)) * unit


def shares(total: Decimal, weights: Sequence[Decimal], unit: Decimal) -> list[Decimal]:
	"""`total` in proportion to the weights, in whole minor units, that sum to it exactly."""
	whole = sum(weights, Decimal(0))
	if not whole:
		weights, whole = [Decimal(1)] * len(weights), Decimal(len(weights))
	found, before, done = [], Decimal(0), Decimal(0)
	for weight in weights:
		done += weight
		upto = total if done == whole else _fit(total * done / whole, unit)
		found.append(upto - before)
		before = upto
	return found


# --- meeting what was charged ----------------------------------------------------------------------------


def _meet_tax(parts: Sequence[Part], rate: str, target: Decimal, unit: Decimal) -> bool:
	"""Whether the tax of this rate sums to its target now. A part was rounded to be shown; and once more, maybe
	another way, before it was summed: where prices include taxes, WooCommerce rounds halves down."""
	taxed = [part for part in parts if rate in part.taxes]
	residue = target - sum((part.taxes[rate] for part in taxed), Decimal(0))
	if not residue:
		return True
	if abs(residue) > unit * max(len(taxed), 1):
		return False
	positive = [part for part in taxed if part.taxes[rate] > 0 or part.amount > 0]

	def give(part: Part, amount: Decimal) -> None:
		part.taxes[rate] += amount

	return _spread(positive, residue, unit, lambda part: part.taxes[rate], give)


def _meet_total(
	parts: Sequence[Part], charged: Charged, total: Decimal, unit: Decimal, included: bool
) -> bool:
	"""Whether all parts and taxes sum to the total now. Every part, each tax and the total were rounded once,
	by half a unit at the most. Where prices are without taxes parts are whole units as they are: more than a few is a
	credit that no line tells of, and is held."""
	taxes = sum((tax for part in parts for tax in part.taxes.values()), Decimal(0))
	residue = total - taxes - sum((part.amount for part in parts), Decimal(0))
	if not residue:
		return True
	rounded = sum(1 for part in parts if part.amount) + 1
	rounded += sum(1 for pair in charged.values() for tax in pair if tax)
	most = unit * (Decimal(rounded) / 2 if included else max(2, isqrt(rounded)))
	if abs(residue) > most:
		return False
	positive = [part for part in parts if part.amount > 0]

	def give(part: Part, amount: Decimal) -> None:
		part.amount += amount

	return _spread(positive, residue, unit, _spare(unit), give)


def _spare(unit: Decimal) -> Callable[[Part], Decimal]:
	return lambda part: part.amount if part.may_be_free else part.amount - unit


def _spread(
	parts: Iterable[Part],
	residue: Decimal,
	unit: Decimal,
	spare: Callable[[Part], Decimal],
	give: Callable[[Part, Decimal], None],
) -> bool:
	"""Gives the residue to the largest parts, one minor unit each, and from the first again while some is left.

	:param spare: how much can be taken from a part
	:return: False where the residue is no whole number of units, or no part can bear it
	"""
	ordered = sorted(parts, key=spare, reverse=True)
	count, rest = divmod(abs(residue), unit)
	step = unit if residue > 0 else -unit
	while count and not rest:
		able = [part for part in ordered if step > 0 or spare(part) >= unit][: int(count)]
		if not able:
			return False
		for part in able:
			give(part, step)
		count -= len(able)
	return not count and not rest


def _rounded(part: Part, unit: Decimal) -> Part:
	taxes = {rate: _fit(tax, unit) for rate, tax in part.taxes.items()}
	return Part(_fit(part.amount, unit), taxes, part.may_be_free)


def _fit(amount: Decimal, unit: Decimal) -> Decimal:
	return amount.quantize(unit, ROUND_HALF_UP)
