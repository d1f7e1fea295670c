"""What is left of a Shopify order: the amounts of the quantity that was not removed, refunded or returned.

Shopify says of each line what was ordered (`quantity`, `price`, `discount_allocations`, `tax_lines`: all of it,
"including taxes charged for refunded and removed quantities") and how much of it counts still
(`current_quantity`: "excluding refunded and removed units"; whether the goods were restocked plays no part). The
amounts that belong to what counts are said of the order as a whole only: `current_subtotal_price`,
`current_total_tax`, `current_total_price` ("reflects order edits, returns, and refunds"). So, line by line:

- Nothing removed: the line's amounts, as they are.
- A part removed, by an edit, a refund or a return: each of these leaves an entry in `refunds`, with the subtotal
  and the tax of what it took. What is left is the rest. Where the entries do not cover what was removed, or say
  something else than its share (Shopify writes a subtotal of 0.00 for goods that are refunded, not restocked and
  not shipped), it is the share of the quantity, and the order's current amounts settle the last minor unit.
- All of it removed: nothing.

Shipping is refunded by `refund_shipping_lines`, or lowered as `current_discounted_price` says ("after applying
refunds": the lesser of the two counts, so that it does not matter whether it is); a line that `is_removed` is none. Discounts are the allocations, and never `total_discount`, which leaves out those of the
order: https://github.com/kevinhughes27/shopify-tax-receipts/pull/132

What is then missing from `current_total_price` is added where the payload itself has the amount, as a fee of its
own: money given back without goods, or goods taken back for another amount than theirs (`order_adjustments`,
"the difference between a calculated and actual refund amount"), a tip that has no line, taxes on top of duties
that are added to prices which include tax. Whether a goodwill refund lowers the current total is the shop's
choice at the time of the refund, so both are right: it is taken off if, and only if, the total says so. What
nothing explains stays: the total is Shopify's word, and the engine holds an order that does not sum to it.

Cash of a point of sale is rounded when it is paid. `total_cash_rounding_*_adjustment_set` "can be applied to
totalReceived", so the order's total is without it; what was charged, and is booked, is with it.

Descriptions: https://shopify.dev/docs/api/admin-graphql/2026-10/objects/Order (`LineItem`, `TaxLine`,
`OrderAdjustment`, `CashRoundingAdjustment`); https://shopify.dev/docs/api/admin-rest/latest/resources/order
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from itertools import combinations

from commerce_bridge.bridge.model import Fee, TaxLine
from commerce_bridge.bridge.money import decimals_of, minor_unit
from commerce_bridge.connectors.shopify import payloads
from commerce_bridge.connectors.shopify.ids import id_of, number_of

#: The code of what refunds gave more or less than they took.
DISCREPANCY = "refund_discrepancy"
#: The code of a tax that a marketplace charges and pays to the state itself: a row of the channel's taxes with
#: this code sends it to another account than the seller's own taxes.
CHANNEL_LIABLE = "channel_liable"
ZERO = Decimal(0)
_TAXES_ON_FEES = "taxes_on_fees"


@dataclass(slots=True)
class Charge:
	"""One tax of a part, of which `amount` may still move by a minor unit where it was calculated here."""

	title: str
	code: str | None
	rate: Decimal | None
	amount: Decimal


@dataclass(slots=True)
class Part:
	"""What is left of a line, a shipping line or a fee. `calculated`: a share, so that it may be off by a unit."""

	quantity: int
	amount: Decimal
	charges: list[Charge] = field(default_factory=list)
	calculated: bool = False

	def taxes(self) -> tuple[TaxLine, ...]:
		return tuple(
			TaxLine(title=charge.title, code=charge.code, rate=charge.rate, amount=charge.amount)
			for charge in self.charges
		)


@dataclass(slots=True)
class Taken:
	"""What refunds and edits took off one line."""

	quantity: int = 0
	amount: Decimal = ZERO
	tax: Decimal = ZERO


def fit(amount: Decimal, unit: Decimal) -> Decimal:
	"""The amount with exactly the currency's decimals; one that is finer than them stays as it is, to be refused."""
	fitted = amount.quantize(unit, ROUND_HALF_UP)
	return fitted if fitted == amount else amount


def unit_of(currency: str) -> Decimal:
	return minor_unit(decimals_of(currency))


@lru_cache(maxsize=256)
def percent(rate: Decimal) -> Decimal:
	"""0.19 → 19, however many zeros either is written with."""
	return Decimal(f"{(rate * 100).normalize():f}")


# --- parts -----------------------------------------------------------------------------------------------


def taken_from_lines(order: payloads.Order) -> dict[str, Taken]:
	"""What was taken off each line, by its id."""
	found: dict[str, Taken] = {}
	for refund in order.refunds or ():
		for row in refund.refund_line_items or ():
			line_id = id_of(row.line_item, "LineItem") or number_of(row.line_item_id)
			if line_id is not None:
				taken = found.setdefault(line_id, Taken())
				taken.quantity += row.quantity
				taken.amount += row.subtotal or ZERO
				taken.tax += row.tax or ZERO
	return found


def taken_from_shipping(order: payloads.Order) -> dict[str, Taken]:
	"""What was refunded of each shipping line, by its id."""
	found: dict[str, Taken] = {}
	for refund in order.refunds or ():
		for row in refund.refund_shipping_lines or ():
			line_id = id_of(row.shipping_line, "ShippingLine")
			if line_id is not None:
				taken = found.setdefault(line_id, Taken())
				taken.amount += row.subtotal or ZERO
				taken.tax += row.tax or ZERO
	return found


def left_of_line(line: payloads.Line, taken: Taken | None, unit: Decimal) -> Part:
	"""The amounts of the quantity of a line that counts still."""
	quantity = line.quantity if line.current_quantity is None else line.current_quantity
	if not quantity:
		return Part(0, fit(ZERO, unit))
	amount = line.price * max(line.quantity, quantity) - _sum(line.discount_allocations)
	charges = charges_of(line.tax_lines, unit)
	if quantity >= line.quantity:
		return Part(quantity, fit(amount, unit), charges)
	share = (amount * quantity / line.quantity).quantize(unit, ROUND_HALF_UP)
	if taken and taken.quantity == line.quantity - quantity:
		rest = fit(amount - taken.amount, unit)
		if abs(rest - share) <= unit * line.quantity:
			_reduce(charges, taken.tax, unit)
			return Part(quantity, rest, charges, calculated=len(charges) > 1)
	for charge in charges:
		charge.amount = (charge.amount * quantity / line.quantity).quantize(unit, ROUND_HALF_UP)
	return Part(quantity, share, charges, calculated=True)


def ordered_line(line: payloads.Line, unit: Decimal) -> Part:
	"""The amounts of a line as it was ordered."""
	amount = line.price * line.quantity - _sum(line.discount_allocations)
	return Part(line.quantity, fit(amount, unit), charges_of(line.tax_lines, unit))


def ordered_shipping(line: payloads.Shipping, unit: Decimal) -> Part:
	"""What shipping cost after discounts, before refunds."""
	return Part(1, fit(_discounted(line), unit), charges_of(line.tax_lines, unit))


def _discounted(line: payloads.Shipping) -> Decimal:
	if line.discount_allocations or line.discounted is None:
		return line.price - _sum(line.discount_allocations)
	return line.discounted


def left_of_shipping(line: payloads.Shipping, taken: Taken | None, unit: Decimal) -> Part:
	"""What shipping costs after discounts and refunds."""
	amount, charges = _discounted(line), charges_of(line.tax_lines, unit)
	left = rest = amount - taken.amount if taken else amount
	if line.current is not None:
		left = min(left, line.current)
	if not left:
		return Part(1, fit(ZERO, unit))
	if left != amount:
		tax = sum((charge.amount for charge in charges), ZERO)
		gone = (tax * (rest - left) / amount).quantize(unit, ROUND_HALF_UP) if amount else ZERO
		_reduce(charges, gone + taken.tax if taken else gone, unit)
	return Part(1, fit(left, unit), charges, calculated=left != rest)


def charges_of(taxes: Iterable[payloads.Tax] | None, unit: Decimal) -> list[Charge]:
	return [
		Charge(
			tax.title or "Tax",
			CHANNEL_LIABLE if tax.channel_liable else None,
			None if tax.rate is None else percent(tax.rate),
			fit(tax.amount, unit),
		)
		for tax in taxes or ()
	]


def _sum(rows: Iterable[payloads.Allocation] | None) -> Decimal:
	return sum((row.amount for row in rows or ()), ZERO)


def _reduce(charges: Sequence[Charge], tax: Decimal, unit: Decimal) -> None:
	"""Takes a refunded tax off the taxes of a part, in proportion to them; the last one bears the rest."""
	whole = sum((charge.amount for charge in charges), ZERO)
	left = tax
	for number, charge in enumerate(charges, 1):
		last = number == len(charges)
		off = left if last or not whole else (tax * charge.amount / whole).quantize(unit, ROUND_HALF_UP)
		charge.amount = fit(charge.amount - off, unit)
		left -= off


# --- fees ------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class NamedPart:
	"""A fee in the making."""

	code: str
	title: str
	part: Part

	def fee(self) -> Fee:
		return Fee(code=self.code, title=self.title, amount=self.part.amount, taxes=self.part.taxes())


def duties_of(order: payloads.Order, unit: Decimal) -> list[NamedPart]:
	"""Import duties, with their taxes. Duties that the prices include already are none."""
	duties = [duty for line in order.line_items for duty in line.duties or ()]
	if order.duties_included or not (duties or order.duties):
		return []
	charged = sum((duty.amount for duty in duties), ZERO)
	amount = charged if order.duties is None else order.duties
	charges: dict[tuple[str, str | None, Decimal | None], Charge] = {}
	for charge in charges_of([tax for duty in duties for tax in duty.tax_lines or ()], unit):
		known = charges.setdefault(
			(charge.title, charge.code, charge.rate), Charge(charge.title, charge.code, charge.rate, ZERO)
		)
		known.amount += charge.amount
	calculated = amount != charged and charged != 0
	if calculated:
		for charge in charges.values():
			charge.amount = (charge.amount * amount / charged).quantize(unit, ROUND_HALF_UP)
	if not amount:
		return []
	return [
		NamedPart(
			"duties", "Duties", Part(1, fit(amount, unit), list(charges.values()), calculated=calculated)
		)
	]


def additional_fees_of(order: payloads.Order, unit: Decimal) -> list[NamedPart]:
	"""Fees that are neither goods nor shipping, as they are now. A total without its fees is one fee."""
	fees = [
		NamedPart(
			"additional_fee",
			fee.name or "Additional fee",
			Part(1, fit(fee.amount, unit), charges_of(fee.tax_lines, unit)),
		)
		for fee in order.additional_fees or ()
		if fee.amount
	]
	total = sum((fee.part.amount for fee in fees), ZERO)
	if order.other_fees is None or order.other_fees == total:
		return fees
	title = fees[0].title if len(fees) == 1 else "Additional fees"
	return [NamedPart("additional_fee", title, Part(1, fit(order.other_fees, unit)))]


# --- the order as a whole --------------------------------------------------------------------------------


def settle(
	order: payloads.Order,
	goods: Sequence[Part],
	shipping: Sequence[Part],
	fees: list[NamedPart],
	has_tip: bool,
	unit: Decimal,
) -> Decimal:
	"""Brings the parts in line with the order's current amounts; adds to `fees` what only the total tells of.

	:param goods: what makes up the subtotal: all lines, but tips
	:return: the total that is booked
	"""
	parts = [*goods, *shipping, *(fee.part for fee in fees)]
	inclusive = order.taxes_included
	if any(part.calculated for part in parts):
		_settle_units(order, goods, parts, unit)
	missing = order.total - _total(parts, inclusive)
	if missing:
		for extra in _explained(order, missing, fees, has_tip, unit):
			if extra.code == _TAXES_ON_FEES:
				for fee in fees:
					fee.part.amount += sum((charge.amount for charge in fee.part.charges), ZERO)
			else:
				fees.append(extra)
	rounding = (order.rounding_paid or ZERO) - (order.rounding_refunded or ZERO)
	if rounding:
		fees.append(NamedPart("rounding", "Cash rounding", Part(1, fit(rounding, unit))))
	return fit(order.total + rounding, unit)


def _total(parts: Iterable[Part], inclusive: bool) -> Decimal:
	total = ZERO
	for part in parts:
		total += part.amount
		if not inclusive:
			for charge in part.charges:
				total += charge.amount
	return total


def _settle_units(order: payloads.Order, goods: Sequence[Part], parts: Sequence[Part], unit: Decimal) -> None:
	"""Shares are rounded each by itself: the order's sums say where the last minor units belong."""
	charges = [charge for part in parts if part.calculated for charge in part.charges]
	if order.current_tax is not None:
		known = sum((charge.amount for part in parts for charge in part.charges), ZERO)
		_spread(charges, order.current_tax - known, unit)
	shares = [part for part in goods if part.calculated]
	if order.current_subtotal is not None:
		_spread(shares, order.current_subtotal - sum((part.amount for part in goods), ZERO), unit)
	_spread(shares, order.total - _total(parts, order.taxes_included), unit)


def _spread(targets: Sequence[Part] | Sequence[Charge], difference: Decimal, unit: Decimal) -> None:
	"""One unit each, the largest first; nothing where that is not enough: then it is no matter of rounding."""
	step = unit if difference > 0 else -unit
	units = int(difference / step) if difference else 0
	if not 0 < units <= len(targets) or units * step != difference:
		return
	for target in sorted(targets, key=lambda target: target.amount, reverse=True)[:units]:
		target.amount += step


def _explained(
	order: payloads.Order, missing: Decimal, fees: Sequence[NamedPart], has_tip: bool, unit: Decimal
) -> list[NamedPart]:
	"""The fewest amounts of the payload that are in the total and in no part, together exactly what is missing."""
	known: list[tuple[str, str, Decimal]] = []
	if order.tips and not has_tip:
		known.append(("tip", "Tip", order.tips))
	if order.taxes_included:
		taxes = sum((charge.amount for fee in fees for charge in fee.part.charges), ZERO)
		known.append((_TAXES_ON_FEES, "", taxes))
	known += [(DISCREPANCY, "Refund discrepancy", amount) for amount in _adjustments(order)]
	for count in range(1, 4):
		for chosen in combinations(known, count):
			codes = {code for code, _title, _amount in chosen}
			if len(codes) == count and sum((amount for *_names, amount in chosen), ZERO) == missing:
				return [
					NamedPart(code, title, Part(1, fit(amount, unit)))
					for code, title, amount in chosen
					if amount
				]
	return []


def _adjustments(order: payloads.Order) -> list[Decimal]:
	"""What refunds gave more (below 0) or less (above 0) than goods and shipping come to, with its tax or without."""
	rows = [row for refund in order.refunds or () for row in refund.order_adjustments or ()]
	amount = sum((row.amount for row in rows), ZERO)
	tax = sum((row.tax or ZERO for row in rows), ZERO)
	return [amount + tax, amount] if tax else [amount]


def shares(amount: Decimal, quantities: Mapping[str, int], unit: Decimal) -> dict[str, Decimal]:
	"""An amount shared by quantities such that the shares sum to it exactly."""
	whole = sum(quantities.values())
	found, done, given = {}, 0, ZERO
	for name, quantity in quantities.items():
		done += quantity
		until = amount if done == whole else (amount * done / whole).quantize(unit, ROUND_HALF_UP)
		found[name] = until - given
		given = until
	return found
