"""Report: where a shop shows another number than is available, as its last check found it."""

from __future__ import annotations

from typing import Any

import frappe
from frappe import _
from frappe.utils import format_datetime

from commerce_bridge.erpnext import stock_drift

#: Checks in the chart: about a month of nights.
CHECKS_SHOWN = 30
FIELDS = (
	"name channel kind listing item_code sku product_id variant_id location_id shown available difference "
	"checked_at repair_queued_at"
).split()


def execute(filters: dict[str, Any] | None = None) -> tuple[Any, ...]:
	"""Columns, rows, message and chart of one channel; what the user may not read is left out."""
	wanted = frappe._dict(filters or {})
	if not wanted.channel:
		return columns(), [], _("Choose a channel")
	frappe.get_doc("Channel Settings", wanted.channel).check_permission("read")
	return columns(), rows(wanted), message(wanted.channel), chart(wanted.channel)


def columns() -> list[dict[str, Any]]:
	def column(fieldname: str, label: str, fieldtype: str, width: int, **values: Any) -> dict[str, Any]:
		# Left to itself, the table sets whatever is empty in its first row on the right, as if it were a number.
		align = "right" if fieldtype == "Float" else "left"
		shown = {
			"fieldname": fieldname,
			"label": label,
			"fieldtype": fieldtype,
			"width": width,
			"align": align,
		}
		return {**shown, **values}

	return [
		column("kind", _("Kind"), "Data", 120),
		column("item_code", _("Item"), "Link", 160, options="Item"),
		column("sku", _("SKU"), "Data", 140),
		column("shown", _("Shown in Shop"), "Float", 130),
		column("available", _("Available"), "Float", 110),
		column("difference", _("Difference"), "Float", 110),
		column("location_id", _("Location"), "Data", 110),
		column("warehouses", _("Warehouses"), "Data", 180),
		column("listing", _("Listing"), "Link", 120, options="Channel Listing"),
		column("product_id", _("Product ID"), "Data", 110),
		column("variant_id", _("Variant ID"), "Data", 110),
		column("checked_at", _("Checked At"), "Datetime", 160),
		column("repair_queued_at", _("Repair Queued At"), "Datetime", 160),
		column("name", _("Row"), "Data", 0, hidden=1),
	]


def rows(wanted: Any) -> list[dict[str, Any]]:
	"""The rows of the channel's last check that came to its end; the largest difference first."""
	filters = {"channel": wanted.channel, "drift_check": stock_drift.latest_check(wanted.channel) or ""}
	for fieldname in ("kind", "location_id"):
		if wanted.get(fieldname):
			filters[fieldname] = wanted[fieldname]
	found = frappe.get_list("Stock Drift", filters=filters, fields=FIELDS, order_by="sku", limit=0)
	found.sort(key=lambda row: -abs(row.difference))
	warehouses = _warehouses(wanted.channel)
	kept = [row for row in found if not wanted.warehouse or wanted.warehouse in _of(row, warehouses)]
	return [_cells(row, _of(row, warehouses)) for row in kept]


def _warehouses(channel: str) -> dict[str, list[str]]:
	"""Location of the shop → warehouses behind it; "" is the shop without locations."""
	mapped: dict[str, list[str]] = {}
	fields = ["location_id", "warehouse"]
	for row in frappe.get_all("Channel Warehouse", {"parent": channel}, fields, order_by="idx"):
		mapped.setdefault(row.location_id or "", []).append(row.warehouse)
	default = frappe.db.get_value("Channel Settings", channel, "default_warehouse")
	return mapped or {"": [default] if default else []}


def _of(row: Any, warehouses: dict[str, list[str]]) -> list[str]:
	if row.kind == "Unknown to Us":
		return []
	if row.location_id:
		return warehouses.get(row.location_id, [])
	return warehouses.get("") or [name for names in warehouses.values() for name in names]


def _cells(row: Any, warehouses: list[str]) -> dict[str, Any]:
	blank = {"Not in Shop": "shown", "Unknown to Us": "available"}.get(row.kind)
	return {**row, "warehouses": ", ".join(warehouses), **({blank: None} if blank else {})}


def message(channel: str) -> str:
	"""What the last check came to."""
	name = stock_drift.latest_check(channel)
	if not name:
		return _("This shop was not checked yet: press Check Now.")
	check = frappe.db.get_value("Drift Check", name, "*", as_dict=True)
	return _(
		"Checked on {0}. Listings that differ: {1} of {2}, units: {3}. Other differences that are on their way: {4}. "
		"Products of the shop that are unknown to us: {5}."
	).format(
		format_datetime(check.finished),
		check.drifted,
		check.listings,
		frappe.format_value(check.units, {"fieldtype": "Float"}),
		check.pending,
		check.unknown,
	)


def chart(channel: str) -> dict[str, Any] | None:
	"""Drifted listings of each of the last checks."""
	filters = {"channel": channel, "finished": ("is", "set")}
	fields = ["finished", "drifted"]
	checks = frappe.get_list(
		"Drift Check", filters=filters, fields=fields, order_by="started desc", limit=CHECKS_SHOWN
	)
	if not checks:
		return None
	checks.reverse()
	return {
		"data": {
			"labels": [format_datetime(check.finished, "d MMM") for check in checks],
			"datasets": [{"name": _("Drifted Listings"), "values": [check.drifted for check in checks]}],
		},
		"type": "line" if len(checks) > 1 else "bar",
		"fieldtype": "Int",
		"height": 180,
	}
