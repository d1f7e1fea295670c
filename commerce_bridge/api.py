"""What can be called over HTTP: check the caller, call, answer. `permissions.METHODS` says who may call what."""

from __future__ import annotations

from dataclasses import asdict
from decimal import Decimal, InvalidOperation
from typing import Any

import frappe
from frappe import _
from frappe.utils import cstr, get_url_to_form
from pydantic import ValidationError as PydanticError
from werkzeug.wrappers import Response

from commerce_bridge import connectors as registry
from commerce_bridge.bridge.clock import utc_now
from commerce_bridge.bridge.details import Unmapped
from commerce_bridge.bridge.errors import BridgeError
from commerce_bridge.bridge.protocols import Suggestions
from commerce_bridge.bridge.walks import PROGRESS
from commerce_bridge.connectors.custom import mapper
from commerce_bridge.erpnext import (
	authorisation,
	channel_listing,
	dashboard,
	documentation_pages,
	failures,
	inbox,
	operations,
	payout,
	payout_matching,
	pull,
	resync,
	return_authorisation,
	unmapped_sku,
)
from commerce_bridge.erpnext import document_entries as document_entries_of
from commerce_bridge.permissions import require


class WebhookError(Exception):
	"""Something unexpected in what a shop posted; says what class it was, and carries no data."""

	http_status_code = 500


def before_request() -> None:
	"""Hook: runs before Frappe chooses what to call."""
	inbox.clear_form()


@frappe.whitelist(allow_guest=True, xss_safe=True, methods=["POST"])
def webhook() -> Response:
	"""Where storefronts post their events, `?channel=NAME`. Who signs or sends a permitted user's token is heard."""
	error = None
	try:
		return inbox.answer()
	except frappe.AuthenticationError:
		raise
	except Exception as unexpected:
		# Frappe logs the variables of every frame: the raised one has none of the request's.
		error = type(unexpected).__name__
	raise WebhookError(error)


@frappe.whitelist(allow_guest=True, xss_safe=True, methods=["POST"])
def authorised_keys() -> Response:
	"""Where a shop posts the keys that a person there has agreed to: 200 with the state that `authorise` gave, else 403
	without a word."""
	error = None
	try:
		return Response("", 200 if authorisation.take_posted(frappe.request.get_data()) else 403)
	except Exception as unexpected:
		error = type(unexpected).__name__  # as above: keys are among the variables
	raise WebhookError(error)


@frappe.whitelist(allow_guest=True, methods=["GET"])
def schema() -> dict[str, Any]:
	"""The contract of the custom storefront as JSON Schema; public, it holds nothing of this site."""
	return mapper.schema()


@frappe.whitelist(methods=["GET", "POST"])
def health() -> dict[str, Any]:
	"""For monitors."""
	require("health")
	return operations.health()


@frappe.whitelist(methods=["GET"])
def personal_data(log: str = "") -> None:
	"""What is known of the person an entry asks about, as a file. Put together now: nothing is kept of it."""
	require("personal_data")
	entry = frappe.get_doc("Sync Log", log)
	_channel("personal_data", entry.channel)
	frappe.response.type = "download"
	frappe.response.filename = f"personal-data-{entry.name}.json"
	frappe.response.filecontent = _told(operations.personal_data, entry.channel, entry.topic, entry.payload)


@frappe.whitelist(methods=["GET", "POST"])
def connectors() -> list[str]:
	"""Platforms there are."""
	require("connectors")
	return sorted({*registry.platforms(), *(frappe.get_hooks("commerce_bridge_connectors") or {})})


@frappe.whitelist(methods=["GET", "POST"])
def channel_health(channel: str) -> dict[str, Any]:
	"""Health of one channel, for its form."""
	_channel("channel_health", channel)
	return operations.channel_health(channel)


@frappe.whitelist(methods=["GET"])
def catalog(
	channel: str = "", updated_since: str | None = None, cursor: str | None = None, limit: str | None = None
) -> Response:
	"""A page of the channel's listings, what changed last first."""
	return _read("catalog", channel, updated_since, cursor, limit)


@frappe.whitelist(methods=["GET"])
def stock(
	channel: str = "", updated_since: str | None = None, cursor: str | None = None, limit: str | None = None
) -> Response:
	"""A page of what may be sold of each listing at each location."""
	return _read("stock", channel, updated_since, cursor, limit)


@frappe.whitelist(methods=["GET"])
def prices(
	channel: str = "", updated_since: str | None = None, cursor: str | None = None, limit: str | None = None
) -> Response:
	"""A page of what each listing costs."""
	return _read("prices", channel, updated_since, cursor, limit)


@frappe.whitelist(methods=["GET"])
def shipments(
	channel: str = "", updated_since: str | None = None, cursor: str | None = None, limit: str | None = None
) -> Response:
	"""A page of the shipments of the channel's orders."""
	return _read("shipments", channel, updated_since, cursor, limit)


@frappe.whitelist(methods=["GET"])
def orders(
	channel: str = "", updated_since: str | None = None, cursor: str | None = None, limit: str | None = None
) -> Response:
	"""A page of how far ERPNext is with the channel's orders."""
	return _read("orders", channel, updated_since, cursor, limit)


@frappe.whitelist(methods=["POST"])
def retry(names: list[str] | str) -> int:
	"""Failed (and waiting) entries are due now; returns how many."""
	return operations.requeue(_entries("retry", names), ("Failed", "Retrying"))


@frappe.whitelist(methods=["POST"])
def replay(names: list[str] | str) -> int:
	"""Skipped entries are due now; returns how many."""
	return operations.requeue(_entries("replay", names), ("Skipped",))


@frappe.whitelist(methods=["POST"])
def skip(names: list[str] | str, reason: str) -> int:
	"""Gives up on entries; returns how many."""
	if not reason.strip():
		frappe.throw(_("Say why"))
	return operations.skip(_entries("skip", names), reason)


@frappe.whitelist(methods=["POST"])
def retry_cause(channel: str | None = None, cause: str = "") -> int:
	"""All failed entries of a cause (a key of the report Failures by Cause) are due now; returns how many."""
	if channel:
		_channel("retry_cause", channel)
	require("retry_cause")
	return failures.retry(channel, cause)


@frappe.whitelist(methods=["GET"])
def entry_counts(channel: str | None = None) -> dict[str, int]:
	"""How many entries of the Sync Log there are in each state."""
	require("entry_counts")
	return failures.counts(channel)


@frappe.whitelist(methods=["GET"])
def document_entries(doctype: str = "", name: str = "") -> list[dict[str, Any]]:
	"""The latest entries of a Sales Order, a Delivery Note or an Item."""
	require("document_entries")
	if doctype not in document_entries_of.DOCTYPES:
		frappe.throw(_("Of which document?"))
	return document_entries_of.of_document(doctype, name)


@frappe.whitelist(methods=["POST"])
def approve_return(name: str) -> None:
	"""The buyer may send the goods of a Return Authorisation."""
	require("approve_return")
	return_authorisation.decide(name, "approved")


@frappe.whitelist(methods=["POST"])
def decline_return(name: str, reason: str) -> None:
	"""The buyer is told why."""
	require("decline_return")
	if not reason.strip():
		frappe.throw(_("Say why"))
	return_authorisation.decide(name, "declined", reason)


@frappe.whitelist(methods=["POST"])
def cancel_return(name: str, reason: str = "") -> None:
	"""Nothing comes back after all."""
	require("cancel_return")
	return_authorisation.decide(name, "cancelled", reason)


@frappe.whitelist(methods=["POST"])
def close_return(name: str) -> None:
	"""Nothing more comes back, and what did was inspected."""
	require("close_return")
	return_authorisation.decide(name, "closed")


@frappe.whitelist(methods=["GET"])
def returnable(name: str = "") -> list[dict[str, Any]]:
	"""What of a Return Authorisation may still be received, and which units were delivered."""
	require("returnable")
	return return_authorisation.returnable(name)


@frappe.whitelist(methods=["POST"])
def receive_return(name: str, lines: list[dict[str, Any]] | str = "[]") -> list[tuple[str, str]]:
	"""Takes goods back: `row`, `quantity`, `serials` and `warehouse` of each line; returns the documents."""
	require("receive_return")
	return _told(return_authorisation.receive, name, _rows(lines))


@frappe.whitelist(methods=["POST"])
def inspect_return(name: str, lines: list[dict[str, Any]] | str = "[]") -> None:
	"""Keeps what was found of goods that came back: `row`, `inspection_result`, `condition_found`, `grade_found` and
	`disposition` of each line."""
	require("inspect_return")
	return_authorisation.inspect(name, _rows(lines))


@frappe.whitelist(methods=["POST"])
def accept_difference(name: str, difference: str, reason: str) -> None:
	"""A Manager accepts exactly this difference of totals."""
	[entry] = _entries("accept_difference", [name])
	try:
		amount = Decimal(difference.strip())
	except InvalidOperation:
		amount = Decimal("NaN")
	if not amount.is_finite() or not reason.strip():
		frappe.throw(_("Enter the difference as a number such as 0.01, and a reason"))
	operations.accept_difference(entry, amount, reason)


@frappe.whitelist(methods=["POST"])
def retry_with_current_version(name: str) -> str:
	"""Fetches the order as the storefront has it now; returns the new entry."""
	[entry] = _entries("retry_with_current_version", [name])
	return _told(operations.fetch_current, entry)


@frappe.whitelist(methods=["POST"])
def test_connection(channel: str) -> list[dict[str, Any]]:
	"""Checks of the storefront and of the set-up."""
	_channel("test_connection", channel)
	return [asdict(check) for check in _told(operations.test_connection, channel)]


@frappe.whitelist(methods=["GET"])
def suggestions(channel: str = "") -> dict[str, Any] | None:
	"""Taxes, shipping methods, locations and payment gateways of the shop that the channel's tables have no row for;
	None where nothing is known of them."""
	_channel("suggestions", channel)
	found = _told(operations.suggestions, channel)
	return None if found is None else _as_json(found)


@frappe.whitelist(methods=["GET"])
def usual_gateways(channel: str = "") -> list[dict[str, Any]]:
	"""Rows for the payment map: gateways many shops have that the channel has no row for; `title` is what people call
	each."""
	_channel("usual_gateways", channel)
	return _told(operations.usual_gateways, channel)


def _as_json(found: Suggestions) -> dict[str, Any]:
	rates = [None if tax.rate is None else f"{tax.rate:f}" for tax in found.taxes]
	taxes = [{**asdict(tax), "rate": rate} for tax, rate in zip(found.taxes, rates, strict=True)]
	return {**asdict(found), "taxes": taxes}


@frappe.whitelist(methods=["POST"])
def register_webhooks(channel: str) -> str:
	"""Tells the storefront where to post; returns what was done, or what is left for a person to do."""
	_channel("register_webhooks", channel, "write")
	return _told(operations.register_webhooks, channel)


@frappe.whitelist(methods=["POST"])
def authorise(channel: str) -> str:
	"""The platform's page where a person agrees that the channel may use the shop."""
	_channel("authorise", channel, "write")
	return _told(authorisation.begin, channel)


@frappe.whitelist(allow_guest=True, methods=["GET"])
def authorised() -> None:
	"""Where the platform sends that person afterwards; the browser goes on to the channel's form."""
	channel = _told(authorisation.finish, dict(frappe.request.args))
	frappe.local.response["type"] = "redirect"
	frappe.local.response["location"] = get_url_to_form("Channel Settings", channel)


@frappe.whitelist(methods=["GET", "POST"])
def preview_stock(channel: str) -> list[dict[str, Any]]:
	"""What a push would change in the shop."""
	_channel("preview_stock", channel)
	return _told(operations.preview_stock, channel)


@frappe.whitelist(methods=["POST"])
def sync_stock_now(channel: str, confirm_first_push: bool | int | str = False) -> int:
	"""Sends every level; returns how many items are queued."""
	_channel("sync_stock_now", channel, "write")
	return _told(operations.sync_stock, channel, bool(frappe.utils.cint(confirm_first_push)))


@frappe.whitelist(methods=["POST"])
def send_prices_now(channel: str) -> int:
	"""Sends every price; returns how many items are queued."""
	_channel("send_prices_now", channel, "write")
	return _told(resync.start, channel, "price")


@frappe.whitelist(methods=["POST"])
def send_products_now(channel: str) -> int:
	"""Sends every product; returns how many items are queued."""
	_channel("send_products_now", channel, "write")
	return _told(resync.start, channel, "listing")


@frappe.whitelist(methods=["POST"])
def check_stock_in_shop(channel: str) -> None:
	"""Compares what the shop shows with what is available, in the background."""
	_channel("check_stock_in_shop", channel, "write")
	_told(resync.start_check, channel)


@frappe.whitelist(methods=["POST"])
def stop_walk(channel: str, kind: str) -> bool:
	"""Stops a resync ("stock", "price", "listing"), a "check" or an import of "products"; returns whether there was
	one."""
	_channel("stop_walk", channel, "write")
	if kind not in PROGRESS:
		frappe.throw(_("What is to be stopped?"))
	return _told(resync.stop, channel, kind)


@frappe.whitelist(methods=["POST"])
def repair_drift(names: list[str] | str) -> int:
	"""Sends the items of these rows of Stock Drift, and nothing else; returns how many."""
	require("repair_drift")
	wanted = _list(names)
	if not wanted:
		frappe.throw(_("Choose rows"))
	return _told(resync.repair, wanted)


@frappe.whitelist(methods=["POST"])
def import_orders_since(channel: str, since: str) -> None:
	"""Imports history in the background."""
	_channel("import_orders_since", channel, "write")
	_told(operations.start_import, channel, since)


@frappe.whitelist(methods=["POST"])
def import_products(
	channel: str,
	create: bool | int | str = False,
	overwrite: bool | int | str = False,
	prices: bool | int | str = False,
) -> None:
	"""Links the shop's products to Items in the background, and makes those that are missing where that is asked."""
	_channel("import_products", channel, "write")
	wanted = (bool(frappe.utils.cint(option)) for option in (create, overwrite, prices))
	_told(resync.start_products, channel, *wanted)


@frappe.whitelist(methods=["POST"])
def rotate_secret(channel: str) -> dict[str, str | None]:
	"""A new webhook secret, shown once where a person has to enter it."""
	_channel("rotate_secret", channel, "write")
	return {"secret": operations.rotate_secret(channel)}


@frappe.whitelist(methods=["POST"])
def confirm_site(channel: str) -> None:
	"""This site may talk to the live shop."""
	_channel("confirm_site", channel, "write")
	operations.confirm_site(channel)


@frappe.whitelist(methods=["POST"])
def add_listings(
	channel: str, item_group: str | None = None, items: list[str] | str | None = None
) -> dict[str, int]:
	"""Lists items under their item code."""
	_channel("add_listings", channel, "write")
	return {"created": operations.add_listings(channel, item_group or None, _list(items))}


@frappe.whitelist(methods=["POST"])
def set_publication(names: list[str] | str, publication: str) -> int:
	"""Publishes, pauses or delists listings; returns how many were changed."""
	require("set_publication")
	listings = _list(names)
	for name in listings:
		frappe.get_doc("Channel Listing", name).check_permission("write")
	return channel_listing.set_publication(listings, publication)


@frappe.whitelist(methods=["POST"])
def link_unmapped(channel: str, product: dict[str, Any] | str, item_code: str) -> int:
	"""A product of the shop is this Item from now on; returns how many entries are retried because of it."""
	_channel("link_unmapped", channel)
	return _told(unmapped_sku.link, channel, _product(product), item_code)


@frappe.whitelist(methods=["POST"])
def create_unmapped(
	channel: str, product: dict[str, Any] | str, item_code: str, item_name: str, item_group: str
) -> dict[str, Any]:
	"""Makes the Item of a product of the shop; returns its code, and how many entries are retried because of it."""
	_channel("create_unmapped", channel)
	return _told(unmapped_sku.create, channel, _product(product), item_code, item_name, item_group)


@frappe.whitelist(methods=["GET", "POST"])
def payout_reports() -> list[dict[str, str]]:
	"""Reports of gateways that can be imported."""
	require("payout_reports")
	return payout.reports()


@frappe.whitelist(methods=["POST"])
def import_payouts(
	channel: str = "", preset: str = "", file_url: str = "", gateway: str = ""
) -> dict[str, Any]:
	"""Draft payouts of a gateway's report that was uploaded; all of them or none.

	:param preset: key of one of `payout_reports`
	:param gateway: what the channel calls it; empty: the preset's
	"""
	_payouts_of("import_payouts", channel)
	return asdict(_told(payout.import_file, channel, preset, gateway, payout.uploaded(file_url)))


@frappe.whitelist(methods=["POST"])
def fetch_payouts(channel: str = "") -> None:
	"""Reads the payouts of the platform's own payments in the background."""
	_payouts_of("fetch_payouts", channel)
	payout.enqueue_fetch(channel)


@frappe.whitelist(methods=["POST"])
def find_payout_matches(name: str = "") -> int:
	"""Looks for the documents of a draft's unmatched rows again; returns how many are left."""
	require("find_payout_matches")
	doc = frappe.get_doc("Payout", name)
	doc.check_permission("write")
	return payout.find_matches(doc)


@frappe.whitelist(methods=["POST"])
def payout_candidates(name: str = "", row: str = "") -> list[dict[str, Any]]:
	"""Documents that may have booked a row of a payout, the likeliest first."""
	require("payout_candidates")
	doc = frappe.get_doc("Payout", name)
	doc.check_permission("write")
	for doctype in payout_matching.DOCTYPES:
		frappe.has_permission(doctype, "read", throw=True)
	return payout.candidates(doc, row)


def _payouts_of(method: str, channel: str) -> None:
	"""Raises `PermissionError` unless the caller may make payouts of this channel."""
	require(method)
	frappe.has_permission("Payout", "create", throw=True)
	frappe.get_doc("Channel Settings", channel).check_permission("select")


@frappe.whitelist(methods=["GET", "POST"])
def events_by_state(filters: dict[str, Any] | str | None = None) -> dict[str, Any]:
	"""Chart of the workspace: events of each day, by their state.

	:param filters: `channel`, or none
	"""
	require("events_by_state")
	return dashboard.events_by_state(_chosen_channel(filters))


@frappe.whitelist(methods=["GET", "POST"])
def time_to_document(filters: dict[str, Any] | str | None = None) -> dict[str, Any]:
	"""Chart of the workspace: seconds from event to Sales Order, median and 95th percentile of each day.

	:param filters: `channel`, or none
	"""
	require("time_to_document")
	return dashboard.time_to_document(_chosen_channel(filters))


def _chosen_channel(filters: dict[str, Any] | str | None) -> str | None:
	"""Charts without a choice are asked with an empty list."""
	chosen = frappe.parse_json(filters) if filters else {}
	return cstr(chosen.get("channel")) or None if isinstance(chosen, dict) else None


@frappe.whitelist(methods=["GET", "POST"])
def oldest_waiting() -> str:
	"""Number card of the workspace: since when the oldest entry waits."""
	require("oldest_waiting")
	return dashboard.oldest_waiting()


@frappe.whitelist(methods=["GET"])
def documentation(name: str | None = None) -> dict[str, Any]:
	"""One of the app's documents as HTML, and which there are."""
	require("documentation")
	return documentation_pages.page(name)


@frappe.whitelist(methods=["GET"])
def documentation_picture(name: str = "") -> Response:
	"""A picture of a document."""
	require("documentation_picture")
	content, content_type = documentation_pages.picture(name)
	return Response(content, content_type=content_type)


def _product(product: dict[str, Any] | str) -> Unmapped:
	try:
		return Unmapped.model_validate(frappe.parse_json(product))
	except PydanticError:
		frappe.throw(_("Choose a row of the report"))


def _channel(method: str, channel: str, right: str = "read") -> None:
	"""Raises `PermissionError` unless the caller may call the method and may do this to the channel."""
	require(method)
	frappe.get_doc("Channel Settings", channel).check_permission(right)


def _read(feed: str, channel: str, *parameters: str | None) -> Response:
	"""Raises `PermissionError` for a channel the caller may not read, and alike for one that does not exist."""
	require(feed)
	if not (frappe.db.exists("Channel Settings", channel) and _may_read(channel)):
		frappe.throw(
			_("There is no channel {0} that you may read: name one of yours as ?channel=…").format(
				frappe.utils.escape_html(channel)
			),
			frappe.PermissionError,
		)
	asked = dict(zip(("updated_since", "cursor", "limit"), parameters, strict=True))
	return pull.answer(feed, channel, asked, utc_now())


def _may_read(channel: str) -> bool:
	"""User Permissions tell one shop's user from another's."""
	return bool(frappe.has_permission("Channel Settings", "read", channel))


def _entries(method: str, names: list[str] | str) -> list[str]:
	"""The names, each readable by the caller. Raises `PermissionError`."""
	require(method)
	wanted = _list(names)
	for name in wanted:
		frappe.get_doc("Sync Log", name).check_permission("read")
	return wanted


def _list(values: list[str] | str | None) -> list[str]:
	parsed = frappe.parse_json(values) if values else []
	return [str(value) for value in (parsed if isinstance(parsed, list) else [parsed])]


def _rows(values: list[dict[str, Any]] | str) -> list[dict[str, Any]]:
	parsed = frappe.parse_json(values) if values else []
	if not isinstance(parsed, list) or not all(isinstance(row, dict) for row in parsed):
		frappe.throw(_("A list of rows is expected"))
	return parsed


def _told(work: Any, *arguments: Any) -> Any:
	"""Runs it; an error of the engine is shown to the person who called, not logged as a crash."""
	try:
		return work(*arguments)
	except BridgeError as error:
		frappe.throw(frappe.utils.escape_html(str(error)), title=_("Commerce Bridge"))
