"""A channel and the shop it may use: credentials, tokens, a person's consent, webhooks that are kept up."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import timedelta
from typing import Any
from unittest.mock import patch
from urllib.parse import parse_qs, urlencode, urlsplit

import frappe
from frappe.utils import add_to_date, now_datetime
from frappe.utils.password import get_decrypted_password

from commerce_bridge import api, tasks
from commerce_bridge.bridge.clock import utc_now
from commerce_bridge.bridge.errors import Rejected, Retryable
from commerce_bridge.bridge.protocols import HttpResponse, Token
from commerce_bridge.bridge.webhooks import FOLLOW
from commerce_bridge.erpnext import authorisation, channel_settings, channel_state
from commerce_bridge.tests.factory import USER, SiteFixture
from commerce_bridge.tests.webhooks import PATH, WebhookCase

SHOP = "Authorised Shop"
DOMAIN = "authorised.myshopify.com"
TRANSPORT = "commerce_bridge.connectors.shopify.transport.KeptTransport.send"
CONNECTOR = "commerce_bridge.connectors.shopify.connector.ShopifyConnector"
GIVEN = {
	"platform": "shopify",
	"store_url": f"https://{DOMAIN}",
	"authentication": "Authorisation",
	"api_key": "client-id",
	"api_secret": "shpss_current",
}


class ShopCase(WebhookCase):
	def setUp(self) -> None:
		self.fixture = SiteFixture()
		frappe.delete_doc("Channel Settings", SHOP, ignore_missing=True)  # and what it keeps of secrets
		self.fixture.make_channel(SHOP, **GIVEN)
		self.addCleanup(frappe.set_user, "Administrator")

	def settings(self, **values: Any) -> None:
		frappe.db.rollback()
		doc = frappe.get_doc("Channel Settings", SHOP)
		doc.update(values)
		doc.save()
		frappe.db.commit()

	def query(self, state: str, secret: str = "shpss_current", **changes: str) -> dict[str, str]:
		"""What Shopify sends with the browser."""
		values = {
			"code": "c0de",
			"shop": DOMAIN,
			"state": state,
			"timestamp": str(int(utc_now().timestamp())),
			**changes,
		}
		text = "&".join(f"{name}={value}" for name, value in sorted(values.items()))
		return {**values, "hmac": hmac.digest(secret.encode(), text.encode(), "sha256").hex()}

	def begin(self) -> str:
		"""Begins, and returns the state."""
		return parse_qs(urlsplit(api.authorise(SHOP)).query)["state"][0]


def granted(*_arguments: Any, **_values: Any) -> HttpResponse:
	return HttpResponse(200, {}, b'{"access_token": "shpua_1", "scope": "read_orders"}')


class TestAuthorisation(ShopCase):
	def test_a_person_connects_the_channel(self) -> None:
		url = urlsplit(api.authorise(SHOP))
		values = parse_qs(url.query)
		self.assertEqual((url.netloc, url.path), (DOMAIN, "/admin/oauth/authorize"))
		self.assertEqual(values["redirect_uri"], [authorisation.callback_url()])
		with patch(TRANSPORT, side_effect=granted) as send:
			self.assertEqual(authorisation.finish(self.query(values["state"][0])), SHOP)
		self.assertEqual(send.call_args.args[1], f"https://{DOMAIN}/admin/oauth/access_token")
		frappe.db.rollback()
		self.assertEqual(channel_state.get_token(SHOP), Token("shpua_1"))

	def test_a_state_holds_once(self) -> None:
		state = self.begin()
		with patch(TRANSPORT, side_effect=granted):
			authorisation.finish(self.query(state))
			with self.assertRaises(Rejected):
				authorisation.finish(self.query(state))

	def test_a_state_that_was_guessed_is_refused_and_used_up(self) -> None:
		state = self.begin()
		handle = state.partition(".")[0]
		for guessed in ("", ".", state[:-1], f"{handle}.x", f"{handle}.ü", "x." + state, f"{handle}."):
			with patch(TRANSPORT) as send, self.assertRaises(Rejected):
				authorisation.finish(self.query(guessed))
			send.assert_not_called()
		with self.assertRaises(Rejected):
			authorisation.finish(self.query(state))
		self.assertIsNone(channel_state.get_token(SHOP))

	def test_a_state_holds_ten_minutes(self) -> None:
		handle = self.begin().partition(".")[0]
		left = frappe.cache.ttl(authorisation._key(handle))
		self.assertTrue(590 <= left <= 600, left)

	def test_what_the_platform_did_not_sign_is_refused(self) -> None:
		for changes in ({"secret": "shpss_other"}, {"shop": "other.myshopify.com"}):
			with patch(TRANSPORT) as send, self.assertRaises(Rejected):
				authorisation.finish(self.query(self.begin(), **changes))
			send.assert_not_called()
		self.assertIsNone(channel_state.get_token(SHOP))

	def test_a_copy_of_the_site_connects_to_nothing(self) -> None:
		frappe.db.set_value("Channel Settings", SHOP, "enabled_host", "another.example")
		frappe.clear_document_cache("Channel Settings", SHOP)
		with self.assertRaises(frappe.ValidationError):
			api.authorise(SHOP)

	def test_managers_begin(self) -> None:
		frappe.set_user(USER)
		with self.assertRaises(frappe.PermissionError):
			api.authorise(SHOP)

	def test_a_channel_that_needs_none_says_so(self) -> None:
		self.fixture.make_channel("Own Shop")
		with self.assertRaises(frappe.ValidationError):
			api.authorise("Own Shop")

	def test_the_browser_comes_back_as_a_guest_and_is_sent_on(self) -> None:
		state = self.begin()
		frappe.db.commit()
		with patch(TRANSPORT, side_effect=granted):
			answer = self.browse(self.query(state))
		self.assertEqual(answer.status_code, 302, answer.data)
		self.assertIn("/app/channel-settings/", answer.headers["location"])
		frappe.db.rollback()
		self.assertEqual(channel_state.get_token(SHOP), Token("shpua_1"))

	def test_a_guest_without_a_state_gets_nowhere(self) -> None:
		answer = self.browse(self.query("a.b"))
		self.assertEqual(answer.status_code, 417)
		self.assertIn(b"press Connect to Shop again", answer.data)

	def browse(self, query: dict[str, str]) -> Any:
		"""A GET by a browser that is not logged in."""
		answer = self.request("GET", f"{authorisation.CALLBACK}?{urlencode(query)}")
		frappe.set_user("Administrator")
		return answer


class TestToken(ShopCase):
	def setUp(self) -> None:
		super().setUp()
		channel_state.save_token(SHOP, Token("shpua_1", utc_now() + timedelta(days=1)))

	def test_it_is_encrypted(self) -> None:
		[row] = frappe.db.sql("SELECT * FROM `tabChannel State` WHERE name = %s", SHOP, as_dict=True)
		auth = frappe.db.sql(
			"SELECT password FROM __Auth WHERE doctype = 'Channel State' AND name = %s AND fieldname = 'token'",
			SHOP,
		)
		self.assertNotIn("shpua", str(row) + str(auth))
		self.assertEqual(get_decrypted_password("Channel State", SHOP, "token"), "shpua_1")

	def test_it_is_not_sent_to_another_shop_or_by_another_app(self) -> None:
		for change in (
			{"store_url": "https://other.myshopify.com"},
			{"api_key": "other"},
			{"api_secret": "shpss_other"},
			{"authentication": "Client Credentials"},
		):
			channel_state.save_token(SHOP, Token("shpua_1"))
			self.settings(**change)
			self.assertIsNone(channel_state.get_token(SHOP), change)

	def test_other_changes_leave_it(self) -> None:
		self.settings(order_statuses="paid", api_version="2026-07")
		self.assertIsNotNone(channel_state.get_token(SHOP))

	def test_it_goes_with_the_channel(self) -> None:
		frappe.delete_doc("Channel Settings", SHOP)
		frappe.db.commit()
		left = frappe.db.sql("SELECT name FROM __Auth WHERE doctype = 'Channel State' AND name = %s", SHOP)
		self.assertEqual(left, ())


class TestSecret(ShopCase):
	def webhook_secrets(self) -> tuple[str, ...]:
		channel_settings.forget()
		return channel_settings.credentials(SHOP).webhook_secrets

	def test_a_replaced_api_secret_signs_for_a_day(self) -> None:
		self.settings(api_secret="shpss_next")
		self.assertEqual(self.webhook_secrets(), ("shpss_current",))
		self.assertEqual(channel_settings.credentials(SHOP).api_secret, "shpss_next")
		ends = frappe.db.get_value("Channel Settings", SHOP, "previous_secret_expires")
		self.assertTrue(now_datetime() < ends <= add_to_date(now_datetime(), days=1))
		frappe.db.set_value("Channel Settings", SHOP, "previous_secret_expires", now_datetime())
		self.assertEqual(self.webhook_secrets(), ())

	def test_saved_again_it_is_not_replaced(self) -> None:
		self.settings(order_statuses="paid")
		self.settings(api_secret="shpss_current")
		self.assertEqual(self.webhook_secrets(), ())

	def test_a_secret_of_ours_would_sign_nothing(self) -> None:
		self.settings(api_secret="shpss_next")
		with self.assertRaises(frappe.ValidationError):
			api.rotate_secret(SHOP)
		self.assertEqual(self.webhook_secrets(), ("shpss_current",))

	def test_where_it_signs_nothing_nothing_is_kept(self) -> None:
		self.fixture.make_channel("Own Shop", api_secret="one")
		doc = frappe.get_doc("Channel Settings", "Own Shop")
		doc.api_secret = "two"
		doc.save()
		self.assertFalse(doc.previous_webhook_secret)

	def test_a_delivery_signed_with_either_is_taken_at_the_endpoint(self) -> None:
		self.settings(api_secret="shpss_next")
		body = json.dumps({"id": 12}).encode()
		for secret, status in (("shpss_next", 200), ("shpss_current", 200), ("shpss_other", 401)):
			self.assertEqual(self.deliver(body, secret).status_code, status, secret)
		self.assertEqual([row.topic for row in self.rows()], ["products/delete"] * 2)

	def test_a_delivery_of_another_shop_or_topic_is_refused_at_the_endpoint(self) -> None:
		body = json.dumps({"id": 12}).encode()
		elsewhere = self.deliver(body, "shpss_current", **{"x-shopify-shop-domain": "other.myshopify.com"})
		self.assertEqual((elsewhere.status_code, self.rows()), (401, []))
		replayed = self.deliver(body, "shpss_current", **{"x-shopify-topic": "orders/create"})
		self.assertEqual(replayed.status_code, 400)
		self.assertEqual([row.state for row in self.rows()], ["Failed"])

	def deliver(self, body: bytes, secret: str, **headers: str) -> Any:
		"""Posts as Shopify does, to the real endpoint."""
		digest = base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()
		sent = {
			"content-type": "application/json",
			"x-shopify-hmac-sha256": digest,
			"x-shopify-shop-domain": DOMAIN,
			"x-shopify-topic": "products/delete",
			"x-shopify-webhook-id": secret,
			**headers,
		}
		return self.request("POST", f"{PATH}?channel={SHOP}", body, sent)


class TestSettings(ShopCase):
	def refused(self, **values: Any) -> str:
		with self.assertRaises(frappe.ValidationError) as raised:
			self.settings(**values)
		frappe.db.rollback()
		return str(raised.exception)

	def test_each_setting_that_is_wrong_is_named(self) -> None:
		for values, label in (
			({"store_url": "https://shop.example"}, "Store URL"),
			({"store_url": ""}, "Store URL"),
			({"api_version": "2024-01"}, "API Version"),
			({"api_key": ""}, "API Key"),
			({"api_secret": ""}, "API Secret"),
			({"authentication": "Access Token"}, "Access Token"),
		):
			self.assertIn(label, self.refused(**values), values)

	def test_a_channel_that_is_not_active_may_be_filled_in_later(self) -> None:
		self.settings(state="Paused", api_key="", api_secret="", store_url="", api_version="")
		self.assertIn("Store URL", self.refused(store_url="https://shop.example"))
		self.assertIn("API Version", self.refused(api_version="soon"))


class TestWebhooksAreKeptUp(ShopCase):
	def follows(self) -> int:
		frappe.db.rollback()
		return frappe.db.count("Sync Log", {"topic": FOLLOW, "channel": SHOP})

	def checked(self, **differ: Any) -> None:
		with (
			patch(f"{CONNECTOR}.webhooks_differ", **differ),
			patch(f"{CONNECTOR}.warnings", return_value=[]),
			patch("commerce_bridge.erpnext.wake.wake"),
		):
			tasks.check_webhooks()

	def test_nothing_is_logged_where_nothing_is_to_be_done(self) -> None:
		self.checked(return_value=False)
		self.assertEqual(self.follows(), 0)

	def test_what_was_dropped_is_registered_again(self) -> None:
		self.checked(return_value=True)
		self.assertEqual(self.follows(), 1)

	def test_a_shop_that_cannot_be_asked_is_asked_by_an_entry(self) -> None:
		self.checked(side_effect=Retryable("no answer"))
		self.assertEqual(self.follows(), 1)

	def test_a_paused_channel_is_left_alone(self) -> None:
		self.settings(state="Paused")
		self.checked(return_value=True)
		self.assertEqual(self.follows(), 0)

	def test_one_entry_is_enough_for_a_shop_that_is_away(self) -> None:
		for _hour in range(3):
			self.checked(side_effect=Retryable("no answer"))
		self.assertEqual(self.follows(), 1)
		frappe.db.set_value("Sync Log", {"topic": FOLLOW, "channel": SHOP}, "state", "Failed")
		frappe.db.commit()
		self.checked(return_value=True)
		self.assertEqual(self.follows(), 2)

	def test_it_runs_each_hour_and_warnings_each_day(self) -> None:
		jobs = frappe.get_hooks("scheduler_events")["cron"]
		for method, wanted in (("check_webhooks", ["*"] * 4), ("tell_warnings", ["1", *["*"] * 3])):
			[schedule] = [
				cron for cron, methods in jobs.items() if f"commerce_bridge.tasks.{method}" in methods
			]
			self.assertEqual(schedule.split()[1:], wanted)
			self.assertRegex(schedule.split()[0], r"^\d+$")
