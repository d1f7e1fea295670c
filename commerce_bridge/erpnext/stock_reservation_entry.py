"""DocType Stock Reservation Entry: for an order that has units of its own, it reserves exactly these.

ERPNext discards the serial numbers it is given and picks the oldest, unless a setting of the whole site says
otherwise; after it did, they are put right here and checked by its own rules again.
"""

from __future__ import annotations

from typing import Any

import frappe

#: Units of an order's row in the warehouse, less those that another entry of the row holds.
UNITS = """SELECT unit.name, unit.batch_no FROM `tabSerial No` unit
	WHERE unit.cb_sales_order = %(voucher_no)s AND unit.cb_sales_order_item = %(voucher_detail_no)s
		AND unit.warehouse = %(warehouse)s AND NOT EXISTS (
			SELECT 1 FROM `tabSerial and Batch Entry` held JOIN `tabStock Reservation Entry` other
				ON other.name = held.parent AND held.parenttype = 'Stock Reservation Entry'
			WHERE held.serial_no = unit.name AND other.docstatus = 1 AND other.name != %(name)s
				AND held.delivered_qty < held.qty)
	ORDER BY unit.name"""


def before_submit(doc: Any, method: str | None = None) -> None:
	"""Runs after ERPNext's own `before_submit`."""
	if doc.voucher_type != "Sales Order" or not doc.has_serial_no:
		return
	units = frappe.db.sql(UNITS, doc.as_dict(), as_dict=True)
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
