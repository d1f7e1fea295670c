"""DocType Serial No: which single units may be sold on a channel, and why the others may not.

A unit is offered while it is in stock in a warehouse people sell from, graded, cleared, refurbished, promised to
nobody (`cb_sales_order`, see allocation.py), and the channel's grade map has a row for it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import frappe

from commerce_bridge.bridge.availability import OnOffer, Place, Sort, on_offer
from commerce_bridge.bridge.channel import Channel
from commerce_bridge.bridge.protocols import Kind
from commerce_bridge.erpnext import channel_grade_map, sql, stock_change, unbooked_sale
from commerce_bridge.erpnext.available import BOOKED, TAKEN
from commerce_bridge.erpnext.channel_grade_map import Group, Rules
from commerce_bridge.erpnext.channel_settings import decimal

DOCTYPE = "Serial No"
SELLABLE_PURPOSES = ("", "Sellable")
REFURBISHED = ("", "Completed", "Not Required")
REFUSED_IDENTIFIERS = ("Blacklisted", "Financed", "Locked")
CHECKED_IDENTIFIERS = ("IMEI", "Serial")

UNIT = """serial.name AS serial, serial.item_code, serial.status, serial.warehouse,
	COALESCE(warehouse.cb_purpose, '') AS purpose, serial.cb_grade AS grade, serial.cb_condition AS `condition`,
	COALESCE(grade.sellable, 0) AS sellable, grade.`rank`,
	COALESCE(serial.cb_identifier_status, '') AS identifier_status,
	COALESCE(serial.cb_refurbishment_status, '') AS refurbishment,
	serial.cb_sales_order AS sales_order, serial.cb_sales_order_item AS sales_order_item"""
UNIT_JOINS = """LEFT JOIN `tabWarehouse` warehouse ON warehouse.name = serial.warehouse
	LEFT JOIN `tabCondition Grade` grade ON grade.name = serial.cb_grade"""
ITEM = """item.item_group, grp.lft, grp.rgt, item.has_serial_no, item.cb_recommerce,
	COALESCE(item.cb_identifier_type, '') AS identifier_type"""
#: Condition and grade of what a listing sells, everywhere: the unit's, else the listing's, else the item's.
CONDITION = """COALESCE(NULLIF(serial.cb_condition, ''), NULLIF(listing.`condition`, ''),
	NULLIF(item.cb_condition, ''))"""
GRADE = "COALESCE(NULLIF(serial.cb_grade, ''), NULLIF(listing.grade, ''), NULLIF(item.cb_grade, ''))"
#: What `refused` asks, as SQL, for pools of any size; what is `TAKEN` has to be left out besides.
FREE = """serial.status = 'Active' AND COALESCE(serial.cb_sales_order, '') = '' AND grade.sellable = 1
	AND COALESCE(warehouse.cb_purpose, '') IN ('', 'Sellable')
	AND COALESCE(serial.cb_refurbishment_status, '') IN ('', 'Completed', 'Not Required')
	AND (serial.cb_identifier_status = 'Clear' OR (
		COALESCE(item.cb_identifier_type, '') NOT IN ('IMEI', 'Serial')
		AND COALESCE(serial.cb_identifier_status, '') NOT IN ('Blacklisted', 'Financed', 'Locked')))"""
LISTED_COLUMNS = f"""SELECT listing.name, listing.publication, listing.serial_no AS listed_serial,
		listing.grade AS listed_grade, listing.`condition` AS listed_condition, item.name AS sold_item, {ITEM},
		{CONDITION} AS sold_condition, sold_grade.name AS sold_grade, sold_grade.sellable AS sold_sellable,
		COALESCE(item.cb_refurbishment_status, '') AS item_refurbishment,
		listed_grade.sellable AS listed_sellable, {UNIT}"""
LISTED_JOINS = f"""LEFT JOIN `tabItem Group` grp ON grp.name = item.item_group
	LEFT JOIN `tabCondition Grade` listed_grade ON listed_grade.name = listing.grade
	LEFT JOIN `tabSerial No` serial ON serial.name = listing.serial_no
	LEFT JOIN `tabCondition Grade` sold_grade ON sold_grade.name = {GRADE}
	{UNIT_JOINS} WHERE listing.name IN %(listings)s"""
#: What listings sell, and the graded components of the bundles among them: `part_qty` of these in one bundle.
LISTED = f"""{LISTED_COLUMNS}, NULL AS part_qty
	FROM `tabChannel Listing` listing JOIN `tabItem` item ON item.name = listing.item_code {LISTED_JOINS}
	UNION ALL {LISTED_COLUMNS}, part.qty
	FROM `tabChannel Listing` listing
	JOIN `tabProduct Bundle` bundle ON bundle.new_item_code = listing.item_code AND bundle.disabled = 0
	JOIN `tabProduct Bundle Item` part ON part.parent = bundle.name
	JOIN `tabItem` item ON item.name = part.item_code AND item.has_serial_no = 1 AND item.cb_recommerce = 1
	{LISTED_JOINS}"""
#: Free units by condition and grade; units a document took; what the Bins leave, and of that what orders ask for that
#: wait in the Sync Log; and what storefronts sold that is in no document yet: of a pool, or of a bundle, by what its
#: listing says, of a unit listing by the unit, as long as nobody has it.
COUNTS = f"""SELECT 'free' AS kind, serial.item_code, serial.warehouse, COALESCE(serial.cb_condition, '') AS `condition`,
		serial.cb_grade AS grade, NULL AS serial, COUNT(*) AS quantity
	FROM `tabSerial No` serial JOIN `tabItem` item ON item.name = serial.item_code
	LEFT JOIN ({TAKEN}) taken ON taken.serial = serial.name
	{UNIT_JOINS} WHERE serial.item_code IN %(items)s AND serial.warehouse IN %(warehouses)s AND {FREE}
		AND taken.serial IS NULL
	GROUP BY serial.item_code, serial.warehouse, serial.cb_condition, serial.cb_grade
	UNION ALL SELECT 'taken', serial.item_code, taken.kind, '', taken.voucher, serial.name, 1
	FROM ({TAKEN}) taken JOIN `tabSerial No` serial ON serial.name = taken.serial
	UNION ALL SELECT 'left', booked.item_code, booked.warehouse, '', '', NULL, booked.quantity
	FROM ({BOOKED}) booked
	UNION ALL SELECT 'waiting', opened.item_code, opened.warehouse, '', '', NULL, opened.quantity
	FROM ({unbooked_sale.OPEN}) opened
	UNION ALL SELECT 'sold', sale.item_code, COALESCE(serial.warehouse, sale.warehouse),
		COALESCE(serial.cb_condition, listing.`condition`, ''), COALESCE(serial.cb_grade, listing.grade, ''),
		serial.name, GREATEST(SUM(sale.stock_qty) - IF(MAX(record.document_type) = 'Sales Invoice',
			COALESCE((SELECT SUM(line.stock_qty) FROM `tabSales Invoice Item` line
				WHERE line.parent = MAX(record.document_name) AND line.docstatus < 2
					AND line.cb_listing = sale.listing AND line.item_code = sale.item_code), 0)
			+ COALESCE((SELECT SUM(line.stock_qty * part.qty) FROM `tabSales Invoice Item` line
				JOIN `tabProduct Bundle` bundle ON bundle.new_item_code = line.item_code AND bundle.disabled = 0
				JOIN `tabProduct Bundle Item` part ON part.parent = bundle.name AND part.item_code = sale.item_code
				WHERE line.parent = MAX(record.document_name) AND line.docstatus < 2
					AND line.cb_listing = sale.listing), 0),
			COALESCE((SELECT SUM(line.stock_qty)
				FROM `tabSales Order Item` line WHERE line.parent = MAX(record.document_name) AND line.docstatus < 2
					AND line.cb_listing = sale.listing AND line.item_code = sale.item_code), 0)
			+ COALESCE((SELECT SUM(part.qty) FROM `tabPacked Item` part
				JOIN `tabSales Order Item` line ON line.name = part.parent_detail_docname
				WHERE part.parent = MAX(record.document_name) AND part.parenttype = 'Sales Order'
					AND part.docstatus < 2 AND line.cb_listing = sale.listing
					AND part.item_code = sale.item_code), 0)), 0)
	FROM `tabUnbooked Sale` sale JOIN `tabChannel Listing` listing ON listing.name = sale.listing
	JOIN `tabSync Log` log ON log.name = sale.log AND log.state NOT IN ('Succeeded', 'Skipped')
	LEFT JOIN `tabChannel Record` record ON record.name = sale.record
	LEFT JOIN `tabSerial No` serial ON serial.name = listing.serial_no
	WHERE sale.item_code IN %(items)s AND COALESCE(serial.cb_sales_order, '') = ''
	GROUP BY sale.record, sale.listing, sale.item_code, sale.warehouse"""

Offer = tuple[Decimal, str | None]
Offers = dict[tuple[str, str | None], Offer]
Locations = Mapping[str | None, Sequence[str]]
NONE = Decimal(0)


def refused(unit: Any, identifier_type: str, sales_order: str | None = None) -> str | None:
	"""Why a unit cannot be sold, whatever the channel; None where it can.

	:param unit: a row with the columns of `UNIT`
	:param sales_order: the order that asks: what is promised to it, it may have
	"""
	if unit.sales_order and unit.sales_order != sales_order:
		return f"Sold by Sales Order {unit.sales_order}"
	if unit.status != "Active":
		return f"Serial No {unit.serial} is {unit.status or 'not in stock'}"
	if not unit.grade:
		return f"Serial No {unit.serial} has no grade"
	if not unit.sellable:
		return f"Condition Grade {unit.grade} is not sellable"
	if unit.purpose not in SELLABLE_PURPOSES:
		return f"Serial No {unit.serial} is in {unit.warehouse} ({unit.purpose})"
	if unit.refurbishment not in REFURBISHED:
		return f"Serial No {unit.serial}: Refurbishment Status is {unit.refurbishment}"
	return refused_identifier(unit, identifier_type)


def refused_identifier(unit: Any, identifier_type: str) -> str | None:
	"""Why the check of the IMEI or of the locks forbids to sell or deliver a unit."""
	status = unit.identifier_status
	needs_clear = identifier_type in CHECKED_IDENTIFIERS
	if status in REFUSED_IDENTIFIERS or (needs_clear and status != "Clear"):
		return f"Serial No {unit.serial}: Identifier Status is {status or 'empty'}, not Clear"
	return None


# --- what a channel is offered ---------------------------------------------------------------------------


@dataclass(slots=True)
class Pools:
	"""Units of one item by warehouse, condition and grade: free ones, and those sold in orders not booked yet. And,
	of all grades together, what documents leave: an order that names neither unit nor grade takes some of them."""

	free: list[Any] = field(default_factory=list)
	sold: list[Any] = field(default_factory=list)
	taken: list[Any] = field(default_factory=list)
	left: list[Any] = field(default_factory=list)
	waiting: list[Any] = field(default_factory=list)

	def count(self, warehouses: Iterable[str], condition: str | None, grade: str | None) -> dict[Sort, int]:
		"""Free units by (condition, grade) in these warehouses; an empty condition or grade stands for all."""
		found: dict[Sort, int] = defaultdict(int)
		for row in _picked(self.free, warehouses, condition, grade):
			found[row.condition, row.grade] += int(row.quantity)
		return found

	def unbooked(self, warehouses: Iterable[str], condition: str | None, grade: str | None) -> int:
		return sum(int(row.quantity) for row in _picked(self.sold, warehouses, condition, grade))

	def unsold(self, warehouses: Iterable[str]) -> dict[Place, int]:
		"""Free units by place, less those that are sold and not booked. A sale that says no condition or no grade may
		be of any: it counts for the sort with the most units."""
		found: dict[Place, int] = {
			(row.warehouse, (row.condition, row.grade)): int(row.quantity)
			for row in _picked(self.free, warehouses, None, None)
		}
		for sale in _picked(self.sold, warehouses, None, None):
			count = int(sale.quantity)
			for place in sorted(found, key=lambda place: (-found[place], place)):
				warehouse, (condition, grade) = place
				if (
					warehouse == sale.warehouse
					and sale.condition in ("", condition)
					and sale.grade in ("", grade)
				):
					taken = min(found[place], count)
					found[place], count = found[place] - taken, count - taken
		return found

	def left_in(self, warehouse: str) -> int:
		"""Units of any grade in a warehouse that neither a document nor an order that waits asks for."""
		return _sum(self.left, [warehouse]) - _sum(self.sold, [warehouse])

	def at_most(self, warehouses: Sequence[str]) -> int:
		"""What the Bins of a location leave, as of any other item."""
		return _sum(self.left, warehouses) + _sum(self.waiting, warehouses)

	def why_taken(self, serial: str) -> str | None:
		"""The document that has an Active unit nobody is promised."""
		found = next((row for row in self.taken if row.serial == serial), None)
		return taken_by(found.warehouse, found.grade, serial) if found else None

	def is_sold(self, serial: str) -> bool:
		"""A unit that a storefront sold in an order that is not booked yet."""
		return any(row.serial == serial and row.quantity for row in self.sold)


def _sum(rows: Sequence[Any], warehouses: Sequence[str]) -> int:
	return int(sum(decimal(row.quantity) for row in _picked(rows, warehouses, None, None)))


def taken_by(kind: str, voucher: str, serial: str) -> str:
	"""In words, for a row of `TAKEN`."""
	what = "sold by" if kind == "POS Invoice" else "reserved for"
	return f"Serial No {serial} is {what} {kind} {voucher}"


def _picked(
	rows: Sequence[Any], warehouses: Iterable[str], condition: str | None, grade: str | None
) -> list[Any]:
	within = set(warehouses)
	return [
		row
		for row in rows
		if row.warehouse in within
		and condition in (None, "", row.condition)
		and grade in (None, "", row.grade)
	]


def offered(channel: Channel, listings: Sequence[Any], locations: Locations) -> Offers:
	"""How much of graded listings may be sold, and why nothing may, in at most three queries for any number.

	All listings of an item together offer no more units than its Bins leave, see `on_offer`: for that, all of them
	have to be asked at once. A bundle is counted by itself, as bundles of any goods are.

	A listing of goods without serial numbers is only in the answer where it is not to be listed: otherwise its
	quantity is the Bin's, as for any other item. The same is true of listings that are not graded at all. A bundle
	is in the answer by its graded components alone.

	:param listings: rows with the `name` of a Channel Listing
	:param locations: leaf warehouses by location, as the channel maps them
	:return: by (listing, location): quantity in stock UOM, and the reason where it is not a matter of quantity
	"""
	if not listings:
		return {}
	names = tuple({listing.name for listing in listings})
	rows = frappe.db.sql(LISTED, {"listings": names}, as_dict=True)
	rows = [row for row in rows if row.listed_serial or row.listed_grade or row.cb_recommerce]
	if not rows:
		return {}
	rules = channel_grade_map.rules(channel.name)
	pools = _pools([row for row in rows if row.has_serial_no], locations)
	own, parts = defaultdict(list), defaultdict(list)
	for row in rows:
		(own if row.part_qty is None else parts)[row.sold_item].append(row)
	found: Offers = {}
	for item, of_item in own.items():
		found |= _of_item(of_item, rules, pools.get(item, Pools()), locations)
	for item, of_item in parts.items():
		for key, offer in _of_bundles(of_item, rules, pools.get(item, Pools()), locations).items():
			found[key] = _scarcest(found.get(key), offer)
	return found


def _of_item(rows: Sequence[Any], rules: Rules, pools: Pools, locations: Locations) -> Offers:
	"""What listings of one item offer."""
	shares = {location: _share(rows, rules, pools, warehouses) for location, warehouses in locations.items()}
	found: Offers = {}
	for row in rows:
		found |= _of_listing(row, rules, pools, locations, shares)
	return found


def _of_bundles(rows: Sequence[Any], rules: Rules, pools: Pools, locations: Locations) -> Offers:
	"""How many of each bundle its rows of one component allow."""
	needed: dict[str, Decimal] = defaultdict(Decimal)
	for row in rows:
		needed[row.name] += decimal(row.part_qty)
	found: Offers = {}
	for row in {row.name: row for row in rows}.values():
		for location, warehouses in locations.items():
			share = _share([row], rules, pools, warehouses)
			units, reason = _pool(row, rules, pools, warehouses, share)
			found[row.name, location] = (units // (needed[row.name] or 1), reason)
	return found


def _scarcest(known: Offer | None, offer: Offer) -> Offer:
	"""Of a bundle's components; and the first reason."""
	return (min(known[0], offer[0]), known[1] or offer[1]) if known else offer


def _of_listing(
	row: Any,
	rules: Rules,
	pools: Pools,
	locations: Locations,
	shares: Mapping[str | None, OnOffer],
) -> Offers:
	if row.listed_serial:
		return _unit(row, rules, pools, locations, shares)
	if row.has_serial_no:
		return {
			(row.name, location): _pool(row, rules, pools, warehouses, shares[location])
			for location, warehouses in locations.items()
		}
	reason = _why_not_item(row, rules)
	return {(row.name, location): (NONE, reason) for location in locations} if reason else {}


def _pools(rows: Sequence[Any], locations: Locations) -> dict[str, Pools]:
	warehouses = tuple({name for names in locations.values() for name in names})
	if not rows or not warehouses:
		return {}
	found: dict[str, Pools] = defaultdict(Pools)
	items = tuple({row.sold_item for row in rows})
	for row in frappe.db.sql(COUNTS, {"items": items, "warehouses": warehouses, "preorder": 0}, as_dict=True):
		getattr(found[row.item_code], row.kind).append(row)
	return found


def _share(rows: Sequence[Any], rules: Rules, pools: Pools, warehouses: Sequence[str]) -> OnOffer:
	"""What these listings of one item offer together: each unit once, and no more than the Bins leave."""
	shown = [row for row in rows if row.publication == "Published" and row.has_serial_no]
	pooled = [row for row in shown if _is_pool(row)]
	alone: dict[str, Place] = {
		row.serial: (row.warehouse, (row.condition or "", row.grade or ""))
		for row in shown
		if not _is_pool(row)
		and row.warehouse in warehouses
		and not pools.is_sold(row.serial)
		and not _why_not_unit(row, rules, pools)
	}
	singles = Counter(alone.values())
	sorts = {sort for row in pooled for sort in _mapped(row, rules, pools, warehouses)}
	units = {
		place: count if place[1] in sorts else min(count, singles[place])
		for place, count in pools.unsold(warehouses).items()
	}
	left = {warehouse: pools.left_in(warehouse) for warehouse in warehouses}
	return on_offer(units, alone, left, pools.at_most(warehouses))


def _is_pool(row: Any) -> bool:
	return not row.listed_serial or row.part_qty is not None


def _mapped(row: Any, rules: Rules, pools: Pools, warehouses: Sequence[str]) -> dict[Sort, int]:
	"""Free units of a pool by condition and grade, where the channel lists them."""
	if row.listed_grade and not row.listed_sellable:
		return {}
	free = pools.count(warehouses, row.listed_condition, row.listed_grade)
	return {sort: count for sort, count in free.items() if not rules.why_not(group_of(row), *sort)}


def _unit(
	row: Any,
	rules: Rules,
	pools: Pools,
	locations: Locations,
	shares: Mapping[str | None, OnOffer],
) -> Offers:
	reason = _why_not_unit(row, rules, pools)
	here = [location for location, warehouses in locations.items() if row.warehouse in warehouses]
	if not reason and not here:
		reason = f"Serial No {row.serial} is in {row.warehouse}, which the channel does not sell from"
	return {
		(row.name, location): (Decimal(int(not reason and row.serial in share.alone)), reason)
		for location, share in shares.items()
	}


def _why_not_unit(row: Any, rules: Rules, pools: Pools) -> str | None:
	return why_not(row, rules) or pools.why_taken(row.serial)


def why_not(row: Any, rules: Rules) -> str | None:
	"""Why a unit is not listed by the channel of these rules.

	:param row: columns of `UNIT` and `ITEM`
	"""
	return refused(row, row.identifier_type) or rules.why_not(group_of(row), row.condition, row.grade)


def group_of(row: Any) -> Group:
	return Group(row.item_group, row.lft or 0, row.rgt or 0)


def _pool(row: Any, rules: Rules, pools: Pools, warehouses: Sequence[str], share: OnOffer) -> Offer:
	group = group_of(row)
	if row.listed_grade and not row.listed_sellable:
		return NONE, f"Condition Grade {row.listed_grade} is not sellable"
	mapped = _mapped(row, rules, pools, warehouses)
	if mapped:
		sold = pools.unbooked(warehouses, row.listed_condition, row.listed_grade)
		quantity = min(sum(share.sorts.get(sort, 0) for sort in mapped), sum(mapped.values()) - sold)
		return Decimal(max(quantity, 0)), None
	free = pools.count(warehouses, row.listed_condition, row.listed_grade)
	refusals = {sort: rules.why_not(group, *sort) for sort in free}
	if row.listed_grade:
		return NONE, _first(refusals) or rules.why_no_pool(group, row.listed_condition, row.listed_grade)
	return NONE, _first(refusals)


def _first(refusals: Mapping[Any, str | None]) -> str | None:
	return next((refusals[key] for key in sorted(refusals) if refusals[key]), None)


def _why_not_item(row: Any, rules: Rules) -> str | None:
	"""Goods without serial numbers: condition and grade are the listing's, or the item's where it says none."""
	if not row.cb_recommerce:
		return None
	if not row.sold_grade:
		return f"Item {row.sold_item} has no grade"
	if not row.sold_sellable:
		return f"Condition Grade {row.sold_grade} is not sellable"
	if row.item_refurbishment not in REFURBISHED:
		return f"Item {row.sold_item}: Refurbishment Status is {row.item_refurbishment}"
	return rules.why_not(group_of(row), row.sold_condition, row.sold_grade)


# --- what happens to a unit ------------------------------------------------------------------------------

WATCHED = (
	"item_code cb_grade cb_condition cb_refurbishment_status cb_identifier_status cb_warranty_months status"
).split()
MACHINE_WRITTEN = ("cb_sales_order", "cb_sales_order_item")


def before_validate(doc: Any, method: str | None = None) -> None:
	"""Which order a unit is promised to is written by bookings only, and an open form may not know the newest."""
	before = doc.get_doc_before_save()
	for fieldname in MACHINE_WRITTEN:
		doc.set(fieldname, before.get(fieldname) if before else None)


def on_update(doc: Any, method: str | None = None) -> None:
	"""A person or an inspection graded, blocked, cleared or refurbished a unit. No stock moves; quantity, price
	and code of its listings may change on every channel."""
	before = doc.get_doc_before_save()
	if before and all(before.get(fieldname) == doc.get(fieldname) for fieldname in WATCHED):
		return
	_show(doc)
	note([doc.item_code], doc.doctype, doc.name)


def on_stock_ledger_entry(doc: Any, method: str | None = None) -> None:
	"""Units moved: a listing of one of them is on the shop or off it, by where the unit is. ERPNext raises no event
	of the Serial No then."""
	item = frappe.get_cached_doc("Item", doc.item_code)
	if item.has_serial_no and item.get("cb_recommerce"):
		stock_change.note(doc.item_code, "", doc.voucher_type, doc.voucher_no, "listing")


def _show(doc: Any) -> None:
	"""What a unit listing says about the unit is what the unit says."""
	listings = frappe.db.sql(
		"SELECT name FROM `tabChannel Listing` WHERE serial_no = %s", doc.name, pluck=True
	)
	if listings:
		sql.execute(
			"UPDATE `tabChannel Listing` SET grade = %s, `condition` = %s WHERE name IN %s",
			(doc.cb_grade, doc.cb_condition, tuple(sorted(listings))),
		)


def note(
	items: Iterable[str],
	voucher_type: str,
	voucher_no: str,
	kinds: Sequence[Kind] = channel_grade_map.KINDS,
) -> None:
	"""What is shown of these items may have changed: everything, or these kinds."""
	for item in items:
		for kind in kinds:
			stock_change.note(item, "", voucher_type, voucher_no, kind)
