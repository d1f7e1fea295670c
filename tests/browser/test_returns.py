"""What a warehouse does about goods that come back: decided, received, inspected, and the shop told of each step."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.desk import Desk
from tests.browser.desk_site import DeskSite, Stand, wait_until

MAKE_DELIVERY = "/api/method/erpnext.selling.doctype.sales_order.sales_order.make_delivery_note"
HOSTILE = "<img src=x onerror=alert(1)>"
#: What is kept of it: the Desk draws fields that cannot be edited as they are.
KEPT = "img src=x onerror=alert(1)"
#: Markup that became an element, wherever on the page.
ELEMENTS = "img[src='x'], img[onerror]"


@dataclass
class Sold:
	"""An order of one piece that was delivered, and what the shop says of its return."""

	site: DeskSite
	stand: Stand
	order_id: str
	sales_order: str
	line_id: str

	def returned(self, status: str, hours: int = 1, **more: Any) -> str:
		"""The shop tells of the return as it stands now; the name of the Return Authorisation."""
		line = {"order_line_id": self.line_id, "quantity": 1, "reason": f"{HOSTILE} small"}
		line["condition"] = f"{HOSTILE} worn"
		shop = self.stand.storefront
		moment = shop.now() + timedelta(hours=hours)
		note = f"{HOSTILE} thank you"
		self.stand.tell(shop.return_goods(self.order_id, [line], status, moment, note=note, **more))
		return wait_until("the return is there", self.name)

	def name(self) -> str:
		rows = self.site.rest.rows("Return Authorisation", [["sales_order", "=", self.sales_order]])
		return rows[-1]["name"] if rows else ""

	def value(self, name: str, field: str) -> Any:
		[row] = self.site.rest.rows("Return Authorisation", [["name", "=", name]], (field,))
		return row[field]

	def told(self, status: str) -> dict[str, Any]:
		"""What the shop heard of its return last."""
		heard = self.stand.storefront.returns
		key = f"rma_{self.order_id}"
		wait_until(f"the shop hears that it is {status}", lambda: heard.get(key, {}).get("status") == status)
		return heard[key]


@pytest.fixture
def sold(site: DeskSite, stand: Stand) -> Sold:
	site.item(stand.sku)
	site.receive(stand.sku, 3)
	stand.open_channel(returns="Nothing")
	event = stand.order(stand.sku)
	stand.tell(event)
	[row] = stand.logs(["external_id", "=", event.order_id], ["topic", "=", "order.upserted"])
	assert row["state"] == "Succeeded", row["message"]
	note = site.rest.call("POST", MAKE_DELIVERY, {"source_name": row["reference_name"]})
	site.insert(**note | {"docstatus": 1})
	line = stand.storefront.orders[event.order_id]["lines"][0]["id"]
	return Sold(site, stand, event.order_id, row["reference_name"], line)


def is_now(desk: Desk, status: str) -> None:
	expect(desk.page.locator(".indicator-pill:visible").filter(has_text=status).first).to_be_visible()
	desk.settled()


def looked_at(desk: Desk) -> None:
	desk.assert_fits()
	desk.assert_accessible()
	expect(desk.page.locator(ELEMENTS)).to_have_count(0)


def asked(dialog: Locator, name: str) -> Locator:
	"""The control of the first row of goods in a dialog."""
	return dialog.locator(f'.frappe-control[data-fieldname="{name}_0"]')


def test_goods_are_received_inspected_and_the_shop_is_told(desk: Desk, sold: Sold) -> None:
	name = sold.returned("requested")
	desk.open(f"return-authorisation/{name}")
	is_now(desk, "Requested")
	expect(desk.field("Note of the Buyer").locator("textarea")).to_have_value(f"{KEPT} thank you")
	looked_at(desk)
	desk.picture("return-form")
	desk.press("Approve")
	is_now(desk, "Approved")
	assert sold.told("approved")["lines"][0]["received"] == "0"

	desk.press("Receive…")
	dialog = desk.dialog("Receive")
	expect(asked(dialog, "quantity").locator("input")).to_have_value(re.compile(r"^1(\.0*)?$"))
	looked_at(desk)
	desk.picture("return-receive")
	dialog.get_by_role("button", name="Receive", exact=True).click()
	expect(dialog).to_be_hidden()
	is_now(desk, "Received")
	of_it = [["cb_return_authorisation", "=", name], ["docstatus", "=", 1]]
	[note] = sold.site.rest.rows("Delivery Note", of_it, ("is_return", "total_qty"))
	assert note == {"is_return": 1, "total_qty": -1.0}
	assert sold.told("received")["lines"][0]["received"] == "1"

	desk.press("Inspect…")
	dialog = desk.dialog("Inspect")
	for field, value in (("condition_found", "Used"), ("disposition", "Refurbish")):
		desk.enter(asked(dialog, field), value)
	desk.enter(asked(dialog, "inspection_result"), f"{HOSTILE} scratched")
	looked_at(desk)
	desk.picture("return-inspect")
	dialog.get_by_role("button", name="Save", exact=True).click()
	expect(dialog).to_be_hidden()
	desk.settled()
	desk.press("Inspect…")  # what was kept is offered again
	dialog = desk.dialog("Inspect")
	expect(asked(dialog, "inspection_result").locator("textarea")).to_have_value(f"{KEPT} scratched")
	looked_at(desk)
	desk.close(dialog)
	desk.press("Close")
	is_now(desk, "Closed")
	[line] = sold.told("closed")["lines"]
	assert (line["condition_found"], line["disposition"]) == ("Used", "refurbish")
	looked_at(desk)


def test_what_a_buyer_wrote_of_a_piece_is_text(desk: Desk, sold: Sold) -> None:
	name = sold.returned("approved")
	desk.open(f"return-authorisation/{name}")
	goods = desk.page.locator('.page-container:visible .frappe-control[data-fieldname="lines"]')
	row = goods.locator(".grid-body .grid-row").first
	row.locator(".row-index:visible").click()
	opened = desk.page.locator(".grid-row-open").last
	for field, text in (("reason", "small"), ("condition_declared", "worn")):
		box = opened.locator(f'.form-in-grid .frappe-control[data-fieldname="{field}"] input')
		expect(box).to_have_value(f"{KEPT} {text}")
	looked_at(desk)
	desk.open("return-authorisation", sales_order=sold.sales_order)
	expect(desk.page.locator(".list-row-container:visible").filter(has_text=name)).to_have_count(1)
	expect(desk.page.locator(ELEMENTS)).to_have_count(0)
	desk.assert_fits()


def test_a_return_is_declined_and_the_buyer_told_why(desk: Desk, sold: Sold) -> None:
	name = sold.returned("requested")
	desk.open(f"return-authorisation/{name}")
	desk.press("Decline…")
	dialog = desk.dialog("Decline")
	dialog.get_by_role("button", name="Decline", exact=True).click()
	expect(dialog).to_be_visible()  # a reason is asked for
	refused = desk.page.locator(".modal.show").filter(has_text="Missing Values Required")
	expect(refused).to_be_visible()
	desk.close(refused)
	desk.enter(dialog.locator('.frappe-control[data-fieldname="reason"]'), f"{HOSTILE} too late")
	desk.assert_fits()
	dialog.get_by_role("button", name="Decline", exact=True).click()
	is_now(desk, "Declined")
	assert sold.told("declined")["reason"] == f"{KEPT} too late"
	desk.open(f"return-authorisation/{name}")
	expect(desk.field("Reason of the Decision")).to_contain_text(f"{KEPT} too late")
	looked_at(desk)


def test_what_the_shop_declines_after_all_is_declined(desk: Desk, sold: Sold) -> None:
	name = sold.returned("requested")
	desk.open(f"return-authorisation/{name}")
	desk.press("Approve")
	is_now(desk, "Approved")
	sold.told("approved")
	sold.returned("declined", hours=2)
	wait_until("it is declined", lambda: sold.value(name, "status") == "Declined")
	desk.open(f"return-authorisation/{name}")
	is_now(desk, "Declined")
	desk.assert_fits()
