from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from commerce_bridge.bridge.channel import CatalogPolicy, Credentials, OrderPolicy, ShippedPolicy, StockPolicy
from commerce_bridge.bridge.errors import Misconfigured, Rejected, Retryable
from commerce_bridge.bridge.protocols import Check, HttpResponse, Limits, Token
from commerce_bridge.connectors.woocommerce import setup
from commerce_bridge.connectors.woocommerce.facts import (
	SIGNED_WITH,
	Facts,
	facts_of,
	is_supported,
	probe,
	remember,
)
from commerce_bridge.connectors.woocommerce.subscriptions import TOPICS
from tests.connectors.woocommerce_shop import CREDENTIALS, KEY, KEY_SECRET, Shop, answer, captured, shop

CALLBACK = "https://erp.example/api/method/commerce_bridge.api.webhook?channel=Tea"
NO_ROUTE = captured("error_no_route")
INVALID_ID = answer({"code": "woocommerce_rest_shop_webhook_invalid_id", "message": "x", "data": {}}, 404)
READ_ONLY = captured("error_401_read_only_key")


def settings(**values: str) -> HttpResponse:
	return answer([{"id": f"woocommerce_{name}", "value": value} for name, value in values.items()])


def webhooks(*topics: str, status: str = "active", url: str = CALLBACK, name: str = "Tea") -> HttpResponse:
	rows = [
		{
			"id": number,
			"name": f"Commerce Bridge {name}: {topic}",
			"topic": topic,
			"status": status,
			"delivery_url": url,
		}
		for number, topic in enumerate(topics, start=1)
	]
	return answer(rows)


def statuses(*slugs: str) -> HttpResponse:
	return answer([{"slug": slug, "name": slug.title(), "total": 0} for slug in slugs])


@dataclass
class Routes:
	"""A shop in order, but for what the test says: method and path → what it answers."""

	changed: dict[str, HttpResponse | Exception] = field(default_factory=dict)
	sent: list[tuple[str, str, dict[str, str], bytes | None]] = field(default_factory=list)
	called: list[str] = field(default_factory=list)

	def send(
		self,
		method: str,
		url: str,
		headers: dict[str, str],
		body: bytes | None = None,
		limits: Limits | None = None,
	) -> HttpResponse:
		path = urlsplit(url).path.partition("/wp-json")[2].removeprefix("/wc/v3/")
		self.sent.append((method, url, dict(headers), body))
		self.called.append(f"{method} {path}")
		answers = {**IN_ORDER, **self.changed}
		given = answers.get(f"{method} {path}", NO_ROUTE)
		if isinstance(given, Exception):
			raise given
		return given


IN_ORDER: dict[str, HttpResponse | Exception] = {
	"GET /": answer(
		{"home": "https://tea.example/en", "namespaces": ["wc/v3", "wp/v2"]},
		date="Fri, 20 Nov 2026 10:00:30 GMT",
	),
	"GET system_status": answer({"environment": {"version": "10.2.4", "wp_version": "6.8.8"}}),
	"GET settings/general": settings(currency="EUR", price_num_decimals="2"),
	"GET settings/products": settings(weight_unit="g", manage_stock="yes"),
	"GET settings/tax": settings(prices_include_tax="no", tax_round_at_subtotal="yes"),
	"GET products": answer([]),
	"GET orders": answer([]),
	"GET customers": answer([]),
	"POST products/batch": answer({}),
	"POST orders/batch": answer({}),
	"POST webhooks/batch": answer({}),
	"PUT webhooks/0": INVALID_ID,
	"DELETE webhooks/0": INVALID_ID,
	"GET reports/orders/totals": statuses("pending", "processing", "completed", "trash-like"),
	"GET webhooks": webhooks(*TOPICS),
}


def tea_shop(changed: dict[str, HttpResponse | Exception] | None = None, **values: Any) -> Shop:
	return shop(transport=Routes(changed or {}), **values)


def checks(tea: Shop) -> list[Check]:
	return setup.check(tea.channel, tea.credentials, tea.surroundings, tea.connect)


def wrong(tea: Shop) -> list[Check]:
	"""What is not in order; each line says what to do."""
	found = [check for check in checks(tea) if not check.ok]
	assert all(
		check.fix and check.doctype == "Channel Settings" and check.document == "Tea" for check in found
	)
	return found


# --- settings ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
	("given", "missing"),
	[
		({"api_key", "api_secret"}, []),
		({"token"}, []),
		({"api_key"}, ["api_secret"]),
		({"api_secret", "access_token"}, ["api_key"]),
		(set(), ["api_key", "api_secret"]),
	],
)
def test_a_key_is_entered_whole_or_given_by_the_shop(given: set[str], missing: list[str]) -> None:
	problems = setup.settings_problems({"store_url": "https://tea.example"}, given)
	assert [fieldname for fieldname, _ in problems] == missing
	assert all("Connect to Shop" in told for _, told in problems)


@pytest.mark.parametrize("fieldname", ["order_statuses", "shipped_status", "partly_shipped_status"])
@pytest.mark.parametrize(
	("written", "wrong"),
	[
		("", []),
		("processing\n on-hold \n\nready_to_ship", []),
		("processing\nwc-completed", ["wc-completed"]),
		("Shipped", ["Shipped"]),
		("in packing", ["in packing"]),
		("a" * 18, ["a" * 18]),
	],
)
def test_statuses_are_what_the_api_calls_them(fieldname: str, written: str, wrong: list[str]) -> None:
	problems = setup.settings_problems({"store_url": "https://tea.example", fieldname: written}, {"token"})
	assert [(name, told.split(" is ")[0]) for name, told in problems] == [(fieldname, said) for said in wrong]


@pytest.mark.parametrize("url", ["", None, "ftp://tea.example", "https://tea.example/?lang=en"])
def test_the_address_must_be_one(url: str | None) -> None:
	[(fieldname, told)] = setup.settings_problems({"store_url": url}, {"token"})
	assert fieldname == "store_url" and "https://shop.example" in told


# --- facts ---------------------------------------------------------------------------------------------------

FACTS = Facts(
	version="10.2.4",
	wordpress="6.8.8",
	currency="EUR",
	decimals=2,
	prices_with_tax=False,
	rounded_per_order=True,
	weight_unit="g",
	tracking="Notes",
	stock_management=True,
)


def test_facts_are_asked_once_and_kept_in_words() -> None:
	tea = tea_shop()
	assert facts_of(tea.client) == FACTS
	asked = len(tea.transport.called)
	assert facts_of(tea.client) == FACTS
	assert len(tea.transport.called) == asked
	assert tea.memory.get_facts("Tea") == {
		"WooCommerce": "10.2.4",
		"WordPress": "6.8.8",
		"Currency": "EUR",
		"Decimals": "2",
		"Prices Entered with Tax": "No",
		"Tax Rounded per Order": "Yes",
		"Weight Unit": "g",
		"Stock Management": "Yes",
		"Tracking": "Notes",
	}


def test_facts_are_those_of_the_shop_as_it_is_when_probed() -> None:
	tea = tea_shop()
	facts_of(tea.client)
	remember(tea.client, {SIGNED_WITH: "12345678"})
	tea.transport.changed = {
		"GET settings/general": settings(currency="JPY", price_num_decimals="0"),
		"GET settings/products": settings(weight_unit="lbs", manage_stock="no"),
		"GET settings/tax": settings(prices_include_tax="yes", tax_round_at_subtotal="no"),
	}
	found = probe(tea.client)
	assert (found.currency, found.decimals, found.weight_unit) == ("JPY", 0, "lbs")
	assert (found.prices_with_tax, found.rounded_per_order, found.stock_management) == (True, False, False)
	assert facts_of(tea.client) == found
	assert tea.memory.get_facts("Tea")[SIGNED_WITH] == "12345678"


@pytest.mark.parametrize("kept", [{}, {"WooCommerce": "10.2.4"}, {"Tracking": "Pigeons"}])
def test_what_is_not_known_whole_is_asked_for(kept: dict[str, str]) -> None:
	tea = tea_shop()
	tea.memory.save_facts("Tea", kept)
	assert facts_of(tea.client) == FACTS


def spaces(*namespaces: str) -> HttpResponse:
	return answer({"namespaces": ["wc/v3", *namespaces]})


@pytest.mark.parametrize(
	("fulfilments", "namespaces", "tracking"),
	[
		(answer([]), ("wc-ast/v3",), "Fulfilments of WooCommerce"),
		(captured("error_order_not_found"), (), "Fulfilments of WooCommerce"),
		(NO_ROUTE, ("wc-shipment-tracking/v3",), "Shipment Tracking"),
		(NO_ROUTE, ("wc-shipment-tracking/v3", "wc-ast/v3"), "Advanced Shipment Tracking"),
		(NO_ROUTE, (), "Notes"),
	],
)
def test_the_shop_is_told_of_shipments_in_the_way_it_has(
	fulfilments: HttpResponse, namespaces: tuple[str, ...], tracking: str
) -> None:
	tea = tea_shop({"GET orders/0/fulfillments": fulfilments, "GET /": spaces(*namespaces)})
	assert probe(tea.client).tracking == tracking
	assert tea.memory.get_facts("Tea")["Tracking"] == tracking


def test_a_shop_that_fails_while_it_is_asked_leaves_nothing_behind() -> None:
	tea = tea_shop({"GET orders/0/fulfillments": HttpResponse(502, {}, b"")})
	with pytest.raises(Retryable):
		facts_of(tea.client)
	assert tea.memory.get_facts("Tea") == {}


@pytest.mark.parametrize("path", ["GET system_status", "GET settings/tax", "GET /"])
def test_an_answer_of_another_shape_is_no_fact(path: str) -> None:
	with pytest.raises(Retryable):
		probe(tea_shop({path: answer("maintenance")}).client)


@pytest.mark.parametrize(
	("version", "supported"),
	[
		("8.3.0", True),
		("8.2.9", False),
		("7.9.1", False),
		("9.0.0-beta.1", True),
		("10.2.4", True),
		("10.99.0", True),
		("11.0.0", False),
		("", False),
		("dev", False),
	],
)
def test_versions_this_connector_was_written_for(version: str, supported: bool) -> None:
	assert is_supported(version) is supported


# --- the check -----------------------------------------------------------------------------------------------


def test_a_channel_in_order() -> None:
	tea = tea_shop()
	assert wrong(tea) == []
	assert [check.title for check in checks(tea)] == [
		"WooCommerce 10.2.4 answers and takes the key",
		"The shop's clock agrees with ours",
		"The key may read and write orders, products, customers and webhooks",
		f"WooCommerce posts {len(TOPICS)} topics",
	]


def test_the_check_changes_nothing_in_the_shop() -> None:
	tea = tea_shop()
	checks(tea)
	changes = [call for call in tea.transport.called if not call.startswith("GET ")]
	assert sorted(changes) == [
		"DELETE webhooks/0",
		"POST orders/batch",
		"POST products/batch",
		"POST webhooks/batch",
		"PUT webhooks/0",
	]
	assert {body for method, _, _, body in tea.transport.sent if method in ("POST", "PUT")} == {b"{}"}


def test_settings_are_checked_before_anything_is_sent() -> None:
	tea = tea_shop(credentials=Credentials(), channel={"store_url": "ftp://tea.example"})
	assert [check.title.split(":")[0] for check in wrong(tea)] == ["Store URL", "API Key", "API Secret"]
	assert tea.transport.sent == []


def test_a_key_that_the_shop_gave_is_enough() -> None:
	tea = tea_shop(credentials=CREDENTIALS.model_copy(update={"api_key": None, "api_secret": None}))
	tea.memory.save_token("Tea", Token(f"{KEY}:{KEY_SECRET}"))
	assert wrong(tea) == []


def test_key_and_secret_in_each_other_s_field_are_noticed() -> None:
	swapped = {"api_key": KEY_SECRET, "api_secret": KEY}
	tea = tea_shop(credentials=CREDENTIALS.model_copy(update=swapped))
	assert [(check.title, tea.transport.sent) for check in wrong(tea)] == [
		("API Key: what WooCommerce shows there begins with ck_", []),
		("API Secret: what WooCommerce shows there begins with cs_", []),
	]


@pytest.mark.parametrize(
	("path", "response", "told", "fix"),
	[
		("GET /", Retryable("No connection to tea.example"), "No connection", "Try again"),
		("GET /", HttpResponse(404, {}, b"<html>"), "Permalinks", "Store URL"),
		(
			"GET /",
			HttpResponse(301, {"location": "https://www.tea.example/wp-json/"}, b""),
			"www.tea.",
			"Store URL",
		),
		("GET system_status", captured("error_401_oauth_bad_key"), "does not know", "API Key"),
		("GET system_status", captured("error_401_bad_secret_basic"), "does not belong", "API Secret"),
		("GET system_status", captured("error_503_maintenance"), "maintenance", "Try again"),
		("GET settings/tax", HttpResponse(403, {}, b"<html>"), "firewall", "Store URL"),
	],
)
def test_a_shop_that_cannot_be_worked_with_says_why(path: str, response: Any, told: str, fix: str) -> None:
	[check] = wrong(tea_shop({path: response}))
	assert told in check.title and fix in check.fix and check.severity == "error"


CANNOT = answer({"code": "woocommerce_rest_cannot_batch", "message": "x", "data": {"status": 403}}, 403)


@pytest.mark.parametrize(
	("path", "response", "told"),
	[
		("POST products/batch", READ_ONLY, "Read/Write"),
		("GET customers", CANNOT, "administrator"),
		("POST orders/batch", CANNOT, "administrator"),
		("POST webhooks/batch", CANNOT, "administrator"),
		("PUT webhooks/0", HttpResponse(405, {}, b"<html>"), "refuses PUT"),
		("DELETE webhooks/0", HttpResponse(403, {}, b"<html>"), "firewall"),
	],
)
def test_a_key_that_may_not_do_everything_is_found_out(path: str, response: HttpResponse, told: str) -> None:
	[check] = wrong(tea_shop({path: response}))
	assert told in check.title and check.severity == "error"


def index(home: str = "https://tea.example/en", **headers: str) -> dict[str, HttpResponse | Exception]:
	return {"GET /": answer({"home": home, "namespaces": []}, **headers)}


@pytest.mark.parametrize(
	("changed", "title", "fix", "severity"),
	[
		(
			{"GET system_status": answer({"environment": {"version": "11.1.0"}})},
			"WooCommerce 11.1.0",
			"8.3 to 10.x",
			"warning",
		),
		(
			{"GET settings/general": settings(currency="USD", price_num_decimals="2")},
			"is USD, the channel's EUR",
			"to USD",
			"error",
		),
		(
			{"GET settings/products": settings(manage_stock="no")},
			"does not count stock",
			"Inventory",
			"error",
		),
		(index(date="Fri, 20 Nov 2026 10:05:00 GMT"), "differ by 300 s", "NTP", "warning"),
		(index("https://www.tea.example/en"), "https://www.tea.example/en, not", "Store URL", "warning"),
		({"GET webhooks": webhooks()}, "does not post anything", "Register Webhooks", "warning"),
		({"GET webhooks": webhooks(*TOPICS[1:])}, "does not post order.created:", "polling", "warning"),
		({"GET webhooks": webhooks(*TOPICS, status="disabled")}, "switched them off", "Register", "warning"),
		({"GET webhooks": webhooks(*TOPICS, name="Coffee")}, "does not post", "Register", "warning"),
		(
			{"GET webhooks": webhooks(*TOPICS, url="https://erp.example:8443/x")},
			"port that WordPress",
			"http_allowed_safe_ports",
			"warning",
		),
	],
)
def test_what_differs_is_told(changed: Any, title: str, fix: str, severity: str) -> None:
	[check] = wrong(tea_shop(changed))
	assert title in check.title and fix in check.fix and check.severity == severity


def test_stock_is_the_shop_s_own_affair_where_none_is_sent() -> None:
	counted = {"GET settings/products": settings(manage_stock="no")}
	assert wrong(tea_shop(counted, channel={"stock": StockPolicy(push=False)})) == []


@pytest.mark.parametrize(("entered", "words"), [("yes", "with tax"), ("no", "without tax")])
def test_prices_are_to_be_with_or_without_tax_as_the_shop_enters_them(entered: str, words: str) -> None:
	catalog = CatalogPolicy(push_prices=True)
	tea = tea_shop({"GET settings/tax": settings(prices_include_tax=entered)}, channel={"catalog": catalog})
	assert [check.title for check in checks(tea) if f"takes prices {words}" in check.title]
	assert wrong(tea) == []


@pytest.mark.parametrize("url", ["http://tea.example/en", "http://127.0.0.1:8090"])
def test_without_encryption_buyers_data_can_be_read(url: str) -> None:
	tea = tea_shop(index(url, date="Fri, 20 Nov 2026 10:00:00 GMT"), channel={"store_url": url})
	[check] = wrong(tea)
	assert "without encryption" in check.title and check.severity == "warning"


def test_statuses_of_the_settings_are_those_of_the_shop() -> None:
	channel = {
		"orders": OrderPolicy(statuses=("processing", "trash", "packing")),
		"shipped": ShippedPolicy(whole="completed", part="partly-sent"),
	}
	found = wrong(tea_shop(channel=channel))
	assert [check.title for check in found] == [
		"The shop has no order status 'packing'",
		"The shop has no order status 'partly-sent'",
	]
	assert all("pending, processing, completed" in check.fix for check in found)


def test_a_shop_that_does_not_list_its_statuses_is_not_accused() -> None:
	channel = {"orders": OrderPolicy(statuses=("packing",))}
	assert wrong(tea_shop({"GET reports/orders/totals": answer([])}, channel=channel)) == []


def test_without_a_secret_nothing_the_shop_posts_is_taken() -> None:
	[check] = wrong(tea_shop(credentials=CREDENTIALS.model_copy(update={"webhook_secrets": ()})))
	assert "no webhook secret" in check.title


def test_one_part_that_fails_does_not_hide_the_others() -> None:
	found = wrong(tea_shop({"POST products/batch": READ_ONLY, "GET webhooks": webhooks()}))
	assert ["Read/Write" in check.title for check in found] == [True, False]
	assert "does not post" in found[1].title


# --- warnings ------------------------------------------------------------------------------------------------


def test_nothing_is_told_of_a_shop_in_order() -> None:
	assert setup.warnings(tea_shop(channel={"catalog": CatalogPolicy(push_prices=True)}).client) == []


def test_what_changed_in_the_shop_is_told_by_itself() -> None:
	tea = tea_shop()
	facts_of(tea.client)
	tea.transport.changed = {
		"GET system_status": answer({"environment": {"version": "11.0.0"}}),
		"GET settings/products": settings(manage_stock="no"),
	}
	told = setup.warnings(tea.client)
	assert ["11.0.0" in told[0].title, "count stock" in told[1].title, len(told)] == [True, True, 2]
	assert tea.memory.get_facts("Tea")["WooCommerce"] == "11.0.0"


def test_titles_stay_the_same_from_day_to_day() -> None:
	tea = tea_shop({"GET system_status": answer({"environment": {"version": "11.0.0"}})})
	first = setup.warnings(tea.client)
	tea.now += timedelta(days=1)
	tea.__post_init__()
	assert [check.title for check in setup.warnings(tea.client)] == [check.title for check in first]


# --- authorisation -------------------------------------------------------------------------------------------

KEYS_CALLBACK = "https://erp.example/api/method/commerce_bridge.api.authorised_keys"
RETURN = "https://erp.example/app/channel-settings/Tea"


def authorisation(tea: Shop, callback: str = KEYS_CALLBACK, return_url: str = RETURN) -> str:
	return setup.authorisation_url(tea.channel, tea.surroundings, callback, return_url, "h-1.s_2")


def test_a_person_agrees_in_the_shop() -> None:
	url = authorisation(shop())
	assert url.startswith("https://tea.example/en/wc-auth/v1/authorize?")
	assert parse_qs(urlsplit(url).query) == {
		"app_name": ["ERPNext (Commerce Bridge)"],
		"scope": ["read_write"],
		"user_id": ["h-1.s_2"],
		"return_url": [RETURN],
		"callback_url": [KEYS_CALLBACK],
	}


@pytest.mark.parametrize(
	"return_url",
	[
		"https://erp.example/app/channel-settings/Tea%20%26%20Co",
		"https://erp.example/app/channel-settings/a+b",
	],
)
def test_the_shop_decodes_the_way_back_too_often(return_url: str) -> None:
	url = authorisation(shop(), return_url=return_url)
	assert parse_qs(urlsplit(url).query)["return_url"] == ["https://erp.example/app/channel-settings"]


def test_keys_are_given_to_https_addresses_only() -> None:
	with pytest.raises(Misconfigured, match="https"):
		authorisation(shop(), "http://erp.example/api/method/x")
	with pytest.raises(Misconfigured, match="https"):
		authorisation(shop(), "http://127.0.0.1:8000/x")
	with pytest.raises(Misconfigured, match="https"):
		authorisation(shop(allow_loopback=True), "http://erp.example/x")
	assert "callback_url=http%3A" in authorisation(shop(allow_loopback=True), "http://127.0.0.1:8000/x")


def test_a_shop_without_an_address_is_not_asked() -> None:
	with pytest.raises(Misconfigured) as raised:
		authorisation(shop(channel={"store_url": ""}))
	assert raised.value.fieldname == "store_url"


def posted(**changes: str) -> dict[str, str]:
	"""What WooCommerce posts after a person agreed."""
	values = {
		"key_id": "3",
		"user_id": "h-1.s_2",
		"consumer_key": KEY,
		"consumer_secret": KEY_SECRET,
		"key_permissions": "read_write",
	}
	return {**values, **changes}


def test_the_key_is_kept_as_one_token() -> None:
	assert setup.authorised(posted()) == Token(f"{KEY}:{KEY_SECRET}")


@pytest.mark.parametrize(
	"query",
	[
		{},
		posted(consumer_key=""),
		posted(consumer_secret=""),
		posted(consumer_key=KEY_SECRET),
		posted(consumer_key="ck_a:b" * 3),
		posted(consumer_secret="cs_" + "é" * 40),
		posted(key_permissions="read"),
		posted(key_permissions="write"),
		posted(key_permissions=""),
	],
)
def test_what_is_no_key_for_reading_and_writing_is_refused(query: dict[str, str]) -> None:
	with pytest.raises(Rejected) as raised:
		setup.authorised(query)
	assert KEY not in str(raised.value) and KEY_SECRET not in str(raised.value)
