from __future__ import annotations

import json
import os
import threading
from datetime import timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import pytest

from commerce_bridge.bridge.channel import Credentials
from commerce_bridge.bridge.errors import BridgeError, Misconfigured, Rejected, Retryable, TooLarge
from commerce_bridge.bridge.protocols import HttpResponse, Token
from commerce_bridge.connectors.shopify import transport as kept_transport
from commerce_bridge.connectors.shopify.client import (
	LONGEST_WAIT,
	THROTTLED_TRIES,
	UserError,
	raise_user_errors,
	user_errors,
)
from commerce_bridge.connectors.shopify.ids import gid, id_of, kind_of, legacy_id, stock_ids_of
from commerce_bridge.connectors.shopify.shop import NoAccess, shop_base, shop_domain
from commerce_bridge.connectors.shopify.tokens import MARGIN
from tests.connectors.shopify_shop import CHANNEL, NOW, TOKEN, answer, cost, shop

QUERY = "query Name { shop { name } }"
MUTATION = (
	"mutation Set($n: Int!, $key: String!) { set(n: $n) @idempotent(key: $key) { userErrors { code } } }"
)
NAME = {"shop": {"name": "Tea"}}
THROTTLED = [{"message": "Throttled", "extensions": {"code": "THROTTLED"}}]


# --- where it goes -------------------------------------------------------------------------------------------


def test_a_call_goes_to_the_version_of_the_channel_with_its_token() -> None:
	tea = shop(answer(NAME), channel={"api_version": "2026-07"})
	assert tea.client.run(QUERY, {"amount": Decimal("1.50"), "id": 2**60 + 1}) == NAME
	[(method, url, headers, body)] = tea.transport.sent
	assert (method, url) == ("POST", "https://tea-and-cups.myshopify.com/admin/api/2026-07/graphql.json")
	assert headers["x-shopify-access-token"] == TOKEN
	assert json.loads(body) == {"query": QUERY, "variables": {"amount": "1.50", "id": 2**60 + 1}}


def test_without_a_version_the_tested_one_is_spoken() -> None:
	tea = shop(answer(NAME, x_shopify_api_version="2026-07"))
	tea.client.run(QUERY)
	assert "/api/2026-10/" in tea.transport.sent[0][1]
	assert (tea.client.version, tea.client.answered_version) == ("2026-10", "2026-07")


@pytest.mark.parametrize(
	"url",
	[
		"",
		"https://www.tea.example",
		"https://tea.myshopify.com.evil.example",
		"https://tea.myshopify.com@evil.example",
		"https://tea.myshopify.com/admin",
		"https://-tea.myshopify.com",
		"https://a.b.myshopify.com",
		"http://tea.myshopify.com",
		"http://10.0.0.1:8000",
	],
)
def test_a_store_url_that_is_no_shop_is_refused_before_the_token_goes_anywhere(url: str) -> None:
	with pytest.raises(Misconfigured) as refused:
		shop(channel={"store_url": url})
	assert refused.value.fieldname == "store_url"


@pytest.mark.parametrize(
	"url", ["Tea.myshopify.com", "https://tea.myshopify.com/", " https://tea.myshopify.com"]
)
def test_a_bare_name_is_a_shop(url: str) -> None:
	channel = CHANNEL.model_copy(update={"store_url": url})
	assert shop_domain(channel) == "tea.myshopify.com"
	assert shop_base(channel, False) == "https://tea.myshopify.com"


def test_a_shop_on_this_machine_is_for_development_only() -> None:
	channel = CHANNEL.model_copy(update={"store_url": "http://127.0.0.1:8125"})
	assert shop_domain(channel) == "simulated.myshopify.com"
	assert shop_base(channel, True) == "http://127.0.0.1:8125"
	with pytest.raises(Misconfigured):
		shop_base(channel, False)


@pytest.mark.parametrize("version", ["2026-13", "2026", "unstable", "2026-10/../../oauth"])
def test_a_version_that_is_none_is_refused(version: str) -> None:
	with pytest.raises(Misconfigured) as refused:
		shop(channel={"api_version": version})
	assert refused.value.fieldname == "api_version"


# --- what statuses mean --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
	("status", "error", "told"),
	[
		(302, Misconfigured, "redirect"),
		(400, Rejected, "400"),
		(402, Misconfigured, "frozen"),
		(403, NoAccess, "uninstalled"),
		(404, Misconfigured, "no shop at this address"),
		(408, Retryable, "408"),
		(413, TooLarge, "413"),
		(423, Misconfigured, "locked"),
		(429, Retryable, "429"),
		(430, Retryable, "430"),
		(500, Retryable, "500"),
		(503, Retryable, "503"),
	],
)
def test_a_status_says_what_becomes_of_the_entry(status: int, error: type[BridgeError], told: str) -> None:
	tea = shop(HttpResponse(status, {}, b"<html>no</html>"))
	with pytest.raises(error, match=told) as raised:
		tea.client.run(QUERY)
	assert type(raised.value) is error


@pytest.mark.parametrize(
	("value", "after"),
	[
		("2.0", timedelta(seconds=2)),
		("7", timedelta(seconds=7)),
		("soon", None),
		("", None),
		("9" * 50, None),
	],
)
def test_too_many_calls_are_repeated_when_shopify_says(value: str, after: timedelta | None) -> None:
	tea = shop(HttpResponse(429, {"retry-after": value}, b""))
	with pytest.raises(Retryable) as raised:
		tea.client.run(QUERY)
	assert raised.value.after == after


@pytest.mark.parametrize(
	"body", [b"", b"<html>ok</html>", b"[]", b'{"data": {"a": NaN}}', b"{}", b'{"data": null}']
)
def test_an_answer_that_is_none_may_be_one_later(body: bytes) -> None:
	tea = shop(HttpResponse(200, {}, body))
	with pytest.raises(Retryable):
		tea.client.run(QUERY)


# --- errors --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
	("code", "error"),
	[
		("MAX_COST_EXCEEDED", TooLarge),
		("INTERNAL_SERVER_ERROR", Retryable),
		("SHOP_INACTIVE", Misconfigured),
		("undefinedField", Rejected),
		(None, Rejected),
	],
)
def test_a_code_says_what_becomes_of_the_entry(code: str | None, error: type[BridgeError]) -> None:
	tea = shop(
		answer(None, [{"message": "Field 'x' is odd", "extensions": {"code": code}, "path": ["a", 3]}])
	)
	with pytest.raises(error) as raised:
		tea.client.run(QUERY)
	assert type(raised.value) is error
	if error is Rejected:
		assert "Name" in str(raised.value) and "a.3: Field 'x' is odd" in str(raised.value)


def test_a_scope_that_is_missing_is_named() -> None:
	denied = {
		"message": "Access denied for orders field. Required access: `read_orders` access scope.",
		"extensions": {"code": "ACCESS_DENIED", "requiredAccess": "`read_orders` access scope."},
		"path": ["orders"],
	}
	tea = shop(answer({"orders": None}, [denied]))
	with pytest.raises(Misconfigured, match="lacks the access scope read_orders: add it"):
		tea.client.run(QUERY)


def test_errors_that_are_text_are_told() -> None:
	tea = shop(HttpResponse(200, {}, b'{"errors": "Not  Found"}'))
	with pytest.raises(Rejected, match="Not Found"):
		tea.client.run(QUERY)


PARTIAL = [{"message": "no", "extensions": {"code": "INTERNAL_SERVER_ERROR"}, "path": ["shop", "plan"]}]


def test_half_an_answer_is_no_answer() -> None:
	tea = shop(answer({"shop": {"name": "Tea", "plan": None}}, PARTIAL))
	with pytest.raises(Retryable, match=r"shop\.plan"):
		tea.client.run(QUERY)


def test_who_asks_for_a_part_gets_it_with_the_errors() -> None:
	result = shop(answer({"shop": {"name": "Tea", "plan": None}}, PARTIAL)).client.ask(QUERY)
	assert result.data["shop"]["name"] == "Tea"
	assert [(error.code, error.path) for error in result.errors] == [
		("INTERNAL_SERVER_ERROR", ("shop", "plan"))
	]


def test_numbers_keep_every_digit() -> None:
	raw = b'{"data": {"id": 820982911946154508, "amount": 0.1000000000000000055}}'
	data = shop(HttpResponse(200, {}, raw)).client.run(QUERY)
	assert data == {"id": 820982911946154508, "amount": Decimal("0.1000000000000000055")}


# --- throttling ----------------------------------------------------------------------------------------------


def test_throttled_is_an_answer_200_and_waits_what_is_missing() -> None:
	tea = shop(answer(None, THROTTLED, cost(500, 200)), answer(NAME, cost=cost(500, 0)))
	assert tea.client.run(QUERY) == NAME
	assert tea.slept == [3.0]


def test_a_call_that_would_be_throttled_is_not_made_before_its_time() -> None:
	tea = shop(answer(NAME, cost=cost(400, 100)), answer(NAME, cost=cost(400, 0)))
	tea.client.run(QUERY)
	tea.client.run(QUERY)
	assert tea.slept == [3.0]
	assert len(tea.bodies) == 2


def test_time_that_passed_counts_as_waited() -> None:
	tea = shop(answer(NAME, cost=cost(400, 100)), answer(NAME))
	tea.client.run(QUERY)
	tea.now += timedelta(seconds=2)
	tea.client.run(QUERY)
	assert tea.slept == [1.0]


def test_a_known_cost_is_waited_for_at_the_first_call_of_a_document() -> None:
	tea = shop(answer(NAME, cost=cost(10, 100)), answer(NAME))
	tea.client.run(QUERY)
	tea.client.run("query Other { shop { id } }", cost=300)
	assert tea.slept == [2.0]


def test_a_long_wait_is_the_queue_s() -> None:
	tea = shop(answer(None, THROTTLED, cost(1900, 100)))
	with pytest.raises(Retryable) as raised:
		tea.client.run(QUERY)
	assert raised.value.after == timedelta(seconds=18)
	assert tea.slept == []


def test_a_unit_waits_for_so_long_in_total() -> None:
	answers = [answer(NAME, cost=cost(500, 100)) for _ in range(4)]
	tea = shop(*answers)
	with pytest.raises(Retryable):
		for _ in range(4):
			tea.client.run(QUERY)
	assert tea.slept == [4.0, 4.0] and sum(tea.slept) <= LONGEST_WAIT


def test_throttled_without_numbers_does_not_hammer() -> None:
	tea = shop(*[answer(None, THROTTLED) for _ in range(20)])
	with pytest.raises(Retryable, match="throttles"):
		tea.client.run(QUERY)
	assert len(tea.bodies) == THROTTLED_TRIES
	assert tea.slept == [1.0] * THROTTLED_TRIES


# --- idempotent calls ----------------------------------------------------------------------------------------


def done(*codes: str) -> HttpResponse:
	return answer({"set": {"userErrors": [{"field": None, "message": "m", "code": code} for code in codes]}})


def test_the_same_call_of_the_same_unit_has_the_same_key() -> None:
	first, again, other = shop(done()), shop(done()), shop(done(), unit="SYNC-2")
	for tea in (first, again, other):
		tea.client.run_idempotent(MUTATION, {"n": 1})
	[one], [two], [three] = first.variables, again.variables, other.variables
	assert one["n"] == 1 and one["key"] == two["key"] != three["key"]
	assert len(one["key"]) == 36


def test_recomputed_variables_have_another_key() -> None:
	tea = shop(done(), done())
	tea.client.run_idempotent(MUTATION, {"n": 1})
	tea.client.run_idempotent(MUTATION, {"n": 2})
	one, two = tea.variables
	assert one["key"] != two["key"]


def test_without_a_unit_no_call_repeats_another() -> None:
	tea = shop(done(), done(), unit="")
	tea.client.run_idempotent(MUTATION, {"n": 1})
	tea.client.run_idempotent(MUTATION, {"n": 1})
	one, two = tea.variables
	assert one["key"] != two["key"]


@pytest.mark.parametrize(
	"code", ["IDEMPOTENCY_KEY_PARAMETER_MISMATCH", "IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED"]
)
@pytest.mark.parametrize("at_the_top", [False, True])
def test_a_used_up_key_is_followed_by_a_new_one(code: str, at_the_top: bool) -> None:
	errors = answer({"set": None}, [{"message": "m", "extensions": {"code": code}}])
	tea = shop(errors if at_the_top else done(code), done())
	assert tea.client.run_idempotent(MUTATION, {"n": 1}) == {"set": {"userErrors": []}}
	one, two = tea.variables
	assert one["key"] != two["key"]


def test_a_call_that_is_still_running_is_asked_for_later() -> None:
	with pytest.raises(Retryable, match="still working"):
		shop(done("IDEMPOTENCY_CONCURRENT_REQUEST")).client.run_idempotent(MUTATION, {"n": 1})


def test_other_user_errors_are_the_caller_s() -> None:
	data = shop(done("INVALID_QUANTITY")).client.run_idempotent(MUTATION, {"n": 1})
	assert [error.code for error in user_errors(data["set"])] == ["INVALID_QUANTITY"]


def test_user_errors_are_told_with_their_field() -> None:
	payload = {"userErrors": [{"field": ["input", "quantities", "3"], "message": "is odd", "code": "X"}]}
	assert user_errors(payload) == [UserError(("input", "quantities", "3"), "is odd", "X")]
	with pytest.raises(Rejected, match=r"input\.quantities\.3: is odd"):
		raise_user_errors(payload)
	raise_user_errors({"userErrors": []})


def test_a_payload_that_is_missing_is_no_success() -> None:
	with pytest.raises(Rejected):
		raise_user_errors(None)


# --- pages ---------------------------------------------------------------------------------------------------


def page(nodes: list[int], after: str | None) -> HttpResponse:
	return answer({"things": {"nodes": nodes, "pageInfo": {"hasNextPage": bool(after), "endCursor": after}}})


def test_pages_are_read_to_the_end() -> None:
	tea = shop(page([1, 2], "a"), page([3], None))
	assert list(tea.client.pages(QUERY, "things", {"q": "x"})) == [1, 2, 3]
	assert tea.variables == [{"q": "x", "after": None}, {"q": "x", "after": "a"}]


def test_a_cursor_that_stands_still_ends_it() -> None:
	with pytest.raises(Retryable, match="cursor"):
		list(shop(page([1], "a"), page([1], "a")).client.pages(QUERY, "things"))


# --- tokens --------------------------------------------------------------------------------------------------

GRANT = {"authentication": "Client Credentials"}
REFUSED = HttpResponse(401, {}, b'{"errors":"[API] Invalid API key or access token"}')


def granted(token: str = "shpat_1", seconds: int | None = 86399) -> HttpResponse:
	body = {"access_token": token, "scope": "read_orders"} | ({"expires_in": seconds} if seconds else {})
	return HttpResponse(200, {}, json.dumps(body).encode())


def used(tea) -> list[str]:
	return [
		headers["x-shopify-access-token"] for _, url, headers, _ in tea.transport.sent if "graphql" in url
	]


def test_the_credentials_of_the_app_get_a_token_that_is_kept() -> None:
	tea = shop(granted(), answer(NAME), answer(NAME), channel=GRANT)
	tea.client.run(QUERY)
	tea.connect().run(QUERY)
	method, url, headers, body = tea.transport.sent[0]
	assert (method, url) == ("POST", "https://tea-and-cups.myshopify.com/admin/oauth/access_token")
	assert headers["content-type"] == "application/x-www-form-urlencoded"
	assert parse_qs(body.decode()) == {
		"client_id": ["client-id"],
		"client_secret": ["shpss_current"],
		"grant_type": ["client_credentials"],
	}
	assert used(tea) == ["shpat_1", "shpat_1"]
	assert tea.memory.get_token("Tea") == Token("shpat_1", NOW + timedelta(seconds=86399))


@pytest.mark.parametrize(("left", "renews"), [(MARGIN + timedelta(seconds=1), False), (MARGIN, True)])
def test_a_token_is_renewed_before_it_ends(left: timedelta, renews: bool) -> None:
	tea = shop(*([granted("shpat_2")] if renews else []), answer(NAME), channel=GRANT)
	tea.memory.save_token("Tea", Token("shpat_1", NOW + left))
	tea.client.run(QUERY)
	assert used(tea) == ["shpat_2" if renews else "shpat_1"]


def test_a_token_that_is_refused_is_renewed_once() -> None:
	tea = shop(REFUSED, granted("shpat_2"), answer(NAME), channel=GRANT)
	tea.memory.save_token("Tea", Token("shpat_1", NOW + timedelta(hours=9)))
	assert tea.client.run(QUERY) == NAME
	assert used(tea) == ["shpat_1", "shpat_2"]


def test_the_token_another_worker_got_meanwhile_is_taken() -> None:
	tea = shop(REFUSED, answer(NAME), channel=GRANT)
	tea.memory.save_token("Tea", Token("shpat_1", NOW + timedelta(hours=9)))
	send = tea.transport.send

	def refuse_and_renew(*arguments):
		response = send(*arguments)
		tea.memory.save_token("Tea", Token("shpat_9", NOW + timedelta(hours=9)))
		return response

	tea.transport.send = refuse_and_renew
	assert tea.client.run(QUERY) == NAME
	assert used(tea) == ["shpat_1", "shpat_9"]


def test_a_new_token_that_is_refused_too_is_a_person_s_matter() -> None:
	tea = shop(REFUSED, granted("shpat_2"), REFUSED, channel=GRANT)
	tea.memory.save_token("Tea", Token("shpat_1"))
	with pytest.raises(Misconfigured, match="does not accept the access token"):
		tea.client.run(QUERY)
	assert used(tea) == ["shpat_1", "shpat_2"]


def test_a_pasted_token_is_not_renewed() -> None:
	tea = shop(REFUSED)
	with pytest.raises(Misconfigured) as raised:
		tea.client.run(QUERY)
	assert raised.value.fieldname == "access_token"
	assert used(tea) == [TOKEN]


def test_a_token_is_pasted_with_what_was_around_it() -> None:
	tea = shop(answer(NAME), credentials=Credentials(access_token=" shpat_1\n"))
	tea.client.run(QUERY)
	assert used(tea) == ["shpat_1"]


@pytest.mark.parametrize("pasted", ["shpat_ü", "shpat_1\r\nx: y", "  "])
def test_what_is_no_token_is_not_sent(pasted: str) -> None:
	tea = shop(answer(NAME), credentials=Credentials(access_token=pasted))
	with pytest.raises(Misconfigured) as raised:
		tea.client.run(QUERY)
	assert raised.value.fieldname == "access_token" and tea.transport.sent == []


def test_a_channel_that_nobody_authorised_says_what_to_press() -> None:
	with pytest.raises(Misconfigured, match="press Connect to Shop"):
		shop(channel={"authentication": "Authorisation"}).client.run(QUERY)


def test_an_authorised_channel_uses_its_token() -> None:
	tea = shop(answer(NAME), channel={"authentication": "Authorisation"})
	tea.memory.save_token("Tea", Token("shpua_1"))
	tea.client.run(QUERY)
	assert used(tea) == ["shpua_1"]


@pytest.mark.parametrize(
	("missing", "method"),
	[
		("access_token", "Access Token"),
		("api_key", "Client Credentials"),
		("api_secret", "Client Credentials"),
	],
)
def test_a_credential_that_is_missing_is_named(missing: str, method: str) -> None:
	values = {"api_key": "k", "api_secret": "s", "access_token": "t"} | {missing: None}
	with pytest.raises(Misconfigured) as raised:
		shop(channel={"authentication": method}, credentials=Credentials(**values)).client.run(QUERY)
	assert raised.value.fieldname == missing


@pytest.mark.parametrize(
	("response", "error", "told"),
	[
		(HttpResponse(400, {}, b'{"error":"shop_not_permitted"}'), Misconfigured, "same organisation"),
		(HttpResponse(400, {}, b"<html>Oauth error invalid_request</html>"), Misconfigured, "API key"),
		(HttpResponse(400, {}, b'{"error":"app_not_installed"}'), Misconfigured, "install it"),
		(HttpResponse(401, {}, b'{"error":"invalid_client"}'), Misconfigured, "does not know"),
		(HttpResponse(404, {}, b"nothing"), Misconfigured, "no shop at this address"),
		(HttpResponse(429, {}, b""), Retryable, "429"),
		(HttpResponse(502, {}, b""), Retryable, "502"),
		(HttpResponse(200, {}, b"<html>"), Retryable, "not JSON"),
		(HttpResponse(200, {}, b'{"access_token": ""}'), Retryable, "no access token"),
		(HttpResponse(200, {}, b'{"access_token": "a\\nb"}'), Retryable, "no access token"),
	],
)
def test_a_token_that_is_not_given_says_why(
	response: HttpResponse, error: type[BridgeError], told: str
) -> None:
	tea = shop(response, channel=GRANT)
	with pytest.raises(error, match=told):
		tea.client.run(QUERY)
	assert tea.memory.kept == {}


def test_no_message_and_no_repr_shows_a_secret() -> None:
	tea = shop(HttpResponse(400, {}, b'{"error":"shpss_current invalid"}'), channel=GRANT)
	with pytest.raises(Misconfigured) as raised:
		tea.client.run(QUERY)
	shown = f"{raised.value} {Token('shpat_1')!r} {tea.credentials!r}"
	assert "shp" not in shown.replace("shopify", "")


def test_a_traceback_with_variables_shows_no_secret() -> None:
	for tea in (shop(granted(), answer(NAME), channel=GRANT), shop(answer(NAME))):
		tea.client.run(QUERY)
		for _, _, headers, body in tea.transport.sent:
			assert "shp" not in f"{headers!r}"
			if b"grant_type" in body:
				assert "shp" not in f"{body!r}"


# --- ids -----------------------------------------------------------------------------------------------------


def test_ids_of_both_kinds_are_the_same_number() -> None:
	assert gid("Order", "450789469") == "gid://shopify/Order/450789469"
	assert gid("Order", "gid://shopify/Order/1") == "gid://shopify/Order/1"
	assert legacy_id("gid://shopify/Order/820982911946154508") == "820982911946154508"
	assert legacy_id("gid://shopify/InventoryLevel/1?inventory_item_id=2") == "1"
	assert kind_of("gid://shopify/FulfillmentOrder/1") == "FulfillmentOrder"
	assert kind_of("x") is None and kind_of(None) is None


@pytest.mark.parametrize("number", ["", "abc", "1'; --", "gid://shopify/Customer/1", "9" * 30])
def test_what_is_no_id_is_not_sent(number: str) -> None:
	with pytest.raises(Rejected):
		gid("Order", number)


def test_the_global_id_counts_where_the_number_was_rounded() -> None:
	rounded = {"id": 820982911946154500, "admin_graphql_api_id": "gid://shopify/Order/820982911946154508"}
	assert id_of(rounded, "Order") == "820982911946154508"
	assert id_of({"id": 2**60 + 1}, "Order") == str(2**60 + 1)
	assert id_of({"id": True}, "Order") is None and id_of(None, "Order") is None
	level = {
		"inventory_item_id": 271878346596884000,
		"location_id": 24826418,
		"admin_graphql_api_id": "gid://shopify/InventoryLevel/24826418?inventory_item_id=271878346596884015",
	}
	assert stock_ids_of(level) == ("271878346596884015", "24826418")


# --- the wire ------------------------------------------------------------------------------------------------


class Server:
	"""A server on this machine that remembers which connection a request came over."""

	def __init__(self, answer: bytes = b'{"data": {"a": 1}}', status: int = 200, headers=()):
		self.connections: list[tuple] = []
		self.received: list[dict[str, str]] = []
		outer = self

		class Handler(BaseHTTPRequestHandler):
			protocol_version = "HTTP/1.1"

			def do_POST(self) -> None:
				self.rfile.read(int(self.headers["content-length"]))
				outer.connections.append(self.client_address)
				outer.received.append({name.lower(): value for name, value in self.headers.items()})
				self.send_response(status)
				for name, value in (("Content-Length", str(len(answer))), *headers):
					self.send_header(name, value)
				self.end_headers()
				self.wfile.write(answer)

			def log_message(self, *arguments: object) -> None:
				pass

		self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
		self._server.daemon_threads = True
		self.url = f"http://127.0.0.1:{self._server.server_port}"
		threading.Thread(target=self._server.serve_forever, daemon=True).start()

	def close(self) -> None:
		self._server.shutdown()
		self._server.server_close()


@pytest.fixture
def serve():
	servers = []

	def start(**values) -> Server:
		servers.append(Server(**values))
		return servers[-1]

	yield start
	for server in servers:
		server.close()


def test_connections_stay_open_between_units(serve) -> None:
	server = serve(headers=[("Set-Cookie", "tracked=1; Path=/")])
	for _ in range(3):
		sent = kept_transport.kept("Tea", server.url).transport.send("POST", server.url, {}, b"{}")
		assert (sent.status, sent.body) == (200, b'{"data": {"a": 1}}')
	assert len(set(server.connections)) == 1
	assert all("cookie" not in headers for headers in server.received)


def test_channels_threads_and_processes_do_not_share_a_connection(monkeypatch) -> None:
	mine = kept_transport.kept("Tea", "https://a")
	assert kept_transport.kept("Tea", "https://a") is mine
	assert kept_transport.kept("Cups", "https://a") is not mine
	assert kept_transport.kept("Tea", "https://b") is not mine
	theirs = []
	thread = threading.Thread(target=lambda: theirs.append(kept_transport.kept("Tea", "https://a")))
	thread.start()
	thread.join()
	assert theirs[0] is not mine
	parent = os.getpid()
	monkeypatch.setattr(kept_transport.os, "getpid", lambda: parent + 1)
	assert kept_transport.kept("Tea", "https://a") is not mine


def test_redirects_are_not_followed(serve) -> None:
	other = serve()
	server = serve(status=302, headers=[("Location", other.url)])
	response = kept_transport.KeptTransport().send("POST", server.url, {"x-shopify-access-token": "t"}, b"{}")
	assert response.status == 302
	assert other.received == []


def test_the_environment_sends_nothing_elsewhere(serve, monkeypatch) -> None:
	proxy, server = serve(), serve()
	monkeypatch.setenv("http_proxy", proxy.url)
	monkeypatch.setenv("HTTP_PROXY", proxy.url)
	kept_transport.KeptTransport().send("POST", server.url, {}, b"{}")
	assert (len(server.received), proxy.received) == (1, [])


def test_an_answer_has_a_largest_size(serve) -> None:
	server = serve(answer=b"x" * 5000)
	with pytest.raises(Retryable, match="more than 4999 bytes"):
		kept_transport.KeptTransport(cap=4999).send("POST", server.url, {}, b"{}")
	assert len(kept_transport.KeptTransport(cap=5000).send("POST", server.url, {}, b"{}").body) == 5000


def test_an_answer_has_a_deadline(serve) -> None:
	with pytest.raises(Retryable, match="in time"):
		kept_transport.KeptTransport(total=-1).send("POST", serve().url, {}, b"{}")


def test_nobody_there_is_for_later(serve) -> None:
	server = serve()
	server.close()
	with pytest.raises(Retryable, match=r"No answer from 127\.0\.0\.1: ConnectionError"):
		kept_transport.KeptTransport().send("POST", server.url, {}, b"{}")
