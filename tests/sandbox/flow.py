"""A situation and what is to be done in it, for the runs of `test_crash_points`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from commerce_bridge.bridge.world import World
from tests.sandbox.stage import Stage


@dataclass(frozen=True)
class Flow:
	"""`before` is done undisturbed; what is due then is done under fire; `heal` mends the world afterwards.

	`start` is what a person or the clock begins, under fire too; where it was cut off, it is begun again.
	While a dead worker's entry waits for its lease to end, a later one may overtake it: `overtaken` is the same
	situation with the events that way round, and where it ends is as right.
	"""

	name: str
	before: Callable[[Stage], None]
	heal: Callable[[Stage], None] = lambda stage: None
	start: Callable[[Stage, World], None] = lambda stage, world: None
	overtaken: Callable[[Stage], None] | None = None
