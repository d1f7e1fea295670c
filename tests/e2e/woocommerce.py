"""A WooCommerce shop sells what ERPNext has: set up as docs/woocommerce.md says, and compared to the cent and piece.

The shop is the simulated one, whose webhooks come in any order and more than once; or, where
COMMERCE_BRIDGE_WOOCOMMERCE_URL, _KEY and _SECRET are set, a real one. Of that only what the run made itself is touched,
and it is taken away at the end; what others do in it meanwhile does not count. It has to sell in the currency of the
ERP's company, to count stock, to charge 19 % of VAT in Germany, and to be allowed to post to this machine.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import os
import random
import time
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sandbox.storefronts.woocommerce import WooCommerceStorefront
from scripts.site_run import say
from tests.chaos.site import free_port
from tests.e2e.findings import Findings
from tests.e2e.woocommerce_erp import EmbeddedWooCommerce, Entry, Keys, WooCommerceErp, unfinished
from tests.e2e.woocommerce_shop import COUPON, Basket, Courier, Deliveries, Line, OwnDeliveries, Rest, furnish

ENVIRONMENT = "COMMERCE_BRIDGE_WOOCOMMERCE"
SEED, PLAIN = 20261121, 10
#: SKU → price without tax, pieces.
PRODUCTS = {"PHONE": ("199.99", 60), "CASE": ("9.95", 300), "CABLE": ("4.35", 250), "BOOK": ("12.49", 80)}
SHIRTS = {"S": ("19.90", 40), "M": ("21.90", 30)}
TOPICS = {
	f"{resource}.{event}"
	for resource, events in (
		("order", ("created", "updated", "deleted", "restored")),
		("product", ("created", "updated", "deleted", "restored")),
		("customer", ("created", "updated", "deleted")),
	)
	for event in events
}
#: Statuses of orders that stand in ERPNext.
STANDING = ("processing", "on-hold", "completed")
ZERO = Decimal(0)


class WooCommerceRun(Findings):
	def __init__(
		self, erp: WooCommerceErp, shop: Rest, deliveries: Deliveries, simulated: WooCommerceStorefront | None
	):
		super().__init__()
		self.erp, self.shop, self.deliveries, self.simulated = erp, shop, deliveries, simulated
		self.chance = random.Random(SEED)
		self.ids: dict[str, int] = {}  # what is particular about an order → its id
		self.currency = shop.currency()
		self.whole: list[int] = []  # orders that were sent in one parcel, and in several
		self.partly: list[int] = []
		self.skus: list[str] = []
		self.unknown = ""  # SKU of a product that ERPNext does not have
		self.deducted: set[int] = (
			set()
		)  # refunds that came before the goods were sent: the Sales Order is less by them
		self.delivered: set[int] = set()  # orders of which all was sent

	def run(self) -> None:
		self._furnish()
		self._set_up()
		self._products()
		self._stock_and_prices()
		self._forged()
		self._sell()
		self._changes()
		self._lost()
		self._shipments()
		self._given_back()
		self._at_rest()

	# --- setting up

	def _furnish(self) -> None:
		classes = {"BOOK": "reduced-rate"}
		self.skus = [
			self.shop.add_product(name, price, tax_class=classes.get(name, ""))
			for name, (price, _) in PRODUCTS.items()
		]
		self.skus += self.shop.add_variable("SHIRT", {size: price for size, (price, _) in SHIRTS.items()})
		self.pieces = dict(
			zip(self.skus, [count for _, count in (*PRODUCTS.values(), *SHIRTS.values())], strict=True)
		)

	def _set_up(self) -> None:
		self.erp.connect(Keys(self.shop.url, self.shop.key, self.shop.secret, self.currency))
		self.find("Test Connection: errors", [], self.erp.problems())
		facts = self.erp.facts()
		say(f"WooCommerce {facts.get('WooCommerce')}, shipments are told as: {facts.get('Tracking')}")
		self.find("the shop's currency, as the form shows it", self.currency, facts.get("Currency"))
		self.erp.activate()
		self.reach("webhooks of the shop", {topic: ["active"] for topic in TOPICS}, self._webhooks)
		self.deliveries.start()

	@property
	def moves(self) -> bool:
		"""Whether the gateway gives money back: a bank transfer does not, but for that of the simulated shop."""
		return self.simulated is not None

	def _webhooks(self) -> dict[str, list[str]]:
		return self.shop.webhooks(urlsplit(self.erp.webhook_url).netloc)

	def _products(self) -> None:
		"""Of the simulated shop Items are made; in a real one there may be products of others, so they are linked."""
		if self.simulated is None:
			for sku in self.skus:
				self.erp.make_item(sku)
		self.erp.link_products(create=self.simulated is not None)
		prices = {sku: Decimal(self.shop.products[sku]["regular_price"]) for sku in self.skus}
		self.reach("products of the shop, with its prices in ERPNext", prices, self._prices)
		if self.simulated is not None:
			words = f"{len(PRODUCTS) + 1} products: {len(self.skus)} Items made, 0 linked, 0 known already"
			self.reach("what the import says", words, self.erp.imported)

	def _prices(self) -> dict[str, Decimal]:
		return {sku: price for sku, price in self.erp.prices().items() if sku in self.skus}

	def _stock_and_prices(self) -> None:
		for sku, count in self.pieces.items():
			self.erp.receive(sku, 0, count)
		self.erp.send_stock()
		self.reach("pieces received in ERPNext, in the shop", self.pieces, lambda: self.shop.stock(self.skus))
		new = {self.skus[1]: "10.49", self.skus[-1]: "22.50"}
		for sku, price in new.items():
			self.erp.set_price(sku, Decimal(price))
			self.shop.products[sku]["regular_price"] = price
		shown = lambda: {sku: self.shop.shown(new)[sku]["regular_price"] for sku in new}  # noqa: E731
		self.reach("new prices of ERPNext in the shop, of a variation too", new, shown)

	def _forged(self) -> None:
		body = json.dumps({"id": 1}).encode()
		headers = {"content-type": "application/json", "x-wc-webhook-topic": "order.deleted"}
		signed = base64.b64encode(hmac.new(b"somebody else's", body, hashlib.sha256).digest()).decode()
		forged = self._post({**headers, "x-wc-webhook-signature": signed}, body)
		ping = self._post({"content-type": "application/x-www-form-urlencoded"}, b"webhook_id=1")
		self.find("a forged webhook, and a ping", (401, 200), (forged, ping))

	def _post(self, headers: Mapping[str, str], body: bytes) -> int:
		return post(self.erp.webhook_url, headers, body)

	# --- what buyers do

	def _sell(self) -> None:
		for number in range(PLAIN):
			self.ids[f"plain {number}"] = self.shop.place(self._plain(number))
		self._sell_particular()
		self._sell_rounded()
		self._settle()
		failed = [text for text in self._unfinished() if self.unknown in text]
		self.find("the order with an unknown SKU fails, and says which", True, bool(failed))
		self.erp.make_item(self.unknown)
		self.erp.hurry()
		self._orders_equal("as they were placed")

	def _sell_particular(self) -> None:
		phone, case, cable, book, small, medium = self.skus
		new = self.unknown = self.shop.add_product("NEW", "12.00", manage_stock=False)
		gone = self.shop.add_product("GONE", "7.77", manage_stock=False)
		self.erp.make_item(gone)
		self.erp.add_price(gone, Decimal("7.77"))
		known = self.shop.add_customer(f"{self.shop.prefix.lower()}grace@example.com")
		baskets = {
			"variations": Basket([Line(small, 2), Line(medium, 1)]),
			"coupon": Basket([Line(case, 3), Line(cable, 7), Line(small)], coupon=COUPON),
			"negative fee": Basket([Line(case, 3), Line(book, 3)], fees={"Rabatt": "-2.55"}),
			"fee": Basket([Line(cable, 7)], fees={"Gift wrap": "2.10"}),
			"two rates": Basket([Line(case, 3, Decimal("1.01")), Line(book, 7, Decimal("0.13"))]),
			"company": Basket(
				[Line(phone)], billing={"company": "Büyer GmbH"}, meta={"_billing_vat_number": "DE123456789"}
			),
			"registered": Basket([Line(cable, 3)], customer=known),
			"free of charge": Basket([Line(cable, 1, Decimal("4.35"))], shipping=None),
			"renewal": Basket([Line(case)], meta={"_subscription_renewal": "77"}),
			"unknown": Basket([Line(case), Line(new)]),
			"deleted product": Basket([Line(gone, 2), Line(case)]),
			"to change": Basket([Line(phone, 2), Line(case, 3)], status="on-hold"),
			"to cancel": Basket([Line(phone)]),
			"to cancel here": Basket([Line(phone), Line(book, 2)]),
			"to trash": Basket([Line(case, 2)]),
			"to restore": Basket([Line(case, 4)]),
			"to refund in part": Basket([Line(phone, 3, Decimal("10.00")), Line(cable, 2)]),
			"to refund a piece": Basket([Line(case, 3), Line(cable, 7, Decimal("0.13"))]),
			"to refund": Basket([Line(book, 2)]),
			"unpaid": Basket([Line(cable, 7)], status="pending"),
		}
		self.ids |= {name: self.shop.place(basket) for name, basket in baskets.items()}

	def _plain(self, number: int) -> Basket:
		"""One to three positions; some with a discount that no quantity divides."""
		lines = []
		for sku in self.chance.sample(self.skus, self.chance.randint(1, 3)):
			price = Decimal(self.shop.products[sku]["regular_price"])
			off = (price / 7).quantize(Decimal("0.01")) if self.chance.random() < 0.4 else Decimal(0)
			lines.append(Line(sku, self.chance.randint(1, 4), off))
		return Basket(lines, shipping=None if number % 5 == 0 else "4.90")

	def _sell_rounded(self) -> None:
		"""With tax in the prices, and rounded by order: settings of the whole shop, so of the simulated one only."""
		shop = self.simulated
		if shop is None:
			return
		for number, (included, by_order) in enumerate(((True, False), (False, True), (True, True))):
			shop.prices_include_tax, shop.tax_round_at_subtotal = included, by_order
			for part in range(3):
				lines = [Line(self.skus[1], 3 + part), Line(self.skus[3], 3), Line(self.skus[2], 7)]
				fees = {"Rabatt": "-2.55"} if part == 1 else {}
				basket = Basket(lines, coupon=COUPON if part == 0 else None, fees=fees)
				self.ids[f"rounded {number} {part}"] = self.shop.place(basket)
		shop.prices_include_tax = shop.tax_round_at_subtotal = False

	# --- what is compared

	def _settle(self) -> None:
		self.reach("deliveries of the shop that wait", 0, lambda: self.deliveries.waiting)
		self._quiet()
		open_ = lambda: [text for text in self._unfinished() if " Failed: " not in text]  # noqa: E731
		self.reach("entries that wait", [], open_)

	def _quiet(self) -> None:
		"""A real shop posts a second or two later: until nothing more came for a while."""
		if self.simulated is not None:
			return
		count = -1
		while count != (count := len(self.erp.entries())):
			time.sleep(4)

	def _unfinished(self) -> list[str]:
		return unfinished(self.erp.entries(), self._counts)

	def _counts(self, entry: Entry) -> bool:
		"""Whether it is of this run: others may sell in a real shop meanwhile."""
		inbound = entry.topic.startswith(("order.", "product.", "customer."))
		return not inbound or entry.order_id in self._ours()

	def _ours(self) -> set[str]:
		products = {str(row["id"]) for row in self.shop.products.values()}
		return products | {str(number) for number in self.shop.order_ids}

	def _orders_equal(self, when: str) -> None:
		self.reach(f"orders and their totals, {when}", self._totals(), self.erp.totals)
		self.reach(f"their taxes, {when}", self._taxes(), self.erp.taxes)
		self.reach(f"pieces, {when}", {}, self._pieces_that_differ)

	def _standing(self) -> list[dict[str, Any]]:
		"""Orders that stand in ERPNext: what was sent stands there even if all of it is given back."""
		return [
			order
			for order in self.shop.orders().values()
			if order["status"] in STANDING or order["id"] in self.delivered
		]

	def _totals(self) -> dict[str, list[Decimal]]:
		return {
			str(order["id"]): [
				Decimal(order["total"]) - _sum(row["amount"] for row in self._taken_off(order))
			]
			for order in self._standing()
		}

	def _taxes(self) -> dict[str, Decimal]:
		return {
			str(order["id"]): _tax(order) + sum(map(_tax, self._taken_off(order)), ZERO)
			for order in self._standing()
		}

	def _taken_off(self, order: Mapping[str, Any]) -> list[dict[str, Any]]:
		return [row for row in self._refunds(order) if row["id"] in self.deducted]

	def _refunds(self, order: Mapping[str, Any]) -> list[dict[str, Any]]:
		return self.shop.refunds(order["id"]) if order["refunds"] else []

	def _money_equal(self, when: str) -> None:
		self.reach(f"money by order, {when}", self._money(), lambda: _moved(self.erp.money()))
		self.reach(f"invoices less credit notes, {when}", self._billed(), self.erp.billed)

	def _money(self) -> dict[str, Decimal]:
		"""What was paid, less what a gateway gave back. Whether a person gave money back, no shop knows."""
		return _moved(
			{
				str(order["id"]): Decimal(order["total"])
				- _sum(row["amount"] for row in self._refunds(order) if row["refunded_payment"])
				for order in self.shop.orders().values()
				if order["date_paid"]
			}
		)

	def _billed(self) -> dict[str, Decimal]:
		"""Each delivery is billed, and each refund of it is a credit note."""
		return {
			str(order["id"]): Decimal(order["total"]) - _sum(row["amount"] for row in self._refunds(order))
			for order in self.shop.orders().values()
			if order["id"] in self.delivered
		}

	def _pieces_that_differ(self) -> dict[str, tuple[int | None, int]]:
		shown = self.shop.stock(self.skus)
		offered = {sku: count for (sku, _), count in self.erp.offered().items() if sku in shown}
		return {sku: (shown[sku], count) for sku, count in offered.items() if shown[sku] != count}

	# --- what changes

	def _changes(self) -> None:
		self._later()
		self._change_quantity(self.ids["to change"])
		self.shop.change(self.ids["to cancel"], status="cancelled")
		self.shop.trash(self.ids["to trash"])
		self.shop.trash(self.ids["to restore"])
		self.deducted.add(self.shop.refund(self.ids["to refund in part"], "11.90", moved=self.moves))
		self.deducted.add(self.shop.refund_piece(self.ids["to refund a piece"]))
		self.shop.change(self.ids["unpaid"], status="processing")
		self.erp.cancel_order(str(self.ids["to cancel here"]))
		status = lambda: self.shop.order(self.ids["to cancel here"])["status"]  # noqa: E731
		self.reach("an order cancelled in ERPNext", "cancelled", status)
		self._orders_equal("after they were changed")
		self._money_gone()
		self._product_gone()

	def _later(self) -> None:
		"""The shop's times have seconds: what happens next shall be later than what was."""
		time.sleep(1.1)

	def _change_quantity(self, order: int) -> None:
		[line, *_] = self.shop.order(order)["line_items"]
		half = str(Decimal(line["total"]) / 2)
		self.shop.change(
			order, line_items=[{"id": line["id"], "quantity": 1, "subtotal": half, "total": half}]
		)

	def _money_gone(self) -> None:
		"""All of it given back before anything was sent: nothing is to be sent."""
		order = self.ids["to refund"]
		self.shop.refund(order, self.shop.order(order)["total"], moved=self.moves)
		self.reach("all given back: its status", "refunded", lambda: self.shop.order(order)["status"])
		self._orders_equal("after a refund of all")
		self._money_equal("after a refund of all")

	def _product_gone(self) -> None:
		"""The product of a booked order is deleted for good, and the order is told of again."""
		order, gone = str(self.ids["deleted product"]), f"{self.shop.prefix}GONE"
		before = self.erp.item_codes(order)
		self.shop.delete_product(gone)
		self.erp.delist(gone)
		[sent] = self.shop.order(int(order))["shipping_lines"]
		row = {"id": sent["id"], "method_id": sent["method_id"], "total": "5.90"}
		self.shop.change(int(order), shipping_lines=[row])
		self._orders_equal("after a change of one whose product is gone")
		self.find("the items of that order", before, self.erp.item_codes(order))

	# --- what no webhook tells

	def _lost(self) -> None:
		"""The ERP is gone for a moment. WooCommerce sends nothing twice, and nothing of some changes: a poll finds it."""
		self._later()
		self.erp.go_down()
		self.ids["lost"] = self.shop.place(Basket([Line(self.skus[2], 2)]))
		self.shop.change(self.ids["to restore"], status="processing")
		self._settle_down()
		self.erp.come_back()
		self.find("an order whose webhooks were lost", False, str(self.ids["lost"]) in self.erp.totals())
		self.erp.poll()
		self._orders_equal("after a poll, with one out of the trash")
		self.shop.switch_off("order.updated", urlsplit(self.erp.webhook_url).netloc)
		self.erp.watch()
		self.reach(
			"a webhook that the shop switched off is made anew",
			{topic: ["active"] for topic in TOPICS},
			self._webhooks,
		)

	def _settle_down(self) -> None:
		"""Until the shop has told what it had to tell, to nobody."""
		self.reach("deliveries of the shop to nobody", 0, lambda: self.deliveries.waiting)
		if self.simulated is None:
			time.sleep(6)

	# --- shipments

	def _shipments(self) -> None:
		way = self.erp.facts()["Tracking"]
		orders = self.shop.orders()
		plain = [self.ids[f"plain {number}"] for number in range(PLAIN)]
		partly = [number for number in plain if orders[number]["line_items"][0]["quantity"] > 1][:3]
		whole = [number for number in plain if number not in partly][:4]
		for number in whole:
			self.erp.ship(str(number), None, "UPS", f"W-{number}")
		notes = [self.erp.ship(str(number), 1, "UPS", f"P-{number}") for number in partly]
		expected = {number: ("completed", [("ups", f"W-{number}")]) for number in whole}
		expected |= {number: ("processing", [("ups", f"P-{number}")]) for number in partly}
		shown = lambda: {number: self._sent(number, way) for number in expected}  # noqa: E731
		self.reach(f"shipments ({way}), whole and in part, and statuses", dict(expected), shown)
		for number in partly:
			self.erp.ship(str(number), None, "UPS", f"R-{number}")
			expected[number] = ("completed", [("ups", f"P-{number}"), ("ups", f"R-{number}")])
		self.erp.track(notes[0], "FedEx", "NEW-1")
		expected[partly[0]] = ("completed", [("fedex", "NEW-1"), ("ups", f"R-{partly[0]}")])
		self.reach("the rest, and a later tracking number", dict(expected), shown)
		self._settle()
		self.erp.cancel_shipment(notes[1])
		expected[partly[1]] = ("completed", [("ups", f"R-{partly[1]}")])
		self.reach("a cancelled Delivery Note is taken back", dict(expected), shown)
		self.erp.ship(str(partly[1]), None, "UPS", f"S-{partly[1]}")
		expected[partly[1]] = ("completed", [("ups", f"R-{partly[1]}"), ("ups", f"S-{partly[1]}")])
		self.reach("sent again", dict(expected), shown)
		self.whole, self.partly = whole, partly
		self.delivered |= {*whole, *partly}
		self._other_ways()
		self._broken()
		self._money_equal("after shipping")

	def _sent(self, number: int, way: str) -> tuple[str, list[tuple[str, str]]]:
		return self.shop.order(number)["status"], self.shop.parcels(number, way)

	def _other_ways(self) -> None:
		"""The merchant of the simulated shop installs and removes plugins; Test Connection asks what there is now."""
		shop = self.simulated
		if shop is None:
			return
		ways = (
			("Shipment Tracking", {"shipment-tracking"}),
			("Advanced Shipment Tracking", {"ast"}),
			("Notes", set()),
		)
		shop.fulfilments = False
		for name, (way, plugins) in zip(("coupon", "fee", "two rates"), ways, strict=True):
			shop.plugins = set(plugins)
			self.erp.problems()
			self.find("how shipments are told now", way, self.erp.facts()["Tracking"])
			number = self.ids[name]
			self.delivered.add(number)
			self.erp.ship(str(number), None, "UPS", f"T-{number}")
			wanted = ("completed", [("ups", f"T-{number}")])
			self.reach(f"a shipment by {way}", wanted, lambda number=number, way=way: self._sent(number, way))

	def _broken(self) -> None:
		"""The shop is gone for a while."""
		shop = self.simulated
		if shop is None:
			return
		number = self.ids["negative fee"]
		self.delivered.add(number)
		shop.outage = True
		self.erp.ship(str(number), None, "UPS", f"O-{number}")
		waits = lambda: any(" Retrying: " in text for text in self._unfinished())  # noqa: E731
		self.reach("the outage of the shop was met", True, waits)
		shop.outage = False
		wanted = ("completed", [("ups", f"O-{number}")])
		self.reach("after the outage: sent once", wanted, lambda: self._hurried(number))

	def _hurried(self, number: int) -> tuple[str, list[tuple[str, str]]]:
		"""The shop said how long to wait; a person does not."""
		self.erp.hurry()
		return self._sent(number, "Notes")

	# --- what is given back of what was sent

	def _given_back(self) -> None:
		"""A piece that comes back, a goodwill, both, and all of an order."""
		self._later()
		piece, goodwill, all_of_it, *_ = self.whole
		both = self.partly[0]
		self.shop.refund_piece(piece, self.moves)
		self.shop.refund(goodwill, "2.00", moved=self.moves)
		self.shop.refund_piece(both, self.moves)
		self.shop.refund(both, "1.11")
		self.shop.refund(all_of_it, self.shop.order(all_of_it)["total"], moved=self.moves)
		self._settle()
		self._orders_equal("after refunds of what was sent")
		self._money_equal("after refunds of what was sent")

	# --- the end

	def _at_rest(self) -> None:
		self._settle()
		self.erp.poll()
		self._settle()
		self.reach("entries that wait or failed", [], self._unfinished)
		self._orders_equal("at the end")
		self._money_equal("at the end")
		if isinstance(self.deliveries, Courier):
			seen = (self.deliveries.twice > 0, self.deliveries.overtaken > 0, self.deliveries.lost > 0)
			self.find("webhooks came twice, overtook each other, were lost", (True, True, True), seen)
		self.erp.check_drift()
		self.reach("differences between shop and ERPNext found by the check", [], self._drift)
		self.erp.close()
		self.reach("webhooks left in the shop", {}, self._webhooks)

	def _drift(self) -> list[str] | None:
		found = self.erp.drift()
		return found and [text for text in found if self.simulated or text.startswith(self.shop.prefix)]


def _sum(amounts: Iterable[str]) -> Decimal:
	return sum((Decimal(amount) for amount in amounts), ZERO)


def _tax(row: Mapping[str, Any]) -> Decimal:
	"""Of an order; of a refund it is below 0."""
	return _sum(tax[name] for tax in row["tax_lines"] for name in ("tax_total", "shipping_tax_total"))


def _moved(amounts: Mapping[str, Decimal]) -> dict[str, Decimal]:
	"""Nothing received is the same as as much given back."""
	return {order: amount for order, amount in amounts.items() if amount}


def post(url: str, headers: Mapping[str, str], body: bytes) -> int:
	"""The status that came back. Raises `OSError` where none did."""
	parts = urlsplit(url)
	connection = http.client.HTTPConnection(parts.netloc, timeout=30)
	try:
		connection.request("POST", f"{parts.path}?{parts.query}", body=body, headers=dict(headers))
		response = connection.getresponse()
		response.read()
		return response.status
	except http.client.HTTPException as error:
		raise ConnectionError(str(error)) from error
	finally:
		connection.close()


# --- the parts --------------------------------------------------------------------------------------------


def _erp(folder: Path) -> WooCommerceErp | None:
	if os.environ.get("E2E_ERP", "sandbox") != "site":
		return EmbeddedWooCommerce(folder, free_port())
	from tests.e2e.woocommerce_site import find_site

	return find_site(folder)


def _real_keys() -> Sequence[str] | None:
	"""Address, key and secret of a real shop, where all are given."""
	values = [os.environ.get(f"{ENVIRONMENT}_{name}", "") for name in ("URL", "KEY", "SECRET")]
	return values if all(values) else None


def run(folder: Path) -> tuple[str, Findings] | None:
	"""Which shop and ERP, and what was found; None where there is no ERP."""
	erp = _erp(folder)
	if erp is None:
		return None
	try:
		erp.start()
		say(f"{erp.name} is open")
		keys = _real_keys()
		done = _with_real(erp, keys) if keys else _with_simulated(erp)
	finally:
		erp.stop()
	return f"{'Real' if keys else 'Simulated'} WooCommerce and ERPNext ({erp.name})", done


def _with_real(erp: WooCommerceErp, keys: Sequence[str]) -> Findings:
	shop = Rest(*keys, prefix=erp.prefix or f"E2E-{int(time.time()):x}-")
	done = WooCommerceRun(erp, shop, OwnDeliveries(), None)
	try:
		done.run()
	finally:
		shop.tidy(urlsplit(erp.webhook_url).netloc)
	return done


def _with_simulated(erp: WooCommerceErp) -> Findings:
	with WooCommerceStorefront(currency=erp.currency) as simulated:
		furnish(simulated)
		simulated.fulfilments = True
		simulated.refunding["bacs"] = ""  # a bank transfer that gives money back, and does not refuse
		shop = Rest(simulated.url, simulated.consumer_key, simulated.consumer_secret, erp.prefix)
		courier = Courier(simulated, lambda headers, body: post(erp.webhook_url, headers, body))
		done = WooCommerceRun(erp, shop, courier, simulated)
		try:
			done.run()
		finally:
			courier.stop()
	return done
