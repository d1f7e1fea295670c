"""What the books say of a storefront's order: Sales Order or the Sales Invoice instead of it, Delivery Notes, Sales Invoices and Payment Entries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

import frappe
from frappe.utils import flt

from commerce_bridge.bridge.plan import Books, Invoice, OrderDocument
from commerce_bridge.erpnext.channel_settings import decimal

SUBMITTED = 1
#: What was paid for an order is paid for the last Sales Order made of it.
ORDER = """SELECT customer, currency, conversion_rate, grand_total, status, cb_channel, cb_external_id, EXISTS(
		SELECT 1 FROM `tabSales Order` later WHERE later.cb_external_id = this.cb_external_id
			AND later.cb_channel = this.cb_channel AND later.creation > this.creation
			AND BINARY later.cb_external_id = this.cb_external_id) AS replaced
	FROM `tabSales Order` this WHERE name = %s"""
ORDERED = "SELECT cb_line_id AS line, qty FROM `tabSales Order Item` WHERE parent = %s ORDER BY idx"
SENT = """SELECT 'Delivery Note' AS doctype, note.name, note.is_return, note.docstatus, row.cb_line_id AS line, row.qty,
		note.posting_date, note.posting_time, note.creation
	FROM `tabDelivery Note Item` row JOIN `tabDelivery Note` note ON note.name = row.parent
	WHERE row.against_sales_order = %(order)s AND (note.docstatus = 1 OR (note.docstatus = 0 AND note.is_return = 1))
	UNION ALL SELECT 'Sales Invoice', invoice.name, invoice.is_return, invoice.docstatus, row.cb_line_id, row.qty,
		invoice.posting_date, invoice.posting_time, invoice.creation
	FROM `tabSales Invoice Item` row JOIN `tabSales Invoice` invoice ON invoice.name = row.parent
	WHERE row.sales_order = %(order)s AND invoice.docstatus = 1 AND invoice.update_stock = 1
	UNION ALL SELECT 'Stock Entry', entry.name, 1, entry.docstatus, row.cb_line_id,
		ROUND(SUM(row.qty * row.cb_line_part), 6), entry.posting_date, entry.posting_time, entry.creation
	FROM `tabSales Invoice Item` sold JOIN `tabStock Entry Detail` row ON row.cb_sales_invoice_item = sold.name
	JOIN `tabStock Entry` entry ON entry.name = row.parent
	WHERE sold.sales_order = %(order)s AND entry.docstatus < 2 GROUP BY entry.name, row.cb_line_id
	ORDER BY posting_date, posting_time, creation, name"""
INVOICED = """SELECT invoice.name, invoice.docstatus, invoice.is_return, invoice.grand_total, invoice.outstanding_amount,
		invoice.party_account_currency, invoice.currency, invoice.conversion_rate, invoice.return_against,
		row.cb_line_id AS line, row.qty, row.delivery_note
	FROM `tabSales Invoice Item` row JOIN `tabSales Invoice` invoice ON invoice.name = row.parent
	WHERE row.sales_order = %s AND invoice.docstatus < 2
	ORDER BY invoice.posting_date, invoice.creation, invoice.name, row.idx"""
#: The same of an invoice that stands for its order; what was paid for the order is paid for the last one.
DIRECT = """SELECT customer, currency, conversion_rate, grand_total, cb_channel, cb_external_id, update_stock, EXISTS(
		SELECT 1 FROM `tabSales Invoice` later WHERE later.cb_external_id = this.cb_external_id
			AND later.cb_channel = this.cb_channel AND later.creation > this.creation
			AND later.cb_instead_of_order = 1 AND BINARY later.cb_external_id = this.cb_external_id) AS replaced
	FROM `tabSales Invoice` this WHERE name = %s AND cb_instead_of_order = 1"""
DIRECT_ORDERED = "SELECT cb_line_id AS line, qty FROM `tabSales Invoice Item` WHERE parent = %s ORDER BY idx"
DIRECT_SENT = """SELECT 'Delivery Note' AS doctype, note.name, note.is_return, note.docstatus, row.cb_line_id AS line, row.qty,
		note.posting_date, note.posting_time, note.creation
	FROM `tabDelivery Note Item` row JOIN `tabDelivery Note` note ON note.name = row.parent
	WHERE row.against_sales_invoice = %(order)s AND (note.docstatus = 1 OR (note.docstatus = 0 AND note.is_return = 1))
	UNION ALL SELECT 'Sales Invoice', invoice.name, invoice.is_return, invoice.docstatus, row.cb_line_id, row.qty,
		invoice.posting_date, invoice.posting_time, invoice.creation
	FROM `tabSales Invoice Item` row JOIN `tabSales Invoice` invoice ON invoice.name = row.parent
	WHERE (invoice.name = %(order)s OR invoice.return_against = %(order)s)
		AND invoice.docstatus = 1 AND invoice.update_stock = 1
	UNION ALL SELECT 'Stock Entry', entry.name, 1, entry.docstatus, row.cb_line_id,
		ROUND(SUM(row.qty * row.cb_line_part), 6), entry.posting_date, entry.posting_time, entry.creation
	FROM `tabSales Invoice Item` sold JOIN `tabStock Entry Detail` row ON row.cb_sales_invoice_item = sold.name
	JOIN `tabStock Entry` entry ON entry.name = row.parent
	WHERE sold.parent = %(order)s AND entry.docstatus < 2 GROUP BY entry.name, row.cb_line_id
	ORDER BY posting_date, posting_time, creation, name"""
DIRECT_INVOICED = INVOICED.replace(
	"row.sales_order = %s", "(invoice.name = %(order)s OR invoice.return_against = %(order)s)"
)
#: Ours say of which order they are; those of people are allocated to it, or to its invoices.
PAID = """SELECT payment_type, SUM(cb_amount) AS amount, cb_currency AS currency FROM `tabPayment Entry`
	WHERE cb_external_id = %(id)s AND cb_channel = %(channel)s AND BINARY cb_external_id = %(id)s AND docstatus = 1
	GROUP BY payment_type, cb_currency
	UNION ALL SELECT payment.payment_type, SUM(ABS(row.allocated_amount)),
		IF(payment.payment_type = 'Receive', paid_from_account_currency, paid_to_account_currency)
	FROM `tabPayment Entry Reference` row JOIN `tabPayment Entry` payment ON payment.name = row.parent
	WHERE payment.docstatus = 1 AND COALESCE(payment.cb_external_id, '') = ''
		AND ((row.reference_doctype = 'Sales Order' AND row.reference_name = %(order)s)
			OR (row.reference_doctype = 'Sales Invoice' AND row.reference_name IN %(invoices)s))
	GROUP BY payment.payment_type, 3"""
#: For `IN %s` where there is nothing: no document has this name.
NOTHING = ("-",)


def of_order(sales_order: str) -> Books | None:
	"""See `Erp.get_books`: five queries of a Sales Order, six of an invoice that stands for the order."""
	values = {"order": sales_order}
	if found := frappe.db.sql(ORDER, sales_order, as_dict=True):
		sent = frappe.db.sql(SENT, values, as_dict=True)
		invoiced, ordered = (frappe.db.sql(each, sales_order, as_dict=True) for each in (INVOICED, ORDERED))
		doctype: OrderDocument = "Sales Order"
	elif found := frappe.db.sql(DIRECT, sales_order, as_dict=True):
		sent, invoiced = (
			frappe.db.sql(each, values, as_dict=True) for each in (DIRECT_SENT, DIRECT_INVOICED)
		)
		ordered = frappe.db.sql(DIRECT_ORDERED, sales_order, as_dict=True)
		doctype = "Sales Invoice"
	else:
		return None
	order, invoices = found[0], _invoices(invoiced)
	left_with = ("Delivery Note", doctype)
	notes = [row.name for row in sent if row.doctype in left_with and not row.is_return]
	paid = _paid(sales_order, order, invoices)
	return Books(
		sales_order=sales_order,
		customer=order.customer,
		currency=order.currency,
		conversion_rate=decimal(order.conversion_rate),
		total=decimal(flt(order.grand_total)),
		quantities=_by_line(ordered),
		delivered=_by_line(row for row in sent if not row.is_return),
		returned=_by_line(row for row in sent if row.is_return and row.docstatus == SUBMITTED),
		returning=_by_line(row for row in sent if row.is_return and row.docstatus != SUBMITTED),
		deliveries=tuple(dict.fromkeys(notes)),
		invoices=invoices,
		paid=paid.get("Receive", Decimal(0)),
		paid_back=paid.get("Pay", Decimal(0)),
		closed=order.status == "Closed",
		doctype=doctype,
	)


def _by_line(rows: Iterable[Any]) -> dict[str, Decimal]:
	"""Quantities, positive, by the shop's line id; shipping and fees have none."""
	quantities: dict[str, Decimal] = defaultdict(Decimal)
	for row in rows:
		if row.line:
			quantities[row.line] += abs(decimal(flt(row.qty)))
	return dict(quantities)


def _invoices(rows: Iterable[Any]) -> tuple[Invoice, ...]:
	documents: dict[str, list[Any]] = {}
	for row in rows:
		documents.setdefault(row.name, []).append(row)
	return tuple(_invoice(of_one) for of_one in documents.values())


def _invoice(rows: list[Any]) -> Invoice:
	first = rows[0]
	submitted = first.docstatus == SUBMITTED
	total = abs(decimal(flt(first.grand_total)))
	return Invoice(
		name=first.name,
		submitted=submitted,
		is_return=bool(first.is_return),
		total=total,
		open=_in_order_currency(first.outstanding_amount, first.party_account_currency, first)
		if submitted
		else total,
		lines=_by_line(rows),
		return_against=first.return_against or None,
		delivery_notes=tuple(dict.fromkeys(row.delivery_note for row in rows if row.delivery_note)),
	)


def _in_order_currency(amount: Any, currency: str | None, document: Any) -> Decimal:
	"""An amount of the customer's account. A credit note's is negative there; what an invoice is overpaid is not open."""
	sign = -1 if document.get("is_return") else 1
	value = max(sign * flt(amount), 0.0) or 0.0  # no minus zero
	if currency and currency != document.currency:
		value = flt(value / flt(document.conversion_rate or 1), 2)
	return decimal(value)


def _paid(sales_order: str, order: Any, invoices: Iterable[Invoice]) -> Mapping[str, Decimal]:
	values = {
		"id": "" if order.replaced else order.cb_external_id or "",
		"channel": order.cb_channel or "",
		"order": sales_order,
		"invoices": tuple(invoice.name for invoice in invoices) or NOTHING,
	}
	sums: dict[str, Decimal] = defaultdict(Decimal)
	for row in frappe.db.sql(PAID, values, as_dict=True):
		if row.currency:
			sums[row.payment_type] += _in_order_currency(row.amount, row.currency, order)
	return sums
