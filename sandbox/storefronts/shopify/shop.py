"""The simulated shop: its products, stock and orders, and what its merchant and its buyers do."""

from __future__ import annotations

import re
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from itertools import count
from threading import RLock
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from commerce_bridge.bridge.clock import Now, utc_now
from sandbox.storefronts.shopify import payloads
from sandbox.storefronts.shopify.goods import Image, Level, Location, Product, Publication, Variant
from sandbox.storefronts.shopify.money import Money
from sandbox.storefronts.shopify.payouts import Payouts
from sandbox.storefronts.shopify.returning import Returning
from sandbox.storefronts.shopify.sales import (
	Allocation,
	Customer,
	DiscountApplication,
	Fulfilment,
	FulfilmentOrder,
	FulfilmentOrderLine,
	Line,
	Order,
	Parcel,
	ShippingLine,
	Tax,
	cents,
)
from sandbox.storefronts.shopify.scopes import SCOPES
from sandbox.storefronts.shopify.webhooks import FAILURES, Delivery, Post, Subscription, delivery, post_to

if TYPE_CHECKING:
	from sandbox.storefronts.shopify.bulk import BulkOperation
	from sandbox.storefronts.shopify.mutations import Attempt
	from sandbox.storefronts.shopify.payouts import BalanceTransaction, Payout

DOMAIN = "simulated.myshopify.com"
Found = TypeVar("Found")


@dataclass(frozen=True)
class NewLine:
	"""What a buyer puts into the cart. Without a SKU a line of its own, with `title` and `price`.

	:param taxes: title and rate of each tax; None: the order's
	:param at: how many come from which location; the rest from where there is enough
	"""

	sku: str | None = None
	quantity: int = 1
	price: Decimal | None = None
	title: str | None = None
	discount: Decimal = Decimal(0)
	taxes: Sequence[tuple[str, Decimal]] | None = None
	gift_card: bool = False
	tip_gateway: str | None = None
	requires_shipping: bool = True
	properties: Mapping[str, str] = field(default_factory=dict)
	at: Mapping[int, int] = field(default_factory=dict)
	channel_liable: bool | None = False


@dataclass(frozen=True)
class NewShipping:
	price: Decimal
	title: str = "Standard"
	code: str | None = "standard"
	discount: Decimal = Decimal(0)
	taxes: Sequence[tuple[str, Decimal]] | None = None


class Shop(Money, Returning, Payouts):
	"""Everything there is in the shop. Public: tests and the demo compare it with the ERP's."""

	def __init__(self, now: Now = utc_now, currency: str = "EUR", client_secret: str = "shpss_simulated"):
		self.now = now
		self.currency = currency
		self.domain = DOMAIN
		self.webhook_secret = client_secret
		self.webhook_version = "2026-10"  # of the app's configuration, not of the call that subscribed
		self.taxes_included = False
		self.customer_data = True  # whether the app has access to protected customer data
		self.locations: dict[int, Location] = {}
		self.products: dict[int, Product] = {}
		self.variants: dict[int, Variant] = {}
		self.items: dict[int, Variant] = {}  # by inventory item
		self.customers: dict[int, Customer] = {}
		self.orders: dict[int, Order] = {}
		self.publications: dict[int, Publication] = {}
		self.subscriptions: dict[int, Subscription] = {}
		self.recorded: list[Delivery] = []  # everything it ever told, oldest first
		self.deliveries: list[Delivery] = []  # not acknowledged yet
		self.delivered: list[Delivery] = []
		self.given_up: list[Delivery] = []
		self.lock = RLock()
		self._ids = {"order": count(6_000_000_000_001), "number": count(1001)}
		self.add_location("Warehouse")
		self.publications[1] = Publication(1, "Online Store")
		self.attempts: dict[str, Attempt] = {}  # by idempotency key
		self.repetitions = 0
		self.bulk_operations: dict[int, BulkOperation] = {}
		self.adjusts_total = (
			False  # whether the current total of an order is less by what was given for goodwill
		)
		self.balance: list[BalanceTransaction] = []
		self.payouts: list[Payout] = []
		self.payments_account = False  # whether the shop is on Shopify Payments
		self.bulk = False  # whether a bulk query is running: its connections have no pages
		self.bulk_skus: Counter[str | None] | None = None
		self.bulk_takes = timedelta(0)
		self.bulk_error: str | None = None  # how bulk queries end from now on
		self.operations: dict[int, Any] = {}
		self.scopes: set[str] = set(SCOPES)
		self.search_lag = timedelta(0)  # how far the search index is behind
		self.version = self.webhook_version  # of the call that is being answered

	def new_id(self, kind: str) -> int:
		"""The next id of a kind; each kind has a range of its own."""
		kinds = 7_000_000_000_001 + len(self._ids) * 1_000_000_000
		return next(self._ids.setdefault(kind, count(kinds)))

	# --- the catalog and the stock

	def add_location(self, name: str) -> Location:
		location = Location(self.new_id("location"), name)
		self.locations[location.id] = location
		return location

	@property
	def location(self) -> Location:
		"""The first one."""
		return next(iter(self.locations.values()))

	def add_product(
		self,
		sku: str | None,
		price: Decimal = Decimal("10.00"),
		stock: int = 0,
		title: str | None = None,
		options: Mapping[str, str] | None = None,
		product: Product | None = None,
		**values: Any,
	) -> Variant:
		"""A product with one variant, stocked at every location (`stock` lies at the first one); with `product`
		one more variant of it. `values` are further fields of the variant."""
		with self.lock:
			moment = self.now()
			if product is None:
				name = title or f"Product {sku}"
				handle = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
				product = Product(self.new_id("product"), name, handle, moment, moment, publications={1})
				product.option_names = list(options or {})
				self.products[product.id] = product
			variant = self.make_variant(product, sku, price, options or {}, **values)
			for location in self.locations.values():
				variant.levels[location.id] = Level(updated_at=moment)
			variant.levels[self.location.id].available = stock
			self.tell("products/create" if len(product.variants) == 1 else "products/update", product)
			return variant

	def make_variant(
		self, product: Product, sku: str | None, price: Decimal, options: Mapping[str, str], **values: Any
	) -> Variant:
		moment = self.now()
		ids = (self.new_id("variant"), product, self.new_id("inventory item"))
		variant = Variant(*ids, sku, price, moment, moment, dict(options), **values)
		product.variants.append(variant)
		self.variants[variant.id] = self.items[variant.inventory_item_id] = variant
		return variant

	def add_image(self, product: Product, url: str, alt: str = "") -> Image:
		image = Image(self.new_id("image"), url, alt)
		product.images.append(image)
		return image

	def delete_product(self, product: Product) -> None:
		"""Lines of orders that were sold of it lose their variant."""
		with self.lock:
			del self.products[product.id]
			for variant in product.variants:
				self.forget_variant(variant)
			self._tell("products/delete", {"id": product.id})

	def forget_variant(self, variant: Variant) -> None:
		del self.variants[variant.id], self.items[variant.inventory_item_id]
		for order in self.orders.values():
			for line in order.lines:
				if line.variant is variant:
					line.variant = None

	def variant(self, sku: str) -> Variant:
		for variant in self.variants.values():
			if variant.sku == sku:
				return variant
		raise KeyError(sku)

	def same_sku(self, sku: str | None) -> int:
		"""How many other variants have the SKU. All are counted once for a bulk query, which asks of each of them."""
		if not sku:
			return 0
		if self.bulk_skus is None or not self.bulk:
			self.bulk_skus = Counter(each.sku for each in self.variants.values())
		return self.bulk_skus[sku] - 1

	def inventory_item(self, number: int) -> Variant | None:
		return self.items.get(number)

	def set_available(self, variant: Variant, location_id: int, quantity: int, tell: bool = True) -> None:
		"""The number a person enters in the shop's own screens, or the app sends."""
		level = variant.levels.setdefault(location_id, Level())
		level.available, level.updated_at = quantity, self.now()
		if tell:
			self._tell("inventory_levels/update", payloads.level(variant, location_id))

	def stock(self, sku: str, location_id: int | None = None) -> int:
		"""What is on offer at a location; at the first one if none is given."""
		return self.variant(sku).levels[location_id or self.location.id].available

	def add_customer(self, **values: Any) -> Customer:
		moment = self.now()
		customer = Customer(self.new_id("customer"), moment, moment, **values)
		self.customers[customer.id] = customer
		self._tell("customers/create", payloads.customer(customer))
		return customer

	# --- orders

	def place_order(
		self,
		lines: Mapping[str, int] | Iterable[NewLine],
		shipping: Iterable[NewShipping] = (),
		taxes: Sequence[tuple[str, Decimal]] = (("VAT", Decimal("0.19")),),
		taxes_included: bool | None = None,
		discount: tuple[str, str] = ("discount_code", "WELCOME"),
		gateway: str | None = "manual",
		presentment: tuple[str, Decimal] | None = None,
		paid: bool = True,
		authorised: bool = False,
		**about: Any,
	) -> Order:
		"""A buyer orders: the goods are off the shelf at once, and the shop tells of it.

		:param lines: quantities by SKU, or lines
		:param discount: kind and name of what the lines' and shipping's discounts come from
		:param presentment: currency the buyer pays in, and how much of it one of the shop's currency is
		:param authorised: the money is reserved, and not paid yet
		:param about: further fields of the order
		"""
		with self.lock:
			wanted = list(_new_lines(lines))
			shipped = list(shipping)
			order = self._new_order(taxes_included, presentment, about)
			if any(each.discount for each in (*wanted, *shipped)):
				amount = sum((each.discount for each in (*wanted, *shipped)), Decimal(0))
				order.applications.append(DiscountApplication(0, *discount, amount))
			order.lines = [self._line(order, each, taxes) for each in wanted]
			order.shipping = [self._shipping(order, each, taxes) for each in shipped]
			order.gateways = [gateway] if gateway else []
			self._route(order, zip(order.lines, wanted, strict=True))
			if paid:
				self._transaction(order, "SALE", order.total, gateway or "manual")
			elif authorised:
				self._transaction(order, "AUTHORIZATION", order.total, gateway or "manual")
			self.orders[order.id] = order
			self._tell_of(order, "orders/create", *(["orders/paid"] if paid else []))
			return order

	def _new_order(
		self, taxes_included: bool | None, presentment: tuple[str, Decimal] | None, about: Mapping[str, Any]
	) -> Order:
		moment = self.now()
		order = Order(self.new_id("order"), self.new_id("number"), moment, moment, self.currency, **about)
		order.taxes_included = self.taxes_included if taxes_included is None else taxes_included
		order.presentment_currency, order.presentment_rate = presentment or (self.currency, Decimal(1))
		if order.customer:
			order.email = order.email or order.customer.email
		return order

	def _line(self, order: Order, new: NewLine, taxes: Sequence[tuple[str, Decimal]]) -> Line:
		variant = self.variant(new.sku) if new.sku and self._sells(new.sku) else None
		price = new.price if new.price is not None else variant.price if variant else Decimal(0)
		line = Line(
			self.new_id("line"),
			variant,
			new.title or (variant.product.title if variant else "Custom"),
			new.quantity,
			price,
			new.sku,
			gift_card=new.gift_card,
			requires_shipping=new.requires_shipping and not new.gift_card and not new.tip_gateway,
			tip_gateway=new.tip_gateway,
			properties=[{"name": name, "value": value} for name, value in new.properties.items()],
		)
		line.allocations = _allocations(order, new.discount)
		free = () if new.gift_card or new.tip_gateway else taxes
		line.taxes = self._taxes(
			order, line.total, free if new.taxes is None else new.taxes, new.channel_liable
		)
		line.taxable = bool(line.taxes)
		return line

	def _sells(self, sku: str) -> bool:
		return any(variant.sku == sku for variant in self.variants.values())

	def _shipping(self, order: Order, new: NewShipping, taxes: Sequence[tuple[str, Decimal]]) -> ShippingLine:
		line = ShippingLine(self.new_id("shipping line"), new.title, new.code, new.price)
		line.allocations = _allocations(order, new.discount)
		line.taxes = self._taxes(order, line.discounted, taxes if new.taxes is None else new.taxes, False)
		return line

	def _taxes(
		self, order: Order, amount: Decimal, rates: Sequence[tuple[str, Decimal]], liable: bool | None
	) -> list[Tax]:
		"""Taxes that are included share what the price contains."""
		base = amount / (1 + sum((rate for _, rate in rates), Decimal(0))) if order.taxes_included else amount
		return [Tax(title, rate, cents(base * rate), liable) for title, rate in rates]

	def _route(self, order: Order, wanted: Iterable[tuple[Line, NewLine]]) -> None:
		"""Makes a fulfilment order for each location that has to send something, and commits the goods."""
		by_location: dict[int, list[FulfilmentOrderLine]] = {}
		for line, new in wanted:
			if line.tip_gateway:
				continue
			for location_id, quantity in self._shares(line, new):
				part = FulfilmentOrderLine(self.new_id("fulfilment order line"), line, quantity, quantity)
				by_location.setdefault(location_id, []).append(part)
				self._commit(line, location_id, quantity)
		for location_id, parts in by_location.items():
			self._fulfilment_order(order, self.locations[location_id], parts)

	def _fulfilment_order(
		self, order: Order, location: Location, parts: list[FulfilmentOrderLine]
	) -> FulfilmentOrder:
		moment = self.now()
		made = FulfilmentOrder(self.new_id("fulfilment order"), order, location, parts, moment, moment)
		order.fulfilment_orders.append(made)
		return made

	def _shares(self, line: Line, new: NewLine) -> list[tuple[int, int]]:
		shares = list(new.at.items())
		rest = new.quantity - sum(new.at.values())
		if rest:
			shares.append((self._location_for(line, rest), rest))
		return shares

	def _location_for(self, line: Line, quantity: int) -> int:
		for number, level in (line.variant.levels if line.variant else {}).items():
			if level.active and level.available >= quantity:
				return number
		return self.location.id

	def _commit(self, line: Line, location_id: int, quantity: int) -> None:
		"""Takes goods off the shelf for an order; a negative quantity puts them back."""
		variant = line.variant
		if variant is None or not variant.tracked or location_id not in variant.levels:
			return
		level = variant.levels[location_id]
		level.available -= quantity
		level.committed += quantity
		level.updated_at = self.now()
		self._tell("inventory_levels/update", payloads.level(variant, location_id))

	def edit_order(
		self, order: Order, quantities: Mapping[Line, int] = {}, add: Iterable[NewLine] = (), **about: Any
	) -> None:
		"""A person edits the order: what is less is taken off as a refund without money.

		:param quantities: what the lines have from now on; a line can only become less, as in the payload
		"""
		with self.lock:
			for name, value in about.items():
				setattr(order, name, value)
			fewer = {line: line.current_quantity - quantity for line, quantity in quantities.items()}
			if fewer:
				self.take_off(order, fewer, "cancel")
			rates = [(tax.title, tax.rate) for tax in order.taxes()[:1]]
			added = [(self._line(order, new, rates), new) for new in add]
			order.lines += [line for line, _ in added]
			self._route(order, added)
			order.edited = order.edited or bool(fewer or added)
			if fewer or added:
				self._tell(
					"orders/edited", _order_edit(order, fewer, [line for line, _ in added], self.now())
				)
			self._tell_of(order)

	def delete_order(self, order: Order) -> None:
		with self.lock:
			del self.orders[order.id]
			self._tell("orders/delete", {"id": order.id})

	# --- sending

	def fulfil(
		self,
		fulfilment_order: FulfilmentOrder,
		quantities: Mapping[FulfilmentOrderLine, int] | None = None,
		parcels: Sequence[Parcel] = (),
	) -> Fulfilment:
		"""A person in the shop's own screens sends it, or what `quantities` say of it."""
		rows = quantities or {part: part.remaining for part in fulfilment_order.lines if part.remaining}
		parts = [(fulfilment_order, part, quantity) for part, quantity in rows.items()]
		return self.send(parts, parcels)

	def send(
		self,
		parts: list[tuple[FulfilmentOrder, FulfilmentOrderLine, int]],
		parcels: Sequence[Parcel],
		notify: bool = False,
	) -> Fulfilment:
		with self.lock:
			order, moment = parts[0][0].order, self.now()
			sent = Fulfilment(
				self.new_id("fulfilment"), order, parts[0][0].location, parts, moment, moment, list(parcels)
			)
			sent.notified = notify
			order.fulfilments.append(sent)
			for fulfilment_order, part, quantity in parts:
				part.remaining -= quantity
				part.line.fulfilled += quantity
				self._uncommit(part.line, fulfilment_order.location.id, quantity)
				fulfilment_order.updated_at = moment
				fulfilment_order.status = "IN_PROGRESS" if fulfilment_order.remaining else "CLOSED"
			self._tell("fulfillments/create", payloads.fulfilment_event(sent))
			self._tell_of(order)
			return sent

	def _uncommit(self, line: Line, location_id: int, quantity: int) -> None:
		if line.variant and line.variant.tracked and location_id in line.variant.levels:
			line.variant.levels[location_id].committed -= quantity

	def track(self, sent: Fulfilment, parcels: Sequence[Parcel], notify: bool = False) -> None:
		with self.lock:
			sent.parcels, sent.updated_at, sent.notified = list(parcels), self.now(), notify
			self._tell("fulfillments/update", payloads.fulfilment_event(sent))
			self._tell_of(sent.order)

	def cancel_fulfilment(self, sent: Fulfilment) -> None:
		"""What was sent is to be sent again, from the same location."""
		with self.lock:
			sent.status, sent.updated_at = "CANCELLED", self.now()
			for fulfilment_order, part, quantity in sent.parts:
				part.line.fulfilled -= quantity
				part.remaining += quantity
				if part.line.variant and fulfilment_order.location.id in part.line.variant.levels:
					part.line.variant.levels[fulfilment_order.location.id].committed += quantity
				fulfilment_order.status = "OPEN"
			self._tell("fulfillments/update", payloads.fulfilment_event(sent))
			self._tell_of(sent.order)

	def move(self, original: FulfilmentOrder, location: Location) -> FulfilmentOrder:
		"""Another location has to send what is left; the original closes, or keeps what was sent."""
		with self.lock:
			left = [part for part in original.lines if part.remaining]
			parts = [
				FulfilmentOrderLine(
					self.new_id("fulfilment order line"), part.line, part.remaining, part.remaining
				)
				for part in left
			]
			for part in left:
				self._commit(part.line, original.location.id, -part.remaining)
				self._commit(part.line, location.id, part.remaining)
				part.total -= part.remaining
				part.remaining = 0
			original.status = "CLOSED"
			arrived = self._fulfilment_order(original.order, location, parts)
			self._tell("fulfillment_orders/moved", payloads.moved(original, arrived))
			self._tell_of(original.order)
			return arrived

	# --- what the shop tells

	def subscribe(self, topic: str, uri: str, **values: Any) -> Subscription:
		"""Tells this address of a topic (as the header has it: orders/create) from now on."""
		moment = self.now()
		made = Subscription(self.new_id("subscription"), topic, uri, moment, moment, **values)
		self.subscriptions[made.id] = made
		return made

	def tell(self, topic: str, product: Product) -> None:
		product.updated_at = self.now()
		self._tell(topic, payloads.product(product))

	def _tell_of(self, order: Order, *topics: str) -> None:
		"""The order changed: `orders/updated` follows whatever else happened."""
		order.updated_at = self.now()
		event_id = str(uuid.uuid4())
		for topic in (*topics, "orders/updated"):
			self._tell(topic, self.order_payload(order), event_id)

	def _tell(self, topic: str, payload: Mapping[str, Any], event_id: str | None = None) -> None:
		event = event_id or str(uuid.uuid4())
		for subscription in self.subscriptions.values():
			if subscription.topic == topic:
				made = delivery(topic, payload, self.now(), event, subscription)
				self.recorded.append(made)
				self.deliveries.append(made)

	def order_payload(self, order: Order) -> dict[str, Any]:
		"""What a webhook would say of an order now."""
		return payloads.order(order, self.customer_data)

	def event(self, topic: str, payload: Mapping[str, Any]) -> Delivery:
		"""A delivery that belongs to no subscription: for tests, and for what nobody did in the shop."""
		return delivery(topic, payload, self.now(), str(uuid.uuid4()))

	def uninstall(self) -> None:
		"""The merchant removes the app: its subscriptions end with the message that says so."""
		with self.lock:
			self._tell(
				"app/uninstalled",
				{"id": 1, "name": self.domain, "domain": self.domain, "myshopify_domain": self.domain},
			)
			self.subscriptions.clear()

	# --- deliveries

	def headers(
		self, event: Delivery, secret: str | None = None, domain: str | None = None
	) -> dict[str, str]:
		return event.headers(secret or self.webhook_secret, domain or self.domain, self.webhook_version)

	def deliver(self, event: Delivery, post: Post | None = None, secret: str | None = None) -> bool:
		"""Sends one delivery once.

		:return: whether it was acknowledged; if not, a shop sends it again later, eight times
		"""
		send = post or post_to(event.subscription.uri if event.subscription else "")
		try:
			done = 200 <= send(self.headers(event, secret), event.body) < 300
		except OSError:
			done = False
		with self.lock:
			self._note(event, done)
		return done

	def _note(self, event: Delivery, done: bool) -> None:
		event.attempts += 1
		subscription = event.subscription
		if done:
			if subscription:
				subscription.failures = 0
			if event in self.deliveries:
				self.deliveries.remove(event)
			self.delivered.append(event)
		elif subscription:
			subscription.failures += 1
			if subscription.failures >= FAILURES:
				self.subscriptions.pop(subscription.id, None)
			if event.attempts > FAILURES and event in self.deliveries:
				self.deliveries.remove(event)
				self.given_up.append(event)

	def deliver_all(self, post: Post | None = None) -> int:
		"""Sends everything that is waiting, once, oldest first; returns how many were acknowledged."""
		with self.lock:
			waiting = list(self.deliveries)
		return sum(self.deliver(event, post) for event in waiting)


def _allocations(order: Order, amount: Decimal) -> list[Allocation]:
	if not amount:
		return []
	if not order.applications:
		order.applications.append(DiscountApplication(0, "manual", "Discount", amount))
	return [Allocation(order.applications[0], amount)]


def _new_lines(lines: Mapping[str, int] | Iterable[NewLine]) -> Iterable[NewLine]:
	if isinstance(lines, Mapping):
		return [NewLine(sku, quantity) for sku, quantity in lines.items()]
	return lines


def _order_edit(
	order: Order, fewer: Mapping[Line, int], added: Iterable[Line], moment: datetime
) -> dict[str, Any]:
	"""The body of orders/edited: ids and differences, nothing else."""
	return {
		"order_edit": {
			"id": order.id + 1,
			"app_id": None,
			"created_at": payloads.moment(moment),
			"committed_at": payloads.moment(moment),
			"notify_customer": False,
			"order_id": order.id,
			"staff_note": "",
			"user_id": None,
			"line_items": {
				"additions": [{"id": line.id, "delta": line.quantity} for line in added],
				"removals": [{"id": line.id, "delta": quantity} for line, quantity in fewer.items()],
			},
			"discounts": {"line_item": {"additions": [], "removals": []}},
			"shipping_lines": {"additions": [], "removals": []},
		}
	}


def aware(text: str) -> datetime:
	"""A time of a search query; without an offset in UTC."""
	parsed = datetime.fromisoformat(text.replace("Z", "+00:00"))
	return parsed if parsed.tzinfo else parsed.replace(tzinfo=timezone.utc)


def is_local(uri: str) -> bool:
	host = urlsplit(uri).hostname or ""
	return host in ("127.0.0.1", "localhost", "::1") or host.endswith(".localhost")


def first(items: Iterable[Found], accept: Callable[[Found], bool]) -> Found | None:
	return next(filter(accept, items), None)
