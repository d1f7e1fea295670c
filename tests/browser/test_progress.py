"""An import that takes a while: its bar, a reload in the middle, and its end."""

from __future__ import annotations

from threading import Event
from typing import Any

from playwright.sync_api import expect

from sandbox.storefronts.custom import PAGE_SIZE
from tests.browser.desk import Desk
from tests.browser.desk_site import DeskSite, Stand

ORDERS = 2 * PAGE_SIZE + 1


def test_an_import_is_watched_to_its_end(desk: Desk, site: DeskSite, stand: Stand) -> None:
	site.item(stand.sku)
	stand.open_channel()
	for _ in range(ORDERS):
		stand.order(stand.sku)
	gates = hold_pages(stand)
	desk.open(f"channel-settings/{stand.channel}")
	desk.choose("Synchronise", "Import Orders Since…")
	dialog = desk.dialog("Import Orders Since…")
	since = desk.page.evaluate("() => frappe.datetime.str_to_user('2020-01-01 00:00:00')")
	dialog.get_by_role("textbox").first.fill(since)
	dialog.get_by_role("textbox").first.press("Tab")
	dialog.get_by_role("button", name="Import", exact=True).click()
	gates[0].set()
	bar = desk.page.locator(".form-dashboard:visible .progress")
	expect(bar).to_be_visible()
	desk.assert_fits()
	desk.page.reload()
	desk.settled()
	expect(bar).to_be_visible()
	desk.picture("import-progress")
	for gate in gates:
		gate.set()
	ended = desk.page.get_by_text(f"Entries since then: {ORDERS} succeeded, 0 failed", exact=False)
	expect(ended).to_be_visible(timeout=240_000)
	assert len(stand.logs(["state", "=", "Succeeded"])) == ORDERS


def hold_pages(stand: Stand) -> list[Event]:
	"""Lets the shop answer one page of orders for each event that is set."""
	gates = [Event() for _ in range(ORDERS // PAGE_SIZE + 1)]
	handle, asked = stand.shop.handle, iter(gates)

	def held(method: str, target: str, headers: Any, body: bytes) -> Any:
		if method == "GET" and "/orders?" in target:
			gate = next(asked, None)
			if gate is not None and not gate.wait(60):
				raise ConnectionAbortedError
		return handle(method, target, headers, body)

	stand.answer = held
	return gates
