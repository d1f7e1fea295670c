"""Jobs that read storefronts: the poll of every active channel, and a history import with its progress."""

from __future__ import annotations

from datetime import datetime, timezone

import frappe
from frappe.utils import get_datetime, now_datetime

from commerce_bridge.bridge import polling
from commerce_bridge.bridge.channel import Channel
from commerce_bridge.bridge.errors import BridgeError
from commerce_bridge.bridge.world import World
from commerce_bridge.erpnext import channel_settings, channel_state, site
from commerce_bridge.erpnext.time import from_site


def poll_all() -> None:
	"""A storefront that cannot be read now is read the next time; the others are read all the same."""
	here = site.world()
	for name in channel_settings.active_channels():
		try:
			poll_one(here, name)
		except Exception as error:  # the job's boundary: each channel is a job of its own
			frappe.db.rollback()
			kind = "cannot be read now" if isinstance(error, BridgeError) else "failed unexpectedly"
			frappe.logger("commerce_bridge").error(f"poll of {name} {kind}: {type(error).__name__}")


def poll_one(here: World, name: str) -> None:
	"""Reads one storefront, unless another worker is at it."""
	with here.erp.exclusive(f"poll:{name}") as mine:
		if mine:
			channel = here.state.channel(name)
			connector = here.connect(channel, here.state.credentials(name))
			polling.poll(here, channel, connector, start=_first_moment(channel))


def _first_moment(channel: Channel) -> str:
	"""Without a cursor: the first day of the policy, or the making of the channel. History is imported by hand."""
	made = from_site(frappe.db.get_value("Channel Settings", channel.name, "creation"))
	return _cursor(channel.orders.from_date or made)


def _cursor(moment: datetime) -> str:
	return moment.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")


def import_since(name: str, since: str) -> None:
	"""Reads the orders changed since a time of the site; progress and summary stay in Channel State."""
	here = site.world()
	progress = {"kind": "Import", "done": 0, "total": 0, "failed": 0, "started": str(now_datetime())}

	def note(polled: polling.Polled) -> None:
		with here.erp.transaction():
			channel_state.set_progress(name, {**progress, "done": polled.seen})

	try:
		channel = here.state.channel(name)
		connector = here.connect(channel, here.state.credentials(name))
		cursor = _cursor(from_site(get_datetime(since)))
		polled = polling.poll(here, channel, connector, since=cursor, progress=note)
		message, seen = f"{polled.seen} orders read, {polled.new} of them new", polled.seen
	except BridgeError as error:
		message, seen = str(error), 0
	with here.erp.transaction():
		finished = {
			**progress,
			"done": seen,
			"total": seen,
			"finished": str(now_datetime()),
			"message": message,
		}
		channel_state.set_progress(name, finished)
