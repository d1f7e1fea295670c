"""What an accountant sets up on a channel, in the browser."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.desk import Desk
from tests.browser.desk_site import Stand

ROWS = "() => cur_frm.doc.payment_map.map(({ gateway, account, order_currency }) => [gateway, account, order_currency])"


def test_usual_gateways_are_rows_above_the_one_for_all_others(desk: Desk, stand: Stand) -> None:
	account = stand.site.first(
		"Account",
		["company", "=", stand.site.company["name"]],
		["account_type", "=", "Cash"],
		["is_group", "=", 0],
	)
	stand.open_channel(payment_map=[{"gateway": "*", "account": account}])
	desk.open(f"channel-settings/{stand.channel}")
	desk.field("Payment Methods").get_by_role("button", name="Add Usual Gateways").click()
	dialog = desk.dialog("Add Usual Gateways")
	expect(dialog.get_by_role("checkbox")).not_to_have_count(0)
	desk.assert_fits()
	for title in ("PayPal", "Paytm"):
		dialog.locator("label").filter(has_text=title).locator("input").check()
	dialog.get_by_role("button", name="Add Rows").click()
	expect(dialog).to_be_hidden()
	assert [row[0] for row in desk.page.evaluate(ROWS)] == ["paypal*", "paytm*", "*"]
	assert [row[2] for row in desk.page.evaluate(ROWS)][:2] == [None, None], "for every currency"
	desk.assert_fits()
	desk.picture("payment-methods")

	desk.page.keyboard.press("Control+s")
	refused = desk.dialog("Message")
	expect(refused).to_contain_text("no Clearing Account in row 1 (paypal*), 2 (paytm*)")
	desk.close(refused)
	desk.page.evaluate(
		"(account) => cur_frm.doc.payment_map.forEach((row) => (row.account = account))", account
	)
	desk.save()
	assert [row[:2] for row in desk.page.evaluate(ROWS)] == [
		["paypal*", account],
		["paytm*", account],
		["*", account],
	]
