"""DocType Pick List: made for an order right after it was submitted, where the channel asks for it; and which single
units it sends people for."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import frappe
from erpnext.selling.doctype.sales_order.sales_order import create_pick_list

PROMISED = """SELECT name, item_code, warehouse, cb_sales_order_item FROM `tabSerial No`
	WHERE cb_sales_order IN %s AND cb_sales_order_item IN %s ORDER BY name"""


def make(sales_order: Any) -> str | None:
	"""A draft Pick List of everything the warehouses have for the order; None where they have nothing."""
	pick_list = create_pick_list(sales_order.name)
	if not pick_list.locations:
		return None
	pick_list.insert()
	return pick_list.name


def before_save(doc: Any, method: str | None = None) -> None:
	"""Runs after ERPNext picked the oldest serial numbers: an order that has units of its own is picked these."""
	rows = defaultdict(list)
	for row in doc.locations:
		if row.sales_order and row.sales_order_item:
			rows[row.sales_order_item, row.item_code].append(row)
	if not rows:
		return
	orders = tuple({row.sales_order for row in doc.locations if row.sales_order})
	units = defaultdict(list)
	lines = tuple({line for line, _item in rows})
	for unit in frappe.db.sql(PROMISED, (orders, lines), as_dict=True):
		units[unit.cb_sales_order_item, unit.item_code].append(unit)
	for line in units.keys() & rows.keys():  # a component of a bundle has rows and units of its own
		_pick(doc, rows[line], units[line])


def _pick(doc: Any, rows: list[Any], units: list[Any]) -> None:
	"""One row with these units, which are all in one warehouse, instead of ERPNext's rows."""
	first, *others = rows
	count = min(len(units), int(sum(row.stock_qty for row in rows)))
	for row in others:
		doc.remove(row)
	first.update(
		{
			"warehouse": units[0].warehouse,
			"serial_no": "\n".join(unit.name for unit in units[:count]),
			"use_serial_batch_fields": 1,
			"stock_qty": count,
			"qty": count / (first.conversion_factor or 1),
		}
	)
	for number, row in enumerate(doc.locations, start=1):
		row.idx = number
