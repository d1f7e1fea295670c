"""Standard Webhooks signatures, both ways.

Signed is `id.timestamp.body` with HMAC-SHA256. Several signatures may stand in one header, and several secrets
may be in force, so that a secret can be changed without losing an event.
https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets as randomness
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from commerce_bridge.bridge.errors import Unauthorized

ID_HEADER = "webhook-id"
TIMESTAMP_HEADER = "webhook-timestamp"
SIGNATURE_HEADER = "webhook-signature"
#: How far the sender's clock may be off, in either direction.
TOLERANCE = timedelta(seconds=300)
SECRET_PREFIX = "whsec_"

_TIMESTAMP = re.compile(r"[0-9]{1,12}")
_DIGEST_SIZE = hashlib.sha256().digest_size


def new_secret() -> str:
	"""A secret of 256 random bits in the form Standard Webhooks libraries expect."""
	return SECRET_PREFIX + base64.b64encode(randomness.token_bytes(32)).decode("ascii")


def sign(secret: str, webhook_id: str, timestamp: int, body: bytes) -> str:
	"""One signature, `v1,<base64>`.

	:param timestamp: seconds since 1970, UTC
	"""
	digest = _digest(_key(secret), webhook_id.encode("latin-1"), str(timestamp), body)
	return "v1," + base64.b64encode(digest).decode("ascii")


def signed_headers(secrets: Sequence[str], webhook_id: str, now: datetime, body: bytes) -> dict[str, str]:
	"""The three headers of a message, signed with every secret in force (the receiver may know only one)."""
	timestamp = int(now.timestamp())
	return {
		ID_HEADER: webhook_id,
		TIMESTAMP_HEADER: str(timestamp),
		SIGNATURE_HEADER: " ".join(sign(secret, webhook_id, timestamp, body) for secret in secrets if secret),
	}


def verify(headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: datetime) -> None:
	"""Checks that one of the secrets signed exactly this body, and lately.

	:param headers: names in lower case
	:param secrets: all in force; without any the same work is done, and the answer is no
	:raises Unauthorized: whatever is wrong, without saying what
	"""
	webhook_id = _webhook_id(headers)
	timestamp = _timestamp(headers, now)
	presented = list(_presented_digests(headers.get(SIGNATURE_HEADER, "")))
	# A webhook without a secret must cost the same time as one with: nobody learns which channels exist.
	keys = [key for key in map(_key, secrets) if key]
	matched = False
	for key in keys or [randomness.token_bytes(32)]:
		expected = _digest(key, webhook_id, timestamp, body)
		for digest in presented:
			# `|=` and no early exit: the time must not tell which secret or signature was the right one.
			matched |= hmac.compare_digest(expected, digest)
	if not (matched and keys):
		raise Unauthorized("no valid signature")


def _webhook_id(headers: Mapping[str, str]) -> bytes:
	try:
		# Web servers hand headers over as Latin-1; encoding them back gives the bytes that were signed.
		webhook_id = headers.get(ID_HEADER, "").encode("latin-1")
	except UnicodeEncodeError:
		raise Unauthorized("malformed webhook-id") from None
	if not webhook_id:
		raise Unauthorized("no webhook-id")
	return webhook_id


def _timestamp(headers: Mapping[str, str], now: datetime) -> str:
	timestamp = headers.get(TIMESTAMP_HEADER, "")
	if not _TIMESTAMP.fullmatch(timestamp):
		raise Unauthorized("malformed webhook-timestamp")
	if abs(now.timestamp() - int(timestamp)) > TOLERANCE.total_seconds():
		raise Unauthorized("webhook-timestamp too old or too new")
	return timestamp


def _presented_digests(header: str) -> Iterator[bytes]:
	for signature in header.split():
		version, _, encoded = signature.partition(",")
		try:
			digest = base64.b64decode(encoded.encode("ascii"), validate=True)
		except ValueError:  # not base64, or not even ASCII
			continue
		if version == "v1" and len(digest) == _DIGEST_SIZE:
			yield digest


def _key(secret: str) -> bytes:
	if secret.startswith(SECRET_PREFIX):
		try:
			return base64.b64decode(secret[len(SECRET_PREFIX) :], validate=True)
		except ValueError:
			pass  # A passphrase that happens to begin like that is used as it stands.
	return secret.encode("utf-8")


def _digest(key: bytes, webhook_id: bytes, timestamp: str, body: bytes) -> bytes:
	signed = b".".join((webhook_id, timestamp.encode("ascii"), body))
	return hmac.new(key, signed, hashlib.sha256).digest()
