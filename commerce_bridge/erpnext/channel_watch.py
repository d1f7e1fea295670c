"""Storefronts that do not answer and channels that fell silent: told once each, until they recover."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise

import frappe
from frappe import _
from frappe.utils import escape_html, format_datetime

from commerce_bridge.bridge.channel import ChannelStatus
from commerce_bridge.bridge.clock import utc_now
from commerce_bridge.erpnext import alert_settings, channel_settings, channel_state, notification, transaction
from commerce_bridge.erpnext.time import from_site, to_site

#: What a channel remembers: when its circuit was last seen open, and when its silence was told.
CIRCUIT, SILENT = "circuit_told", "silence_told"
#: Closed for so long, a circuit counts as recovered; one that opens and closes is one alert.
STEADY = timedelta(minutes=15)
#: What "usually" is learnt from, and hours with events below which nothing is usual yet.
LEARNT_FROM = timedelta(days=14)
USUAL_HOURS = 10
STATES = ("Queued", "Running", "Succeeded", "Skipped", "Retrying", "Failed")
HOURS = """SELECT DISTINCT DATE_FORMAT(creation, '%%Y-%%m-%%d %%H:00:00') AS hour FROM `tabSync Log`
	WHERE channel = %(channel)s AND state IN %(states)s AND direction = 'Inbound' AND creation > %(since)s
	ORDER BY hour"""
LATEST = """SELECT MAX(creation) FROM `tabSync Log`
	WHERE channel = %(channel)s AND state IN %(states)s AND direction = 'Inbound' AND creation > %(since)s"""


def watch_circuits() -> None:
	"""Tells of storefronts whose circuit is open. Commits."""
	now = utc_now()
	with transaction.transaction("watch-circuits"):
		for channel in _active():
			_watch_circuit(channel, now)


def _watch_circuit(channel: str, now: datetime) -> None:
	is_open = channel_state.get_circuit(channel).opened_until is not None
	seen = channel_state.get_cursor(channel, CIRCUIT)
	if is_open and (seen or not alert_settings.is_quiet(now)):
		if not seen:
			subject = _("{0}: the storefront does not answer").format(channel)
			notification.tell(
				channel, subject, _paragraph(_("Calls are held back; one is tried now and then."))
			)
		channel_state.set_cursor(channel, CIRCUIT, now.isoformat())
	elif seen and now - datetime.fromisoformat(seen) >= STEADY:
		channel_state.set_cursor(channel, CIRCUIT, None)


def watch_silence() -> None:
	"""Tells of channels that get no events although they usually do. Commits."""
	now, hours = utc_now(), alert_settings.load().silent_hours or 0
	if not hours:
		return
	with transaction.transaction("watch-silence"):
		for channel in _active():
			_watch_silence(channel, now, timedelta(hours=hours))


def _watch_silence(channel: str, now: datetime, patience: timedelta) -> None:
	told = channel_state.get_cursor(channel, SILENT)
	last = _last_event(channel, now - patience)
	if last or told:
		if last and told:
			channel_state.set_cursor(channel, SILENT, None)
		return
	since = _silent_since(channel, now, patience)
	if since and not alert_settings.is_quiet(now):
		subject = _("{0}: no event since {1}").format(channel, format_datetime(to_site(since)))
		body = _(
			"There usually are some. Does the storefront still send its webhooks here? Test Connection says so."
		)
		notification.tell(channel, subject, _paragraph(body))
		channel_state.set_cursor(channel, SILENT, now.isoformat())


def _last_event(channel: str, after: datetime) -> datetime | None:
	values = {"channel": channel, "states": STATES, "since": to_site(after)}
	return from_site(frappe.db.sql(LATEST, values)[0][0])


def _silent_since(channel: str, now: datetime, patience: timedelta) -> datetime | None:
	"""Since when a channel is silent for longer than it ever was in the time before; None where that is usual, where
	too little is known, or where somebody has changed its settings meanwhile."""
	last = _last_event(channel, now - LEARNT_FROM)
	changed = from_site(frappe.db.get_value("Channel Settings", channel, "modified"))
	if last is None or now - changed < patience:
		return None
	values = {"channel": channel, "states": STATES, "since": to_site(last - LEARNT_FROM)}
	hours = [from_site(hour) for (hour,) in frappe.db.sql(HOURS, values)]
	longest = max((later - earlier for earlier, later in pairwise(hours)), default=None)
	is_usual = len(hours) >= USUAL_HOURS and longest is not None and now - last > longest
	return last if is_usual else None


def _active() -> list[str]:
	names = frappe.get_all("Channel Settings", {"state": "Active"}, pluck="name", order_by="name")
	settings = [frappe.get_cached_doc("Channel Settings", name) for name in names]
	return [doc.name for doc in settings if channel_settings.effective_status(doc) is ChannelStatus.ACTIVE]


def _paragraph(text: str) -> str:
	return f"<p>{escape_html(text)}</p>"
