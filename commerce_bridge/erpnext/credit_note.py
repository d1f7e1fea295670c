"""DocType Sales Invoice as a credit note: over exactly the amounts that the shop gave back."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import frappe
from frappe.utils import flt, getdate

from commerce_bridge.bridge.channel import Channel
from commerce_bridge.bridge.errors import Rejected
from commerce_bridge.bridge.plan import Booked, CreditNotePlan, ItemRow, TaxRow
from commerce_bridge.erpnext import order_values, payment_entry, sales_invoice, submission
from commerce_bridge.erpnext.channel_settings import decimal
from commerce_bridge.erpnext.customer import clean

DOCTYPE = "Sales Invoice"
DRAFT, SUBMITTED = 0, 1
#: What a credit note has in common with its order, and with the invoice that it returns.
OF_ORDER = (
	*(
		"customer",
		"customer_address",
		"shipping_address_name",
		"contact_person",
		"territory",
		"selling_price_list",
	),
	*("po_no", "cb_channel", "cb_external_id", "cb_external_number"),
)
OF_INVOICE = (
	*(
		"posting_date",
		"conversion_rate",
		"debit_to",
		"currency",
		"party_account_currency",
		"outstanding_amount",
	),
)
ROWS = """SELECT row.name, row.parent, row.cb_line_id AS line, row.item_code, row.rate, row.income_account, row.cost_center,
		row.uom, row.conversion_factor, row.so_detail, row.qty, row.sales_invoice_item
	FROM `tabSales Invoice Item` row JOIN `tabSales Invoice` invoice ON invoice.name = row.parent
	WHERE (invoice.name = %(invoice)s OR (invoice.return_against = %(invoice)s AND invoice.is_return = 1))
		AND invoice.docstatus < 2 ORDER BY row.idx"""


def create(channel: Channel, plan: CreditNotePlan) -> Booked:
	"""See `Erp.create_credit_note`. Taxes are those of the plan, see `sales_taxes_and_charges.prorate`."""
	doc = frappe.get_doc(_values(plan))
	doc.flags.commerce_bridge_applied = True
	doc.flags.ignore_permlevel_for_fields = ["ignore_pricing_rule"]
	submission.book(doc, plan.submit)
	doc.add_comment("Comment", f"Given back in the shop: refund {frappe.utils.escape_html(plan.external_id)}")
	if doc.docstatus == SUBMITTED and doc.update_outstanding_for_self:
		payment_entry.pay_out(doc)
	return sales_invoice.booked(doc)


def _values(plan: CreditNotePlan) -> dict[str, Any]:
	order = frappe.db.get_value("Sales Order", plan.sales_order, OF_ORDER, as_dict=True)
	if order is None:
		# An invoice stands for the order: all that is given back is given back of it.
		order = frappe.db.get_value(DOCTYPE, plan.sales_order, OF_ORDER, as_dict=True)
		plan = replace(plan, invoice=plan.sales_order)
	invoice = plan.invoice and frappe.db.get_value(DOCTYPE, plan.invoice, OF_INVOICE, as_dict=True)
	amounts = plan.amounts
	return {
		"doctype": DOCTYPE,
		"naming_series": plan.naming_series,
		**order,
		"company": plan.company,
		"customer": plan.customer,
		"is_return": 1,
		"return_against": plan.invoice,
		**sales_invoice.dated(_date(plan.posting_date, invoice), last=True),
		"currency": plan.currency,
		"price_list_currency": plan.currency,
		"plc_conversion_rate": float(plan.conversion_rate),
		"conversion_rate": invoice.conversion_rate if invoice else float(plan.conversion_rate),
		**({"debit_to": invoice.debit_to} if invoice else {}),
		"ignore_pricing_rule": 1,
		"disable_rounded_total": 1,
		"apply_discount_on": amounts.apply_discount_on,
		"discount_amount": -float(amounts.discount_amount),
		"cost_center": plan.cost_center,
		"update_stock": 0,
		"update_outstanding_for_self": int(not _settles(plan, invoice)),
		"update_billed_amount_in_sales_order": 0,
		"update_billed_amount_in_delivery_note": 0,
		"status": "Return",
		"cb_made": 1,
		"items": _items(plan),
		"taxes": [_tax(row, plan) for row in amounts.taxes] or order_values.untaxed(plan),
	}


def _settles(plan: CreditNotePlan, invoice: Any) -> bool:
	"""More than is open of the invoice is owed; ERPNext looks before it knows the total."""
	if not (plan.settles and invoice):
		return False
	in_order_currency = invoice.party_account_currency == invoice.currency
	rate = Decimal(1) if in_order_currency else decimal(invoice.conversion_rate)
	return flt(plan.amounts.grand_total * rate, 2) <= flt(invoice.outstanding_amount, 2)


def _date(wanted: date, invoice: Any) -> date:
	"""ERPNext refuses a return that is older than what it returns."""
	return max(getdate(wanted), getdate(invoice.posting_date)) if invoice else wanted


def _items(plan: CreditNotePlan) -> list[dict[str, Any]]:
	rows = frappe.db.sql(ROWS, {"invoice": plan.invoice}, as_dict=True) if plan.invoice else []
	if plan.invoice:
		_refuse_more(plan, rows)
	back = [row for row in rows if row.parent != plan.invoice]
	billed = [row for row in rows if row.parent == plan.invoice]
	for row in billed:
		row.qty += sum(each.qty for each in back if each.sales_invoice_item == row.name)
	return [_item(row, plan, billed) for row in plan.amounts.items]


def _refuse_more(plan: CreditNotePlan, rows: list[Any]) -> None:
	"""Raises `Rejected` where more of a line is given back than the invoice has left of it."""
	left: dict[str, Decimal] = defaultdict(Decimal)
	for row in rows:
		left[row.line or ""] += decimal(flt(row.qty))
	for item in plan.amounts.items:
		left[item.line_id or ""] -= item.qty
		if item.line_id and left[item.line_id] < 0:
			raise Rejected(
				f"Sales Invoice {plan.invoice} has not {item.qty:f} of line {item.line_id} left to be credited."
			)


def _item(row: ItemRow, plan: CreditNotePlan, billed: list[Any]) -> dict[str, Any]:
	values = {
		"item_code": row.item_code,
		"qty": -float(row.qty),
		"rate": float(row.rate),
		"price_list_rate": float(row.price_list_rate),
		"discount_percentage": float(row.discount_percentage),
		"uom": row.uom,
		"cost_center": plan.cost_center,
		"sales_order": None if plan.invoice == plan.sales_order else plan.sales_order,
		"cb_line_id": row.line_id[:140] if row.line_id else None,
		"cb_grade": row.grade,
		"cb_listing": row.listing,
		**({"item_name": clean(row.item_name)[:140]} if row.item_name else {}),
	}
	returned = _returned(row, billed)
	if returned is None:
		return values
	fields = (
		"so_detail",
		"income_account",
		"uom",
		"conversion_factor",
		*(() if plan.cost_center else ("cost_center",)),
	)
	return {**values, "sales_invoice_item": returned.name, **{field: returned[field] for field in fields}}


def _returned(row: ItemRow, billed: list[Any]) -> Any:
	"""The row of the invoice that is taken back, if ERPNext lets it be: no more of it, and at no higher rate. A part of
	a price that is given back without goods names none."""
	for of_invoice in billed:
		same = (of_invoice.line or None, of_invoice.item_code) == (row.line_id, row.item_code)
		if same and decimal(flt(of_invoice.qty)) >= row.qty and decimal(flt(of_invoice.rate)) >= row.rate:
			of_invoice.qty -= float(row.qty)
			return of_invoice
	return None


def _tax(row: TaxRow, plan: CreditNotePlan) -> dict[str, Any]:
	return {**order_values.tax(row, plan), "tax_amount": -float(row.tax_amount or Decimal(0))}


def delete_draft(name: str) -> None:
	"""See `Erp.delete_draft_credit_note`."""
	if not frappe.db.exists(DOCTYPE, {"name": name, "is_return": 1}):
		return
	if frappe.db.get_value(DOCTYPE, name, "docstatus", for_update=True) == DRAFT:
		frappe.delete_doc(DOCTYPE, name)
