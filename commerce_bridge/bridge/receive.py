"""The front door: what becomes of a webhook, whichever server took it off the wire.

Nothing is written for a request that nobody signed. What was signed is stored before it is acknowledged, even
if it cannot be read: an authenticated event is never lost. The caller enqueues after this returned.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime

from commerce_bridge.bridge import signatures
from commerce_bridge.bridge.channel import Channel, ChannelStatus
from commerce_bridge.bridge.clock import Now, in_microseconds, utc_now
from commerce_bridge.bridge.errors import BadRequest, Retryable, Unauthorized
from commerce_bridge.bridge.protocols import (
	Answer,
	Connector,
	Incoming,
	Journal,
	NewEntry,
	Recorded,
	WebhookRequest,
)

#: Larger bodies are refused before anything is computed over them.
MAX_BODY = 1024 * 1024
#: How often the insert is tried when the database chose it as the victim of a deadlock.
INSERT_TRIES = 5
RETRY_AFTER_SECONDS = 5
#: Topic of a row whose body could not be read.
UNREADABLE = "unreadable"
NOT_SUPPORTED_YET = "not supported yet"

# One object, so that nobody can tell a missing channel from a wrong signature.
REFUSED = Answer(401)
TOO_LARGE = Answer(413, {"error": f"the body is larger than {MAX_BODY} bytes"})

Transaction = Callable[[], AbstractContextManager[None]]


def receive(
	connector: Connector,
	channel: Channel,
	request: WebhookRequest,
	journal: Journal,
	transaction: Transaction,
	now: datetime,
	authenticated: bool = False,
	clock: Now = utc_now,
) -> Answer:
	"""Answers a webhook of a channel that exists.

	:param transaction: begins the transaction that the one row is committed in
	:param authenticated: the caller is a permitted user (API token), no signature is needed
	:param clock: read once the row is committed, for `received_at`
	:return: 200 `{"log", "received_at"}` (with `"duplicate": true` for a delivery that is known), 400 with the reason, 401
		without a body, 413, 415, or 503 when the database would not take the row
	"""
	if len(request.body) > MAX_BODY:
		return TOO_LARGE
	handshake = connector.handshake(request)
	if handshake is not None:
		return handshake
	authentic = authenticated or _signed(connector, request, now)
	if not authentic or channel.status is ChannelStatus.DISABLED:
		return REFUSED
	if request.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
		return Answer(415, {"error": "the body must not be compressed"})
	try:
		entry, error = new_entry(channel, connector.identify(request)), None
	except BadRequest as bad:
		entry, error = _unreadable_entry(channel, request.body, str(bad)), str(bad)
	recorded = _record(journal, transaction, entry)
	if recorded and not recorded.created:
		recorded = _record_change(journal, transaction, entry, recorded)
	return _answer(recorded, error, clock)


def unknown_channel(request: WebhookRequest, now: datetime) -> Answer:
	"""The answer for a channel that does not exist: the work and the bytes of a wrong signature."""
	if len(request.body) > MAX_BODY:
		return TOO_LARGE
	try:
		signatures.verify(request.headers, request.body, (), now)
	except Unauthorized:
		pass  # without a secret it is always this
	return REFUSED


def new_entry(channel: Channel, incoming: Incoming) -> NewEntry:
	"""The Sync Log row of a delivery. The same delivery has the same dedupe key, pushed or polled."""
	skipped = None if incoming.supported else (incoming.reason or NOT_SUPPORTED_YET)
	return NewEntry(
		channel=channel.name,
		direction="Inbound",
		topic=incoming.topic,
		dedupe_key=dedupe_key(channel.name, incoming.topic, incoming.event_id),
		payload=incoming.payload,
		external_id=incoming.external_id,
		external_number=incoming.external_number,
		source_time=incoming.source_time,
		state="Skipped" if skipped else "Queued",
		message=skipped,
	)


def dedupe_key(channel: str, topic: str, event_id: str) -> str:
	"""SHA-256 over the three, hex: a collation would take `evt_A` for `evt_a`, and an id may be 10 kB."""
	return hashlib.sha256("\0".join((channel, topic, event_id)).encode("utf-8")).hexdigest()


def _signed(connector: Connector, request: WebhookRequest, now: datetime) -> bool:
	try:
		connector.verify(request, now)
	except Unauthorized:
		return False
	return True


def _unreadable_entry(channel: Channel, body: bytes, reason: str) -> NewEntry:
	# Keyed by its content: a sender that repeats itself for days leaves one row.
	return NewEntry(
		channel=channel.name,
		direction="Inbound",
		topic=UNREADABLE,
		dedupe_key=dedupe_key(channel.name, UNREADABLE, hashlib.sha256(body).hexdigest()),
		payload=_as_text(body),
		state="Failed",
		error_class="Rejected",
		message=reason,
	)


def _as_text(body: bytes) -> str:
	try:
		return body.decode("utf-8")
	except UnicodeDecodeError:
		return "data:application/octet-stream;base64," + base64.b64encode(body).decode("ascii")


def _record(journal: Journal, transaction: Transaction, entry: NewEntry) -> Recorded | None:
	for _attempt in range(INSERT_TRIES):
		try:
			with transaction():
				return journal.record([entry])[0]
		except Retryable:
			continue
	return None


def _record_change(
	journal: Journal, transaction: Transaction, entry: NewEntry, first: Recorded
) -> Recorded | None:
	"""A known id with another body is a row of its own: nothing signed is lost, versions decide what it changes.
	The same body again is a duplicate, and so is any body once the first one expired."""
	with transaction():
		known = journal.payload(first.name)
	if known is None or known == entry.payload:
		return first
	key = hashlib.sha256(f"{entry.dedupe_key}\0{entry.payload}".encode()).hexdigest()
	return _record(journal, transaction, replace(entry, dedupe_key=key))


def _answer(recorded: Recorded | None, error: str | None, clock: Now) -> Answer:
	if recorded is None:
		return Answer(503, {"error": "try again"}, {"retry-after": str(RETRY_AFTER_SECONDS)})
	body: dict[str, object] = {"log": recorded.name}
	if not recorded.created:
		body["duplicate"] = True
	if error:
		return Answer(400, body | {"error": error})
	# Of a duplicate, too: when its first delivery was committed nobody knows, but it was before now.
	return Answer(200, body | {"received_at": in_microseconds(clock())})
