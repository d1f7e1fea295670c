"""Orders of the embedded ERP: priced by its own arithmetic. A Sales Order reserves stock when submitted; what stands for an
order as a Sales Invoice is kept here too, see direct_invoices.py."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from decimal import Decimal

from commerce_bridge.bridge.adoption import UnnamedRow
from commerce_bridge.bridge.channel import Channel
from commerce_bridge.bridge.errors import Rejected
from commerce_bridge.bridge.orders import SALES_ORDER
from commerce_bridge.bridge.plan import Booked, Parties, Rounding, SalesOrderPlan, SalesOrderState
from sandbox.arithmetic import Totals, calculate
from sandbox.charges import Charges
from sandbox.database import Database, Row
from sandbox.events import Events
from sandbox.stock import Stock

SITE_PRECISION = 2  # of ERPNext's currency fields, whatever currency an order is in
DECIMALS = {"JPY": 0, "KRW": 0, "KWD": 3, "BHD": 3}


def precision_of(currency: str) -> int:
	"""Decimals of amounts in a currency."""
	return max(SITE_PRECISION, DECIMALS.get(currency, SITE_PRECISION))


class SalesOrders(Stock, Events):
	_database: Database

	def rounding(self) -> Rounding:
		"""Two decimals, or those of the currency if it has more."""
		return Rounding()

	def get_sales_order(self, name: str) -> SalesOrderState | None:
		row = self._database.read_one(
			"select status, customer, plan, doctype from sales_orders where name = ?", name
		)
		if row is None:
			return None
		plan = json.loads(row["plan"])  # empty once its buyer was erased
		rest = {field.name: plan.get(field.name) for field in fields(Parties) if field.name != "customer"}
		return SalesOrderState(
			name,
			row["status"],
			Parties(row["customer"], **rest),
			delivered=self._made_from(name, "delivery_notes", "Submitted"),
			billed=self._made_from(name, "sales_invoices", "Submitted", "and not is_return"),
			drafts=self._made_from(name, "delivery_notes", "Draft")
			+ self._made_from(name, "sales_invoices", "Draft", "and name != sales_order"),
			doctype=row["doctype"],
		)

	def _made_from(self, name: str, table: str, status: str, condition: str = "") -> tuple[str, ...]:
		rows = self._database.read(
			f"select name from {table} where sales_order = ? and status = ? {condition} order by name",
			*(name, status),
		)
		return tuple(row["name"] for row in rows)

	def create_sales_order(self, channel: Channel, plan: SalesOrderPlan) -> Booked:
		series = plan.naming_series or ("SO-" if plan.document == SALES_ORDER else "INV-")
		return self._save(self._database.next_name(series), channel, plan)

	def replace_sales_order(self, channel: Channel, name: str, plan: SalesOrderPlan) -> Booked:
		order = self._order(name)
		if order["status"] == "Draft":
			self._delete(name)
			return self._save(name, channel, plan, order["amended_from"])
		if order["status"] == "Submitted":
			self.cancel_sales_order(name)
		return self._save(self._amended_name(name), channel, plan, name)

	def cancel_sales_order(self, name: str) -> None:
		state = self.get_sales_order(name)
		if state is None or state.status == "Cancelled":
			raise Rejected(f"Sales Order {name} is not there to be cancelled.")
		if state.delivered:
			raise Rejected(f"Sales Order {name} is linked with Delivery Note {state.delivered[0]}.")
		if state.billed:
			raise Rejected(f"Sales Order {name} is linked with Sales Invoice {state.billed[0]}.")
		if self._order(name)["closed"]:
			raise Rejected(f"Sales Order {name} is closed: reopen it to cancel it.")
		if state.status == "Draft":
			self._delete(name)
			return
		self._reserve(name, Decimal(-1))
		self._database.write("update sales_orders set status = 'Cancelled' where name = ?", name)
		self._order_changed(name)

	def close_sales_order(self, name: str) -> None:
		order = self._order(name)
		if order["doctype"] != SALES_ORDER:
			return
		if order["status"] != "Submitted":
			raise Rejected(f"Sales Order {name} is {order['status'].lower()}: it cannot be closed.")
		if not order["closed"]:
			self._reserve(name, Decimal(-1))
			self._database.write("update sales_orders set closed = 1 where name = ?", name)
			self._order_changed(name)

	def unnamed_rows(self, sales_order: str) -> list[UnnamedRow]:
		rows = self._database.read(
			"""select soi.rowid as name, soi.item_code, soi.qty, soi.delivered_qty, items.is_stock_item
			from sales_order_items soi join items on items.item_code = soi.item_code
			where soi.parent = ? and soi.line_id is null order by soi.idx""",
			sales_order,
		)
		return [
			UnnamedRow(
				str(row["name"]),
				row["item_code"],
				Decimal(row["qty"]),
				bool(row["is_stock_item"]) and Decimal(row["delivered_qty"]) < Decimal(row["qty"]),
			)
			for row in rows
		]

	def name_rows(self, line_ids: Mapping[str, str]) -> None:
		for row, line_id in line_ids.items():
			self._database.write(
				"update sales_order_items set line_id = ? where rowid = ?", line_id, int(row)
			)

	def order_rows(self, name: str) -> list[Row]:
		return self._database.read("select * from sales_order_items where parent = ? order by idx", name)

	def _order(self, name: str) -> Row:
		row = self._database.read_one("select * from sales_orders where name = ?", name)
		if row is None:
			raise Rejected(f"Sales Order {name} does not exist.")
		return row

	def _amended_name(self, name: str) -> str:
		"""ERPNext's: SO-1, SO-1-1, SO-1-2."""
		amended = self._order(name)["amended_from"]
		base, number = (name.rpartition("-")[0], int(name.rpartition("-")[2])) if amended else (name, 0)
		return f"{base}-{number + 1}"

	def _save(
		self, name: str, channel: Channel, plan: SalesOrderPlan, amended_from: str | None = None
	) -> Booked:
		totals = calculate(plan.amounts, precision_of(plan.currency))
		self._database.insert(
			"sales_orders",
			name=name,
			channel=channel.name,
			external_id=plan.external_id,
			external_number=plan.external_number,
			customer=plan.customer,
			status="Submitted" if plan.submit else "Draft",
			amended_from=amended_from,
			plan=json.dumps(asdict(plan), default=str),
			currency=plan.currency,
			conversion_rate=str(plan.conversion_rate),
			charges=Charges.of(plan.amounts, totals).as_json(),
			net_total=str(totals.net_total),
			total_taxes=str(totals.total_taxes),
			grand_total=str(totals.grand_total),
			doctype=plan.document,
			update_stock=plan.update_stock,
		)
		self._save_rows(name, channel, plan, totals)
		self._entered(name, plan)
		self._order_changed(name)
		return Booked(name, totals.grand_total, totals.total_taxes, plan.submit)

	def _entered(self, name: str, plan: SalesOrderPlan) -> None:
		"""What follows from an order that was entered."""
		if plan.submit:
			self._reserve(name, Decimal(1))
		else:
			self._note_changes(name)

	def _save_rows(self, name: str, channel: Channel, plan: SalesOrderPlan, totals: Totals) -> None:
		for idx, (row, amount) in enumerate(zip(plan.amounts.items, totals.amounts, strict=True), start=1):
			if self._item(row.item_code) is None:
				raise Rejected(f"Item {row.item_code} does not exist or is disabled.")
			self._database.insert(
				"sales_order_items",
				parent=name,
				idx=idx,
				line_id=row.line_id,
				item_code=row.item_code,
				item_name=row.item_name,
				qty=str(row.qty),
				rate=str(row.rate),
				amount=str(amount),
				warehouse=row.warehouse or channel.default_warehouse,
			)

	def _reserve(self, name: str, sign: Decimal) -> None:
		for row in self.order_rows(name):
			open_quantity = Decimal(row["qty"]) - Decimal(row["delivered_qty"])
			self.change_bin(row["item_code"], row["warehouse"], reserved=sign * open_quantity)

	def _note_changes(self, name: str) -> None:
		"""A draft reserves nothing, nor does a Sales Invoice; yet what they sell is no longer on offer."""
		for row in self.order_rows(name):
			for component, _ in self._components(row["item_code"]):
				self._database.insert("stock_changes", item_code=component)

	def _delete(self, name: str) -> None:
		self._note_changes(name)
		self._database.write("delete from sales_order_items where parent = ?", name)
		self._database.write("delete from sales_orders where name = ?", name)
