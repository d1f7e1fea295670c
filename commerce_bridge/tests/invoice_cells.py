"""Invoices and credit notes that a person submits: what the shop is told, and asked to give back. One suite for the
sandbox and a real site."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any, Protocol

from commerce_bridge.bridge.channel import EventPolicy, InvoicePolicy, PaymentMap, RefundPolicy
from commerce_bridge.bridge.deductions import RECORD_TYPE
from commerce_bridge.bridge.model import Event, InvoiceNotice, Payment, Refund, RefundLine, RefundRequest
from commerce_bridge.bridge.outbound import INVOICE
from commerce_bridge.bridge.plan import Invoice
from commerce_bridge.bridge.protocols import PushResult
from commerce_bridge.bridge.requested_refunds import REQUESTED
from commerce_bridge.tests.order_cells import T0, CanonicalConnector, CellFixture, CellSuite, line, order

HOUR = timedelta(hours=1)
EVENTS = {"payment.updated": Payment, "refund.created": Refund}


class InvoiceFixture(CellFixture, Protocol):
	clearing_account: str
	mode_of_payment: str

	def credit(self, invoice: str, quantities: Mapping[str, int], settles: bool = False) -> str:
		"""A person credits these quantities of an invoice, by line, and submits; its name."""
		...

	def cancel_invoice(self, name: str) -> None: ...


class MoneyConnector(CanonicalConnector):
	"""A shop that gives money back once for each request, whatever is lost on the way."""

	fact_topics = frozenset(EVENTS)

	def __init__(self, suite: InvoiceCells):
		self._suite = suite

	def parse(self, topic: str, payload: str) -> Event:
		if topic in EVENTS:
			return Event(type=topic, data=EVENTS[topic].model_validate_json(payload))
		return super().parse(topic, payload)

	def push_invoice(self, invoice: InvoiceNotice) -> PushResult:
		self._suite.told.append(invoice)
		return PushResult(invoice.id)

	def push_refund(self, request: RefundRequest) -> PushResult:
		if self._suite.refusing:
			return PushResult(request.id, self._suite.refusing[0])
		self._suite.given_back[request.id] = request
		return PushResult(request.id, external_ids=(f"RF-{request.id}",))

	def push_shipment(self, shipment: Any) -> PushResult:
		return PushResult(shipment.id)


class InvoiceCells(CellSuite):
	fixture: InvoiceFixture

	def setUp(self) -> None:
		super().setUp()
		self.told: list[InvoiceNotice] = []
		self.given_back: dict[str, RefundRequest] = {}
		self.refusing: list[str] = []

	def connector(self) -> Any:
		return MoneyConnector(self)

	# --- shorthand

	def billed(
		self, *parts: str, invoices: Any = "Nothing", send_refunds: bool = False, paid: bool = True
	) -> tuple[str, str, str]:
		"""An order that was paid and that a person billed: its id, its Sales Order, its invoice."""
		self.channel = self.fixture.make_channel(
			self.channel.name,
			events=EventPolicy(invoices=invoices),
			refunds=RefundPolicy(send_refunds=send_refunds, adjustment_item="CB-SHIPPING"),
			payments=(
				PaymentMap(
					gateway="*",
					mode_of_payment=self.fixture.mode_of_payment,
					account=self.fixture.clearing_account,
				),
			),
		)
		key = self.key(*parts)
		row = self.receive(order(key, line(1), line(2)))
		self.assertEqual(row["state"], "Succeeded", row["message"])
		if paid:
			self.pays(key)
		return key, row["reference_name"], self.fixture.stands("billed", row["reference_name"])

	def pays(self, key: str, amount: str = "49.00", **values: Any) -> dict[str, Any]:
		payment = Payment(
			id=f"{key}-p1",
			order_id=key,
			gateway="stripe",
			reference=f"ch_{key}",
			status="captured",
			amount=Decimal(amount),
			currency=self.channel.currency,
			paid_at=T0,
			updated_at=T0,
		)
		return self.receive(payment.model_copy(update=values), "payment.updated")

	def refund(self, key: str, external_id: str, total: Decimal, lines: Any = ()) -> Refund:
		"""The shop's own refund of one piece, with the money."""
		money = Payment(
			id=f"{external_id}-t",
			gateway="stripe",
			reference=f"re_{external_id}",
			status="captured",
			amount=total,
			currency=self.channel.currency,
			paid_at=T0 + HOUR,
			updated_at=T0 + HOUR,
		)
		return Refund(
			id=external_id,
			order_id=key,
			created_at=T0 + HOUR,
			updated_at=T0 + HOUR,
			currency=self.channel.currency,
			prices_include_tax=True,
			lines=lines or (RefundLine(order_line_id="l1", quantity=Decimal(1), amount=total),),
			total=total,
			payments=(money,),
		)

	def credits(self, sales_order: str) -> list[Invoice]:
		with self.erp.transaction():
			books = self.erp.get_books(sales_order)
		assert books
		return [invoice for invoice in books.invoices if invoice.is_return]

	def paid_back(self, sales_order: str) -> Decimal:
		with self.erp.transaction():
			books = self.erp.get_books(sales_order)
		assert books
		return books.paid_back

	def topics(self, document: str) -> list[tuple[str, str]]:
		rows = self.fixture.entries_about(document)
		return [(row["topic"], row["state"]) for row in rows if row["topic"] in (INVOICE, REQUESTED)]

	# --- ours, and a person's hand

	def test_our_invoice_that_a_person_cancelled_is_made_again_for_a_changed_order_only(self) -> None:
		key, name, invoice = self.billed_when_paid("cancelled by hand")
		self.fixture.cancel_invoice(invoice)
		self.pays(key, updated_at=T0 + HOUR)
		self.assertEqual(self.invoices(name), [])
		self.receive(order(key, line(1), line(2, 3), version=2))
		self.pays(key, "11.00", id=f"{key}-p2", reference=f"ch2_{key}")
		changed = self.live(key)["name"]
		self.assertEqual([each.total for each in self.invoices(changed)], [Decimal(60)])

	def billed_when_paid(self, *parts: str) -> tuple[str, str, str]:
		"""An order that was paid and that we billed."""
		key, name, invoice = self.billed(*parts, paid=False)
		self.fixture.cancel_invoice(invoice)
		policy = InvoicePolicy(when="When Paid")
		row = self.channel.payments
		refunds = self.channel.refunds
		self.channel = self.fixture.make_channel(
			self.channel.name, invoices=policy, payments=row, refunds=refunds
		)
		self.pays(key)
		[made] = self.invoices(name)
		return key, name, made.name

	def invoices(self, sales_order: str) -> list[Invoice]:
		with self.erp.transaction():
			books = self.erp.get_books(sales_order)
		assert books
		return [invoice for invoice in books.invoices if not invoice.is_return]

	# --- told

	def test_an_invoice_is_told_once_submitted_and_once_cancelled(self) -> None:
		key, _order, invoice = self.billed("told", invoices="Own", paid=False)
		self.work()
		self.fixture.cancel_invoice(invoice)
		self.work()
		first, second = self.told
		self.assertEqual((first.id, first.order_id, first.order_number), (invoice, key, f"#{key}"))
		self.assertEqual((first.is_return, first.cancelled, first.url), (False, False, None))
		self.assertEqual((first.total, first.open), (Decimal(49), Decimal(49)))
		self.assertEqual((second.id, second.cancelled, second.open), (invoice, True, 0))
		self.assertEqual(self.topics(invoice), [(INVOICE, "Succeeded")] * 2)

	def test_a_credit_note_is_told_with_positive_amounts(self) -> None:
		_key, order_name, invoice = self.billed("credit", invoices="Own")
		note = self.fixture.credit(invoice, {"l1": 1})
		self.work()
		told = self.told[-1]
		[booked] = self.credits(order_name)
		self.assertEqual((told.id, told.is_return, told.return_against), (note, True, invoice))
		self.assertEqual(told.total, booked.total)
		self.assertGreater(told.total, 0)

	def test_without_the_policy_nothing_is_told(self) -> None:
		_key, _order, invoice = self.billed("silent")
		note = self.fixture.credit(invoice, {"l1": 1})
		self.work()
		self.assertEqual((self.told, self.topics(invoice), self.topics(note)), ([], [], []))

	def test_a_link_where_the_channel_wants_it(self) -> None:
		_key, _order, invoice = self.billed("link", invoices="Own with PDF")
		self.work()
		self.fixture.cancel_invoice(invoice)
		self.work()
		first, second = (notice.url for notice in self.told)
		self.assertIn("key=", first or "")
		self.assertIsNone(second)

	# --- asked to give back

	def test_a_person_s_credit_note_gives_the_money_back_once(self) -> None:
		key, order_name, invoice = self.billed("asked", send_refunds=True)
		note = self.fixture.credit(invoice, {"l1": 1})
		self.work()
		[request] = self.given_back.values()
		[booked] = self.credits(order_name)
		self.assertEqual((request.id, request.order_id, request.total), (note, key, booked.total))
		self.assertEqual([(row.order_line_id, row.quantity) for row in request.lines], [("l1", 1)])
		self.assertEqual([payment.id for payment in request.payments], [f"{key}-p1"])
		row = self.receive(self.refund(key, f"RF-{note}", booked.total), "refund.created")
		self.assertEqual(row["state"], "Succeeded", row["message"])
		self.assertEqual([each.name for each in self.credits(order_name)], [note])
		self.assertEqual(self.paid_back(order_name), booked.total)
		self.assertEqual((self.credits(order_name)[0].open, len(self.given_back)), (0, 1))

	def test_the_shop_s_refund_that_comes_before_the_end_of_ours_waits(self) -> None:
		key, order_name, invoice = self.billed("echo", send_refunds=True)
		note = self.fixture.credit(invoice, {"l1": 1})
		while self.claim().topic != REQUESTED:
			pass
		total = self.credits(order_name)[0].total
		row = self.receive(self.refund(key, f"RF-{note}", total), "refund.created")
		self.assertEqual((row["state"], self.paid_back(order_name)), ("Retrying", 0), row["message"])
		self.work(timedelta(minutes=6))
		self.work(HOUR)
		self.assertEqual(self.fixture.entry(row["name"])["state"], "Succeeded")
		self.assertEqual([each.name for each in self.credits(order_name)], [note])
		self.assertEqual((self.paid_back(order_name), len(self.given_back)), (total, 1))

	def test_without_the_policy_a_refund_by_hand_is_that_of_the_credit_note(self) -> None:
		key, order_name, invoice = self.billed("by-hand")
		note = self.fixture.credit(invoice, {"l1": 1})
		self.work()
		total = self.credits(order_name)[0].total
		row = self.receive(self.refund(key, "shop-1", total), "refund.created")
		self.assertEqual((row["state"], row["reference_name"]), ("Succeeded", note), row["message"])
		self.assertEqual(([each.name for each in self.credits(order_name)], self.given_back), ([note], {}))
		row = self.receive(self.refund(key, "shop-2", total), "refund.created")
		self.assertEqual(row["state"], "Succeeded", row["message"])
		self.assertEqual(len(self.credits(order_name)), 2)

	def test_a_credit_note_of_another_amount_is_another_one(self) -> None:
		key, order_name, invoice = self.billed("other-amount")
		note = self.fixture.credit(invoice, {"l1": 1})
		row = self.receive(self.refund(key, "shop-1", Decimal(7)), "refund.created")
		self.assertEqual(row["state"], "Succeeded", row["message"])
		self.assertNotEqual(row["reference_name"], note)
		self.assertEqual(len(self.credits(order_name)), 2)

	def test_what_a_person_credited_is_not_credited_again_when_the_shop_cancels(self) -> None:
		key, order_name, invoice = self.billed("cancelled")
		note = self.fixture.credit(invoice, {"l1": 1})
		self.work()
		row = self.cancel(key)
		self.assertEqual((row["state"], row["error_class"]), ("Failed", "Rejected"), row["message"])
		self.assertIn(invoice, row["message"])
		self.assertEqual([each.name for each in self.credits(order_name)], [note])

	def test_a_credit_note_of_the_shop_s_refund_asks_for_nothing(self) -> None:
		key, order_name, _invoice = self.billed("ours", send_refunds=True)
		row = self.receive(self.refund(key, "shop-1", Decimal(11)), "refund.created")
		self.assertEqual(row["state"], "Succeeded", row["message"])
		[note] = self.credits(order_name)
		self.assertEqual((self.topics(note.name), self.given_back), ([], {}))

	def test_what_was_not_paid_is_not_given_back(self) -> None:
		_key, _order, invoice = self.billed("unpaid", send_refunds=True, paid=False)
		note = self.fixture.credit(invoice, {"l1": 1}, settles=True)
		self.work()
		self.assertEqual((self.topics(note), self.given_back), ([(REQUESTED, "Skipped")], {}))

	def test_a_credit_note_that_was_cancelled_meanwhile_gives_nothing_back(self) -> None:
		_key, _order, invoice = self.billed("withdrawn", send_refunds=True)
		note = self.fixture.credit(invoice, {"l1": 1})
		self.fixture.cancel_invoice(note)
		self.work()
		self.assertEqual((self.topics(note), self.given_back), ([(REQUESTED, "Skipped")], {}))

	def test_refused_by_the_shop_and_given_back_there_by_hand(self) -> None:
		key, order_name, invoice = self.billed("refused", send_refunds=True)
		self.refusing.append("the gateway is not connected")
		note = self.fixture.credit(invoice, {"l1": 1})
		self.work()
		self.assertEqual(self.topics(note), [(REQUESTED, "Failed")])
		total = self.credits(order_name)[0].total
		row = self.receive(self.refund(key, "shop-1", total), "refund.created")
		self.assertEqual((row["state"], row["reference_name"]), ("Succeeded", note), row["message"])
		self.refusing.clear()
		[entry] = [each for each in self.fixture.entries_about(note) if each["topic"] == REQUESTED]
		self.fixture.requeue(entry["name"])
		self.work()
		self.assertEqual((self.topics(note), self.given_back), ([(REQUESTED, "Skipped")], {}))
		self.assertEqual((len(self.credits(order_name)), self.paid_back(order_name)), (1, total))

	def test_what_the_shop_calls_the_refund_is_kept_with_the_end_of_the_entry(self) -> None:
		key, _order, invoice = self.billed("kept", send_refunds=True)
		note = self.fixture.credit(invoice, {"l1": 1})
		self.work()
		with self.erp.transaction():
			record = self.erp.get_record(self.channel.name, RECORD_TYPE, f"RF-{note}")
		assert record
		self.assertEqual((record.document, record.order_id), (note, key))
