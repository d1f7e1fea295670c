"""One step of the walk: a stock document made, changed or cancelled, as a person in ERPNext would.

Each function takes the walker and returns a line that says what it did, or None where nothing fitted. What
ERPNext refuses is a line too: the walker rolls it back.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import frappe
from erpnext.buying.doctype.purchase_order.purchase_order import (
	make_purchase_receipt,
	make_subcontracting_order,
)
from erpnext.controllers.accounts_controller import update_child_qty_rate
from erpnext.selling.doctype.sales_order.sales_order import make_delivery_note, make_sales_invoice
from erpnext.stock.doctype.delivery_note.delivery_note import make_sales_return
from erpnext.stock.doctype.purchase_receipt.purchase_receipt import make_purchase_return
from frappe.utils import add_days, nowdate

SUBMITTED = 1


@dataclass
class Walker:
	"""The site's masters, and the chance that chooses."""

	company: str
	customer: str
	supplier: str
	items: Sequence[str]
	bundles: Sequence[str]
	made: str  # an item with a BOM
	labour: str  # what a subcontractor is paid for
	unit_item: str  # serialised, graded
	renamed: str  # an item whose code changes
	supplier_warehouse: str
	warehouses: Sequence[str]
	chance: random.Random
	documents: list[tuple[str, str]] = field(
		default_factory=list
	)  # submitted by the walk, some cancelled since

	def item(self) -> str:
		return self.chance.choice(self.items)

	def warehouse(self) -> str:
		return self.chance.choice(self.warehouses)

	def quantity(self, most: int = 12) -> int:
		return self.chance.randint(1, most)

	def submit(self, doc: Any) -> str:
		doc.insert()
		doc.submit()
		self.documents.append((doc.doctype, doc.name))
		return f"{doc.doctype} {doc.name}"

	def some(self, doctype: str, **filters: Any) -> Any:
		"""One of the walk's own documents, as it is now."""
		names = [name for kind, name in self.documents if kind == doctype]
		found = frappe.get_all(doctype, {"name": ("in", names), **filters}, pluck="name", order_by="name")
		return frappe.get_doc(doctype, self.chance.choice(found)) if found else None

	def in_stock(self) -> tuple[str, str, int] | None:
		"""An item, a warehouse that has some of it, and a part of that."""
		rows = frappe.get_all(
			"Bin",
			{"item_code": ("in", self.items), "warehouse": ("in", self.warehouses), "actual_qty": (">=", 1)},
			["item_code", "warehouse", "actual_qty"],
			order_by="item_code, warehouse",
		)
		if not rows:
			return None
		row = self.chance.choice(rows)
		return row.item_code, row.warehouse, self.chance.randint(1, max(int(row.actual_qty) // 2, 1))


# --- movements -------------------------------------------------------------------------------------------


def entry(walk: Walker, kind: str, *rows: dict[str, Any]) -> str:
	doc = frappe.get_doc(
		{"doctype": "Stock Entry", "stock_entry_type": kind, "company": walk.company, "items": list(rows)}
	)
	return walk.submit(doc)


def receipt(walk: Walker) -> str | None:
	"""Several rows: one voucher."""
	rows = [
		{"item_code": item, "qty": walk.quantity(30), "t_warehouse": walk.warehouse(), "basic_rate": 10}
		for item in walk.chance.sample(list(walk.items), 3)
	]
	return entry(walk, "Material Receipt", *rows)


def issue(walk: Walker) -> str | None:
	found = walk.in_stock()
	if not found:
		return None
	return entry(walk, "Material Issue", {"item_code": found[0], "qty": found[2], "s_warehouse": found[1]})


def transfer(walk: Walker) -> str | None:
	found = walk.in_stock()
	others = [name for name in walk.warehouses if found and name != found[1]]
	if not found:
		return None
	row = {"item_code": found[0], "qty": found[2], "s_warehouse": found[1]}
	return entry(walk, "Material Transfer", {**row, "t_warehouse": walk.chance.choice(others)})


def reconciliation(walk: Walker) -> str | None:
	row = {"item_code": walk.item(), "warehouse": walk.warehouse(), "qty": walk.quantity(40)}
	doc = {"doctype": "Stock Reconciliation", "purpose": "Stock Reconciliation", "company": walk.company}
	return walk.submit(frappe.get_doc({**doc, "items": [{**row, "valuation_rate": 10}]}))


def purchase_receipt(walk: Walker) -> str | None:
	row = {"item_code": walk.item(), "qty": walk.quantity(), "rate": 10, "warehouse": walk.warehouse()}
	doc = {"doctype": "Purchase Receipt", "supplier": walk.supplier, "company": walk.company}
	return walk.submit(frappe.get_doc({**doc, "items": [row]}))


def purchase_return(walk: Walker) -> str | None:
	bought = walk.some("Purchase Receipt", docstatus=SUBMITTED, is_return=0, status=("!=", "Return Issued"))
	if not bought:
		return None
	doc = make_purchase_return(bought.name)
	doc.items[0].qty = doc.items[0].received_qty = -1
	return walk.submit(doc)


def delivery(walk: Walker) -> str | None:
	"""Straight from the shelf, without an order."""
	found = walk.in_stock()
	if not found:
		return None
	row = {"item_code": found[0], "qty": found[2], "warehouse": found[1], "rate": 20}
	doc = {"doctype": "Delivery Note", "customer": walk.customer, "company": walk.company, "items": [row]}
	return walk.submit(frappe.get_doc(doc))


def sales_return(walk: Walker) -> str | None:
	sold = walk.some("Delivery Note", docstatus=SUBMITTED, is_return=0, status=("!=", "Return Issued"))
	if not sold:
		return None
	doc = make_sales_return(sold.name)
	doc.items = doc.items[:1]
	doc.items[0].qty = -1
	return walk.submit(doc)


def invoice_with_stock(walk: Walker) -> str | None:
	found = walk.in_stock()
	if not found:
		return None
	row = {"item_code": found[0], "qty": found[2], "warehouse": found[1], "rate": 20}
	doc = {"doctype": "Sales Invoice", "customer": walk.customer, "company": walk.company, "update_stock": 1}
	return walk.submit(frappe.get_doc({**doc, "items": [row], "due_date": nowdate()}))


def counter_sale(walk: Walker) -> str | None:
	"""A POS Invoice: nothing in the ledger until it is consolidated."""
	found = walk.in_stock()
	if not found:
		return None
	total = 20.0 * found[2]
	doc = frappe.get_doc(
		{
			"doctype": "POS Invoice",
			"customer": walk.customer,
			"company": walk.company,
			"is_pos": 1,
			"pos_profile": "CB Walk",
			"update_stock": 1,
			"items": [{"item_code": found[0], "qty": found[2], "warehouse": found[1], "rate": 20}],
			"payments": [{"mode_of_payment": "Cash", "amount": total}],
		}
	)
	return walk.submit(doc)


# --- orders ----------------------------------------------------------------------------------------------


def sales_order(walk: Walker) -> str | None:
	wanted = [*walk.chance.sample(list(walk.items), 2), walk.chance.choice([*walk.bundles, walk.item()])]
	rows = [
		{"item_code": item, "qty": walk.quantity(4), "rate": 20, "warehouse": walk.warehouse()}
		for item in dict.fromkeys(wanted)
	]
	doc = {"doctype": "Sales Order", "customer": walk.customer, "company": walk.company, "items": rows}
	return walk.submit(frappe.get_doc({**doc, "delivery_date": add_days(nowdate(), 3)}))


def an_order(walk: Walker, *statuses: str) -> Any:
	return walk.some("Sales Order", docstatus=SUBMITTED, status=("in", statuses))


OPEN = ("To Deliver and Bill", "To Deliver")


def deliver_order(walk: Walker) -> str | None:
	"""One row of it, perhaps a part."""
	order = an_order(walk, *OPEN)
	if not order:
		return None
	doc = make_delivery_note(order.name)
	doc.items = doc.items[:1]
	doc.items[0].qty = walk.chance.randint(1, int(doc.items[0].qty))
	return walk.submit(doc)


def invoice_order(walk: Walker) -> str | None:
	order = an_order(walk, *OPEN)
	if not order:
		return None
	doc = make_sales_invoice(order.name)
	doc.update_stock = 1
	doc.items = doc.items[:1]
	doc.set_missing_values()
	return walk.submit(doc)


def set_status(walk: Walker, status: str, *before: str) -> str | None:
	order = an_order(walk, *before)
	if not order:
		return None
	order.update_status(status)
	return f"Sales Order {order.name} {status}"


def hold(walk: Walker) -> str | None:
	return set_status(walk, "On Hold", *OPEN)


def close(walk: Walker) -> str | None:
	return set_status(walk, "Closed", *OPEN)


def reopen(walk: Walker) -> str | None:
	return set_status(walk, "Draft", "Closed", "On Hold")


def update_items(walk: Walker) -> str | None:
	order = an_order(walk, *OPEN)
	if not order:
		return None
	rows = [
		{"docname": row.name, "item_code": row.item_code, "qty": row.qty + 1, "rate": row.rate}
		for row in order.items
	]
	update_child_qty_rate("Sales Order", json.dumps(rows), order.name)
	return f"Sales Order {order.name} items updated"


def reserve(walk: Walker) -> str | None:
	order = an_order(walk, *OPEN)
	if not order:
		return None
	before = set(frappe.get_all("Stock Reservation Entry", {"voucher_no": order.name}, pluck="name"))
	order.create_stock_reservation_entries(notify=False)
	after = frappe.get_all("Stock Reservation Entry", {"voucher_no": order.name}, pluck="name")
	made = sorted(set(after) - before)
	walk.documents += [("Stock Reservation Entry", name) for name in made]
	return f"Sales Order {order.name} reserved by {len(made)} entries" if made else None


def purchase_order(walk: Walker) -> str | None:
	row = {"item_code": walk.item(), "qty": walk.quantity(), "rate": 10, "warehouse": walk.warehouse()}
	doc = {"doctype": "Purchase Order", "supplier": walk.supplier, "company": walk.company, "items": [row]}
	return walk.submit(frappe.get_doc({**doc, "schedule_date": add_days(nowdate(), 5)}))


def receive_order(walk: Walker) -> str | None:
	order = walk.some("Purchase Order", docstatus=SUBMITTED, per_received=("<", 100), status=("!=", "Closed"))
	if not order:
		return None
	doc = make_purchase_receipt(order.name)
	doc.items[0].qty = doc.items[0].received_qty = walk.chance.randint(1, int(doc.items[0].qty))
	return walk.submit(doc)


def close_purchase(walk: Walker) -> str | None:
	order = walk.some("Purchase Order", docstatus=SUBMITTED, per_received=("<", 100), status=("!=", "Closed"))
	if not order:
		return None
	order.update_status("Closed")
	return f"Purchase Order {order.name} Closed"


# --- production ------------------------------------------------------------------------------------------


def work_order(walk: Walker) -> str | None:
	bom = frappe.db.get_value("BOM", {"item": walk.made, "is_active": 1, "docstatus": SUBMITTED})
	doc = frappe.get_doc(
		{
			"doctype": "Work Order",
			"production_item": walk.made,
			"bom_no": bom,
			"qty": walk.quantity(3),
			"company": walk.company,
			"fg_warehouse": walk.warehouses[0],
			"wip_warehouse": walk.warehouses[-1],
			"source_warehouse": walk.warehouses[0],
			"skip_transfer": 1,
		}
	)
	doc.set_work_order_operations()
	doc.get_items_and_operations_from_bom()
	for row in doc.required_items:
		row.source_warehouse = walk.warehouses[0]
	return walk.submit(doc)


def stop_work(walk: Walker) -> str | None:
	from erpnext.manufacturing.doctype.work_order.work_order import stop_unstop

	order = walk.some("Work Order", docstatus=SUBMITTED, status="Not Started")
	if not order:
		return None
	stop_unstop(order.name, "Stopped")
	return f"Work Order {order.name} Stopped"


def production_plan(walk: Walker) -> str | None:
	"""Asks for material that open Work Orders do not reserve yet."""
	bom = frappe.db.get_value("BOM", {"item": walk.made, "is_active": 1, "docstatus": SUBMITTED})
	made = {"item_code": walk.made, "bom_no": bom, "planned_qty": walk.quantity(3), "stock_uom": "Nos"}
	made |= {"warehouse": walk.warehouses[0], "planned_start_date": nowdate()}
	material = {"item_code": walk.item(), "warehouse": walk.warehouse(), "quantity": walk.quantity(5)}
	material |= {"conversion_factor": 1, "material_request_type": "Purchase", "uom": "Nos"}
	doc = {"doctype": "Production Plan", "company": walk.company, "posting_date": nowdate()}
	return walk.submit(frappe.get_doc({**doc, "po_items": [made], "mr_items": [material]}))


def close_plan(walk: Walker) -> str | None:
	plan = walk.some("Production Plan", docstatus=SUBMITTED, status=("not in", ("Closed", "Completed")))
	if not plan:
		return None
	plan.set_status(close=True)
	return f"Production Plan {plan.name} closed"


def subcontracting_order(walk: Walker) -> str | None:
	"""A supplier makes the item from our material."""
	row = {"item_code": walk.labour, "fg_item": walk.made, "fg_item_qty": 1, "qty": 1, "rate": 5}
	values = {"supplier": walk.supplier, "company": walk.company, "schedule_date": add_days(nowdate(), 5)}
	values |= {"is_subcontracted": 1, "supplier_warehouse": walk.supplier_warehouse}
	order = frappe.get_doc({"doctype": "Purchase Order", **values, "items": [row]})
	order.insert().submit()
	doc = make_subcontracting_order(order.name)
	doc.set_reserve_warehouse = walk.warehouses[0]
	for item in doc.items:
		item.warehouse = walk.warehouses[0]
	doc.insert()
	for part in doc.supplied_items:
		part.reserve_warehouse = walk.warehouses[0]
	doc.save()
	doc.submit()
	walk.documents.append((doc.doctype, doc.name))
	return f"Subcontracting Order {doc.name}"


# --- single units ----------------------------------------------------------------------------------------


def receive_units(walk: Walker) -> str | None:
	"""Three of the serialised item, graded one after the other as a workshop would."""
	names = [f"CBW-{frappe.generate_hash(length=8).upper()}" for _ in range(3)]
	row = {"item_code": walk.unit_item, "qty": 3, "t_warehouse": walk.warehouse(), "basic_rate": 100}
	line = entry(
		walk, "Material Receipt", {**row, "use_serial_batch_fields": 1, "serial_no": "\n".join(names)}
	)
	for name in names[:2]:
		_set_unit(name, cb_grade=walk.chance.choice(("A", "B")), cb_condition="Used")
	return line


def _units(walk: Walker) -> list[str]:
	return frappe.get_all(
		"Serial No", {"item_code": walk.unit_item, "status": "Active"}, pluck="name", order_by="name"
	)


def _set_unit(name: str, **values: Any) -> None:
	doc = frappe.get_doc("Serial No", name)
	doc.update(values)
	doc.save()


def _change_unit(walk: Walker, **values: Sequence[str]) -> str | None:
	units = _units(walk)
	if not units:
		return None
	name = walk.chance.choice(units)
	chosen = {field: walk.chance.choice(choices) for field, choices in values.items()}
	_set_unit(name, **chosen)
	return f"Serial No {name} {chosen}"


def regrade(walk: Walker) -> str | None:
	return _change_unit(walk, cb_grade=("A", "B", "X"), cb_condition=("Used", "Refurbished"))


def check_unit(walk: Walker) -> str | None:
	return _change_unit(walk, cb_identifier_status=("Clear", "Clear", "Locked"))


def refurbish(walk: Walker) -> str | None:
	return _change_unit(walk, cb_refurbishment_status=("Pending", "Completed", "Completed"))


def move_unit(walk: Walker) -> str | None:
	units = _units(walk)
	if not units:
		return None
	name = walk.chance.choice(units)
	source = frappe.db.get_value("Serial No", name, "warehouse")
	target = walk.chance.choice([warehouse for warehouse in walk.warehouses if warehouse != source])
	row = {"item_code": walk.unit_item, "qty": 1, "s_warehouse": source, "t_warehouse": target}
	return entry(walk, "Material Transfer", {**row, "use_serial_batch_fields": 1, "serial_no": name})


def sell_unit(walk: Walker) -> str | None:
	"""Over the counter: a unit leaves."""
	units = _units(walk)
	if not units:
		return None
	name = walk.chance.choice(units)
	row = {"item_code": walk.unit_item, "qty": 1, "rate": 200, "use_serial_batch_fields": 1}
	row |= {"serial_no": name, "warehouse": frappe.db.get_value("Serial No", name, "warehouse")}
	doc = {"doctype": "Delivery Note", "customer": walk.customer, "company": walk.company, "items": [row]}
	return walk.submit(frappe.get_doc(doc))


# --- masters ---------------------------------------------------------------------------------------------


def rename_item(walk: Walker) -> str | None:
	"""To another code and back."""
	old = walk.renamed
	new = old.removesuffix("-X") if old.endswith("-X") else f"{old}-X"
	frappe.rename_doc("Item", old, new)
	walk.renamed = new
	return f"Item {old} is {new} now"


def repost(walk: Walker) -> str | None:
	receipt_of = walk.some("Purchase Receipt", docstatus=SUBMITTED)
	if not receipt_of:
		return None
	based_on = {"based_on": "Transaction", "voucher_type": "Purchase Receipt", "voucher_no": receipt_of.name}
	dates = {"posting_date": receipt_of.posting_date, "posting_time": receipt_of.posting_time}
	doc = frappe.get_doc({"doctype": "Repost Item Valuation", "company": walk.company, **based_on, **dates})
	doc.insert().submit()
	return f"Repost Item Valuation {doc.name}"


def disable_item(walk: Walker) -> str | None:
	"""One at a time: what is disabled can be neither bought nor sold."""
	disabled = frappe.get_all("Item", {"name": ("in", walk.items), "disabled": 1}, pluck="name")
	doc = frappe.get_doc("Item", disabled[0] if disabled else walk.item())
	doc.disabled = int(not doc.disabled)
	doc.save()
	return f"Item {doc.name} {'disabled' if doc.disabled else 'enabled'}"


def change_bundle(walk: Walker) -> str | None:
	name = frappe.db.get_value("Product Bundle", {"new_item_code": walk.chance.choice(walk.bundles)})
	doc = frappe.get_doc("Product Bundle", name)
	doc.items[0].qty = walk.quantity(3)
	doc.save()
	return f"Product Bundle {doc.name} needs {doc.items[0].qty:g} of {doc.items[0].item_code}"


def change_purpose(walk: Walker) -> str | None:
	doc = frappe.get_doc("Warehouse", walk.chance.choice(walk.warehouses[1:]))
	doc.cb_purpose = "Quarantine" if doc.cb_purpose in (None, "", "Sellable") else "Sellable"
	doc.save()
	return f"Warehouse {doc.name} is {doc.cb_purpose}"


def change_buffer(walk: Walker) -> str | None:
	doc = frappe.get_doc("Channel Settings", "CB Walk One")
	doc.stock_buffer = walk.chance.randint(0, 4)
	doc.save()
	return f"Channel CB Walk One keeps {doc.stock_buffer:g} back"


def cancel(walk: Walker) -> str | None:
	"""Any of the last documents."""
	recent = walk.documents[-60:]
	walk.chance.shuffle(recent)
	for doctype, name in recent:
		if frappe.db.get_value(doctype, name, "docstatus") == SUBMITTED:
			frappe.get_doc(doctype, name).cancel()
			return f"{doctype} {name} cancelled"
	return None


#: Step → how often, of all weights.
STEPS: dict[Callable[[Walker], str | None], int] = {
	receipt: 10,
	issue: 6,
	transfer: 8,
	reconciliation: 5,
	purchase_receipt: 6,
	purchase_return: 3,
	delivery: 6,
	sales_return: 4,
	invoice_with_stock: 4,
	counter_sale: 4,
	sales_order: 14,
	deliver_order: 8,
	invoice_order: 4,
	hold: 3,
	close: 3,
	reopen: 4,
	update_items: 4,
	reserve: 5,
	purchase_order: 4,
	receive_order: 3,
	close_purchase: 1,
	work_order: 4,
	stop_work: 2,
	production_plan: 4,
	close_plan: 2,
	subcontracting_order: 2,
	receive_units: 5,
	regrade: 6,
	check_unit: 4,
	refurbish: 4,
	move_unit: 4,
	sell_unit: 3,
	rename_item: 2,
	repost: 2,
	disable_item: 4,
	change_bundle: 2,
	change_purpose: 3,
	change_buffer: 2,
	cancel: 16,
}
