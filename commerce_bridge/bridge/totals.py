"""From the amounts of an order to the rows of a Sales Order whose totals are the shop's, to the cent.

ERPNext computes totals anew from the rows it is given, so the rows are chosen such that it cannot but arrive
at the shop's numbers. A line is booked at a rate rounded up to the minor unit; what that is too much, and the
order's own discounts, become the discount of the document, which survives partial deliveries and invoices.
Taxes are rows that ERPNext calculates ("On Net Total") where a simulation of its arithmetic gives exactly the
shop's tax, and "Actual" rows, which carry an amount, everywhere else. An Item Tax Template of an item overrides
an "On Net Total" row on its account; an "Actual" row is immune. The engine does not see templates: the
pre-flight check warns of them.

The arithmetic followed is erpnext/controllers/taxes_and_totals.py of ERPNext 15:
https://github.com/frappe/erpnext/blob/version-15/erpnext/controllers/taxes_and_totals.py

Inside, amounts are whole numbers of the site's smallest amount (`_Scale.digits` decimals) and quantities whole
numbers of its smallest quantity: exact, and faster than `Decimal`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal

from commerce_bridge.bridge.channel import Channel, ShippingMap
from commerce_bridge.bridge.errors import Misconfigured, NothingToBook, Rejected, TotalsDiffer
from commerce_bridge.bridge.mapping import (
	fee_target,
	mapped_values,
	shipping_target,
	tax_account,
	warehouse_of,
)
from commerce_bridge.bridge.model import Fee, Order, OrderLine, ShippingLine, TaxLine
from commerce_bridge.bridge.money import quantise_up, written
from commerce_bridge.bridge.plan import Amounts, Item, ItemKey, ItemRow, Rounding, TaxRow

ROUNDING = "Rounding difference"
DEFAULT_ROUNDING = Rounding()
HUNDRED = Decimal(100)
#: Frappe keeps amounts in decimal(21,9): twelve digits before the point.
_LIMIT = 10**12
#: ERPNext calculates with floats. Up to this many minor units, on a value that is further than a
#: ten-thousandth of a unit from being half of one, floats and whole numbers round to the same result.
_SAFE = 10**10
_NEAR_HALF = 10_000
#: ERPNext corrects a grand total with included taxes by up to five units (adjust_grand_total_for_inclusive_tax);
#: the fifth is left to chance by its float comparison.
_FORGIVEN = 4

#: account, title, rate in percent
_TaxKey = tuple[str, str, Decimal | None]


def key_of(line: OrderLine) -> ItemKey:
	"""How a line names its item."""
	return ItemKey(line.product_id, line.variant_id, line.sku, line.barcode, line.kind)


def prorated(total: Decimal, fraction_after: Fraction, taken_before: Decimal, decimals: int) -> Decimal:
	"""The share of `total` that a partial document takes.

	:param fraction_after: how much of the whole is done once this document is (1 for the last one)
	:param taken_before: Σ of the shares of the documents before, so that all shares sum to `total` exactly
	"""
	exact = Fraction(total) * fraction_after * 10**decimals
	whole = (2 * abs(exact.numerator) + exact.denominator) // (2 * exact.denominator)  # half away from zero
	return Decimal(whole if exact >= 0 else -whole).scaleb(-decimals) - taken_before


def plan_amounts(
	order: Order,
	channel: Channel,
	items: Mapping[ItemKey, Item],
	decimals: int,
	accepted: Decimal | None = None,
	rounding: Rounding = DEFAULT_ROUNDING,
) -> Amounts:
	"""The rows, taxes and discount of the Sales Order, whose totals will be those of the order.

	:param items: the item of every line with a quantity
	:param decimals: of the order's currency
	:param accepted: a difference (the shop's total less the document's) that a Manager accepted
	:raises Rejected: an amount or quantity makes no sense, or is finer than the currency or the site
	:raises TotalsDiffer: the parts of the order do not sum to its total
	:raises Misconfigured: an account, item or warehouse is not set; says where to set it
	"""
	scale = _scale(order, decimals, rounding)
	sale = _Reader(order, channel, items, scale).read()
	if not sale.positions:
		raise NothingToBook(
			"The order has no line with a quantity, and nothing else that is booked as an item"
		)
	layout = _layout(sale, order.prices_include_tax, scale, rounding)
	difference = scale.units(order.total, "The total") - layout.total
	taxes = layout.tax_rows
	if difference:
		taxes = (*taxes, _rounding_row(order, channel, scale, difference, accepted))
	return Amounts(
		items=layout.items,
		taxes=taxes,
		discount_amount=scale.decimal(layout.discount),
		apply_discount_on=layout.apply_discount_on,
		grand_total=scale.decimal(layout.total + difference),
		total_taxes=scale.decimal(sum(sale.taxes.values())),
	)


# --- whole numbers ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Scale:
	digits: int  # decimals of an amount inside
	decimals: int  # of the currency
	step: int  # the currency's minor unit inside
	one: int  # a quantity of 1 inside
	quantity_digits: int

	def units(self, amount: Decimal, what: str) -> int:
		"""Raises `Rejected` for an amount that is finer than the minor unit, or that no field holds."""
		if not -_LIMIT < amount < _LIMIT:
			raise Rejected(f"{what} is too large to be booked")
		whole = int(amount.scaleb(self.decimals))
		if Decimal(whole).scaleb(-self.decimals) != amount:
			raise Rejected(
				f"{what} is {amount}, but the currency has {self.decimals} decimals. Set the storefront to "
				"count in whole minor units, and change the order there; or book it by hand and skip this entry"
			)
		return whole * self.step

	def decimal(self, units: int) -> Decimal:
		whole, rest = divmod(units, self.step)
		return Decimal(units).scaleb(-self.digits) if rest else Decimal(whole).scaleb(-self.decimals)

	def quantity(self, quantity: Decimal, line: str) -> int:
		if not 0 <= quantity < _LIMIT:
			raise Rejected(f"Line {line}: the quantity {quantity} is negative or too large")
		whole = int(quantity.scaleb(self.quantity_digits))
		if Decimal(whole).scaleb(-self.quantity_digits) != quantity:
			raise Rejected(
				f"Line {line}: the quantity {quantity} has more than {self.quantity_digits} decimals, which "
				"ERPNext would cut off (System Settings, Float Precision)"
			)
		return whole


def _scale(order: Order, decimals: int, rounding: Rounding) -> _Scale:
	digits = max(decimals, 2) if rounding.amounts is None else rounding.amounts
	if digits < decimals:
		raise Misconfigured(
			f"{order.currency} has {decimals} decimals, this site keeps {digits}. Raise the Currency Precision.",
			doctype="System Settings",
			document="System Settings",
			fieldname="currency_precision",
		)
	if not 0 <= order.total < _LIMIT:
		raise Rejected(f"The total {order.total} is negative or too large")
	step = 10 ** (digits - decimals)
	return _Scale(digits, decimals, step, 10**rounding.quantities, rounding.quantities)


def _rounded(numerator: int, denominator: int) -> int | None:
	"""numerator ÷ denominator to the nearest; None where it is too near a half to know what ERPNext does.

	Which way halves go is a setting of the site.
	"""
	whole, rest = divmod(numerator, denominator)
	beyond = 2 * rest - denominator
	if abs(beyond) * _NEAR_HALF < denominator:
		return None
	return whole + (beyond > 0)


# --- reading the order -----------------------------------------------------------------------------------


@dataclass(slots=True)
class _Position:
	"""Something booked as an item row. `amount` is for all of it, in the order's tax mode."""

	amount: int
	tax: int
	tax_keys: list[_TaxKey]
	quantity: int
	list_price: int
	row: dict[str, Any]


@dataclass(slots=True)
class _Charge:
	"""Shipping or a fee booked on an account, with what a discount larger than the goods takes off it."""

	account: str
	title: str
	amount: int
	tax: int


@dataclass(slots=True)
class _Sale:
	"""The order, read: whole numbers, accounts instead of titles."""

	positions: list[_Position] = field(default_factory=list)
	charges: list[_Charge] = field(default_factory=list)
	reductions: int = 0  # discounts and negative fees, positive, in the order's tax mode
	reductions_tax: int = 0  # the (negative) taxes of negative fees
	taxes: dict[_TaxKey, int] = field(default_factory=dict)
	cost_center: str | None = None


class _Reader:
	def __init__(self, order: Order, channel: Channel, items: Mapping[ItemKey, Item], scale: _Scale):
		self.order = order
		self.channel = channel
		self.items = items
		self.scale = scale
		self.sale = _Sale(cost_center=channel.cost_center)
		self.keys: dict[tuple[str, str | None, Decimal | None], _TaxKey] = {}

	def read(self) -> _Sale:
		for line in self.order.lines:
			self._line(line)
		for shipping in self.order.shipping:
			self._shipping(shipping)
		for fee in self.order.fees:
			self._fee(fee)
		for discount in self.order.discounts:
			self.sale.reductions += self._positive(discount.amount, f'Discount "{discount.code or ""}"')
		return self.sale

	def _positive(self, amount: Decimal, what: str) -> int:
		if amount < 0:
			raise Rejected(f"{what} is negative: {amount}")
		return self.scale.units(amount, what)

	def _line(self, line: OrderLine) -> None:
		quantity = self.scale.quantity(line.quantity, line.id)
		if not quantity:
			return
		amount = self._positive(line.total, f"The total of line {line.id}")
		if not 0 <= line.unit_price < _LIMIT:
			raise Rejected(f"The unit price of line {line.id} is negative or too large: {line.unit_price}")
		list_price = int(quantise_up(line.unit_price, self.scale.decimals).scaleb(self.scale.digits))
		item = self.items[key_of(line)]
		row = {
			"item_code": item.item_code,
			"qty": line.quantity,
			"line_id": line.id,
			"item_name": line.name or item.item_name or None,
			"uom": line.uom or item.uom or item.stock_uom,
			"warehouse": warehouse_of(self.channel, line.location_id),
			"grade": line.grade or item.grade,
			"serial_no": "\n".join(line.serials) or None,
			"listing": item.listing,
		}
		if self.channel.fields:
			row["values"] = mapped_values(self.channel, "Sales Order Item", line.custom)
		tax, keys = self._taxes(line.taxes)
		self.sale.positions.append(_Position(amount, tax, keys, quantity, list_price, row))

	def _shipping(self, line: ShippingLine) -> None:
		title = line.title or line.code or "Shipping"
		amount = self._positive(line.amount, f'Shipping "{title}"')
		if not amount:
			self._refuse_taxes(line.taxes, f'Shipping "{title}"')
			return
		target = shipping_target(self.channel, line)
		tax, keys = self._taxes(line.taxes)
		self._target(target, title, amount, tax, keys)

	def _fee(self, fee: Fee) -> None:
		title = fee.title or fee.code or "Fee"
		amount = self.scale.units(fee.amount, f'Fee "{title}"')
		if not amount:
			self._refuse_taxes(fee.taxes, f'Fee "{title}"')
		elif amount < 0:
			self.sale.reductions -= amount
			self.sale.reductions_tax += self._taxes(fee.taxes)[0]
		else:
			target = fee_target(self.channel, fee)
			tax, keys = self._taxes(fee.taxes)
			self._target(target, title, amount, tax, keys)

	def _target(self, target: ShippingMap, title: str, amount: int, tax: int, keys: list[_TaxKey]) -> None:
		if target.item:
			self._service(target.item, title, amount, tax, keys)
		elif target.account:
			self.sale.charges.append(_Charge(target.account, title, amount, tax))

	def _service(self, item_code: str, title: str, amount: int, tax: int, keys: list[_TaxKey]) -> None:
		row = {"item_code": item_code, "qty": Decimal(1), "item_name": title}
		self.sale.positions.append(_Position(amount, tax, keys, self.scale.one, amount, row))

	def _taxes(self, taxes: Iterable[TaxLine]) -> tuple[int, list[_TaxKey]]:
		"""Adds taxes to those of the sale; their sum, and which they are. "Not taxed" (0 at 0 %) is none."""
		total, keys = 0, []
		for tax in taxes:
			amount = self.scale.units(tax.amount, f'Tax "{tax.title}"')
			if not amount and not tax.rate:
				continue
			known = (tax.title, tax.code, tax.rate)
			key = self.keys.get(known)
			if key is None:
				title = tax.title or tax.code or "Tax"
				key = self.keys[known] = (tax_account(self.channel, tax), title, tax.rate)
			self.sale.taxes[key] = self.sale.taxes.get(key, 0) + amount
			total += amount
			keys.append(key)
		return total, keys

	def _refuse_taxes(self, taxes: Iterable[TaxLine], what: str) -> None:
		if any(tax.amount for tax in taxes):
			raise Rejected(f"{what} is 0, but has taxes")


# --- laying the rows out ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Layout:
	"""A document. `total` is what ERPNext will make of it, before a rounding row."""

	items: tuple[ItemRow, ...]
	tax_rows: tuple[TaxRow, ...]
	discount: int
	apply_discount_on: Literal["Net Total", "Grand Total"]
	total: int


@dataclass(frozen=True, slots=True)
class _Rows:
	"""The item rows and what goes with them, in one tax mode."""

	items: tuple[ItemRow, ...]
	amounts: list[int]
	subtotal: int
	discount: int  # of the document
	charge_rows: tuple[TaxRow, ...]
	charged: int


def _layout(sale: _Sale, inclusive: bool, scale: _Scale, rounding: Rounding) -> _Layout:
	inclusive = inclusive and bool(sale.taxes)  # without taxes, both are the same
	rates = None if rounding.row_wise_tax else _common_rates(sale, scale)
	if inclusive and rates is not None:
		rows = _rows(sale, scale, net=False)
		if _included_taxes(rows, rates, scale) == list(sale.taxes.values()):
			taxes = _calculated_rows(sale, included=True)
			total = rows.subtotal - rows.discount + rows.charged
			return _Layout(rows.items, (*taxes, *rows.charge_rows), rows.discount, "Grand Total", total)
	rows = _rows(sale, scale, net=inclusive)
	calculable = not inclusive and rates is not None
	if calculable and _added_taxes(rows, rates, scale) == list(sale.taxes.values()):
		taxes = _calculated_rows(sale, included=False)
	else:
		taxes = _actual_rows(sale, scale)
	total = rows.subtotal - rows.discount + rows.charged + sum(sale.taxes.values())
	return _Layout(rows.items, (*taxes, *rows.charge_rows), rows.discount, "Net Total", total)


def _rows(sale: _Sale, scale: _Scale, net: bool) -> _Rows:
	"""Item rows at rates rounded up. The discount is what they are too much, and the order's reductions."""
	items, amounts = [], []
	discount = sale.reductions + (sale.reductions_tax if net else 0)
	for position in sale.positions:
		wanted = position.amount - position.tax if net else position.amount
		rate, amount = _rate(wanted, position.quantity, scale)
		listed = max(_net_list_price(position, scale) if net else position.list_price, rate)
		items.append(
			ItemRow(
				rate=scale.decimal(rate),
				price_list_rate=scale.decimal(listed),
				discount_percentage=Decimal(0) if rate else HUNDRED,
				**position.row,
			)
		)
		amounts.append(amount)
		discount += amount - wanted
	subtotal = sum(amounts)
	excess = max(discount - subtotal, 0)
	charge_rows, charged, taken = _charges(sale, scale, net, excess)
	discount -= taken
	if discount < 0 or (discount and not subtotal):
		raise Rejected("The discounts and taxes of this order leave nothing that they could be booked on")
	return _Rows(tuple(items), amounts, subtotal, discount, charge_rows, charged)


def _rate(wanted: int, quantity: int, scale: _Scale) -> tuple[int, int]:
	"""The rate in whole minor units that gives at least `wanted`, and the amount ERPNext makes of it.

	An amount that would end on half a unit is avoided: one minor unit more, and it does not.
	"""
	if wanted <= 0:
		return 0, 0
	rate = -(-wanted * scale.one // (quantity * scale.step)) * scale.step
	while (amount := _rounded(rate * quantity, scale.one)) is None:
		rate += scale.step
	return rate, amount


def _net_list_price(position: _Position, scale: _Scale) -> int:
	"""The list price without the taxes that are in it, in the proportion of the line, else by their rates."""
	if position.amount > 0:
		part, whole = max(position.amount - position.tax, 0), position.amount
	else:
		rates = sum((rate for _, _, rate in position.tax_keys if rate), Decimal(0))
		part, whole = (HUNDRED / (HUNDRED + rates)).as_integer_ratio()
	return -(-position.list_price * part // (whole * scale.step)) * scale.step


def _charges(sale: _Sale, scale: _Scale, net: bool, excess: int) -> tuple[tuple[TaxRow, ...], int, int]:
	"""Rows of shipping booked on accounts, their sum, and how much of `excess` they have taken.

	ERPNext spreads the document's discount over item rows only. What they cannot bear (free shipping by a
	coupon for the whole order) is taken off the charges, visibly.
	"""
	rows, charged, taken = [], 0, 0
	for charge in sale.charges:
		amount = charge.amount - charge.tax if net else charge.amount
		rows.append(_charge_row(sale, charge.account, charge.title, scale.decimal(amount)))
		part = max(min(amount, excess - taken), 0)
		if part:
			title = f"Discount on {charge.title}"
			rows.append(_charge_row(sale, charge.account, title, scale.decimal(-part)))
		charged += amount - part
		taken += part
	return tuple(rows), charged, taken


def _charge_row(sale: _Sale, account: str, title: str, amount: Decimal) -> TaxRow:
	return TaxRow("Actual", account, title, tax_amount=amount, cost_center=sale.cost_center, is_tax=False)


def _actual_rows(sale: _Sale, scale: _Scale) -> tuple[TaxRow, ...]:
	return tuple(
		TaxRow("Actual", account, title, tax_amount=scale.decimal(amount), cost_center=sale.cost_center)
		for (account, title, _), amount in sale.taxes.items()
		if amount
	)


def _calculated_rows(sale: _Sale, included: bool) -> tuple[TaxRow, ...]:
	return tuple(
		TaxRow(
			"On Net Total",
			account,
			title,
			rate=rate or Decimal(0),
			included_in_print_rate=included,
			cost_center=sale.cost_center,
		)
		for account, title, rate in sale.taxes
	)


def _rounding_row(
	order: Order, channel: Channel, scale: _Scale, difference: int, accepted: Decimal | None
) -> TaxRow:
	amount = scale.decimal(difference)
	if abs(amount) > channel.tolerance and amount != accepted:
		document = scale.decimal(scale.units(order.total, "The total") - difference)
		raise TotalsDiffer(
			f"Totals differ: the storefront says {written(order.total, order.currency)}, lines, shipping, fees, "
			f"discounts and taxes sum to {written(document, order.currency)} "
			f"(difference {written(amount, order.currency)}).",
			difference=amount,
			document=document,
		)
	if not channel.rounding_account:
		raise Misconfigured(
			f"A difference of {written(amount, order.currency)} is to be booked: "
			f"choose a Rounding Account on channel {channel.name} (tab Orders, section Totals), then retry.",
			doctype="Channel Settings",
			document=channel.name,
			fieldname="rounding_account",
		)
	return TaxRow(
		"Actual",
		channel.rounding_account,
		ROUNDING,
		tax_amount=amount,
		cost_center=channel.cost_center,
		is_tax=False,
	)


# --- ERPNext's arithmetic --------------------------------------------------------------------------------


def _common_rates(sale: _Sale, scale: _Scale) -> list[int] | None:
	"""The rates of the sale's taxes where everything sold is taxed by all of them, else None.

	In units such that a whole is 100 × `scale.one`: ERPNext keeps rates no finer than quantities.
	"""
	if not sale.taxes or any(charge.tax for charge in sale.charges):
		return None
	count = len(sale.taxes)
	taxed = [position.tax_keys for position in sale.positions if position.amount or position.tax]
	if any(len(keys) != count or len(set(keys)) != count for keys in taxed):
		return None
	rates = []
	for _, _, rate in sale.taxes:
		if rate is None or not 0 <= rate <= _LIMIT:
			return None
		whole = int(rate.scaleb(scale.quantity_digits))
		if Decimal(whole).scaleb(-scale.quantity_digits) != rate:
			return None
		rates.append(whole)
	return rates


def _added_taxes(rows: _Rows, rates: Sequence[int], scale: _Scale) -> list[int | None] | None:
	"""What "On Net Total" rows come to: of all items together, after the discount, rounded at the end."""
	if rows.subtotal > _SAFE or rows.discount > rows.subtotal:
		return None
	net = rows.subtotal - rows.discount
	return [_rounded(rate * net, 100 * scale.one) for rate in rates]


def _included_taxes(rows: _Rows, rates: Sequence[int], scale: _Scale) -> list[int] | None:
	"""What "On Net Total" rows included in the prices come to; None where that is unsure, or the total is off.

	The net amount of every row is rounded, so net and taxes need not sum to the prices; ERPNext forgives a
	few units of that, else its grand total differs.
	"""
	if rows.subtotal > _SAFE or rows.discount > rows.subtotal:
		return None
	whole = 100 * scale.one
	net = _sum(_rounded(amount * whole, whole + sum(rates)) for amount in rows.amounts)
	taxes = _all(_rounded(rate * (net or 0), whole) for rate in rates)
	if net is None or taxes is None or abs(rows.subtotal - net - sum(taxes)) > _FORGIVEN:
		return None
	if not rows.discount:
		return taxes
	net = _net_after_discount(rows, net, taxes, rates, whole)
	taxes = _all(_rounded(rate * (net or 0), whole) for rate in rates)
	if net is None or taxes is None:
		return None
	left = rows.subtotal - rows.discount - net - sum(taxes)
	return taxes if abs(left) <= _FORGIVEN else None


def _net_after_discount(
	rows: _Rows, net: int, taxes: Sequence[int], rates: Sequence[int], whole: int
) -> int | None:
	"""ERPNext spreads a discount on the grand total over the net amounts, in their proportion to a grand total
	whose taxes are not rounded yet (grand_total_for_distributing_discount)."""
	grand: int | None = net
	for rate in rates:
		grand = _rounded(grand * whole + rate * net, whole)
		if grand is None:
			return None
	grand += rows.subtotal - net - sum(taxes)
	return _rounded(net * (grand - rows.discount), grand) if grand > 0 else None


def _all(numbers: Iterable[int | None]) -> list[int] | None:
	found = list(numbers)
	return None if None in found else found


def _sum(numbers: Iterable[int | None]) -> int | None:
	found = _all(numbers)
	return None if found is None else sum(found)
