"""Payments, refunds and returns of a custom storefront: as it sends them, and as it is told."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from commerce_bridge.bridge.errors import Rejected
from commerce_bridge.bridge.model import (
	Fee,
	InspectedLine,
	InvoiceNotice,
	Parcel,
	Payment,
	Refund,
	RefundLine,
	RefundRequest,
	Return,
	ReturnLine,
	ReturnNotice,
	ShippingLine,
	TaxLine,
)
from commerce_bridge.bridge.protocols import HttpResponse, PushResult
from commerce_bridge.connectors.custom import mapper, messages, webhook
from commerce_bridge.connectors.custom.connector import CustomConnector
from tests.connectors.storefront import (
	CHANNEL,
	CREDENTIALS,
	NOW,
	RecordingTransport,
	json_answer,
	message,
	order,
	signed,
	surroundings,
)

UPDATED = datetime(2026, 11, 20, 9, 30, tzinfo=timezone.utc)
LATER = "2026-11-20T09:31:00Z"
TAX = {"code": "IGST", "rate": "18", "amount": "180.00"}


def parse(event_type: str, data: Any) -> Any:
	return mapper.parse(event_type, json.dumps(message(event_type, data))).data


def reason(event_type: str, data: Any) -> str:
	with pytest.raises(Rejected) as rejected:
		parse(event_type, data)
	return str(rejected.value)


def payment(**changes: Any) -> dict[str, Any]:
	return {"id": "pay_1", "gateway": "razorpay", "status": "captured", "amount": "2419.00", **changes}


def alone(**changes: Any) -> dict[str, Any]:
	return payment(order_id="9001", currency="INR", updated_at=LATER, **changes)


def refund(**changes: Any) -> dict[str, Any]:
	return {
		"id": "r_1",
		"order_id": "9001",
		"created_at": LATER,
		"currency": "INR",
		"prices_include_tax": True,
		"lines": [
			{"order_line_id": "l1", "quantity": 1, "amount": "1180.00", "taxes": [TAX], "restock": True}
		],
		"shipping": [{"code": "std", "title": "", "amount": "59.00"}],
		"adjustments": [{"title": "Restocking", "amount": "-39.00"}],
		"total": "1200.00",
		"payments": [payment(id="pay_r1", amount="1200.00")],
		**changes,
	}


def goods(**changes: Any) -> dict[str, Any]:
	return {
		"id": "rma_1",
		"order_id": "9001",
		"status": "requested",
		"updated_at": LATER,
		"lines": [{"order_line_id": "l1", "quantity": 2}],
		**changes,
	}


# --- payments


def test_a_payment_by_itself() -> None:
	given = alone(
		reference="ch_1",
		charged="29.10",
		charged_currency="USD",
		fee="48.38",
		fee_tax="8.71",
		paid_at=LATER,
		version=2,
	)
	assert parse("payment.updated", given) == Payment(
		id="pay_1",
		order_id="9001",
		gateway="razorpay",
		reference="ch_1",
		status="captured",
		amount=Decimal("2419.00"),
		currency="INR",
		charged=Decimal("29.10"),
		charged_currency="USD",
		fee=Decimal("48.38"),
		fee_tax=Decimal("8.71"),
		paid_at=UPDATED + timedelta(minutes=1),
		version=2,
		updated_at=UPDATED + timedelta(minutes=1),
	)


@pytest.mark.parametrize(
	("word", "status"),
	[
		("authorised", "authorised"),
		("Authorized", "authorised"),
		(" PAID ", "captured"),
		("refunded", "captured"),
		("canceled", "voided"),
		("declined", "failed"),
		("created", "pending"),
	],
)
def test_the_words_of_gateways(word: str, status: str) -> None:
	assert parse("payment.updated", alone(status=word)).status == status
	assert parse("order.upserted", order(payments=[payment(status=word)])).payments[0].status == status


def test_a_payment_in_an_order_is_as_old_as_the_order_and_in_its_currency() -> None:
	[told, older] = parse(
		"order.upserted",
		order(payments=[payment(), payment(id="pay_2", updated_at="2026-11-20T09:00:00Z", currency="INR")]),
	).payments
	assert (told.updated_at, told.currency) == (UPDATED, "INR")
	assert older.updated_at == UPDATED - timedelta(minutes=30)


def test_a_payment_of_nothing_is_left_out() -> None:
	assert parse("order.upserted", order(payments=[payment(amount="0.00")])).payments == ()
	assert reason("payment.updated", alone(amount=0)) == "data.amount: must be greater than 0"


@pytest.mark.parametrize(
	("change", "said"),
	[
		(
			{"status": "on its way"},
			"data.status: must be one of pending, authorised, captured, voided, failed",
		),
		({"status": None}, "data.status: must be one of pending, authorised, captured, voided, failed"),
		({"amount": "-1"}, "data.amount: must not be negative"),
		({"amount": 1.5}, 'data.amount: must be a string such as "12.50", not a fraction without quotes'),
		({"fee": "-0.01"}, "data.fee: must not be negative"),
		({"order_id": ""}, "data.order_id: must have at least 1 character"),
		(
			{"charged": "1"},
			"data.charged_currency: is required: what was charged is an amount and its currency",
		),
		(
			{"charged_currency": "USD"},
			"data.charged: is required: what was charged is an amount and its currency",
		),
	],
)
def test_what_no_payment_says(change: dict[str, Any], said: str) -> None:
	assert reason("payment.updated", {**alone(), **change}) == said


@pytest.mark.parametrize("name", ["id", "order_id", "gateway", "status", "amount", "currency", "updated_at"])
def test_what_a_payment_by_itself_needs(name: str) -> None:
	given = alone()
	del given[name]
	assert reason("payment.updated", given) == f"data.{name}: is required"


def test_another_currency_than_the_orders_is_what_was_charged() -> None:
	assert reason("order.upserted", order(payments=[payment(), payment(id="2", currency="USD")])) == (
		"data.payments[1].currency: must be that of the order; what the gateway took in another one is charged "
		"and charged_currency"
	)


# --- refunds


def test_a_refund_by_itself() -> None:
	moment = UPDATED + timedelta(minutes=1)
	tax = TaxLine(title="IGST", code="IGST", rate=Decimal(18), amount=Decimal("180.00"))
	assert parse("refund.created", refund(return_id="rma_1")) == Refund(
		id="r_1",
		order_id="9001",
		created_at=moment,
		updated_at=moment,
		currency="INR",
		prices_include_tax=True,
		lines=(
			RefundLine(
				order_line_id="l1", quantity=Decimal(1), amount=Decimal("1180.00"), taxes=(tax,), restock=True
			),
		),
		shipping=(ShippingLine(code="std", amount=Decimal("59.00")),),
		adjustments=(Fee(title="Restocking", amount=Decimal("-39.00")),),
		total=Decimal("1200.00"),
		payments=(
			Payment(
				id="pay_r1",
				gateway="razorpay",
				status="captured",
				amount=Decimal("1200.00"),
				currency="INR",
				updated_at=moment,
			),
		),
		return_id="rma_1",
	)


def test_taxes_are_added_where_amounts_are_without() -> None:
	given = refund(prices_include_tax=False, total="1380.00", payments=[])
	assert parse("refund.created", given).total == Decimal("1380.00")
	assert reason("refund.created", refund(prices_include_tax=False)) == (
		"data.total: is 1200.00, but lines, shipping and adjustments, with taxes, come to 1380.00"
	)
	del given["prices_include_tax"]
	assert parse("refund.created", given).prices_include_tax is False


def test_a_refund_in_an_order_is_told_as_the_order_is() -> None:
	given = refund(payments=[])
	for name in ("order_id", "currency", "prices_include_tax"):
		del given[name]
	[found] = parse("order.upserted", order(refunds=[given])).refunds
	assert (found.currency, found.prices_include_tax, found.updated_at) == ("INR", True, UPDATED)
	assert (found.order_id, found.created_at) == ("", UPDATED + timedelta(minutes=1))


def test_a_refund_that_was_taken_back() -> None:
	later = "2026-11-20T10:00:00Z"
	found = parse("refund.created", refund(cancelled=True, updated_at=later, version=2))
	assert (found.cancelled, found.version, found.updated_at) == (True, 2, UPDATED + timedelta(minutes=30))


def test_an_amount_alone_and_goods_alone() -> None:
	goodwill = refund(
		lines=[], shipping=[], adjustments=[{"title": "Sorry", "amount": "5"}], total=5, payments=[]
	)
	assert parse("refund.created", goodwill).adjustments[0].amount == 5
	only_goods = [{"order_line_id": "l1", "quantity": 1, "amount": 0, "restock": True}]
	given = refund(lines=only_goods, shipping=[], adjustments=[], total=0, payments=[])
	assert parse("refund.created", given).lines[0].quantity == 1


@pytest.mark.parametrize(
	("change", "said"),
	[
		(
			{"total": "1200.01"},
			"data.total: is 1200.01, but lines, shipping and adjustments come to 1200.00",
		),
		(
			{"payments": [payment(amount="1000"), payment(id="2", amount="200.01")]},
			"data.payments: come to 1200.01, more than the total of 1200.00",
		),
		({"payments": [payment(), payment()]}, "data.payments[1].id: another payment has the same id"),
		(
			{"lines": [{"order_line_id": "l1", "quantity": -1, "amount": "1"}]},
			"data.lines[0].quantity: must not be negative",
		),
		(
			{"lines": [{"order_line_id": "l1", "quantity": 1, "amount": "-1"}]},
			"data.lines[0].amount: must not be negative",
		),
		(
			{"shipping": [{"amount": "1", "taxes": [{"amount": "-1"}]}]},
			"data.shipping[0].taxes[0].amount: must not be negative",
		),
		({"total": "-1"}, "data.total: must not be negative"),
	],
)
def test_what_no_refund_says(change: dict[str, Any], said: str) -> None:
	assert reason("refund.created", refund(**change)) == said


@pytest.mark.parametrize("name", ["id", "order_id", "created_at", "currency", "total"])
def test_what_a_refund_by_itself_needs(name: str) -> None:
	given = refund()
	del given[name]
	assert reason("refund.created", given) == f"data.{name}: is required"


def test_ids_are_unique_in_an_order() -> None:
	twice = order(refunds=[refund(), refund(payments=[])])
	assert reason("order.upserted", twice) == "data.refunds[1].id: another refund has the same id"
	same = order(payments=[payment()], refunds=[refund(payments=[payment(amount="1")])])
	assert reason("order.upserted", same) == "data.refunds[0].payments[0].id: another payment has the same id"
	assert "data.returns[1].id: another return" in reason("order.upserted", order(returns=[goods(), goods()]))


# --- returns


def test_a_return_by_itself() -> None:
	given = goods(
		number="RMA-1",
		status="Received",
		version=4,
		note="Handle with care",
		location_id="store-2",
		lines=[
			{
				"order_line_id": "l1",
				"quantity": 2,
				"received": "1",
				"reason": "Too small",
				"condition": "opened",
				"serials": ["S1"],
			}
		],
		parcels=[{"carrier": "DHL", "tracking_number": "R-1", "tracking_url": "", "delivered": True}],
	)
	assert parse("return.updated", given) == Return(
		id="rma_1",
		order_id="9001",
		number="RMA-1",
		status="received",
		lines=(
			ReturnLine(
				order_line_id="l1",
				quantity=Decimal(2),
				received=Decimal(1),
				reason="Too small",
				condition="opened",
				serials=("S1",),
			),
		),
		note="Handle with care",
		location_id="store-2",
		parcels=(Parcel(carrier="DHL", tracking_number="R-1", delivered=True),),
		version=4,
		updated_at=UPDATED + timedelta(minutes=1),
	)


@pytest.mark.parametrize(
	("word", "status"), [("rejected", "declined"), ("COMPLETED", "closed"), ("canceled", "cancelled")]
)
def test_the_words_of_shops(word: str, status: str) -> None:
	assert parse("return.updated", goods(status=word)).status == status


def test_a_return_in_an_order() -> None:
	given = goods()
	for name in ("order_id", "updated_at"):
		del given[name]
	[found] = parse("order.upserted", order(returns=[given])).returns
	assert (found.order_id, found.updated_at, found.status) == ("", UPDATED, "requested")


@pytest.mark.parametrize(
	("change", "start"),
	[
		({"status": "lost"}, "data.status: must be one of requested, approved, declined, received"),
		({"lines": []}, "data.lines: "),
		(
			{"lines": [{"order_line_id": "l1", "quantity": 0}]},
			"data.lines[0].quantity: must be greater than 0",
		),
		({"updated_at": None}, "data.updated_at: must be a time"),
	],
)
def test_what_no_return_says(change: dict[str, Any], start: str) -> None:
	assert reason("return.updated", goods(**change)).startswith(start)


# --- in the Sync Log


@pytest.mark.parametrize(
	("event_type", "data"),
	[("payment.updated", alone()), ("refund.created", refund()), ("return.updated", goods())],
)
def test_what_is_of_an_order_is_found_by_the_order(event_type: str, data: dict[str, Any]) -> None:
	incoming = webhook.identify(signed(message(event_type, data)))
	assert (incoming.external_id, incoming.supported) == ("9001", True)
	assert incoming.source_time == UPDATED + timedelta(minutes=1)


# --- what the storefront is told


class Shop:
	"""A connector whose storefront answers what the test says."""

	def __init__(self, *answers: HttpResponse | Exception):
		self.transport = RecordingTransport(list(answers))
		self.connector = CustomConnector(CHANNEL, CREDENTIALS, surroundings(self.transport))

	@property
	def message(self) -> dict[str, Any]:
		return json.loads(self.transport.sent[-1][3] or b"")


INVOICE = InvoiceNotice(
	id="SINV-1",
	order_id="9001",
	order_number="WEB-9001",
	total=Decimal("2419.00"),
	open=Decimal("0.00"),
	currency="INR",
	issued_on=date(2026, 11, 20),
	url="https://erp.example/pdf",
)
REQUEST = RefundRequest(
	id="CN-1",
	order_id="9001",
	order_number="WEB-9001",
	currency="INR",
	lines=(
		RefundLine(
			order_line_id="l1",
			quantity=Decimal(1),
			amount=Decimal("1000.00"),
			taxes=(TaxLine(title="IGST", rate=Decimal("18.00"), amount=Decimal("180.00")),),
		),
	),
	shipping=Decimal("59.00"),
	total=Decimal("1239.00"),
	reason="Arrived broken",
	payments=(
		Payment(
			id="pay_1",
			gateway="razorpay",
			reference="ch_1",
			status="captured",
			amount=Decimal("2419.00"),
			currency="INR",
		),
	),
)
NOTICE = ReturnNotice(
	id="rma_1",
	document="RMA-1",
	order_id="9001",
	order_number="WEB-9001",
	status="received",
	lines=(
		InspectedLine(
			order_line_id="l1",
			quantity=Decimal("2.0"),
			received=Decimal(1),
			reason="Too small",
			grade_found="B",
			disposition="refurbish",
		),
	),
	updated_at=NOW,
)


def test_an_invoice_and_its_cancellation() -> None:
	shop = Shop()
	assert shop.connector.push_invoice(INVOICE) == PushResult("SINV-1")
	messages.InvoiceUpserted.model_validate(shop.message)
	assert shop.message["data"] == {
		"id": "SINV-1",
		"order_id": "9001",
		"order_number": "WEB-9001",
		"is_return": False,
		"return_against": None,
		"total": "2419",
		"open": "0",
		"currency": "INR",
		"issued_on": "2026-11-20",
		"url": "https://erp.example/pdf",
	}
	shop.connector.push_invoice(INVOICE.model_copy(update={"cancelled": True}))
	messages.InvoiceCancelled.model_validate(shop.message)


def test_a_refund_is_asked_for_and_named() -> None:
	shop = Shop(json_answer({"results": [{"key": "CN-1", "refund_id": "r_7"}]}))
	assert shop.connector.push_refund(REQUEST) == PushResult("CN-1", external_ids=("r_7",))
	messages.RefundRequested.model_validate(shop.message)
	assert shop.message["data"] == {
		"id": "CN-1",
		"order_id": "9001",
		"order_number": "WEB-9001",
		"currency": "INR",
		"lines": [
			{
				"order_line_id": "l1",
				"quantity": "1",
				"amount": "1000",
				"taxes": [{"code": None, "title": "IGST", "rate": "18", "amount": "180"}],
			}
		],
		"shipping": "59",
		"total": "1239",
		"reason": "Arrived broken",
		"payments": [
			{"id": "pay_1", "gateway": "razorpay", "reference": "ch_1", "amount": "2419", "currency": "INR"}
		],
	}


@pytest.mark.parametrize("answer", [HttpResponse(204, {}, b""), json_answer({"results": []})])
def test_a_refund_without_a_name_is_called_as_its_request(answer: HttpResponse) -> None:
	assert Shop(answer).connector.push_refund(REQUEST) == PushResult("CN-1", external_ids=("CN-1",))


def test_a_refund_that_is_refused_has_no_name() -> None:
	refused = json_answer({"results": [{"key": "CN-1", "error": "nothing was paid", "retry": False}]})
	assert Shop(refused).connector.push_refund(REQUEST) == PushResult("CN-1", "nothing was paid")


def test_a_return_is_told() -> None:
	shop = Shop(json_answer({"results": [{"key": "rma_1", "return_id": "77"}]}))
	assert shop.connector.push_return(NOTICE) == PushResult("rma_1", external_ids=("77",))
	messages.ReturnTold.model_validate(shop.message)
	assert shop.message["data"]["lines"] == [
		{
			"order_line_id": "l1",
			"quantity": "2",
			"received": "1",
			"reason": "Too small",
			"condition": None,
			"serials": [],
			"condition_found": None,
			"grade_found": "B",
			"disposition": "refurbish",
		}
	]
	assert shop.message["data"]["updated_at"] == "2026-11-20T10:00:00Z"


def test_its_gateways_pay_out_and_not_the_storefront() -> None:
	assert Shop().connector.payouts(None) is None
