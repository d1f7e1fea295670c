"""What a custom storefront gets: the messages as models, and the way from the canonical model to them.

The examples in docs/custom-storefront-api.md and the JSON Schema (`mapper.schema`) describe these models.
Every message is absolute: the same one twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timezone
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, StringConstraints

from commerce_bridge.bridge import model
from commerce_bridge.bridge.clock import in_microseconds
from commerce_bridge.bridge.protocols import row_key

#: Twelve digits before the point and nine behind it: what ERPNext's decimal(21,9) columns hold.
DECIMAL_PATTERN = r"-?[0-9]{1,12}(\.[0-9]{1,9})?"
#: A day, or a time in UTC.
Day = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
#: Always six decimals, so that two of them compare as text.
Moment = Annotated[
	str, StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z$")
]
Plain = Annotated[str, StringConstraints(pattern=rf"^{DECIMAL_PATTERN}$")]


class Sent(BaseModel):
	model_config = ConfigDict(extra="forbid")


class SentLevel(Sent):
	"""What may be sold of a listing at a location: absolute, never a delta."""

	key: str
	sku: str
	product_id: str | None
	variant_id: str | None
	location_id: str | None
	quantity: Plain


class SentLevels(Sent):
	"""Every event that was answered with a `received_at` up to `as_of` is in the quantities; null: not known."""

	as_of: Moment | None
	levels: list[SentLevel]


class SentAmounts(Sent):
	"""`amount` null: there is no price, so the listing cannot be sold."""

	currency: str
	amount: Plain | None
	compare_at: Plain | None
	valid_from: Day | None
	valid_until: Day | None


class SentPrice(SentAmounts):
	key: str
	sku: str
	product_id: str | None
	variant_id: str | None


class SentPrices(Sent):
	prices: list[SentPrice]


class SentComponent(Sent):
	sku: str
	quantity: Plain


class SentListing(Sent):
	"""A listing as the shop is to show it; null where it is the shop's own to write."""

	key: str
	sku: str
	product_id: str | None
	variant_id: str | None
	published: bool
	reason: str | None
	title: str | None
	description: str | None
	images: list[str] | None
	brand: str | None
	item_group: str | None
	uom: str | None
	weight: Plain | None
	weight_uom: str | None
	barcodes: list[str]
	variant_of: str | None
	attributes: dict[str, str]
	components: list[SentComponent]
	condition: str | None
	grade: str | None
	grade_code: str | None
	serial_no: str | None
	warranty_months: int | None
	refurbishment_status: str | None
	custom: dict[str, Any]
	price: SentAmounts | None


class SentListings(Sent):
	listings: list[SentListing]


class SentShipmentLine(Sent):
	order_line_id: str | None
	sku: str
	quantity: Plain
	serials: list[str]


class SentShippedLine(SentShipmentLine):
	returned: Plain


class SentParcel(Sent):
	carrier: str | None
	tracking_number: str | None
	tracking_url: str | None
	delivered: bool


class SentShipment(Sent):
	id: str
	order_id: str
	order_number: str
	lines: list[SentShippedLine]
	carrier: str | None
	tracking_number: str | None
	tracking_url: str | None
	parcels: list[SentParcel]
	status: Literal["shipped", "in_transit", "delivered", "returned", "lost"]
	shipped_at: str | None
	delivered_at: str | None


class SentOrderChange(Sent):
	order_id: str
	order_number: str
	kind: Literal["cancelled", "edited"]
	lines: list[SentShipmentLine]


class SentOrderStatus(Sent):
	"""How far the order is. `delivered` and `billed` are percentages from 0 to 100."""

	order_id: str
	order_number: str
	document: str
	status: str
	delivered: Plain
	billed: Plain
	updated_at: str


class SentAddress(Sent):
	name: str | None
	company: str | None
	line1: str | None
	line2: str | None
	city: str | None
	region: str | None
	postal_code: str | None
	country_code: str | None
	phone: str | None
	email: str | None


class SentCustomer(Sent):
	id: str | None
	email: str | None
	phone: str | None
	first_name: str | None
	last_name: str | None
	company: str | None
	tax_id: str | None
	addresses: list[SentAddress]
	updated_at: str | None
	custom: dict[str, Any]


class SentInvoice(Sent):
	"""An invoice of an order, or with `is_return` a credit note. `open` is what is to be paid of it still."""

	id: str
	order_id: str
	order_number: str
	is_return: bool
	return_against: str | None
	total: Plain
	open: Plain
	currency: str
	issued_on: Day
	url: str | None


class SentRefundTax(Sent):
	code: str | None
	title: str
	rate: Plain | None
	amount: Plain


class SentRefundLine(Sent):
	order_line_id: str
	quantity: Plain
	amount: Plain
	taxes: list[SentRefundTax]


class SentPayment(Sent):
	"""A payment to which the money may go back."""

	id: str
	gateway: str
	reference: str | None
	amount: Plain
	currency: str


class SentRefundRequest(Sent):
	"""Money that the shop is to give back, once for each `id`."""

	id: str
	order_id: str
	order_number: str
	currency: str
	lines: list[SentRefundLine]
	shipping: Plain
	total: Plain
	reason: str | None
	payments: list[SentPayment]


class SentReturnLine(Sent):
	"""What came back of a line, and what was found of it. Units are lines of their own."""

	order_line_id: str
	quantity: Plain
	received: Plain | None
	reason: str | None
	condition: str | None
	serials: list[str]
	condition_found: str | None
	grade_found: str | None
	disposition: Literal["restock", "refurbish", "scrap"] | None


class SentReturn(Sent):
	"""How far ERPNext is with a return."""

	id: str
	document: str
	order_id: str
	order_number: str
	status: Literal["requested", "approved", "declined", "received", "closed", "cancelled"]
	lines: list[SentReturnLine]
	reason: str | None
	updated_at: str


class Nothing(Sent):
	pass


class StockUpdated(Sent):
	type: Literal["stock.updated"]
	timestamp: str
	data: SentLevels


class PriceUpdated(Sent):
	type: Literal["price.updated"]
	timestamp: str
	data: SentPrices


class ListingUpserted(Sent):
	type: Literal["listing.upserted"]
	timestamp: str
	data: SentListings


class ShipmentUpserted(Sent):
	type: Literal["shipment.upserted"]
	timestamp: str
	data: SentShipment


class ShipmentCancelled(Sent):
	type: Literal["shipment.cancelled"]
	timestamp: str
	data: SentShipment


class OrderChanged(Sent):
	type: Literal["order.changed"]
	timestamp: str
	data: SentOrderChange


class OrderStatusChanged(Sent):
	type: Literal["order.status_changed"]
	timestamp: str
	data: SentOrderStatus


class CustomerUpdated(Sent):
	type: Literal["customer.updated"]
	timestamp: str
	data: SentCustomer


class InvoiceUpserted(Sent):
	type: Literal["invoice.upserted"]
	timestamp: str
	data: SentInvoice


class InvoiceCancelled(Sent):
	type: Literal["invoice.cancelled"]
	timestamp: str
	data: SentInvoice


class RefundRequested(Sent):
	type: Literal["refund.requested"]
	timestamp: str
	data: SentRefundRequest


class ReturnTold(Sent):
	type: Literal["return.updated"]
	timestamp: str
	data: SentReturn


class Ping(Sent):
	type: Literal["ping"]
	timestamp: str
	data: Nothing


OUTGOING = (
	StockUpdated,
	PriceUpdated,
	ListingUpserted,
	ShipmentUpserted,
	ShipmentCancelled,
	OrderChanged,
	OrderStatusChanged,
	CustomerUpdated,
	InvoiceUpserted,
	InvoiceCancelled,
	RefundRequested,
	ReturnTold,
	Ping,
)


# --- from the canonical model to the wire ----------------------------------------------------------------


def stock_data(levels: Sequence[model.StockLevel]) -> dict[str, Any]:
	"""The data of `stock.updated`; `as_of` is that of the level read first."""
	moments = [level.as_of for level in levels]
	known = [moment for moment in moments if moment]
	return {
		"as_of": in_microseconds(min(known)) if known and len(known) == len(moments) else None,
		"levels": [
			{
				"key": row_key(level),
				"sku": level.sku,
				"product_id": level.product_id,
				"variant_id": level.variant_id,
				"location_id": level.location_id,
				"quantity": plain(level.quantity),
			}
			for level in levels
		],
	}


def price_data(prices: Iterable[model.Price]) -> dict[str, Any]:
	"""The data of `price.updated`."""
	return {"prices": [_named(price) | _amounts(price) for price in prices]}


def listing_data(listings: Iterable[model.Listing]) -> dict[str, Any]:
	"""The data of `listing.upserted`."""
	return {"listings": [_listing(listing) for listing in listings]}


def _listing(listing: model.Listing) -> dict[str, Any]:
	same = listing.model_dump(
		exclude={
			*("listing", "item_code", "template_product_id"),
			*("images", "barcodes", "weight", "components", "price"),
		}
	)
	return {
		**_named(listing),
		**same,
		"images": None if listing.images is None else list(listing.images),
		"barcodes": list(listing.barcodes),
		"weight": None if listing.weight is None else plain(listing.weight),
		"components": [{"sku": part.sku, "quantity": plain(part.quantity)} for part in listing.components],
		"price": _amounts(listing.price) if listing.price else None,
	}


def _named(row: model.Price | model.Listing) -> dict[str, Any]:
	return {
		"key": row.listing,
		"sku": row.sku,
		"product_id": row.product_id,
		"variant_id": row.variant_id,
	}


def _amounts(price: model.Price) -> dict[str, Any]:
	return {
		"currency": price.currency,
		"amount": None if price.amount is None else f"{price.amount:f}",
		"compare_at": None if price.compare_at is None else f"{price.compare_at:f}",
		"valid_from": _day(price.valid_from),
		"valid_until": _day(price.valid_until),
	}


def _day(day: date | None) -> str | None:
	return day.isoformat() if day else None


def shipment_data(shipment: model.Shipment) -> dict[str, Any]:
	"""The data of `shipment.upserted` and `shipment.cancelled`. The first parcel stands at the top as well."""
	parcels = [parcel.model_dump() for parcel in shipment.parcels]
	first = shipment.parcels[0] if shipment.parcels else model.Parcel()
	return {
		"id": shipment.id,
		"order_id": shipment.order_id,
		"order_number": shipment.order_number,
		"lines": [
			{**sent, "returned": plain(line.returned)}
			for sent, line in zip(_sent_lines(shipment.lines), shipment.lines, strict=True)
		],
		**first.model_dump(exclude={"delivered"}),
		"parcels": parcels,
		"status": shipment.status,
		"shipped_at": rfc3339(shipment.shipped_at) if shipment.shipped_at else None,
		"delivered_at": rfc3339(shipment.delivered_at) if shipment.delivered_at else None,
	}


def order_change_data(change: model.OrderChange) -> dict[str, Any]:
	"""The data of `order.changed`."""
	return {
		"order_id": change.order_id,
		"order_number": change.order_number,
		"kind": change.kind,
		"lines": _sent_lines(change.lines),
	}


def order_status_data(status: model.OrderStatus) -> dict[str, Any]:
	"""The data of `order.status_changed`."""
	return {
		**status.model_dump(),
		"delivered": plain(status.delivered),
		"billed": plain(status.billed),
		"updated_at": rfc3339(status.updated_at),
	}


def customer_data(customer: model.Customer) -> dict[str, Any]:
	"""The data of `customer.updated`; `id` is what the ERP calls the customer."""
	return {
		**customer.model_dump(),
		"addresses": [address.model_dump() for address in customer.addresses],
		"updated_at": rfc3339(customer.updated_at) if customer.updated_at else None,
	}


def invoice_data(invoice: model.InvoiceNotice) -> dict[str, Any]:
	"""The data of `invoice.upserted` and `invoice.cancelled`."""
	return {
		**invoice.model_dump(exclude={"cancelled"}),
		"total": plain(invoice.total),
		"open": plain(invoice.open),
		"issued_on": _day(invoice.issued_on),
	}


def refund_request_data(request: model.RefundRequest) -> dict[str, Any]:
	"""The data of `refund.requested`."""
	same = request.model_dump(include={"id", "order_id", "order_number", "currency", "reason"})
	return {
		**same,
		"lines": [_refund_line(line) for line in request.lines],
		"shipping": plain(request.shipping),
		"total": plain(request.total),
		"payments": [
			{
				**payment.model_dump(include={"id", "gateway", "reference", "currency"}),
				"amount": plain(payment.amount),
			}
			for payment in request.payments
		],
	}


def _refund_line(line: model.RefundLine) -> dict[str, Any]:
	return {
		"order_line_id": line.order_line_id,
		"quantity": plain(line.quantity),
		"amount": plain(line.amount),
		"taxes": [
			{**tax.model_dump(), "rate": _plain(tax.rate), "amount": plain(tax.amount)} for tax in line.taxes
		],
	}


def return_data(notice: model.ReturnNotice) -> dict[str, Any]:
	"""The data of `return.updated`, as we send it."""
	same = notice.model_dump(include={"id", "document", "order_id", "order_number", "status", "reason"})
	return {
		**same,
		"lines": [
			{
				**line.model_dump(),
				"quantity": plain(line.quantity),
				"received": _plain(line.received),
				"serials": list(line.serials),
			}
			for line in notice.lines
		],
		"updated_at": rfc3339(notice.updated_at),
	}


def _sent_lines(lines: Iterable[model.ShipmentLine]) -> list[dict[str, Any]]:
	return [
		{
			"order_line_id": line.order_line_id,
			"sku": line.sku,
			"quantity": plain(line.quantity),
			"serials": list(line.serials),
		}
		for line in lines
	]


def plain(number: Decimal) -> str:
	"""A number without exponent and needless zeros: "3", "2.5"."""
	text = format(number, "f")
	return text.rstrip("0").rstrip(".") if "." in text else text


def _plain(number: Decimal | None) -> str | None:
	return None if number is None else plain(number)


def rfc3339(time: datetime) -> str:
	"""A time in UTC with a Z, to the second or as precise as it is."""
	return time.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")
