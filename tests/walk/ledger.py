"""What every listing should show, computed from vouchers and ledgers, without a Bin and without the app's code."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import ROUND_FLOOR, Decimal
from functools import cache
from typing import Any

import frappe
from erpnext.stock.stock_balance import get_balance_qty_from_sle, get_ordered_qty, get_reserved_qty
from frappe.utils import flt

Expected = dict[tuple[str, str, str], Decimal]  # channel, SKU, location


def expected(channels: Iterable[str]) -> Expected:
	"""Quantity by channel, SKU and location ("" where the channel has none)."""
	frappe.db.rollback()
	found: Expected = {}
	stock = Stock()
	for name in channels:
		channel = frappe.get_doc("Channel Settings", name)
		listings = frappe.get_all(
			"Channel Listing", {"channel": name, "publication": ("!=", "Delisted")}, ["*"], order_by="name"
		)
		for location, warehouses in locations(channel).items():
			for listing in listings:
				found[(name, listing.sku, location)] = stock.offered(channel, listing, warehouses)
	return found


def locations(channel: Any) -> dict[str, list[str]]:
	"""Warehouses goods may be sold from, by location."""
	rows = [(row.location_id or "", row.warehouse) for row in channel.warehouses]
	found: dict[str, list[str]] = {}
	for location, warehouse in rows or [("", channel.default_warehouse)]:
		for leaf in leaves(warehouse):
			if leaf not in found.setdefault(location, []):
				found[location].append(leaf)
	return found


def leaves(warehouse: str) -> list[str]:
	doc = frappe.get_doc("Warehouse", warehouse)
	if not doc.is_group:
		return [warehouse] if not doc.disabled and doc.cb_purpose in (None, "", "Sellable") else []
	children = frappe.get_all("Warehouse", {"parent_warehouse": warehouse}, pluck="name", order_by="name")
	return [leaf for child in children for leaf in leaves(child)]


class Stock:
	"""Quantities in stock UOM, each asked once."""

	def __init__(self) -> None:
		self.free = cache(self._free)
		self.promised = promised()

	def offered(self, channel: Any, listing: Any, warehouses: Sequence[str]) -> Decimal:
		item = frappe.get_doc("Item", listing.item_code)
		if item.disabled or listing.publication == "Paused":
			return Decimal(0)
		available = (
			units(listing, warehouses)
			if item.has_serial_no
			else self.available(listing.item_code, warehouses, bool(channel.preorder))
		)
		kept = available - Decimal(str(channel.stock_buffer or 0))
		rest = max(kept, Decimal(0)) / factor(item, listing.uom)
		return rest.quantize(Decimal(1) if channel.whole_units else Decimal("0.001"), rounding=ROUND_FLOOR)

	def available(self, item_code: str, warehouses: Sequence[str], preorder: bool) -> Decimal:
		bundle = frappe.db.get_value("Product Bundle", {"new_item_code": item_code, "disabled": 0})
		if not bundle:
			return sum((self.free(item_code, name, preorder) for name in warehouses), Decimal(0))
		parts: dict[str, Decimal] = {}
		for row in frappe.get_doc("Product Bundle", bundle).items:
			if frappe.get_cached_value("Item", row.item_code, "is_stock_item"):
				parts[row.item_code] = parts.get(row.item_code, Decimal(0)) + Decimal(str(row.qty))
		sets = [self.available(part, warehouses, preorder) / quantity for part, quantity in parts.items()]
		return min(sets).to_integral_value(ROUND_FLOOR)

	def _free(self, item_code: str, warehouse: str, preorder: bool) -> Decimal:
		number = get_balance_qty_from_sle(item_code, warehouse)
		number -= max(get_reserved_qty(item_code, warehouse), reserved_by_entries(item_code, warehouse))
		number -= production(item_code, warehouse) + not_consolidated(item_code, warehouse)
		number -= sum(
			needed(row.item_code, item_code) * count
			for row, count in self.promised
			if row.warehouse == warehouse
		)
		if preorder:
			number += flt(get_ordered_qty(item_code, warehouse))
		return Decimal(str(round(number, 6)))


def units(listing: Any, warehouses: Sequence[str]) -> Decimal:
	"""Single units of the listing's grade and condition that may be sold, one by one."""
	found = 0
	for unit in frappe.get_all("Serial No", {"item_code": listing.item_code, "status": "Active"}, ["*"]):
		fits = (unit.cb_grade, unit.cb_condition) == (listing.grade, listing.condition)
		clear = unit.cb_identifier_status not in ("Blacklisted", "Financed", "Locked")
		ready = unit.cb_refurbishment_status in (None, "", "Not Required", "Completed")
		found += fits and clear and ready and unit.warehouse in warehouses and not unit.cb_sales_order
	return Decimal(found)


def factor(item: Any, uom: str | None) -> Decimal:
	found = [row.conversion_factor for row in item.uoms if row.uom == uom]
	return Decimal(str(found[0])) if uom and found else Decimal(1)


def reserved_by_entries(item_code: str, warehouse: str) -> float:
	"""Stock Reservation Entries that stand."""
	rows = frappe.get_all(
		"Stock Reservation Entry",
		{"item_code": item_code, "warehouse": warehouse, "docstatus": 1, "status": ("!=", "Delivered")},
		["reserved_qty", "delivered_qty"],
	)
	return sum(row.reserved_qty - row.delivered_qty for row in rows)


def production(item_code: str, warehouse: str) -> float:
	"""Components that open Work Orders and Production Plans will take, as ERPNext recomputes them itself."""
	from erpnext.manufacturing.doctype.production_plan.production_plan import (
		get_reserved_qty_for_production_plan,
	)
	from erpnext.manufacturing.doctype.work_order.work_order import get_reserved_qty_for_production

	frappe.local.request_cache.clear()  # ERPNext remembers which plans are open
	return (
		flt(get_reserved_qty_for_production(item_code, warehouse, check_production_plan=False))
		+ flt(get_reserved_qty_for_production_plan(item_code, warehouse))
		+ subcontracted(item_code, warehouse)
	)


def subcontracted(item_code: str, warehouse: str) -> float:
	"""Material of open Subcontracting Orders; the walk sends none of it to the supplier."""
	return flt(
		frappe.db.sql(
			"""SELECT SUM(part.required_qty) FROM `tabSubcontracting Order Supplied Item` part
			JOIN `tabSubcontracting Order` parent ON parent.name = part.parent
			WHERE parent.docstatus = 1 AND parent.per_received < 100
				AND part.rm_item_code = %s AND part.reserve_warehouse = %s""",
			(item_code, warehouse),
		)[0][0]
	)


def not_consolidated(item_code: str, warehouse: str) -> float:
	"""Sold at the counter, and in no ledger yet."""
	return flt(
		frappe.db.sql(
			"""SELECT SUM(line.stock_qty) FROM `tabPOS Invoice Item` line
			JOIN `tabPOS Invoice` invoice ON invoice.name = line.parent
			WHERE invoice.docstatus = 1 AND COALESCE(invoice.consolidated_invoice, '') = ''
				AND line.item_code = %s AND line.warehouse = %s""",
			(item_code, warehouse),
		)[0][0]
	)


def promised() -> list[tuple[Any, float]]:
	"""Rows of invoices that stand for orders, with what is left to deliver of each."""
	filters = {"cb_instead_of_order": 1, "docstatus": ("<", 2)}
	names = frappe.get_all("Sales Invoice", filters, pluck="name")
	invoices = [frappe.get_doc("Sales Invoice", name) for name in names]
	return [
		(row, left(row))
		for invoice in invoices
		for row in invoice.items
		if not (invoice.docstatus and invoice.update_stock)
	]


def needed(sold: str, item_code: str) -> float:
	"""How many of an item one piece of what was sold takes."""
	bundle = frappe.db.get_value("Product Bundle", {"new_item_code": sold, "disabled": 0})
	if not bundle:
		return float(sold == item_code)
	return sum(
		row.qty for row in frappe.get_doc("Product Bundle", bundle).items if row.item_code == item_code
	)


def left(row: Any) -> float:
	"""Of such a row, in stock UOM: sold, less what left and did not come back, less what was credited."""
	moved = frappe.get_all("Delivery Note Item", {"si_detail": row.name, "docstatus": 1}, pluck="stock_qty")
	rows = {"sales_invoice_item": row.name, "docstatus": 1}
	credited = -sum(frappe.get_all("Sales Invoice Item", rows, pluck="stock_qty"))
	return max(row.stock_qty - sum(moved) - credited, 0)
