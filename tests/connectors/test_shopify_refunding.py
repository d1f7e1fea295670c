"""Money of credit notes given back in Shopify: once, to where it came from, and never more than was paid."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pytest

from commerce_bridge.bridge.errors import Misconfigured, Rejected, Retryable
from commerce_bridge.bridge.model import RefundLine, RefundRequest
from commerce_bridge.bridge.protocols import PushResult
from commerce_bridge.connectors.shopify import refunding
from commerce_bridge.connectors.shopify.client import Result, UserError, key_problem
from sandbox.storefronts.shopify.shop import NewLine, NewShipping
from tests.connectors.shopify_simulated import Stage

NOTE = "ACC-SINV-RET-2026-00007"


@pytest.fixture
def stage() -> Stage:
	stage = Stage()
	for sku, price in (("A", "33.33"), ("B", "10.05")):
		stage.shop.add_product(sku, Decimal(price), 50)
	return stage


def placed(stage: Stage, **about: Any) -> Any:
	lines = [NewLine("A", 3), NewLine("B", 1)]
	return stage.shop.place_order(lines, [NewShipping(Decimal("5.00"))], **about)


def request(order: Any, total: str, *lines: tuple[int, str], name: str = NOTE, **more: Any) -> RefundRequest:
	"""`lines` are the index of a line of the order and how much of it."""
	return RefundRequest(
		id=name,
		order_id=str(order.id),
		order_number=order.name,
		currency=more.pop("currency", "EUR"),
		lines=tuple(
			RefundLine(
				order_line_id=str(order.lines[index].id), quantity=Decimal(quantity), amount=Decimal("1.00")
			)
			for index, quantity in lines
		),
		total=Decimal(total),
		**more,
	)


def push(stage: Stage, asked: RefundRequest) -> PushResult:
	return refunding.push(stage.client, stage.channel, asked)


# --- what is asked for -----------------------------------------------------------------------------------


def test_goods_are_given_back_and_stay_out_of_the_shop_s_stock(stage: Stage) -> None:
	order = placed(stage)
	shelf = stage.shop.stock("A")
	result = push(stage, request(order, "79.33", (0, "2"), reason="Screen is broken"))
	[made] = order.refunds
	assert result == PushResult(NOTE, external_ids=(str(made.id),))
	assert [(row.line, row.quantity, row.restock_type) for row in made.lines] == [
		(order.lines[0], 2, "no_restock")
	]
	assert [(row.amount, row.parent) for row in made.transactions] == [
		(Decimal("79.33"), order.transactions[0])
	]
	assert (made.adjustments, stage.shop.stock("A")) == ([], shelf)
	assert made.note == f"ERPNext credit note {NOTE}: Screen is broken"


@pytest.mark.parametrize("notify", [True, False])
def test_the_buyer_is_written_to_where_the_channel_says_so(stage: Stage, notify: bool) -> None:
	stage.changes = {"notify_customer": notify}
	order = placed(stage)
	push(stage, request(order, "1.00"))
	assert order.refunds[0].notified is notify


@pytest.mark.parametrize("included", [True, False])
def test_shipping_is_given_back_with_its_tax(stage: Stage, included: bool) -> None:
	order = placed(stage, taxes_included=included)
	total = "5.00" if included else "5.95"
	push(stage, request(order, total, shipping=Decimal(total)))
	[made] = order.refunds
	assert [(row.amount, row.tax) for row in made.shipping] == [
		(Decimal("5.00"), Decimal("0.95" if not included else "0.80"))
	]
	assert made.adjustments == []


def test_a_part_of_shipping_is_given_back_with_its_tax(stage: Stage) -> None:
	order = placed(stage)
	push(stage, request(order, "2.38", shipping=Decimal("2.38")))
	[made] = order.refunds
	assert [(row.amount, row.tax) for row in made.shipping] == [(Decimal("2.00"), Decimal("0.38"))]
	assert made.adjustments == []


def test_goodwill_is_money_alone(stage: Stage) -> None:
	order = placed(stage)
	push(stage, request(order, "7.50"))
	[made] = order.refunds
	assert (made.lines, made.shipping) == ([], [])
	assert [row.amount for row in made.transactions] == [Decimal("7.50")]


def test_pieces_that_cannot_be_taken_off_any_more_are_money_alone(stage: Stage) -> None:
	order = placed(stage)
	stage.shop.edit_order(order, {order.lines[0]: 1})
	push(stage, request(order, "66.66", (0, "2"), (1, "0.5"), (0, "0")))
	made = order.refunds[-1]
	assert [(row.line.sku, row.quantity) for row in made.lines] == [("A", 1)]


def test_parts_of_a_line_at_several_locations_are_one_line(stage: Stage) -> None:
	order = placed(stage)
	line = order.lines[0].id
	lines = tuple(
		RefundLine(order_line_id=row, quantity=Decimal(1), amount=Decimal(1))
		for row in (f"{line}", f"{line}:20")
	)
	push(stage, request(order, "66.66").model_copy(update={"lines": lines}))
	assert [row.quantity for row in order.refunds[0].lines] == [2]


# --- where the money goes --------------------------------------------------------------------------------


def test_money_goes_back_to_what_was_paid_first_and_to_gift_cards_last(stage: Stage) -> None:
	order = placed(stage, paid=False)
	card = stage.shop.pay(order, Decimal("30.00"), "gift_card")
	first = stage.shop.pay(order, Decimal("50.00"), "stripe")
	second = stage.shop.pay(order, gateway="paypal")
	stage.shop.pay(order, Decimal("3.00"), "stripe", status="FAILURE")
	total = second.amount + 50 + 10
	push(stage, request(order, str(total)))
	[made] = order.refunds
	assert [(row.parent, row.amount) for row in made.transactions] == [
		(first, 50),
		(second, second.amount),
		(card, 10),
	]
	push(stage, request(order, "5.00", name="ACC-2"))
	assert [(row.parent, row.amount) for row in order.refunds[1].transactions] == [(card, 5)]


def test_money_goes_back_to_the_capture_and_not_to_the_authorisation(stage: Stage) -> None:
	order = placed(stage, paid=False, authorised=True)
	with pytest.raises(Rejected, match=re.escape("0.00 EUR of order #1001")):
		push(stage, request(order, "5.00"))
	capture = stage.shop.capture(order)
	push(stage, request(order, "5.00"))
	assert [row.parent for row in order.refunds[0].transactions] == [capture]


def test_more_than_was_paid_is_not_given_back(stage: Stage) -> None:
	order = placed(stage)
	push(stage, request(order, "100.00", name="ACC-1"))
	left = order.total - 100
	with pytest.raises(Rejected) as refused:
		push(stage, request(order, str(left + Decimal("0.01"))))
	told = str(refused.value)
	assert NOTE in told and f"{left + Decimal('0.01')} EUR" in told and f"{left} EUR" in told
	assert len(order.refunds) == 1


def test_the_buyer_gets_the_currency_that_was_paid(stage: Stage) -> None:
	order = placed(stage, presentment=("USD", Decimal("1.0853")))
	push(stage, request(order, "39.67", (0, "1")))
	[call] = [call for call in stage.shop.calls if call.fields == ["refundCreate"]]
	given = call.variables["input"]
	assert (given["currency"], given["transactions"][0]["amount"]) == ("USD", "43.05")
	assert [row.amount for row in order.refunds[0].transactions] == [Decimal("39.67")]


def test_a_credit_note_in_another_currency_is_left_to_a_person(stage: Stage) -> None:
	with pytest.raises(Rejected, match=f"{NOTE} is in USD"):
		push(stage, request(placed(stage), "5.00", currency="USD"))


# --- once ------------------------------------------------------------------------------------------------


def test_a_repetition_finds_the_refund(stage: Stage) -> None:
	order = placed(stage)
	first = push(stage, request(order, "20.00"))
	stage.unit = "SYNC-2"
	stage.shop.attempts.clear()  # Shopify forgets keys, and keeps notes
	assert push(stage, request(order, "20.00")) == first
	assert len(order.refunds) == 1


def test_a_credit_note_whose_name_begins_like_another_s_is_another(stage: Stage) -> None:
	order = placed(stage)
	for name in ("ACC-1-1", "ACC-11", "ACC-1"):
		push(stage, request(order, "1.00", name=name))
	assert len(order.refunds) == 3


def test_a_lost_answer_is_no_second_refund(stage: Stage) -> None:
	order = placed(stage)
	stage.shop.fail("lost", operation="refundCreate")
	with pytest.raises(Retryable):
		push(stage, request(order, "20.00"))
	result = push(stage, request(order, "20.00"))
	assert (len(order.refunds), result.external_ids) == (1, (str(order.refunds[0].id),))


def test_a_repetition_before_the_refund_is_shown_is_no_second_one(stage: Stage) -> None:
	"""The same call again, by its key; and another one, for the order changed: waited for."""
	order = placed(stage)
	first = push(stage, request(order, "20.00"))
	[made] = order.refunds
	made.note = "not shown yet"
	order.refunds.clear()
	order.transactions.pop()
	assert push(stage, request(order, "20.00")) == first
	assert (order.refunds, stage.shop.repetitions) == ([], 1)
	with pytest.raises(Retryable, match="does not show it yet"):
		push(stage, request(order, "21.00"))
	order.refunds.append(made)
	made.note = f"ERPNext credit note {NOTE}"
	assert push(stage, request(order, "21.00")) == first


def test_after_a_refusal_the_same_can_be_asked_again(stage: Stage) -> None:
	"""Shopify wants a new key after a call that failed."""
	order = placed(stage)
	line = order.lines.pop()
	node = {"id": f"gid://shopify/Order/{order.id}", "name": order.name}
	rows = [{"lineItemId": f"gid://shopify/LineItem/{line.id}", "quantity": 1}]
	given = {"orderId": node["id"], "note": f"ERPNext credit note {NOTE}", "refundLineItems": rows}
	for _attempt in range(2):
		with pytest.raises(Rejected, match="line item does not exist"):
			refunding._create(stage.client, node, given, request(order, "10.00"))
	order.lines.append(line)
	made = refunding._create(stage.client, node, given, request(order, "10.00"))
	assert made == f"gid://shopify/Refund/{order.refunds[0].id}"


@pytest.mark.parametrize(
	("message", "problem"),
	[
		("The same idempotency key cannot be used with different operation parameters.", "mismatch"),
		("A previous request with this idempotency key failed. Retry with a new idempotency key.", "failed"),
		("A request with this idempotency key is in progress.", "running"),
		("Quantity cannot refund more items than were purchased", None),
	],
)
def test_what_is_said_of_a_key_is_understood_without_a_code(message: str, problem: str | None) -> None:
	"""The errors of this mutation have none."""
	error = {"field": None, "message": message}
	assert key_problem(Result({"refundCreate": {"refund": None, "userErrors": [error]}})) == problem
	assert UserError((), message).code is None


# --- what may go wrong -----------------------------------------------------------------------------------


def test_an_order_the_shop_does_not_have(stage: Stage) -> None:
	order = placed(stage)
	del stage.shop.orders[order.id]
	with pytest.raises(Rejected, match="The shop has no order"):
		push(stage, request(order, "5.00"))


def test_without_the_scope_nothing_is_given_back(stage: Stage) -> None:
	order = placed(stage)
	stage.shop.tokens = {
		token: type(access)(access.scopes - {"write_orders"}, access.expires)
		for token, access in stage.shop.tokens.items()
	}
	with pytest.raises(Misconfigured, match="write_orders"):
		push(stage, request(order, "5.00"))
	assert order.refunds == []


def test_what_shopify_refuses_is_said_with_what_to_do(stage: Stage) -> None:
	order = placed(stage)
	order.presentment_currency = "USD"
	asked = request(order, "5.00")
	with pytest.raises(Rejected, match="Refund it there by hand"):
		order_node = {"id": f"gid://shopify/Order/{order.id}", "name": order.name}
		refunding._create(stage.client, order_node, {"orderId": order_node["id"]}, asked)
