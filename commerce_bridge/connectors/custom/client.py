"""HTTP with a custom storefront: signed messages to its one address, and signed reads below it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from typing import Any, Literal
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from commerce_bridge.bridge import strict_json
from commerce_bridge.bridge.channel import Channel, Credentials
from commerce_bridge.bridge.clock import Now
from commerce_bridge.bridge.errors import BadRequest, Misconfigured, Rejected, Retryable, TooLarge
from commerce_bridge.bridge.protocols import HttpResponse, PushResult, Transport
from commerce_bridge.bridge.signatures import signed_headers
from commerce_bridge.connectors.custom.messages import rfc3339

PAGE_SIZE = 100
SHOWN_PAGE_SIZE = 250
_MAX_DELAY = timedelta(days=1)
#: Try again later: timeout, too early, too many, and whatever is the server's own fault.
_RETRYABLE = frozenset({408, 425, 429})
#: The address or the secret is wrong: the same message will be refused again until someone changes a setting.
_MISCONFIGURED = frozenset({401, 403, 404, 410})
#: What a storefront answers to a read that it does not offer.
_ABSENT = (404, 405, 501)
#: Longer than any "OK": a page of an error or of a login, with status 200.
_LONGEST_OK = 64


class CustomClient:
	"""Talks to one storefront.

	:param now: the clock of the signatures
	"""

	def __init__(self, channel: Channel, credentials: Credentials, transport: Transport, now: Now):
		self._channel = channel
		self._secrets = credentials.webhook_secrets
		self._transport = transport
		self._now = now

	def post(self, event_type: str, data: Mapping[str, Any]) -> HttpResponse:
		"""Sends one message and returns the 2xx answer. Raises `Retryable`, `Misconfigured` or `Rejected`."""
		now = self._now()
		message = {"type": event_type, "timestamp": rfc3339(now), "data": data}
		body = strict_json.dumps(message).encode("utf-8")
		return self._accepted(self._send("POST", self._url(), body, now))

	def orders(self, cursor: str | None) -> dict[str, Any] | None:
		"""A page of orders changed since the cursor; None where the storefront does not offer it."""
		query = {"limit": str(PAGE_SIZE)} | ({"since": cursor} if cursor else {})
		return self._get(self._url("/orders", query))

	def order(self, external_id: str) -> dict[str, Any] | None:
		"""One order as it stands now; None where the storefront has none, or does not offer it."""
		return self._get(self._url("/orders/" + quote(external_id, safe="")))

	def shown(self, what: Literal["stock", "catalog"], cursor: str | None) -> dict[str, Any] | None:
		"""A page of what the storefront shows; None where it does not offer it."""
		query = {"limit": str(SHOWN_PAGE_SIZE)} | ({"cursor": cursor} if cursor else {})
		return self._get(self._url(f"/{what}", query))

	def _get(self, url: str) -> dict[str, Any] | None:
		response = self._send("GET", url, b"", self._now())
		if response.status in _ABSENT:
			return None
		return read_json(self._accepted(response))

	def _url(self, path: str = "", query: Mapping[str, str] | None = None) -> str:
		"""The storefront's address with a path below it; a query it has already stays."""
		base = urlsplit(self._channel.store_url)
		if not base.netloc:
			raise self._misconfigured("The channel has no store URL to send to", "store_url")
		joined = base.path.rstrip("/") + path if path else base.path
		parameters = urlencode([*parse_qsl(base.query, keep_blank_values=True), *(query or {}).items()])
		return urlunsplit((base.scheme, base.netloc, joined, parameters, ""))

	def _send(self, method: str, url: str, body: bytes, now: datetime) -> HttpResponse:
		if not any(self._secrets):
			raise self._misconfigured("The channel has no webhook secret to sign with", "webhook_secret")
		headers = signed_headers(self._secrets, _message_id(method, url, body, now), now, body)
		if method == "POST":
			headers["content-type"] = "application/json"
		return self._transport.send(method, url, headers, body if method == "POST" else None)

	def _accepted(self, response: HttpResponse) -> HttpResponse:
		status = response.status
		if 200 <= status < 300:
			return response
		if status in _RETRYABLE or status >= 500:
			raise Retryable(f"The storefront answered {status}", retry_after(response.headers, self._now()))
		if 300 <= status < 400:
			raise self._misconfigured(
				f"The storefront answered {status}, a redirect: enter the final address", "store_url"
			)
		if status in _MISCONFIGURED:
			raise self._misconfigured(
				f"The storefront answered {status}: check the address and the webhook secret on both sides",
				"webhook_secret" if status in (401, 403) else "store_url",
			)
		if status == 413:
			raise TooLarge("The storefront answered 413: the message is too large for it")
		raise Rejected(f"The storefront refused the message with {status}")

	def _misconfigured(self, message: str, fieldname: str) -> Misconfigured:
		return Misconfigured(
			message, doctype="Channel Settings", document=self._channel.name, fieldname=fieldname
		)


def read_json(response: HttpResponse) -> dict[str, Any]:
	"""The object in an answer. Raises `Retryable`: a page of HTML with status 200 is a fault that passes."""
	try:
		return strict_json.loads(response.body)
	except BadRequest as error:
		raise Retryable(f"The storefront's answer cannot be read: {error}") from None


def row_results(response: HttpResponse, keys: Sequence[str]) -> list[PushResult]:
	"""What the storefront said of each row; rows it does not mention were taken; so were all, without a body."""
	answered = _answered_rows(response)
	return [_row_result(key, answered.get(key, {})) for key in keys]


def retry_after(headers: Mapping[str, str], now: datetime) -> timedelta | None:
	"""The wait a server asks for, in seconds or as a date: https://www.rfc-editor.org/rfc/rfc9110#field.retry-after"""
	value = headers.get("retry-after", "").strip()
	if re.fullmatch(r"[0-9]{1,9}", value):
		return min(timedelta(seconds=int(value)), _MAX_DELAY)
	moment = http_date(value)
	return min(max(moment - now, timedelta(0)), _MAX_DELAY) if moment else None


def http_date(value: str) -> datetime | None:
	"""A date header as an aware time, or None."""
	try:
		moment = parsedate_to_datetime(value)
	except (TypeError, ValueError, IndexError):
		return None
	return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


def _answered_rows(response: HttpResponse) -> dict[str, dict[str, Any]]:
	if _is_nothing(response):
		return {}
	rows = read_json(response).get("results")
	if rows is None:
		return {}
	if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
		raise Retryable("The storefront's answer cannot be read: results: must be a list of objects")
	return {row["key"]: row for row in rows if isinstance(row.get("key"), str)}


def _is_nothing(response: HttpResponse) -> bool:
	"""Whether the answer says nothing but "OK": many a handler does, or has no body at all.

	:raises Retryable: for a page: an error or a login may well come with status 200
	"""
	body = response.body.strip()
	if not body:
		return True
	if "json" in response.headers.get("content-type", "") or body[:1] in (b"{", b"["):
		return False
	if body.startswith(b"<") or len(body) > _LONGEST_OK or not body.isascii():
		raise Retryable("The storefront answered with a page instead of JSON: it may not have taken anything")
	return True


def _row_result(key: str, row: Mapping[str, Any]) -> PushResult:
	error = row.get("error")
	return PushResult(
		key=key,
		error=_one_line(error) if error else None,
		retry=row.get("retry") is True,
		product_id=_id(row.get("product_id")),
		variant_id=_id(row.get("variant_id")),
		external_ids=tuple(filter(None, (_id(row.get(name)) for name in ("refund_id", "return_id")))),
	)


def _id(value: Any) -> str | None:
	return str(value) if value else None


def _one_line(error: Any) -> str:
	return " ".join(str(error).split())[:500]


def _message_id(method: str, url: str, body: bytes, now: datetime) -> str:
	"""One id for one attempt.

	The time is part of it: stock that goes 5, 3, 5 is three messages, and a shop that drops what it has seen
	must not drop the last. Repeats are harmless instead because every message is absolute.
	"""
	seen = "\0".join((method, url, now.isoformat())).encode("utf-8") + b"\0" + body
	return "msg_" + hashlib.sha256(seen).hexdigest()[:32]
