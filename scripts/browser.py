"""`make test-browser`: the Desk in Chromium, on a site of a bench. Skips with one line where something is missing.

	browser.py [ARGUMENTS OF pytest]

BENCH and SITE choose the site; SCREENSHOTS=1 writes the pictures of docs/images anew.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

from scripts.site_run import ROOT, Bench, find_bench, prepare, say

BUILD = ROOT / "build" / "browser"
CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
AXE = "axe-core@4.14.1"
TIMEOUT_SECONDS = 600


def problem(bench: Bench) -> str | None:
	"""What is missing, or None."""
	if not any(map(shutil.which, CHROMIUM)):
		return "no Chromium is installed (on Debian: apt install chromium)"
	if not shutil.which("npm"):
		return "npm is not there, which installs axe-core"
	if not (bench.sites / "assets" / "assets.json").exists():
		return f"{bench.path} has no built assets: bench build"
	if importlib.util.find_spec("playwright") is None and not install_playwright():
		return "Playwright for Python could not be installed"
	return None if install_axe() else "axe-core could not be installed"


def install_playwright() -> bool:
	"""The package only: the browser is the system's own."""
	say("installing Playwright …")
	pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
	return subprocess.call([*pip, "--editable", f"{ROOT}[browser]"], cwd=ROOT) == 0


def install_axe() -> bool:
	"""Into the build folder, once for each version."""
	stamp = BUILD / "installed"
	if stamp.exists() and stamp.read_text() == AXE:
		return True
	BUILD.mkdir(parents=True, exist_ok=True)
	command = ["npm", "install", "--no-audit", "--no-fund", "--no-save", "--loglevel=error", AXE]
	if subprocess.call(command, cwd=BUILD, stdout=subprocess.DEVNULL):
		return False
	stamp.write_text(AXE)
	return True


def main(arguments: list[str]) -> int:
	"""The exit code of pytest; 0 if skipped."""
	bench = find_bench()
	missing = problem(bench) if bench else "no bench"
	if bench is None or missing:
		say(f"browser tests skipped: {missing}")
		return 0
	say(f"bench {bench.path}, site {bench.site}")
	prepare(bench)
	environment = {
		**os.environ,
		"BENCH": str(bench.path),
		"SITE": bench.site,
		"COMMERCE_BRIDGE_BROWSER_TESTS": str(BUILD),
	}
	pytest = [
		sys.executable,
		"-m",
		"pytest",
		"-o",
		f"timeout={TIMEOUT_SECONDS}",
		str(Path("tests") / "browser"),
	]
	return subprocess.call([*pytest, *arguments], cwd=ROOT, env=environment)


if __name__ == "__main__":
	sys.exit(main(sys.argv[1:]))
