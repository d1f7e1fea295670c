"""Money of a credit note given back in the shop: once, to where it came from.

A refund is known again by its note, which names the credit note; and, should an answer get lost, by a key that is
made of the same name, so that a repetition can never be a second refund, whatever else of the order changed.
https://shopify.dev/docs/api/admin-graphql/2026-10/mutations/refundCreate

Goods are never restocked by it (`NO_RESTOCK`): ERPNext counts them, and sends the levels.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from commerce_bridge.bridge.channel import Channel
from commerce_bridge.bridge.errors import Rejected, Retryable
from commerce_bridge.bridge.model import RefundRequest
from commerce_bridge.bridge.money import decimals_of, minor_unit, parse_decimal, written
from commerce_bridge.bridge.protocols import PushResult
from commerce_bridge.connectors.shopify.client import ShopifyClient, user_errors
from commerce_bridge.connectors.shopify.documents.refunding import REFUND, REFUNDABLE, REFUNDABLE_LINES
from commerce_bridge.connectors.shopify.ids import gid, legacy_id

_MARK = "ERPNext credit note"
_LONGEST_NOTE = 400
#: Money that is worth less to the buyer than what a card gives back: it goes last.
_LAST = ("gift_card", "shopify_store_credit")
_VOID = frozenset({"FAILURE", "ERROR"})
ZERO = Decimal(0)
Node = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Paid:
	"""A payment of the order, and what of it can still be given back, in the shop's currency. `rate` is how much of the
	buyer's currency one of the shop's was when it was paid."""

	id: str
	gateway: str
	left: Decimal
	rate: Decimal


def push(client: ShopifyClient, channel: Channel, request: RefundRequest) -> PushResult:
	"""Makes the refund of a credit note, or finds the one that is there.

	:raises Rejected: Shopify would not take it, or there is not so much that could be given back
	"""
	order = _read(client, request)
	found = _made_before(order, request)
	if found is None:
		if request.currency != order["currencyCode"]:
			raise Rejected(
				f"{request.id} is in {request.currency}, order {order['name']} in {order['currencyCode']}: give the money"
				" back in Shopify by hand"
			)
		found = _create(client, order, _input(client, channel, order, request), request)
	return PushResult(request.id, external_ids=(legacy_id(found),))


def _read(client: ShopifyClient, request: RefundRequest) -> Node:
	order = client.run(REFUNDABLE, {"id": gid("Order", request.order_id)})["order"]
	if order is None:
		raise Rejected(
			f"The shop has no order {request.order_id}: it was deleted, or it is older than 60 days and the app"
			" lacks the access scope read_all_orders"
		)
	return order


def _made_before(order: Node, request: RefundRequest) -> str | None:
	mark = re.compile(rf"{_MARK} {re.escape(request.id)}(?![\w-])")
	return next((row["id"] for row in order["refunds"] if mark.search(row["note"] or "")), None)


def _create(client: ShopifyClient, order: Node, given: Mapping[str, Any], request: RefundRequest) -> str:
	data = client.run_once(REFUND, {"input": given}, request.id)
	if data is None:
		found = _made_before(_read(client, request), request)
		if found is None:
			raise Retryable(
				f"Shopify was asked for a refund of {request.id} before, and does not show it yet. If it never does, refund"
				f" {written(request.total, request.currency)} of order {order['name']} there by hand, then skip this entry"
			)
		return found
	payload = data["refundCreate"]
	errors = user_errors(payload)
	if errors or not payload["refund"]:
		told = "; ".join(map(str, errors)) or "it says nothing of why"
		raise Rejected(
			f"Shopify does not refund {written(request.total, request.currency)} of order {order['name']}: {told}."
			" Refund it there by hand, then skip this entry"
		)
	return payload["refund"]["id"]


# --- what is asked for ---------------------------------------------------------------------------------------


def _input(client: ShopifyClient, channel: Channel, order: Node, request: RefundRequest) -> dict[str, Any]:
	note = f"{_MARK} {request.id}" + (f": {request.reason}" if request.reason else "")
	paid = list(_paid(order["transactions"]))
	given: dict[str, Any] = {
		"orderId": order["id"],
		"note": " ".join(note.split())[:_LONGEST_NOTE],
		"notify": channel.notify_customer,
		"refundLineItems": _lines(client, request),
		"transactions": _transactions(order, request, paid),
	}
	if order["presentmentCurrencyCode"] != order["currencyCode"]:
		given["currency"] = order["presentmentCurrencyCode"]
	if request.shipping > 0:
		rate = paid[0].rate if paid else Decimal(1)
		given["shipping"] = {"amount": _shown(_untaxed(request.shipping, order), rate, order)}
	return given


def _untaxed(shipping: Decimal, order: Node) -> Decimal:
	"""Shopify adds the tax of shipping itself, where prices are without tax."""
	lines = order["shippingLines"]["nodes"]
	price = sum((parse_decimal(line["discountedPriceSet"]["shopMoney"]["amount"]) for line in lines), ZERO)
	rows = [row for line in lines for row in line["taxLines"]]
	tax = sum((parse_decimal(row["priceSet"]["shopMoney"]["amount"]) for row in rows), ZERO)
	if order["taxesIncluded"] or not price:
		return shipping
	return shipping * price / (price + tax)


def _lines(client: ShopifyClient, request: RefundRequest) -> list[dict[str, Any]]:
	"""Whole pieces, as far as they can still be taken off; what is more is money alone."""
	wanted: dict[str, int] = {}
	for line in request.lines:
		if line.quantity > 0 and line.quantity == int(line.quantity):
			number = line.order_line_id.partition(":")[0]
			line_id = gid("LineItem", number)
			wanted[line_id] = wanted.get(line_id, 0) + int(line.quantity)
	if not wanted:
		return []
	nodes = client.run(REFUNDABLE_LINES, {"ids": list(wanted)})["nodes"]
	left = {node["id"]: node["refundableQuantity"] for node in nodes if node}
	rows = ((line_id, min(quantity, left.get(line_id, 0))) for line_id, quantity in wanted.items())
	return [
		{"lineItemId": line_id, "quantity": quantity, "restockType": "NO_RESTOCK"}
		for line_id, quantity in rows
		if quantity > 0
	]


def _paid(transactions: Iterable[Node]) -> Iterator[Paid]:
	"""What was paid and can be given back, in the order in which it is."""
	rows = list(transactions)
	back: dict[str, Decimal] = {}
	for row in rows:
		if row["kind"] == "REFUND" and row["status"] not in _VOID and row["parentTransaction"]:
			parent = row["parentTransaction"]["id"]
			back[parent] = back.get(parent, ZERO) + _shop(row)
	paid = [row for row in rows if row["kind"] in ("SALE", "CAPTURE") and row["status"] == "SUCCESS"]
	for row in sorted(paid, key=lambda row: (row["gateway"] in _LAST, int(legacy_id(row["id"])))):
		amount = _shop(row)
		shown = parse_decimal(row["amountSet"]["presentmentMoney"]["amount"])
		left = amount - back.get(row["id"], ZERO)
		if left > 0:
			yield Paid(row["id"], row["gateway"] or "", left, shown / amount)


def _shop(row: Node) -> Decimal:
	return parse_decimal(row["amountSet"]["shopMoney"]["amount"])


def _transactions(order: Node, request: RefundRequest, paid: Sequence[Paid]) -> list[dict[str, Any]]:
	left = request.total
	rows = []
	for each in paid:
		amount = min(left, each.left)
		if amount > 0:
			rows.append(
				{
					"orderId": order["id"],
					"parentId": each.id,
					"kind": "REFUND",
					"gateway": each.gateway,
					"amount": _shown(amount, each.rate, order),
				}
			)
			left -= amount
	if left > 0:
		there = written(request.total - left, request.currency)
		raise Rejected(
			f"{request.id} is over {written(request.total, request.currency)}, but {there} of order {order['name']} can"
			" be given back in Shopify: the rest was not paid there, or was given back already. Pay it by hand, then skip"
			" this entry"
		)
	return rows


def _shown(amount: Decimal, rate: Decimal, order: Node) -> str:
	"""An amount in the buyer's currency, which Shopify wants refunds in."""
	unit = minor_unit(decimals_of(order["presentmentCurrencyCode"]))
	return f"{(amount * rate).quantize(unit, ROUND_HALF_UP):f}"
