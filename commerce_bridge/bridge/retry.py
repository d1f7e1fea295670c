"""When to try again: twelve attempts over about 75 hours, exponential with full jitter."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

MAX_ATTEMPTS = 12
#: Longest wait before attempt n + 1. The eleven waits sum to about 150 h; full jitter halves that on average.
CEILINGS = tuple(
	timedelta(seconds=seconds)
	for seconds in (20, 80, 320, 1_280, 5_120, 20_480, 86_400, 86_400, 86_400, 129_600, 129_600)
)
MAX_RETRY_AFTER = timedelta(hours=1)
Uniform = Callable[[float, float], float]


def delay_before_next(attempt: int, after: timedelta | None, uniform: Uniform) -> timedelta | None:
	"""How long to wait after a failed attempt.

	:param attempt: which attempt failed, from 1
	:param after: what the other side asked for (Retry-After), honoured up to an hour
	:param uniform: `random.uniform`, injected
	:return: None when the attempts are used up
	"""
	if attempt >= MAX_ATTEMPTS:
		return None
	ceiling = CEILINGS[attempt - 1].total_seconds()
	jittered = timedelta(seconds=uniform(1, ceiling))
	asked = min(after, MAX_RETRY_AFTER) if after else timedelta(0)
	return max(jittered, asked)
