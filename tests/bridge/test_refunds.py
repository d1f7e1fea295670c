"""What refunds take off an order, and when they explain one: numbers only, no books."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commerce_bridge.bridge.channel import Channel, RefundPolicy
from commerce_bridge.bridge.deductions import (
	CREDITED,
	DEDUCTED,
	all_given_back,
	explains,
	fact_of,
	handles_refunds,
	is_older,
	known_refunds,
	less_refunds,
	placed,
	shares,
	sold_data,
	unsent,
)
from commerce_bridge.bridge.errors import Rejected
from commerce_bridge.bridge.model import Order, RefundLine, ShippingLine, TaxLine
from commerce_bridge.bridge.plan import Books, Record
from commerce_bridge.tests.history_events import ALL, back, order, refund
from commerce_bridge.tests.order_cells import line

CHANNEL = Channel(name="Shop", platform="custom", company="Company", company_currency="EUR", currency="EUR")
ZERO = Decimal(0)


def total_of(told: Order) -> Decimal:
	"""What the parts of an order come to."""
	parts = [*told.lines, *told.shipping, *told.fees]
	amounts = sum((part.total if part in told.lines else part.amount for part in parts), ZERO)
	taxes = sum((tax.amount for part in parts for tax in part.taxes), ZERO)
	return amounts + (ZERO if told.prices_include_tax else taxes)


def euros(told):
	return told.model_copy(update={"currency": "EUR"})


def books(**values) -> Books:
	known = {"l1": Decimal(2), "l2": Decimal(2)}
	fresh = Books("SO-1", "Ada", "EUR", Decimal(1), Decimal(49), known, {}, {}, (), (), ZERO, ZERO)
	return replace(fresh, **values)


# --- off the order


def test_a_piece_given_back_leaves_the_others_at_their_price():
	left = less_refunds(order(), [refund("r1", back("l1", 1))])
	[first, second] = left.lines
	assert (first.quantity, first.total, first.discount) == (1, Decimal(10), 0)
	assert first.taxes[0].amount == Decimal("1.00")
	assert (second.quantity, left.total, total_of(left)) == (2, Decimal(38), Decimal(38))


def test_all_of_it_leaves_nothing():
	left = less_refunds(order(), [refund("r1", *ALL, shipping="5.00")])
	assert (left.total, total_of(left)) == (0, 0)
	assert not any(each.quantity for each in left.lines)
	assert left.fees == ()


def test_a_piece_of_which_a_part_of_the_price_is_kept_leaves_a_fee():
	whole = refund("r1", back("l1", 2))
	less = back("l1", 2, "15.00")
	left = less_refunds(order(), [refund("r1", less)])
	assert left.total == order().total - Decimal("16.50")
	assert total_of(left) == left.total
	[kept] = left.fees
	assert (kept.amount, kept.taxes[0].amount) == (Decimal("5.00"), Decimal("0.50"))
	assert less_refunds(order(), [whole]).fees == ()


def test_more_than_the_price_of_a_piece_is_a_reduction():
	left = less_refunds(order(), [refund("r1", back("l1", 2, "25.00"))])
	assert left.fees[0].amount == Decimal("-5.00")
	assert total_of(left) == left.total == order().total - Decimal("27.50")


def test_goodwill_is_a_reduction_and_what_is_kept_a_fee():
	assert less_refunds(order(), [refund("r1", adjustment="4.00")]).fees[0].amount == Decimal("-4.00")
	kept = less_refunds(order(), [refund("r1", back("l1", 1), adjustment="-3.00")])
	assert kept.fees[0].amount == Decimal("3.00")
	assert total_of(kept) == kept.total


def test_shipping_comes_off_the_line_of_its_name_first():
	lines = (
		ShippingLine(title="Express", amount=Decimal(9)),
		ShippingLine(title="Standard", amount=Decimal(5)),
	)
	two = order(1, line(1), shipping="0.00").model_copy(update={"shipping": lines, "total": Decimal(36)})
	left = less_refunds(two, [refund("r1", shipping="5.00")])
	assert [each.amount for each in left.shipping] == [9, 0]
	left = less_refunds(two, [refund("r1", shipping="8.00")])
	assert [each.amount for each in left.shipping] == [6, 0]


def test_a_refund_without_tax_of_an_order_with_it_is_put_into_the_order_s_mode():
	tax = TaxLine(title="Tax", rate=Decimal(10), amount=Decimal("2.00"))
	sold = line(1, 2, "11.00").model_copy(update={"taxes": (tax,)})
	gross = order(1, sold, shipping="0.00", prices_include_tax=True, total=Decimal(22))
	left = less_refunds(gross, [refund("r1", back("l1", 1))])
	assert (left.lines[0].total, left.lines[0].taxes[0].amount, left.total) == (11, 1, 11)


@pytest.mark.parametrize(
	("told", "said"),
	[
		(refund("r1", back("l1", 3)), "2 are left"),
		(refund("r1", back("l9", 1)), '"l9"'),
		(refund("r1", adjustment="49.01"), "49.01"),
	],
)
def test_more_than_there_is_is_refused_and_named(told, said):
	with pytest.raises(Rejected, match="r1") as refused:
		less_refunds(euros(order()), [euros(told)])
	assert said in str(refused.value)


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 500)), max_size=4))
def test_the_parts_sum_to_the_total_whatever_is_given_back(parts):
	left = order()
	for number, (first, second, cents) in enumerate(parts):
		lines = [back(key, count) for key, count in (("l1", first), ("l2", second)) if count]
		told = refund(f"r{number}", *lines, adjustment=str(Decimal(cents) / 100))
		try:
			left = less_refunds(left, [told])
		except Rejected:
			continue
		assert total_of(left) == left.total
	assert left.total >= 0


# --- by line


def test_a_line_that_is_split_over_locations_is_taken_from_its_own_first():
	room = {"7": Decimal(2), "7:east": Decimal(2), "70": Decimal(9)}
	told = RefundLine(order_line_id="7", quantity=Decimal(3), amount=Decimal("10.00"), location_id="east")
	parts = placed(told, room, euros(refund("r1")))
	assert [(part.order_line_id, part.quantity) for part in parts] == [("7:east", 2), ("7", 1)]
	assert sum(part.amount for part in parts) == Decimal("10.00")


@given(st.integers(1, 7), st.integers(0, 10_000), st.data())
def test_shares_of_a_line_are_the_line_to_the_cent(quantity, cents, data):
	tax = TaxLine(title="Tax", amount=Decimal(cents) / 700)
	told = RefundLine(
		order_line_id="7",
		quantity=Decimal(quantity),
		amount=Decimal(cents) / 100,
		taxes=(tax.model_copy(update={"amount": Decimal(cents) / 100}),),
	)
	first = data.draw(st.integers(0, quantity))
	cut = {"a": Decimal(first), "b": Decimal(quantity - first)}
	parts = shares(told, {key: amount for key, amount in cut.items() if amount}, 2)
	assert sum(part.amount for part in parts) == told.amount
	assert sum(part.taxes[0].amount for part in parts) == told.taxes[0].amount
	assert all(part.amount == part.amount.quantize(Decimal("0.01")) for part in parts)


def test_what_is_given_back_and_not_sent_is_kept_back():
	given_back = [refund("r1", back("l1", 1)), refund("r2", back("l2", 2))]
	assert unsent(books(), given_back) == ({"l1": 1, "l2": 2}, 1)
	sent = books(delivered={"l1": Decimal(2), "l2": Decimal(1)})
	assert unsent(sent, given_back) == ({"l2": 1}, 0)
	assert unsent(sent, []) == ({}, 1)


# --- what explains an order


def test_lines_and_total_less_by_refunds_are_explained():
	told = order(2, line(1, 1), line(2), refunds_deducted=True)
	assert explains(told, books(), [refund("r1", back("l1", 1))])
	assert not explains(told, books(), [])
	assert not explains(told, books(), [refund("r1", back("l2", 1))]), "the total alone does not explain it"
	assert not explains(
		told.model_copy(update={"total": Decimal("38.01")}), books(), [refund("r1", back("l1", 1))]
	)


def test_a_shop_may_or_may_not_lower_an_order_by_goodwill():
	given_back = [refund("r1", adjustment="4.00"), refund("r2", adjustment="1.50")]
	for total, explained in (("49", True), ("45", True), ("47.50", True), ("43.50", True), ("44", False)):
		told = order().model_copy(update={"total": Decimal(total)})
		assert explains(told, books(), given_back) is explained, total


def test_a_line_that_is_not_booked_explains_nothing():
	assert not explains(order(), books(), [refund("r1", back("l9", 1))])


def test_all_is_given_back_once_refunds_come_to_the_total():
	half = [refund("r1", back("l1", 2))]
	assert not all_given_back(books(), half)
	assert all_given_back(books(), [*half, refund("r2", back("l2", 2), shipping="5.00")])
	assert not all_given_back(books(total=ZERO), [])


# --- what is kept


def test_an_older_state_is_older_and_the_same_is_not():
	record = fact_of(None, refund("r1", updated=12), CHANNEL)
	assert is_older(record, refund("r1", updated=11))
	assert not is_older(record, refund("r1", updated=12))
	numbered = fact_of(None, refund("r1", updated=12, version=3), CHANNEL)
	assert not is_older(numbered, refund("r1", updated=11, version=3)), "versions decide"
	assert is_older(numbered, refund("r1", updated=13, version=2))


class Kept:
	"""An ERP with these records."""

	def __init__(self, *records):
		self.records = records

	def records_of(self, channel, record_type, order_id):
		return list(self.records)


def test_what_is_known_is_the_newest_of_what_was_told_by_itself_and_with_the_order():
	newer = refund("r1", back("l1", 2), updated=12)
	erp = Kept(fact_of(None, newer, CHANNEL), fact_of(None, refund("r2", cancelled=True), CHANNEL))
	[known] = known_refunds(erp, CHANNEL, "?", [refund("r1", back("l1", 1))])
	assert (known.refund, known.named) == (newer, True)
	newest = refund("r1", back("l1", 1), updated=13)
	assert known_refunds(erp, CHANNEL, "?", [newest])[0].refund == newest
	[known] = known_refunds(erp, CHANNEL, "?")
	assert (known.refund, known.named, known.is_off) == (newer, False, False)


def test_what_was_asked_for_here_keeps_its_document_when_the_shop_tells_of_it():
	asked = Record(CHANNEL.name, "Refund", "r1", "Sales Invoice", "CN-1", fingerprint=CREDITED)
	assert known_refunds(Kept(asked), CHANNEL, "?") == []
	[known] = known_refunds(Kept(asked), CHANNEL, "?", [refund("r1", back("l1", 1))])
	assert (known.how, known.record.document) == (CREDITED, "CN-1")


def test_a_refund_keeps_how_it_was_booked_when_it_changes():
	known = replace(fact_of(None, refund("r1"), CHANNEL), fingerprint=DEDUCTED, document="CN-1")
	after = fact_of(known, refund("r1", updated=12), CHANNEL)
	assert (after.fingerprint, after.document) == (DEDUCTED, "CN-1")
	assert after.source_time > known.source_time


def test_what_is_kept_of_an_order_is_an_order_of_nobody():
	told = order(1, note="for Ada", refunds=(refund("r1"),), custom={"email": "ada@example.com"})
	kept = sold_data(told)
	assert "ada" not in kept.casefold()
	again = Order.model_validate_json(kept)
	assert (again.total, again.lines[0].total, again.refunds) == (told.total, told.lines[0].total, ())


def test_refunds_are_handled_where_anything_is_booked_of_them():
	assert handles_refunds(CHANNEL)
	assert not handles_refunds(CHANNEL.model_copy(update={"refunds": RefundPolicy(credit_notes=False)}))
