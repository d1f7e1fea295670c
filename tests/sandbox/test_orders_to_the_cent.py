"""Any order of a shop is booked to the cent by the embedded ERP, whose arithmetic is not the engine's."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings

from commerce_bridge.bridge.model import Order
from commerce_bridge.bridge.orders import apply_order
from commerce_bridge.bridge.protocols import Entry
from commerce_bridge.tests.strategies import CURRENCIES, channel, orders
from tests.sandbox.stage import CHANNEL, START, Stage

settings.register_profile("orders", max_examples=2000, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
	stage = Stage()
	for currency in CURRENCIES:
		stage.sandbox.set_exchange_rate(currency, "2020-01-01", Decimal("1.1"))
	stage.sandbox.make_item("FEE", is_stock_item=False)
	yield stage
	stage.close()


@settings(settings.get_profile("orders"))
@given(order=orders())
def test_what_is_booked_is_what_the_shop_says(stage: Stage, order: Order) -> None:
	sandbox = stage.sandbox
	known = {row["item_code"] for row in sandbox.database.read("select item_code from items")}
	for sku in sorted({line.sku for line in order.lines if line.sku} - known):
		sandbox.make_item(sku)
	entry = Entry("log", CHANNEL, "Inbound", "order.upserted", "{}", order.id, 1, "lease", START)

	class Undone(Exception):
		"""Leaves the database as it was."""

	with pytest.raises(Undone), sandbox.erp.transaction():
		outcome = apply_order(sandbox.erp, channel(name=CHANNEL), order, entry)
		assert outcome.state == "Succeeded", outcome.message
		booked = sandbox.sales_orders(order.id)[-1]
		assert Decimal(booked["grand_total"]) == order.total
		raise Undone
