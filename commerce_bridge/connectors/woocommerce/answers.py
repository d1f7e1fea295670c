"""What an answer of a shop's REST API means: taken, or one of the errors of `client.py`.

A shop's messages are in its own language and may quote what was sent, a buyer's e-mail address for one. So errors
are recognised by status and `code`; the message is shown for codes only whose messages are known to quote nothing.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Any, NoReturn
from urllib.parse import urlsplit

from commerce_bridge.bridge import strict_json
from commerce_bridge.bridge.channel import Channel
from commerce_bridge.bridge.errors import BadRequest, Misconfigured, Rejected, Retryable, TooLarge
from commerce_bridge.bridge.protocols import HttpResponse
from commerce_bridge.connectors.woocommerce.shop import misconfigured

#: Passing: timeouts, too many requests, a proxy without its server (52x: Cloudflare), resource limits (508).
_PASSING = frozenset({408, 425, 429, 502, 503, 504, 507, 508, 509, *range(520, 528), 529, 530})
#: The web server or a firewall in front of WordPress, never WooCommerce itself.
_FIREWALL = frozenset({405, 406, 418, 444, 451})
_NO_SUCH = re.compile(r"_invalid_id$|_invalid_product_id$|^woocommerce_rest_(term|taxonomy)_invalid$")
_KEY_REFUSED = "woocommerce_rest_authentication_error"
#: A consumer key or secret, which a shop may quote.
_KEY = re.compile(r"c[ks]_[0-9a-f]{8,}", re.IGNORECASE)
#: Codes whose messages quote nothing that was sent.
_PLAIN = frozenset(
	{
		"0",  # of fulfilments
		"product_invalid_sku",
		"product_invalid_global_unique_id",
		"rest_invalid_json",
		"woocommerce_product_image_upload_error",
		"woocommerce_rest_cannot_create_order_refund",
		"woocommerce_rest_product_sku_already_exists",
		"woocommerce_rest_required_product_reference",
		"woocommerce_rest_shop_webhook_invalid_delivery_url",
		"woocommerce_rest_shop_webhook_invalid_topic",
		"woocommerce_rest_trash_not_supported",
		_KEY_REFUSED,
	}
)
_PLAIN_REASONS = frozenset(
	{
		"rest_invalid_date",
		"rest_invalid_type",
		"rest_not_in_enum",
		"rest_out_of_bounds",
		"rest_too_long",
		"rest_too_short",
	}
)
_SHOWN = 200


class NoRoute(Misconfigured):
	"""The shop's API has no such part: permalinks are off, the address is another, or a plugin is missing."""


class Refused(Rejected):
	"""The shop will never take this call.

	:param code: as WooCommerce names it, "" where the answer was none of WooCommerce
	:param data: what else it says, e.g. `resource_id` of the product that has the SKU already, `params`
	"""

	def __init__(
		self, message: str, code: str = "", status: int = 400, data: Mapping[str, Any] | None = None
	):
		super().__init__(message)
		self.code = code
		self.status = status
		self.data = data or {}


class NotFound(Refused):
	"""The shop does not have what the call is about."""


@dataclass(frozen=True, slots=True)
class ApiError:
	"""The error that WordPress answers with: `{"code", "message", "data": {"status", …}}`."""

	code: str = ""
	message: str = ""
	data: Mapping[str, Any] = field(default_factory=dict)
	status: int | None = None  # that the body says; refunds say 500 in place of `data`
	final: bool = False  # `data` is a number: WooCommerce refused, whatever the status line says


def api_error(body: Any) -> ApiError | None:
	"""The error a body is, also of one row of a batch; None where it is none."""
	if not isinstance(body, dict) or not isinstance(body.get("code"), (str, int)) or "message" not in body:
		return None
	data = body.get("data")
	details = data if isinstance(data, dict) else {}
	status = str(data if isinstance(data, int) else details.get("status"))  # a text, for fulfilments
	return ApiError(
		_KEY.sub("…", str(body["code"]))[:_SHOWN],
		str(body["message"]),
		details,
		int(status) if re.fullmatch(r"[1-5][0-9]{2}", status) else None,
		isinstance(data, int),
	)


def told(error: ApiError) -> str:
	"""An error in words that quote nothing that was sent: for logs and listings."""
	reasons = [error.code]
	if error.code in _PLAIN:
		reasons.append(_plain(error.message))
	details = error.data.get("details")
	for name in _names(error.data.get("params")):
		detail = details.get(name) if isinstance(details, dict) else None
		known = isinstance(detail, dict) and detail.get("code") in _PLAIN_REASONS
		reasons.append(_plain(detail.get("message")) if known and detail else name)
	if "resource_id" in error.data:
		reasons.append(f"the shop's product {_plain(error.data['resource_id'])[:20]} has it")
	return ": ".join((reasons[0], ", ".join(reasons[1:]))) if reasons[1:] else reasons[0]


def refused(error: ApiError, status: int | None = None) -> Refused:
	"""The exception of an error that no repetition helps, of a whole call or of one row of a batch."""
	status = status or error.status or 400
	if _NO_SUCH.search(error.code):
		return NotFound(f"The shop does not have it any more ({error.code})", error.code, status, error.data)
	return Refused(f"The shop refused: {told(error)}", error.code, status, error.data)


def check_answer(channel: Channel, method: str, path: str, base: str, response: HttpResponse) -> None:
	"""Nothing, if the answer is one. Raises what its status and body say.

	:param base: the shop's address, that a redirect is compared with
	"""
	status = response.status
	if 200 <= status < 300:
		return
	error = _error_of(response)
	if 300 <= status < 400:
		_raise_redirect(channel, base, response)
	if status in (401, 403):
		_raise_no_access(channel, method, response, error)
	if status in (404, 410) and (error is None or error.code == "rest_no_route"):
		_raise_no_route(channel, path, base, error)
	if status in (413, 414):
		raise TooLarge(f"The shop answered {status}: the request is too large for it")
	if status in _FIREWALL and error is None:
		message = f"The shop's web server, or a firewall before it, refuses {method} ({status}): allow it for /wp-json/"
		raise misconfigured(channel, message, "store_url")
	if error is not None and (status == 501 or (status >= 500 and error.final) or status < 500):
		if status not in _PASSING:
			raise refused(error, status)
	if status in _PASSING or status >= 500:
		raise Retryable(_passing(response, error), _retry_after(response))
	raise Refused(f"The shop refused {method} with {status} and {kind_of_content(response)}", status=status)


def kind_of_content(response: HttpResponse) -> str:
	"""What came, in words: its type and size, nothing of its content."""
	kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
	shown = kind if re.fullmatch(r"[a-z0-9.+-]+/[a-z0-9.+-]+", kind) else "content of no type"
	return f"{shown} ({len(response.body)} bytes)"


# --- each status ---------------------------------------------------------------------------------------------


def _raise_redirect(channel: Channel, base: str, response: HttpResponse) -> NoReturn:
	target = _address(base, response.headers.get("location", ""))
	if target is None or target == base:
		message = (
			f"The shop answered {response.status}, a redirect that does not lead to its API: the Store URL names a "
			"folder that is none of the shop, or a log-in, maintenance or language plugin stands before /wp-json/"
		)
	else:
		message = f"The shop answered {response.status}, a redirect: enter {target} as Store URL"
	raise misconfigured(channel, message, "store_url")


def _address(base: str, location: str) -> str | None:
	"""The shop's address that a redirect leads to; None where it leads away from the API. Without its query, which
	may hold a signature."""
	try:
		parts = urlsplit(location)
		host = parts.netloc.rpartition("@")[2]
	except ValueError:
		return None
	before, found, _ = parts.path.partition("/wp-json")
	if not found or not re.fullmatch(r"[A-Za-z0-9.:\[\]_/~%-]*", host + before):
		return None
	if not host:
		ours = urlsplit(base)
		return f"{ours.scheme}://{ours.netloc}{before}".rstrip("/")
	return f"{parts.scheme or urlsplit(base).scheme}://{host}{before}".rstrip("/")


_HINTS = (
	# What WooCommerce says in English; a shop in another language gets the hint for all of them.
	("write permission", "The key may only read: give it Read/Write", "api_key"),
	("read permission", "The key may only write: give it Read/Write", "api_key"),
	("key is invalid", "The shop does not know this consumer key (ck_…): enter another", "api_key"),
	(
		"secret is invalid",
		"The consumer secret (cs_…) does not belong to this key: enter it again",
		"api_secret",
	),
	(
		"signature does not match",
		"The consumer secret (cs_…) does not belong to this key, or the Store URL is not the Site Address of "
		"WordPress (Settings > General) to the letter",
		"api_secret",
	),
	(
		"timestamp",
		"The clocks of this server and the shop's differ by more than 15 minutes: set them (NTP)",
		None,
	),
)


def _raise_no_access(
	channel: Channel, method: str, response: HttpResponse, error: ApiError | None
) -> NoReturn:
	status = response.status
	if error is None:
		_raise_barrier(channel, response)
	if "nonce has already been used" in error.message:
		raise Retryable(f"The shop takes this request for a repetition ({status}): {told(error)}")
	if error.code == _KEY_REFUSED:
		for phrase, message, fieldname in _HINTS:
			if phrase in error.message:
				raise misconfigured(channel, f"{message} ({status})", fieldname)
		rights = "" if method == "GET" else ", or has no permission Read/Write"
		raise misconfigured(
			channel,
			f"The shop does not accept the key ({status}; {told(error)}): it, its secret or the Store URL is wrong, "
			f"this server's clock differs{rights}",
			"api_key",
		)
	if status == 401:
		message = (
			f"The shop does not recognise the key ({status}, {error.code}): it is wrong or was revoked, or the web "
			"server does not hand the Authorization header on to WordPress"
		)
		raise misconfigured(channel, message, "api_key")
	message = f"The owner of the key may not do this ({status}, {error.code}): use a key of an administrator or shop manager"
	raise misconfigured(channel, message, "api_key")


def _raise_barrier(channel: Channel, response: HttpResponse) -> NoReturn:
	if "www-authenticate" in response.headers:
		message = f"The web server itself asks for a password ({response.status}): take it away for /wp-json/"
	else:
		message = (
			f"The web server, or a firewall before it, keeps us out ({response.status}): allow this server's "
			"address, or /wp-json/ for requests with a key"
		)
	raise misconfigured(channel, message, "store_url")


def _raise_no_route(channel: Channel, path: str, base: str, error: ApiError | None) -> NoReturn:
	if error is None:
		message = (
			f"There is no REST API at {base}/wp-json/ (404): enter the shop's own address, and in WordPress set "
			"Settings > Permalinks to anything but Plain"
		)
	elif path.startswith("/"):
		message = f"The shop has no API {path.strip('/').partition('/')[0]}: a plugin is missing, or switched off (404)"
	else:
		message = f"The shop has no API wc/v3 for {_kinds(path)} (404): is WooCommerce active, and the address right?"
	raise misconfigured(channel, message, "store_url", NoRoute)


def _kinds(path: str) -> str:
	return "/".join("…" if re.search(r"\d", part) else part for part in path.split("/"))


def _passing(response: HttpResponse, error: ApiError | None) -> str:
	if response.status == 429:
		return "The shop, or what stands before it, gets too many requests (429)"
	if error is not None:
		return f"The shop failed ({response.status}, {error.code}): WooCommerce > Status > Logs may say why"
	if response.status == 503:
		return "The shop is under maintenance, or too busy (503)"
	return f"The shop answered {response.status} with {kind_of_content(response)}"


def _retry_after(response: HttpResponse) -> timedelta | None:
	"""Seconds, or a moment, which counts from the answer's own date: https://www.rfc-editor.org/rfc/rfc9110#field.retry-after"""
	value = response.headers.get("retry-after", "").strip()
	if re.fullmatch(r"[0-9]{1,7}", value):
		return min(timedelta(seconds=int(value)), timedelta(days=1))
	try:
		wait = parsedate_to_datetime(value) - parsedate_to_datetime(response.headers.get("date", ""))
	except (TypeError, ValueError, IndexError):
		return None
	return min(max(wait, timedelta(0)), timedelta(days=1))


def _error_of(response: HttpResponse) -> ApiError | None:
	try:
		return api_error(strict_json.load_value(response.body))
	except BadRequest:
		return None


def _names(params: Any) -> list[str]:
	names = params if isinstance(params, (dict, list)) else []
	return [
		name
		for name in map(str, names)
		if re.fullmatch(r"[A-Za-z0-9_.\[\]-]{1,60}", name) and not _KEY.search(name)
	]


def _plain(text: Any) -> str:
	"""Without tags, entities, addresses and keys, on one line, and short."""
	without = re.sub(r"<[^>]*>|https?://\S+", " ", html.unescape(str(text or "")))
	without = _KEY.sub("…", without)
	return " ".join(without.split())[:_SHOWN]
