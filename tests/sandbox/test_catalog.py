"""Catalog and prices out, from the embedded ERP to the shop: each change arrives, and nothing twice."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import timedelta
from decimal import Decimal

import pytest

from commerce_bridge.bridge import feeds
from commerce_bridge.bridge.channel import CatalogPolicy, Ownership
from commerce_bridge.bridge.errors import Retryable
from commerce_bridge.bridge.protocols import HttpResponse
from tests.sandbox.stage import CHANNEL, WAREHOUSE, Stage

NEW = "SLEEVE"


class CatalogStage(Stage):
	"""A shop that takes products and prices from us, with one new item that it does not have yet."""

	def __init__(self) -> None:
		super().__init__()
		self.set_policy(push_listings=True, push_prices=True)
		for sku in ("PHONE", "CASE", "CABLE"):
			self.sandbox.erp.set_price(sku, Decimal("33.33"))
		self.settle()
		self.messages: list[dict] = []
		self._watch()

	def set_policy(self, ownership: Ownership | None = None, **policy: object) -> None:
		catalog = CatalogPolicy(**policy)
		changed = {"catalog": catalog, "ownership": ownership or self.channel.ownership}
		self.channel = self.channel.model_copy(update=changed)
		self.sandbox.state.save(self.channel)

	def _watch(self) -> None:
		handle = self.shop.handle

		def watched(method: str, target: str, headers: Mapping[str, str], body: bytes):
			if method == "POST":
				self.messages.append(json.loads(body))
			return handle(method, target, headers, body)

		self.shop.handle = watched

	def add_new(self, price: str | None = "19.90") -> str:
		self.sandbox.make_item(NEW)
		listing = self.sandbox.make_listing(CHANNEL, NEW)
		if price:
			self.sandbox.erp.set_price(NEW, Decimal(price))
		self.sandbox.erp.rename_item(NEW, "Leather sleeve")
		self.sandbox.set_stock(NEW, WAREHOUSE, Decimal(5))
		return listing

	def sent(self, kind: str) -> list[dict]:
		"""The rows that went out in messages of a kind."""
		key = {"stock.updated": "levels", "price.updated": "prices", "listing.upserted": "listings"}[kind]
		return [row for message in self.messages if message["type"] == kind for row in message["data"][key]]

	def listing(self, sku: str) -> Mapping[str, object]:
		return dict(self.sandbox.database.read_one("select * from listings where sku = ?", sku))

	def states(self) -> set[tuple[str, str]]:
		return {(row["topic"], row["state"]) for row in self.sandbox.database.read("select * from sync_log")}


@pytest.fixture
def stage() -> Iterator[CatalogStage]:
	made = CatalogStage()
	yield made
	made.close()


def test_a_product_is_created_with_its_price_and_then_gets_its_stock(stage: CatalogStage):
	stage.add_new()
	stage.settle()
	assert stage.shop.titles[NEW] == "Leather sleeve"
	assert stage.shop.products[NEW].price == Decimal("19.90")
	assert stage.shop.stock[NEW] == 5
	assert stage.listing(NEW)["product_id"] == f"P-{NEW}"
	assert {state for _topic, state in stage.states()} == {"Succeeded"}
	assert [row["sku"] for row in stage.sent("listing.upserted")] == [NEW]
	assert stage.sent("price.updated") == [], "the listing brought it"


def test_nothing_is_sent_again_where_nothing_changed(stage: CatalogStage):
	stage.add_new()
	stage.settle()
	stage.messages.clear()
	stage.sandbox.erp.rename_item(NEW, "Leather sleeve")
	stage.sandbox.erp.set_price(NEW, Decimal("19.90"))
	stage.settle()
	assert stage.messages == []


def test_a_product_is_renamed(stage: CatalogStage):
	stage.sandbox.erp.rename_item("PHONE", "Phone, new name")
	stage.settle()
	assert stage.shop.titles["PHONE"] == "Phone, new name"
	assert [row["sku"] for row in stage.sent("listing.upserted")] == ["PHONE"]


def test_a_price_changes_without_the_content(stage: CatalogStage):
	stage.sandbox.erp.set_price("PHONE", Decimal("29.90"))
	stage.settle()
	assert stage.shop.products["PHONE"].price == Decimal("29.90")
	assert [row["amount"] for row in stage.sent("price.updated")] == ["29.90"]
	assert stage.sent("listing.upserted") == []


def test_a_listing_is_paused_and_published_again(stage: CatalogStage):
	stage.sandbox.erp.publish("PHONE", "Paused")
	stage.settle()
	assert stage.shop.hidden == {"PHONE"}
	assert stage.listing("PHONE")["not_listed_because"] == "The listing is Paused"
	stage.sandbox.erp.publish("PHONE", "Published")
	stage.settle()
	assert stage.shop.hidden == set()
	assert stage.listing("PHONE")["not_listed_because"] is None


def test_a_delisted_product_is_taken_down_once_and_left_alone(stage: CatalogStage):
	stage.sandbox.erp.publish("PHONE", "Delisted")
	stage.settle()
	assert stage.shop.hidden == {"PHONE"}
	assert [row["published"] for row in stage.sent("listing.upserted")] == [False]
	stage.messages.clear()
	stage.sandbox.erp.rename_item("PHONE", "Nobody hears of this")
	stage.sandbox.erp.set_price("PHONE", Decimal(1))
	stage.sandbox.erp.move_stock("PHONE", WAREHOUSE, Decimal(1))
	with stage.sandbox.erp.transaction():
		feeds.queue_resync(stage.world(), stage.channel, feeds.LISTING)
	stage.settle()
	assert "PHONE" not in json.dumps(stage.messages)


def test_an_item_without_a_price_is_not_published_and_says_so(stage: CatalogStage):
	stage.add_new(price=None)
	stage.settle()
	assert NEW not in stage.shop.products
	assert stage.listing(NEW)["not_listed_because"] == f"No price for {NEW}: add one"
	assert {state for _topic, state in stage.states()} == {"Succeeded"}, (
		"a shop without the product needs no stock"
	)
	stage.sandbox.erp.set_price(NEW, Decimal("5.00"))
	stage.settle()
	assert (stage.shop.products[NEW].price, stage.shop.stock[NEW]) == (Decimal("5.00"), 5)


def test_where_listings_are_not_pushed_a_price_that_is_missing_is_the_row_s_error(stage: CatalogStage):
	stage.set_policy(push_prices=True)
	stage.shop.add_product(NEW)
	stage.add_new(price=None)
	stage.sandbox.erp.publish(NEW, "Published")
	stage.sandbox.erp.set_price("PHONE", Decimal("29.90"))
	stage.settle()
	assert stage.listing(NEW)["price_error"] == f"No price for {NEW}: add one"
	assert stage.shop.products["PHONE"].price == Decimal("29.90"), "the others go on"
	[entry] = stage.sandbox.journal.entries(topic="price.changed", state="Failed")
	assert json.loads(entry["payload"]) == [NEW]


def test_rows_the_shop_refuses_are_tried_again_alone(stage: CatalogStage):
	stage.shop.refusing["PHONE"] = "the shop is being painted"
	for sku in ("PHONE", "CASE"):
		stage.sandbox.erp.rename_item(sku, "New name")
		stage.sandbox.erp.set_price(sku, Decimal("9.99"))
	stage.run()
	assert stage.shop.titles == {"PHONE": "Phone", "CASE": "New name", "CABLE": "Cable"}
	assert stage.shop.products["CASE"].price == Decimal("9.99")
	assert stage.listing("PHONE")["listing_error"] == "the shop is being painted"
	assert stage.listing("CASE")["listing_error"] is None
	stage.shop.refusing.clear()
	stage.messages.clear()
	stage.time += timedelta(hours=1)
	stage.settle()
	assert [row["sku"] for row in stage.sent("listing.upserted")] == ["PHONE"]
	assert stage.shop.titles["PHONE"] == "New name"
	assert stage.listing("PHONE")["listing_error"] is None


def test_a_batch_that_is_too_large_is_cut_until_it_fits(stage: CatalogStage):
	stage.shop.largest = 1
	for sku in ("PHONE", "CASE", "CABLE"):
		stage.sandbox.erp.rename_item(sku, f"{sku} again")
		stage.sandbox.erp.set_price(sku, Decimal("8.88"))
	stage.settle()
	assert set(stage.shop.titles.values()) == {"PHONE again", "CASE again", "CABLE again"}
	assert {product.price for product in stage.shop.products.values()} == {Decimal("8.88")}
	assert {state for _topic, state in stage.states()} == {"Succeeded"}


def test_one_row_that_is_too_large_fails_alone(stage: CatalogStage):
	stage.shop.largest = 0
	stage.sandbox.erp.set_price("PHONE", Decimal("8.88"))
	stage.settle()
	assert "413" in str(stage.listing("PHONE")["price_error"])
	assert [row["state"] for row in stage.sandbox.journal.entries(topic="price.changed")][-1] == "Failed"


@pytest.mark.parametrize(
	("answer", "said"),
	[
		(
			HttpResponse(200, {"content-type": "text/html"}, b"<html>Down for maintenance</html>"),
			"page instead",
		),
		(HttpResponse(200, {"content-type": "application/json"}, b"{"), "cannot be read"),
		(HttpResponse(200, {"content-type": "application/json"}, b"\x00\xff"), "cannot be read"),
		(HttpResponse(429, {"retry-after": "120"}, b""), "429"),
		(Retryable("The connection was closed"), "closed"),
	],
)
def test_an_answer_that_is_none_is_tried_again(stage: CatalogStage, answer: object, said: str):
	send, answers = stage.transport.send, [answer]

	def disturbed(*args: object) -> HttpResponse:
		bad = answers.pop() if answers else None
		if isinstance(bad, Exception):
			raise bad
		return bad or send(*args)

	stage.transport.send = disturbed
	stage.sandbox.erp.rename_item("PHONE", "New name")
	stage.run()
	[entry] = stage.sandbox.journal.entries(topic="listing.changed", state="Retrying")
	assert said in entry["message"]
	stage.settle()
	assert stage.shop.titles["PHONE"] == "New name"


def test_an_empty_answer_took_everything(stage: CatalogStage):
	stage.transport.send = lambda *_: HttpResponse(200, {}, b"")
	stage.sandbox.erp.set_price("PHONE", Decimal("8.88"))
	stage.settle()
	assert {state for _topic, state in stage.states()} == {"Succeeded"}


def test_what_is_not_ours_is_not_written(stage: CatalogStage):
	theirs = Ownership(title="Storefront", price="Nobody")
	stage.set_policy(theirs, push_listings=True, push_prices=True)
	stage.sandbox.erp.rename_item("PHONE", "Not for you")
	stage.sandbox.erp.set_price("PHONE", Decimal("1.11"))
	stage.settle()
	[row] = stage.sent("listing.upserted")
	assert (row["title"], row["price"]) == (None, None)
	assert stage.sent("price.updated") == []
	assert stage.shop.titles["PHONE"] == "Phone"


@pytest.mark.parametrize("what", ["stock", "catalog"])
def test_what_the_shop_shows_is_read_page_by_page(stage: CatalogStage, what: str):
	for number in range(120):
		stage.shop.add_product(f"P{number:03}", stock=number)
	connector = stage.world().connect(stage.channel, stage.sandbox.state.credentials(CHANNEL))
	read = connector.shown_stock if what == "stock" else connector.shown_catalog
	rows, cursor, pages = [], None, 0
	while pages == 0 or cursor:
		page = read(cursor)
		rows, cursor, pages = [*rows, *page.rows], page.cursor, pages + 1
	assert pages == 3
	assert [row.sku for row in rows] == sorted(stage.shop.products)
	if what == "stock":
		assert {row.sku: row.quantity for row in rows} == stage.shop.stock
