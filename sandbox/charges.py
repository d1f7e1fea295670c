"""Taxes and discount of an order, and the shares of them that its invoices take.

Follows erpnext/sales_taxes_and_charges.py, which does the same on a site: each document gets its share by value, and
the last one what is left, so that all of them together are the order, to the cent. Taxes included in the prices
stay calculated: prices carry the total.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from decimal import Decimal
from fractions import Fraction

from commerce_bridge.bridge.plan import Amounts, TaxRow
from commerce_bridge.bridge.totals import prorated
from sandbox.arithmetic import Totals

ZERO = Decimal(0)
DECIMALS = ("rate", "tax_amount")
#: row of an order → how many, and what all of them are worth
Rows = Mapping[int, tuple[Decimal, Decimal]]


@dataclass(frozen=True)
class Charges:
	"""What a document has besides its item rows; `charged` is what each tax row came to."""

	taxes: tuple[TaxRow, ...]
	charged: tuple[Decimal, ...]
	discount: Decimal
	on: str

	@classmethod
	def of(cls, amounts: Amounts, totals: Totals) -> Charges:
		return cls(amounts.taxes, totals.taxes, amounts.discount_amount, amounts.apply_discount_on)

	@classmethod
	def from_json(cls, text: str) -> Charges:
		kept = json.loads(text)
		rows = [row | {name: Decimal(row[name]) for name in DECIMALS} for row in kept["taxes"]]
		charged = tuple(Decimal(amount) for amount in kept["charged"])
		return cls(tuple(TaxRow(**row) for row in rows), charged, Decimal(kept["discount"]), kept["on"])

	def as_json(self) -> str:
		return json.dumps(asdict(self), default=str)

	def share(
		self,
		taken: Sequence[Charges],
		before: Fraction,
		after: Fraction,
		decimals: int,
	) -> tuple[tuple[TaxRow, ...], Decimal]:
		"""Tax rows and discount of a document.

		:param taken: those of the documents before it
		:param before: and `after`: which part of the order's value they are, without and with this document
		"""

		def part(whole: Decimal, booked: list[Decimal]) -> Decimal:
			return prorated(whole, after, sum(booked, ZERO), decimals)

		rows = []
		for number, (row, whole) in enumerate(zip(self.taxes, self.charged, strict=True)):
			own = part(whole, [each.charged[number] for each in taken])
			rows.append(_shared(row, own, after - before != 1))
		return tuple(rows), part(self.discount, [each.discount for each in taken])


def _shared(row: TaxRow, amount: Decimal, partial: bool) -> TaxRow:
	"""A row that would be calculated carries an amount where the document is not the whole of the order."""
	if row.included_in_print_rate or (row.charge_type == "On Net Total" and not partial):
		return row
	return replace(row, charge_type="Actual", rate=ZERO, tax_amount=amount)


def part_of(rows: Rows, quantities: Mapping[int, Decimal]) -> Fraction:
	"""Which part of the rows' value these quantities are: 0 to 1. By quantity where all is free.

	By what the rows came to, so that no share of the discount is more than the goods it is of.
	"""
	whole = sum((value for _quantity, value in rows.values()), ZERO)
	weights = {row: value if whole else quantity for row, (quantity, value) in rows.items()}
	total = Fraction(sum(weights.values(), ZERO))
	taken = sum(
		(
			Fraction(weights[row]) * Fraction(quantities.get(row, ZERO)) / Fraction(quantity)
			for row, (quantity, _value) in rows.items()
			if quantity
		),
		Fraction(0),
	)
	return min(taken / total, Fraction(1)) if total else Fraction(1)
