"""Settings, secrets and memory of a channel: `ChannelState` on SQLite."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from commerce_bridge.bridge.channel import Channel, ChannelStatus, Credentials
from commerce_bridge.bridge.errors import Misconfigured
from commerce_bridge.bridge.protocols import Circuit, Progress, Token
from commerce_bridge.connectors import default_statuses
from sandbox.database import Database, Row, to_text, to_time


class SandboxChannelState:
	def __init__(self, database: Database):
		self._database = database

	# --- the protocol

	def channel(self, name: str, anew: bool = False) -> Channel:
		channel = self._saved(name)
		if channel.orders.statuses:
			return channel
		statuses = {"statuses": default_statuses(channel.platform)}
		return channel.model_copy(update={"orders": channel.orders.model_copy(update=statuses)})

	def credentials(self, name: str) -> Credentials:
		return Credentials.model_validate(json.loads(self._row(name)["credentials"]))

	def active_channels(self) -> list[str]:
		rows = self._database.read("select name, settings from channels order by name")
		return [
			row["name"] for row in rows if json.loads(row["settings"])["status"] == ChannelStatus.ACTIVE.value
		]

	def pause(self, channel: str, reason: str) -> None:
		"""The reason is nobody's to read here."""
		paused = self._saved(channel).model_copy(update={"status": ChannelStatus.PAUSED})
		self._database.write(
			"update channels set settings = ? where name = ?", paused.model_dump_json(), channel
		)

	def get_token(self, channel: str) -> Token | None:
		row = self._database.read_one("select value, expires from tokens where channel = ?", channel)
		return Token(row["value"], to_time(row["expires"])) if row else None

	def save_token(self, channel: str, token: Token | None) -> None:
		with self._database.transaction():
			self._database.write("delete from tokens where channel = ?", channel)
			if token:
				self._database.write(
					"insert into tokens values (?, ?, ?)", channel, token.value, to_text(token.expires)
				)

	def get_facts(self, channel: str) -> dict[str, str]:
		row = self._database.read_one("select value from facts where channel = ?", channel)
		return json.loads(row["value"]) if row else {}

	def save_facts(self, channel: str, facts: Mapping[str, str]) -> None:
		with self._database.transaction():
			self._database.write(
				"insert or replace into facts values (?, ?)", channel, json.dumps(dict(facts))
			)

	def get_circuit(self, channel: str) -> Circuit:
		row = self._row(channel)
		return Circuit(
			failures=row["circuit_failures"],
			opened_until=to_time(row["circuit_opened_until"]),
			probing_since=to_time(row["circuit_probing_since"]),
		)

	def swap_circuit(self, channel: str, before: Circuit, after: Circuit) -> bool:
		with self._database.transaction():
			if self.get_circuit(channel) != before:
				return False
			self._database.write(
				"update channels set circuit_failures = ?, circuit_opened_until = ?, circuit_probing_since = ?"
				" where name = ?",
				*(after.failures, to_text(after.opened_until), to_text(after.probing_since), channel),
			)
		return True

	def get_cursor(self, channel: str, name: str, lock: bool = False) -> str | None:
		"""A transaction that writes is alone: nothing is to be locked."""
		row = self._database.read_one(
			"select value from cursors where channel = ? and name = ?", channel, name
		)
		return row["value"] if row else None

	def get_progress(self, channel: str) -> list[Progress]:
		rows = self._database.read("select value from progress where channel = ?", channel)
		kept = [_progress(json.loads(row["value"])) for row in rows]
		return sorted(kept, key=lambda progress: progress.started, reverse=True)

	def set_cursor(self, channel: str, name: str, value: str | None) -> None:
		self._database.write("insert or replace into cursors values (?, ?, ?)", channel, name, value)

	def set_progress(self, channel: str, progress: Progress) -> None:
		value = json.dumps(asdict(progress), default=str)
		self._database.write(
			"insert or replace into progress values (?, ?, ?)", channel, progress.kind, value
		)

	# --- what a person does

	def save(self, channel: Channel, credentials: Credentials | None = None) -> None:
		"""Makes the channel, or changes its settings; secrets stay where none are given."""
		secrets = None if credentials is None else json.dumps(credentials.model_dump())
		with self._database.transaction():
			self._database.write(
				"insert into channels (name, settings, credentials) values (?, ?, coalesce(?, '{}'))"
				" on conflict (name) do update set settings = excluded.settings,"
				" credentials = coalesce(?, credentials)",
				*(channel.name, channel.model_dump_json(), secrets, secrets),
			)

	def count_rejected(self, name: str) -> None:
		with self._database.transaction():
			self._database.write(
				"update channels set rejected_requests = rejected_requests + 1 where name = ?", name
			)

	def rejected(self, name: str) -> int:
		return self._row(name)["rejected_requests"]

	def _saved(self, name: str) -> Channel:
		return Channel.model_validate_json(self._row(name)["settings"])

	def _row(self, name: str) -> Row:
		row = self._database.read_one("select * from channels where name = ?", name)
		if row is None:
			raise Misconfigured(f"There is no channel {name}.", "Channel Settings", name)
		return row


def _progress(values: dict[str, Any]) -> Progress:
	return Progress(
		**values | {"started": to_time(values["started"]), "finished": to_time(values["finished"])}
	)
