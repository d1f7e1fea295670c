"""Invoices as merchants find them at their orders in Shopify: metafields, written and taken out again."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from commerce_bridge.bridge.errors import Rejected
from commerce_bridge.bridge.model import InvoiceNotice
from commerce_bridge.connectors.shopify import order_changes
from sandbox.storefronts.shopify.shop import NewLine
from tests.connectors.shopify_simulated import Stage


@pytest.fixture
def stage() -> Stage:
	stage = Stage()
	stage.shop.add_product("A", Decimal("10.00"), 5)
	stage.shop.place_order([NewLine("A")])
	return stage


def notice(stage: Stage, name: str = "SINV-1", **more: Any) -> InvoiceNotice:
	[order] = stage.shop.orders.values()
	given = {
		"id": name,
		"order_id": str(order.id),
		"order_number": order.name,
		"total": Decimal("11.90"),
		"open": Decimal(0),
		"currency": "EUR",
		"issued_on": date(2026, 11, 20),
	}
	return InvoiceNotice(**{**given, **more})


def shown(stage: Stage) -> dict[str, str]:
	[order] = stage.shop.orders.values()
	return {key: each.value for (space, key), each in order.metafields.items() if space == "commerce_bridge"}


def test_an_invoice_and_its_credit_note_are_at_the_order(stage: Stage) -> None:
	url = "https://erp.example/SINV-1.pdf"
	result = order_changes.push_invoice(stage.client, notice(stage, url=url))
	assert (result.key, result.error) == ("SINV-1", None)
	order_changes.push_invoice(
		stage.client, notice(stage, "CN-1", is_return=True, return_against="SINV-1", total=Decimal("1.00"))
	)
	assert shown(stage) == {
		"invoice": "SINV-1",
		"invoice_total": "11.90",
		"invoice_url": url,
		"credit_note": "CN-1",
		"credit_note_total": "1.00",
	}


def test_a_cancelled_one_is_taken_out_unless_another_took_its_place(stage: Stage) -> None:
	order_changes.push_invoice(stage.client, notice(stage, url="https://erp.example/1"))
	order_changes.push_invoice(stage.client, notice(stage, "SINV-2"))
	order_changes.push_invoice(stage.client, notice(stage, "SINV-1", cancelled=True))
	assert shown(stage)["invoice"] == "SINV-2"
	for _repetition in range(2):
		order_changes.push_invoice(stage.client, notice(stage, "SINV-2", cancelled=True))
		assert shown(stage) == {}


def test_an_invoice_of_another_s_order_has_no_place(stage: Stage) -> None:
	with pytest.raises(Rejected, match="SINV-1 is of no order of this shop"):
		order_changes.push_invoice(stage.client, notice(stage, order_id="SAL-ORD-1"))


def test_what_shopify_does_not_take_is_said(stage: Stage) -> None:
	told = notice(stage)
	stage.shop.orders.clear()
	with pytest.raises(Rejected, match="did not take SINV-1 of order #1001"):
		order_changes.push_invoice(stage.client, told)
