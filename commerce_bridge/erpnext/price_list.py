"""DocType Price List: whether it is enabled, and its currency, decide on every price of the channels that use it."""

from __future__ import annotations

from typing import Any

from commerce_bridge.erpnext import channel_settings, resync

DECIDES = ("enabled", "currency")


def on_change(doc: Any, method: str | None = None, *renamed: Any) -> None:
	"""Hook: saved, or renamed and perhaps merged. A listing without a price is not shown, so that listings follow
	prices."""
	before = doc.get_doc_before_save()
	if not renamed and (before is None or all(doc.get(field) == before.get(field) for field in DECIDES)):
		return
	if renamed:
		channel_settings.forget()  # Channel Settings have the new name, and heard nothing of it
	channels = channel_settings.usable(channel_settings.active_channels())
	using = [row.name for row in channels if doc.name in (row.price_list, row.catalog.compare_at_list)]
	resync.show_anew(using, ("price", "listing"))
