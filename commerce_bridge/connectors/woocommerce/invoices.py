"""Invoices and returns of an order, told to its shop, which has neither: in the order's meta data, and as a note.

`_commerce_bridge_invoice` holds the order's invoices and credit notes, oldest first, each with its number and, where
there is one, a link to its PDF: for the shop's theme, mails and extensions. Nothing is mailed from here.
"""

from __future__ import annotations

from typing import Any

from commerce_bridge.bridge.errors import Rejected, Retryable
from commerce_bridge.bridge.model import InvoiceNotice, ReturnNotice
from commerce_bridge.bridge.protocols import PushResult
from commerce_bridge.connectors.woocommerce.client import NotFound, WooCommerceClient
from commerce_bridge.connectors.woocommerce.payloads import meta_of
from commerce_bridge.connectors.woocommerce.shipments import order_path
from commerce_bridge.connectors.woocommerce.tracking import rows_of

#: Meta data of an order. With an underscore in front it is not shown among the custom fields.
INVOICES = "_commerce_bridge_invoice"

# --- invoices --------------------------------------------------------------------------------------------


def push(client: WooCommerceClient, invoice: InvoiceNotice) -> PushResult:
	"""Puts an invoice into the order's meta data, or takes a cancelled one out. What is so already is not written.

	:raises Rejected: the order was deleted in the shop
	"""
	path = f"orders/{order_path(invoice.order_id)}"
	try:
		order = client.get(path, _fields=["id", "meta_data"])
		if not isinstance(order, dict):
			raise Retryable("The shop's order cannot be read: the answer is no order")
		known = _known(order)
		wanted = [row for row in known if row["number"] != invoice.id]
		if not invoice.cancelled:
			wanted = sorted([*wanted, _told(invoice)], key=lambda row: (row["date"], row["number"]))
		if wanted != known:
			client.put(path, {"meta_data": [{"key": INVOICES, "value": wanted}]}, _fields="id")
	except NotFound:
		if not invoice.cancelled:
			raise _gone(invoice.order_number) from None
	return PushResult(invoice.id)


def _known(order: dict[str, Any]) -> list[dict[str, Any]]:
	rows = meta_of(order).get(INVOICES)
	listed = rows if isinstance(rows, list) else []
	return [row for row in listed if isinstance(row, dict) and row.get("number") and "date" in row]


def _told(invoice: InvoiceNotice) -> dict[str, Any]:
	"""All text: so it comes back as it was sent."""
	return {
		"number": invoice.id,
		"kind": "credit note" if invoice.is_return else "invoice",
		"date": invoice.issued_on.isoformat(),
		"total": f"{invoice.total:f}",
		"currency": invoice.currency,
		"url": invoice.url or "",
	}


# --- returns ---------------------------------------------------------------------------------------------


def push_return(client: WooCommerceClient, notice: ReturnNotice) -> PushResult:
	"""Writes how far a return is as a note for the shop's staff; one that says so already is not written again.

	:raises Rejected: the order was deleted in the shop
	"""
	path = f"orders/{order_path(notice.order_id)}/notes"
	text = text_of(notice)
	try:
		rows = rows_of(client.get(path), "notes of an order")
		if not any(str(row.get("note") or "").split() == text.split() for row in rows):
			client.post(path, {"note": text, "customer_note": False})
	except NotFound:
		raise _gone(notice.order_number) from None
	return PushResult(notice.id)


def text_of(notice: ReturnNotice) -> str:
	"""The step, and of each line how much came back, and what was found of it."""
	lines = [f"Return {notice.document}: {notice.status}"]
	for line in notice.lines:
		found = (line.condition_found, line.grade_found, line.disposition)
		pieces = line.quantity if line.received is None else line.received
		serials = ", ".join(line.serials)
		parts = [f"{pieces.normalize():f} of line {line.order_line_id}", serials, *filter(None, found)]
		lines.append(", ".join(filter(None, parts)))
	lines.append(notice.reason or "")
	return "\n".join(filter(None, map(_clean, lines)))


def _clean(text: str) -> str:
	"""What WordPress keeps as it is: no tags, no backslashes, one line."""
	return " ".join(text.replace("<", "(").replace(">", ")").replace("\\", "/").split())


def _gone(order_number: str) -> Rejected:
	return Rejected(f"The shop has no order {order_number} any more: it was deleted there. Skip this entry")
