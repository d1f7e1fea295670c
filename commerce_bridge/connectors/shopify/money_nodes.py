"""Money, and goods that came back, of an order read over GraphQL: written as webhooks say them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from commerce_bridge.connectors.shopify.ids import legacy_id
from commerce_bridge.connectors.shopify.node_parts import (
	Node,
	Payload,
	identity_of,
	lower,
	money_set,
	named_line,
	number_in,
	priced,
)

#: What gateways call their own transaction in their receipts.
_RECEIPT_NAMES = (
	"transaction_id",
	"transactionId",
	"TransactionID",
	"txn_id",
	"payment_id",
	"paymentId",
	"latest_charge",
	"charge_id",
	"reference",
)
_RECEIPT_ID = re.compile(r"(?:ch|py|pi|pay|re|rfnd|trx|txn)_[A-Za-z0-9_]{4,100}")
_LONGEST_ID = 140


def transaction(row: Node) -> Payload:
	"""`authorization` is what the gateway itself calls it, where its receipt says so; the rest of the receipt, which
	may say who paid, is not kept."""
	return {
		**identity_of(row["id"]),
		"kind": lower(row["kind"]),
		"status": lower(row["status"]),
		"gateway": row.get("gateway"),
		"test": row.get("test"),
		"created_at": row.get("createdAt"),
		"processed_at": row.get("processedAt"),
		"parent_id": number_in(row.get("parentTransaction")),
		"payment_id": row.get("paymentId"),
		"authorization": receipt_id(row.get("receiptJson")),
		**priced(row["amountSet"], "amount"),
		"currency": row["amountSet"]["shopMoney"]["currencyCode"],
		"amount_rounding_set": money_set(row.get("amountRoundingSet")),
		"fees": [
			{
				"amount": fee["amount"]["amount"],
				"tax_amount": fee["taxAmount"]["amount"],
				"currency": fee["amount"]["currencyCode"],
			}
			for fee in row.get("fees") or ()
		],
	}


def receipt_id(receipt: Any) -> str | None:
	"""The gateway's own id of a payment, of what it answered; None where that names none.

	A receipt is whatever a gateway sends: only names that mean its transaction are believed, and `id` where it is
	written as the ids of payments are.
	"""
	if isinstance(receipt, str):
		try:
			receipt = json.loads(receipt)
		except ValueError:
			return None
	if not isinstance(receipt, dict):
		return None
	named = [receipt.get(name) for name in _RECEIPT_NAMES]
	found = [str(value).strip() for value in named if isinstance(value, str | int) and value is not True]
	own = receipt.get("id")
	if isinstance(own, str) and _RECEIPT_ID.fullmatch(own):
		found.append(own)
	return next((value for value in found if value and len(value) <= _LONGEST_ID), None)


def refund_of(refund: Node, order_id: int, named: Mapping[int, Payload]) -> Payload:
	rows = refund["refundLineItems"]["nodes"]
	return {
		**identity_of(refund["id"]),
		"order_id": order_id,
		"created_at": refund.get("createdAt"),
		"processed_at": refund.get("processedAt"),
		"updated_at": refund.get("updatedAt"),
		"return": identity_of(refund["return"]["id"]) if refund.get("return") else None,
		"duties": [
			{"duty_id": number_in(row.get("originalDuty")), "amount_set": money_set(row["amountSet"])}
			for row in refund.get("duties") or ()
		],
		"transactions": [transaction(row) for row in refund["transactions"]["nodes"]],
		"restock": any(row.get("restockType") != "NO_RESTOCK" for row in rows),
		"note": refund.get("note"),
		"order_adjustments": [
			{
				"id": number_in(row),
				"reason": (row.get("reason") or "").replace("_", " ").capitalize() or None,
				**priced(row["amountSet"], "amount"),
				**priced(row["taxAmountSet"], "tax_amount"),
			}
			for row in refund["orderAdjustments"]["nodes"]
		],
		"refund_shipping_lines": [
			{
				"id": number_in(row),
				"shipping_line": named_line(row["shippingLine"]["id"], named),
				"subtotal_amount_set": money_set(row["subtotalAmountSet"]),
				"tax_amount_set": money_set(row["taxAmountSet"]),
			}
			for row in refund["refundShippingLines"]["nodes"]
			if row["shippingLine"].get("id")
		],
		"refund_line_items": [
			{
				"id": int(legacy_id(row["id"])),
				"line_item_id": int(legacy_id(row["lineItem"]["id"])),
				"line_item": named_line(row["lineItem"]["id"], named),
				"quantity": row["quantity"],
				"restock_type": lower(row.get("restockType")),
				"location_id": number_in(row.get("location")),
				**priced(row["subtotalSet"], "subtotal"),
				**priced(row["totalTaxSet"], "total_tax"),
			}
			for row in rows
		],
	}


def return_of(node: Node) -> Payload:
	"""As `returns/*` say it, with how much came back: what a place it arrived at has said of it."""
	received, places = _received(node)
	rows = []
	for row in node["returnLineItems"]["nodes"]:
		sent = row.get("fulfillmentLineItem")
		came = min(received.get(sent["id"], 0), row["quantity"]) if sent else 0
		if sent:
			received[sent["id"]] = received.get(sent["id"], 0) - came
		definition = row.get("returnReasonDefinition") or {}
		rows.append(
			{
				**identity_of(row["id"]),
				"fulfillment_line_item": sent
				and {**identity_of(sent["id"]), "line_item": identity_of(sent["lineItem"]["id"])},
				"quantity": row["quantity"],
				"received_quantity": came,
				"return_reason": definition.get("handle"),
				"return_reason_name": definition.get("name"),
				"return_reason_note": row.get("returnReasonNote"),
				"customer_note": row.get("customerNote"),
			}
		)
	times = [node.get(name) for name in ("createdAt", "requestApprovedAt", "closedAt")]
	times += [
		each["createdAt"]
		for order in node["reverseFulfillmentOrders"]["nodes"]
		for line in order["lineItems"]["nodes"]
		for each in line["dispositions"]
	]
	return {
		**identity_of(node["id"]),
		"name": node.get("name"),
		"status": lower(node["status"]),
		"updated_at": max(filter(None, times), default=None),
		"decline": node.get("decline"),
		"location_id": places[0] if len(set(places)) == 1 else None,
		"return_line_items": rows,
	}


def _received(node: Node) -> tuple[dict[str, int], list[int]]:
	"""How much came back of each line of a fulfilment, and where. What is missing did not."""
	found: dict[str, int] = {}
	places: list[int] = []
	for order in node["reverseFulfillmentOrders"]["nodes"]:
		for line in order["lineItems"]["nodes"]:
			sent = line.get("fulfillmentLineItem")
			for each in line["dispositions"]:
				if sent and each["type"] != "MISSING":
					found[sent["id"]] = found.get(sent["id"], 0) + each["quantity"]
					places += [int(legacy_id(each["location"]["id"]))] if each.get("location") else []
	return found, places
