"""The circuit breaker of a channel: a storefront that does not answer is left alone for a while.

Closed → (five failures in a row) → open → (time is up) → half-open: one probe → closed, or open for longer.
An open circuit costs no entry an attempt.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from commerce_bridge.bridge.protocols import Circuit

THRESHOLD = 5
FIRST_PAUSE = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(minutes=15)


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
