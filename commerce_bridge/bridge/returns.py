"""Goods that come back: a shop's return (RMA) becomes a Return Authorisation, and follows it.

What was decided or taken back in the ERP is never undone by what the shop says later: where the two differ, the entry
fails and says so. A return that began in the ERP is told to the shop, and its echo is recognised by the id the shop
gave it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from commerce_bridge.bridge.channel import Channel
from commerce_bridge.bridge.errors import Rejected, Retryable
from commerce_bridge.bridge.model import Order, Return, ReturnNotice, ReturnStatus
from commerce_bridge.bridge.orders import RECORD_TYPE as ORDER
from commerce_bridge.bridge.payments import order_record
from commerce_bridge.bridge.plan import OrderedLine, Record
from commerce_bridge.bridge.protocols import Entry, Erp, Journal, NewEntry, Outcome, PushResult
from commerce_bridge.bridge.receive import dedupe_key
from commerce_bridge.bridge.return_plan import AuthorisationPlan, Receipt, ReturnState
from commerce_bridge.bridge.versions import is_stale
from commerce_bridge.bridge.world import World

RECORD_TYPE = "Return"
DOCTYPE = "Return Authorisation"
#: Topic of the entries that are recorded for the returns an order names; no storefront sends it.
FOUND = "return.found"
#: Topic of the outbound entries that tell how far a return is.
CHANGED = "return.changed"
#: How long to wait at least for a return of ours that is on its way to the shop.
OWN_PENDING = timedelta(minutes=1)
#: What a shop may say of one moment, the further on the later.
RANK: Mapping[ReturnStatus, int] = {
	"requested": 0,
	"approved": 1,
	"received": 2,
	"declined": 3,
	"cancelled": 3,
	"closed": 4,
}
#: Without goods, what ends a return; with goods, a person has to say what became of them.
REFUSED: tuple[ReturnStatus, ...] = ("declined", "cancelled")
ENDED: tuple[ReturnStatus, ...] = (*REFUSED, "closed")
ZERO = Decimal(0)


# --- found with its order --------------------------------------------------------------------------------


def record_found(world: World, channel: Channel, order: Order) -> None:
	"""Records an entry for each return of an order that is news; part of the transaction that books the order. Of one that
	is not taken in, nothing is."""
	booked = world.erp.get_record(channel.name, ORDER, order.id) if order.returns else None
	if booked is None or not booked.document:
		return
	named = [found.model_copy(update={"order_id": order.id}) for found in order.returns]
	news = [found for found in named if _is_news(world.erp, channel, found)]
	if news:
		world.journal.record([_entry(channel, order, found) for found in news])


def _is_news(erp: Erp, channel: Channel, found: Return) -> bool:
	record = erp.get_record(channel.name, RECORD_TYPE, found.id)
	return record is None or (record.data != data_of(found) and not _is_older(record, found))


def _entry(channel: Channel, order: Order, found: Return) -> NewEntry:
	return NewEntry(
		channel=channel.name,
		direction="Inbound",
		topic=FOUND,
		dedupe_key=dedupe_key(channel.name, FOUND, found.model_dump_json()),
		payload=found.model_dump_json(),
		external_id=order.id,
		external_number=order.number,
		source_time=found.updated_at,
	)


def data_of(found: Return) -> str:
	"""What a record keeps of a return: nothing that speaks of a person."""
	return found.model_dump_json(exclude={"note", "parcels"})


# --- applied ---------------------------------------------------------------------------------------------


def apply_return(erp: Erp, journal: Journal, channel: Channel, found: Return) -> Outcome:
	"""Brings the Return Authorisation of a shop's return in line with it; part of the entry's transaction.

	:raises Retryable: its order is not here yet, or a return of ours is on its way to the shop and may be this one
	:raises Rejected: the shop and the ERP differ, or goods cannot come back; says what and where
	"""
	order = order_record(erp, channel, found.order_id, f"return {_called(found)}")
	record = erp.get_record(channel.name, RECORD_TYPE, found.id)
	kept = record is not None and not record.document and record.data == data_of(found)
	if record and not kept and _is_older(record, found):
		return _outcome("Skipped", "A state as new as this was applied already", record.document)
	if not order.document:
		_save(erp, channel, found, record, None)
		return Outcome("Skipped", "Of an order that is not imported")
	if record is None and journal.is_open(channel.name, CHANGED, found.order_id):
		raise Retryable("A return of this order is on its way to the shop: it may be this one", OWN_PENDING)
	state = erp.get_return(record.document) if record and record.document else None
	_check_lines(found, erp.get_deliveries(order.document).lines, state, f"{order.doctype} {order.document}")
	name, receipt = _follow(erp, channel, found, order, state)
	_save(erp, channel, found, record, name)
	return _outcome("Succeeded", _told(found, erp.get_return(name), receipt), name)


def _is_older(record: Record, found: Return) -> bool:
	"""Of one moment, what is further on is the newer."""
	if is_stale(record, found.version, found.updated_at, cancellation=False):
		return True
	known = Return.model_validate_json(record.data) if record.data else None
	same_moment = known is not None and found.version is None and known.updated_at == found.updated_at
	return known is not None and same_moment and RANK[found.status] < RANK[known.status]


def _follow(
	erp: Erp, channel: Channel, found: Return, order: Record, state: ReturnState | None
) -> tuple[str, Receipt]:
	"""The document as the shop's state makes it, and what was made of goods that came back with it."""
	assert order.document
	status = _status(found, state)
	plan = AuthorisationPlan(
		channel=channel.name,
		company=channel.company,
		sales_order=order.document,
		found=found,
		status=status,
	)
	name = erp.save_return(channel, plan, state.name if state else None)
	receipt = _receive(erp, channel, found, name)
	if found.status == "closed" and status not in ENDED:
		standing = erp.get_return(name)
		assert standing
		if not any(line.drafted for line in standing.lines.values()):
			erp.save_return(channel, replace(plan, status="closed"), name)
	return name, receipt


def _status(found: Return, state: ReturnState | None) -> ReturnStatus:
	"""What the document is to be before goods are taken back: the ERP takes them, and closes what is closed then."""
	if state is None:
		return found.status if found.status in ("requested", *REFUSED) else "approved"
	if found.status in REFUSED:
		if state.receipts:
			raise Rejected(_differs(found, state, f"goods of it came back with {', '.join(state.receipts)}"))
		return state.status if state.status in ENDED else found.status
	if found.status in ("approved", "received") and state.status in REFUSED:
		raise Rejected(_differs(found, state, "nothing of it was expected any more"))
	if found.status != "requested" and state.status == "requested":
		return "approved"
	return state.status


def _differs(found: Return, state: ReturnState, why: str) -> str:
	return (
		f"The shop says that return {_called(found)} is {found.status}, but {DOCTYPE} {state.name} is {state.status}: "
		f"{why}. Settle it in the shop or here, then skip this entry."
	)


def _called(found: Return) -> str:
	return found.number or found.id


def _check_lines(
	found: Return, ordered: Mapping[str, OrderedLine], state: ReturnState | None, order: str
) -> None:
	wanted: dict[str, Decimal] = {}
	for line in found.lines:
		wanted[line.order_line_id] = wanted.get(line.order_line_id, ZERO) + line.quantity
	for line_id, quantity in wanted.items():
		parts = [part for part in ordered if part == line_id or part.startswith(f"{line_id}:")]
		if quantity and not parts:
			raise Rejected(
				f'Return {_called(found)} has {_number(quantity)} of line "{line_id}", which {order} does not '
				"have (any more). Make the Return Authorisation by hand, then skip this entry."
			)
		sold = sum((ordered[part].quantity for part in parts), ZERO)
		if quantity > sold:
			raise Rejected(
				f'Return {_called(found)} has {_number(quantity)} of line "{line_id}", of which {_number(sold)} were ordered '
				f"({order}). Correct the return in the shop, then retry."
			)
	for line_id, line in (state.lines if state else {}).items():
		here = line.received + line.drafted
		if here > wanted.get(line_id, ZERO) and state:
			raise Rejected(
				_differs(
					found,
					state,
					f'{_number(here)} of line "{line_id}" came back with {", ".join(state.receipts)}, and the shop takes back '
					f"{_number(wanted.get(line_id, ZERO))}",
				)
			)


def _number(quantity: Decimal) -> str:
	return f"{quantity.normalize():f}"


def _receive(erp: Erp, channel: Channel, found: Return, name: str) -> Receipt:
	"""Takes back what the shop says has arrived, and is not here yet."""
	if found.status not in ("received", "closed"):
		return Receipt()
	state = erp.get_return(name)
	assert state
	arrived = _arrived(found)
	missing = {
		line_id: arrived[line_id] - line.received - line.drafted
		for line_id, line in state.lines.items()
		if arrived.get(line_id, ZERO) > line.received + line.drafted
	}
	if not missing:
		return Receipt()
	if channel.refunds.returns == "Nothing":
		return Receipt(note="Goods came back: press Receive in it")
	return erp.receive_return(channel, name, missing, submit=channel.refunds.returns == "Submitted")


def _arrived(found: Return) -> dict[str, Decimal]:
	"""A return that was received, of which the shop does not say how much, came back as a whole."""
	arrived: dict[str, Decimal] = {}
	for line in found.lines:
		unsaid = line.quantity if found.status == "received" else ZERO
		quantity = unsaid if line.received is None else min(line.received, line.quantity)
		arrived[line.order_line_id] = arrived.get(line.order_line_id, ZERO) + quantity
	return arrived


def _save(erp: Erp, channel: Channel, found: Return, record: Record | None, name: str | None) -> None:
	known = record or Record(channel.name, RECORD_TYPE, found.id)
	erp.save_record(
		replace(
			known,
			doctype=DOCTYPE if name else None,
			document=name,
			version=found.version,
			source_time=found.updated_at,
			order_id=found.order_id,
			data=data_of(found),
		)
	)


def _told(found: Return, state: ReturnState | None, receipt: Receipt) -> str:
	assert state
	made = ", ".join(f"{doctype} {name}" for doctype, name in receipt.documents)
	parts = [f"{DOCTYPE} {state.name} is {state.status}"]
	if state.status != found.status:
		parts.append(f"the shop says {found.status}")
	if made:
		parts.append(f"goods came back with {made}")
	if receipt.note:
		parts.append(receipt.note)
	return "; ".join(parts)


def _outcome(state: Any, message: str, document: str | None) -> Outcome:
	return Outcome(state, message, reference_doctype=document and DOCTYPE, reference_name=document)


# --- told by us ------------------------------------------------------------------------------------------


def save_told(erp: Erp, entry: Entry, document: str, notice: ReturnNotice, result: PushResult) -> None:
	"""Keeps what the storefront calls a return that it took; part of the transaction that ends its entry.

	:param document: name of the Return Authorisation
	"""
	for external_id in result.external_ids[:1]:
		known = erp.get_record(entry.channel, RECORD_TYPE, external_id)
		if known and known.document == document:
			continue
		if known and known.document:
			raise Rejected(
				f"The shop's return {external_id} is {DOCTYPE} {known.document} already. Cancel {document}, and go on there."
			)
		fresh = known or Record(entry.channel, RECORD_TYPE, external_id)
		erp.save_record(replace(fresh, doctype=DOCTYPE, document=document, order_id=notice.order_id))
		erp.name_return(document, external_id)
