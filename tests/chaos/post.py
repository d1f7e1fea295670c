"""Many clients that post signed webhooks at once and, as a shop does, repeat what was not acknowledged."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import threading
import time
import urllib.parse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue

from tests.chaos.history import Delivery

TRIES = 200


@dataclass
class Posted:
	"""The clients' own journal: which events were acknowledged, and what was answered otherwise."""

	acknowledged: set[str] = field(default_factory=set)
	answers: dict[int, int] = field(default_factory=dict)
	given_up: list[str] = field(default_factory=list)
	lock: threading.Lock = field(default_factory=threading.Lock)

	def note(self, status: int) -> None:
		with self.lock:
			self.answers[status] = self.answers.get(status, 0) + 1


def sign(secret: str, webhook_id: str, timestamp: int, body: bytes) -> str:
	"""https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md"""
	key = base64.b64decode(secret.removeprefix("whsec_"))
	signed = f"{webhook_id}.{timestamp}.".encode() + body
	return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


class Clients:
	"""`count` threads that empty one queue of deliveries."""

	def __init__(self, port: int, host: str, channel: str, secret: str, count: int):
		self.port, self.host, self.secret, self.count = port, host, secret, count
		self.path = "/api/method/commerce_bridge.api.webhook?channel=" + urllib.parse.quote(channel)
		self.posted = Posted()
		self.threads: list[threading.Thread] = []

	def start(self, deliveries: Sequence[Delivery], pace: Callable[[], None] = lambda: None) -> None:
		queue: SimpleQueue[Delivery] = SimpleQueue()
		for delivery in deliveries:
			queue.put(delivery)
		self.threads = [threading.Thread(target=self._work, args=(queue, pace)) for _ in range(self.count)]
		for thread in self.threads:
			thread.start()

	def join(self) -> Posted:
		for thread in self.threads:
			thread.join()
		return self.posted

	@property
	def busy(self) -> bool:
		return any(thread.is_alive() for thread in self.threads)

	def _work(self, queue: SimpleQueue[Delivery], pace: Callable[[], None]) -> None:
		while True:
			try:
				delivery = queue.get_nowait()
			except Empty:
				return
			self._deliver(delivery)
			pace()

	def _deliver(self, delivery: Delivery) -> None:
		for attempt in range(TRIES):
			status = self.post(delivery.webhook_id, delivery.body)
			self.posted.note(status)
			if status == 200:
				with self.posted.lock:
					self.posted.acknowledged.add(delivery.webhook_id)
				return
			time.sleep(min(2.0, 0.05 * 2 ** min(attempt, 6)))
		self.posted.given_up.append(delivery.webhook_id)

	def post(self, webhook_id: str, body: bytes, secret: str | None = None) -> int:
		"""One delivery; the status, 0 where there was no answer."""
		timestamp = int(time.time())
		headers = {
			"Host": self.host,
			"Content-Type": "application/json",
			"webhook-id": webhook_id,
			"webhook-timestamp": str(timestamp),
			"webhook-signature": sign(secret or self.secret, webhook_id, timestamp, body),
		}
		connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
		try:
			connection.request("POST", self.path, body, headers)
			response = connection.getresponse()
			response.read()
			return response.status
		except (OSError, http.client.HTTPException):
			return 0
		finally:
			connection.close()
