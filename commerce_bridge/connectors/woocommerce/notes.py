"""Shipments as notes of an order: for a shop that has nothing else. A note for customers is mailed to the buyer.

A note's first line names its shipment, by which a repetition finds it. A note cannot be changed: another takes its
place, and the old one is deleted, so that nobody follows a number that is none any more.
https://woocommerce.github.io/woocommerce-rest-api-docs/#order-notes
"""

from __future__ import annotations

from dataclasses import dataclass

from commerce_bridge.bridge.channel import Channel
from commerce_bridge.bridge.errors import Retryable
from commerce_bridge.bridge.model import Shipment
from commerce_bridge.connectors.woocommerce.client import NotFound, WooCommerceClient
from commerce_bridge.connectors.woocommerce.tracking import ShopOrder, parcels_of, rows_of

#: Before a note's id, where the shop's shipments are named.
PREFIX = "note:"


@dataclass(frozen=True, slots=True)
class Note:
	id: str
	text: str


@dataclass(frozen=True, slots=True)
class Notes:
	"""See `tracking.Way`."""

	client: WooCommerceClient
	channel: Channel

	def tell(self, order: ShopOrder, shipment: Shipment) -> tuple[str, ...]:
		return self._put(order, shipment, self._own(order, shipment), text_of(shipment))

	def withdraw(self, order: ShopOrder, shipment: Shipment) -> tuple[str, ...]:
		"""Says so in a note in place of the other; nothing where none was written."""
		own = self._own(order, shipment)
		return self._put(order, shipment, own, f"{_title(shipment)}\nCancelled") if own else ()

	def _own(self, order: ShopOrder, shipment: Shipment) -> list[Note]:
		rows = rows_of(self.client.get(f"orders/{order.id}/notes"), "notes of an order")
		notes = [Note(str(row.get("id")), str(row.get("note") or "")) for row in rows]
		return [note for note in notes if note.text.strip().partition("\n")[0].strip() == _title(shipment)]

	def _put(self, order: ShopOrder, shipment: Shipment, own: list[Note], text: str) -> tuple[str, ...]:
		kept = next((note.id for note in own if _same(note.text, text)), None)
		number = kept or self._write(order, shipment, text)
		for note in own:
			if note.id != number:
				self._delete(order, note)
		return (f"{PREFIX}{number}",)

	def _write(self, order: ShopOrder, shipment: Shipment, text: str) -> str:
		body = {"note": text, "customer_note": notifies(self.channel, shipment)}
		made = self.client.post(f"orders/{order.id}/notes", body)
		if not isinstance(made, dict) or not made.get("id"):
			raise Retryable("The shop did not say what it calls the note")
		return str(made["id"])

	def _delete(self, order: ShopOrder, note: Note) -> None:
		try:
			self.client.delete(f"orders/{order.id}/notes/{note.id}", force=True)
		except NotFound:
			return  # somebody was faster


def notifies(channel: Channel, shipment: Shipment) -> bool:
	"""Whether the buyer is written to: by the channel's policy, and never of goods that are back, or lost, by now."""
	return channel.notify_customer and shipment.status not in ("returned", "lost")


def text_of(shipment: Shipment) -> str:
	"""What was sent, and a line for each parcel with what there is to follow it by."""
	lines = [
		f"{line.quantity.normalize():f} × {_clean(line.sku)}" for line in shipment.lines if line.quantity
	]
	parcels = [
		" ".join(
			_clean(part) for part in (parcel.carrier, parcel.tracking_number, parcel.tracking_url) if part
		)
		for parcel in parcels_of(shipment)
	]
	return "\n".join([_title(shipment), ", ".join(lines), *parcels]).strip()


def _title(shipment: Shipment) -> str:
	return f"Shipment {_clean(shipment.id)}"


def _clean(text: str) -> str:
	"""What WordPress keeps as it is: no tags, no backslashes, one line."""
	return " ".join(text.replace("<", "(").replace(">", ")").replace("\\", "/").split())


def _same(theirs: str, ours: str) -> bool:
	return theirs.split() == ours.split()
