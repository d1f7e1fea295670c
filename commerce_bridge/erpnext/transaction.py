"""One database transaction, with named locks around it.

The order is what keeps it right under REPEATABLE READ: rolled back first, then the locks, and only then the
first read, so that the snapshot is younger than whatever the lock's last holder committed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256

import frappe

from commerce_bridge.bridge.channel import Channel
from commerce_bridge.bridge.errors import Conflict, Misconfigured
from commerce_bridge.erpnext import reads
from commerce_bridge.erpnext.errors import is_lost_connection, translated

LOCK_WAIT_SECONDS = 10
FRESH = (b"START TRANSACTION", "START TRANSACTION")


@contextmanager
def transaction(*locks: str) -> Iterator[None]:
	"""See `Erp.transaction`."""
	names = sorted({_lock_name(lock) for lock in locks})
	with translated():
		start()
		try:
			_take(names)
			with reads.once():
				yield
				frappe.db.commit()  # nosemgrep: the unit of work ends here
		except BaseException as error:
			_undo(error)
			raise
		finally:
			frappe.local.message_log = []
			_release(names)


def start() -> None:
	"""Ends what was open; connects again where the server had gone away meanwhile."""
	if _is_fresh():
		return
	try:
		frappe.db.rollback()
	except Exception as error:
		if not is_lost_connection(error):
			raise
		_forget_connection()
		frappe.db.rollback()


def _is_fresh() -> bool:
	"""True right after a commit or rollback, which both begin a new transaction: nothing was read in it yet."""
	last = getattr(frappe.db, "last_query", None)
	return bool(frappe.db._conn) and isinstance(last, bytes | str) and last.strip() in FRESH


def _undo(error: BaseException) -> None:
	if is_lost_connection(error):
		_forget_connection()
		return
	try:
		frappe.db.rollback()
	except Exception as second:
		if not is_lost_connection(second):
			raise
		_forget_connection()


def _forget_connection() -> None:
	"""The next statement connects anew; what was collected for the lost transaction is dropped with it."""
	frappe.db.before_commit.reset()
	frappe.db.after_commit.reset()
	frappe.db.before_rollback.run()
	frappe.db._conn = None


def _lock_name(lock: str) -> str:
	"""Lock names are global to the server and at most 64 characters long."""
	return "cb-" + sha256(f"{frappe.conf.db_name}\0{lock}".encode()).hexdigest()[:56]


def _take(names: list[str]) -> None:
	"""All in one query: MariaDB evaluates a select list from left to right, so the order is kept."""
	if not names:
		return
	locks = ", ".join(["GET_LOCK(%s, %s)"] * len(names))
	values = tuple(value for name in names for value in (name, LOCK_WAIT_SECONDS))
	if any(taken != 1 for taken in frappe.db.sql(f"SELECT {locks}", values)[0]):
		raise Conflict("Another worker is busy with the same order or customer")


def _release(names: list[str]) -> None:
	if names and frappe.db._conn:
		locks = ", ".join(["RELEASE_LOCK(%s)"] * len(names))
		frappe.db.sql(f"SELECT {locks}", tuple(names))


@contextmanager
def exclusive(name: str) -> Iterator[bool]:
	"""See `Erp.exclusive`."""
	lock = _lock_name(name)
	with translated():
		mine = frappe.db.sql("SELECT GET_LOCK(%s, 0)", lock)[0][0] == 1
	try:
		yield mine
	finally:
		if mine:
			_release([lock])


@contextmanager
def act_as(channel: Channel) -> Iterator[None]:
	"""See `Erp.act_as`. Raises `Misconfigured` without a usable integration user."""
	user = channel.integration_user
	if not user or user in ("Administrator", "Guest") or not frappe.get_cached_value("User", user, "enabled"):
		raise Misconfigured(
			f"Channel {channel.name} needs an enabled Integration User other than Administrator.",
			doctype="Channel Settings",
			document=channel.name,
			fieldname="integration_user",
		)
	outer = acting_for()
	frappe.local.commerce_bridge_acting = channel.name
	try:
		with _as_user(user):
			yield
	finally:
		frappe.local.commerce_bridge_acting = outer


def acting_for() -> str | None:
	"""The channel whose data is worked on at this moment: what is written now came from there."""
	return getattr(frappe.local, "commerce_bridge_acting", None)


@contextmanager
def _as_user(user: str) -> Iterator[None]:
	session, form_dict = frappe.local.session, frappe.local.form_dict
	before, sid, data = session.user, session.sid, session.data
	if before == user:
		yield
		return
	frappe.set_user(user)
	_keep_templates(user)
	try:
		yield
	finally:
		frappe.set_user(before)
		session.sid, session.data, frappe.local.form_dict = sid, data, form_dict


def _keep_templates(user: str) -> None:
	"""Frappe drops its blank documents, some fifteen queries, when the user changes. In a job that works on many
	entries they are the same each time; they live no longer than the job."""
	kept = getattr(frappe.local, "commerce_bridge_templates", None)
	if kept is None:
		kept = frappe.local.commerce_bridge_templates = {}
	frappe.local.new_doc_templates = kept.setdefault(user, {})
