"""Who a shop's request is about, and what is known of that person."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import frappe

from commerce_bridge.bridge import customers
from commerce_bridge.bridge.channel import Channel
from commerce_bridge.bridge.model import DataRequest, Redaction
from commerce_bridge.erpnext import channel_record, customer

CUSTOMER = customers.RECORD_TYPE
GUEST = "guest:"
#: What a name, a title or a text that must not be empty becomes.
NEUTRAL = "Redacted"
#: For `IN %s` where there is nothing: no document is called so. An empty text would match columns left empty.
NOBODY = ("no such name",)
#: The collation takes "é" for "e": what is the same is told apart in Python.
WITH_EMAIL = """SELECT DISTINCT link.link_name, entry.email_id FROM `tabContact Email` entry
	JOIN `tabDynamic Link` link ON link.parent = entry.parent AND link.parenttype = 'Contact'
		AND link.link_doctype = 'Customer'
	WHERE entry.parenttype = 'Contact' AND entry.email_id = %s"""
RECORDS = """SELECT channel, external_id FROM `tabChannel Record`
	WHERE document_type = 'Customer' AND document_name = %s AND record_type = 'Customer'"""
ORDERS_OF = "SELECT name FROM `tabSales Order` WHERE cb_channel = %s AND customer IN %s"
ORDERS_BY_ID = "SELECT name, cb_external_id, customer, customer_name FROM `tabSales Order` WHERE cb_channel = %s AND cb_external_id IN %s"
#: An invoice keeps the buyer's name; whether the customer was redacted says its title, see redaction.py.
INVOICES_OF = """SELECT name FROM `tabSales Invoice`
	WHERE cb_channel = %s AND customer IN %s AND cb_instead_of_order = 1"""
INVOICES_BY_ID = """SELECT name, cb_external_id, customer, title AS customer_name FROM `tabSales Invoice`
	WHERE cb_channel = %s AND cb_external_id IN %s AND cb_instead_of_order = 1"""
#: What others make for a customer, and not a channel. The rest ERPNext makes of these.
BY_HAND = ("Sales Order", "Delivery Note", "Sales Invoice", "POS Invoice")


@dataclass(frozen=True, slots=True)
class Person:
	"""A person as one channel knows them.

	:param customers: those who are this person and nobody else, known to nobody else
	:param shared: those whom others know too, and who they are
	:param orders: names of the channel's Sales Orders, in any state
	:param invoices: names of the Sales Invoices that stand for its other orders
	:param order_ids: what the shop calls them, and `customer_ids` the buyers
	"""

	customers: tuple[str, ...] = ()
	shared: tuple[tuple[str, str], ...] = ()
	orders: tuple[str, ...] = ()
	invoices: tuple[str, ...] = ()
	order_ids: tuple[str, ...] = ()
	customer_ids: tuple[str, ...] = ()


def find(channel: Channel, request: Redaction | DataRequest) -> Person:
	"""By the shop's id of the buyer and by e-mail; by phone only where the shop names neither. An order's customer
	is meant only where the channel knows no other buyer by that name: it may be one for many buyers."""
	ids = [f"{GUEST}{order_id}" for order_id in request.order_ids]
	ids += [request.customer_id] if request.customer_id else []
	by_id = _exactly(ORDERS_BY_ID, channel, request.order_ids)
	billed = _exactly(INVOICES_BY_ID, channel, request.order_ids)
	found = dict.fromkeys([*_recorded(channel, ids), *_named(channel, request)])
	found |= {row.customer: None for row in (*by_id, *billed) if _is_only(channel, row, ids)}
	shared = {name: reason for name in found if (reason := _others(channel, name, request.customer_id))}
	mine = [name for name in found if shared.get(name) != ANOTHER_BUYER]
	orders = _names(by_id, ORDERS_OF, channel, mine)
	invoices = _names(billed, INVOICES_OF, channel, mine)
	return Person(
		customers=tuple(name for name in found if name not in shared),
		shared=tuple(shared.items()),
		orders=orders,
		invoices=invoices,
		order_ids=tuple(dict.fromkeys([*request.order_ids, *_external_ids(orders, invoices)])),
		customer_ids=(request.customer_id,) if request.customer_id else (),
	)


def of_customer(channel: Channel, customer: str) -> Person:
	"""The buyer that an ERP's customer stands for in this channel."""
	orders = _names((), ORDERS_OF, channel, (customer,))
	invoices = _names((), INVOICES_OF, channel, (customer,))
	reason = _others(channel, customer, None)
	return Person(
		customers=() if reason else (customer,),
		shared=((customer, reason),) if reason else (),
		orders=orders,
		invoices=invoices,
		order_ids=tuple(_external_ids(orders, invoices)),
		customer_ids=tuple(_ids_of(channel, customer)),
	)


def _names(
	found: Iterable[Any], statement: str, channel: Channel, customers: Sequence[str]
) -> tuple[str, ...]:
	"""Of the documents found, and of those of the customers."""
	named = frappe.db.sql(statement, (channel.name, tuple(customers) or NOBODY), pluck=True)
	return tuple(dict.fromkeys([*(row.name for row in found), *named]))


def _recorded(channel: Channel, ids: Sequence[str]) -> list[str]:
	records = channel_record.known(channel.name, CUSTOMER, ids).values()
	return [record.document for record in records if record.document and record.doctype == "Customer"]


def _named(channel: Channel, request: Redaction | DataRequest) -> list[str]:
	email = customers.normal_email(request.email)
	if email:
		rows = frappe.db.sql(WITH_EMAIL, email)
		names = [name for name, spelled in rows if (spelled or "").strip().lower() == email]
		return [name for name in dict.fromkeys(names) if _is_known(channel, name)]
	if request.phone and not request.customer_id:
		phone = customers.e164(request.phone, channel.default_country)
		found = [name for name in customer.with_phone(phone) if _is_known(channel, name)] if phone else []
		return found if len(found) == 1 else []
	return []


def _is_known(channel: Channel, customer: str) -> bool:
	"""Whether the channel brought the customer, or an order of theirs: others are none of the shop's business."""
	return bool(
		any(row[0] == channel.name for row in frappe.db.sql(RECORDS, customer))
		or frappe.db.sql(f"{ORDERS_OF} LIMIT 1", (channel.name, (customer,)))
		or frappe.db.sql(f"{INVOICES_OF} LIMIT 1", (channel.name, (customer,)))
	)


def _ids_of(channel: Channel, customer: str) -> list[str]:
	rows = frappe.db.sql(RECORDS, customer)
	return [external_id for name, external_id in rows if name == channel.name]


def _exactly(statement: str, channel: Channel, order_ids: Sequence[str]) -> list[Any]:
	rows = frappe.db.sql(statement, (channel.name, tuple(order_ids) or NOBODY), as_dict=True)
	return [row for row in rows if row.cb_external_id in order_ids]


def _is_only(channel: Channel, order: Any, ids: Sequence[str]) -> bool:
	"""Whether the order's customer is no other buyer, and was not redacted before."""
	return order.customer_name != NEUTRAL and set(_ids_of(channel, order.customer)) <= set(ids)


def _external_ids(orders: Sequence[str], invoices: Sequence[str]) -> list[str]:
	rows = frappe.db.sql(
		"""SELECT cb_external_id FROM `tabSales Order` WHERE name IN %s
		UNION ALL SELECT cb_external_id FROM `tabSales Invoice` WHERE name IN %s""",
		(tuple(orders) or NOBODY, tuple(invoices) or NOBODY),
		pluck=True,
	)
	return [external_id for external_id in rows if external_id]


ANOTHER_BUYER = "another buyer of this shop"


def _others(channel: Channel, customer: str, customer_id: str | None) -> str | None:
	"""Who else the customer is, in words; None where only this buyer. Guests are found by what they say of
	themselves: they are the same person."""
	for name, external_id in frappe.db.sql(RECORDS, customer):
		if name != channel.name:
			return f"a buyer of {name}"
		if customer_id and external_id != customer_id and not external_id.startswith(GUEST):
			return ANOTHER_BUYER
	for doctype in BY_HAND:
		rows = frappe.db.sql(
			f"SELECT cb_channel FROM `tab{doctype}` WHERE customer = %s AND COALESCE(cb_channel, '') != %s LIMIT 1"
			if doctype != "POS Invoice"
			else "SELECT NULL FROM `tabPOS Invoice` WHERE customer = %s AND %s IS NOT NULL LIMIT 1",
			(customer, channel.name),
		)
		if rows:
			return f"a buyer of {rows[0][0]}" if rows[0][0] else f"the customer of a {doctype} of your own"
	if frappe.db.exists("Quotation", {"quotation_to": "Customer", "party_name": customer}):
		return "the customer of a Quotation of your own"
	return None


# --- what is known ---------------------------------------------------------------------------------------

PARTY = {
	"customers": "SELECT name, customer_name, customer_type, tax_id, email_id, mobile_no, creation FROM"
	" `tabCustomer` WHERE name IN %s",
	"contacts": """SELECT DISTINCT contact.name, first_name, last_name, company_name FROM `tabContact` contact
		JOIN `tabDynamic Link` link ON link.parent = contact.name AND link.parenttype = 'Contact'
		WHERE link.link_doctype = 'Customer' AND link.link_name IN %s""",
	"addresses": """SELECT DISTINCT address.name, address_title, address_line1, address_line2, city, state,
		pincode, country, phone, email_id FROM `tabAddress` address
		JOIN `tabDynamic Link` link ON link.parent = address.name AND link.parenttype = 'Address'
		WHERE link.link_doctype = 'Customer' AND link.link_name IN %s""",
}
HEADER = "name, docstatus, {date} AS date, customer, customer_name, contact_display, contact_email, contact_mobile,"
HEADER += " address_display, shipping_address, currency, grand_total, cb_external_number"
LINES = "SELECT item_code, item_name, qty, rate, amount FROM `tab{0} Item` WHERE parent = %s ORDER BY idx"
MADE_OF = "SELECT DISTINCT parent FROM `tab{0} Item` WHERE {1} IN %s"
ENTRIES = """SELECT topic, direction, creation AS time, external_number FROM `tabSync Log` WHERE channel = %s AND (
	(external_id IN %s AND topic NOT LIKE 'customer%%') OR (external_id IN %s AND topic LIKE 'customer%%')
	OR reference_name IN %s) ORDER BY creation"""


def report(channel: Channel, request: DataRequest) -> str:
	"""See `Erp.personal_data`. Customers that others know too are told of only where the shop's own request
	names them, by id or by e-mail; contacts and addresses of another buyer are not."""
	person = find(channel, request)
	names = [*person.customers, *(name for name, reason in person.shared if reason != ANOTHER_BUYER)]
	notes = _made_of("Delivery Note", "against_sales_order", person.orders)
	notes += _made_of("Delivery Note", "against_sales_invoice", person.invoices)
	invoices = [*person.invoices, *_made_of("Sales Invoice", "sales_order", person.orders), *_credits(person)]
	known = {
		**{kind: _rows(statement, (tuple(names) or NOBODY,)) for kind, statement in PARTY.items()},
		"orders": _documents("Sales Order", "transaction_date", person.orders),
		"deliveries": _documents("Delivery Note", "posting_date", notes),
		"invoices": _documents("Sales Invoice", "posting_date", invoices),
		"entries": _entries(channel, person, [*names, *person.orders, *person.invoices, *notes]),
	}
	for contact in known["contacts"]:
		contact["emails"] = _children("Contact Email", "email_id", contact["name"])
		contact["phones"] = _children("Contact Phone", "phone", contact["name"])
	return json.dumps(known, default=str, ensure_ascii=False, indent=1)


def _rows(statement: str, values: tuple[Any, ...]) -> list[dict[str, Any]]:
	return [dict(row) for row in frappe.db.sql(statement, values, as_dict=True)]


def _children(table: str, column: str, parent: str) -> list[str]:
	return frappe.db.sql(
		f"SELECT {column} FROM `tab{table}` WHERE parent = %s ORDER BY idx", parent, pluck=True
	)


def _made_of(doctype: str, column: str, orders: Sequence[str]) -> list[str]:
	return frappe.db.sql(MADE_OF.format(doctype, column), (tuple(orders) or NOBODY,), pluck=True)


def _credits(person: Person) -> list[str]:
	"""Credit notes of invoices that stand for orders: their rows name no order."""
	statement = "SELECT name FROM `tabSales Invoice` WHERE return_against IN %s AND is_return = 1"
	return frappe.db.sql(statement, (person.invoices or NOBODY,), pluck=True)


def _documents(doctype: str, date: str, names: Sequence[str]) -> list[dict[str, Any]]:
	statement = f"SELECT {HEADER.format(date=date)} FROM `tab{doctype}` WHERE name IN %s ORDER BY creation"
	documents = _rows(statement, (tuple(names) or NOBODY,))
	for document in documents:
		document["lines"] = _rows(LINES.format(doctype), (document["name"],))
	return documents


def _entries(channel: Channel, person: Person, documents: Sequence[str]) -> list[dict[str, Any]]:
	values = [tuple(each) or NOBODY for each in (person.order_ids, person.customer_ids, documents)]
	return _rows(ENTRIES, (channel.name, *values))
