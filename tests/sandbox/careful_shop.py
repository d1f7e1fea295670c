"""A shop with screens of its own: it says what was sent, and takes a level only where it shows the expected one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from commerce_bridge.bridge.model import Event, FulfilledLine, Fulfilment, Order, Shipment, StockLevel
from commerce_bridge.bridge.protocols import Connector, PushResult


@dataclass
class Screens:
	"""What was sent of each order, and what the shop shows where somebody changed it by hand."""

	sent: dict[str, list[Fulfilment]] = field(default_factory=dict)
	shown: dict[str, Decimal] = field(default_factory=dict)

	def send(self, order_id: str, at: datetime, **quantities: int) -> str:
		"""Somebody, or the connector, fulfils lines of an order; what the shop calls it."""
		return self._add(order_id, at, {line: Decimal(quantity) for line, quantity in quantities.items()})

	def void(self, order_id: str) -> None:
		"""Somebody cancels all that was sent of an order."""
		self.sent[order_id] = [each.model_copy(update={"cancelled": True}) for each in self.sent[order_id]]

	def _add(self, order_id: str, at: datetime, quantities: dict[str, Decimal]) -> str:
		fulfilments = self.sent.setdefault(order_id, [])
		lines = tuple(FulfilledLine(order_line_id=line, quantity=each) for line, each in quantities.items())
		name = f"F-{order_id}-{len(fulfilments) + 1}"
		fulfilments.append(Fulfilment(id=name, order_id=order_id, lines=lines, updated_at=at))
		return name

	def fulfil(self, shipment: Shipment, at: datetime) -> tuple[str, ...]:
		"""As a platform without idempotency keys makes a connector do it: what is there already is not made again."""
		if shipment.cancelled:
			known = self.sent.get(shipment.order_id, [])
			self.sent[shipment.order_id] = [
				each.model_copy(update={"cancelled": each.cancelled or each.id in shipment.external_ids})
				for each in known
			]
			return shipment.external_ids
		if shipment.external_ids:
			return shipment.external_ids
		wanted = {line.order_line_id or "": line.quantity for line in shipment.lines}
		for each in self.sent.get(shipment.order_id, ()):
			lines = {line.order_line_id: line.quantity for line in each.lines}
			if not each.cancelled and each.id not in shipment.taken_ids and lines == wanted:
				return (each.id,)
		return (self._add(shipment.order_id, at, wanted),)


class CarefulConnector:
	"""The custom connector, of a shop with such screens."""

	def __init__(self, connector: Connector, screens: Screens, at: datetime):
		self._connector, self._screens, self._at = connector, screens, at

	def __getattr__(self, name: str) -> Any:
		return getattr(self._connector, name)

	def parse(self, topic: str, payload: str) -> Event:
		"""With what the shop says was sent until now. When an order was placed does not change with it."""
		event = self._connector.parse(topic, payload)
		if not isinstance(event.data, Order):
			return event
		sent = tuple(self._screens.sent.get(event.data.id, ()))
		order = event.data.model_copy(update={"fulfilments": sent, "placed_at": self._at})
		return event.model_copy(update={"data": order})

	def push_shipment(self, shipment: Shipment) -> PushResult:
		result = self._connector.push_shipment(shipment)
		if result.error:
			return result
		return PushResult(result.key, external_ids=self._screens.fulfil(shipment, self._at))

	def push_stock(self, levels: Sequence[StockLevel]) -> list[PushResult]:
		results: dict[str, PushResult] = {}
		fits = []
		ids = {level.listing: None if level.stock_id else f"S-{level.sku}" for level in levels}
		for level in levels:
			shown = self._screens.shown.get(level.sku)
			if level.expected is None or shown is None or level.expected == shown:
				fits.append(level)
			else:
				text = f"{level.sku} shows {shown}, not {level.expected}"
				results[level.listing] = PushResult(
					level.listing, text, retry=True, stale=True, stock_id=ids[level.listing]
				)
		for level, result in zip(fits, self._connector.push_stock(fits) if fits else (), strict=True):
			self._screens.shown.pop(level.sku, None)
			results[level.listing] = PushResult(
				result.key, result.error, result.retry, stock_id=ids[level.listing]
			)
		return [results[level.listing] for level in levels]
