"""Delivery Notes of the embedded ERP: drafts of what a shop sent, and what leaves the warehouse."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal

from commerce_bridge.bridge.channel import Channel
from commerce_bridge.bridge.clock import Now
from commerce_bridge.bridge.errors import Rejected
from commerce_bridge.bridge.fulfilments import RECORD_TYPE
from commerce_bridge.bridge.mapping import warehouse_at
from commerce_bridge.bridge.model import Fulfilment, Parcel
from commerce_bridge.bridge.plan import Deliveries, Delivery, OrderedLine
from sandbox.database import Database, Row, to_text
from sandbox.sales_orders import SalesOrders


class DeliveryNotes(SalesOrders):
	_database: Database
	_now: Now

	# --- the protocol

	def get_deliveries(self, sales_order: str) -> Deliveries:
		notes = self._database.read(
			"select * from delivery_notes where sales_order = ? and status != 'Cancelled' order by rowid",
			sales_order,
		)
		return Deliveries(
			lines={
				row["line_id"]: OrderedLine(
					row["item_code"],
					row["item_name"] or row["item_code"],
					Decimal(row["qty"]),
					row["warehouse"],
				)
				for row in self.order_rows(sales_order)
				if row["line_id"]
			},
			documents=tuple(self._delivery(note) for note in notes),
		)

	def _delivery(self, note: Row) -> Delivery:
		rows = self.note_rows(note["name"])
		return Delivery(
			doctype=note["doctype"],
			name=note["name"],
			submitted=note["status"] == "Submitted",
			lines={row["line_id"]: Decimal(row["qty"]) for row in rows if row["line_id"]},
			fulfilments=tuple(row["external_id"] for row in self.fulfilments_of(note["name"])),
		)

	def create_delivery_note(self, channel: Channel, sales_order: str, fulfilment: Fulfilment) -> str:
		lines = {line.order_line_id: line.quantity for line in fulfilment.lines}
		rows = {row["line_id"]: row for row in self.order_rows(sales_order) if row["line_id"] in lines}
		for line, quantity in lines.items():
			row = rows.get(line)
			if row is None or quantity > Decimal(row["qty"]) - Decimal(row["delivered_qty"]):
				raise Rejected(f"Order {sales_order} has not {quantity:f} of line {line} left.")
		name = self._insert_note(sales_order, "Draft", fulfilment.parcels)
		for line, row in rows.items():
			warehouse = warehouse_at(channel, fulfilment.location_id) or row["warehouse"]
			self._insert_note_row(name, row, lines[line], warehouse)
		return name

	def withdraw_delivery_note(self, name: str) -> None:
		note = self._database.read_one("select status from delivery_notes where name = ?", name)
		if note and note["status"] == "Submitted":
			raise Rejected(
				f"The shop says that Delivery Note {name} was not sent, but it is submitted. Cancel it if the goods are "
				"there, then retry; else skip this entry."
			)
		if note and note["status"] == "Draft":
			self.delete_draft(name)

	def note_rows(self, name: str) -> list[Row]:
		return self._database.read("select * from delivery_note_items where parent = ? order by idx", name)

	def returned_rows(self, note: str, drafts: bool = False) -> list[Row]:
		"""What came back of a Delivery Note; with `drafts` also what is about to."""
		return self._database.read(
			"select item.* from return_note_items item join return_notes back on back.name = item.parent"
			" where back.delivery_note = ? and (back.status = 'Submitted' or ?)",
			*(note, drafts),
		)

	def fulfilments_of(self, note: str, cancelled: bool = False) -> list[Row]:
		"""Records of what the shop calls a Delivery Note."""
		return self._database.read(
			"select * from records where record_type = ? and document = ?"
			" and doctype = (select doctype from delivery_notes where name = ?) and cancelled <= ? order by rowid",
			*(RECORD_TYPE, note, note, cancelled),
		)

	# --- rows

	def _insert_note(
		self, sales_order: str, status: str, parcels: Sequence[Parcel], doctype: str = "Delivery Note"
	) -> str:
		"""A Sales Invoice that updates stock is the delivery of the order that it stands for."""
		name = self._database.next_name("DN-") if doctype == "Delivery Note" else sales_order
		self._database.insert(
			"delivery_notes",
			name=name,
			sales_order=sales_order,
			status=status,
			parcels=as_json(parcels),
			posted_at=to_text(self._now()),
			doctype=doctype,
		)
		return name

	def _insert_note_row(self, note: str, row: Row, quantity: Decimal, warehouse: str) -> None:
		self._database.insert(
			"delivery_note_items",
			parent=note,
			idx=row["idx"],
			order_idx=row["idx"],
			line_id=row["line_id"],
			item_code=row["item_code"],
			qty=str(quantity),
			warehouse=warehouse,
		)

	def delete_draft(self, name: str) -> None:
		"""Part of the caller's transaction. What the storefront sends next of it is matched, or made, anew."""
		self._database.write("delete from delivery_note_items where parent = ?", name)
		self._database.write("delete from delivery_notes where name = ?", name)
		self._database.write(
			"update records set doctype = null, document = null where doctype = 'Delivery Note' and document = ?",
			name,
		)


def as_json(parcels: Sequence[Parcel]) -> str:
	return json.dumps([parcel.model_dump() for parcel in parcels])
