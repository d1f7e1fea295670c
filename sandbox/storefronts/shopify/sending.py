"""Fulfilment mutations, with the refusals a live shop was seen to give."""

from __future__ import annotations

from typing import Any

from sandbox.storefronts.shopify.mutations import Args, Payload, failed, mutation, wrong
from sandbox.storefronts.shopify.queries import fulfilment, fulfilment_order, number
from sandbox.storefronts.shopify.sales import FulfilmentOrder, FulfilmentOrderLine, Parcel
from sandbox.storefronts.shopify.shop import first

Part = tuple[FulfilmentOrder, FulfilmentOrderLine, int]


@mutation("fulfillmentCreate")
def create(shop: Any, args: Args) -> Payload:
	given = args["fulfillment"]
	groups = given["lineItemsByFulfillmentOrder"]
	error = _wrong_quantity(groups) or _wrong_orders(shop, groups)
	if error:
		return failed(error, fulfillment=None)
	parts: list[Part] = []
	for group in groups:
		found, message = _parts(fulfilment_order(shop, group["fulfillmentOrderId"]), group)
		if message:
			return failed(wrong("fulfillment", message), fulfillment=None)
		parts += found
	sent = shop.send(parts, _parcels(given.get("trackingInfo")), bool(given.get("notifyCustomer")))
	return {"fulfillment": sent, "userErrors": []}


def _wrong_quantity(groups: list[dict[str, Any]]) -> dict[str, Any] | None:
	for index, group in enumerate(groups):
		for row_index, row in enumerate(group.get("fulfillmentOrderLineItems") or ()):
			if row["quantity"] <= 0:
				path = (
					f"fulfillment.lineItemsByFulfillmentOrder.{index}.fulfillmentOrderLineItems.{row_index}"
				)
				return wrong(f"{path}.quantity", "Quantity must be greater than 0")
	return None


def _wrong_orders(shop: Any, groups: list[dict[str, Any]]) -> dict[str, Any] | None:
	found = [fulfilment_order(shop, group["fulfillmentOrderId"]) for group in groups]
	if not found or any(each is None for each in found):
		return wrong("fulfillment", "Fulfillment order does not exist.")
	rows = [each for each in found if each is not None]
	orders = sorted({each.order.id for each in rows})
	if len(orders) > 1:
		return wrong(
			"fulfillment",
			f"All fulfillment orders must belong to the same order. Multiple orders with ids {orders} were found.",
		)
	locations = sorted({each.location.id for each in rows})
	if len(locations) > 1:
		return wrong(
			"fulfillment",
			"All fulfillment orders must be assigned to a single location."
			f" Multiple locations with ids {locations} were found.",
		)
	closed = first(rows, lambda each: each.status not in ("OPEN", "IN_PROGRESS"))
	if closed:
		return wrong(
			"fulfillment",
			f"Fulfillment order {closed.id} has an unfulfillable status= {closed.status.lower()}.",
		)
	return None


def _parts(order: FulfilmentOrder | None, group: dict[str, Any]) -> tuple[list[Part], str]:
	assert order is not None
	rows = group.get("fulfillmentOrderLineItems")
	if not rows:
		return [(order, part, part.remaining) for part in order.lines if part.remaining], ""
	parts: list[Part] = []
	for row in rows:
		part = first(order.lines, lambda each: each.id == number(row["id"]))  # noqa: B023
		if part is None:
			return [], "Fulfillment order line item does not exist."
		if row["quantity"] > part.remaining:
			return [], "Invalid fulfillment order line item quantity requested."
		parts.append((order, part, row["quantity"]))
	return parts, ""


def _parcels(given: dict[str, Any] | None) -> list[Parcel]:
	if not given:
		return []
	numbers = given.get("numbers") or ([given["number"]] if given.get("number") else [])
	urls = given.get("urls") or ([given["url"]] if given.get("url") else [])
	count = max(len(numbers), len(urls), 1 if given.get("company") else 0)
	return [
		Parcel(
			given.get("company"),
			numbers[index] if index < len(numbers) else None,
			urls[index] if index < len(urls) else None,
		)
		for index in range(count)
	]


@mutation("fulfillmentTrackingInfoUpdate")
def update_tracking(shop: Any, args: Args) -> Payload:
	sent = fulfilment(shop, args["fulfillmentId"])
	if sent is None:
		return failed(wrong("fulfillmentId", "Fulfillment does not exist."), fulfillment=None)
	if sent.status == "CANCELLED":
		return failed(
			wrong("fulfillmentId", "Fulfillment is cancelled and its tracking cannot be updated."),
			fulfillment=None,
		)
	shop.track(sent, _parcels(args["trackingInfoInput"]), bool(args.get("notifyCustomer")))
	return {"fulfillment": sent, "userErrors": []}


@mutation("fulfillmentCancel")
def cancel(shop: Any, args: Args) -> Payload:
	sent = fulfilment(shop, args["id"])
	if sent is None:
		return failed(wrong("id", "Fulfillment not found."), fulfillment=None)
	if sent.status == "CANCELLED":
		return failed(wrong("id", "Fulfillment is already cancelled."), fulfillment=sent)
	shop.cancel_fulfilment(sent)
	return {"fulfillment": sent, "userErrors": []}


@mutation("fulfillmentOrderMove")
def move(shop: Any, args: Args) -> Payload:
	original = fulfilment_order(shop, args["id"])
	location = shop.locations.get(number(args["newLocationId"]))
	empty = {
		"movedFulfillmentOrder": None,
		"originalFulfillmentOrder": None,
		"remainingFulfillmentOrder": None,
	}
	if original is None:
		return failed(
			wrong("id", "Fulfillment order does not exist.", "FULFILLMENT_ORDER_NOT_FOUND"), **empty
		)
	if location is None:
		return failed(wrong("newLocationId", "Location not found.", "LOCATION_NOT_FOUND"), **empty)
	if original.status != "OPEN" or location is original.location:
		return failed(wrong(None, "The fulfillment order cannot be moved."), **empty)
	arrived = shop.move(original, location)
	return {
		"movedFulfillmentOrder": arrived,
		"originalFulfillmentOrder": original,
		"remainingFulfillmentOrder": None,
		"userErrors": [],
	}


@mutation("orderCancel")
def cancel_order(shop: Any, args: Args) -> Payload:
	"""A job in the real one; done at once here."""
	order = shop.orders.get(number(args["orderId"]))
	message = None
	if order is None:
		message = ("Order does not exist", "NOT_FOUND")
	elif order.cancelled_at:
		message = ("Cannot cancel an order that has already been canceled", "INVALID")
	elif order.fulfilment_status != "UNFULFILLED":
		message = ("Cannot cancel an order that has fulfillments", "INVALID")
	if message:
		errors = [{"field": ["orderId"], "message": message[0], "code": message[1]}]
		return {"job": None, "orderCancelUserErrors": errors, "userErrors": errors}
	refund = bool(args.get("refund")) or bool(
		(args.get("refundMethod") or {}).get("originalPaymentMethodsRefund")
	)
	shop.cancel_order(order, args["reason"].lower(), args["restock"], refund)
	job = {"id": f"gid://shopify/Job/{shop.new_id('job')}", "done": True}
	return {"job": job, "orderCancelUserErrors": [], "userErrors": []}


@mutation("orderUpdate")
def update_order(shop: Any, args: Args) -> Payload:
	given = args["input"]
	order = shop.orders.get(number(given["id"]))
	if order is None:
		return failed(wrong("id", "Order does not exist"), order=None)
	changed = {name: given[name] for name in ("note", "tags", "email") if name in given}
	shop.edit_order(order, **changed)
	return {"order": order, "userErrors": []}


@mutation("orderMarkAsPaid")
def mark_paid(shop: Any, args: Args) -> Payload:
	order = shop.orders.get(number(args["input"]["id"]))
	if order is None:
		return failed(wrong("id", "Order does not exist"), order=None)
	if order.outstanding <= 0 or order.cancelled_at:
		return failed(wrong("id", "Order cannot be marked as paid."), order=order)
	shop.pay(order)
	return {"order": order, "userErrors": []}
