"""Returns: what comes back of a Shopify order, and the steps the shop is told of."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from commerce_bridge.bridge import model
from commerce_bridge.bridge.errors import Misconfigured, Rejected, Retryable
from commerce_bridge.bridge.model import InspectedLine, ReturnNotice
from commerce_bridge.connectors.shopify import mapper, orders, return_steps
from sandbox.storefronts.shopify.sales import Line, Order, Return
from sandbox.storefronts.shopify.shop import NewLine
from tests.connectors.shopify_simulated import Stage
from tests.connectors.storefront import NOW
from tests.connectors.test_shopify_mapper import CHANNEL

DOCUMENT = "RA-2026-00003"


@dataclass
class Returned:
	"""An order of 3 A and 2 B that was sent, and a return of 2 A."""

	stage: Stage
	order: Order
	returned: Return

	@property
	def line(self) -> Line:
		return self.order.lines[0]

	def asked(self) -> model.Order:
		reference = model.OrderReference(id=str(self.order.id))
		event = model.Event(type="returns/update", data=reference, incomplete=True)
		data = orders.complete(self.stage.client, CHANNEL, event).data
		assert isinstance(data, model.Order)
		return data

	@property
	def told(self) -> model.Return:
		[found] = self.asked().returns
		return found

	def push(self, status: str, received: int | None = None, **more: Any) -> Any:
		line = InspectedLine(
			order_line_id=str(self.line.id),
			quantity=Decimal(2),
			received=None if received is None else Decimal(received),
			reason="Broken",
		)
		notice = ReturnNotice(
			**{
				"id": str(self.returned.id),
				"document": DOCUMENT,
				"order_id": str(self.order.id),
				"order_number": self.order.name,
				"status": status,
				"lines": (line,),
				"updated_at": NOW,
				**more,
			}
		)
		return return_steps.push(self.stage.client, self.stage.channel, notice)

	@property
	def calls(self) -> list[str]:
		"""What was changed."""
		reads = {"return", "order", "returnableFulfillments", "shop", "nodes"}
		return [name for name in self.stage.fields if name not in reads]


def sent() -> tuple[Stage, Order]:
	stage = Stage()
	for sku in "AB":
		stage.shop.add_product(sku, Decimal("10.00"), 50)
	order = stage.shop.place_order([NewLine("A", 3), NewLine("B", 2)])
	stage.shop.fulfil(order.fulfilment_orders[0])
	return stage, order


@pytest.fixture
def case() -> Returned:
	stage, order = sent()
	returned = stage.shop.request_return(
		order, {order.lines[0]: 2}, "arrived-late", note="too late", customer_note="box is dented"
	)
	return Returned(stage, order, returned)


# --- read ------------------------------------------------------------------------------------------------


def test_a_return_says_what_comes_back_and_why(case: Returned) -> None:
	found = case.told
	assert (found.id, found.number, found.status) == (str(case.returned.id), "#1001-R1", "requested")
	[line] = found.lines
	assert (line.order_line_id, line.quantity, line.received) == (str(case.line.id), 2, 0)
	assert (line.reason, line.condition) == ("Arrived late: too late", "box is dented")


def test_each_step_of_it_is_seen(case: Returned) -> None:
	shop, returned = case.stage.shop, case.returned
	shop.approve_return(returned)
	assert case.told.status == "approved"
	shop.dispose(returned.lines[0], "MISSING", 1)
	assert (case.told.status, case.told.lines[0].received) == ("approved", 0)
	shop.dispose(returned.lines[0], "RESTOCKED", 1, shop.location)
	found = case.told
	assert (found.status, found.lines[0].received) == ("received", 1)
	assert found.location_id == str(shop.location.id)
	shop.close_return(returned)
	assert case.told.status == "closed"


def test_a_return_that_was_declined_says_so(case: Returned) -> None:
	case.stage.shop.decline_return(case.returned, "FINAL_SALE", "No returns of sale items")
	assert (case.told.status, case.told.note) == ("declined", "No returns of sale items")


def test_a_return_that_was_taken_back(case: Returned) -> None:
	case.stage.shop.cancel_return(case.returned)
	assert case.told.status == "cancelled"


def test_a_state_is_never_older_than_the_one_before(case: Returned) -> None:
	"""Shopify says no time of a decline: the order's is taken, which changed with it."""
	before = case.told.updated_at
	time = case.stage.shop.now() + timedelta(hours=1)
	case.stage.shop.now = lambda: time
	case.stage.shop.decline_return(case.returned, "OTHER")
	assert case.told.updated_at > before


def test_several_returns_of_many_lines_are_read(case: Returned) -> None:
	stage, shop = case.stage, case.stage.shop
	for number in range(60):
		shop.add_product(f"P{number}", Decimal("1.00"), 5)
	order = shop.place_order([NewLine(f"P{number}", 2) for number in range(60)])
	shop.fulfil(order.fulfilment_orders[0])
	for _number in range(2):
		returned = shop.request_return(order, {line: 1 for line in order.lines})
		shop.approve_return(returned)
		for row in returned.lines:
			shop.dispose(row, "NOT_RESTOCKED", 1)
	found = Returned(stage, order, returned).asked().returns
	assert [len(each.lines) for each in found] == [60, 60]
	assert {line.received for each in found for line in each.lines} == {Decimal(1)}


def test_one_line_in_two_rows_is_received_once(case: Returned) -> None:
	rows = [(row.sent, row.line, 1, "") for row in case.returned.lines]
	case.stage.shop.cancel_return(case.returned)
	double = case.stage.shop.make_return(case.order, [*rows, *rows])
	double.lines[0].quantity = 2
	case.stage.shop.dispose(double.lines[0], "NOT_RESTOCKED", 2)
	found = case.asked().returns[1]
	assert [(line.quantity, line.received) for line in found.lines] == [(2, 2), (1, 0)]


@pytest.mark.parametrize(("topic", "seen"), [("orders/edited", False), ("returns/decline", True)])
def test_a_return_that_is_over_is_asked_for_where_it_is_what_is_told_of(
	case: Returned, topic: str, seen: bool
) -> None:
	"""The order says that nothing comes back; to orders without returns, no call is spent on them."""
	case.stage.shop.decline_return(case.returned, "OTHER")
	event = model.Event(type=topic, data=model.OrderReference(id=str(case.order.id)), incomplete=True)
	data = orders.complete(case.stage.client, CHANNEL, event).data
	assert isinstance(data, model.Order)
	assert bool(data.returns) is seen


def test_webhooks_of_orders_say_nothing_of_returns(case: Returned) -> None:
	payload = {**case.stage.shop.order_payload(case.order), "returns": [{"id": 1, "status": "odd"}, None]}
	data = mapper.parse("orders/updated", json.dumps(payload, default=str)).data
	assert isinstance(data, model.Order)
	assert data.returns == ()


@pytest.mark.parametrize("topic", sorted(mapper.PARTS_OF_ORDER - {mapper.PAID}))
def test_what_was_kept_before_it_was_supported_is_read_when_it_is_replayed(
	topic: str, case: Returned
) -> None:
	"""Stored as the shop told it; the order is asked for as it is now."""
	shop = case.stage.shop
	shop.subscribe(topic, "https://elsewhere.example/")
	shop.approve_return(case.returned)
	for act in (shop.refund_return, shop.close_return):
		act(case.returned)
	kept = [each for each in shop.recorded if each.topic == topic]
	body = kept[-1].body if kept else json.dumps({"id": 1, "order": {"id": case.order.id}}).encode()
	event = mapper.parse(topic, body.decode())
	assert (event.data, event.incomplete) == (model.OrderReference(id=str(case.order.id)), True)
	order = orders.complete(case.stage.client, CHANNEL, event).data
	assert isinstance(order, model.Order)
	assert [each.status for each in order.returns] == ["closed"]


# --- told ------------------------------------------------------------------------------------------------

STEPS = [
	("REQUESTED", "requested", [], "REQUESTED"),
	("REQUESTED", "approved", ["returnApproveRequest"], "OPEN"),
	("REQUESTED", "declined", ["returnDeclineRequest"], "DECLINED"),
	("REQUESTED", "cancelled", ["returnCancel"], "CANCELED"),
	(
		"REQUESTED",
		"received",
		["returnApproveRequest", "reverseFulfillmentOrderDispose"],
		"OPEN",
	),
	("OPEN", "approved", [], "OPEN"),
	("OPEN", "received", ["reverseFulfillmentOrderDispose"], "OPEN"),
	("OPEN", "closed", ["reverseFulfillmentOrderDispose", "returnClose"], "CLOSED"),
	("OPEN", "declined", ["returnCancel"], "CANCELED"),
	("OPEN", "cancelled", ["returnCancel"], "CANCELED"),
	("CLOSED", "approved", [], "CLOSED"),
	("CLOSED", "received", [], "CLOSED"),
	("CLOSED", "closed", [], "CLOSED"),
	("DECLINED", "declined", [], "DECLINED"),
	("DECLINED", "cancelled", [], "DECLINED"),
	("CANCELED", "cancelled", [], "CANCELED"),
	("CANCELED", "declined", [], "CANCELED"),
]


def stands(case: Returned, status: str) -> None:
	shop, returned = case.stage.shop, case.returned
	if status in ("OPEN", "CLOSED"):
		shop.approve_return(returned)
	if status == "CLOSED":
		shop.close_return(returned)
	if status == "DECLINED":
		shop.decline_return(returned, "OTHER")
	if status == "CANCELED":
		shop.cancel_return(returned)


@pytest.mark.parametrize(("before", "status", "calls", "after"), STEPS)
def test_the_shop_is_brought_to_where_erpnext_is_and_no_further(
	case: Returned, before: str, status: str, calls: list[str], after: str
) -> None:
	stands(case, before)
	shelf = case.stage.shop.stock("A")
	result = case.push(status, 2)
	assert (case.returned.status, case.calls) == (after, calls)
	assert result.external_ids == (str(case.returned.id),)
	case.push(status, 2)
	assert case.calls == calls, "a repetition does nothing"
	assert case.stage.shop.stock("A") == shelf, "ERPNext counts the goods"


@pytest.mark.parametrize(
	("before", "status"),
	[("DECLINED", "approved"), ("CANCELED", "received"), ("DECLINED", "closed"), ("CLOSED", "cancelled")],
)
def test_where_shopify_cannot_be_brought_a_person_is_told(case: Returned, before: str, status: str) -> None:
	stands(case, before)
	with pytest.raises(Rejected) as refused:
		case.push(status)
	assert case.returned.name in str(refused.value) and "by hand" in str(refused.value)


@pytest.mark.parametrize(
	("processes", "call"), [(False, "reverseFulfillmentOrderDispose"), (True, "returnProcess")]
)
def test_what_came_back_is_told_as_it_comes(case: Returned, processes: bool, call: str) -> None:
	case.stage.shop.approve_return(case.returned, processes)
	case.push("received", 1)
	case.push("received", 1)
	assert case.calls == [call]
	case.push("received", 2)
	[row] = case.returned.lines
	assert [(each.type, each.quantity) for each in row.dispositions] == [("NOT_RESTOCKED", 1)] * 2
	assert case.calls == [call] * 2


def test_what_the_shop_was_told_by_a_person_is_not_told_again(case: Returned) -> None:
	shop = case.stage.shop
	shop.approve_return(case.returned)
	shop.dispose(case.returned.lines[0], "RESTOCKED", 1, shop.location)
	case.push("received", 2)
	assert [(each.type, each.quantity) for each in case.returned.lines[0].dispositions] == [
		("RESTOCKED", 1),
		("NOT_RESTOCKED", 1),
	]


@pytest.mark.parametrize("notify", [True, False])
@pytest.mark.parametrize("status", ["approved", "declined"])
def test_the_buyer_is_written_to_where_the_channel_says_so(case: Returned, status: str, notify: bool) -> None:
	case.stage.changes = {"notify_customer": notify}
	case.push(status)
	assert case.returned.notified is notify


def test_the_buyer_is_told_why_it_was_declined(case: Returned) -> None:
	case.push("declined", reason="x" * 600)
	assert case.returned.decline == ("OTHER", "x" * 500)


def test_a_return_the_shop_does_not_have(case: Returned) -> None:
	with pytest.raises(Rejected, match="no return 999"):
		case.push("approved", id="999")


def test_a_shop_that_does_not_answer_is_asked_again(case: Returned) -> None:
	case.stage.shop.fail("503")
	with pytest.raises(Retryable):
		case.push("approved")


def test_without_the_scope_a_step_names_it(case: Returned) -> None:
	case.stage.shop.tokens = {
		token: type(access)(access.scopes - {"write_returns"}, access.expires)
		for token, access in case.stage.shop.tokens.items()
	}
	with pytest.raises(Misconfigured, match="write_returns"):
		case.push("approved")


# --- begun in ERPNext ------------------------------------------------------------------------------------


@pytest.fixture
def ours() -> Returned:
	"""Nothing of it is in the shop yet."""
	stage, order = sent()
	return Returned(stage, order, None)  # type: ignore[arg-type]


def begin(ours: Returned, status: str, received: int | None = None, quantity: int = 2) -> Any:
	line = InspectedLine(order_line_id=f"{ours.line.id}:7", quantity=Decimal(quantity), reason="Broken")
	line = line.model_copy(update={"received": received if received is None else Decimal(received)})
	notice = ReturnNotice(
		id=DOCUMENT,
		document=DOCUMENT,
		order_id=str(ours.order.id),
		order_number=ours.order.name,
		status=status,  # type: ignore[arg-type]
		lines=(line,),
		updated_at=NOW,
	)
	return return_steps.push(ours.stage.client, ours.stage.channel, notice)


@pytest.mark.parametrize("status", ["requested", "declined", "cancelled"])
def test_a_return_that_nobody_agreed_to_is_not_made_in_the_shop(ours: Returned, status: str) -> None:
	assert begin(ours, status).external_ids == ()
	assert ours.order.returns == []


def test_a_return_of_ours_is_made_in_the_shop_once(ours: Returned) -> None:
	first = begin(ours, "approved")
	[made] = ours.order.returns
	assert first.external_ids == (str(made.id),)
	assert [(row.line, row.quantity, row.note) for row in made.lines] == [
		(ours.line, 2, f"ERPNext {DOCUMENT}: Broken")
	]
	assert begin(ours, "approved") == first
	begin(ours, "closed", 2)
	assert ([made], made.status) == (ours.order.returns, "CLOSED")


def test_a_lost_answer_is_no_second_return(ours: Returned) -> None:
	ours.stage.shop.fail("lost", operation="returnCreate")
	with pytest.raises(Retryable):
		begin(ours, "approved", quantity=1)
	result = begin(ours, "approved", quantity=1)
	assert [str(each.id) for each in ours.order.returns] == list(result.external_ids)


def test_goods_of_several_fulfilments_come_back_in_one_return() -> None:
	stage, _order = sent()
	again = stage.shop.place_order([NewLine("A", 3)])
	[part] = again.fulfilment_orders[0].lines
	for quantity in (1, 2):
		stage.shop.fulfil(again.fulfilment_orders[0], {part: quantity})
	ours = Returned(stage, again, None)  # type: ignore[arg-type]
	begin(ours, "approved", quantity=3)
	assert sorted(row.quantity for row in again.returns[0].lines) == [1, 2]


def test_more_than_was_sent_cannot_come_back(ours: Returned) -> None:
	with pytest.raises(Rejected, match=f"{DOCUMENT} takes back 1 more"):
		begin(ours, "approved", quantity=4)
	assert ours.order.returns == []
