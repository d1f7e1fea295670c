"""What WooCommerce says of an order's money: the state of its one payment, and the fee of its gateway."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

import pytest

from commerce_bridge.bridge import strict_json
from commerce_bridge.bridge.model import Payment
from commerce_bridge.connectors.woocommerce import mapper, payments
from tests.connectors.test_woocommerce_amounts import CHANNEL
from tests.connectors.woocommerce_orders import Cart, Sold

PAID = "2026-11-20T09:00:01"


def order(**changes: Any) -> dict[str, Any]:
	return Cart([Sold("10.00", 2)], changes=changes).payload()


def read(**changes: Any) -> tuple[Payment, ...]:
	return mapper.to_order(strict_json.loads(json.dumps(order(**changes)).encode()), CHANNEL).payments


def meta(**values: Any) -> list[dict[str, Any]]:
	return [{"id": number, "key": key, "value": value} for number, (key, value) in enumerate(values.items())]


def test_what_was_paid_is_one_payment_of_the_order() -> None:
	assert read(date_paid_gmt=PAID, transaction_id="ch_1", payment_method="stripe") == (
		Payment(
			id="order:4711",
			gateway="stripe",
			reference="ch_1",
			status="captured",
			amount=Decimal("23.80"),
			currency="EUR",
			paid_at=datetime(2026, 11, 20, 9, 0, 1, tzinfo=timezone.utc),
			updated_at=datetime(2026, 11, 20, 9, 0, 5, tzinfo=timezone.utc),
		),
	)


def test_the_payment_keeps_its_name_when_the_gateway_gives_it_one() -> None:
	before = read(status="on-hold", payment_method="bacs")
	after = read(date_paid_gmt=PAID, payment_method="bacs", transaction_id="TX 9")
	assert [payment.id for payment in (*before, *after)] == ["order:4711"] * 2


@pytest.mark.parametrize(
	("changes", "status"),
	[
		({"status": "processing", "date_paid_gmt": PAID}, "captured"),
		({"status": "completed", "date_paid_gmt": PAID}, "captured"),
		({"status": "cancelled", "date_paid_gmt": PAID}, "captured"),
		({"status": "refunded", "date_paid_gmt": PAID}, "captured"),
		({"status": "failed", "date_paid_gmt": PAID}, "failed"),
		({"status": "failed"}, "failed"),
		({"status": "processing", "payment_method": "cod"}, "pending"),
		({"status": "on-hold", "payment_method": "bacs"}, "pending"),
		({"status": "on-hold", "payment_method": "stripe", "transaction_id": "ch_1"}, "authorised"),
		({"status": "cancelled", "payment_method": "stripe", "transaction_id": "ch_1"}, "voided"),
		({"status": "trash"}, "voided"),
		({"status": "packed"}, "pending"),
	],
)
def test_how_far_a_payment_is(changes: dict[str, Any], status: str) -> None:
	[payment] = read(**changes)
	assert payment.status == status


@pytest.mark.parametrize(
	"changes",
	[
		{"status": "pending"},
		{"status": "checkout-draft"},
		{"status": "processing", "payment_method": ""},
		{"status": "processing", "date_paid_gmt": PAID, "total": "0.00"},
	],
)
def test_where_there_is_nothing_to_say(changes: dict[str, Any]) -> None:
	assert read(**changes) == ()


def test_an_order_that_somebody_entered_as_paid() -> None:
	[payment] = read(date_paid_gmt=PAID, payment_method="")
	assert (payment.gateway, payment.reference) == ("unknown", None)


# --- fees


@pytest.mark.parametrize(
	("keys", "fee"),
	[
		({"_stripe_fee": "0.85", "_stripe_net": "22.95", "_stripe_currency": "EUR"}, "0.85"),
		({"_stripe_fee": 0.85}, "0.85"),
		({"Stripe Fee": "0.85"}, "0.85"),
		({"_stripe_fee": "0.93", "_stripe_currency": "USD"}, None),
		({"_ppcp_paypal_fees": {"paypal_fee": {"currency_code": "EUR", "value": "1.09"}}}, "1.09"),
		({"_ppcp_paypal_fees": {"paypal_fee": {"currency_code": "USD", "value": "1.09"}}}, None),
		({"_ppcp_paypal_fees": {"gross_amount": {"currency_code": "EUR", "value": "23.80"}}}, None),
		({"_ppcp_paypal_fees": "", "_paypal_transaction_fee": "0.71"}, "0.71"),
		({"_wcpay_transaction_fee": 0.61}, "0.61"),
		({"PayPal Transaction Fee": "0.71"}, "0.71"),
		({"_stripe_fee": ""}, None),
		({"_stripe_fee": "0"}, None),
		({"_stripe_fee": "-1"}, None),
		({"_stripe_fee": "23.80"}, None),
		({"_stripe_fee": [1]}, None),
		({"_stripe_fee": True}, None),
		({"_stripe_fee": "1e9"}, None),
	],
)
def test_what_the_gateway_kept(keys: dict[str, Any], fee: str | None) -> None:
	[payment] = read(date_paid_gmt=PAID, meta_data=meta(**keys))
	assert payment.fee == (None if fee is None else Decimal(fee))


def test_a_fee_is_of_money_that_moved() -> None:
	[payment] = read(status="on-hold", transaction_id="ch_1", meta_data=meta(_stripe_fee="0.85"))
	assert payment.fee is None


def test_its_gateways_pay_out_and_not_the_shop() -> None:
	assert payments.payouts(None) is None
