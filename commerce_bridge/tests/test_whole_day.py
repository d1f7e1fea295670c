"""A whole day of one order on a site: from the shop's webhook to the parcel's tracking number and back."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import frappe

from commerce_bridge.bridge import worker
from commerce_bridge.bridge.channel import Credentials
from commerce_bridge.bridge.clock import utc_now
from commerce_bridge.erpnext import site
from commerce_bridge.tests import settings
from commerce_bridge.tests.storefront import open_storefront
from commerce_bridge.tests.webhooks import SECRET, SHOP, WebhookCase

STOCK = 10


class TestWholeDay(WebhookCase):
	def setUp(self) -> None:
		super().setUp()
		settings.change(self, "Stock Settings", enable_stock_reservation=1)
		self.shop = open_storefront(self, SECRET)
		self.fixture.make_channel(SHOP, store_url=self.shop.url, afterwards="Reserve Stock")
		self.fixture.set_credentials(SHOP, Credentials(webhook_secrets=(SECRET,)))
		self.fixture.make_item("CB-DAY")
		self.fixture.set_stock("CB-DAY", Decimal(STOCK))
		self.fixture.make_listing(SHOP, "CB-DAY", "WEB-DAY")
		frappe.db.delete("Stock Change")
		frappe.db.commit()

	def request(self, *arguments: Any, **named: Any) -> Any:
		"""The site's configuration is read anew after a request; the listener is still on this machine."""
		answer = super().request(*arguments, **named)
		frappe.conf.commerce_bridge_allow_loopback = 1
		return answer

	def work(self) -> None:
		"""What the sweeper and the workers do, until nothing is due."""
		world, worked = site.world(), True
		while worked:
			site.collect(world)
			worked = worker.run_once(world)
		open_entries = frappe.get_all(
			"Sync Log", {"state": ("!=", "Succeeded")}, ["topic", "state", "message"]
		)
		self.assertEqual(open_entries, [])

	def event(self) -> dict[str, Any]:  # type: ignore[override]
		tax = [{"title": "VAT", "rate": "19", "amount": "17.10"}]
		address = {"name": "Ada Lovelace", "line1": "1 Main St", "city": "Berlin", "country_code": "DE"}
		line = {"id": "l1", "sku": "WEB-DAY", "quantity": 3, "unit_price": "33.33", "discount": "10.00"}
		return {
			"type": "order.upserted",
			"data": {
				"id": "day-1",
				"order_number": "WEB-1001",
				"updated_at": utc_now().isoformat(),
				"placed_at": utc_now().isoformat(),
				"currency": self.fixture.currency,
				"customer": {"email": "ada@day.example", "first_name": "Ada", "last_name": "Lovelace"},
				"billing_address": address,
				"shipping_address": address,
				"lines": [{**line, "total": "89.99", "taxes": tax}],
				"shipping": [{"title": "Standard", "amount": "4.90"}],
				"totals": {"grand_total": "111.99", "tax": "17.10"},
			},
		}

	def test_from_the_webhook_to_the_parcel(self) -> None:
		# the order is placed
		answer = self.post(self.event())
		self.assertEqual(answer.status_code, 200)
		self.work()
		name = frappe.db.get_value("Sync Log", answer.json["log"], "reference_name")
		order = frappe.get_doc("Sales Order", name)
		self.assertEqual((order.docstatus, order.status), (1, "To Deliver and Bill"))
		self.assertEqual((order.grand_total, order.total_taxes_and_charges), (111.99, 17.10))
		self.assertEqual((order.cb_external_id, order.cb_external_number), ("day-1", "WEB-1001"))
		self.assertEqual(order.contact_email, "ada@day.example")

		# its stock is reserved, and the shop shows what is left
		reserved = {"voucher_no": name, "item_code": "CB-DAY", "docstatus": 1}
		self.assertEqual(frappe.db.get_value("Stock Reservation Entry", reserved, "reserved_qty"), 3)
		self.assertEqual(self.level(), STOCK - 3)

		# it is shipped, and the shop shows the tracking; what was reserved is gone, nothing else
		note = self.fixture.make_delivery(name, "DHL", "JD0001")
		self.work()
		[shipment] = self.shop.shipments.values()
		self.assertEqual((shipment["id"], shipment["order_id"]), (note, "day-1"))
		self.assertEqual((shipment["carrier"], shipment["tracking_number"]), ("DHL", "JD0001"))
		shipped = [(line["order_line_id"], Decimal(line["quantity"])) for line in shipment["lines"]]
		self.assertEqual(shipped, [("l1", Decimal(3))])
		self.assertEqual(self.level(), STOCK - 3)

		# a parcel that never left is taken back
		self.fixture.cancel_delivery(note)
		self.work()
		self.assertEqual(self.shop.shipments, {})
		self.assertIn("shipment.cancelled", self.shop.taken)
		self.assertEqual(self.level(), STOCK - 3)

	def test_tracking_filled_in_later_is_told(self) -> None:
		self.post(self.event())
		self.work()
		note = self.fixture.make_delivery(self.fixture.live_orders("day-1")[0]["name"], "DHL", "")
		self.work()
		doc = frappe.get_doc("Delivery Note", note)
		doc.update({"cb_tracking_number": "JD0002", "cb_tracking_url": "https://track.example/JD0002"})
		doc.save()
		frappe.db.commit()
		self.work()
		shipment = self.shop.shipments[note]
		self.assertEqual(shipment["tracking_number"], "JD0002")
		self.assertEqual(shipment["tracking_url"], "https://track.example/JD0002")

	def level(self) -> Decimal:
		return Decimal(self.shop.levels["WEB-DAY"])
