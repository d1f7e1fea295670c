"""What the shop says of itself: index, system status, settings, taxes, order statuses."""

from __future__ import annotations

from typing import Any

from sandbox.storefronts.woocommerce.checks import ORDER_STATUSES
from sandbox.storefronts.woocommerce.goods import links
from sandbox.storefronts.woocommerce.routing import page, paths, route
from sandbox.storefronts.woocommerce.shop import Shop
from sandbox.storefronts.woocommerce.state import WORDPRESS
from sandbox.storefronts.woocommerce.taxes import Rate
from sandbox.storefronts.woocommerce.values import Answer, ApiError, Request

NAMES = {
	"pending": "Pending payment",
	"processing": "Processing",
	"on-hold": "On hold",
	"completed": "Completed",
	"cancelled": "Cancelled",
	"refunded": "Refunded",
	"failed": "Failed",
	"checkout-draft": "Draft",
}
SYSTEM = r"/wc/v3/system_status"


@route("GET", "/")
def index(shop: Shop, request: Request) -> Answer:
	"""Public. Plugins are seen by their namespaces."""
	offset = shop.now().astimezone(shop.zone).utcoffset()
	namespaces = ["oembed/1.0", "wc/v3", "wc/v1", "wc/v2", "wc/store", "wc/store/v1", "wp/v2"]
	namespaces += [f"wc-{plugin}/v3" for plugin in sorted(shop.plugins)]
	home = shop.home.rstrip("/")
	body = {
		"name": "Simulated Shop",
		"description": "",
		"url": home,
		"home": home,
		"gmt_offset": offset.total_seconds() / 3600 if offset else 0,
		"timezone_string": str(shop.zone),
		"namespaces": namespaces,
		"authentication": {},
		"routes": _routes(shop),
	}
	return Answer(200, body)


@route("GET", "/wc/v3/?")
def index_of_api(shop: Shop, request: Request) -> Answer:
	return Answer(200, {"namespace": "wc/v3", "routes": _routes(shop)})


def _routes(shop: Shop) -> dict[str, Any]:
	hidden = () if shop.fulfilments else ("/fulfillments",)
	known = [path for path in paths() if not any(part in path for part in hidden)]
	return {path: {"namespace": "wc/v3"} for path in known}


@route("GET", SYSTEM)
def system_status(shop: Shop, request: Request) -> Answer:
	features = ["analytics", "marketplace", "order_attribution", "custom_order_tables"]
	environment = {
		"home_url": shop.home.rstrip("/"),
		"site_url": shop.home.rstrip("/"),
		"version": shop.version,
		"wp_version": WORDPRESS,
		"php_version": "8.2.35",
		"wp_cron": True,
		"default_timezone": "UTC",
	}
	settings = {
		"api_enabled": True,
		"force_ssl": False,
		"currency": shop.currency,
		"currency_symbol": "&euro;",
		"thousand_separator": "," if shop.decimal_separator == "." else ".",
		"decimal_separator": shop.decimal_separator,
		"number_of_decimals": shop.decimals,
		"HPOS_enabled": True,
		"enabled_features": features + (["fulfillments"] if shop.fulfilments else []),
	}
	active = [{"plugin": "woocommerce/woocommerce.php", "name": "WooCommerce", "version": shop.version}]
	return Answer(200, {"environment": environment, "active_plugins": active, "settings": settings})


def _settings(shop: Shop) -> dict[str, dict[str, str]]:
	def yes(value: bool) -> str:
		return "yes" if value else "no"

	return {
		"general": {
			"woocommerce_default_country": "DE:DE-BE",
			"woocommerce_calc_taxes": yes(bool(shop.rates)),
			"woocommerce_currency": shop.currency,
			"woocommerce_price_decimal_sep": shop.decimal_separator,
			"woocommerce_price_num_decimals": str(shop.decimals),
		},
		"products": {
			"woocommerce_weight_unit": shop.weight_unit,
			"woocommerce_dimension_unit": "cm",
			"woocommerce_manage_stock": yes(shop.manage_stock),
		},
		"tax": {
			"woocommerce_prices_include_tax": yes(shop.prices_include_tax),
			"woocommerce_tax_based_on": "shipping",
			"woocommerce_tax_round_at_subtotal": yes(shop.tax_round_at_subtotal),
		},
	}


@route("GET", r"/wc/v3/settings/general")
def settings_general(shop: Shop, request: Request) -> Answer:
	return _group(shop, "general")


@route("GET", r"/wc/v3/settings/products")
def settings_products(shop: Shop, request: Request) -> Answer:
	return _group(shop, "products")


@route("GET", r"/wc/v3/settings/tax")
def settings_tax(shop: Shop, request: Request) -> Answer:
	return _group(shop, "tax")


def _group(shop: Shop, group: str) -> Answer:
	return Answer(200, [_setting(shop, group, name, value) for name, value in _settings(shop)[group].items()])


def _setting(shop: Shop, group: str, name: str, value: str) -> dict[str, Any]:
	path = f"settings/{group}"
	found = links(shop, f"{path}/{name}", path, ["GET", "POST", "PUT", "PATCH"])
	return {
		"id": name,
		"label": name,
		"description": "",
		"type": "text",
		"default": "",
		"value": value,
		"_links": found,
	}


@route("GET", r"/wc/v3/taxes")
def list_taxes(shop: Shop, request: Request) -> Answer:
	return page(request, shop.rates, lambda rate: _shown_rate(shop, rate))


def _shown_rate(shop: Shop, rate: Rate) -> dict[str, Any]:
	return {
		"id": rate.id,
		"country": "DE",
		"state": "",
		"postcode": "",
		"city": "",
		"rate": f"{rate.percent:.4f}",
		"name": rate.label,
		"priority": 1,
		"compound": rate.compound,
		"shipping": rate.shipping,
		"order": 0,
		"class": rate.tax_class or "standard",
		"postcodes": [],
		"cities": [],
		"_links": links(shop, f"taxes/{rate.id}", "taxes"),
	}


@route("GET", r"/wc/v3/shipping/zones")
def list_zones(shop: Shop, request: Request) -> Answer:
	"""All of them at once: this list has no pages."""
	rows = [{"id": number, "name": name, "order": 0} for number, name in shop.zones]
	return Answer(200, rows)


@route("GET", r"/wc/v3/shipping/zones/(\d+)/methods")
def zone_methods(shop: Shop, request: Request, wanted: int) -> Answer:
	found = [methods for (number, _name), methods in shop.zones.items() if number == wanted]
	if not found:
		raise ApiError("woocommerce_rest_shipping_zone_invalid", "Resource does not exist.", 404)
	rows = [
		{"id": instance, "instance_id": instance, "title": title, "enabled": on, "method_id": method}
		for instance, method, title, on in found[0]
	]
	return Answer(200, rows)


@route("GET", r"/wc/v3/payment_gateways")
def list_gateways(shop: Shop, request: Request) -> Answer:
	"""Those that are there, switched on or not, all at once."""
	rows = [
		{"id": gateway, "title": title, "enabled": on, "method_title": title}
		for gateway, title, on in shop.gateways
	]
	return Answer(200, rows)


@route("GET", r"/wc/v3/reports/orders/totals")
def order_totals(shop: Shop, request: Request) -> Answer:
	"""Every status there is, with its name."""
	counted = [each.status for each in shop.orders.values()]
	rows = [
		{"slug": status, "name": NAMES[status], "total": counted.count(status)}
		for status in ORDER_STATUSES
		if status in NAMES
	]
	return Answer(200, rows)


@route("GET", r"/wc/v3/data/currencies/current")
def currency(shop: Shop, request: Request) -> Answer:
	if not shop.currency:
		raise ApiError(
			"woocommerce_rest_data_invalid_currency",
			"There are no currencies matching these parameters.",
			404,
		)
	return Answer(200, {"code": shop.currency, "name": shop.currency, "symbol": "&euro;"})
