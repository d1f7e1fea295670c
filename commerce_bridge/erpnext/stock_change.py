"""DocType Stock Change: the outbox of items whose availability may have changed.

A document's events collect; one multi-row insert writes them at its commit, in the same transaction. A
rolled-back save leaves nothing. No HTTP, no lock, and no insert where no channel shows stock.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import frappe

from commerce_bridge.bridge.protocols import NewEntry
from commerce_bridge.erpnext import channel_settings, sql, wake

DOCTYPE = "Stock Change"
Change = tuple[str, str]


@dataclass(slots=True)
class Collected:
	"""What the open transaction changed: (item, warehouse) → the voucher that did, and documents to tell of."""

	stock: dict[Change, Change] = field(default_factory=dict)
	documents: list[NewEntry] = field(default_factory=list)


def on_stock_ledger_entry(doc: Any, method: str | None = None) -> None:
	"""All stock movement ends here, cancellations included."""
	note(doc.item_code, doc.warehouse, doc.voucher_type, doc.voucher_no)


def on_reservation(doc: Any, method: str | None = None) -> None:
	"""Stock Reservation Entry was submitted or cancelled."""
	note(doc.item_code, doc.warehouse, doc.doctype, doc.name)


def on_work_order(doc: Any, method: str | None = None) -> None:
	"""Production reserves its components."""
	for row in doc.get("required_items") or ():
		note(row.item_code, row.source_warehouse or "", doc.doctype, doc.name)


def on_item(doc: Any, method: str | None = None, *renamed: Any) -> None:
	"""An item or a bundle was changed: what it shows may differ."""
	note(doc.get("new_item_code") or doc.name, "", doc.doctype, doc.name)


def note_order(doc: Any, method: str | None = None) -> None:
	"""The items of a Sales Order, and the components of its bundles."""
	for row in (*doc.items, *(doc.get("packed_items") or ())):
		note(row.item_code, row.warehouse or "", doc.doctype, doc.name)


def note(item_code: str | None, warehouse: str, voucher_type: str, voucher_no: str) -> None:
	"""Collects one item of the open transaction."""
	collected = getattr(frappe.local, "commerce_bridge_collected", None)
	shown = (
		bool(collected and collected.stock) or channel_settings.pushing_channels()
	)  # asked once a transaction
	if item_code and shown:
		_collected().stock[(item_code, warehouse)] = (voucher_type, voucher_no)


def queue_document(entry: NewEntry) -> None:
	"""Collects a document the storefront is to be told of."""
	_collected().documents.append(entry)


def _collected() -> Collected:
	collected = getattr(frappe.local, "commerce_bridge_collected", None)
	if collected is None:
		collected = frappe.local.commerce_bridge_collected = Collected()
		frappe.db.before_commit.add(_write)
		frappe.db.before_rollback.add(_drop)
	return collected


def _drop() -> None:
	frappe.local.commerce_bridge_collected = None


def _write() -> None:
	from commerce_bridge.erpnext.sync_log import FrappeJournal

	collected = frappe.local.commerce_bridge_collected
	_drop()
	rows = [
		{"item_code": item, "warehouse": warehouse, "voucher_type": kind, "voucher_no": name}
		for (item, warehouse), (kind, name) in collected.stock.items()
	]
	sql.insert_rows(DOCTYPE, rows)
	FrappeJournal().record(collected.documents)
	frappe.db.after_commit.add(wake.wake)


def take(limit: int) -> list[str]:
	"""Removes up to `limit` rows, oldest first, and returns their items, each once.

	Read without locks and deleted by primary key: a locking scan would lock the gaps that users' transactions
	insert into. The caller holds a named lock, so that nobody else collects meanwhile.
	"""
	rows = frappe.db.sql(
		f"SELECT name, item_code FROM `tabStock Change` ORDER BY creation LIMIT {int(limit)}"
	)
	if rows:
		sql.execute(
			"DELETE changed FROM `tabStock Change` changed FORCE INDEX (PRIMARY) WHERE changed.name IN %s",
			(tuple(name for name, _item in rows),),
		)
	return list(dict.fromkeys(item for _name, item in rows))


def is_waiting() -> bool:
	return bool(frappe.db.sql("SELECT name FROM `tabStock Change` LIMIT 1"))


def add_items(items: Iterable[str], reason: str) -> None:
	"""Puts items into the outbox whatever moved; part of the caller's transaction."""
	rows = [{"item_code": item, "warehouse": "", "voucher_type": reason, "voucher_no": ""} for item in items]
	sql.insert_rows(DOCTYPE, rows)
