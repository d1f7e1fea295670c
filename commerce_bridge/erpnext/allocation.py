"""Which single units a Sales Order has: taken while it is booked, under their row locks, and given back.

A unit that is promised carries the order in `cb_sales_order` and the order's row in `cb_sales_order_item`, so that
no other order gets it and no channel offers it; a delivery takes both away again. What is free is decided on the
locked row, never on what the transaction saw before. Locks are taken in the order of the serial numbers. Units of a
bundle's components carry the bundle's row.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import frappe
from frappe import _

from commerce_bridge.bridge.errors import Misconfigured, Rejected
from commerce_bridge.erpnext import channel_grade_map, channel_settings, serial_no, sql
from commerce_bridge.erpnext.available import BOOKED, TAKEN
from commerce_bridge.erpnext.channel_grade_map import Group, Rules
from commerce_bridge.erpnext.channel_settings import decimal

#: Serial numbers a line of the storefront names, on a row that is about to be saved.
NAMED = "commerce_bridge_units"
SOLD = "Sold by Sales Order {0}"
KINDS = ("stock", "listing")
OFFERS = 3
LOOKED_AT = 200
#: More than are needed are locked at once: another order may have been faster with some.
SPARE = 5

LISTINGS = """SELECT name, serial_no, grade, `condition` FROM `tabChannel Listing` WHERE name IN %s"""
HELD = """SELECT name, item_code, cb_sales_order_item FROM `tabSerial No` WHERE cb_sales_order = %s ORDER BY name"""
LOCKED = """SELECT name AS serial, item_code, status, warehouse, cb_grade AS grade, cb_condition AS `condition`,
		COALESCE(cb_identifier_status, '') AS identifier_status,
		COALESCE(cb_refurbishment_status, '') AS refurbishment,
		cb_sales_order AS sales_order, cb_sales_order_item AS sales_order_item
	FROM `tabSerial No` FORCE INDEX (PRIMARY) WHERE name IN %s ORDER BY name FOR UPDATE"""
#: A pool takes what is sold on its own last: somebody may be buying exactly this unit.
CANDIDATES = f"""SELECT serial.name, serial.warehouse, serial.cb_grade AS grade, serial.cb_condition AS `condition`
	FROM `tabSerial No` serial JOIN `tabItem` item ON item.name = serial.item_code
	LEFT JOIN ({TAKEN}) taken ON taken.serial = serial.name AND taken.voucher != %(order)s
	{serial_no.UNIT_JOINS} WHERE serial.item_code = %(item)s AND serial.warehouse = %(warehouse)s
		AND taken.serial IS NULL AND {serial_no.FREE} AND (%(grade)s = '' OR serial.cb_grade = %(grade)s)
		AND (%(condition)s = '' OR serial.cb_condition = %(condition)s)
	ORDER BY serial.name IN %(first)s DESC, EXISTS (SELECT 1 FROM `tabChannel Listing` alone
		WHERE alone.serial_no = serial.name AND alone.publication != 'Delisted'), serial.name"""
WAREHOUSES = """SELECT leaf.name FROM `tabWarehouse` mapped
	JOIN `tabWarehouse` leaf ON leaf.lft >= mapped.lft AND leaf.rgt <= mapped.rgt
	WHERE mapped.name IN %s AND leaf.is_group = 0 AND leaf.disabled = 0 ORDER BY leaf.name"""
OTHERS = """SELECT listing.name, listing.sku, listing.serial_no, COALESCE(serial.cb_grade, listing.grade) AS grade,
		grade.`rank`
	FROM `tabChannel Listing` listing LEFT JOIN `tabSerial No` serial ON serial.name = listing.serial_no
	JOIN `tabCondition Grade` grade ON grade.name = COALESCE(serial.cb_grade, listing.grade)
	WHERE listing.channel = %(channel)s AND listing.item_code = %(item)s AND listing.publication = 'Published'
		AND COALESCE(listing.serial_no, '') NOT IN %(lost)s AND grade.`rank` <= %(rank)s
	ORDER BY grade.`rank` DESC, listing.sku LIMIT %(limit)s"""
HOLDERS = """SELECT DISTINCT cb_sales_order FROM `tabSerial No` WHERE item_code = %(item)s
	AND COALESCE(cb_sales_order, '') NOT IN ('', %(order)s) AND (%(grade)s = '' OR cb_grade = %(grade)s)
	ORDER BY cb_sales_order LIMIT 3"""
SELLERS = """SELECT parent FROM `tabSales Order Item`
	WHERE cb_serial_no = %s AND docstatus = 1 AND parent != %s ORDER BY creation DESC LIMIT 1"""


@dataclass(slots=True)
class Stock:
	"""What one settling knows: locked units by serial number, who else has them, and how many no document asks for."""

	units: dict[str, Any] = field(default_factory=dict)
	taken: dict[str, str] = field(default_factory=dict)
	left: dict[tuple[str, str], Decimal] = field(default_factory=lambda: defaultdict(Decimal))


class NotFree(Exception):
	"""A row does not get the units it needs; the message says why."""


@dataclass(slots=True)
class Line:
	"""A row of an order that needs single units, or a component of the bundle it sells."""

	row: Any
	item_code: str
	group: Group
	identifier_type: str
	need: int
	named: tuple[str, ...] = ()  # exactly these, among the units
	is_unit: bool = False  # a listing of one unit
	grade: str = ""
	condition: str = ""
	held: list[str] = field(default_factory=list)
	taken: list[Any] = field(default_factory=list)
	packed: Sequence[Any] = ()  # rows of the component

	@property
	def warehouse(self) -> str | None:
		return (self.packed[0] if self.packed else self.row).warehouse

	def move(self, warehouse: str) -> None:
		"""The units are delivered from there."""
		for row in self.packed or (self.row,):
			row.warehouse = warehouse

	@property
	def missing(self) -> int:
		return self.need - len(self.held) - len(self.taken)

	@property
	def units(self) -> list[str]:
		return sorted([*self.held, *(unit.serial for unit in self.taken)])


# --- events of a Sales Order -----------------------------------------------------------------------------


def validate(doc: Any, method: str | None = None) -> None:
	"""A channel's draft has its units already; an order a person typed gets them when it is submitted. Here, since
	ERPNext reserves stock as soon as the order is submitted."""
	if doc.get("cb_channel"):
		_place(doc)
	if doc.get("_action") == "submit" or doc.get("cb_channel"):
		settle(doc)


def on_update_after_submit(doc: Any, method: str | None = None) -> None:
	"""Update Items added, removed or changed rows."""
	settle(doc)


def on_change(doc: Any, method: str | None = None) -> None:
	"""Close gives the units back. Re-open takes them again: while it does, a submitted order has the status Draft."""
	if doc.docstatus == 1 and doc.status == "Closed":
		release(doc)
	elif doc.docstatus == 1 and doc.status == "Draft":
		settle(doc)


def release(doc: Any, method: str | None = None) -> None:
	"""Gives back what the order has: it was cancelled, closed or deleted."""
	held = [unit.name for unit in frappe.db.sql(HELD, doc.name, as_dict=True)]
	_give_back(doc, list(_lock(held).values()))
	doc.flags.commerce_bridge_released = held


def settle(doc: Any) -> None:
	"""Brings the units of an order to what its rows need now: gives back what is too much, takes what is missing.

	Raises `Rejected` where the storefront's order is booked, and a ValidationError for a person, where a unit is not
	free: the message says who has it, and what is free instead.
	"""
	lines = _lines(doc)
	if not lines and doc.is_new():
		return
	surplus = _keep(lines, frappe.db.sql(HELD, doc.name, as_dict=True))
	rules = channel_grade_map.rules(doc.cb_channel) if lines and doc.get("cb_channel") else None
	wanted = {name for line in lines if line.missing > 0 for name in line.named if name not in line.held}
	stock = Stock(_lock({*surplus, *wanted, *_likely(doc, lines, rules)}))
	_give_back(doc, [stock.units[name] for name in surplus if name in stock.units])
	doc.flags.commerce_bridge_released = doc.flags.commerce_bridge_released or surplus
	_count(doc, lines, stock, surplus)
	for line in lines:
		try:
			_take(doc, line, stock, rules)
		except NotFree as error:
			_refuse(doc, line, str(error))
	_write(doc, lines)


def _is_submitted(doc: Any) -> bool:
	"""Submitted before: its rows are in the database and reserve stock in their warehouses."""
	return doc.docstatus == 1 and doc.get("_action") != "submit"


def _place(doc: Any) -> None:
	"""ERPNext leaves the warehouse of bundles' components empty in an amended order, and then reserves nothing."""
	rows = {row.name: row for row in doc.items}
	for part in doc.packed_items:
		if not part.warehouse and part.parent_detail_docname in rows:
			part.warehouse = rows[part.parent_detail_docname].warehouse


# --- what the rows need ----------------------------------------------------------------------------------


def _lines(doc: Any) -> list[Line]:
	rows = [(row, (row,)) for row in doc.items if _has_units(row.item_code)]
	rows += _components(doc)
	names = tuple({row.cb_listing for row, _parts in rows if row.get("cb_listing")})
	listings = {each.name: each for each in frappe.db.sql(LISTINGS, (names,), as_dict=True)} if names else {}
	found = []
	for row, parts in rows:
		item = _item(parts[0].item_code)
		listing = listings.get(row.get("cb_listing")) or frappe._dict()
		by_hand = not doc.get("cb_channel") and not (row.get("cb_serial_no") or row.get("cb_grade"))
		if not by_hand and (item.cb_recommerce or listing.serial_no or listing.grade):
			found.append(_line(row, item, listing) if parts[0] is row else _part(row, item, listing, parts))
	return found


def _item(item_code: str) -> Any:
	return frappe.get_cached_doc("Item", item_code) if item_code else None


def _has_units(item_code: str) -> bool:
	item = _item(item_code)
	return bool(item and item.has_serial_no)


def _components(doc: Any) -> list[tuple[Any, tuple[Any, ...]]]:
	"""Rows that sell bundles, once for each component of which single units are sold, with that component's rows."""
	rows = {row.name: row for row in doc.items}
	found: dict[tuple[str, str], list[Any]] = defaultdict(list)
	for part in doc.get("packed_items") or ():
		graded = _has_units(part.item_code) and _item(part.item_code).cb_recommerce
		if graded and part.parent_detail_docname in rows:
			found[part.parent_detail_docname, part.item_code].append(part)
	return [(rows[name], tuple(parts)) for (name, _item_code), parts in found.items()]


def _line(row: Any, item: Any, listing: Any) -> Line:
	said = row.get(NAMED) or ([row.cb_serial_no] if row.get("cb_serial_no") else [])
	is_unit = bool(listing.serial_no)
	return Line(
		row=row,
		item_code=item.name,
		group=_group(item),
		identifier_type=item.get("cb_identifier_type") or "",
		need=max(int(decimal(row.stock_qty) - _gone(row)), 0),
		named=(listing.serial_no,) if is_unit else tuple(dict.fromkeys(said)),
		is_unit=is_unit,
		grade=row.get("cb_grade") or "",
		condition=listing.condition or "",
	)


def _part(row: Any, item: Any, listing: Any, packed: Sequence[Any]) -> Line:
	"""Of the serial numbers a line names, a component has those of its item."""
	said = row.get(NAMED) or ([row.cb_serial_no] if row.get("cb_serial_no") else [])
	sold = decimal(row.stock_qty)
	share = (sold - _gone(row)) / sold if sold else sold
	return Line(
		row=row,
		item_code=item.name,
		group=_group(item),
		identifier_type=item.get("cb_identifier_type") or "",
		need=max(int(sum(decimal(part.qty) for part in packed) * share), 0),
		named=tuple(
			name for name in dict.fromkeys(said) if _cached("Serial No", name, "item_code") == item.name
		),
		grade=row.get("cb_grade") or listing.grade or "",
		condition=listing.condition or "",
		packed=packed,
	)


def _group(item: Any) -> Group:
	place = frappe.get_cached_value("Item Group", item.item_group, ["lft", "rgt"], as_dict=True)
	return Group(item.item_group, place.lft, place.rgt)


def _gone(row: Any) -> Decimal:
	"""What was delivered of a row, in stock UOM."""
	quantity = decimal(row.get("delivered_qty")) + decimal(row.get("returned_qty"))
	return quantity * decimal(row.conversion_factor or 1)


def _keep(lines: Sequence[Line], held: Iterable[Any]) -> list[str]:
	"""Shares out what the order has already; returns what is too much."""
	by_row: dict[tuple[str, str], list[str]] = defaultdict(list)
	for unit in held:
		by_row[unit.cb_sales_order_item, unit.item_code].append(unit.name)
	surplus = []
	for line in lines:
		mine = sorted(
			by_row.pop((line.row.name, line.item_code), []), key=lambda name: (name not in line.named, name)
		)
		line.held, rest = mine[: line.need], mine[line.need :]
		surplus += rest
	return surplus + [name for names in by_row.values() for name in names]


def _likely(doc: Any, lines: Sequence[Line], rules: Rules | None) -> set[str]:
	"""Serial numbers the pools will most likely give: all are locked at once, so that two orders with the same pools
	in another order do not wait for each other."""
	short = [line for line in lines if line.missing > len(set(line.named) - set(line.held))]
	count = sum(line.missing for line in short) + SPARE
	found: set[str] = set()
	for line in short:
		for warehouse in _pool_warehouses(doc, line):
			candidates = _candidates(doc, line, warehouse, rules)
			found.update(candidates[:count])
			if len(candidates) >= line.missing:
				break
	return found


def _count(doc: Any, lines: Sequence[Line], stock: Stock, surplus: Iterable[str]) -> None:
	"""Fills in what documents leave. What this order had until now, they count as its own still."""
	short = [line for line in lines if line.missing > 0]
	if not short:
		return
	warehouses = {unit.warehouse for unit in stock.units.values()} | set(_warehouses(doc))
	values = {
		"items": tuple({line.item_code for line in short}),
		"warehouses": tuple({*warehouses, *(line.warehouse for line in short)} - {None}) or ("",),
		"preorder": 0,
	}
	for item, warehouse, quantity in frappe.db.sql(BOOKED, values):
		stock.left[item, warehouse] += decimal(quantity)
	for name in surplus:
		unit = stock.units.get(name)
		if unit:
			stock.left[unit.item_code, unit.warehouse] += 1
	for serial, voucher, kind in frappe.db.sql(TAKEN, values):
		if voucher != doc.name:
			stock.taken[serial] = serial_no.taken_by(kind, voucher, serial)


# --- taking ----------------------------------------------------------------------------------------------


def _take(doc: Any, line: Line, stock: Stock, rules: Rules | None) -> None:
	if line.missing <= 0:
		return
	named = [name for name in line.named if name not in line.held]
	if len(named) > line.missing or (line.is_unit and line.need > 1):
		raise NotFree(
			f"{line.need} of {line.item_code} are ordered, but {', '.join(line.named)} "
			f"{'is one unit' if len(line.named) == 1 else 'are named'}"
		)
	for name in named:
		line.taken.append(_exactly(doc, line, name, stock, rules))
	if line.missing:
		_from_pool(doc, line, stock, rules)
	stock.left[line.item_code, line.warehouse] -= len(line.taken)


def _exactly(doc: Any, line: Line, name: str, stock: Stock, rules: Rules | None) -> Any:
	unit = stock.units.get(name)
	if unit is None or unit.item_code != line.item_code:
		raise NotFree(f"There is no Serial No {name} of item {line.item_code}")
	reason = _why_not(doc, line, unit, rules) or stock.taken.get(name)
	if not reason and stock.left[unit.item_code, unit.warehouse] <= len(line.taken):
		reason = f"all of {unit.item_code} in {unit.warehouse} are reserved by documents that name no unit"
	if reason:
		raise NotFree(f"Serial No {name} is not free: {reason}{_sold_before(doc, unit)}")
	if line.grade and _rank(unit.grade) > _rank(line.grade):
		raise NotFree(f"Serial No {name} was sold as grade {line.grade}, but has grade {unit.grade} now")
	if unit.warehouse != line.warehouse:
		if _is_submitted(doc):
			raise NotFree(f"Serial No {name} is in {unit.warehouse}, not in {line.warehouse}")
		if doc.get("cb_channel") and unit.warehouse not in _warehouses(doc):
			raise NotFree(f"Serial No {name} is in {unit.warehouse}, which the channel does not sell from")
		line.move(unit.warehouse)
	return unit


def _from_pool(doc: Any, line: Line, stock: Stock, rules: Rules | None) -> None:
	"""Takes the rest from one warehouse: the row's, else another the channel sells from."""
	fixed, most = list(line.taken), 0
	for warehouse in _pool_warehouses(doc, line):
		line.taken = [*fixed]
		_from_warehouse(doc, line, warehouse, stock, rules)
		if not line.missing:
			line.move(warehouse)
			return
		most = max(most, len(line.taken) + len(line.held))
	grade = f" in grade {line.grade}" if line.grade else ""
	raise NotFree(f"{line.need} of {line.item_code}{grade} are ordered, {most} are free{_holders(doc, line)}")


def _pool_warehouses(doc: Any, line: Line) -> list[str]:
	if line.held or line.taken or _is_submitted(doc):
		return [line.warehouse]
	return list(dict.fromkeys([line.warehouse, *_warehouses(doc)]))


def _from_warehouse(doc: Any, line: Line, warehouse: str, stock: Stock, rules: Rules | None) -> None:
	left = stock.left[line.item_code, warehouse]
	rest = _candidates(doc, line, warehouse, rules)
	while line.missing and rest:
		count = line.missing + SPARE
		some, rest = rest[:count], rest[count:]
		stock.units |= _lock(set(some) - set(stock.units))
		for name in some:
			unit = stock.units.get(name)
			if not line.missing or len(line.taken) >= left:
				return
			if unit and name not in stock.taken and _fits(doc, line, unit, warehouse, rules):
				line.taken.append(unit)
				unit.sales_order = doc.name  # no other row of this order takes it


def _candidates(doc: Any, line: Line, warehouse: str, rules: Rules | None) -> list[str]:
	"""Serial numbers that looked free when the transaction began."""
	values = {
		"item": line.item_code,
		"items": (line.item_code,),
		"order": doc.name or "",
		"warehouse": warehouse,
		"grade": line.grade,
		"condition": line.condition,
		"first": tuple(doc.flags.commerce_bridge_released or ("",)),
	}
	return [
		found.name
		for found in frappe.db.sql(CANDIDATES, values, as_dict=True)
		if not (rules and rules.why_not(line.group, found.condition, found.grade))
	]


def _fits(doc: Any, line: Line, unit: Any, warehouse: str, rules: Rules | None) -> bool:
	return (
		not unit.sales_order
		and unit.warehouse == warehouse
		and line.grade in ("", unit.grade)
		and line.condition in ("", unit.condition)
		and not _why_not(doc, line, unit, rules)
	)


def _why_not(doc: Any, line: Line, unit: Any, rules: Rules | None) -> str | None:
	reason = serial_no.refused(unit, line.identifier_type, doc.name)
	return reason or (rules.why_not(line.group, unit.condition, unit.grade) if rules else None)


def _lock(names: Iterable[str]) -> dict[str, Any]:
	"""Units by serial number as they are now, locked until the transaction ends, in sorted order."""
	wanted = tuple(sorted(names))
	units = frappe.db.sql(LOCKED, (wanted,), as_dict=True) if wanted else ()
	for unit in units:
		unit.purpose = _cached("Warehouse", unit.warehouse, "cb_purpose") or ""
		unit.sellable = bool(_cached("Condition Grade", unit.grade, "sellable"))
	return {unit.serial: unit for unit in units}


def _cached(doctype: str, name: str | None, fieldname: str) -> Any:
	return frappe.get_cached_value(doctype, name, fieldname) if name else None


def _rank(grade: str | None) -> int:
	return _cached("Condition Grade", grade, "rank") or 0


def _warehouses(doc: Any) -> list[str]:
	"""Warehouses the order's channel sells from; none for an order of no channel."""
	channel = _channel(doc)
	if not channel:
		return []
	mapped = tuple(row.warehouse for row in channel.warehouses) or (channel.default_warehouse,)
	return frappe.db.sql(WAREHOUSES, (mapped,), pluck=True)


def _channel(doc: Any) -> Any:
	try:
		return channel_settings.load(doc.cb_channel).channel if doc.get("cb_channel") else None
	except Misconfigured:
		return None  # the channel was deleted since


# --- writing ---------------------------------------------------------------------------------------------


def _write(doc: Any, lines: Sequence[Line]) -> None:
	changed = {}
	for line in lines:
		if line.taken:
			taken = tuple(unit.serial for unit in line.taken)
			_promise(taken, doc.name, line.row.name)
			changed[line.item_code] = True
			_show(taken, SOLD.format(doc.name))
		if line.need and not line.packed:
			_tell_row(doc, line)
	serial_no.note(changed, doc.doctype, doc.name, KINDS)


def _promise(serials: Sequence[str], order: str | None, row: str | None) -> None:
	sql.execute(
		"UPDATE `tabSerial No` SET cb_sales_order = %s, cb_sales_order_item = %s WHERE name IN %s",
		(order, row, tuple(serials)),
	)
	for name in serials:
		frappe.clear_document_cache("Serial No", name)


def _tell_row(doc: Any, line: Line) -> None:
	"""The row says the unit, if it is one, and the grade, if all have the same."""
	grades = {unit.grade for unit in line.taken}
	values = {"cb_serial_no": line.units[0] if len(line.units) == line.need == 1 else None}
	if len(grades) == 1 and not (line.held and line.grade):
		values["cb_grade"] = grades.pop()
	if decimal(line.row.get("delivered_qty")):
		values.pop("cb_serial_no")  # what was delivered of the row counts too
	if all(line.row.get(fieldname) == value for fieldname, value in values.items()):
		return
	line.row.update(values)
	if _is_submitted(doc):
		frappe.db.set_value(line.row.doctype, line.row.name, values, update_modified=False)


def _give_back(doc: Any, units: Iterable[Any]) -> None:
	"""Makes units of this order, whose rows are locked, free again."""
	mine = [unit for unit in units if unit.sales_order == doc.name]
	if not mine:
		return
	names = tuple(unit.serial for unit in mine)
	_promise(names, None, None)
	_show(names, None)
	for unit in mine:
		unit.sales_order = None
	serial_no.note({unit.item_code: True for unit in mine}, doc.doctype, doc.name, KINDS)


def _show(serials: Sequence[str], reason: str | None) -> None:
	"""Listings of these units say at once, on every channel, why they are not listed."""
	names = frappe.db.sql(
		"SELECT name FROM `tabChannel Listing` WHERE serial_no IN %s", (tuple(serials),), pluck=True
	)
	if names:
		sql.execute(
			"UPDATE `tabChannel Listing` SET not_listed_because = %s WHERE name IN %s",
			(reason, tuple(sorted(names))),
		)


# --- refusing --------------------------------------------------------------------------------------------


def _refuse(doc: Any, line: Line, reason: str) -> None:
	message = f"Row {line.row.idx}: {reason}. {_offer(doc, line)}"
	if doc.flags.commerce_bridge_applied:
		raise Rejected(message)
	frappe.throw(message, title=_("Not Free"))


def _sold_before(doc: Any, unit: Any) -> str:
	"""Which order had a unit that is delivered already."""
	if unit.sales_order or unit.status != "Delivered":
		return ""
	found = frappe.db.sql(SELLERS, (unit.serial, doc.name), pluck=True)
	return f", sold by Sales Order {found[0]}" if found else ""


def _holders(doc: Any, line: Line) -> str:
	values = {"item": line.item_code, "grade": line.grade, "order": doc.name}
	found = frappe.db.sql(HOLDERS, values, pluck=True)
	return f" (others are sold by Sales Order {', '.join(found)})" if found else ""


def _offer(doc: Any, line: Line) -> str:
	"""What is free on this channel in the same or a better grade, at most three listings."""
	channel = _channel(doc)
	if not channel:
		return "Choose another unit."
	free = _alternatives(doc, line, channel)
	if not free:
		return f"Nothing of the same or a better grade is free on {channel.name}."
	return (
		f"Free on {channel.name} in the same or a better grade: {'; '.join(free)}. Offer the buyer one of them and "
		"change the order in the storefront, or cancel it there."
	)


def _alternatives(doc: Any, line: Line, channel: Any) -> list[str]:
	grade = line.grade or next((_cached("Serial No", name, "cb_grade") for name in line.named), "")
	values = {
		"channel": channel.name,
		"item": line.item_code,
		"lost": line.named or ("\x1f",),
		"rank": _rank(grade) or 10**6,
		"limit": LOOKED_AT,
	}
	others = frappe.db.sql(OTHERS, values, as_dict=True)
	offered = serial_no.offered(channel, others, {None: _warehouses(doc)})
	free = [(other, offered.get((other.name, None), (Decimal(0), None))[0]) for other in others]
	return [_described(other, quantity) for other, quantity in free if quantity][:OFFERS]


def _described(listing: Any, quantity: Decimal) -> str:
	what = f"Serial No {listing.serial_no}" if listing.serial_no else f"{quantity} pieces"
	return f"SKU {listing.sku} ({what}, grade {listing.grade})"
