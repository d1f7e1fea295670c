"""Document numbers taken in a transaction of their own.

A naming series is one row, held from the moment a number is taken until the order is committed: orders of all
workers queue behind it. Taken on a second connection and committed at once, it is held for a millisecond; the
price is a gap in the numbers where an order fails afterwards. Each worker process keeps one such connection.
"""

from __future__ import annotations

import threading
from typing import Any

import frappe
import pymysql
from frappe.database import get_db
from frappe.model.naming import make_autoname

from commerce_bridge.bridge.errors import Retryable

_connections = threading.local()


def take_number(series: str, doc: Any) -> str:
	"""The next number of a series, used up even if the caller's transaction fails."""
	main, second = frappe.local.db, _connection()
	frappe.local.db = second
	try:
		second.rollback()
		number = make_autoname(series, doc.doctype, doc)
		second.commit()  # nosemgrep: this connection's whole purpose
	except pymysql.err.Error as error:
		_connections.__dict__.clear()
		raise Retryable("The connection that takes document numbers was interrupted") from error
	finally:
		frappe.local.db = main
	return number


def _connection() -> Any:
	connections = _connections.__dict__
	if frappe.local.site not in connections:
		conf = frappe.local.conf
		connections[frappe.local.site] = get_db(
			socket=conf.db_socket,
			host=conf.db_host,
			port=conf.db_port,
			user=conf.db_user or conf.db_name,
			password=conf.db_password,
			cur_db_name=conf.db_name,
		)
	return connections[frappe.local.site]
