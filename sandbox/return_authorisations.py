"""Return Authorisations of the embedded ERP, and the documents by which goods come back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from commerce_bridge.bridge.channel import Channel
from commerce_bridge.bridge.clock import Now
from commerce_bridge.bridge.errors import Rejected
from commerce_bridge.bridge.model import InspectedLine, ReturnNotice, ReturnStatus
from commerce_bridge.bridge.outbound import return_entry
from commerce_bridge.bridge.plan import ReturnPlan
from commerce_bridge.bridge.protocols import Journal
from commerce_bridge.bridge.return_plan import AuthorisationPlan, Receipt, ReturnedLine, ReturnState
from commerce_bridge.bridge.returns import CHANGED, DOCTYPE
from sandbox.database import Database, Row, to_text, to_time
from sandbox.returns import Returns

ZERO = Decimal(0)
#: Rows of the documents by which goods of an authorisation come back; those that are cancelled are left out.
TAKEN = """select receipt.doctype, receipt.document, note.status, item.line_id, item.qty from return_receipts receipt
	join return_notes note on note.name = receipt.document left join return_note_items item on item.parent = note.name
	where receipt.doctype = 'Delivery Note' and receipt.authorisation = ? and note.status != 'Cancelled'
	union all select receipt.doctype, receipt.document, entry.status, entry.line_id, entry.qty
	from return_receipts receipt join stock_receipts entry on entry.name = receipt.document
	where receipt.doctype = 'Stock Entry' and receipt.authorisation = ? and entry.status != 'Cancelled'"""


class ReturnAuthorisations(Returns):
	_database: Database
	_journal: Journal
	_now: Now

	# --- the protocol

	def get_return(self, name: str) -> ReturnState | None:
		row = self._database.read_one("select status from return_authorisations where name = ?", name)
		if row is None:
			return None
		taken = self._taken(name)
		lines = {
			line["line_id"]: ReturnedLine(
				Decimal(line["qty"]),
				_sum(taken, line["line_id"], "Submitted"),
				_sum(taken, line["line_id"], "Draft"),
			)
			for line in self.return_lines(name)
		}
		return ReturnState(name, row["status"], lines, tuple(dict.fromkeys(row["document"] for row in taken)))

	def save_return(self, channel: Channel, plan: AuthorisationPlan, name: str | None) -> str:
		found = plan.found
		name = name or self._new_return(channel.name, plan.sales_order, found.id)
		self._database.write(
			"update return_authorisations set status = ?, shop_status = ?, number = ? where name = ?",
			*(plan.status, found.status, found.number, name),
		)
		kept = {row["line_id"]: row["inspected"] for row in self.return_lines(name)}
		self._database.write("delete from return_lines where parent = ?", name)
		for idx, line in enumerate(found.lines, start=1):
			said = line.model_dump(mode="json", include={"reason", "condition", "serials"})
			self._insert_line(
				name, idx, line.order_line_id, line.quantity, said, kept.get(line.order_line_id)
			)
		return name

	def name_return(self, name: str, external_id: str) -> None:
		self._database.write(
			"update return_authorisations set external_id = ? where name = ?", external_id, name
		)

	def receive_return(
		self, channel: Channel, name: str, quantities: Mapping[str, Decimal], submit: bool
	) -> Receipt:
		order = self._authorisation(name)["sales_order"]
		wanted = dict(quantities)
		documents = self._adopt_notes(name, order, wanted)
		sent = {line: quantity for line, quantity in wanted.items() if self._rows_sent(order, line)}
		if sent:
			plan = ReturnPlan(
				channel=channel.name,
				sales_order=order,
				quantities=self._by_part(order, sent),
				posting_date=self._now().date(),
				submit=submit,
				warehouse=channel.refunds.return_warehouse,
			)
			documents += [("Delivery Note", note) for note in self.create_returns(channel, plan)]
		older = {line: quantity for line, quantity in wanted.items() if quantity and line not in sent}
		if older:
			warehouse = channel.refunds.return_warehouse or channel.default_warehouse
			documents.append(("Stock Entry", self._receive_older(order, older, warehouse, submit)))
		for doctype, document in documents:
			self._database.write(
				"insert or ignore into return_receipts values (?, ?, ?)", name, doctype, document
			)
		self._follow_receipts(name)
		return Receipt(tuple(documents))

	def get_return_notice(self, name: str, channel: str) -> ReturnNotice | None:
		row = self._database.read_one(
			"select back.*, parent.external_id as order_id, parent.external_number as order_number"
			" from return_authorisations back join sales_orders parent on parent.name = back.sales_order"
			" where back.name = ? and back.channel = ?",
			*(name, channel),
		)
		state = self.get_return(name)
		if row is None or state is None:
			return None
		return ReturnNotice(
			id=row["external_id"] or name,
			document=name,
			order_id=row["order_id"],
			order_number=row["order_number"],
			status=state.status,
			lines=tuple(_line(line, state.lines[line["line_id"]]) for line in self.return_lines(name)),
			reason=row["decision"],
			updated_at=to_time(row["modified"]),
		)

	# --- what a person does in the ERP; each is a transaction of its own

	def authorise_return(self, sales_order: str, quantities: Mapping[str, Decimal]) -> str:
		"""A person begins a return, which the storefront is told of."""
		with self._database.transaction():
			name = self._new_return(self._order(sales_order)["channel"], sales_order, None)
			for idx, (line_id, quantity) in enumerate(quantities.items(), start=1):
				self._insert_line(name, idx, line_id, quantity, {}, None)
			self._return_changed(name)
		return name

	def decide_return(self, name: str, status: ReturnStatus, reason: str | None = None) -> None:
		"""Approve, Decline, Cancel or Close."""
		allowed: dict[ReturnStatus, tuple[str, ...]] = {
			"approved": ("requested",),
			"declined": ("requested", "approved"),
			"cancelled": ("requested", "approved"),
			"closed": ("approved", "received"),
		}
		with self._database.transaction():
			standing = self._authorisation(name)["status"]
			if standing not in allowed[status]:
				raise Rejected(f"{DOCTYPE} {name} is {standing}: it cannot be {status}.")
			if status in ("declined", "cancelled") and self._taken(name):
				raise Rejected(f"Goods of {DOCTYPE} {name} came back: it cannot be {status}.")
			self._database.write(
				"update return_authorisations set status = ?, decision = ? where name = ?",
				*(status, reason, name),
			)
			self._return_changed(name)

	def take_back(self, channel: Channel, name: str, quantities: Mapping[str, Decimal]) -> Receipt:
		"""A person receives goods."""
		with self._database.transaction():
			if self._authorisation(name)["status"] != "approved":
				raise Rejected(f"{DOCTYPE} {name} is not approved.")
			receipt = self.receive_return(channel, name, quantities, submit=True)
			self._return_changed(name)
		return receipt

	def inspect_return(self, name: str, line_id: str, **found: str) -> None:
		"""A person writes down what was found of a line: condition_found, grade_found, disposition."""
		with self._database.transaction():
			self._database.write(
				"update return_lines set inspected = ? where parent = ? and line_id = ?",
				*(json.dumps(found), name, line_id),
			)
			self._return_changed(name)

	def return_lines(self, name: str) -> list[Row]:
		return self._database.read("select * from return_lines where parent = ? order by idx", name)

	# --- documents

	def _adopt_notes(self, name: str, sales_order: str, wanted: dict[str, Decimal]) -> list[tuple[str, str]]:
		"""Return notes that a person, or a refund, made of just these goods are receipts of them."""
		adopted = []
		for note in self._database.read(
			"select back.name from return_notes back join delivery_notes sent on sent.name = back.delivery_note"
			" where sent.sales_order = ? and back.status != 'Cancelled' and not exists (select 1 from return_receipts"
			" receipt where receipt.document = back.name) order by back.rowid",
			sales_order,
		):
			rows = self._database.read("select * from return_note_items where parent = ?", note["name"])
			back = {row["line_id"].partition(":")[0]: Decimal(row["qty"]) for row in rows if row["line_id"]}
			if back and all(wanted.get(line, ZERO) >= quantity for line, quantity in back.items()):
				adopted.append(("Delivery Note", note["name"]))
				for line, quantity in back.items():
					wanted[line] -= quantity
		for line in [line for line, quantity in wanted.items() if not quantity]:
			del wanted[line]
		return adopted

	def _rows_sent(self, sales_order: str, line_id: str) -> list[Row]:
		rows = self._rows_out(sales_order)
		return [row for row in rows if row["line_id"].partition(":")[0] == line_id]

	def _by_part(self, sales_order: str, quantities: Mapping[str, Decimal]) -> dict[str, Decimal]:
		"""By line of the order: one of the shop's may be several, one a location. More than was sent stays in the first."""
		parts: dict[str, Decimal] = {}
		for line_id, quantity in quantities.items():
			rows, left = self._rows_sent(sales_order, line_id), quantity
			for row in rows:
				taken = min(left, self._still_out(row))
				parts[row["line_id"]] = parts.get(row["line_id"], ZERO) + taken
				left -= taken
			parts[rows[0]["line_id"]] += left
		return parts

	def _receive_older(
		self, sales_order: str, quantities: Mapping[str, Decimal], warehouse: str, submit: bool
	) -> str:
		name = self._database.next_name("STE-")
		items = {
			(row["line_id"] or "").partition(":")[0]: row["item_code"] for row in self.order_rows(sales_order)
		}
		for line_id, quantity in quantities.items():
			self._database.insert(
				"stock_receipts",
				name=name,
				status="Submitted" if submit else "Draft",
				line_id=line_id,
				item_code=items[line_id],
				qty=str(quantity),
				warehouse=warehouse,
			)
			if submit:
				self.change_bin(items[line_id], warehouse, actual=quantity)
		return name

	def _follow_receipts(self, name: str) -> None:
		"""The status, by what came back."""
		state = self.get_return(name)
		assert state
		complete = all(line.received >= line.quantity for line in state.lines.values())
		status = {"approved": "received"}.get(state.status, state.status) if complete else state.status
		if not complete and state.status == "received":
			status = "approved"
		self._database.write("update return_authorisations set status = ? where name = ?", status, name)

	def _receipts_changed(self, document: str) -> None:
		"""A return note was submitted or cancelled; part of that transaction."""
		for row in self._database.read(
			"select authorisation from return_receipts where document = ?", document
		):
			self._follow_receipts(row["authorisation"])
			self._return_changed(row["authorisation"])

	# --- rows

	def _authorisation(self, name: str) -> Row:
		row = self._database.read_one("select * from return_authorisations where name = ?", name)
		if row is None:
			raise Rejected(f"{DOCTYPE} {name} does not exist.")
		return row

	def _new_return(self, channel: str, sales_order: str, external_id: str | None) -> str:
		name = self._database.next_name("RA-")
		self._database.insert(
			"return_authorisations",
			name=name,
			channel=channel,
			sales_order=sales_order,
			external_id=external_id,
			status="requested",
			modified=to_text(self._now()),
		)
		return name

	def _insert_line(
		self, name: str, idx: int, line_id: str, quantity: Decimal, said: Mapping[str, Any], inspected: Any
	) -> None:
		self._database.insert(
			"return_lines",
			parent=name,
			idx=idx,
			line_id=line_id,
			qty=str(quantity),
			said=json.dumps(said),
			inspected=inspected or "{}",
		)

	def _taken(self, name: str) -> list[Row]:
		return self._database.read(TAKEN, name, name)

	def _return_changed(self, name: str) -> None:
		"""Queues what the storefront was not told yet; part of the transaction that changed it."""
		self._database.write(
			"update return_authorisations set modified = ? where name = ?", to_text(self._now()), name
		)
		channel = self._authorisation(name)["channel"]
		notice = self.get_return_notice(name, channel)
		told = self._database.read_one(
			"select name, payload from sync_log where reference_name = ? and topic = ? order by rowid desc limit 1",
			*(name, CHANGED),
		)
		last = (told["name"], told["payload"]) if told else None
		entry = return_entry(channel, notice, last) if notice else None
		self._journal.record([entry] if entry else [])


def _sum(rows: Sequence[Row], line_id: str, status: str) -> Decimal:
	return sum(
		(
			Decimal(row["qty"])
			for row in rows
			if row["line_id"] and row["line_id"].partition(":")[0] == line_id and (row["status"] == status)
		),
		ZERO,
	)


def _line(row: Row, state: ReturnedLine) -> InspectedLine:
	return InspectedLine(
		order_line_id=row["line_id"],
		quantity=Decimal(row["qty"]),
		received=state.received,
		**json.loads(row["said"]),
		**json.loads(row["inspected"]),
	)
