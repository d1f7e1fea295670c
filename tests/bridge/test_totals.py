"""The recipe of the totals by example: what a plan looks like, and that ERPNext's arithmetic makes the order of it."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from commerce_bridge.bridge.channel import Channel, FieldMap, ShippingMap, WarehouseMap
from commerce_bridge.bridge.errors import Misconfigured, Rejected, TotalsDiffer
from commerce_bridge.bridge.model import Discount, Fee, Order, OrderLine, ShippingLine, TaxLine
from commerce_bridge.bridge.plan import Amounts, Item, ItemKey, Rounding, TaxRow
from commerce_bridge.bridge.totals import ROUNDING, key_of, plan_amounts, prorated
from commerce_bridge.tests.strategies import EXPRESS, FREIGHT, MOMENT, channel, items_of
from tests.erpnext_arithmetic import ROUNDING_METHODS, Refused, SalesOrder, assert_books, document_of

DECIMALS = {"JPY": 0, "EUR": 2, "KWD": 3}


def vat(amount: str, rate: str | None = "19", title: str = "VAT") -> tuple[TaxLine, ...]:
	return (TaxLine(title=title, rate=rate and Decimal(rate), amount=Decimal(amount)),)


def line(
	quantity: str = "1", price: str = "10.00", total: str | None = None, tax: Any = (), **more: Any
) -> OrderLine:
	full = Decimal(quantity) * Decimal(price)
	return OrderLine(
		id=more.pop("id", "1"),
		sku=more.pop("sku", "SKU"),
		quantity=Decimal(quantity),
		unit_price=Decimal(price),
		total=full if total is None else Decimal(total),
		taxes=tax,
		**more,
	)


def order(
	total: str, *lines: OrderLine, inclusive: bool = False, currency: str = "EUR", **more: Any
) -> Order:
	return Order(
		id="1",
		number="1",
		updated_at=MOMENT,
		currency=currency,
		prices_include_tax=inclusive,
		lines=lines,
		total=Decimal(total),
		**more,
	)


def shipping(amount: str, method: str = EXPRESS, tax: Any = ()) -> tuple[ShippingLine, ...]:
	return (ShippingLine(code=method, title=method.title(), amount=Decimal(amount), taxes=tax),)


def discount(amount: str) -> tuple[Discount, ...]:
	return (Discount(code="OFF", amount=Decimal(amount)),)


def plan(placed: Order, settings: Channel | None = None, **more: Any) -> Amounts:
	return plan_amounts(placed, settings or channel(), items_of(placed), DECIMALS[placed.currency], **more)


def checked(placed: Order, precision: int | None = None) -> Amounts:
	"""The plan, after ERPNext's arithmetic has made the order of it under every rounding method."""
	made = plan(placed, rounding=Rounding(amounts=precision))
	for method in ROUNDING_METHODS:
		assert_books(made, placed, precision or max(DECIMALS[placed.currency], 2), method)
	return made


def kinds(made: Amounts) -> list[tuple[str, bool]]:
	return [(row.charge_type, row.included_in_print_rate) for row in made.taxes]


def rates(made: Amounts) -> list[tuple[str, str]]:
	return [(str(row.rate), str(row.price_list_rate)) for row in made.items]


CALCULATED, INCLUDED, ACTUAL = ("On Net Total", False), ("On Net Total", True), ("Actual", False)


# --- the cases that were run on ERPNext ------------------------------------------------------------------


def test_discount_and_tax_without_tax_in_prices() -> None:
	made = checked(order("107.09", line("3", "33.33", tax=vat("17.10")), discounts=discount("10.00")))
	assert rates(made) == [("33.33", "33.33")]
	assert (made.discount_amount, made.apply_discount_on) == (Decimal("10.00"), "Net Total")
	assert kinds(made) == [CALCULATED]


def test_tax_that_erpnext_would_round_otherwise_is_an_amount() -> None:
	made = checked(order("107.08", line("3", "33.33", tax=vat("17.09")), discounts=discount("10.00")))
	assert kinds(made) == [ACTUAL]
	assert made.taxes[0].tax_amount == Decimal("17.09")


def test_discount_with_tax_in_prices() -> None:
	made = checked(
		order("89.99", line("3", "33.33", tax=vat("14.37")), inclusive=True, discounts=discount("10.00"))
	)
	assert kinds(made) == [INCLUDED]
	assert (made.apply_discount_on, made.discount_amount) == ("Grand Total", Decimal("10.00"))
	assert rates(made) == [("33.33", "33.33")]


def test_included_tax_a_cent_off_becomes_net_rows() -> None:
	made = checked(
		order("89.99", line("3", "33.33", tax=vat("14.36")), inclusive=True, discounts=discount("10.00"))
	)
	assert kinds(made) == [ACTUAL]
	assert made.apply_discount_on == "Net Total"
	# (99.99 − 14.36) ÷ 3 = 28.543…
	assert rates(made) == [("28.55", "28.55")]
	assert made.discount_amount == Decimal("10.02")


def test_many_lines_that_round_the_same_way() -> None:
	"""12 × 1.03 with 19 % in it: ERPNext makes 12.42 of included taxes, since it forgives five cents only."""
	lines = [line("1", "1.03", tax=vat("0.16"), id=str(number)) for number in range(12)]
	placed = order("12.36", *lines, inclusive=True)
	rows = [{"qty": 1, "rate": 1.03, "price_list_rate": 1.03, "discount_percentage": 0}] * 12
	tax = {"charge_type": "On Net Total", "rate": 19, "tax_amount": 0, "included_in_print_rate": True}
	assert SalesOrder(rows, [tax]).grand_total == 12.42
	assert kinds(checked(placed)) == [ACTUAL]


def test_right_taxes_are_not_enough_where_the_total_is_off() -> None:
	"""The same twelve lines where the shop's tax is the one ERPNext makes: its total is six cents off still."""
	lines = [line("1", "1.03", tax=vat(amount), id=str(n)) for n, amount in enumerate(["0.16", "0.17"] * 6)]
	assert kinds(checked(order("12.36", *lines, inclusive=True))) == [ACTUAL]


def test_discount_is_spread_over_a_corrected_grand_total() -> None:
	"""0.13 and 0.18 net with 0.06 of tax are 0.37, a cent above the prices: ERPNext spreads over 0.36."""
	lines = (line("1", "0.15", tax=vat("0.00")), line("1", "0.21", tax=vat("0.01"), id="2"))
	made = checked(order("0.08", *lines, inclusive=True, discounts=discount("0.28")))
	assert kinds(made) == [INCLUDED]


def test_yen() -> None:
	"""The site keeps two decimals for yen too: a tax it would calculate to 299.67 is an amount."""
	made = checked(order("3300", line("3", "1000", "3000", vat("300", "10")), currency="JPY"), precision=2)
	assert kinds(made) == [CALCULATED]
	made = checked(order("3297", line("3", "999", "2997", vat("300", "10")), currency="JPY"), precision=2)
	assert kinds(made) == [ACTUAL]
	assert [str(row.rate) for row in made.items] == ["999"]


def test_kuwaiti_dinar_needs_three_decimals_on_the_site() -> None:
	placed = order("3.393", line("3", "1.131"), currency="KWD")
	assert rates(checked(placed, precision=3)) == [("1.131", "1.131")]
	with pytest.raises(Misconfigured) as caught:
		plan(placed, rounding=Rounding(amounts=2))
	assert (caught.value.doctype, caught.value.fieldname) == ("System Settings", "currency_precision")


def test_euro_on_a_site_with_three_decimals() -> None:
	"""The site would calculate 6.333: not a tax anyone can pay."""
	made = checked(order("39.66", line("1", "33.33", tax=vat("6.33"))), precision=3)
	assert kinds(made) == [ACTUAL]


def test_discount_that_no_rate_divides() -> None:
	made = checked(order("89.99", line("3", "33.33", "89.99")))
	assert rates(made) == [("30.00", "33.33")]
	assert made.discount_amount == Decimal("0.01")


def test_everything_free() -> None:
	made = checked(order("0", line("2", "16.00", "0.00"), line("1", "5.00", "0.00", id="2")))
	assert rates(made) == [("0.00", "16.00"), ("0.00", "5.00")]
	assert [row.discount_percentage for row in made.items] == [100, 100]
	assert (made.discount_amount, made.grand_total) == (0, 0)


def test_one_free_line() -> None:
	made = checked(order("23.80", line("1", "20.00", tax=vat("3.80")), line("1", "12.00", "0.00", id="2")))
	assert [row.discount_percentage for row in made.items] == [0, 100]
	assert kinds(made) == [CALCULATED]


@pytest.mark.parametrize("inclusive", [False, True])
def test_all_of_it_discounted(inclusive: bool) -> None:
	placed = order("0", line("2", "16.00"), discounts=discount("32.00"), inclusive=inclusive)
	assert checked(placed).discount_amount == Decimal("32.00")
	taxed = order("0", line("2", "16.00", tax=vat("0.00")), discounts=discount("32.00"), inclusive=inclusive)
	assert kinds(checked(taxed)) == [INCLUDED if inclusive else CALCULATED]


def test_only_shipping_costs() -> None:
	made = checked(order("5.95", line("1", "9.00", "0.00"), shipping=shipping("5.00", tax=vat("0.95"))))
	assert [row.item_code for row in made.items] == ["SKU", "SHIPPING"]
	assert made.items[1].line_id is None
	assert kinds(made) == [CALCULATED]


def test_shipping_with_a_tax_of_its_own() -> None:
	made = checked(
		order(
			"17.25",
			line("1", "10.00", tax=vat("1.90")),
			shipping=shipping("5.00", tax=vat("0.35", "7")),
		)
	)
	assert [(row.description, row.tax_amount) for row in made.taxes] == [
		("VAT", Decimal("1.90")),
		("VAT", Decimal("0.35")),
	]
	assert kinds(made) == [ACTUAL, ACTUAL]


def test_shipping_on_an_account() -> None:
	made = checked(order("16.90", line(tax=vat("1.90")), shipping=shipping("5.00", FREIGHT)))
	assert kinds(made) == [CALCULATED, ACTUAL]
	freight = made.taxes[1]
	assert (freight.account_head, freight.description, freight.is_tax) == ("Freight", "Freight", False)
	assert (freight.tax_amount, made.total_taxes) == (Decimal("5.00"), Decimal("1.90"))


def test_taxed_shipping_on_an_account_with_tax_in_prices() -> None:
	made = checked(
		order(
			"17.85",
			line("1", "11.90", tax=vat("1.90")),
			shipping=shipping("5.95", FREIGHT, vat("0.95")),
			inclusive=True,
		)
	)
	assert [row.tax_amount for row in made.taxes] == [Decimal("2.85"), Decimal("5.00")]


def test_free_shipping_by_a_coupon_larger_than_the_goods() -> None:
	placed = order("3.00", line(), shipping=shipping("5.00", FREIGHT), discounts=discount("12.00"))
	made = checked(placed)
	assert made.discount_amount == Decimal("10.00")
	assert [(row.description, row.tax_amount) for row in made.taxes] == [
		("Freight", Decimal("5.00")),
		("Discount on Freight", Decimal("-2.00")),
	]


def test_negative_fee_is_a_discount() -> None:
	fees = (Fee(title="Loyalty", amount=Decimal("-2.00"), taxes=vat("-0.38")),)
	made = checked(order("9.52", line(tax=vat("1.90")), fees=fees))
	assert len(made.items) == 1
	assert made.discount_amount == Decimal("2.00")
	assert kinds(made) == [CALCULATED]


def test_negative_fee_with_tax_in_prices() -> None:
	fees = (Fee(title="Loyalty", amount=Decimal("-2.38"), taxes=vat("-0.37")),)
	made = checked(order("9.52", line("1", "11.90", tax=vat("1.90")), fees=fees, inclusive=True))
	assert made.discount_amount == Decimal("2.01")  # net, since a cent of tax is off
	assert kinds(made) == [ACTUAL]


def test_gift_card_worth_more_than_the_net_goods() -> None:
	fees = (Fee(title="Gift card", amount=Decimal("-11.90")),)
	made = checked(order("0", line(tax=vat("1.90")), fees=fees))
	assert made.discount_amount == Decimal("11.90")


def test_fees_go_to_accounts_of_their_own() -> None:
	fees = (
		Fee(code="tip", title="Tip", amount=Decimal("2.00")),
		Fee(title="Gift wrap", amount=Decimal("1.00"), taxes=vat("0.19")),
		Fee(code="rounding", title="Cash rounding", amount=Decimal("-0.04")),
	)
	placed = order("15.05", line(tax=vat("1.90")), fees=fees)
	made = plan(placed, channel(shipping=(ShippingMap(method="tip", account="Tips"),)))
	for method in ROUNDING_METHODS:
		assert_books(made, placed, 2, method)
	assert [(row.account_head, row.tax_amount) for row in made.taxes if not row.is_tax] == [
		("Tips", Decimal("2.00"))
	]
	assert [row.item_name for row in made.items] == [made.items[0].item_name, "Gift wrap"]
	assert made.discount_amount == Decimal("0.04")


def test_fee_is_an_item() -> None:
	fees = (Fee(title="Gift wrap", amount=Decimal("2.00"), taxes=vat("0.38")),)
	made = checked(order("14.28", line(tax=vat("1.90")), fees=fees))
	assert [(row.item_code, row.item_name) for row in made.items] == [("SKU", None), ("FEE", "Gift wrap")]
	assert kinds(made) == [CALCULATED]


# --- which taxes are calculated --------------------------------------------------------------------------


def test_two_taxes_on_everything() -> None:
	both = (*vat("1.00", "6.25", "State Tax"), *vat("0.18", "1.125", "City Tax"))
	made = checked(order("17.18", line("1", "16.00", tax=both)))
	assert [(row.account_head, str(row.rate)) for row in made.taxes] == [
		("State Tax", "6.25"),
		("City Tax", "1.125"),
	]
	assert kinds(made) == [CALCULATED, CALCULATED]


def test_taxed_and_untaxed_lines() -> None:
	"""8 % of one line is not 4 % of two, even where the sums agree."""
	made = checked(order("21.90", line(tax=vat("1.90")), line(id="2", tax=vat("0.00", "0"))))
	assert kinds(made) == [ACTUAL]
	made = checked(order("20.80", line(tax=vat("0.80", "4")), line(id="2")))
	assert kinds(made) == [ACTUAL]


def test_tax_of_shipping_on_an_account_is_no_tax_of_the_goods() -> None:
	"""ERPNext would calculate the sum of both from the goods alone: right for the order, not for a part of it."""
	freight = shipping("0.53", FREIGHT, vat("0.10"))
	made = checked(order("12.43", line(tax=vat("1.80")), shipping=freight))
	assert kinds(made) == [ACTUAL, ACTUAL]


def test_two_rates_on_one_account() -> None:
	made = checked(order("22.60", line(tax=vat("1.90")), line(id="2", tax=vat("0.70", "7"))))
	assert [row.tax_amount for row in made.taxes] == [Decimal("1.90"), Decimal("0.70")]


@pytest.mark.parametrize(
	("amount", "rate", "kind"),
	[
		("1.90", None, ACTUAL),  # nothing to calculate with
		("1.90", "19.0001", ACTUAL),  # finer than the site keeps rates
		("1.90", "19.000", CALCULATED),
	],
)
def test_rates_erpnext_can_use(amount: str, rate: str | None, kind: tuple[str, bool]) -> None:
	assert kinds(checked(order("11.90", line(tax=vat(amount, rate))))) == [kind]


@pytest.mark.parametrize("amount", ["0.02", "0.03"])
def test_a_tax_that_ends_on_half_a_cent_is_an_amount(amount: str) -> None:
	"""5 % of 0.50: how the site rounds halves is a setting."""
	total = str(Decimal("0.50") + Decimal(amount))
	assert kinds(checked(order(total, line("1", "0.50", tax=vat(amount, "5"))))) == [ACTUAL]


def test_an_amount_that_would_end_on_half_a_cent_is_avoided() -> None:
	made = checked(order("0.03", line("0.5", "0.05", "0.03")))
	assert rates(made) == [("0.06", "0.06")]
	made = checked(order("0.02", line("0.5", "0.05", "0.02")))
	assert rates(made) == [("0.04", "0.05")]
	made = checked(order("0.22", line("1.5", "0.15", "0.22")))
	assert made.items[0].rate == Decimal("0.16")  # 0.15 × 1.5 = 0.225


def test_row_wise_rounding_is_not_simulated() -> None:
	placed = order("11.90", line(tax=vat("1.90")))
	assert kinds(plan(placed, rounding=Rounding(row_wise_tax=True))) == [ACTUAL]


def test_amounts_too_large_for_floats_are_not_simulated() -> None:
	made = plan(order("1190000000.00", line("1", "1000000000.00", tax=vat("190000000.00"))))
	assert kinds(made) == [ACTUAL]


def test_zero_tax_needs_no_account() -> None:
	made = plan(order("10.00", line(tax=vat("0.00", "0", "Exempt"))))
	assert made.taxes == ()


def test_no_tax_at_all_with_tax_in_prices() -> None:
	made = checked(order("9.00", line(), discounts=discount("1.00"), inclusive=True))
	assert (made.taxes, made.apply_discount_on) == ((), "Net Total")


def test_net_list_price_stays_above_the_rate() -> None:
	lines = (line("2", "11.90", "11.90", vat("1.91")), line("1", "11.90", "0.00", vat("0.00"), id="2"))
	made = checked(order("11.90", *lines, inclusive=True))
	assert rates(made) == [("5.00", "9.99"), ("0.00", "10.00")]


# --- the rows --------------------------------------------------------------------------------------------


def test_a_row_says_everything_about_its_line() -> None:
	placed = order(
		"20.00",
		line(
			"2",
			id="L1",
			product_id="P",
			variant_id="V",
			barcode="B",
			name="Phone, black",
			location_id="7",
			serials=("S1", "S2"),
			custom={"engraving": "Ada"},
		),
	)
	settings = channel(
		warehouses=(WarehouseMap(warehouse="Berlin", location_id="7"),),
		fields=(FieldMap(path="engraving", doctype="Sales Order Item", fieldname="engraving"),),
	)
	key = ItemKey("P", "V", "SKU", "B")
	assert key_of(placed.lines[0]) == key
	item = Item("PHONE", "Phone", "Nos", listing="LIST-1", uom="Box", grade="A")
	(row,) = plan_amounts(placed, settings, {key: item}, 2).items
	assert (row.item_code, row.item_name, row.line_id, row.qty) == ("PHONE", "Phone, black", "L1", 2)
	assert (row.uom, row.warehouse, row.grade, row.serial_no) == ("Box", "Berlin", "A", "S1\nS2")
	assert (row.listing, row.values) == ("LIST-1", {"engraving": "Ada"})


def test_the_line_overrides_the_item() -> None:
	placed = order("10.00", line(uom="Pair", grade="B"))
	key = key_of(placed.lines[0])
	(row,) = plan_amounts(placed, channel(), {key: Item("I", stock_uom="Unit", grade="A")}, 2).items
	assert (row.uom, row.grade) == ("Pair", "B")
	plain = order("10.00", line())
	(row,) = plan_amounts(plain, channel(), {key_of(plain.lines[0]): Item("I", stock_uom="Unit")}, 2).items
	assert (row.uom, row.warehouse, row.serial_no) == ("Unit", "Stores", None)


def test_lines_without_quantity_are_left_out() -> None:
	placed = order("10.00", line(), line("0", "5.00", id="2", sku="UNKNOWN"))
	only_known = {key_of(placed.lines[0]): Item("SKU")}
	assert len(plan_amounts(placed, channel(), only_known, 2).items) == 1


def test_unit_price_finer_than_the_currency() -> None:
	made = checked(order("12.30", line("1000", "0.0123", "12.30")))
	assert rates(made) == [("0.02", "0.02")]
	assert made.discount_amount == Decimal("7.70")


def test_cost_center_on_every_tax_row() -> None:
	placed = order("17.00", line(tax=vat("1.90")), shipping=shipping("5.00", FREIGHT))
	made = plan(placed, channel(cost_center="Web", tolerance=Decimal("0.10")))
	assert [row.cost_center for row in made.taxes] == ["Web"] * 3


# --- differences -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("total", "difference"), [("12.01", "0.01"), ("11.98", "-0.02")])
def test_a_difference_within_tolerance_is_a_visible_row(total: str, difference: str) -> None:
	placed = order(total, line(tax=vat("1.90")), line("1", "0.10", id="2", sku="S", tax=vat("0.00", "0")))
	placed = placed.model_copy(update={"total": Decimal(total)})
	made = plan(placed, channel(tolerance=Decimal("0.02")))
	assert made.taxes[-1] == TaxRow(
		"Actual", "Rounding", ROUNDING, tax_amount=Decimal(difference), is_tax=False
	)
	assert made.grand_total == placed.total
	for method in ROUNDING_METHODS:
		assert_books(made, placed, 2, method)


def test_a_difference_with_tax_in_prices() -> None:
	placed = order("9.99", line("1", "11.90", tax=vat("1.60")), discounts=discount("1.90"), inclusive=True)
	made = plan(placed, channel(tolerance=Decimal("0.01")))
	assert kinds(made) == [INCLUDED, ACTUAL]
	for method in ROUNDING_METHODS:
		assert_books(made, placed, 2, method)


def test_beyond_tolerance_both_totals_are_told() -> None:
	with pytest.raises(TotalsDiffer, match=r"12\.00 EUR.*11\.90 EUR.*0\.10 EUR") as caught:
		plan(order("12.00", line(tax=vat("1.90"))), channel(tolerance=Decimal("0.09")))
	assert caught.value.difference == Decimal("0.10")


def test_exactly_the_accepted_difference_is_booked() -> None:
	placed = order("12.00", line(tax=vat("1.90")))
	assert plan(placed, accepted=Decimal("0.1")).taxes[-1].tax_amount == Decimal("0.10")
	for other in ("-0.10", "0.11", "0.09", "0"):
		with pytest.raises(TotalsDiffer):
			plan(placed, accepted=Decimal(other))


def test_an_accepted_difference_that_is_gone_is_not_booked() -> None:
	assert kinds(plan(order("11.90", line(tax=vat("1.90"))), accepted=Decimal("0.10"))) == [CALCULATED]


def test_no_account_for_a_difference() -> None:
	with pytest.raises(Misconfigured) as caught:
		plan(order("10.01", line()), channel(tolerance=Decimal("0.01"), rounding_account=None))
	assert caught.value.fieldname == "rounding_account"


# --- what is refused -------------------------------------------------------------------------------------


FEE = Fee(title="Fee", amount=Decimal("1.00"))


@pytest.mark.parametrize(
	"placed",
	[
		order("-0.01", line()),
		order("10.001", line()),
		order("10.00", line(total="-10.00")),
		order("10.00", line("-1", total="10.00")),
		order("10.00", line(price="-10.00", total="10.00")),
		order("10.00", line(total="10.001")),
		order("10.00", line(total="10.00000000000000000000000000000000001")),
		order("10.00", line(tax=vat("0.001"))),
		order("10.00", line(), shipping=shipping("-1.00")),
		order("10.00", line(), shipping=shipping("0.00", tax=vat("0.50"))),
		order("10.00", line(), fees=(Fee(amount=Decimal(0), taxes=vat("0.50")),)),
		order("10.00", line(), discounts=discount("-1.00")),
		order("10.5", line("1", "10", "10"), currency="JPY"),
		order("10.00", line("0.3333", "30.00", "10.00")),
		order("1000000000000", line("1", "1000000000000")),
		order("10.00", line("1000000000000", "1.00", "10.00")),
		order("10.00", line("1", "1000000000000", "10.00")),
		order("0.00", line("0")),
		order("0.00", line("1", "10.00", "0.00"), discounts=discount("1.00")),
	],
	ids=str,
)
def test_refused(placed: Order) -> None:
	with pytest.raises(Rejected) as caught:
		plan(placed)
	assert not isinstance(caught.value, TotalsDiffer)


@pytest.mark.parametrize(
	("placed", "changes", "fieldname"),
	[
		(order("11.00", line(), fees=(FEE,)), {"fee_item": None}, "fee_item"),
		(order("11.90", line(tax=vat("1.90"))), {"taxes": ()}, "taxes"),
		(order("15.00", line(), shipping=shipping("5.00")), {"shipping": ()}, "shipping_methods"),
		(order("10.00", line()), {"default_warehouse": ""}, "default_warehouse"),
	],
)
def test_what_is_missing_is_named(placed: Order, changes: dict[str, Any], fieldname: str) -> None:
	with pytest.raises(Misconfigured) as caught:
		plan(placed, channel(**changes))
	error = caught.value
	assert (error.doctype, error.document, error.fieldname) == ("Channel Settings", "Shop", fieldname)


def test_refused_before_it_is_misconfigured() -> None:
	with pytest.raises(Rejected):
		plan(order("-1.00", line()), channel(default_warehouse=""))


# --- partial documents -----------------------------------------------------------------------------------


def test_billing_one_then_two_of_three() -> None:
	first = prorated(Decimal("17.10"), Fraction(1, 3), Decimal(0), 2)
	second = prorated(Decimal("17.10"), Fraction(1), first, 2)
	assert (str(first), str(second)) == ("5.70", "11.40")


@pytest.mark.parametrize(
	("total", "fraction", "before", "decimals", "share"),
	[
		("0.01", Fraction(1, 2), "0", 2, "0.01"),
		("-0.01", Fraction(1, 2), "0", 2, "-0.01"),
		("0.01", Fraction(1), "0.01", 2, "0.00"),
		("100", Fraction(1, 3), "0", 0, "33"),
		("100", Fraction(2, 3), "33", 0, "34"),
		("1.000", Fraction(2, 3), "0.333", 3, "0.334"),
		("17.10", Fraction(1, 3), "17.10", 2, "-11.40"),
	],
)
def test_prorated(total: str, fraction: Fraction, before: str, decimals: int, share: str) -> None:
	assert str(prorated(Decimal(total), fraction, Decimal(before), decimals)) == share


# --- the judge itself ------------------------------------------------------------------------------------


def test_the_emulation_refuses_a_discount_above_the_total() -> None:
	row = {"qty": 1, "rate": 10, "price_list_rate": 10, "discount_percentage": 0}
	with pytest.raises(Refused):
		SalesOrder([row], [], 10.01, "Net Total")


def test_the_emulation_charges_the_list_price_for_a_rate_of_zero() -> None:
	rows = [{"qty": 1, "rate": rate, "price_list_rate": 12, "discount_percentage": 0} for rate in (20, 0)]
	assert SalesOrder(rows, []).grand_total == 32


def test_the_emulation_sees_what_is_not_the_order() -> None:
	placed = order("11.90", line(tax=vat("1.90")))
	other = placed.model_copy(update={"total": Decimal("11.91")})
	with pytest.raises(AssertionError):
		assert_books(plan(placed), other, 2, ROUNDING_METHODS[0])
	assert document_of(plan(placed), 2).grand_total == 11.9
