"""What a storefront shows, compared with what the ERP has to offer: people edit stock in shops.

A walk through the storefront's own pages, and then through the listings it did not show. Nothing is corrected
here: the differences are kept for a person, and the resync that follows at night sends every level anyway.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

from pydantic import BaseModel

from commerce_bridge.bridge import walks
from commerce_bridge.bridge.channel import Channel
from commerce_bridge.bridge.circuit import call
from commerce_bridge.bridge.errors import Conflict, Retryable
from commerce_bridge.bridge.feeds import STOCK, collect_changes
from commerce_bridge.bridge.model import ShownLevel, StockLevel
from commerce_bridge.bridge.plan import ItemKey
from commerce_bridge.bridge.protocols import (
	Connector,
	Drift,
	DriftCheck,
	Entry,
	NewEntry,
	Outcome,
	Progress,
)
from commerce_bridge.bridge.world import World

CHECK = "stock.check"
#: Of one entry, so that a storefront that serves tiny pages does not outlast its lease.
PAGES_PER_ENTRY = 40
CANNOT_BE_ASKED = "This storefront cannot be asked what it shows"
Place = tuple[str, str | None]  # listing, location
Key = tuple[str | None, ...]


class Position(BaseModel, frozen=True):
	"""How far a check has come: a page of the storefront, and after the last one a listing it did not show."""

	check: str
	started: datetime
	total: int
	cursor: str | None = None
	reading: bool = True
	after: str | None = None
	listings: int = 0
	drifted: int = 0
	units: Decimal = Decimal(0)
	pending: int = 0
	unknown: int = 0

	def as_check(self, channel: str, finished: datetime | None = None) -> DriftCheck:
		return DriftCheck(
			id=self.check,
			channel=channel,
			started=self.started,
			listings=self.listings,
			drifted=self.drifted,
			units=self.units,
			pending=self.pending,
			unknown=self.unknown,
			finished=finished,
		)


@dataclass(slots=True)
class Found:
	"""What one entry found: the listings the storefront showed, and differences."""

	seen: set[str] = field(default_factory=set)
	rows: list[Drift] = field(default_factory=list)
	pending: int = 0


# --- into the journal ------------------------------------------------------------------------------------


def queue_check(world: World, channel: Channel) -> bool:
	"""Begins a check unless one is under way; part of the caller's transaction.

	:return: False where one is under way
	"""
	if walks.is_under_way(world, channel.name, "check"):
		return False
	total = world.erp.count_listed(channel.name)
	first = Position(check=uuid.uuid4().hex[:16], started=world.now(), total=total)
	walks.begin(world, channel.name, "check", _entry(channel, first))
	world.state.set_progress(channel.name, _progress(first))
	return True


def _entry(channel: Channel, position: Position) -> NewEntry:
	key = f"{position.check}\0{position.reading}\0{position.cursor or ''}\0{position.after or ''}"
	return NewEntry(
		channel=channel.name,
		direction="Outbound",
		topic=CHECK,
		dedupe_key=hashlib.sha256(f"{channel.name}\0{CHECK}\0{key}".encode()).hexdigest(),
		payload=position.model_dump_json(),
		lane=f"check:{channel.name}",
	)


def _progress(position: Position, finished: datetime | None = None, message: str = "") -> Progress:
	return Progress(
		kind=walks.PROGRESS["check"],
		done=position.listings,
		total=max(position.total, position.listings),
		failed=position.drifted,
		started=position.started,
		finished=finished,
		message=message,
	)


# --- out of the journal ----------------------------------------------------------------------------------


def push_check(world: World, channel: Channel, connector: Connector, entry: Entry) -> None:
	"""Does one step of a check. Errors as in `inbound.process`; the entry goes back while the circuit is open."""
	position = Position.model_validate_json(entry.payload)
	if not walks.is_current(world, channel.name, "check", entry):
		return _finish(world, entry, walks.NOT_CURRENT)
	if not position.reading:
		return _look_for_missing(world, channel, entry, position)
	read = _read_pages(world, channel, connector, entry, position)
	if read is None:
		return
	found, cursor, asked = read
	if not asked:
		return _cannot_be_asked(world, channel, entry, position)
	then = {"cursor": cursor, "reading": cursor is not None}
	_end_step(world, channel, entry, position, found, then)


def _cannot_be_asked(world: World, channel: Channel, entry: Entry, position: Position) -> None:
	with world.erp.transaction():
		world.journal.finish(entry, Outcome("Skipped", CANNOT_BE_ASKED), world.now())
		if walks.go_on(world, channel.name, "check", entry, None):
			world.state.set_progress(channel.name, _progress(position, world.now(), CANNOT_BE_ASKED))


def _read_pages(
	world: World, channel: Channel, connector: Connector, entry: Entry, position: Position
) -> tuple[Found, str | None, bool] | None:
	"""Pages until an entry's worth of rows was compared.

	:return: what was found, the cursor of the next page, and whether the storefront can be asked; None: the
		circuit is open, and the entry went back untried
	"""
	found, cursor, rows = Found(), position.cursor, 0
	for _page in range(PAGES_PER_ENTRY):
		read = _compare_page(world, channel, connector, entry, cursor)
		if read is None:
			return None
		page, following, count, asked = read
		if not asked:
			return found, None, False
		if following is not None and following == cursor:
			raise Retryable("The storefront says there is more to read, but its cursor does not move")
		found.seen |= page.seen
		found.rows += page.rows
		found.pending += page.pending
		cursor, rows = following, rows + count
		if cursor is None or rows >= world.items_per_entry:
			break
	return found, cursor, True


def _compare_page(
	world: World, channel: Channel, connector: Connector, entry: Entry, cursor: str | None
) -> tuple[Found, str | None, int, bool] | None:
	"""A page with differences is read again: what was pushed or sold between its reading and ours is none."""

	def read() -> tuple[Sequence[ShownLevel], str | None] | None:
		# In a tuple, since None is the answer of a storefront that cannot be asked.
		answer = call(world, channel, entry, lambda: (connector.shown_stock(cursor),))
		return answer

	first = read()
	if first is None:
		return None
	[page] = first
	if page is None:
		return Found(), None, 0, False
	found = _compare(world, channel, page.rows)
	if found.rows:
		second = read()
		if second is None:
			return None
		[again] = second
		confirmed = _compare(world, channel, again.rows if again else ())
		before = {_identity(row) for row in found.rows}
		rows = [row for row in confirmed.rows if _identity(row) in before]
		found = replace(confirmed, rows=rows, seen=found.seen | confirmed.seen)
	return found, page.cursor, len(page.rows), True


def _identity(drift: Drift) -> Key:
	return (drift.kind, drift.listing, drift.sku, drift.product_id, drift.variant_id, drift.location_id)


# --- one page against the ERP ----------------------------------------------------------------------------


def _compare(world: World, channel: Channel, rows: Sequence[ShownLevel]) -> Found:
	"""The rows of a page against what is available now; what waits to be pushed is no difference."""
	with suppress(Conflict):  # another worker is collecting at this moment
		collect_changes(world)
	keys = {row: ItemKey(row.product_id, row.variant_id, row.sku) for row in rows}
	with world.erp.transaction():
		items = world.erp.find_items(channel, set(keys.values()))
		listed = {row: items[key] for row, key in keys.items() if key in items and items[key].listing}
		codes = sorted({item.item_code for item in listed.values()})
		levels = {_place(row.level): row.level for row in world.erp.stock_levels(channel, codes)}
		waiting = _waiting(world, channel, codes)
	found = Found(seen={item.listing for item in listed.values() if item.listing})
	shown: dict[Place, Decimal] = defaultdict(Decimal)
	for row, item in listed.items():
		shown[str(item.listing), _location(channel, row)] += row.quantity
	for place, quantity in shown.items():
		level = levels.get(place)
		if level is None or level.quantity == quantity:
			continue
		if level.item_code in waiting:
			found.pending += 1
		else:
			found.rows.append(_difference(level, quantity))
	found.rows += _unknown(row for row in rows if row not in listed)
	return found


def _place(level: StockLevel) -> Place:
	return level.listing, level.location_id


def _location(channel: Channel, row: ShownLevel) -> str | None:
	"""Where the channel has no locations, those of the storefront are one."""
	mapped = {warehouse.location_id for warehouse in channel.warehouses}
	return row.location_id if mapped - {None} else None


def _difference(level: StockLevel, shown: Decimal) -> Drift:
	return Drift(
		kind="Differs",
		listing=level.listing,
		item_code=level.item_code,
		sku=level.sku,
		product_id=level.product_id,
		variant_id=level.variant_id,
		location_id=level.location_id,
		shown=shown,
		available=level.quantity,
	)


def _unknown(rows: Iterable[ShownLevel]) -> list[Drift]:
	"""Products of the storefront that no listing stands for; their locations in one row."""
	totals: dict[Key, Decimal] = defaultdict(Decimal)
	for row in rows:
		totals[row.sku, row.product_id, row.variant_id] += row.quantity
	return [
		Drift(kind="Unknown to Us", sku=sku, product_id=product_id, variant_id=variant_id, shown=total)
		for (sku, product_id, variant_id), total in totals.items()
	]


def _waiting(world: World, channel: Channel, items: Sequence[str]) -> set[str]:
	"""Items whose level waits to be pushed: named ones, and those of `items` that a resync has yet to come to."""
	payloads = world.journal.open_payloads(channel.name, (STOCK.changed, STOCK.resync))
	parsed = [json.loads(payload) for payload in payloads]
	found = {item for payload in parsed if isinstance(payload, list) for item in payload}
	for after in {payload["after"] for payload in parsed if isinstance(payload, dict)}:
		found.update(world.erp.listed_after(channel.name, after, len(items), among=items))
	return found


# --- what the storefront did not show --------------------------------------------------------------------


def _look_for_missing(world: World, channel: Channel, entry: Entry, position: Position) -> None:
	limit = world.items_per_entry
	with world.erp.transaction():
		absent = world.erp.not_shown(channel.name, position.started, position.after, limit)
		codes = sorted({item for _listing, item in absent})
		levels = [row for row in world.erp.stock_levels(channel, codes) if row.reason is None]
	wanted = {listing for listing, _item in absent}
	missing: dict[str, Drift] = {}
	for level in (row.level for row in levels if row.level.listing in wanted):
		before = missing.get(level.listing)
		total = level.quantity + ((before.available if before else None) or Decimal(0))
		drift = _difference(level, total)
		missing[level.listing] = replace(
			drift, kind="Not in Shop", shown=None, available=total, location_id=None
		)
	then = {"after": absent[-1][0]} if len(absent) == limit else None
	_end_step(world, channel, entry, position, Found(set(missing), list(missing.values())), then)


# --- the end of a step -----------------------------------------------------------------------------------


def _end_step(
	world: World,
	channel: Channel,
	entry: Entry,
	position: Position,
	found: Found,
	then: dict[str, object] | None,
) -> None:
	"""Keeps what was found and records the next step; with `then` None the check is finished."""
	counted = _counted(position, found)
	following = _entry(channel, counted.model_copy(update=then)) if then else None
	now = world.now()
	with world.erp.transaction():
		world.journal.finish(entry, Outcome("Succeeded", _summary(counted)), now)
		if not walks.go_on(world, channel.name, "check", entry, following):
			return
		if position.reading:
			world.erp.save_shown(channel.name, sorted(found.seen), now)
		finished = None if then else now
		world.erp.save_drift(counted.as_check(channel.name, finished), found.rows)
		message = "" if then else _summary(counted)
		world.state.set_progress(channel.name, _progress(counted, finished, message))


def _counted(position: Position, found: Found) -> Position:
	ours = [row for row in found.rows if row.kind != "Unknown to Us"]
	differences = (abs((row.shown or Decimal(0)) - (row.available or Decimal(0))) for row in ours)
	return position.model_copy(
		update={
			"listings": position.listings + len(found.seen),
			"drifted": position.drifted + len({row.listing for row in ours}),
			"units": position.units + sum(differences, Decimal(0)),
			"pending": position.pending + found.pending,
			"unknown": position.unknown + len(found.rows) - len(ours),
		}
	)


def _summary(position: Position) -> str:
	counts = f"{position.drifted} of {position.listings}"
	text = f"Listings that differ: {counts}; units: {position.units.normalize():f}"
	notes = (
		(position.pending, "on their way to the shop"),
		(position.unknown, "products of the shop that are unknown to us"),
	)
	return "; ".join([text, *(f"{note}: {count}" for count, note in notes if count)])


def _finish(world: World, entry: Entry, outcome: Outcome) -> None:
	with world.erp.transaction():
		world.journal.finish(entry, outcome, world.now())
