"""What an entry is about in numbers and codes, beside the message that people read: for reports, and what they repair.

It names no person. Kept as JSON with the entry; a later attempt that ends writes it anew.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from pydantic import BaseModel, ConfigDict


class _Model(BaseModel):
	model_config = ConfigDict(frozen=True, extra="ignore")


class OrderTotals(_Model):
	"""The shop's total of an order that is not booked as it stands there.

	`document_total`: what the Sales Order would come to, where the two differ. `difference`: what the shop's total is
	above that, where a Manager may accept it.
	"""

	number: str
	total: Decimal
	currency: str
	placed_on: date  # in the site's time zone
	document_total: Decimal | None = None
	difference: Decimal | None = None


class Unmapped(_Model):
	"""A product of the shop that no Item is found for, as a line of an order or an import names it."""

	sku: str | None = None
	barcode: str | None = None
	product_id: str | None = None
	variant_id: str | None = None
	name: str | None = None
	why: str | None = None  # an import left it


class Details(_Model):
	"""`walk`: the import whose products `unmapped` are."""

	order: OrderTotals | None = None
	unmapped: tuple[Unmapped, ...] = ()
	walk: str | None = None

	def as_text(self) -> str:
		return self.model_dump_json(exclude_defaults=True)
