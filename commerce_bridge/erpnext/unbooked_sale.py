"""DocType Unbooked Sale: what the storefronts sold in orders that no document says yet.

A row is the whole quantity of an item at a warehouse that the newest event of an order asks for; what the
order's Sales Order, or the invoice instead of it, says already is taken off when levels are computed, so that no booking, edit or cancellation
has to be followed here. This file is the one writer of the rows, under a named lock.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

import frappe
from erpnext.stock.get_item_details import get_conversion_factor

from commerce_bridge.bridge.orders import RECORD_TYPE
from commerce_bridge.bridge.plan import SoldLine, UnbookedSale
from commerce_bridge.erpnext import channel_record, sql, stock_change
from commerce_bridge.erpnext.channel_settings import decimal

DOCTYPE = "Unbooked Sale"
#: What the column stock_qty, DECIMAL(21,9), holds at most. Nobody has that much: it sells all there is.
MOST = Decimal("999999999999.999999999")
Key = tuple[str, str, str, str | None]  # record, item, warehouse, listing
FINISHED = """SELECT sale.name, sale.item_code, sale.channel, sale.external_id FROM `tabUnbooked Sale` sale
	LEFT JOIN `tabSync Log` log ON log.name = sale.log
	WHERE log.name IS NULL OR log.state IN ('Succeeded', 'Skipped')"""
KEPT = """SELECT name, record, item_code, warehouse, listing, stock_qty, log FROM `tabUnbooked Sale`
	WHERE record IN %s"""
COMPONENTS = """SELECT bundle.new_item_code, component.item_code, component.qty
	FROM `tabProduct Bundle` bundle JOIN `tabProduct Bundle Item` component ON component.parent = bundle.name
	WHERE bundle.new_item_code IN %s AND bundle.disabled = 0"""
#: For `bin.py`: what is to be taken off, by item and warehouse. One Sales Order says an item once in its rows and
#: once more in the parts of its bundles; of a direct invoice the parts are those of the bundle as it is now.
OPEN = """SELECT sale.item_code, sale.warehouse, -GREATEST(SUM(sale.stock_qty)
		- IF(MAX(record.document_type) = 'Sales Invoice',
			COALESCE((SELECT SUM(line.stock_qty) FROM `tabSales Invoice Item` line
				WHERE line.parent = MAX(record.document_name) AND line.docstatus < 2
					AND line.item_code = sale.item_code AND line.warehouse = sale.warehouse), 0)
			+ COALESCE((SELECT SUM(line.stock_qty * part.qty) FROM `tabSales Invoice Item` line
				JOIN `tabProduct Bundle` bundle ON bundle.new_item_code = line.item_code AND bundle.disabled = 0
				JOIN `tabProduct Bundle Item` part ON part.parent = bundle.name AND part.item_code = sale.item_code
				WHERE line.parent = MAX(record.document_name) AND line.docstatus < 2
					AND line.warehouse = sale.warehouse), 0),
			COALESCE((SELECT SUM(line.stock_qty) FROM `tabSales Order Item` line
				WHERE line.parent = MAX(record.document_name) AND line.docstatus < 2
					AND line.item_code = sale.item_code AND line.warehouse = sale.warehouse), 0)
			+ COALESCE((SELECT SUM(part.qty) FROM `tabPacked Item` part
				WHERE part.parent = MAX(record.document_name) AND part.parenttype = 'Sales Order'
					AND part.docstatus < 2
					AND part.item_code = sale.item_code AND part.warehouse = sale.warehouse), 0)), 0) AS quantity
	FROM `tabUnbooked Sale` sale
	JOIN `tabSync Log` log ON log.name = sale.log AND log.state NOT IN ('Succeeded', 'Skipped')
	LEFT JOIN `tabChannel Record` record ON record.name = sale.record
	WHERE sale.item_code IN %(items)s AND sale.warehouse IN %(warehouses)s
	GROUP BY sale.record, sale.item_code, sale.warehouse"""


def forget_finished() -> list[tuple[str, str]]:
	"""See `Erp.forget_finished_sales`. Read without locks: nobody else deletes, and a booking must not wait."""
	rows = frappe.db.sql(FINISHED, as_dict=True)
	sql.delete_rows(DOCTYPE, [row.name for row in rows])
	_note({row.item_code for row in rows})
	return list(dict.fromkeys((row.channel, row.external_id) for row in rows))


def save(sales: Sequence[UnbookedSale]) -> None:
	"""See `Erp.save_unbooked`: three queries, and one insert for all of them."""
	orders = {channel_record.name_of(sale.channel, RECORD_TYPE, sale.external_id): sale for sale in sales}
	if not orders:
		return
	kept = frappe.db.sql(KEPT, (tuple(orders),), as_dict=True)
	before = {(row.record, row.item_code, row.warehouse, row.listing): row for row in kept}
	after = _quantities(orders)
	sql.delete_rows(DOCTYPE, [row.name for row in kept])
	sql.insert_rows(DOCTYPE, [_row(orders[key[0]], key, quantity) for key, quantity in after.items()])
	_note(
		key[1]
		for key in before.keys() | after.keys()
		if key not in before or key not in after or decimal(before[key].stock_qty) != after[key]
	)


def _quantities(orders: Mapping[str, UnbookedSale]) -> dict[Key, Decimal]:
	"""In stock UOM, bundles taken apart."""
	parts = _components({line.item_code for sale in orders.values() for line in sale.lines if line.is_bundle})
	found: dict[Key, Decimal] = defaultdict(Decimal)
	for record, sale in orders.items():
		for line in sale.lines:
			quantity = line.quantity * _factor(line)
			of_one = parts.get(line.item_code, {}) if line.is_bundle else {line.item_code: Decimal(1)}
			for item, count in of_one.items():
				found[record, item, line.warehouse, line.listing] += quantity * count
	return {key: round(min(quantity, MOST), 9) for key, quantity in found.items()}


def _components(bundles: Iterable[str]) -> dict[str, dict[str, Decimal]]:
	names = tuple(bundles)
	found: dict[str, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
	for bundle, item, quantity in frappe.db.sql(COMPONENTS, (names,)) if names else ():
		found[bundle][item] += decimal(quantity)
	return found


def _factor(line: SoldLine) -> Decimal:
	"""As ERPNext will convert the line when it is booked. It asks the database only for another unit than stock's."""
	if line.uom == frappe.get_cached_value("Item", line.item_code, "stock_uom"):
		return Decimal(1)
	return decimal(get_conversion_factor(line.item_code, line.uom)["conversion_factor"])


def _row(sale: UnbookedSale, key: Key, quantity: Decimal) -> dict[str, object]:
	record, item, warehouse, listing = key
	return {
		"channel": sale.channel,
		"external_id": sale.external_id[:140],
		"record": record,
		"log": sale.log,
		"item_code": item,
		"warehouse": warehouse,
		"listing": listing,
		"stock_qty": quantity,
	}


def _note(items: Iterable[str]) -> None:
	stock_change.add_items(sorted(set(items)), DOCTYPE)
