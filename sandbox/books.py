"""What the books of the embedded ERP say of an order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal

from commerce_bridge.bridge.plan import Books, Invoice
from sandbox.database import Database, Row
from sandbox.direct_invoices import DirectInvoices

ZERO = Decimal(0)
SHIPPED = """select item.line_id, item.qty from delivery_note_items item
	join delivery_notes note on note.name = item.parent where note.sales_order = ? and note.status = 'Submitted'"""
RETURNED = """select item.line_id, item.qty from return_note_items item
	join return_notes back on back.name = item.parent
	join delivery_notes note on note.name = back.delivery_note
	where note.sales_order = ? and back.status = ?"""
DELIVERIES = """select name from delivery_notes where sales_order = ? and status = 'Submitted'
	and doctype = 'Delivery Note' order by rowid"""
INVOICES = "select * from sales_invoices where sales_order = ? and status != 'Cancelled' order by rowid"


class AccountBooks(DirectInvoices):
	_database: Database

	def get_books(self, sales_order: str) -> Books | None:
		order = self._database.read_one("select * from sales_orders where name = ?", sales_order)
		if order is None:
			return None
		rows: dict[str, list[Row]] = defaultdict(list)
		for row in self.invoice_rows(sales_order):
			rows[row["parent"]].append(row)
		return Books(
			sales_order=sales_order,
			customer=order["customer"],
			currency=order["currency"],
			conversion_rate=Decimal(order["conversion_rate"]),
			total=Decimal(order["grand_total"]),
			quantities=_by_line(self.order_rows(sales_order)),
			delivered=_by_line(self._database.read(SHIPPED, sales_order)),
			returned=_by_line(self._database.read(RETURNED, sales_order, "Submitted")),
			returning=_by_line(self._database.read(RETURNED, sales_order, "Draft")),
			deliveries=tuple(row["name"] for row in self._database.read(DELIVERIES, sales_order)),
			invoices=tuple(
				self._booked_invoice(row, rows[row["name"]])
				for row in self._database.read(INVOICES, sales_order)
			),
			paid=self._moved(sales_order, "Receive"),
			paid_back=self._moved(sales_order, "Pay"),
			closed=bool(order["closed"]),
			doctype=order["doctype"],
		)

	def _booked_invoice(self, invoice: Row, rows: list[Row]) -> Invoice:
		notes = dict.fromkeys(row["delivery_note"] for row in rows if row["delivery_note"])
		return Invoice(
			name=invoice["name"],
			submitted=invoice["status"] == "Submitted",
			is_return=bool(invoice["is_return"]),
			total=Decimal(invoice["grand_total"]),
			open=self.open_of(invoice),
			lines=_by_line(rows),
			return_against=invoice["return_against"],
			delivery_notes=tuple(notes),
		)

	def _moved(self, sales_order: str, kind: str) -> Decimal:
		return sum((Decimal(row["amount"]) for row in self.payments_of(sales_order, kind)), ZERO)


def _by_line(rows: Iterable[Row]) -> dict[str, Decimal]:
	found: dict[str, Decimal] = defaultdict(Decimal)
	for row in rows:
		if row["line_id"]:
			found[row["line_id"]] += Decimal(row["qty"])
	return dict(found)
