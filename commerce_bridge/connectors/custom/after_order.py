"""What follows an order of a custom storefront, as models: payments, refunds and returns, in the order or by themselves.

The way from them to the canonical model checks what no single field shows: currencies, sums, ids that are there twice.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, get_args

from pydantic import PlainValidator, StrictBool, WithJsonSchema
from pydantic_core import PydanticCustomError

from commerce_bridge.bridge import model
from commerce_bridge.bridge.errors import Rejected
from commerce_bridge.connectors.custom.wire import (
	Code,
	Currency,
	Id,
	Note,
	NotNegative,
	Positive,
	Text,
	Time,
	Version,
	Wire,
	WireFee,
	WireShipping,
	WireTax,
	list_of,
	to_fee,
	to_shipping,
	to_taxes,
)

# --- states ----------------------------------------------------------------------------------------------

#: What shops and gateways call the states of a payment. Of one that was given back, the refund says so.
PAYMENT_STATUSES: Mapping[str, model.PaymentStatus] = {
	**{status: status for status in get_args(model.PaymentStatus)},
	"created": "pending",
	"processing": "pending",
	"unpaid": "pending",
	"authorized": "authorised",
	"paid": "captured",
	"succeeded": "captured",
	"completed": "captured",
	"settled": "captured",
	"partially_refunded": "captured",
	"refunded": "captured",
	"cancelled": "voided",
	"canceled": "voided",
	"expired": "voided",
	"declined": "failed",
	"error": "failed",
}
RETURN_STATUSES: Mapping[str, model.ReturnStatus] = {
	**{status: status for status in get_args(model.ReturnStatus)},
	"rejected": "declined",
	"completed": "closed",
	"canceled": "cancelled",
}


def _one_of(known: Mapping[str, str], canonical: Collection[str]) -> Any:
	"""A field that takes these words in upper and lower case, and is the canonical one."""

	def read(value: Any) -> str:
		word = known.get(value.strip().lower()) if isinstance(value, str) else None
		if word is None:
			raise PydanticCustomError("status", f"must be one of {', '.join(canonical)}")
		return word

	validator: Callable[[Any], str] = read
	return Annotated[
		str, PlainValidator(validator), WithJsonSchema({"type": "string", "enum": sorted(known)})
	]


PaymentState = _one_of(PAYMENT_STATUSES, get_args(model.PaymentStatus))
ReturnState = _one_of(RETURN_STATUSES, get_args(model.ReturnStatus))

# --- what a storefront sends -----------------------------------------------------------------------------


class WirePayment(Wire):
	id: Id
	gateway: Id
	reference: Code | None = None
	status: PaymentState
	amount: NotNegative
	currency: Currency | None = None
	charged: NotNegative | None = None
	charged_currency: Currency | None = None
	fee: NotNegative | None = None
	fee_tax: NotNegative | None = None
	paid_at: Time | None = None
	version: Version | None = None
	updated_at: Time | None = None


class WireKnownPayment(WirePayment):
	order_id: Id
	currency: Currency
	updated_at: Time


class WireRefundTax(WireTax):
	amount: NotNegative


class WireRefundLine(Wire):
	order_line_id: Id
	quantity: NotNegative
	amount: NotNegative
	taxes: list_of(WireRefundTax, 50) = []
	restock: StrictBool = False
	location_id: Code | None = None


class WireRefundShipping(WireShipping):
	taxes: list_of(WireRefundTax, 50) = []


class WireRefund(Wire):
	id: Id
	version: Version | None = None
	created_at: Time
	updated_at: Time | None = None
	currency: Currency | None = None
	prices_include_tax: StrictBool | None = None
	lines: list_of(WireRefundLine, 5_000) = []
	shipping: list_of(WireRefundShipping, 100) = []
	adjustments: list_of(WireFee, 100) = []
	total: NotNegative
	payments: list_of(WirePayment, 100) = []
	return_id: Code | None = None
	cancelled: StrictBool = False


class WireKnownRefund(WireRefund):
	order_id: Id
	currency: Currency


class WireReturnLine(Wire):
	order_line_id: Id
	quantity: Positive
	received: NotNegative | None = None
	reason: Text | None = None
	condition: Text | None = None
	serials: list_of(Id, 10_000) = []


class WireParcel(Wire):
	carrier: Code | None = None
	tracking_number: Code | None = None
	tracking_url: Text | None = None
	delivered: StrictBool = False


class WireReturn(Wire):
	id: Id
	number: Code | None = None
	version: Version | None = None
	updated_at: Time | None = None
	status: ReturnState
	lines: list_of(WireReturnLine, 5_000, least=1)
	note: Note | None = None
	location_id: Code | None = None
	parcels: list_of(WireParcel, 100) = []


class WireKnownReturn(WireReturn):
	order_id: Id
	updated_at: Time


# --- from the wire to the canonical model ----------------------------------------------------------------


def to_payment(
	wire: WirePayment, path: str, currency: str, moment: datetime | None, order_id: str = ""
) -> model.Payment:
	"""The canonical payment. Raises `Rejected`, naming the field.

	:param path: of the payment in its message
	:param currency: of its order
	:param moment: when the message was true, for a payment that does not say it
	"""
	_check_currency(f"{path}.currency", wire.currency, currency)
	if (wire.charged is None) != (wire.charged_currency is None):
		missing = "charged" if wire.charged is None else "charged_currency"
		raise Rejected(f"{path}.{missing}: is required: what was charged is an amount and its currency")
	return model.Payment(
		id=wire.id,
		order_id=order_id,
		gateway=wire.gateway,
		reference=wire.reference or None,
		status=wire.status,
		amount=wire.amount,
		currency=currency,
		charged=wire.charged,
		charged_currency=wire.charged_currency,
		fee=wire.fee,
		fee_tax=wire.fee_tax,
		paid_at=wire.paid_at,
		version=wire.version,
		updated_at=wire.updated_at or moment,
	)


def to_payments(
	wires: Sequence[WirePayment], path: str, currency: str, moment: datetime | None
) -> tuple[model.Payment, ...]:
	"""The payments of an order or a refund; one of nothing is left out. Raises `Rejected`."""
	check_ids(path, wires)
	made = (to_payment(wire, f"{path}[{index}]", currency, moment) for index, wire in enumerate(wires))
	return tuple(payment for payment in made if payment.amount)


def to_refund(
	wire: WireRefund,
	path: str,
	currency: str,
	inclusive: bool,
	moment: datetime | None = None,
	order_id: str = "",
) -> model.Refund:
	"""The canonical refund. Raises `Rejected` where its sums are not those of its parts.

	:param inclusive: whether its order's prices contain their taxes, for a refund that does not say it
	"""
	_check_currency(f"{path}.currency", wire.currency, currency)
	moment = wire.updated_at or moment or wire.created_at
	refund = model.Refund(
		id=wire.id,
		order_id=order_id,
		created_at=wire.created_at,
		version=wire.version,
		updated_at=moment,
		currency=currency,
		prices_include_tax=inclusive if wire.prices_include_tax is None else wire.prices_include_tax,
		lines=tuple(map(_refund_line, wire.lines)),
		shipping=tuple(map(to_shipping, wire.shipping)),
		adjustments=tuple(map(to_fee, wire.adjustments)),
		total=wire.total,
		payments=to_payments(wire.payments, f"{path}.payments", currency, moment),
		return_id=wire.return_id or None,
		cancelled=wire.cancelled,
	)
	_check_sums(refund, path)
	return refund


def to_return(wire: WireReturn, moment: datetime, order_id: str = "") -> model.Return:
	"""The canonical return, as it stood at a moment where it does not say when."""
	return model.Return(
		id=wire.id,
		order_id=order_id,
		number=wire.number or None,
		status=wire.status,
		lines=tuple(map(_return_line, wire.lines)),
		note=wire.note or None,
		location_id=wire.location_id or None,
		parcels=tuple(map(_parcel, wire.parcels)),
		version=wire.version,
		updated_at=wire.updated_at or moment,
	)


def check_ids(path: str, wires: Iterable[Any], seen: set[str] | None = None) -> set[str]:
	"""Raises `Rejected` where two of a list have one id, or one has an id of `seen`; returns all ids."""
	seen = set() if seen is None else seen
	for index, wire in enumerate(wires):
		if wire.id in seen:
			raise Rejected(f"{path}[{index}].id: another {_NOUNS[path.rpartition('.')[2]]} has the same id")
		seen.add(wire.id)
	return seen


_NOUNS = {"lines": "line", "payments": "payment", "refunds": "refund", "returns": "return"}


def _check_currency(path: str, given: str | None, currency: str) -> None:
	if given not in (None, currency):
		raise Rejected(
			f"{path}: must be that of the order; what the gateway took in another one is charged and "
			"charged_currency"
		)


def _check_sums(refund: model.Refund, path: str) -> None:
	parts = (*refund.lines, *refund.shipping, *refund.adjustments)
	come_to = sum((part.amount for part in parts), Decimal(0))
	with_taxes = ""
	if not refund.prices_include_tax:
		come_to += sum((tax.amount for part in parts for tax in part.taxes), Decimal(0))
		with_taxes = ", with taxes,"
	if come_to != refund.total:
		raise Rejected(
			f"{path}.total: is {refund.total}, but lines, shipping and adjustments{with_taxes} come to {come_to}"
		)
	paid = sum((payment.amount for payment in refund.payments), Decimal(0))
	if paid > refund.total:
		raise Rejected(f"{path}.payments: come to {paid}, more than the total of {refund.total}")


def _refund_line(wire: WireRefundLine) -> model.RefundLine:
	return model.RefundLine(
		order_line_id=wire.order_line_id,
		quantity=wire.quantity,
		amount=wire.amount,
		taxes=to_taxes(wire.taxes),
		restock=wire.restock,
		location_id=wire.location_id or None,
	)


def _return_line(wire: WireReturnLine) -> model.ReturnLine:
	return model.ReturnLine(
		order_line_id=wire.order_line_id,
		quantity=wire.quantity,
		received=wire.received,
		reason=wire.reason or None,
		condition=wire.condition or None,
		serials=tuple(wire.serials),
	)


def _parcel(wire: WireParcel) -> model.Parcel:
	return model.Parcel(
		carrier=wire.carrier or None,
		tracking_number=wire.tracking_number or None,
		tracking_url=wire.tracking_url or None,
		delivered=wire.delivered,
	)
