"""Alerts that are raised once until a channel recovers, quiet hours, and the digest."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any
from unittest.mock import patch

import frappe

from commerce_bridge import tasks
from commerce_bridge.bridge.protocols import Circuit, NewEntry
from commerce_bridge.erpnext import alert_settings, channel_state, channel_watch, digest, notification
from commerce_bridge.erpnext.time import from_site, to_site
from commerce_bridge.permissions import MANAGER, USER
from commerce_bridge.tests.base import SiteTestCase
from commerce_bridge.tests.factory import SiteFixture
from commerce_bridge.tests.test_permissions import make_user

SHOP, OTHER = "Watched Shop", "Other Watched Shop"
MANAGED, USED = "cb-alert-manager@example.com", "cb-alert-user@example.com"
#: Noon of a Wednesday in UTC.
NOW = datetime(2026, 11, 18, 12, tzinfo=timezone.utc)


class AlertCase(SiteTestCase):
	def setUp(self) -> None:
		self.fixture = SiteFixture()
		make_user(MANAGED, MANAGER)
		make_user(USED, USER)
		self.fixture.make_channel(SHOP, alert_recipients=[])
		frappe.db.delete("Notification Log")
		frappe.db.delete("Email Queue")
		frappe.db.delete("Email Queue Recipient")
		self.settings_saved(NOW - timedelta(days=60))
		frappe.db.commit()
		self.addCleanup(frappe.db.rollback)

	def settings_saved(self, at: datetime) -> None:
		frappe.db.set_value("Channel Settings", SHOP, "modified", to_site(at), update_modified=False)
		frappe.db.commit()

	def settings(self, **values: Any) -> None:
		self.fixture.set_alerts(**values)
		frappe.db.commit()

	def told(self, user: str = MANAGED) -> list[str]:
		frappe.db.rollback()
		return frappe.get_all("Notification Log", {"for_user": user}, pluck="subject", order_by="creation")

	def entry(self, at: datetime, state: str = "Succeeded", channel: str = SHOP, **values: Any) -> str:
		values = {"direction": "Inbound", "topic": "order.upserted", "state": state, **values}
		key = frappe.generate_hash(length=64)
		entry = NewEntry(channel, dedupe_key=key, payload="{}", external_id=key[:8], **values)
		with self.fixture.erp.transaction():
			name = self.fixture.journal.record([entry])[0].name
			frappe.db.set_value("Sync Log", name, "creation", to_site(at), update_modified=False)
		return name


class TestCircuits(AlertCase):
	def watch(self, at: datetime, circuit: Circuit | None = None) -> list[str]:
		if circuit is not None:
			channel_state.swap_circuit(SHOP, channel_state.get_circuit(SHOP), circuit)
		with patch.object(channel_watch, "utc_now", return_value=at):
			tasks.watch()
		return self.told()

	def opened(self, at: datetime) -> Circuit:
		return Circuit(6, at + timedelta(seconds=30), None)

	def test_a_storefront_that_does_not_answer_is_told_once_until_it_recovers(self) -> None:
		minute = timedelta(minutes=1)
		[subject] = self.watch(NOW, self.opened(NOW))
		self.assertIn(f"{SHOP}: the storefront does not answer", subject)
		self.assertEqual(len(self.watch(NOW + 5 * minute)), 1)
		self.assertEqual(len(self.watch(NOW + 10 * minute, Circuit())), 1)
		self.assertEqual(len(self.watch(NOW + 14 * minute, self.opened(NOW + 14 * minute))), 1, "it flaps")
		self.assertEqual(len(self.watch(NOW + 20 * minute, Circuit())), 1)
		self.assertEqual(len(self.watch(NOW + 40 * minute)), 1)
		self.assertEqual(len(self.watch(NOW + 45 * minute, self.opened(NOW + 45 * minute))), 2)

	def test_failures_short_of_an_open_circuit_are_not_told(self) -> None:
		self.assertEqual(self.watch(NOW, Circuit(failures=4)), [])

	def test_a_paused_channel_is_left_alone(self) -> None:
		frappe.db.set_value("Channel Settings", SHOP, "state", "Paused")
		frappe.clear_document_cache("Channel Settings", SHOP)
		frappe.db.commit()
		self.assertEqual(self.watch(NOW, self.opened(NOW)), [])

	def test_it_is_told_after_the_quiet_hours_if_it_is_still_so(self) -> None:
		local = to_site(NOW)
		until = (local + timedelta(hours=1)).strftime("%H:00")
		self.settings(quiet_from=(local - timedelta(hours=1)).strftime("%H:00"), quiet_until=until)
		self.assertEqual(self.watch(NOW, self.opened(NOW)), [])
		self.assertEqual(len(self.watch(NOW + timedelta(hours=1))), 1)


class TestSilence(AlertCase):
	def busy(self, until: datetime, days: int = 3, hours: int = 12) -> None:
		"""An event each hour of some days before, with a night without any."""
		for day in range(days):
			for hour in range(hours):
				self.entry(until - timedelta(days=day, hours=hour))

	def watch(self, at: datetime) -> list[str]:
		with patch.object(channel_watch, "utc_now", return_value=at):
			tasks.watch_silence()
		return self.told()

	def test_silence_is_told_once_when_it_is_longer_than_any_before(self) -> None:
		self.busy(NOW)  # the longest pause: 13 hours of night
		self.assertEqual(self.watch(NOW + timedelta(hours=7)), [], "nights are like that")
		[subject] = self.watch(NOW + timedelta(hours=14))
		self.assertIn(f"{SHOP}: no event since", subject)
		self.assertEqual(len(self.watch(NOW + timedelta(hours=40))), 1)

	def test_it_is_told_again_after_the_channel_recovered(self) -> None:
		self.busy(NOW)
		self.watch(NOW + timedelta(hours=14))
		self.entry(NOW + timedelta(hours=16))
		self.assertEqual(len(self.watch(NOW + timedelta(hours=17))), 1)
		self.assertEqual(
			len(self.watch(NOW + timedelta(hours=16 + 15))), 1, "it was silent for 16 hours before"
		)
		self.assertEqual(len(self.watch(NOW + timedelta(hours=16 + 18))), 2)

	def test_a_channel_with_few_events_is_never_silent(self) -> None:
		self.busy(NOW, days=1, hours=9)
		self.assertEqual(self.watch(NOW + timedelta(days=3)), [])

	def test_what_we_send_is_no_event(self) -> None:
		self.busy(NOW)
		self.entry(NOW + timedelta(hours=13), direction="Outbound", topic="stock.changed")
		self.assertEqual(len(self.watch(NOW + timedelta(hours=14))), 1)

	def test_changed_settings_begin_the_wait_anew(self) -> None:
		self.busy(NOW)
		self.settings_saved(NOW + timedelta(hours=10))
		self.assertEqual(self.watch(NOW + timedelta(hours=15)), [])
		self.assertEqual(len(self.watch(NOW + timedelta(hours=17))), 1)

	def test_hours_are_the_least_and_0_is_never(self) -> None:
		self.busy(NOW, days=1, hours=12)  # never a pause
		self.settings(silent_hours=0)
		self.assertEqual(self.watch(NOW + timedelta(hours=8)), [])
		self.settings(silent_hours=9)
		self.assertEqual(self.watch(NOW + timedelta(hours=8)), [])
		self.settings(silent_hours=6)
		self.assertEqual(len(self.watch(NOW + timedelta(hours=8))), 1)


class TestQuietHours(AlertCase):
	def test_over_midnight_within_a_day_and_none(self) -> None:
		def quiet(begins: str, ends: str, *hours: int) -> list[bool]:
			self.fixture.set_alerts(quiet_from=begins, quiet_until=ends)
			with patch.object(
				alert_settings, "to_site", side_effect=lambda moment: moment.replace(tzinfo=None)
			):
				return [alert_settings.is_quiet(NOW.replace(hour=hour)) for hour in hours]

		self.assertEqual(
			quiet("22:00", "07:00", 21, 22, 0, 6, 7, 12), [False, True, True, True, False, False]
		)
		self.assertEqual(quiet("12:00", "14:00", 11, 12, 13, 14), [False, True, True, False])
		self.assertEqual(quiet("07:00", "07:00", 7, 8), [False, False])

	def test_the_time_of_the_site_counts(self) -> None:
		self.fixture.set_alerts(quiet_from="22:00", quiet_until="23:00")
		local = to_site(NOW)
		at_22 = NOW + timedelta(hours=22 - local.hour, minutes=-local.minute)
		self.assertTrue(alert_settings.is_quiet(at_22))
		self.assertFalse(alert_settings.is_quiet(at_22 - timedelta(minutes=1)))

	def test_failures_wait_and_are_told_together(self) -> None:
		for _number in range(3):
			self.entry(NOW, "Failed", error_class="Misconfigured", message="No item for it")
		with patch.object(alert_settings, "is_quiet", return_value=True):
			notification.announce()
		self.assertEqual(self.told(), [])
		notification.announce()
		[subject] = self.told()
		self.assertIn("No item for it", subject)

	def test_a_channel_that_pauses_itself_is_told_at_any_hour(self) -> None:
		with patch.object(alert_settings, "is_quiet", return_value=True), self.fixture.erp.transaction():
			notification.tell_paused(SHOP, "the app was uninstalled")
		self.assertEqual(len(self.told()), 1)


class TestRoles(AlertCase):
	def tell(self) -> tuple[int, int]:
		notification.tell(SHOP, "Something", "<p>Something</p>")
		frappe.db.commit()
		return len(self.told(MANAGED)), len(self.told(USED))

	def test_managers_are_told_where_a_channel_names_nobody(self) -> None:
		self.assertEqual(self.tell(), (1, 0))

	def test_roles_are_chosen(self) -> None:
		self.settings(alert_managers=0, alert_users=1)
		self.assertEqual(self.tell(), (0, 1))

	def test_a_channel_s_own_recipients_come_first(self) -> None:
		self.fixture.make_channel(SHOP, alert_recipients=[{"user": USED}])
		self.assertEqual(self.tell(), (0, 1))


class TestDigest(AlertCase):
	def setUp(self) -> None:
		super().setUp()
		self.account()
		self.settings(digest_time="08:00")

	def account(self) -> None:
		if not frappe.db.exists("Email Account", "CB Outgoing"):
			values = {
				"doctype": "Email Account",
				"email_account_name": "CB Outgoing",
				"email_id": "cb-outgoing@example.com",
				"enable_outgoing": 1,
				"default_outgoing": 1,
				"smtp_server": "127.0.0.1",
				"no_smtp_authentication": 1,
			}
			frappe.get_doc(values).db_insert()
		frappe.db.commit()

	def at(self, day: int, hour: int, minute: int = 0) -> list[Any]:
		"""What is in the mail queue after the job ran at this time of the site, in November 2026."""
		now = datetime(2026, 11, day, hour, minute)
		with (
			patch.object(digest, "now_datetime", return_value=now),
			patch.object(digest, "utc_now", return_value=from_site(now)),
		):
			tasks.send_digest()
		frappe.db.rollback()
		return frappe.get_all("Email Queue", ["name", "message"], order_by="creation")

	def readers(self) -> set[str]:
		return set(frappe.get_all("Email Queue Recipient", pluck="recipient")) & {MANAGED, USED}

	def test_it_is_sent_once_a_day_after_its_time(self) -> None:
		self.entry(NOW, "Failed", error_class="Misconfigured", message="No item for it")
		self.assertEqual(len(self.at(17, 8)), 1)
		self.assertEqual(len(self.at(17, 23)), 1)
		self.assertEqual(len(self.at(18, 7, 59)), 1)
		self.assertEqual(len(self.at(18, 8)), 2)
		self.assertEqual(self.readers(), {MANAGED})

	def test_weekly_on_its_day(self) -> None:
		self.settings(digest="Weekly", digest_day="Thursday", digest_time="08:00")
		self.entry(NOW, "Failed", message="No item for it")
		self.assertEqual(len(self.at(18, 12)), 1, "the first is for last Thursday")
		self.assertEqual(len(self.at(19, 7)), 1)
		self.assertEqual(len(self.at(19, 9)), 2)
		self.assertEqual(len(self.at(25, 9)), 2)
		self.assertEqual(len(self.at(26, 9)), 3)

	def test_nothing_is_sent_while_all_is_well_unless_asked_for(self) -> None:
		self.assertEqual(self.at(17, 8), [])
		self.settings(digest_time="08:00", digest_always=1)
		self.assertEqual(len(self.at(17, 8)), 1)

	def test_never_and_quiet_hours(self) -> None:
		self.entry(NOW, "Failed", message="No item for it")
		self.settings(digest="Never")
		self.assertEqual(self.at(17, 9), [])
		self.settings(digest_time="08:00")
		with patch.object(alert_settings, "is_quiet", return_value=True):
			self.assertEqual(self.at(17, 9), [])
		self.assertEqual(len(self.at(17, 10)), 1)

	def test_what_it_tells(self) -> None:
		self.fixture.make_channel(OTHER)
		message = 'No item for "<img src=x onerror=alert(1)>" here'
		self.entry(NOW, "Failed", error_class="Misconfigured", message=message)
		self.entry(NOW, "Failed", error_class="Misconfigured", message=message)
		self.entry(datetime(2026, 11, 17, 6, tzinfo=timezone.utc), "Queued", channel=OTHER)
		channel_state.swap_circuit(OTHER, Circuit(), Circuit(6, NOW, None))
		with patch.object(digest, "now_datetime", return_value=datetime(2026, 11, 18, 8)):
			rows = {row["name"]: row for row in digest.channels(datetime(2026, 11, 17, 8))}
		self.assertEqual((rows[SHOP]["failed"], rows[SHOP]["waiting"], rows[SHOP]["is_open"]), (2, 0, False))
		self.assertEqual(
			(rows[OTHER]["failed"], rows[OTHER]["waiting"], rows[OTHER]["is_open"]), (0, 1, True)
		)
		[mail] = self.at(18, 8)
		html = _html(mail.message)
		for text in (
			SHOP,
			"does not answer",
			"2 × Misconfigured",
			"/app/sync-log?state=Failed&amp;channel=Watched%20Shop",
		):
			self.assertIn(text, html)
		self.assertNotIn("<img src=x", html)

	def test_who_wants_no_e_mail_gets_none(self) -> None:
		self.settings(digest_users=1, digest_time="08:00")
		self.entry(NOW, "Failed", message="No item for it")
		frappe.get_doc(doctype="Notification Settings", name=MANAGED).insert(
			ignore_permissions=True, ignore_if_duplicate=True
		)
		frappe.db.set_value("Notification Settings", MANAGED, "enable_email_notifications", 0)
		frappe.db.commit()
		self.addCleanup(frappe.db.commit)
		self.addCleanup(
			frappe.db.set_value, "Notification Settings", MANAGED, "enable_email_notifications", 1
		)
		self.at(17, 8)
		self.assertEqual(self.readers(), {USED})

	def test_what_was_set_stays_when_the_first_was_sent(self) -> None:
		frappe.db.delete("Singles", {"doctype": "Alert Settings"})
		frappe.db.commit()
		frappe.clear_document_cache("Alert Settings", "Alert Settings")
		self.at(17, 12)
		settings = frappe.get_doc("Alert Settings")
		self.assertTrue(settings.digest_sent)
		self.assertEqual((settings.digest, settings.alert_managers, settings.silent_hours), ("Daily", 1, 6))

	def test_a_site_that_sends_no_e_mail_goes_on(self) -> None:
		self.entry(NOW, "Failed", message="No item for it")
		with patch.object(frappe, "sendmail", side_effect=frappe.OutgoingEmailError):
			self.assertEqual(self.at(17, 8), [])
		self.assertTrue(frappe.db.get_single_value("Alert Settings", "digest_sent"))


def _html(message: str) -> str:
	"""The HTML part of a queued message."""
	from email import message_from_string

	parts = message_from_string(message).walk()
	[html] = [
		part.get_payload(decode=True).decode() for part in parts if part.get_content_type() == "text/html"
	]
	return html
