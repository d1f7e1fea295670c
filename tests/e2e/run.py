"""`make e2e`: a Vendure shop sells what ERPNext has, and everything is compared to the cent and to the piece.

With E2E_SHOP=shopify it is the simulated Shopify instead (`tests.e2e.shopify`), with E2E_SHOP=woocommerce a simulated or
a real WooCommerce (`tests.e2e.woocommerce`). The ERP is the embedded one, or with
E2E_ERP=site a real site (BENCH and SITE as for the site tests). Exit code: 0 where nothing deviates, 1 where something
does, 2 where this machine lacks what is needed.
"""

from __future__ import annotations

import os
import random
import shutil
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

from scripts.site_run import say
from tests.chaos.site import free_port
from tests.e2e.erp import EmbeddedErp, Erp
from tests.e2e.findings import WAIT_SECONDS, Findings
from tests.e2e.vendure import Vendure, install, node_problem

ORDERS, BUYERS, SEED = 20, 4, 20261121
WHOLE, PARTIAL, DELIVERED = 6, 3, 3
#: SKU → price and stock. Of the first there are few: buyers race for the last ones.
PRODUCTS = {
	"PHONE-A": ("199.99", 6),
	"CASE": ("9.95", 400),
	"CABLE-1M": ("4.35", 300),
	"CABLE-2M": ("6.37", 300),
}
FORGED = "whsec_c29tZWJvZHktZWxzZXMtc2VjcmV0"
COUPON, PERCENT = "TENTH", 10


class E2E(Findings):
	def __init__(self, erp: Erp, shop: Vendure, seed: int):
		super().__init__()
		self.erp, self.shop = erp, shop
		self.random = random.Random(seed)
		self.bought: list[str] = []
		self.refused = 0
		self.lock = threading.Lock()

	# --- the run

	def run(self) -> None:
		self.shop.use_currency(self.erp.currency)
		self.shop.add_coupon(COUPON, PERCENT)
		self._catalog()
		self._signatures()
		self._sales_with_an_outage()
		self._orders_equal("after the sale")
		self._shipments()
		self._cancellations()
		self._at_rest()

	def _catalog(self) -> None:
		prices = {sku: Decimal(price) for sku, (price, _) in PRODUCTS.items()}
		self.erp.open(self.shop.store_url, prices, {sku: stock for sku, (_, stock) in PRODUCTS.items()})
		shown = lambda field: {sku: row[field] for sku, row in self.shop.variants().items()}  # noqa: E731
		self.reach(
			"titles of ERPNext in the shop",
			{sku: self.erp.title(sku) for sku in PRODUCTS},
			lambda: shown("name"),
		)
		in_minor = {sku: int(price * 100) for sku, price in prices.items()}
		self.reach("prices of ERPNext in the shop", in_minor, lambda: shown("price"))
		stock = {sku: quantity for sku, (_, quantity) in PRODUCTS.items()}
		self.reach("stock of ERPNext in the shop", stock, self.shop.sellable)

	def _signatures(self) -> None:
		ping = {"type": "ping", "timestamp": "2026-11-21T00:00:00Z", "data": {}}
		answers = [self.shop.deliver(ping, secret) for secret in (self.erp.secret, FORGED)]
		self.find("a signed message, and a forged one", [200, 401], answers)

	def _sales_with_an_outage(self) -> None:
		"""Buyers at once; the ERP is gone from a third of the orders to two thirds of them."""
		with ThreadPoolExecutor(BUYERS) as buyers:
			work = [buyers.submit(self._buy, number) for number in range(ORDERS)]
			self._when(ORDERS // 3)
			self.erp.go_down()
			say("the ERP is down")
			self._when(2 * ORDERS // 3)
			waiting = self.shop.waiting()
			self.erp.come_back()
			say("the ERP is back")
			for each in work:
				each.result()
		self.find("orders bought over the shop API", ORDERS, len(self.bought))
		self.find("buyers came too late for the last pieces", True, self.refused > 0)
		self.find("events waited while the ERP was down", True, waiting > 0)

	def _when(self, orders: int) -> None:
		deadline = time.monotonic() + WAIT_SECONDS
		while len(self.bought) < orders and time.monotonic() < deadline:
			time.sleep(0.05)

	def _buy(self, number: int) -> None:
		"""One order; a basket that is not left any more is filled with something else."""
		baskets = [self._basket(number), {"CASE": 1 + number % 3, "CABLE-1M": 3}]
		coupon = COUPON if number % 3 == 0 else None
		for basket in baskets:
			order_id = self.shop.buy(basket, f"buyer-{number}@example.com", coupon)
			with self.lock:
				if order_id is None:
					self.refused += 1
					continue
				self.bought.append(order_id)
			return

	def _basket(self, number: int) -> dict[str, int]:
		if number % 2 == 0:
			return {"PHONE-A": 1, "CABLE-2M": 1 + number % 4}
		return {sku: 1 + (number + place) % 5 for place, sku in enumerate(("CASE", "CABLE-1M", "CABLE-2M"))}

	def _orders_equal(self, when: str) -> None:
		"""Each placed order of the shop is one Sales Order with the total the buyer paid; nothing else is."""
		totals = lambda: {  # noqa: E731
			order["id"]: [Decimal(order["totalWithTax"]).scaleb(-2)]
			for order in self.shop.orders().values()
			if order["state"] != "Cancelled"
		}
		expected = totals()
		self.reach(f"orders and their totals, {when}", expected, self.erp.totals)
		self.reach(f"pieces left, {when}", self.erp.available(), self.shop.sellable)

	# --- shipments

	def _shipments(self) -> None:
		discounted = sum(bool(order["discounts"]) for order in self.shop.orders().values())
		self.find("orders with a discount", len(range(0, ORDERS, 3)), discounted)
		orders = self.shop.orders()
		large = [key for key in self.bought if self._first_quantity(orders[key]) > 1]
		partly = large[:PARTIAL]
		whole = [key for key in self.bought if key not in partly][:WHOLE]
		notes = {key: self.erp.ship(key, None, "DHL", f"T-{key}") for key in whole}
		first = {key: self.erp.ship(key, 1, "UPS", f"P-{key}") for key in partly}
		expected = {key: ("Shipped", [("DHL", f"T-{key}")]) for key in whole}
		expected |= {key: ("PartiallyShipped", [("UPS", f"P-{key}")]) for key in partly}
		self.reach(
			"shipments with tracking, whole and in part", dict(expected), lambda: self._shipped(expected)
		)
		for key in partly:
			self.erp.ship(key, None, "UPS", f"R-{key}")
			expected[key] = ("Shipped", [("UPS", f"P-{key}"), ("UPS", f"R-{key}")])
		for key in whole[:DELIVERED]:
			self.erp.track(notes[key], "DHL", f"T-{key}", delivered=True)
			expected[key] = ("Delivered", [("DHL", f"T-{key}")])
		changed = whole[DELIVERED]
		self.erp.track(notes[changed], "FedEx", "NEW-1")
		expected[changed] = ("Shipped", [("FedEx", "NEW-1")])
		self.reach("the rest, a later tracking number, delivered", expected, lambda: self._shipped(expected))
		self.erp.cancel_shipment(first[partly[0]])
		self.reach(
			"a cancelled shipment is taken back",
			[("UPS", f"R-{partly[0]}")],
			lambda: self._parcels(partly[0]),
		)
		self._orders_equal("after shipping")

	def _first_quantity(self, order: dict[str, Any]) -> int:
		return order["lines"][0]["quantity"]

	def _shipped(self, keys: Any) -> dict[str, Any]:
		orders = self.shop.orders()
		return {key: (orders[key]["state"], _parcels(orders[key])) for key in keys}

	def _parcels(self, key: str) -> list[tuple[str, str]]:
		return _parcels(self.shop.orders()[key])

	# --- the end

	def _cancellations(self) -> None:
		paid = {key: order for key, order in self.shop.orders().items() if order["state"] == "PaymentSettled"}
		here, there, partly = list(paid)[:3]
		self.shop.cancel_line(partly, paid[partly]["lines"][-1]["id"], 1)
		self.shop.cancel(here)
		self.erp.cancel_order(there)
		self.reach(
			"an order cancelled in the shop, and one in ERPNext",
			(set(), ["Cancelled"] * 2),
			lambda: (
				{here, there} & self.erp.totals().keys(),
				[self.shop.orders()[key]["state"] for key in (here, there)],
			),
		)
		self.erp.move_stock("CASE", 25)
		self.erp.move_stock("CABLE-1M", -7)

	def _at_rest(self) -> None:
		self.reach("events that ERPNext has not acknowledged", 0, self.shop.waiting)
		self.reach("entries that wait or failed", [], self.erp.unfinished)
		self._orders_equal("at the end")
		self.erp.check_drift()
		self.reach("differences between shop and ERPNext found by the check", [], self.erp.drift)


def _parcels(order: dict[str, Any]) -> list[tuple[str, str]]:
	shipped = [row for row in order["fulfillments"] if row["state"] in ("Shipped", "Delivered")]
	return sorted((row["method"], row["trackingCode"]) for row in shipped)


def _erp(folder: Path) -> Erp | None:
	"""The ERP that E2E_ERP names; None where it is not there."""
	if os.environ.get("E2E_ERP", "sandbox") != "site":
		return EmbeddedErp(folder, free_port())
	from tests.e2e.site_erp import find_site_erp

	return find_site_erp(folder)


def main() -> int:
	folder = Path(tempfile.mkdtemp(prefix="e2e-"))
	started = time.monotonic()
	wanted = os.environ.get("E2E_SHOP", "vendure")
	if wanted == "shopify":
		from tests.e2e import shopify

		ended = shopify.run(folder)
	elif wanted == "woocommerce":
		from tests.e2e import woocommerce

		ended = woocommerce.run(folder)
	else:
		ended = _with_vendure(folder)
	if ended is None:
		return 2
	name, findings = ended
	findings.show(f"{name}, {time.monotonic() - started:.0f} s")
	say(f"e2e: {len(findings.rows)} findings, {len(findings.bad)} deviations")
	if findings.bad:
		say(f"logs and databases are kept in {folder}")
		return 1
	shutil.rmtree(folder)
	return 0


def _with_vendure(folder: Path) -> tuple[str, Findings] | None:
	"""Which shop and ERP, and what was found; None where this machine lacks something."""
	problem = node_problem()
	if problem:
		say(problem)
		return None
	install()
	erp = _erp(folder)
	if erp is None:
		return None
	run = E2E(erp, Vendure(free_port(), erp.webhook_url, erp.secret, folder), SEED)
	try:
		erp.start()
		run.shop.start()
		run.run()
	finally:
		run.shop.stop()
		erp.stop()
	return f"Vendure and ERPNext ({erp.name})", run


if __name__ == "__main__":
	sys.exit(main())
