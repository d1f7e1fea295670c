"""The circuit breaker of a channel: a storefront that does not answer is left alone for a while.

Closed → (five failures in a row) → open → (time is up) → half-open: one probe → closed, or open for longer.
An open circuit costs no entry an attempt.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeVar

from commerce_bridge.bridge.channel import Channel
from commerce_bridge.bridge.errors import Misconfigured, NotYet, Rejected, Retryable
from commerce_bridge.bridge.protocols import Circuit, Entry
from commerce_bridge.bridge.world import World

THRESHOLD = 5
FIRST_PAUSE = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(minutes=15)
#: How long an entry rests at least that may not be tried now.
GIVEN_BACK = timedelta(seconds=5)
Result = TypeVar("Result")


def may_call(circuit: Circuit, now: datetime, probe_for: timedelta) -> bool:
	"""Whether a call is allowed now: the circuit is closed, or due for a probe that nobody makes yet."""
	if circuit.opened_until is None:
		return True
	if circuit.opened_until > now:
		return False
	return circuit.probing_since is None or circuit.probing_since + probe_for <= now


def probing(circuit: Circuit, now: datetime) -> Circuit:
	"""The circuit while this worker makes the one probe; unchanged where it is closed."""
	return circuit if circuit.opened_until is None else replace(circuit, probing_since=now)


def after_success(circuit: Circuit) -> Circuit:
	return Circuit()


def after_failure(circuit: Circuit, now: datetime) -> Circuit:
	"""Counts a call that got no usable answer; opens at the threshold, for longer each time."""
	failures = circuit.failures + 1
	if failures < THRESHOLD:
		return Circuit(failures=failures)
	pause = min(FIRST_PAUSE * 2 ** min(failures - THRESHOLD, 10), LONGEST_PAUSE)
	return Circuit(failures=failures, opened_until=now + pause)


def call(
	world: World, channel: Channel, entry: Entry, send: Callable[[], Result], give_back: bool = True
) -> Result | None:
	"""Calls the storefront unless its circuit is open; None then, and the entry went back untried.

	Any answer, a refusal too, closes the circuit; only `Retryable` counts against it, and `NotYet` is none.

	:param give_back: False where something of the entry was done already: its caller sees to the rest
	"""
	before = world.state.get_circuit(channel.name)
	if not may_call(before, world.now(), world.lease):
		return _give_back(world, entry, before.opened_until) if give_back else None
	current = probing(before, world.now())
	if current != before and not world.state.swap_circuit(channel.name, before, current):
		return _give_back(world, entry, None) if give_back else None
	with _watched(world, channel, current):
		return send()


def _give_back(world: World, entry: Entry, until: datetime | None) -> None:
	"""While another worker probes, the circuit's own time is over: without a pause all others would take the entry
	again at once."""
	soonest = world.now() + GIVEN_BACK
	world.journal.postpone(entry, max(until or soonest, soonest))


@contextmanager
def _watched(world: World, channel: Channel, current: Circuit) -> Iterator[None]:
	try:
		yield
	except NotYet:
		_close(world, channel, current)
		raise
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
