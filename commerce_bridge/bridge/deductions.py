"""What refunds take off an order: on its Sales Order (or the draft of a Sales Invoice that stands instead of one) while that
can follow, by credit notes once it cannot.

A Channel Record of type "Refund" keeps what the shop took back, and how it was booked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

from commerce_bridge.bridge.adoption import ADOPTED
from commerce_bridge.bridge.channel import Channel
from commerce_bridge.bridge.errors import Rejected
from commerce_bridge.bridge.model import Fee, Order, Refund, RefundLine, ShippingLine, TaxLine
from commerce_bridge.bridge.money import decimals_of, written
from commerce_bridge.bridge.plan import Books, Record, SalesOrderState
from commerce_bridge.bridge.protocols import Erp
from commerce_bridge.bridge.totals import prorated

RECORD_TYPE = "Refund"
INVOICE = "Invoice"
#: How a refund was booked: off the Sales Order (money not looked at yet, and done), by a credit note, not yet, or
#: not at all, for there was nothing to credit.
TAKEN_OFF, DEDUCTED, CREDITED, WAITING, SETTLED = "taken off", "deducted", "credited", "waiting", "settled"
ZERO = Decimal(0)


def handles_refunds(channel: Channel) -> bool:
	"""Whether anything is booked of refunds; else orders say what a person has to do."""
	return channel.refunds.credit_notes or bool(channel.payments)


# --- what is known ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Known:
	"""A refund of an order, and what is kept of it. `named`: the order's newest state says it."""

	refund: Refund
	record: Record | None = None
	named: bool = False

	@property
	def how(self) -> str | None:
		return self.record.fingerprint if self.record else None

	@property
	def is_off(self) -> bool:
		"""Whether the Sales Order is less by it."""
		return self.how in (TAKEN_OFF, DEDUCTED)


def known_refunds(erp: Erp, channel: Channel, order_id: str, named: Sequence[Refund] = ()) -> list[Known]:
	"""The refunds of an order, by id: those its newest state names, and those told by themselves before. Not those
	that the shop took back."""
	records = {record.external_id: record for record in erp.records_of(channel.name, RECORD_TYPE, order_id)}
	found: dict[str, Known] = {}
	for external_id, record in records.items():
		if record.data:  # else it was asked for here, and the shop did not tell of it yet
			found[external_id] = Known(Refund.model_validate_json(record.data), record)
	for told in named:
		refund, record = told.model_copy(update={"order_id": order_id}), records.get(told.id)
		kept = found.get(told.id)
		newest = kept.refund if kept and record and is_older(record, refund) else refund
		found[refund.id] = Known(newest, record, named=True)
	return [known for _id, known in sorted(found.items()) if not known.refund.cancelled]


def taken_off(erp: Erp, channel: Channel, order_id: str) -> dict[str, Decimal]:
	"""How much of each line the document of an order is less by refunds, by the shop's line id."""
	gone: dict[str, Decimal] = {}
	for known in known_refunds(erp, channel, order_id):
		for line in known.refund.lines if known.is_off else ():
			gone[line.order_line_id] = gone.get(line.order_line_id, ZERO) + line.quantity
	return gone


def is_older(record: Record, refund: Refund) -> bool:
	"""Whether the record has seen a newer state. The same one is no older: it may have been waiting."""
	if record.version is not None and refund.version is not None:
		return refund.version < record.version
	return record.source_time is not None and moment_of(refund) < record.source_time


def moment_of(refund: Refund) -> datetime:
	return refund.updated_at or refund.created_at


def fact_of(record: Record | None, refund: Refund, channel: Channel) -> Record:
	"""What is kept of a refund; how it was booked stays."""
	known = record or Record(channel.name, RECORD_TYPE, refund.id)
	return replace(
		known,
		version=refund.version,
		source_time=moment_of(refund),
		cancelled=refund.cancelled,
		shop_total=refund.total,
		currency=refund.currency,
		order_id=refund.order_id,
		data=refund.model_dump_json(),
	)


# --- off the order ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class View:
	"""An order as its Sales Order is to say it.

	:param known: refunds of it are known, whatever becomes of them
	:param taken: refunds that it is less by
	:param explained: the Sales Order differs by refunds only, which credit notes say
	:param nothing_left: all of it was given back
	"""

	order: Order
	known: bool = False
	taken: tuple[Known, ...] = ()
	explained: bool = False
	nothing_left: bool = False


def view_of(erp: Erp, channel: Channel, order: Order, record: Record, state: SalesOrderState | None) -> View:
	"""What of an order its Sales Order is to say, with what was given back of it.

	:param state: of the Sales Order, `release` having been tried
	"""
	refunds = refunds_of(erp, channel, order, record)
	if not refunds:
		return View(order)
	if is_free(state):
		return _less_all(order, [known for known in refunds if known.how != CREDITED])
	if not order.refunds_deducted:
		return View(less_refunds(order, [known.refund for known in refunds if known.is_off]), known=True)
	books = erp.get_books(record.document) if record.document else None
	not_off = [known.refund for known in refunds if not known.is_off]
	return View(order, known=True, explained=books is not None and explains(order, books, not_off))


def refunds_of(erp: Erp, channel: Channel, order: Order, record: Record) -> list[Known]:
	"""The refunds that change how an order is booked."""
	if not handles_refunds(channel) or record.fingerprint == ADOPTED:
		return []
	return known_refunds(erp, channel, order.id, order.refunds)


def is_free(state: SalesOrderState | None) -> bool:
	"""Whether nothing stands on a Sales Order that keeps it from following."""
	return (
		state is None or state.status == "Cancelled" or not (state.delivered or state.billed or state.drafts)
	)


def release(erp: Erp, channel: Channel, order_id: str, state: SalesOrderState) -> SalesOrderState:
	"""Deletes the draft invoices that we made of the order, where nothing else stands on it; its state after that."""
	if not state.drafts or state.delivered or state.billed:
		return state
	deleted = erp.delete_draft_invoices(state.name)
	invoice = erp.get_record(channel.name, INVOICE, order_id) if deleted else None
	if invoice and invoice.document in deleted:
		erp.save_record(replace(invoice, doctype=None, document=None))
	return erp.get_sales_order(state.name) or state


def save_taken(erp: Erp, channel: Channel, taken: Iterable[Known]) -> None:
	"""Keeps that the Sales Order is less by these refunds; part of the transaction that makes it so."""
	for known in taken:
		if not known.is_off:
			fact = fact_of(known.record, known.refund, channel)
			erp.save_record(replace(fact, fingerprint=TAKEN_OFF))


def _less_all(order: Order, refunds: Sequence[Known]) -> View:
	"""More than there is cannot be taken off: the refund's own entry says so."""
	taken: list[Known] = []
	for known in refunds:
		if order.refunds_deducted and known.named:
			taken.append(known)
			continue
		try:
			order = less_refunds(order, [known.refund])
		except Rejected:
			continue
		taken.append(known)
	gone = order.money_gone == "refunded" or (not order.total and any(known.refund.total for known in taken))
	left = any(line.quantity for line in order.lines)
	nothing_left = bool(taken) and (gone or not (order.total or left))
	return View(order, known=True, taken=tuple(taken), nothing_left=nothing_left)


def less_refunds(order: Order, refunds: Iterable[Refund]) -> Order:
	"""The order without what was given back. A line of which less was given back than it is, or more, leaves a fee.

	:raises Rejected: more was given back than there is; names the refund
	"""
	for refund in refunds:
		order = _Less(order, refund).result()
	return order


class _Less:
	def __init__(self, order: Order, refund: Refund):
		self.order = order
		self.refund = refund
		self.lines = {line.id: line for line in order.lines}
		self.shipping = list(order.shipping)
		self.fees = list(order.fees)

	def result(self) -> Order:
		for line in self.refund.lines:
			for part in placed(line, {key: each.quantity for key, each in self.lines.items()}, self.refund):
				self._line(part)
		for shipping in self.refund.shipping:
			self._shipping(shipping)
		for fee in self.refund.adjustments:
			self._fee(f"Refund {self.refund.id}", -self._amount(fee), _negative(fee.taxes))
		total = self.order.total - self.refund.total
		if total < 0:
			raise Rejected(
				f"{self._called()} gives back {written(self.refund.total, self.order.currency)}, more than the "
				f"{written(self.order.total, self.order.currency)} that are left of its order"
			)
		values = {"shipping": tuple(self.shipping), "fees": tuple(self.fees), "total": total}
		return self.order.model_copy(update={"lines": tuple(self.lines.values()), **values})

	def _called(self) -> str:
		return f"Refund {self.refund.id}"

	def _amount(self, part: RefundLine | ShippingLine | Fee) -> Decimal:
		"""In the order's tax mode."""
		if self.order.prices_include_tax == self.refund.prices_include_tax:
			return part.amount
		taxes = sum((tax.amount for tax in part.taxes), ZERO)
		return part.amount + taxes if self.order.prices_include_tax else part.amount - taxes

	def _line(self, part: RefundLine) -> None:
		line = self.lines[part.order_line_id]
		quantity = line.quantity - part.quantity
		total = line.total - self._amount(part)
		taxes = _less_taxes(line.taxes, part.taxes)
		rest = total if not quantity else min(total, ZERO)
		if rest or (not quantity and any(tax.amount for tax in taxes)):
			kept = taxes if not quantity else ()
			self._fee(f"{self._called()}: {line.name or line.sku or line.id}", rest, kept)
			total -= rest
			taxes = () if not quantity else taxes
		discount = max(quantity * line.unit_price - total, ZERO)
		changes = {"quantity": quantity, "total": total, "discount": discount, "taxes": taxes}
		self.lines[line.id] = line.model_copy(update=changes)

	def _shipping(self, part: ShippingLine) -> None:
		"""Off the line that is called the same, or the next ones."""
		left, taxes = self._amount(part), part.taxes
		for index in sorted(
			range(len(self.shipping)), key=lambda index: not _alike(self.shipping[index], part)
		):
			line = self.shipping[index]
			taken = min(left, line.amount)
			if not taken:
				continue
			changes = {"amount": line.amount - taken, "taxes": _less_taxes(line.taxes, taxes)}
			self.shipping[index] = line.model_copy(update=changes)
			left, taxes = left - taken, ()
		if left or taxes:
			self._fee(f"{self._called()}: {part.title or part.code or 'shipping'}", -left, _negative(taxes))

	def _fee(self, title: str, amount: Decimal, taxes: tuple[TaxLine, ...]) -> None:
		if amount or any(tax.amount for tax in taxes):
			self.fees.append(Fee(title=title, amount=amount, taxes=taxes))


def _alike(line: ShippingLine, part: ShippingLine) -> bool:
	return (line.code, line.title) == (part.code, part.title) or part.title in (line.title, line.code)


def _negative(taxes: Iterable[TaxLine]) -> tuple[TaxLine, ...]:
	return tuple(tax.model_copy(update={"amount": -tax.amount}) for tax in taxes)


def _less_taxes(taxes: Sequence[TaxLine], off: Iterable[TaxLine]) -> tuple[TaxLine, ...]:
	left = list(taxes)
	for tax in off:
		index = _same_tax(left, tax)
		if index is None:
			left.append(tax.model_copy(update={"amount": -tax.amount}))
		else:
			left[index] = left[index].model_copy(update={"amount": left[index].amount - tax.amount})
	return tuple(left)


def _same_tax(taxes: Sequence[TaxLine], tax: TaxLine) -> int | None:
	for alike in (
		lambda other: (other.title, other.code, other.rate) == (tax.title, tax.code, tax.rate),
		lambda other: other.title == tax.title or (other.code and other.code == tax.code),
	):
		found = next((index for index, other in enumerate(taxes) if alike(other)), None)
		if found is not None:
			return found
	return None


# --- by line ---------------------------------------------------------------------------------------------


def placed(line: RefundLine, room: Mapping[str, Decimal], refund: Refund) -> list[RefundLine]:
	"""What was given back for a line, by line of the document: one that is split over locations is several of them,
	"7" and "7:location"; that of the refund's location comes first.

	:param room: how much of each line there is
	:raises Rejected: the document does not have that much
	"""
	called = f"Refund {refund.id}"
	there = f"{line.order_line_id}:{line.location_id}"
	parts = [key for key in room if key == line.order_line_id or key.startswith(f"{line.order_line_id}:")]
	parts.sort(key=lambda part: (part != there, part != line.order_line_id, part))
	if not parts:
		raise Rejected(f'{called} is of line "{line.order_line_id}", which its order does not have')
	if not line.quantity:
		return [line.model_copy(update={"order_line_id": parts[0]})]
	taken: dict[str, Decimal] = {}
	left = line.quantity
	for part in parts:
		quantity = min(left, room[part])
		if quantity > 0:
			taken[part] = quantity
			left -= quantity
	if left:
		raise Rejected(
			f'{called} gives back {line.quantity:f} of line "{line.order_line_id}", '
			f"but {line.quantity - left:f} are left of it"
		)
	return shares(line, taken, decimals_of(refund.currency))


def shares(line: RefundLine, quantities: Mapping[str, Decimal], decimals: int) -> list[RefundLine]:
	"""A part of a refund's line for each of these lines and quantities, with its share of the amounts: together, they
	are the line's where the quantities are."""
	made, done = [], ZERO
	for key, quantity in quantities.items():
		before, done = done, done + quantity

		def part(amount: Decimal, before: Decimal = before, after: Decimal = done) -> Decimal:
			taken = prorated(amount, Fraction(before) / Fraction(line.quantity), ZERO, decimals)
			return prorated(amount, Fraction(after) / Fraction(line.quantity), taken, decimals)

		taxes = tuple(tax.model_copy(update={"amount": part(tax.amount)}) for tax in line.taxes)
		changes = {"order_line_id": key, "quantity": quantity, "amount": part(line.amount), "taxes": taxes}
		made.append(line.model_copy(update=changes))
	return made


def explains(order: Order, books: Books, refunds: Sequence[Refund]) -> bool:
	"""Whether what is booked, less these refunds, is the order as it stands."""
	quantities = dict(books.quantities)
	try:
		for refund in refunds:
			for line in refund.lines:
				for part in placed(line, quantities, refund):
					quantities[part.order_line_id] -= part.quantity
	except Rejected:
		return False
	stands = {line.id: line.quantity for line in order.lines if line.quantity}
	if {key: quantity for key, quantity in quantities.items() if quantity} != stands:
		return False
	return order.total in _totals(books.total, refunds)


def _totals(total: Decimal, refunds: Sequence[Refund]) -> set[Decimal]:
	"""What an order may say: whether goodwill lowers it is some shops' choice, for each refund."""
	totals = {total - sum((refund.total for refund in refunds), ZERO)}
	for refund in refunds[:10]:
		goodwill = sum((fee.amount + _added(refund, fee) for fee in refund.adjustments), ZERO)
		totals |= {each + goodwill for each in totals}
	return totals


def _added(refund: Refund, fee: Fee) -> Decimal:
	return ZERO if refund.prices_include_tax else sum((tax.amount for tax in fee.taxes), ZERO)


def unsent(books: Books, refunds: Iterable[Refund]) -> tuple[dict[str, Decimal], Decimal]:
	"""How much of each line was given back and not sent, and how much is left to be sent of all.

	:param refunds: that the Sales Order is not less by
	"""
	given: dict[str, Decimal] = {}
	for refund in refunds:
		for line in refund.lines:
			for part in placed(line, books.quantities, refund):
				given[part.order_line_id] = given.get(part.order_line_id, ZERO) + part.quantity
	kept_back, left = {}, ZERO
	for line, ordered in books.quantities.items():
		rest = max(ordered - books.delivered.get(line, ZERO), ZERO)
		kept = min(given.get(line, ZERO), rest)
		if kept:
			kept_back[line] = kept
		left += rest - kept
	return kept_back, left


def all_given_back(books: Books, refunds: Sequence[Refund]) -> bool:
	"""Whether refunds that the Sales Order is not less by take back all of it."""
	return bool(refunds) and sum((refund.total for refund in refunds), ZERO) >= books.total


def sold_data(order: Order) -> str:
	"""What a record keeps of an order as it was booked: what was sold, and nothing of a person."""
	kept = {
		"customer",
		"billing_address",
		"shipping_address",
		"note",
		"custom",
		"payments",
		"refunds",
		"returns",
	}
	slim = {"lines": {"__all__": {"custom"}}, **dict.fromkeys((*kept, "fulfilments"), True)}
	return order.model_dump_json(exclude=slim)
