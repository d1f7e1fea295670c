"""What would make ERPNext refuse or change this channel's orders: found before the first one."""

from __future__ import annotations

from collections.abc import Iterator

import frappe
from frappe.utils import cint

from commerce_bridge.bridge.channel import Channel
from commerce_bridge.bridge.money import decimals_of
from commerce_bridge.bridge.protocols import Check
from commerce_bridge.permissions import INTEGRATION


def checks(channel: Channel) -> list[Check]:
	"""Each check with what to change where."""
	found = (_rights, _numbers, _currency, _maps, _selling, _items, _workflow, _customers)
	return [check for look in found for check in look(channel)]


def _check(
	ok: bool, title: str, fix: str, doctype: str, document: str | None = None, warning: bool = False
) -> Check:
	return Check(
		ok, title, None if ok else fix, "warning" if warning else "error", doctype, document or doctype
	)


def _single(doctype: str, field: str) -> int:
	return cint(frappe.db.get_single_value(doctype, field))


def _rights(channel: Channel) -> Iterator[Check]:
	user = channel.integration_user
	roles = frappe.get_roles(user) if user and frappe.db.exists("User", user) else []
	fix = f'Choose a user with the role "{INTEGRATION}" as Integration User'
	yield _check(INTEGRATION in roles, "Integration user", fix, "Channel Settings", channel.name)


def _numbers(channel: Channel) -> Iterator[Check]:
	precision = _single("System Settings", "currency_precision") or 2
	decimals = decimals_of(channel.currency)
	fix = f"Set Currency Precision to {decimals}: {channel.currency} has {decimals} decimals, this site keeps {precision}"
	yield _check(decimals <= precision, "Decimals of the currency", fix, "System Settings")


def _currency(channel: Channel) -> Iterator[Check]:
	if channel.currency == channel.company_currency:
		return
	pair = {"from_currency": channel.currency, "to_currency": channel.company_currency, "for_selling": 1}
	fix = f"Create a Currency Exchange from {channel.currency} to {channel.company_currency}"
	yield _check(bool(frappe.db.exists("Currency Exchange", pair)), "Exchange rate", fix, "Currency Exchange")


def _maps(channel: Channel) -> Iterator[Check]:
	fix = "Choose a Default Warehouse on the channel"
	yield _check(bool(channel.default_warehouse), "Warehouse", fix, "Channel Settings", channel.name)
	fix = "Add a row to Taxes on the channel for each tax of the shop, or orders with a tax are held"
	yield _check(bool(channel.taxes), "Taxes", fix, "Channel Settings", channel.name, warning=True)
	fix = "Add a row to Shipping Methods on the channel (* stands for all), or orders with shipping are held"
	yield _check(bool(channel.shipping), "Shipping", fix, "Channel Settings", channel.name, warning=True)


def _selling(channel: Channel) -> Iterator[Check]:
	fix = "Allow Item to be Added Multiple Times: storefronts send the same item on several lines"
	allowed = bool(_single("Selling Settings", "allow_multiple_items"))
	yield _check(allowed, "Repeated items", fix, "Selling Settings")
	fix = "Switch off Auto Insert Item Price If Missing for people who edit these orders: discounts would become prices"
	inserts = bool(_single("Stock Settings", "auto_insert_price_list_rate_if_missing"))
	yield _check(not inserts, "Prices made from orders", fix, "Stock Settings", warning=True)
	if channel.orders.afterwards == "Reserve Stock":
		fix = "Enable Stock Reservation"
		yield _check(
			bool(_single("Stock Settings", "enable_stock_reservation")),
			"Stock reservation",
			fix,
			"Stock Settings",
		)


def _items(channel: Channel) -> Iterator[Check]:
	listed = frappe.get_all("Channel Listing", {"channel": channel.name, "enabled": 1}, pluck="item_code")
	yield _check(
		bool(listed), "Listings", "Add the items that the storefront shows", "Channel Listing", warning=True
	)
	if not listed:
		return
	capped = frappe.get_all("Item", {"name": ("in", listed), "max_discount": (">", 0)}, pluck="name", limit=3)
	fix = f"Max Discount refuses free lines and large discounts, e.g. on {', '.join(capped)}: set it to 0"
	yield _check(not capped, "Maximum discounts", fix, "Item", capped[0] if capped else None, warning=True)
	taxed = frappe.get_all(
		"Item Tax", {"parent": ("in", listed), "parenttype": "Item"}, pluck="parent", limit=3
	)
	fix = f"Item Tax Templates change the shop's taxes, e.g. on {', '.join(taxed)}: remove them"
	yield _check(not taxed, "Item Tax Templates", fix, "Item", taxed[0] if taxed else None, warning=True)
	disabled = frappe.get_all("Item", {"name": ("in", listed), "disabled": 1}, pluck="name", limit=3)
	fix = f"Disabled items cannot be ordered, e.g. {', '.join(disabled)}: switch off their listings"
	yield _check(not disabled, "Disabled items", fix, "Item", disabled[0] if disabled else None)


def _workflow(channel: Channel) -> Iterator[Check]:
	active = frappe.db.get_value("Workflow", {"document_type": "Sales Order", "is_active": 1})
	fix = f"Workflow {active} is active: orders stop as drafts until somebody approves them"
	yield _check(not (active and channel.orders.submit), "Workflow", fix, "Workflow", active, warning=True)


def _customers(channel: Channel) -> Iterator[Check]:
	naming = frappe.db.get_single_value("Selling Settings", "cust_master_name")
	fix = "Name customers by Naming Series: namesakes are then told apart by their number"
	yield _check(naming == "Naming Series", "Naming of customers", fix, "Selling Settings", warning=True)
	for doctype, name in (("Customer Group", channel.customer_group), ("Territory", channel.territory)):
		group = bool(name) and bool(frappe.db.get_value(doctype, name, "is_group"))
		fix = f"{name} is a group: choose one of its members on the channel"
		yield _check(
			bool(name) and not group,
			doctype,
			fix if name else f"Choose a {doctype}",
			"Channel Settings",
			channel.name,
		)
