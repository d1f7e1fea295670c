"""What documents leave of the goods: by item and warehouse for bin.py, by serial number for serial_no.py.

Both are SQL to be built into others, with the parameters `items`, `warehouses` and `preorder` (0 or 1).
"""

from __future__ import annotations

#: What is left to deliver of a `row` of a direct invoice, in stock UOM: goods that came back are owed again, as those of
#: a Sales Order are, until they are credited. `sales_invoice_item` has no index, but `return_against` has.
OWED = """GREATEST((row.qty - row.delivered_qty) * row.conversion_factor
		+ COALESCE((SELECT SUM(credited.stock_qty) FROM `tabSales Invoice` note
			JOIN `tabSales Invoice Item` credited ON credited.parent = note.name
				AND credited.sales_invoice_item = row.name
			WHERE note.return_against = row.parent AND note.docstatus = 1), 0), 0)"""
#: Direct invoices the goods of which did not leave with them.
_OWING = """`tabSales Invoice` parent ON parent.name = row.parent AND parent.cb_instead_of_order = 1
			AND (parent.docstatus = 0 OR (parent.docstatus = 1 AND parent.update_stock = 0))"""
#: Bins, and what is sold but in no Bin yet: a POS sale has no ledger entry until it is consolidated, a draft order
#: reserves nothing, and no Sales Invoice does. Nor are its bundles packed before they are delivered.
BOOKED = f"""SELECT item_code, warehouse, actual_qty - GREATEST(reserved_qty, reserved_stock)
		- reserved_qty_for_production - reserved_qty_for_sub_contract - reserved_qty_for_production_plan
		+ %(preorder)s * ordered_qty AS quantity
	FROM `tabBin` WHERE item_code IN %(items)s AND warehouse IN %(warehouses)s
	UNION ALL SELECT row.item_code, row.warehouse, -SUM(row.stock_qty) FROM `tabPOS Invoice Item` row
		JOIN `tabPOS Invoice` parent ON parent.name = row.parent AND parent.docstatus = 1
			AND COALESCE(parent.consolidated_invoice, '') = ''
		WHERE row.item_code IN %(items)s AND row.warehouse IN %(warehouses)s
		GROUP BY row.item_code, row.warehouse
	UNION ALL SELECT row.item_code, row.warehouse, -SUM(row.stock_qty) FROM `tabSales Order Item` row
		JOIN `tabSales Order` parent ON parent.name = row.parent AND parent.docstatus = 0
			AND COALESCE(parent.cb_channel, '') != ''
		WHERE row.item_code IN %(items)s AND row.warehouse IN %(warehouses)s AND row.docstatus = 0
		GROUP BY row.item_code, row.warehouse
	UNION ALL SELECT row.item_code, row.warehouse, -SUM(row.qty) FROM `tabPacked Item` row
		LEFT JOIN `tabSales Order` draft ON draft.name = row.parent AND row.parenttype = 'Sales Order'
			AND draft.docstatus = 0 AND COALESCE(draft.cb_channel, '') != ''
		LEFT JOIN `tabPOS Invoice` pos ON pos.name = row.parent AND row.parenttype = 'POS Invoice'
			AND pos.docstatus = 1 AND COALESCE(pos.consolidated_invoice, '') = ''
		WHERE row.item_code IN %(items)s AND row.warehouse IN %(warehouses)s
			AND row.parenttype IN ('Sales Order', 'POS Invoice') AND (draft.name IS NOT NULL OR pos.name IS NOT NULL)
		GROUP BY row.item_code, row.warehouse
	UNION ALL SELECT row.item_code, row.warehouse, -SUM({OWED}) FROM `tabSales Invoice Item` row JOIN {_OWING}
		WHERE row.cb_undelivered = 1 AND row.item_code IN %(items)s AND row.warehouse IN %(warehouses)s
		GROUP BY row.item_code, row.warehouse
	UNION ALL SELECT part.item_code, row.warehouse, -SUM(part.qty * {OWED}) FROM `tabProduct Bundle Item` part
		JOIN `tabProduct Bundle` bundle ON bundle.name = part.parent AND bundle.disabled = 0
		JOIN `tabSales Invoice Item` row ON row.cb_undelivered = 1 AND row.item_code = bundle.new_item_code
		JOIN {_OWING}
		WHERE part.item_code IN %(items)s AND row.warehouse IN %(warehouses)s
		GROUP BY part.item_code, row.warehouse"""
#: Serial numbers that are Active and yet gone: sold at the till and not consolidated, or held by an open Stock
#: Reservation Entry. What a submitted POS Invoice took back is not gone.
TAKEN = """SELECT entry.serial_no AS serial, till.name AS voucher, 'POS Invoice' AS kind
	FROM `tabPOS Invoice Item` row JOIN `tabPOS Invoice` till ON till.name = row.parent AND till.docstatus = 1
		AND COALESCE(till.consolidated_invoice, '') = '' AND till.is_return = 0
	JOIN `tabSerial and Batch Entry` entry ON entry.parent = row.serial_and_batch_bundle
	WHERE row.item_code IN %(items)s AND COALESCE(entry.serial_no, '') != '' AND NOT EXISTS (
		SELECT 1 FROM `tabPOS Invoice Item` back JOIN `tabPOS Invoice` returned ON returned.name = back.parent
			AND returned.docstatus = 1 AND returned.return_against = till.name
		JOIN `tabSerial and Batch Entry` came ON came.parent = back.serial_and_batch_bundle
		WHERE back.item_code = row.item_code AND came.serial_no = entry.serial_no)
	UNION SELECT named.name, till.name, 'POS Invoice'
	FROM `tabPOS Invoice Item` row JOIN `tabPOS Invoice` till ON till.name = row.parent AND till.docstatus = 1
		AND COALESCE(till.consolidated_invoice, '') = '' AND till.is_return = 0
	JOIN `tabSerial No` named ON named.item_code = row.item_code
		AND FIND_IN_SET(named.name, REPLACE(REPLACE(row.serial_no, CHAR(13), ''), CHAR(10), ','))
	WHERE row.item_code IN %(items)s AND COALESCE(row.serial_and_batch_bundle, '') = ''
	UNION SELECT entry.serial_no, reservation.voucher_no, reservation.voucher_type
	FROM `tabStock Reservation Entry` reservation
	JOIN `tabSerial and Batch Entry` entry ON entry.parent = reservation.name
		AND entry.parenttype = 'Stock Reservation Entry'
	WHERE reservation.item_code IN %(items)s AND reservation.docstatus = 1
		AND reservation.status NOT IN ('Delivered', 'Cancelled')
		AND COALESCE(entry.serial_no, '') != '' AND entry.delivered_qty < entry.qty"""
