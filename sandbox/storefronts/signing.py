"""Standard Webhooks as a shop's developer would write it from the specification, sharing no code with the app.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime

TOLERANCE_SECONDS = 300


def signature(secret: str, webhook_id: str, timestamp: str, body: bytes) -> str:
	key = base64.b64decode(secret.removeprefix("whsec_"))
	signed = f"{webhook_id}.{timestamp}.".encode() + body
	return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def sign(secret: str, webhook_id: str, body: bytes, now: datetime) -> dict[str, str]:
	"""The headers of a message."""
	timestamp = str(int(now.timestamp()))
	return {
		"content-type": "application/json",
		"webhook-id": webhook_id,
		"webhook-timestamp": timestamp,
		"webhook-signature": signature(secret, webhook_id, timestamp, body),
	}


def is_signed(secret: str, headers: Mapping[str, str], body: bytes, now: datetime) -> bool:
	"""Whether the secret signed this message, lately."""
	webhook_id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
	if not timestamp.isdigit() or abs(int(timestamp) - now.timestamp()) > TOLERANCE_SECONDS:
		return False
	expected = signature(secret, webhook_id, timestamp, body)
	given = headers.get("webhook-signature", "").split()
	return any(hmac.compare_digest(expected.encode(), one.encode()) for one in given)
