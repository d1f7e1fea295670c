"""The part of a WooCommerce shop that shipments meet, as WooCommerce 10.2 was observed to behave: orders with their
fulfilments, notes and shipment trackings, and the mails that a buyer gets of them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from commerce_bridge.bridge.errors import Retryable
from commerce_bridge.bridge.protocols import HttpResponse, Limits
from tests.connectors.woocommerce_shop import CHANNEL, Shop, answer

FULFILMENTS, OFFICIAL = "Fulfilments of WooCommerce", "Shipment Tracking"
ADVANCED, NOTES = "Advanced Shipment Tracking", "Notes"
WAYS = (FULFILMENTS, OFFICIAL, ADVANCED, NOTES)
STATUSES = [
	"pending",
	"processing",
	"on-hold",
	"completed",
	"cancelled",
	"refunded",
	"failed",
	"checkout-draft",
]
EDITABLE = ("pending", "on-hold")
PROVIDERS = {
	"Germany": {"Deutsche Post DHL": "https://nolp.example/%1$s"},
	"Global": {"DPD": "https://dpd.example/%1$s"},
}
ENABLED = ("DHL", "DPD")
LINKS = {"dhl": "https://www.dhl.example/"}


@dataclass
class Order:
	id: int
	lines: dict[int, int]  # line item → quantity
	status: str = "processing"
	refunds: list[dict[str, Any]] = field(default_factory=list)
	amounts: dict[int, tuple[str, str]] = field(default_factory=dict)  # subtotal, total
	fulfilments: dict[int, dict[str, Any]] = field(default_factory=dict)
	notes: dict[int, dict[str, Any]] = field(default_factory=dict)
	trackings: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass
class Desk:
	"""A shop that is told of shipments in one way. `dies` says at which call the line breaks, before it or after."""

	way: str = NOTES
	statuses: list[str] = field(default_factory=lambda: list(STATUSES))
	orders: dict[int, Order] = field(default_factory=dict)
	mails: list[str] = field(default_factory=list)
	calls: list[tuple[str, str]] = field(default_factory=list)
	bodies: list[Any] = field(default_factory=list)
	dies: tuple[int, bool] | None = None  # number of the call, and whether the shop had done it
	refuses: bool = False  # fulfilments, for reasons of its own
	last_id: int = 100

	def place(self, *quantities: int, **values: Any) -> Order:
		number = self.next_id()
		order = Order(
			number, {number * 10 + place: count for place, count in enumerate(quantities)}, **values
		)
		for line, quantity in order.lines.items():
			order.amounts.setdefault(line, (f"{quantity * 10}.000000", f"{quantity * 9}.000000"))
		self.orders[number] = order
		return order

	def shop(self, **channel: Any) -> Shop:
		shop = Shop([], channel=CHANNEL.model_copy(update=channel), transport=self)
		shop.memory.facts[shop.channel.name] = self.facts()
		return shop

	def facts(self) -> dict[str, str]:
		return {
			"WooCommerce": "10.2.4",
			"WordPress": "6.8",
			"Currency": "EUR",
			"Decimals": "2",
			"Prices Entered with Tax": "No",
			"Tax Rounded per Order": "No",
			"Weight Unit": "kg",
			"Stock Management": "Yes",
			"Tracking": self.way,
		}

	@property
	def writes(self) -> list[tuple[str, str]]:
		return [call for call in self.calls if call[0] != "GET"]

	def next_id(self) -> int:
		self.last_id += 1
		return self.last_id

	def send(
		self,
		method: str,
		url: str,
		headers: Mapping[str, str],
		body: bytes | None = None,
		limits: Limits | None = None,
	) -> HttpResponse:
		path = urlsplit(url).path.partition("/wp-json")[2]
		query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
		number = len(self.calls) + 1
		if self.dies == (number, False):
			self.dies = None
			raise Retryable("no answer")
		self.calls.append((method, path))
		data = json.loads(body) if body else {}
		self.bodies.append(data)
		status, content = self._route(method, path, query, data)
		if self.dies == (number, True):
			self.dies = None
			raise Retryable("no answer")
		return answer(content, status)

	def _route(self, method: str, path: str, query: dict[str, str], data: Any) -> tuple[int, Any]:
		if path in ("/", "/wc/v3/system_status") or path.startswith("/wc/v3/settings/"):
			return 200, self._about(path)
		plugin = "wc-ast" if self.way == ADVANCED else "wc-shipment-tracking"
		if path == "/wc-shipment-tracking/v3/shipment-trackings/providers" and self.way == OFFICIAL:
			return 200, PROVIDERS
		found = re.fullmatch(r"/([a-z-]+)/v3/orders/(\d+)(/([a-z-]+)(/([a-z0-9]+))?)?", path)
		if found is None:
			return no_route()
		namespace, order_id, _, part, _, part_id = found.groups()
		known = {
			("wc", None),
			("wc", "notes"),
			("wc", "fulfillments" if self.way == FULFILMENTS else "notes"),
			(plugin, "shipment-trackings" if self.way in (OFFICIAL, ADVANCED) else "none"),
		}
		if (namespace, part) not in known:
			return no_route()
		order = self.orders.get(int(order_id))
		if order is None:
			return error("woocommerce_rest_shop_order_invalid_id", 404)
		handler = {
			None: self._order,
			"notes": self._notes,
			"fulfillments": self._fulfilments,
			"shipment-trackings": self._trackings,
		}[part]
		return handler(method, order, part_id, query, data)

	def _about(self, path: str) -> Any:
		if path == "/":
			plugin = {
				OFFICIAL: ["wc-shipment-tracking/v3"],
				ADVANCED: ["wc-ast/v3", "wc-shipment-tracking/v3"],
			}
			return {"namespaces": ["wc/v3", *plugin.get(self.way, [])]}
		return {"environment": {"version": "10.2.4"}} if path.endswith("status") else []

	# --- orders ---

	def _order(
		self, method: str, order: Order, _id: Any, query: dict[str, str], data: Any
	) -> tuple[int, Any]:
		if method == "PUT":
			status = data.get("status", order.status)
			if status not in self.statuses:
				return error("rest_invalid_param", 400, {"params": {"status": "status is not one of"}})
			if status == "completed" and order.status != "completed":
				self.mails.append("Your order is now complete")
			order.status = status
			for row in data.get("line_items", []):
				order.lines[row["id"]] = row["quantity"]
				order.amounts[row["id"]] = (row["subtotal"], row["total"])
		return 200, {
			"id": order.id,
			"number": str(order.id),
			"status": order.status,
			"is_editable": order.status in EDITABLE,
			"refunds": order.refunds,
			"line_items": [
				{
					"id": line,
					"quantity": quantity,
					"subtotal": order.amounts[line][0],
					"total": order.amounts[line][1],
				}
				for line, quantity in order.lines.items()
			],
		}

	# --- notes ---

	def _notes(
		self, method: str, order: Order, note_id: str | None, query: dict[str, str], data: Any
	) -> tuple[int, Any]:
		if method == "GET":
			return 200, list(order.notes.values())
		if method == "DELETE":
			assert query.get("force") == "true"
			if order.notes.pop(int(note_id or 0), None) is None:
				return error("woocommerce_rest_invalid_id", 404)
			return 200, {}
		number = self.next_id()
		text = data["note"].replace("\\", "")
		order.notes[number] = {"id": number, "note": text, "customer_note": data.get("customer_note", False)}
		if data.get("customer_note"):
			self.mails.append(f"Note added: {text}")
		return 201, order.notes[number]

	# --- fulfilments ---

	def _fulfilments(
		self, method: str, order: Order, part_id: str | None, query: dict[str, str], data: Any
	) -> tuple[int, Any]:
		if part_id == "lookup":
			number = query["tracking_number"]
			links = {name: {"url": link + number} for name, link in LINKS.items()}
			guess = {
				"shipping_provider": "fedex",
				"tracking_url": "https://fedex.example",
				"possibilities": links,
			}
			return 200, {"tracking_number_details": guess if number.isdecimal() else []}
		if method == "GET":
			return 200, {"fulfillments": [row for row in order.fulfilments.values() if not row["deleted"]]}
		if self.refuses:
			return error("0", 400)
		if method == "POST":
			return self._fulfil(order, data)
		row = order.fulfilments.get(int(part_id or 0))
		if row is None:
			return error("0", 400)
		if method == "DELETE":
			row["deleted"] = True
			if query.get("notify_customer") == "true":  # even if it was deleted before
				self.mails.append("A shipment has been cancelled")
			return 200, {"message": "Fulfillment deleted successfully."}
		before = row["is_fulfilled"]
		row["is_fulfilled"] = data.get("status", row["status"]) == "fulfilled"
		row["meta_data"] = [{**meta, "id": meta["id"] or self.next_id()} for meta in data["meta_data"]]
		if data.get("notify_customer"):
			self.mails.append("A shipment has been updated" if before else "An item has been fulfilled")
		return 200, {"fulfillment": row}

	def _fulfil(self, order: Order, data: Any) -> tuple[int, Any]:
		items = next((meta["value"] for meta in data["meta_data"] if meta["key"] == "_items"), [])
		if not items or any(type(row["qty"]) is not int or row["qty"] <= 0 for row in items):
			return error("0", 400)
		row = self.put_fulfilment(order, {}, data["status"] == "fulfilled")
		row["meta_data"] = [{**meta, "id": self.next_id()} for meta in data["meta_data"] if "id" in meta]
		row["meta_data"].append({"id": self.next_id(), "key": "_date_fulfilled", "value": "2026-11-20"})
		if data.get("notify_customer") and row["is_fulfilled"]:
			self.mails.append("An item has been fulfilled")
		return 201, {"fulfillment": row}

	def put_fulfilment(self, order: Order, lines: dict[int, int], fulfilled: bool = True) -> dict[str, Any]:
		"""One that a person makes in the shop."""
		number = self.next_id()
		items = [{"item_id": line, "qty": quantity} for line, quantity in lines.items()]
		order.fulfilments[number] = {
			"id": number,
			"status": "fulfilled" if fulfilled else "unfulfilled",
			"is_fulfilled": fulfilled,
			"deleted": False,
			"meta_data": [{"id": self.next_id(), "key": "_items", "value": items}],
		}
		return order.fulfilments[number]

	# --- plugins ---

	def _trackings(
		self, method: str, order: Order, part_id: str | None, query: dict[str, str], data: Any
	) -> tuple[int, Any]:
		if method == "GET":
			return 200, list(order.trackings.values())
		if method == "DELETE":
			if order.trackings.pop(part_id or "", None) is None:
				return error("woocommerce_rest_order_shipment_tracking_invalid_id", 404)
			return 200, {}
		return 201, self.put_tracking(order, data)

	def put_tracking(self, order: Order, data: Mapping[str, Any]) -> dict[str, Any]:
		number = f"{self.next_id():032x}"
		custom = "" if self.way == ADVANCED else data.get("custom_tracking_provider", "")
		provider = custom or data.get("tracking_provider", "")
		if self.way == ADVANCED and provider not in ENABLED:
			provider = ""  # it shows only carriers that its settings have
		# Without a carrier of its own the official plugin drops the link.
		link = (
			data.get("custom_tracking_link", "")
			if custom or self.way == ADVANCED
			else "https://of.the.plugin"
		)
		order.trackings[number] = {
			"tracking_id": number,
			"tracking_provider": provider,
			"tracking_link": link,
			"tracking_number": data["tracking_number"],
			"date_shipped": data.get("date_shipped"),
		}
		return order.trackings[number]


def error(code: str, status: int, data: Mapping[str, Any] | None = None) -> tuple[int, Any]:
	return status, {"code": code, "message": "…", "data": {"status": status, **(data or {})}}


def no_route() -> tuple[int, Any]:
	return error("rest_no_route", 404)
