"""Refunds of an order, such that the order as it stands and its refunds are together what was ordered.

Shopify says of a refund what it took of lines and of shipping, with their taxes; what the money differs from that
("order adjustments": given for goodwill, or kept back); duties; and the transactions. A removal by an edit is one
too, without money. https://shopify.dev/docs/api/admin-graphql/2026-10/objects/Refund

Where refunds cover all that is missing of a line, what they took of it is the line as ordered less the line as it
stands: to the cent, whatever each of them says. Shopify writes 0.00 for goods that were refunded without being sent
or restocked, and the amount as an adjustment: it goes back to the line.

An adjustment is in the order's current total, or it is not: that is the shop's choice. Where money of it moved and
the total is not less by it, the order is made less (or more) by it here, for what was given back is not sold for
any more; of channels that book no refunds it is left out, and the total stays Shopify's.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from itertools import product
from typing import Any

from commerce_bridge.bridge.model import Fee, Refund, RefundLine, ShippingLine, TaxLine
from commerce_bridge.connectors.shopify import payloads
from commerce_bridge.connectors.shopify.amounts import DISCREPANCY, ZERO, Charge, Part, fit, shares
from commerce_bridge.connectors.shopify.ids import id_of, number_of
from commerce_bridge.connectors.shopify.payloads import required_id
from commerce_bridge.connectors.shopify.payments import References, given_back, steps_of

_RESTOCKED = frozenset({"return", "cancel", "legacy_restock"})
_PENDING = "pending"
_SHIPPING = "shipping_refund"


@dataclass(frozen=True, slots=True)
class Position:
	"""A line, or shipping line, of the order: as it was ordered, and what is left of it."""

	id: str
	ordered: Part
	left: Part
	title: str = ""
	code: str | None = None
	tip: bool = False


@dataclass(slots=True)
class _Row:
	"""What a refund took of a position; `stated` with its tax, as Shopify says it."""

	position: str
	quantity: int
	amount: Decimal
	tax: Decimal
	restock: bool = False
	location: str | None = None
	charges: list[Charge] = field(default_factory=list)


@dataclass(slots=True)
class _Draft:
	"""A refund in the making. `adjusted` is what the buyer gets more (or less) than lines and shipping come to."""

	id: str
	wire: payloads.Refund
	raw: Mapping[str, Any]
	lines: list[_Row]
	shipping: list[_Row]
	adjusted: Decimal = ZERO
	misstated: Decimal = ZERO  # how much less than the order says its lines are said to be
	rounding: Decimal = ZERO

	@property
	def duties(self) -> Decimal:
		return sum((duty.amount for duty in self.wire.duties or ()), ZERO)

	@property
	def moved(self) -> bool:
		steps = self.wire.transactions or ()
		return any(step.kind.lower() == "refund" and step.status.lower() == "success" for step in steps)


def refunds_of(
	order: payloads.Order,
	payload: Mapping[str, Any],
	lines: Sequence[Position],
	shipping: Sequence[Position],
	deducted: Decimal,
	line_ids: Collection[str],
	unit: Decimal,
	booked: bool,
) -> tuple[tuple[Refund, ...], Decimal]:
	"""The refunds, and what the order's total is to be less by (below 0: more) for it to agree with them.

	:param deducted: how much the order is less by its adjustments already
	:param line_ids: of the order's lines as they are booked
	:param booked: whether the channel books refunds
	"""
	drafts = [
		_draft(refund, raw)
		for refund, raw in zip(order.refunds or (), payload.get("refunds") or (), strict=True)
	]
	inclusive = order.taxes_included
	for positions, rows in ((lines, "lines"), (shipping, "shipping")):
		known = {position.id: position for position in positions}
		for position_id in dict.fromkeys(row.position for draft in drafts for row in getattr(draft, rows)):
			whole = rows == "lines"
			_fit_rows(drafts, rows, known.get(position_id), position_id, inclusive, unit, whole)
	owed = _adjust(drafts, deducted, unit, booked)
	_round(drafts, order.rounding_refunded or ZERO)
	tips = {position.id for position in lines if position.tip}
	titles = {position.id: position for position in shipping}
	references = References()
	made = {
		draft.id: _refund(draft, order, tips, titles, line_ids, unit, references)
		for draft in sorted(drafts, key=lambda draft: int(draft.id))
	}
	found = (made[draft.id] for draft in drafts)
	return tuple(refund for refund in found if _says_something(refund)), owed


def _says_something(refund: Refund) -> bool:
	return bool(refund.lines or refund.shipping or refund.adjustments or refund.payments)


# --- what each took ------------------------------------------------------------------------------------------


def _draft(wire: payloads.Refund, raw: Mapping[str, Any]) -> _Draft:
	lines = []
	for row in wire.refund_line_items or ():
		line_id = id_of(row.line_item, "LineItem") or number_of(row.line_item_id)
		if line_id is not None:
			restock = (row.restock_type or "").lower() in _RESTOCKED
			place = number_of(row.location_id)
			lines.append(_Row(line_id, row.quantity, row.subtotal or ZERO, row.tax or ZERO, restock, place))
	shipping = [
		_Row(id_of(row.shipping_line, "ShippingLine") or "", 1, row.subtotal or ZERO, row.tax or ZERO)
		for row in wire.refund_shipping_lines or ()
	]
	return _Draft(required_id(raw, "Refund", "A refund"), wire, raw, lines, shipping)


def _fit_rows(
	drafts: Sequence[_Draft],
	rows: str,
	position: Position | None,
	position_id: str,
	inclusive: bool,
	unit: Decimal,
	whole: bool,
) -> None:
	"""Gives the rows of a position the amounts, and the taxes, that are missing of it."""
	found = [(draft, row) for draft in drafts for row in getattr(draft, rows) if row.position == position_id]
	if position is None:
		for _draft, row in found:
			row.charges = [Charge("Tax", None, None, row.tax)] if row.tax else []
		return
	gone = position.ordered.quantity - position.left.quantity
	if whole and gone and sum(row.quantity for _draft, row in found) == gone:
		_fit_to(found, position, inclusive, unit)
		return
	for _draft, row in found:
		row.charges = _split(row.tax, position.ordered.charges, unit)


def _fit_to(found: Sequence[tuple[_Draft, _Row]], position: Position, inclusive: bool, unit: Decimal) -> None:
	rows = [row for _draft, row in found]
	before = [row.amount + (ZERO if inclusive else row.tax) for row in rows]
	weights = {str(index): row.quantity for index, row in enumerate(rows)}
	gone = position.ordered.amount - position.left.amount
	if sum((row.amount for row in rows), ZERO) != gone:
		for row, amount in zip(rows, shares(gone, weights, unit).values(), strict=True):
			row.amount = amount
	_fit_taxes(rows, position, weights, unit)
	for (draft, row), stated in zip(found, before, strict=True):
		draft.misstated += row.amount + (ZERO if inclusive else _tax(row.charges)) - stated


def _fit_taxes(rows: Sequence[_Row], position: Position, weights: Mapping[str, int], unit: Decimal) -> None:
	left = {_key(charge): charge.amount for charge in position.left.charges}
	missing = [
		Charge(charge.title, charge.code, charge.rate, charge.amount - left.get(_key(charge), ZERO))
		for charge in position.ordered.charges
	]
	told = sum((row.tax for row in rows), ZERO) == _tax(missing)
	parts = [list(shares(charge.amount, weights, unit).values()) for charge in missing]
	for index, row in enumerate(rows):
		last = index == len(rows) - 1
		if told and not last:
			row.charges = _split(row.tax, missing, unit)
		elif told:
			taken = [
				sum((other.charges[number].amount for other in rows[:-1]), ZERO)
				for number in range(len(missing))
			]
			row.charges = [
				_with(charge, charge.amount - taken[number]) for number, charge in enumerate(missing)
			]
		else:
			row.charges = [_with(charge, parts[number][index]) for number, charge in enumerate(missing)]


def _key(charge: Charge) -> tuple[str, str | None, Decimal | None]:
	return charge.title, charge.code, charge.rate


def _with(charge: Charge, amount: Decimal) -> Charge:
	return Charge(charge.title, charge.code, charge.rate, amount)


def _tax(charges: Iterable[Charge]) -> Decimal:
	return sum((charge.amount for charge in charges), ZERO)


def _split(tax: Decimal, charges: Sequence[Charge], unit: Decimal) -> list[Charge]:
	"""A tax as those it is made of, in proportion to them; the last one bears the rest."""
	whole, left = _tax(charges), tax
	found = []
	for number, charge in enumerate(charges, 1):
		last = number == len(charges)
		part = left if last or not whole else (tax * charge.amount / whole).quantize(unit, ROUND_HALF_UP)
		found.append(_with(charge, part))
		left -= part
	return found or ([Charge("Tax", None, None, tax)] if tax else [])


# --- what the money differs by -------------------------------------------------------------------------------


def _adjust(drafts: Sequence[_Draft], deducted: Decimal, unit: Decimal, booked: bool) -> Decimal:
	"""Gives each refund its adjustments, and returns what the order is to be less by besides."""
	ways = (_stated, _without_tax, _without_pending, _all_stated, _all_without_tax)
	for stated, corrected in product(ways, (True, False)):
		amounts = [_less_misstated(stated(draft), draft.misstated if corrected else ZERO) for draft in drafts]
		if sum(amounts, ZERO) == deducted:
			break
	else:
		amounts = [
			_less_misstated(_without_pending(draft), draft.misstated) if draft.moved and booked else ZERO
			for draft in drafts
		]
	for draft, amount in zip(drafts, amounts, strict=True):
		draft.adjusted = fit(amount, unit)
	return sum((draft.adjusted for draft in drafts), ZERO) - deducted


def _less_misstated(adjusted: Decimal, misstated: Decimal) -> Decimal:
	"""What was said to be an adjustment and is the line's goes back to it."""
	if adjusted > 0 and misstated > 0:
		return adjusted - min(adjusted, misstated)
	if adjusted < 0 and misstated < 0:
		return adjusted - max(adjusted, misstated)
	return adjusted


def _stated(draft: _Draft) -> Decimal:
	return -_gross(_adjustments(draft))


def _without_tax(draft: _Draft) -> Decimal:
	return -_net(_adjustments(draft))


def _without_pending(draft: _Draft) -> Decimal:
	"""Without what only says that the money has not moved yet."""
	return -_gross(row for row in _adjustments(draft) if not (row.reason or "").lower().startswith(_PENDING))


def _all_stated(draft: _Draft) -> Decimal:
	return -_gross(draft.wire.order_adjustments or ())


def _all_without_tax(draft: _Draft) -> Decimal:
	return -_net(draft.wire.order_adjustments or ())


def _gross(rows: Iterable[payloads.Adjustment]) -> Decimal:
	return sum((row.amount + (row.tax or ZERO) for row in rows), ZERO)


def _net(rows: Iterable[payloads.Adjustment]) -> Decimal:
	return sum((row.amount for row in rows), ZERO)


def _adjustments(draft: _Draft) -> list[payloads.Adjustment]:
	"""Older versions tell refunded shipping twice: as a line of it, and as an adjustment."""
	rows = draft.wire.order_adjustments or []
	return [row for row in rows if not (draft.shipping and (row.kind or "").lower() == _SHIPPING)]


def _round(drafts: Sequence[_Draft], rounding: Decimal) -> None:
	"""What cash that was given back was rounded by; what no transaction says is the last refund's."""
	if not rounding or not drafts:
		return
	for draft in drafts:
		steps = draft.wire.transactions or ()
		draft.rounding = sum((step.rounding or ZERO for step in steps if step.kind.lower() == "refund"), ZERO)
	paying = [draft for draft in drafts if draft.moved] or list(drafts)
	paying[-1].rounding += rounding - sum((draft.rounding for draft in drafts), ZERO)


# --- the refund ----------------------------------------------------------------------------------------------


def _refund(
	draft: _Draft,
	order: payloads.Order,
	tips: Collection[str],
	shipping: Mapping[str, Position],
	line_ids: Collection[str],
	unit: Decimal,
	references: References,
) -> Refund:
	wire = draft.wire
	fees = [
		Fee(code="tip", title="Tip", amount=fit(row.amount, unit), taxes=_taxes(row.charges, unit))
		for row in draft.lines
		if row.position in tips
	]
	extra = (
		("duties", "Duties", draft.duties),
		(DISCREPANCY, "Refund discrepancy", draft.adjusted),
		("rounding", "Cash rounding", draft.rounding),
	)
	fees += [Fee(code=code, title=title, amount=fit(amount, unit)) for code, title, amount in extra if amount]
	lines = [_line(row, line_ids, unit) for row in draft.lines if row.position not in tips]
	ships = [
		_shipping(row, shipping.get(row.position), unit) for row in draft.shipping if row.amount or row.tax
	]
	steps = steps_of(wire.transactions, draft.raw.get("transactions"))
	created = wire.created_at or wire.processed_at or order.updated_at
	times = [time for time in (wire.updated_at, created, *(step.moment for step in steps)) if time]
	return Refund(
		id=draft.id,
		created_at=created,
		updated_at=max(times),
		currency=order.currency,
		prices_include_tax=order.taxes_included,
		lines=tuple(lines),
		shipping=tuple(ships),
		adjustments=tuple(fees),
		total=fit(_total([*lines, *ships, *fees], order.taxes_included), unit),
		payments=given_back(steps, order.currency, references),
		return_id=id_of(wire.of_return, "Return"),
	)


def _total(parts: Iterable[RefundLine | ShippingLine | Fee], inclusive: bool) -> Decimal:
	total = ZERO
	for part in parts:
		total += part.amount
		if not inclusive:
			total += sum((tax.amount for tax in part.taxes), ZERO)
	return total


def _line(row: _Row, line_ids: Collection[str], unit: Decimal) -> RefundLine:
	split = f"{row.position}:{row.location}"
	return RefundLine(
		order_line_id=split if split in line_ids else row.position,
		quantity=Decimal(row.quantity),
		amount=fit(row.amount, unit),
		taxes=_taxes(row.charges, unit),
		restock=row.restock,
		location_id=row.location,
	)


def _shipping(row: _Row, position: Position | None, unit: Decimal) -> ShippingLine:
	return ShippingLine(
		code=position.code if position else None,
		title=position.title if position else None,
		amount=fit(row.amount, unit),
		taxes=_taxes(row.charges, unit),
	)


def _taxes(charges: Iterable[Charge], unit: Decimal) -> tuple[TaxLine, ...]:
	return tuple(
		TaxLine(title=charge.title, code=charge.code, rate=charge.rate, amount=fit(charge.amount, unit))
		for charge in charges
		if charge.amount
	)
