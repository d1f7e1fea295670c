"""`make bench`: the budget table of the design, measured. Ratios are of one run, medians of at least 30 samples.

	bench.py [PART …]     engine, shopify, orders, money, workers, stock, webhooks, growth; all without an argument

With SITE and BENCH set (scripts/site_run.py does), it runs in the bench's Python on that site; without, the
engine and the simulated Shopify alone are measured. Exits with 1 where a limit is not met.
"""

from __future__ import annotations

import importlib
import os
import sys

from tests.benchmark.table import Row, show

ON_A_SITE = ("orders", "money", "workers", "stock", "webhooks", "growth")
PARTS = ("engine", "shopify", *ON_A_SITE)


def main() -> int:
	"""Returns the exit code."""
	wanted = sys.argv[1:] or PARTS
	unknown = set(wanted) - set(PARTS)
	if unknown:
		print(__doc__)
		return 2
	site = os.environ.get("SITE")
	if not site:
		print("no site: only the engine and the simulated Shopify are measured")
	rows: list[Row] = []
	for part in PARTS:
		if part in wanted and (site or part not in ON_A_SITE):
			print(f"measuring: {part} …", flush=True)
			rows += importlib.import_module(f"tests.benchmark.{part}").rows()
	show(rows)
	unmet = [row.what for row in rows if row.met is False]
	print(f"{len(unmet)} limits of {sum(row.met is not None for row in rows)} not met")
	return int(bool(unmet))
