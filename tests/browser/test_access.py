"""Who may look, and that what strangers send stays text."""

from __future__ import annotations

import secrets
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.desk import Desk
from tests.browser.desk_site import DeskSite, Stand

ATTACK = '<img src=x onerror="alert(1)"><script>alert(2)</script>'
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
def test_a_user_without_the_role_is_kept_out(window: Any, site: DeskSite, outsider: str, place: str) -> None:
	desk = window(outsider)
	desk.page.goto(f"{site.url}/app/{place}")
	told = (
		desk.page.get_by_text("Not permitted", exact=False)
		.or_(desk.page.get_by_text("not found", exact=False))
		.or_(desk.page.get_by_text("do not have enough permissions"))
	)
	expect(told.or_(desk.page.get_by_text("You don't have access to Report")).first).to_be_visible()
	assert (
		"Browser"
		not in desk.page.locator(".page-container:visible .frappe-list, .datatable").all_inner_texts()
	)


@pytest.fixture(scope="module")
def outsider(site: DeskSite) -> str:
	"""The session of somebody who sells, and has nothing to do with storefronts."""
	email = f"browser-outsider-{secrets.token_hex(3)}@example.com"
	return site.session(email, site.user(email, "Sales User", "Stock User"))
