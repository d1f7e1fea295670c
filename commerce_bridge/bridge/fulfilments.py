"""What a shop says was sent of its orders: by us, or by a person in the shop's own screens.

A Channel Record of type "Fulfilment" says which document a fulfilment is. One that has none becomes an entry of
its own when its order is booked, and then a draft Delivery Note, or a failed entry that says what to do. Goods leave
once: what ERPNext delivers already is recognised, and no second document is made of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from commerce_bridge.bridge.adoption import ADOPTED
from commerce_bridge.bridge.channel import Channel
from commerce_bridge.bridge.deductions import taken_off
from commerce_bridge.bridge.errors import Rejected, Retryable
from commerce_bridge.bridge.mapping import warehouse_at
from commerce_bridge.bridge.model import FulfilledLine, Fulfilment, Order, Shipment
from commerce_bridge.bridge.orders import RECORD_TYPE as ORDER
from commerce_bridge.bridge.plan import Deliveries, Delivery, Record
from commerce_bridge.bridge.protocols import Entry, Erp, Journal, NewEntry, Outcome, PushResult
from commerce_bridge.bridge.receive import dedupe_key
from commerce_bridge.bridge.world import World

RECORD_TYPE = "Fulfilment"
#: Topic of the entries that are recorded here; no storefront sends it.
FOUND = "fulfilment.found"
#: Topic of the outbound entries that tell of our own shipments.
SHIPMENT = "shipment.changed"
#: How a fulfilment's document came about: a draft we made of it, a person's, or one of ours that we told the shop.
MADE, LINKED, TOLD = "made", "linked", "told"
#: How long to wait at least for a shipment of ours that is on its way to the shop.
OWN_PENDING = timedelta(minutes=1)
ZERO = Decimal(0)
Quantities = Mapping[str, Decimal]


def fingerprint_of(how: str, order_id: str) -> str:
	"""What a fulfilment's record keeps of how its document came about, and of which of the document's orders it is."""
	return f"{how}:{hashlib.sha256(order_id.encode()).hexdigest()[:32]}"


def how_made(record: Record) -> str:
	return (record.fingerprint or "").partition(":")[0]


def is_of_order(fingerprint: str | None, order_id: str) -> bool:
	"""Whether a record is of this order; one without a fingerprint, or of another connector, is of any its document
	ships."""
	return fingerprint in (None, "", ADOPTED) or fingerprint.endswith(fingerprint_of("", order_id))


# --- found when an order is booked -----------------------------------------------------------------------


def withdraw_cancelled(erp: Erp, channel: Channel, order: Order) -> None:
	"""Deletes our own drafts of what the shop did not send after all: they would keep the order from following.

	Part of the transaction that books the order, before it is.
	"""
	for fulfilment in order.fulfilments:
		record = erp.get_record(channel.name, RECORD_TYPE, fulfilment.id) if fulfilment.cancelled else None
		if not record or record.cancelled or not record.document or how_made(record) != MADE:
			continue
		if _is_draft(erp, channel, order.id, record.document):
			_delete_draft(erp, record)


def _delete_draft(erp: Erp, record: Record) -> None:
	assert record.document
	erp.withdraw_delivery_note(record.document)
	erp.save_record(replace(record, doctype=None, document=None, cancelled=True))


def _is_draft(erp: Erp, channel: Channel, order_id: str, document: str) -> bool:
	booked = erp.get_record(channel.name, ORDER, order_id)
	state = erp.get_sales_order(booked.document) if booked and booked.document else None
	return state is not None and document in state.drafts


def record_found(world: World, channel: Channel, order: Order) -> None:
	"""Records an entry for each fulfilment that is no document yet; part of the transaction that books the order.

	What was sent of an order that is not taken in is nobody's business here.
	"""
	if not order.fulfilments:
		return
	booked = world.erp.get_record(channel.name, ORDER, order.id)
	if booked is None or not booked.document:
		return
	news = [each for each in order.fulfilments if _is_news(world.erp, channel, each)]
	if news:
		world.journal.record([_entry(channel, order, booked.document, each) for each in news])


def _is_news(erp: Erp, channel: Channel, fulfilment: Fulfilment) -> bool:
	record = erp.get_record(channel.name, RECORD_TYPE, fulfilment.id)
	if record is None:
		return True
	if record.cancelled:
		return False
	return fulfilment.cancelled or not record.document


def _entry(channel: Channel, order: Order, sales_order: str, fulfilment: Fulfilment) -> NewEntry:
	"""Keyed by the Sales Order too: where a person deleted the draft to let the order follow, the amended one needs
	a draft of its own."""
	state = "cancelled" if fulfilment.cancelled else "sent"
	return NewEntry(
		channel=channel.name,
		direction="Inbound",
		topic=FOUND,
		dedupe_key=dedupe_key(channel.name, FOUND, f"{fulfilment.id}\0{state}\0{sales_order}"),
		payload=fulfilment.model_dump_json(),
		external_id=order.id,
		external_number=order.number,
		source_time=fulfilment.updated_at,
	)


# --- told by us ------------------------------------------------------------------------------------------


def save_told(
	erp: Erp, entry: Entry, document: tuple[str, str], shipment: Shipment, result: PushResult
) -> None:
	"""Keeps what the storefront calls a shipment that it took; part of the transaction that ends its entry.

	:param document: DocType and name of what was told
	"""
	doctype, name = document
	taken_back = shipment.external_ids if shipment.cancelled else ()
	for external_id in dict.fromkeys((*result.external_ids, *taken_back)):
		known = erp.get_record(entry.channel, RECORD_TYPE, external_id)
		if known and known.document not in (None, name):
			if external_id not in shipment.external_ids and not shipment.cancelled:
				# Both saw it before either had kept it: the next attempt is told that it is taken.
				raise Retryable(
					f"{known.doctype} {known.document} is the shop's shipment {external_id}, not this one"
				)
			continue  # it is another document's, and stays so
		fresh = Record(
			entry.channel,
			RECORD_TYPE,
			external_id,
			fingerprint=fingerprint_of(TOLD, shipment.order_id),
		)
		told = replace(known or fresh, doctype=doctype, document=name, cancelled=shipment.cancelled)
		if told != known:
			erp.save_record(told)


# --- applied ---------------------------------------------------------------------------------------------


def apply_fulfilment(erp: Erp, journal: Journal, channel: Channel, fulfilment: Fulfilment) -> Outcome:
	"""Makes what a shop sent a document of ERPNext, or finds the one that it is already.

	:raises Retryable: a shipment of ours is on its way to the shop; it may be this one
	:raises Rejected: a person has to decide; says what was sent, and which document to make or change
	"""
	record = erp.get_record(channel.name, RECORD_TYPE, fulfilment.id)
	if record and record.cancelled:
		return _outcome("Skipped", "The shop cancelled this fulfilment again", record)
	if record and record.document and not fulfilment.cancelled:
		return _outcome("Skipped", f"Known already: {record.doctype} {record.document}", record)
	order = erp.get_record(channel.name, ORDER, fulfilment.order_id)
	if order is None or not order.document:
		return Outcome("Skipped", "Of an order that is not imported")
	if journal.is_open(channel.name, SHIPMENT, fulfilment.order_id):
		raise Retryable("A shipment of this order is on its way to the shop: it may be this one", OWN_PENDING)
	known = record or Record(channel.name, RECORD_TYPE, fulfilment.id)
	known = replace(known, source_time=fulfilment.updated_at)
	if fulfilment.cancelled:
		return _cancel(erp, channel, fulfilment, known)
	return _book(erp, channel, fulfilment, order, known)


def _cancel(erp: Erp, channel: Channel, fulfilment: Fulfilment, record: Record) -> Outcome:
	cancelled = replace(record, cancelled=True)
	if not record.document:
		erp.save_record(cancelled)
		return Outcome("Succeeded", "Cancelled before it was booked here: nothing is to be done")
	if _is_draft(erp, channel, fulfilment.order_id, record.document):
		if how_made(record) == MADE:
			_delete_draft(erp, record)
			return Outcome("Succeeded", f"The shop cancelled it: draft {record.document} deleted")
		erp.save_record(cancelled)
		return _outcome(
			"Succeeded", f"{record.doctype} {record.document} is a person's draft: it stays", record
		)
	erp.withdraw_delivery_note(record.document)
	erp.save_record(cancelled)
	text = f"The shop cancelled it: {record.doctype} {record.document} is cancelled or deleted already"
	return _outcome("Succeeded", text, record)


def _book(
	erp: Erp, channel: Channel, fulfilment: Fulfilment, order: Record, record: Record, said: str = ""
) -> Outcome:
	"""
	:param said: what of it was left out, in words
	"""
	sales_order = order.document or ""
	called = f"{order.doctype} {sales_order}"
	state = erp.get_sales_order(sales_order)
	if state is None or state.status != "Submitted":
		raise Rejected(_why_not_deliverable(called, state.status if state else "deleted"))
	deliveries = erp.get_deliveries(sales_order)
	less, back = _less_given_back(erp, channel, fulfilment, deliveries, _ordered)
	if back and not said:
		return _book(erp, channel, less, order, record, back)
	wanted = _placed(fulfilment, deliveries, called)
	if not wanted:
		return Outcome("Succeeded", said or "No goods were sent with this fulfilment")
	known = _same(deliveries, wanted)
	room = _has_room(deliveries, wanted)
	if known is None and not room:
		known = _covering(deliveries, wanted)
	if known:
		return _link(erp, fulfilment, record, known)
	sent = _described(channel, fulfilment, deliveries, wanted)
	if not room:
		less, back = _less_given_back(erp, channel, fulfilment, deliveries, _left)
		if back and not said:
			return _book(erp, channel, less, order, record, back)
		raise Rejected(_no_room(sent, called, deliveries))
	_refuse_while_untold(sent, deliveries, wanted)
	if channel.orders.fulfilled_in_shop == "Fail":
		raise Rejected(
			f"The shop sent {sent}. Make a Delivery Note of exactly this from {called}, submit it, "
			"then retry: it is recognised then, and the goods do not leave twice."
		)
	lines = tuple(FulfilledLine(order_line_id=line, quantity=quantity) for line, quantity in wanted.items())
	name = erp.create_delivery_note(channel, sales_order, fulfilment.model_copy(update={"lines": lines}))
	made = _with_document(record, MADE, fulfilment, "Delivery Note", name)
	erp.save_record(made)
	done = f"Draft Delivery Note {name}: the shop sent {sent}"
	return _outcome("Succeeded", ". ".join(filter(None, (done, said))), made)


def _link(erp: Erp, fulfilment: Fulfilment, record: Record, known: Delivery) -> Outcome:
	linked = _with_document(record, LINKED, fulfilment, known.doctype, known.name)
	erp.save_record(linked)
	draft = "" if known.submitted else ", a draft that is to be submitted"
	return _outcome("Succeeded", f"These goods are in {known.doctype} {known.name} already{draft}", linked)


def _with_document(record: Record, how: str, fulfilment: Fulfilment, doctype: str, name: str) -> Record:
	fingerprint = fingerprint_of(how, fulfilment.order_id)
	return replace(record, doctype=doctype, document=name, fingerprint=fingerprint)


def _outcome(state: Any, message: str, record: Record) -> Outcome:
	return Outcome(state, message, reference_doctype=record.doctype, reference_name=record.document)


# --- the same goods? -------------------------------------------------------------------------------------


def _placed(fulfilment: Fulfilment, deliveries: Deliveries, order: str) -> dict[str, Decimal]:
	"""What was sent, by line of the order's document. A line that is split over locations is several of them: "7" and
	"7:location"; that of the fulfilment's location comes first."""
	placed: dict[str, Decimal] = {}
	for line in fulfilment.lines:
		parts = _parts(line.order_line_id, fulfilment.location_id, deliveries)
		if not parts and line.quantity:
			raise Rejected(
				f'The shop sent {line.quantity:f} of line "{line.order_line_id}", which {order} does '
				"not have (any more). Deliver it by hand, then skip this entry."
			)
		left = line.quantity
		for part in parts:
			taken = min(left, deliveries.lines[part].quantity - placed.get(part, ZERO))
			placed[part] = placed.get(part, ZERO) + taken
			left -= taken
		if left:  # more than was ordered: it is seen to have no room
			placed[parts[0]] += left
	return {line: quantity for line, quantity in placed.items() if quantity}


def _parts(line_id: str, location_id: str | None, deliveries: Deliveries) -> list[str]:
	there = f"{line_id}:{location_id}"
	parts = [line for line in deliveries.lines if line == line_id or line.startswith(f"{line_id}:")]
	return sorted(parts, key=lambda part: (part != there, part != line_id, part))


def _same(deliveries: Deliveries, wanted: Quantities) -> Delivery | None:
	"""A document of exactly these goods that is no fulfilment yet; what left is sooner meant than a draft."""
	alike = [each for each in deliveries.documents if not each.fulfilments and each.lines == wanted]
	return next((each for each in alike if each.submitted), alike[0] if alike else None)


def _covering(deliveries: Deliveries, wanted: Quantities) -> Delivery | None:
	"""A submitted document with these goods among others, where the order has no more of them: since a shop sends
	no more than was ordered, they are a part of what left already."""
	for each in deliveries.documents:
		if each.submitted and all(
			each.lines.get(line, ZERO) >= quantity for line, quantity in wanted.items()
		):
			return each
	return None


def _refuse_while_untold(sent: str, deliveries: Deliveries, wanted: Quantities) -> None:
	"""Goods left that the shop knows nothing of, and some of them are of the same positions: they may be these."""
	names = [
		f"{each.doctype} {each.name}"
		for each in deliveries.documents
		if each.submitted and not each.fulfilments and each.lines.keys() & wanted.keys()
	]
	if names:
		raise Rejected(
			f"The shop sent {sent}, and does not know of {', '.join(names)}, which may be some of it. Retry the failed "
			"entries of these documents first, then this one; or make a Delivery Note of exactly what was sent "
			"besides, submit it, and retry."
		)


def _has_room(deliveries: Deliveries, wanted: Quantities) -> bool:
	return all(_left(deliveries, line) >= quantity for line, quantity in wanted.items())


def _left(deliveries: Deliveries, line: str) -> Decimal:
	shipped = sum((each.lines.get(line, ZERO) for each in deliveries.documents), ZERO)
	return deliveries.lines[line].quantity - shipped


def _ordered(deliveries: Deliveries, line: str) -> Decimal:
	return deliveries.lines[line].quantity


def _less_given_back(
	erp: Erp,
	channel: Channel,
	fulfilment: Fulfilment,
	deliveries: Deliveries,
	room: Callable[[Deliveries, str], Decimal],
) -> tuple[Fulfilment, str]:
	"""Without what the shop sent and took back before the order was seen here, which the order's document never had; and in
	words.

	:param room: how much a line of the document has
	"""
	short: dict[str, Decimal] = {}
	for line in fulfilment.lines:
		parts = _parts(line.order_line_id, fulfilment.location_id, deliveries)
		there = sum((room(deliveries, part) for part in parts), ZERO)
		if line.quantity > there:
			short[line.order_line_id] = line.quantity - max(there, ZERO)
	gone = taken_off(erp, channel, fulfilment.order_id) if short else {}
	cut = {line: min(quantity, gone[line]) for line, quantity in short.items() if gone.get(line)}
	lines = [
		line.model_copy(update={"quantity": line.quantity - cut.get(line.order_line_id, ZERO)})
		for line in fulfilment.lines
	]
	named = ", ".join(f"{quantity:f} of line {line}" for line, quantity in cut.items())
	said = f"{named} was given back before the order was seen here: take it out of stock by hand if it did not come back"
	return fulfilment.model_copy(update={"lines": tuple(lines)}), said if cut else ""


# --- said ------------------------------------------------------------------------------------------------


def _described(channel: Channel, fulfilment: Fulfilment, deliveries: Deliveries, wanted: Quantities) -> str:
	goods = ", ".join(
		f"{quantity:f} × {deliveries.lines[line].item_code}" for line, quantity in wanted.items()
	)
	warehouse = warehouse_at(channel, fulfilment.location_id)
	place = warehouse or (f"location {fulfilment.location_id}" if fulfilment.location_id else "")
	tracked = "; ".join(
		" ".join(filter(None, (parcel.carrier, parcel.tracking_number))) for parcel in fulfilment.parcels
	)
	return f"{goods}{f' from {place}' if place else ''}{f' by {tracked}' if tracked else ''}"


def _why_not_deliverable(order: str, status: str) -> str:
	todo = {
		"Draft": "Submit it, then retry",
		"Cancelled": "Amend it and deliver the goods from it, or book them otherwise; then skip this entry",
	}
	return (
		f"The shop sent goods of an order whose {order} is {status.lower()}. "
		f"{todo.get(status, 'Book the goods by hand, then skip this entry')}."
	)


def _no_room(sent: str, order: str, deliveries: Deliveries) -> str:
	names = ", ".join(
		f"{each.doctype} {each.name}{'' if each.submitted else ' (draft)'}" for each in deliveries.documents
	)
	shipped = f"ships with {names}" if names else "has less"
	return (
		f"The shop sent {sent}, but {order} has not that much left: it {shipped}. Bring the drafts in "
		"line with what was sent and submit them, or delete them; then retry. If the goods are delivered, skip this entry."
	)
