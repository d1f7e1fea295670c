"""A Sales Invoice that stands for a storefront's order: the channel makes it instead of a Sales Order.

Such a "direct invoice" has a tick in `cb_instead_of_order`. Where code says `sales_order`, its name may stand: on a site a
name is a Sales Order if there is one of it, else a direct invoice. No name is both, see `sales_order.create`.
"""

from __future__ import annotations

from typing import Any

import frappe

DOCTYPE = "Sales Invoice"
SALES_ORDER = "Sales Order"
FLAG = "cb_instead_of_order"


def is_direct(doc: Any) -> bool:
	"""Whether this document stands for an order. A credit note of such an invoice does not."""
	return doc.doctype == DOCTYPE and bool(doc.get(FLAG))


def stands(name: str | None) -> bool:
	"""Whether the Sales Invoice of this name stands for an order: one query, kept for the transaction. False for None."""
	return bool(name) and bool(frappe.db.get_value(DOCTYPE, name, FLAG, cache=True))


def doctype_of(name: str) -> str:
	""" "Sales Invoice" where a direct invoice has this name, and no Sales Order; else "Sales Order"."""
	if frappe.db.exists(SALES_ORDER, name):
		return SALES_ORDER
	return DOCTYPE if stands(name) else SALES_ORDER


def order_of(doc: Any, row: Any) -> str | None:
	"""The document that stands for the order of which this row of a Delivery Note or Sales Invoice is: its Sales Order,
	else the direct invoice that it delivers, takes back or is itself; None for what is of no order.

	Of rows with a Sales Order nothing is read.
	"""
	if doc.doctype == DOCTYPE:
		if row.get("sales_order"):
			return row.sales_order
		return doc.name if is_direct(doc) else credited(doc)
	if row.get("against_sales_order"):
		return row.against_sales_order
	against = row.get("against_sales_invoice")
	return against if stands(against) else None


def credited(doc: Any) -> str | None:
	"""The direct invoice that a Sales Invoice takes back; None for all others. Of a credit note of a Sales Order, or of no
	channel, nothing is read."""
	if (
		not doc.get("is_return")
		or not doc.get("cb_channel")
		or any(row.get("sales_order") for row in doc.items)
	):
		return None
	return doc.return_against if stands(doc.return_against) else None
