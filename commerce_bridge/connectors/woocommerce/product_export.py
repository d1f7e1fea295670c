"""All products of a shop, page by page, with all variations of each.

The shop lists products by id, and counts them to say where a page begins. A position is that count and the id of
the last product that was read: products that are deleted meanwhile move the others up, and none is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from commerce_bridge.bridge.errors import Rejected, Retryable
from commerce_bridge.bridge.model import Product
from commerce_bridge.bridge.protocols import ProductPage
from commerce_bridge.connectors.woocommerce.batches import is_id
from commerce_bridge.connectors.woocommerce.client import PAGE, NotFound, WooCommerceClient
from commerce_bridge.connectors.woocommerce.facts import Facts, facts_of
from commerce_bridge.connectors.woocommerce.products import has_variations, to_product

#: Of one page, which becomes one transaction; a product is never divided.
PRODUCTS_PER_PAGE, VARIANTS_PER_PAGE = 100, 250
#: How long a page begins new calls, of which a product with variations takes at least one.
LONGEST_PAGE = timedelta(seconds=40)
#: What is read of a product. The rest takes the shop long to work out: HTML of prices, related products.
FIELDS = (
	"id parent_id type status name description sku global_unique_id price regular_price sale_price on_sale virtual "
	"weight date_created_gmt date_modified_gmt images attributes categories brands variations"
).split()
VARIATION_FIELDS = (
	"id parent_id type status name sku global_unique_id price regular_price sale_price on_sale virtual weight "
	"date_created_gmt date_modified_gmt image attributes"
).split()
_POSITION = re.compile(r"([0-9]{1,9}):([0-9]{1,19})")
Payload = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Position:
	"""Where the next product is: after so many others, of which the last has this id."""

	done: int = 0
	last: int = 0

	@staticmethod
	def read(cursor: str | None) -> Position:
		"""Raises `Rejected` where it is none."""
		found = _POSITION.fullmatch(cursor) if cursor else None
		if cursor and not found:
			raise Rejected("The position in the shop's products cannot be read: begin anew")
		return Position(int(found[1]), int(found[2])) if found else Position()

	def __str__(self) -> str:
		return f"{self.done}:{self.last}"


@dataclass(frozen=True, slots=True)
class Listed:
	"""Products of the shop, by id.

	:param before: how many others come before the first of them
	:param total: of all pages, where the shop says so
	:param more: whether others may follow
	"""

	products: Sequence[Payload]
	before: int
	total: int | None
	more: bool

	def after(self, count: int) -> Position | None:
		"""Where to go on once so many of them were taken; None at the end."""
		if not self.more and count == len(self.products):
			return None
		return Position(self.before + count, int(self.products[count - 1]["id"]))


def products(client: WooCommerceClient, cursor: str | None) -> ProductPage:
	"""See `Connector.products`."""
	facts = facts_of(client)
	page = listed(client, Position.read(cursor), PRODUCTS_PER_PAGE, FIELDS)
	found: list[Product] = []
	variants, ends = 0, client.now() + LONGEST_PAGE
	taken = 0
	for payload in page.products:
		if taken and (variants >= VARIANTS_PER_PAGE or client.now() >= ends):
			break
		product = _product(client, facts, payload)
		taken += 1
		if product is None:  # deleted a moment ago
			continue
		found.append(product)
		variants += len(product.variants)
	following = page.after(taken) if page.products else None
	return ProductPage(
		tuple(found),
		str(following) if following else None,
		done=page.before + taken,
		total=page.total,
	)


def _product(client: WooCommerceClient, facts: Facts, payload: Payload) -> Product | None:
	try:
		rows = list(variations(client, payload, VARIATION_FIELDS)) if has_variations(payload) else None
	except NotFound:
		return None
	try:
		return to_product(payload, rows, facts.currency, facts.weight_unit)
	except Rejected as error:  # the others go on
		return _unreadable(payload, str(error))


def _unreadable(payload: Payload, reason: str) -> Product:
	"""A product of which only this is told: that it cannot be read."""
	return to_product({"id": payload["id"], "type": "simple"}).model_copy(
		update={"left_out": reason, "partial": True}
	)


def variations(
	client: WooCommerceClient, payload: Mapping[str, Any], fields: Sequence[str]
) -> Iterator[Payload]:
	"""All variations of a product, by id. Raises `NotFound` where the shop does not have the product any more."""
	path = f"products/{payload['id']}/variations"
	for page in client.pages(path, orderby="id", order="asc", _fields=list(fields)):
		yield from _readable(page)


def listed(client: WooCommerceClient, position: Position, most: int, fields: Sequence[str]) -> Listed:
	"""The products that come after a position, at most so many; none only at the end.

	The last one that was read is asked for again: where it is not where it was, others before it were deleted.
	"""
	start = max(position.done - 1, 0)
	before: list[Payload] = []
	while True:
		page, total = _page(client, start, most, fields)
		if page and page == before:
			raise Retryable(
				"The shop gave the same page of products twice: a cache in front of it must leave out /wp-json/"
			)
		before = page
		if start and (not page or int(page[0]["id"]) > position.last):
			start = max(start - PAGE // 2, 0)
			continue
		fresh = [product for product in page if int(product["id"]) > position.last]
		more = len(page) == most
		if fresh or not more:
			return Listed(fresh, start + len(page) - len(fresh), total, more)
		start += len(page) - 1


def _page(
	client: WooCommerceClient, start: int, most: int, fields: Sequence[str]
) -> tuple[list[Payload], int | None]:
	reply = client.send(
		"GET",
		"products",
		{"orderby": "id", "order": "asc", "offset": start, "per_page": most, "_fields": list(fields)},
	)
	rows = _readable(reply.body)
	ids = [int(row["id"]) for row in rows]
	if ids != sorted(ids):
		raise Rejected(
			"The shop does not list its products by id, as it was asked to: a plugin changes the order of products"
		)
	return rows, reply.total


def _readable(page: Any) -> list[Payload]:
	if not isinstance(page, list) or not all(
		isinstance(row, dict) and is_id(str(row.get("id"))) for row in page
	):
		raise Retryable("The shop's list of products cannot be read: it holds something without an id")
	return page
