"""What is left of orders of the simulated Shopify: goods without money, charges without goods, places not known."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from commerce_bridge.bridge.channel import RefundPolicy, ShippingMap
from commerce_bridge.bridge.protocols import Circuit
from sandbox.storefronts.shopify.sales import Order
from sandbox.storefronts.shopify.shop import NewLine, NewShipping
from tests.connectors.shopify_simulated import CREDENTIALS
from tests.sandbox.test_shopify_events import Site

POST = (NewShipping(Decimal("5.00")),)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
	site = Site(
		tmp_path / "erp.sqlite",
		default_warehouse="Stores",
		shipping=(ShippingMap(method="*", account="Freight"),),
	)
	site.sandbox.make_item("CUP")
	yield site
	site.sandbox.database.close()


def place(site: Site, **about: Any) -> Order:
	return site.shop.place_order([NewLine("CUP", 2)], shipping=POST, taxes=(), **about)


def booked(site: Site, **about: Any) -> Order:
	order = place(site, **about)
	assert site.take(site.told("orders/create"))["state"] == "Succeeded"
	return order


def sales_orders(site: Site, order: Order) -> list[tuple[str, str]]:
	return [(row["status"], row["grand_total"]) for row in site.sandbox.sales_orders(str(order.id))]


def again(site: Site, name: str) -> Any:
	site.sandbox.journal.requeue(name)
	site.work()
	return site.entry(name)


# --- goods without money ---------------------------------------------------------------------------------


def give_back(site: Site, order: Order) -> None:
	site.shop.refund(order, amount=order.total)


def void(site: Site, order: Order) -> None:
	site.shop.void(order)


@pytest.mark.parametrize(("act", "paid"), [(give_back, True), (void, False)])
def test_an_order_without_its_money_is_not_taken_in(site: Site, act: Any, paid: bool) -> None:
	order = place(site, paid=paid)
	act(site, order)
	row = site.take(site.told("orders/updated"))
	assert (row["state"], sales_orders(site, order)) == ("Skipped", [])
	assert "not imported" in row["message"]


@pytest.mark.parametrize(("act", "paid"), [(give_back, True), (void, False)])
def test_a_sales_order_without_its_money_is_named_until_it_is_cancelled(
	site: Site, act: Any, paid: bool
) -> None:
	order = booked(site, paid=paid)
	act(site, order)
	row = site.take(site.told("orders/updated"))
	[standing] = site.sandbox.sales_orders(str(order.id))
	if act is give_back:  # refunds are booked: nothing of the order is left
		assert (row["state"], standing["status"]) == ("Succeeded", "Cancelled")
		return
	assert (row["state"], row["error_class"], standing["status"]) == ("Failed", "Rejected", "Submitted")
	assert standing["name"] in row["message"]
	assert "cancel it, then retry" in row["message"]
	with site.sandbox.erp.transaction():
		site.sandbox.erp.cancel_sales_order(standing["name"])
	assert again(site, row["name"])["state"] == "Skipped"


def test_a_part_of_the_money_given_back_is_taken_off(site: Site) -> None:
	order = booked(site)
	site.shop.refund(order, amount=Decimal("1.00"))
	assert site.take(site.told("orders/updated"))["state"] == "Succeeded"
	assert sales_orders(site, order) == [("Cancelled", "29.00"), ("Submitted", "28.00")]


def test_a_part_of_the_money_given_back_changes_nothing_where_refunds_are_not_booked(site: Site) -> None:
	site.channel = site.channel.model_copy(update={"refunds": RefundPolicy(credit_notes=False)})
	site.sandbox.state.save(site.channel, CREDENTIALS)
	order = booked(site)
	site.shop.refund(order, amount=Decimal("1.00"))
	assert site.take(site.told("orders/updated"))["state"] == "Succeeded"
	assert sales_orders(site, order) == [("Submitted", "29.00")]


# --- charges without goods -------------------------------------------------------------------------------


def take_back(site: Site, order: Order) -> None:
	site.shop.refund(order, {order.lines[0]: 2}, restock="cancel")


def test_goods_that_were_taken_back_are_not_sent_and_the_charge_is_held(site: Site) -> None:
	order = booked(site)
	site.time += timedelta(hours=1)
	site.shop.edit_order(order, note="ring twice")
	before = site.told("orders/updated")
	site.time += timedelta(seconds=1)
	take_back(site, order)
	row = site.take(site.told("orders/updated"))
	[cancelled] = site.sandbox.sales_orders(str(order.id))
	assert (row["state"], row["error_class"], cancelled["status"]) == ("Failed", "Rejected", "Cancelled")
	for told in (cancelled["name"], "5.00 EUR", "Shipping Methods and Fees", "by hand"):
		assert told in row["message"]
	assert site.take(before)["state"] == "Skipped", "what is older brings no goods back"
	assert site.entry(row["name"])["state"] == "Failed"
	site.sandbox.make_item("POST", is_stock_item=False)
	site.channel = site.channel.model_copy(update={"shipping": (ShippingMap(method="*", item="POST"),)})
	site.sandbox.state.save(site.channel)
	assert again(site, row["name"])["state"] == "Succeeded"
	assert sales_orders(site, order) == [("Cancelled", "29.00"), ("Submitted", "5.00")]


def test_the_charge_of_an_order_that_was_never_booked_is_held(site: Site) -> None:
	order = place(site)
	take_back(site, order)
	row = site.take(site.told("orders/updated"))
	assert (row["state"], sales_orders(site, order)) == ("Failed", [])
	assert "5.00 EUR" in row["message"] and "by hand" in row["message"]


def test_goods_that_were_taken_back_are_not_sent_though_the_charge_has_no_account(site: Site) -> None:
	order = booked(site)
	site.channel = site.channel.model_copy(update={"shipping": ()})
	site.sandbox.state.save(site.channel)
	take_back(site, order)
	row = site.take(site.told("orders/updated"))
	assert (row["state"], row["error_class"]) == ("Failed", "Misconfigured")
	assert sales_orders(site, order) == [("Cancelled", "29.00")]


# --- places not known ------------------------------------------------------------------------------------


def test_an_order_waits_until_shopify_has_decided_where_it_is_sent_from(site: Site) -> None:
	order = site.shop.place_order([NewLine("CUP", 2)])
	site.shop.move(order.fulfilment_orders[0], site.south)
	decided, order.fulfilment_orders = order.fulfilment_orders, []
	row = site.take(site.told("orders/create"))
	assert (row["state"], sales_orders(site, order)) == ("Retrying", [])
	for _each in range(5):
		site.shop.place_order([NewLine("CUP")]).fulfilment_orders = []
		assert site.take(site.told("orders/create"))["state"] == "Retrying"
	assert site.sandbox.state.get_circuit("Tea") == Circuit(), "it is no fault of the shop"
	order.fulfilment_orders = decided
	site.time += timedelta(minutes=1)
	site.work()
	assert site.entry(row["name"])["state"] == "Succeeded"
	assert warehouses(site, order) == ["South"]


def test_an_order_that_is_never_routed_is_sent_from_the_default_warehouse(site: Site) -> None:
	order = site.shop.place_order([NewLine("CUP", 2)])
	order.fulfilment_orders = []
	row = site.take(site.told("orders/create"))
	assert row["state"] == "Retrying"
	site.time += timedelta(minutes=16)
	assert again(site, row["name"])["state"] == "Succeeded"
	assert warehouses(site, order) == ["Stores"]


def warehouses(site: Site, order: Order) -> list[str]:
	[standing] = site.sandbox.sales_orders(str(order.id))
	return [row["warehouse"] for row in site.sandbox.erp.order_rows(standing["name"])]
