"""Who is told of what, and how often."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from unittest.mock import patch

import frappe

from commerce_bridge import tasks
from commerce_bridge.bridge.clock import utc_now
from commerce_bridge.bridge.errors import Retryable
from commerce_bridge.bridge.protocols import Check, NewEntry
from commerce_bridge.erpnext import channel_state, inbox, notification, operations
from commerce_bridge.tests.base import SiteTestCase
from commerce_bridge.tests.factory import SiteFixture

SHOP = "Alerting Shop"
RECIPIENT = "cb-alerted@example.com"
WARNINGS = "commerce_bridge.connectors.custom.connector.CustomConnector.warnings"


class NotificationCase(SiteTestCase):
	def setUp(self) -> None:
		self.fixture = SiteFixture()
		self.recipient()
		self.fixture.make_channel(SHOP, alert_recipients=[{"user": RECIPIENT}])
		frappe.db.delete("Notification Log", {"for_user": RECIPIENT})
		channel_state.set_cursor(SHOP, notification.WARNED, None)
		frappe.db.commit()
		self.forget_rejected()
		self.addCleanup(self.forget_rejected)

	def recipient(self) -> None:
		if not frappe.db.exists("User", RECIPIENT):
			values = {"doctype": "User", "email": RECIPIENT, "first_name": "Alerted", "send_welcome_email": 0}
			frappe.get_doc(values).insert().add_roles("Commerce Bridge User")
			frappe.db.commit()

	def forget_rejected(self) -> None:
		hour = int(utc_now().timestamp()) // 3600
		frappe.cache.delete(*(inbox._count_key(SHOP, hour - back) for back in range(3)))

	def fail(self, key: str, message: str) -> str:
		values = {"state": "Failed", "error_class": "Misconfigured", "message": message}
		entry = NewEntry(
			SHOP, "Inbound", "order.upserted", key.ljust(64, "0"), "{}", key, f"WEB-{key}", **values
		)
		with self.fixture.erp.transaction():
			return self.fixture.journal.record([entry])[0].name

	def told(self, at: datetime | None = None) -> list[Any]:
		"""What the recipient has been told after an announcement at this time."""
		with patch.object(notification, "utc_now", return_value=at or utc_now()):
			notification.announce()
		fields = ["subject", "email_content", "document_type", "document_name"]
		return frappe.get_all("Notification Log", {"for_user": RECIPIENT}, fields, order_by="creation")


class TestWarnings(NotificationCase):
	"""What a storefront will not do for much longer is told once, not each day."""

	ENDING = Check(False, "API 2026-04 may end on 2027-04-01", "Set API Version to 2026-10", "warning")
	NEXT = Check(False, "API 2026-07 may end on 2027-07-01", "Set API Version to 2026-10", "warning")

	def days(self, *days: list[Check] | Exception) -> list[Any]:
		with patch(WARNINGS, side_effect=list(days)):
			for _day in days:
				tasks.tell_warnings()
		frappe.db.rollback()
		fields = ["subject", "email_content", "document_type", "document_name"]
		return frappe.get_all("Notification Log", {"for_user": RECIPIENT}, fields, order_by="creation")

	def test_it_is_told_once_for_each_version(self) -> None:
		[first, second] = self.days(
			[self.ENDING], [self.ENDING], [], Retryable("503"), [self.NEXT], [self.NEXT], [self.ENDING]
		)
		self.assertIn("API 2026-04 may end on 2027-04-01", first.subject)
		self.assertIn("Set API Version to 2026-10", first.email_content)
		self.assertEqual((first.document_type, first.document_name), ("Channel Settings", SHOP))
		self.assertIn("2026-07", second.subject)

	def test_nothing_to_tell(self) -> None:
		self.assertEqual(self.days([], []), [])


class TestFailures(NotificationCase):
	def test_a_failure_is_told_with_number_cause_and_link(self) -> None:
		name = self.fail("1001", "No item for it")
		[told] = self.told()
		self.assertIn("WEB-1001", told.subject)
		self.assertIn("Misconfigured: No item for it", told.subject)
		self.assertEqual((told.document_type, told.document_name), ("Sync Log", name))
		self.assertIn(frappe.utils.get_url_to_form("Sync Log", name), told.email_content)

	def test_the_same_cause_is_told_again_after_the_quiet_time(self) -> None:
		now = utc_now()
		self.fail("1", "No item for it")
		self.assertEqual(len(self.told(now)), 1)
		self.fail("2", "No item for it")
		self.fail("3", "No item for it")
		self.assertEqual(len(self.told(now + notification.QUIET - timedelta(seconds=1))), 1)
		first, second = self.told(now + notification.QUIET)
		self.assertNotIn("WEB-2", first.subject)
		self.assertIn("WEB-2, WEB-3", second.subject)
		self.assertEqual(len(self.told(now + 3 * notification.QUIET)), 2, "each failure is told once")

	def test_a_channel_that_stops_by_itself_is_told_to_managers_where_nobody_is_named(self) -> None:
		manager = "cb-manager@example.com"
		if not frappe.db.exists("User", manager):
			values = {"doctype": "User", "email": manager, "first_name": "Manager", "send_welcome_email": 0}
			frappe.get_doc(values).insert().add_roles("Commerce Bridge Manager")
		for recipients, told in (([{"user": RECIPIENT}], RECIPIENT), ([], manager)):
			channel = self.fixture.make_channel(SHOP, alert_recipients=recipients)
			frappe.db.delete("Notification Log", {"for_user": ("in", (RECIPIENT, manager))})
			frappe.db.commit()
			with self.fixture.erp.act_as(channel), self.fixture.erp.transaction():
				self.fixture.state.pause(SHOP, "The app was <b>uninstalled</b>")
			self.assertEqual(frappe.db.get_value("Channel Settings", SHOP, "state"), "Paused")
			filters = {"document_name": SHOP, "for_user": ("in", (RECIPIENT, manager))}
			[alert] = frappe.get_all("Notification Log", filters, ["for_user", "subject"])
			self.assertEqual(alert.for_user, told)
			self.assertIn("uninstalled", alert.subject)
			self.assertNotIn("<b>", alert.subject)
		comments = frappe.get_all(
			"Comment", {"reference_name": SHOP, "comment_type": "Info"}, pluck="content"
		)
		self.assertTrue(any("uninstalled" in comment for comment in comments))

	def test_nobody_is_told_of_what_succeeded(self) -> None:
		entry = NewEntry(SHOP, "Inbound", "order.upserted", "s" * 64, "{}", state="Succeeded")
		with self.fixture.erp.transaction():
			self.fixture.journal.record([entry])
		self.assertEqual(self.told(), [])

	def test_what_a_shop_sends_is_text(self) -> None:
		self.fail("4", "<img src=x onerror=alert(1)>")
		[told] = self.told()
		self.assertNotIn("<img", told.email_content)


class TestRejected(NotificationCase):
	def test_rejected_requests_that_pile_up_are_told_once(self) -> None:
		for _request in range(notification.REJECTED_PILE - 1):
			inbox.count_rejected(SHOP)
		self.assertEqual(self.told(), [])
		inbox.count_rejected(SHOP)
		[told] = self.told()
		self.assertIn(str(notification.REJECTED_PILE), told.subject)
		self.assertEqual((told.document_type, told.document_name), ("Channel Settings", SHOP))
		self.assertEqual(len(self.told()), 1)


class TestHealth(NotificationCase):
	def test_a_monitor_sees_failures_waiting_entries_and_the_sweep(self) -> None:
		self.fail("5", "No item for it")
		entry = NewEntry(SHOP, "Inbound", "order.upserted", "w" * 64, "{}")
		with self.fixture.erp.transaction():
			waiting = self.fixture.journal.record([entry])[0].name
		frappe.db.sql(
			"UPDATE `tabSync Log` SET creation = creation - INTERVAL 1 HOUR WHERE name = %s", waiting
		)
		frappe.db.commit()
		notification.note_sweep()
		health = operations.health()
		self.assertEqual(health["failed_24h"], 1)
		self.assertGreaterEqual(health["oldest_waiting_seconds"], 3600)
		self.assertLess(health["last_sweep_seconds"], 60)
		self.assertEqual(health["open_circuits"], [])
		self.assertEqual(health["channels"][SHOP]["status"], "Active")
