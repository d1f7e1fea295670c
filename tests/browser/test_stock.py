"""What the shop shows, and bringing it back to what there is."""

from __future__ import annotations

from decimal import Decimal

from playwright.sync_api import expect

from tests.browser.desk import Desk
from tests.browser.desk_site import DeskSite, Stand, wait_until


def test_drift_is_repaired_from_the_report(desk: Desk, site: DeskSite, stand: Stand) -> None:
	site.item(stand.sku)
	stand.storefront.products.clear()
	stand.storefront.add_product(stand.sku)
	stand.open_channel(push_stock=1)
	wait_until(
		"nothing waits", lambda: site.rest.sql("SELECT COUNT(*) FROM `tabStock Change`").strip() == "0"
	)
	site.insert("Channel Listing", channel=stand.channel, item_code=stand.sku, sku=stand.sku)
	site.receive(stand.sku, 7)
	site.call("sync_stock_now", channel=stand.channel, confirm_first_push=1)
	shown = stand.storefront.stock
	wait_until("the shop is told", lambda: shown[stand.sku] == 7)
	shown[stand.sku] = Decimal(9)  # somebody edits it in the shop
	report = desk.page.locator(".page-container:visible .report-wrapper")
	drifted = report.get_by_text(stand.sku).first
	desk.open("query-report/Stock Drift", channel=stand.channel)
	desk.press("Check Now")
	check = [["channel", "=", stand.channel], ["finished", "is", "set"]]
	wait_until("the check is through", lambda: site.rest.rows("Drift Check", check))
	desk.open("query-report/Stock Drift", channel=stand.channel)
	expect(drifted).to_be_visible()
	desk.assert_fits()
	desk.picture("stock-drift")
	report.locator(".dt-cell--header [type=checkbox]").check()
	desk.press("Repair Chosen Rows")
	desk.button("Yes").click()
	wait_until("the shop shows what there is", lambda: shown[stand.sku] == 7)
	desk.press("Check Now")
	wait_until("a second check is through", lambda: len(site.rest.rows("Drift Check", check)) > 1)
	desk.open("query-report/Stock Drift", channel=stand.channel)
	expect(drifted).to_have_count(0)
