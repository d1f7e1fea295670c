"""Report: codes that several Items or listings share, and what to do about each."""

from __future__ import annotations

from typing import Any

import frappe
from frappe import _

from commerce_bridge.commerce_bridge.report.shown import channels, column
from commerce_bridge.erpnext import duplicate_codes
from commerce_bridge.erpnext.duplicate_codes import ALIKE, BARCODE, KINDS, OTHER_ITEM, SHARED_SKU, Shared


def execute(filters: dict[str, Any] | None = None) -> tuple[Any, ...]:
	"""Columns, rows, message, chart and summary; listings of channels the user may not read are left out."""
	wanted = frappe._dict(filters or {})
	frappe.has_permission("Item", "read", throw=True)
	readable = set(channels(wanted.channel))
	found = [
		row
		for row in duplicate_codes.find(wanted.channel)
		if (row.channel is None or row.channel in readable) and wanted.kind in (None, "", row.kind)
	]
	return columns(), [_cells(row) for row in found], _message(found), None, _summary(found)


def columns() -> list[dict[str, Any]]:
	return [
		column("kind", _("Kind"), width=190),
		column("code", _("SKU or Barcode"), width=150),
		column("item_code", _("Item"), "Link", 160, options="Item"),
		column("advice", _("What to Do"), width=600),
		column("listing", _("Listing"), "Link", 120, options="Channel Listing"),
		column("channel", _("Channel"), "Link", 140, options="Channel Settings"),
		column("other_item", _("Other Item"), "Link", 140, options="Item"),
		column("product_id", _("Product ID"), width=110),
		column("variant_id", _("Variant ID"), width=110),
	]


def _advice(kind: str) -> str:
	return {
		BARCODE: _("Keep it at the Item it is printed on, and remove it from the others."),
		ALIKE: _("Only blanks or letters of another form tell these apart: merge them, or rename one."),
		SHARED_SKU: _("Give each product of the shop its own SKU, or delist the listing that is not sold."),
		OTHER_ITEM: _(
			"It is booked as the listing's Item: link the listing to the other Item, or change the SKU."
		),
	}[kind]


def _cells(row: Shared) -> dict[str, Any]:
	fieldnames = "kind code item_code listing channel other_item product_id variant_id".split()
	return {**{name: getattr(row, name) for name in fieldnames}, "advice": _advice(row.kind)}


def _message(found: list[Shared]) -> str | None:
	return None if found else _("No two Items or listings share an SKU or a barcode.")


def _summary(found: list[Shared]) -> list[dict[str, Any]]:
	"""How many codes there are of each kind: each has two rows or more, except those of other Items."""
	groups = {(row.kind, row.group) for row in found}
	counts = {kind: sum(other == kind for other, _group in groups) for kind in KINDS}
	return [
		{"label": _(kind), "value": number, "datatype": "Int", "indicator": "Red"}
		for kind, number in counts.items()
		if number
	]
