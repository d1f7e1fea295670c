"""Returns on the embedded ERP."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from commerce_bridge.bridge.plan import ReturnPlan
from commerce_bridge.tests import return_cells
from tests.sandbox.test_contract import SandboxFixture


class ReturnsFixture(SandboxFixture):
	def authorise(self, channel: str, sales_order: str, quantities: Mapping[str, int]) -> str:
		return self.erp.authorise_return(
			sales_order, {line: Decimal(count) for line, count in quantities.items()}
		)

	def decide(self, name: str, status: Any, reason: str = "") -> None:
		self.erp.decide_return(name, status, reason or None)

	def take_back(self, channel: str, name: str, quantities: Mapping[str, int]) -> list[str]:
		wanted = {line: Decimal(count) for line, count in quantities.items()}
		receipt = self.erp.take_back(self.state.channel(channel), name, wanted)
		return [document for _doctype, document in receipt.documents]

	def inspect(self, name: str, line_id: str, condition: str, disposition: str) -> None:
		self.erp.inspect_return(name, line_id, condition_found=condition, disposition=disposition.lower())

	def authorisation(self, name: str) -> dict[str, Any]:
		row = self.sandbox.database.read_one("select * from return_authorisations where name = ?", name)
		with self.erp.transaction():
			state = self.erp.get_return(name)
		assert row and state
		return {
			"status": state.status,
			"shop_status": row["shop_status"],
			"lines": [(key, line.quantity, line.received) for key, line in state.lines.items()],
		}

	def came_back(self, sales_order: str) -> list[dict[str, Any]]:
		notes = self.sandbox.database.read(
			"select back.name, back.status from return_notes back join delivery_notes note"
			" on note.name = back.delivery_note where note.sales_order = ? order by back.name",
			sales_order,
		)
		return [self._came_back(note) for note in notes]

	def _came_back(self, note: Any) -> dict[str, Any]:
		rows = self.sandbox.database.read("select * from return_note_items where parent = ?", note["name"])
		return {
			"name": note["name"],
			"status": note["status"],
			"quantities": {row["line_id"]: Decimal(row["qty"]) for row in rows},
			"warehouses": {row["warehouse"] for row in rows},
		}

	def make_return_note(self, sales_order: str, submit: bool) -> str:
		with self.erp.transaction():
			books = self.erp.get_books(sales_order)
			assert books
			plan = ReturnPlan(
				channel="Contract Shop",
				sales_order=sales_order,
				quantities=books.delivered,
				posting_date=self.now().date(),
				submit=submit,
			)
			[name] = self.erp.create_returns(self.state.channel("Contract Shop"), plan)
		return name

	def submit_return_note(self, name: str) -> None:
		self.erp.submit_return(name)

	def stock(self, item_code: str, warehouse: str) -> Decimal:
		row = self.sandbox.database.read_one(
			"select actual_qty from bins where item_code = ? and warehouse = ?", item_code, warehouse
		)
		return Decimal(row["actual_qty"]) if row else Decimal(0)

	def received_besides(self, name: str) -> list[dict[str, Any]]:
		rows = self.sandbox.database.read(
			"select entry.* from stock_receipts entry join return_receipts receipt on receipt.document = entry.name"
			" where receipt.authorisation = ?",
			name,
		)
		return [
			{"name": row["name"], "status": row["status"], "quantity": Decimal(row["qty"])} for row in rows
		]


class TestReturns(return_cells.ReturnCells):
	__test__ = True

	def setUp(self) -> None:
		folder = TemporaryDirectory()
		self.addCleanup(folder.cleanup)
		self.fixture = ReturnsFixture(Path(folder.name) / "erp.sqlite")
		self.addCleanup(self.fixture.sandbox.database.close)
		super().setUp()
