"""Orders asked of Shopify: one as it stands now, what a webhook leaves out, and those that changed."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from itertools import count
from typing import Any, Protocol

from commerce_bridge.bridge import model, strict_json
from commerce_bridge.bridge.channel import Channel
from commerce_bridge.bridge.clock import Now, utc_now
from commerce_bridge.bridge.errors import Misconfigured, NotYet, Rejected, Retryable
from commerce_bridge.bridge.protocols import Incoming, Page
from commerce_bridge.connectors.shopify import mapper, order_nodes
from commerce_bridge.connectors.shopify.client import AccessDenied
from commerce_bridge.connectors.shopify.documents import orders as documents
from commerce_bridge.connectors.shopify.documents import returns as return_documents
from commerce_bridge.connectors.shopify.documents.setup import SCOPES
from commerce_bridge.connectors.shopify.ids import gid, kind_of, legacy_id
from commerce_bridge.connectors.shopify.product_nodes import fetch_product
from commerce_bridge.connectors.shopify.setup import mapped_locations
from commerce_bridge.connectors.shopify.shop import NoAccess

#: Shopify's search lags behind its orders: what changed shortly before the last poll is read again.
OVERLAP = timedelta(minutes=5)
#: A search ends after 25,000 results; a new one begins before that. https://shopify.dev/docs/api/usage/limits
SEARCH_PAGES = 90
FETCHED = "orders/updated"
#: Who the buyer is: what Shopify keeps from apps without access to protected customer data.
#: https://shopify.dev/docs/apps/launch/protected-customer-data
BUYER = (
	"order.customer",
	"order.billingAddress",
	"order.shippingAddress",
	"order.email",
	"order.phone",
	"order.shippingLines.nodes.phone",
)
#: Of which return a refund is: not told to apps without `read_returns`, and not needed to book it.
OF_RETURN = ("nodes.return",)
#: Of `returnStatus`: nothing comes back, or not any more.
NO_RETURN = "NO_RETURN"
#: Shopify decides where an order is sent from shortly after it was placed; how long that is waited for, and how
#: often it is asked.
ROUTED_WITHIN = timedelta(minutes=15)
ROUTED_ASKED = timedelta(minutes=1)
STILL_INSTALLED = "the shop still gives this channel access: it was installed again, or never uninstalled"
Node = Mapping[str, Any]


class Client(Protocol):
	"""What is used of `ShopifyClient`."""

	def run(
		self,
		document: str,
		variables: Mapping[str, Any] | None = None,
		*,
		withheld: Collection[str] = (),
	) -> dict[str, Any]: ...


def several_locations(channel: Channel) -> bool:
	"""Whether it matters which location sends a line."""
	return len(mapped_locations(channel)) > 1


def books_refunds(channel: Channel) -> bool:
	"""Whether what is given back is booked: as credit notes, or as money alone."""
	return channel.refunds.credit_notes or bool(channel.payments)


def books_payments(channel: Channel) -> bool:
	"""Whether it matters what was paid of an order."""
	return bool(channel.payments) or channel.invoices.when == "When Paid"


# --- completing ------------------------------------------------------------------------------------------


def complete(client: Client, channel: Channel, event: model.Event, now: Now = utc_now) -> model.Event:
	"""An incomplete event with what its payload does not say: of a reference the order, of an order the locations
	that send its lines, of a product all its variants. `data` is None where the shop has it no more.

	:raises Retryable: Shopify does not answer, or not with what was asked for
	"""
	data = event.data
	if isinstance(data, model.OrderReference):
		payload = fetch_payload(client, data.id, event.type.startswith("returns/"))
		order = payload and _located(client, channel, payload, now)
		return event.model_copy(update={"data": order or None})
	if isinstance(data, model.Order):
		payload = data.custom
		lacking = books_payments(channel) or (books_refunds(channel) and bool(data.refunds))
		if lacking and not mapper.is_whole(payload):
			payload = fetch_payload(client, data.id) or payload
		return event.model_copy(update={"data": _located(client, channel, payload, now)})
	if isinstance(data, model.Product):
		return event.model_copy(update={"data": fetch_product(client, data.id)})
	if isinstance(data, model.Uninstalled) and _has_access(client):
		return event.model_copy(update={"data": None, "reason": STILL_INSTALLED})
	return event


def _has_access(client: Client) -> bool:
	"""Whether the shop still answers. Only the body of a webhook is signed: one about the shop, sent again under the
	topic of an uninstallation, must not stop the channel.

	:raises Misconfigured: it answers neither with what was asked for, nor that the access is gone
	"""
	try:
		client.run(SCOPES)
	except NoAccess:
		return False
	return True


def _located(client: Client, channel: Channel, payload: dict[str, Any], now: Now) -> model.Order:
	order = mapper.to_order(payload, books_refunds=books_refunds(channel))
	if not several_locations(channel) or order.cancelled:
		return order
	assigned = assigned_locations(client, order.id)
	_wait_for_routing(order, payload, assigned, now())
	return mapper.to_order(payload, assigned, books_refunds(channel))


def _wait_for_routing(
	order: model.Order, payload: Mapping[str, Any], assigned: mapper.Assigned, now: datetime
) -> None:
	"""Raises `NotYet` while Shopify may still be deciding where a line of a new order is sent from."""
	created = _moment(payload.get("created_at")) or order.placed_at or order.updated_at
	if abs(now - created) >= ROUTED_WITHIN:
		return
	for line in order.lines:
		unknown = line.id not in assigned and line.location_id is None
		if unknown and line.quantity and line.custom.get("requires_shipping"):
			raise NotYet(
				"Shopify has not decided yet which location sends this order",
				min(ROUTED_ASKED, created + ROUTED_WITHIN - now),
			)


def assigned_locations(client: Client, order_id: str) -> dict[str, dict[str, int]]:
	"""How much of each line which location is to send, or has sent: of every fulfilment order but cancelled ones.
	A line that none of the shop's locations sends has none."""
	found: dict[str, dict[str, int]] = {}
	for row in _pages(
		client, documents.ASSIGNED_LOCATIONS, gid("Order", order_id), ("order", "fulfillmentOrders")
	):
		location = (row.get("assignedLocation") or {}).get("location")
		if row["status"] == "CANCELLED":
			continue
		for line in _rest(client, row, "lineItems", documents.ASSIGNED_LINES, "fulfillmentOrder"):
			if line["totalQuantity"]:
				places = found.setdefault(legacy_id(line["lineItem"]["id"]), {})
				if location:
					place = legacy_id(location["id"])
					places[place] = places.get(place, 0) + line["totalQuantity"]
	return found


# --- one order -------------------------------------------------------------------------------------------


def fetch_order(client: Client, order_id: str) -> Incoming | None:
	"""The order as the shop has it now, as if it had been sent. The same content is the same event."""
	payload = fetch_payload(client, order_id)
	if payload is None:
		return None
	text = strict_json.dumps(payload)
	return Incoming(
		topic=FETCHED,
		event_id="fetched:" + hashlib.sha256(text.encode("utf-8")).hexdigest(),
		external_id=str(payload["id"]),
		external_number=payload.get("name"),
		source_time=_moment(payload["updated_at"]),
		payload=text,
	)


def fetch_payload(client: Client, order_id: str, returned: bool = False) -> dict[str, Any] | None:
	"""The order in the form of a webhook; None where the shop does not have it, or may not show it.

	:param order_id: of an order; or the global id of a fulfilment order of it
	:param returned: its returns are asked for too where it says that none is going on
	"""
	number = _order_of(client, order_id)
	answer = client.run(documents.ORDER, {"id": gid("Order", number)}, withheld=BUYER) if number else {}
	order = answer.get("order")
	if not order:
		return None
	return order_nodes.order_payload(
		order,
		_rest(client, order, "lineItems", documents.ORDER_LINES, "order"),
		_listed(client, order, "transactions", documents.ORDER_TRANSACTIONS, documents.TRANSACTIONS_ASKED),
		_refunds(client, _listed(client, order, "refunds", documents.REFUNDS_LISTED)),
		_fulfilments(client, _listed(client, order, "fulfillments", documents.FULFILMENTS_LISTED)),
		answer["shop"]["ianaTimezone"],
		list(_returns(client, order)) if returned or order["returnStatus"] != NO_RETURN else (),
	)


def _order_of(client: Client, order_id: str) -> str | None:
	if kind_of(order_id) != "FulfillmentOrder":
		return order_id
	answer = client.run(documents.ORDER_OF_FULFILMENT_ORDER, {"id": order_id})
	found = answer.get("fulfillmentOrder")
	return legacy_id(found["orderId"]) if found else None


def _listed(
	client: Client, order: Node, name: str, document: str, asked: int = documents.LISTED
) -> Sequence[Node]:
	"""All of a list that has no pages: what may have been cut is asked for again.

	:raises Rejected: even the longest list there is may be cut
	"""
	listed: Sequence[Node] = order[name]
	if len(listed) < asked:
		return listed
	listed = (client.run(document, {"id": order["id"]}).get("order") or order)[name]
	if len(listed) >= documents.MOST_LISTED:
		raise Rejected(
			f"This order of Shopify has {len(listed)} {name} or more, which cannot be read one and all. Make its "
			"documents by hand, then skip this entry."
		)
	return listed


def _refunds(client: Client, named: Sequence[Node]) -> Iterator[Node]:
	for refund in _nodes(client, documents.REFUNDS, named, documents.REFUNDS_ASKED):
		lines = list(_rest(client, refund, "refundLineItems", documents.REFUND_LINES, "refund"))
		paid = list(_rest(client, refund, "transactions", documents.REFUND_TRANSACTIONS, "refund"))
		yield {**refund, "refundLineItems": {"nodes": lines}, "transactions": {"nodes": paid}}


def _returns(client: Client, order: Node) -> Iterator[Node]:
	try:
		named = list(_pages(client, documents.ORDER_RETURNS, order["id"], ("order", "returns")))
	except AccessDenied:
		return
	for node in _nodes(client, return_documents.RETURNS, named, return_documents.RETURNS_ASKED):
		yield whole_return(client, node)


def whole_return(client: Client, node: Node) -> Node:
	"""A return with all of its lines, and all of what arrived."""
	lines = list(_rest(client, node, "returnLineItems", return_documents.RETURN_LINES, "return"))
	orders = [
		{
			**each,
			"lineItems": {
				"nodes": list(_rest(client, each, "lineItems", return_documents.REVERSE_LINES, "node"))
			},
		}
		for each in _rest(client, node, "reverseFulfillmentOrders", return_documents.REVERSE_ORDERS, "return")
	]
	return {**node, "returnLineItems": {"nodes": lines}, "reverseFulfillmentOrders": {"nodes": orders}}


def _fulfilments(client: Client, named: Sequence[Node]) -> Iterator[Node]:
	for row in _nodes(client, documents.FULFILMENTS, named, documents.FULFILMENTS_ASKED):
		lines = list(_rest(client, row, "fulfillmentLineItems", documents.FULFILMENT_LINES, "fulfillment"))
		yield {**row, "fulfillmentLineItems": {"nodes": lines}}


# --- pages -----------------------------------------------------------------------------------------------


def _nodes(client: Client, document: str, named: Sequence[Node], at_once: int) -> Iterator[Node]:
	for start in range(0, len(named), at_once):
		ids = [node["id"] for node in named[start : start + at_once]]
		yield from filter(None, client.run(document, {"ids": ids}, withheld=OF_RETURN)["nodes"])


def _rest(client: Client, owner: Node, name: str, document: str, root: str) -> Iterator[Node]:
	"""The nodes of a connection of which the first page is there already."""
	first = owner[name]
	yield from first["nodes"]
	after = _next(first, None)
	if after:
		yield from _pages(client, document, owner["id"], (root, name), after)


def _pages(
	client: Client, document: str, global_id: str, path: tuple[str, str], after: str | None = None
) -> Iterator[Node]:
	while True:
		root = client.run(document, {"id": global_id, "after": after}).get(path[0])
		if not root:
			return
		page = root[path[1]]
		yield from page["nodes"]
		after = _next(page, after)
		if after is None:
			return


def _next(page: Node, before: str | None) -> str | None:
	info = page["pageInfo"]
	if not info["hasNextPage"]:
		return None
	if info["endCursor"] in (None, before):
		raise Retryable("Shopify says there is another page, but its cursor does not move")
	return info["endCursor"]


# --- those that changed ----------------------------------------------------------------------------------


def orders_since(client: Client, cursor: str | None) -> Iterator[Page]:
	"""Which orders changed since a moment less the overlap, oldest first: ids and times, 250 a page.

	:param cursor: a moment (ISO 8601); None for the whole history
	:raises Retryable: Shopify does not answer
	:raises Misconfigured: the cursor is no moment
	"""
	since = last = None if cursor is None else _cursor(cursor) - OVERLAP
	after: str | None = None
	for number in count(1):
		query = None if since is None else f"updated_at:>='{_written(since)}'"
		found = client.run(documents.ORDERS_CHANGED, {"query": query, "after": after})["orders"]
		events = tuple(map(_changed, found["nodes"]))
		last = max((time for event in events if (time := event.source_time)), default=last)
		after = _next(found, after)
		yield Page(events, _written(last) if events and last else None, after is not None)
		if after is None:
			return
		if number % SEARCH_PAGES == 0 and last != since:
			since, after = last, None


def _changed(node: Node) -> Incoming:
	number, updated = legacy_id(node["id"]), node["updatedAt"]
	return Incoming(
		topic=mapper.CHANGED,
		event_id=f"{number}@{updated}",
		external_id=number,
		external_number=None,
		source_time=_moment(updated),
		payload=strict_json.dumps(
			{"id": int(number), "admin_graphql_api_id": node["id"], "updated_at": updated}
		),
	)


def _cursor(cursor: str) -> datetime:
	moment = _moment(cursor)
	if moment is None:
		raise Misconfigured(f"{cursor[:40]!r} is no moment that orders could be read from", "Channel State")
	return moment


def _moment(text: Any) -> datetime | None:
	try:
		time = datetime.fromisoformat(text.replace("Z", "+00:00"))
	except (AttributeError, ValueError):
		return None
	return (time if time.tzinfo else time.replace(tzinfo=timezone.utc)).astimezone(timezone.utc)


def _written(moment: datetime) -> str:
	return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
