"""DocType Customer: found by e-mail or phone, made, brought up to date."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import frappe
import phonenumbers

from commerce_bridge.bridge.channel import Channel
from commerce_bridge.bridge.mapping import mapped_values
from commerce_bridge.bridge.model import Address, Customer
from commerce_bridge.bridge.outbound import CUSTOMER, told_entry
from commerce_bridge.bridge.protocols import NewEntry
from commerce_bridge.erpnext import channel_settings, stock_change, sync_log, transaction
from commerce_bridge.erpnext.time import from_site, stored

DOCTYPE = "Customer"
#: Room for " - 12", which ERPNext appends to a name that is taken, and for names of addresses and contacts.
LONGEST_NAME = 120
LINKED = """SELECT DISTINCT link.link_name, entry.{1} FROM `tabContact {0}` entry
	JOIN `tabDynamic Link` link ON link.parent = entry.parent AND link.parenttype = 'Contact'
		AND link.link_doctype = 'Customer'
	JOIN `tabCustomer` customer ON customer.name = link.link_name AND customer.disabled = 0
	WHERE entry.parenttype = 'Contact' AND entry.{1} IN %s ORDER BY customer.creation, customer.name"""


def with_email(email: str) -> list[str]:
	"""Customers one of whose contacts has this address, the oldest first. The collation ignores case, and
	accents too: those are told apart here."""
	wanted = email.strip().lower()
	rows = frappe.db.sql(LINKED.format("Email", "email_id"), ((wanted,),))
	return list(dict.fromkeys(name for name, found in rows if found.strip().lower() == wanted))


def with_phone(phone: str) -> list[str]:
	"""Customers one of whose contacts has this number (E.164), however it was typed."""
	rows = frappe.db.sql(LINKED.format("Phone", "phone"), (_spellings(phone),))
	return list(dict.fromkeys(name for name, _found in rows))


def _spellings(phone: str) -> tuple[str, ...]:
	number = phonenumbers.parse(phone, None)
	formats = phonenumbers.PhoneNumberFormat
	written = [phonenumbers.format_number(number, form) for form in (formats.INTERNATIONAL, formats.NATIONAL)]
	digits = phone.lstrip("+")
	plain = [text.replace(" ", "").replace("-", "") for text in written]
	return tuple(dict.fromkeys([phone, digits, f"00{digits}", *written, *plain]))


def create(channel: Channel, customer: Customer) -> str:
	"""A new Customer; its contact and addresses are made separately."""
	doc = frappe.get_doc(
		{
			"doctype": DOCTYPE,
			"customer_name": _free_of_groups(display_name(customer)),
			"customer_type": "Company" if customer.company else "Individual",
			"customer_group": channel.customer_group or None,
			"territory": channel.territory or None,
			"tax_id": customer.tax_id,
			**stored(mapped_values(channel, DOCTYPE, customer.custom)),
		}
	)
	return doc.insert().name


def display_name(customer: Customer) -> str:
	"""Company, or first and last name, or what else identifies the buyer; without what ERPNext refuses."""
	person = " ".join(part for part in (customer.first_name, customer.last_name) if part)
	name = customer.company or person or customer.email or customer.phone or f"Guest {customer.id or ''}"
	name = name.replace("\\", "/")  # ERPNext counts namesakes by LIKE, where a backslash hides them
	return clean(name)[:LONGEST_NAME].strip() or "Guest"


def clean(name: str) -> str:
	"""A name without the characters Frappe refuses in names, on one line."""
	return " ".join(name.replace("<", " ").replace(">", " ").replace("\0", "").split())


def _free_of_groups(name: str) -> str:
	"""ERPNext refuses a customer named like a Customer Group, and every name that begins with "New Customer"."""
	taken = name.startswith("New Customer") or frappe.db.exists("Customer Group", name, cache=True)
	return f"Customer {name}" if taken else name


def update(channel: Channel, name: str, customer: Customer) -> None:
	"""Writes what the storefront says of a customer; saves only if something differs."""
	doc = frappe.get_doc(DOCTYPE, name)
	wanted = stored(mapped_values(channel, DOCTYPE, customer.custom))
	if customer.company or customer.first_name or customer.last_name:
		wanted["customer_name"] = display_name(customer)
	if customer.tax_id:
		wanted["tax_id"] = customer.tax_id
	changed = {field: value for field, value in wanted.items() if doc.get(field) != value}
	if changed:
		doc.update(changed)
		doc.save()


# --- told ------------------------------------------------------------------------------------------------

#: What an address must have in ERPNext and this one has not, see `address`.
MISSING = "-"
CUSTOMERS = """SELECT name, customer_name, customer_type, tax_id, customer_primary_contact, modified
	FROM `tabCustomer` WHERE name = %s"""
CONTACTS = """SELECT contact.name, contact.first_name, contact.last_name, contact.email_id, contact.mobile_no,
		contact.phone, contact.modified
	FROM `tabDynamic Link` link JOIN `tabContact` contact ON contact.name = link.parent
	WHERE link.link_doctype = 'Customer' AND link.link_name = %s AND link.parenttype = 'Contact'
	ORDER BY contact.name = %s DESC, contact.is_primary_contact DESC, contact.creation, contact.name"""
ADDRESSES = """SELECT address.address_title, address.address_line1, address.address_line2, address.city,
		address.state, address.pincode, country.code, address.phone, address.email_id, address.modified
	FROM `tabDynamic Link` link JOIN `tabAddress` address ON address.name = link.parent
	LEFT JOIN `tabCountry` country ON country.name = address.country
	WHERE link.link_doctype = 'Customer' AND link.link_name = %s AND link.parenttype = 'Address'
		AND address.disabled = 0
	ORDER BY address.is_primary_address DESC, address.creation, address.name"""
OF_CHANNEL = """SELECT name FROM `tabChannel Record` WHERE document_type = 'Customer' AND document_name = %s
	AND channel = %s LIMIT 1"""


def told(name: str) -> Customer | None:
	"""See `Erp.get_customer`: three queries. E-mail and phone are those of the first contact that has any."""
	rows = frappe.db.sql(CUSTOMERS, name, as_dict=True)
	if not rows:
		return None
	customer = rows[0]
	contacts = frappe.db.sql(CONTACTS, (name, customer.customer_primary_contact or ""), as_dict=True)
	addresses = frappe.db.sql(ADDRESSES, name, as_dict=True)
	company = customer.customer_name if customer.customer_type != "Individual" else None
	return Customer(
		id=customer.name,
		email=next((row.email_id for row in contacts if row.email_id), None),
		phone=next((row.mobile_no or row.phone for row in contacts if row.mobile_no or row.phone), None),
		company=company,
		tax_id=customer.tax_id or None,
		addresses=tuple(map(_told_address, addresses)),
		updated_at=from_site(max(row.modified for row in (customer, *contacts, *addresses))),
		**_person(contacts, None if company else customer.customer_name),
	)


def _person(contacts: list[Any], name: str | None) -> dict[str, str | None]:
	"""A contact that was made of a company's name alone is no person."""
	contact = contacts[0] if contacts else None
	if contact is None:
		return {"first_name": name, "last_name": None}
	return {"first_name": contact.first_name or name, "last_name": contact.last_name or None}


def _told_address(row: Any) -> Address:
	def given(text: str | None) -> str | None:
		return None if text in (None, "", MISSING) else text

	return Address(
		name=given(row.address_title),
		line1=given(row.address_line1),
		line2=given(row.address_line2),
		city=given(row.city),
		region=given(row.state),
		postal_code=given(row.pincode),
		country_code=row.code.upper() if row.code else None,
		phone=given(row.phone),
		email=given(row.email_id),
	)


def on_update(doc: Any, method: str | None = None) -> None:
	"""Hook: a customer was saved."""
	_tell(doc.name)


def on_linked(doc: Any, method: str | None = None) -> None:
	"""Hook: a contact or an address was saved or deleted: its customers are told."""
	for name in dict.fromkeys(_linked(doc)):
		_tell(name)


def _linked(doc: Any) -> Iterator[str]:
	"""Customers it is linked to, and those it was linked to before."""
	for version in filter(None, (doc, doc.get_doc_before_save())):
		for link in version.get("links") or ():
			if link.link_doctype == DOCTYPE and link.link_name:
				yield link.link_name


def _tell(name: str) -> None:
	"""Nothing is read where no channel wants to hear of it. What a channel itself has just told us is an echo to
	it, unless it wants to hear of all."""
	source = transaction.acting_for()
	for channel in channel_settings.usable(channel_settings.telling_channels("customers")):
		policy = channel.events.customers
		if policy == "All" or channel.name != source:
			later = partial(_entries, channel.name, name, policy)
			stock_change.queue_later((CUSTOMER, channel.name, name), later)


def _entries(channel: str, name: str, policy: str) -> list[NewEntry]:
	if policy == "Own" and not frappe.db.sql(OF_CHANNEL, (name, channel)):
		return []
	customer = told(name)
	if customer is None:
		return []
	last = sync_log.latest(channel, CUSTOMER, DOCTYPE, name)
	entry = told_entry(channel, CUSTOMER, DOCTYPE, name, customer, last)
	return [entry] if entry else []
