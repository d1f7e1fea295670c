"""10,000 products of a Shopify store: imported, and their stock sent. The shop is simulated, the worker a process."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from commerce_bridge.bridge import feeds, product_import
from commerce_bridge.bridge.channel import CatalogPolicy, Channel, Credentials, StockPolicy, WarehouseMap
from commerce_bridge.connectors.http import GuardedTransport
from sandbox.clock import FastClock
from sandbox.storefronts.shopify import ACCESS_TOKEN, ShopifyStorefront
from sandbox.worker import WorkerSettings
from sandbox.world import Sandbox
from tests.benchmark.table import Row, at_most, exactly

PRODUCTS, MUTATIONS, MEGABYTES = 10_000, 40, 150
LONGEST_SECONDS = 900
CHANNEL, WAREHOUSE = "Shopify", "Stores"


def rows() -> list[Row]:
	"""Calls of the shop's API, and the most memory a worker had."""
	with tempfile.TemporaryDirectory() as folder, ShopifyStorefront() as shop:
		for number in range(PRODUCTS):
			shop.add_product(f"SKU-{number}", Decimal("9.95"), stock=3)
		bench = Bench(Path(folder) / "erp.sqlite", shop)
		found = [*bench.imported(), *bench.sent()]
		bench.sandbox.database.close()
	return found


class Bench:
	def __init__(self, file: Path, shop: ShopifyStorefront):
		self.shop, self.clock = shop, FastClock.from_now(1.0)
		self.sandbox = Sandbox.create(file, self.clock)
		self.settings = WorkerSettings(file, self.clock, timedelta(seconds=120), timedelta(seconds=1))
		self.world = self.sandbox.world(GuardedTransport(allow_loopback=True))

	def channel(self, push: bool) -> Channel:
		channel = Channel(
			name=CHANNEL,
			platform="shopify",
			company="Company",
			company_currency="EUR",
			currency="EUR",
			store_url=self.shop.url,
			default_warehouse=WAREHOUSE,
			warehouses=(WarehouseMap(warehouse=WAREHOUSE, location_id=str(self.shop.location.id)),),
			stock=StockPolicy(push=push, first_push_confirmed=True),
			catalog=CatalogPolicy(item_group="Products"),
		)
		secret = Credentials(api_secret=self.shop.client_secret, access_token=ACCESS_TOKEN)
		self.sandbox.state.save(channel, secret)
		return channel

	def imported(self) -> list[Row]:
		channel = self.channel(push=False)
		with self.world.erp.transaction():
			product_import.queue_import(self.world, channel, create=True)
		begin = time.perf_counter()
		with self.worker() as memory:
			self.wait(lambda: self.ended("Products"))
			most = memory()
		seconds, calls = time.perf_counter() - begin, len(self.shop.calls)
		[made] = self.sandbox.database.read("select count(*) as n from listings where variant_id is not null")
		return [
			exactly("products of Shopify imported as items and listings", made["n"], PRODUCTS),
			at_most(
				"of which peak memory of the worker",
				most,
				MEGABYTES,
				" MB",
				f" ({seconds:.0f} s, {calls} calls)",
			),
		]

	def sent(self) -> list[Row]:
		channel = self.channel(push=True)
		with self.world.erp.transaction():
			self.sandbox.database.write(
				"delete from stock_changes"
			)  # of the import; the resync sends them all
			feeds.queue_resync(self.world, channel, feeds.STOCK)
		before, begin = self.shop.count("inventorySetQuantities"), time.perf_counter()
		with self.worker() as memory:
			self.wait(lambda: self.ended("Stock") and not self.sandbox.journal.unfinished())
			most = memory()
		seconds, done = time.perf_counter() - begin, self.shop.count("inventorySetQuantities") - before
		wrong = sum(variant.total != 0 for variant in self.shop.variants.values())
		return [
			exactly("mutations of a stock resync of 10,000 listings of Shopify", done, MUTATIONS),
			exactly("of which levels that are wrong in the shop afterwards", wrong, 0),
			at_most("of which peak memory of the worker", most, MEGABYTES, " MB", f" ({seconds:.0f} s)"),
		]

	def ended(self, kind: str) -> bool:
		return any(row.kind == kind and row.finished for row in self.sandbox.state.get_progress(CHANNEL))

	def wait(self, done: Callable[[], bool]) -> None:
		deadline = time.monotonic() + LONGEST_SECONDS
		while not done():
			if time.monotonic() > deadline:
				raise RuntimeError("the worker does not come to an end")
			time.sleep(0.2)

	@contextmanager
	def worker(self) -> Iterator[Callable[[], float]]:
		"""A worker process, and the most memory (MB) it had so far."""
		process = self.settings.start()
		try:
			yield lambda: _peak(process.pid)
		finally:
			if process.stdin is not None:
				process.stdin.close()
			process.wait(timeout=60)


def _peak(pid: int) -> float:
	"""Linux keeps the highest resident size of a process."""
	for line in Path(f"/proc/{pid}/status").read_text().splitlines():
		if line.startswith("VmHWM:"):
			return int(line.split()[1]) / 1024
	raise RuntimeError("no VmHWM")
