"""The order histories on the embedded ERP: documents, whatever the order of arrival."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path

from commerce_bridge.bridge.channel import InvoicePolicy
from commerce_bridge.tests.billed_cells import BilledCells, BillingSuite
from commerce_bridge.tests.contract import ContractSuite
from commerce_bridge.tests.history_events import at, back, order, paid, refund
from commerce_bridge.tests.history_suite import HistorySuite, add_tests
from tests.sandbox.test_contract import SandboxFixture


class HistoryFixture(SandboxFixture):
	gift_account = "Gift Cards"

	def bill(self, sales_order: str) -> None:
		name = self.erp.draft_invoice(sales_order)
		self.erp.submit_invoice(name)

	def submit_drafts(self, sales_order: str) -> None:
		rows = self.sandbox.database.read(
			"select name from sales_invoices where sales_order = ? and status = 'Draft'", sales_order
		)
		for row in rows:
			self.erp.submit_invoice(row["name"])

	def ledger(self, sales_orders: Sequence[str]) -> Mapping[str, Decimal] | None:
		return None

	def fill_shelf(self, item_code: str) -> None:
		self.make_item(item_code)
		self.set_stock(item_code, Decimal(1000))

	def orders_of(self, external_id: str) -> list[str]:
		return [row["name"] for row in self.sandbox.sales_orders(external_id)]


class OnSandbox(ContractSuite):
	__test__ = False
	fixture: HistoryFixture

	def setUp(self) -> None:
		folder = tempfile.TemporaryDirectory()
		self.addCleanup(folder.cleanup)
		self.fixture = HistoryFixture(Path(folder.name) / "erp.sqlite")
		self.addCleanup(self.fixture.sandbox.database.close)
		super().setUp()


class TestHistories(OnSandbox, HistorySuite):
	__test__ = True


class TestBilledCells(OnSandbox, BilledCells):
	__test__ = True


class TestDates(OnSandbox, BillingSuite):
	"""Documents are dated and named as the channel says; only the date of the document itself is looked at."""

	__test__ = True

	def test_an_invoice_is_of_the_day_of_its_event_or_of_the_order(self) -> None:
		moment = at(3 * 24 * 60)
		for dated, day in (("Event", moment.date()), ("Order", at(0).date())):
			self.policy(InvoicePolicy(when="When Paid", dated=dated, naming_series="WEB-"))  # type: ignore[arg-type]
			key = self.key("dated", dated)
			self.tell(key, order())
			self.tell(key, paid().model_copy(update={"paid_at": moment}))
			[invoice] = self.invoices(key)
			self.assertEqual(self.posted(invoice.name), day.isoformat())
			self.assertTrue(invoice.name.startswith("WEB-"))

	def test_a_credit_note_is_of_the_day_of_the_refund(self) -> None:
		self.policy(InvoicePolicy(when="When Paid", credit_note_series="BACK-"))
		key = self.key("note")
		for event in (order(), paid(), refund("r1", back("l1", 1), minute=5 * 24 * 60)):
			self.tell(key, event)
		[note] = self.notes(key)
		self.assertEqual(self.posted(note.name), at(5 * 24 * 60).date().isoformat())
		self.assertTrue(note.name.startswith("BACK-"))

	def posted(self, name: str) -> str:
		query = "select posting_date from sales_invoices where name = ?"
		return self.fixture.sandbox.database.read_one(query, name)["posting_date"]


add_tests(TestHistories)
