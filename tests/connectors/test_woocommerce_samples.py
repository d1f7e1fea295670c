"""Deliveries captured from real shops: the end state each must reach in the engine, and why."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from commerce_bridge.bridge.channel import Channel, Credentials, LineItems, OrderPolicy, ShippingMap, TaxMap
from commerce_bridge.bridge.protocols import HttpResponse, Limits, WebhookRequest
from commerce_bridge.bridge.receive import receive
from commerce_bridge.bridge.worker import run_once
from commerce_bridge.connectors.woocommerce import mapper
from commerce_bridge.connectors.woocommerce.connector import WooCommerceConnector
from sandbox.world import Sandbox
from tests.connectors.test_woocommerce_orders import Shop
from tests.sandbox.stage import START

FIXTURES = Path(__file__).parent / "fixtures" / "woocommerce"
SECRET = "Samples1"
TITLES = ("MwSt", "VAT 19%", "VAT 7%", "GST", "QST")
CHANNEL = Channel(
	name="Shop",
	platform="woocommerce",
	company="Company",
	company_currency="EUR",
	currency="EUR",
	store_url="https://shop.example",
	default_warehouse="Stores",
	orders=OrderPolicy(statuses=mapper.DEFAULT_STATUSES),
	taxes=tuple(TaxMap(title=title, account=title) for title in TITLES),
	shipping=(ShippingMap(method="*", item="SHIPPING"),),
	fee_item="FEE",
	line_items=LineItems(custom="CUSTOM"),
)
CREDENTIALS = Credentials(webhook_secrets=(SECRET,), api_key="ck_1", api_secret="cs_1")
ITEMS = (
	"SIM-1",
	"VAR-1-M",
	"VAR-1-S",
	"FRESH-1",
	"P999",
	"P137",
	"P033",
	"P1995",
	"BOOK",
	"SHIRT-S",
	"SHIRT-M",
)
SERVICES = ("SHIPPING", "FEE", "CUSTOM")


@dataclass(frozen=True)
class End:
	"""What becomes of a delivery, and how many Sales Orders there are then."""

	state: str
	message: str
	why: str
	booked: int = 0


ENDS = {
	"order_created_webhook": End("Succeeded", "99.21 EUR", "an order that was paid", 1),
	"order_updated_webhook": End("Succeeded", "99.21 EUR", "the order, which is new here", 1),
	"order_updated_after_create_webhook": End(
		"Succeeded", "99.21 EUR", "the same state under another topic", 1
	),
	"order_created_webhook_resource_gone": End("Skipped", "no longer there", "a signed error in its place"),
	"order_deleted_webhook": End("Succeeded", "Cancelled before it was seen", "the shop has it no more"),
	"product_created_webhook": End("Succeeded", "1 variants, 1 newly listed", "an Item has its SKU"),
	"product_updated_webhook": End("Succeeded", "No Item has SKU SIM-2", "a webhook makes no Items"),
	"product_updated_by_sale_webhook": End("Succeeded", "1 variants, 1 newly listed", "a variation alone"),
	"product_deleted_webhook": End("Skipped", "Nothing is listed", "it was never listed"),
	"customer_created_webhook": End("Succeeded", "", "a customer of the shop"),
	"customer_updated_webhook": End("Succeeded", "", "a customer of the shop"),
	"customer_deleted_webhook": End("Skipped", "stays in ERPNext", "nobody is deleted for a shop"),
}


class Nowhere:
	def send(
		self,
		method: str,
		url: str,
		headers: Mapping[str, str],
		body: bytes | None = None,
		limits: Limits | None = None,
	) -> HttpResponse:
		raise AssertionError("nothing is sent here")


class Stage:
	"""The engine with a channel, and a shop that is asked instead of a real one."""

	def __init__(self, sandbox: Sandbox, channel: Channel = CHANNEL, shop: Shop | None = None):
		self.sandbox, self.channel, self.shop = sandbox, channel, shop or Shop()
		sandbox.state.save(channel, CREDENTIALS)
		world = sandbox.world(Nowhere())
		connect: Any = world.connect

		def with_shop(channel: Channel, credentials: Credentials, unit: str = "") -> WooCommerceConnector:
			connector = connect(channel, credentials, unit)
			vars(connector)["_client"] = self.shop
			return connector

		self.world = replace(world, connect=with_shop)

	def deliver(self, headers: Mapping[str, str], body: str) -> dict[str, Any]:
		"""The Sync Log of a delivery, signed anew, once the engine is done with it."""
		raw = body.encode()
		signature = base64.b64encode(hmac.new(SECRET.encode(), raw, hashlib.sha256).digest()).decode()
		named = {name.lower(): value for name, value in headers.items()} | {
			"x-wc-webhook-signature": signature
		}
		answer = receive(
			self.world.connect(self.channel, CREDENTIALS),
			self.channel,
			WebhookRequest(named, raw),
			self.world.journal,
			self.sandbox.database.transaction,
			START,
		)
		assert answer.status == 200 and answer.body
		while run_once(self.world):
			continue
		row = self.sandbox.database.read_one("select * from sync_log where name = ?", answer.body["log"])
		assert row is not None
		return dict(row)


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
	sandbox = Sandbox.create(tmp_path / "erp.sqlite", lambda: START, durable=False)
	for item in (*ITEMS, *SERVICES):
		sandbox.make_item(item, is_stock_item=item not in SERVICES)
	yield sandbox
	sandbox.database.close()


def sample(name: str) -> dict[str, Any]:
	return json.loads((FIXTURES / f"{name}.json").read_text(encoding="utf-8"))


def totals(sandbox: Sandbox) -> list[Decimal]:
	return [Decimal(row["grand_total"]) for row in sandbox.sales_orders()]


def test_every_captured_delivery_has_an_end() -> None:
	captured = {path.stem for path in FIXTURES.glob("*_webhook*.json") if not path.stem.startswith("error_")}
	assert captured == set(ENDS)


@pytest.mark.parametrize("name", ENDS)
def test_a_delivery_reaches_its_end(sandbox: Sandbox, name: str) -> None:
	delivery, end = sample(name), ENDS[name]
	entry = Stage(sandbox).deliver(delivery["headers"], delivery["raw_body"])
	assert entry["state"] == end.state, f"{end.why}: {entry['message']}"
	assert end.message in entry["message"]
	assert len(sandbox.sales_orders()) == end.booked


def test_the_states_of_one_order_make_one_sales_order(sandbox: Sandbox) -> None:
	"""Created and updated are sent for one order placed over REST, with the same content."""
	stage = Stage(sandbox)
	names = ("order_created_webhook", "order_updated_after_create_webhook", "order_updated_webhook")
	for name in names:
		delivery = sample(name)
		assert stage.deliver(delivery["headers"], delivery["raw_body"])["state"] == "Succeeded"
	assert totals(sandbox) == [Decimal("99.21")]


def test_an_order_that_the_rest_api_answered_with_is_the_order(sandbox: Sandbox) -> None:
	stage = Stage(sandbox)
	for name in ("order", "order_create_response"):
		entry = stage.deliver(
			sample("order_created_webhook")["headers"], json.dumps(sample(name).get("body", sample(name)))
		)
		assert entry["state"] == "Succeeded", entry["message"]
	assert totals(sandbox) == [Decimal("99.21")]


def test_an_order_of_an_unknown_product_is_not_paid_yet(sandbox: Sandbox) -> None:
	stage, headers = Stage(sandbox), sample("order_created_webhook")["headers"]
	body = sample("error_order_unknown_product")["body"]
	assert '"pending"' in stage.deliver(headers, json.dumps(body))["message"]
	paid = {**body, "status": "processing", "date_modified_gmt": "2026-11-20T18:02:00"}
	assert stage.deliver(headers, json.dumps(paid))["state"] == "Succeeded"
	assert totals(sandbox) == [Decimal(0)]


def test_an_owner_without_rights_ends_in_a_failed_log_that_says_what_to_do(sandbox: Sandbox) -> None:
	body = {"code": "woocommerce_rest_cannot_view", "message": "Sorry", "data": {"status": 403}}
	entry = Stage(sandbox).deliver(sample("order_created_webhook")["headers"], json.dumps(body))
	assert (entry["state"], entry["error_class"]) == ("Failed", "Misconfigured")
	assert "Register Webhooks again" in entry["message"]


# --- a trashed order -----------------------------------------------------------------------------------------


def as_order(name: str, **changes: Any) -> dict[str, Any]:
	return {**sample(name)["body"], **changes}


def test_an_order_is_thrown_away_restored_and_thrown_away_again(sandbox: Sandbox) -> None:
	"""Each time its id is all that is sent of the deletion."""
	stage = Stage(sandbox)
	created = sample("order_created_webhook")
	assert stage.deliver(created["headers"], created["raw_body"])["state"] == "Succeeded"
	deleted = sample("order_deleted_webhook")["headers"]

	def throw_away(minute: int, delivery: str) -> dict[str, Any]:
		stage.shop.add(
			as_order("order_created_webhook", status="trash", date_modified_gmt=f"2026-11-20T18:{minute}:00")
		)
		return stage.deliver({**deleted, "X-WC-Webhook-Delivery-ID": delivery}, '{"id":19}')

	assert "cancelled" in throw_away(10, "a" * 32)["message"]
	restored = as_order("order_created_webhook", date_modified_gmt="2026-11-20T18:11:00")
	headers = {**created["headers"], "X-WC-Webhook-Topic": "order.restored"}
	assert "Sales Order" in stage.deliver(headers, json.dumps(restored))["message"]
	assert "cancelled" in throw_away(12, "b" * 32)["message"]
	assert {row["status"] for row in sandbox.sales_orders()} == {"Cancelled"}


# --- a day of a real shop ------------------------------------------------------------------------------------

DELIVERIES = [json.loads(line) for line in (FIXTURES / "deliveries.jsonl").read_text().splitlines()]


def test_a_day_of_a_real_shop_ends_as_it_should(sandbox: Sandbox) -> None:
	"""Products made and sold, an order refunded, completed, thrown away, restored and thrown away again; one through
	the block checkout, of which "updated" comes first. The shop is asked for what it does not say."""
	stage = Stage(sandbox)
	ends: list[tuple[str, str, str]] = []
	for row in DELIVERIES:
		request = row["request"]
		if "X-WC-Webhook-Topic" not in request["headers"]:
			continue
		body = json.loads(request["body"])
		if row["label"] in ("order trashed", "trash again"):
			known = stage.shop.orders[body["id"]]
			stage.shop.add({**known, "status": "trash"})
		elif "line_items" in body:
			stage.shop.add(body)
			for line in body["line_items"]:
				known_items = sandbox.database.read(
					"select item_code from items where item_code = ?", line["sku"]
				)
				if not known_items:
					sandbox.make_item(line["sku"])
		elif body.get("type") == "variable":
			stage.shop.products[str(body["id"])] = body
			stage.shop.variations[str(body["id"])] = []
		entry = stage.deliver(request["headers"], request["body"])
		ends.append((row["label"], entry["topic"], entry["state"]))
		assert entry["state"] in ("Succeeded", "Skipped"), (row["label"], entry["message"])
	orders = {row["external_id"]: row["status"] for row in sandbox.sales_orders()}
	assert orders == {"138": "Submitted", "140": "Submitted"}, "one of each way to buy"
	assert ("coupon", "coupon.created", "Skipped") in ends


# --- orders of a real shop -----------------------------------------------------------------------------------

REAL = sorted(path.stem for path in (FIXTURES / "orders").glob("*.json"))


@pytest.mark.parametrize("name", REAL)
def test_an_order_of_a_real_cart_is_booked_to_the_cent(sandbox: Sandbox, name: str) -> None:
	body = json.loads((FIXTURES / "orders" / f"{name}.json").read_text(encoding="utf-8"))
	if body["currency"] != "EUR":
		sandbox.set_exchange_rate(body["currency"], "2020-01-01", Decimal("1.1"))
	entry = Stage(sandbox).deliver(sample("order_created_webhook")["headers"], json.dumps(body))
	assert entry["state"] == "Succeeded", entry["message"]
	assert totals(sandbox) == [Decimal(body["total"])]


def test_there_are_real_orders_of_every_kind() -> None:
	assert len(REAL) >= 20
	rounded = {name.rpartition("_")[2] for name in REAL}
	assert {"line", "subtotal"} <= rounded
