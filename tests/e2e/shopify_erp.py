"""What the run with Shopify asks of an ERP beyond what every shop asks, and the embedded one that does it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from commerce_bridge.bridge import feeds, product_import
from commerce_bridge.bridge.channel import (
	CatalogPolicy,
	Channel,
	ChannelStatus,
	Credentials,
	InvoicePolicy,
	LineItems,
	OrderPolicy,
	PaymentMap,
	RefundPolicy,
	ShippingMap,
	StockPolicy,
	TaxMap,
	WarehouseMap,
)
from commerce_bridge.bridge.webhooks import follow_entry
from tests.e2e.erp import SHIPPING_ITEM, EmbeddedErp, Erp

CUSTOM_ITEM, GIFT_CARD_ITEM, FEE_ITEM, ADJUSTMENT_ITEM = "CUSTOM-LINE", "GIFT-CARD", "FEE", "ADJUSTMENT"
#: Each delivery is billed, all money goes to one account, and what comes back is for sale again.
INVOICES = InvoicePolicy(when="When Delivered")
PAYMENTS = (PaymentMap(gateway="*", mode_of_payment="Online", account="Clearing"),)
REFUNDS = RefundPolicy(adjustment_item=ADJUSTMENT_ITEM, returns="Submitted")


@dataclass(frozen=True)
class App:
	"""What a merchant enters: where the shop is, the app's client id and secret, and the shop's locations."""

	store_url: str
	api_key: str
	api_secret: str
	locations: tuple[str, ...]


class ShopifyErp(Erp, Protocol):
	prefix: str  # of SKUs: a site keeps the Items of earlier runs

	def prepare(self, app: App) -> None:
		"""Makes what a channel needs, and the channel, paused."""
		...

	def problems(self) -> list[str]:
		"""Errors of Test Connection."""
		...

	def activate(self) -> None: ...

	def import_products(self) -> None:
		"""Makes Items of everything, with the shop's prices."""
		...

	def imported(self) -> str | None:
		"""What the import came to; None while it goes on."""
		...

	def prices(self) -> dict[str, Decimal]: ...

	def set_price(self, sku: str, amount: Decimal) -> None: ...

	def receive(self, sku: str, place: int, quantity: int) -> None:
		"""Goods arrive in the warehouse of the shop's first, second … location."""
		...

	def send_stock(self) -> None:
		"""As a person does who has looked at the first push."""
		...

	def offered(self) -> dict[tuple[str, str], int]:
		"""What may be sold, by SKU and location."""
		...

	def make_item(self, sku: str) -> None: ...

	def hurry(self) -> None:
		"""Retries what failed, and what waits to be tried again."""
		...

	def drafts(self, order_id: str) -> list[str]:
		"""Draft Delivery Notes of an order."""
		...

	def submit(self, note: str) -> None: ...

	def note_places(self, note: str) -> list[str]:
		"""The locations whose warehouses a Delivery Note takes its goods from."""
		...


class EmbeddedShopify(EmbeddedErp):
	channel_name = "Shopify"
	prefix = ""

	def prepare(self, app: App) -> None:
		self._places = {f"Stores {number}": place for number, place in enumerate(app.locations, 1)}
		for code in (SHIPPING_ITEM, CUSTOM_ITEM, GIFT_CARD_ITEM, FEE_ITEM, ADJUSTMENT_ITEM):
			self._sandbox.make_item(code, is_stock_item=False)
		for warehouse in self._places:
			self._sandbox.make_warehouse(warehouse)
		self._channel = Channel(
			name=self.channel_name,
			platform="shopify",
			status=ChannelStatus.PAUSED,
			company="Company",
			company_currency=self.currency,
			currency=self.currency,
			store_url=app.store_url,
			authentication="Client Credentials",
			default_warehouse=next(iter(self._places)),
			warehouses=tuple(
				WarehouseMap(warehouse=name, location_id=place) for name, place in self._places.items()
			),
			taxes=(TaxMap(title="*", account="VAT"),),
			shipping=(ShippingMap(method="*", item=SHIPPING_ITEM),),
			fee_item=FEE_ITEM,
			line_items=LineItems(custom=CUSTOM_ITEM, gift_card=GIFT_CARD_ITEM),
			stock=StockPolicy(first_push_confirmed=True, watch=True),
			catalog=CatalogPolicy(push_prices=True, item_group="Products"),
			orders=OrderPolicy(send_local_changes=True),
			invoices=INVOICES,
			payments=PAYMENTS,
			refunds=REFUNDS,
		)
		self._credentials = Credentials(api_key=app.api_key, api_secret=app.api_secret)
		self._sandbox.state.save(self._channel, self._credentials)

	def problems(self) -> list[str]:
		connector = self._world().connect(self._channel, self._credentials)
		return [check.title for check in connector.check() if not check.ok and check.severity == "error"]

	def activate(self) -> None:
		self._channel = self._channel.model_copy(update={"status": ChannelStatus.ACTIVE})
		self._sandbox.state.save(self._channel, self._credentials)
		with self._sandbox.erp.transaction():
			self._sandbox.journal.record([follow_entry(self.channel_name, self.webhook_url)])

	def import_products(self) -> None:
		world = self._world()
		with world.erp.transaction():
			product_import.queue_import(world, self._channel, create=True, prices=True)

	def imported(self) -> str | None:
		rows = [row for row in self._sandbox.state.get_progress(self.channel_name) if row.kind == "Products"]
		return rows[0].message if rows and rows[0].finished else None

	def prices(self) -> dict[str, Decimal]:
		rows = self._sandbox.database.read("select * from item_prices")
		return {row["item_code"]: Decimal(row["amount"]) for row in rows}

	def set_price(self, sku: str, amount: Decimal) -> None:
		self._sandbox.erp.set_price(sku, amount)

	def _warehouses(self) -> Sequence[str]:
		return list(self._places)

	def receive(self, sku: str, place: int, quantity: int) -> None:
		self._sandbox.erp.move_stock(sku, self._warehouses()[place], Decimal(quantity))

	def send_stock(self) -> None:
		world = self._world()
		with world.erp.transaction():
			feeds.queue_resync(world, self._channel, feeds.STOCK)

	def offered(self) -> dict[tuple[str, str], int]:
		rows = self._sandbox.database.read("select item_code, sku from listings")
		return {
			(row["sku"], place): int(self._sandbox.erp.available(row["item_code"], [warehouse]))
			for row in rows
			for warehouse, place in self._places.items()
		}

	def make_item(self, sku: str) -> None:
		self._sandbox.make_item(sku)

	def hurry(self) -> None:
		for state in ("Failed", "Retrying"):
			for row in self._sandbox.journal.entries(state=state):
				self._sandbox.journal.requeue(row["name"])

	def drafts(self, order_id: str) -> list[str]:
		rows = self._sandbox.database.read(
			"select note.name from delivery_notes note join sales_orders parent on parent.name = note.sales_order"
			" where parent.external_id = ? and note.status = 'Draft'",
			order_id,
		)
		return [row["name"] for row in rows]

	def submit(self, note: str) -> None:
		self._sandbox.erp.submit_delivery(note)

	def note_places(self, note: str) -> list[str]:
		return sorted({self._places[row["warehouse"]] for row in self._sandbox.erp.note_rows(note)})
