"""A walk: work too long for one entry, done by entries that follow one another.

A step is recorded when the one before it ends, in the same transaction: a crash loses and doubles nothing, and
whatever was recorded meanwhile is due before it. Which step of a walk is its current one stands in the channel's
memory; a step that is not, because the walk was stopped or another one took its place, does nothing.

One row of the Sync Log for each step, not one for the whole walk: a step has its own attempts and its own rows
that were refused, and 100,000 listings are a hundred rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

from commerce_bridge.bridge.protocols import Entry, NewEntry, Outcome, ProgressKind
from commerce_bridge.bridge.world import World

WalkKind = Literal["stock", "price", "listing", "check", "products"]
PROGRESS: Mapping[WalkKind, ProgressKind] = {
	"stock": "Stock",
	"price": "Prices",
	"listing": "Listings",
	"check": "Stock Check",
	"products": "Products",
}
OPEN = ("Queued", "Running", "Retrying")
NOT_CURRENT = Outcome("Skipped", "It was stopped, or another one took its place")


def begin(world: World, channel: str, kind: WalkKind, first: NewEntry) -> None:
	"""Records the first step; a walk of this kind that is under way ends here. Part of the caller's transaction."""
	[recorded] = world.journal.record([first])
	world.state.set_cursor(channel, _memory(kind), recorded.name)


def is_under_way(world: World, channel: str, kind: WalkKind) -> bool:
	"""Whether a walk of this kind goes on by itself; one whose step failed or was skipped by a person does not.

	Held until the end of the caller's transaction, so that two do not begin at once.
	"""
	current = world.state.get_cursor(channel, _memory(kind), lock=True)
	return current is not None and world.journal.state_of(current) in OPEN


def is_current(world: World, channel: str, kind: WalkKind, entry: Entry) -> bool:
	return world.state.get_cursor(channel, _memory(kind)) == entry.name


def go_on(world: World, channel: str, kind: WalkKind, entry: Entry, following: NewEntry | None) -> bool:
	"""Records the step that follows, or with None the walk's end; part of the transaction that ends this step.

	:return: False if the walk was stopped or replaced meanwhile: nothing is recorded then
	"""
	if world.state.get_cursor(channel, _memory(kind), lock=True) != entry.name:
		return False
	if following is None:
		world.state.set_cursor(channel, _memory(kind), None)
	else:
		begin(world, channel, kind, following)
	return True


def stop(world: World, channel: str, kind: WalkKind, message: str) -> bool:
	"""Ends a walk after the step that runs; its waiting step is skipped when its turn comes.

	:return: False if there was none
	"""
	with world.erp.transaction():
		current = world.state.get_cursor(channel, _memory(kind), lock=True)
		if current is None:
			return False
		world.state.set_cursor(channel, _memory(kind), None)
		for progress in world.state.get_progress(channel):
			if progress.kind == PROGRESS[kind] and progress.finished is None:
				ended = replace(progress, finished=world.now(), message=message)
				world.state.set_progress(channel, ended)
	return True


def _memory(kind: WalkKind) -> str:
	return f"walk:{kind}"
