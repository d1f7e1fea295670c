"""What a channel's tables may have rows for: what the orders placed last were charged, and the shop's locations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from commerce_bridge.bridge.protocols import (
	SuggestedGateway,
	SuggestedLocation,
	SuggestedShipping,
	SuggestedTax,
	Suggestions,
)
from commerce_bridge.connectors.shopify.amounts import CHANNEL_LIABLE, percent
from commerce_bridge.connectors.shopify.client import AccessDenied, ShopifyClient
from commerce_bridge.connectors.shopify.documents.setup import LOCATIONS
from commerce_bridge.connectors.shopify.documents.suggestions import CHARGES
from commerce_bridge.connectors.shopify.ids import legacy_id

NO_ORDERS = "The shop has no orders yet: its taxes, shipping methods and payment gateways are read off those placed last"


def suggestions(client: ShopifyClient) -> Suggestions:
	"""Taxes, shipping methods and payment gateways of the last fifty orders, each once with the order it was met in first,
	and the locations that are active. What the app may not read is left out, and told of.

	:raises Retryable, Misconfigured, Rejected: see `client`
	"""
	notes: list[str] = []
	orders = _orders(client, notes)
	taxes: dict[tuple[Any, ...], SuggestedTax] = {}
	shipping: dict[tuple[Any, ...], SuggestedShipping] = {}
	gateways: dict[str, SuggestedGateway] = {}
	for order in orders:
		for tax in _taxes(order):
			taxes.setdefault((tax.title, tax.code, tax.rate), tax)
		for line in order["shippingLines"]["nodes"]:
			method = SuggestedShipping(line["code"] or None, line["title"] or None, _met_in(order))
			if method.code or method.title:
				shipping.setdefault((method.code, method.title), method)
		for gateway in filter(None, order["paymentGatewayNames"]):
			gateways.setdefault(gateway, SuggestedGateway(gateway, example=_met_in(order)))
	return Suggestions(
		taxes=tuple(taxes.values()),
		shipping=tuple(shipping.values()),
		locations=tuple(_locations(client, notes)),
		notes=tuple(notes),
		gateways=tuple(gateways.values()),
	)


def _orders(client: ShopifyClient, notes: list[str]) -> list[dict[str, Any]]:
	try:
		orders = client.run(CHARGES)["orders"]["nodes"]
	except AccessDenied as error:
		notes.append(str(error))
		return []
	if not orders:
		notes.append(NO_ORDERS)
	return orders


def _taxes(order: Mapping[str, Any]) -> Iterator[SuggestedTax]:
	"""As `amounts.charges_of` names them."""
	lines = [
		*order["taxLines"],
		*(tax for each in order["shippingLines"]["nodes"] for tax in each["taxLines"]),
	]
	for line in lines:
		yield SuggestedTax(
			title=line["title"] or "Tax",
			code=CHANNEL_LIABLE if line["channelLiable"] else None,
			rate=None if line["rate"] is None else percent(Decimal(str(line["rate"]))),
			example=_met_in(order),
		)


def _met_in(order: Mapping[str, Any]) -> str:
	return f"Order {order['name']}"


def _locations(client: ShopifyClient, notes: list[str]) -> Iterator[SuggestedLocation]:
	try:
		for row in client.pages(LOCATIONS, "locations"):
			if row["isActive"]:
				yield SuggestedLocation(legacy_id(row["id"]), row["name"])
	except AccessDenied as error:
		notes.append(str(error))
