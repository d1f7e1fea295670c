"""The simulated WooCommerce on the network: who may call, what goes wrong, and one-click keys."""

from __future__ import annotations

import http.client
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Event, Thread
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from commerce_bridge.bridge.clock import Now, utc_now
from sandbox.local_server import LocalServer
from sandbox.storefronts.woocommerce import (
	api_lists,
	api_orders,
	api_products,
	api_refunds,
	api_shop,
	api_tracking,
	routing,
)
from sandbox.storefronts.woocommerce.authentication import Key, caller
from sandbox.storefronts.woocommerce.shop import Shop
from sandbox.storefronts.woocommerce.values import JSON, Answer, ApiError, Fatal, Request

HttpAnswer = tuple[int, Mapping[str, str], bytes]
#: Routes are registered when their modules are read.
AREAS = (api_lists, api_orders, api_products, api_refunds, api_shop, api_tracking)
CONSUMER_KEY, CONSUMER_SECRET = "ck_simulated", "cs_simulated"
HTML = "text/html; charset=UTF-8"
MAINTENANCE = (
	b"<!DOCTYPE html>\n<html dir='ltr'>\n<head><title>Maintenance</title></head>\n<body id=\"error-page\">"
	b'<div class="wp-die-message"><h1>Briefly unavailable for scheduled maintenance. Check back in a minute.</h1>'
	b"</div></body></html>"
)
#: Where fields of fields cannot be asked for: such a name chooses nothing.
_FLAT = ("/wc/v3/products", "/wc/v3/orders", "/wc/v3/customers")
_PUBLIC = ("/", "/wc/v3", "/wc/v3/")
_TRACKING = re.compile(r"/(wc-shipment-tracking|wc-ast)/v3/orders/(\d+)/shipment-trackings/([0-9a-f]{32})/?")


@dataclass
class Fault:
	"""What goes wrong with the next calls."""

	kind: str
	calls: int
	path: str | None
	method: str | None


@dataclass(frozen=True)
class Call:
	"""One call that was let in."""

	method: str
	path: str
	query: Mapping[str, str]
	body: Any


class WooCommerceStorefront(Shop):
	"""The shop with its API. `calls` are those that were let in."""

	def __init__(
		self,
		now: Now = utc_now,
		currency: str = "EUR",
		time_zone: str = "Europe/Berlin",
		path: str = "",
		consumer_key: str = CONSUMER_KEY,
		consumer_secret: str = CONSUMER_SECRET,
	):
		super().__init__(now, currency, time_zone)
		self.path = path  # of a shop below another site: "/shop"
		self.consumer_key, self.consumer_secret = consumer_key, consumer_secret
		self.keys = {consumer_key: Key(consumer_secret)}
		self.faults: list[Fault] = []
		self.outage: bool | str = False  # True: 503 in HTML; "reset": hangs up
		self.calls: list[Call] = []
		self.requests_refused = 0
		self._server: LocalServer | None = None
		self._ended = Event()
		self._runner: Thread | None = None

	# --- the network

	def start(self, port: int = 0, background: bool = False) -> WooCommerceStorefront:
		"""With `background` a thread sends what waits, as the shop's queue runner does."""
		self._server = LocalServer(self.handle, port)
		self._server.__enter__()
		self.home = f"{self.url}/"
		if background:
			self._ended.clear()
			self._runner = Thread(target=self._run, daemon=True)
			self._runner.start()
		return self

	def _run(self) -> None:
		while not self._ended.wait(0.05):
			self.run_queue()

	def stop(self) -> None:
		self._ended.set()
		if self._runner is not None:
			self._runner.join()
			self._runner = None
		if self._server is not None:
			self._server.__exit__()
			self._server = None

	def __enter__(self) -> WooCommerceStorefront:
		return self.start()

	def __exit__(self, *_: object) -> None:
		self.stop()

	@property
	def url(self) -> str:
		"""The shop's address, its path in it."""
		if self._server is None:
			raise RuntimeError("the storefront is not started")
		return f"{self._server.url}{self.path}"

	def fail(self, kind: str, calls: int = 1, path: str | None = None, method: str | None = None) -> None:
		"""The next calls go wrong.

		:param kind: 401, 403, 404, 413, 429, 500 (a fatal error of PHP, as JSON), 502, 503, 504, html (200), truncated,
			redirect; "hang up" answers nothing, "lost" does what was asked and answers nothing
		:param path: only calls whose path contains this
		:param method: only calls of this method; "WRITE": any but GET
		"""
		self.faults.append(Fault(kind, calls, path, method))

	def count(self, method: str, path: str) -> int:
		"""How many calls that were let in had this method, and a path in which this pattern is found."""
		return sum(call.method == method and bool(re.search(path, call.path)) for call in self.calls)

	def handle(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> HttpAnswer:
		"""One HTTP request. Raises ConnectionAbortedError to hang up."""
		with self.lock:
			if self.outage:
				self.requests_refused += 1
				if self.outage == "reset":
					raise ConnectionAbortedError
				return 503, {"content-type": HTML, "retry-after": "600"}, MAINTENANCE
			url = urlsplit(target)
			base = f"{self.path}/wp-json"
			if not url.path.startswith(base):
				return 404, {"content-type": HTML}, b"<!DOCTYPE html><html><body>Page not found</body></html>"
			fault = self._fault(method, url.path)
			if fault and fault != "lost":
				self.requests_refused += 1
				return self._failed(fault, target)
			answered = self._answered(method, url.path, url.path[len(base) :], url.query, headers, body)
			if fault == "lost":
				raise ConnectionAbortedError
			return answered

	def _fault(self, method: str, path: str) -> str:
		for fault in self.faults:
			meant = fault.method in (None, method) or (fault.method == "WRITE" and method != "GET")
			if meant and (fault.path is None or fault.path in path):
				fault.calls -= 1
				if fault.calls <= 0:
					self.faults.remove(fault)
				return fault.kind
		return ""

	def _failed(self, kind: str, target: str) -> HttpAnswer:
		if kind == "hang up":
			raise ConnectionAbortedError
		if kind == "truncated":
			return 200, {"content-type": JSON}, b'[{"id":12,"na'
		if kind == "redirect":
			return 301, {"content-type": HTML, "location": f"https://elsewhere.example{target}"}, b""
		if kind == "html":
			return 200, {"content-type": HTML}, b"<!DOCTYPE html><html><body>One moment</body></html>"
		if kind == "503":
			return 503, {"content-type": HTML, "retry-after": "600"}, MAINTENANCE
		if kind in ("502", "504", "429", "413", "403", "404"):
			waits = {"retry-after": "7"} if kind == "429" else {}
			return int(kind), {"content-type": "text/html", **waits}, b"<html><body>nginx</body></html>"
		if kind == "401":
			return 401, {"content-type": JSON}, _dumped(_nobody("GET", "").body())
		return 500, {"content-type": JSON}, _dumped(Fatal().body())

	# --- the API

	def _answered(
		self, method: str, full: str, path: str, query: str, headers: Mapping[str, str], body: bytes
	) -> HttpAnswer:
		given = {name.replace("[]", ""): value for name, value in parse_qsl(query, keep_blank_values=True)}
		try:
			made = self._answer(method, full, path, given, headers, body)
		except ApiError as error:
			made = Answer(error.status, error.body())
		if made.status < 300 and given.get("_fields"):
			deep = not path.startswith(_FLAT)
			made.body = _chosen(made.body, given["_fields"].split(","), deep)
		told = {
			"content-type": JSON,
			"x-robots-tag": "noindex",
			"link": self._link(full, query, given, made),
			"x-content-type-options": "nosniff",
			"date": f"{self.now():%a, %d %b %Y %H:%M:%S} GMT",
			**made.headers,
		}
		return made.status, told, _dumped(made.body)

	def _answer(
		self,
		method: str,
		full: str,
		path: str,
		query: Mapping[str, str],
		headers: Mapping[str, str],
		body: bytes,
	) -> Answer:
		signed = f"{self.url.removesuffix(self.path)}{full}"
		encrypted = headers.get("x-forwarded-proto") == "https"
		key = caller(self.keys, method, signed, query, headers, encrypted, self.now())
		given = _parsed(body)
		request = Request(method, path.rstrip("/") or "/", query, given, key.user if key else "")
		if key is None and path not in _PUBLIC:
			raise _nobody(method, path)
		self.calls.append(Call(method, path, query, given))
		found = _TRACKING.fullmatch(path)
		if found is not None and method == "DELETE":
			plugin = found.group(1).removeprefix("wc-")
			return api_tracking.delete_row(self, plugin, int(found.group(2)), found.group(3))
		return routing.answer(self, request)

	def _link(self, full: str, query: str, given: Mapping[str, str], made: Answer) -> str:
		"""Pages before and after; whatever was in the query is in it too, keys and signatures."""
		if made.total is None:
			return f'<{self.home}wp-json/>; rel="https://api.w.org/"'
		size, number = int(given.get("per_page", 10)), int(given.get("page", 1))
		pages = -(-made.total // size)
		pairs = [(name, value) for name, value in parse_qsl(query) if name != "page"]
		base = f"{self.url.removesuffix(self.path)}{full}"
		around = [(min(number - 1, pages), "prev")] if number > 1 else []
		around += [(number + 1, "next")] if number < pages else []
		return ", ".join(f'<{base}?{urlencode([*pairs, ("page", at)])}>; rel="{name}"' for at, name in around)

	# --- keys by one click

	def authorise(self, authorisation_url: str, approve: bool = True) -> str:
		"""What happens when the merchant follows the link: keys are posted to the callback, then the browser is sent
		to the address that is returned. Raises PermissionError where the shop shows an error instead."""
		asked = dict(parse_qsl(urlsplit(authorisation_url).query))
		for name in ("app_name", "user_id", "return_url", "callback_url", "scope"):
			if not asked.get(name):
				raise PermissionError(f"Missing parameter {name}")
		if asked["scope"] not in ("read", "write", "read_write"):
			raise PermissionError(f"Invalid scope {asked['scope']}.")
		if urlsplit(asked["callback_url"]).scheme != "https" and not self.callback_over_http:
			raise PermissionError("The callback_url needs to be over SSL.")
		if approve:
			self._give_keys(asked)
		joint = "&" if "?" in asked["return_url"] else "?"
		return (
			f"{asked['return_url']}{joint}{urlencode({'success': int(approve), 'user_id': asked['user_id']})}"
		)

	#: Simulated shops reach this machine without a certificate; a real one insists on https.
	callback_over_http = False

	def _give_keys(self, asked: Mapping[str, str]) -> None:
		name, secret = f"ck_{secrets.token_hex(20)}", f"cs_{secrets.token_hex(20)}"
		self.keys[name] = Key(secret, asked["scope"])
		told = {
			"key_id": len(self.keys),
			"user_id": asked["user_id"],
			"consumer_key": name,
			"consumer_secret": secret,
			"key_permissions": asked["scope"],
		}
		if _posted(asked["callback_url"], _dumped(told)) != 200:
			del self.keys[name]
			raise PermissionError(
				"An error occurred in the request and at the time were unable to send the consumer data"
			)


def _posted(url: str, body: bytes) -> int:
	parts = urlsplit(url)
	make = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
	connection = make(parts.netloc, timeout=10)
	try:
		path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
		connection.request("POST", path, body, {"content-type": "application/json;charset=UTF-8"})
		return connection.getresponse().status
	except (OSError, http.client.HTTPException):
		return 0
	finally:
		connection.close()


def _nobody(method: str, path: str) -> ApiError:
	"""What somebody without a key is told."""
	if path.endswith("/batch"):
		message = "Sorry, you are not allowed to batch manipulate this resource."
		return ApiError("woocommerce_rest_cannot_batch", message, 401)
	if method == "POST":
		return ApiError(
			"woocommerce_rest_cannot_create", "Sorry, you are not allowed to create resources.", 401
		)
	if method in ("PUT", "PATCH"):
		return ApiError(
			"woocommerce_rest_cannot_edit", "Sorry, you are not allowed to edit this resource.", 401
		)
	return ApiError("woocommerce_rest_cannot_view", "Sorry, you cannot list resources.", 401)


def _parsed(body: bytes) -> dict[str, Any]:
	if not body:
		return {}
	try:
		found = json.loads(body)
	except ValueError:
		raise ApiError(
			"rest_invalid_json",
			"Invalid JSON body passed.",
			json_error_code=4,
			json_error_message="Syntax error",
		) from None
	return found if isinstance(found, dict) else {}


def _dumped(body: Any) -> bytes:
	return json.dumps(body, separators=(",", ":")).replace("/", "\\/").encode()


def _chosen(body: Any, names: list[str], deep: bool) -> Any:
	"""Only these fields; "a.b" is a field of a field."""
	if isinstance(body, list):
		return [_chosen(row, names, deep) for row in body]
	if not isinstance(body, dict):
		return body
	kept: dict[str, Any] = {}
	for key, value in body.items():
		inner = [name[len(key) + 1 :] for name in names if deep and name.startswith(f"{key}.")]
		if key in names:
			kept[key] = value
		elif inner:
			kept[key] = _chosen(value, inner, deep)
	return kept
