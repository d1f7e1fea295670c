"""Webhooks accepted a second over HTTP, against Frappe's smallest request."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import frappe

from commerce_bridge.bridge.protocols import WebhookRequest
from tests.benchmark.shop import CHANNEL, Shop, open_shop
from tests.benchmark.table import Row, at_least, interleaved, timed

CLIENTS = 4
#: Of each client in one sample.
REQUESTS = 25
WEBHOOK = "/api/method/commerce_bridge.api.webhook?channel=" + urllib.parse.quote(CHANNEL)
PING = "/api/method/frappe.ping"
Send = Callable[[http.client.HTTPConnection], None]


def rows() -> list[Row]:
	shop = open_shop()
	with web_server() as port, ThreadPoolExecutor(CLIENTS) as clients:
		pings, webhooks = interleaved(
			lambda: _sample(clients, port, [[ask_ping] * REQUESTS] * CLIENTS),
			lambda: _sample(clients, port, _deliveries(shop)),
		)
	_accepted(shop, len(webhooks) * CLIENTS * REQUESTS)
	ping, webhook = (CLIENTS * REQUESTS / median(sample) for sample in (pings, webhooks))
	detail = f" ({webhook:.0f}/s : {ping:.0f}/s)"
	return [at_least("webhooks accepted/s : frappe.ping", webhook / ping, 0.65, " x", detail)]


@contextmanager
def web_server() -> Iterator[int]:
	"""gunicorn with one worker; its port."""
	with socket.socket() as probe:
		probe.bind(("127.0.0.1", 0))
		port = probe.getsockname()[1]
	command = [
		Path(sys.executable).parent / "gunicorn",
		*("--bind", f"127.0.0.1:{port}", "--workers", "1", "--threads", str(CLIENTS), "--timeout", "120"),
		"frappe.app:application",
	]
	sites = Path(os.environ["BENCH"]) / "sites"
	process = subprocess.Popen(command, cwd=sites, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
	try:
		_wait_for(port)
		yield port
	finally:
		process.terminate()
		process.wait()


def _wait_for(port: int) -> None:
	deadline = time.monotonic() + 60
	while time.monotonic() < deadline:
		try:
			return ask_ping(http.client.HTTPConnection("127.0.0.1", port, timeout=30))
		except OSError:
			time.sleep(0.2)
	raise RuntimeError("the web server does not answer")


def ask_ping(connection: http.client.HTTPConnection) -> None:
	_ask(connection, "GET", PING, None, {})


def _post(request: WebhookRequest) -> Send:
	return lambda connection: _ask(connection, "POST", WEBHOOK, request.body, request.headers)


def _ask(
	connection: http.client.HTTPConnection, method: str, path: str, body: bytes | None, headers: object
) -> None:
	connection.request(method, path, body, {"Host": os.environ["SITE"], **dict(headers)})
	response = connection.getresponse()
	answer = response.read()
	if response.status != 200:
		raise RuntimeError(f"{method} {path}: {response.status} {answer[-300:]!r}")


def _deliveries(shop: Shop) -> list[list[Send]]:
	"""Signed beforehand: the shop's work is not measured."""
	return [[_post(shop.request(shop.order())) for _ in range(REQUESTS)] for _ in range(CLIENTS)]


def _sample(clients: ThreadPoolExecutor, port: int, sends: Sequence[Sequence[Send]]) -> float:
	"""Seconds that all clients together take."""
	return timed(lambda: list(clients.map(lambda mine: _client(port, mine), sends)))


def _client(port: int, sends: Sequence[Send]) -> None:
	connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
	for send in sends:
		send(connection)
	connection.close()


def _accepted(shop: Shop, at_least_these: int) -> None:
	"""Raises unless every one became a row; then takes them away, so that nobody works on them."""
	frappe.db.rollback()
	waiting = {"channel": shop.channel.name, "state": "Queued"}
	if frappe.db.count("Sync Log", waiting) < at_least_these:
		raise RuntimeError("webhooks were acknowledged that left no row")
	frappe.db.delete("Sync Log", waiting)
	frappe.db.commit()
