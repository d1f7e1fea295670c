"""Retries: at most twelve, spread by full jitter over about 75 hours, never earlier than asked."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commerce_bridge.bridge.retry import CEILINGS, MAX_ATTEMPTS, MAX_RETRY_AFTER, delay_before_next


def longest(low: float, high: float) -> float:
	return high


def shortest(low: float, high: float) -> float:
	return low


def test_twelve_attempts_and_no_more():
	assert delay_before_next(MAX_ATTEMPTS - 1, None, longest) == CEILINGS[-1]
	assert delay_before_next(MAX_ATTEMPTS, None, longest) is None
	assert len(CEILINGS) == MAX_ATTEMPTS - 1 == 11


def test_all_attempts_spread_over_about_75_hours_on_average():
	mean = sum(CEILINGS, timedelta()) / 2
	assert timedelta(hours=70) < mean < timedelta(hours=80)


def test_ceilings_never_shrink():
	assert list(CEILINGS) == sorted(CEILINGS)


@given(attempt=st.integers(1, 11), part=st.floats(0, 1))
def test_jitter_covers_the_whole_range(attempt: int, part: float):
	delay = delay_before_next(attempt, None, lambda low, high: low + part * (high - low))
	assert delay is not None
	assert timedelta(seconds=1) <= delay <= CEILINGS[attempt - 1]


@pytest.mark.parametrize(
	("asked", "expected"),
	[
		(timedelta(seconds=90), timedelta(seconds=90)),
		(timedelta(days=2), MAX_RETRY_AFTER),
		(timedelta(0), timedelta(seconds=1)),
	],
)
def test_retry_after_is_honoured_up_to_an_hour(asked: timedelta, expected: timedelta):
	assert delay_before_next(1, asked, shortest) == expected


def test_retry_after_never_shortens_the_own_delay():
	assert delay_before_next(11, timedelta(seconds=5), longest) == CEILINGS[-1]
