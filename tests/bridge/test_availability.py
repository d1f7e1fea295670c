"""The arithmetic of what is offered: never more than there is beyond the buffer, and never a unit less."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from commerce_bridge.bridge.availability import FRACTION, Place, offered, on_offer, shared
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


# --- single units ----------------------------------------------------------------------------------------

SORTS = [("Used", grade) for grade in "ABC"]
PLACES = [(warehouse, sort) for warehouse in ("Front", "Back") for sort in SORTS]
SINGLE = st.tuples(st.sampled_from("abcdefgh"), st.sampled_from(PLACES))


@given(
	st.dictionaries(st.sampled_from(PLACES), st.integers(0, 6)),
	st.lists(SINGLE, max_size=8, unique_by=lambda single: single[0]),
	st.dictionaries(st.sampled_from(["Front", "Back"]), st.integers(-2, 12)),
	st.integers(-2, 20),
)
def test_all_listings_together_offer_no_more_than_there_is(
	units: dict[Place, int], singles: list[tuple[str, Place]], left: dict[str, int], at_most: int
) -> None:
	alone = dict(singles)
	found = on_offer(units, alone, left, at_most)
	total = sum(found.sorts.values())
	assert 0 <= total <= max(at_most, 0)
	assert found.alone <= alone.keys()
	for sort, count in found.sorts.items():
		here = sum(units.get(place, 0) for place in PLACES if place[1] == sort)
		mine = [name for name in found.alone if alone[name][1] == sort]
		assert len(mine) <= count <= here, "a unit of its own is one of its sort"
	for warehouse in ("Front", "Back"):
		mine = [name for name in found.alone if alone[name][0] == warehouse]
		assert len(mine) <= max(left.get(warehouse, 0), 0)
	allowed = [
		min(
			sum(count for place, count in units.items() if place[0] == warehouse),
			max(left.get(warehouse, 0), 0),
		)
		for warehouse in ("Front", "Back")
	]
	assert total == min(sum(allowed), max(at_most, 0)), "and no less"


@given(st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 50)), st.integers(-3, 200))
def test_the_largest_give_way_first(counts: dict[str, int], limit: int) -> None:
	cut = shared(counts, limit)
	assert sum(cut.values()) == min(sum(counts.values()), max(limit, 0))
	reduced = [cut[key] for key in counts if cut[key] < counts[key]]
	for key, count in cut.items():
		assert 0 <= count <= counts[key]
		assert not reduced or count <= min(reduced) + 1, "nobody has more than those who gave"


def test_who_gives_way() -> None:
	assert shared({"a": 5, "b": 2, "c": 4}, 8) == {"a": 3, "b": 2, "c": 3}
	assert shared({"a": 5, "b": 5, "c": 1}, 8) == {"a": 4, "b": 3, "c": 1}, "of equals the first has one more"
	place = ("Front", SORTS[1])
	alone = {"u2": place, "u1": place}
	assert on_offer({place: 5}, alone, {"Front": 3}, 3) == ({SORTS[1]: 3}, {"u1", "u2"})
	assert on_offer({place: 5}, alone, {"Front": 1}, 3) == ({SORTS[1]: 1}, {"u1"})
	assert on_offer({place: 1}, alone, {"Front": 3}, 3) == ({SORTS[1]: 1}, {"u1"}), "one of them is sold"
