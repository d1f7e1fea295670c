"""Buyers and their addresses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from commerce_bridge.bridge import model
from commerce_bridge.connectors.woocommerce import payloads
from commerce_bridge.connectors.woocommerce.payloads import Object, meta_of, required, validated, with_meta

#: Where extensions for WooCommerce keep a buyer's tax id, after the keys a channel names itself.
TAX_ID_KEYS = (
	"_billing_vat_number",  # EU VAT Number, Avada, many
	"_vat_number",
	"vat_number",
	"billing_vat_number",
	"_billing_eu_vat_number",
	"billing_eu_vat_number",
	"_billing_vat_id",  # Germanized
	"billing_vat_id",
	"_vat_id",
	"vat_id",
	"_billing_vat",
	"billing_vat",
	"_billing_nif",
	"billing_nif",
	"_billing_piva",
	"billing_piva",
	"_billing_gstin",
	"billing_gstin",
	"_billing_cnpj",
	"billing_cnpj",
	"_billing_cpf",
	"billing_cpf",
	"_billing_tax_id",
	"billing_tax_id",
)
_LONGEST_TAX_ID = 140
_NO_ADDRESS = model.Address()


def to_customer(payload: Object, tax_id_keys: Sequence[str] = ()) -> model.Customer:
	"""The customer of an event. Raises `Rejected` where it has no id, or its fields make no sense."""
	wire = validated(payloads.Customer, payload, "customer")
	billing = wire.billing or payloads.Address()
	addresses = (address_of(wire.billing), address_of(wire.shipping))
	return model.Customer(
		id=required(wire.id, "This customer"),
		email=wire.email or billing.email,
		phone=billing.phone,
		first_name=wire.first_name or billing.first_name,
		last_name=wire.last_name or billing.last_name,
		company=billing.company,
		tax_id=tax_id_of(payload, tax_id_keys),
		addresses=tuple(dict.fromkeys(address for address in addresses if address)),
		updated_at=wire.date_modified_gmt or wire.date_created_gmt,
		custom=with_meta(payload),
	)


def buyer_of(
	order: payloads.Order, payload: Object, tax_id_keys: Sequence[str] = ()
) -> model.Customer | None:
	"""Who bought: a registered customer by id, a guest without one; None if the shop tells of nobody."""
	billing = order.billing or payloads.Address()
	buyer = model.Customer(
		id=order.customer_id,
		email=billing.email,
		phone=billing.phone,
		first_name=billing.first_name,
		last_name=billing.last_name,
		company=billing.company,
		tax_id=tax_id_of(payload, tax_id_keys),
	)
	return None if buyer == model.Customer() else buyer


def tax_id_of(payload: Mapping[str, Any], keys: Sequence[str] = ()) -> str | None:
	"""The first tax id that the meta data, or the billing address, has under one of the keys.

	:param keys: of the channel; those that are known come after them
	"""
	billing = payload.get("billing")
	said = {**(billing if isinstance(billing, dict) else {}), **meta_of(payload)}
	for key in (*keys, *TAX_ID_KEYS):
		value = said.get(key)
		if isinstance(value, str) and 0 < len(value.strip()) <= _LONGEST_TAX_ID:
			return value.strip()
	return None


def address_of(wire: payloads.Address | None) -> model.Address | None:
	"""The address; None for one that says nothing, as the shipping address of what is not shipped."""
	if wire is None:
		return None
	address = model.Address(
		name=" ".join(filter(None, (wire.first_name, wire.last_name))) or None,
		company=wire.company,
		line1=wire.address_1,
		line2=wire.address_2,
		city=wire.city,
		region=wire.state,
		postal_code=wire.postcode,
		country_code=wire.country.upper() if wire.country else None,
		phone=wire.phone,
		email=wire.email,
	)
	return None if address == _NO_ADDRESS else address
