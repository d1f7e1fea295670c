"""A shop's catalog in memory, as a real WooCommerce 10.2 was seen to take and change it.

Of an answer only what a test may look at is there. The shop as a whole is in `sandbox/storefronts`.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from commerce_bridge.bridge.channel import Channel, Credentials, StockPolicy
from commerce_bridge.bridge.errors import Retryable
from commerce_bridge.bridge.model import Listing, Price
from commerce_bridge.bridge.protocols import HttpResponse, Limits, PushResult, Surroundings
from commerce_bridge.connectors.woocommerce.catalog import push_listings
from commerce_bridge.connectors.woocommerce.client import WooCommerceClient
from tests.connectors.storefront import NOW, KeptInMemory, json_answer
from tests.connectors.woocommerce_shelf import FACTS

BASE = "https://shop.example"
FRONT, BACK = "https://erp.example/files/front.jpg", "https://erp.example/files/back.jpg"
CHANNEL = Channel(
	name="Shop",
	platform="woocommerce",
	company="Company",
	company_currency="EUR",
	currency="EUR",
	store_url=BASE,
	time_zone="Europe/Berlin",
	stock=StockPolicy(first_push_confirmed=True),
)
_NEW: dict[str, Any] = {
	"type": "simple",
	"status": "publish",
	"parent_id": 0,
	"name": "",
	"slug": "",
	"description": "",
	"sku": "",
	"global_unique_id": "",
	"regular_price": "",
	"sale_price": "",
	"price": "",
	"on_sale": False,
	"virtual": False,
	"date_on_sale_from_gmt": None,
	"date_on_sale_to_gmt": None,
	"manage_stock": False,
	"stock_quantity": None,
	"weight": "",
	"date_created_gmt": "2026-11-20T09:00:00",
	"date_modified_gmt": "2026-11-20T09:30:00",
	"images": [],
	"image": None,
	"attributes": [],
	"categories": [],
	"brands": [],
	"variations": [],
	"meta_data": [],
}
_PLAIN = set(_NEW) - {"images", "image", "attributes", "brands", "meta_data", "variations", "parent_id"}
#: WordPress keeps these as HTML.
_ESCAPED = {"name"}


class Refusal(Exception):
	def __init__(self, code: str, status: int = 400, **data: Any):
		super().__init__(code)
		self.answer = json_answer({"code": code, "message": code, "data": {"status": status, **data}}, status)


@dataclass(frozen=True)
class Call:
	method: str
	path: str  # below wc/v3
	query: dict[str, str]
	body: Any

	def __str__(self) -> str:
		return f"{self.method} {self.path}"


@dataclass
class CatalogShop:
	"""Products, variations, brands and attributes of a shop; every call of it is kept.

	:param before: asked before each call: what is answered in its place, or None
	:param lost: of which calls the answer is lost after they were done; each once
	"""

	channel: Channel = CHANNEL
	products: dict[int, dict[str, Any]] = field(default_factory=dict)
	brands: dict[int, str] = field(default_factory=dict)
	attributes: dict[int, str] = field(default_factory=dict)
	unreachable: set[str] = field(default_factory=set)
	calls: list[Call] = field(default_factory=list)
	before: Callable[[Call], HttpResponse | Exception | None] = lambda call: None
	lost: list[str] = field(default_factory=list)
	takes: timedelta = timedelta(0)
	moment: datetime = NOW
	facts: dict[str, str] = field(default_factory=lambda: dict(FACTS))
	number: int = 100

	@property
	def client(self) -> WooCommerceClient:
		memory = KeptInMemory()
		memory.facts[self.channel.name] = dict(self.facts)
		keys = Credentials(api_key="ck_test", api_secret="cs_test")
		return WooCommerceClient(
			self.channel, keys, Surroundings(self, memory, lambda: self.moment, lambda seconds: None)
		)

	def add(self, sku: str = "", parent: int = 0, **values: Any) -> int:
		"""What the merchant made, as it is kept."""
		number = self._new_id()
		kind = {"type": "variation", "parent_id": parent} if parent else {}
		self.products[number] = {"id": number, **json.loads(json.dumps(_NEW)), "sku": sku, **kind, **values}
		return number

	def of(self, sku: str) -> dict[str, Any]:
		[found] = [row for row in self.products.values() if row["sku"] == sku]
		return found

	def meta(self, sku: str) -> dict[str, Any]:
		return {row["key"]: row["value"] for row in self.of(sku)["meta_data"]}

	def variations(self, parent: int) -> list[dict[str, Any]]:
		return [row for row in self.products.values() if row["parent_id"] == parent]

	@property
	def writes(self) -> list[str]:
		return [str(call) for call in self.calls if call.method != "GET"]

	def _new_id(self) -> int:
		self.number += 1
		return self.number

	# --- as WooCommerce ---

	def send(
		self,
		method: str,
		url: str,
		headers: Mapping[str, str],
		body: bytes | None = None,
		limits: Limits | None = None,
	) -> HttpResponse:
		parts = urlsplit(url)
		path = parts.path.removeprefix("/wp-json/wc/v3/")
		call = Call(method, path, dict(parse_qsl(parts.query)), json.loads(body) if body else None)
		self.calls.append(call)
		self.moment += self.takes
		answer = self.before(call)
		if isinstance(answer, Exception):
			raise answer
		try:
			answer = answer or self._answer(call)
		except Refusal as refusal:
			answer = refusal.answer
		if str(call) in self.lost:
			self.lost.remove(str(call))
			raise Retryable("No answer")
		return answer

	def _answer(self, call: Call) -> HttpResponse:
		if call.path == "products/brands":
			return self._brand(call.body["name"])
		if call.path == "products/attributes":
			return json_answer([{"id": number, "name": name} for number, name in self.attributes.items()])
		found = re.fullmatch(r"products(?:/(\d+))?(?:/(variations)(?:/(\d+))?)?", call.path)
		assert found, call.path
		parent = int(found[1]) if found[2] else 0
		number = int(found[3] or (found[1] if not found[2] else 0) or 0)
		if call.method == "GET":
			return json_answer(self._shown(self._row(number, parent))) if number else self._list(call, parent)
		if call.method == "POST":
			return json_answer(self._shown(self._make(call.body, parent)), 201)
		return json_answer(self._shown(self._write(self._row(number, parent, writes=True), call.body)))

	def _row(self, number: int, parent: int, writes: bool = False) -> dict[str, Any]:
		row = self.products.get(number)
		if parent and (row is None or row["parent_id"] != parent):
			raise Refusal("woocommerce_rest_product_variation_invalid_id", 404)
		if row is None:
			raise Refusal("woocommerce_rest_product_invalid_id", 400 if writes else 404)
		if writes and not parent and row["type"] == "variation":
			raise Refusal("woocommerce_rest_invalid_product_id", 404)
		return row

	def _list(self, call: Call, parent: int) -> HttpResponse:
		rows = sorted(self.products.values(), key=lambda row: row["id"])
		rows = [
			row for row in rows if row["status"] != "trash" and (not parent or row["parent_id"] == parent)
		]
		if "sku" in call.query:
			wanted = [*call.query["sku"].lower().split(","), call.query["sku"].lower()]
			rows = [row for row in rows if row["sku"].lower() in wanted]
		elif not parent:
			rows = [row for row in rows if row["type"] != "variation"]
		if "slug" in call.query:
			rows = [row for row in rows if row["slug"] == call.query["slug"]]
		size = int(call.query.get("per_page", 10))
		start = int(call.query.get("offset", (int(call.query.get("page", 1)) - 1) * size))
		shown = list(map(self._shown, rows[start : start + size]))
		return json_answer(shown, **{"x-wp-total": str(len(rows))})

	def _brand(self, name: str) -> HttpResponse:
		known = next((number for number, each in self.brands.items() if each.lower() == name.lower()), None)
		if known:
			raise Refusal("term_exists", resource_id=known)
		number = self._new_id()
		self.brands[number] = name
		return json_answer({"id": number, "name": html.escape(name, quote=False)}, 201)

	def _make(self, given: Mapping[str, Any], parent: int) -> dict[str, Any]:
		self._check(given, 0)
		if parent and parent not in self.products:
			raise AssertionError("a variation without a product: the shop answers 500 and keeps it")
		return self._write(self.products[self.add(parent=parent)], given)

	def _check(self, given: Mapping[str, Any], number: int) -> None:
		for name, code in (
			("sku", "product_invalid_sku"),
			("global_unique_id", "product_invalid_global_unique_id"),
		):
			for row in self.products.values():
				same = given.get(name) and row[name].lower() == str(given[name]).lower()
				if same and row["id"] != number:
					if row["status"] == "trash":
						raise Refusal("woocommerce_rest_product_not_created")
					raise Refusal(code, resource_id=row["id"])
		for image in given.get("images") or ():
			if image.get("src") in self.unreachable:
				raise Refusal("woocommerce_product_image_upload_error")

	def _write(self, row: dict[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
		self._check(given, row["id"])
		for name in _PLAIN & given.keys():
			row[name] = html.escape(given[name], quote=False) if name in _ESCAPED else given[name]
		if given.get("global_unique_id"):
			row["global_unique_id"] = re.sub(r"[^0-9-]", "", given["global_unique_id"])
		if row["type"] in ("variable", "grouped"):
			row |= {"regular_price": "", "sale_price": ""}
		if given.get("brands"):
			numbers = [each["id"] for each in given["brands"]]
			row["brands"] = [
				{"id": each, "name": html.escape(self.brands[each], quote=False)} for each in numbers
			]
		if "images" in given:
			kept, row["images"] = row["images"], []
			for each in given["images"]:
				known = next((image for image in kept if image["id"] == each.get("id")), None)
				row["images"].append(known or self._image(each))
		if "image" in given:
			row["image"] = {"id": given["image"]["id"]}
		if "attributes" in given:
			row["attributes"] = list(self._attributes(row, given["attributes"]))
		for meta in given.get("meta_data", ()):
			row["meta_data"] = [each for each in row["meta_data"] if each["key"] != meta["key"]] + [meta]
		return row

	def _image(self, given: Mapping[str, Any]) -> dict[str, Any]:
		name = given["src"].rpartition("/")[2]
		if any(each["src"].endswith(f"/{name}") for row in self.products.values() for each in row["images"]):
			name = name.replace(".", "-1.")
		return {"id": self._new_id(), "src": f"{BASE}/wp-content/uploads/2026/11/{name}"}

	def _attributes(self, row: Mapping[str, Any], given: list[dict[str, Any]]) -> Any:
		"""A variation's are dropped where its product has none of the name."""
		if row["type"] != "variation":
			for each in given:
				name = self.attributes.get(each.get("id") or 0, each.get("name"))
				options = [part.strip() for value in each["options"] for part in value.split("|")]
				escaped = [html.escape(html.unescape(value), quote=False) for value in options]
				yield {**each, "name": name, "options": escaped if each.get("id") else options}
			return
		parent = {each["name"]: each for each in self.products[row["parent_id"]]["attributes"]}
		for each in given:
			name = self.attributes.get(each.get("id") or 0, each.get("name"))
			if name in parent and parent[name]["variation"]:
				yield {"id": each.get("id", 0), "name": name, "option": each["option"]}

	def _shown(self, row: Mapping[str, Any]) -> dict[str, Any]:
		numbers = [each["id"] for each in self.variations(row["id"])]
		return {**row, "variations": numbers if row["type"] == "variable" else []}


# --- listings of it ---


def price(amount: str = "10", **values: Any) -> Price:
	return Price(listing="L", item_code="I", sku="S", currency="EUR", amount=Decimal(amount), **values)


def listing(sku: str = "TEA", **values: Any) -> Listing:
	return Listing(
		**{"listing": f"L-{sku}", "item_code": sku, "sku": sku, "title": f"Name of {sku}", **values}
	)


def shirt(size: str, colour: str = "Red", **values: Any) -> Listing:
	"""A variant of the template SHIRT."""
	sku = f"SHIRT-{colour}-{size}"
	return listing(
		sku,
		**{
			"title": f"Shirt-{colour}-{size}",
			"variant_of": "SHIRT",
			"attributes": {"Colour": colour, "Size": size},
			**values,
		},
	)


def push(shop: CatalogShop, *listings: Listing) -> list[PushResult]:
	return push_listings(shop.client, shop.channel, listings)


def linked(row: Listing, result: PushResult) -> Listing:
	"""The listing after its result was kept."""
	return row.model_copy(update={"product_id": result.product_id, "variant_id": result.variant_id})


def parent_of(shop: CatalogShop) -> dict[str, Any]:
	[found] = [row for row in shop.products.values() if row["type"] == "variable"]
	return found


def attributes_of(row: dict[str, Any], variation: bool = False) -> dict[str, list[str]]:
	return {each["name"]: each["options"] for each in row["attributes"] if each["variation"] is variation}
