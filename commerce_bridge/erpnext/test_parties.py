"""Buyers as shops have them: guests, namesakes, any script and length, several orders at the same moment."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import frappe

from commerce_bridge.bridge import worker
from commerce_bridge.bridge.protocols import NewEntry
from commerce_bridge.erpnext.test_orders import SHOP, OrdersCase
from commerce_bridge.tests import processes, settings

NAMINGS = ("Customer Name", "Naming Series")
PROCESSES, ORDERS = 4, 16
NAMES = {
	"emoji": ("👩🏽‍🚀 Zoë", "Büyer 🎉"),
	"right to left": ("محمد", "بن عبد الله"),
	"Hebrew, very long": ("א" * 300, "ב" * 300),
	"Chinese": ("伟", "张"),
	"markup": ("<b>Bob</b>", "<script>alert(1)</script>"),
	"a customer group's": ("Individual", ""),
	"a new document's": ("New Customer", "1"),
	"quotes and slashes": ("O'Neil/\\", '"; DROP TABLE x; --'),
	"blank": (" ", " "),
}


class PartiesCase(OrdersCase):
	def booked(self, external_id: str, **values: Any) -> Any:
		log = self.send("order.upserted", self.simple(external_id, **values))
		self.assertEqual(log.state, "Succeeded", f"{log.message} {log.traceback}")
		return self.sales_order(external_id)

	def each_naming(self) -> Any:
		for number, naming in enumerate(NAMINGS):
			settings.change(self, "Selling Settings", cust_master_name=naming)
			with self.subTest(naming):
				yield number


class TestGuests(PartiesCase):
	def test_the_same_address_is_the_same_customer(self) -> None:
		for number in self.each_naming():
			buyer = {"email": f"guest{number}@orders.example", "first_name": "Grace", "last_name": "Hopper"}
			upper = {**buyer, "email": buyer["email"].upper()}
			one = self.booked(f"g-1{number}", customer=buyer)
			two = self.booked(f"g-2{number}", customer=upper)
			self.assertEqual(one.customer, two.customer)
			self.assertEqual(one.customer_name, "Grace Hopper")
			self.assertEqual((one.contact_email, one.contact_person), (buyer["email"], two.contact_person))

	def test_namesakes_are_told_apart(self) -> None:
		for number in self.each_naming():
			person = {"first_name": "Jean", "last_name": f"Namesake{number}"}
			one = self.booked(f"n-1{number}", customer={**person, "email": f"one{number}@orders.example"})
			two = self.booked(f"n-2{number}", customer={**person, "email": f"two{number}@orders.example"})
			self.assertNotEqual(one.customer, two.customer)

	def test_without_an_address_the_phone_number_decides(self) -> None:
		for number in self.each_naming():
			phone = f"0301234567{number}"
			one = self.booked(f"p-1{number}", customer={"first_name": "Tel", "phone": phone})
			two = self.booked(
				f"p-2{number}", customer={"first_name": "Tel", "phone": f"+49 30 1234567{number}"}
			)
			self.assertEqual(one.customer, two.customer)

	def test_who_says_nothing_is_a_guest_of_his_own(self) -> None:
		for number in self.each_naming():
			one = self.booked(f"s-1{number}", customer=None)
			two = self.booked(f"s-2{number}", customer=None)
			self.assertNotEqual(one.customer, two.customer)
			self.assertEqual(one.customer_name, f"Guest #s-1{number}")

	def test_any_name_is_booked(self) -> None:
		for number in self.each_naming():
			for title, (first, last) in NAMES.items():
				with self.subTest(title):
					key = f"{frappe.scrub(title)}-{number}".replace("'", "").replace(",", "")
					buyer = {
						"email": f"{len(key)}{key}@orders.example",
						"first_name": first,
						"last_name": last,
					}
					street = {"name": f"{first} {last}", "line1": first, "city": last, "country_code": "DE"}
					doc = self.booked(f"b-{key}", customer=buyer, billing_address=street)
					self.assertEqual(doc.contact_email, buyer["email"])
					self.assertTrue(doc.customer_name.strip())
					self.assertNotIn("<", doc.customer_name)

	def test_what_is_no_address_keeps_no_order_back(self) -> None:
		for number, email in enumerate(("none", "a,b@orders.example", "a@orders.example, b@orders.example")):
			with self.subTest(email):
				doc = self.booked(f"e-{number}", customer={"email": email, "first_name": f"Typo{number}"})
				self.assertEqual((doc.customer_name, doc.contact_email), (f"Typo{number}", None))


class TestAtTheSameMoment(PartiesCase):
	def test_many_orders_of_a_new_buyer_make_one_customer(self) -> None:
		for number in self.each_naming():
			buyer = {"email": f"rush{number}@orders.example", "first_name": "Rush", "last_name": "Hour"}
			ids = [f"r-{number}-{index}" for index in range(ORDERS)]
			with self.world.erp.transaction():
				self.world.journal.record([self.entry(order, buyer) for order in ids])
			workers = processes.start(processes.DRAIN, PROCESSES)
			processes.go_on(workers)
			processes.finish(workers)
			frappe.db.rollback()
			states = frappe.get_all("Sync Log", {"external_id": ("in", ids)}, ["state", "message"])
			unfinished = [row.message for row in states if row.state not in ("Succeeded", "Retrying")]
			self.assertEqual(unfinished, [])
			self.drain()
			self.assertEqual([self.fixture.count_sales_orders(order) for order in ids], [1] * ORDERS)
			orders = frappe.get_all("Sales Order", {"cb_external_id": ("in", ids)}, pluck="customer")
			self.assertEqual(len(set(orders)), 1)
			found = {"email_id": buyer["email"], "parenttype": "Contact"}
			self.assertEqual(frappe.db.count("Contact Email", found), 1)

	def entry(self, external_id: str, buyer: dict[str, str]) -> NewEntry:
		data = self.simple(external_id, customer=buyer)
		key = hashlib.sha256(f"{self.id()}{external_id}".encode()).hexdigest()
		payload = json.dumps({"type": "order.upserted", "data": data})
		return NewEntry(SHOP, "Inbound", "order.upserted", key, payload, external_id)

	def drain(self) -> None:
		"""Those that met another too often, when their time has come."""
		frappe.db.sql("UPDATE `tabSync Log` SET next_attempt_at = NOW() WHERE state = 'Retrying'")
		frappe.db.commit()
		while worker.run_once(self.world):
			continue


class TestKilledWorker(PartiesCase):
	"""A worker that dies by SIGKILL: its lease ends, another does the work, and there is one Sales Order."""

	claimed = """
world = site.world()
entry = world.journal.claim(world.now(), world.lease)
say("claimed")
"""
	about_to_commit = """
finish = FrappeJournal.finish
def blocked(self, *arguments):
	finish(self, *arguments)
	say("booked")
FrappeJournal.finish = blocked
worker.run_once(site.world())
"""
	committed = """
worker.run_once(site.world())
say("committed")
"""

	def killed(self, external_id: str, work: str, word: str) -> Any:
		"""What an order comes to whose first worker was killed at this word, as its Sync Log row."""
		data = self.simple(external_id)
		key = hashlib.sha256(f"{self.id()}{external_id}".encode()).hexdigest()
		payload = json.dumps({"type": "order.upserted", "data": data})
		with self.world.erp.transaction():
			entry = NewEntry(SHOP, "Inbound", "order.upserted", key, payload, external_id)
			name = self.world.journal.record([entry])[0].name
		[process] = processes.start(work)
		processes.go_on([process])
		processes.wait_for(process, word)
		processes.kill(process)
		self.assertIsNone(
			self.world.journal.claim(self.world.now(), self.world.lease), "its lease still runs"
		)
		frappe.db.sql(
			"""UPDATE `tabSync Log` SET next_attempt_at = creation, lease_expires_at = creation
			WHERE name = %s AND state = 'Running'""",
			name,
		)
		frappe.db.commit()
		self.work()
		return frappe._dict(self.fixture.entry(name))

	def work(self) -> None:
		while worker.run_once(self.world):
			continue

	def test_right_after_it_claimed(self) -> None:
		log = self.killed("k-1", self.claimed, "claimed")
		self.assertEqual((log.state, log.attempt_count), ("Succeeded", 2), log.message)
		self.assertEqual(self.fixture.documents("k-1"), 1)

	def test_with_everything_written_and_nothing_committed(self) -> None:
		log = self.killed("k-2", self.about_to_commit, "booked")
		self.assertEqual((log.state, log.attempt_count), ("Succeeded", 2), log.message)
		self.assertEqual(self.fixture.documents("k-2"), 1)

	def test_right_after_its_commit(self) -> None:
		log = self.killed("k-3", self.committed, "committed")
		self.assertEqual((log.state, log.attempt_count), ("Succeeded", 1), log.message)
		self.assertEqual(self.fixture.documents("k-3"), 1)
