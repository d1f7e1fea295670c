from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from urllib.parse import parse_qs, parse_qsl, quote, urlsplit

import pytest

from commerce_bridge.bridge.channel import Credentials
from commerce_bridge.bridge.errors import BridgeError, Misconfigured, Rejected, Retryable, TooLarge
from commerce_bridge.bridge.protocols import HttpResponse, Limits, Token
from commerce_bridge.connectors.woocommerce.answers import api_error, refused, told
from commerce_bridge.connectors.woocommerce.client import LIMITS, NoRoute, NotFound, Refused
from commerce_bridge.connectors.woocommerce.shop import known_base, shop_base
from tests.connectors.storefront import RecordingTransport
from tests.connectors.woocommerce_shop import (
	CHANNEL,
	CREDENTIALS,
	FIXTURES,
	KEY,
	KEY_SECRET,
	answer,
	captured,
	shop,
)

PLAIN_HTTP = {"store_url": "http://tea.example:8080/en"}


# --- where it goes -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
	("entered", "base"),
	[
		("https://tea.example", "https://tea.example"),
		("https://Tea.Example/", "https://tea.example"),
		(" tea.example ", "https://tea.example"),
		("https://tea.example:443/en/", "https://tea.example/en"),
		("http://tea.example:8080/a/b", "http://tea.example:8080/a/b"),
		("https://tea.example/wp-admin/admin.php", "https://tea.example"),
		("https://tea.example/en/wp-json/wc/v3", "https://tea.example/en"),
		("https://tea.example/wp-json", "https://tea.example"),
		("https://tee.example/lädchen", "https://tee.example/l%C3%A4dchen"),
		("https://lädchen.example", "https://xn--ldchen-bua.example"),
		("http://[::1]:8080", "http://[::1]:8080"),
	],
)
def test_a_shop_is_at_the_address_a_person_entered(entered: str, base: str) -> None:
	assert known_base(entered) == base


@pytest.mark.parametrize(
	"entered",
	[
		"",
		"https://",
		"ftp://tea.example",
		"https://ck_1:cs_2@tea.example",
		"https://tea.example/?rest_route=/wc/v3",
		"https://tea.example/#shop",
		"https://tea.example/../admin",
		"https://tea.example/%2e%2e/admin",
		"https://tea.example:99999",
		"https://.",
		"https://tea example",
		"javascript:alert(1)",
	],
)
def test_what_is_no_address_is_refused(entered: str) -> None:
	assert known_base(entered) is None
	with pytest.raises(Misconfigured) as raised:
		shop_base(CHANNEL.model_copy(update={"store_url": entered}))
	assert (raised.value.document, raised.value.fieldname) == ("Tea", "store_url")


def test_over_https_the_key_is_in_a_header_and_not_in_the_address() -> None:
	tea = shop(answer([]))
	assert tea.client.get("orders", status=["processing", "on-hold"], page=2, search=None) == []
	[(method, url, headers, body)] = tea.transport.sent
	assert (method, body) == ("GET", None)
	assert url == "https://tea.example/en/wp-json/wc/v3/orders?status=processing%2Con-hold&page=2"
	token = base64.b64encode(f"{KEY}:{KEY_SECRET}".encode()).decode()
	assert headers["authorization"] == f"Basic {token}"


def test_values_of_a_query_are_as_php_reads_them() -> None:
	tea = shop(answer([]))
	moment = datetime(2026, 11, 20, 15, 30, tzinfo=timezone(timedelta(hours=5, minutes=30)))
	tea.client.get(
		"orders", dates_are_gmt=True, force=False, after=moment, sku="a+b &c%", price=Decimal("1E+1")
	)
	assert parse_qs(urlsplit(tea.transport.sent[0][1]).query) == {
		"dates_are_gmt": ["true"],
		"force": ["false"],
		"after": ["2026-11-20T10:00:00"],
		"sku": ["a+b &c%"],
		"price": ["10"],
	}


@pytest.mark.parametrize("nothing", ["", [], [""]])
def test_a_filter_without_a_value_would_be_everything_and_is_not_sent(nothing: object) -> None:
	tea = shop()
	with pytest.raises(ValueError, match="without a value"):
		tea.client.get("products", sku=nothing)
	assert tea.transport.sent == []


def test_other_parts_of_the_api_are_reached_with_a_slash() -> None:
	tea = shop(answer({}), answer({}))
	tea.client.get("/")
	tea.client.get("/wc-ast/v3/orders/7/shipment-trackings")
	assert [url for _, url, _, _ in tea.transport.sent] == [
		"https://tea.example/en/wp-json/",
		"https://tea.example/en/wp-json/wc-ast/v3/orders/7/shipment-trackings",
	]


@pytest.mark.parametrize("path", ["orders/7?force=true", "orders/../users", "orders/7#", "orders/ 7", "a//b"])
def test_an_id_that_is_none_does_not_change_the_address(path: str) -> None:
	tea = shop()
	with pytest.raises(Rejected, match="id"):
		tea.client.delete(path)
	assert tea.transport.sent == []


def test_a_body_goes_out_as_json_and_prices_as_text() -> None:
	tea = shop(answer({"id": 7}))
	assert tea.client.put("products/7", {"regular_price": Decimal("9.90"), "name": "Käse"}) == {"id": 7}
	[(method, _, headers, body)] = tea.transport.sent
	assert method == "PUT" and headers["content-type"].startswith("application/json")
	assert body == '{"name":"Käse","regular_price":"9.90"}'.encode()


def test_a_call_has_the_time_and_room_a_batch_needs() -> None:
	given: list[Limits | None] = []

	class Transport(RecordingTransport):
		def send(self, method, url, headers, body=None, limits=None):
			given.append(limits)
			return super().send(method, url, headers, body, limits)

	tea = shop(transport=Transport([answer([])]))
	tea.client.get("orders")
	assert given == [LIMITS]
	assert LIMITS.seconds >= 60 and LIMITS.size >= 16 * 1024 * 1024 and not LIMITS.encrypted


# --- keys and signatures -------------------------------------------------------------------------------------


def expected_signature(method: str, url: str) -> str:
	"""As WooCommerce computes it (WC_REST_Authentication::check_oauth_signature)."""
	address, _, query = url.partition("?")
	given = dict(parse_qsl(query, keep_blank_values=True))
	del given["oauth_signature"]
	pairs = (f"{_twice(name)}%3D{_twice(value)}" for name, value in sorted(given.items()))
	text = "&".join((method, quote(address, safe=""), "%26".join(pairs)))
	return base64.b64encode(hmac.digest(f"{KEY_SECRET}&".encode(), text.encode(), hashlib.sha256)).decode()


def _twice(text: str) -> str:
	return quote(quote(text, safe=""), safe="")


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_over_http_a_request_is_signed_and_the_secret_stays_here(method: str) -> None:
	tea = shop(answer({}), channel=PLAIN_HTTP)
	tea.client.send(method, "orders/7", {"force": True})
	[(_, url, headers, _)] = tea.transport.sent
	given = parse_qs(urlsplit(url).query)
	assert url.startswith("http://tea.example:8080/en/wp-json/wc/v3/orders/7?")
	assert given["oauth_signature"] == [expected_signature(method, url)]
	assert given["oauth_timestamp"] == [str(int(tea.now.timestamp()))]
	assert given["force"] == ["true"] and given["oauth_consumer_key"] == [KEY]
	assert KEY_SECRET not in url and "authorization" not in headers


@pytest.mark.parametrize(
	"sku", ["A/B", "b c", "b+c", "ä", "100%", "%41", "50%25", "a~b", "[x]", "o'b*!", "a,b;c"]
)
def test_values_that_encode_in_several_ways_are_signed_as_the_shop_does(sku: str) -> None:
	tea = shop(answer([]), channel=PLAIN_HTTP)
	tea.client.get("products", sku=sku)
	url = tea.transport.sent[0][1]
	given = parse_qs(urlsplit(url).query)
	assert given["sku"] == [sku]
	assert given["oauth_signature"] == [expected_signature("GET", url)]


def test_no_two_requests_have_one_nonce() -> None:
	tea = shop(*[answer([])] * 50, channel=PLAIN_HTTP)
	for _ in range(50):
		tea.client.get("orders")
	nonces = {parse_qs(urlsplit(url).query)["oauth_nonce"][0] for _, url, _, _ in tea.transport.sent}
	assert len(nonces) == 50 and all(len(nonce) >= 32 for nonce in nonces)


def test_the_key_of_the_exchange_comes_before_one_that_was_entered() -> None:
	tea = shop(answer([]))
	tea.memory.save_token("Tea", Token("ck_given:cs_given"))
	tea.client.get("orders")
	header = tea.transport.sent[0][2]["authorization"].removeprefix("Basic ")
	assert base64.b64decode(header) == b"ck_given:cs_given"


@pytest.mark.parametrize("missing", ["api_key", "api_secret"])
def test_without_a_key_nothing_is_sent(missing: str) -> None:
	tea = shop(credentials=CREDENTIALS.model_copy(update={missing: None}))
	with pytest.raises(Misconfigured) as raised:
		tea.client.get("orders")
	assert raised.value.fieldname == missing and tea.transport.sent == []


def test_keys_are_not_shown() -> None:
	keys = shop().client.keys()
	assert KEY not in repr(keys) and KEY_SECRET not in repr(keys)


# --- answers -------------------------------------------------------------------------------------------------


def test_numbers_are_exact_and_lists_are_answers() -> None:
	body = b'[{"price": 17.993333333333332, "id": 12}]'
	tea = shop(HttpResponse(200, {"date": "Fri, 20 Nov 2026 18:01:54 GMT", "x-wp-total": "45"}, body))
	reply = tea.client.send("GET", "orders")
	assert reply.body == [{"price": Decimal("17.993333333333332"), "id": 12}]
	assert reply.answered_at == datetime(2026, 11, 20, 18, 1, 54, tzinfo=timezone.utc)
	assert reply.total == 45


def test_a_shop_that_does_not_say_when_or_how_many() -> None:
	reply = shop(HttpResponse(200, {"date": "soon", "x-wp-total": "many"}, b"[]")).client.send(
		"GET", "orders"
	)
	assert reply.answered_at is None and reply.total is None


def test_a_byte_order_mark_of_some_plugin_is_no_matter() -> None:
	assert shop(HttpResponse(200, {}, b"\xef\xbb\xbf\n[]")).client.get("orders") == []


def test_an_answer_without_content_is_none() -> None:
	assert shop(HttpResponse(204, {}, b"")).client.delete("orders/7") is None


@pytest.mark.parametrize(
	"body",
	[
		b"<html>be back soon</html>",
		b"<br />\n<b>Warning</b>: something in secret.php\n[]",
		b"",
		b"[1, NaN]",
		b'{"a": 1, "a": 2}',
		b"[[[[" * 40,
		b"\xff\xfe",
		b'[{"id": 1',
	],
)
def test_what_is_no_json_may_be_some_the_next_time(body: bytes) -> None:
	tea = shop(HttpResponse(200, {"content-type": "text/html; charset=UTF-8"}, body))
	with pytest.raises(Retryable, match=f"text/html .{len(body)} bytes") as raised:
		tea.client.get("orders")
	assert "secret.php" not in str(raised.value)


# --- pages ---------------------------------------------------------------------------------------------------


def rows(first: int, count: int) -> HttpResponse:
	return answer([{"id": number} for number in range(first, first + count)])


def test_pages_end_with_a_short_one() -> None:
	tea = shop(rows(0, 100), rows(100, 100), rows(200, 3))
	assert [len(page) for page in tea.client.pages("products", orderby="id")] == [100, 100, 3]
	assert [query for _, _, query, _ in tea.sent] == [
		{"orderby": ["id"], "per_page": ["100"], "page": [str(number)]} for number in (1, 2, 3)
	]


def test_pages_of_another_size_and_from_another_beginning() -> None:
	tea = shop(rows(0, 2), rows(2, 0))
	assert [len(page) for page in tea.client.pages("products", per_page=2, page=4)] == [2]
	assert [query["page"] for _, _, query, _ in tea.sent] == [["4"], ["5"]]


def test_a_page_beyond_the_last_is_the_end() -> None:
	assert list(shop(rows(0, 100), captured("error_page_beyond")).client.pages("products")) == [
		[{"id": number} for number in range(100)]
	]


def test_the_next_page_is_asked_for_when_it_is_needed() -> None:
	tea = shop(rows(0, 100), rows(100, 1))
	pages = tea.client.pages("orders")
	next(pages)
	assert len(tea.sent) == 1


def test_a_cache_that_gives_one_page_again_and_again_is_noticed() -> None:
	tea = shop(rows(0, 100), rows(0, 100))
	with pytest.raises(Retryable, match="cache"):
		list(tea.client.pages("products"))


def test_a_list_that_is_none_is_not_read_as_one() -> None:
	with pytest.raises(Retryable, match="list"):
		list(shop(answer({"0": {"id": 1}})).client.pages("products"))


# --- what answers mean ---------------------------------------------------------------------------------------

CAPTURED = {
	"error_401_bad_key_basic": (Misconfigured, "does not recognise the key"),
	"error_401_bad_secret_basic": (Misconfigured, "secret .* does not belong to this key"),
	"error_401_index_php_rest_route": (Misconfigured, "does not hand the Authorization header on"),
	"error_401_no_auth": (Misconfigured, "does not recognise the key"),
	"error_401_oauth_bad_key": (Misconfigured, "does not know this consumer key"),
	"error_401_oauth_bad_secret": (Misconfigured, "secret .* does not belong to this key"),
	"error_401_oauth_nonce_replay": (Retryable, "repetition"),
	"error_401_oauth_old_timestamp": (Misconfigured, "clocks"),
	"error_401_read_only_key": (Misconfigured, "Read/Write"),
	"error_500_fatal": (Retryable, "WooCommerce > Status > Logs"),
	"error_503_maintenance": (Retryable, "maintenance"),
	"error_bad_date": (Refused, "rest_invalid_param: Invalid date"),
	"error_bad_sku": (Refused, "duplicated SKU., the shop's product 12 has it"),
	"error_bad_sku_update": (Refused, "the shop's product 12 has it"),
	"error_bad_webhook_topic": (Refused, "Webhook topic is required"),
	"error_bad_webhook_url": (Refused, "valid URL starting with"),
	"error_batch_101": (TooLarge, "413"),
	"error_customer_bad_email": (Refused, "customer_invalid_email$"),
	"error_customer_exists": (Refused, "registration-error-email-exists$"),
	"error_delete_customer_no_force": (Refused, "do not support trashing"),
	"error_invalid_json": (Refused, "Invalid JSON"),
	"error_invalid_param": (Refused, "stock_quantity is not of type integer"),
	"error_no_route": (NoRoute, "no API wc/v3 for orders/… .404.: is WooCommerce active"),
	"error_order_bad_coupon": (Refused, "woocommerce_rest_invalid_coupon$"),
	"error_order_bad_status": (Refused, "status is not one of"),
	"error_order_id_is_product": (NotFound, "any more"),
	"error_order_missing_product": (Refused, "Product ID or SKU is required"),
	"error_order_not_found": (NotFound, "any more"),
	"error_per_page_101": (Refused, "per_page must be between"),
	"error_price_float": (Refused, "regular_price is not of type string"),
	"error_product_not_found": (NotFound, "any more"),
	"error_refund_gateway": (Refused, "gateway for this order does not exist"),
	"error_refund_too_much": (Refused, "Invalid refund amount"),
	"error_stock_float": (Refused, "stock_quantity is not of type integer"),
}
#: Captured as oddities: the shop takes what it should refuse.
TAKEN = {"error_page_beyond", "error_order_unknown_product"}


@pytest.mark.parametrize("name", CAPTURED)
def test_each_captured_error_says_what_to_do(name: str) -> None:
	kind, told = CAPTURED[name]
	with pytest.raises(kind, match=told) as raised:
		shop(captured(name)).client.get("orders/7")
	assert type(raised.value) is kind
	assert len(str(raised.value)) < 400


def test_every_captured_error_is_in_the_table() -> None:
	assert {path.stem for path in FIXTURES.glob("error_*.json")} == {*CAPTURED, *TAKEN}


def test_what_a_shop_quotes_of_a_buyer_is_not_told() -> None:
	for name in ("error_customer_exists", "error_order_bad_coupon"):
		with pytest.raises(Refused) as raised:
			shop(captured(name)).client.get("orders/7")
		assert "anna@example.test" not in str(raised.value) and "nope" not in str(raised.value)


def test_a_refusal_keeps_what_its_caller_needs() -> None:
	with pytest.raises(Refused) as raised:
		shop(captured("error_bad_sku")).client.post("products", {"sku": "SIM-1-1"})
	assert (raised.value.code, raised.value.status) == ("product_invalid_sku", 400)
	assert raised.value.data["resource_id"] == 12


def test_maintenance_is_over_when_the_shop_says() -> None:
	with pytest.raises(Retryable) as raised:
		shop(captured("error_503_maintenance")).client.get("orders")
	assert raised.value.after == timedelta(minutes=10)


@pytest.mark.parametrize(
	("value", "after"),
	[
		("7", timedelta(seconds=7)),
		("9999999", timedelta(days=1)),
		("Fri, 20 Nov 2026 18:06:00 GMT", timedelta(minutes=5)),
		("Fri, 20 Nov 2026 17:00:00 GMT", timedelta(0)),
		("soon", None),
		("-5", None),
		("9" * 40, None),
		("", None),
	],
)
def test_too_many_requests_are_repeated_when_the_shop_says(value: str, after: timedelta | None) -> None:
	response = HttpResponse(
		429, {"retry-after": value, "date": "Fri, 20 Nov 2026 18:01:00 GMT"}, b"slow down"
	)
	with pytest.raises(Retryable) as raised:
		shop(response).client.get("orders")
	assert raised.value.after == after


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 508, 520, 522, 526])
@pytest.mark.parametrize("body", [b"<html>no</html>", b"", b'{"code": "x", "message": "y", "data": null}'])
def test_what_passes_is_tried_again(status: int, body: bytes) -> None:
	with pytest.raises(Retryable, match=str(status)):
		shop(HttpResponse(status, {}, body)).client.get("orders")


@pytest.mark.parametrize("status", [400, 402, 409, 422])
def test_what_is_refused_without_a_reason_is_refused(status: int) -> None:
	with pytest.raises(Refused, match=f"refused GET with {status} and text/html") as raised:
		shop(HttpResponse(status, {"content-type": "text/html"}, b"<p>no</p>")).client.get("orders")
	assert type(raised.value) is Refused and raised.value.status == status


@pytest.mark.parametrize(
	("response", "kind", "told", "fieldname"),
	[
		(HttpResponse(403, {}, b"<html>"), Misconfigured, "firewall", "store_url"),
		(HttpResponse(401, {}, b""), Misconfigured, "firewall", "store_url"),
		(
			HttpResponse(401, {"www-authenticate": "Basic"}, b"<html>"),
			Misconfigured,
			"asks for a password",
			"store_url",
		),
		(
			answer({"code": "woocommerce_rest_cannot_view", "message": "No.", "data": {"status": 403}}, 403),
			Misconfigured,
			"administrator",
			"api_key",
		),
		(HttpResponse(404, {}, b"<html>not found</html>"), NoRoute, "Permalinks", "store_url"),
		(HttpResponse(405, {}, b"<html>"), Misconfigured, "refuses PUT", "store_url"),
		(HttpResponse(406, {}, b"<html>Mod_Security</html>"), Misconfigured, "firewall", "store_url"),
		(HttpResponse(413, {}, b"<html>"), TooLarge, "413", None),
		(HttpResponse(414, {}, b"<html>"), TooLarge, "414", None),
	],
)
def test_what_stands_before_the_shop_is_told_apart(
	response: HttpResponse, kind: type[BridgeError], told: str, fieldname: str | None
) -> None:
	with pytest.raises(kind, match=told) as raised:
		shop(response).client.put("orders/7", {})
	assert type(raised.value) is kind
	assert getattr(raised.value, "fieldname", None) == fieldname


def test_a_shop_of_another_language_is_understood() -> None:
	german = {"code": "woocommerce_rest_authentication_error", "message": "Verbraucherschlüssel ungültig."}
	with pytest.raises(Misconfigured, match="Verbraucherschlüssel") as raised:
		shop(answer(german, 401)).client.get("orders")
	assert "Read/Write" not in str(raised.value)
	with pytest.raises(Misconfigured, match="Read/Write"):
		shop(answer(german, 401)).client.put("orders/7", {})


def test_a_plugin_that_is_missing_is_named() -> None:
	with pytest.raises(NoRoute, match="no API wc-ast: a plugin is missing"):
		shop(captured("error_no_route")).client.get("/wc-ast/v3/orders/7/shipment-trackings")


def test_a_bad_id_is_not_found_whatever_the_status_line_says() -> None:
	body = {"code": "woocommerce_rest_product_invalid_id", "message": "Invalid ID.", "data": {"status": 400}}
	with pytest.raises(NotFound):
		shop(answer(body, 400)).client.put("products/7", {})


# --- redirects -----------------------------------------------------------------------------------------------

SIGNED = "?oauth_consumer_key=ck_1&oauth_signature=s3cr3t"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
	("location", "told"),
	[
		(
			f"https://www.tea.example/wp-json/wc/v3/orders{SIGNED}",
			"enter https://www.tea.example as Store URL",
		),
		(f"https://tea.example/de/wp-json/wc/v3/orders{SIGNED}", "enter https://tea.example/de as Store URL"),
		("/de/wp-json/wc/v3/orders", "enter https://tea.example/de as Store URL"),
		("//www.tea.example/en/wp-json/", "enter https://www.tea.example/en as Store URL"),
		(f"https://tea.example/en/wp-json/wc/v3/orders/{SIGNED}", "does not lead to its API"),
		(f"https://tea.example/wp-login.php{SIGNED}", "does not lead to its API"),
		("https://u:p4ss@tea.example/x/wp-json/", "enter https://tea.example/x as Store URL"),
		("https://[bad/wp-json/", "does not lead to its API"),
		("", "does not lead to its API"),
	],
)
def test_a_redirect_names_the_address_to_enter(status: int, location: str, told: str) -> None:
	tea = shop(HttpResponse(status, {"location": location}, b""))
	with pytest.raises(Misconfigured, match=told) as raised:
		tea.client.get("orders")
	assert raised.value.fieldname == "store_url"
	assert "s3cr3t" not in str(raised.value) and "p4ss" not in str(raised.value)
	assert len(tea.transport.sent) == 1


# --- what never happens --------------------------------------------------------------------------------------


@pytest.mark.parametrize("failure", [Retryable("No connection"), HttpResponse(502, {}, b""), answer({}, 429)])
def test_nothing_is_sent_twice(failure: HttpResponse | Exception) -> None:
	tea = shop(failure, answer({"id": 1}))
	with pytest.raises(Retryable):
		tea.client.post("orders", {"status": "processing"})
	assert len(tea.transport.sent) == 1


def test_a_message_is_short_whatever_a_shop_answers() -> None:
	"""It has to fit into a column."""
	for large in ({"code": "x" * 100_000, "message": "m"}, {"code": "0", "message": "m" * 100_000}):
		with pytest.raises(Refused) as raised:
			shop(answer(large, 400)).client.get("orders")
		assert len(str(raised.value)) < 500


@pytest.mark.parametrize("store_url", ["https://tea.example", "http://tea.example"])
def test_no_message_holds_a_secret_a_query_or_what_was_sent(store_url: str) -> None:
	link = f'<https://tea.example/wp-json/?consumer_secret={KEY_SECRET}>; rel="next"'
	statuses = [200, 204, 301, 400, 401, 403, 404, 405, 413, 418, 429, 500, 501, 502, 503]
	codes = ["rest_no_route", "woocommerce_rest_cannot_view", "woocommerce_rest_authentication_error", "x"]
	for status in statuses:
		for code in codes:
			told = {
				"code": code,
				"message": f"https://tea.example/?s={KEY_SECRET}",
				"data": {"status": status},
			}
			for response in (
				answer(told, status, link=link, location=f"/wp-json/{SIGNED}"),
				HttpResponse(status, {"link": link, "content-type": link}, b"<html>anna@example.test"),
			):
				tea = shop(response, channel={"store_url": store_url})
				try:
					tea.client.put("customers/7", {"email": "anna@example.test"}, search="Anna")
				except BridgeError as error:
					shown = repr(error) + str(error.__cause__) + str(error.__dict__.get("message"))
					for secret in (KEY, KEY_SECRET, "s3cr3t", "anna@", "Anna", "oauth_"):
						assert secret not in shown


# --- errors of rows ------------------------------------------------------------------------------------------


def test_a_row_of_a_batch_is_read_like_an_answer() -> None:
	error = api_error(
		{"code": "woocommerce_rest_product_invalid_id", "message": "x", "data": {"status": 400}}
	)
	assert error is not None and isinstance(refused(error), NotFound)
	error = api_error({"code": "product_invalid_sku", "message": "Taken.", "data": {"resource_id": 3}})
	assert error is not None and str(refused(error)).endswith("Taken., the shop's product 3 has it")


def test_fulfilments_number_their_errors() -> None:
	body = {"code": 0, "message": "Invalid item.", "data": {"status": 400}}
	with pytest.raises(Refused, match=r"0: Invalid item\.") as raised:
		shop(answer(body, 400)).client.post("orders/7/fulfillments", {})
	assert raised.value.code == "0"
	gone = api_error({"code": "woocommerce_rest_order_invalid_id", "message": "x", "data": {"status": "404"}})
	assert gone is not None and gone.status == 404


def test_an_image_that_cannot_be_loaded_is_told_without_its_address() -> None:
	told = "Error getting remote image https://cdn.example/a.png?token=s3cr3t. Error: cURL error 7"
	body = {"code": "woocommerce_product_image_upload_error", "message": told, "data": {"status": 400}}
	with pytest.raises(Refused, match="cURL error 7") as raised:
		shop(answer(body, 400)).client.post("products", {})
	assert "s3cr3t" not in str(raised.value)


@pytest.mark.parametrize("body", [None, [], {}, {"code": "x"}, {"id": 7, "message": "x"}, "x"])
def test_what_is_no_error_is_not_taken_for_one(body: object) -> None:
	assert api_error(body) is None


def test_credentials_of_another_channel_are_of_no_use() -> None:
	tea = shop(credentials=Credentials())
	tea.memory.save_token("Coffee", Token("ck_x:cs_y"))
	with pytest.raises(Misconfigured, match="Connect to Shop"):
		tea.client.get("orders")


def test_keys_that_a_shop_quotes_reach_nobody() -> None:
	key = "ck_0123456789abcdef0123456789abcdef01234567"
	body = {
		"code": f"woocommerce_rest_{key}",
		"message": f"Consumer key {key} is invalid.",
		"data": {"status": 400, "params": {key: "wrong", "status": "wrong"}},
	}
	error = api_error(body)
	assert error is not None
	assert "ck_" not in told(error)
	assert "status" in told(error)
	plain = api_error({**body, "code": "woocommerce_rest_authentication_error"})
	assert plain is not None and key not in told(plain)
