"""Every page of the app at each width: nothing out of reach, and no serious finding of axe-core in what is ours."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.desk import Desk
from tests.browser.desk_site import Stand

PAGES = {
	"workspace": "commerce-bridge",
	"channel-list": "channel-settings",
	"listings": "channel-listing",
	"sync-log-list": "sync-log",
	"payout-list": "payout",
	"clearing-accounts": "query-report/Clearing Accounts",
	"failures-by-cause": "query-report/Failures by Cause",
	"order-reconciliation": "query-report/Order Reconciliation",
	"duplicate-skus": "query-report/Duplicate SKUs",
	"unmapped-skus": "query-report/Unmapped SKUs",
	"drift-report": "query-report/Stock Drift",
}
#: What shows that a page is drawn: cards, rows, or the words that there are none.
DRAWN = {
	"workspace": ".number-widget-box .number",
	"list": ".list-row-container:visible, .no-result:visible",
	"report": ".datatable:visible, .msg-box:visible, :text('Nothing to show'):visible",
}


def kind_of(name: str) -> str:
	if name == "workspace":
		return name
	return "report" if PAGES[name].startswith("query-report/") else "list"


def look_at(desk: Desk, name: str) -> None:
	rows = desk.page.locator(".list-row-container:visible, .datatable:visible").all_inner_texts()
	assert "undefined" not in "".join(rows)
	desk.assert_fits()
	desk.assert_accessible()
	desk.picture(name)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_fits_and_is_accessible(desk: Desk, name: str) -> None:
	desk.open(PAGES[name])
	expect(desk.page.locator(DRAWN[kind_of(name)]).first).to_be_visible()
	look_at(desk, name)


def test_the_forms_fit_and_are_accessible(desk: Desk, stand: Stand) -> None:
	stand.open_channel()
	stand.tell(stand.order(stand.sku))
	desk.open(f"channel-settings/{stand.channel}")
	look_at(desk, "channel-form")
	desk.open(f"sync-log/{stand.logs(['state', '=', 'Failed'])[0]['name']}")
	look_at(desk, "sync-log-form")
