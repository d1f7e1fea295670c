"""A shop that speaks the custom storefront's contract, as its developers would write one from the document.

It keeps its orders and stock, sends signed webhooks and repeats what was not acknowledged, takes signed
webhooks, each once, and can be out of order. It shares no code with the app.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from threading import RLock
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from commerce_bridge.bridge.clock import Now, utc_now
from sandbox.local_server import LocalServer
from sandbox.storefronts.orders import Product, iso
from sandbox.storefronts.signing import is_signed, sign

PAGE_SIZE = 50

#: Headers and body of a webhook → the status that came back; raises OSError where none did.
Post = Callable[[Mapping[str, str], bytes], int]
HttpAnswer = tuple[int, Mapping[str, str], bytes]


@dataclass(frozen=True)
class ShopEvent:
	"""A webhook the shop has to deliver: the same id and body however often it is sent."""

	webhook_id: str
	body: bytes
	order_id: str


@dataclass
class CustomStorefront:
	"""The shop. Its state is public: tests and the demo compare it with the ERP's."""

	secrets: list[str] = field(default_factory=list)
	now: Now = utc_now
	products: dict[str, Product] = field(default_factory=dict)
	stock: dict[str, Decimal] = field(default_factory=dict)  # on offer: as told by the ERP, less own sales
	told: dict[str, Decimal] = field(default_factory=dict)  # the number the ERP sent last
	orders: dict[str, dict[str, Any]] = field(default_factory=dict)
	shipments: dict[str, dict[str, Any]] = field(default_factory=dict)
	changes: list[dict[str, Any]] = field(default_factory=list)  # orders a person changed in the ERP
	refusing: dict[str, str] = field(default_factory=dict)  # SKU → why its level is refused
	titles: dict[str, str] = field(default_factory=dict)  # SKU → what the ERP calls it
	hidden: set[str] = field(default_factory=set)  # SKUs the ERP took off the shop
	statuses: dict[str, dict[str, Any]] = field(default_factory=dict)  # order → how far the ERP is
	customers: dict[str, dict[str, Any]] = field(default_factory=dict)  # as the ERP knows them
	invoices: dict[str, dict[str, Any]] = field(default_factory=dict)  # of the ERP; cancelled ones are gone
	requests: dict[str, dict[str, Any]] = field(default_factory=dict)  # money the ERP asked back
	returns: dict[str, dict[str, Any]] = field(default_factory=dict)  # as the ERP told of them
	largest: int | None = None  # rows of one message; more are answered 413
	outage: bool | str = False  # True: 503; "reset": hangs up
	requests_taken: int = 0
	requests_repeated: int = 0
	requests_refused: int = 0

	def __post_init__(self) -> None:
		self._answered: dict[str, HttpAnswer] = {}
		self._lock = RLock()
		self._server: LocalServer | None = None

	# --- the network

	def start(self) -> None:
		self._server = LocalServer(self.handle)
		self._server.__enter__()

	def stop(self) -> None:
		if self._server is not None:
			self._server.__exit__()
			self._server = None

	@property
	def url(self) -> str:
		if self._server is None:
			raise RuntimeError("the storefront is not started")
		return self._server.url

	# --- what the shop does

	def add_product(self, sku: str, price: Decimal = Decimal("10.00"), stock: int = 0) -> Product:
		product = self.products[sku] = Product(sku, price)
		self.stock[sku] = Decimal(stock)
		return product

	def upsert(self, order: dict[str, Any]) -> ShopEvent:
		"""Keeps an order as it is now; the event that tells of it. What it sells goes off the shelf at once."""
		with self._lock:
			self._shelve(self.orders.get(order["id"]), 1)
			self._shelve(order, -1)
			self.orders[order["id"]] = order
		return self.event("order.upserted", order)

	def cancel(self, order_id: str, version: int, moment: datetime) -> ShopEvent:
		with self._lock:
			order = self.orders.get(order_id)
			if order is not None:
				self._shelve(order, 1)
				self.orders[order_id] = order | {
					"status": "cancelled",
					"version": version,
					"updated_at": iso(moment),
				}
		return self.event("order.cancelled", {"id": order_id, "version": version, "updated_at": iso(moment)})

	def _shelve(self, order: dict[str, Any] | None, sign: int) -> None:
		for row in order["lines"] if order and order["status"] != "cancelled" else ():
			self.stock[row["sku"]] += sign * row["quantity"]

	def upsert_customer(self, customer: dict[str, Any]) -> ShopEvent:
		return self.event("customer.upserted", customer)

	def pay(
		self, order_id: str, amount: Decimal, moment: datetime, status: str = "captured", **more: Any
	) -> ShopEvent:
		"""A payment of an order as it stands now; without an `id` it is the order's only one."""
		payment = {
			"id": f"pay_{order_id}",
			"gateway": "stripe",
			"reference": f"ch_{order_id}",
			"status": status,
			"amount": str(amount),
			"currency": self._currency(order_id),
			"updated_at": iso(moment),
		} | more
		self._attach(order_id, "payments", payment, moment)
		return self.event("payment.updated", payment | {"order_id": order_id})

	def refund(
		self, order_id: str, total: Decimal, moment: datetime, money: bool = True, **parts: Any
	) -> ShopEvent:
		"""Gives back what the parts (lines, shipping, adjustments) say; where `money`, by the gateway it came from."""
		with self._lock:
			refund_id = (
				parts.pop("id", None) or f"r_{order_id}_{len(self._attached(order_id, 'refunds')) + 1}"
			)
		refund: dict[str, Any] = {
			"id": refund_id,
			"created_at": iso(moment),
			"currency": self._currency(order_id),
			"total": str(total),
			"prices_include_tax": self.orders.get(order_id, {}).get("prices_include_tax", False),
		} | parts
		if money:
			back = {"id": f"pay_{refund_id}", "gateway": "stripe", "reference": f"re_{refund_id}"}
			refund["payments"] = [back | {"status": "captured", "amount": str(total), "paid_at": iso(moment)}]
		self._attach(order_id, "refunds", refund, moment)
		return self.event("refund.created", refund | {"order_id": order_id})

	def return_goods(
		self, order_id: str, lines: Sequence[dict[str, Any]], status: str, moment: datetime, **more: Any
	) -> ShopEvent:
		"""A return of goods as it stands now; without an `id` it is the order's only one."""
		wanted = {"id": f"rma_{order_id}", "status": status, "lines": list(lines)} | more
		wanted["updated_at"] = iso(moment)
		self._attach(order_id, "returns", wanted, moment)
		return self.event("return.updated", wanted | {"order_id": order_id})

	def _currency(self, order_id: str) -> str:
		return str(self.orders.get(order_id, {}).get("currency", "EUR"))

	def _attached(self, order_id: str, what: str) -> list[dict[str, Any]]:
		return list(self.orders.get(order_id, {}).get(what, ()))

	def _attach(self, order_id: str, what: str, row: dict[str, Any], moment: datetime) -> None:
		"""The order that is read says it too. It is a new version of it, which no webhook tells of."""
		with self._lock:
			order = self.orders.get(order_id)
			if order is None:
				return
			rows = [each for each in self._attached(order_id, what) if each["id"] != row["id"]] + [row]
			changed = {what: rows, "version": order["version"] + 1, "updated_at": iso(moment)}
			self.orders[order_id] = order | changed

	def deliver(self, event: ShopEvent, post: Post, secret: str | None = None) -> bool:
		"""Sends one event once, signed with the shop's newest secret unless another is given.

		:return: whether it was acknowledged; if not, a shop sends it again later
		"""
		headers = sign(secret or self.secrets[-1], event.webhook_id, event.body, self.now())
		try:
			return 200 <= post(headers, event.body) < 300
		except OSError:
			return False

	def event(self, kind: str, data: dict[str, Any]) -> ShopEvent:
		"""The webhook that tells of this."""
		body = json.dumps({"type": kind, "timestamp": iso(self.now()), "data": data}).encode()
		return ShopEvent(f"evt_{uuid.uuid4().hex}", body, data.get("order_id") or data["id"])

	# --- what the shop answers

	def handle(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> HttpAnswer:
		"""One HTTP request. Raises ConnectionAbortedError to hang up."""
		with self._lock:
			if self.outage:
				self.requests_refused += 1
				if self.outage == "reset":
					raise ConnectionAbortedError
				return 503, {"retry-after": "1"}, b""
			if not any(is_signed(secret, headers, body, self.now()) for secret in self.secrets):
				return 401, {}, b""
			if method == "GET":
				return self._read(target)
			return self._take(headers["webhook-id"], json.loads(body))

	def _take(self, webhook_id: str, message: dict[str, Any]) -> HttpAnswer:
		"""A webhook of the ERP; one that came before is answered as it was, and changes nothing."""
		known = self._answered.get(webhook_id)
		if known is not None:
			self.requests_repeated += 1
			return known
		self.requests_taken += 1
		answer = self._answered[webhook_id] = self._answer(message["type"], message["data"])
		return answer

	def _answer(self, kind: str, data: dict[str, Any]) -> HttpAnswer:
		batches = {
			"stock.updated": ("levels", self._set_level),
			"price.updated": ("prices", self._set_price),
			"listing.upserted": ("listings", self._set_listing),
		}
		if kind not in batches:
			return _as_json({"results": [self._told(kind, data)]})
		key, take = batches[kind]
		if self.largest is not None and len(data[key]) > self.largest:
			return 413, {}, b""
		return _as_json({"results": [take(row) for row in data[key]]})

	def _refused(self, row: dict[str, Any]) -> dict[str, Any] | None:
		reason = self.refusing.get(row["sku"])
		if reason is None and row["sku"] not in self.products:
			reason = "unknown product"
		if reason is None:
			return None
		return {"key": row["key"], "error": reason, "retry": row["sku"] in self.refusing}

	def _set_level(self, level: dict[str, Any]) -> dict[str, Any]:
		refused = self._refused(level)
		if refused:
			return refused
		self.stock[level["sku"]] = self.told[level["sku"]] = Decimal(level["quantity"])
		return {"key": level["key"]}

	def _set_price(self, price: dict[str, Any]) -> dict[str, Any]:
		refused = self._refused(price)
		if refused:
			return refused
		self.products[price["sku"]] = Product(price["sku"], Decimal(price["amount"]))
		return {"key": price["key"]}

	def _set_listing(self, listing: dict[str, Any]) -> dict[str, Any]:
		"""Creates what is not there yet. What the shop never had it need not take off."""
		sku = listing["sku"]
		if sku in self.refusing:
			return {"key": listing["key"], "error": self.refusing[sku], "retry": True}
		if sku not in self.products:
			if not listing["published"]:
				return {"key": listing["key"]}
			self.add_product(sku)
		if listing["title"] is not None:
			self.titles[sku] = listing["title"]
		(self.hidden.discard if listing["published"] else self.hidden.add)(sku)
		if listing["price"]:
			self.products[sku] = Product(sku, Decimal(listing["price"]["amount"]))
		return {"key": listing["key"], "product_id": f"P-{sku}"}

	def _told(self, kind: str, data: dict[str, Any]) -> dict[str, Any]:
		if kind == "shipment.upserted":
			self.shipments[data["id"]] = data
		elif kind == "shipment.cancelled":
			self.shipments.pop(data["id"], None)
		elif kind == "order.changed":
			self.changes.append(data)
		elif kind == "order.status_changed":
			self.statuses[data["order_id"]] = data
		elif kind == "customer.updated":
			self.customers[data["id"]] = data
		elif kind == "invoice.upserted":
			self.invoices[data["id"]] = data
		elif kind == "invoice.cancelled":
			self.invoices.pop(data["id"], None)
		elif kind == "return.updated":
			self.returns[data["id"]] = data
		elif kind == "refund.requested":
			return self._give_back(data)
		return {"key": data.get("id") or data.get("order_id")}

	def _give_back(self, request: dict[str, Any]) -> dict[str, Any]:
		"""Once for each request, and no more than was paid. The shop's own events tell of it, too."""
		key = request["id"]
		if key not in self.requests:
			paid = [
				row for row in self._attached(request["order_id"], "payments") if row["status"] == "captured"
			]
			given = [
				row["payments"] for row in self._attached(request["order_id"], "refunds") if "payments" in row
			]
			left = sum(Decimal(row["amount"]) for row in paid)
			left -= sum(Decimal(row["amount"]) for rows in given for row in rows)
			if Decimal(request["total"]) > left:
				return {"key": key, "error": f"only {left} can be given back", "retry": False}
			adjustment = [{"title": "Requested", "amount": request["total"]}]
			self.refund(
				request["order_id"],
				Decimal(request["total"]),
				self.now(),
				id=f"r_{key}",
				adjustments=adjustment,
			)
			self.requests[key] = request
		return {"key": key, "refund_id": f"r_{key}"}

	def shipped(self, order_id: str) -> dict[str, Decimal]:
		"""What the shop shows its customer as shipped, by line."""
		lines: dict[str, Decimal] = {}
		for shipment in self.shipments.values():
			for row in shipment["lines"] if shipment["order_id"] == order_id else ():
				line_id = row["order_line_id"]
				lines[line_id] = lines.get(line_id, Decimal(0)) + Decimal(row["quantity"])
		return lines

	def _read(self, target: str) -> HttpAnswer:
		"""`GET /orders?since=`, `GET /orders/ID`, `GET /stock?cursor=` and `GET /catalog?cursor=`."""
		url = urlsplit(target)
		query = dict(parse_qsl(url.query))
		if url.path in ("/stock", "/catalog"):
			return self._shown(url.path[1:], query)
		prefix, _, order_id = url.path.strip("/").partition("/")
		if prefix != "orders":
			return 404, {}, b""
		if order_id:
			order = self.orders.get(order_id)
			return (404, {}, b"") if order is None else _as_json(order)
		return self._page(query.get("since", ""))

	def _shown(self, what: str, query: Mapping[str, str]) -> HttpAnswer:
		"""A page of products by SKU; the cursor is the last SKU of the page before."""
		limit = min(int(query.get("limit", PAGE_SIZE)), PAGE_SIZE)
		rest = sorted(sku for sku in self.products if sku > query.get("cursor", ""))
		page = rest[:limit]
		rows = [self._level_of(sku) if what == "stock" else self._product_of(sku) for sku in page]
		cursor = page[-1] if len(rest) > limit else None
		return _as_json({"levels" if what == "stock" else "products": rows, "cursor": cursor})

	def _level_of(self, sku: str) -> dict[str, Any]:
		return {"sku": sku, "quantity": str(self.stock[sku])}

	def _product_of(self, sku: str) -> dict[str, Any]:
		return {"sku": sku, "product_id": f"P-{sku}", "title": self.titles.get(sku, sku)}

	def _page(self, cursor: str) -> HttpAnswer:
		newer = sorted((order["updated_at"], order["id"]) for order in self.orders.values())
		newer = [mark for mark in newer if _cursor(mark) > cursor]
		page = newer[:PAGE_SIZE]
		return _as_json(
			{
				"orders": [self.orders[order_id] for _, order_id in page],
				"cursor": _cursor(page[-1]) if page else cursor,
				"more": len(newer) > len(page),
			}
		)


def _cursor(mark: Sequence[str]) -> str:
	return "|".join(mark)


def _as_json(value: Any) -> HttpAnswer:
	return 200, {"content-type": "application/json"}, json.dumps(value).encode()
