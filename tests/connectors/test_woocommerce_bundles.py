"""Rows that bundle extensions add: all of them, containers or parts, and not a cent more or less."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commerce_bridge.bridge.channel import BundleRows, RowMap
from commerce_bridge.bridge.model import OrderLine, TaxLine
from commerce_bridge.connectors.woocommerce.amounts import price_of
from commerce_bridge.connectors.woocommerce.bundles import KNOWN_KEYS, booked_rows
from tests.connectors.test_woocommerce_amounts import CHANNEL, planned, read
from tests.connectors.woocommerce_orders import Cart, Charge, Sold

CENT = Decimal("0.01")
CONTAINERS, PARTS = BundleRows(book="Containers"), BundleRows(book="Parts")


def row(line_id: str, total: str, quantity: int = 1, tax: str | None = None, **meta: Any) -> OrderLine:
	amount = Decimal(total)
	price = price_of(amount, Decimal(quantity), CENT)
	taxes = () if tax is None else (TaxLine(title="VAT", rate=Decimal(19), amount=Decimal(tax)),)
	return OrderLine(
		id=line_id,
		sku=line_id,
		quantity=Decimal(quantity),
		unit_price=price,
		discount=quantity * price - amount,
		total=amount,
		taxes=taxes,
		custom={"meta": meta},
	)


#: A set for 30.00 with a part that is priced by itself, beside a row of its own.
SET = (
	row("set", "30.00", tax="5.70", _bundle_cart_key="k1"),
	row("cup", "0.00", 2, tax="0.00", _bundled_by="k1"),
	row("tea", "5.00", 1, tax="0.95", _bundled_by="k1"),
	row("spoon", "7.00", 1, tax="1.33"),
)


def shown(lines: tuple[OrderLine, ...]) -> list[tuple[str, str]]:
	return [(line.id, f"{line.total:.2f}") for line in lines]


def sums(lines: tuple[OrderLine, ...]) -> tuple[Decimal, dict[str, Decimal]]:
	taxes: dict[str, Decimal] = defaultdict(Decimal)
	for line in lines:
		for tax in line.taxes:
			taxes[tax.title] += tax.amount
	return sum((line.total for line in lines), Decimal(0)), dict(taxes)


def test_every_row_is_booked_unless_the_channel_says_otherwise() -> None:
	assert booked_rows(SET, BundleRows(), CENT) is SET


def test_containers_take_what_their_parts_cost() -> None:
	lines = booked_rows(SET, CONTAINERS, CENT)
	assert shown(lines) == [("set", "35.00"), ("spoon", "7.00")]
	assert [tax.amount for tax in lines[0].taxes] == [Decimal("6.65")]
	assert lines[0].unit_price == Decimal("35.00")


def test_parts_take_what_their_container_costs_by_what_they_cost_themselves() -> None:
	lines = booked_rows(SET, PARTS, CENT)
	assert shown(lines) == [("cup", "0.00"), ("tea", "35.00"), ("spoon", "7.00")]
	assert sums(lines) == sums(SET)


def test_parts_that_cost_nothing_take_it_by_the_piece() -> None:
	lines = booked_rows(
		(
			row("set", "10.00", _bundle_cart_key="k"),
			row("a", "0", 2, _bundled_by="k"),
			row("b", "0", 1, _bundled_by="k"),
		),
		PARTS,
		CENT,
	)
	assert shown(lines) == [("a", "6.67"), ("b", "3.33")]
	for line in lines:
		assert line.total == line.quantity * line.unit_price - line.discount
		assert line.discount >= 0


@pytest.mark.parametrize("keys", KNOWN_KEYS, ids=lambda keys: keys.part)
def test_the_usual_extensions_are_known(keys: RowMap) -> None:
	rows = (row("set", "3.00", **{keys.container: "k"}), row("part", "4.00", **{keys.part: "k"}))
	assert shown(booked_rows(rows, CONTAINERS, CENT)) == [("set", "7.00")]


def test_a_channel_names_others() -> None:
	rows = (row("set", "3.00", _kit="k"), row("part", "4.00", _of_kit="k"))
	assert booked_rows(rows, CONTAINERS, CENT) == rows
	named = BundleRows(book="Containers", keys=(RowMap(part="_of_kit", container="_kit"),))
	assert shown(booked_rows(rows, named, CENT)) == [("set", "7.00")]


NESTED = (
	row("outer", "10.00", _composite_cart_key="o"),
	row("inner", "20.00", _composite_parent="o", _bundle_cart_key="i"),
	row("part", "1.00", _bundled_by="i"),
	row("other", "2.00", _composite_parent="o"),
)


def test_what_is_in_a_part_of_a_container_is_in_the_container() -> None:
	assert shown(booked_rows(NESTED, CONTAINERS, CENT)) == [("outer", "33.00")]
	assert shown(booked_rows(NESTED, PARTS, CENT)) == [("part", "24.33"), ("other", "8.67")]


@pytest.mark.parametrize("policy", [CONTAINERS, PARTS])
@pytest.mark.parametrize(
	"rows",
	[
		(row("a", "1.00", _bundled_by="gone"), row("b", "2.00")),
		(row("a", "1.00", _bundled_by="x", _bundle_cart_key="x"), row("b", "2.00")),
		(
			row("a", "1.00", _bundled_by="y", _bundle_cart_key="x"),
			row("b", "2.00", _bundled_by="x", _bundle_cart_key="y"),
		),
		(row("a", "1.00", _bundled_by=["k"]), row("b", "2.00", _bundle_cart_key=["k"])),
		(row("a", "1.00", _bundled_by=""), row("b", "2.00", _bundle_cart_key="")),
	],
)
def test_rows_that_belong_to_nothing_stay(rows: tuple[OrderLine, ...], policy: BundleRows) -> None:
	assert booked_rows(rows, policy, CENT) == rows


def test_a_container_without_parts_stays() -> None:
	rows = (row("set", "3.00", _bundle_cart_key="k"), row("part", "0", 1, _bundled_by="other"))
	assert booked_rows(rows, PARTS, CENT) == rows


@st.composite
def bundles(draw: st.DrawFn) -> tuple[OrderLine, ...]:
	"""Rows of which some are in some before them."""
	made: list[OrderLine] = []
	for number in range(draw(st.integers(1, 12))):
		total = Decimal(draw(st.integers(0, 10_000))).scaleb(-2)
		tax = Decimal(draw(st.integers(0, 1_000))).scaleb(-2)
		meta = {"_bundle_cart_key": str(number)}
		if made and draw(st.booleans()):
			meta["_bundled_by"] = str(draw(st.integers(0, number - 1)))
		made.append(row(f"r{number}", str(total), draw(st.integers(1, 9)), str(tax), **meta))
	return tuple(made)


@settings(max_examples=300, deadline=None)
@given(rows=bundles(), policy=st.sampled_from([CONTAINERS, PARTS]))
def test_the_sum_does_not_change(rows: tuple[OrderLine, ...], policy: BundleRows) -> None:
	lines = booked_rows(rows, policy, CENT)
	assert sums(lines) == sums(rows)
	for line in lines:
		assert line.total >= 0 and line.total % CENT == 0
		assert line.quantity * line.unit_price - line.discount == line.total


@pytest.mark.parametrize("policy", [BundleRows(), CONTAINERS, PARTS])
@pytest.mark.parametrize("per_order", [False, True])
def test_an_order_with_a_bundle_is_booked_at_what_the_shop_says(policy: BundleRows, per_order: bool) -> None:
	cart = Cart(
		[
			Sold("29.99", 3, meta={"_bundle_cart_key": "k"}),
			Sold("0", 6, meta={"_bundled_by": "k"}),
			Sold("1.37", 3, meta={"_bundled_by": "k"}),
			Sold("0.33", 1),
		],
		[Charge("4.90")],
		percent_off="10",
		inclusive=True,
		per_order=per_order,
	)
	order = read(cart.payload(), CHANNEL.model_copy(update={"bundle_rows": policy}))
	assert len(order.lines) == {"Every Row": 4, "Containers": 2, "Parts": 3}[policy.book]
	assert planned(order).grand_total == order.total == Decimal(cart.payload()["total"])
