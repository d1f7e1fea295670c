"""Out of order, doubled, in the same second: the state applied last is always the newest one."""

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from itertools import permutations

import pytest

from commerce_bridge.bridge.plan import Record
from commerce_bridge.bridge.versions import is_stale

T0 = datetime(2026, 11, 20, 12, tzinfo=timezone.utc)
EMPTY = Record("shop", "Order", "1")


def fold(events: list[tuple[int | None, datetime, bool]]) -> Record:
	"""What the record says after the events, each (version, time, cancellation), in this order of arrival."""
	record: Record | None = None
	for version, moment, cancellation in events:
		if record and is_stale(record, version, moment, cancellation=cancellation):
			continue
		record = replace(
			record or EMPTY,
			version=version,
			source_time=moment,
			cancelled=cancellation,
			fingerprint=str(version),
		)
	assert record
	return record


@pytest.mark.parametrize("with_versions", [True, False])
@pytest.mark.parametrize("cancelled_at", [None, 5])
def test_every_order_of_arrival_ends_in_the_newest_state(with_versions: bool, cancelled_at: int | None):
	history = [
		(n if with_versions else None, T0 + timedelta(minutes=n), n == cancelled_at) for n in range(1, 6)
	]
	ends = {fold([*order, order[0]]).source_time for order in permutations(history)}
	assert ends == {T0 + timedelta(minutes=5)}
	assert all(fold(list(order)).cancelled is (cancelled_at == 5) for order in permutations(history))


def test_a_cancellation_outranks_an_update_of_the_same_second_both_ways():
	update, cancel = (None, T0, False), (None, T0, True)
	assert fold([update, cancel]).cancelled
	assert fold([cancel, update]).cancelled


def test_a_cancellation_with_the_same_version_is_applied_and_an_update_with_it_is_not():
	record = replace(EMPTY, version=3, source_time=T0)
	assert not is_stale(record, 3, T0, cancellation=True)
	assert is_stale(record, 3, T0 + timedelta(hours=1), cancellation=False)


def test_versions_decide_before_clocks():
	record = replace(EMPTY, version=3, source_time=T0)
	assert not is_stale(record, 4, T0 - timedelta(days=1), cancellation=False)
	assert is_stale(record, 2, T0 + timedelta(days=1), cancellation=False)


def test_a_newer_update_reopens_a_cancelled_order():
	assert not is_stale(replace(EMPTY, version=3, source_time=T0, cancelled=True), 4, T0, cancellation=False)


def test_an_update_of_the_same_second_without_versions_is_applied():
	assert not is_stale(replace(EMPTY, source_time=T0), None, T0, cancellation=False)


def test_a_record_without_history_makes_nothing_stale():
	assert not is_stale(EMPTY, None, T0, cancellation=False)
