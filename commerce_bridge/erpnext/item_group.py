"""DocType Item Group: where it stands in the tree decides which row of a Channel Grade Map counts for its goods, and
its name is sent with them."""

from __future__ import annotations

from typing import Any

import frappe

from commerce_bridge.erpnext import channel_settings, resync

MAPPED = "SELECT DISTINCT channel FROM `tabChannel Grade Map` WHERE COALESCE(item_group, '') != ''"
LISTING = """SELECT DISTINCT listing.channel FROM `tabChannel Listing` listing
	JOIN `tabItem` item ON item.name = listing.item_code WHERE item.item_group = %s"""


def on_change(doc: Any, method: str | None = None, *renamed: Any) -> None:
	"""Hook: saved, or renamed and perhaps merged. Moved in the tree, its goods may be listed now, or no more, or by
	another code."""
	before = doc.get_doc_before_save()
	if not renamed and (before is None or doc.parent_item_group == before.parent_item_group):
		return
	concerned = set(frappe.db.sql(MAPPED, pluck=True))
	if renamed:
		concerned |= set(frappe.db.sql(LISTING, doc.name, pluck=True))
	channels = [name for name in channel_settings.active_channels() if name in concerned]
	resync.show_anew(channels, ("listing", "stock"))
