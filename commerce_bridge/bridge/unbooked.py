"""What the shops have sold and the ERP has not booked yet: counted from the journal, in batches, beside the work.

The webhook's one insert and the booking of an order know nothing of this. An event is looked into once; of an
order with several unfinished events the newest counts, for it says the whole order. What is kept is no longer
subtracted from the moment the event is finished, which is the commit that books it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from commerce_bridge.bridge.channel import Channel
from commerce_bridge.bridge.errors import BridgeError, Misconfigured, Retryable
from commerce_bridge.bridge.mapping import warehouse_of
from commerce_bridge.bridge.model import Order, OrderCancellation, OrderLine
from commerce_bridge.bridge.orders import RECORD_TYPE, why_unwanted
from commerce_bridge.bridge.plan import Item, ItemKey, Record, SoldLine, UnbookedSale
from commerce_bridge.bridge.protocols import Connector, Uncounted
from commerce_bridge.bridge.totals import key_of
from commerce_bridge.bridge.versions import is_stale
from commerce_bridge.bridge.world import World

#: Entries looked into in one transaction.
ENTRIES_PER_STEP = 500
Sale = Order | OrderCancellation
logger = logging.getLogger(__name__)


def count_unbooked(world: World) -> int:
	"""Looks into entries that nobody counted yet; forgets what is booked by now.

	Where they cannot be counted together, they are counted order by order: one of them stops no other.

	:return: how many entries were looked into; call again while it is not 0
	:raises Retryable: nothing is wrong with the entries; the next call sees them again
	"""
	try:
		return _count_step(world, ENTRIES_PER_STEP, [])
	except (Retryable, *world.interruptions):
		raise
	except Exception:
		return _count_one_by_one(world)


def _count_one_by_one(world: World) -> int:
	done = 0
	for _each in range(ENTRIES_PER_STEP):
		found = _count_oldest(world)
		if not found:
			break
		done += found
	return done


def _count_oldest(world: World) -> int:
	"""The oldest entry, and with it all of the same order. What fails counts as looked into: the worker meets the
	same entry, and says what is wrong with it. Its text may carry data of a person, so that the class is logged."""
	names: list[str] = []
	try:
		return _count_step(world, 1, names)
	except (Retryable, *world.interruptions):
		raise
	except Exception as error:
		logger.error("not counted as sold: %s: %s", ", ".join(names), type(error).__name__)
	with world.erp.transaction("count-unbooked"):
		world.journal.mark_counted(names)
	return len(names)


def _count_step(world: World, limit: int, names: list[str]) -> int:
	""":param names: gets the entries that are looked into, for a caller who is told of an error"""
	with world.erp.transaction("count-unbooked"):
		forgotten = world.erp.forget_finished_sales()
		if forgotten:
			world.journal.count_again(forgotten)
		entries = world.journal.uncounted(limit)
		names += [entry.name for entry in entries]
		for name in dict.fromkeys(entry.channel for entry in entries):
			_count(world, name, [entry for entry in entries if entry.channel == name])
		if entries:
			world.journal.mark_counted(names)
	return len(entries)


def count_all(world: World) -> None:
	"""Looks into whatever nobody counted yet."""
	while count_unbooked(world):
		continue


def _count(world: World, name: str, entries: Sequence[Uncounted]) -> None:
	try:
		channel = world.state.channel(name)
		connector = world.connect(channel, world.state.credentials(name))
	except BridgeError:
		return  # the channel was deleted, or is not set up: nobody can read its events
	newest = _newest(world, channel, connector, entries)
	if not newest:
		return
	records = world.erp.known_orders(channel.name, list(newest))
	sold = {
		external_id: _wanted_lines(channel, sale, records.get(external_id))
		for external_id, (_log, sale) in newest.items()
	}
	items = world.erp.find_items(channel, {key_of(line) for lines in sold.values() for line in lines})
	world.erp.save_unbooked(
		[
			UnbookedSale(channel.name, external_id, log, _sold(channel, sold[external_id], items))
			for external_id, (log, _sale) in newest.items()
		]
	)


def _newest(
	world: World, channel: Channel, connector: Connector, entries: Sequence[Uncounted]
) -> dict[str, tuple[str, Sale]]:
	"""Log and content of the newest event of each order."""
	newest: dict[str, tuple[str, Sale]] = {}
	for entry in entries:
		sale = _read(world, connector, entry)
		if sale and (sale.id not in newest or not _is_older(sale, _seen(channel, newest[sale.id][1]))):
			newest[sale.id] = (entry.name, sale)
	return newest


def _read(world: World, connector: Connector, entry: Uncounted) -> Sale | None:
	if entry.payload is None:
		return None
	try:
		data = connector.parse(entry.topic, entry.payload).data
	except world.interruptions:
		raise
	except Exception:
		return None  # the worker meets the same payload, and makes a failed entry of it
	return data if isinstance(data, Order | OrderCancellation) else None


def _is_cancelled(sale: Sale) -> bool:
	return isinstance(sale, OrderCancellation) or sale.cancelled


def _is_older(sale: Sale, record: Record) -> bool:
	return is_stale(record, sale.version, sale.updated_at, cancellation=_is_cancelled(sale))


def _seen(channel: Channel, sale: Sale) -> Record:
	"""The record as it will be once this event is applied."""
	return Record(
		channel.name,
		RECORD_TYPE,
		sale.id,
		version=sale.version,
		source_time=sale.updated_at,
		cancelled=_is_cancelled(sale),
	)


def _wanted_lines(channel: Channel, sale: Sale, record: Record | None) -> list[OrderLine]:
	"""The lines the event will book: none of a cancellation, of an older state, of an order nobody wants here."""
	if not isinstance(sale, Order) or sale.cancelled:
		return []
	if _is_older(sale, record) if record else why_unwanted(channel, sale):
		return []
	return [line for line in sale.lines if line.quantity > 0]


def _sold(
	channel: Channel, lines: Sequence[OrderLine], items: Mapping[ItemKey, Item]
) -> tuple[SoldLine, ...]:
	"""Lines with an item, each at the warehouse it will be delivered from; unknown SKUs sell nothing of ours."""
	found = []
	for line in lines:
		item = items.get(key_of(line))
		warehouse = _warehouse(channel, line)
		if item and warehouse:
			uom = line.uom or item.uom or item.stock_uom
			found.append(
				SoldLine(item.item_code, warehouse, line.quantity, uom, item.is_bundle, item.listing)
			)
	return tuple(found)


def _warehouse(channel: Channel, line: OrderLine) -> str | None:
	try:
		return warehouse_of(channel, line.location_id)
	except Misconfigured:
		return None
