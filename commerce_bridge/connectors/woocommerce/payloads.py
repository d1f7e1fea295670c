"""What WooCommerce's REST API and webhooks say, as far as it is booked: models of the fields.

Fields that are not named here are not looked at. They stay in the payload, which the field map reads. What PHP
makes of an empty or filtered array is put right first: `[]` where an object is meant, an object with numbers as
keys where a list is meant, `false` for an empty text.
https://woocommerce.github.io/woocommerce-rest-api-docs/
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from decimal import Decimal
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, ValidationError
from pydantic_core import PydanticCustomError

from commerce_bridge.bridge.errors import Rejected

PROBLEMS_SHOWN = 10
MOST_LINES = 5_000
_MOST = 1_000
_LONGEST_TEXT = 5_000
_LONGEST_NOTE = 1_000_000
_DECIMAL = re.compile(r"-{0,2}[0-9]{1,12}(?:\.[0-9]{1,9})?", re.ASCII)
_ID = re.compile(r"[0-9]{1,19}", re.ASCII)
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
_YEARS = range(1970, 2201)

Object = dict[str, Any]


# --- types -----------------------------------------------------------------------------------------------


def _amount(value: Any) -> Decimal:
	"""Text, or a JSON number: those were read as exact decimals, never as floats. Empty is 0: a tax that does not
	apply to a line has no amount."""
	kind = type(value)
	if value is None or value == "":
		return Decimal(0)
	text = value if kind is str else f"{value:f}" if kind is Decimal else str(value) if kind is int else "?"
	if not _DECIMAL.fullmatch(text):
		raise PydanticCustomError("amount", 'must be an amount such as "12.50"')
	# A refund of a negative amount is written with two signs.
	return Decimal(text.replace("--", "")) or Decimal(0)


def _rate(value: Any) -> Decimal | None:
	return None if value is None or value == "" else _amount(value)


def _quantity(value: Any) -> Decimal:
	number = _amount(value)
	if number < 0:
		raise PydanticCustomError("quantity", "must not be negative")
	return number


def _time(value: Any) -> datetime | None:
	"""A `*_gmt` field: UTC, which it does not say. Empty for what has not happened."""
	if value is None or value == "":
		return None
	try:
		time = datetime.fromisoformat(value.replace("Z", "+00:00")) if type(value) is str else None
	except ValueError:
		time = None
	if time is None or time.year not in _YEARS:
		raise PydanticCustomError("time", 'must be a time such as "2026-11-20T09:30:00"')
	return (time if time.tzinfo else time.replace(tzinfo=timezone.utc)).astimezone(timezone.utc)


def _text(value: Any, longest: int = _LONGEST_TEXT) -> str | None:
	if value is None or value is False or value == [] or value == "":
		return None
	text = value if type(value) is str else str(value) if type(value) is int else None
	if text is None or len(text) > longest:
		raise PydanticCustomError("text", "must be a text that is not too long")
	return text.strip() or None


def _label(value: Any) -> str | None:
	"""A name that WordPress keeps as HTML: "Salt &amp; Pepper"."""
	text = _text(value)
	return html.unescape(text).strip() or None if text else None


def _note(value: Any) -> str | None:
	return _text(value, _LONGEST_NOTE)


def _currency(value: Any) -> str:
	if type(value) is not str or not _CURRENCY.fullmatch(value):
		raise PydanticCustomError("currency", "must be a currency code of three capital letters")
	return value


def _flag(value: Any) -> bool:
	if value is None or value == "":
		return False
	if type(value) is not bool:
		raise PydanticCustomError("flag", "must be true or false")
	return value


def _object(value: Any) -> Any:
	"""PHP writes an array without members as `[]`, whatever was to be in it."""
	return None if value in ([], "", False) else value


def listed(value: Any) -> Any:
	"""A list. PHP writes one from which members were taken as an object with the places of those left as keys."""
	if value is None or value == "" or value is False:
		return []
	return list(value.values()) if isinstance(value, dict) else value


def _key(value: Any) -> str:
	"""What names a tax rate: a number, or a text of a plugin that calculates taxes elsewhere."""
	return _text(value) or ""


def id_of(value: Any) -> str | None:
	"""An id as text; None where there is none, which WooCommerce writes as 0."""
	if type(value) not in (int, str) or not _ID.fullmatch(str(value)):
		return None
	return str(int(value)) if int(value) else None


Amount = Annotated[Decimal, PlainValidator(_amount)]
Rate = Annotated[Decimal | None, PlainValidator(_rate)]
Quantity = Annotated[Decimal, PlainValidator(_quantity)]
Time = Annotated[datetime | None, PlainValidator(_time)]
Text = Annotated[str | None, PlainValidator(_text)]
Label = Annotated[str | None, PlainValidator(_label)]
Note = Annotated[str | None, PlainValidator(_note)]
Currency = Annotated[str, PlainValidator(_currency)]
Flag = Annotated[bool, PlainValidator(_flag)]
Id = Annotated[str | None, PlainValidator(id_of)]
Key = Annotated[str, PlainValidator(_key)]


class Wire(BaseModel):
	model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)


AnyWire = TypeVar("AnyWire", bound=Wire)
Lines = Annotated[list[AnyWire], BeforeValidator(listed), Field(max_length=MOST_LINES)]
Some = Annotated[list[AnyWire], BeforeValidator(listed), Field(max_length=_MOST)]


# --- orders ----------------------------------------------------------------------------------------------


class LineTax(Wire):
	"""A tax of a line: `id` is that of the rate. Its total is empty, None here, where the rate does not apply."""

	id: Key = ""
	total: Rate = None


class Taxed(Wire):
	total: Amount = Decimal(0)
	total_tax: Amount = Decimal(0)
	taxes: Some[LineTax] = []


class Line(Taxed):
	id: Id = None
	name: Label = None
	product_id: Id = None
	variation_id: Id = None
	quantity: Quantity
	subtotal: Amount = Decimal(0)
	sku: Text = None
	global_unique_id: Text = None


class Shipping(Taxed):
	id: Id = None
	method_title: Text = None
	method_id: Text = None
	instance_id: Text = None


class Fee(Taxed):
	name: Text = None


class TaxRate(Wire):
	"""What a rate came to, of goods and fees, and of shipping."""

	rate_id: Key = ""
	rate_code: Text = None
	label: Text = None
	rate_percent: Rate = None
	tax_total: Amount = Decimal(0)
	shipping_tax_total: Amount = Decimal(0)


class RefundTotal(Wire):
	"""What an order says of a refund; its rows have to be asked for."""

	id: Id = None
	total: Amount = Decimal(0)


class Address(Wire):
	first_name: Text = None
	last_name: Text = None
	company: Text = None
	address_1: Text = None
	address_2: Text = None
	city: Text = None
	state: Text = None
	postcode: Text = None
	country: Text = None
	email: Text = None
	phone: Text = None


Addressed = Annotated[Address | None, BeforeValidator(_object)]


class Order(Wire):
	id: Id = None
	number: Text = None
	status: Text = None
	currency: Currency
	total: Amount
	prices_include_tax: Flag = False
	date_created_gmt: Time = None
	date_modified_gmt: Time = None
	date_paid_gmt: Time = None
	customer_id: Id = None
	customer_note: Note = None
	created_via: Text = None
	payment_method: Text = None
	transaction_id: Text = None
	billing: Addressed = None
	shipping: Addressed = None
	line_items: Lines[Line]
	tax_lines: Some[TaxRate] = []
	shipping_lines: Some[Shipping] = []
	fee_lines: Some[Fee] = []
	refunds: Some[RefundTotal] = []


class RefundedLine(Taxed):
	"""Amounts and quantities of a refund's rows are negative."""

	quantity: Amount = Decimal(0)
	name: Label = None


class Refund(Wire):
	id: Id = None
	date_created_gmt: Time = None
	amount: Amount
	refunded_payment: Flag = False
	line_items: Lines[RefundedLine] = []
	shipping_lines: Some[Shipping] = []
	fee_lines: Some[Fee] = []
	tax_lines: Some[TaxRate] = []


# --- customers and products ------------------------------------------------------------------------------


class Customer(Wire):
	id: Id = None
	email: Text = None
	first_name: Text = None
	last_name: Text = None
	date_created_gmt: Time = None
	date_modified_gmt: Time = None
	billing: Addressed = None
	shipping: Addressed = None


class Named(Wire):
	name: Label = None


class Image(Wire):
	src: Text = None


class Attribute(Wire):
	"""Of a product, with all its options; of a variation, with the one it has."""

	name: Label = None
	option: Label = None
	variation: Flag = False


class Product(Wire):
	"""A product, or a variation: that has `parent_id`, and one `image` in place of `images`."""

	id: Id = None
	parent_id: Id = None
	type: Text = None
	status: Text = None
	name: Label = None
	description: Note = None
	sku: Text = None
	global_unique_id: Text = None
	price: Rate = None
	regular_price: Rate = None
	sale_price: Rate = None
	on_sale: Flag = False
	virtual: Flag = False
	weight: Rate = None
	date_created_gmt: Time = None
	date_modified_gmt: Time = None
	image: Annotated[Image | None, BeforeValidator(_object)] = None
	images: Some[Image] = []
	attributes: Some[Attribute] = []
	categories: Some[Named] = []
	brands: Some[Named] = []
	variations: Annotated[list[Any], BeforeValidator(listed), Field(max_length=MOST_LINES)] = []


# --- reading ---------------------------------------------------------------------------------------------

_PYDANTIC_SUBJECT = re.compile(r"^\w+ should")
AGAIN = "Let WooCommerce send it again (save it there), or fetch it anew."


def validated(wire: type[AnyWire], payload: Any, what: str) -> AnyWire:
	"""The payload as a model. Raises `Rejected` that names the fields which are wrong, never their values."""
	try:
		return wire.__pydantic_validator__.validate_python(payload)
	except ValidationError as error:
		raise Rejected(f"This {what} of WooCommerce cannot be read: {_problems(error)}. {AGAIN}") from None


def required(value: str | None, what: str) -> str:
	"""An id that has to be there. Raises `Rejected` where it is not."""
	if value is None:
		raise Rejected(f"{what} of WooCommerce has no id. {AGAIN}")
	return value


def objects(payload: Mapping[str, Any], name: str) -> list[Object]:
	"""The rows of a list of the payload, as they came, once it was validated."""
	rows: list[Object] = listed(payload.get(name))
	return rows


def meta_of(payload: Mapping[str, Any]) -> dict[str, Any]:
	"""`meta_data` by its keys. Of several with one key the first counts, as in WooCommerce itself."""
	rows = listed(payload.get("meta_data"))
	found: dict[str, Any] = {}
	for row in rows if isinstance(rows, list) else ():
		if isinstance(row, dict) and isinstance(row.get("key"), str):
			found.setdefault(row["key"], row.get("value"))
	return found


def with_meta(payload: Object) -> Object:
	"""The payload as field maps read it: `meta` has its meta data by key."""
	return {**payload, "meta": meta_of(payload)}


def _problems(error: ValidationError) -> str:
	found = error.errors(include_url=False, include_context=False, include_input=False)
	shown = [f"{_path(problem['loc'])}: {_sentence(problem['msg'])}" for problem in found[:PROBLEMS_SHOWN]]
	if len(found) > PROBLEMS_SHOWN:
		shown.append(f"and {len(found) - PROBLEMS_SHOWN} more")
	return "; ".join(shown)


def _path(location: Iterable[str | int]) -> str:
	path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
	return path.removeprefix(".") or "the payload"


def _sentence(message: str) -> str:
	return _PYDANTIC_SUBJECT.sub("must", message).replace("Field required", "is required")
