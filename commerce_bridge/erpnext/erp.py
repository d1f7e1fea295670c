"""The protocols `Erp` and `ChannelState` on a site: one line a method, the work is in the DocTypes' files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from commerce_bridge.bridge.adoption import UnnamedRow
from commerce_bridge.bridge.channel import Channel, Credentials
from commerce_bridge.bridge.model import (
	Address,
	Customer,
	DataRequest,
	Fulfilment,
	InvoiceNotice,
	Listing,
	OrderChange,
	OrderStatus,
	Price,
	Product,
	Redaction,
	RefundRequest,
	ReturnNotice,
	Shipment,
	ShownLevel,
	StockLevel,
)
from commerce_bridge.bridge.orders import RECORD_TYPE
from commerce_bridge.bridge.plan import (
	Booked,
	Books,
	CreditNotePlan,
	Deliveries,
	InvoicePlan,
	Item,
	ItemKey,
	PaymentPlan,
	Record,
	ReturnPlan,
	Rounding,
	SalesOrderPlan,
	SalesOrderState,
	UnbookedSale,
)
from commerce_bridge.bridge.protocols import (
	Circuit,
	Drift,
	DriftCheck,
	Kind,
	Linked,
	ListingContent,
	ListingLevel,
	ListingPrice,
	Outcome,
	Progress,
	PushResult,
	Redacted,
	Token,
)
from commerce_bridge.bridge.return_plan import AuthorisationPlan, Receipt, ReturnState
from commerce_bridge.erpnext import (
	address,
	bin,
	books,
	catalog,
	channel_listing,
	channel_record,
	channel_settings,
	channel_state,
	contact,
	credit_note,
	currency_exchange,
	customer,
	delivery_note,
	invoice_events,
	item,
	item_price,
	notification,
	order_change,
	order_status,
	payment_entry,
	personal_data,
	product_import,
	redaction,
	return_authorisation,
	return_delivery,
	sales_invoice,
	sales_order,
	shipping,
	stock_change,
	stock_drift,
	sync_log,
	transaction,
	unbooked_sale,
)


class FrappeErp:
	"""The protocol `Erp`; see there for what each method promises."""

	def transaction(self, *locks: str) -> AbstractContextManager[None]:
		return transaction.transaction(*locks)

	def exclusive(self, name: str) -> AbstractContextManager[bool]:
		return transaction.exclusive(name)

	def act_as(self, channel: Channel) -> AbstractContextManager[None]:
		return transaction.act_as(channel)

	def get_record(self, channel: str, record_type: str, external_id: str) -> Record | None:
		return channel_record.get(channel, record_type, external_id)

	def save_record(self, record: Record) -> None:
		channel_record.save(record)

	def customers_with_email(self, email: str) -> list[str]:
		return customer.with_email(email)

	def customers_with_phone(self, phone: str) -> list[str]:
		return customer.with_phone(phone)

	def create_customer(self, channel: Channel, buyer: Customer) -> str:
		return customer.create(channel, buyer)

	def update_customer(self, channel: Channel, name: str, buyer: Customer) -> None:
		customer.update(channel, name, buyer)

	def ensure_contact(self, customer_name: str, buyer: Customer) -> str | None:
		return contact.ensure(customer_name, buyer)

	def ensure_address(
		self, customer_name: str, wanted: Address, kind: Literal["Billing", "Shipping"]
	) -> str:
		return address.ensure(customer_name, wanted, kind)

	def find_items(self, channel: Channel, keys: Iterable[ItemKey]) -> dict[ItemKey, Item]:
		return item.find(channel, keys)

	def exchange_rate(self, channel: Channel, currency: str, on: date) -> Decimal:
		return currency_exchange.exchange_rate(channel, currency, on)

	def rounding(self) -> Rounding:
		return sales_order.rounding()

	def get_sales_order(self, name: str) -> SalesOrderState | None:
		return sales_order.state_of(name)

	def create_sales_order(self, channel: Channel, plan: SalesOrderPlan) -> Booked:
		return sales_order.create(channel, plan)

	def replace_sales_order(self, channel: Channel, name: str, plan: SalesOrderPlan) -> Booked:
		return sales_order.replace(channel, name, plan)

	def cancel_sales_order(self, name: str) -> None:
		sales_order.cancel(name)

	def unnamed_rows(self, name: str) -> list[UnnamedRow]:
		return sales_order.unnamed_rows(name)

	def name_rows(self, line_ids: Mapping[str, str]) -> None:
		sales_order.name_rows(line_ids)

	def records_of(self, channel: str, record_type: str, order_id: str) -> list[Record]:
		return channel_record.of_order(channel, record_type, order_id)

	def get_books(self, name: str) -> Books | None:
		return books.of_order(name)

	def create_payment(self, channel: Channel, plan: PaymentPlan) -> str:
		return payment_entry.create(channel, plan)

	def cancel_payment(self, name: str) -> None:
		payment_entry.cancel(name)

	def payment_stands(self, name: str) -> bool:
		return payment_entry.stands(name)

	def create_invoice(self, channel: Channel, plan: InvoicePlan) -> Booked | None:
		return sales_invoice.create(channel, plan)

	def create_credit_note(self, channel: Channel, plan: CreditNotePlan) -> Booked:
		return credit_note.create(channel, plan)

	def delete_draft_invoices(self, name: str) -> list[str]:
		return sales_invoice.delete_drafts(name)

	def delete_draft_credit_note(self, name: str) -> None:
		credit_note.delete_draft(name)

	def create_returns(self, channel: Channel, plan: ReturnPlan) -> list[str]:
		return return_delivery.create(channel, plan)

	def close_sales_order(self, name: str) -> None:
		sales_order.close(name)

	def get_return(self, name: str) -> ReturnState | None:
		return return_authorisation.get(name)

	def save_return(self, channel: Channel, plan: AuthorisationPlan, name: str | None) -> str:
		return return_authorisation.save(channel, plan, name)

	def name_return(self, name: str, external_id: str) -> None:
		return_authorisation.name_return(name, external_id)

	def receive_return(
		self, channel: Channel, name: str, quantities: Mapping[str, Decimal], submit: bool
	) -> Receipt:
		return return_authorisation.receive_return(channel, name, quantities, submit)

	def get_return_notice(self, name: str, channel: str) -> ReturnNotice | None:
		return return_authorisation.notice(name, channel)

	def get_invoice_notice(
		self, name: str, channel: str, order_id: str | None = None
	) -> InvoiceNotice | None:
		return invoice_events.notice(name, channel, order_id)

	def get_refund_request(self, name: str, channel: str) -> RefundRequest | None:
		return invoice_events.refund_request(name, channel)

	def get_deliveries(self, sales_order: str) -> Deliveries:
		return delivery_note.deliveries(sales_order)

	def create_delivery_note(self, channel: Channel, name: str, fulfilment: Fulfilment) -> str:
		return delivery_note.draft_of(channel, name, fulfilment)

	def withdraw_delivery_note(self, name: str) -> None:
		delivery_note.withdraw(name)

	def note_shown(self, channel: Channel, shown: ShownLevel) -> Outcome:
		return channel_listing.note_shown(channel, shown)

	def redact(self, channel: Channel, what: Redaction, log: str) -> Redacted:
		return redaction.redact(channel, what, sync_log.FrappeJournal(), log)

	def personal_data(self, channel: Channel, request: DataRequest) -> str:
		return personal_data.report(channel, request)

	def tell_personal_data(self, channel: Channel, log: str) -> None:
		notification.tell_personal_data(channel.name, log)

	def known_orders(self, channel: str, external_ids: Sequence[str]) -> dict[str, Record]:
		return channel_record.known(channel, RECORD_TYPE, external_ids)

	def save_unbooked(self, sales: Sequence[UnbookedSale]) -> None:
		unbooked_sale.save(sales)

	def forget_finished_sales(self) -> list[tuple[str, str]]:
		return unbooked_sale.forget_finished()

	def take_changes(self, limit: int) -> dict[Kind, list[str]]:
		return stock_change.take(limit)

	def link_products(
		self,
		channel: Channel,
		products: Sequence[Product],
		create: bool,
		overwrite: bool = False,
		prices: bool = False,
	) -> list[Linked]:
		return product_import.link(channel, products, create, overwrite, prices)

	def mark_not_exported(self, channel: str, since: datetime) -> int:
		return product_import.mark_not_exported(channel, since)

	def mark_deleted(self, channel: str, product_id: str) -> int:
		return product_import.mark_deleted(channel, product_id)

	def mark_changed(self, kind: Kind, item_codes: Sequence[str], now: datetime) -> None:
		channel_listing.mark_changed(kind, item_codes, now)

	def listed_items(self, channel: str, item_codes: Sequence[str]) -> list[str]:
		return channel_listing.listed(channel, item_codes)

	def listed_after(
		self, channel: str, after: str | None, limit: int, among: Sequence[str] | None = None
	) -> list[str]:
		return channel_listing.listed_after(channel, after, limit, among)

	def count_listed(self, channel: str) -> int:
		return channel_listing.count_listed(channel)

	def stock_levels(self, channel: Channel, item_codes: Sequence[str]) -> list[ListingLevel]:
		return bin.levels(channel, item_codes)

	def listing_prices(self, channel: Channel, item_codes: Sequence[str]) -> list[ListingPrice]:
		return item_price.prices(channel, item_codes)

	def listing_contents(self, channel: Channel, item_codes: Sequence[str]) -> list[ListingContent]:
		return catalog.contents(channel, item_codes)

	def save_pushed_prices(self, channel: str, pushed: Sequence[Price], now: datetime) -> None:
		channel_listing.save_pushed_prices(channel, pushed, now)

	def save_pushed_listings(
		self, channel: str, pushed: Sequence[tuple[Listing, PushResult]], now: datetime
	) -> None:
		channel_listing.save_pushed_listings(channel, pushed, now)

	def save_pushed(self, channel: str, pushed: Sequence[StockLevel], now: datetime) -> None:
		channel_listing.save_pushed(channel, pushed, now)

	def save_stock_ids(self, channel: str, ids: Mapping[str, str]) -> None:
		channel_listing.save_stock_ids(channel, ids)

	def forget_levels(self, channel: str, levels: Sequence[StockLevel]) -> None:
		channel_listing.forget_levels(channel, levels)

	def save_not_listed(self, channel: str, reasons: Mapping[str, str | None]) -> None:
		channel_listing.save_not_listed(channel, reasons)

	def save_warnings(self, channel: str, warnings: Mapping[str, str | None]) -> None:
		channel_listing.save_warnings(channel, warnings)

	def forget_pushed(self, channel: str, name: str) -> None:
		channel_listing.forget_pushed(channel, name)

	def push_again(self, channel: str, name: str) -> None:
		channel_listing.push_again(channel, name)

	def save_push_errors(self, channel: str, kind: Kind, errors: Mapping[str, str]) -> None:
		channel_listing.save_errors(channel, kind, errors)

	def save_shown(self, channel: str, listings: Sequence[str], now: datetime) -> None:
		stock_drift.save_shown(channel, listings, now)

	def not_shown(
		self, channel: str, since: datetime, after: str | None, limit: int
	) -> list[tuple[str, str]]:
		return stock_drift.not_shown(channel, since, after, limit)

	def save_drift(self, check: DriftCheck, rows: Sequence[Drift]) -> None:
		stock_drift.save(check, rows)

	def get_shipment(
		self, doctype: str, name: str, channel: str | None = None, order_id: str | None = None
	) -> Shipment | None:
		return shipping.get(doctype, name, channel, order_id)

	def get_order_change(self, name: str) -> OrderChange | None:
		return order_change.of_order(name)

	def get_order_status(self, name: str, channel: str | None = None) -> OrderStatus | None:
		return order_status.get(name, channel)

	def get_customer(self, name: str) -> Customer | None:
		return customer.told(name)


class FrappeChannelState:
	"""The protocol `ChannelState`; see there for what each method promises."""

	def channel(self, name: str, anew: bool = False) -> Channel:
		return channel_settings.load(name, anew).channel

	def credentials(self, name: str) -> Credentials:
		return channel_settings.credentials(name)

	def active_channels(self) -> list[str]:
		return list(channel_settings.active_channels())

	def get_token(self, channel: str) -> Token | None:
		return channel_state.get_token(channel)

	def save_token(self, channel: str, token: Token | None) -> None:
		channel_state.save_token(channel, token)

	def get_facts(self, channel: str) -> dict[str, str]:
		return channel_state.get_facts(channel)

	def save_facts(self, channel: str, facts: Mapping[str, str]) -> None:
		channel_state.save_facts(channel, facts)

	def pause(self, channel: str, reason: str) -> None:
		channel_settings.pause(channel, reason)
		notification.tell_paused(channel, reason)

	def get_circuit(self, channel: str) -> Circuit:
		return channel_state.get_circuit(channel)

	def swap_circuit(self, channel: str, before: Circuit, after: Circuit) -> bool:
		return channel_state.swap_circuit(channel, before, after)

	def get_cursor(self, channel: str, name: str, lock: bool = False) -> str | None:
		return channel_state.get_cursor(channel, name, lock)

	def set_cursor(self, channel: str, name: str, value: str | None) -> None:
		channel_state.set_cursor(channel, name, value)

	def set_progress(self, channel: str, progress: Progress) -> None:
		channel_state.set_progress(channel, progress)

	def get_progress(self, channel: str) -> list[Progress]:
		return channel_state.get_progress(channel)
