"""refundCreate, with the refusals a live shop was seen to give, and those its documentation tells of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from sandbox.storefronts.shopify.mutations import Args, Payload, failed, mutation, wrong
from sandbox.storefronts.shopify.queries import number
from sandbox.storefronts.shopify.sales import Line, Order, Transaction, cents
from sandbox.storefronts.shopify.shop import first

_RESTOCK = {"CANCEL": "cancel", "RETURN": "return", "NO_RESTOCK": "no_restock", None: "no_restock"}


@mutation("refundCreate")
def create(shop: Any, args: Args) -> Payload:
	"""Takes lines and shipping off, and gives money back, all or nothing."""
	given = args["input"]
	order = shop.orders.get(number(given["orderId"]))
	if order is None:
		return failed(wrong("orderId", "Order does not exist"), refund=None, order=None)
	error = _wrong_currency(order, given) or _wrong_lines(order, given.get("refundLineItems") or ())
	parents, wrong_money = _parents(order, given.get("transactions") or ())
	error = error or wrong_money or _too_much(order, parents, bool(given.get("allowOverRefunding")))
	if error:
		return failed(error, refund=None, order=order)
	made = _take(shop, order, given)
	made.note, made.notified = given.get("note"), bool(given.get("notify"))
	shop.finish_refund(made, parents, given.get("discrepancyReason") or "REFUND_DISCREPANCY")
	return {"refund": made, "order": order, "userErrors": []}


def _wrong_currency(order: Order, given: Mapping[str, Any]) -> dict[str, Any] | None:
	"""The buyer's, where that is not the shop's."""
	named = given.get("currency")
	if order.presentment_currency != order.currency and named is None:
		return wrong("currency", "Currency is required for orders with a different presentment currency")
	if named not in (None, order.presentment_currency):
		return wrong("currency", "Currency must be the presentment currency of the order")
	return None


def _wrong_lines(order: Order, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
	for row in rows:
		line = _line(order, row)
		if line is None:
			return wrong("refundLineItems", "Refund line items line item does not exist")
		if not 0 < row["quantity"] <= line.current_quantity:
			return wrong("refundLineItems", "Quantity cannot refund more items than were purchased")
		if row.get("restockType") in ("CANCEL", "RETURN") and not row.get("locationId"):
			return wrong("refundLineItems", "Location is required to restock")
	return None


def _line(order: Order, row: Mapping[str, Any]) -> Line | None:
	return first(order.lines, lambda each: each.id == number(row["lineItemId"]))


def _parents(
	order: Order, rows: Sequence[Mapping[str, Any]]
) -> tuple[list[tuple[Transaction | None, Decimal]], dict[str, Any] | None]:
	"""What each transaction gives back, in the shop's currency; Shopify takes the gateway of the parent."""
	found: list[tuple[Transaction | None, Decimal]] = []
	for row in rows:
		if row["kind"] != "REFUND":
			return [], wrong(None, f"Kind {row['kind'].lower()} is not a valid transaction")
		parent = first(order.transactions, lambda each: each.id == number(row.get("parentId")))  # noqa: B023
		if parent is None:
			return [], wrong("transactions", "Transactions require a parent_id associated with the order")
		found.append((parent, cents(Decimal(str(row["amount"])) / order.presentment_rate)))
	return found, None


def _too_much(
	order: Order, parents: Sequence[tuple[Transaction | None, Decimal]], allowed: bool
) -> dict[str, Any] | None:
	if allowed:
		return None
	given: dict[Transaction | None, Decimal] = {}
	for parent, amount in parents:
		given[parent] = given.get(parent, Decimal(0)) + amount
	for parent, amount in given.items():
		if parent is not None and amount > parent.refundable:
			return wrong("transactions", "Refund amount exceeds the refundable amount of the transaction")
	if sum(given.values(), Decimal(0)) > order.received - order.refunded:
		return wrong(None, "Refund amount cannot be greater than the amount paid")
	return None


def _take(shop: Any, order: Order, given: Mapping[str, Any]) -> Any:
	rows = given.get("refundLineItems") or ()
	kinds = {_RESTOCK[row.get("restockType")] for row in rows} or {"no_restock"}
	made = None
	for kind in sorted(kinds):
		quantities = {
			line: row["quantity"]
			for row in rows
			if _RESTOCK[row.get("restockType")] == kind and (line := _line(order, row))
		}
		part = shop.take_off(order, quantities, kind)
		if made is not None:
			made.lines += part.lines
			order.refunds.remove(part)
		made = made or part
	shipping = given.get("shipping") or {}
	amount = shipping.get("amount")
	for line in order.standing if amount is not None or shipping.get("fullRefund") else ():
		part = None if amount is None else cents(Decimal(str(amount)) / order.presentment_rate)
		made.shipping.append(shop.refunded_shipping(order, line, part))
		break
	return made
