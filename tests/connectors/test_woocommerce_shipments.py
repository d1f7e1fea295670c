"""Shipments in each of the four ways a shop may have: all of it told, nothing twice, and the buyer mailed once."""

from __future__ import annotations

import contextlib
import re
from collections import Counter
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commerce_bridge.bridge.channel import ShippedPolicy
from commerce_bridge.bridge.errors import Misconfigured, Rejected, Retryable
from commerce_bridge.bridge.model import Parcel, Shipment, ShipmentLine
from commerce_bridge.bridge.protocols import PushResult
from commerce_bridge.connectors.woocommerce import shipments
from commerce_bridge.connectors.woocommerce.carriers import plain, provider_of
from tests.connectors.storefront import NOW
from tests.connectors.woocommerce_desk import ADVANCED, FULFILMENTS, NOTES, OFFICIAL, WAYS, Desk, Order
from tests.connectors.woocommerce_shop import CHANNEL

COMPLETES = {"shipped": ShippedPolicy(whole="completed")}
FIRST = Parcel(carrier="Olva Courier", tracking_number="111", tracking_url="https://olva.example/111")
SECOND = Parcel(carrier="DPD", tracking_number="222")


def shipment(order: Order, *quantities: int, **values: Any) -> Shipment:
	"""Of the order's lines, so many of each."""
	return Shipment(
		id=values.pop("id", "DN-1"),
		order_id=str(order.id),
		order_number=f"#{order.id}",
		lines=tuple(
			ShipmentLine(order_line_id=str(line), sku=f"SKU-{place}", quantity=Decimal(quantity))
			for place, (line, quantity) in enumerate(zip(order.lines, quantities, strict=False))
		),
		**{"shipped_at": NOW, **values},
	)


def push(desk: Desk, what: Shipment, **channel: Any) -> PushResult:
	shop = desk.shop(**channel)
	return shipments.push(shop.client, shop.channel, what)


def shown(order: Order) -> Any:
	"""What of the order a person sees, without the numbers that a shop gives."""
	fulfilments = [
		(row["is_fulfilled"], sorted((each["key"], str(each["value"])) for each in row["meta_data"]))
		for row in order.fulfilments.values()
		if not row["deleted"]
	]
	notes = [(row["note"], row["customer_note"]) for row in order.notes.values()]
	trackings = [
		(row["tracking_provider"], row["tracking_number"], row["tracking_link"])
		for row in order.trackings.values()
	]
	return order.status, sorted(fulfilments), sorted(notes), sorted(trackings)


def meta(order: Order, place: int = 0) -> dict[str, Any]:
	rows = [row for row in order.fulfilments.values() if not row["deleted"]]
	return {row["key"]: row["value"] for row in rows[place]["meta_data"]}


def sent(order: Order) -> Counter[int]:
	total: Counter[int] = Counter()
	for place, row in enumerate(row for row in order.fulfilments.values() if not row["deleted"]):
		assert row["is_fulfilled"]
		total.update({item["item_id"]: item["qty"] for item in meta(order, place)["_items"]})
	return total


def numbers(order: Order) -> list[str]:
	"""The tracking numbers that a buyer sees, whatever the way."""
	seen = [row["tracking_number"] for row in order.trackings.values()]
	for row in order.notes.values():
		seen += re.findall(r"\b[1-9]{3}\b", row["note"].partition("\n")[2])
	for place in range(sum(not row["deleted"] for row in order.fulfilments.values())):
		seen += filter(None, meta(order, place)["_tracking_number"].split(", "))
	return list(dict.fromkeys(seen))


# --- every way ---


@pytest.mark.parametrize("way", WAYS)
def test_a_shipment_is_told_with_its_tracking_and_moves_the_order(way: str) -> None:
	desk = Desk(way)
	order = desk.place(3, 2)
	result = push(desk, shipment(order, 3, 2, parcels=(FIRST,), complete=True), **COMPLETES)
	assert result.error is None
	assert (numbers(order), order.status) == (["111"], "completed")
	assert len(result.external_ids) == 1


@pytest.mark.parametrize("way", WAYS)
def test_parts_of_an_order_go_one_after_the_other(way: str) -> None:
	desk = Desk(way)
	order = desk.place(3, 2)
	policy = {"shipped": ShippedPolicy(whole="completed", part="on-hold")}
	done = push(desk, shipment(order, 2, parcels=(FIRST,)), **policy)
	assert (numbers(order), order.status) == (["111"], "on-hold")
	rest = shipment(order, 1, 2, id="DN-2", parcels=(SECOND,), taken_ids=done.external_ids, complete=True)
	result = push(desk, rest, **policy)
	assert (sorted(numbers(order)), order.status) == (["111", "222"], "completed")
	assert set(done.external_ids).isdisjoint(result.external_ids)
	if way == FULFILMENTS:
		assert sorted(sent(order).values()) == [2, 3]


@pytest.mark.parametrize("way", WAYS)
def test_several_parcels_are_all_told(way: str) -> None:
	desk = Desk(way)
	order = desk.place(1)
	push(desk, shipment(order, 1, parcels=(FIRST, SECOND, FIRST)))
	assert numbers(order) == ["111", "222"]


@pytest.mark.parametrize("way", WAYS)
def test_tracking_that_changes_takes_the_place_of_the_old(way: str) -> None:
	desk = Desk(way)
	order = desk.place(1)
	told = push(desk, shipment(order, 1, parcels=(FIRST,)))
	push(desk, shipment(order, 1, parcels=(SECOND,), external_ids=told.external_ids))
	assert numbers(order) == ["222"]


@pytest.mark.parametrize("way", WAYS)
def test_tracking_that_is_taken_away_disappears(way: str) -> None:
	desk = Desk(way)
	order = desk.place(1)
	told = push(desk, shipment(order, 1, parcels=(FIRST, SECOND)))
	push(desk, shipment(order, 1, external_ids=told.external_ids))
	assert numbers(order) == []


@pytest.mark.parametrize("way", WAYS)
def test_the_same_again_writes_nothing(way: str) -> None:
	desk = Desk(way)
	order = desk.place(3)
	what = shipment(order, 3, parcels=(FIRST, SECOND), complete=True)
	told = push(desk, what, **COMPLETES)
	writes, mails = len(desk.writes), list(desk.mails)
	for known in ((), told.external_ids):
		again = push(desk, what.model_copy(update={"external_ids": known}), **COMPLETES)
		assert again.external_ids == told.external_ids
	delivered = what.model_copy(update={"status": "delivered", "external_ids": told.external_ids})
	push(desk, delivered, **COMPLETES)
	assert (len(desk.writes), desk.mails) == (writes, mails)


@pytest.mark.parametrize("way", WAYS)
def test_goods_that_came_back_change_nothing(way: str) -> None:
	desk = Desk(way)
	order = desk.place(2)
	told = push(desk, shipment(order, 2, parcels=(FIRST,)))
	before, mails = shown(order), list(desk.mails)
	back = shipment(
		order, 2, parcels=(FIRST,), external_ids=told.external_ids, status="returned", complete=True
	)
	push(desk, back, **COMPLETES)
	assert (shown(order), desk.mails) == (before, mails)


@pytest.mark.parametrize("way", WAYS)
def test_a_shipment_that_is_taken_back_leaves_no_tracking_and_only_its_own_goes(way: str) -> None:
	desk = Desk(way)
	order = desk.place(3)
	first = push(desk, shipment(order, 1, parcels=(FIRST,)))
	other = shipment(order, 2, id="DN-2", parcels=(SECOND,), taken_ids=first.external_ids)
	second = push(desk, other)
	push(
		desk,
		shipment(
			order,
			1,
			parcels=(FIRST,),
			cancelled=True,
			external_ids=first.external_ids,
			taken_ids=second.external_ids,
		),
	)
	assert numbers(order) == ["222"]
	mails, writes = list(desk.mails), len(desk.writes)
	push(desk, shipment(order, 1, cancelled=True, external_ids=first.external_ids))
	assert (desk.mails, len(desk.writes)) == (mails, writes)


@pytest.mark.parametrize("status", ("processing", "cancelled", "trash"))
@pytest.mark.parametrize("way", WAYS)
def test_what_was_never_told_is_not_taken_back(way: str, status: str) -> None:
	desk = Desk(way)
	order = desk.place(1, status=status)
	result = push(desk, shipment(order, 1, parcels=(FIRST,), cancelled=True, complete=True), **COMPLETES)
	assert (desk.writes, desk.mails, result.external_ids) == ([], [], ())


@pytest.mark.parametrize("way", WAYS)
def test_what_was_told_without_an_answer_is_taken_back(way: str) -> None:
	desk = Desk(way)
	order = desk.place(1)
	writing = 3 if way in (ADVANCED, NOTES) else 4  # the others ask about the carrier
	what = shipment(order, 1, parcels=(SECOND.model_copy(update={"tracking_url": None}),))
	desk.dies = (writing, True)
	with pytest.raises(Retryable):
		push(desk, what)
	assert numbers(order) == ["222"]
	push(desk, what.model_copy(update={"cancelled": True}))
	assert numbers(order) == []


@pytest.mark.parametrize("way", WAYS)
def test_a_taken_back_shipment_moves_no_status(way: str) -> None:
	desk = Desk(way)
	order = desk.place(1)
	told = push(desk, shipment(order, 1, parcels=(FIRST,)))
	gone = shipment(order, 1, cancelled=True, complete=True, external_ids=told.external_ids)
	push(desk, gone, **COMPLETES)
	assert order.status == "processing"


@pytest.mark.parametrize("way", WAYS)
def test_the_buyer_is_not_written_to_where_the_channel_says_so(way: str) -> None:
	desk = Desk(way)
	order = desk.place(2)
	quiet = {"notify_customer": False}
	told = push(desk, shipment(order, 2, parcels=(FIRST,)), **quiet)
	told = push(desk, shipment(order, 2, parcels=(SECOND,), external_ids=told.external_ids), **quiet)
	push(desk, shipment(order, 2, cancelled=True, external_ids=told.external_ids), **quiet)
	assert desk.mails == []


@pytest.mark.parametrize("way", (FULFILMENTS, NOTES))
@pytest.mark.parametrize("status", ("returned", "lost"))
def test_nobody_is_told_that_goods_are_on_their_way_that_are_back_or_lost(way: str, status: str) -> None:
	desk = Desk(way)
	push(desk, shipment(desk.place(1), 1, status=status))
	assert desk.writes and desk.mails == []


# --- a line that breaks ---


def steps(order: Order) -> list[tuple[str, Shipment]]:
	return [
		("first", shipment(order, 2, parcels=(FIRST, SECOND))),
		("change", shipment(order, 2, parcels=(SECOND.model_copy(update={"tracking_number": "333"}),))),
		("rest", shipment(order, 1, 2, id="DN-2", complete=True)),
		("back", shipment(order, 2, cancelled=True)),
	]


def run(way: str, breaks: dict[int, tuple[int, bool]]) -> tuple[Any, list[str], list[int]]:
	"""All steps, with the line broken at a call of some of them; each is repeated as the journal would. Returns what
	is seen in the end, the buyer's mails, and how many calls each step made when nothing broke."""
	desk = Desk(way)
	order = desk.place(3, 2)
	known: dict[str, tuple[str, ...]] = {}
	made = []
	for number, (_, what) in enumerate(steps(order)):
		others = tuple(one for name, ids in known.items() if name != what.id for one in ids)
		what = what.model_copy(update={"external_ids": known.get(what.id, ()), "taken_ids": others})
		before = len(desk.calls)
		if number in breaks:
			call, done = breaks[number]
			desk.dies = (before + call, done)
			with pytest.raises(Retryable):
				push(desk, what, **COMPLETES)
		result = push(desk, what, **COMPLETES)
		made.append(len(desk.calls) - before)
		known[what.id] = tuple(dict.fromkeys((*known.get(what.id, ()), *result.external_ids)))
	return shown(order), desk.mails, made


@pytest.mark.parametrize("done", (False, True))
@pytest.mark.parametrize("way", WAYS)
def test_a_repetition_after_a_broken_line_tells_nothing_twice(way: str, done: bool) -> None:
	seen, mails, made = run(way, {})
	for step, calls in enumerate(made):
		for call in range(1, calls + 1):
			assert run(way, {step: (call, done)})[:2] == (seen, mails), (step, call)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_no_more_is_sent_than_was_ordered_wherever_lines_break(data: st.DataObject) -> None:
	desk = Desk(FULFILMENTS)
	ordered = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=3))
	order = desk.place(*ordered)
	left, known = list(ordered), []
	for number in range(data.draw(st.integers(1, 4))):
		part = [data.draw(st.integers(0, count)) for count in left]
		if not any(part):
			continue
		left = [count - gone for count, gone in zip(left, part, strict=True)]
		what = shipment(order, *part, id=f"DN-{number}", taken_ids=tuple(known))
		for _ in range(data.draw(st.integers(0, 2))):
			desk.dies = (len(desk.calls) + data.draw(st.integers(1, 4)), data.draw(st.booleans()))
			with contextlib.suppress(Retryable):
				push(desk, what)
		desk.dies = None
		known += push(desk, what).external_ids
	gone = [count - rest for count, rest in zip(ordered, left, strict=True)]
	assert [sent(order)[line] for line in order.lines] == gone
	assert desk.mails == ["An item has been fulfilled"] * len(known)


# --- the order's status ---


@pytest.mark.parametrize(
	("current", "whole", "part", "complete", "after"),
	[
		("processing", "completed", "", True, "completed"),
		("processing", "wc-completed", "", True, "completed"),
		("on-hold", "completed", "", True, "completed"),
		("pending", "completed", "", True, "completed"),
		("processing", "completed", "", False, "processing"),
		("processing", "completed", "partial", False, "partial"),
		("partial", "completed", "partial", True, "completed"),
		("packing", "shipped", "partial", True, "shipped"),
		("shipped", "shipped", "partial", False, "shipped"),
		("completed", "shipped", "partial", True, "completed"),
		("completed", "completed", "partial", False, "completed"),
		("refunded", "completed", "", True, "refunded"),
		("failed", "completed", "", True, "failed"),
		("processing", "", "partial", True, "processing"),
	],
)
def test_the_status_goes_forward_only(
	current: str, whole: str, part: str, complete: bool, after: str
) -> None:
	desk = Desk(NOTES, statuses=["completed", "shipped", "partial", "packing", "processing"])
	order = desk.place(1, status=current)
	push(desk, shipment(order, 1, complete=complete), shipped=ShippedPolicy(whole=whole, part=part))
	assert order.status == after


def test_what_a_person_made_of_the_status_stays_when_a_told_shipment_changes() -> None:
	desk = Desk(NOTES)
	desk.statuses.append("packing")
	order = desk.place(1)
	told = push(desk, shipment(order, 1, complete=True), **COMPLETES)
	order.status = "packing"
	again = shipment(order, 1, complete=True, parcels=(FIRST,), external_ids=told.external_ids)
	push(desk, again, **COMPLETES)
	assert (order.status, numbers(order)) == ("packing", ["111"])


def test_a_told_part_that_turns_out_to_be_the_rest_moves_the_order_on() -> None:
	desk = Desk(NOTES)
	desk.statuses.append("partial")
	order = desk.place(2)
	policy = {"shipped": ShippedPolicy(whole="completed", part="partial")}
	told = push(desk, shipment(order, 1), **policy)
	assert order.status == "partial"
	push(desk, shipment(order, 1, external_ids=told.external_ids, complete=True), **policy)
	assert order.status == "completed"


@pytest.mark.parametrize(("complete", "field"), [(True, "shipped_status"), (False, "partly_shipped_status")])
def test_a_status_that_the_shop_does_not_know_names_the_field(complete: bool, field: str) -> None:
	desk = Desk(FULFILMENTS)
	order = desk.place(1)
	what = shipment(order, 1, complete=complete)
	policy = {"shipped": ShippedPolicy(whole="gone-out", part="gone-out")}
	with pytest.raises(Misconfigured, match="no order status 'gone-out'") as raised:
		push(desk, what, **policy)
	assert (raised.value.document, raised.value.fieldname) == (CHANNEL.name, field)
	desk.statuses.append("gone-out")  # the person adds it
	push(desk, what, **policy)
	assert (order.status, len(order.fulfilments), len(desk.mails)) == ("gone-out", 1, 1)


# --- orders that are none any more ---


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
	("status", "says"), [("cancelled", "is cancelled in"), ("trash", "restore it there")]
)
def test_a_void_order_is_a_persons_to_decide(way: str, status: str, says: str) -> None:
	desk = Desk(way)
	order = desk.place(1, status=status)
	with pytest.raises(Rejected, match=says):
		push(desk, shipment(order, 1, parcels=(FIRST,)))
	assert (desk.writes, desk.mails) == ([], [])


@pytest.mark.parametrize("way", WAYS)
def test_a_parcel_under_way_is_followed_although_its_order_was_cancelled(way: str) -> None:
	desk = Desk(way)
	order = desk.place(1)
	told = push(desk, shipment(order, 1, parcels=(FIRST,)))
	order.status = "cancelled"
	push(
		desk,
		shipment(order, 1, parcels=(SECOND,), external_ids=told.external_ids, complete=True),
		**COMPLETES,
	)
	assert (numbers(order), order.status) == (["222"], "cancelled")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("status", ["cancelled", "trash", "refunded"])
def test_it_is_taken_back_from_a_void_order_too(way: str, status: str) -> None:
	desk = Desk(way)
	order = desk.place(1)
	told = push(desk, shipment(order, 1, parcels=(FIRST,)))
	order.status = status
	push(desk, shipment(order, 1, cancelled=True, external_ids=told.external_ids))
	assert (numbers(order), order.status) == ([], status)


def test_an_order_that_is_gone_from_the_shop() -> None:
	desk = Desk(FULFILMENTS)
	order = desk.place(1)
	del desk.orders[order.id]
	with pytest.raises(Rejected, match="deleted there"):
		push(desk, shipment(order, 1))
	assert push(desk, shipment(order, 1, cancelled=True)).error is None


def test_an_id_that_is_none_reaches_no_address() -> None:
	desk = Desk(NOTES)
	what = shipment(desk.place(1), 1).model_copy(update={"order_id": "1/notes"})
	with pytest.raises(Rejected, match="no order of a WooCommerce shop"):
		push(desk, what)
	assert desk.calls == []


# --- core fulfilments ---


def test_a_fulfilment_holds_goods_tracking_and_whose_it_is() -> None:
	desk = Desk(FULFILMENTS)
	order = desk.place(3, 2)
	push(desk, shipment(order, 3, 1, parcels=(FIRST, SECOND)))
	values = meta(order)
	first, second = order.lines
	assert values["_items"] == [{"item_id": first, "qty": 3}, {"item_id": second, "qty": 1}]
	assert values["_tracking_number"] == "111, 222"
	assert values["_tracking_url"] == "https://olva.example/111"
	assert (values["_shipment_provider"], values["_provider_name"]) == ("other", "Olva Courier, DPD")
	assert values["Parcel 2"] == "DPD 222"
	assert values["_shipping_option"] == "manual-entry"
	assert values["_commerce_bridge_shipment"] == "DN-1"


def test_the_second_parcels_row_goes_with_the_parcel_and_others_rows_stay() -> None:
	desk = Desk(FULFILMENTS)
	order = desk.place(1)
	told = push(desk, shipment(order, 1, parcels=(FIRST, SECOND)))
	(row,) = order.fulfilments.values()
	row["meta_data"].append({"id": 7, "key": "_is_locked", "value": True})
	push(desk, shipment(order, 1, parcels=(SECOND,), external_ids=told.external_ids))
	values = meta(order)
	assert (values["_is_locked"], values["_date_fulfilled"]) == (True, "2026-11-20")
	assert values["_tracking_number"] == "222"
	assert "Parcel 2" not in values
	assert values["_items"] == [{"item_id": next(iter(order.lines)), "qty": 1}]


@pytest.mark.parametrize(
	("carrier", "key", "name"),
	[
		("DHL", "dhl", ""),
		("dhl", "dhl", ""),
		("Deutsche Post", "deutsche-post", ""),
		("Österreichische Post", "osterreichische-post", ""),
		("Yurtiçi Kargo", "yurtici-kargo", ""),
		("Evri", "evri-hermes", ""),
		("Olva  Courier", "other", "Olva Courier"),
		("", "", ""),
		(None, "", ""),
	],
)
def test_carriers_are_spelled_as_woocommerce_does(carrier: str | None, key: str, name: str) -> None:
	assert provider_of(carrier) == (key, name)


def test_names_are_compared_without_what_spellings_differ_in() -> None:
	assert plain("La Poste / Colissimo") == plain("la-poste-colissimo")
	assert plain("DHL") != plain("DPD")


def test_without_a_link_the_shops_own_for_that_carrier_is_taken_and_stays() -> None:
	desk = Desk(FULFILMENTS)
	order = desk.place(1)
	what = shipment(order, 1, parcels=(Parcel(carrier="DHL", tracking_number="444"),))
	told = push(desk, what)
	assert meta(order)["_tracking_url"] == "https://www.dhl.example/444"
	calls = len(desk.calls)
	push(desk, what.model_copy(update={"external_ids": told.external_ids}))
	assert [method for method, _ in desk.calls[calls:]] == ["GET", "GET"]


@pytest.mark.parametrize(
	"parcel",
	[
		Parcel(carrier="GLS", tracking_number="444"),  # the shop guesses another carrier
		Parcel(carrier="DHL", tracking_number="x"),  # it knows none
		Parcel(carrier="Olva", tracking_number="444"),
		Parcel(tracking_number="444"),
	],
)
def test_a_guess_is_no_link(parcel: Parcel) -> None:
	desk = Desk(FULFILMENTS)
	order = desk.place(1)
	push(desk, shipment(order, 1, parcels=(parcel,)))
	assert meta(order)["_tracking_url"] == ""
	asked = [path for _, path in desk.calls if path.endswith("/lookup")]
	assert len(asked) == (
		parcel.carrier in ("GLS", "DHL")
	)  # of a carrier it does not know it cannot know a link


@pytest.mark.parametrize("fulfilled", (True, False))
def test_a_persons_fulfilment_of_the_same_goods_is_taken_over(fulfilled: bool) -> None:
	desk = Desk(FULFILMENTS)
	order = desk.place(2, 1)
	first, second = order.lines
	theirs = desk.put_fulfilment(order, {first: 2, second: 1}, fulfilled)
	result = push(desk, shipment(order, 2, 1, parcels=(FIRST,)))
	assert result.external_ids == (str(theirs["id"]),)
	assert (sent(order), numbers(order)) == (Counter({first: 2, second: 1}), ["111"])
	assert len(desk.mails) == 1


@pytest.mark.parametrize("fulfilled", (True, False))
def test_the_buyer_is_not_told_again_of_what_a_person_sent(fulfilled: bool) -> None:
	desk = Desk(FULFILMENTS)
	order = desk.place(2)
	desk.put_fulfilment(order, {next(iter(order.lines)): 2}, fulfilled)
	push(desk, shipment(order, 2))
	assert meta(order)["_commerce_bridge_shipment"] == "DN-1"
	assert desk.mails == ([] if fulfilled else ["An item has been fulfilled"])


def test_what_a_person_edited_in_the_shop_is_still_the_shipments() -> None:
	desk = Desk(FULFILMENTS)
	order = desk.place(2)
	told = push(desk, shipment(order, 2, parcels=(FIRST,)))
	(row,) = order.fulfilments.values()

	def edit() -> None:
		"""The form of the dashboard keeps what it knows, and drops the rest."""
		items = [{"item_id": line, "qty": 1} for line in order.lines]
		known = [
			each for each in row["meta_data"] if each["key"] not in ("_commerce_bridge_shipment", "_items")
		]
		row["meta_data"] = [*known, {"id": 7, "key": "_items", "value": items}]

	edit()
	changed = shipment(order, 2, parcels=(SECOND,), external_ids=told.external_ids)
	assert push(desk, changed).external_ids == told.external_ids
	assert (numbers(order), sum(sent(order).values())) == (["222"], 1)
	edit()
	push(desk, changed.model_copy(update={"cancelled": True}))
	assert sent(order) == Counter()


def test_a_fulfilment_that_a_person_made_a_draft_again_is_sent_again() -> None:
	desk = Desk(FULFILMENTS)
	order = desk.place(2)
	told = push(desk, shipment(order, 2, parcels=(FIRST,)))
	next(iter(order.fulfilments.values()))["is_fulfilled"] = False
	push(desk, shipment(order, 2, parcels=(FIRST,), external_ids=told.external_ids))
	assert sum(sent(order).values()) == 2


def test_a_persons_draft_of_other_goods_has_sent_nothing() -> None:
	desk = Desk(FULFILMENTS)
	order = desk.place(3)
	draft = desk.put_fulfilment(order, {next(iter(order.lines)): 3}, fulfilled=False)
	push(desk, shipment(order, 2))
	draft["deleted"] = True
	assert sum(sent(order).values()) == 2


def test_what_woocommerce_refuses_says_where_to_look() -> None:
	desk = Desk(FULFILMENTS)
	order = desk.place(2)
	told = push(desk, shipment(order, 2))
	desk.refuses = True
	with pytest.raises(Rejected, match=f"of order {order.id} .0.: look at"):
		push(desk, shipment(order, 2, parcels=(FIRST,), external_ids=told.external_ids))
	next(iter(order.fulfilments.values()))["deleted"] = True
	with pytest.raises(Rejected, match="look at the order's fulfilments there"):
		push(desk, shipment(order, 2))


def test_another_shipments_fulfilment_of_the_same_goods_is_not() -> None:
	desk = Desk(FULFILMENTS)
	order = desk.place(2)
	told = push(desk, shipment(order, 1))
	again = push(desk, shipment(order, 1, id="DN-2"))  # not known yet that it is taken
	assert told.external_ids != again.external_ids
	assert sum(sent(order).values()) == 2


def test_what_the_shop_marked_as_sent_itself_is_not_sent_again() -> None:
	desk = Desk(FULFILMENTS)
	order = desk.place(2, 1)
	goods, licence = order.lines
	desk.put_fulfilment(order, {licence: 1})
	push(desk, shipment(order, 2, 1, parcels=(FIRST,)))
	assert sent(order) == Counter({goods: 2, licence: 1})


def test_what_a_person_sent_otherwise_is_left_to_the_person() -> None:
	desk = Desk(FULFILMENTS)
	order = desk.place(2)
	desk.put_fulfilment(order, {next(iter(order.lines)): 2})
	with pytest.raises(Rejected, match="fulfilled already"):
		push(desk, shipment(order, 1, parcels=(FIRST,), complete=True), **COMPLETES)
	assert (desk.writes, order.status) == ([], "processing")
	assert push(desk, shipment(order, 1, complete=True), **COMPLETES).external_ids == ()
	assert order.status == "completed"


def test_a_line_that_was_edited_away_names_what_to_do() -> None:
	desk = Desk(FULFILMENTS)
	order = desk.place(1, 1)
	what = shipment(order, 1, 1)
	order.lines.popitem()
	with pytest.raises(Rejected, match="was edited in WooCommerce"):
		push(desk, what)
	assert desk.writes == []


@pytest.mark.parametrize(("quantity", "line"), [("1.5", None), ("-1", None), ("1", "tmp:1")])
def test_what_is_no_whole_unit_of_a_line_is_refused(quantity: str, line: str | None) -> None:
	desk = Desk(FULFILMENTS)
	order = desk.place(3)
	lines = (
		ShipmentLine(order_line_id=line or str(next(iter(order.lines))), sku="A", quantity=Decimal(quantity)),
	)
	with pytest.raises(Rejected, match=r"^A: "):
		push(desk, shipment(order, 1).model_copy(update={"lines": lines}))
	assert desk.writes == []


def test_goods_without_a_line_of_the_shop_are_no_fulfilment() -> None:
	desk = Desk(FULFILMENTS)
	order = desk.place(1)
	lines = (ShipmentLine(order_line_id=None, sku="GIFT", quantity=Decimal(1)),)
	result = push(desk, shipment(order, 1, parcels=(FIRST,)).model_copy(update={"lines": lines}))
	assert (result.external_ids, desk.writes) == ((), [])


# --- plugins ---


def test_the_official_plugin_gets_carriers_it_knows_by_its_own_names() -> None:
	desk = Desk(OFFICIAL)
	parcel = Parcel(carrier="deutsche post dhl", tracking_number="444")
	push(desk, shipment(desk.place(1), 1, parcels=(parcel,)))
	assert desk.bodies[-1] == {
		"tracking_provider": "Deutsche Post DHL",
		"tracking_number": "444",
		"date_shipped": NOW.date().isoformat(),
	}


@pytest.mark.parametrize(
	("parcel", "provider", "link"),
	[
		(FIRST, "Olva Courier", "https://olva.example/111"),
		(
			Parcel(carrier="DPD", tracking_number="5", tracking_url="https://x.example/5"),
			"DPD",
			"https://x.example/5",
		),
		(Parcel(carrier="Olva", tracking_number="5"), "Olva", ""),
		(
			Parcel(tracking_number="5", tracking_url="https://www.x.example/5"),
			"x.example",
			"https://www.x.example/5",
		),
	],
)
def test_the_official_plugin_shows_other_carriers_and_our_links(
	parcel: Parcel, provider: str, link: str
) -> None:
	desk = Desk(OFFICIAL)
	order = desk.place(1)
	push(desk, shipment(order, 1, parcels=(parcel,)))
	assert shown(order)[3] == [(provider, parcel.tracking_number, link)]


def test_the_advanced_plugin_sets_no_status_and_replaces_no_other_shipment() -> None:
	desk = Desk(ADVANCED)
	order = desk.place(1)
	push(desk, shipment(order, 1, parcels=(FIRST,)))
	assert desk.bodies[-1] == {
		"tracking_provider": "Olva Courier",
		"custom_tracking_link": "https://olva.example/111",
		"tracking_number": "111",
		"date_shipped": NOW.date().isoformat(),
		"status_shipped": 0,
	}
	assert desk.writes == [("POST", f"/wc-ast/v3/orders/{order.id}/shipment-trackings")]


def test_the_day_is_that_of_the_channels_zone() -> None:
	desk = Desk(ADVANCED)
	what = shipment(desk.place(1), 1, parcels=(FIRST,), shipped_at=NOW.replace(hour=23, minute=30))
	push(desk, what, time_zone="Europe/Berlin")
	assert desk.bodies[-1]["date_shipped"] == "2026-11-21"


@pytest.mark.parametrize("way", (OFFICIAL, ADVANCED))
def test_a_number_that_a_person_entered_is_taken_over_but_another_one_stays(way: str) -> None:
	desk = Desk(way)
	order = desk.place(1)
	names = {"tracking_provider": "DPD", "custom_tracking_provider": "DPD"}
	theirs = desk.put_tracking(order, {"tracking_number": "222", **names})
	desk.put_tracking(order, {"tracking_number": "999", **names})
	result = push(desk, shipment(order, 1, parcels=(SECOND,)))
	assert (result.external_ids, desk.writes) == ((theirs["tracking_id"],), [])


@pytest.mark.parametrize("way", (OFFICIAL, ADVANCED))
def test_a_persons_own_entry_of_the_same_number_is_not_deleted(way: str) -> None:
	desk = Desk(way)
	order = desk.place(1)
	told = push(desk, shipment(order, 1, parcels=(SECOND,)))
	desk.put_tracking(order, {"tracking_number": "222", "tracking_provider": "DPD"})
	again = push(desk, shipment(order, 1, parcels=(SECOND,), external_ids=told.external_ids))
	assert (again.external_ids, len(order.trackings)) == (told.external_ids, 2)


def test_a_link_that_changes_is_shown() -> None:
	desk = Desk(OFFICIAL)
	order = desk.place(1)
	told = push(desk, shipment(order, 1, parcels=(FIRST,)))
	moved = FIRST.model_copy(update={"tracking_url": "https://olva.example/new"})
	push(desk, shipment(order, 1, parcels=(moved,), external_ids=told.external_ids))
	assert shown(order)[3] == [("Olva Courier", "111", "https://olva.example/new")]


@pytest.mark.parametrize("way", (OFFICIAL, ADVANCED))
def test_two_shipments_in_one_parcel_each_have_their_own_entry(way: str) -> None:
	desk = Desk(way)
	order = desk.place(2)
	first = push(desk, shipment(order, 1, parcels=(FIRST,)))
	second = push(desk, shipment(order, 1, id="DN-2", parcels=(FIRST,), taken_ids=first.external_ids))
	assert set(first.external_ids).isdisjoint(second.external_ids)
	gone = shipment(
		order,
		1,
		parcels=(FIRST,),
		cancelled=True,
		external_ids=first.external_ids,
		taken_ids=second.external_ids,
	)
	push(desk, gone)
	assert list(order.trackings) == list(second.external_ids)


@pytest.mark.parametrize("way", (OFFICIAL, ADVANCED))
def test_a_carrier_that_was_wrong_is_put_right(way: str) -> None:
	desk = Desk(way)
	order = desk.place(1)
	told = push(desk, shipment(order, 1, parcels=(Parcel(carrier="DHL", tracking_number="444"),)))
	right = shipment(
		order, 1, parcels=(Parcel(carrier="DPD", tracking_number="444"),), external_ids=told.external_ids
	)
	push(desk, right)
	assert [row[:2] for row in shown(order)[3]] == [("DPD", "444")]


@pytest.mark.parametrize("way", (OFFICIAL, ADVANCED))
def test_a_parcel_without_a_number_moves_the_status_all_the_same(way: str) -> None:
	desk = Desk(way)
	order = desk.place(1)
	parcel = Parcel(carrier="Own van", tracking_url="https://van.example")
	result = push(desk, shipment(order, 1, parcels=(parcel,), complete=True), **COMPLETES)
	assert (result.external_ids, order.trackings, order.status) == ((), {}, "completed")


# --- notes ---


def test_a_note_says_what_is_in_which_parcel() -> None:
	desk = Desk(NOTES)
	order = desk.place(2, 1)
	result = push(desk, shipment(order, 2, 1, parcels=(FIRST, SECOND)))
	((number, note),) = order.notes.items()
	assert note == {
		"id": number,
		"note": "Shipment DN-1\n2 × SKU-0, 1 × SKU-1\nOlva Courier 111 https://olva.example/111\nDPD 222",
		"customer_note": True,
	}
	assert result.external_ids == (f"note:{number}",)


def test_a_note_of_a_quiet_channel_is_for_the_staff() -> None:
	desk = Desk(NOTES)
	order = desk.place(1)
	push(desk, shipment(order, 1), notify_customer=False)
	assert [note["customer_note"] for note in order.notes.values()] == [False]


def test_notes_of_others_and_of_shipments_with_longer_names_stay() -> None:
	desk = Desk(NOTES)
	order = desk.place(3)
	order.notes[1] = {"id": 1, "note": "Order status changed.", "customer_note": False}
	order.notes[2] = {"id": 2, "note": "Please ring Shipment DN-1", "customer_note": True}
	other = push(desk, shipment(order, 1, id="DN-11"))
	told = push(desk, shipment(order, 2, taken_ids=other.external_ids))
	push(desk, shipment(order, 2, cancelled=True, external_ids=told.external_ids))
	texts = sorted(note["note"] for note in order.notes.values())
	assert texts == [
		"Order status changed.",
		"Please ring Shipment DN-1",
		"Shipment DN-1\nCancelled",
		"Shipment DN-11\n1 × SKU-0",
	]


def test_what_wordpress_would_change_is_found_again() -> None:
	desk = Desk(NOTES)
	order = desk.place(1)
	parcel = Parcel(carrier="<b>A\\B</b>  Post", tracking_number="111")
	what = shipment(order, 1, id="DN\\1", parcels=(parcel,))
	first, again = push(desk, what), push(desk, what)
	assert first.external_ids == again.external_ids
	assert "<" not in next(iter(order.notes.values()))["note"]


# --- which way ---


@pytest.mark.parametrize("now", (FULFILMENTS, OFFICIAL, ADVANCED, NOTES))
def test_a_way_that_is_gone_is_looked_for_anew(now: str) -> None:
	desk = Desk(FULFILMENTS if now != FULFILMENTS else ADVANCED)
	shop = desk.shop()
	desk.way = now
	order = desk.place(1)
	shipments.push(shop.client, shop.channel, shipment(order, 1, parcels=(FIRST,)))
	assert numbers(order) == ["111"]
	assert shop.memory.facts[CHANNEL.name]["Tracking"] == now
