"""What every connector promises the engine, whatever its platform: run against each simulated storefront."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Protocol

import pytest

from commerce_bridge.bridge import mapping
from commerce_bridge.bridge.channel import Channel, Credentials, PaymentMap, ShippingMap, TaxMap
from commerce_bridge.bridge.errors import (
	BadRequest,
	BridgeError,
	Misconfigured,
	Rejected,
	Retryable,
	Unauthorized,
)
from commerce_bridge.bridge.model import (
	Event,
	Listing,
	Order,
	Parcel,
	Price,
	Shipment,
	ShipmentLine,
	ShownLevel,
	ShownProduct,
	StockLevel,
)
from commerce_bridge.bridge.protocols import Connector, PushResult, WebhookRequest, row_key
from commerce_bridge.bridge.suggestions import lacking
from tests.connectors.contract_after_order import AfterOrderContract

CALLBACK = "https://erp.example/api/method/commerce_bridge.api.webhook?channel=Shop"
SKUS = ("PHONE", "CASE", "CABLE")
FIRST = Parcel(carrier="DHL", tracking_number="T-1", tracking_url="https://track.example/T-1")
SECOND = Parcel(carrier="UPS", tracking_number="T-2", tracking_url="https://track.example/T-2")
FIELDS = {"listing", "item_code", "sku", "product_id", "variant_id", "location_id", "stock_id"}


def without(value: Any, *names: str) -> Any:
	"""The same without these keys, however deep."""
	if isinstance(value, Mapping):
		return {key: without(inner, *names) for key, inner in value.items() if key not in names}
	return [without(inner, *names) for inner in value] if isinstance(value, list | tuple) else value


class Storefront(Protocol):
	"""A simulated shop of the products `SKUS`, as the suite uses it. Ids are external ids."""

	channel: Channel
	credentials: Credentials
	tells_itself: bool  # whether the platform can be told where to post

	def connector(
		self, unit: str = "SYNC-1", channel: Channel | None = None, credentials: Credentials | None = None
	) -> Connector: ...

	def now(self) -> datetime: ...

	def wait(self, time: timedelta) -> None: ...

	def place(self, quantities: Mapping[str, int]) -> str: ...

	def change(self, order_id: str) -> None:
		"""The order becomes a little larger."""
		...

	def cancel(self, order_id: str) -> None: ...

	def deliveries(self, order_id: str) -> list[WebhookRequest]:
		"""The shop's webhooks that show an order as it stands, oldest first."""
		...

	def signed(self, request: WebhookRequest, secret: str) -> WebhookRequest:
		"""The same, signed with another secret."""
		...

	def total(self, order_id: str) -> Decimal: ...

	def lines(self, order_id: str) -> dict[str, str]:
		"""SKU → id of its line."""
		...

	def address(self, sku: str) -> dict[str, Any]:
		"""What a listing, level or price of this product has of ids in the shop."""
		...

	def unknown_address(self) -> dict[str, Any]:
		"""The same of a product the shop does not have."""
		...

	def stock(self, sku: str) -> Decimal: ...

	def price(self, sku: str) -> Decimal: ...

	def titles(self) -> dict[str, str]:
		"""SKU → title of its product."""
		...

	def sent(self, order_id: str) -> dict[str, int]:
		"""What the shop shows its customer as sent, by line."""
		...

	def tracking(self, order_id: str) -> list[tuple[str | None, str | None]]:
		"""Carrier and number of every parcel of the order, sorted."""
		...

	def lose_answer(self, operation: str) -> None:
		"""The next call that changes something ("stock" or "shipment") is done, and its answer never arrives."""
		...

	def break_down(self, how: bool | str) -> None: ...

	def subscribed(self) -> list[str]:
		"""Topics that are posted to `CALLBACK`, sorted."""
		...


class ConnectorContract(AfterOrderContract):
	"""Tests of one connector. Subclasses have the fixture `shop`."""

	# --- inbound ---

	def order(self, connector: Connector, topic: str, payload: str) -> Order:
		event: Event = connector.parse(topic, payload)
		if event.incomplete:
			event = connector.complete(event)
		assert isinstance(event.data, Order)
		return event.data

	def delivered(self, shop: Storefront, order_id: str) -> Order:
		connector, request = shop.connector(), shop.deliveries(order_id)[-1]
		connector.verify(request, shop.now())
		incoming = connector.identify(request)
		assert incoming.external_id == order_id
		return self.order(connector, incoming.topic, incoming.payload)

	def test_an_order_comes_in_to_the_cent(self, shop: Storefront) -> None:
		order_id = shop.place({"PHONE": 2, "CASE": 1})
		order = self.delivered(shop, order_id)
		assert (order.id, order.cancelled, order.currency) == (order_id, False, "EUR")
		assert {line.sku: line.quantity for line in order.lines} == {"PHONE": 2, "CASE": 1}
		assert {line.sku: line.id for line in order.lines} == shop.lines(order_id)
		parts = (*order.lines, *order.shipping, *order.fees)
		taxes = sum((tax.amount for part in parts for tax in part.taxes), Decimal(0))
		amounts = [line.total for line in order.lines]
		amounts += [part.amount for part in (*order.shipping, *order.fees)]
		amounts += [-discount.amount for discount in order.discounts]
		assert sum(amounts, Decimal(0)) + (0 if order.prices_include_tax else taxes) == order.total
		assert order.total == shop.total(order_id)
		assert order.updated_at.utcoffset() == timedelta(0)

	def test_a_webhook_and_a_poll_bring_the_same_order(self, shop: Storefront) -> None:
		order_id = shop.place({"PHONE": 2, "CASE": 1})
		told = self.delivered(shop, order_id)
		connector = shop.connector()
		found = [event for page in connector.orders_since(None) for event in page.events]
		assert [event.external_id for event in found] == [order_id]
		polled = self.order(connector, found[0].topic, found[0].payload)
		# A webhook may know less of payments; the field map's payload may be another one.
		assert without(polled.model_dump(), "custom", "payments") == without(
			told.model_dump(), "custom", "payments"
		)

	def test_a_poll_goes_on_where_it_ended(self, shop: Storefront) -> None:
		first = shop.place({"PHONE": 1})
		shop.wait(timedelta(hours=1))
		pages = list(shop.connector().orders_since(None))
		cursor = pages[-1].cursor
		assert not pages[-1].more
		shop.wait(timedelta(hours=1))
		second = shop.place({"CASE": 1})
		shop.wait(timedelta(hours=1))
		later = [event for page in shop.connector().orders_since(cursor) for event in page.events]
		assert second in [event.external_id for event in later]
		# What is read once more is the same event: it is recorded once.
		known = {event.event_id for page in pages for event in page.events}
		assert {event.event_id for event in later if event.external_id == first} <= known

	def test_an_unchanged_order_is_polled_as_the_same_event(self, shop: Storefront) -> None:
		order_id = shop.place({"PHONE": 1})

		def polled() -> set[tuple[str, str]]:
			pages = shop.connector().orders_since(None)
			return {(event.topic, event.event_id) for page in pages for event in page.events}

		before = polled()
		assert polled() == before
		shop.wait(timedelta(minutes=1))
		shop.change(order_id)
		assert not polled() & before

	def test_one_order_can_be_fetched(self, shop: Storefront) -> None:
		order_id = shop.place({"PHONE": 2})
		connector = shop.connector()
		found = connector.fetch_order(order_id)
		assert found is not None
		assert (found.external_id, found.supported) == (order_id, True)
		assert self.order(connector, found.topic, found.payload).total == shop.total(order_id)
		assert connector.fetch_order("999999") is None

	def test_a_changed_order_comes_as_it_stands_now(self, shop: Storefront) -> None:
		order_id = shop.place({"PHONE": 1})
		before = self.delivered(shop, order_id)
		shop.wait(timedelta(minutes=1))
		shop.change(order_id)
		after = self.delivered(shop, order_id)
		assert after.total == shop.total(order_id) != before.total
		assert after.updated_at > before.updated_at

	def test_a_cancellation_comes_in(self, shop: Storefront) -> None:
		order_id = shop.place({"PHONE": 1})
		shop.wait(timedelta(minutes=1))
		shop.cancel(order_id)
		found = shop.connector().fetch_order(order_id)
		assert found is not None
		assert self.order(shop.connector(), found.topic, found.payload).cancelled

	# --- who may post ---

	def test_nobody_else_is_believed(self, shop: Storefront) -> None:
		request = shop.deliveries(shop.place({"PHONE": 1}))[0]
		connector = shop.connector()
		connector.verify(request, shop.now())
		forged = [
			replace(request, headers={"content-type": "application/json"}),
			replace(request, body=request.body + b" "),
			replace(request, body=request.body[:-5]),
			replace(request, headers={name: "é" for name in request.headers}),
			shop.signed(request, "whsec_c29tZWJvZHktZWxzZXMtc2VjcmV0"),
		]
		for one in forged:
			with pytest.raises(Unauthorized):
				connector.verify(one, shop.now())
		without = shop.connector(credentials=Credentials())
		with pytest.raises(BridgeError):
			without.verify(request, shop.now())

	def test_the_secret_before_is_believed_as_long_as_it_is_kept(self, shop: Storefront) -> None:
		request = shop.deliveries(shop.place({"PHONE": 1}))[0]
		old = "whsec_b2xkLXNlY3JldC1vZi10aGUtc2hvcA=="
		both = shop.credentials.model_copy(
			update={"webhook_secrets": (*shop.credentials.webhook_secrets, old)}
		)
		shop.connector(credentials=both).verify(shop.signed(request, old), shop.now())
		with pytest.raises(Unauthorized):
			shop.connector().verify(shop.signed(request, old), shop.now())

	def test_a_repeated_delivery_is_known_as_such(self, shop: Storefront) -> None:
		order_id = shop.place({"PHONE": 1})
		shop.wait(timedelta(minutes=1))
		shop.change(order_id)
		connector = shop.connector()
		first, *_, last = shop.deliveries(order_id)
		known = connector.identify(first)
		again = connector.identify(first)
		assert (again.topic, again.event_id) == (known.topic, known.event_id)
		other = connector.identify(last)
		assert (other.topic, other.event_id) != (known.topic, known.event_id)

	@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff", b'{"id": NaN}', b"[" * 100_000])
	def test_a_body_that_means_nothing_is_refused(self, shop: Storefront, body: bytes) -> None:
		request = shop.deliveries(shop.place({"PHONE": 1}))[0]
		with pytest.raises(BadRequest):
			shop.connector().identify(replace(request, body=body))

	# --- stock ---

	def level(self, shop: Storefront, sku: str, quantity: str, **changes: Any) -> StockLevel:
		given = {"listing": f"L-{sku}", "item_code": sku, "sku": sku, "quantity": Decimal(quantity)}
		ids = {name: value for name, value in shop.address(sku).items() if name in FIELDS}
		return StockLevel(**given | ids | changes)

	def test_stock_arrives(self, shop: Storefront) -> None:
		levels = [
			self.level(shop, "PHONE", "7"),
			self.level(shop, "CASE", "0"),
			self.level(shop, "CABLE", "12"),
		]
		results = shop.connector().push_stock(levels)
		assert [result.key for result in results] == [row_key(level) for level in levels]
		assert [result.error for result in results] == [None] * 3
		assert [shop.stock(sku) for sku in SKUS] == [7, 0, 12]

	def test_a_level_the_shop_does_not_take_keeps_no_other_from_arriving(self, shop: Storefront) -> None:
		unknown = StockLevel(
			listing="L-NONE", item_code="NONE", sku="NONE", quantity=Decimal(5), **shop.unknown_address()
		)
		levels = [self.level(shop, "PHONE", "3"), unknown, self.level(shop, "CASE", "4")]
		good, bad, other = shop.connector().push_stock(levels)
		assert (good.error, other.error) == (None, None)
		assert bad.error and bad.key == row_key(unknown) and not bad.retry
		assert (shop.stock("PHONE"), shop.stock("CASE")) == (3, 4)

	def test_stock_is_sent_again_after_a_lost_answer(self, shop: Storefront) -> None:
		level = self.level(shop, "PHONE", "9")
		shop.lose_answer("stock")
		with pytest.raises(Retryable):
			shop.connector("SYNC-7").push_stock([level])
		[result] = shop.connector("SYNC-7").push_stock([level])
		assert result.error is None
		assert shop.stock("PHONE") == 9

	def test_later_numbers_take_the_place_of_earlier_ones(self, shop: Storefront) -> None:
		for unit, quantity in enumerate(("5", "3", "5")):
			[result] = shop.connector(f"SYNC-{unit}").push_stock([self.level(shop, "PHONE", quantity)])
			assert result.error is None
			assert shop.stock("PHONE") == Decimal(quantity)
			shop.wait(timedelta(seconds=1))

	# --- prices and listings ---

	def pricing(self, shop: Storefront, sku: str, amount: str, **changes: Any) -> Price:
		ids = {
			name: value for name, value in shop.address(sku).items() if name in ("product_id", "variant_id")
		}
		given = {
			"listing": f"L-{sku}",
			"item_code": sku,
			"sku": sku,
			"currency": "EUR",
			"amount": Decimal(amount),
		}
		return Price(**given | ids | changes)

	def test_prices_arrive(self, shop: Storefront) -> None:
		prices = [self.pricing(shop, "PHONE", "149.99"), self.pricing(shop, "CASE", "5.00")]
		results = shop.connector().push_prices(prices)
		assert [(result.key, result.error) for result in results] == [("L-PHONE", None), ("L-CASE", None)]
		assert (shop.price("PHONE"), shop.price("CASE")) == (Decimal("149.99"), Decimal("5.00"))

	def test_a_price_the_shop_does_not_take_keeps_no_other_from_arriving(self, shop: Storefront) -> None:
		unknown = {
			name: value
			for name, value in shop.unknown_address().items()
			if name in ("product_id", "variant_id")
		}
		wrong = Price(
			listing="L-NONE", item_code="NONE", sku="NONE", currency="EUR", amount=Decimal(1), **unknown
		)
		good, bad = shop.connector().push_prices([self.pricing(shop, "PHONE", "11.00"), wrong])
		assert (good.error, bool(bad.error)) == (None, True)
		assert shop.price("PHONE") == Decimal("11.00")

	def test_a_listing_is_made_once(self, shop: Storefront) -> None:
		listing = Listing(
			listing="L-NEW",
			item_code="NEW",
			sku="NEW",
			title="A new phone",
			description="<p>New</p>",
			price=Price(listing="L-NEW", item_code="NEW", sku="NEW", currency="EUR", amount=Decimal("99.00")),
		)
		[made] = shop.connector().push_listings([listing])
		assert made.error is None and made.product_id
		assert shop.titles()["NEW"] == "A new phone"
		assert shop.price("NEW") == Decimal("99.00")
		again = listing.model_copy(update={"title": "An older phone"})
		count = len(shop.titles())
		[repeated] = shop.connector("SYNC-2").push_listings([again])
		assert repeated.error is None
		known = {"product_id": made.product_id, "variant_id": made.variant_id}
		[changed] = shop.connector("SYNC-3").push_listings([again.model_copy(update=known)])
		assert changed.error is None
		assert (len(shop.titles()), shop.titles()["NEW"]) == (count, "An older phone")

	# --- shipments ---

	def shipment(
		self, shop: Storefront, order_id: str, name: str = "DN-1", parcel: Parcel = FIRST, **quantities: int
	) -> Shipment:
		lines = shop.lines(order_id)
		return Shipment(
			id=name,
			order_id=order_id,
			order_number="1",
			lines=tuple(
				ShipmentLine(order_line_id=lines[sku], sku=sku, quantity=Decimal(quantity))
				for sku, quantity in quantities.items()
			),
			parcels=(parcel,),
			shipped_at=shop.now(),
		)

	def push(self, shop: Storefront, shipment: Shipment, unit: str = "SYNC-1") -> PushResult:
		result = shop.connector(unit).push_shipment(shipment)
		assert (result.key, result.error) == (shipment.id, None)
		return result

	def test_a_whole_order_is_shipped(self, shop: Storefront) -> None:
		order_id = shop.place({"PHONE": 2, "CASE": 1})
		lines = shop.lines(order_id)
		self.push(shop, self.shipment(shop, order_id, PHONE=2, CASE=1))
		assert shop.sent(order_id) == {lines["PHONE"]: 2, lines["CASE"]: 1}
		assert shop.tracking(order_id) == [("DHL", "T-1")]

	def test_an_order_is_shipped_in_parts(self, shop: Storefront) -> None:
		order_id = shop.place({"PHONE": 2, "CASE": 1})
		lines = shop.lines(order_id)
		first = self.push(shop, self.shipment(shop, order_id, PHONE=1))
		assert shop.sent(order_id) == {lines["PHONE"]: 1}
		second = self.shipment(shop, order_id, "DN-2", SECOND, PHONE=1, CASE=1)
		self.push(shop, second.model_copy(update={"taken_ids": first.external_ids}), "SYNC-2")
		assert shop.sent(order_id) == {lines["PHONE"]: 2, lines["CASE"]: 1}
		assert shop.tracking(order_id) == [("DHL", "T-1"), ("UPS", "T-2")]

	def test_a_tracking_number_changes(self, shop: Storefront) -> None:
		order_id = shop.place({"PHONE": 2})
		shipment = self.shipment(shop, order_id, PHONE=2)
		made = self.push(shop, shipment)
		known = shipment.model_copy(update={"parcels": (SECOND,), "external_ids": made.external_ids})
		self.push(shop, known, "SYNC-2")
		assert shop.tracking(order_id) == [("UPS", "T-2")]
		assert sum(shop.sent(order_id).values()) == 2

	def test_a_shipment_is_taken_back_and_made_again(self, shop: Storefront) -> None:
		order_id = shop.place({"PHONE": 2})
		shipment = self.shipment(shop, order_id, PHONE=2)
		made = self.push(shop, shipment)
		gone = shipment.model_copy(update={"cancelled": True, "external_ids": made.external_ids})
		self.push(shop, gone, "SYNC-2")
		assert shop.sent(order_id) == {}
		self.push(shop, gone, "SYNC-3")
		again = self.push(shop, self.shipment(shop, order_id, "DN-2", PHONE=2), "SYNC-4")
		assert sum(shop.sent(order_id).values()) == 2
		assert not made.external_ids or again.external_ids != made.external_ids

	def test_a_shipment_whose_answer_was_lost_is_made_once(self, shop: Storefront) -> None:
		order_id = shop.place({"PHONE": 2, "CASE": 2})
		lines = shop.lines(order_id)
		shipment = self.shipment(shop, order_id, PHONE=1, CASE=1)
		shop.lose_answer("shipment")
		with pytest.raises(Retryable):
			shop.connector().push_shipment(shipment)
		assert shop.sent(order_id) == {lines["PHONE"]: 1, lines["CASE"]: 1}
		self.push(shop, shipment)
		assert shop.sent(order_id) == {lines["PHONE"]: 1, lines["CASE"]: 1}
		assert shop.tracking(order_id) == [("DHL", "T-1")]

	# --- what the shop shows ---

	def test_the_shop_shows_its_levels(self, shop: Storefront) -> None:
		shop.connector().push_stock([self.level(shop, sku, "6") for sku in SKUS])
		found: dict[str, Decimal] = {}
		for page in self.pages(shop.connector().shown_stock):
			for row in page:
				assert isinstance(row, ShownLevel)
				found[row.sku or ""] = row.quantity
		assert found == dict.fromkeys(SKUS, Decimal(6))

	def test_the_shop_shows_its_products(self, shop: Storefront) -> None:
		found = {}
		for page in self.pages(shop.connector().shown_catalog):
			for row in page:
				assert isinstance(row, ShownProduct)
				found[row.sku or ""] = row.product_id
		assert found == {sku: shop.address(sku).get("product_id") or f"P-{sku}" for sku in SKUS}

	def pages(self, read: Any) -> Iterator[Any]:
		cursor, more = None, True
		while more:
			page = read(cursor)
			assert page is not None
			yield page.rows
			cursor = page.cursor
			more = cursor is not None

	def test_products_come_whole_or_not_at_all(self, shop: Storefront) -> None:
		cursor, found = None, []
		for _ in range(20):
			page = shop.connector().products(cursor)
			if page is None:
				return
			found += page.products
			cursor = page.cursor
			if cursor is None:
				break
			if page.wait:
				shop.wait(page.wait)
		assert sorted(variant.sku or "" for product in found for variant in product.variants) == sorted(SKUS)
		for product in found:
			[variant] = product.variants
			assert {"product_id": product.id, "variant_id": variant.listed_id}.items() <= shop.address(
				variant.sku or ""
			).items()

	# --- set-up ---

	def test_webhooks_are_registered_once_and_taken_back(self, shop: Storefront) -> None:
		connector = shop.connector()
		told = connector.register_webhooks(CALLBACK)
		if not shop.tells_itself:
			assert told and CALLBACK in told
			return
		topics = shop.subscribed()
		assert topics and len(topics) == len(set(topics))
		connector.register_webhooks(CALLBACK)
		assert shop.subscribed() == topics
		connector.unregister_webhooks(CALLBACK)
		assert shop.subscribed() == []
		connector.unregister_webhooks(CALLBACK)

	def test_tables_made_of_the_suggestions_book_the_shop_s_orders(self, shop: Storefront) -> None:
		order = self.delivered(shop, shop.place({"PHONE": 2, "CASE": 1}))
		found = shop.connector().suggestions()
		if found is None:
			return
		taxes = tuple(
			TaxMap(title=tax.title, code=tax.code, rate=tax.rate, account=f"Tax {number}")
			for number, tax in enumerate(lacking(shop.channel, found).taxes)
		)
		methods = [each.code or each.title or "" for each in lacking(shop.channel, found).shipping]
		rows = tuple(ShippingMap(method=method, account="Freight") for method in methods)
		channel = shop.channel.model_copy(update={"taxes": taxes, "shipping": rows})
		charged = [tax for part in (*order.lines, *order.shipping, *order.fees) for tax in part.taxes]
		assert {mapping.tax_account(channel, tax) for tax in charged} <= {row.account for row in taxes}
		assert [mapping.shipping_target(channel, line).account for line in order.shipping] == ["Freight"]
		gateways = [each.gateway for each in lacking(shop.channel, found).gateways]
		payments = tuple(PaymentMap(gateway=gateway, account="Clearing") for gateway in gateways)
		channel = channel.model_copy(update={"payments": payments})
		paid = [mapping.payment_row(channel, each.gateway, each.currency) for each in order.payments]
		assert {row.account for row in paid} <= {"Clearing"}
		left = lacking(channel, found)
		assert (left.taxes, left.shipping, left.gateways) == ((), (), ())
		assert all(row.example for row in (*found.taxes, *found.shipping))

	def test_a_channel_that_is_set_up_passes_the_check(self, shop: Storefront) -> None:
		checks = shop.connector().check()
		assert (
			checks and [check.title for check in checks if not check.ok and check.severity == "error"] == []
		)

	def test_a_channel_without_credentials_is_told_what_to_do(self, shop: Storefront) -> None:
		wrong = [check for check in shop.connector(credentials=Credentials()).check() if not check.ok]
		assert wrong and all(check.fix for check in wrong)

	@pytest.mark.parametrize("outage", [True, "reset"])
	def test_an_outage_is_waited_for(self, shop: Storefront, outage: bool | str) -> None:
		order_id = shop.place({"PHONE": 1})
		shop.break_down(outage)
		calls = (
			lambda: shop.connector().push_stock([self.level(shop, "PHONE", "1")]),
			lambda: shop.connector().push_shipment(self.shipment(shop, order_id, PHONE=1)),
			lambda: shop.connector().fetch_order(order_id),
			lambda: list(shop.connector().orders_since(None)),
		)
		for call in calls:
			with pytest.raises(Retryable):
				call()
		assert [check.unreachable for check in shop.connector().check() if not check.ok] == [True]
		shop.break_down(False)
		[result] = shop.connector().push_stock([self.level(shop, "PHONE", "1")])
		assert result.error is None

	def test_wrong_credentials_name_what_to_change(self, shop: Storefront) -> None:
		wrong = Credentials(
			webhook_secrets=("d3Jvbmc=",), api_key="wrong", api_secret="wrong", access_token="wrong"
		)
		with pytest.raises((Misconfigured, Rejected)) as raised:
			shop.connector(credentials=wrong).push_stock([self.level(shop, "PHONE", "1")])
		assert isinstance(raised.value, Misconfigured)
		assert raised.value.doctype == "Channel Settings"
		checks = shop.connector(credentials=wrong).check()
		assert {(check.severity, check.unreachable) for check in checks if not check.ok} == {("error", False)}
