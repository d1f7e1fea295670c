"""DocType Item Attribute: what the variants of a template differ in. Made, and given values, as a shop uses them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import frappe

from commerce_bridge.bridge.product_matching import code_of

#: Letters of an abbreviation, which ERPNext puts behind a template's code.
ABBREVIATION = 12


@dataclass(frozen=True, slots=True)
class Attribute:
	"""An attribute's name, and its values as they are spelled there, by their spelling in lower case."""

	name: str
	values: dict[str, str]

	def value(self, text: str) -> str:
		return self.values[_key(text)]


def ensure(wanted: str, values: Iterable[str], otherwise: str) -> Attribute:
	"""The attribute of this name with these values among its own: made, or added to, where they are missing.

	:param otherwise: the name of another one, where this one takes numbers only or is disabled
	"""
	name = code_of(wanted) or code_of(otherwise)
	found = (
		frappe.db.get_value("Item Attribute", name, ["name", "numeric_values", "disabled"], as_dict=True)
		or frappe._dict()
	)
	if (found.numeric_values or found.disabled) and wanted != otherwise:
		return ensure(otherwise, values, otherwise)
	if not found:
		doc = frappe.get_doc({"doctype": "Item Attribute", "attribute_name": name})
	else:
		doc = frappe.get_doc("Item Attribute", found.name)
	known = {row.attribute_value.lower(): row.attribute_value for row in doc.item_attribute_values}
	missing = {_key(value): _plain(value) for value in values if _key(value) not in known}
	if missing:
		_add(doc, missing.values())
		doc.save()
	return Attribute(doc.name, {**known, **missing})


def _add(doc: frappe.model.document.Document, values: Iterable[str]) -> None:
	taken = {row.abbr.lower() for row in doc.item_attribute_values}
	for value in values:
		abbreviation = _abbreviation(value, taken)
		taken.add(abbreviation.lower())
		doc.append("item_attribute_values", {"attribute_value": value, "abbr": abbreviation})


def _abbreviation(value: str, taken: set[str]) -> str:
	"""The value without what is no letter or figure, and with a number where another one has it already."""
	letters = "".join(letter for letter in value if letter.isalnum()).upper()[:ABBREVIATION] or "X"
	number, abbreviation = 1, letters
	while abbreviation.lower() in taken:
		number += 1
		abbreviation = f"{letters}-{number}"
	return abbreviation


def _plain(value: str) -> str:
	return code_of(value) or "-"


def _key(value: str) -> str:
	return _plain(value).lower()
