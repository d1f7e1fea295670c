"""A person connects a channel to its shop in the browser: there with a state that only they know, back with it.

RFC 6749 §10.12: the state keeps a stranger from ending here what somebody else began. It holds ten minutes, and
once; Redis keeps its hash. Some platforms send their answer with that person's browser (`api.authorised`), others
post it from the shop (`api.authorised_keys`), where nobody is logged in: the state is all there is.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from datetime import timedelta

import frappe
import redis
from frappe.utils import escape_html, get_url, get_url_to_form

from commerce_bridge import connectors
from commerce_bridge.bridge import strict_json
from commerce_bridge.bridge.errors import BridgeError, Misconfigured, Rejected, Retryable
from commerce_bridge.erpnext import channel_settings, channel_state, operations

VALID_FOR = timedelta(minutes=10)
CALLBACK = "/api/method/commerce_bridge.api.authorised"
POSTED = "/api/method/commerce_bridge.api.authorised_keys"
#: Bytes; keys and a state take a few hundred.
MAX_POSTED = 8 * 1024
KEY = "commerce_bridge_authorisation"


def callback_url(platform: str = "") -> str:
	"""Where the platform sends its answer: the same for every channel of it."""
	return f"{get_url()}{POSTED if connectors.posts_keys(platform) else CALLBACK}"


def begin(channel: str) -> str:
	"""Where the person has to go to agree. Raises `Misconfigured` where the channel does not work that way."""
	handle, secret = secrets.token_urlsafe(12), secrets.token_urlsafe(32)
	shop = operations.connector(channel)
	callback = callback_url(channel_settings.load(channel).channel.platform)
	form = get_url_to_form("Channel Settings", channel)
	url = shop.authorisation_url(callback, form, f"{handle}.{secret}")
	kept = json.dumps({"channel": channel, "secret": _hash(secret)})
	try:
		frappe.cache.set(_key(handle), kept, ex=int(VALID_FOR.total_seconds()))
	except redis.exceptions.RedisError:
		raise Retryable("Redis does not answer: try again once it does") from None
	return url


def finish(query: Mapping[str, str]) -> str:
	"""Keeps the token of the channel that the state was given for; returns the channel's name.

	:param query: what the platform sent with the person
	:raises Rejected: nobody began this, or it was too long ago, or the platform did not send it
	"""
	channel = _begun(query.get("state", ""))
	_keep(channel, query)
	return channel


def take_posted(body: bytes) -> bool:
	"""Ends what was begun with what the shop posted: a JSON object, in which the state is called `user_id`.

	Whoever posts is told nothing: why a shop's keys are not taken is written on the channel's form.

	:return: whether a channel has its keys now
	"""
	try:
		if len(body) > MAX_POSTED:
			raise Rejected("What was posted is too large")
		posted = strict_json.loads(body)
		query = {name: value for name, value in posted.items() if isinstance(value, str)}
		channel = _begun(query.get("user_id", ""))
	except BridgeError as error:
		frappe.logger("commerce_bridge").error(f"keys that were posted are not taken: {error}")
		return False
	try:
		_keep(channel, query)
	except BridgeError as error:
		frappe.get_doc("Channel Settings", channel).add_comment("Info", escape_html(str(error)))
		return False
	return True


def _begun(state: str) -> str:
	"""The channel of a state that holds. Raises `Rejected`."""
	channel = _take(state)
	if channel is None:
		raise Rejected("This authorisation was not begun here, or too long ago: press Connect to Shop again")
	if not frappe.db.exists("Channel Settings", channel):
		raise Misconfigured(f"There is no channel {channel}", doctype="Channel Settings")
	return channel


def _keep(channel: str, query: Mapping[str, str]) -> None:
	channel_state.save_token(channel, operations.connector(channel).authorised(query))


def _take(state: str) -> str | None:
	"""The channel of a state that holds; it is used up then."""
	handle, _, secret = state.partition(".")
	if not (handle and secret and state.isascii()):
		return None
	try:
		with frappe.cache.pipeline() as pipeline:
			kept, _deleted = pipeline.get(_key(handle)).delete(_key(handle)).execute()
	except redis.exceptions.RedisError:
		raise Retryable("Redis does not answer: try again once it does") from None
	if kept is None:
		return None
	begun = json.loads(kept)
	return begun["channel"] if hmac.compare_digest(begun["secret"], _hash(secret)) else None


def _hash(secret: str) -> str:
	return hashlib.sha256(secret.encode("ascii")).hexdigest()


def _key(handle: str) -> bytes:
	return frappe.cache.make_key(f"{KEY}:{handle}")
