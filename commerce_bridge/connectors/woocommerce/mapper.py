"""From what WooCommerce sends to the canonical model: one way for webhooks, polls and single orders.

Amounts of lines are without taxes, whatever `prices_include_tax` says; how they come to sum up: `amounts`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Context, Decimal, localcontext
from typing import Any

from commerce_bridge.bridge import model, strict_json
from commerce_bridge.bridge.channel import Channel
from commerce_bridge.bridge.errors import BadRequest, Misconfigured, Rejected
from commerce_bridge.bridge.money import decimals_of, minor_unit
from commerce_bridge.connectors.woocommerce import amounts, customers, payloads, payments, products, refunds
from commerce_bridge.connectors.woocommerce.amounts import Part
from commerce_bridge.connectors.woocommerce.bundles import booked_rows
from commerce_bridge.connectors.woocommerce.payloads import (
	AGAIN,
	Object,
	meta_of,
	objects,
	required,
	validated,
	with_meta,
)

#: Topic of orders that a poll found, and of one that was fetched.
POLLED = "order.polled"
#: Topics whose payload is an order, whole.
WHOLE_ORDER_TOPICS = frozenset({"order.created", "order.updated", "order.restored", POLLED})
DELETED_ORDER = "order.deleted"
#: Topics that bring an order as a whole, or lead to it.
ORDER_TOPICS = WHOLE_ORDER_TOPICS | {DELETED_ORDER}
#: Statuses of orders that are imported where the channel names none. Drafts of the checkout, and orders that nobody
#: has paid for, are none of them.
DEFAULT_STATUSES = ("processing", "on-hold", "completed")
#: What a longer number of an order is cut to.
_LONGEST_NUMBER = 140
#: Amounts of people's making fit Python's 28 digits; those of an attacker shall not overflow them.
_WIDE = Context(prec=80)
_CANCELLED = frozenset({"cancelled", "trash"})
_MONEY_GONE: Mapping[str | None, Any] = {"refunded": "refunded", "failed": "voided"}
_FORBIDDEN = (401, 403)


def parse(topic: str, payload: str, channel: Channel) -> model.Event:
	"""A stored payload as the canonical model.

	:raises Rejected: names the fields that are wrong, never their values
	:raises Misconfigured: the shop may not tell us: the owner of the webhook has no rights
	"""
	try:
		data = strict_json.loads(payload.encode("utf-8", "surrogatepass"))
	except BadRequest as error:
		raise Rejected(f"WooCommerce's {topic}: {error}") from None
	if is_error(data):
		_raise_error(topic, data, channel)
	if topic in WHOLE_ORDER_TOPICS:
		order = to_order(data, channel)
		return model.Event(type=topic, data=order, incomplete=refunds.are_wanted(channel, order))
	read = _READERS.get(topic)
	if read is None:
		return model.Event(type=topic)
	found = read(data, channel)
	return model.Event(type=topic, data=found, incomplete=_is_incomplete(found, data))


def is_error(body: Mapping[str, Any]) -> bool:
	"""Whether a body is an error of the REST API in place of what its topic sends: WooCommerce signs and sends it
	as if it were."""
	return "code" in body and "message" in body and "id" not in body


def error_status(body: Mapping[str, Any]) -> int | None:
	"""The HTTP status an error names; refunds give it in place of `data`."""
	data = body.get("data")
	status = data.get("status") if isinstance(data, dict) else data
	return status if type(status) is int else None


def _raise_error(topic: str, body: Mapping[str, Any], channel: Channel) -> None:
	if error_status(body) in _FORBIDDEN:
		raise Misconfigured(
			f"WooCommerce sent an error in place of {topic}: the user who owns the shop's webhooks may not read "
			f"{_kind(topic)}s. Give the channel a key of an administrator or shop manager, then Register Webhooks again.",
			doctype="Channel Settings",
			document=channel.name,
			fieldname="api_key",
		)
	raise Rejected(
		f"WooCommerce sent an error (status {error_status(body) or 'unknown'}) in place of {topic}. {AGAIN}"
	)


def _kind(topic: str) -> str:
	return topic.partition(".")[0]


# --- what is not an order --------------------------------------------------------------------------------


def _deleted_order(payload: Object, channel: Channel) -> model.OrderReference:
	"""Only an id is told. Whether the order is in the trash, gone, or was restored since, the shop has to be asked."""
	return model.OrderReference(id=required(payloads.id_of(payload.get("id")), "This order"))


def _customer(payload: Object, channel: Channel) -> model.Customer:
	return customers.to_customer(payload, channel.tax_id_keys)


def _product(payload: Object, channel: Channel) -> model.Product:
	return products.to_product(payload)


def _deleted_product(payload: Object, channel: Channel) -> model.ProductDeletion:
	return model.ProductDeletion(id=required(payloads.id_of(payload.get("id")), "This product"))


def _is_incomplete(found: model.EventData, payload: Object) -> bool:
	"""Only the body of a delivery is signed, not its topic: a deletion that says only an id is not believed."""
	if isinstance(found, model.OrderReference | model.ProductDeletion):
		return True
	return isinstance(found, model.Product) and products.has_variations(payload)


_READERS: Mapping[str, Callable[[Object, Channel], model.EventData]] = {
	DELETED_ORDER: _deleted_order,
	"customer.created": _customer,
	"customer.updated": _customer,
	"product.created": _product,
	"product.updated": _product,
	"product.restored": _product,
	"product.deleted": _deleted_product,
}


# --- orders ----------------------------------------------------------------------------------------------


def to_order(payload: Object, channel: Channel) -> model.Order:
	"""The canonical order. Raises `Rejected` for what is missing, or makes no sense."""
	wire = validated(payloads.Order, payload, "order")
	with localcontext(_WIDE):
		return _order(wire, payload, channel)


def _order(wire: payloads.Order, payload: Object, channel: Channel) -> model.Order:
	updated = wire.date_modified_gmt or wire.date_created_gmt
	if updated is None:
		raise Rejected(f"This order of WooCommerce has no date_modified_gmt. {AGAIN}")
	meta = meta_of(payload)
	# WooCommerce erases who bought, at their wish or by its own rules, and writes "[deleted]" in its place.
	erased = meta.get("_anonymized") == "yes"
	lines, shipping, fees = _parts(wire, payload)
	return model.Order(
		id=required(wire.id, "This order"),
		number=(wire.number or wire.id or "")[:_LONGEST_NUMBER],
		updated_at=updated,
		placed_at=wire.date_created_gmt or updated,
		status=wire.status or "",
		cancelled=wire.status in _CANCELLED,
		money_gone=_MONEY_GONE.get(wire.status),
		refunded=sum((abs(refund.total) for refund in wire.refunds), Decimal(0)),
		renewal=wire.created_via == "subscription" or bool(meta.get("_subscription_renewal")),
		currency=wire.currency,
		prices_include_tax=False,
		customer=None if erased else customers.buyer_of(wire, payload, channel.tax_id_keys),
		billing_address=None if erased else customers.address_of(wire.billing),
		shipping_address=None if erased else customers.address_of(wire.shipping),
		lines=booked_rows(lines, channel.bundle_rows, minor_unit(decimals_of(wire.currency))),
		shipping=shipping,
		fees=fees,
		payments=payments.payments_of(wire, meta, updated),
		refunds_complete=not wire.refunds,
		total=wire.total,
		note=wire.customer_note,
		custom={**payload, "meta": meta},
	)


def _parts(
	wire: payloads.Order, payload: Object
) -> tuple[tuple[model.OrderLine, ...], tuple[model.ShippingLine, ...], tuple[model.Fee, ...]]:
	"""Lines, shipping and fees, with amounts that sum to the order's."""
	rates = {rate.rate_id: rate for rate in wire.tax_lines}
	goods = [amounts.part_of(row, wire.tax_lines) for row in (*wire.line_items, *wire.fee_lines)]
	shipping = [amounts.part_of(row, wire.tax_lines) for row in wire.shipping_lines]
	charged = amounts.charged_of(wire.tax_lines)
	unit = amounts.unit_of(wire.currency, _amounts(wire, [*goods, *shipping], charged))
	goods, shipping = amounts.settled(goods, shipping, charged, wire.total, unit, wire.prices_include_tax)
	count = len(wire.line_items)
	minor = minor_unit(decimals_of(wire.currency))
	raw = objects(payload, "line_items")
	lines = tuple(
		_line(row, goods[index], rates, raw[index], minor) for index, row in enumerate(wire.line_items)
	)
	_check_ids(lines)
	return (
		lines,
		tuple(_shipping(row, part, rates) for row, part in zip(wire.shipping_lines, shipping, strict=True)),
		tuple(_fee(row, part, rates) for row, part in zip(wire.fee_lines, goods[count:], strict=True)),
	)


def _amounts(wire: payloads.Order, parts: list[Part], charged: amounts.Charged) -> list[Decimal]:
	"""Every amount as the shop wrote it: their decimals are those the shop counts with."""
	found = [wire.total, *(amount for pair in charged.values() for amount in pair)]
	for part in parts:
		found += [part.amount, *part.taxes.values()]
	return found


def _check_ids(lines: tuple[model.OrderLine, ...]) -> None:
	if len({line.id for line in lines}) != len(lines):
		raise Rejected(f"Two lines of this order have the same id. {AGAIN}")


def _line(
	wire: payloads.Line, part: Part, rates: Mapping[str, payloads.TaxRate], raw: Object, minor: Decimal
) -> model.OrderLine:
	"""`price` is not read: it is an unrounded number. Coupons are in `total`, not in `subtotal`."""
	price = amounts.price_of(max(wire.subtotal, part.amount), wire.quantity, minor)
	return model.OrderLine(
		id=required(wire.id, "A line of this order"),
		product_id=wire.product_id,
		variant_id=wire.variation_id,
		sku=wire.sku,
		barcode=wire.global_unique_id,
		name=wire.name,
		quantity=wire.quantity,
		unit_price=price,
		discount=wire.quantity * price - part.amount,
		total=part.amount,
		taxes=amounts.taxes_of(part, rates),
		kind="product" if wire.product_id or wire.sku else "custom",
		custom=with_meta(raw),
	)


def _shipping(
	wire: payloads.Shipping, part: Part, rates: Mapping[str, payloads.TaxRate]
) -> model.ShippingLine:
	return model.ShippingLine(
		code=":".join(filter(None, (wire.method_id, wire.instance_id))) or None,
		title=wire.method_title,
		amount=part.amount,
		taxes=amounts.taxes_of(part, rates),
	)


def _fee(wire: payloads.Fee, part: Part, rates: Mapping[str, payloads.TaxRate]) -> model.Fee:
	return model.Fee(title=wire.name, amount=part.amount, taxes=amounts.taxes_of(part, rates))
