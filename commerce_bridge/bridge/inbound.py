"""An event of a storefront becomes documents: lock, parse, apply, terminal state, in one transaction."""

from __future__ import annotations

from collections.abc import Sequence

from commerce_bridge.bridge.channel import Channel
from commerce_bridge.bridge.customers import apply_customer, buyer_of, customer_locks, normalised
from commerce_bridge.bridge.errors import Conflict
from commerce_bridge.bridge.model import Customer, Event, Order, OrderCancellation
from commerce_bridge.bridge.orders import apply_cancellation, apply_order
from commerce_bridge.bridge.protocols import Connector, Entry, Outcome
from commerce_bridge.bridge.world import World

#: How often a transaction that met another one is repeated at once, before the entry waits its turn.
CONFLICT_TRIES = 5


def process(world: World, channel: Channel, connector: Connector, entry: Entry) -> None:
	"""Applies one inbound entry and writes its terminal state.

	Raises `Retryable`, `Rejected`, `Misconfigured` or `LeaseLost`; nothing is written then.
	"""
	event = connector.parse(entry.topic, entry.payload)
	for last in [False] * (CONFLICT_TRIES - 1) + [True]:
		try:
			return _apply(world, channel, event, entry)
		except Conflict:
			if last:
				raise


def _apply(world: World, channel: Channel, event: Event, entry: Entry) -> None:
	with world.erp.transaction(*_locks(channel, event)):
		world.journal.hold(entry)
		outcome = _handle(world, channel, event, entry)
		world.journal.finish(entry, outcome, world.now())


def _locks(channel: Channel, event: Event) -> Sequence[str]:
	data = event.data
	if isinstance(data, Order):
		return [order_lock(channel, data.id), *customer_locks(channel, buyer_of(channel, data))]
	if isinstance(data, OrderCancellation):
		return [order_lock(channel, data.id)]
	if isinstance(data, Customer):
		return customer_locks(channel, normalised(channel, data))
	return ()


def order_lock(channel: Channel, external_id: str) -> str:
	return f"order:{channel.name}:{external_id}"


def _handle(world: World, channel: Channel, event: Event, entry: Entry) -> Outcome:
	data = event.data
	if isinstance(data, Order):
		return apply_order(world.erp, channel, data, entry)
	if isinstance(data, OrderCancellation):
		return apply_cancellation(world.erp, channel, data)
	if isinstance(data, Customer):
		return apply_customer(world.erp, channel, data)
	return Outcome("Skipped", f"{event.type}: not supported yet")
