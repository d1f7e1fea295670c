"""A sandbox put together: the database, the three protocols on it, and the engine's `World`."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from commerce_bridge.bridge.channel import Channel, Credentials
from commerce_bridge.bridge.clock import Now, utc_now
from commerce_bridge.bridge.protocols import Connector, Surroundings, Transport
from commerce_bridge.bridge.retry import Uniform
from commerce_bridge.bridge.world import LEASE, World
from commerce_bridge.connectors import build
from sandbox.channel_state import SandboxChannelState
from sandbox.database import BUSY_SECONDS, Database, Row
from sandbox.erp import SandboxErp
from sandbox.journal import SandboxJournal


@dataclass(frozen=True)
class Sandbox:
	"""An embedded ERP on a file, opened by any number of processes."""

	database: Database
	erp: SandboxErp
	journal: SandboxJournal
	state: SandboxChannelState
	now: Now

	@classmethod
	def open(
		cls, path: Path, now: Now = utc_now, durable: bool = True, busy_seconds: float = BUSY_SECONDS
	) -> Sandbox:
		"""Opens the file, which `create` made once. Not durable: for tests, which survive no power cut."""
		return cls.on(Database(path, durable, busy_seconds), now)

	@classmethod
	def on(cls, database: Database, now: Now = utc_now) -> Sandbox:
		"""An ERP on this database."""
		journal = SandboxJournal(database, now)
		return cls(database, SandboxErp(database, journal, now), journal, SandboxChannelState(database), now)

	@classmethod
	def create(cls, path: Path, now: Now = utc_now, durable: bool = True) -> Sandbox:
		sandbox = cls.open(path, now, durable)
		sandbox.database.create()
		return sandbox

	def world(
		self,
		transport: Transport,
		lease: timedelta = LEASE,
		uniform: Uniform = random.uniform,
		sleep: Callable[[float], None] = time.sleep,
	) -> World:
		"""What the engine needs, with connectors from the app's own registry.

		:param sleep: waits for a storefront that says how long
		"""

		def connect(channel: Channel, credentials: Credentials, unit: str = "") -> Connector:
			surroundings = Surroundings(transport, self.state, self.now, sleep, unit, allow_loopback=True)
			return build(channel, credentials, surroundings)

		return World(self.erp, self.journal, self.state, connect, self.now, uniform, lease)

	# --- master data

	def make_item(
		self,
		item_code: str,
		is_stock_item: bool = True,
		barcode: str | None = None,
		bundle: Mapping[str, Decimal] | None = None,
	) -> None:
		"""An item; with the quantities of its components a bundle, which an item that is there may become."""
		with self.database.transaction():
			if not self.database.read_one("select 1 from items where item_code = ?", item_code):
				self.database.insert(
					"items",
					item_code=item_code,
					item_name=item_code.title(),
					stock_uom="Nos",
					is_stock_item=is_stock_item and not bundle,
				)
			if barcode:
				self.database.insert("barcodes", barcode=barcode, item_code=item_code)
			for child, quantity in (bundle or {}).items():
				self.database.insert("bundles", parent=item_code, child=child, qty=str(quantity))

	def make_warehouse(self, name: str, parent: str | None = None) -> None:
		with self.database.transaction():
			self.database.insert("warehouses", name=name, parent=parent)

	def make_listing(
		self,
		channel: str,
		item_code: str,
		sku: str | None = None,
		product_id: str | None = None,
		variant_id: str | None = None,
	) -> str:
		with self.database.transaction():
			name = self.database.next_name("LIST-")
			self.database.insert(
				"listings",
				name=name,
				channel=channel,
				item_code=item_code,
				sku=sku or item_code,
				product_id=product_id,
				variant_id=variant_id,
			)
		return name

	def set_exchange_rate(self, currency: str, valid_from: str, rate: Decimal) -> None:
		with self.database.transaction():
			self.database.insert("exchange_rates", currency=currency, valid_from=valid_from, rate=str(rate))

	def set_stock(self, item_code: str, warehouse: str, quantity: Decimal) -> None:
		"""A Stock Reconciliation: the quantity on hand becomes this."""
		row = self.database.read_one(
			"select actual_qty from bins where item_code = ? and warehouse = ?", item_code, warehouse
		)
		on_hand = Decimal(row["actual_qty"]) if row else Decimal(0)
		self.erp.move_stock(item_code, warehouse, quantity - on_hand)

	# --- what there is

	def sales_orders(self, external_id: str | None = None) -> list[Row]:
		"""All Sales Orders, or those of one order of a shop, oldest first."""
		return self.database.read(
			"select * from sales_orders where ? is null or external_id = ? order by rowid",
			external_id,
			external_id,
		)
