"""What people do to entries of the Sync Log and to channels. The callers have checked their rights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import frappe
from frappe import _
from frappe.utils import add_days, cstr, escape_html, get_datetime, get_url, now_datetime, strip_html

from commerce_bridge import connectors
from commerce_bridge.bridge import feeds, receive, webhooks
from commerce_bridge.bridge.channel import ChannelStatus
from commerce_bridge.bridge.clock import utc_now
from commerce_bridge.bridge.errors import BridgeError, Misconfigured, Rejected
from commerce_bridge.bridge.model import DataRequest
from commerce_bridge.bridge.protocols import Check, Kind, Progress, Suggestions
from commerce_bridge.bridge.suggestions import lacking
from commerce_bridge.erpnext import (
	bin,
	channel_listing,
	channel_settings,
	channel_state,
	notification,
	payment_gateways,
	preflight,
	resync,
	site,
	sql,
	wake,
)
from commerce_bridge.erpnext.time import to_site

IMPORT_TIMEOUT = timedelta(hours=1)
#: Items of a preview: enough to see whether the set-up is right.
PREVIEWED = 1_000
WAITING = ("Queued", "Running", "Retrying")


# --- entries ---------------------------------------------------------------------------------------------


def personal_data(channel: str, topic: str, payload: str | None) -> str:
	"""What is known of the person that a data request is about, as JSON. Raises `Rejected` for another entry, and for
	one whose contents have expired or were erased."""
	request = connector(channel).parse(topic, payload).data if payload else None
	if not isinstance(request, DataRequest):
		raise Rejected("This entry does not ask what is known of a person, or not any more")
	return site.world().erp.personal_data(channel_settings.load(channel).channel, request)


def requeue(names: Sequence[str], states: Sequence[str]) -> int:
	"""Back to Queued, due now, with a full set of attempts; entries in another state stay as they are."""
	changed = sql.execute(
		"""UPDATE `tabSync Log` SET state = 'Queued', next_attempt_at = %s, attempt_count = 0, error_class = '',
			lease_token = NULL, lease_expires_at = NULL, announced = 0, to_count = (direction = 'Inbound'), modified = %s, modified_by = %s
		WHERE name IN %s AND state IN %s AND payload > ''""",
		(now_datetime(), now_datetime(), frappe.session.user, tuple(names) or ("",), tuple(states)),
	)
	frappe.db.after_commit.add(wake.wake)
	return changed


def skip(names: Sequence[str], reason: str) -> int:
	"""Gives up on entries that wait or failed; what runs is left alone."""
	message = f"Skipped by {frappe.session.user}: {_plain(reason)}"
	return sql.execute(
		"""UPDATE `tabSync Log` SET state = 'Skipped', message = %s, next_attempt_at = NULL, modified = %s,
			modified_by = %s WHERE name IN %s AND state IN ('Queued', 'Retrying', 'Failed')""",
		(message, now_datetime(), frappe.session.user, tuple(names) or ("",)),
	)


def _plain(text: str) -> str:
	"""Without markup: the form shows these fields as HTML."""
	return strip_html(text).strip()


def accept_difference(name: str, difference: Decimal, reason: str) -> None:
	"""Accepts exactly this difference of totals, and retries."""
	changed = sql.execute(
		"""UPDATE `tabSync Log` SET accepted_difference = %s, accepted_reason = %s
		WHERE name = %s AND state = 'Failed' AND direction = 'Inbound'""",
		(str(difference), f"{frappe.session.user}: {_plain(reason)}", name),
	)
	if not changed and not _is_accepted(name, difference):
		frappe.throw(_("Only a failed inbound entry can be accepted"))
	requeue([name], ("Failed",))


def _is_accepted(name: str, difference: Decimal) -> bool:
	values = frappe.db.get_value("Sync Log", name, ["state", "accepted_difference"], as_dict=True)
	return bool(values) and values.state == "Failed" and cstr(values.accepted_difference) == str(difference)


def fetch_current(name: str) -> str:
	"""Stores the order as the storefront has it now as a new entry, and skips this one.

	:return: the new entry's name
	"""
	entry = frappe.db.get_value(
		"Sync Log", name, ["channel", "external_id", "direction", "topic"], as_dict=True
	)
	if not entry or entry.direction != "Inbound" or not entry.external_id:
		frappe.throw(_("This entry is about no order that could be fetched"))
	shop = connector(entry.channel)
	if entry.topic not in shop.order_topics:
		frappe.throw(_("This entry is not the state of an order: retry it instead"))
	channel = channel_settings.load(entry.channel).channel
	incoming = shop.fetch_order(entry.external_id)
	if incoming is None:
		frappe.throw(_("The storefront cannot tell the current version of this order"))
	here = site.world()
	with here.erp.transaction():
		new = here.journal.record([receive.new_entry(channel, incoming)])[0]
		if new.name == name:
			requeue([name], ("Failed", "Skipped"))
		else:
			requeue([new.name], ("Failed", "Skipped"))
			skip([name], f"replaced by {new.name}, the storefront's current version")
	wake.wake()
	return new.name


# --- channels --------------------------------------------------------------------------------------------


def connector(channel: str) -> Any:
	"""Raises `Misconfigured` on a copy of the site: a check or a registration there would reach the live shop."""
	if channel_settings.is_foreign(frappe.get_cached_doc("Channel Settings", channel)):
		raise Misconfigured(
			f"Channel {channel} was enabled on another site: press Confirm This Site if this is the live one",
			doctype="Channel Settings",
			document=channel,
		)
	return site.connect(channel_settings.load(channel).channel, channel_settings.credentials(channel))


def test_connection(channel: str) -> list[Check]:
	"""What keeps the channel from working, and what to change where."""
	return [*connector(channel).check(), *preflight.checks(channel_settings.load(channel).channel)]


def suggestions(channel: str) -> Suggestions | None:
	"""What the shop has and the channel's tables, as they are saved, have no row for; None where the platform cannot
	be asked, and no order tells. Gateways that orders were paid by are among them."""
	found = connector(channel).suggestions()
	paid_by = payment_gateways.suggested(channel)
	if found is None and not paid_by:
		return None
	found = found or Suggestions()
	known = {each.gateway.casefold() for each in found.gateways}
	others = tuple(each for each in paid_by if each.gateway.casefold() not in known)
	found = replace(found, gateways=(*found.gateways, *others))
	return lacking(channel_settings.load(channel).channel, found)


def usual_gateways(channel: str) -> list[dict[str, Any]]:
	"""See `payment_gateways.usual`."""
	return payment_gateways.usual(channel_settings.load(channel).channel)


def callback_url(channel: str) -> str:
	return f"{get_url()}/api/method/commerce_bridge.api.webhook?channel={frappe.utils.quote(channel)}"


def register_webhooks(channel: str) -> str:
	"""Tells the storefront where to post; returns what was done, or what is left for a person to do."""
	url = callback_url(channel)
	return connector(channel).register_webhooks(url) or _("Registered {0}").format(url)


def check_webhooks(only: str | None = None) -> None:
	"""Registers what a storefront dropped, or a newer version of this app listens to. An entry is made for a channel
	only where there is something to do, or where the storefront cannot be asked: the entry says why, and retries."""
	for channel in channel_settings.active_channels():
		if only not in (None, channel) or _is_followed(channel):
			continue
		if _webhooks_differ(channel):
			here = site.world()
			with here.erp.transaction():
				here.journal.record([webhooks.follow_entry(channel, callback_url(channel))])


def tell_warnings(only: str | None = None) -> None:
	"""Tells people what their storefronts will not do for much longer. One that cannot be asked now is asked the
	next day."""
	for channel in channel_settings.active_channels():
		if only not in (None, channel):
			continue
		try:
			notification.tell_warnings(channel, connector(channel).warnings())
		except BridgeError:
			continue
		except Exception as error:
			_note_unexpected(channel, error)


def _is_followed(channel: str) -> bool:
	"""Whether an entry that will register is under way: one is enough for a shop that is away for hours."""
	return bool(
		frappe.db.exists("Sync Log", {"channel": channel, "topic": webhooks.FOLLOW, "state": ("in", WAITING)})
	)


def _webhooks_differ(channel: str) -> bool:
	try:
		return connector(channel).webhooks_differ(callback_url(channel))
	except BridgeError:
		return True
	except Exception as error:
		_note_unexpected(channel, error)
		return False


def _note_unexpected(channel: str, error: Exception) -> None:
	"""The boundary of these jobs: one channel keeps none of the others from being looked at."""
	frappe.db.rollback()
	frappe.logger("commerce_bridge").error(f"{channel} cannot be looked at: {type(error).__name__}")


#: With one of these, the shop may show something else than it should, and with those of each kind.
SHOWN = ("state", "dry_run", "store_url", "enabled_site", "enabled_host", "enabled_id")
#: What changed while a channel was not Active was collected for nobody.
ACTIVATES = ("state", "enabled_site", "enabled_host", "enabled_id")
PUSHED: dict[Kind, tuple[str, ...]] = {
	"stock": ("push_stock",),
	"price": ("push_prices",),
	"listing": ("push_listings", "price_list", "owner_price"),
}


def on_settings(doc: Any, method: str | None = None) -> None:
	"""Hook: Channel Settings was saved. Its webhooks follow its state, and the shop what is to be shown there.

	Nothing was collected for the channel while it did not push, so everything of a kind is sent.
	"""
	before = doc.get_doc_before_save()
	if before and before.state != doc.state and "Disabled" in (before.state, doc.state):
		_follow_state(doc)
	elif doc.state == "Active" and (not before or before.state == "Paused"):
		_look_at_webhooks(doc)
	if not before:
		return
	_mark_shown_anew(doc, before)
	channel = channel_settings.channel_of(doc) if doc.company else None
	if not channel or channel.status is not ChannelStatus.ACTIVE:
		return
	for kind, fieldnames in DECIDES.items():
		feed = feeds.FEEDS[kind]
		if feed.is_ours(channel) and _differs(doc, before, (*SHOWN, *PUSHED[kind], *fieldnames)):
			feeds.queue_resync(site.world(), channel, feed)
			frappe.db.after_commit.add(wake.wake)


#: Settings that change what every listing shows to those who read it, by kind.
DECIDES: dict[Kind, tuple[str, ...]] = {
	"stock": (
		"stock_buffer",
		"whole_units",
		"preorder",
		"default_warehouse",
		"owner_stock",
		"warehouses",
	),
	"price": ("price_list", "compare_at_price_list", "currency", "grade_factor", "owner_price"),
	"listing": ("catalog_fields", "owner_title", "owner_images", "push_prices"),
}


def _mark_shown_anew(doc: Any, before: Any) -> None:
	kinds = [kind for kind, fieldnames in DECIDES.items() if _differs(doc, before, fieldnames)]
	is_active = channel_settings.effective_status(doc) is ChannelStatus.ACTIVE
	if is_active and _differs(doc, before, ACTIVATES):
		kinds = list(DECIDES)
	if kinds:
		channel_listing.mark_channel_changed(doc.name, kinds)


def _differs(doc: Any, before: Any, fieldnames: Sequence[str]) -> bool:
	return any(_values(doc, name) != _values(before, name) for name in fieldnames)


def _values(doc: Any, fieldname: str) -> Any:
	value = doc.get(fieldname)
	if not isinstance(value, list):
		return cstr(value)
	columns = [column.fieldname for column in frappe.get_meta(doc.meta.get_field(fieldname).options).fields]
	return [tuple(cstr(row.get(column)) for column in columns) for row in value]


def _look_at_webhooks(doc: Any) -> None:
	"""A channel that is switched on, perhaps for the first time, is looked at at once."""
	frappe.enqueue(
		"commerce_bridge.tasks.look_at",
		queue="short",
		enqueue_after_commit=True,
		channel=doc.name,
	)


def _follow_state(doc: Any) -> None:
	"""A disabled channel's webhooks are taken back at the storefront; enabled again, they are registered, and what
	was missed is read from the last cursor on. A copy of the site leaves the live shop's webhooks alone."""
	if channel_settings.is_foreign(doc):
		return
	site.world().journal.record([webhooks.follow_entry(doc.name, callback_url(doc.name))])
	frappe.db.after_commit.add(wake.wake)
	if doc.state == "Active":
		frappe.enqueue(
			"commerce_bridge.tasks.catch_up", queue="long", enqueue_after_commit=True, channel=doc.name
		)


def preview_stock(channel: str) -> list[dict[str, Any]]:
	"""What a push would change in the shop."""
	settings = channel_settings.load(channel).channel
	rows = bin.levels(settings, channel_listing.listed_after(channel, None, PREVIEWED))
	return [
		{
			"item_code": row.level.item_code,
			"sku": row.level.sku,
			"location_id": row.level.location_id,
			"before": None if row.last_pushed is None else str(row.last_pushed.normalize()),
			"after": str(row.level.quantity),
		}
		for row in rows
		if row.last_pushed != row.level.quantity
	]


def sync_stock(channel: str, confirm_first_push: bool) -> int:
	"""Queues every listing. Raises `ValidationError` before a Manager confirmed the first push."""
	doc = frappe.get_doc("Channel Settings", channel)
	if confirm_first_push and not doc.first_push_confirmed:
		doc.first_push_confirmed = 1
		doc.save()
		frappe.db.commit()  # nosemgrep: the channel is read anew below
	return resync.start(channel, "stock")


def start_import(channel: str, since: str) -> None:
	"""Starts a background import of the orders changed since a time of the site."""
	if channel_settings.load(channel).channel.status.value != "Active":
		frappe.throw(_("Only an active channel can import orders"))
	imports = [progress for progress in channel_state.get_progress(channel) if progress.kind == "Import"]
	if any(not running.finished and not _is_dead(running) for running in imports):
		frappe.throw(_("An import is running already"))
	if not get_datetime(since):
		frappe.throw(_("Since when?"))
	channel_state.set_progress(channel, Progress("Import", 0, None, 0, utc_now()))
	frappe.enqueue(
		"commerce_bridge.tasks.import_orders",
		queue="long",
		timeout=int(IMPORT_TIMEOUT.total_seconds()),
		enqueue_after_commit=True,
		channel=channel,
		since=since,
	)


def _is_dead(progress: Progress) -> bool:
	"""An import whose job was killed, or lost with the queue, never says that it finished."""
	return progress.started < utc_now() - IMPORT_TIMEOUT


def rotate_secret(channel: str) -> str | None:
	"""Makes a new webhook secret; the previous one stays valid for a day.

	:return: the secret, shown once; None where the storefront is told of it, so that nobody has to enter it
	"""
	doc = frappe.get_doc("Channel Settings", channel)
	if connectors.signs_with_api_secret(doc.platform):
		frappe.throw(
			_("This platform signs with the app's own secret: renew it there, and enter it as {0}").format(
				_(doc.meta.get_label("api_secret"))
			)
		)
	secret = channel_settings.new_webhook_secret(doc.platform)
	if doc.webhook_secret:
		doc.previous_webhook_secret = doc.get_password("webhook_secret")
		doc.previous_secret_expires = to_site(utc_now() + channel_settings.OVERLAP)
	doc.webhook_secret = secret
	doc.save()
	if not connectors.sets_webhook_secret(doc.platform):
		return secret
	if doc.state == "Active":
		_look_at_webhooks(doc)
	return None


def confirm_site(channel: str) -> None:
	"""A Manager says that this site may talk to the live shop."""
	doc = frappe.get_doc("Channel Settings", channel)
	channel_settings.remember_site(doc)
	doc.save()


def add_listings(channel: str, item_group: str | None, items: Sequence[str]) -> int:
	"""Lists the sellable items of a group and its sub-groups, or the items named.

	:return: how many were added
	"""
	filters: dict[str, Any] = {"disabled": 0, "is_sales_item": 1, "has_variants": 0}
	if item_group:
		groups = frappe.db.get_descendants("Item Group", item_group)
		filters["item_group"] = ("in", [item_group, *groups])
	if items:
		filters["name"] = ("in", list(items))
	if not (item_group or items):
		frappe.throw(_("Choose an Item Group or name items"))
	found = frappe.get_list("Item", filters=filters, pluck="name", limit=0)
	missing = sorted(set(items) - set(found))
	if missing:
		frappe.throw(_("Not found: {0}").format(escape_html(", ".join(missing))))
	return channel_listing.add(channel, found)


# --- health ----------------------------------------------------------------------------------------------


def channel_health(channel: str) -> dict[str, Any]:
	"""What the form shows. Times are naive, of the site."""
	from commerce_bridge.erpnext import inbox

	doc = frappe.get_cached_doc("Channel Settings", channel)
	circuit = channel_state.get_circuit(channel)
	return {
		"status": channel_settings.effective_status(doc).value,
		"is_copy": channel_settings.is_copy(doc),
		"last_event": _latest(channel, "Inbound"),
		"last_push": _latest(channel, "Outbound", "Succeeded"),
		"rejected": inbox.rejected(channel),
		"failed_24h": _failed(channel),
		"oldest_waiting": _oldest_waiting(channel),
		"circuit": _circuit_state(circuit),
		"facts": {
			name: fact for name, fact in channel_state.get_facts(channel).items() if name[:1].isupper()
		},
		"progress": [asdict(progress) for progress in channel_state.get_progress(channel)],
	}


def health() -> dict[str, Any]:
	"""What a monitor asks: oldest waiting entry, failures, circuits, age of the last sweep in seconds."""
	from commerce_bridge.erpnext import notification

	names = frappe.get_all("Channel Settings", filters={"state": ("!=", "Disabled")}, pluck="name")
	channels = {name: channel_health(name) for name in names}
	waiting = [row["oldest_waiting"] for row in channels.values() if row["oldest_waiting"]]
	oldest = (now_datetime() - min(waiting)).total_seconds() if waiting else 0
	return {
		"oldest_waiting_seconds": int(oldest),
		"failed_24h": sum(row["failed_24h"] for row in channels.values()),
		"open_circuits": [name for name, row in channels.items() if row["circuit"] != "Closed"],
		"last_sweep_seconds": notification.sweep_age(),
		"channels": channels,
	}


def _latest(channel: str, direction: str, state: str | None = None) -> Any:
	column = "modified" if state else "creation"
	condition = "AND state = %s" if state else ""
	values = (channel, direction, state) if state else (channel, direction)
	rows = frappe.db.sql(
		f"SELECT MAX({column}) FROM `tabSync Log` WHERE channel = %s AND direction = %s {condition}", values
	)
	return rows[0][0]


def _failed(channel: str) -> int:
	values = {"channel": channel, "state": "Failed", "modified": (">", add_days(now_datetime(), -1))}
	return frappe.db.count("Sync Log", values)


def _oldest_waiting(channel: str) -> Any:
	rows = frappe.db.sql(
		"SELECT MIN(creation) FROM `tabSync Log` WHERE channel = %s AND state IN %s", (channel, WAITING)
	)
	return rows[0][0]


def _circuit_state(circuit: Any) -> str:
	if circuit.opened_until is None:
		return "Closed"
	return "Open" if circuit.opened_until > utc_now() else "Half-open"
