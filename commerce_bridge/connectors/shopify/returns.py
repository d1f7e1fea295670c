"""Returns of an order: goods, no money. Webhooks of returns name the order, which is asked for with all of them."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from commerce_bridge.bridge.model import Return, ReturnLine, ReturnStatus
from commerce_bridge.connectors.shopify import payloads
from commerce_bridge.connectors.shopify.ids import id_of, number_of
from commerce_bridge.connectors.shopify.payloads import validated

_STATUSES: Mapping[str, ReturnStatus] = {
	"requested": "requested",
	"open": "approved",
	"closed": "closed",
	"declined": "declined",
	"canceled": "cancelled",
}
#: No time of Shopify's says when these came about.
_WITHOUT_TIME = frozenset({"declined", "cancelled"})
_LONGEST_NAME = 140


def returns_of(order: payloads.Order, payload: Mapping[str, Any]) -> tuple[Return, ...]:
	"""The returns a payload says all of. Goods of no order (an unverified return line) are none of it."""
	told = payload.get("returns")
	found = (_return(order, raw) for raw in told if isinstance(raw, dict)) if isinstance(told, list) else ()
	return tuple(each for each in found if each is not None)


def _return(order: payloads.Order, raw: Mapping[str, Any]) -> Return | None:
	wire = validated(payloads.Return, raw, "return")
	return_id, status = id_of(raw, "Return"), _STATUSES.get((wire.status or "").lower())
	lines = [line for row in wire.return_line_items or () if (line := _line(row))]
	if return_id is None or status is None or not lines:
		return None
	if status == "approved" and any(line.received for line in lines):
		status = "received"
	known = order.updated_at if status in _WITHOUT_TIME else wire.updated_at
	return Return(
		id=return_id,
		number=(wire.name or "")[:_LONGEST_NAME] or None,
		status=status,
		lines=tuple(lines),
		note=(wire.decline.note if wire.decline else None) or None,
		location_id=number_of(wire.location_id),
		updated_at=known or order.updated_at,
	)


def _line(row: payloads.ReturnedLine) -> ReturnLine | None:
	sent = row.fulfillment_line_item or {}
	line_id = id_of(sent.get("line_item"), "LineItem")
	if line_id is None or not row.quantity:
		return None
	return ReturnLine(
		order_line_id=line_id,
		quantity=Decimal(row.quantity),
		received=None if row.received_quantity is None else Decimal(row.received_quantity),
		reason=_said(row.return_reason_name or row.return_reason, row.return_reason_note),
		condition=row.customer_note or None,
	)


def _said(reason: str | None, note: str | None) -> str | None:
	return ": ".join(part for part in (reason, note) if part) or None
