"""The contract suite on the embedded ERP."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

from commerce_bridge.bridge.channel import Channel, Credentials, ShippingMap, StockPolicy, TaxMap
from commerce_bridge.bridge.errors import Conflict, Rejected
from commerce_bridge.bridge.model import Parcel
from commerce_bridge.tests import contract, fulfilment_cells, money_contract, order_cells, unbooked_cells
from sandbox.world import Sandbox

START = datetime(2026, 3, 29, 0, 30, tzinfo=timezone.utc)
TICK = timedelta(milliseconds=1)


class SandboxFixture:
	tax_account = "Tax"
	refusal = Rejected
	standing = ("partly delivered", "delivered", "billed", "draft delivery", "draft invoice")
	clearing_account = "Stripe Clearing"
	foreign_account = "Zloty Clearing"
	fee_account = "Fees"
	fee_tax_account = "Input Tax"
	mode_of_payment = "Stripe"
	examples = 60

	def __init__(self, path: Path):
		self._time = START
		self.sandbox = Sandbox.create(path, self.now, durable=False)
		self.erp, self.journal, self.state = self.sandbox.erp, self.sandbox.journal, self.sandbox.state
		self.make_item("CB-SHIPPING", is_stock_item=False)
		self.erp.make_account(self.clearing_account, "EUR")
		self.erp.make_account(self.foreign_account, "PLN")

	def now(self) -> datetime:
		self._time += TICK
		return self._time

	def make_channel(self, name: str, **settings: Any) -> Channel:
		defaults = {
			"platform": "custom",
			"company": "Test Company",
			"company_currency": "EUR",
			"currency": "EUR",
			"default_warehouse": "Stores",
			"stock": StockPolicy(first_push_confirmed=True),
			"taxes": (TaxMap(title="*", account=self.tax_account),),
			"shipping": (ShippingMap(method="*", item="CB-SHIPPING"),),
			"fee_item": "CB-SHIPPING",
		}
		channel = Channel(name=name, **defaults | settings)
		self.state.save(channel)
		return channel

	def set_credentials(self, channel: str, credentials: Credentials) -> None:
		self.state.save(self.state.channel(channel), credentials)

	def make_item(self, item_code: str, barcode: str | None = None, is_stock_item: bool = True) -> None:
		self.sandbox.make_item(item_code, is_stock_item, barcode)

	def make_bundle(self, item_code: str, components: dict[str, Decimal]) -> None:
		self.sandbox.make_item(item_code, bundle=components)

	def make_listing(self, channel: str, item_code: str, sku: str, product_id: str | None = None) -> str:
		return self.sandbox.make_listing(channel, item_code, sku, product_id)

	def set_stock(self, item_code: str, quantity: Decimal) -> None:
		self.sandbox.set_stock(item_code, "Stores", quantity)

	def make_delivery(self, sales_order: str, carrier: str, tracking_number: str) -> str:
		return self.erp.make_delivery(sales_order, carrier=carrier, tracking_number=tracking_number)

	def deliver_one(self, sales_order: str) -> str:
		return self.stands("partly delivered", sales_order)

	def track_delivery(self, delivery_note: str, *parcels: Parcel, delivered: bool = False) -> None:
		self.erp.track_delivery(delivery_note, parcels, delivered)

	second_warehouse = "Second"

	def deliver(self, sales_order: str, quantities: Mapping[str, Decimal]) -> str:
		rows = self.erp.order_rows(sales_order)
		return self.erp.make_delivery(
			sales_order,
			{row["idx"]: quantities[row["line_id"]] for row in rows if row["line_id"] in quantities},
		)

	def submit_return(self, name: str) -> None:
		self.erp.submit_return(name)

	def allocated(self, payment: str) -> Decimal:
		rows = self.sandbox.database.read("select amount from payment_references where parent = ?", payment)
		return sum((Decimal(row["amount"]) for row in rows), Decimal(0))

	def clear_payment(self, payment: str) -> None:
		self.erp.clear_payment(payment, self.now().date().isoformat())

	def draft_invoice(self, sales_order: str) -> str:
		return self.erp.draft_invoice(sales_order)

	def draft_delivery(self, sales_order: str) -> str:
		return self.erp.draft_delivery(sales_order)

	def submit_delivery(self, delivery_note: str) -> None:
		self.erp.submit_delivery(delivery_note)

	def delete_delivery(self, delivery_note: str) -> None:
		self.erp.delete_delivery(delivery_note)

	def deliveries(self, sales_order: str) -> list[dict[str, Any]]:
		notes = self.sandbox.database.read(
			"select * from delivery_notes where sales_order = ? order by name", sales_order
		)
		return [self._delivery(note) for note in notes]

	def _delivery(self, note: Any) -> dict[str, Any]:
		rows = self.erp.note_rows(note["name"])
		return {
			"name": note["name"],
			"status": note["status"],
			"quantities": {row["line_id"]: Decimal(row["qty"]) for row in rows if row["line_id"]},
			"warehouses": {row["warehouse"] for row in rows if row["line_id"]},
			"parcels": [
				(parcel["carrier"], parcel["tracking_number"]) for parcel in json.loads(note["parcels"])
			],
		}

	def row_names(self, sales_order: str) -> dict[str, str]:
		rows = self.erp.order_rows(sales_order)
		return {row["line_id"]: row["item_name"] for row in rows if row["line_id"]}

	def row_warehouses(self, sales_order: str) -> dict[str, str]:
		rows = self.erp.order_rows(sales_order)
		return {row["line_id"]: row["warehouse"] for row in rows if row["line_id"]}

	def cancel_delivery(self, delivery_note: str) -> None:
		self.erp.cancel_delivery(delivery_note)

	def entry(self, name: str) -> dict[str, Any]:
		return dict(self.journal.entries(name=name)[0])

	def entries_about(self, document: str) -> list[dict[str, Any]]:
		return [dict(row) for row in self.journal.entries(reference_name=document)]

	def entries_of(self, external_id: str, topic: str) -> list[dict[str, Any]]:
		return [dict(row) for row in self.journal.entries(external_id=external_id, topic=topic)]

	def push_errors(self, listing: str) -> list[str | None]:
		row = self.sandbox.database.read_one("select * from listings where name = ?", listing)
		return [row["stock_error"], row["price_error"], row["listing_error"]]

	def count_sales_orders(self, external_id: str) -> int:
		rows = self.sandbox.sales_orders(external_id)
		return len([row for row in rows if row["status"] != "Cancelled"])

	def live_orders(self, external_id: str) -> list[dict[str, Any]]:
		rows = self.sandbox.sales_orders(external_id)
		return [self._order(row) for row in rows if row["status"] != "Cancelled"]

	def _order(self, row: Any) -> dict[str, Any]:
		return {
			"name": row["name"],
			"customer": row["customer"],
			"submitted": row["status"] == "Submitted",
			"grand_total": Decimal(row["grand_total"]),
			"quantities": {
				item["line_id"]: Decimal(item["qty"])
				for item in self.erp.order_rows(row["name"])
				if item["line_id"]
			},
		}

	def documents(self, external_id: str) -> int:
		return len(self.sandbox.sales_orders(external_id))

	def stands(self, what: str, sales_order: str) -> str:
		if what == "partly delivered":
			return self.erp.make_delivery(sales_order, {1: Decimal(1)})
		if what == "draft delivery":
			return self.draft_delivery(sales_order)
		if what in ("billed", "draft invoice"):
			name = self.draft_invoice(sales_order)
			if what == "billed":
				self.erp.submit_invoice(name)
			return name
		return self.make_delivery(sales_order, "DHL", "1")

	def cancel_by_hand(self, sales_order: str) -> None:
		with self.erp.transaction():
			self.erp.cancel_sales_order(sales_order)

	def skip(self, entry: str) -> None:
		with self.erp.transaction():
			self.sandbox.database.write("update sync_log set state = 'Skipped' where name = ?", entry)

	def requeue(self, entry: str) -> None:
		self.journal.requeue(entry)

	def addresses_of(self, customer: str) -> int:
		return len(self.sandbox.database.read("select 1 from addresses where customer = ?", customer))

	def drifts(self, channel: str) -> list[tuple[str, str | None, Decimal, Decimal]]:
		return sorted(
			(row.kind, row.sku, row.shown or Decimal(0), row.available or Decimal(0))
			for row in self.erp.drifts(channel)
		)

	def drift_checks(self, channel: str) -> list[tuple[str, int, Decimal]]:
		return [(check.id, check.drifted, check.units) for check in self.erp.drift_checks(channel)]


class OnSandbox(contract.ContractSuite):
	def setUp(self) -> None:
		folder = tempfile.TemporaryDirectory()
		self.addCleanup(folder.cleanup)
		self.fixture = SandboxFixture(Path(folder.name) / "erp.sqlite")
		self.addCleanup(self.fixture.sandbox.database.close)
		super().setUp()


class TestJournal(OnSandbox, contract.JournalContract):
	__test__ = True


class TestChannelState(OnSandbox, contract.ChannelStateContract):
	__test__ = True


class TestParties(OnSandbox, contract.PartiesContract):
	__test__ = True


class TestPersonalData(OnSandbox, contract.PersonalDataContract):
	__test__ = True


class TestSales(OnSandbox, contract.SalesContract):
	__test__ = True


class TestInvoices(OnSandbox, money_contract.InvoiceContract):
	__test__ = True


class TestPayments(OnSandbox, money_contract.PaymentContract):
	__test__ = True


class TestCreditNotes(OnSandbox, money_contract.CreditNoteContract):
	__test__ = True


class TestReturns(OnSandbox, money_contract.ReturnContract):
	__test__ = True


class TestClosing(OnSandbox, money_contract.CloseContract):
	__test__ = True


class TestRecords(OnSandbox, money_contract.RecordsContract):
	__test__ = True


class TestStock(OnSandbox, contract.StockContract):
	__test__ = True


class TestDrift(OnSandbox, contract.DriftContract):
	__test__ = True


class TestOrderCells(OnSandbox, order_cells.OrderCells):
	__test__ = True


class TestFulfilmentCells(OnSandbox, fulfilment_cells.FulfilmentCells):
	__test__ = True


class TestUnbooked(OnSandbox, unbooked_cells.UnbookedCells):
	__test__ = True


class TestLocks(OnSandbox):
	"""What only the sandbox can promise inside one process."""

	__test__ = True

	def test_an_exclusive_lock_is_had_by_one(self) -> None:
		other = Sandbox.open(self.fixture.sandbox.database.path)
		with self.erp.exclusive("push") as mine, other.erp.exclusive("push") as theirs:
			self.assertEqual((mine, theirs), (True, False))
			with other.erp.exclusive("another") as free:
				self.assertTrue(free)
		with other.erp.exclusive("push") as later:
			self.assertTrue(later)

	def test_transactions_do_not_nest_and_writes_need_one(self) -> None:
		with self.erp.transaction(), self.assertRaises(RuntimeError), self.erp.transaction():
			pass
		with self.assertRaises(RuntimeError):
			self.state.set_cursor("Contract Shop", "orders", "1")

	def test_a_busy_database_is_a_conflict(self) -> None:
		other = Sandbox.open(self.fixture.sandbox.database.path, durable=False, busy_seconds=0)
		with self.erp.transaction(), self.assertRaises(Conflict), other.erp.transaction():
			pass
