"""A storefront that does not answer is left alone, then tried by exactly one probe."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from commerce_bridge.bridge.circuit import (
	FIRST_PAUSE,
	GIVEN_BACK,
	LONGEST_PAUSE,
	THRESHOLD,
	after_failure,
	after_success,
	call,
	may_call,
	probing,
)
from commerce_bridge.bridge.protocols import Circuit

NOW = datetime(2026, 11, 20, 12, tzinfo=timezone.utc)
PROBE = timedelta(minutes=5)


def failed(times: int) -> Circuit:
	circuit = Circuit()
	for _ in range(times):
		circuit = after_failure(circuit, NOW)
	return circuit


def test_stays_closed_below_the_threshold():
	assert may_call(failed(THRESHOLD - 1), NOW, PROBE)


def test_opens_at_the_threshold_until_its_time_is_up():
	circuit = failed(THRESHOLD)
	assert not may_call(circuit, NOW, PROBE)
	assert not may_call(circuit, NOW + FIRST_PAUSE - timedelta(seconds=1), PROBE)
	assert may_call(circuit, NOW + FIRST_PAUSE, PROBE)


def test_half_open_lets_one_probe_through_and_another_if_the_prober_died():
	later = NOW + FIRST_PAUSE
	circuit = probing(failed(THRESHOLD), later)
	assert not may_call(circuit, later, PROBE)
	assert may_call(circuit, later + PROBE, PROBE)


def test_a_failed_probe_opens_for_longer_and_a_good_one_closes():
	probe = probing(failed(THRESHOLD), NOW + FIRST_PAUSE)
	again = after_failure(probe, NOW + FIRST_PAUSE)
	assert again.opened_until == NOW + FIRST_PAUSE + 2 * FIRST_PAUSE
	assert again.probing_since is None
	assert after_success(probe) == Circuit()


def test_a_closed_circuit_is_not_marked_as_probed():
	assert probing(Circuit(failures=2), NOW) == Circuit(failures=2)


@given(st.integers(THRESHOLD, 500))
def test_pauses_grow_and_are_bounded(times: int):
	circuit = failed(times)
	assert circuit.opened_until is not None
	assert FIRST_PAUSE <= circuit.opened_until - NOW <= LONGEST_PAUSE


@dataclass
class Postponing:
	"""A journal and a channel's state: half-open, and another worker probes."""

	until: list[datetime] = field(default_factory=list)

	def get_circuit(self, channel: str) -> Circuit:
		return Circuit(THRESHOLD, NOW - timedelta(seconds=30), NOW)

	def postpone(self, entry: Any, until: datetime) -> None:
		self.until.append(until)


def test_an_entry_that_meets_a_probe_rests_a_while_instead_of_being_taken_again_at_once():
	shop = Postponing()
	world = SimpleNamespace(state=shop, journal=shop, now=lambda: NOW, lease=timedelta(minutes=5))
	assert call(world, SimpleNamespace(name="Shop"), "entry", lambda: "answer") is None
	assert shop.until == [NOW + GIVEN_BACK]
