"""Orders made by hand, each a way in which WooCommerce's amounts come about, with the total it must be booked at.

The totals were calculated by the builder, whose arithmetic a test compares with orders of a real shop.
"""

from __future__ import annotations

from typing import Any

from tests.connectors.woocommerce_orders import (
	CITY,
	CONSUMPTION,
	GST,
	QST,
	STATE,
	VAT7,
	VAT19,
	VAT20,
	VAT81,
	Cart,
	Charge,
	Sold,
)

BASKET = [Sold("9.99", 3), Sold("1.37", 7), Sold("0.33", 1)]
MIXED = [Sold("9.99", 3), Sold("12.49", 3, (VAT7,)), Sold("1.37", 7)]
CANADA = [Sold(line.price, line.quantity, (GST, QST)) for line in BASKET]
THIRDS = [Sold("0.33", 1), Sold("3.33", 1), Sold("6.67", 1), Sold("9.99", 1), Sold("0.07", 3)]
HALVES = [Sold("9.99", 1, (VAT20,), sku=f"H{number}") for number in range(12)]
CENTS = [Sold("0.01", 1, sku=f"C{number}") for number in range(40)]
FREIGHT = [Charge("4.90", name="Flat rate")]
FREE = [Charge("0", (), name="Free shipping", method="free_shipping")]


def ways(name: str, lines: list[Sold], **values: Any) -> dict[str, Cart]:
	"""Prices with and without taxes, rounded per line and per order."""
	return {
		f"{name}, {'incl' if inclusive else 'excl'}, per {'order' if per_order else 'line'}": Cart(
			lines, inclusive=inclusive, per_order=per_order, **values
		)
		for inclusive in (False, True)
		for per_order in (False, True)
	}


CARTS: dict[str, Cart] = {
	**ways("a basket with a coupon", BASKET, shipping=FREIGHT, percent_off="10"),
	**ways("two rates", MIXED, shipping=FREIGHT, percent_off="10"),
	**ways("compound rates", CANADA, shipping=[Charge("4.90", (GST, QST))], percent_off="10"),
	**ways("a negative fee", MIXED, shipping=FREIGHT, fees=[Charge("-2.55", name="Rabatt")]),
	**ways("thirds of cents", THIRDS, shipping=FREIGHT),
	**ways("halves of cents", HALVES),
	**ways("forty cents", CENTS),
	**ways(
		"Swiss rate, odd coupon",
		[Sold("19.95", 7, (VAT81,)), Sold("3.35", 13, (VAT81,))],
		percent_off="33.33",
	),
	**ways(
		"yen", [Sold("1998", 3, (CONSUMPTION,)), Sold("333", 1, (CONSUMPTION,))], currency="JPY", decimals=0
	),
	**ways(
		"yen with a coupon and freight",
		[Sold("1234", 3, (CONSUMPTION,)), Sold("777", 7, (CONSUMPTION,)), Sold("5", 9, (CONSUMPTION,))],
		currency="JPY",
		decimals=0,
		percent_off="15",
		shipping=[Charge("505", (CONSUMPTION,))],
	),
	**ways(
		"dinars",
		[Sold("1.255", 3, (GST,)), Sold("0.335", 7, (GST,))],
		currency="KWD",
		decimals=3,
		percent_off="7",
	),
	**ways("whole euros", [Sold("10", 3), Sold("7", 5), Sold("3", 1)], decimals=0, percent_off="10"),
	**ways(
		"dinars told with two decimals", [Sold("1.25", 3, (GST,)), Sold("0.33", 7, (GST,))], currency="KWD"
	),
	**ways(
		"a dear order", [Sold("123456.78", 9), Sold("99999.99", 99)], shipping=FREIGHT, percent_off="12.5"
	),
	"nothing is taxed": Cart([Sold("19.99", 2, ()), Sold("0.01", 3, ())], [Charge("4.90", ())]),
	"only the goods are taxed": Cart(BASKET, [Charge("4.90", ())], per_order=True),
	"only the shipping is taxed": Cart([Sold("5.55", 3, ())], FREIGHT, inclusive=True),
	"two taxes beside each other": Cart(
		[Sold("19.99", 3, (STATE, CITY)), Sold("0.49", 11, (STATE, CITY))], FREE
	),
	"two taxes beside each other, per order": Cart(
		[Sold("19.99", 3, (STATE, CITY)), Sold("0.49", 11, (STATE, CITY))], FREE, per_order=True
	),
	"free shipping": Cart(BASKET, FREE, percent_off="10", inclusive=True),
	"no shipping at all": Cart([Sold("49.00")]),
	"two ways of shipping": Cart(
		BASKET, [Charge("4.90"), Charge("12.35", name="Freight", instance="7")], per_order=True
	),
	"a gift for nothing": Cart([Sold("19.99"), Sold("0", 1)], FREIGHT),
	"all of it for nothing": Cart([Sold("19.99")], FREE, percent_off="100"),
	"a coupon for all but the freight": Cart(BASKET, FREIGHT, percent_off="100", inclusive=True),
	"a coupon for some of it": Cart(
		[Sold("9.99", 3), Sold("5.01", 2, coupon=False)], FREIGHT, percent_off="17.5"
	),
	"two fees": Cart(BASKET, FREIGHT, [Charge("2.00", name="Gift wrap"), Charge("0.37", (VAT7,), "Deposit")]),
	"a fee without tax": Cart(BASKET, FREIGHT, [Charge("1.50", (), "Donation")], inclusive=True),
	"a negative fee without tax": Cart(BASKET, FREIGHT, [Charge("-3.33", (), "Voucher")]),
	"a fee larger than the goods": Cart([Sold("2.00")], FREIGHT, [Charge("25.00", name="Express")]),
	"half a metre": Cart([Sold("7.99", 2.5), Sold("3.33", 0.333)], per_order=True),
	"another country's taxes": Cart(
		CANADA, [Charge("4.90", (GST, QST))], percent_off="10", inclusive=True, base=VAT19, per_order=True
	),
	"six decimals, asked for": Cart(MIXED, FREIGHT, percent_off="10", inclusive=True, dp=6),
	"six decimals, per order": Cart(MIXED, FREIGHT, percent_off="10", inclusive=True, per_order=True, dp=6),
	"a deleted product": Cart([Sold("9.99", product_id=0), Sold("5.00", product_id=0, sku=None)], FREIGHT),
	"a removed line": Cart([Sold("9.99", 2), Sold("5.00", 0)], FREIGHT),
	"a hundred lines": Cart(
		[Sold(f"{number}.{number:02}", 3, (VAT7, CITY)) for number in range(1, 100)],
		FREIGHT,
		percent_off="3",
		per_order=True,
		inclusive=True,
	),
}
