"""DocType Sales Order: made from a plan, followed, cancelled; and what a person did to it, told to the shop."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import frappe
from frappe.model.naming import set_new_name
from frappe.model.workflow import get_workflow_name
from frappe.utils import cint, flt
from frappe.utils.html_utils import sanitize_html

from commerce_bridge.bridge.adoption import UnnamedRow
from commerce_bridge.bridge.channel import Channel
from commerce_bridge.bridge.errors import Misconfigured, Rejected
from commerce_bridge.bridge.model import OrderChange, ShipmentLine
from commerce_bridge.bridge.outbound import ORDER_CHANGE, document_entry
from commerce_bridge.bridge.plan import (
	Booked,
	CreditNotePlan,
	ItemRow,
	Parties,
	Rounding,
	SalesOrderPlan,
	SalesOrderState,
	TaxRow,
)
from commerce_bridge.erpnext import (
	allocation,
	channel_record,
	channel_settings,
	naming,
	payment_entry,
	pick_list,
	prefetch,
	stock_change,
)
from commerce_bridge.erpnext.channel_settings import decimal
from commerce_bridge.erpnext.customer import clean
from commerce_bridge.erpnext.submission import needs_draft_first
from commerce_bridge.erpnext.time import stored

DOCTYPE = "Sales Order"
DRAFT, SUBMITTED, CANCELLED = 0, 1, 2
#: Fields of `Parties`, in its order.
PARTIES = ("customer", "contact_person", "customer_address", "shipping_address_name")
STATUS = {DRAFT: "Draft", SUBMITTED: "Submitted", CANCELLED: "Cancelled"}


# --- from the storefront ---------------------------------------------------------------------------------


def create(channel: Channel, plan: SalesOrderPlan) -> Booked:
	"""A new Sales Order, submitted in one step where nothing on the site depends on a saved draft.

	With an active Workflow it stops as Draft: both ways of submitting would bypass the approval.
	"""
	return _book(plan, frappe.get_doc(_values(plan)))


def replace(channel: Channel, name: str, plan: SalesOrderPlan) -> Booked:
	"""See `Erp.replace_sales_order`."""
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
	doc = frappe.get_doc(DOCTYPE, name)
	if doc.docstatus == DRAFT:
		doc.delete()
	elif doc.docstatus == SUBMITTED:
		payment_entry.release(doc)
		_cancel(doc)


def close(name: str) -> None:
	"""See `Erp.close_sales_order`."""
	doc = frappe.get_doc(DOCTYPE, name)
	if doc.docstatus != SUBMITTED:
		raise Rejected(f"Sales Order {name} is not submitted: it cannot be closed.")
	if doc.status != "Closed":
		doc.flags.commerce_bridge_applied = True
		doc.update_status("Closed")


def _cancel(doc: Any) -> None:
	doc.flags.commerce_bridge_applied = True
	doc.cancel()


def _rewrite(doc: Any, plan: SalesOrderPlan) -> Booked:
	values = _values(plan)
	values.pop("doctype")
	_let_decide_pricing(doc)
	doc.flags.commerce_bridge_applied = True
	doc.update({"items": [], "taxes": [], "payment_schedule": [], **values, "status": "Draft"})
	doc.save()
	return _booked(plan, doc)


def _book(plan: SalesOrderPlan, doc: Any) -> Booked:
	doc.flags.commerce_bridge_applied = True
	_let_decide_pricing(doc)
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
	return _booked(plan, doc)


def _let_decide_pricing(doc: Any) -> None:
	"""Whether Pricing Rules apply is a field of level 1, silently reset for users without that level."""
	doc.flags.ignore_permlevel_for_fields = ["ignore_pricing_rule"]


def _values(plan: SalesOrderPlan) -> dict[str, Any]:
	"""The document as `frappe.get_doc` takes it.

	Pricing Rules, rounded totals and Item Prices would each change what the shop charged: they are off. The
	status is preset, since notifications and webhooks of a one-step submit would see "Draft". Texts are cleaned
	of markup here: Frappe does it for drafts only, and ERPNext builds HTML of them.
	"""
	amounts = plan.amounts
	return {
		"doctype": DOCTYPE,
		"naming_series": plan.naming_series,
		"company": plan.company,
		"customer": plan.customer,
		"contact_person": plan.contact,
		"customer_address": plan.billing_address,
		"shipping_address_name": plan.shipping_address,
		"order_type": "Sales",
		"transaction_date": plan.transaction_date,
		"delivery_date": plan.delivery_date,
		"currency": plan.currency,
		"conversion_rate": float(plan.conversion_rate),
		"selling_price_list": plan.price_list or None,
		"price_list_currency": plan.currency,
		"plc_conversion_rate": float(plan.conversion_rate),
		"ignore_pricing_rule": 1,
		"disable_rounded_total": 1,
		"apply_discount_on": amounts.apply_discount_on,
		"discount_amount": float(amounts.discount_amount),
		"cost_center": plan.cost_center,
		"reserve_stock": int(plan.afterwards == "Reserve Stock"),
		"status": "To Deliver and Bill",
		"cb_channel": plan.channel,
		"cb_external_id": plan.external_id[:140],
		"cb_external_number": clean(plan.external_number)[:140],
		"items": [_item(row, plan) for row in amounts.items],
		"taxes": [tax(row, plan) for row in amounts.taxes] or untaxed(plan),
		**_safe(plan.values),
	}


def _item(row: ItemRow, plan: SalesOrderPlan) -> dict[str, Any]:
	return {
		"item_code": row.item_code,
		"qty": float(row.qty),
		"rate": float(row.rate),
		"price_list_rate": float(row.price_list_rate),
		"discount_percentage": float(row.discount_percentage),
		"uom": row.uom,
		"warehouse": row.warehouse,
		"delivery_date": plan.delivery_date,
		"cost_center": plan.cost_center,
		"reserve_stock": int(plan.afterwards == "Reserve Stock"),
		"cb_line_id": row.line_id[:140] if row.line_id else None,
		"cb_grade": row.grade,
		"cb_serial_no": row.serial_no if row.serial_no and "\n" not in row.serial_no else None,
		allocation.NAMED: row.serial_no.split("\n") if row.serial_no else None,
		"cb_listing": row.listing,
		**({"item_name": clean(row.item_name)[:140]} if row.item_name else {}),
		**_safe(row.values),
	}


def _safe(values: Mapping[str, Any]) -> dict[str, Any]:
	"""Mapped values keep harmless markup: their fields may be made for it."""
	return {
		field: sanitize_html(value, always_sanitize=True)
		if isinstance(value, str) and "<" in value
		else value
		for field, value in stored(values).items()
	}


def tax(row: TaxRow, plan: SalesOrderPlan | CreditNotePlan) -> dict[str, Any]:
	"""A row of Sales Taxes and Charges."""
	return {
		"charge_type": row.charge_type,
		"account_head": row.account_head,
		"description": clean(row.description),
		"rate": float(row.rate),
		"tax_amount": float(row.tax_amount),
		"included_in_print_rate": int(row.included_in_print_rate),
		"cost_center": row.cost_center or plan.cost_center,
	}


def untaxed(plan: SalesOrderPlan | CreditNotePlan) -> list[dict[str, Any]]:
	"""Without a row, ERPNext would add the company's default taxes to an order the shop did not tax."""
	account = frappe.db.sql(
		"""SELECT charge.account_head FROM `tabSales Taxes and Charges Template` template
		JOIN `tabSales Taxes and Charges` charge ON charge.parent = template.name AND charge.parenttype = %s
		WHERE template.is_default = 1 AND template.company = %s ORDER BY charge.idx LIMIT 1""",
		("Sales Taxes and Charges Template", plan.company),
		pluck=True,
	)
	return [tax(TaxRow("Actual", account[0], "Not taxed"), plan)] if account else []


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


def _booked(plan: SalesOrderPlan, doc: Any) -> Booked:
	"""ERPNext keeps the rows in the plan's order; charges booked on accounts are no taxes. Rows it adds itself (a
	default template, an Item Tax Template) are: with an amount they make the totals differ, and the order is held."""
	charges = {number for number, planned in enumerate(plan.amounts.taxes) if not planned.is_tax}
	taxes = [row for number, row in enumerate(doc.taxes) if number not in charges]
	return Booked(
		name=doc.name,
		grand_total=_amount(doc, doc.grand_total),
		total_taxes=sum((_amount(doc, row.tax_amount_after_discount_amount) for row in taxes), Decimal(0)),
		submitted=doc.docstatus == SUBMITTED,
	)


def _amount(doc: Any, value: float | None) -> Decimal:
	return decimal(flt(value, doc.precision("grand_total")))


# --- what stands on it -----------------------------------------------------------------------------------

STANDING = """SELECT DISTINCT 'Delivery Note', parent, docstatus FROM `tabDelivery Note Item`
		WHERE against_sales_order = %(name)s AND docstatus < 2
	UNION SELECT DISTINCT 'Sales Invoice', parent, docstatus FROM `tabSales Invoice Item`
		WHERE sales_order = %(name)s AND docstatus < 2
	UNION SELECT DISTINCT 'Pick List', parent, docstatus FROM `tabPick List Item`
		WHERE sales_order = %(name)s AND docstatus < 2"""


def state_of(name: str) -> SalesOrderState | None:
	"""The Sales Order with what was made from it; its row is locked. None if it was deleted."""
	if not frappe.db.exists(DOCTYPE, name):
		return None
	order = frappe.db.get_value(DOCTYPE, name, ("docstatus", *PARTIES), for_update=True)
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
		status=STATUS[docstatus],
		parties=Parties(*(party or None for party in parties)),
		delivered=named("Delivery Note", SUBMITTED),
		billed=named("Sales Invoice", SUBMITTED),
		drafts=drafts + pick_lists,
	)


# --- to the storefront -----------------------------------------------------------------------------------


#: What says which order of which storefront a document is. Not `no_copy`: Frappe would not map such fields to
#: Delivery Notes and Invoices either, see `frappe.model.mapper.map_fields`.
OF_THE_ORDER = (
	"cb_channel cb_external_number cb_external_id cb_carrier cb_tracking_number cb_tracking_url".split()
)
OF_THE_LINE = ("cb_line_id", "cb_serial_no", "cb_listing")


def before_insert(doc: Any, method: str | None = None) -> None:
	"""A copy that a person makes of an order is no order of the storefront; an amendment is."""
	if not doc.get("cb_channel") or doc.amended_from or doc.flags.commerce_bridge_applied:
		return
	doc.update(dict.fromkeys(OF_THE_ORDER))
	for row in doc.items:
		row.update(dict.fromkeys(OF_THE_LINE))


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
		_tell(doc, "amended")


def on_change(doc: Any, method: str | None = None) -> None:
	"""Hold, Close and Re-open raise this event only; reserved quantities change."""
	if doc.docstatus:
		stock_change.note_order(doc)


def on_cancel(doc: Any, method: str | None = None) -> None:
	stock_change.note_order(doc)
	_tell(doc, "cancelled")


def on_update_after_submit(doc: Any, method: str | None = None) -> None:
	stock_change.note_order(doc)
	_tell(doc, f"edited {doc.modified}")


def _tell(doc: Any, what: str) -> None:
	"""Queues a person's change for the storefront, where the channel's policy says so. Our own are echoes."""
	if not doc.get("cb_channel") or doc.flags.commerce_bridge_applied:
		return
	try:
		channel = channel_settings.load(doc.cb_channel).channel
	except Misconfigured:
		return  # the channel was deleted since
	if channel.orders.send_local_changes:
		stock_change.queue_document(document_entry(channel.name, ORDER_CHANGE, DOCTYPE, doc.name, what))


def change_of(name: str) -> OrderChange | None:
	"""What a person made of an order, as it stands now; None if it belongs to no channel any more."""
	if not frappe.db.exists(DOCTYPE, name):
		return None
	doc = frappe.get_doc(DOCTYPE, name)
	if not doc.cb_external_id:
		return None
	return OrderChange(
		order_id=doc.cb_external_id,
		order_number=doc.cb_external_number or doc.cb_external_id,
		kind="cancelled" if doc.docstatus == CANCELLED else "edited",
		lines=tuple(
			ShipmentLine(order_line_id=row.cb_line_id or None, sku=row.item_code, quantity=decimal(row.qty))
			for row in doc.items
		),
	)


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
