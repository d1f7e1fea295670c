"""Goods that left with a Sales Invoice that updates stock, and come back: a Stock Entry.

Their credit note is made of the money that a shop gave back, which is neither at the time nor of the quantity that comes
back, so that it moves no stock. The goods come back at the value they left with, and against the account that this value
was booked to.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import frappe
from erpnext.stock.doctype.serial_no.serial_no import get_serial_nos
from frappe import _
from frappe.utils import flt

from commerce_bridge.bridge.errors import Rejected
from commerce_bridge.erpnext.channel_settings import decimal

SALES_INVOICE, STOCK_ENTRY = "Sales Invoice", "Stock Entry"
#: Rows of the order's invoices that moved goods, and how much of each is still away; drafts count as come back.
AWAY = """SELECT row.name, row.parent, 'Sales Invoice' AS doctype, row.cb_line_id AS line, row.item_code, row.qty,
		invoice.posting_date, row.qty
		+ COALESCE((SELECT SUM(back.qty) FROM `tabSales Invoice` note
			JOIN `tabSales Invoice Item` back ON back.parent = note.name
			WHERE note.return_against = invoice.name AND back.sales_invoice_item = row.name
				AND note.is_return = 1 AND note.update_stock = 1 AND note.docstatus < 2), 0)
		- COALESCE((SELECT ROUND(SUM(back.qty * back.cb_line_part), 6) FROM `tabStock Entry Detail` back
			JOIN `tabStock Entry` entry ON entry.name = back.parent
			WHERE back.cb_sales_invoice_item = row.name AND entry.docstatus < 2), 0) AS away
	FROM `tabSales Invoice Item` row JOIN `tabSales Invoice` invoice ON invoice.name = row.parent
	WHERE row.{field} = %s AND invoice.docstatus = 1 AND invoice.is_return = 0 AND invoice.update_stock = 1
		AND COALESCE(row.cb_line_id, '') != ''
	ORDER BY invoice.posting_date, invoice.posting_time, invoice.creation, row.idx"""
ROWS = """SELECT name, parent, cb_line_id AS line, item_code, qty, conversion_factor, warehouse, expense_account,
		cost_center FROM `tabSales Invoice Item` WHERE name IN %s ORDER BY idx"""
PACKED = """SELECT name, parent_detail_docname AS row, item_code, qty FROM `tabPacked Item`
	WHERE parent = %s AND parenttype = 'Sales Invoice' AND parent_detail_docname IN %s ORDER BY idx"""
#: What moved for rows of an invoice, or of its packed items; and which units and batches of it.
MOVED = """SELECT voucher_detail_no AS row, item_code, warehouse, actual_qty AS qty, stock_value_difference AS value,
		serial_and_batch_bundle AS bundle, serial_no
	FROM `tabStock Ledger Entry`
	WHERE voucher_type = %s AND voucher_no IN %s AND is_cancelled = 0 ORDER BY posting_datetime, creation"""
ENTRIES = """SELECT parent, serial_no, batch_no, qty, stock_value_difference AS value FROM `tabSerial and Batch Entry`
	WHERE parent IN %s ORDER BY idx"""
BACK_BY_CREDIT = """SELECT row.name, row.parent, row.sales_invoice_item AS back_of FROM `tabSales Invoice Item` row
	JOIN `tabSales Invoice` note ON note.name = row.parent
	WHERE note.return_against = %s AND note.docstatus = 1 AND note.is_return = 1 AND note.update_stock = 1"""
#: Of drafts too: what they take back is on its way.
BACK_BY_ENTRY = """SELECT row.item_code, row.transfer_qty AS qty, row.serial_no, row.batch_no,
		row.serial_and_batch_bundle AS bundle, row.cb_sales_invoice_item AS back_of
	FROM `tabStock Entry Detail` row JOIN `tabStock Entry` entry ON entry.name = row.parent
	WHERE entry.cb_sales_invoice = %s AND entry.docstatus < 2"""
ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Part:
	"""How much of an invoice's row comes back, and where to: None, where it left from. `serials` are all of its units, or
	none where nobody said."""

	row: str
	quantity: Decimal
	serials: tuple[str, ...] = ()
	warehouse: str | None = None


@dataclass(slots=True)
class _Piece:
	"""Goods of one value that left: a unit, a batch, or just a quantity."""

	item_code: str
	warehouse: str
	quantity: Decimal
	rate: float
	serial: str | None = None
	batch: str | None = None


# --- read ------------------------------------------------------------------------------------------------


def away(order: str, direct: bool) -> list[Any]:
	"""Rows of the invoices that moved goods of an order, of which something may still be away.

	:param direct: the order is an invoice itself
	"""
	statement = AWAY.format(field="parent" if direct else "sales_order")
	return frappe.db.sql(statement, order, as_dict=True)


def add_units(rows: Iterable[Any]) -> None:
	"""Sets `units` of each row of `away`: the serial numbers that left with it, and did not come back."""
	for invoice, of_invoice in _by_parent(rows).items():
		out = _out(invoice, [row.name for row in of_invoice])
		for row in of_invoice:
			row.units = [piece.serial for piece in out.get((row.name, row.item_code), ()) if piece.serial]


def _by_parent(rows: Iterable[Any]) -> dict[str, list[Any]]:
	found: dict[str, list[Any]] = defaultdict(list)
	for row in rows:
		found[row.parent].append(row)
	return found


def _out(invoice: str, rows: Sequence[str]) -> dict[tuple[str, str], list[_Piece]]:
	"""What left and did not come back, by row of the invoice and item."""
	packed = {row.name: row.row for row in frappe.db.sql(PACKED, (invoice, tuple(rows)), as_dict=True)}
	out: dict[tuple[str, str], list[_Piece]] = defaultdict(list)
	for name, pieces in _moved([invoice]).items():
		row = packed.get(name, name)
		for piece in pieces if row in rows else ():
			out[row, piece.item_code].append(piece)
	for row, piece in _back(invoice):
		_take_away(out.get((row, piece.item_code), []), piece)
	return out


def _moved(documents: Sequence[str]) -> dict[str, list[_Piece]]:
	"""What Sales Invoices moved, by their rows and packed items; quantities are positive."""
	rows = frappe.db.sql(MOVED, (SALES_INVOICE, tuple(documents)), as_dict=True)
	units = _entries(row.bundle for row in rows)
	found: dict[str, list[_Piece]] = defaultdict(list)
	for row in rows:
		for part in units.get(row.bundle) or [row]:
			quantity = abs(flt(part.qty))
			rate = abs(flt(part.value)) / quantity if quantity else 0.0
			if units.get(row.bundle) and not part.value:
				rate = abs(flt(row.value)) / abs(flt(row.qty))
			piece = _Piece(row.item_code, row.warehouse, decimal(quantity), rate)
			if part is not row:
				piece.serial, piece.batch = part.serial_no or None, part.batch_no or None
			found[row.row].append(piece)
	return found


def _entries(bundles: Iterable[str | None]) -> dict[str, list[Any]]:
	names = tuple(set(bundles) - {None, ""})
	found: dict[str, list[Any]] = defaultdict(list)
	for row in frappe.db.sql(ENTRIES, (names,), as_dict=True) if names else ():
		found[row.parent].append(row)
	return found


def _back(invoice: str) -> list[tuple[str, _Piece]]:
	"""What came back of an invoice, with its row."""
	credit = frappe.db.sql(BACK_BY_CREDIT, invoice, as_dict=True)
	back_of = {row.name: row.back_of for row in credit}
	notes = tuple({row.parent for row in credit})
	for row in (
		frappe.db.sql("SELECT name, parent_detail_docname FROM `tabPacked Item` WHERE parent IN %s", (notes,))
		if notes
		else ()
	):
		back_of[row[0]] = back_of.get(row[1])
	moved = _moved(notes) if notes else {}
	found = [(back_of.get(name) or "", piece) for name, pieces in moved.items() for piece in pieces]
	entries = frappe.db.sql(BACK_BY_ENTRY, invoice, as_dict=True)
	units = _entries(row.bundle for row in entries)
	for row in entries:
		found += [(row.back_of, piece) for piece in _pieces_of_entry(row, units.get(row.bundle, []))]
	return found


def _pieces_of_entry(row: Any, units: Sequence[Any]) -> list[_Piece]:
	if units:
		return [
			_Piece(row.item_code, "", decimal(abs(flt(unit.qty))), 0.0, unit.serial_no, unit.batch_no)
			for unit in units
		]
	serials = get_serial_nos(row.serial_no)
	if serials:
		return [_Piece(row.item_code, "", Decimal(1), 0.0, serial, row.batch_no) for serial in serials]
	return [_Piece(row.item_code, "", decimal(flt(row.qty)), 0.0, None, row.batch_no)]


def _take_away(pieces: list[_Piece], back: _Piece) -> None:
	"""Of the same unit and batch first; what is said of neither is taken of any that is no unit."""
	left = back.quantity
	same = [
		piece
		for piece in pieces
		if piece.serial == back.serial and piece.batch == (back.batch or piece.batch)
	]
	for piece in same:
		part = min(left, piece.quantity)
		piece.quantity -= part
		left -= part
	pieces[:] = [piece for piece in pieces if piece.quantity > 0]


# --- made ------------------------------------------------------------------------------------------------


def make(
	invoice: str,
	parts: Sequence[Part],
	submit: bool,
	moment: Mapping[str, Any] | None = None,
	authorisation: str | None = None,
) -> str | None:
	"""The Stock Entry by which goods of one invoice come back; None where they are no goods that are kept in stock.

	:param moment: posting date and time, where it is not now
	"""
	names = [part.row for part in parts]
	rows = {row.name: row for row in frappe.db.sql(ROWS, (tuple(names),), as_dict=True)}
	packed: dict[str, list[Any]] = defaultdict(list)
	for each in frappe.db.sql(PACKED, (invoice, tuple(names)), as_dict=True):
		packed[each.row].append(each)
	out = _out(invoice, names)
	items: list[dict[str, Any]] = []
	clear = True
	for part in parts:
		made, said = _of_part(part, rows[part.row], packed[part.row], out)
		items += made
		clear = clear and said
	if not items:
		return None
	entry = frappe.get_doc(
		{
			"doctype": STOCK_ENTRY,
			"stock_entry_type": "Material Receipt",
			"company": frappe.db.get_value(SALES_INVOICE, invoice, "company"),
			"cb_sales_invoice": invoice,
			"cb_return_authorisation": authorisation,
			**(moment or {}),
			"items": items,
		}
	)
	entry.flags.commerce_bridge_applied = True
	entry.insert()
	if submit and clear:
		entry.submit()
	return entry.name


def _of_part(
	part: Part, row: Any, packed: Sequence[Any], out: Mapping[tuple[str, str], list[_Piece]]
) -> tuple[list[dict[str, Any]], bool]:
	"""Rows of the Stock Entry, and whether it is clear which units come back. Of a bundle, its parts come back; the first
	of them says how much of the line that is."""
	made: list[dict[str, Any]] = []
	clear = True
	components: dict[str, float] = defaultdict(float)
	for each in packed:
		components[each.item_code] += flt(each.qty) / flt(row.qty)
	if not packed:
		components[row.item_code] = flt(row.conversion_factor) or 1.0
	for item_code, of_one in components.items():
		pieces = out.get((row.name, item_code), [])
		if not pieces or not of_one:
			continue
		line_part = 0.0 if made else 1.0 / of_one
		chosen, said = _chosen(pieces, decimal(flt(float(part.quantity) * of_one, 6)), part, item_code)
		made += [_item(row, part, group, line_part) for group in _groups(chosen)]
		clear = clear and said
		for piece in chosen:
			_take_away(pieces, replace(piece))
	return made, clear


def _chosen(
	pieces: Sequence[_Piece], quantity: Decimal, part: Part, item_code: str
) -> tuple[list[_Piece], bool]:
	"""So much of what left; where it is some of several units and nobody said which, a quantity without units."""
	if part.serials and not any(piece.serial in part.serials for piece in pieces):
		raise Rejected(
			f"None of {', '.join(part.serials)} of {item_code} left with this row, and did not come back"
		)
	if part.serials:
		return [replace(piece) for piece in pieces if piece.serial in part.serials], True
	there = sum((piece.quantity for piece in pieces), ZERO)
	if pieces[0].serial and quantity < there:
		rate = sum(piece.rate for piece in pieces) / len(pieces)
		return [_Piece(item_code, pieces[0].warehouse, quantity, rate)], False
	taken, left = [], quantity
	for piece in pieces:
		share = min(left, piece.quantity)
		if share > 0:
			taken.append(replace(piece, quantity=share))
			left -= share
	return taken, True


def _groups(pieces: Sequence[_Piece]) -> list[list[_Piece]]:
	"""One row for all of one value, batch and place."""
	found: dict[tuple[str, str | None, str], list[_Piece]] = defaultdict(list)
	for piece in pieces:
		found[f"{piece.rate:.6f}", piece.batch, piece.warehouse].append(piece)
	return list(found.values())


def _item(row: Any, part: Part, pieces: Sequence[_Piece], line_part: float) -> dict[str, Any]:
	first = pieces[0]
	serials = [piece.serial for piece in pieces if piece.serial]
	said = {"use_serial_batch_fields": 1, "serial_no": "\n".join(serials), "batch_no": first.batch}
	return {
		"item_code": first.item_code,
		"qty": float(sum((piece.quantity for piece in pieces), ZERO)),
		"t_warehouse": part.warehouse or first.warehouse,
		"basic_rate": first.rate,
		"allow_zero_valuation_rate": int(not first.rate),
		"expense_account": row.expense_account,
		"cost_center": row.cost_center,
		"cb_line_id": row.line,
		"cb_sales_invoice_item": row.name,
		"cb_line_part": line_part,
		**(said if serials or first.batch else {}),
	}


# --- not twice -------------------------------------------------------------------------------------------


def refuse_twice(doc: Any) -> None:
	"""Goods that are back by a Stock Entry do not come back with a credit note once more.

	:param doc: a credit note with Update Stock that is being submitted
	"""
	against = {row.get("sales_invoice_item") for row in doc.items}
	too_much = [
		row for row in away(doc.return_against, direct=True) if row.name in against and flt(row.away) < 0
	]
	if not too_much:
		return
	entries = frappe.get_all(
		STOCK_ENTRY, {"cb_sales_invoice": doc.return_against, "docstatus": ("<", 2)}, pluck="name"
	)
	if entries:
		frappe.throw(
			_("{0} came back with {1} already. Untick Update Stock: then this only credits it.").format(
				", ".join(dict.fromkeys(row.item_code for row in too_much)), ", ".join(sorted(entries))
			)
		)


def refuse_more(doc: Any) -> None:
	"""A person may write another quantity or unit into a draft: no more comes back than left, and nothing else.

	:param doc: a Stock Entry of an invoice that is being submitted
	"""
	rows = {row.get("cb_sales_invoice_item") for row in doc.items}
	for row in away(doc.cb_sales_invoice, direct=True):
		if row.name in rows and flt(row.away, 4) < 0:
			frappe.throw(
				_("{0} more of {1} would come back than left with Sales Invoice {2}").format(
					-flt(row.away, 4), row.item_code, doc.cb_sales_invoice
				)
			)
	if foreign := _foreign_units(doc):
		frappe.throw(
			_("Serial No {0} did not leave with Sales Invoice {1}").format(
				", ".join(sorted(foreign)), doc.cb_sales_invoice
			)
		)


def _foreign_units(doc: Any) -> set[str]:
	rows = [row for row in doc.items if row.get("cb_sales_invoice_item")]
	units = _entries(row.serial_and_batch_bundle for row in rows)
	pieces = [
		piece for row in rows for piece in _pieces_of_entry(row, units.get(row.serial_and_batch_bundle, []))
	]
	back = {piece.serial for piece in pieces if piece.serial}
	if not back:
		return set()
	left = {piece.serial for moved in _moved([doc.cb_sales_invoice]).values() for piece in moved}
	return back - left
