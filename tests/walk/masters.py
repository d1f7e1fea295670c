"""What the walk works with: warehouses, items, bundles, an item that is made, parties, two channels."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Any

import frappe

from commerce_bridge.bridge.channel import Credentials
from commerce_bridge.tests.factory import SiteFixture
from tests.walk.documents import Walker

CHANNELS = ("CB Walk One", "CB Walk Two")
ITEMS = [f"CB-WALK-{number:02d}" for number in range(16)]
BUNDLES = ("CB-WALK-SET-A", "CB-WALK-SET-B")
MADE = "CB-WALK-MADE"
LABOUR, UNIT, RENAMED = "CB-WALK-LABOUR", "CB-WALK-UNIT", "CB-WALK-RENAMED"
GRADES = ("A", "B")
BOX = "Box"
PIECES = 6


def make(chance: random.Random, secret: str) -> Walker:
	"""Makes what is not there yet; the channels list everything, nothing is pushed."""
	fixture = SiteFixture()
	warehouses = _warehouses(fixture)
	if frappe.db.exists("Item", f"{RENAMED}-X"):
		frappe.rename_doc("Item", f"{RENAMED}-X", RENAMED)
	for item in (*ITEMS, MADE, RENAMED):
		fixture.make_item(item)
	_unit_item(fixture)
	_in_boxes(ITEMS[0])
	for number, bundle in enumerate(BUNDLES):
		fixture.make_bundle(bundle, {ITEMS[number]: Decimal(2), ITEMS[number + 2]: Decimal(1)})
	_bom(fixture)
	fixture.make_item(LABOUR, is_stock_item=False)
	bom = frappe.db.get_value("BOM", {"item": MADE, "docstatus": 1})
	frappe.db.set_value("Item", MADE, {"is_sub_contracted_item": 1, "default_bom": bom})
	_counter(fixture)
	frappe.db.set_single_value("Stock Settings", "enable_stock_reservation", 1)
	frappe.db.set_single_value("Selling Settings", "allow_multiple_items", 1)
	_channels(fixture, warehouses, secret)
	customer, supplier = _party("Customer"), _party("Supplier")
	workshop = _leaf(fixture, "CB Walk Workshop").name
	frappe.db.commit()
	return Walker(
		company=fixture.company,
		customer=customer,
		supplier=supplier,
		items=ITEMS,
		bundles=BUNDLES,
		made=MADE,
		labour=LABOUR,
		unit_item=UNIT,
		renamed=RENAMED,
		supplier_warehouse=workshop,
		warehouses=warehouses,
		chance=chance,
	)


def _get_or_make(doctype: str, find: dict[str, Any], **values: Any) -> Any:
	name = frappe.db.get_value(doctype, find)
	if name:
		return frappe.get_doc(doctype, name)
	return frappe.get_doc({"doctype": doctype, **find, **values}).insert()


def _warehouses(fixture: SiteFixture) -> list[str]:
	root = frappe.db.get_value(
		"Warehouse", {"company": fixture.company, "parent_warehouse": ("is", "not set")}
	)
	company = {"company": fixture.company}
	group = _get_or_make(
		"Warehouse", {"warehouse_name": "CB Walk Group", **company}, is_group=1, parent_warehouse=root
	)
	names = [fixture.warehouse]
	for title in ("CB Walk Shelf", "CB Walk Annex"):
		leaf = _get_or_make("Warehouse", {"warehouse_name": title, **company}, parent_warehouse=group.name)
		leaf.cb_purpose = "Sellable"
		leaf.save()
		names.append(leaf.name)
	return names


def _leaf(fixture: SiteFixture, title: str) -> Any:
	root = frappe.db.get_value(
		"Warehouse", {"company": fixture.company, "parent_warehouse": ("is", "not set")}
	)
	find = {"warehouse_name": title, "company": fixture.company}
	return _get_or_make("Warehouse", find, parent_warehouse=root)


def _unit_item(fixture: SiteFixture) -> None:
	if not frappe.db.exists("Item", UNIT):
		values = {"item_code": UNIT, "item_name": UNIT, "item_group": "Products", "stock_uom": "Nos"}
		frappe.get_doc({"doctype": "Item", **values, "has_serial_no": 1, "cb_recommerce": 1}).insert()


def _in_boxes(item: str) -> None:
	doc = frappe.get_doc("Item", item)
	if not [row for row in doc.uoms if row.uom == BOX]:
		doc.append("uoms", {"uom": BOX, "conversion_factor": PIECES})
		doc.save()


def _bom(fixture: SiteFixture) -> None:
	if frappe.db.exists("BOM", {"item": MADE, "docstatus": 1}):
		return
	rows = [{"item_code": item, "qty": 2, "rate": 10} for item in ITEMS[4:6]]
	doc = {"doctype": "BOM", "item": MADE, "company": fixture.company, "quantity": 1, "items": rows}
	frappe.get_doc(doc).insert().submit()


def _counter(fixture: SiteFixture) -> None:
	"""A POS Profile that is open."""
	account = frappe.db.get_value(
		"Account", {"company": fixture.company, "account_type": "Cash", "is_group": 0}
	)
	mode = frappe.get_doc("Mode of Payment", "Cash")
	if not [row for row in mode.accounts if row.company == fixture.company]:
		mode.append("accounts", {"company": fixture.company, "default_account": account})
		mode.save()
	if not frappe.db.exists("POS Profile", "CB Walk"):
		company = frappe.get_doc("Company", fixture.company)
		frappe.get_doc(
			{
				"doctype": "POS Profile",
				"name": "CB Walk",
				"company": fixture.company,
				"currency": fixture.currency,
				"warehouse": fixture.warehouse,
				"selling_price_list": "Standard Selling",
				"write_off_account": company.write_off_account or company.default_expense_account,
				"write_off_cost_center": company.cost_center,
				"payments": [{"mode_of_payment": "Cash", "default": 1}],
			}
		).insert()
	if not frappe.db.exists("POS Opening Entry", {"pos_profile": "CB Walk", "status": "Open"}):
		frappe.get_doc(
			{
				"doctype": "POS Opening Entry",
				"pos_profile": "CB Walk",
				"company": fixture.company,
				"user": "Administrator",
				"period_start_date": frappe.utils.now(),
				"balance_details": [{"mode_of_payment": "Cash", "opening_amount": 0}],
			}
		).insert().submit()


def _party(doctype: str) -> str:
	field = f"{doctype.lower()}_name"
	group = {
		"Customer": {"customer_group": "Individual"},
		"Supplier": {"supplier_group": "All Supplier Groups"},
	}
	return _get_or_make(doctype, {field: f"CB Walk {doctype}"}, **group[doctype]).name


def _channels(fixture: SiteFixture, warehouses: list[str], secret: str) -> None:
	group = frappe.db.get_value("Warehouse", warehouses[1], "parent_warehouse")
	mapped = [
		{"warehouse": warehouses[0], "location_id": "main"},
		{"warehouse": group, "location_id": "annex"},
	]
	policies: dict[str, dict[str, Any]] = {
		"CB Walk One": {"warehouses": mapped, "stock_buffer": 2},
		"CB Walk Two": {"preorder": 1},
	}
	for name, policy in policies.items():
		fixture.make_channel(name, store_url=f"https://{name[-3:].lower()}.shop.example", **policy)
		fixture.set_credentials(name, Credentials(webhook_secrets=(secret,)))
		for item in (*ITEMS, *BUNDLES, MADE, RENAMED):
			fixture.make_listing(name, item, item)
		for grade in GRADES:
			_pool(fixture, name, grade)
		box = fixture.make_listing(name, ITEMS[0], f"{ITEMS[0]}-BOX")
		frappe.db.set_value("Channel Listing", box, "uom", BOX)


def _pool(fixture: SiteFixture, channel: str, grade: str) -> None:
	"""Used units of one grade, which the channel's map lists."""
	row = {"channel": channel, "grade": grade, "condition": "Used"}
	if not frappe.db.exists("Channel Grade Map", row):
		frappe.get_doc({"doctype": "Channel Grade Map", **row, "outbound_code": f"USED-{grade}"}).insert()
	listing = fixture.make_listing(channel, UNIT, f"{UNIT}-{grade}")
	frappe.db.set_value("Channel Listing", listing, {"grade": grade, "condition": "Used"})
