"""What operations staff do about failed entries."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.desk import Desk
from tests.browser.desk_site import Stand, wait_until


def test_failed_entries_are_fixed_and_retried_in_bulk(desk: Desk, stand: Stand) -> None:
	stand.open_channel()
	for _ in range(3):
		stand.tell(stand.order(stand.sku))
	assert len(stand.logs(["state", "=", "Failed"])) == 3
	desk.open("sync-log", channel=stand.channel, state="Failed")
	rows = desk.page.locator(".list-row-container:visible")
	expect(rows).to_have_count(3)
	desk.assert_fits()
	stand.site.item(stand.sku)
	desk.tick_all()
	desk.act("Retry")
	wait_until("all are orders now", lambda: len(stand.logs(["state", "=", "Succeeded"])) == 3)
	desk.open("sync-log", channel=stand.channel, state="Succeeded")
	expect(rows).to_have_count(3)
