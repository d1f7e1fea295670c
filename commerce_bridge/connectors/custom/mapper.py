"""What a custom storefront sends, as models, and the way from them to the canonical model.

What it gets is in `messages.py`. The field tables in docs/custom-storefront-api.md and the JSON Schema
(`schema`) describe these models. Keys that are not named here are allowed everywhere; those of an order, a
line or a customer are kept in `custom`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, TypeVar

from pydantic import StrictBool, ValidationError
from pydantic.json_schema import models_json_schema

from commerce_bridge.bridge import model, strict_json
from commerce_bridge.bridge.errors import BadRequest, Rejected, Retryable
from commerce_bridge.bridge.protocols import ShownPage
from commerce_bridge.connectors.custom.after_order import (
	WireKnownPayment,
	WireKnownRefund,
	WireKnownReturn,
	WirePayment,
	WireRefund,
	WireReturn,
	check_ids,
	to_payment,
	to_payments,
	to_refund,
	to_return,
)
from commerce_bridge.connectors.custom.messages import OUTGOING
from commerce_bridge.connectors.custom.webhook import Envelope, open_envelope
from commerce_bridge.connectors.custom.wire import (
	Code,
	Country,
	Currency,
	Cursor,
	Day,
	Id,
	Note,
	NotNegative,
	Number,
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

JSON_SCHEMA_DIALECT = "https://json-schema.org/draft/2020-12/schema"
PROBLEMS_SHOWN = 10
CANCELLED_STATUSES = frozenset({"cancelled", "canceled"})

# --- what a storefront sends -----------------------------------------------------------------------------


class WireDiscount(Wire):
	code: Code | None = None
	title: Text | None = None
	amount: NotNegative


class WireAddress(Wire):
	name: Text | None = None
	company: Text | None = None
	line1: Text | None = None
	line2: Text | None = None
	city: Text | None = None
	region: Text | None = None
	region_code: Code | None = None
	postal_code: Code | None = None
	country_code: Country | None = None
	phone: Code | None = None
	email: Text | None = None


class WireCustomer(Wire):
	id: Code | None = None
	email: Text | None = None
	phone: Code | None = None
	first_name: Text | None = None
	last_name: Text | None = None
	company: Text | None = None
	tax_id: Code | None = None
	addresses: list_of(WireAddress, 100) = []
	custom: dict[str, Any] = {}


class WireKnownCustomer(WireCustomer):
	id: Id
	updated_at: Time | None = None


class WireLine(Wire):
	id: Id
	product_id: Code | None = None
	variant_id: Code | None = None
	sku: Code | None = None
	barcode: Code | None = None
	name: Text | None = None
	quantity: Positive
	uom: Code | None = None
	unit_price: NotNegative
	discount: NotNegative = Decimal(0)
	total: NotNegative | None = None
	taxes: list_of(WireTax, 50) = []
	location_id: Code | None = None
	serials: list_of(Id, 10_000) = []
	grade: Code | None = None
	custom: dict[str, Any] = {}


class WireTotals(Wire):
	grand_total: NotNegative


class WireOrder(Wire):
	id: Id
	order_number: Id
	version: Version | None = None
	updated_at: Time
	placed_at: Time | None = None
	status: Code = ""
	cancelled: StrictBool = False
	currency: Currency
	prices_include_tax: StrictBool = False
	customer: WireCustomer | None = None
	billing_address: WireAddress | None = None
	shipping_address: WireAddress | None = None
	lines: list_of(WireLine, 5_000, least=1)
	shipping: list_of(WireShipping, 100) = []
	fees: list_of(WireFee, 100) = []
	discounts: list_of(WireDiscount, 100) = []
	payments: list_of(WirePayment, 100) = []
	refunds: list_of(WireRefund, 100) = []
	returns: list_of(WireReturn, 100) = []
	totals: WireTotals
	delivery_date: Day | None = None
	note: Note | None = None
	custom: dict[str, Any] = {}


class WireCancellation(Wire):
	id: Id
	version: Version | None = None
	updated_at: Time
	reason: Text | None = None


class WireShownLevel(Wire):
	"""What the shop shows of a product at a location now; below 0 where it sold more than it had."""

	sku: Code | None = None
	product_id: Code | None = None
	variant_id: Code | None = None
	location_id: Code | None = None
	quantity: Number


class WireShownProduct(Wire):
	sku: Code | None = None
	product_id: Code | None = None
	variant_id: Code | None = None
	barcode: Code | None = None
	title: Text | None = None


class WireLevels(Wire):
	levels: list_of(WireShownLevel, 10_000)
	cursor: Cursor | None = None


class WireProducts(Wire):
	products: list_of(WireShownProduct, 10_000)
	cursor: Cursor | None = None


class OrderUpserted(Wire):
	"""The order as it stands now, the whole of it."""

	type: Literal["order.upserted"]
	timestamp: Time | None = None
	data: WireOrder


class OrderCancelled(Wire):
	"""The order was cancelled; it may never have been sent before."""

	type: Literal["order.cancelled"]
	timestamp: Time | None = None
	data: WireCancellation


class CustomerUpserted(Wire):
	"""A customer as it stands now."""

	type: Literal["customer.upserted"]
	timestamp: Time | None = None
	data: WireKnownCustomer


class PaymentUpdated(Wire):
	"""A payment as it stands now."""

	type: Literal["payment.updated"]
	timestamp: Time | None = None
	data: WireKnownPayment


class RefundCreated(Wire):
	"""A refund: what was taken back of an order, and the money that went with it; again where it was cancelled."""

	type: Literal["refund.created"]
	timestamp: Time | None = None
	data: WireKnownRefund


class ReturnUpdated(Wire):
	"""A return of goods as it stands now."""

	type: Literal["return.updated"]
	timestamp: Time | None = None
	data: WireKnownReturn


# --- the schema ------------------------------------------------------------------------------------------

INCOMING = (OrderUpserted, OrderCancelled, CustomerUpserted, PaymentUpdated, RefundCreated, ReturnUpdated)


def schema() -> dict[str, Any]:
	"""JSON Schema (2020-12) of every message: `$defs/Incoming` is sent to us, `$defs/Outgoing` by us."""
	models = [(message, "validation") for message in (*INCOMING, *OUTGOING)]
	references, document = models_json_schema(models, ref_template="#/$defs/{model}")
	definitions = document["$defs"]
	for name, messages in (("Incoming", INCOMING), ("Outgoing", OUTGOING)):
		definitions[name] = {"oneOf": [references[message, "validation"] for message in messages]}
	return {
		"$schema": JSON_SCHEMA_DIALECT,
		"title": "Commerce Bridge: custom storefront",
		"anyOf": [{"$ref": "#/$defs/Incoming"}, {"$ref": "#/$defs/Outgoing"}],
		"$defs": definitions,
	}


# --- from the wire to the canonical model ----------------------------------------------------------------


def parse(topic: str, payload: str) -> model.Event:
	"""A stored message as the canonical model.

	:raises Rejected: names the fields that are wrong, never their values
	"""
	try:
		envelope = open_envelope(strict_json.loads(payload.encode("utf-8")))
	except BadRequest as error:
		raise Rejected(str(error)) from None
	read = _READERS.get(topic)
	return model.Event(type=topic, data=read(envelope) if read else None)


def _read_order(envelope: Envelope) -> model.Order:
	return to_order(_validated(WireOrder, envelope))


def _read_cancellation(envelope: Envelope) -> model.OrderCancellation:
	wire = _validated(WireCancellation, envelope)
	return model.OrderCancellation(
		id=wire.id, version=wire.version, updated_at=wire.updated_at, reason=wire.reason or None
	)


def _read_customer(envelope: Envelope) -> model.Customer:
	wire = _validated(WireKnownCustomer, envelope)
	return to_customer(wire, wire.updated_at)


def _read_payment(envelope: Envelope) -> model.Payment:
	wire = _validated(WireKnownPayment, envelope)
	if not wire.amount:
		raise Rejected("data.amount: must be greater than 0")
	return to_payment(wire, "data", wire.currency, wire.updated_at, wire.order_id)


def _read_refund(envelope: Envelope) -> model.Refund:
	wire = _validated(WireKnownRefund, envelope)
	return to_refund(wire, "data", wire.currency, inclusive=False, order_id=wire.order_id)


def _read_return(envelope: Envelope) -> model.Return:
	wire = _validated(WireKnownReturn, envelope)
	return to_return(wire, wire.updated_at, wire.order_id)


_READERS: Mapping[str, Callable[[Envelope], model.EventData]] = {
	"order.upserted": _read_order,
	"order.cancelled": _read_cancellation,
	"customer.upserted": _read_customer,
	"payment.updated": _read_payment,
	"refund.created": _read_refund,
	"return.updated": _read_return,
}
_PYDANTIC_SUBJECT = re.compile(r"^\w+ should")
AnyWire = TypeVar("AnyWire", bound=Wire)


def _validated(wire: type[AnyWire], envelope: Envelope) -> AnyWire:
	try:
		return wire.__pydantic_validator__.validate_python(envelope.data)
	except ValidationError as error:
		raise Rejected(_problems(error)) from None


def _problems(error: ValidationError, root: str = "data") -> str:
	found = error.errors(include_url=False, include_context=False, include_input=False)
	shown = [
		f"{_path(root, problem['loc'])}: {_sentence(problem['msg'])}" for problem in found[:PROBLEMS_SHOWN]
	]
	if len(found) > PROBLEMS_SHOWN:
		shown.append(f"and {len(found) - PROBLEMS_SHOWN} more")
	return "; ".join(shown)


def _path(root: str, location: Iterable[str | int]) -> str:
	return root + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)


def _sentence(message: str) -> str:
	return _PYDANTIC_SUBJECT.sub("must", message).replace("Field required", "is required")


def read_levels(answer: Mapping[str, Any]) -> ShownPage:
	"""A page of the shop's stock. Raises `Retryable`: a page that cannot be read is a fault that passes."""
	page = _page(WireLevels, answer)
	return ShownPage(tuple(map(_shown_level, page.levels)), page.cursor or None)


def read_products(answer: Mapping[str, Any]) -> ShownPage:
	"""A page of the shop's catalog. Raises `Retryable`."""
	page = _page(WireProducts, answer)
	return ShownPage(tuple(map(_shown_product, page.products)), page.cursor or None)


def _page(wire: type[AnyWire], answer: Mapping[str, Any]) -> AnyWire:
	try:
		return wire.__pydantic_validator__.validate_python(answer)
	except ValidationError as error:
		raise Retryable(f"The storefront's page cannot be read: {_problems(error, 'page')}") from None


def _shown_level(wire: WireShownLevel) -> model.ShownLevel:
	return model.ShownLevel(
		sku=wire.sku or None,
		product_id=wire.product_id or None,
		variant_id=wire.variant_id or None,
		location_id=wire.location_id or None,
		quantity=wire.quantity,
	)


def _shown_product(wire: WireShownProduct) -> model.ShownProduct:
	return model.ShownProduct(
		sku=wire.sku or None,
		product_id=wire.product_id or None,
		variant_id=wire.variant_id or None,
		barcode=wire.barcode or None,
		title=wire.title or None,
	)


def to_order(wire: WireOrder) -> model.Order:
	"""The canonical order. Raises `Rejected` where two of its parts have one id, or sums and currencies do not fit."""
	_check_ids(wire)
	return model.Order(
		id=wire.id,
		number=wire.order_number,
		version=wire.version,
		updated_at=wire.updated_at,
		placed_at=wire.placed_at,
		status=wire.status,
		cancelled=wire.cancelled or wire.status.lower() in CANCELLED_STATUSES,
		currency=wire.currency,
		prices_include_tax=wire.prices_include_tax,
		customer=to_customer(wire.customer) if wire.customer else None,
		billing_address=_address(wire.billing_address),
		shipping_address=_address(wire.shipping_address),
		lines=tuple(map(_line, wire.lines)),
		shipping=tuple(map(to_shipping, wire.shipping)),
		fees=tuple(map(to_fee, wire.fees)),
		discounts=tuple(map(_discount, wire.discounts)),
		payments=to_payments(wire.payments, "data.payments", wire.currency, wire.updated_at),
		refunds=_refunds(wire),
		returns=tuple(to_return(each, wire.updated_at) for each in wire.returns),
		total=wire.totals.grand_total,
		delivery_date=wire.delivery_date,
		note=wire.note or None,
		custom=_custom(wire),
	)


def to_customer(wire: WireCustomer, updated_at: datetime | None = None) -> model.Customer:
	"""The canonical customer; empty strings count as absent."""
	return model.Customer(
		id=wire.id or None,
		email=wire.email or None,
		phone=wire.phone or None,
		first_name=wire.first_name or None,
		last_name=wire.last_name or None,
		company=wire.company or None,
		tax_id=wire.tax_id or None,
		addresses=tuple(filter(None, map(_address, wire.addresses))),
		updated_at=updated_at,
		custom=_custom(wire),
	)


def _check_ids(wire: WireOrder) -> None:
	check_ids("data.lines", wire.lines)
	check_ids("data.refunds", wire.refunds)
	check_ids("data.returns", wire.returns)
	payments = check_ids("data.payments", wire.payments)
	for index, refund in enumerate(wire.refunds):
		payments = check_ids(f"data.refunds[{index}].payments", refund.payments, payments)


def _refunds(wire: WireOrder) -> tuple[model.Refund, ...]:
	return tuple(
		to_refund(refund, f"data.refunds[{index}]", wire.currency, wire.prices_include_tax, wire.updated_at)
		for index, refund in enumerate(wire.refunds)
	)


def _line(wire: WireLine) -> model.OrderLine:
	total = wire.quantity * wire.unit_price - wire.discount if wire.total is None else wire.total
	return model.OrderLine(
		id=wire.id,
		product_id=wire.product_id or None,
		variant_id=wire.variant_id or None,
		sku=wire.sku or None,
		barcode=wire.barcode or None,
		name=wire.name or None,
		quantity=wire.quantity,
		uom=wire.uom or None,
		unit_price=wire.unit_price,
		discount=wire.discount,
		total=total,
		taxes=to_taxes(wire.taxes),
		location_id=wire.location_id or None,
		serials=tuple(wire.serials),
		grade=wire.grade or None,
		custom=_custom(wire),
	)


def _discount(wire: WireDiscount) -> model.Discount:
	return model.Discount(code=wire.code or None, title=wire.title or None, amount=wire.amount)


def _address(wire: WireAddress | None) -> model.Address | None:
	if wire is None:
		return None
	address = model.Address(
		name=wire.name or None,
		company=wire.company or None,
		line1=wire.line1 or None,
		line2=wire.line2 or None,
		city=wire.city or None,
		region=wire.region or wire.region_code or None,
		postal_code=wire.postal_code or None,
		country_code=wire.country_code or None,
		phone=wire.phone or None,
		email=wire.email or None,
	)
	# A shop that has no address often sends an object full of empty strings.
	return None if address == _NO_ADDRESS else address


_NO_ADDRESS = model.Address()


def _custom(wire: WireOrder | WireLine | WireCustomer) -> dict[str, Any]:
	unknown = wire.__pydantic_extra__
	return {**unknown, **wire.custom} if unknown else wire.custom
