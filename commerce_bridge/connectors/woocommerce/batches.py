"""Rows into products and variations of a shop: 100 in a call, each answered for itself.

Products without variations go to `products/batch`, variations to a batch of their own product. A batch is taken row
by row: errors are inside an answer of status 200, values are not validated, and some are changed without a word. So
each answer is compared with what was sent, and a row that failed or differs is sent once more alone, where
WooCommerce does validate. What is sent is absolute: sending it twice does no harm.
https://woocommerce.github.io/woocommerce-rest-api-docs/#batch-update-products
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, NamedTuple
from urllib.parse import quote

from commerce_bridge.bridge.errors import Misconfigured, Rejected, Retryable, TooLarge
from commerce_bridge.connectors.woocommerce.answers import NotFound, api_error, refused
from commerce_bridge.connectors.woocommerce.client import PAGE, WooCommerceClient
from commerce_bridge.connectors.woocommerce.facts import remember
from commerce_bridge.connectors.woocommerce.products import is_parent

#: WooCommerce refuses more items in one call.
PER_CALL = 100
#: What the engine may hand over at once: ten calls of about 3 s each.
BATCH = 1_000
#: How long one batch begins new calls: what is left is for another batch.
LONGEST_BATCH = timedelta(seconds=45)
#: A call that fails after so long was too much for the shop: web servers and PHP end it after 30 or 60 s.
TOO_LONG = timedelta(seconds=20)
#: With calls that take no longer than this a shop that was slow may be given more at once again.
QUICK = timedelta(seconds=8)
#: What is kept of a slow shop between units of work, beside other facts about it.
ROWS_PER_CALL = "Rows per Call"
#: Calls that fail one after the other before the shop, not one of its products, is at fault: 100 rows are one after
#: six cuts, and the row beside it tells.
PATIENCE = 8
#: SKUs in one question. One fewer than a page has rows: a page that is not full is the last.
SKUS_PER_CALL = PAGE - 1
#: Of a question's SKUs, encoded: web servers refuse addresses of 8 KB, and the signature is in it too.
LONGEST_QUESTION = 4_000
#: What an answer has to say of every row, whatever was sent.
ALWAYS = ("id", "type", "status", "parent_id")
GONE = "The shop has no such product any more: list it anew, or delete the listing"
_SLOW = "The shop is slow: the time of one batch was spent"
_ID = re.compile(r"[1-9][0-9]{0,18}")


class Difference(NamedTuple):
	"""What is wrong with what the shop shows after it took a row; `again`: another attempt may help."""

	message: str
	again: bool = True


@dataclass(slots=True)
class Row:
	"""One row on its way out.

	:param label: of the listing, for people
	:param differs: compares the shop's answer with what was sent
	"""

	label: str
	sku: str
	product: str | None
	variant: str | None
	body: Mapping[str, Any]
	differs: Callable[[Mapping[str, Any]], Difference | None]
	error: str | None = None
	retry: bool = False
	unsent: bool = False
	done: bool = False

	@property
	def open(self) -> bool:
		return not self.done and self.error is None

	@property
	def id(self) -> str:
		"""Of what is written to: the variation, or the product that has none."""
		return self.variant or self.product or ""

	@property
	def parent(self) -> str | None:
		return self.product if self.variant else None

	def refuse(self, error: str, retry: bool = False) -> None:
		self.error, self.retry = error, retry

	def put_off(self, why: str) -> None:
		self.error, self.unsent = why, True


def push(client: WooCommerceClient, rows: Sequence[Row], shown: Sequence[str]) -> None:
	"""Sends the rows that have no error yet; each is `done` then, or has an error, or is `unsent`.

	:param shown: fields of the answer that `Row.differs` looks at
	:raises Retryable, Misconfigured: nothing was taken
	"""
	sending = _Sending(client, ",".join((*ALWAYS, *shown)))
	_look_up(client, rows)
	_refuse_twice(rows)
	sending.send([row for row in rows if row.open])


def is_id(value: str | None) -> bool:
	"""Whether the shop could have such an id."""
	return bool(value and _ID.fullmatch(value))


# --- which product ---------------------------------------------------------------------------------------------


def _look_up(client: WooCommerceClient, rows: Sequence[Row]) -> None:
	"""Asks for the ids of rows that have none, by SKU. They are asked for each time: an id that was kept would go on
	after the shop gave the SKU to another product."""
	unknown = [row for row in rows if row.open and not _is_addressed(row)]
	by_sku: dict[str, list[Row]] = {}
	for row in unknown:
		by_sku.setdefault(row.sku.strip(), []).append(row)
	for row in by_sku.pop("", []):
		row.refuse("The listing has neither an id of the shop nor a SKU: import the shop's products")
	for skus in _questions(sorted(by_sku)):
		found = _products_with(client, skus)
		for sku in skus:
			for row in by_sku[sku]:
				_address(row, found.get(sku, []))


def _is_addressed(row: Row) -> bool:
	return is_id(row.product) and (row.variant is None or is_id(row.variant))


def _questions(skus: Sequence[str]) -> Iterator[list[str]]:
	"""SKUs that are asked for together. One with a comma is two to WooCommerce, and itself only when alone."""
	asked: list[str] = []
	length = 0
	for sku in skus:
		if "," in sku:
			yield [sku]
			continue
		size = len(quote(sku, safe="")) + 3
		if asked and (len(asked) == SKUS_PER_CALL or length + size > LONGEST_QUESTION):
			yield asked
			asked, length = [], 0
		asked.append(sku)
		length += size
	if asked:
		yield asked


def _products_with(client: WooCommerceClient, skus: Sequence[str]) -> dict[str, list[Mapping[str, Any]]]:
	"""Products and variations by SKU. The shop's database finds other cases and accents of a SKU too: what is not
	the same to the letter is another product."""
	found: dict[str, list[Mapping[str, Any]]] = {sku: [] for sku in skus}
	fields = ("id", "sku", "type", "parent_id")
	for page in client.pages("products", sku=list(skus), orderby="id", order="asc", _fields=list(fields)):
		for product in page:
			if isinstance(product, dict) and product.get("sku") in found:
				found[product["sku"]].append(product)
	return found


def _address(row: Row, found: Sequence[Mapping[str, Any]]) -> None:
	if row.variant is not None:  # somebody entered the variation alone
		found = [product for product in found if str(product.get("id")) == row.variant]
	if not found:
		row.refuse(f"The shop has no product with the SKU {row.sku}: list it, or import the shop's products")
	elif len(found) > 1:
		row.refuse(f"{len(found)} products of the shop have the SKU {row.sku}: give each its own there")
	elif is_parent(found[0]):
		row.refuse(_HAS_VARIATIONS)
	else:
		own, parent = str(found[0].get("id")), str(found[0].get("parent_id") or "")
		is_variation = found[0].get("type") == "variation"
		row.product, row.variant = (parent, own) if is_variation else (own, None)
		if not _is_addressed(row):
			row.refuse(f"What the shop answers about the SKU {row.sku} cannot be read", retry=True)


_HAS_VARIATIONS = (
	"The product has variations in the shop, and each has its own: import the shop's products to link them"
)


def _refuse_twice(rows: Sequence[Row]) -> None:
	"""Two listings of one product: each would write over the other."""
	first: dict[tuple[str | None, str], Row] = {}
	for row in rows:
		if row.open and first.setdefault((row.parent, row.id), row) is not row:
			other = first[row.parent, row.id].label
			row.refuse(f"The listing {other} is the same product of the shop: delete one of the two")


# --- sending -----------------------------------------------------------------------------------------------------


class _Sending:
	"""One batch of the engine, call by call."""

	def __init__(self, client: WooCommerceClient, fields: str):
		self._client = client
		self._fields = fields
		self._ends = client.now() + LONGEST_BATCH
		self._size = _rows_per_call(client)
		self._slowest = timedelta(0)
		self._failed = 0  # calls, one after the other
		self._taken = False  # some call
		self._suspects: list[Row] = []  # that failed alone, since some call was taken

	def send(self, rows: Sequence[Row]) -> None:
		"""Call by call. Once one was taken, what cannot be sent now, or for which no time is left, is put off: what
		was taken is kept, and only the rest is sent again."""
		chunks = deque(_chunks(rows, self._size))
		while chunks:
			if self._taken and self._is_late():
				return _put_off(chunks, _SLOW)
			chunk, begun = chunks.popleft(), self._client.now()
			try:
				self._send_chunk(chunk, begun)
			except TooLarge as error:
				self._cut(chunk, chunks, error, retry=False)
			except (Retryable, Misconfigured) as error:
				self._learn_limit(len(chunk), begun)
				if self._is_at_fault(error, len(chunk) + sum(map(len, chunks))):
					if not self._taken:
						raise
					return _put_off([self._suspects, chunk, *chunks], str(error))
				self._cut(chunk, chunks, error, retry=True)
		if self._size < PER_CALL and rows and self._slowest < QUICK:
			self._keep_size(self._size * 2)

	def _send_chunk(self, chunk: Sequence[Row], begun: datetime) -> None:
		try:
			body = self._client.post(_path(chunk[0].parent), {"update": [self._item(row) for row in chunk]})
		except TooLarge:
			raise
		except NotFound:
			return self._all(chunk, GONE)
		except Rejected as error:
			return self._all(chunk, str(error))
		answers = _answers(body)
		self._slowest = max(self._slowest, self._client.now() - begun)
		self._note_taken()
		again = [row for row in chunk if _settle(row, answers.get(row.id))]
		self._send_alone(again)

	def _all(self, chunk: Sequence[Row], error: str) -> None:
		self._note_taken()
		for row in chunk:
			row.refuse(error)

	def _note_taken(self) -> None:
		self._taken, self._failed, self._suspects = True, 0, []

	def _send_alone(self, rows: Sequence[Row]) -> None:
		"""Rows that the batch did not take, or not as they were sent: whose errors are these?"""
		why = ""
		for row in rows:
			if why or self._is_late():
				row.put_off(why or _SLOW)
				continue
			try:
				answer = self._client.put(_path_of(row), dict(row.body), _fields=self._fields)
			except NotFound:
				row.refuse(GONE)
			except Retryable as error:
				why = str(error)
				row.refuse(why, retry=True)
			except (Rejected, Misconfigured) as error:
				row.refuse(str(error))
			else:
				_compare(row, answer)

	def _item(self, row: Row) -> dict[str, Any]:
		# Without descriptions: of 100 products they may be more than we take.
		return {"id": int(row.id), **row.body, "_fields": self._fields}

	def _learn_limit(self, count: int, begun: datetime) -> None:
		"""What a shop does not finish today it will not finish tomorrow: the next calls are smaller from the start."""
		took = self._client.now() - begun
		if count > 1 and took >= TOO_LONG:
			self._slowest = max(self._slowest, took)
			self._keep_size(count // 2)

	def _keep_size(self, size: int) -> None:
		self._size = min(size, PER_CALL)
		remember(self._client, {ROWS_PER_CALL: str(size) if size < PER_CALL else None})

	def _is_late(self) -> bool:
		return self._client.now() >= self._ends

	def _is_at_fault(self, error: Exception, left: int) -> bool:
		"""Whether it is the shop as a whole that cannot take anything now. Else it may be one product at whose saving
		a plugin fails, or too many at once for a slow shop: fewer may pass, and the others go on."""
		self._failed += 1
		asked_to_wait = isinstance(error, Retryable) and error.after is not None
		is_only_one = left == 1 and not self._taken
		return (
			isinstance(error, Misconfigured)
			or asked_to_wait
			or is_only_one
			or self._failed >= PATIENCE
			or self._is_late()
		)

	def _cut(self, chunk: Sequence[Row], chunks: deque[list[Row]], error: Exception, retry: bool) -> None:
		if len(chunk) == 1:
			self._suspects += chunk if retry else ()
			return chunk[0].refuse(str(error), retry)
		half = len(chunk) // 2
		chunks.extendleft([list(chunk[half:]), list(chunk[:half])])


def _rows_per_call(client: WooCommerceClient) -> int:
	kept = client.surroundings.memory.get_facts(client.channel.name).get(ROWS_PER_CALL, "")
	return min(int(kept), PER_CALL) if re.fullmatch(r"[1-9][0-9]?", kept) else PER_CALL


def _chunks(rows: Sequence[Row], size: int) -> Iterator[list[Row]]:
	"""Rows of one call each: products without variations, then the variations of each product."""
	ordered = sorted(rows, key=lambda row: (int(row.parent or 0), int(row.id)))
	for _parent, group in groupby(ordered, key=lambda row: row.parent):
		siblings = list(group)
		for start in range(0, len(siblings), size):
			yield siblings[start : start + size]


def _put_off(chunks: Iterable[Sequence[Row]], why: str) -> None:
	for chunk in chunks:
		for row in chunk:
			row.put_off(why)


def _path(parent: str | None) -> str:
	return f"products/{parent}/variations/batch" if parent else "products/batch"


def _path_of(row: Row) -> str:
	return f"products/{row.product}/variations/{row.variant}" if row.variant else f"products/{row.product}"


def _answers(body: Any) -> dict[str, Any]:
	"""The rows of an answer by id. Raises `Retryable` where it is no answer to a batch."""
	rows = body.get("update") if isinstance(body, dict) else None
	if not isinstance(rows, list):
		raise Retryable("The shop's answer to a batch cannot be read: it has no list of what was updated")
	return {str(row.get("id")): row for row in rows if isinstance(row, dict)}


def _settle(row: Row, answer: Any) -> bool:
	"""Takes a row's answer; whether it is to be sent once more, alone."""
	if answer is None:  # fewer rows came back than were sent, or others
		return True
	error = api_error(answer.get("error"))
	if error is None:
		return _compare(row, answer)
	refusal = refused(error)
	if isinstance(refusal, NotFound):
		row.refuse(GONE)
	elif error.status in (401, 403):
		row.refuse(f"The owner of the key may not change this product ({error.code})")
	return row.error is None


def _compare(row: Row, answer: Any) -> bool:
	"""Whether what the shop shows now may be put right by another attempt; else the row is done, or refused."""
	difference = _difference(row, answer)
	if difference is None:
		row.done, row.error = True, None
		return False
	row.refuse(difference.message)
	return difference.again


def _difference(row: Row, answer: Any) -> Difference | None:
	if not isinstance(answer, dict) or str(answer.get("id")) != row.id:
		return Difference("The shop answered about another product than was sent: look at it in the shop")
	if row.parent and str(answer.get("parent_id") or row.parent) != row.parent:
		return Difference("The variation belongs to another product in the shop: import the shop's products")
	if answer.get("status") == "trash":
		return Difference("The product is in the trash of the shop: restore it, or delist the listing", False)
	if is_parent(answer):
		return Difference(_HAS_VARIATIONS, False)
	return row.differs(answer)
