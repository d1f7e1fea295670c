"""The simulated Shopify keeps the rules that no schema tells, as they were captured and documented."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from sandbox.storefronts.shopify import ACCESS_TOKEN, NewLine, NewShipping, ShopifyStorefront
from sandbox.storefronts.shopify.sales import FulfilmentOrder, Order
from sandbox.storefronts.shopify.schema import VERSIONS
from sandbox.storefronts.shopify.service import Access, query_signature

START = datetime(2026, 11, 20, 8, tzinfo=timezone.utc)
CAPTURES = Path(__file__).parents[3] / "shared" / "samples" / "shopify" / "graphql_captures"
GROUP = "inventoryAdjustmentGroup { reason changes { name delta item { id } location { id } } }"
SET = f"""mutation Set($input: InventorySetQuantitiesInput!, $key: String!) {{
  inventorySetQuantities(input: $input) @idempotent(key: $key) {{ {GROUP} userErrors {{ field message code }} }}
}}"""
FULFIL = """mutation Fulfil($fulfillment: FulfillmentInput!) {
  fulfillmentCreate(fulfillment: $fulfillment) {
    fulfillment { id status trackingInfo { company number url } } userErrors { field message }
  }
}"""


class Shop(ShopifyStorefront):
	"""On a clock the test moves; `ask` needs no network."""

	def __init__(self) -> None:
		self.time = START
		super().__init__(lambda: self.time)
		for sku in ("PHONE", "CASE", "CABLE"):
			self.add_product(sku, Decimal("33.33"), 10)

	def post(self, body: Any, version: str = "2026-10", token: str = ACCESS_TOKEN) -> tuple[int, Any, Any]:
		content = body if isinstance(body, bytes) else json.dumps(body).encode()
		headers = {"x-shopify-access-token": token, "content-type": "application/json"}
		return self.handle("POST", f"/admin/api/{version}/graphql.json", headers, content)

	def ask(self, document: str, version: str = "2026-10", **variables: Any) -> dict[str, Any]:
		status, _, content = self.post({"query": document, "variables": variables}, version)
		assert status == 200
		return json.loads(content)

	def row(self, sku: str, amount: int, **changes: Any) -> dict[str, Any]:
		item = f"gid://shopify/InventoryItem/{self.variant(sku).inventory_item_id}"
		row = {
			"inventoryItemId": item,
			"locationId": self.gid("Location", self.location.id),
			"quantity": amount,
		}
		return {"changeFromQuantity": None, **row, **changes}

	def set(
		self, *rows: dict[str, Any], key: str = "k1", version: str = "2026-10", **given: Any
	) -> dict[str, Any]:
		uri = "gid://commerce-bridge/SyncLog/1"
		data = {
			"name": "available",
			"reason": "correction",
			"referenceDocumentUri": uri,
			"quantities": list(rows),
		}
		return self.ask(SET, version, input={**data, **given}, key=key)

	def set_errors(self, *rows: dict[str, Any], **given: Any) -> list[dict[str, Any]]:
		return self.set(*rows, **given)["data"]["inventorySetQuantities"]["userErrors"]

	@staticmethod
	def gid(kind: str, number: int) -> str:
		return f"gid://shopify/{kind}/{number}"

	def fulfil(self, *groups: tuple[FulfilmentOrder, dict[int, int] | None]) -> dict[str, Any]:
		rows = [
			{
				"fulfillmentOrderId": self.gid("FulfillmentOrder", order.id),
				**(
					{
						"fulfillmentOrderLineItems": [
							{
								"id": self.gid("FulfillmentOrderLineItem", order.lines[index].id),
								"quantity": quantity,
							}
							for index, quantity in wanted.items()
						]
					}
					if wanted
					else {}
				),
			}
			for order, wanted in groups
		]
		tracking = {"company": "DHL", "number": "T-1", "url": "https://track.example/1"}
		given = {"lineItemsByFulfillmentOrder": rows, "trackingInfo": tracking}
		return self.ask(FULFIL, fulfillment=given)["data"]["fulfillmentCreate"]


@pytest.fixture
def shop() -> Shop:
	return Shop()


def messages(payload: dict[str, Any]) -> list[str]:
	return [error["message"] for error in payload["userErrors"]]


# --- stock ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
def test_levels_are_set_and_told(shop: Shop, version: str) -> None:
	shop.subscribe("inventory_levels/update", "https://erp.example/")
	answer = shop.set(shop.row("PHONE", 7, changeFromQuantity=10), shop.row("CASE", 10), version=version)
	group = answer["data"]["inventorySetQuantities"]["inventoryAdjustmentGroup"]
	assert [(row["name"], row["delta"]) for row in group["changes"]] == [("available", -3), ("on_hand", -3)]
	assert (shop.stock("PHONE"), shop.stock("CASE")) == (7, 10)
	[event] = shop.deliveries
	assert json.loads(event.body)["available"] == 7


def test_nothing_of_a_call_is_done_if_one_row_is_wrong(shop: Shop) -> None:
	wrong = shop.row("CASE", 5, inventoryItemId="gid://shopify/InventoryItem/41")
	errors = shop.set_errors(shop.row("PHONE", 7), wrong, shop.row("CABLE", 1, changeFromQuantity=99))
	assert [(error["field"], error["code"]) for error in errors] == [
		(["input", "quantities", "1", "inventoryItemId"], "INVALID_INVENTORY_ITEM"),
		(["input", "quantities", "2", "changeFromQuantity"], "CHANGE_FROM_QUANTITY_STALE"),
	]
	assert (shop.stock("PHONE"), shop.stock("CABLE")) == (10, 10)


@pytest.mark.parametrize(
	("changes", "code"),
	[
		({"locationId": "gid://shopify/Location/41"}, "INVALID_LOCATION"),
		({"quantity": 1_000_000_001}, "INVALID_QUANTITY_TOO_HIGH"),
		({"quantity": -1_000_000_001}, "INVALID_QUANTITY_TOO_LOW"),
		({"changeFromQuantity": 9}, "CHANGE_FROM_QUANTITY_STALE"),
	],
)
def test_what_is_wrong_with_a_level_is_told(shop: Shop, changes: dict[str, Any], code: str) -> None:
	assert [error["code"] for error in shop.set_errors(shop.row("PHONE", 1, **changes))] == [code]


def test_an_item_twice_and_a_wrong_reason_are_refused(shop: Shop) -> None:
	row = shop.row("PHONE", 1)
	assert shop.set_errors(row, row)[0]["code"] == "NO_DUPLICATE_INVENTORY_ITEM_ID_GROUP_ID_PAIR"
	assert shop.set_errors(row, reason="because", key="k2")[0]["field"] == ["input", "reason"]
	assert shop.set_errors(row, name="committed", key="k3")[0]["code"] == "INVALID_NAME"
	assert (
		shop.set_errors(row, referenceDocumentUri="SYNC-1", key="k4")[0]["code"]
		== "INVALID_REFERENCE_DOCUMENT"
	)
	assert shop.stock("PHONE") == 10


def test_changefromquantity_has_to_be_there_if_only_as_null(shop: Shop) -> None:
	row = shop.row("PHONE", 3)
	del row["changeFromQuantity"]
	answer = shop.set(row)
	assert answer["errors"][0]["extensions"]["code"] == "INVALID_FIELD_ARGUMENTS"
	assert answer["data"] == {"inventorySetQuantities": None}
	assert shop.stock("PHONE") == 10


def test_a_mutation_without_a_key_is_refused(shop: Shop) -> None:
	document = SET.replace(" @idempotent(key: $key)", "").replace(", $key: String!", "")
	given = {"name": "available", "reason": "correction", "quantities": [shop.row("PHONE", 3)]}
	answer = shop.ask(document, input=given)
	assert answer["errors"][0]["extensions"]["code"] == "BAD_REQUEST"
	assert shop.stock("PHONE") == 10


def test_the_same_key_does_the_same_once(shop: Shop) -> None:
	first = shop.set(shop.row("PHONE", 7))
	shop.set_available(shop.variant("PHONE"), shop.location.id, 2)
	assert shop.set(shop.row("PHONE", 7))["data"] == first["data"]
	assert (shop.stock("PHONE"), shop.repetitions) == (2, 1)
	assert shop.set_errors(shop.row("PHONE", 8))[0]["code"] == "IDEMPOTENCY_KEY_PARAMETER_MISMATCH"
	shop.set_errors(shop.row("PHONE", 8, changeFromQuantity=99), key="k2")
	again = shop.set_errors(shop.row("PHONE", 8, changeFromQuantity=99), key="k2")
	assert again[0]["code"] == "IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED"
	assert shop.stock("PHONE") == 2


def test_250_rows_are_taken_and_251_are_not(shop: Shop) -> None:
	for number in range(251):
		shop.add_product(f"SKU-{number}")
	rows = [shop.row(f"SKU-{number}", number) for number in range(251)]
	answer = shop.set(*rows)
	assert answer["errors"][0]["extensions"]["code"] == "MAX_INPUT_SIZE_EXCEEDED"
	assert shop.set_errors(*rows[:250], key="k2") == []
	assert (shop.stock("SKU-249"), shop.stock("SKU-250")) == (249, 0)


def test_a_location_where_an_item_is_not_stocked(shop: Shop) -> None:
	"""Refused until the version that takes it, where it sells nothing until it is activated."""
	store = shop.add_location("Store")
	row = shop.row("PHONE", 4, locationId=shop.gid("Location", store.id))
	assert shop.set_errors(row, version="2026-07")[0]["code"] == "ITEM_NOT_STOCKED_AT_LOCATION"
	assert shop.set_errors(row, key="k2") == []
	assert (shop.variant("PHONE").total, shop.stock("PHONE", store.id)) == (10, 4)
	document = """mutation Activate($item: ID!, $location: ID!, $available: Int, $onHand: Int, $key: String!) {
	  inventoryActivate(inventoryItemId: $item, locationId: $location, available: $available, onHand: $onHand)
	  @idempotent(key: $key) { inventoryLevel { isActive } userErrors { field message } }
	}"""
	given = {"item": row["inventoryItemId"], "location": row["locationId"]}
	both = shop.ask(document, **given, available=1, onHand=1, key="k3")["data"]["inventoryActivate"]
	assert messages(both) == ["Not allowed to set both available and on_hand quantities."]
	kept = shop.ask(document, **given, key="k4")["data"]["inventoryActivate"]
	assert kept == {"inventoryLevel": {"isActive": True}, "userErrors": []}
	assert shop.variant("PHONE").total == 14


# --- sending -------------------------------------------------------------------------------------------------


def placed(shop: Shop, **quantities: int) -> tuple[Order, FulfilmentOrder]:
	order = shop.place_order(quantities)
	return order, order.fulfilment_orders[0]


def test_an_order_takes_its_goods_off_the_shelf_and_sends_them(shop: Shop) -> None:
	order, todo = placed(shop, PHONE=3)
	level = shop.variant("PHONE").levels[shop.location.id]
	assert (level.available, level.committed, level.on_hand) == (7, 3, 10)
	assert shop.fulfil((todo, {0: 2}))["userErrors"] == []
	assert (level.available, level.committed, todo.status) == (7, 1, "IN_PROGRESS")
	assert shop.fulfil((todo, None))["fulfillment"]["trackingInfo"] == [
		{"company": "DHL", "number": "T-1", "url": "https://track.example/1"}
	]
	assert (level.committed, todo.status, order.fulfilment_status) == (0, "CLOSED", "FULFILLED")


def test_what_cannot_be_sent_is_refused(shop: Shop) -> None:
	store = shop.add_location("Store")
	order, todo = placed(shop, PHONE=2, CASE=1)
	other, _ = placed(shop, CABLE=1)
	assert messages(shop.fulfil((todo, {0: 3}))) == [
		"Invalid fulfillment order line item quantity requested."
	]
	assert shop.fulfil((todo, {0: 0, 1: 1}))["userErrors"][0]["field"][-1] == "quantity"
	assert "same order" in messages(shop.fulfil((todo, None), (other.fulfilment_orders[0], None)))[0]
	shop.set_available(shop.variant("CASE"), store.id, 5)
	split = shop.place_order([NewLine("CASE", 2, at={store.id: 1})])
	assert len(split.fulfilment_orders) == 2
	both = shop.fulfil(*((each, None) for each in split.fulfilment_orders))
	assert "single location" in messages(both)[0]
	shop.fulfil((todo, None))
	assert "unfulfillable status" in messages(shop.fulfil((todo, {0: 1})))[0]
	assert sum(line.fulfilled for line in order.lines) == 3
	assert split.fulfilment_status == "UNFULFILLED"


def test_a_fulfilment_is_taken_back_and_an_order_moves(shop: Shop) -> None:
	order, todo = placed(shop, PHONE=2)
	shop.fulfil((todo, None))
	document = "mutation C($id: ID!) { fulfillmentCancel(id: $id) { fulfillment { status } userErrors { message } } }"
	sent = shop.gid("Fulfillment", order.fulfilments[0].id)
	assert shop.ask(document, id=sent)["data"]["fulfillmentCancel"]["fulfillment"] == {"status": "CANCELLED"}
	assert messages(shop.ask(document, id=sent)["data"]["fulfillmentCancel"])
	assert (order.fulfilment_status, todo.remaining, todo.status) == ("UNFULFILLED", 2, "OPEN")
	store = shop.add_location("Store")
	shop.set_available(shop.variant("PHONE"), store.id, 5)
	arrived = shop.move(todo, store)
	assert (todo.status, arrived.remaining, arrived.location) == ("CLOSED", 2, store)
	assert (shop.stock("PHONE"), shop.stock("PHONE", store.id)) == (10, 3)


def test_a_cancelled_order_gives_its_goods_back(shop: Shop) -> None:
	order, _ = placed(shop, PHONE=2)
	document = """mutation C($id: ID!) {
	  orderCancel(orderId: $id, reason: INVENTORY, restock: true) { orderCancelUserErrors { message code } }
	}"""
	answer = shop.ask(document, id=shop.gid("Order", order.id))["data"]["orderCancel"]
	assert answer == {"orderCancelUserErrors": []}
	assert (shop.stock("PHONE"), order.cancel_reason) == (10, "inventory")
	again = shop.ask(document, id=shop.gid("Order", order.id))["data"]["orderCancel"]
	assert again["orderCancelUserErrors"][0]["code"] == "INVALID"


# --- amounts -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("included", [True, False])
def test_an_order_adds_up_after_every_change(shop: Shop, included: bool) -> None:
	lines = [NewLine("PHONE", 3, discount=Decimal("7.77")), NewLine(None, 1, Decimal("5.00"), "Engraving")]
	taxes = (("GST", Decimal("0.05")), ("PST", Decimal("0.07")))
	order = shop.place_order(
		lines,
		[NewShipping(Decimal("9.99"), discount=Decimal("1.00"))],
		taxes,
		included,
		presentment=("USD", Decimal("1.1")),
	)

	def adds_up() -> bool:
		told = shop.order_payload(order)
		parts = [told["current_subtotal_price"], told["current_shipping_price_set"]["shop_money"]["amount"]]
		parts += [] if included else [told["current_total_tax"]]
		return sum(map(Decimal, parts)) == Decimal(told["current_total_price"])

	assert adds_up()
	assert order.financial_status == "PAID"
	told = shop.order_payload(order)
	assert told["total_price_set"]["presentment_money"]["currency_code"] == "USD"
	allocated = [
		Decimal(each["amount"]) for row in told["line_items"] for each in row["discount_allocations"]
	]
	assert allocated == [Decimal("7.77")]
	for _ in range(3):
		shop.refund(order, {order.lines[0]: 1}, restock="return")
		assert adds_up()
	shop.refund(order, {}, shipping=True)
	assert adds_up()
	assert order.current_total == Decimal("5.00") + (0 if included else Decimal("0.60"))
	assert order.financial_status == "PARTIALLY_REFUNDED"
	assert shop.stock("PHONE") == 10


def test_the_graph_and_the_webhook_tell_the_same_amounts(shop: Shop) -> None:
	order = shop.place_order([NewLine("PHONE", 2, discount=Decimal("1.11"))], [NewShipping(Decimal("4.90"))])
	names = {
		"currentTotalPriceSet": "current_total_price",
		"totalTaxSet": "total_tax",
		"subtotalPriceSet": "subtotal_price",
		"totalDiscountsSet": "total_discounts",
	}
	fields = " ".join(f"{name} {{ shopMoney {{ amount }} }}" for name in names)
	document = f"query O($id: ID!) {{ order(id: $id) {{ {fields} }} }}"
	found = shop.ask(document, id=shop.gid("Order", order.id))["data"]["order"]
	told = shop.order_payload(order)
	for field, name in names.items():
		assert Decimal(found[field]["shopMoney"]["amount"]) == Decimal(told[name]) > 0


# --- lists ---------------------------------------------------------------------------------------------------


def test_orders_are_found_by_their_last_change_page_by_page(shop: Shop) -> None:
	orders = []
	for _ in range(5):
		shop.time += timedelta(minutes=1)
		orders.append(shop.place_order({"CASE": 1}))
	document = """query P($q: String, $after: String) {
	  orders(first: 2, after: $after, query: $q, sortKey: UPDATED_AT) {
	    pageInfo { hasNextPage endCursor } nodes { legacyResourceId }
	  }
	}"""
	since = (START + timedelta(minutes=2)).isoformat()
	found, after = [], None
	while True:
		page = shop.ask(document, q=f"updated_at:>='{since}'", after=after)["data"]["orders"]
		found += [int(node["legacyResourceId"]) for node in page["nodes"]]
		after = page["pageInfo"]["endCursor"]
		if not page["pageInfo"]["hasNextPage"]:
			break
	assert found == [order.id for order in orders[1:]]
	shop.search_lag = timedelta(minutes=2)
	assert len(shop.ask(document, q="status:any")["data"]["orders"]["nodes"]) == 2
	shop.search_lag = timedelta(hours=1)
	assert shop.ask(document, q="status:any")["data"]["orders"]["nodes"] == []


def test_a_field_or_search_that_is_not_simulated_is_refused_not_guessed(shop: Shop) -> None:
	answer = shop.ask('{ orders(first: 1, query: "risk_level:high") { nodes { id } } }')
	assert "cannot search by 'risk_level'" in answer["errors"][0]["message"]
	shop.place_order({"CASE": 1})
	answer = shop.ask("{ orders(first: 1) { nodes { disputes { id } } } }")
	assert answer["errors"][0]["extensions"]["code"] == "NOT_SIMULATED"


# --- who may call, and how often -----------------------------------------------------------------------------


def test_tokens_are_checked_given_and_end(shop: Shop) -> None:
	assert shop.post({"query": "{ shop { name } }"}, token="wrong")[0] == 401
	form = {"content-type": "application/x-www-form-urlencoded"}
	asked = {
		"grant_type": "client_credentials",
		"client_id": shop.client_id,
		"client_secret": shop.client_secret,
	}
	path = "/admin/oauth/access_token"
	status, _, content = shop.handle("POST", path, form, urlencode(asked).encode())
	given = json.loads(content)
	assert (status, given["expires_in"]) == (200, 86_399)
	assert shop.post({"query": "{ shop { name } }"}, token=given["access_token"])[0] == 200
	shop.time += timedelta(days=1)
	assert shop.post({"query": "{ shop { name } }"}, token=given["access_token"])[0] == 401
	assert shop.handle("POST", path, form, urlencode({**asked, "client_secret": "no"}).encode())[0] == 401
	shop.same_organisation = False
	refused = shop.handle("POST", path, form, urlencode(asked).encode())
	assert (refused[0], json.loads(refused[2])["error"]) == (400, "shop_not_permitted")


def test_an_authorisation_ends_in_a_token_once(shop: Shop) -> None:
	asked = {
		"client_id": shop.client_id,
		"scope": "read_orders",
		"state": "s1",
		"redirect_uri": "https://erp.example/cb",
	}
	address = shop.authorise(f"https://{shop.domain}/admin/oauth/authorize?{urlencode(asked)}")
	query = dict(parse_qsl(urlsplit(address).query))
	assert (query["state"], query["shop"]) == ("s1", shop.domain)
	assert query["hmac"] == query_signature(shop.client_secret, query)
	given = {"client_id": shop.client_id, "client_secret": shop.client_secret, "code": query["code"]}
	path, headers = "/admin/oauth/access_token", {"content-type": "application/json"}
	status, _, content = shop.handle("POST", path, headers, json.dumps(given).encode())
	assert (status, json.loads(content)["scope"]) == (200, "read_orders")
	assert shop.handle("POST", path, headers, json.dumps(given).encode())[0] == 400


def test_a_missing_scope_denies_a_field_and_leaves_the_others(shop: Shop) -> None:
	shop.tokens["narrow"] = Access(frozenset({"write_orders"}))
	body = {"query": "{ orders(first: 1) { nodes { id } } customers(first: 1) { nodes { id } } }"}
	answer = json.loads(shop.post(body, token="narrow")[2])
	[error] = answer["errors"]
	assert (error["extensions"]["code"], error["path"]) == ("ACCESS_DENIED", ["customers"])
	assert "`read_customers`" in error["message"]
	assert answer["data"] is None or answer["data"]["customers"] is None


def test_calls_cost_points_that_come_back_with_time(shop: Shop) -> None:
	shop.bucket.size = shop.bucket.available = 100
	document = "query L { locations(first: 20) { nodes { id name } } }"
	cost = shop.ask(document)["extensions"]["cost"]
	assert (cost["requestedQueryCost"], cost["throttleStatus"]["currentlyAvailable"]) == (7, 97)
	shop.bucket.take(95)
	refused = shop.ask(document)
	assert refused["errors"][0]["extensions"]["code"] == "THROTTLED"
	assert "data" not in refused
	assert refused["extensions"]["cost"]["actualQueryCost"] is None
	shop.time += timedelta(seconds=1)
	assert shop.ask(document)["data"]["locations"]["nodes"]


def test_a_call_that_costs_too_much_is_never_made(shop: Shop) -> None:
	variants = "variants(first: 250) { nodes { product { variants(first: 250) { nodes { id } } } } }"
	deep = f"{{ orders(first: 250) {{ nodes {{ lineItems(first: 250) {{ nodes {{ product {{ {variants} }} }} }} }} }} }}"
	assert shop.ask(deep)["errors"][0]["extensions"]["code"] == "MAX_COST_EXCEEDED"
	assert shop.calls == []


def test_the_version_that_answers_is_named(shop: Shop) -> None:
	body = {"query": "{ shop { name } }"}
	assert shop.post(body, "2026-07")[1]["x-shopify-api-version"] == "2026-07"
	assert shop.post(body, "2025-01")[1]["x-shopify-api-version"] == VERSIONS[0]
	assert shop.post(body, "2026-13")[0] == 404


@pytest.mark.parametrize(
	"body",
	[
		b"",
		b"[]",
		b"null",
		b'{"variables": {}}',
		{"query": "{"},
		{"query": "{ nothing }"},
		{"query": "mutation { x }"},
	],
)
def test_what_cannot_be_read_is_answered_all_the_same(shop: Shop, body: Any) -> None:
	status, _, content = shop.post(body)
	assert status == 200
	assert json.loads(content)["errors"]


def test_faults_are_switched_on_for_some_calls(shop: Shop) -> None:
	body = {"query": "{ shop { name } }"}
	for kind in ("401", "402", "403", "423", "429", "500", "503"):
		shop.fail(kind)
		assert shop.post(body)[0] == int(kind)
	shop.fail("html")
	assert b"<html>" in shop.post(body)[2]
	shop.fail("hang up")
	with pytest.raises(ConnectionAbortedError):
		shop.post(body)
	shop.fail("throttled", operation="inventorySetQuantities")
	assert shop.post(body)[0] == 200
	assert shop.set(shop.row("PHONE", 1))["errors"][0]["extensions"]["code"] == "THROTTLED"
	shop.time += timedelta(minutes=1)
	shop.fail("lost")
	with pytest.raises(ConnectionAbortedError):
		shop.set(shop.row("PHONE", 2))
	assert shop.stock("PHONE") == 2
	assert shop.post(body)[0] == 200


# --- webhooks ------------------------------------------------------------------------------------------------


def test_deliveries_are_signed_and_repeated_until_they_are_taken(shop: Shop) -> None:
	subscription = shop.subscribe("orders/create", "https://erp.example/hook")
	order = shop.place_order({"PHONE": 1})
	posts: list[tuple[dict[str, str], bytes]] = []
	answers = iter([500, 301, 200, 200])

	def post(headers: Any, body: bytes) -> int:
		posts.append((dict(headers), body))
		return next(answers)

	assert [shop.deliver_all(post) for _ in range(3)] == [0, 0, 1]
	assert shop.deliver_all(post) == 0, "what was taken is not sent again"
	headers, body = posts[0]
	assert {sent[0]["x-shopify-webhook-id"] for sent in posts} == {headers["x-shopify-webhook-id"]}
	assert {sent[1] for sent in posts} == {body}
	expected = base64.b64encode(hmac.new(shop.client_secret.encode(), body, hashlib.sha256).digest()).decode()
	assert headers["x-shopify-hmac-sha256"] == expected
	assert headers["x-shopify-topic"] == "orders/create"
	assert headers["x-shopify-shop-domain"] == shop.domain
	told = json.loads(body)
	assert (told["id"], told["admin_graphql_api_id"]) == (order.id, shop.gid("Order", order.id))
	assert subscription.failures == 0


def test_a_subscription_that_fails_eight_times_is_gone(shop: Shop) -> None:
	shop.subscribe("orders/updated", "https://erp.example/hook")
	shop.place_order({"PHONE": 1})
	for _ in range(8):
		assert shop.subscriptions
		shop.deliver_all(lambda headers, body: 500)
	assert shop.subscriptions == {}


def test_one_action_tells_several_topics_under_one_event(shop: Shop) -> None:
	topics = (
		"orders/create",
		"orders/updated",
		"orders/paid",
		"orders/edited",
		"refunds/create",
		"fulfillments/create",
	)
	for topic in topics:
		shop.subscribe(topic, "https://erp.example/hook")
	order = shop.place_order({"PHONE": 2})
	first = shop.recorded[:]
	assert {event.topic for event in first} == {"orders/create", "orders/paid", "orders/updated"}
	assert len({event.event_id for event in first}) == 1
	assert len({event.webhook_id for event in first}) == 3
	shop.edit_order(order, {order.lines[0]: 1})
	edit = json.loads(next(event.body for event in shop.recorded if event.topic == "orders/edited"))
	assert edit["order_edit"]["line_items"]["removals"] == [{"id": order.lines[0].id, "delta": 1}]
	shop.fulfil((order.fulfilment_orders[0], None))
	sent = json.loads(next(event.body for event in shop.recorded if event.topic == "fulfillments/create"))
	assert (sent["order_id"], sent["line_items"][0]["quantity"]) == (order.id, 1)
	shop.refund(order, {order.lines[0]: 1}, restock="return")
	refund = json.loads(next(event.body for event in shop.recorded if event.topic == "refunds/create"))
	[row] = refund["refund_line_items"]
	assert isinstance(row["subtotal"], float) and row["subtotal_set"]["shop_money"]["amount"] == "33.33"


def test_an_address_without_tls_is_refused(shop: Shop) -> None:
	document = """mutation S($topic: WebhookSubscriptionTopic!, $uri: String!) {
	  webhookSubscriptionCreate(topic: $topic, webhookSubscription: { uri: $uri }) {
	    webhookSubscription { topic } userErrors { field message }
	  }
	}"""

	def subscribe(uri: str, topic: str = "FULFILLMENT_ORDERS_MOVED") -> dict[str, Any]:
		return shop.ask(document, topic=topic, uri=uri)["data"]["webhookSubscriptionCreate"]

	assert messages(subscribe("http://erp.example/hook"))
	assert messages(subscribe("https://other.myshopify.com/hook"))
	assert subscribe("https://erp.example/hook")["webhookSubscription"] == {
		"topic": "FULFILLMENT_ORDERS_MOVED"
	}
	assert messages(subscribe("https://erp.example/hook")) == [
		"Address for this topic has already been taken"
	]
	[made] = shop.subscriptions.values()
	assert made.topic == "fulfillment_orders/moved"


# --- the catalog ---------------------------------------------------------------------------------------------


def test_productset_deletes_what_it_leaves_out(shop: Shop) -> None:
	document = """mutation P($input: ProductSetInput!, $identifier: ProductSetIdentifiers) {
	  productSet(input: $input, identifier: $identifier) {
	    product { id variants(first: 5) { nodes { id sku } } } userErrors { field code }
	  }
	}"""

	def rows(*sizes: str) -> dict[str, Any]:
		return {
			"title": "Shirt",
			"productOptions": [{"name": "Size", "values": [{"name": size} for size in sizes]}],
			"variants": [
				{
					"optionValues": [{"optionName": "Size", "name": size}],
					"inventoryItem": {"sku": f"S-{size}"},
				}
				for size in sizes
			],
		}

	made = shop.ask(document, input=rows("S", "M", "L"))["data"]["productSet"]["product"]
	kept = {node["sku"]: node["id"] for node in made["variants"]["nodes"]}
	again = shop.ask(document, input=rows("S", "L"), identifier={"id": made["id"]})["data"]["productSet"][
		"product"
	]
	assert again["id"] == made["id"]
	assert {node["sku"]: node["id"] for node in again["variants"]["nodes"]} == {
		"S-S": kept["S-S"],
		"S-L": kept["S-L"],
	}
	assert {variant.sku for variant in shop.variants.values()} >= {"S-S", "S-L"}
	assert "S-M" not in {variant.sku for variant in shop.variants.values()}


def test_a_bulk_query_becomes_a_file_that_is_read_in_pieces(shop: Shop) -> None:
	shop.bulk_takes = timedelta(seconds=30)
	query = "{ products { edges { node { id title variants { edges { node { id sku } } } } } } }"
	run = """mutation B($query: String!) {
	  bulkOperationRunQuery(query: $query) { bulkOperation { id status } userErrors { code } }
	}"""
	started = shop.ask(run, query=query)["data"]["bulkOperationRunQuery"]["bulkOperation"]
	assert started["status"] == "CREATED"
	ask = "query S($id: ID!) { bulkOperation(id: $id) { status url objectCount } }"
	running = shop.ask(ask, id=started["id"])["data"]["bulkOperation"]
	assert (running["status"], running["url"]) == ("RUNNING", None)
	shop.time += timedelta(seconds=30)
	done = shop.ask(ask, id=started["id"])["data"]["bulkOperation"]
	assert (done["status"], done["objectCount"]) == ("COMPLETED", "6")
	url = urlsplit(done["url"])
	path = f"{url.path}?{url.query}"
	status, _, whole = shop.handle("GET", path, {}, b"")
	lines = [json.loads(line) for line in whole.splitlines()]
	assert [line.get("__parentId") for line in lines] == [
		None,
		lines[0]["id"],
		None,
		lines[2]["id"],
		None,
		lines[4]["id"],
	]
	part = shop.handle("GET", path, {"range": "bytes=10-19"}, b"")
	assert (part[0], part[2], part[1]["content-range"]) == (206, whole[10:20], f"bytes 10-19/{len(whole)}")
	assert shop.handle("GET", path, {"range": f"bytes={len(whole)}-"}, b"")[0] == 416
	assert shop.handle("GET", url.path, {}, b"")[0] == 403
	assert status == 200


def test_it_answers_over_the_network() -> None:
	with Shop() as shop:
		address = urlsplit(shop.url)
		connection = http.client.HTTPConnection(address.netloc, timeout=10)
		for _ in range(2):
			body = json.dumps({"query": "{ shop { myshopifyDomain } }"})
			headers = {"X-Shopify-Access-Token": ACCESS_TOKEN, "Content-Type": "application/json"}
			connection.request("POST", "/admin/api/2026-10/graphql.json", body, headers)
			response = connection.getresponse()
			assert response.headers["X-Shopify-API-Version"] == "2026-10"
			assert json.loads(response.read())["data"]["shop"]["myshopifyDomain"] == "simulated.myshopify.com"
		connection.close()


# --- captured from a live shop -------------------------------------------------------------------------------


def _capture(name: str) -> Any:
	if not (CAPTURES / name).exists():
		pytest.skip("the captures are not here")
	return json.loads((CAPTURES / name).read_text())


def test_refusals_of_stock_are_those_that_were_captured(shop: Shop) -> None:
	captured = _capture("inventory-quantity-contracts-2026-04.json")
	unknown = captured["unknownIdValidation"]
	cases = {
		"setUnknownInventoryItem": {"inventoryItemId": "gid://shopify/InventoryItem/999999999999"},
		"setUnknownLocation": {"locationId": "gid://shopify/Location/999999999999"},
	}
	for name, changes in cases.items():
		expected = unknown[name]["response"]["data"]["inventorySetQuantities"]["userErrors"]
		assert shop.set_errors(shop.row("PHONE", 3, **changes), key=name, version="2026-04") == expected
	row = shop.row("PHONE", 5)
	del row["changeFromQuantity"]
	expected = captured["missingSetChangeFromQuantity"]["response"]
	answer = shop.set(row, version="2026-04")
	assert answer["data"] == expected["data"]
	assert answer["errors"][0]["message"] == expected["errors"][0]["message"]
	assert answer["errors"][0]["extensions"] == expected["errors"][0]["extensions"]
	for name in ("requestedQueryCost", "actualQueryCost"):
		assert answer["extensions"]["cost"][name] == expected["extensions"]["cost"][name]


def test_refusals_of_fulfilments_are_those_that_were_captured(shop: Shop) -> None:
	cases = _capture("fulfillment-create-multi-group.json")["cases"]

	def captured(name: str) -> list[dict[str, Any]]:
		return cases[name]["response"]["data"]["fulfillmentCreate"]["userErrors"]

	_, todo = placed(shop, PHONE=2)
	assert shop.fulfil((todo, {0: 3}))["userErrors"] == captured("laterOverQuantity")
	_, second = placed(shop, PHONE=2)
	told = shop.fulfil((todo, {0: 1}), (second, {0: 1}))["userErrors"]
	[expected] = captured("differentOrderLater")
	assert told[0]["field"] == expected["field"]
	assert told[0]["message"].split("ids")[0] == expected["message"].split("ids")[0]
	assert shop.fulfil((todo, {0: 1}), (second, {0: 0}))["userErrors"] == captured("laterNonPositive")
