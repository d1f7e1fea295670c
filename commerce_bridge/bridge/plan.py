"""An order's document as the engine wants it made: whole, computed, and free of any ERP's classes.

Field names are ERPNext's, so that a reader finds `rate` or `charge_type` under the same name in every room.
Amounts are in the order's currency, already quantised to its minor unit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, Literal

ChargeType = Literal["On Net Total", "Actual"]
Afterwards = Literal["Nothing", "Reserve Stock", "Create Pick List"]
#: What stands for a shop's order: a Sales Order, or a Sales Invoice instead of one.
OrderDocument = Literal["Sales Order", "Sales Invoice"]


@dataclass(frozen=True, slots=True)
class Rounding:
	"""How the site rounds.

	`amounts` and `quantities` are its currency and float precision; None: two decimals, or those of the
	currency if it has more. `row_wise_tax` is the Accounts Setting "Round Tax Amount Row-wise".
	"""

	amounts: int | None = None
	quantities: int = 3
	row_wise_tax: bool = False


@dataclass(frozen=True, slots=True)
class ItemKey:
	"""How a line names its item; tried in this order: listing (product and variant id), SKU, barcode."""

	product_id: str | None = None
	variant_id: str | None = None
	sku: str | None = None
	barcode: str | None = None
	kind: str = "product"  # of the line: two lines that name nothing may still be different things


@dataclass(frozen=True, slots=True)
class Item:
	"""An item of the ERP found for an `ItemKey`."""

	item_code: str
	item_name: str = ""
	stock_uom: str = "Nos"
	is_bundle: bool = False
	listing: str | None = None
	uom: str | None = None  # the listing's, else the stock UOM
	grade: str | None = None  # the listing's


@dataclass(frozen=True, slots=True)
class ItemRow:
	"""One row of the items table. `line_id` is the shop's; None for shipping, fees and rounding."""

	item_code: str
	qty: Decimal
	rate: Decimal
	price_list_rate: Decimal
	discount_percentage: Decimal = Decimal(0)
	line_id: str | None = None
	item_name: str | None = None
	uom: str | None = None
	warehouse: str | None = None
	grade: str | None = None
	serial_no: str | None = None
	listing: str | None = None
	values: dict[str, Any] = field(default_factory=dict)  # from the field map


@dataclass(frozen=True, slots=True)
class TaxRow:
	"""One row of the taxes table: "On Net Total" has a `rate` in percent, "Actual" a `tax_amount`."""

	charge_type: ChargeType
	account_head: str
	description: str
	rate: Decimal = Decimal(0)
	tax_amount: Decimal = Decimal(0)
	included_in_print_rate: bool = False
	cost_center: str | None = None
	is_tax: bool = True  # False: shipping, what a discount takes off it, rounding; not in `total_taxes`


@dataclass(frozen=True, slots=True)
class Amounts:
	"""The arithmetic part of a Sales Order, made by `totals.plan_amounts`."""

	items: tuple[ItemRow, ...]
	taxes: tuple[TaxRow, ...]
	discount_amount: Decimal
	apply_discount_on: Literal["Net Total", "Grand Total"]
	grand_total: Decimal  # what the shop says, to be met
	total_taxes: Decimal  # Σ of the shop's taxes (charges booked on accounts not included)


@dataclass(frozen=True, slots=True)
class SalesOrderPlan:
	"""The document of an order.

	:param document: "Sales Invoice": there is no Sales Order. `submit` and `naming_series` are then those of the invoice
	:param update_stock: of a Sales Invoice: the goods leave with it
	"""

	channel: str
	company: str
	external_id: str
	external_number: str
	customer: str
	contact: str | None
	billing_address: str | None
	shipping_address: str | None
	currency: str
	conversion_rate: Decimal
	price_list: str
	transaction_date: date
	delivery_date: date
	naming_series: str | None
	cost_center: str | None
	amounts: Amounts
	submit: bool
	afterwards: Afterwards
	own_numbering: bool
	note: str | None = None
	values: dict[str, Any] = field(default_factory=dict)  # header fields from the field map
	document: OrderDocument = "Sales Order"
	update_stock: bool = False


@dataclass(frozen=True, slots=True)
class Booked:
	"""What the ERP made of a plan."""

	name: str
	grand_total: Decimal
	total_taxes: Decimal
	submitted: bool


@dataclass(frozen=True, slots=True)
class Parties:
	"""Who a Sales Order is for: names of a Customer, a Contact and two Addresses."""

	customer: str
	contact: str | None = None
	billing_address: str | None = None
	shipping_address: str | None = None


@dataclass(frozen=True, slots=True)
class SalesOrderState:
	"""What stands on a Sales Order now; decides whether it can follow an update.

	:param doctype: "Sales Invoice" where that stands for the order. Once submitted it is `billed` by itself, and `delivered`
		by itself where it updates stock; `drafts` are those of its Delivery Notes and credit notes
	"""

	name: str
	status: Literal["Draft", "Submitted", "Cancelled"]
	parties: Parties
	delivered: tuple[str, ...] = ()  # submitted Delivery Notes
	billed: tuple[str, ...] = ()  # submitted Sales Invoices
	drafts: tuple[str, ...] = ()  # draft Delivery Notes, Invoices, Pick Lists: a cancellation orphans them
	doctype: OrderDocument = "Sales Order"


@dataclass(frozen=True, slots=True)
class PaymentPlan:
	"""A Payment Entry: "Receive" of what a buyer paid, "Pay" of what went back. Amounts are in the order's currency.

	The ERP allocates it: a receipt to the order's open invoices, oldest first, then to the order as an advance; a refund
	to the order's open credit notes. What is left stays on the customer's account.

	:param amount: gross; fee and its tax are deducted from what reaches `account`
	:param reference: what the gateway calls it, else the shop
	:param charged: amount and currency the gateway took, where they differ from the order's
	"""

	channel: str
	company: str
	customer: str
	sales_order: str
	payment_type: Literal["Receive", "Pay"]
	amount: Decimal
	currency: str
	conversion_rate: Decimal
	mode_of_payment: str
	account: str
	reference: str
	posting_date: date
	fee: Decimal = Decimal(0)
	fee_account: str | None = None
	fee_tax: Decimal = Decimal(0)
	fee_tax_account: str | None = None
	charged: tuple[Decimal, str] | None = None
	cost_center: str | None = None
	gateway: str = ""


@dataclass(frozen=True, slots=True)
class InvoicePlan:
	"""A Sales Invoice of what is not billed of an order, or of one delivery of it. Advances paid for the order, and for
	no other, are allocated."""

	channel: str
	sales_order: str
	posting_date: date
	submit: bool
	delivery_note: str | None = None
	naming_series: str | None = None


@dataclass(frozen=True, slots=True)
class CreditNotePlan:
	"""A return Sales Invoice over exactly these amounts, which are positive here and negative in the document.

	:param invoice: that it returns; None where several were billed, or none holds all of its positions
	:param settles: it lowers what is open of the invoice, instead of being owed itself
	"""

	channel: str
	company: str
	external_id: str
	sales_order: str
	customer: str
	invoice: str | None
	amounts: Amounts
	currency: str
	conversion_rate: Decimal
	posting_date: date
	submit: bool
	settles: bool = False
	naming_series: str | None = None
	cost_center: str | None = None


@dataclass(frozen=True, slots=True)
class ReturnPlan:
	"""Return Delivery Notes: how much of each line comes back, by the shop's line id, and where it goes (None: where
	it left from)."""

	channel: str
	sales_order: str
	quantities: Mapping[str, Decimal]
	posting_date: date
	submit: bool
	warehouse: str | None = None


@dataclass(frozen=True, slots=True)
class Invoice:
	"""A Sales Invoice of an order, or with `is_return` a credit note; its amounts are positive in both.

	:param lines: how much it bills (or takes back), by the shop's line id
	:param open: what is still to be paid of it, or to be given back
	:param delivery_notes: that it bills
	"""

	name: str
	submitted: bool
	is_return: bool
	total: Decimal
	open: Decimal
	lines: Mapping[str, Decimal]
	return_against: str | None = None
	delivery_notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Books:
	"""What the books say of an order. Drafts are among the invoices, cancelled ones are not.

	:param total: of the Sales Order
	:param quantities: ordered, by the shop's line id
	:param delivered: and `returned`: how much left, and came back, by the shop's line id (submitted documents)
	:param returning: how much drafts of returns say, by the shop's line id
	:param deliveries: submitted Delivery Notes, oldest first, without returns
	:param paid: Σ of submitted receipts for it, and `paid_back` of refunds
	:param doctype: "Sales Invoice" where that stands for the order: it is one of its `invoices` then
	"""

	sales_order: str
	customer: str
	currency: str
	conversion_rate: Decimal
	total: Decimal
	quantities: Mapping[str, Decimal]
	delivered: Mapping[str, Decimal]
	returned: Mapping[str, Decimal]
	deliveries: tuple[str, ...]
	invoices: tuple[Invoice, ...]
	paid: Decimal
	paid_back: Decimal
	closed: bool = False
	doctype: OrderDocument = "Sales Order"
	returning: Mapping[str, Decimal] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OrderedLine:
	"""A position of a Sales Order; `warehouse` is where it is to be delivered from."""

	item_code: str
	item_name: str
	quantity: Decimal
	warehouse: str | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
	"""A Delivery Note, or a Sales Invoice that updates stock, that ships of a Sales Order. No return.

	:param lines: how much, by the shop's line id
	:param fulfilments: what the shop calls it
	"""

	doctype: str
	name: str
	submitted: bool
	lines: Mapping[str, Decimal]
	fulfilments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Deliveries:
	"""The positions of a Sales Order by the shop's line id, and what ships of them, oldest first."""

	lines: Mapping[str, OrderedLine]
	documents: tuple[Delivery, ...] = ()


@dataclass(frozen=True, slots=True)
class SoldLine:
	"""What an order event sells of one item. A bundle is not taken apart yet; `quantity` is in `uom`."""

	item_code: str
	warehouse: str
	quantity: Decimal
	uom: str
	is_bundle: bool = False
	listing: str | None = None


@dataclass(frozen=True, slots=True)
class UnbookedSale:
	"""All that the newest unfinished event of an order sells; `log` is that event's Sync Log."""

	channel: str
	external_id: str
	log: str
	lines: tuple[SoldLine, ...] = ()


@dataclass(frozen=True, slots=True)
class Record:
	"""A Channel Record: which external id is which document, and the newest version applied.

	`fingerprint` is a hash of what the storefront said that the document depends on; `cancelled` is the
	tombstone of an order the storefront cancelled, whether or not it was ever seen here. An order's total is
	what the storefront said last; `placed_on` is a day of the site. Payments, refunds and returns say of which order
	they are (`order_id`), and keep themselves as the storefront told them (`data`, JSON of the model; of no person).
	"""

	channel: str
	record_type: str
	external_id: str
	doctype: str | None = None
	document: str | None = None
	version: int | None = None
	source_time: Any = None  # aware datetime, UTC
	fingerprint: str | None = None
	cancelled: bool = False
	shop_total: Decimal | None = None
	currency: str | None = None
	placed_on: date | None = None
	order_id: str | None = None
	data: str | None = None
