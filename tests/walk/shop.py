"""A shop that shows numbers, and fails a third of the time."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from commerce_bridge.bridge.errors import Retryable
from commerce_bridge.bridge.protocols import HttpResponse

JSON = {"content-type": "application/json"}


@dataclass
class FailingShop:
	"""Takes stock messages, each once; a `Transport` of its own.

	It fails before it took the message, after it (the answer is lost), for some rows, or with a page of HTML.
	"""

	chance: random.Random
	failing: bool = True
	levels: dict[tuple[str, str], Decimal] = field(default_factory=dict)  # SKU and location ("" for none)
	answered: dict[str, HttpResponse] = field(default_factory=dict)
	failures: Counter[str] = field(default_factory=Counter)
	calls: int = 0

	def send(
		self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None
	) -> HttpResponse:
		"""One request. Raises `Retryable` where no answer comes back."""
		self.calls += 1
		kind = self._failure()
		if kind == "503":
			return HttpResponse(503, {"retry-after": "7"}, b"")
		if kind == "hangs up":
			raise Retryable("the connection was closed")
		answer = self._take(headers["webhook-id"], json.loads(body or b"{}"), kind == "rows")
		if kind == "answer lost":
			raise Retryable("no answer came back")
		return HttpResponse(200, JSON, b"<html>busy</html>") if kind == "html" else answer

	def _failure(self) -> str:
		if not self.failing or self.chance.random() >= 1 / 3:
			return ""
		kind = self.chance.choice(("503", "hangs up", "answer lost", "rows", "html"))
		self.failures[kind] += 1
		return kind

	def _take(self, webhook_id: str, message: dict[str, Any], refuse: bool) -> HttpResponse:
		if webhook_id not in self.answered:
			rows = [self._set(level, refuse) for level in message["data"].get("levels", ())]
			self.answered[webhook_id] = HttpResponse(200, JSON, json.dumps({"results": rows}).encode())
		return self.answered[webhook_id]

	def _set(self, level: dict[str, Any], refuse: bool) -> dict[str, Any]:
		if refuse and self.chance.random() < 0.3:
			return {"key": level["key"], "error": "locked", "retry": True}
		self.levels[level["sku"], level["location_id"] or ""] = Decimal(level["quantity"])
		return {"key": level["key"]}
