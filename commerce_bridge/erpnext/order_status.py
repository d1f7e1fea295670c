"""DocType Sales Order, or the Sales Invoice that stands for an order: how far ERPNext is with it, told to the tools behind
a storefront and read by them."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from typing import Any

import frappe
from frappe.utils import flt

from commerce_bridge.bridge.channel import Channel
from commerce_bridge.bridge.model import OrderStatus
from commerce_bridge.bridge.outbound import ORDER_STATUS, told_entry
from commerce_bridge.bridge.protocols import NewEntry
from commerce_bridge.erpnext import channel_settings, direct_invoice, stock_change, sync_log
from commerce_bridge.erpnext.channel_settings import decimal
from commerce_bridge.erpnext.time import from_site

DOCTYPE, SALES_INVOICE = direct_invoice.SALES_ORDER, direct_invoice.DOCTYPE
CANCELLED = 2
COLUMNS = """name, docstatus, status, per_delivered, per_billed, modified,
	cb_channel, cb_external_id, cb_external_number"""
ORDER = f"SELECT {COLUMNS} FROM `tabSales Order` WHERE name = %s"
#: The same of an invoice that stands for its order, which is billed by itself; with Update Stock it is delivered, too.
DIRECT_COLUMNS = """name, docstatus, status, IF(update_stock = 1, 100 * (docstatus = 1),
		COALESCE((SELECT 100 * SUM(LEAST(row.delivered_qty, row.qty)) / SUM(row.qty)
			FROM `tabSales Invoice Item` row
			WHERE row.parent = `tabSales Invoice`.name AND COALESCE(row.cb_line_id, '') != ''), 0)) AS per_delivered,
	100 * (docstatus = 1) AS per_billed, modified, cb_channel, cb_external_id, cb_external_number"""
DIRECT_ORDER = f"SELECT {DIRECT_COLUMNS} FROM `tabSales Invoice` WHERE name = %s AND cb_instead_of_order = 1"
#: By the order's id, which has an index; `amended_from` has none.
AMENDED = """SELECT amended_from FROM `tab{doctype}`
	WHERE cb_external_id IN %s AND amended_from IN %s"""
AMENDED_BY_NAME = "SELECT amended_from FROM `tab{doctype}` WHERE amended_from IN %s"


# --- read ------------------------------------------------------------------------------------------------


def get(name: str, channel: str | None = None) -> OrderStatus | None:
	"""See `Erp.get_order_status`."""
	rows, doctype = frappe.db.sql(ORDER, name, as_dict=True), DOCTYPE
	if not rows:
		rows, doctype = frappe.db.sql(DIRECT_ORDER, name, as_dict=True), SALES_INVOICE
	if not rows or superseded(rows, doctype):
		return None
	return status_of(rows[0], channel)


def status_of(row: Any, channel: str | None) -> OrderStatus:
	""":param row: with `COLUMNS`, or `DIRECT_COLUMNS`"""
	own = row.cb_external_id and channel in (None, row.cb_channel)
	return OrderStatus(
		order_id=row.cb_external_id if own else row.name,
		order_number=row.cb_external_number or row.cb_external_id or row.name,
		document=row.name,
		status=row.status or "",
		delivered=_percent(row.per_delivered),
		billed=_percent(row.per_billed),
		updated_at=from_site(row.modified),
	)


def _percent(value: Any) -> Any:
	return decimal(flt(value, 2)).normalize() + 0


def superseded(rows: Collection[Any], doctype: str = DOCTYPE) -> set[str]:
	"""Those cancelled orders that an amendment took the place of: what is told of the order is told of that."""
	cancelled = [row for row in rows if row.docstatus == CANCELLED]
	names = tuple(row.name for row in cancelled) or ("",)
	orders = tuple({row.cb_external_id for row in cancelled if row.cb_external_id})
	if orders:
		return set(frappe.db.sql(AMENDED.format(doctype=doctype), (orders, names), pluck=True))
	if not cancelled:
		return set()
	return set(frappe.db.sql(AMENDED_BY_NAME.format(doctype=doctype), (names,), pluck=True))


# --- told ------------------------------------------------------------------------------------------------


def on_change(doc: Any, method: str | None = None) -> None:
	"""Hook: raised after every save, submit and cancel, and by `db_set`, which is how Delivery Notes and Invoices
	move an order's status. Nothing is read here where no channel wants to hear of it."""
	for channel in channel_settings.usable(channel_settings.telling_channels("order_status")):
		if _concerns(channel, doc):
			later = partial(_entries, channel.name, doc.doctype, doc.name)
			stock_change.queue_later((ORDER_STATUS, channel.name, doc.name), later)


def on_invoice_change(doc: Any, method: str | None = None) -> None:
	"""Hook: the same of an invoice that stands for its order."""
	if direct_invoice.is_direct(doc):
		on_change(doc)


def on_delivery(doc: Any) -> None:
	"""A Delivery Note was submitted or cancelled: ERPNext raises nothing for the invoices that it is of."""
	if not doc.get("cb_channel") or not channel_settings.telling_channels("order_status"):
		return
	invoices = {row.get("against_sales_invoice") for row in doc.items if not row.get("against_sales_order")}
	for name in sorted(invoices - {None, ""}):
		if direct_invoice.stands(name):
			on_change(frappe.get_doc(SALES_INVOICE, name))


def _concerns(channel: Channel, doc: Any) -> bool:
	"""A draft of somebody else's is no order yet."""
	if doc.get("cb_channel") == channel.name:
		return True
	return channel.events.order_status == "All" and doc.company == channel.company and bool(doc.docstatus)


def _entries(channel: str, doctype: str, name: str) -> list[NewEntry]:
	status = get(name, channel)
	if status is None:
		return []
	last = sync_log.latest(channel, ORDER_STATUS, doctype, name)
	entry = told_entry(channel, ORDER_STATUS, doctype, name, status, last)
	return [entry] if entry else []
