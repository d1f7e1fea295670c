"""The shop with a page, as the person sees it who tries a site with it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from urllib.parse import quote, urlencode

import pytest

from sandbox.local_server import LocalServer
from sandbox.server import WEBHOOK_PATH, ErpSite
from sandbox.shop import Shop
from tests.sandbox.stage import CHANNEL, SECRET, Stage


@pytest.fixture
def stage() -> Iterator[Stage]:
	stage = Stage()
	yield stage
	stage.close()


@pytest.fixture
def webhook(stage: Stage) -> Iterator[str]:
	with LocalServer(ErpSite(stage.sandbox, stage.transport).handle) as server:
		yield f"{server.url}{WEBHOOK_PATH}?channel={quote(CHANNEL)}"


def press(shop: Shop, path: str, **values: str) -> tuple[int, str]:
	[token] = set(re.findall(r'name="token" value="([^"]+)"', shop.page()))
	return send(shop, path, {"token": token} | values)


def send(shop: Shop, path: str, values: Mapping[str, str]) -> tuple[int, str]:
	status, _headers, body = shop.handle("POST", path, {}, urlencode(values).encode())
	return status, body.decode()


def test_a_click_is_an_order_in_the_sync_log(stage: Stage, webhook: str) -> None:
	shop = Shop(now=stage.now)
	connected = press(shop, "/connect", url=webhook, secret=SECRET, currency="eur")
	assert "Connected" in connected[1]
	bought = press(shop, "/order", sku="MUG")
	[row] = stage.sandbox.journal.entries(direction="Inbound")
	assert (row["state"], row["external_number"]) == ("Queued", re.findall(r"WEB-\d+", bought[1])[0])
	assert "taken" in bought[1]


@pytest.mark.parametrize(
	("field", "value", "said"),
	[
		("url", "http://127.0.0.1:8000/app", "webhook URL"),
		("secret", "secret", "whsec_"),
		("currency", "Euro", "three letters"),
	],
)
def test_what_cannot_be_right_is_not_taken(field: str, value: str, said: str) -> None:
	typed = {"url": "http://127.0.0.1:8000/x?channel=A", "secret": SECRET, "currency": "EUR"} | {field: value}
	shop = Shop()
	assert said in press(shop, "/connect", **typed)[1]
	assert "Connect the shop" in press(shop, "/order", sku="MUG")[1]


def test_a_wrong_secret_and_a_site_that_is_down_are_told(stage: Stage, webhook: str) -> None:
	shop = Shop(now=stage.now)
	press(shop, "/connect", url=webhook, secret="whsec_b3RoZXI=", currency="EUR")
	assert "the secret or the channel&#x27;s name is wrong" in press(shop, "/order", sku="MUG")[1]
	press(shop, "/connect", url="http://127.0.0.1:9/hook?channel=A", secret=SECRET, currency="EUR")
	assert "is the site running?" in press(shop, "/order", sku="CAP")[1]


def test_another_page_cannot_press_the_buttons(stage: Stage, webhook: str) -> None:
	shop = Shop(now=stage.now)
	press(shop, "/connect", url=webhook, secret=SECRET, currency="EUR")
	assert send(shop, "/order", {"sku": "MUG", "token": "guessed"})[0] == 403
	assert not stage.sandbox.journal.entries(direction="Inbound")


def test_what_was_typed_is_shown_as_text() -> None:
	shop = Shop()
	url = "http://127.0.0.1:8000/x?channel=<script>alert(1)</script>"
	press(shop, "/connect", url=url, secret=SECRET, currency="EUR")
	assert "<script>" not in shop.page() and "&lt;script&gt;" in shop.page()
