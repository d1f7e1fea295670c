"""Orders on a real site, through the engine and the custom connector: what a storefront sends, and what stands
in ERPNext afterwards."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from unittest.mock import patch

import frappe
from erpnext.selling.doctype.sales_order.sales_order import make_delivery_note, make_sales_invoice
from erpnext.stock.doctype.delivery_note.delivery_note import make_sales_return

from commerce_bridge.bridge import worker
from commerce_bridge.bridge.channel import RefundPolicy
from commerce_bridge.bridge.protocols import NewEntry
from commerce_bridge.erpnext import order_values, site
from commerce_bridge.tests.base import SiteTestCase
from commerce_bridge.tests.factory import USER, SiteFixture

SHOP = "Orders Shop"
START = datetime(2026, 11, 20, 9, tzinfo=timezone.utc)


class OrdersCase(SiteTestCase):
	def setUp(self) -> None:
		self.fixture = SiteFixture()
		self.channel = self.fixture.make_channel(SHOP)
		for item in ("CB-PHONE", "CB-CASE"):
			self.fixture.make_item(item)
			self.fixture.set_stock(item, Decimal(100))
		self.world = site.world()
		self.sent = 0

	def send(self, topic: str, data: dict[str, Any]) -> Any:
		"""Stores an event and works on it; returns its Sync Log row."""
		self.sent += 1
		payload = json.dumps({"type": topic, "timestamp": "2026-11-20T09:00:00Z", "data": data})
		key = hashlib.sha256(f"{self.id()}{self.sent}".encode()).hexdigest()
		with self.world.erp.transaction():
			entry = NewEntry(SHOP, "Inbound", topic, key, payload, data["id"])
			name = self.world.journal.record([entry])[0].name
		while worker.run_once(self.world):
			continue
		return frappe._dict(self.fixture.entry(name))

	def order(self, external_id: str, *lines: dict[str, Any], total: str, **values: Any) -> dict[str, Any]:
		moment = START + timedelta(minutes=self.sent)
		return {
			"id": external_id,
			"order_number": f"#{external_id}",
			"updated_at": moment.isoformat(),
			"placed_at": START.isoformat(),
			"currency": self.fixture.currency,
			"customer": {
				"id": "c-1",
				"email": "ada@orders.example",
				"first_name": "Ada",
				"last_name": "Lovelace",
			},
			"lines": list(lines),
			"totals": {"grand_total": total},
			**values,
		}

	def simple(self, external_id: str, quantity: int = 2, **values: Any) -> dict[str, Any]:
		total = str(Decimal(11) * quantity) + ".00"
		return self.order(
			external_id, line("l1", "CB-PHONE", quantity, "10.00", quantity, "1.00"), total=total, **values
		)

	def sales_order(self, external_id: str) -> Any:
		frappe.db.rollback()
		name = frappe.db.get_value("Sales Order", {"cb_external_id": external_id, "docstatus": ("<", 2)})
		return frappe.get_doc("Sales Order", name)


def line(
	line_id: str, sku: str, quantity: int, price: str, taxed: int = 0, tax: str = "0", discount: str = "0"
) -> dict[str, Any]:
	"""`tax` is that of one unit, `taxed` units pay it."""
	total = Decimal(price) * quantity - Decimal(discount)
	amount = Decimal(tax) * taxed
	taxes = [{"title": "VAT", "rate": "10", "amount": str(amount)}] if amount else []
	values = {"id": line_id, "sku": sku, "quantity": quantity, "unit_price": price, "discount": discount}
	return {**values, "total": str(total), "taxes": taxes}


class TestOrders(OrdersCase):
	def test_an_order_becomes_a_submitted_sales_order(self) -> None:
		log = self.send("order.upserted", self.simple("o-1"))
		self.assertEqual((log.state, log.external_number), ("Succeeded", "#o-1"), log.message)
		doc = self.sales_order("o-1")
		self.assertEqual(log.reference_name, doc.name)
		self.assertEqual((doc.docstatus, doc.status, doc.grand_total), (1, "To Deliver and Bill", 22.0))
		self.assertEqual((doc.cb_channel, doc.cb_external_number, doc.owner), (SHOP, "#o-1", USER))
		self.assertEqual(doc.items[0].cb_line_id, "l1")
		self.assertEqual(frappe.db.count("Sync Attempt", {"parent": log.name}), 1)

	def test_a_copy_made_by_hand_is_no_order_of_the_shop(self) -> None:
		self.send("order.upserted", self.simple("o-24"))
		order = self.sales_order("o-24")
		order.db_set({"cb_carrier": "DHL", "cb_tracking_number": "T-24"})
		copy = frappe.copy_doc(frappe.get_doc("Sales Order", order.name)).insert()
		self.addCleanup(frappe.db.rollback)
		kept = {field for field in order_values.OF_THE_ORDER if copy.get(field)}
		kept |= {field for row in copy.items for field in order_values.OF_THE_LINE if row.get(field)}
		self.assertEqual(kept, set())
		self.assertEqual(copy.items[0].item_code, order.items[0].item_code)

	def test_an_amendment_and_what_is_made_of_an_order_stay_the_shop_s(self) -> None:
		self.send("order.upserted", self.simple("o-25"))
		order = self.sales_order("o-25")
		for make in (make_delivery_note, make_sales_invoice):
			mapped = make(order.name)
			self.assertEqual((mapped.cb_channel, mapped.cb_external_id), (SHOP, "o-25"))
			self.assertEqual(mapped.items[0].cb_line_id, "l1")
		order.cancel()
		amended = frappe.copy_doc(order)
		amended.update({"amended_from": order.name, "docstatus": 0, "status": "Draft"}).insert()
		self.addCleanup(frappe.db.rollback)
		self.assertEqual((amended.cb_channel, amended.cb_external_id), (SHOP, "o-25"))
		self.assertEqual(amended.items[0].cb_line_id, "l1")

	def test_one_step_equals_two_steps(self) -> None:
		self.send("order.upserted", self.simple("o-21"))
		with patch("commerce_bridge.erpnext.sales_order.needs_draft_first", return_value=True):
			self.send("order.upserted", self.simple("o-22"))
		one, two = (self.facts(self.sales_order(order)) for order in ("o-21", "o-22"))
		self.maxDiff = None
		self.assertEqual(one, two)

	def facts(self, doc: Any) -> dict[str, Any]:
		"""Every field of the order and its rows, but for what names it and when."""
		ignored = {"name", "creation", "modified", "parent", "title", "cb_external_id", "cb_external_number"}
		ignored |= {"projected_qty"}  # the first order lowered it

		def known(row: Any) -> dict[str, Any]:
			values = row.get_valid_dict(convert_dates_to_str=True)
			return {field: value for field, value in values.items() if value and field not in ignored}

		return known(doc) | {"rows": [known(row) for row in doc.get_all_children()]}

	def test_unknown_items_are_all_named_and_retry_succeeds(self) -> None:
		rows = [line(f"l{n}", f"CB-NEW-{n}-{frappe.generate_hash(length=6)}", 1, "10.00") for n in (1, 2)]
		log = self.send("order.upserted", self.order("o-3", *rows, total="20.00"))
		self.assertEqual((log.state, log.error_class), ("Failed", "Misconfigured"), log.message)
		for row in rows:
			self.assertIn(row["sku"], log.message)
			self.fixture.make_item(row["sku"])
		from commerce_bridge.erpnext import operations

		self.assertEqual(operations.requeue([log.name], ("Failed",)), 1)
		frappe.db.commit()
		worker.run_once(self.world)
		self.assertEqual(self.fixture.entry(log.name)["state"], "Succeeded")
		self.assertEqual(self.sales_order("o-3").grand_total, 20.0)

	def test_customers_and_addresses_are_not_doubled(self) -> None:
		address = {"name": "Ada L", "line1": "Main St 1", "city": "Berlin", "country_code": "DE"}
		first = self.simple("o-4", billing_address=address, shipping_address=address)
		second = {**self.simple("o-5", billing_address=address), "customer": {"email": "ADA@orders.example"}}
		self.send("order.upserted", first)
		self.send("order.upserted", second)
		one, two = self.sales_order("o-4"), self.sales_order("o-5")
		self.assertEqual(one.customer, two.customer)
		self.assertEqual(one.customer_address, two.customer_address)
		self.assertEqual(one.customer_address, one.shipping_address_name)
		self.assertEqual(self.fixture.addresses_of(one.customer), 1)

	def test_discounts_stay_visible_and_pricing_is_not_applied_again(self) -> None:
		row = line("l1", "CB-PHONE", 3, "33.33", discount="10.00")
		log = self.send("order.upserted", self.order("o-6", row, total="89.99"))
		self.assertEqual(log.state, "Succeeded", f"{log.message} {log.traceback}")
		doc = self.sales_order("o-6")
		self.assertEqual((doc.grand_total, doc.items[0].price_list_rate), (89.99, 33.33))
		self.assertEqual(doc.ignore_pricing_rule, 1)

	def test_a_missing_right_says_so_and_books_nothing(self) -> None:
		user = frappe.get_doc("User", USER)
		user.remove_roles("Commerce Bridge Integration")
		frappe.db.commit()
		try:
			log = self.send("order.upserted", self.simple("o-7"))
		finally:
			frappe.set_user("Administrator")
			user.reload()
			user.add_roles("Commerce Bridge Integration")
			frappe.db.commit()
		self.assertEqual((log.state, log.error_class), ("Failed", "Misconfigured"), log.message)
		self.assertEqual(self.fixture.count_sales_orders("o-7"), 0)

	def test_own_numbering_takes_the_next_number(self) -> None:
		self.channel = self.fixture.make_channel(SHOP, own_numbering=1)
		log = self.send("order.upserted", self.simple("o-8"))
		self.assertEqual(log.state, "Succeeded", log.message)
		self.send("order.upserted", self.simple("o-9"))
		numbers = [int(self.sales_order(order).name.rsplit("-", 1)[1]) for order in ("o-8", "o-9")]
		self.assertEqual(numbers[1], numbers[0] + 1)

	def test_nothing_runs_as_another_user_afterwards(self) -> None:
		self.send("order.upserted", self.simple("o-10"))
		self.assertEqual(frappe.session.user, "Administrator")


class TestFollowing(OrdersCase):
	"""`order.upserted` again and `order.cancelled`, by what stands on the Sales Order."""

	def test_submitted_follows_by_amendment(self) -> None:
		self.send("order.upserted", self.simple("f-1"))
		first = self.sales_order("f-1")
		log = self.send("order.upserted", self.simple("f-1", quantity=3))
		self.assertEqual(log.state, "Succeeded", log.message)
		doc = self.sales_order("f-1")
		self.assertEqual((doc.amended_from, doc.grand_total, doc.docstatus), (first.name, 33.0, 1))
		self.assertEqual(doc.status, "To Deliver and Bill")
		self.assertEqual(self.fixture.count_sales_orders("f-1"), 1)

	def test_draft_is_rewritten(self) -> None:
		self.fixture.make_channel(SHOP, order_docstatus="Draft")
		self.send("order.upserted", self.simple("f-2"))
		first = self.sales_order("f-2")
		added = line("l2", "CB-CASE", 1, "5.00", 1, "0.50")
		rows = [line("l1", "CB-PHONE", 1, "10.00", 1, "1.00"), added]
		log = self.send("order.upserted", self.order("f-2", *rows, total="16.50"))
		self.assertEqual(log.state, "Succeeded", log.message)
		doc = self.sales_order("f-2")
		self.assertEqual((doc.name, doc.docstatus, doc.grand_total, len(doc.items)), (first.name, 0, 16.5, 2))

	def test_delivered_or_billed_is_left_and_says_what_to_do(self) -> None:
		self.fixture.make_channel(SHOP, refunds=RefundPolicy(credit_notes=False))
		for external_id, make in (("f-3", make_delivery_note), ("f-4", make_sales_invoice)):
			self.send("order.upserted", self.simple(external_id))
			order = self.sales_order(external_id)
			made = make(order.name)
			made.insert()
			made.submit()
			frappe.db.commit()
			changed = self.send("order.upserted", self.simple(external_id, quantity=3))
			cancelled = self.send("order.cancelled", self.cancellation(external_id))
			for log in (changed, cancelled):
				self.assertEqual((log.state, log.error_class), ("Failed", "Rejected"))
				self.assertIn(made.name, log.message)
			self.assertEqual(self.sales_order(external_id).name, order.name)

	def test_a_draft_delivery_stops_a_cancellation(self) -> None:
		self.send("order.upserted", self.simple("f-5"))
		note = make_delivery_note(self.sales_order("f-5").name)
		note.insert()
		frappe.db.commit()
		log = self.send("order.cancelled", self.cancellation("f-5"))
		self.assertEqual(log.state, "Failed")
		self.assertIn(note.name, log.message)
		self.assertEqual(self.sales_order("f-5").docstatus, 1)

	def test_cancelling_submitted_and_draft(self) -> None:
		self.send("order.upserted", self.simple("f-6"))
		self.assertEqual(self.send("order.cancelled", self.cancellation("f-6")).state, "Succeeded")
		self.fixture.make_channel(SHOP, order_docstatus="Draft")
		self.send("order.upserted", self.simple("f-7"))
		self.assertEqual(self.send("order.cancelled", self.cancellation("f-7")).state, "Succeeded")
		self.assertEqual([self.fixture.count_sales_orders(order) for order in ("f-6", "f-7")], [0, 0])

	def test_a_cancellation_here_is_told_or_not_by_the_policy(self) -> None:
		for policy, expected in ((0, []), (1, ["order.changed"])):
			self.fixture.make_channel(SHOP, send_local_changes=policy)
			self.send("order.upserted", self.simple(f"f-8{policy}"))
			order = self.sales_order(f"f-8{policy}")
			order.cancel()
			frappe.db.commit()
			told = self.fixture.entries_about(order.name)
			self.assertEqual([row["topic"] for row in told if row["direction"] == "Outbound"], expected)

	def test_our_own_cancellation_is_no_news_for_the_storefront(self) -> None:
		self.fixture.make_channel(SHOP, send_local_changes=1)
		self.send("order.upserted", self.simple("f-9"))
		order = self.sales_order("f-9")
		self.send("order.cancelled", self.cancellation("f-9"))
		told = self.fixture.entries_about(order.name)
		self.assertEqual([row["topic"] for row in told if row["direction"] == "Outbound"], [])

	def cancellation(self, external_id: str) -> dict[str, Any]:
		return {"id": external_id, "updated_at": (START + timedelta(hours=5, minutes=self.sent)).isoformat()}


class TestProration(OrdersCase):
	"""Partial documents of an order with an Actual tax row add up to the order, to the cent."""

	def make(self, external_id: str) -> Any:
		"""3 × 33.33 − 10.00 with 17.11 tax, which no rate gives: an Actual row."""
		row = line("l1", "CB-PHONE", 3, "33.33", discount="10.00")
		row["taxes"] = [{"title": "VAT", "rate": "19", "amount": "17.11"}]
		log = self.send("order.upserted", self.order(external_id, row, total="107.10"))
		self.assertEqual(log.state, "Succeeded", log.message)
		doc = self.sales_order(external_id)
		self.assertEqual((doc.grand_total, doc.taxes[0].charge_type), (107.10, "Actual"))
		return doc

	def part(self, make: Any, order: str, quantity: int) -> Any:
		doc = make(order)
		doc.items[0].qty = quantity
		doc.insert()
		doc.submit()
		return doc

	def total(self, *documents: Any) -> Decimal:
		return sum((Decimal(str(doc.grand_total)) for doc in documents), Decimal(0))

	def test_invoices_1_and_2(self) -> None:
		order = self.make("p-1")
		parts = [self.part(make_sales_invoice, order.name, quantity) for quantity in (1, 2)]
		self.assertEqual(self.total(*parts), Decimal("107.10"))
		self.assertEqual([part.taxes[0].tax_amount for part in parts], [5.70, 11.41])

	def test_deliveries_1_and_2_and_a_return_of_each(self) -> None:
		order = self.make("p-2")
		notes = [self.part(make_delivery_note, order.name, quantity) for quantity in (1, 2)]
		self.assertEqual(self.total(*notes), Decimal("107.10"))
		returned = make_sales_return(notes[1].name)
		returned.items[0].qty = -1
		returned.insert()
		returned.submit()
		rest = make_sales_return(notes[1].name)
		rest.items[0].qty = -1
		rest.insert()
		rest.submit()
		self.assertEqual(self.total(returned, rest), -Decimal(str(notes[1].grand_total)))

	def test_a_cancelled_part_is_made_up_for_by_the_last(self) -> None:
		order = self.make("p-3")
		first = self.part(make_sales_invoice, order.name, 1)
		second = self.part(make_sales_invoice, order.name, 1)
		first.cancel()
		third = self.part(make_sales_invoice, order.name, 2)
		self.assertEqual(
			sum(Decimal(str(part.taxes[0].tax_amount)) for part in (second, third)), Decimal("17.11")
		)

	def test_documents_of_other_orders_are_left_alone(self) -> None:
		order = self.make("p-4")
		invoice = make_sales_invoice(order.name)
		invoice.update({"cb_channel": None})
		invoice.items[0].qty = 1
		invoice.insert()
		self.assertEqual(invoice.taxes[0].tax_amount, 17.11)
