"""The export of all products: started, waited for, and read a piece at a time, wherever a piece ends."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from commerce_bridge.bridge.errors import Rejected, Retryable
from commerce_bridge.bridge.model import Product
from commerce_bridge.bridge.protocols import HttpResponse, ProductPage, Surroundings
from commerce_bridge.connectors.shopify import product_export
from commerce_bridge.connectors.shopify.client import ShopifyClient
from commerce_bridge.connectors.shopify.documents import bulk
from sandbox.storefronts.shopify.schema import VERSIONS, checked
from sandbox.storefronts.shopify.service import ShopifyStorefront
from tests.connectors.shopify_shop import CHANNEL, CREDENTIALS, Shop, answer
from tests.connectors.storefront import NOW, KeptInMemory

URL = "https://storage.example.com/export.jsonl?signature=1"


def line(kind: str, number: int, parent: str | None = None, **values: Any) -> dict[str, Any]:
	own = {"id": f"gid://shopify/{kind}/{number}", **values}
	return own | ({"__parentId": parent} if parent else {})


def lines(number: int, variants: int = 2, text: str = "") -> list[dict[str, Any]]:
	"""A product as Shopify writes it: itself, its picture, its variants, each with a picture of its own."""
	product = f"gid://shopify/Product/{number}"
	found = [
		line(
			"Product",
			number,
			title=f"Tea {number}",
			descriptionHtml=f"<p>Good {text}</p>",
			vendor="House",
			productType="Tea",
			status="ACTIVE",
			updatedAt="2026-05-04T08:00:00Z",
			isGiftCard=False,
			options=[{"name": "Size"}],
			priceRangeV2={"minVariantPrice": {"currencyCode": "EUR"}},
		),
		line("MediaImage", number, product, preview={"image": {"url": f"https://cdn.example/{number}.jpg"}}),
		line("Video", number, product, preview={"image": {"url": "https://cdn.example/film.jpg"}}),
	]
	for place in range(1, variants + 1):
		variant = number * 10_000 + place
		found.append(
			line(
				"ProductVariant",
				variant,
				product,
				sku=f"TEA-{number}-{place}",
				barcode=None,
				title=f"{place} g",
				price="4.90",
				compareAtPrice=None,
				selectedOptions=[{"name": "Size", "value": f"{place} g"}],
				inventoryItem={
					"id": f"gid://shopify/InventoryItem/{variant}",
					"tracked": True,
					"duplicateSkuCount": 0,
					"measurement": {"weight": {"unit": "GRAMS", "value": 2.5}},
				},
			)
		)
		found.append(
			line(
				"MediaImage",
				variant,
				f"gid://shopify/ProductVariant/{variant}",
				preview={"image": {"url": f"https://cdn.example/v{variant}.jpg"}},
			)
		)
	return found


def file_of(products: Sequence[Sequence[Mapping[str, Any]]], end: str = "\n") -> bytes:
	return ("\n".join(json.dumps(row) for rows in products for row in rows) + end).encode()


class Exporting:
	"""A transport to Shopify and to the file it wrote; `asked` are the ranges of the file."""

	def __init__(self, content: bytes, ranges: bool = True, **operation: Any):
		self.content, self.ranges = content, ranges
		self.operation = {
			"id": "gid://shopify/BulkOperation/7",
			"status": "COMPLETED",
			"errorCode": None,
			"rootObjectCount": "3",
			"fileSize": str(len(content)),
			"url": URL,
			**operation,
		}
		self.started: Any = {"bulkOperation": {"id": "gid://shopify/BulkOperation/7", "status": "CREATED"}}
		self.asked: list[tuple[int, int]] = []
		self.headers: list[Mapping[str, str]] = []

	def send(
		self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None
	) -> HttpResponse:
		if url == URL:
			return self._file(headers)
		if "bulkOperationRunQuery" in json.loads(body or b"")["query"]:
			return answer({"bulkOperationRunQuery": {"userErrors": [], **self.started}})
		return answer({"bulkOperation": self.operation})

	def _file(self, headers: Mapping[str, str]) -> HttpResponse:
		self.headers.append(headers)
		first, _, last = headers["range"].removeprefix("bytes=").partition("-")
		start, end = int(first), min(int(last), len(self.content) - 1)
		if not self.ranges:
			return HttpResponse(200, {}, self.content)
		if start >= len(self.content):
			return HttpResponse(416, {}, b"")
		self.asked.append((start, end))
		kept = {"content-range": f"bytes {start}-{end}/{len(self.content)}"}
		return HttpResponse(206, kept, self.content[start : end + 1])

	def page(self, cursor: str | None) -> ProductPage:
		surroundings = Surroundings(
			self, KeptInMemory(), lambda: NOW, lambda seconds: None, allow_loopback=True
		)
		client = ShopifyClient(CHANNEL, CREDENTIALS, surroundings, self)
		return product_export.products(client, surroundings, cursor)

	def pages(self) -> Iterator[ProductPage]:
		cursor = self.page(None).cursor
		while cursor:
			found = self.page(cursor)
			yield found
			cursor = found.cursor

	def products(self) -> list[Product]:
		return [product for page in self.pages() for product in page.products]


def test_documents_of_every_version() -> None:
	for version in VERSIONS:
		for document in (bulk.PRODUCTS, bulk.START, bulk.STATUS):
			assert checked(version, document)[1] == ()


def test_a_product_as_it_is_read() -> None:
	[product] = Exporting(file_of([lines(1, 1)])).products()
	assert (product.id, product.title, product.brand, product.currency) == ("1", "Tea 1", "House", "EUR")
	assert (product.images, product.option_names) == (("https://cdn.example/1.jpg",), ("Size",))
	assert (product.published, product.gift_card) == (True, False)
	[variant] = product.variants
	assert (variant.id, variant.sku, variant.price, variant.stock_id) == (
		"10001",
		"TEA-1-1",
		Decimal("4.90"),
		"10001",
	)
	assert (variant.weight, variant.weight_uom, variant.image) == (
		Decimal("2.5"),
		"Gram",
		"https://cdn.example/v10001.jpg",
	)
	assert variant.options == {"Size": "1 g"} and not variant.sku_shared


@pytest.mark.parametrize("alone", [0, 1])
def test_an_sku_that_shopify_says_is_shared(alone: int) -> None:
	"""Whether or not Shopify counts the one itself."""
	rows = lines(1, 2)
	for row, count in ((rows[3], alone), (rows[5], alone + 1)):
		row["inventoryItem"]["duplicateSkuCount"] = count
	[product] = Exporting(file_of([rows])).products()
	assert [variant.sku_shared for variant in product.variants] == [False, True]


@pytest.mark.parametrize("end", ["\n", ""])
def test_wherever_a_piece_ends(monkeypatch: pytest.MonkeyPatch, end: str) -> None:
	content = [lines(number, variants) for number, variants in ((1, 2), (2, 0), (3, 3))]
	whole = Exporting(file_of(content, end)).products()
	assert [len(product.variants) for product in whole] == [2, 0, 3]
	for piece in [*range(1, 40), *range(40, len(file_of(content, end)) + 2, 97)]:
		monkeypatch.setattr(product_export, "PIECE", piece)
		assert Exporting(file_of(content, end)).products() == whole, piece


def test_pages_hold_so_many_products_and_variants() -> None:
	pages = list(Exporting(file_of([lines(number, 1) for number in range(1, 121)])).pages())
	assert [len(page.products) for page in pages] == [50, 50, 20]
	assert [page.done for page in pages] == [50, 100, 120]
	pages = list(Exporting(file_of([lines(1, 100), lines(2, 100), lines(3, 100), lines(4, 300)])).pages())
	assert [[product.id for product in page.products] for page in pages] == [["1", "2"], ["3"], ["4"]]


def test_started_and_waited_for() -> None:
	shop = Exporting(b"", status="RUNNING", url=None)
	first = shop.page(None)
	assert (first.products, first.cursor, first.wait) == ((), "7:0:0", product_export.ASK_AGAIN)
	second = shop.page(first.cursor)
	assert (second.cursor, second.wait, second.done) == ("7:0:0", product_export.ASK_AGAIN, 3)


def test_a_shop_without_products() -> None:
	page = Exporting(b"", url=None, rootObjectCount="0").page("7:0:0")
	assert (page.products, page.cursor) == ((), None)


def test_an_export_that_failed() -> None:
	with pytest.raises(Rejected, match="read_products"):
		Exporting(b"", status="FAILED", errorCode="ACCESS_DENIED").page("7:0:0")
	with pytest.raises(Rejected, match="EXPIRED"):
		Exporting(b"", status="EXPIRED").page("7:0:0")
	shop = Exporting(b"")
	shop.operation = None  # type: ignore[assignment]
	with pytest.raises(Rejected, match="does not know this export any more"):
		shop.page("7:0:0")


def test_too_many_exports_at_once() -> None:
	shop = Exporting(b"")
	error = {"field": None, "message": "already in progress", "code": "LIMIT_REACHED"}
	shop.started = {"bulkOperation": None, "userErrors": [error]}
	with pytest.raises(Retryable) as caught:
		shop.page(None)
	assert caught.value.after == product_export.BUSY


def test_a_server_without_ranges() -> None:
	content = file_of([lines(number) for number in range(1, 4)])
	assert Exporting(content, ranges=False).products() == Exporting(content).products()


def test_the_file_is_asked_for_unpacked() -> None:
	shop = Exporting(file_of([lines(1)]))
	shop.products()
	assert {headers["accept-encoding"] for headers in shop.headers} == {"identity"}
	assert all("x-shopify-access-token" not in headers for headers in shop.headers), "the file is elsewhere"


@pytest.mark.parametrize(
	"response",
	[
		HttpResponse(403, {}, b"<Error/>"),
		HttpResponse(206, {"content-range": "bytes 5-9/20"}, b"12345"),
		HttpResponse(206, {}, b"12345"),
		HttpResponse(503, {}, b""),
	],
)
def test_a_file_that_cannot_be_read_now(response: HttpResponse, monkeypatch: pytest.MonkeyPatch) -> None:
	shop = Exporting(b"")
	monkeypatch.setattr(shop, "_file", lambda headers: response)
	with pytest.raises(Retryable):
		shop.page("7:0:0")


def test_a_file_that_is_no_json() -> None:
	with pytest.raises(Rejected, match="at byte 0"):
		Exporting(b"<html>\n").page("7:0:0")


def test_ten_thousand_products_are_never_held(tmp_path: Path) -> None:
	"""66 MB of products, most of it descriptions: a page and a piece of them at a time."""

	class OnDisk(Exporting):
		def _file(self, headers: Mapping[str, str]) -> HttpResponse:
			first, _, last = headers["range"].removeprefix("bytes=").partition("-")
			with path.open("rb") as file:
				file.seek(int(first))
				content = file.read(int(last) - int(first) + 1)
			kept = {"content-range": f"bytes {first}-{int(first) + len(content) - 1}/{size}"}
			return HttpResponse(206, kept, content)

	path = tmp_path / "export.jsonl"
	with path.open("wb") as file:
		for number in range(1, 10_001):
			file.write(file_of([lines(number, 3, "very " * 1_000)]))
	size = path.stat().st_size
	shop = OnDisk(b"")
	seen, variants = 0, 0
	tracemalloc.start()
	for page in shop.pages():
		seen += len(page.products)
		variants += sum(len(product.variants) for product in page.products)
	_now, peak = tracemalloc.get_traced_memory()
	tracemalloc.stop()
	assert (seen, variants) == (10_000, 30_000)
	assert size > 60_000_000
	assert peak < 8_000_000, f"{peak} bytes of a file of {size}"


def test_from_the_simulated_shop() -> None:
	"""What a shop has arrives through its own bulk operation, over HTTP."""
	with ShopifyStorefront() as storefront:
		cup = storefront.add_product("CUP", Decimal("9.50"), stock=3, barcode="4006381333931")
		storefront.add_image(cup.product, "https://cdn.example/cup.jpg")
		first = storefront.add_product("TEA-S", title="Tea", options={"Size": "S"}, weight=Decimal("0.1"))
		storefront.add_product("TEA-L", options={"Size": "L"}, product=first.product)
		shared = [storefront.add_product("TWICE") for _ in range(2)]
		shop = Shop([], CHANNEL.model_copy(update={"store_url": storefront.url}))
		shop.credentials = CREDENTIALS.model_copy(update={"access_token": "shpat_simulated"})
		found = _imported(shop)
	assert [(product.title, product.option_names) for product in found[:2]] == [
		("Product CUP", ()),
		("Tea", ("Size",)),
	]
	[variant] = found[0].variants
	assert (variant.id, variant.sku, variant.barcode, variant.options) == (
		str(cup.id),
		"CUP",
		"4006381333931",
		{},
	)
	assert (variant.stock_id, variant.price) == (str(cup.inventory_item_id), Decimal("9.50"))
	assert found[0].images == ("https://cdn.example/cup.jpg",)
	assert [row.options for row in found[1].variants] == [{"Size": "S"}, {"Size": "L"}]
	assert [product.variants[0].sku_shared for product in found[2:]] == [True] * len(shared)
	assert not any(row.sku_shared for product in found[:2] for row in product.variants)


def _imported(shop: Shop) -> list[Product]:
	from commerce_bridge.connectors.http import GuardedTransport

	surroundings = Surroundings(
		GuardedTransport(allow_loopback=True),
		KeptInMemory(),
		lambda: NOW,
		lambda seconds: None,
		allow_loopback=True,
	)
	client = ShopifyClient(shop.channel, shop.credentials, surroundings)
	found: list[Product] = []
	cursor = product_export.products(client, surroundings, None).cursor
	while cursor:
		page = product_export.products(client, surroundings, cursor)
		found += page.products
		cursor = page.cursor
	return found
