"""`order.upserted` again, and `order.cancelled`: the table of docs/orders.md, a test for each cell.

Rows are what the storefront changed, columns what stands in ERPNext. One suite for the sandbox and a real site.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from commerce_bridge.bridge.channel import LineItems, OrderPolicy, WarehouseMap
from commerce_bridge.bridge.details import Details
from commerce_bridge.bridge.model import (
	Address,
	Customer,
	Event,
	EventData,
	Fulfilment,
	Order,
	OrderCancellation,
	OrderLine,
	Payment,
	Refund,
	Return,
	ShippingLine,
	ShownLevel,
	TaxLine,
	Uninstalled,
)
from commerce_bridge.bridge.money import written
from commerce_bridge.bridge.protocols import Incoming
from commerce_bridge.bridge.receive import new_entry
from commerce_bridge.bridge.worker import run_once
from commerce_bridge.bridge.world import World
from commerce_bridge.tests.contract import ContractSuite, Fixture

T0 = datetime(2026, 11, 2, 12, tzinfo=timezone.utc)
KINDS: dict[str, type[EventData]] = {
	"order.upserted": Order,
	"order.cancelled": OrderCancellation,
	"customer.upserted": Customer,
	"payment.updated": Payment,
	"refund.created": Refund,
	"return.updated": Return,
	"fulfilment": Fulfilment,
	"level": ShownLevel,
	"uninstalled": Uninstalled,
}


class CellFixture(Fixture, Protocol):
	def live_orders(self, external_id: str) -> list[dict[str, Any]]:
		"""Sales Orders that are not cancelled: name, submitted, grand_total, taxes (Decimal), quantities by
		line id."""
		...

	def documents(self, external_id: str) -> int:
		"""Sales Orders of this order, cancelled ones too."""
		...

	def stands(self, what: str, sales_order: str) -> str:
		"""Puts something on a submitted Sales Order: "partly delivered", "delivered", and on a site "billed",
		"draft delivery", "draft invoice". Returns the document's name."""
		...

	def draft_delivery(self, sales_order: str) -> str:
		"""A Delivery Note of all that is open, not submitted."""
		...

	def submit_delivery(self, delivery_note: str) -> None: ...

	def delete_delivery(self, delivery_note: str) -> None: ...

	def deliveries(self, sales_order: str) -> list[dict[str, Any]]:
		"""All its Delivery Notes by name: name, status, quantities by line id, warehouses (a set), parcels as
		(carrier, tracking number)."""
		...

	def row_names(self, sales_order: str) -> dict[str, str]:
		"""What each position is called on the document, by line id."""
		...

	def row_warehouses(self, sales_order: str) -> dict[str, str]: ...

	second_warehouse: str

	def entries_of(self, external_id: str, topic: str) -> list[dict[str, Any]]:
		"""Sync Log rows of this topic about an order, oldest first."""
		...

	def cancel_by_hand(self, sales_order: str) -> None:
		"""As a person does in ERPNext."""
		...

	standing: tuple[str, ...]


class CanonicalConnector:
	"""A platform whose payload is the canonical model: the cells are about documents, not about mapping."""

	platform = "canonical"
	batch_size = 100
	order_topics = frozenset(("order.upserted", "order.cancelled"))
	fact_topics = frozenset(("payment.updated", "refund.created", "return.updated"))

	def parse(self, topic: str, payload: str) -> Event:
		return Event(type=topic, data=KINDS[topic].model_validate_json(payload))


def line(number: int, quantity: int = 2, price: str = "10.00", discount: str = "0.00") -> OrderLine:
	total = quantity * Decimal(price) - Decimal(discount)
	return OrderLine(
		id=f"l{number}",
		sku="CB-PHONE",
		name="Phone",
		quantity=Decimal(quantity),
		unit_price=Decimal(price),
		discount=Decimal(discount),
		total=total,
		taxes=(TaxLine(title="Tax", rate=Decimal(10), amount=(total / 10).quantize(Decimal("0.01"))),),
	)


def address(street: str = "1 Main Street") -> Address:
	return Address(name="Ada Lovelace", line1=street, city="Berlin", postal_code="10115", country_code="DE")


def order(
	external_id: str, *lines: OrderLine, version: int = 1, shipping: str = "5.00", **values: Any
) -> Order:
	amount = Decimal(shipping)
	shipped = ShippingLine(title="Standard", amount=amount) if amount else None
	taxes = sum((tax.amount for row in lines for tax in row.taxes), Decimal(0))
	defaults: dict[str, Any] = {
		"id": external_id,
		"number": f"#{external_id}",
		"version": version,
		"updated_at": T0 + timedelta(minutes=version),
		"placed_at": T0,
		"status": "paid",
		"currency": "XXX",  # the channel's, once it is received
		"customer": Customer(id="c1", email="ada@example.com", first_name="Ada", last_name="Lovelace"),
		"billing_address": address(),
		"lines": lines,
		"shipping": (shipped,) if shipped else (),
		"total": sum((row.total for row in lines), Decimal(0)) + amount + taxes,
	}
	return Order(**defaults | values)


#: What the storefront may change, each as the new order made of the old one's id.
CHANGES: dict[str, Callable[..., Order]] = {
	"quantity": lambda key, **values: order(key, line(1, 3), line(2), **values),
	"added line": lambda key, **values: order(key, line(1), line(2), line(3), **values),
	"removed line": lambda key, **values: order(key, line(1), **values),
	"price": lambda key, **values: order(key, line(1, price="11.50"), line(2), **values),
	"discount": lambda key, **values: order(key, line(1, discount="3.33"), line(2), **values),
	"shipping": lambda key, **values: order(key, line(1), line(2), shipping="7.77", **values),
	"address": lambda key, **values: order(
		key, line(1), line(2), billing_address=address("2 Side Street"), **values
	),
}


class CellSuite(ContractSuite):
	"""Events are recorded and worked on; what they make is looked at."""

	fixture: CellFixture

	def setUp(self) -> None:
		super().setUp()
		self.phone(stock=1000)
		self.number = 0

	# --- shorthand

	def use(self, **policy: Any) -> None:
		self.channel = self.fixture.make_channel(self.channel.name, orders=OrderPolicy(**policy))

	def receive(self, data: EventData, topic: str = "order.upserted") -> dict[str, Any]:
		"""Records an event, works on all that is due and returns the event's row."""
		name = self.arrive(data, topic)
		self.work()
		return self.fixture.entry(name)

	def arrive(self, data: EventData, topic: str = "order.upserted") -> str:
		"""Records an event; its entry's name."""
		self.number += 1
		if isinstance(data, Order):
			data = data.model_copy(update={"currency": self.channel.currency})
		incoming = Incoming(topic, f"{self.id()}-{self.number}", None, None, None, data.model_dump_json())
		with self.erp.transaction():
			return self.journal.record([new_entry(self.channel, incoming)])[0].name

	def connector(self) -> Any:
		return CanonicalConnector()

	def work(self, later: timedelta = timedelta(seconds=1)) -> None:
		"""Works on all that is due, or will be after this time."""
		connect: Any = lambda *asked: self.connector()  # noqa: E731
		now = lambda: self.fixture.now() + later  # noqa: E731
		world = World(self.erp, self.journal, self.state, connect, now, lambda low, high: high)
		while run_once(world):
			pass

	def cancel(self, external_id: str, version: int = 9) -> dict[str, Any]:
		moment = T0 + timedelta(minutes=version)
		return self.receive(
			OrderCancellation(id=external_id, version=version, updated_at=moment), "order.cancelled"
		)

	def key(self, *parts: str) -> str:
		return "-".join(("cell", *parts, self.fixture.now().strftime("%H%M%S%f"))).replace(" ", "-")

	def given(self, *parts: str, submit: bool = True, **values: Any) -> tuple[str, str]:
		"""An order that was taken in: external id, Sales Order."""
		self.use(submit=submit)
		key = self.key(*parts)
		row = self.receive(order(key, line(1), line(2), **values))
		self.assertEqual(row["state"], "Succeeded", row["message"])
		return key, row["reference_name"]

	def live(self, key: str) -> dict[str, Any]:
		found = self.fixture.live_orders(key)
		self.assertEqual(len(found), 1, found)
		return found[0]

	def assert_equals(self, key: str, wanted: Order) -> None:
		found = self.live(key)
		self.assertEqual(found["grand_total"], wanted.total)
		self.assertEqual(found["quantities"], {row.id: row.quantity for row in wanted.lines})


class OrderCells(CellSuite):
	# --- order.upserted again

	def test_a_draft_follows_every_change_in_place(self) -> None:
		for change, changed in CHANGES.items():
			with self.subTest(change):
				key, name = self.given("draft", change, submit=False)
				wanted = changed(key, version=2)
				self.assertEqual(self.receive(wanted)["state"], "Succeeded")
				self.assert_equals(key, wanted)
				self.assertEqual((self.live(key)["name"], self.live(key)["submitted"]), (name, False))
				self.assertEqual(self.fixture.documents(key), 1)

	def test_a_submitted_order_is_cancelled_and_amended_for_every_change(self) -> None:
		for change, changed in CHANGES.items():
			with self.subTest(change):
				key, name = self.given("submitted", change)
				wanted = changed(key, version=2)
				row = self.receive(wanted)
				self.assertEqual(row["state"], "Succeeded", row["message"])
				self.assert_equals(key, wanted)
				self.assertEqual((self.live(key)["name"], self.live(key)["submitted"]), (f"{name}-1", True))
				self.assertEqual(row["reference_name"], f"{name}-1")

	def test_with_documents_on_it_no_change_is_followed_and_the_reason_names_them(self) -> None:
		for what in self.fixture.standing:
			for change, changed in CHANGES.items():
				with self.subTest(what=what, change=change):
					key, name = self.given(what, change)
					document = self.fixture.stands(what, name)
					row = self.receive(changed(key, version=2))
					self.assertEqual((row["state"], row["error_class"]), ("Failed", "Rejected"))
					self.assertIn(document, row["message"])
					self.assertIn("retry", row["message"])
					self.assert_equals(key, order(key, line(1), line(2)))

	def test_an_update_that_changes_nothing_leaves_every_state_alone(self) -> None:
		for what in ("", *self.fixture.standing):
			with self.subTest(what):
				key, name = self.given("same", what)
				if what:
					self.fixture.stands(what, name)
				row = self.receive(order(key, line(1), line(2), version=2, status="shipped"))
				self.assertEqual((row["state"], row["reference_name"]), ("Succeeded", name))
				self.assertIn("Nothing to change", row["message"])

	def test_a_product_that_the_shop_deleted_leaves_its_item_on_the_order(self) -> None:
		key, name = self.given("deleted-product")
		gone = line(1).model_copy(update={"sku": None, "kind": "custom"})
		row = self.receive(order(key, gone, line(2), version=2))
		self.assertEqual((row["state"], row["reference_name"]), ("Succeeded", name), row["message"])
		self.assertIn("Nothing to change", row["message"])
		changed = order(key, gone, line(2), version=3, shipping="7.77")
		row = self.receive(changed)
		self.assertEqual(row["state"], "Succeeded", row["message"])
		self.assert_equals(key, changed)
		self.assertIn(
			"Nothing to change",
			self.receive(order(key, gone, line(2), version=4, shipping="7.77"))["message"],
		)

	def test_another_sku_or_barcode_of_the_same_product_changes_no_order(self) -> None:
		"""Some shops tell those that the product has today."""
		self.use()
		key = self.key("other-sku")
		sold = line(1).model_copy(update={"product_id": "77"})
		self.assertEqual(self.receive(order(key, sold))["state"], "Succeeded")
		renamed = sold.model_copy(update={"sku": "CB-CALL", "barcode": "4006381333931"})
		self.assertIn("Nothing to change", self.receive(order(key, renamed, version=2))["message"])
		other = line(1).model_copy(update={"sku": "CB-NONE"})
		self.assertEqual(self.receive(order(key, other, version=3))["state"], "Failed")

	def test_an_older_version_is_skipped(self) -> None:
		key, name = self.given("stale", version=5)
		row = self.receive(CHANGES["quantity"](key, version=4))
		self.assertEqual((row["state"], row["reference_name"]), ("Skipped", name))
		self.assert_equals(key, order(key, line(1), line(2)))

	def test_several_changes_follow_one_another(self) -> None:
		key, name = self.given("chain")
		for version, change in enumerate(CHANGES, start=2):
			self.assertEqual(self.receive(CHANGES[change](key, version=version))["state"], "Succeeded")
		self.assert_equals(key, CHANGES["address"](key))
		self.assertEqual(self.live(key)["name"], f"{name}-{len(CHANGES)}")

	def test_a_failed_update_succeeds_when_retried_after_the_delivery_was_cancelled(self) -> None:
		key, name = self.given("undelivered")
		note = self.fixture.stands("delivered", name)
		changed = CHANGES["quantity"](key, version=2)
		self.assertEqual(self.receive(changed)["state"], "Failed")
		self.fixture.cancel_delivery(note)
		self.assertEqual(self.receive(changed)["state"], "Succeeded")
		self.assert_equals(key, changed)

	# --- made by a person in ERPNext

	def test_what_was_cancelled_in_erpnext_is_not_made_again_by_an_echo(self) -> None:
		key, name = self.given("cancelled-here")
		self.fixture.cancel_by_hand(name)
		row = self.receive(order(key, line(1), line(2), version=2))
		self.assertEqual((row["state"], self.fixture.live_orders(key)), ("Skipped", []))
		row = self.receive(CHANGES["quantity"](key, version=3))
		self.assertEqual((row["state"], row["error_class"]), ("Failed", "Rejected"))
		self.assertIn(name, row["message"])
		self.assertEqual(self.fixture.live_orders(key), [])

	# --- order.cancelled

	def test_a_cancellation_cancels_a_submitted_order_and_deletes_a_draft(self) -> None:
		key, _ = self.given("cancel")
		self.assertEqual(self.cancel(key)["state"], "Succeeded")
		self.assertEqual((self.fixture.live_orders(key), self.fixture.documents(key)), ([], 1))
		key, _ = self.given("cancel-draft", submit=False)
		self.assertEqual(self.cancel(key)["state"], "Succeeded")
		self.assertEqual(self.fixture.documents(key), 0)

	def test_pieces_of_what_was_cancelled_here_first_are_sent_again_when_the_shop_cancels_it(self) -> None:
		"""They were sent before the shop put them back itself."""
		key, name = self.given("cancelled-here-first")
		self.fixture.cancel_by_hand(name)
		self.drain_stock_changes()
		self.assertEqual(self.cancel(key)["state"], "Succeeded")
		self.assertIn("CB-PHONE", self.drain_stock_changes())

	def test_pieces_of_what_was_given_back_in_the_shop_are_sent_again(self) -> None:
		"""A refund there may put them back on the shelf; here they are sold."""
		key, _name = self.given("given-back")
		self.drain_stock_changes()
		self.receive(order(key, line(1), line(2), version=2, status="packed"))
		self.assertEqual(self.drain_stock_changes(), [])
		self.receive(order(key, line(1), line(2), version=3, refunded=Decimal("5.00")))
		self.assertIn("CB-PHONE", self.drain_stock_changes())

	def test_with_documents_on_it_a_cancellation_fails_and_says_which(self) -> None:
		for what in self.fixture.standing:
			if what == "billed":
				continue  # credited: see the cells of what was billed
			with self.subTest(what):
				key, name = self.given("cancel", what)
				document = self.fixture.stands(what, name)
				row = self.cancel(key)
				self.assertEqual((row["state"], row["error_class"]), ("Failed", "Rejected"))
				self.assertIn(document, row["message"])
				self.assertEqual(self.live(key)["name"], name)

	def test_a_cancellation_that_comes_first_leaves_a_tombstone(self) -> None:
		key = self.key("tombstone")
		self.assertEqual(self.cancel(key, version=3)["state"], "Succeeded")
		self.assertEqual(self.receive(order(key, line(1), version=2))["state"], "Skipped")
		self.assertEqual(self.fixture.documents(key), 0)

	def test_cancelled_twice_is_cancelled(self) -> None:
		key, _ = self.given("twice")
		self.assertEqual(self.cancel(key, version=2)["state"], "Succeeded")
		self.assertEqual(self.cancel(key, version=3)["state"], "Succeeded")
		self.assertEqual(self.fixture.live_orders(key), [])

	def test_an_order_whose_status_says_cancelled_is_cancelled(self) -> None:
		key, _ = self.given("status")
		row = self.receive(order(key, line(1), line(2), version=2, cancelled=True))
		self.assertEqual((row["state"], self.fixture.live_orders(key)), ("Succeeded", []))

	def test_a_newer_update_reopens_a_cancelled_order(self) -> None:
		for submit in (True, False):
			with self.subTest(submit=submit):
				key, _ = self.given("reopen", submit=submit)
				self.cancel(key, version=2)
				wanted = CHANGES["quantity"](key, version=3)
				self.assertEqual(self.receive(wanted)["state"], "Succeeded")
				self.assert_equals(key, wanted)

	# --- the policy of the channel

	def test_orders_the_policy_does_not_want_are_skipped_with_the_reason(self) -> None:
		self.use(statuses=("paid",))
		key = self.key("policy")
		row = self.receive(order(key, line(1), status="pending"))
		self.assertEqual((row["state"], self.fixture.documents(key)), ("Skipped", 0))
		self.assertIn("pending", row["message"])
		self.assertEqual(self.receive(order(key, line(1), version=2))["state"], "Succeeded")
		changed = order(key, line(1, 4), version=3, status="pending")
		self.assertEqual(self.receive(changed)["state"], "Succeeded")
		self.assert_equals(key, changed)

	def test_renewals_are_imported_unless_the_channel_does_not_want_them(self) -> None:
		self.use(renewals=False)
		key = self.key("renewal")
		row = self.receive(order(key, line(1), renewal=True))
		self.assertEqual((row["state"], self.fixture.documents(key)), ("Skipped", 0))
		self.assertIn("renewal of a subscription", row["message"])
		self.use()
		self.assertEqual(self.receive(order(key, line(1), renewal=True, version=2))["state"], "Succeeded")
		row = self.receive(order(key, line(1), version=3))
		self.assertIn("Nothing to change", row["message"])

	def test_what_was_given_back_is_said_and_changes_nothing(self) -> None:
		key, name = self.given("given-back")
		told = (
			f"{written(Decimal(5), self.channel.currency)} was given back in the storefront: make the return"
		)
		back = {"refunded": Decimal(5)}
		row = self.receive(order(key, line(1), line(2), version=2, **back))
		self.assertEqual((row["state"], self.live(key)["name"]), ("Succeeded", name), row["message"])
		self.assertIn("Nothing to change", row["message"])
		self.assertIn(told, row["message"])
		row = self.receive(order(key, line(1, 3), line(2), version=3, **back))
		self.assertEqual(row["state"], "Succeeded")
		self.assertIn("changed", row["message"])
		self.assertIn(told, row["message"])
		row = self.receive(order(key, line(1, 3), line(2), version=4))
		self.assertNotIn("given back", row["message"])

	def test_orders_placed_before_the_first_day_are_skipped(self) -> None:
		self.use(from_date=T0 + timedelta(days=1))
		row = self.receive(order(self.key("old"), line(1)))
		self.assertEqual(row["state"], "Skipped")

	# --- what is no product, and where a line leaves from

	def test_lines_without_a_product_are_booked_as_the_channel_s_items(self) -> None:
		for item in ("CB-CUSTOM", "CB-GIFT"):
			self.fixture.make_item(item, is_stock_item=False)
		custom = line(1).model_copy(update={"sku": None, "name": "Engraving", "kind": "custom"})
		gift = line(2).model_copy(update={"sku": None, "name": "Gift card 20", "kind": "gift_card"})
		self.use()
		key = self.key("custom")
		wanted = order(key, custom, gift, line(3))
		row = self.receive(wanted)
		self.assertEqual((row["state"], row["error_class"]), ("Failed", "Misconfigured"))
		for text in ("Engraving", "Custom Line Item", "Gift card 20", "Gift Card Item"):
			self.assertIn(text, row["message"])
		items = LineItems(custom="CB-CUSTOM", gift_card="CB-GIFT")
		self.channel = self.fixture.make_channel(self.channel.name, line_items=items)
		self.assertEqual(self.receive(wanted)["state"], "Succeeded")
		self.assert_equals(key, wanted)
		names = self.fixture.row_names(self.live(key)["name"])
		self.assertEqual((names["l1"], names["l2"]), ("Engraving", "Gift card 20"))

	def moved(self, what: str = "") -> tuple[str, str, dict[str, Any]]:
		"""An order of which a line is moved to another location: key, Sales Order, the event's row."""
		second = self.fixture.second_warehouse
		rows = (
			WarehouseMap(warehouse=self.channel.default_warehouse, location_id="1"),
			WarehouseMap(warehouse=second, location_id="2"),
		)
		self.channel = self.fixture.make_channel(self.channel.name, warehouses=rows)
		key = self.key("moved", what)
		first = line(1).model_copy(update={"location_id": "1"})
		name = self.receive(order(key, first, line(2)))["reference_name"]
		if what:
			self.fixture.stands(what, name)
		there = first.model_copy(update={"location_id": "2"})
		return key, name, self.receive(order(key, there, line(2), version=2))

	def test_a_line_moved_to_another_location_leaves_from_its_warehouse(self) -> None:
		key, _name, row = self.moved()
		self.assertEqual(row["state"], "Succeeded", row["message"])
		warehouses = self.fixture.row_warehouses(self.live(key)["name"])
		first, second = self.fixture.second_warehouse, self.channel.default_warehouse
		self.assertEqual(warehouses, {"l1": first, "l2": second})

	def test_what_is_delivered_does_not_move(self) -> None:
		_key, name, row = self.moved("delivered")
		self.assertEqual((row["state"], row["error_class"]), ("Failed", "Rejected"))
		self.assertIn("delivered by", row["message"])
		self.assertEqual(self.fixture.row_warehouses(name)["l1"], self.channel.default_warehouse)

	# --- what is missing

	def test_every_unknown_sku_is_named_and_retry_succeeds_after_it_exists(self) -> None:
		self.use()
		key = self.key("unknown")
		skus = [f"{key}-a", f"{key}-b"]
		lines = [line(number).model_copy(update={"sku": sku}) for number, sku in enumerate(skus, start=1)]
		row = self.receive(order(key, *lines))
		self.assertEqual((row["state"], row["error_class"]), ("Failed", "Misconfigured"))
		self.assertTrue(all(sku in row["message"] for sku in skus), row["message"])
		unmapped = Details.model_validate_json(row["details"]).unmapped
		self.assertEqual([product.sku for product in unmapped], skus)
		for sku in skus:
			self.fixture.make_item(sku)
		self.assertEqual(self.receive(order(key, *lines))["state"], "Succeeded")

	def test_an_order_that_does_not_add_up_is_held_with_both_totals(self) -> None:
		self.use()
		key = self.key("held")
		good = order(key, line(1))
		row = self.receive(good.model_copy(update={"total": good.total + 1}))
		self.assertEqual((row["state"], row["error_class"]), ("Failed", "Rejected"))
		self.assertIn(str(good.total), row["message"])
		self.assertIn(str(good.total + 1), row["message"])
		self.assertEqual(self.fixture.documents(key), 0)
		totals = Details.model_validate_json(row["details"]).order
		assert totals
		self.assertEqual((totals.number, totals.currency), (f"#{key}", self.channel.currency))
		amounts = (totals.total, totals.document_total, totals.difference)
		self.assertEqual(amounts, (good.total + 1, good.total, 1))
		self.assertEqual(totals.placed_on, self.day(T0))

	def test_the_total_of_what_is_booked_is_kept(self) -> None:
		key, _name = self.given("kept-total")
		changed = CHANGES["price"](key, version=2)
		self.receive(changed)
		with self.erp.transaction():
			record = self.erp.get_record(self.channel.name, "Order", key)
		assert record
		kept = (record.shop_total, record.currency, record.placed_on)
		self.assertEqual(kept, (changed.total, self.channel.currency, self.day(T0)))
		note = self.fixture.stands("delivered", self.live(key)["name"])
		self.addCleanup(self.fixture.cancel_delivery, note)
		row = self.receive(CHANGES["quantity"](key, version=3))
		totals = Details.model_validate_json(row["details"]).order
		assert totals
		self.assertEqual(totals.total, CHANGES["quantity"](key, version=3).total)
		self.assertEqual((totals.document_total, totals.difference), (None, None), "nothing to accept")

	def day(self, moment: datetime) -> date:
		return moment.astimezone(ZoneInfo(self.channel.time_zone)).date()

	def test_orders_of_one_buyer_share_a_customer_and_an_address(self) -> None:
		self.use()
		keys = [self.key("buyer", str(number)) for number in range(3)]
		email = f"{keys[0]}@example.com"
		spellings = [email, email.upper(), f" {email} "]
		for key, spelling in zip(keys, spellings, strict=True):
			buyer = Customer(email=spelling, first_name="Zoë 🛒", last_name="<b>Ünal</b>")
			self.assertEqual(self.receive(order(key, line(1), customer=buyer))["state"], "Succeeded")
		customers = {self.live(key)["customer"] for key in keys}
		self.assertEqual(len(customers), 1)
		self.assertLessEqual(self.fixture.addresses_of(customers.pop()), 2)

	# --- a shop that names nobody

	def parties(self, key: str) -> Any:
		with self.erp.transaction():
			state = self.erp.get_sales_order(self.live(key)["name"])
		assert state is not None
		return state.parties

	def nameless(self, key: str, *lines: OrderLine, **values: Any) -> Order:
		"""The same order, told without the buyer: an id at most, and a country."""
		told: dict[str, Any] = {"customer": None, "billing_address": Address(country_code="DE")}
		return order(key, *lines, **told | values)

	def test_a_buyer_who_is_not_named_any_more_is_still_the_buyer(self) -> None:
		key, name = self.given("withheld")
		buyer = self.parties(key)
		for version, customer in ((2, None), (3, Customer(id="c1")), (4, None)):
			row = self.receive(
				self.nameless(key, line(1), line(2), version=version, customer=customer, status="packed")
			)
			self.assertEqual((row["state"], row["reference_name"]), ("Succeeded", name), row["message"])
		changed = self.nameless(key, line(1, 3), line(2), version=5)
		self.assertEqual(self.receive(changed)["state"], "Succeeded")
		self.assert_equals(key, changed)
		self.assertEqual(self.parties(key), buyer)
		row = self.receive(order(key, line(1, 3), line(2), version=6))
		self.assertIn("Nothing to change", row["message"])

	def test_a_buyer_who_is_named_later_takes_the_place_of_nobody(self) -> None:
		self.use()
		key = self.key("named")
		self.assertEqual(self.receive(self.nameless(key, line(1)))["state"], "Succeeded")
		nobody = self.parties(key)
		self.assertEqual(self.receive(order(key, line(1), version=2))["state"], "Succeeded")
		self.assertNotEqual(self.parties(key).customer, nobody.customer)
		named = self.parties(key)
		self.receive(self.nameless(key, line(1), version=3))
		self.assertEqual(self.parties(key), named)
