"""What the run asks of an ERP, and the embedded one that does it."""

from __future__ import annotations

import sqlite3
import subprocess
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

from commerce_bridge.bridge import drift, feeds
from commerce_bridge.bridge.channel import (
	CatalogPolicy,
	Channel,
	Credentials,
	OrderPolicy,
	ShippingMap,
	StockPolicy,
	TaxMap,
)
from commerce_bridge.bridge.model import Parcel
from commerce_bridge.connectors.http import GuardedTransport
from sandbox.clock import FastClock
from sandbox.local_server import LocalServer
from sandbox.server import WEBHOOK_PATH, ErpSite
from sandbox.worker import WorkerSettings
from sandbox.world import Sandbox

SECRET = "whsec_ZTJlLXNlY3JldC1vZi10aGUtdmVuZHVyZS1zaG9w"
LEASE, LONGEST_RETRY = timedelta(seconds=40), timedelta(seconds=2)
CHANNEL, WAREHOUSE, SHIPPING_ITEM = "Vendure", "Stores", "SHIPPING"
ZERO = Decimal(0)
BILLED_WITH = """select distinct invoice.name from sales_invoices invoice
	join sales_invoice_items item on item.parent = invoice.name
	where item.delivery_note = ? and invoice.status = 'Submitted'"""
MONEY = """select parent.external_id, payment.amount, payment.payment_type = 'Pay' as gone
	from payment_entries payment join sales_orders parent on parent.name = payment.sales_order
	where payment.status = 'Submitted'"""
BILLED = """select parent.external_id, invoice.grand_total as amount, invoice.is_return as gone
	from sales_invoices invoice join sales_orders parent on parent.name = invoice.sales_order
	where invoice.status = 'Submitted'"""


class Erp(Protocol):
	"""An ERP with one channel. Orders are named by the shop's id, shipments by the ERP's own."""

	name: str
	currency: str
	secret: str
	webhook_url: str

	def start(self) -> None: ...

	def stop(self) -> None: ...

	def open(self, store_url: str, products: Mapping[str, Decimal], quantities: Mapping[str, int]) -> None:
		"""Makes the channel, and items with titles, prices and stock; sends all of it."""
		...

	def go_down(self) -> None:
		"""The shop's messages find no answer from now on."""
		...

	def come_back(self) -> None: ...

	def totals(self) -> dict[str, list[Decimal]]:
		"""The grand totals of the live Sales Orders of each order of the shop."""
		...

	def available(self) -> dict[str, int]: ...

	def title(self, sku: str) -> str: ...

	def ship(self, order_id: str, most: int | None, carrier: str, number: str) -> str:
		"""Ships the order, or at most so many pieces of its first line; returns the shipment."""
		...

	def track(self, shipment: str, carrier: str, number: str, delivered: bool = False) -> None: ...

	def cancel_shipment(self, shipment: str) -> None:
		"""As a person does: what was billed of it first."""
		...

	def cancel_order(self, order_id: str) -> None: ...

	def money(self) -> dict[str, Decimal]:
		"""Payment Entries by the shop's order: what was received less what was given back."""
		...

	def billed(self) -> dict[str, Decimal]:
		"""Submitted Sales Invoices by the shop's order, less credit notes."""
		...

	def move_stock(self, sku: str, quantity: int) -> None: ...

	def unfinished(self) -> list[str]:
		"""What of the Sync Log waits or failed."""
		...

	def check_drift(self) -> None:
		"""Begins to compare what the shop shows with what is available."""
		...

	def drift(self) -> list[str] | None:
		"""The differences the check found; None while it goes on."""
		...


class EmbeddedErp:
	"""The sandbox on a port, with a worker process."""

	name = "sandbox"
	currency = "EUR"
	secret = SECRET

	channel_name = CHANNEL

	def __init__(self, folder: Path, port: int):
		self._port = port
		self._clock = FastClock.from_now(1.0)
		self._sandbox = Sandbox.create(folder / "erp.sqlite", self._clock)
		self._transport = GuardedTransport(allow_loopback=True)
		self._settings = WorkerSettings(folder / "erp.sqlite", self._clock, LEASE, LONGEST_RETRY)
		self._server: LocalServer | None = None
		self._worker: subprocess.Popen[bytes] | None = None
		self.webhook_url = f"http://127.0.0.1:{port}{WEBHOOK_PATH}?channel={quote(self.channel_name)}"

	def start(self) -> None:
		self.come_back()
		self._worker = self._settings.start()

	def stop(self) -> None:
		self.go_down()
		if self._worker is not None and self._worker.stdin is not None:
			self._worker.stdin.close()
			self._worker.wait(timeout=30)
		self._sandbox.database.close()

	def go_down(self) -> None:
		if self._server is not None:
			self._server.__exit__()
			self._server = None

	def come_back(self) -> None:
		self._server = LocalServer(ErpSite(self._sandbox, self._transport).handle, self._port)
		self._server.__enter__()

	def open(self, store_url: str, products: Mapping[str, Decimal], quantities: Mapping[str, int]) -> None:
		channel = Channel(
			name=CHANNEL,
			platform="custom",
			company="Company",
			company_currency=self.currency,
			currency=self.currency,
			store_url=store_url,
			default_warehouse=WAREHOUSE,
			taxes=(TaxMap(title="*", account="VAT"),),
			shipping=(ShippingMap(method="*", item=SHIPPING_ITEM),),
			fee_item=SHIPPING_ITEM,
			stock=StockPolicy(first_push_confirmed=True),
			catalog=CatalogPolicy(push_listings=True, push_prices=True),
			orders=OrderPolicy(send_local_changes=True),
		)
		self._sandbox.state.save(channel, Credentials(webhook_secrets=(SECRET,)))
		self._sandbox.make_item(SHIPPING_ITEM, is_stock_item=False)
		for sku, price in products.items():
			self._sandbox.make_item(sku)
			self._sandbox.erp.set_price(sku, price)
			self._sandbox.make_listing(CHANNEL, sku)
			self._sandbox.set_stock(sku, WAREHOUSE, Decimal(quantities[sku]))
			self._sandbox.erp.rename_item(sku, self.title(sku))
		world = self._world()
		with world.erp.transaction():
			for feed in feeds.FEEDS.values():
				feeds.queue_resync(world, world.state.channel(CHANNEL), feed)

	def _world(self):
		return self._sandbox.world(self._transport, lease=LEASE)

	def title(self, sku: str) -> str:
		return f"{sku} as ERPNext calls it <&>"

	def totals(self) -> dict[str, list[Decimal]]:
		found: dict[str, list[Decimal]] = {}
		for row in self._live():
			found.setdefault(row["external_id"], []).append(Decimal(row["grand_total"]))
		return found

	def _live(self) -> list[sqlite3.Row]:
		return [row for row in self._sandbox.sales_orders() if row["status"] == "Submitted"]

	def available(self) -> dict[str, int]:
		rows = self._sandbox.database.read("select item_code from listings")
		return {
			row["item_code"]: int(self._sandbox.erp.available(row["item_code"], [WAREHOUSE])) for row in rows
		}

	def ship(self, order_id: str, most: int | None, carrier: str, number: str) -> str:
		[name] = [row["name"] for row in self._live() if row["external_id"] == order_id]
		quantities = None if most is None else {1: Decimal(most)}
		return self._sandbox.erp.make_delivery(
			name, quantities=quantities, carrier=carrier, tracking_number=number
		)

	def track(self, shipment: str, carrier: str, number: str, delivered: bool = False) -> None:
		parcel = Parcel(carrier=carrier, tracking_number=number)
		self._sandbox.erp.track_delivery(shipment, [parcel], delivered)

	def cancel_shipment(self, shipment: str) -> None:
		for row in self._sandbox.database.read(BILLED_WITH, shipment):
			self._sandbox.erp.cancel_invoice(row["name"])
		self._sandbox.erp.cancel_delivery(shipment)

	def cancel_order(self, order_id: str) -> None:
		[name] = [row["name"] for row in self._live() if row["external_id"] == order_id]
		self._sandbox.erp.cancel_by_hand(name)

	def money(self) -> dict[str, Decimal]:
		return self._sums(MONEY)

	def billed(self) -> dict[str, Decimal]:
		return self._sums(BILLED)

	def _sums(self, statement: str) -> dict[str, Decimal]:
		found: dict[str, Decimal] = {}
		for row in self._sandbox.database.read(statement):
			amount = Decimal(row["amount"])
			found[row["external_id"]] = found.get(row["external_id"], ZERO) + (
				-amount if row["gone"] else amount
			)
		return found

	def move_stock(self, sku: str, quantity: int) -> None:
		self._sandbox.erp.move_stock(sku, WAREHOUSE, Decimal(quantity))

	def unfinished(self) -> list[str]:
		changes = self._sandbox.database.read("select item_code from stock_changes")
		entries = [
			row for row in self._sandbox.journal.entries() if row["state"] not in ("Succeeded", "Skipped")
		]
		return [f"{row['topic']} {row['state']}: {row['message']}" for row in entries] + [
			f"stock change of {row['item_code']}" for row in changes
		]

	def check_drift(self) -> None:
		world = self._world()
		with world.erp.transaction():
			drift.queue_check(world, world.state.channel(self.channel_name))

	def drift(self) -> list[str] | None:
		checks = self._sandbox.erp.drift_checks(self.channel_name)
		if not checks or checks[-1].finished is None:
			return None
		return [
			f"{row.sku}: shown {row.shown}, available {row.available}"
			for row in self._sandbox.erp.drifts(self.channel_name)
		]
