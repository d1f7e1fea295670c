"""Every call to a shop's REST API: keys, addresses, errors.

```
client.get("products", sku=["A", "B"], per_page=100)         # parsed JSON; numbers with a fraction are Decimal
client.put("products/12", {"regular_price": "9.90"})
client.post("products/batch", {"update": […]})
client.get("/wc-shipment-tracking/v3/orders/7/…")            # a leading slash: not below wc/v3
for page in client.pages("orders", orderby="modified"): …
```

A call raises `Retryable` (no answer, the shop's own fault), `Misconfigured` (something has to be changed in the
channel or in the shop; `NoRoute`: the shop has no such part of the API) or `Refused` (this call will never be taken;
`NotFound`: what it is about is not there), `TooLarge` (a smaller one would). It is sent once: after `Retryable` a
POST may have been done, and the next attempt looks for it first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote, urlencode

from commerce_bridge.bridge import strict_json
from commerce_bridge.bridge.channel import Channel, Credentials
from commerce_bridge.bridge.errors import BadRequest, Rejected, Retryable
from commerce_bridge.bridge.protocols import HttpResponse, Limits, Surroundings
from commerce_bridge.connectors.woocommerce.answers import (
	NoRoute,
	NotFound,
	Refused,
	check_answer,
	kind_of_content,
)
from commerce_bridge.connectors.woocommerce.shop import is_encrypted, misconfigured, shop_base
from commerce_bridge.connectors.woocommerce.signing import basic, signed_url

__all__ = ["Keys", "NoRoute", "NotFound", "Refused", "Reply", "Unreadable", "WooCommerceClient"]

#: A batch of 100 takes a small shop 5 s, a busy one many times that.
LIMITS = Limits(seconds=60.0, size=16 * 1024 * 1024, encrypted=False)
PAGE = 100
_BOM = b"\xef\xbb\xbf"
_PATH = re.compile(r"/?([A-Za-z0-9_~-]+(\.[A-Za-z0-9_~-]+)*(/|$))*")


class Unreadable(Retryable):
	"""The answer says that it is JSON, and is none that we read: another time, or of fewer rows, it may be."""


@dataclass(frozen=True, slots=True)
class Keys:
	"""A REST API key of the shop."""

	key: str = field(repr=False)
	secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Reply:
	"""An answer that was taken: `body` is parsed, None where there is none. Header names are lower case."""

	status: int
	headers: Mapping[str, str]
	body: Any

	@property
	def answered_at(self) -> datetime | None:
		"""When the shop answered, by its own clock, to the second; None where it does not say."""
		try:
			moment = parsedate_to_datetime(self.headers.get("date", ""))
		except (TypeError, ValueError, IndexError):
			return None
		return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)

	@property
	def total(self) -> int | None:
		"""How many rows a list has on all its pages; None where the shop does not say."""
		value = self.headers.get("x-wp-total", "")
		return int(value) if re.fullmatch(r"[0-9]{1,9}", value) else None


class WooCommerceClient:
	"""Talks to one shop, for one unit of work.

	:raises Misconfigured: the store URL is none
	"""

	def __init__(self, channel: Channel, credentials: Credentials, surroundings: Surroundings):
		self._channel = channel
		self._credentials = credentials
		self._surroundings = surroundings
		self.base = shop_base(channel)
		self._keys: Keys | None = None

	@property
	def channel(self) -> Channel:
		return self._channel

	@property
	def surroundings(self) -> Surroundings:
		return self._surroundings

	def now(self) -> datetime:
		return self._surroundings.now()

	def get(self, path: str, **params: Any) -> Any:
		"""What the shop answers, parsed. Lists in `params` are comma-joined, those that are None left out."""
		return self.send("GET", path, params).body

	def put(self, path: str, body: Any, **params: Any) -> Any:
		return self.send("PUT", path, params, body).body

	def post(self, path: str, body: Any, **params: Any) -> Any:
		"""Never repeat it blindly: after `Retryable` it may have been done."""
		return self.send("POST", path, params, body).body

	def delete(self, path: str, **params: Any) -> Any:
		return self.send("DELETE", path, params).body

	def pages(self, path: str, **params: Any) -> Iterator[list[Any]]:
		"""Every page of a list that has rows, one call a page. `page` in `params` says where to begin.

		:raises Retryable: the answer is no list, or the same page came twice: a cache is between us and the shop
		"""
		size, number = int(params.pop("per_page", PAGE)), int(params.pop("page", 1))
		before: list[Any] = []
		while True:
			rows = self.get(path, **params, per_page=size, page=number)
			if not isinstance(rows, list):
				raise Retryable(f"The shop answered {path} with something else than a list")
			if rows and rows == before:
				raise Retryable(
					f"The shop gave the same page of {path} twice: a cache in front of it must leave out /wp-json/"
				)
			if rows:
				yield rows
			if len(rows) < size:
				return
			before, number = rows, number + 1

	def send(
		self, method: str, path: str, params: Mapping[str, Any] | None = None, body: Any = None
	) -> Reply:
		"""Sends one request, once.

		:param path: below wc/v3, such as "orders/7"; with a leading slash below /wp-json/
		:param params: of the query: text, numbers, booleans, lists of them, moments (aware; UTC goes out, which the
			shop takes for its own time unless dates_are_gmt=True is beside it). In lists (the shop takes a comma in a text
			for the next one); None is left out, an empty one is a `ValueError`
		:param body: goes out as JSON; a `Decimal` as a string
		:raises Retryable, Misconfigured, Refused, TooLarge: see above
		"""
		url = self._url(path, params or {})
		content = None if body is None else strict_json.dumps(body).encode("utf-8")
		response = self._transmit(method, url, content)
		check_answer(self._channel, method, path, self.base, response)
		return Reply(response.status, response.headers, _read(response))

	def keys(self) -> Keys:
		"""The key a person gave the channel by Connect to Shop, or entered. Raises `Misconfigured` without one."""
		if self._keys is None:
			self._keys = _keys(self._channel, self._credentials, self._surroundings)
		return self._keys

	def _transmit(self, method: str, url: str, content: bytes | None) -> HttpResponse:
		keys = self.keys()
		# WordPress knows that an answer to someone with keys is not for everyone; caches in front of it may not.
		headers = {"accept": "application/json", "cache-control": "no-cache"}
		if content is not None:
			headers["content-type"] = "application/json; charset=utf-8"
		if is_encrypted(self.base):
			headers["authorization"] = basic(keys.key, keys.secret)
		else:
			url = signed_url(method, url, keys.key, keys.secret, self.now())
		return self._surroundings.transport.send(method, url, headers, content, LIMITS)

	def _url(self, path: str, params: Mapping[str, Any]) -> str:
		if not _PATH.fullmatch(path):
			raise Rejected("An id of the shop has characters that no id has")
		below = path if path.startswith("/") else f"/wc/v3/{path}"
		told = {name: _param(value) for name, value in params.items() if value is not None}
		query = urlencode(told, quote_via=quote, safe="")
		return f"{self.base}/wp-json{below}" + (f"?{query}" if query else "")


def _keys(channel: Channel, credentials: Credentials, surroundings: Surroundings) -> Keys:
	token = surroundings.memory.get_token(channel.name)
	key, _, secret = token.value.partition(":") if token else ("", "", "")
	if key and secret:
		return Keys(key, secret)
	if not credentials.api_key:
		message = (
			"The channel has no key of the shop: press Connect to Shop, or enter the consumer key (ck_…)"
		)
		raise misconfigured(channel, message, "api_key")
	if not credentials.api_secret:
		raise misconfigured(channel, "The channel has no consumer secret (cs_…) of the shop", "api_secret")
	return Keys(credentials.api_key.strip(), credentials.api_secret.strip())


def _param(value: Any) -> str:
	if isinstance(value, bool):
		return "true" if value else "false"
	if isinstance(value, datetime):
		# Beside dates_are_gmt=true the shop shifts a moment that names its zone once more.
		return value.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")
	if isinstance(value, Decimal):
		return format(value, "f")
	if isinstance(value, list | tuple | set | frozenset):
		return _filled(",".join(_param(each) for each in value))
	return _filled(str(value))


def _filled(text: str) -> str:
	if not text:  # the shop would take a filter without a value for "all"
		raise ValueError("a filter without a value")
	return text


def _read(response: HttpResponse) -> Any:
	content = response.body.removeprefix(_BOM).strip()  # some file of a plugin begins with one
	if response.status == 204 and not content:
		return None
	try:
		return strict_json.load_value(content)
	except BadRequest as error:
		kind = kind_of_content(response)
		raise (Unreadable if kind.startswith("application/json") else Retryable)(
			f"The shop answered {response.status} with {kind} instead of JSON "
			f"({error}): a cache, a maintenance page, or a plugin that prints messages"
		) from None
