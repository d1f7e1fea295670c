"""Failures grouped by cause, and what is done to all of a cause at once.

A cause is the class of an error and its message without what it is about: as `notification` groups what it tells.
"""

from __future__ import annotations

from typing import Any

import frappe
from frappe.desk.reportview import build_match_conditions

from commerce_bridge.erpnext import operations
from commerce_bridge.erpnext.notification import CAUSE, CAUSE_TEXT, DETAILS

#: Entries that go back at once: their rows are locked until the commit, and workers wait for no more than these.
CHUNK = 200
#: Of a message: what a person reads in a row of a table.
SHOWN = 500

GROUPS = """SELECT channel, error_class, cause, COUNT(*) AS count, MIN(creation) AS first, MAX(modified) AS last,
		LEFT(MAX(cause_text), {shown}) AS cause_text,
		SUBSTRING_INDEX(GROUP_CONCAT(name ORDER BY modified DESC, name), ',', 1) AS example
	FROM (SELECT name, channel, error_class, creation, modified, {text} AS cause_text, {cause} AS cause
		FROM `tabSync Log` WHERE state = 'Failed' {conditions}) failed
	GROUP BY channel, error_class, cause ORDER BY count DESC, last DESC, cause"""
OF_CAUSE = """SELECT name FROM `tabSync Log`
	WHERE state = 'Failed' AND channel <=> %(channel)s AND {cause} = %(wanted)s {conditions} ORDER BY creation, name"""


def by_cause(channel: str | None = None, error_class: str | None = None) -> list[Any]:
	"""The causes for which entries stand failed, most failures first; of entries that the user may read.

	:return: channel, error_class, cause (its key), cause_text, count, first, last, example (the latest entry)
	"""
	conditions = _readable()
	if channel:
		conditions += " AND channel = %(channel)s"
	if error_class:
		conditions += " AND error_class = %(error_class)s"
	statement = GROUPS.format(shown=SHOWN, text=CAUSE_TEXT, cause=CAUSE, conditions=conditions)
	values = {"channel": channel, "error_class": error_class, "details": DETAILS}
	return frappe.db.sql(statement, values, as_dict=True)


def counts(channel: str | None = None) -> dict[str, int]:
	"""How many entries there are in each state, of those that the user may read."""
	conditions = _readable() + (" AND channel = %(channel)s" if channel else "")
	statement = f"SELECT state, COUNT(*) FROM `tabSync Log` WHERE 1 = 1 {conditions} GROUP BY state"
	return dict(frappe.db.sql(statement, {"channel": channel}))


def retry(channel: str | None, cause: str) -> int:
	"""All entries of a cause that the user may read are due now, oldest first; committed chunk by chunk.

	:param cause: the key from `by_cause`
	:return: how many; an entry whose contents are deleted cannot be retried and stays
	"""
	statement = OF_CAUSE.format(cause=CAUSE, conditions=_readable())
	values = {"channel": channel or None, "wanted": cause, "details": DETAILS}
	names = frappe.db.sql(statement, values, pluck=True)
	changed = 0
	for start in range(0, len(names), CHUNK):
		changed += operations.requeue(names[start : start + CHUNK], ("Failed",))
		frappe.db.commit()  # nosemgrep: thousands of rows are not locked at once
	return changed


def _readable() -> str:
	"""What User Permissions leave of the Sync Log, as a condition."""
	match = build_match_conditions("Sync Log")
	return f" AND ({match})" if match else ""
