"""Report: products of the shops that belong to no Item, from failed orders, stock checks and imports."""

from __future__ import annotations

from typing import Any

import frappe
from frappe import _

from commerce_bridge.commerce_bridge.report.shown import channels, column
from commerce_bridge.erpnext import unmapped_sku
from commerce_bridge.erpnext.unmapped_sku import SOURCES, Found


def execute(filters: dict[str, Any] | None = None) -> tuple[Any, ...]:
	"""Columns, rows and message; channels the user may not read are left out. What orders wait for comes first."""
	wanted = frappe._dict(filters or {})
	found = unmapped_sku.find(channels(wanted.channel))
	shown = [row for row in found if wanted.source in (None, "", *row.sources)]
	shown.sort(key=lambda row: (-len(row.logs), row.channel, row.product.sku or "", row.product.name or ""))
	message = None if shown else _("Every product that the shops named belongs to an Item.")
	return columns(), [_cells(row) for row in shown], message


def columns() -> list[dict[str, Any]]:
	return [
		column("sku", _("SKU"), width=150),
		column("title", _("Name in Shop"), width=200),
		column("orders", _("Orders Waiting"), "Int", 130),
		column("item_code", _("Item by Now"), "Link", 130, options="Item"),
		column("sources", _("Found In"), width=150),
		column("channel", _("Channel"), "Link", 140, options="Channel Settings"),
		column("barcode", _("Barcode"), width=130),
		column("product_id", _("Product ID"), width=110),
		column("variant_id", _("Variant ID"), width=110),
		column("first_seen", _("First Seen"), "Datetime", 160),
		column("last_seen", _("Last Seen"), "Datetime", 160),
		column("why", _("Reason"), width=320),
		column("logs", _("Sync Logs"), width=0, hidden=1),
	]


def _cells(row: Found) -> dict[str, Any]:
	product = row.product
	return {
		"sku": product.sku,
		"title": product.name,
		"orders": len(row.logs),
		"item_code": row.item_code,
		"sources": ", ".join(_(source) for source in SOURCES if source in row.sources),
		"channel": row.channel,
		"barcode": product.barcode,
		"product_id": product.product_id,
		"variant_id": product.variant_id,
		"first_seen": row.first_seen,
		"last_seen": row.last_seen,
		"why": _("An Item is there now: retry its orders") if row.item_code else product.why,
		"logs": ",".join(sorted(row.logs)),
	}
