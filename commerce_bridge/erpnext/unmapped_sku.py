"""Products of a shop that belong to no Item: found in orders that failed, in stock checks, in imports; and mapped.

Two queries, and a handful for each channel that has any, whatever their number.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import frappe
from frappe import _
from frappe.utils import escape_html, now_datetime

from commerce_bridge.bridge.details import Details, Unmapped
from commerce_bridge.bridge.plan import Item, ItemKey
from commerce_bridge.bridge.product_import import IMPORT
from commerce_bridge.bridge.product_matching import CODE_LENGTH, code_of
from commerce_bridge.bridge.walks import PROGRESS
from commerce_bridge.erpnext import channel_settings, channel_state, item, new_item, operations, transaction
from commerce_bridge.erpnext.sync_log import UNFINISHED
from commerce_bridge.erpnext.time import to_site

LISTING = "Channel Listing"
ORDERS, STOCK, PRODUCTS = "Orders", "Stock Drift", "Import"
SOURCES = (ORDERS, STOCK, PRODUCTS)
ENTRIES = """SELECT name, channel, state, creation, details FROM `tabSync Log`
	WHERE state IN %(unfinished)s AND direction = 'Inbound' AND details LIKE '%%"unmapped"%%'
		AND channel IN %(channels)s ORDER BY creation"""
#: Of a check that is under way yet, nothing.
DRIFTS = """SELECT drift.channel, drift.checked_at AS creation, drift.sku, drift.product_id, drift.variant_id
	FROM `tabStock Drift` drift JOIN `tabDrift Check` stock_check ON stock_check.name = drift.drift_check
	WHERE drift.kind = 'Unknown to Us' AND stock_check.finished IS NOT NULL AND drift.channel IN %(channels)s"""
#: Those of the channel's last import: its time is bounded, and the index begins with what is asked for.
IMPORTS = """SELECT channel, creation, details FROM `tabSync Log`
	WHERE channel = %(channel)s AND state = 'Succeeded' AND creation BETWEEN %(first)s AND %(last)s
		AND topic = %(topic)s AND details LIKE '%%"unmapped"%%'"""


@dataclass(slots=True)
class Found:
	"""A product and where it was met. `item_code`: the Item it is by now; `failed` entries wait to be retried."""

	channel: str
	product: Unmapped
	first_seen: datetime
	last_seen: datetime
	sources: set[str] = field(default_factory=set)
	logs: set[str] = field(default_factory=set)
	failed: set[str] = field(default_factory=set)
	item_code: str | None = None


def find(channels: Sequence[str]) -> list[Found]:
	"""What is unmapped now, and what is mapped but has failed entries that nobody retried."""
	known: dict[tuple[str, ...], Found] = {}
	for channel, seen, source, entry, product in _met(channels):
		key = (channel, *key_of(product))
		if key not in known:
			known[key] = Found(channel, product, seen, seen)
		found = known[key]
		found.first_seen, found.last_seen = min(found.first_seen, seen), max(found.last_seen, seen)
		found.sources.add(source)
		if entry:
			found.logs.add(entry.name)
			if entry.state == "Failed":
				found.failed.add(entry.name)
	_look_up(known.values())
	return [found for found in known.values() if found.failed or not found.item_code]


def key_of(product: Unmapped) -> tuple[str, ...]:
	"""What tells one product of a shop from another, as far as it is named."""
	if product.product_id:
		return ("product", product.product_id, product.variant_id or "")
	for kind in ("sku", "barcode", "name"):
		if value := getattr(product, kind):
			return (kind, value.casefold())
	return ("nothing",)


def _met(channels: Sequence[str]) -> Iterator[tuple[str, datetime, str, Any, Unmapped]]:
	values = {"unfinished": UNFINISHED, "channels": tuple(channels) or ("",)}
	for row in frappe.db.sql(ENTRIES, values, as_dict=True):
		for product in Details.model_validate_json(row.details).unmapped:
			yield row.channel, row.creation, ORDERS, row, product
	for row in frappe.db.sql(DRIFTS, values, as_dict=True):
		product = Unmapped(
			sku=row.sku or None, product_id=row.product_id or None, variant_id=row.variant_id or None
		)
		yield row.channel, row.creation, STOCK, None, product
	for channel in channels:
		for row in _imported(channel):
			for product in Details.model_validate_json(row.details).unmapped:
				yield row.channel, row.creation, PRODUCTS, None, product


def _imported(channel: str) -> list[Any]:
	[*last] = [
		progress for progress in channel_state.get_progress(channel) if progress.kind == PROGRESS["products"]
	]
	if not last:
		return []
	values = {
		"channel": channel,
		"topic": IMPORT,
		"first": to_site(last[0].started),
		"last": to_site(last[0].finished) or now_datetime(),
	}
	return frappe.db.sql(IMPORTS, values, as_dict=True)


def _look_up(found: Any) -> None:
	by_channel: dict[str, list[Found]] = {}
	for row in found:
		by_channel.setdefault(row.channel, []).append(row)
	for channel, rows in by_channel.items():
		items = _items(channel, [row.product for row in rows])
		for row in rows:
			known = items.get(_item_key(row.product))
			row.item_code = known.item_code if known else None


def _items(channel: str, products: Sequence[Unmapped]) -> dict[ItemKey, Item]:
	return item.find(channel_settings.load(channel).channel, [_item_key(product) for product in products])


def _item_key(product: Unmapped) -> ItemKey:
	return ItemKey(product.product_id, product.variant_id, product.sku, product.barcode)


# --- what people do ---------------------------------------------------------------------------------------


def link(channel: str, product: Unmapped, item_code: str) -> int:
	"""The product is this Item from now on. What a listing cannot say, a barcode, goes to the Item.

	The user's own rights are asked. Raises `ValidationError`.

	:return: entries that are retried because of it
	"""
	known = _items(channel, [product]).get(_item_key(product))
	if known and known.item_code != item_code:
		frappe.throw(
			_("The shop's product is Item {0} already: retry its entries").format(
				escape_html(known.item_code)
			)
		)
	if not known:
		_require_sellable(item_code)
		_tie(channel, product, item_code)
	return retry(channel, product)


def _require_sellable(item_code: str) -> None:
	values = frappe.db.get_value("Item", item_code, ("has_variants", "disabled"), as_dict=True)
	if not values:
		frappe.throw(_("There is no Item {0}").format(escape_html(item_code)))
	if values.has_variants or values.disabled:
		frappe.throw(
			_("Item {0} is a template or disabled: choose one that can be sold").format(
				escape_html(item_code)
			)
		)


def _tie(channel: str, product: Unmapped, item_code: str) -> None:
	if product.sku or product.product_id:
		names = product.model_dump(include={"sku", "product_id", "variant_id"})
		frappe.get_doc(
			{
				"doctype": LISTING,
				"channel": channel,
				"item_code": item_code,
				"publication": "Published",
				**names,
			}
		).insert()
	elif product.barcode:
		doc = frappe.get_doc("Item", item_code)
		doc.append("barcodes", _barcode(product.barcode))
		doc.save()
	else:
		frappe.throw(
			_("The shop names neither an SKU, nor a product, nor a barcode: give the product one there first")
		)


def _barcode(barcode: str) -> dict[str, str]:
	return {"barcode": barcode, "barcode_type": new_item.barcode_type(barcode)}


def create(
	channel: str, product: Unmapped, item_code: str, item_name: str, item_group: str
) -> dict[str, Any]:
	"""Makes an Item as an import does, as the channel's integration user, and links the product to it.

	:return: the Item's code, and how many entries are retried
	:raises frappe.ValidationError: as ERPNext does
	"""
	wanted = code_of(item_code)
	if not wanted:
		frappe.throw(_("Say what the Item's code is"))
	with transaction.act_as(channel_settings.load(channel).channel):
		doc = frappe.get_doc(
			{
				"doctype": "Item",
				"item_code": wanted,
				"item_name": code_of(item_name) or wanted[:CODE_LENGTH],
				"item_group": item_group,
				"stock_uom": frappe.db.get_single_value("Stock Settings", "stock_uom") or "Nos",
				"is_stock_item": 1,
				"barcodes": [_barcode(product.barcode)] if product.barcode else [],
			}
		).insert()
	return {"item_code": doc.name, "retried": link(channel, product, doc.name)}


def retry(channel: str, product: Unmapped) -> int:
	"""Entries that failed for this product are due now; returns how many."""
	values = {"unfinished": ("Failed", "Retrying"), "channels": (channel,)}
	names = [
		row.name
		for row in frappe.db.sql(ENTRIES, values, as_dict=True)
		if any(_is_same(product, other) for other in Details.model_validate_json(row.details).unmapped)
	]
	return operations.requeue(names, ("Failed", "Retrying")) if names else 0


def _is_same(one: Unmapped, other: Unmapped) -> bool:
	"""By any of what finds an Item: a listing of an SKU serves whatever product ids come with it."""
	if key_of(one) == key_of(other):
		return True
	return bool(one.sku and other.sku and one.sku.casefold() == other.sku.casefold())
