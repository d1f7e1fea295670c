"""What the reports share: columns, and the channels that the user may see."""

from __future__ import annotations

from typing import Any

import frappe


def column(
	fieldname: str, label: str, fieldtype: str = "Data", width: int = 120, **more: Any
) -> dict[str, Any]:
	"""A column; left to itself, the table sets whatever is empty in its first row on the right, as if it were a
	number."""
	align = "right" if fieldtype in ("Float", "Currency", "Int") else "left"
	shown = {"fieldname": fieldname, "label": label, "fieldtype": fieldtype, "width": width, "align": align}
	return {**shown, **more}


def channels(only: str | None = None) -> list[str]:
	"""The channels that the user may read, or the one asked for. Raises `PermissionError` for one they may not."""
	if only:
		frappe.get_doc("Channel Settings", only).check_permission("read")
		return [only]
	return frappe.get_list("Channel Settings", pluck="name", order_by="name", limit=0)
