"""What is asked of a shop: what a webhook leaves out, one order as it stands now, and those that changed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from itertools import count
from typing import Any, Protocol

from commerce_bridge.bridge import model, strict_json
from commerce_bridge.bridge.channel import Channel
from commerce_bridge.bridge.clock import Now, utc_now
from commerce_bridge.bridge.errors import AnswerTooLarge, Misconfigured, Retryable
from commerce_bridge.bridge.protocols import Incoming, Page
from commerce_bridge.connectors.woocommerce import mapper, products, refunds
from commerce_bridge.connectors.woocommerce.client import NotFound, Unreadable
from commerce_bridge.connectors.woocommerce.payloads import id_of
from commerce_bridge.connectors.woocommerce.webhook import moment

#: What changed shortly before the last poll is read again: clocks differ, and transactions take a while.
OVERLAP = timedelta(minutes=5)
PAGE = 100
SECOND = timedelta(seconds=1)
#: Before the moment in a cursor of a walk that is not at its end.
_UNDER_WAY = "under way: "
TRASH = "trash"
#: What a shop says anew each time, or by what it is set to, of an order that did not change.
_VOLATILE = frozenset(
	{
		"_links",
		"currency_symbol",
		"date_modified",
		"is_editable",
		"needs_payment",
		"needs_processing",
		"payment_url",
	}
)
#: What is asked of an order that cannot be read as a whole.
_NAMES = ("id", "number", "status", "date_created_gmt", "date_modified_gmt")
Row = dict[str, Any]


class Client(Protocol):
	"""What is used of `WooCommerceClient`."""

	def get(self, path: str, **params: Any) -> Any: ...

	def pages(self, path: str, **params: Any) -> Iterator[list[Any]]: ...


# --- completing ------------------------------------------------------------------------------------------


def complete(client: Client, channel: Channel, event: model.Event, now: Now = utc_now) -> model.Event:
	"""An incomplete event with what its payload does not say: of an order its refunds, of a deletion what became of
	it, of a product its variations.

	:raises Retryable: the shop does not answer, or not with what was asked for
	"""
	data = event.data
	if isinstance(data, model.Order):
		return event if data.refunds_complete else _with_refunds(client, event, data)
	if isinstance(data, model.OrderReference):
		return event.model_copy(update={"data": _deleted_order(client, channel, data.id, now())})
	if isinstance(data, model.ProductDeletion):
		return event.model_copy(update={"data": _product(client, data.id) or data})
	if isinstance(data, model.Product):
		return event.model_copy(update={"data": _product(client, data.id)})
	return event


def _with_refunds(client: Client, event: model.Event, order: model.Order) -> model.Event:
	return event.model_copy(update={"data": refunds.with_refunds(client, order)})


def _deleted_order(
	client: Client, channel: Channel, order_id: str, now: datetime
) -> model.Order | model.OrderCancellation:
	"""In the trash, an order is there still, and cancelled; or it was restored since, or is gone for good."""
	payload = _one(client, f"orders/{order_id}")
	if payload is None:
		return model.OrderCancellation(id=order_id, updated_at=now, reason="deleted in the shop")
	order = mapper.to_order(payload, channel)
	return refunds.with_refunds(client, order) if refunds.are_wanted(channel, order) else order


def _product(client: Client, product_id: str) -> model.Product | model.ProductDeletion | None:
	"""The product with all its variations; its deletion where it is in the trash; None where it is gone."""
	payload = _one(client, f"products/{product_id}")
	parent_id = products.parent_of(payload) if payload else None
	if parent_id and parent_id != product_id:
		return _product(client, parent_id)
	if payload is None:
		return None
	if products.in_trash(payload):
		return model.ProductDeletion(id=product_id)
	return products.to_product(payload, variations_of(client, payload))


def variations_of(client: Client, payload: Mapping[str, Any]) -> list[Row] | None:
	"""All variations of a product; None where it has none by its nature."""
	if not products.has_variations(payload):
		return None
	product_id = id_of(payload.get("id"))
	pages = client.pages(f"products/{product_id}/variations", orderby="id", order="asc")
	return list({row["id"]: row for page in pages for row in _rows(page)}.values())


def _one(client: Client, path: str) -> Row | None:
	try:
		found = client.get(path)
	except NotFound:
		return None
	if not isinstance(found, dict) or id_of(found.get("id")) is None:
		raise Retryable("The shop answered with something else than what was asked for")
	return found


def _rows(page: Any) -> list[Row]:
	if not isinstance(page, list) or not all(isinstance(row, dict) and id_of(row.get("id")) for row in page):
		raise Retryable("The shop answered with something else than the rows that were asked for")
	return page


# --- one order -------------------------------------------------------------------------------------------


def fetch_order(client: Client, order_id: str) -> Incoming | None:
	"""The order as the shop has it now, as if it had been sent. The same content is the same event."""
	payload = _one(client, f"orders/{order_id}")
	return _incoming(payload, f"fetched:{_fingerprint(payload)}") if payload else None


def _incoming(order: Row, event_id: str) -> Incoming:
	number = order.get("number")
	return Incoming(
		topic=mapper.POLLED,
		event_id=event_id,
		external_id=id_of(order["id"]),
		external_number=number[:140] if isinstance(number, str) and number else None,
		source_time=_modified(order),
		payload=strict_json.dumps(order),
	)


def _fingerprint(order: Row) -> str:
	"""Of what an order says, without what changes by itself."""
	kept = {key: value for key, value in order.items() if key not in _VOLATILE}
	if isinstance(kept.get("line_items"), list):
		kept["line_items"] = [_without_image(line) for line in kept["line_items"]]
	return hashlib.sha256(strict_json.dumps(kept).encode("utf-8")).hexdigest()


def _without_image(line: Any) -> Any:
	return {key: value for key, value in line.items() if key != "image"} if isinstance(line, dict) else line


# --- those that changed ----------------------------------------------------------------------------------


def orders_since(client: Client, cursor: str | None, now: Now = utc_now) -> Iterator[Page]:
	"""The orders that changed since a moment less the overlap, oldest first, whole: 100 a page.

	Orders in the trash are read first, by themselves: WooCommerce leaves them out of "any status". The cursor does
	not go beyond the moment that was done, nor back. The last page is empty. A cursor before it says that the walk
	was under way: that goes on where it was, without the overlap, in which more may have changed than it came to.

	:param cursor: of a page, or a moment (ISO 8601); None for the whole history
	:raises Retryable: the shop does not answer
	:raises Misconfigured: the cursor is no moment
	"""
	since, last = (None, None) if cursor is None else _begins(cursor)
	begun = now()
	for rows in _walk(client, since, status=TRASH):
		yield Page(tuple(map(_polled, rows)), None, True)
	for rows in _walk(client, since):
		done = max(filter(None, map(_modified, rows)), default=None)
		last = max(filter(None, (last, done)), default=None)
		yield Page(tuple(map(_polled, rows)), _UNDER_WAY + _written(min(done, begun)) if done else None, True)
	yield Page((), _written(min(last, begun)) if last else None, False)


def _walk(client: Client, since: datetime | None, **filters: Any) -> Iterator[list[Row]]:
	"""Orders by the second they changed in. WooCommerce sorts by nothing else: of orders that changed in one second,
	a second page may repeat some and never show others. So each page begins with the last second of the one before,
	and a second that fills a page is read by id."""
	seen: set[str] = set()
	size = PAGE
	while True:
		asked = {**filters, **_after(since), "orderby": "modified", "order": "asc"}
		rows, size = _page(client, asked, min(size * 2, PAGE))
		new = [row for row in rows if _polled_id(row) not in seen]
		if new:
			yield new
		if len(rows) < size:
			return
		last = _last_second(rows)
		if since is None or last > since:
			since = last
		else:
			known = {_polled_id(row) for row in rows} | seen
			yield from _whole_second(client, last, filters, known, size)
			since = last + SECOND
		seen = {_polled_id(row) for row in rows if _modified(row) == since}


def _page(client: Client, asked: Mapping[str, Any], size: int) -> tuple[list[Row], int]:
	"""A page of at most `size` orders, or of fewer where those are more than is taken, or one of them cannot be read;
	and of how many. Of a single such order no more is said than which it is: it is recorded, and fails by itself."""
	while True:
		try:
			return _rows(client.get("orders", **asked, per_page=size)), size
		except (AnswerTooLarge, Unreadable):
			if size == 1:
				return _rows(client.get("orders", **asked, per_page=size, _fields=list(_NAMES))), size
			size = max(size // 4, 1)


def _whole_second(
	client: Client, second: datetime, filters: Mapping[str, Any], seen: set[str], size: int
) -> Iterator[list[Row]]:
	"""All orders that changed in this second. One that changes while they are read leaves it, and moves those after
	it up by a place: they are read until there are no new ones."""
	window = {
		**_after(second),
		"modified_before": _gmt(second + SECOND),
		"orderby": "id",
		"order": "asc",
	}
	asked = {**filters, **window}
	found = True
	while found:
		found, before = False, None
		for number in count(1):
			rows, taken = _page(client, {**asked, "page": number}, size)
			if rows and rows == before:
				raise Retryable(
					"The shop gave the same page of orders twice: a cache must leave out /wp-json/"
				)
			new = [row for row in rows if _polled_id(row) not in seen]
			seen.update(map(_polled_id, new))
			found = found or bool(new)
			if new:
				yield new
			if taken < size:  # pages of that size begin elsewhere: once more, from the first on
				size, found = taken, True
				break
			if len(rows) < size:
				break
			before = rows


def _after(since: datetime | None) -> dict[str, Any]:
	"""`modified_after` leaves out the moment itself."""
	return {} if since is None else {"modified_after": _gmt(since - SECOND), "dates_are_gmt": True}


def _gmt(time: datetime) -> str:
	"""Without a zone: with one, and `dates_are_gmt`, WooCommerce moves it."""
	return time.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")


def _polled(order: Row) -> Incoming:
	return _incoming(order, _polled_id(order))


def _polled_id(order: Row) -> str:
	return f"{id_of(order['id'])}@{order.get('date_modified_gmt')}@{_fingerprint(order)}"


def _modified(order: Row) -> datetime | None:
	return moment(order.get("date_modified_gmt")) or moment(order.get("date_created_gmt"))


def _last_second(rows: Sequence[Row]) -> datetime:
	last = _modified(rows[-1])
	if last is None:
		raise Retryable("The shop gives orders that do not say when they changed")
	return last.replace(microsecond=0)


def _begins(cursor: str) -> tuple[datetime, datetime]:
	"""From when on orders are read, and until when they are known."""
	time = moment(cursor.removeprefix(_UNDER_WAY))
	if time is None:
		raise Misconfigured(f"{cursor[:40]!r} is no moment that orders could be read from", "Channel State")
	return (time if cursor.startswith(_UNDER_WAY) else time - OVERLAP), time


def _written(time: datetime) -> str:
	return time.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
