"""The simulated WooCommerce on the network: keys, webhooks, goods sent, faults; every oddity was seen on a real shop."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import pytest
import requests

from sandbox.local_server import LocalServer
from sandbox.storefronts.woocommerce import WooCommerceStorefront
from sandbox.storefronts.woocommerce.authentication import Key
from tests.sandbox.woocommerce_api import START, Api, Clock, listen, topics


@pytest.fixture
def clock() -> Clock:
	return Clock()


@pytest.fixture
def shop(clock: Clock) -> Iterator[WooCommerceStorefront]:
	with WooCommerceStorefront(clock) as started:
		yield started


@pytest.fixture
def api(shop: WooCommerceStorefront, clock: Clock) -> Api:
	return Api(shop, clock)


# --- who may call


class TestAuthentication:
	def test_a_signed_call_is_let_in_once(self, shop: WooCommerceStorefront, api: Api) -> None:
		url = api.signed("GET", "products", {"sku": "AB ü&c", "per_page": 5})
		assert requests.get(url, timeout=10).status_code == 200
		again = requests.get(url, timeout=10)
		assert (again.status_code, again.json()["message"]) == (
			401,
			"Invalid nonce - nonce has already been used.",
		)

	def test_a_slash_is_signed_encoded(self, api: Api) -> None:
		"""The PyPI package leaves it as it is."""
		assert api.send("GET", "products", sku="A/B").status_code == 401

	@pytest.mark.parametrize(
		("name", "value", "message"),
		[
			("secret", "cs_wrong", "Invalid signature - provided signature does not match."),
			("key", "ck_wrong", "Consumer key is invalid."),
		],
	)
	def test_a_wrong_key(self, api: Api, name: str, value: str, message: str) -> None:
		setattr(api, name, value)
		answer = api.send("GET", "products")
		assert answer.status_code == 401
		assert answer.json() == {
			"code": "woocommerce_rest_authentication_error",
			"message": message,
			"data": {"status": 401},
		}

	def test_the_signature_is_of_the_parameters(self, api: Api) -> None:
		url = api.signed("GET", "products", {"per_page": 5}).replace("per_page=5", "per_page=6")
		assert requests.get(url, timeout=10).status_code == 401

	@pytest.mark.parametrize(("minutes", "status"), [(14, 200), (-14, 200), (16, 401), (-16, 401)])
	def test_fifteen_minutes_of_difference_are_allowed(
		self, api: Api, clock: Clock, minutes: int, status: int
	) -> None:
		stamp = int((clock() + timedelta(minutes=minutes)).timestamp())
		url = api.signed("GET", "products", {}, oauth_timestamp=stamp)
		assert requests.get(url, timeout=10).status_code == status

	def test_a_read_key_does_not_write(self, shop: WooCommerceStorefront, api: Api) -> None:
		shop.keys[shop.consumer_key] = Key(shop.consumer_secret, "read")
		assert api.get("products") == []
		answer = api.send("POST", "products", {"name": "x"})
		assert (answer.status_code, answer.json()["message"]) == (
			401,
			"The API key provided does not have write permissions.",
		)

	def test_basic_is_for_encrypted_calls(self, shop: WooCommerceStorefront) -> None:
		url, auth = f"{shop.url}/wp-json/wc/v3/orders", (shop.consumer_key, shop.consumer_secret)
		plain = requests.get(url, auth=auth, timeout=10)
		assert (plain.status_code, plain.json()["code"]) == (401, "woocommerce_rest_cannot_view")
		encrypted = {"x-forwarded-proto": "https"}
		assert requests.get(url, auth=auth, headers=encrypted, timeout=10).status_code == 200
		unknown = requests.get(url, auth=("ck_no", "cs_no"), headers=encrypted, timeout=10)
		assert unknown.json()["code"] == "woocommerce_rest_cannot_view", "an unknown key is nobody"

	def test_pages_repeat_the_signature(self, shop: WooCommerceStorefront, api: Api) -> None:
		for number in range(3):
			shop.add_product(f"P{number}")
		answer = api.send("GET", "products", per_page=1, page=2)
		assert (answer.headers["x-wp-total"], answer.headers["x-wp-totalpages"]) == ("3", "3")
		assert answer.headers["link"].count(f"oauth_consumer_key={shop.consumer_key}") == 2
		assert answer.headers["link"].count("oauth_signature=") == 2

	def test_a_shop_below_another_site(self, clock: Clock) -> None:
		with WooCommerceStorefront(clock, path="/shop") as shop:
			shop.add_product("A")
			[product] = Api(shop, clock).get("products")
			assert product["_links"]["self"][0]["href"].startswith(f"{shop.url}/wp-json/wc/v3/products/")
			assert shop.url.endswith("/shop")
			assert requests.get(shop.url.removesuffix("/shop") + "/wp-json/", timeout=10).status_code == 404


# --- webhooks


class TestWebhooks:
	@pytest.fixture
	def erp(self) -> Iterator[Any]:
		class Erp:
			def __init__(self) -> None:
				self.status = 200
				self.seen: list[tuple[dict[str, str], bytes]] = []
				self.server = LocalServer(self.take)
				self.url = f"{self.server.url}/hook?channel=Shop"

			def take(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Any:
				self.seen.append((dict(headers), body))
				return self.status, {}, b""

		made = Erp()
		with made.server:
			yield made

	def test_the_ping_comes_inside_the_call_unsigned(
		self, shop: WooCommerceStorefront, api: Api, erp: Any
	) -> None:
		made = api.post("webhooks", {"topic": "order.created", "delivery_url": erp.url, "status": "paused"})
		[(headers, body)] = erp.seen
		assert body == f"webhook_id={made['id']}".encode()
		assert headers["content-type"] == "application/x-www-form-urlencoded"
		assert not [name for name in headers if name.startswith("x-wc-")]
		assert made["status"] == "active", "the status of a new one is ignored"
		assert not {"secret", "failure_count"} & set(made)

	def test_a_delivery_is_signed_over_its_bytes(
		self, shop: WooCommerceStorefront, api: Api, erp: Any
	) -> None:
		api.post("webhooks", {"topic": "product.created", "delivery_url": erp.url, "secret": "geh&amp;eim"})
		product = shop.add_product("Ü/1")
		[told] = shop.run_queue()
		headers, body = erp.seen[-1]
		assert b"\\u00dc\\/1" in body, "slashes and everything outside ASCII are escaped"
		digest = hmac.new(b"geh&eim", body, hashlib.sha256).digest()
		assert headers["x-wc-webhook-signature"] == base64.b64encode(digest).decode()
		assert (headers["x-wc-webhook-topic"], headers["x-wc-webhook-resource"]) == (
			"product.created",
			"product",
		)
		assert (told.status, json.loads(body)["id"]) == (200, product.id)

	def test_until_a_ping_gets_200_every_delivery_brings_another(
		self, shop: WooCommerceStorefront, api: Api, erp: Any
	) -> None:
		erp.status = 202
		api.post("webhooks", {"topic": "product.created", "delivery_url": erp.url})
		shop.add_product("A")
		shop.run_queue()
		erp.status = 200
		shop.add_product("B")
		shop.run_queue()
		shop.add_product("C")
		shop.run_queue()
		assert [ping.status for ping in shop.pings] == [202, 202, 200]

	def test_nothing_is_sent_again_and_the_seventh_failure_disables(
		self, shop: WooCommerceStorefront, api: Api
	) -> None:
		webhook = shop.subscribe("product.updated", "https://erp.example/")
		product = shop.add_product("A")
		for number in range(7):
			assert webhook.status == "active", number
			shop.change_product(product, description=str(number))
			shop.run_queue(lambda headers, body: 500)
			assert shop.queue == {}
		assert webhook.status == "disabled"
		shop.change_product(product, description="more")
		assert shop.queue == {}
		api.put(f"webhooks/{webhook.id}", {"status": "active"})
		shop.change_product(product, description="still more")
		shop.run_queue(lambda headers, body: 500)
		assert webhook.status == "disabled", "its count was kept"

	@pytest.mark.parametrize(
		("status", "failures"), [(204, 0), (301, 0), (302, 0), (303, 3), (307, 3), (410, 3)]
	)
	def test_what_counts_as_taken(self, shop: WooCommerceStorefront, status: int, failures: int) -> None:
		webhook = shop.subscribe("product.created", "https://erp.example/")
		webhook.failures = 2
		shop.add_product("A")
		shop.run_queue(lambda headers, body: status)
		assert webhook.failures == failures

	def test_the_payload_is_built_when_it_is_sent(self, shop: WooCommerceStorefront) -> None:
		listen(shop)
		shop.add_product("A", stock=5)
		topics(shop)
		order = shop.place_order({"A": 1})
		shop.set_status(order, "completed")
		shop.set_status(order, "completed")
		told = [each for each in shop.take_queue() if each.topic.startswith("order.")]
		assert [each.topic for each in told] == ["order.created", "order.updated"]
		assert [each.payload["status"] for each in told] == ["completed", "completed"]
		assert len({each.headers["x-wc-webhook-delivery-id"] for each in told}) == 2

	def test_one_second_has_one_delivery_id(self, shop: WooCommerceStorefront, clock: Clock) -> None:
		shop.subscribe("product.created", "https://erp.example/")
		shop.add_product("A")
		shop.add_product("B")
		first, second = shop.take_queue()
		clock.time += timedelta(seconds=1)
		shop.add_product("C")
		[third] = shop.take_queue()
		ids = [each.headers["x-wc-webhook-delivery-id"] for each in (first, second, third)]
		assert ids[0] == ids[1] != ids[2]

	def test_what_is_gone_and_what_may_not_be_seen(self, shop: WooCommerceStorefront) -> None:
		shop.subscribe("order.updated", "https://erp.example/")
		shop.subscribe("order.created", "https://erp.example/", owner="customer")
		shop.add_product("A")
		order = shop.place_order({"A": 1})
		shop.delete_order(order)
		told = {each.topic: each.payload for each in shop.take_queue()}
		assert told["order.updated"] == {
			"code": "woocommerce_rest_shop_order_invalid_id",
			"message": "Invalid ID.",
			"data": {"status": 404},
		}
		assert told["order.created"]["data"] == {"status": 403}

	def test_the_trash_is_told_by_id_and_deleting_is_not(self, shop: WooCommerceStorefront, api: Api) -> None:
		listen(shop)
		shop.add_product("A", stock=None)
		order = shop.place_order({"A": 1})
		topics(shop)
		api.send("DELETE", f"orders/{order.id}")
		[told] = shop.take_queue()
		assert (told.topic, told.payload) == ("order.deleted", {"id": order.id})
		assert api.get(f"orders/{order.id}")["status"] == "trash"
		assert api.refused("DELETE", f"orders/{order.id}") == (410, "woocommerce_rest_already_trashed")
		api.send("DELETE", f"orders/{order.id}", force="true")
		assert topics(shop) == []

	def test_out_of_the_trash_by_a_person(self, shop: WooCommerceStorefront) -> None:
		listen(shop)
		shop.add_product("A", stock=None)
		order = shop.place_order({"A": 1})
		shop.trash_order(order)
		topics(shop)
		shop.restore_order(order)
		[told] = shop.take_queue()
		assert (told.topic, told.payload["status"]) == ("order.restored", "processing")

	def test_out_of_the_trash_by_its_status_nobody_is_told(
		self, shop: WooCommerceStorefront, api: Api, clock: Clock
	) -> None:
		listen(shop)
		shop.add_product("A", stock=None)
		order = shop.place_order({"A": 1})
		shop.trash_order(order)
		topics(shop)
		clock.time += timedelta(minutes=1)
		assert api.put(f"orders/{order.id}", {"status": "processing"})["status"] == "processing"
		assert topics(shop) == []
		assert order.modified == clock.time, "only polling sees it"

	def test_a_put_without_changes_is_told(self, shop: WooCommerceStorefront, api: Api, clock: Clock) -> None:
		listen(shop)
		product = shop.add_product("A")
		order = shop.place_order({"A": 1})
		topics(shop)
		clock.time += timedelta(minutes=1)
		assert api.put(f"orders/{order.id}", {})["date_modified_gmt"] == "2026-11-20T08:01:00"
		api.put(f"products/{product.id}", {})
		assert topics(shop) == [("order.updated", order.id), ("product.updated", product.id)]

	def test_a_note_is_told_to_nobody(self, shop: WooCommerceStorefront, api: Api, clock: Clock) -> None:
		listen(shop)
		shop.add_product("A")
		order = shop.place_order({"A": 1})
		topics(shop)
		clock.time += timedelta(minutes=1)
		api.post(f"orders/{order.id}/notes", {"note": "Sent", "customer_note": True})
		assert topics(shop) == []
		assert order.modified == START
		assert shop.mails == [("note", order.id)]

	def test_a_sale_moves_its_product(self, shop: WooCommerceStorefront) -> None:
		listen(shop)
		shirt = shop.add_variable_product("SHIRT", {"S": "25.00"}, stock=7)
		topics(shop)
		shop.place_order({"SHIRT-S": 2})
		told = {each.topic: each for each in shop.take_queue()}
		payload = told["product.updated"].payload
		assert (payload["type"], payload["parent_id"], payload["stock_quantity"]) == (
			"variation",
			shirt.id,
			5,
		)


# --- goods sent


class TestTracking:
	ITEMS = "_items"

	def meta(self, line: int, quantity: Any = 1, number: str = "T-1") -> list[dict[str, Any]]:
		return [
			{"id": 0, "key": "_items", "value": [{"item_id": line, "qty": quantity}]},
			{"id": 0, "key": "_tracking_number", "value": number},
		]

	def test_without_the_feature_there_is_no_route(self, shop: WooCommerceStorefront, api: Api) -> None:
		shop.add_product("A")
		order = shop.place_order({"A": 1})
		assert api.refused("GET", f"orders/{order.id}/fulfillments") == (404, "rest_no_route")
		shop.fulfilments = True
		assert api.get(f"orders/{order.id}/fulfillments") == {"fulfillments": []}

	def test_what_a_fulfilment_has_to_say(self, shop: WooCommerceStorefront, api: Api) -> None:
		shop.fulfilments = True
		shop.add_product("A")
		order = shop.place_order({"A": 2})
		path, line = f"orders/{order.id}/fulfillments", order.lines[0].id

		def wrong(body: Any) -> str:
			answer = api.send("POST", path, body)
			assert (answer.status_code, answer.json()["code"]) == (400, 0)
			return str(answer.json()["message"])

		nothing = "The fulfillment should contain at least one item."
		assert wrong({"meta_data": self.meta(line)}) == "Invalid fulfillment status."
		without_id = [{"key": "_items", "value": [{"item_id": line, "qty": 1}]}]
		assert wrong({"status": "fulfilled", "meta_data": without_id}) == nothing
		assert wrong({"status": "fulfilled", "meta_data": self.meta(line, "1")}) == "Invalid item."
		assert shop.parcels == {}
		made = api.post(path, {"status": "fulfilled", "meta_data": self.meta(line, 50)})["fulfillment"]
		assert made["is_fulfilled"], "nobody counts"
		assert (order.status, order.meta[-1]["value"]) == ("processing", "fulfilled")

	def test_a_fulfilment_is_taken_back(self, shop: WooCommerceStorefront, api: Api) -> None:
		shop.fulfilments = True
		shop.add_product("A")
		order = shop.place_order({"A": 2})
		path = f"orders/{order.id}/fulfillments"
		made = api.post(path, {"status": "fulfilled", "meta_data": self.meta(order.lines[0].id)})[
			"fulfillment"
		]
		assert api.send("DELETE", f"{path}/{made['id']}").status_code == 200
		assert api.get(path) == {"fulfillments": []}
		answer = api.send("GET", f"{path}/{made['id']}")
		assert (answer.status_code, answer.json()["code"]) == (400, 404)

	@pytest.mark.parametrize("plugin", ["shipment-tracking", "ast"])
	def test_a_plugins_rows(self, shop: WooCommerceStorefront, api: Api, plugin: str) -> None:
		shop.add_product("A")
		order = shop.place_order({"A": 1})
		path = f"../../wc-{plugin}/v3/orders/{order.id}/shipment-trackings"
		assert api.refused("GET", path) == (404, "rest_no_route")
		shop.plugins.add(plugin)
		made = api.post(path, {"tracking_number": "T-1", "tracking_provider": "DHL"})
		assert [row["tracking_id"] for row in api.get(path)] == [made["tracking_id"]]
		assert api.send("DELETE", f"{path}/{made['tracking_id']}").status_code == 200
		assert api.get(path) == []
		index = requests.get(f"{shop.url}/wp-json/", timeout=10).json()
		assert f"wc-{plugin}/v3" in index["namespaces"]


# --- what goes wrong


class TestFaults:
	def test_maintenance_is_html_and_says_how_long(self, shop: WooCommerceStorefront, api: Api) -> None:
		shop.outage = True
		answer = api.send("GET", "products")
		assert (answer.status_code, answer.headers["retry-after"]) == (503, "600")
		assert answer.headers["content-type"].startswith("text/html")
		assert shop.requests_refused == 1
		shop.outage = "reset"
		with pytest.raises(requests.ConnectionError):
			api.send("GET", "products")

	def test_a_fatal_error_is_json(self, shop: WooCommerceStorefront, api: Api) -> None:
		shop.fail("500", path="/products")
		assert api.get("orders") == []
		assert api.refused("GET", "products") == (500, "internal_server_error")
		assert api.get("products") == []

	def test_a_lost_answer_was_done(self, shop: WooCommerceStorefront, api: Api) -> None:
		shop.fail("lost", method="WRITE")
		assert api.get("products") == []
		with pytest.raises(requests.ConnectionError):
			api.post("products", {"name": "x", "sku": "A"})
		assert shop.product("A").name == "x"

	def test_calls_are_kept(self, shop: WooCommerceStorefront, api: Api) -> None:
		api.get("products", sku="A")
		api.post("products/batch", {"update": []})
		assert shop.count("POST", r"/products/batch$") == 1
		assert (shop.calls[0].path, shop.calls[0].query["sku"]) == ("/wc/v3/products", "A")


# --- keys by one click


class TestAuthorisation:
	def link(self, shop: WooCommerceStorefront, **changes: str) -> str:
		asked = {
			"app_name": "ERPNext",
			"scope": "read_write",
			"user_id": "user-7",
			"return_url": "https://erp.example/back?a=b",
			"callback_url": "https://erp.example/keys",
			**changes,
		}
		url = requests.Request("GET", f"{shop.url}/wc-auth/v1/authorize", params=asked).prepare().url
		assert url is not None
		return url

	def test_keys_are_posted_before_the_merchant_comes_back(
		self, shop: WooCommerceStorefront, api: Api
	) -> None:
		told: list[dict[str, Any]] = []

		def take(method: str, target: str, headers: Mapping[str, str], body: bytes) -> Any:
			told.append(json.loads(body))
			return 200, {}, b""

		shop.callback_over_http = True
		with LocalServer(take) as erp:
			back = shop.authorise(self.link(shop, callback_url=f"{erp.url}/keys"))
		assert back == "https://erp.example/back?a=b&success=1&user_id=user-7"
		[keys] = told
		assert (keys["user_id"], keys["key_permissions"]) == ("user-7", "read_write")
		api.key, api.secret = keys["consumer_key"], keys["consumer_secret"]
		assert api.get("products") == []

	def test_anything_but_200_takes_the_keys_back(self, shop: WooCommerceStorefront) -> None:
		shop.callback_over_http = True
		with LocalServer(lambda *_: (202, {}, b"")) as erp, pytest.raises(PermissionError):
			shop.authorise(self.link(shop, callback_url=erp.url))
		assert list(shop.keys) == [shop.consumer_key]

	def test_the_callback_is_encrypted(self, shop: WooCommerceStorefront) -> None:
		with pytest.raises(PermissionError, match="over SSL"):
			shop.authorise(self.link(shop, callback_url="http://erp.example/keys"))

	def test_the_merchant_may_refuse(self, shop: WooCommerceStorefront) -> None:
		assert "success=0" in shop.authorise(self.link(shop), approve=False)
