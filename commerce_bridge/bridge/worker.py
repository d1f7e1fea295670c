"""One unit of work: claim an entry, do what it asks, write how it ended.

This is the job's one boundary: whatever an entry raises ends here, as a state of that entry.
"""

from __future__ import annotations

import traceback

from commerce_bridge.bridge import inbound, outbound
from commerce_bridge.bridge.errors import (
	LeaseLost,
	Misconfigured,
	Rejected,
	Retryable,
)
from commerce_bridge.bridge.protocols import Entry, Outcome
from commerce_bridge.bridge.retry import MAX_ATTEMPTS, delay_before_next
from commerce_bridge.bridge.world import World

OUT_OF_TIME = "The job ran out of time"


def run_once(world: World) -> bool:
	"""Works on the entry that is longest due.

	:return: False when nothing is due
	"""
	entry = world.journal.claim(world.now(), world.lease)
	if entry is None:
		return False
	work_on(world, entry)
	return True


def work_on(world: World, entry: Entry) -> None:
	"""Works on a claimed entry; every exception but the interpreter's own becomes a state of the entry."""
	try:
		_attempt(world, entry)
	except LeaseLost:
		return  # another worker has it: whatever this one did was rolled back
	except world.interruptions:
		_settle(world, entry, _retry_or_fail(world, entry, Retryable(OUT_OF_TIME)))
	except Retryable as error:
		_settle(world, entry, _retry_or_fail(world, entry, error))
	except Rejected as error:
		_settle(world, entry, Outcome("Failed", str(error), "Rejected", details=error.details))
	except Misconfigured as error:
		_settle(world, entry, Outcome("Failed", str(error), "Misconfigured", details=error.details))
	except Exception as error:
		_settle(world, entry, _unexpected(error))


def _attempt(world: World, entry: Entry) -> None:
	if entry.attempt > MAX_ATTEMPTS:
		raise Rejected(
			f"Given up: the worker was stopped {MAX_ATTEMPTS} times while it worked on this entry. "
			"Look into the worker's log for memory or time limits, then retry."
		)
	# What is not to be sent is not tried again: an outbound entry is worked on by the settings of this very moment.
	channel = world.state.channel(entry.channel, anew=entry.direction == "Outbound")
	connector = world.connect(channel, world.state.credentials(entry.channel), entry.name)
	with world.erp.act_as(channel):
		if entry.direction == "Inbound":
			inbound.process(world, channel, connector, entry)
		else:
			outbound.push(world, channel, connector, entry)


def _retry_or_fail(world: World, entry: Entry, error: Retryable) -> Outcome:
	delay = delay_before_next(entry.attempt, error.after, world.uniform)
	if delay is None:
		return Outcome("Failed", f"Given up after {entry.attempt} attempts: {error}", "Retryable")
	return Outcome("Retrying", str(error), "Retryable", next_attempt_at=world.now() + delay)


def _unexpected(error: Exception) -> Outcome:
	"""The message names the class only: the text of an unknown exception may carry data of a person."""
	frames = "".join(traceback.format_tb(error.__traceback__))
	message = f"Unexpected {type(error).__name__}. Please report it with the traceback."
	return Outcome("Failed", message, "Unexpected", traceback=f"{frames}{type(error).__name__}")


def _settle(world: World, entry: Entry, outcome: Outcome) -> None:
	"""Writes how the attempt ended. Where even that fails, the lease runs out and brings the entry back."""
	try:
		with world.erp.transaction():
			world.journal.finish(entry, outcome, world.now())
	except (LeaseLost, Retryable):
		return
