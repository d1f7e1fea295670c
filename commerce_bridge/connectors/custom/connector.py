"""A custom storefront as a `Connector`."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Literal

from commerce_bridge.bridge import signatures, strict_json
from commerce_bridge.bridge.channel import Channel, Credentials
from commerce_bridge.bridge.errors import BridgeError, Misconfigured, Retryable
from commerce_bridge.bridge.model import (
	Customer,
	Event,
	InvoiceNotice,
	Listing,
	OrderChange,
	OrderStatus,
	Price,
	RefundRequest,
	ReturnNotice,
	Shipment,
	StockLevel,
)
from commerce_bridge.bridge.protocols import (
	Answer,
	Check,
	HttpResponse,
	Incoming,
	Page,
	PayoutPage,
	ProductPage,
	PushResult,
	ShownPage,
	Suggestions,
	Surroundings,
	Token,
	WebhookRequest,
	row_key,
)
from commerce_bridge.connectors.custom import mapper, messages, webhook
from commerce_bridge.connectors.custom.client import CustomClient, http_date, row_results

#: How far the shop's clock may be off before the pre-flight check says so; signatures end at 300 s.
CLOCK_WARNING = timedelta(seconds=60)


class CustomConnector:
	"""Built for one channel and one unit of work."""

	platform = "custom"
	batch_size = 250
	listing_batch_size = 50
	order_topics = frozenset({"order.upserted", "order.cancelled"})
	fact_topics = webhook.OF_AN_ORDER

	def __init__(self, channel: Channel, credentials: Credentials, surroundings: Surroundings):
		self._channel = channel
		self._credentials = credentials
		self._now = surroundings.now
		self._client = CustomClient(channel, credentials, surroundings.transport, surroundings.now)

	# --- inbound ---

	def handshake(self, request: WebhookRequest) -> Answer | None:
		"""None: custom storefronts sign everything."""
		return None

	def verify(self, request: WebhookRequest, now: datetime) -> None:
		"""Standard Webhooks; raises `Unauthorized`."""
		signatures.verify(request.headers, request.body, self._credentials.webhook_secrets, now)

	def identify(self, request: WebhookRequest) -> Incoming:
		"""Raises `BadRequest`; see `webhook.identify`."""
		return webhook.identify(request)

	def parse(self, topic: str, payload: str) -> Event:
		"""Raises `Rejected`; see `mapper.parse`."""
		return mapper.parse(topic, payload)

	# --- reading ---

	def complete(self, event: Event) -> Event:
		"""The event itself: a custom storefront's messages are whole."""
		return event

	def products(self, cursor: str | None) -> ProductPage | None:
		"""None: a custom storefront's catalog is ERPNext's."""
		return None

	def fetch_order(self, external_id: str) -> Incoming | None:
		"""`GET …/orders/<id>`; None on 404."""
		order = self._client.order(external_id)
		return None if order is None else _polled(order)

	def orders_since(self, cursor: str | None) -> Iterator[Page]:
		"""`GET …/orders?since=<cursor>`, page after page; nothing where the storefront answers 404."""
		more = True
		while more:
			answer = self._client.orders(cursor)
			if answer is None:
				return
			page = _page(answer)
			if page.more and page.cursor in (None, cursor):
				raise Retryable("The storefront says there are more orders, but its cursor does not move")
			cursor, more = page.cursor, page.more
			yield page

	def shown_stock(self, cursor: str | None) -> ShownPage | None:
		"""`GET …/stock?cursor=<cursor>`; None where the storefront answers 404."""
		return self._shown("stock", cursor, mapper.read_levels)

	def shown_catalog(self, cursor: str | None) -> ShownPage | None:
		"""`GET …/catalog?cursor=<cursor>`; None where the storefront answers 404."""
		return self._shown("catalog", cursor, mapper.read_products)

	def _shown(
		self,
		what: Literal["stock", "catalog"],
		cursor: str | None,
		read: Callable[[Mapping[str, Any]], ShownPage],
	) -> ShownPage | None:
		answer = self._client.shown(what, cursor)
		if answer is None:
			return None
		page = read(answer)
		if page.cursor is not None and page.cursor == cursor:
			raise Retryable(f"The storefront's {what} has another page, but its cursor does not move")
		return page

	# --- outbound ---

	def push_stock(self, levels: Sequence[StockLevel]) -> list[PushResult]:
		"""One `stock.updated` for the whole batch."""
		response = self._client.post("stock.updated", messages.stock_data(levels))
		return row_results(response, [row_key(level) for level in levels])

	def push_prices(self, prices: Sequence[Price]) -> list[PushResult]:
		"""One `price.updated` for the whole batch."""
		response = self._client.post("price.updated", messages.price_data(prices))
		return row_results(response, [price.listing for price in prices])

	def push_listings(self, listings: Sequence[Listing]) -> list[PushResult]:
		"""One `listing.upserted` for the whole batch."""
		response = self._client.post("listing.upserted", messages.listing_data(listings))
		return row_results(response, [listing.listing for listing in listings])

	def push_shipment(self, shipment: Shipment) -> PushResult:
		"""`shipment.upserted`, or `shipment.cancelled` to take an earlier one back."""
		topic = "shipment.cancelled" if shipment.cancelled else "shipment.upserted"
		response = self._client.post(topic, messages.shipment_data(shipment))
		return row_results(response, [shipment.id])[0]

	def push_order_change(self, change: OrderChange) -> PushResult:
		"""`order.changed`."""
		response = self._client.post("order.changed", messages.order_change_data(change))
		return row_results(response, [change.order_id])[0]

	def push_order_status(self, status: OrderStatus) -> PushResult:
		"""`order.status_changed`."""
		response = self._client.post("order.status_changed", messages.order_status_data(status))
		return row_results(response, [status.order_id])[0]

	def push_customer(self, customer: Customer) -> PushResult:
		"""`customer.updated`."""
		response = self._client.post("customer.updated", messages.customer_data(customer))
		return row_results(response, [customer.id or ""])[0]

	def push_refund(self, request: RefundRequest) -> PushResult:
		"""`refund.requested`. Without an answer that names the shop's refund, that is called as the request is."""
		response = self._client.post("refund.requested", messages.refund_request_data(request))
		result = row_results(response, [request.id])[0]
		named = result.external_ids or (request.id,)
		return result if result.error else replace(result, external_ids=named)

	def push_invoice(self, invoice: InvoiceNotice) -> PushResult:
		"""`invoice.upserted`, or `invoice.cancelled`."""
		topic = "invoice.cancelled" if invoice.cancelled else "invoice.upserted"
		response = self._client.post(topic, messages.invoice_data(invoice))
		return row_results(response, [invoice.id])[0]

	def push_return(self, notice: ReturnNotice) -> PushResult:
		"""`return.updated`. The result names the shop's return, where its answer does."""
		response = self._client.post("return.updated", messages.return_data(notice))
		return row_results(response, [notice.id])[0]

	def payouts(self, cursor: str | None) -> PayoutPage | None:
		"""None: the payouts of a custom storefront are those of its gateways."""
		return None

	# --- set-up ---

	def check(self) -> list[Check]:
		"""Sends a signed `ping`: address, secret and clock, each with what to change."""
		missing = self._missing_settings()
		if missing:
			return missing
		try:
			response = self._client.post("ping", {})
		except BridgeError as error:
			return [self._refused_ping(error)]
		return [self._check(True, "The storefront answers and accepts our signature"), *self._clock(response)]

	def register_webhooks(self, callback_url: str) -> str:
		"""Sends nothing: the storefront's developer enters the channel's webhook URL and secret there."""
		return f"A custom storefront is told by hand: enter {callback_url} and the webhook secret in it"

	def unregister_webhooks(self, callback_url: str) -> None:
		"""Nothing: a disabled channel answers 401 until the storefront's developer removes the URL there."""

	def warnings(self) -> list[Check]:
		"""None: the format of a custom storefront does not end."""
		return []

	def suggestions(self) -> Suggestions | None:
		"""None: a custom storefront names its taxes and shipping methods in its orders only."""
		return None

	def webhooks_differ(self, callback_url: str) -> bool:
		"""False: nothing is registered at a custom storefront."""
		return False

	def authorisation_url(self, callback_url: str, return_url: str, state: str) -> str:
		"""Raises `Misconfigured`: both sides know the webhook secret."""
		raise self._unauthorised()

	def authorised(self, query: Mapping[str, str]) -> Token:
		"""Raises `Misconfigured`, as `authorisation_url`."""
		raise self._unauthorised()

	def _unauthorised(self) -> Misconfigured:
		return Misconfigured(
			"A custom storefront needs no authorisation: it shares the webhook secret",
			doctype="Channel Settings",
			document=self._channel.name,
			fieldname="authentication",
		)

	def _refused_ping(self, error: BridgeError) -> Check:
		title = f"The storefront does not take a signed ping: {error}"
		fix = "Check the store URL and the webhook secret, here and in the storefront"
		return replace(self._check(False, title, fix), unreachable=isinstance(error, Retryable))

	def _missing_settings(self) -> list[Check]:
		"""A storefront may read all it needs, and post with a user's API token: then it has no address, and no secret."""
		sends = bool(self._channel.store_url)
		checks = []
		if not sends:
			title = "No store URL: orders can come in, but stock and shipments cannot go out"
			fix = "Enter the https address where the storefront takes our messages in Store URL, unless it reads them"
			checks.append(self._check(False, title, fix, warning=True))
		if not any(self._credentials.webhook_secrets):
			title = "No webhook secret: what is sent cannot be signed"
			fix = "Use Rotate Secret, and enter it in the storefront too"
			checks.append(self._check(False, title, fix, warning=not sends))
		return checks

	def _clock(self, response: HttpResponse) -> list[Check]:
		theirs = http_date(response.headers.get("date", ""))
		if theirs is None:
			return []
		off = abs(theirs - self._now())
		if off <= CLOCK_WARNING:
			return [self._check(True, "The storefront's clock agrees with ours")]
		seconds = int(off.total_seconds())
		title = f"The storefront's clock is {seconds} s off; signatures end at 300 s"
		return [self._check(False, title, "Synchronise the clocks of both servers (NTP)", warning=True)]

	def _check(self, ok: bool, title: str, fix: str | None = None, warning: bool = False) -> Check:
		return Check(
			ok=ok,
			title=title,
			fix=fix,
			severity="warning" if warning else "error",
			doctype="Channel Settings",
			document=self._channel.name,
		)


def _page(answer: Mapping[str, Any]) -> Page:
	orders, cursor, more = answer.get("orders"), answer.get("cursor"), answer.get("more", False)
	if not isinstance(orders, list) or not all(isinstance(order, dict) for order in orders):
		raise Retryable("The storefront's page of orders cannot be read: orders: must be a list of objects")
	if not isinstance(cursor, (str, type(None))) or not isinstance(more, bool):
		raise Retryable("The storefront's page of orders cannot be read: cursor: a string, more: a boolean")
	return Page(tuple(map(_polled, orders)), cursor, more)


def _polled(order: dict[str, Any]) -> Incoming:
	"""An order that was read, as if it had been sent. The same content is the same event."""
	data = strict_json.dumps(order)
	payload = strict_json.dumps({"type": "order.upserted", "data": order})
	envelope = webhook.Envelope("order.upserted", order)
	return webhook.incoming(envelope, "polled:" + hashlib.sha256(data.encode("utf-8")).hexdigest(), payload)
