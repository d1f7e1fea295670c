"""A WooCommerce channel on a site: its settings, the keys that the shop posts, what is known of it, its ping."""

from __future__ import annotations

import json
from typing import Any
from unittest.mock import patch
from urllib.parse import parse_qs, urlsplit

import frappe
from werkzeug.test import TestResponse

from commerce_bridge import api
from commerce_bridge.bridge.channel import BundleRows, ChannelStatus, RowMap, ShippedPolicy
from commerce_bridge.bridge.errors import Misconfigured
from commerce_bridge.bridge.protocols import Token
from commerce_bridge.erpnext import authorisation, channel_settings, channel_state, inbox
from commerce_bridge.tests.factory import USER, SiteFixture
from commerce_bridge.tests.webhooks import PATH, WebhookCase

SHOP = "Woo Shop"
GIVEN = {
	"platform": "woocommerce",
	"store_url": "https://woo.example/en",
	"api_key": "ck_typed",
	"api_secret": "cs_typed",
}
KEYS = {
	"key_id": 7,
	"consumer_key": "ck_" + "1" * 40,
	"consumer_secret": "cs_" + "2" * 40,
	"key_permissions": "read_write",
}
FORM = {"content-type": "application/x-www-form-urlencoded"}


class WooCase(WebhookCase):
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

	def refused(self, **values: Any) -> str:
		with self.assertRaises(frappe.ValidationError) as raised:
			self.settings(**values)
		frappe.db.rollback()
		return str(raised.exception)


class TestSettings(WooCase):
	def test_what_the_channel_says_is_what_the_engine_works_with(self) -> None:
		channel = self.fixture.make_channel(
			SHOP,
			**GIVEN,
			shipped_status="shipped",
			partly_shipped_status="partial",
			import_renewals=0,
			bundle_rows="Containers",
			bundle_keys="_my_part = _my_box\n\n_other=_box",
			tax_id_keys="vat\n_umsatzsteuer",
		)
		self.assertEqual(channel.shipped, ShippedPolicy(whole="shipped", part="partial"))
		keys = (RowMap(part="_my_part", container="_my_box"), RowMap(part="_other", container="_box"))
		self.assertEqual(channel.bundle_rows, BundleRows(book="Containers", keys=keys))
		self.assertEqual(channel.tax_id_keys, ("vat", "_umsatzsteuer"))
		self.assertFalse(channel.orders.renewals)

	def test_a_new_channel_imports_what_is_paid_or_will_be(self) -> None:
		channel = self.fixture.make_channel(SHOP, **GIVEN)
		self.assertEqual(channel.orders.statuses, ("processing", "on-hold", "completed"))
		self.assertEqual(channel.shipped, ShippedPolicy(whole="completed"))
		self.assertTrue(channel.orders.renewals)
		named = self.fixture.make_channel(SHOP, **GIVEN, order_statuses="packed")
		self.assertEqual(named.orders.statuses, ("packed",))
		self.assertEqual(self.fixture.make_channel("Own Shop").orders.statuses, ())

	def test_the_form_says_which_statuses_are_taken_where_none_is_named(self) -> None:
		told = frappe.get_meta("Channel Settings").get_field("order_statuses").description
		for status in self.fixture.make_channel(SHOP, **GIVEN).orders.statuses:
			self.assertIn(status, told)

	def test_each_setting_that_is_wrong_is_named(self) -> None:
		for values, label in (
			({"bundle_keys": "_part"}, "Further Keys of Bundles"),
			({"bundle_keys": "_part="}, "Further Keys of Bundles"),
			({"bundle_keys": "a=b=c"}, "Further Keys of Bundles"),
			({"bundle_keys": "a=b\na=c"}, "Further Keys of Bundles"),
			({"order_statuses": "processing\nwc-completed"}, "Only Orders with Status"),
			({"shipped_status": "wc-completed"}, "Status When Shipped"),
			({"partly_shipped_status": "Partly Shipped"}, "Status When Partly Shipped"),
			({"store_url": "ftp://woo.example"}, "Store URL"),
			({"store_url": ""}, "Store URL"),
			({"api_key": ""}, "API Key"),
			({"api_secret": ""}, "API Secret"),
		):
			with self.subTest(values=values):
				self.assertIn(label, self.refused(**values))

	def test_a_status_of_another_platform_is_not_looked_at(self) -> None:
		self.fixture.make_channel("Own Shop", order_statuses="wc-completed")

	def test_only_what_the_platform_needs_is_asked_for(self) -> None:
		"""Fields of the connection and the orders, as the form shows them for each platform."""
		fields = {
			field.fieldname: field.depends_on or "" for field in frappe.get_meta("Channel Settings").fields
		}
		own = (
			"shipped_status",
			"partly_shipped_status",
			"import_renewals",
			"bundle_rows",
			"bundle_keys",
			"tax_id_keys",
		)
		for fieldname in own:
			self.assertEqual(fields[fieldname], 'eval:doc.platform == "woocommerce"', fieldname)
		for fieldname in ("authentication", "api_version"):
			self.assertEqual(fields[fieldname], 'eval:doc.platform == "shopify"', fieldname)
		for fieldname in ("access_token", "watch_stock"):
			self.assertIn("woocommerce", fields[fieldname])
		for fieldname in ("test_orders", "fulfilled_in_shop", "gift_card_item"):
			self.assertEqual(fields[fieldname], 'eval:doc.platform != "woocommerce"', fieldname)


class TestSecret(WooCase):
	def secrets(self) -> tuple[str, ...]:
		channel_settings.forget()
		return channel_settings.credentials(SHOP).webhook_secrets

	def test_a_channel_has_one_of_letters_and_digits_from_the_start(self) -> None:
		[secret] = self.secrets()
		self.assertRegex(secret, "^[a-z0-9]{64}$")
		self.settings(order_statuses="processing")
		self.assertEqual(self.secrets(), (secret,))

	def test_the_shop_is_told_of_a_new_one(self) -> None:
		[before] = self.secrets()
		with patch("frappe.enqueue") as enqueue:
			self.assertEqual(api.rotate_secret(SHOP), {"secret": None})
		asked = [call for call in enqueue.call_args_list if call.args[0] == "commerce_bridge.tasks.look_at"]
		self.assertEqual([call.kwargs["channel"] for call in asked], [SHOP])
		new, kept = self.secrets()
		self.assertEqual(kept, before)
		self.assertNotEqual(new, before)

	def test_other_platforms_are_told_by_a_person(self) -> None:
		self.fixture.make_channel("Own Shop")
		self.assertTrue((api.rotate_secret("Own Shop")["secret"] or "").startswith("whsec_"))


class TestFacts(WooCase):
	def test_people_see_what_is_known_of_the_shop(self) -> None:
		channel_state.save_facts(
			SHOP, {"WooCommerce": "10.2.4", "Tracking": "Notes", "webhooks_signed_with": "ab"}
		)
		self.assertEqual(api.channel_health(SHOP)["facts"], {"WooCommerce": "10.2.4", "Tracking": "Notes"})

	def test_those_of_another_shop_are_forgotten(self) -> None:
		for change, left in (({"shipped_status": ""}, 1), ({"store_url": "https://other.example"}, 0)):
			channel_state.save_facts(SHOP, {"WooCommerce": "10.2.4"})
			self.settings(**change)
			self.assertEqual(len(channel_state.get_facts(SHOP)), left, change)


class TestKeyExchange(WooCase):
	def setUp(self) -> None:
		super().setUp()
		self.fixture.make_channel(
			SHOP, **GIVEN | {"api_key": "", "api_secret": ""}, status=ChannelStatus.PAUSED
		)

	def begin(self) -> dict[str, str]:
		"""Begins; what the shop's page is asked for."""
		with patch("commerce_bridge.erpnext.authorisation.get_url", return_value="https://erp.example"):
			url = urlsplit(api.authorise(SHOP))
		frappe.db.commit()
		self.assertEqual((url.netloc, url.path), ("woo.example", "/en/wc-auth/v1/authorize"))
		return {name: values[0] for name, values in parse_qs(url.query).items()}

	def posted(self, state: str, **changes: Any) -> TestResponse:
		return self.deliver(json.dumps({**KEYS, "user_id": state, **changes}).encode())

	def deliver(self, body: bytes, **headers: str) -> TestResponse:
		"""As the shop does: a POST by nobody who is logged in."""
		sent = {"content-type": "application/json;charset=UTF-8", **headers}
		answer = self.request("POST", authorisation.POSTED, body, sent)
		frappe.set_user("Administrator")
		return answer

	def token(self) -> Token | None:
		frappe.db.rollback()
		return channel_state.get_token(SHOP)

	def test_the_shop_is_asked_for_keys_that_it_posts_here(self) -> None:
		asked = self.begin()
		self.assertEqual(asked["scope"], "read_write")
		self.assertEqual(asked["callback_url"], f"https://erp.example{authorisation.POSTED}")
		self.assertIn("/app/channel-settings", asked["return_url"])
		self.assertNotIn("%", asked["return_url"])

	def test_keys_that_are_posted_are_kept(self) -> None:
		answer = self.posted(self.begin()["user_id"])
		self.assertEqual((answer.status_code, answer.data), (200, b""))
		self.assertEqual(self.token(), Token(f"{KEYS['consumer_key']}:{KEYS['consumer_secret']}"))

	def test_with_them_the_channel_may_be_active_without_typed_ones(self) -> None:
		self.assertIn("API Key", self.refused(state="Active"))
		self.posted(self.begin()["user_id"])
		self.settings(state="Active")
		self.assertIn("API Key", self.refused(store_url="https://other.example"))
		self.assertIsNotNone(self.token())
		self.settings(api_key="ck_typed", api_secret="cs_typed")
		self.assertIsNone(self.token())

	def test_a_state_holds_once(self) -> None:
		state = self.begin()["user_id"]
		self.assertEqual([self.posted(state).status_code for _ in range(2)], [200, 403])

	def test_strangers_are_told_nothing(self) -> None:
		"""A body that says it is JSON and is none is answered by Frappe itself, before any code of ours runs."""
		handle = self.begin()["user_id"].partition(".")[0]
		states = ("", "a.b", f"{handle}.x", 7, None, ["a"])
		told = [KEYS, *({**KEYS, "user_id": state} for state in states), {**KEYS, "cmd": "frappe.ping"}]
		other = (b"", b"{", b"[]", b'"x"', b"webhook_id=1", b"\xff\xfe", b"[" * 7000)
		with patch("frappe.log_error") as logged:
			answers = [self.deliver(json.dumps(body).encode()) for body in told]
			answers += [self.deliver(body, **{"content-type": "text/plain"}) for body in other]
		self.assertEqual({(answer.status_code, answer.data) for answer in answers}, {(403, b"")})
		logged.assert_not_called()
		self.assertIsNone(self.token())

	def test_more_than_keys_can_be_is_not_read(self) -> None:
		answer = self.posted(self.begin()["user_id"], padding="x" * authorisation.MAX_POSTED)
		self.assertEqual((answer.status_code, self.token()), (403, None))

	def test_keys_that_may_not_write_are_refused_and_the_form_says_so(self) -> None:
		answer = self.posted(self.begin()["user_id"], key_permissions="read")
		self.assertEqual((answer.status_code, answer.data, self.token()), (403, b"", None))
		[comment] = frappe.get_all(
			"Comment", {"reference_doctype": "Channel Settings", "reference_name": SHOP}, pluck="content"
		)
		self.assertIn("read and write", comment)

	def test_what_is_unexpected_says_nothing_of_the_keys(self) -> None:
		with patch.object(authorisation, "take_posted", side_effect=ZeroDivisionError("cs_22222")):
			answer = self.posted(self.begin()["user_id"])
		self.assertEqual(answer.status_code, 500)
		self.assertNotIn(b"cs_2", answer.data)
		errors = frappe.get_all(
			"Error Log", {"creation": (">", "2000-01-01")}, pluck="error", limit=3, order_by="creation desc"
		)
		self.assertNotIn("cs_2222", "".join(filter(None, errors)))

	def test_others_do_not_get_in_by_a_session(self) -> None:
		self.assertEqual(self.request("GET", authorisation.POSTED).status_code, 403)
		frappe.set_user(USER)
		with self.assertRaises(frappe.PermissionError):
			api.authorise(SHOP)

	def test_a_site_without_https_says_why_not(self) -> None:
		with patch("commerce_bridge.erpnext.authorisation.get_url", return_value="http://erp.example"):
			with self.assertRaises(Misconfigured) as raised:
				authorisation.begin(SHOP)
		self.assertIn("https", str(raised.exception))
		self.assertIn("host_name", str(raised.exception))


class TestPing(WooCase):
	def ping(self, body: bytes = b"webhook_id=1", channel: str = SHOP, **headers: str) -> TestResponse:
		return self.request("POST", f"{PATH}?channel={channel}", body, FORM | headers)

	def test_it_is_answered_with_exactly_200_and_kept_nowhere(self) -> None:
		for status in (ChannelStatus.ACTIVE, ChannelStatus.PAUSED):
			self.fixture.make_channel(SHOP, **GIVEN, status=status)
			with (
				self.subTest(status=status),
				patch("commerce_bridge.connectors.http.GuardedTransport.send") as send,
			):
				self.assertEqual(self.ping().status_code, 200)
				send.assert_not_called()
		self.assertEqual((self.rows(), inbox.rejected(SHOP, hours=1)), ([], 0))

	def test_what_only_looks_like_one_is_not(self) -> None:
		for body in (
			b"webhook_id=",
			b"webhook_id=x",
			b"webhook_id=1&cmd=frappe.ping",
			b"webhook_id=1\n",
			b"",
		):
			with self.subTest(body=body):
				answer = self.ping(body)
				self.assertEqual((answer.status_code, answer.data), (401, b""))
		signed = {"x-wc-webhook-topic": "order.created", "x-wc-webhook-signature": "AAAA"}
		self.assertEqual(self.ping(**signed).status_code, 401)
		self.assertEqual(self.ping(channel="No Such Shop").status_code, 401)
		self.assertEqual(self.rows(), [])
