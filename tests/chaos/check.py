"""What must hold when everything has come to rest. Reads ERPNext by REST, compares with the oracle."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

from tests.chaos.history import Expected
from tests.chaos.shop_setup import ChaosShop
from tests.chaos.site import Site


def in_cents(amount: Any) -> int:
	return round(float(amount) * 100)


def orders_deviating(site: Site, shop: ChaosShop, expected: Iterable[Expected]) -> list[str]:
	"""One line for each order that is lost, doubled or unequal."""
	live = defaultdict(list)
	fields = ("name", "docstatus", "cb_external_id", "grand_total", "total_taxes_and_charges", "customer")
	for row in site.rows("Sales Order", [["cb_channel", "=", shop.channel], ["docstatus", "<", 2]], fields):
		live[row["cb_external_id"]].append(row)
	quantities = _quantities(site, shop)
	problems = []
	for order in expected:
		found = live.pop(order.order_id, [])
		problems += [f"{order.order_id}: {text}" for text in _compare(order, found, quantities)]
	problems += [f"{key}: {len(rows)} Sales Orders of an order nobody placed" for key, rows in live.items()]
	return problems


def _quantities(site: Site, shop: ChaosShop) -> dict[str, Counter[str]]:
	rows = site.rows(
		"Sales Order Item",
		[["item_code", "in", shop.skus], ["docstatus", "<", 2]],
		("parent", "item_code", "qty"),
		parent="Sales Order",
	)
	found: dict[str, Counter[str]] = defaultdict(Counter)
	for row in rows:
		found[row["parent"]][row["item_code"]] += int(row["qty"])
	return found


def _compare(order: Expected, found: list[dict[str, Any]], quantities: dict[str, Counter[str]]) -> list[str]:
	if order.quantities is None:
		return [f"cancelled, but {row['name']} is alive" for row in found]
	if len(found) != 1:
		return [f"{len(found)} live Sales Orders instead of 1"]
	row = found[0]
	problems = []
	if row["docstatus"] != 1:
		problems.append(f"{row['name']} is not submitted")
	if in_cents(row["grand_total"]) != order.total:
		problems.append(f"{row['name']} totals {row['grand_total']} instead of {order.total} cents")
	if in_cents(row["total_taxes_and_charges"]) != order.tax:
		problems.append(f"{row['name']} taxes {row['total_taxes_and_charges']} instead of {order.tax} cents")
	if dict(quantities[row["name"]]) != order.quantities:
		problems.append(f"{row['name']} has quantities {dict(quantities[row['name']])}")
	return problems


def customers_deviating(site: Site, expected: Iterable[Expected]) -> list[str]:
	"""E-mail addresses that have more than one contact, or none."""
	emails = {order.email for order in expected if order.quantities is not None}
	rows = site.rows(
		"Contact Email", [["email_id", "in", sorted(emails)]], ("parent", "email_id"), parent="Contact"
	)
	contacts = Counter(row["email_id"] for row in rows)
	return [f"{email}: {contacts[email]} contacts" for email in sorted(emails) if contacts[email] != 1]


def logs_deviating(site: Site, shop: ChaosShop, acknowledged: int) -> list[str]:
	"""Sync Log rows that are not in an end state, failed, or do not match what was acknowledged."""
	fields = ("name", "state", "direction", "message")
	rows = site.rows("Sync Log", [["channel", "=", shop.channel]], fields)
	inbound = [row for row in rows if row["direction"] == "Inbound"]
	problems = [
		f"Sync Log {row['name']} is {row['state']}: {row['message']}"
		for row in rows
		if row["state"] not in ("Succeeded", "Skipped")
	]
	if len(inbound) != acknowledged:
		problems.append(f"{len(inbound)} inbound Sync Logs for {acknowledged} acknowledged events")
	return problems


def available(site: Site, shop: ChaosShop) -> dict[str, int]:
	"""What the storefront must show of each SKU, from ERPNext's own Bin."""
	fields = ("item_code", "actual_qty", "reserved_qty", "reserved_stock")
	rows = site.rows("Bin", [["item_code", "in", shop.skus], ["warehouse", "=", shop.warehouse]], fields)
	return {
		row["item_code"]: int(row["actual_qty"] - max(row["reserved_qty"], row["reserved_stock"]))
		for row in rows
	}


def unfinished(site: Site, shop: ChaosShop) -> int:
	rows = site.rows(
		"Sync Log",
		[["channel", "=", shop.channel], ["state", "in", ["Queued", "Running", "Retrying"]]],
	)
	return len(rows)
