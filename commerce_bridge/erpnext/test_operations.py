"""What follows when people change a channel, and when many things fail at once."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any
from unittest.mock import patch

import frappe
from frappe.utils import now_datetime

from commerce_bridge import tasks
from commerce_bridge.bridge import worker
from commerce_bridge.bridge.clock import utc_now
from commerce_bridge.bridge.errors import Misconfigured, Retryable
from commerce_bridge.bridge.protocols import NewEntry, Progress
from commerce_bridge.bridge.webhooks import FOLLOW, follow_entry
from commerce_bridge.erpnext import channel_state, notification, operations, site
from commerce_bridge.tests.base import SiteTestCase
from commerce_bridge.tests.factory import SiteFixture

SHOP = "Operated Shop"
CONNECTOR = "commerce_bridge.connectors.custom.connector.CustomConnector"


class OperationsCase(SiteTestCase):
	def setUp(self) -> None:
		self.fixture = SiteFixture()
		self.fixture.make_channel(SHOP)

	def settings(self, **values: Any) -> None:
		doc = frappe.get_doc("Channel Settings", SHOP)
		doc.update(values)
		doc.save()
		frappe.db.commit()


class TestStockFollowsSettings(OperationsCase):
	def setUp(self) -> None:
		super().setUp()
		self.fixture.make_item("CB-PHONE")
		self.fixture.set_stock("CB-PHONE", Decimal(7))
		self.fixture.make_listing(SHOP, "CB-PHONE", "CB-PHONE")

	def resyncs(self) -> list[int]:
		"""How many items each resync goes through."""
		entries = frappe.get_all("Sync Log", {"topic": "stock.resync"}, pluck="payload")
		return [json.loads(payload)["total"] for payload in entries]

	def test_active_again_every_level_is_sent(self) -> None:
		self.settings(state="Paused")
		self.fixture.set_stock("CB-PHONE", Decimal(3))
		self.assertEqual(self.resyncs(), [])
		self.settings(state="Active")
		self.assertEqual(self.resyncs(), [1])

	def test_a_setting_that_changes_the_numbers(self) -> None:
		self.settings(stock_buffer=2)
		self.assertEqual(self.resyncs(), [1])

	def test_other_settings_and_unconfirmed_channels_send_nothing(self) -> None:
		self.settings(order_statuses="paid")
		self.settings(first_push_confirmed=0)
		self.settings(stock_buffer=3)
		self.assertEqual(self.resyncs(), [])


class TestState(OperationsCase):
	def work(self) -> list[Any]:
		"""What became of the entries that follow the state."""
		here = site.world()
		with patch("frappe.enqueue"):
			while worker.run_once(here):
				continue
		fields = ["name", "state", "message", "attempt_count"]
		return frappe.get_all("Sync Log", {"topic": FOLLOW}, fields, order_by="creation")

	def test_disabled_and_enabled_again(self) -> None:
		with patch("frappe.enqueue") as enqueue:
			self.settings(state="Paused")
			self.assertEqual(self.work(), [])
			self.settings(state="Disabled")
			self.assertNotIn(
				"commerce_bridge.tasks.catch_up", [call.args[0] for call in enqueue.call_args_list]
			)
		with patch(f"{CONNECTOR}.unregister_webhooks") as unregister:
			[back] = self.work()
		unregister.assert_called_once_with(operations.callback_url(SHOP))
		self.assertEqual(back.state, "Succeeded")
		with patch("frappe.enqueue") as enqueue:
			self.settings(state="Active")
			self.assertIn("commerce_bridge.tasks.catch_up", [call.args[0] for call in enqueue.call_args_list])
		with patch(f"{CONNECTOR}.register_webhooks", return_value=None) as register:
			[_back, forth] = self.work()
		register.assert_called_once_with(operations.callback_url(SHOP))
		self.assertEqual(forth.state, "Succeeded")
		with patch(f"{CONNECTOR}.orders_since", return_value=iter(())) as read:
			tasks.catch_up(SHOP)
		read.assert_called_once()

	def test_activated_for_the_first_time(self) -> None:
		"""A channel is set up while it is paused: switched on, its storefront is told where to post."""
		self.settings(state="Paused")
		with patch("frappe.enqueue") as enqueue:
			self.settings(state="Active")
		[asked] = [call for call in enqueue.call_args_list if call.args[0].endswith("tasks.look_at")]
		self.assertEqual(asked.kwargs["channel"], SHOP)
		self.assertEqual(self.work(), [])
		with patch(f"{CONNECTOR}.webhooks_differ", return_value=True):
			tasks.look_at(asked.kwargs["channel"])
		with patch(f"{CONNECTOR}.register_webhooks", return_value=None) as register:
			[entry] = self.work()
		register.assert_called_once_with(operations.callback_url(SHOP))
		self.assertEqual(entry.state, "Succeeded")

	def test_a_storefront_that_is_away_is_asked_again(self) -> None:
		self.settings(state="Disabled")
		with patch(f"{CONNECTOR}.unregister_webhooks", side_effect=Retryable("503")):
			[entry] = self.work()
		self.assertEqual((entry.state, entry.message, entry.attempt_count), ("Retrying", "503", 1))
		frappe.db.set_value("Sync Log", entry.name, "next_attempt_at", now_datetime())
		frappe.db.commit()
		with patch(f"{CONNECTOR}.unregister_webhooks") as unregister:
			[entry] = self.work()
		self.assertTrue(unregister.called)
		self.assertEqual(entry.state, "Succeeded")

	def test_a_copy_that_is_disabled_takes_nothing_back(self) -> None:
		doc = frappe.get_doc("Channel Settings", SHOP)
		doc.db_set("enabled_id", "another site's")
		frappe.db.commit()
		self.settings(state="Disabled")
		self.assertEqual(frappe.db.count("Sync Log", {"topic": FOLLOW}), 0)
		with self.fixture.erp.transaction():
			self.fixture.journal.record([follow_entry(SHOP, "https://erp.example")])
		with patch(f"{CONNECTOR}.unregister_webhooks") as unregister:
			[entry] = self.work()
		self.assertFalse(unregister.called)
		self.assertEqual(entry.state, "Queued")

	def test_a_copy_of_the_site_reaches_no_shop(self) -> None:
		frappe.db.set_value("Channel Settings", SHOP, "enabled_id", "another site's")
		frappe.db.commit()
		frappe.clear_cache(doctype="Channel Settings")
		frappe.clear_document_cache("Channel Settings", SHOP)
		for reach in (operations.register_webhooks, operations.test_connection):
			with (
				self.subTest(reach.__name__),
				patch(f"{CONNECTOR}.register_webhooks") as register,
				patch(f"{CONNECTOR}.check") as check,
				self.assertRaises(Misconfigured),
			):
				reach(SHOP)
			self.assertFalse(register.called or check.called)
		operations.confirm_site(SHOP)
		operations.register_webhooks(SHOP)


class TestImport(OperationsCase):
	def test_one_at_a_time_until_it_is_dead(self) -> None:
		with patch("frappe.enqueue"):
			operations.start_import(SHOP, "2026-11-01")
			with self.assertRaises(frappe.ValidationError):
				operations.start_import(SHOP, "2026-11-01")
			started = utc_now() - operations.IMPORT_TIMEOUT - timedelta(seconds=1)
			channel_state.set_progress(SHOP, Progress("Import", 0, None, 0, started))
			operations.start_import(SHOP, "2026-11-01")


class TestAnnounce(OperationsCase):
	def fail(self, key: str, message: str) -> None:
		entry = NewEntry(
			SHOP,
			"Inbound",
			"order.upserted",
			f"{key}-".ljust(64, "0"),
			"{}",
			key,
			state="Failed",
			error_class="Rejected",
			message=message,
		)
		with self.fixture.erp.transaction():
			self.fixture.journal.record([entry])

	def announced(self) -> int:
		with patch.object(notification, "tell") as tell:
			notification.announce()
		return tell.call_count

	def test_one_cause_is_told_once_whatever_it_is_about(self) -> None:
		for number in range(20):
			self.fail(f"sku{number}", f'No item for "SKU-{number}x". Create the Item, then retry.')
		self.assertEqual(self.announced(), 1)
		self.fail("again", 'No item for "late", "later". Create the Item, then retry.')
		self.fail("other", "Another cause altogether")
		self.assertEqual(self.announced(), 2)

	def test_a_new_cause_behind_a_large_backlog(self) -> None:
		self.fail("first", 'No item for "SKU-1"')
		self.assertEqual(self.announced(), 1)
		for number in range(501):
			self.fail(f"sku{number}", f'No item for "SKU-{number}"')
		self.fail("other", "Another cause altogether")
		self.assertEqual(self.announced(), 1)

	def test_very_many_causes(self) -> None:
		"""What was told is remembered in one column: it must hold more causes than a sweep can meet."""
		for number in range(600):
			letters = "".join(chr(97 + int(digit)) for digit in str(number))
			self.fail(f"c{number}", f"{letters} " + "x" * 120)
		self.assertEqual(self.announced(), 600)
		self.assertEqual(self.announced(), 0)


class TestSkipping(OperationsCase):
	def test_a_reason_is_stored_as_plain_text(self) -> None:
		entry = NewEntry(SHOP, "Inbound", "order.upserted", "r" * 64, "{}", state="Failed")
		with self.fixture.erp.transaction():
			name = self.fixture.journal.record([entry])[0].name
		operations.skip([name], "<b>done</b> by hand<script>alert(1)</script>")
		self.assertEqual(
			frappe.db.get_value("Sync Log", name, "message"), "Skipped by Administrator: done by handalert(1)"
		)
