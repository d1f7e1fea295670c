"""What Shopify's webhooks say, as far as it is booked: models of the fields, strict about what they hold.

Fields that are not named here are not looked at. They stay in the payload, which the field map reads. Amounts
are read from their `*_set`, in the currency of the shop, and from the plain field where there is no set: a
refund's plain amounts are JSON numbers, and Shopify is free to change which ones are.
https://shopify.dev/docs/api/webhooks
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from decimal import Decimal
from typing import Annotated, Any, TypeVar

from pydantic import (
	AliasChoices,
	AliasPath,
	BaseModel,
	ConfigDict,
	Field,
	PlainValidator,
	StringConstraints,
	ValidationError,
)
from pydantic_core import PydanticCustomError

from commerce_bridge.bridge.errors import Rejected
from commerce_bridge.connectors.shopify.ids import id_of

PROBLEMS_SHOWN = 10
#: Shopify takes at most 500 lines an order; what is beyond any doubt of that is not an order.
MOST_LINES = 5_000
_MOST = 1_000
_DECIMAL = re.compile(r"-?[0-9]{1,12}(?:\.[0-9]{1,9})?", re.ASCII)
_YEARS = range(1970, 2201)


# --- types -----------------------------------------------------------------------------------------------


def _amount(value: Any) -> Decimal:
	"""Text, or a JSON number: those were read as exact decimals, never as floats."""
	kind = type(value)
	text = value if kind is str else f"{value:f}" if kind is Decimal else str(value) if kind is int else ""
	if not _DECIMAL.fullmatch(text):
		raise PydanticCustomError("amount", 'must be an amount such as "12.50"')
	return Decimal(text) or Decimal(0)


def _count(value: Any) -> int:
	if type(value) is not int or not 0 <= value < 10**7:
		raise PydanticCustomError("count", "must be a whole number that is not negative")
	return value


def _time(value: Any) -> datetime:
	try:
		time = datetime.fromisoformat(value.replace("Z", "+00:00")) if type(value) is str else None
	except ValueError:
		time = None
	if time is None or time.tzinfo is None or time.year not in _YEARS:
		raise PydanticCustomError(
			"time", 'must be a time with an offset, such as "2026-11-20T09:30:00-05:00"'
		)
	return time.astimezone(timezone.utc)


def _flag(value: Any) -> bool:
	if value is None:
		return False
	if type(value) is not bool:
		raise PydanticCustomError("flag", "must be true or false")
	return value


Amount = Annotated[Decimal, PlainValidator(_amount)]
Count = Annotated[int, PlainValidator(_count)]
Time = Annotated[datetime, PlainValidator(_time)]
Flag = Annotated[bool, PlainValidator(_flag)]
Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=5_000)]
Long = Annotated[str, StringConstraints(max_length=1_000_000)]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
Object = dict[str, Any]


def _money(*names: str) -> Any:
	"""The field of an amount: of the first of these fields that is there, the set of each before its plain form."""
	paths: list[str | AliasPath] = []
	for name in names:
		paths += [AliasPath(f"{name}_set", "shop_money", "amount"), name]
	return AliasChoices(*paths)


class Wire(BaseModel):
	model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)


# --- an order --------------------------------------------------------------------------------------------


class Tax(Wire):
	title: Text | None = None
	rate: Amount | None = None
	amount: Amount = Field(validation_alias=_money("price"))
	channel_liable: Flag = False


class Allocation(Wire):
	amount: Amount = Field(validation_alias=_money("amount"))


class Duty(Wire):
	amount: Amount = Field(
		validation_alias=AliasChoices(AliasPath("shop_money", "amount"), *_money("price").choices)
	)
	tax_lines: list[Tax] | None = None


class Line(Wire):
	title: Text | None = None
	name: Text | None = None
	sku: Text | None = None
	vendor: Text | None = None
	product_id: Any = None
	variant_id: Any = None
	price: Amount = Field(validation_alias=_money("price"))
	quantity: Count
	current_quantity: Count | None = None
	gift_card: Flag = False
	tip_payment_gateway: Text | None = None
	tax_lines: Annotated[list[Tax], Field(max_length=_MOST)] | None = None
	discount_allocations: Annotated[list[Allocation], Field(max_length=_MOST)] | None = None
	duties: Annotated[list[Duty], Field(max_length=_MOST)] | None = None


class Shipping(Wire):
	title: Text | None = None
	code: Text | None = None
	price: Amount = Field(validation_alias=_money("price"))
	discounted: Amount | None = Field(None, validation_alias=_money("discounted_price"))
	current: Amount | None = Field(None, validation_alias=_money("current_discounted_price"))
	is_removed: Flag = False
	tax_lines: Annotated[list[Tax], Field(max_length=_MOST)] | None = None
	discount_allocations: Annotated[list[Allocation], Field(max_length=_MOST)] | None = None


class AdditionalFee(Wire):
	name: Text | None = None
	amount: Amount = Field(validation_alias=_money("price", "amount"))
	tax_lines: Annotated[list[Tax], Field(max_length=_MOST)] | None = None


class RefundedLine(Wire):
	line_item: Object | None = None
	line_item_id: Any = None
	quantity: Count
	restock_type: Text | None = None
	location_id: Any = None
	subtotal: Amount | None = Field(None, validation_alias=_money("subtotal"))
	tax: Amount | None = Field(None, validation_alias=_money("total_tax"))


class RefundedShipping(Wire):
	shipping_line: Object | None = None
	subtotal: Amount | None = Field(None, validation_alias=_money("subtotal_amount"))
	tax: Amount | None = Field(None, validation_alias=_money("tax_amount"))


class Adjustment(Wire):
	kind: Text | None = None
	reason: Text | None = None
	amount: Amount = Field(validation_alias=_money("amount"))
	tax: Amount | None = Field(None, validation_alias=_money("tax_amount"))


class RefundedDuty(Wire):
	amount: Amount = Field(validation_alias=_money("amount"))


class TransactionFee(Wire):
	amount: Amount
	tax: Amount | None = Field(None, validation_alias="tax_amount")
	currency: Currency | None = None


class Transaction(Wire):
	"""`charged` is what the buyer paid, in `charged_currency`. `authorization` and `payment_id` are what the gateway,
	and Shopify towards the gateway, call it."""

	kind: Text
	status: Text
	gateway: Text | None = None
	parent_id: Any = None
	authorization: Text | None = None
	payment_id: Text | None = None
	amount: Amount = Field(validation_alias=_money("amount"))
	currency: Currency | None = Field(
		None,
		validation_alias=AliasChoices(AliasPath("amount_set", "shop_money", "currency_code"), "currency"),
	)
	charged: Amount | None = Field(
		None, validation_alias=AliasPath("amount_set", "presentment_money", "amount")
	)
	charged_currency: Currency | None = Field(
		None, validation_alias=AliasPath("amount_set", "presentment_money", "currency_code")
	)
	rounding: Amount | None = Field(None, validation_alias=_money("amount_rounding"))
	processed_at: Time | None = None
	created_at: Time | None = None
	fees: list[TransactionFee] | None = None


class Refund(Wire):
	created_at: Time | None = None
	processed_at: Time | None = None
	updated_at: Time | None = None
	of_return: Object | None = Field(None, validation_alias="return")
	refund_line_items: Annotated[list[RefundedLine], Field(max_length=MOST_LINES)] | None = None
	refund_shipping_lines: Annotated[list[RefundedShipping], Field(max_length=_MOST)] | None = None
	order_adjustments: Annotated[list[Adjustment], Field(max_length=_MOST)] | None = None
	duties: Annotated[list[RefundedDuty], Field(max_length=_MOST)] | None = None
	transactions: Annotated[list[Transaction], Field(max_length=_MOST)] | None = None


class ReturnedLine(Wire):
	fulfillment_line_item: Object | None = None
	quantity: Count | None = None
	received_quantity: Count | None = None
	return_reason: Text | None = None
	return_reason_name: Text | None = None
	return_reason_note: Text | None = None
	customer_note: Text | None = None


class Decline(Wire):
	note: Text | None = None


class Return(Wire):
	name: Text | None = None
	status: Text | None = None
	updated_at: Time | None = None
	decline: Decline | None = None
	location_id: Any = None
	return_line_items: Annotated[list[ReturnedLine], Field(max_length=_MOST)] | None = None


class FulfilmentLine(Wire):
	id: Any = None
	admin_graphql_api_id: Any = None
	quantity: Count | None = None


class Fulfilment(Wire):
	id: Any = None
	admin_graphql_api_id: Any = None
	location_id: Any = None
	status: Text | None = None
	shipment_status: Text | None = None
	created_at: Time | None = None
	updated_at: Time | None = None
	tracking_company: Text | None = None
	tracking_number: Text | None = None
	tracking_numbers: list[Text] | None = None
	tracking_url: Text | None = None
	tracking_urls: list[Text] | None = None
	line_items: Annotated[list[Object], Field(max_length=MOST_LINES)] | None = None


class Address(Wire):
	name: Text | None = None
	first_name: Text | None = None
	last_name: Text | None = None
	company: Text | None = None
	address1: Text | None = None
	address2: Text | None = None
	city: Text | None = None
	province: Text | None = None
	province_code: Text | None = None
	zip: Text | None = None
	country_code: Text | None = None
	phone: Text | None = None


class Customer(Wire):
	email: Text | None = None
	phone: Text | None = None
	first_name: Text | None = None
	last_name: Text | None = None
	updated_at: Time | None = None
	default_address: Address | None = None
	addresses: Annotated[list[Address], Field(max_length=_MOST)] | None = None


class Order(Wire):
	name: Text | None = None
	order_number: int | None = None
	created_at: Time | None = None
	processed_at: Time | None = None
	updated_at: Time
	cancelled_at: Time | None = None
	currency: Currency
	taxes_included: Flag = False
	duties_included: Flag = False
	test: Flag = False
	financial_status: Text | None = None
	source_name: Text | None = None
	location_id: Any = None
	email: Text | None = None
	contact_email: Text | None = None
	phone: Text | None = None
	note: Long | None = None
	total: Amount = Field(validation_alias=_money("current_total_price", "total_price"))
	current_tax: Amount | None = Field(None, validation_alias=_money("current_total_tax"))
	current_subtotal: Amount | None = Field(None, validation_alias=_money("current_subtotal_price"))
	duties: Amount | None = Field(
		None, validation_alias=_money("current_total_duties", "original_total_duties")
	)
	other_fees: Amount | None = Field(
		None, validation_alias=_money("current_total_additional_fees", "original_total_additional_fees")
	)
	tips: Amount | None = Field(None, validation_alias=_money("total_tip_received"))
	rounding_paid: Amount | None = Field(
		None, validation_alias=_money("total_cash_rounding_payment_adjustment")
	)
	rounding_refunded: Amount | None = Field(
		None, validation_alias=_money("total_cash_rounding_refund_adjustment")
	)
	customer: Customer | None = None
	billing_address: Address | None = None
	shipping_address: Address | None = None
	line_items: Annotated[list[Line], Field(max_length=MOST_LINES)]
	shipping_lines: Annotated[list[Shipping], Field(max_length=_MOST)] | None = None
	additional_fees: Annotated[list[AdditionalFee], Field(max_length=_MOST)] | None = None
	refunds: Annotated[list[Refund], Field(max_length=_MOST)] | None = None
	fulfillments: Annotated[list[Fulfilment], Field(max_length=_MOST)] | None = None
	transactions: Annotated[list[Transaction], Field(max_length=_MOST)] | None = None


# --- reading ---------------------------------------------------------------------------------------------

AnyWire = TypeVar("AnyWire", bound=Wire)
_PYDANTIC_SUBJECT = re.compile(r"^\w+ should")


def validated(wire: type[AnyWire], payload: Any, what: str) -> AnyWire:
	"""The payload as a model. Raises `Rejected` that names the fields which are wrong, never their values."""
	try:
		return wire.__pydantic_validator__.validate_python(payload)
	except ValidationError as error:
		raise Rejected(
			f"This {what} of Shopify cannot be read: {_problems(error)}. Let Shopify send it again, or fetch it anew."
		) from None


def required_id(resource: Mapping[str, Any], kind: str, what: str) -> str:
	"""The exact id of an object of a payload. Raises `Rejected` where it has none."""
	found = id_of(resource, kind)
	if found is None:
		raise Rejected(f"{what} of Shopify has no id. Let Shopify send it again, or fetch it anew.")
	return found


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
