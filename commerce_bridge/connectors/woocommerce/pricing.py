"""Prices into a shop: the regular price, and the sale price with its days.

What a buyer pays in WooCommerce is the sale price where there is one. So a price that was higher before goes out as
regular and sale price; any other one as the regular price, and a sale that somebody began in the shop ends.
Prices are strings with the decimals the shop shows: it keeps more, rounds them on the page, and adds the unrounded
ones up in the cart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from commerce_bridge.bridge.channel import Channel
from commerce_bridge.bridge.model import Price
from commerce_bridge.bridge.money import quantise
from commerce_bridge.bridge.protocols import PushResult
from commerce_bridge.connectors.woocommerce import batches
from commerce_bridge.connectors.woocommerce.batches import Difference, Row
from commerce_bridge.connectors.woocommerce.client import WooCommerceClient
from commerce_bridge.connectors.woocommerce.facts import Facts, facts_of

_PRICES = ("regular_price", "sale_price")
_DATES = ("date_on_sale_from_gmt", "date_on_sale_to_gmt")


def push(client: WooCommerceClient, channel: Channel, prices: Sequence[Price]) -> list[PushResult]:
	"""Sends prices, at most `batches.BATCH`; one result each, in order. A listing without a price cannot be bought
	any more. Errors as in `batches.push`."""
	facts = facts_of(client)
	rows = [_row(channel, facts, price) for price in prices]
	batches.push(client, rows, (*_PRICES, *_DATES))
	return [
		PushResult(price.listing, row.error, retry=row.retry, unsent=row.unsent)
		for price, row in zip(prices, rows, strict=True)
	]


def price_fields(price: Price, decimals: int, time_zone: str) -> dict[str, str]:
	"""A price as WooCommerce takes it; what is "" is cleared there.

	:param decimals: of the shop
	:param time_zone: in which the price's days begin and end
	"""
	now, before = _text(price.amount, decimals), _text(price.compare_at, decimals)
	on_sale = bool(now and before) and Decimal(before) > Decimal(now)
	return {
		"regular_price": before if on_sale else now,
		"sale_price": now if on_sale else "",
		"date_on_sale_from_gmt": _midnight(price.valid_from, time_zone) if on_sale else "",
		"date_on_sale_to_gmt": _last_second(price.valid_until, time_zone) if on_sale else "",
	}


def _row(channel: Channel, facts: Facts, price: Price) -> Row:
	body = price_fields(price, facts.decimals, channel.time_zone)
	row = Row(
		label=price.listing,
		sku=price.sku,
		product=price.product_id,
		variant=price.variant_id,
		body=body,
		differs=partial(_differs, body),
	)
	if price.currency != facts.currency:
		row.refuse(
			f"The price is in {price.currency}, the shop sells in {facts.currency}: correct the Price List"
		)
	return row


def _text(amount: Decimal | None, decimals: int) -> str:
	return "" if amount is None else f"{quantise(amount, decimals):f}"


def _midnight(day: date | None, time_zone: str) -> str:
	if day is None:
		return ""
	moment = datetime.combine(day, time(), ZoneInfo(time_zone))
	return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")


def _last_second(day: date | None, time_zone: str) -> str:
	"""Of a day, whatever the clocks do in its night."""
	if day is None:
		return ""
	next_day = datetime.combine(day + timedelta(days=1), time(), ZoneInfo(time_zone))
	moment = next_day.astimezone(timezone.utc) - timedelta(seconds=1)
	return moment.strftime("%Y-%m-%dT%H:%M:%S")


def _differs(sent: Mapping[str, str], answer: Mapping[str, Any]) -> Difference | None:
	if answer.get("type") == "grouped":
		return Difference("A grouped product has no price of its own in WooCommerce: delist it", False)
	for name in _PRICES:
		if not _same_price(sent[name], answer.get(name)):
			return Difference(f"The shop shows another {name} than was sent: a plugin changes it")
	for name in _DATES:
		if (answer.get(name) or "") != sent[name]:
			return Difference(f"The shop shows another {name} than was sent: a plugin changes it")
	return None


def _same_price(sent: str, shown: Any) -> bool:
	if not sent or not isinstance(shown, str) or not shown:
		return shown == sent
	try:
		return Decimal(shown) == Decimal(sent)
	except InvalidOperation:
		return False
