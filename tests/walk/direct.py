"""Steps of the walk with orders that are Sales Invoices; that one is cancelled is a step of all documents."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import frappe
from erpnext.accounts.doctype.sales_invoice.sales_invoice import make_delivery_note, make_sales_return
from frappe.utils import nowdate

from tests.walk.documents import SUBMITTED, Walker


def direct_invoice(walk: Walker) -> str | None:
	"""As a channel makes it instead of a Sales Order, some with a bundle, some as a draft."""
	wanted = [walk.item(), walk.chance.choice([*walk.bundles, walk.item()])]
	rows = [
		{"item_code": item, "qty": walk.quantity(4), "rate": 20, "warehouse": walk.warehouse()}
		for item in dict.fromkeys(wanted)
	]
	values = {"customer": walk.customer, "company": walk.company, "items": rows, "due_date": nowdate()}
	values |= {
		"cb_channel": "CB Walk One",
		"cb_external_id": frappe.generate_hash(),
		"cb_instead_of_order": 1,
	}
	doc = frappe.get_doc({"doctype": "Sales Invoice", **values})
	doc.flags.commerce_bridge_applied = True
	if walk.chance.random() < 0.7:
		return walk.submit(doc)
	doc.insert()
	walk.documents.append((doc.doctype, doc.name))
	return f"draft {doc.doctype} {doc.name}"


def a_direct_invoice(walk: Walker, docstatus: int = SUBMITTED) -> Any:
	return walk.some("Sales Invoice", docstatus=docstatus, cb_instead_of_order=1)


def decide_draft(walk: Walker) -> str | None:
	"""A draft is submitted, or deleted."""
	invoice = a_direct_invoice(walk, docstatus=0)
	if not invoice:
		return None
	if walk.chance.random() < 0.5:
		invoice.submit()
		return f"Sales Invoice {invoice.name} submitted"
	invoice.delete()
	return f"Sales Invoice {invoice.name} deleted"


def deliver_direct_invoice(walk: Walker) -> str | None:
	"""One row of it, perhaps a part, perhaps from another warehouse."""
	invoice = a_direct_invoice(walk)
	doc = make_delivery_note(invoice.name) if invoice else None
	if not doc or not doc.items:
		return None
	doc.items = doc.items[:1]
	doc.items[0].qty = walk.chance.randint(1, int(doc.items[0].qty))
	if walk.chance.random() < 0.3:
		doc.items[0].warehouse = walk.warehouse()
	return walk.submit(doc)


def credit_direct_invoice(walk: Walker) -> str | None:
	"""One of the first row, of goods that left or never did."""
	invoice = a_direct_invoice(walk)
	if not invoice:
		return None
	doc = make_sales_return(invoice.name)
	doc.items = doc.items[:1]
	doc.items[0].qty = -1
	return walk.submit(doc)


#: Step → how often, of all weights, see `documents.STEPS`.
STEPS: dict[Callable[[Walker], str | None], int] = {
	direct_invoice: 8,
	decide_draft: 3,
	deliver_direct_invoice: 5,
	credit_direct_invoice: 3,
}
