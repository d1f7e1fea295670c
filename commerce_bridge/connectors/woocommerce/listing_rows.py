"""Listings on their way out: which product and variation of the shop each is, and what keeps one from being sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from commerce_bridge.bridge.errors import Rejected, Retryable
from commerce_bridge.bridge.model import Listing
from commerce_bridge.bridge.protocols import PushResult
from commerce_bridge.connectors.woocommerce import product_bodies as bodies
from commerce_bridge.connectors.woocommerce.product_bodies import Body, is_variant


@dataclass(slots=True)
class Row:
	"""A listing on its way out, and what the shop calls it."""

	listing: Listing
	product: str | None
	variant: str | None
	error: str | None = None
	retry: bool = False
	unsent: bool = False
	warnings: list[str] = field(default_factory=list)

	@property
	def open(self) -> bool:
		return self.error is None

	def result(self) -> PushResult:
		return PushResult(
			self.listing.listing,
			self.error,
			retry=self.retry,
			unsent=self.unsent,
			warning="; ".join(dict.fromkeys(self.warnings)) or None,
			product_id=self.product,
			variant_id=self.variant,
		)


# --- what is wrong with a row ----------------------------------------------------------------------------------


def put_off(groups: Iterable[Sequence[Row]], why: str) -> None:
	for group in groups:
		for row in group:
			if row.open:
				row.error, row.unsent = why, True


def give_up(failed: Iterable[tuple[Sequence[Row], Retryable]]) -> None:
	"""The shop takes others: it is these products that fail."""
	for group, error in failed:
		for row in group:
			if row.open:
				row.error, row.retry = str(error), True


def taken_already(row: Row, product: str, parent: int) -> str:
	place = f"variation {product} of product {parent}" if parent else f"product {product}"
	return (
		f"{place.capitalize()} of the shop has the SKU {row.listing.sku} already: import the shop's products to link"
		" it, or give one of them another SKU"
	)


def refuse_unfit(product: Mapping[str, Any], number: str) -> None:
	if product.get("type") == "variation":
		raise Rejected(
			f"{number} is a variation of product {product.get('parent_id')}: enter that as Product ID, and {number} as"
			" Variant ID"
		)
	if product.get("status") == "trash":
		raise Rejected(f"Product {number} is in the trash of the shop: restore it, or delist the listing")


def refuse_untitled(listing: Listing) -> None:
	if not listing.title:
		raise Rejected(
			f"The shop has no product with the SKU {listing.sku}, and titles are not ours to write: make it in"
			" WooCommerce with this SKU, or choose ERPNext as the owner of titles"
		)


def refuse_for_single(product: Mapping[str, Any], rows: Sequence[Row]) -> None:
	"""Says why rows cannot be a product that has no variations."""
	number = product["id"]
	for row in rows:
		if row.open and row.variant:
			row.error = f"Product {number} of the shop has no variations: empty Variant ID, or import the shop's products"
		elif row.open and is_variant(row.listing) and row.listing.product_id is None:
			row.error = (
				f"Product {number} of the shop, to which its siblings belong, has no variations: make it a variable"
				" product there, or make this one by hand and import it"
			)
	left = [row for row in rows if row.open]
	for row in left if len(left) > 1 else ():
		row.error = f"Several listings are product {number} of the shop: delete all but one"


def refuse_unlike(parent: Mapping[str, Any], rows: Iterable[Row]) -> None:
	"""Says which new variations do not differ in what the product's others do."""
	names = {bodies.spelling(row["name"]): str(row["name"]) for row in bodies.differing(parent)}
	for row in rows:
		ours = row.listing.attributes if is_variant(row.listing) else {}
		if set(map(bodies.spelling, ours)) != set(names):
			row.error = (
				f"{row.listing.sku} is no variation of product {parent['id']}: its variations differ in"
				f" {', '.join(names.values()) or 'nothing'}, the item's attributes are"
				f" {', '.join(sorted(ours)) or 'none'}. Make them the same"
			)


# --- which variation -------------------------------------------------------------------------------------------


def with_sku(rows: Iterable[Row], found: Mapping[str, Any]) -> list[Row]:
	"""Rows whose SKU it has; to WooCommerce upper and lower case are the same."""
	sku = bodies.spelling(found.get("sku"))
	return [row for row in rows if bodies.spelling(row.listing.sku) == sku]


def matched(parent: Mapping[str, Any], there: Sequence[Body], row: Row, rows: Sequence[Row]) -> Body | None:
	"""The variation a listing is: by its id, its SKU, or its values where that variation has no SKU."""
	if row.variant:
		found = next((each for each in there if str(each["id"]) == row.variant), None)
		if found is None:
			row.error = f"The shop has deleted variation {row.variant}: to make it anew, empty Variant ID of the listing"
		return found
	taken = {each.variant for each in rows if each.variant}
	free = [each for each in there if str(each["id"]) not in taken]
	by_sku = [each for each in free if with_sku([row], each)]
	if by_sku:
		return by_sku[0]
	if not is_variant(row.listing):
		row.error = (
			f"Product {parent['id']} of the shop has variations, and none has the SKU {row.listing.sku}: import the"
			" shop's products to link it"
		)
		return None
	wanted = {bodies.spelling(name): bodies.spelling(value) for name, value in row.listing.attributes.items()}
	alike = next((each for each in free if bodies.options_of(each) == wanted), None)
	if alike and alike.get("sku"):
		row.error = (
			f"Variation {alike['id']} of product {parent['id']} has these values already, with another SKU: link the"
			" listing to it, or correct one of them"
		)
	return alike if row.error is None else None


def leading_of(there: Sequence[Body], rows: Sequence[Row]) -> Row | None:
	"""The listing whose texts are the product's: that of its first variation. Any other one's would take turns."""
	first = str(min((int(each["id"]) for each in there), default=0))
	led = (row for row in rows if row.variant == first and row.listing.published)
	return next((row for row in led if is_variant(row.listing)), None)


# --- parts of bodies -------------------------------------------------------------------------------------------


def marked(body: Body, key: str, value: str) -> Body:
	return {**body, "meta_data": [*body.get("meta_data", ()), {"key": key, "value": value}]}


def qualities_of(row: Row) -> dict[str, list[str]]:
	"""What is shown of goods that are sold on their own; of a single unit its item's attributes too."""
	values = {**row.listing.attributes, **bodies.qualities(row.listing)}
	return {name: [value] for name, value in values.items()}


def qualities_of_all(there: Sequence[Body], rows: Sequence[Row]) -> dict[str, list[str]]:
	"""What the variations of a product are like, all values of each."""
	told = {str(each["id"]): bodies.qualities_kept(each) for each in there}
	for row in rows:
		key = row.variant or f"new:{row.listing.listing}"
		told[key] = told.get(key, {}) | bodies.qualities(row.listing)
	values: dict[str, list[str]] = {}
	for name, value in (pair for each in told.values() for pair in each.items()):
		values.setdefault(name, []).append(value)
	return values


def status_of(product: Mapping[str, Any], published: bool) -> Body:
	"""What the merchant made private, or is to appear later, stays so."""
	status = product.get("status")
	if published:
		return {"status": "publish"} if status in ("draft", "pending") else {}
	return {"status": "draft"} if status in ("publish", "future") else {}


def status_of_variation(variation: Mapping[str, Any], published: bool) -> Body:
	"""A variation that cannot be bought is private in WooCommerce ("Enabled" is not ticked)."""
	wanted = "publish" if published else "private"
	return {"status": wanted} if variation.get("status") != wanted else {}


def image_of(parent: Mapping[str, Any], variation: Mapping[str, Any] | None, listing: Listing) -> Body:
	"""The image of a variation: the first of the listing's, which its product was given."""
	if not listing.images:
		return {}
	files = {bodies.file_name(str(each.get("src"))): each["id"] for each in parent.get("images") or ()}
	url = listing.images[0]
	number = bodies.given_images(parent).get(url) or files.get(bodies.file_name(url))
	has = ((variation or {}).get("image") or {}).get("id")
	return {"image": {"id": number}} if number and number != has else {}
