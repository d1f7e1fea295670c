"""The report Clearing Accounts: what is open of each gateway and since when, and nothing once it is paid out."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import frappe
from frappe.desk.query_report import run as run_report

from commerce_bridge.commerce_bridge.report.clearing_accounts import clearing_accounts as report
from commerce_bridge.erpnext import clearing_accounts
from commerce_bridge.erpnext.test_payout import DAY, SHOP, PayoutCase
from commerce_bridge.permissions import USER as USER_ROLE
from commerce_bridge.tests.test_permissions import make_user

LATER = date(2026, 12, 31)


class TestClearingAccounts(PayoutCase):
	def report(self, on: date = DAY, **filters: Any) -> list[dict[str, Any]]:
		frappe.db.rollback()
		return run_report("Clearing Accounts", {"view": "By Gateway", "on": str(on), **filters})["result"]

	def test_open_by_gateway_and_age(self) -> None:
		self.pay("p1", 100)
		self.pay("p2", 30, posting_date=DAY - timedelta(days=10), cb_gateway="stripe")
		self.pay("p3", -7, posting_date=DAY - timedelta(days=95))
		rows = self.report(channel=SHOP)
		names = ("channel", "gateway", "account", "open", "documents", "oldest", "days")
		self.assertEqual(
			[tuple(row[name] for name in names) for row in rows],
			[
				(SHOP, "razorpay", self.clearing, 93.0, 2, DAY - timedelta(days=95), 95),
				(SHOP, "stripe", self.clearing, 30.0, 1, DAY - timedelta(days=10), 10),
			],
		)
		ages = [[row[f"age_{number}"] for number in range(4)] for row in rows]
		self.assertEqual(ages, [[100.0, 0.0, 0.0, -7.0], [0.0, 30.0, 0.0, 0.0]])
		self.assertEqual((rows[0]["balance"], rows[0]["kept"]), (123.0, 0.0))
		self.assertNotIn("balance", rows[1])

	def test_the_last_day_of_an_age_is_of_that_age(self) -> None:
		for number, days in enumerate((0, 7, 8, 30, 31, 90, 91)):
			self.pay(f"p{number}", 10**number, posting_date=DAY - timedelta(days=days))
		[row] = self.report(channel=SHOP)
		self.assertEqual([row[f"age_{number}"] for number in range(4)], [11.0, 1100.0, 110000.0, 1000000.0])

	def test_what_is_paid_out_is_not_open_and_what_is_kept_back_is_shown(self) -> None:
		self.pay("p1", 100)
		doc = self.bring(
			self.row("b1", "payment", "100.00", reference="p1"), self.row("b2", "reserve", "-20.00")
		)
		[before] = self.report(channel=SHOP)
		self.assertEqual((before["open"], before["kept"]), (100.0, 0.0))
		doc.submit()
		frappe.db.commit()
		[row] = self.report(channel=SHOP)
		self.assertEqual((row["open"], row["balance"], row["kept"]), (0.0, 20.0, 20.0))
		doc.cancel()
		frappe.db.commit()
		self.assertEqual(self.report(channel=SHOP)[0]["open"], 100.0)

	def test_as_it_was_on_a_day(self) -> None:
		self.pay("p1", 100, posting_date=DAY - timedelta(days=5))
		self.bring(self.row("b1", "payment", "100.00", reference="p1")).submit()
		frappe.db.commit()
		self.assertEqual(self.report(channel=SHOP), [])
		[row] = self.report(DAY - timedelta(days=1), channel=SHOP)
		self.assertEqual((row["open"], row["days"], row["kept"]), (100.0, 4, 0.0))

	def test_documents_by_hand_are_of_the_one_channel_that_has_the_account(self) -> None:
		self.pay("p1", 100, cb_channel=None, cb_gateway=None)
		[row] = self.report(channel=SHOP)
		self.assertEqual((row["channel"], row["gateway"], row["open"]), (SHOP, "razor*", 100.0))
		[shown] = self.report(view="Open Documents", channel=SHOP)
		self.assertEqual(
			(shown["open"], shown["reference"], shown["doctype"]), (100.0, "p1", "Payment Entry")
		)

	def test_queries_do_not_grow_with_the_documents(self) -> None:
		for number in range(12):
			self.pay(f"p{number}", 10)
		report.execute({"on": DAY, "channel": SHOP})
		with self.assertQueryCount(2):
			found, balances = clearing_accounts.sums([SHOP], DAY)
		self.assertEqual((found[0].documents, list(balances)), (12, [self.clearing]))
		with self.assertQueryCount(1):
			self.assertEqual(len(clearing_accounts.documents([SHOP], DAY, 100)), 12)

	def test_without_payment_methods_it_says_what_to_do(self) -> None:
		self.fixture.make_channel(SHOP)
		frappe.db.commit()
		self.assertIn(
			"Payment Methods", run_report("Clearing Accounts", {"channel": SHOP, "on": str(DAY)})["message"]
		)

	def test_of_an_account_that_two_channels_share_each_reader_sees_his_channel(self) -> None:
		self.pay("p1", 100)
		theirs = "Other Clearing Shop"
		self.map(theirs, account=self.clearing)
		self.pay("p2", 7, cb_channel=theirs)
		found, _balances = clearing_accounts.sums([theirs], DAY)
		self.assertEqual([(one.channel, one.open) for one in found], [(theirs, 7)])
		shown = clearing_accounts.documents([theirs], DAY, 100)
		self.assertEqual([(row.channel, row.open) for row in shown], [(theirs, 7.0)])
		frappe.set_user(self.reader_of(theirs))
		for view in ("By Gateway", "Open Documents"):
			with self.subTest(view):
				self.assertEqual(
					[(row["channel"], row["open"]) for row in self.report(view=view)], [(theirs, 7.0)]
				)

	def reader_of(self, channel: str) -> str:
		user = make_user("clearing-one@example.com", USER_ROLE)
		frappe.db.delete("User Permission", {"user": user})
		permission = {"user": user, "allow": "Channel Settings", "for_value": channel}
		frappe.get_doc({"doctype": "User Permission", **permission}).insert()
		frappe.db.commit()
		return user

	def test_of_other_channels_nothing_is_shown(self) -> None:
		self.pay("p1", 100)
		other = self.fixture.make_channel("Other Clearing Shop")
		frappe.set_user(self.reader_of(other.name))
		self.assertEqual(self.report(), [])
		with self.assertRaises(frappe.PermissionError):
			self.report(channel=SHOP)
		frappe.set_user(make_user_as_administrator("clearing-nobody@example.com"))
		with self.assertRaises(frappe.PermissionError):
			self.report()


def make_user_as_administrator(email: str) -> str:
	frappe.set_user("Administrator")
	return make_user(email, None)
