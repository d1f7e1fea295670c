"""How the simulated Shopify's objects look through GraphQL: one table of fields a type.

A field the tables do not know is refused, never guessed: add it here when the connector asks for it.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

from graphql import GraphQLError, GraphQLResolveInfo, get_named_type

from sandbox.storefronts.shopify import goods, payouts, sales
from sandbox.storefronts.shopify.payloads import gid
from sandbox.storefronts.shopify.webhooks import Subscription

#: The shop, the object, the field's arguments → the value.
Field = Callable[[Any, Any, dict[str, Any]], Any]


@dataclass(frozen=True)
class Bag:
	"""An amount of an order, in the shop's currency."""

	order: sales.Order
	amount: Decimal


@dataclass(frozen=True)
class Money:
	amount: Decimal
	currency: str


@dataclass(frozen=True)
class OrderPart:
	"""A line, shipping line or tax with the order that says its currencies."""

	order: sales.Order
	part: Any


@dataclass(frozen=True)
class LevelAt:
	variant: goods.Variant
	location: goods.Location

	@property
	def level(self) -> goods.Level:
		return self.variant.levels[self.location.id]


@dataclass(frozen=True)
class StockItem:
	variant: goods.Variant


@dataclass(frozen=True)
class Reverse:
	"""The reverse fulfilment order of a return: what is to come back."""

	made: sales.Return


@dataclass(frozen=True)
class ReverseLine:
	row: sales.ReturnedLine


@dataclass(frozen=True)
class Page:
	"""Rows of a connection in their order, with what a cursor says of each."""

	rows: Sequence[Any]
	key: Callable[[Any], Any]


def iso(value: datetime | None) -> str | None:
	return (
		value.astimezone(timezone.utc).replace(microsecond=0).isoformat().replace("+00:00", "Z")
		if value
		else None
	)


def decimal(value: Decimal) -> str:
	"""As the scalar Decimal is written: 1.0, 1.25."""
	text = f"{value.normalize():f}"
	return text if "." in text else f"{text}.0"


def snake(name: str) -> str:
	return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def resolve(source: Any, info: GraphQLResolveInfo, **args: Any) -> Any:
	"""Every field of every type comes by here."""
	fields = FIELDS.get(info.parent_type.name)
	if isinstance(source, Mapping):
		value = source.get(info.field_name)
	elif fields is not None and info.field_name in fields:
		value = fields[info.field_name](info.context, source, args)
	elif fields is not None and hasattr(source, snake(info.field_name)):
		value = getattr(source, snake(info.field_name))
	else:
		raise GraphQLError(
			f"The simulated Shopify does not know {info.parent_type.name}.{info.field_name}",
			extensions={"code": "NOT_SIMULATED"},
		)
	if get_named_type(info.return_type).name.endswith("Connection") and not isinstance(value, Mapping):
		return None if value is None else connection(value, args, info.context.bulk)
	return iso(value) if isinstance(value, datetime) else value


def knows(kind: str, field: str) -> bool:
	"""Whether a field can be asked for: objects without a table of fields are made as answers, field by field."""
	fields = FIELDS.get(kind)
	if fields is None or field in fields:
		return True
	sources = [each for each, name in TYPES.items() if name == kind]
	return any(
		snake(field) in getattr(each, "__dataclass_fields__", ()) or hasattr(each, snake(field))
		for each in sources
	)


def connection(found: Page | Sequence[Any], args: Mapping[str, Any], whole: bool = False) -> dict[str, Any]:
	"""Nodes, edges and where the page ends. A cursor says what the row is sorted by: a row that moves to the end
	while pages are read is met again, as in the real one."""
	page = found if isinstance(found, Page) else Page(list(found), None)
	numbered = list(enumerate(page.rows))
	keyed = [(json.dumps([page.key(row)] if page.key else [index]), row) for index, row in numbered]
	limit = len(page.rows) if whole else _limit(args)
	positions = {key: index for index, (key, _) in enumerate(keyed)}
	start = 0
	if args.get("after"):
		start = _after(_decoded(args["after"]), keyed, positions, bool(args.get("reverse")))
	shown = keyed[start : start + limit]
	edges = [{"cursor": base64.b64encode(key.encode()).decode(), "node": row} for key, row in shown]
	return {
		"nodes": [row for _, row in shown],
		"edges": edges,
		"pageInfo": {
			"hasNextPage": start + limit < len(keyed),
			"hasPreviousPage": start > 0,
			"startCursor": edges[0]["cursor"] if edges else None,
			"endCursor": edges[-1]["cursor"] if edges else None,
		},
	}


def _limit(args: Mapping[str, Any]) -> int:
	limit = args.get("first") or args.get("last")
	if limit is None:
		raise GraphQLError("you must provide one of first or last", extensions={"code": "BAD_REQUEST"})
	return limit


def _decoded(cursor: str) -> str:
	try:
		return base64.b64decode(cursor).decode()
	except ValueError:
		raise GraphQLError("Invalid cursor", extensions={"code": "INVALID_CURSOR"}) from None


def _after(cursor: str, keyed: list[tuple[str, Any]], positions: Mapping[str, int], reverse: bool) -> int:
	if cursor in positions:
		return positions[cursor] + 1
	mark = json.loads(cursor)
	later = (lambda key: json.loads(key) < mark) if reverse else (lambda key: json.loads(key) > mark)
	return next((index for index, (key, _) in enumerate(keyed) if later(key)), len(keyed))


TYPES: dict[type, str] = {
	goods.Product: "Product",
	goods.Variant: "ProductVariant",
	goods.Location: "Location",
	goods.Image: "MediaImage",
	goods.Metafield: "Metafield",
	goods.Publication: "Publication",
	StockItem: "InventoryItem",
	LevelAt: "InventoryLevel",
	sales.Order: "Order",
	sales.Fulfilment: "Fulfillment",
	sales.FulfilmentOrder: "FulfillmentOrder",
	sales.Customer: "Customer",
	sales.Refund: "Refund",
	sales.Transaction: "OrderTransaction",
	Subscription: "WebhookSubscription",
	sales.Parcel: "FulfillmentTrackingInfo",
	sales.Return: "Return",
	sales.ReturnedLine: "ReturnLineItem",
	Reverse: "ReverseFulfillmentOrder",
	payouts.BalanceTransaction: "ShopifyPaymentsBalanceTransaction",
	payouts.Payout: "ShopifyPaymentsPayout",
	Money: "MoneyV2",
}
APPLICATIONS = {
	"discount_code": "DiscountCodeApplication",
	"manual": "ManualDiscountApplication",
	"automatic": "AutomaticDiscountApplication",
	"script": "ScriptDiscountApplication",
}


def type_of(value: Any, info: GraphQLResolveInfo, abstract: Any) -> str | None:
	"""The type of an object where the schema says an interface or a union."""
	if isinstance(value, Mapping):
		return value.get("__typename")
	if isinstance(value, sales.DiscountApplication):
		return APPLICATIONS[value.kind]
	if isinstance(value, OrderPart) and isinstance(value.part, sales.Line):
		return "LineItem"
	return TYPES.get(type(value)) or getattr(value, "graphql_type", None)


def _id(kind: str) -> Field:
	return lambda shop, row, args: gid(kind, row.id)


def _legacy(shop: Any, row: Any, args: Mapping[str, Any]) -> str:
	return str(row.id)


def _bag(amount: Callable[[Any], Decimal]) -> Field:
	return lambda shop, row, args: Bag(row if isinstance(row, sales.Order) else row.order, amount(row))


def _part(amount: Callable[[Any], Decimal]) -> Field:
	"""An amount of an order's line."""
	return lambda shop, row, args: Bag(row.order, amount(row.part))


def _of(name: str) -> Field:
	return lambda shop, row, args: getattr(row.part, name)


def _metafield(shop: Any, row: Any, args: Mapping[str, Any]) -> goods.Metafield | None:
	return row.metafields.get((args.get("namespace") or "custom", args["key"]))


def _metafields(shop: Any, row: Any, args: Mapping[str, Any]) -> list[goods.Metafield]:
	wanted = args.get("namespace")
	return [each for each in row.metafields.values() if wanted in (None, each.namespace)]


def _first(rows: Sequence[Any], args: Mapping[str, Any]) -> list[Any]:
	"""A list that takes `first` and is no connection."""
	return list(rows)[: args.get("first")]


def _address(value: Mapping[str, str | None] | None) -> dict[str, Any] | None:
	if value is None:
		return None
	named = {
		"firstName": value["first_name"],
		"lastName": value["last_name"],
		"provinceCode": value["province_code"],
		"countryCode": value["country_code"],
		"countryCodeV2": value["country_code"],
		"name": " ".join(part for part in (value["first_name"], value["last_name"]) if part) or None,
		"id": "gid://shopify/MailingAddress/1",
		"latitude": None,
		"longitude": None,
	}
	return {**value, **named, "__typename": "MailingAddress"}


_ZERO = Decimal(0)

_HAS_METAFIELDS: dict[str, Field] = {"metafield": _metafield, "metafields": _metafields}


def _discount_application() -> dict[str, Field]:
	return {
		"index": lambda shop, row, args: row.index,
		"allocationMethod": lambda shop, row, args: row.allocation.upper(),
		"targetSelection": lambda shop, row, args: "ALL",
		"targetType": lambda shop, row, args: row.target.upper(),
		"value": lambda shop, row, args: (
			{"__typename": "PricingPercentageValue", "percentage": float(row.value)}
			if row.value_type == "percentage"
			else {"__typename": "MoneyV2", "amount": decimal(row.value), "currencyCode": shop.currency}
		),
		"code": lambda shop, row, args: row.title,
		"title": lambda shop, row, args: row.title,
		"description": lambda shop, row, args: row.title,
	}


_ORDER_LINE: dict[str, Field] = {
	"id": lambda shop, row, args: gid("LineItem", row.part.id),
	"title": _of("title"),
	"name": lambda shop, row, args: row.part.title,
	"sku": _of("sku"),
	"quantity": _of("quantity"),
	"currentQuantity": _of("current_quantity"),
	"fulfillableQuantity": lambda shop, row, args: row.part.current_quantity - row.part.fulfilled,
	"unfulfilledQuantity": lambda shop, row, args: row.part.current_quantity - row.part.fulfilled,
	"nonFulfillableQuantity": lambda shop, row, args: row.part.fulfilled + row.part.removed,
	"refundableQuantity": _of("current_quantity"),
	"fulfillmentStatus": lambda shop, row, args: "fulfilled" if row.part.fulfilled else "unfulfilled",
	"isGiftCard": _of("gift_card"),
	"requiresShipping": _of("requires_shipping"),
	"taxable": _of("taxable"),
	"vendor": lambda shop, row, args: row.part.variant.product.vendor if row.part.variant else None,
	"variant": _of("variant"),
	"variantTitle": lambda shop, row, args: (
		row.part.variant.title if row.part.variant and row.part.variant.options else None
	),
	"product": lambda shop, row, args: row.part.variant.product if row.part.variant else None,
	"customAttributes": lambda shop, row, args: [
		{"key": each["name"], "value": each["value"]} for each in row.part.properties
	],
	"discountAllocations": lambda shop, row, args: [
		OrderPart(row.order, each) for each in row.part.allocations
	],
	"taxLines": lambda shop, row, args: _first([OrderPart(row.order, tax) for tax in row.part.taxes], args),
	"duties": lambda shop, row, args: [],
	"lineItemGroup": lambda shop, row, args: None,
	"originalUnitPriceSet": _part(lambda line: line.price),
	"originalTotalSet": _part(lambda line: line.price * line.quantity),
	"discountedTotalSet": _part(lambda line: line.total),
	"discountedUnitPriceSet": _part(lambda line: sales.cents(line.total / max(line.quantity, 1))),
	"discountedUnitPriceAfterAllDiscountsSet": _part(
		lambda line: sales.cents(line.total / max(line.quantity, 1))
	),
	"totalDiscountSet": _part(lambda line: line.discount),
}

_SHIPPING_LINE: dict[str, Field] = {
	"id": lambda shop, row, args: gid("ShippingLine", row.part.id),
	"title": _of("title"),
	"code": _of("code"),
	"source": lambda shop, row, args: "shopify",
	"custom": lambda shop, row, args: False,
	"isRemoved": _of("removed"),
	"carrierIdentifier": lambda shop, row, args: None,
	"phone": lambda shop, row, args: None,
	"deliveryCategory": lambda shop, row, args: None,
	"discountAllocations": lambda shop, row, args: [
		OrderPart(row.order, each) for each in row.part.allocations
	],
	"taxLines": lambda shop, row, args: [OrderPart(row.order, tax) for tax in row.part.taxes],
	"originalPriceSet": _part(lambda line: line.price),
	"discountedPriceSet": _part(lambda line: line.discounted),
	"currentDiscountedPriceSet": _part(lambda line: _ZERO if line.removed else line.discounted),
}


def _return_status(order: sales.Order) -> str:
	"""Of those that were not declined or taken back."""
	statuses = {each.status for each in order.returns}
	if "REQUESTED" in statuses:
		return "RETURN_REQUESTED"
	return "IN_PROGRESS" if "OPEN" in statuses else "RETURNED" if "CLOSED" in statuses else "NO_RETURN"


_ORDER: dict[str, Field] = {
	"id": _id("Order"),
	"legacyResourceId": _legacy,
	"processedAt": lambda shop, row, args: row.created_at,
	"currencyCode": lambda shop, row, args: row.currency,
	"presentmentCurrencyCode": lambda shop, row, args: row.presentment_currency,
	"dutiesIncluded": lambda shop, row, args: False,
	"confirmed": lambda shop, row, args: True,
	"confirmationNumber": lambda shop, row, args: f"C{row.number}",
	"closed": lambda shop, row, args: row.closed_at is not None,
	"cancelReason": lambda shop, row, args: row.cancel_reason.upper() if row.cancel_reason else None,
	"canMarkAsPaid": lambda shop, row, args: row.outstanding > 0 and not row.cancelled_at,
	"fullyPaid": lambda shop, row, args: row.outstanding <= 0,
	"unpaid": lambda shop, row, args: not row.received,
	"displayFinancialStatus": lambda shop, row, args: row.financial_status,
	"displayFulfillmentStatus": lambda shop, row, args: row.fulfilment_status,
	"returnStatus": lambda shop, row, args: _return_status(row),
	"paymentGatewayNames": lambda shop, row, args: row.gateways,
	"customAttributes": lambda shop, row, args: [
		{"key": each["name"], "value": each["value"]} for each in row.attributes
	],
	"billingAddress": lambda shop, row, args: _address(row.billing_address),
	"shippingAddress": lambda shop, row, args: _address(row.shipping_address),
	"displayAddress": lambda shop, row, args: _address(row.shipping_address or row.billing_address),
	"billingAddressMatchesShippingAddress": lambda shop, row, args: (
		row.billing_address == row.shipping_address
	),
	"customerLocale": lambda shop, row, args: "en",
	"customerAcceptsMarketing": lambda shop, row, args: False,
	"clientIp": lambda shop, row, args: None,
	"poNumber": lambda shop, row, args: None,
	"sourceIdentifier": lambda shop, row, args: None,
	"statusPageUrl": lambda shop, row, args: f"https://{shop.domain}/orders/{row.id}",
	"retailLocation": lambda shop, row, args: row.location,
	"physicalLocation": lambda shop, row, args: row.location,
	"app": lambda shop, row, args: {"id": "gid://shopify/App/580111", "name": "Online Store"},
	"registeredSourceUrl": lambda shop, row, args: None,
	"merchantOfRecordApp": lambda shop, row, args: None,
	"paymentTerms": lambda shop, row, args: None,
	"taxExempt": lambda shop, row, args: False,
	"estimatedTaxes": lambda shop, row, args: False,
	"totalWeight": lambda shop, row, args: "0",
	"currentTotalWeight": lambda shop, row, args: "0",
	"subtotalLineItemsQuantity": lambda shop, row, args: sum(line.quantity for line in row.goods),
	"currentSubtotalLineItemsQuantity": lambda shop, row, args: sum(
		line.current_quantity for line in row.goods
	),
	"discountCode": lambda shop, row, args: next(
		(each.title for each in row.applications if each.kind == "discount_code"), None
	),
	"discountCodes": lambda shop, row, args: [
		each.title for each in row.applications if each.kind == "discount_code"
	],
	"discountApplications": lambda shop, row, args: row.applications,
	"additionalFees": lambda shop, row, args: [],
	"lineItems": lambda shop, row, args: [OrderPart(row, line) for line in row.lines],
	"nonFulfillableLineItems": lambda shop, row, args: [],
	"shippingLine": lambda shop, row, args: OrderPart(row, row.standing[0]) if row.standing else None,
	"shippingLines": lambda shop, row, args: [
		OrderPart(row, line) for line in row.shipping if args.get("includeRemovals") or not line.removed
	],
	"taxLines": lambda shop, row, args: [OrderPart(row, tax) for tax in row.summed_taxes()],
	"currentTaxLines": lambda shop, row, args: [OrderPart(row, tax) for tax in row.taxes()],
	"fulfillmentOrders": lambda shop, row, args: row.fulfilment_orders,
	"fulfillments": lambda shop, row, args: _first(row.fulfilments, args),
	"fulfillmentsCount": lambda shop, row, args: {"count": len(row.fulfilments), "precision": "EXACT"},
	"fulfillable": lambda shop, row, args: any(each.remaining for each in row.fulfilment_orders),
	"requiresShipping": lambda shop, row, args: any(line.requires_shipping for line in row.lines),
	"refunds": lambda shop, row, args: _first(row.refunds, args),
	"refundable": lambda shop, row, args: row.received > row.refunded,
	"returns": lambda shop, row, args: row.returns,
	"transactions": lambda shop, row, args: _first(row.transactions, args),
	"subtotalPriceSet": _bag(lambda order: order.subtotal),
	"totalPriceSet": _bag(lambda order: order.total),
	"originalTotalPriceSet": _bag(lambda order: order.total),
	"totalTaxSet": _bag(lambda order: order.total_tax),
	"totalDiscountsSet": _bag(lambda order: order.total_discounts),
	"totalShippingPriceSet": _bag(lambda order: order.shipping_total),
	"totalTipReceivedSet": _bag(lambda order: order.tip),
	"totalOutstandingSet": _bag(lambda order: order.outstanding),
	"totalReceivedSet": _bag(lambda order: order.received),
	"totalRefundedSet": _bag(lambda order: order.refunded),
	"totalRefundedShippingSet": _bag(
		lambda order: sum((row.amount for row in order.refunded_shipping()), _ZERO)
	),
	"netPaymentSet": _bag(lambda order: order.received - order.refunded),
	"refundDiscrepancySet": _bag(lambda order: order.adjusted(True) + order.adjusted(False)),
	"currentSubtotalPriceSet": _bag(lambda order: order.current_subtotal),
	"currentTotalPriceSet": _bag(lambda order: order.current_total),
	"currentTotalTaxSet": _bag(lambda order: order.current_tax),
	"currentTotalDiscountsSet": _bag(lambda order: order.current_discounts),
	"currentShippingPriceSet": _bag(lambda order: order.current_shipping),
	"currentCartDiscountAmountSet": _bag(lambda order: _ZERO),
	"currentTotalDutiesSet": lambda shop, row, args: None,
	"currentTotalAdditionalFeesSet": lambda shop, row, args: None,
	"originalTotalDutiesSet": lambda shop, row, args: None,
	"originalTotalAdditionalFeesSet": lambda shop, row, args: None,
	"totalCashRoundingAdjustment": lambda shop, row, args: {
		"paymentSet": Bag(row, row.rounding),
		"refundSet": Bag(row, _ZERO),
	},
	**_HAS_METAFIELDS,
}

_FULFILMENT: dict[str, Field] = {
	"id": _id("Fulfillment"),
	"legacyResourceId": _legacy,
	"displayStatus": lambda shop, row, args: "FULFILLED" if row.status == "SUCCESS" else "CANCELED",
	"trackingInfo": lambda shop, row, args: _first(row.parcels, args),
	"fulfillmentLineItems": lambda shop, row, args: [
		{
			"id": gid("FulfillmentLineItem", line.id + row.id),
			"lineItem": OrderPart(row.order, line),
			"quantity": quantity,
		}
		for line, quantity in row.quantities().items()
	],
	"fulfillmentOrders": lambda shop, row, args: list(dict.fromkeys(part[0] for part in row.parts)),
	"totalQuantity": lambda shop, row, args: sum(row.quantities().values()),
	"service": lambda shop, row, args: None,
	"requiresShipping": lambda shop, row, args: True,
	"deliveredAt": lambda shop, row, args: None,
	"inTransitAt": lambda shop, row, args: None,
	"estimatedDeliveryAt": lambda shop, row, args: None,
	"events": lambda shop, row, args: [],
}

_ACTIONS = {
	"OPEN": ("CREATE_FULFILLMENT", "REPORT_PROGRESS", "MOVE", "HOLD"),
	"IN_PROGRESS": ("CREATE_FULFILLMENT", "REPORT_PROGRESS"),
	"ON_HOLD": ("RELEASE_HOLD",),
}

_FULFILMENT_ORDER: dict[str, Field] = {
	"id": _id("FulfillmentOrder"),
	"requestStatus": lambda shop, row, args: "UNSUBMITTED",
	"supportedActions": lambda shop, row, args: [
		{"action": action, "externalUrl": None} for action in _ACTIONS.get(row.status, ())
	],
	"assignedLocation": lambda shop, row, args: {
		"name": row.location.name,
		"location": row.location,
		"countryCode": "DE",
	},
	"destination": lambda shop, row, args: _address(row.order.shipping_address),
	"orderId": lambda shop, row, args: gid("Order", row.order.id),
	"orderName": lambda shop, row, args: row.order.name,
	"orderProcessedAt": lambda shop, row, args: row.order.created_at,
	"fulfillAt": lambda shop, row, args: row.created_at,
	"fulfillBy": lambda shop, row, args: None,
	"deliveryMethod": lambda shop, row, args: None,
	"fulfillmentHolds": lambda shop, row, args: [],
	"merchantRequests": lambda shop, row, args: [],
	"lineItems": lambda shop, row, args: [OrderPart(row.order, part) for part in row.lines],
	"fulfillments": lambda shop, row, args: [
		sent for sent in row.order.fulfilments if any(part[0] is row for part in sent.parts)
	],
	"locationsForMove": lambda shop, row, args: [
		{"location": location, "movable": location is not row.location, "message": None}
		for location in shop.locations.values()
	],
}

_PRODUCT: dict[str, Field] = {
	"id": _id("Product"),
	"legacyResourceId": _legacy,
	"bodyHtml": lambda shop, row, args: row.description_html,
	"description": lambda shop, row, args: re.sub(r"<[^>]+>", "", row.description_html),
	"isGiftCard": lambda shop, row, args: row.gift_card,
	"hasOnlyDefaultVariant": lambda shop, row, args: not row.option_names,
	"totalInventory": lambda shop, row, args: sum(each.total for each in row.variants),
	"tracksInventory": lambda shop, row, args: any(each.tracked for each in row.variants),
	"variantsCount": lambda shop, row, args: {"count": len(row.variants), "precision": "EXACT"},
	"mediaCount": lambda shop, row, args: {"count": len(row.images), "precision": "EXACT"},
	"media": lambda shop, row, args: row.images,
	"featuredMedia": lambda shop, row, args: row.images[0] if row.images else None,
	"options": lambda shop, row, args: _first(_options(shop, row), args),
	"onlineStoreUrl": lambda shop, row, args: f"https://{shop.domain}/products/{row.handle}",
	"publishedOnPublication": lambda shop, row, args: _number(args["publicationId"]) in row.publications,
	"publishedOnCurrentPublication": lambda shop, row, args: bool(row.publications),
	"resourcePublicationsV2": lambda shop, row, args: _published(shop, row, args),
	"resourcePublications": lambda shop, row, args: _published(shop, row, args),
	"category": lambda shop, row, args: None,
	"priceRangeV2": lambda shop, row, args: {
		"minVariantPrice": Money(min((each.price for each in row.variants), default=_ZERO), shop.currency),
		"maxVariantPrice": Money(max((each.price for each in row.variants), default=_ZERO), shop.currency),
	},
	"seo": lambda shop, row, args: {"title": None, "description": None},
	"templateSuffix": lambda shop, row, args: None,
	"hasVariantsThatRequiresComponents": lambda shop, row, args: False,
	**_HAS_METAFIELDS,
}


def _number(value: str) -> int:
	return int(value.rsplit("/", 1)[-1].split("?")[0])


def _published(shop: Any, row: goods.Product, args: Mapping[str, Any]) -> list[dict[str, Any]]:
	return [
		{
			"isPublished": each.id in row.publications,
			"publication": each,
			"publishDate": row.published_at,
			"publishable": row,
		}
		for each in shop.publications.values()
		if each.id in row.publications or args.get("onlyPublished") is False
	]


def _app_catalog(row: goods.Publication) -> dict[str, Any]:
	app = {"id": gid("App", row.id), "handle": row.app, "title": row.name}
	return {
		"__typename": "AppCatalog",
		"id": gid("AppCatalog", row.id),
		"title": f"Channel Catalog {row.id}",
		"apps": [app],
	}


def _options(shop: Any, row: goods.Product) -> list[dict[str, Any]]:
	made = []
	for position, name in enumerate(row.option_names or ["Title"], 1):
		values = list(dict.fromkeys(each.options.get(name, "Default Title") for each in row.variants))
		number = row.option_ids.setdefault(name, shop.new_id("option"))
		made.append(
			{
				"id": gid("ProductOption", number),
				"name": name,
				"position": position,
				"values": values,
				"optionValues": [
					{"id": gid("ProductOptionValue", number + index), "name": value, "hasVariants": True}
					for index, value in enumerate(values, 1)
				],
			}
		)
	return made


_VARIANT: dict[str, Field] = {
	"id": _id("ProductVariant"),
	"legacyResourceId": _legacy,
	"displayName": lambda shop, row, args: f"{row.product.title} - {row.title}",
	"compareAtPrice": lambda shop, row, args: row.compare_at,
	"inventoryItem": lambda shop, row, args: StockItem(row),
	"inventoryPolicy": lambda shop, row, args: row.policy,
	"inventoryQuantity": lambda shop, row, args: row.total,
	"availableForSale": lambda shop, row, args: row.total > 0 or row.policy == "CONTINUE" or not row.tracked,
	"selectedOptions": lambda shop, row, args: [
		{"name": name, "value": value} for name, value in (row.options or {"Title": "Default Title"}).items()
	],
	"media": lambda shop, row, args: [row.image] if row.image else [],
	"image": lambda shop, row, args: _image(row.image),
	"requiresComponents": lambda shop, row, args: False,
	"taxCode": lambda shop, row, args: None,
	"unitPriceMeasurement": lambda shop, row, args: None,
	**_HAS_METAFIELDS,
}


def _image(image: goods.Image | None) -> dict[str, Any] | None:
	if image is None:
		return None
	return {"id": gid("ImageSource", image.id), "url": image.url, "altText": image.alt or None}


_STOCK_ITEM: dict[str, Field] = {
	"id": lambda shop, row, args: gid("InventoryItem", row.variant.inventory_item_id),
	"legacyResourceId": lambda shop, row, args: str(row.variant.inventory_item_id),
	"sku": lambda shop, row, args: row.variant.sku,
	"tracked": lambda shop, row, args: row.variant.tracked,
	"duplicateSkuCount": lambda shop, row, args: shop.same_sku(row.variant.sku),
	"requiresShipping": lambda shop, row, args: row.variant.requires_shipping,
	"createdAt": lambda shop, row, args: row.variant.created_at,
	"updatedAt": lambda shop, row, args: row.variant.updated_at,
	"variant": lambda shop, row, args: row.variant,
	"variants": lambda shop, row, args: [row.variant],
	"unitCost": lambda shop, row, args: (
		Money(row.variant.cost, shop.currency) if row.variant.cost is not None else None
	),
	"measurement": lambda shop, row, args: {
		"id": gid("InventoryItemMeasurement", row.variant.inventory_item_id),
		"weight": {"unit": row.variant.weight_unit, "value": float(row.variant.weight)},
	},
	"harmonizedSystemCode": lambda shop, row, args: None,
	"countryCodeOfOrigin": lambda shop, row, args: None,
	"locationsCount": lambda shop, row, args: {"count": len(row.variant.levels), "precision": "EXACT"},
	"inventoryLevel": lambda shop, row, args: level_at(
		shop, row.variant, _number(args["locationId"]), args.get("includeInactive", False)
	),
	"inventoryLevels": lambda shop, row, args: [
		LevelAt(row.variant, shop.locations[number])
		for number, level in row.variant.levels.items()
		if level.active or args.get("includeInactive")
	],
}


def level_at(shop: Any, variant: goods.Variant, location_id: int, inactive: bool = False) -> LevelAt | None:
	level = variant.levels.get(location_id)
	if level is None or not (level.active or inactive):
		return None
	return LevelAt(variant, shop.locations[location_id])


_LEVEL: dict[str, Field] = {
	"id": lambda shop, row, args: (
		gid("InventoryLevel", row.location.id) + f"?inventory_item_id={row.variant.inventory_item_id}"
	),
	"item": lambda shop, row, args: StockItem(row.variant),
	"isActive": lambda shop, row, args: row.level.active,
	"canDeactivate": lambda shop, row, args: not row.level.committed,
	"createdAt": lambda shop, row, args: row.variant.created_at,
	"updatedAt": lambda shop, row, args: row.level.updated_at or row.variant.updated_at,
	"quantities": lambda shop, row, args: [
		{
			"id": gid("InventoryQuantity", row.location.id) + f"?name={name}",
			"name": name,
			"quantity": {
				"available": row.level.available,
				"committed": row.level.committed,
				"on_hand": row.level.on_hand,
			}.get(name, 0),
			"updatedAt": iso(row.level.updated_at) if name == "available" else None,
		}
		for name in args["names"]
	],
}

_LOCATION: dict[str, Field] = {
	"id": _id("Location"),
	"legacyResourceId": _legacy,
	"isActive": lambda shop, row, args: row.active,
	"isPrimary": lambda shop, row, args: row is shop.location,
	"fulfillsOnlineOrders": lambda shop, row, args: row.fulfils_online,
	"shipsInventory": lambda shop, row, args: row.fulfils_online,
	"isFulfillmentService": lambda shop, row, args: False,
	"hasActiveInventory": lambda shop, row, args: True,
	"address": lambda shop, row, args: {"countryCode": "DE", "formatted": []},
	"inventoryLevels": lambda shop, row, args: [
		LevelAt(variant, row)
		for variant in shop.variants.values()
		if row.id in variant.levels and variant.levels[row.id].active
	],
	"inventoryLevel": lambda shop, row, args: next(
		(
			level_at(shop, variant, row.id)
			for variant in shop.variants.values()
			if variant.inventory_item_id == _number(args["inventoryItemId"])
		),
		None,
	),
	**{"metafield": lambda shop, row, args: None, "metafields": lambda shop, row, args: []},
}

_CUSTOMER: dict[str, Field] = {
	"id": _id("Customer"),
	"legacyResourceId": _legacy,
	"displayName": lambda shop, row, args: " ".join(filter(None, (row.first_name, row.last_name))),
	"defaultEmailAddress": lambda shop, row, args: {"emailAddress": row.email} if row.email else None,
	"defaultPhoneNumber": lambda shop, row, args: {"phoneNumber": row.phone} if row.phone else None,
	"defaultAddress": lambda shop, row, args: _address(row.address),
	"addresses": lambda shop, row, args: _first([_address(row.address)] if row.address else [], args),
	"addressesV2": lambda shop, row, args: [_address(row.address)] if row.address else [],
	"orders": lambda shop, row, args: [each for each in shop.orders.values() if each.customer is row],
	"locale": lambda shop, row, args: "en",
	"state": lambda shop, row, args: "DISABLED",
	"taxExempt": lambda shop, row, args: False,
	"taxExemptions": lambda shop, row, args: [],
	"multipassIdentifier": lambda shop, row, args: None,
	"verifiedEmail": lambda shop, row, args: True,
	"metafield": lambda shop, row, args: None,
	"metafields": lambda shop, row, args: [],
}

_REFUND: dict[str, Field] = {
	"id": _id("Refund"),
	"legacyResourceId": _legacy,
	"processedAt": lambda shop, row, args: row.created_at,
	"updatedAt": lambda shop, row, args: row.created_at,
	"refundLineItems": lambda shop, row, args: [OrderPart(row.order, each) for each in row.lines],
	"refundShippingLines": lambda shop, row, args: [
		{
			"id": gid("RefundShippingLine", each.id),
			"shippingLine": OrderPart(row.order, each.line),
			"subtotalAmountSet": Bag(row.order, each.amount),
			"taxAmountSet": Bag(row.order, each.tax),
		}
		for each in row.shipping
	],
	"orderAdjustments": lambda shop, row, args: [
		{
			"id": gid("OrderAdjustment", each.id),
			"reason": each.reason,
			"amountSet": Bag(row.order, each.amount),
			"taxAmountSet": Bag(row.order, _ZERO),
		}
		for each in row.adjustments
	],
	"duties": lambda shop, row, args: [],
	"return": lambda shop, row, args: row.of_return,
	"totalRefundedSet": _bag(lambda refund: sum((each.amount for each in refund.transactions), _ZERO)),
}

_TRANSACTION: dict[str, Field] = {
	"id": _id("OrderTransaction"),
	"amountSet": _bag(lambda transaction: transaction.amount),
	"formattedGateway": lambda shop, row, args: row.gateway,
	"processedAt": lambda shop, row, args: row.created_at,
	"parentTransaction": lambda shop, row, args: row.parent,
	"test": lambda shop, row, args: row.order.test,
	"fees": lambda shop, row, args: [
		{
			"id": gid("TransactionFee", row.id + index),
			"amount": Money(amount, row.order.currency),
			"taxAmount": Money(tax, row.order.currency),
		}
		for index, (amount, tax) in enumerate(row.fees)
	],
	"errorCode": lambda shop, row, args: None,
	"receiptJson": lambda shop, row, args: row.receipt and json.dumps(row.receipt),
	"manualPaymentGateway": lambda shop, row, args: row.gateway == "manual",
	"totalUnsettledSet": _bag(lambda transaction: _ZERO),
	"amountRoundingSet": lambda shop, row, args: Bag(row.order, row.rounding) if row.rounding else None,
	"location": lambda shop, row, args: row.order.location,
}


def _sent_line(row: sales.ReturnedLine) -> dict[str, Any]:
	return {
		"id": gid("FulfillmentLineItem", row.line.id + row.sent.id),
		"lineItem": OrderPart(row.sent.order, row.line),
		"quantity": row.sent.quantities()[row.line],
	}


_RETURN: dict[str, Field] = {
	"id": _id("Return"),
	"closedAt": lambda shop, row, args: row.closed_at,
	"createdAt": lambda shop, row, args: row.created_at,
	"requestApprovedAt": lambda shop, row, args: row.approved_at,
	"decline": lambda shop, row, args: (
		{"reason": row.decline[0], "note": row.decline[1]} if row.decline else None
	),
	"totalQuantity": lambda shop, row, args: sum(line.quantity for line in row.lines),
	"returnLineItems": lambda shop, row, args: row.lines,
	"reverseFulfillmentOrders": lambda shop, row, args: (
		[Reverse(row)] if row.status in ("OPEN", "CLOSED") else []
	),
	"refunds": lambda shop, row, args: [each for each in row.order.refunds if each.of_return is row],
}

_RETURN_LINE: dict[str, Field] = {
	"id": _id("ReturnLineItem"),
	"quantity": lambda shop, row, args: row.quantity,
	"fulfillmentLineItem": lambda shop, row, args: _sent_line(row),
	"processableQuantity": lambda shop, row, args: row.quantity - row.processed,
	"processedQuantity": lambda shop, row, args: row.processed,
	"unprocessedQuantity": lambda shop, row, args: row.quantity - row.processed,
	"returnReasonDefinition": lambda shop, row, args: {
		"id": gid("ReturnReasonDefinition", 1),
		"handle": row.reason,
		"name": row.reason.replace("-", " ").capitalize(),
		"deleted": False,
	},
	"returnReasonNote": lambda shop, row, args: row.note,
	"customerNote": lambda shop, row, args: row.customer_note,
}

_REVERSE: dict[str, Field] = {
	"id": lambda shop, row, args: gid("ReverseFulfillmentOrder", row.made.reverse_id),
	"status": lambda shop, row, args: "OPEN" if row.made.status == "OPEN" else "CLOSED",
	"order": lambda shop, row, args: row.made.order,
	"lineItems": lambda shop, row, args: [ReverseLine(each) for each in row.made.lines],
}

_REVERSE_LINE: dict[str, Field] = {
	"id": lambda shop, row, args: gid("ReverseFulfillmentOrderLineItem", row.row.reverse_id),
	"totalQuantity": lambda shop, row, args: row.row.quantity,
	"fulfillmentLineItem": lambda shop, row, args: _sent_line(row.row),
	"dispositions": lambda shop, row, args: [
		{
			"id": gid("ReverseFulfillmentOrderDisposition", each.id),
			"type": each.type,
			"quantity": each.quantity,
			"createdAt": each.created_at,
			"location": each.location,
		}
		for each in row.row.dispositions
	],
}

_PAYOUT: dict[str, Field] = {
	"id": _id("ShopifyPaymentsPayout"),
	"legacyResourceId": _legacy,
	"net": lambda shop, row, args: Money(row.net, row.currency),
	"externalTraceId": lambda shop, row, args: row.trace,
	"transactionType": lambda shop, row, args: "DEPOSIT" if row.net >= 0 else "WITHDRAWAL",
}

_BALANCE: dict[str, Field] = {
	"id": _id("ShopifyPaymentsBalanceTransaction"),
	"amount": lambda shop, row, args: Money(row.amount, shop.currency),
	"fee": lambda shop, row, args: Money(row.fee, shop.currency),
	"net": lambda shop, row, args: Money(row.net, shop.currency),
	"transactionDate": lambda shop, row, args: row.moved_at,
	"adjustmentReason": lambda shop, row, args: row.reason,
	"sourceId": lambda shop, row, args: str(row.id),
	"sourceOrderTransactionId": lambda shop, row, args: str(row.of.id) if row.of else None,
	"sourceType": lambda shop, row, args: row.type if row.type in ("CHARGE", "REFUND") else "ADJUSTMENT",
	"associatedOrder": lambda shop, row, args: (
		{"id": gid("Order", row.of.order.id), "name": row.of.order.name} if row.of else None
	),
	"associatedPayout": lambda shop, row, args: {
		"id": gid("ShopifyPaymentsPayout", row.payout.id) if row.payout else None,
		"status": row.payout.status if row.payout else "PENDING",
	},
}

_SUBSCRIPTION: dict[str, Field] = {
	"id": _id("WebhookSubscription"),
	"legacyResourceId": _legacy,
	"topic": lambda shop, row, args: row.topic.replace("/", "_").upper(),
	"callbackUrl": lambda shop, row, args: row.uri,
	"endpoint": lambda shop, row, args: {"__typename": "WebhookHttpEndpoint", "callbackUrl": row.uri},
	"format": lambda shop, row, args: "JSON",
	"metafieldNamespaces": lambda shop, row, args: [],
	"metafields": lambda shop, row, args: [],
	"apiVersion": lambda shop, row, args: {
		"handle": shop.webhook_version,
		"displayName": shop.webhook_version,
		"supported": True,
	},
}

_METAFIELD: dict[str, Field] = {
	"id": _id("Metafield"),
	"legacyResourceId": _legacy,
	"jsonValue": lambda shop, row, args: row.value,
	"createdAt": lambda shop, row, args: row.updated_at,
	"ownerType": lambda shop, row, args: TYPES[type(row.owner)].upper(),
}

FIELDS: dict[str, dict[str, Field]] = {
	"Order": _ORDER,
	"LineItem": _ORDER_LINE,
	"ShippingLine": _SHIPPING_LINE,
	"TaxLine": {
		"title": _of("title"),
		"rate": lambda shop, row, args: float(row.part.rate),
		"ratePercentage": lambda shop, row, args: float(row.part.rate * 100),
		"channelLiable": _of("channel_liable"),
		"source": lambda shop, row, args: "shopify",
		"priceSet": _part(lambda tax: tax.amount),
	},
	"DiscountAllocation": {
		"allocatedAmountSet": _part(lambda each: each.amount),
		"discountApplication": _of("application"),
	},
	**{name: _discount_application() for name in APPLICATIONS.values()},
	"MoneyBag": {
		"shopMoney": lambda shop, row, args: Money(row.amount, row.order.currency),
		"presentmentMoney": lambda shop, row, args: Money(
			row.order.presentment(row.amount), row.order.presentment_currency
		),
	},
	"MoneyV2": {
		"amount": lambda shop, row, args: decimal(row.amount),
		"currencyCode": lambda shop, row, args: row.currency,
	},
	"Fulfillment": _FULFILMENT,
	"FulfillmentTrackingInfo": {},
	"FulfillmentOrder": _FULFILMENT_ORDER,
	"FulfillmentOrderLineItem": {
		"id": lambda shop, row, args: gid("FulfillmentOrderLineItem", row.part.id),
		"totalQuantity": _of("total"),
		"remainingQuantity": _of("remaining"),
		"lineItem": lambda shop, row, args: OrderPart(row.order, row.part.line),
		"sku": lambda shop, row, args: row.part.line.sku,
		"productTitle": lambda shop, row, args: row.part.line.title,
		"variant": lambda shop, row, args: row.part.line.variant,
		"requiresShipping": lambda shop, row, args: row.part.line.requires_shipping,
		"inventoryItemId": lambda shop, row, args: (
			gid("InventoryItem", row.part.line.variant.inventory_item_id) if row.part.line.variant else None
		),
	},
	"Product": _PRODUCT,
	"ProductVariant": _VARIANT,
	"InventoryItem": _STOCK_ITEM,
	"InventoryLevel": _LEVEL,
	"Location": _LOCATION,
	"Customer": _CUSTOMER,
	"Refund": _REFUND,
	"RefundLineItem": {
		"id": lambda shop, row, args: gid("RefundLineItem", row.part.id),
		"lineItem": lambda shop, row, args: OrderPart(row.order, row.part.line),
		"quantity": _of("quantity"),
		"location": _of("location"),
		"restockType": lambda shop, row, args: row.part.restock_type.upper(),
		"restocked": lambda shop, row, args: row.part.restock_type != "no_restock",
		"priceSet": _part(lambda row: row.line.price),
		"subtotalSet": _part(lambda row: row.subtotal),
		"totalTaxSet": _part(lambda row: row.tax),
	},
	"OrderTransaction": _TRANSACTION,
	"Return": _RETURN,
	"ReturnLineItem": _RETURN_LINE,
	"ReturnLineItemType": _RETURN_LINE,
	"ReverseFulfillmentOrder": _REVERSE,
	"ReverseFulfillmentOrderLineItem": _REVERSE_LINE,
	"ShopifyPaymentsPayout": _PAYOUT,
	"ShopifyPaymentsBalanceTransaction": _BALANCE,
	"WebhookSubscription": _SUBSCRIPTION,
	"Metafield": _METAFIELD,
	"Publication": {"id": _id("Publication"), "catalog": lambda shop, row, args: _app_catalog(row)},
	"MediaImage": {
		"id": _id("MediaImage"),
		"alt": lambda shop, row, args: row.alt or None,
		"image": lambda shop, row, args: _image(row),
		"mediaContentType": lambda shop, row, args: "IMAGE",
		"status": lambda shop, row, args: "READY",
		"fileStatus": lambda shop, row, args: "READY",
		"preview": lambda shop, row, args: {"image": _image(row), "status": "READY"},
		"originalSource": lambda shop, row, args: {"url": row.url, "fileSize": None},
		"mimeType": lambda shop, row, args: "image/jpeg",
		"mediaErrors": lambda shop, row, args: [],
		"mediaWarnings": lambda shop, row, args: [],
		"fileErrors": lambda shop, row, args: [],
	},
}
