"""The arithmetic of what is offered: never more than there is beyond the buffer, and never a unit less."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from commerce_bridge.bridge.availability import FRACTION, offered
from commerce_bridge.bridge.channel import StockPolicy

quantities = st.decimals(-(10**6), 10**6, places=3)
buffers = st.decimals(0, 1000, places=3)
factors = st.one_of(
	st.decimals(Decimal("0.000001"), 1000, places=6), st.sampled_from([Decimal(1), Decimal(12)])
)


@given(quantities, buffers, factors, st.booleans())
@example(Decimal("1"), Decimal(0), Decimal("0.1"), True)
@example(Decimal("23.999"), Decimal(0), Decimal(12), True)
def test_offered(available: Decimal, buffer: Decimal, factor: Decimal, whole: bool) -> None:
	quantity = offered(StockPolicy(buffer=buffer, whole_units=whole), available, factor)
	unit = Decimal(1) if whole else FRACTION
	assert quantity >= 0
	assert quantity % unit == 0
	beyond = max(available - buffer, Decimal(0))
	assert quantity * factor <= beyond + Decimal("1e-9")
	assert (quantity + unit) * factor > beyond - Decimal("1e-9")


@given(quantities, buffers, factors, st.decimals(0, 1000, places=3))
def test_more_stock_never_offers_less(
	available: Decimal, buffer: Decimal, factor: Decimal, more: Decimal
) -> None:
	policy = StockPolicy(buffer=buffer)
	assert offered(policy, available + more, factor) >= offered(policy, available, factor)


@pytest.mark.parametrize(
	("available", "buffer", "factor", "whole", "expected"),
	[
		("10", "0", "1", True, "10"),
		("10", "3", "1", True, "7"),
		("2", "3", "1", True, "0"),
		("-4", "0", "1", True, "0"),
		("10", "0", "12", True, "0"),
		("25", "0", "12", True, "2"),
		("25", "2", "12", True, "1"),
		("1", "0", "0.25", True, "4"),
		("2.9", "0", "1", True, "2"),
		("2.9", "0", "1", False, "2.900"),
		("1", "0", "3", False, "0.333"),
	],
)
def test_examples(available: str, buffer: str, factor: str, whole: bool, expected: str) -> None:
	policy = StockPolicy(buffer=Decimal(buffer), whole_units=whole)
	assert offered(policy, Decimal(available), Decimal(factor)) == Decimal(expected)
