"""DocTypes Stock Drift and Drift Check: where a storefront shows another number than is available."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import frappe
from frappe.utils import now_datetime

from commerce_bridge.bridge.protocols import Drift, DriftCheck
from commerce_bridge.erpnext import sql
from commerce_bridge.erpnext.time import to_site

DOCTYPE, CHECK, LISTING = "Stock Drift", "Drift Check", "Channel Listing"
#: Of one INSERT: well below the server's largest packet.
ROWS_PER_INSERT = 500


def save_shown(channel: str, listings: Sequence[str], now: datetime) -> None:
	"""See `Erp.save_shown`."""
	if listings:
		sql.execute(
			f"UPDATE `tab{LISTING}` SET shown_at = %s WHERE channel = %s AND name IN %s",
			(to_site(now), channel, tuple(listings)),
		)


def not_shown(channel: str, since: datetime, after: str | None, limit: int) -> list[tuple[str, str]]:
	"""See `Erp.not_shown`."""
	rows = frappe.db.sql(
		f"""SELECT name, item_code FROM `tab{LISTING}`
		WHERE channel = %(channel)s AND publication = 'Published' AND name > %(after)s
			AND creation < %(since)s AND (shown_at IS NULL OR shown_at < %(since)s)
		ORDER BY name LIMIT {int(limit)}""",
		{"channel": channel, "after": after or "", "since": to_site(since)},
	)
	return [(name, item_code) for name, item_code in rows]


def save(check: DriftCheck, rows: Sequence[Drift]) -> None:
	"""See `Erp.save_drift`."""
	values = {
		"name": check.id,
		"channel": check.channel,
		"started": to_site(check.started),
		"finished": to_site(check.finished),
		"listings": check.listings,
		"drifted": check.drifted,
		"units": check.units,
		"pending": check.pending,
		"unknown": check.unknown,
	}
	sql.insert_rows(CHECK, [values], on_duplicate=[name for name in values if name != "name"])
	stamp = now_datetime()
	for start in range(0, len(rows), ROWS_PER_INSERT):
		chunk = rows[start : start + ROWS_PER_INSERT]
		sql.insert_rows(DOCTYPE, [_row(check, drift, stamp) for drift in chunk])
	if check.finished:
		sql.execute(
			f"DELETE FROM `tab{DOCTYPE}` WHERE channel = %s AND drift_check != %s", (check.channel, check.id)
		)


def _row(check: DriftCheck, drift: Drift, stamp: datetime) -> dict[str, Any]:
	shown, available = drift.shown or Decimal(0), drift.available or Decimal(0)
	return {
		"channel": check.channel,
		"drift_check": check.id,
		"kind": drift.kind,
		"listing": drift.listing,
		"item_code": drift.item_code,
		"sku": _cut(drift.sku),
		"product_id": _cut(drift.product_id),
		"variant_id": _cut(drift.variant_id),
		"location_id": _cut(drift.location_id),
		"shown": shown,
		"available": available,
		"difference": shown - available,
		"checked_at": stamp,
	}


def _cut(value: str | None) -> str | None:
	return value[:140] if value else value


def mark_repaired(names: Sequence[str]) -> None:
	"""Notes on the rows that their items are being sent."""
	sql.execute(
		f"UPDATE `tab{DOCTYPE}` SET repair_queued_at = %s WHERE name IN %s",
		(now_datetime(), tuple(names) or ("",)),
	)


def latest_check(channel: str) -> str | None:
	"""The last check of the channel that came to its end."""
	rows = frappe.db.sql(
		f"""SELECT name FROM `tab{CHECK}` WHERE channel = %s AND finished IS NOT NULL
		ORDER BY started DESC LIMIT 1""",
		channel,
	)
	return rows[0][0] if rows else None
