"""Money of the simulated Shopify's orders: what is paid, reserved, let go and given back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from threading import RLock
from typing import Any

from sandbox.storefronts.shopify import payloads
from sandbox.storefronts.shopify.goods import Location
from sandbox.storefronts.shopify.sales import (
	Adjustment,
	Line,
	Order,
	Refund,
	RefundedLine,
	RefundedShipping,
	ShippingLine,
	Transaction,
	cents,
)

#: A transaction that money goes back to, and how much.
Parents = Sequence[tuple[Transaction | None, Decimal]]


class Money:
	"""A part of `Shop`."""

	adjusts_total: bool
	location: Location
	lock: RLock
	now: Callable[[], datetime]
	new_id: Callable[[str], int]
	orders: dict[int, Order]
	set_available: Callable[..., None]
	_commit: Callable[[Line, int, int], None]
	_tell: Callable[..., None]
	_tell_of: Callable[..., None]
	settle: Callable[[Transaction], None]

	# --- what is paid

	def _transaction(
		self,
		order: Order,
		kind: str,
		amount: Decimal,
		gateway: str,
		parent: Transaction | None = None,
		**more: Any,
	) -> Transaction:
		made = Transaction(
			self.new_id("transaction"), order, kind, gateway, amount, self.now(), parent=parent, **more
		)
		made.payment_id = parent.payment_id if parent else f"{order.name}.{len(order.transactions) + 1}"
		if kind == "SALE" and not order.transactions:
			made.rounding = order.rounding
		order.transactions.append(made)
		self.settle(made)
		self._tell("order_transactions/create", payloads.transaction(made))
		return made

	def pay(
		self, order: Order, amount: Decimal | None = None, gateway: str = "manual", **more: Any
	) -> Transaction:
		"""Money comes in. `more` are further fields of the transaction: its status, for example."""
		with self.lock:
			given = order.outstanding if amount is None else amount
			made = self._transaction(order, "SALE", given, gateway, **more)
			if gateway not in order.gateways:
				order.gateways.append(gateway)
			self._tell_of(order, *(["orders/paid"] if order.financial_status == "PAID" else []))
			return made

	def settle_pending(self, payment: Transaction, status: str = "SUCCESS") -> None:
		"""What was waited for is there, or failed."""
		with self.lock:
			payment.status = status
			self.settle(payment)
			self._tell_of(payment.order)

	def capture(self, order: Order, amount: Decimal | None = None) -> Transaction:
		"""Takes what was reserved, or a part of it."""
		with self.lock:
			reserved = next(row for row in order.transactions if row.kind == "AUTHORIZATION")
			given = reserved.amount if amount is None else amount
			made = self._transaction(order, "CAPTURE", given, reserved.gateway, reserved)
			self._tell_of(order, *(["orders/paid"] if order.financial_status == "PAID" else []))
			return made

	# --- what is given back

	def refund(
		self,
		order: Order,
		quantities: Mapping[Line, int] = {},
		shipping: bool = False,
		restock: str = "no_restock",
		amount: Decimal | None = None,
		note: str | None = None,
	) -> Refund:
		"""Gives money back for lines (with their tax), for shipping, or as a gesture.

		:param restock: no_restock, cancel (not sent yet) or return
		:param amount: of money that is paid back; None: what the lines and shipping cost
		"""
		with self.lock:
			made = self.take_off(order, quantities, restock)
			made.note = note
			if shipping:
				made.shipping = [self.refunded_shipping(order, line) for line in order.standing]
			given = self._worth(made) if amount is None else amount
			self.finish_refund(made, self._parents(order, given))
			return made

	def finish_refund(self, made: Refund, parents: Parents, reason: str = "REFUND_DISCREPANCY") -> None:
		"""Moves the money of a refund, and tells of it. What it differs from what was taken is an adjustment."""
		self.give_back(made, parents)
		difference = self._worth(made) - sum((amount for _parent, amount in parents), Decimal(0))
		if difference:
			made.adjustments.append(
				Adjustment(self.new_id("adjustment"), difference, reason, self.adjusts_total)
			)
		self._tell("refunds/create", payloads.refund(made))
		self._tell_of(made.order)

	def give_back(self, made: Refund, parents: Parents) -> None:
		for parent, amount in parents:
			gateway = parent.gateway if parent else "manual"
			made.transactions.append(self._transaction(made.order, "REFUND", amount, gateway, parent))

	def _parents(self, order: Order, amount: Decimal) -> Parents:
		"""Where money goes back to: what was paid first, as far as it reaches."""
		found: list[tuple[Transaction | None, Decimal]] = []
		for each in order.transactions:
			part = min(amount, each.refundable)
			if part > 0:
				found.append((each, part))
				amount -= part
		paid = next((row for row in order.transactions if row.kind in ("SALE", "CAPTURE")), None)
		return [*found, *([(paid, amount)] if amount else [])]

	def refunded_shipping(
		self, order: Order, line: ShippingLine, amount: Decimal | None = None
	) -> RefundedShipping:
		before = [row for row in order.refunded_shipping() if row.line is line]
		left = line.discounted - sum((row.amount for row in before), Decimal(0))
		tax = sum((each.amount for each in line.taxes), Decimal(0))
		taxed = tax - sum((row.tax for row in before), Decimal(0))
		if amount is not None and amount < left:
			left, taxed = amount, cents(tax * amount / line.discounted)
		return RefundedShipping(self.new_id("refunded shipping"), line, left, taxed)

	def _worth(self, made: Refund) -> Decimal:
		rows: list[tuple[Decimal, Decimal]] = [(row.subtotal, row.tax) for row in made.lines]
		rows += [(row.amount, row.tax) for row in made.shipping]
		return sum((amount + (0 if made.order.taxes_included else tax) for amount, tax in rows), Decimal(0))

	def take_off(self, order: Order, quantities: Mapping[Line, int], restock: str) -> Refund:
		made = Refund(self.new_id("refund"), order, self.now())
		for line, quantity in quantities.items():
			made.lines.append(self._refunded_line(line, quantity, restock))
			line.removed += quantity
			if restock == "cancel":
				self._release(order, line, quantity)
			elif restock == "return" and line.variant:
				level = line.variant.levels[self.location.id]
				self.set_available(line.variant, self.location.id, level.available + quantity)
		order.refunds.append(made)
		return made

	def _refunded_line(self, line: Line, quantity: int, restock: str) -> RefundedLine:
		"""The last of a line takes what rounding left."""
		before = [row for row in line_refunds(line, self.orders.values())]
		last = line.removed + quantity == line.quantity
		subtotal = line.total - sum((row.subtotal for row in before), Decimal(0))
		tax = line.tax - sum((row.tax for row in before), Decimal(0))
		return RefundedLine(
			self.new_id("refunded line"),
			line,
			quantity,
			subtotal if last else line.share(line.total, quantity),
			tax if last else line.share(line.tax, quantity),
			restock,
			self.location if restock != "no_restock" else None,
		)

	def _release(self, order: Order, line: Line, quantity: int) -> None:
		"""Takes it out of the fulfilment orders that still have it to send, and puts the goods back."""
		for fulfilment_order in order.fulfilment_orders:
			for part in fulfilment_order.lines:
				taken = min(quantity, part.remaining) if part.line is line else 0
				part.remaining -= taken
				part.total -= taken
				quantity -= taken
				if taken:
					self._commit(line, fulfilment_order.location.id, -taken)
			if not fulfilment_order.remaining and fulfilment_order.status == "OPEN":
				fulfilment_order.status = "CLOSED"

	def cancel_order(
		self, order: Order, reason: str = "customer", restock: bool = True, refund: bool = True
	) -> None:
		"""Takes everything off that was not sent; `refund` gives its money back."""
		with self.lock:
			order.cancelled_at = order.closed_at = self.now()
			order.cancel_reason = reason
			left = {line: line.current_quantity for line in order.lines if line.current_quantity}
			made = self.take_off(order, left, "cancel" if restock else "no_restock")
			if refund and order.received > order.refunded:
				self.give_back(made, self._parents(order, order.received - order.refunded))
			for fulfilment_order in order.fulfilment_orders:
				if fulfilment_order.status == "OPEN":
					fulfilment_order.status = "CLOSED"
			self._tell_of(order, "orders/cancelled")

	def void(self, order: Order) -> None:
		"""A person lets the authorised payment go; the goods stay on the order."""
		with self.lock:
			order.voided = True
			for each in [row for row in order.transactions if row.kind == "AUTHORIZATION"]:
				self._transaction(order, "VOID", each.amount, each.gateway, each)
			self._tell_of(order)


def line_refunds(line: Line, orders: Iterable[Order]) -> list[RefundedLine]:
	return [row for order in orders for row in order.refunded_lines() if row.line is line]
