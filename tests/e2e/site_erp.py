"""A real site for the run: its web server and a worker as processes, everything else by REST, as Desk does."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sandbox.local_server import LocalServer
from scripts.site_run import Bench, find_bench, prepare
from tests.chaos.shop_setup import administrator, take_roles
from tests.chaos.site import Site, free_port, sweeper, wait_until_web, web_server, worker
from tests.e2e.erp import SECRET

SWEEP_SECONDS = 3
WEBHOOK = "/api/method/commerce_bridge.api.webhook"
MAKE_NOTE = "/api/method/erpnext.selling.doctype.sales_order.sales_order.make_delivery_note"
INTEGRATION = "e2e-integration@example.com"


def find_site_erp(folder: Path) -> SiteErp | None:
	"""The site that BENCH and SITE name, with this checkout on it; None where there is none."""
	bench = prepared_bench()
	return SiteErp(bench, folder) if bench else None


def prepared_bench() -> Bench | None:
	bench = find_bench()
	if bench:
		prepare(bench)
	return bench


class SiteErp:
	"""A site with a channel of this run's own. The shop reaches it by a door that can be closed."""

	secret = SECRET
	shop = "Vendure"

	def __init__(self, bench: Bench, folder: Path):
		self.name = bench.site
		self._bench, self._folder = bench, folder
		folder.chmod(0o755)
		self._site = Site(bench, free_port())
		self._guest = Site(bench, self._site.port)
		self._processes = [
			web_server(bench, self._site.port, self._log("web")),
			worker(bench, 1, self._log("worker")),
		]
		self._sweeper = sweeper(bench, self._log("sweeper"))
		self._stopped = threading.Event()
		self._sweeping = threading.Thread(target=self._sweep, daemon=True)
		self._run = f"{int(time.time()):x}"[-6:]
		self._channel = f"{self.shop} {self._run}"
		self._door: LocalServer | None = None
		self._port = free_port()
		self.webhook_url = f"http://127.0.0.1:{self._port}{WEBHOOK}?channel={quote(self._channel)}"
		self._items: dict[str, str] = {}  # SKU → item code
		self._company: dict[str, Any] = {}
		self.currency = ""

	def _log(self, name: str) -> Path:
		file = self._folder / f"{name}.log"
		file.touch(mode=0o666)
		file.chmod(0o666)
		return file

	# --- processes

	def start(self) -> None:
		self._bench.must("set-config", "commerce_bridge_allow_loopback", "1", "--parse")
		for process in self._processes:
			process.start()
		self._sweeping.start()
		wait_until_web(self._site)
		user, password = administrator(self._site)
		self._site.login(user, password)
		take_roles(self._site, user)
		self._company = self._site.rows("Company", fields=("name", "abbr", "default_currency"))[0]
		self.currency = self._company["default_currency"]
		self.come_back()

	def _sweep(self) -> None:
		"""The scheduler does this each minute; here nobody waits so long."""
		while not self._stopped.wait(SWEEP_SECONDS):
			if not self._sweeper.running:
				self._sweeper.start()

	def stop(self) -> None:
		self._stopped.set()
		self.go_down()
		if self._sweeping.ident:
			self._sweeping.join()
		for process in (self._sweeper, *self._processes):
			process.kill()

	def go_down(self) -> None:
		if self._door is not None:
			self._door.__exit__()
			self._door = None

	def come_back(self) -> None:
		self._door = LocalServer(self._forward, self._port)
		self._door.__enter__()

	def _forward(
		self, method: str, target: str, headers: Mapping[str, str], body: bytes
	) -> tuple[int, Mapping[str, str], bytes]:
		"""What a web server before the site does: it names the site."""
		kept = {
			name: value
			for name, value in headers.items()
			if name.startswith(("webhook-", "x-shopify-", "x-wc-", "content-type"))
		}
		status, answer = self._guest.send(method, target, body, kept)
		return status or 502, {"content-type": "application/json"}, answer

	# --- what an administrator sets up

	@property
	def _warehouse(self) -> str:
		return f"Stores - {self._company['abbr']}"

	def open(self, store_url: str, products: Mapping[str, Decimal], quantities: Mapping[str, int]) -> None:
		prices = self._insert(
			"Price List", price_list_name=self._channel, selling=1, enabled=1, currency=self.currency
		)
		for sku, amount in products.items():
			self._items[sku] = self._item(f"E2E-{self._run}-{sku}", self.title(sku), 1)
			self._insert(
				"Item Price", item_code=self._items[sku], price_list=prices, price_list_rate=str(amount)
			)
			self.move_stock(sku, quantities[sku])
		self._open_channel(store_url, prices)
		for sku, item in self._items.items():
			self._insert("Channel Listing", channel=self._channel, item_code=item, sku=sku)
		self._call("sync_stock_now", channel=self._channel, confirm_first_push=1)
		self._call("send_products_now", channel=self._channel)
		self._call("send_prices_now", channel=self._channel)

	def _open_channel(self, store_url: str, prices: str) -> None:
		tax = [["company", "=", self._company["name"]], ["account_type", "=", "Tax"], ["is_group", "=", 0]]
		service = self._item(f"E2E-{self._run}-SHIPPING", "Shipping", 0)
		self._insert(
			"Channel Settings",
			channel_name=self._channel,
			platform="custom",
			state="Active",
			company=self._company["name"],
			store_url=store_url,
			webhook_secret=SECRET,
			integration_user=self._integration_user(),
			default_warehouse=self._warehouse,
			price_list=prices,
			currency=self.currency,
			customer_group=self._site.rows("Customer Group", [["is_group", "=", 0]])[0]["name"],
			territory=self._site.rows("Territory", [["is_group", "=", 0]])[0]["name"],
			default_country="Germany",
			order_docstatus="Submitted",
			taxes=[{"title": "*", "account": self._site.rows("Account", tax)[0]["name"]}],
			shipping_methods=[{"method": "*", "item": service}],
			fee_item=service,
			send_local_changes=1,
			push_stock=1,
			push_listings=1,
			push_prices=1,
		)

	def _integration_user(self) -> str:
		if not self._site.exists("User", INTEGRATION):
			roles = [{"role": "Commerce Bridge Integration"}]
			self._insert("User", email=INTEGRATION, first_name="E2E", send_welcome_email=0, roles=roles)
		return INTEGRATION

	def _item(self, code: str, title: str, is_stock_item: int) -> str:
		group = self._site.rows("Item Group", [["is_group", "=", 0]])[0]["name"]
		return self._insert(
			"Item",
			item_code=code,
			item_name=title,
			item_group=group,
			stock_uom="Nos",
			is_stock_item=is_stock_item,
		)

	def _insert(self, doctype: str, **values: Any) -> str:
		return self._site.insert(doctype, **values)["name"]

	def _call(self, method: str, **arguments: Any) -> Any:
		return self._site.call("POST", f"/api/method/commerce_bridge.api.{method}", arguments)

	def title(self, sku: str) -> str:
		return f"{sku} as ERPNext calls it"

	# --- what people do and see

	def _live(self) -> list[dict[str, Any]]:
		filters = [["cb_channel", "=", self._channel], ["docstatus", "=", 1]]
		return self._site.rows("Sales Order", filters, ("name", "cb_external_id", "grand_total"))

	def _name(self, order_id: str) -> str:
		[name] = [row["name"] for row in self._live() if row["cb_external_id"] == order_id]
		return name

	def totals(self) -> dict[str, list[Decimal]]:
		found: dict[str, list[Decimal]] = {}
		for row in self._live():
			total = Decimal(str(row["grand_total"])).quantize(Decimal("0.01"))
			found.setdefault(row["cb_external_id"], []).append(total)
		return found

	def available(self) -> dict[str, int]:
		filters = [["item_code", "in", list(self._items.values())], ["warehouse", "=", self._warehouse]]
		rows = self._site.rows("Bin", filters, ("item_code", "actual_qty", "reserved_qty"))
		left = {row["item_code"]: int(row["actual_qty"] - row["reserved_qty"]) for row in rows}
		return {sku: left[item] for sku, item in self._items.items()}

	def ship(self, order_id: str, most: int | None, carrier: str, number: str) -> str:
		note = self._site.call("POST", MAKE_NOTE, {"source_name": self._name(order_id)})
		if most is not None:
			note["items"] = note["items"][:1]
			note["items"][0]["qty"] = most
		note |= {"docstatus": 1, "cb_carrier": carrier, "cb_tracking_number": number}
		return self._site.insert(note.pop("doctype"), **note)["name"]

	def track(self, shipment: str, carrier: str, number: str, delivered: bool = False) -> None:
		status = "Delivered" if delivered else ""
		values = {"cb_carrier": carrier, "cb_tracking_number": number, "cb_delivery_status": status}
		self._site.call("PUT", f"/api/resource/Delivery Note/{shipment}".replace(" ", "%20"), values)

	def cancel_shipment(self, shipment: str) -> None:
		filters = [["delivery_note", "=", shipment], ["docstatus", "=", 1]]
		rows = self._site.rows("Sales Invoice Item", filters, ("parent",), "Sales Invoice")
		for name in sorted({row["parent"] for row in rows}):
			self._cancel("Sales Invoice", name)
		self._cancel("Delivery Note", shipment)

	def cancel_order(self, order_id: str) -> None:
		self._cancel("Sales Order", self._name(order_id))

	def money(self) -> dict[str, Decimal]:
		rows = self._of_channel("Payment Entry", "cb_amount", "payment_type")
		return _sums((row["cb_external_id"], row["cb_amount"], row["payment_type"] == "Pay") for row in rows)

	def billed(self) -> dict[str, Decimal]:
		"""ERPNext keeps the amounts of credit notes below 0."""
		rows = self._of_channel("Sales Invoice", "grand_total")
		return _sums((row["cb_external_id"], row["grand_total"], False) for row in rows)

	def _of_channel(self, doctype: str, *fields: str) -> list[dict[str, Any]]:
		filters = [["cb_channel", "=", self._channel], ["docstatus", "=", 1]]
		return self._site.rows(doctype, filters, ("cb_external_id", *fields))

	def _books(self) -> dict[str, Any]:
		"""What a channel needs to bill each delivery, and to book its money and what was given back."""
		company = self._company["name"]
		bank = [["company", "=", company], ["account_type", "in", ["Bank", "Cash"]], ["is_group", "=", 0]]
		bank.append(["account_currency", "=", self._company["default_currency"]])
		mode = self._insert("Mode of Payment", mode_of_payment=self._channel, type="Bank", enabled=1)
		row = {
			"gateway": "*",
			"book": "On Capture",
			"mode_of_payment": mode,
			"account": self._site.rows("Account", bank)[0]["name"],
		}
		return {
			"invoice_when": "When Delivered",
			"payment_map": [row],
			"credit_notes": 1,
			"adjustment_item": self._item(f"E2E-{self._run}-ADJUSTMENT", "Adjustment", 0),
			"returns": "Submitted",
		}

	def _cancel(self, doctype: str, name: str) -> None:
		self._site.call("POST", "/api/method/frappe.client.cancel", {"doctype": doctype, "name": name})

	def move_stock(self, sku: str, quantity: int) -> None:
		place = "t_warehouse" if quantity > 0 else "s_warehouse"
		row = {"item_code": self._items[sku], "qty": abs(quantity), place: self._warehouse, "basic_rate": 5}
		self._insert(
			"Stock Entry",
			stock_entry_type="Material Receipt" if quantity > 0 else "Material Issue",
			company=self._company["name"],
			docstatus=1,
			items=[row],
		)

	def unfinished(self) -> list[str]:
		filters = [["channel", "=", self._channel], ["state", "not in", ["Succeeded", "Skipped"]]]
		rows = self._site.rows("Sync Log", filters, ("topic", "state", "message"))
		return [f"{row['topic']} {row['state']}: {row['message']}" for row in rows]

	def check_drift(self) -> None:
		self._call("check_stock_in_shop", channel=self._channel)

	def drift(self) -> list[str] | None:
		filters = [["channel", "=", self._channel], ["finished", "is", "set"]]
		if not self._site.rows("Drift Check", filters):
			return None
		rows = self._site.rows(
			"Stock Drift", [["channel", "=", self._channel]], ("sku", "shown", "available")
		)
		return [f"{row['sku']}: shown {row['shown']}, available {row['available']}" for row in rows]


def _sums(rows: Iterable[tuple[str, Any, bool]]) -> dict[str, Decimal]:
	"""Amounts by order; those that are gone are taken off."""
	found: dict[str, Decimal] = {}
	for order_id, value, gone in rows:
		amount = Decimal(str(value)).quantize(Decimal("0.01"))
		found[order_id] = found.get(order_id, Decimal(0)) + (-amount if gone else amount)
	return found
