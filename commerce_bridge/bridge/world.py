"""Everything the engine needs, in one value: built by the app for a site, by the sandbox for SQLite."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from commerce_bridge.bridge.channel import Channel, Credentials
from commerce_bridge.bridge.clock import Now
from commerce_bridge.bridge.protocols import ChannelState, Connector, Erp, Journal
from commerce_bridge.bridge.retry import Uniform

#: Longer than any unit of work takes: HTTP timeouts and RQ's own limit end it before.
LEASE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class World:
	erp: Erp
	journal: Journal
	state: ChannelState
	connect: Callable[[Channel, Credentials], Connector]
	now: Now
	uniform: Uniform
	lease: timedelta = LEASE
