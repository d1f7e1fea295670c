"""The main job, with everything that goes wrong in it, in about a minute: `python -m sandbox.demo`.

A simulated shop, an embedded ERP and two worker processes, joined by real HTTP. Environment: CHANNEL picks the
simulated platform, SERVE=1 keeps the page with the Sync Log up at the end.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from sandbox.demo_shops import SHOPS
from sandbox.scenario import Finding, Scenario, Tally

LIMIT_SECONDS = 120.0
TICK_SECONDS = 0.05


class Display:
	"""Progress bars that follow the scenario's counts."""

	def __init__(self, console: Console):
		columns = (
			TextColumn("{task.description:<28}"),
			BarColumn(),
			MofNCompleteColumn(),
			TimeElapsedColumn(),
		)
		self._progress = Progress(*columns, console=console)
		self._tasks: dict[str, int] = {}

	@contextmanager
	def shown(self) -> Iterator[None]:
		with self._progress:
			yield

	def update(self, tallies: list[Tally]) -> None:
		for tally in tallies:
			if tally.title not in self._tasks:
				self._tasks[tally.title] = self._progress.add_task(tally.title, total=tally.total)
			self._progress.update(self._tasks[tally.title], completed=tally.done, total=tally.total)


def main() -> int:
	"""Runs the demo; the exit code is 1 if anything was lost, doubled or unequal."""
	platform = os.environ.get("CHANNEL") or "custom"
	console = Console()
	if platform not in SHOPS:
		console.print(f"There is no simulated {platform!r}; there are: {', '.join(SHOPS)}")
		return 1
	with tempfile.TemporaryDirectory() as folder, Scenario(Path(folder), platform) as scenario:
		console.print(f"Sync Log: {scenario.url}")
		display = Display(console)
		with display.shown():
			_run(scenario, display)
		findings = scenario.findings()
		_print(console, scenario, findings)
		if os.environ.get("SERVE") == "1":
			console.print(f"The Sync Log stays at {scenario.url} until Ctrl-C.")
			_serve()
	return 0 if all(finding.ok for finding in findings) else 1


def _run(scenario: Scenario, display: Display) -> None:
	"""Takes the steps one after the other, waiting for each to come true."""
	pause = Event()
	waited = 0.0
	for step in scenario.steps():
		while not step():
			scenario.deliver_waiting()
			display.update(scenario.tallies())
			pause.wait(TICK_SECONDS)
			waited += TICK_SECONDS
			if waited > LIMIT_SECONDS:
				return
	display.update(scenario.tallies())


def _serve() -> None:
	try:
		Event().wait()
	except KeyboardInterrupt:
		return


def _print(console: Console, scenario: Scenario, findings: list[Finding]) -> None:
	reasons = Table("order", "what was wrong at first", title="Failures, fixed and retried")
	for number, reason in scenario.failures:
		reasons.add_row(number, reason)
	console.print(reasons)
	table = Table("", "what", "expected", "found", title="Shop and ERP")
	for finding in findings:
		table.add_row(
			"[green]✓" if finding.ok else "[red]✗", finding.title, str(finding.expected), str(finding.found)
		)
	console.print(table)
	bad = sum(not finding.ok for finding in findings)
	console.print(
		"[green]Nothing lost, doubled or unequal." if not bad else f"[red]{bad} of {len(findings)} wrong."
	)


if __name__ == "__main__":
	sys.exit(main())
