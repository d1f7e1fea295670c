"""What the embedded ERP knows of a person, and erasing it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from commerce_bridge.bridge import customers
from commerce_bridge.bridge.channel import Channel
from commerce_bridge.bridge.model import DataRequest, Redaction
from commerce_bridge.bridge.protocols import Journal, Redacted, Traces
from sandbox.database import Database, marks

NEUTRAL = json.dumps({"first_name": "Redacted"})
ANOTHER_BUYER = "another buyer of this shop"


@dataclass(frozen=True, slots=True)
class Person:
	"""`shared` customers are others' too; `orders` are names of Sales Orders."""

	customers: tuple[str, ...]
	shared: dict[str, str]
	orders: tuple[str, ...]
	order_ids: tuple[str, ...]
	words: tuple[str, ...]


class PersonalData:
	_database: Database
	_journal: Journal

	# --- the protocol

	def redact(self, channel: Channel, redaction: Redaction, log: str) -> Redacted:
		person = self._everybody(channel) if redaction.everything else self._find(channel, redaction)
		for customer in person.customers:
			self._erase_customer(customer)
		for name in (*person.customers, *person.shared):
			self._forget_records(channel, name, person.shared.get(name), redaction)
		for order in person.orders:
			self._erase_order(order)
		ids = (redaction.customer_id,) if redaction.customer_id else ()
		notes = self._deliveries_of(person.orders)
		documents = (*person.customers, *person.orders, *notes)
		traces = Traces(person.order_ids, ids, documents, person.words, redaction.everything)
		entries = self._journal.blank(channel.name, traces, log)
		return Redacted(_message(person, entries))

	def personal_data(self, channel: Channel, request: DataRequest) -> str:
		person = self._find(channel, request)
		names = [*person.customers, *(name for name, why in person.shared.items() if why != ANOTHER_BUYER)]
		known = {
			"customers": self._rows("customers", "name", names),
			"contacts": self._rows("contacts", "customer", names),
			"addresses": self._rows("addresses", "customer", names),
			"orders": [
				{**order, "lines": self._rows("sales_order_items", "parent", [order["name"]])}
				for order in self._rows("sales_orders", "name", person.orders)
			],
			"deliveries": self._rows("delivery_notes", "sales_order", person.orders),
			"invoices": self._rows("sales_invoices", "sales_order", person.orders),
			"entries": self._entries(channel, person),
		}
		return json.dumps(known, ensure_ascii=False)

	def tell_personal_data(self, channel: Channel, log: str) -> None:
		"""The embedded ERP has nobody to tell: its state says it."""

	# --- who it is

	def _find(self, channel: Channel, request: Redaction | DataRequest) -> Person:
		ids = [f"guest:{order_id}" for order_id in request.order_ids]
		ids += [request.customer_id] if request.customer_id else []
		found = self._recorded(channel, ids) + self._named(channel, request)
		return self._person(channel, list(dict.fromkeys(found)), request)

	def _person(self, channel: Channel, found: Sequence[str], request: Redaction | DataRequest) -> Person:
		shared = {name: why for name in found if (why := self._others(channel, name, request.customer_id))}
		mine = [name for name in found if shared.get(name) != ANOTHER_BUYER]
		orders = self._database.read(
			f"select name, external_id from sales_orders where channel = ? and (customer in ({marks(mine)})"
			f" or external_id in ({marks(request.order_ids)}))",
			*(channel.name, *mine, *request.order_ids),
		)
		return Person(
			customers=tuple(name for name in found if name not in shared),
			shared=shared,
			orders=tuple(row["name"] for row in orders),
			order_ids=tuple(dict.fromkeys([*request.order_ids, *(row["external_id"] for row in orders)])),
			words=tuple(word for word in (request.email, request.phone) if word),
		)

	def _everybody(self, channel: Channel) -> Person:
		rows = self._database.read(
			"select distinct document from records where channel = ? and record_type = 'Customer'"
			" union select distinct customer from sales_orders where channel = ?",
			*(channel.name, channel.name),
		)
		names = [row["document"] for row in rows if row["document"]]
		return self._person(channel, names, Redaction(everything=True))

	def _recorded(self, channel: Channel, ids: Sequence[str]) -> list[str]:
		rows = self._database.read(
			"select document from records where channel = ? and record_type = 'Customer'"
			f" and document is not null and external_id in ({marks(ids)})",
			*(channel.name, *ids),
		)
		return [row["document"] for row in rows]

	def _named(self, channel: Channel, request: Redaction | DataRequest) -> list[str]:
		"""By e-mail; by phone only where the shop names neither id nor e-mail."""
		if request.email:
			found = self.customers_with_email(request.email)
		elif request.phone and not request.customer_id:
			phone = customers.e164(request.phone, channel.default_country)
			found = self.customers_with_phone(phone) if phone else []
			found = found if len(found) == 1 else []
		else:
			found = []
		return [name for name in found if self._is_known(channel, name)]

	def _is_known(self, channel: Channel, customer: str) -> bool:
		return bool(
			self._database.read_one(
				"select 1 from records where channel = ? and record_type = 'Customer' and document = ?"
				" union select 1 from sales_orders where channel = ? and customer = ?",
				*(channel.name, customer, channel.name, customer),
			)
		)

	def _others(self, channel: Channel, customer: str, customer_id: str | None) -> str | None:
		rows = self._database.read(
			"select channel, external_id from records where record_type = 'Customer' and document = ?"
			" union select channel, null from sales_orders where customer = ?",
			*(customer, customer),
		)
		for row in rows:
			if row["channel"] != channel.name:
				return f"a buyer of {row['channel']}"
			other = row["external_id"] or customer_id
			if customer_id and other != customer_id and not other.startswith("guest:"):
				return ANOTHER_BUYER
		return None

	# --- what is kept of them

	def _rows(self, table: str, column: str, values: Sequence[str]) -> list[dict[str, object]]:
		statement = f"select * from {table} where {column} in ({marks(values)}) order by rowid"
		return [dict(row) for row in self._database.read(statement, *values)]

	def _entries(self, channel: Channel, person: Person) -> list[dict[str, object]]:
		rows = self._database.read(
			"select topic, direction, created, external_id from sync_log where channel = ?"
			f" and external_id in ({marks(person.order_ids)}) and topic not like 'customer%' order by rowid",
			*(channel.name, *person.order_ids),
		)
		return [dict(row) for row in rows]

	def _deliveries_of(self, orders: Sequence[str]) -> list[str]:
		return [str(row["name"]) for row in self._rows("delivery_notes", "sales_order", orders)]

	def _erase_customer(self, name: str) -> None:
		self._database.write("update customers set data = ? where name = ?", NEUTRAL, name)
		for table in ("contact_emails", "contact_phones"):
			self._database.write(
				f"delete from {table} where contact in (select name from contacts where customer = ?)", name
			)
		self._database.write("delete from contacts where customer = ?", name)
		self._database.write("delete from addresses where customer = ?", name)

	def _forget_records(self, channel: Channel, name: str, why: str | None, redaction: Redaction) -> None:
		"""Another buyer of this shop keeps the record: only that of this one goes."""
		ids = [redaction.customer_id, *(f"guest:{order_id}" for order_id in redaction.order_ids)]
		one = f" and external_id in ({marks(ids)})" if why == ANOTHER_BUYER else ""
		self._database.write(
			f"delete from records where channel = ? and record_type = 'Customer' and document = ?{one}",
			*(channel.name, name, *(ids if one else [])),
		)

	def _erase_order(self, name: str) -> None:
		"""The plan is what the shop said; amounts and rows have columns of their own."""
		self._database.write("update sales_orders set plan = '{}' where name = ?", name)


def _message(person: Person, entries: int) -> str:
	if not (person.customers or person.shared or person.orders or entries):
		return "Nothing is known of this person"
	parts = [
		f"Erased: {len(person.customers)} customers, {len(person.orders)} orders, {entries} entries of the Sync Log"
	]
	parts += [f"{name} stays, being {why}" for name, why in person.shared.items()]
	return ". ".join(parts)
