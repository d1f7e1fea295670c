"""Three feeds of every listing: its stock, its price, its content. Computed when sent, sent in batches.

What may have changed is collected from the outbox into one waiting entry of each channel and feed, which holds
items, never values. A resync is a walk (`walks`) through all items of a channel: what changes while it goes on
is sent before its next step, and nobody waits for more than one step of it.

An entry ends in time however slow the storefront is. What it took is kept; what was not sent when the time was
spent, or when it stopped answering, goes into an entry of its own: the next step of a walk, or one of these items.
"""

from __future__ import annotations

import hashlib
import json
import logging
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from typing import Any, TypeVar

from pydantic import BaseModel

from commerce_bridge.bridge import walks
from commerce_bridge.bridge.channel import Channel
from commerce_bridge.bridge.circuit import call
from commerce_bridge.bridge.errors import BridgeError, Conflict, Retryable, TooLarge
from commerce_bridge.bridge.model import Listing, Price, StockLevel
from commerce_bridge.bridge.protocols import (
	Connector,
	Entry,
	Erp,
	Kind,
	NewEntry,
	Outcome,
	Progress,
	PushResult,
	row_key,
)
from commerce_bridge.bridge.retry import delay_before_next
from commerce_bridge.bridge.unbooked import count_unbooked
from commerce_bridge.bridge.world import World

CHANGES_PER_COLLECTION = 5_000
#: Rows of a dry run that are kept to be looked at.
ROWS_SHOWN = 100
logger = logging.getLogger(__name__)
Row = TypeVar("Row", StockLevel, Price, Listing)
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Due:
	"""A row to be sent, unless the storefront shows it already and nobody asked for a resync.

	`problem` says why it cannot be sent at all; the listing shows it, and the other rows go on.
	"""

	row: Any
	changed: bool
	problem: str | None = None


@dataclass(frozen=True, slots=True)
class Feed:
	"""How one kind of data goes out.

	:param is_ours: whether the channel wants it from us
	:param read: the rows of some items, as they are now
	:param save: keeps what the storefront took of a batch
	:param learn: keeps what an answer says of rows, taken or refused
	:param most_items: of one entry, where `World.items_per_entry` is too many: an entry ends before its lease
	"""

	kind: Kind
	noun: str
	is_ours: Callable[[Channel], bool]
	read: Callable[[Erp, Channel, Sequence[str]], list[Due]]
	batch_size: Callable[[Connector], int]
	send: Callable[[Connector, Sequence[Any]], list[PushResult]]
	save: Callable[[Erp, Channel, Sequence[tuple[Any, PushResult]], datetime], None]
	learn: Callable[[Erp, Channel, Sequence[tuple[Any, PushResult]]], None] = lambda erp, channel, answered: (
		None
	)
	most_items: int | None = None

	def items_per_entry(self, world: World) -> int:
		return min(world.items_per_entry, self.most_items or world.items_per_entry)

	@property
	def changed(self) -> str:
		return f"{self.kind}.changed"

	@property
	def resync(self) -> str:
		return f"{self.kind}.resync"


# --- the three -------------------------------------------------------------------------------------------


def pushes_stock(channel: Channel) -> bool:
	"""Whether the channel's stock is ours to write, and a Manager confirmed the first push."""
	return channel.stock.push and channel.stock.first_push_confirmed and channel.ownership.stock == "ERPNext"


def pushes_prices(channel: Channel) -> bool:
	"""Whether the channel's prices are ours to write, and it wants them pushed."""
	return channel.catalog.push_prices and channel.ownership.price == "ERPNext"


def pushes_listings(channel: Channel) -> bool:
	"""Whether products are made, changed and taken down in the shop by us."""
	return channel.catalog.push_listings


def fingerprint_of(row: BaseModel) -> str:
	"""A hash of everything that is sent: the same hash, nothing to send.

	The price in a listing does not count: it has a feed of its own. Nor does the product of its siblings.
	"""
	told = row.model_dump_json(exclude={"price", "template_product_id"})
	return hashlib.sha256(told.encode()).hexdigest()


def _levels(erp: Erp, channel: Channel, items: Sequence[str]) -> list[Due]:
	rows = erp.stock_levels(channel, items)
	if not pushes_listings(channel):  # else the content, which knows more, says why
		erp.save_not_listed(channel.name, {row.level.listing: row.reason for row in rows})
	return [Due(row.level, row.last_pushed != row.level.quantity) for row in rows]


def _prices(erp: Erp, channel: Channel, items: Sequence[str]) -> list[Due]:
	rows = erp.listing_prices(channel, items)
	return [Due(row.price, row.last_pushed != fingerprint_of(row.price), row.problem) for row in rows]


def _contents(erp: Erp, channel: Channel, items: Sequence[str]) -> list[Due]:
	rows = erp.listing_contents(channel, items)
	erp.save_not_listed(channel.name, {row.content.listing: row.content.reason for row in rows})
	erp.save_warnings(channel.name, {row.content.listing: row.warning for row in rows})
	return [Due(row.content, row.last_pushed != fingerprint_of(row.content)) for row in rows]


def _learn_levels(erp: Erp, channel: Channel, answered: Sequence[tuple[StockLevel, PushResult]]) -> None:
	"""What the storefront calls listings where it counts stock; and levels that are not what we sent last: the next
	attempt expects nothing of them."""
	ids = {row.listing: result.stock_id for row, result in answered if result.stock_id}
	if ids:
		erp.save_stock_ids(channel.name, ids)
	stale = [row for row, result in answered if result.stale]
	if stale:
		erp.forget_levels(channel.name, stale)


def _learn_contents(erp: Erp, channel: Channel, answered: Sequence[tuple[Listing, PushResult]]) -> None:
	"""What a person has to do to listings that the storefront took."""
	warnings = {row.listing: result.warning for row, result in answered if result.warning}
	if warnings:
		erp.save_warnings(channel.name, warnings)


STOCK = Feed(
	kind="stock",
	noun="levels",
	is_ours=pushes_stock,
	read=_levels,
	batch_size=lambda connector: connector.batch_size,
	send=lambda connector, rows: connector.push_stock(rows),
	save=lambda erp, channel, taken, now: erp.save_pushed(channel.name, [row for row, _ in taken], now),
	learn=_learn_levels,
)
PRICE = Feed(
	kind="price",
	noun="prices",
	is_ours=pushes_prices,
	read=_prices,
	batch_size=lambda connector: connector.batch_size,
	send=lambda connector, rows: connector.push_prices(rows),
	save=lambda erp, channel, taken, now: erp.save_pushed_prices(
		channel.name, [row for row, _ in taken], now
	),
)
LISTING = Feed(
	kind="listing",
	noun="listings",
	is_ours=pushes_listings,
	read=_contents,
	batch_size=lambda connector: connector.listing_batch_size,
	send=lambda connector, rows: connector.push_listings(rows),
	save=lambda erp, channel, taken, now: erp.save_pushed_listings(channel.name, taken, now),
	learn=_learn_contents,
	most_items=250,
)
FEEDS: Mapping[Kind, Feed] = {feed.kind: feed for feed in (STOCK, PRICE, LISTING)}


# --- into the journal ------------------------------------------------------------------------------------


def collect_changes(world: World) -> int:
	"""Moves the outbox into the journal: at most one untried entry of each channel and feed grows by the items.

	:return: how many items were taken; call again while it is not 0
	"""
	with world.erp.transaction("collect-changes"):
		changes = world.erp.take_changes(CHANGES_PER_COLLECTION)
		for kind, items in changes.items():
			world.erp.mark_changed(kind, items, world.now())
		for name in world.state.active_channels() if changes else ():
			try:
				channel = world.state.channel(name)
			except BridgeError as error:  # not set up: it keeps no other channel from its changes
				logger.error("nothing is collected for %s: %s", name, error)
				continue
			for kind, items in changes.items():
				if FEEDS[kind].is_ours(channel):
					queue(world, channel, FEEDS[kind], world.erp.listed_items(name, items))
	return sum(len(items) for items in changes.values())


def queue(world: World, channel: Channel, feed: Feed, items: Sequence[str]) -> None:
	"""Adds items to the channel's waiting entry of the feed, or makes entries; part of the caller's transaction."""
	size = feed.items_per_entry(world)
	for chunk in chunked(items, size):
		if not world.journal.merge_queued(channel.name, feed.changed, chunk, size):
			world.journal.record([feed_entry(channel, feed, feed.changed, list(chunk), uuid.uuid4().hex)])


def queue_resync(world: World, channel: Channel, feed: Feed, join: bool = False) -> int | None:
	"""Queues every listing, to be sent whatever was last pushed; part of the caller's transaction.

	:param join: leave it to a resync that is under way; else that one ends, and this one begins anew. Either
		way the same is not sent twice
	:return: the number of items; None where one is under way
	"""
	if join and walks.is_under_way(world, channel.name, feed.kind):
		return None
	total = world.erp.count_listed(channel.name)
	if not total:
		return 0
	first = Step(uuid.uuid4().hex, None, 0, total, world.now())
	walks.begin(world, channel.name, feed.kind, _step_entry(channel, feed, first))
	world.state.set_progress(channel.name, first.progress(feed))
	return total


def queue_items(world: World, channel: Channel, feed: Feed, items: Sequence[str]) -> None:
	"""Queues these items, to be sent whatever was last pushed; part of the caller's transaction."""
	for chunk in chunked(items, feed.items_per_entry(world)):
		world.journal.record([feed_entry(channel, feed, feed.resync, chunk, uuid.uuid4().hex)])


def feed_entry(channel: Channel, feed: Feed, topic: str, payload: Any, key: str) -> NewEntry:
	""":param payload: a list of items, the rest of one that was sent in part, or a step of a resync"""
	return NewEntry(
		channel=channel.name,
		direction="Outbound",
		topic=topic,
		dedupe_key=hashlib.sha256(f"{channel.name}\0{topic}\0{key}".encode()).hexdigest(),
		payload=json.dumps(payload),
		lane=lane_of(feed, channel.name),
	)


def lane_of(feed: Feed, channel: str) -> str:
	"""Entries of a lane go one after the other: the last value sent is the newest one.

	A listing carries its price, so that prices and listings share a lane.
	"""
	return f"{'stock' if feed.kind == 'stock' else 'catalog'}:{channel}"


def chunked(values: Sequence[Value], size: int) -> Iterator[list[Value]]:
	"""The values in lists of at most `size`, in order; none of them is empty."""
	rest = iter(values)
	while chunk := list(islice(rest, size)):
		yield chunk


# --- a resync, step by step ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Step:
	"""One step of a walk through all items of a channel: those after `after`.

	`sent` are keys of their rows that the step before it sent already: an item may have many rows.
	"""

	walk: str
	after: str | None
	done: int
	total: int
	started: datetime
	failed: int = 0
	sent: tuple[str, ...] = ()

	@staticmethod
	def read(payload: Mapping[str, Any]) -> Step:
		times = {"started": datetime.fromisoformat(payload["started"])}
		return Step(**{**payload, **times, "sent": tuple(payload.get("sent", ()))})

	def as_payload(self) -> dict[str, Any]:
		return {name: getattr(self, name) for name in self.__slots__} | {"started": self.started.isoformat()}

	def progress(self, feed: Feed, finished: datetime | None = None, message: str = "") -> Progress:
		return Progress(
			kind=walks.PROGRESS[feed.kind],
			done=self.done,
			total=max(self.total, self.done),
			failed=self.failed,
			started=self.started,
			finished=finished,
			message=message,
		)


def _step_entry(channel: Channel, feed: Feed, step: Step) -> NewEntry:
	key = "\0".join((step.walk, step.after or "", *step.sent))
	return feed_entry(channel, feed, feed.resync, step.as_payload(), key)


def _go_on(
	world: World, channel: Channel, entry: Entry, feed: Feed, step: Step, items: Sequence[str], sent: Sent
) -> None:
	"""Records the next step of the walk, or its end; part of the transaction that ends this one."""
	whole = items[: sent.first_left(items)] if sent.left else items
	after = whole[-1] if whole else step.after
	done = replace(step, after=after, done=step.done + len(whole), failed=step.failed + len(sent.failed))
	done = replace(done, sent=sent.keys_after(whole) if sent.left else ())
	last = not sent.left and len(items) < feed.items_per_entry(world)
	following = None if last else _step_entry(channel, feed, done)
	if not walks.go_on(world, channel.name, feed.kind, entry, following):
		return
	if not last:
		return world.state.set_progress(channel.name, done.progress(feed))
	_end(world, channel, feed, done, f"Items: {done.done}; {feed.noun} refused: {done.failed}")
	# Everything was sent again: what had failed before is settled, or failed anew in an entry of this walk.
	topics = (feed.changed, feed.resync)
	world.journal.supersede(
		channel.name, topics, step.started, "Sent again by the resync that began after this"
	)


def _end(world: World, channel: Channel, feed: Feed, step: Step, message: str) -> None:
	world.state.set_progress(channel.name, step.progress(feed, world.now(), message))


# --- out of the journal ----------------------------------------------------------------------------------


@dataclass(slots=True)
class Sent:
	"""What became of the rows of an entry.

	:param answered: rows that the storefront took or refused, in this entry or in the part of it that went before
	:param left: rows that were not sent, and `why`
	"""

	count: int = 0
	failed: dict[str, PushResult] = field(default_factory=dict)  # by listing
	items_failed: set[str] = field(default_factory=set)
	answered: list[Any] = field(default_factory=list)
	left: list[Any] = field(default_factory=list)
	why: str = ""

	def leave(self, rows: Sequence[Any], why: str) -> Sent:
		"""These are for the entry that follows."""
		self.left, self.why = list(rows), why
		return self

	def first_left(self, items: Sequence[str]) -> int:
		"""The first of the items of which something is left."""
		left = {row.item_code for row in self.left}
		return next((index for index, item in enumerate(items) if item in left), 0)

	def keys_after(self, whole: Sequence[str]) -> tuple[str, ...]:
		"""Rows that were answered of items that are not done as a whole."""
		done = set(whole)
		return tuple(_key(row) for row in self.answered if row.item_code not in done)


def _key(row: Any) -> str:
	return row_key(row) if isinstance(row, StockLevel) else row.listing


def push_feed(world: World, channel: Channel, connector: Connector, entry: Entry, feed: Feed) -> None:
	"""Sends the rows of one entry. Errors as in `inbound.process`; the entry goes back while the circuit is open."""
	payload = json.loads(entry.payload)
	step = Step.read(payload) if isinstance(payload, dict) and "walk" in payload else None
	if step and not walks.is_current(world, channel.name, feed.kind, entry):
		return _finish(world, entry, walks.NOT_CURRENT)
	if not feed.is_ours(channel):
		return _refuse(world, channel, entry, feed, step)
	as_of = _counted_until(world, feed)
	with world.erp.transaction():
		size = feed.items_per_entry(world)
		items = world.erp.listed_after(channel.name, step.after, size) if step else _items_of(payload)
		rows = feed.read(world.erp, channel, items)
	due = [_read_at(as_of, row) for row in rows if row.changed or entry.topic == feed.resync]
	due, before = _without_sent(due, items, payload)
	sent = Sent() if channel.dry_run else _send_all(world, channel, connector, entry, feed, due)
	if sent is None:
		return
	sent.answered += before
	outcome = _dry_run(due) if channel.dry_run else _outcome(world, entry, feed, sent)
	if step and not items:
		outcome = Outcome("Succeeded", "No more items: the resync is at its end")
	if step:
		_let_changes_pass(world)
	with world.erp.transaction():
		world.journal.finish(entry, outcome, world.now())
		if step:
			_go_on(world, channel, entry, feed, step, items, sent)
		elif sent.left:
			_queue_rest(world, channel, entry, feed, sent)


def _items_of(payload: Any) -> list[str]:
	return payload["items"] if isinstance(payload, dict) else payload


def _without_sent(due: Sequence[Due], items: Sequence[str], payload: Any) -> tuple[list[Due], list[Any]]:
	"""The rows that are left of an entry, in the order of its items: an item is done before the next one begins.
	And those that were answered before."""
	position = {item: index for index, item in enumerate(items)}
	ordered = sorted(due, key=lambda row: position.get(row.row.item_code, 0))
	sent = set(payload.get("sent", ())) if isinstance(payload, dict) else set()
	before = [row.row for row in ordered if _key(row.row) in sent]
	return [row for row in ordered if _key(row.row) not in sent], before


def _queue_rest(world: World, channel: Channel, entry: Entry, feed: Feed, sent: Sent) -> None:
	"""What was not sent of an entry of items; part of the transaction that ends it."""
	items = list(dict.fromkeys(row.item_code for row in sent.left))
	if entry.topic == feed.changed:  # what the storefront shows already is not sent again
		return queue(world, channel, feed, items)
	left = set(items)
	keys = [_key(row) for row in sent.answered if row.item_code in left]
	rest = {"items": items, "sent": keys} if keys else items
	world.journal.record([feed_entry(channel, feed, feed.resync, rest, uuid.uuid4().hex)])


def _counted_until(world: World, feed: Feed) -> datetime:
	"""Before the first read: every order stored by then is counted, and hardly any that was stored later."""
	moment = world.now()
	while feed.kind == "stock" and count_unbooked(world):
		moment = world.now()
	return moment


def _read_at(moment: datetime, due: Due) -> Due:
	"""A level says when it began to be read; what else is sent needs no time."""
	if not isinstance(due.row, StockLevel):
		return due
	return replace(due, row=due.row.model_copy(update={"as_of": moment}))


def _refuse(world: World, channel: Channel, entry: Entry, feed: Feed, step: Step | None) -> None:
	"""The channel was told meanwhile not to send this any more; a walk ends here."""
	reason = f"The {feed.noun} of this channel are not ours to push"
	with world.erp.transaction():
		world.journal.finish(entry, Outcome("Skipped", reason), world.now())
		if step and walks.go_on(world, channel.name, feed.kind, entry, None):
			_end(world, channel, feed, step, reason)


def _let_changes_pass(world: World) -> None:
	"""What changed while a step was sent is queued before the next step is, and so is sent before it."""
	with suppress(Conflict):  # another worker is collecting at this moment
		collect_changes(world)


def _send_all(
	world: World, channel: Channel, connector: Connector, entry: Entry, feed: Feed, due: Sequence[Due]
) -> Sent | None:
	"""What came of it: something was sent, if there was something to send. None: the circuit is open, and the entry
	went back untried.

	Raises what the first call raises. A later one too, of changes: what the storefront shows by then is not sent
	again, and the same entry can ask what became of a call whose answer was lost.
	"""
	sent, begun = Sent(), False
	unsendable = [(row.row, PushResult(row.row.listing, row.problem)) for row in due if row.problem]
	if unsendable:
		_keep(world, channel, entry, feed, unsendable, sent)
	batches = list(chunked([row.row for row in due if not row.problem], feed.batch_size(connector)))
	while batches:
		if begun and world.now() - entry.started >= world.sending_for:
			return sent.leave(_rows_of(batches), "the time of one entry was spent")
		batch = batches.pop(0)
		comes_back = not begun or entry.topic == feed.changed
		try:
			results = call(
				world, channel, entry, lambda batch=batch: feed.send(connector, batch), give_back=comes_back
			)
		except TooLarge as error:
			if len(batch) == 1:
				results = [PushResult(batch[0].listing, str(error))]
			else:
				half = len(batch) // 2
				batches[:0] = [batch[:half], batch[half:]]
				continue
		except (Retryable, *world.interruptions) as error:
			if comes_back:
				raise
			return sent.leave([*batch, *_rows_of(batches)], str(error) or type(error).__name__)
		if results is None:
			rest = [*batch, *_rows_of(batches)]
			return None if comes_back else sent.leave(rest, "the storefront is left alone for a while")
		answers = list(zip(batch, results, strict=True))
		put_off = [(row, result) for row, result in answers if result.unsent]
		if len(put_off) == len(answers) and not begun:
			raise Retryable(put_off[0][1].error or "The storefront took nothing")
		_keep(world, channel, entry, feed, [each for each in answers if not each[1].unsent], sent)
		if put_off:
			rest = [*(row for row, _ in put_off), *_rows_of(batches)]
			return sent.leave(rest, put_off[0][1].error or "")
		begun = True
	return sent


def _rows_of(batches: Sequence[Sequence[Any]]) -> list[Any]:
	return [row for batch in batches for row in batch]


def _keep(
	world: World,
	channel: Channel,
	entry: Entry,
	feed: Feed,
	answered: Sequence[tuple[Any, PushResult]],
	sent: Sent,
) -> None:
	"""Keeps what the storefront took of a batch, at once: a worker that dies later repeats only the rest."""
	taken = [(row, result) for row, result in answered if result.error is None]
	refused = [(row, result) for row, result in answered if result.error is not None]
	with world.erp.transaction():
		world.journal.hold(entry)
		feed.save(world.erp, channel, taken, world.now())
		feed.learn(world.erp, channel, answered)
		errors = {row.listing: result.error or "" for row, result in refused}
		world.erp.save_push_errors(channel.name, feed.kind, errors)
	sent.count += len(answered)
	sent.answered += [row for row, _ in answered]
	for row, result in refused:
		sent.failed[row.listing] = result
		sent.items_failed.add(row.item_code)


def _outcome(world: World, entry: Entry, feed: Feed, sent: Sent) -> Outcome:
	"""Succeeded, or what is left to do: rows that failed are retried alone, or given to a person."""
	failed = {key: row.error for key, row in sent.failed.items()}
	summary = json.dumps({feed.noun: sent.count, "failed": failed})
	rest = f"; left to the next entry: {len(sent.left)} ({sent.why})" if sent.left else ""
	if not failed:
		message = (
			f"{feed.noun.capitalize()} sent: {sent.count}{rest}"
			if sent.count
			else "Nothing to send: the storefront shows this already"
		)
		return Outcome("Succeeded", message, summary=summary)
	reasons = "; ".join(sorted({text or "" for text in failed.values()})[:3])
	counts = f"{sent.count - len(failed)} of {sent.count}; refused: {len(failed)}"
	message = f"{feed.noun.capitalize()} sent: {counts} ({reasons}){rest}"
	left = json.dumps(sorted(sent.items_failed))
	delay = delay_before_next(entry.attempt, None, world.uniform)
	if delay is None or not all(row.retry for row in sent.failed.values()):
		return Outcome("Failed", message, "Rejected", payload=left, summary=summary)
	again = world.now() + delay
	return Outcome("Retrying", message, "Retryable", next_attempt_at=again, payload=left, summary=summary)


def _finish(world: World, entry: Entry, outcome: Outcome) -> None:
	with world.erp.transaction():
		world.journal.finish(entry, outcome, world.now())


def _dry_run(due: Sequence[Due]) -> Outcome:
	would = [row.row.model_dump(mode="json") for row in due[:ROWS_SHOWN]]
	return Outcome("Skipped", f"Dry run: nothing sent; rows: {len(due)}", summary=json.dumps(would))
