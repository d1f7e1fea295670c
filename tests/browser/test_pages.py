"""Every page of the app at each width: nothing out of reach, and no serious finding of axe-core in what is ours."""

from __future__ import annotations

import pytest

from tests.browser.desk import Desk
from tests.browser.desk_site import Stand

PAGES = {
	"workspace": "commerce-bridge",
	"channel-list": "channel-settings",
	"listings": "channel-listing",
	"sync-log-list": "sync-log",
	"failures-by-cause": "query-report/Failures by Cause",
	"order-reconciliation": "query-report/Order Reconciliation",
	"duplicate-skus": "query-report/Duplicate SKUs",
	"unmapped-skus": "query-report/Unmapped SKUs",
	"drift-report": "query-report/Stock Drift",
}


def look_at(desk: Desk, name: str) -> None:
	desk.assert_fits()
	desk.assert_accessible()
	desk.picture(name)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_fits_and_is_accessible(desk: Desk, name: str) -> None:
	desk.open(PAGES[name])
	look_at(desk, name)


def test_the_forms_fit_and_are_accessible(desk: Desk, stand: Stand) -> None:
	stand.open_channel()
	stand.tell(stand.order(stand.sku))
	desk.open(f"channel-settings/{stand.channel}")
	look_at(desk, "channel-form")
	desk.open(f"sync-log/{stand.logs(['state', '=', 'Failed'])[0]['name']}")
	look_at(desk, "sync-log-form")
