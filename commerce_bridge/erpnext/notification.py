"""Tells people of failures: once for each cause and channel in fifteen minutes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import quote

import frappe
import redis
from frappe import _
from frappe.desk.doctype.notification_log.notification_log import enqueue_create_notification
from frappe.utils import escape_html, get_url, get_url_to_form

from commerce_bridge.bridge.clock import utc_now
from commerce_bridge.bridge.protocols import Check
from commerce_bridge.erpnext import alert_settings, channel_state, inbox, sql, transaction

QUIET = timedelta(minutes=15)
#: Rejected requests within an hour from which on somebody should look.
REJECTED_PILE = 50
#: Where a channel remembers what it warned of, and how much of that.
WARNED, WARNINGS_KEPT = "warned", 20
SWEPT = "commerce_bridge_last_sweep"
#: Named in one message; the link leads to all of them.
NAMED = 5
#: What differs between two failures of one cause: names in quotes, amounts, documents.
DETAILS = r'"[^"]*"|[^\s\d]*+\d\S*'
#: Characters of a message that tell its cause: without an end, one long word keeps the database busy for minutes.
TELLING = 1_000
#: What makes two failures the same to a person: their class and their message without what it is about. Hashed,
#: since a collation would take causes for equal that are not.
CAUSE_TEXT = f"""REGEXP_REPLACE(
	REPLACE(REPLACE(LEFT(COALESCE(message, ''), {TELLING}), COALESCE(external_number, ''), '…'),
	COALESCE(external_id, ''), '…'), %(details)s, '…')"""
CAUSE = f"SHA2(CONCAT(COALESCE(error_class, ''), ': ', {CAUSE_TEXT}), 256)"
UNTOLD = "state = 'Failed' AND announced = 0"
CAUSES = f"""SELECT channel, {CAUSE} AS cause, COUNT(*) AS count, MAX(modified) AS latest FROM `tabSync Log`
	WHERE {UNTOLD} GROUP BY channel, cause ORDER BY MIN(modified)"""
OF_CAUSE = f"{UNTOLD} AND channel = %(channel)s AND modified <= %(latest)s AND {CAUSE} = %(cause)s"
EXAMPLES = f"""SELECT name, error_class, message, external_number, external_id FROM `tabSync Log`
	WHERE {OF_CAUSE} ORDER BY modified, name LIMIT %(named)s"""


def announce() -> None:
	"""Announces failures nobody was told of, and rejected requests that pile up; after the quiet hours what came
	within them. Commits."""
	if alert_settings.is_quiet(utc_now()):
		return
	with transaction.transaction("announce-failures"):
		for group in frappe.db.sql(CAUSES, {"details": DETAILS}, as_dict=True):
			if _may_tell(group.channel, group.cause):
				_announce(group)
		for channel in frappe.get_all("Channel Settings", {"state": ("!=", "Disabled")}, pluck="name"):
			_announce_rejected(channel)


def _announce(group: Any) -> None:
	"""One message for a cause, however many failed of it; they count as told."""
	values = {**group, "details": DETAILS, "named": NAMED}
	rows = frappe.db.sql(EXAMPLES, values, as_dict=True)
	tell(group.channel, _subject(group.channel, rows, group.count), _body(rows), rows[0].name)
	sql.execute(f"UPDATE `tabSync Log` SET announced = 1 WHERE {OF_CAUSE}", values)


def _may_tell(channel: str, cause: str) -> bool:
	"""Whether the cause was not told within the quiet time; if so, it counts as told from now on."""
	now, told = utc_now(), channel_state.get_alerted(channel)
	cause = sha256(cause.encode()).hexdigest()[:16]  # what is remembered has a column of 64 kB for all causes
	recent = {key: time for key, time in told.items() if now - datetime.fromisoformat(time) < QUIET}
	if cause in recent:
		return False
	channel_state.set_alerted(channel, {**recent, cause: now.isoformat()})
	return True


def _subject(channel: str, rows: list[Any], count: int) -> str:
	cause = f"{rows[0].error_class or 'Unexpected'}: {(rows[0].message or '')[:120]}"
	return _("{0}: {1} failed: {2}").format(channel, _numbers(rows, count), cause)


def _numbers(rows: list[Any], count: int) -> str:
	names = dict.fromkeys(row.external_number or row.external_id or row.name for row in rows)
	more = f" +{count - len(rows)}" if count > len(rows) else ""
	return ", ".join(names) + more


def _body(rows: list[Any]) -> str:
	lines = [
		f'<li><a href="{get_url_to_form("Sync Log", row.name)}">'
		f"{escape_html(row.external_number or row.external_id or row.name)}</a>: {escape_html(row.message or '')}</li>"
		for row in rows
	]
	return f"<ul>{''.join(lines)}</ul>"


def _announce_rejected(channel: str) -> None:
	count = inbox.rejected(channel, hours=1)
	if count >= REJECTED_PILE and _may_tell(channel, "rejected requests"):
		subject = _("{0}: {1} requests rejected within the hour").format(channel, count)
		tell(channel, subject, _("Is the secret in the storefront the channel's?"), None)


def tell_paused(channel: str, reason: str) -> None:
	"""A channel stopped by itself: its recipients are told, or where it has none those of the Alert Settings, at any hour."""
	tell(channel, _("{0} is paused: {1}").format(channel, reason), "", None)


def tell_warnings(channel: str, warnings: Sequence[Check]) -> None:
	"""What a storefront will not do for much longer: each is told once. Commits."""
	with transaction.transaction(f"warnings:{channel}"):
		told = json.loads(channel_state.get_cursor(channel, WARNED, lock=True) or "[]")
		for check in warnings:
			if check.title not in told:
				subject = _("{0}: {1}").format(channel, check.title)
				tell(channel, subject, f"<p>{escape_html(check.fix or '')}</p>", None)
		kept = list(dict.fromkeys([*told, *(check.title for check in warnings)]))[-WARNINGS_KEPT:]
		if kept != told:
			channel_state.set_cursor(channel, WARNED, json.dumps(kept))


def tell_personal_data(channel: str, log: str) -> None:
	"""Somebody asks the shop what is known of them: it is ready for a Manager to download."""
	subject = _("{0}: somebody asks what is known of them").format(channel)
	link = get_url(f"/api/method/commerce_bridge.api.personal_data?log={quote(log)}")
	text = escape_html(_("Download what is known and send it on within 30 days"))
	tell(channel, subject, f'<p><a href="{link}">{text}</a></p>', log)


def tell(channel: str, subject: str, body: str, log: str | None = None) -> None:
	"""A notification on the Desk, to the channel's recipients, or where it names none by role (Alert Settings).

	:param subject: plain text
	:param body: HTML
	"""
	recipients = frappe.get_all("Channel Alert Recipient", {"parent": channel}, pluck="user")
	recipients = recipients or alert_settings.told_by_role()
	if not recipients:
		return
	enqueue_create_notification(
		recipients,
		{
			"type": "Alert",
			"document_type": "Sync Log" if log else "Channel Settings",
			"document_name": log or channel,
			"subject": escape_html(subject)[:500],
			"email_content": body,
			"from_user": frappe.session.user,
		},
	)


# --- the sweep itself ------------------------------------------------------------------------------------


def note_sweep() -> None:
	"""Remembers that the sweep runs; a monitor asks how long ago."""
	try:
		frappe.cache.set(frappe.cache.make_key(SWEPT), utc_now().isoformat())
	except redis.exceptions.RedisError:
		return


def sweep_age() -> int | None:
	"""Seconds since the last sweep; None where nobody knows."""
	try:
		last = frappe.cache.get(frappe.cache.make_key(SWEPT))
	except redis.exceptions.RedisError:
		return None
	return int((utc_now() - datetime.fromisoformat(last.decode())).total_seconds()) if last else None
