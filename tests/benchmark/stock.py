"""Stock: what a push of 1,000 items costs, and what our hooks add to a user's Stock Entry."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from statistics import median
from time import perf_counter
from typing import Any
from unittest.mock import patch

import frappe

from commerce_bridge.bridge import feeds
from commerce_bridge.erpnext import channel_listing, stock_change, wake
from tests.benchmark.shop import CHANNEL, Shop, insert, open_shop, queries, without_hooks
from tests.benchmark.table import SAMPLES, Row, at_most, exactly, interleaved, timed

PUSHED = 1_000
ROWS = 10
PAIRS = 60
#: All of ours that runs in a user's stock transaction.
OUR_CODE = ((stock_change, "on_stock_ledger_entry"), (stock_change, "_write"), (wake, "wake"))


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
		entry = feeds.feed_entry(shop.channel, feeds.STOCK, feeds.STOCK.changed, items, "bench")
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
	whole, plain = interleaved(
		lambda: _timed(shop, nullcontext()), lambda: _timed(shop, without_hooks()), PAIRS
	)
	difference = (median(one / other for one, other in zip(whole, plain, strict=True)) - 1) * 100
	share, spent = _share(shop)
	return [
		exactly("queries our hooks add to a Stock Entry of 10 rows", added, 1),
		at_most("  time spent in them", share, 2, " %", f" ({spent * 1000:.2f} ms)"),
		Row("  time with them : without them", f"{difference:+.1f} % ({median(whole) * 1000:.0f} ms)"),
	]


def _timed(shop: Shop, hooks: Any) -> float:
	with hooks:
		return timed(lambda: _receive(shop))


def _share(shop: Shop) -> tuple[float, float]:
	"""Percentage and seconds of a Stock Entry that pass inside our code: handlers, the insert at the commit, the
	hint to the workers. Two runs of the same transaction differ by more than that on a machine that does anything
	else, so the difference of the two is shown, and this is held against the limit."""
	shares, seconds = [], []
	for _ in range(SAMPLES):
		with _watched() as spent:
			whole = timed(lambda: _receive(shop))
		shares.append(sum(spent) / whole * 100)
		seconds.append(sum(spent))
	return median(shares), median(seconds)


@contextmanager
def _watched() -> Iterator[list[float]]:
	"""Seconds of each call of our code in a user's transaction."""
	spent: list[float] = []

	def timing(work: Callable[..., Any]) -> Callable[..., Any]:
		def run(*arguments: Any) -> Any:
			begin = perf_counter()
			try:
				return work(*arguments)
			finally:
				spent.append(perf_counter() - begin)

		return run

	with ExitStack() as patches:
		for module, name in OUR_CODE:
			patches.enter_context(patch.object(module, name, timing(getattr(module, name))))
		yield spent


def _receive(shop: Shop) -> None:
	"""A Material Receipt of ten items, committed."""
	warehouse = shop.channel.default_warehouse
	items = [
		{"item_code": sku, "qty": 1, "t_warehouse": warehouse, "basic_rate": 1} for sku in shop.skus[:ROWS]
	]
	entry = {"doctype": "Stock Entry", "stock_entry_type": "Material Receipt", "items": items}
	frappe.get_doc({**entry, "company": shop.channel.company}).insert().submit()
	frappe.db.commit()
