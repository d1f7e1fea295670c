"""Who sent it, and what is it: a delivery of a custom storefront, before its data is looked at."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from fnmatch import fnmatchcase
from typing import Any

from commerce_bridge.bridge import strict_json
from commerce_bridge.bridge.errors import BadRequest
from commerce_bridge.bridge.protocols import Incoming, WebhookRequest
from commerce_bridge.bridge.signatures import ID_HEADER

SUPPORTED = frozenset(
	{
		*("order.upserted", "order.cancelled", "customer.upserted"),
		*("payment.updated", "refund.created", "return.updated"),
	}
)
#: They are about an order, and wait for it: its id is theirs in the Sync Log.
OF_AN_ORDER = frozenset({"payment.updated", "refund.created", "return.updated"})
#: Stored and shown, and replayed when a later version understands them.
ANNOUNCED = ("buyback.upserted", "trade_in.*")
MAX_ID_LENGTH = 140
_TYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,99}")


@dataclass(frozen=True, slots=True)
class Envelope:
	"""A message without its wrapping, plain or CloudEvents."""

	type: str
	data: dict[str, Any]
	sender_id: str | None = None  # of a CloudEvent: source and id, unique together


def open_envelope(message: Mapping[str, Any]) -> Envelope:
	"""Reads `{type, timestamp, data}` or a structured CloudEvent. Raises `BadRequest`.

	https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md
	"""
	topic, data = message.get("type"), message.get("data")
	if not isinstance(topic, str) or not _TYPE.fullmatch(topic):
		raise BadRequest("type: must be the name of an event type")
	if not isinstance(data, dict):
		raise BadRequest("data: must be an object")
	if "specversion" not in message:
		return Envelope(topic, data)
	source, event_id = message.get("source"), message.get("id")
	if message["specversion"] != "1.0":
		raise BadRequest("specversion: only CloudEvents 1.0 is understood")
	if not (isinstance(source, str) and source and isinstance(event_id, str) and event_id):
		raise BadRequest("id and source: a CloudEvent must have both")
	return Envelope(topic, data, f"{source}\0{event_id}")


def identify(request: WebhookRequest) -> Incoming:
	"""Topic and ids of a delivery. Its data may still make no sense: that is `parse`'s to say.

	The delivery's own id is the `webhook-id`, else a CloudEvent's source and id, else the hash of its body.
	"""
	envelope = open_envelope(strict_json.loads(request.body))
	event_id = (
		request.headers.get(ID_HEADER) or envelope.sender_id or hashlib.sha256(request.body).hexdigest()
	)
	return incoming(envelope, event_id, strict_json.text_of(request.body))


def incoming(envelope: Envelope, event_id: str, payload: str) -> Incoming:
	"""What is put into the Sync Log for a message, pushed or polled."""
	topic, data = envelope.type, envelope.data
	supported = topic in SUPPORTED
	announced = any(fnmatchcase(topic, pattern) for pattern in ANNOUNCED)
	return Incoming(
		topic=topic,
		event_id=event_id,
		external_id=_text(data.get("order_id" if topic in OF_AN_ORDER else "id")),
		external_number=_text(data.get("order_number")),
		source_time=_time(data.get("updated_at") or data.get("created_at")),
		payload=payload,
		supported=supported,
		reason=None if supported or announced else f"unknown topic {topic}",
	)


def _text(value: Any) -> str | None:
	return value[:MAX_ID_LENGTH] if isinstance(value, str) and value else None


def _time(value: Any) -> datetime | None:
	try:
		time = datetime.fromisoformat(value.replace("Z", "+00:00"))
		return time.astimezone(timezone.utc) if time.tzinfo else None
	except (AttributeError, ValueError, OverflowError):
		return None
