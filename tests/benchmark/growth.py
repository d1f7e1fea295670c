"""Whether an order costs the same on a site with years of history: 1 M Sync Log rows, 100 k listings.

Two sets of the app's own tables take turns, a few units of work each: as they are, and grown. The grown ones
are dropped in the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median

import frappe

from commerce_bridge.bridge import receive
from commerce_bridge.erpnext import inbox
from tests.benchmark.shop import CHANNEL, Shop, open_shop
from tests.benchmark.table import SAMPLES, Row, at_most, timed

LOGS, LISTINGS = 1_000_000, 100_000
TABLES = ("tabSync Log", "tabSync Attempt", "tabChannel Record", "tabChannel Listing")
#: Samples of each kind between two changes of tables, after one that warms up.
IN_TURN = 3
CHUNK = 100_000


def rows() -> list[Row]:
	shop = open_shop()
	with grown() as swap:
		small, large = _samples(shop, swap)
	return [
		at_most(
			f"{title}: 1 M logs, 100 k listings : empty",
			median(large[title]) / median(small[title]),
			1.1,
			" x",
			f" ({median(large[title]) * 1000:.1f} ms : {median(small[title]) * 1000:.1f} ms)",
		)
		for title in small
	]


def _samples(shop: Shop, swap: Callable[[], None]) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
	samples: tuple[dict[str, list[float]], dict[str, list[float]]] = ({}, {})
	for turn in range(2 * SAMPLES // IN_TURN):
		for sample in range(IN_TURN + 1):
			for title, seconds in _unit(shop).items():
				if sample:
					samples[turn % 2].setdefault(title, []).append(seconds)
		swap()
	return samples


def _unit(shop: Shop) -> dict[str, float]:
	"""Seconds of one webhook, of the claim, and of the whole order.

	The first two are the best of three: they take milliseconds, which any other process would double.
	"""
	inserted = min(timed(lambda: _webhook(shop)) for _ in range(IN_TURN))
	claimed = min(timed(lambda: _claim_and_return(shop)) for _ in range(IN_TURN))
	worked = timed(shop.work)
	for _ in range(IN_TURN - 1):
		shop.work()
	return {"order": worked, "  claim": claimed, "  webhook": inserted}


def _webhook(shop: Shop) -> None:
	"""What becomes of a webhook behind the web server: verified, identified, inserted, committed."""
	world, request = shop.world, shop.request(shop.order())
	answer = receive.receive(
		shop.connector(), shop.channel, request, world.journal, inbox.short_transaction, world.now()
	)
	if answer.status != 200:
		raise RuntimeError(f"not accepted: {answer}")


def _claim_and_return(shop: Shop) -> None:
	entry = shop.world.journal.claim(shop.world.now(), shop.world.lease)
	if entry is None:
		raise RuntimeError("nothing was due")
	shop.world.journal.postpone(entry, shop.world.now())


# --- the grown tables ------------------------------------------------------------------------------------


@contextmanager
def grown() -> Iterator[Callable[[], None]]:
	"""Grown copies of the tables; yields what puts them in the place of the real ones, and back."""
	turned = False

	def swap() -> None:
		nonlocal turned
		turned = not turned
		frappe.db.rollback()
		pairs = (
			f"`{name}` TO `{name} turn`, `{name} grown` TO `{name}`, `{name} turn` TO `{name} grown`"
			for name in TABLES
		)
		frappe.db.sql_ddl(f"RENAME TABLE {', '.join(pairs)}")

	_drop()
	try:
		_grow()
		yield swap
	finally:
		if turned:
			swap()
		_drop()


def _drop() -> None:
	frappe.db.rollback()
	for name in TABLES:
		frappe.db.sql_ddl(f"DROP TABLE IF EXISTS `{name} grown`")


def _grow() -> None:
	for name in TABLES:
		frappe.db.sql_ddl(f"CREATE TABLE `{name} grown` LIKE `{name}`")
		frappe.db.sql(f"INSERT INTO `{name} grown` SELECT * FROM `{name}`")
	for statement, count in STATEMENTS:
		for start in range(0, count, CHUNK):
			frappe.db.sql(statement, {"channel": CHANNEL, "start": start, "end": start + CHUNK - 1})
			frappe.db.commit()
	for name in TABLES:
		frappe.db.sql_ddl(f"ANALYZE TABLE `{name} grown`")


STANDARD = "NOW(6) - INTERVAL MOD(seq, 180) DAY, NOW(6) - INTERVAL MOD(seq, 180) DAY, 'Administrator', 'Administrator'"
#: Finished work of half a year, its payload expired; seq_0_to_N is MariaDB's Sequence engine.
STATEMENTS = (
	(
		f"""INSERT INTO `tabSync Log grown` (name, creation, modified, owner, modified_by, direction, channel, topic,
			state, dedupe_key, external_id, external_number, message, attempt_count, reference_doctype, reference_name)
		SELECT CONCAT('grown', seq), {STANDARD}, 'Inbound', %(channel)s, 'order.upserted',
			ELT(1 + MOD(seq, 20) DIV 18, 'Succeeded', 'Failed'), SHA2(seq, 256), CONCAT('old-', seq),
			CONCAT('OLD-', seq), 'Sales Order made', 1, 'Sales Order', CONCAT('SAL-ORD-OLD-', seq)
		FROM seq_0_to_{LOGS} WHERE seq BETWEEN %(start)s AND %(end)s""",
		LOGS,
	),
	(
		f"""INSERT INTO `tabSync Attempt grown` (name, creation, modified, owner, modified_by, parent, parenttype,
			parentfield, idx, outcome) SELECT CONCAT('grown', seq), {STANDARD}, CONCAT('grown', seq), 'Sync Log',
			'attempts', 1, 'Succeeded' FROM seq_0_to_{LOGS} WHERE seq BETWEEN %(start)s AND %(end)s""",
		LOGS,
	),
	(
		f"""INSERT INTO `tabChannel Record grown` (name, creation, modified, owner, modified_by, channel, record_type,
			external_id, document_type, document_name, version) SELECT SHA2(seq, 256), {STANDARD}, %(channel)s, 'Order',
			CONCAT('old-', seq), 'Sales Order', CONCAT('SAL-ORD-OLD-', seq), 1
		FROM seq_0_to_{LOGS} WHERE seq BETWEEN %(start)s AND %(end)s""",
		LOGS,
	),
	(
		f"""INSERT INTO `tabChannel Listing grown` (name, creation, modified, owner, modified_by, channel, item_code,
			sku, listing_key, publication) SELECT CONCAT('grown', seq), {STANDARD}, %(channel)s,
			CONCAT('CB-BENCH-OLD-', seq), CONCAT('CB-BENCH-OLD-', seq), SHA2(seq, 256), 'Published'
		FROM seq_0_to_{LISTINGS} WHERE seq BETWEEN %(start)s AND %(end)s""",
		LISTINGS,
	),
)
