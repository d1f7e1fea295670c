"""An ERP in one SQLite file, behind the engine's protocols: what runs the main job where there is no ERPNext."""

from __future__ import annotations

import fcntl
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import date
from decimal import Decimal
from typing import Literal

from commerce_bridge.bridge.channel import Channel
from commerce_bridge.bridge.clock import Now
from commerce_bridge.bridge.errors import Misconfigured, Rejected
from commerce_bridge.bridge.invoices import credit_note_entry, delivery_entry, invoice_entry
from commerce_bridge.bridge.model import OrderChange, Parcel, Shipment, ShipmentLine
from commerce_bridge.bridge.outbound import ORDER_CHANGE, SHIPMENT, document_entry, shipment_entry
from commerce_bridge.bridge.protocols import Journal
from sandbox.catalog import Catalog
from sandbox.database import Database, Row, to_text, to_time
from sandbox.deliveries import as_json
from sandbox.drift import DriftReport
from sandbox.invoice_events import InvoiceEvents
from sandbox.parties import Parties
from sandbox.personal_data import PersonalData
from sandbox.products import Products
from sandbox.records import Records
from sandbox.return_authorisations import ReturnAuthorisations


class SandboxErp(
	Records, Parties, PersonalData, ReturnAuthorisations, InvoiceEvents, Catalog, Products, DriftReport
):
	"""`Erp` on SQLite, and below it what a person does in the ERP."""

	def __init__(self, database: Database, journal: Journal, now: Now):
		self._database = database
		self._journal = journal
		self._now = now

	# --- transactions, locks, rights

	def transaction(self, *locks: str) -> AbstractContextManager[None]:
		"""Named locks add nothing here: there is one writer at a time."""
		return self._database.transaction()

	@contextmanager
	def exclusive(self, name: str) -> Iterator[bool]:
		"""A lock on a file beside the database: the operating system frees it with the process."""
		folder = self._database.path.with_suffix(".locks")
		folder.mkdir(exist_ok=True)
		with (folder / hashlib.sha256(name.encode()).hexdigest()).open("w") as file:
			try:
				fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
			except BlockingIOError:
				yield False
				return
			yield True

	def act_as(self, channel: Channel) -> AbstractContextManager[None]:
		"""The embedded ERP has one user."""
		return nullcontext()

	# --- rates

	def exchange_rate(self, channel: Channel, currency: str, on: date) -> Decimal:
		if currency == channel.company_currency:
			return Decimal(1)
		row = self._database.read_one(
			"select rate from exchange_rates where currency = ? and valid_from <= ? order by valid_from desc limit 1",
			*(currency, on.isoformat()),
		)
		if row is None:
			raise Misconfigured(
				f"No exchange rate from {currency} to {channel.company_currency} on {on}.",
				"Currency Exchange",
			)
		return Decimal(row["rate"])

	# --- what the storefront is told

	def get_shipment(
		self, doctype: str, name: str, channel: str | None = None, order_id: str | None = None
	) -> Shipment | None:
		"""A Delivery Note ships one order here."""
		note = self._database.read_one(
			"select note.*, parent.external_id, parent.external_number, parent.channel from delivery_notes note"
			" join sales_orders parent on parent.name = note.sales_order where note.name = ? and note.doctype = ?",
			*(name, doctype),
		)
		if (
			note is None
			or note["status"] == "Draft"
			or channel not in (None, note["channel"])
			or order_id not in (None, note["external_id"])
		):
			return None
		cancelled = note["status"] == "Cancelled"
		others = self.get_deliveries(note["sales_order"]).documents
		lines = self._shipped_lines(name)
		return Shipment(
			id=note["name"],
			order_id=note["external_id"],
			order_number=note["external_number"],
			lines=lines,
			parcels=tuple(Parcel(**parcel) for parcel in json.loads(note["parcels"])),
			status=_shipped(note, lines),
			shipped_at=to_time(note["posted_at"]),
			delivered_at=to_time(note["delivered_at"]),
			cancelled=cancelled,
			complete=not cancelled and self._is_all_sent(note["sales_order"]),
			external_ids=tuple(row["external_id"] for row in self.fulfilments_of(name, cancelled)),
			taken_ids=tuple(taken for each in others if each.name != name for taken in each.fulfilments),
		)

	def _shipped_lines(self, note: str) -> tuple[ShipmentLine, ...]:
		back: dict[str, Decimal] = {}
		for row in self.returned_rows(note):
			back[row["line_id"]] = back.get(row["line_id"], Decimal(0)) + Decimal(row["qty"])
		return tuple(
			ShipmentLine(
				order_line_id=row["line_id"],
				sku=row["item_code"],
				quantity=Decimal(row["qty"]),
				returned=back.get(row["line_id"], Decimal(0)),
			)
			for row in self.note_rows(note)
			if row["line_id"]
		)

	def _is_all_sent(self, sales_order: str) -> bool:
		return all(
			Decimal(row["delivered_qty"]) >= Decimal(row["qty"])
			for row in self.order_rows(sales_order)
			if row["line_id"]
		)

	def get_order_change(self, sales_order: str) -> OrderChange | None:
		row = self._database.read_one("select * from sales_orders where name = ?", sales_order)
		if row is None:
			return None
		return OrderChange(
			order_id=row["external_id"],
			order_number=row["external_number"],
			kind="cancelled" if row["status"] == "Cancelled" else "edited",
			lines=tuple(
				ShipmentLine(
					order_line_id=line["line_id"], sku=line["item_code"], quantity=Decimal(line["qty"])
				)
				for line in self.order_rows(sales_order)
				if line["line_id"]
			),
		)

	# --- what a person does in the ERP; each is a transaction of its own

	def move_stock(self, item_code: str, warehouse: str, quantity: Decimal) -> None:
		"""A Stock Entry: positive receives, negative issues."""
		with self._database.transaction():
			self.change_bin(item_code, warehouse, actual=quantity)

	def make_delivery(
		self,
		sales_order: str,
		quantities: dict[int, Decimal] | None = None,
		carrier: str | None = None,
		tracking_number: str | None = None,
		tracking_url: str | None = None,
	) -> str:
		"""Submits a Delivery Note and queues the news of it, in one transaction.

		:param quantities: by row of the order, from 1; all that is open where None
		:return: the name of the Delivery Note
		"""
		parcel = Parcel(carrier=carrier, tracking_number=tracking_number, tracking_url=tracking_url)
		with self._database.transaction():
			return self.deliver(sales_order, quantities, [parcel] if parcel != Parcel() else [])

	def deliver(
		self, sales_order: str, quantities: Mapping[int, Decimal] | None, parcels: Sequence[Parcel] = ()
	) -> str:
		"""The same as a part of the caller's transaction."""
		self._refuse_delivery(sales_order)
		name = self._insert_note(sales_order, "Submitted", parcels)
		for row in self.order_rows(sales_order):
			self._deliver(name, row, quantities)
		self._delivered_now(sales_order, name)
		return name

	def _refuse_delivery(self, sales_order: str) -> None:
		order = self._order(sales_order)
		if order["status"] != "Submitted" or order["closed"]:
			raise Rejected(f"{order['doctype']} {sales_order} is not submitted, or closed.")

	def _delivered_now(self, sales_order: str, note: str) -> None:
		"""The storefront is told, and an invoice is due where the channel makes them of deliveries."""
		self._tell_shipment(note)
		self._order_changed(sales_order)
		order = self._order(sales_order)
		entry = delivery_entry(self._settings(order), order["external_id"], note, self._now().date())
		self._journal.record([entry] if entry else [])

	def _settings(self, order: Row) -> Channel:
		row = self._database.read_one("select settings from channels where name = ?", order["channel"])
		return Channel.model_validate_json(row["settings"])

	def submit_invoice(self, name: str) -> None:
		"""A person submits a draft of ours or of their own: refunds may have waited for it."""
		with self._database.transaction():
			order = self._order(self.submit_draft(name))
			entry = invoice_entry(self._settings(order), order["external_id"], name)
			self._journal.record([entry] if entry else [])
			self._tell_invoice(name)

	def delete_invoice(self, name: str) -> None:
		"""A person deletes a draft; where it is a credit note, a refund may have waited for it."""
		with self._database.transaction():
			order = self._order(self._invoice(name)["sales_order"])
			self.delete_draft_credit_note(name)
			moment = to_text(self._now())
			entry = credit_note_entry(self._settings(order), order["external_id"], name, moment)
			self._journal.record([entry] if entry else [])

	def draft_delivery(self, sales_order: str) -> str:
		"""Prepares a Delivery Note for all that is open, and does not submit it."""
		with self._database.transaction():
			name = self._insert_note(sales_order, "Draft", [])
			for row in self.order_rows(sales_order):
				self._insert_note_row(
					name, row, Decimal(row["qty"]) - Decimal(row["delivered_qty"]), row["warehouse"]
				)
		return name

	def submit_delivery(self, name: str) -> None:
		"""Submits a draft: goods leave, the storefront is told."""
		with self._database.transaction():
			note = self._database.read_one(
				"select * from delivery_notes where name = ? and status = 'Draft'", name
			)
			if note is None:
				raise Rejected(f"Delivery Note {name} is no draft.")
			self._refuse_delivery(note["sales_order"])
			for row in self.note_rows(name):
				self._move_delivered(note["sales_order"], row["order_idx"], row, Decimal(row["qty"]))
			self._database.write("update delivery_notes set status = 'Submitted' where name = ?", name)
			self._delivered_now(note["sales_order"], name)

	def delete_delivery(self, name: str) -> None:
		"""A person deletes a draft."""
		with self._database.transaction():
			self.delete_draft(name)

	def track_delivery(self, name: str, parcels: Sequence[Parcel], delivered: bool = False) -> None:
		"""Somebody enters the parcels of a Delivery Note, and whether the buyer has them."""
		with self._database.transaction():
			self._database.write(
				"update delivery_notes set parcels = ?,"
				" delivered_at = case when ? then coalesce(delivered_at, ?) end where name = ?",
				as_json([parcel.model_copy(update={"delivered": delivered}) for parcel in parcels]),
				*(delivered, to_text(self._now()), name),
			)
			self._tell_shipment(name)

	def cancel_delivery(self, name: str) -> None:
		"""Cancels a Delivery Note: goods come back, the order is open again, the storefront is told."""
		with self._database.transaction():
			note = self._database.read_one(
				"select note.*, channel from delivery_notes note"
				" join sales_orders parent on parent.name = note.sales_order"
				" where note.name = ? and note.status = 'Submitted' and note.doctype = 'Delivery Note'",
				name,
			)
			if note is None:
				raise Rejected(f"Delivery Note {name} is not submitted.")
			self._refuse_taking_back(note)
			for row in self._database.read("select * from delivery_note_items where parent = ?", name):
				self._move_delivered(note["sales_order"], row["order_idx"], row, -Decimal(row["qty"]))
			self._database.write("update delivery_notes set status = 'Cancelled' where name = ?", name)
			self._tell_shipment(name)
			self._order_changed(note["sales_order"])

	def _refuse_taking_back(self, note: Row) -> None:
		billed = self._billed_quantities(note["sales_order"], note["name"])
		if billed or self.returned_rows(note["name"], drafts=True):
			raise Rejected(f"Delivery Note {note['name']} is billed, or goods of it came back.")
		if self._order(note["sales_order"])["closed"]:
			raise Rejected(f"Sales Order {note['sales_order']} is closed.")

	def cancel_by_hand(self, sales_order: str) -> None:
		"""A person cancels the document of an order in the ERP; told to the storefront where the channel wants that."""
		with self._database.transaction():
			order = self._order(sales_order)
			channel = order["channel"]
			self.cancel_sales_order(sales_order)
			row = self._database.read_one(
				"select json_extract(settings, '$.orders.send_local_changes') as tell from channels where name = ?",
				channel,
			)
			if row["tell"]:
				self._tell(channel, ORDER_CHANGE, order["doctype"], sales_order, "cancelled")

	def _tell_shipment(self, name: str) -> None:
		"""Queues what the storefront was not told yet."""
		note = self._database.read_one("select doctype from delivery_notes where name = ?", name)
		doctype = note["doctype"]
		shipment = self.get_shipment(doctype, name)
		told = self._database.read_one(
			"select name, payload from sync_log"
			" where reference_name = ? and topic = ? order by rowid desc limit 1",
			*(name, SHIPMENT),
		)
		last = (told["name"], told["payload"]) if told else None
		entry = shipment_entry(self._channel_of(name), doctype, name, shipment, last)
		self._journal.record([entry] if entry else [])

	def _channel_of(self, delivery_note: str) -> str:
		row = self._database.read_one(
			"select channel from delivery_notes note join sales_orders parent on parent.name = note.sales_order"
			" where note.name = ?",
			delivery_note,
		)
		return row["channel"]

	def _tell(self, channel: str, topic: str, doctype: str, name: str, state: str) -> None:
		self._journal.record([document_entry(channel, topic, doctype, name, state)])


def _shipped(note: Row, lines: Sequence[ShipmentLine]) -> Literal["shipped", "delivered", "returned"]:
	if lines and all(line.returned >= line.quantity for line in lines):
		return "returned"
	return "delivered" if note["delivered_at"] else "shipped"
