"""Orders, their lines, refunds and notes: what they are worth, and how the API shows them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sandbox.storefronts.woocommerce.goods import Product, links
from sandbox.storefronts.woocommerce.taxes import Rate, Rounding, charged, spread
from sandbox.storefronts.woocommerce.values import ZERO, dates, plain, text

if TYPE_CHECKING:
	from sandbox.storefronts.woocommerce.state import State

__all__ = ["NewFee", "NewLine", "Rate"]
SYMBOLS = {"EUR": "€", "USD": "$", "GBP": "£"}
ADDRESS = (
	"first_name", "last_name", "company", "address_1", "address_2", "city", "state", "postcode", "country",
)  # fmt: skip
#: Statuses in which what was sold is off the shelf.
REDUCED = ("processing", "completed", "on-hold")
PAID = ("processing", "completed")


@dataclass(frozen=True)
class NewLine:
	"""What a buyer puts into the cart. Without a SKU a product that was deleted since: product_id 0.

	:param price: of one, as prices are entered in the shop; None: the product's
	:param discount: off the whole line, likewise
	"""

	sku: str | None = None
	quantity: int = 1
	price: Decimal | None = None
	discount: Decimal = ZERO
	name: str | None = None
	meta: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class NewFee:
	name: str
	total: Decimal
	tax_class: str = ""
	taxable: bool = True


@dataclass(eq=False)
class Part:
	"""A row of an order: of goods, of shipping or a fee. Amounts are without tax, not rounded; negative in a refund."""

	id: int
	name: str
	total: Decimal
	subtotal: Decimal = ZERO
	taxes: dict[int, Decimal] = field(default_factory=dict)
	subtotal_taxes: dict[int, Decimal] = field(default_factory=dict)
	tax_class: str = ""
	taxable: bool = True
	meta: list[dict[str, Any]] = field(default_factory=list)
	quantity: int = 1
	product: Product | None = None
	code: str = ""  # a shipping method's
	instance: str = ""
	reduced: int = 0  # pieces that were taken off the shelf for it
	restocked: int = 0  # pieces that a refund put back


@dataclass(eq=False)
class CouponLine:
	id: int
	code: str
	discount: Decimal
	discount_tax: Decimal
	percent: Decimal
	coupon_id: int
	meta_id: int


@dataclass(eq=False)
class TaxLine:
	id: int
	rate: Rate
	total: Decimal = ZERO
	shipping: Decimal = ZERO


@dataclass(eq=False)
class Note:
	id: int
	note: str
	created: datetime
	for_customer: bool = False
	author: str = "WooCommerce"


@dataclass(eq=False)
class Refund:
	id: int
	created: datetime
	amount: Decimal
	reason: str = ""
	lines: list[Part] = field(default_factory=list)
	shipping: list[Part] = field(default_factory=list)
	fees: list[Part] = field(default_factory=list)
	tax_lines: list[TaxLine] = field(default_factory=list)
	meta: list[dict[str, Any]] = field(default_factory=list)
	moved: bool = False  # the gateway gave the money back


@dataclass(eq=False)
class Order:
	id: int
	key: str
	created: datetime
	modified: datetime
	currency: str
	rounding: Rounding
	rates: Sequence[Rate]
	status: str = "pending"
	status_before: str = "pending"  # of one in the trash
	created_via: str = "checkout"
	customer_id: int = 0
	customer_note: str = ""
	billing: dict[str, str] = field(default_factory=dict)
	shipping_address: dict[str, str] = field(default_factory=dict)
	payment_method: str = ""
	payment_method_title: str = ""
	transaction_id: str = ""
	completed: datetime | None = None
	paid: datetime | None = None
	lines: list[Part] = field(default_factory=list)
	shipping: list[Part] = field(default_factory=list)
	fees: list[Part] = field(default_factory=list)
	coupons: list[CouponLine] = field(default_factory=list)
	tax_lines: list[TaxLine] = field(default_factory=list)
	refunds: list[Refund] = field(default_factory=list)
	notes: list[Note] = field(default_factory=list)
	meta: list[dict[str, Any]] = field(default_factory=list)
	total: Decimal = ZERO
	discount_total: Decimal = ZERO
	discount_tax: Decimal = ZERO
	cart_tax: Decimal = ZERO
	shipping_tax: Decimal = ZERO

	@property
	def parts(self) -> list[Part]:
		return [*self.lines, *self.shipping, *self.fees]

	@property
	def shipping_total(self) -> Decimal:
		return total_of(part.total for part in self.shipping)

	@property
	def refunded(self) -> Decimal:
		return total_of(refund.amount for refund in self.refunds)

	def calculate(self, new_id: Any) -> None:
		"""Taxes and totals of the rows as they are."""
		for part in self.parts:
			self._tax(part)
		self._sum_taxes(new_id)
		rounding = self.rounding
		before = total_of(rounding.line(line.subtotal) for line in self.lines)
		after = total_of(rounding.line(line.total) for line in self.lines)
		tax_before = total_of(
			rounding.line_tax(tax) for line in self.lines for tax in line.subtotal_taxes.values()
		)
		tax_after = total_of(rounding.line_tax(tax) for line in self.lines for tax in line.taxes.values())
		self.discount_total = rounding.money(before - after)
		self.discount_tax = rounding.tax(tax_before - tax_after)
		fees = total_of(fee.total for fee in self.fees)
		self.total = rounding.money(after + fees + self.shipping_total + self.cart_tax + self.shipping_tax)

	def rates_of(self, tax_class: str) -> list[Rate]:
		return [rate for rate in self.rates if rate.tax_class == tax_class]

	def _tax(self, part: Part) -> None:
		if not part.taxable:
			part.taxes, part.subtotal_taxes = {}, {}
			return
		if part in self.fees and part.total < 0:
			classes = {rate.tax_class: self.rates_of(rate.tax_class) for rate in self.rates}
			costs = [(each.tax_class, each.total) for each in self.parts if each.total > 0]
			part.taxes = spread(part.total, costs, classes)
			return
		rates = self.rates_of(part.tax_class)
		if part in self.shipping:
			rates = [rate for rate in rates if rate.shipping]
		part.taxes, part.subtotal_taxes = charged(part.total, rates), charged(part.subtotal, rates)

	def _sum_taxes(self, new_id: Any) -> None:
		known = {line.rate.id: line for line in self.tax_lines}
		used = {number for part in self.parts for number in part.taxes}
		self.tax_lines = [
			known.get(rate.id) or TaxLine(new_id("item"), rate) for rate in self.rates if rate.id in used
		]
		tax = self.rounding.line_tax
		for line in self.tax_lines:
			goods = [*self.lines, *self.fees]
			line.total = total_of(tax(part.taxes.get(line.rate.id, ZERO)) for part in goods)
			line.shipping = total_of(tax(part.taxes.get(line.rate.id, ZERO)) for part in self.shipping)
		self.cart_tax = total_of(line.total for line in self.tax_lines)
		self.shipping_tax = total_of(line.shipping for line in self.tax_lines)

	def shown_tax(self, part: Part) -> Decimal:
		return total_of(self.rounding.line_tax(tax) for tax in part.taxes.values())


def total_of(amounts: Iterable[Decimal]) -> Decimal:
	return sum(amounts, ZERO)


def address(given: Mapping[str, Any], billing: bool) -> dict[str, str]:
	"""An address with every field WooCommerce has."""
	names = (*ADDRESS, "email", "phone") if billing else (*ADDRESS, "phone")
	return {name: str(given.get(name) or "") for name in names}


# --- as the API shows it


def _line_meta(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
	return [
		{
			**{name: row[name] for name in ("id", "key", "value")},
			"display_key": row.get("display_key", row["key"]),
			"display_value": row.get("display_value", row["value"]),
		}
		for row in rows
	]


def _taxes(order: Order, part: Part, decimals: int, goods: bool) -> list[dict[str, Any]]:
	rows = []
	for number, tax in part.taxes.items():
		subtotal = text(part.subtotal_taxes.get(number, ZERO), decimals) if goods else ""
		rows.append({"id": number, "total": text(tax, decimals), "subtotal": subtotal})
	return rows


def _price(part: Part) -> float | int:
	"""Of one piece, an unrounded number."""
	if not part.total or not part.quantity:
		return 0
	price = part.total / part.quantity
	return int(price) if price == int(price) else float(price)


def shown_line(order: Order, part: Part, decimals: int) -> dict[str, Any]:
	product = part.product
	parent = product.parent if product is not None else None
	before = total_of(order.rounding.line_tax(tax) for tax in part.subtotal_taxes.values())
	image = (
		product.fields.get("image") or next(iter(product.fields.get("images", ())), None) if product else None
	)
	return {
		"id": part.id,
		"name": part.name,
		"product_id": 0 if product is None else (parent or product).id,
		"variation_id": product.id if parent is not None and product is not None else 0,
		"quantity": part.quantity,
		"tax_class": part.tax_class,
		"subtotal": text(part.subtotal, decimals),
		"subtotal_tax": text(before, decimals),
		"total": text(part.total, decimals),
		"total_tax": text(order.shown_tax(part), decimals),
		"taxes": _taxes(order, part, decimals, True),
		"meta_data": _line_meta([*part.meta, *_reduced(part)]),
		"sku": product.sku if product is not None else None,
		"global_unique_id": product.fields["global_unique_id"] if product is not None else None,
		"price": _price(part),
		"image": {"id": image["id"], "src": image["src"]}
		if image
		else {"id": 0 if parent or not product else "", "src": ""},
		"parent_name": parent.name if parent is not None else None,
	}


def _reduced(part: Part) -> list[dict[str, Any]]:
	rows = {}
	if part.reduced or part.restocked:
		rows["_reduced_stock"] = str(part.reduced)
	if part.restocked:
		rows["_restock_refunded_items"] = str(part.restocked)
	return [
		{"id": part.id * 1000 + place, "key": key, "value": value}
		for place, (key, value) in enumerate(rows.items())
	]


def _shown_shipping(order: Order, part: Part, decimals: int) -> dict[str, Any]:
	return {
		"id": part.id,
		"method_title": part.name,
		"method_id": part.code,
		"instance_id": part.instance,
		"total": text(part.total, decimals),
		"total_tax": text(order.shown_tax(part), decimals),
		"taxes": _taxes(order, part, decimals, False),
		"tax_status": "taxable" if part.taxable else "none",
		"meta_data": _line_meta(part.meta),
	}


def _shown_fee(order: Order, part: Part, decimals: int) -> dict[str, Any]:
	return {
		"id": part.id,
		"name": part.name,
		"tax_class": part.tax_class,
		"tax_status": "taxable" if part.taxable else "none",
		"amount": plain(part.total) if order.created_via == "checkout" else "",
		"total": text(part.total, decimals),
		"total_tax": text(order.shown_tax(part), decimals),
		"taxes": _taxes(order, part, decimals, False),
		"meta_data": _line_meta(part.meta),
	}


def _shown_tax(line: TaxLine, decimals: int) -> dict[str, Any]:
	percent = line.rate.percent
	return {
		"id": line.id,
		"rate_code": line.rate.code,
		"rate_id": line.rate.id,
		"label": line.rate.label,
		"compound": line.rate.compound,
		"tax_total": text(line.total, decimals),
		"shipping_tax_total": text(line.shipping, decimals),
		"rate_percent": int(percent) if percent == int(percent) else float(percent),
		"meta_data": [],
	}


def _shown_coupon(line: CouponLine) -> dict[str, Any]:
	info = f'[{line.coupon_id},"{line.code}","percent",{plain(line.percent)}]'
	return {
		"id": line.id,
		"code": line.code,
		"discount": plain(line.discount),
		"discount_tax": plain(line.discount_tax),
		"meta_data": _line_meta([{"id": line.meta_id, "key": "coupon_info", "value": info}]),
		"discount_type": "percent",
		"nominal_amount": float(line.percent) if line.percent % 1 else int(line.percent),
		"free_shipping": False,
	}


def shown_order(shop: State, order: Order, decimals: int | None = None) -> dict[str, Any]:
	"""An order as GET /orders/ID answers it with `dp` decimals."""
	decimals = shop.decimals if decimals is None else decimals
	moments = {
		name: dates(f"date_{name}", moment, shop.zone)
		for name, moment in (
			("created", order.created), ("modified", order.modified), ("completed", order.completed), ("paid", order.paid),
		)
	}  # fmt: skip
	local = {f"date_{name}": both[f"date_{name}"] for name, both in moments.items()}
	return {
		"id": order.id,
		"parent_id": 0,
		"status": order.status,
		"currency": order.currency,
		"version": shop.version,
		"prices_include_tax": order.rounding.included,
		"date_created": local["date_created"],
		"date_modified": local["date_modified"],
		**_shown_totals(order, decimals),
		"customer_id": order.customer_id,
		"order_key": order.key,
		"billing": order.billing,
		"shipping": order.shipping_address,
		"payment_method": order.payment_method,
		"payment_method_title": order.payment_method_title,
		"transaction_id": order.transaction_id,
		"customer_ip_address": "127.0.0.1" if order.created_via == "checkout" else "",
		"customer_user_agent": "",
		"created_via": order.created_via,
		"customer_note": order.customer_note,
		"date_completed": local["date_completed"],
		"date_paid": local["date_paid"],
		"cart_hash": "",
		"number": str(order.id),
		"meta_data": sorted(order.meta, key=lambda row: (row["key"], row["id"])),
		"line_items": [shown_line(order, part, decimals) for part in order.lines],
		"tax_lines": [_shown_tax(line, decimals) for line in order.tax_lines],
		"shipping_lines": [_shown_shipping(order, part, decimals) for part in order.shipping],
		"fee_lines": [_shown_fee(order, part, decimals) for part in order.fees],
		"coupon_lines": [_shown_coupon(line) for line in order.coupons],
		"refunds": [
			{"id": refund.id, "reason": refund.reason, "total": f"-{text(refund.amount, decimals)}"}
			for refund in reversed(order.refunds)
		],
		"payment_url": f"{shop.home}checkout/order-pay/{order.id}/?pay_for_order=true&key={order.key}",
		"is_editable": order.status in ("pending", "on-hold", "auto-draft"),
		"needs_payment": order.status in ("pending", "failed") and order.total > 0,
		"needs_processing": any(
			not (line.product and line.product.fields["virtual"]) for line in order.lines if line.product
		),
		**{f"date_{name}_gmt": both[f"date_{name}_gmt"] for name, both in moments.items()},
		"currency_symbol": SYMBOLS.get(order.currency, order.currency),
		"_links": _order_links(shop, order),
	}


def _shown_totals(order: Order, decimals: int) -> dict[str, str]:
	tax = order.rounding.tax
	amounts = {
		"discount_total": order.discount_total,
		"discount_tax": order.discount_tax,
		"shipping_total": order.shipping_total,
		"shipping_tax": tax(order.shipping_tax),
		"cart_tax": tax(order.cart_tax),
		"total": order.total,
		"total_tax": tax(order.cart_tax + order.shipping_tax),
	}
	return {name: text(amount, decimals) for name, amount in amounts.items()}


def _order_links(shop: State, order: Order) -> dict[str, Any]:
	found = links(shop, f"orders/{order.id}", "orders")
	mail = shop.api(f"orders/{order.id}/actions/email_templates")
	found["email_templates"] = [{"embeddable": True, "href": mail}]
	if order.customer_id:
		found["customer"] = [{"href": shop.api(f"customers/{order.customer_id}")}]
	return found


def shown_note(shop: State, order: Order, note: Note) -> dict[str, Any]:
	path = f"orders/{order.id}"
	return {
		"id": note.id,
		"author": note.author,
		**dates("date_created", note.created, shop.zone),
		"note": note.note,
		"customer_note": note.for_customer,
		"_links": {
			**links(shop, f"{path}/notes/{note.id}", f"{path}/notes", ["GET", "DELETE"]),
			"up": [{"href": shop.api(path)}],
		},
	}


def shown_refund(shop: State, order: Order, refund: Refund) -> dict[str, Any]:
	"""Amounts and quantities of its rows are negative, `amount` is not."""
	path, decimals = f"orders/{order.id}", shop.decimals
	return {
		"id": refund.id,
		**dates("date_created", refund.created, shop.zone),
		"amount": text(refund.amount, decimals),
		"reason": refund.reason,
		"refunded_by": 1,
		"refunded_payment": refund.moved,
		"meta_data": refund.meta,
		"line_items": [shown_line(order, part, decimals) for part in refund.lines],
		"shipping_lines": [_shown_shipping(order, part, decimals) for part in refund.shipping],
		"tax_lines": [_shown_tax(line, decimals) for line in refund.tax_lines],
		"fee_lines": [_shown_fee(order, part, decimals) for part in refund.fees],
		"_links": {
			**links(shop, f"{path}/refunds/{refund.id}", f"{path}/refunds", ["GET", "DELETE"]),
			"up": [{"href": shop.api(path)}],
		},
	}
