"""Worker processes of their own, which site tests start together, stop and kill."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

import frappe

READY = "ready"
#: Connects as a job does, says so, and waits for a line before it begins.
OPENING = """
import sys
import frappe
frappe.init(site=sys.argv[1], sites_path=sys.argv[2])
frappe.connect()
from commerce_bridge.bridge import worker
from commerce_bridge.erpnext import site
from commerce_bridge.erpnext.sync_log import FrappeJournal

def say(word):
	print(word, flush=True)
	sys.stdin.readline()

say("ready")
"""
DRAIN = """
world = site.world()
while worker.run_once(world):
	pass
"""


def start(work: str, count: int = 1) -> list[subprocess.Popen[str]]:
	"""Processes that are connected to this site and wait for their first line."""
	command = [sys.executable, "-c", OPENING + work, frappe.local.site, frappe.local.sites_path]
	pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
	processes = [subprocess.Popen(command, text=True, **pipes) for _ in range(count)]
	for process in processes:
		wait_for(process, READY)
	return processes


def wait_for(process: subprocess.Popen[str], word: str) -> None:
	"""Reads what the process says until it says this."""
	for line in process.stdout or ():
		if line.strip() == word:
			return
	raise AssertionError(f'the process ended before it said "{word}"')


def go_on(processes: Sequence[subprocess.Popen[str]]) -> None:
	for process in processes:
		process.stdin.write("\n")
		process.stdin.flush()


def finish(processes: Sequence[subprocess.Popen[str]], seconds: int = 120) -> None:
	"""Waits for their end; raises where one failed."""
	for process in processes:
		process.communicate(timeout=seconds)
		if process.returncode:
			raise AssertionError(f"a worker process ended with {process.returncode}")


def kill(process: subprocess.Popen[str]) -> None:
	"""SIGKILL: nothing of it runs any more, not even what was meant to clean up."""
	process.kill()
	process.communicate()
