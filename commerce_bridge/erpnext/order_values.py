"""What documents that stand for a storefront's order have in common, as `frappe.get_doc` takes it: header, rows, taxes."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import frappe
from frappe.utils import flt
from frappe.utils.html_utils import sanitize_html

from commerce_bridge.bridge.plan import Booked, CreditNotePlan, ItemRow, SalesOrderPlan, TaxRow
from commerce_bridge.erpnext.channel_settings import decimal
from commerce_bridge.erpnext.customer import clean
from commerce_bridge.erpnext.direct_invoice import FLAG, SALES_ORDER
from commerce_bridge.erpnext.time import stored

SUBMITTED = 1
#: Fields of `Parties`, in its order.
PARTIES = ("customer", "contact_person", "customer_address", "shipping_address_name")
STATUS = {0: "Draft", SUBMITTED: "Submitted", 2: "Cancelled"}

#: What says which order of which storefront a document is. Not `no_copy`: Frappe would not map such fields to
#: Delivery Notes and Invoices either, see `frappe.model.mapper.map_fields`.
OF_THE_ORDER = (
	"cb_channel cb_external_number cb_external_id cb_carrier cb_tracking_number cb_tracking_url".split()
)
OF_THE_LINE = ("cb_line_id", "cb_serial_no", "cb_listing")


def header(plan: SalesOrderPlan) -> dict[str, Any]:
	"""Who buys, in which currency, and what keeps the document as the shop said: Pricing Rules, rounded totals and Item
	Prices would each change what was charged, so they are off."""
	return {
		"naming_series": plan.naming_series,
		"company": plan.company,
		"customer": plan.customer,
		"contact_person": plan.contact,
		"customer_address": plan.billing_address,
		"shipping_address_name": plan.shipping_address,
		"currency": plan.currency,
		"conversion_rate": float(plan.conversion_rate),
		"selling_price_list": plan.price_list or None,
		"price_list_currency": plan.currency,
		"plc_conversion_rate": float(plan.conversion_rate),
		"ignore_pricing_rule": 1,
		"disable_rounded_total": 1,
		"apply_discount_on": plan.amounts.apply_discount_on,
		"discount_amount": float(plan.amounts.discount_amount),
		"cost_center": plan.cost_center,
		"cb_channel": plan.channel,
		"cb_external_id": plan.external_id[:140],
		"cb_external_number": clean(plan.external_number)[:140],
	}


def item(row: ItemRow, plan: SalesOrderPlan) -> dict[str, Any]:
	"""A row of the items table, without what comes from the field map."""
	return {
		"item_code": row.item_code,
		"qty": float(row.qty),
		"rate": float(row.rate),
		"price_list_rate": float(row.price_list_rate),
		"discount_percentage": float(row.discount_percentage),
		"uom": row.uom,
		"warehouse": row.warehouse,
		"cost_center": plan.cost_center,
		"cb_line_id": row.line_id[:140] if row.line_id else None,
		"cb_grade": row.grade,
		"cb_listing": row.listing,
		**({"item_name": clean(row.item_name)[:140]} if row.item_name else {}),
	}


def safe(values: Mapping[str, Any]) -> dict[str, Any]:
	"""Mapped values keep harmless markup: their fields may be made for it. Texts are cleaned here: Frappe does it for
	drafts only, and ERPNext builds HTML of them."""
	return {
		field: sanitize_html(value, always_sanitize=True)
		if isinstance(value, str) and "<" in value
		else value
		for field, value in stored(values).items()
	}


def taxes(plan: SalesOrderPlan) -> list[dict[str, Any]]:
	"""The taxes table: what the shop charged and nothing else."""
	return [tax(row, plan) for row in plan.amounts.taxes] or untaxed(plan)


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


def let_decide_pricing(doc: Any) -> None:
	"""Whether Pricing Rules apply is a field of level 1, silently reset for users without that level."""
	doc.flags.ignore_permlevel_for_fields = ["ignore_pricing_rule"]


def booked(plan: SalesOrderPlan, doc: Any) -> Booked:
	"""ERPNext keeps the rows in the plan's order; charges booked on accounts are no taxes. Rows it adds itself (a
	default template, an Item Tax Template) are: with an amount they make the totals differ, and the order is held."""
	charges = {number for number, planned in enumerate(plan.amounts.taxes) if not planned.is_tax}
	rows = [row for number, row in enumerate(doc.taxes) if number not in charges]
	return Booked(
		name=doc.name,
		grand_total=_amount(doc, doc.grand_total),
		total_taxes=sum((_amount(doc, row.tax_amount_after_discount_amount) for row in rows), Decimal(0)),
		submitted=doc.docstatus == SUBMITTED,
	)


def _amount(doc: Any, value: float | None) -> Decimal:
	return decimal(flt(value, doc.precision("grand_total")))


def forget_order(doc: Any) -> None:
	"""A copy that a person made of an order's document is of no order of the storefront."""
	doc.update(dict.fromkeys(OF_THE_ORDER))
	for row in doc.items:
		row.update(dict.fromkeys(OF_THE_LINE))


def keep_number(doc: Any, method: str | None = None) -> None:
	"""on_trash of what stands for a storefront's order: Frappe would give the last number of a series again, and what is told
	of the deleted order later (open again, refunded) would meet the next order's document."""
	if doc.get("cb_channel") and (doc.doctype == SALES_ORDER or doc.get(FLAG)):
		doc.flags.commerce_bridge_series, doc.naming_series = doc.naming_series, None


def name_series(doc: Any, method: str | None = None) -> None:
	"""after_delete: who restores the document finds its series."""
	if doc.flags.commerce_bridge_series:
		doc.naming_series = doc.flags.commerce_bridge_series
