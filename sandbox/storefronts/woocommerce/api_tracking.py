"""What was sent, by the API: fulfilments of WooCommerce, where the feature is on, and two plugins' routes.

The plugins' answers are those of their documentation; neither can be had without a licence.
https://woocommerce.com/document/shipment-tracking/shipment-tracking-rest-api-create-tracking-item/
https://gist.github.com/zorem/e43aceb2d69284b29ad67ded63755f85
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from sandbox.storefronts.woocommerce import checks
from sandbox.storefronts.woocommerce.routing import no_route, route
from sandbox.storefronts.woocommerce.sales import Order
from sandbox.storefronts.woocommerce.shop import Shop
from sandbox.storefronts.woocommerce.tracking import Fulfilment, Tracking, local, shown_fulfilment
from sandbox.storefronts.woocommerce.values import Answer, ApiError, Request

FULFILMENTS = r"/wc/v3/orders/(\d+)/fulfillments"
PLUGIN = r"/wc-shipment-tracking/v3/orders/(\d+)/shipment-trackings"
AST = r"/wc-ast/v3/orders/(\d+)/shipment-trackings"


def _order(shop: Shop, number: int) -> Order:
	if not shop.fulfilments:
		raise no_route()
	order = shop.orders.get(number)
	if order is None:
		error = ApiError("woocommerce_rest_order_invalid_id", "Invalid order ID.", 404)
		error.data["status"] = "404"  # text, here alone
		raise error
	return order


class Wrong(ApiError):
	"""Everything that goes wrong here is 400, with a number for its code: also what is not there."""

	def __init__(self, message: str, number: int = 0):
		super().__init__("", message)
		self.number = number

	def body(self) -> dict[str, Any]:
		return {**super().body(), "code": self.number}


def _of(shop: Shop, order: Order) -> list[Fulfilment]:
	return [each for each in shop.parcels.values() if each.order_id == order.id and not each.deleted]


@route("GET", FULFILMENTS)
def list_fulfilments(shop: Shop, request: Request, number: int) -> Answer:
	order = _order(shop, number)
	return Answer(200, {"fulfillments": [shown_fulfilment(shop, each) for each in _of(shop, order)]})


def _known(shop: Shop, order: Order, number: int) -> Fulfilment:
	found = shop.parcels.get(number)
	if found is None:
		raise Wrong("Fulfillment not found.")
	if found.order_id != order.id:
		raise Wrong("Invalid fulfillment ID.")
	return found


@route("GET", FULFILMENTS + r"/(\d+)")
def read_fulfilment(shop: Shop, request: Request, number: int, sent: int) -> Answer:
	found = _known(shop, _order(shop, number), sent)
	if found.deleted:
		raise Wrong("Fulfillment not found.", 404)
	return Answer(200, {"fulfillment": shown_fulfilment(shop, found)})


@route("POST", FULFILMENTS)
def create_fulfilment(shop: Shop, request: Request, number: int) -> Answer:
	"""Rows of meta without an id are dropped without a word, and a status is needed. Quantities are not looked at."""
	checks.needed(request.given, "meta_data")
	order, given = _order(shop, number), request.given
	made = Fulfilment(0, order.id, False, "unfulfilled", shop.now())
	rows = [row for row in given["meta_data"] if "id" in row]
	if not given.get("status"):
		raise Wrong("Invalid fulfillment status.")
	_write(shop, made, str(given["status"]), rows)
	made.id = shop.new_id("fulfilment")
	shop.parcels[made.id] = made
	_tell_status(shop, order)
	if made.fulfilled and request.flag("notify_customer"):
		shop.mails.append(("fulfilment", order.id))
	return Answer(201, {"fulfillment": shown_fulfilment(shop, made)})


@route("WRITE", FULFILMENTS + r"/(\d+)")
def update_fulfilment(shop: Shop, request: Request, number: int, sent: int) -> Answer:
	"""Rows of meta that are not given are taken away."""
	checks.needed(request.given, "meta_data")
	order, given = _order(shop, number), request.given
	found = _known(shop, order, sent)
	if not found.deleted:
		_write(shop, found, str(given.get("status") or found.status), given["meta_data"])
		_tell_status(shop, order)
		if found.fulfilled and request.flag("notify_customer"):
			shop.mails.append(("fulfilment", order.id))
	return Answer(200, {"fulfillment": shown_fulfilment(shop, found)})


def _write(shop: Shop, sent: Fulfilment, status: str, rows: Sequence[Mapping[str, Any]]) -> None:
	values = {str(row["key"]): row["value"] for row in rows}
	_check_items(values.get("_items"))
	known = {row["key"]: row["id"] for row in sent.meta}
	sent.status = status if status in ("fulfilled", "unfulfilled") else "unfulfilled"
	sent.fulfilled, sent.updated = sent.status == "fulfilled", shop.now()
	if sent.fulfilled and "_date_fulfilled" not in values:
		values["_date_fulfilled"] = sent.value("_date_fulfilled") or local(shop.now(), shop.zone)
	sent.meta = [
		{"id": known.get(key) or shop.new_id("fulfilment meta"), "key": key, "value": value}
		for key, value in values.items()
	]


def _check_items(items: Any) -> None:
	if not items:
		raise Wrong("The fulfillment should contain at least one item.")
	if not isinstance(items, list):
		raise Wrong("The fulfillment items should be an array.")
	for item in items:
		line, quantity = item.get("item_id"), item.get("qty")
		if type(line) is not int or type(quantity) not in (int, float) or line <= 0 or quantity <= 0:
			raise Wrong("Invalid item.")


def _tell_status(shop: Shop, order: Order) -> None:
	"""How much is sent is kept with the order, whose status stays; where it changes the order is told of."""
	sent = {}
	for each in _of(shop, order):
		for item in each.items if each.fulfilled else ():
			sent[item["item_id"]] = sent.get(item["item_id"], 0) + item["qty"]
	whole = all(sent.get(line.id, 0) >= line.quantity for line in order.lines)
	status = "fulfilled" if whole else "partially_fulfilled" if sent else "unfulfilled"
	rows = {"_fulfillment_status": status} if _of(shop, order) else {}
	before = next((row["value"] for row in order.meta if row["key"] == "_fulfillment_status"), None)
	if rows.get("_fulfillment_status") != before:
		kept = [row for row in order.meta if row["key"] != "_fulfillment_status"]
		order.meta = [*kept, *shop.meta_rows(rows)]
		shop.changed(order)


@route("GET", FULFILMENTS + "/lookup")
def look_up(shop: Shop, request: Request, number: int) -> Answer:
	"""Whose a number is, by its form: the simulated shop knows no carrier's."""
	checks.needed(request.query, "tracking_number")
	_order(shop, number)
	return Answer(200, {"tracking_number_details": {}})


@route("DELETE", FULFILMENTS + r"/(\d+)")
def delete_fulfilment(shop: Shop, request: Request, number: int, sent: int) -> Answer:
	order = _order(shop, number)
	found = _known(shop, order, sent)
	found.deleted = found.deleted or shop.now()
	_tell_status(shop, order)
	return Answer(200, {"message": "Fulfillment deleted successfully."})


# --- plugins


def _of_plugin(shop: Shop, plugin: str, number: int) -> list[Tracking]:
	if plugin not in shop.plugins:
		raise no_route()
	if number not in shop.orders:
		raise ApiError("woocommerce_rest_order_invalid_id", "Invalid order ID.", 404)
	return shop.tracked.setdefault(number, [])


def _row(shop: Shop, given: Mapping[str, Any], order: int) -> Tracking:
	number = str(given.get("tracking_number") or "")
	if not number:
		raise ApiError(
			"rest_missing_callback_param", "Missing parameter(s): tracking_number", params=["tracking_number"]
		)
	seed = f"{given.get('tracking_provider') or given.get('custom_tracking_provider')}-{number}-{shop.new_id('tracking')}"
	return Tracking(
		hashlib.md5(seed.encode(), usedforsecurity=False).hexdigest(),
		number,
		str(given.get("custom_tracking_provider") or given.get("tracking_provider") or ""),
		str(given.get("custom_tracking_link") or ""),
		str(given.get("date_shipped") or f"{shop.now():%Y-%m-%d}"),
	)


def _shown(shop: Shop, row: Tracking, order: int, path: str) -> dict[str, Any]:
	base = f"{shop.home}wp-json/{path}/orders/{order}/shipment-trackings"
	return {
		"tracking_id": row.id,
		"tracking_provider": row.provider,
		"tracking_link": row.link,
		"tracking_number": row.number,
		"date_shipped": row.shipped,
		"_links": {
			"self": [{"href": f"{base}/{row.id}"}],
			"collection": [{"href": base}],
			"up": [{"href": shop.api(f"orders/{order}")}],
		},
	}


@route("GET", PLUGIN)
def list_trackings(shop: Shop, request: Request, number: int) -> Answer:
	rows = _of_plugin(shop, "shipment-tracking", number)
	return Answer(200, [_shown(shop, row, number, "wc-shipment-tracking/v3") for row in rows])


@route("POST", PLUGIN)
def create_tracking(shop: Shop, request: Request, number: int) -> Answer:
	rows = _of_plugin(shop, "shipment-tracking", number)
	rows.append(_row(shop, request.given, number))
	return Answer(201, _shown(shop, rows[-1], number, "wc-shipment-tracking/v3"))


@route("GET", AST)
def list_ast(shop: Shop, request: Request, number: int) -> Answer:
	return Answer(200, [_shown_ast(shop, row, number) for row in _of_plugin(shop, "ast", number)])


@route("POST", AST)
def create_ast(shop: Shop, request: Request, number: int) -> Answer:
	"""With `replace_tracking` the rows there were go; `status_shipped` 1 completes the order, 2 is for a part."""
	rows, given = _of_plugin(shop, "ast", number), request.given
	made = _row(shop, given, number)
	made.products = str(given.get("products") or given.get("sku") or "")
	if str(given.get("replace_tracking", "")) in ("1", "True", "true"):
		rows.clear()
	rows.append(made)
	if str(given.get("status_shipped", "")) == "1":
		shop.set_status(shop.orders[number], "completed")
	return Answer(201, _shown_ast(shop, made, number))


def _shown_ast(shop: Shop, row: Tracking, number: int) -> dict[str, Any]:
	return {**_shown(shop, row, number, "wc-ast/v3"), "products_list": row.products or None}


def delete_row(shop: Shop, plugin: str, number: int, tracking: str) -> Answer:
	rows = _of_plugin(shop, plugin, number)
	found = next((row for row in rows if row.id == tracking), None)
	if found is None:
		raise ApiError(
			"woocommerce_rest_order_shipment_tracking_invalid_id", "Invalid shipment tracking ID.", 404
		)
	rows.remove(found)
	return Answer(
		200, _shown(shop, found, number, "wc-ast/v3" if plugin == "ast" else "wc-shipment-tracking/v3")
	)
