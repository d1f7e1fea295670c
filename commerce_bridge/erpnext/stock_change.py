"""DocType Stock Change: the outbox of items whose stock, price or content may have changed.

A document's events collect; one multi-row insert writes them at its commit, in the same transaction. A
rolled-back save leaves nothing. No HTTP, no lock, and no insert where no channel shows stock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import frappe

from commerce_bridge.bridge.protocols import Kind, NewEntry
from commerce_bridge.erpnext import channel_settings, sql, wake

DOCTYPE = "Stock Change"
Change = tuple[Kind, str, str]


@dataclass(slots=True)
class Collected:
	"""What the open transaction changed: (kind, item, warehouse) → the voucher that did, and documents to tell of."""

	changes: dict[Change, tuple[str, str]] = field(default_factory=dict)
	documents: list[NewEntry] = field(default_factory=list)
	later: dict[tuple[str, ...], Callable[[], list[NewEntry]]] = field(default_factory=dict)


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


def on_subcontracting_order(doc: Any, method: str | None = None) -> None:
	"""The materials a supplier is to be given are reserved; what he makes of them is on order."""
	for row in doc.get("supplied_items") or ():
		note(row.rm_item_code, row.reserve_warehouse or "", doc.doctype, doc.name)
	_note_ordered(doc)


def on_production_plan(doc: Any, method: str | None = None) -> None:
	"""A plan reserves its raw materials and sub-assemblies."""
	for row in doc.get("mr_items") or ():
		note(row.item_code, row.warehouse or "", doc.doctype, doc.name)
	for row in doc.get("sub_assembly_items") or ():
		note(row.production_item, row.fg_warehouse or "", doc.doctype, doc.name)


def on_purchase_order(doc: Any, method: str | None = None) -> None:
	"""What is on order counts where a channel offers it; materials for a subcontractor are reserved."""
	for row in doc.get("supplied_items") or ():
		note(row.rm_item_code, row.reserve_warehouse or "", doc.doctype, doc.name)
	_note_ordered(doc)


def _note_ordered(doc: Any) -> None:
	if channel_settings.preorder_channels():
		for row in doc.items:
			note(row.item_code, row.warehouse or "", doc.doctype, doc.name)


def on_row_removed(doc: Any, method: str | None = None) -> None:
	"""Update Items took a row off a submitted order: the saved order does not know of it any more."""
	parts = frappe.get_all(
		"Packed Item", {"parent": doc.parent, "parent_detail_docname": doc.name}, pluck="item_code"
	)
	for item_code in (doc.item_code, *parts):
		note(item_code, doc.warehouse or "", doc.parenttype, doc.parent)


def on_repost(doc: Any, method: str | None = None) -> None:
	"""Repost Item Valuation is done: it rewrote Bins by SQL."""
	if doc.status != "Completed":
		return
	items = [doc.item_code] if doc.item_code else _items_of(doc.voucher_type, doc.voucher_no)
	for item_code in items:
		note(item_code, doc.warehouse or "", doc.doctype, doc.name)


def _items_of(voucher_type: str, voucher_no: str) -> list[str]:
	values = {"voucher_type": voucher_type, "voucher_no": voucher_no}
	return frappe.get_all("Stock Ledger Entry", values, pluck="item_code", distinct=True)


def on_item(doc: Any, method: str | None = None, *renamed: Any) -> None:
	"""An item or a bundle was changed: what it shows may differ."""
	note(doc.get("new_item_code") or doc.name, "", doc.doctype, doc.name)


def note_order(doc: Any, method: str | None = None) -> None:
	"""The items of a Sales Order, and the components of its bundles."""
	for row in (*doc.items, *(doc.get("packed_items") or ())):
		note(row.item_code, row.warehouse or "", doc.doctype, doc.name)


def note(
	item_code: str | None, warehouse: str, voucher_type: str, voucher_no: str, kind: Kind = "stock"
) -> None:
	"""Collects one item of the open transaction."""
	collected = getattr(frappe.local, "commerce_bridge_collected", None)
	shown = (
		bool(collected and collected.changes) or channel_settings.listing_channels()
	)  # asked once a transaction
	if item_code and shown:
		_collected().changes[(kind, item_code, warehouse)] = (voucher_type, voucher_no)


def queue_document(entry: NewEntry) -> None:
	"""Collects a document the storefront is to be told of."""
	_collected().documents.append(entry)


def queue_later(key: tuple[str, ...], entries: Callable[[], list[NewEntry]]) -> None:
	"""Collects a document whose entries are made when the transaction is about to be committed: however often it
	is saved until then, it is told once, as it ends up."""
	_collected().later[key] = entries


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
		{
			"kind": kind,
			"item_code": item,
			"warehouse": warehouse,
			"voucher_type": voucher_type,
			"voucher_no": voucher_no,
		}
		for (kind, item, warehouse), (voucher_type, voucher_no) in collected.changes.items()
	]
	sql.insert_rows(DOCTYPE, rows)
	told = [entry for entries in collected.later.values() for entry in entries()]
	FrappeJournal().record([*collected.documents, *told])
	frappe.db.after_commit.add(wake.wake)


def take(limit: int) -> dict[Kind, list[str]]:
	"""Removes up to `limit` rows, oldest first, and returns their items by kind, each once.

	Read without locks and deleted by primary key: a locking scan would lock the gaps that users' transactions
	insert into. The caller holds a named lock, so that nobody else collects meanwhile.
	"""
	rows = frappe.db.sql(
		f"SELECT name, kind, item_code FROM `tabStock Change` ORDER BY creation LIMIT {int(limit)}"
	)
	sql.delete_rows(DOCTYPE, [name for name, _kind, _item in rows])
	taken: dict[Kind, dict[str, None]] = {}
	for _name, kind, item in rows:
		taken.setdefault(kind, {})[item] = None
	return {kind: list(items) for kind, items in taken.items()}


def is_waiting() -> bool:
	return bool(frappe.db.sql("SELECT name FROM `tabStock Change` LIMIT 1"))


def add_items(items: Iterable[str], reason: str, kind: Kind = "stock") -> None:
	"""Puts items into the outbox whatever moved; part of the caller's transaction."""
	rows = [
		{"kind": kind, "item_code": item, "warehouse": "", "voucher_type": reason, "voucher_no": ""}
		for item in items
	]
	sql.insert_rows(DOCTYPE, rows)
