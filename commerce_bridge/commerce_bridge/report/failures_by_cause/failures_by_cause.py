"""Report: what failed, grouped by cause. Its rows can be retried all at once."""

from __future__ import annotations

from typing import Any

import frappe
from frappe import _

from commerce_bridge.erpnext import failures


def execute(filters: dict[str, Any] | None = None) -> tuple[Any, ...]:
	"""Columns, rows and message; of entries that the user may not read, nothing is counted."""
	wanted = frappe._dict(filters or {})
	if wanted.channel:
		frappe.get_doc("Channel Settings", wanted.channel).check_permission("read")
	rows = failures.by_cause(wanted.channel, wanted.error_class)
	return columns(), rows, None if rows else _("Nothing stands failed.")


def columns() -> list[dict[str, Any]]:
	def column(fieldname: str, label: str, fieldtype: str, width: int, **values: Any) -> dict[str, Any]:
		align = "right" if fieldtype == "Int" else "left"
		shown = {
			"fieldname": fieldname,
			"label": label,
			"fieldtype": fieldtype,
			"width": width,
			"align": align,
		}
		return {**shown, **values}

	return [
		column("retry", _("Action"), "Data", 110),
		column("count", _("Entries"), "Int", 90),
		column("cause_text", _("Cause"), "Data", 440),
		column("channel", _("Channel"), "Link", 150, options="Channel Settings"),
		column("error_class", _("Error Class"), "Data", 120),
		column("first", _("First"), "Datetime", 180),
		column("last", _("Last"), "Datetime", 180),
		column("example", _("Example"), "Link", 130, options="Sync Log"),
	]
