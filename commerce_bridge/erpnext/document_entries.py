"""The Sync Log entries of a document, the latest first: for the section "Sync" on its form."""

from __future__ import annotations

import json
from typing import Any

import frappe
from frappe.desk.reportview import build_match_conditions

from commerce_bridge.erpnext import direct_invoice
from commerce_bridge.erpnext.sync_log import OPEN_STATES

DOCTYPES = ("Sales Order", "Delivery Note", "Sales Invoice", "Item")
SHOWN = 10
#: An Item is named in what an entry sends, which no index knows: so many of the latest entries of each state and
#: channel are looked into.
LOOKED_INTO = 200
STATES = (*OPEN_STATES, "Failed", "Succeeded", "Skipped")

COLUMNS = "name, creation, channel, direction, topic, state, error_class, LEFT(message, 300) AS message"
ABOUT = """(SELECT {columns} FROM `tabSync Log`
	WHERE reference_doctype = %(doctype)s AND reference_name = %(name)s {readable})"""
#: Events of customers and products have ids of their own, which may be the same.
OF_ORDER = """(SELECT {columns} FROM `tabSync Log` WHERE external_id = %(external_id)s AND channel = %(channel)s
	AND direction = 'Inbound' AND topic NOT LIKE 'customer%%' AND topic NOT LIKE 'product%%'
	AND topic NOT LIKE 'inventory%%' {readable})"""
LATEST = "{statement} ORDER BY creation DESC, name DESC LIMIT {shown}"
RECENT = """(SELECT name AS recent FROM `tabSync Log` FORCE INDEX (channel_state_creation)
	WHERE channel = {channel} AND state = '{state}' ORDER BY creation DESC LIMIT {limit})"""
OF_ITEM = """SELECT {columns} FROM ({recent}) latest JOIN `tabSync Log` ON name = latest.recent
	WHERE direction = 'Outbound' AND topic REGEXP '^(stock|price|listing)[.]' AND LOCATE(%(quoted)s, payload) > 0
	{readable}"""


def of_document(doctype: str, name: str) -> list[Any]:
	"""Entries of a Sales Order, a Delivery Note, a Sales Invoice or an Item; none for a document without a channel.

	Raises `PermissionError` where the user may not read the document; entries the user may not read are left out.
	"""
	doc = frappe.get_doc(doctype, name)
	doc.check_permission("read")
	return _of_item(name) if doctype == "Item" else _of_order(doc)


def _of_order(doc: Any) -> list[Any]:
	"""What is about the document itself; to the one that stands for the order, also what its shop sent of the order,
	booked or not."""
	if not doc.cb_channel:
		return []
	statement = ABOUT
	if (doc.doctype == "Sales Order" or direct_invoice.is_direct(doc)) and doc.cb_external_id:
		statement = f"{ABOUT} UNION {OF_ORDER}"
	values = {"doctype": doc.doctype, "name": doc.name, "channel": doc.cb_channel}
	return _latest(statement, {**values, "external_id": doc.cb_external_id})


def _of_item(item_code: str) -> list[Any]:
	"""What was sent of it lately, and what waits."""
	channels = frappe.get_all("Channel Listing", {"item_code": item_code}, distinct=True, pluck="channel")
	if not channels:
		return []
	recent = " UNION ALL ".join(
		RECENT.format(channel=f"%(channel{number})s", state=state, limit=LOOKED_INTO)
		for number in range(len(channels))
		for state in STATES
	)
	values = {f"channel{number}": channel for number, channel in enumerate(channels)}
	return _latest(OF_ITEM.replace("{recent}", recent), {**values, "quoted": json.dumps(item_code)})


def _latest(statement: str, values: dict[str, Any]) -> list[Any]:
	match = build_match_conditions("Sync Log")
	filled = statement.replace("{columns}", COLUMNS).replace("{readable}", f"AND ({match})" if match else "")
	return frappe.db.sql(LATEST.format(statement=filled, shown=SHOWN), values, as_dict=True)
