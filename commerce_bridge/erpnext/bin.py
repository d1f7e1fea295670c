"""DocType Bin: what may be sold now, for any number of items, in a fixed number of queries.

Available = actual − max(reserved, reserved by Stock Reservation Entries) − reserved for production,
subcontracting and production plans − POS sales not consolidated yet − draft orders of channels − what is left to
deliver of invoices that stand for orders − what the storefronts sold in orders that are not booked yet. ERPNext's `reserved_stock` is a part of `reserved_qty`, so the
two are never both subtracted.

A channel that offers what is on order gets `ordered_qty` besides: the open quantities of submitted Purchase Orders
(not drop-shipped, not closed) and of Subcontracting Orders. Material Requests are not in it, they are ERPNext's
`indented_qty`; nor are Work Orders, its `planned_qty`. See `get_ordered_qty` in erpnext/stock/stock_balance.py.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import frappe
from frappe.utils import nowdate

from commerce_bridge.bridge.availability import offered
from commerce_bridge.bridge.channel import Channel, StockPolicy
from commerce_bridge.bridge.model import StockLevel
from commerce_bridge.bridge.protocols import ListingLevel
from commerce_bridge.erpnext import channel_listing, serial_no, unbooked_sale
from commerce_bridge.erpnext.available import BOOKED
from commerce_bridge.erpnext.channel_settings import decimal

#: One row for each level that was pushed, and one for a listing without any; of what is delisted only levels that
#: the shop still shows. A variant has its template's UOMs.
LISTINGS = f"""SELECT listing.name, listing.item_code, listing.sku, listing.product_id, listing.variant_id,
		listing.stock_id, listing.publication, listing.uom, listing.serial_no, listing.grade, listing.pushed_listing,
		item.stock_uom, item.is_stock_item, item.has_variants, item.cb_recommerce, item.disabled,
		item.end_of_life > '1900-01-01' AND item.end_of_life <= %s AS ended,
		{channel_listing.UOM_FACTOR} AS factor,
		pushed.name AS pushed, pushed.location_id, pushed.last_pushed, pushed.pushed_at
	FROM `tabChannel Listing` listing JOIN `tabItem` item ON item.name = listing.item_code
	{channel_listing.UOM_JOINS}
	LEFT JOIN `tabChannel Listing Level` pushed ON pushed.parent = listing.name
		AND pushed.parenttype = 'Channel Listing'
	WHERE listing.channel = %s AND listing.item_code IN %s
		AND (listing.publication != 'Delisted' OR pushed.last_pushed > 0)
	ORDER BY listing.item_code, listing.name"""
#: Leaf warehouses of mapped ones, and parts of bundles. A warehouse is not offered if it, or a group above it, is
#: there for something else than selling.
PARTS = """SELECT 'Warehouse' AS kind, mapped.name AS whole, leaf.name AS part, 1 AS quantity, 0 AS disabled,
		1 AS is_stock_item, 0 AS is_bundle, 0 AS is_graded
	FROM `tabWarehouse` mapped JOIN `tabWarehouse` leaf ON leaf.lft >= mapped.lft AND leaf.rgt <= mapped.rgt
	WHERE mapped.name IN %(mapped)s AND leaf.is_group = 0 AND leaf.disabled = 0 AND NOT EXISTS (
		SELECT 1 FROM `tabWarehouse` above WHERE above.lft <= leaf.lft AND above.rgt >= leaf.rgt
			AND COALESCE(above.cb_purpose, '') NOT IN ('', 'Sellable'))
	UNION ALL SELECT 'Product Bundle', bundle.new_item_code, component.item_code, component.qty, bundle.disabled,
		item.is_stock_item, nested.name IS NOT NULL, item.has_serial_no = 1 AND item.cb_recommerce = 1
	FROM `tabProduct Bundle` bundle JOIN `tabProduct Bundle Item` component ON component.parent = bundle.name
	JOIN `tabItem` item ON item.name = component.item_code
	LEFT JOIN `tabProduct Bundle` nested ON nested.new_item_code = item.name AND nested.disabled = 0
	WHERE bundle.new_item_code IN %(items)s"""
#: An order that waits in the Sync Log is no document at all.
QUANTITIES = f"{BOOKED} UNION ALL {unbooked_sale.OPEN}"
ZERO = Decimal(0)
Locations = Mapping[str | None, Sequence[str]]
Offers = Mapping[tuple[str, str | None], tuple[Decimal, str | None]]


@dataclass(slots=True)
class Bundle:
	"""The parts of a Product Bundle that are kept in stock, in their stock UOM."""

	parts: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
	disabled: bool = False
	nested: str | None = None  # a part that is a bundle itself
	has_graded: bool = False  # a part of which single units are sold


@dataclass(slots=True)
class Availability:
	"""Available quantity in stock UOM by item and warehouse, and the bundles among the items."""

	quantities: dict[tuple[str, str], Decimal] = field(default_factory=lambda: defaultdict(Decimal))
	bundles: dict[str, Bundle] = field(default_factory=dict)

	def of(self, item_code: str, warehouses: Iterable[str]) -> Decimal:
		"""Of an item, or how many bundles its scarcest component allows."""
		warehouses = tuple(warehouses)
		bundle = self.bundles.get(item_code)
		if bundle is None or not bundle.parts:
			return self._alone(item_code, warehouses)
		return min(self._alone(part, warehouses) // quantity for part, quantity in bundle.parts.items())

	def _alone(self, item_code: str, warehouses: tuple[str, ...]) -> Decimal:
		return sum((self.quantities.get((item_code, name), ZERO) for name in warehouses), ZERO)


# --- levels ----------------------------------------------------------------------------------------------


def levels(channel: Channel, item_codes: Sequence[str]) -> list[ListingLevel]:
	"""See `Erp.stock_levels`: three queries, whatever the number of items, and three more if some are graded."""
	return _levels(channel, item_codes, lambda listing: channel_listing.is_in_shop(channel, listing))


def reasons(channel: Channel, item_codes: Sequence[str]) -> dict[str, str]:
	"""Why nothing of a listing is offered at any location, by listing, whether the shop has it yet or not."""
	found: dict[str, list[str | None]] = defaultdict(list)
	for row in _levels(channel, item_codes, lambda listing: True):
		found[row.level.listing].append(row.reason)
	return {listing: texts[0] for listing, texts in found.items() if texts[0] and all(texts)}


def _levels(channel: Channel, item_codes: Sequence[str], wanted: Callable[[Any], bool]) -> list[ListingLevel]:
	if not item_codes:
		return []
	rows = frappe.db.sql(LISTINGS, (nowdate(), channel.name, tuple(set(item_codes))), as_dict=True)
	if channel.catalog.push_listings:  # then the product is taken down, with whatever is left of it
		rows = [row for row in rows if not _is_delisted(row)]
	listings = list({row.name: row for row in rows if _is_delisted(row) or wanted(row)}.values())
	if not listings:
		return []
	pushed = {(row.name, row.location_id or ""): row.last_pushed for row in rows if row.pushed_at}
	ever_pushed = {row.name for row in rows if row.pushed}
	still_shown: dict[str, dict[str | None, Sequence[str]]] = defaultdict(dict)
	for row in filter(_is_delisted, rows):
		still_shown[row.name][row.location_id or None] = ()
	available, locations = _availability(channel, {listing.item_code for listing in listings})
	graded = [row for row in listings if _is_graded(row, available.bundles.get(row.item_code))]
	offers = serial_no.offered(channel, graded, locations) if graded else {}
	return [
		_level(channel, listing, location, warehouses, available, offers, pushed)
		for listing in listings
		if _has_level(listing, available.bundles.get(listing.item_code), ever_pushed)
		for location, warehouses in still_shown.get(listing.name, locations).items()
	]


def _is_graded(listing: Any, bundle: Bundle | None) -> bool:
	if bundle and bundle.has_graded:
		return True
	return bool(listing.serial_no or listing.grade or listing.cb_recommerce)


def _is_delisted(listing: Any) -> bool:
	return listing.publication == "Delisted"


def _has_level(listing: Any, bundle: Bundle | None, ever_pushed: set[str]) -> bool:
	"""Services have none. What was a bundle once still has one: the shop must learn that it is none any more."""
	if listing.is_stock_item or _is_delisted(listing):
		return True
	if bundle is None:
		return listing.name in ever_pushed
	return bool(bundle.parts or bundle.disabled or bundle.nested)


def _level(
	channel: Channel,
	listing: Any,
	location: str | None,
	warehouses: Sequence[str],
	available: Availability,
	offers: Offers,
	pushed: Mapping[tuple[str, str], Any],
) -> ListingLevel:
	known = pushed.get((listing.name, location or ""))
	last_pushed = None if known is None else decimal(known)
	reason = _why_not(listing, available.bundles.get(listing.item_code))
	quantity = ZERO if reason else available.of(listing.item_code, warehouses)
	if not reason and (listing.name, location) in offers:
		most, reason = offers[listing.name, location]
		quantity = min(quantity, most)  # the other components of a bundle count as well
	level = StockLevel(
		listing=listing.name,
		item_code=listing.item_code,
		sku=listing.sku or listing.item_code,
		product_id=listing.product_id or None,
		variant_id=listing.variant_id or None,
		location_id=location,
		stock_id=listing.stock_id or None,
		quantity=offered(_policy(channel, listing), quantity, _factor(listing) or Decimal(1)),
		expected=last_pushed,
	)
	return ListingLevel(level, last_pushed, reason)


def _policy(channel: Channel, listing: Any) -> StockPolicy:
	"""A buffer would keep a listing of one unit from ever being sold."""
	return channel.stock.model_copy(update={"buffer": ZERO}) if listing.serial_no else channel.stock


def _factor(listing: Any) -> Decimal | None:
	"""None where the item has no conversion for the listing's unit: 1 would be a guess."""
	if not listing.uom or listing.uom == listing.stock_uom:
		return Decimal(1)
	return decimal(listing.factor) if listing.factor else None


def _why_not(listing: Any, bundle: Bundle | None) -> str | None:
	"""Why nothing of a listing is offered, whatever there is of it; None where quantity decides."""
	item = listing.item_code
	if listing.publication != "Published":
		return listing.publication
	if listing.disabled:
		return f"Item {item} is disabled"
	if listing.ended:
		return f"Item {item} has reached its end of life"
	if listing.has_variants:
		return f"Item {item} is a template: list its variants"
	if bundle and bundle.nested:
		return (
			f"Product Bundle {item} contains the Product Bundle {bundle.nested}: ERPNext does not unpack it"
		)
	if bundle and bundle.disabled and not listing.is_stock_item:
		return f"Product Bundle {item} is disabled"
	if bundle is None and not listing.is_stock_item:
		return f"Item {item} is not kept in stock and is no Product Bundle"
	if _factor(listing) is None:
		return f"Item {item} has no conversion factor for the unit {listing.uom}"
	return None


# --- what there is ---------------------------------------------------------------------------------------


def _availability(channel: Channel, items: set[str]) -> tuple[Availability, Locations]:
	"""Available quantities of the items and of the parts of bundles, and the leaf warehouses of each location."""
	mapped = [(row.location_id, row.warehouse) for row in channel.warehouses]
	mapped = mapped or [(None, channel.default_warehouse)]
	names = {"mapped": tuple({name for _location, name in mapped}), "items": tuple(items)}
	parts = frappe.db.sql(PARTS, names, as_dict=True)
	available = Availability(bundles=_bundles(parts))
	locations = _locations(mapped, [row for row in parts if row.kind == "Warehouse"])
	values = {
		"items": tuple(items | {part for bundle in available.bundles.values() for part in bundle.parts}),
		"warehouses": tuple({name for names in locations.values() for name in names}) or ("",),
		"preorder": int(channel.stock.preorder),
	}
	for item, warehouse, quantity in frappe.db.sql(QUANTITIES, values):
		available.quantities[(item, warehouse)] += decimal(quantity)
	return available, locations


def _bundles(parts: Sequence[Any]) -> dict[str, Bundle]:
	bundles: dict[str, Bundle] = defaultdict(Bundle)
	for row in parts:
		if row.kind != "Product Bundle":
			continue
		bundle = bundles[row.whole]
		bundle.disabled = bool(row.disabled)
		if row.disabled:
			continue
		if row.is_bundle:
			bundle.nested = bundle.nested or row.part
		elif row.is_stock_item and row.quantity:
			bundle.parts[row.part] += decimal(row.quantity)
			bundle.has_graded = bundle.has_graded or bool(row.is_graded)
	return dict(bundles)


def _locations(mapped: Sequence[tuple[str | None, str]], parts: Sequence[Any]) -> Locations:
	"""Without a warehouse table the default is the one location. A location may have no warehouse to sell from."""
	leaves: dict[str, list[str]] = defaultdict(list)
	for row in parts:
		leaves[row.whole].append(row.part)
	locations: dict[str | None, dict[str, None]] = {}
	for location, warehouse in mapped:
		locations.setdefault(location, {}).update(dict.fromkeys(leaves[warehouse]))
	return {location: tuple(warehouses) for location, warehouses in locations.items()}
