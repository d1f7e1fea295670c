"""What the simulated shops of the connector contract have in common: a clock, a network that can lose an answer."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from commerce_bridge.bridge.channel import Channel, Credentials
from commerce_bridge.bridge.errors import Retryable
from commerce_bridge.bridge.protocols import Connector, HttpResponse, Limits, Surroundings
from commerce_bridge.connectors import build
from commerce_bridge.connectors.http import GuardedTransport
from tests.connectors.storefront import KeptInMemory

START = datetime(2026, 11, 20, 8, tzinfo=timezone.utc)
COMMON: dict[str, Any] = {
	"name": "Shop",
	"company": "Company",
	"company_currency": "EUR",
	"currency": "EUR",
	"default_warehouse": "Stores",
}


class Clock:
	def __init__(self) -> None:
		self.time = START

	def __call__(self) -> datetime:
		self.time += timedelta(milliseconds=1)
		return self.time


class LosingTransport:
	"""The network, which can lose an answer."""

	def __init__(self) -> None:
		self._inner = GuardedTransport(allow_loopback=True)
		self.losing = False

	def send(
		self,
		method: str,
		url: str,
		headers: Mapping[str, str],
		body: bytes | None = None,
		limits: Limits | None = None,
	) -> HttpResponse:
		answer = self._inner.send(method, url, headers, body, limits)
		if self.losing:
			self.losing = False
			raise Retryable("The connection was closed")
		return answer


class Platform:
	"""What both have in common."""

	channel: Channel
	credentials: Credentials

	def __init__(self) -> None:
		self.clock = Clock()
		self.now = self.clock
		self.transport = LosingTransport()
		self.memory = KeptInMemory()

	def wait(self, time: timedelta) -> None:
		self.clock.time += time

	def connector(
		self, unit: str = "SYNC-1", channel: Channel | None = None, credentials: Credentials | None = None
	) -> Connector:
		surroundings = Surroundings(
			self.transport,
			self.memory,
			self.clock,
			lambda seconds: self.wait(timedelta(seconds=seconds)),
			unit,
			allow_loopback=True,
		)
		return build(
			channel or self.channel, self.credentials if credentials is None else credentials, surroundings
		)
