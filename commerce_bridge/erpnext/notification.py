"""Tells people of failures: once for each cause and channel in fifteen minutes."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import frappe
import redis
from frappe import _
from frappe.desk.doctype.notification_log.notification_log import enqueue_create_notification
from frappe.utils import escape_html, get_url_to_form

from commerce_bridge.bridge.clock import utc_now
from commerce_bridge.erpnext import channel_state, inbox, sql, transaction

QUIET = timedelta(minutes=15)
#: Rejected requests within an hour from which on somebody should look.
REJECTED_PILE = 50
SWEPT = "commerce_bridge_last_sweep"
#: Named in one message; the link leads to all of them.
NAMED = 5
#: What differs between two failures of one cause: names in quotes, amounts, documents.
DETAILS = re.compile(r'"[^"]*"|\S*\d\S*')
FAILED = """SELECT name, channel, error_class, message, external_number, external_id FROM `tabSync Log`
	WHERE state = 'Failed' AND announced = 0 ORDER BY modified LIMIT 500"""


def announce() -> None:
	"""Announces failures nobody was told of, and rejected requests that pile up. Commits."""
	with transaction.transaction("announce-failures"):
		causes: dict[tuple[str, str], list[Any]] = {}
		for row in frappe.db.sql(FAILED, as_dict=True):
			causes.setdefault((row.channel, _cause(row)), []).append(row)
		for (channel, cause), rows in causes.items():
			if _may_tell(channel, cause):
				_tell(channel, _subject(channel, rows), _body(rows), rows[0].name)
				_mark(rows)
		for channel in frappe.get_all("Channel Settings", {"state": ("!=", "Disabled")}, pluck="name"):
			_announce_rejected(channel)


def _cause(row: Any) -> str:
	"""What makes two failures the same to a person: their message without what it is about."""
	text = row.message or ""
	for detail in (row.external_number, row.external_id):
		text = text.replace(detail, "…") if detail else text
	return f"{row.error_class or 'Unexpected'}: {DETAILS.sub('…', text)}"


def _may_tell(channel: str, cause: str) -> bool:
	"""Whether the cause was not told within the quiet time; if so, it counts as told from now on."""
	now, told = utc_now(), channel_state.get_alerted(channel)
	cause = sha256(cause.encode()).hexdigest()[:16]  # what is remembered has a column of 64 kB for all causes
	recent = {key: time for key, time in told.items() if now - datetime.fromisoformat(time) < QUIET}
	if cause in recent:
		return False
	channel_state.set_alerted(channel, {**recent, cause: now.isoformat()})
	return True


def _mark(rows: list[Any]) -> None:
	names = tuple(row.name for row in rows)
	sql.execute("UPDATE `tabSync Log` SET announced = 1 WHERE name IN %s", (names,))


def _subject(channel: str, rows: list[Any]) -> str:
	cause = f"{rows[0].error_class or 'Unexpected'}: {(rows[0].message or '')[:120]}"
	return _("{0}: {1} failed: {2}").format(channel, _numbers(rows), cause)


def _numbers(rows: list[Any]) -> str:
	names = list(dict.fromkeys(row.external_number or row.external_id or row.name for row in rows))
	more = f" +{len(names) - NAMED}" if len(names) > NAMED else ""
	return ", ".join(names[:NAMED]) + more


def _body(rows: list[Any]) -> str:
	lines = [
		f'<li><a href="{get_url_to_form("Sync Log", row.name)}">'
		f"{escape_html(row.external_number or row.external_id or row.name)}</a>: {escape_html(row.message or '')}</li>"
		for row in rows[:NAMED]
	]
	return f"<ul>{''.join(lines)}</ul>"


def _announce_rejected(channel: str) -> None:
	count = inbox.rejected(channel, hours=1)
	if count >= REJECTED_PILE and _may_tell(channel, "rejected requests"):
		subject = _("{0}: {1} requests rejected within the hour").format(channel, count)
		_tell(channel, subject, _("Is the secret in the storefront the channel's?"), None)


def _tell(channel: str, subject: str, body: str, log: str | None) -> None:
	"""A notification on the Desk, and by e-mail as far as the recipient's settings and the site send any."""
	recipients = frappe.get_all("Channel Alert Recipient", {"parent": channel}, pluck="user")
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
