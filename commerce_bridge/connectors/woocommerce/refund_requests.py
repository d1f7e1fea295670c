"""A credit note of the ERP, told to its shop as a refund: by the gateway where that has a transaction to give back.

WooCommerce makes the refund, then asks the gateway, and deletes the refund where that refuses. The refund holds the
credit note's name in its meta data, by which a repetition finds it. A request whose answer was lost may still be on its
way to a busy shop, which knows no keys of repetition: so that money is asked for is noted on the order before. Goods are never put in stock: ERPNext counts them.
https://woocommerce.github.io/woocommerce-rest-api-docs/#create-a-refund
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

from commerce_bridge.bridge.errors import Rejected, Retryable
from commerce_bridge.bridge.model import RefundLine, RefundRequest
from commerce_bridge.bridge.money import decimals_of, minor_unit
from commerce_bridge.bridge.protocols import PushResult
from commerce_bridge.connectors.woocommerce import payloads
from commerce_bridge.connectors.woocommerce.amounts import Part, part_of, shares
from commerce_bridge.connectors.woocommerce.client import NotFound, Refused, WooCommerceClient
from commerce_bridge.connectors.woocommerce.payloads import id_of, meta_of, validated
from commerce_bridge.connectors.woocommerce.shipments import order_path
from commerce_bridge.connectors.woocommerce.webhook import moment

#: Meta data of a refund: the credit note that it is of. With an underscore in front it is nobody's to see.
REFERENCE = "_commerce_bridge_refund"
#: Meta data of an order: the credit notes whose money was asked for, and when.
ASKED = "_commerce_bridge_refund_asked"
#: How long a gateway may take; a refund that is older, and does not say that its money moved, is nobody's to repeat.
UNDER_WAY = timedelta(minutes=15)
ZERO = Decimal(0)


def push(client: WooCommerceClient, request: RefundRequest) -> PushResult:
	"""Makes the refund, once. The money goes back by the gateway where a captured payment has a transaction; else (cash,
	a transfer) the shop only notes that it was given back.

	:raises Rejected: the shop, or its gateway, refuses; says why
	"""
	path = f"orders/{order_path(request.order_id)}"
	try:
		payload = _body_of(client.get(path))
		found = _known(client, path, request)
	except NotFound:
		raise Rejected(
			f"The shop has no order {request.order_number} any more: it was deleted there. Give the money back by"
			" hand, then skip this entry"
		) from None
	if found is None:
		found = _made(client, path, payload, request)
	return PushResult(request.id, external_ids=(found,))


def _made(client: WooCommerceClient, path: str, payload: dict[str, Any], request: RefundRequest) -> str:
	body = _refund(validated(payloads.Order, payload, "order"), request)
	asked = _asked(client, payload)
	if request.id in asked:
		raise Retryable("The shop was asked for this refund, and may still be at it", UNDER_WAY)
	if by_gateway(request):
		_note(client, path, {**asked, request.id: client.now().strftime("%Y-%m-%dT%H:%M:%SZ")})
	try:
		found = id_of(_body_of(client.post(f"{path}/refunds", body)).get("id"))
	except Refused:
		if by_gateway(request):
			_note(client, path, asked)
		raise
	if found is None:
		raise Retryable("The shop did not say what it calls the refund")
	return found


def _asked(client: WooCommerceClient, payload: Mapping[str, Any]) -> dict[str, str]:
	"""What may still be on its way."""
	noted = meta_of(payload).get(ASKED)
	rows = noted if isinstance(noted, dict) else {}
	found = {name: (moment(at), at) for name, at in rows.items()}
	return {name: at for name, (time, at) in found.items() if time and client.now() - time < UNDER_WAY}


def _note(client: WooCommerceClient, path: str, asked: Mapping[str, str]) -> None:
	client.put(path, {"meta_data": [{"key": ASKED, "value": dict(asked)}]}, _fields="id")


def by_gateway(request: RefundRequest) -> bool:
	"""Whether there is a transaction that the gateway can give back."""
	return any(payment.reference for payment in request.payments)


def _known(client: WooCommerceClient, path: str, request: RefundRequest) -> str | None:
	"""The refund that was made of this request before.

	:raises Retryable: its money may be on its way
	:raises Rejected: it never went, or nobody knows
	"""
	for page in client.pages(f"{path}/refunds"):
		for row in map(_body_of, page):
			if str(meta_of(row).get(REFERENCE)) == request.id:
				_check_moved(client, request, row)
				return id_of(row.get("id"))
	return None


def _check_moved(client: WooCommerceClient, request: RefundRequest, row: Mapping[str, Any]) -> None:
	if not by_gateway(request) or row.get("refunded_payment") is True:
		return
	made = moment(row.get("date_created_gmt"))
	if made and client.now() - made < UNDER_WAY:
		raise Retryable("The shop made the refund, and does not say yet that its money moved", UNDER_WAY)
	raise Rejected(
		f"The shop has a refund {row.get('id')} of this credit note, and does not say that its money moved: look at the"
		" gateway. Moved: skip this entry. Not moved: delete the refund in WooCommerce, then retry"
	)


def _body_of(value: Any) -> dict[str, Any]:
	if not isinstance(value, dict):
		raise Retryable("The shop answered with something else than a refund")
	return value


# --- what is given back ----------------------------------------------------------------------------------


def _refund(order: payloads.Order, request: RefundRequest) -> dict[str, Any]:
	"""Amounts are text. The rows say what the amount is for; where they would come to more, it is told alone."""
	rows = [*_lines(order, request), *_shipping(order, request)]
	unit = minor_unit(decimals_of(order.currency))
	told = sum((_worth(row) for row in rows), ZERO)
	return {
		"amount": f"{request.total:f}",
		"reason": ": ".join(filter(None, (request.id, request.reason))),
		"api_refund": by_gateway(request),
		"api_restock": False,
		"meta_data": [{"key": REFERENCE, "value": request.id}],
		"line_items": rows if told <= request.total + unit * len(rows) else [],
	}


def _worth(row: Mapping[str, Any]) -> Decimal:
	taxes = sum((Decimal(tax["refund_total"]) for tax in row["refund_tax"]), ZERO)
	return Decimal(row["refund_total"]) + taxes


def _lines(order: payloads.Order, request: RefundRequest) -> list[dict[str, Any]]:
	"""Those of the order; what was sold by no line of it is in the amount."""
	sold = {line.id: line for line in order.line_items}
	found = []
	for line in request.lines:
		known = sold.get(line.order_line_id)
		if known is not None and line.amount:
			quantity = int(line.quantity) if line.quantity == int(line.quantity) else 0
			row = _row(line.order_line_id, line.amount, _taxes(order, known, line))
			found.append({**row, "quantity": quantity})
	return found


def _taxes(order: payloads.Order, sold: payloads.Line, line: RefundLine) -> dict[str, Decimal]:
	"""By rate: as the credit note says; where it says none of a line, in proportion to what was charged."""
	if not line.taxes:
		return _in_proportion(order, part_of(sold, order.tax_lines), line.amount)
	rates = {name: rate.rate_id for rate in order.tax_lines for name in (rate.rate_code, rate.label) if name}
	only = order.tax_lines[0].rate_id if len(order.tax_lines) == 1 else None
	found: dict[str, Decimal] = {}
	for tax in line.taxes:
		rate = rates.get(tax.code or "") or rates.get(tax.title) or only
		if rate:
			found[rate] = found.get(rate, ZERO) + tax.amount
	return found


def _in_proportion(order: payloads.Order, part: Part, amount: Decimal) -> dict[str, Decimal]:
	if part.amount <= 0:
		return {}
	unit = minor_unit(decimals_of(order.currency))
	return {rate: (tax * amount / part.amount).quantize(unit) for rate, tax in part.taxes.items()}


def _shipping(order: payloads.Order, request: RefundRequest) -> Iterable[dict[str, Any]]:
	"""What is told of shipping is with its taxes: what is without is of each method in proportion to what it cost."""
	parts = [(row, part_of(row, order.tax_lines)) for row in order.shipping_lines if row.total > 0]
	if not request.shipping or not parts:
		return []
	unit = minor_unit(decimals_of(order.currency))
	gross = [part.amount + sum(part.taxes.values(), ZERO) for _, part in parts]
	found = []
	for (row, part), share in zip(parts, shares(request.shipping, gross, unit), strict=True):
		amounts = _split(part, share, unit)
		if row.id:
			taxes = dict(zip(part.taxes, amounts[1:], strict=True))
			found.append({**_row(row.id, amounts[0], taxes), "quantity": 0})
	return found


def _split(part: Part, share: Decimal, unit: Decimal) -> Sequence[Decimal]:
	return shares(share, [part.amount, *part.taxes.values()], unit)


def _row(row_id: str, amount: Decimal, taxes: Mapping[str, Decimal]) -> dict[str, Any]:
	return {
		"id": int(row_id),
		"refund_total": f"{amount:f}",
		"refund_tax": [
			{"id": int(rate), "refund_total": f"{tax:f}"} for rate, tax in taxes.items() if rate.isdecimal()
		],
	}
