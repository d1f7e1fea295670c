"""Shopify Payments of the simulated shop: its balance, and what of it reached the bank."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from sandbox.storefronts.shopify.sales import Transaction, cents

GATEWAY = "shopify_payments"
FEE_RATE, FEE_FLAT = Decimal("0.029"), Decimal("0.30")


@dataclass(frozen=True)
class PaymentsAccount:
	"""The shop's account at Shopify Payments."""


@dataclass(eq=False)
class BalanceTransaction:
	"""A movement of the balance: net = amount - fee."""

	id: int
	type: str  # CHARGE, REFUND, DISPUTE_WITHDRAWAL, …
	amount: Decimal
	fee: Decimal
	moved_at: datetime
	of: Transaction | None = None
	payout: Payout | None = None
	reason: str | None = None
	test: bool = False

	@property
	def net(self) -> Decimal:
		return self.amount - self.fee


@dataclass(eq=False)
class Payout:
	"""`status`: SCHEDULED, PAID, FAILED or CANCELED."""

	id: int
	issued_at: datetime
	status: str
	currency: str
	trace: str | None = None
	rows: list[BalanceTransaction] = field(default_factory=list)

	@property
	def net(self) -> Decimal:
		return sum((row.net for row in self.rows), Decimal(0))


class Payouts:
	"""A part of `Shop`. On Shopify Payments once `payments_account` is True."""

	balance: list[BalanceTransaction]
	payouts: list[Payout]
	payments_account: bool
	currency: str
	now: Callable[[], datetime]
	new_id: Callable[[str], int]

	def settle(self, made: Transaction) -> None:
		"""A transaction through Shopify Payments moves its balance; a payment costs its fee."""
		if not self.payments_account or made.gateway != GATEWAY or made.status != "SUCCESS":
			return
		if made.kind in ("SALE", "CAPTURE"):
			fee = cents(made.amount * FEE_RATE + FEE_FLAT)
			made.fees = [(fee, Decimal(0))]
			self.move_balance("CHARGE", made.amount, fee, made)
		elif made.kind == "REFUND":
			self.move_balance("REFUND", -made.amount, Decimal(0), made)

	def move_balance(
		self,
		kind: str,
		amount: Decimal,
		fee: Decimal = Decimal(0),
		of: Transaction | None = None,
		reason: str | None = None,
	) -> BalanceTransaction:
		row = BalanceTransaction(
			self.new_id("balance"), kind, amount, fee, self.now(), of, reason=reason, test=False
		)
		self.balance.append(row)
		return row

	def pay_out(self, status: str = "PAID", trace: str | None = None) -> Payout:
		"""Everything of the balance goes to the bank."""
		made = Payout(self.new_id("payout"), self.now(), status, self.currency, trace)
		made.rows = [row for row in self.balance if row.payout is None]
		for row in made.rows:
			row.payout = made
		self.payouts.append(made)
		return made
