"""examples/storefront.py over real HTTP against the embedded ERP. Both live on a clock that the tests move."""

from __future__ import annotations

import http.client
import json
import re
import runpy
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from threading import Barrier, Thread
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import pytest

from commerce_bridge.bridge import drift, feeds
from commerce_bridge.bridge.channel import CatalogPolicy, Credentials
from commerce_bridge.bridge.clock import in_microseconds
from commerce_bridge.bridge.model import Parcel
from commerce_bridge.bridge.protocols import HttpResponse
from commerce_bridge.bridge.worker import run_once
from commerce_bridge.bridge.world import World
from commerce_bridge.connectors.custom import messages
from commerce_bridge.connectors.http import GuardedTransport
from sandbox.local_server import LocalServer
from sandbox.server import WEBHOOK_PATH, ErpSite
from sandbox.storefronts.signing import sign
from tests.sandbox.stage import CHANNEL, SECRET, WAREHOUSE, Stage

FILE = Path(__file__).parents[2] / "examples" / "storefront.py"
EXAMPLE = runpy.run_path(str(FILE), run_name="storefront")
WRONG = "whsec_c29tZWJvZHktZWxzZXMtc2VjcmV0"
PRICE = Decimal("199.90")


def ask(
	address: str, method: str, path: str, headers: dict[str, str] | None = None, body: bytes = b""
) -> tuple[int, dict[str, str], str]:
	with closing(http.client.HTTPConnection(address, timeout=10)) as connection:
		connection.request(method, path, body=body, headers=headers or {})
		response = connection.getresponse()
		found = {name.lower(): value for name, value in response.getheaders()}
		return response.status, found, response.read().decode()


class ErpDoor:
	"""The ERP's web server, which can be closed, or lose its answers on the way."""

	def __init__(self, stage: Stage):
		self.site = ErpSite(stage.sandbox, GuardedTransport(allow_loopback=True))
		self.state = "open"

	def handle(self, method: str, target: str, headers: Any, body: bytes) -> Any:
		if self.state == "closed":
			return 503, {"retry-after": "900"}, b""
		if self.state == "login page":
			return 200, {"content-type": "text/html"}, b"<html>Please log in</html>"
		if self.state == "other json":
			return 200, {"content-type": "application/json"}, b'{"message": "down for maintenance"}'
		answer = self.site.handle(method, target, headers, body)
		if self.state == "loses answers":
			raise ConnectionAbortedError
		return answer


class Street:
	"""The storefront on its port, the ERP on its own, and time."""

	def __init__(self, stage: Stage, folder: Path):
		self.stage = stage
		self.shop = EXAMPLE["Shop"](str(folder / "shop.db"), SECRET, lambda: stage.now().timestamp())
		self.server = EXAMPLE["serve"](self.shop, 0)
		self.address = f"127.0.0.1:{self.server.server_address[1]}"
		Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
		self.door = ErpDoor(stage)
		self.erp = LocalServer(self.door.handle)
		self.erp.__enter__()
		self.erp_url = f"{self.erp.url}{WEBHOOK_PATH}?channel={quote(CHANNEL)}"
		catalog = CatalogPolicy(push_listings=True, push_prices=True)
		self.channel = stage.channel.model_copy(
			update={"store_url": f"http://{self.address}/erp", "catalog": catalog}
		)
		stage.sandbox.state.save(self.channel, Credentials(webhook_secrets=(SECRET,)))

	def close(self) -> None:
		self.server.shutdown()
		self.server.server_close()
		self.erp.__exit__()

	def world(self) -> World:
		return self.stage.sandbox.world(GuardedTransport(allow_loopback=True), uniform=lambda low, high: low)

	def work(self) -> None:
		"""The ERP does what is due."""
		self.stage.run(self.world())

	def send(self) -> int:
		return EXAMPLE["send_due"](self.shop, self.erp_url)

	def settle(self) -> None:
		self.send()
		self.work()

	def later(self, seconds: float) -> None:
		self.stage.time += timedelta(seconds=seconds)

	# --- people

	def page(self, path: str = "/") -> str:
		status, _, text = ask(self.address, "GET", path)
		assert status == 200
		return text

	def buy(self, sku: str, quantity: int = 1) -> tuple[int, str]:
		"""What a browser does with the form; status and order id."""
		form = urlencode({"sku": sku, "quantity": quantity, "name": "Ada", "email": "ada@example.com"})
		kind = {"content-type": "application/x-www-form-urlencoded"}
		status, headers, _ = ask(self.address, "POST", "/buy", kind, form.encode())
		return status, headers.get("location", "").removeprefix("/orders/")

	def bought(self, sku: str, quantity: int = 1) -> str:
		status, order_id = self.buy(sku, quantity)
		assert status == 303
		return order_id

	def left(self, sku: str) -> int:
		"""What the page shows once nothing is on its way."""
		self.send()
		return self.shown(sku)

	def shown(self, sku: str) -> int:
		return int(re.search(rf"{sku.title()}</b> [^,]*, (-?\d+) left", self.page())[1])

	def available(self, sku: str) -> int:
		return int(self.stage.sandbox.erp.available(sku, [WAREHOUSE]))

	def sales_orders(self, order_id: str) -> list[Any]:
		return self.stage.sandbox.sales_orders(order_id)

	# --- messages

	def post(
		self, message: dict[str, Any], webhook_id: str = "msg_1", secret: str = SECRET
	) -> tuple[int, Any]:
		body = json.dumps(message).encode()
		headers = sign(secret, webhook_id, body, self.stage.now())
		status, _, text = ask(self.address, "POST", "/erp", dict(headers), body)
		return status, json.loads(text) if text else None

	def get(self, path: str) -> Any:
		status, _, text = ask(
			self.address, "GET", f"/erp{path}", dict(sign(SECRET, "get", b"", self.stage.now()))
		)
		return json.loads(text) if status == 200 else status


@pytest.fixture
def street(tmp_path: Path) -> Iterator[Street]:
	stage = Stage()
	street = Street(stage, tmp_path)
	yield street
	street.close()
	stage.close()


@pytest.fixture
def open_street(street: Street) -> Street:
	"""Every product is on sale at a price of the ERP."""
	for sku in ("PHONE", "CASE", "CABLE"):
		street.stage.sandbox.erp.set_price(sku, PRICE)
	world = street.world()
	with world.erp.transaction():
		for feed in feeds.FEEDS.values():
			feeds.queue_resync(world, street.channel, feed)
	street.work()
	return street


def message(topic: str, at: str = "2026-05-04T08:00:00Z", /, **data: Any) -> dict[str, Any]:
	return {"type": topic, "timestamp": at, "data": data}


def level(sku: str, quantity: str, location: str | None = None) -> dict[str, Any]:
	ids = {"product_id": None, "variant_id": None}
	return {
		"key": f"L-{sku}|{location or ''}",
		"sku": sku,
		**ids,
		"location_id": location,
		"quantity": quantity,
	}


def listing(sku: str, **changes: Any) -> dict[str, Any]:
	given = {"key": f"L-{sku}", "sku": sku, "published": True, "title": sku.title()} | changes
	kinds = messages.SentListing.model_fields
	empty = dict.fromkeys(kinds) | {"barcodes": [], "attributes": {}, "components": [], "custom": {}}
	return messages.SentListing(**{**empty, **given}).model_dump()


def price(amount: str | None, currency: str = "EUR") -> dict[str, Any]:
	return dict.fromkeys(("compare_at", "valid_from", "valid_until")) | {
		"currency": currency,
		"amount": amount,
	}


# --- the catalog and its stock


def test_products_prices_and_stock_come_from_the_erp(open_street: Street) -> None:
	page = open_street.page()
	assert f"<b>Phone</b> {PRICE} EUR, 50 left" in page
	open_street.stage.sandbox.erp.set_price("PHONE", Decimal("149.50"))
	open_street.stage.sandbox.erp.rename_item("PHONE", "Phone, renewed")
	open_street.stage.sandbox.erp.move_stock("PHONE", WAREHOUSE, Decimal(-8))
	open_street.work()
	assert "<b>Phone, renewed</b> 149.50 EUR, 42 left" in open_street.page()


def test_what_is_paused_or_has_no_price_cannot_be_bought(open_street: Street) -> None:
	open_street.stage.sandbox.erp.publish("PHONE", "Paused")
	open_street.work()
	assert "Phone" not in open_street.page()
	assert open_street.buy("PHONE")[0] == 409
	row = {"key": "LIST-2", "sku": "CASE", "product_id": None, "variant_id": None, **price(None)}
	later = open_street.stage.now().isoformat()
	assert open_street.post(message("price.updated", later, prices=[row]))[1] == {
		"results": [{"key": "LIST-2"}]
	}
	assert "Case" not in open_street.page()
	assert open_street.buy("CASE")[0] == 409


def test_hostile_texts_are_shown_as_text(street: Street) -> None:
	nasty = "\"><script>alert('x')</script>"
	rows = [listing("A", title=nasty, price=price("1.00")), listing('B"><i>', title="B", price=price("1"))]
	street.post(message("listing.upserted", listings=rows))
	street.post(message("stock.updated", levels=[level("A", "3")]), "msg_2")
	order_id = street.bought("A")
	shipment = {"id": "S-1", "order_id": order_id, "lines": [], "status": "shipped"}
	parcels = [
		{"carrier": nasty, "tracking_number": "T", "tracking_url": "javascript:alert(1)"},
		{"carrier": "DHL", "tracking_number": "T2", "tracking_url": 'https://x.example/"><script>'},
	]
	street.post(message("shipment.upserted", **shipment, parcels=parcels), "msg_3")
	for page in (street.page(), street.page(f"/orders/{order_id}")):
		assert "<script" not in page and "<i>" not in page
		assert "&lt;script&gt;" in page
	assert "javascript:" not in street.page(f"/orders/{order_id}")


def test_the_later_message_holds_in_whatever_order_they_arrive(street: Street) -> None:
	street.post(message("listing.upserted", listings=[listing("A", price=price("1.00"))]))
	newer, older = "2026-05-04T08:00:00.500000Z", "2026-05-04T08:00:00Z"
	street.post(message("stock.updated", newer, levels=[level("A", "3")]), "msg_2")
	answer = street.post(message("stock.updated", older, levels=[level("A", "9")]), "msg_3")
	assert answer == (200, {"results": [{"key": "L-A|"}]})
	street.post(
		message("listing.upserted", "2026-05-04T07:00:00Z", listings=[listing("A", title="Old")]), "msg_4"
	)
	assert street.left("A") == 3


def test_rows_are_refused_one_by_one(street: Street) -> None:
	street.post(message("listing.upserted", listings=[listing("A", price=price("1.00"))]))
	levels = [level("A", "2.5"), level("NONE", "1")]
	_, answer = street.post(message("stock.updated", levels=levels), "msg_2")
	assert answer["results"] == [
		{"key": "L-A|"},
		{"key": "L-NONE|", "error": "unknown SKU", "retry": False},
	]
	assert "2.5 left" in street.page()


# --- orders


def test_an_order_bought_on_the_page_becomes_a_sales_order(open_street: Street) -> None:
	order_id = open_street.bought("PHONE", 3)
	assert open_street.shown("PHONE") == 47
	assert open_street.send() == 1
	open_street.work()
	[row] = open_street.sales_orders(order_id)
	assert Decimal(row["grand_total"]) == PRICE * 3 + EXAMPLE["SHIPPING"]
	assert f"{row['grand_total']} EUR" in open_street.page(f"/orders/{order_id}")
	assert open_street.left("PHONE") == open_street.available("PHONE") == 47


def test_shipments_are_shown_with_all_parcels_until_they_are_cancelled(open_street: Street) -> None:
	order_id = open_street.bought("PHONE", 2)
	open_street.settle()
	[row] = open_street.sales_orders(order_id)
	erp = open_street.stage.sandbox.erp
	note = erp.make_delivery(row["name"], carrier="DHL", tracking_number="T-1")
	open_street.work()
	assert "2 × PHONE: shipped DHL T-1" in open_street.page(f"/orders/{order_id}")
	assert "Cancel this order" not in open_street.page(f"/orders/{order_id}")
	url = "https://track.example/T-3"
	parcels = [
		Parcel(carrier="DHL", tracking_number="T-2"),
		Parcel(carrier="UPS", tracking_number="T-3", tracking_url=url),
	]
	erp.track_delivery(note, parcels, delivered=True)
	open_street.work()
	page = open_street.page(f"/orders/{order_id}")
	assert f'2 × PHONE: delivered DHL T-2, <a href="{url}" rel="noreferrer">UPS T-3</a>' in page
	assert open_street.left("PHONE") == open_street.available("PHONE") == 48
	erp.cancel_delivery(note)
	open_street.work()
	assert "T-2" not in open_street.page(f"/orders/{order_id}")


def test_the_customer_cancels(open_street: Street) -> None:
	order_id = open_street.bought("PHONE", 2)
	open_street.settle()
	status, headers, _ = ask(open_street.address, "POST", f"/orders/{order_id}/cancel")
	assert (status, headers["location"]) == (303, f"/orders/{order_id}")
	assert open_street.left("PHONE") == 50
	open_street.settle()
	assert [row["status"] for row in open_street.sales_orders(order_id)] == ["Cancelled"]
	assert "You cancelled this order." in open_street.page(f"/orders/{order_id}")
	assert open_street.left("PHONE") == open_street.available("PHONE") == 50


def test_what_is_shipped_is_not_cancelled(open_street: Street) -> None:
	order_id = open_street.bought("PHONE")
	open_street.settle()
	open_street.stage.sandbox.erp.make_delivery(open_street.sales_orders(order_id)[0]["name"])
	open_street.work()
	ask(open_street.address, "POST", f"/orders/{order_id}/cancel")
	assert open_street.send() == 0
	assert open_street.left("PHONE") == 49


def test_a_cancellation_in_the_erp_is_shown(open_street: Street) -> None:
	order_id = open_street.bought("PHONE", 2)
	open_street.settle()
	open_street.stage.sandbox.erp.cancel_by_hand(open_street.sales_orders(order_id)[0]["name"])
	open_street.work()
	assert "We had to cancel this order." in open_street.page(f"/orders/{order_id}")
	assert open_street.left("PHONE") == open_street.available("PHONE") == 50


def test_two_buyers_of_the_last_piece(open_street: Street) -> None:
	open_street.stage.sandbox.set_stock("PHONE", WAREHOUSE, Decimal(1))
	open_street.work()
	together, statuses = Barrier(2), []

	def buy() -> None:
		together.wait()
		statuses.append(open_street.buy("PHONE")[0])

	buyers = [Thread(target=buy) for _ in range(2)]
	for buyer in buyers:
		buyer.start()
	for buyer in buyers:
		buyer.join()
	assert sorted(statuses) == [303, 409]
	open_street.settle()
	assert len(open_street.stage.sandbox.sales_orders()) == 1
	assert open_street.left("PHONE") == open_street.available("PHONE") == 0


@pytest.mark.parametrize("quantity", ["0", "-1", "51", "many", "1.5"])
def test_senseless_quantities_sell_nothing(open_street: Street, quantity: str) -> None:
	assert open_street.buy("PHONE", quantity)[0] == 409
	assert open_street.left("PHONE") == 50


# --- money, and goods that come back


def _told(street: Street) -> list[tuple[str, Any]]:
	"""What the ERP reads in the events that wait, oldest first."""
	world = street.world()
	connector = world.connect(street.channel, Credentials(webhook_secrets=(SECRET,)))
	rows = street.shop.read("select body from outbox where received_at is null order by rowid")
	bodies = [row["body"] for row in rows]
	return [
		(json.loads(body)["type"], connector.parse(json.loads(body)["type"], body).data) for body in bodies
	]


def _read(street: Street, order_id: str) -> Any:
	"""The order as the ERP reads it."""
	connector = street.world().connect(street.channel, Credentials(webhook_secrets=(SECRET,)))
	return connector.parse("order.upserted", connector.fetch_order(order_id).payload).data


def test_the_buyer_pays_once(open_street: Street) -> None:
	order_id = open_street.bought("PHONE", 2)
	open_street.settle()
	assert ">Pay<" in open_street.page(f"/orders/{order_id}")
	for _ in range(2):
		assert ask(open_street.address, "POST", f"/orders/{order_id}/pay")[0] == 303
	[(kind, payment)] = _told(open_street)
	total = PRICE * 2 + EXAMPLE["SHIPPING"]
	assert (kind, payment.order_id, payment.status, payment.amount) == (
		*("payment.updated", order_id),
		*("captured", total),
	)
	assert _read(open_street, order_id).payments == (payment.model_copy(update={"order_id": ""}),)
	page = open_street.page(f"/orders/{order_id}")
	assert f"Paid: {total} EUR" in page and ">Pay<" not in page


def test_the_shopkeeper_gives_money_back_and_not_more_than_was_sold(open_street: Street) -> None:
	order_id = open_street.bought("PHONE", 3)
	assert open_street.shop.refund(order_id, 1, restock=True) is None, "nothing was paid"
	open_street.shop.pay(order_id)
	open_street.settle()
	first = open_street.shop.refund(order_id, 2, restock=True)
	assert open_street.shop.refund(order_id, 2, restock=True) is None
	[(kind, refund)] = _told(open_street)
	assert (kind, refund.id, refund.order_id, refund.total) == ("refund.created", first, order_id, PRICE * 2)
	[line], [back] = refund.lines, refund.payments
	assert (line.quantity, line.amount, line.restock) == (2, PRICE * 2, True)
	assert (back.amount, back.status) == (PRICE * 2, "captured")
	[kept] = _read(open_street, order_id).refunds
	assert kept.model_dump(exclude={"order_id", "updated_at", "payments"}) == refund.model_dump(
		exclude={"order_id", "updated_at", "payments"}
	)
	assert f"Given back: {PRICE * 2} EUR" in open_street.page(f"/orders/{order_id}")


def test_a_paid_order_that_is_cancelled_gives_all_money_back(open_street: Street) -> None:
	order_id = open_street.bought("PHONE", 2)
	open_street.shop.pay(order_id)
	open_street.shop.cancel(order_id)
	order = _read(open_street, order_id)
	[refund] = order.refunds
	assert (order.cancelled, refund.total) == (True, order.total)
	assert [payment.amount for payment in refund.payments] == [order.total]


def test_the_money_that_the_erp_asks_for_goes_back_once(open_street: Street) -> None:
	order_id = open_street.bought("PHONE", 2)
	open_street.shop.pay(order_id)
	line = {"order_line_id": "1", "quantity": "1", "amount": "100", "taxes": []}
	request = {**REQUEST, "order_id": order_id, "lines": [line], "shipping": "5", "total": "103.50"}
	_, first = open_street.post(message("refund.requested", **request), "msg_2")
	_, again = open_street.post(message("refund.requested", **request), "msg_3")
	assert again == first
	[refund] = _read(open_street, order_id).refunds
	assert first == {"results": [{"key": "CN-1", "refund_id": refund.id}]}
	assert (refund.total, refund.payments[0].amount) == (Decimal("103.50"), Decimal("103.50"))
	assert [fee.amount for fee in refund.adjustments] == [Decimal("-1.50")]


def test_the_buyer_sends_goods_back_and_sees_what_becomes_of_it(open_street: Street) -> None:
	order_id = open_street.bought("PHONE", 2)
	open_street.settle()
	ask(open_street.address, "POST", f"/orders/{order_id}/return", body=b"reason=too+early")
	assert _read(open_street, order_id).returns == ()
	[row] = open_street.sales_orders(order_id)
	open_street.stage.sandbox.erp.make_delivery(row["name"])
	open_street.work()
	assert "Send it back" in open_street.page(f"/orders/{order_id}")
	ask(open_street.address, "POST", f"/orders/{order_id}/return", body=b"reason=Too+small")
	[(kind, wanted)] = _told(open_street)
	assert (kind, wanted.order_id, wanted.status) == ("return.updated", order_id, "requested")
	assert [(line.quantity, line.reason) for line in wanted.lines] == [(2, "Too small")]
	moment = open_street.stage.now().isoformat()
	approved = {
		**{"id": wanted.id, "document": "RMA-1", "order_id": order_id, "order_number": "n"},
		**{"status": "approved", "lines": [{"order_line_id": "1", "quantity": "2"}], "updated_at": moment},
	}
	open_street.post(message("return.updated", moment, **approved), "msg_9")
	assert [each.status for each in _read(open_street, order_id).returns] == ["approved"]
	assert "Return: approved" in open_street.page(f"/orders/{order_id}")


def test_an_invoice_is_shown_until_it_is_cancelled(open_street: Street) -> None:
	order_id = open_street.bought("PHONE")
	invoice = {**INVOICE, "order_id": order_id, "url": 'https://erp.example/"><script>'}
	open_street.post(message("invoice.upserted", **invoice), "msg_2")
	page = open_street.page(f"/orders/{order_id}")
	assert 'rel="noreferrer">SINV-1</a>' in page and "<script" not in page
	open_street.post(message("invoice.cancelled", "2026-05-04T09:00:00Z", **invoice), "msg_3")
	assert "SINV-1" not in open_street.page(f"/orders/{order_id}")


# --- outages


@pytest.mark.parametrize("state", ["closed", "login page", "other json", "loses answers"])
def test_events_wait_until_they_are_acknowledged(open_street: Street, state: str) -> None:
	open_street.door.state = state
	orders = [open_street.bought("PHONE"), open_street.bought("CASE", 2)]
	assert open_street.send() == 0
	open_street.later(5)
	open_street.door.state = "open"
	assert open_street.send() == 1  # the other one was not tried yet, and need not wait
	assert open_street.send() == 0
	open_street.later(900)
	assert open_street.send() == 1
	open_street.work()
	assert [len(open_street.sales_orders(order)) for order in orders] == [1, 1]
	for sku in ("PHONE", "CASE"):
		assert open_street.left(sku) == open_street.available(sku)


def test_a_server_that_asks_for_patience_gets_it(open_street: Street) -> None:
	open_street.door.state = "closed"
	open_street.bought("PHONE")
	open_street.send()
	open_street.door.state = "open"
	open_street.later(800)
	assert open_street.send() == 0
	open_street.later(101)
	assert open_street.send() == 1


def test_levels_that_know_nothing_of_an_order_do_not_bring_its_pieces_back(open_street: Street) -> None:
	open_street.bought("PHONE", 5)
	open_street.stage.sandbox.erp.move_stock("PHONE", WAREHOUSE, Decimal(10))
	open_street.work()
	assert open_street.left("PHONE") == 55
	open_street.settle()
	assert open_street.left("PHONE") == open_street.available("PHONE") == 55


def test_a_lost_acknowledgement_takes_pieces_twice_until_the_next_level_and_sells_none_twice(
	open_street: Street,
) -> None:
	open_street.bought("PHONE", 5)
	open_street.door.state = "loses answers"
	open_street.send()
	open_street.work()  # books the order and sends 45, of which the shop takes 5 off: it has not heard
	assert open_street.left("PHONE") == 40
	open_street.door.state = "open"
	open_street.later(60)
	assert open_street.send() == 1
	assert open_street.left("PHONE") == 40  # the level may be older than what was acknowledged now
	open_street.stage.sandbox.erp.move_stock("PHONE", WAREHOUSE, Decimal(1))
	open_street.work()
	assert open_street.left("PHONE") == open_street.available("PHONE") == 46


class OnItsWay(GuardedTransport):
	"""What happens between the computing of a level and its arrival."""

	def __init__(self, meanwhile: Callable[[], Any]):
		super().__init__(allow_loopback=True)
		self.meanwhile = [meanwhile]

	def send(self, method: str, *request: Any, **options: Any) -> HttpResponse:
		if method == "POST" and self.meanwhile:
			self.meanwhile.pop()()
		return super().send(method, *request, **options)


def test_a_level_computed_before_the_erp_had_an_order_brings_nothing_back(open_street: Street) -> None:
	open_street.bought("PHONE", 5)
	open_street.stage.sandbox.erp.move_stock("PHONE", WAREHOUSE, Decimal(10))
	transport = OnItsWay(open_street.send)
	world = open_street.stage.sandbox.world(transport, uniform=lambda low, high: low)
	feeds.collect_changes(world)
	run_once(world)
	assert not transport.meanwhile
	assert [row["received_at"] is None for row in open_street.shop.read("select * from outbox")] == [False]
	assert open_street.shown("PHONE") == 55, "60 came, computed before the 5 were known"
	open_street.work()
	assert open_street.left("PHONE") == open_street.available("PHONE") == 55
	assert not open_street.shop.read("select * from outbox")


def test_an_order_stored_while_the_erp_computes_brings_nothing_back(
	open_street: Street, monkeypatch: pytest.MonkeyPatch
) -> None:
	open_street.bought("PHONE", 5)
	open_street.stage.sandbox.erp.move_stock("PHONE", WAREHOUSE, Decimal(10))
	world, count = open_street.world(), feeds.count_unbooked

	def count_then_store(world: World) -> int:
		counted = count(world)
		open_street.send()  # too late to be counted
		return counted

	monkeypatch.setattr(feeds, "count_unbooked", count_then_store)
	feeds.collect_changes(world)
	run_once(world)
	assert open_street.shown("PHONE") == 55
	monkeypatch.undo()
	open_street.work()
	assert open_street.left("PHONE") == open_street.available("PHONE") == 55


@pytest.mark.parametrize(("microseconds", "shown"), [(-1, 45), (0, 50), (1, 50)])
def test_a_level_counts_what_was_received_until_it_was_computed(
	open_street: Street, microseconds: int, shown: int
) -> None:
	open_street.bought("PHONE", 5)
	open_street.send()
	[event] = open_street.shop.read("select received_at from outbox")
	moment = datetime.fromisoformat(event["received_at"].replace("Z", "+00:00"))
	as_of = in_microseconds(moment + timedelta(microseconds=microseconds))
	open_street.post(message("stock.updated", as_of=as_of, levels=[level("PHONE", "50")]))
	assert open_street.shown("PHONE") == shown


def test_an_acknowledgement_without_a_time_counts_from_the_next_level_on(open_street: Street) -> None:
	open_street.bought("PHONE", 5)
	with open_street.shop.transaction() as database:
		[event] = database.execute("select id from outbox").fetchall()
		EXAMPLE["_heard"](database, event["id"], {"log": "from an older ERP"})
	assert open_street.send() == 0
	assert open_street.shown("PHONE") == 45
	open_street.post(message("stock.updated", levels=[level("PHONE", "45")]))
	assert open_street.shown("PHONE") == 45


def test_a_cancellation_before_the_erp_heard_of_the_order(open_street: Street) -> None:
	open_street.door.state = "closed"
	order_id = open_street.bought("PHONE", 5)
	open_street.send()
	ask(open_street.address, "POST", f"/orders/{order_id}/cancel")
	open_street.stage.sandbox.erp.move_stock("PHONE", WAREHOUSE, Decimal(1))
	open_street.work()
	assert open_street.left("PHONE") == 51
	open_street.door.state = "open"
	open_street.later(3600)
	assert open_street.send() == 2
	open_street.work()
	assert [row["status"] for row in open_street.sales_orders(order_id)] in ([], ["Cancelled"])
	assert open_street.left("PHONE") == open_street.available("PHONE") == 51


def test_what_the_erp_refuses_for_good_is_kept_and_blocks_nothing(open_street: Street) -> None:
	order_id = open_street.bought("PHONE")
	with open_street.shop.transaction() as database:
		database.execute("update outbox set body = '[]'")
	other = open_street.bought("CASE")
	assert open_street.send() == 1
	[event] = open_street.shop.read("select * from outbox where received_at is null")
	assert event["refused"].startswith("400")
	open_street.later(100_000)
	assert open_street.send() == 0
	open_street.work()
	assert (open_street.sales_orders(order_id), len(open_street.sales_orders(other))) == ([], 1)


# --- signatures


def test_forged_and_old_messages_are_refused(street: Street) -> None:
	good = message("listing.upserted", listings=[listing("A", price=price("1.00"))])
	body = json.dumps(good).encode()
	signed = dict(sign(SECRET, "msg_1", body, street.stage.now()))
	assert street.post(good, secret=WRONG)[0] == 401
	assert ask(street.address, "POST", "/erp", {}, body)[0] == 401
	assert ask(street.address, "POST", "/erp", signed, body + b" ")[0] == 401
	assert ask(street.address, "POST", "/erp", signed | {"webhook-id": "msg_2"}, body)[0] == 401
	assert ask(street.address, "POST", "/erp", signed | {"webhook-timestamp": "²"}, body)[0] == 401
	assert ask(street.address, "GET", "/erp/orders")[0] == 401
	street.later(301)
	assert ask(street.address, "POST", "/erp", signed, body)[0] == 401
	assert "Nothing for sale yet" in street.page()


def test_a_repeated_message_is_applied_once(street: Street) -> None:
	street.post(message("listing.upserted", listings=[listing("A", price=price("1.00"))]))
	stocked = message("stock.updated", levels=[level("A", "7")])
	first = street.post(stocked, "msg_2")
	street.bought("A", 2)
	street.post(message("stock.updated", "2026-05-04T08:00:01Z", levels=[level("A", "4")]), "msg_3")
	assert street.post(stocked, "msg_2") == first
	assert street.left("A") == 2
	street.later(700)
	street.post(message("ping"), "msg_4")
	assert [row["id"] for row in street.shop.read("select id from messages")] == ["msg_4"]


def test_two_secrets_while_one_is_replaced(street: Street) -> None:
	body = json.dumps(message("ping")).encode()
	old = dict(sign(SECRET, "msg_1", body, street.stage.time))
	new = dict(sign(WRONG, "msg_1", body, street.stage.time))
	both = old | {"webhook-signature": f"{new['webhook-signature']} {old['webhook-signature']}"}
	assert ask(street.address, "POST", "/erp", both, body)[0] == 200


@pytest.mark.parametrize("body", [b"", b"{", b"\xff"])
def test_what_is_no_message_is_refused(street: Street, body: bytes) -> None:
	headers = dict(sign(SECRET, "msg_1", body, street.stage.now()))
	assert ask(street.address, "POST", "/erp", headers, body)[0] == 400


def test_bodies_that_are_too_long_are_not_read(street: Street) -> None:
	for length in ("99999999", "-1", "x"):
		assert ask(street.address, "POST", "/erp", {"content-length": length})[0] == 413


# --- every message of the contract


REQUEST = {
	**{"id": "CN-1", "order_id": "o", "order_number": "n", "currency": "EUR", "lines": [], "payments": []},
	**{"shipping": "0", "total": "5", "reason": None},
}
INVOICE = {
	**{"id": "SINV-1", "order_id": "o", "order_number": "n", "is_return": False, "return_against": None},
	**{"total": "10", "open": "0", "currency": "EUR", "issued_on": "2026-05-04", "url": None},
}
DATA: dict[type, dict[str, Any]] = {
	messages.StockUpdated: {"as_of": "2026-05-04T08:59:59.000000Z", "levels": [level("A", "1")]},
	messages.PriceUpdated: {
		"prices": [{"key": "L-A", "sku": "A", "product_id": None, "variant_id": None, **price("1")}]
	},
	messages.ListingUpserted: {"listings": [listing("A")]},
	messages.OrderChanged: {"order_id": "o", "order_number": "n", "kind": "edited", "lines": []},
	messages.OrderStatusChanged: {
		**{"order_id": "o", "order_number": "n", "document": "SO-1", "status": "To Deliver"},
		**{"delivered": "50", "billed": "0", "updated_at": "2026-05-04T08:00:00Z"},
	},
	messages.CustomerUpdated: dict.fromkeys(messages.SentCustomer.model_fields)
	| {"id": "c", "addresses": [], "custom": {}},
	messages.InvoiceUpserted: INVOICE,
	messages.InvoiceCancelled: INVOICE,
	messages.RefundRequested: REQUEST,
	messages.ReturnTold: {
		**{"id": "rma", "document": "RMA-1", "order_id": "o", "order_number": "n", "status": "approved"},
		**{"lines": [], "reason": None, "updated_at": "2026-05-04T08:00:00Z"},
	},
	messages.Ping: {},
}
SHIPMENT = dict.fromkeys(messages.SentShipment.model_fields) | {
	**{"id": "S", "order_id": "o", "order_number": "n", "lines": [], "parcels": [], "status": "shipped"}
}


@pytest.mark.parametrize("kind", messages.OUTGOING, ids=lambda kind: kind.__name__)
def test_every_message_of_the_contract_is_taken(street: Street, kind: type) -> None:
	street.post(message("listing.upserted", listings=[listing("A")]))
	topic = kind.model_fields["type"].annotation.__args__[0]
	sent = kind(**message(topic, "2026-05-04T09:00:00Z", **DATA.get(kind, SHIPMENT))).model_dump()
	status, answer = street.post(sent, "msg_2")
	assert status == 200
	if kind is messages.RefundRequested:
		assert answer["results"] == [{"key": "CN-1", "error": "nothing was paid", "retry": False}]
		return
	assert not [row for row in answer["results"] if "error" in row]


# --- what the ERP reads


def test_orders_stock_and_catalog_are_read_page_by_page(street: Street) -> None:
	skus = [f"SKU-{number:03}" for number in range(120)]
	street.post(message("listing.upserted", listings=[listing(sku, price=price("1.00")) for sku in skus]))
	street.post(message("stock.updated", levels=[level(sku, "9") for sku in skus]), "msg_2")
	street.post(message("stock.updated", levels=[level("SKU-099", "4", "loc-2")]), "msg_3")
	placed = [street.shop.buy(skus[number % 120], 1, "Ada", "ada@example.com") for number in range(130)]
	connector = street.world().connect(street.channel, Credentials(webhook_secrets=(SECRET,)))
	pages = list(connector.orders_since(None))
	read = [incoming.external_id for page in pages for incoming in page.events]
	assert (read, len(pages)) == (placed, 2)
	assert next(connector.orders_since(pages[-1].cursor)).events == ()
	assert _shown(connector.shown_catalog) == skus
	assert sorted(_shown(connector.shown_stock)) == sorted([*skus, "SKU-099"])
	assert connector.fetch_order(placed[7]).external_id == placed[7]
	assert connector.fetch_order("none") is None


def _shown(read: Any) -> list[str]:
	found, cursor = [], None
	while True:
		page = read(cursor)
		found += [row.sku for row in page.rows]
		cursor = page.cursor
		if cursor is None:
			return found
		assert len(found) < 1_000


def test_orders_can_be_read_from_a_moment_on(open_street: Street) -> None:
	open_street.bought("PHONE")
	moment = open_street.stage.time.replace(microsecond=0)
	open_street.stage.time = moment + timedelta(seconds=1)
	second = open_street.bought("PHONE")
	since = (moment + timedelta(seconds=1)).isoformat().replace("+00:00", "Z")
	assert [order["id"] for order in open_street.get(f"/orders?since={since}")["orders"]] == [second]
	first_page = open_street.get("/orders?limit=1")
	assert (len(first_page["orders"]), first_page["more"]) == (1, True)
	assert open_street.get("/orders?since=yesterday") == 400
	assert open_street.get("/elsewhere") == 404


def test_an_order_whose_webhook_was_lost_is_found_by_reading(open_street: Street) -> None:
	order_id = open_street.bought("PHONE")
	with open_street.shop.transaction() as database:
		database.execute("delete from outbox")
	world = open_street.world()
	connector = world.connect(open_street.channel, Credentials(webhook_secrets=(SECRET,)))
	event = connector.parse("order.upserted", connector.fetch_order(order_id).payload)
	assert (event.data.id, event.data.total) == (order_id, PRICE + EXAMPLE["SHIPPING"])


def test_the_erp_finds_no_drift_and_finds_what_somebody_edited(open_street: Street) -> None:
	open_street.bought("PHONE", 2)
	open_street.settle()
	assert open_street.left("PHONE") == 48
	assert _drifts(open_street) == []
	with open_street.shop.transaction() as database:
		database.execute("update levels set quantity = '99' where sku = 'CASE'")
	assert _drifts(open_street) == [("CASE", Decimal(99), Decimal(50))]


def _drifts(street: Street) -> list[tuple[str, Decimal, Decimal]]:
	world = street.world()
	with world.erp.transaction():
		drift.queue_check(world, street.channel)
	street.work()
	found = street.stage.sandbox.erp.drifts(CHANNEL)
	return [(row.sku, row.shown, row.available) for row in found]


# --- the file itself


def test_it_needs_nothing_but_the_standard_library() -> None:
	imported = re.findall(r"^(?:from|import) (\w+)", FILE.read_text(), re.MULTILINE)
	assert set(imported) <= {*sys.stdlib_module_names}


def test_addresses_of_people_lead_nowhere_else(open_street: Street) -> None:
	assert ask(open_street.address, "GET", "/orders/none")[0] == 404
	assert ask(open_street.address, "GET", "/orders")[0] == 404
	assert ask(open_street.address, "POST", "/")[0] == 405
	assert ask(open_street.address, "POST", "/orders/none/cancel")[0] == 303
	assert urlsplit(open_street.erp_url).path == WEBHOOK_PATH
