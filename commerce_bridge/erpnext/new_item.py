"""DocType Item: made of a shop's product, as a person would make it, with the rights of whoever imports.

A product whose variants differ in something becomes a template with a variant each; its images stay where they are,
the Item shows them from there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import frappe
from erpnext.controllers.item_variant import copy_attributes_to_variant
from frappe.utils import cint, strip_html
from frappe.utils.html_utils import clean_html, sanitize_html

from commerce_bridge.bridge.channel import Channel
from commerce_bridge.bridge.errors import Rejected
from commerce_bridge.bridge.model import Product, ProductVariant
from commerce_bridge.bridge.plan import Record
from commerce_bridge.bridge.product_import import require_item_group
from commerce_bridge.bridge.product_matching import CODE_LENGTH, code_of
from commerce_bridge.erpnext import channel_record, html, item_attribute

#: Characters of a description, its tags included.
DESCRIPTION_LIMIT = 20_000
#: Which template is made of which product.
RECORD_TYPE = "Product"
#: Length of a GTIN → its type in ERPNext. https://www.gs1.org/services/how-calculate-check-digit-manually
BARCODE_TYPES = {8: "EAN", 12: "UPC-A", 13: "EAN", 14: "GTIN"}


@dataclass(slots=True)
class Maker:
	"""Makes the Items of one page of products; what they share is looked up once.

	:param templates: of products that have one already, by the product's id
	"""

	channel: Channel
	templates: dict[str, str] = field(default_factory=dict)
	attributes: dict[str, item_attribute.Attribute] = field(default_factory=dict)
	uoms: dict[str, bool] = field(default_factory=dict)
	brands: dict[str, str] = field(default_factory=dict)
	stock_uom: str = ""

	def prepare(self, products: Iterable[Product]) -> None:
		"""Looks up templates, and has attributes with all values of these products: each is saved once a page."""
		products = list(products)
		self.stock_uom = frappe.db.get_single_value("Stock Settings", "stock_uom") or "Nos"
		records = channel_record.known(self.channel.name, RECORD_TYPE, [row.id for row in products])
		documents = {number: record.document for number, record in records.items() if record.document}
		there = set(frappe.get_all("Item", {"name": ("in", [*documents.values(), ""])}, pluck="name"))
		self.templates = {number: code for number, code in documents.items() if code in there}
		values: dict[str, dict[str, None]] = {}
		for name, value in (pair for row in products for pair in _options(row)):
			values.setdefault(name, {})[value] = None
		frappe.flags.attribute_values = None  # ERPNext reads all of them once, and keeps them for the process
		for name, used in values.items():
			self.attributes[name] = item_attribute.ensure(name, used, f"{name} ({self.channel.name})")

	def make(self, product: Product, variant: ProductVariant) -> tuple[str, str | None]:
		"""Makes the Item of a variant, and before the first one of a product its template.

		:return: its code, and what had to be left out of it
		:raises frappe.ValidationError: as ERPNext does
		"""
		doc = frappe.new_doc("Item")
		if product.option_names:
			self._as_variant(doc, product, variant)
		code = code_of(variant.sku or "") or code_of(f"{self.channel.name}-{variant.id}")
		doc.update(self._values(product))
		doc.update(
			{
				"item_code": code,
				"item_name": name_of(product, variant),
				"is_stock_item": int(variant.tracked),
				"image": variant.image or _first(product.images),
			}
		)
		left_out = [self._add_weight(doc, variant), _add_barcode(doc, variant)]
		doc.insert()
		return doc.name, "; ".join(filter(None, left_out)) or None

	def _values(self, product: Product) -> dict[str, Any]:
		return {
			"item_group": self._item_group(product.product_type),
			"stock_uom": self.stock_uom,
			"description": html.clean(product.description, DESCRIPTION_LIMIT) or None,
			"brand": self._brand(product.brand),
		}

	def _item_group(self, category: str | None) -> str:
		"""The group that is named like the product's category in the shop, where Items may be in it; else the channel's."""
		chosen = require_item_group(self.channel)
		if category and frappe.db.get_value("Item Group", category, "is_group", cache=True) == 0:
			return category
		return chosen

	def _as_variant(self, doc: Any, product: Product, variant: ProductVariant) -> None:
		template = frappe.get_cached_doc("Item", self._template(product))
		names = [self.attributes[name].name for name in product.option_names]
		if {row.attribute for row in template.attributes} != set(names):
			has = ", ".join(row.attribute for row in template.attributes)
			raise Rejected(
				f"The product has the options {', '.join(names)}, its template {template.name} {has}: "
				"make the Item by hand"
			)
		doc.variant_based_on = "Item Attribute"
		doc.set(
			"attributes",
			[
				{
					"attribute": self.attributes[name].name,
					"attribute_value": self.attributes[name].value(variant.options[name]),
				}
				for name in product.option_names
				if name in variant.options
			],
		)
		copy_attributes_to_variant(template, doc)

	def _template(self, product: Product) -> str:
		if product.id in self.templates:
			return self.templates[product.id]
		doc = frappe.new_doc("Item")
		doc.update(self._values(product))
		doc.update(
			{
				"item_code": code_of(f"{self.channel.name}-{product.id}"),
				"item_name": product.title[:CODE_LENGTH],
				"has_variants": 1,
				"variant_based_on": "Item Attribute",
				"is_stock_item": int(any(row.tracked for row in product.variants)),
				"image": _first(product.images),
				"attributes": [{"attribute": self.attributes[name].name} for name in product.option_names],
			}
		)
		doc.insert()
		channel_record.save(Record(self.channel.name, RECORD_TYPE, product.id, "Item", doc.name))
		self.templates[product.id] = doc.name
		return doc.name

	def _add_weight(self, doc: Any, variant: ProductVariant) -> str | None:
		unit = variant.weight_uom
		if variant.weight is None or unit is None:
			return None
		if unit not in self.uoms:
			self.uoms[unit] = bool(frappe.db.exists("UOM", unit))
		if not self.uoms[unit]:
			return f"The weight is left out: there is no UOM {unit}"
		doc.update({"weight_per_unit": float(variant.weight), "weight_uom": unit})
		return None

	def _brand(self, name: str | None) -> str | None:
		wanted = code_of(name or "")
		if not wanted:
			return None
		if wanted not in self.brands:
			known = frappe.db.get_value("Brand", wanted)
			self.brands[wanted] = known or frappe.get_doc({"doctype": "Brand", "brand": wanted}).insert().name
		return self.brands[wanted]


def name_of(product: Product, variant: ProductVariant) -> str:
	"""What the Item of a variant is called."""
	return " - ".join(filter(None, (product.title, variant.title)))[:CODE_LENGTH]


def overwrite(channel: Channel, product: Product, variant: ProductVariant, item_code: str) -> bool:
	"""Gives an Item the texts and the image of the shop, where the channel's storefront owns them.

	:return: whether anything was different
	"""
	wanted: dict[str, Any] = {}
	if channel.ownership.title == "Storefront":
		wanted["item_name"] = name_of(product, variant)
		if product.description:
			wanted["description"] = _as_kept(html.clean(product.description, DESCRIPTION_LIMIT))
	if channel.ownership.images == "Storefront":
		wanted["image"] = variant.image or _first(product.images)
	wanted = {name: value for name, value in wanted.items() if value}
	if not wanted:
		return False
	kept = frappe.db.get_value("Item", item_code, list(wanted), as_dict=True)
	if all(kept[name] == value for name, value in wanted.items()):
		return False
	doc = frappe.get_doc("Item", item_code)
	doc.update(wanted)
	doc.save()
	return True


def _as_kept(text: str) -> str:
	"""A description as Frappe and ERPNext write it down."""
	if not strip_html(text).strip():
		return ""
	if cint(frappe.db.get_single_value("Stock Settings", "clean_description_html")):
		text = clean_html(text)
	return sanitize_html(text, linkify=True) if "<" in text or ">" in text else text


def _options(product: Product) -> Iterable[tuple[str, str]]:
	return (
		(name, row.options[name])
		for row in product.variants
		for name in product.option_names
		if name in row.options
	)


def _first(values: Sequence[str]) -> str | None:
	return values[0] if values else None


# --- barcodes --------------------------------------------------------------------------------------------


def _add_barcode(doc: Any, variant: ProductVariant) -> str | None:
	if not variant.barcode:
		return None
	if len(variant.barcode) > CODE_LENGTH:
		return f"The barcode is left out: it is longer than {CODE_LENGTH} characters"
	doc.append("barcodes", {"barcode": variant.barcode, "barcode_type": barcode_type(variant.barcode)})
	return None


def barcode_type(barcode: str) -> str:
	"""What a barcode is in ERPNext's words; empty where its length or its check digit is of none."""
	kind = BARCODE_TYPES.get(len(barcode), "")
	if not kind or not (barcode.isascii() and barcode.isdigit()):
		return ""
	weighted = sum(int(figure) * (3 if place % 2 else 1) for place, figure in enumerate(reversed(barcode)))
	return kind if weighted % 10 == 0 else ""
