"""The root queries of the simulated Shopify."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from graphql import GraphQLError

from sandbox.storefronts.shopify import sales
from sandbox.storefronts.shopify.graph import (
	FIELDS,
	LevelAt,
	OrderPart,
	Page,
	Reverse,
	StockItem,
	connection,
	level_at,
)
from sandbox.storefronts.shopify.payloads import gid
from sandbox.storefronts.shopify.payouts import PaymentsAccount
from sandbox.storefronts.shopify.schema import VERSIONS
from sandbox.storefronts.shopify.search import Fields, matcher
from sandbox.storefronts.shopify.shop import first

Args = dict[str, Any]
Root = Callable[[Any, Args], Any]


def number(value: Any) -> int:
	"""The number at the end of a global id; 0 where there is none."""
	text = str(value).rsplit("/", 1)[-1].split("?")[0]
	return int(text) if text.isdigit() else 0


def kind(value: str) -> str:
	"""Of gid://shopify/Order/1 Order."""
	parts = str(value).split("/")
	return parts[3] if len(parts) > 4 else ""


def find(shop: Any, value: str) -> Any:
	"""The object of a global id, or None."""
	find_in = _NODES.get(kind(value))
	if find_in is None:
		raise GraphQLError(f"Invalid global id '{value}'", extensions={"code": "INVALID_GLOBAL_ID"})
	return find_in(shop, value)


def fulfilment_order(shop: Any, value: str) -> sales.FulfilmentOrder | None:
	rows = (each for order in shop.orders.values() for each in order.fulfilment_orders)
	return first(rows, lambda each: each.id == number(value))


def fulfilment(shop: Any, value: str) -> sales.Fulfilment | None:
	rows = (each for order in shop.orders.values() for each in order.fulfilments)
	return first(rows, lambda each: each.id == number(value))


def stock_item(shop: Any, value: str) -> StockItem | None:
	variant = shop.inventory_item(number(value))
	return StockItem(variant) if variant else None


def _level(shop: Any, value: str) -> LevelAt | None:
	item = shop.inventory_item(number(value.rpartition("inventory_item_id=")[2]))
	return level_at(shop, item, number(value)) if item else None


def _line(shop: Any, value: str) -> OrderPart | None:
	for order in shop.orders.values():
		for line in order.lines:
			if line.id == number(value):
				return OrderPart(order, line)
	return None


_NODES: dict[str, Callable[[Any, str], Any]] = {
	"Order": lambda shop, value: shop.orders.get(number(value)),
	"Product": lambda shop, value: shop.products.get(number(value)),
	"ProductVariant": lambda shop, value: shop.variants.get(number(value)),
	"InventoryItem": stock_item,
	"InventoryLevel": _level,
	"Location": lambda shop, value: shop.locations.get(number(value)),
	"Customer": lambda shop, value: shop.customers.get(number(value)),
	"FulfillmentOrder": fulfilment_order,
	"Fulfillment": fulfilment,
	"LineItem": _line,
	"WebhookSubscription": lambda shop, value: shop.subscriptions.get(number(value)),
	"BulkOperation": lambda shop, value: shop.bulk_operations.get(number(value)),
	"Publication": lambda shop, value: shop.publications.get(number(value)),
	"MediaImage": lambda shop, value: first(
		(image for each in shop.products.values() for image in each.images),
		lambda image: image.id == number(value),
	),
	"Refund": lambda shop, value: first(
		(each for order in shop.orders.values() for each in order.refunds),
		lambda each: each.id == number(value),
	),
	"OrderTransaction": lambda shop, value: first(
		(each for order in shop.orders.values() for each in order.transactions),
		lambda each: each.id == number(value),
	),
	"Return": lambda shop, value: shop.find_return(number(value)),
	"ReverseFulfillmentOrder": lambda shop, value: first(
		(Reverse(each) for order in shop.orders.values() for each in order.returns),
		lambda each: each.made.reverse_id == number(value),
	),
	"ProductSetOperation": lambda shop, value: shop.operations.get(number(value)),
}


def listed(
	rows: Iterable[Any], args: Args, fields: Fields, sorts: Mapping[str, Callable[[Any], Any]]
) -> Page:
	"""Rows that a query finds, sorted; a cursor holds the sort key and the id."""
	found = list(filter(matcher(args.get("query"), {"id": lambda row: row.id, **fields}), rows))
	sort = sorts.get(args.get("sortKey") or "ID", lambda row: "")

	def key(row: Any) -> list[Any]:
		value = sort(row)
		return [value.isoformat() if isinstance(value, datetime) else value, row.id]

	return Page(sorted(found, key=key, reverse=bool(args.get("reverse"))), key)


_TIMES: dict[str, Callable[[Any], Any]] = {
	"created_at": lambda row: row.created_at,
	"updated_at": lambda row: row.updated_at,
}
_BY_TIME: dict[str, Callable[[Any], Any]] = {
	"CREATED_AT": lambda row: row.created_at,
	"UPDATED_AT": lambda row: row.updated_at,
	"PROCESSED_AT": lambda row: row.created_at,
	"ID": lambda row: "",
}


def _orders(shop: Any, args: Args) -> Page:
	"""A query asks the index, which is behind by `search_lag`."""
	rows = shop.orders.values()
	if args.get("query") and shop.search_lag:
		rows = [each for each in rows if each.updated_at <= shop.now() - shop.search_lag]
	fields: Fields = {
		**_TIMES,
		"processed_at": lambda row: row.created_at,
		"name": lambda row: [row.name, str(row.number)],
		"status": lambda row: [
			"any",
			"cancelled" if row.cancelled_at else "closed" if row.closed_at else "open",
		],
		"financial_status": lambda row: row.financial_status,
		"fulfillment_status": lambda row: row.fulfilment_status,
		"test": lambda row: row.test,
		"tag": lambda row: row.tags,
		"email": lambda row: row.email,
		"customer_id": lambda row: row.customer.id if row.customer else None,
	}
	return listed(rows, args, fields, _BY_TIME)


def _products(shop: Any, args: Args) -> Page:
	fields: Fields = {
		**_TIMES,
		"title": lambda row: row.title,
		"handle": lambda row: row.handle,
		"status": lambda row: row.status,
		"vendor": lambda row: row.vendor,
		"product_type": lambda row: row.product_type,
		"tag": lambda row: row.tags,
		"sku": lambda row: [each.sku for each in row.variants],
		"barcode": lambda row: [each.barcode for each in row.variants],
		"gift_card": lambda row: row.gift_card,
		"published_status": lambda row: "published" if row.publications else "unpublished",
	}
	return listed(shop.products.values(), args, fields, {**_BY_TIME, "TITLE": lambda row: row.title})


def _variants(shop: Any, args: Args) -> Page:
	fields: Fields = {
		**_TIMES,
		"sku": lambda row: row.sku,
		"barcode": lambda row: row.barcode,
		"product_id": lambda row: row.product.id,
		"title": lambda row: row.title,
		"product_ids": lambda row: row.product.id,
	}
	return listed(shop.variants.values(), args, fields, {**_BY_TIME, "SKU": lambda row: row.sku or ""})


def _items(shop: Any, args: Args) -> Page:
	fields: Fields = {
		"id": lambda row: row.inventory_item_id,
		"sku": lambda row: row.sku,
		**_TIMES,
	}
	page = listed(shop.variants.values(), args, fields, _BY_TIME)
	return Page([StockItem(row) for row in page.rows], lambda item: [item.variant.id])


def _customers(shop: Any, args: Args) -> Page:
	fields: Fields = {**_TIMES, "email": lambda row: row.email, "phone": lambda row: row.phone}
	return listed(shop.customers.values(), args, fields, _BY_TIME)


def _fulfilment_orders(shop: Any, args: Args) -> Page:
	rows = [each for order in shop.orders.values() for each in order.fulfilment_orders]
	if not args.get("includeClosed"):
		rows = [each for each in rows if each.status not in ("CLOSED", "CANCELLED")]
	fields: Fields = {
		**_TIMES,
		"status": lambda row: row.status,
		"assigned_location_id": lambda row: row.location.id,
	}
	return listed(rows, args, fields, _BY_TIME)


def _subscriptions(shop: Any, args: Args) -> Page:
	rows = list(shop.subscriptions.values())
	topics = {name.replace("/", "_").upper() for name in args.get("topics") or ()}
	if topics:
		rows = [each for each in rows if each.topic.replace("/", "_").upper() in topics]
	uri = args.get("uri") or args.get("callbackUrl")
	rows = [each for each in rows if uri in (None, each.uri)]
	return listed(rows, args, _TIMES, _BY_TIME)


def _bulk_operations(shop: Any, args: Args) -> Page:
	fields: Fields = {
		"created_at": lambda row: row.created_at,
		"status": lambda row: row.status,
		"operation_type": lambda row: row.type,
		"type": lambda row: row.type,
	}
	return listed(shop.bulk_operations.values(), args, fields, _BY_TIME)


def _current_bulk(shop: Any, args: Args) -> Any:
	rows = [each for each in shop.bulk_operations.values() if each.type == (args.get("type") or "QUERY")]
	return rows[-1] if rows else None


def _shop(shop: Any, args: Args) -> dict[str, Any]:
	return {
		"id": gid("Shop", 1),
		"name": "Simulated",
		"email": "owner@simulated.example",
		"myshopifyDomain": shop.domain,
		"currencyCode": shop.currency,
		"taxesIncluded": shop.taxes_included,
		"taxShipping": False,
		"ianaTimezone": "Etc/UTC",
		"timezoneOffset": "+0000",
		"weightUnit": "KILOGRAMS",
		"unitSystem": "METRIC_SYSTEM",
		"url": f"https://{shop.domain}",
		"plan": {"publicDisplayName": "Development", "partnerDevelopment": True, "shopifyPlus": False},
		"shopAddress": {"countryCodeV2": "DE"},
		"createdAt": None,
	}


def _installation(shop: Any, args: Args) -> dict[str, Any]:
	return {
		"id": gid("AppInstallation", 1),
		"accessScopes": [{"handle": scope, "description": scope} for scope in sorted(shop.scopes)],
		"app": {"id": gid("App", 1), "title": "Commerce Bridge"},
		"launchUrl": f"https://{shop.domain}/admin/apps/1",
		"uninstallUrl": None,
	}


def _versions(shop: Any, args: Args) -> list[dict[str, Any]]:
	return [{"handle": each, "displayName": each, "supported": True} for each in VERSIONS] + [
		{"handle": "unstable", "displayName": "unstable", "supported": False}
	]


def _returnable(shop: Any, args: Args) -> list[dict[str, Any]]:
	order = shop.orders.get(number(args["orderId"]))
	rows: dict[Any, list[dict[str, Any]]] = {}
	for sent, line, left in shop.returnable(order) if order else ():
		sold = {"id": gid("FulfillmentLineItem", sent.id + line.id), "lineItem": OrderPart(order, line)}
		rows.setdefault(sent, []).append({"quantity": left, "fulfillmentLineItem": sold})
	return [
		{
			"id": gid("ReturnableFulfillment", sent.id),
			"fulfillment": sent,
			"returnableFulfillmentLineItems": connection(lines, {"first": 250}),
		}
		for sent, lines in rows.items()
	]


def _payments_account(shop: Any, args: Args) -> Any:
	return PaymentsAccount() if shop.payments_account else None


def _one(kind_of: str) -> Root:
	return lambda shop, args: _NODES[kind_of](shop, args["id"])


def _identified(rows: str, by: Mapping[str, Callable[[Any], Any]]) -> Root:
	def find_one(shop: Any, args: Args) -> Any:
		identifier: Mapping[str, Any] = args["identifier"]
		(name, value) = next(iter(identifier.items()))
		if name == "id":
			return getattr(shop, rows).get(number(value))
		if name not in by:
			raise GraphQLError(f"The simulated Shopify cannot identify by {name!r}")
		return first(getattr(shop, rows).values(), lambda row: by[name](row) == value)

	return find_one


def _count(of: Callable[[Any, Args], Page]) -> Root:
	return lambda shop, args: {"count": len(of(shop, args).rows), "precision": "EXACT"}


QUERIES: dict[str, Root] = {
	"node": lambda shop, args: find(shop, args["id"]),
	"nodes": lambda shop, args: [find(shop, each) for each in args["ids"]],
	"order": _one("Order"),
	"orderByIdentifier": _identified("orders", {}),
	"orders": _orders,
	"ordersCount": _count(_orders),
	"product": _one("Product"),
	"productByIdentifier": _identified("products", {"handle": lambda row: row.handle}),
	"products": _products,
	"productsCount": _count(_products),
	"productVariant": _one("ProductVariant"),
	"productVariants": _variants,
	"productOperation": lambda shop, args: shop.operations.get(number(args["id"])),
	"inventoryItem": _one("InventoryItem"),
	"inventoryItems": _items,
	"inventoryLevel": _one("InventoryLevel"),
	"location": lambda shop, args: (
		shop.locations.get(number(args["id"])) if args.get("id") else shop.location
	),
	"locations": lambda shop, args: listed(
		[each for each in shop.locations.values() if each.active or args.get("includeInactive")],
		args,
		{"name": lambda row: row.name, "active": lambda row: row.active},
		{},
	),
	"customer": _one("Customer"),
	"customers": _customers,
	"fulfillment": _one("Fulfillment"),
	"fulfillmentOrder": _one("FulfillmentOrder"),
	"fulfillmentOrders": _fulfilment_orders,
	"refund": _one("Refund"),
	"return": _one("Return"),
	"returnableFulfillments": _returnable,
	"publications": lambda shop, args: list(shop.publications.values()),
	"webhookSubscription": _one("WebhookSubscription"),
	"webhookSubscriptions": _subscriptions,
	"webhookSubscriptionsCount": _count(_subscriptions),
	"bulkOperation": _one("BulkOperation"),
	"bulkOperations": _bulk_operations,
	"currentBulkOperation": _current_bulk,
	"currentAppInstallation": _installation,
	"shop": _shop,
	"publicApiVersions": _versions,
	"shopifyPaymentsAccount": _payments_account,
	"metafieldDefinitions": lambda shop, args: [],
}


FIELDS["ShopifyPaymentsAccount"] = {
	"id": lambda shop, row, args: gid("ShopifyPaymentsAccount", 1),
	"activated": lambda shop, row, args: True,
	"defaultCurrency": lambda shop, row, args: shop.currency,
	"payouts": lambda shop, row, args: listed(
		shop.payouts,
		args,
		{"issued_at": lambda each: each.issued_at, "status": lambda each: each.status},
		{"ISSUED_AT": lambda each: each.issued_at},
	),
	"balanceTransactions": lambda shop, row, args: listed(
		shop.balance,
		args,
		{"payments_transfer_id": lambda each: each.payout.id if each.payout else None},
		{"PROCESSED_AT": lambda each: each.moved_at},
	),
}


def _root(answer: Root) -> Callable[[Any, Any, Args], Any]:
	return lambda shop, source, args: answer(shop, args)


FIELDS["QueryRoot"] = {name: _root(answer) for name, answer in QUERIES.items()}
