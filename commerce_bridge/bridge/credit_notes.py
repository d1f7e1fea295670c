"""Credit notes over exactly what was given back: amounts as the shop told them, rows of the items that were billed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import NoReturn

from commerce_bridge.bridge.channel import Channel
from commerce_bridge.bridge.deductions import less_refunds
from commerce_bridge.bridge.errors import Misconfigured, Rejected, TotalsDiffer
from commerce_bridge.bridge.model import Fee, Order, OrderLine, Refund, RefundLine
from commerce_bridge.bridge.money import decimals_of, quantise_up, written
from commerce_bridge.bridge.plan import (
	Amounts,
	Booked,
	Books,
	CreditNotePlan,
	Invoice,
	Item,
	ItemKey,
	OrderedLine,
)
from commerce_bridge.bridge.protocols import Erp
from commerce_bridge.bridge.totals import key_of, plan_amounts

ZERO = Decimal(0)


def credit(
	erp: Erp, channel: Channel, books: Books, refund: Refund, on: date, accepted: Decimal | None = None
) -> Booked:
	"""Makes the credit note of a refund whose lines are those of the Sales Order.

	:param accepted: a difference that a Manager accepted
	:raises Misconfigured: an item or account for what is given back is not set; says where
	:raises TotalsDiffer: its parts, or the document, do not come to the refund's total
	"""
	order = _as_order(channel, refund)
	quantities = {line.order_line_id: line.quantity for line in refund.lines if line.quantity}
	settles = not any(payment.status == "captured" for payment in refund.payments)
	_require_item(channel, order)
	channel = channel.model_copy(update={"fee_item": channel.refunds.adjustment_item or channel.fee_item})
	return _make(erp, channel, books, order, refund.id, quantities, on, settles, accepted)


def credit_rest(
	erp: Erp, channel: Channel, books: Books, sold: Order, credited: Sequence[Refund], on: date
) -> Booked | None:
	"""Makes a credit note of all of an order that was billed and is not credited yet; None where nothing is.

	:param sold: the order as it was booked
	:param credited: refunds that credit notes say already
	:raises Rejected: what they took back is more than the order
	"""
	rest = less_refunds(sold, credited)
	if not rest.total:
		return None
	quantities = {line.id: line.quantity for line in rest.lines if line.quantity}
	return _make(erp, channel, books, rest, sold.id, quantities, on, True, None)


def _make(
	erp: Erp,
	channel: Channel,
	books: Books,
	order: Order,
	external_id: str,
	quantities: Mapping[str, Decimal],
	on: date,
	settles: bool,
	accepted: Decimal | None,
) -> Booked:
	invoice = invoice_for(books, quantities)
	amounts = _amounts(erp, channel, books, order, accepted)
	booked = erp.create_credit_note(
		channel,
		CreditNotePlan(
			channel=channel.name,
			company=channel.company,
			external_id=external_id,
			sales_order=books.sales_order,
			customer=books.customer,
			invoice=invoice.name if invoice else None,
			amounts=amounts,
			currency=books.currency,
			conversion_rate=books.conversion_rate,
			posting_date=on,
			submit=channel.refunds.submit,
			settles=settles and invoice is not None and invoice.open >= order.total,
			naming_series=channel.invoices.credit_note_series,
			cost_center=channel.cost_center,
		),
	)
	if abs(booked.grand_total) != order.total:
		raise TotalsDiffer(
			f"Totals differ: {written(order.total, order.currency)} was given back, the credit note would be "
			f"{written(abs(booked.grand_total), order.currency)}. Look for Item Tax Templates or Pricing Rules on the items.",
			document=abs(booked.grand_total),
		)
	return booked


def invoice_for(books: Books, quantities: Mapping[str, Decimal]) -> Invoice | None:
	"""The invoice that a credit note returns: the newest that has all of this left; None where none has."""
	for invoice in reversed(submitted(books)):
		returned = [note for note in books.invoices if note.is_return and note.return_against == invoice.name]
		if all(
			invoice.lines.get(line, ZERO) - sum((note.lines.get(line, ZERO) for note in returned), ZERO)
			>= wanted
			for line, wanted in quantities.items()
		):
			return invoice
	return None


def submitted(books: Books) -> list[Invoice]:
	"""What was billed, without drafts and credit notes."""
	return [invoice for invoice in books.invoices if invoice.submitted and not invoice.is_return]


# --- amounts ---------------------------------------------------------------------------------------------


def _as_order(channel: Channel, refund: Refund) -> Order:
	"""A refund as an order of what it takes back. A part of a line's price, and what is given back for no position, are
	charges of the channel's adjustment item."""
	pieces = [_piece(line) for line in refund.lines if not line.quantity]
	return Order(
		id=refund.order_id,
		number=refund.id,
		updated_at=refund.created_at,
		currency=refund.currency,
		prices_include_tax=refund.prices_include_tax,
		lines=tuple(_order_line(line, refund.currency) for line in refund.lines if line.quantity),
		shipping=refund.shipping,
		fees=(*pieces, *refund.adjustments),
		total=refund.total,
	)


def _piece(line: RefundLine) -> Fee:
	return Fee(title=f"Price of line {line.order_line_id}", amount=line.amount, taxes=line.taxes)


def _order_line(line: RefundLine, currency: str) -> OrderLine:
	price = quantise_up(line.amount / line.quantity, decimals_of(currency))
	return OrderLine(
		id=line.order_line_id,
		quantity=line.quantity,
		unit_price=price,
		discount=line.quantity * price - line.amount,
		total=line.amount,
		taxes=line.taxes,
	)


def _amounts(erp: Erp, channel: Channel, books: Books, order: Order, accepted: Decimal | None) -> Amounts:
	"""Rows of the items that the Sales Order has, whatever the shop calls them today."""
	ordered = erp.get_deliveries(books.sales_order).lines
	lines = [_named(line, ordered) for line in order.lines if line.quantity]
	if not lines and not _has_item(channel, order):
		lines.append(_carrier(channel, order))
	items = _items(erp, channel, lines)
	return plan_amounts(
		order.model_copy(update={"lines": tuple(lines)}),
		channel,
		items,
		decimals_of(order.currency),
		accepted=accepted,
		rounding=erp.rounding(),
	)


def _named(line: OrderLine, ordered: Mapping[str, OrderedLine]) -> OrderLine:
	row = ordered.get(line.id)
	if row is None:
		raise Rejected(f'Line "{line.id}" was given back, but the Sales Order does not have it (any more)')
	changes = {
		"sku": row.item_code,
		"name": row.item_name,
		"product_id": None,
		"variant_id": None,
		"barcode": None,
	}
	return line.model_copy(update={**changes, "kind": "product"})


def _items(erp: Erp, channel: Channel, lines: Sequence[OrderLine]) -> dict[ItemKey, Item]:
	"""By item code; a listing whose SKU is another item's code does not count."""
	found = erp.find_items(channel, {key_of(line) for line in lines})
	items: dict[ItemKey, Item] = {}
	for line in lines:
		code = line.sku or ""
		item = found.get(key_of(line))
		items[key_of(line)] = item if item and item.item_code == code else Item(code, line.name or code)
	return items


def _has_item(channel: Channel, order: Order) -> bool:
	"""Whether something besides the positions becomes a row of items."""
	rows = {row.method: row for row in reversed(channel.shipping)}
	for part in order.shipping:
		row = rows.get(part.code or "") or rows.get(part.title or "") or rows.get("*")
		if part.amount and row and row.item:
			return True
	return any(fee.amount > 0 for fee in order.fees)


def _carrier(channel: Channel, order: Order) -> OrderLine:
	"""Charges that are booked on accounts go with a row of nothing: a document has at least one."""
	item = channel.refunds.adjustment_item or channel.fee_item
	if not item:
		_missing(channel, f"{written(order.total, order.currency)} was given back for no item")
	return OrderLine(id="", sku=item, name=item, quantity=Decimal(1), unit_price=ZERO, total=ZERO)


def _require_item(channel: Channel, order: Order) -> None:
	"""Of what is given back for no position, before anything speaks of fees."""
	methods = {row.method for row in channel.shipping}
	item = channel.refunds.adjustment_item or channel.fee_item
	for fee in order.fees:
		if fee.amount > 0 and not item and not methods & {fee.code, fee.title}:
			_missing(channel, f"{written(fee.amount, order.currency)} was given back for no position")


def _missing(channel: Channel, why: str) -> NoReturn:
	raise Misconfigured(
		f"{why}: choose an Item for Adjustments of the channel (tab Accounting, section Refunds and Returns), then retry.",
		doctype="Channel Settings",
		document=channel.name,
		fieldname="adjustment_item",
	)
