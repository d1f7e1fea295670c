"""An order event meets its document: made, followed, kept, cancelled, or refused with what to do.

The document is a Sales Order, or a Sales Invoice instead of one: the channel's policy says which is made, and what was
made stays what it is. A submitted Sales Invoice is an order that is billed in full.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from commerce_bridge.bridge.adoption import ADOPTED, match_rows
from commerce_bridge.bridge.cancelled import settle_billed
from commerce_bridge.bridge.channel import Channel
from commerce_bridge.bridge.customers import ensure_customer, is_withheld
from commerce_bridge.bridge.deductions import View, refunds_of, release, save_taken, sold_data, view_of
from commerce_bridge.bridge.details import Details, OrderTotals
from commerce_bridge.bridge.errors import (
	BridgeError,
	ItemsMissing,
	Misconfigured,
	NothingToBook,
	Rejected,
	TotalsDiffer,
)
from commerce_bridge.bridge.mapping import mapped_values
from commerce_bridge.bridge.model import Order, OrderCancellation
from commerce_bridge.bridge.money import decimals_of, written
from commerce_bridge.bridge.order_items import find_items, is_nameless, with_known_items
from commerce_bridge.bridge.plan import (
	Booked,
	OrderDocument,
	Parties,
	Record,
	SalesOrderPlan,
	SalesOrderState,
)
from commerce_bridge.bridge.protocols import Entry, Erp, Outcome
from commerce_bridge.bridge.totals import key_of, plan_amounts
from commerce_bridge.bridge.versions import is_stale

RECORD_TYPE = "Order"
SALES_ORDER: OrderDocument = "Sales Order"
#: `InvoicePolicy.when` that makes no Sales Orders.
INSTEAD = "Instead of Sales Order"
#: Type of the records of orders that the channel does not take in: what is told of them besides waits for nothing.
LEFT_OUT = "Left Out"
#: How a line says which product it is of: see `_names`.
_NAMES = {"product_id", "variant_id", "sku", "barcode", "kind"}
#: What changes without the Sales Order having to change.
_NOT_BOOKED = {
	"version": True,
	"updated_at": True,
	"status": True,
	"money_gone": True,
	"refunded": True,
	"renewal": True,
	"payments": True,
	"refunds": True,
	"refunds_complete": True,
	"refunds_deducted": True,
	"returns": True,
	"fulfilments": True,
	"custom": True,
	"customer": True,
	"billing_address": True,
	"shipping_address": True,
	"lines": {"__all__": {"custom", *_NAMES}},
}
#: Who buys, as far as the Sales Order says it.
_BUYER = {"customer": {"id", "email"}, "billing_address": True, "shipping_address": True}
#: How the money of an order went → what there is to say of it.
_MONEY_GONE = {
	"refunded": "All of the money was given back in the storefront, with goods still on the order",
	"voided": "The payment was voided in the storefront: nothing was paid",
}
#: Less than storefronts count: a state this much before another one is older than it, and newer than all before it.
_MOMENT = timedelta(milliseconds=1)


def apply_order(erp: Erp, channel: Channel, order: Order, entry: Entry) -> Outcome:
	"""Brings the Sales Order of an order to what the storefront says now.

	:raises TotalsDiffer: the document would not equal the order; nothing is kept of it
	:raises Rejected: what stands on the Sales Order keeps it from following; says which documents
	:raises Misconfigured: items, accounts, rates are missing; says all of them

	Errors, and an outcome that is one, say the shop's total.
	"""
	try:
		outcome = _apply(erp, channel, order, entry)
	except (Rejected, Misconfigured) as error:
		error.details = _details(channel, order, error)
		raise
	return replace(outcome, details=_details(channel, order)) if outcome.state == "Failed" else outcome


def _details(channel: Channel, order: Order, error: BridgeError | None = None) -> Details:
	differs = error if isinstance(error, TotalsDiffer) else None
	totals = OrderTotals(
		number=order.number,
		total=Decimal(0) if order.cancelled else order.total,
		currency=order.currency,
		placed_on=_placed_on(channel, order),
		document_total=differs and differs.document,
		difference=differs and differs.difference,
	)
	return Details(order=totals, unmapped=error.unmapped if isinstance(error, ItemsMissing) else ())


def follow_again(erp: Erp, channel: Channel, order: Order, entry: Entry) -> Outcome:
	"""Brings the Sales Order to what the storefront says, less a refund that came since. Errors as of `apply_order`."""
	record = erp.get_record(channel.name, RECORD_TYPE, order.id)
	assert record
	return _follow(erp, channel, order, entry, record)


def _apply(erp: Erp, channel: Channel, order: Order, entry: Entry) -> Outcome:
	record = erp.get_record(channel.name, RECORD_TYPE, order.id)
	if record and is_stale(record, order.version, order.updated_at, cancellation=order.cancelled):
		return _outcome("Skipped", "Stale: a newer state of this order was applied already", record, order)
	if order.cancelled:
		return _cancel(erp, channel, order, record, order)
	if record is None:
		unwanted = why_unwanted(channel, order)
		if unwanted:
			return _left_out(erp, channel, order, unwanted)
		record = Record(channel.name, RECORD_TYPE, order.id)
	return _follow(erp, channel, order, entry, record)


def _left_out(erp: Erp, channel: Channel, order: Order, why: str) -> Outcome:
	"""Not taken in: what is told of it besides waits for nothing."""
	erp.save_record(Record(channel.name, LEFT_OUT, order.id, order_id=order.id))
	return Outcome("Skipped", why, external_number=order.number)


def why_unwanted(channel: Channel, order: Order) -> str | None:
	"""Why the channel's policy does not take the order in, or None. An order once taken in is followed."""
	policy = channel.orders
	if order.test and not policy.test_orders:
		return "A test order: this channel does not import them"
	if order.renewal and not policy.renewals:
		return "The renewal of a subscription: this channel does not import them"
	if policy.statuses and order.status not in policy.statuses:
		return f'Orders with status "{order.status}" are not imported by this channel'
	placed = order.placed_at or order.updated_at
	if policy.from_date and placed < policy.from_date:
		return f"Placed before {policy.from_date.date().isoformat()}, where this channel's imports begin"
	if order.money_gone:
		return f"{_MONEY_GONE[order.money_gone]}: not imported"
	return None


def fingerprint_of(channel: Channel, order: Order, before: str | None = None) -> str:
	"""Three hashes of everything the Sales Order depends on, of what is sold, who buys, and which products they are:
	the same hashes, the same document.

	:param before: the fingerprint of the state before: its buyer stays where the shop names nobody now, and its
		products where the shop does not have one any more
	"""
	_sold, _, rest = (before or "").partition(".")
	buyer, _, names = rest.partition(".")
	if not is_withheld(order):
		buyer = _digest(order.model_dump_json(include=_BUYER))
	if not names or not any(map(is_nameless, order.lines)):
		names = _names(order)
	return f"{_sale(channel, order)}.{buyer}.{names}"


def _names(order: Order) -> str:
	"""The shop's ids say which products they are. Without one, SKU and barcode do: beside an id they are those that
	the product has today, not those it was sold by."""
	return _digest(
		json.dumps(
			[
				(line.product_id, line.variant_id)
				if line.product_id
				else (line.variant_id, line.sku, line.barcode, line.kind)
				for line in order.lines
			]
		)
	)


def _sale(channel: Channel, order: Order) -> str:
	booked = order.model_dump_json(exclude=_NOT_BOOKED)
	mapped: list[dict[str, Any]] = []
	if channel.fields:
		mapped.append(mapped_values(channel, "Sales Order", order.custom))
		mapped += [mapped_values(channel, "Sales Order Item", line.custom) for line in order.lines]
	return _digest(f"{booked}{json.dumps(mapped, default=str)}")


def _digest(text: str) -> str:
	"""160 bits: a fingerprint of three is kept in a field of 140 characters."""
	return hashlib.sha256(text.encode()).hexdigest()[:40]


def _follow(erp: Erp, channel: Channel, told: Order, entry: Entry, record: Record) -> Outcome:
	state = _document_of(erp, record)
	standing = bool(record.document) and not record.cancelled
	view = _view(erp, channel, told, record, state)
	order = view.order
	if view.taken and state:
		state = erp.get_sales_order(state.name)  # drafts of ours may be gone
	fingerprint = fingerprint_of(channel, order, record.fingerprint)
	seen = replace(
		record,
		version=order.version,
		source_time=order.updated_at,
		fingerprint=fingerprint,
		cancelled=False,
		shop_total=order.total,
		currency=order.currency,
		placed_on=_placed_on(channel, order),
		order_id=order.id,
	)
	if view.nothing_left:
		return _without_goods(erp, channel, view, seen, state if standing else None)
	if order.money_gone and record.fingerprint != ADOPTED and not view.known:
		message = _without_money(order.money_gone, state if standing else None)
		if not record.document:
			return _left_out(erp, channel, order, message)
		return _outcome("Skipped", message, record, order)
	if standing:
		kept = _why_kept(record, state, fingerprint)
		if view.explained:
			seen = replace(seen, fingerprint=record.fingerprint, shop_total=record.shop_total)
			kept = "Succeeded", "Nothing to change: what was given back of it is booked by itself"
		if kept:
			return _keep(erp, channel, view, seen, record, state, kept)
		_refuse_if_fixed(record, state, order)
	elif state and state.status == "Submitted" and (state.billed or state.delivered):
		raise Rejected(
			f"The storefront opened this order again, but {_called(state)} was settled when it was cancelled: it is "
			f"{_standing(state)}. Make a new {state.doctype} by hand for what is to be sent, then skip this entry."
		)
	try:
		plan = _plan(erp, channel, with_known_items(erp, channel, order, state), entry, state)
	except (Rejected, Misconfigured) as error:
		if not _goods_gone(order) or (state is None and not isinstance(error, NothingToBook)):
			raise
		return _hold_charges(erp, channel, order, seen, state, error)
	if state:
		erp.forget_pushed(channel.name, state.name)
	booked = _book(erp, channel, order, plan, state)
	erp.forget_pushed(channel.name, booked.name)
	erp.save_record(replace(seen, doctype=plan.document, document=booked.name, data=_data(channel, order)))
	save_taken(erp, channel, view.taken)
	said = f"{plan.document} {booked.name} {'changed' if state else 'made'}, {written(booked.grand_total, order.currency)}"
	return Outcome(
		"Succeeded",
		f"{said}{_given_back(view)}{_not_billed(channel, plan.document)}",
		reference_doctype=plan.document,
		reference_name=booked.name,
		external_number=order.number,
	)


def _document_of(erp: Erp, record: Record) -> SalesOrderState | None:
	"""The document that stands for the order.

	:raises Rejected: its name is another document's by now, which is none of the order's business
	"""
	state = erp.get_sales_order(record.document) if record.document else None
	if state and record.doctype and state.doctype != record.doctype:
		raise Rejected(
			f"This order is {record.doctype} {record.document}, but there is a {state.doctype} of the same name, which would "
			"be taken for it. Rename that one, then retry."
		)
	return state


def _view(erp: Erp, channel: Channel, order: Order, record: Record, state: SalesOrderState | None) -> View:
	"""The order less what was given back, where the Sales Order can still say it; drafts of ours make way for that."""
	if state and state.drafts and any(not known.is_off for known in refunds_of(erp, channel, order, record)):
		state = release(erp, channel, order.id, state)
	return view_of(erp, channel, order, record, state)


def _data(channel: Channel, order: Order) -> str | None:
	"""What was sold, where it may have to be credited."""
	return sold_data(order) if channel.refunds.credit_notes else None


def _keep(
	erp: Erp,
	channel: Channel,
	view: View,
	seen: Record,
	record: Record,
	state: SalesOrderState | None,
	kept: tuple[str, str],
) -> Outcome:
	"""The Sales Order stays as it is."""
	reached, message = kept
	order = view.order
	if state and reached == "Succeeded":
		message += _not_billed(channel, state.doctype)
	if record.fingerprint == ADOPTED and state and state.status != "Cancelled":
		_name_rows(erp, channel, order, state.name)
	erp.save_record(seen)
	save_taken(erp, channel, view.taken)
	if reached == "Succeeded":
		message += _given_back(view)
	if order.refunded and state:
		# What was given back may have been put back on the shop's shelf: here it is sold until a person says so.
		erp.push_again(channel.name, state.name)
	return _outcome(reached, message, record, order)


def _without_goods(
	erp: Erp, channel: Channel, view: View, seen: Record, state: SalesOrderState | None
) -> Outcome:
	"""All of the order was given back before anything was sent or billed of it: nothing is to be sent."""
	if not seen.document:
		return _left_out(erp, channel, view.order, "All of it was given back: not imported")
	save_taken(erp, channel, view.taken)
	erp.save_record(replace(seen, cancelled=True))
	message = "All of it was given back in the storefront"
	if state is None or state.status == "Cancelled":
		return _outcome("Succeeded", f"{message}: cancelled already", seen, view.order)
	erp.forget_pushed(channel.name, state.name)
	erp.cancel_sales_order(state.name)
	return _outcome(
		"Succeeded",
		f"{message}: {_called(state)} cancelled, so that nothing is sent",
		seen,
		view.order,
	)


def _name_rows(erp: Erp, channel: Channel, order: Order, sales_order: str) -> None:
	"""Rows of a Sales Order that another connector made learn which line they are: shipments are told by line."""
	keys = {key_of(line): line for line in order.lines}
	items = erp.find_items(channel, keys)
	lines = [
		(line.id, items[key_of(line)].item_code, line.quantity)
		for line in order.lines
		if key_of(line) in items
	]
	matched, left = match_rows(erp.unnamed_rows(sales_order), lines)
	waiting = [row.item_code for row in left if row.waits]
	if waiting:
		raise Rejected(
			f"Sales Order {sales_order} was made by another connector, and these rows of it are no lines of the "
			f"shop's order: {', '.join(waiting)}. Link the Items to the shop's products, or deliver and close the order "
			"by hand; then retry."
		)
	erp.name_rows(matched)


def _why_kept(record: Record, state: SalesOrderState | None, fingerprint: str) -> tuple[str, str] | None:
	"""State and message where the document is left as it is, or None where it has to change."""
	if fingerprint != record.fingerprint and record.fingerprint != ADOPTED:
		return None
	if state is None:
		return "Skipped", f"{record.doctype} {record.document} was deleted in ERPNext"
	if state.status == "Cancelled":
		return "Skipped", f"{_called(state)} was cancelled in ERPNext"
	if record.fingerprint == ADOPTED:
		return "Succeeded", "Taken over as it is: the Sales Order follows the shop from the next change on"
	return "Succeeded", f"Nothing to change: the {state.doctype} says this already"


def _called(state: SalesOrderState) -> str:
	return f"{state.doctype} {state.name}"


def _not_billed(channel: Channel, document: OrderDocument) -> str:
	"""Said of a Sales Order that was there before the policy: no rule of the channel bills it."""
	if document != SALES_ORDER or channel.invoices.when != INSTEAD:
		return ""
	return (
		". It stays a Sales Order: bill it by hand, this channel makes Sales Invoices instead of Sales Orders"
	)


def _given_back(view: View) -> str:
	"""What is left for a person to do of money that the Sales Order does not know to be gone."""
	if not view.order.refunded or view.known:
		return ""
	return (
		f". {written(view.order.refunded, view.order.currency)} was given back in the storefront: make the return and the "
		"credit note by hand until refunds are booked"
	)


def _without_money(gone: str, state: SalesOrderState | None) -> str:
	"""Why nothing is done about an order without its money. Raises `Rejected` where its Sales Order still stands."""
	if state is None:
		return f"{_MONEY_GONE[gone]}: not imported"
	if state.status == "Cancelled":
		return f"{_MONEY_GONE[gone]}, and {_called(state)} is cancelled"
	standing = _standing(state)
	if standing:
		advice = (
			f"It is {standing}. Refunds are not booked yet: make the return and the credit note for what was "
			"given back by hand, then skip this entry"
			if gone == "refunded"
			else f"It is {standing}. Cancel or return these, and the {state.doctype}, or collect the payment in another way; then skip this entry"
		)
	else:
		advice = "If nothing is to be sent, cancel it, then retry; if the goods are sent all the same, skip this entry"
	raise Rejected(f"{_MONEY_GONE[gone]}. {_called(state)} still stands with them. {advice}.")


def _goods_gone(order: Order) -> bool:
	"""Whether all lines were taken back, and only charges are left."""
	return bool(order.lines) and not any(line.quantity for line in order.lines)


def _charges_left(order: Order) -> str:
	charges = [
		(f'shipping "{line.title or line.code or ""}"', line.amount) for line in order.shipping if line.amount
	]
	charges += [(f'fee "{fee.title or fee.code or ""}"', fee.amount) for fee in order.fees if fee.amount]
	named = ", ".join(f"{name} {written(amount, order.currency)}" for name, amount in charges)
	return (
		f"All goods of this order were taken back. What is left of it is {written(order.total, order.currency)}"
		f"{f' ({named})' if named else ''}."
	)


def _hold_charges(
	erp: Erp,
	channel: Channel,
	order: Order,
	seen: Record,
	state: SalesOrderState | None,
	error: Rejected | Misconfigured,
) -> Outcome:
	"""Charges that cannot be booked by themselves are held; the goods they came with must not be sent.

	The Sales Order is cancelled, and the record is that of a moment before: the entry may be retried, and what is
	older than it brings no goods back.
	"""
	message = _charges_left(order)
	if state and state.status != "Cancelled":
		erp.forget_pushed(channel.name, state.name)
		erp.cancel_sales_order(state.name)
	if state:
		message += f" {_called(state)} was cancelled, so that nothing of it is sent."
		before = None if order.version is None else order.version - 1
		erp.save_record(
			replace(
				seen, version=before, source_time=order.updated_at - _MOMENT, fingerprint=None, cancelled=True
			)
		)
	if isinstance(error, NothingToBook):
		message += (
			f" A {_document(channel, state)} needs an item: choose one instead of an account in Shipping Methods and Fees of the "
			"channel, then retry; or book the charge by hand and skip this entry."
		)
	else:
		message += f" {error}"
	return Outcome(
		"Failed",
		message,
		"Misconfigured" if isinstance(error, Misconfigured) else "Rejected",
		reference_doctype=seen.doctype,
		reference_name=seen.document,
		external_number=order.number,
	)


def _refuse_if_fixed(record: Record, state: SalesOrderState | None, order: Order) -> None:
	"""Raises `Rejected` where the Sales Order cannot follow by itself; says what a person must do."""
	if state is None or state.status == "Cancelled":
		done = "deleted" if state is None else "cancelled"
		raise Rejected(
			f"The storefront changed this order, but {record.doctype} {record.document} was {done} in ERPNext. "
			f"Cancel the order in the storefront, or make a new {record.doctype} by hand and skip this entry."
		)
	what = f"{_charges_left(order)} " if _goods_gone(order) else ""
	by_hand = "make the change by hand and skip this entry"
	if state.doctype != SALES_ORDER:
		by_hand = "Make a credit note of what is less, a Sales Invoice of what is more, and skip this entry"
	_refuse_while(state, "follow the storefront's change", by_hand, what)


def _standing(state: SalesOrderState) -> str:
	"""What keeps the document as it is, in words; a Sales Invoice is its own bill, and with Update Stock its own delivery."""
	sent = "submitted, and its goods left with it"
	own = sent if state.name in state.delivered else "submitted" if state.name in state.billed else ""
	others = (
		("delivered by", state.delivered),
		("billed by", state.billed),
		("in preparation in", state.drafts),
	)
	named = [(title, [name for name in names if name != state.name]) for title, names in others]
	return "; ".join(filter(None, (own, *(f"{title} {', '.join(names)}" for title, names in named if names))))


def _refuse_while(state: SalesOrderState, purpose: str, otherwise: str, what: str = "") -> None:
	"""
	:param otherwise: of a Sales Order, what may be done instead of cancelling the documents; of a Sales Invoice all the advice
	"""
	standing = _standing(state)
	if standing:
		if state.doctype == SALES_ORDER:
			otherwise = f"Cancel or delete these documents, then retry; or {otherwise}"
		raise Rejected(f"{what}{_called(state)} cannot {purpose}: it is {standing}. {otherwise}.")


def _book(
	erp: Erp, channel: Channel, order: Order, plan: SalesOrderPlan, state: SalesOrderState | None
) -> Booked:
	booked = (
		erp.replace_sales_order(channel, state.name, plan) if state else erp.create_sales_order(channel, plan)
	)
	if (booked.grand_total, booked.total_taxes) != (plan.amounts.grand_total, plan.amounts.total_taxes):
		raise TotalsDiffer(
			f"Totals differ: the storefront says {written(plan.amounts.grand_total, order.currency)} "
			f"(taxes {written(plan.amounts.total_taxes, order.currency)}), "
			f"ERPNext makes {written(booked.grand_total, order.currency)} "
			f"(taxes {written(booked.total_taxes, order.currency)}) of it. Look for Item Tax Templates or Pricing Rules on the items.",
			document=booked.grand_total,
		)
	return booked


def _plan(
	erp: Erp, channel: Channel, order: Order, entry: Entry, state: SalesOrderState | None
) -> SalesOrderPlan:
	items = find_items(erp, channel, order)
	amounts = plan_amounts(
		order,
		channel,
		items,
		decimals_of(order.currency),
		accepted=entry.accepted_difference,
		rounding=erp.rounding(),
	)
	placed = _placed_on(channel, order)
	parties = _parties(erp, channel, order, state)
	document = _document(channel, state)
	direct = document != SALES_ORDER
	return SalesOrderPlan(
		channel=channel.name,
		company=channel.company,
		external_id=order.id,
		external_number=order.number,
		customer=parties.customer,
		contact=parties.contact,
		billing_address=parties.billing_address,
		shipping_address=parties.shipping_address,
		currency=order.currency,
		conversion_rate=erp.exchange_rate(channel, order.currency, placed),
		price_list=channel.price_list,
		transaction_date=placed,
		delivery_date=max(order.delivery_date or placed, placed),
		naming_series=channel.invoices.naming_series if direct else channel.naming_series,
		cost_center=channel.cost_center,
		amounts=amounts,
		submit=channel.invoices.submit if direct else channel.orders.submit,
		afterwards="Nothing" if direct else channel.orders.afterwards,
		own_numbering=not direct and channel.orders.numbering == "In its own transaction",
		note=order.note,
		values=mapped_values(channel, "Sales Order", order.custom),
		document=document,
		update_stock=direct and channel.invoices.update_stock,
	)


def _document(channel: Channel, state: SalesOrderState | None) -> OrderDocument:
	"""What stands for an order: what it was made as, else what the policy says."""
	if state:
		return state.doctype
	return "Sales Invoice" if channel.invoices.when == INSTEAD else SALES_ORDER


def _parties(erp: Erp, channel: Channel, order: Order, state: SalesOrderState | None) -> Parties:
	"""Who the Sales Order is for: whom the shop names, or where it names nobody now, as before."""
	if state and is_withheld(order):
		return state.parties
	customer, contact = ensure_customer(erp, channel, order)
	shipping = order.shipping_address or order.billing_address
	billing = order.billing_address or order.shipping_address
	return Parties(
		customer,
		contact,
		erp.ensure_address(customer, billing, "Billing") if billing else None,
		erp.ensure_address(customer, shipping, "Shipping") if shipping else None,
	)


def _placed_on(channel: Channel, order: Order) -> date:
	"""A day of the site."""
	moment = order.placed_at or order.updated_at
	return moment.astimezone(ZoneInfo(channel.time_zone)).date()


def apply_cancellation(erp: Erp, channel: Channel, cancellation: OrderCancellation) -> Outcome:
	"""Cancels the order's document, or remembers a cancellation that came before its order. What was billed is credited."""
	record = erp.get_record(channel.name, RECORD_TYPE, cancellation.id)
	if record and is_stale(record, cancellation.version, cancellation.updated_at, cancellation=True):
		return Outcome("Skipped", "Stale: a newer state of this order was applied already")
	return _cancel(erp, channel, cancellation, record, None)


def _cancel(
	erp: Erp, channel: Channel, told: Order | OrderCancellation, record: Record | None, order: Order | None
) -> Outcome:
	known = record or Record(channel.name, RECORD_TYPE, told.id, order_id=told.id)
	seen = replace(known, version=told.version, source_time=told.updated_at)
	state = _document_of(erp, known)
	if state is None or state.status == "Cancelled" or known.cancelled:
		if state:
			# Cancelled here first: its pieces were sent before the shop put them back, and counted them twice.
			erp.push_again(channel.name, state.name)
		erp.save_record(replace(seen, cancelled=True))
		message = "Cancelled already" if known.document else "Cancelled before it was seen here: not imported"
		return _outcome("Succeeded", message, known, order)
	settled = settle_billed(erp, channel, known, state, order, told.updated_at)
	if settled:
		erp.save_record(replace(seen, cancelled=settled.cancelled))
		return _outcome("Succeeded", settled.message, known, order)
	by_hand = "settle it with the customer and skip this entry"
	if state.doctype != SALES_ORDER:
		by_hand = f"Cancel it, then retry; or make its credit note, {by_hand}"
	_refuse_while(erp.get_sales_order(state.name) or state, "be cancelled", by_hand)
	erp.forget_pushed(channel.name, state.name)
	erp.cancel_sales_order(state.name)
	erp.save_record(replace(seen, cancelled=True))
	return _outcome("Succeeded", f"{_called(state)} cancelled", known, order)


def _outcome(state: Any, message: str, record: Record, order: Order | None) -> Outcome:
	return Outcome(
		state,
		message,
		reference_doctype=record.doctype,
		reference_name=record.document,
		external_number=order.number if order else None,
	)
