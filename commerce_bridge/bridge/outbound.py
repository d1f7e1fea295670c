"""What changed in ERPNext goes to the storefront: computed when it is sent, sent outside any transaction.

Listings go out by `feeds`; here are the documents, one entry each, and the way to every handler.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from pydantic import BaseModel

from commerce_bridge.bridge.channel import Channel
from commerce_bridge.bridge.circuit import call
from commerce_bridge.bridge.drift import CHECK, push_check
from commerce_bridge.bridge.errors import Rejected, Retryable
from commerce_bridge.bridge.feeds import FEEDS, lane_of, push_feed
from commerce_bridge.bridge.fulfilments import SHIPMENT, save_told
from commerce_bridge.bridge.model import RefundRequest, ReturnNotice, Shipment
from commerce_bridge.bridge.product_import import IMPORT, import_page
from commerce_bridge.bridge.protocols import Connector, Entry, NewEntry, Outcome, PushResult
from commerce_bridge.bridge.requested_refunds import REQUESTED, save_asked
from commerce_bridge.bridge.returns import CHANGED as RETURN
from commerce_bridge.bridge.returns import DOCTYPE as RETURN_AUTHORISATION
from commerce_bridge.bridge.returns import save_told as save_told_return
from commerce_bridge.bridge.webhooks import FOLLOW, follow
from commerce_bridge.bridge.world import World

ORDER_CHANGE = "order.changed"
ORDER_STATUS = "order.status"
CUSTOMER = "customer.changed"
INVOICE = "invoice.changed"
#: Of a shipment, what does not make it news: what the storefront calls it is known only once it was told, and
#: whether it is the last of its order may be another document's doing, which is told itself.
NOT_TOLD = {"external_ids", "taken_ids", "complete"}
#: A lane is busy although nothing runs in it: a worker outlived its lease. Rare, so the wait is long.
BUSY = timedelta(seconds=5)


# --- into the journal ------------------------------------------------------------------------------------


def document_entry(channel: str, topic: str, doctype: str, name: str, state: str) -> NewEntry:
	"""An entry that tells the storefront of a document; what is told is read when it is sent.

	:param state: what tells one telling from the next (docstatus, tracking): the same is told once
	"""
	key = "\0".join((channel, topic, doctype, name, state))
	return NewEntry(
		channel=channel,
		direction="Outbound",
		topic=topic,
		dedupe_key=hashlib.sha256(key.encode()).hexdigest(),
		payload=json.dumps({"doctype": doctype, "name": name}),
		reference_doctype=doctype,
		reference_name=name,
		lane=f"{topic}:{name}",
	)


def shipment_entry(
	channel: str, doctype: str, name: str, shipment: Shipment, last: tuple[str, str | None] | None
) -> NewEntry | None:
	"""An entry that tells the channel of a shipment; None where its last entry told just this.

	:param shipment: as it stands now. What is compared is what the storefront would see, not when it was saved
	:param last: name and payload of the latest entry of this document and order in the channel
	"""
	told = hashlib.sha256(shipment.model_dump_json(exclude=NOT_TOLD).encode()).hexdigest()
	if last and last[1] and json.loads(last[1]).get("told") == told:
		return None
	# What was told before is part of the key: a tracking number put back to what it was is told again.
	state = "\0".join((shipment.order_id, told, last[0] if last else ""))
	return replace(
		document_entry(channel, SHIPMENT, doctype, name, state),
		payload=json.dumps({"doctype": doctype, "name": name, "told": told}),
		external_id=shipment.order_id,
		external_number=shipment.order_number,
		lane=shipment_lane(channel, shipment.order_id),
	)


def shipment_lane(channel: str, order_id: str) -> str:
	"""Shipments of one order go one after the other: what of it is left to be sent is looked up first."""
	order = "\0".join((channel, order_id))
	return f"{SHIPMENT}:{hashlib.sha256(order.encode()).hexdigest()}"


def told_entry(
	channel: str, topic: str, doctype: str, name: str, told: BaseModel, last: tuple[str, str | None] | None
) -> NewEntry | None:
	"""An entry that tells the channel of a document as it stands now; None where its last entry told just this.

	:param last: name and payload of the latest entry of this document and topic in the channel
	"""
	fingerprint = hashlib.sha256(told.model_dump_json(exclude={"updated_at"}).encode()).hexdigest()
	if last and last[1] and json.loads(last[1]).get("told") == fingerprint:
		return None
	# What was told before is part of the key: a state that comes back is told again.
	entry = document_entry(channel, topic, doctype, name, f"{fingerprint}\0{last[0] if last else ''}")
	return replace(entry, payload=json.dumps({"doctype": doctype, "name": name, "told": fingerprint}))


def invoice_entry(channel: str, name: str, order: tuple[str, str], submitted: bool) -> NewEntry:
	"""An entry that tells the channel that a Sales Invoice or credit note was submitted, or cancelled.

	:param order: id and number of the order of the channel it is of
	"""
	order_id, number = order
	state = "submitted" if submitted else "cancelled"
	entry = document_entry(channel, INVOICE, "Sales Invoice", name, f"{order_id}\0{state}")
	return replace(entry, external_id=order_id, external_number=number)


def refund_entry(channel: str, name: str, order: tuple[str, str]) -> NewEntry:
	"""An entry that asks the shop to give back the money of a credit note. Those of one order go one after the other:
	what was given back already is known by then."""
	order_id, number = order
	entry = document_entry(channel, REQUESTED, "Sales Invoice", name, "submitted")
	lane = hashlib.sha256("\0".join((channel, order_id)).encode()).hexdigest()
	return replace(entry, external_id=order_id, external_number=number, lane=f"{REQUESTED}:{lane}")


def return_entry(channel: str, notice: ReturnNotice, last: tuple[str, str | None] | None) -> NewEntry | None:
	"""An entry that tells the channel how far a return is; None where its last entry told just this.

	:param last: name and payload of the latest entry of this return in the channel
	"""
	entry = told_entry(channel, RETURN, RETURN_AUTHORISATION, notice.document, notice, last)
	return entry and replace(entry, external_id=notice.order_id, external_number=notice.order_number)


# --- out of the journal ----------------------------------------------------------------------------------


def push(world: World, channel: Channel, connector: Connector, entry: Entry) -> None:
	"""Sends one outbound entry and writes its state. Errors as in `inbound.process`.

	An entry of a lane that another worker still works on, and an entry of a channel whose circuit is open,
	goes back untried.
	"""
	feed = _FEED_OF.get(entry.topic)
	lane = lane_of(feed, channel.name) if feed else _lane_of_document(entry)
	with world.erp.exclusive(f"push:{lane}") as mine:
		if not mine:
			return world.journal.postpone(entry, world.now() + BUSY)
		if feed:
			return push_feed(world, channel, connector, entry, feed)
		if entry.topic == CHECK:
			return push_check(world, channel, connector, entry)
		if entry.topic == IMPORT:
			return import_page(world, channel, connector, entry)
		if entry.topic == FOLLOW:
			return follow(world, channel, connector, entry)
		_push_document(world, channel, connector, entry)


def _lane_of_document(entry: Entry) -> str:
	if entry.topic == SHIPMENT and entry.external_id:
		return shipment_lane(entry.channel, entry.external_id)
	if entry.topic == REQUESTED and entry.external_id:
		return f"{entry.channel}:{REQUESTED}:{entry.external_id}"
	return f"{entry.channel}:{entry.topic}:{entry.reference_name}"


_FEED_OF = {topic: feed for feed in FEEDS.values() for topic in (feed.changed, feed.resync)}
#: How the document of an entry is read: its DocType and name.
Read = Callable[[World, Entry, str, str], Any]
#: Topic → how the document is read, and how it is told.
_DOCUMENTS: dict[str, tuple[Read, Callable[[Connector, Any], PushResult]]] = {
	SHIPMENT: (
		lambda world, entry, doctype, name: world.erp.get_shipment(
			doctype, name, entry.channel, entry.external_id
		),
		lambda connector, shipment: connector.push_shipment(shipment),
	),
	ORDER_CHANGE: (
		lambda world, entry, doctype, name: world.erp.get_order_change(name),
		lambda connector, change: connector.push_order_change(change),
	),
	ORDER_STATUS: (
		lambda world, entry, doctype, name: world.erp.get_order_status(name, entry.channel),
		lambda connector, status: connector.push_order_status(status),
	),
	CUSTOMER: (
		lambda world, entry, doctype, name: world.erp.get_customer(name),
		lambda connector, customer: connector.push_customer(customer),
	),
	INVOICE: (
		lambda world, entry, doctype, name: world.erp.get_invoice_notice(
			name, entry.channel, entry.external_id
		),
		lambda connector, invoice: connector.push_invoice(invoice),
	),
	REQUESTED: (
		lambda world, entry, doctype, name: world.erp.get_refund_request(name, entry.channel),
		lambda connector, request: connector.push_refund(request),
	),
	RETURN: (
		lambda world, entry, doctype, name: world.erp.get_return_notice(name, entry.channel),
		lambda connector, notice: connector.push_return(notice),
	),
}


def _push_document(world: World, channel: Channel, connector: Connector, entry: Entry) -> None:
	doctype, name = json.loads(entry.payload)["doctype"], json.loads(entry.payload)["name"]
	read, tell = _DOCUMENTS[entry.topic]
	with world.erp.transaction():
		document = read(world, entry, doctype, name)
	if document is None:
		return _finish(
			world, entry, Outcome("Skipped", f"{doctype} {name} is nothing to tell this channel of any more")
		)
	if channel.dry_run:
		return _finish(
			world, entry, Outcome("Skipped", "Dry run: not sent", summary=document.model_dump_json())
		)
	result = call(world, channel, entry, lambda: tell(connector, document))
	if result is None:
		return
	if result.error:
		raise Retryable(result.error) if result.retry else Rejected(result.error)
	with world.erp.transaction():
		_save_told(world, entry, (doctype, name), document, result)
		outcome = Outcome("Succeeded", "The storefront took it", summary=document.model_dump_json())
		world.journal.finish(entry, outcome, world.now())


def _save_told(
	world: World, entry: Entry, told: tuple[str, str], document: BaseModel, result: PushResult
) -> None:
	"""Keeps what the storefront calls what it was told of; part of the transaction that ends the entry."""
	if isinstance(document, Shipment):
		save_told(world.erp, entry, told, document, result)
	elif isinstance(document, RefundRequest):
		save_asked(world.erp, entry, told[1], document, result)
	elif isinstance(document, ReturnNotice):
		save_told_return(world.erp, entry, told[1], document, result)


def _finish(world: World, entry: Entry, outcome: Outcome) -> None:
	with world.erp.transaction():
		world.journal.finish(entry, outcome, world.now())
