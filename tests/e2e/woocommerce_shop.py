"""A WooCommerce shop as its merchant and its buyers use it: by REST, so that the same run goes against a real one."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol

from woocommerce import API

from sandbox.storefronts.woocommerce import Rate, WooCommerceStorefront

TIMEOUT_SECONDS = 60
BUYER = {
	"first_name": "Ada",
	"last_name": "Büyer",
	"address_1": "Hauptstraße 1",
	"city": "Köln",
	"postcode": "50667",
	"country": "DE",
}
COUPON = "ten"
Row = dict[str, Any]


class ShopError(Exception):
	"""The shop did not do what was asked of it."""


@dataclass(frozen=True)
class Line:
	"""`off`: taken off the whole line, without tax."""

	sku: str
	quantity: int = 1
	off: Decimal = Decimal(0)


@dataclass(frozen=True)
class Basket:
	"""What an order is made of. `fees`: name → amount, negative too."""

	lines: Sequence[Line]
	shipping: str | None = "4.90"
	fees: Mapping[str, str] = field(default_factory=dict)
	coupon: str | None = None
	status: str = "processing"
	customer: int = 0
	billing: Mapping[str, str] = field(default_factory=dict)
	meta: Mapping[str, str] = field(default_factory=dict)


class Deliveries(Protocol):
	"""How webhooks get from the shop to the ERP."""

	def start(self) -> None: ...

	def stop(self) -> None: ...

	@property
	def waiting(self) -> int:
		"""Deliveries that are not sent yet, as far as one can know."""
		...


class Rest:
	"""The REST API, and what people do by it. What was made is known, and taken away again by `tidy`."""

	def __init__(self, url: str, key: str, secret: str, prefix: str):
		self.url, self.key, self.secret, self.prefix = url, key, secret, prefix
		self._api = API(url=url, consumer_key=key, consumer_secret=secret, timeout=TIMEOUT_SECONDS)
		self._lock = threading.Lock()
		self.products: dict[str, Row] = {}  # SKU → product or variation
		self.order_ids: list[int] = []
		self._customers: list[int] = []

	def call(self, method: str, path: str, body: Any = None, **params: Any) -> Any:
		"""The answer's JSON. Raises `ShopError` where it is none of success."""
		with self._lock:  # two calls of one second might have one nonce
			if method in ("post", "put"):
				reply = getattr(self._api, method)(path, body, params=params)
			else:
				reply = getattr(self._api, method)(path, params=params)
		if not 200 <= reply.status_code < 300:
			raise ShopError(f"{method} {path}: {reply.status_code} {reply.text[:300]}")
		return reply.json()

	def currency(self) -> str:
		rows = self.call("get", "settings/general")
		return next(row["value"] for row in rows if row["id"] == "woocommerce_currency")

	# --- goods

	def add_product(self, name: str, price: str, **fields: Any) -> str:
		"""Its SKU."""
		sku = f"{self.prefix}{name}"
		given = {"name": name.title(), "sku": sku, "regular_price": price, "manage_stock": True, **fields}
		self.products[sku] = self.call("post", "products", {"stock_quantity": 0, **given})
		return sku

	def add_variable(self, name: str, sizes: Mapping[str, str]) -> list[str]:
		"""The SKUs of its variations."""
		attribute = {"name": "Size", "visible": True, "variation": True, "options": list(sizes)}
		parent = self.call(
			"post",
			"products",
			{
				"name": name.title(),
				"type": "variable",
				"sku": f"{self.prefix}{name}",
				"attributes": [attribute],
			},
		)
		self.products[f"{self.prefix}{name}"] = parent
		skus = []
		for size, price in sizes.items():
			skus.append(f"{self.prefix}{name}-{size}")
			given = {"sku": skus[-1], "regular_price": price, "manage_stock": True, "stock_quantity": 0}
			given["attributes"] = [{"name": "Size", "option": size}]
			self.products[skus[-1]] = self.call("post", f"products/{parent['id']}/variations", given) | {
				"parent_id": parent["id"]
			}
		return skus

	def shown(self, skus: Iterable[str]) -> dict[str, Row]:
		"""Products and variations as they are now, by SKU."""
		rows = self.call("get", "products", sku=",".join(skus), per_page=100)
		return {row["sku"]: row for row in rows}

	def stock(self, skus: Iterable[str]) -> dict[str, int | None]:
		return {sku: row["stock_quantity"] for sku, row in self.shown(skus).items()}

	def delete_product(self, sku: str) -> None:
		"""For good: the shop tells nobody."""
		self.call("delete", f"products/{self.products.pop(sku)['id']}", force=True)

	# --- buyers and orders

	def add_customer(self, email: str) -> int:
		address = {**BUYER, "email": email}
		made = self.call(
			"post",
			"customers",
			{"email": email, "first_name": "Grace", "billing": address, "username": email},
		)
		self._customers.append(made["id"])
		return int(made["id"])

	def place(self, basket: Basket) -> int:
		"""Its id."""
		number = len(self.order_ids)
		billing = {**BUYER, "email": f"buyer{number % 7}@example.com", **basket.billing}
		body: Row = {
			"status": basket.status,
			"payment_method": "bacs",
			"billing": billing,
			"shipping": {name: value for name, value in billing.items() if name != "email"},
			"customer_id": basket.customer,
			"line_items": [self._line(line) for line in basket.lines],
			"fee_lines": [{"name": name, "total": total} for name, total in basket.fees.items()],
			"meta_data": [{"key": key, "value": value} for key, value in basket.meta.items()],
		}
		if basket.shipping is not None:
			method = {"method_id": "flat_rate", "instance_id": "1", "method_title": "Flat rate"}
			body["shipping_lines"] = [{**method, "total": basket.shipping}]
		if basket.coupon:
			body["coupon_lines"] = [{"code": basket.coupon}]
		made = int(self.call("post", "orders", body)["id"])
		self.order_ids.append(made)
		return made

	def _line(self, line: Line) -> Row:
		product = self.products[line.sku]
		row: Row = {"product_id": product["id"], "quantity": line.quantity}
		if product.get("parent_id"):
			row |= {"product_id": product["parent_id"], "variation_id": product["id"]}
		if line.off:
			before = Decimal(product["regular_price"]) * line.quantity
			row |= {"subtotal": str(before), "total": str(before - line.off)}
		return row

	def change(self, order: int, **fields: Any) -> Row:
		changed: Row = self.call("put", f"orders/{order}", fields)
		return changed

	def trash(self, order: int) -> None:
		self.call("delete", f"orders/{order}")

	def refund(self, order: int, amount: str, lines: Sequence[Row] = (), moved: bool = False) -> int:
		"""Its id.

		:param lines: what is given back of which rows of the order, as the API has it; their goods are on the shelf again
		:param moved: the gateway is asked to give the money back
		"""
		body: Row = {"amount": amount, "reason": "E2E", "api_refund": moved, "api_restock": bool(lines)}
		if lines:
			body["line_items"] = list(lines)
		return int(self.call("post", f"orders/{order}/refunds", body)["id"])

	def refund_piece(self, order: int, moved: bool = False) -> int:
		"""One piece of the first line, with its share of the taxes: the id of the refund."""
		[line, *_] = self.order(order)["line_items"]
		share = lambda text: (Decimal(text) / line["quantity"]).quantize(Decimal("0.01"))  # noqa: E731
		net, taxes = share(line["total"]), {tax["id"]: share(tax["total"]) for tax in line["taxes"]}
		row = {
			"id": line["id"],
			"quantity": 1,
			"refund_total": float(net),
			"refund_tax": [{"id": rate, "refund_total": float(tax)} for rate, tax in taxes.items()],
		}
		return self.refund(order, str(net + sum(taxes.values())), [row], moved)

	def refunds(self, order: int) -> list[Row]:
		found: list[Row] = self.call("get", f"orders/{order}/refunds", per_page=100)
		return found

	def order(self, order: int) -> Row:
		found: Row = self.call("get", f"orders/{order}")
		return found

	def orders(self) -> dict[int, Row]:
		"""Those of this run, in the trash too; not those that are deleted for good."""
		found: dict[int, Row] = {}
		for status in ("any", "trash"):
			rows = self.call(
				"get", "orders", include=",".join(map(str, self.order_ids)), status=status, per_page=100
			)
			found |= {row["id"]: row for row in rows}
		return found

	# --- what is shown of shipments

	def parcels(self, order: int, way: str) -> list[tuple[str, str]]:
		"""Carrier, in small letters, and number of all that the shop shows as sent."""
		return sorted((carrier.lower(), number) for carrier, number in _WAYS[way](self, order))

	# --- webhooks

	def webhooks(self, url_part: str) -> dict[str, list[str]]:
		"""Topic → statuses of the webhooks that post to an address with this in it."""
		found: dict[str, list[str]] = {}
		for row in self.call("get", "webhooks", per_page=100):
			if url_part in row["delivery_url"]:
				found.setdefault(row["topic"], []).append(row["status"])
		return found

	def switch_off(self, topic: str, url_part: str) -> None:
		"""As the shop does it after deliveries that failed."""
		for row in self.call("get", "webhooks", per_page=100):
			if row["topic"] == topic and url_part in row["delivery_url"]:
				self.call("put", f"webhooks/{row['id']}", {"status": "disabled"})

	# --- afterwards

	def tidy(self, url_part: str) -> None:
		"""Takes away what this run made, webhooks to an address with this in it too, and nothing else."""
		for row in self.call("get", "webhooks", per_page=100):
			if url_part in row["delivery_url"]:
				self.call("delete", f"webhooks/{row['id']}", force=True)
		for path, numbers in (
			("orders", self.order_ids),
			("products", [row["id"] for row in self.products.values() if not row.get("parent_id")]),
			("customers", self._customers),
		):
			for number in numbers:
				try:
					self.call("delete", f"{path}/{number}", force=True)
				except ShopError:
					continue  # it went before


def _fulfilments(shop: Rest, order: int) -> list[tuple[str, str]]:
	rows = shop.call("get", f"orders/{order}/fulfillments")["fulfillments"]
	found = []
	for row in rows:
		meta = {each["key"]: each["value"] for each in row["meta_data"]}
		if row["is_fulfilled"]:
			carrier = meta.get("_provider_name") or meta.get("_shipment_provider") or ""
			found.append((str(carrier), str(meta.get("_tracking_number") or "")))
	return found


def _trackings(namespace: str) -> Callable[[Rest, int], list[tuple[str, str]]]:
	def read(shop: Rest, order: int) -> list[tuple[str, str]]:
		api = API(url=shop.url, consumer_key=shop.key, consumer_secret=shop.secret, version=namespace)
		rows = api.get(f"orders/{order}/shipment-trackings").json()
		return [(row["tracking_provider"], row["tracking_number"]) for row in rows]

	return read


def _notes(shop: Rest, order: int) -> list[tuple[str, str]]:
	"""The first line names the shipment, the last ones carrier and number; of a cancelled one it says so."""
	notes = [row["note"].splitlines() for row in shop.call("get", f"orders/{order}/notes")]
	ours = [lines for lines in notes if lines[0].startswith("Shipment ") and lines[1:] != ["Cancelled"]]
	return [(line.split()[0], line.split()[1]) for lines in ours for line in lines[2:]]


_WAYS: Mapping[str, Callable[[Rest, int], list[tuple[str, str]]]] = {
	"Fulfilments of WooCommerce": _fulfilments,
	"Shipment Tracking": _trackings("wc-shipment-tracking/v3"),
	"Advanced Shipment Tracking": _trackings("wc-ast/v3"),
	"Notes": _notes,
}


class OwnDeliveries:
	"""Of a real shop: it posts by itself, once, a second or two after something happened."""

	waiting = 0

	def start(self) -> None: ...

	def stop(self) -> None: ...


class Courier:
	"""Of the simulated shop: carries its deliveries in any order, one in five twice. One that nobody takes is lost, as
	WooCommerce loses it."""

	def __init__(self, shop: WooCommerceStorefront, post: Callable[[Mapping[str, str], bytes], int]):
		self._shop, self._post = shop, post
		self._chance = random.Random(20261121)
		self._busy = False
		self._ended = threading.Event()
		self._thread = threading.Thread(target=self._work, daemon=True)
		self.overtaken = self.twice = self.lost = 0

	def start(self) -> None:
		self._thread.start()

	def stop(self) -> None:
		self._ended.set()
		if self._thread.ident:
			self._thread.join()

	@property
	def waiting(self) -> int:
		with self._shop.lock:
			return len(self._shop.queue) + self._busy

	def _work(self) -> None:
		while not self._ended.wait(0.1):
			with self._shop.lock:
				batch = self._shop.take_queue()
				self._busy = bool(batch)
			shuffled = self._chance.sample(batch, len(batch))
			self.overtaken += sum(one is not other for one, other in zip(batch, shuffled, strict=True))
			again = self._chance.sample(batch, len(batch) // 5)
			self.twice += len(again)
			for delivery in [*shuffled, *again]:
				self.lost += not self._shop.deliver(delivery, self._post)
			self._busy = False


def furnish(shop: WooCommerceStorefront) -> None:
	"""What the merchant of a real one has set up before: a reduced rate, a coupon."""
	shop.rates.append(Rate(2, "DE-VAT 7%-1", "VAT 7%", Decimal(7), tax_class="reduced-rate"))
	shop.coupons[COUPON] = Decimal(10)
