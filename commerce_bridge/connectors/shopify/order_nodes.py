"""An order read over GraphQL, written as a webhook would have said it.

So there is one mapper, and the same order makes the same Sales Order whichever way it came. Field paths of the
field map work for both: what is not the same is listed in `DIFFERENT`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from commerce_bridge.bridge.errors import BridgeError
from commerce_bridge.bridge.money import parse_decimal
from commerce_bridge.connectors.shopify.ids import legacy_id
from commerce_bridge.connectors.shopify.money_nodes import refund_of, return_of, transaction
from commerce_bridge.connectors.shopify.node_parts import (
	Node,
	Payload,
	amount_in,
	identity_of,
	lower,
	money_set,
	named_line,
	number_in,
	priced,
	shop_amount,
)

#: What Shopify's own point of sale and checkouts call the line of a tip.
TIP = "Tip"

_SCOPE = "only for apps that may read more than orders"
_GONE = "GraphQL does not tell it, or not in every version"
_NOW = "GraphQL has it as deprecated only, and with another meaning"
#: What a field map cannot rely on, for it differs with the way an order came: where, and why. `[]` are rows.
DIFFERENT: Mapping[str, str] = {
	"cart_token": _GONE,
	"checkout_id": _GONE,
	"checkout_token": _GONE,
	"client_details": _GONE,
	"device_id": _GONE,
	"landing_site": _GONE,
	"landing_site_ref": _GONE,
	"merchant_business_entity_id": _GONE,
	"order_status_url": "holds a key of its own each time",
	"payment_terms": _SCOPE,
	"reference": _GONE,
	"referring_site": _GONE,
	"returns": _SCOPE,
	"token": _GONE,
	"user_id": _SCOPE,
	"transactions": "webhooks of orders do not say what was paid",
	"additional_fees": "webhooks of orders do not say what the fees are for",
	"customer.currency": _GONE,
	"line_items[].attributed_staffs": _SCOPE,
	"line_items[].fulfillable_quantity": _NOW,
	"line_items[].fulfillment_service": _NOW,
	"line_items[].fulfillment_status": _NOW,
	"line_items[].grams": "what the product weighs now",
	"line_items[].tip_payment_gateway": "GraphQL does not say which line is a tip, but how much was tipped",
	"line_items[].total_discount": "webhooks say it of draft orders only; see discount_allocations",
	"line_items[].total_discount_set": "the same",
	"line_items[].variant_inventory_management": "how the product is counted now",
	"shipping_lines[].requested_fulfillment_service_id": _NOW,
	"shipping_lines[].current_discounted_price_set": "not of every version's webhooks",
	"fulfillments[].origin_address": _GONE,
	"fulfillments[].receipt": _GONE,
	"fulfillments[].service": _GONE,
	"fulfillments[].shipment_status": "of what was delivered only",
	"refunds[].duties": "webhooks do not say of which taxes they are less",
	"refunds[].return": _SCOPE,
	"refunds[].transactions": "webhooks say them in the buyer's currency, and without fees",
	"refunds[].updated_at": "webhooks do not tell it",
	"refunds[].user_id": _SCOPE,
	"refunds[].order_adjustments[].kind": _GONE,
	"refunds[].refund_line_items[].subtotal": "a number in webhooks, and nowhere else",
	"refunds[].refund_line_items[].total_tax": "a number in webhooks, and nowhere else",
}
#: Of `displayFulfillmentStatus`, those that webhooks know; the others are None there.
_FULFILLED = {"FULFILLED": "fulfilled", "PARTIALLY_FULFILLED": "partial", "RESTOCKED": "restocked"}
_TIMES = frozenset({"created_at", "updated_at", "processed_at", "cancelled_at", "closed_at"})
_APPLICATIONS = {
	"DiscountCodeApplication": ("discount_code", ("code",)),
	"ManualDiscountApplication": ("manual", ("title", "description")),
	"AutomaticDiscountApplication": ("automatic", ("title",)),
	"ScriptDiscountApplication": ("script", ("title",)),
}

_SETS = {
	"totalPriceSet": "total_price",
	"subtotalPriceSet": "subtotal_price",
	"totalTaxSet": "total_tax",
	"totalDiscountsSet": "total_discounts",
	"currentTotalPriceSet": "current_total_price",
	"currentSubtotalPriceSet": "current_subtotal_price",
	"currentTotalTaxSet": "current_total_tax",
	"currentTotalDiscountsSet": "current_total_discounts",
}
_ONLY_AMOUNTS = {
	"totalOutstandingSet": "total_outstanding",
	"totalTipReceivedSet": "total_tip_received",
}
_ONLY_SETS = {
	"totalShippingPriceSet": "total_shipping_price_set",
	"originalTotalDutiesSet": "original_total_duties_set",
	"originalTotalAdditionalFeesSet": "original_total_additional_fees_set",
	"currentShippingPriceSet": "current_shipping_price_set",
	"currentTotalDutiesSet": "current_total_duties_set",
	"currentTotalAdditionalFeesSet": "current_total_additional_fees_set",
}
_SAME = {
	"name": "name",
	"number": "order_number",
	"clientIp": "browser_ip",
	"confirmed": "confirmed",
	"customerAcceptsMarketing": "buyer_accepts_marketing",
	"registeredSourceUrl": "source_url",
	"createdAt": "created_at",
	"processedAt": "processed_at",
	"updatedAt": "updated_at",
	"cancelledAt": "cancelled_at",
	"closedAt": "closed_at",
	"confirmationNumber": "confirmation_number",
	"currencyCode": "currency",
	"presentmentCurrencyCode": "presentment_currency",
	"taxesIncluded": "taxes_included",
	"dutiesIncluded": "duties_included",
	"taxExempt": "tax_exempt",
	"estimatedTaxes": "estimated_taxes",
	"test": "test",
	"sourceName": "source_name",
	"sourceIdentifier": "source_identifier",
	"customerLocale": "customer_locale",
	"email": "email",
	"phone": "phone",
	"note": "note",
	"poNumber": "po_number",
	"paymentGatewayNames": "payment_gateway_names",
}


def order_payload(
	order: Node,
	lines: Iterable[Node],
	transactions: Iterable[Node],
	refunds: Iterable[Node],
	fulfilments: Iterable[Node],
	time_zone: str,
	returns: Iterable[Node] = (),
) -> Payload:
	"""The order, with all of its lines, refunds, returns and fulfilments, as a webhook's payload.

	:param time_zone: of the shop: webhooks write times in it
	"""
	payload: Payload = {**identity_of(order["id"]), **_renamed(order, _SAME)}
	for name, key in _SETS.items():
		payload[f"{key}_set"] = money_set(order.get(name))
		payload[key] = shop_amount(order.get(name))
	for name, key in _ONLY_AMOUNTS.items():
		payload[key] = shop_amount(order.get(name))
	for name, key in _ONLY_SETS.items():
		payload[key] = money_set(order.get(name))
	items = [_line(line) for line in lines]
	ships = [_shipping(line) for line in order["shippingLines"]["nodes"]]
	applications = order["discountApplications"]["nodes"]
	rounding = order.get("totalCashRoundingAdjustment") or {}
	payload |= {
		"cancel_reason": lower(order.get("cancelReason")),
		"financial_status": lower(order.get("displayFinancialStatus")),
		"fulfillment_status": _FULFILLED.get(order.get("displayFulfillmentStatus") or ""),
		"app_id": number_in(order.get("app")),
		"merchant_of_record_app_id": number_in(order.get("merchantOfRecordApp")),
		"total_weight": int(order.get("totalWeight") or 0),
		# The first order of a shop is #1001. https://shopify.dev/docs/api/admin-rest/latest/resources/order
		"number": order["number"] - 1000,
		"contact_email": order.get("email"),
		"tags": ", ".join(order.get("tags") or ()),
		"note_attributes": _attributes(order.get("customAttributes")),
		"discount_applications": [_application(row) for row in applications],
		"discount_codes": [_code(row, [*items, *ships]) for row in applications if row.get("code")],
		"tax_lines": _taxes(order.get("taxLines")),
		"location_id": number_in(order.get("retailLocation")),
		"total_cash_rounding_payment_adjustment_set": money_set(rounding.get("paymentSet")),
		"total_cash_rounding_refund_adjustment_set": money_set(rounding.get("refundSet")),
		"customer": _customer(order.get("customer")),
		"billing_address": _address(order.get("billingAddress")),
		"shipping_address": _address(order.get("shippingAddress")),
		"additional_fees": [_additional_fee(fee) for fee in order.get("additionalFees") or ()],
		"shipping_lines": ships,
		"line_items": items,
		"transactions": [transaction(row) for row in transactions],
	}
	_mark_tips(payload)
	named = {row["id"]: row for row in (*items, *ships)}
	payload |= {
		**_goods(items),
		"refunds": [refund_of(refund, payload["id"], named) for refund in refunds],
		"returns": [return_of(each) for each in returns],
		"fulfillments": [_fulfilment(row, payload["id"], named) for row in fulfilments],
	}
	return _in_zone(payload, time_zone)


def _in_zone(payload: Payload, time_zone: str) -> Payload:
	"""GraphQL writes times in UTC, webhooks with the shop's offset."""
	try:
		zone = ZoneInfo(time_zone)
	except (ZoneInfoNotFoundError, ValueError):
		return payload

	def written(value: Any, key: str = "") -> Any:
		if isinstance(value, dict):
			return {name: written(part, name) for name, part in value.items()}
		if isinstance(value, list):
			return [written(part) for part in value]
		if key in _TIMES and isinstance(value, str):
			return datetime.fromisoformat(value.replace("Z", "+00:00")).astimezone(zone).isoformat()
		return value

	return written(payload)


def _goods(lines: Sequence[Payload]) -> Payload:
	"""What the lines cost before discounts, tips aside: GraphQL does not say it."""
	goods = [line for line in lines if "tip_payment_gateway" not in line]
	found: Payload = {}
	for money in ("shop_money", "presentment_money"):
		parts = [(line["price_set"][money], line["quantity"]) for line in goods if money in line["price_set"]]
		if parts:
			currency = parts[0][0]["currency_code"]
			amount = sum((_decimal(part["amount"]) * quantity for part, quantity in parts), Decimal(0))
			found[money] = {"amount": amount_in(f"{amount:f}", currency), "currency_code": currency}
	shop = found.get("shop_money")
	return {"total_line_items_price": shop and shop["amount"], "total_line_items_price_set": found or None}


def _renamed(node: Node, names: Mapping[str, str]) -> Payload:
	return {key: node.get(name) for name, key in names.items()}


def _attributes(rows: Iterable[Node] | None) -> list[Payload]:
	return [{"name": row["key"], "value": row.get("value")} for row in rows or ()]


def _taxes(rows: Iterable[Node] | None) -> list[Payload]:
	return [
		{
			"title": row.get("title"),
			"rate": row.get("rate"),
			"channel_liable": row.get("channelLiable"),
			**priced(row["priceSet"], "price"),
		}
		for row in rows or ()
	]


def _allocations(rows: Iterable[Node] | None) -> list[Payload]:
	return [
		{
			**priced(row["allocatedAmountSet"], "amount"),
			"discount_application_index": row["discountApplication"]["index"],
		}
		for row in rows or ()
	]


def _application(row: Node) -> Payload:
	kind, names = _APPLICATIONS.get(row["__typename"], ("automatic", ()))
	percentage = row["value"].get("percentage")
	value = _decimal(str(percentage) if percentage is not None else row["value"].get("amount"))
	return {
		"type": kind,
		**{name: row.get(name) for name in names},
		"value": f"{value.normalize():f}" if value % 1 else f"{value:.1f}",
		"value_type": "fixed_amount" if percentage is None else "percentage",
		"allocation_method": lower(row["allocationMethod"]),
		"target_selection": lower(row["targetSelection"]),
		"target_type": lower(row["targetType"]),
	}


def _code(row: Node, parts: Iterable[Payload]) -> Payload:
	"""A discount code with what it took off."""
	rows = [each for part in parts for each in part["discount_allocations"]]
	taken = [each for each in rows if each["discount_application_index"] == row["index"]]
	amount = sum((_decimal(each["amount"]) for each in taken), Decimal(0))
	kind = _application(row)["value_type"] if row["targetType"] != "SHIPPING_LINE" else "shipping"
	return {"code": row["code"], "amount": f"{amount:f}", "type": kind}


def _line(line: Node) -> Payload:
	product, variant = line.get("product"), line.get("variant")
	return {
		**identity_of(line["id"]),
		"name": line.get("name"),
		"title": line.get("title"),
		"sku": line.get("sku"),
		"vendor": line.get("vendor"),
		"variant_title": line.get("variantTitle"),
		"quantity": line["quantity"],
		"current_quantity": line["currentQuantity"],
		"requires_shipping": line.get("requiresShipping"),
		"taxable": line.get("taxable"),
		"gift_card": line.get("isGiftCard"),
		"product_id": number_in(product),
		"variant_id": number_in(variant),
		"product_exists": product is not None,
		"properties": _attributes(line.get("customAttributes")),
		**priced(line["originalUnitPriceSet"], "price"),
		"discount_allocations": _allocations(line.get("discountAllocations")),
		"tax_lines": _taxes(line.get("taxLines")),
		"duties": [
			{
				"id": legacy_id(duty["id"]),
				"admin_graphql_api_id": duty["id"],
				"harmonized_system_code": duty.get("harmonizedSystemCode"),
				"country_code_of_origin": duty.get("countryCodeOfOrigin"),
				**(money_set(duty["price"]) or {}),
				"tax_lines": _taxes(duty.get("taxLines")),
			}
			for duty in line.get("duties") or ()
		],
	}


def _shipping(line: Node) -> Payload:
	return {
		"id": int(legacy_id(line["id"])) if line.get("id") else None,
		"carrier_identifier": line.get("carrierIdentifier"),
		"phone": line.get("phone"),
		"title": line.get("title"),
		"code": line.get("code"),
		"source": line.get("source"),
		"is_removed": line["isRemoved"],
		**priced(line["originalPriceSet"], "price"),
		**priced(line["discountedPriceSet"], "discounted_price"),
		"current_discounted_price_set": money_set(line["currentDiscountedPriceSet"]),
		"discount_allocations": _allocations(line.get("discountAllocations")),
		"tax_lines": _taxes(line.get("taxLines")),
	}


def _additional_fee(fee: Node) -> Payload:
	return {
		"id": fee["id"],
		"name": fee.get("name"),
		**priced(fee["price"], "price"),
		"tax_lines": _taxes(fee.get("taxLines")),
	}


def _fulfilment(row: Node, order_id: int, named: Mapping[int, Payload]) -> Payload:
	tracking = row.get("trackingInfo") or ()
	numbers = [info["number"] for info in tracking if info.get("number")]
	urls = [info["url"] for info in tracking if info.get("url")]
	return {
		**identity_of(row["id"]),
		"order_id": order_id,
		"name": (row.get("name") or "").replace("-F", ".") or None,
		"status": lower(row["status"]),
		"shipment_status": "delivered" if row.get("displayStatus") == "DELIVERED" else None,
		"created_at": row.get("createdAt"),
		"updated_at": row.get("updatedAt"),
		"location_id": number_in(row.get("location")),
		"tracking_company": tracking[0].get("company") if tracking else None,
		"tracking_number": numbers[0] if numbers else None,
		"tracking_numbers": numbers,
		"tracking_url": urls[0] if urls else None,
		"tracking_urls": urls,
		"line_items": [
			{**named_line(line["lineItem"]["id"], named), "quantity": line["quantity"]}
			for line in row["fulfillmentLineItems"]["nodes"]
		],
	}


def _customer(customer: Node | None) -> Payload | None:
	if not customer:
		return None
	return {
		**identity_of(customer["id"]),
		"email": (customer.get("defaultEmailAddress") or {}).get("emailAddress"),
		"phone": (customer.get("defaultPhoneNumber") or {}).get("phoneNumber"),
		"first_name": customer.get("firstName"),
		"last_name": customer.get("lastName"),
		"note": customer.get("note"),
		"tax_exempt": customer.get("taxExempt"),
		"tax_exemptions": customer.get("taxExemptions") or [],
		"created_at": customer.get("createdAt"),
		"updated_at": customer.get("updatedAt"),
		"state": lower(customer.get("state")),
		"verified_email": customer.get("verifiedEmail"),
		"multipass_identifier": customer.get("multipassIdentifier"),
		"default_address": _default_address(customer),
	}


def _default_address(customer: Node) -> Payload | None:
	found = customer.get("defaultAddress")
	address = _address(found)
	if not found or not address:
		return None
	ids = {"id": number_in(found), "customer_id": number_in(customer), "default": True}
	return {**address, **ids, "country_name": address["country"]}


def _address(address: Node | None) -> Payload | None:
	if not address:
		return None
	return {
		"name": address.get("name"),
		"first_name": address.get("firstName"),
		"last_name": address.get("lastName"),
		"company": address.get("company"),
		"address1": address.get("address1"),
		"address2": address.get("address2"),
		"city": address.get("city"),
		"province": address.get("province"),
		"province_code": address.get("provinceCode"),
		"zip": address.get("zip"),
		"country": address.get("country"),
		"country_code": address.get("countryCodeV2"),
		"phone": address.get("phone"),
		"latitude": address.get("latitude"),
		"longitude": address.get("longitude"),
	}


# --- tips ------------------------------------------------------------------------------------------------


def _mark_tips(payload: Payload) -> None:
	"""Marks the lines that are the tip, as webhooks do: lines without a product that make up what was tipped."""
	tipped = _decimal(payload["total_tip_received"])
	if not tipped:
		return
	typed_in = [line for line in payload["line_items"] if _may_be_tip(line)]
	for candidates in ([line for line in typed_in if line["title"] == TIP], *([line] for line in typed_in)):
		if candidates and _worth(candidates) == tipped:
			for line in candidates:
				line["tip_payment_gateway"] = "unknown"
			return


def _may_be_tip(line: Payload) -> bool:
	return not (line["product_id"] or line["sku"] or line["gift_card"] or line["requires_shipping"])


def _worth(lines: Sequence[Payload]) -> Decimal:
	return sum((_decimal(line["price"]) * line["quantity"] for line in lines), Decimal(0))


def _decimal(amount: Any) -> Decimal:
	try:
		return parse_decimal(amount)
	except BridgeError:
		return Decimal(0)
