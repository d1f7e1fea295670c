"""What ERPNext says of an order, told to its shop: cancellations, and how far it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from commerce_bridge.bridge.channel import Channel
from commerce_bridge.bridge.errors import Rejected
from commerce_bridge.bridge.model import Customer, InvoiceNotice, OrderChange, OrderStatus
from commerce_bridge.bridge.protocols import Check, PushResult
from commerce_bridge.connectors.shopify.client import ShopifyClient, UserError, user_errors
from commerce_bridge.connectors.shopify.documents.order_changes import (
	CANCEL,
	CANCELLATION,
	DELETE_METAFIELDS,
	INVOICE_FIELD,
	SET_METAFIELDS,
)
from commerce_bridge.connectors.shopify.ids import gid, number_of

#: Of everything we keep in the shop's own records.
NAMESPACE = "commerce_bridge"
_NOTE = "Cancelled in ERPNext"


def push_change(client: ShopifyClient, change: OrderChange) -> PushResult:
	"""Cancels an order, once.

	Nothing is refunded: that is decided where the money is booked. The goods are put back: Shopify keeps them
	committed to the order, and ERPNext, whose number it is, offers them again by now. The levels pushed next are
	absolute, so that nothing is counted twice.

	:raises Rejected: it cannot be cancelled, or it was edited: says what to do in Shopify
	"""
	order = client.run(CANCELLATION, {"id": gid("Order", change.order_id)})["order"]
	if order is None:
		raise Rejected(f"The shop has no order {change.order_id}: it was deleted, or the app may not see it")
	if change.kind == "edited":
		lines = ", ".join(f"{line.quantity.normalize():f} × {line.sku}" for line in change.lines)
		raise Rejected(
			f"Edit order {order['name']} in Shopify (Orders > {order['name']} > Edit): in ERPNext it holds"
			f" {lines or 'no lines'}. Shopify is not told of edits, for they change what the buyer pays"
		)
	if not order["cancelledAt"]:
		_cancel(client, order)
	return PushResult(change.order_id)


def _cancel(client: ShopifyClient, order: dict[str, Any]) -> None:
	payload = client.run(CANCEL, {"id": order["id"], "restock": True, "note": _NOTE})["orderCancel"]
	errors = [row["message"] for row in payload["orderCancelUserErrors"]]
	if errors:
		raise Rejected(
			f"Shopify does not cancel order {order['name']}: {'; '.join(errors)}. Take back in Shopify what keeps"
			" it (fulfilments, returns, payments under way), then retry; or cancel it there"
		)


def push_status(client: ShopifyClient, status: OrderStatus) -> PushResult:
	"""Writes into metafields of the order which document it is in ERPNext, and how far that is."""
	if not number_of(status.order_id):
		raise Rejected(
			f"{status.document} is no order of this shop: choose Own instead of All for Order Status of the channel"
		)
	owner = gid("Order", status.order_id)
	values = (
		("erpnext_order", "single_line_text_field", status.document),
		("erpnext_status", "single_line_text_field", status.status),
		("erpnext_delivered", "number_decimal", f"{status.delivered.normalize():f}"),
		("erpnext_billed", "number_decimal", f"{status.billed.normalize():f}"),
	)
	metafields = [
		{"ownerId": owner, "namespace": NAMESPACE, "key": key, "type": kind, "value": value}
		for key, kind, value in values
	]
	errors = user_errors(client.run(SET_METAFIELDS, {"metafields": metafields})["metafieldsSet"])
	if errors:
		told = "; ".join(map(str, errors))
		raise Rejected(f"Shopify did not take the status of order {status.order_number}: {told}")
	return PushResult(status.order_id)


def push_invoice(client: ShopifyClient, invoice: InvoiceNotice) -> PushResult:
	"""Writes into metafields of the order which invoice, and which credit note, it has in ERPNext; the link to its PDF
	where there is one. A cancelled one is taken out again, unless another took its place.

	:raises Rejected: Shopify does not take it
	"""
	if not number_of(invoice.order_id):
		raise Rejected(f"{invoice.id} is of no order of this shop")
	owner = gid("Order", invoice.order_id)
	key = "credit_note" if invoice.is_return else "invoice"
	if invoice.cancelled:
		return _forget_invoice(client, invoice, owner, key)
	values = [(key, "single_line_text_field", invoice.id)]
	values.append((f"{key}_total", "number_decimal", f"{invoice.total:f}"))
	if invoice.url:
		values.append((f"{key}_url", "url", invoice.url))
	metafields = [
		{"ownerId": owner, "namespace": NAMESPACE, "key": name, "type": kind, "value": value}
		for name, kind, value in values
	]
	_told_invoice(
		user_errors(client.run(SET_METAFIELDS, {"metafields": metafields})["metafieldsSet"]), invoice
	)
	return PushResult(invoice.id)


def _forget_invoice(client: ShopifyClient, invoice: InvoiceNotice, owner: str, key: str) -> PushResult:
	asked = {"id": owner, "namespace": NAMESPACE, "key": key}
	field = (client.run(INVOICE_FIELD, asked)["order"] or {}).get("metafield")
	if field and field["value"] == invoice.id:
		names = (key, f"{key}_total", f"{key}_url")
		rows = [{"ownerId": owner, "namespace": NAMESPACE, "key": name} for name in names]
		payload = client.run(DELETE_METAFIELDS, {"metafields": rows})["metafieldsDelete"]
		_told_invoice(user_errors(payload), invoice)
	return PushResult(invoice.id)


def _told_invoice(errors: Sequence[UserError], invoice: InvoiceNotice) -> None:
	if errors:
		told = "; ".join(map(str, errors))
		raise Rejected(f"Shopify did not take {invoice.id} of order {invoice.order_number}: {told}")


def push_customer(customer: Customer) -> PushResult:
	"""Never: Shopify is where customers of a Shopify shop change their data."""
	raise Rejected(
		"Customers are not written to Shopify, where they keep their own data: choose Nothing for Customers of the"
		" channel"
	)


def checks(channel: Channel) -> list[Check]:
	"""What the channel wants told and this shop is not: a line of the pre-flight check each."""
	lines = []
	if channel.events.customers != "Nothing":
		lines.append(
			("Customers are not written to Shopify, where they keep their own data", "Nothing for Customers")
		)
	if channel.events.order_status == "All":
		title = "Order Status is All, but an order of another channel has no place in this shop"
		lines.append((title, "Own for Order Status"))
	return [
		Check(False, title, f"Choose {choice}", doctype="Channel Settings", document=channel.name)
		for title, choice in lines
	]
