"""Goods that come back: what a shop and a person say of a return, one suite for the sandbox and a real site."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any, Protocol

from commerce_bridge.bridge.channel import RefundPolicy
from commerce_bridge.bridge.model import Event, Return, ReturnLine, ReturnNotice
from commerce_bridge.bridge.protocols import PushResult
from commerce_bridge.bridge.returns import CHANGED, FOUND, RECORD_TYPE
from commerce_bridge.tests.order_cells import T0, CanonicalConnector, CellFixture, CellSuite, line, order

HOUR = timedelta(hours=1)
#: After the shop's event, which of these states stays in ERPNext; None: the two contradict each other.
STATES = ("requested", "approved", "declined", "closed", "cancelled")


class ReturnFixture(CellFixture, Protocol):
	def authorise(self, channel: str, sales_order: str, quantities: Mapping[str, int]) -> str:
		"""A person begins a return of these lines; its name."""
		...

	def decide(self, name: str, status: str, reason: str = "") -> None:
		"""Approve, Decline, Cancel or Close, as a person does."""
		...

	def take_back(self, channel: str, name: str, quantities: Mapping[str, int]) -> list[str]:
		"""A person receives goods, by line; the documents."""
		...

	def inspect(self, name: str, line_id: str, condition: str, disposition: str) -> None: ...

	def authorisation(self, name: str) -> dict[str, Any]:
		"""Its status, what the shop said last, and its lines: (line id, quantity, received)."""
		...

	def came_back(self, sales_order: str) -> list[dict[str, Any]]:
		"""Return Delivery Notes of an order by name: name, status, quantities by line id, warehouses (a set)."""
		...

	def make_return_note(self, sales_order: str, submit: bool) -> str:
		"""A person takes everything back without a Return Authorisation."""
		...

	def submit_return_note(self, name: str) -> None: ...

	def stock(self, item_code: str, warehouse: str) -> Decimal: ...

	def received_besides(self, name: str) -> list[dict[str, Any]]:
		"""Stock Entries by which goods of a return came that ERPNext never delivered: name, status, quantity."""
		...


class ReturnConnector(CanonicalConnector):
	"""A shop that calls each return it is told of after its document, and keeps what it was told."""

	def __init__(self, told: list[ReturnNotice], refusing: list[str]):
		self._told, self._refusing = told, refusing

	def parse(self, topic: str, payload: str) -> Event:
		if topic == "return.updated":
			return Event(type=topic, data=Return.model_validate_json(payload))
		return super().parse(topic, payload)

	def push_return(self, notice: ReturnNotice) -> PushResult:
		if self._refusing:
			return PushResult(notice.id, self._refusing[0])
		self._told.append(notice)
		return PushResult(
			notice.id, external_ids=(f"R-{notice.id}" if notice.id == notice.document else notice.id,)
		)

	def push_shipment(self, shipment: Any) -> PushResult:
		return PushResult(shipment.id)


class ReturnCells(CellSuite):
	fixture: ReturnFixture

	def setUp(self) -> None:
		super().setUp()
		self.told: list[ReturnNotice] = []
		self.refusing: list[str] = []

	def connector(self) -> Any:
		return ReturnConnector(self.told, self.refusing)

	# --- shorthand

	def use_returns(self, **policy: Any) -> None:
		refunds = RefundPolicy(**policy)
		self.channel = self.fixture.make_channel(self.channel.name, refunds=refunds)

	def sold(self, *parts: str, delivered: bool = True, **policy: Any) -> tuple[str, str]:
		"""An order of two lines, two pieces each, that was sent: its id and its Sales Order."""
		self.use_returns(**policy)
		key = self.key(*parts)
		row = self.receive(order(key, line(1), line(2)))
		self.assertEqual(row["state"], "Succeeded", row["message"])
		if delivered:
			self.fixture.stands("delivered", row["reference_name"])
			self.work()
		return key, row["reference_name"]

	def back(self, key: str, status: str, version: int = 1, **values: Any) -> Return:
		"""A return of both pieces of the first line."""
		lines = values.pop(
			"lines", (ReturnLine(order_line_id="l1", quantity=Decimal(2), reason="too small"),)
		)
		moment = T0 + timedelta(hours=version)
		return Return(
			id=f"{key}-r1",
			order_id=key,
			number="R1",
			status=status,
			lines=lines,
			version=version,
			updated_at=moment,
			**values,
		)

	def shop_says(self, key: str, status: str, version: int = 1, **values: Any) -> dict[str, Any]:
		return self.receive(self.back(key, status, version, **values), "return.updated")

	def name_of(self, key: str) -> str | None:
		with self.erp.transaction():
			record = self.erp.get_record(self.channel.name, RECORD_TYPE, f"{key}-r1")
		return record and record.document

	def stands(self, key: str) -> dict[str, Any]:
		name = self.name_of(key)
		assert name
		return self.fixture.authorisation(name)

	def assert_refused(self, row: dict[str, Any], *texts: str) -> None:
		self.assertEqual((row["state"], row["error_class"]), ("Failed", "Rejected"), row["message"])
		for text in texts:
			self.assertIn(text, row["message"])

	# --- said by the shop

	def test_a_return_becomes_an_authorisation(self) -> None:
		key, _name = self.sold("requested")
		row = self.shop_says(key, "requested")
		self.assertEqual(
			(row["state"], row["reference_name"]), ("Succeeded", self.name_of(key)), row["message"]
		)
		found = self.stands(key)
		self.assertEqual((found["status"], found["shop_status"]), ("requested", "requested"))
		self.assertEqual(found["lines"], [("l1", 2, 0)])
		self.assertEqual(self.told, [])

	def test_said_twice_it_is_one(self) -> None:
		key, _name = self.sold("twice")
		self.shop_says(key, "approved")
		first = self.name_of(key)
		self.assertEqual(self.shop_says(key, "approved")["state"], "Skipped")
		self.assertEqual(self.shop_says(key, "approved", 2)["state"], "Succeeded")
		self.assertEqual((self.name_of(key), self.stands(key)["status"]), (first, "approved"))

	def test_an_older_state_is_skipped(self) -> None:
		key, _name = self.sold("stale")
		self.shop_says(key, "approved", 2)
		self.assertEqual(self.shop_says(key, "requested", 1)["state"], "Skipped")
		self.assertEqual(self.stands(key)["status"], "approved")

	def test_of_one_moment_what_is_further_on_is_newer(self) -> None:
		key, _name = self.sold("moment")
		approved = self.back(key, "approved").model_copy(update={"version": None})
		requested = approved.model_copy(update={"status": "requested"})
		self.receive(approved, "return.updated")
		self.assertEqual(self.receive(requested, "return.updated")["state"], "Skipped")
		self.assertEqual(self.stands(key)["status"], "approved")

	def test_before_its_order_it_waits(self) -> None:
		self.use_returns()
		key = self.key("early")
		row = self.shop_says(key, "requested")
		self.assertEqual((row["state"], row["error_class"]), ("Retrying", "Retryable"), row["message"])
		self.receive(order(key, line(1), line(2)))
		self.work(HOUR)
		self.assertEqual(self.stands(key)["status"], "requested")

	def test_of_an_order_that_is_not_imported_nothing_is_made(self) -> None:
		self.use(statuses=("paid",))
		key = self.key("unwanted")
		self.receive(order(key, line(1), status="pending"))
		row = self.shop_says(key, "requested")
		self.assertEqual(row["state"], "Skipped", row["message"])
		self.assertIsNone(self.name_of(key))
		self.receive(order(key, line(1), version=2))
		self.assertEqual(self.stands(key)["status"], "requested", "once the order is taken in")

	def test_an_order_that_is_not_imported_brings_no_returns(self) -> None:
		self.use(statuses=("paid",))
		key = self.key("left-out")
		named = self.back(key, "requested").model_copy(update={"order_id": ""})
		self.receive(order(key, line(1), line(2), status="pending", returns=(named,)))
		self.assertEqual(self.fixture.entries_of(key, FOUND), [])
		self.receive(order(key, line(1), line(2), version=2, returns=(named,)))
		self.assertEqual(self.stands(key)["status"], "requested")

	def test_an_order_brings_its_returns(self) -> None:
		self.use_returns()
		key = self.key("with-order")
		whole = order(
			key, line(1), line(2), returns=(self.back(key, "requested").model_copy(update={"order_id": ""}),)
		)
		self.receive(whole)
		self.assertEqual(self.stands(key)["status"], "requested")
		self.receive(whole.model_copy(update={"version": 2}))
		self.assertEqual(len(self.fixture.entries_of(key, FOUND)), 1)

	def test_what_is_known_of_a_return_is_no_news(self) -> None:
		key, _name = self.sold("no-news")
		self.shop_says(key, "approved")
		same = self.back(key, "approved").model_copy(update={"order_id": ""})
		self.receive(order(key, line(1), line(2), version=2, returns=(same,)))
		self.assertEqual(self.fixture.entries_of(key, FOUND), [])

	def test_more_than_was_ordered_is_refused_with_both_numbers(self) -> None:
		key, name = self.sold("too-many")
		lines = (ReturnLine(order_line_id="l1", quantity=Decimal(3)),)
		self.assert_refused(
			self.shop_says(key, "requested", lines=lines), "3 of line", "2 were ordered", name
		)
		self.assertIsNone(self.name_of(key))

	def test_a_line_the_order_does_not_have(self) -> None:
		key, name = self.sold("unknown-line")
		lines = (ReturnLine(order_line_id="l9", quantity=Decimal(1)),)
		self.assert_refused(self.shop_says(key, "requested", lines=lines), '"l9"', name)

	def test_the_shop_decides_where_nobody_did(self) -> None:
		for status in ("approved", "declined", "cancelled", "closed"):
			with self.subTest(status):
				key, _name = self.sold("decides", status)
				self.shop_says(key, "requested")
				self.assertEqual(self.shop_says(key, status, 2)["state"], "Succeeded")
				self.assertEqual(self.stands(key)["status"], status)
				self.assertEqual(self.told, [])

	def test_lines_follow_the_shop_until_goods_came_back(self) -> None:
		key, _name = self.sold("follows")
		self.shop_says(key, "requested")
		lines = (
			ReturnLine(order_line_id="l1", quantity=Decimal(1)),
			ReturnLine(order_line_id="l2", quantity=Decimal(2)),
		)
		self.shop_says(key, "approved", 2, lines=lines)
		self.assertEqual(self.stands(key)["lines"], [("l1", 1, 0), ("l2", 2, 0)])

	# --- goods come back

	def test_what_the_shop_received_becomes_a_draft_by_policy(self) -> None:
		key, name = self.sold("drafted", returns="Draft")
		row = self.shop_says(key, "received")
		self.assertEqual(row["state"], "Succeeded", row["message"])
		[note] = self.fixture.came_back(name)
		self.assertEqual((note["status"], note["quantities"]), ("Draft", {"l1": 2}))
		self.assertIn(note["name"], row["message"])
		self.assertEqual(
			(self.stands(key)["status"], self.stands(key)["lines"]), ("approved", [("l1", 2, 0)])
		)
		self.fixture.submit_return_note(note["name"])
		self.assertEqual(
			(self.stands(key)["status"], self.stands(key)["lines"]), ("received", [("l1", 2, 2)])
		)

	def test_submitted_by_policy_into_the_return_warehouse(self) -> None:
		second = self.fixture.second_warehouse
		key, name = self.sold("quarantine", returns="Submitted", return_warehouse=second)
		before = self.fixture.stock("CB-PHONE", second)
		self.shop_says(key, "received")
		[note] = self.fixture.came_back(name)
		self.assertEqual((note["status"], note["warehouses"]), ("Submitted", {second}))
		self.assertEqual(self.fixture.stock("CB-PHONE", second) - before, 2)
		self.assertEqual(self.stands(key)["status"], "received")
		self.assertEqual(self.told, [])

	def test_without_a_warehouse_they_go_where_they_left_from(self) -> None:
		key, name = self.sold("home", returns="Submitted")
		self.shop_says(key, "received")
		[note] = self.fixture.came_back(name)
		self.assertEqual(note["warehouses"], {self.channel.default_warehouse})

	def test_nothing_by_policy_is_left_to_a_person(self) -> None:
		key, name = self.sold("nothing", returns="Nothing")
		row = self.shop_says(key, "received")
		self.assertEqual((row["state"], self.fixture.came_back(name)), ("Succeeded", []))
		self.assertIn("Receive", row["message"])
		self.assertEqual(self.stands(key)["status"], "approved")

	def test_said_again_it_comes_back_once(self) -> None:
		key, name = self.sold("once", returns="Submitted")
		for version in (1, 2, 3):
			self.shop_says(key, "received", version)
		self.shop_says(key, "closed", 4)
		self.assertEqual([note["quantities"] for note in self.fixture.came_back(name)], [{"l1": 2}])
		self.assertEqual(self.stands(key)["status"], "closed")

	def test_part_after_part(self) -> None:
		key, name = self.sold("parts", returns="Submitted")
		for version, received in ((1, 1), (2, 2)):
			lines = (ReturnLine(order_line_id="l1", quantity=Decimal(2), received=Decimal(received)),)
			self.shop_says(key, "received", version, lines=lines)
			self.assertEqual(self.stands(key)["lines"], [("l1", 2, received)])
		self.assertEqual([note["quantities"] for note in self.fixture.came_back(name)], [{"l1": 1}] * 2)

	def test_what_never_left_cannot_come_back_twice(self) -> None:
		key, name = self.sold("partly", delivered=False, returns="Submitted")
		self.fixture.stands("partly delivered", name)
		row = self.shop_says(key, "received")
		self.assert_refused(row, "l1")
		self.assertEqual(self.fixture.came_back(name), [])
		self.assertIsNone(self.name_of(key))

	def test_older_goods_are_received_into_stock(self) -> None:
		key, name = self.sold("older", delivered=False, returns="Submitted")
		before = self.fixture.stock("CB-PHONE", self.channel.default_warehouse)
		row = self.shop_says(key, "received")
		self.assertEqual((row["state"], self.fixture.came_back(name)), ("Succeeded", []), row["message"])
		document = self.name_of(key)
		assert document
		[entry] = self.fixture.received_besides(document)
		self.assertEqual((entry["status"], entry["quantity"]), ("Submitted", 2))
		self.assertEqual(self.fixture.stock("CB-PHONE", self.channel.default_warehouse) - before, 2)
		self.assertEqual(self.stands(key)["status"], "received")

	def test_a_person_s_return_of_the_same_goods_is_the_receipt(self) -> None:
		for submit in (True, False):
			with self.subTest(submit=submit):
				key, name = self.sold("by-hand", returns="Submitted")
				note = self.fixture.make_return_note(name, submit)
				lines = tuple(ReturnLine(order_line_id=each, quantity=Decimal(2)) for each in ("l1", "l2"))
				row = self.shop_says(key, "received", lines=lines)
				self.assertEqual(row["state"], "Succeeded", row["message"])
				self.assertEqual([each["name"] for each in self.fixture.came_back(name)], [note])
				self.assertEqual(self.stands(key)["status"], "received" if submit else "approved")

	# --- the shop and ERPNext differ

	def test_goods_that_came_back_are_not_undone(self) -> None:
		for status in ("declined", "cancelled"):
			with self.subTest(status):
				key, name = self.sold("kept", status, returns="Submitted")
				self.shop_says(key, "received")
				[note] = self.fixture.came_back(name)
				self.assert_refused(self.shop_says(key, status, 2), status, note["name"], "skip")
				self.assertEqual(self.stands(key)["status"], "received")

	def test_what_was_declined_here_is_not_approved_there(self) -> None:
		for status in ("approved", "received"):
			with self.subTest(status):
				key, name = self.sold("declined", status, returns="Submitted")
				self.shop_says(key, "requested")
				document = self.name_of(key)
				assert document
				self.fixture.decide(document, "declined", "Too late")
				self.work()
				self.assert_refused(self.shop_says(key, status, 2), document, "declined")
				self.assertEqual((self.stands(key)["status"], self.fixture.came_back(name)), ("declined", []))

	def test_fewer_than_came_back_is_refused(self) -> None:
		key, name = self.sold("fewer", returns="Submitted")
		self.shop_says(key, "received")
		[note] = self.fixture.came_back(name)
		lines = (ReturnLine(order_line_id="l1", quantity=Decimal(1)),)
		self.assert_refused(self.shop_says(key, "received", 2, lines=lines), "2 of line", note["name"])

	def test_the_shop_is_behind_and_changes_nothing(self) -> None:
		key, _name = self.sold("behind")
		self.shop_says(key, "requested")
		document = self.name_of(key)
		assert document
		self.fixture.decide(document, "approved")
		self.work()
		row = self.shop_says(key, "requested", 2)
		self.assertEqual((row["state"], self.stands(key)["status"]), ("Succeeded", "approved"))

	# --- told by us

	def test_each_step_of_a_person_is_told_once(self) -> None:
		key, name = self.sold("told")
		self.shop_says(key, "requested")
		document = self.name_of(key)
		assert document
		self.fixture.decide(document, "approved")
		self.work()
		self.fixture.take_back(self.channel.name, document, {"l1": 1})
		self.work()
		self.fixture.take_back(self.channel.name, document, {"l1": 1})
		self.work()
		self.fixture.inspect(document, "l1", "Used", "Restock")
		self.work()
		self.fixture.decide(document, "closed")
		self.work()
		said = [(each.status, each.lines[0].received, each.lines[0].disposition) for each in self.told]
		self.assertEqual(
			said,
			[
				("approved", 0, None),
				("approved", 1, None),
				("received", 2, None),
				("received", 2, "restock"),
				("closed", 2, "restock"),
			],
		)
		self.assertEqual({each.id for each in self.told}, {f"{key}-r1"})
		self.assertEqual({(each.order_id, each.order_number) for each in self.told}, {(key, f"#{key}")})
		self.assertEqual(len(self.fixture.came_back(name)), 2)

	def test_a_decline_is_told_with_its_reason(self) -> None:
		key, _name = self.sold("reason")
		self.shop_says(key, "requested")
		document = self.name_of(key)
		assert document
		self.fixture.decide(document, "declined", "Worn")
		self.work()
		self.assertEqual([(each.status, each.reason) for each in self.told], [("declined", "Worn")])
		self.assertEqual(self.shop_says(key, "declined", 2)["state"], "Succeeded")

	def test_what_may_not_be_done_is_refused(self) -> None:
		key, _name = self.sold("refused")
		self.shop_says(key, "requested")
		document = self.name_of(key)
		assert document
		with self.assertRaises(self.fixture.refusal):
			self.fixture.take_back(self.channel.name, document, {"l1": 1})
		with self.assertRaises(self.fixture.refusal):
			self.fixture.decide(document, "closed")
		self.fixture.decide(document, "approved")
		with self.assertRaises(self.fixture.refusal):
			self.fixture.take_back(self.channel.name, document, {"l1": 3})
		self.fixture.take_back(self.channel.name, document, {"l1": 2})
		for status in ("declined", "cancelled"):
			with self.assertRaises(self.fixture.refusal):
				self.fixture.decide(document, status, "Changed my mind")

	def test_a_return_that_began_here_is_known_by_the_shop_s_id(self) -> None:
		key, name = self.sold("ours", returns="Submitted")
		document = self.fixture.authorise(self.channel.name, name, {"l1": 2})
		self.work()
		self.assertEqual([(each.id, each.status) for each in self.told], [(document, "requested")])
		echo = self.back(key, "requested").model_copy(update={"id": f"R-{document}"})
		row = self.receive(echo, "return.updated")
		self.assertEqual((row["state"], row["reference_name"]), ("Succeeded", document), row["message"])
		self.fixture.decide(document, "approved")
		self.work()
		self.assertEqual((self.told[-1].id, self.told[-1].status), (f"R-{document}", "approved"))

	def test_an_echo_that_is_faster_than_our_commit_waits(self) -> None:
		key, name = self.sold("echo")
		document = self.fixture.authorise(self.channel.name, name, {"l1": 2})
		[entry] = [each for each in self.fixture.entries_about(document) if each["topic"] == CHANGED]
		while self.claim().name != entry["name"]:
			pass
		echo = self.back(key, "requested").model_copy(update={"id": f"R-{document}"})
		row = self.receive(echo, "return.updated")
		self.assertEqual(row["state"], "Retrying", row["message"])
		self.work(timedelta(minutes=6))
		self.work(HOUR)
		row = self.fixture.entry(row["name"])
		self.assertEqual((row["state"], row["reference_name"]), ("Succeeded", document), row["message"])

	def test_what_the_shop_does_not_take_is_tried_again(self) -> None:
		_key, name = self.sold("down")
		self.refusing.append("busy")
		document = self.fixture.authorise(self.channel.name, name, {"l1": 2})
		self.work()
		[entry] = [each for each in self.fixture.entries_about(document) if each["topic"] == CHANGED]
		self.assertEqual(entry["state"], "Failed")
		self.refusing.clear()
		self.fixture.requeue(entry["name"])
		self.work()
		self.assertEqual([each.id for each in self.told], [document])
