"""A simulated storefront to try a real site with: `python -m sandbox.shop`, then open the address it prints.

Its page takes the webhook URL and the secret of a channel, and sells: each click is a signed order, posted as a
storefront posts it. What the site sends back (stock, prices, shipments) goes to `/erp` under the same address.
Everything is forgotten when it ends.
"""

from __future__ import annotations

import http.client
import secrets
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from html import escape
from threading import Event, Lock
from urllib.parse import SplitResult, parse_qs, urlsplit

from commerce_bridge.bridge.clock import Now, utc_now
from sandbox.local_server import LocalServer
from sandbox.storefronts.custom import CustomStorefront, HttpAnswer
from sandbox.storefronts.orders import line, order

PORT = 9100
ERP_PATH = "/erp"
TIMEOUT_SECONDS = 20
SHIPPING = Decimal("4.90")
PRODUCTS = {"MUG": Decimal("12.50"), "SHIRT": Decimal("19.90"), "CAP": Decimal("15.00")}
STYLE = (
	":root{color-scheme:light}body{font:16px/1.5 system-ui;margin:1.5rem auto;padding:0 1rem;max-width:44rem;color:#1f272e}"
	"label{display:block;margin:.6rem 0}input{display:block;width:100%;box-sizing:border-box;font:inherit;padding:.3rem}"
	"button{font:inherit;padding:.3rem .8rem}table{border-collapse:collapse;width:100%}"
	"td,th{text-align:left;padding:.3rem .6rem .3rem 0;border-bottom:1px solid #e2e6e9;overflow-wrap:anywhere}"
	"[role=status]{padding:.6rem;background:#eef3f8}"
)

#: The host name of a site → the address to connect to.
Resolve = Callable[[str], str]


def resolve(host: str) -> str:
	"""Names under .localhost are this machine (RFC 6761), which not every resolver knows."""
	return "127.0.0.1" if host.endswith(".localhost") else host


@dataclass(frozen=True)
class Connection:
	"""The channel this shop sells for."""

	url: SplitResult
	secret: str
	currency: str


def read_connection(url: str, secret: str, currency: str) -> Connection:
	"""What was typed in. Raises ValueError that says what is wrong with it."""
	parts = urlsplit(url.strip())
	if parts.scheme not in ("http", "https") or not parts.hostname or "channel=" not in parts.query:
		raise ValueError("The webhook URL is not one that a channel's form shows")
	if not secret.strip().startswith("whsec_"):
		raise ValueError("The secret is not one of Rotate Secret: it begins with whsec_")
	if len(currency.strip()) != 3:
		raise ValueError("The currency is a code of three letters, as on the channel's form")
	return Connection(parts, secret.strip(), currency.strip().upper())


class Shop:
	"""The storefront and its one page."""

	def __init__(self, now: Now = utc_now, resolve: Resolve = resolve):
		self.storefront = CustomStorefront(now=now)
		for sku, price in PRODUCTS.items():
			self.storefront.add_product(sku, price, 10)
		self._now, self._resolve = now, resolve
		self._connection: Connection | None = None
		self._token = secrets.token_urlsafe()  # other pages of the browser cannot press our buttons
		self._first = (
			int(now().timestamp()) % 10_000_000
		)  # order numbers of an earlier run are not used again
		self._sold: list[tuple[str, str, str]] = []  # order, product, what the site answered
		self._lock = Lock()

	# --- the network

	def handle(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> HttpAnswer:
		"""The page, its two forms, and what the site asks and tells."""
		path = urlsplit(target).path
		if path.startswith(ERP_PATH + "/") or path == ERP_PATH:
			return self.storefront.handle(method, target[len(ERP_PATH) :], headers, body)
		if method == "GET" and path == "/":
			return _page(self.page())
		if method == "POST" and path in ("/connect", "/order"):
			form = {name: values[0] for name, values in parse_qs(body.decode(errors="replace")).items()}
			if not secrets.compare_digest(form.get("token", "").encode(), self._token.encode()):
				return 403, {}, b""
			return _page(
				self.page(self.connect(form) if path == "/connect" else self.sell(form.get("sku", "")))
			)
		return 404, {}, b""

	def connect(self, form: Mapping[str, str]) -> str:
		"""Keeps the channel that was typed in; what to tell the person."""
		try:
			found = read_connection(form.get("url", ""), form.get("secret", ""), form.get("currency", ""))
		except ValueError as error:
			return str(error)
		self._connection, self.storefront.secrets = found, [found.secret]
		return "Connected. Order something."

	def sell(self, sku: str) -> str:
		"""Posts an order for one of this product; what to tell the person."""
		connection, product = self._connection, self.storefront.products.get(sku)
		if connection is None or product is None:
			return "Connect the shop to a channel first"
		with self._lock:
			number = self._first + len(self._sold)
			self._sold.append((f"WEB-{9000 + number}", sku, ""))
			place = len(self._sold) - 1
		sold = line(f"{number}-1", product, 1, Decimal("0.00"), True)
		event = self.storefront.upsert(
			order(number, 1, self._now(), [sold], SHIPPING, True, connection.currency)
		)
		answers: list[str] = []

		def post(signed: Mapping[str, str], body: bytes) -> int:
			status, said = self._post(connection.url, signed, body)
			answers.append(said)
			return status

		taken = self.storefront.deliver(event, post)
		told = "taken: look into the Sync Log" if taken else answers[0]
		self._sold[place] = (f"WEB-{9000 + number}", sku, told)
		return f"Order WEB-{9000 + number}: {told}"

	def _post(self, url: SplitResult, headers: Mapping[str, str], body: bytes) -> tuple[int, str]:
		kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
		host = url.hostname or ""
		address = host if url.scheme == "https" else self._resolve(host)
		connection = kind(address, url.port, timeout=TIMEOUT_SECONDS)
		try:
			connection.request("POST", f"{url.path}?{url.query}", body, {**headers, "host": url.netloc})
			answer = connection.getresponse()
			answer.read()
			return answer.status, _meaning(answer.status)
		except (OSError, http.client.HTTPException) as error:
			return 0, f"no answer from {url.netloc} ({type(error).__name__}): is the site running?"
		finally:
			connection.close()

	# --- the page

	def page(self, told: str = "") -> str:
		"""Every value is escaped, whoever sent it."""
		return (
			'<!doctype html><html lang="en"><meta charset="utf-8"><title>Simulated Shop</title>'
			f'<meta name="viewport" content="width=device-width,initial-scale=1"><style>{STYLE}</style>'
			f"<main><h1>Simulated Shop</h1>{f'<p role=status>{escape(told)}</p>' if told else ''}"
			f"{self._connect_form()}{self._shelf()}{self._orders()}</main></html>"
		)

	def _connect_form(self) -> str:
		at = self._connection
		values = (at.url.geturl(), at.secret, at.currency) if at else ("", "", "")
		kinds = (
			("url", "Webhook URL", "url"),
			("secret", "Webhook secret", "password"),
			("currency", "Currency", "text"),
		)
		inputs = "".join(
			f'<label>{label} <input name="{name}" type="{kind}" value="{escape(value)}" required autocomplete="off"></label>'
			for (name, label, kind), value in zip(kinds, values, strict=True)
		)
		return f'<h2>Channel</h2><form method="post" action="/connect">{self._hidden()}{inputs}<button>Connect</button></form>'

	def _shelf(self) -> str:
		rows = "".join(
			f"<tr><td>{escape(sku)}</td><td>{product.price}</td><td>{self.storefront.stock[sku]}</td>"
			f'<td><form method="post" action="/order">{self._hidden()}'
			f'<button name="sku" value="{escape(sku)}">Order {escape(sku)}</button></form></td></tr>'
			for sku, product in self.storefront.products.items()
		)
		head = "<tr><th>Product</th><th>Price</th><th>In stock</th><th>Buy</th></tr>"
		return f"<h2>Products</h2><table>{head}{rows}</table>"

	def _orders(self) -> str:
		if not self._sold:
			return ""
		rows = "".join(
			"<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in sold) + "</tr>"
			for sold in self._sold[::-1]
		)
		return f"<h2>Orders</h2><table><tr><th>Order</th><th>Product</th><th>ERPNext</th></tr>{rows}</table>"

	def _hidden(self) -> str:
		return f'<input type="hidden" name="token" value="{self._token}">'


def _meaning(status: int) -> str:
	"""What a refusal tells the person who sets it up."""
	meanings = {
		401: "the secret or the channel's name is wrong, or the channel is Disabled",
		404: "there is no such site, or the app is not installed on it",
		429: "the site asks for a pause",
	}
	return f"refused with {status}" + (f": {meanings[status]}" if status in meanings else "")


def _page(content: str) -> HttpAnswer:
	headers = {"content-type": "text/html; charset=utf-8", "cache-control": "no-store"}
	return 200, headers, content.encode()


def main() -> int:
	"""Serves until Ctrl-C."""
	try:
		server = LocalServer(Shop().handle, PORT)
	except OSError as error:
		print(f"Port {PORT} cannot be used: {error.strerror}")
		return 1
	with server:
		print(f"The simulated shop is at {server.url}/ until Ctrl-C. Its Store URL: {server.url}{ERP_PATH}")
		try:
			Event().wait()
		except KeyboardInterrupt:
			return 0
	return 0


if __name__ == "__main__":
	sys.exit(main())
