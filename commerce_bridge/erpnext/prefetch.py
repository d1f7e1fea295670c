"""What every Sales Order reads again, read once.

Frappe keeps values of Single DocTypes and of currencies until the transaction ends, each fetched by a query of
its own: some twenty an order. Two queries fetch them all.
"""

from __future__ import annotations

from collections import defaultdict

import frappe
from frappe.utils import cast

SINGLES = (
	"Accounts Settings",
	"Buying Settings",
	"CRM Settings",
	"Energy Point Settings",
	"Global Defaults",
	"Selling Settings",
	"Stock Settings",
)
CURRENCY = ("symbol", "symbol_on_right", "fraction", "number_format")


def prefetch(currency: str) -> None:
	"""Fills Frappe's value cache of this transaction with what the database says now."""
	_singles()
	_currency(currency)


def _singles() -> None:
	known = frappe.db.value_cache
	stored: dict[str, dict[str, str]] = defaultdict(dict)
	rows = frappe.db.sql("SELECT doctype, field, value FROM `tabSingles` WHERE doctype IN %s", (SINGLES,))
	for doctype, field, value in rows:
		stored[doctype][field] = value
	for doctype in SINGLES:
		values = {
			field.fieldname: cast(field.fieldtype, stored[doctype].get(field.fieldname))
			for field in frappe.get_meta(doctype).fields
		}
		known.setdefault(doctype, {}).update(values)


def _currency(currency: str) -> None:
	columns = ", ".join(f"`{column}`" for column in CURRENCY)
	for row in frappe.db.sql(f"SELECT {columns} FROM `tabCurrency` WHERE name = %s", currency):
		for column, value in zip(CURRENCY, row, strict=True):
			frappe.db.value_cache[("Currency", currency, column)] = ((value,),)
