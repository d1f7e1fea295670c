"""Invoices told, and money asked back, on the embedded ERP."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

from commerce_bridge.tests import invoice_cells
from tests.sandbox.test_contract import SandboxFixture


class InvoiceEventsFixture(SandboxFixture):
	def credit(self, invoice: str, quantities: Mapping[str, int], settles: bool = False) -> str:
		wanted = {line: Decimal(count) for line, count in quantities.items()}
		return self.erp.credit_by_hand(invoice, wanted, settles)

	def cancel_invoice(self, name: str) -> None:
		self.erp.cancel_invoice(name)


class TestInvoiceEvents(invoice_cells.InvoiceCells):
	__test__ = True

	def setUp(self) -> None:
		folder = TemporaryDirectory()
		self.addCleanup(folder.cleanup)
		self.fixture = InvoiceEventsFixture(Path(folder.name) / "erp.sqlite")
		self.addCleanup(self.fixture.sandbox.database.close)
		super().setUp()
