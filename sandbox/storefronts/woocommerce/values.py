"""Money, dates, errors and requests in WooCommerce's ways of writing them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from zoneinfo import ZoneInfo

ZERO = Decimal(0)
DATE = "%Y-%m-%dT%H:%M:%S"
JSON = "application/json; charset=UTF-8"


class ApiError(Exception):
	"""An error as the REST API answers it: `data` goes beside the status."""

	def __init__(self, code: str, message: str, status: int = 400, **data: Any):
		super().__init__(message)
		self.code, self.message, self.status, self.data = code, message, status, data

	def body(self) -> dict[str, Any]:
		return {"code": self.code, "message": self.message, "data": {"status": self.status, **self.data}}


class RefundError(ApiError):
	"""Refunds are refused with 500, and `data` is the number."""

	def body(self) -> dict[str, Any]:
		return {"code": self.code, "message": self.message, "data": self.status}


class Fatal(ApiError):
	"""PHP ended in the middle of the call."""

	def __init__(self) -> None:
		message = "<p>There has been a critical error on this website.</p>"
		super().__init__("internal_server_error", message, 500)

	def body(self) -> dict[str, Any]:
		return {**super().body(), "additional_errors": []}


@dataclass(frozen=True)
class Request:
	"""One call of the REST API that was let in."""

	method: str
	path: str  # after /wp-json
	query: Mapping[str, str]
	given: dict[str, Any]  # the JSON body
	user: str = "admin"

	def all(self) -> dict[str, Any]:
		return {**self.query, **self.given}

	def flag(self, name: str) -> bool:
		return str(self.all().get(name, "")).lower() in ("true", "1")


@dataclass
class Answer:
	status: int
	body: Any
	headers: dict[str, str] = field(default_factory=dict)
	total: int | None = None  # rows of a list that has pages


def rounded(value: Decimal, decimals: int) -> Decimal:
	return value.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)


def text(value: Decimal, decimals: int) -> str:
	"""An amount as the API shows it: `dp` decimals."""
	return str(rounded(value, decimals))


def plain(value: Decimal) -> str:
	"""A number without zeros at its end: what wc_format_decimal makes of a float."""
	shown = format(value.normalize(), "f")
	return "0" if shown in ("-0", "") else shown


def price_of(given: Any, separator: str = ".") -> Any:
	"""A price as the shop keeps it: whatever is no digit is dropped, the shop's decimal separator is a point. What
	is no text or number is kept as it came (seen in a batch)."""
	if isinstance(given, bool) or given is None:
		return "1" if given else ""
	if isinstance(given, int | float):
		return plain(Decimal(str(given)))
	if not isinstance(given, str):
		return given
	kept = re.sub(r"[^0-9.\-]", "", given.replace(separator, "."))
	head, point, tail = kept.rpartition(".")
	return f"{head.replace('.', '')}{point}{tail}" if re.search(r"\d", kept) else ""


def number_of(given: Any) -> Decimal:
	"""What counts as a number, or 0."""
	try:
		return Decimal(str(given))
	except ArithmeticError:
		return ZERO


def whole(given: Any) -> int:
	"""PHP's intval: "abc" is 0, 5.5 is 5."""
	if isinstance(given, bool | int | float):
		return int(given)
	found = re.match(r"\s*[+-]?\d+", given) if isinstance(given, str) else None
	return int(found.group()) if found else 0


def dates(name: str, moment: datetime | None, zone: ZoneInfo, gmt_name: str | None = None) -> dict[str, Any]:
	"""A date twice: in the shop's time, and in UTC without a zone."""
	gmt_name = gmt_name or f"{name}_gmt"
	if moment is None:
		return {name: None, gmt_name: None}
	moment = moment.replace(microsecond=0)
	return {
		name: moment.astimezone(zone).strftime(DATE),
		gmt_name: moment.astimezone(timezone.utc).strftime(DATE),
	}


def moment_of(given: str, zone: ZoneInfo) -> datetime | None:
	"""A date of the API; without a zone it is one of `zone`. None where it is none."""
	try:
		found = datetime.fromisoformat(given.strip().replace("Z", "+00:00"))
	except ValueError:
		return None
	return (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(timezone.utc)


def slug_of(name: str) -> str:
	return re.sub(r"[^a-z0-9]+", "-", name.lower().translate(_LATIN)).strip("-") or "item"


_LATIN = str.maketrans({"ä": "a", "ö": "o", "ü": "u", "ß": "ss", "é": "e"})
