"""`make chaos`: 500 orders over HTTP while workers are killed, Redis is emptied and MariaDB restarts.

	chaos.py [--orders 500] [--clients 16] [--kills 100] [--seed N]

Prints counts; exits with 1 on any deviation from the oracle, and if a planned fault did not happen.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from sandbox.storefronts.custom import CustomStorefront
from scripts.site_run import Bench, find_bench
from tests.chaos import check
from tests.chaos.history import Delivery, Expected, Shop
from tests.chaos.post import Clients
from tests.chaos.shop_setup import SECRET, ChaosShop, administrator, open_shop, take_roles
from tests.chaos.site import (
	Site,
	flush_redis,
	free_port,
	restart_mariadb,
	sweeper,
	wait_until_web,
	web_server,
	worker,
)

DUPLICATES = 0.10
DELIVERIES = 40
STOCK_MOVES = 30
REST_SECONDS = 900
SECONDS_BETWEEN_KILLS = (0.3, 2.0)


def say(text: str) -> None:
	print(text, flush=True)


class Chaos:
	def __init__(self, bench: Bench, options: argparse.Namespace):
		self.bench, self.options = bench, options
		self.random = random.Random(options.seed)
		self.log = Path(tempfile.mkdtemp(prefix="chaos-")) / "processes.log"
		self.site = Site(bench, free_port())
		self.web = web_server(bench, self.site.port, self._log("web"))
		self.workers = [worker(bench, number, self._log(f"worker-{number}")) for number in (1, 2)]
		self.sweeper = sweeper(bench, self._log("sweeper"))
		self.faults: dict[str, int] = {"kills": 0, "redis flushes": 0, "database restarts": 0, "outages": 0}
		self.problems: list[str] = []

	def _log(self, name: str) -> Path:
		file = self.log.parent / f"{name}.log"
		file.touch(mode=0o666)
		file.chmod(0o666)
		self.log.parent.chmod(0o777)
		return file

	# --- the run -----------------------------------------------------------------------------------------

	def run(self) -> int:
		"""Returns the exit code."""
		storefront = CustomStorefront()
		storefront.start()
		self.bench.must("set-config", "commerce_bridge_allow_loopback", "1", "--parse")
		self.web.start()
		try:
			wait_until_web(self.site)
			self._run_with(storefront)
		finally:
			for process in (*self.workers, self.sweeper, self.web):
				process.kill()
			storefront.stop()
		return self._report()

	def _run_with(self, storefront: CustomStorefront) -> None:
		run = f"{int(time.time()):x}"[-6:]
		user, password = administrator(self.site)
		self.site.login(user, password)
		take_roles(self.site, user)
		storefront.secrets = [SECRET]
		shop = open_shop(self.site, storefront.url, run)
		say(f"channel {shop.channel} on {self.bench.site}; process logs in {self.log.parent}")
		deliveries, expected = Shop(self.options.seed, shop.skus, run).histories(self.options.orders)
		self._orders_under_fire(shop, deliveries, expected)
		self._outbound_after_outage(shop, storefront, expected)

	def _orders_under_fire(
		self, shop: ChaosShop, deliveries: list[Delivery], expected: list[Expected]
	) -> None:
		shuffled = deliveries + self.random.sample(deliveries, round(len(deliveries) * DUPLICATES))
		self.random.shuffle(shuffled)
		clients = Clients(self.site.port, self.bench.site, shop.channel, shop.secret, self.options.clients)
		started = time.monotonic()
		for process in self.workers:
			process.start()
		# Orders come in for as long as there is killing: each kill is to hit somebody at work.
		pause = self.options.kills * sum(SECONDS_BETWEEN_KILLS) / 2 * clients.count / len(shuffled)
		clients.start(shuffled, pace=lambda: time.sleep(pause))
		self._rage(shop, clients)
		posted = clients.join()
		self._come_to_rest(shop)
		seconds = time.monotonic() - started
		events = len({delivery.webhook_id for delivery in deliveries})
		say(f"{len(shuffled)} deliveries of {events} events of {len(expected)} orders in {seconds:.0f} s")
		say(f"answers: {dict(sorted(posted.answers.items()))} (0: no answer)")
		if posted.given_up or len(posted.acknowledged) != events:
			self.problems.append(f"{len(posted.acknowledged)} of {events} events acknowledged")
		self.problems += check.logs_deviating(self.site, shop, len(posted.acknowledged))
		self.problems += check.orders_deviating(self.site, shop, expected)
		self.problems += check.customers_deviating(self.site, expected)

	# --- faults ------------------------------------------------------------------------------------------

	def _rage(self, shop: ChaosShop, clients: Clients) -> None:
		"""Kills until all kills are done, empties Redis and restarts MariaDB on the way."""
		kills = self.options.kills
		specials: dict[int, tuple[str, Callable[[], object]]] = {
			kills // 3: ("redis flushes", lambda: flush_redis(self.bench)),
			kills // 2: ("database restarts", lambda: restart_mariadb(self.bench)),
			2 * kills // 3: ("redis flushes", lambda: flush_redis(self.bench)),
		}
		while self.faults["kills"] < kills:
			self._keep_alive()
			time.sleep(self.random.uniform(*SECONDS_BETWEEN_KILLS))
			if self.faults["kills"] in specials:
				name, fault = specials.pop(self.faults["kills"])
				self.faults[name] += fault() is not False
			self._kill_one()
			self._age_leases(shop)
			if self.faults["kills"] % 20 == 0:
				say(f"{self.faults['kills']} kills; {check.unfinished(self.site, shop)} entries unfinished")

	def _kill_one(self) -> None:
		running = [process for process in (*self.workers, self.sweeper) if process.running]
		if running:
			self.random.choice(running).kill()
			self.faults["kills"] += 1

	def _keep_alive(self) -> None:
		for process in (*self.workers, self.sweeper):
			if not process.running:
				process.start()

	def _age_leases(self, shop: ChaosShop) -> None:
		"""Lets time pass for what waits: leases of the killed end, and of the living too, who must notice."""
		waiting = f"channel = '{shop.channel}' AND state IN ('Running', 'Retrying')"
		names = self.site.sql(f"SELECT name FROM `tabSync Log` WHERE {waiting}").split()
		# Row by row: one statement over all of them would be the victim of every deadlock.
		for name in names:
			self.site.sql(
				"UPDATE `tabSync Log` SET next_attempt_at = '2000-01-01', lease_expires_at = '2000-01-01' "
				f"WHERE name = '{name}' AND {waiting}"
			)

	def _come_to_rest(self, shop: ChaosShop) -> None:
		deadline = time.monotonic() + REST_SECONDS
		quiet = 0
		while quiet < 2:
			self._keep_alive()
			if self.random.random() < 0.1:
				self._age_leases(shop)
			time.sleep(2)
			quiet = quiet + 1 if check.unfinished(self.site, shop) == 0 else 0
			if time.monotonic() > deadline:
				self.problems.append(f"{check.unfinished(self.site, shop)} entries did not finish")
				return

	# --- outbound ----------------------------------------------------------------------------------------

	def _outbound_after_outage(
		self, shop: ChaosShop, storefront: CustomStorefront, expected: list[Expected]
	) -> None:
		for sku in shop.skus:
			storefront.add_product(sku)
		self.site.call(
			"POST",
			"/api/method/commerce_bridge.api.add_listings",
			{"channel": shop.channel, "items": shop.skus},
		)
		storefront.outage = True
		self.faults["outages"] += 1
		self.site.call(
			"POST",
			"/api/method/commerce_bridge.api.sync_stock_now",
			{"channel": shop.channel, "confirm_first_push": 1},
		)
		shipped = self._ship(shop, expected)
		self._move_stock(shop)
		while not storefront.requests_refused:
			self._keep_alive()
			time.sleep(0.5)
		storefront.outage = False
		self._end_waiting(shop)
		self._come_to_rest(shop)
		self.problems += [
			f"stock of {sku}: storefront shows {storefront.stock.get(sku)}, ERPNext has {quantity}"
			for sku, quantity in check.available(self.site, shop).items()
			if storefront.stock.get(sku) != quantity
		]
		arrived = {shipment["id"] for shipment in storefront.shipments.values()}
		self.problems += [f"Delivery Note {name} did not arrive" for name in shipped - arrived]
		self.problems += [f"shipment {name} nobody made" for name in arrived - shipped]
		say(f"{len(shipped)} Delivery Notes and {STOCK_MOVES} stock moves during an outage of the storefront")

	def _end_waiting(self, shop: ChaosShop) -> None:
		self._age_leases(shop)
		self.site.sql(
			"UPDATE `tabChannel State` SET circuit_opened_until = '2000-01-01', circuit_probing_since = NULL "
			f"WHERE channel = '{shop.channel}' AND circuit_opened_until IS NOT NULL"
		)

	def _ship(self, shop: ChaosShop, expected: list[Expected]) -> set[str]:
		wanted = [order.order_id for order in expected if order.quantities][:DELIVERIES]
		filters = [["cb_channel", "=", shop.channel], ["cb_external_id", "in", wanted], ["docstatus", "=", 1]]
		shipped = set()
		for row in self.site.rows("Sales Order", filters):
			note = self.site.call(
				"POST",
				"/api/method/erpnext.selling.doctype.sales_order.sales_order.make_delivery_note",
				{"source_name": row["name"]},
			)
			note |= {"docstatus": 1, "cb_carrier": "DHL Express", "cb_tracking_number": f"T-{row['name']}"}
			shipped.add(self.site.insert(note.pop("doctype"), **note)["name"])
		return shipped

	def _move_stock(self, shop: ChaosShop) -> None:
		for number in range(STOCK_MOVES):
			sku = shop.skus[number % len(shop.skus)]
			self.site.insert(
				"Stock Entry",
				stock_entry_type="Material Receipt",
				company=shop.company,
				docstatus=1,
				items=[{"item_code": sku, "qty": number + 1, "t_warehouse": shop.warehouse, "basic_rate": 5}],
			)

	# --- the end -----------------------------------------------------------------------------------------

	def _report(self) -> int:
		planned = {"kills": self.options.kills, "redis flushes": 2, "database restarts": 1, "outages": 1}
		self.problems += [
			f"planned fault did not happen: {self.faults[name]} of {count} {name}"
			for name, count in planned.items()
			if self.faults[name] < count
		]
		say("faults: " + ", ".join(f"{count} {name}" for name, count in self.faults.items()))
		for problem in self.problems[:50]:
			say(f"DEVIATION {problem}")
		say(f"chaos: {len(self.problems)} deviations")
		return 1 if self.problems else 0


def main() -> int:
	parser = argparse.ArgumentParser(
		description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
	)
	parser.add_argument("--orders", type=int, default=500)
	parser.add_argument("--clients", type=int, default=16)
	parser.add_argument("--kills", type=int, default=100)
	parser.add_argument("--seed", type=int, default=20261120)
	bench = find_bench()
	if bench is None:
		sys.exit("no bench found")
	return Chaos(bench, parser.parse_args()).run()
