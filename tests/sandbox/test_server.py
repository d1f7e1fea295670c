"""The embedded ERP on the network: real HTTP, real processes."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest

from commerce_bridge.bridge.protocols import NewEntry
from sandbox.local_server import LocalServer
from sandbox.server import WEBHOOK_PATH, ErpSite
from sandbox.storefronts.signing import sign
from tests.sandbox.stage import CHANNEL, SECRET, Stage


@pytest.fixture
def stage() -> Iterator[Stage]:
	stage = Stage()
	yield stage
	stage.close()


@pytest.fixture
def site(stage: Stage) -> Iterator[str]:
	with LocalServer(ErpSite(stage.sandbox, stage.transport).handle) as server:
		yield urlsplit(server.url).netloc


def request(site: str, method: str, path: str, headers=None, body: bytes = b"") -> tuple[int, bytes]:
	connection = http.client.HTTPConnection(site, timeout=10)
	try:
		connection.request(method, path, body=body, headers=headers or {})
		response = connection.getresponse()
		return response.status, response.read()
	finally:
		connection.close()


def test_a_signed_order_is_stored_and_a_repeat_is_known(stage: Stage, site: str) -> None:
	event = stage.shop.upsert(stage.order(1, 1, PHONE=1))
	headers = sign(SECRET, event.webhook_id, event.body, stage.now())
	path = f"{WEBHOOK_PATH}?channel={quote(CHANNEL)}"
	first = request(site, "POST", path, headers, event.body)
	again = request(site, "POST", path, headers, event.body)
	assert (first[0], again[0]) == (200, 200)
	stored, known = json.loads(first[1]), json.loads(again[1])
	assert known == stored | {"duplicate": True, "received_at": known["received_at"]}
	assert known["received_at"] > stored["received_at"]
	[row] = stage.sandbox.journal.entries(direction="Inbound")
	assert (row["name"], row["state"], row["external_id"]) == (json.loads(first[1])["log"], "Queued", "9001")


def test_unsigned_and_foreign_requests_are_refused_alike(stage: Stage, site: str) -> None:
	known = request(site, "POST", f"{WEBHOOK_PATH}?channel={quote(CHANNEL)}", body=b"{}")
	foreign = request(site, "POST", f"{WEBHOOK_PATH}?channel=Other", body=b"{}")
	assert known == foreign == (401, b"")
	assert request(site, "GET", f"{WEBHOOK_PATH}?channel={quote(CHANNEL)}")[0] == 403
	assert request(site, "GET", "/elsewhere")[0] == 404
	assert stage.sandbox.journal.entries() == []


def test_the_page_escapes_what_it_shows(stage: Stage, site: str) -> None:
	nasty = '<script>alert("x")</script>'
	with stage.sandbox.erp.transaction():
		stage.sandbox.journal.record(
			[NewEntry(CHANNEL, "Inbound", nasty, "k", "{}", external_number=nasty, message=nasty)]
		)
	status, page = request(site, "GET", "/")
	assert status == 200
	assert page.count(b"&lt;script&gt;") == 3
	assert b"<script" not in page


def test_a_shop_that_hangs_up_is_seen_as_such(stage: Stage) -> None:
	stage.shop.start()
	try:
		stage.shop.outage = "reset"
		with pytest.raises((http.client.HTTPException, OSError)):
			request(urlsplit(stage.shop.url).netloc, "POST", "/")
		stage.shop.outage = True
		assert request(urlsplit(stage.shop.url).netloc, "POST", "/")[0] == 503
		assert stage.shop.requests_refused == 2
	finally:
		stage.shop.stop()


@pytest.mark.parametrize("platform", ["custom", "shopify"])
def test_the_demo_ends_well_and_says_so(platform: str) -> None:
	done = subprocess.run(
		[sys.executable, "-m", "sandbox.demo"],
		cwd=Path(__file__).parents[2],
		env={"PATH": "/usr/bin:/bin", "COLUMNS": "120", "CHANNEL": platform},
		capture_output=True,
		text=True,
		timeout=250,
		check=False,
	)
	assert done.returncode == 0, done.stdout + done.stderr
	assert "Nothing lost, doubled or unequal." in done.stdout
	assert "BRAND-NEW-10" in done.stdout


def test_the_demo_knows_which_platforms_it_can_simulate() -> None:
	done = subprocess.run(
		[sys.executable, "-m", "sandbox.demo"],
		cwd=Path(__file__).parents[2],
		env={"CHANNEL": "nosuchshop", "COLUMNS": "120"},
		capture_output=True,
		text=True,
		timeout=60,
		check=False,
	)
	assert done.returncode == 1
	assert "custom, shopify" in done.stdout
