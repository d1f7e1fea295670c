"""The report Order Reconciliation: totals of the shop against those of ERPNext, and what is held accepted."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import frappe
from frappe.desk.query_report import run as run_report

from commerce_bridge import api
from commerce_bridge.bridge import worker
from commerce_bridge.commerce_bridge.report.order_reconciliation import order_reconciliation as report
from commerce_bridge.erpnext import sql
from commerce_bridge.erpnext.channel_record import name_of
from commerce_bridge.erpnext.order_reconciliation import compare
from commerce_bridge.erpnext.test_orders import SHOP, OrdersCase, line
from commerce_bridge.permissions import USER as USER_ROLE
from commerce_bridge.tests.test_permissions import make_user

DAY = {"from_date": "2026-11-01", "to_date": "2026-11-30"}
DIFFERING, EVERY = "Orders That Differ", "All Orders"


class ReconciliationCase(OrdersCase):
	def setUp(self) -> None:
		super().setUp()
		self.addCleanup(frappe.set_user, "Administrator")

	def report(self, view: str = EVERY, **filters: Any) -> dict[str, Any]:
		frappe.db.rollback()
		return run_report("Order Reconciliation", {"view": view, **DAY, **filters})

	def rows(self, view: str = EVERY, **filters: Any) -> dict[str, tuple[Any, ...]]:
		"""State, shop's total, ERPNext's and what may be accepted, by the order's number."""
		names = ("state", "shop_total", "erpnext_total", "to_accept")
		found = self.report(view, **filters)["result"]
		return {row["number"]: tuple(row[name] for name in names) for row in found}

	def held(self, external_id: str) -> Any:
		"""Its parts come to 22.00, the shop says 22.50."""
		order = self.simple(external_id)
		order["totals"]["grand_total"] = "22.50"
		return self.send("order.upserted", order)


class TestStates(ReconciliationCase):
	def test_what_is_booked_is_equal(self) -> None:
		self.send("order.upserted", self.simple("E1"))
		self.assertEqual(self.rows(), {"#E1": ("Equal", 22.0, 22.0, None)})
		self.assertEqual(self.rows(DIFFERING), {})

	def test_held_order_is_accepted_with_its_difference(self) -> None:
		round_off = {"account_name": "Round Off", "company": self.fixture.company}
		self.fixture.make_channel(SHOP, rounding_account=frappe.db.get_value("Account", round_off))
		entry = self.held("H1")
		self.assertEqual(entry.state, "Failed")
		[row] = self.report(DIFFERING)["result"]
		self.assertEqual((row["state"], row["exact"], row["log"]), ("Held", "0.50", entry.name))
		self.assertEqual((row["shop_total"], row["erpnext_total"], row["difference"]), (22.5, 0.0, 22.5))
		api.accept_difference(row["log"], row["exact"], "A coupon that the shop forgot")
		frappe.db.commit()
		while worker.run_once(self.world):
			continue
		self.assertEqual(self.rows(), {"#H1": ("Equal", 22.5, 22.5, None)})

	def test_an_order_that_cannot_be_booked_is_missing_with_its_reason(self) -> None:
		order = self.order("F1", line("l1", "CB-NO-SUCH", 1, "5.00"), total="5.00")
		self.send("order.upserted", order)
		[row] = self.report(DIFFERING)["result"]
		self.assertEqual((row["state"], row["shop_total"], row["erpnext_total"]), ("Failed", 5.0, 0.0))
		self.assertIn("CB-NO-SUCH", row["message"])
		self.assertIsNone(row["exact"])

	def test_cancelled_deleted_and_changed_in_erpnext(self) -> None:
		for external_id in ("C1", "C2", "C3"):
			self.send("order.upserted", self.simple(external_id))
		self.sales_order("C1").cancel()
		frappe.db.commit()
		frappe.db.set_value("Sales Order", self.sales_order("C2").name, "grand_total", 20)
		frappe.db.commit()
		found = self.rows()
		self.assertEqual(found["#C1"], ("Not in ERPNext", 22.0, 0.0, None))
		self.assertEqual(found["#C2"], ("Differs", 22.0, 20.0, None))
		self.assertEqual(found["#C3"][0], "Equal")

	def test_cancelled_on_both_sides_is_equal(self) -> None:
		self.send("order.upserted", self.simple("B1"))
		self.send("order.cancelled", {"id": "B1", "updated_at": "2026-11-20T11:00:00Z"})
		self.assertEqual(self.rows(), {"#B1": ("Equal", 0.0, 0.0, None)})

	def test_a_change_that_cannot_follow_shows_both_totals(self) -> None:
		self.send("order.upserted", self.simple("D1"))
		self.fixture.deliver_one(self.sales_order("D1").name)
		frappe.db.commit()
		self.send("order.upserted", self.simple("D1", quantity=3))
		self.assertEqual(self.rows(), {"#D1": ("Failed", 33.0, 22.0, None)})

	def test_in_another_currency_nothing_is_subtracted(self) -> None:
		self.send("order.upserted", self.simple("X1"))
		frappe.db.set_value("Sales Order", self.sales_order("X1").name, "currency", "JPY")
		frappe.db.commit()
		[row] = self.report()["result"]
		self.assertEqual((row["state"], row["difference"]), ("Differs", None))


class TestInvoicesInsteadOfOrders(ReconciliationCase):
	def setUp(self) -> None:
		super().setUp()
		self.fixture.make_channel(SHOP, invoice_when="Instead of Sales Order")

	def invoice(self, external_id: str) -> Any:
		frappe.db.rollback()
		name = frappe.db.get_value("Sales Invoice", {"cb_external_id": external_id, "cb_instead_of_order": 1})
		return frappe.get_doc("Sales Invoice", name)

	def test_what_is_booked_is_equal_and_opens_as_an_invoice(self) -> None:
		self.send("order.upserted", self.simple("E1"))
		[row] = self.report()["result"]
		self.assertEqual((row["state"], row["erpnext_total"], row["number"]), ("Equal", 22.0, "#E1"))
		self.assertEqual((row["document"], row["doctype"]), (self.invoice("E1").name, "Sales Invoice"))

	def test_cancelled_or_changed_in_erpnext(self) -> None:
		for external_id in ("C1", "C2"):
			self.send("order.upserted", self.simple(external_id))
		self.invoice("C1").cancel()
		frappe.db.commit()
		frappe.db.set_value("Sales Invoice", self.invoice("C2").name, "grand_total", 20)
		frappe.db.commit()
		found = self.rows()
		self.assertEqual(found["#C1"], ("Not in ERPNext", 22.0, 0.0, None))
		self.assertEqual(found["#C2"], ("Differs", 22.0, 20.0, None))

	def test_cancelled_in_the_shop_it_is_credited_and_equal(self) -> None:
		self.send("order.upserted", self.simple("B1"))
		log = self.send("order.cancelled", {"id": "B1", "updated_at": "2026-11-20T11:00:00Z"})
		self.assertEqual((log.state, self.invoice("B1").docstatus), ("Succeeded", 1), log.message)
		self.assertEqual(self.rows(), {"#B1": ("Equal", 0.0, 0.0, None)})

	def test_an_edit_that_cannot_follow_shows_both_totals(self) -> None:
		self.send("order.upserted", self.simple("D1"))
		self.send("order.upserted", self.simple("D1", quantity=3))
		[row] = self.report()["result"]
		self.assertEqual((row["state"], row["shop_total"], row["erpnext_total"]), ("Failed", 33.0, 22.0))
		self.assertEqual(row["doctype"], "Sales Invoice")


class TestCancelledAfterItWasBilled(ReconciliationCase):
	def test_what_is_closed_and_credited_is_equal(self) -> None:
		self.send("order.upserted", self.simple("K1"))
		self.fixture.stands("billed", self.sales_order("K1").name)
		log = self.send("order.cancelled", {"id": "K1", "updated_at": "2026-11-20T11:00:00Z"})
		self.assertEqual((log.state, self.sales_order("K1").status), ("Succeeded", "Closed"), log.message)
		self.assertEqual(self.rows(), {"#K1": ("Equal", 0.0, 0.0, None)})


class TestSums(ReconciliationCase):
	def test_by_day_and_channel(self) -> None:
		self.send("order.upserted", self.simple("S1"))
		self.send("order.upserted", self.simple("S2", placed_at="2026-11-19T12:00:00+00:00"))
		self.held("S3")
		found = self.report("By Day and Channel")
		names = ("placed_on", "channel", "shop_total", "erpnext_total", "orders", "differing", "held")
		self.assertEqual(
			[tuple(row[name] for name in names) for row in found["result"]],
			[
				(date(2026, 11, 20), SHOP, 44.5, 22.0, 2, 1, 1),
				(date(2026, 11, 19), SHOP, 22.0, 22.0, 1, 0, 0),
			],
		)
		[data] = found["chart"]["data"]["datasets"]
		self.assertEqual(data["values"], [0.0, 22.5])
		self.assertEqual([card["value"] for card in found["report_summary"]], [66.5, 44.0, 22.5, 1, 1])
		self.assertEqual(self.rows(from_date="2026-11-21"), {})

	def test_the_chart_sums_up_what_it_has_no_colours_for(self) -> None:
		day = date(2026, 11, 20)
		differences = {f"Shop {number}": {day: Decimal(number)} for number in range(1, 12)}
		shown = report.with_others(differences)
		self.assertEqual(len(shown), report.CHANNELS_SHOWN)
		self.assertEqual(shown["Shop 11"], {day: 11})
		self.assertEqual(shown["Other Channels"], {day: 1 + 2 + 3 + 4})
		few = dict(list(differences.items())[: report.CHANNELS_SHOWN])
		self.assertEqual(report.with_others(few), few)

	def test_days_are_those_of_the_site(self) -> None:
		"""At one end of it, a day of the site is another one in UTC."""
		for number, (hour, minute) in enumerate(((0, 30), (23, 30))):
			placed = datetime(2026, 11, 12, hour, minute, tzinfo=ZoneInfo(self.channel.time_zone))
			self.send("order.upserted", self.simple(f"T{number}", placed_at=placed.isoformat()))
		days = {row["number"]: row["placed_on"] for row in self.report()["result"]}
		self.assertEqual([days["#T0"], days["#T1"]], [date(2026, 11, 12)] * 2)

	def test_queries_do_not_grow_with_the_orders(self) -> None:
		rows = [
			{
				"name": name_of(SHOP, "Order", f"Q{number}"),
				"channel": SHOP,
				"record_type": "Order",
				"external_id": f"Q{number}",
				"shop_total": Decimal("1.10"),
				"currency": self.fixture.currency,
				"placed_on": date(2026, 11, 1) + timedelta(days=number % 20),
			}
			for number in range(12_000)
		]
		for start in range(0, len(rows), 1_000):
			sql.insert_rows("Channel Record", rows[start : start + 1_000])
		frappe.db.commit()
		with self.assertQueryCount(4):
			counted = report.count(compare([SHOP], date(2026, 11, 1), date(2026, 11, 30)), DIFFERING)
		self.assertEqual((len(counted.rows), counted.left_out), (10_000, 2_000))
		[total] = counted.currencies.values()
		self.assertEqual((total.orders, total.shop_total), (12_000, Decimal("13200.00")))


class TestRights(ReconciliationCase):
	def test_a_user_reads_and_does_not_accept(self) -> None:
		entry = self.held("R1")
		make_user("reconciling@example.com", USER_ROLE)
		frappe.set_user("reconciling@example.com")
		self.assertEqual(len(self.report(DIFFERING)["result"]), 1)
		with self.assertRaises(frappe.PermissionError):
			api.accept_difference(entry.name, "0.50", "because")

	def test_who_has_no_role_sees_nothing(self) -> None:
		self.send("order.upserted", self.simple("R2"))
		make_user("reconciling-nobody@example.com", None)
		frappe.set_user("reconciling-nobody@example.com")
		with self.assertRaises(frappe.PermissionError):
			self.report()
		with self.assertRaises(frappe.PermissionError):
			report.execute({"channel": SHOP})

	def test_of_other_channels_nothing_is_shown(self) -> None:
		self.send("order.upserted", self.simple("R3"))
		other = self.fixture.make_channel("Other Reconciled Shop")
		make_user("reconciling-one@example.com", USER_ROLE)
		frappe.db.delete("User Permission", {"user": "reconciling-one@example.com"})
		frappe.get_doc(
			{
				"doctype": "User Permission",
				"user": "reconciling-one@example.com",
				"allow": "Channel Settings",
				"for_value": other.name,
			}
		).insert()
		frappe.db.commit()
		frappe.set_user("reconciling-one@example.com")
		found = self.report()
		self.assertEqual((found["result"], found["report_summary"], found["chart"]), ([], [], None))
		with self.assertRaises(frappe.PermissionError):
			self.report(channel=SHOP)
