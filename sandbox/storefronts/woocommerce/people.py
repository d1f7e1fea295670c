"""Customers, and the small lists of terms: categories, brands, tags, attributes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sandbox.storefronts.woocommerce.goods import links
from sandbox.storefronts.woocommerce.values import dates, slug_of

if TYPE_CHECKING:
	from sandbox.storefronts.woocommerce.state import State


@dataclass(eq=False)
class Customer:
	id: int
	created: datetime
	modified: datetime
	email: str
	username: str
	billing: dict[str, str]
	shipping: dict[str, str]
	first_name: str = ""
	last_name: str = ""
	meta: list[dict[str, Any]] = field(default_factory=list)


def shown_customer(shop: State, customer: Customer) -> dict[str, Any]:
	paying = any(order.customer_id == customer.id and order.paid for order in shop.orders.values())
	avatar = hashlib.sha256(customer.email.lower().encode()).hexdigest()
	return {
		"id": customer.id,
		**dates("date_created", customer.created, shop.zone),
		**dates("date_modified", customer.modified, shop.zone),
		"email": customer.email,
		"first_name": customer.first_name,
		"last_name": customer.last_name,
		"role": "customer",
		"username": customer.username,
		"billing": _address(customer.billing),
		"shipping": _address(customer.shipping),
		"is_paying_customer": paying,
		"avatar_url": f"https://secure.gravatar.com/avatar/{avatar}?s=96&d=mm&r=g",
		"meta_data": customer.meta,
		"_links": links(shop, f"customers/{customer.id}", "customers"),
	}


def _address(given: Mapping[str, str]) -> dict[str, str]:
	"""The state is behind the country here, before it in an order."""
	rest = {name: value for name, value in given.items() if name not in ("state", "email", "phone")}
	return {**rest, **{name: given[name] for name in ("state", "email", "phone") if name in given}}


@dataclass(eq=False)
class Term:
	id: int
	name: str
	slug: str
	parent: int = 0
	description: str = ""


class Terms:
	"""The terms of one taxonomy; ids are counted for all of them together."""

	def __init__(self, path: str):
		self.path = path  # in the API
		self.rows: dict[int, Term] = {}

	def add(self, number: int, name: str, parent: int = 0, slug: str = "") -> Term:
		term = self.rows[number] = Term(number, name, slug or slug_of(name), parent)
		return term

	def named(self, name: str) -> Term | None:
		return next((term for term in self.rows.values() if term.name.lower() == name.lower()), None)

	def short(self, number: int) -> dict[str, Any]:
		term = self.rows[number]
		return {"id": term.id, "name": term.name, "slug": term.slug}


def shown_term(shop: State, terms: Terms, term: Term, count: int) -> dict[str, Any]:
	hierarchy: Mapping[str, Any] = {} if terms.path.endswith(("tags", "/terms")) else {"parent": term.parent}
	display: Mapping[str, Any] = {"display": "default", "image": None} if hierarchy else {}
	return {
		"id": term.id,
		"name": term.name,
		"slug": term.slug,
		**hierarchy,
		"description": term.description,
		**display,
		"menu_order": 0,
		"count": count,
		"_links": links(shop, f"{terms.path}/{term.id}", terms.path),
	}


@dataclass(eq=False)
class Attribute:
	id: int
	name: str
	slug: str  # pa_size
	terms: Terms


def shown_attribute(shop: State, attribute: Attribute) -> dict[str, Any]:
	return {
		"id": attribute.id,
		"name": attribute.name,
		"slug": attribute.slug,
		"type": "select",
		"order_by": "menu_order",
		"has_archives": False,
		"_links": links(shop, f"products/attributes/{attribute.id}", "products/attributes"),
	}
