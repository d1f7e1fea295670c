"""Tells a shop of a shipment, in the way it has, then moves the order's status by the channel's policy.

Goods that came back change nothing in the shop: they were sent, and what became of them is told by a refund. A
shipment that is taken back disappears from the order, whose status stays: a person decides what it is now.

WooCommerce mails the buyer for some statuses, "completed" first of all. That is a setting of the shop
(WooCommerce > Settings > Emails); the channel's policy on mails covers fulfilments and notes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from commerce_bridge.bridge.channel import Channel
from commerce_bridge.bridge.errors import Rejected, Retryable
from commerce_bridge.bridge.model import Shipment
from commerce_bridge.bridge.protocols import PushResult
from commerce_bridge.connectors.woocommerce.client import NoRoute, NotFound, Refused, WooCommerceClient
from commerce_bridge.connectors.woocommerce.facts import Tracking, facts_of, probe
from commerce_bridge.connectors.woocommerce.fulfilments import Fulfilments
from commerce_bridge.connectors.woocommerce.notes import Notes
from commerce_bridge.connectors.woocommerce.shop import misconfigured
from commerce_bridge.connectors.woocommerce.tracking import ShopOrder, TrackingPlugin, Way, rows_of

#: From these an order is moved on; from one of the shop's own making only by a shipment it was not told of before.
_BEFORE = frozenset({"pending", "on-hold", "processing"})
#: From these it is not moved at all.
_OVER = frozenset({"completed", "cancelled", "refunded", "failed", "trash", "checkout-draft", "auto-draft"})
_WAYS: dict[Tracking, Callable[[WooCommerceClient, Channel], Way]] = {
	"Fulfilments of WooCommerce": Fulfilments,
	"Shipment Tracking": lambda client, channel: TrackingPlugin(client, channel, advanced=False),
	"Advanced Shipment Tracking": lambda client, channel: TrackingPlugin(client, channel, advanced=True),
	"Notes": Notes,
}


def push(client: WooCommerceClient, channel: Channel, shipment: Shipment) -> PushResult:
	"""Tells of a shipment, or of what changed of one that was told; nothing twice, whatever was told before.

	:raises Rejected: the shop would not take it; says what a person can do
	:raises Misconfigured: the shop does not know the status that the channel wants
	"""
	order = read_order(client, shipment.order_id)
	if order is None and shipment.cancelled:
		return PushResult(shipment.id)  # it went with its order
	if order is None:
		raise Rejected(
			f"The shop has no order {shipment.order_number} any more: it was deleted there. Skip this entry"
		)
	_refuse_void(order, shipment)
	ids = _tell(client, channel, order, shipment)
	if not shipment.cancelled and shipment.status != "returned":
		_move_on(client, channel, order, shipment)
	return PushResult(shipment.id, external_ids=ids)


def read_order(client: WooCommerceClient, order_id: str) -> ShopOrder | None:
	"""None where the shop has no such order, not even in its trash."""
	try:
		order = client.get(f"orders/{order_path(order_id)}", _fields=["id", "number", "status", "line_items"])
	except NotFound:
		return None
	if not isinstance(order, dict) or not order.get("status"):
		raise Retryable("The shop's order cannot be read: the answer is no order")
	return ShopOrder(
		id=order_id,
		number=str(order.get("number") or order_id),
		status=slug(order["status"]),
		lines={str(row.get("id")): _whole(row.get("quantity")) for row in _lines(order)},
	)


def order_path(order_id: str) -> str:
	"""The id of an order, as it may stand in an address. Raises `Rejected` where it is none."""
	if not re.fullmatch(r"[0-9]{1,19}", order_id):
		raise Rejected(f"{order_id[:40]!r} is no order of a WooCommerce shop")
	return order_id


def slug(status: str) -> str:
	"""A status as the REST API calls it, whatever a person or a plugin calls it: "wc-shipped" is "shipped"."""
	return "-".join(str(status).split()).lower().removeprefix("wc-")


def may_move(current: str, target: str, channel: Channel, told: bool) -> bool:
	"""Whether a status is moved on to another: never back, and never what a person made of a told order.

	:param told: the shop knew of the shipment before
	"""
	if current in (target, slug(channel.shipped.whole)) or current in _OVER:
		return False
	return current in _BEFORE or current == slug(channel.shipped.part) or not told


def _lines(order: dict[str, Any]) -> list[dict[str, Any]]:
	return rows_of(order.get("line_items") or [], "lines of an order")


def _whole(quantity: Any) -> int:
	return int(quantity) if quantity else 0


def _refuse_void(order: ShopOrder, shipment: Shipment) -> None:
	"""What was told before may still change: the parcel is on its way."""
	if shipment.cancelled or shipment.external_ids:
		return
	if order.status == "trash":
		raise Rejected(
			f"Order {order.number} is in the trash of WooCommerce: restore it there and retry, or cancel the"
			" delivery here"
		)
	if order.status == "cancelled":
		raise Rejected(
			f"Order {order.number} is cancelled in WooCommerce: cancel the delivery here, or set the order to"
			" Processing there and retry"
		)


def _tell(
	client: WooCommerceClient, channel: Channel, order: ShopOrder, shipment: Shipment
) -> tuple[str, ...]:
	"""In the way that is known of the shop; where it is gone from there, in the one that the shop has now."""
	known = facts_of(client).tracking
	try:
		return _tell_by(_WAYS[known](client, channel), order, shipment)
	except NoRoute:
		now = probe(client).tracking
		if now == known:
			raise
		return _tell_by(_WAYS[now](client, channel), order, shipment)


def _tell_by(way: Way, order: ShopOrder, shipment: Shipment) -> tuple[str, ...]:
	return way.withdraw(order, shipment) if shipment.cancelled else way.tell(order, shipment)


def _move_on(client: WooCommerceClient, channel: Channel, order: ShopOrder, shipment: Shipment) -> None:
	fieldname = "shipped_status" if shipment.complete else "partly_shipped_status"
	target = slug(channel.shipped.whole if shipment.complete else channel.shipped.part)
	if not target or not may_move(order.status, target, channel, bool(shipment.external_ids)):
		return
	try:
		client.put(f"orders/{order.id}", {"status": target}, _fields="id")
	except Refused as error:
		if error.code != "rest_invalid_param":
			raise
		raise misconfigured(
			channel,
			f"The shop has no order status {target!r}: choose one of WooCommerce's (completed), or the slug of one"
			" that a plugin of the shop adds",
			fieldname,
		) from None
