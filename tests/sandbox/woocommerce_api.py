"""How the tests of the simulated WooCommerce talk to it: a clock, and a client that signs as the PyPI package does."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

import requests
from woocommerce.oauth import OAuth

from sandbox.storefronts.woocommerce import WooCommerceStorefront

START = datetime(2026, 11, 20, 8, tzinfo=timezone.utc)
EVERY_TOPIC = [
	f"{resource}.{event}"
	for resource in ("order", "product", "customer")
	for event in ("created", "updated", "deleted", "restored")
]


class Clock:
	def __init__(self) -> None:
		self.time = START

	def __call__(self) -> datetime:
		return self.time


class Api:
	"""A client that signs as the PyPI package does."""

	def __init__(self, shop: WooCommerceStorefront, clock: Clock):
		self.shop, self.clock = shop, clock
		self.key, self.secret = shop.consumer_key, shop.consumer_secret

	def signed(self, method: str, path: str, params: Mapping[str, Any], **how: Any) -> str:
		url = requests.Request(method, f"{self.shop.url}/wp-json/wc/v3/{path}", params=params).prepare().url
		stamp = how.pop("oauth_timestamp", int(self.clock().timestamp()))
		signer = OAuth(
			url, self.key, self.secret, version="wc/v3", method=method, oauth_timestamp=stamp, **how
		)
		found: str = signer.get_oauth_url()
		return found

	def send(self, method: str, path: str, body: Any = None, **params: Any) -> requests.Response:
		return requests.request(method, self.signed(method, path, params), json=body, timeout=10)

	def get(self, path: str, **params: Any) -> Any:
		answer = self.send("GET", path, **params)
		assert answer.status_code == 200, answer.text
		return answer.json()

	def put(self, path: str, body: Any) -> Any:
		answer = self.send("PUT", path, body)
		assert answer.status_code == 200, answer.text
		return answer.json()

	def post(self, path: str, body: Any) -> Any:
		answer = self.send("POST", path, body)
		assert answer.status_code in (200, 201), answer.text
		return answer.json()

	def refused(self, method: str, path: str, body: Any = None, **params: Any) -> tuple[int, str]:
		answer = self.send(method, path, body, **params)
		return answer.status_code, answer.json()["code"]


def topics(shop: WooCommerceStorefront) -> list[tuple[str, int]]:
	return [(told.topic, told.resource_id) for told in shop.take_queue()]


def listen(shop: WooCommerceStorefront) -> None:
	for topic in EVERY_TOPIC:
		shop.subscribe(topic, "https://erp.example/hook")
