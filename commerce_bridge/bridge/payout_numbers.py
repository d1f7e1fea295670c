"""Amounts and days as reports of payment gateways write them: in the spelling of any country, never guessed at.

1.234,56 and 1,234.56 and 1 234.56 are the same; which of the two marks is the decimal one is asked of all amounts of a
file together, since 1.234 alone does not say.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import date, datetime, timezone
from decimal import Decimal

from commerce_bridge.bridge.errors import Rejected
from commerce_bridge.bridge.money import LARGEST, decimals_of

MARKS = (".", ",")
MINUS = "-\u2212\u2013"
GROUPED = re.compile(
	r"\d{1,3}(?:{0}\d{2,3})*{0}\d{3}".replace("{0}", "#"), re.ASCII
)  # 1,23,456 as in India too
DIGITS = re.compile(r"\d+", re.ASCII)
WHOLE = re.compile(r"-?\d{1,16}", re.ASCII)
UNIX = re.compile(r"\d{10}", re.ASCII)
YEAR_FIRST = ("%Y-%m-%d", "%Y/%m/%d", "%Y%m%d")
DAY_FIRST = ("%d/%m/%Y", "%d-%m-%Y", "%d.%m.%Y")
MONTH_FIRST = ("%m/%d/%Y", "%m-%d-%Y")
NUMBERS = re.compile(r"(\d{1,2})([/.-])(\d{1,2})\2\d{4}\b", re.ASCII)
NAMED_MONTH = ("%d-%b-%Y", "%d %b %Y")
TIMES = ("", " %H:%M:%S", " %H:%M", " %I:%M:%S %p", "T%H:%M:%S")
#: A time of the day is followed by a zone: its name, or its distance from UTC.
ZONE = re.compile(r"\s+(?:[A-Z]{2,5}|[+-]\d{2}:?\d{2})$", re.ASCII)


def bare(text: str, currency: str) -> tuple[bool, str]:
	"""Whether an amount is below zero (a minus on either side, or brackets), and its digits and marks alone: spaces,
	apostrophes and the currency's sign or code taken away."""
	kept = "".join(
		sign for sign in text.strip() if unicodedata.category(sign) not in ("Sc", "Zs") and sign not in "'’\t"
	)
	kept = kept.removeprefix(currency).removesuffix(currency)
	if kept.startswith("(") and kept.endswith(")"):
		return True, kept[1:-1]
	if kept and kept[0] in MINUS:
		return True, kept[1:]
	if kept and kept[-1] in MINUS:
		return True, kept[:-1]
	return False, kept.removeprefix("+")


def mark_of(text: str, currency: str) -> str | None:
	"""The decimal mark that an amount proves; None where it proves none."""
	_negative, digits = bare(text, currency)
	there = [mark for mark in MARKS if mark in digits]
	if not there:
		return None
	if len(there) == 2:
		return max(there, key=digits.rindex)
	[mark] = there
	other = MARKS[1 - MARKS.index(mark)]
	if digits.count(mark) > 1:
		return other
	before, after = digits.split(mark)
	if len(after) != 3 or not 1 <= len(before) <= 3:
		return mark
	return None if decimals_of(currency) == 3 else other


def parse_amount(text: str, currency: str, mark: str | None) -> Decimal:
	"""An amount in whole units of the currency.

	:param mark: the file's decimal mark; None: no amount of the file says
	:raises Rejected: for what is no amount, may be two, or has more decimals than the currency
	"""
	negative, digits = bare(text, currency)
	if mark is None and "," in digits:
		whole = digits.replace(",", "")
		raise Rejected(f'"{text[:40]}" may be {whole} or {digits.replace(",", ".")}: write it with a point')
	decimal_mark = mark or "."
	group = MARKS[1 - MARKS.index(decimal_mark)]
	whole, _mark, fraction = digits.partition(decimal_mark)
	if not _is_whole(whole, group) or (_mark and not DIGITS.fullmatch(fraction)):
		raise Rejected(f'"{text[:40]}" is not an amount')
	decimals = decimals_of(currency)
	if len(fraction.rstrip("0")) > decimals:
		raise Rejected(f'"{text[:40]}" has more than the {decimals} decimals of {currency}')
	return _signed(negative, Decimal(f"{whole.replace(group, '')}.{fraction or 0}"), text)


def parse_minor(text: str, currency: str, signed: bool) -> Decimal:
	"""An amount in the smallest unit of the currency: 1050 is 10.50 USD, and 1050 JPY.

	:raises Rejected: for anything but a whole number, and below zero where reports have no signs
	"""
	kept = text.strip().replace("\u2212", "-")
	if not WHOLE.fullmatch(kept):
		raise Rejected(f'"{text[:40]}" is not a whole number of the smallest unit of {currency}')
	if kept.startswith("-") and not signed:
		raise Rejected(f'"{text[:40]}" is below zero: here another column says which way money went')
	return _signed(False, Decimal(kept).scaleb(-decimals_of(currency)), text)


def _is_whole(digits: str, group: str) -> bool:
	return bool(DIGITS.fullmatch(digits) or GROUPED.fullmatch(digits.replace("#", "?").replace(group, "#")))


def _signed(negative: bool, amount: Decimal, text: str) -> Decimal:
	if abs(amount) > LARGEST:
		raise Rejected(f'"{text[:40]}" is larger than 10^15')
	return (-amount if negative else amount) or Decimal(0)  # no negative zero


def day_first_of(text: str) -> bool | None:
	"""Whether a day like 25/07/2026 proves that days come first, or 07/25/2026 that months do; None for neither.

	With points between the numbers the day is first wherever they are written so.
	"""
	found = NUMBERS.match(text.strip())
	if not found:
		return None
	first, mark, second = int(found[1]), found[2], int(found[3])
	if mark == "." or first > 12:
		return True
	return False if second > 12 else None


def parse_moment(text: str, day_first: bool | None) -> datetime:
	"""A day, or a time of it; in UTC where a distance from it is said, else as it stands there, taken for UTC.

	:param day_first: whether 05/07/2026 is in July, or in May; None: it is refused, for it may be either
	:raises Rejected: for what is no day
	"""
	kept = text.strip()
	if UNIX.fullmatch(kept):
		return datetime.fromtimestamp(int(kept), timezone.utc)
	try:
		return _aware(datetime.fromisoformat(kept.replace("Z", "+00:00")))
	except ValueError:
		pass  # not ISO 8601: one of the other spellings, or none
	zoned = ZONE.search(kept)
	plain = ZONE.sub("", kept) if zoned and zoned.group().strip() not in ("AM", "PM") else kept
	numbers = {True: DAY_FIRST, False: MONTH_FIRST, None: ()}[day_first]
	for day in (*YEAR_FIRST, *NAMED_MONTH, *numbers):
		for time in TIMES:
			try:
				return _aware(datetime.strptime(plain, day + time))
			except ValueError:
				continue
	raise Rejected(f'"{text[:40]}" is not a day like 2026-11-21')


def parse_day(text: str, day_first: bool | None) -> date:
	"""The day as it is written: of a time, the day where it was written, whatever day it was in UTC then.

	:raises Rejected: for what is no day
	"""
	kept = text.strip()
	try:
		return datetime.fromisoformat(kept.replace("Z", "+00:00")).date()
	except ValueError:
		return parse_moment(kept, day_first).date()


def _aware(moment: datetime) -> datetime:
	return moment.replace(tzinfo=timezone.utc) if moment.tzinfo is None else moment.astimezone(timezone.utc)
