"""Who calls the API: OAuth 1.0a where the address is http, Basic or the key in the query where it is https.

Seen on a real shop: 15 minutes of difference are allowed, a nonce only once (of each second the shop keeps one), and an
unknown key that comes by Basic is nobody rather than wrong.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import quote

from sandbox.storefronts.woocommerce.values import ApiError

WINDOW_SECONDS = 15 * 60
NEEDED = (
	"oauth_consumer_key", "oauth_timestamp", "oauth_nonce", "oauth_signature", "oauth_signature_method",
)  # fmt: skip
READING = ("GET", "HEAD", "OPTIONS")


@dataclass(eq=False)
class Key:
	secret: str
	permissions: str = "read_write"  # or read, write
	user: str = "admin"
	nonces: dict[int, str] = field(default_factory=dict)


def refused(message: str) -> ApiError:
	return ApiError("woocommerce_rest_authentication_error", message, 401)


def caller(
	keys: Mapping[str, Key],
	method: str,
	url: str,
	query: Mapping[str, str],
	headers: Mapping[str, str],
	encrypted: bool,
	now: datetime,
) -> Key | None:
	"""The key that signed the call; None for nobody.

	:param url: the address that was signed, without its query
	:raises ApiError: 401
	"""
	key = _basic(keys, query, headers) if encrypted else None
	key = key or _oauth(keys, method, url, query, headers, now)
	if key is not None:
		reading = method in READING
		if key.permissions not in ("read_write", "read" if reading else "write"):
			kind = "read" if reading else "write"
			raise refused(f"The API key provided does not have {kind} permissions.")
	return key


def _basic(keys: Mapping[str, Key], query: Mapping[str, str], headers: Mapping[str, str]) -> Key | None:
	name, secret = query.get("consumer_key", ""), query.get("consumer_secret", "")
	scheme, _, encoded = headers.get("authorization", "").partition(" ")
	if not (name and secret) and scheme.lower() == "basic":
		try:
			name, _, secret = base64.b64decode(encoded).decode().partition(":")
		except (binascii.Error, UnicodeDecodeError):
			return None
	key = keys.get(name)
	if key is None or not secret:
		return None
	if not hmac.compare_digest(key.secret.encode(), secret.encode()):
		raise refused("Consumer secret is invalid.")
	return key


def _oauth(
	keys: Mapping[str, Key],
	method: str,
	url: str,
	query: Mapping[str, str],
	headers: Mapping[str, str],
	now: datetime,
) -> Key | None:
	missing = [name for name in NEEDED if not query.get(name)]
	if len(missing) == len(NEEDED):
		return None
	if missing:
		word = "parameter" if len(missing) == 1 else "parameters"
		raise ApiError(
			"woocommerce_rest_authentication_missing_parameter",
			f"Missing OAuth {word} {', '.join(missing)}",
			401,
		)
	key = keys.get(query["oauth_consumer_key"])
	if key is None:
		raise refused("Consumer key is invalid.")
	_check_signature(key, method, url, query)
	_check_moment(key, query, now)
	return key


def _check_signature(key: Key, method: str, url: str, query: Mapping[str, str]) -> None:
	digest = {"HMAC-SHA1": hashlib.sha1, "HMAC-SHA256": hashlib.sha256}.get(query["oauth_signature_method"])
	if digest is None:
		raise refused("Invalid signature - signature method is invalid.")
	given = {name: value for name, value in query.items() if name != "oauth_signature"}
	pairs = [_twice(f"{_once(name)}={_once(value)}") for name, value in sorted(given.items())]
	text = f"{method}&{_once(url)}&{'%26'.join(pairs)}"
	made = hmac.new(f"{key.secret}&".encode(), text.encode(), digest).digest()
	expected = base64.b64encode(made).decode()
	if not hmac.compare_digest(expected, query["oauth_signature"].replace(" ", "+")):
		raise refused("Invalid signature - provided signature does not match.")


def _once(value: str) -> str:
	return quote(value, safe="~")


#: The pair is encoded as a whole once more, the "=" in it too.
_twice = _once


def _check_moment(key: Key, query: Mapping[str, str], now: datetime) -> None:
	stamp, at = int(query["oauth_timestamp"] or 0), int(now.timestamp())
	if abs(stamp - at) > WINDOW_SECONDS:
		raise refused("Invalid timestamp.")
	if query["oauth_nonce"] in key.nonces.values():
		raise refused("Invalid nonce - nonce has already been used.")
	key.nonces = {second: nonce for second, nonce in key.nonces.items() if second >= at - WINDOW_SECONDS}
	key.nonces[stamp] = query["oauth_nonce"]
