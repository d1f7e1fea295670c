"""An order event meets its Sales Order: made, followed, kept, cancelled, or refused with what to do."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from commerce_bridge.bridge.channel import Channel
from commerce_bridge.bridge.customers import ensure_customer
from commerce_bridge.bridge.errors import Misconfigured, Rejected, TotalsDiffer
from commerce_bridge.bridge.mapping import mapped_values
from commerce_bridge.bridge.model import Order, OrderCancellation
from commerce_bridge.bridge.money import decimals_of, written
from commerce_bridge.bridge.plan import Booked, Item, ItemKey, Record, SalesOrderPlan, SalesOrderState
from commerce_bridge.bridge.protocols import Entry, Erp, Outcome
from commerce_bridge.bridge.totals import key_of, plan_amounts
from commerce_bridge.bridge.versions import is_stale

RECORD_TYPE = "Order"
#: What changes without the Sales Order having to change.
_NOT_BOOKED = {
	"version": True,
	"updated_at": True,
	"status": True,
	"payments": True,
	"custom": True,
	"customer": {
		"custom",
		"first_name",
		"last_name",
		"phone",
		"company",
		"tax_id",
		"addresses",
		"updated_at",
	},
	"lines": {"__all__": {"custom"}},
}


def apply_order(erp: Erp, channel: Channel, order: Order, entry: Entry) -> Outcome:
	"""Brings the Sales Order of an order to what the storefront says now.

	:raises TotalsDiffer: the document would not equal the order; nothing is kept of it
	:raises Rejected: what stands on the Sales Order keeps it from following; says which documents
	:raises Misconfigured: items, accounts, rates are missing; says all of them
	"""
	record = erp.get_record(channel.name, RECORD_TYPE, order.id)
	if record and is_stale(record, order.version, order.updated_at, cancellation=order.cancelled):
		return _outcome("Skipped", "Stale: a newer state of this order was applied already", record, order)
	if order.cancelled:
		return _cancel(erp, channel, order.id, order.version, order.updated_at, record, order.number)
	if record is None:
		unwanted = why_unwanted(channel, order)
		if unwanted:
			return Outcome("Skipped", unwanted, external_number=order.number)
		record = Record(channel.name, RECORD_TYPE, order.id)
	return _follow(erp, channel, order, entry, record)


def why_unwanted(channel: Channel, order: Order) -> str | None:
	"""Why the channel's policy does not take the order in, or None. An order once taken in is followed."""
	policy = channel.orders
	if policy.statuses and order.status not in policy.statuses:
		return f'Orders with status "{order.status}" are not imported by this channel'
	placed = order.placed_at or order.updated_at
	if policy.from_date and placed < policy.from_date:
		return f"Placed before {policy.from_date.date().isoformat()}, where this channel's imports begin"
	return None


def fingerprint_of(channel: Channel, order: Order) -> str:
	"""A hash of everything the Sales Order depends on: the same hash, the same document."""
	booked = order.model_dump_json(exclude=_NOT_BOOKED)
	mapped: list[dict[str, Any]] = []
	if channel.fields:
		mapped.append(mapped_values(channel, "Sales Order", order.custom))
		mapped += [mapped_values(channel, "Sales Order Item", line.custom) for line in order.lines]
	return hashlib.sha256(f"{booked}{json.dumps(mapped, default=str)}".encode()).hexdigest()


def _follow(erp: Erp, channel: Channel, order: Order, entry: Entry, record: Record) -> Outcome:
	fingerprint = fingerprint_of(channel, order)
	seen = replace(
		record,
		version=order.version,
		source_time=order.updated_at,
		fingerprint=fingerprint,
		cancelled=False,
	)
	state = erp.get_sales_order(record.document) if record.document else None
	if record.document and not record.cancelled:
		kept = _why_kept(record, state, fingerprint)
		if kept:
			erp.save_record(seen)
			return _outcome(*kept, record, order)
		_refuse_if_fixed(record, state)
	if state:
		erp.forget_pushed(channel.name, state.name)
	booked = _book(erp, channel, order, entry, state)
	erp.forget_pushed(channel.name, booked.name)
	erp.save_record(replace(seen, doctype="Sales Order", document=booked.name))
	verb = "changed" if state else "made"
	return Outcome(
		"Succeeded",
		f"Sales Order {booked.name} {verb}, {written(booked.grand_total, order.currency)}",
		reference_doctype="Sales Order",
		reference_name=booked.name,
		external_number=order.number,
	)


def _why_kept(record: Record, state: SalesOrderState | None, fingerprint: str) -> tuple[str, str] | None:
	"""State and message where the document is left as it is, or None where it has to change."""
	if fingerprint != record.fingerprint:
		return None
	if state is None:
		return "Skipped", f"Sales Order {record.document} was deleted in ERPNext"
	if state.status == "Cancelled":
		return "Skipped", f"Sales Order {record.document} was cancelled in ERPNext"
	return "Succeeded", "Nothing to change: the Sales Order says this already"


def _refuse_if_fixed(record: Record, state: SalesOrderState | None) -> None:
	"""Raises `Rejected` where the Sales Order cannot follow by itself; says what a person must do."""
	if state is None or state.status == "Cancelled":
		done = "deleted" if state is None else "cancelled"
		raise Rejected(
			f"The storefront changed this order, but Sales Order {record.document} was {done} in ERPNext. "
			"Cancel the order in the storefront, or make a new Sales Order by hand and skip this entry."
		)
	_refuse_while(state, "follow the storefront's change", "make the change by hand and skip this entry")


def _refuse_while(state: SalesOrderState, purpose: str, otherwise: str) -> None:
	standing = [
		f"{title} {', '.join(names)}"
		for title, names in (
			("delivered by", state.delivered),
			("billed by", state.billed),
			("in preparation in", state.drafts),
		)
		if names
	]
	if standing:
		raise Rejected(
			f"Sales Order {state.name} cannot {purpose}: it is {'; '.join(standing)}. "
			f"Cancel or delete these documents, then retry; or {otherwise}."
		)


def _book(erp: Erp, channel: Channel, order: Order, entry: Entry, state: SalesOrderState | None) -> Booked:
	plan = _plan(erp, channel, order, entry)
	booked = (
		erp.replace_sales_order(channel, state.name, plan) if state else erp.create_sales_order(channel, plan)
	)
	if (booked.grand_total, booked.total_taxes) != (plan.amounts.grand_total, plan.amounts.total_taxes):
		raise TotalsDiffer(
			f"Totals differ: the storefront says {written(plan.amounts.grand_total, order.currency)} "
			f"(taxes {written(plan.amounts.total_taxes, order.currency)}), "
			f"ERPNext makes {written(booked.grand_total, order.currency)} "
			f"(taxes {written(booked.total_taxes, order.currency)}) of it. Look for Item Tax Templates or Pricing Rules on the items."
		)
	return booked


def _plan(erp: Erp, channel: Channel, order: Order, entry: Entry) -> SalesOrderPlan:
	items = find_items(erp, channel, order)
	amounts = plan_amounts(
		order,
		channel,
		items,
		decimals_of(order.currency),
		accepted=entry.accepted_difference,
		rounding=erp.rounding(),
	)
	placed = _local_date(channel, order.placed_at or order.updated_at)
	customer, contact = ensure_customer(erp, channel, order)
	shipping = order.shipping_address or order.billing_address
	billing = order.billing_address or order.shipping_address
	return SalesOrderPlan(
		channel=channel.name,
		company=channel.company,
		external_id=order.id,
		external_number=order.number,
		customer=customer,
		contact=contact,
		billing_address=erp.ensure_address(customer, billing, "Billing") if billing else None,
		shipping_address=erp.ensure_address(customer, shipping, "Shipping") if shipping else None,
		currency=order.currency,
		conversion_rate=erp.exchange_rate(channel, order.currency, placed),
		price_list=channel.price_list,
		transaction_date=placed,
		delivery_date=max(order.delivery_date or placed, placed),
		naming_series=channel.naming_series,
		cost_center=channel.cost_center,
		amounts=amounts,
		submit=channel.orders.submit,
		afterwards=channel.orders.afterwards,
		own_numbering=channel.orders.numbering == "In its own transaction",
		note=order.note,
		values=mapped_values(channel, "Sales Order", order.custom),
	)


def _local_date(channel: Channel, moment: datetime) -> date:
	return moment.astimezone(ZoneInfo(channel.time_zone)).date()


def find_items(erp: Erp, channel: Channel, order: Order) -> Mapping[ItemKey, Item]:
	"""The items of all lines. Raises `Misconfigured` that names every line without one."""
	keys = {key_of(line): line for line in order.lines if line.quantity}
	items = erp.find_items(channel, keys)
	missing = [line for key, line in keys.items() if key not in items]
	if missing:
		names = ", ".join(f'"{line.sku or line.barcode or line.name or line.id}"' for line in missing)
		raise Misconfigured(
			f"No item for {names}. Create the Item, its barcode or a Channel Listing, then retry.",
			doctype="Item",
		)
	return items


def apply_cancellation(erp: Erp, channel: Channel, cancellation: OrderCancellation) -> Outcome:
	"""Cancels the Sales Order, or remembers a cancellation that came before its order."""
	record = erp.get_record(channel.name, RECORD_TYPE, cancellation.id)
	if record and is_stale(record, cancellation.version, cancellation.updated_at, cancellation=True):
		return Outcome("Skipped", "Stale: a newer state of this order was applied already")
	return _cancel(erp, channel, cancellation.id, cancellation.version, cancellation.updated_at, record, None)


def _cancel(
	erp: Erp,
	channel: Channel,
	external_id: str,
	version: int | None,
	updated_at: datetime,
	record: Record | None,
	number: str | None,
) -> Outcome:
	known = record or Record(channel.name, RECORD_TYPE, external_id)
	tombstone = replace(known, version=version, source_time=updated_at, cancelled=True)
	state = erp.get_sales_order(known.document) if known.document else None
	if state is None or state.status == "Cancelled":
		erp.save_record(tombstone)
		message = "Cancelled already" if known.document else "Cancelled before it was seen here: not imported"
		return _outcome("Succeeded", message, known, number)
	_refuse_while(state, "be cancelled", "settle it with the customer and skip this entry")
	erp.forget_pushed(channel.name, state.name)
	erp.cancel_sales_order(state.name)
	erp.save_record(tombstone)
	return _outcome("Succeeded", f"Sales Order {state.name} cancelled", known, number)


def _outcome(state: Any, message: str, record: Record, order: Order | str | None) -> Outcome:
	return Outcome(
		state,
		message,
		reference_doctype=record.doctype,
		reference_name=record.document,
		external_number=order.number if isinstance(order, Order) else order,
	)
