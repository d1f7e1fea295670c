"""What the simulated Shopify's webhooks say: REST-shaped JSON, as the captured deliveries are.

Amounts are strings; those of refunded lines are numbers, as in the real ones.
"""

from __future__ import annotations

from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

from sandbox.storefronts.shopify.goods import Product, Variant
from sandbox.storefronts.shopify.sales import (
	Allocation,
	Customer,
	DiscountApplication,
	Fulfilment,
	FulfilmentOrder,
	Line,
	Order,
	Refund,
	Return,
	ShippingLine,
	Tax,
	Transaction,
)

Json = dict[str, Any]


def moment(value: datetime | None) -> str | None:
	"""To the second, with the shop's offset, as REST writes it."""
	return value.astimezone(timezone.utc).replace(microsecond=0).isoformat() if value else None


def gid(kind: str, number: int) -> str:
	return f"gid://shopify/{kind}/{number}"


def money(amount: Decimal) -> str:
	return f"{amount:.2f}"


def money_set(order: Order, amount: Decimal) -> Json:
	return {
		"shop_money": {"amount": money(amount), "currency_code": order.currency},
		"presentment_money": {
			"amount": money(order.presentment(amount)),
			"currency_code": order.presentment_currency,
		},
	}


def _both(order: Order, name: str, amount: Decimal) -> Json:
	return {name: money(amount), f"{name}_set": money_set(order, amount)}


def order(sold: Order, customer_data: bool = True) -> Json:
	"""An order as it stands now.

	:param customer_data: whether the app may know who bought
	"""
	return {
		"id": sold.id,
		"admin_graphql_api_id": gid("Order", sold.id),
		**_about(sold),
		**_amounts(sold),
		**(_people(sold) if customer_data else dict.fromkeys(_people(sold))),
		"discount_applications": [_application(each) for each in sold.applications],
		"discount_codes": [_code(sold, each) for each in sold.applications if each.kind == "discount_code"],
		"fulfillments": [fulfilment(each) for each in sold.fulfilments],
		"line_items": [line(sold, each) for each in sold.lines],
		"payment_terms": None,
		"refunds": [refund(each) for each in sold.refunds],
		"returns": [],
		"shipping_lines": [shipping_line(sold, each) for each in sold.shipping],
		"tax_lines": [tax_line(sold, tax) for tax in sold.summed_taxes()],
	}


def _about(sold: Order) -> Json:
	status = sold.fulfilment_status
	return {
		"app_id": 580111,
		"browser_ip": None,
		"buyer_accepts_marketing": False,
		"cancel_reason": sold.cancel_reason,
		"cancelled_at": moment(sold.cancelled_at),
		"closed_at": moment(sold.closed_at),
		"confirmation_number": f"C{sold.number}",
		"confirmed": True,
		"created_at": moment(sold.created_at),
		"currency": sold.currency,
		"customer_locale": "en",
		"device_id": None,
		"duties_included": False,
		"estimated_taxes": False,
		"financial_status": sold.financial_status.lower(),
		"fulfillment_status": {"UNFULFILLED": None, "PARTIALLY_FULFILLED": "partial"}.get(
			status, "fulfilled"
		),
		"location_id": sold.location.id if sold.location else None,
		"merchant_of_record_app_id": None,
		"name": sold.name,
		"note": sold.note,
		"note_attributes": [dict(each) for each in sold.attributes],
		"number": sold.number - 1000,
		"order_number": sold.number,
		"payment_gateway_names": list(sold.gateways),
		"po_number": None,
		"presentment_currency": sold.presentment_currency,
		"processed_at": moment(sold.created_at),
		"source_identifier": None,
		"source_name": sold.source_name,
		"tags": ", ".join(sold.tags),
		"tax_exempt": False,
		"taxes_included": sold.taxes_included,
		"test": sold.test,
		"token": f"token-{sold.id}",
		"total_weight": 0,
		"updated_at": moment(sold.updated_at),
		"user_id": None,
	}


def _amounts(sold: Order) -> Json:
	return {
		**_both(sold, "current_subtotal_price", sold.current_subtotal),
		"current_shipping_price_set": money_set(sold, sold.current_shipping),
		"current_total_additional_fees_set": None,
		**_both(sold, "current_total_discounts", sold.current_discounts),
		"current_total_duties_set": None,
		**_both(sold, "current_total_price", sold.current_total),
		**_both(sold, "current_total_tax", sold.current_tax),
		"original_total_additional_fees_set": None,
		"original_total_duties_set": None,
		**_both(sold, "subtotal_price", sold.subtotal),
		"total_cash_rounding_payment_adjustment_set": money_set(sold, sold.rounding),
		"total_cash_rounding_refund_adjustment_set": money_set(sold, Decimal(0)),
		**_both(sold, "total_discounts", sold.total_discounts),
		**_both(
			sold,
			"total_line_items_price",
			sum((each.price * each.quantity for each in sold.goods), Decimal(0)),
		),
		"total_outstanding": money(sold.outstanding),
		**_both(sold, "total_price", sold.total),
		"total_shipping_price_set": money_set(sold, sold.shipping_total),
		**_both(sold, "total_tax", sold.total_tax),
		"total_tip_received": money(sold.tip),
	}


def _people(sold: Order) -> Json:
	return {
		"billing_address": _address(sold.billing_address),
		"contact_email": sold.email,
		"customer": customer(sold.customer) if sold.customer else None,
		"email": sold.email,
		"phone": sold.phone,
		"shipping_address": _address(sold.shipping_address),
	}


def _address(address: dict[str, str | None] | None) -> Json | None:
	if address is None:
		return None
	name = " ".join(part for part in (address["first_name"], address["last_name"]) if part)
	return {**address, "name": name, "latitude": None, "longitude": None}


def customer(person: Customer) -> Json:
	"""Since API 2025-01 without tags and consents."""
	return {
		"id": person.id,
		"admin_graphql_api_id": gid("Customer", person.id),
		"email": person.email,
		"created_at": moment(person.created_at),
		"updated_at": moment(person.updated_at),
		"first_name": person.first_name,
		"last_name": person.last_name,
		"state": "disabled",
		"note": person.note,
		"verified_email": True,
		"multipass_identifier": None,
		"tax_exempt": False,
		"phone": person.phone,
		"currency": "EUR",
		"tax_exemptions": [],
		**({"default_address": _customer_address(person)} if person.address else {}),
	}


def _customer_address(person: Customer) -> Json:
	content = _address(person.address) or {}
	ids = {"id": person.id + 1, "customer_id": person.id}
	return {**ids, **content, "country_name": content["country"], "default": True}


def line(sold: Order, sale: Line) -> Json:
	variant = sale.variant
	left = max(sale.current_quantity - sale.fulfilled, 0)
	title = variant.title if variant and variant.options else None
	return {
		"id": sale.id,
		"admin_graphql_api_id": gid("LineItem", sale.id),
		"attributed_staffs": [],
		"current_quantity": sale.current_quantity,
		"fulfillable_quantity": left if sale.requires_shipping else 0,
		"fulfillment_service": "manual",
		"fulfillment_status": None if not sale.fulfilled else "partial" if left else "fulfilled",
		"gift_card": sale.gift_card,
		"grams": 0,
		"name": f"{sale.title} - {title}" if title else sale.title,
		**_both(sold, "price", sale.price),
		"product_exists": variant is not None,
		"product_id": variant.product.id if variant else None,
		"properties": [dict(each) for each in sale.properties],
		"quantity": sale.quantity,
		"requires_shipping": sale.requires_shipping,
		"sku": sale.sku,
		"taxable": sale.taxable,
		"title": sale.title,
		**_both(sold, "total_discount", Decimal(0)),
		"variant_id": variant.id if variant else None,
		"variant_inventory_management": "shopify" if variant and variant.tracked else None,
		"variant_title": title,
		"vendor": variant.product.vendor if variant else None,
		"tax_lines": [tax_line(sold, tax) for tax in sale.taxes],
		"duties": [],
		"discount_allocations": [_allocation(sold, each) for each in sale.allocations],
		**({"tip_payment_gateway": sale.tip_gateway} if sale.tip_gateway else {}),
	}


def tax_line(sold: Order, tax: Tax) -> Json:
	return {
		"channel_liable": tax.channel_liable,
		**_both(sold, "price", tax.amount),
		"rate": float(tax.rate),
		"title": tax.title,
	}


def _allocation(sold: Order, each: Allocation) -> Json:
	return {**_both(sold, "amount", each.amount), "discount_application_index": each.application.index}


def _application(each: DiscountApplication) -> Json:
	names = {"discount_code": ("code",), "manual": ("title", "description")}.get(each.kind, ("title",))
	return {
		"target_type": each.target,
		"type": each.kind,
		"value": f"{each.value.normalize():f}" if each.value % 1 else f"{each.value:.1f}",
		"value_type": each.value_type,
		"allocation_method": each.allocation,
		"target_selection": "all",
		**dict.fromkeys(names, each.title),
	}


def _code(sold: Order, each: DiscountApplication) -> Json:
	parts = [*sold.lines, *sold.shipping]
	amount = sum(
		(one.amount for part in parts for one in part.allocations if one.application is each), Decimal(0)
	)
	return {"code": each.title, "amount": money(amount), "type": each.value_type}


def shipping_line(sold: Order, each: ShippingLine) -> Json:
	return {
		"id": each.id,
		"carrier_identifier": None,
		"code": each.code,
		"current_discounted_price_set": money_set(sold, Decimal(0) if each.removed else each.discounted),
		**_both(sold, "discounted_price", each.discounted),
		"is_removed": each.removed,
		"phone": None,
		**_both(sold, "price", each.price),
		"requested_fulfillment_service_id": None,
		"source": "shopify",
		"title": each.title,
		"tax_lines": [tax_line(sold, tax) for tax in each.taxes],
		"discount_allocations": [_allocation(sold, one) for one in each.allocations],
	}


def fulfilment(sent: Fulfilment) -> Json:
	numbers = [parcel.number for parcel in sent.parcels if parcel.number]
	urls = [parcel.url for parcel in sent.parcels if parcel.url]
	return {
		"id": sent.id,
		"admin_graphql_api_id": gid("Fulfillment", sent.id),
		"created_at": moment(sent.created_at),
		"location_id": sent.location.id,
		"name": sent.name.replace("-F", "."),
		"order_id": sent.order.id,
		"origin_address": {},
		"receipt": {},
		"service": "manual",
		"shipment_status": None,
		"status": sent.status.lower(),
		"tracking_company": sent.parcels[0].company if sent.parcels else None,
		"tracking_number": numbers[0] if numbers else None,
		"tracking_numbers": numbers,
		"tracking_url": urls[0] if urls else None,
		"tracking_urls": urls,
		"updated_at": moment(sent.updated_at),
		"line_items": [
			{**line(sent.order, sale), "quantity": quantity} for sale, quantity in sent.quantities().items()
		],
	}


def fulfilment_event(sent: Fulfilment) -> Json:
	"""The body of fulfillments/create and update."""
	return {
		**fulfilment(sent),
		"email": sent.order.email,
		"destination": _address(sent.order.shipping_address),
	}


def moved(original: FulfilmentOrder, arrived: FulfilmentOrder) -> Json:
	"""The body of fulfillment_orders/moved: it does not say of which order they are."""
	return {
		"original_fulfillment_order": _fulfilment_order(original),
		"moved_fulfillment_order": _fulfilment_order(arrived),
		"destination_location_id": gid("Location", arrived.location.id),
		"fulfillment_order_line_items_requested": [],
		"source_location": {"id": gid("Location", original.location.id)},
	}


def _fulfilment_order(each: FulfilmentOrder) -> Json:
	return {
		"id": gid("FulfillmentOrder", each.id),
		"status": each.status.lower(),
		"assigned_location_id": gid("Location", each.location.id),
	}


def transaction(each: Transaction) -> Json:
	"""The body of order_transactions/create."""
	return {
		"id": each.id,
		"admin_graphql_api_id": gid("OrderTransaction", each.id),
		"order_id": each.order.id,
		"kind": each.kind.lower(),
		"gateway": each.gateway,
		"status": each.status.lower(),
		"message": None,
		"created_at": moment(each.created_at),
		"processed_at": moment(each.created_at),
		"test": each.order.test,
		"parent_id": each.parent.id if each.parent else None,
		"amount": money(each.amount),
		"currency": each.order.currency,
		"payment_id": each.payment_id,
		"total_unsettled_set": {
			"presentment_money": {"amount": "0.0", "currency": each.order.presentment_currency},
			"shop_money": {"amount": "0.0", "currency": each.order.currency},
		},
	}


def refund(given: Refund) -> Json:
	sold = given.order
	return {
		"id": given.id,
		"admin_graphql_api_id": gid("Refund", given.id),
		"created_at": moment(given.created_at),
		"note": given.note,
		"order_id": sold.id,
		"processed_at": moment(given.created_at),
		"restock": any(row.restock_type != "no_restock" for row in given.lines),
		"user_id": None,
		"duties": [],
		"order_adjustments": [
			{
				"id": row.id,
				"kind": "refund_discrepancy",
				"order_id": sold.id,
				"reason": row.reason.replace("_", " ").capitalize(),
				"refund_id": given.id,
				**_both(sold, "amount", row.amount),
				**_both(sold, "tax_amount", Decimal(0)),
			}
			for row in given.adjustments
		],
		"return": None,
		"refund_shipping_lines": [
			{
				"id": row.id,
				"shipping_line": shipping_line(sold, row.line),
				"subtotal_amount_set": money_set(sold, row.amount),
				"tax_amount_set": money_set(sold, row.tax),
			}
			for row in given.shipping
		],
		"refund_line_items": [
			{
				"id": row.id,
				"line_item": line(sold, row.line),
				"line_item_id": row.line.id,
				"location_id": row.location.id if row.location else None,
				"quantity": row.quantity,
				"restock_type": row.restock_type,
				"subtotal": float(row.subtotal),
				"subtotal_set": money_set(sold, row.subtotal),
				"total_tax": float(row.tax),
				"total_tax_set": money_set(sold, row.tax),
			}
			for row in given.lines
		],
		"transactions": [transaction(each) for each in given.transactions],
	}


def returned(made: Return) -> Json:
	"""The body of returns/*: ids, no money."""
	return {
		"id": made.id,
		"admin_graphql_api_id": gid("Return", made.id),
		"status": made.status.lower(),
		"order": {"id": made.order.id, "admin_graphql_api_id": gid("Order", made.order.id)},
		"total_return_line_items": len(made.lines),
		"name": made.name,
		"return_line_items": [
			{
				"id": row.id,
				"admin_graphql_api_id": gid("ReturnLineItem", row.id),
				"fulfillment_line_item": {
					"id": row.line.id + row.sent.id,
					"admin_graphql_api_id": gid("FulfillmentLineItem", row.line.id + row.sent.id),
					"line_item": {"id": row.line.id, "admin_graphql_api_id": gid("LineItem", row.line.id)},
				},
				"quantity": row.quantity,
				"return_reason": row.reason,
				"return_reason_note": row.note,
				"customer_note": row.customer_note,
				"restocking_fee": None,
			}
			for row in made.lines
		],
		"return_shipping_fees": [],
		"exchange_line_items": [],
		"total_exchange_line_items": 0,
	}


def product(goods: Product) -> Json:
	return {
		"id": goods.id,
		"admin_graphql_api_id": gid("Product", goods.id),
		"body_html": goods.description_html,
		"created_at": moment(goods.created_at),
		"handle": goods.handle,
		"product_type": goods.product_type,
		"published_at": moment(goods.published_at),
		"published_scope": "web",
		"status": goods.status.lower(),
		"tags": ", ".join(goods.tags),
		"template_suffix": None,
		"title": goods.title,
		"updated_at": moment(goods.updated_at),
		"vendor": goods.vendor,
		"has_variants_that_requires_components": False,
		"variants": [variant(each) for each in goods.variants],
		"options": _options(goods),
		"images": [_image(goods, each) for each in goods.images],
		"image": _image(goods, goods.images[0]) if goods.images else None,
		"media": [],
		"variant_gids": [
			{"admin_graphql_api_id": gid("ProductVariant", each.id), "updated_at": moment(each.updated_at)}
			for each in goods.variants
		],
	}


def _options(goods: Product) -> list[Json]:
	names = goods.option_names or ["Title"]
	values = [
		list(dict.fromkeys(each.options.get(name, "Default Title") for each in goods.variants))
		for name in names
	]
	return [
		{"name": name, "id": goods.id + index, "product_id": goods.id, "position": index, "values": of}
		for index, (name, of) in enumerate(zip(names, values, strict=True), 1)
	]


def _image(goods: Product, image: Any) -> Json:
	using = [each.id for each in goods.variants if each.image is image]
	return {
		"id": image.id,
		"alt": image.alt or None,
		"position": goods.images.index(image) + 1,
		"product_id": goods.id,
		"src": image.url,
		"variant_ids": using,
	}


def variant(each: Variant) -> Json:
	values = [each.options.get(name) for name in each.product.option_names] or ["Default Title"]
	return {
		"id": each.id,
		"admin_graphql_api_id": gid("ProductVariant", each.id),
		"barcode": each.barcode,
		"compare_at_price": money(each.compare_at) if each.compare_at is not None else None,
		"created_at": moment(each.created_at),
		"inventory_item_id": each.inventory_item_id,
		"inventory_policy": each.policy.lower(),
		"inventory_quantity": each.total,
		"old_inventory_quantity": each.total,
		"image_id": each.image.id if each.image else None,
		"option1": values[0],
		"option2": values[1] if len(values) > 1 else None,
		"option3": values[2] if len(values) > 2 else None,
		"position": each.position,
		"price": money(each.price),
		"product_id": each.product.id,
		"sku": each.sku,
		"taxable": each.taxable,
		"title": each.title,
		"updated_at": moment(each.updated_at),
	}


def level(each: Variant, location_id: int) -> Json:
	"""The body of inventory_levels/update: no SKU, no cause."""
	kept = each.levels[location_id]
	return {
		"admin_graphql_api_id": f"gid://shopify/InventoryLevel/{location_id}?inventory_item_id={each.inventory_item_id}",
		"inventory_item_id": each.inventory_item_id,
		"location_id": location_id,
		"available": kept.available if each.tracked else None,
		"updated_at": moment(kept.updated_at),
	}
