"""The same orders as GraphQL nodes, answered by graphql-core on the official schema: what is asked must exist."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from graphql import graphql_sync

from commerce_bridge.bridge import strict_json
from commerce_bridge.connectors.shopify.ids import gid
from sandbox.storefronts.shopify.schema import load

Node = dict[str, Any]
FULFILLED = {None: "UNFULFILLED", "partial": "PARTIALLY_FULFILLED", "fulfilled": "FULFILLED"}
APPLICATIONS = {
	"discount_code": "DiscountCodeApplication",
	"manual": "ManualDiscountApplication",
	"automatic": "AutomaticDiscountApplication",
}
SET = ("shop_money", "shopMoney"), ("presentment_money", "presentmentMoney")


class Shop:
	"""Answers documents from nodes, `page` of each connection at a time, and counts the calls."""

	def __init__(self, page: int = 2, version: str = "2026-10"):
		self.page = page
		self.schema = load(version)
		self.orders: dict[str, Node] = {}
		self.nodes: dict[str, Node] = {}
		self.products: dict[str, Node] = {}
		self.asked: list[tuple[str, Mapping[str, Any]]] = []

	def run(
		self,
		document: str,
		variables: Mapping[str, Any] | None = None,
		*,
		withheld: Collection[str] = (),
	) -> dict[str, Any]:
		self.asked.append((document.split("(", 1)[0].removeprefix("query "), dict(variables or {})))
		root = {
			"order": lambda info, id: self.orders.get(id),
			"product": lambda info, id: self.products.get(id),
			"refund": lambda info, id: self.nodes.get(id),
			"return": lambda info, id: self.nodes.get(id),
			"node": lambda info, id: self.nodes.get(id),
			"fulfillment": lambda info, id: self.nodes.get(id),
			"fulfillmentOrder": lambda info, id: self.nodes.get(id),
			"nodes": lambda info, ids: [self.nodes.get(each) for each in ids],
			"orders": lambda info, **asked: connection(self._changed(asked), self.page)(info, **asked),
			"shop": {"currencyCode": "USD", "ianaTimezone": "Etc/GMT+5"},
		}
		result = graphql_sync(self.schema, document, root, variable_values=dict(variables or {}))
		assert not result.errors, result.errors
		answer = strict_json.loads(json.dumps(result.data).encode())
		return answer

	def _changed(self, asked: Mapping[str, Any]) -> list[Node]:
		found = sorted(self.orders.values(), key=lambda node: node["updatedAt"])
		since = (asked.get("query") or "").removeprefix("updated_at:>='").removesuffix("'")
		return [node for node in found if node["updatedAt"] >= since]

	def add(self, payload: Mapping[str, Any], **more: Any) -> Node:
		"""The order of a webhook, with its refunds and fulfilments."""
		node = {**order_node(payload, self), **more}
		self.orders[node["id"]] = node
		return node


def connection(nodes: Sequence[Node], page: int) -> Callable[..., Node]:
	"""A field that gives at most `page` of the nodes at a time."""

	def resolve(info: Any, first: int | None = None, after: str | None = None, **_others: Any) -> Node:
		start = int(after or 0)
		end = min(start + min(page, first or page), len(nodes))
		return {
			"nodes": list(nodes[start:end]),
			"pageInfo": {"hasNextPage": end < len(nodes), "endCursor": str(end)},
		}

	return resolve


def bag(money: Mapping[str, Any] | None) -> Node | None:
	if money is None:
		return None
	return {
		name: {"amount": _trimmed(money[key]["amount"]), "currencyCode": money[key]["currency_code"]}
		for key, name in SET
		if key in money
	}


def _trimmed(amount: str) -> str:
	"""GraphQL writes 10.0 where a webhook writes 10.00."""
	if "." not in amount:
		return amount
	digits = amount.rstrip("0")
	return digits + "0" if digits.endswith(".") else digits


def nothing(currency: str) -> Node:
	zero = {"amount": "0.0", "currencyCode": currency}
	return {"shopMoney": zero, "presentmentMoney": zero}


def order_node(payload: Mapping[str, Any], shop: Shop) -> Node:
	for refund in payload["refunds"]:
		shop.nodes[gid("Refund", str(refund["id"]))] = refund_node(refund, payload, shop.page)
	for sent in payload["fulfillments"]:
		shop.nodes[gid("Fulfillment", str(sent["id"]))] = fulfilment_node(sent, shop.page)
	return {**_about(payload), **_amounts(payload), **_people(payload), **_parts(payload, shop)}


def utc(time: str | None) -> str | None:
	"""GraphQL says in UTC what a webhook says in the shop's time."""
	if time is None:
		return None
	return datetime.fromisoformat(time).astimezone(timezone.utc).isoformat().replace("+00:00", "Z")


def _about(payload: Mapping[str, Any]) -> Node:
	place = payload["location_id"]
	return {
		"id": payload["admin_graphql_api_id"],
		"name": payload["name"] or "1001",
		"number": payload["order_number"],
		"app": {"id": gid("OrderApp", str(payload["app_id"]))},
		"confirmed": payload["confirmed"],
		"confirmationNumber": payload["confirmation_number"],
		"customerLocale": payload["customer_locale"],
		"customerAcceptsMarketing": False,
		"totalWeight": str(payload.get("total_weight", 0)),
		"createdAt": utc(payload["created_at"]),
		"processedAt": utc(payload["processed_at"]),
		"updatedAt": utc(payload["updated_at"]),
		"cancelledAt": utc(payload["cancelled_at"]),
		"cancelReason": (payload["cancel_reason"] or "").upper() or None,
		"currencyCode": payload["currency"],
		"presentmentCurrencyCode": payload["presentment_currency"],
		"taxesIncluded": payload["taxes_included"],
		"dutiesIncluded": payload["duties_included"],
		"taxExempt": payload["tax_exempt"],
		"estimatedTaxes": False,
		"test": payload["test"],
		"displayFinancialStatus": payload["financial_status"].upper(),
		"displayFulfillmentStatus": FULFILLED[payload["fulfillment_status"]],
		"sourceName": payload["source_name"],
		"email": payload["email"],
		"note": payload["note"],
		"tags": payload["tags"].split(", "),
		"paymentGatewayNames": payload["payment_gateway_names"],
		"customAttributes": attributes(payload["note_attributes"]),
		"retailLocation": place and {"id": gid("Location", str(place))},
	}


def _amounts(payload: Mapping[str, Any]) -> Node:
	none = nothing(payload["currency"])
	tip = {"amount": _trimmed(payload["total_tip_received"]), "currencyCode": payload["currency"]}
	return {
		"totalPriceSet": bag(payload["total_price_set"]),
		"currentTotalPriceSet": bag(payload["current_total_price_set"]),
		"currentTotalTaxSet": bag(payload["current_total_tax_set"]),
		"currentSubtotalPriceSet": bag(payload.get("current_subtotal_price_set")) or none,
		"currentTotalDutiesSet": bag(payload["current_total_duties_set"]),
		"originalTotalDutiesSet": bag(payload["original_total_duties_set"]),
		"originalTotalAdditionalFeesSet": bag(payload["original_total_additional_fees_set"]),
		"currentTotalAdditionalFeesSet": bag(payload["current_total_additional_fees_set"]),
		"totalTipReceivedSet": {name: tip for _key, name in SET},
		"currentTotalDiscountsSet": none,
		"currentShippingPriceSet": none,
		"totalShippingPriceSet": none,
		"totalOutstandingSet": none,
		"totalCashRoundingAdjustment": {
			"paymentSet": bag(payload["total_cash_rounding_payment_adjustment_set"]),
			"refundSet": bag(payload["total_cash_rounding_refund_adjustment_set"]),
		},
	}


def _people(payload: Mapping[str, Any]) -> Node:
	return {
		"customer": customer_node(payload["customer"]),
		"billingAddress": address_node(payload["billing_address"]),
		"shippingAddress": address_node(payload["shipping_address"]),
	}


def _parts(payload: Mapping[str, Any], shop: Shop) -> Node:
	ships = [shipping_node(line, payload) for line in payload["shipping_lines"]]
	paid = [transaction_node(row) for row in payload.get("transactions", ())]
	return {
		"discountApplications": connection(application_nodes(payload), 10),
		"taxLines": tax_nodes(payload["tax_lines"]),
		"additionalFees": [
			{
				"id": gid("AdditionalFee", str(fee["id"])),
				"name": fee["name"],
				"price": bag(fee["price_set"]),
				"taxLines": tax_nodes(fee["tax_lines"]),
			}
			for fee in payload.get("additional_fees", ())
		],
		"shippingLines": lambda info, includeRemovals=False, **asked: connection(
			[line for line in ships if includeRemovals or not line["isRemoved"]], 10
		)(info, **asked),
		"transactions": lambda info, first: paid[:first],
		"refunds": lambda info, first: [{"id": gid("Refund", str(row["id"]))} for row in payload["refunds"]],
		"fulfillments": lambda info, first: [
			{"id": gid("Fulfillment", str(row["id"]))} for row in payload["fulfillments"]
		],
		"lineItems": connection([line_node(line) for line in payload["line_items"]], shop.page),
		"returnStatus": "NO_RETURN",
		"returns": connection([], shop.page),
		"fulfillmentOrders": connection([], shop.page),
	}


def line_node(line: Mapping[str, Any]) -> Node:
	product, variant = line["product_id"], line["variant_id"]
	return {
		"id": line["admin_graphql_api_id"],
		"name": line["name"],
		"title": line["title"],
		"sku": line["sku"],
		"vendor": line["vendor"],
		"quantity": line["quantity"],
		"currentQuantity": line["current_quantity"],
		"requiresShipping": line["requires_shipping"],
		"taxable": True,
		"isGiftCard": line["gift_card"],
		"variantTitle": line["variant_title"],
		"product": product and {"id": gid("Product", str(product))},
		"variant": variant and {"id": gid("ProductVariant", str(variant))},
		"customAttributes": attributes(line["properties"]),
		"originalUnitPriceSet": bag(line["price_set"]),
		"discountAllocations": allocation_nodes(line),
		"taxLines": lambda info, **asked: tax_nodes(line["tax_lines"]),
		"duties": [
			{
				"id": duty["admin_graphql_api_id"],
				"harmonizedSystemCode": duty["harmonized_system_code"],
				"countryCodeOfOrigin": duty["country_code_of_origin"],
				"price": bag(duty),
				"taxLines": tax_nodes(duty["tax_lines"]),
			}
			for duty in line["duties"]
		],
	}


def shipping_node(line: Mapping[str, Any], payload: Mapping[str, Any]) -> Node:
	left = float(line["discounted_price"])
	for refund in payload["refunds"]:
		for row in refund["refund_shipping_lines"]:
			if row["shipping_line"]["id"] == line["id"]:
				left -= float(row["subtotal_amount_set"]["shop_money"]["amount"])
	current = {"amount": str(round(left, 2)), "currencyCode": payload["currency"]}
	if "current_discounted_price_set" in line:
		current = bag(line["current_discounted_price_set"])["shopMoney"]  # type: ignore[index]
	return {
		"id": gid("ShippingLine", str(line["id"])),
		"isRemoved": line["is_removed"],
		"carrierIdentifier": line["carrier_identifier"],
		"phone": line["phone"],
		"title": line["title"],
		"code": line["code"],
		"source": line["source"],
		"originalPriceSet": bag(line["price_set"]),
		"discountedPriceSet": bag(line["discounted_price_set"]),
		"currentDiscountedPriceSet": {name: current for _key, name in SET},
		"discountAllocations": allocation_nodes(line),
		"taxLines": tax_nodes(line["tax_lines"]),
	}


def allocation_nodes(line: Mapping[str, Any]) -> list[Node]:
	return [
		{
			"allocatedAmountSet": bag(row["amount_set"]),
			"discountApplication": {
				"__typename": "AutomaticDiscountApplication",
				"index": row["discount_application_index"],
			},
		}
		for row in line["discount_allocations"]
	]


def application_nodes(payload: Mapping[str, Any]) -> list[Node]:
	return [
		{
			"__typename": APPLICATIONS[row["type"]],
			"index": index,
			"allocationMethod": row["allocation_method"].upper(),
			"targetSelection": row["target_selection"].upper(),
			"targetType": row["target_type"].upper(),
			"value": {"__typename": "PricingPercentageValue", "percentage": float(row["value"])}
			if row["value_type"] == "percentage"
			else {"__typename": "MoneyV2", "amount": row["value"], "currencyCode": payload["currency"]},
			**{name: row.get(name) for name in ("code", "title", "description")},
		}
		for index, row in enumerate(payload["discount_applications"])
	]


def tax_nodes(taxes: Sequence[Mapping[str, Any]]) -> list[Node]:
	return [
		{
			"title": row["title"],
			"rate": row["rate"],
			"channelLiable": row["channel_liable"],
			"priceSet": bag(row["price_set"]),
		}
		for row in taxes
	]


def attributes(rows: Sequence[Mapping[str, Any]]) -> list[Node]:
	return [{"key": row["name"], "value": row["value"]} for row in rows]


def transaction_node(row: Mapping[str, Any]) -> Node:
	fee = {"amount": "0.3", "currencyCode": "USD"}
	return {
		"id": row["admin_graphql_api_id"],
		"kind": row["kind"].upper(),
		"status": row["status"].upper(),
		"gateway": row["gateway"],
		"test": False,
		"paymentId": row.get("payment_id"),
		"receiptJson": row.get("receipt"),
		"createdAt": utc(row["created_at"]),
		"processedAt": utc(row["processed_at"]),
		"parentTransaction": {"id": gid("OrderTransaction", str(row["parent_id"]))}
		if row.get("parent_id")
		else None,
		"amountSet": bag(row["amount_set"]),
		"amountRoundingSet": bag(row.get("amount_rounding_set")),
		"fees": [{"amount": fee, "taxAmount": {"amount": "0.0", "currencyCode": "USD"}}],
	}


def refund_node(refund: Mapping[str, Any], payload: Mapping[str, Any], page: int) -> Node:
	names = {line["id"]: line["admin_graphql_api_id"] for line in payload["line_items"]}
	lines = [
		{
			"id": gid("RefundLineItem", str(row["id"])),
			"quantity": row["quantity"],
			"restockType": row["restock_type"].upper(),
			"lineItem": {"id": names[row["line_item_id"]]},
			"subtotalSet": bag(row["subtotal_set"]),
			"totalTaxSet": bag(row["total_tax_set"]),
		}
		for row in refund["refund_line_items"]
	]
	ships = [
		{
			"id": gid("RefundShippingLine", str(row["id"])),
			"shippingLine": {"id": gid("ShippingLine", str(row["shipping_line"]["id"]))},
			"subtotalAmountSet": bag(row["subtotal_amount_set"]),
			"taxAmountSet": bag(row["tax_amount_set"]),
		}
		for row in refund["refund_shipping_lines"]
	]
	adjustments = [
		{
			"id": gid("OrderAdjustment", str(row["id"])),
			"reason": "REFUND_DISCREPANCY",
			"amountSet": bag(row["amount_set"]),
			"taxAmountSet": bag(row["tax_amount_set"]),
		}
		for row in refund["order_adjustments"]
	]
	return {
		"__typename": "Refund",
		"id": gid("Refund", str(refund["id"])),
		"createdAt": utc(refund["created_at"]),
		"processedAt": utc(refund["created_at"]),
		"updatedAt": utc(refund.get("updated_at") or refund["created_at"]),
		"note": refund["note"],
		"return": refund["return"] and {"id": gid("Return", str(refund["return"]["id"]))},
		"duties": [
			{"amountSet": bag(row["amount_set"]), "originalDuty": {"id": gid("Duty", str(row["duty_id"]))}}
			for row in refund["duties"]
		],
		"transactions": connection([transaction_node(row) for row in refund["transactions"]], page),
		"orderAdjustments": connection(adjustments, 10),
		"refundShippingLines": connection(ships, 10),
		"refundLineItems": connection(lines, page),
	}


def fulfilment_node(sent: Mapping[str, Any], page: int) -> Node:
	lines = [
		{"quantity": line["quantity"], "lineItem": {"id": line["admin_graphql_api_id"]}}
		for line in sent["line_items"]
	]
	return {
		"__typename": "Fulfillment",
		"id": gid("Fulfillment", str(sent["id"])),
		"name": "#1001.1",
		"status": sent["status"].upper(),
		"displayStatus": "FULFILLED",
		"createdAt": utc(sent["created_at"]),
		"updatedAt": utc(sent["updated_at"]),
		"location": {"id": gid("Location", str(sent["location_id"]))},
		"trackingInfo": lambda info, first: [
			{
				"company": sent["tracking_company"],
				"number": sent["tracking_number"],
				"url": sent["tracking_url"],
			}
		],
		"fulfillmentLineItems": connection(lines, page),
	}


def fulfilment_order_node(
	shop: Shop, number: int, location: int | None, lines: Mapping[str, int], status: str = "OPEN"
) -> Node:
	node = {
		"__typename": "FulfillmentOrder",
		"id": gid("FulfillmentOrder", str(number)),
		"status": status,
		"orderId": gid("Order", "450789469"),
		"assignedLocation": {"location": location and {"id": gid("Location", str(location))}},
		"lineItems": connection(
			[
				{"totalQuantity": quantity, "lineItem": {"id": gid("LineItem", line)}}
				for line, quantity in lines.items()
			],
			shop.page,
		),
	}
	shop.nodes[node["id"]] = node
	return node


def customer_node(customer: Mapping[str, Any] | None) -> Node | None:
	if customer is None:
		return None
	return {
		"id": customer["admin_graphql_api_id"],
		"firstName": customer["first_name"],
		"lastName": customer["last_name"],
		"taxExempt": False,
		"taxExemptions": [],
		"state": customer["state"].upper(),
		"verifiedEmail": customer["verified_email"],
		"createdAt": utc(customer["created_at"]),
		"updatedAt": utc(customer["updated_at"]),
		"defaultEmailAddress": {"emailAddress": customer["email"]},
		"defaultAddress": {
			**(address_node(customer["default_address"]) or {}),
			"id": "gid://shopify/MailingAddress/1?model_name=CustomerAddress",
		},
	}


def address_node(address: Mapping[str, Any] | None) -> Node | None:
	if address is None:
		return None
	names = {"first_name": "firstName", "last_name": "lastName", "province_code": "provinceCode"}
	return {"countryCodeV2": address["country_code"]} | {
		names.get(key, key): value for key, value in address.items()
	}
