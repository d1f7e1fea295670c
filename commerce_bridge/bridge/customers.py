"""Who bought: found by Channel Record, then e-mail, then phone; made where nobody is found; never doubled."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import phonenumbers

from commerce_bridge.bridge.channel import Channel
from commerce_bridge.bridge.errors import Rejected
from commerce_bridge.bridge.model import Address, Customer, Order
from commerce_bridge.bridge.plan import Record
from commerce_bridge.bridge.protocols import Erp, Outcome
from commerce_bridge.bridge.versions import is_stale

RECORD_TYPE = "Customer"


def normal_email(email: str | None) -> str | None:
	"""An address as it is compared: without case and outer blanks; None for an empty one."""
	return (email or "").strip().lower() or None


def e164(phone: str | None, region: str | None) -> str | None:
	"""A phone number in E.164 form, or None where it is no possible number.

	:param region: ISO 3166 alpha-2 of numbers without an international prefix
	"""
	if not phone:
		return None
	try:
		number = phonenumbers.parse(phone, region)
	except phonenumbers.NumberParseException:
		return None
	if not phonenumbers.is_possible_number(number):
		return None
	return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def customer_locks(channel: Channel, buyer: Customer) -> list[str]:
	"""The named locks that keep two workers from making the same customer twice, on whatever channel.

	:param buyer: with e-mail and phone in their normal forms (`buyer_of`, `normalised`)
	"""
	locks = [f"customer:{channel.name}:{buyer.id}"] if buyer.id else []
	identity = buyer.email or buyer.phone
	return [*locks, f"buyer:{_digest(identity)}"] if identity else locks


def _digest(text: str) -> str:
	"""Locks are listed by the database server: personal data stays out of their names."""
	return hashlib.sha256(text.encode()).hexdigest()[:32]


def ensure_customer(erp: Erp, channel: Channel, order: Order) -> tuple[str, str | None]:
	"""The customer of an order and the contact to name on it.

	:return: customer name, contact name (None: the ERP's default contact of a known customer)
	"""
	buyer = buyer_of(channel, order)
	external_id = buyer.id or f"guest:{order.id}"
	record = erp.get_record(channel.name, RECORD_TYPE, external_id)
	if record and record.document:
		return record.document, None
	name = _find(erp, buyer) or erp.create_customer(channel, buyer)
	erp.save_record(_record(channel, external_id, name))
	return name, erp.ensure_contact(name, buyer)


def buyer_of(channel: Channel, order: Order) -> Customer:
	"""The buyer with what is missing taken from the billing address, the phone number in E.164."""
	buyer = order.customer or Customer()
	address = order.billing_address or order.shipping_address or Address()
	update: dict[str, str | None] = {
		"email": normal_email(buyer.email or address.email),
		"phone": e164(buyer.phone or address.phone, address.country_code or channel.default_country),
	}
	if not (buyer.first_name or buyer.last_name or buyer.company):
		update["first_name"] = address.name
		update["company"] = address.company
		update["last_name"] = None if address.name or address.company else f"Guest {order.number}"
	return buyer.model_copy(update=update)


def is_withheld(order: Order) -> bool:
	"""Whether the shop names nobody. Shopify tells some apps, or tells of some orders at times, no more of a buyer
	than an id and a country; that is no change of the buyer."""
	said = [order.customer, order.billing_address, order.shipping_address]
	return not any(getattr(part, name, None) for part in said for name in _SAYS_WHO)


_SAYS_WHO = ("email", "phone", "first_name", "last_name", "name", "company", "line1", "tax_id")


def _find(erp: Erp, buyer: Customer) -> str | None:
	"""By e-mail; by phone only where the shop gave no e-mail and exactly one customer has the number."""
	if buyer.email:
		return next(iter(erp.customers_with_email(buyer.email)), None)
	if buyer.phone:
		matches = erp.customers_with_phone(buyer.phone)
		return matches[0] if len(matches) == 1 else None
	return None


def _record(channel: Channel, external_id: str, name: str) -> Record:
	return Record(channel.name, RECORD_TYPE, external_id, doctype="Customer", document=name)


def normalised(channel: Channel, customer: Customer) -> Customer:
	"""The customer with e-mail and phone as they are compared."""
	phone = e164(customer.phone, channel.default_country)
	return customer.model_copy(update={"email": normal_email(customer.email), "phone": phone})


def apply_customer(erp: Erp, channel: Channel, customer: Customer) -> Outcome:
	"""A customer event: the customer is made, or follows where the storefront owns customer details."""
	if not customer.id:
		raise Rejected("A customer event names no customer id")
	record = erp.get_record(channel.name, RECORD_TYPE, customer.id)
	if record and customer.updated_at and is_stale(record, None, customer.updated_at, cancellation=False):
		return Outcome("Skipped", "Stale: a newer state of this customer was applied already")
	buyer = normalised(channel, customer)
	name = (record.document if record else None) or _find(erp, buyer)
	if name and channel.ownership.customer != "Storefront":
		return Outcome("Skipped", f"Customer details are owned by {channel.ownership.customer}", None)
	if name:
		erp.update_customer(channel, name, buyer)
	else:
		name = erp.create_customer(channel, buyer)
	erp.ensure_contact(name, buyer)
	for address in buyer.addresses:
		erp.ensure_address(name, address, "Shipping")
	known = record or _record(channel, customer.id, name)
	erp.save_record(replace(known, doctype="Customer", document=name, source_time=customer.updated_at))
	message = "The customer is as the storefront says"
	return Outcome("Succeeded", message, reference_doctype="Customer", reference_name=name)
