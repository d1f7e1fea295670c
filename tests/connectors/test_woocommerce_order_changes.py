"""Cancellations and edits made in ERPNext: told once, and never what the buyer has paid for."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from commerce_bridge.bridge.channel import EventPolicy
from commerce_bridge.bridge.errors import Rejected, Retryable
from commerce_bridge.bridge.model import Customer, OrderChange, OrderStatus, ShipmentLine
from commerce_bridge.connectors.woocommerce import order_changes
from tests.connectors.storefront import NOW
from tests.connectors.woocommerce_desk import Desk, Order
from tests.connectors.woocommerce_shop import CHANNEL


def change(order: Order, kind: str = "edited", **quantities: Any) -> OrderChange:
	"""By place of the line: `_0="2"`."""
	lines = list(order.lines)
	return OrderChange(
		order_id=str(order.id),
		order_number=f"#{order.id}",
		kind=kind,
		lines=tuple(
			ShipmentLine(
				order_line_id=str(lines[int(place[1:])]), sku=f"SKU{place}", quantity=Decimal(quantity)
			)
			for place, quantity in quantities.items()
		),
	)


def push(desk: Desk, what: OrderChange) -> Any:
	return order_changes.push_change(desk.shop().client, what)


# --- cancellations ---


@pytest.mark.parametrize("status", ["pending", "on-hold", "processing", "completed", "failed"])
def test_an_order_is_cancelled_once(status: str) -> None:
	desk = Desk()
	order = desk.place(2, status=status)
	assert push(desk, change(order, "cancelled")).error is None
	push(desk, change(order, "cancelled"))
	assert (order.status, len(desk.writes)) == ("cancelled", 1)
	assert desk.bodies[1] == {"status": "cancelled"}  # the goods' lines are not touched, nothing is refunded


@pytest.mark.parametrize("done", [False, True])
@pytest.mark.parametrize("call", [1, 2])
def test_a_cancellation_is_repeated_after_a_broken_line(call: int, done: bool) -> None:
	desk = Desk(dies=(call, done))
	order = desk.place(1)
	with pytest.raises(Retryable):
		push(desk, change(order, "cancelled"))
	push(desk, change(order, "cancelled"))
	assert (order.status, len(desk.writes)) == ("cancelled", 1)


@pytest.mark.parametrize("status", ["cancelled", "refunded", "trash"])
def test_an_order_that_is_no_sale_any_more_is_left_alone(status: str) -> None:
	desk = Desk()
	order = desk.place(1, status=status)
	assert push(desk, change(order, "cancelled")).error is None
	assert (order.status, desk.writes) == (status, [])


def test_an_order_that_is_gone_is_cancelled_enough() -> None:
	desk = Desk()
	order = desk.place(1)
	del desk.orders[order.id]
	assert push(desk, change(order, "cancelled")).error is None
	with pytest.raises(Rejected, match="deleted there"):
		push(desk, change(order, _0="2"))


def test_an_id_that_is_none_reaches_no_address() -> None:
	desk = Desk()
	what = change(desk.place(1), "cancelled").model_copy(update={"order_id": "7?force=true"})
	with pytest.raises(Rejected, match="no order of a WooCommerce shop"):
		push(desk, what)
	assert desk.calls == []


# --- edits ---


@pytest.mark.parametrize("status", ["pending", "on-hold"])
def test_quantities_change_at_the_price_the_line_has(status: str) -> None:
	desk = Desk()
	order = desk.place(3, 2, status=status)
	first = next(iter(order.lines))
	order.amounts[first] = ("25.210084", "22.689076")  # 3 × 10 with tax in it, less a coupon
	push(desk, change(order, _0="5", _1="2"))
	assert desk.bodies[-1] == {
		"line_items": [{"id": first, "quantity": 5, "subtotal": "42.016807", "total": "37.815127"}]
	}
	push(desk, change(order, _0="5", _1="2"))
	assert len(desk.writes) == 1


def test_a_line_that_erpnext_holds_in_two_rows_is_their_sum() -> None:
	desk = Desk()
	order = desk.place(3, status="on-hold")
	what = change(order, _0="1")
	push(desk, what.model_copy(update={"lines": (*what.lines, *change(order, _0="3").lines)}))
	assert list(order.lines.values()) == [4]


@pytest.mark.parametrize("status", ["processing", "completed", "cancelled", "trash"])
def test_an_edit_that_changes_no_quantity_is_no_edit(status: str) -> None:
	desk = Desk()
	order = desk.place(3, status=status)
	what = change(order, _0="3")
	shipping = ShipmentLine(order_line_id=None, sku="Shipping", quantity=Decimal(1))
	assert push(desk, what.model_copy(update={"lines": (*what.lines, shipping)})).error is None
	assert desk.writes == []


@pytest.mark.parametrize(
	("place", "quantities", "says"),
	[
		({"status": "processing"}, {"_0": "1", "_1": "2"}, "set it On hold"),
		({"status": "completed"}, {"_0": "1", "_1": "2"}, "refund there what is not sent"),
		({"status": "cancelled"}, {"_0": "1", "_1": "2"}, "cancel it here too"),
		({"status": "on-hold", "refunds": [{"id": 1}]}, {"_0": "1", "_1": "2"}, "was refunded"),
		({"status": "on-hold"}, {"_0": "3"}, "other lines"),
		({"status": "on-hold"}, {"_0": "1.5", "_1": "2"}, "whole units"),
		({"status": "on-hold"}, {"_0": "0", "_1": "2"}, "at least one"),
	],
)
def test_any_other_edit_is_left_to_a_person(
	place: dict[str, Any], quantities: dict[str, str], says: str
) -> None:
	desk = Desk()
	order = desk.place(3, 2, **place)
	told = ", ".join(f"{quantity} × SKU{name}" for name, quantity in quantities.items())
	with pytest.raises(Rejected, match=says) as raised:
		push(desk, change(order, **quantities))
	assert f"Edit order {order.id} in WooCommerce: in ERPNext it holds {told}" in str(raised.value)
	assert desk.writes == []


def test_a_line_that_the_shop_does_not_have_is_left_to_a_person() -> None:
	desk = Desk()
	order = desk.place(3, status="on-hold")
	other = ShipmentLine(order_line_id="1", sku="OTHER", quantity=Decimal(1))
	what = change(order, _0="3")
	with pytest.raises(Rejected, match="other lines"):
		push(desk, what.model_copy(update={"lines": (*what.lines, other)}))
	assert desk.writes == []


def test_a_line_without_a_price_to_go_by_is_left_to_a_person() -> None:
	desk = Desk()
	order = desk.place(0, status="on-hold")
	with pytest.raises(Rejected, match="no quantity there"):
		push(desk, change(order, _0="2"))


# --- what is not offered ---


def test_order_status_is_told_nobody_and_customers_are_the_shops() -> None:
	desk = Desk()
	status = OrderStatus(
		order_id="7",
		order_number="#7",
		document="SO-1",
		status="To Deliver",
		delivered=Decimal(0),
		billed=Decimal(0),
		updated_at=NOW,
	)
	assert order_changes.push_status(desk.shop().client, status).error is None
	assert desk.calls == []
	with pytest.raises(Rejected, match="Nothing for Customers"):
		order_changes.push_customer(Customer(id="C-1"))


def test_the_check_says_what_is_not_told() -> None:
	assert order_changes.checks(CHANNEL) == []
	wanted = EventPolicy(order_status="Own", customers="All")
	lines = order_changes.checks(CHANNEL.model_copy(update={"events": wanted}))
	assert [(line.ok, line.severity, line.fix, line.document) for line in lines] == [
		(False, "error", "Choose Nothing for Customers", CHANNEL.name),
		(False, "warning", "Choose Nothing for Order Status", CHANNEL.name),
	]
	assert "(Status When Shipped)" in lines[1].title, "as the setting is called"
