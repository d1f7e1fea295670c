"""The engine's world on a Frappe site, and the jobs that run it."""

from __future__ import annotations

import random
import time
from datetime import timedelta

import frappe
from rq.timeouts import JobTimeoutException

from commerce_bridge import connectors
from commerce_bridge.bridge import feeds, unbooked, worker
from commerce_bridge.bridge.channel import Channel, Credentials
from commerce_bridge.bridge.clock import utc_now
from commerce_bridge.bridge.protocols import Connector, Surroundings, Transport
from commerce_bridge.bridge.world import World
from commerce_bridge.connectors.http import GuardedTransport
from commerce_bridge.erpnext import channel_settings, stock_change, wake
from commerce_bridge.erpnext.erp import FrappeChannelState, FrappeErp
from commerce_bridge.erpnext.sync_log import FrappeJournal

#: How long one drain job works before it hands over to the next: other jobs share the queue.
DRAIN_FOR = timedelta(seconds=60)
#: How often the outbox is looked at while there is other work: a change does not wait for a backlog to end.
COLLECT_EVERY = timedelta(seconds=1)


def world() -> World:
	"""Everything the engine needs, on this site."""
	return World(
		erp=FrappeErp(),
		journal=FrappeJournal(),
		state=FrappeChannelState(),
		connect=connect,
		now=utc_now,
		uniform=random.uniform,
		interruptions=(JobTimeoutException,),
	)


def connect(channel: Channel, credentials: Credentials, unit: str = "") -> Connector:
	"""The connector of a channel; platforms of other apps are registered by the hook."""
	channel_settings.register_platforms()
	return connectors.build(channel, credentials, surroundings(unit))


def surroundings(unit: str = "", transport: Transport | None = None) -> Surroundings:
	"""What a connector works with here.

	:param unit: name of the Sync Log it works for
	:param transport: instead of the guarded one
	"""
	allow_loopback = bool(frappe.conf.get("commerce_bridge_allow_loopback"))
	return Surroundings(
		transport=transport or GuardedTransport(allow_loopback=allow_loopback),
		memory=FrappeChannelState(),
		now=utc_now,
		sleep=time.sleep,
		unit=unit,
		allow_loopback=allow_loopback,
	)


def drain() -> int:
	"""Works until nothing is due or the time is spent; then asks for another job.

	:return: how many entries were worked on
	"""
	wake.started()
	here, ends, done = world(), time.monotonic() + DRAIN_FOR.total_seconds(), 0
	collect(here)
	collected = time.monotonic()
	while worker.run_once(here):
		done += 1
		now = time.monotonic()
		if now > collected + COLLECT_EVERY.total_seconds():
			collect(here)
			collected = time.monotonic()
		if now > ends:
			wake.wake()
			break
	return done


def collect(here: World) -> None:
	"""Counts what is sold and not booked, then empties the outbox into the journal.

	The boundary of both: whatever keeps one of them from its end is logged and tried again the next time, for the
	orders that wait must be booked all the same.
	"""
	for step in (unbooked.count_all, _empty_outbox):
		try:
			step(here)
		except here.interruptions:
			raise
		except Exception as error:
			frappe.db.rollback()
			frappe.logger("commerce_bridge").error(f"{step.__name__} failed: {type(error).__name__}")


def _empty_outbox(here: World) -> None:
	while stock_change.is_waiting() and feeds.collect_changes(here):
		continue
