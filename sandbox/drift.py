"""What the storefronts of the embedded ERP show that differs from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from decimal import Decimal
from typing import Any

from commerce_bridge.bridge.protocols import Drift, DriftCheck
from sandbox.database import Database, to_decimal, to_text, to_time

COLUMNS = tuple(column.name for column in fields(Drift))


class DriftReport:
	_database: Database

	# --- the protocol

	def save_shown(self, channel: str, listings: Sequence[str], now: datetime) -> None:
		for listing in listings:
			self._database.write("update listings set shown_at = ? where name = ?", to_text(now), listing)

	def not_shown(
		self, channel: str, since: datetime, after: str | None, limit: int
	) -> list[tuple[str, str]]:
		"""The embedded ERP does not know when a listing was made: all were there."""
		rows = self._database.read(
			"select name, item_code from listings where channel = ? and publication = 'Published'"
			" and name > ? and (shown_at is null or shown_at < ?) order by name limit ?",
			*(channel, after or "", to_text(since), limit),
		)
		return [(row["name"], row["item_code"]) for row in rows]

	def save_drift(self, check: DriftCheck, rows: Sequence[Drift]) -> None:
		self._database.write(
			"insert or replace into drift_checks values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
			*(check.id, check.channel, to_text(check.started), to_text(check.finished)),
			*(check.listings, check.drifted, str(check.units), check.pending, check.unknown),
		)
		for row in rows:
			values = {name: getattr(row, name) for name in COLUMNS}
			values |= {
				name: None if values[name] is None else str(values[name]) for name in ("shown", "available")
			}
			self._database.insert("drifts", drift_check=check.id, channel=check.channel, **values)
		if check.finished:
			self._database.write(
				"delete from drifts where channel = ? and drift_check <> ?", check.channel, check.id
			)

	# --- what a person sees

	def drifts(self, channel: str) -> list[Drift]:
		rows = self._database.read("select * from drifts where channel = ? order by rowid", channel)
		return [Drift(**{name: _value(name, row[name]) for name in COLUMNS}) for row in rows]

	def drift_checks(self, channel: str) -> list[DriftCheck]:
		"""Oldest first."""
		rows = self._database.read("select * from drift_checks where channel = ? order by started", channel)
		return [
			DriftCheck(
				**dict(row)
				| {
					"started": to_time(row["started"]),
					"finished": to_time(row["finished"]),
					"units": Decimal(row["units"]),
				}
			)
			for row in rows
		]


def _value(name: str, text: str | None) -> Any:
	return to_decimal(text) if name in ("shown", "available") else text
