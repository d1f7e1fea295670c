"""Payouts of Shopify Payments: each once it is paid, with every movement it is made of."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from commerce_bridge.bridge import model
from commerce_bridge.bridge.errors import Misconfigured, Rejected
from commerce_bridge.bridge.protocols import PayoutPage
from commerce_bridge.connectors.shopify import orders, payouts
from commerce_bridge.connectors.shopify.payouts import _row as read_row
from sandbox.storefronts.shopify.shop import NewLine
from tests.connectors.shopify_simulated import Stage
from tests.connectors.test_shopify_payments import MAPPED

START = datetime(2026, 11, 2, 9, tzinfo=timezone.utc)


class Shop:
	"""A shop on Shopify Payments, whose clock is ours."""

	def __init__(self) -> None:
		self.stage = Stage()
		self.time = START
		self.stage.shop.now = lambda: self.time
		self.stage.shop.payments_account = True
		self.stage.shop.add_product("A", Decimal("100.00"), 500)

	def sell(self, **about: Any) -> Any:
		return self.stage.shop.place_order([NewLine("A")], taxes=(), gateway="shopify_payments", **about)

	def day(self, days: int = 1) -> None:
		self.time += timedelta(days=days)

	def page(self, cursor: str | None = None) -> PayoutPage:
		found = payouts.payouts(self.stage.client, cursor)
		assert found is not None
		return found

	def all(self, cursor: str | None = None) -> tuple[list[model.Payout], str | None]:
		found: list[model.Payout] = []
		while True:
			page = self.page(cursor)
			found += page.payouts
			cursor = page.cursor
			if not page.more:
				return found, cursor


@pytest.fixture
def shop() -> Shop:
	return Shop()


def test_a_payout_says_what_it_is_made_of(shop: Shop) -> None:
	order = shop.sell()
	shop.stage.shop.refund(order, amount=Decimal("40.00"))
	shop.stage.shop.move_balance(
		"DISPUTE_WITHDRAWAL", Decimal("-10.00"), Decimal("15.00"), reason="Chargeback"
	)
	shop.stage.shop.move_balance("RESERVED_FUNDS", Decimal("-5.00"))
	shop.day()
	made = shop.stage.shop.pay_out(trace="TRACE-1")
	[found], _cursor = shop.all()
	assert (found.id, found.gateway, found.currency) == (str(made.id), "shopify_payments", "EUR")
	assert (found.net, found.paid_on, found.reference) == (Decimal("26.80"), date(2026, 11, 3), "TRACE-1")
	sale, back = order.transactions
	assert [
		(row.kind, row.gross, row.fee, row.net, row.reference, row.order_number) for row in found.rows
	] == [
		("payment", Decimal("100.00"), Decimal("3.20"), Decimal("96.80"), str(sale.id), order.name),
		("refund", Decimal("-40.00"), Decimal("0"), Decimal("-40.00"), str(back.id), order.name),
		("dispute", Decimal("-10.00"), Decimal("15.00"), Decimal("-25.00"), None, None),
		("reserve", Decimal("-5.00"), Decimal("0"), Decimal("-5.00"), None, None),
	]
	assert found.net == sum(row.net for row in found.rows)
	assert found.rows[2].note == "Chargeback" and found.rows[0].note == "Charge"


def test_its_rows_name_the_payments_of_the_orders_by_their_reference(shop: Shop) -> None:
	order = shop.sell(paid=False, authorised=True)
	shop.stage.shop.capture(order)
	shop.stage.shop.refund(order, amount=Decimal("1.00"))
	shop.stage.shop.pay_out()
	event = model.Event(type="x", data=model.OrderReference(id=str(order.id)), incomplete=True)
	read = orders.complete(shop.stage.client, MAPPED, event).data
	assert isinstance(read, model.Order)
	booked = {payment.reference for payment in (*read.payments, *read.refunds[0].payments)}
	[found], _cursor = shop.all()
	assert {row.reference for row in found.rows} == booked


def test_nothing_is_lost_and_nothing_comes_twice_but_the_overlap(shop: Shop) -> None:
	for _number in range(45):
		shop.sell()
		shop.stage.shop.pay_out()
		shop.day()
	first, cursor = shop.all()
	assert [row.id for row in first] == [str(row.id) for row in shop.stage.shop.payouts]
	again, same = shop.all(cursor)
	assert [row.id for row in again] == [row.id for row in first[-2:]] and same == cursor
	shop.sell()
	shop.stage.shop.pay_out()
	later, _cursor = shop.all(cursor)
	assert later[-1].id == str(shop.stage.shop.payouts[-1].id)


@pytest.mark.parametrize("status", ["SCHEDULED", "IN_TRANSIT"])
def test_what_is_on_its_way_is_waited_for_however_much_is_paid_meanwhile(shop: Shop, status: str) -> None:
	shop.sell()
	waiting = shop.stage.shop.pay_out(status)
	for _number in range(30):
		shop.day()
		shop.sell()
		shop.stage.shop.pay_out()
	found, cursor = shop.all()
	assert str(waiting.id) not in [row.id for row in found]
	waiting.status = "PAID"
	found, cursor = shop.all(cursor)
	assert found[0].id == str(waiting.id)
	left, _cursor = shop.all(cursor)
	assert str(waiting.id) not in [row.id for row in left]


@pytest.mark.parametrize("status", ["FAILED", "CANCELED"])
def test_what_never_reached_the_bank_is_no_payout(shop: Shop, status: str) -> None:
	shop.sell()
	shop.stage.shop.pay_out(status)
	shop.day(9)
	found, cursor = shop.all()
	assert found == []
	assert cursor is not None and cursor.startswith("2026-11-02"), "and holds nothing back"


def test_a_payout_of_many_movements_is_read_whole(shop: Shop) -> None:
	for _number in range(230):
		shop.sell()
	shop.stage.shop.pay_out()
	[found], _cursor = shop.all()
	assert (len(found.rows), found.net) == (230, Decimal("96.80") * 230)


def test_money_taken_from_the_bank_is_below_nothing(shop: Shop) -> None:
	order = shop.sell()
	shop.stage.shop.pay_out()
	shop.day()
	shop.stage.shop.refund(order, amount=Decimal("30.00"))
	shop.stage.shop.pay_out()
	found, _cursor = shop.all()
	assert [row.net for row in found] == [Decimal("96.80"), Decimal("-30.00")]


def test_a_shop_with_other_payments_has_none(shop: Shop) -> None:
	shop.stage.shop.payments_account = False
	assert payouts.payouts(shop.stage.client, None) is None


@pytest.mark.parametrize("scope", ["read_shopify_payments_payouts"])
def test_an_app_that_may_not_see_them_has_none(shop: Shop, scope: str) -> None:
	shop.sell()
	shop.stage.shop.pay_out()
	shop.stage.shop.tokens = {
		token: type(access)(access.scopes - {scope}, access.expires)
		for token, access in shop.stage.shop.tokens.items()
	}
	assert payouts.payouts(shop.stage.client, None) is None


def test_before_the_first_one_there_is_no_cursor(shop: Shop) -> None:
	assert shop.page() == PayoutPage((), None, False)


def test_a_cursor_that_is_none_is_refused(shop: Shop) -> None:
	with pytest.raises(Misconfigured, match="no moment that payouts"):
		shop.page("yesterday")


NODE = {
	"id": "gid://shopify/ShopifyPaymentsBalanceTransaction/5",
	"type": "CHARGE",
	"amount": {"amount": "100.0", "currencyCode": "EUR"},
	"fee": {"amount": "3.2", "currencyCode": "EUR"},
	"net": {"amount": "96.8", "currencyCode": "EUR"},
	"transactionDate": "2026-11-02T09:00:00Z",
	"adjustmentReason": None,
	"sourceOrderTransactionId": "77",
	"associatedOrder": None,
}


@pytest.mark.parametrize(
	("kind", "expected"),
	[
		("CHARGE", "payment"),
		("CHARGE_ADJUSTMENT", "adjustment"),
		("CHARGEBACK_FEE", "dispute"),
		("DISPUTE_REVERSAL", "dispute"),
		("REFUND", "refund"),
		("REFUND_FAILURE", "refund"),
		("REFUND_ADJUSTMENT", "adjustment"),
		("RESERVED_FUNDS_REVERSAL", "reserve"),
		("STRIPE_FEE", "fee"),
		("REFERRAL_FEE_TAX", "fee"),
		("SHIPPING_LABEL", "adjustment"),
		("SOMETHING_NEW", "adjustment"),
	],
)
def test_kinds_of_movements(kind: str, expected: str) -> None:
	assert read_row({**NODE, "type": kind}).kind == expected


def test_a_movement_that_does_not_sum_is_refused_by_name() -> None:
	wrong = {**NODE, "net": {"amount": "97.0", "currencyCode": "EUR"}}
	with pytest.raises(
		Rejected, match=r"Balance transaction 5 of Shopify: 100\.0 less a fee of 3\.2 is not 97\.0"
	):
		read_row(wrong)
