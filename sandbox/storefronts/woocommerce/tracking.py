"""Goods sent, in the three ways shops keep it: fulfilments of WooCommerce itself, and two plugins' tracking rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
	from sandbox.storefronts.woocommerce.state import State

KEPT = "%Y-%m-%d %H:%M:%S"


@dataclass(eq=False)
class Fulfilment:
	id: int
	order_id: int
	fulfilled: bool
	status: str
	updated: datetime
	meta: list[dict[str, Any]] = field(default_factory=list)
	deleted: datetime | None = None

	@property
	def items(self) -> list[dict[str, Any]]:
		return next((row["value"] for row in self.meta if row["key"] == "_items"), [])

	def value(self, key: str) -> Any:
		return next((row["value"] for row in self.meta if row["key"] == key), None)


def local(moment: datetime | None, zone: ZoneInfo) -> str | None:
	"""A date as the tables of WordPress have it: in the shop's time."""
	return moment.astimezone(zone).strftime(KEPT) if moment else None


def shown_fulfilment(shop: State, sent: Fulfilment) -> dict[str, Any]:
	return {
		"id": sent.id,
		"is_fulfilled": sent.fulfilled,
		"status": sent.status,
		"entity_type": "WC_Order",
		"entity_id": str(sent.order_id),
		"date_updated": local(sent.updated, shop.zone),
		"fulfillment_id": sent.id,
		"meta_data": sent.meta,
	}


@dataclass(eq=False)
class Tracking:
	"""A row of the plugin Shipment Tracking, or of Advanced Shipment Tracking."""

	id: str
	number: str
	provider: str
	link: str
	shipped: str  # 2026-11-21
	products: str = ""  # of the second plugin: ids and quantities
	items: list[dict[str, Any]] = field(default_factory=list)
