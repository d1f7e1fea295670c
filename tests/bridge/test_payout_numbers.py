"""Amounts and days of reports: every spelling says the same, and what may be two things is refused."""

from __future__ import annotations

from datetime import date, datetime, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commerce_bridge.bridge.errors import Rejected
from commerce_bridge.bridge.money import decimals_of
from commerce_bridge.bridge.payout_numbers import (
	day_first_of,
	mark_of,
	parse_amount,
	parse_day,
	parse_minor,
	parse_moment,
)

CURRENCIES = ("EUR", "INR", "JPY", "KWD")


def grouped(digits: str, sign: str, indian: bool) -> str:
	"""Digits parted by threes, or as in India by twos before the last three."""
	last, rest, size = digits[-3:], digits[:-3], 2 if indian else 3
	parts = []
	while rest:
		parts.insert(0, rest[-size:])
		rest = rest[:-size]
	return sign.join([*parts, last])


@st.composite
def spelled(draw: st.DrawFn) -> tuple[Decimal, str, str, str]:
	"""An amount, its currency, its decimal mark, and one way to write it."""
	currency = draw(st.sampled_from(CURRENCIES))
	decimals = decimals_of(currency)
	units = draw(st.integers(0, 10**11))
	amount = Decimal(units).scaleb(-decimals)
	mark = draw(st.sampled_from(".,"))
	group = draw(st.sampled_from(["", " ", "\u00a0", "\u202f", "'", "." if mark == "," else ","]))
	whole, _point, fraction = f"{amount:f}".partition(".")
	text = grouped(whole, group, draw(st.booleans())) + (mark + fraction if fraction else "")
	negative = draw(st.booleans()) and amount != 0
	if negative:
		text = draw(st.sampled_from(["-{}", "\u2212{}", "({})", "{}-", "- {}"])).format(text)
	text = draw(st.sampled_from(["{}", "€{}", "{} $", "₹ {}", f"{{}} {currency}"])).format(text)
	return -amount if negative else amount, currency, mark, text


@given(spelled())
def test_every_spelling_is_read_as_the_amount_it_is(case: tuple[Decimal, str, str, str]) -> None:
	amount, currency, mark, text = case
	assert parse_amount(text, currency, mark) == amount


@given(spelled())
def test_an_amount_never_proves_the_wrong_mark(case: tuple[Decimal, str, str, str]) -> None:
	"""Where it has a decimal part of another length than a group's, it proves the mark."""
	_amount, currency, mark, text = case
	proved = mark_of(text, currency)
	assert proved in (None, mark)
	if decimals_of(currency) == 2:
		assert proved == mark


@pytest.mark.parametrize(
	("text", "currency", "mark", "amount"),
	[
		("1.234,56", "EUR", ",", "1234.56"),
		("1,23,456.78", "INR", ".", "123456.78"),
		("1’234.50", "CHF", None, "1234.50"),
		("(12.00)", "USD", None, "-12.00"),
		("1.234", "EUR", ",", "1234"),
		("1.234", "KWD", None, "1.234"),
		("-0.00", "USD", None, "0"),
		("12.5000", "USD", ".", "12.50"),
	],
)
def test_amounts(text: str, currency: str, mark: str | None, amount: str) -> None:
	parsed = parse_amount(text, currency, mark)
	assert parsed == Decimal(amount)
	assert not parsed.is_signed() or parsed


@pytest.mark.parametrize(
	("text", "currency", "mark"),
	[
		("12,3x", "EUR", ","),
		("1.23.456,0", "EUR", "."),
		("12.345", "EUR", "."),
		("1,2345", "JPY", ","),
		("--1", "EUR", "."),
		("1e3", "EUR", "."),
		(".", "EUR", "."),
		("1,234", "KWD", None),
		("12,34,5.00", "EUR", "."),
		("9" * 17, "EUR", "."),
		("NaN", "EUR", "."),
	],
)
def test_what_is_no_amount_is_refused(text: str, currency: str, mark: str | None) -> None:
	with pytest.raises(Rejected):
		parse_amount(text, currency, mark)


def test_smallest_units() -> None:
	assert parse_minor("1050", "USD", False) == Decimal("10.50")
	assert parse_minor("1050", "JPY", False) == Decimal(1050)
	assert parse_minor("-1050", "KWD", True) == Decimal("-1.050")
	for text in ("10.50", "1,050", "", "-1050"):
		with pytest.raises(Rejected):
			parse_minor(text, "USD", False)


@pytest.mark.parametrize(
	("text", "day"),
	[
		("2026-11-21", date(2026, 11, 21)),
		("2026-11-21 23:59:59", date(2026, 11, 21)),
		("2026-11-21T23:59:59+05:30", date(2026, 11, 21)),
		("2026/11/21 01:02:03 -0700", date(2026, 11, 21)),
		("21-Aug-2002 03:26:12 PM MDT", date(2002, 8, 21)),
		("21-Aug-2002 03:26:12 PM", date(2002, 8, 21)),
		("1568176960", date(2019, 9, 11)),
	],
)
def test_days(text: str, day: date) -> None:
	assert parse_day(text, None) == day


def test_a_day_that_may_be_two_is_refused_where_the_report_does_not_say() -> None:
	assert parse_day("05/07/2026 10:00:00", True) == date(2026, 7, 5)
	assert parse_day("05/07/2026 10:00:00", False) == date(2026, 5, 7)
	assert parse_day("5/7/2026", True) == date(2026, 7, 5)
	for text in ("05/07/2026", "2026-13-01", "soon", "21.11"):
		with pytest.raises(Rejected):
			parse_day(text, None)
	with pytest.raises(Rejected):
		parse_day("25/07/2026", False)


@pytest.mark.parametrize(
	("text", "day_first"),
	[
		("25/07/2026", True),
		("07/25/2026 10:00:00", False),
		("05.07.2026", True),
		("5/7/2026", None),
		("13/13/2026", True),
		("2026-07-25", None),
		("25-Jul-2026", None),
		("25/07-2026", None),
		("", None),
	],
)
def test_which_number_is_the_day(text: str, day_first: bool | None) -> None:
	assert day_first_of(text) is day_first


def test_times_are_in_utc() -> None:
	assert parse_moment("2026-11-21T05:30:00+05:30", None) == datetime(2026, 11, 21, tzinfo=timezone.utc)
	assert parse_moment("2026-11-21", None) == datetime(2026, 11, 21, tzinfo=timezone.utc)
