"""All products of a shop, in one export, a page at a time.

An export is a bulk operation: Shopify writes a file of JSON lines, each product followed by what belongs to it. The
file is read a piece at a time; a cursor is the operation, the byte at which the next product begins, and how many
products came before it. https://shopify.dev/docs/api/usage/bulk-operations/queries
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from commerce_bridge.bridge import strict_json
from commerce_bridge.bridge.errors import BadRequest, NotYet, Rejected, Retryable
from commerce_bridge.bridge.model import Product
from commerce_bridge.bridge.protocols import ProductPage, Surroundings
from commerce_bridge.connectors.shopify.client import ShopifyClient, raise_user_errors, user_errors
from commerce_bridge.connectors.shopify.documents import bulk
from commerce_bridge.connectors.shopify.ids import gid, kind_of, legacy_id
from commerce_bridge.connectors.shopify.product_nodes import product_of

#: Bytes of the file that are asked for at once; what is read and not used yet is read again with the next page.
PIECE = 256 * 1024
#: A product has up to 2,048 variants: https://shopify.dev/docs/api/admin/migrate/new-product-model
LONGEST_PRODUCT = 16 * 1024 * 1024
#: Of one page, which becomes one transaction.
PRODUCTS_PER_PAGE, VARIANTS_PER_PAGE = 50, 250
ASK_AGAIN = timedelta(seconds=5)
BUSY = timedelta(minutes=1)
#: Why an export came to nothing, and what to do about it.
_ENDED = {
	"ACCESS_DENIED": "the app lacks the scopes read_products and read_inventory",
	"TIMEOUT": "it took too long: start the import again later",
	"INTERNAL_SERVER_ERROR": "an error of its own: start the import again",
}


@dataclass(frozen=True, slots=True)
class Cursor:
	"""Where the next product begins: in the file of which operation, at which byte, after how many products."""

	export: str
	offset: int = 0
	done: int = 0

	@staticmethod
	def read(text: str) -> Cursor:
		export, _, rest = text.partition(":")
		offset, _, done = rest.partition(":")
		return Cursor(export, int(offset or 0), int(done or 0))

	def __str__(self) -> str:
		return f"{self.export}:{self.offset}:{self.done}"


#: Bytes from an offset on, and the length of the whole file.
Read = Callable[[int], tuple[bytes, int]]


def products(client: ShopifyClient, surroundings: Surroundings, cursor: str | None) -> ProductPage:
	"""See `Connector.products`: the first call starts an export, later ones wait for it and read its file."""
	if cursor is None:
		return _started(client)
	position = Cursor.read(cursor)
	operation = client.run(bulk.STATUS, {"id": gid("BulkOperation", position.export)})["bulkOperation"]
	status = (operation or {}).get("status")
	total = int(str((operation or {}).get("rootObjectCount") or 0))
	if status in ("CREATED", "RUNNING"):
		return ProductPage((), cursor, ASK_AGAIN, done=total)
	if status != "COMPLETED":
		raise Rejected(f"Shopify did not export its products: {_why(operation)}")
	if not operation["url"]:
		return ProductPage((), None, done=0, total=0)
	return _page(lambda offset: _piece(surroundings, operation["url"], offset), position, total)


def _started(client: ShopifyClient) -> ProductPage:
	payload = client.run(bulk.START, {"query": bulk.PRODUCTS})["bulkOperationRunQuery"]
	errors = user_errors(payload)
	if any(error.code in ("OPERATION_IN_PROGRESS", "LIMIT_REACHED") for error in errors):
		raise NotYet("Shopify is busy with other exports of this app", BUSY)
	raise_user_errors(payload)
	return ProductPage((), str(Cursor(legacy_id(payload["bulkOperation"]["id"]))), ASK_AGAIN)


def _why(operation: Mapping[str, Any] | None) -> str:
	if operation is None:
		return "it does not know this export any more, start the import again"
	code = str(operation.get("errorCode") or "")
	return _ENDED.get(code, f"the export is {operation.get('status')} {code}".strip())


# --- the file --------------------------------------------------------------------------------------------


def _piece(surroundings: Surroundings, url: str, offset: int) -> tuple[bytes, int]:
	"""Up to `PIECE` bytes of the file. A server that knows no ranges sends all of it."""
	# Packed, the bytes of a range would be those of the packed file.
	headers = {
		"range": f"bytes={offset}-{offset + PIECE - 1}",
		"accept-encoding": "identity",
		"accept": "*/*",
	}
	response = surroundings.transport.send("GET", url, headers)
	if response.status == 200:
		return response.body[offset : offset + PIECE], len(response.body)
	if response.status == 416:  # the file ends here
		return b"", offset
	first, _, total = response.headers.get("content-range", "").removeprefix("bytes ").partition("/")
	if response.status != 206 or first.partition("-")[0] != str(offset) or not total.isdecimal():
		raise Retryable(f"Shopify's export cannot be read now: HTTP {response.status}")
	return response.body, int(total)


def _page(read: Read, position: Cursor, total: int) -> ProductPage:
	groups, used, is_end = _groups(read, position.offset)
	alone = _alone(groups)
	found = tuple(group.as_product(alone) for group in groups)
	done = position.done + len(found)
	following = Cursor(position.export, position.offset + used, done)
	return ProductPage(found, None if is_end else str(following), done=done, total=total)


@dataclass(slots=True)
class _Group:
	"""The lines of one product: itself, and what belongs to it."""

	start: int
	product: dict[str, Any]
	variants: list[dict[str, Any]] = field(default_factory=list)
	images: dict[str, list[dict[str, Any]]] = field(default_factory=dict)  # by the id of what they show

	def add(self, line: dict[str, Any]) -> None:
		kind = kind_of(line.get("id"))
		if kind == "ProductVariant":
			self.variants.append(line)
		elif kind == "MediaImage":
			self.images.setdefault(str(line["__parentId"]), []).append(line)

	def as_product(self, alone: int) -> Product:
		""":param alone: what Shopify counts where an SKU is that of one variant only"""
		node = {**self.product, "media": {"nodes": self.images.get(str(self.product["id"]), [])}}
		price_range = (node.get("priceRangeV2") or {}).get("minVariantPrice") or {}
		product = product_of(node, map(self._variant, self.variants), price_range.get("currencyCode"))
		shared = (_same_sku(row) > alone for row in self.variants)
		pairs = zip(product.variants, shared, strict=True)
		variants = [row.model_copy(update={"sku_shared": True}) if many else row for row, many in pairs]
		return product.model_copy(update={"variants": tuple(variants)})

	def _variant(self, node: Mapping[str, Any]) -> dict[str, Any]:
		return {**node, "media": {"nodes": self.images.get(str(node["id"]), [])}}


def _same_sku(variant: Mapping[str, Any]) -> int:
	return (
		int((variant.get("inventoryItem") or {}).get("duplicateSkuCount") or 0) if variant.get("sku") else 0
	)


def _alone(groups: Sequence[_Group]) -> int:
	"""What `duplicateSkuCount` says of an SKU that only one variant has: 0, or 1 where Shopify counts that one too,
	which its documentation leaves open. A page on which no SKU is alone is taken for the latter."""
	counts = [_same_sku(row) for group in groups for row in group.variants if row.get("sku")]
	return min(1, *counts) if counts else 0


def _groups(read: Read, offset: int) -> tuple[Sequence[_Group], int, bool]:
	"""Products that lie wholly in what is read, up to a page's worth.

	:return: them, where the next one begins (from the offset), and whether there is none
	"""
	buffer, size = read(offset)
	while True:
		is_whole = offset + len(buffer) >= size
		groups = list(_complete(buffer, is_whole, offset))
		if len(groups) > 1 or is_whole:
			break
		if len(buffer) > LONGEST_PRODUCT:
			raise Rejected(f"A product in Shopify's export, at byte {offset}, is too large to be read")
		more, size = read(offset + len(buffer))
		if not more:
			raise Retryable("Shopify's export ended in the middle of a product")
		buffer += more
	# Where the file goes on, so may the last product.
	taken = _as_many(groups if is_whole else groups[:-1])
	is_end = is_whole and taken == len(groups)
	return groups[:taken], len(buffer) if is_end else groups[taken].start, is_end


def _as_many(groups: Sequence[_Group]) -> int:
	"""How many of these products make a page; one at least, however many variants it has."""
	taken, variants = 0, 0
	for group in groups:
		variants += len(group.variants)
		if taken and (taken == PRODUCTS_PER_PAGE or variants > VARIANTS_PER_PAGE):
			break
		taken += 1
	return taken


def _complete(buffer: bytes, is_whole: bool, offset: int) -> Iterator[_Group]:
	"""The products whose lines are in the buffer; a line that is cut off at its end does not count."""
	group = None
	for start, text in _lines(buffer, is_whole):
		line = _line(text, offset + start)
		if "__parentId" not in line:
			if group:
				yield group
			group = _Group(start, line)
		elif group:
			group.add(line)
	if group:
		yield group


def _lines(buffer: bytes, is_whole: bool) -> Iterator[tuple[int, bytes]]:
	start = 0
	while start < len(buffer):
		end = buffer.find(b"\n", start)
		if end < 0 and not is_whole:
			return
		end = len(buffer) if end < 0 else end
		if text := buffer[start:end].strip():
			yield start, text
		start = end + 1


def _line(text: bytes, position: int) -> dict[str, Any]:
	try:
		return strict_json.loads(text)
	except BadRequest as error:
		raise Rejected(f"Shopify's export cannot be read at byte {position}: {error}") from None
