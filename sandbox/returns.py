"""Return Delivery Notes of the embedded ERP: goods that come back of what a Delivery Note, or a Sales Invoice,
shipped."""

from __future__ import annotations

from decimal import Decimal

from commerce_bridge.bridge.channel import Channel
from commerce_bridge.bridge.errors import Rejected
from commerce_bridge.bridge.plan import ReturnPlan
from sandbox.database import Database, Row
from sandbox.deliveries import DeliveryNotes

ZERO = Decimal(0)
#: (row of a Delivery Note, how much of it comes back)
Taken = tuple[Row, Decimal]


class Returns(DeliveryNotes):
	_database: Database

	# --- the protocol

	def create_returns(self, channel: Channel, plan: ReturnPlan) -> list[str]:
		wanted = {line: quantity for line, quantity in plan.quantities.items() if quantity}
		back: dict[str, list[Taken]] = {}
		for row in self._rows_out(plan.sales_order):
			quantity = min(wanted.get(row["line_id"], ZERO), self._still_out(row))
			if quantity > 0:
				back.setdefault(row["parent"], []).append((row, quantity))
				wanted[row["line_id"]] -= quantity
		short = {line: quantity for line, quantity in wanted.items() if quantity}
		if short:
			line, quantity = next(iter(short.items()))
			raise Rejected(
				f"{plan.quantities[line]:f} of line {line} are to come back, but {plan.quantities[line] - quantity:f} of "
				f"order {plan.sales_order} were delivered and not returned yet."
			)
		return [self._insert_return(note, rows, plan) for note, rows in back.items()]

	def _rows_out(self, sales_order: str) -> list[Row]:
		"""Rows of what submitted documents delivered of the order, oldest first."""
		return self._database.read(
			"select item.* from delivery_note_items item join delivery_notes note on note.name = item.parent"
			" where note.sales_order = ? and note.status = 'Submitted' and item.line_id is not null"
			" order by note.rowid, item.idx",
			sales_order,
		)

	def _still_out(self, row: Row) -> Decimal:
		"""Drafts of returns count: they are going to be submitted."""
		back = self.returned_rows(row["parent"], drafts=True)
		gone = sum((Decimal(each["qty"]) for each in back if each["order_idx"] == row["order_idx"]), ZERO)
		return Decimal(row["qty"]) - gone

	def _insert_return(self, note: str, rows: list[Taken], plan: ReturnPlan) -> str:
		name = self._database.next_name("DN-RET-")
		self._database.insert(
			"return_notes",
			name=name,
			delivery_note=note,
			status="Draft",
			posting_date=plan.posting_date.isoformat(),
		)
		for row, quantity in rows:
			self._database.insert(
				"return_note_items",
				parent=name,
				idx=row["idx"],
				order_idx=row["order_idx"],
				line_id=row["line_id"],
				item_code=row["item_code"],
				qty=str(quantity),
				warehouse=plan.warehouse or row["warehouse"],
			)
		if plan.submit:
			self._receive(name)
		return name

	def _receive(self, name: str) -> None:
		"""Goods are in the warehouse again; the shipment they left with says so to the storefront."""
		note = self._return(name)
		for row in self._database.read("select * from return_note_items where parent = ?", name):
			self.change_bin(row["item_code"], row["warehouse"], actual=Decimal(row["qty"]))
		self._database.write("update return_notes set status = 'Submitted' where name = ?", name)
		self._tell_shipment(note["delivery_note"])
		self._receipts_changed(name)

	def _return(self, name: str) -> Row:
		row = self._database.read_one("select * from return_notes where name = ? and status = 'Draft'", name)
		if row is None:
			raise Rejected(f"Delivery Note {name} is no draft of a return.")
		return row

	# --- what a person does in the ERP; a transaction of its own

	def submit_return(self, name: str) -> None:
		"""A person has the goods, and submits the draft."""
		with self._database.transaction():
			self._receive(name)
