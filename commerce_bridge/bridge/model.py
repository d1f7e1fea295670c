"""The canonical model: what every platform's payload is mapped to, and nothing of any platform.

Money is `Decimal` in the currency of the object that carries it, never float. Times are aware, in UTC.
External ids are `str`. Names are optional wherever a storefront may withhold them.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict


class Model(BaseModel):
	model_config = ConfigDict(frozen=True, extra="forbid")


class TaxLine(Model):
	"""One tax of a line. `rate` is a percentage; `amount` is what the shop charged for the whole line."""

	title: str
	code: str | None = None
	rate: Decimal | None = None
	amount: Decimal


class Discount(Model):
	"""A discount on the whole order, as a positive amount, that no line carries."""

	code: str | None = None
	title: str | None = None
	amount: Decimal


class Address(Model):
	name: str | None = None
	company: str | None = None
	line1: str | None = None
	line2: str | None = None
	city: str | None = None
	region: str | None = None  # name or ISO 3166-2 part, as the shop gave it
	postal_code: str | None = None
	country_code: str | None = None  # ISO 3166 alpha-2
	phone: str | None = None
	email: str | None = None


class Customer(Model):
	"""A buyer. Without an `id` a guest."""

	id: str | None = None
	email: str | None = None
	phone: str | None = None
	first_name: str | None = None
	last_name: str | None = None
	company: str | None = None
	tax_id: str | None = None
	addresses: tuple[Address, ...] = ()
	updated_at: datetime | None = None  # of a customer event; older ones are skipped
	custom: dict[str, Any] = {}


class OrderLine(Model):
	"""One sold position.

	`unit_price` is the list price, with tax if the order's prices include it. `discount` is what was taken
	off the whole line (positive). `total` = quantity × unit_price − discount, in the same tax mode.
	"""

	id: str
	product_id: str | None = None
	variant_id: str | None = None
	sku: str | None = None
	barcode: str | None = None
	name: str | None = None
	quantity: Decimal
	uom: str | None = None
	unit_price: Decimal
	discount: Decimal = Decimal(0)
	total: Decimal
	taxes: tuple[TaxLine, ...] = ()
	location_id: str | None = None
	serials: tuple[str, ...] = ()
	grade: str | None = None
	custom: dict[str, Any] = {}


class ShippingLine(Model):
	code: str | None = None
	title: str | None = None
	amount: Decimal  # after discounts, in the order's tax mode
	taxes: tuple[TaxLine, ...] = ()


class Fee(Model):
	"""A surcharge, or with a negative amount a reduction, that is neither a product nor shipping."""

	code: str | None = None
	title: str | None = None
	amount: Decimal
	taxes: tuple[TaxLine, ...] = ()


class Payment(Model):
	id: str
	gateway: str
	status: str
	amount: Decimal
	currency: str
	fee: Decimal | None = None
	fee_tax: Decimal | None = None
	paid_at: datetime | None = None


class Order(Model):
	"""An order as it stands in the shop now: the whole of it, never a delta.

	total = Σ line.total + Σ shipping + Σ fees − Σ discounts, plus Σ taxes where prices are without tax.
	"""

	id: str
	number: str
	version: int | None = None
	updated_at: datetime
	placed_at: datetime | None = None
	status: str = ""
	cancelled: bool = False
	currency: str
	prices_include_tax: bool = False
	customer: Customer | None = None
	billing_address: Address | None = None
	shipping_address: Address | None = None
	lines: tuple[OrderLine, ...]
	shipping: tuple[ShippingLine, ...] = ()
	fees: tuple[Fee, ...] = ()
	discounts: tuple[Discount, ...] = ()
	payments: tuple[Payment, ...] = ()
	total: Decimal
	delivery_date: date | None = None
	note: str | None = None
	custom: dict[str, Any] = {}


class OrderCancellation(Model):
	id: str
	version: int | None = None
	updated_at: datetime
	reason: str | None = None


class ShipmentLine(Model):
	order_line_id: str | None
	sku: str
	quantity: Decimal
	serials: tuple[str, ...] = ()


class Shipment(Model):
	"""A delivery of (a part of) an order; `cancelled` takes an earlier one back."""

	id: str
	order_id: str
	order_number: str
	lines: tuple[ShipmentLine, ...]
	carrier: str | None = None
	tracking_number: str | None = None
	tracking_url: str | None = None
	shipped_at: datetime | None = None
	cancelled: bool = False


class StockLevel(Model):
	"""What may be sold of one listing at one location when it was computed: absolute, never a delta."""

	listing: str
	item_code: str
	sku: str
	product_id: str | None = None
	variant_id: str | None = None
	location_id: str | None = None
	quantity: Decimal


class OrderChange(Model):
	"""A cancellation or edit a person made in ERPNext, told to the storefront."""

	order_id: str
	order_number: str
	kind: Literal["cancelled", "edited"]
	lines: tuple[ShipmentLine, ...] = ()


EventData = Order | OrderCancellation | Customer


class Event(Model):
	"""What a payload means. `data` is None for a type that is announced but not supported yet."""

	type: str
	data: EventData | None = None
