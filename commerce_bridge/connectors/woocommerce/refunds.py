"""Refunds of an order, as they are asked of a shop: an order itself says no more of them than ids and totals.

WooCommerce checks little of a refund: its rows may come to less than its amount, or have none at all, as one has that
a person makes by setting an order to Refunded: then it is all that was left of the order. The order itself stays whole.
https://woocommerce.github.io/woocommerce-rest-api-docs/#order-refunds
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, Protocol

from commerce_bridge.bridge import model
from commerce_bridge.bridge.channel import Channel
from commerce_bridge.bridge.money import decimals_of, minor_unit
from commerce_bridge.connectors.woocommerce import amounts, payloads
from commerce_bridge.connectors.woocommerce.amounts import Part
from commerce_bridge.connectors.woocommerce.answers import NotFound
from commerce_bridge.connectors.woocommerce.payloads import Object, meta_of, objects, required, validated
from commerce_bridge.connectors.woocommerce.payments import BY_HAND

#: Which line of the order a row gives back.
_OF_LINE = "_refunded_item_id"
#: How many pieces of an order's line all of its refunds put back into stock.
_RESTOCKED = "_restock_refunded_items"
#: What gateways call a refund, on the refund itself.
_REFERENCES = ("_wcpay_refund_id", "_stripe_refund_id")
ZERO = Decimal(0)


class Client(Protocol):
	"""What is used of `WooCommerceClient`."""

	def pages(self, path: str, **params: Any) -> Iterator[list[Any]]: ...


def are_wanted(channel: Channel, order: model.Order) -> bool:
	"""Whether an order has refunds that are booked: as credit notes, or as money alone."""
	books = channel.refunds.credit_notes or bool(channel.payments)
	return books and not order.refunds_complete


def with_refunds(client: Client, order: model.Order) -> model.Order:
	"""The order with its refunds, in one call. One that the shop does not have any more is as it was told.

	:raises Retryable: the shop does not answer, or not with what was asked for
	"""
	try:
		rows = [row for page in client.pages(f"orders/{order.id}/refunds") for row in page]
	except NotFound:
		return order
	told = {payloads.id_of(row.get("id")) for row in objects(order.custom, "refunds")}
	found = {payloads.id_of(row.get("id")) for row in rows if isinstance(row, dict)}
	# One that the order names and the list does not was deleted since, or the list is a cache's: nobody knows.
	return order.model_copy(update={"refunds": to_refunds(rows, order), "refunds_complete": told <= found})


def to_refunds(rows: Sequence[Object], order: model.Order) -> tuple[model.Refund, ...]:
	"""All refunds of an order, oldest first.

	:param order: with its payload in `custom`, as the mapper leaves it
	:raises Rejected: names the fields that are wrong, never their values
	"""
	wire = validated(payloads.Order, order.custom, "order")
	told = [(validated(payloads.Refund, row, "refund"), row) for row in rows]
	told.sort(key=lambda each: (each[0].date_created_gmt or order.updated_at, int(each[0].id or 0)))
	shelf = _restocked(order)
	found: list[model.Refund] = []
	for refund, row in told:
		made = _Reader(wire, order, refund, row, shelf).refund(found)
		if made.total or made.lines:
			found.append(made)
	return tuple(found)


def _restocked(order: model.Order) -> dict[str, Decimal]:
	"""Pieces that came back into stock, by line: of which of its refunds, WooCommerce does not say."""
	found: dict[str, Decimal] = {}
	for row in objects(order.custom, "line_items"):
		line_id, pieces = payloads.id_of(row.get("id")), meta_of(row).get(_RESTOCKED)
		if line_id and str(pieces).isdecimal():
			found[line_id] = Decimal(str(pieces))
	return found


class _Reader:
	"""One refund. `shelf` has the pieces that no refund before it put back; what it puts back is taken off."""

	def __init__(
		self,
		wire: payloads.Order,
		order: model.Order,
		refund: payloads.Refund,
		row: Object,
		shelf: dict[str, Decimal],
	):
		self._wire, self._order, self._refund, self._row, self._shelf = wire, order, refund, row, shelf
		self._rates = {rate.rate_id: rate for rate in (*wire.tax_lines, *refund.tax_lines)}

	def refund(self, earlier: Sequence[model.Refund]) -> model.Refund:
		refund, total = self._refund, abs(self._refund.amount)
		lines, shipping, adjustments = self._parts()
		before = sum((each.total for each in earlier), ZERO)
		if not (lines or shipping or adjustments) and total and before + total == self._order.total:
			lines, shipping, adjustments = _rest(self._order, earlier)
		rest = total - _sum((*lines, *shipping, *adjustments))
		if rest:
			adjustments = (*adjustments, model.Fee(amount=rest))
		created = refund.date_created_gmt or self._order.updated_at
		return model.Refund(
			id=required(refund.id, "A refund of this order"),
			created_at=created,
			updated_at=created,
			currency=self._order.currency,
			lines=lines,
			shipping=shipping,
			adjustments=adjustments,
			total=total,
			payments=self._payments(total, created) if refund.refunded_payment and total else (),
		)

	def _payments(self, total: Decimal, moment: Any) -> tuple[model.Payment, ...]:
		"""The money went back by the gateway. Whether a person gave it back in another way, nobody says."""
		meta = meta_of(self._row)
		reference = next(
			(meta[key] for key in _REFERENCES if isinstance(meta.get(key), str) and meta[key]), None
		)
		return (
			model.Payment(
				id=f"refund:{self._refund.id}",
				gateway=self._wire.payment_method or BY_HAND,
				reference=reference,
				status="captured",
				amount=total,
				currency=self._order.currency,
				paid_at=moment,
				updated_at=moment,
			),
		)

	def _parts(
		self,
	) -> tuple[tuple[model.RefundLine, ...], tuple[model.ShippingLine, ...], tuple[model.Fee, ...]]:
		"""Its rows, positive, with amounts that sum to its own where rounding explains that they do not."""
		refund = self._refund
		goods, shipping = self._settled()
		count = len(refund.line_items)
		lines: list[model.RefundLine] = []
		others = [
			model.Fee(title=row.name, amount=part.amount, taxes=self._taxes(part))
			for row, part in zip(refund.fee_lines, goods[count:], strict=True)
			if part.amount or part.taxes
		]
		raw = objects(self._row, "line_items")
		for place, row in enumerate(refund.line_items):
			line = self._line(row, goods[place], raw[place])
			if line is None:
				others.append(
					model.Fee(title=row.name, amount=goods[place].amount, taxes=self._taxes(goods[place]))
				)
			elif line.amount or line.quantity:
				lines.append(line)
		sent = [
			self._shipping(row, part)
			for row, part in zip(refund.shipping_lines, shipping, strict=True)
			if part.amount
		]
		return tuple(lines), tuple(sent), tuple(others)

	def _settled(self) -> tuple[list[Part], list[Part]]:
		refund, wire = self._refund, self._wire
		goods = [_positive(row, wire) for row in (*refund.line_items, *refund.fee_lines)]
		shipping = [_positive(row, wire) for row in refund.shipping_lines]
		charged = {
			rate: (-goods_tax, -shipping_tax)
			for rate, (goods_tax, shipping_tax) in amounts.charged_of(refund.tax_lines).items()
		}
		unit = minor_unit(decimals_of(wire.currency))
		return amounts.settled(goods, shipping, charged, abs(refund.amount), unit, wire.prices_include_tax)

	def _line(self, row: payloads.RefundedLine, part: Part, raw: Object) -> model.RefundLine | None:
		"""None where it is of no line that is booked: a row of a bundle, or of an id that the order does not have."""
		line_id = payloads.id_of(meta_of(raw).get(_OF_LINE))
		if line_id is None or line_id not in {line.id for line in self._order.lines} or part.amount < 0:
			return None
		quantity = abs(row.quantity)
		left = self._shelf.get(line_id, ZERO)
		restock = 0 < quantity <= left
		if restock:
			self._shelf[line_id] = left - quantity
		return model.RefundLine(
			order_line_id=line_id,
			quantity=quantity,
			amount=part.amount,
			taxes=self._taxes(part),
			restock=restock,
		)

	def _shipping(self, row: payloads.Shipping, part: Part) -> model.ShippingLine:
		return model.ShippingLine(
			code=":".join(filter(None, (row.method_id, row.instance_id))) or None,
			title=row.method_title,
			amount=part.amount,
			taxes=self._taxes(part),
		)

	def _taxes(self, part: Part) -> tuple[model.TaxLine, ...]:
		return tuple(tax for tax in amounts.taxes_of(part, self._rates) if tax.amount)


def _positive(row: payloads.Taxed, wire: payloads.Order) -> Part:
	part = amounts.part_of(row, wire.tax_lines)
	return Part(-part.amount, {rate: -tax for rate, tax in part.taxes.items()}, part.may_be_free)


def _sum(parts: Sequence[Any]) -> Decimal:
	return sum((part.amount + sum((tax.amount for tax in part.taxes), ZERO) for part in parts), ZERO)


# --- all that is left ------------------------------------------------------------------------------------


def _rest(
	order: model.Order, earlier: Sequence[model.Refund]
) -> tuple[tuple[model.RefundLine, ...], tuple[model.ShippingLine, ...], tuple[model.Fee, ...]]:
	"""What earlier refunds left of an order. What they gave back for no row of it is not among it."""
	lines = []
	for line in order.lines:
		given = [row for refund in earlier for row in refund.lines if row.order_line_id == line.id]
		amount, taxes = _left(line.total, line.taxes, given)
		quantity = max(line.quantity - sum((row.quantity for row in given), ZERO), ZERO)
		if amount > 0 or (quantity and not amount):
			lines.append(
				model.RefundLine(order_line_id=line.id, quantity=quantity, amount=amount, taxes=taxes)
			)
	shipping = []
	for index, sent in enumerate(order.shipping):
		given_back = [row for refund in earlier for row in refund.shipping if _same_method(row, sent)]
		amount, taxes = _left(sent.amount, sent.taxes, () if index else given_back)
		if amount > 0:
			shipping.append(sent.model_copy(update={"amount": amount, "taxes": taxes}))
	fees = []
	for fee in order.fees:
		kept = [
			row for refund in earlier for row in refund.adjustments if row.title and row.title == fee.title
		]
		amount, taxes = _left(fee.amount, fee.taxes, kept)
		if amount:
			fees.append(fee.model_copy(update={"amount": amount, "taxes": taxes}))
	return tuple(lines), tuple(shipping), tuple(fees)


def _same_method(one: model.ShippingLine, other: model.ShippingLine) -> bool:
	return (one.code, one.title) == (other.code, other.title)


def _left(
	amount: Decimal, taxes: Sequence[model.TaxLine], given: Sequence[Any]
) -> tuple[Decimal, tuple[model.TaxLine, ...]]:
	back: dict[Any, Decimal] = {}
	for tax in (tax for row in given for tax in row.taxes):
		back[tax.code, tax.title] = back.get((tax.code, tax.title), ZERO) + tax.amount
	left = [
		tax.model_copy(update={"amount": tax.amount - back.get((tax.code, tax.title), ZERO)}) for tax in taxes
	]
	return amount - sum((row.amount for row in given), ZERO), tuple(tax for tax in left if tax.amount)
