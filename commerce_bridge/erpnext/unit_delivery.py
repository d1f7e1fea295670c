"""Delivery Note and Sales Invoice with Update Stock: an order that was promised units delivers exactly these.

ERPNext picks the oldest serial numbers whatever their grade. Filled in before it validates, and in the components of
bundles right after, since it makes their rows then; checked again after its ledger was written, for what it picked
itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import frappe
from erpnext.stock.doctype.serial_no.serial_no import get_serial_nos
from frappe import _

from commerce_bridge.erpnext import serial_no, sql

ORDER_FIELD = {
	"Delivery Note": "against_sales_order",
	"Sales Invoice": "sales_order",
	"POS Invoice": "sales_order",
}
PROMISED = """SELECT name, item_code, warehouse, cb_sales_order_item FROM `tabSerial No`
	WHERE cb_sales_order IN %s AND cb_sales_order_item IN %s ORDER BY name"""
SOLD_AS = """SELECT line.name, line.cb_grade AS grade, line.cb_serial_no AS serial,
		listing.name IS NOT NULL AND COALESCE(listing.serial_no, '') = '' AS of_pool,
		COALESCE(parent.cb_channel, '') != '' AS of_channel
	FROM `tabSales Order Item` line JOIN `tabSales Order` parent ON parent.name = line.parent
	LEFT JOIN `tabChannel Listing` listing ON listing.name = line.cb_listing
	WHERE line.name IN %s"""
UNITS = f"SELECT {serial_no.UNIT} FROM `tabSerial No` serial {serial_no.UNIT_JOINS} WHERE serial.name IN %s"
OF_BUNDLES = """SELECT parent, serial_no FROM `tabSerial and Batch Entry`
	WHERE parent IN %s AND COALESCE(serial_no, '') != '' ORDER BY idx"""
#: A cancelled row knows its bundle no more; the bundle knows the row: of a packed one, the row it was packed for.
OF_DOCUMENT = """SELECT DISTINCT bundle.voucher_detail_no, bundle.item_code, entry.serial_no
	FROM `tabSerial and Batch Bundle` bundle
	JOIN `tabSerial and Batch Entry` entry ON entry.parent = bundle.name
	WHERE bundle.voucher_type = %s AND bundle.voucher_no = %s AND COALESCE(entry.serial_no, '') != ''"""
LEFT = """SELECT name, stock_qty - delivered_qty * COALESCE(NULLIF(conversion_factor, 0), 1) AS quantity
	FROM `tabSales Order Item` WHERE name IN %s"""
KINDS = ("stock", "listing")
Promised = dict[tuple[str, str], list[Any]]


def before_validate(doc: Any, method: str | None = None) -> None:
	"""Rows of orders with units get these as their serial numbers; what a person chose is checked."""
	rows = _rows(doc)
	if not rows or doc.is_return:
		return
	_fill(doc, rows)
	_check(doc, _chosen(rows))


def validate(doc: Any, method: str | None = None) -> None:
	"""Components of bundles get the serial numbers their order was promised, whatever was picked or chosen."""
	packed = _packed(doc)
	if packed and not doc.is_return:
		_pack(doc, packed)
		_check(doc, _chosen(packed))


def before_pos_invoice(doc: Any, method: str | None = None) -> None:
	"""The till sells no unit that an order has, and none that is blocked."""
	rows = [*_rows(doc), *_packed(doc)]
	if rows and not doc.is_return:
		_check(doc, _chosen(rows))


def on_submit(doc: Any, method: str | None = None) -> None:
	"""What left is promised to nobody any more. A unit of a pool that another was sent for is free again."""
	rows = [*_rows(doc), *_packed(doc)]
	if not rows:
		return
	moved = _moved(doc)
	serial_no.note(dict.fromkeys(row.item_code for row in rows), doc.doctype, doc.name, KINDS)
	if doc.is_return or not moved:
		return
	units = _check(doc, [(row, moved.get(_key(row), [])) for row in rows])
	_deliver([unit.serial for unit in units.values() if unit.sales_order])
	_free_surplus(doc, [row for row in rows if moved.get(_key(row)) and not _is_packed(row)])


def on_cancel(doc: Any, method: str | None = None) -> None:
	"""The order is to be delivered again, and has the same units again."""
	rows = [*_rows(doc), *_packed(doc)]
	if not rows:
		return
	serial_no.note(dict.fromkeys(row.item_code for row in rows), doc.doctype, doc.name, KINDS)
	moved = {} if doc.is_return else _moved(doc)
	sold_as = _sold_as(rows)
	for row in rows:
		line = sold_as.get(row.get("so_detail"))
		if line and (line.of_channel if _is_packed(row) else line.grade) and moved.get(_key(row)):
			_promise_again(row, row.get(ORDER_FIELD[doc.doctype]), moved[_key(row)])


def _rows(doc: Any) -> list[Any]:
	"""Rows that move single units, if the document moves stock at all."""
	if doc.doctype == "Sales Invoice" and not doc.update_stock:
		return []
	return [
		row
		for row in doc.items
		if row.item_code and frappe.get_cached_value("Item", row.item_code, "has_serial_no")
	]


def _packed(doc: Any) -> list[Any]:
	"""Rows of components of which single units are sold; each learns which row of which order it is delivered for."""
	if doc.doctype == "Sales Invoice" and not doc.update_stock:
		return []
	rows = {row.name: row for row in doc.items}
	found = [row for row in doc.get("packed_items") or () if _is_graded(row.item_code)]
	for row in found:
		whole = rows.get(row.parent_detail_docname) or frappe._dict()
		for fieldname in ("so_detail", ORDER_FIELD[doc.doctype]):
			row.set(fieldname, whole.get(fieldname))
	return found


def _is_graded(item_code: str | None) -> bool:
	item = frappe.get_cached_doc("Item", item_code) if item_code else None
	return bool(item and item.has_serial_no and item.get("cb_recommerce"))


def _is_packed(row: Any) -> bool:
	return row.doctype == "Packed Item"


def _key(row: Any) -> tuple[str, str]:
	"""As `OF_DOCUMENT` finds the units of a row."""
	return row.parent_detail_docname if _is_packed(row) else row.name, row.item_code


# --- filling ---------------------------------------------------------------------------------------------


def _fill(doc: Any, rows: Sequence[Any]) -> None:
	promised = {key: [unit.name for unit in units] for key, units in _promised(doc, rows).items()}
	for row in rows:
		units = promised.get((row.get("so_detail"), row.item_code))
		if not units or row.get("serial_and_batch_bundle"):
			continue
		count = int(abs(row.get("stock_qty") or row.qty * (row.get("conversion_factor") or 1)))
		chosen = get_serial_nos(row.get("serial_no"))
		mine = [name for name in chosen if name in units] + [name for name in units if name not in chosen]
		foreign = [name for name in chosen if name not in units]
		filled = (foreign + mine)[:count]
		promised[row.so_detail, row.item_code] = [name for name in units if name not in filled]
		row.update({"serial_no": "\n".join(filled), "use_serial_batch_fields": 1})


def _pack(doc: Any, rows: Sequence[Any]) -> None:
	"""The promised units, from where they are. ERPNext tells two rows of one component in a bundle not apart."""
	promised = _promised(doc, rows)
	for row in rows:
		units = promised.get((row.so_detail, row.item_code))
		if not units or row.get("serial_and_batch_bundle"):
			continue
		chosen = get_serial_nos(row.serial_no)
		units.sort(key=lambda unit: (unit.name not in chosen, unit.name))
		count = int(abs(row.qty))
		mine, promised[row.so_detail, row.item_code] = units[:count], units[count:]
		row.update(
			{
				"serial_no": "\n".join(unit.name for unit in mine),
				"use_serial_batch_fields": 1,
				"warehouse": mine[0].warehouse,
			}
		)


def _promised(doc: Any, rows: Sequence[Any]) -> Promised:
	"""Units that are promised, by the order's row and the item."""
	orders = {row.get(ORDER_FIELD[doc.doctype]) for row in rows} - {None, ""}
	lines = {row.get("so_detail") for row in rows} - {None, ""}
	found: Promised = {}
	if orders and lines:
		for unit in frappe.db.sql(PROMISED, (tuple(orders), tuple(lines)), as_dict=True):
			found.setdefault((unit.cb_sales_order_item, unit.item_code), []).append(unit)
	return found


# --- checking --------------------------------------------------------------------------------------------


def _chosen(rows: Sequence[Any]) -> list[tuple[Any, list[str]]]:
	bundles = tuple(row.serial_and_batch_bundle for row in rows if row.get("serial_and_batch_bundle"))
	of_bundle: dict[str, list[str]] = {}
	for bundle, name in frappe.db.sql(OF_BUNDLES, (bundles,)) if bundles else ():
		of_bundle.setdefault(bundle, []).append(name)
	return [
		(row, of_bundle.get(row.get("serial_and_batch_bundle")) or get_serial_nos(row.get("serial_no")))
		for row in rows
	]


def _moved(doc: Any) -> dict[tuple[str, str], list[str]]:
	"""Serial numbers by row and item, as they were booked."""
	found: dict[tuple[str, str], list[str]] = {}
	for row, item, name in frappe.db.sql(OF_DOCUMENT, (doc.doctype, doc.name)):
		found.setdefault((row, item), []).append(name)
	return found


def _check(doc: Any, chosen: Sequence[tuple[Any, list[str]]]) -> dict[str, Any]:
	"""The units by serial number, as they were; raises where one must not leave."""
	names = tuple({name for _row, serials in chosen for name in serials})
	if not names:
		return {}
	units = {unit.serial: unit for unit in frappe.db.sql(UNITS, (names,), as_dict=True)}
	sold_as = _sold_as([row for row, _serials in chosen])
	promised = _promised(doc, [row for row, _serials in chosen if _is_packed(row)])
	for row, serials in chosen:
		order, line = row.get(ORDER_FIELD[doc.doctype]), sold_as.get(row.get("so_detail"))
		mine = promised.get((row.get("so_detail"), row.item_code)) if _is_packed(row) else None
		for name in serials:
			reason = units.get(name) and _why_not(units[name], line, order, mine)
			if reason:
				frappe.throw(_("Row #{0}: {1}").format(row.idx, reason), title=_("Wrong Unit"))
	return units


def _sold_as(rows: Sequence[Any]) -> dict[str, Any]:
	names = tuple({row.get("so_detail") for row in rows} - {None, ""})
	return {line.name: line for line in frappe.db.sql(SOLD_AS, (names,), as_dict=True)} if names else {}


def _why_not(unit: Any, line: Any, order: str | None, promised: Any) -> str | None:
	"""Why this unit must not leave for this row.

	:param promised: units the order was promised for this component of a bundle, if the row is one
	"""
	name = unit.serial
	if unit.sales_order and unit.sales_order != order:
		return _("Serial No {0} is sold by Sales Order {1}").format(name, unit.sales_order)
	if unit.identifier_status in serial_no.REFUSED_IDENTIFIERS:
		return _("Serial No {0}: Identifier Status is {1}").format(name, unit.identifier_status)
	if not line:
		return None
	if promised is not None:
		if name in {each.name for each in promised}:
			return None
		return _("Serial No {0} is not promised to Sales Order {1}").format(name, order)
	if line.serial and line.serial != name and not line.of_pool:
		return _("Sales Order {0} sold Serial No {1}, not {2}").format(order, line.serial, name)
	if line.grade and unit.grade != line.grade:
		return _("Serial No {0} has grade {1}, Sales Order {2} sold grade {3}").format(
			name, unit.grade or "-", order, line.grade
		)
	return None


# --- afterwards ------------------------------------------------------------------------------------------


def _deliver(serials: Sequence[str]) -> None:
	"""Promised units left, each for its own order: that was checked."""
	if serials:
		_free(serials)


def _free_surplus(doc: Any, rows: Sequence[Any]) -> None:
	"""What the rows' orders are still promised, and do not need any more since another unit was sent."""
	promised = _promised(doc, rows)
	if not promised:
		return
	surplus = []
	for line in frappe.db.sql(LEFT, (tuple({line for line, _item in promised}),), as_dict=True):
		mine = [unit.name for (name, _item), units in promised.items() if name == line.name for unit in units]
		surplus += mine[max(int(line.quantity), 0) :]
	if surplus:
		_free(surplus)


def _free(serials: Sequence[str]) -> None:
	sql.execute(
		"UPDATE `tabSerial No` SET cb_sales_order = NULL, cb_sales_order_item = NULL WHERE name IN %s",
		(tuple(sorted(serials)),),
	)


def _promise_again(row: Any, order: str | None, serials: Sequence[str]) -> None:
	sql.execute(
		"""UPDATE `tabSerial No` SET cb_sales_order = %s, cb_sales_order_item = %s
		WHERE name IN %s AND COALESCE(cb_sales_order, '') = ''""",
		(order, row.so_detail, tuple(sorted(serials))),
	)
