"""What a run compares, kept with what was found, and the table of it at the end."""

from __future__ import annotations

import time
from collections.abc import Callable
from copy import deepcopy
from typing import Any

from rich.console import Console
from rich.table import Table

from sandbox.scenario import Finding
from scripts.site_run import say

WAIT_SECONDS = 120
TICK_SECONDS = 0.3


class Findings:
	"""Told one by one while a run goes on."""

	def __init__(self) -> None:
		self.rows: list[Finding] = []

	@property
	def bad(self) -> list[Finding]:
		return [finding for finding in self.rows if not finding.ok]

	def reach(self, title: str, expected: Any, found: Callable[[], Any]) -> None:
		"""Waits until what is found is what is expected, and keeps both."""
		deadline = time.monotonic() + WAIT_SECONDS
		seen = found()
		while seen != expected and time.monotonic() < deadline:
			time.sleep(TICK_SECONDS)
			seen = found()
		self.find(title, expected, seen)

	def find(self, title: str, expected: Any, found: Any) -> None:
		self.rows.append(deepcopy(Finding(title, expected, found)))  # a run goes on changing what it expects
		if self.rows[-1].ok:
			say(f"ok   {title}")
		else:
			say(f"BAD  {title}: expected {expected}, found {found}")

	def show(self, title: str) -> None:
		table = Table("", "what", "expected", "found", title=title)
		for finding in self.rows:
			expected, found = str(finding.expected), str(finding.found)
			if finding.ok and len(found) > 60:
				expected = found = f"{len(finding.found)} equal"
			table.add_row("[green]✓" if finding.ok else "[red]✗", finding.title, expected, found)
		Console().print(table)
