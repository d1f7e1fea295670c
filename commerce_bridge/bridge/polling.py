"""Reading what a storefront offers to be read: closes gaps that lost webhooks leave, and imports history.

A page's events and the cursor behind them are stored in one transaction, in the same Sync Log, under the same
dedupe keys as webhooks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from commerce_bridge.bridge.channel import Channel
from commerce_bridge.bridge.plan import Record
from commerce_bridge.bridge.protocols import Connector, Incoming, Page
from commerce_bridge.bridge.receive import new_entry
from commerce_bridge.bridge.world import World

CURSOR = "orders"


@dataclass(slots=True)
class Polled:
	seen: int = 0
	new: int = 0


def poll(
	world: World,
	channel: Channel,
	connector: Connector,
	since: str | None = None,
	start: str | None = None,
	progress: Callable[[Polled], None] = lambda polled: None,
) -> Polled:
	"""Stores the orders that changed since the channel's cursor.

	:param since: a cursor to start from instead (history import); the channel's own stays as it is then
	:param start: where a channel that has no cursor yet begins; the whole history if None
	:param progress: called after each page
	:return: how many orders were seen, and how many of these deliveries were new
	"""
	polled = Polled()
	cursor = since or world.state.get_cursor(channel.name, CURSOR) or start
	for page in connector.orders_since(cursor):
		_store(world, channel, page, polled, keep_cursor=since is None)
		progress(polled)
	return polled


def _store(world: World, channel: Channel, page: Page, polled: Polled, keep_cursor: bool) -> None:
	with world.erp.transaction():
		news = _news(world, channel, page.events)
		recorded = world.journal.record([new_entry(channel, incoming) for incoming in news])
		if keep_cursor and page.cursor:
			world.state.set_cursor(channel.name, CURSOR, page.cursor)
	polled.seen += len(page.events)
	polled.new += sum(row.created for row in recorded)


def _news(world: World, channel: Channel, events: Sequence[Incoming]) -> list[Incoming]:
	"""Those of which no later state is applied already: a poll sees again what webhooks brought long ago."""
	ids = {event.external_id for event in events if event.external_id and event.source_time}
	known = world.erp.known_orders(channel.name, sorted(ids)) if ids else {}
	return [event for event in events if not _is_past(event, known.get(event.external_id or ""))]


def _is_past(event: Incoming, record: Record | None) -> bool:
	if record is None or record.source_time is None or event.source_time is None:
		return False
	return record.source_time > event.source_time
