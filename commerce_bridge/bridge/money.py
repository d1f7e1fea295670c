"""Amounts of money: read strictly, rounded to the smallest unit of their currency, never a float."""

from __future__ import annotations

import re
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal

from commerce_bridge.bridge.errors import Rejected

LARGEST = 10**15
MOST_DECIMALS = 9
# at most 16 digits before the point: 10**15 itself has that many
_NUMBER = re.compile(r"-?[0-9]{1,16}(?:\.[0-9]{1,9})?", re.ASCII)
_UNITS = tuple(Decimal(1).scaleb(-decimals) for decimals in range(MOST_DECIMALS + 1))

# ISO 4217:2015, List One, column "Minor unit"; currencies not named here have two decimals.
# https://www.six-group.com/en/products-services/financial-information/data-standards.html
_DECIMALS = {
	**dict.fromkeys(
		(
			*("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG"),
			*("RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF"),
		),
		0,
	),
	**dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
	**dict.fromkeys(("CLF", "UYW"), 4),
}
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)


def parse_decimal(text: str | int) -> Decimal:
	"""A number as a storefront writes it: digits, one point, a minus sign; nothing else.

	:raises Rejected: for floats, "12,50", "1e3", NaN, more than nine decimals, more than 10**15
	"""
	if isinstance(text, bool) or not isinstance(text, str | int):
		raise Rejected(f"A number must be text or an integer, not {type(text).__name__}")
	if isinstance(text, str):
		if not _NUMBER.fullmatch(text):
			raise Rejected(f'"{text[:40]}" is not a number like 1234.50 (at most {MOST_DECIMALS} decimals)')
	elif not -LARGEST <= text <= LARGEST:  # before it is made text: Python refuses very long integers
		raise Rejected("A number is larger than 10^15")
	number = Decimal(text)
	if abs(number) > LARGEST:
		raise Rejected(f'"{text}" is larger than 10^15')
	return number or Decimal(0)  # no negative zero


def decimals_of(currency: str) -> int:
	"""How many decimals a currency has by ISO 4217. Raises `Rejected` for what is no currency code."""
	if not _CURRENCY.fullmatch(currency):
		raise Rejected(f'"{currency[:40]}" is not a currency code of three capital letters')
	return _DECIMALS.get(currency, 2)


def minor_unit(decimals: int) -> Decimal:
	"""The smallest amount of a currency with so many decimals: 0.01 for two."""
	return _UNITS[decimals]


def quantise(amount: Decimal, decimals: int) -> Decimal:
	"""Rounded to so many decimals, halves away from zero."""
	return amount.quantize(_UNITS[decimals], ROUND_HALF_UP)


def quantise_up(amount: Decimal, decimals: int) -> Decimal:
	"""The smallest amount with so many decimals that is not less than `amount`."""
	return amount.quantize(_UNITS[decimals], ROUND_CEILING)


def written(amount: Decimal, currency: str) -> str:
	"""An amount for people, with the decimals of its currency, or with its own where it has more: 777.90 USD."""
	rounded = quantise(amount, decimals_of(currency))
	return f"{rounded if rounded == amount else amount} {currency}"
