"""The protocols `Erp` and `ChannelState` on a site: one line a method, the work is in the DocTypes' files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from commerce_bridge.bridge.channel import Channel, Credentials
from commerce_bridge.bridge.model import Address, Customer, OrderChange, Shipment, StockLevel
from commerce_bridge.bridge.plan import (
	Booked,
	Item,
	ItemKey,
	Record,
	Rounding,
	SalesOrderPlan,
	SalesOrderState,
)
from commerce_bridge.bridge.protocols import Circuit, ListingLevel
from commerce_bridge.erpnext import (
	address,
	bin,
	channel_listing,
	channel_record,
	channel_settings,
	channel_state,
	contact,
	currency_exchange,
	customer,
	delivery_note,
	item,
	sales_order,
	stock_change,
	transaction,
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

	def take_stock_changes(self, limit: int) -> list[str]:
		return stock_change.take(limit)

	def listed_items(self, channel: str, item_codes: Sequence[str] | None) -> list[str]:
		return bin.listed_items(channel, item_codes)

	def stock_levels(self, channel: Channel, item_codes: Sequence[str]) -> list[ListingLevel]:
		return bin.levels(channel, item_codes)

	def save_pushed(self, channel: str, pushed: Sequence[StockLevel], now: datetime) -> None:
		channel_listing.save_pushed(channel, pushed, now)

	def forget_pushed(self, channel: str, name: str) -> None:
		channel_listing.forget_pushed(channel, name)

	def save_push_errors(self, channel: str, errors: Mapping[str, str]) -> None:
		channel_listing.save_errors(channel, errors)

	def get_shipment(self, name: str) -> Shipment | None:
		return delivery_note.shipment_of(name)

	def get_order_change(self, name: str) -> OrderChange | None:
		return sales_order.change_of(name)


class FrappeChannelState:
	"""The protocol `ChannelState`; see there for what each method promises."""

	def channel(self, name: str) -> Channel:
		return channel_settings.load(name).channel

	def credentials(self, name: str) -> Credentials:
		return channel_settings.credentials(name)

	def active_channels(self) -> list[str]:
		return list(channel_settings.active_channels())

	def get_circuit(self, channel: str) -> Circuit:
		return channel_state.get_circuit(channel)

	def swap_circuit(self, channel: str, before: Circuit, after: Circuit) -> bool:
		return channel_state.swap_circuit(channel, before, after)

	def get_cursor(self, channel: str, name: str) -> str | None:
		return channel_state.get_cursor(channel, name)

	def set_cursor(self, channel: str, name: str, value: str | None) -> None:
		channel_state.set_cursor(channel, name, value)
