"""Credit notes, invoices and returns of the ERP, told to a simulated WooCommerce."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from commerce_bridge.bridge.errors import Rejected, Retryable
from commerce_bridge.bridge.model import (
	InspectedLine,
	InvoiceNotice,
	Payment,
	RefundLine,
	RefundRequest,
	ReturnNotice,
	TaxLine,
)
from commerce_bridge.bridge.protocols import PushResult
from sandbox.storefronts.woocommerce import NewFee, WooCommerceStorefront
from sandbox.storefronts.woocommerce.sales import Order, Refund
from tests.connectors.woocommerce_simulated import WooCommerce

D = Decimal
PAID = Payment(
	id="order:1", gateway="stripe", reference="ch_1", status="captured", amount=D("100"), currency="EUR"
)
CASH = PAID.model_copy(update={"gateway": "cod", "reference": None})


@pytest.fixture
def shop() -> Iterator[WooCommerce]:
	made = WooCommerce()
	made.shop.refunding["stripe"] = ""
	yield made
	made.shop.stop()


def placed(shop: WooCommerce, method: str = "stripe") -> Order:
	store: WooCommerceStorefront = shop.shop
	return store.place_order(
		{"PHONE": 3},
		shipping=D("4.90"),
		fees=[NewFee("Gift wrap", D("2.00"))],
		payment=(method, method),
	)


def request(order: Order, **changes: Any) -> RefundRequest:
	given = {
		"id": "CN-1",
		"order_id": str(order.id),
		"order_number": str(order.id),
		"currency": "EUR",
		"lines": (
			RefundLine(
				order_line_id=str(order.lines[0].id),
				quantity=D(1),
				amount=D("33.33"),
				taxes=(TaxLine(title="VAT 19%", amount=D("6.33")),),
			),
		),
		"shipping": D("5.83"),
		"total": D("45.49"),
		"reason": "Arrived broken",
		"payments": (PAID,),
	}
	return RefundRequest(**given | changes)


def only(order: Order) -> Refund:
	[refund] = order.refunds
	return refund


# --- refunds


def test_the_gateway_gives_the_money_back_and_nothing_is_restocked(shop: WooCommerce) -> None:
	order = placed(shop)
	stock = shop.stock("PHONE")
	result = shop.connector().push_refund(request(order))
	refund = only(order)
	assert result == PushResult("CN-1", external_ids=(str(refund.id),))
	assert (refund.amount, refund.moved, refund.reason) == (D("45.49"), True, "CN-1: Arrived broken")
	[line], [sent] = refund.lines, refund.shipping
	assert (line.quantity, line.total, line.taxes) == (-1, D("-33.33"), {1: D("-6.33")})
	assert (sent.total, sent.taxes) == (D("-4.90"), {1: D("-0.93")})
	assert (shop.stock("PHONE"), order.lines[0].restocked) == (stock, 0)


def test_what_was_paid_in_cash_is_only_noted(shop: WooCommerce) -> None:
	order = placed(shop, "cod")
	shop.connector().push_refund(request(order, payments=(CASH,)))
	assert (only(order).amount, only(order).moved) == (D("45.49"), False)


@pytest.mark.parametrize("payments", [(PAID,), (CASH,)])
def test_a_lost_answer_gives_nothing_back_twice(shop: WooCommerce, payments: tuple[Payment, ...]) -> None:
	order = placed(shop)
	shop.shop.fail("lost", path="/refunds", method="WRITE")
	asked = request(order, payments=payments)
	with pytest.raises(Retryable):
		shop.connector().push_refund(asked)
	assert shop.connector().push_refund(asked).external_ids == (str(only(order).id),)
	assert shop.connector().push_refund(asked).external_ids == (str(only(order).id),)


def test_a_request_that_may_be_on_its_way_is_not_repeated_at_once(shop: WooCommerce) -> None:
	"""A busy shop may come to it after we gave up waiting: then there would be two."""
	order = placed(shop)
	shop.shop.fail("hang up", path="/refunds", method="WRITE")
	with pytest.raises(Retryable):
		shop.connector().push_refund(request(order))
	with pytest.raises(Retryable, match="may still be at it"):
		shop.connector().push_refund(request(order))
	assert shop.connector().push_refund(request(order, id="CN-2")).error is None, "another one is"
	shop.wait(timedelta(minutes=16))
	shop.connector().push_refund(request(order))
	assert [refund.reason[:4] for refund in order.refunds] == ["CN-2", "CN-1"]


def test_what_moves_no_money_is_repeated_at_once(shop: WooCommerce) -> None:
	order = placed(shop, "cod")
	shop.shop.fail("hang up", path="/refunds", method="WRITE")
	with pytest.raises(Retryable):
		shop.connector().push_refund(request(order, payments=(CASH,)))
	shop.connector().push_refund(request(order, payments=(CASH,)))
	assert len(order.refunds) == 1


def test_two_credit_notes_are_two_refunds(shop: WooCommerce) -> None:
	order = placed(shop)
	for name in ("CN-1", "CN-2"):
		shop.connector().push_refund(request(order, id=name))
	assert [refund.amount for refund in order.refunds] == [D("45.49")] * 2


def test_a_gateway_that_refuses_is_quoted_and_leaves_nothing(shop: WooCommerce) -> None:
	order = placed(shop)
	shop.shop.refunding["stripe"] = "Charge ch_1 has already been refunded."
	with pytest.raises(Rejected, match="Charge ch_1 has already been refunded"):
		shop.connector().push_refund(request(order))
	assert order.refunds == []
	shop.shop.refunding["stripe"] = ""
	shop.connector().push_refund(request(order))
	assert len(order.refunds) == 1, "retried at once, when it was put right"


def test_more_than_is_left_is_refused(shop: WooCommerce) -> None:
	order = placed(shop)
	with pytest.raises(Rejected, match="Invalid refund amount"):
		shop.connector().push_refund(request(order, total=D("500")))


def test_a_refund_whose_money_may_be_on_its_way_is_waited_for_and_then_looked_at(shop: WooCommerce) -> None:
	order = placed(shop)
	shop.connector().push_refund(request(order))
	only(order).moved = False
	with pytest.raises(Retryable, match="does not say yet"):
		shop.connector().push_refund(request(order))
	shop.wait(timedelta(minutes=16))
	with pytest.raises(Rejected, match="look at the gateway"):
		shop.connector().push_refund(request(order))
	assert len(order.refunds) == 1


def test_an_order_that_was_deleted(shop: WooCommerce) -> None:
	order = placed(shop)
	shop.shop.delete_order(order)
	with pytest.raises(Rejected, match="by hand"):
		shop.connector().push_refund(request(order))


def test_an_amount_alone(shop: WooCommerce) -> None:
	order = placed(shop)
	shop.connector().push_refund(request(order, lines=(), shipping=D(0), total=D("7.50"), reason=None))
	refund = only(order)
	assert (refund.amount, refund.lines, refund.shipping, refund.reason) == (D("7.50"), [], [], "CN-1")


def test_taxes_that_are_not_told_are_in_proportion(shop: WooCommerce) -> None:
	order = placed(shop)
	line = RefundLine(order_line_id=str(order.lines[0].id), quantity=D(2), amount=D("66.66"))
	shop.connector().push_refund(request(order, lines=(line,), shipping=D(0), total=D("79.33")))
	assert only(order).lines[0].taxes == {1: D("-12.67")}


def test_rows_that_come_to_more_than_the_money_are_not_told(shop: WooCommerce) -> None:
	order = placed(shop)
	shop.connector().push_refund(request(order, total=D("20.00")))
	assert (only(order).amount, only(order).lines) == (D("20.00"), [])


def test_what_was_sold_by_no_line_and_halves_of_pieces(shop: WooCommerce) -> None:
	order = placed(shop)
	lines = (
		RefundLine(order_line_id="999", quantity=D(1), amount=D("1.00")),
		RefundLine(order_line_id=str(order.lines[0].id), quantity=D("0.5"), amount=D("10.00"), taxes=()),
	)
	shop.connector().push_refund(request(order, lines=lines, shipping=D(0), total=D("12.90")))
	[line] = only(order).lines
	assert (line.quantity, line.total) == (0, D("-10.00"))


def test_the_shops_own_news_of_it_name_the_same_refund(shop: WooCommerce) -> None:
	order = placed(shop)
	[name] = shop.connector().push_refund(request(order)).external_ids
	connector = shop.connector()
	found = connector.fetch_order(str(order.id))
	assert found is not None
	data: Any = connector.complete(connector.parse(found.topic, found.payload)).data
	[refund] = data.refunds
	assert (refund.id, refund.total) == (name, D("45.49"))


# --- invoices

INVOICE = InvoiceNotice(
	id="SINV-1",
	order_id="0",
	order_number="1",
	total=D("100.00"),
	open=D(0),
	currency="EUR",
	issued_on=date(2026, 11, 20),
	url="https://erp.example/SINV-1.pdf",
)


def invoices(order: Order) -> Any:
	return {row["key"]: row["value"] for row in order.meta}.get("_commerce_bridge_invoice")


def test_invoices_stand_in_the_orders_meta_data_until_they_are_cancelled(shop: WooCommerce) -> None:
	order = placed(shop)
	of_it = INVOICE.model_copy(update={"order_id": str(order.id)})
	back = of_it.model_copy(
		update={"id": "CN-1", "is_return": True, "issued_on": date(2026, 11, 19), "url": None}
	)
	for notice in (of_it, back, of_it):
		assert shop.connector().push_invoice(notice) == PushResult(notice.id)
	assert [(row["number"], row["kind"], row["url"]) for row in invoices(order)] == [
		("CN-1", "credit note", ""),
		("SINV-1", "invoice", "https://erp.example/SINV-1.pdf"),
	]
	assert (invoices(order)[1]["total"], invoices(order)[1]["date"]) == ("100.00", "2026-11-20")
	shop.connector().push_invoice(of_it.model_copy(update={"cancelled": True}))
	assert [row["number"] for row in invoices(order)] == ["CN-1"]


def test_what_the_shop_has_already_is_not_written_again(shop: WooCommerce) -> None:
	order = placed(shop)
	of_it = INVOICE.model_copy(update={"order_id": str(order.id)})
	shop.connector().push_invoice(of_it)
	changed = order.modified
	shop.connector().push_invoice(of_it)
	assert order.modified == changed
	mailed = list(shop.shop.mails)
	assert mailed == [], "nobody is written to"


def test_an_invoice_of_an_order_that_was_deleted(shop: WooCommerce) -> None:
	with pytest.raises(Rejected, match="Skip this entry"):
		shop.connector().push_invoice(INVOICE.model_copy(update={"order_id": "999"}))
	gone = INVOICE.model_copy(update={"order_id": "999", "cancelled": True})
	assert shop.connector().push_invoice(gone).error is None


# --- returns


def test_each_step_of_a_return_is_a_note_for_the_staff(shop: WooCommerce) -> None:
	order = placed(shop)
	line = InspectedLine(order_line_id="7", quantity=D(2), reason="Too small")
	notice = ReturnNotice(
		id="RMA-1",
		document="RMA-1",
		order_id=str(order.id),
		order_number="1",
		status="approved",
		lines=(line,),
		updated_at=shop.now(),
	)
	came = line.model_copy(
		update={"received": D("1.0"), "grade_found": "B", "disposition": "restock", "serials": ("S<1>",)}
	)
	declined = notice.model_copy(update={"status": "declined", "reason": "worn", "lines": ()})
	for step in (
		notice,
		notice,
		notice.model_copy(update={"status": "received", "lines": (came,)}),
		declined,
	):
		assert shop.connector().push_return(step) == PushResult("RMA-1")
	assert [note.note for note in order.notes] == [
		"Return RMA-1: approved\n2 of line 7",
		"Return RMA-1: received\n1 of line 7, S(1), B, restock",
		"Return RMA-1: declined\nworn",
	]
	assert not any(note.for_customer for note in order.notes)


def test_a_return_of_an_order_that_was_deleted(shop: WooCommerce) -> None:
	notice = ReturnNotice(
		id="R", document="R", order_id="999", order_number="1", status="closed", updated_at=shop.now()
	)
	with pytest.raises(Rejected, match="deleted"):
		shop.connector().push_return(notice)
