"""The ways a shop is told where goods are, of which it has one (`facts.py`): what all of them share, and the two
plugins. Core fulfilments are in `fulfilments.py`, notes in `notes.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from commerce_bridge.bridge.channel import Channel
from commerce_bridge.bridge.errors import Retryable
from commerce_bridge.bridge.model import Parcel, Shipment
from commerce_bridge.connectors.woocommerce.carriers import plain
from commerce_bridge.connectors.woocommerce.client import NoRoute, NotFound, WooCommerceClient


@dataclass(frozen=True, slots=True)
class ShopOrder:
	"""An order as the shop has it now."""

	id: str
	number: str
	status: str
	lines: Mapping[str, int]  # line item → quantity ordered


class Way(Protocol):
	"""How a shop is told of shipments. Both methods read what is there before they write, so that a repetition
	changes nothing; both return what the shop calls the shipment now."""

	def tell(self, order: ShopOrder, shipment: Shipment) -> tuple[str, ...]: ...

	def withdraw(self, order: ShopOrder, shipment: Shipment) -> tuple[str, ...]: ...


def parcels_of(shipment: Shipment) -> list[Parcel]:
	"""The parcels that say anything a buyer can follow, each once."""
	told = [parcel for parcel in shipment.parcels if parcel.tracking_number or parcel.tracking_url]
	kept: dict[tuple[str | None, str | None], Parcel] = {}
	for parcel in told:
		kept.setdefault((parcel.tracking_number, parcel.tracking_url), parcel)
	return list(kept.values())


def rows_of(body: Any, what: str, key: str = "") -> list[dict[str, Any]]:
	"""The rows of a list that the shop answered. Raises `Retryable` where it answered something else."""
	rows = body.get(key) if key and isinstance(body, dict) else body
	if not isinstance(rows, list):
		raise Retryable(f"The shop's {what} cannot be read: the answer is no list")
	return [row for row in rows if isinstance(row, dict)]


# --- Shipment Tracking and Advanced Shipment Tracking --------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Item:
	"""A parcel as a plugin shows it."""

	id: str
	number: str
	provider: str
	link: str


@dataclass(frozen=True, slots=True)
class TrackingPlugin:
	"""The plugins "Shipment Tracking" and "Advanced Shipment Tracking": a list of parcels, without lines.

	An item cannot be changed, and knows nothing of ours but its number: after a lost answer it is found by that. What
	replaces an item is made first, then the old one is deleted: a buyer who looks in between sees both, never none.
	`replace_tracking` of the second plugin is not used: it removes the items of the order's other shipments too.
	https://woocommerce.com/document/shipment-tracking/shipment-tracking-rest-api-create-tracking-item/
	https://docs.zorem.com/docs/ast-free/add-tracking-to-orders/shipment-tracking-api/

	:param advanced: which of the two
	"""

	client: WooCommerceClient
	channel: Channel
	advanced: bool

	def tell(self, order: ShopOrder, shipment: Shipment) -> tuple[str, ...]:
		"""Parcels without a number cannot be told this way."""
		items = self._items(order)
		own = own_of(items, shipment)
		left, ids = list(own), []
		for parcel in _numbered(shipment):
			shown = next((item for item in left if self._shows(item, parcel)), None)
			if shown is not None:
				left.remove(shown)
			ids.append(shown.id if shown else self._create(order, shipment, parcel))
		for item in left:
			if item.id in shipment.external_ids:  # any other with the same number may be a person's
				self._delete(order, item)
		return tuple(ids)

	def withdraw(self, order: ShopOrder, shipment: Shipment) -> tuple[str, ...]:
		own = own_of(self._items(order), shipment)
		for item in own:
			self._delete(order, item)
		return tuple(item.id for item in own)

	def _items(self, order: ShopOrder) -> list[Item]:
		return [
			Item(
				str(row.get("tracking_id") or ""),
				_text(row.get("tracking_number")),
				_text(row.get("tracking_provider")),
				_text(row.get("tracking_link")),
			)
			for row in rows_of(self.client.get(self._path(order)), "shipment trackings")
		]

	def _path(self, order: ShopOrder) -> str:
		namespace = "wc-ast" if self.advanced else "wc-shipment-tracking"
		return f"/{namespace}/v3/orders/{order.id}/shipment-trackings"

	def _shows(self, item: Item, parcel: Parcel) -> bool:
		"""Whether a buyer sees the parcel as it is. The second plugin calls carriers by names of its own settings, and
		makes links itself."""
		if item.number != _text(parcel.tracking_number):
			return False
		ours, theirs = plain(parcel.carrier or ""), plain(item.provider)
		if ours and theirs and ours not in theirs and theirs not in ours:
			return False
		return self.advanced or not parcel.tracking_url or item.link == parcel.tracking_url.strip()

	def _create(self, order: ShopOrder, shipment: Shipment, parcel: Parcel) -> str:
		body = {
			"tracking_number": _text(parcel.tracking_number),
			"date_shipped": _day(self.channel, shipment.shipped_at or self.client.now()),
			**(self._named(parcel) if self.advanced else self._spelled(order, parcel)),
		}
		made = self.client.post(self._path(order), body)
		if not isinstance(made, dict) or not made.get("tracking_id"):
			raise Retryable("The shop did not say what it calls the shipment tracking")
		return str(made["tracking_id"])

	def _named(self, parcel: Parcel) -> dict[str, Any]:
		"""The status of the order is ours to set, by the channel's policy: 0 leaves it."""
		name = parcel.carrier or _host(parcel)
		return {
			"tracking_provider": name,
			"custom_tracking_link": parcel.tracking_url or "",
			"status_shipped": 0,
		}

	def _spelled(self, order: ShopOrder, parcel: Parcel) -> dict[str, Any]:
		"""A carrier the plugin knows gets its link from there; any other, and one with a link of ours, is custom."""
		name = parcel.carrier or _host(parcel)
		if parcel.tracking_url:
			return {"custom_tracking_provider": name, "custom_tracking_link": parcel.tracking_url.strip()}
		known = next((each for each in self._providers(order) if plain(each) == plain(name)), None)
		return {"tracking_provider": known} if known else {"custom_tracking_provider": name}

	def _providers(self, order: ShopOrder) -> list[str]:
		"""The carriers that the plugin knows, by country; before 1.6.20 it told them below an order only."""
		try:
			countries = self.client.get("/wc-shipment-tracking/v3/shipment-trackings/providers")
		except (NoRoute, NotFound):
			try:
				countries = self.client.get(f"{self._path(order)}/providers")
			except (NoRoute, NotFound):
				return []
		by_country = countries.values() if isinstance(countries, dict) else []
		return [str(name) for providers in by_country if isinstance(providers, dict) for name in providers]

	def _delete(self, order: ShopOrder, item: Item) -> None:
		try:
			self.client.delete(f"{self._path(order)}/{item.id}")
		except NotFound:
			return  # somebody was faster


def own_of(items: Sequence[Item], shipment: Shipment) -> list[Item]:
	"""The shipment's items that are there: those it is known by, then, of an attempt whose answer was lost, those
	with its numbers that no other shipment is known by."""
	numbers = {_text(parcel.tracking_number) for parcel in _numbered(shipment)}
	known = [item for item in items if item.id in shipment.external_ids]
	taken = {*shipment.external_ids, *shipment.taken_ids}
	return [*known, *(item for item in items if item.number in numbers and item.id not in taken)]


def _numbered(shipment: Shipment) -> list[Parcel]:
	return [parcel for parcel in parcels_of(shipment) if _text(parcel.tracking_number)]


def _day(channel: Channel, moment: datetime) -> str:
	return moment.astimezone(ZoneInfo(channel.time_zone)).date().isoformat()


def _host(parcel: Parcel) -> str:
	"""Who carries it, where nothing but the link says so: the plugins drop a link that has no carrier."""
	return (urlsplit(parcel.tracking_url or "").hostname or "").removeprefix("www.")


def _text(value: Any) -> str:
	"""As the plugins keep it: on one line."""
	return " ".join(str(value or "").split())
