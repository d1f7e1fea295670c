"""Orders of the simulated Shopify from the payment to the payout: what is booked is what the shop says, to the cent."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import pytest

from commerce_bridge.bridge.channel import (
	InvoicePolicy,
	PaymentMap,
	RefundPolicy,
	ShippingMap,
)
from commerce_bridge.bridge.model import RefundLine, RefundRequest
from commerce_bridge.bridge.plan import Books
from commerce_bridge.bridge.protocols import NewEntry
from commerce_bridge.bridge.receive import dedupe_key
from sandbox.storefronts.shopify.sales import Order
from sandbox.storefronts.shopify.shop import NewLine, NewShipping
from tests.connectors.shopify_simulated import CREDENTIALS
from tests.sandbox.test_shopify_events import WEBHOOKS, Site

GATEWAY = "shopify_payments"
TOPICS = (
	"order_transactions/create",
	"refunds/create",
	"orders/cancelled",
	"orders/edited",
	*(f"returns/{what}" for what in ("request", "approve", "process", "close", "decline", "cancel")),
)
When = Literal["Never", "When Paid", "When Delivered"]
ZERO = Decimal(0)


class MoneySite(Site):
	"""A channel that books money, whose shop tells of everything; deliveries come in any order, and twice."""

	def __init__(
		self, path: Path, when: When = "When Paid", adjusts_total: bool = False, seed: int = 0
	) -> None:
		super().__init__(
			path,
			default_warehouse="Stores",
			shipping=(ShippingMap(method="*", account="Freight"),),
			payments=(
				PaymentMap(gateway="gift_card", mode_of_payment="Gift Card", account="Gift Cards"),
				PaymentMap(
					gateway="*",
					mode_of_payment="Card",
					account="Clearing",
					fee_account="Fees",
					fee_tax_account="Fee Tax",
				),
			),
			invoices=InvoicePolicy(when=when),
			refunds=RefundPolicy(adjustment_item="GOODWILL", returns="Submitted"),
			fee_item="GOODWILL",
		)
		self.order_of_arrival = random.Random(seed)
		for item in ("CUP", "GOODWILL"):
			self.sandbox.make_item(item, is_stock_item=item == "CUP")
		for topic in TOPICS:
			self.shop.subscribe(topic, WEBHOOKS)
		self.shop.payments_account = True
		self.shop.adjusts_total = adjusts_total
		self.shop.bucket.size = self.shop.bucket.available = 1_000_000  # the clock stands still

	def place(self, quantity: int = 3, **about: Any) -> Order:
		about.setdefault("gateway", GATEWAY)
		lines, post = [NewLine("CUP", quantity)], [NewShipping(Decimal("5.00"))]
		return self.shop.place_order(lines, post, **about)

	def settle(self) -> None:
		"""Everything told so far, shuffled, and each of it twice; then what that brought about."""
		for _round in range(4):
			waiting = list(self.shop.deliveries)
			self.shop.deliveries.clear()
			self.order_of_arrival.shuffle(waiting)
			for delivery in [*waiting, *waiting]:
				self.take(delivery)
			self.time += timedelta(minutes=20)
			self.work()
		failed = [row for row in self.sandbox.journal.entries() if row["state"] in ("Failed", "Retrying")]
		assert [(row["topic"], row["message"]) for row in failed] == []

	def books(self, order: Order) -> Books:
		[name] = [
			row["name"] for row in self.sandbox.sales_orders(str(order.id)) if row["status"] != "Cancelled"
		]
		found = self.sandbox.erp.get_books(name)
		assert found is not None
		return found

	def entries(self, order: Order | None = None) -> list[Any]:
		rows = self.sandbox.database.read(
			"select * from payment_entries where status = 'Submitted' order by name"
		)
		if order is None:
			return list(rows)
		names = {row["name"] for row in self.sandbox.sales_orders(str(order.id))}
		return [row for row in rows if row["sales_order"] in names]

	def send(self, order: Order) -> None:
		self.sandbox.erp.make_delivery(self.books(order).sales_order, carrier="DHL", tracking_number="T-1")
		self.work()


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., MoneySite]]:
	made: list[MoneySite] = []

	def create(*arguments: Any, **more: Any) -> MoneySite:
		made.append(MoneySite(tmp_path / f"{len(made)}.sqlite", *arguments, **more))
		return made[-1]

	yield create
	for site in made:
		site.sandbox.database.close()


def agrees(site: MoneySite, order: Order) -> None:
	"""The shop's money is the books': what came in, what went back, and nothing left open that is not in the shop."""
	books = site.books(order)
	assert (books.paid, books.paid_back) == (order.received, order.refunded)
	billed = sum((each.total for each in books.invoices if not each.is_return), ZERO)
	credited = sum((each.total for each in books.invoices if each.is_return), ZERO)
	if billed:
		assert billed - credited == order.received - order.refunded
	else:
		assert books.total == order.received - order.refunded


# --- histories -------------------------------------------------------------------------------------------


def paid(site: MoneySite) -> Order:
	return site.place()


def captured_later(site: MoneySite) -> Order:
	order = site.place(paid=False, authorised=True)
	site.settle()
	assert site.entries() == []
	site.shop.capture(order)
	return order


def paid_in_parts(site: MoneySite) -> Order:
	order = site.place(paid=False)
	site.shop.pay(order, Decimal("10.00"), "gift_card")
	site.shop.pay(order, Decimal("7.50"), GATEWAY, status="FAILURE")
	site.settle()
	site.shop.pay(order, gateway=GATEWAY)
	return order


def one_given_back(site: MoneySite) -> Order:
	order = site.place()
	site.settle()
	site.shop.refund(order, {order.lines[0]: 1}, restock="cancel")
	return order


def given_back_before_it_was_seen(site: MoneySite) -> Order:
	order = site.place()
	site.shop.refund(order, {order.lines[0]: 1}, restock="cancel")
	return order


def goodwill(site: MoneySite) -> Order:
	order = site.place()
	site.settle()
	site.shop.refund(order, amount=Decimal("2.50"))
	return order


def shipping_and_goodwill(site: MoneySite) -> Order:
	order = site.place()
	site.settle()
	site.shop.refund(order, shipping=True)
	site.settle()
	site.shop.refund(order, {order.lines[0]: 1}, amount=Decimal("10.00"))
	return order


def pending_then_settled(site: MoneySite) -> Order:
	order = site.place(paid=False)
	waiting = site.shop.pay(order, gateway=GATEWAY, status="PENDING")
	site.settle()
	assert site.entries() == []
	site.time += timedelta(hours=1)
	site.shop.settle_pending(waiting)
	return order


HISTORIES = (
	paid,
	captured_later,
	paid_in_parts,
	one_given_back,
	given_back_before_it_was_seen,
	goodwill,
	shipping_and_goodwill,
	pending_then_settled,
)


@pytest.mark.parametrize("adjusts_total", [False, True])
@pytest.mark.parametrize("when", ["Never", "When Paid"])
@pytest.mark.parametrize("history", HISTORIES, ids=lambda history: history.__name__)
@pytest.mark.parametrize("seed", range(2))
def test_the_books_say_what_the_shop_says(
	make: Any, history: Callable[[MoneySite], Order], when: When, adjusts_total: bool, seed: int
) -> None:
	"""Whatever the order of arrival, and everything twice."""
	site = make(when, adjusts_total, seed)
	order = history(site)
	site.settle()
	agrees(site, order)
	rows = len(site.entries())
	site.shop.edit_order(order, tags=["vip"])
	site.settle()
	agrees(site, order)
	assert len(site.entries()) == rows


def test_money_is_booked_where_its_gateway_says_with_its_fee(make: Any) -> None:
	site = make()
	order = paid_in_parts(site)
	site.settle()
	card, rest = site.entries(order)
	assert (card["account"], card["amount"], card["fee"]) == ("Gift Cards", "10.00", "0")
	taken = order.transactions[-1]
	assert (rest["account"], rest["amount"], rest["fee"]) == (
		"Clearing",
		str(taken.amount),
		str(taken.fees[0][0]),
	)
	assert rest["reference"] == str(taken.id)


def test_a_voided_authorisation_is_no_money(make: Any) -> None:
	site = make()
	order = site.place(paid=False, authorised=True)
	site.settle()
	site.shop.void(order)
	for delivery in list(site.shop.deliveries):
		site.take(delivery)
	assert site.entries() == []


def test_goods_that_come_back_are_a_return_and_their_money_a_credit_note(make: Any) -> None:
	site = make()
	order = site.place()
	site.settle()
	site.send(order)
	site.settle()
	returned = site.shop.request_return(order, {order.lines[0]: 1}, "arrived-late")
	site.settle()
	site.shop.approve_return(returned)
	site.settle()
	site.shop.dispose(returned.lines[0], "NOT_RESTOCKED", 1)
	site.shop.process_return(returned)
	site.settle()
	site.shop.refund_return(returned)
	site.settle()
	site.shop.close_return(returned)
	site.settle()
	agrees(site, order)
	books = site.books(order)
	line = str(order.lines[0].id)
	assert books.returned == {line: 1}
	assert [each.lines[line] for each in books.invoices if each.is_return] == [1]


def test_a_credit_note_gives_the_money_back_in_the_shop_once(make: Any) -> None:
	"""The shop's own word of it makes no second credit note, and books the money."""
	site = make()
	order = site.place()
	site.settle()
	connector = site.connect(site.channel, CREDENTIALS, "SYNC-77")
	line = RefundLine(order_line_id=str(order.lines[0].id), quantity=Decimal(1), amount=Decimal("12.00"))
	request = RefundRequest(
		id="SINV-RET-1",
		order_id=str(order.id),
		order_number=order.name,
		currency="EUR",
		lines=(line,),
		total=Decimal("14.28"),
	)
	first = connector.push_refund(request)
	assert site.connect(site.channel, CREDENTIALS, "SYNC-78").push_refund(request) == first
	assert [str(each.id) for each in order.refunds] == list(first.external_ids)
	site.settle()
	agrees(site, order)


# --- replayed --------------------------------------------------------------------------------------------


def test_what_was_not_supported_yet_is_booked_when_it_is_replayed(make: Any) -> None:
	"""Entries of before, Skipped as they were: the payload is the shop's, the order is read as it is now."""
	site = make()
	order = site.place()
	site.shop.refund(order, {order.lines[0]: 1}, restock="cancel")
	kept = [
		each for each in site.shop.deliveries if each.topic in ("order_transactions/create", "refunds/create")
	]
	told = [each for each in site.shop.deliveries if each.topic == "orders/create"]
	site.shop.deliveries.clear()
	entries = [
		NewEntry(
			"Tea", "Inbound", each.topic, dedupe_key("Tea", each.topic, each.webhook_id), each.body.decode()
		)
		for each in kept
	]
	with site.sandbox.erp.transaction():
		names = [row.name for row in site.sandbox.journal.record(entries)]
		skip = "update sync_log set state = 'Skipped', message = 'not supported yet' where name = ?"
		for name in names:
			site.sandbox.database.write(skip, name)
	site.take(told[0])
	for name in names:
		site.sandbox.journal.requeue(name)
	site.settle()
	assert {site.entry(name)["state"] for name in names} <= {"Succeeded", "Skipped"}
	agrees(site, order)


def test_without_payment_methods_a_transaction_costs_no_call(make: Any) -> None:
	site = make()
	site.channel = site.channel.model_copy(update={"payments": (), "invoices": InvoicePolicy()})
	site.sandbox.state.save(site.channel, CREDENTIALS)
	site.place()
	calls = len(site.shop.calls)
	row = site.take(site.told("order_transactions/create"))
	assert (row["state"], "no Payment Methods" in row["message"]) == ("Skipped", True)
	assert len(site.shop.calls) == calls


# --- the payout ------------------------------------------------------------------------------------------


def test_a_month_of_orders_reconciles_to_zero(make: Any) -> None:
	"""Each movement of the payouts is a booked payment or refund, by its reference, gross and fee."""
	site = make()
	chance = random.Random(7)
	for _day in range(10):
		for _number in range(3):
			order = site.place(chance.randint(2, 3))
			if chance.random() < 0.4:
				site.shop.refund(order, {order.lines[0]: 1}, restock="cancel")
			elif chance.random() < 0.3:
				site.shop.refund(order, amount=Decimal("1.50"))
		site.settle()
		site.time += timedelta(days=1)
		site.shop.pay_out(trace="TRACE")
	connector = site.connect(site.channel, CREDENTIALS)
	page = connector.payouts(None)
	assert page is not None and not page.more
	booked = {row["reference"]: row for row in site.entries()}
	moved = [row for payout in page.payouts for row in payout.rows]
	assert len(moved) == len(booked) > 30
	clearing = ZERO
	for row in moved:
		entry = booked.pop(row.reference or "")
		assert abs(row.gross) == Decimal(entry["amount"]) and row.fee == Decimal(entry["fee"])
		sign = 1 if entry["payment_type"] == "Receive" else -1
		clearing += sign * Decimal(entry["amount"]) - Decimal(entry["fee"]) - row.net
	assert (clearing, booked) == (ZERO, {})
	assert sum(payout.net for payout in page.payouts) == sum(row.net for row in site.shop.balance)
