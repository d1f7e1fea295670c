"""Refunds of orders by the API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.storefronts.woocommerce import refunding
from sandbox.storefronts.woocommerce.api_orders import ORDER, of_note
from sandbox.storefronts.woocommerce.refunding import Back
from sandbox.storefronts.woocommerce.routing import page, route
from sandbox.storefronts.woocommerce.sales import Order, Refund, shown_refund
from sandbox.storefronts.woocommerce.shop import Shop
from sandbox.storefronts.woocommerce.values import Answer, ApiError, RefundError, Request, number_of


def _refused(message: str) -> ApiError:
	return RefundError("woocommerce_rest_cannot_create_order_refund", message, 500)


def _known(order: Order, number: int) -> Refund:
	found = next((each for each in order.refunds if each.id == number), None)
	if found is None:
		raise ApiError("woocommerce_rest_shop_order_refund_invalid_id", "Invalid ID.", 404)
	return found


@route("GET", ORDER + "/refunds")
def list_refunds(shop: Shop, request: Request, number: int) -> Answer:
	order = of_note(shop, number)
	return page(request, list(reversed(order.refunds)), lambda each: shown_refund(shop, order, each))


@route("GET", ORDER + r"/refunds/(\d+)")
def read_refund(shop: Shop, request: Request, number: int, refund: int) -> Answer:
	order = of_note(shop, number)
	return Answer(200, shown_refund(shop, order, _known(order, refund)))


@route("DELETE", ORDER + r"/refunds/(\d+)")
def delete_refund(shop: Shop, request: Request, number: int, refund: int) -> Answer:
	"""For good, with `force` or without it."""
	order = of_note(shop, number)
	found = _known(order, refund)
	shown = shown_refund(shop, order, found)
	refunding.take_back(shop, order, found)
	return Answer(200, shown)


@route("POST", ORDER + "/refunds")
def create_refund(shop: Shop, request: Request, number: int) -> Answer:
	"""Without `api_refund: false` the money is to go back by the payment's gateway: where that refuses, no refund stays."""
	order = of_note(shop, number)
	given = request.given
	amount = number_of(given["amount"]) if given.get("amount") is not None else None
	if (amount or 0) < 0 or (amount or 0) > order.total - order.refunded:
		raise _refused("Invalid refund amount.")
	moved = bool(given.get("api_refund", True))
	if moved:
		_ask_gateway(shop, order)
	made = refunding.make(
		shop,
		order,
		amount,
		{int(row["id"]): _back(row) for row in given.get("line_items") or ()},
		str(given.get("reason") or ""),
		bool(given.get("api_restock", True)),
		{str(row["key"]): row["value"] for row in given.get("meta_data") or ()},
		moved,
	)
	return Answer(201, shown_refund(shop, order, made))


def _ask_gateway(shop: Shop, order: Order) -> None:
	method = order.payment_method
	if method in shop.refunding:
		if shop.refunding[method]:
			raise _refused(shop.refunding[method])
		return
	known = any(method == gateway[0] for gateway in shop.gateways)
	what = "support automatic refunds" if known else "exist"
	raise _refused(f"The payment gateway for this order does not {what}.")


def _back(row: Mapping[str, Any]) -> Back:
	taxes = {int(tax["id"]): number_of(tax.get("refund_total")) for tax in row.get("refund_tax") or ()}
	return Back(int(row.get("quantity") or 0), number_of(row.get("refund_total")), taxes)
