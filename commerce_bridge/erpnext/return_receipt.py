"""Goods of a Return Authorisation that come back: return Delivery Notes of what ERPNext delivered, a Stock Entry for
what it never did, and what both make of the authorisation."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import frappe
from erpnext.controllers.sales_and_purchase_return import make_return_doc
from erpnext.stock.doctype.serial_no.serial_no import get_serial_nos
from frappe.utils import flt

from commerce_bridge.bridge.errors import Rejected
from commerce_bridge.bridge.return_plan import Receipt
from commerce_bridge.erpnext.channel_settings import decimal
from commerce_bridge.erpnext.return_delivery import AWAY

DOCTYPE = "Return Authorisation"
DELIVERY_NOTE, STOCK_ENTRY = "Delivery Note", "Stock Entry"
DRAFT, SUBMITTED = 0, 1
#: Where a disposition puts goods: the company's one warehouse of this purpose.
PURPOSE = {"Restock": "Sellable", "Refurbish": "Refurbishment", "Scrap": "Scrap"}
ZERO = Decimal(0)

TAKEN = """SELECT 'Delivery Note' AS doctype, note.name, note.docstatus, row.cb_line_id AS line, -row.qty AS qty,
		row.serial_no, row.serial_and_batch_bundle AS bundle, note.creation
	FROM `tabDelivery Note` note JOIN `tabDelivery Note Item` row ON row.parent = note.name
	WHERE note.cb_return_authorisation = %(name)s AND note.docstatus < 2
	UNION ALL SELECT 'Stock Entry', entry.name, entry.docstatus, row.cb_line_id, row.qty,
		row.serial_no, row.serial_and_batch_bundle, entry.creation
	FROM `tabStock Entry` entry JOIN `tabStock Entry Detail` row ON row.parent = entry.name
	WHERE entry.cb_return_authorisation = %(name)s AND entry.docstatus < 2
	ORDER BY creation, name"""
#: Returns of an order that belong to no authorisation yet.
BY_HAND = """SELECT note.name, row.cb_line_id AS line, -row.qty AS qty
	FROM `tabDelivery Note Item` row JOIN `tabDelivery Note` note ON note.name = row.parent
	WHERE row.against_sales_order = %s AND note.is_return = 1 AND note.docstatus < 2
		AND COALESCE(note.cb_return_authorisation, '') = '' AND COALESCE(row.cb_line_id, '') != ''
	ORDER BY note.creation, note.name"""
UNITS = """SELECT name, dn_detail, serial_no, serial_and_batch_bundle AS bundle FROM `tabDelivery Note Item`
	WHERE (name IN %(rows)s OR dn_detail IN %(rows)s) AND docstatus < 2"""
OF_BUNDLES = """SELECT parent, serial_no FROM `tabSerial and Batch Entry`
	WHERE parent IN %s AND COALESCE(serial_no, '') != '' ORDER BY idx"""
BILLED_WITH_STOCK = """SELECT invoice.name FROM `tabSales Invoice Item` row
	JOIN `tabSales Invoice` invoice ON invoice.name = row.parent
	WHERE row.sales_order = %s AND invoice.docstatus = 1 AND invoice.is_return = 0 AND invoice.update_stock = 1
		AND (row.cb_line_id = %s OR row.cb_line_id LIKE %s) LIMIT 1"""


@dataclass(frozen=True, slots=True)
class Wanted:
	"""What of a line comes back. `serials` are all of its units, or none where nobody said."""

	line_id: str
	item_code: str
	quantity: Decimal
	serials: tuple[str, ...] = ()
	warehouse: str | None = None


@dataclass(slots=True)
class _Found:
	"""What is to be made: of the rows of Delivery Notes, and besides."""

	of_notes: dict[tuple[str, str], list[Wanted]] = field(default_factory=lambda: defaultdict(list))
	older: list[Wanted] = field(default_factory=list)
	unsaid: list[str] = field(default_factory=list)


# --- read ------------------------------------------------------------------------------------------------


def taken(name: str) -> list[Any]:
	"""Rows of the documents of an authorisation that are not cancelled, each with its `serials`."""
	rows = frappe.db.sql(TAKEN, {"name": name}, as_dict=True)
	units = _of_bundles(row.bundle for row in rows)
	for row in rows:
		row.serials = units.get(row.bundle) or get_serial_nos(row.serial_no)
	return rows


def quantity_of(rows: Iterable[Any], line_id: str, docstatus: int) -> Decimal:
	"""How much of a line is in documents that are submitted, or drafts."""
	found = (flt(row.qty) for row in rows if row.docstatus == docstatus and is_part(row.line, line_id))
	return decimal(sum(found))


def is_part(line: str | None, line_id: str) -> bool:
	"""Whether a row's line is this line of the shop's, or the part of it at one location."""
	return bool(line) and (line == line_id or str(line).startswith(f"{line_id}:"))


def away(sales_order: str | None) -> list[Any]:
	"""Rows of the order's deliveries of which something did not come back yet, each with the `units` that did not."""
	rows = frappe.db.sql(AWAY, sales_order, as_dict=True) if sales_order else []
	names = tuple(row.name for row in rows)
	moved = frappe.db.sql(UNITS, {"rows": names}, as_dict=True) if names else []
	bundles = _of_bundles(row.bundle for row in moved)
	units: dict[str, list[str]] = {}
	back: dict[str, set[str]] = defaultdict(set)
	for row in moved:
		serials = bundles.get(row.bundle) or get_serial_nos(row.serial_no)
		if row.name in names:
			units[row.name] = serials
		else:
			back[row.dn_detail].update(serials)
	for row in rows:
		row.units = [unit for unit in units.get(row.name, []) if unit not in back[row.name]]
	return rows


def _of_bundles(bundles: Iterable[str | None]) -> dict[str, list[str]]:
	names = tuple(set(bundles) - {None, ""})
	found: dict[str, list[str]] = {}
	for parent, serial in frappe.db.sql(OF_BUNDLES, (names,)) if names else ():
		found.setdefault(parent, []).append(serial)
	return found


# --- made ------------------------------------------------------------------------------------------------


def make(doc: Any, wanted: Sequence[Wanted], submit: bool, return_warehouse: str | None) -> Receipt:
	"""The documents by which goods come back.

	:param doc: the Return Authorisation
	:param return_warehouse: where they go unless the line, or its disposition, says otherwise
	:raises Rejected: where less was delivered, and not returned yet; or another unit
	"""
	placed = [replace(each, warehouse=each.warehouse or return_warehouse) for each in wanted]
	found = _found(doc, placed)
	documents = [
		(DELIVERY_NOTE, _return(doc, note, found, submit))
		for note in dict.fromkeys(note for note, _row in found.of_notes)
	]
	if found.older:
		documents.append((STOCK_ENTRY, _receive_older(doc, found.older, submit)))
	note = ""
	if found.unsaid:
		note = f"Press Receive in it and say which units came back: {', '.join(found.unsaid)}"
	return Receipt(tuple(documents), note)


def adopt(
	name: str, sales_order: str, wanted: Sequence[Wanted]
) -> tuple[list[tuple[str, str]], list[Wanted]]:
	"""Returns that a person, or a refund, made of just these goods are receipts of them; and what is left to be made."""
	left = {each.line_id: each.quantity for each in wanted}
	notes: dict[str, dict[str, Decimal]] = {}
	for row in frappe.db.sql(BY_HAND, sales_order, as_dict=True):
		line_id = next((line for line in left if is_part(row.line, line)), row.line)
		lines = notes.setdefault(row.name, {})
		lines[line_id] = lines.get(line_id, ZERO) + decimal(flt(row.qty))
	adopted = []
	for note, lines in notes.items():
		if all(left.get(line, ZERO) >= quantity for line, quantity in lines.items()):
			adopted.append((DELIVERY_NOTE, note))
			left |= {line: left[line] - quantity for line, quantity in lines.items()}
			frappe.db.set_value(DELIVERY_NOTE, note, "cb_return_authorisation", name, update_modified=False)
	return adopted, [replace(each, quantity=left[each.line_id]) for each in wanted if left[each.line_id]]


def _found(doc: Any, wanted: Sequence[Wanted]) -> _Found:
	found = _Found()
	rows = away(doc.sales_order)
	for each in wanted:
		of_line = [row for row in rows if is_part(row.line, each.line_id)]
		has_units = frappe.get_cached_value("Item", each.item_code, "has_serial_no")
		if not of_line:
			_refuse_invoiced(doc, each)
			if has_units and len(each.serials) != each.quantity:
				found.unsaid.append(each.item_code)
			else:
				found.older.append(each)
		elif has_units:
			_take_units(doc, each, of_line, found)
		else:
			_take(doc, each, of_line, found)
	return found


def _take(doc: Any, wanted: Wanted, rows: Sequence[Any], found: _Found) -> None:
	"""Of the oldest delivery first."""
	left = wanted.quantity
	for row in rows:
		part = min(left, decimal(flt(row.away)))
		if part > 0:
			found.of_notes[row.parent, row.name].append(replace(wanted, quantity=part))
			row.away = flt(row.away) - float(part)
			left -= part
	if left > 0:
		raise Rejected(
			f'{flt(wanted.quantity):g} of line "{wanted.line_id}" ({wanted.item_code}) are to come back, but only '
			f"{flt(wanted.quantity - left):g} of Sales Order {doc.sales_order} were delivered and did not come back yet."
		)


def _take_units(doc: Any, wanted: Wanted, rows: Sequence[Any], found: _Found) -> None:
	out = {unit: row for row in rows for unit in row.units}
	serials = wanted.serials or (tuple(out) if len(out) == wanted.quantity else ())
	foreign = [unit for unit in serials if unit not in out]
	if foreign or wanted.quantity > len(out):
		raise Rejected(
			f"Serial No {', '.join(foreign) or '?'} of {wanted.item_code} cannot come back with {doc.name}: Sales Order "
			f"{doc.sales_order} delivered, and has not back yet: {', '.join(sorted(out)) or 'none'}."
		)
	if len(serials) != wanted.quantity:
		found.unsaid.append(f"{wanted.item_code} ({', '.join(sorted(out))})")
		return
	by_row: dict[tuple[str, str], list[str]] = defaultdict(list)
	for unit in serials:
		by_row[out[unit].parent, out[unit].name].append(unit)
	for key, units in by_row.items():
		found.of_notes[key].append(replace(wanted, quantity=Decimal(len(units)), serials=tuple(units)))


def _refuse_invoiced(doc: Any, wanted: Wanted) -> None:
	"""What left with a Sales Invoice comes back with a credit note of it that updates stock."""
	values = (doc.sales_order, wanted.line_id, f"{wanted.line_id}:%")
	invoice = frappe.db.sql(BILLED_WITH_STOCK, values, pluck=True) if doc.sales_order else []
	if invoice:
		raise Rejected(
			f'Line "{wanted.line_id}" was delivered with Sales Invoice {invoice[0]}, which updates stock. Make its return '
			"there, with Update Stock."
		)


def _return(doc: Any, note: str, found: _Found, submit: bool) -> str:
	back = make_return_doc(DELIVERY_NOTE, note)
	of_row = {row.dn_detail: row.as_dict() for row in back.items}
	back.items = []
	for (parent, name), parts in found.of_notes.items():
		for part in parts if parent == note else ():
			_append(back, of_row[name], part)
	back.cb_return_authorisation = doc.name
	back.flags.commerce_bridge_applied = True
	back.flags.ignore_permlevel_for_fields = ["ignore_pricing_rule"]
	back.insert()
	if submit:
		back.submit()
	return back.name


def _append(back: Any, row: Mapping[str, Any], part: Wanted) -> None:
	values = {
		key: value for key, value in row.items() if key not in ("name", "idx", "serial_and_batch_bundle")
	}
	values |= {"qty": -float(part.quantity), "warehouse": part.warehouse or row["warehouse"]}
	if part.serials:
		values |= {"use_serial_batch_fields": 1, "serial_no": "\n".join(part.serials)}
	back.append("items", values)


def _receive_older(doc: Any, wanted: Sequence[Wanted], submit: bool) -> str:
	"""Goods that came to the buyer before ERPNext delivered anything."""
	default = frappe.db.get_value("Channel Settings", doc.channel, "default_warehouse")
	entry = frappe.get_doc(
		{
			"doctype": STOCK_ENTRY,
			"stock_entry_type": "Material Receipt",
			"company": doc.company,
			"cb_return_authorisation": doc.name,
			"items": [
				{
					"item_code": each.item_code,
					"qty": float(each.quantity),
					"t_warehouse": each.warehouse or default,
					"cb_line_id": each.line_id,
					**(
						{"use_serial_batch_fields": 1, "serial_no": "\n".join(each.serials)}
						if each.serials
						else {}
					),
				}
				for each in wanted
			],
		}
	)
	entry.insert()
	if submit:
		entry.submit()
	return entry.name


def warehouse_for(disposition: str | None, company: str) -> str | None:
	"""The company's one warehouse for what is to become of the goods; None where there is none, or several."""
	purpose = PURPOSE.get(disposition or "")
	if not purpose or purpose == "Sellable":
		return None
	filters = {"company": company, "cb_purpose": purpose, "is_group": 0, "disabled": 0}
	names = frappe.get_all("Warehouse", filters, pluck="name", limit=2)
	return names[0] if len(names) == 1 else None


# --- what it makes of the authorisation ------------------------------------------------------------------


def on_moved(doc: Any, method: str | None = None) -> None:
	"""Hook: a receipt was submitted or cancelled."""
	if doc.get("cb_return_authorisation") and frappe.db.exists(DOCTYPE, doc.cb_return_authorisation):
		refresh(doc.cb_return_authorisation)


def refresh(name: str) -> None:
	"""Counts what came back, unit by unit where the goods have serial numbers; the status follows."""
	doc = frappe.get_doc(DOCTYPE, name, for_update=True)
	rows = [row for row in taken(name) if row.docstatus == SUBMITTED]
	for line_id in dict.fromkeys(line.order_line_id for line in doc.lines):
		units = [unit for row in rows if is_part(row.line, line_id) for unit in row.serials]
		_name_units(doc, line_id, units)
		_count(doc, line_id, quantity_of(rows, line_id, SUBMITTED), set(units))
	complete = all(flt(line.received) >= flt(line.quantity) for line in doc.lines)
	if complete and doc.status == "Approved":
		doc.status = "Received"
	elif not complete and doc.status == "Received":
		doc.status = "Approved"
	doc.flags.commerce_bridge_step = True
	doc.flags.ignore_permissions = True
	doc.save()


def _name_units(doc: Any, line_id: str, units: Sequence[str]) -> None:
	"""Each unit that came back has a row of its own: it is inspected by itself."""
	known = {line.serial_no for line in doc.lines if line.order_line_id == line_id}
	for unit in units:
		if unit in known:
			continue
		open_rows = [row for row in doc.lines if row.order_line_id == line_id and not row.serial_no]
		if not open_rows:
			return
		row = open_rows[0]
		if flt(row.quantity) <= 1:
			row.serial_no = unit
			continue
		row.quantity = flt(row.quantity) - 1
		copied = (
			"item_code",
			"item_name",
			"reason",
			"condition_declared",
			"order_line_id",
			"warehouse",
			"disposition",
		)
		doc.append("lines", {**{key: row.get(key) for key in copied}, "quantity": 1, "serial_no": unit})


def _count(doc: Any, line_id: str, quantity: Decimal, units: set[str]) -> None:
	left = float(quantity)
	of_line = [row for row in doc.lines if row.order_line_id == line_id]
	for row in sorted(of_line, key=lambda row: row.serial_no not in units if row.serial_no else True):
		row.received = (
			0 if units and row.serial_no and row.serial_no not in units else min(left, flt(row.quantity))
		)
		left -= row.received
