"""What real WooCommerce orders with refunds become in the whole engine: one Sales Order, the money, credit notes."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from commerce_bridge.bridge.channel import Channel, InvoicePolicy, PaymentMap, RefundPolicy
from commerce_bridge.bridge.worker import run_once
from sandbox.world import Sandbox
from tests.connectors.test_woocommerce_refunds import real
from tests.connectors.test_woocommerce_samples import CHANNEL, Stage, sample, sandbox

__all__ = ["sandbox"]
HEADERS = sample("order_created_webhook")["headers"]


def books(when: Any) -> Channel:
	return CHANNEL.model_copy(
		update={
			"payments": (PaymentMap(gateway="stripe", mode_of_payment="Card", account="Clearing"),),
			"invoices": InvoicePolicy(when=when),
			"refunds": RefundPolicy(adjustment_item="FEE"),
		}
	)


def deliver(stage: Stage, topic: str, body: dict[str, Any]) -> str:
	entry = stage.deliver({**HEADERS, "X-WC-Webhook-Topic": topic}, json.dumps(body, default=float))
	assert entry["state"] in ("Succeeded", "Skipped"), entry["message"]
	while run_once(stage.world):
		continue
	return entry["message"]


def failed(stage: Stage) -> list[str]:
	rows = stage.sandbox.database.read("select message from sync_log where state in ('Failed', 'Retrying')")
	return [row["message"] for row in rows]


def column(stage: Stage, table: str, name: str, where: str) -> list[Decimal]:
	rows = stage.sandbox.database.read(f"select {name} from {table} where {where} order by name")
	return [Decimal(row[name]) for row in rows]


def history(stage: Stage, name: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
	"""The order is placed and paid, then told again with its refunds; each twice."""
	order, refunds = real(name)
	stage.sandbox.make_item("PHONE")
	placed = {**order, "status": "processing", "refunds": [], "date_modified_gmt": order["date_created_gmt"]}
	stage.shop.refunds[int(order["id"])] = refunds
	for body in (placed, placed, order, order):
		deliver(stage, "order.updated", body)
	return order, refunds


ALL = ["rows", "amounts", "restock", "full", "gateway", "by_status"]


@pytest.mark.parametrize("name", ALL)
def test_what_is_billed_is_credited_by_what_was_given_back(sandbox: Sandbox, name: str) -> None:
	stage = Stage(sandbox, books("When Paid"))
	order, refunds = history(stage, name)
	assert failed(stage) == []
	total, back = Decimal(order["total"]), sum(Decimal(row["amount"]) for row in refunds)
	assert column(stage, "payment_entries", "amount", "payment_type = 'Receive'") == [total]
	assert column(stage, "sales_invoices", "grand_total", "is_return = 0") == [total]
	assert sum(column(stage, "sales_invoices", "grand_total", "is_return = 1")) == back
	moved = [Decimal(row["amount"]) for row in refunds if row["refunded_payment"]]
	assert column(stage, "payment_entries", "amount", "payment_type = 'Pay'") == moved


@pytest.mark.parametrize("name", ALL)
def test_what_is_not_billed_stands_less_by_it_or_is_cancelled(sandbox: Sandbox, name: str) -> None:
	stage = Stage(sandbox, books("Never"))
	order, refunds = history(stage, name)
	assert failed(stage) == []
	left = Decimal(order["total"]) - sum(Decimal(row["amount"]) for row in refunds)
	standing = [row for row in sandbox.sales_orders() if row["status"] != "Cancelled"]
	assert [Decimal(row["grand_total"]) for row in standing] == ([left] if left else [])


def test_a_refund_that_was_deleted_in_the_shop_is_taken_back(sandbox: Sandbox) -> None:
	"""Nothing is told of it; the next change of the order shows that it is gone."""
	stage = Stage(sandbox, books("Never"))
	order, _refunds = history(stage, "rows")
	stage.shop.refunds.clear()
	deliver(stage, "order.updated", {**order, "refunds": [], "date_modified_gmt": "2026-11-29T10:00:00"})
	standing = [row for row in sandbox.sales_orders() if row["status"] != "Cancelled"]
	assert [Decimal(row["grand_total"]) for row in standing] == [Decimal(order["total"])]


def test_a_payment_that_is_told_again_at_a_later_moment_is_no_news(sandbox: Sandbox) -> None:
	stage = Stage(sandbox, books("Never"))
	order, _refunds = real("rows")
	stage.sandbox.make_item("PHONE")
	for minute in range(4):
		moment = f"2026-11-29T10:0{minute}:00"
		deliver(stage, "order.updated", {**order, "refunds": [], "date_modified_gmt": moment})
	rows = stage.sandbox.database.read("select name from sync_log where topic = 'payment.found'")
	assert len(rows) == 1
	assert len(column(stage, "payment_entries", "amount", "payment_type = 'Receive'")) == 1
