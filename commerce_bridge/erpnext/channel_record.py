"""DocType Channel Record: which external id is which document. Its name is a hash of the key."""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import frappe

from commerce_bridge.bridge.payments import RECORD_TYPE as PAYMENT
from commerce_bridge.bridge.plan import Record
from commerce_bridge.erpnext import sql
from commerce_bridge.erpnext.channel_settings import decimal
from commerce_bridge.erpnext.time import from_site, to_site

DOCTYPE = "Channel Record"
CHANGING = (
	"document_type",
	"document_name",
	"version",
	"source_time",
	"fingerprint",
	"cancelled",
	"shop_total",
	"currency",
	"placed_on",
	"order_id",
	"reference",
	"data",
	"modified",
)
COLUMNS = """SELECT name, document_type, document_name, version, source_time, fingerprint, cancelled, shop_total,
	currency, placed_on, order_id, data"""
SELECT = f"{COLUMNS} FROM `tabChannel Record` WHERE name = %s"


def name_of(channel: str, record_type: str, external_id: str) -> str:
	"""Hashed, because the collation takes "A1" and "a1 " for the same key."""
	return sha256(f"{channel}\0{record_type}\0{external_id}".encode()).hexdigest()


def get(channel: str, record_type: str, external_id: str) -> Record | None:
	"""The record, its row locked. A row that is not there is not locked: gap locks would deadlock."""
	name = name_of(channel, record_type, external_id)
	if not frappe.db.sql(SELECT, name):
		return None
	rows = frappe.db.sql(f"{SELECT} FOR UPDATE", name, as_dict=True)
	if not rows:
		return None
	return _record(channel, record_type, external_id, rows[0])


def known(channel: str, record_type: str, external_ids: Sequence[str]) -> dict[str, Record]:
	"""The records of these external ids as they are committed; nothing is locked."""
	names = {name_of(channel, record_type, external_id): external_id for external_id in external_ids}
	rows = frappe.db.sql(
		f"{COLUMNS} FROM `tabChannel Record` WHERE name IN %s", (tuple(names) or ("",),), as_dict=True
	)
	return {names[row.name]: _record(channel, record_type, names[row.name], row) for row in rows}


def of_order(channel: str, record_type: str, order_id: str) -> list[Record]:
	"""See `Erp.records_of`. Looked for without locks, then locked by primary key. The collation takes "A1" and "a1 " for
	the same order."""
	names = frappe.db.sql(
		"""SELECT name FROM `tabChannel Record` WHERE order_id = %s AND channel = %s AND record_type = %s""",
		(order_id[:140], channel, record_type),
		pluck=True,
	)
	if not names:
		return []
	rows = frappe.db.sql(
		f"""{COLUMNS}, external_id, creation FROM `tabChannel Record` FORCE INDEX (PRIMARY)
		WHERE name IN %s ORDER BY name FOR UPDATE""",
		(tuple(names),),
		as_dict=True,
	)
	rows = sorted(rows, key=lambda row: (row.creation, row.name))
	return [
		_record(channel, record_type, row.external_id, row) for row in rows if row.order_id == order_id[:140]
	]


def _record(channel: str, record_type: str, external_id: str, row: Any) -> Record:
	return Record(
		channel=channel,
		record_type=record_type,
		external_id=external_id,
		doctype=row.document_type,
		document=row.document_name,
		version=int(row.version) if row.version not in (None, "") else None,
		source_time=from_site(row.source_time),
		fingerprint=row.fingerprint,
		cancelled=bool(row.cancelled),
		shop_total=decimal(row.shop_total) if row.currency else None,
		currency=row.currency,
		placed_on=row.placed_on,
		order_id=row.order_id,
		data=row.data,
	)


def follow(doctype: str, old: str, new: str) -> None:
	"""What was the document `old` is `new` from now on: a person amended it."""
	sql.execute(
		"UPDATE `tabChannel Record` SET document_name = %s WHERE document_type = %s AND document_name = %s",
		(new, doctype, old),
	)


def on_submit(doc: Any, method: str | None = None) -> None:
	"""What a person cancelled and amended is booked as the amended document from now on."""
	if doc.get("amended_from"):
		follow(doc.doctype, doc.amended_from, doc.name)


def on_trash(doc: Any, method: str | None = None) -> None:
	"""A document that is gone is nobody's: what the storefront sends next is matched, or made, anew. Of a Payment Entry,
	which a person had to cancel first, its DocType stays: see `payments.fact_of`. An order whose document a person deleted
	stays deleted, be it a Sales Order or the invoice instead of one."""
	kept = "document_type" if doc.doctype == "Payment Entry" else "NULL"
	sql.execute(
		f"""UPDATE `tabChannel Record` SET document_name = NULL, document_type = {kept}
		WHERE document_type = %s AND document_name = %s AND record_type != 'Order'""",
		(doc.doctype, doc.name),
	)


def _reference(record: Record) -> str | None:
	"""What the gateway calls a payment."""
	told = json.loads(record.data) if record.record_type == PAYMENT and record.data else {}
	return (told.get("reference") or "")[:140] or None


def save(record: Record) -> None:
	"""Inserts the record or brings it up to date."""
	row = {
		"name": name_of(record.channel, record.record_type, record.external_id),
		"channel": record.channel,
		"record_type": record.record_type,
		"external_id": record.external_id[:140],
		"document_type": record.doctype,
		"document_name": record.document,
		"version": None if record.version is None else str(record.version),
		"source_time": to_site(record.source_time),
		"fingerprint": record.fingerprint,
		"cancelled": int(record.cancelled),
		"shop_total": record.shop_total or 0,
		"currency": record.currency,
		"placed_on": record.placed_on,
		"order_id": record.order_id[:140] if record.order_id else None,
		"reference": _reference(record),
		"data": record.data,
	}
	sql.insert_rows(DOCTYPE, [row], on_duplicate=CHANGING)
