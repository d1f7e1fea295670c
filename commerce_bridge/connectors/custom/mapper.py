"""What a custom storefront sends, as models, and the way from them to the canonical model.

What it gets is in `messages.py`. The field tables in docs/custom-storefront-api.md and the JSON Schema
(`schema`) describe these models. Keys that are not named here are allowed everywhere; those of an order, a
line or a customer are kept in `custom`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, timezone
from decimal import Decimal
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
	AwareDatetime,
	BaseModel,
	ConfigDict,
	Field,
	PlainValidator,
	StrictBool,
	StringConstraints,
	TypeAdapter,
	ValidationError,
	WithJsonSchema,
)
from pydantic.json_schema import models_json_schema
from pydantic_core import PydanticCustomError

from commerce_bridge.bridge import model, strict_json
from commerce_bridge.bridge.errors import BadRequest, Rejected, Retryable
from commerce_bridge.bridge.protocols import ShownPage
from commerce_bridge.connectors.custom.messages import DECIMAL_PATTERN, OUTGOING
from commerce_bridge.connectors.custom.webhook import Envelope, open_envelope

JSON_SCHEMA_DIALECT = "https://json-schema.org/draft/2020-12/schema"
PROBLEMS_SHOWN = 10
CANCELLED_STATUSES = frozenset({"cancelled", "canceled"})

# --- types -----------------------------------------------------------------------------------------------

_DECIMAL = re.compile(DECIMAL_PATTERN)
_INTEGER_LIMIT = 10**12
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_YEARS = range(1970, 2201)


def _decimal(value: Any) -> Decimal:
	if type(value) is str and _DECIMAL.fullmatch(value):
		return Decimal(value)
	if type(value) is int and -_INTEGER_LIMIT < value < _INTEGER_LIMIT:
		return Decimal(value)
	if isinstance(value, (Decimal, float)):
		raise PydanticCustomError(
			"decimal", 'must be a string such as "12.50", not a fraction without quotes'
		)
	raise PydanticCustomError(
		"decimal", 'must be a decimal string such as "12.50", at most 12 digits before the point and 9 after'
	)


def _not_negative(value: Any) -> Decimal:
	number = _decimal(value)
	if number < 0:
		raise PydanticCustomError("not_negative", "must not be negative")
	return number


def _positive(value: Any) -> Decimal:
	number = _decimal(value)
	if number <= 0:
		raise PydanticCustomError("positive", "must be greater than 0; leave out what was removed")
	return number


def _utc(value: Any) -> datetime:
	try:
		time = _RFC3339.validate_python(value) if isinstance(value, str) and "T" in value else None
	except ValidationError:
		time = None
	if time is None or time.year not in _YEARS:
		raise PydanticCustomError("time", 'must be a time with an offset, such as "2026-11-20T09:30:00Z"')
	return time.astimezone(timezone.utc)


def _day(value: Any) -> date:
	try:
		day = date.fromisoformat(value) if isinstance(value, str) and _DATE.fullmatch(value) else None
	except ValueError:
		day = None
	if day is None or day.year not in _YEARS:
		raise PydanticCustomError("day", 'must be a day such as "2026-11-30"')
	return day


def _decimal_schema(read: Callable[[Any], Decimal], sign: str, **integer: int) -> Any:
	text = {"type": "string", "pattern": f"^{DECIMAL_PATTERN.replace('-?', sign)}$"}
	return Annotated[
		Decimal, PlainValidator(read), WithJsonSchema({"anyOf": [text, {"type": "integer", **integer}]})
	]


_RFC3339 = TypeAdapter(AwareDatetime)
Number = _decimal_schema(_decimal, "-?")
NotNegative = _decimal_schema(_not_negative, "", minimum=0)
Positive = _decimal_schema(_positive, "", exclusiveMinimum=0)
Time = Annotated[datetime, PlainValidator(_utc), WithJsonSchema({"type": "string", "format": "date-time"})]
Day = Annotated[date, PlainValidator(_day), WithJsonSchema({"type": "string", "format": "date"})]
Id = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=140)]
Code = Annotated[str, StringConstraints(strip_whitespace=True, max_length=140)]
Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=1_000)]
Note = Annotated[str, StringConstraints(max_length=20_000)]
Cursor = Annotated[str, StringConstraints(max_length=1_000)]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
Country = Annotated[str, StringConstraints(pattern=r"^([A-Z]{2})?$")]
Version = Annotated[int, Field(strict=True, ge=0, lt=2**63)]


def _items_schema(item: Any, most: int, least: int = 0) -> Any:
	return Annotated[list[item], Field(min_length=least, max_length=most)]


class Wire(BaseModel):
	model_config = ConfigDict(extra="allow", hide_input_in_errors=True)


# --- what a storefront sends -----------------------------------------------------------------------------


class WireTax(Wire):
	code: Code | None = None
	title: Text | None = None
	rate: Number | None = None
	amount: Number


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
	addresses: _items_schema(WireAddress, 100) = []
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
	taxes: _items_schema(WireTax, 50) = []
	location_id: Code | None = None
	serials: _items_schema(Id, 10_000) = []
	grade: Code | None = None
	custom: dict[str, Any] = {}


class WireShipping(Wire):
	code: Code | None = None
	title: Text | None = None
	amount: NotNegative
	taxes: _items_schema(WireTax, 50) = []


class WireFee(Wire):
	code: Code | None = None
	title: Text | None = None
	amount: Number
	taxes: _items_schema(WireTax, 50) = []


class WirePayment(Wire):
	id: Id
	gateway: Id
	status: Id
	amount: Number
	currency: Currency | None = None
	fee: Number | None = None
	fee_tax: Number | None = None
	paid_at: Time | None = None


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
	lines: _items_schema(WireLine, 5_000, least=1)
	shipping: _items_schema(WireShipping, 100) = []
	fees: _items_schema(WireFee, 100) = []
	discounts: _items_schema(WireDiscount, 100) = []
	payments: _items_schema(WirePayment, 100) = []
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
	levels: _items_schema(WireShownLevel, 10_000)
	cursor: Cursor | None = None


class WireProducts(Wire):
	products: _items_schema(WireShownProduct, 10_000)
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


# --- the schema ------------------------------------------------------------------------------------------

INCOMING = (OrderUpserted, OrderCancelled, CustomerUpserted)


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


_READERS: Mapping[str, Callable[[Envelope], model.EventData]] = {
	"order.upserted": _read_order,
	"order.cancelled": _read_cancellation,
	"customer.upserted": _read_customer,
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
	"""The canonical order. Raises `Rejected` where two lines have one id."""
	_check_line_ids(wire.lines)
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
		shipping=tuple(map(_shipping, wire.shipping)),
		fees=tuple(map(_fee, wire.fees)),
		discounts=tuple(map(_discount, wire.discounts)),
		payments=tuple(_payment(payment, wire.currency) for payment in wire.payments),
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


def _check_line_ids(lines: Sequence[WireLine]) -> None:
	seen: set[str] = set()
	for index, line in enumerate(lines):
		if line.id in seen:
			raise Rejected(f"data.lines[{index}].id: another line has the same id")
		seen.add(line.id)


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
		taxes=_taxes(wire.taxes),
		location_id=wire.location_id or None,
		serials=tuple(wire.serials),
		grade=wire.grade or None,
		custom=_custom(wire),
	)


def _taxes(taxes: Iterable[WireTax]) -> tuple[model.TaxLine, ...]:
	return tuple(
		model.TaxLine(
			title=tax.title or tax.code or "", code=tax.code or None, rate=tax.rate, amount=tax.amount
		)
		for tax in taxes
	)


def _shipping(wire: WireShipping) -> model.ShippingLine:
	return model.ShippingLine(
		code=wire.code or None, title=wire.title or None, amount=wire.amount, taxes=_taxes(wire.taxes)
	)


def _fee(wire: WireFee) -> model.Fee:
	return model.Fee(
		code=wire.code or None, title=wire.title or None, amount=wire.amount, taxes=_taxes(wire.taxes)
	)


def _discount(wire: WireDiscount) -> model.Discount:
	return model.Discount(code=wire.code or None, title=wire.title or None, amount=wire.amount)


def _payment(wire: WirePayment, currency: str) -> model.Payment:
	return model.Payment(
		id=wire.id,
		gateway=wire.gateway,
		status=wire.status,
		amount=wire.amount,
		currency=wire.currency or currency,
		fee=wire.fee,
		fee_tax=wire.fee_tax,
		paid_at=wire.paid_at,
	)


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
