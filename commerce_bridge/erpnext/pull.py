"""What storefronts and middleware read of a channel: flat pages, what changed last first.

Every element has a `key`, which never changes, and an `id`, which is another whenever the element may have
changed: readers that know an element by its id alone see each change once. A page costs a fixed number of
queries. What a time means is what `Erp.mark_changed` stamped, or when ERPNext saved the document last.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import frappe
import redis
from frappe.utils import cint, get_url
from pydantic import BaseModel
from werkzeug.wrappers import Response

from commerce_bridge.bridge.channel import Channel, ChannelStatus
from commerce_bridge.bridge.errors import BridgeError, Misconfigured
from commerce_bridge.bridge.model import Listing, StockLevel
from commerce_bridge.bridge.protocols import row_key
from commerce_bridge.erpnext import bin, catalog, channel_settings, item_price, order_status, shipping
from commerce_bridge.erpnext.time import earliest_of_site, from_site
from commerce_bridge.install import index_name

LIMIT, MOST = 100, 500
#: Requests of one user in a minute, unless site_config says otherwise; 0 is no limit.
REQUESTS = 120
REQUESTS_SETTING = "commerce_bridge_reads_per_minute"
#: The range of DATETIME: before all, and after all.
EVER, NEVER = datetime(1000, 1, 1), datetime(9999, 12, 31)
TIME = re.compile(
	r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d)(:\d\d(?:\.\d{1,6})?)?(?:(Z)|([+\- ]\d\d):?(\d\d))?", re.ASCII
)
Position = tuple[datetime, str]


class Unclear(Exception):
	"""A parameter that cannot be understood; says what to send instead."""


@dataclass(frozen=True, slots=True)
class Asked:
	"""Times are naive, of the site. `before` is where the last page ended."""

	since: datetime
	before: Position
	limit: int


@dataclass(frozen=True, slots=True)
class Element:
	key: str
	moment: datetime
	values: BaseModel
	more: Mapping[str, Any]

	def flat(self) -> dict[str, Any]:
		moment = _text_of(from_site(self.moment))
		head = {"id": f"{self.key}:{moment}", "key": self.key, "updated_at": moment}
		return {**self.values.model_dump(exclude={"as_of", "stock_id", "expected"}), **self.more, **head}


@dataclass(frozen=True, slots=True)
class Source:
	"""A table of which pages are cut. All of it are constants; what is asked for goes in as values."""

	doctype: str
	moment: str
	index: str
	columns: str
	where: str


# --- the request -----------------------------------------------------------------------------------------


def answer(feed: str, channel: str, parameters: Mapping[str, str | None], now: datetime) -> Response:
	"""A page as a JSON array, or an error as {"error": what to do}. The caller has checked the rights.

	:param parameters: updated_since, cursor, limit, as they came
	"""
	wait = _wait(frappe.session.user, now)
	if wait:
		return _error(429, f"Too many requests: ask again in {wait} seconds", {"Retry-After": str(wait)})
	try:
		asked = _asked(parameters)
		elements, end = FEEDS[feed](_open(channel), asked)
	except Unclear as error:
		return _error(400, str(error))
	except BridgeError as error:
		return _error(409, str(error))
	following = {"X-Next-Cursor": _cursor(end), "Link": _link(feed, channel, parameters, end)} if end else {}
	return _page(elements, following)


def _open(name: str) -> Channel:
	channel = channel_settings.load(name).channel
	if channel.status is ChannelStatus.DISABLED:
		raise Misconfigured(f"Channel {name} is disabled: enable it in Channel Settings to read it")
	return channel


def _asked(parameters: Mapping[str, str | None]) -> Asked:
	since, cursor, limit = (parameters.get(name) or "" for name in ("updated_since", "cursor", "limit"))
	return Asked(
		since=_since(since) if since else EVER,
		before=_position(cursor) if cursor else (NEVER, ""),
		limit=_limit(limit) if limit else LIMIT,
	)


def _since(text: str) -> datetime:
	"""The earliest time of the site that may be meant. A blank is what "+" becomes in a URL that is not encoded."""
	match = TIME.fullmatch(text.strip())
	if not match:
		raise Unclear('updated_since must be a time in ISO 8601 such as "2026-11-20T09:30:00Z"')
	day, clock, seconds, utc, hours, minutes = match.groups()
	if not (utc or hours):
		raise Unclear(
			'updated_since needs an offset, "2026-11-20T09:30:00Z" or "2026-11-20T10:30:00+01:00": '
			"without one nobody knows which moment is meant"
		)
	offset = "+00:00" if utc else f"{hours.replace(' ', '+')}:{minutes}"
	seconds = seconds or ":00"
	fraction = "" if "." not in seconds else seconds.partition(".")[2].ljust(6, "0")
	iso = f"{day}T{clock}{seconds.partition('.')[0]}{'.' + fraction if fraction else ''}{offset}"
	try:
		moment = datetime.fromisoformat(iso)
		return earliest_of_site(moment) if moment.year > EVER.year else EVER
	except (ValueError, OverflowError):
		raise Unclear(f"updated_since is no time there is: {text[:40]}") from None


def _limit(text: str) -> int:
	if not re.fullmatch(r"[0-9]{1,9}", text.strip()) or not 1 <= int(text) <= MOST:
		raise Unclear(f"limit must be a whole number from 1 to {MOST}")
	return int(text)


def _cursor(position: Position) -> str:
	moment, name = position
	return base64.urlsafe_b64encode(f"{moment.isoformat()}|{name}".encode()).decode().rstrip("=")


def _position(cursor: str) -> Position:
	try:
		padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
		moment, found, name = base64.b64decode(padded, b"-_", validate=True).decode().partition("|")
		position = datetime.fromisoformat(moment), name
	except (ValueError, binascii.Error):
		raise Unclear("This cursor is none of ours: begin without one") from None
	if not found or position[0].tzinfo or not EVER <= position[0] <= NEVER or "\0" in name:
		raise Unclear("This cursor is none of ours: begin without one")
	return position


# --- the answer ------------------------------------------------------------------------------------------


def _page(elements: Iterable[Element], headers: Mapping[str, str]) -> Response:
	"""With a strong ETag; what the reader has already is not sent again."""
	body = json.dumps([element.flat() for element in elements], default=_plain, ensure_ascii=False).encode()
	tag = hashlib.sha256(body + headers.get("X-Next-Cursor", "").encode()).hexdigest()[:40]
	sent = {
		"ETag": f'"{tag}"',
		"Cache-Control": "private, no-cache",
		"Vary": "Authorization, Cookie",
		**headers,
	}
	if _has_already(tag):
		return Response(status=304, headers=sent)
	return Response(body, headers=sent, mimetype="application/json")


def _has_already(tag: str) -> bool:
	"""Compared weakly, as RFC 9110 (13.1.2) asks for: a proxy that compresses makes strong tags weak."""
	asked = frappe.get_request_header("If-None-Match") if frappe.request else None
	tags = [one.strip().removeprefix("W/").strip('"') for one in (asked or "").split(",")]
	return "*" in tags or tag in tags


def _error(status: int, text: str, headers: Mapping[str, str] | None = None) -> Response:
	return Response(json.dumps({"error": text}), status, headers=headers, mimetype="application/json")


def _link(feed: str, channel: str, parameters: Mapping[str, str | None], end: Position) -> str:
	kept = {name: value for name, value in parameters.items() if value}
	query = urlencode({"channel": channel, **kept, "cursor": _cursor(end)})
	return f'<{get_url(f"/api/method/commerce_bridge.api.{feed}")}?{query}>; rel="next"'


def _plain(value: Any) -> str:
	if isinstance(value, Decimal):
		return _number(value)
	if isinstance(value, datetime):
		return _text_of(value)
	if isinstance(value, date):
		return value.isoformat()
	raise TypeError(f"{type(value).__name__} has no form in JSON")


def _number(value: Decimal) -> str:
	"""Without exponent and needless zeros, as in the messages that are pushed: "3", "2.5"."""
	text = format(value, "f")
	return text.rstrip("0").rstrip(".") if "." in text else text


def _text_of(moment: datetime | None) -> str:
	return moment.isoformat(timespec="microseconds").replace("+00:00", "Z") if moment else ""


def _wait(user: str, now: datetime) -> int:
	"""Seconds until this user may ask again; 0 is now. Without Redis nobody is counted."""
	allowed = frappe.conf.get(REQUESTS_SETTING)
	allowed = REQUESTS if allowed is None else cint(allowed)
	if allowed <= 0:
		return 0
	minute, second = divmod(int(now.timestamp()), 60)
	key = frappe.cache.make_key(f"commerce_bridge_reads:{user}:{minute}")
	try:
		count = frappe.cache.incr(key)
		frappe.cache.expire(key, int(timedelta(minutes=2).total_seconds()))
	except redis.exceptions.RedisError:
		return 0
	return 60 - second if count > allowed else 0


# --- pages -----------------------------------------------------------------------------------------------

LISTING = "name, item_code, sku, product_id, variant_id, publication"


def _listings(moment: str) -> Source:
	return Source("Channel Listing", moment, f"channel_{moment}", LISTING, "channel = %(channel)s")


BY_CHANNEL = index_name(["cb_channel", "modified"])
STOCK, PRICES, CATALOG = map(_listings, ("stock_changed_at", "price_changed_at", "listing_changed_at"))
#: An order or a document is the channel's that its header names.
ORDERS = Source(
	"Sales Order",
	"modified",
	BY_CHANNEL,
	f"{order_status.COLUMNS}, 'Sales Order' AS doctype",
	"cb_channel = %(channel)s AND cb_external_id > ''",
)
#: Those of which a Sales Invoice stands for the order.
DIRECT = Source(
	"Sales Invoice",
	"modified",
	BY_CHANNEL,
	f"{order_status.DIRECT_COLUMNS}, 'Sales Invoice' AS doctype",
	"cb_channel = %(channel)s AND cb_external_id > '' AND cb_instead_of_order = 1",
)
NOTES = Source(
	"Delivery Note",
	"modified",
	BY_CHANNEL,
	"name, 'Delivery Note' AS doctype",
	"cb_channel = %(channel)s AND docstatus > 0 AND is_return = 0",
)
INVOICES = Source(
	"Sales Invoice",
	"modified",
	BY_CHANNEL,
	"name, 'Sales Invoice' AS doctype",
	"cb_channel = %(channel)s AND docstatus > 0 AND is_return = 0 AND update_stock = 1",
)


def _rows(
	sources: Sequence[Source], channel: Channel, asked: Asked, limit: int
) -> tuple[list[Any], Position | None]:
	"""The next rows, and where the page after them begins. Two selects of each table, each a range of an index:
	those of the very moment at which the last page ended, and those before it. MariaDB has to be told the index:
	by itself it reads, and skips, all that is newer than the page."""
	selects = []
	for source in sources:
		moment = source.moment
		head = (
			f"SELECT {source.columns}, {moment} AS moment FROM `tab{source.doctype}` FORCE INDEX ({source.index})"
			f" WHERE {source.where} AND {moment} >= %(since)s"
		)
		selects += [
			f"({head} AND {moment} = %(before)s AND name < %(name)s ORDER BY name DESC LIMIT {limit + 1})",
			f"({head} AND {moment} < %(before)s ORDER BY {moment} DESC, name DESC LIMIT {limit + 1})",
		]
	statement = " UNION ALL ".join(selects) + f" ORDER BY moment DESC, name DESC LIMIT {limit + 1}"
	before, name = asked.before
	values = {"channel": channel.name, "since": asked.since, "before": before, "name": name}
	rows = frappe.db.sql(statement, values, as_dict=True)
	more = len(rows) > limit
	return rows[:limit], (rows[limit - 1].moment, rows[limit - 1].name) if more else None


Page = tuple[list[Element], Position | None]


def _stock(channel: Channel, asked: Asked) -> Page:
	"""One element for each listing and location; a page holds whole listings."""
	_check_owner(channel, "stock", channel.ownership.stock)
	locations = tuple(dict.fromkeys(row.location_id for row in channel.warehouses)) or (None,)
	rows, end = _rows([STOCK], channel, asked, max(1, asked.limit // len(locations)))
	levels: dict[str, list[StockLevel]] = {}
	for row in bin.levels(channel, _items(rows)):
		levels.setdefault(row.level.listing, []).append(row.level)
	elements = [
		Element(row_key(level), row.moment, level, {})
		for row in rows
		for level in _shown(row, levels, locations)
	]
	return elements, end


def _shown(
	row: Any, levels: Mapping[str, list[StockLevel]], locations: Sequence[str | None]
) -> list[StockLevel]:
	"""A delisted listing is sold nowhere. What else has no level is no goods."""
	if row.publication != "Delisted":
		return levels.get(row.name, [])
	return [StockLevel(**_ids(row), location_id=place, quantity=Decimal(0)) for place in locations]


def _prices(channel: Channel, asked: Asked) -> Page:
	_check_owner(channel, "prices", channel.ownership.price)
	rows, end = _rows([PRICES], channel, asked, asked.limit)
	prices = item_price.by_listing(channel, _items(rows))
	elements = [
		Element(row.name, row.moment, prices[row.name].price, {"problem": prices[row.name].problem})
		for row in rows
		if row.name in prices
	]
	return elements, end


def _catalog(channel: Channel, asked: Asked) -> Page:
	rows, end = _rows([CATALOG], channel, asked, asked.limit)
	contents = {row.content.listing: row.content for row in catalog.contents(channel, _items(rows))}
	elements = [Element(row.name, row.moment, contents.get(row.name) or _gone(row), {}) for row in rows]
	return elements, end


def _gone(row: Any) -> Listing:
	return Listing(**_ids(row), published=False, reason="The listing is delisted")


def _orders(channel: Channel, asked: Asked) -> Page:
	rows, end = _rows([ORDERS, DIRECT], channel, asked, asked.limit)
	superseded: set[str] = set()
	for source in (ORDERS, DIRECT):
		of_source = [row for row in rows if row.doctype == source.doctype]
		superseded |= order_status.superseded(of_source, source.doctype)
	elements = [
		Element(row.name, row.moment, order_status.status_of(row, channel.name), {})
		for row in rows
		if row.name not in superseded
	]
	return elements, end


def _shipments(channel: Channel, asked: Asked) -> Page:
	"""A document that ships several orders of the channel is one element for each."""
	rows, end = _rows([NOTES, INVOICES], channel, asked, asked.limit)
	shipments = shipping.of_many([(row.doctype, row.name) for row in rows])
	elements = [
		Element(
			f"{shipment.id}|{order.id}",
			row.moment,
			shipment,
			{"shipment_id": shipment.id, "document_type": row.doctype, "document": row.name},
		)
		for row in rows
		for order, shipment in shipments.get((row.doctype, row.name), {}).items()
		if order.channel == channel.name
	]
	return elements, end


def _check_owner(channel: Channel, what: str, owner: str) -> None:
	if owner != "ERPNext":
		raise Misconfigured(
			f"The {what} of channel {channel.name} belong to {owner}, not to ERPNext: "
			"change the owner in Channel Settings to read them here"
		)


def _items(rows: Iterable[Any]) -> list[str]:
	return list(dict.fromkeys(row.item_code for row in rows))


def _ids(row: Any) -> dict[str, str | None]:
	return {
		"listing": row.name,
		"item_code": row.item_code,
		"sku": row.sku or row.item_code,
		"product_id": row.product_id or None,
		"variant_id": row.variant_id or None,
	}


FEEDS: Mapping[str, Callable[[Channel, Asked], Page]] = {
	"catalog": _catalog,
	"stock": _stock,
	"prices": _prices,
	"shipments": _shipments,
	"orders": _orders,
}
