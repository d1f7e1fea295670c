"""The simulated Shopify sells what ERPNext has: set up as docs/shopify.md says, and compared to the cent and piece.

Its webhooks are signed, come in any order, and more than once.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sandbox.storefronts.shopify import CLIENT_ID, NewLine, NewShipping, ShopifyStorefront
from sandbox.storefronts.shopify.sales import Fulfilment, Order, Parcel, address
from sandbox.storefronts.shopify.webhooks import Delivery
from scripts.site_run import say
from tests.chaos.site import free_port
from tests.e2e.findings import Findings
from tests.e2e.shopify_erp import App, EmbeddedShopify, ShopifyErp

SECRET, FORGED = "shpss_e2e", "shpss_somebody_elses"
SEED, PLAIN = 20261121, 14
#: SKU → price, and pieces at the first and at the second location.
PRODUCTS = {
	"PHONE": ("199.99", 60, 20),
	"CASE": ("9.95", 300, 80),
	"CABLE-1M": ("4.35", 250, 0),
	"CABLE-2M": ("6.37", 0, 250),
	"CHARGER": ("33.33", 120, 120),
}
VAT, US = (("VAT", Decimal("0.19")),), (("State", Decimal("0.0725")), ("City", Decimal("0.01375")))
NEEDED = {
	"orders/create",
	"orders/updated",
	"orders/paid",
	"orders/cancelled",
	"orders/edited",
	"orders/delete",
	"refunds/create",
	"order_transactions/create",
	"fulfillments/create",
	"fulfillments/update",
	"fulfillment_orders/moved",
	"inventory_levels/update",
	"products/update",
	"products/delete",
	"app/uninstalled",
}


class Courier:
	"""Carries the shop's webhooks to the ERP: in any order, one in five twice, until each is acknowledged."""

	def __init__(self, shop: ShopifyStorefront, url: str, chance: random.Random):
		self._shop, self._url, self._chance = shop, urlsplit(url), chance
		self._seen = 0
		self._waiting: list[Delivery] = []
		self._ended = threading.Event()
		self._thread = threading.Thread(target=self._work, daemon=True)
		self.duplicates = self.overtaken = 0

	def start(self) -> None:
		self._thread.start()

	def stop(self) -> None:
		self._ended.set()
		if self._thread.ident:
			self._thread.join()

	def post(self, headers: Mapping[str, str], body: bytes) -> int:
		connection = http.client.HTTPConnection(self._url.netloc, timeout=30)
		try:
			connection.request(
				"POST", f"{self._url.path}?{self._url.query}", body=body, headers=dict(headers)
			)
			response = connection.getresponse()
			content = response.read()
		except http.client.HTTPException as error:
			raise ConnectionError(str(error)) from error
		finally:
			connection.close()
		self.duplicates += response.status == 200 and bool(json.loads(content).get("duplicate"))
		return response.status

	def _work(self) -> None:
		while not self._ended.wait(0.05):
			for event in self._batch():
				if not self._shop.deliver(event, self.post):
					self._waiting.append(event)
					self._ended.wait(0.5)

	def _batch(self) -> Sequence[Delivery]:
		"""What happened since, and what nobody took: the newest may come first."""
		with self._shop.lock:
			new, self._seen = self._shop.recorded[self._seen :], len(self._shop.recorded)
		batch = [*self._waiting, *new]
		self._waiting = []
		shuffled = self._chance.sample(batch, len(batch))
		self.overtaken += sum(one is not other for one, other in zip(batch, shuffled, strict=True))
		return shuffled + self._chance.sample(batch, len(batch) // 5)

	@property
	def waiting(self) -> int:
		with self._shop.lock:
			return len(self._shop.deliveries)


class ShopifyRun(Findings):
	def __init__(self, erp: ShopifyErp, shop: ShopifyStorefront):
		super().__init__()
		self.erp, self.shop = erp, shop
		self.whole: list[Order] = []  # sent in one parcel, and in several
		self.partly: list[Order] = []
		self.chance = random.Random(SEED)
		self.courier = Courier(shop, erp.webhook_url, random.Random(SEED))
		self.orders: dict[str, Order] = {}  # what is particular about it → order
		self.sold: dict[int, Decimal] = {}  # orders of which all was sent, and what they came to then

	def run(self) -> None:
		self._open_shop()
		self._set_up()
		self._products()
		self._stock_and_prices()
		self._forged()
		self._sell()
		self._changes()
		self._orders_equal("after they were changed")
		self._shipments()
		self._sent_in_the_shop()
		self._given_back()
		self._at_rest()

	# --- setting up

	def _open_shop(self) -> None:
		self.shop.add_location("Second warehouse")
		self.skus = [f"{self.erp.prefix}{name}" for name in PRODUCTS]
		for sku, (price, *_pieces) in zip(self.skus, PRODUCTS.values(), strict=True):
			self.shop.add_product(sku, Decimal(price))

	def _set_up(self) -> None:
		places = tuple(str(number) for number in self.shop.locations)
		self.places = places
		self.erp.prepare(App(self.shop.url, CLIENT_ID, SECRET, places))
		self.find("Test Connection: errors", [], self.erp.problems())
		self.erp.activate()
		self.reach("topics that are not subscribed to", set(), self._not_subscribed)
		addresses = {urlsplit(each.uri).path for each in self.shop.subscriptions.values()}
		self.find("where they post to", {urlsplit(self.erp.webhook_url).path}, addresses)
		self.courier.start()

	def _not_subscribed(self) -> set[str]:
		with self.shop.lock:
			return NEEDED - {each.topic for each in self.shop.subscriptions.values()}

	def _products(self) -> None:
		self.erp.import_products()
		count = len(PRODUCTS)
		words = f"{count} products: {count} Items made, 0 linked, 0 known already"
		self.reach("products of the shop made Items, in one bulk operation", words, self.erp.imported)
		self.find("bulk operations", 1, len(self.shop.bulk_operations))
		prices = {sku: Decimal(price) for sku, (price, *_) in zip(self.skus, PRODUCTS.values(), strict=True)}
		self.find("prices of the shop in ERPNext", prices, self.erp.prices())

	def _stock_and_prices(self) -> None:
		for sku, (_, *pieces) in zip(self.skus, PRODUCTS.values(), strict=True):
			for place, quantity in enumerate(pieces):
				if quantity:
					self.erp.receive(sku, place, quantity)
		self.erp.send_stock()
		expected = {
			(sku, place): quantity
			for sku, (_, *pieces) in zip(self.skus, PRODUCTS.values(), strict=True)
			for place, quantity in zip(self.places, pieces, strict=True)
		}
		self.reach("pieces received in ERPNext, at each location of the shop", expected, self._levels)
		self.erp.set_price(self.skus[1], Decimal("10.49"))
		price = lambda: self.shop.variant(self.skus[1]).price  # noqa: E731
		self.reach("a new price of ERPNext in the shop", Decimal("10.49"), price)

	def _levels(self) -> dict[tuple[str, str], int]:
		with self.shop.lock:
			return {
				(str(variant.sku), str(place)): level.available
				for variant in self.shop.variants.values()
				for place, level in variant.levels.items()
			}

	def _forged(self) -> None:
		event = self.shop.event("app/uninstalled", {"id": 1})
		self.find("a forged webhook", 401, self.courier.post(self.shop.headers(event, FORGED), event.body))

	# --- what buyers do

	def _sell(self) -> None:
		for number in range(PLAIN):
			self.orders[f"plain {number}"] = self._plain(number)
		phone, case, cable, _cable, charger = self.skus
		sold = self._place
		self.orders |= {
			"gift card": sold([NewLine(case), NewLine(title="Gift card", price=Decimal(50), gift_card=True)]),
			"tip": sold(
				[NewLine(case, 2), NewLine(title="Tip", price=Decimal("2.50"), tip_gateway="manual")]
			),
			"typed in": sold([NewLine(case), NewLine(title="Engraving", price=Decimal("7.77"))]),
			"pos": sold(
				[NewLine(charger, 3, price=Decimal("3.33"))],
				taxes_included=True,
				gateway="cash",
				source_name="pos",
				location=self.shop.location,
				rounding=Decimal("0.01"),
			),
			"test": sold([NewLine(charger, 2)], test=True),
			"two locations": sold(
				[NewLine(charger, 5, at=self._split(2, 3), discount=Decimal("1.01")), NewLine(case, 2)],
				[NewShipping(Decimal("4.90"))],
			),
			"to edit": sold([NewLine(phone, 2), NewLine(case, 3)], [NewShipping(Decimal("4.90"))]),
			"to cancel": sold([NewLine(phone)], [NewShipping(Decimal("4.90"))]),
			"to refund": sold(
				[NewLine(phone, 3, discount=Decimal("10.00")), NewLine(cable, 2)],
				[NewShipping(Decimal("4.90"))],
			),
			"abroad": sold([NewLine(charger, 2)], taxes=US, presentment=("CHF", Decimal("0.9312"))),
			"unknown": sold(
				[NewLine(case), NewLine(f"{self.erp.prefix}NEW", title="New", price=Decimal(12))]
			),
			"from its admin": sold([NewLine(charger, 4, at=self._split(0, 4)), NewLine(case, 1)]),
			"unpaid": sold([NewLine(cable, 7)], paid=False, gateway=None),
		}
		failed: list[str] = []
		wanted = f"{self.erp.prefix}NEW"
		self._settle()
		failed = [message for message in self.erp.unfinished() if wanted in message]
		self.find("the order with an unknown SKU fails, and says which", True, bool(failed))
		self.erp.make_item(wanted)
		self.erp.hurry()
		self._orders_equal("as they were placed")

	def _settle(self) -> None:
		self.reach("webhooks that are not acknowledged", 0, lambda: self.courier.waiting)
		open_ = lambda: [text for text in self.erp.unfinished() if " Failed: " not in text]  # noqa: E731
		self.reach("entries that wait", [], open_)

	def _split(self, first: int, second: int) -> dict[int, int]:
		shares = zip(self.shop.locations, (first, second), strict=True)
		return {place: quantity for place, quantity in shares if quantity}

	def _plain(self, number: int) -> Order:
		"""One to three positions; some with a discount that no quantity divides, some with taxes in the price."""
		chosen = self.chance.sample(self.skus, self.chance.randint(1, 3))
		lines = []
		for sku in chosen:
			price = self.shop.variant(sku).price
			discount = (price / 7).quantize(Decimal("0.01")) if self.chance.random() < 0.4 else Decimal(0)
			lines.append(NewLine(sku, self.chance.randint(1, 4), discount=discount))
		shipping = [NewShipping(Decimal("4.90"), discount=Decimal("4.90") if number % 5 == 0 else Decimal(0))]
		return self._place(
			lines, shipping, taxes=US if number % 4 == 3 else VAT, taxes_included=number % 2 == 1
		)

	def _place(self, lines: Sequence[NewLine], shipping: Sequence[NewShipping] = (), **about: Any) -> Order:
		number = len(self.shop.orders)
		street = address(
			first_name="Ada",
			last_name="Büyer",
			address1=f"Hauptstraße {number}",
			city="Köln",
			zip="50667",
			country="Germany",
			country_code="DE",
		)
		buyer = {
			"email": f"buyer{number % 7}@example.com",
			"billing_address": street,
			"shipping_address": street,
		}
		return self.shop.place_order(lines, shipping, **({"taxes": VAT} | buyer | about))

	def _orders_equal(self, when: str) -> None:
		self.reach(f"orders and their totals, {when}", self._totals(), self.erp.totals)
		self.reach(f"pieces at each location, {when}", [], self._pieces_that_differ)

	def _money_equal(self, when: str) -> None:
		self.reach(f"money by order, {when}", self._money(), lambda: _moved(self.erp.money()))
		self.reach(f"invoices less credit notes, {when}", self._billed(), self.erp.billed)

	def _money(self) -> dict[str, Decimal]:
		with self.shop.lock:
			return _moved(
				{
					str(order.id): order.received + _rounded(order) - order.refunded
					for order in self.shop.orders.values()
					if not order.test
				}
			)

	def _billed(self) -> dict[str, Decimal]:
		"""Each delivery is billed, and each refund of it is a credit note."""
		with self.shop.lock:
			orders = [self.shop.orders[number] for number in self.sold]
			return {str(order.id): self.sold[order.id] - order.refunded for order in orders}

	def _totals(self) -> dict[str, list[Decimal]]:
		"""What is given back of what was sent leaves the Sales Order as it is."""
		with self.shop.lock:
			return {
				str(order.id): [self.sold.get(order.id, order.current_total + order.rounding)]
				for order in self.shop.orders.values()
				if not order.cancelled_at and not order.test
			}

	def _pieces_that_differ(self) -> list[str]:
		"""What a test order took is put back by the next push, and what its end gave back is taken off again."""
		offered, shown = self.erp.offered(), self._levels()
		return [
			f"{sku} at {place}: {shown[sku, place]} shown, {quantity} in ERPNext"
			for (sku, place), quantity in sorted(offered.items())
			if (sku, place) in shown and shown[sku, place] != quantity
		]

	def _changes(self) -> None:
		edited, cancelled, refunded = (self.orders[f"to {name}"] for name in ("edit", "cancel", "refund"))
		self._later()
		self.shop.edit_order(edited, {edited.lines[0]: 1}, [NewLine(self.skus[4], 2)])
		self.shop.cancel_order(cancelled)
		self.shop.refund(refunded, {refunded.lines[0]: 1}, restock="cancel")
		self.shop.pay(self.orders["unpaid"])
		self.shop.cancel_order(self.orders["test"])

	def _later(self) -> None:
		"""Shopify's times have seconds: what happens next shall be later than what was."""
		newest = max(int(order.updated_at.timestamp()) for order in self.shop.orders.values())
		while int(self.shop.now().timestamp()) <= newest:
			time.sleep(0.05)

	# --- shipments

	def _shipments(self) -> None:
		self._later()
		plain = [self.orders[f"plain {number}"] for number in range(PLAIN)]
		partly = [order for order in plain if order.lines[0].quantity > 1][:3]
		rest = [order for order in plain if order not in partly]
		whole, lost, late = rest[:4], rest[4], rest[5]
		for order in whole:
			self.erp.ship(str(order.id), None, "UPS", f"W-{order.number}")
		notes = [self.erp.ship(str(order.id), 1, "UPS", f"P-{order.number}") for order in partly]
		split = self.orders["two locations"]
		note = self.erp.ship(str(split.id), None, "UPS", f"S-{split.number}")
		self.find("one Delivery Note of two locations", sorted(self.places), self.erp.note_places(note))
		expected = {order.number: [("UPS", f"W-{order.number}")] for order in whole}
		expected |= {order.number: [("UPS", f"P-{order.number}")] for order in partly}
		expected[split.number] = [("UPS", f"S-{split.number}")]
		self.reach(
			"fulfilments with tracking, whole, in part and of two locations",
			dict(expected),
			lambda: self._sent(expected),
		)
		sent_from = sorted(str(sent.location.id) for sent in _standing(split))
		self.find("a fulfilment of each of its locations", sorted(self.places), sent_from)
		for order in partly:
			self.erp.ship(str(order.id), None, "UPS", f"R-{order.number}")
			expected[order.number].append(("UPS", f"R-{order.number}"))
		self.erp.track(notes[0], "FedEx", "NEW-1")
		expected[partly[0].number][0] = ("FedEx", "NEW-1")
		self.reach("the rest, and a later tracking number", dict(expected), lambda: self._sent(expected))
		self._settle()
		self.erp.cancel_shipment(notes[1])
		expected[partly[1].number] = expected[partly[1].number][1:]
		self.reach("a cancelled Delivery Note is taken back", dict(expected), lambda: self._sent(expected))
		self.erp.ship(str(partly[1].id), None, "UPS", f"S-{partly[1].number}")
		expected[partly[1].number] = [*expected[partly[1].number], ("UPS", f"S-{partly[1].number}")]
		self.reach("sent again", expected, lambda: self._sent(expected))
		self.whole, self.partly = whole, partly
		self._broken(lost, late)
		self._all_sent(*whole, *partly, split, lost, late)

	def _all_sent(self, *orders: Order) -> None:
		with self.shop.lock:
			self.sold |= {order.id: order.current_total + order.rounding for order in orders}

	def _broken(self, lost: Order, late: Order) -> None:
		"""An answer that is lost, and a shop that is gone for a while."""
		self.shop.fail("lost", operation="fulfillmentCreate")
		self.erp.ship(str(lost.id), None, "UPS", f"L-{lost.number}")
		wanted = {lost.number: [("UPS", f"L-{lost.number}")]}
		self.erp.hurry()
		self.reach("a lost answer: sent once", wanted, lambda: self._sent(wanted))
		self.find("answers still to be lost", [], self.shop.faults)
		refused = self.shop.requests_refused
		self.shop.outage = True
		self.erp.ship(str(late.id), None, "UPS", f"O-{late.number}")
		self.reach("the outage of the shop was met", True, lambda: self.shop.requests_refused > refused)
		self.shop.outage = False
		self.erp.hurry()
		wanted[late.number] = [("UPS", f"O-{late.number}")]
		self.reach("after the outage: each sent once", wanted, lambda: self._sent(wanted))

	def _sent(self, numbers: Mapping[int, Any]) -> dict[int, list[tuple[str | None, str | None]]]:
		"""The parcels of each order; one of several locations counts once, one sent twice from one place twice."""
		with self.shop.lock:
			return {
				order.number: _parcels(order)
				for order in self.shop.orders.values()
				if order.number in numbers
			}

	def _sent_in_the_shop(self) -> None:
		"""A person in the shop's own admin sends an order from two places, and a till hands one over."""
		self._later()
		order, pos = self.orders["from its admin"], self.orders["pos"]
		for place in [*order.fulfilment_orders, *pos.fulfilment_orders]:
			self.shop.fulfil(place, None, [Parcel("UPS", f"A-{place.id}", None)])
		counts = [len(_standing(each)) for each in (order, pos)]
		drafts = lambda: [self.erp.drafts(str(each.id)) for each in (order, pos)]  # noqa: E731
		self.reach(
			"sent in the shop's own admin: draft Delivery Notes", counts, lambda: [*map(len, drafts())]
		)
		places = sorted(str(sent.location.id) for each in (order, pos) for sent in _standing(each))
		notes = [name for names in drafts() for name in names]
		self.find(
			"from the warehouses of its locations",
			places,
			sorted(place for name in notes for place in self.erp.note_places(name)),
		)
		for name in notes:
			self.erp.submit(name)
		self._settle()
		self.find(
			"submitted, they are not sent again", counts, [len(_standing(each)) for each in (order, pos)]
		)
		self._all_sent(order, pos)
		self._money_equal("after shipping")

	def _given_back(self) -> None:
		"""Pieces that come back, or do not; shipping; a goodwill; several of one order, and all of one."""
		self._later()
		piece, shipping, goodwill, all_of_it = self.whole
		both = self.partly[0]
		self.shop.refund(piece, {piece.lines[0]: 1}, restock="return")
		self.shop.refund(shipping, {shipping.lines[0]: 1}, shipping=True)
		self.shop.refund(goodwill, amount=Decimal("2.00"))
		self.shop.refund(both, {both.lines[0]: 1}, restock="return")
		self.shop.refund(both, amount=Decimal("1.11"))
		left = {line: line.current_quantity for line in all_of_it.lines}
		self.shop.refund(all_of_it, left, shipping=True, restock="return")
		self._settle()
		self._orders_equal("after refunds of what was sent")
		self._money_equal("after refunds of what was sent")

	# --- the end

	def _at_rest(self) -> None:
		there = self.orders["abroad"]
		self.erp.cancel_order(str(there.id))
		self.reach("an order cancelled in ERPNext", True, lambda: there.cancelled_at is not None)
		self._settle()
		self.reach("entries that wait or failed", [], self.erp.unfinished)
		self._orders_equal("at the end")
		self._money_equal("at the end")
		self.find(
			"webhooks came twice, and overtook each other",
			(True, True),
			(self.courier.duplicates > 0, self.courier.overtaken > 0),
		)
		self.find(
			"webhooks the shop gave up, and subscriptions it dropped",
			(0, set()),
			(len(self.shop.given_up), self._not_subscribed()),
		)
		self.erp.check_drift()
		self.reach("differences between shop and ERPNext found by the check", [], self.erp.drift)


def _parcels(order: Order) -> list[tuple[str | None, str | None]]:
	by_place: dict[int, Counter[tuple[str | None, str | None]]] = {}
	for sent in _standing(order):
		rows = by_place.setdefault(sent.location.id, Counter())
		rows.update((parcel.company, parcel.number) for parcel in sent.parcels)
	most: Counter[tuple[str | None, str | None]] = Counter()
	for rows in by_place.values():
		most |= rows
	return sorted(most.elements(), key=str)


def _moved(amounts: Mapping[str, Decimal]) -> dict[str, Decimal]:
	"""Nothing received is the same as as much given back."""
	return {order: amount for order, amount in amounts.items() if amount}


def _rounded(order: Order) -> Decimal:
	"""Cash is rounded as it is paid."""
	return sum((each.rounding for each in order.transactions), Decimal(0))


def _standing(order: Order) -> list[Fulfilment]:
	return [sent for sent in order.fulfilments if sent.status == "SUCCESS"]


def _erp(folder: Path) -> ShopifyErp | None:
	if os.environ.get("E2E_ERP", "sandbox") != "site":
		return EmbeddedShopify(folder, free_port())
	from tests.e2e.shopify_site import find_site

	return find_site(folder)


def run(folder: Path) -> tuple[str, Findings] | None:
	"""Which shop and ERP, and what was found; None where there is no ERP."""
	erp = _erp(folder)
	if erp is None:
		return None
	try:
		erp.start()
		say(f"{erp.name} is open")
		shop = ShopifyStorefront(currency=erp.currency, client_secret=SECRET, access_token=None)
		with shop:
			done = ShopifyRun(erp, shop)
			try:
				done.run()
			finally:
				done.courier.stop()
	finally:
		erp.stop()
	return f"Simulated Shopify and ERPNext ({erp.name})", done
