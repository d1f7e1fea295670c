"""Failures by cause: what counts as one, who sees and retries them, and what the Sync Log's list shows."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import frappe
from frappe.desk.form.assign_to import add_multiple
from frappe.desk.query_report import run as run_report

from commerce_bridge import api
from commerce_bridge.bridge.protocols import NewEntry
from commerce_bridge.erpnext import failures
from commerce_bridge.install import SAVED_FILTERS
from commerce_bridge.permissions import USER
from commerce_bridge.tests.base import SiteTestCase
from commerce_bridge.tests.factory import SiteFixture
from commerce_bridge.tests.test_permissions import make_user

SHOP, OTHER = "Failing Shop", "Other Failing Shop"
HOSTILE = "<script>alert(document.cookie)</script><img src=x onerror=alert()>"


class FailuresCase(SiteTestCase):
	def setUp(self) -> None:
		self.fixture = SiteFixture()
		for shop in (SHOP, OTHER):
			self.fixture.make_channel(shop)
		self.addCleanup(frappe.set_user, "Administrator")
		self.user = make_user("failures@example.com", USER)
		frappe.db.commit()

	def fail(self, key: str, message: str, channel: str = SHOP, **values: Any) -> str:
		given = {"payload": "{}", "error_class": "Misconfigured", "state": "Failed", **values}
		entry = NewEntry(
			channel,
			"Inbound",
			"order.upserted",
			f"{key}-".ljust(64, "0"),
			external_number=key,
			message=message,
			**given,
		)
		with self.fixture.erp.transaction():
			return self.fixture.journal.record([entry])[0].name

	def state(self, name: str) -> str:
		return frappe.db.get_value("Sync Log", name, "state")

	def restrict(self, channel: str) -> None:
		"""The user sees this shop only."""
		permission = {"user": self.user, "allow": "Channel Settings", "for_value": channel}
		doc = frappe.get_doc({"doctype": "User Permission", **permission}).insert()
		frappe.db.commit()
		self.addCleanup(frappe.db.commit)
		self.addCleanup(frappe.delete_doc, "User Permission", doc.name)
		self.addCleanup(frappe.set_user, "Administrator")


class TestByCause(FailuresCase):
	def test_names_numbers_and_order_numbers_make_no_other_cause(self) -> None:
		for number in range(3):
			self.fail(f"ORD{number}", f'No item for "SKU-{number}" of ORD{number}, 19.90 EUR')
		last = self.fail("other", "The shop is away")
		rows = failures.by_cause()
		self.assertEqual([(row.count, row.channel) for row in rows], [(3, SHOP), (1, SHOP)])
		self.assertEqual(rows[0].cause_text, "No item for … of …, … EUR")
		self.assertEqual((rows[1].example, rows[1].error_class), (last, "Misconfigured"))

	def test_channels_and_classes_are_told_apart_and_filtered(self) -> None:
		self.fail("a", "Wrong")
		self.fail("b", "Wrong", OTHER)
		self.fail("c", "Wrong", error_class="Rejected")
		self.fail("d", "Wrong", state="Skipped")
		self.assertEqual([row.count for row in failures.by_cause()], [1, 1, 1])
		self.assertEqual([row.channel for row in failures.by_cause(OTHER)], [OTHER])
		[rejected] = failures.by_cause(SHOP, "Rejected")
		self.assertEqual(rejected.error_class, "Rejected")

	def test_first_and_last_and_the_latest_as_example(self) -> None:
		names = [self.fail(str(number), "Wrong") for number in range(3)]
		for name, day in zip(names, (5, 9, 7), strict=True):
			times = {"creation": f"2026-11-0{day}", "modified": f"2026-11-0{day}"}
			frappe.db.set_value("Sync Log", name, times, update_modified=False)
		frappe.db.commit()
		[row] = failures.by_cause()
		self.assertEqual((row.first.day, row.last.day, row.example), (5, 9, names[1]))

	def test_a_long_hostile_message_is_cut_and_kept_as_it_is(self) -> None:
		self.fail("evil", HOSTILE + "x" * 60_000)
		[row] = run_report("Failures by Cause", filters={})["result"]
		self.assertTrue(row["cause_text"].startswith(HOSTILE))
		self.assertEqual(len(row["cause_text"]), failures.SHOWN)

	def test_what_a_user_may_not_read_is_not_counted(self) -> None:
		self.fail("a", "Wrong")
		self.fail("b", "Wrong", OTHER)
		self.restrict(OTHER)
		frappe.set_user(self.user)
		self.assertEqual([row.channel for row in failures.by_cause()], [OTHER])
		self.assertEqual(api.entry_counts(), {"Failed": 1})
		with self.assertRaises(frappe.PermissionError):
			run_report("Failures by Cause", filters={"channel": SHOP})


class TestRetryOfACause(FailuresCase):
	def test_all_of_the_cause_and_nothing_else(self) -> None:
		same = [self.fail(f"s{number}", f'No item for "SKU-{number}"') for number in range(5)]
		others = [
			self.fail("o1", "Another cause"),
			self.fail("o2", 'No item for "SKU-9"', OTHER),
			self.fail("o3", 'No item for "SKU-9"', error_class="Rejected"),
			self.fail("o4", 'No item for "SKU-9"', payload=None),
		]
		cause = failures.by_cause(SHOP)[0].cause
		frappe.set_user(self.user)
		with patch.object(failures, "CHUNK", 2):
			self.assertEqual(api.retry_cause(SHOP, cause), 5)
		self.assertEqual({self.state(name) for name in same}, {"Queued"})
		self.assertEqual({self.state(name) for name in others}, {"Failed"})
		self.assertEqual(api.retry_cause(SHOP, cause), 0, "nothing is left")

	def test_each_chunk_is_committed(self) -> None:
		names = [self.fail(f"s{number}", "Wrong") for number in range(3)]
		cause = failures.by_cause()[0].cause
		requeue = failures.operations.requeue
		done: list[int] = []

		def stopped_at_the_second(chunk: list[str], states: tuple[str, ...]) -> int:
			if done:
				raise KeyboardInterrupt
			done.append(requeue(chunk, states))
			return done[0]

		with (
			patch.object(failures, "CHUNK", 2),
			patch.object(failures.operations, "requeue", stopped_at_the_second),
			self.assertRaises(KeyboardInterrupt),
		):
			failures.retry(SHOP, cause)
		frappe.db.rollback()
		self.assertEqual([self.state(name) for name in sorted(names)].count("Queued"), 2)

	def test_a_channel_that_the_user_may_not_read_is_left_alone(self) -> None:
		name = self.fail("a", "Wrong")
		cause = failures.by_cause()[0].cause
		self.restrict(OTHER)
		frappe.set_user(self.user)
		with self.assertRaises(frappe.PermissionError):
			api.retry_cause(SHOP, cause)
		self.assertEqual(failures.retry(SHOP, cause), 0)
		self.assertEqual(self.state(name), "Failed")


class TestList(FailuresCase):
	def test_counts_by_state_in_one_query(self) -> None:
		self.fail("a", "Wrong")
		self.fail("b", "Wrong", OTHER)
		self.fail("c", "by hand", state="Skipped")
		with self.assertQueryCount(1):
			self.assertEqual(failures.counts(), {"Failed": 2, "Skipped": 1})
		self.assertEqual(api.entry_counts(OTHER), {"Failed": 1})

	def test_a_user_assigns_entries_to_a_colleague(self) -> None:
		names = [self.fail(key, "Wrong") for key in ("a", "b")]
		colleague = make_user("colleague@example.com", USER)
		frappe.set_user(self.user)
		add_multiple(
			{"doctype": "Sync Log", "name": frappe.as_json(names), "assign_to": frappe.as_json([colleague])}
		)
		mine = frappe.get_list("Sync Log", {"_assign": ("like", f"%{colleague}%")}, pluck="name")
		self.assertEqual(sorted(mine), sorted(names))

	def test_saved_filters_work_as_they_stand(self) -> None:
		self.fail("a", "Wrong")
		found = {
			title: len(frappe.get_list("Sync Log", [["Sync Log", *row] for row in rows]))
			for title, rows in SAVED_FILTERS.items()
		}
		expected = {"Failed Today": 1, "Settings Missing": 1, "Wrong Data": 0, "Nobody Is on It": 1}
		self.assertEqual(found, expected)
		shared = frappe.get_all("List Filter", {"reference_doctype": "Sync Log"}, pluck="filter_name")
		self.assertLessEqual(set(SAVED_FILTERS), set(shared))
