"""A month of a shop: orders, payments, refunds, and the payouts of its gateway, which leave nothing in clearing.

`COMMERCE_BRIDGE_MONTH` says how many orders; the gateway takes a fee of each payment, and tells the shop of it for some.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator, Sequence
from datetime import timedelta
from decimal import Decimal

import frappe

from commerce_bridge.bridge.channel import OrderPolicy, PaymentMap, RefundPolicy
from commerce_bridge.bridge.model import EventData, Payment, Refund
from commerce_bridge.erpnext import payout
from commerce_bridge.tests.base import SiteTestCase
from commerce_bridge.tests.history_events import PAID, back, order, paid, refund
from commerce_bridge.tests.history_suite import HistorySuite, played
from commerce_bridge.tests.order_cells import T0
from commerce_bridge.tests.test_histories import HistorySiteFixture

ORDERS = int(os.environ.get("COMMERCE_BRIDGE_MONTH", "16"))
DAYS, PAYOUT_DAYS = 28, 7
GATEWAY = "card"
FEE = Decimal("1.72")
CENT, ZERO = Decimal("0.01"), Decimal(0)
HEADER = "payout_id,paid_on,bank_reference,payout_net,id,kind,currency,gross,fee,fee_tax,net,reference,order_number"
BALANCE = "SELECT COALESCE(SUM(debit - credit), 0) FROM `tabGL Entry` WHERE account = %s AND is_cancelled = 0"
#: What becomes of an order, and what of 49.00 the buyer has in the end.
ENDS = {
	"kept": ("49.00", ()),
	"failed first": ("49.00", (paid("p0", status="failed", reference=None),)),
	"one piece back": ("38.00", (refund("r", back("l1", 1)),)),
	"two refunds": ("27.00", (refund("r", back("l1", 1)), refund("s", back("l2", 1), minute=11))),
	"shipping back": ("44.00", (refund("r", shipping="5.00"),)),
	"goodwill": ("42.35", (refund("r", adjustment="6.65"),)),
	"all back": ("0.00", (refund("r", back("l1", 2), back("l2", 2), shipping="5.00"),)),
}


class MonthFixture(HistorySiteFixture):
	"""Money of the gateway lies in an account that a payout may empty."""

	def open_accounts(self) -> None:
		super().open_accounts()
		self.clearing_account = self.account("CB Month Clearing", "Current Assets", account_type="Cash")
		self.bank_account = self.account("CB Month Bank", "Bank Accounts", account_type="Bank")

	def balance(self, account: str) -> Decimal:
		frappe.db.rollback()
		return Decimal(str(frappe.db.sql(BALANCE, account)[0][0])).quantize(CENT)


class TestMonth(HistorySuite, SiteTestCase):
	fixture: MonthFixture
	__test__ = True

	def setUp(self) -> None:
		self.fixture = MonthFixture()
		super().setUp()
		self.chance = random.Random(2026)
		self.keys: list[str] = []
		self.moved: list[tuple[int, Payment, Decimal]] = []  # day, payment, signed amount

	def test_it_ends_with_nothing_in_clearing_and_nothing_owed(self) -> None:
		before = {name: self.fixture.balance(name) for name in self._accounts()}
		self._open()
		wanted = ZERO
		for number in range(ORDERS):
			wanted += self._sell(number)
		nets = [self._pay_out(week) for week in range(DAYS // PAYOUT_DAYS)]
		gained = {name: self.fixture.balance(name) - before[name] for name in self._accounts()}
		fees = FEE * sum(amount > 0 for _day, _payment, amount in self.moved)
		self.assertEqual(sum((amount for *_rest, amount in self.moved), ZERO), wanted)
		self.assertEqual(gained[self.fixture.clearing_account], ZERO)
		self.assertEqual(gained[self.fixture.bank_account], sum(nets, ZERO))
		self.assertEqual(gained[self.fixture.bank_account], wanted - fees)
		self.assertEqual(gained[self.fixture.fee_account], fees)
		self._nothing_is_owed()

	def _accounts(self) -> tuple[str, ...]:
		return self.fixture.clearing_account, self.fixture.bank_account, self.fixture.fee_account

	def _open(self) -> None:
		row = PaymentMap(
			gateway=GATEWAY,
			mode_of_payment=self.fixture.mode_of_payment,
			account=self.fixture.clearing_account,
			fee_account=self.fixture.fee_account,
		)
		self.channel = self.fixture.make_channel(
			self.channel.name,
			payments=(row,),
			invoices=PAID,
			refunds=RefundPolicy(adjustment_item="CB-SHIPPING"),
			orders=OrderPolicy(from_date=T0),
		)

	def _sell(self, number: int) -> Decimal:
		"""An order and what becomes of it, told twice and in any order; what its buyer paid in the end."""
		end = sorted(ENDS)[number % len(ENDS)]
		left, more = ENDS[end]
		day = self.chance.randrange(DAYS)
		fee = FEE if self.chance.random() < 0.5 else None
		key = self.key("month", str(number))
		self.keys.append(key)
		events = [_on(event, day) for event in (order(), paid(fee=fee), *more)]
		self.chance.shuffle(events)
		self._arrive(key, events)
		for payment, amount in _money([played(event, key, self.channel.currency) for event in events]):
			self.moved.append((day, payment, amount))
		return Decimal(left)

	def _pay_out(self, week: int) -> Decimal:
		"""The report of a week, imported twice and booked; what reached the bank."""
		content, net = self._report(week)
		saved = payout.import_file(self.channel.name, "generic", GATEWAY, content)
		if not saved.made:
			self.assertEqual(net, ZERO)
			return net
		[name] = saved.made
		frappe.db.commit()
		doc = frappe.get_doc("Payout", name)
		doc.bank_account = self.fixture.bank_account
		doc.save()
		self.assertEqual([row.state for row in doc.rows], ["Matched"] * len(doc.rows))
		doc.submit()
		frappe.db.commit()
		again = payout.import_file(self.channel.name, "generic", GATEWAY, content)
		self.assertEqual((again.made, again.updated, again.submitted), ([], [], [name]))
		return net

	def _report(self, week: int) -> tuple[bytes, Decimal]:
		payout_id = f"week-{self.keys[0]}-{week}"
		lines, net = [HEADER], ZERO
		for day, payment, amount in self.moved:
			if day // PAYOUT_DAYS != week:
				continue
			kind, fee = ("payment", FEE) if amount > 0 else ("refund", ZERO)
			net += amount - fee
			what = f"{payment.id},{kind},{self.channel.currency},{amount},{fee},0,{amount - fee}"
			lines.append(f"{payout_id},2026-11-30,{payout_id},,{what},{payment.reference},")
		return "\n".join(lines).encode(), net

	def _nothing_is_owed(self) -> None:
		for key in self.keys:
			self.assertEqual(self._unfinished(key), (), self._story(key, ()))
			for name in self.fixture.orders_of(key):
				books = self._books(name)
				still_open = [invoice for invoice in books.invoices if invoice.open]
				self.assertEqual(still_open, [], self._story(key, ()))


def _on(event: EventData, day: int) -> EventData:
	"""The same, so many days later."""
	names = ("updated_at", "placed_at", "paid_at", "created_at")
	later = {name: at + timedelta(days=day) for name in names if (at := getattr(event, name, None))}
	if isinstance(event, Refund):
		later["payments"] = tuple(_on(payment, day) for payment in event.payments)
	return event.model_copy(update=later)


def _money(events: Sequence[EventData]) -> Iterator[tuple[Payment, Decimal]]:
	for event in events:
		if isinstance(event, Payment) and event.status == "captured":
			yield event, event.amount
		elif isinstance(event, Refund):
			yield from ((payment, -payment.amount) for payment in event.payments)
