"""What the run with WooCommerce asks of an ERP beyond what the run with Shopify does, and the embedded one that does it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Protocol

from commerce_bridge.bridge import polling, product_import
from commerce_bridge.bridge.channel import (
	CatalogPolicy,
	Channel,
	ChannelStatus,
	Credentials,
	LineItems,
	OrderPolicy,
	ShippedPolicy,
	ShippingMap,
	StockPolicy,
	TaxMap,
)
from commerce_bridge.bridge.webhooks import follow_entry
from sandbox.database import to_text
from tests.e2e.erp import SHIPPING_ITEM
from tests.e2e.shopify_erp import (
	ADJUSTMENT_ITEM,
	CUSTOM_ITEM,
	FEE_ITEM,
	INVOICES,
	PAYMENTS,
	REFUNDS,
	EmbeddedShopify,
	ShopifyErp,
)

#: Letters and digits: WooCommerce decodes entities in a secret.
SECRET = "e2eSecretOfTheWooCommerceRun2026"
DONE = ("Succeeded", "Skipped")


@dataclass(frozen=True)
class Keys:
	"""What a merchant enters: where the shop is, its consumer key and secret, and the currency it sells in."""

	store_url: str
	key: str
	secret: str
	currency: str


@dataclass(frozen=True)
class Entry:
	"""A row of the Sync Log that waits, failed or is done."""

	topic: str
	state: str
	order_id: str
	message: str


class WooCommerceErp(ShopifyErp, Protocol):
	def connect(self, keys: Keys) -> None:
		"""Makes what a channel needs, and the channel, paused."""
		...

	def link_products(self, create: bool) -> None:
		"""Reads the shop's products; makes Items of them where none is found, if that is wanted."""
		...

	def taxes(self) -> dict[str, Decimal]:
		"""What the live Sales Orders say of taxes, by the shop's order."""
		...

	def add_price(self, sku: str, amount: Decimal) -> None:
		"""To an Item that has none."""
		...

	def delist(self, sku: str) -> None:
		"""As a person does with what the shop does not have any more."""
		...

	def item_codes(self, order_id: str) -> list[str]:
		"""The items of an order's live Sales Order, without shipping and fees."""
		...

	def entries(self) -> list[Entry]: ...

	def facts(self) -> dict[str, str]:
		"""What is shown of the shop on the channel's form."""
		...

	def poll(self) -> None:
		"""What runs each five minutes."""
		...

	def watch(self) -> None:
		"""What runs each hour: are the webhooks still there?"""
		...

	def close(self) -> None:
		"""Disables the channel: its webhooks are taken back."""
		...


def unfinished(entries: list[Entry], counts: Callable[[Entry], bool]) -> list[str]:
	"""What waits or failed of those that count."""
	return [
		f"{row.topic} {row.order_id} {row.state}: {row.message}"
		for row in entries
		if row.state not in DONE and counts(row)
	]


class EmbeddedWooCommerce(EmbeddedShopify):
	channel_name = "WooCommerce"
	secret = SECRET

	def __init__(self, folder: Path, port: int):
		super().__init__(folder, port)
		self._begun: datetime = self._clock()

	def connect(self, keys: Keys) -> None:
		self._places = {"Stores": ""}
		for code in (SHIPPING_ITEM, CUSTOM_ITEM, FEE_ITEM, ADJUSTMENT_ITEM):
			self._sandbox.make_item(code, is_stock_item=False)
		self._sandbox.make_warehouse("Stores")
		self._channel = Channel(
			name=self.channel_name,
			platform="woocommerce",
			status=ChannelStatus.PAUSED,
			company="Company",
			company_currency=self.currency,
			currency=keys.currency,
			store_url=keys.store_url,
			default_warehouse="Stores",
			default_country="DE",
			taxes=(TaxMap(title="VAT 7%", account="VAT 7"), TaxMap(title="*", account="VAT")),
			shipping=(ShippingMap(method="*", item=SHIPPING_ITEM),),
			fee_item=FEE_ITEM,
			line_items=LineItems(custom=CUSTOM_ITEM),
			stock=StockPolicy(first_push_confirmed=True),
			catalog=CatalogPolicy(push_prices=True, item_group="Products"),
			orders=OrderPolicy(send_local_changes=True),
			shipped=ShippedPolicy(whole="completed"),
			invoices=INVOICES,
			payments=PAYMENTS,
			refunds=REFUNDS,
		)
		self._credentials = Credentials(
			api_key=keys.key, api_secret=keys.secret, webhook_secrets=(self.secret,)
		)
		self._sandbox.state.save(self._channel, self._credentials)

	def link_products(self, create: bool) -> None:
		world = self._world()
		with world.erp.transaction():
			product_import.queue_import(world, self._channel, create=create, prices=True)

	def taxes(self) -> dict[str, Decimal]:
		return {row["external_id"]: Decimal(row["total_taxes"]) for row in self._live()}

	def add_price(self, sku: str, amount: Decimal) -> None:
		self.set_price(sku, amount)

	def delist(self, sku: str) -> None:
		self._sandbox.erp.publish(sku, "Delisted")

	def item_codes(self, order_id: str) -> list[str]:
		[name] = [row["name"] for row in self._live() if row["external_id"] == order_id]
		return [row["item_code"] for row in self._sandbox.erp.order_rows(name) if row["line_id"]]

	def entries(self) -> list[Entry]:
		return [
			Entry(row["topic"], row["state"], row["external_id"] or "", row["message"] or "")
			for row in self._sandbox.journal.entries()
		]

	def facts(self) -> dict[str, str]:
		return self._sandbox.state.get_facts(self.channel_name)

	def poll(self) -> None:
		world = self._world()
		connector = world.connect(self._channel, self._credentials)
		polling.poll(world, self._channel, connector, start=self._begun.isoformat())

	def hurry(self) -> None:
		"""What the shop told to come back later too."""
		super().hurry()
		with self._sandbox.database.transaction():
			self._sandbox.database.write(
				"update sync_log set due = ? where state = 'Retrying'", to_text(self._clock())
			)

	def watch(self) -> None:
		connector = self._world().connect(self._channel, self._credentials)
		if connector.webhooks_differ(self.webhook_url):
			self._follow()

	def close(self) -> None:
		self._channel = self._channel.model_copy(update={"status": ChannelStatus.DISABLED})
		self._sandbox.state.save(self._channel, self._credentials)
		self._follow()

	def _follow(self) -> None:
		with self._sandbox.erp.transaction():
			self._sandbox.journal.record([follow_entry(self.channel_name, self.webhook_url)])
