"""DocType Sync Log: the journal of both ways. Implements `Journal`; this file is its one writer.

Rows are due by `next_attempt_at` in every state: a new row is due at once, a Running one when its lease ends.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import frappe
from frappe.utils import now_datetime

from commerce_bridge.bridge.errors import LeaseLost
from commerce_bridge.bridge.protocols import (
	ERASED,
	Entry,
	NewEntry,
	Outcome,
	Recorded,
	State,
	Traces,
	Uncounted,
)
from commerce_bridge.bridge.webhooks import FOLLOW
from commerce_bridge.erpnext import channel_settings, sql, transaction
from commerce_bridge.erpnext.time import from_site, to_site

DOCTYPE = "Sync Log"
OPEN_STATES = ("Queued", "Retrying", "Running")
#: Not booked, and not given up: what such an entry sells is not in any document yet.
UNFINISHED = (*OPEN_STATES, "Failed")
CANDIDATES = 20


class FrappeJournal:
	"""The protocol `Journal` on a site."""

	def record(self, entries: Sequence[NewEntry]) -> list[Recorded]:
		"""See `Journal.record`: one INSERT; a second query only where a key was there already."""
		if not entries:
			return []
		due = now_datetime()
		rows = [_new_row(entry, due) for entry in entries]
		if sql.insert_rows(DOCTYPE, rows, keep_first=True) == len(rows):
			return [Recorded(row["name"], True) for row in rows]
		first = _first_names([row["dedupe_key"] for row in rows])
		return [Recorded(first[row["dedupe_key"]], first[row["dedupe_key"]] == row["name"]) for row in rows]

	def claim(self, now: datetime, lease: timedelta) -> Entry | None:
		"""See `Journal.claim`. Looks without locks, then locks one row by its primary key: a locking range
		read would hold up the webhooks that insert into the same index."""
		transaction.start()
		entry = None
		for name in _candidates(to_site(now), to_site(now - lease)):
			entry = _take(name, now, lease)
			if entry:
				break
		frappe.db.commit()  # nosemgrep: other workers must see the lease
		return entry

	def postpone(self, entry: Entry, until: datetime) -> None:
		"""See `Journal.postpone`. Raises `LeaseLost`."""
		changed = sql.execute(
			"""UPDATE `tabSync Log` SET state = %s, attempt_count = attempt_count - 1, next_attempt_at = %s,
				lease_token = NULL, lease_expires_at = NULL
			WHERE name = %s AND lease_token = %s AND state = 'Running'""",
			("Queued" if entry.attempt == 1 else "Retrying", to_site(until), entry.name, entry.lease),
		)
		if changed != 1:
			raise LeaseLost(entry.name)
		frappe.db.commit()  # nosemgrep: given back to other workers

	def hold(self, entry: Entry) -> None:
		"""See `Journal.hold`."""
		held = frappe.db.sql(
			"""SELECT name FROM `tabSync Log`
			WHERE name = %s AND lease_token = %s AND state = 'Running' FOR UPDATE""",
			(entry.name, entry.lease),
		)
		if not held:
			raise LeaseLost(entry.name)

	def finish(self, entry: Entry, outcome: Outcome, now: datetime) -> None:
		"""See `Journal.finish`."""
		changes = _outcome_columns(outcome, now)
		assignments = ", ".join(f"`{column}` = %s" for column in changes)
		changed = sql.execute(
			f"UPDATE `tabSync Log` SET {assignments} "
			"WHERE name = %s AND lease_token = %s AND state = 'Running'",
			(*changes.values(), entry.name, entry.lease),
		)
		if changed != 1:
			raise LeaseLost(entry.name)
		_add_attempt(entry, outcome, now)

	def name_order(self, entry: Entry, external_id: str) -> None:
		"""See `Journal.name_order`."""
		sql.execute(
			"UPDATE `tabSync Log` SET external_id = %s WHERE name = %s AND lease_token = %s",
			(_cut(external_id), entry.name, entry.lease),
		)

	def settle(
		self,
		entry: Entry,
		external_id: str,
		topics: Sequence[str],
		updated_at: datetime,
		seen: datetime | None,
		message: str,
	) -> int:
		"""See `Journal.settle`. Looked for without locks, changed by primary key: a locking range read would hold up
		the webhooks that insert into the same index."""
		moment, until = to_site(updated_at), to_site(seen)
		settled = frappe.db.sql(
			"""SELECT name FROM `tabSync Log` WHERE external_id = %s AND channel = %s AND name != %s
				AND direction = 'Inbound' AND topic IN %s AND ((state = 'Failed' AND (source_time < %s
				OR (source_time = %s AND (creation <= %s OR BINARY payload = %s))))
				OR (state IN ('Retrying', 'Running') AND source_time = %s AND creation <= %s))""",
			(
				*(_cut(external_id), entry.channel, entry.name, tuple(topics)),
				*(moment, moment, until, entry.payload, moment, until),
			),
			pluck=True,
		)
		if not settled:
			return 0
		return sql.execute(
			"""UPDATE `tabSync Log` FORCE INDEX (PRIMARY) SET state = 'Skipped', message = %s, error_class = '',
				traceback = NULL, next_attempt_at = NULL, lease_token = NULL, lease_expires_at = NULL, modified = %s
				WHERE name IN %s AND state IN ('Failed', 'Retrying', 'Running')""",
			(message, now_datetime(), tuple(sorted(settled))),
		)

	def merge_queued(self, channel: str, topic: str, items: Sequence[str], limit: int) -> bool:
		"""See `Journal.merge_queued`."""
		candidate = frappe.db.sql(
			"""SELECT name FROM `tabSync Log` WHERE channel = %s AND state = 'Queued' AND topic = %s
				AND direction = 'Outbound' AND attempt_count = 0 ORDER BY creation DESC LIMIT 1""",
			(channel, topic),
		)
		if not candidate:
			return False
		locked = frappe.db.sql(
			"""SELECT payload FROM `tabSync Log` WHERE name = %s AND state = 'Queued' AND attempt_count = 0
			FOR UPDATE SKIP LOCKED""",
			candidate[0][0],
		)
		if not locked:
			return False
		merged = list(dict.fromkeys([*json.loads(locked[0][0]), *items]))
		if len(merged) > limit:
			return False
		sql.execute(
			"UPDATE `tabSync Log` SET payload = %s WHERE name = %s", (json.dumps(merged), candidate[0][0])
		)
		return True

	def latest(self, channel: str, topics: Sequence[str], external_id: str) -> tuple[str, str] | None:
		"""See `Journal.latest`. Of what was applied, the storefront's newest state; it may have come before an older one."""
		rows = frappe.db.sql(
			"""SELECT topic, payload FROM `tabSync Log` WHERE external_id = %s AND channel = %s AND topic IN %s
				AND direction = 'Inbound' AND state = 'Succeeded' AND BINARY external_id = %s
			ORDER BY COALESCE(source_time, creation) DESC, creation DESC, name DESC LIMIT 1""",
			(_cut(external_id), channel, tuple(topics), _cut(external_id)),
		)
		return rows[0] if rows and rows[0][1] else None

	def wake(
		self, channel: str, topics: Sequence[str], external_id: str, now: datetime, refused: bool = False
	) -> int:
		"""See `Journal.wake`. Looked for without locks, changed by primary key."""
		classes = "'Retryable', 'Rejected'" if refused else "'Retryable'"
		waiting = f"state IN ('Retrying', 'Failed') AND error_class IN ({classes})"
		names = frappe.db.sql(
			f"""SELECT name FROM `tabSync Log` WHERE external_id = %s AND channel = %s AND topic IN %s
				AND {waiting} AND BINARY external_id = %s""",
			(_cut(external_id), channel, tuple(topics), _cut(external_id)),
			pluck=True,
		)
		if not names:
			return 0
		return sql.execute(
			f"""UPDATE `tabSync Log` FORCE INDEX (PRIMARY) SET next_attempt_at = %s, to_count = (direction = 'Inbound'),
				attempt_count = IF(state = 'Failed', 0, attempt_count), announced = 0,
				state = IF(state = 'Failed', 'Queued', state), modified = %s
			WHERE name IN %s AND {waiting}""",
			(to_site(now), now_datetime(), tuple(sorted(names))),
		)

	def is_open(self, channel: str, topic: str, external_id: str) -> bool:
		"""See `Journal.is_open`."""
		rows = frappe.db.sql(
			"""SELECT name FROM `tabSync Log` WHERE external_id = %s AND channel = %s AND topic = %s
				AND state IN %s LIMIT 1""",
			(_cut(external_id), channel, topic, OPEN_STATES),
		)
		return bool(rows)

	def blank(self, channel: str, traces: Traces, keep: str) -> int:
		"""See `Journal.blank`."""
		names = tuple(name for name in _speaking_of(channel, traces) if name != keep)
		for start in range(0, len(names), BLANKED_AT_ONCE):
			_blank(names[start : start + BLANKED_AT_ONCE])
		return len(names)

	def uncounted(self, limit: int) -> list[Uncounted]:
		"""See `Journal.uncounted`."""
		found = frappe.db.sql(TO_COUNT, (int(limit),), as_dict=True)
		known = {row.name for row in found}
		ids = tuple({row.external_id for row in found if row.external_id})
		if ids:
			rows = frappe.db.sql(ABOUT_THE_SAME, (ids, UNFINISHED), as_dict=True)
			orders = {(row.channel, row.external_id) for row in found}
			found += [
				row for row in rows if row.name not in known and (row.channel, row.external_id) in orders
			]
		return [
			Uncounted(row.name, row.channel, row.topic, row.payload if row.state in UNFINISHED else None)
			for row in found
		]

	def mark_counted(self, names: Sequence[str]) -> None:
		"""See `Journal.mark_counted`."""
		_set_to_count(names, 0)

	def count_again(self, orders: Sequence[tuple[str, str]]) -> None:
		"""See `Journal.count_again`."""
		ids = tuple({external_id for _channel, external_id in orders}) or ("",)
		rows = frappe.db.sql(ABOUT_THE_SAME, (ids, UNFINISHED), as_dict=True)
		_set_to_count([row.name for row in rows if (row.channel, row.external_id) in orders], 1)

	def payload(self, name: str) -> str | None:
		"""See `Journal.payload`. A locking read, past this transaction's snapshot."""
		rows = frappe.db.sql("SELECT payload FROM `tabSync Log` WHERE name = %s LOCK IN SHARE MODE", name)
		return rows[0][0] if rows else None

	def state_of(self, name: str) -> State | None:
		"""See `Journal.state_of`."""
		return frappe.db.get_value(DOCTYPE, name, "state")

	def open_payloads(self, channel: str, topics: Sequence[str]) -> list[str]:
		"""See `Journal.open_payloads`."""
		return frappe.db.sql(
			"""SELECT payload FROM `tabSync Log` WHERE channel = %s AND state IN %s AND topic IN %s
				AND direction = 'Outbound'""",
			(channel, OPEN_STATES, tuple(topics)),
			pluck=True,
		)

	def supersede(self, channel: str, topics: Sequence[str], before: datetime, message: str) -> int:
		"""See `Journal.supersede`. Looked for without locks, changed by primary key."""
		failed = frappe.db.sql(
			"""SELECT name FROM `tabSync Log` WHERE channel = %s AND state = 'Failed' AND creation < %s
				AND topic IN %s AND direction = 'Outbound'""",
			(channel, to_site(before), tuple(topics)),
			pluck=True,
		)
		if not failed:
			return 0
		return sql.execute(
			"""UPDATE `tabSync Log` SET state = 'Skipped', message = %s, modified = %s
			WHERE name IN %s AND state = 'Failed'""",
			(message, now_datetime(), tuple(failed)),
		)


def latest(channel: str, topic: str, doctype: str, name: str) -> tuple[str, str | None] | None:
	"""Name and payload of the latest entry of this topic about a document."""
	rows = frappe.db.sql(
		"""SELECT name, payload FROM `tabSync Log` WHERE reference_doctype = %s AND reference_name = %s
			AND channel = %s AND topic = %s ORDER BY creation DESC, name DESC LIMIT 1""",
		(doctype, name, channel, topic),
	)
	return rows[0] if rows else None


#: Without a hint the optimiser, which knows two values only, would read the whole table.
TO_COUNT = """SELECT name, channel, topic, payload, state, external_id
	FROM `tabSync Log` FORCE INDEX (to_count) WHERE to_count = 1 ORDER BY creation LIMIT %s"""
ABOUT_THE_SAME = """SELECT name, channel, topic, payload, state, external_id FROM `tabSync Log`
	WHERE external_id IN %s AND direction = 'Inbound' AND state IN %s ORDER BY creation"""


def _set_to_count(names: Sequence[str], value: int) -> None:
	"""By primary key and in one order: only a booking of one of these orders, which holds its one row, is waited
	for."""
	if names:
		sql.execute(
			"UPDATE `tabSync Log` FORCE INDEX (PRIMARY) SET to_count = %s WHERE name IN %s AND to_count != %s",
			(value, tuple(sorted(names)), value),
		)


#: Ids of customers and of orders are of different things, and may be the same.
OF_PERSON = """(direction = 'Inbound' AND external_id IN %(orders)s AND topic NOT LIKE 'customer%%'
		AND topic NOT LIKE 'product%%' AND topic NOT LIKE 'inventory%%')
	OR (direction = 'Inbound' AND external_id IN %(customers)s AND topic LIKE 'customer%%')
	OR reference_name IN %(documents)s"""
#: What a shipment or an order was last told is a fingerprint; a customer's entry is named after the person.
BLANK = """UPDATE `tabSync Log` SET
	payload = IF(direction = 'Inbound' OR reference_doctype = 'Customer', NULL, payload),
	next_attempt_at = IF({left}, NULL, next_attempt_at), lease_token = IF({left}, NULL, lease_token),
	lease_expires_at = IF({left}, NULL, lease_expires_at), error_class = IF({left}, '', error_class),
	message = %(erased)s, summary = NULL, traceback = NULL, details = NULL, to_count = 0, modified = %(now)s,
	state = IF({left}, 'Skipped', state)
	WHERE name IN %(names)s""".format(
	left="state IN %(unfinished)s AND (direction = 'Inbound' OR reference_doctype = 'Customer')"
)
BLANKED_AT_ONCE = 500
#: For `IN %s` where there is nothing: an empty text would match columns left empty.
NOBODY = ("no such name",)


def _speaking_of(channel: str, traces: Traces) -> list[str]:
	"""Names of the rows, in one order, for they are locked."""
	if traces.everything:
		condition = "direction = 'Inbound' OR reference_doctype IN ('Customer', 'Sales Order', 'Sales Invoice', 'Delivery Note')"
	else:
		words = [f"payload LIKE %(word{number})s" for number in range(len(traces.words))]
		nameless = (
			f" OR (external_id IS NULL AND direction = 'Inbound' AND ({' OR '.join(words)}))" if words else ""
		)
		condition = OF_PERSON + nameless
	values = {"channel": channel, "orders": traces.orders or NOBODY, "customers": traces.customers or NOBODY}
	values |= {"documents": traces.documents or NOBODY}
	values |= {f"word{number}": f"%{word}%" for number, word in enumerate(traces.words)}
	statement = f"SELECT name FROM `tabSync Log` WHERE channel = %(channel)s AND ({condition}) ORDER BY name"
	return frappe.db.sql(statement, values, pluck=True)


def _blank(names: Sequence[str]) -> None:
	values = {"names": names, "erased": ERASED, "unfinished": UNFINISHED, "now": now_datetime()}
	sql.execute(BLANK, values)
	sql.execute("UPDATE `tabSync Attempt` SET message = NULL WHERE parent IN %s", (names,))


def _new_row(entry: NewEntry, due: datetime) -> dict[str, Any]:
	return {
		"name": sql.new_name(),
		"direction": entry.direction,
		"channel": entry.channel,
		"topic": entry.topic[:140],
		"state": entry.state,
		"dedupe_key": entry.dedupe_key,
		"external_id": _cut(entry.external_id),
		"external_number": _cut(entry.external_number),
		"source_time": to_site(entry.source_time),
		"payload": entry.payload,
		"attempt_count": 0,
		"next_attempt_at": due,
		"error_class": entry.error_class,
		"message": entry.message,
		"reference_doctype": entry.reference_doctype,
		"reference_name": entry.reference_name,
		"lane": entry.lane,
		"to_count": int(entry.direction == "Inbound" and entry.state == "Queued"),
	}


def _cut(value: str | None) -> str | None:
	return value[:140] if value else value


def _first_names(keys: Sequence[str]) -> dict[str, str]:
	"""A locking read: the row that was first may be younger than this transaction's snapshot."""
	rows = frappe.db.sql(
		"SELECT dedupe_key, name FROM `tabSync Log` WHERE dedupe_key IN %s LOCK IN SHARE MODE", (tuple(keys),)
	)
	return dict(rows)


#: Of a channel that was switched off, only what takes its webhooks back. For outbound: not while the circuit is
#: open, or half-open with a probe that may still be under way. And not while something runs under a live lease in
#: the same lane.
DUE = f"""(SELECT name, next_attempt_at FROM `tabSync Log` entry
	WHERE state = %(state)s AND next_attempt_at <= %(now)s AND channel IN %(channels)s
		AND (topic = %(follow)s OR channel NOT IN %(disabled)s)
		AND (direction = 'Inbound' OR NOT EXISTS (SELECT 1 FROM `tabChannel State` circuit
			WHERE circuit.name = entry.channel AND (circuit.circuit_opened_until > %(now)s
				OR circuit.circuit_probing_since > %(probe_since)s)))
		AND (lane IS NULL OR lane NOT IN (SELECT running.lane FROM `tabSync Log` running
			WHERE running.state = 'Running' AND running.next_attempt_at > %(now)s AND running.lane IS NOT NULL))
	ORDER BY next_attempt_at LIMIT {CANDIDATES})"""


def _candidates(now: datetime, probe_since: datetime) -> list[str]:
	"""Names of the rows that are longest due, of channels that may work. One index scan for each state."""
	active, disabled = channel_settings.active_channels(), channel_settings.disabled_channels()
	if not (active or disabled):
		return []
	values = {"now": now, "probe_since": probe_since, "follow": FOLLOW}
	values |= {"channels": active + disabled, "disabled": disabled or ("",)}
	values |= {f"state_{state}": state for state in OPEN_STATES}
	statement = " UNION ALL ".join(DUE.replace("%(state)s", f"%(state_{state})s") for state in OPEN_STATES)
	return [name for name, _due in sorted(frappe.db.sql(statement, values), key=lambda row: row[1])]


def _take(name: str, now: datetime, lease: timedelta) -> Entry | None:
	"""Locks and leases one row, unless another worker was faster."""
	rows = frappe.db.sql(
		"""SELECT name, creation, channel, direction, topic, payload, external_id, attempt_count, reference_name,
			accepted_difference
		FROM `tabSync Log` WHERE name = %s AND state IN %s AND next_attempt_at <= %s FOR UPDATE SKIP LOCKED""",
		(name, OPEN_STATES, to_site(now)),
		as_dict=True,
	)
	if not rows:
		return None
	entry = _entry(rows[0], now)
	expires = to_site(now + lease)
	sql.execute(
		"""UPDATE `tabSync Log` SET state = 'Running', lease_token = %s, lease_expires_at = %s,
			next_attempt_at = %s, attempt_count = %s WHERE name = %s""",
		(entry.lease, expires, expires, entry.attempt, name),
	)
	return entry


def _entry(row: Any, now: datetime) -> Entry:
	return Entry(
		name=row.name,
		channel=row.channel,
		direction=row.direction,
		topic=row.topic,
		payload=row.payload or "",
		external_id=row.external_id,
		attempt=(row.attempt_count or 0) + 1,
		lease=secrets.token_hex(16),
		started=now,
		recorded=from_site(row.creation),
		reference_name=row.reference_name,
		accepted_difference=Decimal(row.accepted_difference) if row.accepted_difference else None,
	)


def _outcome_columns(outcome: Outcome, now: datetime) -> dict[str, Any]:
	changes = {
		"state": outcome.state,
		"message": outcome.message,
		"error_class": outcome.error_class,
		"traceback": outcome.traceback,
		"next_attempt_at": to_site(outcome.next_attempt_at),
		"lease_token": None,
		"lease_expires_at": None,
		"announced": 0,
		"modified": to_site(now),
	}
	optional = ("reference_doctype", "reference_name", "external_number", "payload", "summary")
	given = {column: getattr(outcome, column) for column in optional}
	if outcome.state != "Retrying":
		changes["details"] = outcome.details.as_text() if outcome.details else None
	return changes | {column: value for column, value in given.items() if value is not None}


def _add_attempt(entry: Entry, outcome: Outcome, now: datetime) -> None:
	row = {
		"parent": entry.name,
		"parenttype": DOCTYPE,
		"parentfield": "attempts",
		"idx": entry.attempt,
		"started": to_site(entry.started),
		"duration": (now - entry.started).total_seconds(),
		"outcome": outcome.state,
		"message": outcome.message,
	}
	sql.insert_rows("Sync Attempt", [row])
