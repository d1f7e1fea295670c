"""Prices into a shop: one call for each product, whose variants Shopify takes or refuses one by one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

from commerce_bridge.bridge.channel import Channel
from commerce_bridge.bridge.errors import Retryable
from commerce_bridge.bridge.model import Price
from commerce_bridge.bridge.money import decimals_of, quantise
from commerce_bridge.bridge.protocols import PushResult
from commerce_bridge.connectors.shopify.client import ShopifyClient, UserError, user_errors
from commerce_bridge.connectors.shopify.documents.catalog import PRODUCTS_OF, UPDATE_PRICES
from commerce_bridge.connectors.shopify.ids import gid, legacy_id, number_of

#: How long one batch begins new calls, of which a product takes at least one: what is left is for another batch.
LONGEST_BATCH = timedelta(seconds=45)
_INDEX = re.compile(r"[0-9]{1,4}")
AnyRow = TypeVar("AnyRow")


@dataclass(slots=True)
class _Row:
	price: Price
	product: str | None
	error: str | None = None
	unsent: bool = False

	def result(self) -> PushResult:
		found = self.product if self.product != self.price.product_id else None
		return PushResult(self.price.listing, self.error, product_id=found, unsent=self.unsent)


def push(client: ShopifyClient, channel: Channel, prices: Sequence[Price]) -> list[PushResult]:
	"""Sends prices; one result each, in order. A listing without a price keeps the one it has in the shop."""
	rows = [_Row(price, price.product_id, error=_why_not(channel, price)) for price in prices]
	_find_products(client, rows)
	by_product: dict[str, list[_Row]] = {}
	for row in rows:
		if row.error is None:
			by_product.setdefault(row.product or "", []).append(row)
	in_turn(client, by_product.items(), lambda group: _send(client, channel, *group), _put_off)
	return [row.result() for row in rows]


def in_turn(
	client: ShopifyClient,
	groups: Iterable[AnyRow],
	send: Callable[[AnyRow], None],
	put_off: Callable[[AnyRow, str], None],
) -> None:
	"""Sends group after group. Once one was sent, a group that cannot be sent now, or for which no time is left, is
	put off with all after it: what was taken is kept, and only the rest is sent again. If the first one cannot,
	nothing was sent: it is raised."""
	sent, why, ends = False, None, client.now() + LONGEST_BATCH
	for group in groups:
		if sent and why is None and client.now() >= ends:
			why = "Shopify is slow: the time of one batch was spent"
		if why is None:
			try:
				send(group)
				sent = True
				continue
			except Retryable as error:
				if not sent:
					raise
				why = str(error)
		put_off(group, why)


def _put_off(group: tuple[str, list[_Row]], why: str) -> None:
	for row in group[1]:
		row.error, row.unsent = why, True


def _why_not(channel: Channel, price: Price) -> str | None:
	if price.amount is None:
		return f"No price for {price.sku}: the shop keeps the one it has. Add an Item Price"
	if price.currency != channel.currency:
		return (
			f"The price is in {price.currency}, the shop sells in {channel.currency}: correct the Price List"
		)
	if not number_of(price.variant_id):
		return "The listing has no Variant ID of the shop: import the shop's products, or push this one"
	return None


def _find_products(client: ShopifyClient, rows: Sequence[_Row]) -> None:
	"""One query for all rows whose product is not known."""
	unknown = [row for row in rows if row.error is None and not number_of(row.product)]
	if not unknown:
		return
	ids = [gid("ProductVariant", row.price.variant_id or "") for row in unknown]
	nodes = client.run(PRODUCTS_OF, {"ids": ids})["nodes"]
	for row, node in zip(unknown, nodes, strict=True):
		if node:
			row.product = legacy_id(node["product"]["id"])
		else:
			row.error = "The shop has deleted this product: list it anew, or delete the listing"


def _send(client: ShopifyClient, channel: Channel, product: str, rows: Sequence[_Row]) -> None:
	variants = [
		{"id": gid("ProductVariant", row.price.variant_id or ""), **price_fields(channel, row.price)}
		for row in rows
	]
	data = client.run(UPDATE_PRICES, {"product": gid("Product", product), "variants": variants})
	for index, message in errors_by_row(
		user_errors(data["productVariantsBulkUpdate"]), "variants", len(rows)
	).items():
		rows[index].error = f"Shopify refused the price: {message}"


def price_fields(channel: Channel, price: Price) -> dict[str, Any]:
	"""Price and compare-at price as Shopify takes them: text with the decimals of the shop's currency. What it
	cost before is cleared only where a price list says what that is."""
	decimals = decimals_of(price.currency)
	fields: dict[str, Any] = {}
	if price.amount is not None:
		fields["price"] = f"{quantise(price.amount, decimals):f}"
	if price.compare_at is not None:
		fields["compareAtPrice"] = f"{quantise(price.compare_at, decimals):f}"
	elif channel.catalog.compare_at_list:
		fields["compareAtPrice"] = None
	return fields


def errors_by_row(errors: Sequence[UserError], name: str, count: int) -> Mapping[int, str]:
	"""What is wrong with each of `count` rows. The path of an error is (…, "variants", "0", …); one that names no
	row is wrong with all of them."""
	told: dict[int, list[str]] = {}
	for error in errors:
		index = error.field[error.field.index(name) + 1] if name in error.field[:-1] else ""
		of_row = _INDEX.fullmatch(index) and int(index) < count
		for row in [int(index)] if of_row else range(count):
			told.setdefault(row, []).append(error.message)
	return {row: "; ".join(dict.fromkeys(messages)) for row, messages in told.items()}
