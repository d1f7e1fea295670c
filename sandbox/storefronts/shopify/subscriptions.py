"""Webhook subscriptions by GraphQL."""

from __future__ import annotations

from typing import Any

from sandbox.storefronts.shopify.mutations import Args, Payload, failed, mutation, wrong
from sandbox.storefronts.shopify.payloads import gid
from sandbox.storefronts.shopify.queries import number
from sandbox.storefronts.shopify.shop import first, is_local

#: Topics whose header is not the enumeration's name with its first underscore as a slash.
_PREFIXES = (
	"FULFILLMENT_ORDERS", "INVENTORY_LEVELS", "INVENTORY_ITEMS", "ORDER_TRANSACTIONS", "BULK_OPERATIONS",
	"FULFILLMENT_EVENTS", "CUSTOMER_GROUPS", "COLLECTION_LISTINGS", "PRODUCT_LISTINGS", "DRAFT_ORDERS",
)  # fmt: skip


def header_topic(name: str) -> str:
	"""ORDERS_CREATE is orders/create."""
	prefix = next((each for each in _PREFIXES if name.startswith(f"{each}_")), name.split("_")[0])
	return f"{prefix}/{name[len(prefix) + 1 :]}".lower()


@mutation("webhookSubscriptionCreate")
def create(shop: Any, args: Args) -> Payload:
	given = args["webhookSubscription"]
	uri = given.get("uri") or given.get("callbackUrl") or ""
	message = _wrong_address(shop, uri)
	topic = header_topic(args["topic"])
	if not message and first(
		shop.subscriptions.values(),
		lambda each: (each.topic, each.uri, each.filter) == (topic, uri, given.get("filter")),
	):
		message = "Address for this topic has already been taken"
	if message:
		return failed(wrong("webhookSubscription.callbackUrl", message), webhookSubscription=None)
	made = shop.subscribe(
		topic,
		uri,
		include_fields=list(given.get("includeFields") or ()),
		filter=given.get("filter"),
		name=given.get("name"),
	)
	return {"webhookSubscription": made, "userErrors": []}


def _wrong_address(shop: Any, uri: str) -> str | None:
	"""Plain http is refused, this machine's own addresses aside: the simulated shop has no other way to reach them."""
	if not uri:
		return "Address can't be blank"
	if uri.startswith("http://") and not is_local(uri):
		return "Address protocol http:// is not supported"
	if ".myshopify.com" in uri or ".shopify.com" in uri:
		return "Address cannot be a Shopify or an internal domain"
	return None


@mutation("webhookSubscriptionUpdate")
def update(shop: Any, args: Args) -> Payload:
	known = shop.subscriptions.get(number(args["id"]))
	if known is None:
		return failed(wrong("id", "Webhook subscription does not exist"), webhookSubscription=None)
	given = args["webhookSubscription"]
	uri = given.get("uri") or given.get("callbackUrl") or known.uri
	message = _wrong_address(shop, uri)
	if message:
		return failed(wrong("webhookSubscription.callbackUrl", message), webhookSubscription=None)
	known.uri, known.updated_at = uri, shop.now()
	if "includeFields" in given:
		known.include_fields = list(given["includeFields"] or ())
	if "filter" in given:
		known.filter = given["filter"]
	return {"webhookSubscription": known, "userErrors": []}


@mutation("webhookSubscriptionDelete")
def delete(shop: Any, args: Args) -> Payload:
	if shop.subscriptions.pop(number(args["id"]), None) is None:
		return failed(wrong("id", "Webhook subscription does not exist"), deletedWebhookSubscriptionId=None)
	deleted = gid("WebhookSubscription", number(args["id"]))
	return {"deletedWebhookSubscriptionId": deleted, "userErrors": []}
