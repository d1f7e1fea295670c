"""Shipments as fulfilments of an order: a feature of WooCommerce itself, where it is switched on.

A fulfilment holds the shipment's id in its meta data, by which a repetition finds it. One that a person made in the
shop of exactly the same goods is taken over, not made again. Of a line no more is sent than was ordered, whoever
sends it: the shop marks virtual goods as sent by itself.

A fulfilment has room for one parcel: of several the numbers are joined, the first one's link counts, and the others
are listed in meta data that the shop's staff sees. What the shop does not check, it keeps: `PUT` drops meta data that
is not named, quantities may be anything, and deleting what is deleted mails the buyer again.
https://developer.woocommerce.com/docs/apis/rest-api/v3/order-fulfillments/
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from commerce_bridge.bridge.channel import Channel
from commerce_bridge.bridge.errors import Rejected, Retryable
from commerce_bridge.bridge.model import Parcel, Shipment
from commerce_bridge.connectors.woocommerce.carriers import OTHER, Provider, provider_of
from commerce_bridge.connectors.woocommerce.client import NoRoute, NotFound, Refused, WooCommerceClient
from commerce_bridge.connectors.woocommerce.notes import notifies
from commerce_bridge.connectors.woocommerce.tracking import ShopOrder, parcels_of, rows_of

#: Meta data: whose shipment it is. With an underscore in front it is nobody's to see.
REFERENCE = "_commerce_bridge_shipment"
_ITEMS, _NUMBER, _URL = "_items", "_tracking_number", "_tracking_url"
_PROVIDER, _PROVIDER_NAME, _OPTION = "_shipment_provider", "_provider_name", "_shipping_option"
#: What of it a buyer is mailed.
_SEEN = (_NUMBER, _URL, _PROVIDER, _PROVIDER_NAME)
#: Rows of ours for the shop's staff.
_FURTHER = re.compile(r"Parcel [0-9]+")
_FULFILLED = "fulfilled"


@dataclass(frozen=True, slots=True)
class Sent:
	"""A fulfilment. One that is not `fulfilled` is a draft."""

	id: str
	fulfilled: bool
	lines: Counter[str]
	meta: tuple[Mapping[str, Any], ...]

	def value(self, key: str) -> Any:
		return next((row.get("value") for row in self.meta if row.get("key") == key), None)


@dataclass(frozen=True, slots=True)
class Fulfilments:
	"""See `tracking.Way`."""

	client: WooCommerceClient
	channel: Channel

	def tell(self, order: ShopOrder, shipment: Shipment) -> tuple[str, ...]:
		"""
		:raises Rejected: the goods have a tracking number, but the shop has all of them sent already
		"""
		sent = self._sent(order)
		wanted = wanted_of(shipment)
		own = own_of(sent, shipment, wanted)
		if own is not None:
			self._change(order, shipment, own)
			return (own.id,)
		lines = left_of(order, wanted, sent)
		if not lines:
			return self._nothing_left(order, shipment, wanted)
		return (self._create(order, shipment, lines),)

	def withdraw(self, order: ShopOrder, shipment: Shipment) -> tuple[str, ...]:
		"""Deletes what is there of it. Only what is known to be ours: of goods a person sent nothing is taken back."""
		own = [
			each
			for each in self._sent(order)
			if each.id in shipment.external_ids or each.value(REFERENCE) == shipment.id
		]
		for each in own:
			self.client.delete(
				f"{_path(order)}/{each.id}",
				notify_customer=notifies(self.channel, shipment) and each.fulfilled,
			)
		return tuple(each.id for each in own)

	def _sent(self, order: ShopOrder) -> list[Sent]:
		return [_read(row) for row in rows_of(self.client.get(_path(order)), "fulfilments", "fulfillments")]

	def _nothing_left(
		self, order: ShopOrder, shipment: Shipment, wanted: Mapping[str, int]
	) -> tuple[str, ...]:
		if wanted and parcels_of(shipment):
			raise Rejected(
				f"Order {order.number}: WooCommerce has all of these goods fulfilled already, by hand or by another"
				" shipment. Enter the tracking number there and skip this entry, or delete the fulfilment there and"
				" retry"
			)
		return ()

	def _create(self, order: ShopOrder, shipment: Shipment, lines: Mapping[str, int]) -> str:
		items = [{"item_id": int(line), "qty": quantity} for line, quantity in lines.items()]
		meta = {_ITEMS: items, **self._tracking(order, shipment, None)}
		body = {
			"status": _FULFILLED,
			"meta_data": [{"id": 0, "key": key, "value": value} for key, value in meta.items()],
			"notify_customer": notifies(self.channel, shipment),
		}
		with _refusals(order):
			made = self.client.post(_path(order), body)
		made = made.get("fulfillment", made) if isinstance(made, dict) else {}
		if not made.get("id"):
			raise Retryable("The shop did not say what it calls the fulfilment")
		return str(made["id"])

	def _change(self, order: ShopOrder, shipment: Shipment, own: Sent) -> None:
		"""What goods are in it stays: a shipment's goods do not change, a person's entry is theirs. The buyer is told
		of what a buyer sees."""
		meta = self._tracking(order, shipment, own)
		ours = {row["key"]: row.get("value") for row in own.meta if _is_ours(row)}
		if own.fulfilled and ours == meta:
			return
		ids = {row["key"]: row.get("id") or 0 for row in own.meta if _is_ours(row)}
		kept = [dict(row) for row in own.meta if not _is_ours(row)]
		rows = [{"id": ids.get(key, 0), "key": key, "value": value} for key, value in meta.items()]
		seen = not own.fulfilled or any(meta[key] != (ours.get(key) or "") for key in _SEEN)
		body = {
			"status": _FULFILLED,
			"meta_data": [*kept, *rows],
			"notify_customer": seen and notifies(self.channel, shipment),
		}
		with _refusals(order):
			self.client.put(f"{_path(order)}/{own.id}", body)

	def _tracking(self, order: ShopOrder, shipment: Shipment, own: Sent | None) -> dict[str, str]:
		"""All rows of ours, as they are to be."""
		parcels = parcels_of(shipment)
		provider = _provider(parcels, shipment)
		numbers = ", ".join(dict.fromkeys(_text(p.tracking_number) for p in parcels if p.tracking_number))
		url = next((_text(parcel.tracking_url) for parcel in parcels if parcel.tracking_url), "")
		if not url and own and (own.value(_NUMBER), own.value(_PROVIDER)) == (numbers, provider.key):
			url = str(own.value(_URL) or "")  # the shop's own, or a person's
		elif not url and len(parcels) == 1:
			url = self._link(order, numbers, provider.key)
		return {
			_OPTION: "manual-entry" if parcels else "no-info",
			_NUMBER: numbers,
			_URL: url,
			_PROVIDER: provider.key,
			_PROVIDER_NAME: provider.name,
			REFERENCE: shipment.id,
			**_further(parcels),
		}

	def _link(self, order: ShopOrder, number: str, provider: str) -> str:
		"""Where the shop would follow this number of this carrier; "" where it does not know, or would guess."""
		if not provider or provider == OTHER:
			return ""
		try:
			found = self.client.get(f"{_path(order)}/lookup", tracking_number=number)
		except (NoRoute, Refused):
			return ""
		details = found.get("tracking_number_details") if isinstance(found, dict) else None
		if not isinstance(details, dict):
			return ""
		if details.get("shipping_provider") == provider:
			return str(details.get("tracking_url") or "")
		others = details.get("possibilities")
		other = others.get(provider) if isinstance(others, dict) else None
		return str(other.get("url") or "") if isinstance(other, dict) else ""


def wanted_of(shipment: Shipment) -> dict[str, int]:
	"""The order lines that a shipment sends, each once. What came back was sent all the same.

	:raises Rejected: a quantity is not a whole number, a line is none of WooCommerce's
	"""
	wanted: Counter[str] = Counter()
	for line in shipment.lines:
		if not line.order_line_id or not line.quantity:
			continue
		if not re.fullmatch(r"[0-9]{1,19}", line.order_line_id):
			raise Rejected(f"{line.sku}: {line.order_line_id[:40]!r} is no line of a WooCommerce order")
		if line.quantity != int(line.quantity) or line.quantity < 0:
			raise Rejected(f"{line.sku}: WooCommerce sends whole units, not {line.quantity.normalize():f}")
		wanted[line.order_line_id] += int(line.quantity)
	return dict(wanted)


def own_of(sent: Sequence[Sent], shipment: Shipment, wanted: Mapping[str, int]) -> Sent | None:
	"""The fulfilment that is the shipment's: known as such, or marked so by an attempt whose answer was lost, or a
	person's of exactly its goods."""

	def how_sure(each: Sent) -> int:
		reference = each.value(REFERENCE)
		if reference == shipment.id:
			return 3
		if each.id in shipment.external_ids:
			return 2
		free = not reference and each.id not in shipment.taken_ids
		return 1 if free and wanted and each.lines == Counter(wanted) else 0

	best = max(sent, key=how_sure, default=None)
	return best if best is not None and how_sure(best) else None


def left_of(order: ShopOrder, wanted: Mapping[str, int], sent: Iterable[Sent]) -> dict[str, int]:
	"""What of the wanted goods is not sent yet. A person's draft has sent nothing.

	:raises Rejected: the order has no such line any more
	"""
	gone: Counter[str] = Counter()
	for each in sent:
		if each.fulfilled:
			gone.update(each.lines)
	for line in wanted:
		if line not in order.lines:
			raise Rejected(
				f"Order {order.number} has no line {line} any more: it was edited in WooCommerce. Send what is left"
				" there by hand, then skip this entry"
			)
	left = {line: min(quantity, order.lines[line] - gone[line]) for line, quantity in wanted.items()}
	return {line: quantity for line, quantity in left.items() if quantity > 0}


@contextmanager
def _refusals(order: ShopOrder) -> Iterator[None]:
	"""WooCommerce refuses fulfilments without a code."""
	try:
		yield
	except NotFound:
		raise
	except Refused as error:
		raise Rejected(
			f"WooCommerce refuses a fulfilment of order {order.number} ({error.code or error.status}): look at the"
			" order's fulfilments there, enter it by hand and skip this entry, or retry"
		) from None


def _path(order: ShopOrder) -> str:
	return f"orders/{order.id}/fulfillments"


def _read(row: Mapping[str, Any]) -> Sent:
	meta = tuple(each for each in row.get("meta_data") or () if isinstance(each, dict) and each.get("key"))
	lines: Counter[str] = Counter()
	items = next((each.get("value") for each in meta if each["key"] == _ITEMS), None)
	for item in items if isinstance(items, list) else []:
		quantity = item.get("qty") if isinstance(item, dict) else None
		if isinstance(quantity, (int, Decimal)):
			lines[str(item.get("item_id"))] += int(quantity)
	return Sent(str(row.get("id") or row.get("fulfillment_id")), bool(row.get("is_fulfilled")), +lines, meta)


def _is_ours(row: Mapping[str, Any]) -> bool:
	key = row["key"]
	return key in (_OPTION, _NUMBER, _URL, _PROVIDER, _PROVIDER_NAME, REFERENCE) or bool(
		_FURTHER.fullmatch(key)
	)


def _provider(parcels: Sequence[Parcel], shipment: Shipment) -> Provider:
	"""Of several carriers, or of none that is told anything else of, what names all of them."""
	names = dict.fromkeys(_text(parcel.carrier) for parcel in parcels or shipment.parcels if parcel.carrier)
	if len(names) > 1:
		return Provider(OTHER, ", ".join(names))
	return provider_of(next(iter(names), None))


def _further(parcels: Sequence[Parcel]) -> dict[str, str]:
	return {
		f"Parcel {number}": " ".join(
			_text(part) for part in (parcel.carrier, parcel.tracking_number, parcel.tracking_url) if part
		)
		for number, parcel in enumerate(parcels[1:], 2)
	}


def _text(value: str | None) -> str:
	return " ".join((value or "").split())
