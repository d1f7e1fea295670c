"""A person connects a channel to its shop in the browser: there with a state that only they know, back with it.

RFC 6749 §10.12: the state keeps a stranger from ending here what somebody else began. It holds ten minutes, and
once; Redis keeps its hash.
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
from frappe.utils import get_url

from commerce_bridge.bridge.errors import Misconfigured, Rejected, Retryable
from commerce_bridge.erpnext import channel_state, operations

VALID_FOR = timedelta(minutes=10)
CALLBACK = "/api/method/commerce_bridge.api.authorised"
KEY = "commerce_bridge_authorisation"


def callback_url() -> str:
	"""The address to enter at the platform; it is the same for every channel."""
	return f"{get_url()}{CALLBACK}"


def begin(channel: str) -> str:
	"""Where the person has to go to agree. Raises `Misconfigured` where the channel does not work that way."""
	handle, secret = secrets.token_urlsafe(12), secrets.token_urlsafe(32)
	url = operations.connector(channel).authorisation_url(callback_url(), f"{handle}.{secret}")
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
	channel = _take(query.get("state", ""))
	if channel is None:
		raise Rejected("This authorisation was not begun here, or too long ago: press Connect to Shop again")
	if not frappe.db.exists("Channel Settings", channel):
		raise Misconfigured(f"There is no channel {channel}", doctype="Channel Settings")
	token = operations.connector(channel).authorised(query)
	channel_state.save_token(channel, token)
	return channel


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
