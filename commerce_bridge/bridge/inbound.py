"""An event of a storefront becomes documents: lock, parse, apply, terminal state, in one transaction."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from typing import Any

from commerce_bridge.bridge.channel import Channel
from commerce_bridge.bridge.circuit import call
from commerce_bridge.bridge.customers import apply_customer, buyer_of, customer_locks, normalised
from commerce_bridge.bridge.errors import Conflict
from commerce_bridge.bridge.feeds import pushes_stock
from commerce_bridge.bridge.fulfilments import apply_fulfilment, record_found, withdraw_cancelled
from commerce_bridge.bridge.invoices import apply_due
from commerce_bridge.bridge.model import (
	Customer,
	DataRequest,
	Event,
	Fulfilment,
	InvoiceDue,
	Order,
	OrderCancellation,
	OrderReference,
	Payment,
	Product,
	ProductDeletion,
	Redaction,
	Refund,
	Return,
	ShownLevel,
	Uninstalled,
)
from commerce_bridge.bridge.orders import apply_cancellation, apply_order
from commerce_bridge.bridge.protocols import Connector, Entry, NewEntry, Outcome
from commerce_bridge.bridge.refunds import apply_refund
from commerce_bridge.bridge.returns import apply_return
from commerce_bridge.bridge.returns import record_found as record_found_returns
from commerce_bridge.bridge.settlement import OURS, after_order, apply_payment, record_named
from commerce_bridge.bridge.world import World

#: How often a transaction that met another one is repeated at once, before the entry waits its turn.
CONFLICT_TRIES = 5


def process(world: World, channel: Channel, connector: Connector, entry: Entry) -> None:
	"""Applies one inbound entry and writes its terminal state.

	Raises `Retryable`, `Rejected`, `Misconfigured` or `LeaseLost`; nothing is written then.
	"""
	event = _parsed(connector, entry)
	if event.incomplete:
		complete = _complete(world, channel, connector, entry, event)
		if complete is None:
			return
		event = complete
	_prepare(world, event, entry)
	for last in [False] * (CONFLICT_TRIES - 1) + [True]:
		try:
			return _apply(world, channel, connector, event, entry)
		except Conflict:
			if last:
				raise


def _parsed(connector: Connector, entry: Entry) -> Event:
	ours = OURS.get(entry.topic)
	if ours:  # made of an order that was parsed
		return Event(type=entry.topic, data=ours.model_validate_json(entry.payload))
	return connector.parse(entry.topic, entry.payload)


def _complete(
	world: World, channel: Channel, connector: Connector, entry: Entry, event: Event
) -> Event | None:
	"""The event with what had to be asked of the storefront; None where the entry was settled, or went back."""
	if _is_known(world, channel, event):
		_finish(world, entry, Outcome("Skipped", "A state as new as this was applied already"))
		return None
	return call(world, channel, entry, lambda: connector.complete(event))


def _prepare(world: World, event: Event, entry: Entry) -> None:
	"""What an event means whether or not it can be booked, in transactions of its own."""
	order_id = _order_of(event) if entry.external_id is None else None
	if order_id:  # what it waits for finds it by that
		with world.erp.transaction():
			world.journal.name_order(entry, order_id)
	if isinstance(event.data, Uninstalled) and event.incomplete:
		world.state.save_token(entry.channel, None)


def _order_of(event: Event) -> str | None:
	if isinstance(event.data, Payment | Refund | Return):
		return event.data.order_id
	return event.data.id if isinstance(event.data, Order) and event.incomplete else None


def _is_known(world: World, channel: Channel, event: Event) -> bool:
	"""Whether an order was applied as it stood later than this: nothing needs to be asked then."""
	data = event.data
	if not isinstance(data, Order | OrderReference) or data.updated_at is None:
		return False
	record = world.erp.known_orders(channel.name, [data.id]).get(data.id)
	return record is not None and record.source_time is not None and record.source_time > data.updated_at


def _finish(world: World, entry: Entry, outcome: Outcome) -> None:
	with world.erp.transaction():
		world.journal.hold(entry)
		world.journal.finish(entry, outcome, world.now())


def _apply(world: World, channel: Channel, connector: Connector, event: Event, entry: Entry) -> None:
	with world.erp.transaction(*_locks(channel, event)):
		world.journal.hold(entry)
		outcome = _handle(world, channel, connector, event, entry)
		_settle_failed(world, connector, event, entry, outcome)
		world.journal.finish(entry, outcome, world.now())


def _settle_failed(world: World, connector: Connector, event: Event, entry: Entry, outcome: Outcome) -> None:
	"""What failed of an order before is done once a state as new of it was applied, or was known already."""
	data = event.data
	if not isinstance(data, Order | OrderCancellation) or outcome.state == "Failed":
		return
	if outcome.state != "Succeeded" and not outcome.reference_name:
		return  # the channel does not take the order in
	# Of one moment, a version says what is newer, and no entry tells its version; else the later one counts.
	seen = entry.started if event.incomplete else entry.recorded
	world.journal.settle(
		entry,
		data.id,
		sorted(connector.order_topics),
		data.updated_at,
		seen if data.version is None else None,
		f"Settled by {entry.name}, which brought the order as it stood then, or later",
	)


def _locks(channel: Channel, event: Event) -> Sequence[str]:
	data = event.data
	if isinstance(data, Order):
		return [order_lock(channel, data.id), *customer_locks(channel, buyer_of(channel, data))]
	if isinstance(data, OrderCancellation):
		return [order_lock(channel, data.id)]
	if isinstance(data, Fulfilment | Payment | Refund | Return | InvoiceDue):
		return [order_lock(channel, data.order_id)]
	if isinstance(data, Product | ProductDeletion):
		return [f"product:{channel.name}:{data.id}"]
	if isinstance(data, Customer):
		return customer_locks(channel, normalised(channel, data))
	if isinstance(data, Redaction):
		return _redaction_locks(channel, data)
	return ()


def _redaction_locks(channel: Channel, data: Redaction) -> list[str]:
	"""Those of everybody who could book for this person at the same moment."""
	person = Customer(id=data.customer_id, email=data.email, phone=data.phone)
	orders = [order_lock(channel, order_id) for order_id in data.order_ids]
	return [*orders, *customer_locks(channel, normalised(channel, person))]


def order_lock(channel: Channel, external_id: str) -> str:
	return f"order:{channel.name}:{external_id}"


def _handle(world: World, channel: Channel, connector: Connector, event: Event, entry: Entry) -> Outcome:
	data = event.data
	if data is None and event.incomplete:
		return Outcome(
			"Skipped", f"{event.type}: {event.reason or 'the storefront does not have it any more'}"
		)
	handle = _HANDLERS.get(type(data))
	if handle is None:
		return Outcome("Skipped", f"{event.type}: not supported yet")
	return handle(world, channel, connector, data, entry)


def _order(world: World, channel: Channel, connector: Connector, order: Order, entry: Entry) -> Outcome:
	withdraw_cancelled(world.erp, channel, order)
	outcome = apply_order(world.erp, channel, order, entry)
	record_found(world, channel, order)
	record_named(world, channel, order)
	record_found_returns(world, channel, order)
	after_order(world, channel, connector, order.id, entry)
	return outcome


def _cancellation(
	world: World, channel: Channel, connector: Connector, cancellation: OrderCancellation, entry: Entry
) -> Outcome:
	outcome = apply_cancellation(world.erp, channel, cancellation)
	after_order(world, channel, connector, cancellation.id, entry)
	return outcome


def _product(world: World, channel: Channel, connector: Connector, product: Product, entry: Entry) -> Outcome:
	"""The listings that are there follow it; Items are made by an import only."""
	linked = world.erp.link_products(channel, [product], create=False)
	errors = "; ".join(f"{row.sku or row.variant_id}: {row.error}" for row in linked if row.error)
	made = sum(row.made == "Listing" for row in linked)
	return Outcome(
		"Succeeded", f"{len(linked)} variants, {made} newly listed{f': {errors}' if errors else ''}"
	)


def _deletion(
	world: World, channel: Channel, connector: Connector, deletion: ProductDeletion, entry: Entry
) -> Outcome:
	marked = world.erp.mark_deleted(channel.name, deletion.id)
	if not marked:
		return Outcome("Skipped", "Nothing is listed as this product")
	return Outcome("Succeeded", f"{marked} listings say now that the shop deleted their product")


def _level(world: World, channel: Channel, connector: Connector, shown: ShownLevel, entry: Entry) -> Outcome:
	if not (channel.stock.watch and pushes_stock(channel)):
		return Outcome("Skipped", "The stock of this shop is not watched")
	return world.erp.note_shown(channel, shown)


def _uninstalled(
	world: World, channel: Channel, connector: Connector, data: Uninstalled, entry: Entry
) -> Outcome:
	reason = "The app was uninstalled in the shop: nothing can be sent to it, or read from it"
	world.state.pause(channel.name, f"{reason}. Install it again, then make the channel Active")
	return Outcome("Succeeded", f"{reason}. The channel is paused")


def _redaction(
	world: World, channel: Channel, connector: Connector, redaction: Redaction, entry: Entry
) -> Outcome:
	"""The request names the person too: its payload goes with the rest."""
	done = world.erp.redact(channel, redaction, entry.name)
	if done.more:
		world.journal.record([_continued(entry)])
	return Outcome("Succeeded", done.message, payload="")


def _continued(entry: Entry) -> NewEntry:
	key = hashlib.sha256(f"{entry.name} goes on".encode()).hexdigest()
	return NewEntry(entry.channel, "Inbound", entry.topic, key, entry.payload, entry.external_id)


def _data_request(
	world: World, channel: Channel, connector: Connector, request: DataRequest, entry: Entry
) -> Outcome:
	"""What is known is not kept here, where more people read than may read it: it is put together when asked for."""
	known = json.loads(world.erp.personal_data(channel, request))
	found = ", ".join(f"{len(rows)} {kind}" for kind, rows in known.items() if rows and kind != "entries")
	world.erp.tell_personal_data(channel, entry.name)
	return Outcome("Succeeded", f"Ready to be downloaded: {found or 'nothing is known of this person'}")


Handler = Callable[[World, Channel, Connector, Any, Entry], Outcome]
_HANDLERS: dict[type, Handler] = {
	Order: _order,
	OrderCancellation: _cancellation,
	Payment: apply_payment,
	Refund: apply_refund,
	InvoiceDue: apply_due,
	Fulfilment: lambda world, channel, connector, data, entry: apply_fulfilment(
		world.erp, world.journal, channel, data
	),
	Return: lambda world, channel, connector, data, entry: apply_return(
		world.erp, world.journal, channel, data
	),
	Customer: lambda world, channel, connector, data, entry: apply_customer(world.erp, channel, data),
	Product: _product,
	ProductDeletion: _deletion,
	ShownLevel: _level,
	Uninstalled: _uninstalled,
	Redaction: _redaction,
	DataRequest: _data_request,
}
