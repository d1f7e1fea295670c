"""A whole day of one order, and what goes wrong in it: from the shop to the ERP and back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import pytest

from commerce_bridge.bridge.worker import work_on
from sandbox.storefronts.signing import sign
from tests.sandbox.stage import CHANNEL, SECRET, STOCK, WAREHOUSE, Stage


@pytest.fixture
def stage() -> Iterator[Stage]:
	stage = Stage()
	stage.settle()
	yield stage
	stage.close()


def test_a_whole_day(stage: Stage) -> None:
	assert stage.shop.stock == {sku: Decimal(STOCK) for sku in stage.shop.stock}

	# the order is placed
	stage.place(1, PHONE=2, CASE=1)
	stage.settle()
	[order] = stage.sandbox.sales_orders("9001")
	placed = stage.shop.orders["9001"]
	assert order["status"] == "Submitted"
	assert order["external_number"] == placed["order_number"]
	assert Decimal(order["grand_total"]) == Decimal(placed["totals"]["grand_total"]) == Decimal("122.17")
	assert Decimal(order["total_taxes"]) == Decimal(placed["totals"]["tax"])
	rows = [(row["item_code"], row["qty"]) for row in stage.sandbox.erp.order_rows(order["name"])]
	assert rows == [("PHONE", "2"), ("CASE", "1"), ("SHIPPING", "1")]

	# the stock is reserved, and the shop shows what is left
	assert stage.sandbox.erp.available("PHONE", [WAREHOUSE]) == STOCK - 2
	assert (stage.shop.stock["PHONE"], stage.shop.stock["CASE"]) == (STOCK - 2, STOCK - 1)

	# goods arrive
	stage.sandbox.erp.move_stock("PHONE", WAREHOUSE, Decimal(5))
	stage.settle()
	assert stage.shop.stock["PHONE"] == STOCK + 3

	# it is shipped, in two parcels, and the shop shows it with the tracking
	first = stage.sandbox.erp.make_delivery(
		order["name"], {1: Decimal(2)}, "DHL", "T-1", "https://t.example/1"
	)
	stage.settle()
	assert stage.shop.shipped("9001") == {"1-PHONE": 2}
	second = stage.sandbox.erp.make_delivery(order["name"], None, "UPS", "T-2", "https://t.example/2")
	stage.settle()
	assert stage.shop.shipped("9001") == {"1-PHONE": 2, "1-CASE": 1}
	shown = {key: (data["carrier"], data["tracking_number"]) for key, data in stage.shop.shipments.items()}
	assert shown == {first: ("DHL", "T-1"), second: ("UPS", "T-2")}
	assert stage.shop.shipments[second]["tracking_url"] == "https://t.example/2"
	assert stage.shop.stock["PHONE"] == STOCK + 3, "shipping what was reserved changes nothing on offer"

	# one parcel comes back before it left
	stage.sandbox.erp.cancel_delivery(second)
	stage.settle()
	assert stage.shop.shipped("9001") == {"1-PHONE": 2}


def test_the_order_changes_and_is_cancelled(stage: Stage) -> None:
	stage.place(1, PHONE=2)
	stage.settle()
	stage.place(1, version=2, inclusive=True, PHONE=5, CABLE=1)
	stage.settle()
	statuses = [row["status"] for row in stage.sandbox.sales_orders("9001")]
	assert statuses == ["Cancelled", "Submitted"]
	assert stage.shop.stock["PHONE"] == STOCK - 5
	stage.cancel(1, version=3)
	stage.settle()
	assert {row["status"] for row in stage.sandbox.sales_orders("9001")} == {"Cancelled"}
	assert stage.shop.stock["PHONE"] == STOCK


def test_what_nobody_signed_changes_nothing(stage: Stage) -> None:
	before = stage.snapshot()
	event = stage.shop.event("order.upserted", stage.order(7, 1, PHONE=1))
	forged = "whsec_c29tZWJvZHktZWxzZQ=="
	headers = sign(forged, event.webhook_id, event.body, stage.now())
	genuine = sign(SECRET, event.webhook_id, event.body, stage.now())
	old = sign(SECRET, event.webhook_id, event.body, stage.now() - timedelta(minutes=6))
	assert [
		stage.post(*message)
		for message in ((headers, event.body), (genuine, event.body + b" "), (old, event.body))
	] == [401] * 3
	assert stage.sandbox.state.rejected(CHANNEL) == 3
	assert stage.snapshot() == before


def test_a_missing_acknowledgement_is_no_second_order(stage: Stage) -> None:
	stage.place(1, PHONE=2)
	[event] = stage.events
	for _ in range(3):
		stage.events = [event]
		stage.settle()
	assert len(stage.sandbox.sales_orders()) == 1
	assert len(stage.sandbox.journal.entries(topic="order.upserted")) == 1


def test_an_unknown_item_is_named_and_retry_succeeds(stage: Stage) -> None:
	stage.shop.add_product("NEW")
	stage.place(1, PHONE=1, NEW=1)
	stage.settle()
	[failed] = stage.sandbox.journal.entries(state="Failed")
	assert failed["error_class"] == "Misconfigured"
	assert "NEW" in failed["message"] and "PHONE" not in failed["message"]
	assert stage.sandbox.sales_orders() == []
	stage.add_item("NEW")
	stage.sandbox.journal.requeue(failed["name"])
	stage.settle()
	assert len(stage.sandbox.sales_orders("9001")) == 1


def test_an_outage_loses_nothing_and_opens_the_circuit(stage: Stage) -> None:
	stage.shop.outage = "reset"
	for number in range(8):
		stage.place(number, PHONE=1)
		stage.deliver()
		stage.run()
		stage.sandbox.erp.make_delivery(
			stage.sales_order(number), carrier="DHL", tracking_number=f"T-{number}"
		)
	stage.run()
	assert stage.sandbox.state.get_circuit(CHANNEL).opened_until is not None
	refused = stage.shop.requests_refused
	stage.run()
	assert stage.shop.requests_refused == refused, "an open circuit leaves the shop alone"
	stage.shop.outage = False
	stage.time += timedelta(hours=1)
	stage.settle()
	assert len(stage.shop.shipments) == 8
	assert stage.shop.stock["PHONE"] == STOCK - 8
	assert stage.sandbox.state.get_circuit(CHANNEL).failures == 0


def test_one_refused_row_is_retried_alone(stage: Stage) -> None:
	stage.shop.refusing["CASE"] = "busy"
	for sku in ("PHONE", "CASE"):
		stage.sandbox.erp.move_stock(sku, WAREHOUSE, Decimal(1))
	stage.run()
	assert (stage.shop.stock["PHONE"], stage.shop.stock["CASE"]) == (STOCK + 1, STOCK)
	[waiting] = stage.sandbox.journal.entries(state="Retrying")
	assert json.loads(waiting["payload"]) == ["CASE"]
	stage.shop.refusing.clear()
	stage.settle()
	assert stage.shop.stock["CASE"] == STOCK + 1


def test_nothing_is_sent_when_nothing_changed(stage: Stage) -> None:
	taken = stage.shop.requests_taken
	stage.sandbox.erp.move_stock("PHONE", WAREHOUSE, Decimal(3))
	stage.sandbox.erp.move_stock("PHONE", WAREHOUSE, Decimal(-3))
	stage.settle()
	assert stage.shop.requests_taken == taken


def test_goods_that_arrive_while_an_order_is_booked_are_shown(stage: Stage) -> None:
	"""The shop counts its own sale down; our number is the same as before, and has to be sent all the same."""
	stage.place(1, PHONE=2)
	stage.deliver()
	stage.sandbox.erp.move_stock("PHONE", WAREHOUSE, Decimal(2))
	stage.settle()
	assert stage.sandbox.erp.available("PHONE", [WAREHOUSE]) == STOCK
	assert stage.shop.stock["PHONE"] == STOCK


def test_a_zombie_writes_nothing(stage: Stage) -> None:
	"""A worker that slept past its lease while another did its work."""
	stage.place(1, PHONE=2)
	stage.deliver()
	world = stage.world()
	zombie = world.journal.claim(world.now(), world.lease)
	assert zombie is not None
	stage.time += timedelta(minutes=6)
	stage.settle()
	after = stage.snapshot()
	work_on(world, zombie)
	assert stage.snapshot() == after


def test_the_same_webhook_id_is_taken_once_by_the_shop(stage: Stage) -> None:
	body = json.dumps(
		{"type": "shipment.upserted", "data": {"id": "DN-1", "order_id": "1", "lines": []}}
	).encode()
	headers = sign(stage.shop.secrets[0], "msg_1", body, stage.now())
	assert stage.shop.handle("POST", "/", headers, body)[0] == 200
	stage.shop.shipments.clear()
	assert stage.shop.handle("POST", "/", headers, body)[0] == 200
	assert stage.shop.shipments == {}
	assert stage.shop.handle("POST", "/", {**headers, "webhook-id": "msg_2"}, body)[0] == 401
