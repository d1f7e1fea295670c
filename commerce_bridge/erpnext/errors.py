"""ERPNext's and MariaDB's exceptions as the engine's three classes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import frappe
import pymysql
from frappe.utils import strip_html

from commerce_bridge.bridge.errors import BridgeError, Conflict, Misconfigured, Rejected, Retryable

#: Another transaction was first; the next attempt sees what it did.
CONFLICTS = (
	frappe.QueryDeadlockError,
	frappe.QueryTimeoutError,
	frappe.DuplicateEntryError,
	frappe.UniqueValidationError,
	frappe.TimestampMismatchError,
	frappe.DocumentLockedError,
)
#: Server gone, connection lost or refused, shutdown in progress.
LOST_CONNECTION = frozenset({2002, 2003, 2006, 2013, 2055, 1053, 1927})
#: "Savepoint does not exist": what a deadlock looks like after ERPNext tried to return to a savepoint that the
#: server had thrown away with the transaction.
SAVEPOINT_GONE = 1305


def is_lost_connection(error: BaseException) -> bool:
	if isinstance(error, pymysql.err.InterfaceError):
		return True
	return (
		isinstance(error, pymysql.err.OperationalError)
		and error.args[:1]
		and error.args[0] in LOST_CONNECTION
	)


@contextmanager
def translated() -> Iterator[None]:
	"""Everything ERPNext refuses becomes `Rejected` or `Misconfigured`, every conflict `Conflict`."""
	try:
		yield
	except BridgeError:
		raise
	except CONFLICTS as error:
		raise Conflict(f"Another transaction was first ({type(error).__name__})") from error
	except frappe.PermissionError as error:
		raise Misconfigured(
			_permission_message(error), doctype="User", document=frappe.session.user
		) from error
	except (frappe.MandatoryError, frappe.LinkValidationError) as error:
		raise Misconfigured(f"ERPNext: {_text(error)}") from error
	except frappe.ValidationError as error:
		raise Rejected(f"ERPNext: {_text(error)}") from error
	except pymysql.err.Error as error:
		if error.args[:1] == (SAVEPOINT_GONE,):
			raise Conflict("Another transaction was first (savepoint lost)") from error
		if is_lost_connection(error):
			raise Retryable("The connection to the database was interrupted") from error
		raise


def _text(error: BaseException) -> str:
	return strip_html(str(error)).strip()[:1000] or type(error).__name__


def _permission_message(error: BaseException) -> str:
	said = _text(error) if str(error) else strip_html(frappe.flags.error_message or "")
	return (
		f"The integration user {frappe.session.user} may not do this: {said} "
		'Give the user the role "Commerce Bridge Integration".'
	)
