"""DocType Stock Reservation Entry: for an order that has units of its own, it reserves exactly these.

ERPNext discards the serial numbers it is given and picks the oldest, unless a setting of the whole site says
otherwise; after it did, they are put right here and checked by its own rules again.
"""

from __future__ import annotations

from typing import Any

import frappe

UNITS = """SELECT name, batch_no FROM `tabSerial No`
	WHERE cb_sales_order = %s AND cb_sales_order_item = %s ORDER BY name"""


def before_submit(doc: Any, method: str | None = None) -> None:
	"""Runs after ERPNext's own `before_submit`."""
	if doc.voucher_type != "Sales Order" or not doc.has_serial_no:
		return
	units = frappe.db.sql(UNITS, (doc.voucher_no, doc.voucher_detail_no), as_dict=True)
	if not units:
		return
	doc.reservation_based_on = "Serial and Batch"
	doc.set("sb_entries", [])
	for unit in units[: int(doc.reserved_qty)]:
		doc.append(
			"sb_entries",
			{"serial_no": unit.name, "batch_no": unit.batch_no, "qty": 1, "warehouse": doc.warehouse},
		)
	doc.validate_reservation_based_on_serial_and_batch()
