"""Who may do what: the one table that DocTypes, installation, whitelisted methods and tests read.

`PERMISSIONS` speaks about our own DocTypes (their JSON files say the same; a test compares them) and about
ERPNext's (installation adds the rows as Custom DocPerm). `METHODS` says who may call what of `api.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import frappe
from frappe import _

if TYPE_CHECKING:
	from frappe.model.document import Document

MANAGER = "Commerce Bridge Manager"
USER = "Commerce Bridge User"
INTEGRATION = "Commerce Bridge Integration"
#: Roles of ERPNext's: who keeps the books matches payouts and books them.
ACCOUNTANTS = ("Accounts Manager", "Accounts User")

# Role -> may its users open the Desk.
ROLES: dict[str, bool] = {MANAGER: True, USER: True, INTEGRATION: False}

MACHINE_WRITTEN = (
	"Sync Log",
	"Channel Record",
	"Stock Change",
	"Channel State",
	"Unbooked Sale",
	"Stock Drift",
	"Drift Check",
)

READ = ("select", "read")
REPORT = (*READ, "report", "export")
ALTER = (*READ, "write")
ADD = (*READ, "write", "create")
SUBMIT = (*ADD, "submit", "cancel", "amend")
CONFIGURE = (*REPORT, "write", "create", "delete")
CONFIGURE_AND_IMPORT = (*CONFIGURE, "import")
BOOK = (*CONFIGURE, "submit", "cancel", "amend")

# Role -> DocType -> permission level -> rights. Level 1 is the grade of a serial number or item.
# The integration user may make an Item Price, and not write to one, on purpose: with write access, Stock Settings'
# "Auto Insert Item Price If Missing" would turn a shop's discounted rate into a price that we then send back to
# the shop (ERPNext asks for that right alone: `insert_item_price` in stock/get_item_details.py).
PERMISSIONS: dict[str, dict[str, dict[int, tuple[str, ...]]]] = {
	MANAGER: {
		"Channel Settings": {0: CONFIGURE},
		"Channel Listing": {0: CONFIGURE_AND_IMPORT},
		"Channel Grade Map": {0: CONFIGURE_AND_IMPORT},
		"Condition Grade": {0: CONFIGURE_AND_IMPORT},
		"Carrier": {0: CONFIGURE_AND_IMPORT},
		"Sync Log": {0: REPORT},
		"Channel Record": {0: REPORT},
		"Stock Change": {0: REPORT},
		"Stock Drift": {0: REPORT},
		"Drift Check": {0: REPORT},
		"Unbooked Sale": {0: REPORT},
		"Payout": {0: CONFIGURE},
		"Alert Settings": {0: ALTER},
		"Return Authorisation": {0: (*REPORT, "write", "create")},
		"Item": {0: ALTER, 1: ("read", "write")},
		"Serial No": {0: ALTER, 1: ("read", "write")},
	},
	USER: {
		"Channel Settings": {0: READ},
		"Channel Listing": {0: REPORT},
		"Channel Grade Map": {0: READ},
		"Condition Grade": {0: READ},
		"Carrier": {0: READ},
		"Sync Log": {0: REPORT},
		"Channel Record": {0: READ},
		"Stock Drift": {0: REPORT},
		"Drift Check": {0: REPORT},
		"Payout": {0: REPORT},
		"Return Authorisation": {0: (*REPORT, "write", "create")},
		"Item": {0: READ, 1: ("read",)},
		"Serial No": {0: READ, 1: ("read",)},
	},
	INTEGRATION: {
		"Channel Settings": {0: READ},
		"Channel Listing": {0: READ},
		"Channel Grade Map": {0: READ},
		"Condition Grade": {0: READ},
		"Carrier": {0: READ},
		"Sync Log": {0: READ},
		"Channel Record": {0: READ},
		"Stock Change": {0: READ},
		"Stock Drift": {0: READ},
		"Drift Check": {0: READ},
		"Unbooked Sale": {0: READ},
		"Channel State": {0: READ},
		"Account": {0: READ},
		"Address": {0: ADD},
		"Bin": {0: READ},
		"Contact": {0: ADD},
		"Customer": {0: ADD},
		# Drafts of what a shop sent by itself, deleted again where the shop cancels it; and goods that came back.
		"Delivery Note": {0: (*ADD, "submit", "delete")},
		# Returns as a shop tells of them, and goods that came back of what ERPNext never delivered.
		"Return Authorisation": {0: ADD},
		"Stock Entry": {0: (*ADD, "submit")},
		# An import of products makes Items, and writes to those of a shop that owns their texts or images.
		"Brand": {0: (*READ, "create")},
		"Item": {0: ADD, 1: ("read",)},
		"Item Attribute": {0: ADD},
		"Item Price": {0: (*READ, "create")},
		"Payout": {0: ADD},
		# Of money that a gateway took, or gave back; cancelled where the shop takes that back.
		"Payment Entry": {0: (*SUBMIT, "delete")},
		"Pick List": {0: ADD},
		"Product Bundle": {0: READ},
		# ERPNext cannot cancel a draft: an order cancelled while it is one is deleted.
		"Sales Order": {0: (*SUBMIT, "delete")},
		# Invoices and credit notes; drafts of an order that is cancelled are deleted. Nothing that is booked is undone.
		"Sales Invoice": {0: (*ADD, "submit", "delete")},
		# ERPNext makes one of the units and batches that leave with an invoice, or come back.
		"Serial and Batch Bundle": {0: (*ADD, "submit")},
		"Serial No": {0: READ, 1: ("read",)},
		"Stock Reservation Entry": {0: SUBMIT},
		"Warehouse": {0: READ},
	},
	**{role: {"Payout": {0: BOOK}, "Channel Settings": {0: ("select",)}} for role in ACCOUNTANTS},
}

OPERATORS = (MANAGER, USER)
READERS = (MANAGER, USER, INTEGRATION)
BOOKKEEPERS = (MANAGER, *ACCOUNTANTS)

# Whitelisted method -> roles, one of which its caller needs. `webhook` is open to guests who sign; the role is
# asked of callers that send an API token instead of a signature. `authorised` and `authorised_keys` are open to
# guests who bring the state that `authorise` gave to a Manager.
METHODS: dict[str, tuple[str, ...]] = {
	"commerce_bridge.api.webhook": (INTEGRATION,),
	"commerce_bridge.api.health": READERS,
	"commerce_bridge.api.catalog": READERS,
	"commerce_bridge.api.stock": READERS,
	"commerce_bridge.api.prices": READERS,
	"commerce_bridge.api.shipments": READERS,
	"commerce_bridge.api.orders": READERS,
	"commerce_bridge.api.connectors": OPERATORS,
	"commerce_bridge.api.documentation": OPERATORS,
	"commerce_bridge.api.documentation_picture": OPERATORS,
	"commerce_bridge.api.events_by_state": OPERATORS,
	"commerce_bridge.api.oldest_waiting": OPERATORS,
	"commerce_bridge.api.time_to_document": OPERATORS,
	"commerce_bridge.api.channel_health": OPERATORS,
	"commerce_bridge.api.retry": OPERATORS,
	"commerce_bridge.api.retry_with_current_version": OPERATORS,
	"commerce_bridge.api.retry_cause": OPERATORS,
	"commerce_bridge.api.entry_counts": OPERATORS,
	"commerce_bridge.api.document_entries": OPERATORS,
	"commerce_bridge.api.skip": OPERATORS,
	"commerce_bridge.api.replay": OPERATORS,
	"commerce_bridge.api.approve_return": OPERATORS,
	"commerce_bridge.api.decline_return": OPERATORS,
	"commerce_bridge.api.cancel_return": OPERATORS,
	"commerce_bridge.api.close_return": OPERATORS,
	"commerce_bridge.api.returnable": OPERATORS,
	"commerce_bridge.api.receive_return": OPERATORS,
	"commerce_bridge.api.inspect_return": OPERATORS,
	"commerce_bridge.api.accept_difference": (MANAGER,),
	"commerce_bridge.api.personal_data": (MANAGER,),
	"commerce_bridge.api.test_connection": (MANAGER,),
	"commerce_bridge.api.suggestions": (MANAGER,),
	"commerce_bridge.api.usual_gateways": (MANAGER,),
	"commerce_bridge.api.register_webhooks": (MANAGER,),
	"commerce_bridge.api.authorise": (MANAGER,),
	"commerce_bridge.api.preview_stock": (MANAGER,),
	"commerce_bridge.api.sync_stock_now": (MANAGER,),
	"commerce_bridge.api.send_prices_now": (MANAGER,),
	"commerce_bridge.api.send_products_now": (MANAGER,),
	"commerce_bridge.api.check_stock_in_shop": (MANAGER,),
	"commerce_bridge.api.stop_walk": (MANAGER,),
	"commerce_bridge.api.repair_drift": (MANAGER,),
	"commerce_bridge.api.import_orders_since": (MANAGER,),
	"commerce_bridge.api.import_products": (MANAGER,),
	"commerce_bridge.api.rotate_secret": (MANAGER,),
	"commerce_bridge.api.confirm_site": (MANAGER,),
	"commerce_bridge.api.add_listings": (MANAGER,),
	"commerce_bridge.api.set_publication": (MANAGER,),
	"commerce_bridge.api.link_unmapped": (MANAGER,),
	"commerce_bridge.api.create_unmapped": (MANAGER,),
	"commerce_bridge.api.payout_reports": BOOKKEEPERS,
	"commerce_bridge.api.import_payouts": BOOKKEEPERS,
	"commerce_bridge.api.fetch_payouts": BOOKKEEPERS,
	"commerce_bridge.api.find_payout_matches": BOOKKEEPERS,
	"commerce_bridge.api.payout_candidates": BOOKKEEPERS,
}


def is_own(doctype: str) -> bool:
	"""True for a DocType of this app."""
	return frappe.db.get_value("DocType", doctype, "module") == "Commerce Bridge"


def may_call(method: str | Callable, user: str | None = None) -> bool:
	"""Whether a user (default: of this session) has a role that `METHODS` asks for.

	:param method: a dotted path, the short name of a method of `api.py`, or the function itself
	:raises KeyError: for a method that is not in the table
	"""
	return not set(METHODS[_dotted(method)]).isdisjoint(frappe.get_roles(user))


def require(method: str | Callable) -> None:
	"""Raises `frappe.PermissionError` unless the user of this session may call the method."""
	if may_call(method):
		return
	roles = METHODS[_dotted(method)]
	frappe.throw(
		_("This needs one of these roles: {0}").format(", ".join(_(role) for role in roles)),
		frappe.PermissionError,
	)


def refuse_by_hand(doc: Document) -> None:
	"""Raises unless code that bypasses permissions on purpose writes this document.

	REST, the Desk and `run_doc_method` cannot set `flags`, so a row that only the machine writes stays the
	machine's, even for Administrator.
	"""
	if doc.flags.ignore_permissions:
		return
	frappe.throw(_("{0} is written by Commerce Bridge only").format(_(doc.doctype)), frappe.PermissionError)


def _dotted(method: str | Callable) -> str:
	if callable(method):
		return f"{method.__module__}.{method.__name__}"
	return method if "." in method else f"commerce_bridge.api.{method}"
