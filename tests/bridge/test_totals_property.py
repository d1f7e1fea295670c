"""For any order: ERPNext's arithmetic, emulated apart from the engine, makes the shop's totals of the plan."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from commerce_bridge.bridge.model import Order
from commerce_bridge.bridge.plan import Rounding
from commerce_bridge.bridge.totals import plan_amounts, prorated
from commerce_bridge.tests.strategies import CURRENCIES, channel, items_of, orders
from tests.erpnext_arithmetic import ROUNDING_METHODS, assert_books, cents

CHANNEL = channel()
ZERO = Decimal(0)
many = settings(max_examples=2000, deadline=None, suppress_health_check=list(HealthCheck))
some = settings(many, max_examples=300)


@many
@given(order=orders(), finer=st.booleans(), method=st.sampled_from(ROUNDING_METHODS))
def test_what_erpnext_makes_of_the_plan_is_the_order(order: Order, finer: bool, method: str) -> None:
	decimals = CURRENCIES[order.currency]
	precision = 3 if finer else max(decimals, 2)
	plan = plan_amounts(order, CHANNEL, items_of(order), decimals, rounding=Rounding(amounts=precision))
	event(f"{plan.apply_discount_on}, {sorted({row.charge_type for row in plan.taxes})}")
	assert_books(plan, order, precision, method)


@some
@given(order=orders())
def test_rows_say_what_was_sold(order: Order) -> None:
	"""Every line once, in its quantity, never above its list price or below nothing."""
	plan = plan_amounts(order, CHANNEL, items_of(order), CURRENCIES[order.currency])
	sold = [(line.id, line.quantity) for line in order.lines if line.quantity]
	assert [(row.line_id, row.qty) for row in plan.items if row.line_id] == sold
	unit = Decimal(1).scaleb(-CURRENCIES[order.currency])
	for row in plan.items:
		assert 0 <= row.rate <= row.price_list_rate
		assert (row.discount_percentage == 100) == (row.rate == 0)
		assert row.rate % unit == row.price_list_rate % unit == 0
	reductions = sum((discount.amount for discount in order.discounts), ZERO)
	reductions -= sum((fee.amount for fee in order.fees if fee.amount < 0), ZERO)
	rounded_up = sum((2 * unit * row.qty for row in plan.items), unit)
	assert 0 <= plan.discount_amount <= reductions + rounded_up


@some
@given(order=orders(), cuts=st.lists(st.fractions(min_value=0, max_value=1), min_size=1, max_size=5))
def test_partial_documents_sum_to_the_order(order: Order, cuts: list[Fraction]) -> None:
	"""Rows of amounts, prorated over any number of partial documents, sum to what the order has."""
	decimals = CURRENCIES[order.currency]
	plan = plan_amounts(order, CHANNEL, items_of(order), decimals)
	half_a_unit = Fraction(1, 2 * 10**decimals)
	for amount in (row.tax_amount for row in plan.taxes if row.charge_type == "Actual"):
		taken = ZERO
		for fraction in (*sorted(cuts), Fraction(1)):
			share = prorated(amount, fraction, taken, decimals)
			taken += share
			assert share * amount >= 0
			assert abs(Fraction(taken) - Fraction(amount) * fraction) <= half_a_unit
		assert taken == amount


@some
@given(order=orders(), data=st.data())
def test_split_quantities_bill_the_whole_order(order: Order, data: st.DataObject) -> None:
	"""Two invoices over parts of every row, discount and amounts prorated by net amount: Σ is the order's total."""
	decimals = CURRENCIES[order.currency]
	plan = plan_amounts(order, CHANNEL, items_of(order), decimals, rounding=Rounding(row_wise_tax=True))
	assert all(row.charge_type == "Actual" for row in plan.taxes)
	first = [data.draw(st.integers(0, int(row.qty))) for row in plan.items]
	net = sum((row.qty * row.rate for row in plan.items), ZERO)
	early = sum((Decimal(n) * row.rate for n, row in zip(first, plan.items, strict=True)), ZERO)
	fraction = Fraction(early) / Fraction(net) if net else Fraction(1)
	billed = ZERO
	for whole in (plan.discount_amount * -1, *(row.tax_amount for row in plan.taxes)):
		part = prorated(whole, fraction, ZERO, max(decimals, 2))
		billed += part + prorated(whole, Fraction(1), part, max(decimals, 2))
	goods = ZERO
	for number, row in zip(first, plan.items, strict=True):
		rest = row.qty - number
		goods += row.rate * number + cents(row.rate * rest, max(decimals, 2))
	assert goods + billed == order.total
