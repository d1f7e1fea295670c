"""DocType Warehouse: where it stands in the tree and what it is for decide what is offered."""

from __future__ import annotations

from typing import Any

from commerce_bridge.erpnext import channel_settings, resync

DECIDES = ("cb_purpose", "disabled", "is_group", "parent_warehouse")


def on_change(doc: Any, method: str | None = None, *renamed: Any) -> None:
	"""Hook: saved, or renamed and perhaps merged. Its goods may be offered now, or no more: all levels are sent,
	and all listings, since a single unit is shown only where people sell from."""
	before = doc.get_doc_before_save()
	if not renamed and (before is None or all(doc.get(field) == before.get(field) for field in DECIDES)):
		return
	channel_settings.forget()
	resync.show_anew(channel_settings.active_channels(), ("listing", "stock"))
