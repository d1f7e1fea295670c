"""A clock that several processes share and that may run faster than the wall's, so that waits are short."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone


@dataclass(frozen=True)
class FastClock:
	"""Shows `start` at the Unix time `origin` and runs `speed` times as fast since."""

	origin: float
	start: datetime
	speed: float

	@classmethod
	def from_now(cls, speed: float) -> FastClock:
		origin = time.time()
		return cls(origin, datetime.fromtimestamp(origin, timezone.utc), speed)

	def __call__(self) -> datetime:
		return self.start + timedelta(seconds=(time.time() - self.origin) * self.speed)
