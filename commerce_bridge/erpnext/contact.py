"""DocType Contact: the e-mail address and phone number of a customer."""

from __future__ import annotations

from typing import Any

import frappe
from frappe.utils import validate_email_address

from commerce_bridge.bridge.model import Customer
from commerce_bridge.erpnext.customer import clean, display_name

DOCTYPE = "Contact"
#: First and last name together, with a blank, fit `full_name`.
LONGEST_PART = 69
#: Frappe asks gravatar.com, inside our transaction, for the picture of a contact that has none.
PLACEHOLDER = "commerce-bridge:none"
OF_CUSTOMER = """SELECT contact.name, email.email_id, phone.phone FROM `tabDynamic Link` link
	JOIN `tabContact` contact ON contact.name = link.parent
	LEFT JOIN `tabContact Email` email ON email.parent = contact.name
	LEFT JOIN `tabContact Phone` phone ON phone.parent = contact.name
	WHERE link.link_doctype = 'Customer' AND link.link_name = %s AND link.parenttype = 'Contact'
	ORDER BY contact.creation"""


def ensure(customer_name: str, customer: Customer) -> str | None:
	"""The customer's contact with this e-mail address and phone number; made or completed as needed.

	:return: None where the storefront withholds name, e-mail and phone
	"""
	email = customer.email if is_email(customer.email) else None
	if not (email or customer.phone):
		return None
	rows = frappe.db.sql(OF_CUSTOMER, customer_name)
	for name, found_email, found_phone in rows:
		if _same(found_email, email) and found_phone == customer.phone:
			return name
	known = next((name for name, found, _phone in rows if email and _same(found, email)), None)
	known = known or next((name for name, _email, found in rows if found and found == customer.phone), None)
	if known:
		return _complete(known, email, customer.phone)
	return _create(customer_name, customer, email, is_first=not rows)


def is_email(text: str | None) -> bool:
	"""Whether it is one address: of a list with commas, Frappe's check returns those that are valid."""
	return bool(text) and "," not in text and validate_email_address(text) == text


def _same(one: str | None, other: str | None) -> bool:
	return (one or "").strip().lower() == (other or "").strip().lower()


def _complete(name: str, email: str | None, phone: str | None) -> str:
	doc = frappe.get_doc(DOCTYPE, name)
	before = len(doc.email_ids) + len(doc.phone_nos)
	if email and not any(_same(row.email_id, email) for row in doc.email_ids):
		doc.append("email_ids", {"email_id": email, "is_primary": int(not doc.email_ids)})
	if phone and not any(row.phone == phone for row in doc.phone_nos):
		doc.append("phone_nos", {"phone": phone, "is_primary_mobile_no": int(not doc.phone_nos)})
	if len(doc.email_ids) + len(doc.phone_nos) > before:
		_without_gravatar(doc)
		doc.save()
	return doc.name


def _create(customer_name: str, customer: Customer, email: str | None, is_first: bool) -> str:
	doc = frappe.get_doc(
		{
			"doctype": DOCTYPE,
			"first_name": clean(customer.first_name or display_name(customer))[:LONGEST_PART],
			"last_name": clean(customer.last_name or "")[:LONGEST_PART] or None,
			"company_name": clean(customer.company or "")[:140] or None,
			"is_primary_contact": int(is_first),
			"email_ids": [{"email_id": email, "is_primary": 1}] if email else [],
			"phone_nos": [{"phone": customer.phone, "is_primary_mobile_no": 1}] if customer.phone else [],
			"links": [{"link_doctype": "Customer", "link_name": customer_name}],
		}
	)
	_without_gravatar(doc)
	doc.insert(set_name=_long_name(doc, customer_name))
	if is_first:
		_make_primary(customer_name, doc)
	return doc.name


def _long_name(doc: Any, customer_name: str) -> str | None:
	"""A name of our own where Frappe's ("person-customer") would not fit the column."""
	person = " ".join(part for part in (doc.first_name, doc.last_name) if part)
	if len(person) + len(customer_name) < 130:
		return None
	return f"{person[:60]}-{customer_name[:60]}-{frappe.generate_hash(length=8)}"


def _make_primary(customer_name: str, doc: Any) -> None:
	"""What Customer shows of its first contact; written past `save`, which would run its checks again."""
	frappe.db.set_value(
		"Customer",
		customer_name,
		{"customer_primary_contact": doc.name, "email_id": doc.email_id, "mobile_no": doc.mobile_no},
		update_modified=False,
	)


def _without_gravatar(doc: Any) -> None:
	doc.image = doc.image or PLACEHOLDER


def before_save(doc: Any, method: str | None = None) -> None:
	"""Takes the placeholder out again, after `validate` and before the row is written."""
	if doc.image == PLACEHOLDER:
		doc.image = None
