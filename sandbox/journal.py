"""The Sync Log of the embedded ERP: `Journal` on SQLite, and what a person does to its entries."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Sequence, Set
from datetime import datetime, timedelta

from commerce_bridge.bridge.clock import Now
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
from sandbox.database import Database, Row, marks, to_decimal, to_text, to_time

#: The columns are few, the conditions many: due, of a channel that may work, of a lane where nothing runs.
NEXT_DUE = """
select entry.* from sync_log entry join channels channel on channel.name = entry.channel
where entry.state in ('Queued', 'Retrying', 'Running') and entry.due <= :now
	and (json_extract(channel.settings, '$.status') = 'Active'
		or (json_extract(channel.settings, '$.status') = 'Disabled' and entry.topic = :follow))
	and (entry.direction = 'Inbound' or channel.circuit_opened_until is null or (
		channel.circuit_opened_until <= :now
		and (channel.circuit_probing_since is null or channel.circuit_probing_since <= :probe_dead)))
	and (entry.lane is null or not exists (
		select 1 from sync_log other where other.lane = entry.lane and other.state = 'Running'
			and other.name <> entry.name and other.lease_expires_at > :now))
order by entry.due, entry.rowid limit 1
"""

UNFINISHED = ("Queued", "Running", "Retrying", "Failed")


class SandboxJournal:
	"""`due` is the one column the sweeper looks at: creation, next attempt, or the end of the lease."""

	def __init__(self, database: Database, now: Now):
		self._database = database
		self._now = now

	# --- the protocol

	def record(self, entries: Sequence[NewEntry]) -> list[Recorded]:
		return [self._record(entry) for entry in entries]

	def _record(self, entry: NewEntry) -> Recorded:
		known = self._database.read_one("select name from sync_log where dedupe_key = ?", entry.dedupe_key)
		if known:
			return Recorded(known["name"], created=False)
		name = uuid.uuid4().hex[:10]
		now = to_text(self._now())
		self._database.insert(
			"sync_log",
			name=name,
			channel=entry.channel,
			direction=entry.direction,
			topic=entry.topic,
			state=entry.state,
			dedupe_key=entry.dedupe_key,
			payload=entry.payload,
			external_id=entry.external_id,
			external_number=entry.external_number,
			source_time=to_text(entry.source_time),
			error_class=entry.error_class,
			message=entry.message,
			reference_doctype=entry.reference_doctype,
			reference_name=entry.reference_name,
			lane=entry.lane,
			due=now,
			created=now,
			to_count=entry.direction == "Inbound" and entry.state == "Queued",
		)
		return Recorded(name, created=True)

	def claim(self, now: datetime, lease: timedelta) -> Entry | None:
		values = {"now": to_text(now), "probe_dead": to_text(now - lease), "follow": FOLLOW}
		with self._database.transaction():
			row = self._database.read_named(NEXT_DUE, values)
			if row is None:
				return None
			token, expires = f"{os.getpid()}-{uuid.uuid4().hex}", to_text(now + lease)
			self._database.write(
				"update sync_log set state = 'Running', attempt_count = attempt_count + 1, lease_token = ?,"
				" lease_expires_at = ?, due = ? where name = ?",
				*(token, expires, expires, row["name"]),
			)
		return _entry(row, token, now)

	def postpone(self, entry: Entry, until: datetime) -> None:
		with self._database.transaction():
			self.hold(entry)
			self._database.write(
				"update sync_log set attempt_count = attempt_count - 1, lease_token = null,"
				" lease_expires_at = null, due = ?,"
				" state = case when attempt_count > 1 then 'Retrying' else 'Queued' end where name = ?",
				*(to_text(until), entry.name),
			)

	def hold(self, entry: Entry) -> None:
		row = self._database.read_one("select state, lease_token from sync_log where name = ?", entry.name)
		if row is None or row["state"] != "Running" or row["lease_token"] != entry.lease:
			raise LeaseLost(f"Another worker has taken over entry {entry.name}.")

	def finish(self, entry: Entry, outcome: Outcome, now: datetime) -> None:
		self.hold(entry)
		kept = ("external_number", "payload", "summary", "reference_doctype", "reference_name")
		changes = {name: getattr(outcome, name) for name in kept if getattr(outcome, name) is not None}
		changes |= {
			"state": outcome.state,
			"message": outcome.message,
			"error_class": outcome.error_class,
			"traceback": outcome.traceback,
			"due": to_text(outcome.next_attempt_at or now),
			"lease_token": None,
			"lease_expires_at": None,
		}
		if outcome.state != "Retrying":
			changes["details"] = outcome.details and outcome.details.as_text()
		assignments = ", ".join(f"{column} = ?" for column in changes)
		self._database.write(
			f"update sync_log set {assignments} where name = ?", *changes.values(), entry.name
		)
		self._database.insert(
			"attempts",
			entry=entry.name,
			number=entry.attempt,
			started=to_text(entry.started),
			duration=(now - entry.started).total_seconds(),
			outcome=outcome.state,
			message=outcome.message,
		)

	def name_order(self, entry: Entry, external_id: str) -> None:
		self._database.write(
			"update sync_log set external_id = ? where name = ? and lease_token = ?",
			*(external_id, entry.name, entry.lease),
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
		moment = to_text(updated_at)
		return self._database.write(
			"update sync_log set state = 'Skipped', message = ?, error_class = null, traceback = null,"
			" lease_token = null, lease_expires_at = null"
			" where external_id = ? and channel = ? and direction = 'Inbound' and name <> ?"
			f" and topic in ({marks(topics)}) and ((state = 'Failed' and (source_time < ?"
			" or (source_time = ? and (created <= ? or payload = ?))))"
			" or (state in ('Retrying', 'Running') and source_time = ? and created <= ?))",
			*(message, external_id, entry.channel, entry.name, *topics),
			*(moment, moment, to_text(seen), entry.payload, moment, to_text(seen)),
		)

	def merge_queued(self, channel: str, topic: str, items: Sequence[str], limit: int) -> bool:
		rows = self._database.read(
			"select name, payload from sync_log where channel = ? and topic = ? and direction = 'Outbound'"
			" and state = 'Queued' and attempt_count = 0 order by rowid",
			*(channel, topic),
		)
		for row in rows:
			merged = sorted({*json.loads(row["payload"]), *items})
			if len(merged) <= limit:
				self._database.write(
					"update sync_log set payload = ? where name = ?", json.dumps(merged), row["name"]
				)
				return True
		return False

	def latest(self, channel: str, topics: Sequence[str], external_id: str) -> tuple[str, str] | None:
		row = self._database.read_one(
			"select topic, payload from sync_log where external_id = ? and channel = ? and direction = 'Inbound'"
			f" and state = 'Succeeded' and topic in ({marks(topics)})"
			" order by coalesce(source_time, created) desc, rowid desc limit 1",
			*(external_id, channel, *topics),
		)
		return (row["topic"], row["payload"]) if row and row["payload"] else None

	def wake(
		self, channel: str, topics: Sequence[str], external_id: str, now: datetime, refused: bool = False
	) -> int:
		classes = ("Retryable", "Rejected") if refused else ("Retryable",)
		return self._database.write(
			"update sync_log set due = ?, to_count = 1,"
			" attempt_count = iif(state = 'Failed', 0, attempt_count),"
			" state = iif(state = 'Failed', 'Queued', state)"
			" where external_id = ? and channel = ? and direction = 'Inbound'"
			f" and topic in ({marks(topics)}) and error_class in ({marks(classes)})"
			" and state in ('Retrying', 'Failed')",
			*(to_text(now), external_id, channel, *topics, *classes),
		)

	def is_open(self, channel: str, topic: str, external_id: str) -> bool:
		return bool(
			self._database.read_one(
				"select 1 from sync_log where external_id = ? and channel = ? and topic = ?"
				" and state in ('Queued', 'Retrying', 'Running')",
				*(external_id, channel, topic),
			)
		)

	def blank(self, channel: str, traces: Traces, keep: str) -> int:
		rows = self._database.read("select * from sync_log where channel = ? and name != ?", channel, keep)
		names = [row["name"] for row in rows if traces.everything or _speaks_of(row, traces)]
		for name in names:
			self._blank(name)
		return len(names)

	def _blank(self, name: str) -> None:
		"""What a document was last told is a fingerprint, and stays; what waits to be told stays too."""
		self._database.write(
			"update sync_log set payload = iif(direction = 'Inbound', '', payload), message = ?, summary = null,"
			" traceback = null, details = null, lease_token = null, lease_expires_at = null, to_count = 0,"
			" state = iif(direction = 'Inbound' and state != 'Succeeded', 'Skipped', state) where name = ?",
			*(ERASED, name),
		)
		self._database.write("update attempts set message = null where entry = ?", name)

	def uncounted(self, limit: int) -> list[Uncounted]:
		found = self._database.read("select * from sync_log where to_count = 1 order by rowid limit ?", limit)
		known = {row["name"] for row in found}
		orders = {(row["channel"], row["external_id"]) for row in found if row["external_id"]}
		found += [row for row in self._unfinished_about(orders) if row["name"] not in known]
		return [
			Uncounted(
				row["name"],
				row["channel"],
				row["topic"],
				row["payload"] if row["state"] in UNFINISHED else None,
			)
			for row in found
		]

	def mark_counted(self, names: Sequence[str]) -> None:
		self._set_to_count(names, 0)

	def count_again(self, orders: Sequence[tuple[str, str]]) -> None:
		self._set_to_count([row["name"] for row in self._unfinished_about(set(orders))], 1)

	def _set_to_count(self, names: Sequence[str], value: int) -> None:
		self._database.write(
			f"update sync_log set to_count = ? where name in ({marks(names)})", value, *names
		)

	def _unfinished_about(self, orders: Set[tuple[str, str]]) -> list[Row]:
		ids = list({external_id for _channel, external_id in orders})
		rows = self._database.read(
			f"select * from sync_log where external_id in ({marks(ids)}) and direction = 'Inbound'"
			f" and state in ({marks(UNFINISHED)}) order by rowid",
			*(*ids, *UNFINISHED),
		)
		return [row for row in rows if (row["channel"], row["external_id"]) in orders]

	def payload(self, name: str) -> str | None:
		row = self._database.read_one("select payload from sync_log where name = ?", name)
		return row["payload"] if row else None

	def state_of(self, name: str) -> State | None:
		row = self._database.read_one("select state from sync_log where name = ?", name)
		return row["state"] if row else None

	def open_payloads(self, channel: str, topics: Sequence[str]) -> list[str]:
		rows = self._database.read(
			"select payload from sync_log where channel = ? and direction = 'Outbound'"
			f" and topic in ({marks(topics)}) and state in ('Queued', 'Retrying', 'Running')",
			*(channel, *topics),
		)
		return [row["payload"] for row in rows]

	def supersede(self, channel: str, topics: Sequence[str], before: datetime, message: str) -> int:
		return self._database.write(
			"update sync_log set state = 'Skipped', message = ? where channel = ? and direction = 'Outbound'"
			f" and topic in ({marks(topics)}) and state = 'Failed' and created < ?",
			*(message, channel, *topics, to_text(before)),
		)

	# --- what a person does, and sees

	def requeue(self, name: str) -> None:
		"""Retry of a failed entry, replay of a skipped one."""
		with self._database.transaction():
			self._database.write(
				"update sync_log set state = 'Queued', attempt_count = 0, due = ?, error_class = null, message = '',"
				" to_count = (direction = 'Inbound')"
				" where name = ? and state in ('Failed', 'Skipped') and payload != ''",
				*(to_text(self._now()), name),
			)

	def entries(self, **conditions: str) -> list[Row]:
		"""Rows whose columns have these values, oldest first."""
		where = " and ".join(f"{column} = ?" for column in conditions) or "true"
		return self._database.read(
			f"select * from sync_log where {where} order by rowid", *conditions.values()
		)

	def unfinished(self) -> int:
		row = self._database.read_one(
			"select count(*) as n from sync_log where state in ('Queued', 'Retrying', 'Running')"
		)
		return row["n"]


def _speaks_of(row: Row, traces: Traces) -> bool:
	if row["reference_name"] in traces.documents:
		return True
	if row["direction"] != "Inbound":
		return False
	if row["external_id"] is None:
		return any(word.casefold() in row["payload"].casefold() for word in traces.words)
	if row["topic"].startswith("customer"):
		return row["external_id"] in traces.customers
	return row["external_id"] in traces.orders and not row["topic"].startswith(("product", "inventory"))


def _entry(row: Row, token: str, now: datetime) -> Entry:
	return Entry(
		name=row["name"],
		channel=row["channel"],
		direction=row["direction"],
		topic=row["topic"],
		payload=row["payload"],
		external_id=row["external_id"],
		attempt=row["attempt_count"] + 1,
		lease=token,
		started=now,
		recorded=to_time(row["created"]),
		reference_name=row["reference_name"],
		accepted_difference=to_decimal(row["accepted_difference"]),
	)
