"""The money of an order: the one payment that WooCommerce knows of it, and what its gateway kept for itself.

WooCommerce keeps no transactions: an order has a method, a moment when it was paid, and the gateway's id. What state
the payment is in follows from these and from the order's status. Fees are the gateways' own meta data.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from commerce_bridge.bridge import model
from commerce_bridge.bridge.money import decimals_of, minor_unit
from commerce_bridge.connectors.woocommerce import payloads

#: Nobody has ordered yet, or is still to pay: WooCommerce sets the method before the buyer pays.
_NOT_PAID_YET = frozenset({"pending", "checkout-draft", "auto-draft"})
_OVER = frozenset({"cancelled", "trash", "refunded"})
#: How an order without a method names its gateway: somebody entered it as paid.
BY_HAND = "unknown"
_NUMBER = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,9})?", re.ASCII)

Meta = Mapping[str, Any]


def payments_of(wire: payloads.Order, meta: Meta, moment: datetime) -> tuple[model.Payment, ...]:
	"""The payment of an order; none where nothing is to be paid, or nobody has chosen how.

	:param meta: of the order, by key
	:param moment: when the order was so
	"""
	status = _status(wire)
	if status is None or wire.total <= 0 or not (wire.payment_method or wire.date_paid_gmt):
		return ()
	return (
		model.Payment(
			id=f"order:{wire.id}",
			gateway=wire.payment_method or BY_HAND,
			reference=wire.transaction_id,
			status=status,
			amount=wire.total,
			currency=wire.currency,
			fee=_fee(meta, wire) if status == "captured" else None,
			paid_at=wire.date_paid_gmt,
			updated_at=moment,
		),
	)


def _status(wire: payloads.Order) -> model.PaymentStatus | None:
	"""A payment that failed afterwards (a debit that bounced) keeps the moment when it was paid. Gateways hold an order
	whose money is promised only, with their id on it; without one a transfer is waited for."""
	if wire.status == "failed":
		return "failed"
	if wire.date_paid_gmt is not None:
		return "captured"
	if wire.status in _OVER:
		return "voided"
	if wire.status in _NOT_PAID_YET:
		return None
	return "authorised" if wire.status == "on-hold" and wire.transaction_id else "pending"


def payouts(cursor: str | None) -> None:
	"""None: a shop's money is paid out by its gateways, which WooCommerce knows nothing of."""
	return None


# --- fees ------------------------------------------------------------------------------------------------


def _of_stripe(meta: Meta) -> tuple[Any, Any]:
	"""In the currency of the account, which is not always the order's."""
	return meta.get("_stripe_fee") or meta.get("Stripe Fee"), meta.get("_stripe_currency")


def _of_paypal_payments(meta: Meta) -> tuple[Any, Any]:
	told = meta.get("_ppcp_paypal_fees")
	fee = told.get("paypal_fee") if isinstance(told, dict) else None
	return (fee.get("value"), fee.get("currency_code")) if isinstance(fee, dict) else (None, None)


def _of_key(key: str) -> Callable[[Meta], tuple[Any, Any]]:
	return lambda meta: (meta.get(key), None)


#: Where gateways keep what they took, and in which currency, if they say so: Stripe; PayPal Payments; WooPayments; PayPal
#: Standard, now and before.
FEES: tuple[Callable[[Meta], tuple[Any, Any]], ...] = (
	_of_stripe,
	_of_paypal_payments,
	_of_key("_wcpay_transaction_fee"),
	_of_key("_paypal_transaction_fee"),
	_of_key("PayPal Transaction Fee"),
)


def _fee(meta: Meta, wire: payloads.Order) -> Decimal | None:
	"""What the gateway kept; None where it does not say so, or in another currency than the order's."""
	for read in FEES:
		value, currency = read(meta)
		fee = _number(value)
		if fee is None:
			continue
		if currency and str(currency).upper() != wire.currency:
			return None
		return fee.quantize(minor_unit(decimals_of(wire.currency))) if 0 < fee < wire.total else None
	return None


def _number(value: Any) -> Decimal | None:
	text = f"{value:f}" if isinstance(value, Decimal) else str(value) if type(value) in (int, str) else ""
	return Decimal(text) if _NUMBER.fullmatch(text) else None
