"""A real site with a channel on a WooCommerce shop: set up, worked and looked at by REST, as Desk does."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from urllib.parse import quote

from scripts.site_run import Bench
from tests.e2e.shopify_site import SiteShopify
from tests.e2e.site_erp import prepared_bench
from tests.e2e.woocommerce_erp import Entry, Keys


def find_site(folder: Path) -> SiteWooCommerce | None:
	"""The site that BENCH and SITE name, with this checkout on it; None where there is none."""
	bench = prepared_bench()
	return SiteWooCommerce(bench, folder) if bench else None


class SiteWooCommerce(SiteShopify):
	shop = "WooCommerce"

	def __init__(self, bench: Bench, folder: Path):
		super().__init__(bench, folder)
		self._host_name = bench.config.get("host_name")

	def start(self) -> None:
		"""Shops are told where to post by the site's own address: for the time of the run that is its door."""
		self._bench.must("set-config", "host_name", f"http://127.0.0.1:{self._port}")
		super().start()

	def stop(self) -> None:
		super().stop()
		self._bench.must("set-config", "host_name", self._host_name or f"http://{self._bench.site}")

	def connect(self, keys: Keys) -> None:
		company = self._company["name"]
		warehouse = self._insert("Warehouse", warehouse_name=f"E2E {self._run}", company=company)
		self._places = {warehouse: ""}
		self._prices = self._insert(
			"Price List", price_list_name=self._channel, selling=1, enabled=1, currency=keys.currency
		)
		self._make_rate(keys.currency)
		shipping, fee, custom = (
			self._item(f"{self.prefix}{name}", name.title(), 0) for name in ("SHIPPING", "FEE", "CUSTOM")
		)
		tax = [["company", "=", company], ["account_type", "=", "Tax"], ["is_group", "=", 0]]
		self._insert(
			"Channel Settings",
			channel_name=self._channel,
			platform="woocommerce",
			state="Paused",
			company=company,
			store_url=keys.store_url,
			api_key=keys.key,
			api_secret=keys.secret,
			integration_user=self._integration_user(),
			default_warehouse=warehouse,
			price_list=self._prices,
			currency=keys.currency,
			customer_group=self._site.rows("Customer Group", [["is_group", "=", 0]])[0]["name"],
			territory=self._site.rows("Territory", [["is_group", "=", 0]])[0]["name"],
			default_country="Germany",
			order_docstatus="Submitted",
			taxes=[{"title": "*", "account": self._site.rows("Account", tax)[0]["name"]}],
			shipping_methods=[{"method": "*", "item": shipping}],
			fee_item=fee,
			custom_line_item=custom,
			new_item_group=self._site.rows("Item Group", [["is_group", "=", 0]])[0]["name"],
			send_local_changes=1,
			push_stock=1,
			push_prices=1,
			**self._books(),
		)

	def _make_rate(self, currency: str) -> None:
		"""A shop may sell in another currency than the company's."""
		pair = {"from_currency": currency, "to_currency": self._company["default_currency"]}
		filters = [[field, "=", value] for field, value in pair.items()]
		if currency != pair["to_currency"] and not self._site.rows("Currency Exchange", filters):
			self._insert("Currency Exchange", date=date.today().isoformat(), exchange_rate=1.1, **pair)

	def link_products(self, create: bool) -> None:
		self._call("import_products", channel=self._channel, create=int(create), prices=1)

	def taxes(self) -> dict[str, Decimal]:
		filters = [["cb_channel", "=", self._channel], ["docstatus", "=", 1]]
		rows = self._site.rows("Sales Order", filters, ("cb_external_id", "total_taxes_and_charges"))
		return {
			row["cb_external_id"]: Decimal(str(row["total_taxes_and_charges"])).quantize(Decimal("0.01"))
			for row in rows
		}

	def add_price(self, sku: str, amount: Decimal) -> None:
		self._insert("Item Price", item_code=sku, price_list=self._prices, price_list_rate=str(amount))

	def delist(self, sku: str) -> None:
		rows = self._site.rows("Channel Listing", [["channel", "=", self._channel], ["sku", "=", sku]])
		if rows:
			self._call("set_publication", names=[row["name"] for row in rows], publication="Delisted")

	def item_codes(self, order_id: str) -> list[str]:
		doc = self._site.call("GET", f"/api/resource/{quote('Sales Order')}/{quote(self._name(order_id))}")
		return [row["item_code"] for row in doc["items"] if row.get("cb_line_id")]

	def entries(self) -> list[Entry]:
		rows = self._site.rows(
			"Sync Log",
			[["channel", "=", self._channel]],
			("topic", "state", "external_id", "message"),
		)
		return [
			Entry(row["topic"], row["state"], row["external_id"] or "", row["message"] or "") for row in rows
		]

	def facts(self) -> dict[str, str]:
		return dict(self._call("channel_health", channel=self._channel).get("facts") or {})

	def poll(self) -> None:
		self._bench.must(
			"execute",
			"commerce_bridge.erpnext.polling.poll_safely",
			"--kwargs",
			json.dumps({"name": self._channel}),
		)

	def watch(self) -> None:
		self._bench.must("execute", "commerce_bridge.tasks.check_webhooks")

	def close(self) -> None:
		path = f"/api/resource/{quote('Channel Settings')}/{quote(self._channel)}"
		self._site.call("PUT", path, {"state": "Disabled"})
