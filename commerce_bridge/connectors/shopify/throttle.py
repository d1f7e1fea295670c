"""How many calls a shop takes: points in a bucket that fills up again by the second.

https://shopify.dev/docs/apps/build/apis/graphql-admin/rate-limits
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

#: Documents whose cost is remembered.
_REMEMBERED = 200


class Throttle:
	"""What a shop last said of its bucket, and what each document cost."""

	def __init__(self) -> None:
		self._available: Decimal | None = None
		self._maximum = Decimal(0)
		self._rate = Decimal(0)
		self._at: datetime | None = None
		self._costs: dict[str, Decimal] = {}

	def wait(self, document: str, cost: int | None, now: datetime) -> float:
		"""Seconds until the bucket holds what a document costs; 0 where nothing is known yet.

		:param cost: points it asks for, where the caller knows; what Shopify said of the document counts for more
		"""
		if self._available is None or self._at is None or self._rate <= 0:
			return 0.0
		needed = self._costs.get(document, Decimal(cost or 0))
		passed = Decimal(str(max((now - self._at).total_seconds(), 0.0)))
		available = min(self._available + passed * self._rate, self._maximum)
		return float(max(min(needed, self._maximum) - available, Decimal(0)) / self._rate)

	def note(self, document: str, cost: Any, now: datetime) -> None:
		"""Keeps what an answer's `extensions.cost` says."""
		status = cost.get("throttleStatus") if isinstance(cost, Mapping) else None
		if not isinstance(status, Mapping):
			return
		available, rate = _number(status.get("currentlyAvailable")), _number(status.get("restoreRate"))
		if available is None or rate is None:
			return
		self._available, self._rate, self._at = available, rate, now
		self._maximum = _number(status.get("maximumAvailable")) or available
		requested = _number(cost.get("requestedQueryCost"))
		if requested is not None:
			if len(self._costs) >= _REMEMBERED:
				self._costs.clear()
			self._costs[document] = requested

	def waited(self, seconds: float) -> None:
		"""So much was waited: it counts whatever the clock says."""
		if self._available is not None:
			self._available = min(self._available + Decimal(str(seconds)) * self._rate, self._maximum)


def _number(value: Any) -> Decimal | None:
	return Decimal(value) if isinstance(value, (int, Decimal)) and not isinstance(value, bool) else None
