"""A channel's settings as the engine sees them: read once for a unit of work, never changed by it."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Literal

from pydantic import BaseModel, ConfigDict

Owner = Literal["ERPNext", "Storefront", "Nobody"]


class ChannelStatus(str, Enum):
	ACTIVE = "Active"
	PAUSED = "Paused"
	DISABLED = "Disabled"


class Frozen(BaseModel):
	model_config = ConfigDict(frozen=True)


class WarehouseMap(Frozen):
	"""One row of the warehouse table; `location_id` is None for shops without locations."""

	warehouse: str
	location_id: str | None = None
	is_group: bool = False


class TaxMap(Frozen):
	"""Which tax of the shop goes to which account. The most specific row wins; "*" matches all."""

	title: str | None = None
	code: str | None = None
	rate: Decimal | None = None
	account: str


class ShippingMap(Frozen):
	"""Which shipping method becomes which service item, or an Actual charge on which account."""

	method: str
	item: str | None = None
	account: str | None = None


class FieldMap(Frozen):
	"""A value of the payload (JMESPath) written to a field of a document."""

	path: str
	doctype: str
	fieldname: str
	transform: str | None = None
	default: str | None = None


class Ownership(Frozen):
	"""Who is the source of truth for each kind of data; nothing is written against it."""

	title: Owner = "ERPNext"
	images: Owner = "ERPNext"
	price: Owner = "ERPNext"
	stock: Owner = "ERPNext"
	customer: Owner = "Storefront"


class StockPolicy(Frozen):
	"""`preorder`: what is on order may be sold too (ordered by submitted Purchase Orders)."""

	push: bool = True
	buffer: Decimal = Decimal(0)
	whole_units: bool = True
	first_push_confirmed: bool = False
	preorder: bool = False
	watch: bool = False  # the storefront tells of each change of a level; those not ours are put right


class CatalogField(Frozen):
	"""A field of Item that goes out as a custom value under this key."""

	fieldname: str
	key: str


class CatalogPolicy(Frozen):
	"""What of the catalog goes out. `compare_at_list` is the price list of what it cost before, or costs new;
	`grade_factor` multiplies the price of a graded listing by its grade's factor."""

	push_listings: bool = False
	push_prices: bool = False
	compare_at_list: str | None = None
	grade_factor: bool = True
	fields: tuple[CatalogField, ...] = ()
	item_group: str | None = None  # of Items that an import of products makes


class EventPolicy(Frozen):
	"""Which events of ERPNext are told for the tools behind a storefront: of this channel's orders and
	customers, or of all. `invoices`: and credit notes, of this channel's orders, with a link to the PDF or without."""

	order_status: Literal["Nothing", "Own", "All"] = "Nothing"
	customers: Literal["Nothing", "Own", "All"] = "Nothing"
	invoices: Literal["Nothing", "Own", "Own with PDF"] = "Nothing"


class OrderPolicy(Frozen):
	submit: bool = True
	statuses: tuple[str, ...] = ()
	from_date: datetime | None = None
	afterwards: Literal["Nothing", "Reserve Stock", "Create Pick List"] = "Nothing"
	send_local_changes: bool = False
	test_orders: bool = False
	renewals: bool = True  # orders that a subscription places
	fulfilled_in_shop: Literal["Draft Delivery Note", "Fail"] = "Draft Delivery Note"
	numbering: Literal["In the order's transaction", "In its own transaction"] = "In the order's transaction"


class LineItems(Frozen):
	"""Items of lines that no product of the catalog stands behind."""

	custom: str | None = None
	gift_card: str | None = None


class RowMap(Frozen):
	"""Whose key names a row's container: `part` in the row's own custom data, equal to `container` in the other's."""

	part: str
	container: str


class BundleRows(Frozen):
	"""What is booked of rows that belong together, of which the shop says that one contains the others. Amounts of
	rows that are left out go to those that stay: the sum does not change."""

	book: Literal["Every Row", "Containers", "Parts"] = "Every Row"
	keys: tuple[RowMap, ...] = ()


class InvoicePolicy(Frozen):
	"""When the Sales Invoice of an order is made. "When Delivered": one for each delivery, of what it ships. "Instead of
	Sales Order": at once, on the day of the order, and there is no Sales Order; with `update_stock` the goods leave with it.
	`dated`: on the day of the order, or of what it is made for (the payment, the delivery)."""

	when: Literal["Never", "When Paid", "When Delivered", "Instead of Sales Order"] = "Never"
	submit: bool = True
	update_stock: bool = False
	dated: Literal["Event", "Order"] = "Event"
	naming_series: str | None = None
	credit_note_series: str | None = None


class PaymentMap(Frozen):
	"""Where the money of a gateway goes: the first row whose pattern and currency fit. `gateway` is the shop's name of
	it, "*" stands for anything, upper and lower case are the same."""

	gateway: str
	currency: str | None = None
	mode_of_payment: str = ""
	account: str = ""  # clearing account, or the liability account of gift cards and store credit
	fee_account: str | None = None
	fee_tax_account: str | None = None
	book: Literal["Now", "On Capture", "On Delivery", "Never"] = "On Capture"


class RefundPolicy(Frozen):
	"""`adjustment_item`: service item of what is given back for no position (goodwill). `returns`: what is made of goods
	that come back, and `return_warehouse` where they go; None: where they were sold from."""

	credit_notes: bool = True
	submit: bool = True
	adjustment_item: str | None = None
	returns: Literal["Nothing", "Draft", "Submitted"] = "Draft"
	return_warehouse: str | None = None
	send_refunds: bool = False  # a credit note made in ERPNext gives the money back in the shop


class ShippedPolicy(Frozen):
	"""The status an order gets in the shop when goods of it are sent; empty: it keeps its own."""

	whole: str = ""
	part: str = ""


Authentication = Literal["Access Token", "Client Credentials", "Authorisation"]


class Channel(Frozen):
	"""One store."""

	name: str
	platform: str
	status: ChannelStatus = ChannelStatus.ACTIVE
	company: str
	company_currency: str
	store_url: str = ""
	api_version: str = ""
	authentication: Authentication = "Access Token"
	integration_user: str = ""
	price_list: str = ""
	currency: str
	customer_group: str = ""
	territory: str = ""
	naming_series: str | None = None
	cost_center: str | None = None
	default_warehouse: str = ""
	time_zone: str = "UTC"  # the site's: decides on which day an order was placed
	default_country: str | None = None  # ISO 3166 alpha-2: region of phone numbers without a prefix
	warehouses: tuple[WarehouseMap, ...] = ()
	taxes: tuple[TaxMap, ...] = ()
	shipping: tuple[ShippingMap, ...] = ()
	fields: tuple[FieldMap, ...] = ()
	ownership: Ownership = Ownership()
	stock: StockPolicy = StockPolicy()
	catalog: CatalogPolicy = CatalogPolicy()
	events: EventPolicy = EventPolicy()
	orders: OrderPolicy = OrderPolicy()
	shipped: ShippedPolicy = ShippedPolicy()
	invoices: InvoicePolicy = InvoicePolicy()
	payments: tuple[PaymentMap, ...] = ()
	refunds: RefundPolicy = RefundPolicy()
	bundle_rows: BundleRows = BundleRows()
	tax_id_keys: tuple[
		str, ...
	] = ()  # where a shop's extensions keep a buyer's tax id; the first that says one
	notify_customer: bool = True  # the storefront writes to buyers when their goods are sent
	line_items: LineItems = LineItems()
	fee_item: str | None = None  # service item of fees and rounding rows that raise the total
	tolerance: Decimal = Decimal(0)
	rounding_account: str | None = None
	dry_run: bool = False


class Credentials(BaseModel):
	"""Decrypted secrets, held in memory for one unit of work. Never logged: repr hides them."""

	model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

	webhook_secrets: tuple[str, ...] = ()
	api_key: str | None = None
	api_secret: str | None = None
	access_token: str | None = None

	def __repr__(self) -> str:
		return "Credentials(…)"

	__str__ = __repr__
