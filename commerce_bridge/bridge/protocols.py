"""What the engine asks of the world. `commerce_bridge/erpnext` and `sandbox` implement the first three.

All four share one database transaction on a site: `Erp.transaction()` covers what `Journal` and
`ChannelState` write inside it, except where a method says that it commits by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal, Protocol

from commerce_bridge.bridge.channel import Channel, Credentials
from commerce_bridge.bridge.clock import Now
from commerce_bridge.bridge.model import (
	Address,
	Customer,
	Event,
	OrderChange,
	Shipment,
	StockLevel,
)
from commerce_bridge.bridge.plan import (
	Booked,
	Item,
	ItemKey,
	Record,
	Rounding,
	SalesOrderPlan,
	SalesOrderState,
)

Direction = Literal["Inbound", "Outbound"]
State = Literal["Queued", "Running", "Succeeded", "Skipped", "Retrying", "Failed"]


# --- HTTP, as values -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class WebhookRequest:
	"""A request as it came over the wire. Header names are lower case; `body` is the raw bytes."""

	headers: Mapping[str, str]
	body: bytes
	query: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
	"""What the endpoint answers."""

	status: int
	body: Mapping[str, Any] | None = None
	headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HttpResponse:
	status: int
	headers: Mapping[str, str]  # names in lower case
	body: bytes


class Transport(Protocol):
	"""Sends one HTTP request and follows no redirect.

	Raises `Retryable` when there is no answer (name, connection, timeout), `Misconfigured` when the
	address is not one we may talk to. Any status is returned, not raised.
	"""

	def send(
		self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None
	) -> HttpResponse: ...


# --- connectors ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Incoming:
	"""A delivery, identified but not yet understood.

	`event_id` is what the storefront calls this delivery; with `topic` it makes the dedupe key.
	`payload` is the text kept in the Sync Log, from which `parse` can be repeated at any time.
	"""

	topic: str
	event_id: str
	external_id: str | None
	external_number: str | None
	source_time: datetime | None
	payload: str
	supported: bool = True
	reason: str | None = None  # why it is not supported, for the Skipped row


@dataclass(frozen=True, slots=True)
class PushResult:
	"""The storefront's answer for one row of a batch. `error` is None where it took it."""

	key: str  # StockLevel.listing + location, Shipment.id or OrderChange.order_id: see `row_key`
	error: str | None = None
	retry: bool = False
	external_id: str | None = None


def row_key(level: StockLevel) -> str:
	"""What a stock row is called between us and a storefront: the listing at the location."""
	return f"{level.listing}|{level.location_id or ''}"


@dataclass(frozen=True, slots=True)
class Check:
	"""One line of the pre-flight check. `fix` says what to change and where."""

	ok: bool
	title: str
	fix: str | None = None
	severity: Literal["error", "warning"] = "error"
	doctype: str | None = None
	document: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
	"""A page of a poll. `cursor` is stored after the page's events are."""

	events: tuple[Incoming, ...]
	cursor: str | None
	more: bool


class Connector(Protocol):
	"""A platform. Built for one channel and one unit of work; holds its client and credentials."""

	platform: str
	batch_size: int

	def handshake(self, request: WebhookRequest) -> Answer | None:
		"""The answer to an unsigned ping of the platform, or None."""
		...

	def verify(self, request: WebhookRequest, now: datetime) -> None:
		"""Raises `Unauthorized` unless one of the channel's secrets signed exactly these bytes."""
		...

	def identify(self, request: WebhookRequest) -> Incoming:
		"""Reads topic and ids of a request that was verified. Raises `BadRequest`."""
		...

	def parse(self, topic: str, payload: str) -> Event:
		"""The payload as the canonical model. Raises `Rejected` on data that makes no sense."""
		...

	def fetch_order(self, external_id: str) -> Incoming | None:
		"""The order as the storefront has it now; None where the platform cannot tell."""
		...

	def orders_since(self, cursor: str | None) -> Iterator[Page]:
		"""Orders changed since the cursor, oldest first, page by page. Empty where polling is not offered.

		:param cursor: of an earlier page, or a moment (ISO 8601, UTC); None for the whole history
		"""
		...

	def push_stock(self, levels: Sequence[StockLevel]) -> list[PushResult]:
		"""Sends one batch of at most `batch_size` absolute levels; one result for each, in order."""
		...

	def push_shipment(self, shipment: Shipment) -> PushResult: ...

	def push_order_change(self, change: OrderChange) -> PushResult: ...

	def check(self) -> list[Check]:
		"""Reachability, credentials, clock."""
		...

	def register_webhooks(self, callback_url: str) -> str | None:
		"""Tells the platform where to post; where it cannot be told, what a person has to do there."""
		...

	def unregister_webhooks(self, callback_url: str) -> None: ...


class ConnectorFactory(Protocol):
	"""What the registry holds for a platform."""

	def __call__(
		self, channel: Channel, credentials: Credentials, transport: Transport, now: Now
	) -> Connector: ...


# --- the journal: DocType Sync Log -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NewEntry:
	channel: str
	direction: Direction
	topic: str
	dedupe_key: str  # sha-256, hex
	payload: str
	external_id: str | None = None
	external_number: str | None = None
	source_time: datetime | None = None
	state: State = "Queued"
	error_class: str | None = None
	message: str | None = None
	reference_doctype: str | None = None
	reference_name: str | None = None
	lane: str | None = None  # entries of one lane never run at the same time (outbound: the last push wins)


@dataclass(frozen=True, slots=True)
class Recorded:
	name: str
	created: bool  # False: the key was there already, `name` is the first entry


@dataclass(frozen=True, slots=True)
class Entry:
	"""A claimed row: `lease` is the fencing token, `attempt` counts from 1."""

	name: str
	channel: str
	direction: Direction
	topic: str
	payload: str
	external_id: str | None
	attempt: int
	lease: str
	started: datetime
	reference_name: str | None = None
	accepted_difference: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
	"""How an attempt ended."""

	state: Literal["Succeeded", "Skipped", "Retrying", "Failed"]
	message: str = ""
	error_class: Literal["Retryable", "Rejected", "Misconfigured", "Unexpected"] | None = None
	traceback: str | None = None
	next_attempt_at: datetime | None = None
	reference_doctype: str | None = None
	reference_name: str | None = None
	external_number: str | None = None  # known once the payload was parsed
	payload: str | None = None  # replaces the payload: what is left to do (outbound batches)
	summary: str | None = None  # of request and response, masked


class Journal(Protocol):
	def record(self, entries: Sequence[NewEntry]) -> list[Recorded]:
		"""Inserts entries that are not there yet; part of the caller's transaction."""
		...

	def claim(self, now: datetime, lease: timedelta) -> Entry | None:
		"""Takes the due entry that is longest due: Queued or Retrying whose time has come, or Running whose
		lease ran out. Only of a channel that may work (Active; for outbound: circuit closed, or half-open
		without a live probe) and of a lane in which nothing runs under a live lease. Commits by itself."""
		...

	def postpone(self, entry: Entry, until: datetime) -> None:
		"""Gives a claimed entry back untried, Queued until then; the attempt does not count. Commits."""
		...

	def hold(self, entry: Entry) -> None:
		"""Locks the row for the transaction; raises `LeaseLost` if the entry is another worker's now."""
		...

	def finish(self, entry: Entry, outcome: Outcome, now: datetime) -> None:
		"""Writes the terminal (or Retrying) state and the attempt row. Raises `LeaseLost`."""
		...

	def merge_queued(self, channel: str, topic: str, items: Sequence[str], limit: int) -> bool:
		"""Adds items, each once, to an outbound entry of this topic that is Queued and was never tried, if
		there is one with room for all (a JSON list of at most `limit`). Part of the caller's transaction."""
		...


# --- the channel's own memory: DocType Channel Settings ---------------------------------------------------


@dataclass(frozen=True, slots=True)
class Circuit:
	"""`opened_until` is None while the circuit is closed. `probing_since` marks the one half-open probe."""

	failures: int = 0
	opened_until: datetime | None = None
	probing_since: datetime | None = None


class ChannelState(Protocol):
	def channel(self, name: str) -> Channel:
		"""Settings, with the *effective* status: a copy of the site is Paused. Raises `Misconfigured`."""
		...

	def credentials(self, name: str) -> Credentials:
		"""Secrets in force now: current and previous until its expiry."""
		...

	def active_channels(self) -> list[str]: ...

	def get_circuit(self, channel: str) -> Circuit: ...

	def swap_circuit(self, channel: str, before: Circuit, after: Circuit) -> bool:
		"""Compare and set; False if another worker changed it meanwhile. Commits by itself."""
		...

	def get_cursor(self, channel: str, name: str) -> str | None: ...

	def set_cursor(self, channel: str, name: str, value: str | None) -> None: ...


# --- the ERP ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ListingLevel:
	"""A listing at a location with what is available now and what was last pushed there."""

	level: StockLevel
	last_pushed: Decimal | None


class Erp(Protocol):
	def transaction(self, *locks: str) -> AbstractContextManager[None]:
		"""One transaction: rolled back first, named locks taken in sorted order before its first read,
		committed at the end or rolled back, locks released after that. A lock that cannot be had and a
		deadlock are `Conflict`."""
		...

	def exclusive(self, name: str) -> AbstractContextManager[bool]:
		"""A named lock outside any transaction, held while a storefront is called; yields False at once where
		another worker holds it. It ends with the process that holds it."""
		...

	def act_as(self, channel: Channel) -> AbstractContextManager[None]:
		"""Everything inside runs with the rights of the channel's integration user."""
		...

	# records
	def get_record(self, channel: str, record_type: str, external_id: str) -> Record | None:
		"""The record, its row locked."""
		...

	def save_record(self, record: Record) -> None: ...

	# customers
	def customers_with_email(self, email: str) -> list[str]:
		"""Customers one of whose e-mail addresses is this one, whatever the case."""
		...

	def customers_with_phone(self, phone: str) -> list[str]:
		"""Customers with this number (E.164)."""
		...

	def create_customer(self, channel: Channel, customer: Customer) -> str: ...

	def update_customer(self, channel: Channel, name: str, customer: Customer) -> None: ...

	def ensure_contact(self, customer_name: str, customer: Customer) -> str | None:
		"""The contact with this e-mail and phone (E.164), made or completed as needed."""
		...

	def ensure_address(
		self, customer_name: str, address: Address, kind: Literal["Billing", "Shipping"]
	) -> str:
		"""The customer's address with this content, made if there is none. Raises `Rejected` on a country
		the ERP does not know."""
		...

	# items
	def find_items(self, channel: Channel, keys: Iterable[ItemKey]) -> dict[ItemKey, Item]:
		"""Items by listing, SKU and barcode, in at most one query each. Keys without an item are absent."""
		...

	# sales orders
	def exchange_rate(self, channel: Channel, currency: str, on: date) -> Decimal:
		"""Company currency for one unit. Raises `Misconfigured` where none is kept."""
		...

	def rounding(self) -> Rounding:
		"""How the ERP rounds amounts and quantities."""
		...

	def get_sales_order(self, name: str) -> SalesOrderState | None: ...

	def create_sales_order(self, channel: Channel, plan: SalesOrderPlan) -> Booked: ...

	def replace_sales_order(self, channel: Channel, name: str, plan: SalesOrderPlan) -> Booked:
		"""Draft: rewritten in place. Submitted: cancelled and amended. Cancelled: amended."""
		...

	def cancel_sales_order(self, name: str) -> None:
		"""Submitted: cancelled. Draft: deleted, for ERPNext cannot cancel one; Deleted Documents keep it."""
		...

	# outbound
	def take_stock_changes(self, limit: int) -> list[str]:
		"""Removes up to `limit` outbox rows; returns their items, each once. Part of the transaction."""
		...

	def listed_items(self, channel: str, item_codes: Sequence[str] | None) -> list[str]:
		"""Those of the items (all, if None) whose stock the channel shows, bundles of them included."""
		...

	def stock_levels(self, channel: Channel, item_codes: Sequence[str]) -> list[ListingLevel]:
		"""What is available now for every listing and location of the items, in at most six queries."""
		...

	def save_pushed(self, channel: str, pushed: Sequence[StockLevel], now: datetime) -> None: ...

	def forget_pushed(self, channel: str, sales_order: str) -> None:
		"""Makes the last push of the order's listings unknown: the shop counts its own sales and cancellations,
		so that the same number as before is to be sent all the same."""
		...

	def save_push_errors(self, channel: str, errors: Mapping[str, str]) -> None:
		"""Error text by listing."""
		...

	def get_shipment(self, delivery_note: str) -> Shipment | None:
		"""The Delivery Note as it stands now; None if it does not belong to a channel's order."""
		...

	def get_order_change(self, sales_order: str) -> OrderChange | None: ...
