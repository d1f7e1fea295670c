"""Money that a person gives back by a credit note in the ERP, and a shop that is asked to send it.

The shop tells of its own refund afterwards. That it is this one is known by the Channel Record which is saved with the
end of our entry; until then, the shop's refund waits.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta

from commerce_bridge.bridge.deductions import CREDITED, RECORD_TYPE
from commerce_bridge.bridge.errors import Rejected, Retryable
from commerce_bridge.bridge.model import Refund, RefundRequest
from commerce_bridge.bridge.plan import Books, Invoice, Record
from commerce_bridge.bridge.protocols import Entry, Erp, Journal, PushResult

#: Topic of the outbound entries that ask a shop to give money back.
REQUESTED = "refund.requested"
#: How long to wait at least for a refund that is being asked for.
OWN_PENDING = timedelta(minutes=1)


def wait_for_ours(journal: Journal, channel: str, order_id: str) -> None:
	"""To be asked before a shop's refund that has no record is booked.

	:raises Retryable: a refund of this order is being asked for at this moment; it may be this one
	"""
	if journal.is_open(channel, REQUESTED, order_id):
		raise Retryable("A refund of this order is being asked of the shop: it may be this one", OWN_PENDING)


def own_credit_note(books: Books, taken: Collection[str], refund: Refund) -> Invoice | None:
	"""A credit note of exactly this total that is of no refund yet: a person made it, and gave the money back in the shop
	by hand, or the shop's answer to our request never came. One that is submitted sooner than a draft.

	:param taken: credit notes that are of other refunds
	"""
	alike = [
		invoice
		for invoice in books.invoices
		if invoice.is_return and invoice.total == refund.total and invoice.name not in taken
	]
	return next((invoice for invoice in alike if invoice.submitted), alike[0] if alike else None)


def save_asked(erp: Erp, entry: Entry, credit_note: str, request: RefundRequest, result: PushResult) -> None:
	"""Keeps what the shop calls the refund that it made of our credit note; part of the transaction that ends its entry.

	:raises Rejected: the shop's refund was booked already, with another credit note
	"""
	for external_id in result.external_ids:
		known = erp.get_record(entry.channel, RECORD_TYPE, external_id)
		if known and known.document not in (None, credit_note):
			raise Rejected(
				f"The shop's refund {external_id} is {known.doctype} {known.document} already, so that {credit_note} is a "
				"second one of the same money. Cancel one of the two, then skip this entry."
			)
		fresh = known or Record(entry.channel, RECORD_TYPE, external_id)
		erp.save_record(
			replace(
				fresh,
				doctype="Sales Invoice",
				document=credit_note,
				fingerprint=CREDITED,
				order_id=request.order_id,
			)
		)
