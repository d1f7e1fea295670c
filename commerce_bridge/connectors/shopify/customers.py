"""Buyers and their addresses, and the payloads that ask for their data or for its end.

Every name, address, e-mail and phone number may be missing: Shopify withholds them by the plan of the shop.
https://www.shopify.dev/docs/apps/launch/protected-customer-data
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from commerce_bridge.bridge import model
from commerce_bridge.connectors.shopify import payloads
from commerce_bridge.connectors.shopify.ids import id_of, number_of
from commerce_bridge.connectors.shopify.payloads import Object, Wire, required_id, validated

_NO_ADDRESS = model.Address()


class Person(Wire):
	id: Any = None
	email: payloads.Text | None = None
	phone: payloads.Text | None = None


class PrivacyRequest(Wire):
	customer: Person | None = None
	orders_to_redact: list[Any] | None = None
	orders_requested: list[Any] | None = None


def to_customer(payload: Object) -> model.Customer:
	"""The customer of an event. Raises `Rejected` where it has no id, or its fields make no sense."""
	wire = validated(payloads.Customer, payload, "customer")
	return customer_of(wire, payload, required_id(payload, "Customer", "This customer"))


def customer_of(wire: payloads.Customer, raw: Object, customer_id: str | None) -> model.Customer:
	first = address_of(wire.default_address)
	others = [address_of(address) for address in wire.addresses or ()]
	addresses = dict.fromkeys(address for address in (first, *others) if address)
	return model.Customer(
		id=customer_id,
		email=wire.email or None,
		phone=wire.phone or None,
		first_name=wire.first_name or None,
		last_name=wire.last_name or None,
		company=first.company if first else None,
		addresses=tuple(addresses),
		updated_at=wire.updated_at,
		custom=raw,
	)


def buyer_of(order: payloads.Order, payload: Object) -> model.Customer | None:
	"""Who bought: the order's customer, with the contact of the order where the customer has none; None if the
	shop tells of nobody, as for most sales over the counter."""
	raw = payload.get("customer")
	email, phone = order.email or order.contact_email or None, order.phone or None
	if order.customer is None or not isinstance(raw, dict):
		return model.Customer(email=email, phone=phone) if email or phone else None
	customer = order.customer
	return model.Customer(
		id=id_of(raw, "Customer"),
		email=customer.email or email,
		phone=customer.phone or phone,
		first_name=customer.first_name or None,
		last_name=customer.last_name or None,
		company=(customer.default_address.company or None) if customer.default_address else None,
		custom=raw,
	)


def address_of(wire: payloads.Address | None) -> model.Address | None:
	"""The address; None for one that says nothing, such as an object full of nulls."""
	if wire is None:
		return None
	name = wire.name or " ".join(filter(None, (wire.first_name, wire.last_name)))
	address = model.Address(
		name=name or None,
		company=wire.company or None,
		line1=wire.address1 or None,
		line2=wire.address2 or None,
		city=wire.city or None,
		region=wire.province or wire.province_code or None,
		postal_code=wire.zip or None,
		country_code=wire.country_code or None,
		phone=wire.phone or None,
	)
	return None if address == _NO_ADDRESS else address


# --- privacy: https://shopify.dev/docs/apps/build/compliance/privacy-law-compliance -----------------------


def to_redaction(payload: Object) -> model.Redaction:
	"""`customers/redact`: a person's data, and that of the orders named, is to be erased."""
	return model.Redaction(**_person(payload, "orders_to_redact"))


def to_shop_redaction(payload: Object) -> model.Redaction:
	"""`shop/redact`: two days after the app was removed, everything of the shop is to be erased."""
	return model.Redaction(everything=True)


def to_data_request(payload: Object) -> model.DataRequest:
	"""`customers/data_request`: what is known of a person, and of the orders named."""
	return model.DataRequest(**_person(payload, "orders_requested"))


def _person(payload: Object, orders: str) -> Mapping[str, Any]:
	wire = validated(PrivacyRequest, payload, "request")
	person = wire.customer or Person()
	named = getattr(wire, orders) or ()
	return {
		"customer_id": number_of(person.id),
		"email": person.email or None,
		"phone": person.phone or None,
		"order_ids": tuple(dict.fromkeys(filter(None, map(number_of, named)))),
	}
