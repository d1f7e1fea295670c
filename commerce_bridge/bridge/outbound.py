"""What changed in ERPNext goes to the storefront: computed when it is sent, sent outside any transaction.

Stock: outbox rows are collected into one waiting entry a channel; the entry holds items, never quantities.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from itertools import islice
from typing import Any, TypeVar

from commerce_bridge.bridge.channel import Channel
from commerce_bridge.bridge.circuit import after_failure, after_success, may_call, probing
from commerce_bridge.bridge.errors import Misconfigured, Rejected, Retryable
from commerce_bridge.bridge.model import StockLevel
from commerce_bridge.bridge.protocols import (
	Circuit,
	Connector,
	Entry,
	ListingLevel,
	NewEntry,
	Outcome,
	PushResult,
)
from commerce_bridge.bridge.retry import delay_before_next
from commerce_bridge.bridge.world import World

STOCK = "stock.changed"
STOCK_RESYNC = "stock.resync"
SHIPMENT = "shipment.changed"
ORDER_CHANGE = "order.changed"
#: Items of one stock entry: one set of queries, a few calls.
ITEMS_PER_ENTRY = 1_000
CHANGES_PER_COLLECTION = 5_000
#: A lane is busy although nothing runs in it: a worker outlived its lease. Rare, so the wait is long.
BUSY = timedelta(seconds=5)
Result = TypeVar("Result")


# --- into the journal ------------------------------------------------------------------------------------


def collect_stock_changes(world: World) -> int:
	"""Moves the outbox into the journal: at most one untried entry of each channel grows by the items.

	:return: how many items were taken; call again while it is not 0
	"""
	with world.erp.transaction("collect-stock-changes"):
		items = world.erp.take_stock_changes(CHANGES_PER_COLLECTION)
		for name in world.state.active_channels() if items else ():
			channel = world.state.channel(name)
			if pushes_stock(channel):
				queue_stock(world, channel, world.erp.listed_items(name, items))
	return len(items)


def pushes_stock(channel: Channel) -> bool:
	"""Whether the channel's stock is ours to write, and a Manager confirmed the first push."""
	return channel.stock.push and channel.stock.first_push_confirmed and channel.ownership.stock == "ERPNext"


def queue_stock(world: World, channel: Channel, items: Sequence[str]) -> None:
	"""Adds items to the channel's waiting stock entry, or makes entries; part of the caller's transaction."""
	for chunk in chunked(items, ITEMS_PER_ENTRY):
		if not world.journal.merge_queued(channel.name, STOCK, chunk, ITEMS_PER_ENTRY):
			world.journal.record([stock_entry(channel, STOCK, chunk)])


def queue_resync(world: World, channel: Channel) -> int:
	"""Queues every listing, to be sent whatever was last pushed; part of the caller's transaction.

	:return: the number of items
	"""
	items = world.erp.listed_items(channel.name, None)
	entries = [stock_entry(channel, STOCK_RESYNC, chunk) for chunk in chunked(items, ITEMS_PER_ENTRY)]
	world.journal.record(entries)
	return len(items)


def stock_entry(channel: Channel, topic: str, items: Sequence[str]) -> NewEntry:
	return NewEntry(
		channel=channel.name,
		direction="Outbound",
		topic=topic,
		dedupe_key=hashlib.sha256(uuid.uuid4().bytes).hexdigest(),
		payload=json.dumps(list(items)),
		lane=f"stock:{channel.name}",
	)


def document_entry(channel: str, topic: str, doctype: str, name: str, state: str) -> NewEntry:
	"""An entry that tells the storefront of a document; what is told is read when it is sent.

	:param state: what tells one telling from the next (docstatus, tracking): the same is told once
	"""
	key = "\0".join((channel, topic, doctype, name, state))
	return NewEntry(
		channel=channel,
		direction="Outbound",
		topic=topic,
		dedupe_key=hashlib.sha256(key.encode()).hexdigest(),
		payload=json.dumps({"doctype": doctype, "name": name}),
		reference_doctype=doctype,
		reference_name=name,
		lane=f"{topic}:{name}",
	)


Value = TypeVar("Value")


def chunked(values: Sequence[Value], size: int) -> Iterator[list[Value]]:
	rest = iter(values)
	while chunk := list(islice(rest, size)):
		yield chunk


# --- out of the journal ----------------------------------------------------------------------------------


def push(world: World, channel: Channel, connector: Connector, entry: Entry) -> None:
	"""Sends one outbound entry and writes its state. Errors as in `inbound.process`.

	An entry of a lane that another worker still works on, and an entry of a channel whose circuit is open,
	goes back untried.
	"""
	with world.erp.exclusive(f"push:{channel.name}:{_lane_of(entry)}") as mine:
		if not mine:
			return world.journal.postpone(entry, world.now() + BUSY)
		_HANDLERS[entry.topic](world, channel, connector, entry)


def _lane_of(entry: Entry) -> str:
	return "stock" if entry.topic in (STOCK, STOCK_RESYNC) else f"{entry.topic}:{entry.reference_name}"


def _push_stock(world: World, channel: Channel, connector: Connector, entry: Entry) -> None:
	if not pushes_stock(channel):
		return _finish(world, entry, Outcome("Skipped", "Stock of this channel is not ours to push"))
	with world.erp.transaction():
		levels = world.erp.stock_levels(channel, json.loads(entry.payload))
	due = [level for level in levels if entry.topic == STOCK_RESYNC or _changed(level)]
	if channel.dry_run:
		return _finish(world, entry, _dry_run(due_level.level for due_level in due))
	failed: dict[str, PushResult] = {}
	items_failed: set[str] = set()
	for batch in chunked([level.level for level in due], connector.batch_size):
		results = call(world, channel, entry, lambda batch=batch: connector.push_stock(batch))
		if results is None:
			return
		_save_batch(world, channel, entry, batch, results, failed, items_failed)
	_finish(world, entry, _stock_outcome(world, entry, len(due), failed, items_failed))


def _changed(level: ListingLevel) -> bool:
	return level.last_pushed != level.level.quantity


def _save_batch(
	world: World,
	channel: Channel,
	entry: Entry,
	batch: Sequence[StockLevel],
	results: Sequence[PushResult],
	failed: dict[str, PushResult],
	items_failed: set[str],
) -> None:
	"""Keeps what the storefront took of a batch, at once: a worker that dies later repeats only the rest."""
	taken = [level for level, result in zip(batch, results, strict=True) if result.error is None]
	refused = {
		level.listing: (level, result)
		for level, result in zip(batch, results, strict=True)
		if result.error is not None
	}
	with world.erp.transaction():
		world.journal.hold(entry)
		world.erp.save_pushed(channel.name, taken, world.now())
		world.erp.save_push_errors(
			channel.name, {listing: result.error or "" for listing, (_, result) in refused.items()}
		)
	for listing, (level, result) in refused.items():
		failed[listing] = result
		items_failed.add(level.item_code)


def _stock_outcome(
	world: World, entry: Entry, sent: int, failed: Mapping[str, PushResult], items_failed: set[str]
) -> Outcome:
	"""Succeeded, or what is left to do: rows that failed are retried alone, or given to a person."""
	summary = json.dumps({"levels": sent, "failed": {key: row.error for key, row in failed.items()}})
	if not failed:
		message = f"{sent} levels sent" if sent else "Nothing to send: the storefront shows this already"
		return Outcome("Succeeded", message, summary=summary)
	message = f"{sent - len(failed)} of {sent} levels sent; {len(failed)} refused: {_reasons(failed)}"
	left = json.dumps(sorted(items_failed))
	delay = delay_before_next(entry.attempt, None, world.uniform)
	if delay is None or not all(row.retry for row in failed.values()):
		return Outcome("Failed", message, "Rejected", payload=left, summary=summary)
	return Outcome(
		"Retrying", message, "Retryable", next_attempt_at=world.now() + delay, payload=left, summary=summary
	)


def _reasons(failed: Mapping[str, PushResult]) -> str:
	return "; ".join(sorted({row.error or "" for row in failed.values()})[:3])


def _push_shipment(world: World, channel: Channel, connector: Connector, entry: Entry) -> None:
	name = json.loads(entry.payload)["name"]
	with world.erp.transaction():
		shipment = world.erp.get_shipment(name)
	if shipment is None:
		return _finish(world, entry, _gone("Delivery Note", name))
	_push_one(world, channel, entry, shipment, lambda: connector.push_shipment(shipment))


def _push_order_change(world: World, channel: Channel, connector: Connector, entry: Entry) -> None:
	name = json.loads(entry.payload)["name"]
	with world.erp.transaction():
		change = world.erp.get_order_change(name)
	if change is None:
		return _finish(world, entry, _gone("Sales Order", name))
	_push_one(world, channel, entry, change, lambda: connector.push_order_change(change))


def _push_one(
	world: World, channel: Channel, entry: Entry, what: Any, send: Callable[[], PushResult]
) -> None:
	if channel.dry_run:
		return _finish(world, entry, _dry_run([what]))
	result = call(world, channel, entry, send)
	if result is None:
		return
	if result.error and result.retry:
		raise Retryable(result.error)
	if result.error:
		raise Rejected(result.error)
	_finish(world, entry, Outcome("Succeeded", "The storefront took it", summary=what.model_dump_json()))


_HANDLERS: dict[str, Callable[[World, Channel, Connector, Entry], None]] = {
	STOCK: _push_stock,
	STOCK_RESYNC: _push_stock,
	SHIPMENT: _push_shipment,
	ORDER_CHANGE: _push_order_change,
}


def _gone(doctype: str, name: str) -> Outcome:
	return Outcome("Skipped", f"{doctype} {name} belongs to no order of this channel any more")


def _finish(world: World, entry: Entry, outcome: Outcome) -> None:
	with world.erp.transaction():
		world.journal.finish(entry, outcome, world.now())


def _dry_run(values: Any) -> Outcome:
	would = [value.model_dump(mode="json") for value in values]
	return Outcome("Skipped", f"Dry run: {len(would)} rows not sent", summary=json.dumps(would))


# --- the circuit -----------------------------------------------------------------------------------------


def call(world: World, channel: Channel, entry: Entry, send: Callable[[], Result]) -> Result | None:
	"""Calls the storefront unless its circuit is open; None then, and the entry went back untried.

	Any answer, a refusal too, closes the circuit; only `Retryable` counts against it.
	"""
	before = world.state.get_circuit(channel.name)
	if not may_call(before, world.now(), world.lease):
		world.journal.postpone(entry, before.opened_until or world.now())
		return None
	current = probing(before, world.now())
	if current != before and not world.state.swap_circuit(channel.name, before, current):
		world.journal.postpone(entry, world.now())
		return None
	with _watched(world, channel, current):
		return send()


@contextmanager
def _watched(world: World, channel: Channel, current: Circuit) -> Iterator[None]:
	try:
		yield
	except Retryable:
		world.state.swap_circuit(channel.name, current, after_failure(current, world.now()))
		raise
	except (Rejected, Misconfigured):
		_close(world, channel, current)
		raise
	_close(world, channel, current)


def _close(world: World, channel: Channel, current: Circuit) -> None:
	if current != after_success(current):
		world.state.swap_circuit(channel.name, current, after_success(current))
