"""Steps of a return, told to the shop: what of them Shopify can be told, and does not know yet.

Shopify says how a return stands; from there to where ERPNext is with it, the steps that are missing are made. What
is done already is not done again, so that a repetition does nothing.
https://shopify.dev/docs/apps/build/orders-fulfillment/returns-apps

Goods that came back are never restocked by it (`NOT_RESTOCKED`): ERPNext counts them, and sends the levels. No money
is moved: refunds are a matter of their own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from commerce_bridge.bridge.channel import Channel
from commerce_bridge.bridge.errors import Rejected
from commerce_bridge.bridge.model import ReturnNotice
from commerce_bridge.bridge.protocols import PushResult
from commerce_bridge.connectors.shopify.client import ShopifyClient, UserError, user_errors
from commerce_bridge.connectors.shopify.documents import returns as documents
from commerce_bridge.connectors.shopify.ids import gid, legacy_id, number_of
from commerce_bridge.connectors.shopify.orders import whole_return

_MARK = "ERPNext"
_LONGEST_NOTE = 255
_LONGEST_REASON = 500
#: Where ERPNext is → what Shopify calls that, and what comes after it.
_REACHED = {
	"approved": ("OPEN", "CLOSED"),
	"received": ("CLOSED",),
	"closed": ("CLOSED",),
	"declined": ("DECLINED", "CANCELED"),
	"cancelled": ("CANCELED", "DECLINED"),
}
Node = Mapping[str, Any]


def push(client: ShopifyClient, channel: Channel, notice: ReturnNotice) -> PushResult:
	"""Brings the shop's return to where ERPNext is; one that began in ERPNext is made in the shop once it is approved.

	:raises Rejected: Shopify cannot be brought there; says what to do in it
	"""
	return_id = notice.id if number_of(notice.id) else _found_or_made(client, notice)
	if return_id is None:
		return PushResult(notice.id)
	node = client.run(documents.STANDING, {"id": gid("Return", return_id)})["return"]
	if node is None:
		raise Rejected(f"The shop has no return {return_id}: it was deleted, or the app may not see it")
	_follow(client, channel, whole_return(client, node), notice)
	return PushResult(notice.id, external_ids=(return_id,))


def _follow(client: ShopifyClient, channel: Channel, node: Node, notice: ReturnNotice) -> None:
	if notice.status == "requested" or node["status"] in _REACHED.get(notice.status, ()):
		return
	if notice.status == "declined" and node["status"] == "REQUESTED":
		_decline(client, channel, node, notice)
	elif notice.status in ("declined", "cancelled"):
		_take(client, documents.CANCEL, {"id": node["id"]}, "returnCancel", node)
	elif node["status"] in ("REQUESTED", "OPEN"):
		_go_on(client, channel, node, notice)
	else:
		raise Rejected(
			f"Return {node['name']} is {node['status'].lower()} in Shopify, and {notice.status} in ERPNext"
			f" ({notice.document}): Shopify cannot go back from there. Settle it in one of the two by hand, then skip this"
			" entry"
		)


def _decline(client: ShopifyClient, channel: Channel, node: Node, notice: ReturnNotice) -> None:
	given = {
		"id": node["id"],
		"declineReason": "OTHER",
		"declineNote": (notice.reason or "")[:_LONGEST_REASON] or None,
		"notifyCustomer": channel.notify_customer,
	}
	_take(client, documents.DECLINE, {"input": given}, "returnDeclineRequest", node)


def _go_on(client: ShopifyClient, channel: Channel, node: Node, notice: ReturnNotice) -> None:
	"""Approves, receives and closes, as far as it has come."""
	if node["status"] == "REQUESTED":
		given = {"id": node["id"], "notifyCustomer": channel.notify_customer}
		_take(client, documents.APPROVE, {"input": given}, "returnApproveRequest", node)
		node = whole_return(client, client.run(documents.STANDING, {"id": node["id"]})["return"])
	if notice.status in ("received", "closed"):
		_receive(client, node, notice)
	if notice.status == "closed":
		_take(client, documents.CLOSE, {"id": node["id"]}, "returnClose", node)


# --- goods that came back ------------------------------------------------------------------------------------


def _receive(client: ShopifyClient, node: Node, notice: ReturnNotice) -> None:
	"""Says of what came back that it did, and is not in the shop's stock."""
	came = {line.order_line_id.partition(":")[0]: 0 for line in notice.lines}
	for line in notice.lines:
		number = line.order_line_id.partition(":")[0]
		came[number] += int(line.quantity if line.received is None else line.received)
	reverse = {
		line["fulfillmentLineItem"]["id"]: line
		for order in node["reverseFulfillmentOrders"]["nodes"]
		for line in order["lineItems"]["nodes"]
		if line["fulfillmentLineItem"]
	}
	processed, disposed = [], []
	for row in node["returnLineItems"]["nodes"]:
		sent = row.get("fulfillmentLineItem")
		line = reverse.get(sent["id"]) if sent else None
		if sent is None or line is None:
			continue
		number = legacy_id(sent["lineItem"]["id"])
		known = sum(each["quantity"] for each in line["dispositions"])
		total = min(came.get(number, 0), row["quantity"])
		came[number] = came.get(number, 0) - total
		missing = total - known
		if missing <= 0:
			continue
		disposition = {
			"reverseFulfillmentOrderLineItemId": line["id"],
			"quantity": missing,
			"dispositionType": "NOT_RESTOCKED",
		}
		if row["processableQuantity"] >= missing:
			processed.append({"id": row["id"], "quantity": missing, "dispositions": [disposition]})
		else:
			disposed.append(disposition)
	if processed:
		given = {"returnId": node["id"], "returnLineItems": processed, "notifyCustomer": False}
		_take(client, documents.PROCESS, {"input": given}, "returnProcess", node)
	if disposed:
		_take(client, documents.DISPOSE, {"rows": disposed}, "reverseFulfillmentOrderDispose", node)


# --- one that began in ERPNext -------------------------------------------------------------------------------


def _found_or_made(client: ShopifyClient, notice: ReturnNotice) -> str | None:
	"""The shop's return of a document of ours; None where it is not agreed to, or never was."""
	data = client.run(documents.RETURNABLE, {"id": gid("Order", notice.order_id)})
	if data["order"] is None:
		raise Rejected(f"The shop has no order {notice.order_id}: it was deleted, or the app may not see it")
	mark = f"{_MARK} {notice.document}"
	for node in data["order"]["returns"]["nodes"]:
		notes = [line["returnReasonNote"] or "" for line in node["returnLineItems"]["nodes"]]
		if any(note == mark or note.startswith(f"{mark}:") for note in notes):
			return legacy_id(node["id"])
	if notice.status not in ("approved", "received", "closed"):
		return None
	given = {"orderId": data["order"]["id"], "returnLineItems": _returned_lines(data, notice, mark)}
	payload = client.run(documents.CREATE, {"input": given})["returnCreate"]
	_refuse(user_errors(payload), f"the return {notice.document} of order {notice.order_number}")
	return legacy_id(payload["return"]["id"])


def _returned_lines(data: Node, notice: ReturnNotice, mark: str) -> list[dict[str, Any]]:
	sent = [
		(
			line["fulfillmentLineItem"]["id"],
			legacy_id(line["fulfillmentLineItem"]["lineItem"]["id"]),
			line["quantity"],
		)
		for node in data["returnableFulfillments"]["nodes"]
		for line in node["returnableFulfillmentLineItems"]["nodes"]
	]
	rows: dict[str, dict[str, Any]] = {}
	for line in notice.lines:
		left = int(line.quantity)
		note = f"{mark}: {line.reason}" if line.reason else mark
		for sent_id, number, there in sent:
			part = min(left, there - rows.get(sent_id, {}).get("quantity", 0))
			if number == line.order_line_id.partition(":")[0] and part > 0:
				row = rows.setdefault(
					sent_id,
					{
						"fulfillmentLineItemId": sent_id,
						"quantity": 0,
						"returnReasonNote": note[:_LONGEST_NOTE],
					},
				)
				row["quantity"] += part
				left -= part
		if left:
			raise Rejected(
				f"{notice.document} takes back {left} more of a line of order {notice.order_number} than Shopify says was"
				" sent and not returned: make the return there by hand, then skip this entry"
			)
	return list(rows.values())


# --- what Shopify says of it ---------------------------------------------------------------------------------


def _take(client: ShopifyClient, document: str, variables: Mapping[str, Any], field: str, node: Node) -> None:
	_refuse(user_errors(client.run(document, variables)[field]), f"return {node['name']}")


def _refuse(errors: Sequence[UserError], what: str) -> None:
	if errors:
		told = "; ".join(map(str, errors))
		raise Rejected(
			f"Shopify does not take this step of {what}: {told}. Do it there by hand, then skip this entry"
		)
