"""Transactions of an order as its payments.

Shopify writes a transaction for each step of a payment, linked by `parent_id`; one payment of ours is all steps of
the same money. It has the id of its first step: an authorisation that is captured stays the same payment. Where an
authorisation is captured in several parts, the first part is the payment that was authorised, and each further one
is a payment of its own. https://shopify.dev/docs/api/admin-graphql/2026-10/objects/OrderTransaction

Money that went back (`REFUND`) belongs to the refund that names it; change given at a till (`CHANGE`) is taken off
the cash it was given for. Cash is rounded as it is paid: what was paid is the amount with its rounding.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from commerce_bridge.bridge.model import Payment, PaymentStatus
from commerce_bridge.connectors.shopify import payloads
from commerce_bridge.connectors.shopify.ids import number_of
from commerce_bridge.connectors.shopify.payloads import required_id

#: What Shopify calls its own payments. Its payouts name transactions, and nothing else: so do we.
SHOPIFY_PAYMENTS = "shopify_payments"
_AUTHORISATIONS = frozenset({"authorization", "emv_authorization"})
_STATES: Mapping[str, PaymentStatus] = {"success": "captured", "failure": "failed", "error": "failed"}
_LONGEST = 140


@dataclass(frozen=True, slots=True)
class Step:
	"""A transaction with its id."""

	id: str
	wire: payloads.Transaction

	@property
	def kind(self) -> str:
		return self.wire.kind.lower()

	@property
	def status(self) -> str:
		return self.wire.status.lower()

	@property
	def done(self) -> bool:
		return self.status == "success"

	@property
	def gateway(self) -> str:
		return self.wire.gateway or "unknown"

	@property
	def parent(self) -> str | None:
		return number_of(self.wire.parent_id)

	@property
	def moment(self) -> datetime | None:
		return self.wire.processed_at or self.wire.created_at

	@property
	def amount(self) -> Decimal:
		return self.wire.amount + (self.wire.rounding or Decimal(0))


def steps_of(wires: Iterable[payloads.Transaction] | None, raws: Iterable[Any] | None) -> list[Step]:
	"""Transactions with their ids, oldest first. Raises `Rejected` for one that has none."""
	rows = zip(wires or (), raws or (), strict=True)
	steps = [Step(required_id(raw, "OrderTransaction", "A transaction"), wire) for wire, raw in rows]
	return sorted(steps, key=lambda step: int(step.id))


def payments_of(steps: Sequence[Step], currency: str, voided: bool = False) -> tuple[Payment, ...]:
	"""What was, or is to be, paid for an order. Refunds are none of it.

	:param steps: all transactions of the order, oldest first
	:param currency: the order's own
	:param voided: whether the order says that its authorisations were let go
	"""
	by_id = {step.id: step for step in steps}
	references = References()
	found: list[Payment] = []
	for step in steps:
		root = _authorisation(step, by_id) if step.kind == "capture" else None
		if step.kind in _AUTHORISATIONS and not _continues(step, by_id):
			found.append(_authorised(step, steps, by_id, currency, voided, references))
		elif step.kind == "sale" or (step.kind == "capture" and root is None):
			found.append(_payment(step.id, step, _status(step), currency, references))
		elif root is not None and step.done and step is not _captures(root, steps, by_id)[0]:
			found.append(_payment(step.id, step, "captured", currency, references))
	return _less_change(found, steps, by_id)


def given_back(steps: Sequence[Step], currency: str, references: References) -> tuple[Payment, ...]:
	"""What went back to the buyer with a refund, of its transactions.

	:param references: of all refunds of the order: those of one payment may all have its name
	"""
	return tuple(
		_payment(step.id, step, _status(step), currency, references)
		for step in steps
		if step.kind == "refund"
	)


# --- one payment ---------------------------------------------------------------------------------------------


class References:
	"""What gateways call payments: each name once. Shopify may give several steps, and several payments, the same;
	the oldest has it, and the others are called by their transaction."""

	def __init__(self) -> None:
		self._taken: set[tuple[str, str]] = set()

	def of(self, step: Step) -> str:
		names = (step.wire.authorization, step.wire.payment_id) if step.gateway != SHOPIFY_PAYMENTS else ()
		for name in names:
			if name and len(name) <= _LONGEST and (step.gateway, name) not in self._taken:
				self._taken.add((step.gateway, name))
				return name
		return step.id


def _payment(
	payment_id: str, step: Step, status: PaymentStatus, currency: str, references: References
) -> Payment:
	wire = step.wire
	own = wire.currency or currency
	foreign = wire.charged is not None and wire.charged_currency not in (None, own)
	fees = [fee for fee in wire.fees or () if fee.currency in (None, own)]
	return Payment(
		id=payment_id,
		gateway=step.gateway,
		reference=references.of(step),
		status=status,
		amount=step.amount,
		currency=own,
		charged=wire.charged if foreign else None,
		charged_currency=wire.charged_currency if foreign else None,
		fee=sum((fee.amount for fee in fees), Decimal(0)) if fees else None,
		fee_tax=sum((fee.tax or Decimal(0) for fee in fees), Decimal(0)) if fees else None,
		paid_at=step.moment,
		updated_at=step.moment,
	)


def _status(step: Step) -> PaymentStatus:
	return _STATES.get(step.status, "pending")


def _authorised(
	step: Step,
	steps: Sequence[Step],
	by_id: Mapping[str, Step],
	currency: str,
	voided: bool,
	references: References,
) -> Payment:
	"""An authorisation as it stands now: captured, let go, or neither yet."""
	captures = _captures(step, steps, by_id)
	if captures:
		return _payment(step.id, captures[0], "captured", currency, references)
	status: PaymentStatus = "authorised" if step.done else _status(step)
	made = _payment(step.id, step, status, currency, references)
	let_go = [each for each in _below(step, steps, by_id) if each.kind == "void" and each.done]
	if status == "authorised" and (let_go or voided):
		times = [each.moment for each in (step, *let_go) if each.moment]
		return made.model_copy(update={"status": "voided", "updated_at": max(times, default=None)})
	return made


def _captures(root: Step, steps: Sequence[Step], by_id: Mapping[str, Step]) -> list[Step]:
	return [each for each in _below(root, steps, by_id) if each.kind == "capture" and each.done]


def _below(root: Step, steps: Sequence[Step], by_id: Mapping[str, Step]) -> list[Step]:
	return [each for each in steps if each is not root and _authorisation(each, by_id) is root]


def _authorisation(step: Step, by_id: Mapping[str, Step]) -> Step | None:
	"""The authorisation a step goes on from: the first one. None where there is none."""
	found = None
	current: Step | None = step
	while current is not None:
		found = current if current.kind in _AUTHORISATIONS else found
		older = by_id.get(current.parent or "")
		# A step goes on from an older one: what says otherwise leads in a circle.
		current = older if older and int(older.id) < int(current.id) else None
	return found


def _continues(step: Step, by_id: Mapping[str, Step]) -> bool:
	"""Whether an authorisation is a later step of another one, as at a card reader."""
	first = _authorisation(step, by_id)
	return first is not None and first is not step


# --- change --------------------------------------------------------------------------------------------------


def _less_change(
	found: list[Payment], steps: Sequence[Step], by_id: Mapping[str, Step]
) -> tuple[Payment, ...]:
	for step in steps:
		if step.kind == "change" and step.done:
			index = _paid_with(found, step)
			if index is not None:
				left = found[index].amount - step.amount
				found[index] = found[index].model_copy(update={"amount": left})
	return tuple(found)


def _paid_with(found: Sequence[Payment], change: Step) -> int | None:
	"""Which payment change was given of: its parent, else one of the same gateway that was more than it."""
	fitting = [
		index
		for index, each in enumerate(found)
		if each.id == change.parent or (each.gateway == change.gateway and each.amount > change.amount)
	]
	named = [index for index in fitting if found[index].id == change.parent]
	return next(iter([*named, *fitting]), None)
