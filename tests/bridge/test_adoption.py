"""Rows that another connector made find the lines of the shop's order they are."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from commerce_bridge.bridge.adoption import UnnamedRow, match_rows

ITEMS = st.sampled_from(["A", "B", "C"])
POSITIONS = st.lists(st.tuples(ITEMS, st.integers(1, 3)), max_size=6)


def rows(*positions: tuple[str, int]) -> list[UnnamedRow]:
	return [UnnamedRow(f"row {n}", item, Decimal(qty), True) for n, (item, qty) in enumerate(positions)]


def lines(*positions: tuple[str, int]) -> list[tuple[str, str, Decimal]]:
	return [(f"line {n}", item, Decimal(qty)) for n, (item, qty) in enumerate(positions)]


def test_equal_positions_are_matched_each_once_and_in_order():
	matched, left = match_rows(rows(("A", 1), ("A", 1), ("B", 2)), lines(("B", 2), ("A", 1), ("A", 1)))
	assert matched == {"row 0": "line 1", "row 1": "line 2", "row 2": "line 0"}
	assert left == []


def test_the_one_position_of_an_item_is_matched_whatever_its_quantity():
	matched, left = match_rows(rows(("A", 1)), lines(("A", 3)))
	assert (matched, left) == ({"row 0": "line 0"}, [])


def test_what_could_be_one_or_the_other_is_left():
	matched, left = match_rows(rows(("A", 1), ("A", 2)), lines(("A", 3), ("A", 4)))
	assert matched == {} and [row.name for row in left] == ["row 0", "row 1"]


@given(POSITIONS, st.randoms())
def test_the_same_positions_in_any_order_are_all_matched(positions, random):
	shuffled = list(positions)
	random.shuffle(shuffled)
	matched, left = match_rows(rows(*positions), lines(*shuffled))
	assert left == [] and len(set(matched.values())) == len(positions)


@given(POSITIONS, POSITIONS)
def test_a_row_becomes_a_line_of_its_own_item_and_no_line_twice(ordered, sold):
	matched, left = match_rows(rows(*ordered), lines(*sold))
	assert len(set(matched.values())) == len(matched) == len(ordered) - len(left)
	items = {f"line {n}": item for n, (item, _) in enumerate(sold)}
	assert all(ordered[int(row[4:])][0] == items[line] for row, line in matched.items())
