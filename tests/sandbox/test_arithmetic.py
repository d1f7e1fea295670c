"""The embedded ERP's totals are ERPNext's: each case was observed on an ERPNext 15 site."""

from __future__ import annotations

from decimal import Decimal

import pytest

from commerce_bridge.bridge.errors import Rejected
from commerce_bridge.bridge.plan import Amounts, ItemRow, TaxRow
from sandbox.arithmetic import Totals, calculate


def row(quantity: str, rate: str, free: bool = False) -> ItemRow:
	percent = Decimal(100 if free else 0)
	return ItemRow("ITEM", Decimal(quantity), Decimal(rate), Decimal(rate), discount_percentage=percent)


def totals(
	*rows: ItemRow,
	taxes: tuple[TaxRow, ...] = (),
	discount: str = "0",
	on: str = "Net Total",
	precision: int = 2,
) -> Totals:
	plan = Amounts(rows, taxes, Decimal(discount), on, Decimal(0), Decimal(0))
	return calculate(plan, precision)


def percent(rate: str, included: bool = False) -> TaxRow:
	return TaxRow("On Net Total", "VAT", "VAT", rate=Decimal(rate), included_in_print_rate=included)


def actual(amount: str) -> TaxRow:
	return TaxRow("Actual", "VAT", "VAT", tax_amount=Decimal(amount))


def test_a_discounted_order_with_an_actual_tax() -> None:
	found = totals(row("3", "33.33"), taxes=(actual("17.10"),), discount="10")
	assert (found.grand_total, found.total_taxes) == (Decimal("107.09"), Decimal("17.10"))


def test_a_discounted_order_with_tax_included() -> None:
	"""The total is exact; the tax is a cent above what a shop computes (14.36)."""
	found = totals(row("3", "33.33"), taxes=(percent("19", True),), discount="10", on="Grand Total")
	assert found.grand_total == Decimal("89.99")


def test_many_lines_that_round_the_same_way_are_not_forgiven() -> None:
	"""Twelve lines of 1.03 with 19 % included make 12.42, not 12.36: the difference exceeds 0.05."""
	found = totals(*[row("1", "1.03")] * 12, taxes=(percent("19", True),))
	assert found.grand_total == Decimal("12.42")


def test_few_lines_that_round_the_same_way_are_forgiven() -> None:
	found = totals(*[row("1", "1.03")] * 4, taxes=(percent("19", True),))
	assert found.grand_total == Decimal("4.12")


def test_a_free_line_costs_nothing_and_a_missing_rate_costs_the_list_price() -> None:
	assert totals(row("2", "10"), row("1", "12", free=True)).grand_total == Decimal(20)
	unpriced = ItemRow("ITEM", Decimal(1), Decimal(0), Decimal(12))
	assert totals(row("2", "10"), unpriced).grand_total == Decimal(32)


def test_site_precision_decides_over_the_currency() -> None:
	"""3.39 dinars of three decimals: two decimals round each part, three do not."""
	rows = (row("3", "1.0085"), row("1", "0.3645"))
	assert totals(*rows, precision=3).grand_total == Decimal("3.388")
	assert totals(*rows, precision=2).grand_total == Decimal("3.39")


def test_half_a_cent_goes_to_the_even_one() -> None:
	assert totals(row("0.5", "0.05")).grand_total == Decimal("0.02")
	assert totals(row("0.5", "0.07")).grand_total == Decimal("0.04")


def test_a_discount_above_the_total_is_refused() -> None:
	with pytest.raises(Rejected):
		totals(row("1", "10"), discount="10.01")


def test_everything_may_be_given_away() -> None:
	found = totals(row("1", "10"), taxes=(percent("19"),), discount="10")
	assert (found.grand_total, found.total_taxes) == (Decimal(0), Decimal(0))
