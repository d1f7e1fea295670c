"""Orders as WooCommerce makes them: a cart is calculated as WC_Cart_Totals does it, and told as the REST API does.

The arithmetic is in minor units with all their decimals. It is rounded where WooCommerce rounds: discounts of a
line always, lines and taxes one by one or all together at the end (`per_order`), the total at last, and each amount
once more when it is told. Taxes that are in the prices are rounded with halves down.
https://github.com/woocommerce/woocommerce/blob/trunk/plugins/woocommerce/includes/class-wc-cart-totals.php
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_DOWN, ROUND_HALF_DOWN, ROUND_HALF_UP, Decimal
from typing import Any

ONE = Decimal(1)
HUNDRED = Decimal(100)
#: WooCommerce calculates with so many decimals of a minor unit.
FINE = Decimal("0.000001")


@dataclass(frozen=True)
class Rate:
	id: int
	label: str
	percent: str
	compound: bool = False
	shipping: bool = True

	@property
	def value(self) -> Decimal:
		return Decimal(self.percent)


VAT19 = Rate(1, "VAT 19%", "19")
VAT7 = Rate(2, "VAT 7%", "7")
VAT20 = Rate(5, "VAT", "20")
VAT81 = Rate(6, "MwSt.", "8.1")
GST = Rate(3, "GST", "5")
QST = Rate(4, "QST", "9.975", compound=True)
CITY = Rate(7, "City", "1.375")
STATE = Rate(8, "State", "6.25")
CONSUMPTION = Rate(9, "Consumption Tax", "10")


@dataclass(frozen=True)
class Sold:
	"""`price` is as it is entered: with taxes where the shop's prices include them."""

	price: str
	quantity: Any = 1
	rates: tuple[Rate, ...] = (VAT19,)
	coupon: bool = True  # whether the cart's coupon is for it too
	sku: str | None = "SKU"
	product_id: int = 12
	variation_id: int = 0
	meta: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Charge:
	"""A fee, negative too, or shipping. Always entered without taxes."""

	amount: str
	rates: tuple[Rate, ...] = (VAT19,)
	name: str = "Charge"
	method: str = "flat_rate"
	instance: str = "1"


@dataclass(frozen=True)
class Cart:
	lines: Sequence[Sold]
	shipping: Sequence[Charge] = ()
	fees: Sequence[Charge] = ()
	percent_off: str = "0"
	inclusive: bool = False
	per_order: bool = False
	base: Rate | None = (
		None  # the tax of the shop's own country that is in the prices, where the buyer has another
	)
	currency: str = "EUR"
	decimals: int = 2
	dp: int | None = None  # how many decimals are told; the shop's, unless somebody asked for others
	changes: Mapping[str, Any] = field(default_factory=dict)

	def payload(self) -> dict[str, Any]:
		return _Calculation(self).payload()


@dataclass
class _Row:
	"""In minor units: `total` and `subtotal` without taxes, not rounded."""

	total: Decimal
	subtotal: Decimal
	taxes: dict[Rate, Decimal]
	subtotal_taxes: dict[Rate, Decimal]


class _Calculation:
	def __init__(self, cart: Cart):
		self.cart = cart
		discounts = self._discounts()
		self.lines = [self._line(line, discounts[place]) for place, line in enumerate(cart.lines)]
		self.fees = [self._charge(fee) for fee in cart.fees]
		self.shipping = [self._charge(charge) for charge in cart.shipping]

	# --- the cart ---

	def _cents(self, amount: str) -> Decimal:
		return Decimal(amount).scaleb(self.cart.decimals)

	def _discounts(self) -> list[Decimal]:
		"""A share of the coupon for each line, rounded down; what is left of the whole goes to the dearest products,
		a minor unit for each piece (WC_Discounts)."""
		part = Decimal(self.cart.percent_off) / HUNDRED
		listed = [self._listed(line) if line.coupon else Decimal(0) for line in self.cart.lines]
		found = [(amount * part).quantize(ONE, ROUND_DOWN) for amount in listed]
		left = (sum(listed, Decimal(0)) * part).quantize(ONE, ROUND_HALF_UP) - sum(found, Decimal(0))
		dearest = sorted(range(len(found)), key=lambda place: -Decimal(self.cart.lines[place].price))
		for place in dearest:
			pieces = Decimal(str(self.cart.lines[place].quantity)) if listed[place] else Decimal(0)
			more = min(left, pieces.quantize(ONE, ROUND_DOWN))
			found[place], left = found[place] + more, left - more
		return found

	def _listed(self, line: Sold) -> Decimal:
		listed = self._cents(line.price) * Decimal(str(line.quantity))
		if self.cart.base is None:
			return listed
		net = listed - sum(_included(listed, (self.cart.base,)).values(), Decimal(0))
		return net + sum(_added(net, line.rates).values(), Decimal(0))

	def _line(self, line: Sold, discount: Decimal) -> _Row:
		listed = self._listed(line)
		paid = listed - discount
		subtotal_taxes, taxes = self._taxes(listed, line.rates), self._taxes(paid, line.rates)
		if self.cart.inclusive:
			listed -= sum(subtotal_taxes.values(), Decimal(0))
			paid -= sum(taxes.values(), Decimal(0))
		return _Row(paid, listed, taxes, subtotal_taxes)

	def _charge(self, charge: Charge) -> _Row:
		cost = self._cents(charge.amount)
		taxes = _added(cost, charge.rates)
		return _Row(cost, cost, taxes, taxes)

	def _taxes(self, amount: Decimal, rates: Sequence[Rate]) -> dict[Rate, Decimal]:
		return _included(amount, rates) if self.cart.inclusive else _added(amount, rates)

	def _line_tax(self, tax: Decimal) -> Decimal:
		return tax if self.cart.per_order else self._rounded_tax(tax)

	def _rounded_tax(self, tax: Decimal) -> Decimal:
		return tax.quantize(ONE, ROUND_HALF_DOWN if self.cart.inclusive else ROUND_HALF_UP)

	def _item(self, amount: Decimal) -> Decimal:
		return amount if self.cart.per_order else amount.quantize(ONE, ROUND_HALF_UP)

	def total(self) -> Decimal:
		rows = [*self.lines, *self.fees, *self.shipping]
		total = sum((self._item(row.total) for row in self.lines), Decimal(0))
		total += sum((row.total for row in (*self.fees, *self.shipping)), Decimal(0))
		total += sum((self._line_tax(tax) for row in rows for tax in row.taxes.values()), Decimal(0))
		return max(total.quantize(ONE, ROUND_HALF_UP), Decimal(0))

	def charged(self) -> dict[Rate, tuple[Decimal, Decimal]]:
		"""What `tax_lines` say: of lines and fees, and of shipping."""
		found: dict[Rate, tuple[Decimal, Decimal]] = {}
		for row in self.lines:
			for rate, tax in row.taxes.items():
				goods, shipping = found.get(rate, (Decimal(0), Decimal(0)))
				found[rate] = goods + self._line_tax(tax), shipping
		for row in self.fees:
			for rate, tax in row.taxes.items():
				goods, shipping = found.get(rate, (Decimal(0), Decimal(0)))
				found[rate] = goods + tax, shipping
		for row in self.shipping:
			for rate, tax in row.taxes.items():
				goods, shipping = found.get(rate, (Decimal(0), Decimal(0)))
				found[rate] = goods, shipping + tax
		return found

	# --- what is told of it ---

	def _told(self, cents: Decimal) -> str:
		dp = self.cart.decimals if self.cart.dp is None else self.cart.dp
		amount = cents.scaleb(-self.cart.decimals).quantize(Decimal(1).scaleb(-dp), ROUND_HALF_UP)
		return f"{amount or abs(amount):f}"

	def _told_taxes(self, row: _Row, subtotals: bool) -> list[dict[str, Any]]:
		return [
			{
				"id": rate.id,
				"total": self._told(tax),
				"subtotal": self._told(row.subtotal_taxes[rate]) if subtotals else "",
			}
			for rate, tax in row.taxes.items()
		]

	def _sum(self, taxes: Mapping[Rate, Decimal]) -> str:
		return self._told(sum((self._line_tax(tax) for tax in taxes.values()), Decimal(0)))

	def _told_line(self, number: int, line: Sold, row: _Row) -> dict[str, Any]:
		quantity = Decimal(str(line.quantity))
		price = row.total.scaleb(-self.cart.decimals) / quantity if quantity else Decimal(0)
		return {
			"id": number,
			"name": f"Product {number}",
			"product_id": line.product_id + number if line.product_id else 0,
			"variation_id": line.variation_id,
			"quantity": line.quantity,
			"tax_class": "",
			"subtotal": self._told(row.subtotal),
			"subtotal_tax": self._sum(row.subtotal_taxes),
			"total": self._told(row.total),
			"total_tax": self._sum(row.taxes),
			"taxes": self._told_taxes(row, subtotals=True),
			"meta_data": _meta(line.meta),
			"sku": f"{line.sku}-{number}" if line.sku else None,
			"global_unique_id": "",
			"price": float(price),
			"image": {"id": 0, "src": ""},
			"parent_name": None,
		}

	def _told_charge(self, number: int, row: _Row) -> dict[str, Any]:
		return {
			"id": number,
			"total": self._told(row.total),
			"total_tax": self._sum(row.taxes),
			"taxes": self._told_taxes(row, subtotals=False),
			"tax_status": "taxable",
			"meta_data": [],
		}

	def payload(self) -> dict[str, Any]:
		cart, charged = self.cart, self.charged()
		fees = zip(cart.fees, self.fees, strict=True)
		shipping = zip(cart.shipping, self.shipping, strict=True)
		goods = sum((pair[0] for pair in charged.values()), Decimal(0))
		sent = sum((pair[1] for pair in charged.values()), Decimal(0))
		return {
			**HEAD,
			"currency": cart.currency,
			"prices_include_tax": cart.inclusive,
			"total": self._told(self.total()),
			"total_tax": self._told(goods + sent),
			"cart_tax": self._told(goods),
			"shipping_total": self._told(sum((row.total for row in self.shipping), Decimal(0))),
			"shipping_tax": self._told(sent),
			"line_items": [
				self._told_line(number, line, row)
				for number, (line, row) in enumerate(zip(cart.lines, self.lines, strict=True), 1)
			],
			"tax_lines": [self._tax_line(rate, *pair) for rate, pair in charged.items()],
			"shipping_lines": [
				self._told_charge(200 + number, row)
				| {
					"method_title": charge.name,
					"method_id": charge.method,
					"instance_id": charge.instance,
				}
				for number, (charge, row) in enumerate(shipping)
			],
			"fee_lines": [
				self._told_charge(300 + number, row) | {"name": charge.name, "amount": charge.amount}
				for number, (charge, row) in enumerate(fees)
			],
			**cart.changes,
		}

	def _tax_line(self, rate: Rate, goods: Decimal, shipping: Decimal) -> dict[str, Any]:
		percent = Decimal(rate.percent)
		return {
			"id": 500 + rate.id,
			"rate_code": f"XX-{rate.label.upper().replace(' ', '-')}-{rate.id}",
			"rate_id": rate.id,
			"label": rate.label,
			"compound": rate.compound,
			"tax_total": self._told(goods),
			"shipping_tax_total": self._told(shipping),
			"rate_percent": int(percent) if percent == int(percent) else float(percent),
			"meta_data": [],
		}


def _added(amount: Decimal, rates: Sequence[Rate]) -> dict[Rate, Decimal]:
	"""Taxes on top: compound rates on the taxes before them, too."""
	taxes = {rate: amount * rate.value / HUNDRED for rate in rates if not rate.compound}
	for rate in rates:
		if rate.compound:
			taxes[rate] = (amount + sum(taxes.values(), Decimal(0))) * rate.value / HUNDRED
	return {rate: tax.quantize(FINE, ROUND_HALF_UP) for rate, tax in taxes.items()}


def _included(amount: Decimal, rates: Sequence[Rate]) -> dict[Rate, Decimal]:
	"""Taxes that are in a price: the last compound rate is taken out first."""
	left, taken = amount, {}
	for rate in reversed([rate for rate in rates if rate.compound]):
		taken[rate] = left - left / (1 + rate.value / HUNDRED)
		left -= taken[rate]
	plain = [rate for rate in rates if not rate.compound]
	whole = sum((rate.value for rate in plain), Decimal(0)) / HUNDRED
	taxes = {rate: left * rate.value / HUNDRED / (1 + whole) for rate in plain} | taken
	return {rate: tax.quantize(FINE, ROUND_HALF_UP) for rate, tax in taxes.items()}


def _meta(values: Mapping[str, Any]) -> list[dict[str, Any]]:
	return [
		{"id": number, "key": key, "value": value} for number, (key, value) in enumerate(values.items(), 1)
	]


HEAD: dict[str, Any] = {
	"id": 4711,
	"parent_id": 0,
	"status": "processing",
	"version": "10.2.4",
	"date_created": "2026-11-20T10:00:00",
	"date_modified": "2026-11-20T10:00:05",
	"date_created_gmt": "2026-11-20T09:00:00",
	"date_modified_gmt": "2026-11-20T09:00:05",
	"date_paid_gmt": None,
	"customer_id": 0,
	"customer_note": "",
	"created_via": "checkout",
	"payment_method": "bacs",
	"transaction_id": "",
	"number": "4711",
	"billing": {
		"first_name": "Max",
		"last_name": "Mustermann",
		"company": "",
		"address_1": "Musterstr. 1",
		"address_2": "",
		"city": "Berlin",
		"state": "DE-BE",
		"postcode": "10115",
		"country": "DE",
		"email": "max@example.com",
		"phone": "+49 30 123",
	},
	"shipping": {
		"first_name": "",
		"last_name": "",
		"company": "",
		"address_1": "",
		"address_2": "",
		"city": "",
		"state": "",
		"postcode": "",
		"country": "",
		"phone": "",
	},
	"meta_data": [],
	"coupon_lines": [],
	"refunds": [],
	"_links": {},
}
