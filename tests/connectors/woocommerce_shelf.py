"""Products of a shop that answers as WooCommerce does, in memory: what the tests of stock and prices share.

Answers are what a real WooCommerce 10.2 gave to the same calls; the shop as a whole is in `sandbox/storefronts`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from commerce_bridge.bridge.channel import Channel, Credentials
from commerce_bridge.bridge.protocols import HttpResponse, Limits, Surroundings
from commerce_bridge.connectors.woocommerce.client import WooCommerceClient
from tests.connectors.storefront import NOW, KeptInMemory, json_answer

CHANNEL = Channel(
	name="Shop",
	platform="woocommerce",
	company="Company",
	company_currency="EUR",
	currency="EUR",
	store_url="https://shop.example",
	time_zone="Europe/Berlin",
)
FACTS = {
	"WooCommerce": "10.2.4",
	"WordPress": "6.8.8",
	"Currency": "EUR",
	"Decimals": "2",
	"Prices Entered with Tax": "No",
	"Tax Rounded per Order": "No",
	"Weight Unit": "kg",
	"Stock Management": "Yes",
	"Tracking": "Notes",
}
_NOTHING: dict[str, Any] = {
	"type": "simple",
	"status": "publish",
	"parent_id": 0,
	"sku": "",
	"manage_stock": False,
	"stock_quantity": None,
	"regular_price": "",
	"sale_price": "",
	"date_on_sale_from_gmt": None,
	"date_on_sale_to_gmt": None,
}
_GONE = {"code": "woocommerce_rest_product_invalid_id", "message": "Invalid ID.", "data": {"status": 400}}
_NO_VARIATION = {
	"code": "woocommerce_rest_product_variation_invalid_id",
	"message": "Invalid ID.",
	"data": {"status": 404},
}
_NOT_HERE = {
	"code": "woocommerce_rest_invalid_product_id",
	"message": "To manipulate product variations you should use the /products/&lt;product_id&gt;/variations/&lt;id&gt;",
	"data": {"status": 404},
}
_TOO_MANY = {
	"code": "woocommerce_rest_request_entity_too_large",
	"message": "Unable to accept more than 100 items for this request.",
	"data": {"status": 413},
}


@dataclass(frozen=True)
class Call:
	method: str
	path: str  # below wc/v3
	query: dict[str, str]
	body: Any


@dataclass
class Shelf:
	"""What stands in the shop, by id.

	:param interfere: asked before each call: what is answered instead, or None
	:param tamper: changes an answer's rows after they were written
	:param takes: how long a call takes
	"""

	products: dict[int, dict[str, Any]] = field(default_factory=dict)
	calls: list[Call] = field(default_factory=list)
	interfere: Callable[[Call], HttpResponse | Exception | None] = lambda call: None
	tamper: Callable[[Call, list[dict[str, Any]]], list[dict[str, Any]]] = lambda call, rows: rows
	takes: timedelta = timedelta(0)
	most: int = 100
	moment: datetime = NOW
	memory: KeptInMemory = field(default_factory=KeptInMemory)

	@property
	def client(self) -> WooCommerceClient:
		self.memory.facts.setdefault(CHANNEL.name, dict(FACTS))
		keys = Credentials(api_key="ck_test", api_secret="cs_test")
		around = Surroundings(self, self.memory, lambda: self.moment, lambda seconds: None, "SYNC-1")
		return WooCommerceClient(CHANNEL, keys, around)

	def add(self, sku: str = "", **values: Any) -> int:
		number = 100 + len(self.products) + 1
		self.products[number] = {"id": number, **_NOTHING, "sku": sku, **values}
		return number

	def add_variation(self, parent: int, sku: str = "", **values: Any) -> int:
		return self.add(sku, **{"type": "variation", "parent_id": parent, **values})

	@property
	def paths(self) -> list[str]:
		return [f"{call.method} {call.path}" for call in self.calls]

	def send(
		self,
		method: str,
		url: str,
		headers: Mapping[str, str],
		body: bytes | None = None,
		limits: Limits | None = None,
	) -> HttpResponse:
		parts = urlsplit(url)
		call = Call(
			method,
			parts.path.removeprefix("/wp-json/wc/v3/"),
			dict(parse_qsl(parts.query)),
			json.loads(body) if body else None,
		)
		self.calls.append(call)
		self.moment += self.takes
		answer = self.interfere(call)
		if isinstance(answer, Exception):
			raise answer
		return answer or self._answer(call)

	# --- as WooCommerce ---

	def _answer(self, call: Call) -> HttpResponse:
		parent = int(call.path.split("/")[1]) if "/variations" in call.path else None
		if call.path.endswith("/batch"):
			items = call.body["update"]
			if len(items) > self.most:
				return json_answer(_TOO_MANY, 413)
			rows = [self._in_batch(item, parent) for item in items]
			return json_answer({"update": self.tamper(call, rows)})
		if call.method == "PUT":
			return self._single(call, parent)
		return self._list(call, parent)

	def _in_batch(self, item: dict[str, Any], parent: int | None) -> dict[str, Any]:
		error = self._why_not(item["id"], parent)
		if error:
			return {"id": item["id"], "error": error}
		return self._write(item["id"], item)

	def _single(self, call: Call, parent: int | None) -> HttpResponse:
		number = int(call.path.rpartition("/")[2])
		error = self._why_not(number, parent)
		if error:
			return json_answer(error, error["data"]["status"])
		return json_answer(self.tamper(call, [self._write(number, call.body)])[0])

	def _why_not(self, number: int, parent: int | None) -> dict[str, Any] | None:
		product = self.products.get(number)
		if parent is not None:
			return _NO_VARIATION if product is None or product["parent_id"] != parent else None
		if product is None:
			return _GONE
		return _NOT_HERE if product["type"] == "variation" else None

	def _write(self, number: int, given: Mapping[str, Any]) -> dict[str, Any]:
		product = self.products[number]
		for name in _NOTHING.keys() & given.keys():
			product[name] = given[name]
		for name in ("date_on_sale_from_gmt", "date_on_sale_to_gmt"):
			product[name] = product[name] or None
		if product["type"] in ("variable", "grouped"):
			product |= {"regular_price": "", "sale_price": ""}
		if product["type"] in ("external", "grouped"):
			product |= {"manage_stock": False, "stock_quantity": None}
		return dict(product)

	def _list(self, call: Call, parent: int | None) -> HttpResponse:
		rows = sorted(self.products.values(), key=lambda row: row["id"])
		if "sku" in call.query:
			# The database's order of letters knows no upper and lower case.
			wanted = [*call.query["sku"].lower().split(","), call.query["sku"].lower()]
			rows = [row for row in rows if row["sku"].lower() in wanted]
		elif parent is not None:
			rows = [row for row in rows if row["parent_id"] == parent]
		else:
			rows = [row for row in rows if row["type"] != "variation"]
		size = int(call.query.get("per_page", 10))
		start = int(call.query.get("offset", (int(call.query.get("page", 1)) - 1) * size))
		return json_answer(rows[start : start + size])
