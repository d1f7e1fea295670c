"""Goods that a shop sent, by us or in its own screens: what becomes of each, one suite for the sandbox and a site."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from commerce_bridge.bridge.channel import WarehouseMap
from commerce_bridge.bridge.fulfilments import RECORD_TYPE
from commerce_bridge.bridge.model import FulfilledLine, Fulfilment, Order, Parcel, Shipment
from commerce_bridge.bridge.protocols import PushResult
from commerce_bridge.tests.order_cells import CHANGES, T0, CanonicalConnector, CellSuite, line, order

DHL = Parcel(carrier="DHL", tracking_number="T-1", tracking_url="https://track.example/T-1")
HOUR = timedelta(hours=1)


class TellingConnector(CanonicalConnector):
	"""A shop that calls each shipment it is told of after its document, and keeps what it was told."""

	def __init__(self, told: list[Shipment], refusing: list[str]):
		self._told, self._refusing = told, refusing

	def push_shipment(self, shipment: Shipment) -> PushResult:
		if self._refusing:
			return PushResult(shipment.id, self._refusing[0])
		self._told.append(shipment)
		if shipment.cancelled:
			return PushResult(shipment.id)
		return PushResult(shipment.id, external_ids=shipment.external_ids or (f"F-{shipment.id}",))


class FulfilmentCells(CellSuite):
	def setUp(self) -> None:
		super().setUp()
		self.told: list[Shipment] = []
		self.refusing: list[str] = []

	def connector(self) -> Any:
		return TellingConnector(self.told, self.refusing)

	# --- shorthand

	def sent(self, key: str, number: int = 1, *parcels: Parcel, **quantities: int) -> Fulfilment:
		"""A fulfilment of these quantities by line, of all of the order's without."""
		lines = quantities or {"l1": 2, "l2": 2}
		return Fulfilment(
			id=f"{key}-f{number}",
			order_id=key,
			lines=tuple(
				FulfilledLine(order_line_id=name, quantity=Decimal(quantity))
				for name, quantity in lines.items()
			),
			parcels=parcels,
			updated_at=T0,
		)

	def said(self, key: str, *fulfilments: Fulfilment, version: int = 2, **values: Any) -> Order:
		return order(key, line(1), line(2), version=version, fulfilments=fulfilments, **values)

	def shop_says(
		self, key: str, *fulfilments: Fulfilment, version: int = 2, **values: Any
	) -> dict[str, Any]:
		"""An order event with these fulfilments; the row of the last entry that was made of them."""
		row = self.receive(self.said(key, *fulfilments, version=version, **values))
		self.assertEqual(row["state"], "Succeeded", row["message"])
		return self.found(key)[-1]

	def found(self, key: str) -> list[dict[str, Any]]:
		return self.fixture.entries_of(key, "fulfilment.found")

	def known(self, fulfilment: Fulfilment) -> tuple[str | None, bool] | None:
		with self.erp.transaction():
			known = self.erp.get_record(self.channel.name, RECORD_TYPE, fulfilment.id)
		return known and (known.document, known.cancelled)

	def drafts(self, name: str) -> list[dict[str, Any]]:
		return [note for note in self.fixture.deliveries(name) if note["status"] == "Draft"]

	def assert_refused(self, row: dict[str, Any], *texts: str) -> None:
		self.assertEqual((row["state"], row["error_class"]), ("Failed", "Rejected"), row["message"])
		for text in texts:
			self.assertIn(text, row["message"])

	# --- sent in the shop

	def test_what_the_shop_sent_becomes_a_draft(self) -> None:
		key, name = self.given("sent")
		fulfilment = self.sent(key, 1, DHL)
		row = self.shop_says(key, fulfilment)
		self.assertEqual(row["state"], "Succeeded", row["message"])
		[note] = self.fixture.deliveries(name)
		self.assertEqual((note["status"], note["quantities"]), ("Draft", {"l1": 2, "l2": 2}))
		self.assertEqual(note["parcels"], [("DHL", "T-1")])
		self.assertEqual(
			(row["reference_name"], self.known(fulfilment)), (note["name"], (note["name"], False))
		)
		self.assertIn("2 × CB-PHONE", row["message"])
		self.assertEqual(self.told, [])

	def test_a_draft_that_is_submitted_is_told_as_the_fulfilment_it_is(self) -> None:
		key, name = self.given("submitted")
		fulfilment = self.sent(key)
		self.shop_says(key, fulfilment)
		self.fixture.submit_delivery(self.drafts(name)[0]["name"])
		self.work()
		self.assertEqual([each.external_ids for each in self.told], [(fulfilment.id,)])
		self.assertEqual(len(self.fixture.deliveries(name)), 1)

	def test_said_again_it_is_not_made_again(self) -> None:
		key, name = self.given("again")
		fulfilment = self.sent(key)
		self.shop_says(key, fulfilment)
		self.shop_says(key, fulfilment, version=3)
		row = self.receive(fulfilment, "fulfilment")
		self.assertEqual((row["state"], len(self.found(key))), ("Skipped", 1))
		self.assertEqual(len(self.fixture.deliveries(name)), 1)

	def test_an_order_that_comes_with_what_was_sent_of_it(self) -> None:
		self.use()
		key = self.key("at-once")
		row = self.shop_says(key, self.sent(key, l1=1), version=1)
		[note] = self.fixture.deliveries(self.live(key)["name"])
		self.assertEqual((row["state"], note["quantities"]), ("Succeeded", {"l1": 1}))

	def test_parts_become_drafts_of_their_own_and_no_more_than_was_ordered(self) -> None:
		key, name = self.given("parts")
		first, second = self.sent(key, 1, l1=1), self.sent(key, 2, DHL, DHL, l1=1, l2=1)
		self.shop_says(key, first, second)
		notes = sorted(self.fixture.deliveries(name), key=lambda note: len(note["quantities"]))
		self.assertEqual([note["quantities"] for note in notes], [{"l1": 1}, {"l1": 1, "l2": 1}])
		self.assertEqual(notes[1]["parcels"], [("DHL", "T-1")] * 2)
		row = self.shop_says(key, first, second, self.sent(key, 3, l2=2), version=3)
		self.assert_refused(row, "2 × CB-PHONE", notes[1]["name"], "retry")
		self.assertEqual(len(self.fixture.deliveries(name)), 2)

	def test_it_leaves_from_the_location_s_warehouse(self) -> None:
		second = self.fixture.second_warehouse
		rows = (
			WarehouseMap(warehouse=self.channel.default_warehouse, location_id="1"),
			WarehouseMap(warehouse=second, location_id="2"),
		)
		self.channel = self.fixture.make_channel(self.channel.name, warehouses=rows)
		key = self.key("location")
		self.receive(order(key, line(1), line(2)))
		name = self.live(key)["name"]
		there = self.sent(key, 1, l1=1).model_copy(update={"location_id": "2"})
		elsewhere = self.sent(key, 2, l1=1).model_copy(update={"location_id": "unknown"})
		self.shop_says(key, there, elsewhere)
		found = sorted(self.fixture.deliveries(name), key=lambda note: second not in note["warehouses"])
		places = [note["warehouses"] for note in found]
		self.assertEqual(places, [{second}, {self.channel.default_warehouse}])

	def test_a_line_split_over_locations(self) -> None:
		self.use()
		key = self.key("split")
		there = line(1, 1).model_copy(update={"id": "l1:2", "location_id": "2"})
		whole = order(key, line(1), there)
		self.receive(whole)
		name = self.live(key)["name"]
		both = self.sent(key, 1, l1=2).model_copy(update={"location_id": "2"})
		self.receive(whole.model_copy(update={"version": 2, "fulfilments": (both,)}))
		[note] = self.fixture.deliveries(name)
		self.assertEqual(note["quantities"], {"l1:2": 1, "l1": 1})

	def test_the_policy_fail_says_what_to_do_and_a_retry_finds_what_was_done(self) -> None:
		self.use(fulfilled_in_shop="Fail")
		key = self.key("fail")
		self.receive(order(key, line(1), line(2)))
		name = self.live(key)["name"]
		row = self.shop_says(key, self.sent(key, 1, DHL))
		self.assert_refused(row, "2 × CB-PHONE", name, "DHL T-1", "Delivery Note", "retry")
		self.assertEqual(self.fixture.deliveries(name), [])
		note = self.fixture.make_delivery(name, "DHL", "T-1")
		self.work()
		self.told.clear()
		self.fixture.requeue(row["name"])
		self.work()
		self.assertEqual(self.fixture.entry(row["name"])["state"], "Succeeded")
		self.assertEqual([each["name"] for each in self.fixture.deliveries(name)], [note])

	# --- cancelled again

	def void(self, fulfilment: Fulfilment) -> Fulfilment:
		return fulfilment.model_copy(update={"cancelled": True})

	def test_a_draft_of_what_was_cancelled_is_deleted(self) -> None:
		key, name = self.given("void")
		fulfilment = self.sent(key)
		self.shop_says(key, fulfilment)
		self.shop_says(key, self.void(fulfilment), version=3)
		self.assertEqual((self.fixture.deliveries(name), self.known(fulfilment)), ([], (None, True)))
		row = self.receive(fulfilment, "fulfilment")
		self.assertEqual((row["state"], self.fixture.deliveries(name)), ("Skipped", []))

	def test_cancelled_with_its_order_both_are_void(self) -> None:
		key, name = self.given("void-both")
		fulfilment = self.sent(key)
		self.shop_says(key, fulfilment)
		self.receive(self.said(key, self.void(fulfilment), version=3, cancelled=True))
		self.assertEqual((self.fixture.live_orders(key), self.fixture.deliveries(name)), ([], []))

	def test_what_was_submitted_is_a_person_s_to_cancel(self) -> None:
		key, name = self.given("void-submitted")
		fulfilment = self.sent(key)
		self.shop_says(key, fulfilment)
		note = self.drafts(name)[0]["name"]
		self.fixture.submit_delivery(note)
		self.work()
		row = self.shop_says(key, self.void(fulfilment), version=3)
		self.assert_refused(row, note, "Cancel", "retry")
		self.fixture.cancel_delivery(note)
		self.work()
		self.fixture.requeue(row["name"])
		self.work()
		self.assertIn(self.fixture.entry(row["name"])["state"], ("Succeeded", "Skipped"))
		self.assertEqual(self.known(fulfilment), (note, True))

	def test_cancelled_before_it_was_seen(self) -> None:
		key, name = self.given("void-first")
		fulfilment = self.sent(key)
		row = self.shop_says(key, self.void(fulfilment))
		self.assertEqual((row["state"], self.fixture.deliveries(name)), ("Succeeded", []))
		self.assertEqual(self.receive(fulfilment, "fulfilment")["state"], "Skipped")

	def test_a_draft_that_a_person_deleted_comes_back_with_the_amended_order_only(self) -> None:
		key, name = self.given("deleted")
		fulfilment = self.sent(key, l1=1)
		self.shop_says(key, fulfilment)
		changed = CHANGES["quantity"](key, version=4, fulfilments=(fulfilment,))
		draft = self.drafts(name)[0]["name"]
		row = self.receive(changed)
		self.assert_refused(row, draft)
		self.fixture.delete_delivery(draft)
		self.shop_says(key, fulfilment, version=3)
		self.assertEqual(self.drafts(name), [])
		self.fixture.requeue(row["name"])
		self.work()
		[note] = self.drafts(self.live(key)["name"])
		self.assertEqual(note["quantities"], {"l1": 1})

	# --- no order to deliver from

	def test_of_an_order_that_is_not_imported_nothing_is_made(self) -> None:
		self.use(statuses=("paid",))
		key = self.key("unwanted")
		row = self.receive(self.said(key, self.sent(key), status="pending"))
		self.assertEqual((row["state"], self.found(key)), ("Skipped", []))
		self.assertEqual(self.receive(self.sent(key), "fulfilment")["state"], "Skipped")

	def test_of_a_cancelled_order_a_person_decides(self) -> None:
		key, name = self.given("cancelled")
		self.cancel(key, version=2)
		self.receive(self.said(key, self.sent(key), version=3, cancelled=True))
		self.assert_refused(self.found(key)[-1], name, "cancelled")

	def test_of_a_draft_order_nothing_can_be_delivered(self) -> None:
		key, name = self.given("draft", submit=False)
		row = self.shop_says(key, self.sent(key))
		self.assert_refused(row, name, "Submit")

	def test_a_fulfilment_without_goods_is_nothing(self) -> None:
		key, name = self.given("empty")
		row = self.shop_says(key, self.sent(key, l1=0))
		self.assertEqual((row["state"], self.fixture.deliveries(name)), ("Succeeded", []))

	def test_a_line_the_order_does_not_have(self) -> None:
		key, name = self.given("unknown-line")
		row = self.shop_says(key, self.sent(key, l9=1))
		self.assert_refused(row, "l9", name)

	# --- sent by us

	def test_our_own_shipment_is_recognised(self) -> None:
		key, name = self.given("ours")
		note = self.fixture.make_delivery(name, "DHL", "T-1")
		self.work()
		ours = self.sent(key).model_copy(update={"id": f"F-{note}"})
		self.assertEqual(self.known(ours), (note, False))
		self.receive(self.said(key, ours))
		self.assertEqual(self.found(key), [])
		self.assertEqual(self.receive(ours, "fulfilment")["state"], "Skipped")
		self.assertEqual(len(self.fixture.deliveries(name)), 1)

	def test_what_the_shop_calls_a_shipment_is_no_news_for_it(self) -> None:
		_key, name = self.given("no-news")
		note = self.fixture.make_delivery(name, "DHL", "T-1")
		self.work()
		for _twice in range(2):
			self.fixture.track_delivery(note, Parcel(carrier="DHL", tracking_number="T-1"))
		told = [row for row in self.fixture.entries_about(note) if row["topic"] == "shipment.changed"]
		self.assertEqual(len(told), 1)

	def test_an_echo_that_is_faster_than_our_commit_waits(self) -> None:
		key, name = self.given("echo")
		note = self.fixture.make_delivery(name, "DHL", "T-1")
		ours = self.sent(key).model_copy(update={"id": f"F-{note}"})
		[outbound] = [row for row in self.fixture.entries_about(note) if row["topic"] == "shipment.changed"]
		held = self.hold(outbound["name"])
		row = self.shop_says(key, ours)
		self.assertEqual(row["state"], "Retrying", row["message"])
		self.finish_held(held)
		self.work(HOUR)
		self.assertEqual(self.fixture.entry(row["name"])["state"], "Skipped")
		self.assertEqual(self.known(ours), (note, False))
		self.assertEqual(len(self.fixture.deliveries(name)), 1)

	def hold(self, name: str) -> Any:
		"""A worker has the entry, and is not done yet."""
		while (entry := self.claim()).name != name:
			pass
		return entry

	def finish_held(self, entry: Any) -> None:
		"""Its lease ends, and another worker tells the shop."""
		self.work(timedelta(minutes=6))
		self.assertEqual(self.fixture.entry(entry.name)["state"], "Succeeded")

	def test_a_delivery_that_is_a_fulfilment_knows_what_the_shop_calls_it_and_the_others(self) -> None:
		key, name = self.given("called")
		self.shop_says(key, self.sent(key, 1, l1=1), self.sent(key, 2, l1=1))
		notes = [note["name"] for note in self.drafts(name)]
		for note in notes:
			self.fixture.submit_delivery(note)
			self.work()
		calls = {(each.external_ids, each.taken_ids) for each in self.told}
		first, second = f"{key}-f1", f"{key}-f2"
		self.assertEqual(calls, {((first,), (second,)), ((second,), (first,))})
		note, _cancelled = self.known(self.sent(key, 1))
		self.fixture.cancel_delivery(note)
		self.work()
		self.assertEqual((self.told[-1].cancelled, self.told[-1].external_ids), (True, (first,)))
		self.assertEqual(self.known(self.sent(key, 1)), (note, True))

	# --- delivered in ERPNext, and not told

	def untold(self, key: str, name: str) -> str:
		"""A person delivers everything, and the shop does not take it: somebody sent it there, too."""
		self.refusing.append("nothing is left to be fulfilled")
		note = self.fixture.make_delivery(name, "DHL", "T-1")
		self.work()
		self.refusing.clear()
		return note

	def test_a_delivery_of_the_same_goods_is_not_made_twice(self) -> None:
		key, name = self.given("untold")
		note = self.untold(key, name)
		fulfilment = self.sent(key)
		row = self.shop_says(key, fulfilment)
		self.assertEqual((row["state"], row["reference_name"]), ("Succeeded", note))
		self.assertEqual(self.known(fulfilment), (note, False))
		self.assertEqual(len(self.fixture.deliveries(name)), 1)

	def test_parts_of_what_left_already_are_parts_of_it(self) -> None:
		key, name = self.given("untold-parts")
		note = self.untold(key, name)
		parts = [self.sent(key, 1, l1=2), self.sent(key, 2, l2=2)]
		self.shop_says(key, *parts)
		self.assertEqual([self.known(part) for part in parts], [(note, False)] * 2)
		self.assertEqual(len(self.fixture.deliveries(name)), 1)

	def test_what_may_be_a_part_of_an_untold_delivery_waits_until_that_is_told(self) -> None:
		key, name = self.given("untold-other")
		self.refusing.append("busy")
		note = self.fixture.stands("partly delivered", name)
		self.work()
		self.refusing.clear()
		row = self.shop_says(key, self.sent(key, l1=1, l2=1))
		self.assert_refused(row, note, "Retry")
		[failed] = [each for each in self.fixture.entries_about(note) if each["topic"] == "shipment.changed"]
		self.fixture.requeue(failed["name"])
		self.work()
		self.fixture.requeue(row["name"])
		self.work()
		self.assertEqual([draft["quantities"] for draft in self.drafts(name)], [{"l1": 1, "l2": 1}])

	def test_a_person_s_draft_of_the_same_goods_is_the_fulfilment_and_stays(self) -> None:
		key, name = self.given("prepared")
		draft = self.fixture.draft_delivery(name)
		fulfilment = self.sent(key)
		self.shop_says(key, fulfilment)
		self.assertEqual(self.known(fulfilment), (draft, False))
		self.shop_says(key, self.void(fulfilment), version=3)
		self.assertEqual([note["name"] for note in self.fixture.deliveries(name)], [draft])

	def test_a_person_s_draft_of_other_quantities_is_named(self) -> None:
		key, name = self.given("prepared-other")
		draft = self.fixture.draft_delivery(name)
		row = self.shop_says(key, self.sent(key, l1=1))
		self.assert_refused(row, draft, "retry")
		self.fixture.submit_delivery(draft)
		self.work()
		self.fixture.requeue(row["name"])
		self.work()
		self.assertEqual(self.fixture.entry(row["name"])["reference_name"], draft)
