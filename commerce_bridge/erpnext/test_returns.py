"""Returns on a real site: the cells, units, permissions, and what people may not do."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import frappe
from erpnext.stock.doctype.delivery_note.delivery_note import make_sales_return

from commerce_bridge import api
from commerce_bridge.bridge.channel import RefundPolicy
from commerce_bridge.bridge.model import Redaction
from commerce_bridge.bridge.returns import data_of
from commerce_bridge.erpnext import return_authorisation
from commerce_bridge.erpnext.test_graded import ONE, PHONE, GradedCase, wants
from commerce_bridge.permissions import USER
from commerce_bridge.tests import return_cells
from commerce_bridge.tests.base import SiteTestCase
from commerce_bridge.tests.factory import SiteFixture
from commerce_bridge.tests.test_permissions import make_user

DOCTYPE = "Return Authorisation"
ATTACK = '<img src=x onerror="alert(1)">broken'


class ReturnsFixture(SiteFixture):
	def authorise(self, channel: str, sales_order: str, quantities: Mapping[str, int]) -> str:
		lines = frappe.get_doc("Sales Order", sales_order).items
		rows = [
			{"item_code": row.item_code, "quantity": quantities[row.cb_line_id]}
			for row in lines
			if row.cb_line_id in quantities
		]
		doc = {"doctype": DOCTYPE, "channel": channel, "sales_order": sales_order, "lines": rows}
		name = frappe.get_doc(doc).insert().name
		frappe.db.commit()
		return name

	def decide(self, name: str, status: Any, reason: str = "") -> None:
		return_authorisation.decide(name, status, reason)
		frappe.db.commit()

	def take_back(self, channel: str, name: str, quantities: Mapping[str, int]) -> list[str]:
		rows = {row.order_line_id: row.name for row in frappe.get_doc(DOCTYPE, name).lines}
		lines = [{"row": rows[line], "quantity": count} for line, count in quantities.items()]
		documents = return_authorisation.receive(name, lines)
		frappe.db.commit()
		return [document for _doctype, document in documents]

	def inspect(self, name: str, line_id: str, condition: str, disposition: str) -> None:
		doc = frappe.get_doc(DOCTYPE, name)
		found = {"condition_found": condition, "disposition": disposition}
		rows = [{"row": row.name, **found} for row in doc.lines if row.order_line_id == line_id]
		return_authorisation.inspect(name, rows)
		frappe.db.commit()

	def authorisation(self, name: str) -> dict[str, Any]:
		frappe.db.rollback()
		doc = frappe.get_doc(DOCTYPE, name)
		return {
			"status": doc.status.lower(),
			"shop_status": doc.shop_status,
			"lines": [(row.order_line_id, row.quantity, row.received) for row in doc.lines],
		}

	def came_back(self, sales_order: str) -> list[dict[str, Any]]:
		frappe.db.rollback()
		names = frappe.get_all(
			"Delivery Note Item", {"against_sales_order": sales_order, "qty": ("<", 0)}, pluck="parent"
		)
		docs = [frappe.get_doc("Delivery Note", name) for name in sorted(set(names))]
		return [
			{
				"name": doc.name,
				"status": ("Draft", "Submitted", "Cancelled")[doc.docstatus],
				"quantities": {row.cb_line_id: Decimal(str(-row.qty)) for row in doc.items},
				"warehouses": {row.warehouse for row in doc.items},
			}
			for doc in docs
			if doc.is_return
		]

	def make_return_note(self, sales_order: str, submit: bool) -> str:
		note = frappe.get_all(
			"Delivery Note Item",
			{"against_sales_order": sales_order, "docstatus": 1},
			pluck="parent",
			limit=1,
		)[0]
		doc = make_sales_return(note)
		doc.items = [row for row in doc.items if row.cb_line_id]
		doc.insert()
		if submit:
			doc.submit()
		frappe.db.commit()
		return doc.name

	def submit_return_note(self, name: str) -> None:
		self.submit_delivery(name)

	def stock(self, item_code: str, warehouse: str) -> Decimal:
		frappe.db.rollback()
		values = {"item_code": item_code, "warehouse": warehouse}
		return Decimal(str(frappe.db.get_value("Bin", values, "actual_qty") or 0))

	def received_besides(self, name: str) -> list[dict[str, Any]]:
		frappe.db.rollback()
		entries = frappe.get_all("Stock Entry", {"cb_return_authorisation": name}, pluck="name")
		return [
			{
				"name": doc.name,
				"status": ("Draft", "Submitted", "Cancelled")[doc.docstatus],
				"quantity": doc.items[0].qty,
			}
			for doc in (frappe.get_doc("Stock Entry", entry) for entry in entries)
		]


class TestReturnCells(return_cells.ReturnCells, SiteTestCase):
	__test__ = True

	def setUp(self) -> None:
		self.fixture = ReturnsFixture()
		super().setUp()

	def test_a_return_says_nothing_of_a_person_where_the_books_are(self) -> None:
		key, _name = self.sold("person")
		said = self.back(key, "requested", note="Ada Lovelace, Main Street 1")
		self.receive(said, "return.updated")
		self.assertNotIn("Ada", data_of(said))
		document = self.name_of(key)
		self.assertEqual(frappe.db.get_value(DOCTYPE, document, "note"), "Ada Lovelace, Main Street 1")
		with self.erp.transaction():
			self.erp.redact(self.channel, Redaction(order_ids=(key,)), "log")
		frappe.db.rollback()
		self.assertFalse(frappe.db.get_value(DOCTYPE, document, "note"))
		reasons = frappe.get_all(f"{DOCTYPE} Line", {"parent": document}, pluck="reason")
		self.assertFalse(any(reasons))

	def test_markup_of_a_buyer_is_text(self) -> None:
		key, _name = self.sold("markup")
		lines = tuple(
			line.model_copy(update={"reason": "<img src=x onerror=alert(1)>", "serials": ("<b>",)})
			for line in self.back(key, "requested").lines
		)
		self.receive(self.back(key, "requested", lines=lines, note="<script>x</script>"), "return.updated")
		doc = frappe.get_doc(DOCTYPE, self.name_of(key))
		for text in (
			doc.note,
			*(row.reason for row in doc.lines),
			*(row.serial_declared for row in doc.lines),
		):
			self.assertNotIn("<", text or "")

	def test_status_and_what_came_back_are_written_by_the_steps_only(self) -> None:
		key, _name = self.sold("by-form")
		self.shop_says(key, "approved")
		document = self.name_of(key)
		assert document
		doc = frappe.get_doc(DOCTYPE, document)
		doc.update({"status": "Closed", "external_id": "other", "decision": "mine"})
		doc.lines[0].update({"received": 2, "grade_found": "A", "order_line_id": "l9"})
		doc.save()
		frappe.db.commit()
		found = frappe.get_doc(DOCTYPE, document)
		self.assertEqual((found.status, found.external_id, found.decision), ("Approved", f"{key}-r1", None))
		row = found.lines[0]
		self.assertEqual((row.received, row.grade_found, row.order_line_id), (0, None, "l1"))
		self.fixture.take_back(self.channel.name, document, {"l1": 1})
		found = frappe.get_doc(DOCTYPE, document)
		found.lines = []
		self.assertRaises(frappe.ValidationError, found.save)
		found = frappe.get_doc(DOCTYPE, document)
		found.append("lines", {"item_code": "CB-PHONE", "quantity": 9})
		self.assertRaises(frappe.ValidationError, found.save)
		self.assertRaises(frappe.ValidationError, frappe.delete_doc, DOCTYPE, document)

	def test_a_receipt_that_is_cancelled_is_expected_again_and_told(self) -> None:
		key, _name = self.sold("cancelled-receipt")
		self.shop_says(key, "approved")
		document = self.name_of(key)
		assert document
		[note] = self.fixture.take_back(self.channel.name, document, {"l1": 2})
		self.work()
		self.fixture.cancel_delivery(note)
		self.work()
		self.assertEqual(self.stands(key)["lines"], [("l1", 2, 0)])
		self.assertEqual([each.status for each in self.told], ["received", "approved"])

	def test_who_may_do_what(self) -> None:
		key, _name = self.sold("rights")
		self.shop_says(key, "requested")
		document = self.name_of(key)
		assert document
		self.addCleanup(frappe.set_user, "Administrator")
		nobody = make_user("returns_nobody@example.com", None)
		clerk = make_user("returns_clerk@example.com", USER)
		frappe.db.commit()
		frappe.set_user(nobody)
		for step in (api.approve_return, api.close_return, api.returnable):
			self.assertRaises(frappe.PermissionError, step, document)
		frappe.set_user(clerk)
		api.approve_return(document)
		row = frappe.get_doc(DOCTYPE, document).lines[0].name
		with self.assertRaises(frappe.PermissionError):  # a clerk who may not move stock
			api.receive_return(document, [{"row": row, "quantity": 1}])
		frappe.db.rollback()
		self.assertEqual(frappe.db.get_value(DOCTYPE, document, "status"), "Requested")

	def test_an_order_of_another_channel_is_not_shown_by_a_return(self) -> None:
		_key, name = self.sold("foreign")
		other = self.fixture.make_channel("Other Orders Shop").name
		row = {"item_code": "CB-PHONE", "quantity": 1}
		doc = frappe.get_doc({"doctype": DOCTYPE, "channel": other, "sales_order": name, "lines": [row]})
		with self.assertRaisesRegex(frappe.ValidationError, name):
			doc.insert()
		frappe.db.rollback()

	def test_a_return_is_made_by_who_may_read_the_channel(self) -> None:
		_key, name = self.sold("kept-out")
		clerk = make_user("returns_clerk@example.com", USER)
		other = self.fixture.make_channel("Other Orders Shop").name
		of_other = {"user": clerk, "allow": "Channel Settings", "for_value": other}
		frappe.get_doc({"doctype": "User Permission", **of_other}).insert()
		self.addCleanup(frappe.set_user, "Administrator")
		frappe.set_user(clerk)
		row = {"item_code": "CB-PHONE", "quantity": 1}
		doc = {"doctype": DOCTYPE, "channel": self.channel.name, "sales_order": name, "lines": [row]}
		with self.assertRaises(frappe.PermissionError):
			frappe.get_doc(doc).insert()
		frappe.db.rollback()

	def test_a_return_is_of_its_channel_s_company(self) -> None:
		_key, name = self.sold("company")
		row = {"item_code": "CB-PHONE", "quantity": 1}
		doc = {"doctype": DOCTYPE, "channel": self.channel.name, "sales_order": name, "lines": [row]}
		elsewhere = f"CB Elsewhere {frappe.generate_hash(length=4)}"
		company = {"doctype": "Company", "name": elsewhere, "company_name": elsewhere, "abbr": elsewhere[-4:]}
		frappe.get_doc(company).db_insert()
		made = frappe.get_doc({**doc, "company": elsewhere}).insert()
		self.assertEqual(made.company, self.fixture.company)
		frappe.db.rollback()

	def test_no_text_of_it_is_markup(self) -> None:
		"""The Desk would draw it in fields that cannot be edited."""
		self.use_returns()
		row = {"item_code": "CB-PHONE", "quantity": 1, "reason": ATTACK}
		doc = {"doctype": DOCTYPE, "channel": self.channel.name, "note": ATTACK, "lines": [row]}
		doc = frappe.get_doc(doc).insert()
		self.fixture.decide(doc.name, "declined", ATTACK)
		doc.reload()
		texts = (doc.note, doc.decision, doc.lines[0].reason)
		self.assertTrue(all(texts))
		self.assertFalse([text for text in texts if "<" in text])

	def test_older_goods_without_an_order(self) -> None:
		self.use_returns()
		row = {"item_code": "CB-PHONE", "quantity": 2}
		doc = frappe.get_doc({"doctype": DOCTYPE, "channel": self.channel.name, "lines": [row]}).insert()
		return_authorisation.decide(doc.name, "approved")
		[[doctype, entry]] = return_authorisation.receive(
			doc.name, [{"row": doc.lines[0].name, "quantity": 2}]
		)
		frappe.db.commit()
		self.assertEqual(
			(doctype, frappe.db.get_value("Stock Entry", entry, "docstatus")), ("Stock Entry", 1)
		)
		self.assertEqual(frappe.db.get_value(DOCTYPE, doc.name, "status"), "Received")
		self.work()
		self.assertEqual((self.told, self.fixture.entries_about(doc.name)), ([], []))


class TestUnits(GradedCase):
	"""Goods with serial numbers: which unit came back is known, and what was found of it is the unit's from then on."""

	def delivered(self, count: int = 2) -> tuple[Any, list[str]]:
		"""An order of units of a pool that was delivered, and its authorisation."""
		frappe.db.delete(DOCTYPE)
		self.channels[ONE] = self.fixture.make_channel(
			ONE, refunds=RefundPolicy(returns="Submitted", return_warehouse=self.quarantine)
		)
		self.receive(count)
		self.listing(ONE, f"POOL-{frappe.generate_hash(length=6)}", grade="B", condition="Used")
		sku = frappe.get_all(
			"Channel Listing", {"item_code": PHONE, "grade": "B"}, pluck="sku", order_by="creation desc"
		)[0]
		order = self.booked(ONE, frappe.generate_hash(length=8), wants(sku, count))
		note = self.fixture.make_delivery(order.name, "DHL", "T-1")
		units = frappe.get_all(
			"Serial and Batch Entry",
			{
				"parent": frappe.db.get_value(
					"Delivery Note Item", {"parent": note}, "serial_and_batch_bundle"
				)
			},
			pluck="serial_no",
			order_by="idx",
		)
		rows = [{"item_code": PHONE, "quantity": count}]
		doc = frappe.get_doc({"doctype": DOCTYPE, "channel": ONE, "sales_order": order.name, "lines": rows})
		doc.insert()
		return_authorisation.decide(doc.name, "approved")
		frappe.db.commit()
		return doc, units

	def take(self, name: str, *units: str, quantity: int | None = None) -> list[Any]:
		row = next(row for row in frappe.get_doc(DOCTYPE, name).lines if not row.received)
		line = {"row": row.name, "quantity": len(units) if quantity is None else quantity}
		made = api.receive_return(name, [{**line, "serials": "\n".join(units)}])
		frappe.db.commit()
		return made

	def test_exactly_the_unit_that_came_back_is_in_quarantine(self) -> None:
		doc, (first, second) = self.delivered()
		self.take(doc.name, second)
		found = frappe.get_doc(DOCTYPE, doc.name)
		rows = sorted((row.serial_no or "", row.quantity, row.received) for row in found.lines)
		self.assertEqual((found.status, rows), ("Approved", [("", 1, 0), (second, 1, 1)]))
		self.assertEqual(frappe.db.get_value("Serial No", second, "warehouse"), self.quarantine)
		self.assertFalse(frappe.db.get_value("Serial No", first, "warehouse"))
		self.take(doc.name, first)
		found = frappe.get_doc(DOCTYPE, doc.name)
		self.assertEqual(
			(found.status, {row.serial_no for row in found.lines}), ("Received", {first, second})
		)

	def test_what_was_not_delivered_cannot_come_back(self) -> None:
		doc, (first, _second) = self.delivered()
		[other] = GradedCase.receive(self)
		for units in ((other,), ("no-such-unit",)):
			with self.assertRaisesRegex(frappe.ValidationError, first):
				self.take(doc.name, *units)
			frappe.db.rollback()
		self.take(doc.name, first)
		with self.assertRaises(frappe.ValidationError):
			self.take(doc.name, first)
		frappe.db.rollback()

	def test_somebody_has_to_say_which_unit_came(self) -> None:
		doc, units = self.delivered()
		with self.assertRaisesRegex(frappe.ValidationError, units[0]):
			self.take(doc.name, quantity=1)
		frappe.db.rollback()
		offered = api.returnable(doc.name)
		self.assertEqual([sorted(row["units"]) for row in offered], [sorted(units)])
		self.take(doc.name, quantity=2)
		self.assertEqual(frappe.db.get_value(DOCTYPE, doc.name, "status"), "Received")

	def test_what_was_found_is_the_unit_s(self) -> None:
		doc, (first, second) = self.delivered()
		self.take(doc.name, first, second)
		self.assertRaises(frappe.ValidationError, return_authorisation.decide, doc.name, "closed")
		frappe.db.rollback()
		rows = {row.serial_no: row.name for row in frappe.get_doc(DOCTYPE, doc.name).lines}
		found = {"condition_found": "Used", "grade_found": "C", "disposition": "Refurbish"}
		scrapped = {"condition_found": "For Parts", "grade_found": "X", "disposition": "Scrap"}
		api.inspect_return(
			doc.name,
			[{"row": rows[first], **found}, {"row": rows[second], **scrapped, "inspection_result": "wet"}],
		)
		frappe.db.commit()
		fields = ["cb_grade", "cb_condition", "cb_refurbishment_status", "cb_buyback_source"]
		self.assertEqual(
			frappe.db.get_value("Serial No", first, fields), ("C", "Used", "Pending", "Customer Return")
		)
		self.assertEqual(
			frappe.db.get_value("Serial No", second, fields),
			("X", "For Parts", "Scrapped", "Customer Return"),
		)
		kept = frappe.get_doc(DOCTYPE, doc.name).lines
		self.assertEqual({row.inspection_result for row in kept}, {None, "wet"})
		return_authorisation.decide(doc.name, "closed")
		self.assertIn(("listing", PHONE), self.changes())

	def test_who_may_not_grade_is_refused(self) -> None:
		doc, (first, second) = self.delivered()
		self.take(doc.name, first, second)
		clerk = make_user("returns_grader@example.com", USER)
		frappe.get_doc("User", clerk).add_roles("Stock Manager", "Item Manager")
		frappe.db.commit()
		self.addCleanup(frappe.set_user, "Administrator")
		row = next(row.name for row in frappe.get_doc(DOCTYPE, doc.name).lines if row.serial_no == first)
		frappe.set_user(clerk)
		with self.assertRaises(frappe.PermissionError):
			api.inspect_return(doc.name, [{"row": row, "grade_found": "A"}])
		frappe.db.rollback()
		frappe.set_user("Administrator")
		self.assertEqual(frappe.db.get_value("Serial No", first, "cb_grade"), "B")

	def test_a_disposition_that_is_known_before_says_where_goods_are_put(self) -> None:
		repair = self.warehouse("CB Repair", "Refurbishment")
		doc, units = self.delivered()
		planned = frappe.get_doc(DOCTYPE, doc.name)
		planned.lines[0].disposition = "Refurbish"
		planned.save()
		frappe.db.commit()
		self.take(doc.name, *units)
		self.assertEqual({frappe.db.get_value("Serial No", unit, "warehouse") for unit in units}, {repair})

	def test_which_units_the_shop_does_not_say_is_left_to_a_person(self) -> None:
		doc, units = self.delivered()
		[line] = {row.order_line_id for row in doc.lines}
		erp = self.world.erp
		with erp.transaction():
			receipt = erp.receive_return(self.channels[ONE], doc.name, {line: Decimal(1)}, submit=True)
		self.assertEqual(receipt.documents, ())
		for text in ("Receive", *units):
			self.assertIn(text, receipt.note)
		with erp.transaction():
			receipt = erp.receive_return(self.channels[ONE], doc.name, {line: Decimal(2)}, submit=True)
		self.assertEqual((len(receipt.documents), receipt.note), (1, ""))
