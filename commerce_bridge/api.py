"""What can be called over HTTP: check the caller, call, answer. `permissions.METHODS` says who may call what."""

from __future__ import annotations

from dataclasses import asdict
from decimal import Decimal, InvalidOperation
from typing import Any

import frappe
from frappe import _
from werkzeug.wrappers import Response

from commerce_bridge import connectors as registry
from commerce_bridge.bridge.errors import BridgeError
from commerce_bridge.connectors.custom import mapper
from commerce_bridge.erpnext import inbox, operations
from commerce_bridge.permissions import require


class WebhookError(Exception):
	"""Something unexpected in the webhook; says what class it was, and carries no data."""

	http_status_code = 500


def before_request() -> None:
	"""Hook: runs before Frappe chooses what to call."""
	inbox.clear_form()


@frappe.whitelist(allow_guest=True, xss_safe=True, methods=["POST"])
def webhook() -> Response:
	"""Where storefronts post their events, `?channel=NAME`. Who signs or sends a permitted user's token is heard."""
	error = None
	try:
		return inbox.answer()
	except frappe.AuthenticationError:
		raise
	except Exception as unexpected:
		# Frappe logs the variables of every frame: the raised one has none of the request's.
		error = type(unexpected).__name__
	raise WebhookError(error)


@frappe.whitelist(allow_guest=True, methods=["GET"])
def schema() -> dict[str, Any]:
	"""The contract of the custom storefront as JSON Schema; public, it holds nothing of this site."""
	return mapper.schema()


@frappe.whitelist(methods=["GET", "POST"])
def health() -> dict[str, Any]:
	"""For monitors."""
	require("health")
	return operations.health()


@frappe.whitelist(methods=["GET", "POST"])
def connectors() -> list[str]:
	"""Platforms there are."""
	require("connectors")
	return sorted({*registry.platforms(), *(frappe.get_hooks("commerce_bridge_connectors") or {})})


@frappe.whitelist(methods=["GET", "POST"])
def channel_health(channel: str) -> dict[str, Any]:
	"""Health of one channel, for its form."""
	_channel("channel_health", channel)
	return operations.channel_health(channel)


@frappe.whitelist(methods=["POST"])
def retry(names: list[str] | str) -> int:
	"""Failed (and waiting) entries are due now; returns how many."""
	return operations.requeue(_entries("retry", names), ("Failed", "Retrying"))


@frappe.whitelist(methods=["POST"])
def replay(names: list[str] | str) -> int:
	"""Skipped entries are due now; returns how many."""
	return operations.requeue(_entries("replay", names), ("Skipped",))


@frappe.whitelist(methods=["POST"])
def skip(names: list[str] | str, reason: str) -> int:
	"""Gives up on entries; returns how many."""
	if not reason.strip():
		frappe.throw(_("Say why"))
	return operations.skip(_entries("skip", names), reason)


@frappe.whitelist(methods=["POST"])
def accept_difference(name: str, difference: str, reason: str) -> None:
	"""A Manager accepts exactly this difference of totals."""
	[entry] = _entries("accept_difference", [name])
	try:
		amount = Decimal(difference.strip())
	except InvalidOperation:
		amount = Decimal("NaN")
	if not amount.is_finite() or not reason.strip():
		frappe.throw(_("Enter the difference as a number such as 0.01, and a reason"))
	operations.accept_difference(entry, amount, reason)


@frappe.whitelist(methods=["POST"])
def retry_with_current_version(name: str) -> str:
	"""Fetches the order as the storefront has it now; returns the new entry."""
	[entry] = _entries("retry_with_current_version", [name])
	return _told(operations.fetch_current, entry)


@frappe.whitelist(methods=["POST"])
def test_connection(channel: str) -> list[dict[str, Any]]:
	"""Checks of the storefront and of the set-up."""
	_channel("test_connection", channel)
	return [asdict(check) for check in _told(operations.test_connection, channel)]


@frappe.whitelist(methods=["POST"])
def register_webhooks(channel: str) -> str:
	"""Tells the storefront where to post; returns what was done, or what is left for a person to do."""
	_channel("register_webhooks", channel, "write")
	return _told(operations.register_webhooks, channel)


@frappe.whitelist(methods=["GET", "POST"])
def preview_stock(channel: str) -> list[dict[str, Any]]:
	"""What a push would change in the shop."""
	_channel("preview_stock", channel)
	return _told(operations.preview_stock, channel)


@frappe.whitelist(methods=["POST"])
def sync_stock_now(channel: str, confirm_first_push: bool | int | str = False) -> int:
	"""Sends every level; returns how many items are queued."""
	_channel("sync_stock_now", channel, "write")
	return _told(operations.sync_stock, channel, bool(frappe.utils.cint(confirm_first_push)))


@frappe.whitelist(methods=["POST"])
def import_orders_since(channel: str, since: str) -> None:
	"""Imports history in the background."""
	_channel("import_orders_since", channel, "write")
	_told(operations.start_import, channel, since)


@frappe.whitelist(methods=["POST"])
def rotate_secret(channel: str) -> dict[str, str]:
	"""A new webhook secret, shown once."""
	_channel("rotate_secret", channel, "write")
	return {"secret": operations.rotate_secret(channel)}


@frappe.whitelist(methods=["POST"])
def confirm_site(channel: str) -> None:
	"""This site may talk to the live shop."""
	_channel("confirm_site", channel, "write")
	operations.confirm_site(channel)


@frappe.whitelist(methods=["POST"])
def add_listings(
	channel: str, item_group: str | None = None, items: list[str] | str | None = None
) -> dict[str, int]:
	"""Lists items under their item code."""
	_channel("add_listings", channel, "write")
	return {"created": operations.add_listings(channel, item_group or None, _list(items))}


def _channel(method: str, channel: str, right: str = "read") -> None:
	"""Raises `PermissionError` unless the caller may call the method and may do this to the channel."""
	require(method)
	frappe.get_doc("Channel Settings", channel).check_permission(right)


def _entries(method: str, names: list[str] | str) -> list[str]:
	"""The names, each readable by the caller. Raises `PermissionError`."""
	require(method)
	wanted = _list(names)
	for name in wanted:
		frappe.get_doc("Sync Log", name).check_permission("read")
	return wanted


def _list(values: list[str] | str | None) -> list[str]:
	parsed = frappe.parse_json(values) if values else []
	return [str(value) for value in (parsed if isinstance(parsed, list) else [parsed])]


def _told(work: Any, *arguments: Any) -> Any:
	"""Runs it; an error of the engine is shown to the person who called, not logged as a crash."""
	try:
		return work(*arguments)
	except BridgeError as error:
		frappe.throw(frappe.utils.escape_html(str(error)), title=_("Commerce Bridge"))
