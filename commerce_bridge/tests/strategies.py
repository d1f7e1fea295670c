"""Orders as shops compute them, for property tests. Needs hypothesis and the engine's model, nothing else.

The totals of a generated order are right by the rule in `Order`; how the shop rounded its taxes varies.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from hypothesis import assume
from hypothesis import strategies as st

from commerce_bridge.bridge.channel import Channel, ShippingMap, TaxMap
from commerce_bridge.bridge.model import Discount, Fee, Order, OrderLine, ShippingLine, TaxLine
from commerce_bridge.bridge.plan import Item, ItemKey

CURRENCIES = {"JPY": 0, "EUR": 2, "USD": 2, "KWD": 3}
#: title and rate of each tax of a line
TAX_SETS: tuple[tuple[tuple[str, str], ...], ...] = (
	(("VAT", "19"),),
	(("VAT", "7"),),
	(("VAT", "8.1"),),
	(("State Tax", "6.25"), ("City Tax", "1.125")),
	(("VAT", "0"),),
	(),
)
MOMENT = datetime(2026, 1, 15, 12, 0, tzinfo=timezone.utc)
EXPRESS, FREIGHT = "express", "freight"


def channel(**changes: Any) -> Channel:
	"""A channel that maps everything a generated order has: express on an item, freight on an account."""
	settings: dict[str, Any] = {
		"name": "Shop",
		"platform": "custom",
		"company": "Company",
		"company_currency": "EUR",
		"currency": "EUR",
		"default_warehouse": "Stores",
		"taxes": (
			TaxMap(title="VAT", account="VAT"),
			TaxMap(title="State Tax", account="State Tax"),
			TaxMap(title="City Tax", account="City Tax"),
		),
		"shipping": (
			ShippingMap(method=EXPRESS, item="SHIPPING"),
			ShippingMap(method=FREIGHT, account="Freight"),
		),
		"fee_item": "FEE",
		"rounding_account": "Rounding",
	}
	return Channel(**{**settings, **changes})


def items_of(order: Order) -> dict[ItemKey, Item]:
	"""An item with the SKU as its code for every line."""
	return {
		ItemKey(line.product_id, line.variant_id, line.sku, line.barcode): Item(item_code=line.sku or line.id)
		for line in order.lines
	}


def _money(amount: Decimal, decimals: int) -> Decimal:
	return amount.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)


def _shares(whole: Decimal, weights: Sequence[Decimal], decimals: int) -> list[Decimal]:
	"""`whole` split by weight to the minor unit, the way shops spread a discount: remainders carried on."""
	total, given, seen, shares = sum(weights, Decimal(0)), Decimal(0), Decimal(0), []
	for weight in weights:
		seen += weight
		upto = _money(whole * seen / total, decimals) if total else Decimal(0)
		shares.append(upto - given)
		given = upto
	return shares


def _taxes(
	bases: Sequence[Decimal],
	sets: Sequence[tuple[tuple[str, str], ...]],
	inclusive: bool,
	by_order: bool,
	decimals: int,
) -> list[tuple[TaxLine, ...]]:
	"""The taxes of each base, rounded each by itself or, `by_order`, such that only their sums are rounded."""
	running: dict[tuple[str, str], tuple[Decimal, Decimal]] = {}
	found = []
	for base, taxes in zip(bases, sets, strict=True):
		divisor = 100 + (sum(Decimal(rate) for _, rate in taxes) if inclusive else 0)
		lines = []
		for key in taxes:
			exact = base * Decimal(key[1]) / divisor
			sum_exact, sum_given = running.get(key, (Decimal(0), Decimal(0)))
			sum_exact += exact
			amount = _money(sum_exact, decimals) - sum_given if by_order else _money(exact, decimals)
			running[key] = (sum_exact, sum_given + amount)
			lines.append(TaxLine(title=key[0], code=None, rate=Decimal(key[1]), amount=amount))
		found.append(tuple(lines))
	return found


def _quantities() -> st.SearchStrategy[Decimal]:
	whole = st.integers(1, 12).map(Decimal)
	parts = st.integers(1, 9999).map(lambda thousandths: Decimal(thousandths).scaleb(-3))
	return st.one_of(whole, whole, whole, parts, st.just(Decimal(0)))


@st.composite
def _lines(draw: st.DrawFn, decimals: int) -> list[dict[str, Any]]:
	"""Lines without taxes; at least one has a quantity."""
	fine = draw(st.sampled_from((0, 0, 0, 2)))  # some shops keep unit prices finer than the currency
	prices = st.one_of(st.integers(0, 20_000), st.integers(0, 200), st.integers(0, 50_000_000))
	lines = []
	for number in range(draw(st.one_of(st.integers(1, 4), st.integers(1, 4), st.integers(10, 16)))):
		quantity = draw(_quantities()) if number else draw(st.integers(1, 12).map(Decimal))
		unit_price = Decimal(draw(prices)).scaleb(-decimals - fine)
		full = _money(quantity * unit_price, decimals)
		taken = draw(st.sampled_from((0, 0, 0, 10, 33, 50, 100)))
		total = full - _money(full * taken / 100, decimals)
		lines.append(
			{
				"id": str(number + 1),
				"sku": f"SKU-{number % 5}",
				"quantity": quantity,
				"unit_price": unit_price,
				"discount": max(quantity * unit_price - total, Decimal(0)),
				"total": total,
			}
		)
	return lines


@st.composite
def orders(
	draw: st.DrawFn,
	currencies: Sequence[str] = tuple(CURRENCIES),
	inclusive: bool | None = None,
	tax_sets: Sequence[tuple[tuple[str, str], ...]] = TAX_SETS,
) -> Order:
	"""An order whose total is the sum of its parts, not negative, with at least one line that has a quantity.

	Only as much is taken off as the goods are worth: an order does not give its taxes away.
	"""
	currency = draw(st.sampled_from(tuple(currencies)))
	decimals = CURRENCIES[currency]
	inclusive = draw(st.booleans()) if inclusive is None else inclusive
	by_order = draw(st.booleans())
	common = draw(st.one_of(st.none(), st.sampled_from(tuple(tax_sets))))
	lines = draw(_lines(decimals))
	small = st.integers(1, 3000).map(lambda units: Decimal(units).scaleb(-decimals))
	methods = draw(st.sampled_from(((), (), (EXPRESS,), (FREIGHT,), (EXPRESS, FREIGHT))))
	shipping = [(method, draw(st.one_of(small, st.just(Decimal(0))))) for method in methods]
	surcharges = draw(st.lists(small, max_size=1))
	goods = sum((line["total"] for line in lines), Decimal(0))
	taken = draw(st.sampled_from((0, 0, 0, 5, 10, 33, 77, 100)))
	off = _money(goods * taken / 100, decimals)
	as_fee = bool(off) and draw(st.booleans())
	shares = (
		[Decimal(0)] * len(lines) if as_fee else _shares(off, [line["total"] for line in lines], decimals)
	)
	bases = [line["total"] - share for line, share in zip(lines, shares, strict=True)]
	bases += [amount for _, amount in shipping] + surcharges + ([-off] if as_fee else [])
	sets = [draw(st.sampled_from(tuple(tax_sets))) if common is None else common for _ in bases]
	if as_fee and common is None:
		sets[-1] = ()
	taxes = _taxes(bases, sets, inclusive, by_order, decimals)
	taxes = [() if not lines[i]["quantity"] else t for i, t in enumerate(taxes[: len(lines)])] + taxes[
		len(lines) :
	]
	first_fee = len(lines) + len(shipping)
	total = goods + sum((amount for _, amount in shipping), Decimal(0)) + sum(surcharges, Decimal(0)) - off
	if not inclusive:
		total += sum((tax.amount for found in taxes for tax in found), Decimal(0))
	assume(total >= 0)
	fees = [Fee(title="Surcharge", amount=a, taxes=taxes[first_fee + i]) for i, a in enumerate(surcharges)]
	if as_fee:
		fees.append(Fee(title="Reduction", amount=-off, taxes=taxes[-1]))
	return Order(
		id="1001",
		number="#1001",
		updated_at=MOMENT,
		currency=currency,
		prices_include_tax=inclusive,
		lines=tuple(OrderLine(**line, taxes=taxes[i]) for i, line in enumerate(lines)),
		shipping=tuple(
			ShippingLine(code=method, title=method.title(), amount=amount, taxes=taxes[len(lines) + i])
			for i, (method, amount) in enumerate(shipping)
		),
		fees=tuple(fees),
		discounts=(Discount(code="OFF", amount=off),) if off and not as_fee else (),
		total=total,
	)
