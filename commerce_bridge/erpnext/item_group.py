"""DocType Item Group: where it stands in the tree decides which row of a Channel Grade Map counts for its goods."""

from __future__ import annotations

from typing import Any

import frappe

from commerce_bridge.erpnext import channel_settings, resync

MAPPED = "SELECT DISTINCT channel FROM `tabChannel Grade Map` WHERE COALESCE(item_group, '') != ''"


def on_change(doc: Any, method: str | None = None) -> None:
	"""Hook: saved. Moved in the tree, its goods may be listed now, or no more, or by another code."""
	before = doc.get_doc_before_save()
	if before is None or doc.parent_item_group == before.parent_item_group:
		return
	mapped = set(frappe.db.sql(MAPPED, pluck=True))
	concerned = [name for name in channel_settings.active_channels() if name in mapped]
	resync.show_anew(concerned, ("listing", "stock"))
