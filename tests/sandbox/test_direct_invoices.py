"""Sales Invoices instead of Sales Orders, on the embedded ERP."""

from __future__ import annotations

from commerce_bridge.bridge.channel import InvoicePolicy
from commerce_bridge.bridge.orders import INSTEAD
from commerce_bridge.tests.billed_cells import BillingSuite
from commerce_bridge.tests.direct_cells import DirectCells
from commerce_bridge.tests.history_events import at, order
from tests.sandbox.test_histories import OnSandbox


class TestDirectCells(OnSandbox, DirectCells):
	__test__ = True


class TestItsName(OnSandbox, BillingSuite):
	__test__ = True

	def test_it_has_the_series_and_the_day_that_the_channel_says(self) -> None:
		self.policy(InvoicePolicy(when=INSTEAD, naming_series="WEB-"))
		row = self.tell(self.key("name"), order())
		query = "select posting_date from sales_invoices where name = ?"
		dated = self.fixture.sandbox.database.read_one(query, row["reference_name"])["posting_date"]
		assert row["reference_name"].startswith("WEB-")
		assert dated == at(0).date().isoformat()
