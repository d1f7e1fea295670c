"""What all of an order read over GraphQL is written with: ids, amounts and lines as webhooks have them."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_HALF_UP
from typing import Any

from commerce_bridge.bridge.errors import BridgeError
from commerce_bridge.bridge.money import decimals_of, minor_unit, parse_decimal
from commerce_bridge.connectors.shopify.ids import legacy_id

Node = Mapping[str, Any]
Payload = dict[str, Any]


def identity_of(global_id: str) -> Payload:
	return {"id": int(legacy_id(global_id)), "admin_graphql_api_id": global_id}


def lower(value: Any) -> str | None:
	return value.lower() if isinstance(value, str) else None


def number_in(node: Node | None) -> int | None:
	return int(legacy_id(node["id"])) if node else None


def money_set(bag: Node | None) -> Payload | None:
	"""`{shopMoney {amount currencyCode}}` as `{shop_money {amount currency_code}}`."""
	if not bag:
		return None
	found = {}
	for name, key in (("shopMoney", "shop_money"), ("presentmentMoney", "presentment_money")):
		money = bag.get(name)
		if money:
			currency = money["currencyCode"]
			found[key] = {"amount": amount_in(money["amount"], currency), "currency_code": currency}
	return found


def amount_in(amount: Any, currency: str) -> Any:
	"""GraphQL writes 19.5, webhooks 19.50; what is finer than the currency stays as it is."""
	try:
		exact = parse_decimal(amount)
		fitted = exact.quantize(minor_unit(decimals_of(currency)), ROUND_HALF_UP)
	except (BridgeError, ArithmeticError):
		return amount
	return f"{fitted if fitted == exact else exact:f}"


def shop_amount(bag: Node | None) -> Any:
	return amount_in(bag["shopMoney"]["amount"], bag["shopMoney"]["currencyCode"]) if bag else None


def priced(bag: Node, key: str) -> Payload:
	return {key: shop_amount(bag), f"{key}_set": money_set(bag)}


def named_line(global_id: str, named: Mapping[int, Payload]) -> Payload:
	"""A line of the order, whole, as webhooks repeat it."""
	identity = identity_of(global_id)
	return named.get(identity["id"], identity)
