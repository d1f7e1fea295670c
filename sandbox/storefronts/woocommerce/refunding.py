"""How the simulated shop gives money back. It checks no more of a refund than a real one was seen to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sandbox.storefronts.woocommerce.sales import Order, Part, Refund, TaxLine, total_of
from sandbox.storefronts.woocommerce.values import ZERO

if TYPE_CHECKING:
	from sandbox.storefronts.woocommerce.shop import Shop

#: The reason of a refund that comes of an order's status alone.
FULLY = "Order fully refunded."


@dataclass(frozen=True)
class Back:
	"""What is given back of one row of an order: pieces, what is without tax, and taxes by rate."""

	pieces: int
	net: Decimal
	taxes: Mapping[int, Decimal] = field(default_factory=dict)


def share_of(order: Order, part: Part, pieces: int) -> Back:
	"""Some pieces of a row at their price, with the taxes on them; of shipping and fees all of it."""
	share = Decimal(pieces) / part.quantity if part in order.lines else Decimal(1)
	taxes = {rate: order.rounding.tax(tax * share) for rate, tax in part.taxes.items()}
	return Back(pieces, order.rounding.money(part.total * share), taxes)


def make(
	shop: Shop,
	order: Order,
	amount: Decimal | None,
	rows: Mapping[int, Back],
	reason: str = "",
	restock: bool = False,
	meta: Mapping[str, Any] | None = None,
	moved: bool = False,
) -> Refund:
	"""A refund of these rows by id, and of an amount; without it, of what they are worth, or of all that is left. Ids of
	no row are passed over, and nothing says that the rows come to the amount.

	:param moved: by the gateway
	"""
	made = Refund(shop.new_id("post"), shop.now(), ZERO, reason, moved=moved)
	for parts, given in ((order.lines, made.lines), (order.shipping, made.shipping), (order.fees, made.fees)):
		given += [_given_back(shop, part, rows[part.id]) for part in parts if part.id in rows]
	if restock:
		for line in order.lines:
			_restock(shop, line, rows[line.id].pieces if line.id in rows else 0)
	made.tax_lines = _taxes(shop, order, made)
	parts = [*made.lines, *made.shipping, *made.fees]
	worth = -total_of(part.total + total_of(part.taxes.values()) for part in parts)
	left = order.total - order.refunded
	made.amount = amount if amount is not None else worth if rows else left
	order.refunds.append(made)
	full = bool(made.amount) and order.refunded >= order.total
	made.meta = sorted(
		shop.meta_rows({"_refund_type": "full" if full else "partial", **(meta or {})}),
		key=lambda row: str(row["key"]),
	)
	if full and order.status != "refunded":
		shop.enter(order, "refunded")
	shop.changed(order)
	return made


def refund_the_rest(shop: Shop, order: Order) -> None:
	"""The order's status became Refunded: all that is left is given back, of no row, by nobody's gateway."""
	left = order.total - order.refunded
	if left > 0:
		make(shop, order, left, {}, FULLY)


def take_back(shop: Shop, order: Order, refund: Refund) -> None:
	"""Deletes a refund: of this nothing is told, the order's date stays, and so does its status."""
	with shop.lock:
		order.refunds.remove(refund)


def _given_back(shop: Shop, part: Part, back: Back) -> Part:
	net, taxes = -back.net, {rate: -tax for rate, tax in back.taxes.items()}
	return Part(
		shop.new_id("item"),
		part.name,
		net,
		net,
		taxes,
		taxes,
		part.tax_class,
		part.taxable,
		shop.meta_rows({"_refunded_item_id": str(part.id)}),
		-back.pieces,
		part.product,
		part.code,
		part.instance,
	)


def _restock(shop: Shop, line: Part, pieces: int) -> None:
	line.restocked += min(pieces, line.reduced)
	shop.shelve(line, max(line.reduced - pieces, 0))


def _taxes(shop: Shop, order: Order, refund: Refund) -> list[TaxLine]:
	goods, sent = _by_rate([*refund.lines, *refund.fees]), _by_rate(refund.shipping)
	return [
		TaxLine(shop.new_id("item"), rate, goods.get(rate.id, ZERO), sent.get(rate.id, ZERO))
		for rate in order.rates
		if rate.id in goods or rate.id in sent
	]


def _by_rate(parts: list[Part]) -> dict[int, Decimal]:
	sums: dict[int, Decimal] = {}
	for part in parts:
		for rate, tax in part.taxes.items():
			sums[rate] = sums.get(rate, ZERO) + tax
	return sums
