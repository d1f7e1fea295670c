"""The HTTP entry points on a site: who is let in, and what is answered."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any
from unittest.mock import patch

import frappe

from commerce_bridge import api
from commerce_bridge.bridge.channel import ChannelStatus
from commerce_bridge.bridge.clock import in_microseconds, utc_now
from commerce_bridge.bridge.errors import Retryable
from commerce_bridge.bridge.protocols import (
	SuggestedLocation,
	SuggestedShipping,
	SuggestedTax,
	Suggestions,
)
from commerce_bridge.erpnext import inbox
from commerce_bridge.permissions import METHODS
from commerce_bridge.tests.base import SiteTestCase
from commerce_bridge.tests.factory import SiteFixture
from commerce_bridge.tests.webhooks import PATH, SHOP, WebhookCase

CONNECTOR = "commerce_bridge.connectors.custom.connector.CustomConnector"


class TestWebhook(WebhookCase):
	def test_signed_is_stored_and_acknowledged(self) -> None:
		for number, path in enumerate(
			(PATH, "/api/v1/method/commerce_bridge.api.webhook", PATH.replace("api/", "api/v2/", 1))
		):
			answer = self.post(self.event, path=path)
			self.assertEqual(answer.status_code, 200, path)
			self.assertEqual(len(self.rows()), number + 1, path)
		self.assertIn(answer.json["log"], [row.name for row in self.rows()])

	def test_the_answer_says_when_it_was_stored(self) -> None:
		committed: list[str] = []

		@contextmanager
		def watched() -> Iterator[None]:
			with inbox_transaction():
				yield
			committed.append(in_microseconds(utc_now()))

		inbox_transaction = inbox.short_transaction
		with patch.object(inbox, "short_transaction", watched):
			answer = self.post(self.event)
		self.assertLessEqual(committed[-1], answer.json["received_at"])
		self.assertLessEqual(answer.json["received_at"], in_microseconds(utc_now()))

	def test_unsigned_unknown_and_disabled_get_the_same_401(self) -> None:
		wrong = {"webhook-signature": "v1," + base64.b64encode(b"x" * 32).decode()}
		answers = [self.post(self.event, **wrong), self.post(self.event, channel="No Such Shop")]
		self.fixture.make_channel(SHOP, status=ChannelStatus.DISABLED)
		answers.append(self.post(self.event))
		self.assertEqual([(answer.status_code, answer.data) for answer in answers], [(401, b"")] * 3)
		self.assertEqual(self.rows(), [])
		self.assertGreaterEqual(inbox.rejected(SHOP), 2)

	def test_a_body_cannot_choose_another_method(self) -> None:
		answer = self.post({**self.event, "cmd": "frappe.ping", "sid": "x", "doctype": "User", "flags": {}})
		self.assertEqual(answer.status_code, 200)
		self.assertEqual(len(self.rows()), 1)

	def test_a_duplicate_answers_with_the_first_log(self) -> None:
		body = json.dumps(self.event).encode()
		headers = self.signature(body, "msg_same")
		answers = [self.post(body, **headers) for _ in range(2)]
		self.assertEqual([answer.status_code for answer in answers], [200, 200])
		self.assertEqual(answers[0].json["log"], answers[1].json["log"])
		self.assertTrue(answers[1].json["duplicate"])

	def test_signed_rubbish_is_kept(self) -> None:
		answer = self.post(b'{"type": ', **{"content-type": "text/plain"})
		self.assertEqual(answer.status_code, 400)
		self.assertEqual([row.state for row in self.rows()], ["Failed"])

	def test_paused_accepts_and_holds(self) -> None:
		self.fixture.make_channel(SHOP, status=ChannelStatus.PAUSED)
		self.assertEqual(self.post(self.event).status_code, 200)
		self.assertEqual([row.state for row in self.rows()], ["Queued"])

	def test_get_is_refused(self) -> None:
		self.assertEqual(self.request("GET", f"{PATH}?channel={SHOP}").status_code, 403)
		self.assertEqual(self.rows(), [])

	def test_networks_are_a_list_of_those_allowed(self) -> None:
		self.fixture.make_channel(SHOP, allowed_ips="203.0.113.0/24")
		self.assertEqual(self.post(self.event).status_code, 401)
		self.assertEqual(self.post(self.event, **{"X-Forwarded-For": "203.0.113.9"}).status_code, 200)

	def test_a_dead_redis_costs_nothing(self) -> None:
		with (
			patch("commerce_bridge.erpnext.wake._client", side_effect=_refused),
			patch("commerce_bridge.erpnext.wake._dead_until", 0.0),
		):
			self.assertEqual(self.post(self.event).status_code, 200)
		self.assertEqual(len(self.rows()), 1)


def _refused() -> None:
	import redis

	raise redis.exceptions.ConnectionError


class TestRights(SiteTestCase):
	"""Every whitelisted method, by role: what is not in the table is refused."""

	arguments: dict[str, dict[str, Any]] = {
		"retry": {"names": []},
		"replay": {"names": []},
		"skip": {"names": [], "reason": "because"},
		"accept_difference": {"name": "x", "difference": "0.01", "reason": "because"},
		"retry_with_current_version": {"name": "x"},
		"stop_walk": {"channel": SHOP, "kind": "stock"},
		"repair_drift": {"names": ["x"]},
		"set_publication": {"names": ["x"], "publication": "Paused"},
		"health": {},
		"personal_data": {"log": "x"},
		"connectors": {},
		"documentation": {},
		"documentation_picture": {"name": "x"},
		"events_by_state": {},
		"oldest_waiting": {},
		"time_to_document": {},
		"document_entries": {"doctype": "Sales Order", "name": "x"},
		"link_unmapped": {"channel": SHOP, "product": {}, "item_code": "x"},
		"create_unmapped": {
			"channel": SHOP,
			"product": {},
			"item_code": "x",
			"item_name": "x",
			"item_group": "x",
		},
		"import_orders_since": {"channel": SHOP, "since": "2026-01-01"},
		"approve_return": {"name": "x"},
		"decline_return": {"name": "x", "reason": "because"},
		"cancel_return": {"name": "x"},
		"close_return": {"name": "x"},
		"returnable": {"name": "x"},
		"receive_return": {"name": "x"},
		"inspect_return": {"name": "x"},
		"payout_reports": {},
		"find_payout_matches": {"name": "x"},
		"payout_candidates": {"name": "x", "row": "x"},
	}

	def setUp(self) -> None:
		SiteFixture().make_channel(SHOP)
		self.addCleanup(frappe.set_user, "Administrator")

	def user(self, role: str | None) -> str:
		email = f"cb-{frappe.scrub(role or 'nobody')}@example.com"
		if not frappe.db.exists("User", email):
			user = {
				"doctype": "User",
				"email": email,
				"first_name": role or "Nobody",
				"send_welcome_email": 0,
			}
			frappe.get_doc(user).insert(ignore_permissions=True)
		if role:
			frappe.get_doc("User", email).add_roles(role)
		return email

	def test_refused_without_the_role(self) -> None:
		roles = (
			None,
			"Sales User",
			"Commerce Bridge User",
			"Commerce Bridge Manager",
			"Commerce Bridge Integration",
		)
		for role in roles:
			user = self.user(role)
			for method, allowed in METHODS.items():
				name = method.rsplit(".", 1)[1]
				if name == "webhook" or role in allowed:
					continue
				frappe.set_user(user)
				with self.subTest(role=role, method=name), self.assertRaises(frappe.PermissionError):
					getattr(api, name)(**self.arguments.get(name, {"channel": SHOP}))
				frappe.set_user("Administrator")

	def test_guests_are_refused(self) -> None:
		frappe.set_user("Guest")
		for method in METHODS:
			name = method.rsplit(".", 1)[1]
			if name != "webhook":
				with self.subTest(method=name), self.assertRaises(frappe.PermissionError):
					getattr(api, name)(**self.arguments.get(name, {"channel": SHOP}))

	def test_operators_read_and_retry(self) -> None:
		frappe.set_user(self.user("Commerce Bridge User"))
		self.assertEqual(api.connectors()[0], "custom")
		self.assertEqual(api.retry([]), 0)
		self.assertEqual(api.channel_health(SHOP)["status"], "Active")
		self.assertIn(SHOP, api.health()["channels"])

	def test_managers_rotate_and_confirm(self) -> None:
		frappe.set_user(self.user("Commerce Bridge Manager"))
		self.assertTrue(api.rotate_secret(SHOP)["secret"].startswith("whsec_"))
		api.confirm_site(SHOP)
		self.assertTrue(all("title" in check for check in api.test_connection(SHOP)))
		self.assertEqual(api.preview_stock(SHOP), [])

	def test_suggestions_are_what_the_saved_tables_lack(self) -> None:
		frappe.set_user(self.user("Commerce Bridge Manager"))
		self.assertIsNone(api.suggestions(SHOP), "a custom storefront cannot be asked")
		taxes = (SuggestedTax("VAT", None, Decimal("7.5"), "Order #1"),)
		places = (SuggestedLocation("17", "Hall"),)
		found = Suggestions(taxes, (SuggestedShipping("dhl", "DHL"),), places, ("A note",))
		with patch(f"{CONNECTOR}.suggestions", return_value=found):
			answer = api.suggestions(SHOP)
		self.assertEqual(
			[(tax["title"], tax["rate"], tax["covered"]) for tax in answer["taxes"]], [("VAT", "7.5", True)]
		)
		self.assertEqual([method["covered"] for method in answer["shipping"]], [True])
		self.assertEqual([place["id"] for place in answer["locations"]], ["17"])
		self.assertEqual(json.loads(frappe.as_json(answer))["notes"], ["A note"])

	def test_suggestions_of_a_shop_that_does_not_answer(self) -> None:
		frappe.set_user(self.user("Commerce Bridge Manager"))
		gone = Retryable("The shop <b>answered</b> 503")
		with patch(f"{CONNECTOR}.suggestions", side_effect=gone):
			with self.assertRaisesRegex(frappe.ValidationError, "&lt;b&gt;answered"):
				api.suggestions(SHOP)

	def test_the_schema_is_public(self) -> None:
		frappe.set_user("Guest")
		self.assertIn("$defs", api.schema())
