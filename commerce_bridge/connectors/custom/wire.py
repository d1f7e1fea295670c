"""What the messages of a custom storefront are made of: kinds of values, and the parts that several of them have."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import date, datetime, timezone
from decimal import Decimal
from typing import Annotated, Any

from pydantic import (
	AwareDatetime,
	BaseModel,
	ConfigDict,
	Field,
	PlainValidator,
	StringConstraints,
	TypeAdapter,
	ValidationError,
	WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from commerce_bridge.bridge import model
from commerce_bridge.connectors.custom.messages import DECIMAL_PATTERN

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


def list_of(item: Any, most: int, least: int = 0) -> Any:
	return Annotated[list[item], Field(min_length=least, max_length=most)]


class Wire(BaseModel):
	model_config = ConfigDict(extra="allow", hide_input_in_errors=True)


class WireTax(Wire):
	code: Code | None = None
	title: Text | None = None
	rate: Number | None = None
	amount: Number


class WireShipping(Wire):
	code: Code | None = None
	title: Text | None = None
	amount: NotNegative
	taxes: list_of(WireTax, 50) = []


class WireFee(Wire):
	code: Code | None = None
	title: Text | None = None
	amount: Number
	taxes: list_of(WireTax, 50) = []


def to_taxes(taxes: Iterable[WireTax]) -> tuple[model.TaxLine, ...]:
	return tuple(
		model.TaxLine(
			title=tax.title or tax.code or "", code=tax.code or None, rate=tax.rate, amount=tax.amount
		)
		for tax in taxes
	)


def to_shipping(wire: WireShipping) -> model.ShippingLine:
	return model.ShippingLine(
		code=wire.code or None, title=wire.title or None, amount=wire.amount, taxes=to_taxes(wire.taxes)
	)


def to_fee(wire: WireFee) -> model.Fee:
	return model.Fee(
		code=wire.code or None, title=wire.title or None, amount=wire.amount, taxes=to_taxes(wire.taxes)
	)
