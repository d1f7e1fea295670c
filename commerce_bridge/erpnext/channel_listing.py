"""DocType Channel Listing: which item is shown as which product, and what was last pushed there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import sha256

import frappe

from commerce_bridge.bridge.model import StockLevel
from commerce_bridge.erpnext import sql
from commerce_bridge.erpnext.time import to_site

DOCTYPE = "Channel Listing"
LEVEL = "Channel Listing Level"


def listing_key(channel: str, product_id: str | None, variant_id: str | None, sku: str | None) -> str:
	"""What is unique about a listing."""
	return sha256("\0".join((channel, product_id or "", variant_id or "", sku or "")).encode()).hexdigest()


def save_pushed(channel: str, pushed: Sequence[StockLevel], now: datetime) -> None:
	"""Keeps what the storefront shows now, and clears the errors of these listings."""
	if not pushed:
		return
	stamp = to_site(now)
	rows = [
		{
			"name": sha256(f"{level.listing}\0{level.location_id or ''}".encode()).hexdigest()[:40],
			"parent": level.listing,
			"parenttype": DOCTYPE,
			"parentfield": "levels",
			"location_id": level.location_id,
			"last_pushed": level.quantity,
			"pushed_at": stamp,
		}
		for level in pushed
	]
	sql.insert_rows(LEVEL, rows, on_duplicate=("last_pushed", "pushed_at"))
	names = tuple({level.listing for level in pushed})
	sql.execute(
		f"UPDATE `tab{DOCTYPE}` SET error = NULL WHERE channel = %s AND error IS NOT NULL AND name IN %s",
		(channel, names),
	)


def forget_pushed(channel: str, sales_order: str) -> None:
	"""See `Erp.forget_pushed`."""
	sql.execute(
		f"""DELETE level FROM `tab{LEVEL}` level
		JOIN `tab{DOCTYPE}` listing ON listing.name = level.parent
		JOIN `tabSales Order Item` line ON line.item_code = listing.item_code
		WHERE line.parent = %s AND listing.channel = %s""",
		(sales_order, channel),
	)


def save_errors(channel: str, errors: Mapping[str, str]) -> None:
	"""Error text by listing."""
	for listing, text in errors.items():
		frappe.db.set_value(
			DOCTYPE, {"name": listing, "channel": channel}, "error", text, update_modified=False
		)


def add(channel: str, item_codes: Sequence[str]) -> int:
	"""Lists items under their item code as SKU; those that are listed already stay as they are.

	:return: how many were added
	"""
	rows = [
		{
			"channel": channel,
			"item_code": item,
			"sku": item,
			"enabled": 1,
			"listing_key": listing_key(channel, None, None, item),
		}
		for item in dict.fromkeys(item_codes)
	]
	return sql.insert_rows(DOCTYPE, rows, keep_first=True)
