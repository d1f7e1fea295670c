"""A WooCommerce shop as a `Connector`: each method is told in the module it names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import cached_property

from commerce_bridge.bridge.channel import Channel, Credentials
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
)
from commerce_bridge.connectors.woocommerce import (
	catalog,
	gateways,
	invoices,
	mapper,
	order_changes,
	orders,
	payments,
	pricing,
	product_export,
	refund_requests,
	setup,
	shipments,
	stock,
	subscriptions,
	suggestions,
	webhook,
)
from commerce_bridge.connectors.woocommerce.client import WooCommerceClient


class WooCommerceConnector:
	"""Built for one channel and one unit of work. The client is made when something is first asked of the shop:
	webhooks are read of a channel that is not set up yet, too."""

	platform = "woocommerce"
	batch_size = stock.BATCH
	listing_batch_size = catalog.BATCH
	order_topics = mapper.ORDER_TOPICS
	fact_topics: frozenset[str] = frozenset()
	#: For the registry: see the functions of these names in `connectors`.
	settings_problems = staticmethod(setup.settings_problems)
	default_statuses = mapper.DEFAULT_STATUSES
	posts_keys = True
	sets_webhook_secret = True
	usual_gateways = gateways.USUAL

	def __init__(self, channel: Channel, credentials: Credentials, surroundings: Surroundings):
		self._channel = channel
		self._credentials = credentials
		self._surroundings = surroundings

	@cached_property
	def _client(self) -> WooCommerceClient:
		return WooCommerceClient(self._channel, self._credentials, self._surroundings)

	# --- inbound ---

	def handshake(self, request: WebhookRequest) -> Answer | None:
		"""See `webhook.handshake`."""
		return webhook.handshake(request)

	def verify(self, request: WebhookRequest, now: datetime) -> None:
		"""See `webhook.verify`; raises `Unauthorized`."""
		webhook.verify(request, self._credentials)

	def identify(self, request: WebhookRequest) -> Incoming:
		"""See `webhook.identify`; raises `BadRequest`."""
		return webhook.identify(request)

	def parse(self, topic: str, payload: str) -> Event:
		"""See `mapper.parse`; raises `Rejected`."""
		return mapper.parse(topic, payload, self._channel)

	# --- reading ---

	def complete(self, event: Event) -> Event:
		"""See `orders.complete`."""
		return orders.complete(self._client, self._channel, event, self._surroundings.now)

	def fetch_order(self, external_id: str) -> Incoming | None:
		"""See `orders.fetch_order`."""
		return orders.fetch_order(self._client, external_id)

	def orders_since(self, cursor: str | None) -> Iterator[Page]:
		"""See `orders.orders_since`."""
		return orders.orders_since(self._client, cursor, self._surroundings.now)

	def shown_stock(self, cursor: str | None) -> ShownPage | None:
		"""See `stock.shown`."""
		return stock.shown(self._client, cursor)

	def shown_catalog(self, cursor: str | None) -> ShownPage | None:
		"""See `catalog.shown`."""
		return catalog.shown(self._client, cursor)

	def products(self, cursor: str | None) -> ProductPage | None:
		"""See `product_export.products`."""
		return product_export.products(self._client, cursor)

	# --- outbound ---

	def push_stock(self, levels: Sequence[StockLevel]) -> list[PushResult]:
		"""See `stock.push`."""
		return stock.push(self._client, levels)

	def push_prices(self, prices: Sequence[Price]) -> list[PushResult]:
		"""See `pricing.push`."""
		return pricing.push(self._client, self._channel, prices)

	def push_listings(self, listings: Sequence[Listing]) -> list[PushResult]:
		"""See `catalog.push_listings`."""
		return catalog.push_listings(self._client, self._channel, listings)

	def push_shipment(self, shipment: Shipment) -> PushResult:
		"""See `shipments.push`."""
		return shipments.push(self._client, self._channel, shipment)

	def push_order_change(self, change: OrderChange) -> PushResult:
		"""See `order_changes.push_change`."""
		return order_changes.push_change(self._client, change)

	def push_order_status(self, status: OrderStatus) -> PushResult:
		"""See `order_changes.push_status`."""
		return order_changes.push_status(self._client, status)

	def push_customer(self, customer: Customer) -> PushResult:
		"""See `order_changes.push_customer`."""
		return order_changes.push_customer(customer)

	def push_refund(self, request: RefundRequest) -> PushResult:
		"""See `refund_requests.push`."""
		return refund_requests.push(self._client, request)

	def push_invoice(self, invoice: InvoiceNotice) -> PushResult:
		"""See `invoices.push`."""
		return invoices.push(self._client, invoice)

	def push_return(self, notice: ReturnNotice) -> PushResult:
		"""See `invoices.push_return`."""
		return invoices.push_return(self._client, notice)

	def payouts(self, cursor: str | None) -> PayoutPage | None:
		"""See `payments.payouts`."""
		return payments.payouts(cursor)

	# --- set-up ---

	def check(self) -> list[Check]:
		"""See `setup.check`, and `order_changes.checks` for what is not offered."""
		return [
			*setup.check(self._channel, self._credentials, self._surroundings, lambda: self._client),
			*order_changes.checks(self._channel),
		]

	def warnings(self) -> list[Check]:
		"""See `setup.warnings`."""
		return setup.warnings(self._client)

	def suggestions(self) -> Suggestions | None:
		"""See `suggestions.suggestions`."""
		return suggestions.suggestions(self._client)

	def register_webhooks(self, callback_url: str) -> str:
		"""See `subscriptions.register`."""
		allow_http = self._surroundings.allow_loopback
		return subscriptions.register(
			self._client, self._channel, self._credentials, callback_url, allow_http
		)

	def unregister_webhooks(self, callback_url: str) -> None:
		"""See `subscriptions.unregister`."""
		subscriptions.unregister(self._client, callback_url)

	def webhooks_differ(self, callback_url: str) -> bool:
		"""See `subscriptions.differ`."""
		return subscriptions.differ(self._client, self._credentials, callback_url)

	def authorisation_url(self, callback_url: str, return_url: str, state: str) -> str:
		"""See `setup.authorisation_url`."""
		return setup.authorisation_url(self._channel, self._surroundings, callback_url, return_url, state)

	def authorised(self, query: Mapping[str, str]) -> Token:
		"""See `setup.authorised`."""
		return setup.authorised(query)
