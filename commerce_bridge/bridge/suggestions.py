"""Rows that a channel's tables lack: what the shop has and the channel says nothing of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

from commerce_bridge.bridge import mapping
from commerce_bridge.bridge.channel import Channel, TaxMap
from commerce_bridge.bridge.errors import Misconfigured
from commerce_bridge.bridge.model import ShippingLine, TaxLine
from commerce_bridge.bridge.protocols import SuggestedGateway, SuggestedShipping, SuggestedTax, Suggestions

ONE = Decimal(1)


def lacking(channel: Channel, found: Suggestions) -> Suggestions:
	"""What has no row of its own. `covered` says that a row which stands for all takes it meanwhile."""
	mapped = {row.location_id for row in channel.warehouses}
	return replace(
		found,
		taxes=tuple(_taxes(channel, found)),
		shipping=tuple(_shipping(channel, found)),
		locations=tuple(place for place in found.locations if place.id not in mapped),
		gateways=tuple(_gateways(channel, found)),
	)


def _taxes(channel: Channel, found: Suggestions) -> Iterator[SuggestedTax]:
	named = channel.model_copy(update={"taxes": tuple(row for row in channel.taxes if not _is_any(row))})
	for tax in found.taxes:
		if not _has_account(named, tax):
			yield replace(tax, covered=_has_account(channel, tax))


def _is_any(row: TaxMap) -> bool:
	return row.rate is None and all(name in (None, "", mapping.ANY) for name in (row.title, row.code))


def _has_account(channel: Channel, tax: SuggestedTax) -> bool:
	line = TaxLine(title=tax.title or "Tax", code=tax.code, rate=tax.rate, amount=ONE)
	try:
		return bool(mapping.tax_account(channel, line))
	except Misconfigured:
		return False


def _shipping(channel: Channel, found: Suggestions) -> Iterator[SuggestedShipping]:
	rows = tuple(row for row in channel.shipping if row.method != mapping.ANY)
	named = channel.model_copy(update={"shipping": rows})
	for method in found.shipping:
		if not _has_target(named, method):
			yield replace(method, covered=_has_target(channel, method))


def _has_target(channel: Channel, method: SuggestedShipping) -> bool:
	line = ShippingLine(code=method.code, title=method.title, amount=ONE)
	try:
		return bool(mapping.shipping_target(channel, line))
	except Misconfigured:
		return False


def _gateways(channel: Channel, found: Suggestions) -> Iterator[SuggestedGateway]:
	"""Whatever the currency: an order in one that has no row is told of when it comes."""
	for each in found.gateways:
		rows = [row for row in channel.payments if mapping.names_gateway(row.gateway, each.gateway)]
		if all(row.gateway == mapping.ANY for row in rows):
			yield replace(each, covered=bool(rows))
