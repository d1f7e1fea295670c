"""What a channel's tables may have rows for: taxes, shipping methods and ways to pay, as the shop's orders will name them.

https://woocommerce.github.io/woocommerce-rest-api-docs/#tax-rates,
https://woocommerce.github.io/woocommerce-rest-api-docs/#shipping-zone-methods,
https://woocommerce.github.io/woocommerce-rest-api-docs/#payment-gateways
"""

from __future__ import annotations

import html
from collections.abc import Iterator
from decimal import Decimal
from itertools import islice
from typing import Any

from commerce_bridge.bridge.errors import Rejected
from commerce_bridge.bridge.money import parse_decimal
from commerce_bridge.bridge.protocols import SuggestedGateway, SuggestedShipping, SuggestedTax, Suggestions
from commerce_bridge.connectors.woocommerce.client import WooCommerceClient

#: Pages of 100 tax rates: shops of the United States have thousands, under few names.
TAX_PAGES = 20
#: One call a zone.
ZONES = 50


def suggestions(client: WooCommerceClient) -> Suggestions:
	"""Each tax (by name and rate), each shipping method and each way to pay that is switched on, once. WooCommerce has
	no locations.

	:raises Retryable, Misconfigured, Refused: see `client`
	"""
	taxes: dict[tuple[Any, ...], SuggestedTax] = {}
	for row in _rates(client):
		tax = _tax(row)
		taxes.setdefault((tax.title, tax.code, tax.rate), tax)
	zones = _rows(client.get("shipping/zones", _fields="id,name"))
	found: dict[str, SuggestedShipping] = {}
	for zone in zones[:ZONES]:
		for method in _methods(client, zone):
			found.setdefault(method.code or "", method)
	notes = (f"Only the first {ZONES} shipping zones were read",) if len(zones) > ZONES else ()
	return Suggestions(
		taxes=tuple(taxes.values()),
		shipping=tuple(found.values()),
		notes=notes,
		gateways=tuple(_gateways(client)),
	)


def _rates(client: WooCommerceClient) -> Iterator[dict[str, Any]]:
	fields = "id,country,state,rate,name,priority,class"
	for page in islice(client.pages("taxes", orderby="order", _fields=fields), TAX_PAGES):
		yield from _rows(page)


def _tax(row: dict[str, Any]) -> SuggestedTax:
	"""An order names a tax by its rate's name. A rate without one is called "Tax" or "VAT" there, in the shop's
	language, so it is known by its code: `WC_Tax::get_rate_code`."""
	name = _text(row.get("name"))
	country, state = _text(row.get("country")), _text(row.get("state"))
	parts = (country, state, "TAX", str(row.get("priority") or ""))
	where = "-".join(filter(None, (country, state))) or "Everywhere"
	tax_class = (_text(row.get("class")) or "standard").removesuffix("-rate")
	return SuggestedTax(
		title=name or None,
		code=None if name else "-".join(filter(None, parts)).upper(),
		rate=_percent(row.get("rate")),
		example=f"{where}, {tax_class} rate",
	)


def _percent(value: Any) -> Decimal | None:
	try:
		return Decimal(f"{parse_decimal(str(value)).normalize():f}")
	except Rejected:
		return None


def _methods(client: WooCommerceClient, zone: dict[str, Any]) -> Iterator[SuggestedShipping]:
	"""Those of a zone; a zone that was deleted meanwhile has none."""
	name = f"Zone {_text(zone.get('name'))}" if zone["id"] else "Everywhere else"
	fields = "instance_id,method_id,title,enabled"
	for row in _rows(client.get(f"shipping/zones/{int(zone['id'])}/methods", _fields=fields)):
		if row.get("enabled") is not False:
			code = f"{row.get('method_id')}:{row.get('instance_id')}"
			yield SuggestedShipping(code, _text(row.get("title")) or None, example=name)


def _gateways(client: WooCommerceClient) -> Iterator[SuggestedGateway]:
	"""Those that are switched on: an order names them by their id."""
	for row in _rows(client.get("payment_gateways", _fields="id,title,method_title,enabled")):
		if row.get("enabled") is True and (gateway := _text(row.get("id"))):
			title = _text(row.get("title")) or None
			yield SuggestedGateway(gateway, title, example=_text(row.get("method_title")))


def _rows(answer: Any) -> list[dict[str, Any]]:
	return [row for row in answer if isinstance(row, dict)] if isinstance(answer, list) else []


def _text(value: Any) -> str:
	"""WordPress keeps names as HTML: "Salt &amp; Pepper"."""
	return html.unescape(value).strip() if isinstance(value, str) else ""
