"""From what Shopify sends to the canonical model: one way for webhooks and for what was asked over GraphQL.

An order read over GraphQL is written in the webhook's form first (`order_nodes`), so that the same order gives
the same Sales Order whichever way it came. How its amounts come about: `amounts`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from decimal import Context, Decimal, localcontext
from typing import Any

from commerce_bridge.bridge import model, strict_json
from commerce_bridge.bridge.errors import BadRequest, Rejected
from commerce_bridge.connectors.shopify import amounts, customers, payloads, products, refunds, returns
from commerce_bridge.connectors.shopify.amounts import Part
from commerce_bridge.connectors.shopify.ids import gid, id_of, kind_of, number_of
from commerce_bridge.connectors.shopify.payloads import (
	Object,
	Time,
	Wire,
	required_id,
	validated,
)
from commerce_bridge.connectors.shopify.payments import payments_of, steps_of

#: Topics whose payload is an order, whole.
ORDER_TOPICS = frozenset(
	f"orders/{what}"
	for what in ("create", "updated", "paid", "cancelled", "fulfilled", "partially_fulfilled")
)
#: What `orders_since` and the engine's own hand on: an id, and how new what it stands for is.
CHANGED = "orders/changed"
PAID = "order_transactions/create"
NOT_BOOKED = "not booked: the channel has no Payment Methods"
#: What says of an order that money or goods of it moved. None of it changes the order's `updated_at` for sure.
PARTS_OF_ORDER = frozenset(
	{
		"refunds/create",
		PAID,
		*(
			f"returns/{what}"
			for what in (
				"approve",
				"cancel",
				"close",
				"decline",
				"process",
				"reopen",
				"request",
				"update",
			)
		),
	}
)
#: Topics that bring the order, without what was paid where it is not asked for: those, and those for which it is
#: fetched.
WHOLE_ORDER_TOPICS = ORDER_TOPICS | {
	CHANGED,
	"orders/edited",
	"fulfillments/create",
	"fulfillments/update",
	"fulfillment_orders/moved",
}
#: Line id → location id → how much of it that location is to send.
Assigned = Mapping[str, Mapping[str, int]]
#: Amounts of people's making fit Python's 28 digits; those of an attacker shall not overflow them.
_WIDE = Context(prec=80)
#: Financial statuses of an order whose money is not there any more.
_MONEY_GONE: Mapping[str, Any] = {"refunded": "refunded", "voided": "voided"}
_SENT = frozenset({"success"})
_NOT_SENT = frozenset({"cancelled", "error", "failure"})


class Edit(Wire):
	order_id: Any = None
	committed_at: Time | None = None


class Edited(Wire):
	order_edit: Edit


class OfOrder(Wire):
	order_id: Any = None
	updated_at: Time | None = None


class OfReturn(Wire):
	order: Object | None = None
	order_id: Any = None


class Moved(Wire):
	moved_fulfillment_order: Object | None = None
	original_fulfillment_order: Object | None = None


def parse(
	topic: str,
	payload: str,
	several_locations: bool = False,
	books_refunds: bool = False,
	books_payments: bool = False,
) -> model.Event:
	"""A stored payload as the canonical model.

	A webhook of an order does not say what was paid; nor of a refund in which currency its money is, and of which
	return it is. Where that is booked, the order is asked for, whole.

	:param several_locations: lines are sent from more than one warehouse: which, Shopify has to be asked
	:param books_refunds: see `to_order`
	:param books_payments: what was paid matters
	:raises Rejected: names the fields that are wrong, never their values
	"""
	try:
		data = strict_json.loads(payload.encode("utf-8", "surrogatepass"))
	except BadRequest as error:
		raise Rejected(f"Shopify's {topic}: {error}") from None
	if topic in ORDER_TOPICS:
		order = to_order(data, books_refunds=books_refunds)
		lacking = books_payments or (bool(order.refunds) and books_refunds)
		incomplete = several_locations or (lacking and not is_whole(data))
		return model.Event(type=topic, data=order, incomplete=incomplete)
	if topic == PAID and not books_payments:
		return model.Event(type=topic, incomplete=True, reason=NOT_BOOKED)
	if topic.startswith("products/") and topic != "products/delete":
		product, whole = products.to_product(data)
		return model.Event(type=topic, data=product, incomplete=not whole)
	read = _READERS.get(topic)
	found = read(data) if read else None
	return model.Event(type=topic, data=found, incomplete=isinstance(found, _ASKED_FOR))


def is_whole(payload: Object) -> bool:
	"""Whether an order's payload was asked for, with all of its money: webhooks say nothing of what was paid, and
	what earlier versions asked for nothing of returns, and of the money of refunds."""
	return all(isinstance(payload.get(name), list) for name in ("transactions", "returns"))


# --- references ------------------------------------------------------------------------------------------


def _changed(payload: Object) -> model.OrderReference:
	wire = validated(OfOrder, payload, "change")
	return model.OrderReference(id=required_id(payload, "Order", "This order"), updated_at=wire.updated_at)


def _edited(payload: Object) -> model.OrderReference:
	edit = validated(Edited, payload, "edit").order_edit
	return _reference(edit.order_id, edit.committed_at, "edit")


def _of_order(payload: Object) -> model.OrderReference:
	wire = validated(OfOrder, payload, "fulfilment")
	return _reference(wire.order_id, wire.updated_at, "fulfilment")


def _part_of_order(payload: Object) -> model.OrderReference:
	"""It names its order only: how new that is, it does not say."""
	wire = validated(OfReturn, payload, "event")
	return _reference(id_of(wire.order, "Order") or wire.order_id, None, "event")


def _moved(payload: Object) -> model.OrderReference:
	"""A move names fulfilment orders, and no order: which it is of, is asked for. It changes no `updated_at`."""
	wire = validated(Moved, payload, "move")
	for named in (wire.moved_fulfillment_order, wire.original_fulfillment_order):
		global_id = named and named.get("id")
		if kind_of(global_id) == "FulfillmentOrder":
			return model.OrderReference(id=str(global_id))
		number = number_of(global_id)
		if number:
			return model.OrderReference(id=gid("FulfillmentOrder", number))
	raise Rejected("This move of Shopify names no fulfilment order")


def _reference(order_id: Any, updated_at: datetime | None, what: str) -> model.OrderReference:
	number = number_of(order_id)
	if number is None:
		raise Rejected(f"This {what} of Shopify does not say of which order it is")
	return model.OrderReference(id=number, updated_at=updated_at)


#: What its payload does not prove, or does not hold.
_ASKED_FOR = (model.OrderReference, model.Uninstalled)
_READERS: Mapping[str, Callable[[Object], model.EventData]] = {
	CHANGED: _changed,
	"orders/edited": _edited,
	"fulfillments/create": _of_order,
	"fulfillments/update": _of_order,
	"fulfillment_orders/moved": _moved,
	**dict.fromkeys(PARTS_OF_ORDER, _part_of_order),
	"customers/create": customers.to_customer,
	"customers/update": customers.to_customer,
	"products/delete": products.to_deletion,
	"inventory_levels/update": products.to_level,
	"app/uninstalled": lambda payload: model.Uninstalled(),
	"customers/redact": customers.to_redaction,
	"shop/redact": customers.to_shop_redaction,
	"customers/data_request": customers.to_data_request,
}


# --- orders ----------------------------------------------------------------------------------------------


def to_order(payload: Object, assigned: Assigned | None = None, books_refunds: bool = False) -> model.Order:
	"""The canonical order, in the currency of the shop.

	An order of which nothing is left, all of it refunded or edited away, is cancelled here as there; so is one
	whose goods and money are both gone, whatever total Shopify still shows.

	:param assigned: which location sends how much of each line, where that was asked
	:param books_refunds: money that was given back is booked: the order is less by all of it, see `refunds`
	:raises Rejected: what is missing, or makes no sense
	"""
	wire = validated(payloads.Order, payload, "order")
	with localcontext(_WIDE):
		return _order(wire, payload, assigned or {}, books_refunds)


def _order(wire: payloads.Order, payload: Object, assigned: Assigned, books_refunds: bool) -> model.Order:
	unit = amounts.unit_of(wire.currency)
	raw_lines = payload["line_items"]
	ids = _line_ids(raw_lines)
	left = _left(wire, ids, unit)
	rows = [row for row in zip(wire.line_items, left, ids, raw_lines, strict=True)]
	sold = [row for row in rows if row[0].tip_payment_gateway is None]
	fees = [_tip(line, part) for line, part, *_raw in rows if line.tip_payment_gateway is not None]
	has_tip = bool(fees)
	tips = {line_id for line, _part, line_id, _raw in rows if line.tip_payment_gateway is not None}
	fees += amounts.duties_of(wire, unit) + amounts.additional_fees_of(wire, unit)
	shipping = _shipping(wire, payload, unit)
	total = amounts.settle(
		wire, [part for _line, part, *_raw in sold], [part for _line, part in shipping], fees, has_tip, unit
	)
	counter = number_of(wire.location_id) if wire.source_name == "pos" else None
	lines: list[model.OrderLine] = []
	for line, part, line_id, raw in sold:
		lines += _lines(line, part, line_id, raw, assigned.get(line_id) or {}, counter, unit)
	line_ids = {line.id for line in lines}
	given_back, total = _refunds(wire, payload, rows, fees, line_ids, total, unit, books_refunds)
	status = (wire.financial_status or "").lower()
	goods_left = any(part.quantity for _line, part, *_raw in sold)
	nothing_left = bool(left) and (
		not goods_left if status == "refunded" else not wire.total and not any(part.quantity for part in left)
	)
	return model.Order(
		id=required_id(payload, "Order", "This order"),
		number=wire.name or str(wire.order_number or ""),
		updated_at=wire.updated_at,
		placed_at=wire.processed_at or wire.created_at,
		status=status,
		money_gone=_MONEY_GONE.get(status) if goods_left else None,
		cancelled=wire.cancelled_at is not None or nothing_left,
		currency=wire.currency,
		prices_include_tax=wire.taxes_included,
		customer=customers.buyer_of(wire, payload),
		billing_address=customers.address_of(wire.billing_address),
		shipping_address=customers.address_of(wire.shipping_address),
		lines=tuple(lines),
		shipping=tuple(
			model.ShippingLine(
				code=line.code or None, title=line.title or None, amount=part.amount, taxes=part.taxes()
			)
			for line, part in shipping
		),
		fees=tuple(fee.fee() for fee in fees if fee.part.amount or fee.part.charges),
		payments=_payments(wire, payload, status) if wire.transactions else (),
		refunds=given_back,
		refunds_deducted=bool(given_back),
		returns=returns.returns_of(wire, payload) if is_whole(payload) else (),
		fulfilments=_fulfilments(wire, payload, line_ids, tips) if wire.fulfillments else (),
		test=wire.test,
		total=total,
		note=wire.note or None,
		custom=payload,
	)


def _left(wire: payloads.Order, ids: Iterable[str], unit: Decimal) -> list[Part]:
	taken = amounts.taken_from_lines(wire) if wire.refunds else {}
	lines = zip(wire.line_items, ids, strict=True)
	return [amounts.left_of_line(line, taken.get(line_id), unit) for line, line_id in lines]


def _payments(wire: payloads.Order, payload: Object, status: str) -> tuple[model.Payment, ...]:
	steps = steps_of(wire.transactions, payload.get("transactions"))
	return payments_of(steps, wire.currency, status == "voided")


def _line_ids(raw_lines: Iterable[Object]) -> list[str]:
	ids = [required_id(raw, "LineItem", f"line_items[{index}]") for index, raw in enumerate(raw_lines)]
	if len(set(ids)) != len(ids):
		raise Rejected(
			"Two lines of this order have the same id. Let Shopify send it again, or fetch it anew."
		)
	return ids


def _tip(line: payloads.Line, part: Part) -> amounts.NamedPart:
	return amounts.NamedPart("tip", line.title or line.name or "Tip", part)


def _shipping(wire: payloads.Order, payload: Object, unit: Decimal) -> list[tuple[payloads.Shipping, Part]]:
	"""Removed shipping lines stay in the payload; they are not part of the order any more.

	https://shopify.dev/changelog/add-and-remove-shipping-lines-with-new-mutations-on-the-order-editing-api
	"""
	if not wire.shipping_lines:
		return []
	taken = amounts.taken_from_shipping(wire) if wire.refunds else {}
	return [
		(line, amounts.left_of_shipping(line, taken.get(id_of(raw, "ShippingLine") or ""), unit))
		for line, raw in zip(wire.shipping_lines, payload["shipping_lines"], strict=True)
		if not line.is_removed
	]


def _lines(
	line: payloads.Line,
	part: Part,
	line_id: str,
	raw: Object,
	assigned: Mapping[str, int],
	counter: str | None,
	unit: Decimal,
) -> list[model.OrderLine]:
	"""One line, or one for each location that sends a part of it: `<id>`, `<id>:<location>`."""
	places = _places(assigned, part.quantity)
	if len(places) < 2:
		return [_line(line, part, line_id, raw, next(iter(places), counter), unit)]
	share = amounts.shares(part.amount, places, unit)
	taxes = [amounts.shares(charge.amount, places, unit) for charge in part.charges]
	return [
		_line(
			line,
			Part(
				quantity,
				share[place],
				[
					amounts.Charge(charge.title, charge.code, charge.rate, shared[place])
					for charge, shared in zip(part.charges, taxes, strict=True)
				],
			),
			line_id if not number else f"{line_id}:{place}",
			raw,
			place,
			unit,
		)
		for number, (place, quantity) in enumerate(places.items())
	]


def _places(assigned: Mapping[str, int], quantity: int) -> dict[str, int]:
	"""How much each location sends of what counts still. What no location has is the first one's."""
	places: dict[str, int] = {}
	left = quantity
	for place in sorted(assigned, key=int):
		places[place] = min(assigned[place], left)
		left -= places[place]
	places = {place: count for place, count in places.items() if count} or dict.fromkeys(places, 0)
	if left and places:
		places[next(iter(places))] += left
	return places


def _line(
	line: payloads.Line, part: Part, line_id: str, raw: Object, location_id: str | None, unit: Decimal
) -> model.OrderLine:
	quantity = Decimal(part.quantity)
	product_id, variant_id = number_of(line.product_id), number_of(line.variant_id)
	return model.OrderLine(
		id=line_id,
		product_id=product_id,
		variant_id=variant_id,
		sku=line.sku or None,
		name=line.name or line.title or None,
		quantity=quantity,
		unit_price=amounts.fit(line.price, unit),
		discount=amounts.fit(quantity * line.price - part.amount, unit),
		total=part.amount,
		taxes=part.taxes(),
		location_id=location_id,
		kind=_kind(line, product_id, variant_id),
		custom=raw,
	)


def _kind(line: payloads.Line, product_id: str | None, variant_id: str | None) -> Any:
	"""A line that was typed in has no product, SKU or vendor. One whose product was deleted since has no product
	either, but keeps the rest: that one is still found by its SKU, or missed by name."""
	if line.gift_card:
		return "gift_card"
	return "product" if product_id or variant_id or line.sku or line.vendor else "custom"


# --- refunds ---------------------------------------------------------------------------------------------


def _refunds(
	wire: payloads.Order,
	payload: Object,
	rows: Iterable[tuple[payloads.Line, Part, str, Object]],
	fees: list[amounts.NamedPart],
	line_ids: set[str],
	total: Decimal,
	unit: Decimal,
	booked: bool,
) -> tuple[tuple[model.Refund, ...], Decimal]:
	"""The refunds, and the total such that both agree: see `refunds`."""
	if not wire.refunds:
		return (), total
	lines = [
		refunds.Position(
			line_id, amounts.ordered_line(line, unit), part, tip=line.tip_payment_gateway is not None
		)
		for line, part, line_id, _raw in rows
	]
	shipping = [
		refunds.Position(
			id_of(raw, "ShippingLine") or "",
			amounts.ordered_shipping(line, unit),
			Part(1, amounts.ZERO),
			line.title or "",
			line.code or None,
		)
		for line, raw in zip(wire.shipping_lines or (), payload.get("shipping_lines") or (), strict=True)
	]
	deducted = -sum((fee.part.amount for fee in fees if fee.code == amounts.DISCREPANCY), amounts.ZERO)
	found, owed = refunds.refunds_of(wire, payload, lines, shipping, deducted, line_ids, unit, booked)
	if owed:
		fees.append(
			amounts.NamedPart(amounts.DISCREPANCY, "Refund discrepancy", Part(1, amounts.fit(-owed, unit)))
		)
	return found, amounts.fit(total - owed, unit)


# --- fulfilments -----------------------------------------------------------------------------------------


def _fulfilments(
	wire: payloads.Order, payload: Object, line_ids: set[str], tips: set[str]
) -> tuple[model.Fulfilment, ...]:
	"""What was sent, and what was taken back. One that a warehouse has yet to accept is neither. Tips are no goods."""
	order_id = required_id(payload, "Order", "This order")
	found = []
	for row, raw in zip(wire.fulfillments or (), payload["fulfillments"], strict=True):
		status = (row.status or "success").lower()
		if status in _SENT or status in _NOT_SENT:
			location_id = number_of(row.location_id)
			sent = (_fulfilled(line, location_id, line_ids) for line in row.line_items or ())
			found.append(
				model.Fulfilment(
					id=required_id(raw, "Fulfillment", "A fulfilment"),
					order_id=order_id,
					lines=tuple(line for line in sent if line.order_line_id not in tips),
					location_id=location_id,
					parcels=_parcels(row),
					cancelled=status in _NOT_SENT,
					updated_at=row.updated_at or row.created_at or wire.updated_at,
					fulfilled_at=row.created_at,
				)
			)
	return tuple(found)


def _fulfilled(raw: Object, location_id: str | None, line_ids: set[str]) -> model.FulfilledLine:
	wire = validated(payloads.FulfilmentLine, raw, "fulfilment")
	line_id = required_id(raw, "LineItem", "A line of a fulfilment")
	split = f"{line_id}:{location_id}"
	return model.FulfilledLine(
		order_line_id=split if split in line_ids else line_id, quantity=Decimal(wire.quantity or 0)
	)


def _parcels(row: payloads.Fulfilment) -> tuple[model.Parcel, ...]:
	numbers = row.tracking_numbers or ([row.tracking_number] if row.tracking_number else [])
	urls = row.tracking_urls or ([row.tracking_url] if row.tracking_url else [])
	delivered = (row.shipment_status or "").lower() == "delivered"
	count = max(len(numbers), len(urls), 1 if row.tracking_company else 0)
	return tuple(
		model.Parcel(
			carrier=row.tracking_company or None,
			tracking_number=(numbers[index] or None) if index < len(numbers) else None,
			tracking_url=(urls[index] or None) if index < len(urls) else None,
			delivered=delivered,
		)
		for index in range(count)
	)
