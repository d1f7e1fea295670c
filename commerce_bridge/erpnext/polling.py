"""Jobs that read storefronts: the poll of every active channel, and a history import with its progress."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone

import frappe
from frappe.utils import get_datetime

from commerce_bridge.bridge import polling
from commerce_bridge.bridge.channel import Channel
from commerce_bridge.bridge.errors import BridgeError
from commerce_bridge.bridge.protocols import Progress
from commerce_bridge.bridge.world import World
from commerce_bridge.erpnext import channel_settings, site
from commerce_bridge.erpnext.time import from_site


def poll_all() -> None:
	"""A storefront that cannot be read now is read the next time; the others are read all the same."""
	for name in channel_settings.active_channels():
		poll_safely(name)


def poll_safely(name: str) -> None:
	"""The job's boundary: what keeps one storefront from being read is logged, the next poll tries again."""
	try:
		poll_one(site.world(), name)
	except Exception as error:
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
	progress = Progress("Import", 0, None, 0, here.now())

	def note(polled: polling.Polled) -> None:
		with here.erp.transaction():
			here.state.set_progress(name, replace(progress, done=polled.seen))

	try:
		channel = here.state.channel(name)
		connector = here.connect(channel, here.state.credentials(name))
		cursor = _cursor(from_site(get_datetime(since)))
		polled = polling.poll(here, channel, connector, since=cursor, progress=note)
		message, seen = f"Orders read: {polled.seen}; new: {polled.new}", polled.seen
	except BridgeError as error:
		message, seen = str(error), 0
	with here.erp.transaction():
		ended = replace(progress, done=seen, total=seen, finished=here.now(), message=message)
		here.state.set_progress(name, ended)
