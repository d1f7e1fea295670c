from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commerce_bridge.bridge import strict_json
from commerce_bridge.bridge.errors import BadRequest


def nested(depth: int) -> bytes:
	"""An object with `depth` levels in all."""
	return b'{"a":' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"


REFUSED = {
	"empty": b"",
	"blank": b"  ",
	"truncated": b'{"a": 1',
	"two documents": b"{} {}",
	"scalar": b"1",
	"string": b'"a"',
	"null": b"null",
	"array root": b"[{}]",
	"byte order mark": b"\xef\xbb\xbf{}",
	"UTF-16": '{"a": 1}'.encode("utf-16"),
	"invalid UTF-8": b'{"a": "\xff"}',
	"encoded surrogate": b'{"a": "\xed\xa0\x80"}',
	"depth 65": nested(65),
	"depth 900": nested(900),
	"depth 100k": nested(100_000),
	"depth 100k, never closed": b'{"a":' + b"[" * 100_000,
	"depth 100k of objects": b'{"a":' * 100_000,
	"400 digits": b'{"a": ' + b"9" * 400 + b"}",
	"5000 digits": b'{"a": ' + b"9" * 5000 + b"}",
	"400 digits with a fraction": b'{"a": ' + b"9" * 400 + b".5}",
	"1e400": b'{"a": 1e400}',
	"1e-400": b'{"a": 1e-400}',
	"1e999999999": b'{"a": 1e999999999}',
	"0e999999999": b'{"a": 0e999999999}',
	"exponent beyond Decimal": b'{"a": 1e99999999999999999999999}',
	"NaN": b'{"a": NaN}',
	"Infinity": b'{"a": Infinity}',
	"-Infinity": b'{"a": -Infinity}',
	"duplicate key": b'{"a": 1, "a": 1}',
	"duplicate key within": b'{"a": [{"b": 1, "b": 2}]}',
	"duplicate key once unescaped": b'{"a": 1, "\\u0061": 2}',
	"duplicate key once NUL is gone": b'{"a": 1, "a\\u0000": 2}',
	"lone high surrogate": b'{"a": "\\ud800"}',
	"lone low surrogate": b'{"a": ["\\uDFFF"]}',
	"lone surrogate in a key": b'{"\\ud800": 1}',
	"raw control character": b'{"a": "\x00"}',
	"single quotes": b"{'a': 1}",
	"trailing comma": b'{"a": 1,}',
	"comment": b'{"a": 1} // no',
	"decimal comma": b'{"a": 12,50}',
}


@pytest.mark.parametrize("raw", REFUSED.values(), ids=REFUSED.keys())
def test_refused(raw: bytes):
	with pytest.raises(BadRequest) as refused:
		strict_json.loads(raw)
	assert 0 < len(str(refused.value)) < 100


@pytest.mark.parametrize(
	("raw", "value"),
	[
		(b"{}", {}),
		(b' {"a": 1}\n', {"a": 1}),
		(b'{"a": 1.10}', {"a": Decimal("1.10")}),
		(b'{"a": 1e2}', {"a": Decimal("1e2")}),
		(b'{"a": 12345678901234567890}', {"a": 12345678901234567890}),
		(b'{"a": "x\\u0000y"}', {"a": "xy"}),
		(b'{"a": "\\u0000\\u0000"}', {"a": ""}),
		(b'{"a": "\\\\u0000"}', {"a": "\\u0000"}),
		(b'{"a": "\\\\\\u0000u0000"}', {"a": "\\u0000"}),
		(b'{"a": "\\ud83d\\ude00"}', {"a": "😀"}),
		('{"ü": "日本"}'.encode(), {"ü": "日本"}),
		(b'{"a": "[[[[{{{{\\"[[[["}', {"a": '[[[[{{{{"[[[['}),
	],
)
def test_accepted(raw: bytes, value: dict):
	assert strict_json.loads(raw) == value


def test_sixty_four_levels_are_enough():
	assert "a" in strict_json.loads(nested(64))


def test_brackets_in_strings_are_no_depth():
	text = "[{" * 500
	assert strict_json.loads(json.dumps({"a": text, "b": '"' + text}).encode()) == {
		"a": text,
		"b": '"' + text,
	}


def test_many_siblings_are_no_depth():
	assert len(strict_json.loads(json.dumps({"a": [{}] * 1000}).encode())["a"]) == 1000


def test_decimals_are_exact():
	value = strict_json.loads(b'{"a": 0.1}')["a"]
	assert type(value) is Decimal and value == Decimal("0.1")


def test_a_value_of_any_kind_is_read_as_strictly_as_an_object():
	assert strict_json.load_value(b'[{"a": 0.1}, null, 3]') == [{"a": Decimal("0.1")}, None, 3]
	for body in (b"[1, NaN]", b"[" * 65 + b"]" * 65, b'["\\ud800"]', b"\xef\xbb\xbf[]", b""):
		with pytest.raises(BadRequest):
			strict_json.load_value(body)
	with pytest.raises(BadRequest):
		strict_json.loads(b"[]")


def test_quotes_without_an_end_cost_linear_work():
	# Quadratic, this would be 10^11 steps: the run's time limit would say so.
	with pytest.raises(BadRequest):
		strict_json.loads(b'{"a":' + b"[" * 65 + b'"' + b'\\"' * 400_000)


def test_reasons_quote_nothing_of_the_body():
	with pytest.raises(BadRequest) as refused:
		strict_json.loads(b'{"secret@example.com": "secret@example.com" x}')
	assert "secret" not in str(refused.value)


def test_canonical_text():
	assert (
		strict_json.dumps({"b": Decimal("1.50"), "a": ["ü", None, True, 3]})
		== '{"a":["ü",null,true,3],"b":"1.50"}'
	)
	assert strict_json.dumps({"a": Decimal("1E+2")}) == '{"a":"100"}'


def test_floats_that_are_no_numbers_are_not_written():
	with pytest.raises(ValueError):
		strict_json.dumps({"a": float("nan")})


JSON_VALUES = st.recursive(
	st.none() | st.booleans() | st.integers(-(10**18), 10**18) | st.text(),
	lambda inner: (
		st.lists(inner, max_size=5) | st.dictionaries(st.text('abc\\u"[{', max_size=5), inner, max_size=5)
	),
	max_leaves=30,
)


@given(st.dictionaries(st.text("abcü", max_size=5), JSON_VALUES, max_size=5))
def test_what_is_plain_json_comes_through(value: dict):
	def without_nul(part):
		if isinstance(part, str):
			return part.replace("\0", "")
		if isinstance(part, list):
			return [without_nul(item) for item in part]
		return {key: without_nul(item) for key, item in part.items()} if isinstance(part, dict) else part

	assert strict_json.loads(json.dumps(value).encode()) == without_nul(value)


@given(st.binary(max_size=200) | st.text('{}[]",:\\ud80123eE.-+ntrufalse', max_size=80).map(str.encode))
def test_anything_else_is_a_bad_request(raw: bytes):
	try:
		assert isinstance(strict_json.loads(raw), dict)
	except BadRequest:
		pass
