"""Orders, their notes and refunds by the API."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from sandbox.storefronts.woocommerce import checks
from sandbox.storefronts.woocommerce.api_products import asked_moment, merged_meta
from sandbox.storefronts.woocommerce.goods import Product, price_decimal
from sandbox.storefronts.woocommerce.routing import batch, checked_list, forced, ids, page, route, shuffled
from sandbox.storefronts.woocommerce.sales import (
	NewLine,
	Note,
	Order,
	Part,
	address,
	shown_note,
	shown_order,
)
from sandbox.storefronts.woocommerce.shop import Shop
from sandbox.storefronts.woocommerce.values import (
	Answer,
	ApiError,
	Request,
	number_of,
)

ORDER = r"/wc/v3/orders/(\d+)"
TEXTS = ("customer_note", "payment_method", "payment_method_title", "transaction_id")


# --- reading


@route("GET", "/wc/v3/orders")
def list_orders(shop: Shop, request: Request) -> Answer:
	checked_list(request, checks.ORDER_LIST)
	found = [each for each in shop.orders.values() if _wanted(shop, each, request.query)]
	decimals = _decimals(shop, request)
	return page(request, _sorted(found, request), lambda each: shown_order(shop, each, decimals))


def _decimals(shop: Shop, request: Request) -> int:
	return int(request.query.get("dp", shop.decimals))


def _wanted(shop: Shop, order: Order, query: Mapping[str, str]) -> bool:
	"""With "any" among the statuses the trash is never listed, whatever else is asked for."""
	wanted = query.get("status", "any").split(",")
	if order.status == "trash" and "any" in wanted:
		return False
	if "any" not in wanted and order.status not in wanted:
		return False
	changed, made = order.modified.replace(microsecond=0), order.created.replace(microsecond=0)
	tests: dict[str, Any] = {
		"modified_after": lambda value: changed > asked_moment(shop, value, query),
		"modified_before": lambda value: changed < asked_moment(shop, value, query),
		"after": lambda value: made > asked_moment(shop, value, query),
		"before": lambda value: made < asked_moment(shop, value, query),
		"include": lambda value: order.id in ids(value),
		"exclude": lambda value: order.id not in ids(value),
		"customer": lambda value: order.customer_id == int(value),
		"product": lambda value: any(int(value) == _product_id(line.product) for line in order.lines),
		"search": lambda value: value.lower() in f"{order.id} {' '.join(order.billing.values())}".lower(),
	}
	return all(test(query[name]) for name, test in tests.items() if query.get(name))


def _product_id(product: Product | None) -> int:
	return 0 if product is None else (product.parent or product).id


def _sorted(found: list[Order], request: Request) -> list[Order]:
	keys: dict[str, Any] = {
		"id": lambda each: each.id,
		"modified": lambda each: (each.modified.replace(microsecond=0), shuffled(request, each.id)),
		"date": lambda each: (each.created.replace(microsecond=0), shuffled(request, each.id)),
	}
	key = keys.get(request.query.get("orderby", "date"), keys["date"])
	return sorted(found, key=key, reverse=request.query.get("order", "desc") == "desc")


@route("GET", ORDER)
def read_order(shop: Shop, request: Request, number: int) -> Answer:
	return Answer(200, shown_order(shop, _known(shop, number, 404), _decimals(shop, request)))


def _known(shop: Shop, number: int, status: int) -> Order:
	order = shop.orders.get(number)
	if order is None:
		raise ApiError("woocommerce_rest_shop_order_invalid_id", "Invalid ID.", status)
	return order


# --- writing


@route("POST", "/wc/v3/orders")
def create_order(shop: Shop, request: Request) -> Answer:
	checks.check(request.given, checks.ORDER)
	return Answer(201, shown_order(shop, _created(shop, request.given), _decimals(shop, request)))


def _created(shop: Shop, given: dict[str, Any]) -> Order:
	order = shop.new_order(created_via=str(given.get("created_via") or "rest-api"))
	order.billing, order.shipping_address = address({}, True), address({}, False)
	_write(shop, order, given)
	shop.orders[order.id] = order
	try:
		_apply_coupons(shop, order, given)
	except ApiError as error:
		order.status = "checkout-draft"
		error.data["new_draft_order_id"] = order.id
		raise
	order.calculate(shop.new_id)
	shop.enter(order, _status(order, given))
	shop.tell("order.created", order.id)
	shop.tell("order.updated", order.id)
	return order


def _status(order: Order, given: Mapping[str, Any]) -> str:
	"""Paid on delivery and told to be paid, an order is completed."""
	asked = str(given.get("status") or "pending")
	if given.get("set_paid") in (True, 1, "1", "true"):
		return "completed" if order.payment_method == "cod" else "processing"
	return asked


@route("WRITE", ORDER)
def update_order(shop: Shop, request: Request, number: int) -> Answer:
	checks.check(request.given, checks.ORDER)
	return Answer(200, shown_order(shop, _updated(shop, number, request.given), _decimals(shop, request)))


def _updated(shop: Shop, number: int, given: dict[str, Any]) -> Order:
	"""Totals are counted anew only where something that has to do with them is given."""
	order = _known(shop, number, 400)
	if order.status == "trash" and given.get("status") is not None:
		# Out of the trash by its status: it is told to nobody, though its date moves. Seen on a real shop.
		shop.enter(order, given["status"])
		order.modified = shop.now()
		return order
	_write(shop, order, given)
	_apply_coupons(shop, order, given)
	if given.get("status") is not None and given["status"] != order.status:
		shop.enter(order, given["status"])
	counted = ("billing", "shipping", "line_items", "shipping_lines", "fee_lines", "coupon_lines")
	if any(given.get(name) is not None for name in counted):
		shop.save(order)
	else:
		shop.changed(order)
	return order


def _write(shop: Shop, order: Order, given: Mapping[str, Any]) -> None:
	customer = given.get("customer_id")
	if customer is not None:
		if int(customer) and int(customer) not in shop.customers:
			raise ApiError("woocommerce_rest_invalid_customer_id", "Customer ID is invalid.")
		order.customer_id = int(customer)
	for name in TEXTS:
		if given.get(name) is not None:
			setattr(order, name, str(given[name]))
	if given.get("billing"):
		order.billing = address({**order.billing, **given["billing"]}, True)
	if given.get("shipping"):
		order.shipping_address = address({**order.shipping_address, **given["shipping"]}, False)
	if given.get("meta_data"):
		order.meta = merged_meta(shop, order.meta, given["meta_data"])
	_write_rows(shop, order, order.lines, given.get("line_items") or (), _line)
	_write_rows(shop, order, order.shipping, given.get("shipping_lines") or (), _shipping)
	_write_rows(shop, order, order.fees, given.get("fee_lines") or (), _fee)


def _write_rows(shop: Shop, order: Order, rows: list[Part], given: Any, write: Any) -> None:
	"""A row with an id is changed, or removed by a null in place of what it is of, or quantity 0."""
	for row in given:
		if not row.get("id"):
			rows.append(write(shop, order, None, row))
			continue
		known = next((part for part in rows if part.id == int(row["id"])), None)
		if known is None:
			raise ApiError(
				"woocommerce_rest_invalid_item_id", "Order item ID provided is not associated with order."
			)
		gone = any(name in row and row[name] is None for name in ("product_id", "method_id", "name"))
		if gone or row.get("quantity") == 0:
			shop.shelve(known, 0)
			rows.remove(known)
		else:
			write(shop, order, known, row)


def _line(shop: Shop, order: Order, part: Part | None, row: Mapping[str, Any]) -> Part:
	"""A new line costs what its product does; of a known one only what is given changes, not its total with its
	quantity."""
	if part is None:
		part = _new_line(shop, order, row)
	if row.get("quantity") is not None:
		part.quantity = int(row["quantity"])
	for name in ("total", "subtotal"):
		if row.get(name) is not None:
			setattr(part, name, number_of(row[name]))
	if row.get("name"):
		part.name = str(row["name"])
	if row.get("meta_data"):
		part.meta = merged_meta(shop, part.meta, row["meta_data"])
	return part


def _new_line(shop: Shop, order: Order, row: Mapping[str, Any]) -> Part:
	product = None
	if row.get("variation_id"):
		product = shop.products.get(int(row["variation_id"]))
	elif row.get("product_id"):
		product = shop.products.get(int(row["product_id"]))
	elif row.get("sku"):
		product = next((each for each in shop.products.values() if each.sku == row["sku"]), None)
	else:
		raise ApiError("woocommerce_rest_required_product_reference", "Product ID or SKU is required.")
	quantity = int(row.get("quantity") or 1)
	if product is None:
		return Part(shop.new_id("item"), "", Decimal(0), Decimal(0), quantity=quantity)
	made = shop.make_line(order, NewLine(product.sku, quantity, price_decimal(product, shop.now())))
	made.product = product
	return made


def _shipping(shop: Shop, order: Order, part: Part | None, row: Mapping[str, Any]) -> Part:
	if part is None:
		if not row.get("method_id"):
			raise ApiError("woocommerce_rest_invalid_shipping_item", "Shipping method ID is required.")
		part = Part(shop.new_id("item"), "", Decimal(0))
	part.code = str(row.get("method_id") or part.code)
	part.instance = str(row.get("instance_id") or part.instance)
	part.name = str(row.get("method_title") or part.name)
	if row.get("total") is not None:
		part.total = number_of(row["total"])
	return part


def _fee(shop: Shop, order: Order, part: Part | None, row: Mapping[str, Any]) -> Part:
	if part is None:
		if not row.get("name"):
			raise ApiError("woocommerce_rest_invalid_fee_item", "Fee name is required.")
		part = Part(shop.new_id("item"), "", Decimal(0))
	part.name = str(row.get("name") or part.name)
	part.tax_class = str(row.get("tax_class") or part.tax_class)
	part.taxable = row.get("tax_status", "taxable" if part.taxable else "none") == "taxable"
	if row.get("total") is not None:
		part.total = number_of(row["total"])
	return part


def _apply_coupons(shop: Shop, order: Order, given: Mapping[str, Any]) -> None:
	for row in given.get("coupon_lines") or ():
		code = str(row.get("code") or "").lower()
		if code not in shop.coupons:
			raise ApiError(
				"woocommerce_rest_invalid_coupon",
				f"Coupon &quot;{code}&quot; cannot be applied because it does not exist.",
			)
		shop.apply_coupon(order, code)


@route("DELETE", ORDER)
def delete_order(shop: Shop, request: Request, number: int) -> Answer:
	order = _known(shop, number, 404)
	before = shown_order(shop, order)
	if request.flag("force"):
		shop.delete_order(order)
	elif order.status == "trash":
		raise ApiError("woocommerce_rest_already_trashed", "The shop_order has already been deleted.", 410)
	else:
		shop.trash_order(order)
	return Answer(200, before)


@route("WRITE", "/wc/v3/orders/batch")
def batch_orders(shop: Shop, request: Request) -> Answer:
	def delete(number: int) -> dict[str, Any]:
		order = _known(shop, number, 404)
		before = shown_order(shop, order)
		shop.delete_order(order)
		return before

	return batch(
		request,
		lambda row: shown_order(shop, _created(shop, row)),
		lambda number, row: shown_order(shop, _updated(shop, number, row)),
		delete,
	)


# --- notes


def of_note(shop: Shop, number: int) -> Order:
	"""The order of a note or a refund."""
	order = shop.orders.get(number)
	if order is None:
		raise ApiError("woocommerce_rest_order_invalid_id", "Invalid order ID.", 404)
	return order


@route("GET", ORDER + "/notes")
def list_notes(shop: Shop, request: Request, number: int) -> Answer:
	"""Newest first, all of them: there are no pages."""
	order = of_note(shop, number)
	kind = request.query.get("type", "any")
	notes = [note for note in order.notes if kind == "any" or note.for_customer == (kind == "customer")]
	return Answer(200, [shown_note(shop, order, note) for note in reversed(notes)])


@route("POST", ORDER + "/notes")
def create_note(shop: Shop, request: Request, number: int) -> Answer:
	checks.needed(request.given, "note")
	order = of_note(shop, number)
	author = "admin" if request.flag("added_by_user") else "WooCommerce"
	note = shop.add_note(order, str(request.given["note"]), request.flag("customer_note"), author)
	return Answer(201, shown_note(shop, order, note))


def _note(order: Order, number: int) -> Note:
	found = next((note for note in order.notes if note.id == number), None)
	if found is None:
		raise ApiError("woocommerce_rest_invalid_id", "Invalid resource ID.", 404)
	return found


@route("GET", ORDER + r"/notes/(\d+)")
def read_note(shop: Shop, request: Request, number: int, note: int) -> Answer:
	order = of_note(shop, number)
	return Answer(200, shown_note(shop, order, _note(order, note)))


@route("DELETE", ORDER + r"/notes/(\d+)")
def delete_note(shop: Shop, request: Request, number: int, note: int) -> Answer:
	forced(request, "Webhooks")  # the shop says so of notes too
	order = of_note(shop, number)
	found = _note(order, note)
	order.notes.remove(found)
	return Answer(200, shown_note(shop, order, found))
