"""The digest by e-mail: what came in, what failed and what waits, each day or week, to the roles that want it."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any
from urllib.parse import quote

import frappe
from frappe import _
from frappe.utils import get_url, now_datetime

from commerce_bridge.bridge.clock import utc_now
from commerce_bridge.erpnext import alert_settings, channel_watch, dashboard, failures, transaction

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
PERIODS = {"Daily": timedelta(days=1), "Weekly": timedelta(days=7)}
TEMPLATE = "commerce_bridge_digest"
#: Causes of failures that are shown; a link leads to all.
SHOWN = 10
#: What has waited for so long is worth a message.
LONG = timedelta(hours=1)
ORDERS = """SELECT channel, COUNT(*) FROM `tabChannel Record`
	WHERE record_type = 'order' AND creation > %(since)s GROUP BY channel"""
STANDING = """SELECT channel, SUM(state = 'Failed') AS failed, SUM(state != 'Failed') AS waiting,
		MIN(IF(state = 'Failed', NULL, creation)) AS oldest
	FROM `tabSync Log` WHERE state IN ('Queued', 'Running', 'Retrying', 'Failed') GROUP BY channel"""
STATES = "SELECT name, circuit_opened_until IS NOT NULL AS is_open, cursors FROM `tabChannel State`"


def send_if_due() -> None:
	"""Sends the digest once for each day or week, after its time and outside the quiet hours. Commits."""
	if _due_since() is None:
		return
	with transaction.transaction("digest"):
		frappe.clear_document_cache(alert_settings.DOCTYPE, alert_settings.DOCTYPE)
		since = _due_since()  # another worker may have sent it meanwhile
		if since is not None:
			_remember()
			_send(since)


def _remember() -> None:
	"""Written as a whole: of a Single with one value in the database the others would be empty, not the defaults."""
	settings = frappe.get_doc(alert_settings.DOCTYPE)
	settings.digest_sent = now_datetime()
	settings.flags.ignore_version = True
	settings.save(ignore_permissions=True)


def _due_since() -> datetime | None:
	"""The beginning of what a digest that is due now tells, time of the site; None where none is due."""
	settings, now = alert_settings.load(), now_datetime()
	period = PERIODS.get(settings.digest)
	if period is None or alert_settings.is_quiet(utc_now()):
		return None
	last = frappe.utils.get_datetime(settings.digest_sent) if settings.digest_sent else None
	due = _last_due(settings, now)
	return None if last and last >= due else max(last or now - period, now - 2 * period)


def _last_due(settings: Any, now: datetime) -> datetime:
	"""The last moment at which one should have been sent."""
	due = datetime.combine(now.date(), time.fromisoformat(settings.digest_time))
	if due > now:
		due -= timedelta(days=1)
	if settings.digest == "Weekly":
		due -= timedelta(days=(due.weekday() - DAYS.index(settings.digest_day or DAYS[0])) % 7)
	return due


def _send(since: datetime) -> None:
	recipients = alert_settings.readers_of_digest()
	rows, causes = channels(since), failures.by_cause()[:SHOWN]
	if not recipients or not (alert_settings.load().digest_always or needs_somebody(rows)):
		return
	failed = sum(row["failed"] for row in rows)
	subject = _("Commerce Bridge: {0} failed").format(failed) if failed else _("Commerce Bridge: digest")
	values = {"since": since, "channels": rows, "causes": causes, "address": _address, "age": _age}
	try:
		frappe.sendmail(recipients=recipients, subject=subject, template=TEMPLATE, args=values)
	except frappe.OutgoingEmailError:
		frappe.clear_last_message()  # a site without outgoing e-mail: the workspace shows the same


def channels(since: datetime) -> list[dict[str, Any]]:
	"""Of each channel that is not disabled: orders since a time of the site, and what stands failed or waits now."""
	names = frappe.get_all(
		"Channel Settings", {"state": ("!=", "Disabled")}, ["name", "state"], order_by="name"
	)
	orders = dict(frappe.db.sql(ORDERS, {"since": since}))
	standing = {row.channel: row for row in frappe.db.sql(STANDING, as_dict=True)}
	states = {row.name: row for row in frappe.db.sql(STATES, as_dict=True)}
	return [
		{
			"name": row.name,
			"state": row.state,
			"orders": orders.get(row.name, 0),
			**_standing(standing.get(row.name)),
			**_troubles(states.get(row.name)),
		}
		for row in names
	]


def _standing(row: Any) -> dict[str, Any]:
	if row is None:
		return {"failed": 0, "waiting": 0, "oldest": None}
	return {"failed": int(row.failed), "waiting": int(row.waiting), "oldest": row.oldest}


def _troubles(row: Any) -> dict[str, bool]:
	if row is None:
		return {"is_open": False, "is_silent": False}
	cursors = frappe.parse_json(row.cursors or "{}")
	return {"is_open": bool(row.is_open), "is_silent": channel_watch.SILENT in cursors}


def needs_somebody(rows: list[dict[str, Any]]) -> bool:
	"""Whether anything failed, waits for long, does not answer or fell silent."""
	long_ago = now_datetime() - LONG
	return any(
		row["failed"]
		or row["is_open"]
		or row["is_silent"]
		or (row["state"] == "Active" and row["oldest"] and row["oldest"] < long_ago)
		for row in rows
	)


def _age(moment: datetime | None) -> str:
	return dashboard.in_words(now_datetime() - moment) if moment else ""


def _address(channel: str | None = None, name: str | None = None) -> str:
	"""The failed entries of a channel, or one entry."""
	if name:
		return get_url(f"/app/sync-log/{quote(name)}")
	return get_url(f"/app/sync-log?state=Failed&channel={quote(channel or '')}")
