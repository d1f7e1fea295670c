"""DocType Address: a customer's addresses, matched by content, so that a repeated order adds none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import frappe

from commerce_bridge.bridge.errors import Rejected
from commerce_bridge.bridge.model import Address
from commerce_bridge.erpnext.contact import is_email

DOCTYPE = "Address"
CONTENT = ("address_title", "address_line1", "address_line2", "city", "state", "pincode", "country")
#: ERPNext cannot do without them; storefronts can.
MISSING = "-"
#: With "-Shipping-" it fits the 100 characters of a naming series, which Frappe makes of a title used before.
LONGEST_TITLE = 85
#: (site, code) → name; countries are not renamed
_countries: dict[tuple[str, str], str] = {}
OF_CUSTOMER = f"""SELECT address.name, {", ".join(f"address.{field}" for field in CONTENT)}
	FROM `tabDynamic Link` link JOIN `tabAddress` address ON address.name = link.parent
	WHERE link.link_doctype = 'Customer' AND link.link_name = %s AND link.parenttype = 'Address'
		AND address.disabled = 0
	ORDER BY address.creation"""


def ensure(customer_name: str, address: Address, kind: Literal["Billing", "Shipping"]) -> str:
	"""The customer's address with this content, whatever it was first used for; made if there is none."""
	values = _values(customer_name, address)
	wanted = _content(values)
	known = _known(customer_name)
	if wanted in known:
		return known[wanted]
	doc = frappe.get_doc(
		{
			"doctype": DOCTYPE,
			"address_type": kind,
			**values,
			"phone": (address.phone or "")[:140] or None,
			"email_id": address.email if is_email(address.email) else None,
			"links": [{"link_doctype": "Customer", "link_name": customer_name}],
		}
	)
	known[wanted] = doc.insert().name
	return known[wanted]


def _known(customer_name: str) -> dict[tuple[str, ...], str]:
	"""The customer's addresses by content, the oldest of equal ones; read once a transaction, as Frappe's value
	cache lives."""
	key = ("Commerce Bridge addresses", customer_name)
	if key not in frappe.db.value_cache:
		rows = frappe.db.sql(OF_CUSTOMER, customer_name, as_dict=True)
		frappe.db.value_cache[key] = {_content(row): row.name for row in reversed(rows)}
	return frappe.db.value_cache[key]


def _values(customer_name: str, address: Address) -> dict[str, Any]:
	title = address.company or address.name or customer_name
	street = address.line1 or MISSING
	return {
		"address_title": _one_line(title, LONGEST_TITLE) or MISSING,
		"address_line1": _one_line(street, 240) or MISSING,
		"address_line2": _one_line(address.line2, 240) or None,
		"city": _one_line(address.city, 140) or MISSING,
		"state": _one_line(address.region, 140) or None,
		"pincode": _one_line(address.postal_code, 140) or None,
		"country": country_of(address.country_code),
	}


def _one_line(text: str | None, longest: int) -> str:
	clean = (text or "").replace("<", " ").replace(">", " ").replace("\0", "")
	return " ".join(clean.split())[:longest].strip()


def _content(values: Mapping[str, Any]) -> tuple[str, ...]:
	return tuple(" ".join(str(values.get(field) or "").casefold().split()) for field in CONTENT)


def country_of(code: str | None) -> str:
	"""ERPNext's name of an ISO 3166 alpha-2 code; the site's own country where the shop gives none."""
	if not code:
		country = frappe.db.get_default("country")
		if not country:
			raise Rejected("An address has no country, and the site has no default country")
		return country
	key = (frappe.local.site, code.lower())
	if key not in _countries:
		country = frappe.db.get_value("Country", {"code": code.lower()}, "name", order_by=None)
		if not country:
			raise Rejected(f'ERPNext knows no country with the code "{code}"')
		_countries[key] = country
	return _countries[key]
