"""Within one transaction, the same question is asked of the database once.

ERPNext loads a customer up to five times while an order is booked, its addresses four times, the same
permissions at each. Under REPEATABLE READ, MariaDB answers an identical plain SELECT of one transaction
identically until that transaction writes to a table it reads: so the first answer is given again.
https://mariadb.com/kb/en/set-transaction/#repeatable-read
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import frappe
from pymysql.cursors import Cursor

#: What reads the present instead of the snapshot, or answers differently each time, is always asked. A value
#: that looks like it costs a query, no more.
PLAIN = re.compile(r"\s*\(?\s*select\b", re.IGNORECASE)
NEVER_SAME = re.compile(
	r"\bfor\s+update\b|\bin\s+share\s+mode\b|_lock\s*\("
	r"|\b(?:now|sysdate|curdate|curtime|rand|uuid|sleep|last_insert_id|row_count|found_rows)\s*\("
	r"|\b(?:nextval|lastval|setval)\s*\(|\bvalue\s+for\b|\bcurrent_(?:date|time|timestamp)\b|@",
	re.IGNORECASE,
)
#: A statement that writes to exactly one table.
WRITE = re.compile(
	r"\s*(?:insert\s+(?:ignore\s+)?into|delete\s+from|update)\s+`(tab[^`]+)`(?=\s*(?:\(|set\b|where\b))",
	re.IGNORECASE,
)
MOST_ROWS = 200


class RememberingCursor(Cursor):
	"""A cursor that gives the answer to a plain SELECT again; any other statement makes it forget."""

	def __init__(self, connection: Any):
		super().__init__(connection)
		self._known: dict[str, tuple[Any, Any]] = {}

	def execute(self, query: str, args: Any = None) -> int:
		text = self.mogrify(query, args)
		if not PLAIN.match(text):
			self._forget(text)
			return super().execute(text)
		if text in self._known:
			return self._repeat(text)
		count = super().execute(text)
		if count <= MOST_ROWS and not NEVER_SAME.search(text):
			self._known[text] = self._rows, self.description
		return count

	def _repeat(self, text: str) -> int:
		self._rows, self.description = self._known[text]
		self._executed, self.rownumber, self.rowcount = text, 0, len(self._rows)
		return self.rowcount

	def _forget(self, text: str) -> None:
		"""What reads the written table, were it only by its name; everything where that is not clear."""
		written = WRITE.match(text)
		if written is None:
			self._known.clear()
			return
		for read in [read for read in self._known if written[1] in read]:
			del self._known[read]


@contextmanager
def once() -> Iterator[None]:
	"""Every statement of this connection goes through such a cursor, as in `frappe.db.unbuffered_cursor`."""
	database = frappe.local.db
	connection, plain = database._conn, database._cursor
	database._cursor = RememberingCursor(connection)
	try:
		yield
	finally:
		if database._conn is connection:
			database._cursor = plain
