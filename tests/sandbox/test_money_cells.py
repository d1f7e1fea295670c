"""Money where a person had a hand in it, on the embedded ERP."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

from commerce_bridge.tests import money_cells
from tests.sandbox.test_histories import HistoryFixture


class MoneyCellFixture(HistoryFixture):
	def cancel_payment_by_hand(self, name: str, delete: bool = False) -> None:
		self.erp.cancel_payment_by_hand(name, delete)

	def draft_credit(self, invoice: str, quantities: Mapping[str, int]) -> str:
		wanted = {line: Decimal(count) for line, count in quantities.items()}
		return self.erp.credit_by_hand(invoice, wanted, submit=False)

	def submit_invoice(self, name: str) -> None:
		self.erp.submit_invoice(name)

	def delete_invoice(self, name: str) -> None:
		self.erp.delete_invoice(name)

	def forget_order(self, key: str) -> None:
		query = "update sync_log set payload = '' where external_id = ? and topic = 'order.upserted'"
		with self.erp.transaction():
			self.sandbox.database.write(query, key)


class TestMoneyCells(money_cells.MoneyCells):
	__test__ = True

	def setUp(self) -> None:
		folder = tempfile.TemporaryDirectory()
		self.addCleanup(folder.cleanup)
		self.fixture = MoneyCellFixture(Path(folder.name) / "erp.sqlite")
		self.addCleanup(self.fixture.sandbox.database.close)
		super().setUp()
