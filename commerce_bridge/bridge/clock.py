"""Time and waiting, injected everywhere, so that no test waits and no code reads the wall clock itself."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone

Now = Callable[[], datetime]


def utc_now() -> datetime:
	"""The present, aware, in UTC."""
	return datetime.now(timezone.utc)


def in_microseconds(moment: datetime) -> str:
	"""RFC 3339 in UTC, always with six decimals: two of these compare as text."""
	text = moment.astimezone(timezone.utc).isoformat(timespec="microseconds")
	return text.replace("+00:00", "Z")
