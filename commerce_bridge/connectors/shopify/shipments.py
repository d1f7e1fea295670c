"""Shipments as fulfilments of an order: one for each location the goods leave from.

Shopify knows no key by which a repeated `fulfillmentCreate` is recognised. So nothing is sent before the order
was read: what of it is left, and which fulfilments are there that no shipment of ours is known to be. One of
those that has, at its location, exactly the lines this shipment would have had there is the shipment's own, of
an attempt that died before its result was kept: it is adopted, not made again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from commerce_bridge.bridge.channel import Channel
from commerce_bridge.bridge.errors import Rejected
from commerce_bridge.bridge.model import Shipment
from commerce_bridge.bridge.protocols import PushResult
from commerce_bridge.connectors.shopify.carriers import spelled
from commerce_bridge.connectors.shopify.client import ShopifyClient, user_errors
from commerce_bridge.connectors.shopify.documents.shipments import (
	CANCEL,
	CREATE,
	LISTED,
	MORE_FULFILMENT_ORDERS,
	MORE_LINES,
	MOST_LISTED,
	ORDER,
	SENT,
	SENT_ASKED,
	SENT_LISTED,
	UPDATE_TRACKING,
)
from commerce_bridge.connectors.shopify.ids import gid, legacy_id

#: Fulfilments nobody claims that are looked at, the newest: of one shipment there are as many as locations.
UNCLAIMED = 8
#: Statuses of a fulfilment that sends nothing.
_VOID = frozenset({"CANCELLED", "ERROR", "FAILURE"})
_CREATE = "CREATE_FULFILLMENT"
#: Location → order line → how many.
Shares = dict[str, Counter[str]]


@dataclass(frozen=True, slots=True)
class Piece:
	"""A line of a fulfilment order: what is still to be sent of an order line from one location."""

	id: str
	fulfilment_order: str
	order_line: str
	location: str  # "" where it is none of the shop's any more
	remaining: int
	open: bool
	why_not: str = ""  # it cannot be sent, in words


@dataclass(frozen=True, slots=True)
class Sent:
	"""A fulfilment."""

	id: str
	location: str
	lines: Counter[str]
	tracking: tuple[tuple[str, str, str], ...]  # company, number, URL
	void: bool


@dataclass(frozen=True, slots=True)
class OrderState:
	"""What Shopify says of an order's fulfilment now."""

	name: str
	cancelled: bool
	pieces: tuple[Piece, ...]
	sent: tuple[Sent, ...]


@dataclass(frozen=True, slots=True)
class Wanted:
	"""What a shipment sends of an order line; `location` where the line is one location's part of it."""

	order_line: str
	location: str | None
	quantity: int


def push(client: ShopifyClient, channel: Channel, shipment: Shipment) -> PushResult:
	"""Makes, changes or takes back the fulfilments of a shipment. Goods that came back stay fulfilled: they were.

	:raises Rejected: Shopify would not take it; says what a person can do
	"""
	state = read_order(client, shipment.order_id)
	if state is None:
		raise Rejected(
			f"The shop has no order {shipment.order_id}: it was deleted, or it is older than 60 days and the app"
			" lacks the access scope read_all_orders"
		)
	if shipment.cancelled:
		return _withdraw(client, state, shipment)
	ids = shipment.external_ids or _fulfil(client, channel, state, shipment)
	_track(client, channel, state, shipment, ids)
	return PushResult(shipment.id, external_ids=tuple(ids))


# --- reading -------------------------------------------------------------------------------------------------


def read_order(client: ShopifyClient, order_id: str) -> OrderState | None:
	"""None where the shop has no such order."""
	order = client.run(ORDER, {"id": gid("Order", order_id)})["order"]
	if order is None:
		return None
	return OrderState(
		name=order["name"],
		cancelled=bool(order["cancelledAt"]),
		pieces=tuple(
			piece
			for node in sorted(_fulfilment_orders(client, order), key=lambda node: int(legacy_id(node["id"])))
			for piece in _pieces(client, node)
		),
		sent=tuple(_sent(client, node) for node in _fulfilments(client, order)),
	)


def _fulfilments(client: ShopifyClient, order: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
	"""All of them. They are a list without pages: those that may have been cut are asked for by their ids."""
	known = {node["id"]: node for node in order["fulfillments"]}
	yield from known.values()
	if len(known) < LISTED:
		return
	listed = (client.run(SENT_LISTED, {"id": order["id"]})["order"] or order)["fulfillments"]
	if len(listed) >= MOST_LISTED:
		raise Rejected(
			f"Order {order['name']} has {len(listed)} fulfilments or more in Shopify, which cannot be read one and all. "
			"Fulfil it there by hand, then skip this entry."
		)
	left = [node["id"] for node in listed if node["id"] not in known]
	for start in range(0, len(left), SENT_ASKED):
		yield from filter(None, client.run(SENT, {"ids": left[start : start + SENT_ASKED]})["nodes"])


def _fulfilment_orders(client: ShopifyClient, order: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
	page = order["fulfillmentOrders"]
	while True:
		yield from page["nodes"]
		if not page["pageInfo"]["hasNextPage"]:
			return
		variables = {"id": order["id"], "after": page["pageInfo"]["endCursor"]}
		page = client.run(MORE_FULFILMENT_ORDERS, variables)["order"]["fulfillmentOrders"]


def _lines(client: ShopifyClient, node: Mapping[str, Any], name: str) -> Iterator[Mapping[str, Any]]:
	page = node[name]
	while True:
		yield from page["nodes"]
		if not page["pageInfo"]["hasNextPage"]:
			return
		variables = {"id": node["id"], "after": page["pageInfo"]["endCursor"]}
		page = client.run(MORE_LINES, variables)["node"][name]


def _pieces(client: ShopifyClient, node: Mapping[str, Any]) -> Iterator[Piece]:
	why_not = _why_not(node)
	for line in _lines(client, node, "lineItems"):
		yield Piece(
			id=line["id"],
			fulfilment_order=node["id"],
			order_line=legacy_id(line["lineItem"]["id"]),
			location=_location((node["assignedLocation"] or {}).get("location")),
			remaining=line["remainingQuantity"],
			open=not why_not,
			why_not=why_not,
		)


def _sent(client: ShopifyClient, node: Mapping[str, Any]) -> Sent:
	lines: Counter[str] = Counter()
	for line in _lines(client, node, "fulfillmentLineItems"):
		lines[legacy_id(line["lineItem"]["id"])] += line["quantity"] or 0
	return Sent(
		id=legacy_id(node["id"]),
		location=_location(node["location"]),
		lines=+lines,
		tracking=tuple(
			(info["company"] or "", info["number"] or "", info["url"] or "") for info in node["trackingInfo"]
		),
		void=node["status"] in _VOID,
	)


def _location(node: Mapping[str, Any] | None) -> str:
	return legacy_id(node["id"]) if node else ""


def _why_not(node: Mapping[str, Any]) -> str:
	"""Why nothing can be sent of a fulfilment order, and what to do; empty where it can."""
	if any(row["action"] == _CREATE for row in node["supportedActions"]):
		return ""
	status = node["status"]
	if status == "ON_HOLD":
		reasons = ", ".join(row["displayReason"] for row in node["fulfillmentHolds"]) or "no reason given"
		return f"it is on hold ({reasons}): release the hold in Shopify, then retry"
	if status == "SCHEDULED":
		return f"it is scheduled for {node['fulfillAt'] or 'later'}: choose Fulfill early in Shopify, or retry then"
	if node["requestStatus"] in ("SUBMITTED", "ACCEPTED", "CANCELLATION_REQUESTED"):
		return "a fulfilment service was asked to send it: cancel that request in Shopify, then retry"
	if status in ("CANCELLED", "CLOSED"):
		return "nothing of it is left to be sent in Shopify: it was fulfilled, removed or refunded there"
	return f"Shopify lets no app fulfil it ({status.lower()}): look at the order in Shopify"


# --- what goes from where ------------------------------------------------------------------------------------


def wanted_of(shipment: Shipment) -> list[Wanted]:
	"""The order lines a shipment sends, each once. What came back was sent all the same.

	:raises Rejected: a quantity is not a whole number, a line is none of Shopify's
	"""
	quantities: Counter[tuple[str, str | None]] = Counter()
	for line in shipment.lines:
		if not line.order_line_id or not line.quantity:
			continue
		number, _, location = line.order_line_id.partition(":")
		if not number.isdecimal():
			raise Rejected(f"{line.sku}: {number[:40]!r} is no line of a Shopify order")
		if line.quantity != int(line.quantity) or line.quantity < 0:
			raise Rejected(f"{line.sku}: Shopify sends whole units, not {line.quantity}")
		quantities[number, location or None] += int(line.quantity)
	return [Wanted(number, location, quantity) for (number, location), quantity in quantities.items()]


def plan(wanted: Sequence[Wanted], pieces: Sequence[Piece], returned: Iterable[Sent] = ()) -> Shares:
	"""How many of each line go from which location: a line's own location first, then where there are any.

	The same order in the same state is always planned the same way: that is how an attempt that died is known
	again.

	:param returned: fulfilments that are taken for not done
	:return: what cannot be sent from anywhere is missing in it
	"""
	left = _left(pieces, returned)
	shares: Shares = {}
	missing: Counter[str] = Counter()
	for line in wanted:
		missing[line.order_line] += line.quantity
		if line.location is not None:
			_take(line.order_line, line.location, line.quantity, left, shares, missing)
	for line in wanted:
		for location in list(left):
			_take(line.order_line, location, missing[line.order_line], left, shares, missing)
	return shares


def _left(pieces: Sequence[Piece], returned: Iterable[Sent]) -> Shares:
	left: Shares = {piece.location: Counter() for piece in pieces}
	for piece in pieces:
		if piece.open:
			left[piece.location][piece.order_line] += piece.remaining
	for sent in returned:
		left.setdefault(sent.location, Counter()).update(sent.lines)
	return left


def _take(
	line: str, location: str, quantity: int, left: Shares, shares: Shares, missing: Counter[str]
) -> None:
	taken = min(quantity, left.get(location, Counter())[line])
	if taken > 0:
		left[location][line] -= taken
		shares.setdefault(location, Counter())[line] += taken
		missing[line] -= taken


def own_of(
	wanted: Sequence[Wanted],
	pieces: Sequence[Piece],
	unclaimed: Sequence[Sent],
	tracking: tuple[tuple[str, str, str], ...] = (),
) -> tuple[Sent, ...]:
	"""Those of the fulfilments nobody claims that are this shipment's, of an attempt that died.

	Some of them are its own if, had they not been made, exactly they would be made now. Where several sets would
	do, the one with this shipment's tracking, then the larger one: nothing may be sent twice.
	"""
	sets = [
		chosen
		for chosen in _sets(wanted, unclaimed)
		if chosen and _would_be_made(chosen, plan(wanted, pieces, chosen))
	]

	def weight(chosen: tuple[Sent, ...]) -> tuple[int, int, int]:
		told = sum(1 for sent in chosen if tracking and _numbers(sent.tracking) == _numbers(tracking))
		return told, _units(chosen), max(int(sent.id) for sent in chosen)

	return max(sets, key=weight, default=())


def parts_of(
	wanted: Sequence[Wanted], pieces: Sequence[Piece], unclaimed: Sequence[Sent]
) -> tuple[tuple[Sent, ...], Shares] | None:
	"""Where a shipment cannot be sent as it is: fulfilments nobody claims that are a part of it, and the rest of it
	from where it can go. It was begun in a state that has changed since, or a person began it in Shopify.

	:return: None where the rest could not be sent either
	"""
	for chosen in sorted(_sets(wanted, unclaimed), key=_units, reverse=True):
		rest = _without(wanted, chosen)
		shares = plan(rest, pieces)
		if chosen and not _missing_of(rest, shares.values()):
			return chosen, shares
	return None


def _sets(wanted: Sequence[Wanted], unclaimed: Sequence[Sent]) -> Iterator[tuple[Sent, ...]]:
	"""Every set of them that sends no more than is wanted, of the newest; the empty one too."""
	totals = _missing_of(wanted, ())
	fitting = [sent for sent in unclaimed if sent.lines and sent.lines <= totals]
	fitting = sorted(fitting, key=lambda sent: int(sent.id))[-UNCLAIMED:]
	for size in range(len(fitting) + 1):
		for chosen in combinations(fitting, size):
			if sum((sent.lines for sent in chosen), Counter()) <= totals:
				yield chosen


def _units(chosen: Sequence[Sent]) -> int:
	return sum(sum(sent.lines.values()) for sent in chosen)


def _without(wanted: Sequence[Wanted], chosen: Sequence[Sent]) -> list[Wanted]:
	"""What is left to be sent. Of a line of several locations, first what belongs to the one it was sent from."""
	left = {(line.order_line, line.location): line.quantity for line in wanted}
	for sent in chosen:
		for line, quantity in sent.lines.items():
			parts = [key for key in left if key[0] == line]
			for key in sorted(parts, key=lambda key: key[1] != sent.location):
				taken = min(quantity, left[key])
				left[key] -= taken
				quantity -= taken
	return [Wanted(line, location, quantity) for (line, location), quantity in left.items() if quantity]


def _missing_of(wanted: Sequence[Wanted], shares: Iterable[Counter[str]]) -> Counter[str]:
	"""What of it is in none of the shares, by line."""
	missing: Counter[str] = Counter()
	for line in wanted:
		missing[line.order_line] += line.quantity
	for share in shares:
		missing.subtract(share)
	return +missing


def _would_be_made(chosen: tuple[Sent, ...], shares: Shares) -> bool:
	places = {sent.location for sent in chosen}
	return len(places) == len(chosen) and all(shares.get(sent.location) == sent.lines for sent in chosen)


def _numbers(tracking: tuple[tuple[str, str, str], ...]) -> list[str]:
	return [number for _company, number, _url in tracking]


# --- sending -------------------------------------------------------------------------------------------------


def _fulfil(client: ShopifyClient, channel: Channel, state: OrderState, shipment: Shipment) -> list[str]:
	"""Makes what was not made yet; returns the ids of all fulfilments of the shipment."""
	wanted = wanted_of(shipment)
	unclaimed = _unclaimed(state, shipment.taken_ids)
	own = own_of(wanted, state.pieces, unclaimed, tracking_of(shipment))
	shares = plan(wanted, state.pieces, own)
	made = {sent.location for sent in own}
	to_make = {location: share for location, share in shares.items() if location not in made}
	missing = _missing_of(wanted, shares.values())
	if missing:
		parts = parts_of(wanted, state.pieces, unclaimed)
		if parts is None:
			raise _cannot_send(state, missing)
		own, to_make = parts
	ids = [sent.id for sent in own]
	for location, share in to_make.items():
		ids.append(_create(client, channel, state, shipment, location, share))
	return sorted(ids, key=int)


def _unclaimed(state: OrderState, taken: Collection[str]) -> list[Sent]:
	return [sent for sent in state.sent if not sent.void and sent.id not in taken]


def _cannot_send(state: OrderState, missing: Counter[str]) -> Rejected:
	"""All of a shipment is sent, or nothing."""
	if state.cancelled:
		return Rejected(
			f"Order {state.name} is cancelled in Shopify: cancel the delivery here, or take the goods back"
		)
	return Rejected("; ".join(_missing(state, line, count) for line, count in sorted(missing.items())))


def _missing(state: OrderState, line: str, count: int) -> str:
	of_line = [piece for piece in state.pieces if piece.order_line == line]
	reasons = dict.fromkeys(
		piece.why_not for piece in sorted(of_line, key=lambda piece: -piece.remaining) if piece.why_not
	)
	if not of_line:
		reasons = {"the order has no such line any more: see the order in Shopify": None}
	elif not reasons:
		reasons = {"no more of it is left in Shopify: some was fulfilled, removed or refunded there": None}
	return f"Order {state.name}: {count} of line {line} cannot be fulfilled: {next(iter(reasons))}"


def _create(
	client: ShopifyClient,
	channel: Channel,
	state: OrderState,
	shipment: Shipment,
	location: str,
	share: Mapping[str, int],
) -> str:
	fulfilment = {
		"lineItemsByFulfillmentOrder": _by_fulfilment_order(state.pieces, location, share),
		"notifyCustomer": channel.notify_customer,
	}
	info = _info(tracking_of(shipment))
	if info:
		fulfilment["trackingInfo"] = info
	payload = client.run(CREATE, {"fulfillment": fulfilment})["fulfillmentCreate"]
	errors = user_errors(payload)
	if errors or not payload["fulfillment"]:
		told = "; ".join(map(str, errors)) or "no reason given"
		raise Rejected(f"Order {state.name}: Shopify refused the fulfilment: {told}")
	return legacy_id(payload["fulfillment"]["id"])


def _by_fulfilment_order(
	pieces: Sequence[Piece], location: str, share: Mapping[str, int]
) -> list[dict[str, Any]]:
	left = Counter(share)
	chosen: dict[str, list[dict[str, Any]]] = {}
	for piece in pieces:
		if not piece.open or piece.location != location:
			continue
		quantity = min(left[piece.order_line], piece.remaining)
		if quantity > 0:
			left[piece.order_line] -= quantity
			chosen.setdefault(piece.fulfilment_order, []).append({"id": piece.id, "quantity": quantity})
	return [
		{"fulfillmentOrderId": order, "fulfillmentOrderLineItems": lines} for order, lines in chosen.items()
	]


# --- tracking ------------------------------------------------------------------------------------------------


def tracking_of(shipment: Shipment) -> tuple[tuple[str, str, str], ...]:
	"""Company, number and URL of each parcel that has a number; of one that has none, what is known of it."""
	parcels = [
		(spelled(parcel.carrier or ""), parcel.tracking_number or "", parcel.tracking_url or "")
		for parcel in shipment.parcels
	]
	return tuple(parcel for parcel in parcels if parcel[1]) or tuple(parcels[:1])


def _info(tracking: tuple[tuple[str, str, str], ...]) -> dict[str, Any]:
	"""As Shopify takes it: one company for all parcels, and URLs only where each has one, for their position
	says whose they are."""
	if not tracking:
		return {}
	companies, numbers, urls = (list(column) for column in zip(*tracking, strict=True))
	info: dict[str, Any] = {"company": companies[0]} if companies[0] else {}
	if len(tracking) == 1:
		info |= {"number": numbers[0]} if numbers[0] else {}
		info |= {"url": urls[0]} if urls[0] else {}
		return info
	info["numbers"] = numbers
	if all(urls):
		info["urls"] = urls
	return info


def _track(
	client: ShopifyClient, channel: Channel, state: OrderState, shipment: Shipment, ids: Iterable[str]
) -> None:
	"""Tells what changed of the parcels. What Shopify knows and we do not is left as it is."""
	tracking = tracking_of(shipment)
	known = {sent.id: sent for sent in state.sent}
	for number in ids:
		sent = known.get(number)
		if sent is None:  # just made, with its tracking
			continue
		if sent.void:
			raise Rejected(
				f"Fulfilment {number} of order {state.name} was cancelled in Shopify: cancel the delivery here too,"
				" or fulfil the order there"
			)
		if tracking and _differs(sent.tracking, tracking):
			variables = {
				"id": gid("Fulfillment", number),
				"info": _info(tracking),
				"notify": channel.notify_customer,
			}
			errors = user_errors(client.run(UPDATE_TRACKING, variables)["fulfillmentTrackingInfoUpdate"])
			if errors:
				raise Rejected(
					f"Order {state.name}: Shopify refused the tracking: {'; '.join(map(str, errors))}"
				)


def _differs(shown: tuple[tuple[str, str, str], ...], ours: tuple[tuple[str, str, str], ...]) -> bool:
	"""An empty value of ours says nothing: Shopify makes URLs, and guesses companies, by itself."""
	if len(shown) != len(ours):
		return True
	company = ours[0][0]  # Shopify keeps one for all
	return any(
		number != theirs[1] or (company and company != theirs[0]) or (url and url != theirs[2])
		for (_company, number, url), theirs in zip(ours, shown, strict=True)
	)


# --- taking back ---------------------------------------------------------------------------------------------


def _withdraw(client: ShopifyClient, state: OrderState, shipment: Shipment) -> PushResult:
	"""Cancels the fulfilments of the shipment."""
	ids = shipment.external_ids or _own_for_certain(state, shipment)
	void = {sent.id for sent in state.sent if sent.void}
	for number in ids:
		if number not in void:
			errors = user_errors(client.run(CANCEL, {"id": gid("Fulfillment", number)})["fulfillmentCancel"])
			if errors:
				raise Rejected(
					f"Shopify does not cancel fulfilment {number} of order {state.name}:"
					f" {'; '.join(map(str, errors))}. Cancel it in Shopify, or take the goods back as a return"
				)
	return PushResult(shipment.id, external_ids=tuple(ids))


def _own_for_certain(state: OrderState, shipment: Shipment) -> tuple[str, ...]:
	"""Fulfilments of an attempt whose result was not kept: only those with the shipment's own tracking numbers. One
	that a person made in Shopify must not be cancelled; one of ours that is left comes back as found there."""
	tracking = tracking_of(shipment)
	numbers = [number for number in _numbers(tracking) if number]
	own = own_of(wanted_of(shipment), state.pieces, _unclaimed(state, shipment.taken_ids), tracking)
	return tuple(sent.id for sent in own if numbers and _numbers(sent.tracking) == numbers)
