"""One order through the real path against the same documents made by plain ERPNext: time and queries."""

from __future__ import annotations

from statistics import median
from typing import Any

import frappe

from tests.benchmark.shop import Shop, as_integration_user, open_shop, queries, without_hooks
from tests.benchmark.table import Row, at_most, interleaved, timed

#: Fields of a Sales Order that somebody who makes it by hand fills in.
HEADER = (
	*("doctype", "naming_series", "company", "customer", "contact_person", "customer_address"),
	*("shipping_address_name", "order_type", "transaction_date", "delivery_date", "currency"),
	*("conversion_rate", "selling_price_list", "price_list_currency", "plc_conversion_rate"),
	*("ignore_pricing_rule", "disable_rounded_total", "apply_discount_on", "discount_amount", "cost_center"),
)
ITEM = ("item_code", "item_name", "qty", "rate", "price_list_rate", "discount_percentage", "uom")
ITEM = (*ITEM, "warehouse", "delivery_date", "cost_center")
TAX = ("charge_type", "account_head", "description", "rate", "tax_amount", "cost_center")
CUSTOMER = ("doctype", "customer_name", "customer_type", "customer_group", "territory")
ADDRESS = (
	*("doctype", "address_title", "address_type", "address_line1", "address_line2", "city", "state"),
	*("pincode", "country"),
)
#: Frappe asks gravatar.com for the picture of a contact that has none: a wait that is not ERPNext's.
PICTURE = "/assets/frappe/images/default-avatar.png"
FIRST_NEW_BUYER = 100_000


def rows() -> list[Row]:
	shop = open_shop()
	return [*_compared(Known(shop), 0.70, 130), *_compared(New(shop), 0.80, 200)]


class Known:
	"""An order of a customer who is known, with the addresses that are known."""

	title = "order -> submitted Sales Order, known customer"

	def __init__(self, shop: Shop):
		self.shop = shop

	def buyer(self) -> int | None:
		return None

	def ours(self) -> float:
		log = self.shop.record(self.shop.order(self.buyer()))
		seconds = timed(self.shop.work)
		self.shop.succeeded(log)
		return seconds

	def theirs(self) -> float:
		made = frappe.get_doc("Sales Order", self.shop.make(self.shop.order(self.buyer())))
		documents = self.documents(made)
		frappe.db.rollback()
		with without_hooks():
			return timed(lambda: self.by_hand(documents, made.grand_total))

	def documents(self, made: Any) -> dict[str, Any]:
		return {"order": _values(made)}

	def by_hand(self, documents: dict[str, Any], grand_total: float) -> None:
		with as_integration_user():
			_insert_and_submit(documents["order"], grand_total)
			frappe.db.commit()


class New(Known):
	"""The same of somebody new: customer, two addresses, contact."""

	title = "the same with a new customer, 2 addresses, contact"
	last = FIRST_NEW_BUYER

	def buyer(self) -> int | None:
		New.last += 1
		return New.last

	def documents(self, made: Any) -> dict[str, Any]:
		customer = frappe.get_doc("Customer", made.customer)
		contact = frappe.get_doc("Contact", made.contact_person)
		addresses = (made.customer_address, made.shipping_address_name)
		return {
			"order": _values(made),
			"customer": _picked(customer, CUSTOMER) | {"customer_name": f"{customer.customer_name} by hand"},
			"contact": {
				**_picked(contact, ("doctype", "first_name", "last_name", "is_primary_contact")),
				"image": PICTURE,
				"email_ids": [{"email_id": f"hand-{contact.email_id}", "is_primary": 1}],
				"phone_nos": [{"phone": row.phone, "is_primary_mobile_no": 1} for row in contact.phone_nos],
			},
			"addresses": [_picked(frappe.get_doc("Address", name), ADDRESS) for name in addresses],
		}

	def by_hand(self, documents: dict[str, Any], grand_total: float) -> None:
		with as_integration_user():
			customer = frappe.get_doc(documents["customer"]).insert().name
			links = {"links": [{"link_doctype": "Customer", "link_name": customer}]}
			billing, shipping = (
				frappe.get_doc({**values, **links}).insert().name for values in documents["addresses"]
			)
			contact = frappe.get_doc({**documents["contact"], **links}).insert().name
			parties = {
				"customer": customer,
				"contact_person": contact,
				"customer_address": billing,
				"shipping_address_name": shipping,
			}
			_insert_and_submit(documents["order"] | parties, grand_total)
			frappe.db.commit()


def _insert_and_submit(values: dict[str, Any], grand_total: float) -> None:
	doc = frappe.get_doc(values)
	doc.insert()
	doc.submit()
	if doc.grand_total != grand_total:
		raise RuntimeError(f"{doc.name} comes to {doc.grand_total}, not to {grand_total}")


def _values(made: Any) -> dict[str, Any]:
	return {
		**_picked(made, HEADER),
		"items": [_picked(row, ITEM) for row in made.items],
		"taxes": [_picked(row, TAX) for row in made.taxes],
	}


def _picked(doc: Any, fields: tuple[str, ...]) -> dict[str, Any]:
	return {field: doc.get(field) for field in fields}


def _compared(case: Known, limit: float, most_queries: int) -> list[Row]:
	ours, theirs = interleaved(case.ours, case.theirs)
	counted, plain = _count(case)
	a, b = median(ours), median(theirs)
	return [
		at_most(case.title, a / b, limit, " x", f" ({a * 1000:.0f} ms : {b * 1000:.0f} ms)"),
		at_most("  queries", counted, most_queries, "", f" (ERPNext {plain})"),
	]


def _count(case: Known) -> tuple[int, int]:
	"""The most queries of three orders each way."""
	return max(map(len, _queries_of_ours(case))), max(map(len, _queries_by_hand(case)))


def _queries_of_ours(case: Known) -> list[list[str]]:
	counted = []
	for _ in range(3):
		log = case.shop.record(case.shop.order(case.buyer()))
		with queries() as sent:
			case.shop.work()
		case.shop.succeeded(log)
		counted.append(sent)
	return counted


def _queries_by_hand(case: Known) -> list[list[str]]:
	counted = []
	for _ in range(3):
		made = frappe.get_doc("Sales Order", case.shop.make(case.shop.order(case.buyer())))
		documents = case.documents(made)
		frappe.db.rollback()
		with without_hooks(), queries() as sent:
			case.by_hand(documents, made.grand_total)
		counted.append(sent)
	return counted
