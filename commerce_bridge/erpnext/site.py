"""The engine's world on a Frappe site, and the jobs that run it."""

from __future__ import annotations

import random
import time
from datetime import timedelta

import frappe

from commerce_bridge import connectors
from commerce_bridge.bridge import outbound, worker
from commerce_bridge.bridge.channel import Channel, Credentials
from commerce_bridge.bridge.clock import utc_now
from commerce_bridge.bridge.protocols import Connector
from commerce_bridge.bridge.world import World
from commerce_bridge.connectors.http import GuardedTransport
from commerce_bridge.erpnext import stock_change, wake
from commerce_bridge.erpnext.erp import FrappeChannelState, FrappeErp
from commerce_bridge.erpnext.sync_log import FrappeJournal

#: How long one drain job works before it hands over to the next: other jobs share the queue.
DRAIN_FOR = timedelta(seconds=60)


def world() -> World:
	"""Everything the engine needs, on this site."""
	return World(
		erp=FrappeErp(),
		journal=FrappeJournal(),
		state=FrappeChannelState(),
		connect=connect,
		now=utc_now,
		uniform=random.uniform,
	)


def connect(channel: Channel, credentials: Credentials) -> Connector:
	"""The connector of a channel; platforms of other apps are registered by the hook."""
	for platform, paths in (frappe.get_hooks("commerce_bridge_connectors") or {}).items():
		connectors.register(platform, paths[-1] if isinstance(paths, list) else paths)
	allow_loopback = bool(frappe.conf.get("commerce_bridge_allow_loopback"))
	return connectors.build(channel, credentials, GuardedTransport(allow_loopback=allow_loopback))


def drain() -> int:
	"""Works until nothing is due or the time is spent; then asks for another job.

	:return: how many entries were worked on
	"""
	wake.started()
	here, ends, done = world(), time.monotonic() + DRAIN_FOR.total_seconds(), 0
	collect(here)
	while worker.run_once(here):
		done += 1
		if time.monotonic() > ends:
			wake.wake()
			break
	return done


def collect(here: World) -> None:
	"""Empties the outbox of stock changes into the journal."""
	while stock_change.is_waiting() and outbound.collect_stock_changes(here):
		continue
