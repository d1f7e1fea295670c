"""Goods of direct invoices until they leave: ERPNext reserves nothing for a Sales Invoice, see `available.BOOKED`.

A row with something left to deliver is ticked in `cb_undelivered`, which has an index, so that levels need not read
the invoices of years. The tick says where to look; how much is left is computed from the documents each time.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import frappe
from frappe.utils import add_days, create_batch, flt, now

from commerce_bridge.erpnext import direct_invoice, sql, stock_change
from commerce_bridge.erpnext.available import OWED

SUBMITTED = 1
#: Rows of invoices that are submitted and moved nothing themselves, and whether something is left of each.
LEFT = f"""SELECT row.name, row.parent, row.cb_undelivered AS ticked, {OWED} > 0 AS is_left FROM `tabSales Invoice Item` row
	JOIN `tabSales Invoice` invoice ON invoice.name = row.parent AND invoice.docstatus = 1
		AND invoice.update_stock = 0 AND invoice.cb_instead_of_order = 1
	WHERE row.parent IN %s AND row.delivered_by_supplier = 0"""
#: Invoices with a tick that may be wrong: those with one, and those that somebody touched, delivered or credited lately.
DOUBTFUL = """SELECT parent FROM `tabSales Invoice Item` WHERE cb_undelivered = 1 AND docstatus = 1
	UNION SELECT row.against_sales_invoice FROM `tabDelivery Note` note
		JOIN `tabDelivery Note Item` row ON row.parent = note.name AND row.against_sales_invoice IS NOT NULL
		WHERE note.modified >= %(since)s
	UNION SELECT return_against FROM `tabSales Invoice`
		WHERE modified >= %(since)s AND is_return = 1 AND return_against IS NOT NULL
	UNION SELECT name FROM `tabSales Invoice` WHERE modified >= %(since)s AND cb_instead_of_order = 1"""
LATELY, AT_A_TIME = 7, 500  # days, invoices
PARTS = """SELECT DISTINCT part.item_code FROM `tabProduct Bundle` bundle
	JOIN `tabProduct Bundle Item` part ON part.parent = bundle.name WHERE bundle.new_item_code IN %s"""


# --- events of a Sales Invoice ---------------------------------------------------------------------------


def validate(doc: Any, method: str | None = None) -> None:
	"""Ticks the rows of a direct invoice. With Update Stock, goods leave as it is submitted."""
	if not direct_invoice.is_direct(doc):
		return
	left = not (doc.docstatus == SUBMITTED and doc.update_stock)
	for row in doc.items:
		row.cb_undelivered = int(left and flt(row.qty) > 0 and not row.delivered_by_supplier)


def before_update_after_submit(doc: Any, method: str | None = None) -> None:
	"""Somebody saves a form that was opened before goods left, or were credited: the ticks stay as they are now."""
	if direct_invoice.is_direct(doc):
		filters, fields = {"parent": doc.name}, ["name", "cb_undelivered"]
		ticks = dict(frappe.get_all("Sales Invoice Item", filters, fields, as_list=True))
		for row in doc.items:
			row.cb_undelivered = ticks.get(row.name, row.cb_undelivered)


def on_update(doc: Any, method: str | None = None) -> None:
	"""A direct invoice was saved or submitted: a draft counts as sold, too."""
	if direct_invoice.is_direct(doc):
		note(doc)
		if before := doc.get_doc_before_save():
			note(before)  # rows that are gone


def on_submit(doc: Any, method: str | None = None) -> None:
	"""A credit note: what it gives back of goods that never left is free."""
	if invoice := direct_invoice.credited(doc):
		follow([invoice])
		note(doc)


def on_cancel(doc: Any, method: str | None = None) -> None:
	"""Of a direct invoice nothing is sold any more; of a credit note all is sold again."""
	if direct_invoice.is_direct(doc):
		_tick([row.name for row in doc.items if row.cb_undelivered], 0)
		note(doc)
	else:
		on_submit(doc)


def on_trash(doc: Any, method: str | None = None) -> None:
	"""A draft was deleted."""
	if direct_invoice.is_direct(doc):
		note(doc)


# --- events of a Delivery Note ---------------------------------------------------------------------------


def on_delivery(doc: Any, method: str | None = None) -> None:
	"""Goods left, or came back, or did not after all. The ledger notes the items. Who reads what became of orders goes by
	`modified`, which ERPNext writes of Sales Orders that are delivered, and leaves of invoices."""
	if not doc.get("cb_channel"):
		return
	invoices = {row.against_sales_invoice for row in doc.items if row.against_sales_invoice}
	direct = tuple(sorted(name for name in invoices if direct_invoice.stands(name)))
	if direct:
		follow(direct)
		sql.execute(
			"UPDATE `tabSales Invoice` FORCE INDEX (PRIMARY) SET modified = %s WHERE name IN %s",
			(now(), direct),
		)


# --- following -------------------------------------------------------------------------------------------


def follow(invoices: Iterable[str]) -> set[str]:
	"""Ticks the rows of these direct invoices of which something is left, and no others: one query, and one statement
	where a tick changes, or two.

	:return: the invoices of which one changed
	"""
	names = tuple(invoices)
	rows = frappe.db.sql(LEFT, (names,), as_dict=True) if names else ()
	wrong = [row for row in rows if row.is_left != row.ticked]
	for tick in (0, 1):
		_tick([row.name for row in wrong if row.is_left == tick], tick)
	return {row.parent for row in wrong}


def count_again() -> None:
	"""Each night: two documents of one invoice that are submitted in the same instant do not see each other, and the
	ticks of the later one are wrong. Shops are told of what changed."""
	names = frappe.db.sql(DOUBTFUL, {"since": add_days(now(), -LATELY)}, pluck=True)
	for chunk in create_batch(sorted(names), AT_A_TIME):
		frappe.db.commit()  # nosemgrep: each chunk sees what was committed until it begins, and locks its own rows only
		for name in sorted(follow(chunk)):
			note(frappe.get_doc(direct_invoice.DOCTYPE, name))
	frappe.db.commit()  # nosemgrep: the last chunk


def _tick(rows: Iterable[str], tick: int) -> None:
	"""By primary key, in one order."""
	names = tuple(sorted(rows))
	if names:
		sql.execute(
			"UPDATE `tabSales Invoice Item` FORCE INDEX (PRIMARY) SET cb_undelivered = %s WHERE name IN %s",
			(tick, names),
		)


def note(doc: Any) -> None:
	"""The items of an invoice, and the components of its bundles, which are packed no sooner than they leave."""
	stock_change.note_order(doc)
	wholes = tuple({row.item_code for row in doc.items if not _is_stock_item(row.item_code)})
	for item_code in frappe.db.sql(PARTS, (wholes,), pluck=True) if wholes else ():
		stock_change.note(item_code, "", doc.doctype, doc.name)


def _is_stock_item(item_code: str | None) -> bool:
	return bool(item_code and frappe.get_cached_value("Item", item_code, "is_stock_item"))
