"""Shipments as fulfilments: from the right place, with their tracking, and never twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commerce_bridge.bridge.errors import BridgeError, Rejected, Retryable
from commerce_bridge.bridge.model import Parcel, Shipment, ShipmentLine
from commerce_bridge.connectors.shopify import shipments
from commerce_bridge.connectors.shopify.carriers import spelled
from sandbox.storefronts.shopify import NewLine
from sandbox.storefronts.shopify.sales import Order
from tests.connectors.shopify_simulated import Stage

SHIPPED = Parcel(carrier="fedex", tracking_number="794", tracking_url=None)


@pytest.fixture
def stage() -> Stage:
	stage = Stage()
	for sku in ("A", "B"):
		stage.shop.add_product(sku, stock=100)
	return stage


def order_of(stage: Stage, *lines: NewLine) -> Order:
	return stage.shop.place_order(lines or [NewLine("A", 3), NewLine("B", 2)])


def shipment(order: Order, *lines: tuple[str, Any], **values: Any) -> Shipment:
	"""Of lines: id as ERPNext knows it, and quantity."""
	return Shipment(
		id=values.pop("id", "DN-1"),
		order_id=str(order.id),
		order_number="#1001",
		lines=tuple(
			ShipmentLine(order_line_id=line, sku="A", quantity=Decimal(quantity)) for line, quantity in lines
		),
		**values,
	)


def all_of(order: Order, **values: Any) -> Shipment:
	return shipment(order, *((str(line.id), line.quantity) for line in order.lines), **values)


def push(stage: Stage, what: Shipment) -> Any:
	return shipments.push(stage.client, stage.channel, what)


def sent(order: Order) -> list[dict[int, int]]:
	"""What each fulfilment that stands has sent, by line."""
	return [
		dict(Counter({part.line.id: quantity for _, part, quantity in each.parts}))
		for each in order.fulfilments
		if each.status == "SUCCESS"
	]


# --- sending ---


def test_a_whole_order_is_one_fulfilment(stage: Stage) -> None:
	order = order_of(stage)
	result = push(stage, all_of(order, parcels=(SHIPPED,)))
	assert (result.error, result.external_ids) == (None, (str(order.fulfilments[0].id),))
	assert sent(order) == [{order.lines[0].id: 3, order.lines[1].id: 2}]
	assert order.fulfilment_status == "FULFILLED"
	assert [(each.company, each.number) for each in order.fulfilments[0].parcels] == [("FedEx", "794")]
	assert stage.fields == ["order", "fulfillmentCreate"]


def test_parts_of_an_order_go_one_after_the_other(stage: Stage) -> None:
	order = order_of(stage)
	first, second = (str(line.id) for line in order.lines)
	done = push(stage, shipment(order, (first, 2)))
	rest = push(stage, shipment(order, (first, 1), (second, 2), id="DN-2", taken_ids=done.external_ids))
	assert sent(order) == [{order.lines[0].id: 2}, {order.lines[0].id: 1, order.lines[1].id: 2}]
	assert set(done.external_ids).isdisjoint(rest.external_ids)


def test_each_location_sends_its_own(stage: Stage) -> None:
	depot = stage.shop.add_location("Depot")
	here = stage.shop.location.id
	order = order_of(stage, NewLine("A", 3, at={here: 2, depot.id: 1}), NewLine("B", 1, at={depot.id: 1}))
	first, second = (str(line.id) for line in order.lines)
	result = push(stage, shipment(order, (f"{first}:{here}", 2), (f"{first}:{depot.id}", 1), (second, 1)))
	assert [
		(each.location.id, quantity) for each, quantity in zip(order.fulfilments, sent(order), strict=True)
	] == [
		(here, {order.lines[0].id: 2}),
		(depot.id, {order.lines[0].id: 1, order.lines[1].id: 1}),
	]
	assert result.external_ids == tuple(str(each.id) for each in order.fulfilments)


def test_a_line_of_one_location_is_sent_from_that_one(stage: Stage) -> None:
	depot = stage.shop.add_location("Depot")
	order = order_of(stage, NewLine("A", 4, at={stage.shop.location.id: 2, depot.id: 2}))
	push(stage, shipment(order, (f"{order.lines[0].id}:{depot.id}", 1)))
	assert [each.location.id for each in order.fulfilments] == [depot.id]


def test_what_was_moved_in_shopify_is_sent_from_where_it_is_now(stage: Stage) -> None:
	depot = stage.shop.add_location("Depot")
	here = stage.shop.location.id
	order = order_of(stage, NewLine("A", 2))
	stage.shop.move(order.fulfilment_orders[0], depot)
	push(stage, shipment(order, (f"{order.lines[0].id}:{here}", 2)))
	assert [each.location.id for each in order.fulfilments] == [depot.id]


def test_two_fulfilment_orders_of_one_location_go_in_one_call(stage: Stage) -> None:
	depot = stage.shop.add_location("Depot")
	order = order_of(stage, NewLine("A", 3, at={stage.shop.location.id: 2, depot.id: 1}))
	stage.shop.move(order.fulfilment_orders[1], stage.shop.location)
	push(stage, all_of(order))
	assert len(order.fulfilments) == 1
	assert stage.fields.count("fulfillmentCreate") == 1


def test_an_order_of_many_lines_is_read_to_its_end(stage: Stage) -> None:
	for number in range(120):
		stage.shop.add_product(f"L{number}", stock=9)
	order = order_of(stage, *(NewLine(f"L{number}", 1) for number in range(120)))
	result = push(stage, all_of(order))
	assert result.error is None
	assert sum(sent(order)[0].values()) == 120
	assert push(stage, all_of(order, id="DN-1")).external_ids == result.external_ids  # its lines are read too


@pytest.mark.parametrize("notify", [True, False])
def test_the_buyer_is_told_by_policy(stage: Stage, notify: bool) -> None:
	stage.changes = {"notify_customer": notify}
	order = order_of(stage)
	push(stage, all_of(order))
	assert order.fulfilments[0].notified is notify


def test_rows_that_are_no_lines_of_the_shop_are_left_out(stage: Stage) -> None:
	order = order_of(stage)
	lines = (ShipmentLine(order_line_id=None, sku="X", quantity=Decimal(1)), *all_of(order).lines)
	assert push(stage, all_of(order).model_copy(update={"lines": lines})).error is None


@pytest.mark.parametrize("quantity", ["0.5", "-1"])
def test_what_is_no_number_of_units(stage: Stage, quantity: str) -> None:
	order = order_of(stage)
	with pytest.raises(Rejected, match="whole units"):
		push(stage, shipment(order, (str(order.lines[0].id), quantity)))


# --- tracking ---


def test_several_parcels(stage: Stage) -> None:
	order = order_of(stage)
	parcels = (
		Parcel(carrier="dpd uk", tracking_number="1", tracking_url="https://a.example/1"),
		Parcel(carrier="DPD UK", tracking_number="2", tracking_url="https://a.example/2"),
	)
	push(stage, all_of(order, parcels=parcels))
	assert stage.shop.calls[-1].variables["fulfillment"]["trackingInfo"] == {
		"company": "DPD UK",
		"numbers": ["1", "2"],
		"urls": ["https://a.example/1", "https://a.example/2"],
	}


def test_urls_go_only_where_each_parcel_has_one(stage: Stage) -> None:
	"""Their position says whose they are."""
	parcels = (Parcel(tracking_number="1"), Parcel(tracking_number="2", tracking_url="https://a.example/2"))
	push(stage, all_of(order_of(stage), parcels=parcels))
	assert stage.shop.calls[-1].variables["fulfillment"]["trackingInfo"] == {"numbers": ["1", "2"]}


def test_a_carrier_is_spelled_as_shopify_spells_it() -> None:
	assert [spelled(name) for name in ("fedex", "BLUEDART", "Dhl  express", "Our van")] == [
		"FedEx",
		"Bluedart",
		"DHL Express",
		"Our van",
	]


def test_tracking_that_changed_is_told_once(stage: Stage) -> None:
	order = order_of(stage)
	done = push(stage, all_of(order))
	later = all_of(order, parcels=(SHIPPED,), external_ids=done.external_ids)
	assert push(stage, later).external_ids == done.external_ids
	assert [each.number for each in order.fulfilments[0].parcels] == ["794"]
	push(stage, later)
	assert stage.fields.count("fulfillmentTrackingInfoUpdate") == 1
	assert len(order.fulfilments) == 1


def test_tracking_that_only_shopify_knows_stays(stage: Stage) -> None:
	order = order_of(stage)
	done = push(stage, all_of(order, parcels=(SHIPPED,)))
	push(stage, all_of(order, external_ids=done.external_ids))
	assert [each.number for each in order.fulfilments[0].parcels] == ["794"]


def test_goods_that_came_back_were_sent_all_the_same(stage: Stage) -> None:
	order = order_of(stage)
	done = push(stage, all_of(order))
	back = all_of(order, status="returned", external_ids=done.external_ids)
	push(stage, back)
	assert len(sent(order)) == 1
	assert "fulfillmentCancel" not in stage.fields


# --- taking back ---


def test_a_cancelled_shipment_is_cancelled_at_every_location(stage: Stage) -> None:
	depot = stage.shop.add_location("Depot")
	order = order_of(stage, NewLine("A", 3, at={stage.shop.location.id: 2, depot.id: 1}))
	done = push(stage, all_of(order))
	push(stage, all_of(order, cancelled=True, external_ids=done.external_ids))
	assert sent(order) == []
	push(stage, all_of(order, cancelled=True, external_ids=done.external_ids))
	assert stage.fields.count("fulfillmentCancel") == 2


def test_a_shipment_that_was_never_told_has_nothing_to_take_back(stage: Stage) -> None:
	order = order_of(stage)
	assert push(stage, all_of(order, cancelled=True)).error is None
	assert stage.fields == ["order"]


def test_what_an_attempt_that_died_has_sent_is_taken_back_too(stage: Stage) -> None:
	order = order_of(stage)
	push(stage, all_of(order, parcels=(SHIPPED,)))  # and nobody kept the result
	push(stage, all_of(order, parcels=(SHIPPED,), cancelled=True))
	assert sent(order) == []


@pytest.mark.parametrize("parcels", [(), (SHIPPED,)])
def test_what_a_person_sent_is_not_taken_back(stage: Stage, parcels: tuple[Parcel, ...]) -> None:
	order = order_of(stage)
	stage.shop.fulfil(order.fulfilment_orders[0])
	push(stage, all_of(order, parcels=parcels, cancelled=True))
	assert len(sent(order)) == 1


def test_other_shipments_are_not_taken_back(stage: Stage) -> None:
	order = order_of(stage)
	other = push(stage, all_of(order))
	push(stage, all_of(order, id="DN-2", cancelled=True, taken_ids=other.external_ids))
	assert len(sent(order)) == 1


def test_a_cancelled_one_may_be_sent_anew(stage: Stage) -> None:
	order = order_of(stage)
	done = push(stage, all_of(order))
	push(stage, all_of(order, cancelled=True, external_ids=done.external_ids))
	again = push(stage, all_of(order, id="DN-1-1", taken_ids=done.external_ids))
	assert len(sent(order)) == 1
	assert again.external_ids != done.external_ids


# --- what a person has to do ---


def test_an_order_the_shop_does_not_have(stage: Stage) -> None:
	order = order_of(stage)
	stage.shop.delete_order(order)
	with pytest.raises(Rejected, match="read_all_orders"):
		push(stage, all_of(order))


def test_an_order_that_was_cancelled(stage: Stage) -> None:
	order = order_of(stage)
	stage.shop.cancel_order(order)
	with pytest.raises(Rejected, match="cancelled in Shopify"):
		push(stage, all_of(order))


@pytest.mark.parametrize(
	("status", "message"), [("ON_HOLD", "release the hold"), ("SCHEDULED", "Fulfill early")]
)
def test_a_fulfilment_order_that_waits(stage: Stage, status: str, message: str) -> None:
	order = order_of(stage)
	order.fulfilment_orders[0].status = status
	with pytest.raises(Rejected, match=message):
		push(stage, all_of(order))
	assert sent(order) == []


def test_what_a_person_sent_in_shopify_cannot_be_sent_again(stage: Stage) -> None:
	order = order_of(stage)
	by_hand = stage.shop.fulfil(order.fulfilment_orders[0])
	with pytest.raises(Rejected, match="nothing of it is left"):
		push(stage, all_of(order, taken_ids=(str(by_hand.id),)))


def test_more_than_is_left(stage: Stage) -> None:
	order = order_of(stage)
	with pytest.raises(Rejected, match=r"1 of line .* no more of it is left"):
		push(stage, shipment(order, (str(order.lines[0].id), 4)))
	assert sent(order) == []


def test_nothing_is_sent_of_a_shipment_that_cannot_be_sent_whole(stage: Stage) -> None:
	depot = stage.shop.add_location("Depot")
	order = order_of(stage, NewLine("A", 3, at={stage.shop.location.id: 2, depot.id: 1}))
	order.fulfilment_orders[1].status = "ON_HOLD"
	with pytest.raises(Rejected):
		push(stage, all_of(order))
	assert sent(order) == []


def test_a_line_that_is_not_the_orders(stage: Stage) -> None:
	order = order_of(stage)
	with pytest.raises(Rejected, match="no such line"):
		push(stage, shipment(order, ("1", 1)))
	with pytest.raises(Rejected, match="no line of a Shopify order"):
		push(stage, shipment(order, ("l1", 1)))


def test_a_fulfilment_that_was_cancelled_in_shopify_is_not_made_again(stage: Stage) -> None:
	order = order_of(stage)
	done = push(stage, all_of(order))
	stage.shop.cancel_fulfilment(order.fulfilments[0])
	with pytest.raises(Rejected, match="was cancelled in Shopify"):
		push(stage, all_of(order, parcels=(SHIPPED,), external_ids=done.external_ids))
	assert sent(order) == []


# --- never twice ---


def test_an_attempt_whose_answer_was_lost_is_known_again(stage: Stage) -> None:
	order = order_of(stage, NewLine("A", 9))
	partial = shipment(order, (str(order.lines[0].id), 3), parcels=(SHIPPED,))
	stage.shop.fail("lost", operation="fulfillmentCreate")
	with pytest.raises(Retryable):
		push(stage, partial)
	assert push(stage, partial).external_ids == (str(order.fulfilments[0].id),)
	assert len(sent(order)) == 1


def test_an_attempt_that_died_between_two_locations_goes_on(stage: Stage) -> None:
	"""The first location's are not sent again from the second one, which has enough for both."""
	depot = stage.shop.add_location("Depot")
	here = stage.shop.location.id
	order = order_of(stage, NewLine("A", 10, at={here: 2, depot.id: 8}))
	partial = shipment(order, (str(order.lines[0].id), 3))
	stage.shop.fail("lost", operation="fulfillmentCreate")
	with pytest.raises(Retryable):
		push(stage, partial)
	result = push(stage, partial)
	assert [
		(each.location.id, sum(lines.values()))
		for each, lines in zip(order.fulfilments, sent(order), strict=True)
	] == [
		(here, 2),
		(depot.id, 1),
	]
	assert len(result.external_ids) == 2


def test_a_part_that_a_person_sent_is_not_ours(stage: Stage) -> None:
	order = order_of(stage, NewLine("A", 9))
	fulfilment_order = order.fulfilment_orders[0]
	stage.shop.fulfil(fulfilment_order, {fulfilment_order.lines[0]: 1})
	result = push(stage, shipment(order, (str(order.lines[0].id), 3)))
	assert [sum(lines.values()) for lines in sent(order)] == [1, 3]
	assert result.external_ids == (str(order.fulfilments[1].id),)


def test_a_shipment_that_a_person_began_is_ended(stage: Stage) -> None:
	"""It was for the whole order: what went from Shopify's own screens went from it."""
	order = order_of(stage, NewLine("A", 3))
	fulfilment_order = order.fulfilment_orders[0]
	stage.shop.fulfil(fulfilment_order, {fulfilment_order.lines[0]: 1})
	result = push(stage, all_of(order))
	assert [sum(lines.values()) for lines in sent(order)] == [1, 2]
	assert len(result.external_ids) == 2


def test_what_another_shipment_took_for_its_own_is_sent_anew(stage: Stage) -> None:
	"""The second shipment is as large as the first location's part of the first one, whose end nobody knows."""
	depot = stage.shop.add_location("Depot")
	order = order_of(stage, NewLine("A", 5, at={stage.shop.location.id: 2, depot.id: 3}))
	line = str(order.lines[0].id)
	push(stage, shipment(order, (line, 3)))  # and nobody kept the result
	other = push(stage, shipment(order, (line, 2), id="DN-2"))
	push(stage, shipment(order, (line, 3), taken_ids=other.external_ids))
	assert sum(sum(lines.values()) for lines in sent(order)) == 5


def test_a_line_that_is_on_hold_in_part_goes_from_the_other_part(stage: Stage) -> None:
	depot = stage.shop.add_location("Depot")
	order = order_of(stage, NewLine("A", 3, at={stage.shop.location.id: 1, depot.id: 2}))
	stage.shop.move(order.fulfilment_orders[1], stage.shop.location)
	order.fulfilment_orders[0].status = "ON_HOLD"
	push(stage, shipment(order, (str(order.lines[0].id), 2)))
	assert [sum(lines.values()) for lines in sent(order)] == [2]


def test_of_two_that_fit_the_one_with_our_tracking_is_ours(stage: Stage) -> None:
	order = order_of(stage, NewLine("A", 9))
	line = str(order.lines[0].id)
	push(stage, shipment(order, (line, 2), parcels=(SHIPPED,)))  # lost, and then somebody sends as much
	fulfilment_order = order.fulfilment_orders[0]
	stage.shop.fulfil(fulfilment_order, {fulfilment_order.lines[0]: 2})
	result = push(stage, shipment(order, (line, 2), parcels=(SHIPPED,)))
	assert result.external_ids == (str(order.fulfilments[0].id),)


def test_an_adopted_fulfilment_gets_the_tracking_of_now(stage: Stage) -> None:
	order = order_of(stage)
	push(stage, all_of(order))
	push(stage, all_of(order, parcels=(SHIPPED,)))
	assert [each.number for each in order.fulfilments[0].parcels] == ["794"]


def test_no_fulfilment_of_an_order_is_overlooked(stage: Stage) -> None:
	order = order_of(stage, NewLine("A", 60))
	for _each in range(53):
		stage.shop.fulfil(order.fulfilment_orders[0], {order.fulfilment_orders[0].lines[0]: 1})
	found = shipments.read_order(stage.client, str(order.id))
	assert found is not None
	assert [each.id for each in found.sent] == [str(each.id) for each in order.fulfilments]


def test_an_order_of_more_fulfilments_than_can_be_read_is_refused(
	stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
	order = order_of(stage, NewLine("A", 60))
	for _each in range(53):
		stage.shop.fulfil(order.fulfilment_orders[0], {order.fulfilment_orders[0].lines[0]: 1})
	monkeypatch.setattr(shipments, "MOST_LISTED", 53)
	with pytest.raises(Rejected, match="53 fulfilments or more"):
		push(stage, shipment(order, (str(order.lines[0].id), 1)))


FAULT = st.sampled_from(["", "", "lost", "hang up", "500"])


@given(
	stock=st.lists(st.lists(st.integers(0, 4), min_size=1, max_size=3), min_size=1, max_size=2),
	cuts=st.lists(st.integers(0, 5), min_size=1, max_size=4),
	attempts=st.lists(st.tuples(st.integers(0, 3), FAULT, st.integers(1, 3)), max_size=14),
	suffixed=st.booleans(),
	tracked=st.booleans(),
)
@settings(max_examples=150, deadline=None)
def test_whatever_dies_and_when_each_shipment_is_sent_once(
	stock: list[list[int]],
	cuts: list[int],
	attempts: Sequence[tuple[int, str, int]],
	suffixed: bool,
	tracked: bool,
) -> None:
	"""Shipments of one order, attempted in any order, each call of which may not arrive, or be done and not be
	answered; what an attempt learned is kept only if it ended."""
	stage = Stage()
	places = [stage.shop.location, stage.shop.add_location("Depot"), stage.shop.add_location("Shop")]
	for number, _ in enumerate(stock):
		stage.shop.add_product(f"P{number}", stock=100)
	lines = [
		NewLine(f"P{number}", sum(shares), at={p.id: n for p, n in zip(places, shares, strict=False) if n})
		for number, shares in enumerate(stock)
		if sum(shares)
	]
	if not lines:
		return
	order = stage.shop.place_order(lines)
	planned = _cut(order, cuts, suffixed, tracked)
	kept: dict[str, tuple[str, ...]] = {}
	rounds = [*attempts, *((number, "", 1) for number in range(len(planned)))]
	for number, fault, after in rounds:
		what = planned[number % len(planned)]
		taken = tuple(one for other, ids in kept.items() if other != what.id for one in ids)
		if fault:
			_fail(stage, fault, after)
		try:
			result = push(
				stage, what.model_copy(update={"external_ids": kept.get(what.id, ()), "taken_ids": taken})
			)
			kept[what.id] = result.external_ids
		except BridgeError as error:
			assert isinstance(error, Retryable), error
		stage.shop.faults.clear()
	_assert_sent_once(order, planned, kept)


def _fail(stage: Stage, fault: str, after: int) -> None:
	"""The n-th call of the attempt goes wrong."""
	if after > 1:
		stage.shop.faults.append(_Passes(after - 1))
	stage.shop.fail(fault)


class _Passes:
	"""Lets some calls through."""

	operation = None
	kind = ""

	def __init__(self, calls: int):
		self.calls = calls


def _cut(order: Order, cuts: list[int], suffixed: bool, tracked: bool) -> list[Shipment]:
	"""The order in shipments, the last of which has the rest."""
	left: Counter[str] = Counter()
	for part in (part for each in order.fulfilment_orders for part in each.lines):
		place = next(each.location.id for each in order.fulfilment_orders if part in each.lines)
		left[f"{part.line.id}:{place}" if suffixed else str(part.line.id)] += part.total
	planned = []
	for number, size in enumerate([*cuts, 99]):
		taken: Counter[str] = Counter()
		for line in list(left):
			taken[line] = min(size, left[line])
			left[line] -= taken[line]
		if +taken:
			parcels = (Parcel(carrier="UPS", tracking_number=f"1Z{number}"),) if tracked else ()
			planned.append(shipment(order, *(+taken).items(), id=f"DN-{number}", parcels=parcels))
	return planned


def _assert_sent_once(order: Order, planned: list[Shipment], kept: dict[str, tuple[str, ...]]) -> None:
	assert kept.keys() == {what.id for what in planned}
	assert sum(map(len, kept.values())) == len({one for ids in kept.values() for one in ids})
	assert {int(one) for ids in kept.values() for one in ids} == {each.id for each in order.fulfilments}
	by_id = {each.id: each for each in order.fulfilments}
	for what in planned:
		told: Counter[str] = Counter()
		for one in kept[what.id]:
			for _, part, quantity in by_id[int(one)].parts:
				told[str(part.line.id)] += quantity
		asked: Counter[str] = Counter()
		for line in what.lines:
			asked[(line.order_line_id or "").partition(":")[0]] += int(line.quantity)
		assert told == asked
