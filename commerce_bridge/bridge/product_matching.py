"""Which Item a variant of the shop is: a listing of it, an Item with its SKU, then one with its barcode.

Nothing is read or written here: an ERP says what it knows, and is told what to do.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from commerce_bridge.bridge.model import Product, ProductVariant

#: How the error begins that a listing keeps while the shop does not have its variant.
GONE = "Deleted in the shop"
GONE_ADVICE = f"{GONE}: delist this, or link it to another product"
#: ERPNext's longest item code.
CODE_LENGTH = 140
_NOT_IN_CODES = str.maketrans({"<": "-", ">": "-"})


@dataclass(frozen=True, slots=True)
class Listed:
	"""A listing of the channel, as far as it is kept: `gone` where it is marked as deleted in the shop."""

	name: str
	item_code: str
	sku: str | None = None
	product_id: str | None = None
	variant_id: str | None = None
	stock_id: str | None = None
	gone: bool = False

	@property
	def place(self) -> str:
		product = f"product {self.product_id}" if self.product_id else "a product"
		return f"variant {self.variant_id} of {product}" if self.variant_id else product


@dataclass(frozen=True, slots=True)
class Match:
	"""What is to be done with a variant.

	"known": nothing; "adopt": the listing gets the variant's ids; "link": the Item gets a listing; "missing": an Item
	may be made; "left": nothing, a person has to look at it. `reason` may come with any of them.
	"""

	action: Literal["known", "adopt", "link", "missing", "left"]
	listing: Listed | None = None
	item_code: str | None = None
	reason: str | None = None


@dataclass(slots=True)
class Known:
	"""What the ERP knows that may belong to some products. Codes are found in any case of their letters."""

	by_ids: dict[tuple[str, str], Listed] = field(default_factory=dict)
	by_sku: dict[str, Listed] = field(default_factory=dict)
	by_item: dict[str, Listed] = field(default_factory=dict)
	items: dict[str, str] = field(default_factory=dict)  # spelling → item code
	templates: set[str] = field(default_factory=set)
	barcodes: dict[str, str] = field(default_factory=dict)  # barcode → item code

	def add_listing(self, listed: Listed) -> None:
		if listed.product_id:
			self.by_ids[listed.product_id, listed.variant_id or ""] = listed
		if listed.sku:
			self.by_sku[spelling(listed.sku)] = listed
		self.by_item[listed.item_code] = listed

	def add_item(self, item_code: str, barcode: str | None = None, template: bool = False) -> None:
		self.items[spelling(item_code)] = item_code
		if barcode:
			self.barcodes[barcode] = item_code
		if template:
			self.templates.add(item_code)


def spelling(code: str) -> str:
	return code.casefold()


def code_of(sku: str) -> str:
	"""An SKU as an item code: without what ERPNext refuses in names, and not longer than it takes."""
	plain = "".join(
		letter for letter in sku.translate(_NOT_IN_CODES) if letter.isprintable() or letter == " "
	)
	return " ".join(plain.split())[:CODE_LENGTH].strip()


def match(product: Product, variant: ProductVariant, known: Known, shared: Iterable[str] = ()) -> Match:
	"""What is to be done with a variant.

	:param shared: spellings of SKUs that several variants have
	"""
	listed = known.by_ids.get((product.id, variant.listed_id or ""))
	item = _item_of_sku(variant, known)
	if listed:
		return Match("known", listed, listed.item_code, _differs(listed, variant, item))
	if variant.sku and (variant.sku_shared or spelling(variant.sku) in set(shared)):
		return Match("left", reason="Several variants of the shop have this SKU: give each its own")
	listed = known.by_sku.get(spelling(variant.sku)) if variant.sku else None
	if listed:
		return _adopted(product, variant, listed)
	if item:
		return _linked(item, known)
	return _of_barcode(variant, known)


def shared_skus(products: Iterable[Product]) -> set[str]:
	"""Spellings of the SKUs that several variants of these products have."""
	seen: set[str] = set()
	shared: set[str] = set()
	for sku in (spelling(row.sku) for product in products for row in product.variants if row.sku):
		(shared if sku in seen else seen).add(sku)
	return shared


def left_without_item(product: Product, variant: ProductVariant) -> str:
	"""Why a variant stays without an Item where none is to be made."""
	if product.left_out:
		return product.left_out
	if product.gift_card:
		return "Gift cards are no goods: orders use the Gift Card Item of Channel Settings"
	if not variant.sku and not variant.barcode:
		return "It has neither SKU nor barcode: give it one in the shop, or let the import make Items"
	names = [f"SKU {variant.sku}"] if variant.sku else []
	names += [f"barcode {variant.barcode}"] if variant.barcode else []
	return f"No Item has {' or '.join(names)}: make one, or let the import make Items"


def gone(product: Product, known: Known) -> list[str]:
	"""Listings of the product whose variants the shop does not have any more, and that do not say so yet. Asked after
	its variants were linked: one that was made anew takes the listing of the one before."""
	if product.partial:
		return []
	variants = {row.listed_id for row in product.variants}
	ours = (row for row in known.by_ids.values() if row.product_id == product.id and row.variant_id)
	return [row.name for row in ours if row.variant_id not in variants and not row.gone]


def _item_of_sku(variant: ProductVariant, known: Known) -> str | None:
	codes = (variant.sku, code_of(variant.sku)) if variant.sku else ()
	return next((known.items[spelling(code)] for code in codes if spelling(code) in known.items), None)


def _differs(listed: Listed, variant: ProductVariant, item: str | None) -> str | None:
	if item is None or item == listed.item_code:
		return None
	return f"It is listed as Item {listed.item_code}, but its SKU is that of Item {item}: left as it is"


def _adopted(product: Product, variant: ProductVariant, listed: Listed) -> Match:
	"""A listing with the SKU and no product yet, or whose variant was deleted and made anew, gets these ids."""
	variants = {row.listed_id for row in product.variants}
	is_replaced = (
		listed.product_id == product.id and listed.variant_id not in variants and not product.partial
	)
	if not _is_placed(listed, variant) or listed.gone or is_replaced:
		return Match("adopt", listed, listed.item_code)
	reason = f"Its SKU is listed as {listed.place} already, with Item {listed.item_code}"
	return Match("left", listed, reason=reason)


def _is_placed(listed: Listed, variant: ProductVariant) -> bool:
	"""Whether the listing is something of the shop already; a product without a variant id may wait for one."""
	return bool(listed.variant_id or (variant.is_product and listed.product_id))


def _linked(item: str, known: Known) -> Match:
	if item in known.templates:
		return Match("left", reason=f"Item {item} is a template: use the item code of a variant as SKU")
	return Match("link", item_code=item)


def _of_barcode(variant: ProductVariant, known: Known) -> Match:
	item = known.barcodes.get(variant.barcode) if variant.barcode else None
	if item is None:
		return Match("missing")
	listed = known.by_item.get(item)
	if listed and _is_placed(listed, variant) and not listed.gone:
		reason = f"Its barcode {variant.barcode} is that of Item {item}, which is listed as {listed.place}"
		return Match("left", reason=reason)
	if listed:
		return Match("adopt", listed, item)
	return _linked(item, known)
