"""Resyncs and checks of channels, begun by a person or at night. The callers have checked their rights."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import frappe
from frappe import _

from commerce_bridge.bridge import drift, feeds, product_import, walks
from commerce_bridge.bridge.channel import Channel, ChannelStatus
from commerce_bridge.bridge.errors import BridgeError
from commerce_bridge.bridge.protocols import Kind
from commerce_bridge.bridge.world import World
from commerce_bridge.erpnext import channel_listing, channel_settings, site, stock_drift, wake


def start(channel: str, kind: Kind) -> int:
	"""Queues every listing of a channel, to be sent whatever was last pushed.

	:return: the number of items
	:raises frappe.ValidationError: if the channel does not send this, or one is under way
	"""
	settings = channel_settings.load(channel).channel
	_must_work(settings)
	if not feeds.FEEDS[kind].is_ours(settings):
		frappe.throw(_(NOT_OURS[kind]))
	here = site.world()
	with here.erp.transaction():
		count = feeds.queue_resync(here, settings, feeds.FEEDS[kind], join=True)
	if count is None:
		frappe.throw(_("This is under way already: see its progress on the form, or stop it first"))
	wake.wake()
	return count or 0


def show_anew(channels: Iterable[str], kinds: Sequence[Kind]) -> None:
	"""What decides on whole channels was changed: every listing of theirs is stamped for those who read it, and
	sent where it is pushed. Part of the caller's transaction; a channel that cannot be read is left out."""
	here = site.world()
	for channel in channel_settings.usable(channels):
		channel_listing.mark_channel_changed(channel.name, kinds)
		for kind in kinds:
			if feeds.FEEDS[kind].is_ours(channel):
				feeds.queue_resync(here, channel, feeds.FEEDS[kind])
	frappe.db.after_commit.add(wake.wake)


NOT_OURS: dict[Kind, str] = {
	"stock": "This channel pushes no stock: switch it on, let ERPNext own it and confirm the first push",
	"price": "This channel sends no prices: switch it on and let ERPNext own them",
	"listing": "This channel sends no products: switch it on",
}


def start_check(channel: str) -> None:
	"""Queues a check of what the shop shows.

	:raises frappe.ValidationError: if one is under way
	"""
	settings = channel_settings.load(channel).channel
	_must_work(settings)
	here = site.world()
	with here.erp.transaction():
		begun = drift.queue_check(here, settings)
	if not begun:
		frappe.throw(_("A check is under way already: see its progress on the form, or stop it first"))
	wake.wake()


def start_products(channel: str, create: bool, overwrite: bool, prices: bool) -> None:
	"""Queues an import of the shop's products; see `product_import.queue_import`.

	:raises frappe.ValidationError: if one is under way
	"""
	settings = channel_settings.load(channel).channel
	_must_work(settings)
	here = site.world()
	with here.erp.transaction():
		begun = product_import.queue_import(here, settings, create, overwrite, prices)
	if not begun:
		frappe.throw(_("An import is under way already: see its progress on the form, or stop it first"))
	wake.wake()


def _must_work(channel: Channel) -> None:
	if channel.status is not ChannelStatus.ACTIVE:
		frappe.throw(_("Only an active channel can do this"))


def stop(channel: str, kind: walks.WalkKind) -> bool:
	"""Ends a resync, a check or an import of products after the step that runs.

	:return: False if there was none
	"""
	return walks.stop(site.world(), channel, kind, f"Stopped by {frappe.session.user}")


def repair(names: Sequence[str]) -> int:
	"""Queues the items of these Stock Drift rows; what is not in the shop is sent as a product too.

	:return: the number of items
	:raises frappe.PermissionError: for a row, or a channel, that the caller may not read or write
	"""
	rows = frappe.get_list(
		stock_drift.DOCTYPE,
		filters={"name": ("in", list(names))},
		fields=["name", "channel", "item_code", "kind"],
		limit=0,
	)
	if len(rows) != len(set(names)):
		frappe.throw(_("Some of these rows are gone: a newer check took their place. Refresh the report"))
	ours = [row for row in rows if row.item_code and row.kind != "Unknown to Us"]
	if not ours:
		frappe.throw(
			_("What is unknown to us cannot be repaired from here: list it, or remove it in the shop")
		)
	for channel in sorted({row.channel for row in ours}):
		frappe.get_doc("Channel Settings", channel).check_permission("write")
	for channel in sorted({row.channel for row in ours}):
		_repair_channel(channel, [row for row in ours if row.channel == channel])
	wake.wake()
	return len({(row.channel, row.item_code) for row in ours})


def _repair_channel(name: str, rows: Sequence[frappe._dict]) -> None:
	channel = channel_settings.load(name).channel
	if not feeds.pushes_stock(channel):
		frappe.throw(_(NOT_OURS["stock"]))
	here = site.world()
	missing = sorted({row.item_code for row in rows if row.kind == "Not in Shop"})
	with here.erp.transaction():
		if missing and feeds.pushes_listings(channel):
			feeds.queue_items(here, channel, feeds.LISTING, missing)
		feeds.queue_items(here, channel, feeds.STOCK, sorted({row.item_code for row in rows}))
		stock_drift.mark_repaired([row.name for row in rows])


# --- at night --------------------------------------------------------------------------------------------


def resync_all(kind: Kind) -> None:
	"""Begins a resync of every active channel that sends this; one that is under way is left to go on."""

	def begin(here: World, channel: Channel) -> None:
		if feeds.FEEDS[kind].is_ours(channel):
			feeds.queue_resync(here, channel, feeds.FEEDS[kind], join=True)

	_each_channel(begin, f"resync of {kind}")


def check_all() -> None:
	"""Begins a check of every active channel that pushes stock."""

	def begin(here: World, channel: Channel) -> None:
		if feeds.pushes_stock(channel):
			drift.queue_check(here, channel)

	_each_channel(begin, "check of stock")


def _each_channel(begin: Callable[[World, Channel], None], what: str) -> None:
	"""A channel whose settings are broken keeps no other one from its turn."""
	here = site.world()
	for name in channel_settings.active_channels():
		try:
			channel = here.state.channel(name)
			with here.erp.transaction():
				begin(here, channel)
		except BridgeError as error:
			frappe.logger("commerce_bridge").error(f"{what} of {name} not begun: {error}")
	wake.wake()
