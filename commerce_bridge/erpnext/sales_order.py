"""DocType Sales Order: made from a plan, followed, cancelled; and what a person did to it, told to the shop."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import frappe
from frappe.model.naming import set_new_name
from frappe.model.workflow import get_workflow_name
from frappe.utils import cint

from commerce_bridge.bridge.adoption import UnnamedRow
from commerce_bridge.bridge.channel import Channel
from commerce_bridge.bridge.errors import Rejected
from commerce_bridge.bridge.plan import (
	Booked,
	ItemRow,
	Parties,
	Rounding,
	SalesOrderPlan,
	SalesOrderState,
)
from commerce_bridge.erpnext import (
	allocation,
	channel_record,
	direct_invoice,
	direct_sale,
	naming,
	order_change,
	order_values,
	payment_entry,
	pick_list,
	prefetch,
	stock_change,
)
from commerce_bridge.erpnext.channel_settings import decimal
from commerce_bridge.erpnext.submission import needs_draft_first

DOCTYPE = "Sales Order"
DRAFT, SUBMITTED, CANCELLED = 0, 1, 2


# --- from the storefront ---------------------------------------------------------------------------------


def create(channel: Channel, plan: SalesOrderPlan) -> Booked:
	"""A new Sales Order, submitted in one step where nothing on the site depends on a saved draft.

	With an active Workflow it stops as Draft: both ways of submitting would bypass the approval. Or a Sales Invoice instead
	of it, where the plan says so.
	"""
	if plan.document == direct_sale.DOCTYPE:
		return direct_sale.create(plan)
	return _book(plan, frappe.get_doc(_values(plan)))


def replace(channel: Channel, name: str, plan: SalesOrderPlan) -> Booked:
	"""See `Erp.replace_sales_order`."""
	if plan.document == direct_sale.DOCTYPE:
		return direct_sale.replace(name, plan)
	old = frappe.get_doc(DOCTYPE, name)
	if old.docstatus == DRAFT:
		return _rewrite(old, plan)
	paid = payment_entry.set_aside(name)
	if old.docstatus == SUBMITTED:
		_cancel(old)
	doc = frappe.get_doc({**_values(plan), "amended_from": name})
	doc.flags.commerce_bridge_released = (
		old.flags.commerce_bridge_released
	)  # the same units, if they still fit
	booked = _book(plan, doc)
	payment_entry.move(paid, name, booked.name)
	return booked


def cancel(name: str) -> None:
	"""See `Erp.cancel_sales_order`."""
	doc = _get(name)
	if doc is None:
		direct_sale.cancel(name)
	elif doc.docstatus == DRAFT:
		doc.delete()
	elif doc.docstatus == SUBMITTED:
		payment_entry.release(doc)
		_cancel(doc)


def close(name: str) -> None:
	"""See `Erp.close_sales_order`. Of a Sales Invoice instead of one there is nothing to close."""
	doc = _get(name)
	if doc is None:
		return
	if doc.docstatus != SUBMITTED:
		raise Rejected(f"Sales Order {name} is not submitted: it cannot be closed.")
	if doc.status != "Closed":
		doc.flags.commerce_bridge_applied = True
		doc.update_status("Closed")


def _get(name: str) -> Any:
	"""The Sales Order; None where a Sales Invoice stands for the order. No query more than the document itself takes."""
	try:
		return frappe.get_doc(DOCTYPE, name)
	except frappe.DoesNotExistError:
		if not direct_invoice.stands(name):
			raise
		frappe.clear_last_message()
		return None


def _cancel(doc: Any) -> None:
	doc.flags.commerce_bridge_applied = True
	doc.cancel()


def _rewrite(doc: Any, plan: SalesOrderPlan) -> Booked:
	values = _values(plan)
	values.pop("doctype")
	order_values.let_decide_pricing(doc)
	doc.flags.commerce_bridge_applied = True
	doc.update({"items": [], "taxes": [], "payment_schedule": [], **values, "status": "Draft"})
	doc.save()
	return order_values.booked(plan, doc)


def _book(plan: SalesOrderPlan, doc: Any) -> Booked:
	doc.flags.commerce_bridge_applied = True
	order_values.let_decide_pricing(doc)
	prefetch.prefetch(plan.currency)
	if plan.own_numbering and plan.naming_series and not doc.amended_from:
		# `__islocal`: a document with a name is otherwise taken for one that exists
		doc.update({"__islocal": 1, "name": naming.take_number(plan.naming_series, doc)})
		for row in doc.get_all_children():
			set_new_name(row)  # what units and parts of bundles are kept under
		doc.flags.name_set = True
	if not plan.submit or get_workflow_name(DOCTYPE):
		doc.status = "Draft"
		doc.insert()
	elif doc.amended_from or needs_draft_first(DOCTYPE):
		doc.status = "Draft"
		doc.insert()
		doc.submit()
	else:
		doc.submit()
	if plan.note:
		doc.add_comment("Comment", frappe.utils.escape_html(plan.note))
	if doc.docstatus == SUBMITTED and plan.afterwards == "Create Pick List":
		pick_list.make(doc)
	return order_values.booked(plan, doc)


def _values(plan: SalesOrderPlan) -> dict[str, Any]:
	"""The document as `frappe.get_doc` takes it. The status is preset, since notifications and webhooks of a one-step
	submit would see "Draft"."""
	return {
		"doctype": DOCTYPE,
		**order_values.header(plan),
		"order_type": "Sales",
		"transaction_date": plan.transaction_date,
		"delivery_date": plan.delivery_date,
		"reserve_stock": int(plan.afterwards == "Reserve Stock"),
		"status": "To Deliver and Bill",
		"items": [_item(row, plan) for row in plan.amounts.items],
		"taxes": order_values.taxes(plan),
		**order_values.safe(plan.values),
	}


def _item(row: ItemRow, plan: SalesOrderPlan) -> dict[str, Any]:
	return {
		**order_values.item(row, plan),
		"delivery_date": plan.delivery_date,
		"reserve_stock": int(plan.afterwards == "Reserve Stock"),
		"cb_serial_no": row.serial_no if row.serial_no and "\n" not in row.serial_no else None,
		allocation.NAMED: row.serial_no.split("\n") if row.serial_no else None,
		**order_values.safe(row.values),
	}


def rounding() -> Rounding:
	"""System Settings and Accounts Settings that decide on the cent."""
	amounts = frappe.get_system_settings("currency_precision")
	quantities = frappe.get_system_settings("float_precision")
	row_wise = frappe.db.get_single_value("Accounts Settings", "round_row_wise_tax", cache=True)
	return Rounding(
		amounts=cint(amounts) if amounts not in (None, "") else None,
		quantities=cint(quantities) or 3,
		row_wise_tax=bool(row_wise),
	)


# --- what stands on it -----------------------------------------------------------------------------------

STANDING = """SELECT DISTINCT 'Delivery Note', parent, docstatus FROM `tabDelivery Note Item`
		WHERE against_sales_order = %(name)s AND docstatus < 2
	UNION SELECT DISTINCT 'Sales Invoice', parent, docstatus FROM `tabSales Invoice Item`
		WHERE sales_order = %(name)s AND docstatus < 2
	UNION SELECT DISTINCT 'Pick List', parent, docstatus FROM `tabPick List Item`
		WHERE sales_order = %(name)s AND docstatus < 2"""


def state_of(name: str) -> SalesOrderState | None:
	"""The Sales Order with what was made from it, or the Sales Invoice instead of it; its row is locked. None if it was
	deleted."""
	if not frappe.db.exists(DOCTYPE, name):
		return direct_sale.state_of(name)
	order = frappe.db.get_value(DOCTYPE, name, ("docstatus", *order_values.PARTIES), for_update=True)
	if order is None:
		return None
	docstatus, *parties = order
	rows = frappe.db.sql(STANDING, {"name": name})

	def named(doctype: str, status: int) -> tuple[str, ...]:
		return tuple(sorted(parent for kind, parent, found in rows if (kind, found) == (doctype, status)))

	drafts = named("Delivery Note", DRAFT) + named("Sales Invoice", DRAFT)
	pick_lists = named("Pick List", DRAFT) + named("Pick List", SUBMITTED)
	return SalesOrderState(
		name=name,
		status=order_values.STATUS[docstatus],
		parties=Parties(*(party or None for party in parties)),
		delivered=named("Delivery Note", SUBMITTED),
		billed=named("Sales Invoice", SUBMITTED),
		drafts=drafts + pick_lists,
	)


# --- to the storefront -----------------------------------------------------------------------------------


def before_insert(doc: Any, method: str | None = None) -> None:
	"""A copy that a person makes of an order is no order of the storefront; an amendment is."""
	if not doc.get("cb_channel") or doc.amended_from or doc.flags.commerce_bridge_applied:
		return
	order_values.forget_order(doc)


def on_update(doc: Any, method: str | None = None) -> None:
	"""A draft of a channel counts as sold, though it reserves nothing yet. Amended by hand, it is the order now."""
	if doc.amended_from and doc.get("cb_channel") and not doc.flags.commerce_bridge_applied:
		channel_record.follow(DOCTYPE, doc.amended_from, doc.name)
	if doc.docstatus == DRAFT and doc.get("cb_channel"):
		stock_change.note_order(doc)
		if before := doc.get_doc_before_save():
			stock_change.note_order(before)  # rows that are gone


def on_submit(doc: Any, method: str | None = None) -> None:
	"""Reserved quantities change."""
	stock_change.note_order(doc)
	if doc.amended_from:
		order_change.tell(doc, "amended")


def on_change(doc: Any, method: str | None = None) -> None:
	"""Hold, Close and Re-open raise this event only; reserved quantities change."""
	if doc.docstatus:
		stock_change.note_order(doc)


def on_cancel(doc: Any, method: str | None = None) -> None:
	stock_change.note_order(doc)
	order_change.tell(doc, "cancelled")


def on_update_after_submit(doc: Any, method: str | None = None) -> None:
	stock_change.note_order(doc)
	order_change.tell(doc, f"edited {doc.modified}")


# --- made by another connector ---------------------------------------------------------------------------

UNNAMED = """SELECT row.name, row.item_code, row.qty,
		row.delivered_qty < row.qty AND (item.is_stock_item = 1 OR bundle.name IS NOT NULL) AS waits
	FROM `tabSales Order Item` row
	JOIN `tabItem` item ON item.name = row.item_code
	LEFT JOIN `tabProduct Bundle` bundle ON bundle.new_item_code = item.name AND bundle.disabled = 0
	WHERE row.parent = %s AND COALESCE(row.cb_line_id, '') = '' ORDER BY row.idx"""
#: Rows made from a row of the order, and the column that says of which.
MADE_FROM = (
	("Sales Order Item", "name"),
	("Delivery Note Item", "so_detail"),
	("Sales Invoice Item", "so_detail"),
)


def unnamed_rows(name: str) -> list[UnnamedRow]:
	"""See `Erp.unnamed_rows`."""
	rows = frappe.db.sql(UNNAMED, name, as_dict=True)
	return [UnnamedRow(row.name, row.item_code, decimal(row.qty), bool(row.waits)) for row in rows]


def name_rows(line_ids: Mapping[str, str]) -> None:
	"""See `Erp.name_rows`."""
	for row, line_id in line_ids.items():
		for doctype, column in MADE_FROM:
			frappe.db.set_value(doctype, {column: row}, "cb_line_id", line_id[:140], update_modified=False)
