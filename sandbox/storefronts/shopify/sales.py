"""Orders as the simulated Shopify keeps them: amounts in the shop's currency, everything else follows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from sandbox.storefronts.shopify.goods import Location, Metafields, Variant

CENT = Decimal("0.01")
ZERO = Decimal(0)


def cents(amount: Decimal) -> Decimal:
	return amount.quantize(CENT, ROUND_HALF_UP)


@dataclass(eq=False)
class Tax:
	title: str
	rate: Decimal  # 0.19
	amount: Decimal
	channel_liable: bool | None = False


@dataclass(eq=False)
class DiscountApplication:
	"""`kind`: discount_code, manual, automatic or script."""

	index: int
	kind: str
	title: str
	value: Decimal
	value_type: str = "fixed_amount"  # or percentage
	target: str = "line_item"  # or shipping_line
	allocation: str = "across"


@dataclass(eq=False)
class Allocation:
	application: DiscountApplication
	amount: Decimal


@dataclass(eq=False)
class Line:
	id: int
	variant: Variant | None
	title: str
	quantity: int
	price: Decimal
	sku: str | None = None
	allocations: list[Allocation] = field(default_factory=list)
	taxes: list[Tax] = field(default_factory=list)
	properties: list[dict[str, str]] = field(default_factory=list)
	gift_card: bool = False
	requires_shipping: bool = True
	taxable: bool = True
	tip_gateway: str | None = None
	removed: int = 0  # taken off by edits and refunds
	fulfilled: int = 0

	@property
	def discount(self) -> Decimal:
		return sum((each.amount for each in self.allocations), ZERO)

	@property
	def total(self) -> Decimal:
		return self.price * self.quantity - self.discount

	@property
	def tax(self) -> Decimal:
		return sum((tax.amount for tax in self.taxes), ZERO)

	@property
	def current_quantity(self) -> int:
		return self.quantity - self.removed

	def share(self, amount: Decimal, quantity: int) -> Decimal:
		"""The part of an amount of the whole line that so much of it has."""
		return cents(amount * quantity / self.quantity) if self.quantity else ZERO


@dataclass(eq=False)
class ShippingLine:
	id: int
	title: str
	code: str | None
	price: Decimal
	allocations: list[Allocation] = field(default_factory=list)
	taxes: list[Tax] = field(default_factory=list)
	removed: bool = False

	@property
	def discounted(self) -> Decimal:
		return self.price - sum((each.amount for each in self.allocations), ZERO)


@dataclass(eq=False)
class FulfilmentOrderLine:
	id: int
	line: Line
	total: int
	remaining: int


@dataclass(eq=False)
class FulfilmentOrder:
	id: int
	order: Order
	location: Location
	lines: list[FulfilmentOrderLine]
	created_at: datetime
	updated_at: datetime
	status: str = "OPEN"  # IN_PROGRESS, CLOSED, CANCELLED, ON_HOLD

	@property
	def remaining(self) -> int:
		return sum(line.remaining for line in self.lines)


@dataclass(eq=False)
class Parcel:
	company: str | None
	number: str | None
	url: str | None


@dataclass(eq=False)
class Fulfilment:
	id: int
	order: Order
	location: Location
	parts: list[tuple[FulfilmentOrder, FulfilmentOrderLine, int]]
	created_at: datetime
	updated_at: datetime
	parcels: list[Parcel] = field(default_factory=list)
	status: str = "SUCCESS"  # or CANCELLED
	notified: bool = False

	@property
	def name(self) -> str:
		return f"{self.order.name}-F{self.order.fulfilments.index(self) + 1}"

	def quantities(self) -> dict[Line, int]:
		found: dict[Line, int] = {}
		for _, part, quantity in self.parts:
			found[part.line] = found.get(part.line, 0) + quantity
		return found


@dataclass(eq=False)
class Transaction:
	id: int
	order: Order
	kind: str
	gateway: str
	amount: Decimal
	created_at: datetime
	status: str = "SUCCESS"
	parent: Transaction | None = None
	payment_id: str | None = None
	receipt: dict[str, Any] | None = None  # what the gateway answered
	fees: list[tuple[Decimal, Decimal]] = field(default_factory=list)  # amount and its tax
	rounding: Decimal = ZERO  # of cash

	@property
	def refundable(self) -> Decimal:
		"""What can still be given back of it."""
		if self.kind not in ("SALE", "CAPTURE") or self.status != "SUCCESS":
			return ZERO
		back = (row for row in self.order.transactions if row.kind == "REFUND" and row.parent is self)
		return self.amount - _sum(row.amount for row in back if row.status != "FAILURE")


@dataclass(eq=False)
class Adjustment:
	"""What a refund gave more (below 0) or less than its lines and shipping come to."""

	id: int
	amount: Decimal
	reason: str
	in_total: bool  # whether the order's current total is less by it


@dataclass(eq=False)
class RefundedLine:
	id: int
	line: Line
	quantity: int
	subtotal: Decimal
	tax: Decimal
	restock_type: str = "no_restock"
	location: Location | None = None


@dataclass(eq=False)
class RefundedShipping:
	id: int
	line: ShippingLine
	amount: Decimal
	tax: Decimal


@dataclass(eq=False)
class Refund:
	id: int
	order: Order
	created_at: datetime
	lines: list[RefundedLine] = field(default_factory=list)
	shipping: list[RefundedShipping] = field(default_factory=list)
	transactions: list[Transaction] = field(default_factory=list)
	adjustments: list[Adjustment] = field(default_factory=list)
	note: str | None = None
	of_return: Return | None = None
	notified: bool = False


@dataclass(eq=False)
class Disposition:
	"""What became of goods that came back: RESTOCKED, NOT_RESTOCKED, PROCESSING_REQUIRED or MISSING."""

	id: int
	type: str
	quantity: int
	location: Location | None
	created_at: datetime


@dataclass(eq=False)
class ReturnedLine:
	id: int
	reverse_id: int  # of its line of the reverse fulfilment order
	sent: Fulfilment
	line: Line
	quantity: int
	reason: str = "unknown"
	note: str = ""
	customer_note: str | None = None
	processed: int = 0
	dispositions: list[Disposition] = field(default_factory=list)

	@property
	def disposed(self) -> int:
		return sum(each.quantity for each in self.dispositions)


@dataclass(eq=False)
class Return:
	"""`status`: REQUESTED, OPEN, CLOSED, DECLINED or CANCELED. `processes`: its lines are processed by a call."""

	id: int
	order: Order
	name: str
	lines: list[ReturnedLine]
	created_at: datetime
	status: str = "REQUESTED"
	reverse_id: int = 0
	processes: bool = False
	approved_at: datetime | None = None
	closed_at: datetime | None = None
	decline: tuple[str, str | None] | None = None  # reason and note
	notified: bool = False


@dataclass(eq=False)
class Customer:
	id: int
	created_at: datetime
	updated_at: datetime
	email: str | None = None
	first_name: str | None = None
	last_name: str | None = None
	phone: str | None = None
	note: str | None = None
	tags: list[str] = field(default_factory=list)
	address: dict[str, str | None] | None = None


@dataclass(eq=False)
class Order:
	id: int
	number: int
	created_at: datetime
	updated_at: datetime
	currency: str
	taxes_included: bool = False
	presentment_currency: str = ""
	presentment_rate: Decimal = Decimal(1)  # presentment money for one of the shop's
	lines: list[Line] = field(default_factory=list)
	shipping: list[ShippingLine] = field(default_factory=list)
	applications: list[DiscountApplication] = field(default_factory=list)
	fulfilment_orders: list[FulfilmentOrder] = field(default_factory=list)
	fulfilments: list[Fulfilment] = field(default_factory=list)
	refunds: list[Refund] = field(default_factory=list)
	transactions: list[Transaction] = field(default_factory=list)
	returns: list[Return] = field(default_factory=list)
	customer: Customer | None = None
	email: str | None = None
	phone: str | None = None
	billing_address: dict[str, str | None] | None = None
	shipping_address: dict[str, str | None] | None = None
	note: str | None = None
	attributes: list[dict[str, str]] = field(default_factory=list)
	tags: list[str] = field(default_factory=list)
	gateways: list[str] = field(default_factory=list)
	test: bool = False
	source_name: str = "web"
	location: Location | None = None  # of a sale in a shop
	cancelled_at: datetime | None = None
	cancel_reason: str | None = None
	closed_at: datetime | None = None
	rounding: Decimal = ZERO  # of a payment in cash
	edited: bool = False
	voided: bool = False  # the authorised payment was let go
	metafields: Metafields = field(default_factory=dict)

	@property
	def name(self) -> str:
		return f"#{self.number}"

	# --- amounts as ordered

	@property
	def tip(self) -> Decimal:
		return sum((line.price * line.quantity for line in self.lines if line.tip_gateway), ZERO)

	@property
	def goods(self) -> list[Line]:
		return [line for line in self.lines if not line.tip_gateway]

	@property
	def standing(self) -> list[ShippingLine]:
		return [line for line in self.shipping if not line.removed]

	@property
	def total_discounts(self) -> Decimal:
		return _sum(line.discount for line in self.lines) + _sum(
			line.price - line.discounted for line in self.standing
		)

	@property
	def subtotal(self) -> Decimal:
		return _sum(line.total for line in self.goods)

	@property
	def shipping_total(self) -> Decimal:
		return _sum(line.discounted for line in self.standing)

	@property
	def total_tax(self) -> Decimal:
		return _sum(tax.amount for tax in self.taxes())

	@property
	def total(self) -> Decimal:
		return (
			self.subtotal + self.shipping_total + self.tip + (ZERO if self.taxes_included else self.total_tax)
		)

	def taxes(self) -> list[Tax]:
		return [tax for part in (*self.lines, *self.standing) for tax in part.taxes]

	def summed_taxes(self) -> list[Tax]:
		"""The same, one row for all of the same title and rate."""
		summed: dict[tuple[str, Decimal, bool | None], Decimal] = {}
		for tax in self.taxes():
			key = (tax.title, tax.rate, tax.channel_liable)
			summed[key] = summed.get(key, ZERO) + tax.amount
		return [Tax(title, rate, amount, liable) for (title, rate, liable), amount in summed.items()]

	# --- amounts as they are after edits and refunds

	@property
	def current_subtotal(self) -> Decimal:
		return self.subtotal - _sum(row.subtotal for row in self.refunded_lines())

	@property
	def current_shipping(self) -> Decimal:
		return self.shipping_total - _sum(row.amount for row in self.refunded_shipping())

	@property
	def current_tax(self) -> Decimal:
		rows: list[RefundedLine | RefundedShipping] = [*self.refunded_lines(), *self.refunded_shipping()]
		return self.total_tax - _sum(row.tax for row in rows)

	@property
	def current_discounts(self) -> Decimal:
		return self.total_discounts - _sum(
			row.line.share(row.line.discount, row.quantity) for row in self.refunded_lines()
		)

	@property
	def current_total(self) -> Decimal:
		tax = ZERO if self.taxes_included else self.current_tax
		return self.current_subtotal + self.current_shipping + self.tip + tax + self.adjusted(True)

	def adjusted(self, in_total: bool) -> Decimal:
		"""What refunds gave less (below 0: more) than they took, that the current total says, or does not say."""
		rows = [row for refund in self.refunds for row in refund.adjustments]
		return _sum(row.amount for row in rows if row.in_total is in_total)

	def refunded_lines(self) -> list[RefundedLine]:
		return [row for refund in self.refunds for row in refund.lines]

	def refunded_shipping(self) -> list[RefundedShipping]:
		return [row for refund in self.refunds for row in refund.shipping]

	# --- money that moved

	@property
	def received(self) -> Decimal:
		return _sum(
			each.amount
			for each in self.transactions
			if each.kind in ("SALE", "CAPTURE") and each.status == "SUCCESS"
		)

	@property
	def refunded(self) -> Decimal:
		rows = [row for refund in self.refunds for row in refund.transactions]
		return _sum(row.amount for row in rows if row.status == "SUCCESS")

	@property
	def outstanding(self) -> Decimal:
		return self.current_total - self.received + self.refunded + self.adjusted(False)

	@property
	def authorised(self) -> bool:
		"""Whether money is reserved that was neither captured nor let go."""
		gone = {row.parent for row in self.transactions if row.kind in ("CAPTURE", "VOID")}
		rows = [row for row in self.transactions if row.kind == "AUTHORIZATION" and row.status == "SUCCESS"]
		return any(row not in gone for row in rows)

	@property
	def financial_status(self) -> str:
		if self.refunded:
			return "REFUNDED" if self.refunded >= self.received else "PARTIALLY_REFUNDED"
		if not self.received:
			if self.cancelled_at or self.voided:
				return "VOIDED"
			return "AUTHORIZED" if self.authorised else "PENDING"
		return "PAID" if self.received >= self.current_total else "PARTIALLY_PAID"

	@property
	def fulfilment_status(self) -> str:
		sent = sum(line.fulfilled for line in self.lines)
		if not sent:
			return "UNFULFILLED"
		open_ = any(line.fulfilled < line.current_quantity for line in self.lines if line.requires_shipping)
		return "PARTIALLY_FULFILLED" if open_ else "FULFILLED"

	def presentment(self, amount: Decimal) -> Decimal:
		return cents(amount * self.presentment_rate)


def _sum(amounts: Iterable[Decimal]) -> Decimal:
	return sum(amounts, ZERO)


def address(**values: Any) -> dict[str, str | None]:
	"""An address with every field Shopify has; what is not given is None."""
	names = (
		"first_name",
		"last_name",
		"company",
		"address1",
		"address2",
		"city",
		"province",
		"province_code",
	)
	return {name: values.get(name) for name in (*names, "zip", "country", "country_code", "phone")}
