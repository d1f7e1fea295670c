"""docs/getting-started.md, step by step: from nothing to the first order of the simulated shop."""

from __future__ import annotations

import secrets
from typing import Any

from playwright.sync_api import expect

from sandbox.shop import ERP_PATH, PRODUCTS
from tests.browser.desk import Desk
from tests.browser.desk_site import DeskSite, Stand, wait_until

FIRST = next(iter(PRODUCTS))


def test_from_nothing_to_the_first_order(desk: Desk, window: Any, site: DeskSite, stand: Stand) -> None:
	user = make_integration_user(desk)
	make_item(site, FIRST)
	make_channel(desk, site, stand, user)
	secret = rotate_secret(desk)
	url = (
		desk.page.get_by_text("commerce_bridge.api.webhook?channel=")
		.locator("visible=true")
		.first.inner_text()
	)
	shop = window("")
	connect(shop, stand, url, secret, site.company["default_currency"])
	activate(desk, stand.channel)
	buy(shop)
	wait_until("the order is in ERPNext", lambda: stand.logs(["state", "=", "Succeeded"]))
	look_at_order(desk, stand)


def look_at_order(desk: Desk, stand: Stand) -> None:
	[log] = stand.logs(["topic", "=", "order.upserted"])
	desk.open("sync-log", channel=stand.channel)
	expect(
		desk.page.locator(".list-row-container:visible").get_by_text("Succeeded").locator("visible=true")
	).not_to_have_count(0)
	desk.picture("first-order")
	desk.open(f"sync-log/{log['name']}")
	desk.assert_fits()
	desk.page.locator(".form-page:visible").get_by_role("link", name=log["reference_name"]).first.click()
	desk.page.wait_for_url("**/sales-order/**")
	expect(desk.page.get_by_text("To Deliver and Bill").locator("visible=true").first).to_be_visible()
	desk.assert_fits()


def make_integration_user(desk: Desk) -> str:
	email = f"shop-{secrets.token_hex(3)}@example.com"
	desk.open("user/new")
	desk.fill("Email", email)
	desk.fill("First Name", "Shop")
	desk.fill("Send Welcome Email", "0")
	desk.save()
	desk.close(desk.dialog("No Roles Specified"))
	desk.page.get_by_role("tab", name="Roles & Permissions").click()
	desk.page.locator(
		'input[data-unit="Commerce Bridge Integration"]'
	).check()  # its name opens what it may do
	desk.save()
	return email


def make_item(site: DeskSite, code: str) -> None:
	"""The products of the simulated shop have fixed names: another run may have made them."""
	if not site.rest.exists("Item", code):
		site.item(code)


def make_channel(desk: Desk, site: DeskSite, stand: Stand, user: str) -> None:
	desk.open("channel-settings/new")
	desk.fill("Platform", "custom")
	desk.fill("Channel Name", stand.channel)
	for label, value in (site.defaults() | {"Integration User": user}).items():
		desk.fill(label, value)
	desk.fill("Store URL", stand.url + ERP_PATH)
	desk.add_row("Taxes", title="*", account=site.tax_account())
	desk.add_row("Shipping Methods and Fees", method="*", account=site.income_account())
	desk.assert_fits()
	desk.save()
	desk.settled()


def rotate_secret(desk: Desk) -> str:
	desk.choose("Set-up", "Rotate Secret")
	desk.button("Yes").click()
	shown = desk.dialog("New Webhook Secret")
	desk.assert_fits()
	secret = shown.locator("code").inner_text()
	desk.close(shown)
	desk.settled()
	return secret


def activate(desk: Desk, channel: str) -> None:
	desk.fill("State", "Active")
	desk.save()
	advice = desk.dialog(f"{channel} is active")  # it lists no item yet, which the check says
	desk.assert_fits()
	desk.close(advice)
	desk.settled()
	desk.picture("channel-settings")
	desk.choose("Set-up", "Test Connection")
	checked = desk.dialog("Test Connection")
	desk.assert_fits()
	desk.picture("test-connection")
	desk.close(checked)


def connect(shop: Desk, stand: Stand, url: str, secret: str, currency: str) -> None:
	page = shop.page
	page.goto(stand.url)
	page.get_by_label("Webhook URL").fill(url)
	page.get_by_label("Webhook secret").fill(secret)
	page.get_by_label("Currency").fill(currency)
	page.get_by_role("button", name="Connect").click()
	expect(page.get_by_role("status")).to_contain_text("Connected")


def buy(shop: Desk) -> None:
	shop.page.get_by_role("button", name=f"Order {FIRST}").click()
	expect(shop.page.get_by_role("status")).to_contain_text("taken")
	shop.assert_fits()
	shop.assert_accessible()
	shop.picture("simulated-shop")
