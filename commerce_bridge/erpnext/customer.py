"""DocType Customer: found by e-mail or phone, made, brought up to date."""

from __future__ import annotations

import frappe
import phonenumbers

from commerce_bridge.bridge.channel import Channel
from commerce_bridge.bridge.mapping import mapped_values
from commerce_bridge.bridge.model import Customer
from commerce_bridge.erpnext.time import stored

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
