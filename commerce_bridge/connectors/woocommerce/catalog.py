"""Listings into a shop as products and variations, and the products it has.

Variants of one template are variations of one product, whose attributes are those of the template. A product that
exists is changed in what is ours; everything else of it stays.

What keeps a repetition from making anything twice: before something is made, the shop is asked for its SKU, and for
a product with variations by its slug, which follows from the template. What we made says so in a custom field; a
product of somebody else that has the SKU is never written to, but told of. Images come after their product, which
one that cannot be fetched does not keep from being made; addresses that were handed over are kept in the product.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from functools import cached_property

from commerce_bridge.bridge.channel import Channel
from commerce_bridge.bridge.errors import Rejected, Retryable
from commerce_bridge.bridge.feeds import pushes_stock
from commerce_bridge.bridge.model import Listing, ShownProduct
from commerce_bridge.bridge.protocols import PushResult, ShownPage
from commerce_bridge.connectors.woocommerce import product_bodies as bodies
from commerce_bridge.connectors.woocommerce.batches import is_id
from commerce_bridge.connectors.woocommerce.client import NoRoute, NotFound, Refused, WooCommerceClient
from commerce_bridge.connectors.woocommerce.facts import facts_of
from commerce_bridge.connectors.woocommerce.listing_rows import (
	Row,
	give_up,
	image_of,
	leading_of,
	marked,
	matched,
	put_off,
	qualities_of,
	qualities_of_all,
	refuse_for_single,
	refuse_unfit,
	refuse_unlike,
	refuse_untitled,
	status_of,
	status_of_variation,
	taken_already,
	with_sku,
)
from commerce_bridge.connectors.woocommerce.payloads import meta_of
from commerce_bridge.connectors.woocommerce.product_bodies import Body, is_variant
from commerce_bridge.connectors.woocommerce.product_export import Position, listed, variations
from commerce_bridge.connectors.woocommerce.product_images import Images
from commerce_bridge.connectors.woocommerce.products import is_parent

#: Listings in one batch: each takes one to three calls.
BATCH = 25
#: How long a batch begins new calls: what is left is for another batch.
LONGEST_BATCH = timedelta(seconds=45)
#: Products that fail one after the other before the shop, not one of them, is at fault.
PATIENCE = 3
#: What is read of products and variations that are written to.
_FIELDS = (
	"id type status parent_id name sku slug global_unique_id attributes brands images image meta_data".split()
)
_SHOWN_FIELDS = "id type parent_id name sku global_unique_id attributes variations".split()
#: Products and variations of one page of what the shop has; a product is never divided.
_SHOWN_PRODUCTS, _SHOWN_ROWS = 100, 500
_SLOW = "The shop is slow: the time of one batch was spent"
_GTIN_TAKEN = "product_invalid_global_unique_id"
_SKU_TAKEN = "product_invalid_sku"
#: The SKU is that of a product in the trash: those are in no list, and keep it.
_SKU_IN_TRASH = "woocommerce_rest_product_not_created"


def push_listings(
	client: WooCommerceClient, channel: Channel, listings: Sequence[Listing]
) -> list[PushResult]:
	"""Makes, changes and takes down products; one result each, in order.

	:raises Retryable, Misconfigured: nothing was taken
	"""
	rows = [Row(row, row.product_id or None, _variant_of(row)) for row in listings]
	_Push(client, channel).send(_groups(rows))
	return [row.result() for row in rows]


def _variant_of(listing: Listing) -> str | None:
	"""A product without variations has no variation id: some people enter its own."""
	return listing.variant_id if listing.variant_id != listing.product_id else None


def _groups(rows: Sequence[Row]) -> list[list[Row]]:
	"""Rows of the same product. A new variation belongs to the product of its siblings."""
	products = {_code(row.listing): row.product for row in rows if row.product and is_variant(row.listing)}
	groups: dict[str, list[Row]] = {}
	for row in rows:
		if any(number and not is_id(number) for number in (row.product, row.variant)):
			row.error = "Product ID and Variant ID of the listing must be numbers, as WooCommerce shows them"
			continue
		if is_variant(row.listing):
			row.product = row.product or products.get(_code(row.listing)) or row.listing.template_product_id
		groups.setdefault(row.product or f"new:{_code(row.listing)}", []).append(row)
	return list(groups.values())


def _code(listing: Listing) -> str:
	"""What tells products apart that the shop does not have yet."""
	return f"template:{listing.variant_of}" if is_variant(listing) else f"sku:{listing.sku}"


class _Push:
	"""One batch of listings."""

	def __init__(self, client: WooCommerceClient, channel: Channel):
		self._client = client
		facts = facts_of(client)
		self._rules = bodies.Rules(
			decimals=facts.decimals,
			weight_unit=facts.weight_unit,
			time_zone=channel.time_zone,
			counted=facts.stock_management and pushes_stock(channel),
		)
		self._currency = facts.currency
		self._ends = client.now() + LONGEST_BATCH
		self._answered = False  # some row, for good
		self._brands: dict[str, int | None] = {}
		self._images = Images(client.base, self._put, self._is_late)

	# --- in turn ---

	def send(self, groups: Sequence[list[Row]]) -> None:
		"""Product after product. One that fails does not keep the others; where all fail, the shop is at fault: what
		was taken is kept, and only the rest is sent again."""
		failed: list[tuple[list[Row], Retryable]] = []
		for place, group in enumerate(groups):
			if self._is_late():
				return put_off(groups[place:], _SLOW)
			try:
				self._push_product(group)
				self._answered = True
				give_up(failed)
				failed = []
			except Retryable as error:
				failed.append((group, error))
				if error.after is not None or len(failed) == PATIENCE:
					return self._stop(failed, groups[place + 1 :])
		if failed:
			self._stop(failed, ())

	def _stop(self, failed: Sequence[tuple[list[Row], Retryable]], rest: Iterable[list[Row]]) -> None:
		error = failed[-1][1]
		if not self._answered:
			raise error
		put_off([*(group for group, _ in failed), *rest], str(error))

	def _is_late(self) -> bool:
		return self._answered and self._client.now() >= self._ends

	def _push_product(self, rows: Sequence[Row]) -> None:
		try:
			self._refuse_currency(rows)
			product = self._known(rows) or self._found(rows)
			if product is None:
				self._create(rows)
			elif is_parent(product):
				self._update_parent(product, rows)
			else:
				self._update_single(product, rows)
		except Rejected as error:
			for row in rows:
				row.error = row.error or str(error)

	def _refuse_currency(self, rows: Sequence[Row]) -> None:
		for row in rows:
			price = row.listing.price
			if price and price.currency != self._currency:
				row.error = f"The price is in {price.currency}, the shop sells in {self._currency}: correct the Price List"

	# --- finding ---

	def _known(self, rows: Sequence[Row]) -> Body | None:
		"""The product that one of the listings is, or that their siblings are. Of siblings it may be gone."""
		number = rows[0].product
		if number is None:
			return None
		try:
			product = self._client.get(f"products/{number}", _fields=_FIELDS)
		except NotFound:
			if any(row.listing.product_id for row in rows):
				raise Rejected(
					f"The shop has deleted product {number}: to make it anew, empty Product ID and Variant ID of the"
					" listing"
				) from None
			for row in rows:
				row.product = None
			return None
		refuse_unfit(product, number)
		return product

	def _found(self, rows: Sequence[Row]) -> Body | None:
		"""What an attempt has made whose answer was lost. A product of somebody else with the SKU is told of."""
		ours: set[str] = set()
		for found in self._with_skus([row.listing.sku for row in rows]):
			parent = str(found.get("parent_id") or "")
			made_of = meta_of(found).get(bodies.LISTING)
			of_same_kind = bool(int(parent or 0)) == is_variant(rows[0].listing)
			for row in with_sku(rows, found):
				# The shop copies custom fields with a product: a copy that somebody made is not ours.
				if made_of == row.listing.listing and of_same_kind:
					ours.add(parent if is_variant(row.listing) else str(found["id"]))
				elif row.listing.published:
					row.error = taken_already(row, str(found["id"]), int(parent or 0))
		if is_variant(rows[0].listing):
			ours |= self._parents(rows[0].listing.variant_of or "")
		if len(ours) > 1:
			raise Rejected(
				f"The shop has several products that were made of this: {', '.join(sorted(ours))}. Delete all but one"
			)
		for number in ours:
			for row in rows:
				row.product = number
			return self._known(rows)
		return None

	def _with_skus(self, skus: Sequence[str]) -> list[Body]:
		"""Products and variations with one of these SKUs, upper and lower case being the same. One with a comma is found
		only when it is asked for alone: beside others the shop refuses it when it is to be made."""
		return [row for page in self._client.pages("products", sku=skus, _fields=_FIELDS) for row in page]

	def _parents(self, template: str) -> set[str]:
		slug = bodies.slug_of(template)
		rows = self._client.get("products", slug=slug, status="any", _fields=_FIELDS)
		return {
			str(row["id"])
			for row in rows
			if row.get("slug") == slug and meta_of(row).get(bodies.TEMPLATE) == template
		}

	# --- a new product ---

	def _create(self, rows: Sequence[Row]) -> None:
		"""What is not to be shown is not made."""
		for row in rows:
			if row.variant and row.open:
				row.error = "The listing has a Variant ID, but no Product ID: import the shop's products"
		wanted = [row for row in rows if row.open and row.listing.published]
		if not wanted:
			return
		refuse_untitled(wanted[0].listing)
		if is_variant(wanted[0].listing):
			self._create_parent(wanted)
			return
		[row] = wanted
		body, row.warnings = bodies.sold(self._rules, row.listing, {})
		body |= {"type": "simple", "status": "publish", **bodies.texts(row.listing)}
		body |= bodies.new_stock(self._rules) | self._brand(row, {}) | self._attributes({}, qualities_of(row))
		product = self._make("products", marked(body, bodies.LISTING, row.listing.listing), row)
		row.product = str(product["id"])
		self._add_images(product, [row])

	def _create_parent(self, rows: Sequence[Row]) -> None:
		"""Made as a draft: it is shown once it has a variation."""
		first = rows[0].listing
		body: Body = {
			"type": "variable",
			"status": "draft",
			"slug": bodies.slug_of(first.variant_of or ""),
			**bodies.texts(first),
			**self._brand(rows[0], {}),
		}
		alike = [row for row in rows if set(row.listing.attributes) == set(first.attributes)]
		names = {name: [row.listing.attributes[name] for row in alike] for name in first.attributes}
		body |= self._attributes({}, qualities_of_all([], alike), names)
		parent = self._make("products", marked(body, bodies.TEMPLATE, first.variant_of or ""), rows[0])
		for row in rows:
			row.product = str(parent["id"])
		self._update_parent(parent, rows, is_new=True)

	# --- a product without variations ---

	def _update_single(self, product: Body, rows: Sequence[Row]) -> None:
		refuse_for_single(product, rows)
		for row in rows:
			if not row.open:
				continue
			row.product, row.variant = str(product["id"]), None
			body, row.warnings = bodies.sold(self._rules, row.listing, product)
			body |= bodies.texts(row.listing) | self._brand(row, product)
			body |= self._attributes(product, qualities_of(row)) | status_of(product, row.listing.published)
			if body:
				product = self._write(f"products/{row.product}", body, row)
			self._add_images(product, [row])

	# --- a product with variations ---

	def _update_parent(self, parent: Body, rows: Sequence[Row], is_new: bool = False) -> None:
		there = [] if is_new else list(variations(self._client, parent, _FIELDS))
		found = {id(row): matched(parent, there, row, rows) for row in rows if row.open}
		wanted = [row for row in rows if row.open and (found[id(row)] or row.listing.published)]
		for row in wanted:
			variation = found[id(row)]
			row.product, row.variant = str(parent["id"]), str(variation["id"]) if variation else None
		new = [row for row in wanted if not found[id(row)]]
		refuse_unlike(parent, new)
		wanted = [row for row in wanted if row.open]
		if not wanted:
			return
		if not is_new:
			parent = self._write_parent(parent, there, wanted)
		parent = self._add_images(parent, wanted)
		self._write_variations(parent, [(row, found[id(row)]) for row in wanted])
		self._show_parent(parent, there, rows)

	def _write_parent(self, parent: Body, there: Sequence[Body], rows: Sequence[Row]) -> Body:
		"""What is new of the product: texts, values that its variations differ in, what its goods are like."""
		body: Body = {}
		leading = leading_of(there, rows)
		if leading is not None:
			body |= bodies.texts(leading.listing) | self._brand(leading, parent)
		names = {bodies.spelling(row["name"]): str(row["name"]) for row in bodies.differing(parent)}
		differ = {
			name: [
				value
				for row in rows
				for key, value in row.listing.attributes.items()
				if row.variant is None and bodies.spelling(key) == key_spelled
			]
			for key_spelled, name in names.items()
		}
		body |= self._attributes(parent, qualities_of_all(there, rows), differ)
		if not body:
			return parent
		return self._write(f"products/{parent['id']}", body, leading or rows[0])

	def _write_variations(self, parent: Body, rows: Sequence[tuple[Row, Body | None]]) -> None:
		"""One that fails does not keep the others; where several do, one after the other, the rest is put off.

		:raises Retryable: none was taken
		"""
		failed: list[Row] = []
		last: Retryable | None = None
		for place, (row, variation) in enumerate(rows):
			if self._is_late() or len(failed) == PATIENCE:
				put_off([[each for each, _ in rows[place:]]], str(last) if failed else _SLOW)
				break
			try:
				self._write_variation(parent, variation, row)
				self._answered, failed = True, []
			except Rejected as error:
				row.error = str(error)
				self._answered, failed = True, []
			except Retryable as error:
				row.error, row.retry = str(error), True
				failed, last = [*failed, row], error
		if last is not None and not self._answered:
			for row in failed:
				row.error, row.retry = None, False
			raise last

	def _write_variation(self, parent: Body, variation: Body | None, row: Row) -> None:
		body, left_out = bodies.sold(self._rules, row.listing, variation or {})
		row.warnings += left_out
		body |= image_of(parent, variation, row.listing)
		path = f"products/{parent['id']}/variations"
		if variation is None:
			body |= {"status": "publish", "attributes": bodies.variation_options(parent, row.listing)}
			body |= bodies.new_stock(self._rules)
			made = self._make(path, marked(body, bodies.LISTING, row.listing.listing), row)
			row.variant = str(made["id"])
			return
		body |= status_of_variation(variation, row.listing.published)
		if body:
			self._write(f"{path}/{row.variant}", body, row)

	def _show_parent(self, parent: Body, there: Sequence[Body], rows: Sequence[Row]) -> None:
		"""A product is shown as long as one of its variations is."""
		published = {str(each["id"]): each.get("status") == "publish" for each in there}
		published |= {row.variant: row.listing.published for row in rows if row.variant and row.open}
		body = status_of(parent, any(published.values()))
		if body:
			self._write(f"products/{parent['id']}", body, rows[0])

	def _add_images(self, product: Body, rows: Sequence[Row]) -> Body:
		product, warning = self._images.add(product, (row.listing for row in rows if row.open))
		for row in rows:
			row.warnings += [warning] if warning else []
		return product

	# --- brands and attributes ---

	def _brand(self, row: Row, product: Body) -> Body:
		name = row.listing.brand
		if not name or any(
			bodies.spelling(each.get("name")) == bodies.spelling(name) for each in product.get("brands") or ()
		):
			return {}
		if name not in self._brands:
			self._brands[name] = self._brand_number(name)
		number = self._brands[name]
		if number is None:
			row.warnings.append("The brand is left out: this shop's WooCommerce has none before 9.6")
			return {}
		return {"brands": [{"id": number}]}

	def _brand_number(self, name: str) -> int | None:
		"""The brand of this name, made where there is none. WooCommerce takes a brand by its number only."""
		try:
			return int(self._client.post("products/brands", {"name": name}, _fields=["id"])["id"])
		except NoRoute:
			return None
		except Refused as error:
			if error.code != "term_exists" or "resource_id" not in error.data:
				raise
			return int(error.data["resource_id"])

	@cached_property
	def _shared_attributes(self) -> dict[str, int]:
		"""Attributes of all products, by which buyers can filter: they are used where the name is the same."""
		rows = self._client.get("products/attributes", _fields=["id", "name"])
		return {bodies.spelling(row["name"]): int(row["id"]) for row in rows}

	def _attributes(
		self,
		product: Body,
		values: Mapping[str, Sequence[str]],
		differ: Mapping[str, Sequence[str]] | None = None,
	) -> Body:
		there = product.get("attributes") or []
		if not values and not differ:
			return {}
		known = self._shared_attributes
		changed = bodies.attributes_with(there, differ or {}, known, of_variations=True)
		result = bodies.attributes_with(changed or there, values, known, of_variations=False) or changed
		return {"attributes": result} if result else {}

	# --- writing ---

	def _make(self, path: str, body: Body, row: Row) -> Body:
		"""Makes something that the shop was asked for before, so that nothing is made twice."""

		def send(body: Body) -> Body:
			return self._client.post(path, body, _fields=_FIELDS + _COMPARED)

		try:
			return self._taken_by(send, body, row)
		except Refused as error:
			number = error.data.get("resource_id")
			if error.code == _SKU_TAKEN and number:
				raise Rejected(taken_already(row, str(number), 0)) from None
			if error.code == _SKU_IN_TRASH:
				raise Rejected(
					f"The shop did not make it: a product in its trash may have the SKU {row.listing.sku}."
					" Delete that one permanently, or restore it"
				) from None
			raise

	def _write(self, path: str, body: Body, row: Row) -> Body:
		return self._taken_by(lambda body: self._put(path, body), body, row)

	def _put(self, path: str, body: Body) -> Body:
		answer = self._client.put(path, body, _fields=_FIELDS + _COMPARED)
		if str(answer.get("id")) != path.rpartition("/")[2]:
			raise Retryable("The shop answered about another product than was sent")
		return answer

	def _taken_by(self, send: Callable[[Body], Body], body: Body, row: Row) -> Body:
		"""Sends it; once more without a barcode that another product has. Compares the answer with what was sent."""
		try:
			answer = send(body)
		except Refused as error:
			if error.code != _GTIN_TAKEN:
				raise
			other = error.data.get("resource_id")
			row.warnings.append(
				f"The barcode is left out: product {other} of the shop has it already"
				if other
				else "The barcode is left out: the shop does not take it"
			)
			body = {name: value for name, value in body.items() if name != "global_unique_id"}
			answer = send(body)
		if not is_id(str(answer.get("id"))):
			raise Retryable("The shop's answer has no id: it cannot be read")
		row.error = row.error or bodies.difference(body, answer)
		return answer


#: Beside `_FIELDS`: what an answer is compared by.
_COMPARED = ["regular_price", "sale_price", "weight"]


# --- what the shop has -----------------------------------------------------------------------------------------


def shown(client: WooCommerceClient, cursor: str | None) -> ShownPage:
	"""A page of the products the shop has, with their variations."""
	page = listed(client, Position.read(cursor), _SHOWN_PRODUCTS, _SHOWN_FIELDS)
	rows: list[ShownProduct] = []
	taken, ends = 0, client.now() + LONGEST_BATCH
	for product in page.products:
		if taken and (len(rows) >= _SHOWN_ROWS or client.now() >= ends):
			break
		taken += 1
		rows += _shown_rows(client, product)
	following = page.after(taken) if page.products else None
	return ShownPage(tuple(rows), str(following) if following else None)


def _shown_rows(client: WooCommerceClient, product: Body) -> list[ShownProduct]:
	if not is_parent(product):
		return [_shown_product(product, product, None)]
	try:
		rows = list(variations(client, product, _SHOWN_FIELDS))
	except NotFound:  # deleted a moment ago
		return []
	return [_shown_product(product, row, str(row["id"])) for row in rows]


def _shown_product(product: Body, row: Body, variant: str | None) -> ShownProduct:
	options = [html.unescape(str(each.get("option") or "")) for each in row.get("attributes") or ()]
	title = html.unescape(str(product.get("name") or ""))
	return ShownProduct(
		sku=str(row.get("sku") or "") or None,
		product_id=str(product["id"]),
		variant_id=variant,
		barcode=str(row.get("global_unique_id") or "") or None,
		title=" - ".join([title, *options]) if variant else title or None,
	)
