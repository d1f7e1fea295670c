"""Deliveries and responses captured from Shopify, where they are at hand: the end state each must reach, and why.

They are read from beside the project and are no part of it. Their defects, as their provenance says: ids above
2^53 were rounded by what stored them, so that no signature verifies and bodies are signed anew here; the order
does not reconcile, and is cancelled, and a test; shapes are those of 2024-10.
"""

from __future__ import annotations

import base64
import copy
import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from commerce_bridge.bridge.channel import Channel, Credentials, OrderPolicy, ShippingMap
from commerce_bridge.bridge.errors import BridgeError
from commerce_bridge.bridge.protocols import HttpResponse, Surroundings, WebhookRequest
from commerce_bridge.bridge.receive import receive
from commerce_bridge.bridge.worker import run_once
from commerce_bridge.connectors.shopify.client import ShopifyClient, user_errors
from commerce_bridge.connectors.shopify.connector import ShopifyConnector
from sandbox.world import Sandbox
from tests.connectors.shopify_nodes import Shop
from tests.connectors.storefront import KeptInMemory
from tests.sandbox.stage import START

SAMPLES = Path(__file__).resolve().parents[3] / "shared" / "samples" / "shopify"
SECRET = "shpss_samples"
CHANNEL = Channel(
	name="Shop",
	platform="shopify",
	company="Company",
	company_currency="USD",
	currency="USD",
	store_url="https://shop.myshopify.com",
	default_warehouse="Stores",
	shipping=(ShippingMap(method="*", item="SHIPPING"),),
)
CREDENTIALS = Credentials(api_secret=SECRET, access_token="shpat_samples")

pytestmark = pytest.mark.skipif(not SAMPLES.is_dir(), reason="the samples are not at hand")


@dataclass(frozen=True)
class End:
	"""What becomes of a delivery."""

	state: str
	message: str
	why: str


ENDS = {
	"orders.create": End("Succeeded", "Cancelled before it was seen here", "it says when it was cancelled"),
	"orders.edited": End(
		"Skipped", "does not have it any more", "a delta: the order is fetched, and is no real one"
	),
	"fulfillments.create": End(
		"Skipped", "does not have it any more", "part of an order that is fetched, the same"
	),
	"products.update": End(
		"Succeeded", "2 variants, 0 newly listed", "no Item has these SKUs, and it makes none"
	),
	"inventory_levels.update": End("Skipped", "not watched", "this channel does not watch the shop's stock"),
	"order_transactions.create": End(
		"Skipped", "no Payment Methods", "this channel books no payments: kept, to be replayed once it does"
	),
	"refunds.create": End(
		"Skipped", "does not have it any more", "part of an order that is fetched, the same"
	),
	"returns.request": End("Skipped", "does not have it any more", "the same"),
}


def sample(name: str) -> dict[str, Any]:
	return json.loads((SAMPLES / f"{name}.json").read_text(encoding="utf-8"))


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
	sandbox = Sandbox.create(tmp_path / "erp.sqlite", lambda: START, durable=False)
	for item in ("SHIPPING", "IPOD2008PINK"):
		sandbox.make_item(item, is_stock_item=item != "SHIPPING")
	yield sandbox
	sandbox.database.close()


def delivered(sandbox: Sandbox, channel: Channel, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
	"""The Sync Log of a delivery, once the engine is done with it. The shop knows none of its orders."""
	sandbox.state.save(channel, CREDENTIALS)
	world = sandbox.world(Nowhere())

	def connect(channel: Channel, credentials: Credentials, unit: str = "") -> ShopifyConnector:
		connector = world_connect(channel, credentials, unit)
		vars(connector)["_client"] = Shop()
		return connector

	world_connect: Any = world.connect
	world = replace(world, connect=connect)
	signature = base64.b64encode(hmac.new(SECRET.encode(), body, hashlib.sha256).digest()).decode()
	request = WebhookRequest({**headers, "x-shopify-hmac-sha256": signature}, body)
	answer = receive(
		connect(channel, CREDENTIALS), channel, request, world.journal, sandbox.database.transaction, START
	)
	assert answer.status == 200
	while run_once(world):
		continue
	row = sandbox.database.read_one("select * from sync_log order by rowid limit 1")
	assert row is not None
	return dict(row)


class Nowhere:
	def send(
		self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None
	) -> HttpResponse:
		raise AssertionError("nothing is sent here")


def test_every_sample_has_an_end() -> None:
	assert {path.stem for path in SAMPLES.glob("*.json")} == set(ENDS)


@pytest.mark.parametrize("name", ENDS)
def test_a_delivery_reaches_its_end(sandbox: Sandbox, name: str) -> None:
	delivery, end = sample(name), ENDS[name]
	entry = delivered(sandbox, CHANNEL, delivery["headers"], json.dumps(delivery["body"]).encode())
	assert entry["state"] == end.state, f"{end.why}: {entry['message']}"
	assert end.message in entry["message"]
	assert sandbox.sales_orders() == []


@pytest.mark.parametrize(
	("changes", "state", "message"),
	[
		({}, "Skipped", "A test order"),
		({"test": False}, "Skipped", "voided"),
		# 398.00 + 10.00 of shipping, and a total of 398.00
		({"test": False, "financial_status": "paid"}, "Failed", "Totals differ"),
		({"test": False, "financial_status": "paid", "shipping_lines": []}, "Succeeded", "398.00 USD"),
	],
)
def test_the_order_without_its_cancellation(
	sandbox: Sandbox, changes: dict[str, Any], state: str, message: str
) -> None:
	delivery = sample("orders.create")
	body = copy.deepcopy(delivery["body"]) | {"cancelled_at": None, "cancel_reason": None} | changes
	entry = delivered(sandbox, CHANNEL, delivery["headers"], json.dumps(body).encode())
	assert (entry["state"], message in entry["message"]) == (state, True), entry["message"]
	booked = sandbox.sales_orders("820982911946154508")  # the id before it was rounded
	assert [Decimal(row["grand_total"]) for row in booked] == ([Decimal(398)] if state == "Succeeded" else [])


def test_a_channel_may_take_test_orders(sandbox: Sandbox) -> None:
	delivery = sample("orders.create")
	body = delivery["body"] | {"cancelled_at": None, "shipping_lines": [], "financial_status": "paid"}
	channel = CHANNEL.model_copy(update={"orders": OrderPolicy(test_orders=True)})
	entry = delivered(sandbox, channel, delivery["headers"], json.dumps(body).encode())
	assert entry["state"] == "Succeeded", entry["message"]


# --- responses -------------------------------------------------------------------------------------------

INVENTORY = "inventory-quantity-contracts-2026-04"
FULFILMENT = "fulfillment-create-multi-group"
REFUND = "refund-create-transactions-validation"
SET, CREATE, GIVE_BACK = "inventorySetQuantities", "fulfillmentCreate", "refundCreate"

#: Capture, path of the response, mutation; what is said, or None where it was taken; why.
RESPONSES = [
	(INVENTORY, "inventorySetQuantities", SET, None, "a key, and what the level was"),
	(INVENTORY, "missingSetIdempotency", SET, "@idempotent directive is required", "no key"),
	(INVENTORY, "missingSetChangeFromQuantity", SET, "changeFromQuantity", "must be there, if only as null"),
	(INVENTORY, "legacySetShape", SET, "ignoreCompareQuantity", "gone since 2026-04"),
	(
		INVENTORY,
		"unknownIdValidation.setUnknownInventoryItem",
		SET,
		"inventory item could not be found",
		"an id",
	),
	(INVENTORY, "unknownIdValidation.setUnknownLocation", SET, "location could not be found", "an id"),
	(FULFILMENT, "cases.unknownLater", CREATE, "Fulfillment order does not exist", "an id"),
	(FULFILMENT, "cases.differentOrderLater", CREATE, "must belong to the same order", "one order a call"),
	(
		FULFILMENT,
		"cases.differentLocationLater",
		CREATE,
		"assigned to a single location",
		"one location a call",
	),
	(FULFILMENT, "cases.laterNonPositive", CREATE, "must be greater than 0", "nothing is not sent"),
	(FULFILMENT, "cases.laterMissingLine", CREATE, "line item does not exist", "an id"),
	(
		FULFILMENT,
		"cases.laterOverQuantity",
		CREATE,
		"Invalid fulfillment order line item quantity",
		"too many",
	),
	(FULFILMENT, "cases.validMultiGroup", CREATE, None, "one order, one location"),
	(REFUND, "invalidKind", GIVE_BACK, "Kind authorization is not valid", "a refund's kind is REFUND"),
	(REFUND, "missingParent", GIVE_BACK, "parent_id", "a refund names the payment it gives back"),
	(REFUND, "happyPath", GIVE_BACK, None, "as it is meant"),
]


class Recorded:
	"""Answers with a response that was captured."""

	def __init__(self, response: Any):
		self._body = json.dumps(response).encode()

	def send(
		self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None
	) -> HttpResponse:
		return HttpResponse(200, {"content-type": "application/json"}, self._body)


@pytest.mark.parametrize(("capture", "path", "mutation", "said", "why"), RESPONSES)
def test_a_response_is_understood(capture: str, path: str, mutation: str, said: str | None, why: str) -> None:
	found: Any = json.loads((SAMPLES / "graphql_captures" / f"{capture}.json").read_text(encoding="utf-8"))
	for key in path.split("."):
		found = found[key]
	transport = Recorded(found["response"])
	surroundings = Surroundings(transport, KeptInMemory(), lambda: START, lambda seconds: None)
	client = ShopifyClient(CHANNEL, CREDENTIALS, surroundings, transport)
	try:
		errors = " ".join(map(str, user_errors(client.run(f"mutation M {{ {mutation} }}")[mutation])))
	except BridgeError as error:
		errors = str(error)
	assert (said is None and not errors) or (said is not None and said.split(" is ")[0] in errors), why
