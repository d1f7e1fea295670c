"""DocType Sales Taxes and Charges: taxes and discount of partial deliveries, invoices and returns.

ERPNext copies an Actual row whole into every document made from an order: an order billed in two parts pays
its tax twice. A calculated row is rounded in each document anew, and the first document takes the whole
discount. Here each document gets its share by value, and the last one what is left, so that all of them
together are the order, to the cent. Taxes included in the prices stay calculated: prices carry the total.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby
from typing import Any

import frappe
from frappe.utils import flt

from commerce_bridge.erpnext.channel_settings import decimal

#: Field of an item row that names the order, and the order's row; and of a return, the row it returns.
ORDER_FIELDS = {
	"Delivery Note": ("against_sales_order", "so_detail", "dn_detail"),
	"Sales Invoice": ("sales_order", "so_detail", "sales_invoice_item"),
}
#: The same of deliveries of an invoice that stands for its order.
OF_INVOICE = ("against_sales_invoice", "si_detail")
#: Account, description, and which of the rows that are equal in both (a tax with two rates).
TaxKey = tuple[str, str, int]
#: Stands for the document's discount among the taxes' keys.
DISCOUNT: TaxKey = ("", "", 0)
SHARED = ("Actual", "On Net Total")


@dataclass(frozen=True, slots=True)
class Source:
	"""What a document takes its share of: an order, or the document it returns.

	:param rows: row name → (quantity, value of one)
	:param amounts: taxes that are not included in prices, by account and description; and the discount
	:param link: field of the item rows that names a row of the source
	:param field: that which names the source itself; of a return, any of its rows
	"""

	name: str
	rows: Mapping[str, tuple[Decimal, Decimal]]
	amounts: Mapping[TaxKey, Decimal]
	link: str
	field: str

	def part(self, quantities: Mapping[str, Decimal]) -> Decimal:
		"""Which part of the source's value these quantities are: 0 to 1. By quantity where all is free."""
		whole = sum((quantity * value for quantity, value in self.rows.values()), Decimal(0))
		weights = {row: value if whole else Decimal(1) for row, (_quantity, value) in self.rows.items()}
		total = whole or sum((quantity for quantity, _value in self.rows.values()), Decimal(0))
		taken = sum((weights[row] * quantities.get(row, Decimal(0)) for row in self.rows), Decimal(0))
		return min(taken / total, Decimal(1)) if total else Decimal(1)


def prorate(doc: Any, method: str | None = None) -> None:
	"""before_validate of Delivery Note and Sales Invoice: sets the shares of what the document comes from."""
	if not doc.get("cb_channel") or doc.get("additional_discount_percentage"):
		return
	if doc.is_return and doc.get("cb_made"):
		return  # a credit note of ours is over what the shop gave back
	shares: dict[TaxKey, Decimal] = {}
	partial = False
	for source in _sources(doc):
		part, own = _shares(doc, source)
		partial = partial or part != 1
		for key, share in own.items():
			shares[key] = shares.get(key, Decimal(0)) + share
	_set_taxes(doc, shares, partial)
	if DISCOUNT in shares:
		doc.discount_amount = flt(_sign(doc) * shares[DISCOUNT], doc.precision("discount_amount"))


def before_mapping(doc: Any, method: str | None, source_doc: Any, table_maps: Any) -> None:
	"""ERPNext refuses to map what is left of an order as soon as it is worth less than the whole discount.

	The copy of the source that is being mapped, which nobody saves, goes without; `after_mapping` brings the
	share in.
	"""
	if source_doc.get("cb_channel") and not source_doc.get("additional_discount_percentage"):
		source_doc.discount_amount = 0


def after_mapping(doc: Any, method: str | None, source_doc: Any) -> None:
	"""Shows the shares in the new document, before it is saved."""
	if doc.get("cb_channel"):
		prorate(doc)
		doc.run_method("calculate_taxes_and_totals")


def _sign(doc: Any) -> int:
	"""Quantities and amounts of a return are negative; here they are counted positive."""
	return -1 if doc.is_return else 1


def _set_taxes(doc: Any, shares: Mapping[TaxKey, Decimal], partial: bool) -> None:
	"""A row that ERPNext would calculate becomes Actual where the document is not the whole of its source."""
	for key, row in _keyed(doc.get("taxes") or ()):
		if row.included_in_print_rate or key not in shares:
			continue
		if row.charge_type == "On Net Total" and partial:
			row.charge_type, row.rate = "Actual", 0
		if row.charge_type == "Actual":
			row.tax_amount = flt(_sign(doc) * shares[key], row.precision("tax_amount"))


def _keyed(rows: Iterable[Any]) -> Iterator[tuple[TaxKey, Any]]:
	"""The rows of one document, each with its key."""
	seen: Counter[tuple[str, str]] = Counter()
	for row in rows:
		same = (row.account_head, row.description or "")
		yield (*same, seen[same]), row
		seen[same] += 1


def _sources(doc: Any) -> list[Source]:
	order_field, order_link, return_link = ORDER_FIELDS[doc.doctype]
	if doc.is_return:
		back = (doc.doctype, doc.return_against, return_link, order_field)
		return [_source(*back)] if doc.return_against else []
	orders = dict.fromkeys(row.get(order_field) for row in doc.items if row.get(order_field))
	sources = [_source("Sales Order", name, order_link, order_field) for name in orders]
	if doc.doctype == "Delivery Note":
		field, link = OF_INVOICE
		of_invoice = (row.get(field) for row in doc.items if not row.get(order_field))
		sources += [_source("Sales Invoice", name, link, field) for name in dict.fromkeys(of_invoice) if name]
	return sources


def _source(doctype: str, name: str, link: str, field: str) -> Source:
	rows = frappe.db.sql(f"SELECT name, qty, rate FROM `tab{doctype} Item` WHERE parent = %s", name)
	return Source(
		name=name,
		rows={row: (abs(decimal(quantity)), decimal(rate)) for row, quantity, rate in rows},
		amounts=_amounts(doctype, (name,)),
		link=link,
		field=field,
	)


def _amounts(doctype: str, names: tuple[str, ...]) -> dict[TaxKey, Decimal]:
	"""Taxes that are not included in prices, and the discount, of these documents together."""
	rows = frappe.db.sql(
		"""SELECT parent, account_head, description, charge_type, included_in_print_rate,
			tax_amount_after_discount_amount AS amount
		FROM `tabSales Taxes and Charges` WHERE parent IN %s AND parenttype = %s ORDER BY parent, idx""",
		(names, doctype),
		as_dict=True,
	)
	found: dict[TaxKey, Decimal] = {}
	for _parent, taxes in groupby(rows, key=lambda row: row.parent):
		for key, row in _keyed(taxes):
			if row.charge_type in SHARED and not row.included_in_print_rate:
				found[key] = found.get(key, Decimal(0)) + decimal(row.amount)
	discount = frappe.db.sql(f"SELECT SUM(discount_amount) FROM `tab{doctype}` WHERE name IN %s", (names,))[
		0
	][0]
	return found | ({DISCOUNT: decimal(discount)} if discount else {})


def _shares(doc: Any, source: Source) -> tuple[Decimal, dict[TaxKey, Decimal]]:
	"""Which part of the source the document is, and its shares: the rounded total up to and with this
	document, less what the earlier ones took."""
	if not any(row.get(source.link) in source.rows for row in doc.items):
		return Decimal(1), {}
	earlier = _earlier_rows(doc, source)
	sign = _sign(doc)
	before = _quantities(source, earlier, sign)
	after = _quantities(source, doc.items, sign, before)
	booked = _booked(doc, source, earlier)
	precision = doc.precision("discount_amount") or 2
	shares = {}
	for key, whole in source.amounts.items():
		taken = decimal(flt(whole * source.part(before), precision))
		if booked is not None:
			taken = sign * booked.get(key, Decimal(0))
		shares[key] = decimal(flt(whole * source.part(after), precision)) - taken
	return source.part(after) - source.part(before), shares


def _earlier_rows(doc: Any, source: Source) -> list[Any]:
	"""Item rows of all submitted documents of this kind that took from the source; of an order, those too
	that gave back by a return."""
	condition = (
		"parent.return_against = %(source)s" if doc.is_return else f"other.{source.field} = %(source)s"
	)
	if not doc.is_return and doc.doctype == "Sales Invoice":
		condition += (
			" AND NOT (parent.is_return = 1 AND parent.cb_made = 1)"  # what it credits is not billed again
		)
	return frappe.db.sql(
		f"""SELECT row.parent, row.{source.link}, row.qty, row.{source.field} AS source
		FROM `tab{doc.doctype} Item` row JOIN `tab{doc.doctype}` parent ON parent.name = row.parent
		WHERE parent.docstatus = 1 AND parent.name != %(name)s
			AND EXISTS (SELECT 1 FROM `tab{doc.doctype} Item` other
				WHERE other.parent = parent.name AND {condition})""",
		{"source": source.name, "name": doc.name or ""},
		as_dict=True,
	)


def _quantities(
	source: Source, rows: Iterable[Any], sign: int, start: Mapping[str, Decimal] | None = None
) -> dict[str, Decimal]:
	quantities = dict(start or {})
	for row in rows:
		name = row.get(source.link)
		if name in source.rows:
			quantities[name] = quantities.get(name, Decimal(0)) + sign * decimal(row.qty)
	return quantities


def _booked(doc: Any, source: Source, earlier: list[Any]) -> dict[TaxKey, Decimal] | None:
	"""What the earlier documents really carry, so that the last one takes exactly the rest. None where one of
	them belongs to several orders: its rows cannot be told apart."""
	if not doc.is_return and any(row.source != source.name for row in earlier if row.source):
		return None
	parents = tuple(sorted({row.parent for row in earlier}))
	return _amounts(doc.doctype, parents) if parents else {}
