"""The simulated Shopify refuses what the real one was seen, or is documented, to refuse of money and returns."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from sandbox.storefronts.shopify.sales import Order
from sandbox.storefronts.shopify.shop import NewLine, NewShipping
from tests.connectors.shopify_simulated import Stage

REFUND = """mutation R($input: RefundInput!, $key: String!) {
  refundCreate(input: $input) @idempotent(key: $key) {
    refund { id totalRefundedSet { shopMoney { amount } } transactions(first: 5) { nodes { gateway status } } }
    order { displayFinancialStatus }
    userErrors { field message }
  }
}"""
BARE = "mutation R($input: RefundInput!) { refundCreate(input: $input) { userErrors { message } } }"


@pytest.fixture
def stage() -> Stage:
	stage = Stage()
	stage.shop.add_product("A", Decimal("10.00"), 50)
	return stage


def place(stage: Stage, **about: Any) -> Order:
	about.setdefault("gateway", "bogus")
	return stage.shop.place_order([NewLine("A", 3)], [NewShipping(Decimal("5.00"))], taxes=(), **about)


def refund(stage: Stage, order: Order, *amounts: str, key: str = "k", **given: Any) -> Any:
	rows = [
		{
			"orderId": gid("Order", order.id),
			"parentId": gid("OrderTransaction", order.transactions[0].id),
			"kind": given.get("kind", "REFUND"),
			"gateway": given.get("gateway", "bogus"),
			"amount": amount,
		}
		for amount in amounts
	]
	extra = {name: value for name, value in given.items() if name not in ("kind", "gateway")}
	asked = {"orderId": gid("Order", order.id), "transactions": rows, **extra}
	return stage.client.ask(REFUND, {"input": asked, "key": key}).data["refundCreate"]


def gid(kind: str, number: int) -> str:
	return f"gid://shopify/{kind}/{number}"


def said(payload: Any) -> str:
	[error] = payload["userErrors"]
	assert payload["refund"] is None
	return error["message"]


def test_a_refund_takes_the_gateway_of_what_it_gives_back(stage: Stage) -> None:
	"""Captured: another one that is named is not looked at."""
	order = place(stage)
	made = refund(stage, order, "1.00", gateway="manual")
	assert made["refund"]["transactions"]["nodes"] == [{"gateway": "bogus", "status": "SUCCESS"}]
	assert made["order"]["displayFinancialStatus"] == "PARTIALLY_REFUNDED"
	assert made["userErrors"] == []


@pytest.mark.parametrize(
	("changes", "message"),
	[
		({"kind": "AUTHORIZATION"}, "Kind authorization is not a valid transaction"),
		(
			{"refundLineItems": [{"lineItemId": gid("LineItem", 1), "quantity": 1}]},
			"line item does not exist",
		),
		({"currency": "USD"}, "presentment currency"),
	],
)
def test_what_makes_no_refund_is_refused(stage: Stage, changes: Any, message: str) -> None:
	order = place(stage)
	assert message in said(refund(stage, order, "1.00", **changes))
	assert (order.refunds, order.refunded) == ([], 0)


def test_a_refund_names_a_transaction_of_its_order(stage: Stage) -> None:
	order, other = place(stage), place(stage)
	order.transactions[0].id, other.transactions[0].id = other.transactions[0].id, order.transactions[0].id
	[paid] = order.transactions
	order.transactions[0] = other.transactions[0]
	payload = refund(stage, order, "1.00")
	order.transactions[0] = paid
	assert payload["userErrors"] == []
	order.transactions.clear()
	order.transactions.append(other.transactions[0])
	missing = {
		"orderId": gid("Order", order.id),
		"transactions": [
			{
				"orderId": gid("Order", order.id),
				"kind": "REFUND",
				"gateway": "x",
				"amount": "1.00",
				"parentId": gid("OrderTransaction", 9),
			}
		],
	}
	found = stage.client.ask(REFUND, {"input": missing, "key": "other"}).data["refundCreate"]
	assert said(found) == "Transactions require a parent_id associated with the order"


def test_no_more_than_was_paid_unless_it_is_allowed(stage: Stage) -> None:
	order = place(stage)
	assert "exceeds" in said(refund(stage, order, "35.01"))
	assert "exceeds" in said(refund(stage, order, "20.00", "15.01", key="2"))
	assert refund(stage, order, "35.01", key="3", allowOverRefunding=True)["userErrors"] == []
	more = [{"lineItemId": gid("LineItem", order.lines[0].id), "quantity": 4}]
	assert "more items" in said(refund(stage, order, key="4", refundLineItems=more))


def test_a_key_stands_for_one_content(stage: Stage) -> None:
	order = place(stage)
	first = refund(stage, order, "1.00")
	assert refund(stage, order, "1.00") == first
	assert len(order.refunds) == 1
	assert "different operation parameters" in said(refund(stage, order, "2.00"))
	assert "exceeds" in said(refund(stage, order, "99.00", key="bad"))
	assert "Retry with a new idempotency key" in said(refund(stage, order, "99.00", key="bad"))
	asked = {"orderId": gid("Order", order.id), "transactions": []}
	with pytest.raises(Exception, match="@idempotent directive is required"):
		stage.client.run(BARE, {"input": asked})


@pytest.mark.parametrize("said_in_total", [True, False])
def test_what_the_money_differs_by_is_an_adjustment(stage: Stage, said_in_total: bool) -> None:
	stage.shop.adjusts_total = said_in_total
	order = place(stage)
	lines = [{"lineItemId": gid("LineItem", order.lines[0].id), "quantity": 1, "restockType": "NO_RESTOCK"}]
	refund(stage, order, "12.50", refundLineItems=lines)
	[made] = order.refunds
	assert [row.amount for row in made.adjustments] == [Decimal("-2.50")]
	assert order.current_total == (Decimal("22.50") if said_in_total else Decimal("25.00"))
	assert order.outstanding == 0


def test_restocked_goods_need_a_place(stage: Stage) -> None:
	order = place(stage)
	rows = [{"lineItemId": gid("LineItem", order.lines[0].id), "quantity": 1, "restockType": "RETURN"}]
	assert "Location is required" in said(refund(stage, order, refundLineItems=rows))
	rows[0]["locationId"] = gid("Location", stage.shop.location.id)
	before = stage.shop.stock("A")
	assert refund(stage, order, key="2", refundLineItems=rows)["userErrors"] == []
	assert stage.shop.stock("A") == before + 1


def test_money_tells_of_itself(stage: Stage) -> None:
	for topic in ("order_transactions/create", "refunds/create", "orders/updated"):
		stage.shop.subscribe(topic, "https://elsewhere.example/")
	order = place(stage, paid=False, authorised=True)
	assert order.financial_status == "AUTHORIZED"
	stage.shop.capture(order, Decimal("15.00"))
	assert order.financial_status == "PARTIALLY_PAID"
	stage.shop.refund(order, amount=Decimal("15.00"))
	assert order.financial_status == "REFUNDED"
	told = [each.topic for each in stage.shop.recorded if not each.topic.startswith("orders/")]
	assert told == ["order_transactions/create"] * 3 + ["refunds/create"]


def test_a_void_ends_an_authorisation(stage: Stage) -> None:
	order = place(stage, paid=False, authorised=True)
	stage.shop.void(order)
	assert (order.financial_status, order.authorised) == ("VOIDED", False)
	assert [row.kind for row in order.transactions] == ["AUTHORIZATION", "VOID"]


def test_a_payout_empties_the_balance(stage: Stage) -> None:
	stage.shop.payments_account = True
	place(stage, gateway="shopify_payments")
	place(stage, gateway="bogus")
	first = stage.shop.pay_out()
	assert [(row.type, row.amount, row.fee) for row in first.rows] == [("CHARGE", 35, Decimal("1.32"))]
	assert (first.net, stage.shop.pay_out().rows) == (Decimal("33.68"), [])
