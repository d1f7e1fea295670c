"""A worker of the embedded ERP, as a process of its own: `python -m sandbox.worker SETTINGS`.

It ends when its standard input does, so that none outlives the one who started it.
"""

from __future__ import annotations

import json
import random
import select
import subprocess
import sys
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from commerce_bridge.bridge.feeds import collect_changes
from commerce_bridge.bridge.unbooked import count_unbooked
from commerce_bridge.bridge.worker import run_once
from commerce_bridge.bridge.world import World
from commerce_bridge.connectors.http import GuardedTransport
from sandbox.clock import FastClock
from sandbox.world import Sandbox

IDLE_SECONDS = 0.05


@dataclass(frozen=True)
class WorkerSettings:
	"""What a worker process is told on its command line.

	:param longest_retry: full jitter is kept, but no wait is longer (the demo has no hours)
	"""

	path: Path
	clock: FastClock
	lease: timedelta
	longest_retry: timedelta

	def as_text(self) -> str:
		return json.dumps(
			{
				"path": str(self.path),
				"origin": self.clock.origin,
				"start": self.clock.start.isoformat(),
				"speed": self.clock.speed,
				"lease": self.lease.total_seconds(),
				"longest_retry": self.longest_retry.total_seconds(),
			}
		)

	@classmethod
	def from_text(cls, text: str) -> WorkerSettings:
		values = json.loads(text)
		return cls(
			path=Path(values["path"]),
			clock=FastClock(values["origin"], datetime.fromisoformat(values["start"]), values["speed"]),
			lease=timedelta(seconds=values["lease"]),
			longest_retry=timedelta(seconds=values["longest_retry"]),
		)

	def start(self) -> subprocess.Popen[bytes]:
		"""A new worker process."""
		return subprocess.Popen(
			[sys.executable, "-m", "sandbox.worker", self.as_text()],
			stdin=subprocess.PIPE,
			cwd=Path(__file__).parent.parent,
		)

	def world(self) -> World:
		longest = self.longest_retry.total_seconds()
		sandbox = Sandbox.open(self.path, self.clock)
		return sandbox.world(
			GuardedTransport(allow_loopback=True),
			lease=self.lease,
			uniform=lambda low, high: random.uniform(low, min(high, longest)),
		)


def work(world: World) -> None:
	"""Takes what is due until standard input ends; idle, it waits for that."""
	while True:
		busy = run_once(world) or count_unbooked(world) + collect_changes(world) > 0
		if select.select([sys.stdin], [], [], 0 if busy else IDLE_SECONDS)[0]:
			return


if __name__ == "__main__":
	work(WorkerSettings.from_text(sys.argv[1]).world())
