"""What ERPNext says of an order, told to its shop: cancellations, and edits of orders that nobody paid yet."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Literal

from commerce_bridge.bridge.channel import Channel
from commerce_bridge.bridge.errors import Rejected, Retryable
from commerce_bridge.bridge.model import Customer, OrderChange, OrderStatus
from commerce_bridge.bridge.protocols import Check, PushResult
from commerce_bridge.connectors.woocommerce.client import NotFound, WooCommerceClient
from commerce_bridge.connectors.woocommerce.shipments import order_path, slug
from commerce_bridge.connectors.woocommerce.tracking import rows_of

#: An order of these is no sale any more: there is nothing to cancel.
_VOID = frozenset({"cancelled", "refunded", "trash"})
_FIELDS = ("id", "number", "status", "is_editable", "line_items", "refunds")
#: Decimals in which amounts are read and written: WooCommerce keeps more than it shows.
_DECIMALS = 6


def push_change(client: WooCommerceClient, change: OrderChange) -> PushResult:
	"""Cancels an order, or changes how many of its lines were ordered; what is so already is not written again.

	Nothing is refunded: that is decided where the money is booked. WooCommerce puts the goods of a cancelled order
	back; the levels pushed next are absolute, so that nothing is counted twice.

	:raises Rejected: it cannot be edited: says what to do in WooCommerce
	"""
	order = _read(client, change.order_id)
	if change.kind == "cancelled":
		if order is not None and slug(order["status"]) not in _VOID:
			client.put(f"orders/{change.order_id}", {"status": "cancelled"}, _fields="id")
	elif order is None:
		raise Rejected(
			f"The shop has no order {change.order_number} any more: it was deleted there. Skip this entry"
		)
	else:
		_edit(client, change, order)
	return PushResult(change.order_id)


def push_status(client: WooCommerceClient, status: OrderStatus) -> PushResult:
	"""Nothing: an order's statuses in WooCommerce are the shop's own, and shipments move them (`shipments.py`). The
	pre-flight check says so."""
	return PushResult(status.order_id)


def push_customer(customer: Customer) -> PushResult:
	"""Never: a WooCommerce shop is where its customers change their data."""
	raise Rejected(
		"Customers are not written to WooCommerce, where they keep their own data: choose Nothing for Customers of"
		" the channel"
	)


def checks(channel: Channel) -> list[Check]:
	"""What the channel wants told and this shop is not: a line of the pre-flight check each."""
	lines: list[tuple[str, str, Literal["error", "warning"]]] = []
	if channel.events.customers != "Nothing":
		title = "Customers are not written to WooCommerce, where they keep their own data"
		lines.append((title, "Nothing for Customers", "error"))
	if channel.events.order_status != "Nothing":
		title = (
			"Order Status is not written to WooCommerce: shipments move the order's own (Status When Shipped)"
		)
		lines.append((title, "Nothing for Order Status", "warning"))
	return [
		Check(False, title, f"Choose {choice}", severity, "Channel Settings", channel.name)
		for title, choice, severity in lines
	]


def _read(client: WooCommerceClient, order_id: str) -> dict[str, Any] | None:
	try:
		order = client.get(f"orders/{order_path(order_id)}", _fields=list(_FIELDS), dp=_DECIMALS)
	except NotFound:
		return None
	if not isinstance(order, dict) or not order.get("status"):
		raise Retryable("The shop's order cannot be read: the answer is no order")
	return order


# --- edits ---------------------------------------------------------------------------------------------------


def _edit(client: WooCommerceClient, change: OrderChange, order: Mapping[str, Any]) -> None:
	"""Changes quantities at the price that each line has. ERPNext's rows without a line of the shop are shipping and
	fees."""
	ordered = {str(row.get("id")): row for row in rows_of(order.get("line_items"), "lines of an order")}
	wanted = _wanted(change)
	shown = {line: Decimal(str(row.get("quantity") or 0)) for line, row in ordered.items()}
	changed = {line: quantity for line, quantity in wanted.items() if shown.get(line) != quantity}
	missing = [line for line, quantity in shown.items() if quantity and line not in wanted]
	if not changed and not missing:
		return
	why_not = _why_not(order, changed, missing, shown)
	if why_not:
		raise Rejected(
			f"Edit order {order.get('number')} in WooCommerce: in ERPNext it holds {_told(change)}. It is not"
			f" written from here, for {why_not}"
		)
	lines = [_scaled(ordered[line], int(quantity)) for line, quantity in changed.items()]
	client.put(f"orders/{change.order_id}", {"line_items": lines}, _fields="id")


def _wanted(change: OrderChange) -> dict[str, Decimal]:
	wanted: Counter[str] = Counter()
	for line in change.lines:
		if line.order_line_id:
			wanted[line.order_line_id] += line.quantity  # type: ignore[assignment]
	return {line: Decimal(quantity) for line, quantity in wanted.items()}


def _why_not(
	order: Mapping[str, Any],
	changed: Mapping[str, Decimal],
	missing: list[str],
	shown: Mapping[str, Decimal],
) -> str:
	"""Why an edit is left to a person; "" where it is not."""
	if slug(order["status"]) in _VOID:
		return f"it is {slug(order['status'])} there: cancel it here too"
	if not order.get("is_editable"):
		return (
			f"WooCommerce lets no order be edited that is {slug(order['status'])}: refund there what is not sent, or"
			" set it On hold, retry, and set it back"
		)
	if order.get("refunds"):
		return "a part of it was refunded"
	if missing or any(line not in shown for line in changed):
		return "it has other lines than this"
	if any(quantity != int(quantity) or quantity <= 0 for quantity in changed.values()):
		return "WooCommerce takes whole units, and at least one of each line"
	return "a line of it has no quantity there" if any(not shown[line] for line in changed) else ""


def _scaled(row: Mapping[str, Any], quantity: int) -> dict[str, Any]:
	"""The line with another quantity. WooCommerce would keep its total."""
	before = Decimal(str(row["quantity"]))
	amounts = {
		name: format(
			(Decimal(str(row[name])) * quantity / before).quantize(Decimal(1).scaleb(-_DECIMALS)), "f"
		)
		for name in ("subtotal", "total")
	}
	return {"id": row["id"], "quantity": quantity, **amounts}


def _told(change: OrderChange) -> str:
	lines = ", ".join(f"{line.quantity.normalize():f} × {line.sku}" for line in change.lines)
	return re.sub(r"\s+", " ", lines) or "no lines"
