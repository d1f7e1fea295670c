"""The story of an entry: what a person reads at the top of its form."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import frappe
from frappe.desk.form.load import getdoc

from commerce_bridge.bridge.circuit import Circuit
from commerce_bridge.bridge.clock import utc_now
from commerce_bridge.erpnext import channel_state
from commerce_bridge.erpnext.sync_story import ATTEMPTS_SHOWN, story
from commerce_bridge.tests.base import SiteTestCase
from commerce_bridge.tests.factory import SiteFixture

SHOP = "Telling Shop"
HOSTILE = "<script>alert({0})</script> {1} \"'"


class StoryCase(SiteTestCase):
	def setUp(self) -> None:
		self.fixture = SiteFixture()
		self.fixture.make_channel(SHOP)

	def entry(self, **values: Any) -> Any:
		given = {"direction": "Inbound", "topic": "order.upserted", "state": "Failed", "channel": SHOP}
		doc = frappe.get_doc({"doctype": "Sync Log", "creation": "2026-11-20 10:00:00", **given, **values})
		return doc

	def told(self, **values: Any) -> dict[str, list[str]]:
		"""Title → lines, their places filled as the form does."""
		return {
			chapter["title"]: [read(line) for line in chapter["lines"]]
			for chapter in story(self.entry(**values))
		}

	def next(self, **values: Any) -> str:
		return " ".join(self.told(**values)["What to Do Next"])


def read(line: Any) -> str:
	return re.sub(r"\{(\d+)\}", lambda place: shown(line["values"][int(place[1])]), line["text"])


def shown(value: Any) -> str:
	if isinstance(value, dict):
		return value.get("label") or value["time"]
	return value


class TestStory(StoryCase):
	def test_an_order_that_was_booked(self) -> None:
		told = self.told(
			state="Succeeded",
			external_number="#1001",
			source_time="2026-11-20 09:59:00",
			reference_doctype="Sales Order",
			reference_name="SAL-ORD-1",
			message="Sales Order created",
			attempts=[
				{"started": "2026-11-20 10:05:00", "duration": 0.42, "outcome": "Succeeded"},
				{"started": "2026-11-20 10:00:00", "duration": 1, "outcome": "Retrying", "message": "503"},
			],
		)
		self.assertEqual(
			told,
			{
				"What Came": [
					f"{SHOP} sent the event order.upserted about number #1001.",
					"It happened there on 2026-11-20 09:59:00 and was stored here on 2026-11-20 10:00:00.",
				],
				"What Was Made of It": [
					"In ERPNext it is in Sales Order SAL-ORD-1.",
					"Result: Sales Order created",
				],
				"Attempts": [
					"2026-11-20 10:00:00: Retrying after 1.0 seconds. 503",
					"2026-11-20 10:05:00: Succeeded after 0.4 seconds.",
				],
				"What to Do Next": ["Nothing."],
			},
		)

	def test_the_document_and_the_channel_are_links(self) -> None:
		values = {"reference_doctype": "Sales Order", "reference_name": "SAL-ORD-1", "state": "Succeeded"}
		lines = [line for chapter in story(self.entry(**values)) for line in chapter["lines"]]
		routes = [value["route"] for line in lines for value in line["values"] if "route" in value]
		self.assertIn(["Form", "Sales Order", "SAL-ORD-1"], routes)
		self.assertIn(["Form", "Channel Settings", SHOP], routes)

	def test_what_a_stranger_wrote_stays_a_value(self) -> None:
		attempt = {"started": "2026-11-20 10:00:00", "duration": 1, "outcome": "Failed", "message": HOSTILE}
		strange = {"message": HOSTILE, "topic": HOSTILE, "external_number": HOSTILE, "attempts": [attempt]}
		lines = [line for chapter in story(self.entry(**strange)) for line in chapter["lines"]]
		self.assertFalse([line for line in lines if "script" in line["text"]])
		self.assertEqual(sum(line["values"].count(HOSTILE) for line in lines), 4)

	def test_what_goes_out_is_named_and_sent(self) -> None:
		told = self.told(direction="Outbound", topic="shipment.changed", state="Succeeded")
		self.assertEqual(told["What Came"], [f"A shipment for {SHOP}, queued here on 2026-11-20 10:00:00."])
		self.assertEqual(told["What Was Made of It"], ["It was sent."])
		told = self.told(direction="Outbound", topic="own.topic", message="refused")
		self.assertIn("own.topic", told["What Came"][0])
		self.assertEqual(told["What Was Made of It"][1], "Why it did not work: refused")

	def test_an_accepted_difference(self) -> None:
		told = self.told(accepted_difference="0.07", accepted_reason="Ann: coupon", state="Succeeded")
		self.assertIn("A difference of 0.07 was accepted. Ann: coupon", told["What Was Made of It"])

	def test_of_very_many_attempts_the_latest(self) -> None:
		rows = [{"started": f"2026-11-20 10:{number:02}:00", "outcome": "Failed"} for number in range(60)]
		attempts = self.told(attempts=rows)["Attempts"]
		self.assertEqual(len(attempts), ATTEMPTS_SHOWN)
		self.assertIn("10:59:00", attempts[-1])

	def test_the_form_gets_it(self) -> None:
		key = frappe.generate_hash(length=20)
		doc = self.entry(dedupe_key=key).insert(ignore_permissions=True)
		frappe.response.docs = []
		getdoc("Sync Log", doc.name)
		self.assertEqual(
			frappe.response.docs[0].get_onload("story"), story(frappe.get_doc("Sync Log", doc.name))
		)


class TestWhatToDoNext(StoryCase):
	def test_each_class_of_error_says_what_to_do(self) -> None:
		self.assertIn("Test Connection", self.next(error_class="Retryable", message="Given up: 503"))
		self.assertIn("Current Version", self.next(error_class="Rejected", message="No lines"))
		self.assertNotIn("Current Version", self.next(error_class="Rejected", direction="Outbound"))
		self.assertIn("Fill in what the message names", self.next(error_class="Misconfigured"))
		self.assertIn("report it", self.next(error_class="Unexpected"))
		self.assertIn("report it", self.next())
		totals = self.next(error_class="Rejected", message="Totals differ: the storefront says 2")
		self.assertIn("Accept Difference", totals)
		self.assertIn("Failures by Cause", totals)

	def test_what_waits_says_for_what(self) -> None:
		self.assertIn("as soon as a worker", self.next(state="Queued"))
		later = self.next(state="Retrying", next_attempt_at="2026-11-20 11:00:00")
		self.assertIn("tried again on 2026-11-20 11:00:00", later)
		self.assertIn("being worked on", self.next(state="Running"))

	def test_a_paused_channel_holds_both_ways(self) -> None:
		doc = frappe.get_doc("Channel Settings", SHOP)
		doc.state = "Paused"
		doc.save()
		for direction in ("Inbound", "Outbound"):
			waits = self.next(state="Queued", direction=direction)
			self.assertEqual(waits, f"{SHOP} is Paused: this waits until it is Active again.")

	def test_an_open_circuit_holds_what_goes_out(self) -> None:
		until = utc_now() + timedelta(hours=1)
		opened = Circuit(5, until, None)
		channel_state.swap_circuit(SHOP, channel_state.get_circuit(SHOP), opened)
		self.assertIn("left alone until", self.next(state="Queued", direction="Outbound"))
		self.assertNotIn("left alone", self.next(state="Queued"))

	def test_what_was_skipped_can_be_replayed_while_its_contents_are_there(self) -> None:
		self.assertIn("press Replay", self.next(state="Skipped", payload="{}"))
		self.assertIn("cannot be replayed", self.next(state="Skipped"))
