"""Stock: what a push of 1,000 items costs, and what our hooks add to a user's Stock Entry."""

from __future__ import annotations

from contextlib import nullcontext
from statistics import median
from typing import Any

import frappe

from commerce_bridge.bridge import outbound
from commerce_bridge.erpnext import channel_listing
from tests.benchmark.shop import CHANNEL, Shop, insert, open_shop, queries, without_hooks
from tests.benchmark.table import Row, at_most, exactly, interleaved, timed

PUSHED = 1_000
ROWS = 10
#: A difference of a hundredth needs more samples than a ratio of two.
PAIRS = 60


def rows() -> list[Row]:
	shop = open_shop()
	return [*_push(shop), *_hooks(shop)]


def _push(shop: Shop) -> list[Row]:
	items = add_items(shop, PUSHED)
	with shop.world.erp.transaction(), queries() as sent:
		levels = shop.world.erp.stock_levels(shop.channel, items)
	if len(levels) != PUSHED:
		raise RuntimeError(f"{len(levels)} levels of {PUSHED} items")
	for item in items:
		shop.storefront.add_product(item)
	with shop.world.erp.transaction():
		entry = outbound.stock_entry(shop.channel, outbound.STOCK, items)
		log = shop.world.journal.record([entry])[0].name
	before = shop.transport.calls
	shop.work()
	shop.succeeded(log)
	return [
		exactly("storefront calls to push 1,000 items x 1 location", shop.transport.calls - before, 4),
		at_most("SQL queries of 1,000 stock levels", len(sent), 6),
	]


def add_items(shop: Shop, count: int) -> list[str]:
	"""Items with a Bin and a listing, made by SQL from one of the shop's."""
	like = frappe.db.sql("SELECT * FROM `tabItem` WHERE name = %s", shop.skus[0], as_dict=True)[0]
	names = [f"CB-BENCH-MANY-{number}" for number in range(count)]
	insert("Item", [{**like, "name": name, "item_code": name, "item_name": name} for name in names])
	values = {"warehouse": shop.channel.default_warehouse, "stock_uom": like.stock_uom, "actual_qty": 7}
	insert("Bin", [{"name": f"cb-{name}"[:140], "item_code": name, **values} for name in names])
	with shop.world.erp.transaction():
		channel_listing.add(CHANNEL, names)
	return names


# --- our hooks in a user's transaction -------------------------------------------------------------------


def _hooks(shop: Shop) -> list[Row]:
	_receive(shop)  # fills the caches
	with queries() as with_hooks:
		_receive(shop)
	with without_hooks(), queries() as without:
		_receive(shop)
	added = len(with_hooks) - len(without)
	with_us, without_us = interleaved(
		lambda: _timed(shop, nullcontext()), lambda: _timed(shop, without_hooks()), PAIRS
	)
	share = (median(ours / plain for ours, plain in zip(with_us, without_us, strict=True)) - 1) * 100
	detail = f" ({median(with_us) * 1000:.1f} ms : {median(without_us) * 1000:.1f} ms)"
	return [
		exactly("queries our hooks add to a Stock Entry of 10 rows", added, 1),
		at_most("  time they add", share, 2, " %", detail),
	]


def _timed(shop: Shop, hooks: Any) -> float:
	with hooks:
		return timed(lambda: _receive(shop))


def _receive(shop: Shop) -> None:
	"""A Material Receipt of ten items, committed."""
	warehouse = shop.channel.default_warehouse
	items = [
		{"item_code": sku, "qty": 1, "t_warehouse": warehouse, "basic_rate": 1} for sku in shop.skus[:ROWS]
	]
	entry = {"doctype": "Stock Entry", "stock_entry_type": "Material Receipt", "items": items}
	frappe.get_doc({**entry, "company": shop.channel.company}).insert().submit()
	frappe.db.commit()
