"""Base of the site tests that post webhooks: over Frappe's own WSGI application, signed by hand."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import frappe
from werkzeug.test import Client, TestResponse

from commerce_bridge.bridge.channel import Credentials
from commerce_bridge.tests.base import SiteTestCase
from commerce_bridge.tests.factory import SiteFixture

SHOP = "Api Shop"
KEY = b"0123456789abcdef0123456789abcdef"
SECRET = "whsec_" + base64.b64encode(KEY).decode()
PATH = "/api/method/commerce_bridge.api.webhook"


class WebhookCase(SiteTestCase):
	"""A channel with a secret, and a client that knows it."""

	event = {"type": "order.cancelled", "data": {"id": "w-1", "updated_at": "2026-11-20T09:00:00Z"}}

	def setUp(self) -> None:
		self.fixture = SiteFixture()
		self.fixture.make_channel(SHOP)
		self.fixture.set_credentials(SHOP, Credentials(webhook_secrets=(SECRET,)))
		self.ids = 0

	def post(
		self, body: bytes | dict[str, Any], path: str = PATH, channel: str = SHOP, **headers: str
	) -> TestResponse:
		"""Signed as JSON; `headers` come on top. A header that is empty is not sent."""
		raw = body if isinstance(body, bytes) else json.dumps(body).encode()
		self.ids += 1
		signed = {
			**self.signature(raw, f"msg_{self.id()}_{self.ids}"),
			"content-type": "application/json",
			**headers,
		}
		return self.request("POST", f"{path}?channel={channel}", raw, signed)

	def request(
		self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
	) -> TestResponse:
		"""Each request has a context of its own; the test's is made anew."""
		from frappe.app import application

		site = frappe.local.site
		sent = {name: value for name, value in (headers or {}).items() if value}
		try:
			client = Client(application)
			return client.open(path, method=method, data=body, headers={"X-Frappe-Site-Name": site, **sent})
		finally:
			frappe.init(site=site, force=True)
			frappe.connect()
			frappe.flags.in_test = True

	def signature(self, body: bytes, message_id: str, late: int = 0) -> dict[str, str]:
		"""The three headers, from a sender whose clock is `late` seconds behind."""
		now = str(int(time.time()) - late)
		digest = hmac.new(KEY, f"{message_id}.{now}.".encode() + body, hashlib.sha256).digest()
		signature = "v1," + base64.b64encode(digest).decode()
		return {"webhook-id": message_id, "webhook-timestamp": now, "webhook-signature": signature}

	def rows(self) -> list[Any]:
		frappe.db.rollback()
		fields = ["name", "state", "payload", "topic", "error_class", "message"]
		return frappe.get_all("Sync Log", {"direction": "Inbound"}, fields)
