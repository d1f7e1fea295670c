"""Shopify's ids: numbers in webhooks and on our documents, global ids (`gid://shopify/Order/1`) in GraphQL."""

from __future__ import annotations

import re
from typing import Any

from commerce_bridge.bridge.errors import Rejected

_GID = re.compile(r"gid://shopify/([A-Za-z]+)/([0-9]{1,20})(?:\?.*)?")
_NUMBER = re.compile(r"[0-9]{1,20}")
_LEVEL = re.compile(r"^gid://shopify/InventoryLevel/[0-9]+\?inventory_item_id=([0-9]{1,20})$")


def gid(kind: str, number: str) -> str:
	"""The global id of a number: `gid("Order", "1")` is `gid://shopify/Order/1`.

	:raises Rejected: what is kept as an id of the shop is not a number
	"""
	if _GID.fullmatch(number) and kind_of(number) == kind:
		return number
	if not _NUMBER.fullmatch(number):
		raise Rejected(f"{number[:40]!r} is not an id of a Shopify {kind}")
	return f"gid://shopify/{kind}/{number}"


def legacy_id(global_id: str) -> str:
	"""The number in a global id, as text. Raises `Rejected` for anything else."""
	match = _GID.fullmatch(global_id)
	if not match:
		raise Rejected(f"{global_id[:60]!r} is not a global id of Shopify")
	return match[2]


def kind_of(global_id: Any) -> str | None:
	"""What a global id is of, e.g. "Order"; None where it is none."""
	match = _GID.fullmatch(global_id) if isinstance(global_id, str) else None
	return match[1] if match else None


def id_of(resource: Any, kind: str) -> str | None:
	"""The id of an object of a webhook, as text: of its global id where it has one of this kind, for the number
	beside it may have been rounded by whatever carried it; else the number itself. None where it has neither."""
	if not isinstance(resource, dict):
		return None
	global_id, number = resource.get("admin_graphql_api_id"), resource.get("id")
	if kind_of(global_id) == kind:
		return legacy_id(global_id)
	return number_of(number)


def stock_ids_of(level: Any) -> tuple[str, str] | None:
	"""Inventory item and location of an `inventory_levels/update`, as text: of its global id where it has one
	(`gid://shopify/InventoryLevel/<location>?inventory_item_id=<item>`), else its numbers; None without both."""
	if not isinstance(level, dict):
		return None
	match = _LEVEL.search(str(level.get("admin_graphql_api_id") or ""))
	item = match[1] if match else number_of(level.get("inventory_item_id"))
	location = number_of(level.get("location_id"))
	return (item, location) if item and location else None


def number_of(value: Any) -> str | None:
	"""An id as text, from a number or text of a webhook; None for anything else."""
	if isinstance(value, bool) or not isinstance(value, (int, str)):
		return None
	return str(value) if _NUMBER.fullmatch(str(value)) else None
