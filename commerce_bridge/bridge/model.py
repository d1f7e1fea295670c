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
	kind: Literal["product", "custom", "gift_card"] = "product"  # "custom": no product of the shop's catalog
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


PaymentStatus = Literal["pending", "authorised", "captured", "voided", "failed"]


class Payment(Model):
	"""One transaction of a gateway: money that the buyer paid, or that went back with a `Refund`; positive.

	`captured` is the only status in which it moved. Of one payment the newest state counts; of one moment the one that
	is further on. The amount is in the order's currency; `charged` is what the gateway took, where that is another one.
	"""

	id: str  # the shop's name of it, unique in the channel
	order_id: str = ""  # empty inside of an order or refund, which says it
	gateway: str
	reference: str | None = None  # the gateway's own transaction id
	status: PaymentStatus
	amount: Decimal
	currency: str
	charged: Decimal | None = None
	charged_currency: str | None = None
	fee: Decimal | None = None
	fee_tax: Decimal | None = None
	paid_at: datetime | None = None
	version: int | None = None
	updated_at: datetime | None = None


class RefundLine(Model):
	"""What was given back for a line. `quantity` 0: a part of its price alone.

	`amount` is positive, after discounts, in the refund's tax mode. `restock`: the goods come (or stay) in stock.
	"""

	order_line_id: str
	quantity: Decimal
	amount: Decimal
	taxes: tuple[TaxLine, ...] = ()
	restock: bool = False
	location_id: str | None = None


class Refund(Model):
	"""What the shop took back of an order, and the money that went with it. All amounts are positive: what the buyer
	gets; an adjustment with a negative amount is kept back.

	total = Σ line.amount + Σ shipping + Σ adjustments, plus Σ taxes where prices are without tax. `payments` may come to
	less (nothing was paid, or it is owed), or be none: only goods or positions were taken back.
	"""

	id: str
	order_id: str = ""  # empty inside of an order, which says it
	created_at: datetime
	version: int | None = None
	updated_at: datetime | None = None
	currency: str
	prices_include_tax: bool = False
	lines: tuple[RefundLine, ...] = ()
	shipping: tuple[ShippingLine, ...] = ()
	adjustments: tuple[Fee, ...] = ()
	total: Decimal
	payments: tuple[Payment, ...] = ()
	return_id: str | None = None
	cancelled: bool = False  # the shop took the refund itself back


class Parcel(Model):
	"""One parcel of a shipment. `carrier` is the channel's spelling of it, from the carrier map."""

	carrier: str | None = None
	tracking_number: str | None = None
	tracking_url: str | None = None
	delivered: bool = False


ReturnStatus = Literal["requested", "approved", "declined", "received", "closed", "cancelled"]


class ReturnLine(Model):
	"""`received` is how much of `quantity` came back so far; None: the shop does not say."""

	order_line_id: str
	quantity: Decimal
	received: Decimal | None = None
	reason: str | None = None
	condition: str | None = None  # as the buyer declares it
	serials: tuple[str, ...] = ()


class Return(Model):
	"""A return (RMA) as it stands in the shop now: goods, no money."""

	id: str
	order_id: str = ""  # empty inside of an order, which says it
	number: str | None = None
	status: ReturnStatus
	lines: tuple[ReturnLine, ...]
	note: str | None = None
	location_id: str | None = None
	parcels: tuple[Parcel, ...] = ()
	version: int | None = None
	updated_at: datetime


class FulfilledLine(Model):
	order_line_id: str
	quantity: Decimal


class Fulfilment(Model):
	"""What the shop itself says was sent of an order, by us or by a person in the shop's own screens."""

	id: str
	order_id: str
	lines: tuple[FulfilledLine, ...]
	location_id: str | None = None
	parcels: tuple[Parcel, ...] = ()
	cancelled: bool = False
	updated_at: datetime
	fulfilled_at: datetime | None = None


class Order(Model):
	"""An order as it stands in the shop now: the whole of it, never a delta.

	total = Σ line.total + Σ shipping + Σ fees − Σ discounts, plus Σ taxes where prices are without tax.
	`test` orders are made to try the shop out. `fulfilments` are all there are, cancelled ones too; of payments, refunds
	and returns that are not named, nothing is said. `money_gone`: all that was paid was given back, or the payment was voided before anything was, with goods still on the order.
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
	refunds: tuple[Refund, ...] = ()
	returns: tuple[Return, ...] = ()
	refunds_complete: bool = False  # there are no others: a known one that is not named was taken back
	refunds_deducted: bool = False  # lines, charges and total are less by what `refunds` took back
	fulfilments: tuple[Fulfilment, ...] = ()
	test: bool = False
	money_gone: Literal["refunded", "voided"] | None = None
	refunded: Decimal = Decimal(0)  # given back so far, positive; `total` is not less by it
	renewal: bool = False  # placed by a subscription, not by a person
	total: Decimal
	delivery_date: date | None = None
	note: str | None = None
	custom: dict[str, Any] = {}


class OrderReference(Model):
	"""An order of which only the id is known: what is to be booked is asked of the storefront."""

	id: str
	updated_at: datetime | None = None  # a state as new as this is known already: nothing needs to be asked


class OrderCancellation(Model):
	id: str
	version: int | None = None
	updated_at: datetime
	reason: str | None = None


class ShipmentLine(Model):
	"""A position of a shipment or an order change. `returned` is how much of `quantity` came back since."""

	order_line_id: str | None
	sku: str
	quantity: Decimal
	serials: tuple[str, ...] = ()
	returned: Decimal = Decimal(0)


class Shipment(Model):
	"""A delivery of (a part of) an order; `cancelled` takes an earlier one back.

	Goods that come back change the shipment they left with: each line says how much of it was returned, and
	`status` is "returned" once all of it was. `parcels` are all of them; with one parcel, or where a platform knows one only, the first counts.
	"""

	id: str
	order_id: str
	order_number: str
	lines: tuple[ShipmentLine, ...]
	parcels: tuple[Parcel, ...] = ()
	status: Literal["shipped", "in_transit", "delivered", "returned", "lost"] = "shipped"
	shipped_at: datetime | None = None
	delivered_at: datetime | None = None
	cancelled: bool = False
	complete: bool = False  # with it, nothing of the order is left to be sent
	external_ids: tuple[str, ...] = ()  # what the storefront calls it, once it was told; one a location
	taken_ids: tuple[str, ...] = ()  # what the storefront calls the order's other shipments


class StockLevel(Model):
	"""What may be sold of one listing at one location when it was computed: absolute, never a delta."""

	listing: str
	item_code: str
	sku: str
	product_id: str | None = None
	variant_id: str | None = None
	location_id: str | None = None
	stock_id: str | None = None  # what the storefront calls the listing where it counts stock
	quantity: Decimal
	expected: Decimal | None = None  # what the storefront should show now: what it took last; None: not known
	as_of: datetime | None = None  # aware, UTC: every event stored by then is counted; set when it is sent


class Price(Model):
	"""What one listing costs from now on. `amount` is None where the ERP has no price: it cannot be sold.

	`valid_until` is the last day of this price; the next one is sent when it begins.
	"""

	listing: str
	item_code: str
	sku: str
	product_id: str | None = None
	variant_id: str | None = None
	currency: str
	amount: Decimal | None
	compare_at: Decimal | None = None  # what it cost before, or costs new; above `amount`, else None
	valid_from: date | None = None
	valid_until: date | None = None


class Component(Model):
	"""A part of a bundle, in the part's stock UOM."""

	sku: str
	quantity: Decimal


class Listing(Model):
	"""One listing as the storefront is to show it. A field is None where it is not ours to write.

	`published` False takes it off the shop without deleting it, `reason` says why in words for people.
	"""

	listing: str
	item_code: str
	sku: str
	product_id: str | None = None
	variant_id: str | None = None
	published: bool = True
	reason: str | None = None
	title: str | None = None
	description: str | None = None  # HTML, cleaned
	images: tuple[str, ...] | None = None  # public https addresses
	brand: str | None = None
	item_group: str | None = None
	uom: str | None = None
	weight: Decimal | None = None
	weight_uom: str | None = None
	barcodes: tuple[str, ...] = ()
	variant_of: str | None = None  # item code of the template
	template_product_id: str | None = None  # product of the template's other variants in this shop; not told
	attributes: dict[str, str] = {}
	components: tuple[Component, ...] = ()
	condition: str | None = None
	grade: str | None = None
	grade_code: str | None = None  # what the channel calls this condition and grade
	serial_no: str | None = None  # of a unit listing
	warranty_months: int | None = None
	refurbishment_status: str | None = None
	custom: dict[str, Any] = {}
	price: Price | None = None


class ShownLevel(Model):
	"""What the storefront shows of one product at one location now, read from it."""

	sku: str | None = None
	product_id: str | None = None
	variant_id: str | None = None
	location_id: str | None = None
	stock_id: str | None = None
	quantity: Decimal


class ShownProduct(Model):
	"""A product, or one variant of it, as the storefront has it now."""

	sku: str | None = None
	product_id: str | None = None
	variant_id: str | None = None
	barcode: str | None = None
	title: str | None = None


class ProductVariant(Model):
	"""What can be bought of a product. `options` are its values, e.g. {"Size": "M"}; without options it is the
	product itself. Prices are in the product's currency, `weight` in `weight_uom` as ERPNext spells units."""

	id: str
	sku: str | None = None
	barcode: str | None = None
	title: str | None = None
	options: dict[str, str] = {}
	price: Decimal | None = None
	compare_at: Decimal | None = None
	weight: Decimal | None = None
	weight_uom: str | None = None
	image: str | None = None
	stock_id: str | None = None
	tracked: bool = True
	sku_shared: bool = False  # the shop says that another variant has the same SKU
	is_product: bool = False  # the product itself, on platforms where one without variants has no variant id

	@property
	def listed_id(self) -> str | None:
		"""The variant id of its listing."""
		return None if self.is_product else self.id


class Product(Model):
	"""A product of the shop with all its variants, as it stands there now."""

	id: str
	title: str
	description: str | None = None  # HTML as the shop has it: not cleaned
	brand: str | None = None
	product_type: str | None = None
	published: bool = True
	images: tuple[str, ...] = ()
	currency: str | None = None
	option_names: tuple[str, ...] = ()
	variants: tuple[ProductVariant, ...] = ()
	updated_at: datetime | None = None
	gift_card: bool = False  # no goods: what is sold is money to spend later
	left_out: str | None = None  # why no Item is made of it, in words
	partial: bool = False  # some of the variants: of those that are missing nothing is said


class ProductDeletion(Model):
	id: str


class Redaction(Model):
	"""The shop asks that a person's data be erased: of these orders, and of the buyer. `everything`: of the shop."""

	customer_id: str | None = None
	email: str | None = None
	phone: str | None = None
	order_ids: tuple[str, ...] = ()
	everything: bool = False


class DataRequest(Model):
	"""A person asks the shop what is known of them: of these orders, and of the buyer."""

	customer_id: str | None = None
	email: str | None = None
	phone: str | None = None
	order_ids: tuple[str, ...] = ()


class Uninstalled(Model):
	"""The shop took our access back: nothing can be sent to it, or read from it, until it is connected again."""


class OrderStatus(Model):
	"""How far ERPNext is with an order. Percentages from 0 to 100."""

	order_id: str
	order_number: str
	document: str
	status: str
	delivered: Decimal
	billed: Decimal
	updated_at: datetime


class OrderChange(Model):
	"""A cancellation or edit a person made in ERPNext, told to the storefront."""

	order_id: str
	order_number: str
	kind: Literal["cancelled", "edited"]
	lines: tuple[ShipmentLine, ...] = ()


class RefundRequest(Model):
	"""A credit note a person made in ERPNext, whose money the shop is to give back. Amounts are positive.

	`id` is the credit note's name: the shop is asked once for each. `payments` are the order's captured ones, to which
	the money may go back. Goods are not put in stock by the shop: ERPNext counts them.
	"""

	id: str
	order_id: str
	order_number: str
	currency: str
	lines: tuple[RefundLine, ...] = ()
	shipping: Decimal = Decimal(0)  # with its taxes
	total: Decimal
	reason: str | None = None
	payments: tuple[Payment, ...] = ()


class InvoiceNotice(Model):
	"""A submitted Sales Invoice or credit note of an order. `url` is where its PDF is, for those who have the link."""

	id: str
	order_id: str
	order_number: str
	is_return: bool = False
	return_against: str | None = None
	total: Decimal
	open: Decimal
	currency: str
	issued_on: date
	url: str | None = None
	cancelled: bool = False


class InspectedLine(ReturnLine):
	"""What came back of a line, and what an inspection found of it. Units are lines of their own."""

	condition_found: str | None = None
	grade_found: str | None = None
	disposition: Literal["restock", "refurbish", "scrap"] | None = None


class ReturnNotice(Model):
	"""How far ERPNext is with a return: what was decided, came back, and became of it, by line."""

	id: str  # the shop's, or our document's name where it began here
	document: str
	order_id: str
	order_number: str
	status: ReturnStatus
	lines: tuple[InspectedLine, ...] = ()
	reason: str | None = None  # why it was declined or cancelled, for the buyer
	updated_at: datetime


class InvoiceDue(Model):
	"""Ours: something happened that an order's invoice, or a refund that waits for one, may have waited for.

	:param delivery_note: that was submitted, and `invoice` that was
	:param closed: a person closed the order: nothing more of it is delivered
	:param on: the day it happened, of the site
	"""

	order_id: str
	delivery_note: str | None = None
	invoice: str | None = None
	closed: bool | None = None
	on: date | None = None


class BalanceRow(Model):
	"""One movement of a payout. Signed: what the gateway took for itself, or back, is negative in `net`.

	net = gross − fee − fee_tax. `reference` is the gateway's id of the payment or refund it is of.
	"""

	id: str
	kind: Literal["payment", "refund", "dispute", "fee", "adjustment", "reserve"]
	gross: Decimal
	fee: Decimal = Decimal(0)
	fee_tax: Decimal = Decimal(0)
	net: Decimal
	currency: str
	reference: str | None = None
	order_number: str | None = None
	moved_at: datetime | None = None
	note: str | None = None


class Payout(Model):
	"""What a gateway sent to the bank, and of what it is made. net = Σ rows.net, or it is not taken."""

	id: str
	gateway: str
	currency: str
	net: Decimal
	paid_on: date
	reference: str | None = None  # what the bank statement calls it (trace id, UTR)
	rows: tuple[BalanceRow, ...]


EventData = (
	Order
	| OrderReference
	| OrderCancellation
	| Payment
	| Refund
	| Return
	| Fulfilment
	| Customer
	| Product
	| ProductDeletion
	| ShownLevel
	| Redaction
	| DataRequest
	| Uninstalled
	| InvoiceDue
)


class Event(Model):
	"""What a payload means. `data` is None for a type that is announced but not supported yet.

	`incomplete`: something of it has to be asked of the storefront before it can be booked. `reason`: why there is
	nothing to book after all, where the storefront was asked.
	"""

	type: str
	data: EventData | None = None
	incomplete: bool = False
	reason: str | None = None
