"""Numbers and charts of the workspace. They show what the caller may read of the Sync Log, and no more."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

import frappe
from frappe import _
from frappe.desk.reportview import build_match_conditions
from frappe.utils import add_days, format_date, getdate, now_datetime
from frappe.utils.caching import redis_cache

#: How many days a chart shows, today included.
DAYS = 14
#: Seconds for which a chart is not computed anew.
KEPT = 300
#: From the bottom of a bar up, what went well first: what is shown, and the states it stands for.
BARS = {
	"Succeeded": ("Succeeded",),
	"Skipped": ("Skipped",),
	"Waiting": ("Queued", "Running", "Retrying"),
	"Failed": ("Failed",),
}
EVENTS = """SELECT DATE(creation) AS day, state, COUNT(*) AS count FROM `tabSync Log`
	WHERE direction = 'Inbound' AND creation >= %(since)s{match} GROUP BY day, state"""
#: Several events tell of one order: its time runs from the first that arrived. One that came later than the
#: order's document did not make it.
TIMES = """SELECT DISTINCT day, MEDIAN(seconds) OVER (PARTITION BY day) AS median,
	PERCENTILE_CONT(0.95) WITHIN GROUP (ORDER BY seconds) OVER (PARTITION BY day) AS slow FROM (
		SELECT DATE(document.creation) AS day,
			TIMESTAMPDIFF(MICROSECOND, MIN(`tabSync Log`.creation), document.creation) / 1000000 AS seconds
		FROM `tabSync Log` JOIN `tabSales Order` document ON document.name = `tabSync Log`.reference_name
		WHERE `tabSync Log`.direction = 'Inbound' AND `tabSync Log`.reference_doctype = 'Sales Order'
			AND `tabSync Log`.creation >= %(since)s AND document.creation >= `tabSync Log`.creation{match}
		GROUP BY document.name
		UNION ALL SELECT DATE(document.creation),
			TIMESTAMPDIFF(MICROSECOND, MIN(`tabSync Log`.creation), document.creation) / 1000000
		FROM `tabSync Log` JOIN `tabSales Invoice` document ON document.name = `tabSync Log`.reference_name
			AND document.cb_instead_of_order = 1
		WHERE `tabSync Log`.direction = 'Inbound' AND `tabSync Log`.reference_doctype = 'Sales Invoice'
			AND `tabSync Log`.creation >= %(since)s AND document.creation >= `tabSync Log`.creation{match}
		GROUP BY document.name
	) times ORDER BY day"""
OLDEST = """SELECT MIN(creation) FROM `tabSync Log`
	WHERE state IN ('Queued', 'Running', 'Retrying'){match}"""


def events_by_state(channel: str | None = None) -> dict[str, Any]:
	"""Stacked bars: how many events came in on each day, by the state they are in now."""
	days = _days()
	counts = _events(str(days[0]), channel, _match(channel))
	datasets = [
		{
			"name": _(bar),
			"values": [sum(counts.get((str(day), state), 0) for state in states) for day in days],
		}
		for bar, states in BARS.items()
	]
	return {"labels": _labels(days), "datasets": datasets}


def time_to_document(channel: str | None = None) -> dict[str, Any]:
	"""Lines: seconds from an order's first event to its Sales Order, or to the invoice instead of it, median and 95th
	percentile of each day on which one was made."""
	rows = _times(str(_days()[0]), channel, _match(channel))
	if not rows:
		return {}
	datasets = [
		{"name": _("Median"), "values": [round(float(row.median), 1) for row in rows]},
		{"name": _("95 %"), "values": [round(float(row.slow), 1) for row in rows]},
	]
	return {"labels": _labels([row.day for row in rows]), "datasets": datasets}


def oldest_waiting() -> str:
	"""Since when the oldest entry waits, in words."""
	[(oldest,)] = frappe.db.sql(OLDEST.format(match=_match()), {})
	return in_words(now_datetime() - oldest) if oldest else _("None")


def in_words(age: timedelta) -> str:
	"""A time span as its two largest units."""
	minutes = max(int(age.total_seconds()) // 60, 0)
	if minutes < 60:
		return _("{0} min").format(minutes)
	if minutes < 48 * 60:
		return _("{0} h {1} min").format(*divmod(minutes, 60))
	return _("{0} d {1} h").format(*divmod(minutes // 60, 24))


@redis_cache(ttl=KEPT)
def _events(since: str, channel: str | None, match: str) -> dict[tuple[str, str], int]:
	rows = frappe.db.sql(EVENTS.format(match=match), {"since": since, "channel": channel})
	return {(str(day), state): count for day, state, count in rows}


@redis_cache(ttl=KEPT)
def _times(since: str, channel: str | None, match: str) -> list[Any]:
	return frappe.db.sql(TIMES.format(match=match), {"since": since, "channel": channel}, as_dict=True)


def _match(channel: str | None = None) -> str:
	"""What the user permissions of the caller leave, of one channel or of all, as more conditions."""
	condition = build_match_conditions("Sync Log")
	readable = f" AND ({condition})" if condition else ""
	return f"{readable} AND `tabSync Log`.channel = %(channel)s" if channel else readable


def _days() -> list[date]:
	today = getdate()
	return [add_days(today, -back) for back in reversed(range(DAYS))]


def _labels(days: Sequence[date | datetime]) -> list[str]:
	return [format_date(day, "d MMM") for day in days]
