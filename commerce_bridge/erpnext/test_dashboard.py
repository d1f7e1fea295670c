"""The workspace: what it shows, to whom, and that a migration brings it."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import frappe
from frappe.desk.desktop import get_desktop_page
from frappe.desk.doctype.number_card.number_card import get_result
from frappe.utils import now_datetime

from commerce_bridge import api
from commerce_bridge.erpnext import dashboard, documentation_pages, onboarding
from commerce_bridge.permissions import MANAGER, USER
from commerce_bridge.tests.base import RolledBackTestCase, SiteTestCase
from commerce_bridge.tests.factory import SiteFixture
from commerce_bridge.tests.test_permissions import make_user

SHOP, OTHER = "Charted Shop", "Other Charted Shop"
APP = Path(frappe.get_app_path("commerce_bridge"))
WORKSPACE = {"name": "Commerce Bridge", "title": "Commerce Bridge", "public": 1}


class ChartCase(RolledBackTestCase):
	@classmethod
	def setUpClass(cls) -> None:
		super().setUpClass()
		fixture = SiteFixture()
		for channel in (SHOP, OTHER):
			fixture.make_channel(channel)

	def setUp(self) -> None:
		self.addCleanup(frappe.set_user, "Administrator")
		frappe.db.delete("Sync Log")
		self.forget()
		self.addCleanup(self.forget)

	def forget(self) -> None:
		dashboard._events.__wrapped__.clear_cache()
		dashboard._times.__wrapped__.clear_cache()

	def entry(self, state: str = "Succeeded", at: datetime | None = None, **values: Any) -> str:
		"""An entry that came at a time of the site."""
		row = {
			"doctype": "Sync Log",
			"channel": SHOP,
			"direction": "Inbound",
			"topic": "order.upserted",
			"state": state,
			"dedupe_key": frappe.generate_hash(length=40),
			**values,
		}
		doc = frappe.get_doc(row).insert(ignore_permissions=True)
		frappe.db.set_value("Sync Log", doc.name, "creation", at or now_datetime(), update_modified=False)
		return doc.name

	def order(self, came: datetime, seconds: list[float]) -> str:
		"""A Sales Order whose events came this long before it; a negative one came after it."""
		name = frappe.generate_hash(length=10)
		frappe.db.sql("INSERT INTO `tabSales Order` (name, creation) VALUES (%s, %s)", (name, came))
		return self.referred("Sales Order", name, came, seconds)

	def invoice(self, came: datetime, seconds: list[float], instead: int) -> str:
		"""A Sales Invoice in the same way; it stands for an order or is of one."""
		name = frappe.generate_hash(length=10)
		frappe.db.sql(
			"INSERT INTO `tabSales Invoice` (name, creation, cb_instead_of_order) VALUES (%s, %s, %s)",
			(name, came, instead),
		)
		return self.referred("Sales Invoice", name, came, seconds)

	def referred(self, doctype: str, name: str, came: datetime, seconds: list[float]) -> str:
		for before in seconds:
			reference = {"reference_doctype": doctype, "reference_name": name}
			self.entry(at=came - timedelta(seconds=before), **reference)
		return name


class TestEvents(ChartCase):
	def test_events_are_counted_by_day_and_state(self) -> None:
		noon = datetime.combine(now_datetime().date(), datetime.min.time()) + timedelta(hours=12)
		for state in ("Succeeded", "Succeeded", "Queued", "Retrying", "Failed"):
			self.entry(state, noon - timedelta(days=1))
		self.entry("Skipped", noon - timedelta(days=dashboard.DAYS - 1))
		self.entry("Failed", noon - timedelta(days=dashboard.DAYS))  # too long ago
		self.entry("Failed", noon - timedelta(days=1), direction="Outbound")
		chart = dashboard.events_by_state()
		bars = {bar["name"]: bar["values"] for bar in chart["datasets"]}
		self.assertEqual(len(chart["labels"]), dashboard.DAYS)
		self.assertEqual({name: values[-2] for name, values in bars.items()}, {
			"Succeeded": 2, "Skipped": 0, "Waiting": 2, "Failed": 1,
		})  # fmt: skip
		self.assertEqual({name: sum(values) for name, values in bars.items()}, {
			"Succeeded": 2, "Skipped": 1, "Waiting": 2, "Failed": 1,
		})  # fmt: skip
		self.assertEqual(bars["Skipped"][0], 1)

	def test_a_channel_can_be_chosen(self) -> None:
		self.entry("Failed")
		self.entry("Failed", channel=OTHER)
		of_all, of_one = (
			api.events_by_state(filters)["datasets"][-1]["values"][-1]
			for filters in ("[]", json.dumps({"channel": OTHER}))
		)
		self.assertEqual((of_all, of_one), (2, 1))

	def test_user_permissions_hold_for_charts_and_cards(self) -> None:
		self.entry("Failed")
		self.entry("Failed", channel=OTHER)
		self.entry("Queued", now_datetime() - timedelta(hours=5), channel=OTHER)
		user = make_user("cb-one-channel@example.com", USER)
		frappe.get_doc(
			doctype="User Permission", user=user, allow="Channel Settings", for_value=SHOP
		).insert()
		self.assertEqual(dashboard.events_by_state()["datasets"][-1]["values"][-1], 2)
		frappe.set_user(user)
		self.assertEqual(api.events_by_state()["datasets"][-1]["values"][-1], 1)
		self.assertEqual(api.oldest_waiting(), "None")
		card = frappe.get_doc("Number Card", "Commerce Bridge Failed")
		self.assertEqual(get_result(card.as_json(), card.filters_json), 1)


class TestTimeToDocument(ChartCase):
	def test_median_and_95th_percentile_of_each_day(self) -> None:
		today = now_datetime() - timedelta(seconds=1)
		for seconds in (1, 2, 3, 4, 100):
			self.order(today, [seconds])
		chart = dashboard.time_to_document()
		self.assertEqual(len(chart["labels"]), 1)
		median, slow = (line["values"] for line in chart["datasets"])
		self.assertEqual(median, [3.0])
		self.assertEqual(slow, [80.8])

	def test_an_order_counts_once_from_the_first_event_that_came_before_it(self) -> None:
		self.order(now_datetime() - timedelta(seconds=60), [20, 5, -30])
		median, _slow = (line["values"] for line in dashboard.time_to_document()["datasets"])
		self.assertEqual(median, [20.0])

	def test_an_invoice_instead_of_an_order_counts_as_one_and_no_other_does(self) -> None:
		now = now_datetime() - timedelta(seconds=1)
		self.order(now, [2])
		self.invoice(now, [8, 4], instead=1)
		self.invoice(now, [500], instead=0)
		median, slow = (line["values"] for line in dashboard.time_to_document()["datasets"])
		self.assertEqual((median, slow), ([5.0], [7.7]))

	def test_an_order_that_was_there_before_its_events_took_no_time(self) -> None:
		self.order(now_datetime() - timedelta(seconds=60), [-30])
		self.assertEqual(dashboard.time_to_document(), {})

	def test_nothing_to_show(self) -> None:
		self.assertEqual(dashboard.time_to_document(), {})


class TestCards(ChartCase):
	def number(self, card: str) -> float:
		doc = frappe.get_doc("Number Card", f"Commerce Bridge {card}")
		return get_result(doc.as_json(), doc.filters_json)

	def test_cards_count_what_they_say(self) -> None:
		yesterday = now_datetime() - timedelta(days=1, minutes=1)
		for state in ("Failed", "Queued", "Running", "Retrying", "Succeeded"):
			self.entry(state, yesterday)
		for topic, state in (
			("stock.changed", "Succeeded"), ("stock.resync", "Succeeded"), ("stock.changed", "Failed"),
			("stock.check", "Succeeded"), ("price.changed", "Succeeded"),
		):  # fmt: skip
			self.entry(state, topic=topic, direction="Outbound")
		self.entry("Succeeded", yesterday, topic="stock.changed", direction="Outbound")
		frappe.db.delete("Channel Record")
		for kind, external_id in (("order", "1"), ("order", "2"), ("customer", "1")):
			record = {
				"channel": SHOP,
				"record_type": kind,
				"external_id": external_id,
				"name": kind + external_id,
			}
			frappe.get_doc({"doctype": "Channel Record", **record}).insert(ignore_permissions=True)
		frappe.db.set_value("Channel Record", "order2", "creation", yesterday, update_modified=False)
		self.assertEqual((self.number("Failed"), self.number("Waiting")), (2, 3))
		self.assertEqual(self.number("Stock Pushes Today"), 2)
		self.assertEqual(self.number("Orders Today"), 1)

	def test_the_oldest_waiting_entry_in_words(self) -> None:
		self.assertEqual(dashboard.oldest_waiting(), "None")
		self.entry("Failed", now_datetime() - timedelta(days=9))
		for age, words in (
			(timedelta(seconds=59), "0 min"), (timedelta(minutes=59), "59 min"), (timedelta(minutes=61), "1 h 1 min"),
			(timedelta(hours=49), "2 d 1 h"),
		):  # fmt: skip
			self.entry("Retrying", now_datetime() - age)
			self.assertEqual(dashboard.oldest_waiting(), words)


class TestWorkspace(RolledBackTestCase):
	def page(self, user: str) -> dict[str, Any]:
		frappe.set_user(user)
		frappe.clear_cache(user=user)
		return get_desktop_page(json.dumps(WORKSPACE))

	def shown(self, page: dict[str, Any], part: str) -> set[str]:
		return {item.get("label") for item in page[part]["items"]}

	def test_a_user_of_the_app_sees_cards_charts_and_shortcuts(self) -> None:
		page = self.page(make_user("cb-user-desk@example.com", USER))
		doc = frappe.get_doc("Workspace", "Commerce Bridge")
		self.assertEqual(self.shown(page, "number_cards"), {row.label for row in doc.number_cards})
		self.assertEqual(self.shown(page, "charts"), {row.label for row in doc.charts})
		self.assertEqual(len(doc.number_cards), 5)
		self.assertLessEqual({"Failed", "Channels", "Listings", "Stock Drift"}, self.shown(page, "shortcuts"))

	def test_what_a_user_may_not_read_is_not_offered(self) -> None:
		def links(page: dict[str, Any]) -> set[str]:
			return {link["link_to"] for card in page["cards"]["items"] for link in card["links"]}

		user = links(self.page(make_user("cb-user-links@example.com", USER)))
		frappe.set_user("Administrator")
		manager = links(self.page(make_user("cb-manager-links@example.com", MANAGER)))
		self.assertEqual(manager - user, {"Alert Settings", "Stock Change", "Unbooked Sale"})

	def test_who_has_no_role_sees_nothing(self) -> None:
		nobody = make_user("cb-nobody-desk@example.com", "Sales User")
		self.assertRaises(frappe.PermissionError, self.page, nobody)
		for method in (api.events_by_state, api.time_to_document, api.oldest_waiting):
			self.assertRaises(frappe.PermissionError, method)

	def test_every_block_stands_for_something_that_is_there(self) -> None:
		doc = frappe.get_doc("Workspace", "Commerce Bridge")
		rows = {
			"number_card": {row.label for row in doc.number_cards},
			"chart": {row.label for row in doc.charts},
			"shortcut": {row.label for row in doc.shortcuts},
			"card": {row.label for row in doc.links if row.type == "Card Break"},
			"onboarding": {"Commerce Bridge"},
		}
		for kind, labels in rows.items():
			blocks = [
				block["data"][f"{kind}_name"] for block in json.loads(doc.content) if block["type"] == kind
			]
			self.assertEqual(set(blocks), labels, kind)
			self.assertEqual(len(blocks), len(labels), kind)
		for row in doc.links:
			if row.link_to:
				self.assertTrue(frappe.db.exists(row.link_type, row.link_to), row.link_to)
		for row in doc.shortcuts:
			self.assertTrue(frappe.db.exists(row.type, row.link_to), row.link_to)

	def test_the_sidebar_of_frappe_16_leads_to_what_is_there(self) -> None:
		sidebar = json.loads((APP / "workspace_sidebar" / "commerce_bridge.json").read_text())
		icon = json.loads((APP / "desktop_icon" / "commerce_bridge.json").read_text())
		self.assertEqual((icon["link_type"], icon["link_to"]), ("Workspace Sidebar", sidebar["name"]))
		self.assertTrue(frappe.db.exists("Module Onboarding", sidebar["module_onboarding"]))
		for item in sidebar["items"]:
			if item["type"] == "Link":
				self.assertTrue(frappe.db.exists(item["link_type"], item["link_to"]), item["label"])
		for folder in ("workspace_sidebar", "desktop_icon"):  # Frappe 16 reads whatever lies there as JSON
			self.assertEqual({path.suffix for path in (APP / folder).iterdir()}, {".json"})


class TestOnboarding(SiteTestCase):
	def setUp(self) -> None:
		self.fixture = SiteFixture()
		frappe.db.set_value(
			"Onboarding Step", {"name": ("in", list(onboarding.STEPS))}, {"is_complete": 0, "is_skipped": 0}
		)
		self.addCleanup(frappe.db.rollback)

	def done(self) -> list[str]:
		onboarding.tick()
		found = frappe.get_all(
			"Onboarding Step", {"name": ("like", "Commerce Bridge %"), "is_complete": 1}, pluck="name"
		)
		return sorted(name.removeprefix("Commerce Bridge ") for name in found)

	def test_the_steps_are_those_of_the_module(self) -> None:
		steps = frappe.get_all(
			"Onboarding Step Map", {"parent": "Commerce Bridge"}, pluck="step", order_by="idx"
		)
		self.assertEqual(steps, list(onboarding.STEPS))

	def test_steps_tick_themselves_off(self) -> None:
		frappe.db.sql("UPDATE `tabChannel Settings` SET state = 'Paused'")
		self.assertEqual(self.done(), ["Channel"])
		self.fixture.make_channel(SHOP)
		self.assertEqual(self.done(), ["Channel", "Connection"])
		listing = self.fixture.make_listing(SHOP, self.fixture.make_item("CB-ONB"), "CB-ONB")
		self.assertEqual(self.done(), ["Channel", "Connection", "Products"])
		level = {
			"parent": listing,
			"parenttype": "Channel Listing",
			"parentfield": "levels",
			"pushed_at": now_datetime(),
		}
		frappe.get_doc({"doctype": "Channel Listing Level", **level}).db_insert()
		record = {"channel": SHOP, "record_type": "order", "external_id": "1", "name": "first order"}
		frappe.get_doc({"doctype": "Channel Record", **record}).insert(ignore_permissions=True)
		self.assertEqual(self.done(), ["Channel", "Connection", "Order", "Products", "Push"])

	def test_managers_are_shown_what_is_left(self) -> None:
		frappe.db.set_single_value("System Settings", "enable_onboarding", 1)
		self.addCleanup(frappe.set_user, "Administrator")
		for role, shown in ((MANAGER, 1), (USER, 0)):
			frappe.set_user(make_user(f"cb-onboarding-{shown}@example.com", role))
			page = get_desktop_page(json.dumps(WORKSPACE))
			self.assertEqual(len(page["onboardings"]["items"]), shown, role)
			frappe.set_user("Administrator")


class TestDocumentation(RolledBackTestCase):
	def test_a_document_is_shown_with_the_list_of_all(self) -> None:
		shown = api.documentation()
		self.assertEqual(shown["name"], "operations")
		self.assertIn("<h1", shown["html"])
		self.assertIn("<table", shown["html"])
		listed = {row["name"]: row["title"] for row in shown["documents"]}
		self.assertEqual(set(listed), {path.stem for path in documentation_pages.folder().glob("*.md")})
		self.assertTrue(all(listed.values()))

	def test_nothing_else_can_be_read(self) -> None:
		for name in ("../README", "../commerce_bridge/hooks", "no-such", "images/stock-preview"):
			self.assertRaises(frappe.DoesNotExistError, api.documentation, name)
		for name in ("../operations.md", "no-such.png", "../../pyproject.toml"):
			self.assertRaises(frappe.DoesNotExistError, api.documentation_picture, name)
		response = api.documentation_picture("stock-preview.png")
		self.assertEqual(response.content_type, "image/png")
		self.assertTrue(response.get_data().startswith(b"\x89PNG"))
