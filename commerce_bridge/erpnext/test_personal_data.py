"""The right to be forgotten, and to be told: after a redaction nothing of the person is left in any table."""

from __future__ import annotations

import hashlib
import json
import re
from decimal import Decimal
from typing import Any
from unittest.mock import patch

import frappe
from erpnext.accounts.doctype.sales_invoice.sales_invoice import make_delivery_note, make_sales_return
from erpnext.selling.doctype.sales_order.sales_order import create_pick_list, make_sales_invoice
from frappe.utils.global_search import sync_global_search

from commerce_bridge import api
from commerce_bridge.bridge import worker
from commerce_bridge.bridge.channel import Channel
from commerce_bridge.bridge.model import DataRequest, Event, EventData, Redaction
from commerce_bridge.bridge.protocols import ERASED, NewEntry
from commerce_bridge.erpnext import redaction, site
from commerce_bridge.permissions import MANAGER
from commerce_bridge.permissions import USER as USER_ROLE
from commerce_bridge.tests.factory import USER
from commerce_bridge.tests.webhooks import SHOP, WebhookCase

OTHER = "Other Privacy Shop"
PARSE = "commerce_bridge.connectors.custom.connector.CustomConnector.parse"
#: What the law makes a merchant keep.
BOOKS = {"tabSales Invoice", "tabSales Invoice Item", "tabGL Entry", "tabPayment Ledger Entry"}
TEXT_COLUMNS = """SELECT table_name AS tab, GROUP_CONCAT(column_name) AS names FROM information_schema.columns
	WHERE table_schema = DATABASE() AND data_type IN ('varchar', 'char', 'text', 'mediumtext', 'longtext', 'json')
	GROUP BY table_name"""


class Someone:
	"""A buyer whose name, street, e-mail and phone nobody else has."""

	def __init__(self, **values: Any):
		mark = frappe.generate_hash(length=8)
		self.id = f"c-{mark}"
		self.last_name = f"Quimby{mark}"
		self.email = f"ada.{mark}@privacy.example"
		self.phone = f"+49151{int(mark, 36) % 10**8:08d}"
		self.street = f"{mark} Larkspur Lane"
		self.orders: list[str] = []
		self.__dict__.update(values)

	@property
	def words(self) -> list[str]:
		return [self.last_name, self.email, self.phone, self.street]

	def customer(self) -> dict[str, Any]:
		named = {"first_name": "Zoë", "last_name": self.last_name, "tax_id": f"T {self.last_name}"}
		return {"id": self.id, "email": self.email, "phone": self.phone, **named}

	def address(self) -> dict[str, Any]:
		name = f"Zoë {self.last_name}"
		place = {"line1": self.street, "line2": f"c/o {self.last_name}", "city": "Köln", "country_code": "DE"}
		return {"name": name, "phone": self.phone, "email": self.email, **place}

	def redaction(self) -> Redaction:
		return Redaction(
			customer_id=self.id, email=self.email, phone=self.phone, order_ids=tuple(self.orders)
		)

	def data_request(self) -> DataRequest:
		return DataRequest(**self.redaction().model_dump(exclude={"everything"}))


def tables_with(*words: str) -> set[str]:
	"""Every table of the site with a text column in which one of the words stands, as it is or as JSON writes it.

	Each table is read once. A row that is too long to be searched counts as one that has it.
	"""
	frappe.db.rollback()
	forms = {form for word in words for form in (word, json.dumps(word)[1:-1])}
	pattern = "|".join(re.escape(form) for form in sorted(forms))
	found = set()
	for row in frappe.db.sql(TEXT_COLUMNS, as_dict=True):
		columns = ", ".join(f"`{column}`" for column in row.names.split(","))
		condition = f"COALESCE(CONCAT_WS('\n', {columns}) RLIKE %s, 1)"
		if frappe.db.sql(f"SELECT 1 FROM `{row.tab}` WHERE {condition} LIMIT 1", (f"(?i){pattern}",)):
			found.add(row.tab)
	return found


class PrivacyCase(WebhookCase):
	def setUp(self) -> None:
		super().setUp()
		frappe.db.set_single_value("Selling Settings", "cust_master_name", "Customer Name")
		mapped = {"path": "gift_message", "target_doctype": "Sales Order", "fieldname": "terms"}
		for channel in (SHOP, OTHER):
			self.fixture.make_channel(channel, field_map=[mapped])
		self.fixture.make_item("CB-PHONE")
		self.fixture.set_stock("CB-PHONE", Decimal(100))
		self.world = site.world()
		self.sent = 0
		frappe.db.commit()  # a request has a connection of its own, and waits for what is open here

	# --- shorthand

	def buys(self, someone: Someone, channel: str = SHOP, **values: Any) -> str:
		"""An order over the webhook; the name of its Sales Order."""
		self.sent += 1
		order_id = values.pop("id", f"{someone.last_name[-8:]}-{self.sent}".replace("Quimby", ""))
		line = {"id": "l1", "sku": "CB-PHONE", "quantity": 1, "unit_price": "10.00", "total": "10.00"}
		order = {
			"id": order_id,
			"order_number": f"#{order_id}",
			"updated_at": f"2026-11-20T09:{self.sent:02d}:00Z",
			"currency": self.fixture.currency,
			"customer": someone.customer(),
			"billing_address": someone.address(),
			"shipping_address": someone.address(),
			"note": f"Please ring at {someone.last_name}",
			"gift_message": f"Dear {someone.last_name}, all the best",
			"lines": [line],
			"totals": {"grand_total": "10.00"},
			**values,
		}
		frappe.db.commit()
		if channel == SHOP:
			answer = self.post({"type": "order.upserted", "data": order})
			self.assertEqual(answer.status_code, 200, answer.data)
			log = answer.json["log"]
		else:
			log = self.record(
				channel, "order.upserted", json.dumps({"type": "order.upserted", "data": order}), order_id
			)
		self.work()
		entry = frappe._dict(self.fixture.entry(log))
		self.assertEqual(entry.state, "Succeeded", f"{entry.message} {entry.traceback}")
		someone.orders.append(order_id)
		return entry.reference_name

	def record(self, channel: str, topic: str, payload: str, external_id: str | None) -> str:
		self.sent += 1
		key = hashlib.sha256(f"{self.id()}{self.sent}{frappe.generate_hash()}".encode()).hexdigest()
		with self.world.erp.transaction():
			entry = NewEntry(channel, "Inbound", topic, key, payload, external_id)
			return self.world.journal.record([entry])[0].name

	def work(self) -> None:
		while worker.run_once(self.world):
			continue

	def asked(self, data: EventData, channel: str = SHOP, topic: str = "customers/redact") -> Any:
		"""A shop's request, worked on; returns its entry."""
		payload = data.model_dump_json()
		log = self.record(channel, topic, payload, getattr(data, "customer_id", None))
		with patch(PARSE, return_value=Event(type=topic, data=data)):
			self.work()
		return frappe._dict(self.fixture.entry(log))

	def erased(self, someone: Someone, **values: Any) -> Any:
		entry = self.asked(someone.redaction(), **values)
		self.assertEqual(entry.state, "Succeeded", f"{entry.message} {entry.traceback}")
		return entry

	def nothing_left(self, *people: Someone) -> None:
		sync_global_search()
		frappe.db.delete(
			"__global_search", {"doctype": "Sales Invoice"}
		)  # finds it by what it says, as the books do
		frappe.db.commit()
		words = [word for someone in people for word in someone.words]
		self.assertEqual(tables_with(*words) - BOOKS, set(), words)

	def customer_of(self, order: str) -> str:
		frappe.db.rollback()
		return frappe.db.get_value("Sales Order", order, "customer")


class TestRedaction(PrivacyCase):
	def test_nothing_of_the_person_is_left_in_any_table(self) -> None:
		someone = Someone()
		order = self.buys(someone)
		self.lives_on(someone, order)
		for word in someone.words:
			self.assertIn(
				"tabSales Order" if word != someone.phone else "tabContact Phone", tables_with(word)
			)
		entry = self.erased(someone)
		self.assertIn("Erased: 1 customers", entry.message)
		self.nothing_left(someone)
		doc = frappe.get_doc("Sales Order", order)
		self.assertEqual((doc.docstatus, doc.customer_name, doc.grand_total), (1, "Redacted", 10.0))
		self.assertTrue(doc.customer.startswith("Redacted "))
		self.assertTrue(frappe.db.exists("Customer", doc.customer))
		if doc.customer_address:
			self.assertTrue(
				frappe.db.exists("Address", doc.customer_address), "a submitted document links it"
			)

	def lives_on(self, someone: Someone, order: str) -> None:
		"""All that people and ERPNext do with an order and its customer, each leaving traces of its own."""
		note = self.fixture.make_delivery(order, "DHL", "T-1")
		invoice = make_sales_invoice(order).insert()
		invoice.submit()
		second = self.buys(someone)
		self.buys(someone, id=someone.orders[-1], lines=[self.two()], totals={"grand_total": "20.00"})
		picked = create_pick_list(
			second
			if frappe.db.get_value("Sales Order", second, "docstatus") == 1
			else self.live(someone.orders[-1])
		)
		picked.insert()
		customer = frappe.get_doc("Customer", self.customer_of(order))
		customer.customer_details = f"Called {someone.last_name} at {someone.phone}"
		customer.save()
		contact = frappe.get_doc("Contact", customer.customer_primary_contact)
		contact.append("email_ids", {"email_id": f"second.{someone.email}"})
		contact.save()
		for doctype, name in (("Sales Order", order), ("Customer", customer.name), ("Delivery Note", note)):
			doc = frappe.get_doc(doctype, name)
			doc.add_comment("Comment", f"{someone.last_name} called from {someone.phone}, {someone.email}")
			self.letter(someone, doctype, name)
			frappe.get_doc(
				{
					"doctype": "ToDo",
					"description": f"Call {someone.phone} {someone.email}",
					"reference_type": doctype,
					"reference_name": name,
				}
			).insert()
		frappe.get_doc(
			{"doctype": "Route History", "route": f"Form/Customer/{customer.name}", "user": USER}
		).insert(ignore_permissions=True)
		frappe.get_doc(
			{"doctype": "Error Log", "method": "mail", "error": f"550 no mailbox {someone.email}"}
		).insert(ignore_permissions=True)
		spare = frappe.get_doc(
			{
				"doctype": "Address",
				"address_title": someone.last_name,
				"address_type": "Other",
				"address_line1": someone.street,
				"city": "Köln",
				"country": "Germany",
				"links": [{"link_doctype": "Customer", "link_name": customer.name}],
			}
		).insert()
		spare.delete()
		frappe.db.commit()
		sync_global_search()
		frappe.db.commit()

	def two(self) -> dict[str, Any]:
		return {"id": "l1", "sku": "CB-PHONE", "quantity": 2, "unit_price": "10.00", "total": "20.00"}

	def live(self, order_id: str) -> str:
		frappe.db.rollback()
		return frappe.db.get_value("Sales Order", {"cb_external_id": order_id, "docstatus": 1})

	def letter(self, someone: Someone, doctype: str, name: str) -> None:
		frappe.get_doc(
			{
				"doctype": "Communication",
				"communication_type": "Communication",
				"subject": f"Dear {someone.last_name}",
				"content": f"<p>Dear {someone.last_name}, {someone.street}</p>",
				"sender": "shop@privacy.example",
				"recipients": someone.email,
				"phone_no": someone.phone,
				"reference_doctype": doctype,
				"reference_name": name,
			}
		).insert(ignore_permissions=True)

	def test_asked_again_and_of_somebody_never_seen(self) -> None:
		someone = Someone()
		self.buys(someone)
		self.erased(someone)
		before = frappe.db.count("Customer")
		again = self.erased(someone)
		stranger = self.erased(Someone(orders=["never-seen"]))
		self.assertEqual(stranger.message, "Nothing is known of this person")
		self.assertIn("0 customers", again.message)
		self.assertEqual(frappe.db.count("Customer"), before)

	def test_entries_keep_their_row_and_key_and_nothing_else(self) -> None:
		someone = Someone()
		self.buys(someone)
		waiting = self.record(SHOP, "order.upserted", json.dumps({"x": someone.email}), someone.orders[0])
		nameless = self.record(SHOP, "checkout.seen", json.dumps({"x": someone.email}), None)
		for name in (waiting, nameless):
			frappe.db.set_value("Sync Log", name, {"state": "Failed", "message": someone.last_name})
		frappe.db.commit()
		keys = set(frappe.get_all("Sync Log", pluck="dedupe_key"))
		entry = self.erased(someone)
		for name in (waiting, nameless):
			row = frappe._dict(self.fixture.entry(name))
			self.assertEqual((row.state, row.message, row.payload), ("Skipped", ERASED, None))
		self.assertEqual(entry.payload or "", "")
		self.assertLessEqual(keys, set(frappe.get_all("Sync Log", pluck="dedupe_key")))
		api.replay([waiting, nameless])
		self.assertEqual(
			self.fixture.entry(waiting)["state"], "Skipped", "there is nothing to work on any more"
		)

	def test_the_same_id_may_be_an_order_s_and_a_customer_s(self) -> None:
		someone, neighbour = Someone(), Someone()
		self.buys(someone)
		self.buys(neighbour, id=someone.id)  # an order that is called as the other's customer
		self.erased(someone)
		self.nothing_left(someone)
		for word in neighbour.words:
			self.assertIn("tabSync Log", tables_with(word))

	def test_somebody_with_the_same_phone_is_not_meant(self) -> None:
		someone = Someone()
		neighbour = Someone(phone=someone.phone)
		self.buys(someone)
		order = self.buys(neighbour)
		self.erased(someone)
		self.assertEqual(frappe.db.get_value("Sales Order", order, "contact_email"), neighbour.email)
		self.assertIn("tabContact Phone", tables_with(neighbour.phone))

	def test_a_customer_of_another_channel_stays(self) -> None:
		someone = Someone()
		here, there = self.buys(someone), self.buys(someone, OTHER)
		self.assertEqual(self.customer_of(here), self.customer_of(there))
		someone.orders.pop()
		entry = self.erased(someone)
		self.assertIn(f"stays, being a buyer of {OTHER}", entry.message)
		row = frappe.db.get_value("Sales Order", here, ["customer_name", "contact_email", "address_display"])
		self.assertEqual(row, ("Redacted", None, None))
		self.assertEqual(frappe.db.get_value("Sales Order", there, "contact_email"), someone.email)
		self.assertIn(
			someone.last_name, frappe.db.get_value("Customer", self.customer_of(there), "customer_name")
		)

	def test_a_customer_of_one_s_own_documents_stays(self) -> None:
		someone = Someone()
		order = frappe.get_doc("Sales Order", self.buys(someone))
		copy = frappe.copy_doc(order).insert()
		frappe.db.commit()
		entry = self.erased(someone)
		self.assertIn("the customer of a Sales Order of your own", entry.message)
		self.assertIn(someone.last_name, frappe.db.get_value("Sales Order", copy.name, "customer_name"))

	def test_who_buys_again_is_somebody_new(self) -> None:
		someone = Someone()
		first = self.buys(someone)
		self.erased(someone)
		second = self.buys(someone)
		self.assertNotEqual(self.customer_of(first), self.customer_of(second))

	def test_what_fails_midway_erases_nothing(self) -> None:
		someone = Someone()
		self.buys(someone)
		with patch.object(redaction, "_blank", side_effect=ZeroDivisionError):
			entry = self.asked(someone.redaction())
		self.assertNotEqual(entry.state, "Succeeded")
		self.assertIn("tabSales Order", tables_with(someone.email))

	def test_everything_of_a_shop_in_steps(self) -> None:
		people = [Someone() for _ in range(3)]
		for someone in people:
			self.buys(someone, OTHER)
		elsewhere = Someone()
		self.buys(elsewhere)
		frappe.db.sql("DELETE FROM `tabSync Log` WHERE topic = 'shop/redact'")
		with patch.object(redaction, "STEP", 2):
			self.asked(Redaction(everything=True), OTHER, "shop/redact")
		states = frappe.get_all("Sync Log", {"topic": "shop/redact"}, pluck="state")
		self.assertGreater(len(states), 1)
		self.assertEqual(set(states), {"Succeeded"})
		self.nothing_left(*people)
		self.assertIn("tabContact Email", tables_with(elsewhere.email))


class DirectPrivacyCase(PrivacyCase):
	"""Orders are Sales Invoices, which the law makes a merchant keep."""

	def setUp(self) -> None:
		super().setUp()
		self.make_direct()

	def make_direct(self, channel: str = SHOP, **values: Any) -> None:
		mapped = {"path": "gift_message", "target_doctype": "Sales Order", "fieldname": "terms"}
		direct = {"invoice_when": "Instead of Sales Order", **values}
		self.fixture.make_channel(channel, field_map=[mapped], **direct)

	def sold(self, someone: Someone, **values: Any) -> str:
		name = self.buys(someone, **values)
		self.assertTrue(frappe.db.get_value("Sales Invoice", name, "cb_instead_of_order"))
		return name

	def delivered(self, invoice: str) -> str:
		note = make_delivery_note(invoice)
		note.insert().submit()
		frappe.db.commit()
		return note.name


class TestInvoicesInsteadOfOrders(DirectPrivacyCase):
	def test_the_invoice_stays_and_all_else_of_the_order_goes(self) -> None:
		someone = Someone()
		order = self.sold(someone)
		note = self.delivered(order)
		returned = frappe.get_doc(
			{
				"doctype": "Return Authorisation",
				"channel": SHOP,
				"company": self.fixture.company,
				"customer": frappe.db.get_value("Sales Invoice", order, "customer"),
				"sales_invoice": order,
				"note": f"{someone.last_name} does not like it",
				"lines": [
					{
						"item_code": "CB-PHONE",
						"quantity": 1,
						"order_line_id": "l1",
						"reason": someone.last_name,
					}
				],
			}
		).insert()
		frappe.get_doc("Sales Invoice", order).add_comment(
			"Comment", f"Call {someone.phone}, {someone.email}"
		)
		mail = {
			"doctype": "Email Queue",
			"message": f"Dear {someone.last_name}",
			"sender": "shop@privacy.example",
		}
		mail |= {"reference_doctype": "Sales Invoice", "reference_name": order}
		queued = frappe.get_doc({**mail, "recipients": [{"recipient": someone.email}]}).insert()
		call = {
			"doctype": "Communication",
			"subject": f"{someone.last_name} called",
			"phone_no": someone.phone,
		}
		call |= {"reference_doctype": "Sales Invoice", "reference_name": order}
		called = frappe.get_doc({**call, "communication_type": "Communication"}).insert()
		frappe.db.commit()
		entry = self.erased(someone)
		self.assertIn("Erased: 1 customers, 1 orders", entry.message)
		self.assertFalse(frappe.db.exists("Email Queue", queued.name))
		self.assertEqual(frappe.db.get_value("Communication", called.name, "subject"), "Redacted")
		self.nothing_left(someone)
		doc = frappe.get_doc("Sales Invoice", order)
		self.assertIn(someone.last_name, doc.customer_name)
		self.assertEqual((doc.docstatus, doc.contact_email, doc.title), (1, someone.email, "Redacted"))
		self.assertEqual(frappe.db.get_value("Delivery Note", note, "customer_name"), "Redacted")
		self.assertFalse(frappe.db.get_value("Return Authorisation", returned.name, "note"))

	def test_a_draft_is_in_no_book(self) -> None:
		self.make_direct(invoice_docstatus="Draft")
		someone = Someone()
		order = self.sold(someone)
		self.erased(someone)
		doc = frappe.get_doc("Sales Invoice", order)
		self.assertEqual((doc.docstatus, doc.customer_name, doc.title), (0, "Redacted", "Redacted"))
		self.assertEqual((doc.contact_email, doc.address_display, doc.terms), (None, None, None))
		for word in someone.words:
			self.assertEqual(tables_with(word), set())

	def test_asked_again_nobody_is_found(self) -> None:
		someone = Someone()
		self.sold(someone)
		self.erased(someone)
		before = frappe.db.count("Customer")
		self.assertIn("0 customers", self.erased(someone).message)
		self.assertEqual(frappe.db.count("Customer"), before)

	def test_a_neighbour_stays(self) -> None:
		someone, neighbour = Someone(), Someone()
		self.sold(someone)
		order = self.sold(neighbour)
		self.erased(someone)
		self.assertIn(neighbour.last_name, frappe.db.get_value("Sales Invoice", order, "title"))
		for word in neighbour.words:
			self.assertIn("tabSync Log", tables_with(word))

	def test_everything_of_a_shop_in_steps(self) -> None:
		"""Also of a customer who stays, being another shop's too: it is not met again and again."""
		self.make_direct(OTHER)
		buyers = [Someone() for _ in range(3)]
		for someone in buyers:
			self.sold(someone, channel=OTHER)
		self.sold(buyers[0])
		with patch.object(redaction, "STEP", 2):
			entry = self.asked(Redaction(everything=True), OTHER, "shop/redact")
		self.assertEqual(entry.state, "Succeeded", entry.message)
		self.assertGreater(frappe.db.count("Sync Log", {"topic": "shop/redact"}), 1)
		self.assertEqual(redaction._customers_left(self.world.state.channel(OTHER)), [])
		for someone in buyers[1:]:
			self.nothing_left(someone)
		self.assertIn("tabContact Email", tables_with(buyers[0].email))

	def test_what_is_known_names_the_invoice_and_what_was_made_of_it(self) -> None:
		someone = Someone()
		order = self.sold(someone)
		note = self.delivered(order)
		credit = make_sales_return(order)
		credit.insert().submit()
		frappe.db.commit()
		request = someone.data_request()
		known = json.loads(self.world.erp.personal_data(self.world.state.channel(SHOP), request))
		self.assertEqual({row["name"] for row in known["invoices"]}, {order, credit.name})
		self.assertEqual([row["name"] for row in known["deliveries"]], [note])
		self.assertEqual(known["orders"], [])
		self.assertEqual(len(known["customers"]), 1)
		self.assertTrue(known["entries"])

	def test_found_by_e_mail_where_no_order_is_named(self) -> None:
		someone = Someone()
		order = self.sold(someone)
		someone.orders.clear()
		self.erased(someone)
		self.assertEqual(frappe.db.get_value("Sales Invoice", order, "title"), "Redacted")


class TestDataRequest(PrivacyCase):
	def test_all_of_one_person_and_nothing_of_another(self) -> None:
		someone = Someone()
		neighbour = Someone(phone=someone.phone)
		order = self.buys(someone)
		note = self.fixture.make_delivery(order, "DHL", "T-1")
		invoice = make_sales_invoice(order).insert()
		frappe.db.commit()
		self.buys(neighbour)
		channel: Channel = self.world.state.channel(SHOP)
		text = self.world.erp.personal_data(channel, someone.data_request())
		known = json.loads(text)
		self.assertEqual([row["name"] for row in known["orders"]], [order])
		self.assertEqual(known["orders"][0]["lines"][0]["item_code"], "CB-PHONE")
		self.assertEqual([row["name"] for row in known["deliveries"]], [note])
		self.assertEqual([row["name"] for row in known["invoices"]], [invoice.name])
		self.assertEqual(known["contacts"][0]["emails"], [someone.email])
		self.assertEqual({row["address_line1"] for row in known["addresses"]}, {someone.street})
		self.assertIn("order.upserted", {row["topic"] for row in known["entries"]})
		for word in (neighbour.last_name, neighbour.email, neighbour.street):
			self.assertNotIn(word, text)

	def test_managers_are_told_and_may_download_it(self) -> None:
		someone = Someone()
		self.buys(someone)
		with patch("commerce_bridge.erpnext.notification.enqueue_create_notification") as tell:
			entry = self.asked(someone.data_request(), topic="customers/data_request")
		self.assertEqual(entry.state, "Succeeded", f"{entry.message} {entry.traceback}")
		self.assertIn("1 orders", entry.message)
		told = tell.call_args.args[1]
		self.assertIn(f"personal_data?log={entry.name}", told["email_content"])
		for word in someone.words:
			self.assertNotIn(word, f"{told} {entry.message} {entry.summary}")
		self.assertIn(someone.street, self.downloaded(entry.name, MANAGER))
		with self.assertRaises(frappe.PermissionError):
			self.downloaded(entry.name, USER_ROLE)
		self.erased(someone)
		with self.assertRaisesRegex(frappe.ValidationError, "not any more"):
			self.downloaded(entry.name, MANAGER)

	def downloaded(self, log: str, role: str) -> str:
		frappe.set_user(self.fixture_user(role))
		self.addCleanup(frappe.set_user, "Administrator")
		parsed = patch(
			PARSE,
			side_effect=lambda topic, payload: Event(
				type=topic, data=DataRequest.model_validate_json(payload)
			),
		)
		try:
			with parsed:
				api.personal_data(log)
		finally:
			frappe.set_user("Administrator")
		return frappe.response.filecontent

	def fixture_user(self, role: str) -> str:
		email = f"{role.split()[-1].lower()}@privacy-desk.example"
		if not frappe.db.exists("User", email):
			frappe.get_doc(
				{
					"doctype": "User",
					"email": email,
					"first_name": role,
					"roles": [{"role": role}],
					"send_welcome_email": 0,
				}
			).insert(ignore_permissions=True)
			frappe.db.commit()
		return email

	def test_of_somebody_never_seen(self) -> None:
		entry = self.asked(Someone().data_request(), topic="customers/data_request")
		self.assertEqual(entry.message, "Ready to be downloaded: nothing is known of this person")
