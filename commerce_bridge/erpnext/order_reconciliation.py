"""What the shop says its orders come to, and what ERPNext has of them.

The shop's total of an order that is booked is kept on its Channel Record, that of one that is not in the details of
its Sync Log. Four queries, whatever the number of orders; those that are booked are read one after another.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import frappe

from commerce_bridge.bridge.details import Details
from commerce_bridge.bridge.orders import RECORD_TYPE
from commerce_bridge.erpnext import channel_record
from commerce_bridge.erpnext.channel_settings import decimal
from commerce_bridge.erpnext.sync_log import UNFINISHED

CANCELLED = 2
EQUAL, DIFFERS, HELD, FAILED, WAITING, MISSING = (
	"Equal",
	"Differs",
	"Held",
	"Failed",
	"Waiting",
	"Not in ERPNext",
)
ENTRIES = """SELECT name, channel, external_id, state, message, details FROM `tabSync Log`
	WHERE state IN %(unfinished)s AND direction = 'Inbound' AND details IS NOT NULL AND channel IN %(channels)s
	ORDER BY creation, name"""
#: What was cancelled after it was billed stands still: the Sales Order is closed, the invoice instead of it credited.
RECORDS = """SELECT record.name, record.channel, record.external_id, record.shop_total, record.currency,
		record.placed_on, record.cancelled, record.document_type AS doctype,
		COALESCE(booked.name, billed.name) AS document,
		IF(record.cancelled AND booked.status = 'Closed', 0, COALESCE(booked.grand_total, billed.grand_total
			+ IF(record.cancelled, COALESCE((SELECT SUM(note.grand_total) FROM `tabSales Invoice` note
				WHERE note.return_against = billed.name AND note.docstatus = 1), 0), 0))) AS grand_total,
		COALESCE(booked.docstatus, billed.docstatus) AS docstatus,
		COALESCE(booked.currency, billed.currency) AS document_currency,
		COALESCE(booked.cb_external_number, billed.cb_external_number) AS external_number
	FROM `tabChannel Record` record
	LEFT JOIN `tabSales Order` booked
		ON record.document_type = 'Sales Order' AND booked.name = record.document_name
	LEFT JOIN `tabSales Invoice` billed
		ON record.document_type = 'Sales Invoice' AND billed.name = record.document_name
	WHERE record.record_type = %(type)s"""
NAMED = f"{RECORDS} AND record.name IN %(names)s"
PLACED = f"""{RECORDS} AND record.placed_on BETWEEN %(first)s AND %(last)s AND record.channel IN %(channels)s
	AND record.currency IS NOT NULL ORDER BY record.placed_on DESC, record.name"""
#: Entries that ended before it was known which order they are, or what it comes to.
UNREAD = """SELECT COUNT(*) FROM `tabSync Log` WHERE state = 'Failed' AND direction = 'Inbound' AND details IS NULL
	AND error_class = 'Unexpected' AND channel IN %(channels)s"""


@dataclass(frozen=True, slots=True)
class Compared:
	"""An order: amounts in its currency, `booked` 0 where no document of it stands.

	`difference` is None where the document is in another currency; `to_accept` is what a Manager may accept. `doctype`
	is that of the document: a Sales Order, or the Sales Invoice instead of it.
	"""

	channel: str
	external_id: str
	number: str
	placed_on: date
	currency: str
	shop_total: Decimal
	booked: Decimal
	difference: Decimal | None
	state: str
	document: str | None = None
	doctype: str | None = None
	log: str | None = None
	message: str | None = None
	to_accept: Decimal | None = None


def compare(channels: Sequence[str], first: date, last: date) -> Iterator[Compared]:
	"""The orders placed on these days of the site: first those that wait or failed, then the booked ones, the
	youngest first. Nothing else may be read while this is iterated."""
	if not channels:
		return
	entries = _entries(channels)
	records = _named(list(entries))
	for name, (entry, details) in entries.items():
		compared = _of_entry(entry, details, records.get(name))
		if first <= compared.placed_on <= last:
			yield compared
	values = {"type": RECORD_TYPE, "first": first, "last": last, "channels": tuple(channels)}
	with frappe.db.unbuffered_cursor():
		for row in frappe.db.sql(PLACED, values, as_dict=True, as_iterator=True):
			if row.name not in entries:
				yield _of_record(row)


def unread(channels: Sequence[str]) -> int:
	"""Failed entries of which the total is not known."""
	return frappe.db.sql(UNREAD, {"channels": tuple(channels) or ("",)})[0][0]


def _entries(channels: Sequence[str]) -> dict[str, tuple[Any, Details]]:
	"""The newest unfinished entry of each order, by the name of its Channel Record."""
	values = {"unfinished": UNFINISHED, "channels": tuple(channels)}
	found: dict[str, tuple[Any, Details]] = {}
	for row in frappe.db.sql(ENTRIES, values, as_dict=True):
		details = Details.model_validate_json(row.details)
		if details.order:
			key = channel_record.name_of(row.channel, RECORD_TYPE, row.external_id or row.name)
			found[key] = (row, details)
	return found


def _named(names: Sequence[str]) -> dict[str, Any]:
	values = {"type": RECORD_TYPE, "names": tuple(names) or ("",)}
	return {row.name: row for row in frappe.db.sql(NAMED, values, as_dict=True)}


def _of_entry(entry: Any, details: Details, record: Any) -> Compared:
	totals = details.order
	assert totals
	booked, other = _booked(record, totals.currency)
	state = FAILED if entry.state == "Failed" else WAITING
	if state == FAILED and totals.document_total is not None:
		state = HELD
	return Compared(
		channel=entry.channel,
		external_id=entry.external_id or "",
		number=totals.number,
		placed_on=totals.placed_on,
		currency=totals.currency,
		shop_total=totals.total,
		booked=booked,
		difference=None if other else totals.total - booked,
		state=state,
		document=record.document if record else None,
		doctype=record.doctype if record else None,
		log=entry.name,
		message=entry.message,
		to_accept=totals.difference if state == HELD else None,
	)


def _of_record(row: Any) -> Compared:
	shop_total = Decimal(0) if row.cancelled else decimal(row.shop_total)
	booked, other = _booked(row, row.currency)
	stands = row.document and row.docstatus != CANCELLED
	if shop_total == booked and not other:
		state = EQUAL
	else:
		state = DIFFERS if stands else MISSING
	return Compared(
		channel=row.channel,
		external_id=row.external_id,
		number=row.external_number or row.external_id,
		placed_on=row.placed_on,
		currency=row.currency,
		shop_total=shop_total,
		booked=booked,
		difference=None if other else shop_total - booked,
		state=state,
		document=row.document,
		doctype=row.doctype,
	)


def _booked(row: Any, currency: str) -> tuple[Decimal, bool]:
	"""What stands in ERPNext, and whether that is in another currency."""
	if not row or not row.document or row.docstatus == CANCELLED:
		return Decimal(0), False
	if row.document_currency != currency:
		return Decimal(0), True
	return decimal(row.grand_total), False
