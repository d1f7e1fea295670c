"""Refunds as they are asked of a shop. What a real WooCommerce 10.2.4 answered is in fixtures/woocommerce/refunds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commerce_bridge.bridge import model
from commerce_bridge.bridge.channel import PaymentMap, RefundPolicy
from commerce_bridge.bridge.errors import Rejected, Retryable
from commerce_bridge.connectors.woocommerce import mapper, orders
from commerce_bridge.connectors.woocommerce.client import NotFound
from tests.connectors.test_woocommerce_amounts import CHANNEL
from tests.connectors.woocommerce_orders import Cart, Charge, Sold

FIXTURES = Path(__file__).parent / "fixtures" / "woocommerce" / "refunds"
ZERO = Decimal(0)


@dataclass
class Client:
	"""Answers one order's refunds."""

	rows: list[dict[str, Any]] | Exception
	asked: list[str] = field(default_factory=list)

	def get(self, path: str, **params: Any) -> Any:
		raise AssertionError("nothing else is asked for")

	def pages(self, path: str, **params: Any) -> Iterator[list[Any]]:
		self.asked.append(path)
		if isinstance(self.rows, Exception):
			raise self.rows
		yield self.rows


def real(name: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
	captured = json.loads((FIXTURES / f"{name}.json").read_text(encoding="utf-8"), parse_float=Decimal)
	return captured["order"], captured["refunds"]


def parsed(payload: dict[str, Any], **changes: Any) -> model.Event:
	channel = CHANNEL.model_copy(update=changes)
	return mapper.parse("order.updated", json.dumps(payload, default=float), channel)


def read(payload: dict[str, Any], rows: list[dict[str, Any]]) -> tuple[model.Refund, ...]:
	event = parsed(payload)
	assert event.incomplete
	order = orders.complete(Client(rows), CHANNEL, event).data
	assert isinstance(order, model.Order)
	for refund in order.refunds:
		parts = (*refund.lines, *refund.shipping, *refund.adjustments)
		taxes = sum((tax.amount for part in parts for tax in part.taxes), ZERO)
		assert sum((part.amount for part in parts), ZERO) + taxes == refund.total
	return order.refunds


def lines(refund: model.Refund) -> list[tuple[Decimal, Decimal, list[Decimal], bool]]:
	return [
		(line.quantity, line.amount, [tax.amount for tax in line.taxes], line.restock)
		for line in refund.lines
	]


def amounts(parts: tuple[Any, ...]) -> list[Decimal]:
	return [part.amount for part in parts]


D = Decimal

# --- what a real shop answered


def test_rows_of_each_kind() -> None:
	[refund] = read(*real("rows"))
	assert refund.total == D("46.00")
	assert lines(refund) == [(D(1), D("33.33"), [D("6.33")], False)]
	[shipping], [fee] = refund.shipping, refund.adjustments
	assert (shipping.code, shipping.amount, shipping.taxes[0].amount) == ("flat_rate:1", D("4.90"), D("0.93"))
	assert (fee.title, fee.amount, fee.taxes[0].amount) == ("Gift wrap", D("0.43"), D("0.08"))
	tax = refund.lines[0].taxes[0]
	assert (tax.title, tax.rate) == ("VAT 19%", 19)
	order = real("rows")[0]
	assert refund.lines[0].order_line_id == str(order["line_items"][0]["id"])
	assert (refund.currency, refund.prices_include_tax, refund.payments) == ("EUR", False, ())


def test_an_amount_alone_and_one_that_is_more_than_its_rows() -> None:
	first, second = read(*real("amounts"))
	assert (first.total, first.lines, amounts(first.adjustments)) == (D("5.00"), (), [D("5.00")])
	assert (lines(second), amounts(second.adjustments)) == (
		[(D(0), D("1.00"), [D("0.19")], False)],
		[D("1.81")],
	)


def test_an_order_that_was_set_to_refunded_gives_back_all_that_is_left() -> None:
	"""WooCommerce makes a refund without rows of it. 10.00 were given back before for no row."""
	line, amount, rest = read(*real("by_status"))
	assert (lines(line), amounts(amount.adjustments)) == (
		[(D(1), D("33.33"), [D("6.33")], True)],
		[D("10.00")],
	)
	assert rest.total == D("77.54")
	assert lines(rest) == [(D(2), D("66.66"), [D("12.67")], False)]
	assert amounts(rest.shipping) == [D("4.90")]
	assert [(fee.title, fee.amount) for fee in rest.adjustments] == [
		("Gift wrap", D("2.00")),
		(None, D("-10.00")),
	]


def test_which_refund_put_goods_back_into_stock() -> None:
	first, second = read(*real("restock"))
	assert [lines(refund)[0][0::3] for refund in (first, second)] == [(D(1), True), (D(2), False)]


def test_a_full_refund_by_rows() -> None:
	[refund] = read(*real("full"))
	assert lines(refund) == [(D(3), D("99.99"), [D("19.00")], False)]
	assert (amounts(refund.shipping), amounts(refund.adjustments)) == ([D("4.90")], [D("2.00")])


def test_the_money_that_the_gateway_gave_back() -> None:
	[refund] = read(*real("gateway"))
	[payment] = refund.payments
	assert (payment.id, payment.gateway, payment.status) == (f"refund:{refund.id}", "stripe", "captured")
	assert (payment.amount, payment.currency, payment.paid_at) == (refund.total, "EUR", refund.created_at)


def test_every_answer_of_a_real_shop_is_read() -> None:
	names = {path.stem for path in FIXTURES.glob("*.json")}
	assert names == {"rows", "amounts", "by_status", "restock", "full", "gateway"}


# --- which orders are asked for


def test_an_order_without_refunds_asks_nothing() -> None:
	payload, _ = real("rows")
	event = parsed({**payload, "refunds": []})
	assert not event.incomplete
	assert isinstance(event.data, model.Order) and event.data.refunds_complete


@pytest.mark.parametrize(
	("changes", "asks"),
	[
		({"refunds": RefundPolicy(credit_notes=False)}, False),
		({"refunds": RefundPolicy(credit_notes=False), "payments": (PaymentMap(gateway="*"),)}, True),
		({}, True),
	],
)
def test_a_channel_that_books_no_refunds_asks_for_none(changes: dict[str, Any], asks: bool) -> None:
	assert parsed(real("rows")[0], **changes).incomplete is asks


def test_they_are_one_call() -> None:
	payload, rows = real("amounts")
	client = Client(rows)
	data = orders.complete(client, CHANNEL, parsed(payload)).data
	assert client.asked == [f"orders/{payload['id']}/refunds"]
	assert isinstance(data, model.Order) and data.refunds_complete
	assert data.refunded == D("8.00")


def test_an_order_that_is_gone_meanwhile_is_as_it_was_told() -> None:
	event = parsed(real("rows")[0])
	data = orders.complete(Client(NotFound("gone", "x", 404)), CHANNEL, event).data
	assert isinstance(data, model.Order)
	assert (data.refunds, data.refunds_complete) == ((), False)


def test_a_list_that_lacks_what_the_order_names_may_be_an_old_one() -> None:
	payload, rows = real("amounts")
	data = orders.complete(Client(rows[:1]), CHANNEL, parsed(payload)).data
	assert isinstance(data, model.Order)
	assert (len(data.refunds), data.refunds_complete) == (1, False)


def test_an_outage_is_waited_for() -> None:
	with pytest.raises(Retryable):
		orders.complete(Client(Retryable("down")), CHANNEL, parsed(real("rows")[0]))


# --- what is odd


def payload(**changes: Any) -> dict[str, Any]:
	cart = Cart([Sold("10.00", 2), Sold("5.00")], [Charge("4.90")], changes=changes)
	return cart.payload() | {"refunds": [{"id": 1, "total": "-1.00"}]}


def row(amount: str, *items: dict[str, Any], **changes: Any) -> dict[str, Any]:
	return {
		"id": 1,
		"date_created_gmt": "2026-11-21T10:00:00",
		"amount": amount,
		"refunded_payment": False,
		"meta_data": [],
		"line_items": list(items),
		"shipping_lines": [],
		"fee_lines": [],
		"tax_lines": [],
		**changes,
	}


def item(line: int | None, net: str, tax: str, quantity: int = -1) -> dict[str, Any]:
	return {
		"id": 9,
		"name": "Phone",
		"quantity": quantity,
		"total": net,
		"total_tax": tax,
		"taxes": [{"id": 1, "total": tax}] if tax else [],
		"meta_data": [{"id": 1, "key": "_refunded_item_id", "value": str(line)}] if line else [],
	}


def test_a_row_of_no_line_of_the_order_is_no_line() -> None:
	[refund] = read(payload(), [row("11.90", item(77, "-10.00", "-1.90"))])
	assert (refund.lines, [(fee.title, fee.amount) for fee in refund.adjustments]) == (
		(),
		[("Phone", D("10.00"))],
	)


def test_rounding_that_misses_the_amount_is_spread() -> None:
	[refund] = read(payload(), [row("11.91", item(1, "-10.00", "-1.90"))])
	assert (amounts(refund.lines), refund.adjustments) == ([D("10.01")], ())


def test_rows_that_come_to_more_than_the_amount_leave_something_kept_back() -> None:
	[refund] = read(payload(), [row("10.00", item(1, "-10.00", "-1.90"))])
	assert amounts(refund.adjustments) == [D("-1.90")]


def test_a_refund_of_nothing_is_none() -> None:
	assert read(payload(), [row("0.00")]) == ()
	[goods] = read(payload(), [row("0.00", item(1, "0.00", "", -1))])
	assert (goods.total, lines(goods)) == (ZERO, [(D(1), ZERO, [], False)])


def test_what_gateways_call_a_refund() -> None:
	told = row(
		"1.00", refunded_payment=True, meta_data=[{"id": 1, "key": "_wcpay_refund_id", "value": "re_9"}]
	)
	[refund] = read(payload(), [told])
	assert refund.payments[0].reference == "re_9"


@pytest.mark.parametrize(
	"changes",
	[{"amount": "much"}, {"id": None}, {"line_items": [{"quantity": "x"}]}, {"refunded_payment": 3}],
)
def test_what_makes_no_sense_names_its_field(changes: dict[str, Any]) -> None:
	with pytest.raises(Rejected):
		read(payload(), [{**row("1.00"), **changes}])


@settings(max_examples=300, deadline=None)
@given(
	cents=st.lists(st.integers(1, 400), min_size=1, max_size=4),
	inclusive=st.booleans(),
	per_order=st.booleans(),
)
def test_whatever_is_given_back_before_the_rest_is_the_order(
	cents: list[int], inclusive: bool, per_order: bool
) -> None:
	"""Amounts, then the order set to refunded: together they are the order, to the cent."""
	cart = Cart(
		[Sold("9.99", 3), Sold("1.37", 7)], [Charge("4.90")], inclusive=inclusive, per_order=per_order
	)
	told = cart.payload()
	parts = [D(each).scaleb(-2) for each in cents]
	rest = D(told["total"]) - sum(parts)
	rows = [row(f"{amount:f}", id=number) for number, amount in enumerate([*parts, rest], 1)]
	found = read(told | {"refunds": [{"id": 1, "total": "-1.00"}]}, rows)
	assert sum((refund.total for refund in found), ZERO) == D(told["total"])
	assert [line.quantity for line in found[-1].lines] == [3, 7]


def test_they_are_read_oldest_first() -> None:
	rows = [
		row("2.00", id=3, date_created_gmt="2026-11-21T12:00:00"),
		row("1.00", id=7, date_created_gmt="2026-11-21T11:00:00"),
		row("3.00", id=2, date_created_gmt="2026-11-21T12:00:00"),
	]
	assert [refund.id for refund in read(payload(), rows)] == ["7", "2", "3"]
