"""What a shop gave back: off the Sales Order while it can follow, else a credit note, the money, and the goods.

State-based: a refund, its order, its payment, the invoice and the delivery may come in any order. What is missing is
waited for, and wakes the entry.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal

from commerce_bridge.bridge.channel import Channel
from commerce_bridge.bridge.credit_notes import credit, submitted
from commerce_bridge.bridge.deductions import (
	CREDITED,
	DEDUCTED,
	RECORD_TYPE,
	SETTLED,
	TAKEN_OFF,
	WAITING,
	fact_of,
	handles_refunds,
	is_free,
	is_older,
	known_refunds,
	moment_of,
	placed,
	release,
	unsent,
)
from commerce_bridge.bridge.errors import Rejected, Retryable
from commerce_bridge.bridge.invoices import bill_rest, record_if_paid
from commerce_bridge.bridge.model import Order, OrderCancellation, Refund, RefundLine
from commerce_bridge.bridge.money import written
from commerce_bridge.bridge.orders import follow_again
from commerce_bridge.bridge.payments import FOUND as PAYMENT_FOUND
from commerce_bridge.bridge.payments import RECORD_TYPE as PAYMENT
from commerce_bridge.bridge.payments import Booking, book, day_of, moved, order_record
from commerce_bridge.bridge.payments import fact_of as payment_fact
from commerce_bridge.bridge.payments import is_older as is_older_payment
from commerce_bridge.bridge.plan import Books, Invoice, Record, ReturnPlan, SalesOrderState
from commerce_bridge.bridge.protocols import Connector, Entry, Outcome
from commerce_bridge.bridge.requested_refunds import own_credit_note, wait_for_ours
from commerce_bridge.bridge.world import World

DOCTYPE = "Sales Invoice"
ZERO = Decimal(0)
#: How long a refund waits at least for what it is of.
PENDING = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class _Work:
	"""One refund, with everything that decides how it is booked."""

	world: World
	channel: Channel
	connector: Connector
	entry: Entry
	refund: Refund
	order: Record
	state: SalesOrderState
	books: Books


def apply_refund(
	world: World, channel: Channel, connector: Connector, refund: Refund, entry: Entry
) -> Outcome:
	"""Books what a shop gave back, as far as its order stands; part of the entry's transaction.

	:raises Retryable: its order, a line of it, or the payment is not here yet
	:raises Rejected: it is more than the order, or was taken back after it was booked; names both
	:raises Misconfigured: an account, item or payment method is missing
	"""
	if not handles_refunds(channel):
		return Outcome(
			"Skipped", "Not booked: this channel makes no credit notes, and has no Payment Methods"
		)
	order = order_record(world.erp, channel, refund.order_id, f"refund {refund.id}")
	record = world.erp.get_record(channel.name, RECORD_TYPE, refund.id)
	if record and is_older(record, refund):
		return Outcome("Skipped", "Stale: a newer state of this refund was applied already")
	if record is None:
		wait_for_ours(world.journal, channel.name, refund.order_id)
	fact = fact_of(record, refund, channel)
	state = world.erp.get_sales_order(order.document) if order.document else None
	books = world.erp.get_books(order.document) if state and order.document else None
	if state is None or books is None:
		world.erp.save_record(fact)
		if order.cancelled:  # money of it may have been waiting for a person
			topics = sorted({*connector.fact_topics, PAYMENT_FOUND})
			world.journal.wake(channel.name, topics, refund.order_id, world.now())
		gone = (
			f"{order.doctype} {order.document} was deleted in ERPNext" if order.document else "not imported"
		)
		return Outcome("Skipped", f"Of an order that is {gone}" if not order.document else gone)
	work = _Work(world, channel, connector, entry, refund, order, state, books)
	if refund.cancelled:
		return _taken_back(work, record, fact)
	return _book(work, fact)


def _book(work: _Work, fact: Record) -> Outcome:
	erp = work.world.erp
	if fact.fingerprint is None:
		_check(work)
	_check_paid(work)
	first = fact.fingerprint is None
	fact, said = _book_goods(work, fact)
	erp.save_record(fact)
	work = _as_it_stands(work)
	returned = _take_goods_back(work) if first and fact.fingerprint != DEDUCTED else ""
	bookings = _book_money(work)
	record_if_paid(work.world, work.channel, work.refund.order_id, work.entry)  # a draft of it may be gone
	if first:
		_wake_refused(work)
	done = [said, returned, *(booking.message for booking in bookings), _not_to_send(work, fact)]
	waits = fact.fingerprint == WAITING and not returned and not any(booking.changed for booking in bookings)
	return Outcome(
		"Skipped" if waits else "Succeeded",
		". ".join(filter(None, done)),
		reference_doctype=fact.doctype or work.order.doctype,
		reference_name=fact.document or work.order.document,
	)


def _wake_refused(work: _Work) -> None:
	"""A cancellation, or change, of the order that failed may have been what this refund explains."""
	topics = sorted(work.connector.order_topics)
	work.world.journal.wake(work.channel.name, topics, work.refund.order_id, work.world.now(), refused=True)


def _as_it_stands(work: _Work) -> _Work:
	"""With the Sales Order that there is now: money goes back for the amended one, not for the one before."""
	order = order_record(work.world.erp, work.channel, work.refund.order_id, f"refund {work.refund.id}")
	books = work.world.erp.get_books(order.document) if order.document else None
	return replace(work, order=order, books=books or work.books)


# --- whether it can be ------------------------------------------------------------------------------------


def _check(work: _Work) -> None:
	"""More than the order cannot be given back, unless a change of the order is on its way."""
	refund, books = work.refund, work.books
	try:
		_check_parts(work)
	except Rejected as error:
		if work.order.source_time and work.order.source_time >= moment_of(refund):
			raise
		raise Retryable(str(error), PENDING) from error
	if refund.currency != books.currency:
		raise Rejected(
			f"Refund {refund.id}: its currency is {refund.currency}, that of its order {books.currency}"
		)


def _check_parts(work: _Work) -> None:
	refund, books = work.refund, work.books
	others = [known for known in _others(work) if not known.is_off]
	room = dict(books.quantities)
	for known in others:
		for line in known.refund.lines:
			for part in placed(line, room, known.refund):
				room[part.order_line_id] -= part.quantity
	for line in refund.lines:
		for part in placed(line, room, refund):
			room[part.order_line_id] -= part.quantity
	before = sum((known.refund.total for known in others), ZERO)
	if before + refund.total > books.total:
		already = f", of which {written(before, books.currency)} was given back before" if before else ""
		raise Rejected(
			f"Refund {refund.id} gives back {written(refund.total, refund.currency)}, but {books.doctype} "
			f"{books.sales_order} is {written(books.total, books.currency)}{already}. Look it up in the shop; book it by "
			"hand, and skip this entry."
		)


def _others(work: _Work) -> list:
	known = known_refunds(work.world.erp, work.channel, work.refund.order_id)
	return [each for each in known if each.refund.id != work.refund.id and each.how is not None]


def _check_paid(work: _Work) -> None:
	"""No more money goes back than came in; the payment may be on its way."""
	if not work.channel.payments:
		return
	ids = {payment.id for payment in work.refund.payments}
	back = sum((payment.amount for payment in work.refund.payments if payment.status == "captured"), ZERO)
	if not back:
		return
	erp, order_id = work.world.erp, work.refund.order_id
	records = erp.records_of(work.channel.name, PAYMENT, order_id)
	before = moved([record for record in records if record.external_id not in ids], "Pay")
	paid = max(moved(records, "Receive"), work.books.paid)
	if before + back > paid:
		already = f" after {written(before, work.books.currency)} before" if before else ""
		raise Retryable(
			f"Refund {work.refund.id} gives back {written(back, work.refund.currency)}{already}, but "
			f"{written(paid, work.books.currency)} was paid of its order as far as is known: it waits for the payment",
			PENDING,
		)


# --- the positions ----------------------------------------------------------------------------------------


def _book_goods(work: _Work, fact: Record) -> tuple[Record, str]:
	"""The record as it is to be kept, and what was done in words."""
	if fact.fingerprint in (TAKEN_OFF, DEDUCTED):
		return replace(fact, fingerprint=DEDUCTED), f"Taken off {work.books.doctype} {work.books.sales_order}"
	if fact.document:
		return fact, f"Credited by {fact.document}"
	if fact.fingerprint == SETTLED:
		return fact, "Nothing is to be credited"
	if work.order.cancelled or work.state.status == "Cancelled":
		return replace(fact, fingerprint=SETTLED), "The order is cancelled: nothing is left to be credited"
	by_hand = _credited_by_hand(work)
	if by_hand and not by_hand.submitted:
		waits = "is of exactly this, a person's draft: submit it, or delete it"
		return replace(fact, fingerprint=WAITING), f"Credit note {by_hand.name} {waits}"
	if by_hand:
		credited = replace(fact, fingerprint=CREDITED, doctype=DOCTYPE, document=by_hand.name)
		return credited, f"Credit note {by_hand.name} says it already: a person made it"
	followed = _follow(work, fact)
	if followed:
		return followed
	if not work.channel.refunds.credit_notes:
		return replace(fact, fingerprint=SETTLED), "This channel makes no credit notes: make it by hand"
	return _credit(work, fact)


def _credited_by_hand(work: _Work) -> Invoice | None:
	records = work.world.erp.records_of(work.channel.name, RECORD_TYPE, work.refund.order_id)
	return own_credit_note(
		work.books, {record.document for record in records if record.document}, work.refund
	)


def _follow(work: _Work, fact: Record) -> tuple[Record, str] | None:
	"""The Sales Order made anew without what was given back; None where it cannot follow."""
	erp = work.world.erp
	order = _latest(work)
	# Without it our drafts stay: deleted, they would be made again, and this refund looked at again, for ever.
	state = release(erp, work.channel, work.refund.order_id, work.state) if order else work.state
	if not is_free(state):
		_refuse_while_prepared(work, state)
		return None
	if order is None:
		return None
	erp.save_record(fact)
	outcome = follow_again(erp, work.channel, order, work.entry)
	if outcome.state == "Failed":
		raise Rejected(outcome.message)
	after = erp.get_record(work.channel.name, RECORD_TYPE, work.refund.id)
	if after is None or after.fingerprint != TAKEN_OFF:
		if (
			state != work.state
		):  # without our drafts: they would be made again, and this looked at again, for ever
			raise Rejected(
				f"Refund {work.refund.id} cannot be taken off {state.doctype} {state.name}. Submit its draft invoice, or make the "
				"credit note by hand, then retry."
			)
		return None
	return replace(after, fingerprint=DEDUCTED), outcome.message


def _refuse_while_prepared(work: _Work, state: SalesOrderState) -> None:
	"""Goods that are given back are not to be sent."""
	notes = {invoice.name for invoice in work.books.invoices}
	drafts = [name for name in state.drafts if name not in notes]
	if drafts and not state.delivered and not state.billed:
		raise Rejected(
			f"{state.doctype} {state.name} cannot follow refund {work.refund.id}: it is in preparation in "
			f"{', '.join(drafts)}. Delete these drafts, or submit them where the goods are sent; then retry."
		)


def _latest(work: _Work) -> Order | None:
	"""The order as the shop told it last, where an entry still says it."""
	topics = sorted(work.connector.order_topics)
	latest = work.world.journal.latest(work.channel.name, topics, work.refund.order_id)
	if latest is None:
		return None
	event = work.connector.parse(*latest)
	order = event.data
	if event.incomplete or not isinstance(order, Order) or order.cancelled:
		return None
	return order if order.updated_at == work.order.source_time else None


def _is_cancelled(work: _Work) -> bool:
	"""Whether the shop cancelled the order, by what it told last of it."""
	topics = sorted(work.connector.order_topics)
	latest = work.world.journal.latest(work.channel.name, topics, work.refund.order_id)
	data = work.connector.parse(*latest).data if latest else None
	return isinstance(data, OrderCancellation) or (isinstance(data, Order) and data.cancelled)


def _credit(work: _Work, fact: Record) -> tuple[Record, str]:
	"""A credit note of what was given back, once all of it is billed: invoices are the order, credit notes its refunds.

	What is not sent is billed too once nothing else is left to be sent; the credit note takes it back.
	"""
	rest = bill_rest(work.world, work.channel, work.order, work.books, [*_given_back(work), work.refund])
	work = replace(work, books=work.world.erp.get_books(work.books.sales_order) or work.books)
	parts = [part for line in work.refund.lines for part in placed(line, work.books.quantities, work.refund)]
	unbilled = _unbilled(work.books, parts)
	if unbilled:
		return replace(fact, fingerprint=WAITING), f"Its credit note waits for the invoice of {unbilled}"
	refund = work.refund.model_copy(update={"lines": tuple(parts)})
	on = day_of(work.channel, refund.created_at)
	booked = credit(work.world.erp, work.channel, work.books, refund, on, work.entry.accepted_difference)
	draft = "" if booked.submitted else ", a draft"
	said = f"Credit note {booked.name} over {written(abs(booked.grand_total), refund.currency)}{draft}"
	done = ". ".join(filter(None, (rest, said)))
	return replace(fact, fingerprint=CREDITED, doctype=DOCTYPE, document=booked.name), done


def _unbilled(books: Books, parts: Sequence[RefundLine]) -> str:
	"""What there is no invoice of yet, in words."""
	invoices = submitted(books)
	if not invoices:
		return f"{books.doctype} {books.sales_order}"
	notes = [invoice for invoice in books.invoices if invoice.is_return]
	for part in parts:
		line = part.order_line_id
		billed = sum((invoice.lines.get(line, ZERO) for invoice in invoices), ZERO)
		credited = sum((note.lines.get(line, ZERO) for note in notes), ZERO)
		if part.quantity > billed - credited:
			return f"{part.quantity:f} of line {line}"
	return ""


def _given_back(work: _Work) -> list[Refund]:
	"""What other refunds took back that the Sales Order does not say."""
	return [known.refund for known in _others(work) if not known.is_off]


# --- goods and money --------------------------------------------------------------------------------------


def _take_goods_back(work: _Work) -> str:
	"""Return Delivery Notes of what was delivered and is restocked; where the refund is of a return, that brings them,
	whichever is told first."""
	policy, refund, books = work.channel.refunds, work.refund, work.books
	if policy.returns == "Nothing":
		return ""
	if refund.return_id:
		return f"Goods come back with return {refund.return_id}" if refund.lines else ""
	wanted: dict[str, Decimal] = {}
	others = _given_back(work)
	kept_back, _left = unsent(books, others)
	spare = _came_back_already(books, others, kept_back)
	known: list[str] = []
	for line in refund.lines:
		if not line.restock or not line.quantity:
			continue
		for part in placed(line, books.quantities, refund):
			key = part.order_line_id
			there = books.delivered.get(key, ZERO) - _back(books, key)
			still_here = books.quantities[key] - books.delivered.get(key, ZERO) - kept_back.get(key, ZERO)
			back = max(part.quantity - max(still_here, ZERO), ZERO)
			seen = min(back, spare.get(key, ZERO))
			if seen:
				spare[key] -= seen
				known.append(f"{seen:f} of line {key}")
			back = min(back - seen, there)
			if back > 0:
				wanted[key] = wanted.get(key, ZERO) + back
	said = f"Came back already: {', '.join(known)}" if known else ""
	if not wanted:
		return said
	plan = ReturnPlan(
		channel=work.channel.name,
		sales_order=books.sales_order,
		quantities=wanted,
		posting_date=day_of(work.channel, refund.created_at),
		submit=policy.returns == "Submitted",
		warehouse=policy.return_warehouse,
	)
	made = work.world.erp.create_returns(work.channel, plan)
	return ". ".join(filter(None, (said, made and f"Return {', '.join(made)}")))


def _back(books: Books, line: str) -> Decimal:
	"""How much came back; drafts are going to be submitted."""
	return books.returned.get(line, ZERO) + books.returning.get(line, ZERO)


def _came_back_already(
	books: Books, others: Sequence[Refund], kept_back: Mapping[str, Decimal]
) -> dict[str, Decimal]:
	"""How much of each line came back that no other refund put back: with a return that the shop told by itself, or by a
	person's hand. It is of this refund."""
	given: dict[str, Decimal] = {}
	restocked: dict[str, Decimal] = {}
	for refund in others:
		for line in refund.lines:
			for part in placed(line, books.quantities, refund):
				key = part.order_line_id
				given[key] = given.get(key, ZERO) + part.quantity
				if line.restock:
					restocked[key] = restocked.get(key, ZERO) + part.quantity
	spare = {}
	for line in books.quantities:
		sent = given.get(line, ZERO) - kept_back.get(line, ZERO)
		spare[line] = max(_back(books, line) - min(restocked.get(line, ZERO), sent), ZERO)
	return spare


def _book_money(work: _Work) -> Sequence[Booking]:
	"""A Payment Entry of each transaction that gave money back."""
	erp, bookings = work.world.erp, []
	for told in work.refund.payments:
		payment = told.model_copy(update={"order_id": work.refund.order_id})
		record = erp.get_record(work.channel.name, PAYMENT, payment.id)
		if record and is_older_payment(record, payment):
			continue
		fact = payment_fact(record, payment, work.channel, "Pay")
		booking = book(work.world, work.channel, payment, fact, work.books.sales_order, "Pay")
		erp.save_record(booking.record)
		bookings.append(booking)
	return bookings


def _not_to_send(work: _Work, fact: Record) -> str:
	"""What was given back and is not sent yet is not to be sent: said, or the order is closed where that is all."""
	books = work.world.erp.get_books(work.order.document or "")
	if books is None or books.closed or fact.fingerprint == DEDUCTED or work.order.cancelled:
		return ""
	if work.state.status != "Submitted":
		return ""
	kept_back, left = unsent(books, [*_given_back(work), work.refund])
	if not kept_back:
		return ""
	if not left and fact.fingerprint != WAITING:  # a closed order cannot be billed
		work.world.erp.forget_pushed(work.channel.name, books.sales_order)
		work.world.erp.close_sales_order(books.sales_order)
		closed = f": Sales Order {books.sales_order} closed" if books.doctype == "Sales Order" else ""
		return f"Nothing of it is left to be sent{closed}"
	ordered = work.world.erp.get_deliveries(books.sales_order).lines
	goods = ", ".join(f"{quantity:f} × {ordered[line].item_code}" for line, quantity in kept_back.items())
	return f"Not to be sent any more: {goods}"


# --- taken back -------------------------------------------------------------------------------------------


def _taken_back(work: _Work, record: Record | None, fact: Record) -> Outcome:
	"""The shop took the refund itself back."""
	erp, how = work.world.erp, record.fingerprint if record else None
	done = "The shop took the refund back"
	if how == CREDITED and record and record.document:
		note = next((each for each in work.books.invoices if each.name == record.document), None)
		if note and note.submitted:
			raise Rejected(
				f"The shop took refund {work.refund.id} back, but credit note {note.name} is submitted. Cancel it, and "
				"what was paid back, then retry; or skip this entry."
			)
		if note:
			erp.delete_draft_credit_note(note.name)
		done += f": credit note {record.document} is deleted"
	_cancel_money(work, record)
	erp.save_record(replace(fact, fingerprint=None, doctype=None, document=None))
	if how in (TAKEN_OFF, DEDUCTED):
		done += _put_back(work)
	return Outcome(
		"Succeeded", done, reference_doctype=work.order.doctype, reference_name=work.order.document
	)


def _cancel_money(work: _Work, record: Record | None) -> None:
	"""Also of transactions that the shop does not name any more."""
	erp = work.world.erp
	known = Refund.model_validate_json(record.data).payments if record and record.data else ()
	payments = {each.id: each for each in (*known, *work.refund.payments)}
	for payment in payments.values():
		record = erp.get_record(work.channel.name, PAYMENT, payment.id)
		if record and record.document:
			gone = payment.model_copy(update={"status": "voided", "order_id": work.refund.order_id})
			booking = book(work.world, work.channel, gone, record, work.books.sales_order, "Pay")
			erp.save_record(booking.record)


def _put_back(work: _Work) -> str:
	"""The Sales Order says again what it said before, unless the shop cancelled it."""
	if work.state.status == "Cancelled" and _is_cancelled(work):
		return ""
	order = _latest(work)
	if order is None or not is_free(work.state):
		raise Rejected(
			f"The shop took refund {work.refund.id} back, and {work.books.doctype} {work.books.sales_order} cannot follow. Change it "
			"by hand and skip this entry."
		)
	return f". {follow_again(work.world.erp, work.channel, order, work.entry).message}"
