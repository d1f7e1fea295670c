"""Sales Invoices by the channel's policy: once for an order, or once for a delivery, and the same to the cent. An order
whose Sales Invoice stands instead of a Sales Order is billed by that, and never again.

Entries of topic "invoice.due" are ours: something happened that an invoice, a payment on delivery, or a refund of what is
not billed may have waited for. A Channel Record of type "Invoice" says what was made for an order or a delivery.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal

from commerce_bridge.bridge.channel import Channel
from commerce_bridge.bridge.deductions import INVOICE as RECORD_TYPE
from commerce_bridge.bridge.deductions import RECORD_TYPE as REFUND
from commerce_bridge.bridge.deductions import WAITING, handles_refunds, known_refunds, unsent
from commerce_bridge.bridge.errors import Retryable, TotalsDiffer
from commerce_bridge.bridge.model import InvoiceDue, Refund
from commerce_bridge.bridge.money import written
from commerce_bridge.bridge.orders import INSTEAD
from commerce_bridge.bridge.orders import RECORD_TYPE as ORDER
from commerce_bridge.bridge.payments import (
	DRAFT_PENDING,
	book_on_delivery,
	day_of,
	moved,
	order_record,
	payment_of,
)
from commerce_bridge.bridge.payments import FOUND as PAYMENT_FOUND
from commerce_bridge.bridge.payments import RECORD_TYPE as PAYMENT
from commerce_bridge.bridge.plan import Booked, Books, InvoicePlan, Record, SalesOrderState
from commerce_bridge.bridge.protocols import Connector, Entry, NewEntry, Outcome
from commerce_bridge.bridge.receive import dedupe_key
from commerce_bridge.bridge.world import World

DOCTYPE = "Sales Invoice"
#: Topic of the entries that say so; no storefront sends it.
DUE = "invoice.due"
#: Topic of the entries that book refunds which an order names, or which waited; no storefront sends it.
REFUND_FOUND = "refund.found"
ZERO = Decimal(0)


# --- what may be due -------------------------------------------------------------------------------------


def due_entry(channel: str, due: InvoiceDue, cause: str) -> NewEntry:
	"""An entry that looks whether something of an order is due now.

	:param cause: what happened: the same is looked at once
	"""
	return NewEntry(
		channel=channel,
		direction="Inbound",
		topic=DUE,
		dedupe_key=dedupe_key(channel, DUE, f"{due.order_id}\0{cause}"),
		payload=due.model_dump_json(exclude_none=True),
		external_id=due.order_id,
	)


def delivery_entry(channel: Channel, order_id: str, name: str, on: date | None = None) -> NewEntry | None:
	"""The entry of a Delivery Note, or of a Sales Invoice with Update Stock, that was submitted; None where nothing of the
	channel depends on deliveries."""
	if channel.invoices.when != "When Delivered" and not any(
		row.book == "On Delivery" for row in channel.payments
	):
		return None
	due = InvoiceDue(order_id=order_id, delivery_note=name, on=on)
	return due_entry(channel.name, due, f"Delivery Note\0{name}")


def closed_entry(channel: Channel, order_id: str, sales_order: str, on: date) -> NewEntry | None:
	"""The entry of a Sales Order that a person closed after some of it was delivered: what is paid on delivery waits no
	longer. None where the channel has no such payments."""
	if not any(row.book == "On Delivery" for row in channel.payments):
		return None
	due = InvoiceDue(order_id=order_id, closed=True, on=on)
	return due_entry(channel.name, due, f"Closed\0{sales_order}\0{on}")


def invoice_entry(channel: Channel, order_id: str, invoice: str) -> NewEntry | None:
	"""The entry of a Sales Invoice that a person submitted: refunds may have waited for it, and where it stands for the order,
	money. None where the channel books neither."""
	if not handles_refunds(channel):
		return None
	return due_entry(channel.name, InvoiceDue(order_id=order_id, invoice=invoice), f"{DOCTYPE}\0{invoice}")


def credit_note_entry(channel: Channel, order_id: str, note: str, gone: str = "") -> NewEntry | None:
	"""The entry of a person's draft credit note that was submitted, or deleted: a refund may have waited for it.

	:param gone: the moment at which it was deleted: the next one may have its name
	"""
	if not handles_refunds(channel):
		return None
	cause = "\0".join(filter(None, (DOCTYPE, note, gone)))
	return due_entry(channel.name, InvoiceDue(order_id=order_id, invoice=note), cause)


def record_if_paid(world: World, channel: Channel, order_id: str, entry: Entry) -> None:
	"""Records that an order's invoice is due where all of it is paid; part of the transaction that found it out."""
	if channel.invoices.when != "When Paid":
		return
	order = world.erp.get_record(channel.name, ORDER, order_id)
	invoice = world.erp.get_record(channel.name, RECORD_TYPE, order_id)
	if order is None or not order.document or order.cancelled or order.doctype == DOCTYPE:
		return
	if _was_billed(invoice, order.document):
		return
	payments = world.erp.records_of(channel.name, PAYMENT, order_id)
	if moved(payments, "Receive") < _owed(world, channel, order_id, order.shop_total or ZERO):
		return
	due = InvoiceDue(order_id=order_id, on=_paid_on(channel, payments))
	world.journal.record([due_entry(channel.name, due, entry.name)])


def _was_billed(invoice: Record | None, sales_order: str) -> bool:
	"""An invoice that a person cancelled is not made again, unless the order changed since."""
	return bool(invoice and invoice.document and invoice.fingerprint == sales_order)


def _owed(world: World, channel: Channel, order_id: str, total: Decimal) -> Decimal:
	"""What a buyer pays in all of an order: not what was taken back of it before it was paid, and once more what was paid
	and went back.

	:param total: less by the refunds that are off the order
	"""
	known = known_refunds(world.erp, channel, order_id)
	taken_back = sum((each.refund.total for each in known if not each.is_off), ZERO)
	return total - taken_back + sum((money_back(each.refund) for each in known), ZERO)


def money_back(refund: Refund) -> Decimal:
	"""How much money went back with a refund."""
	return sum((each.amount for each in refund.payments if each.status == "captured"), ZERO)


def _paid_on(channel: Channel, records: Iterable[Record]) -> date | None:
	payments = [payment_of(record) for record in records if record.fingerprint == "Receive" and record.data]
	moments = [moment for payment in payments if (moment := payment.paid_at or payment.updated_at)]
	return day_of(channel, max(moments)) if moments else None


# --- made ------------------------------------------------------------------------------------------------


def apply_due(world: World, channel: Channel, connector: Connector, due: InvoiceDue, entry: Entry) -> Outcome:
	"""Makes what is due of an order: its invoice, the payments on delivery, and the refunds that waited are looked at again.
	Where a person submitted the Sales Invoice that stands for the order, so is money that waited for that.

	:raises TotalsDiffer: the invoices would not sum to the order; nothing is kept
	:raises Retryable: the Sales Order is a draft
	"""
	order = order_record(world.erp, channel, due.order_id, "its invoice")
	if not order.document:
		return Outcome("Skipped", "Of an order that is not imported")
	state = world.erp.get_sales_order(order.document)
	if state is None or state.status == "Cancelled":
		return Outcome("Skipped", f"{order.doctype} {order.document} is cancelled or deleted: nothing is due")
	if due.invoice == state.name:
		topics = sorted({*connector.fact_topics, PAYMENT_FOUND, REFUND_FOUND})
		world.journal.wake(channel.name, topics, due.order_id, world.now())
	made, message = _invoice(world, channel, due, order, state)
	rest = _rest(world, channel, order) if made and due.delivery_note else ""
	billed = due.invoice or (made.document if made else None)
	again = _find_again(world, channel, due.order_id, billed) if billed else 0
	paid = book_on_delivery(world, channel, order) if due.delivery_note or due.closed else ()
	done = [message, rest, *(booking.message for booking in paid)]
	if again:
		done.append(f"{again} refunds waited for it, and are looked at again")
	return Outcome(
		"Succeeded" if made or paid or again else "Skipped",
		". ".join(filter(None, done)) or "Nothing is due",
		reference_doctype=made.doctype if made else None,
		reference_name=made.document if made else None,
	)


def _rest(world: World, channel: Channel, order: Record) -> str:
	books = world.erp.get_books(order.document or "")
	refunds = known_refunds(world.erp, channel, order.external_id)
	not_off = [known.refund for known in refunds if known.how and not known.is_off]
	return bill_rest(world, channel, order, books, not_off) if books else ""


def _invoice(
	world: World, channel: Channel, due: InvoiceDue, order: Record, state: SalesOrderState
) -> tuple[Record | None, str]:
	"""The record of what was made, and what there is to say."""
	if state.doctype == DOCTYPE or due.closed:
		return None, ""
	key = _key(channel, due)
	if key is None:
		return None, _stays_unbilled(channel, due, state)
	record = world.erp.get_record(channel.name, RECORD_TYPE, key)
	if record and _was_billed(record, order.document or ""):
		return None, f"Made already: {record.doctype} {record.document}"
	if state.status == "Draft":
		raise Retryable(
			f"Sales Order {order.document} is a draft: it is billed once it is submitted", DRAFT_PENDING
		)
	books = world.erp.get_books(order.document or "")
	why_not = (
		"Nothing is there to be billed" if books is None else _why_not(world, channel, due, books, order)
	)
	if books is None or why_not:
		return None, why_not or ""
	booked = world.erp.create_invoice(channel, _plan(world, channel, due, order, books))
	if booked is None:
		return None, "Nothing is left to be billed"
	_check_total(world, books, booked)
	fresh = record or Record(channel.name, RECORD_TYPE, key, order_id=order.external_id)
	record = replace(fresh, doctype=DOCTYPE, document=booked.name, fingerprint=books.sales_order)
	world.erp.save_record(record)
	draft = "" if booked.submitted else ", a draft"
	return record, f"{DOCTYPE} {booked.name}: {written(booked.grand_total, books.currency)}{draft}"


def _stays_unbilled(channel: Channel, due: InvoiceDue, state: SalesOrderState) -> str:
	if due.invoice or channel.invoices.when != INSTEAD:
		return ""
	return f"Bill Sales Order {state.name} by hand: this channel makes Sales Invoices instead of Sales Orders now"


def _key(channel: Channel, due: InvoiceDue) -> str | None:
	if due.invoice:
		return None
	if channel.invoices.when == "When Delivered":
		return due.delivery_note
	return due.order_id if channel.invoices.when == "When Paid" and not due.delivery_note else None


def _why_not(world: World, channel: Channel, due: InvoiceDue, books: Books, order: Record) -> str | None:
	if order.cancelled or (books.closed and not due.delivery_note):
		return f"Sales Order {books.sales_order} is closed: it is not billed"
	if due.delivery_note:
		if any(invoice.name == due.delivery_note for invoice in books.invoices):
			return f"{DOCTYPE} {due.delivery_note} bills what left with it"
		there = due.delivery_note in books.deliveries
		return None if there else f"Delivery Note {due.delivery_note} is not there any more"
	payments = world.erp.records_of(channel.name, PAYMENT, due.order_id)
	paid = max(moved(payments, "Receive"), books.paid)
	owed = _owed(world, channel, due.order_id, books.total)
	if paid < owed:
		return f"{written(paid, books.currency)} of {written(owed, books.currency)} is paid: not billed yet"
	return None


def _plan(world: World, channel: Channel, due: InvoiceDue, order: Record, books: Books) -> InvoicePlan:
	happened = due.on or day_of(channel, world.now())
	return InvoicePlan(
		channel=channel.name,
		sales_order=books.sales_order,
		posting_date=(order.placed_on or happened) if channel.invoices.dated == "Order" else happened,
		submit=channel.invoices.submit,
		delivery_note=due.delivery_note,
		naming_series=channel.invoices.naming_series,
	)


def bill_rest(world: World, channel: Channel, order: Record, books: Books, refunds: Sequence[Refund]) -> str:
	"""Bills what is not billed of an order of which some was sent, and of the rest nothing is to be sent any more, for it was
	given back: charges go with it, and credit notes say the rest. What was done, in words.

	:param refunds: that the Sales Order is not less by
	"""
	kept_back, left = unsent(books, refunds)
	if (
		channel.invoices.when != "When Delivered"
		or books.doctype == DOCTYPE
		or left
		or not kept_back
		or not books.deliveries
		or books.closed
	):
		return ""
	due = InvoiceDue(order_id=order.external_id)
	booked = world.erp.create_invoice(channel, _plan(world, channel, due, order, books))
	if booked is None:
		return ""
	_check_total(world, books, booked)
	world.erp.save_record(
		Record(channel.name, RECORD_TYPE, order.external_id, DOCTYPE, booked.name, order_id=order.external_id)
	)
	return f"{DOCTYPE} {booked.name} of the rest: {written(booked.grand_total, books.currency)}"


def _check_total(world: World, before: Books, booked: Booked) -> None:
	"""Once all quantities are billed, the invoices are the order, to the cent."""
	after = world.erp.get_books(before.sales_order)
	assert after
	invoices = [invoice for invoice in after.invoices if not invoice.is_return]
	billed = {line: sum((each.lines.get(line, ZERO) for each in invoices), ZERO) for line in after.quantities}
	total = sum((invoice.total for invoice in invoices), ZERO)
	whole = all(billed[line] >= quantity for line, quantity in after.quantities.items())
	if total > after.total or (whole and total != after.total):
		raise TotalsDiffer(
			f"Totals differ: Sales Order {after.sales_order} is {written(after.total, after.currency)}, its invoices "
			f"would be {written(total, after.currency)}. Look for Item Tax Templates or Pricing Rules on the items.",
			document=total,
		)


def _find_again(world: World, channel: Channel, order_id: str, invoice: str) -> int:
	"""Records an entry for each refund that waited for an invoice; how many."""
	records = world.erp.records_of(channel.name, REFUND, order_id)
	waiting = [record for record in records if record.fingerprint == WAITING and record.data]
	world.journal.record([found_entry(channel, REFUND_FOUND, record, invoice) for record in waiting])
	return len(waiting)


def found_entry(channel: Channel, topic: str, record: Record, cause: str) -> NewEntry:
	"""An entry that looks at a payment or refund again that is kept.

	:param cause: with what the record says, what makes it news
	"""
	assert record.data and record.order_id
	return NewEntry(
		channel=channel.name,
		direction="Inbound",
		topic=topic,
		dedupe_key=dedupe_key(channel.name, topic, f"{record.data}\0{cause}"),
		payload=record.data,
		external_id=record.order_id,
		source_time=record.source_time,
	)
