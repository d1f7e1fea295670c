"""`make walk`: a random walk of stock documents on a real site, with a storefront that fails a third of the time.

	walk.py [--documents 1000] [--seed N]

Ends with every listing of two channels compared with a computation from vouchers and ledgers. Prints the seed,
what was done and every deviation; exits with 1 on any. Use a disposable site.
"""

from __future__ import annotations

import argparse
import os
import random
import secrets
import sys
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import frappe

from commerce_bridge.bridge import feeds
from commerce_bridge.bridge.clock import utc_now
from commerce_bridge.bridge.worker import run_once
from commerce_bridge.bridge.world import World
from commerce_bridge.connectors import build
from commerce_bridge.erpnext import site
from tests.benchmark.shop import connect
from tests.walk import direct, documents, masters
from tests.walk.documents import Walker
from tests.walk.ledger import expected
from tests.walk.shop import FailingShop

STEPS = {**documents.STEPS, **direct.STEPS}
SECRET = "whsec_" + "d2Fsay1zZWNyZXQtb2YtdGhlLXdhbGstc2hvcA=="
#: Longer than any pause between two tries.
PAUSE = timedelta(hours=8)


@dataclass
class Clock:
	"""The time of the workers: runs ahead, so that what waits for its next try is due."""

	ahead: timedelta = timedelta()

	def now(self) -> datetime:
		return utc_now() + self.ahead


@dataclass
class Walk:
	"""The site, its two shops, and the workers."""

	walker: Walker
	chance: random.Random
	clock: Clock
	shops: dict[str, FailingShop]
	done: Counter[str] = field(default_factory=Counter)
	refused: Counter[str] = field(default_factory=Counter)
	reasons: dict[str, str] = field(default_factory=dict)  # step → why it was refused the last time

	def world(self) -> World:
		here = site.world()
		return World(
			erp=here.erp,
			journal=here.journal,
			state=here.state,
			connect=lambda channel, credentials, unit="": build(
				channel,
				credentials,
				replace(site.surroundings(unit, self.shops[channel.name]), now=self.clock.now),
			),
			now=self.clock.now,
			uniform=self.chance.uniform,
		)

	def step(self) -> None:
		"""One document, or what ERPNext refused of it."""
		frappe.local.request_cache.clear()  # each document is a request of its own
		[make] = self.chance.choices(list(STEPS), weights=list(STEPS.values()))
		try:
			line = make(self.walker)
		except (frappe.ValidationError, frappe.DoesNotExistError) as error:
			frappe.db.rollback()
			frappe.clear_messages()
			self.refused[make.__name__] += 1
			self.reasons[make.__name__] = str(error)
			return
		frappe.db.commit()
		if line:
			self.done[make.__name__] += 1

	def show_everything(self) -> None:
		"""The first push of a channel sends every level, those that are 0 too."""
		here = self.world()
		with here.erp.transaction():
			for name in self.shops:
				feeds.queue_resync(here, here.state.channel(name), feeds.STOCK)

	def work(self, most: int) -> int:
		"""Some units of work."""
		here = self.world()
		site.collect(here)
		done = 0
		while done < most and run_once(here):
			done += 1
		return done

	def settle(self) -> None:
		"""Works until nothing waits any more; the storefront has recovered."""
		for shop in self.shops.values():
			shop.failing = False
		for _again in range(200):
			self.work(10_000)
			self.clock.ahead += PAUSE
			waiting = frappe.db.count("Sync Log", {"state": ("in", ("Queued", "Running", "Retrying"))})
			if not waiting:
				return
		raise SystemExit(f"{waiting} entries still wait")

	def retry_failed(self) -> Counter[str]:
		"""What a person does in the end with what was given up."""
		from commerce_bridge.erpnext import operations

		failed = frappe.get_all("Sync Log", {"state": "Failed"}, ["name", "topic", "message"])
		operations.requeue([row.name for row in failed], ("Failed",))
		frappe.db.commit()
		return Counter(f"{row.topic}: {row.message}" for row in failed)

	def deviations(self) -> list[str]:
		"""Every listing that shows another number than the ledger says."""
		found = []
		for (channel, sku, location), quantity in expected(self.shops).items():
			shown = self.shops[channel].levels.get((sku, location))
			if shown != quantity:
				found.append(f"{channel} {sku} {location or '-'}: shop {shown}, ledger {quantity}")
		return found


def open_walk(seed: int) -> Walk:
	"""The masters of the walk, on the connected site, with nothing pushed yet."""
	chance = random.Random(seed)
	walker = masters.make(chance, SECRET)
	shops = {
		name: FailingShop(random.Random(seed + number)) for number, name in enumerate(masters.CHANNELS, 1)
	}
	walk = Walk(walker, chance, Clock(), shops)
	walk.show_everything()
	return walk


def main() -> int:
	"""Returns the exit code."""
	parser = argparse.ArgumentParser(description=__doc__)
	parser.add_argument("--documents", type=int, default=1000)
	parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
	arguments = parser.parse_args()
	connect()
	print(f"seed {arguments.seed}, {arguments.documents} documents on {os.environ['SITE']}", flush=True)
	walk = open_walk(arguments.seed)
	while walk.done.total() < arguments.documents:
		walk.step()
		if walk.chance.random() < 0.3:
			walk.work(walk.chance.randint(1, 3))
			walk.clock.ahead += timedelta(seconds=walk.chance.choice((0, 1, 30, 600)))
		if walk.done.total() % 100 == 0:
			print(f"  {walk.done.total()} documents", flush=True)
	walk.settle()
	retried = walk.retry_failed()
	walk.settle()
	return report(walk, retried)


def report(walk: Walk, retried: Counter[str]) -> int:
	print("made:    " + ", ".join(f"{name} {count}" for name, count in sorted(walk.done.items())))
	print("refused: " + ", ".join(f"{name} {count}" for name, count in sorted(walk.refused.items())))
	for name, shop in walk.shops.items():
		print(f"{name}: {shop.calls} calls, {shop.failures.total()} failed {dict(shop.failures)}")
	print(f"retried by hand: {retried.total()}")
	for message, count in retried.most_common(5):
		print(f"  {count} {message}")
	deviations = walk.deviations()
	total = len(expected(walk.shops))
	print(f"{total} listings and locations compared, {len(deviations)} deviations")
	for line in deviations:
		print("  " + line)
	unused = [step.__name__ for step in STEPS if not walk.done[step.__name__]]
	if unused:
		print("never done: " + "; ".join(f"{name} ({walk.reasons.get(name)})" for name in unused))
	return int(bool(deviations or unused))


if __name__ == "__main__":
	sys.exit(main())
