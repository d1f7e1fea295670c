"""JSON from outside, read without mercy: what is not plain, unambiguous JSON is a `BadRequest`.

Python's own reader accepts NaN, duplicate keys, lone surrogates and numbers of any length, and answers deep
nesting with a RecursionError. Each of these later breaks something further in: a comparison, the database's
character set, the interpreter's stack. So they stop here. Reasons name no value: they may reach a log.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn

from commerce_bridge.bridge.errors import BadRequest

MAX_DEPTH = 64
#: Longest number, sign and exponent included; and the largest power of ten it may reach.
MAX_NUMBER_LENGTH = 64
MAX_EXPONENT = 308

_BOM = "\ufeff"
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_ESCAPED_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")
_ESCAPED_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def loads(raw: bytes) -> dict[str, Any]:
	"""Reads a JSON object.

	:param raw: UTF-8 without a byte order mark, nested at most `MAX_DEPTH` deep
	:return: numbers with a fraction or an exponent are `Decimal`; NUL characters are taken out of strings
	:raises BadRequest: with a short reason that quotes nothing of the input
	"""
	value = load_value(raw)
	if not isinstance(value, dict):
		raise BadRequest("the body is not a JSON object")
	return value


def load_value(raw: bytes) -> Any:
	"""Like `loads`, of any JSON value: a list, for one."""
	text = text_of(raw)
	_check_depth(raw)
	value = _parse(text)
	if _ESCAPED_SURROGATE.search(text):
		_check_encodable(value)
	return value


def text_of(raw: bytes) -> str:
	"""The text of a body, without escaped NUL characters and otherwise to the letter. Raises `BadRequest`."""
	try:
		text = raw.decode("utf-8")
	except UnicodeDecodeError:
		raise BadRequest("the body is not UTF-8") from None
	if text.startswith(_BOM):
		raise BadRequest("the body begins with a byte order mark")
	return _ESCAPED_NUL.sub(r"\1", text) if "\\u0000" in text else text


def dumps(value: Any) -> str:
	"""Canonical JSON: sorted keys, no blanks, decimals as plain strings. Equal values, equal text."""
	return json.dumps(
		value, default=_plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
	)


def _parse(text: str) -> Any:
	try:
		return json.loads(
			text,
			object_pairs_hook=_object,
			parse_int=_integer,
			parse_float=_decimal,
			parse_constant=_refuse_constant,
		)
	except json.JSONDecodeError as error:
		raise BadRequest(f"the body is not JSON (line {error.lineno}, column {error.colno})") from None


def _check_depth(raw: bytes) -> None:
	# Most bodies have fewer brackets in all than they may nest: then there is nothing to follow.
	if raw.count(b"[") + raw.count(b"{") <= MAX_DEPTH:
		return
	if b"\\" in raw:
		raw = raw.replace(rb"\\", b"").replace(rb"\"", b"")
	outside_strings = b"".join(raw.split(b'"')[::2])
	depth = 0
	for byte in outside_strings.translate(None, _NO_BRACKETS):
		if byte in b"[{":
			depth += 1
			if depth > MAX_DEPTH:
				raise BadRequest(f"the body is nested more than {MAX_DEPTH} deep")
		else:
			depth -= 1


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
	members = dict(pairs)
	if len(members) != len(pairs):
		raise BadRequest("a key occurs twice in one object")
	return members


def _integer(digits: str) -> int:
	if len(digits) > MAX_NUMBER_LENGTH:
		raise BadRequest("a number is too long")
	return int(digits)


def _decimal(digits: str) -> Decimal:
	if len(digits) > MAX_NUMBER_LENGTH:
		raise BadRequest("a number is too long")
	try:
		number = Decimal(digits)
	except InvalidOperation:  # an exponent too long even for Decimal
		raise BadRequest("a number is out of range") from None
	# An exponent of a few characters would become gigabytes of digits in the first addition.
	if abs(int(number.as_tuple().exponent)) > MAX_EXPONENT or abs(number.adjusted()) > MAX_EXPONENT:
		raise BadRequest("a number is out of range")
	return number


def _refuse_constant(_name: str) -> NoReturn:
	raise BadRequest("NaN and Infinity are not JSON")


def _check_encodable(value: Any) -> None:
	try:
		json.dumps(value, default=str, ensure_ascii=False).encode("utf-8")
	except UnicodeEncodeError:
		raise BadRequest("a string holds half of a surrogate pair") from None


def _plain(value: Any) -> str:
	if isinstance(value, Decimal):
		return format(value, "f")
	raise TypeError(f"{type(value).__name__} has no JSON form")
