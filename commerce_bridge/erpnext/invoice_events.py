"""DocType Sales Invoice: invoices and credit notes told to the storefront, and money it is asked to give back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import frappe
from frappe.utils import flt, get_url, getdate

from commerce_bridge.bridge.channel import Channel
from commerce_bridge.bridge.deductions import RECORD_TYPE
from commerce_bridge.bridge.errors import Misconfigured
from commerce_bridge.bridge.model import (
	InvoiceNotice,
	Payment,
	RefundLine,
	RefundRequest,
	TaxLine,
)
from commerce_bridge.bridge.outbound import invoice_entry, refund_entry
from commerce_bridge.bridge.payments import RECORD_TYPE as PAYMENT
from commerce_bridge.erpnext import channel_record, channel_settings, stock_change
from commerce_bridge.erpnext.channel_settings import decimal

DOCTYPE = "Sales Invoice"
DRAFT, SUBMITTED, CANCELLED = 0, 1, 2
PDF = "/api/method/frappe.utils.print_format.download_pdf"
ORDERS = """SELECT name, cb_channel AS channel, cb_external_id AS id, cb_external_number AS number FROM `tabSales Order`
	WHERE name IN %s AND COALESCE(cb_channel, '') != '' AND COALESCE(cb_external_id, '') != ''"""
#: The record of the shop's refund that one of these credit notes is of.
REFUND_OF = """SELECT name FROM `tabChannel Record`
	WHERE record_type = %s AND document_type = 'Sales Invoice' AND document_name IN %s LIMIT 1"""
#: Amendments of amendments: more than this nobody makes.
CHAIN = 20


# --- told ------------------------------------------------------------------------------------------------


def on_submit(doc: Any, method: str | None = None) -> None:
	"""Hook: the storefront is told, and asked for the money of a person's credit note, where the channel wants that."""
	for channel, order in _orders_of(doc):
		_tell(channel, doc, order)
		if channel.refunds.send_refunds and _is_a_person_s_credit(doc):
			_ask(channel, doc, order)


def on_cancel(doc: Any, method: str | None = None) -> None:
	for channel, order in _orders_of(doc):
		_tell(channel, doc, order)


def _tell(channel: Channel, doc: Any, order: Any) -> None:
	if channel.events.invoices == "Nothing":
		return
	entry = invoice_entry(
		channel.name, doc.name, (order.id, order.number or order.id), doc.docstatus == SUBMITTED
	)
	stock_change.queue_document(entry)


def _ask(channel: Channel, doc: Any, order: Any) -> None:
	"""What was given back for the document that this one amends is given back for this one."""
	before = _chain(doc)[:-1]
	if _is_refunded(before):
		for name in before:
			channel_record.follow(DOCTYPE, name, doc.name)
		return
	stock_change.queue_document(refund_entry(channel.name, doc.name, (order.id, order.number or order.id)))


def _orders_of(doc: Any) -> list[tuple[Channel, Any]]:
	"""The orders of storefronts that it bills, with their channels; nothing is read of an invoice of nobody's."""
	if not doc.get("cb_channel") and not any(row.get("cb_line_id") for row in doc.items):
		return []
	names = tuple({row.sales_order for row in doc.items} - {None, ""})
	orders = frappe.db.sql(ORDERS, (names,), as_dict=True) if names else []
	if not orders and doc.get("cb_external_id"):
		values = {"channel": doc.cb_channel, "id": doc.cb_external_id, "number": doc.cb_external_number}
		orders = [frappe._dict(values)]
	found = {(order.channel, order.id): order for order in orders}
	channels = {name: _channel(name) for name in {order.channel for order in orders}}
	return [(channel, order) for order in found.values() if (channel := channels[order.channel])]


def _channel(name: str) -> Channel | None:
	try:
		return channel_settings.load(name).channel
	except Misconfigured:
		return None  # the channel was deleted since


def _is_a_person_s_credit(doc: Any) -> bool:
	"""One of ours says what the shop gave back already, whoever submits it."""
	return bool(doc.is_return and not doc.get("cb_made") and not _is_refunded([doc.name]))


def _is_refunded(names: Sequence[str]) -> bool:
	return bool(names and frappe.db.sql(REFUND_OF, (RECORD_TYPE, tuple(names))))


def _chain(doc: Any) -> list[str]:
	"""The documents that it amends, the first of them first, and itself."""
	names, before = [doc.name], doc.amended_from
	while before and len(names) < CHAIN:
		names.insert(0, before)
		before = frappe.db.get_value(DOCTYPE, before, "amended_from")
	return names


# --- read when it is told --------------------------------------------------------------------------------


def notice(name: str, channel: str, order_id: str | None = None) -> InvoiceNotice | None:
	"""See `Erp.get_invoice_notice`."""
	doc = _get(name)
	if doc is None or doc.docstatus == DRAFT:
		return None
	for owner, order in _orders_of(doc):
		if owner.name == channel and order_id in (None, order.id):
			return _notice(doc, owner, order)
	return None


def _notice(doc: Any, channel: Channel, order: Any) -> InvoiceNotice:
	cancelled = doc.docstatus == CANCELLED
	linked = channel.events.invoices == "Own with PDF" and not cancelled
	return InvoiceNotice(
		id=doc.name,
		order_id=order.id,
		order_number=order.number or order.id,
		is_return=bool(doc.is_return),
		return_against=doc.return_against or None,
		total=_positive(doc, doc.grand_total),
		open=Decimal(0) if cancelled else _open(doc),
		currency=doc.currency,
		issued_on=getdate(doc.posting_date),
		url=_link(doc) if linked else None,
		cancelled=cancelled,
	)


def _get(name: str) -> Any:
	return frappe.get_doc(DOCTYPE, name) if frappe.db.exists(DOCTYPE, name) else None


def _positive(doc: Any, value: float | None) -> Decimal:
	"""An amount as the storefront has it: a credit note's are negative here."""
	return decimal(flt(-flt(value) if doc.is_return else flt(value), doc.precision("grand_total")))


def _open(doc: Any) -> Decimal:
	"""What is to be paid, or given back, in the document's currency: the customer's account may be in another one."""
	value = flt(doc.outstanding_amount)
	if doc.party_account_currency and doc.party_account_currency != doc.currency:
		value /= flt(doc.conversion_rate) or 1
	return max(_positive(doc, value), Decimal(0))


def _link(doc: Any) -> str:
	"""Opens the PDF for whoever has it: Frappe's own key of a document, which nobody can guess and which does not end."""
	values = {"doctype": DOCTYPE, "name": doc.name, "key": doc.get_document_share_key(no_expiry=True)}
	return get_url(f"{PDF}?{urlencode(values)}")


# --- money that is to be given back ----------------------------------------------------------------------


def refund_request(name: str, channel: str) -> RefundRequest | None:
	"""See `Erp.get_refund_request`."""
	doc = _get(name)
	if doc is None or doc.docstatus != SUBMITTED or not _is_a_person_s_credit(doc):
		return None
	order = next((order for owner, order in _orders_of(doc) if owner.name == channel), None)
	chain = _chain(doc)
	owed = min(_owed(doc), _positive(doc, doc.grand_total))
	if order is None or owed <= 0 or _is_refunded(chain):
		return None
	lines, shipping = _parts(doc)
	return RefundRequest(
		id=chain[0],
		order_id=order.id,
		order_number=order.number or order.id,
		currency=doc.currency,
		lines=lines,
		shipping=shipping,
		total=owed,
		reason=None if doc.remarks in (None, "", "No Remarks") else doc.remarks,
		payments=_captured(channel, order.id),
	)


def _owed(doc: Any) -> Decimal:
	"""What the buyer has to get: nothing where it only lowers what was not paid yet, or where it was paid out."""
	if doc.update_outstanding_for_self or not doc.return_against:
		return _open(doc)
	against = frappe.get_doc(DOCTYPE, doc.return_against)
	value = -flt(against.outstanding_amount)
	if against.party_account_currency and against.party_account_currency != against.currency:
		value /= flt(against.conversion_rate) or 1
	return decimal(flt(value, doc.precision("grand_total")))


def _parts(doc: Any) -> tuple[tuple[RefundLine, ...], Decimal]:
	"""Positions of the shop without tax, taxes beside; and what is none of them (shipping, fees) with its taxes."""
	taxes = _taxes(doc)
	net_of: dict[str, float] = {}
	for row in doc.items:
		net_of[row.item_code] = net_of.get(row.item_code, 0.0) + flt(row.net_amount)
	lines, rest = [], Decimal(0)
	for row in doc.items:
		share = flt(row.net_amount) / net_of[row.item_code] if net_of[row.item_code] else 0.0
		own = tuple(
			TaxLine(title=title, rate=decimal(rate), amount=_positive(doc, amount * share))
			for title, rate, amount in taxes.get(row.item_code, ())
		)
		net = _positive(doc, row.net_amount)
		if not row.cb_line_id:
			rest += net + sum((tax.amount for tax in own), Decimal(0))
			continue
		quantity = decimal(-flt(row.qty))
		lines.append(RefundLine(order_line_id=row.cb_line_id, quantity=quantity, amount=net, taxes=own))
	return tuple(lines), rest


def _taxes(doc: Any) -> dict[str, list[tuple[str, float, float]]]:
	"""By item: title, rate and amount of each tax."""
	found: dict[str, list[tuple[str, float, float]]] = {}
	for row in doc.taxes:
		for item_code, (rate, amount) in json.loads(row.item_wise_tax_detail or "{}").items():
			if flt(amount):
				found.setdefault(item_code, []).append((row.description, flt(rate), flt(amount)))
	return found


def _captured(channel: str, order_id: str) -> tuple[Payment, ...]:
	"""What the buyer paid; money that went back with a refund is kept as a payment too, and not among these."""
	records = channel_record.of_order(channel, PAYMENT, order_id)
	paid = [Payment.model_validate_json(row.data) for row in records if row.data and row.fingerprint != "Pay"]
	return tuple(payment for payment in paid if payment.status == "captured")
