"""Multi-row statements on our own machine-written tables.

Table and column names are constants of the calling code; every value is a parameter.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

import frappe
from frappe.utils import now

Row = Mapping[str, Any]


def new_name() -> str:
	"""A name for a row of a DocType named by hash."""
	return secrets.token_hex(6)


def insert_rows(
	doctype: str, rows: Sequence[Row], on_duplicate: Sequence[str] | None = None, *, keep_first: bool = False
) -> int:
	"""One INSERT for all rows; standard columns are added. All rows must have the same keys.

	:param on_duplicate: columns to overwrite where a unique key exists already
	:param keep_first: leave an existing row as it is
	:return: rows affected, as MariaDB counts them: 1 inserted, 2 overwritten, 0 left as it was
	"""
	if not rows:
		return 0
	stamp, user = now(), frappe.session.user
	standard = {"creation": stamp, "modified": stamp, "owner": user, "modified_by": user}
	complete = [{"name": new_name(), **standard, **row} for row in rows]
	columns = list(complete[0])
	placeholders = "(" + ", ".join(["%s"] * len(columns)) + ")"
	statement = (
		f"INSERT INTO `tab{doctype}` ({', '.join(f'`{column}`' for column in columns)}) "
		f"VALUES {', '.join([placeholders] * len(complete))}"
	)
	updated = ["name"] if keep_first else on_duplicate
	if updated:
		source = "`{0}`=`{0}`" if keep_first else "`{0}`=VALUES(`{0}`)"
		statement += " ON DUPLICATE KEY UPDATE " + ", ".join(source.format(column) for column in updated)
	return execute(statement, tuple(row[column] for row in complete for column in columns))


def delete_rows(doctype: str, names: Sequence[str]) -> int:
	"""Deletes rows one by one by their primary key, in one statement; returns how many there were.

	Of a small table, MariaDB answers `name IN (…)` by reading all of it, even where it is told to use the key, and
	locks the gaps that users insert into; joined to a list, each row is looked up.
	"""
	if not names:
		return 0
	return execute(
		f"""DELETE gone FROM JSON_TABLE(%s, '$[*]' COLUMNS(name VARCHAR(140) COLLATE utf8mb4_unicode_ci PATH '$')) listed
			STRAIGHT_JOIN `tab{doctype}` gone FORCE INDEX (PRIMARY) ON gone.name = listed.name""",
		(json.dumps(list(names)),),
	)


def execute(statement: str, values: Mapping[str, Any] | tuple[Any, ...] = ()) -> int:
	"""Runs a statement that writes; returns how many rows it changed."""
	frappe.db.sql(statement, values)
	return frappe.db._cursor.rowcount
