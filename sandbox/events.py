"""How far the embedded ERP is with an order, and what it knows of a customer: told, and read when it is sent."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal

from pydantic import BaseModel

from commerce_bridge.bridge.clock import Now
from commerce_bridge.bridge.model import Address, Customer, OrderStatus
from commerce_bridge.bridge.outbound import CUSTOMER, ORDER_STATUS, told_entry
from commerce_bridge.bridge.protocols import Journal
from sandbox.database import Database, Row, to_text, to_time

POLICIES = """select name, json_extract(settings, '$.events.order_status') as order_status,
	json_extract(settings, '$.events.customers') as customers from channels order by name"""


class Events:
	_database: Database
	_journal: Journal
	_now: Now

	# --- the protocol

	def get_order_status(self, sales_order: str, channel: str | None = None) -> OrderStatus | None:
		row = self._database.read_one("select * from sales_orders where name = ?", sales_order)
		amended = "select name from sales_orders where amended_from = ?"
		if row is None or (row["status"] == "Cancelled" and self._database.read_one(amended, sales_order)):
			return None
		own = channel in (None, row["channel"])
		delivered, billed = self._delivered(sales_order), self._billed(sales_order)
		return OrderStatus(
			order_id=row["external_id"] if own else row["name"],
			order_number=row["external_number"],
			document=row["name"],
			status="Closed"
			if row["closed"] and row["status"] == "Submitted"
			else _status(row["status"], delivered, billed),
			delivered=delivered,
			billed=billed,
			updated_at=to_time(row["modified"]),
		)

	def get_customer(self, customer: str) -> Customer | None:
		row = self._database.read_one("select data from customers where name = ?", customer)
		if row is None:
			return None
		addresses = self._database.read(
			"select data from addresses where customer = ? order by name", customer
		)
		known = Customer.model_validate_json(row["data"])
		return known.model_copy(
			update={
				"id": customer,
				"email": self._first("email", customer) or known.email,
				"phone": self._first("phone", customer) or known.phone,
				"addresses": tuple(Address.model_validate_json(address["data"]) for address in addresses),
				"updated_at": None,
				"custom": {},
			}
		)

	# --- what a person does in the ERP; a transaction of its own

	def edit_customer(self, name: str, **values: str) -> None:
		"""A person changes a customer; told to the channels that want to hear of it."""
		with self._database.transaction():
			row = self._database.read_one("select data from customers where name = ?", name)
			changed = json.dumps(json.loads(row["data"]) | values)
			self._database.write("update customers set data = ? where name = ?", changed, name)
			for policy in self._database.read(POLICIES):
				if policy["customers"] == "All" or (
					policy["customers"] == "Own" and self._is_customer_of(name, policy["name"])
				):
					self._told(policy["name"], CUSTOMER, "Customer", name, self.get_customer(name))

	# --- told

	def _order_changed(self, name: str) -> None:
		"""Part of the transaction that changed it."""
		self._database.write(
			"update sales_orders set modified = ? where name = ?", to_text(self._now()), name
		)
		order = self._database.read_one(
			"select channel, status, doctype from sales_orders where name = ?", name
		)
		for policy in self._database.read(POLICIES):
			own = policy["name"] == order["channel"] and policy["order_status"] in ("Own", "All")
			if own or (policy["order_status"] == "All" and order["status"] != "Draft"):
				status = self.get_order_status(name, policy["name"])
				self._told(policy["name"], ORDER_STATUS, order["doctype"], name, status)

	def _told(self, channel: str, topic: str, doctype: str, name: str, document: BaseModel | None) -> None:
		row = self._database.read_one(
			"select name, payload from sync_log where channel = ? and reference_name = ? and topic = ?"
			" order by rowid desc limit 1",
			*(channel, name, topic),
		)
		last = (row["name"], row["payload"]) if row else None
		entry = told_entry(channel, topic, doctype, name, document, last) if document else None
		self._journal.record([entry] if entry else [])

	def _is_customer_of(self, customer: str, channel: str) -> bool:
		return bool(
			self._database.read_one(
				"select 1 from records where channel = ? and doctype = 'Customer' and document = ?",
				*(channel, customer),
			)
		)

	def _first(self, kind: str, customer: str) -> str | None:
		row = self._database.read_one(
			f"select {kind} as found from contact_{kind}s detail join contacts on contacts.name = detail.contact"
			" where customer = ? order by detail.rowid limit 1",
			customer,
		)
		return row["found"] if row else None

	def _delivered(self, sales_order: str) -> Decimal:
		rows = self._database.read(
			"select qty, delivered_qty as done, 1 as value from sales_order_items where parent = ?",
			sales_order,
		)
		return _percent(rows)

	def _billed(self, sales_order: str) -> Decimal:
		"""By value, as ERPNext counts it; what was credited stays billed."""
		rows = self._database.read(
			"""select line.qty, line.rate as value, coalesce(sum(cast(item.qty as real)), 0) as done
			from sales_order_items line left join sales_invoice_items item on item.order_idx = line.idx
				and item.parent in (select name from sales_invoices
					where sales_order = line.parent and status = 'Submitted' and not is_return)
			where line.parent = ? group by line.idx""",
			sales_order,
		)
		return _percent(rows)


def _percent(rows: Sequence[Row]) -> Decimal:
	whole = sum((Decimal(row["qty"]) * Decimal(row["value"]) for row in rows), Decimal(0))
	done = sum(
		(min(Decimal(row["done"]), Decimal(row["qty"])) * Decimal(row["value"]) for row in rows), Decimal(0)
	)
	return ((done * 100 / whole).quantize(Decimal("0.01")) if whole else Decimal(0)).normalize() + 0


def _status(kept: str, delivered: Decimal, billed: Decimal) -> str:
	"""As ERPNext calls it."""
	if kept != "Submitted":
		return kept
	if delivered == 100:
		return "Completed" if billed == 100 else "To Bill"
	return "To Deliver" if billed == 100 else "To Deliver and Bill"
