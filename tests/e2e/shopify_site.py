"""A real site with a channel on the simulated Shopify: set up, worked and looked at by REST, as Desk does."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.e2e.shopify_erp import App
from tests.e2e.site_erp import SiteErp, prepared_bench


def find_site(folder: Path) -> SiteShopify | None:
	"""The site that BENCH and SITE name, with this checkout on it; None where there is none."""
	bench = prepared_bench()
	return SiteShopify(bench, folder) if bench else None


class SiteShopify(SiteErp):
	shop = "Shopify"

	@property
	def prefix(self) -> str:
		return f"E2E-{self._run}-"

	def prepare(self, app: App) -> None:
		company, run = self._company["name"], self._run
		warehouses = [
			self._insert("Warehouse", warehouse_name=f"E2E {run} {number}", company=company)
			for number in range(len(app.locations))
		]
		self._places = dict(zip(warehouses, app.locations, strict=True))
		self._prices = self._insert(
			"Price List", price_list_name=self._channel, selling=1, enabled=1, currency=self.currency
		)
		shipping, fee, custom, gift_card = (
			self._item(f"{self.prefix}{name}", name.title(), 0)
			for name in ("SHIPPING", "FEE", "CUSTOM", "GIFT CARD")
		)
		tax = [["company", "=", company], ["account_type", "=", "Tax"], ["is_group", "=", 0]]
		self._insert(
			"Channel Settings",
			channel_name=self._channel,
			platform="shopify",
			state="Paused",
			company=company,
			store_url=app.store_url,
			authentication="Client Credentials",
			api_key=app.api_key,
			api_secret=app.api_secret,
			integration_user=self._integration_user(),
			default_warehouse=warehouses[0],
			warehouses=[{"warehouse": name, "location_id": place} for name, place in self._places.items()],
			price_list=self._prices,
			currency=self.currency,
			customer_group=self._site.rows("Customer Group", [["is_group", "=", 0]])[0]["name"],
			territory=self._site.rows("Territory", [["is_group", "=", 0]])[0]["name"],
			default_country="Germany",
			order_docstatus="Submitted",
			taxes=[{"title": "*", "account": self._site.rows("Account", tax)[0]["name"]}],
			shipping_methods=[{"method": "*", "item": shipping}],
			fee_item=fee,
			custom_line_item=custom,
			gift_card_item=gift_card,
			new_item_group=self._site.rows("Item Group", [["is_group", "=", 0]])[0]["name"],
			send_local_changes=1,
			push_stock=1,
			push_prices=1,
			watch_stock=1,
			**self._books(),
		)

	def problems(self) -> list[str]:
		checks = self._call("test_connection", channel=self._channel)
		return [row["title"] for row in checks if not row["ok"] and row["severity"] == "error"]

	def activate(self) -> None:
		path = f"/api/resource/Channel Settings/{self._channel}".replace(" ", "%20")
		self._site.call("PUT", path, {"state": "Active"})

	def import_products(self) -> None:
		self._call("import_products", channel=self._channel, create=1, prices=1)

	def imported(self) -> str | None:
		health = self._call("channel_health", channel=self._channel)
		rows = [row for row in health["progress"] if row["kind"] == "Products"]
		return rows[0]["message"] if rows and rows[0]["finished"] else None

	def _listed(self) -> dict[str, str]:
		"""Item code → SKU."""
		rows = self._site.rows("Channel Listing", [["channel", "=", self._channel]], ("item_code", "sku"))
		return {row["item_code"]: row["sku"] for row in rows}

	def prices(self) -> dict[str, Decimal]:
		listed = self._listed()
		rows = self._price_rows()
		return {listed[row["item_code"]]: _cents(row["price_list_rate"]) for row in rows}

	def _price_rows(self, *filters: Any) -> list[dict[str, Any]]:
		wanted = [["price_list", "=", self._prices], *filters]
		return self._site.rows("Item Price", wanted, ("name", "item_code", "price_list_rate"))

	def set_price(self, sku: str, amount: Decimal) -> None:
		[row] = self._price_rows(["item_code", "=", sku])
		self._site.call(
			"PUT",
			f"/api/resource/Item Price/{row['name']}".replace(" ", "%20"),
			{"price_list_rate": str(amount)},
		)

	def receive(self, sku: str, place: int, quantity: int) -> None:
		row = {"item_code": sku, "qty": quantity, "t_warehouse": list(self._places)[place], "basic_rate": 5}
		self._insert(
			"Stock Entry",
			stock_entry_type="Material Receipt",
			company=self._company["name"],
			docstatus=1,
			items=[row],
		)

	def send_stock(self) -> None:
		self._call("sync_stock_now", channel=self._channel, confirm_first_push=1)

	def offered(self) -> dict[tuple[str, str], int]:
		listed = self._listed()
		filters = [["item_code", "in", list(listed)], ["warehouse", "in", list(self._places)]]
		rows = self._site.rows("Bin", filters, ("item_code", "warehouse", "actual_qty", "reserved_qty"))
		found = {(sku, place): 0 for sku in listed.values() for place in self._places.values()}
		for row in rows:
			key = listed[row["item_code"]], self._places[row["warehouse"]]
			found[key] = int(row["actual_qty"] - row["reserved_qty"])
		return found

	def make_item(self, sku: str) -> None:
		self._item(sku, sku, 1)

	def hurry(self) -> None:
		filters = [["channel", "=", self._channel], ["state", "in", ["Failed", "Retrying"]]]
		names = [row["name"] for row in self._site.rows("Sync Log", filters)]
		if names:
			self._call("retry", names=names)

	def drafts(self, order_id: str) -> list[str]:
		orders = self._site.rows(
			"Sales Order",
			[["cb_channel", "=", self._channel], ["cb_external_id", "=", order_id], ["docstatus", "=", 1]],
		)
		names = [row["name"] for row in orders]
		filters = [["against_sales_order", "in", names], ["docstatus", "=", 0]]
		rows = self._site.rows("Delivery Note Item", filters, ("parent",), "Delivery Note") if names else []
		return sorted({row["parent"] for row in rows})

	def submit(self, note: str) -> None:
		self._site.call("PUT", f"/api/resource/Delivery Note/{note}".replace(" ", "%20"), {"docstatus": 1})

	def note_places(self, note: str) -> list[str]:
		doc = self._site.call("GET", f"/api/resource/Delivery Note/{note}".replace(" ", "%20"))
		return sorted(
			{self._places[row["warehouse"]] for row in doc["items"] if row["warehouse"] in self._places}
		)


def _cents(value: Any) -> Decimal:
	return Decimal(str(value)).quantize(Decimal("0.01"))
