"""A shop cancels an order of which something was billed, or sent: credited in full, or explained by its refunds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from commerce_bridge.bridge.channel import Channel
from commerce_bridge.bridge.credit_notes import credit_rest, submitted
from commerce_bridge.bridge.deductions import (
	CREDITED,
	Known,
	all_given_back,
	handles_refunds,
	known_refunds,
	less_refunds,
	release,
)
from commerce_bridge.bridge.model import Order
from commerce_bridge.bridge.money import written
from commerce_bridge.bridge.plan import Books, Record, ReturnPlan, SalesOrderState
from commerce_bridge.bridge.protocols import Erp


@dataclass(frozen=True, slots=True)
class Settled:
	"""What became of the order; `cancelled`: nothing of it is left to be credited by refunds."""

	message: str
	cancelled: bool


def settle_billed(
	erp: Erp, channel: Channel, record: Record, state: SalesOrderState, order: Order | None, moment: datetime
) -> Settled | None:
	"""What a cancellation is where the order's document cannot be cancelled; None where it is as ever, drafts of ours gone.

	Goods that left with the Sales Invoice that stands for the order left on paper only: they come back as goods of a refund do.

	:param order: as it stands in the shop, where the cancellation says it
	:raises TotalsDiffer, Misconfigured: as of a credit note
	"""
	if not handles_refunds(channel):
		return None
	state = release(erp, channel, record.external_id, state)
	if not state.delivered and not state.billed:
		return None
	books = erp.get_books(state.name)
	if books is None:
		return None
	refunds = known_refunds(erp, channel, record.external_id, order.refunds if order else ())
	if state.delivered:
		if all_given_back(books, [known.refund for known in refunds if not known.is_off]):
			return Settled("All of it was given back: that is booked by itself", cancelled=False)
		if state.delivered != (state.name,):
			return None
	if not channel.refunds.credit_notes or not record.data or _unbilled_drafts(state, books):
		return None
	credited = [known for known in refunds if known.how == CREDITED]
	if _billed(books) != books.total or _by_hand(books, credited):
		return _credited_already(erp, channel, books)
	sold = Order.model_validate_json(record.data)
	return _credit_all(erp, channel, books, sold, [known.refund for known in credited], moment)


def _unbilled_drafts(state: SalesOrderState, books: Books) -> bool:
	"""Whether goods are being prepared, or a person drafts an invoice: both have to be decided by a person."""
	return bool(set(state.drafts) - {note.name for note in books.invoices if note.is_return})


def _billed(books: Books) -> Decimal:
	return sum((invoice.total for invoice in submitted(books)), Decimal(0))


def _by_hand(books: Books, credited: Sequence[Known]) -> bool:
	"""Whether there are credit notes of no refund: how much of which line they are of, only a person knows."""
	ours = {known.record.document for known in credited if known.record}
	return any(note.is_return and note.name not in ours for note in books.invoices)


def _credited_already(erp: Erp, channel: Channel, books: Books) -> Settled | None:
	"""Where credit notes come to all that was billed, nothing is left to be decided."""
	notes = [note for note in books.invoices if note.is_return]
	complete = sum(note.total for note in notes) == _billed(books)
	if not notes or not complete or not all(note.submitted for note in notes):
		return None
	names = ", ".join(note.name for note in notes)
	return _closed(erp, channel, books, f"credited already by {names}, ")


def _credit_all(
	erp: Erp, channel: Channel, books: Books, sold: Order, credited: list, moment: datetime
) -> Settled:
	on = moment.astimezone(ZoneInfo(channel.time_zone)).date()
	booked = credit_rest(erp, channel, books, sold, credited, on)
	said = f"credit note {booked.name} over {written(booked.grand_total, books.currency)}, " if booked else ""
	back = _take_goods_back(erp, channel, books, less_refunds(sold, credited), on)
	return _closed(erp, channel, books, f"{said}{back}")


def _take_goods_back(erp: Erp, channel: Channel, books: Books, rest: Order, on: date) -> str:
	"""What left with the invoice, and was not given back before."""
	policy, away = channel.refunds, {}
	for line in rest.lines:
		out = books.delivered.get(line.id, Decimal(0)) - books.returned.get(line.id, Decimal(0))
		if min(line.quantity, out) > 0:
			away[line.id] = min(line.quantity, out)
	if not away:
		return ""
	if policy.returns == "Nothing":
		return "goods that left with it to be received by hand, "
	submit = policy.returns == "Submitted"
	plan = ReturnPlan(channel.name, books.sales_order, away, on, submit, policy.return_warehouse)
	made = erp.create_returns(channel, plan)
	return f"return {', '.join(made)}, " if made else ""


def _closed(erp: Erp, channel: Channel, books: Books, said: str) -> Settled:
	erp.forget_pushed(channel.name, books.sales_order)
	erp.close_sales_order(books.sales_order)
	owed = books.paid - books.paid_back
	kept = f". {written(owed, books.currency)} was paid and is not given back yet" if owed > 0 else ""
	done = f"Sales Order {books.sales_order} closed"
	if books.doctype != "Sales Order":
		done = f"nothing is left of Sales Invoice {books.sales_order}"
	return Settled(f"Cancelled after it was billed: {said}{done}{kept}", cancelled=True)
