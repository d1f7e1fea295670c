"""Goods of a Return Authorisation that come back: return Delivery Notes of what ERPNext delivered, a Stock Entry for
what left with a Sales Invoice, or what it never delivered; and what all of them make of the authorisation."""

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
from commerce_bridge.erpnext import direct_invoice, invoice_return, return_delivery, shipping
from commerce_bridge.erpnext.channel_settings import decimal

DOCTYPE = "Return Authorisation"
DELIVERY_NOTE, SALES_INVOICE, STOCK_ENTRY = "Delivery Note", "Sales Invoice", "Stock Entry"
DRAFT, SUBMITTED = 0, 1
#: Where a disposition puts goods: the company's one warehouse of this purpose.
PURPOSE = {"Restock": "Sellable", "Refurbish": "Refurbishment", "Scrap": "Scrap"}
ZERO = Decimal(0)

TAKEN = """SELECT 'Delivery Note' AS doctype, note.name, note.docstatus, row.cb_line_id AS line, -row.qty AS qty,
		row.serial_no, row.serial_and_batch_bundle AS bundle, note.creation
	FROM `tabDelivery Note` note JOIN `tabDelivery Note Item` row ON row.parent = note.name
	WHERE note.cb_return_authorisation = %(name)s AND note.docstatus < 2
	UNION ALL SELECT 'Sales Invoice', note.name, note.docstatus, row.cb_line_id, -row.qty,
		row.serial_no, row.serial_and_batch_bundle, note.creation
	FROM `tabSales Invoice` note JOIN `tabSales Invoice Item` row ON row.parent = note.name
	WHERE note.cb_return_authorisation = %(name)s AND note.docstatus < 2 AND note.update_stock = 1
	UNION ALL SELECT 'Stock Entry', entry.name, entry.docstatus, row.cb_line_id,
		IF(COALESCE(row.cb_sales_invoice_item, '') = '', row.qty, row.qty * row.cb_line_part),
		row.serial_no, row.serial_and_batch_bundle, entry.creation
	FROM `tabStock Entry` entry JOIN `tabStock Entry Detail` row ON row.parent = entry.name
	WHERE entry.cb_return_authorisation = %(name)s AND entry.docstatus < 2
	ORDER BY creation, name"""
#: Returns of an order that belong to no authorisation yet.
BY_HAND = """SELECT 'Delivery Note' AS doctype, note.name, row.cb_line_id AS line, -row.qty AS qty, note.creation
	FROM `tabDelivery Note Item` row JOIN `tabDelivery Note` note ON note.name = row.parent
	WHERE row.{note_field} = %(order)s AND note.is_return = 1 AND note.docstatus < 2
		AND COALESCE(note.cb_return_authorisation, '') = '' AND COALESCE(row.cb_line_id, '') != ''
	UNION ALL SELECT 'Sales Invoice', note.name, row.cb_line_id, -row.qty, note.creation
	FROM `tabSales Invoice Item` sold JOIN `tabSales Invoice` note ON note.return_against = sold.parent
	JOIN `tabSales Invoice Item` row ON row.parent = note.name AND row.sales_invoice_item = sold.name
	WHERE sold.{sold_field} = %(order)s AND note.is_return = 1 AND note.update_stock = 1 AND note.docstatus < 2
		AND COALESCE(note.cb_return_authorisation, '') = '' AND COALESCE(row.cb_line_id, '') != ''
	UNION ALL SELECT 'Stock Entry', entry.name, row.cb_line_id, ROUND(row.qty * row.cb_line_part, 6), entry.creation
	FROM `tabSales Invoice Item` sold JOIN `tabStock Entry Detail` row ON row.cb_sales_invoice_item = sold.name
	JOIN `tabStock Entry` entry ON entry.name = row.parent
	WHERE sold.{sold_field} = %(order)s AND entry.docstatus < 2
		AND COALESCE(entry.cb_return_authorisation, '') = '' AND COALESCE(row.cb_line_id, '') != ''
	ORDER BY creation, name"""
UNITS = """SELECT name, dn_detail, serial_no, serial_and_batch_bundle AS bundle FROM `tabDelivery Note Item`
	WHERE (name IN %(rows)s OR dn_detail IN %(rows)s) AND docstatus < 2"""
OF_BUNDLES = """SELECT parent, serial_no FROM `tabSerial and Batch Entry`
	WHERE parent IN %s AND COALESCE(serial_no, '') != '' ORDER BY idx"""


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
	"""What is to be made: of the rows of Delivery Notes and invoices, by DocType, document and row; and besides."""

	of_rows: dict[tuple[str, str, str], list[Wanted]] = field(default_factory=lambda: defaultdict(list))
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
	return decimal(flt(sum(found), 6))


def is_part(line: str | None, line_id: str) -> bool:
	"""Whether a row's line is this line of the shop's, or the part of it at one location."""
	return bool(line) and (line == line_id or str(line).startswith(f"{line_id}:"))


def away(order: str | None) -> list[Any]:
	"""Rows of what left of the order of which something did not come back yet, each with the `units` that did not."""
	rows = return_delivery.away(order) if order else []
	invoiced = [row for row in rows if row.doctype == SALES_INVOICE]
	invoice_return.add_units(invoiced)
	notes = [row for row in rows if row.doctype == DELIVERY_NOTE]
	_add_units(notes)
	return rows


def _add_units(rows: Sequence[Any]) -> None:
	"""Of Delivery Notes."""
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
	documents = []
	for doctype, left_with in dict.fromkeys((doctype, parent) for doctype, parent, _row in found.of_rows):
		if doctype == DELIVERY_NOTE:
			documents.append((DELIVERY_NOTE, _return(doc, left_with, found, submit)))
		elif entry := _receive_invoiced(doc, left_with, found, submit):
			documents.append((STOCK_ENTRY, entry))
	if found.older:
		documents.append((STOCK_ENTRY, _receive_older(doc, found.older, submit)))
	note = ""
	if found.unsaid:
		note = f"Press Receive in it and say which units came back: {', '.join(found.unsaid)}"
	return Receipt(tuple(documents), note)


def adopt(name: str, order: str, wanted: Sequence[Wanted]) -> tuple[list[tuple[str, str]], list[Wanted]]:
	"""Returns that a person, or a refund, made of just these goods are receipts of them; and what is left to be made.

	:param order: name of the document that stands for the order
	"""
	left = {each.line_id: each.quantity for each in wanted}
	documents: dict[tuple[str, str], dict[str, Decimal]] = {}
	direct = direct_invoice.doctype_of(order) == SALES_INVOICE
	statement = BY_HAND.format(
		note_field="against_sales_invoice" if direct else "against_sales_order",
		sold_field="parent" if direct else "sales_order",
	)
	for row in frappe.db.sql(statement, {"order": order}, as_dict=True):
		line_id = next((line for line in left if is_part(row.line, line)), row.line)
		lines = documents.setdefault((row.doctype, row.name), {})
		lines[line_id] = lines.get(line_id, ZERO) + decimal(flt(row.qty))
	adopted = []
	for (doctype, document), lines in documents.items():
		if all(left.get(line, ZERO) >= quantity for line, quantity in lines.items()):
			adopted.append((doctype, document))
			left |= {line: left[line] - quantity for line, quantity in lines.items()}
			frappe.db.set_value(doctype, document, "cb_return_authorisation", name, update_modified=False)
	return adopted, [replace(each, quantity=left[each.line_id]) for each in wanted if left[each.line_id]]


def _found(doc: Any, wanted: Sequence[Wanted]) -> _Found:
	found = _Found()
	rows = away(doc.sales_order or doc.sales_invoice)
	for each in wanted:
		of_line = [row for row in rows if is_part(row.line, each.line_id)]
		has_units = frappe.get_cached_value("Item", each.item_code, "has_serial_no")
		if not of_line:
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
			found.of_rows[row.doctype, row.parent, row.name].append(replace(wanted, quantity=part))
			row.away = flt(row.away) - float(part)
			left -= part
	if left > 0:
		raise Rejected(
			f'{flt(wanted.quantity):g} of line "{wanted.line_id}" ({wanted.item_code}) are to come back, but only '
			f"{flt(wanted.quantity - left):g} of {_order(doc)} were delivered and did not come back yet."
		)


def _take_units(doc: Any, wanted: Wanted, rows: Sequence[Any], found: _Found) -> None:
	out = {unit: row for row in rows for unit in row.units}
	serials = wanted.serials or (tuple(out) if len(out) == wanted.quantity else ())
	foreign = [unit for unit in serials if unit not in out]
	if foreign or wanted.quantity > len(out):
		raise Rejected(
			f"Serial No {', '.join(foreign) or '?'} of {wanted.item_code} cannot come back with {doc.name}: "
			f"{_order(doc)} delivered, and has not back yet: {', '.join(sorted(out)) or 'none'}."
		)
	if len(serials) != wanted.quantity:
		found.unsaid.append(f"{wanted.item_code} ({', '.join(sorted(out))})")
		return
	by_row: dict[tuple[str, str, str], list[str]] = defaultdict(list)
	for unit in serials:
		by_row[out[unit].doctype, out[unit].parent, out[unit].name].append(unit)
	for key, units in by_row.items():
		found.of_rows[key].append(replace(wanted, quantity=Decimal(len(units)), serials=tuple(units)))


def _order(doc: Any) -> str:
	return f"Sales Order {doc.sales_order}" if doc.sales_order else f"{SALES_INVOICE} {doc.sales_invoice}"


def _return(doc: Any, note: str, found: _Found, submit: bool) -> str:
	back = make_return_doc(DELIVERY_NOTE, note)
	of_row = {row.dn_detail: row.as_dict() for row in back.items}
	back.items = []
	for name, part in _parts(found, note):
		_append(back, of_row[name], part)
	back.cb_return_authorisation = doc.name
	back.flags.commerce_bridge_applied = True
	back.flags.ignore_permlevel_for_fields = ["ignore_pricing_rule"]
	back.insert()
	if submit:
		back.submit()
	return back.name


def _parts(found: _Found, document: str) -> list[tuple[str, Wanted]]:
	"""Rows of a document, and what of each comes back."""
	return [
		(name, part)
		for (_doctype, parent, name), parts in found.of_rows.items()
		for part in parts
		if parent == document
	]


def _receive_invoiced(doc: Any, invoice: str, found: _Found, submit: bool) -> str | None:
	"""What left with an invoice; its credit note moves no stock."""
	parts = [
		invoice_return.Part(name, part.quantity, part.serials, part.warehouse)
		for name, part in _parts(found, invoice)
	]
	return invoice_return.make(invoice, parts, submit, authorisation=doc.name)


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
	"""Hook: a receipt was submitted or cancelled. What it brings back changes the shipment that it left with."""
	if doc.get("cb_sales_invoice"):
		if doc.docstatus == SUBMITTED:
			invoice_return.refuse_more(doc)
		shipping.tell(frappe.get_doc(SALES_INVOICE, doc.cb_sales_invoice))
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
