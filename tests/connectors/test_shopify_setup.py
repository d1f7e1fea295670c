from __future__ import annotations

import hashlib
import hmac
import json
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from commerce_bridge.bridge.channel import Channel, Credentials, PaymentMap, StockPolicy, WarehouseMap
from commerce_bridge.bridge.errors import Misconfigured, Rejected, Retryable
from commerce_bridge.bridge.protocols import Check, HttpResponse, Token
from commerce_bridge.connectors.shopify import session, setup, subscriptions
from commerce_bridge.connectors.shopify.subscriptions import COMPLIANCE, header_topic, wanted_topics
from tests.connectors.shopify_shop import CHANNEL, CREDENTIALS, NOW, SHOP_DOMAIN, Shop, answer, shop

URL = "https://erp.example/api/method/commerce_bridge.api.webhook?channel=Tea"
VERSIONS = [{"handle": handle, "supported": True} for handle in ("2026-01", "2026-04", "2026-07", "2026-10")]
EVERYTHING = [*setup.needed_scopes(CHANNEL), *setup.useful_scopes(CHANNEL), "read_locations"]
MAPPED = (WarehouseMap(warehouse="Store", location_id="1"), WarehouseMap(warehouse="Hall", location_id="2"))
QUIET = StockPolicy(push=False)


# --- settings ------------------------------------------------------------------------------------------------


def problems(given: str, **settings: str) -> dict[str, str]:
	values = {"store_url": f"https://{SHOP_DOMAIN}", "api_version": "", "authentication": "Access Token"}
	return dict(setup.settings_problems({**values, **settings}, given.split()))


@pytest.mark.parametrize(
	("method", "given", "missing"),
	[
		("Access Token", "access_token api_secret", []),
		("Access Token", "access_token webhook_secret", []),
		("Access Token", "", ["access_token", "api_secret"]),
		("Client Credentials", "api_key api_secret", []),
		("Client Credentials", "access_token webhook_secret", ["api_key", "api_secret"]),
		("Authorisation", "api_key", ["api_secret"]),
	],
)
def test_each_way_of_access_needs_its_credentials(method: str, given: str, missing: list[str]) -> None:
	assert sorted(problems(given, authentication=method)) == missing


@pytest.mark.parametrize("url", ["", "https://tea.example", "http://tea.myshopify.com"])
def test_the_address_must_be_the_shop_s_own(url: str) -> None:
	assert "NAME.myshopify.com" in problems("access_token api_secret", store_url=url)["store_url"]


@pytest.mark.parametrize("version", ["2026-13", "unstable", "2024-01", "2027-01"])
def test_a_version_nobody_tested_is_refused(version: str) -> None:
	assert "api_version" in problems("access_token api_secret", api_version=version)


# --- scopes --------------------------------------------------------------------------------------------------


def changed(**values: Any) -> Channel:
	return CHANNEL.model_copy(update=values)


def test_scopes_follow_what_is_switched_on() -> None:
	nothing = set(setup.needed_scopes(changed(stock=QUIET)))
	assert nothing.isdisjoint({"write_inventory", "read_inventory", "write_products", "write_orders"})
	assert "write_inventory" in setup.needed_scopes(CHANNEL)
	assert "read_inventory" in setup.needed_scopes(changed(stock=StockPolicy(push=False, watch=True)))
	assert "read_locations" in setup.needed_scopes(changed(stock=QUIET, warehouses=MAPPED))
	catalog = CHANNEL.catalog.model_copy(update={"push_prices": True})
	prices = setup.needed_scopes(changed(catalog=catalog))
	assert "write_products" in prices
	assert {"read_publications", "write_publications"}.isdisjoint(prices)
	catalog = CHANNEL.catalog.model_copy(update={"push_listings": True})
	assert setup.needed_scopes(changed(catalog=catalog)).keys() >= {
		*("write_products", "read_publications", "write_publications"),
	}
	orders = CHANNEL.orders.model_copy(update={"send_local_changes": True})
	assert "write_orders" in setup.needed_scopes(changed(orders=orders))
	events = CHANNEL.events.model_copy(update={"order_status": "Own"})
	assert "write_orders" in setup.needed_scopes(changed(events=events))


def test_a_scope_says_what_it_is_for_as_the_form_does() -> None:
	events = CHANNEL.events.model_copy(update={"order_status": "Own"})
	orders = CHANNEL.orders.model_copy(update={"send_local_changes": True})
	for values in ({"events": events}, {"orders": orders}):
		told = setup.needed_scopes(changed(**values))["write_orders"]
		assert told == "Send Changes Made in ERPNext and Order Status"
	assert setup.needed_scopes(CHANNEL)["write_inventory"] == "Send Stock"


@pytest.mark.parametrize(
	("values", "told"),
	[
		({"events": {"invoices": "Own"}}, "Send Invoices"),
		({"refunds": {"send_refunds": True}}, "Give Money Back through the Shop"),
	],
)
def test_invoices_and_refunds_are_written_to_orders(values: dict[str, Any], told: str) -> None:
	[(name, more)] = values.items()
	channel = changed(**{name: getattr(CHANNEL, name).model_copy(update=more)})
	assert setup.needed_scopes(channel)["write_orders"] == told


def test_payouts_ask_for_scopes_where_the_shop_s_own_payments_are_booked() -> None:
	assert not [scope for scope in setup.useful_scopes(CHANNEL) if "payments" in scope]
	for gateway, asked in (("Shopify_*", True), ("*", True), ("paypal", False)):
		channel = changed(payments=(PaymentMap(gateway=gateway, account="Clearing"),))
		assert ("read_shopify_payments_payouts" in setup.useful_scopes(channel)) is asked, gateway


def test_a_scope_that_is_only_useful_is_a_warning() -> None:
	granted = [scope for scope in EVERYTHING if scope != "write_returns"]
	[line] = wrong(ready(described(granted), LOCATED))
	assert (line.severity, "write_returns" in line.title) == ("warning", True)
	assert line.title.endswith("not told what becomes of a return in ERPNext")
	assert line.fix and line.fix.startswith("For that, add it in")


def test_who_may_write_may_read() -> None:
	assert setup.missing_scopes(["read_products", "write_products", "read_orders"], {"write_products"}) == [
		"read_orders"
	]


# --- the check -----------------------------------------------------------------------------------------------


def described(
	scopes: list[str] = EVERYTHING,
	domain: str = SHOP_DOMAIN,
	currency: str = "EUR",
	plan: str = "Grow",
	versions: list[dict[str, Any]] = VERSIONS,
	**headers: str,
) -> HttpResponse:
	data = {
		"shop": {
			"myshopifyDomain": domain,
			"name": "Tea",
			"currencyCode": currency,
			"plan": {"publicDisplayName": plan},
		},
		"currentAppInstallation": {"accessScopes": [{"handle": scope} for scope in scopes]},
		"publicApiVersions": versions,
	}
	return answer(data, **headers)


def located(*rows: tuple[int, str, bool]) -> HttpResponse:
	nodes = [
		{"id": f"gid://shopify/Location/{number}", "name": name, "isActive": active}
		for number, name, active in rows
	]
	return answer({"locations": {"nodes": nodes, "pageInfo": {"hasNextPage": False, "endCursor": None}}})


LOCATED = located((1, "Store", True), (2, "Hall", True))


def checks(tea: Shop) -> list[Check]:
	return setup.check(tea.channel, tea.credentials, tea.connect, tea.now)


def wrong(tea: Shop) -> list[Check]:
	"""What is not in order; each line says what to do."""
	found = [check for check in checks(tea) if not check.ok]
	assert all(check.fix and check.document == "Tea" for check in found)
	return found


def ready(*answers: HttpResponse, **channel: Any) -> Shop:
	return shop(*answers, channel={"stock": QUIET, "warehouses": MAPPED, **channel})


def test_a_channel_in_order() -> None:
	tea = ready(described(date="Fri, 20 Nov 2026 10:00:30 GMT", x_shopify_api_version="2026-10"), LOCATED)
	assert wrong(tea) == []
	assert [check.title for check in checks(ready(described(), LOCATED))] == [
		"Shopify answers and takes the access token",
		"The app has every access scope that is needed",
		"API 2026-10 is supported",
	]


def test_settings_are_checked_before_anything_is_sent() -> None:
	tea = ready()
	tea.channel, tea.credentials = changed(store_url="https://tea.example"), Credentials()
	assert [check.title.split(":")[0] for check in wrong(tea)] == ["Store URL", "Access Token", "API Secret"]
	assert tea.transport.sent == []


@pytest.mark.parametrize(
	("response", "told", "fix"),
	[
		(HttpResponse(401, {}, b""), "does not accept the access token", "Access Token"),
		(HttpResponse(404, {}, b""), "no shop at this address", "Store URL"),
		(HttpResponse(503, {}, b""), "503", "Try again"),
		(Retryable("No connection"), "No connection", "Try again"),
	],
)
def test_a_shop_that_does_not_answer_says_why(response: Any, told: str, fix: str) -> None:
	[check] = wrong(ready(response))
	assert told in check.title and fix in check.fix


def test_each_missing_scope_is_named_with_what_it_is_for() -> None:
	granted = [scope for scope in EVERYTHING if scope not in ("read_customers", "read_orders")]
	found = wrong(ready(described(granted), LOCATED))
	assert [check.title for check in found] == [
		"The app lacks the access scope read_orders, for orders",
		"The app lacks the access scope read_customers, for the buyer of an order",
	]
	assert "Add read_orders" in found[0].fix


def test_old_orders_are_a_matter_of_choice() -> None:
	[check] = wrong(ready(described([s for s in EVERYTHING if s != "read_all_orders"]), LOCATED))
	assert check.severity == "warning" and "60 days" in check.title


@pytest.mark.parametrize(
	("changes", "title", "fix", "severity"),
	[
		({"domain": "other.myshopify.com"}, "of another shop", "Store URL", "error"),
		({"currency": "CAD"}, "currency is CAD, the channel's EUR", "to CAD", "error"),
		({"plan": "Paused"}, "is paused", "plan", "error"),
		({"plan": "Basic"}, "withholds names", "Client Credentials", "warning"),
		({"x_shopify_api_version": "2027-01"}, "API 2027-01 instead of 2026-10", "2026-10", "warning"),
		(
			{"versions": [{"handle": "2026-10", "supported": False}, *VERSIONS[:3]]},
			"not support",
			"2026-07",
			"error",
		),
		({"date": "Fri, 20 Nov 2026 10:05:00 GMT"}, "300 s off", "NTP", "warning"),
	],
)
def test_what_differs_is_told(changes: dict[str, Any], title: str, fix: str, severity: str) -> None:
	[check] = wrong(ready(described(**changes), LOCATED))
	assert title in check.title and fix in check.fix and check.severity == severity


def test_apps_of_today_are_told_who_the_buyer_is() -> None:
	tea = ready(described(plan="Basic"), LOCATED, authentication="Client Credentials")
	tea.memory.save_token("Tea", Token("t"))
	assert wrong(tea) == []


def test_what_will_end_is_told_by_itself() -> None:
	tea = ready(described(x_shopify_api_version="2026-10"))
	assert setup.warnings(tea.client, tea.now) == []
	tea = ready(described(x_shopify_api_version="2027-01"))
	[other] = setup.warnings(tea.client, tea.now)
	assert "API 2027-01 instead of 2026-10" in other.title
	tea = ready(described(), api_version="2026-04")
	[ending] = setup.warnings(tea.client, setup._end_of("2026-04") - timedelta(days=90))
	assert (ending.title, ending.ok) == ("API 2026-04 may end on 2027-04-01", False)
	assert "Set API Version" in (ending.fix or "")


@pytest.mark.parametrize(("days", "warned"), [(91, False), (90, True)])
def test_the_end_of_a_version_is_told_before_it_comes(days: int, warned: bool) -> None:
	tea = ready(described(), LOCATED, api_version="2026-04")
	tea.now = setup._end_of("2026-04") - timedelta(days=days)
	titles = [check.title for check in wrong(tea)]
	assert titles == (["API 2026-04 may end on 2027-04-01"] if warned else [])


def test_locations_that_are_not_there_are_told() -> None:
	tea = ready(described(), located((1, "Store", False), (3, "Attic", True)))
	titles = [check.title for check in wrong(tea)]
	assert titles == [
		"Location 1 (Store) is deactivated in Shopify",
		"Location 2 of the warehouse table is not one of the shop's",
		"Locations without a warehouse: 3 (Attic). Their orders go to the default warehouse",
	]
	again = wrong(ready(described(), located((1, "Store", False), (3, "Attic", True))))
	assert again[1].fix == "Enter one of: 3 (Attic)"


def test_stock_needs_a_location() -> None:
	granted = [*EVERYTHING, "read_inventory", "write_inventory"]
	tea = ready(described(granted), LOCATED, stock=StockPolicy(), warehouses=())
	[check] = wrong(tea)
	assert "No warehouse has a location" in check.title and "1 (Store), 2 (Hall)" in check.fix


# --- webhooks ------------------------------------------------------------------------------------------------


class App:
	"""The subscriptions of a shop's app, as Shopify tells and changes them."""

	def __init__(self, *rows: dict[str, Any], scopes: list[str] | None = None, page: int = 250):
		self.rows = list(rows)
		self.granted = [*EVERYTHING, "read_inventory"] if scopes is None else scopes
		self.page = page
		self.refused: str | None = None
		self.changes: list[str] = []

	def send(self, method: str, url: str, headers: Any, body: bytes | None = None) -> HttpResponse:
		asked = json.loads(body)
		operation = asked["query"].split()[1].partition("(")[0]
		answers = {
			"Scopes": self._scopes,
			"Subscriptions": self._list,
			"Subscribe": self._subscribe,
			"Unsubscribe": self._unsubscribe,
		}
		return answer(answers[operation](asked["variables"]))

	def _scopes(self, variables: dict[str, Any]) -> dict[str, Any]:
		return {"currentAppInstallation": {"accessScopes": [{"handle": scope} for scope in self.granted]}}

	def _list(self, variables: dict[str, Any]) -> dict[str, Any]:
		start = int(variables["after"] or 0)
		end = start + self.page
		info = {"hasNextPage": end < len(self.rows), "endCursor": str(end)}
		return {"webhookSubscriptions": {"nodes": self.rows[start:end], "pageInfo": info}}

	def _subscribe(self, variables: dict[str, Any]) -> dict[str, Any]:
		topic, uri = variables["topic"], variables["subscription"]["uri"]
		errors = []
		if topic == self.refused:
			errors = [{"field": ["webhookSubscription", "uri"], "message": "Address is not allowed"}]
		elif any((row["topic"], row["uri"]) == (topic, uri) for row in self.rows):
			errors = [{"field": ["uri"], "message": "Address for this topic has already been taken"}]
		else:
			self.rows.append(row(topic, **variables["subscription"]))
			self.changes.append(f"+{topic}")
		return {"webhookSubscriptionCreate": {"webhookSubscription": None, "userErrors": errors}}

	def _unsubscribe(self, variables: dict[str, Any]) -> dict[str, Any]:
		[gone] = [row for row in self.rows if row["id"] == variables["id"]]
		self.rows.remove(gone)
		self.changes.append(f"-{gone['topic']}")
		return {"webhookSubscriptionDelete": {"deletedWebhookSubscriptionId": gone["id"], "userErrors": []}}

	def topics(self, uri: str = URL) -> set[str]:
		return {row["topic"] for row in self.rows if row["uri"] == uri}


def row(topic: str, uri: str = URL, **values: Any) -> dict[str, Any]:
	number = int(hashlib.sha256(f"{topic}{uri}{values}".encode()).hexdigest()[:8], 16)
	plain = {"format": "JSON", "includeFields": [], "filter": None}
	return {
		"id": f"gid://shopify/WebhookSubscription/{number}",
		"topic": topic,
		"uri": uri,
		**plain,
		**values,
	}


def registered(app: App, url: str = URL, **channel: Any) -> str:
	tea = ready(**channel)
	tea.transport = app
	return subscriptions.register(tea.connect(), tea.channel, url)


def differ(app: App, **channel: Any) -> bool:
	tea = ready(**channel)
	tea.transport = app
	return subscriptions.differ(tea.connect(), tea.channel, URL)


def whole(**channel: Any) -> list[dict[str, Any]]:
	return [row(topic) for topic in wanted_topics(ready(**channel).channel)]


def test_every_topic_is_registered_at_an_empty_shop() -> None:
	app = App()
	told = registered(app)
	assert app.topics() == set(wanted_topics(ready().channel))
	assert {"ORDERS_CREATE", "REFUNDS_CREATE", "RETURNS_PROCESS", "APP_UNINSTALLED"} <= app.topics()
	assert f"({len(app.rows)} made, 0 removed, 0 left as they were)" in told
	assert not differ(app)


def test_what_cannot_be_registered_is_told() -> None:
	told = registered(App())
	assert all(topic in told for topic in COMPLIANCE) and "app's own configuration" in told and URL in told


def test_what_is_registered_is_left_alone() -> None:
	app = App(*whole(), page=3)
	before = list(app.rows)
	assert not differ(app)
	registered(app)
	assert (app.rows, app.changes) == (before, [])


def test_an_address_that_shopify_spells_differently_is_ours() -> None:
	spelled = URL.replace("=Tea", "=%54ea")
	app = App(*[row(topic, spelled) for topic in wanted_topics(ready().channel)])
	assert not differ(app)


def test_what_is_missing_is_made_and_what_is_wrong_removed() -> None:
	rows = whole()
	lost, thin, filtered = rows.pop(), rows.pop(), rows.pop()
	wrong_ones = [
		{**thin, "includeFields": ["id"]},
		{**filtered, "filter": "id:*"},
		row("CARTS_UPDATE"),
		row(rows[0]["topic"], name="twice"),
	]
	app = App(*rows, *wrong_ones)
	assert differ(app)
	registered(app)
	assert sorted(app.changes) == sorted(
		[
			f"-{thin['topic']}",
			f"-{filtered['topic']}",
			"-CARTS_UPDATE",
			f"-{rows[0]['topic']}",
			f"+{thin['topic']}",
			f"+{filtered['topic']}",
			f"+{lost['topic']}",
		]
	)
	assert not differ(app)


def test_subscriptions_of_others_are_left_alone() -> None:
	others = [
		row("ORDERS_CREATE", "https://other.example/hooks"),
		row("ORDERS_CREATE", URL.replace("Tea", "Cups")),
		row("ORDERS_CREATE", URL.replace("erp.example", "old.example")),
		row("ORDERS_CREATE", "pubsub://project:topic"),
	]
	app = App(*others)
	told = registered(app)
	assert app.rows[:4] == others
	assert "old.example" in told and "other.example" not in told


def test_a_topic_without_its_scope_is_left_out_and_told() -> None:
	scopes = [scope for scope in EVERYTHING if not scope.endswith("_returns")]
	app = App(scopes=scopes)
	told = registered(app)
	assert not any(topic.startswith("RETURNS") for topic in app.topics())
	assert "the app lacks read_returns: returns/request" in told
	assert not differ(app)


@pytest.mark.parametrize(("watch", "listens"), [(True, True), (False, False)])
def test_levels_are_listened_to_only_where_they_are_watched(watch: bool, listens: bool) -> None:
	app = App(row("INVENTORY_LEVELS_UPDATE"))
	registered(app, stock=StockPolicy(push=False, watch=watch))
	assert ("INVENTORY_LEVELS_UPDATE" in app.topics()) is listens


@pytest.mark.parametrize(("warehouses", "listens"), [(MAPPED, True), (MAPPED[:1], False), ((), False)])
def test_moves_are_listened_to_only_with_several_locations(warehouses: Any, listens: bool) -> None:
	app = App()
	registered(app, warehouses=warehouses)
	assert ("FULFILLMENT_ORDERS_MOVED" in app.topics()) is listens


def test_a_refused_subscription_is_named_and_the_others_are_made() -> None:
	app = App()
	app.refused = "ORDERS_EDITED"
	with pytest.raises(Rejected, match="orders/edited: Address is not allowed"):
		registered(app)
	assert len(app.rows) == len(wanted_topics(ready().channel)) - 1


def test_a_subscription_somebody_made_meanwhile_is_what_was_wanted() -> None:
	app = App()
	listed = app._list
	app._list = lambda variables: {
		**listed(variables),
		**{"webhookSubscriptions": {"nodes": [], "pageInfo": {"hasNextPage": False, "endCursor": None}}},
	}
	app.rows = whole()
	registered(app)
	assert app.changes == []


def test_shopify_posts_to_https_only() -> None:
	app = App()
	with pytest.raises(Misconfigured, match="https"):
		registered(app, "http://erp.example/hook")
	assert app.rows == []
	tea = ready()
	tea.transport = app
	subscriptions.register(tea.connect(), tea.channel, "http://127.0.0.1/hook", allow_http=True)
	assert app.topics("http://127.0.0.1/hook")


def test_taken_back_is_what_posts_to_us() -> None:
	other = row("ORDERS_CREATE", "https://other.example/hooks")
	app = App(*whole(), other, page=7)
	tea = ready()
	tea.transport = app
	subscriptions.unregister(tea.connect(), URL)
	assert app.rows == [other]


def test_topics_are_called_as_in_a_delivery() -> None:
	assert header_topic("ORDER_TRANSACTIONS_CREATE") == "order_transactions/create"
	assert header_topic("FULFILLMENT_ORDERS_MOVED") == "fulfillment_orders/moved"


# --- authorisation -------------------------------------------------------------------------------------------

CALLBACK = "https://erp.example/api/method/commerce_bridge.api.authorised"
AUTHORISED = {"authentication": "Authorisation"}


def query(secret: str = "shpss_current", **changes: str) -> dict[str, str]:
	"""What Shopify sends with the browser: signed over all of it, in alphabetical order."""
	values = {
		"code": "c0de",
		"host": "YWRtaW4",
		"shop": SHOP_DOMAIN,
		"state": "h.s",
		"timestamp": str(int(NOW.timestamp())),
		**changes,
	}
	text = "&".join(f"{name}={value}" for name, value in sorted(values.items()))
	return {**values, "hmac": hmac.digest(secret.encode(), text.encode(), "sha256").hex()}


def authorised(tea: Shop, values: dict[str, str]) -> Token:
	return setup.authorised(tea.client, tea.channel, tea.credentials, tea.surroundings, values)


def test_a_person_agrees_to_what_the_channel_needs() -> None:
	tea = shop(channel=AUTHORISED)
	url = setup.authorisation_url(tea.channel, tea.credentials, tea.surroundings, CALLBACK, "h.s")
	parts, values = urlsplit(url), parse_qs(urlsplit(url).query)
	assert (parts.scheme, parts.netloc, parts.path) == ("https", SHOP_DOMAIN, "/admin/oauth/authorize")
	assert values["client_id"] == ["client-id"]
	assert values["redirect_uri"] == [CALLBACK] and values["state"] == ["h.s"]
	assert values["scope"][0].split(",") == sorted({*setup.needed_scopes(tea.channel), "write_returns"})


def test_the_simulated_shop_authorises_on_this_machine() -> None:
	tea = shop(channel={**AUTHORISED, "store_url": "http://127.0.0.1:8125"})
	url = setup.authorisation_url(tea.channel, tea.credentials, tea.surroundings, CALLBACK, "h.s")
	assert url.startswith("http://127.0.0.1:8125/admin/oauth/authorize?")


@pytest.mark.parametrize("missing", ["api_key", "api_secret"])
def test_an_app_without_credentials_is_not_asked_for(missing: str) -> None:
	tea = shop(channel=AUTHORISED, credentials=CREDENTIALS.model_copy(update={missing: None}))
	with pytest.raises(Misconfigured) as raised:
		setup.authorisation_url(tea.channel, tea.credentials, tea.surroundings, CALLBACK, "h.s")
	assert raised.value.fieldname == missing


def test_the_code_is_exchanged_for_a_token() -> None:
	tea = shop(HttpResponse(200, {}, b'{"access_token": "shpua_1", "scope": "x"}'), channel=AUTHORISED)
	assert authorised(tea, query()) == Token("shpua_1")
	[(method, url, _, body)] = tea.transport.sent
	assert (method, url) == ("POST", f"https://{SHOP_DOMAIN}/admin/oauth/access_token")
	assert parse_qs(body.decode())["code"] == ["c0de"]


@pytest.mark.parametrize(
	"values",
	[
		query("shpss_other"),
		{**query(), "code": "other"},
		{**query(), "hmac": ""},
		{**query(), "hmac": "é"},
		{name: value for name, value in query().items() if name != "hmac"},
		query(shop="other.myshopify.com"),
		query(code=""),
		query(timestamp="soon"),
		query(timestamp=str(int(NOW.timestamp()) - 3601)),
		query(timestamp=str(int(NOW.timestamp()) + 3601)),
		{},
	],
)
def test_what_shopify_did_not_send_for_this_shop_is_refused(values: dict[str, str]) -> None:
	tea = shop(channel=AUTHORISED)
	with pytest.raises(Rejected):
		authorised(tea, values)
	assert tea.transport.sent == []


def test_an_empty_secret_signs_nothing() -> None:
	assert not session.is_signed(query(""), "", NOW)


def test_channels_do_not_share_the_secrets_of_the_library() -> None:
	assert session.is_signed(query("one"), "one", NOW)
	assert not session.is_signed(query("one"), "two", NOW)
	assert session.Session.secret is None and session.Session.api_key is None


def test_the_library_is_not_led_to_another_shop() -> None:
	with pytest.raises(ValueError):
		session.permission_url("www.tea.example", "k", [], CALLBACK, "s")
