"""What every connector promises of payments, refunds, returns and invoices: part of the contract suite."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any, Protocol

import pytest

from commerce_bridge.bridge.errors import Rejected, Retryable
from commerce_bridge.bridge.model import (
	InspectedLine,
	InvoiceNotice,
	Order,
	Refund,
	RefundLine,
	RefundRequest,
	ReturnNotice,
)
from commerce_bridge.bridge.protocols import Connector

ZERO = Decimal(0)
INVOICE_URL = "https://erp.example/SINV-1.pdf"


class Till(Protocol):
	"""A simulated shop, as far as money and goods that come back go. Ids are external ids."""

	moves_money: bool  # whether its gateway gives money back by itself
	knows_returns: bool  # whether the platform has returns

	def connector(self, unit: str = "SYNC-1") -> Connector: ...

	def now(self) -> Any: ...

	def place(self, quantities: Mapping[str, int]) -> str: ...

	def lines(self, order_id: str) -> dict[str, str]: ...

	def pay(self, order_id: str) -> None:
		"""The buyer pays all of it, by a gateway that can give it back where the shop has one."""
		...

	def give_back(
		self,
		order_id: str,
		quantities: Mapping[str, int],
		restock: bool = False,
		amount: Decimal | None = None,
	) -> None:
		"""A refund of pieces, by SKU, with their taxes; or of an amount alone."""
		...

	def given_back(self, order_id: str) -> list[Decimal]:
		"""What each refund of the order came to, oldest first, as the shop shows it."""
		...

	def send_back(self, order_id: str, quantities: Mapping[str, int]) -> None:
		"""The buyer asks to return goods that were sent."""
		...

	def lose_answer(self, operation: str) -> None: ...

	def break_down(self, how: bool | str) -> None: ...


class AfterOrderContract:
	"""Tests of one connector. Subclasses have the fixture `shop`."""

	def latest(self, shop: Till, order_id: str) -> Order:
		"""The order as the shop has it now."""
		connector = shop.connector()
		found = connector.fetch_order(order_id)
		assert found is not None
		event = connector.parse(found.topic, found.payload)
		order = (connector.complete(event) if event.incomplete else event).data
		assert isinstance(order, Order)
		return order

	def parts_of(self, given: Order | Refund) -> Decimal:
		"""What its parts come to."""
		if isinstance(given, Order):
			amounts = [line.total for line in given.lines] + [row.amount for row in given.fees]
			amounts += [-row.amount for row in given.discounts]
			rows: tuple[Any, ...] = (*given.lines, *given.fees)
		else:
			amounts = [row.amount for row in (*given.lines, *given.adjustments)]
			rows = (*given.lines, *given.adjustments)
		amounts += [row.amount for row in given.shipping]
		taxes = [tax.amount for row in (*rows, *given.shipping) for tax in row.taxes]
		return sum(amounts + ([] if given.prices_include_tax else taxes), ZERO)

	# --- money comes in

	def test_what_was_paid_comes_in(self, shop: Till) -> None:
		order_id = shop.place({"PHONE": 2, "CASE": 1})
		shop.pay(order_id)
		order = self.latest(shop, order_id)
		captured = [payment for payment in order.payments if payment.status == "captured"]
		assert sum((payment.amount for payment in captured), ZERO) == order.total
		for payment in captured:
			assert payment.id and payment.gateway and payment.currency == order.currency
			assert payment.order_id in ("", order_id)
		assert len({payment.id for payment in order.payments}) == len(order.payments)

	def test_a_payment_is_the_same_however_often_it_is_read(self, shop: Till) -> None:
		order_id = shop.place({"PHONE": 1})
		shop.pay(order_id)
		first, again = self.latest(shop, order_id).payments, self.latest(shop, order_id).payments
		assert first and first == again

	# --- money goes back

	def test_pieces_that_were_given_back(self, shop: Till) -> None:
		order_id = shop.place({"PHONE": 3, "CASE": 1})
		shop.pay(order_id)
		shop.give_back(order_id, {"PHONE": 2})
		order = self.latest(shop, order_id)
		[refund] = order.refunds
		assert [refund.total] == shop.given_back(order_id)
		assert self.parts_of(refund) == refund.total > 0
		assert {row.order_line_id: row.quantity for row in refund.lines} == {shop.lines(order_id)["PHONE"]: 2}
		assert refund.currency == order.currency and not refund.cancelled
		assert refund.created_at.utcoffset() is not None
		assert sum((payment.amount for payment in refund.payments), ZERO) == (
			refund.total if shop.moves_money else 0
		)
		assert not {payment.id for payment in refund.payments} & {payment.id for payment in order.payments}

	def test_an_order_adds_up_whatever_was_given_back_of_it(self, shop: Till) -> None:
		order_id = shop.place({"PHONE": 3, "CASE": 1})
		shop.pay(order_id)
		before = self.latest(shop, order_id)
		shop.give_back(order_id, {"PHONE": 1})
		after = self.latest(shop, order_id)
		assert self.parts_of(after) == after.total
		[refund] = after.refunds
		whole = after.total + (refund.total if after.refunds_deducted else 0)
		assert whole == before.total

	@pytest.mark.parametrize("restock", [True, False])
	def test_whether_goods_came_back_into_stock(self, shop: Till, restock: bool) -> None:
		order_id = shop.place({"PHONE": 3})
		shop.pay(order_id)
		shop.give_back(order_id, {"PHONE": 1}, restock)
		[refund] = self.latest(shop, order_id).refunds
		assert [row.restock for row in refund.lines] == [restock]

	def test_an_amount_alone_that_was_given_back(self, shop: Till) -> None:
		order_id = shop.place({"PHONE": 2})
		shop.pay(order_id)
		shop.give_back(order_id, {}, amount=Decimal("5.00"))
		[refund] = self.latest(shop, order_id).refunds
		assert (refund.total, self.parts_of(refund)) == (Decimal("5.00"), Decimal("5.00"))
		assert (refund.lines, refund.shipping) == ((), ())
		assert sum((row.amount for row in refund.adjustments), ZERO) == Decimal("5.00")

	def test_each_refund_is_one_and_keeps_its_name(self, shop: Till) -> None:
		order_id = shop.place({"PHONE": 3})
		shop.pay(order_id)
		shop.give_back(order_id, {"PHONE": 1})
		[first] = self.latest(shop, order_id).refunds
		shop.give_back(order_id, {}, amount=Decimal("1.00"))
		found = self.latest(shop, order_id).refunds
		assert len({refund.id for refund in found}) == 2
		assert {refund.id: refund.total for refund in found}[first.id] == first.total
		assert sorted(refund.total for refund in found) == sorted(shop.given_back(order_id))

	# --- money that ERPNext gives back

	def asked(self, shop: Till, order_id: str, name: str = "CN-1") -> RefundRequest:
		"""One piece of the order, at its price, with its taxes."""
		order = self.latest(shop, order_id)
		line = next(row for row in order.lines if row.quantity)
		share = Decimal(1) / line.quantity
		amount = (line.total * share).quantize(Decimal("0.01"))
		taxes = tuple(
			tax.model_copy(update={"amount": (tax.amount * share).quantize(Decimal("0.01"))})
			for tax in line.taxes
		)
		extra = ZERO if order.prices_include_tax else sum((tax.amount for tax in taxes), ZERO)
		given = RefundLine(order_line_id=line.id, quantity=Decimal(1), amount=amount, taxes=taxes)
		return RefundRequest(
			id=name,
			order_id=order_id,
			order_number=order.number,
			currency=order.currency,
			lines=(given,),
			total=amount + extra,
			reason="Arrived broken",
			payments=tuple(payment for payment in order.payments if payment.status == "captured"),
		)

	def test_a_refund_that_is_asked_for_is_made_and_named(self, shop: Till) -> None:
		order_id = shop.place({"PHONE": 2})
		shop.pay(order_id)
		request = self.asked(shop, order_id)
		result = shop.connector().push_refund(request)
		assert (result.key, result.error) == ("CN-1", None)
		assert shop.given_back(order_id) == [request.total]
		assert [refund.id for refund in self.latest(shop, order_id).refunds] == list(result.external_ids)

	def test_a_refund_whose_answer_was_lost_gives_money_back_once(self, shop: Till) -> None:
		order_id = shop.place({"PHONE": 2})
		shop.pay(order_id)
		request = self.asked(shop, order_id)
		shop.lose_answer("refund")
		with pytest.raises(Retryable):
			shop.connector("SYNC-7").push_refund(request)
		assert shop.given_back(order_id) == [request.total]
		for unit in ("SYNC-7", "SYNC-8"):
			result = shop.connector(unit).push_refund(request)
			assert (result.error, len(result.external_ids)) == (None, 1)
		assert shop.given_back(order_id) == [request.total]

	def test_two_credit_notes_give_money_back_twice(self, shop: Till) -> None:
		order_id = shop.place({"PHONE": 2})
		shop.pay(order_id)
		request = self.asked(shop, order_id)
		for name in ("CN-1", "CN-2"):
			result = shop.connector().push_refund(request.model_copy(update={"id": name}))
			assert result.error is None
		assert shop.given_back(order_id) == [request.total] * 2

	def test_more_than_was_paid_is_not_given_back(self, shop: Till) -> None:
		order_id = shop.place({"PHONE": 1})
		shop.pay(order_id)
		request = self.asked(shop, order_id).model_copy(update={"total": Decimal(5000), "lines": ()})
		try:
			result = shop.connector().push_refund(request)
		except Rejected as rejected:
			assert str(rejected)
		else:
			assert result.error and not result.retry
		assert shop.given_back(order_id) == []

	def test_an_outage_of_money_is_waited_for(self, shop: Till) -> None:
		order_id = shop.place({"PHONE": 1})
		shop.pay(order_id)
		request = self.asked(shop, order_id)
		shop.break_down(True)
		for call in (
			lambda: shop.connector().push_refund(request),
			lambda: shop.connector().push_invoice(self.invoice(order_id)),
		):
			with pytest.raises(Retryable):
				call()
		shop.break_down(False)
		assert shop.given_back(order_id) == []

	# --- invoices, returns, payouts

	def invoice(self, order_id: str) -> InvoiceNotice:
		return InvoiceNotice(
			id="SINV-1",
			order_id=order_id,
			order_number="1",
			total=Decimal("10.00"),
			open=ZERO,
			currency="EUR",
			issued_on=date(2026, 11, 20),
			url=INVOICE_URL,
		)

	def test_an_invoice_is_told_as_often_as_one_likes_and_taken_back(self, shop: Till) -> None:
		invoice = self.invoice(shop.place({"PHONE": 1}))
		for notice in (invoice, invoice, invoice.model_copy(update={"cancelled": True})):
			result = shop.connector().push_invoice(notice)
			assert (result.key, result.error) == ("SINV-1", None)

	def test_a_return_comes_in_and_its_steps_go_out(self, shop: Till) -> None:
		order_id = shop.place({"PHONE": 2})
		line_id, name = shop.lines(order_id)["PHONE"], "RMA-1"
		if shop.knows_returns:
			shop.send_back(order_id, {"PHONE": 1})
			[wanted] = self.latest(shop, order_id).returns
			assert wanted.status == "requested"
			assert [(row.order_line_id, row.quantity) for row in wanted.lines] == [(line_id, 1)]
			name = wanted.id
		notice = ReturnNotice(
			id=name,
			document="RMA-1",
			order_id=order_id,
			order_number="1",
			status="approved",
			lines=(InspectedLine(order_line_id=line_id, quantity=Decimal(1)),),
			updated_at=shop.now(),
		)
		for _ in range(2):
			result = shop.connector().push_return(notice)
			assert (result.key, result.error) == (name, None)

	def test_payouts_are_pages_or_none(self, shop: Till) -> None:
		page = shop.connector().payouts(None)
		assert page is None or (not page.more and page.payouts == ())
