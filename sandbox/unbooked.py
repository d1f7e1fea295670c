"""What the shops sold in orders that no Sales Order of the embedded ERP says yet."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal

from commerce_bridge.bridge.orders import RECORD_TYPE
from commerce_bridge.bridge.plan import Record, UnbookedSale
from sandbox.database import Database, marks, to_time

ZERO = Decimal(0)


class Unbooked:
	_database: Database

	def known_orders(self, channel: str, external_ids: Sequence[str]) -> dict[str, Record]:
		rows = self._database.read(
			"select * from records where channel = ? and record_type = ?"
			f" and external_id in ({marks(external_ids)})",
			*(channel, RECORD_TYPE, *external_ids),
		)
		typed = {
			row["external_id"]: {
				"source_time": to_time(row["source_time"]),
				"cancelled": bool(row["cancelled"]),
			}
			for row in rows
		}
		return {row["external_id"]: Record(**dict(row) | typed[row["external_id"]]) for row in rows}

	def save_unbooked(self, sales: Sequence[UnbookedSale]) -> None:
		for sale in sales:
			before, after = self._kept(sale.channel, sale.external_id), self._parts(sale)
			self._forget(sale.channel, sale.external_id)
			for (item, warehouse), quantity in after.items():
				self._database.insert(
					"unbooked_sales",
					channel=sale.channel,
					external_id=sale.external_id,
					log=sale.log,
					item_code=item,
					warehouse=warehouse,
					qty=str(quantity),
				)
			self._note_sold([key for key in before | after if before.get(key) != after.get(key)])

	def forget_finished_sales(self) -> list[tuple[str, str]]:
		rows = self._database.read(
			"select distinct sale.channel, sale.external_id from unbooked_sales sale"
			" join sync_log log on log.name = sale.log where log.state in ('Succeeded', 'Skipped')"
		)
		for row in rows:
			self._note_sold(list(self._kept(row["channel"], row["external_id"])))
			self._forget(row["channel"], row["external_id"])
		return [(row["channel"], row["external_id"]) for row in rows]

	def unbooked(self, item_code: str, warehouses: Sequence[str]) -> Decimal:
		"""What unfinished events ask for beyond what the Sales Orders of their orders say."""
		rows = self._database.read(
			"select sale.*, record.document from unbooked_sales sale"
			" join sync_log log on log.name = sale.log and log.state not in ('Succeeded', 'Skipped')"
			" left join records record on record.channel = sale.channel"
			"  and record.external_id = sale.external_id and record.record_type = ?"
			f" where sale.item_code = ? and sale.warehouse in ({marks(warehouses)})",
			*(RECORD_TYPE, item_code, *warehouses),
		)
		return sum(
			(
				max(Decimal(row["qty"]) - self._booked(row["document"], item_code, row["warehouse"]), ZERO)
				for row in rows
			),
			ZERO,
		)

	def _booked(self, sales_order: str | None, item_code: str, warehouse: str) -> Decimal:
		rows = self._database.read(
			"select line.qty, bundle.qty as factor from sales_order_items line"
			" join sales_orders parent on parent.name = line.parent and parent.status <> 'Cancelled'"
			" left join bundles bundle on bundle.parent = line.item_code and bundle.child = ?"
			" where line.parent = ? and (line.item_code = ? or bundle.child = ?) and line.warehouse = ?",
			*(item_code, sales_order, item_code, item_code, warehouse),
		)
		return sum((Decimal(row["qty"]) * Decimal(row["factor"] or 1) for row in rows), ZERO)

	def _parts(self, sale: UnbookedSale) -> dict[tuple[str, str], Decimal]:
		"""By item and warehouse, bundles taken apart, services left out."""
		found: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
		for line in sale.lines:
			for component, factor in self._components(line.item_code):
				found[component, line.warehouse] += line.quantity * factor
		return dict(found)

	def _kept(self, channel: str, external_id: str) -> dict[tuple[str, str], Decimal]:
		rows = self._database.read(
			"select * from unbooked_sales where channel = ? and external_id = ?", channel, external_id
		)
		return {(row["item_code"], row["warehouse"]): Decimal(row["qty"]) for row in rows}

	def _forget(self, channel: str, external_id: str) -> None:
		self._database.write(
			"delete from unbooked_sales where channel = ? and external_id = ?", channel, external_id
		)

	def _note_sold(self, keys: Sequence[tuple[str, str]]) -> None:
		for item in sorted({item for item, _warehouse in keys}):
			self._database.insert("stock_changes", item_code=item)
