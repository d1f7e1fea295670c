"""The shop's products become listings, and where that is asked Items: page by page, as often as anybody likes.

A walk through the export a storefront prepares. Each page is one entry and one transaction, so that a worker that
dies repeats it and counts nothing twice; a page that was imported already changes nothing when it is imported again.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel

from commerce_bridge.bridge import walks
from commerce_bridge.bridge.channel import Channel
from commerce_bridge.bridge.circuit import call
from commerce_bridge.bridge.details import Details, Unmapped
from commerce_bridge.bridge.errors import Conflict, Misconfigured, Retryable
from commerce_bridge.bridge.model import Product, ProductVariant
from commerce_bridge.bridge.product_matching import shared_skus, spelling
from commerce_bridge.bridge.protocols import (
	Connector,
	Entry,
	Linked,
	NewEntry,
	Outcome,
	ProductPage,
	Progress,
)
from commerce_bridge.bridge.world import World

IMPORT = "products.import"
CANNOT_BE_ASKED = "This storefront cannot be asked for its products"
#: Of those left alone: rows in the summary of a page's entry, and in that of the whole import.
ROWS_SHOWN = 500
ROWS_AT_END = 30
#: Of one entry: as many Items may have to be made, and an entry ends before its lease. A product may have more.
MOST_VARIANTS = 250
#: How often a page that met another transaction is repeated at once.
CONFLICT_TRIES = 5


class Position(BaseModel, frozen=True):
	"""How far an import has come: what was asked for, where the next page begins, and what became of the others."""

	walk: str
	started: datetime
	create: bool = False
	overwrite: bool = False
	prices: bool = False
	cursor: str | None = None
	page: int = 0
	part: int = 0  # of a page with more variants than one entry takes
	done: int = 0
	total: int | None = None
	products: int = 0
	known: int = 0
	linked: int = 0
	made: int = 0
	failed: int = 0
	left: tuple[str, ...] = ()

	def progress(self, finished: datetime | None = None, message: str = "") -> Progress:
		return Progress(
			kind=walks.PROGRESS["products"],
			done=self.done,
			total=None if self.total is None else max(self.total, self.done),
			failed=self.failed,
			started=self.started,
			finished=finished,
			message=message,
		)


# --- into the journal ------------------------------------------------------------------------------------


def queue_import(
	world: World, channel: Channel, create: bool = False, overwrite: bool = False, prices: bool = False
) -> bool:
	"""Begins an import unless one is under way; part of the caller's transaction.

	:param create: make Items of products that no Item is found for
	:param overwrite: write texts and images of Items that are known, where the channel's storefront owns them
	:param prices: keep the shop's price where the channel's price list has none
	:return: False where one is under way
	:raises Misconfigured: where Items are to be made and nothing says in which group
	"""
	if create:
		require_item_group(channel)
	if walks.is_under_way(world, channel.name, "products"):
		return False
	first = Position(
		walk=uuid.uuid4().hex[:16],
		started=world.now(),
		create=create,
		overwrite=overwrite,
		prices=prices,
	)
	walks.begin(world, channel.name, "products", _entry(channel, first))
	world.state.set_progress(channel.name, first.progress())
	return True


def require_item_group(channel: Channel) -> str:
	"""The group of the Items that are made.

	:raises Misconfigured: where there is none
	"""
	if channel.catalog.item_group:
		return channel.catalog.item_group
	raise Misconfigured(
		f"In which group are the new Items of channel {channel.name}? "
		"Choose the Item Group for New Items in Channel Settings",
		doctype="Channel Settings",
		document=channel.name,
		fieldname="new_item_group",
	)


def _entry(channel: Channel, position: Position) -> NewEntry:
	key = "\0".join((channel.name, IMPORT, position.walk, str(position.page), str(position.part)))
	return NewEntry(
		channel=channel.name,
		direction="Outbound",
		topic=IMPORT,
		dedupe_key=hashlib.sha256(key.encode()).hexdigest(),
		payload=position.model_dump_json(),
		lane=f"products:{channel.name}",
	)


# --- out of the journal ----------------------------------------------------------------------------------


def import_page(world: World, channel: Channel, connector: Connector, entry: Entry) -> None:
	"""Does one step of an import. Errors as in `inbound.process`; the entry goes back while the circuit is open, and
	while the storefront prepares its export."""
	position = Position.model_validate_json(entry.payload)
	if not walks.is_current(world, channel.name, "products", entry):
		return _finish(world, entry, walks.NOT_CURRENT)
	# In a tuple, since None is the answer of a storefront that cannot be asked.
	answer = call(world, channel, entry, lambda: (connector.products(position.cursor),))
	if answer is None:
		return
	[page] = answer
	if page is None:
		return _cannot_be_asked(world, channel, entry, position)
	if page.wait is not None and page.cursor == position.cursor:
		return _wait(world, channel, entry, position, page, page.wait)
	if page.cursor is not None and page.cursor == position.cursor:
		raise Retryable("The storefront says there are more products, but its cursor does not move")
	for last in [False] * (CONFLICT_TRIES - 1) + [True]:
		try:
			return _apply(world, channel, entry, position, _part(page, position.part))
		except Conflict:
			if last:
				raise


def _cannot_be_asked(world: World, channel: Channel, entry: Entry, position: Position) -> None:
	with world.erp.transaction():
		world.journal.finish(entry, Outcome("Skipped", CANNOT_BE_ASKED), world.now())
		if walks.go_on(world, channel.name, "products", entry, None):
			world.state.set_progress(channel.name, position.progress(world.now(), CANNOT_BE_ASKED))


def _wait(
	world: World, channel: Channel, entry: Entry, position: Position, page: ProductPage, wait: timedelta
) -> None:
	"""The entry goes back untried; the form says what is waited for."""
	with world.erp.transaction():
		prepared = f": {page.done} so far" if page.done else ""
		message = f"The storefront prepares the list of its products{prepared}"
		world.state.set_progress(channel.name, position.progress(message=message))
	world.journal.postpone(entry, world.now() + wait)


@dataclass(frozen=True, slots=True)
class Part:
	"""What of a page one entry works on, whether the rest is left to another one, and how many products begin in it."""

	page: ProductPage
	goes_on: bool
	begun: int


def _part(page: ProductPage, part: int) -> Part:
	pairs = [(product, variant) for product in page.products for variant in product.variants]
	if len(pairs) <= MOST_VARIANTS:
		return Part(page, False, len(page.products))
	shared = shared_skus(page.products)
	chosen: dict[str, tuple[Product, list[ProductVariant]]] = {}
	begun = 0
	for product, variant in pairs[part * MOST_VARIANTS : (part + 1) * MOST_VARIANTS]:
		begun += variant is product.variants[0]
		is_shared = bool(variant.sku) and spelling(variant.sku or "") in shared
		kept = variant.model_copy(update={"sku_shared": True}) if is_shared else variant
		chosen.setdefault(product.id, (product, []))[1].append(kept)
	products = tuple(
		product.model_copy(
			update={"variants": tuple(variants), "partial": len(variants) < len(product.variants)}
		)
		for product, variants in chosen.values()
	)
	goes_on = len(pairs) > (part + 1) * MOST_VARIANTS
	return Part(replace(page, products=products), goes_on, begun)


def _apply(world: World, channel: Channel, entry: Entry, position: Position, part: Part) -> None:
	page = part.page
	is_end = page.cursor is None and not part.goes_on
	with world.erp.transaction():
		world.journal.hold(entry)
		results = world.erp.link_products(
			channel,
			page.products,
			create=position.create,
			overwrite=position.overwrite,
			prices=position.prices,
		)
		counted = _counted(position, part, results)
		gone = world.erp.mark_not_exported(channel.name, position.started) if is_end else 0
		summary = _summary(results, counted if is_end else None)
		world.journal.finish(
			entry,
			Outcome(
				"Succeeded",
				_of_page(page, results, gone),
				summary=summary,
				details=Details(unmapped=_unmapped(page, results), walk=position.walk),
			),
			world.now(),
		)
		following = None if is_end else _entry(channel, counted)
		if not walks.go_on(world, channel.name, "products", entry, following):
			return
		finished = world.now() if is_end else None
		message = _at_end(counted, gone) if is_end else ""
		world.state.set_progress(channel.name, counted.progress(finished, message))


def _unmapped(page: ProductPage, results: Iterable[Linked]) -> tuple[Unmapped, ...]:
	"""The variants that are of no Item now."""
	named = {variant.id: (product, variant) for product in page.products for variant in product.variants}
	left = [(result, *named[result.variant_id]) for result in results if result.item_code is None]
	return tuple(
		Unmapped(
			sku=variant.sku,
			barcode=variant.barcode,
			product_id=product.id,
			variant_id=variant.listed_id,
			name=" - ".join(filter(None, (product.title, variant.title))),
			why=result.error,
		)
		for result, product, variant in left
	)


def _counted(position: Position, part: Part, results: Sequence[Linked]) -> Position:
	page = part.page
	where: dict[str, Any] = {"part": position.part + 1}
	if not part.goes_on:
		where = {"cursor": page.cursor, "page": position.page + 1, "part": 0, "done": page.done}
	left = [_text(result) for result in results if result.error]
	return position.model_copy(
		update={
			**where,
			"total": page.total,
			"products": position.products + part.begun,
			"known": position.known + _count(results, "Nothing"),
			"linked": position.linked + _count(results, "Listing"),
			"made": position.made + _count(results, "Item"),
			"failed": position.failed + len(left),
			"left": (*position.left, *left)[:ROWS_AT_END],
		}
	)


def _count(results: Iterable[Linked], made: str) -> int:
	return sum(result.made == made and result.item_code is not None for result in results)


def _text(result: Linked) -> str:
	return f"{result.sku or result.variant_id}: {result.error}"


# --- in words --------------------------------------------------------------------------------------------


def _of_page(page: ProductPage, results: Sequence[Linked], gone: int) -> str:
	if page.wait is not None:
		return "The storefront was asked for its products"
	left = [result for result in results if result.error]
	text = _in_words(
		len(page.products),
		_count(results, "Item"),
		_count(results, "Listing"),
		_count(results, "Nothing"),
		len(left),
	)
	reasons = "; ".join(_text(result) for result in left[:3])
	return f"{text}{f': {reasons}' if reasons else ''}{_gone(gone)}"


def _at_end(counted: Position, gone: int) -> str:
	return _in_words(counted.products, counted.made, counted.linked, counted.known, counted.failed) + _gone(
		gone
	)


def _in_words(products: int, made: int, linked: int, known: int, left: int) -> str:
	text = f"{products} products: {made} Items made, {linked} linked, {known} known already"
	return f"{text}, {left} with something to look at" if left else text


def _gone(gone: int) -> str:
	return f". {gone} listings are not in the shop any more" if gone else ""


def _summary(results: Sequence[Linked], whole: Position | None = None) -> str:
	left = [result for result in results if result.error]
	content: dict[str, Any] = {
		"to look at": [
			{"sku": row.sku, "variant_id": row.variant_id, "item": row.item_code, "why": row.error}
			for row in left[:ROWS_SHOWN]
		],
		"made": [row.item_code for row in results if row.made == "Item"][:ROWS_SHOWN],
		"linked": [row.item_code for row in results if row.made == "Listing"][:ROWS_SHOWN],
	}
	if whole is not None:
		content["of the whole import"] = {"count": whole.failed, "first": list(whole.left)}
	return json.dumps(content, ensure_ascii=False)


def _finish(world: World, entry: Entry, outcome: Outcome) -> None:
	with world.erp.transaction():
		world.journal.finish(entry, outcome, world.now())
