"""DocType Return Authorisation: followed for a shop, decided and inspected by people, and told to the shop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Any

import frappe
from frappe import _
from frappe.utils import flt

from commerce_bridge.bridge.channel import Channel
from commerce_bridge.bridge.model import InspectedLine, ReturnLine, ReturnNotice, ReturnStatus
from commerce_bridge.bridge.outbound import return_entry
from commerce_bridge.bridge.plan import OrderedLine
from commerce_bridge.bridge.protocols import NewEntry
from commerce_bridge.bridge.return_plan import AuthorisationPlan, Receipt, ReturnedLine, ReturnState
from commerce_bridge.bridge.returns import CHANGED, DOCTYPE
from commerce_bridge.erpnext import (
	channel_settings,
	delivery_note,
	direct_invoice,
	return_receipt,
	stock_change,
	sync_log,
	transaction,
)
from commerce_bridge.erpnext.channel_settings import decimal
from commerce_bridge.erpnext.customer import clean
from commerce_bridge.erpnext.return_receipt import DRAFT, SUBMITTED, Wanted, is_part
from commerce_bridge.erpnext.time import from_site

SALES_ORDER, SALES_INVOICE = direct_invoice.SALES_ORDER, direct_invoice.DOCTYPE
STATUSES: tuple[ReturnStatus, ...] = (
	"requested",
	"approved",
	"declined",
	"received",
	"closed",
	"cancelled",
)
#: What a person may make of a return that stands so.
STEPS: Mapping[ReturnStatus, tuple[ReturnStatus, ...]] = {
	"approved": ("requested",),
	"declined": ("requested", "approved"),
	"cancelled": ("requested", "approved"),
	"closed": ("approved", "received"),
}
REFUSED = ("declined", "cancelled")
#: Of a row, what only the steps write.
INSPECTED = ("inspection_result", "condition_found", "grade_found")
TEXTS = ("note", "decision")
LINE_TEXTS = ("reason", "condition_declared", "serial_declared", "inspection_result")
#: What of a unit's refurbishment a disposition says.
REFURBISHMENT = {"Refurbish": "Pending", "Scrap": "Scrapped"}


# --- for the engine --------------------------------------------------------------------------------------


def get(name: str) -> ReturnState | None:
	"""See `Erp.get_return`."""
	status = frappe.db.get_value(DOCTYPE, name, "status", for_update=True)
	if status is None:
		return None
	taken = return_receipt.taken(name)
	rows = frappe.get_all(f"{DOCTYPE} Line", {"parent": name}, ["order_line_id", "quantity"], order_by="idx")
	quantities: dict[str, Decimal] = {}
	for row in rows:
		if row.order_line_id:
			quantities[row.order_line_id] = quantities.get(row.order_line_id, Decimal(0)) + decimal(
				flt(row.quantity)
			)
	lines = {
		line_id: ReturnedLine(
			quantity,
			return_receipt.quantity_of(taken, line_id, SUBMITTED),
			return_receipt.quantity_of(taken, line_id, DRAFT),
		)
		for line_id, quantity in quantities.items()
	}
	return ReturnState(name, status.lower(), lines, tuple(dict.fromkeys(row.name for row in taken)))


def save(channel: Channel, plan: AuthorisationPlan, name: str | None) -> str:
	"""See `Erp.save_return`."""
	found = plan.found
	doc = frappe.get_doc(DOCTYPE, name, for_update=True) if name else _new(plan)
	doc.update(
		{"status": plan.status.title(), "shop_status": found.status, "note": clean(found.note or "") or None}
	)
	doc.update(_order_fields(plan.sales_order))  # an amended one takes the place of the one it was
	doc.external_number = clean(found.number or "")[:140] or None
	_set_lines(doc, plan)
	doc.flags.commerce_bridge_applied = True
	doc.save()
	return doc.name


def _new(plan: AuthorisationPlan) -> Any:
	doctype = direct_invoice.doctype_of(plan.sales_order)
	return frappe.get_doc(
		{
			"doctype": DOCTYPE,
			"channel": plan.channel,
			"company": plan.company,
			"customer": frappe.db.get_value(doctype, plan.sales_order, "customer"),
			"external_id": plan.found.id[:140],
		}
	)


def _order_fields(order: str) -> dict[str, str | None]:
	"""The fields that name the document which stands for the order."""
	doctype = direct_invoice.doctype_of(order)
	return {
		"sales_order": order if doctype == SALES_ORDER else None,
		"sales_invoice": order if doctype == SALES_INVOICE else None,
	}


def _order(doc: Any) -> tuple[str, str] | None:
	"""DocType and name of the document that stands for its order; None for older goods."""
	if doc.sales_order:
		return SALES_ORDER, doc.sales_order
	return (SALES_INVOICE, doc.sales_invoice) if doc.sales_invoice else None


def _set_lines(doc: Any, plan: AuthorisationPlan) -> None:
	"""Rows of what came back stay; the others are made anew where the shop's quantity is another one."""
	items = _items((direct_invoice.doctype_of(plan.sales_order), plan.sales_order))
	kept = []
	for line in _by_line(plan.found.lines):
		rows = [row for row in doc.lines if row.order_line_id == line.order_line_id]
		if decimal(flt(sum(flt(row.quantity) for row in rows))) != line.quantity:
			rows = [row for row in rows if flt(row.received)]
			rows += _rows(line, items, line.quantity - decimal(flt(sum(flt(row.quantity) for row in rows))))
		kept += rows
	doc.set("lines", kept)


def _by_line(lines: Sequence[ReturnLine]) -> list[ReturnLine]:
	found: dict[str, ReturnLine] = {}
	for line in lines:
		known = found.get(line.order_line_id)
		if known:
			line = known.model_copy(
				update={"quantity": known.quantity + line.quantity, "serials": known.serials + line.serials}
			)
		if line.quantity:
			found[line.order_line_id] = line
	return list(found.values())


def _rows(line: ReturnLine, items: Mapping[str, Any], quantity: Decimal) -> list[dict[str, Any]]:
	"""One for each unit that the buyer named, and one for the rest."""
	item = next(row for key, row in items.items() if is_part(key, line.order_line_id))
	row = {
		"order_line_id": line.order_line_id,
		"item_code": item.item_code,
		"item_name": item.item_name,
		"reason": clean(line.reason or "")[:140] or None,
		"condition_declared": clean(line.condition or "")[:140] or None,
	}
	units = [clean(unit)[:140] for unit in line.serials[: int(quantity)]]
	rows = [
		{**row, "quantity": 1, "serial_declared": unit, "serial_no": _unit(item.item_code, unit)}
		for unit in units
	]
	rest = quantity - len(rows)
	return [*rows, {**row, "quantity": float(rest)}] if rest > 0 else rows


def _unit(item_code: str, serial_no: str) -> str | None:
	"""The unit a buyer names, if there is such a one."""
	return frappe.db.get_value("Serial No", {"name": serial_no, "item_code": item_code})


def _items(order: tuple[str, str] | None) -> Mapping[str, OrderedLine]:
	return delivery_note.ordered(order[1], order[0]) if order else {}


def name_return(name: str, external_id: str) -> None:
	"""See `Erp.name_return`."""
	frappe.db.set_value(DOCTYPE, name, "external_id", external_id[:140], update_modified=False)


def receive_return(channel: Channel, name: str, quantities: Mapping[str, Decimal], submit: bool) -> Receipt:
	"""See `Erp.receive_return`."""
	doc = frappe.get_doc(DOCTYPE, name)
	wanted = [_wanted(doc, line_id, quantity) for line_id, quantity in quantities.items()]
	order = _order(doc)
	adopted, left = return_receipt.adopt(name, order[1], wanted) if order else ([], wanted)
	receipt = return_receipt.make(doc, left, submit, channel.refunds.return_warehouse) if left else Receipt()
	if adopted:
		return_receipt.refresh(name)
	return Receipt((*adopted, *receipt.documents), receipt.note)


def _wanted(doc: Any, line_id: str, quantity: Decimal) -> Wanted:
	rows = [
		row for row in doc.lines if row.order_line_id == line_id and flt(row.received) < flt(row.quantity)
	]
	named = tuple(row.serial_no for row in rows if row.serial_no)
	first = rows[0]
	return Wanted(
		line_id,
		first.item_code,
		quantity,
		named if len(named) == quantity else (),
		first.warehouse or return_receipt.warehouse_for(first.disposition, doc.company),
	)


# --- told ------------------------------------------------------------------------------------------------


def notice(name: str, channel: str) -> ReturnNotice | None:
	"""See `Erp.get_return_notice`."""
	if not frappe.db.exists(DOCTYPE, {"name": name, "channel": channel}):
		return None
	doc = frappe.get_doc(DOCTYPE, name)
	fields = ("cb_external_id", "cb_external_number")
	order = _order(doc)
	order_id, number = (order and frappe.db.get_value(*order, fields)) or (None, None)
	if not order_id:
		return None
	return ReturnNotice(
		id=doc.external_id or doc.name,
		document=doc.name,
		order_id=order_id,
		order_number=number or order_id,
		status=doc.status.lower(),
		lines=tuple(_line(row) for row in doc.lines),
		reason=doc.decision or None,
		updated_at=from_site(doc.modified),
	)


def _line(row: Any) -> InspectedLine:
	return InspectedLine(
		order_line_id=row.order_line_id,
		quantity=decimal(flt(row.quantity)),
		received=decimal(flt(row.received)),
		reason=row.reason or None,
		condition=row.condition_declared or None,
		serials=(row.serial_no,) if row.serial_no else (),
		condition_found=row.condition_found or None,
		grade_found=row.grade_found or None,
		disposition=row.disposition.lower() if row.disposition and flt(row.received) else None,
	)


def tell(doc: Any) -> None:
	"""Hook: queues what the storefront does not know yet. What it said itself, it knows."""
	if (
		_order(doc) is None
		or transaction.acting_for() == doc.channel
		or not channel_settings.exists(doc.channel)
	):
		return
	stock_change.queue_later((CHANGED, doc.channel, doc.name), partial(_entries, doc.channel, doc.name))


def _entries(channel: str, name: str) -> list[NewEntry]:
	told = notice(name, channel)
	entry = told and return_entry(channel, told, sync_log.latest(channel, CHANGED, DOCTYPE, name))
	return [entry] if entry else []


# --- what a person does ----------------------------------------------------------------------------------


def validate(doc: Any) -> None:
	"""Hook. Status, what came back and what was found of it are written by the steps below, and by nobody else."""
	if not (doc.flags.commerce_bridge_applied or doc.flags.commerce_bridge_step):
		_refuse_foreign(doc)
		_keep_machine_written(doc)
	if doc.sales_invoice:
		_fetch_of_invoice(doc)
	elif doc.sales_order and not doc.customer:
		doc.customer = frappe.db.get_value(SALES_ORDER, doc.sales_order, "customer")
	_make_plain(doc)
	_name_lines(doc)
	_refuse_more(doc)


def _fetch_of_invoice(doc: Any) -> None:
	"""What is fetched of a Sales Order where there is one."""
	if doc.sales_order:
		frappe.throw(_("It is of one order: leave Sales Order or Sales Invoice empty"))
	fields = ("customer", "cb_external_id", "cb_external_number")
	customer, doc.order_id, doc.order_number = frappe.db.get_value(
		SALES_INVOICE, doc.sales_invoice, fields
	) or ((None,) * 3)
	doc.customer = doc.customer or customer


def _make_plain(doc: Any) -> None:
	"""The Desk draws what cannot be edited as HTML: no text of ours has any."""
	for row, fieldnames in ((doc, TEXTS), *((line, LINE_TEXTS) for line in doc.lines)):
		for fieldname in fieldnames:
			if row.get(fieldname):
				row.set(fieldname, clean(row.get(fieldname)) or None)


def _refuse_foreign(doc: Any) -> None:
	"""Units and buyer of an order are shown to whoever may read its channel: the return is of just that channel."""
	settings = frappe.get_doc("Channel Settings", doc.channel)
	if doc.is_new():
		settings.check_permission("read")
	doc.company = settings.company
	if doc.sales_order and frappe.db.get_value(SALES_ORDER, doc.sales_order, "cb_channel") != doc.channel:
		frappe.throw(_("Sales Order {0} is not of channel {1}").format(doc.sales_order, doc.channel))
	if doc.sales_invoice:
		_refuse_foreign_invoice(doc)


def _refuse_foreign_invoice(doc: Any) -> None:
	if frappe.db.get_value(SALES_INVOICE, doc.sales_invoice, "cb_channel") != doc.channel:
		frappe.throw(_("Sales Invoice {0} is not of channel {1}").format(doc.sales_invoice, doc.channel))
	if not direct_invoice.stands(doc.sales_invoice):
		frappe.throw(_("Sales Invoice {0} is of a Sales Order: choose that").format(doc.sales_invoice))


def _keep_machine_written(doc: Any) -> None:
	before = doc.get_doc_before_save()
	doc.status = before.status if before else "Requested"
	for fieldname in ("shop_status", "external_id", "external_number", "decision"):
		doc.set(fieldname, before.get(fieldname) if before else None)
	known = {row.name: row for row in before.lines} if before else {}
	for row in doc.lines:
		old = known.pop(row.name, None)
		row.received = old.received if old else 0
		for fieldname in (*INSPECTED, "order_line_id"):
			row.set(fieldname, old.get(fieldname) if old else None)
		if (
			old
			and flt(old.received)
			and (row.item_code, flt(row.quantity)) != (old.item_code, flt(old.quantity))
		):
			frappe.throw(_("Row {0}: {1} came back already").format(row.idx, flt(old.received)))
	if any(flt(row.received) for row in known.values()):
		frappe.throw(_("What came back cannot be taken out"))


def _name_lines(doc: Any) -> None:
	"""A row that a person adds is of the order's line with this item that has most left."""
	order = _order(doc)
	items = _items(order)
	for row in doc.lines:
		if flt(row.quantity) <= 0:
			frappe.throw(_("Row {0}: fill in a quantity").format(row.idx))
		if row.order_line_id:
			continue
		used = [other.order_line_id for other in doc.lines]
		of_item = [line for line, ordered in items.items() if ordered.item_code == row.item_code]
		if order and items and not of_item:
			frappe.throw(
				_("Row {0}: {1} {2} has no {3}").format(row.idx, _(order[0]), order[1], row.item_code)
			)
		row.order_line_id = next((line for line in of_item if line not in used), (of_item or [None])[0])
		row.order_line_id = row.order_line_id or frappe.generate_hash(length=10)


def _refuse_more(doc: Any) -> None:
	order = _order(doc)
	items = _items(order)
	for line_id in dict.fromkeys(row.order_line_id for row in doc.lines) if order and items else ():
		ordered = sum(flt(row.quantity) for line, row in items.items() if is_part(line, line_id))
		back = sum(flt(row.quantity) for row in doc.lines if row.order_line_id == line_id)
		if back > ordered:
			frappe.throw(
				_("{0} of line {1} are to come back, but {2} {3} has {4}").format(
					back, line_id, _(order[0]), order[1], ordered
				)
			)


def on_trash(doc: Any) -> None:
	"""Hook: what goods came back with stays."""
	if receipts := {row.name for row in return_receipt.taken(doc.name)}:
		frappe.throw(_("Goods came back with {0}").format(", ".join(sorted(receipts))))


def decide(name: str, status: ReturnStatus, reason: str = "") -> None:
	"""Approve, decline, cancel or close; the storefront is told."""
	doc = _writable(name)
	if doc.status.lower() not in STEPS[status]:
		frappe.throw(_("{0} is {1}").format(doc.name, _(doc.status)))
	if status in REFUSED:
		if receipts := list(dict.fromkeys(row.name for row in return_receipt.taken(name))):
			frappe.throw(_("Goods came back with {0}").format(", ".join(receipts)))
		doc.decision = reason.strip() or None
	if status == "closed":
		_refuse_unfinished(doc)
	doc.status = status.title()
	_save_step(doc)


def _refuse_unfinished(doc: Any) -> None:
	drafts = [row.name for row in return_receipt.taken(doc.name) if row.docstatus == DRAFT]
	if drafts:
		frappe.throw(_("Submit or delete {0} first").format(", ".join(dict.fromkeys(drafts))))
	for row in doc.lines:
		graded = frappe.get_cached_value("Item", row.item_code, "cb_recommerce")
		if graded and flt(row.received) and not row.disposition:
			frappe.throw(_("Row {0}: inspect {1} first").format(row.idx, row.serial_no or row.item_code))


def _writable(name: str) -> Any:
	doc = frappe.get_doc(DOCTYPE, name, for_update=True)
	doc.check_permission("write")
	return doc


def _save_step(doc: Any) -> None:
	doc.flags.commerce_bridge_step = True
	doc.save()


def returnable(name: str) -> list[dict[str, Any]]:
	"""What may still be received: row, item, quantity, and the units that were delivered and did not come back."""
	doc = frappe.get_doc(DOCTYPE, name)
	doc.check_permission("read")
	rows = return_receipt.away(doc.sales_order or doc.sales_invoice)
	drafted = {row.line for row in return_receipt.taken(name) if row.docstatus == DRAFT}
	return [
		{
			"row": row.name,
			"item_code": row.item_code,
			"quantity": flt(row.quantity) - flt(row.received),
			"has_serial_no": frappe.get_cached_value("Item", row.item_code, "has_serial_no"),
			"serial_no": row.serial_no or "",
			"warehouse": row.warehouse or "",
			"units": [unit for out in rows if is_part(out.line, row.order_line_id) for unit in out.units],
			"drafted": any(is_part(line, row.order_line_id) for line in drafted),
		}
		for row in doc.lines
		if flt(row.received) < flt(row.quantity)
	]


def receive(name: str, lines: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
	"""Takes goods back: submitted documents, with the rights of the person who does it.

	:param lines: `row`, `quantity`, and where known `serials` (text, one a line) and `warehouse`
	:return: DocTypes and names of the documents
	"""
	doc = _writable(name)
	if doc.status != "Approved":
		frappe.throw(_("{0} is {1}: approve it first").format(doc.name, _(doc.status)))
	rows = {row.name: row for row in doc.lines}
	wanted = [_chosen(doc, rows, line) for line in lines if flt(line.get("quantity")) > 0]
	if not wanted:
		frappe.throw(_("Say what came back"))
	warehouse = channel_settings.load(doc.channel).channel.refunds.return_warehouse
	receipt = return_receipt.make(doc, wanted, submit=True, return_warehouse=warehouse)
	if receipt.note:
		frappe.throw(receipt.note)
	return list(receipt.documents)


def _chosen(doc: Any, rows: Mapping[str, Any], line: Mapping[str, Any]) -> Wanted:
	row = rows.get(line.get("row") or "")
	if row is None:
		frappe.throw(_("{0} has no such row any more: reload it").format(doc.name))
	left = flt(row.quantity) - flt(row.received)
	if flt(line["quantity"]) > left:
		frappe.throw(
			_("Row {0}: {1} are expected, not {2}").format(row.idx, f"{left:g}", f"{flt(line['quantity']):g}")
		)
	serials = tuple(
		part.strip() for part in (line.get("serials") or row.serial_no or "").split("\n") if part.strip()
	)
	place = line.get("warehouse") or row.warehouse
	return Wanted(
		row.order_line_id,
		row.item_code,
		decimal(flt(line["quantity"])),
		serials,
		place or return_receipt.warehouse_for(row.disposition, doc.company),
	)


def inspect(name: str, lines: Sequence[Mapping[str, Any]]) -> None:
	"""Keeps what was found of goods that came back. Condition and grade of a unit are its Serial No's from now on.

	:param lines: `row`, and any of `inspection_result`, `condition_found`, `grade_found`, `disposition`
	"""
	doc = _writable(name)
	if doc.status not in ("Approved", "Received", "Closed"):
		frappe.throw(_("{0} is {1}").format(doc.name, _(doc.status)))
	rows = {row.name: row for row in doc.lines}
	for line in lines:
		row = rows.get(line.get("row") or "")
		if row is None or not flt(row.received):
			frappe.throw(_("Only what came back can be inspected"))
		for fieldname in (*INSPECTED, "disposition"):
			if line.get(fieldname):
				row.set(fieldname, line[fieldname])
		if row.serial_no:
			_grade(row)
	_save_step(doc)


def _grade(row: Any) -> None:
	"""Through the document: who may not grade is refused, listings and versions follow."""
	unit = frappe.get_doc("Serial No", row.serial_no, for_update=True)
	if not unit.has_permission("write"):
		frappe.throw(
			_("To inspect unit {0} you need a role that may change Serial Nos, such as Stock Manager").format(
				unit.name
			),
			frappe.PermissionError,
		)
	if row.grade_found and not unit.has_permlevel_access_to("cb_grade", permission_type="write"):
		frappe.throw(_("You may not change the grade of {0}").format(unit.name), frappe.PermissionError)
	unit.cb_buyback_source = "Customer Return"
	unit.cb_condition = row.condition_found or unit.cb_condition
	unit.cb_grade = row.grade_found or unit.cb_grade
	unit.cb_refurbishment_status = REFURBISHMENT.get(row.disposition) or unit.cb_refurbishment_status
	unit.save()
