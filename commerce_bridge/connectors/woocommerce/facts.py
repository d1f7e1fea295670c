"""What was found out about a channel's shop, kept between units of work and shown on the channel's form."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

from commerce_bridge.bridge.errors import Retryable
from commerce_bridge.connectors.woocommerce.client import NoRoute, Refused, WooCommerceClient

Tracking = Literal["Fulfilments of WooCommerce", "Advanced Shipment Tracking", "Shipment Tracking", "Notes"]
#: Versions that this connector was written for: from the first, up to the last major one. Before 8.3, to look at an
#: order in the dashboard changed its date: https://github.com/woocommerce/woocommerce/issues/41226
_OLDEST, _NEWEST = (8, 3), (10,)
#: Labels of what is kept; people read them.
_VERSION, _WORDPRESS, _CURRENCY, _DECIMALS = "WooCommerce", "WordPress", "Currency", "Decimals"
_WITH_TAX, _PER_ORDER, _WEIGHT = "Prices Entered with Tax", "Tax Rounded per Order", "Weight Unit"
_STOCK, _TRACKING = "Stock Management", "Tracking"
_LABELS = (_VERSION, _WORDPRESS, _CURRENCY, _DECIMALS, _WITH_TAX, _PER_ORDER, _WEIGHT, _STOCK, _TRACKING)
#: Not of the shop but of us, and shown to nobody: with which secret its webhooks were registered, as a hash of it.
SIGNED_WITH = "webhooks_signed_with"


@dataclass(frozen=True, slots=True)
class Facts:
	"""What a shop is like.

	:param decimals: of its prices
	:param prices_with_tax: prices of products are entered with tax
	:param rounded_per_order: tax is rounded once for an order, not for each line
	:param weight_unit: "kg", "g", "lbs" or "oz"
	:param tracking: how it is told of shipments
	:param stock_management: it counts stock at all
	"""

	version: str
	wordpress: str
	currency: str
	decimals: int
	prices_with_tax: bool
	rounded_per_order: bool
	weight_unit: str
	tracking: Tracking
	stock_management: bool


def facts_of(client: WooCommerceClient) -> Facts:
	"""What is kept of the shop; asked of it where nothing is. Raises what its calls do."""
	kept = _from_kept(client.surroundings.memory.get_facts(client.channel.name))
	return kept or probe(client)


def probe(client: WooCommerceClient) -> Facts:
	"""Asks the shop anew, in six calls, and keeps it. Raises what its calls do."""
	# The parts of the report that are left out make WordPress call itself over the internet, which takes seconds.
	status = _object(client.get("system_status", _fields="environment.version,environment.wp_version"))
	environment = _object(status.get("environment"))
	settings = {**_settings(client, "general"), **_settings(client, "products"), **_settings(client, "tax")}
	facts = Facts(
		version=str(environment.get("version") or ""),
		wordpress=str(environment.get("wp_version") or ""),
		currency=str(settings.get("woocommerce_currency") or ""),
		decimals=_digits(settings.get("woocommerce_price_num_decimals")),
		prices_with_tax=settings.get("woocommerce_prices_include_tax") == "yes",
		rounded_per_order=settings.get("woocommerce_tax_round_at_subtotal") == "yes",
		weight_unit=str(settings.get("woocommerce_weight_unit") or "kg"),
		tracking=_tracking(client),
		stock_management=settings.get("woocommerce_manage_stock") != "no",
	)
	remember(client, _to_keep(facts))
	return facts


def remember(client: WooCommerceClient, facts: Mapping[str, str | None]) -> None:
	"""Keeps these facts beside the others of the channel; None forgets one. Commits by itself."""
	memory, name = client.surroundings.memory, client.channel.name
	kept = memory.get_facts(name)
	changed = {label: value for label, value in {**kept, **facts}.items() if value is not None}
	if changed != kept:
		memory.save_facts(name, changed)


def is_supported(version: str) -> bool:
	"""Whether this connector was written for a version of WooCommerce; one of no number is not."""
	numbers = re.match(r"(\d+)\.(\d+)", version)
	if numbers is None:
		return False
	told = (int(numbers[1]), int(numbers[2]))
	return _OLDEST <= told and told[:1] <= _NEWEST


def supported_versions() -> str:
	"""Those versions, in words."""
	return f"WooCommerce {'.'.join(map(str, _OLDEST))} to {_NEWEST[0]}.x"


def signed_with(client: WooCommerceClient) -> str | None:
	"""The hash of the secret that the shop's webhooks were registered with."""
	return client.surroundings.memory.get_facts(client.channel.name).get(SIGNED_WITH)


def _tracking(client: WooCommerceClient) -> Tracking:
	try:
		client.get("orders/0/fulfillments")
		return "Fulfilments of WooCommerce"
	except NoRoute:
		pass
	except Refused:  # the route is there, and there is no order 0
		return "Fulfilments of WooCommerce"
	namespaces = _object(client.get("/", _fields="namespaces")).get("namespaces") or []
	# Advanced Shipment Tracking offers the other one's API too, without what only itself can do.
	if "wc-ast/v3" in namespaces:
		return "Advanced Shipment Tracking"
	return "Shipment Tracking" if "wc-shipment-tracking/v3" in namespaces else "Notes"


def _settings(client: WooCommerceClient, group: str) -> dict[str, Any]:
	rows = client.get(f"settings/{group}", _fields="id,value")
	if not isinstance(rows, list):
		raise Retryable("The shop's settings cannot be read: the answer is no list")
	return {str(row["id"]): row.get("value") for row in rows if isinstance(row, dict) and "id" in row}


def _object(value: Any) -> dict[str, Any]:
	if not isinstance(value, dict):
		raise Retryable("The shop's answer is not what its API promises: an object")
	return value


def _digits(value: Any) -> int:
	return int(value) if re.fullmatch(r"[0-8]", str(value)) else 2


def _to_keep(facts: Facts) -> dict[str, str]:
	values = (
		facts.version,
		facts.wordpress,
		facts.currency,
		str(facts.decimals),
		_yes(facts.prices_with_tax),
		_yes(facts.rounded_per_order),
		facts.weight_unit,
		_yes(facts.stock_management),
		facts.tracking,
	)
	return dict(zip(_LABELS, values, strict=True))


def _from_kept(kept: Mapping[str, str]) -> Facts | None:
	if any(label not in kept for label in _LABELS) or kept[_TRACKING] not in get_args(Tracking):
		return None
	return Facts(
		version=kept[_VERSION],
		wordpress=kept[_WORDPRESS],
		currency=kept[_CURRENCY],
		decimals=_digits(kept[_DECIMALS]),
		prices_with_tax=kept[_WITH_TAX] == "Yes",
		rounded_per_order=kept[_PER_ORDER] == "Yes",
		weight_unit=kept[_WEIGHT],
		tracking=cast(Tracking, kept[_TRACKING]),
		stock_management=kept[_STOCK] == "Yes",
	)


def _yes(value: bool) -> str:
	return "Yes" if value else "No"
