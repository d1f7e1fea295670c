"""What the engine asks of the world. `commerce_bridge/erpnext` and `sandbox` implement the first three.

All four share one database transaction on a site: `Erp.transaction()` covers what `Journal` and
`ChannelState` write inside it, except where a method says that it commits by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal, Protocol

from commerce_bridge.bridge.adoption import UnnamedRow
from commerce_bridge.bridge.channel import Channel, Credentials
from commerce_bridge.bridge.clock import Now
from commerce_bridge.bridge.details import Details
from commerce_bridge.bridge.model import (
	Address,
	Customer,
	DataRequest,
	Event,
	Fulfilment,
	InvoiceNotice,
	Listing,
	OrderChange,
	OrderStatus,
	Payout,
	Price,
	Product,
	Redaction,
	RefundRequest,
	ReturnNotice,
	Shipment,
	ShownLevel,
	ShownProduct,
	StockLevel,
)
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
from commerce_bridge.bridge.return_plan import AuthorisationPlan, Receipt, ReturnState

Direction = Literal["Inbound", "Outbound"]
#: What of a listing may have changed, and what is pushed for it.
Kind = Literal["stock", "price", "listing"]
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


@dataclass(frozen=True, slots=True)
class Limits:
	"""What one request may take.

	:param seconds: for all of it, the answer included
	:param size: of the answer, in bytes, unpacked
	:param encrypted: False allows plain HTTP, where the platform signs each request instead
	"""

	seconds: float
	size: int
	encrypted: bool = True


class Transport(Protocol):
	"""Sends one HTTP request and follows no redirect.

	Raises `Retryable` when there is no answer (name, connection, timeout), `Misconfigured` when the
	address is not one we may talk to. Any status is returned, not raised. Without `limits` its own apply.
	"""

	def send(
		self,
		method: str,
		url: str,
		headers: Mapping[str, str],
		body: bytes | None = None,
		limits: Limits | None = None,
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

	key: str  # of a level `row_key`; of a price or listing its `listing`; else the document's id
	error: str | None = None
	retry: bool = False
	product_id: str | None = None  # what the storefront calls a listing it has just created
	variant_id: str | None = None
	stock_id: str | None = None  # what it calls the listing where it counts stock, where that was found out
	external_ids: tuple[str, ...] = ()  # what it calls a shipment: one a location
	stale: bool = False  # it shows another level than expected: what was last pushed is not known any more
	warning: str | None = None  # of a listing that was taken: what a person has to do for it to be seen
	unsent: bool = False  # it is left for another call, and `error` says why


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
	unreachable: bool = (
		False  # the storefront does not answer now: what is wrong with the set-up is not known
	)


@dataclass(frozen=True, slots=True)
class SuggestedTax:
	"""A tax of the shop as its orders name it. `rate` is in percent; `example` says where it was met."""

	title: str | None
	code: str | None = None
	rate: Decimal | None = None
	example: str = ""
	covered: bool = False  # by a row of the channel that stands for all


@dataclass(frozen=True, slots=True)
class SuggestedShipping:
	"""A shipping method of the shop as its orders name it."""

	code: str | None
	title: str | None
	example: str = ""
	covered: bool = False


@dataclass(frozen=True, slots=True)
class SuggestedLocation:
	"""A place the shop keeps stock at."""

	id: str
	name: str
	example: str = ""


@dataclass(frozen=True, slots=True)
class SuggestedGateway:
	"""A way to pay as the shop's payments name it; `title` is what buyers read, where it says so."""

	gateway: str
	title: str | None = None
	example: str = ""
	covered: bool = False


@dataclass(frozen=True, slots=True)
class UsualGateway:
	"""A gateway many shops have, as a row of the payment map.

	:param gateway: pattern that fits what the platform calls it
	:param mode_of_payment: of ERPNext's own, where there is none of this title
	"""

	title: str
	gateway: str
	book: Literal["Now", "On Capture", "On Delivery", "Never"] = "On Capture"
	mode_of_payment: str | None = None


@dataclass(frozen=True, slots=True)
class Suggestions:
	"""What of a shop the tables of a channel may have a row for. `notes` say, in words, what could not be read."""

	taxes: tuple[SuggestedTax, ...] = ()
	shipping: tuple[SuggestedShipping, ...] = ()
	locations: tuple[SuggestedLocation, ...] = ()
	notes: tuple[str, ...] = ()
	gateways: tuple[SuggestedGateway, ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
	"""A page of a poll. `cursor` is stored after the page's events are."""

	events: tuple[Incoming, ...]
	cursor: str | None
	more: bool


@dataclass(frozen=True, slots=True)
class ShownPage:
	"""A page of what the storefront shows. `cursor` asks for the next one, None is the end."""

	rows: tuple[ShownLevel, ...] | tuple[ShownProduct, ...]
	cursor: str | None


@dataclass(frozen=True, slots=True)
class Token:
	"""An access token a platform gave; `expires` (aware, UTC) is None where it does not end."""

	value: str = field(repr=False)
	expires: datetime | None = None


class Memory(Protocol):
	"""What is kept of a channel between units of work: its token, encrypted, and facts about its shop.
	Part of `ChannelState`."""

	def get_token(self, channel: str) -> Token | None: ...

	def save_token(self, channel: str, token: Token | None) -> None:
		"""Commits by itself: other workers must not use the one before."""
		...

	def get_facts(self, channel: str) -> dict[str, str]:
		"""What was found out about the shop, by name. Those whose name begins with a capital ("WooCommerce",
		"Tracking") are shown on the channel's form; no secret is among them."""
		...

	def save_facts(self, channel: str, facts: Mapping[str, str]) -> None:
		"""Takes the place of what was kept; commits by itself."""
		...


@dataclass(frozen=True, slots=True)
class Surroundings:
	"""What a connector works with during one unit of work.

	:param transport: to addresses that users typed in, or that a storefront gave
	:param sleep: waits so many seconds, where a storefront says how long
	:param unit: name of the Sync Log: a call repeated within it is known as a repetition
	:param allow_loopback: for development: the storefront may be on this machine, without TLS
	"""

	transport: Transport
	memory: Memory
	now: Now
	sleep: Callable[[float], None]
	unit: str = ""
	allow_loopback: bool = False


@dataclass(frozen=True, slots=True)
class ProductPage:
	"""Products of an export, and where the next page begins; None is the end.

	:param wait: the storefront is still preparing the export: ask again, with this cursor, after so long
	:param done: of `total`, in whatever the storefront counts, for the progress
	"""

	products: tuple[Product, ...]
	cursor: str | None
	wait: timedelta | None = None
	done: int = 0
	total: int | None = None


@dataclass(frozen=True, slots=True)
class PayoutPage:
	"""A page of payouts. `cursor` is stored after the page was, and asked from again the next time."""

	payouts: tuple[Payout, ...]
	cursor: str | None
	more: bool


class Connector(Protocol):
	"""A platform. Built for one channel and one unit of work; holds its client and credentials.

	The `push_…` methods of batches give one result for each row, in order, and take no longer than a minute or so:
	what is left then is `unsent`, but never all of it. They raise `TooLarge` where the
	storefront says that the request is too large: it is cut in half then.
	"""

	platform: str
	batch_size: int  # stock levels and prices in one call
	listing_batch_size: int  # listings in one call: descriptions are long
	order_topics: frozenset[str]  # of entries that hold an order as a whole, or lead to it
	fact_topics: frozenset[str]  # of entries that hold a payment, refund or return of an order by itself

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

	def complete(self, event: Event) -> Event:
		"""An `incomplete` event with what its payload does not say, asked of the storefront. Its data is None
		where the storefront does not have it any more. Called outside any transaction."""
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
		"""Sends one batch of at most `batch_size` absolute levels."""
		...

	def push_prices(self, prices: Sequence[Price]) -> list[PushResult]:
		"""Sends one batch of at most `batch_size` prices."""
		...

	def push_listings(self, listings: Sequence[Listing]) -> list[PushResult]:
		"""Sends one batch of at most `listing_batch_size` listings; those without an id in the shop are created
		there, and the result says what it calls them."""
		...

	def shown_stock(self, cursor: str | None) -> ShownPage | None:
		"""A page of the levels the storefront shows now; None where it cannot be asked."""
		...

	def shown_catalog(self, cursor: str | None) -> ShownPage | None:
		"""A page of the products the storefront has now; None where it cannot be asked."""
		...

	def products(self, cursor: str | None) -> ProductPage | None:
		"""A page of the shop's products with all their variants, for an import; None where it cannot be asked.

		:param cursor: of the page before; None begins a new export
		"""
		...

	def push_order_status(self, status: OrderStatus) -> PushResult: ...

	def push_customer(self, customer: Customer) -> PushResult: ...

	def push_shipment(self, shipment: Shipment) -> PushResult:
		"""Tells of a shipment, or of what changed of one that was told. A repetition after a worker died between
		the call and the commit ships nothing twice. The result names what the storefront calls it."""
		...

	def push_order_change(self, change: OrderChange) -> PushResult: ...

	def push_refund(self, request: RefundRequest) -> PushResult:
		"""Gives money back in the shop, once: a repetition after a lost answer finds the refund that is there. Its
		result names the shop's refund (`external_ids`)."""
		...

	def push_invoice(self, invoice: InvoiceNotice) -> PushResult: ...

	def push_return(self, notice: ReturnNotice) -> PushResult: ...

	def payouts(self, cursor: str | None) -> PayoutPage | None:
		"""Payouts of the platform's own payments that reached the bank, oldest first; None where it has none, or cannot be
		asked.

		:param cursor: of an earlier page; None for the whole history
		"""
		...

	def check(self) -> list[Check]:
		"""Reachability, credentials, clock."""
		...

	def warnings(self) -> list[Check]:
		"""What works now and will not for much longer, each with what to do; asked once a day, and told to people
		once for each title. Empty where there is nothing."""
		...

	def suggestions(self) -> Suggestions | None:
		"""Taxes, shipping methods, locations and payment gateways of the shop, each once; None where it cannot be asked
		for them."""
		...

	def register_webhooks(self, callback_url: str) -> str | None:
		"""Tells the platform where to post; where it cannot be told, what a person has to do there."""
		...

	def unregister_webhooks(self, callback_url: str) -> None: ...

	def webhooks_differ(self, callback_url: str) -> bool:
		"""Whether `register_webhooks` would change something now."""
		...

	def authorisation_url(self, callback_url: str, return_url: str, state: str) -> str:
		"""Where a person agrees that we may use the shop. Its answer, with `state`, comes to `callback_url`: with
		that person's browser, or posted by the shop, which then sends the person to `return_url`. Raises
		`Misconfigured` where the platform, or the channel, does not work that way."""
		...

	def authorised(self, query: Mapping[str, str]) -> Token:
		"""The token, for what the platform sent with that person; its caller has checked the state. Raises
		`Rejected` unless it is the platform's own answer for this channel's shop."""
		...


class Connect(Protocol):
	"""Builds the connector of a channel for one unit of work, named after its Sync Log."""

	def __call__(self, channel: Channel, credentials: Credentials, unit: str = "") -> Connector: ...


class ConnectorFactory(Protocol):
	"""What the registry holds for a platform."""

	def __call__(
		self, channel: Channel, credentials: Credentials, surroundings: Surroundings
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
	recorded: datetime | None = None
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
	details: Details | None = None  # kept while an entry is retrying, else written by every attempt


@dataclass(frozen=True, slots=True)
class Traces:
	"""Where the journal may speak of a person.

	:param orders: external ids of orders, and `customers` of customers: the same id may be both
	:param documents: names of documents that entries are about
	:param words: e-mail addresses and phone numbers, looked for in entries that name no id
	:param everything: all entries of the channel
	"""

	orders: tuple[str, ...] = ()
	customers: tuple[str, ...] = ()
	documents: tuple[str, ...] = ()
	words: tuple[str, ...] = ()
	everything: bool = False


#: What an entry says in place of what it said of a person.
ERASED = "Its contents were erased: the shop asked for it"


@dataclass(frozen=True, slots=True)
class Redacted:
	"""What was erased, in words; `more`: it was too much for one transaction, another has to go on."""

	message: str
	more: bool = False


@dataclass(frozen=True, slots=True)
class Uncounted:
	"""An inbound entry whose sales are to be counted; `payload` is None where there is nothing to count."""

	name: str
	channel: str
	topic: str
	payload: str | None


class Journal(Protocol):
	def record(self, entries: Sequence[NewEntry]) -> list[Recorded]:
		"""Inserts entries that are not there yet; part of the caller's transaction."""
		...

	def claim(self, now: datetime, lease: timedelta) -> Entry | None:
		"""Takes the due entry that is longest due: Queued or Retrying whose time has come, or Running whose
		lease ran out. Only of a channel that may work (Active; for outbound: circuit closed, or half-open
		without a live probe) and of a lane in which nothing runs under a live lease. `webhooks.follow` is also
		claimed for a Disabled channel: it takes the webhooks back. Commits by itself."""
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

	def name_order(self, entry: Entry, external_id: str) -> None:
		"""Keeps of which order an entry is that did not say so; part of the caller's transaction."""
		...

	def settle(
		self,
		entry: Entry,
		external_id: str,
		topics: Sequence[str],
		updated_at: datetime,
		seen: datetime | None,
		message: str,
	) -> int:
		"""Skips the inbound entries of these topics about this order that failed, and hold nothing newer than what
		this entry brought: another order state, older than `updated_at`; or one of that very moment (storefronts
		count seconds) that was recorded by `seen`, or has the same payload. Those of that very moment, recorded by
		`seen`, that a worker left or that wait to be tried again are skipped too: they would bring back what was
		before. Part of the caller's transaction.

		:param seen: until when the state that was applied is known to hold everything; None where a version says it
		:return: how many
		"""
		...

	def merge_queued(self, channel: str, topic: str, items: Sequence[str], limit: int) -> bool:
		"""Adds items, each once, to an outbound entry of this topic that is Queued and was never tried, if
		there is one with room for all (a JSON list of at most `limit`). Part of the caller's transaction."""
		...

	def latest(self, channel: str, topics: Sequence[str], external_id: str) -> tuple[str, str] | None:
		"""Topic and payload of the newest inbound entry of these topics about an order that was applied; None where there
		is none, or its payload expired."""
		...

	def wake(
		self, channel: str, topics: Sequence[str], external_id: str, now: datetime, refused: bool = False
	) -> int:
		"""Entries of these topics about an order that wait to be tried again, or gave up waiting (class Retryable), are due
		now. Part of the caller's transaction; returns how many.

		:param refused: those that failed for a person to decide (class Rejected) too
		"""
		...

	def is_open(self, channel: str, topic: str, external_id: str) -> bool:
		"""Whether an entry of this topic about this id is Queued, Running or Retrying."""
		...

	def blank(self, channel: str, traces: Traces, keep: str) -> int:
		"""Erases what entries of the channel say of a person: payloads, summaries, messages. Rows and keys stay.
		Inbound ones that are not finished become Skipped. Part of the caller's transaction.

		:param keep: the entry that asks for it, which is left alone
		:return: how many
		"""
		...

	def uncounted(self, limit: int) -> list[Uncounted]:
		"""Up to `limit` inbound entries that nobody looked into for unbooked sales yet, oldest first, and with
		them whatever else is unfinished about the same external ids. Nothing is locked."""
		...

	def mark_counted(self, names: Sequence[str]) -> None:
		"""These entries were looked into; part of the caller's transaction."""
		...

	def count_again(self, orders: Sequence[tuple[str, str]]) -> None:
		"""The unfinished entries of these orders (channel, external id) are to be looked into again."""
		...

	def payload(self, name: str) -> str | None:
		"""What an entry was recorded with, as other transactions committed it; None once it expired."""
		...

	def state_of(self, name: str) -> State | None:
		"""None where there is no such entry."""
		...

	def open_payloads(self, channel: str, topics: Sequence[str]) -> list[str]:
		"""Payloads of the channel's outbound entries of these topics that are Queued, Running or Retrying."""
		...

	def supersede(self, channel: str, topics: Sequence[str], before: datetime, message: str) -> int:
		"""Skips the channel's outbound entries of these topics that failed and were recorded before a time: what
		they were to send was sent by something else. Part of the caller's transaction; returns how many."""
		...


# --- the channel's own memory: DocType Channel State ---------------------------------------------------


@dataclass(frozen=True, slots=True)
class Circuit:
	"""`opened_until` is None while the circuit is closed. `probing_since` marks the one half-open probe."""

	failures: int = 0
	opened_until: datetime | None = None
	probing_since: datetime | None = None


ProgressKind = Literal["Import", "Products", "Stock", "Prices", "Listings", "Stock Check"]


@dataclass(frozen=True, slots=True)
class Progress:
	"""How far an import, a resync or a check has come; shown on the channel's form. Times are aware, UTC."""

	kind: ProgressKind
	done: int
	total: int | None  # None while it is not known
	failed: int
	started: datetime
	finished: datetime | None = None
	message: str = ""


class ChannelState(Memory, Protocol):
	def channel(self, name: str, anew: bool = False) -> Channel:
		"""Settings, with the *effective* status: a copy of the site is Paused. Raises `Misconfigured`.

		:param anew: as they are now; else what is kept of them may be of a moment ago
		"""
		...

	def credentials(self, name: str) -> Credentials:
		"""Secrets in force now: current and previous until its expiry."""
		...

	def active_channels(self) -> list[str]: ...

	def pause(self, channel: str, reason: str) -> None:
		"""The channel works on nothing until a person makes it Active again; they are told the reason. Part of
		the caller's transaction."""
		...

	def get_circuit(self, channel: str) -> Circuit: ...

	def swap_circuit(self, channel: str, before: Circuit, after: Circuit) -> bool:
		"""Compare and set; False if another worker changed it meanwhile. Commits by itself."""
		...

	def get_cursor(self, channel: str, name: str, lock: bool = False) -> str | None:
		"""With `lock` as it was committed last, and nobody changes it until the caller's transaction ends."""
		...

	def set_cursor(self, channel: str, name: str, value: str | None) -> None: ...

	def set_progress(self, channel: str, progress: Progress) -> None:
		"""Keeps the latest of each kind; part of the caller's transaction."""
		...

	def get_progress(self, channel: str) -> list[Progress]:
		"""The latest of each kind, the newest first."""
		...


# --- the ERP ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ListingLevel:
	"""A listing at a location with what is available now and what was last pushed there."""

	level: StockLevel
	last_pushed: Decimal | None
	reason: str | None = None  # why nothing of it is offered, where that is not a matter of quantity


@dataclass(frozen=True, slots=True)
class ListingPrice:
	"""A listing's price now, and the fingerprint of the price that was last pushed.

	`problem` says why there is none to send, and what to do about it.
	"""

	price: Price
	last_pushed: str | None
	problem: str | None = None


@dataclass(frozen=True, slots=True)
class ListingContent:
	"""A listing's content now, the fingerprint of the content that was last pushed, and what was left out of it."""

	content: Listing
	last_pushed: str | None
	warning: str | None = None


@dataclass(frozen=True, slots=True)
class Linked:
	"""What an import made of one variant. `error` says why it was left alone, in words for people."""

	variant_id: str
	sku: str | None = None
	item_code: str | None = None
	made: Literal["Item", "Listing", "Nothing"] = "Nothing"
	error: str | None = None


DriftKind = Literal["Differs", "Not in Shop", "Unknown to Us"]


@dataclass(frozen=True, slots=True)
class Drift:
	"""A difference between what a storefront shows and what the ERP has to offer. `shown` is None where the
	storefront does not show the listing, `available` where the ERP does not know the product."""

	kind: DriftKind
	listing: str | None = None
	item_code: str | None = None
	sku: str | None = None
	product_id: str | None = None
	variant_id: str | None = None
	location_id: str | None = None
	shown: Decimal | None = None
	available: Decimal | None = None


@dataclass(frozen=True, slots=True)
class DriftCheck:
	"""One comparison of a storefront with the ERP. `drifted` counts listings, `units` is Σ |shown − available|
	of them, `pending` are differences whose push is on its way, `unknown` products nobody listed."""

	id: str
	channel: str
	started: datetime
	listings: int = 0
	drifted: int = 0
	units: Decimal = Decimal(0)
	pending: int = 0
	unknown: int = 0
	finished: datetime | None = None


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

	# the documents of orders: Sales Orders, or Sales Invoices that stand instead of one; both go by `sales_order` here
	def exchange_rate(self, channel: Channel, currency: str, on: date) -> Decimal:
		"""Company currency for one unit. Raises `Misconfigured` where none is kept."""
		...

	def rounding(self) -> Rounding:
		"""How the ERP rounds amounts and quantities."""
		...

	def get_sales_order(self, name: str) -> SalesOrderState | None:
		"""What stands on the document of an order; None where there is none of this name."""
		...

	def create_sales_order(self, channel: Channel, plan: SalesOrderPlan) -> Booked:
		"""Makes what `plan.document` says. Raises `Misconfigured` where a Sales Invoice would have a Sales Order's name, or
		units of its items are to be chosen, which is done for Sales Orders only."""
		...

	def replace_sales_order(self, channel: Channel, name: str, plan: SalesOrderPlan) -> Booked:
		"""Draft: rewritten in place. Submitted: cancelled and amended. Cancelled: amended. `plan.document` is what it is."""
		...

	def cancel_sales_order(self, name: str) -> None:
		"""Submitted: cancelled. Draft: deleted, for ERPNext cannot cancel one; Deleted Documents keep it."""
		...

	def unnamed_rows(self, sales_order: str) -> list[UnnamedRow]:
		"""Rows that do not say which line of the shop's order they are: another connector made them."""
		...

	def name_rows(self, line_ids: Mapping[str, str]) -> None:
		"""Keeps the line ids, by row of a Sales Order; documents made from these rows get them too."""
		...

	# after the order: money, and goods that come back
	def records_of(self, channel: str, record_type: str, order_id: str) -> list[Record]:
		"""The records of this type that are of an order, oldest first, their rows locked."""
		...

	def get_books(self, sales_order: str) -> Books | None:
		"""What the books say of an order, in a fixed number of queries; None where there is no such order."""
		...

	def create_payment(self, channel: Channel, plan: PaymentPlan) -> str:
		"""A submitted Payment Entry. Raises `Misconfigured` where an account cannot take the currency."""
		...

	def cancel_payment(self, name: str) -> None:
		"""Cancels a Payment Entry; one that is cancelled or deleted stays as it is. Raises `Rejected` where the bank
		statement says that the money moved."""
		...

	def payment_stands(self, name: str) -> bool:
		"""Whether a Payment Entry is there and not cancelled."""
		...

	def create_invoice(self, channel: Channel, plan: InvoicePlan) -> Booked | None:
		"""None where nothing is left to be billed."""
		...

	def create_credit_note(self, channel: Channel, plan: CreditNotePlan) -> Booked: ...

	def delete_draft_invoices(self, sales_order: str) -> list[str]:
		"""Deletes the draft invoices that we made of the order, and no credit notes, nor the order's own document; returns
		their names."""
		...

	def delete_draft_credit_note(self, name: str) -> None:
		"""Deletes a credit note that is a draft; one that is submitted, or gone, stays as it is."""
		...

	def create_returns(self, channel: Channel, plan: ReturnPlan) -> list[str]:
		"""Return Delivery Notes, one for each Delivery Note that goods come back of, and a receipt into stock of what left with
		a Sales Invoice. Raises `Rejected` where less was delivered, and not returned yet."""
		...

	def close_sales_order(self, name: str) -> None:
		"""Nothing more of it is to be delivered. What is closed stays closed. A Sales Invoice that stands for an order has
		nothing to be closed: its credit notes say it."""
		...

	# returns
	def get_return(self, name: str) -> ReturnState | None:
		"""A Return Authorisation as it stands, its row locked; None where there is none."""
		...

	def save_return(self, channel: Channel, plan: AuthorisationPlan, name: str | None) -> str:
		"""Makes a Return Authorisation of what the shop said, or brings one up to date; returns its name. The shop is not
		told of it: it knows."""
		...

	def name_return(self, name: str, external_id: str) -> None:
		"""Keeps what the shop calls a return that began in the ERP."""
		...

	def receive_return(
		self, channel: Channel, name: str, quantities: Mapping[str, Decimal], submit: bool
	) -> Receipt:
		"""Takes goods back, by the shop's line id: return Delivery Notes of what was delivered, and a receipt into stock of
		what the ERP never delivered. Where a person has to say which units came, nothing is made of that line, and the
		receipt's note says so. Raises `Rejected` where less was delivered, and not returned yet."""
		...

	def get_return_notice(self, name: str, channel: str) -> ReturnNotice | None:
		"""How far a return is; None where it is none of this channel's, or is gone."""
		...

	# invoices and refunds, told
	def get_invoice_notice(
		self, name: str, channel: str, order_id: str | None = None
	) -> InvoiceNotice | None:
		"""A Sales Invoice or credit note as it stands, of this order of the channel; with where its PDF is, where the
		channel wants that. None where it is none of the channel's orders'."""
		...

	def get_refund_request(self, name: str, channel: str) -> RefundRequest | None:
		"""What the shop is asked to give back for a credit note. None where it is not submitted, was made of a refund of the
		shop's, or nothing of it is owed to the buyer any more. Its `id` is that of the first document of an amended one."""
		...

	# sent by the shop itself
	def get_deliveries(self, sales_order: str) -> Deliveries:
		"""What is ordered, and what ships of it: submitted and draft, not cancelled. A Sales Invoice that stands for the order,
		and updates stock, is among them."""
		...

	def create_delivery_note(self, channel: Channel, sales_order: str, fulfilment: Fulfilment) -> str:
		"""A draft of what the shop says was sent, with its tracking, from its location's warehouse. Its lines are
		those of the Sales Order. Raises `Rejected` where the order has not that much left."""
		...

	def withdraw_delivery_note(self, name: str) -> None:
		"""Deletes the draft of a fulfilment that the shop cancelled. Raises `Rejected` where it was submitted.
		One that was cancelled or deleted stays as it is."""
		...

	# the shop's products
	def link_products(
		self,
		channel: Channel,
		products: Sequence[Product],
		create: bool,
		overwrite: bool = False,
		prices: bool = False,
	) -> list[Linked]:
		"""Brings the channel's listings in line with products as the shop has them now: ids of those that are
		listed, listings of Items found by SKU, then by barcode, new Items where `create` says so and nothing was
		found. Variants that are gone are marked on their listings. One result for each variant; part of the
		caller's transaction, each product in a savepoint of its own.

		:param overwrite: texts and images of Items that are known become the shop's, where it owns them
		:param prices: the shop's price is kept where the channel's price list has none for the item
		:raises Misconfigured: where Items are to be made and the channel does not say how
		"""
		...

	def mark_not_exported(self, channel: str, since: datetime) -> int:
		"""Marks the listings of products of the shop that `link_products` did not meet since a time, although they
		were there then: the shop does not have them any more. Returns how many."""
		...

	def mark_deleted(self, channel: str, product_id: str) -> int:
		"""Marks the listings of a product that the shop does not have any more; returns how many."""
		...

	def note_shown(self, channel: Channel, shown: ShownLevel) -> Outcome:
		"""The shop says what it shows now. Where that is more than was last pushed, the level is forgotten, and
		its item goes into the outbox. Succeeded or Skipped, with what was made of it in words."""
		...

	# personal data
	def redact(self, channel: Channel, redaction: Redaction, log: str) -> Redacted:
		"""Erases what is known of a person, documents of the books aside: invoices, payments, ledgers. Of a
		customer whom others know too, only what this channel brought. Nothing known is no error. Part of the
		caller's transaction.

		:param log: the entry that asks for it
		"""
		...

	def personal_data(self, channel: Channel, request: DataRequest) -> str:
		"""What is known of a person, as JSON text: an object with lists named customers, contacts, addresses,
		orders, deliveries, invoices, entries. Of nobody else. Nothing is kept of it."""
		...

	def tell_personal_data(self, channel: Channel, log: str) -> None:
		"""Tells those who may read it that what the entry asks for can be read; part of the transaction."""
		...

	# sold, and not booked yet
	def known_orders(self, channel: str, external_ids: Sequence[str]) -> dict[str, Record]:
		"""The records of these orders by external id, as they are committed; nothing is locked."""
		...

	def save_unbooked(self, sales: Sequence[UnbookedSale]) -> None:
		"""Keeps what these orders sell, in place of what was kept of them. Until the Sync Log is finished, stock
		levels are less by it, as far as the order's Sales Order does not say it already. Items whose quantity
		changes go into the outbox."""
		...

	def forget_finished_sales(self) -> list[tuple[str, str]]:
		"""Drops what is kept for entries that are finished; their items go into the outbox.

		:return: the orders (channel, external id)
		"""
		...

	# outbound
	def take_changes(self, limit: int) -> dict[Kind, list[str]]:
		"""Removes up to `limit` outbox rows; returns their items by kind, each once. Part of the transaction."""
		...

	def mark_changed(self, kind: Kind, item_codes: Sequence[str], now: datetime) -> None:
		"""Stamps the listings of the items, in every channel, for those who read what changed since a time.
		Bundles of the items are meant too where `kind` is "stock"."""
		...

	def listed_items(self, channel: str, item_codes: Sequence[str]) -> list[str]:
		"""Those of the items that the channel lists, bundles of them included. A delisted one is listed until the
		shop was told so, and until it shows 0 of it wherever it was told more."""
		...

	def listed_after(
		self, channel: str, after: str | None, limit: int, among: Sequence[str] | None = None
	) -> list[str]:
		"""The next items the channel lists, sorted by item code: how a resync walks through all of them. Only a
		database knows its order of codes in upper and lower case: ask here what comes after an item.

		:param among: only those of these items
		"""
		...

	def count_listed(self, channel: str) -> int:
		"""How many items the channel lists."""
		...

	def stock_levels(self, channel: Channel, item_codes: Sequence[str]) -> list[ListingLevel]:
		"""What is available now for every listing and location of the items, in at most six queries."""
		...

	def listing_prices(self, channel: Channel, item_codes: Sequence[str]) -> list[ListingPrice]:
		"""What every listing of the items costs today, in a fixed number of queries."""
		...

	def listing_contents(self, channel: Channel, item_codes: Sequence[str]) -> list[ListingContent]:
		"""Every listing of the items as the storefront is to show it, in a fixed number of queries."""
		...

	def save_pushed_prices(self, channel: str, pushed: Sequence[Price], now: datetime) -> None:
		"""Keeps what the storefront took, and clears the errors of these listings."""
		...

	def save_pushed_listings(
		self, channel: str, pushed: Sequence[tuple[Listing, PushResult]], now: datetime
	) -> None:
		"""The same for listings; ids the storefront gave are kept too."""
		...

	def save_not_listed(self, channel: str, reasons: Mapping[str, str | None]) -> None:
		"""Keeps on each listing why it is not offered, or None where it is. Writes only what differs."""
		...

	def save_warnings(self, channel: str, warnings: Mapping[str, str | None]) -> None:
		"""Keeps on each listing what had to be left out of it, or has to be done by a person, or None. Writes only
		what differs."""
		...

	def save_pushed(self, channel: str, pushed: Sequence[StockLevel], now: datetime) -> None: ...

	def save_stock_ids(self, channel: str, ids: Mapping[str, str]) -> None:
		"""Keeps on the listings, by listing, what the storefront calls them where it counts stock."""
		...

	def forget_levels(self, channel: str, levels: Sequence[StockLevel]) -> None:
		"""Makes the last push of these listings at these locations unknown: the storefront shows something else."""
		...

	def forget_pushed(self, channel: str, sales_order: str) -> None:
		"""Makes the last push of the order's listings unknown: the shop counts its own sales and cancellations,
		so that the same number as before is to be sent all the same."""
		...

	def push_again(self, channel: str, sales_order: str) -> None:
		"""The same, of an order that nothing changes here any more: its items' levels are sent once more by themselves."""
		...

	def save_push_errors(self, channel: str, kind: Kind, errors: Mapping[str, str]) -> None:
		"""Keeps on the listings, by listing, why a feed's row was not taken; until that feed's next row is."""
		...

	def save_shown(self, channel: str, listings: Sequence[str], now: datetime) -> None:
		"""Keeps on the listings that the storefront showed them."""
		...

	def not_shown(
		self, channel: str, since: datetime, after: str | None, limit: int
	) -> list[tuple[str, str]]:
		"""The next published listings, with their items, that the storefront did not show since a time although
		they were there then; sorted by listing."""
		...

	def save_drift(self, check: DriftCheck, rows: Sequence[Drift]) -> None:
		"""Keeps the check as it stands and adds rows to it. A check that is finished takes the place of the
		channel's earlier ones: their rows are dropped, their numbers stay."""
		...

	def get_shipment(
		self, doctype: str, name: str, channel: str | None = None, order_id: str | None = None
	) -> Shipment | None:
		"""The Delivery Note, or Sales Invoice that updates stock, as it stands now, with what the storefront calls
		it and the order's other ones; None if it does not belong to a channel's order. It may ship several
		orders: what is meant is the shipment of this channel's order, or the first where they are not given."""
		...

	def get_order_change(self, sales_order: str) -> OrderChange | None: ...

	def get_order_status(self, sales_order: str, channel: str | None = None) -> OrderStatus | None:
		"""How far an order is; None if there is none, or an amendment took its place. An order of another
		channel, or of none, goes by the document's name: its own id may mean something else there."""
		...

	def get_customer(self, customer: str) -> Customer | None:
		"""The customer with contact and addresses as they stand now, `id` being the ERP's name of it."""
		...
