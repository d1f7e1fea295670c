"""Channel Records of the embedded ERP: which external id is which document."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date

from commerce_bridge.bridge.plan import Record
from sandbox.database import Database, Row, to_decimal, to_text, to_time

KEY = ("channel", "record_type", "external_id")


class Records:
	_database: Database

	def get_record(self, channel: str, record_type: str, external_id: str) -> Record | None:
		row = self._database.read_one(
			"select * from records where channel = ? and record_type = ? and external_id = ?",
			*(channel, record_type, external_id),
		)
		return _record(row) if row else None

	def records_of(self, channel: str, record_type: str, order_id: str) -> list[Record]:
		rows = self._database.read(
			"select * from records where channel = ? and record_type = ? and order_id = ? order by rowid",
			*(channel, record_type, order_id),
		)
		return [_record(row) for row in rows]

	def save_record(self, record: Record) -> None:
		"""One that is there keeps its place among the others."""
		values = asdict(record) | {
			"source_time": to_text(record.source_time),
			"shop_total": None if record.shop_total is None else str(record.shop_total),
			"placed_on": record.placed_on and record.placed_on.isoformat(),
		}
		changes = ", ".join(f"{name} = excluded.{name}" for name in values if name not in KEY)
		self._database.write(
			f"insert into records ({', '.join(values)}) values ({', '.join('?' * len(values))})"
			f" on conflict ({', '.join(KEY)}) do update set {changes}",
			*values.values(),
		)


def _record(row: Row) -> Record:
	typed = {
		"source_time": to_time(row["source_time"]),
		"cancelled": bool(row["cancelled"]),
		"shop_total": to_decimal(row["shop_total"]),
		"placed_on": date.fromisoformat(row["placed_on"]) if row["placed_on"] else None,
	}
	return Record(**dict(row) | typed)
