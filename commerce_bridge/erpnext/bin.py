"""DocType Bin: what may be sold now, for any number of items, in a fixed number of queries.

Available = actual − max(reserved, reserved by Stock Reservation Entries) − reserved for production,
subcontracting and production plans − POS sales not consolidated yet − draft orders of channels. ERPNext's
`reserved_stock` is a part of `reserved_qty`, so the two are never both subtracted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_FLOOR, Decimal
from typing import Any

import frappe

from commerce_bridge.bridge.channel import Channel
from commerce_bridge.bridge.model import StockLevel
from commerce_bridge.bridge.protocols import ListingLevel
from commerce_bridge.erpnext.channel_settings import decimal

LISTINGS = """SELECT listing.name, listing.item_code, listing.sku, listing.product_id, listing.variant_id,
		COALESCE(conversion.conversion_factor, 1) AS factor, item.is_stock_item, item.disabled
	FROM `tabChannel Listing` listing JOIN `tabItem` item ON item.name = listing.item_code
	LEFT JOIN `tabUOM Conversion Detail` conversion ON conversion.parent = item.name
		AND conversion.parenttype = 'Item' AND conversion.uom = listing.uom
	WHERE listing.channel = %s AND listing.enabled = 1 AND listing.item_code IN %s
	ORDER BY listing.item_code, listing.name"""
PUSHED = """SELECT parent, location_id, last_pushed FROM `tabChannel Listing Level`
	WHERE parent IN %s AND parenttype = 'Channel Listing' AND pushed_at IS NOT NULL"""
COMPONENTS = """SELECT bundle.new_item_code, component.item_code, component.qty
	FROM `tabProduct Bundle` bundle
	JOIN `tabProduct Bundle Item` component ON component.parent = bundle.name
	JOIN `tabItem` item ON item.name = component.item_code AND item.is_stock_item = 1
	WHERE bundle.new_item_code IN %s AND bundle.disabled = 0"""
LEAVES = """SELECT mapped.name, leaf.name FROM `tabWarehouse` mapped
	JOIN `tabWarehouse` leaf ON leaf.lft >= mapped.lft AND leaf.rgt <= mapped.rgt
	WHERE mapped.name IN %s AND leaf.is_group = 0 AND leaf.disabled = 0"""
BINS = """SELECT item_code, warehouse, actual_qty - GREATEST(reserved_qty, reserved_stock)
		- reserved_qty_for_production - reserved_qty_for_sub_contract - reserved_qty_for_production_plan
	FROM `tabBin` WHERE item_code IN %(items)s AND warehouse IN %(warehouses)s"""
#: What is sold but in no Bin yet: a POS sale has no ledger entry until it is consolidated, and a draft order
#: reserves nothing.
UNBOOKED = """SELECT row.item_code, row.warehouse, SUM(row.stock_qty) FROM `tabPOS Invoice Item` row
		JOIN `tabPOS Invoice` parent ON parent.name = row.parent AND parent.docstatus = 1
			AND COALESCE(parent.consolidated_invoice, '') = ''
		WHERE row.item_code IN %(items)s AND row.warehouse IN %(warehouses)s
		GROUP BY row.item_code, row.warehouse
	UNION ALL SELECT row.item_code, row.warehouse, SUM(row.stock_qty) FROM `tabSales Order Item` row
		JOIN `tabSales Order` parent ON parent.name = row.parent AND parent.docstatus = 0
			AND COALESCE(parent.cb_channel, '') != ''
		WHERE row.item_code IN %(items)s AND row.warehouse IN %(warehouses)s AND row.docstatus = 0
		GROUP BY row.item_code, row.warehouse
	UNION ALL SELECT row.item_code, row.warehouse, SUM(row.qty) FROM `tabPacked Item` row
		LEFT JOIN `tabSales Order` draft ON draft.name = row.parent AND row.parenttype = 'Sales Order'
			AND draft.docstatus = 0 AND COALESCE(draft.cb_channel, '') != ''
		LEFT JOIN `tabPOS Invoice` pos ON pos.name = row.parent AND row.parenttype = 'POS Invoice'
			AND pos.docstatus = 1 AND COALESCE(pos.consolidated_invoice, '') = ''
		WHERE row.item_code IN %(items)s AND row.warehouse IN %(warehouses)s
			AND row.parenttype IN ('Sales Order', 'POS Invoice') AND (draft.name IS NOT NULL OR pos.name IS NOT NULL)
		GROUP BY row.item_code, row.warehouse"""
LISTED = """SELECT DISTINCT item_code FROM `tabChannel Listing` WHERE channel = %(channel)s AND enabled = 1"""
OF_ITEMS = """ AND (item_code IN %(items)s OR item_code IN (
	SELECT bundle.new_item_code FROM `tabProduct Bundle` bundle
	JOIN `tabProduct Bundle Item` component ON component.parent = bundle.name
	WHERE component.item_code IN %(items)s))"""

Locations = Mapping[str | None, Sequence[str]]


@dataclass(slots=True)
class Availability:
	"""Available quantity in stock UOM by item and warehouse, and the components of bundles."""

	quantities: dict[tuple[str, str], Decimal] = field(default_factory=lambda: defaultdict(Decimal))
	components: dict[str, dict[str, Decimal]] = field(default_factory=dict)

	def of(self, item_code: str, warehouses: Iterable[str]) -> Decimal:
		"""Of an item, or how many bundles its scarcest component allows."""
		warehouses = tuple(warehouses)
		parts = self.components.get(item_code)
		if not parts:
			return sum(
				(self.quantities.get((item_code, name), Decimal(0)) for name in warehouses), Decimal(0)
			)
		return min(self._alone(part, warehouses) // quantity for part, quantity in parts.items())

	def _alone(self, item_code: str, warehouses: tuple[str, ...]) -> Decimal:
		return sum((self.quantities.get((item_code, name), Decimal(0)) for name in warehouses), Decimal(0))


def listed_items(channel: str, item_codes: Sequence[str] | None) -> list[str]:
	"""See `Erp.listed_items`."""
	if item_codes is None:
		return frappe.db.sql(f"{LISTED} ORDER BY item_code", {"channel": channel}, pluck=True)
	if not item_codes:
		return []
	values = {"channel": channel, "items": tuple(item_codes)}
	return frappe.db.sql(f"{LISTED}{OF_ITEMS} ORDER BY item_code", values, pluck=True)


def levels(channel: Channel, item_codes: Sequence[str]) -> list[ListingLevel]:
	"""See `Erp.stock_levels`: six queries, whatever the number of items."""
	if not item_codes:
		return []
	listings = frappe.db.sql(LISTINGS, (channel.name, tuple(item_codes)), as_dict=True)
	if not listings:
		return []
	pushed = _last_pushed([listing.name for listing in listings])
	locations = _locations(channel)
	available = _availability({listing.item_code for listing in listings}, locations)
	return [
		ListingLevel(
			_level(channel, listing, location, available, warehouses),
			pushed.get((listing.name, location or "")),
		)
		for listing in listings
		if listing.is_stock_item or listing.item_code in available.components
		for location, warehouses in locations.items()
	]


def _last_pushed(names: Sequence[str]) -> dict[tuple[str, str], Decimal]:
	rows = frappe.db.sql(PUSHED, (tuple(names),))
	return {(parent, location or ""): decimal(quantity) for parent, location, quantity in rows}


def _locations(channel: Channel) -> Locations:
	"""Leaf warehouses of each location; without a warehouse table the default is the one location."""
	mapped = [(row.location_id, row.warehouse) for row in channel.warehouses]
	mapped = mapped or [(None, channel.default_warehouse)]
	leaves: dict[str, list[str]] = defaultdict(list)
	for warehouse, leaf in frappe.db.sql(LEAVES, (tuple(name for _location, name in mapped),)):
		leaves[warehouse].append(leaf)
	locations: dict[str | None, dict[str, None]] = {}
	for location, warehouse in mapped:
		locations.setdefault(location, {}).update(dict.fromkeys(leaves[warehouse]))
	return {location: tuple(warehouses) for location, warehouses in locations.items()}


def _availability(items: set[str], locations: Locations) -> Availability:
	available = Availability()
	for bundle, component, quantity in frappe.db.sql(COMPONENTS, (tuple(items),)):
		parts = available.components.setdefault(bundle, defaultdict(Decimal))
		parts[component] += decimal(quantity)
	values = {
		"items": tuple(items | {part for parts in available.components.values() for part in parts}),
		"warehouses": tuple({name for names in locations.values() for name in names}) or ("",),
	}
	for item, warehouse, quantity in frappe.db.sql(BINS, values):
		available.quantities[(item, warehouse)] += decimal(quantity)
	for item, warehouse, quantity in frappe.db.sql(UNBOOKED, values):
		available.quantities[(item, warehouse)] -= decimal(quantity)
	return available


def _level(
	channel: Channel, listing: Any, location: str | None, available: Availability, warehouses: Sequence[str]
) -> StockLevel:
	quantity = Decimal(0) if listing.disabled else available.of(listing.item_code, warehouses)
	return StockLevel(
		listing=listing.name,
		item_code=listing.item_code,
		sku=listing.sku or listing.item_code,
		product_id=listing.product_id or None,
		variant_id=listing.variant_id or None,
		location_id=location,
		quantity=_offered(channel, quantity / decimal(listing.factor)),
	)


def _offered(channel: Channel, quantity: Decimal) -> Decimal:
	"""Less the buffer, never below 0, rounded down: what is not whole cannot be sold."""
	rest = max(quantity - channel.stock.buffer, Decimal(0))
	unit = Decimal(1) if channel.stock.whole_units else Decimal("0.001")
	return rest.quantize(unit, rounding=ROUND_FLOOR)
