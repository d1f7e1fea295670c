"""Links that another connector left in ERPNext: what they look like, and how what they lead to is treated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

#: Fingerprint of an order another connector booked: nobody knows what the shop said then.
ADOPTED = "adopted"


@dataclass(frozen=True, slots=True)
class ListingLinks:
	"""A DocType whose rows say which item is which product. The names are of its fields.

	:param only: what the rows of this shop have in common
	:param template: marks rows of templates, which no shop sells
	"""

	doctype: str
	only: Mapping[str, str]
	item_code: str
	product_id: str
	variant_id: str
	sku: str
	template: str


@dataclass(frozen=True, slots=True)
class OrderLinks:
	"""Custom fields with the order's id and number, on these DocTypes; the first one is the order itself."""

	doctypes: tuple[str, ...]
	external_id: str
	external_number: str


@dataclass(frozen=True, slots=True)
class Link:
	"""A custom field of a DocType that holds an id of the shop; `record_type` is what we call such an id."""

	doctype: str
	fieldname: str
	record_type: str


@dataclass(frozen=True, slots=True)
class Origin:
	"""Everything a connector left behind.

	:param title: its name, for people
	"""

	title: str
	platform: str
	listings: ListingLinks
	orders: OrderLinks
	links: tuple[Link, ...]


@dataclass(frozen=True, slots=True)
class UnnamedRow:
	"""A row of a Sales Order that does not say which line of the shop's order it is.

	:param waits: goods of it are still to be delivered
	"""

	name: str
	item_code: str
	qty: Decimal
	waits: bool


def match_rows(
	rows: Sequence[UnnamedRow], lines: Sequence[tuple[str, str, Decimal]]
) -> tuple[dict[str, str], list[UnnamedRow]]:
	"""Which row is which line. First those alike in item and quantity, each once, in their order; then what is left
	of an item, where that is one row and one line.

	:param lines: line id, item code, quantity
	:return: line ids by row, and the rows that could be matched to none
	"""
	left_rows, left_lines, matched = list(rows), list(lines), {}
	for alike in (_same_quantity, _only_one):
		for row in list(left_rows):
			line = next((line for line in left_lines if alike(row, line, left_rows, left_lines)), None)
			if line:
				matched[row.name] = line[0]
				left_rows.remove(row)
				left_lines.remove(line)
	return matched, left_rows


_Line = tuple[str, str, Decimal]


def _same_quantity(row: UnnamedRow, line: _Line, rows: Sequence[UnnamedRow], lines: Sequence[_Line]) -> bool:
	return (row.item_code, row.qty) == line[1:]


def _only_one(row: UnnamedRow, line: _Line, rows: Sequence[UnnamedRow], lines: Sequence[_Line]) -> bool:
	return (
		row.item_code == line[1]
		and sum(other.item_code == line[1] for other in rows) == 1
		and sum(other[1] == line[1] for other in lines) == 1
	)
