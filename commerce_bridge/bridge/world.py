"""Everything the engine needs, in one value: built by the app for a site, by the sandbox for SQLite."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from commerce_bridge.bridge.clock import Now
from commerce_bridge.bridge.protocols import ChannelState, Connect, Erp, Journal
from commerce_bridge.bridge.retry import Uniform

#: Longer than any unit of work takes: HTTP timeouts and RQ's own limit end it before.
LEASE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class World:
	erp: Erp
	journal: Journal
	state: ChannelState
	connect: Connect
	now: Now
	uniform: Uniform
	lease: timedelta = LEASE
	#: Items of one outbound entry: one set of queries, a few calls. A single change waits for no more than this.
	items_per_entry: int = 1_000
	#: How long an entry of many rows begins new calls; what is left then is for another entry. With the longest call
	#: after it, well within the lease and within the time a queue gives one job.
	sending_for: timedelta = timedelta(seconds=120)
	#: What the surroundings raise into a unit of work to stop it, e.g. a queue's time limit: it is tried again.
	interruptions: tuple[type[Exception], ...] = ()
