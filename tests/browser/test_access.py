"""Who may look, and that what strangers send stays text."""

from __future__ import annotations

import re
import secrets
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.desk import Desk
from tests.browser.desk_site import DeskSite, Stand, wait_until

ATTACK = '<img src=x onerror="alert(1)"><script>alert(2)</script>'
#: Links to entries of the Sync Log.
ENTRIES = "a[href^='/app/sync-log/']"
PLACES = ("sync-log", "channel-settings", "channel-listing", "query-report/Stock Drift", "commerce-bridge")


def test_a_hostile_order_is_shown_as_text(desk: Desk, stand: Stand) -> None:
	stand.open_channel()
	name = f"{ATTACK}{secrets.token_hex(3)}"
	stand.tell(stand.order(name, order_number=name, note=ATTACK))
	[log] = stand.logs()
	assert log["state"] == "Failed" and ATTACK in log["message"]
	desk.open("sync-log", channel=stand.channel)
	expect(desk.page.locator(".list-row-container:visible")).to_have_count(1)
	desk.assert_fits()
	desk.open(f"sync-log/{log['name']}")
	expect(desk.page.locator(".form-page:visible").get_by_text(ATTACK).first).to_be_visible()
	desk.assert_fits()
	desk.open("query-report/Failures by Cause", channel=stand.channel)
	expect(
		desk.page.locator(".page-container:visible .datatable").get_by_text(stand.channel).first
	).to_be_visible()
	desk.assert_fits()
	assert desk.page.locator("img[src=x]").count() == 0


@pytest.mark.parametrize("place", PLACES)
def test_a_user_without_the_role_is_kept_out(
	window: Any, site: DeskSite, stand: Stand, outsider: str, place: str
) -> None:
	stand.open_channel()
	stand.tell(stand.order(stand.sku))
	desk = window(outsider)
	desk.page.goto(f"{site.url}/app/{place}")
	told = (
		desk.page.get_by_text("Not permitted", exact=False)
		.or_(desk.page.get_by_text("not found", exact=False))
		.or_(desk.page.get_by_text("do not have enough permissions"))
	)
	expect(told.or_(desk.page.get_by_text("You don't have access to Report")).first).to_be_visible()
	shown = desk.page.content()
	assert stand.channel not in shown and stand.sku not in shown


def test_an_order_shows_its_entries_among_its_connections_and_in_its_timeline(
	desk: Desk, stand: Stand
) -> None:
	stand.open_channel()
	stand.site.item(stand.sku)
	sold = stand.order(stand.sku)
	stand.tell(sold)
	[made] = stand.logs()
	known = stand.storefront.orders[sold.order_id]
	stand.storefront.add_product(ATTACK)
	lines = [{**row, "sku": ATTACK} for row in known["lines"]]
	stand.tell(stand.storefront.upsert({**known, "version": 2, "lines": lines}))
	wait_until("the change failed", lambda: stand.logs(["state", "=", "Failed"]))
	desk.open(f"sales-order/{made['reference_name']}")
	timeline, section = desk.page.locator(".new-timeline:visible"), desk.page.locator(".cb-sync")
	expect(timeline.locator(ENTRIES)).to_have_count(2)
	expect(timeline.get_by_text(ATTACK).first).to_be_visible()
	desk.page.get_by_role("tab", name="Connections").click()
	expect(section.locator(ENTRIES)).to_have_count(2)
	expect(section.get_by_text(ATTACK).first).to_be_visible()
	assert desk.page.locator("img[src=x]").count() == 0
	desk.assert_fits()
	timeline.locator(ENTRIES).first.click()
	expect(desk.page).to_have_url(re.compile("/app/sync-log/"))


@pytest.fixture(scope="module")
def outsider(site: DeskSite) -> str:
	"""The session of somebody who sells, and has nothing to do with storefronts."""
	email = f"browser-outsider-{secrets.token_hex(3)}@example.com"
	return site.session(email, site.user(email, "Sales User", "Stock User"))
