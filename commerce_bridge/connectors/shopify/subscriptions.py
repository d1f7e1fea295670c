"""Where Shopify posts a channel's events: subscriptions made by the app, kept in step with the channel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

from commerce_bridge.bridge.channel import Channel
from commerce_bridge.bridge.errors import Rejected
from commerce_bridge.connectors.shopify.client import ShopifyClient, UserError, user_errors
from commerce_bridge.connectors.shopify.documents.setup import SUBSCRIBE, SUBSCRIPTIONS, UNSUBSCRIBE
from commerce_bridge.connectors.shopify.setup import granted_scopes, mapped_locations, missing_scopes
from commerce_bridge.connectors.shopify.shop import misconfigured

#: Topic → the access scope that Shopify asks for, as the schema's `WebhookSubscriptionTopic` says.
_TOPICS: dict[str, str | None] = {
	"ORDERS_CREATE": "read_orders",
	"ORDERS_UPDATED": "read_orders",
	"ORDERS_PAID": "read_orders",
	"ORDERS_CANCELLED": "read_orders",
	"ORDERS_EDITED": "read_orders",
	"ORDERS_DELETE": "read_orders",
	"REFUNDS_CREATE": "read_orders",
	"ORDER_TRANSACTIONS_CREATE": "read_orders",
	"FULFILLMENTS_CREATE": "read_fulfillments",
	"FULFILLMENTS_UPDATE": "read_fulfillments",
	"RETURNS_REQUEST": "read_returns",
	"RETURNS_APPROVE": "read_returns",
	"RETURNS_DECLINE": "read_returns",
	"RETURNS_CANCEL": "read_returns",
	"RETURNS_CLOSE": "read_returns",
	"RETURNS_REOPEN": "read_returns",
	"RETURNS_PROCESS": "read_returns",
	"RETURNS_UPDATE": "read_returns",
	"CUSTOMERS_CREATE": "read_customers",
	"CUSTOMERS_UPDATE": "read_customers",
	"PRODUCTS_CREATE": "read_products",
	"PRODUCTS_UPDATE": "read_products",
	"PRODUCTS_DELETE": "read_products",
	"APP_UNINSTALLED": None,
}
_MOVED, _LEVELS = "FULFILLMENT_ORDERS_MOVED", "INVENTORY_LEVELS_UPDATE"
#: Shopify sends these wherever the app's own configuration says; no call can subscribe to them.
COMPLIANCE = ("customers/data_request", "customers/redact", "shop/redact")
_SHOWN = 10


def wanted_topics(channel: Channel) -> dict[str, str | None]:
	"""The topics a channel listens to, each with the scope it needs."""
	topics = dict(_TOPICS)
	if len(mapped_locations(channel)) > 1:  # with one, every order is sent from there
		topics[_MOVED] = "read_merchant_managed_fulfillment_orders"
	if channel.stock.watch:
		topics[_LEVELS] = "read_inventory"
	return topics


def header_topic(topic: str) -> str:
	"""How a topic is called in a delivery: ORDERS_CREATE comes as orders/create."""
	resource, _, event = topic.rpartition("_")
	return f"{resource}/{event}".lower()


def register(client: ShopifyClient, channel: Channel, callback_url: str, allow_http: bool = False) -> str:
	"""Makes the subscriptions that are missing, removes those of ours that are wrong, and leaves the others.

	:param allow_http: for development: the shop may post to this machine without TLS
	:return: what was done, what could not be done for lack of a scope, and what a person has to do
	:raises Misconfigured: this site has no https address
	:raises Rejected: Shopify refused a subscription; the others were made
	"""
	if not (callback_url.startswith("https://") or allow_http):
		message = f"Shopify posts to https addresses only, and this site's is {callback_url}: set host_name"
		raise misconfigured(channel, message)
	plan = _plan(client, channel, callback_url)
	errors = [
		*_told(_unsubscribe(client, row) for row in plan.wrong),
		*_told(_subscribe(client, topic, callback_url) for topic in plan.missing),
	]
	if errors:
		raise Rejected("Shopify refused webhooks: " + "; ".join(errors[:_SHOWN]))
	return plan.summary(callback_url)


def unregister(client: ShopifyClient, callback_url: str) -> None:
	"""Removes every subscription that posts to this address. Raises `Rejected` for those that would not go."""
	rows = [
		row for row in client.pages(SUBSCRIPTIONS, "webhookSubscriptions") if _posts_to(row, callback_url)
	]
	errors = _told(_unsubscribe(client, row) for row in rows)
	if errors:
		raise Rejected("Shopify did not remove webhooks: " + "; ".join(errors[:_SHOWN]))


def differ(client: ShopifyClient, channel: Channel, callback_url: str) -> bool:
	"""Whether `register` would change something now."""
	plan = _plan(client, channel, callback_url)
	return bool(plan.missing or plan.wrong)


@dataclass(slots=True)
class _Plan:
	kept: list[str] = field(default_factory=list)
	missing: list[str] = field(default_factory=list)
	wrong: list[dict[str, Any]] = field(default_factory=list)
	refused: dict[str, list[str]] = field(default_factory=dict)  # scope that is missing → topics
	elsewhere: list[str] = field(default_factory=list)

	def summary(self, callback_url: str) -> str:
		"""In words, for the form and the Sync Log."""
		told = [
			f"Shopify posts {len(self.kept) + len(self.missing)} topics to {callback_url} "
			f"({len(self.missing)} made, {len(self.wrong)} removed, {len(self.kept)} left as they were)."
		]
		for scope, topics in self.refused.items():
			told.append(f"Left out, for the app lacks {scope}: {', '.join(map(header_topic, topics))}.")
		if self.elsewhere:
			hosts = ", ".join(sorted(set(self.elsewhere)))
			told.append(f"The same app also posts for this channel to {hosts}; nothing was changed there.")
		told.append(
			f"In the app's own configuration enter the same address for {', '.join(COMPLIANCE)}: "
			"no call can set these."
		)
		return " ".join(told)


def _plan(client: ShopifyClient, channel: Channel, callback_url: str) -> _Plan:
	wanted, granted, plan = wanted_topics(channel), granted_scopes(client), _Plan()
	for topic, scope in list(wanted.items()):
		if scope and missing_scopes([scope], granted):
			plan.refused.setdefault(scope, []).append(topic)
			del wanted[topic]
	for row in client.pages(SUBSCRIPTIONS, "webhookSubscriptions"):
		if not _posts_to(row, callback_url):
			plan.elsewhere.extend(_host_of_same_channel(row, callback_url))
		elif row["topic"] in wanted and row["topic"] not in plan.kept and _is_whole(row):
			plan.kept.append(row["topic"])
		else:
			plan.wrong.append(row)
	plan.missing = [topic for topic in wanted if topic not in plan.kept]
	return plan


def _posts_to(row: Mapping[str, Any], callback_url: str) -> bool:
	return unquote(row["uri"] or "") == unquote(callback_url)


def _is_whole(row: Mapping[str, Any]) -> bool:
	"""Whether everything of every event is sent, as JSON."""
	return row["format"] == "JSON" and not row["includeFields"] and not row["filter"]


def _host_of_same_channel(row: Mapping[str, Any], callback_url: str) -> list[str]:
	"""The host of an address like ours elsewhere: this site before it moved, or a copy of it."""
	theirs, ours = urlsplit(unquote(row["uri"] or "")), urlsplit(unquote(callback_url))
	same = (theirs.path, theirs.query) == (ours.path, ours.query)
	return [theirs.hostname] if same and theirs.hostname else []


def _subscribe(client: ShopifyClient, topic: str, uri: str) -> tuple[str, Sequence[UserError]]:
	variables = {"topic": topic, "subscription": {"uri": uri, "format": "JSON"}}
	payload = client.run(SUBSCRIBE, variables)["webhookSubscriptionCreate"]
	# Somebody else registered at the same time: that is what was wanted.
	return header_topic(topic), [error for error in user_errors(payload) if "taken" not in error.message]


def _unsubscribe(client: ShopifyClient, row: Mapping[str, Any]) -> tuple[str, Sequence[UserError]]:
	payload = client.run(UNSUBSCRIBE, {"id": row["id"]})["webhookSubscriptionDelete"]
	gone = [error for error in user_errors(payload) if "not exist" not in error.message]
	return header_topic(row["topic"]), gone


def _told(results: Any) -> list[str]:
	return [f"{topic}: {error.message}" for topic, errors in results for error in errors]
