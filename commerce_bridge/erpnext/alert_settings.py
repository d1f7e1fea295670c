"""DocType Alert Settings: who is told, and when nobody is disturbed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import frappe
from frappe.utils.user import get_users_with_role

from commerce_bridge.erpnext.time import to_site
from commerce_bridge.permissions import MANAGER, USER

DOCTYPE = "Alert Settings"


def load() -> Any:
	"""The settings; the DocType's defaults where nobody ever saved any."""
	return frappe.get_cached_doc(DOCTYPE)


def is_quiet(now: datetime) -> bool:
	"""Whether an aware time lies within the quiet hours."""
	settings, hour = load(), to_site(now).strftime("%H:%M")
	begins, ends = settings.quiet_from, settings.quiet_until
	if begins <= ends:
		return begins <= hour < ends
	return hour >= begins or hour < ends


def told_by_role() -> list[str]:
	"""Users who are told of channels that name nobody."""
	settings = load()
	return _users(settings.alert_managers, settings.alert_users)


def readers_of_digest() -> list[str]:
	settings = load()
	users = _users(settings.digest_managers, settings.digest_users)
	refusing = frappe.get_all(
		"Notification Settings",
		or_filters={"enabled": 0, "enable_email_notifications": 0},
		pluck="name",
	)
	return [user for user in users if user not in refusing]


def _users(managers: int, users: int) -> list[str]:
	roles = [role for role, told in ((MANAGER, managers), (USER, users)) if told]
	return sorted({user for role in roles for user in get_users_with_role(role)})
