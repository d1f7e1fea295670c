"""The webhook as it arrives at a Frappe site: what of it the engine needs, and the answer as a response."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import frappe
import redis
from werkzeug.wrappers import Response

from commerce_bridge.bridge import receive
from commerce_bridge.bridge.clock import utc_now
from commerce_bridge.bridge.errors import BridgeError
from commerce_bridge.bridge.protocols import Answer, WebhookRequest
from commerce_bridge.erpnext import channel_settings, site, wake
from commerce_bridge.erpnext.errors import translated
from commerce_bridge.erpnext.sync_log import FrappeJournal
from commerce_bridge.permissions import may_call

#: What shops post to: signed bytes, and keys.
METHODS = ("commerce_bridge.api.webhook", "commerce_bridge.api.authorised_keys")
PATHS = frozenset(
	f"{prefix}/method/{method}" for prefix in ("/api", "/api/v1", "/api/v2") for method in METHODS
)
NOT_READY = Answer(503, {"error": "the channel is not set up"}, {"retry-after": "300"})
KEEP_COUNTS_SECONDS = 2 * 24 * 3600


def is_posted_by_shop() -> bool:
	return frappe.request.path.rstrip("/") in PATHS


def clear_form() -> None:
	"""Frappe has read the body as arguments: its key `cmd` would choose another method, and its logs would keep
	it. The query string stays in `frappe.request.args`."""
	if is_posted_by_shop():
		frappe.local.form_dict = frappe._dict()


def answer() -> Response:
	"""Takes the request of this moment off the wire and answers it; wakes the workers for what was stored."""
	request = WebhookRequest(
		headers={name.lower(): value for name, value in frappe.request.headers.items()},
		body=frappe.request.get_data(),
		query=frappe.request.args.to_dict(),
	)
	name = request.query.get("channel", "")
	known = bool(name) and channel_settings.exists(name)
	result = _receive(name, request) if known else receive.unknown_channel(request, utc_now())
	if known and result.status == 401:
		count_rejected(name)
	if result.status == 200:
		wake.wake()
	return _response(result)


def _receive(name: str, request: WebhookRequest) -> Answer:
	try:
		loaded = channel_settings.load(name)
		if not _allowed(loaded.allowed_ips):
			return receive.unknown_channel(request, utc_now())
		channel, credentials = loaded.channel, channel_settings.credentials(name)
		connector = site.connect(channel, credentials)
		journal, now = FrappeJournal(), utc_now()
		return receive.receive(
			connector, channel, request, journal, short_transaction, now, _is_permitted_user(name)
		)
	except BridgeError:
		disabled = frappe.db.get_value("Channel Settings", name, "state") == "Disabled"
		return receive.unknown_channel(request, utc_now()) if disabled else NOT_READY


@contextmanager
def short_transaction() -> Iterator[None]:
	"""One insert and its commit; nothing was read or written before it in this request."""
	with translated():
		try:
			yield
			frappe.db.commit()  # nosemgrep: acknowledged only after this
		except BaseException:
			frappe.db.rollback()
			raise


def _is_permitted_user(channel: str) -> bool:
	"""A caller with an API token (n8n, Zapier) whose user may post webhooks and may read this channel (User
	Permissions tell one shop's user from another's); a browser's session is none."""
	return (
		bool(frappe.get_request_header("Authorization"))
		and frappe.session.user != "Guest"
		and may_call("webhook")
		and bool(frappe.has_permission("Channel Settings", "read", channel))
	)


def _allowed(networks: Sequence[str]) -> bool:
	if not networks:
		return True
	try:
		address = ipaddress.ip_address(frappe.local.request_ip or "")
	except ValueError:
		return False
	return any(address in ipaddress.ip_network(network, strict=False) for network in networks)


def _response(result: Answer) -> Response:
	body = json.dumps(result.body) if result.body is not None else ""
	return Response(body, result.status, headers=dict(result.headers), mimetype="application/json")


# --- rejected requests: counted, never stored ------------------------------------------------------------


def count_rejected(channel: str) -> None:
	"""Counts by channel and hour. Without Redis nothing is counted, and the request is answered all the same."""
	key = _count_key(channel, int(utc_now().timestamp()) // 3600)
	try:
		frappe.cache.incr(key)
		frappe.cache.expire(key, KEEP_COUNTS_SECONDS)
	except redis.exceptions.RedisError:
		return


def rejected(channel: str, hours: int = 24) -> int:
	"""Rejected requests of the last hours."""
	hour = int(utc_now().timestamp()) // 3600
	try:
		counts = frappe.cache.mget([_count_key(channel, hour - back) for back in range(hours)])
	except redis.exceptions.RedisError:
		return 0
	return sum(int(count) for count in counts if count)


def _count_key(channel: str, hour: int) -> bytes:
	return frappe.cache.make_key(f"commerce_bridge_rejected:{channel}:{hour}")
