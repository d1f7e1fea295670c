"""Every call to a shop's Admin GraphQL API: token, throttle, errors.

```
client.run(ORDER, {"id": gid("Order", "1")})["order"]
client.run_idempotent(SET_QUANTITIES, {"input": …})     # the document has the variable $key: String!
raise_user_errors(data["productSet"])                   # or user_errors(…), to look at them
```

A call raises `Retryable` (no answer, throttled, Shopify's own fault), `Misconfigured` (something has to be
changed in the channel or at Shopify) or `Rejected` (this call will never be taken; `TooLarge`: a smaller one
would). Errors of a mutation's payload, `userErrors`, are for its caller to look at.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from typing import Any

from commerce_bridge.bridge import strict_json
from commerce_bridge.bridge.channel import Channel, Credentials
from commerce_bridge.bridge.errors import (
	BadRequest,
	BridgeError,
	Misconfigured,
	Rejected,
	Retryable,
	TooLarge,
)
from commerce_bridge.bridge.protocols import HttpResponse, Surroundings, Transport
from commerce_bridge.connectors.shopify.shop import NoAccess, api_version, misconfigured, shop_base
from commerce_bridge.connectors.shopify.tokens import TokenSource
from commerce_bridge.connectors.shopify.transport import Connection, kept

#: Seconds that one unit of work may spend waiting for the bucket to fill.
LONGEST_WAIT = 10.0
#: Answers "throttled" to one call: after so many the unit is put off, however short the waits.
THROTTLED_TRIES = 5
#: Keys for one call: Shopify demands a new one where the attempt before failed.
KEYS = 4
_NEW_KEY = frozenset({"IDEMPOTENCY_KEY_PARAMETER_MISMATCH", "IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED"})
_IN_PROGRESS = "IDEMPOTENCY_CONCURRENT_REQUEST"
_SCOPE = re.compile(r"\b(?:read|write)_[a-z_]+\b")
_OPERATION = re.compile(r"\b(?:query|mutation)\s+(\w+)")
_SHOWN = 10
_PASSES = frozenset({"THROTTLED", "INTERNAL_SERVER_ERROR", "TIMEOUT", "SERVICE_UNAVAILABLE", _IN_PROGRESS})
#: Status → what is wrong, and the field to look at.
_WRONG = {
	401: ("Shopify does not accept the access token", "access_token"),
	402: ("The shop is frozen: its owner has to pay Shopify's bill", None),
	403: ("Shopify refuses this app: it may be uninstalled, or the shop closed to it", "authentication"),
	404: ("There is no shop at this address, or no API of this version", "store_url"),
	423: ("Shopify has locked this shop", None),
}
_NO_ACCESS = frozenset({401, 403})


class AccessDenied(Misconfigured):
	"""The app lacks an access scope for this call."""


@dataclass(frozen=True, slots=True)
class UserError:
	"""What a mutation says of its input. `field` is the path, e.g. ("input", "quantities", "3")."""

	field: tuple[str, ...]
	message: str
	code: str | None = None

	def __str__(self) -> str:
		path = ".".join(self.field)
		return f"{path}: {self.message}" if path else self.message


@dataclass(frozen=True, slots=True)
class GraphError:
	"""An entry of an answer's `errors`."""

	message: str
	code: str | None = None
	path: tuple[str, ...] = ()
	scopes: tuple[str, ...] = ()  # that Shopify names as missing


@dataclass(frozen=True, slots=True)
class Result:
	"""An answer whose `data` may be partial: `errors` say what is missing of it."""

	data: dict[str, Any]
	errors: tuple[GraphError, ...] = ()
	headers: Mapping[str, str] = field(default_factory=dict)

	@property
	def answered_at(self) -> datetime | None:
		"""When Shopify answered, by its own clock, to the second; None where it does not say."""
		try:
			moment = parsedate_to_datetime(self.headers.get("date", ""))
		except (TypeError, ValueError, IndexError):
			return None
		return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


class ShopifyClient:
	"""Talks to one shop, for one unit of work.

	:param transport: instead of the connections that are kept open
	:raises Misconfigured: the store URL or the API version is none
	"""

	def __init__(
		self,
		channel: Channel,
		credentials: Credentials,
		surroundings: Surroundings,
		transport: Transport | None = None,
	):
		base = shop_base(channel, surroundings.allow_loopback)
		self._channel = channel
		self._surroundings = surroundings
		self.version = api_version(channel)
		self._url = f"{base}/admin/api/{self.version}/graphql.json"
		self._connection = Connection(transport) if transport else kept(channel.name, base)
		self._tokens = TokenSource(channel, credentials, surroundings, self._connection.transport, base)
		self._waited = 0.0
		#: The version of the last answer, where Shopify named it.
		self.answered_version: str | None = None

	@property
	def channel(self) -> Channel:
		return self._channel

	@property
	def tokens(self) -> TokenSource:
		return self._tokens

	def run(
		self,
		document: str,
		variables: Mapping[str, Any] | None = None,
		cost: int | None = None,
		withheld: Collection[str] = (),
	) -> dict[str, Any]:
		"""Sends one query or mutation and returns its whole `data`.

		:param variables: plain values, lists and objects; `Decimal` goes out as a string
		:param cost: points it asks for, where known before the first call
		:param withheld: paths ("order.customer", positions in lists left out) of which the app may be denied what is
			there or below: it is null then
		"""
		result = self.ask(document, variables, cost)
		errors = [error for error in result.errors if not _is_withheld(error, withheld)]
		if errors:
			raise self._error(document, errors)
		return result.data

	def ask(
		self, document: str, variables: Mapping[str, Any] | None = None, cost: int | None = None
	) -> Result:
		"""Like `run`, for callers that can do with a part: errors of single fields are returned with the rest.

		Errors without any data are raised.
		"""
		body = strict_json.dumps({"query": document, "variables": dict(variables or {})}).encode("utf-8")
		for _ in range(THROTTLED_TRIES):
			self._wait(self._connection.throttle.wait(document, cost, self.now()))
			response = self._accepted(self._authorised(body))
			answer = self._read(response)
			extensions = answer.get("extensions")
			stated = extensions.get("cost") if isinstance(extensions, dict) else None
			self._connection.throttle.note(document, stated, self.now())
			errors = tuple(_graph_errors(answer.get("errors")))
			if not any(error.code == "THROTTLED" for error in errors):
				return self._result(document, answer, errors, response)
			self._wait(self._connection.throttle.wait(document, cost, self.now()) or 1.0)
		raise Retryable("Shopify throttles this shop", timedelta(seconds=LONGEST_WAIT))

	def pages(
		self, document: str, connection: str, variables: Mapping[str, Any] | None = None
	) -> Iterator[dict[str, Any]]:
		"""Every node of a root field's connection, page after page. The document has the variable $after."""
		after: str | None = None
		while True:
			page = self.run(document, {**(variables or {}), "after": after})[connection]
			yield from page["nodes"]
			info = page["pageInfo"]
			if not info["hasNextPage"]:
				return
			if info["endCursor"] in (None, after):
				raise Retryable("Shopify says there is another page, but its cursor does not move")
			after = info["endCursor"]

	def run_idempotent(
		self,
		document: str,
		variables: Mapping[str, Any],
		cost: int | None = None,
		is_replay: Callable[[Result], bool] | None = None,
		renew: Callable[[], Mapping[str, Any]] | None = None,
	) -> dict[str, Any]:
		"""Like `run`, for a mutation with `@idempotent(key: $key)`: repeated within the same unit of work with
		the same variables, it is done once. Its userErrors are for the caller, but for those about the key.

		:param is_replay: whether an answer is the kept one of an earlier attempt, which says nothing of what
			is so now. Then the call is made once more, with a key that was never used
		:param renew: says the variables of that call, where they are others
		"""
		replayed = False
		for number in range(KEYS):
			key = str(uuid.uuid4()) if replayed else self._key(document, variables, number)
			result = self.ask(document, {**variables, "key": key}, cost)
			codes = {error.code for error in (*result.errors, *_all_user_errors(result.data))}
			if _IN_PROGRESS in codes:
				raise Retryable("Shopify is still working on the same call")
			if not codes.isdisjoint(_NEW_KEY):
				continue
			if result.errors:
				raise self._error(document, result.errors)
			if replayed or is_replay is None or not is_replay(result):
				return result.data
			replayed, variables = True, renew() if renew else variables
		raise Retryable(f"Shopify took none of {KEYS} keys for {_name(document)}")

	def run_once(self, document: str, variables: Mapping[str, Any], told: str) -> dict[str, Any] | None:
		"""Like `run`, for a mutation with `@idempotent(key: $key)` that must never be done twice, whatever unit of work
		it is repeated in, and however its content came about.

		:param told: what it is done for; the key is made of it
		:return: None where it was done for this before, with another content
		"""
		for number in range(KEYS):
			text = "\0".join((self._channel.name, document.split("(", 1)[0], told, str(number)))
			key = str(uuid.UUID(bytes=hashlib.sha256(text.encode("utf-8")).digest()[:16], version=4))
			result = self.ask(document, {**variables, "key": key})
			problem = key_problem(result)
			if problem == "running":
				raise Retryable("Shopify is still working on the same call")
			if problem == "mismatch":
				return None
			if problem == "failed":
				continue
			if result.errors:
				raise self._error(document, result.errors)
			return result.data
		raise Rejected(f"Shopify refused {_name(document)} {KEYS} times: look at the order, then retry")

	# --- sending

	def now(self) -> datetime:
		return self._surroundings.now()

	def _key(self, document: str, variables: Mapping[str, Any], number: int) -> str:
		unit = self._surroundings.unit
		if not unit:
			return str(uuid.uuid4())  # nothing says that a call like this is the same call
		told = "\0".join((unit, document, strict_json.dumps(dict(variables)), str(number)))
		return str(uuid.UUID(bytes=hashlib.sha256(told.encode("utf-8")).digest()[:16], version=4))

	def _wait(self, seconds: float) -> None:
		if seconds <= 0:
			return
		if self._waited + seconds > LONGEST_WAIT:
			raise Retryable("Shopify throttles this shop", timedelta(seconds=seconds))
		self._surroundings.sleep(seconds)
		self._waited += seconds
		self._connection.throttle.waited(seconds)

	def _authorised(self, body: bytes) -> HttpResponse:
		"""Sends with the channel's token; once more with another where Shopify does not take it."""
		token = self._tokens.get()
		response = self._send(body, token)
		if response.status != 401:
			return response
		renewed = self._tokens.renew(token)
		return response if renewed is None else self._send(body, renewed)

	def _send(self, body: bytes, token: str) -> HttpResponse:
		headers = {
			"content-type": "application/json",
			"accept": "application/json",
			"x-shopify-access-token": token,
		}
		return self._connection.transport.send("POST", self._url, headers, body)

	# --- reading

	def _accepted(self, response: HttpResponse) -> HttpResponse:
		"""The answer, if it is one. Raises what its status says."""
		self.answered_version = response.headers.get("x-shopify-api-version") or self.answered_version
		status = response.status
		if status == 200:
			return response
		if status in (408, 425, 429, 430) or status >= 500:
			raise Retryable(f"Shopify answered {status}", _retry_after(response))
		if status in _WRONG:
			message, fieldname = _WRONG[status]
			if status == 401 and self._channel.authentication == "Authorisation":
				message, fieldname = f"{message}: press Connect to Shop again", "authentication"
			raise misconfigured(
				self._channel,
				f"{message} ({status})",
				fieldname,
				NoAccess if status in _NO_ACCESS else Misconfigured,
			)
		if 300 <= status < 400:
			message = (
				f"Shopify answered {status}, a redirect: enter the shop's own address, NAME.myshopify.com"
			)
			raise misconfigured(self._channel, message, "store_url")
		if status == 413:
			raise TooLarge("Shopify answered 413: the call is too large for it")
		raise Rejected(f"Shopify refused the call with {status}")

	def _read(self, response: HttpResponse) -> dict[str, Any]:
		try:
			return strict_json.loads(response.body)
		except BadRequest as error:
			raise Retryable(f"Shopify's answer cannot be read: {error}") from None

	def _result(
		self,
		document: str,
		answer: Mapping[str, Any],
		errors: tuple[GraphError, ...],
		response: HttpResponse,
	) -> Result:
		data = answer.get("data")
		if isinstance(data, dict) and any(value is not None for value in data.values()):
			return Result(data, errors, response.headers)
		if errors and errors_about_key(errors):
			return Result({}, errors, response.headers)
		if errors:
			raise self._error(document, errors)
		if not isinstance(data, dict):
			raise Retryable("Shopify's answer holds no data")
		return Result(data, errors, response.headers)

	def _error(self, document: str, errors: Sequence[GraphError]) -> BridgeError:
		"""The exception for an answer's errors: the one that says most about what to do."""
		name, codes = _name(document), {error.code for error in errors}
		told = "; ".join(dict.fromkeys(_one_line(error) for error in errors[:_SHOWN]))
		denied = [error for error in errors if error.code == "ACCESS_DENIED"]
		if denied:
			scopes = sorted({scope for error in denied for scope in error.scopes})
			missing = f"the access scope {', '.join(scopes)}" if scopes else "an access scope or approval"
			message = f"The app lacks {missing}: add it to the app and release or install it anew ({told})"
			return AccessDenied(message, "Channel Settings", self._channel.name, "authentication")
		if "SHOP_INACTIVE" in codes:
			return misconfigured(self._channel, "The shop is not active at Shopify", "store_url")
		if "MAX_COST_EXCEEDED" in codes:
			return TooLarge(f"{name} costs more than Shopify allows for one call: {told}")
		if codes & _PASSES:
			return Retryable(f"Shopify could not answer {name}: {told}")
		return Rejected(f"Shopify refused {name} (API {self.version}): {told}")


def key_problem(result: Result) -> str | None:
	"""What is wrong with the key of an idempotent call: "mismatch" (it was used for another content), "failed" (that
	attempt failed, a new one is needed), "running"; None where nothing is. Some mutations have no codes: their words
	say it then."""
	for error in (*result.errors, *_all_user_errors(result.data)):
		code, words = error.code or "", error.message.lower()
		if code == _IN_PROGRESS or ("idempotency key" in words and "progress" in words):
			return "running"
		if code == "IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED" or (
			"idempotency key" in words and "failed" in words
		):
			return "failed"
		if code in _NEW_KEY or ("idempotency key" in words and "different" in words):
			return "mismatch"
	return None


def user_errors(payload: Any) -> list[UserError]:
	"""The userErrors of a mutation's payload; of one that is missing, that it is."""
	if not isinstance(payload, dict):
		return [UserError((), "Shopify answered without saying what became of it")]
	return [_user_error(row) for row in payload.get("userErrors") or () if isinstance(row, dict)]


def raise_user_errors(payload: Any) -> None:
	"""Raises `Rejected`, naming each field and what is wrong with it, unless there are no errors."""
	errors = user_errors(payload)
	if errors:
		raise Rejected("Shopify refused: " + "; ".join(map(str, errors[:_SHOWN])))


def errors_about_key(errors: Sequence[GraphError]) -> bool:
	"""Whether the errors are about the key of an idempotent call, and nothing else."""
	return all(error.code in _NEW_KEY or error.code == _IN_PROGRESS for error in errors)


def _is_withheld(error: GraphError, paths: Collection[str]) -> bool:
	"""Whether it only says that the app may not read something at or below one of the paths."""
	path = ".".join(part for part in error.path if not part.isdigit()) + "."
	return error.code == "ACCESS_DENIED" and any(path.startswith(f"{each}.") for each in paths)


def _user_error(row: Mapping[str, Any]) -> UserError:
	path, code = row.get("field"), row.get("code")
	parts = path if isinstance(path, list) else [path] if path else []
	return UserError(tuple(map(str, parts)), _plain(row.get("message")), str(code) if code else None)


def _all_user_errors(data: Mapping[str, Any]) -> Iterator[UserError]:
	for payload in data.values():
		if isinstance(payload, dict):
			yield from user_errors(payload)


def _graph_errors(errors: Any) -> Iterator[GraphError]:
	"""`errors` of an answer: a list in GraphQL; text, or anything else, where the request never got that far."""
	if not errors:
		return
	for row in errors if isinstance(errors, list) else [errors]:
		if not isinstance(row, dict):
			yield GraphError(_plain(row))
			continue
		extensions = row.get("extensions") if isinstance(row.get("extensions"), dict) else {}
		code, path = extensions.get("code"), row.get("path")
		needed = f"{extensions.get('requiredAccess') or ''} {row.get('message') or ''}"
		yield GraphError(
			message=_plain(row.get("message") or row),
			code=str(code) if code else None,
			path=tuple(map(str, path)) if isinstance(path, list) else (),
			scopes=tuple(dict.fromkeys(_SCOPE.findall(needed))),
		)


def _one_line(error: GraphError) -> str:
	path = ".".join(error.path)
	return f"{path}: {error.message}" if path else error.message


def _plain(text: Any) -> str:
	return " ".join(str(text or "no reason given").split())[:300]


def _name(document: str) -> str:
	match = _OPERATION.search(document)
	return match[1] if match else "the call"


def _retry_after(response: HttpResponse) -> timedelta | None:
	"""Shopify gives seconds, at times with a fraction."""
	value = response.headers.get("retry-after", "").strip()
	if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,6})?", value):
		return None
	return min(timedelta(seconds=float(value)), timedelta(days=1))
