"""What a real WooCommerce 10.2 did otherwise than one would think: where each such oddity ends, in the whole engine.

Those of one call, one field or one header are tested where that is read: in the other files of this folder.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from commerce_bridge.bridge.channel import LineItems
from commerce_bridge.bridge.polling import poll
from commerce_bridge.bridge.worker import run_once
from commerce_bridge.connectors.woocommerce import stock
from sandbox.world import Sandbox
from tests.connectors.test_woocommerce_connector import put, shop
from tests.connectors.test_woocommerce_samples import (
	CHANNEL,
	CREDENTIALS,
	Stage,
	as_order,
	sample,
	sandbox,
)
from tests.connectors.test_woocommerce_stock import level, on_shelf, push
from tests.connectors.woocommerce_shelf import Shelf
from tests.connectors.woocommerce_simulated import WooCommerce

__all__ = ["sandbox", "shop"]

HEADERS = sample("order_created_webhook")["headers"]
LATER = "2026-11-20T18:30:00"


def order(**changes: Any) -> dict[str, Any]:
	return as_order("order_created_webhook", **changes)


def told(stage: Stage, topic: str, body: dict[str, Any]) -> dict[str, Any]:
	"""The Sync Log of a delivery of this topic."""
	return stage.deliver({**HEADERS, "X-WC-Webhook-Topic": topic}, json.dumps(body))


def polled(stage: Stage) -> list[tuple[str, str]]:
	"""State and message of what a poll finds, once the engine is done with it."""
	before = {row["name"] for row in stage.sandbox.database.read("select name from sync_log")}
	poll(stage.world, stage.channel, stage.world.connect(stage.channel, CREDENTIALS))
	while run_once(stage.world):
		continue
	rows = stage.sandbox.database.read("select name, state, message from sync_log order by name")
	return [(row["state"], row["message"]) for row in rows if row["name"] not in before]


def statuses(sandbox: Sandbox) -> list[str]:
	return [row["status"] for row in sandbox.sales_orders()]


# --- orders that are none yet ------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["checkout-draft", "pending"])
def test_what_a_refused_coupon_leaves_in_the_list_of_orders_is_no_order(
	sandbox: Sandbox, status: str
) -> None:
	stage = Stage(sandbox)
	stage.shop.add(order(status=status))
	[(state, message)] = polled(stage)
	assert state == "Skipped" and f'"{status}"' in message
	assert sandbox.sales_orders() == []


def test_of_the_block_checkout_updated_comes_before_created(sandbox: Sandbox) -> None:
	stage = Stage(sandbox)
	draft, paid = order(status="checkout-draft"), order(date_modified_gmt=LATER)
	ends = [
		told(stage, topic, body)["state"]
		for topic, body in (("order.updated", draft), ("order.updated", paid), ("order.created", paid))
	]
	assert ends == ["Skipped", "Succeeded", "Succeeded"]
	assert statuses(sandbox) == ["Submitted"]


def test_a_draft_that_arrives_after_its_paid_order_takes_nothing_back(sandbox: Sandbox) -> None:
	stage = Stage(sandbox)
	told(stage, "order.updated", order(date_modified_gmt=LATER))
	late = told(stage, "order.updated", order(status="checkout-draft"))
	assert late["state"] == "Skipped" and "newer" in late["message"]
	assert statuses(sandbox) == ["Submitted"]


def test_paid_on_delivery_is_completed_when_it_is_first_seen_and_booked(sandbox: Sandbox) -> None:
	assert told(Stage(sandbox), "order.created", order(status="completed"))["state"] == "Succeeded"
	assert statuses(sandbox) == ["Submitted"]


# --- told once, or never -----------------------------------------------------------------------------------------


def test_what_is_not_delivered_is_never_sent_again_and_the_poll_books_it_once(sandbox: Sandbox) -> None:
	stage = Stage(sandbox)
	stage.shop.add(order())
	[(state, _)] = polled(stage)
	assert (state, statuses(sandbox)) == ("Succeeded", ["Submitted"])
	assert told(stage, "order.created", order())["state"] in ("Succeeded", "Skipped")
	assert polled(stage) == [], "the overlap brings it again: the same event"
	assert statuses(sandbox) == ["Submitted"]


def test_a_change_that_is_told_to_nobody_is_polled(sandbox: Sandbox) -> None:
	"""Out of the trash by its status: no webhook, but another date."""
	stage = Stage(sandbox)
	told(stage, "order.created", order())
	told(stage, "order.updated", order(status="trash", date_modified_gmt="2026-11-20T18:20:00"))
	assert statuses(sandbox) == ["Cancelled"]
	stage.shop.add(order(date_modified_gmt=LATER))
	[(state, _)] = polled(stage)
	assert (state, sorted(statuses(sandbox))) == ("Succeeded", ["Cancelled", "Submitted"])


def test_an_order_saved_without_a_change_changes_nothing(sandbox: Sandbox) -> None:
	"""Each write of ours is told back: it must not begin a circle."""
	stage = Stage(sandbox)
	told(stage, "order.created", order())
	before = [dict(row) for row in sandbox.sales_orders()]
	echo = told(stage, "order.updated", order(date_modified_gmt=LATER))
	assert echo["state"] == "Succeeded" and "Nothing to change" in echo["message"]
	assert [dict(row) for row in sandbox.sales_orders()] == before
	outbound = sandbox.database.read("select name from sync_log where direction = 'Outbound'")
	assert list(outbound) == [], "nothing goes back to the shop"


def test_an_error_in_place_of_an_order_that_is_booked_leaves_it(sandbox: Sandbox) -> None:
	stage = Stage(sandbox)
	told(stage, "order.created", order())
	gone = sample("order_created_webhook_resource_gone")
	assert stage.deliver(gone["headers"], gone["raw_body"])["state"] == "Skipped"
	assert statuses(sandbox) == ["Submitted"]


def test_an_order_in_the_trash_may_come_whole(sandbox: Sandbox) -> None:
	stage = Stage(sandbox)
	told(stage, "order.created", order())
	assert (
		told(stage, "order.updated", order(status="trash", date_modified_gmt=LATER))["state"] == "Succeeded"
	)
	assert statuses(sandbox) == ["Cancelled"]


def test_a_buyer_who_is_told_of_twice_is_one_customer(sandbox: Sandbox) -> None:
	"""A new customer is "created" and "updated"; so is a new order."""
	stage = Stage(sandbox)
	anna = json.loads(sample("customer_updated_webhook")["raw_body"])
	for topic in ("customer.created", "customer.updated"):
		assert told(stage, topic, anna)["state"] == "Succeeded"
	for topic in ("order.created", "order.updated"):
		assert told(stage, topic, order(customer_id=anna["id"]))["state"] == "Succeeded"
	assert len(sandbox.database.read("select name from customers")) == 1


# --- what orders say ---------------------------------------------------------------------------------------------


def test_a_refund_changes_neither_total_nor_status_and_says_what_is_left_to_do(sandbox: Sandbox) -> None:
	stage = Stage(sandbox)
	told(stage, "order.created", order())
	before = [dict(row) for row in sandbox.sales_orders()]
	refund = {"id": 77, "reason": "", "total": "-9.00"}
	entry = told(stage, "order.updated", order(refunds=[refund], date_modified_gmt=LATER))
	assert entry["state"] == "Succeeded"
	assert ". 9.00 EUR was given back" in entry["message"] and "credit note" in entry["message"]
	assert [dict(row) for row in sandbox.sales_orders()] == before


def test_a_line_of_a_product_that_is_none_is_held_until_somebody_says_what_it_is(sandbox: Sandbox) -> None:
	"""The shop answers 201 to an unknown product: id 0, and neither SKU nor price."""
	channel = CHANNEL.model_copy(update={"line_items": LineItems()})
	body = {**sample("error_order_unknown_product")["body"], "status": "processing"}
	entry = told(Stage(sandbox, channel), "order.created", body)
	assert (entry["state"], entry["error_class"]) == ("Failed", "Misconfigured")
	assert "Custom Line Item" in entry["message"]
	assert sandbox.sales_orders() == []


# --- stock -------------------------------------------------------------------------------------------------------


def test_an_oversold_product_is_shown_as_such_and_brought_back_to_what_there_is() -> None:
	shelf = Shelf()
	number = shelf.add("SIM-1", manage_stock=True, stock_quantity=-3)
	assert [row.quantity for row in stock.shown(shelf.client, None).rows] == [Decimal(-3)]
	[result] = push(shelf, level(number, quantity=0))
	assert (result.error, on_shelf(shelf, number)) == (None, (True, 0))


@pytest.mark.parametrize(("quantity", "status"), [(0, "outofstock"), (5, "instock")])
def test_whether_goods_can_be_bought_follows_their_level(
	shop: WooCommerce, quantity: int, status: str
) -> None:
	"""No stock_status is sent: the shop works it out, of a number that it counts. Of these goods it counted none."""
	product = shop.shop.add_product("FREE", stock=None)
	assert product.stock_status == "instock"
	assert put(shop, shop.connector(), "FREE", quantity).error is None
	assert product.stock_status == status
