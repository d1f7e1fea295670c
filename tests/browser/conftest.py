"""A site, a browser and a simulated shop for the tests in this folder, which only `make test-browser` runs."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
	from playwright.sync_api import Browser

	from tests.browser.desk import Desk
	from tests.browser.desk_site import DeskSite, Stand

ASKED = "COMMERCE_BRIDGE_BROWSER_TESTS"
if ASKED not in os.environ:
	collect_ignore_glob = ["test_*.py"]

WIDTHS = {1280: 900, 390: 844}
CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
WAIT_MILLISECONDS = 40_000
#: What Frappe itself throws: for a report that waits for a filter, for one that may not be seen, and for one that is
#: loaded again, whose chart draws itself once more where it no longer is. No script of ours removes a node.
FRAPPES_OWN = (
	"Filter missing",
	"undefined",
	"Failed to execute 'removeChild' on 'Node': The node to be removed is not a child of this node.",
)


@pytest.fixture(scope="session")
def kept() -> Path:
	"""Where the logs and the last picture of each test stay."""
	folder = Path(os.environ[ASKED]) / "last"
	shutil.rmtree(folder, ignore_errors=True)
	folder.mkdir(parents=True)
	return folder


@pytest.fixture(scope="session")
def site(kept: Path) -> Iterator[DeskSite]:
	from scripts.site_run import find_bench
	from tests.browser.desk_site import DeskSite

	bench = find_bench()
	assert bench, "make test-browser looks for the bench first"
	site = DeskSite(bench, kept)
	try:
		site.start()
		yield site
	finally:
		site.stop()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
	from playwright.sync_api import expect, sync_playwright

	expect.set_options(timeout=WAIT_MILLISECONDS)
	program = next(found for name in CHROMIUM if (found := shutil.which(name)))
	with sync_playwright() as playwright:
		# Every name is this machine: the site's, and nothing outside is asked for anything.
		arguments = ["--host-resolver-rules=MAP * 127.0.0.1"] + (
			["--no-sandbox"] if os.geteuid() == 0 else []
		)
		browser = playwright.chromium.launch(executable_path=program, args=arguments)
		yield browser
		browser.close()


@pytest.fixture(scope="session")
def axe() -> str:
	"""The source of axe-core, which runs in the page."""
	return (Path(os.environ[ASKED]) / "node_modules" / "axe-core" / "axe.min.js").read_text()


@pytest.fixture(scope="session")
def manager(site: DeskSite) -> str:
	return site.manager()


@pytest.fixture(params=WIDTHS, ids=[f"{width}px" for width in WIDTHS])
def size(request: pytest.FixtureRequest) -> dict[str, int]:
	return {"width": request.param, "height": WIDTHS[request.param]}


@pytest.fixture
def window(
	request: pytest.FixtureRequest,
	site: DeskSite,
	chromium: Browser,
	axe: str,
	size: dict[str, int],
	kept: Path,
) -> Iterator[Any]:
	"""Opens a window for a session; afterwards no script may have shown a dialog or failed."""
	from tests.browser.desk import Desk

	opened: list[Desk] = []

	def open_window(session: str) -> Desk:
		context = chromium.new_context(viewport=size, base_url=site.url, locale="en-GB")
		context.set_default_timeout(WAIT_MILLISECONDS)
		context.grant_permissions(["clipboard-read", "clipboard-write"], origin=site.url)
		if session:
			context.add_cookies([{"name": "sid", "value": session, "url": site.url}])
		opened.append(Desk(context.new_page(), site.url, axe))
		return opened[-1]

	yield open_window
	for number, desk in enumerate(opened):
		desk.look(kept, re.sub(r"\W+", "-", f"{request.node.name}-{number}"))
		desk.page.context.close()
	assert [desk.dialogs for desk in opened if desk.dialogs] == []
	assert [error for desk in opened for error in desk.errors if error not in FRAPPES_OWN] == []


@pytest.fixture
def desk(window: Any, manager: str) -> Desk:
	"""The window of a Manager."""
	return window(manager)


@pytest.fixture
def stand(site: DeskSite) -> Iterator[Stand]:
	"""A simulated shop without a channel yet."""
	from tests.browser.desk_site import Stand

	with Stand(site) as stand:
		yield stand
		stand.close_channel()
