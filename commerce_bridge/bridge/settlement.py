"""What happens around an order once it is booked: its money, what was given back, its invoice.

Whatever comes first is kept or waits; what it waits for wakes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pydantic import BaseModel

from commerce_bridge.bridge import returns
from commerce_bridge.bridge.channel import Channel
from commerce_bridge.bridge.deductions import RECORD_TYPE as REFUND
from commerce_bridge.bridge.deductions import TAKEN_OFF, handles_refunds, known_refunds, moment_of
from commerce_bridge.bridge.fulfilments import FOUND as FULFILMENT_FOUND
from commerce_bridge.bridge.invoices import DUE, REFUND_FOUND, found_entry, money_back, record_if_paid
from commerce_bridge.bridge.mapping import payment_row
from commerce_bridge.bridge.model import Fulfilment, InvoiceDue, Order, Payment, Refund, Return
from commerce_bridge.bridge.money import written
from commerce_bridge.bridge.orders import LEFT_OUT
from commerce_bridge.bridge.orders import RECORD_TYPE as ORDER
from commerce_bridge.bridge.payments import FOUND as PAYMENT_FOUND
from commerce_bridge.bridge.payments import RECORD_TYPE as PAYMENT
from commerce_bridge.bridge.payments import ZERO, book, fact_of, is_older, moved, order_record
from commerce_bridge.bridge.plan import Record
from commerce_bridge.bridge.protocols import Connector, Entry, NewEntry, Outcome
from commerce_bridge.bridge.receive import dedupe_key
from commerce_bridge.bridge.world import World

#: Topics of entries that are recorded here, and what their payload is.
OURS: Mapping[str, type[BaseModel]] = {
	FULFILMENT_FOUND: Fulfilment,
	PAYMENT_FOUND: Payment,
	REFUND_FOUND: Refund,
	returns.FOUND: Return,
	DUE: InvoiceDue,
}
#: Type of the records of what is told by itself → topic of the entries that look at it again.
KEPT: Mapping[str, str] = {
	PAYMENT: PAYMENT_FOUND,
	REFUND: REFUND_FOUND,
	returns.RECORD_TYPE: returns.FOUND,
}
Fact = Payment | Refund


def after_order(world: World, channel: Channel, connector: Connector, order_id: str, entry: Entry) -> None:
	"""What an order that was applied, or left out, makes possible; part of the transaction that did it."""
	topics = sorted({*connector.fact_topics, PAYMENT_FOUND, REFUND_FOUND, returns.FOUND, DUE})
	world.journal.wake(channel.name, topics, order_id, world.now())
	_find_kept(world, channel, order_id, entry)
	record_if_paid(world, channel, order_id, entry)


def _find_kept(world: World, channel: Channel, order_id: str, entry: Entry) -> None:
	"""What was told by itself of an order that was left out is booked once the order is taken in."""
	left_out = world.erp.get_record(channel.name, LEFT_OUT, order_id)
	order = world.erp.get_record(channel.name, ORDER, order_id) if left_out else None
	if left_out is None or left_out.cancelled or order is None or not order.document:
		return
	world.erp.save_record(replace(left_out, cancelled=True))
	for record_type, topic in KEPT.items():
		records = world.erp.records_of(channel.name, record_type, order_id)
		kept = [record for record in records if record.data and not record.document]
		world.journal.record([found_entry(channel, topic, record, entry.name) for record in kept])


def record_named(world: World, channel: Channel, order: Order) -> None:
	"""Records an entry for each payment and refund of an order that is news; part of the transaction that books it.

	What is told of an order that is not taken in is nobody's business here.
	"""
	payments = order.payments if channel.payments or channel.invoices.when == "When Paid" else ()
	refunds = order.refunds if handles_refunds(channel) else ()
	whole = order.refunds_complete and handles_refunds(channel)
	if not payments and not refunds and not whole:
		return
	booked = world.erp.get_record(channel.name, ORDER, order.id)
	if booked is None or not booked.document:
		return
	gone = _taken_back(world, channel, order) if whole else []
	facts = [fact.model_copy(update={"order_id": order.id}) for fact in (*payments, *refunds, *gone)]
	news = [fact for fact in facts if _is_news(world, channel, fact)]
	if news:
		world.journal.record([_entry(channel, order, fact) for fact in news])


def _taken_back(world: World, channel: Channel, order: Order) -> list[Refund]:
	"""Refunds that are known of an order which names all there are, and not them, at a later moment than theirs."""
	named = {refund.id for refund in order.refunds}
	records = world.erp.records_of(channel.name, REFUND, order.id)
	known = [Refund.model_validate_json(record.data) for record in records if record.data]
	return [
		refund.model_copy(update={"cancelled": True, "updated_at": order.updated_at})
		for refund in known
		if refund.id not in named and not refund.cancelled and moment_of(refund) < order.updated_at
	]


def _is_news(world: World, channel: Channel, fact: Fact) -> bool:
	"""A refund that its order was less by from the start is news: its money was not looked at. One moment more at which
	nothing else was said is none: it is kept."""
	record = world.erp.get_record(channel.name, PAYMENT if isinstance(fact, Payment) else REFUND, fact.id)
	if record is None or record.data is None:
		return True
	if record.data != fact.model_dump_json():
		known = type(fact).model_validate_json(record.data)
		if known.model_copy(update={"updated_at": fact.updated_at}) != fact:
			return True
		newest = max(filter(None, (record.source_time, fact.updated_at)), default=None)
		world.erp.save_record(replace(record, source_time=newest))
	return isinstance(fact, Refund) and record.fingerprint in (None, TAKEN_OFF)


def _entry(channel: Channel, order: Order, fact: Fact) -> NewEntry:
	topic = PAYMENT_FOUND if isinstance(fact, Payment) else REFUND_FOUND
	return NewEntry(
		channel=channel.name,
		direction="Inbound",
		topic=topic,
		dedupe_key=dedupe_key(channel.name, topic, fact.model_dump_json()),
		payload=fact.model_dump_json(),
		external_id=order.id,
		external_number=order.number,
		source_time=fact.updated_at,
	)


def _of_no_document(world: World, channel: Channel, order: Record, payment: Payment) -> Outcome:
	"""Money that came in for an order that was cancelled before it was seen here, and did not go back, is a person's."""
	way_in = payment.status == "captured" and order.cancelled and bool(channel.payments)
	if not way_in or payment_row(channel, payment.gateway, payment.currency).book == "Never":
		return Outcome("Skipped", "Of an order that is not imported")
	paid = moved(world.erp.records_of(channel.name, PAYMENT, payment.order_id), "Receive")
	refunds = [known.refund for known in known_refunds(world.erp, channel, payment.order_id)]
	if sum(map(money_back, refunds), ZERO) >= paid:
		return Outcome("Skipped", "Of an order that was cancelled before it was imported: it was given back")
	amount = written(payment.amount, payment.currency)
	return Outcome(
		"Failed",
		f"{amount} was paid by {payment.gateway} ({payment.reference or payment.id}), but the shop cancelled order "
		f"{payment.order_id} before it was imported: nothing is booked of it. Give the money back in the shop, or book it "
		"by hand and skip this entry.",
		"Retryable",  # a refund, or the order when it is open again, wakes it
	)


def apply_payment(
	world: World, channel: Channel, connector: Connector, payment: Payment, entry: Entry
) -> Outcome:
	"""Books a payment as far as the channel's policy and its state say, and keeps it; part of the entry's transaction.

	:raises Retryable: its order is not here yet
	:raises Misconfigured, Rejected: as of `payments.book`
	"""
	if not channel.payments and channel.invoices.when != "When Paid":
		return Outcome("Skipped", "Not booked: no Payment Methods in the channel")
	order = order_record(world.erp, channel, payment.order_id, f"payment {payment.id}")
	record = world.erp.get_record(channel.name, PAYMENT, payment.id)
	if record and is_older(record, payment):
		return Outcome("Skipped", "Stale: a newer state of this payment was applied already")
	way: Any = record.fingerprint if record and record.fingerprint == "Pay" else "Receive"
	fact = fact_of(record, payment, channel, way)
	if not order.document:
		world.erp.save_record(fact)
		return _of_no_document(world, channel, order, payment)
	booking = book(world, channel, payment, fact, order.document, way)
	world.erp.save_record(booking.record)
	if record is None or booking.changed:  # a refund may wait for it
		topics = sorted({*connector.fact_topics, REFUND_FOUND})
		world.journal.wake(channel.name, topics, payment.order_id, world.now())
	record_if_paid(world, channel, payment.order_id, entry)
	return booking.outcome()
