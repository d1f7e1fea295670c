"""Transactions of Shopify as payments: each amount once, whatever the steps it went through."""

from __future__ import annotations

import json
from decimal import Decimal
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commerce_bridge.bridge import model
from commerce_bridge.bridge.channel import InvoicePolicy, PaymentMap, RefundPolicy
from commerce_bridge.bridge.errors import Rejected
from commerce_bridge.connectors.shopify import mapper, orders
from commerce_bridge.connectors.shopify.money_nodes import receipt_id
from sandbox.storefronts.shopify.shop import NewLine
from tests.connectors import shopify_orders as made
from tests.connectors.shopify_orders import line, transaction
from tests.connectors.shopify_simulated import Stage
from tests.connectors.test_shopify_mapper import CHANNEL

MAPPED = CHANNEL.model_copy(update={"payments": (PaymentMap(gateway="*", account="Clearing"),)})


def step(number: int, kind: str, amount: str = "10.00", parent: int | None = None, **more: Any) -> Any:
	row = transaction(number, kind, amount, more.pop("gateway", "stripe"), more.pop("status", "success"))
	if parent is not None:
		row["parent_id"] = 6000 + parent
	return {**row, **more}


def paid(*steps: Any, **order: Any) -> list[tuple[str, str, str]]:
	"""Id, status and amount of each payment."""
	return [(row.id, row.status, f"{row.amount:f}") for row in payments(*steps, **order)]


def payments(*steps: Any, **order: Any) -> tuple[model.Payment, ...]:
	payload = made.order([line(1, "50.00")], "50.00", transactions=list(steps), **order)
	data = mapper.parse("orders/updated", json.dumps(payload)).data
	assert isinstance(data, model.Order)
	return data.payments


# --- steps -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
	("steps", "expected"),
	[
		([step(1, "sale")], [("6001", "captured", "10.00")]),
		([step(1, "sale", status="pending")], [("6001", "pending", "10.00")]),
		([step(1, "sale", status="awaiting_response")], [("6001", "pending", "10.00")]),
		([step(1, "sale", status="unknown")], [("6001", "pending", "10.00")]),
		([step(1, "sale", status="failure")], [("6001", "failed", "10.00")]),
		([step(1, "sale", status="error")], [("6001", "failed", "10.00")]),
		([step(1, "authorization")], [("6001", "authorised", "10.00")]),
		([step(1, "authorization", status="failure")], [("6001", "failed", "10.00")]),
		([step(1, "authorization"), step(2, "capture", parent=1)], [("6001", "captured", "10.00")]),
		(
			[step(1, "authorization"), step(2, "capture", parent=1, status="failure")],
			[("6001", "authorised", "10.00")],
		),
		(
			[step(1, "authorization"), step(2, "capture", parent=1, status="pending")],
			[("6001", "authorised", "10.00")],
		),
		([step(1, "authorization"), step(2, "void", parent=1)], [("6001", "voided", "10.00")]),
		(
			[step(1, "authorization"), step(2, "void", parent=1, status="failure")],
			[("6001", "authorised", "10.00")],
		),
		(
			[step(1, "authorization"), step(2, "capture", "4.00", 1), step(3, "void", "6.00", 1)],
			[("6001", "captured", "4.00")],
		),
		(
			[step(1, "authorization"), step(2, "capture", "4.00", 1), step(3, "capture", "6.00", 1)],
			[("6001", "captured", "4.00"), ("6003", "captured", "6.00")],
		),
		([step(1, "emv_authorization"), step(2, "capture", parent=1)], [("6001", "captured", "10.00")]),
		(
			[step(1, "emv_authorization"), step(2, "authorization", parent=1), step(3, "capture", parent=2)],
			[("6001", "captured", "10.00")],
		),
		([step(2, "capture", parent=1)], [("6002", "captured", "10.00")]),  # of a step that is not told
		([step(1, "capture", parent=1)], [("6001", "captured", "10.00")]),  # its own parent
		([step(1, "sale"), step(2, "refund", "3.00", 1)], [("6001", "captured", "10.00")]),
		([step(1, "sale"), step(2, "suggested_refund", "3.00", 1)], [("6001", "captured", "10.00")]),
		(
			[step(1, "sale", "4.00", gateway="gift_card"), step(2, "sale", "6.00")],
			[("6001", "captured", "4.00"), ("6002", "captured", "6.00")],
		),
	],
)
def test_steps_of_one_payment_are_one_payment(steps: list[Any], expected: list[Any]) -> None:
	assert paid(*steps) == expected
	for order in list(permutations(steps))[:6]:
		assert paid(*order) == expected, "the order in which they are told"


def test_an_authorisation_that_the_order_calls_voided_is_voided() -> None:
	assert paid(step(1, "authorization"), financial_status="voided") == [("6001", "voided", "10.00")]


def test_a_capture_is_newer_than_its_authorisation() -> None:
	[before] = payments(step(1, "authorization"))
	[after] = payments(step(1, "authorization"), step(2, "capture", parent=1, processed_at=made.LATER))
	assert before.updated_at and after.updated_at and after.updated_at > before.updated_at


@pytest.mark.parametrize("named", [True, False])
def test_change_is_taken_off_the_cash_it_was_given_for(named: bool) -> None:
	change = step(3, "change", "3.50", 2 if named else None, gateway="cash")
	steps = [step(1, "sale", "30.00"), step(2, "sale", "20.00", gateway="cash"), change]
	assert paid(*steps) == [("6001", "captured", "30.00"), ("6002", "captured", "16.50")]


def test_cash_is_what_it_was_rounded_to() -> None:
	rounded = step(1, "sale", "10.02", gateway="cash", amount_rounding_set=made.money("-0.02"))
	assert paid(rounded) == [("6001", "captured", "10.00")]


def test_what_the_buyer_paid_in_another_currency_is_told_beside() -> None:
	row = step(1, "sale") | made.priced("amount", "84.00", "EUR", ("91.14", "USD"))
	[payment] = payments(row, currency="EUR")
	assert (payment.amount, payment.currency) == (Decimal("84.00"), "EUR")
	assert (payment.charged, payment.charged_currency) == (Decimal("91.14"), "USD")
	[same] = payments(step(1, "sale"))
	assert (same.charged, same.charged_currency) == (None, None)


def test_a_fee_is_told_in_the_payment_s_currency_or_not_at_all() -> None:
	fee = {"amount": "0.59", "tax_amount": "0.11", "currency": "USD"}
	[payment] = payments(step(1, "sale", fees=[fee, fee]))
	assert (payment.fee, payment.fee_tax) == (Decimal("1.18"), Decimal("0.22"))
	[foreign] = payments(step(1, "sale", fees=[{**fee, "currency": "CAD"}]))
	assert (foreign.fee, foreign.fee_tax) == (None, None)


def test_a_transaction_without_an_id_is_refused() -> None:
	row = {key: value for key, value in step(1, "sale").items() if key not in ("id", "admin_graphql_api_id")}
	with pytest.raises(Rejected, match="A transaction of Shopify has no id"):
		payments(row)


# --- what they are called --------------------------------------------------------------------------------


@pytest.mark.parametrize(
	("more", "reference"),
	[
		({"authorization": "PAY-77", "payment_id": "#1001.1"}, "PAY-77"),
		({"payment_id": "#1001.1"}, "#1001.1"),
		({"authorization": "x" * 141}, "6001"),
		({}, "6001"),
		({"gateway": "shopify_payments", "authorization": "ch_1", "payment_id": "#1001.1"}, "6001"),
	],
)
def test_a_payment_is_called_what_its_gateway_calls_it(more: Any, reference: str) -> None:
	assert [row.reference for row in payments(step(1, "sale", **more))] == [reference]


def test_no_two_payments_are_called_the_same() -> None:
	"""Shopify may give them all the same payment id: the second one would be taken for a repetition."""
	rows = [step(number, "sale", payment_id="#1001.1") for number in (1, 2, 3)]
	assert [row.reference for row in payments(*rows)] == ["#1001.1", "6002", "6003"]
	assert [row.reference for row in payments(*rows[:1])] == ["#1001.1"], "the first keeps it"
	other = step(2, "sale", payment_id="#1001.1", gateway="gift_card")
	assert [row.reference for row in payments(rows[0], other)] == ["#1001.1", "#1001.1"]


def test_money_of_shopify_payments_is_called_as_its_payouts_call_it() -> None:
	"""They name the transaction that moved the money: the capture, not the authorisation."""
	steps = [
		step(1, "authorization", gateway="shopify_payments"),
		step(2, "capture", parent=1, gateway="shopify_payments"),
	]
	assert [(row.id, row.reference) for row in payments(*steps)] == [("6001", "6002")]


@pytest.mark.parametrize(
	("receipt", "found"),
	[
		({"transaction_id": "8AC1", "payer": "ada@example.com"}, "8AC1"),
		('{"transaction_id": "8AC1"}', "8AC1"),
		({"id": "pay_Abc123"}, "pay_Abc123"),
		({"id": "ch_3Nabcdef"}, "ch_3Nabcdef"),
		({"id": "ada@example.com"}, None),
		({"transaction_id": 77}, "77"),
		({"transaction_id": True, "payment_id": None}, None),
		({"transaction_id": {"a": 1}}, None),
		({"transaction_id": "x" * 141}, None),
		("{", None),
		("[]", None),
		(None, None),
		([], None),
	],
)
def test_a_receipt_says_what_the_gateway_calls_it_and_nothing_else_of_it_is_kept(
	receipt: Any, found: str | None
) -> None:
	assert receipt_id(receipt) == found


# --- asked for -------------------------------------------------------------------------------------------


@pytest.fixture
def stage() -> Stage:
	stage = Stage()
	stage.shop.add_product("A", Decimal("33.33"), 50)
	return stage


def asked(stage: Stage, order: Any) -> model.Order:
	event = model.Event(type="x", data=model.OrderReference(id=str(order.id)), incomplete=True)
	data = orders.complete(stage.client, MAPPED, event).data
	assert isinstance(data, model.Order)
	return data


def test_payments_are_asked_for_with_fees_and_receipts(stage: Stage) -> None:
	stage.shop.payments_account = True
	order = stage.shop.place_order([NewLine("A")], gateway="shopify_payments", authorised=True, paid=False)
	assert order.financial_status == "AUTHORIZED"
	assert [row.status for row in asked(stage, order).payments] == ["authorised"]
	stage.shop.capture(order)
	[payment] = asked(stage, order).payments
	assert (payment.status, payment.amount, payment.fee) == ("captured", order.total, Decimal("1.45"))
	other = stage.shop.place_order([NewLine("A")], paid=False)
	stage.shop.pay(other, gateway="paypal", receipt={"transaction_id": "8AC1", "payer": "ada@example.com"})
	found = asked(stage, other)
	assert [row.reference for row in found.payments] == ["8AC1"]
	assert "ada@example.com" not in json.dumps(found.custom, default=str)


def test_refunds_of_one_payment_are_told_apart(stage: Stage) -> None:
	"""Their transactions all have its name: the second is no repetition of the first."""
	order = stage.shop.place_order({"A": 2})
	stage.shop.refund(order, {order.lines[0]: 1})
	stage.shop.refund(order, amount=Decimal("1.11"))
	names = {row.payment_id for refund in order.refunds for row in refund.transactions}
	rows = [row for refund in asked(stage, order).refunds for row in refund.payments]
	assert len(names) == 1 and len(rows) == 2
	assert [row.reference for row in rows] == [*names, rows[1].id]


def test_all_transactions_of_an_order_are_read(stage: Stage) -> None:
	order = stage.shop.place_order([NewLine("A", 50)], paid=False)
	for _number in range(130):
		stage.shop.pay(order, Decimal("1.00"))
	assert len(asked(stage, order).payments) == 130


def test_more_transactions_than_can_be_read_are_not_booked_in_part(stage: Stage) -> None:
	order = stage.shop.place_order([NewLine("A", 50)], paid=False)
	for _number in range(250):
		stage.shop.pay(order, Decimal("0.10"))
	with pytest.raises(Rejected, match="250 transactions or more"):
		asked(stage, order)


def test_an_order_without_its_payments_is_asked_for_where_they_are_booked(stage: Stage) -> None:
	order = stage.shop.place_order([NewLine("A")])
	text = json.dumps(stage.shop.order_payload(order), default=str)
	assert not mapper.parse("orders/create", text).incomplete
	event = mapper.parse("orders/create", text, books_payments=True)
	assert event.incomplete
	found = orders.complete(stage.client, MAPPED, event).data
	assert isinstance(found, model.Order)
	assert [row.amount for row in found.payments] == [order.total]
	whole = json.dumps(found.custom, default=str)
	assert not mapper.parse("orders/updated", whole, books_payments=True).incomplete


def test_an_order_that_an_earlier_version_asked_for_is_asked_for_again(stage: Stage) -> None:
	"""It was kept without returns, and without the money of its refunds: a replay reads it whole."""
	order = stage.shop.place_order([NewLine("A", 2)])
	stage.shop.refund(order, {order.lines[0]: 1})
	old = orders.fetch_payload(stage.client, str(order.id))
	assert old is not None
	del old["returns"]
	for refund in old["refunds"]:
		del refund["transactions"], refund["duties"], refund["return"], refund["updated_at"]
	event = mapper.parse("orders/updated", json.dumps(old, default=str), books_refunds=True)
	assert event.incomplete
	found = orders.complete(stage.client, MAPPED, event).data
	assert isinstance(found, model.Order)
	assert [len(each.payments) for each in found.refunds] == [1]


def test_a_transaction_leads_to_its_order_where_payments_are_booked() -> None:
	text = json.dumps({**transaction(1, "sale", "1.00", "manual"), "order_id": 7})
	event = mapper.parse("order_transactions/create", text, books_payments=True)
	assert (event.data, event.incomplete) == (model.OrderReference(id="7"), True)
	left = mapper.parse("order_transactions/create", text)
	assert (left.data, left.incomplete, left.reason) == (None, True, mapper.NOT_BOOKED)


@pytest.mark.parametrize(
	("update", "wanted"),
	[
		({"payments": (PaymentMap(gateway="*"),)}, True),
		({"invoices": InvoicePolicy(when="When Paid")}, True),
		({"invoices": InvoicePolicy(when="When Delivered")}, False),
		({"refunds": RefundPolicy(credit_notes=False)}, False),
	],
)
def test_payments_matter_where_they_are_booked_or_invoices_wait_for_them(
	update: dict[str, Any], wanted: bool
) -> None:
	assert orders.books_payments(CHANNEL.model_copy(update=update)) is wanted


# --- whatever happens ------------------------------------------------------------------------------------


@settings(max_examples=300, deadline=None)
@given(
	rows=st.lists(
		st.tuples(
			st.sampled_from(
				["authorization", "emv_authorization", "capture", "sale", "void", "refund", "change"]
			),
			st.sampled_from(["success", "pending", "failure"]),
			st.integers(0, 6),
			st.integers(1, 5000),
		),
		max_size=7,
	)
)
def test_no_money_is_counted_twice(rows: list[Any]) -> None:
	"""What is captured is what sales and captures say, less change; each id once."""
	steps = [
		step(number, kind, f"{cents / 100:.2f}", parent or None, status=status)
		for number, (kind, status, parent, cents) in enumerate(rows, 1)
	]
	found = payments(*steps)
	assert len({row.id for row in found}) == len(found)
	references = [(row.gateway, row.reference) for row in found]
	assert len(set(references)) == len(references)
	taken = sum((row.amount for row in found if row.status == "captured"), Decimal(0))
	moved = sum(
		Decimal(cents) / 100
		for kind, status, _parent, cents in rows
		if kind in ("sale", "capture") and status == "success"
	)
	change = sum(
		Decimal(cents) / 100 for kind, status, _p, cents in rows if kind == "change" and status == "success"
	)
	assert moved - change <= taken <= moved
