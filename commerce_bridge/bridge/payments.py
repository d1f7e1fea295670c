"""Money of an order: what a buyer paid, and what went back, becomes a Payment Entry once, whatever comes first.

A Channel Record of type "Payment" keeps each transaction as the shop told it last, and one of type "Transaction" says
which of them is which of the gateway's own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Literal, get_args
from zoneinfo import ZoneInfo

from commerce_bridge.bridge.channel import Channel, PaymentMap
from commerce_bridge.bridge.errors import Rejected, Retryable
from commerce_bridge.bridge.mapping import payment_row
from commerce_bridge.bridge.model import Payment, PaymentStatus
from commerce_bridge.bridge.money import written
from commerce_bridge.bridge.orders import LEFT_OUT
from commerce_bridge.bridge.orders import RECORD_TYPE as ORDER
from commerce_bridge.bridge.plan import Books, PaymentPlan, Record
from commerce_bridge.bridge.protocols import Erp, Outcome
from commerce_bridge.bridge.world import World

RECORD_TYPE = "Payment"
TRANSACTION = "Transaction"
DOCTYPE = "Payment Entry"
#: Topic of the entries that are recorded for the payments an order names; no storefront sends it.
FOUND = "payment.found"
#: Of one moment, the later of these is the newer.
RANK: dict[PaymentStatus, int] = {status: rank for rank, status in enumerate(get_args(PaymentStatus))}
#: No money moved, or will.
GONE: tuple[PaymentStatus, ...] = ("voided", "failed")
#: How long a payment of a draft Sales Order waits at least until it is looked at again.
DRAFT_PENDING = timedelta(hours=1)
ZERO = Decimal(0)
Way = Literal["Receive", "Pay"]


# --- the order they are of -------------------------------------------------------------------------------


def order_record(erp: Erp, channel: Channel, order_id: str, what: str) -> Record:
	"""The record of the order of a payment or refund; without a document it is not imported. Raises `Retryable` where
	nothing is known of it yet.

	:param what: waits for it
	"""
	record = erp.get_record(channel.name, ORDER, order_id)
	if record is None and erp.get_record(channel.name, LEFT_OUT, order_id):
		return Record(channel.name, ORDER, order_id)
	if record is None:
		raise Retryable(f"Order {order_id} is not here yet: {what} waits for it")
	return record


def day_of(channel: Channel, moment: datetime) -> date:
	"""A day of the site."""
	return moment.astimezone(ZoneInfo(channel.time_zone)).date()


# --- what is kept ----------------------------------------------------------------------------------------


def fact_of(record: Record | None, payment: Payment, channel: Channel, way: Way) -> Record:
	"""What is kept of a payment; its document stays, and what that is over. A DocType without a document: a person
	deleted it."""
	known = record or Record(channel.name, RECORD_TYPE, payment.id)
	return replace(
		known,
		version=payment.version,
		source_time=payment.updated_at,
		fingerprint=way,
		shop_total=known.shop_total if known.doctype else payment.amount,
		currency=payment.currency,
		order_id=payment.order_id,
		data=payment.model_dump_json(),
	)


def payment_of(record: Record) -> Payment:
	assert record.data
	return Payment.model_validate_json(record.data)


def is_older(record: Record, payment: Payment) -> bool:
	"""Whether the record has seen a newer state; of one moment, or where none is told, what is further on is newer."""
	if record.version is not None and payment.version is not None and record.version != payment.version:
		return payment.version < record.version
	if record.source_time and payment.updated_at and record.source_time != payment.updated_at:
		return payment.updated_at < record.source_time
	return bool(record.data) and RANK[payment.status] < RANK[payment_of(record).status]


def moved(records: Iterable[Record], way: Way) -> Decimal:
	"""What was paid of an order by these records, or went back: captured, or booked already."""
	total = ZERO
	for record in records:
		if record.fingerprint == way and record.data:
			payment = payment_of(record)
			if payment.status == "captured" or (record.document and payment.status not in GONE):
				total += payment.amount
	return total


# --- booked ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Booking:
	"""What became of a payment: its record as it is to be kept, and in words. `changed`: the books are others now."""

	record: Record
	message: str
	changed: bool = False

	def outcome(self) -> Outcome:
		return Outcome(
			"Succeeded" if self.changed else "Skipped",
			self.message,
			reference_doctype=self.record.doctype,
			reference_name=self.record.document,
		)


def book(
	world: World, channel: Channel, payment: Payment, record: Record, sales_order: str, way: Way
) -> Booking:
	"""Makes the Payment Entry of a payment, or takes it back; part of the transaction that keeps the record.

	:raises Misconfigured: no row of the payment map fits, or its account takes no such money
	:raises Rejected: its currency is not the order's
	:raises Retryable: the Sales Order is a draft
	"""
	if payment.status in GONE:
		return _take_back(world.erp, channel, payment, record)
	if not record.doctype:
		return _book(world, channel, payment, record, sales_order, way)
	if record.shop_total == payment.amount:
		return Booking(record, _standing(world.erp, record))
	# less was captured than was authorised
	taken = _take_back(world.erp, channel, payment, record)
	booking = _book(world, channel, payment, taken.record, sales_order, way)
	if not taken.changed:
		return booking
	return replace(booking, message=f"{taken.message}. {booking.message}", changed=True)


def _standing(erp: Erp, record: Record) -> str:
	"""What became of the document of a payment that says nothing new: what a person took back stays so."""
	if not record.document:
		return f"Not booked again: a person deleted its {record.doctype} in ERPNext"
	if not erp.payment_stands(record.document):
		return f"Not booked again: {record.doctype} {record.document} was cancelled in ERPNext"
	return f"Booked already as {record.doctype} {record.document}"


def _book(
	world: World, channel: Channel, payment: Payment, record: Record, sales_order: str, way: Way
) -> Booking:
	if not channel.payments:
		return Booking(record, "Not booked: no Payment Methods in the channel")
	row = payment_row(channel, payment.gateway, payment.currency)
	if row.book == "Never":
		return Booking(record, f'Not booked: so says the row "{row.gateway}" of Payment Methods')
	books = _books(world.erp, sales_order)
	if books is None:
		return Booking(
			record, f"Not booked: {sales_order}, which stood for the order, was deleted in ERPNext"
		)
	waiting = _why_wait(row, payment, books, way)
	if waiting:
		return Booking(record, waiting)
	return _make(world, channel, payment, record, row, books, way)


def _books(erp: Erp, sales_order: str) -> Books | None:
	state = erp.get_sales_order(sales_order)
	if state and state.status == "Draft":
		raise Retryable(
			f"{state.doctype} {sales_order} is a draft: its money is booked once it is submitted",
			DRAFT_PENDING,
		)
	return erp.get_books(sales_order)


def _why_wait(row: PaymentMap, payment: Payment, books: Books, way: Way) -> str | None:
	if way == "Pay" or row.book == "On Capture":
		return (
			None
			if payment.status == "captured"
			else f"Booked once it is captured: it is {payment.status} now"
		)
	if row.book == "Now":
		return "Booked once it is authorised: it is pending now" if payment.status == "pending" else None
	return None if is_delivered(books) else "Booked once all of the order is delivered"


def is_delivered(books: Books) -> bool:
	"""Whether nothing of the order is left to be delivered. What was credited and never sent is not going to be."""
	credited: dict[str, Decimal] = {}
	for note in books.invoices:
		for line, quantity in note.lines.items() if note.is_return else ():
			credited[line] = credited.get(line, ZERO) + quantity

	def is_out(line: str, wanted: Decimal) -> bool:
		sent = books.delivered.get(line, ZERO)
		kept = sent - books.returned.get(line, ZERO)
		return sent >= wanted or kept >= wanted - credited.get(line, ZERO)

	return books.closed or all(is_out(line, wanted) for line, wanted in books.quantities.items())


def _make(
	world: World, channel: Channel, payment: Payment, record: Record, row: PaymentMap, books: Books, way: Way
) -> Booking:
	if payment.currency != books.currency:
		raise Rejected(
			f"Payment {payment.id}: its currency is {payment.currency}, that of its order is {books.currency}. Book it "
			"by hand and skip this entry."
		)
	if payment.amount <= 0:
		return Booking(record, "Not booked: it is of nothing")
	transaction = _transaction(world.erp, channel, payment, way)
	if transaction.doctype and transaction.fingerprint != payment.id:
		booked = (
			f"booked as {DOCTYPE} {transaction.document}" if transaction.document else "deleted in ERPNext"
		)
		return Booking(record, f"This is payment {transaction.fingerprint}, {booked}")
	name = world.erp.create_payment(channel, _plan(world, channel, payment, row, books, way))
	if payment.reference:
		world.erp.save_record(replace(transaction, doctype=DOCTYPE, document=name))
	verb = "received" if way == "Receive" else "given back"
	amount = written(payment.amount, payment.currency)
	made = replace(record, doctype=DOCTYPE, document=name, shop_total=payment.amount)
	return Booking(made, f"{DOCTYPE} {name}: {amount} {verb}", True)


def _plan(
	world: World, channel: Channel, payment: Payment, row: PaymentMap, books: Books, way: Way
) -> PaymentPlan:
	"""Fees without an account of theirs are not deducted: they are booked with the payout."""
	on_delivery = row.book == "On Delivery" and way == "Receive"
	moment = (None if on_delivery else payment.paid_at or payment.updated_at) or world.now()
	fee = (payment.fee or ZERO) if row.fee_account else ZERO
	fee_tax = (payment.fee_tax or ZERO) if row.fee_account else ZERO
	charged = None
	if payment.charged is not None and payment.charged_currency:
		charged = (payment.charged, payment.charged_currency)
	return PaymentPlan(
		channel=channel.name,
		company=channel.company,
		customer=books.customer,
		sales_order=books.sales_order,
		payment_type=way,
		amount=payment.amount,
		currency=payment.currency,
		conversion_rate=books.conversion_rate,
		mode_of_payment=row.mode_of_payment,
		account=row.account,
		reference=(payment.reference or payment.id)[:140],
		posting_date=day_of(channel, moment),
		fee=fee,
		fee_account=row.fee_account,
		fee_tax=fee_tax,
		fee_tax_account=row.fee_tax_account or row.fee_account,
		charged=charged,
		cost_center=channel.cost_center,
		gateway=payment.gateway,
	)


def _take_back(erp: Erp, channel: Channel, payment: Payment, record: Record) -> Booking:
	"""Of a payment that is gone, or of which another amount is told now."""
	free = replace(record, doctype=None, document=None, shop_total=payment.amount)
	transaction = _transaction(erp, channel, payment, "Pay" if record.fingerprint == "Pay" else "Receive")
	if transaction.doctype and transaction.fingerprint == payment.id:
		erp.save_record(replace(transaction, doctype=None, document=None))
	if not record.document:
		return Booking(free, f"The payment is {payment.status}: nothing is to be booked")
	erp.cancel_payment(record.document)
	now = f"{payment.status}, {written(payment.amount, payment.currency)}"
	return Booking(free, f"{DOCTYPE} {record.document} cancelled: the payment is {now}", True)


def _transaction(erp: Erp, channel: Channel, payment: Payment, way: Way) -> Record:
	"""Of a gateway's transaction id: which payment it is, and the document of it. A refund of a transaction may have
	the same id. Without an id it is nobody's."""
	fresh = Record(
		channel.name,
		TRANSACTION,
		_transaction_key(payment, way),
		fingerprint=payment.id,
		order_id=payment.order_id,
	)
	if not payment.reference:
		return fresh
	known = erp.get_record(channel.name, TRANSACTION, fresh.external_id)
	return known if known and known.doctype else fresh


def _transaction_key(payment: Payment, way: Way) -> str:
	key = f"{payment.gateway.casefold()}|{payment.reference}{'|refund' if way == 'Pay' else ''}"
	return key if len(key) <= 140 else hashlib.sha256(key.encode()).hexdigest()


def book_on_delivery(world: World, channel: Channel, order: Record) -> Sequence[Booking]:
	"""Books what is paid when the goods arrive, of an order that was delivered; keeps the records."""
	bookings: list[Booking] = []
	if not order.document or not any(row.book == "On Delivery" for row in channel.payments):
		return bookings
	for record in world.erp.records_of(channel.name, RECORD_TYPE, order.external_id):
		if record.fingerprint != "Receive" or record.document or not record.data:
			continue
		payment = payment_of(record)
		if (
			payment_row(channel, payment.gateway, payment.currency).book != "On Delivery"
			or payment.status in GONE
		):
			continue
		booking = book(world, channel, payment, record, order.document, "Receive")
		if booking.changed:
			world.erp.save_record(booking.record)
			bookings.append(booking)
	return bookings
