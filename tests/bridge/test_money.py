from __future__ import annotations

from decimal import Decimal

import pytest

from commerce_bridge.bridge.errors import Rejected
from commerce_bridge.bridge.money import (
	decimals_of,
	minor_unit,
	parse_decimal,
	quantise,
	quantise_up,
	written,
)


@pytest.mark.parametrize(
	("text", "number"),
	[
		("12.50", "12.50"),
		("-3", "-3"),
		("007", "7"),
		(42, "42"),
		("0.123456789", "0.123456789"),
		("1000000000000000", "1E+15"),
		("-0.00", "0"),
	],
)
def test_parses_what_storefronts_write(text: str | int, number: str) -> None:
	assert parse_decimal(text) == Decimal(number)


def test_zero_has_no_sign() -> None:
	assert not parse_decimal("-0").is_signed()


@pytest.mark.parametrize(
	"text",
	[
		*(
			"",
			" 1",
			"1 ",
			"12,50",
			"1,000.00",
			"1_000",
			"1e3",
			"NaN",
			"Infinity",
			"-inf",
			"0x10",
			".5",
			"5.",
			"+1",
		),
		*("١٢", "1\n", "1.0000000001", "1000000000000000.01", "9" * 5000, "1000000000000001"),
		*(10**15 + 1, -(10**40), 1.5, float("nan"), True, None, Decimal("1"), b"1", ["1"]),
	],
)
def test_rejects_everything_else(text: object) -> None:
	with pytest.raises(Rejected):
		parse_decimal(text)  # type: ignore[arg-type]


def test_keeps_every_digit() -> None:
	assert str(parse_decimal("999999999999999.999999999")) == "999999999999999.999999999"


@pytest.mark.parametrize(
	("currency", "decimals"), [("EUR", 2), ("JPY", 0), ("KWD", 3), ("CLF", 4), ("ISK", 0)]
)
def test_decimals_of_a_currency(currency: str, decimals: int) -> None:
	assert decimals_of(currency) == decimals


@pytest.mark.parametrize("currency", ["", "eur", "EURO", "€", "EU1", "EUR\n"])
def test_refuses_what_is_no_currency_code(currency: str) -> None:
	with pytest.raises(Rejected):
		decimals_of(currency)


@pytest.mark.parametrize(
	("amount", "decimals", "rounded", "up"),
	[
		("1.005", 2, "1.01", "1.01"),
		("1.004", 2, "1.00", "1.01"),
		("-1.005", 2, "-1.01", "-1.00"),
		("2.5", 0, "3", "3"),
		("1.2341", 3, "1.234", "1.235"),
		("7", 2, "7.00", "7.00"),
	],
)
def test_rounding(amount: str, decimals: int, rounded: str, up: str) -> None:
	assert str(quantise(Decimal(amount), decimals)) == rounded
	assert str(quantise_up(Decimal(amount), decimals)) == up


def test_minor_unit() -> None:
	assert [str(minor_unit(decimals)) for decimals in (0, 2, 3)] == ["1", "0.01", "0.001"]


def test_an_integer_too_long_to_print_is_rejected() -> None:
	with pytest.raises(Rejected):
		parse_decimal(10**5000)


@pytest.mark.parametrize(
	("amount", "currency", "text"),
	[
		("777.9", "USD", "777.90 USD"),
		("777.900000000", "USD", "777.90 USD"),
		("-5", "EUR", "-5.00 EUR"),
		("1000", "JPY", "1000 JPY"),
		("3.4", "KWD", "3.400 KWD"),
		("0.005", "USD", "0.005 USD"),
	],
)
def test_amounts_are_written_with_the_decimals_of_their_currency(amount: str, currency: str, text: str):
	assert written(Decimal(amount), currency) == text
