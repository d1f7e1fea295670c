"""Sales Invoices of the embedded ERP that stand for an order: there is no Sales Order.

An order of this kind is kept among the orders (sales_orders, with its `doctype`), and is one of its own invoices, under the
same name. With Update Stock it is one of its own deliveries too.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from decimal import Decimal

from commerce_bridge.bridge.errors import Rejected
from commerce_bridge.bridge.orders import SALES_ORDER
from commerce_bridge.bridge.plan import SalesOrderPlan
from sandbox.database import Database, Row, to_text
from sandbox.invoices import InvoiceDocument, Invoices

DOCTYPE = "Sales Invoice"


class DirectInvoices(Invoices):
	_database: Database

	# --- the protocol

	def cancel_sales_order(self, name: str) -> None:
		if not self._is_direct(name):
			super().cancel_sales_order(name)
			return
		state = self.get_sales_order(name)
		if state is None or state.status == "Cancelled":
			raise Rejected(f"{DOCTYPE} {name} is not there to be cancelled.")
		notes = self._made_from(name, "sales_invoices", "Submitted", "and is_return")
		linked = [other for other in (*state.delivered, *notes, *state.drafts) if other != name]
		if linked:
			raise Rejected(f"{DOCTYPE} {name} is linked with {linked[0]}.")
		if state.status == "Draft":
			self._delete(name)
			return
		if name in state.delivered:
			self._goods_come_back(name)
		for table in ("sales_orders", "sales_invoices"):
			self._database.write(f"update {table} set status = 'Cancelled' where name = ?", name)
		self._database.write("delete from payment_references where document = ?", name)
		self._note_changes(name)
		self._order_changed(name)
		self._tell_invoice(name)

	# --- how it is kept

	def _is_direct(self, name: str) -> bool:
		row = self._database.read_one("select doctype from sales_orders where name = ?", name)
		return row is not None and row["doctype"] == DOCTYPE

	def _entered(self, name: str, plan: SalesOrderPlan) -> None:
		if plan.document == SALES_ORDER:
			super()._entered(name, plan)
			return
		self._note_changes(name)
		sent = plan.submit and plan.update_stock
		day = plan.transaction_date.isoformat()
		if sent:
			self._goods_leave(name, day)
		document = InvoiceDocument(plan.amounts, tuple(range(1, len(plan.amounts.items) + 1)))
		self._save_invoice(self._order(name), document, day, plan.submit, None, name)
		if sent:
			self._delivered_now(name, name)

	def _delete(self, name: str) -> None:
		if self._is_direct(name):
			self._delete_invoice(name)
		super()._delete(name)

	def submit_draft(self, name: str) -> str:
		"""A person submits the order itself too."""
		if not self._is_direct(name):
			return super().submit_draft(name)
		self._database.write("update sales_orders set status = 'Submitted' where name = ?", name)
		sent = bool(self._order(name)["update_stock"])
		if sent:
			self._goods_leave(name, self._invoice(name)["posting_date"])
		super().submit_draft(name)
		if sent:
			self._delivered_now(name, name)
		return name

	def _invoice_submitted(self, sales_order: str) -> None:
		"""What a credit note takes back is not sold any more."""
		super()._invoice_submitted(sales_order)
		if self._is_direct(sales_order):
			self._note_changes(sales_order)

	# --- goods that leave with it

	def _goods_leave(self, name: str, day: str) -> None:
		"""On the day of the invoice (ISO 8601), whenever it is made."""
		self._insert_note(name, "Submitted", [], DOCTYPE)
		moment = to_text(datetime.fromisoformat(day).replace(tzinfo=timezone.utc))
		self._database.write("update delivery_notes set posted_at = ? where name = ?", moment, name)
		for row in self.order_rows(name):
			self._deliver(name, row, None)

	def _goods_come_back(self, name: str) -> None:
		for row in self.note_rows(name):
			self._move_delivered(name, row["order_idx"], row, -Decimal(row["qty"]))
		self._database.write("update delivery_notes set status = 'Cancelled' where name = ?", name)
		self._tell_shipment(name)

	def _deliver(self, note: str, row: Row, quantities: Mapping[int, Decimal] | None) -> None:
		"""Takes so much of a row of an order, or all that is open of it, out of the warehouse with a document."""
		still_open = Decimal(row["qty"]) - Decimal(row["delivered_qty"])
		quantity = still_open if quantities is None else quantities.get(row["idx"], Decimal(0))
		if quantity > still_open:
			raise Rejected(f"Row {row['idx']}: {quantity} is more than the open {still_open}.")
		if quantity:
			self._move_delivered(row["parent"], row["idx"], row, quantity)
			self._insert_note_row(note, row, quantity, row["warehouse"])

	def _move_delivered(self, sales_order: str, idx: int, row: Row, quantity: Decimal) -> None:
		"""Takes goods out of the warehouse and off a reservation; a negative quantity brings them back."""
		line = self._database.read_one(
			"select delivered_qty, warehouse from sales_order_items where parent = ? and idx = ?",
			*(sales_order, idx),
		)
		self.change_bin(row["item_code"], row["warehouse"], actual=-quantity)
		if not self._is_direct(sales_order):
			self.change_bin(row["item_code"], line["warehouse"], reserved=-quantity)
		self._database.write(
			"update sales_order_items set delivered_qty = ? where parent = ? and idx = ?",
			*(str(Decimal(line["delivered_qty"]) + quantity), sales_order, idx),
		)
