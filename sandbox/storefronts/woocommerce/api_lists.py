"""Webhooks, customers, and the lists of terms by the API."""

from __future__ import annotations

import secrets
from html import escape
from typing import Any

from sandbox.storefronts.woocommerce import checks
from sandbox.storefronts.woocommerce.api_products import merged_meta
from sandbox.storefronts.woocommerce.goods import links
from sandbox.storefronts.woocommerce.people import (
	Attribute,
	Customer,
	Terms,
	shown_attribute,
	shown_customer,
	shown_term,
)
from sandbox.storefronts.woocommerce.routing import batch, checked_list, forced, ids, page, route
from sandbox.storefronts.woocommerce.sales import address
from sandbox.storefronts.woocommerce.shop import Shop
from sandbox.storefronts.woocommerce.values import Answer, ApiError, Request, dates, slug_of
from sandbox.storefronts.woocommerce.webhooks import HOOKS, Webhook

WEBHOOK, CUSTOMER = r"/wc/v3/webhooks/(\d+)", r"/wc/v3/customers/(\d+)"


# --- webhooks


def shown_webhook(shop: Shop, webhook: Webhook) -> dict[str, Any]:
	"""Neither its secret nor its failures are told."""
	return {
		"id": webhook.id,
		"name": webhook.name,
		"status": webhook.status,
		"topic": webhook.topic,
		"resource": webhook.resource,
		"event": webhook.event,
		"hooks": webhook.hooks,
		"delivery_url": webhook.delivery_url,
		**dates("date_created", webhook.created, shop.zone),
		**dates("date_modified", webhook.modified, shop.zone),
		"_links": links(shop, f"webhooks/{webhook.id}", "webhooks"),
	}


@route("GET", "/wc/v3/webhooks")
def list_webhooks(shop: Shop, request: Request) -> Answer:
	checked_list(request, checks.LIST)
	status = request.query.get("status", "all")
	found = [each for each in shop.webhooks.values() if status in ("all", each.status)]
	found.sort(key=lambda each: each.id, reverse=request.query.get("order", "desc") == "desc")
	return page(request, found, lambda each: shown_webhook(shop, each))


@route("POST", "/wc/v3/webhooks")
def create_webhook(shop: Shop, request: Request) -> Answer:
	"""Active whatever status is given, and pinged before the answer: a ping that fails changes nothing."""
	checks.check(request.given, checks.WEBHOOK)
	return Answer(201, _created_webhook(shop, request.given, request.user))


def _created_webhook(shop: Shop, given: dict[str, Any], user: str) -> dict[str, Any]:
	checks.needed(given, *(name for name in ("topic", "delivery_url")))
	_check_topic(given["topic"])
	_check_url(given["delivery_url"])
	moment = shop.now()
	name = given.get("name") or f"Webhook created on {moment:%b %d, %Y @ %I:%M %p}"
	secret = given.get("secret") or secrets.token_hex(25)
	made = Webhook(
		shop.new_id("webhook"), given["topic"], given["delivery_url"], secret, name, moment, owner=user
	)
	shop.webhooks[made.id] = made
	shop.ping(made)
	return shown_webhook(shop, made)


def _check_topic(topic: Any) -> None:
	if topic not in HOOKS and not str(topic).startswith(("action.woocommerce_", "action.wc_")):
		raise ApiError(
			"woocommerce_rest_shop_webhook_invalid_topic", "Webhook topic is required and must be valid."
		)


def _check_url(url: Any) -> None:
	if not str(url).startswith(("http://", "https://")):
		raise ApiError(
			"woocommerce_rest_shop_webhook_invalid_delivery_url",
			"Webhook delivery URL must be a valid URL starting with http:// or https://.",
		)


def _known_webhook(shop: Shop, number: int, status: int, message: str = "ID is invalid.") -> Webhook:
	if number not in shop.webhooks:
		raise ApiError("woocommerce_rest_shop_webhook_invalid_id", message, status)
	return shop.webhooks[number]


@route("GET", WEBHOOK)
def read_webhook(shop: Shop, request: Request, number: int) -> Answer:
	return Answer(200, shown_webhook(shop, _known_webhook(shop, number, 404)))


@route("WRITE", WEBHOOK)
def update_webhook(shop: Shop, request: Request, number: int) -> Answer:
	checks.check(request.given, checks.WEBHOOK)
	return Answer(200, _updated_webhook(shop, number, request.given))


def _updated_webhook(shop: Shop, number: int, given: dict[str, Any]) -> dict[str, Any]:
	"""An empty secret leaves the old one; a webhook made active again keeps the count of its failures."""
	webhook = _known_webhook(shop, number, 400)
	if given.get("topic") is not None:
		_check_topic(given["topic"])
		webhook.topic = given["topic"]
	if given.get("delivery_url") is not None:
		_check_url(given["delivery_url"])
		webhook.delivery_url = given["delivery_url"]
		shop.ping(webhook)
	for name in ("name", "secret", "status"):
		if given.get(name):
			setattr(webhook, name, given[name])
	webhook.modified = shop.now()
	return shown_webhook(shop, webhook)


@route("DELETE", WEBHOOK)
def delete_webhook(shop: Shop, request: Request, number: int) -> Answer:
	forced(request, "Webhooks")
	webhook = _known_webhook(shop, number, 404, "Invalid ID.")
	del shop.webhooks[number]
	return Answer(200, shown_webhook(shop, webhook))


@route("WRITE", "/wc/v3/webhooks/batch")
def batch_webhooks(shop: Shop, request: Request) -> Answer:
	def delete(number: int) -> dict[str, Any]:
		webhook = _known_webhook(shop, number, 404, "Invalid ID.")
		del shop.webhooks[number]
		return shown_webhook(shop, webhook)

	return batch(
		request,
		lambda row: _created_webhook(shop, row, request.user),
		lambda number, row: _updated_webhook(shop, number, row),
		delete,
	)


# --- customers


@route("GET", "/wc/v3/customers")
def list_customers(shop: Shop, request: Request) -> Answer:
	checked_list(request, checks.LIST)
	query = request.query
	found = [
		each
		for each in shop.customers.values()
		if query.get("email", each.email).lower() == each.email.lower()
		and (not query.get("include") or each.id in ids(query["include"]))
	]
	found.sort(key=lambda each: each.id, reverse=query.get("order", "asc") == "desc")
	return page(request, found, lambda each: shown_customer(shop, each))


@route("GET", CUSTOMER)
def read_customer(shop: Shop, request: Request, number: int) -> Answer:
	return Answer(200, shown_customer(shop, _known_customer(shop, number)))


def _known_customer(shop: Shop, number: int) -> Customer:
	if number not in shop.customers:
		raise ApiError("wc_user_invalid_id", "Invalid user ID.", 404)
	return shop.customers[number]


@route("POST", "/wc/v3/customers")
def create_customer(shop: Shop, request: Request) -> Answer:
	given = request.given
	checks.needed(given, "email")
	email = str(given["email"])
	if "@" not in email:
		raise ApiError("customer_invalid_email", "Invalid email address")
	if any(each.email.lower() == email.lower() for each in shop.customers.values()):
		raise ApiError(
			"registration-error-email-exists",
			f"An account is already registered with {email}. Please log in or use a different email address.",
		)
	made = shop.add_customer(email)
	_write_customer(
		shop, made, {"billing": {}, "shipping": {}, "first_name": "", "last_name": "", **given}, True
	)
	return Answer(201, shown_customer(shop, made))


@route("WRITE", CUSTOMER)
def update_customer(shop: Shop, request: Request, number: int) -> Answer:
	customer = _known_customer(shop, number)
	_write_customer(shop, customer, request.given, False)
	customer.modified = shop.now()
	shop.tell("customer.updated", number)
	return Answer(200, shown_customer(shop, customer))


def _write_customer(shop: Shop, customer: Customer, given: dict[str, Any], new: bool) -> None:
	for name in ("first_name", "last_name", "email"):
		if given.get(name) is not None:
			setattr(customer, name, str(given[name]))
	for name in ("billing", "shipping"):
		if given.get(name) is not None:
			before = {} if new else getattr(customer, name)
			setattr(customer, name, address({**before, **given[name]}, name == "billing"))
	if given.get("meta_data"):
		customer.meta = merged_meta(shop, customer.meta, given["meta_data"])


@route("DELETE", CUSTOMER)
def delete_customer(shop: Shop, request: Request, number: int) -> Answer:
	forced(request, "Customers")
	customer = _known_customer(shop, number)
	before = shown_customer(shop, customer)
	shop.delete_customer(customer)
	return Answer(200, before)


# --- terms


def _count(shop: Shop, name: str, number: int) -> int:
	return sum(number in each.fields.get(name, ()) for each in shop.products.values())


def _list_terms(shop: Shop, request: Request, terms: Terms, name: str) -> Answer:
	"""Sorted by name, and a name is written with entities."""
	checked_list(request, checks.LIST)
	wanted = request.query.get("search", "").lower()
	found = [term for term in terms.rows.values() if wanted in term.name.lower()]
	if request.query.get("slug"):
		found = [term for term in found if term.slug == request.query["slug"]]
	by_id = request.query.get("orderby") == "id"
	found.sort(key=lambda term: (term.id if by_id else 0, term.name.lower()))
	return page(request, found, lambda term: _shown(shop, terms, term, name))


def _shown(shop: Shop, terms: Terms, term: Any, name: str) -> dict[str, Any]:
	shown = shown_term(shop, terms, term, _count(shop, name, term.id))
	return {**shown, "name": escape(term.name, quote=False)}


def _create_term(shop: Shop, request: Request, terms: Terms, name: str) -> Answer:
	checks.needed(request.given, "name")
	known = terms.named(str(request.given["name"]))
	if known is not None:
		raise ApiError(
			"term_exists",
			"A term with the name provided already exists with this parent.",
			resource_id=known.id,
		)
	made = terms.add(
		shop.new_id("term") + 100, str(request.given["name"]), int(request.given.get("parent") or 0)
	)
	return Answer(201, _shown(shop, terms, made, name))


def _read_term(shop: Shop, terms: Terms, name: str, number: int) -> Answer:
	if number not in terms.rows:
		raise ApiError("woocommerce_rest_term_invalid", "Resource does not exist.", 404)
	return Answer(200, _shown(shop, terms, terms.rows[number], name))


def _register(name: str) -> None:
	path = f"/wc/v3/products/{name}"

	@route("GET", path)
	def list_(shop: Shop, request: Request) -> Answer:
		return _list_terms(shop, request, shop.terms[name], name)

	@route("POST", path)
	def create(shop: Shop, request: Request) -> Answer:
		return _create_term(shop, request, shop.terms[name], name)

	@route("GET", path + r"/(\d+)")
	def read(shop: Shop, request: Request, number: int) -> Answer:
		return _read_term(shop, shop.terms[name], name, number)


for _name in ("categories", "brands", "tags"):
	_register(_name)


# --- attributes


@route("GET", "/wc/v3/products/attributes")
def list_attributes(shop: Shop, request: Request) -> Answer:
	"""All of them: there are no pages."""
	rows = [shown_attribute(shop, each) for each in shop.attributes.values()]
	return Answer(200, rows, {"x-wp-total": str(len(rows)), "x-wp-totalpages": "1"})


@route("POST", "/wc/v3/products/attributes")
def create_attribute(shop: Shop, request: Request) -> Answer:
	checks.needed(request.given, "name")
	name = str(request.given["name"])
	slug = f"pa_{slug_of(name)}"
	if any(each.slug == slug for each in shop.attributes.values()):
		message = f'Slug "{slug[3:]}" is already in use. Change it, please.'
		raise ApiError("woocommerce_rest_cannot_create", message)
	number = shop.new_id("attribute")
	shop.attributes[number] = Attribute(number, name, slug, Terms(f"products/attributes/{number}/terms"))
	return Answer(201, shown_attribute(shop, shop.attributes[number]))


def _attribute(shop: Shop, number: int) -> Attribute:
	if number not in shop.attributes:
		raise ApiError("woocommerce_rest_taxonomy_invalid", "Resource does not exist.", 404)
	return shop.attributes[number]


@route("GET", r"/wc/v3/products/attributes/(\d+)")
def read_attribute(shop: Shop, request: Request, number: int) -> Answer:
	return Answer(200, shown_attribute(shop, _attribute(shop, number)))


@route("GET", r"/wc/v3/products/attributes/(\d+)/terms")
def list_attribute_terms(shop: Shop, request: Request, number: int) -> Answer:
	return _list_terms(shop, request, _attribute(shop, number).terms, "attributes")


@route("POST", r"/wc/v3/products/attributes/(\d+)/terms")
def create_attribute_term(shop: Shop, request: Request, number: int) -> Answer:
	return _create_term(shop, request, _attribute(shop, number).terms, "attributes")
