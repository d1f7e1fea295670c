"""What the books say of a storefront's order: Sales Order, Delivery Notes, Sales Invoices and Payment Entries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

import frappe
from frappe.utils import flt

from commerce_bridge.bridge.plan import Books, Invoice
from commerce_bridge.erpnext.channel_settings import decimal

SUBMITTED = 1
#: What was paid for an order is paid for the last Sales Order made of it.
ORDER = """SELECT customer, currency, conversion_rate, grand_total, status, cb_channel, cb_external_id, EXISTS(
		SELECT 1 FROM `tabSales Order` later WHERE later.cb_external_id = this.cb_external_id
			AND later.cb_channel = this.cb_channel AND later.creation > this.creation
			AND BINARY later.cb_external_id = this.cb_external_id) AS replaced
	FROM `tabSales Order` this WHERE name = %s"""
ORDERED = "SELECT cb_line_id AS line, qty FROM `tabSales Order Item` WHERE parent = %s ORDER BY idx"
SENT = """SELECT 'Delivery Note' AS doctype, note.name, note.is_return, row.cb_line_id AS line, row.qty,
		note.posting_date, note.posting_time, note.creation
	FROM `tabDelivery Note Item` row JOIN `tabDelivery Note` note ON note.name = row.parent
	WHERE row.against_sales_order = %(order)s AND note.docstatus = 1
	UNION ALL SELECT 'Sales Invoice', invoice.name, invoice.is_return, row.cb_line_id, row.qty,
		invoice.posting_date, invoice.posting_time, invoice.creation
	FROM `tabSales Invoice Item` row JOIN `tabSales Invoice` invoice ON invoice.name = row.parent
	WHERE row.sales_order = %(order)s AND invoice.docstatus = 1 AND invoice.update_stock = 1
	ORDER BY posting_date, posting_time, creation, name"""
INVOICED = """SELECT invoice.name, invoice.docstatus, invoice.is_return, invoice.grand_total, invoice.outstanding_amount,
		invoice.party_account_currency, invoice.currency, invoice.conversion_rate, invoice.return_against,
		row.cb_line_id AS line, row.qty, row.delivery_note
	FROM `tabSales Invoice Item` row JOIN `tabSales Invoice` invoice ON invoice.name = row.parent
	WHERE row.sales_order = %s AND invoice.docstatus < 2
	ORDER BY invoice.posting_date, invoice.creation, invoice.name, row.idx"""
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
	"""See `Erp.get_books`: five queries."""
	found = frappe.db.sql(ORDER, sales_order, as_dict=True)
	if not found:
		return None
	order = found[0]
	sent = frappe.db.sql(SENT, {"order": sales_order}, as_dict=True)
	notes = [row.name for row in sent if row.doctype == "Delivery Note" and not row.is_return]
	invoices = _invoices(frappe.db.sql(INVOICED, sales_order, as_dict=True))
	paid = _paid(sales_order, order, invoices)
	return Books(
		sales_order=sales_order,
		customer=order.customer,
		currency=order.currency,
		conversion_rate=decimal(order.conversion_rate),
		total=decimal(flt(order.grand_total)),
		quantities=_by_line(frappe.db.sql(ORDERED, sales_order, as_dict=True)),
		delivered=_by_line(row for row in sent if not row.is_return),
		returned=_by_line(row for row in sent if row.is_return),
		deliveries=tuple(dict.fromkeys(notes)),
		invoices=invoices,
		paid=paid.get("Receive", Decimal(0)),
		paid_back=paid.get("Pay", Decimal(0)),
		closed=order.status == "Closed",
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
