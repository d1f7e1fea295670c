"""What people do to entries, what the storefront is asked for, and what is forgotten when."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import frappe
from frappe.utils import add_days, now_datetime

from commerce_bridge import api
from commerce_bridge.bridge import feeds, worker
from commerce_bridge.bridge.channel import Credentials
from commerce_bridge.commerce_bridge.doctype.sync_log.sync_log import SyncLog
from commerce_bridge.erpnext import channel_settings, channel_state, operations, polling, site
from commerce_bridge.erpnext.test_orders import SHOP, OrdersCase, line
from commerce_bridge.tests.storefront import open_storefront
from commerce_bridge.tests.webhooks import SECRET


class EntriesCase(OrdersCase):
	def work(self) -> None:
		frappe.db.commit()
		while worker.run_once(self.world):
			continue
		frappe.db.rollback()

	def state(self, name: str) -> tuple[str, str | None]:
		row = self.fixture.entry(name)
		return row["state"], row["message"]


class TestByHand(EntriesCase):
	def failed(self, external_id: str) -> str:
		row = line("l1", "CB-NOT-THERE", 1, "10.00")
		return self.send("order.upserted", self.order(external_id, row, total="10.00")).name

	def test_skip_keeps_the_reason_and_replay_brings_it_back(self) -> None:
		name = self.failed("s-1")
		self.assertEqual(api.skip([name], "by phone"), 1)
		state, message = self.state_now(name)
		self.assertEqual(state, "Skipped")
		self.assertIn("by phone", message)
		self.assertEqual(api.retry([name]), 0, "a skipped entry is replayed, not retried")
		self.assertEqual(api.replay([name]), 1)
		self.work()
		self.assertEqual(self.state(name)[0], "Failed")
		with self.assertRaises(frappe.ValidationError):
			api.skip([name], "  ")

	def state_now(self, name: str) -> tuple[str, str]:
		frappe.db.commit()
		return self.state(name)

	def test_succeeded_is_left_alone(self) -> None:
		name = self.send("order.upserted", self.simple("s-2")).name
		changed = (api.retry([name]), api.replay([name]), api.skip([name], "no"))
		self.assertEqual(changed, (0, 0, 0))

	def test_exactly_the_difference_that_was_seen_is_accepted(self) -> None:
		account = frappe.db.get_value(
			"Account", {"account_name": "Round Off", "company": self.fixture.company}
		)
		self.fixture.make_channel(SHOP, rounding_account=account)
		name = self.send("order.upserted", self.simple("s-3") | {"totals": {"grand_total": "22.07"}}).name
		self.assertEqual(self.state(name)[0], "Failed")
		api.accept_difference(name, "0.05", "close enough")
		self.work()
		self.assertEqual(self.state(name)[0], "Failed", "another difference than the one there is")
		api.accept_difference(name, "0.07", "the shop's coupon")
		self.work()
		self.assertEqual(self.state(name)[0], "Succeeded", self.state(name)[1])
		doc = self.sales_order("s-3")
		self.assertEqual((doc.grand_total, doc.taxes[-1].account_head), (22.07, account))
		reason = frappe.db.get_value("Sync Log", name, "accepted_reason")
		self.assertEqual(reason, "Administrator: the shop's coupon")

	def test_the_old_secret_works_until_it_ends(self) -> None:
		self.fixture.set_credentials(SHOP, Credentials(webhook_secrets=(SECRET,)))
		new = operations.rotate_secret(SHOP)
		frappe.db.commit()
		self.assertEqual(channel_settings.credentials(SHOP).webhook_secrets, (new, SECRET))
		late = now_datetime() - timedelta(seconds=1)
		frappe.db.set_value("Channel Settings", SHOP, "previous_secret_expires", late)
		channel_settings.forget()
		frappe.db.commit()
		self.assertEqual(channel_settings.credentials(SHOP).webhook_secrets, (new,))

	def test_a_copy_of_the_site_holds_until_a_person_confirms(self) -> None:
		frappe.db.set_value("Channel Settings", SHOP, "enabled_id", "another site")
		channel_settings.forget()
		frappe.db.commit()
		name = self.send("order.upserted", self.simple("s-4")).name
		self.assertEqual(self.state(name)[0], "Queued")
		self.assertEqual(operations.channel_health(SHOP)["status"], "Paused")
		operations.confirm_site(SHOP)
		self.work()
		self.assertEqual(self.state(name)[0], "Succeeded")


class TestStorefront(EntriesCase):
	"""Against a storefront that answers."""

	def setUp(self) -> None:
		super().setUp()
		self.shop = open_storefront(self, SECRET)
		self.settings()
		self.world = site.world()

	def settings(self, **values: Any) -> None:
		self.channel = self.fixture.make_channel(SHOP, store_url=self.shop.url, **values)
		self.fixture.set_credentials(SHOP, Credentials(webhook_secrets=(SECRET,)))
		frappe.db.delete("Sync Log", {"direction": "Outbound"})
		frappe.db.commit()

	def test_the_current_version_replaces_a_failed_one(self) -> None:
		row = line("l1", "CB-NOT-THERE", 1, "10.00")
		name = self.send("order.upserted", self.order("c-1", row, total="10.00")).name
		self.shop.orders = [self.simple("c-1")]
		new = api.retry_with_current_version(name)
		self.work()
		self.assertEqual((self.state(name)[0], self.state(new)[0]), ("Skipped", "Succeeded"))
		self.assertEqual(self.sales_order("c-1").grand_total, 22.0)

	def test_what_is_pushed_goes_by_the_settings_of_now(self) -> None:
		"""A transaction that began before a change keeps, for all that follow, what was before it."""
		self.settings(push_stock=0)
		channel_settings.load(SHOP)
		frappe.db.set_value("Channel Settings", SHOP, "push_stock", 1)
		frappe.db.commit()
		with self.world.erp.transaction():
			feeds.queue_items(self.world, self.channel, feeds.STOCK, ["CB-LISTED-NOWHERE"])
		self.work()
		self.assertEqual(frappe.get_all("Sync Log", {"direction": "Outbound"}, pluck="state"), ["Succeeded"])

	def test_what_is_no_state_of_an_order_is_not_replaced_by_one(self) -> None:
		name = self.send("order.upserted", self.simple("c-1")).name
		frappe.db.set_value("Sync Log", name, {"topic": "fulfilment.found", "state": "Failed"})
		frappe.db.commit()
		with self.assertRaisesRegex(frappe.ValidationError, "retry it instead"):
			api.retry_with_current_version(name)
		self.assertEqual(self.state(name)[0], "Failed")

	def test_a_poll_closes_gaps_and_reads_nothing_twice(self) -> None:
		self.shop.orders = [self.simple("c-2"), self.simple("c-3")]
		for _time in range(2):
			polling.poll_all()
			self.work()
		self.assertEqual([self.fixture.documents(order) for order in ("c-2", "c-3")], [1, 1])
		self.assertEqual(channel_state.get_cursor(SHOP, "orders"), "end")
		self.assertEqual(frappe.db.count("Sync Log", {"direction": "Inbound"}), 2)

	def test_an_import_leaves_a_summary(self) -> None:
		self.shop.orders = [self.simple("c-4"), self.simple("c-5")]
		polling.import_since(SHOP, "2026-01-01 00:00:00")
		[progress] = channel_state.get_progress(SHOP)
		self.assertEqual((progress.done, progress.total), (2, 2))
		self.assertEqual(progress.message, "Orders read: 2; new: 2")
		self.assertTrue(progress.finished)
		self.assertIsNone(channel_state.get_cursor(SHOP, "orders"), "an import moves no cursor")
		self.work()
		self.assertEqual(self.fixture.documents("c-5"), 1)

	def test_an_import_that_fails_says_why(self) -> None:
		self.shop.secret = "whsec_" + "A" * 43 + "="
		polling.import_since(SHOP, "2026-01-01 00:00:00")
		[progress] = channel_state.get_progress(SHOP)
		self.assertIn("401", progress.message)
		self.assertTrue(progress.finished)

	def test_nothing_is_pushed_before_a_person_saw_what_would_change(self) -> None:
		self.settings(first_push_confirmed=0)
		self.assertEqual(operations.add_listings(SHOP, None, ["CB-PHONE", "CB-CASE"]), 2)
		self.assertEqual(operations.add_listings(SHOP, None, ["CB-PHONE"]), 0)
		frappe.db.commit()
		self.fixture.move_stock("CB-PHONE", 1)
		site.collect(self.world)
		self.work()
		preview = operations.preview_stock(SHOP)
		self.assertEqual({row["sku"]: row["before"] for row in preview}, {"CB-PHONE": None, "CB-CASE": None})
		with self.assertRaises(frappe.ValidationError):
			operations.sync_stock(SHOP, confirm_first_push=False)
		self.assertEqual(self.shop.levels, {})
		self.assertEqual(operations.sync_stock(SHOP, confirm_first_push=True), 2)
		self.work()
		self.assertEqual(self.shop.levels, {row["sku"]: row["after"] for row in preview})
		self.assertEqual(operations.preview_stock(SHOP), [])

	def test_a_dry_run_sends_nothing_and_says_what_it_would(self) -> None:
		self.settings(dry_run=1)
		operations.add_listings(SHOP, None, ["CB-CASE"])
		frappe.db.commit()
		operations.sync_stock(SHOP, confirm_first_push=False)
		self.work()
		self.assertEqual(self.shop.levels, {})
		logs = frappe.get_all("Sync Log", {"topic": "stock.resync"}, ["state", "message", "summary"])
		self.assertEqual([row.state for row in logs], ["Skipped"])
		self.assertIn("CB-CASE", logs[0].summary)

	def test_the_connection_is_tested_with_a_signed_ping(self) -> None:
		checks = operations.test_connection(SHOP)
		self.assertIn("ping", self.shop.taken)
		self.assertTrue(checks[0].ok, checks[0].title)
		self.shop.secret = "whsec_" + "A" * 43 + "="
		self.assertFalse(operations.test_connection(SHOP)[0].ok)


class TestForgetting(EntriesCase):
	def aged(self, external_id: str, days: int, state: str) -> str:
		name = self.send("order.upserted", self.simple(external_id)).name
		values = {
			"state": state,
			"modified": add_days(now_datetime(), -days),
			"summary": "x",
			"traceback": "x",
		}
		frappe.db.set_value("Sync Log", name, values, update_modified=False)
		frappe.db.commit()
		return name

	def left(self, name: str) -> tuple[bool, bool, bool] | None:
		"""Whether payload, summary and key are there; None without the row."""
		row = frappe.db.get_value("Sync Log", name, ["payload", "summary", "dedupe_key"], as_dict=True)
		return (bool(row.payload), bool(row.summary), bool(row.dedupe_key)) if row else None

	def test_contents_go_first_and_the_key_stays_half_a_year(self) -> None:
		young, old, older = (self.aged(f"d-{days}", days, "Succeeded") for days in (89, 91, 181))
		SyncLog.clear_old_logs(days=90)
		self.assertEqual(self.left(young), (True, True, True))
		self.assertEqual(self.left(old), (False, False, True))
		self.assertIsNone(self.left(older))
		self.assertFalse(frappe.db.exists("Sync Attempt", {"parent": older}))

	def test_a_short_memory_keeps_the_key_all_the_same(self) -> None:
		name = self.aged("d-s", 179, "Skipped")
		SyncLog.clear_old_logs(days=1)
		self.assertEqual(self.left(name), (False, False, True))

	def test_what_is_unfinished_is_never_touched(self) -> None:
		states = ("Queued", "Running", "Retrying", "Failed")
		names = [self.aged(f"d-u{state}", 1000, state) for state in states]
		SyncLog.clear_old_logs(days=1)
		self.assertEqual([self.left(name) for name in names], [(True, True, True)] * len(names))
