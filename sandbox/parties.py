"""Customers, contacts and addresses of the embedded ERP."""

from __future__ import annotations

import json
from typing import Literal

from phonenumbers import SUPPORTED_REGIONS

from commerce_bridge.bridge.channel import Channel
from commerce_bridge.bridge.errors import Rejected
from commerce_bridge.bridge.model import Address, Customer
from sandbox.database import Database


class Parties:
	_database: Database

	def customers_with_email(self, email: str) -> list[str]:
		rows = self._database.read(
			"select distinct customer from contact_emails mail join contacts on contacts.name = mail.contact"
			" where email = ? order by customer",
			email.strip().lower(),
		)
		return [row["customer"] for row in rows]

	def customers_with_phone(self, phone: str) -> list[str]:
		rows = self._database.read(
			"select distinct customer from contact_phones call join contacts on contacts.name = call.contact"
			" where phone = ? order by customer",
			phone,
		)
		return [row["customer"] for row in rows]

	def create_customer(self, channel: Channel, customer: Customer) -> str:
		name = self._database.next_name("CUST-")
		self._database.insert("customers", name=name, data=_own_fields(customer))
		return name

	def update_customer(self, channel: Channel, name: str, customer: Customer) -> None:
		"""What the storefront does not say stays as it is."""
		row = self._database.read_one("select data from customers where name = ?", name)
		if row is None:
			raise Rejected(f"Customer {name} does not exist any more.")
		merged = json.loads(row["data"]) | json.loads(_own_fields(customer))
		self._database.write("update customers set data = ? where name = ?", json.dumps(merged), name)

	def ensure_contact(self, customer_name: str, customer: Customer) -> str | None:
		email = (customer.email or "").strip().lower() or None
		if not email and not customer.phone:
			return None
		name = self._contact_of(customer_name, email, customer.phone)
		if name is None:
			name = self._database.next_name("CONT-")
			self._database.insert("contacts", name=name, customer=customer_name, data=_own_fields(customer))
		if email:
			self._database.write("insert or ignore into contact_emails values (?, ?)", name, email)
		if customer.phone:
			self._database.write("insert or ignore into contact_phones values (?, ?)", name, customer.phone)
		return name

	def _contact_of(self, customer: str, email: str | None, phone: str | None) -> str | None:
		row = self._database.read_one(
			"select name from contacts where customer = ? and ("
			" name in (select contact from contact_emails where email = ?)"
			" or name in (select contact from contact_phones where phone = ?)) order by name limit 1",
			*(customer, email, phone),
		)
		return row["name"] if row else None

	def ensure_address(
		self, customer_name: str, address: Address, kind: Literal["Billing", "Shipping"]
	) -> str:
		if address.country_code and address.country_code.upper() not in SUPPORTED_REGIONS:
			raise Rejected(f'The ERP knows no country "{address.country_code}".')
		content = json.dumps([_normal(value) for value in address.model_dump().values()])
		row = self._database.read_one(
			"select name from addresses where customer = ? and content = ?", customer_name, content
		)
		if row:
			return row["name"]
		name = self._database.next_name("ADDR-")
		self._database.insert(
			"addresses",
			name=name,
			customer=customer_name,
			kind=kind,
			content=content,
			data=address.model_dump_json(),
		)
		return name


def _own_fields(customer: Customer) -> str:
	return customer.model_dump_json(exclude={"addresses"}, exclude_none=True)


def _normal(value: str | None) -> str:
	return " ".join((value or "").split()).casefold()
