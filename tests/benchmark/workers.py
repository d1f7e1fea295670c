"""Orders a second with two worker processes against one, each order's number taken in a short transaction."""

from __future__ import annotations

import subprocess
import sys
import time
from statistics import median

import frappe

from commerce_bridge.bridge.worker import run_once
from tests.benchmark.shop import Shop, connect, open_shop
from tests.benchmark.table import SAMPLES, Row, at_least

#: Of each worker in a round; enough that the end, where one may be idle, weighs little.
ORDERS = 10


def rows() -> list[Row]:
	shop = open_shop(own_numbering=True)
	workers = [Worker() for _ in range(2)]
	try:
		for _ in range(2):
			_round(shop, workers)
		rates: tuple[list[float], list[float]] = ([], [])
		for _ in range(SAMPLES):
			rates[0].append(_round(shop, workers[:1]))
			rates[1].append(_round(shop, workers))
	finally:
		for worker in workers:
			worker.stop()
	one, two = map(median, rates)
	detail = f" ({two:.1f}/s : {one:.1f}/s)"
	return [at_least("orders/s, 2 worker processes : 1", two / one, 1.6, " x", detail)]


class Worker:
	"""A process that works until nothing is due whenever it is told to."""

	def __init__(self) -> None:
		self.process = subprocess.Popen(
			[sys.executable, "-m", "tests.benchmark.workers"],
			stdin=subprocess.PIPE,
			stdout=subprocess.PIPE,
			stderr=subprocess.DEVNULL,
			text=True,
		)
		self.answer()

	def go(self) -> None:
		self.process.stdin.write("go\n")
		self.process.stdin.flush()

	def answer(self) -> tuple[int, float]:
		"""How many entries it worked on since `go`, and when the last one was done."""
		while line := self.process.stdout.readline():
			if line.startswith("done "):
				_, count, end = line.split()
				return int(count), float(end)
		raise RuntimeError("a worker process ended")

	def stop(self) -> None:
		self.process.stdin.close()
		self.process.wait()


def _round(shop: Shop, workers: list[Worker]) -> float:
	"""Orders a second of one round, from the start to the end of the last order."""
	logs = [shop.record(shop.order(number)) for number in range(ORDERS * len(workers))]
	begin = time.monotonic()
	for worker in workers:
		worker.go()
	answers = [worker.answer() for worker in workers]
	frappe.db.rollback()
	for log in logs:
		shop.succeeded(log)
	return sum(count for count, _ in answers) / (max(end for _, end in answers) - begin)


def work() -> None:
	"""The process: one line in, all due work, one line out."""
	from commerce_bridge.erpnext import site

	connect()
	world = site.world()
	print("done 0 0", flush=True)
	for _ in sys.stdin:
		count, end = 0, 0.0
		while run_once(world):
			count, end = count + 1, time.monotonic()
		print(f"done {count} {end}", flush=True)


if __name__ == "__main__":
	work()
