"""DocType Channel State: what a channel remembers between units of work. This file is its one writer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

import frappe
from frappe.utils.password import (
	get_decrypted_password,
	remove_encrypted_password,
	set_encrypted_password,
)

from commerce_bridge.bridge.protocols import Circuit, Progress, Token
from commerce_bridge.erpnext import sql
from commerce_bridge.erpnext.time import from_site, to_site

DOCTYPE = "Channel State"
TOKEN = "token"
#: What the column holds instead of the token, as Frappe does it for every field of type Password.
HIDDEN = "*" * 12
CIRCUIT = "circuit_failures, circuit_opened_until, circuit_probing_since"


def get_circuit(channel: str) -> Circuit:
	"""The circuit breaker as it stands; closed where nothing was ever written."""
	rows = frappe.db.sql(f"SELECT {CIRCUIT} FROM `tabChannel State` WHERE name = %s", channel)
	if not rows:
		return Circuit()
	failures, opened_until, probing_since = rows[0]
	return Circuit(failures or 0, from_site(opened_until), from_site(probing_since))


def swap_circuit(channel: str, before: Circuit, after: Circuit) -> bool:
	"""Compare and set, committed; False if another worker changed it meanwhile."""
	_ensure(channel)
	changed = sql.execute(
		"""UPDATE `tabChannel State`
		SET circuit_failures = %s, circuit_opened_until = %s, circuit_probing_since = %s
		WHERE name = %s AND COALESCE(circuit_failures, 0) = %s
			AND circuit_opened_until <=> %s AND circuit_probing_since <=> %s""",
		(*_columns(after), channel, *_columns(before)),
	)
	frappe.db.commit()  # nosemgrep: other workers must see it at once
	return bool(changed) or before == after


def _columns(circuit: Circuit) -> tuple[Any, ...]:
	return circuit.failures, to_site(circuit.opened_until), to_site(circuit.probing_since)


def get_cursor(channel: str, name: str, lock: bool = False) -> str | None:
	"""How far a poll of this name has come, or a walk; see `ChannelState.get_cursor`."""
	return _json(channel, "cursors", lock).get(name)


def set_cursor(channel: str, name: str, value: str | None) -> None:
	"""Part of the caller's transaction, so that the cursor never runs ahead of the entries."""
	cursors = {**_json(channel, "cursors", lock=True), name: value}
	_write_json(channel, "cursors", {key: cursor for key, cursor in cursors.items() if cursor is not None})


def get_token(channel: str) -> Token | None:
	"""The access token a platform gave, decrypted."""
	rows = frappe.db.sql("SELECT token, token_expires FROM `tabChannel State` WHERE name = %s", channel)
	if not rows or not rows[0][0]:
		return None
	value = get_decrypted_password(DOCTYPE, channel, TOKEN, raise_exception=False)
	return Token(value, from_site(rows[0][1])) if value else None


def save_token(channel: str, token: Token | None) -> None:
	"""Keeps it encrypted, or drops what is kept; committed."""
	if token is None:
		forget_token(channel)
	else:
		set_encrypted_password(DOCTYPE, channel, token.value, TOKEN)
		row = {"name": channel, "channel": channel, TOKEN: HIDDEN, "token_expires": to_site(token.expires)}
		sql.insert_rows(DOCTYPE, [row], on_duplicate=[TOKEN, "token_expires"])
	frappe.db.commit()  # nosemgrep: other workers must use it at once


def forget_token(channel: str) -> None:
	"""Drops the token as part of the caller's transaction: it was given to other credentials, or for another shop."""
	remove_encrypted_password(DOCTYPE, channel, TOKEN)
	sql.execute(
		"UPDATE `tabChannel State` SET token = NULL, token_expires = NULL WHERE name = %s", (channel,)
	)


def get_facts(channel: str) -> dict[str, str]:
	"""What was found out about the shop, by name."""
	return _json(channel, "facts")


def save_facts(channel: str, facts: Mapping[str, str]) -> None:
	"""Takes the place of what was kept; committed."""
	_write_json(channel, "facts", dict(facts))
	frappe.db.commit()  # nosemgrep: other workers must use them at once


def forget_facts(channel: str) -> None:
	"""Drops them as part of the caller's transaction: they are another shop's."""
	sql.execute("UPDATE `tabChannel State` SET facts = NULL WHERE name = %s", (channel,))


def get_progress(channel: str) -> list[Progress]:
	"""The imports, resyncs and checks that run or ran last, one of each kind, the newest first."""
	kept = [_progress(kind, values) for kind, values in _json(channel, "progress").items()]
	return sorted(kept, key=lambda progress: progress.started, reverse=True)


def set_progress(channel: str, progress: Progress) -> None:
	"""See `ChannelState.set_progress`."""
	values = {
		**asdict(progress),
		"started": progress.started.isoformat(),
		"finished": progress.finished.isoformat() if progress.finished else None,
	}
	_write_json(channel, "progress", {**_json(channel, "progress", lock=True), progress.kind: values})


def _progress(kind: str, values: dict[str, Any]) -> Progress:
	finished = values["finished"]
	times = {
		"started": datetime.fromisoformat(values["started"]),
		"finished": datetime.fromisoformat(finished) if finished else None,
	}
	return Progress(**{**values, "kind": kind, **times})


def get_alerted(channel: str) -> dict[str, str]:
	"""Cause of a failure → when it was last announced (ISO, UTC)."""
	return _json(channel, "alerted")


def set_alerted(channel: str, alerted: dict[str, str]) -> None:
	_write_json(channel, "alerted", alerted)


def _ensure(channel: str) -> None:
	if not frappe.db.sql("SELECT name FROM `tabChannel State` WHERE name = %s", channel):
		sql.insert_rows(DOCTYPE, [{"name": channel, "channel": channel}], keep_first=True)


def _json(channel: str, column: str, lock: bool = False) -> dict[str, Any]:
	if lock:
		_ensure(channel)
	statement = f"SELECT `{column}` FROM `tabChannel State` WHERE name = %s{' FOR UPDATE' if lock else ''}"
	rows = frappe.db.sql(statement, channel)
	return json.loads(rows[0][0]) if rows and rows[0][0] else {}


def _write_json(channel: str, column: str, value: dict[str, Any]) -> None:
	row = {"name": channel, "channel": channel, column: json.dumps(value)}
	sql.insert_rows(DOCTYPE, [row], on_duplicate=[column])
