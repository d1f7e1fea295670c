"""Time and waiting, injected everywhere, so that no test waits and no code reads the wall clock itself."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone

Now = Callable[[], datetime]


def utc_now() -> datetime:
	"""The present, aware, in UTC."""
	return datetime.now(timezone.utc)
