"""A storefront on this machine for site tests: takes signed messages over HTTP, and offers orders to be read."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from unittest import TestCase
from urllib.parse import parse_qsl, urlsplit

import frappe

from commerce_bridge.bridge import signatures
from commerce_bridge.bridge.clock import utc_now


class Storefront:
	"""What it was told is public. Messages that its secret did not sign are answered 401."""

	def __init__(self, secret: str):
		self.secret = secret
		self.levels: dict[str, str] = {}
		self.shipments: dict[str, dict[str, Any]] = {}
		self.orders: list[dict[str, Any]] = []
		self.taken: list[str] = []
		self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
		self._server.daemon_threads = True
		self._thread = Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
		self._thread.start()

	@property
	def url(self) -> str:
		return f"http://127.0.0.1:{self._server.server_address[1]}"

	def stop(self) -> None:
		self._server.shutdown()
		self._server.server_close()
		self._thread.join()

	def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, Any]:
		"""Status and JSON of one request. Raises `Unauthorized`."""
		signatures.verify(headers, body, (self.secret,), utc_now())
		if method == "GET":
			return self._read(path)
		message = json.loads(body)
		self.taken.append(message["type"])
		self._take(message["type"], message["data"])
		return 200, {"results": []}

	def _take(self, kind: str, data: dict[str, Any]) -> None:
		if kind == "stock.updated":
			self.levels |= {level["sku"]: level["quantity"] for level in data["levels"]}
		elif kind == "shipment.upserted":
			self.shipments[data["id"]] = data
		elif kind == "shipment.cancelled":
			self.shipments.pop(data["id"], None)

	def _read(self, path: str) -> tuple[int, Any]:
		"""All orders on one page, or one by its id; the levels of the shop, page by page."""
		if path.startswith("/stock"):
			return 200, self._shown(dict(parse_qsl(urlsplit(path).query)))
		if path.startswith("/orders/"):
			found = [order for order in self.orders if order["id"] == path.rsplit("/", 1)[1]]
			return (200, found[0]) if found else (404, None)
		return 200, {"orders": self.orders, "cursor": "end", "more": False}

	def _shown(self, query: dict[str, str]) -> dict[str, Any]:
		rest = sorted(sku for sku in self.levels if sku > query.get("cursor", ""))
		page = rest[: int(query.get("limit", 250))]
		levels = [{"sku": sku, "quantity": self.levels[sku]} for sku in page]
		return {"levels": levels, "cursor": page[-1] if len(page) < len(rest) else None}


def _handler(storefront: Storefront) -> type[BaseHTTPRequestHandler]:
	class Handler(BaseHTTPRequestHandler):
		def _answer(self) -> None:
			body = self.rfile.read(int(self.headers.get("content-length") or 0))
			headers = {name.lower(): value for name, value in self.headers.items()}
			try:
				status, value = storefront.answer(self.command, self.path, headers, body)
			except signatures.Unauthorized:
				status, value = 401, None
			content = json.dumps(value).encode()
			self.send_response(status)
			self.send_header("content-type", "application/json")
			self.send_header("content-length", str(len(content)))
			self.end_headers()
			self.wfile.write(content)

		do_GET = do_POST = _answer

		def log_message(self, *arguments: Any) -> None:
			"""Tests print nothing."""

	return Handler


def open_storefront(case: TestCase, secret: str) -> Storefront:
	"""A storefront until the test is over, on a site that may talk to this machine meanwhile."""
	before = frappe.conf.get("commerce_bridge_allow_loopback")
	frappe.conf.commerce_bridge_allow_loopback = 1
	storefront = Storefront(secret)
	case.addCleanup(storefront.stop)
	case.addCleanup(frappe.conf.__setitem__, "commerce_bridge_allow_loopback", before)
	return storefront
