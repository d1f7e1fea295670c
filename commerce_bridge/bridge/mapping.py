"""What the channel's tables say: tax → account, shipping → item or account, location → warehouse, fields."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, timezone
from decimal import Decimal
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any, NoReturn

import jmespath
from jmespath.exceptions import JMESPathError, JMESPathTypeError

from commerce_bridge.bridge.channel import Channel, FieldMap, PaymentMap, ShippingMap, TaxMap
from commerce_bridge.bridge.errors import Misconfigured, Rejected
from commerce_bridge.bridge.model import Fee, ShippingLine, TaxLine
from commerce_bridge.bridge.money import parse_decimal

ANY = "*"
_TRUE = frozenset(("1", "true", "yes", "on"))
_FALSE = frozenset(("0", "false", "no", "off", ""))


def _missing(channel: Channel, fieldname: str, message: str) -> NoReturn:
	raise Misconfigured(message, doctype="Channel Settings", document=channel.name, fieldname=fieldname)


# --- taxes and shipping ----------------------------------------------------------------------------------


def tax_account(channel: Channel, tax: TaxLine) -> str:
	"""The account of a tax: that of the most specific row of `channel.taxes` that matches it.

	An empty field of a row and "*" match anything. Of rows that match, the one that names the code wins, then
	the title, then the rate; of equals the first. Raises `Misconfigured` that names the tax.
	"""
	best, account = -1, None
	for row in channel.taxes:
		score = _match(row, tax)
		if score > best:
			best, account = score, row.account
	if account is None:
		rate = "" if tax.rate is None else f", {tax.rate.normalize():f} %"
		code = f', code "{tax.code}"' if tax.code else ""
		_missing(
			channel,
			"taxes",
			f'No account for the tax "{tax.title}"{code}{rate}. Add a row for it to Taxes of the channel, then retry.',
		)
	return account


def _match(row: TaxMap, tax: TaxLine) -> int:
	"""How specifically a row speaks of a tax; -1 where it speaks of another."""
	score = 0
	if row.code and row.code != ANY:
		if row.code != tax.code:
			return -1
		score += 4
	if row.title and row.title != ANY:
		if row.title != tax.title:
			return -1
		score += 2
	if row.rate is not None:
		if row.rate != tax.rate:
			return -1
		score += 1
	return score


def shipping_target(channel: Channel, line: ShippingLine) -> ShippingMap:
	"""What a shipping charge is booked on: the row for its code, else for its title, else "*".

	Nothing is booked for an amount of 0, so that needs no row: the answer is then one without a target.
	Raises `Misconfigured` where no row matches, or the one that does names neither item nor account.
	"""
	by_method = {row.method: row for row in reversed(channel.shipping)}  # of equals the first
	for method in (line.code, line.title, ANY):
		row = by_method.get(method) if method else None
		if row and (row.item or row.account or not line.amount):
			return row
		if row:
			message = f'The shipping method "{row.method}" has neither an item nor an account.'
			_missing(channel, "shipping_methods", message)
	if not line.amount:
		return ShippingMap(method=ANY)
	name = line.title or line.code or "(without a name)"
	code = f', code "{line.code}"' if line.code and line.code != name else ""
	_missing(
		channel,
		"shipping_methods",
		f'No item or account for the shipping method "{name}"{code}. Add a row for it to Shipping Methods and Fees of the channel, then retry.',
	)


def fee_target(channel: Channel, fee: Fee) -> ShippingMap:
	"""What a surcharge is booked on: the row for its code, else for its title, else the channel's item for fees.

	The row "*" is for shipping only. Raises `Misconfigured` where there is nothing to book it on.
	"""
	by_method = {row.method: row for row in reversed(channel.shipping) if row.method != ANY}
	for method in (fee.code, fee.title):
		row = by_method.get(method) if method else None
		if row and (row.item or row.account):
			return row
		if row:
			message = f'The fee "{row.method}" has neither an item nor an account.'
			_missing(channel, "shipping_methods", message)
	if channel.fee_item:
		return ShippingMap(method=ANY, item=channel.fee_item)
	name = fee.title or fee.code or "(without a name)"
	_missing(
		channel,
		"fee_item",
		f'The order has the fee "{name}", but the channel has no item for fees. Choose one, or add a row for it to Shipping Methods and Fees, then retry.',
	)


# --- payments --------------------------------------------------------------------------------------------


def find_payment_row(channel: Channel, gateway: str, currency: str | None) -> PaymentMap | None:
	"""The first row of the payment map that a gateway fits, in this currency; None where there is none."""
	for row in channel.payments:
		if names_gateway(row.gateway, gateway) and row.currency in (None, currency):
			return row
	return None


def payment_row(channel: Channel, gateway: str, currency: str) -> PaymentMap:
	"""As `find_payment_row`. Raises `Misconfigured` that names gateway and currency where there is none."""
	row = find_payment_row(channel, gateway, currency)
	if row is None:
		_missing(
			channel,
			"payment_map",
			f'No account for payments by "{gateway}" in {currency}. Add a row for it to Payment Methods of the channel, then retry.',
		)
	return row


def names_gateway(pattern: str, gateway: str) -> bool:
	"""Whether a pattern, in which "*" stands for anything, fits a gateway; upper and lower case are the same."""
	literal = pattern.casefold().replace("[", "[[]").replace("?", "[?]")
	return fnmatchcase(gateway.strip().casefold(), literal)


# --- warehouses ------------------------------------------------------------------------------------------


def warehouse_of(channel: Channel, location_id: str | None) -> str:
	"""The warehouse a line is delivered from: that of its location, else the default, else the one without a location.

	A location kept in a group warehouse falls back to the default: ERPNext books no stock on groups.
	Raises `Misconfigured` where there is none.
	"""
	single = [row for row in channel.warehouses if not row.is_group]
	if location_id is not None:
		for row in single:
			if row.location_id == location_id:
				return row.warehouse
	if channel.default_warehouse:
		return channel.default_warehouse
	for row in single:
		if row.location_id is None:
			return row.warehouse
	where = f'location "{location_id}"' if location_id else "lines without a location"
	_missing(channel, "default_warehouse", f"No warehouse for {where}, and no default warehouse is set.")


def warehouse_at(channel: Channel, location_id: str | None) -> str | None:
	"""The warehouse that the channel's table names for a location; None where it names none that stock is booked on."""
	if location_id is None:
		return None
	rows = (row for row in channel.warehouses if row.location_id == location_id and not row.is_group)
	return next((row.warehouse for row in rows), None)


# --- the field map ---------------------------------------------------------------------------------------


def mapped_values(channel: Channel, doctype: str, payload: Mapping[str, Any]) -> dict[str, Any]:
	"""The values the field map gives a document of `doctype`, by fieldname.

	A path that finds nothing yields the row's default; without one the field is left out. Dates are `date`,
	times are aware UTC `datetime`, decimals are `Decimal`.

	:raises Misconfigured: a path is no JMESPath (https://jmespath.org/specification.html), a transform unknown
	:raises Rejected: a value cannot be transformed, or is not a single value; names the path
	"""
	return {
		row.fieldname: value
		for row in channel.fields
		if row.doctype == doctype and (value := _value(channel, row, payload)) is not None
	}


def _value(channel: Channel, row: FieldMap, payload: Mapping[str, Any]) -> Any:
	value = _search(channel, row, payload)
	if value is None or value == "":
		value = row.default
	if value is None:
		return None
	if isinstance(value, dict | list):
		raise Rejected(f'"{row.path}" finds a {type(value).__name__}; {row.fieldname} takes a single value')
	if not row.transform:
		return value
	transform = _TRANSFORMS.get(row.transform)
	if transform is None:
		_missing(channel, "field_map", f'"{row.transform}" (for "{row.path}") is not a known transform.')
	try:
		return transform(value)
	except (ValueError, OverflowError, Rejected) as error:
		raise Rejected(f'"{row.path}" is not usable as {row.transform}: "{str(value)[:40]}"') from error


def _search(channel: Channel, row: FieldMap, payload: Mapping[str, Any]) -> Any:
	try:
		return _compiled(row.path).search(payload)
	except JMESPathTypeError as error:
		raise Rejected(f'"{row.path}" does not fit this payload: {error}') from error
	except JMESPathError as error:
		message = f'"{row.path}" is not a valid JMESPath: {error}'
		raise Misconfigured(message, "Channel Settings", channel.name, "field_map") from error


@lru_cache(maxsize=1024)
def _compiled(path: str) -> Any:
	return jmespath.compile(path)


def _text(value: Any) -> str:
	if isinstance(value, bool):
		return "true" if value else "false"  # as JSON writes it
	return str(value)


def _date(value: Any) -> date:
	"""A date, or the date of a time as it was written."""
	text = _text(value).strip()
	return date.fromisoformat(text) if len(text) == 10 else _parsed_time(text).date()


def _parsed_time(text: str) -> datetime:
	if len(text) < 11:  # Python 3.11 also takes "20260101" and weeks; 3.10 does not
		raise ValueError(text)
	return datetime.fromisoformat(text[:-1] + "+00:00" if text[-1] in "Zz" else text)  # "Z": from 3.11 on


def _datetime(value: Any) -> datetime:
	"""Aware, in UTC; a time without an offset is taken as UTC."""
	moment = _parsed_time(_text(value).strip())
	return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).astimezone(timezone.utc)


def _decimal(value: Any) -> Decimal:
	"""Also of a float: in a custom field JSON's numbers are no money, and `repr` is what was written."""
	return parse_decimal(repr(value) if isinstance(value, float) else str(value).strip())


def _integer(value: Any) -> int:
	number = _decimal(value)
	if number != int(number):
		raise ValueError(value)
	return int(number)


def _boolean(value: Any) -> bool:
	text = _text(value).strip().lower()
	if text not in _TRUE and text not in _FALSE:
		raise ValueError(value)
	return text in _TRUE


_TRANSFORMS: dict[str, Callable[[Any], Any]] = {
	"upper": lambda value: _text(value).upper(),
	"lower": lambda value: _text(value).lower(),
	"strip": lambda value: _text(value).strip(),
	"date": _date,
	"datetime": _datetime,
	"integer": _integer,
	"decimal": _decimal,
	"boolean": _boolean,
}
