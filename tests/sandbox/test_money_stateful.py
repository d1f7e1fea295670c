"""Random interleavings of orders, payments, refunds and deliveries: told twice and in any order, by workers that die.

What holds at the end, whatever happened:
M1 what was paid of an order, and given back, is booked once;
M2 the order less its credit notes is what the buyer bought less what went back;
M3 what is due is billed, all of it and once, and nothing of what is paid is open;
M4 every event is finished, none failed.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any, Literal

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from commerce_bridge.bridge.plan import Books
from commerce_bridge.bridge.protocols import Entry
from commerce_bridge.bridge.worker import run_once, work_on
from sandbox.storefronts.custom import ShopEvent
from tests.sandbox.money_flows import keeps_books
from tests.sandbox.stage import Stage
from tests.sandbox.test_crash_points import Killed, Killer

NUMBERS = st.integers(0, 1)
PIECE, TAX = Decimal("10.00"), Decimal("1.90")
GESTURE = Decimal("2.50")
ZERO = Decimal(0)


class Money(RuleBasedStateMachine):
	def __init__(self) -> None:
		super().__init__()
		self.stage = Stage()
		self.told: list[ShopEvent] = []  # everything the shop ever told, to be told again
		self.pieces: dict[int, int] = {}  # of each order, still with the buyer
		self.paid: dict[int, Decimal] = {}
		self.back: dict[int, Decimal] = {}
		self.asleep: list[Entry] = []

	@initialize(
		when=st.sampled_from(("When Paid", "When Delivered")),
		quantities=st.tuples(st.integers(1, 3), st.integers(1, 3)),
		inclusive=st.booleans(),
	)
	def open(
		self, when: Literal["When Paid", "When Delivered"], quantities: tuple[int, ...], inclusive: bool
	) -> None:
		keeps_books(self.stage, when)
		self.when = when
		for number, quantity in enumerate(quantities):
			self.pieces[number], self.back[number], self.paid[number] = quantity, ZERO, ZERO
			sold = self.stage.order(number, 1, inclusive, PHONE=quantity, CASE=1)
			self.told.append(self.stage.shop.upsert(sold))

	# --- the shop

	@rule(number=NUMBERS, part=st.sampled_from((None, None, "0.01", "20.00")))
	def pay(self, number: int, part: str | None) -> None:
		"""All that is open, or a part of it."""
		still_open = self._total(number) - self.paid[number]
		amount = min(Decimal(part), still_open) if part else still_open
		if amount <= 0:
			return
		key = f"pay_{number}_{self.paid[number]}"
		self.paid[number] += amount
		more = {"id": key, "reference": f"ch_{key}"}
		self.told.append(self.stage.shop.pay(self._id(number), amount, self.stage.now(), **more))

	@rule(number=NUMBERS, restock=st.booleans())
	def take_a_piece_back(self, number: int, restock: bool) -> None:
		taxes = [{"title": "VAT", "code": "VAT", "rate": "19", "amount": str(TAX)}]
		inclusive = bool(self.stage.shop.orders[self._id(number)]["prices_include_tax"])
		total = PIECE if inclusive else PIECE + TAX
		if self.pieces[number] and self._may_go_back(number, total):
			self.pieces[number] -= 1
			line = {"order_line_id": f"{number}-PHONE", "quantity": 1, "amount": str(PIECE)}
			self._give_back(number, total, lines=[{**line, "taxes": taxes, "restock": restock}])

	@rule(number=NUMBERS)
	def make_a_gesture(self, number: int) -> None:
		if self._may_go_back(number, GESTURE):
			self._give_back(number, GESTURE, adjustments=[{"title": "Sorry", "amount": str(GESTURE)}])

	def _may_go_back(self, number: int, amount: Decimal) -> bool:
		return self.back[number] + amount <= self.paid[number]

	def _give_back(self, number: int, amount: Decimal, **parts: Any) -> None:
		self.back[number] += amount
		self.told.append(self.stage.shop.refund(self._id(number), amount, self.stage.now(), **parts))

	@rule(which=st.integers(0, 30), times=st.integers(1, 2))
	def deliver(self, which: int, times: int) -> None:
		"""Any event, also one that was delivered long ago."""
		for _ in range(times if self.told else 0):
			self.stage.shop.deliver(self.told[-1 - which % len(self.told)], self.stage.post)

	# --- the workers

	@rule()
	def work(self) -> None:
		run_once(self.stage.world())

	@rule()
	def come_to_rest(self) -> None:
		"""All that happened so far is told, and worked on."""
		for event in self.told:
			self.stage.shop.deliver(event, self.stage.post)
		self.stage.run()

	@rule(at=st.integers(0, 80))
	def work_and_be_killed(self, at: int) -> None:
		try:
			self.stage.disturbed(Killer(at).wrap).run()
		except Killed:
			return

	@rule()
	def fall_asleep(self) -> None:
		world = self.stage.world()
		entry = world.journal.claim(world.now(), world.lease)
		if entry is not None:
			self.asleep.append(entry)

	@rule()
	def wake_up(self) -> None:
		if self.asleep:
			work_on(self.stage.world(), self.asleep.pop(0))

	@rule(minutes=st.sampled_from((1, 6, 90)))
	def time_passes(self, minutes: int) -> None:
		self.stage.time += timedelta(minutes=minutes)

	# --- the people in the ERP

	@rule(number=NUMBERS, part=st.booleans())
	def ship(self, number: int, part: bool) -> None:
		"""Nobody sends what is given back."""
		rows = [row for row in self._orders(number) if row["status"] == "Submitted"]
		if not rows or self.back[number]:
			return
		name = rows[0]["name"]
		lines = self.stage.sandbox.erp.order_rows(name)
		left = {row["idx"]: Decimal(row["qty"]) - Decimal(row["delivered_qty"]) for row in lines}
		wanted = {1: Decimal(1)} if part and left[1] else left
		if any(left.values()):
			self.stage.sandbox.erp.make_delivery(name, wanted)

	# --- what holds

	def teardown(self) -> None:
		try:
			self._end()
		finally:
			self.stage.close()

	def _end(self) -> None:
		for event in self.told:
			assert self.stage.shop.deliver(event, self.stage.post)
		self.stage.time += timedelta(hours=1)
		self.stage.settle()
		entries = self.stage.sandbox.journal.entries()
		assert [row["message"] for row in entries if row["state"] not in ("Succeeded", "Skipped")] == []  # M4
		for number in self.pieces:
			[row] = [row for row in self._orders(number) if row["status"] == "Submitted"] or [None]
			if row is None:  # all of it went back before anything was sent
				assert self.back[number] == self._total(number)
				continue
			books = self.stage.sandbox.erp.get_books(row["name"])
			assert books is not None
			self._check(number, books)

	def _check(self, number: int, books: Books) -> None:
		assert (books.paid, books.paid_back) == (self.paid[number], self.back[number])  # M1
		credited = sum((each.total for each in books.invoices if each.is_return), ZERO)
		billed = sum((each.total for each in books.invoices if not each.is_return), ZERO)
		if self._is_due(number, books):
			assert billed == books.total  # M3
		if billed == books.total:
			assert billed - credited == self._total(number) - self.back[number]  # M2
			if self.paid[number] == self._total(number):
				assert [each.open for each in books.invoices] == [ZERO] * len(books.invoices)  # M3

	def _is_due(self, number: int, books: Books) -> bool:
		if self.when == "When Paid":
			return self.paid[number] == self._total(number)
		return all(books.delivered.get(line, ZERO) >= wanted for line, wanted in books.quantities.items())

	def _orders(self, number: int) -> list[Any]:
		return self.stage.sandbox.sales_orders(self._id(number))

	def _id(self, number: int) -> str:
		return str(9000 + number)

	def _total(self, number: int) -> Decimal:
		return Decimal(self.stage.shop.orders[self._id(number)]["totals"]["grand_total"])


Money.TestCase.settings = settings(
	max_examples=80,
	stateful_step_count=40,
	deadline=None,
	derandomize=True,
	suppress_health_check=list(HealthCheck),
)
TestMoney = Money.TestCase
