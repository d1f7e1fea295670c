"""What an administrator does before the first order: masters, stock, a channel. All through REST, as Desk does."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

from tests.chaos.site import Site

ROLES = (
	*(
		"System Manager",
		"Accounts Manager",
		"Stock Manager",
		"Sales Manager",
		"Item Manager",
		"Sales Master Manager",
	),
	*("Stock User", "Sales User", "Accounts User", "Commerce Bridge Manager"),
)
STOCK_OF_EACH = 100_000
#: A channel becomes Active only where its shop takes what it signs.
SECRET = "whsec_" + "c2hhcmVkLXNlY3JldC1vZi10aGUtY2hhb3MtcnVu"


@dataclass(frozen=True)
class ChaosShop:
	channel: str
	secret: str
	company: str
	warehouse: str
	skus: list[str]


def administrator(site: Site) -> tuple[str, str]:
	"""A system manager of this run's own: user and password."""
	user, password = f"chaos-{secrets.token_hex(4)}@example.com", secrets.token_urlsafe(16)
	site.bench.must("add-system-manager", user, "--first-name", "Chaos", "--password", password)
	return user, password


def take_roles(site: Site, user: str) -> None:
	site.call("PUT", f"/api/resource/User/{user}", {"roles": [{"role": role} for role in ROLES]})


def open_shop(site: Site, store_url: str, run: str, items: int = 12) -> ChaosShop:
	"""Items with stock and an Active channel on a simulated storefront."""
	company = site.rows("Company", fields=("name", "abbr", "default_currency"))[0]
	warehouse = f"Stores - {company['abbr']}"
	skus = [f"CHAOS-{run}-{number}" for number in range(items)]
	group = site.rows("Item Group", [["is_group", "=", 0]])[0]["name"]
	service = _item(site, f"CHAOS-{run}-SHIPPING", group, is_stock_item=0)
	for sku in skus:
		_item(site, sku, group, is_stock_item=1)
	_receive(site, company["name"], warehouse, skus)
	channel = f"Chaos {run}"
	site.insert("Channel Settings", **_channel(site, company, warehouse, channel, SECRET, store_url, service))
	return ChaosShop(channel, SECRET, company["name"], warehouse, skus)


def _item(site: Site, code: str, group: str, is_stock_item: int) -> str:
	site.insert(
		"Item", item_code=code, item_name=code, item_group=group, stock_uom="Nos", is_stock_item=is_stock_item
	)
	return code


def _receive(site: Site, company: str, warehouse: str, skus: list[str]) -> None:
	rows = [
		{"item_code": sku, "qty": STOCK_OF_EACH, "t_warehouse": warehouse, "basic_rate": 5, "uom": "Nos"}
		for sku in skus
	]
	site.insert("Stock Entry", stock_entry_type="Material Receipt", company=company, items=rows, docstatus=1)


def _channel(
	site: Site,
	company: dict[str, Any],
	warehouse: str,
	channel: str,
	secret: str,
	store_url: str,
	service: str,
) -> dict[str, Any]:
	tax_account = site.rows(
		"Account", [["company", "=", company["name"]], ["account_type", "=", "Tax"], ["is_group", "=", 0]]
	)[0]["name"]
	return {
		"channel_name": channel,
		"platform": "custom",
		"state": "Active",
		"company": company["name"],
		"store_url": store_url,
		"webhook_secret": secret,
		"integration_user": _integration_user(site),
		"default_warehouse": warehouse,
		"price_list": site.rows("Price List", [["selling", "=", 1]])[0]["name"],
		"currency": company["default_currency"],
		"customer_group": site.rows("Customer Group", [["is_group", "=", 0]])[0]["name"],
		"territory": site.rows("Territory", [["is_group", "=", 0]])[0]["name"],
		"default_country": "United States",
		"order_docstatus": "Submitted",
		"taxes": [{"title": "*", "account": tax_account}],
		"shipping_methods": [{"method": "*", "item": service}],
		"push_stock": 1,
	}


def _integration_user(site: Site) -> str:
	user = "chaos-integration@example.com"
	if not site.exists("User", user):
		site.insert(
			"User",
			email=user,
			first_name="Chaos Integration",
			send_welcome_email=0,
			roles=[{"role": "Commerce Bridge Integration"}],
		)
	return user
