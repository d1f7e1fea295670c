"""The front door, row by row of the table of bad inputs, with the custom storefront as the connector."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from commerce_bridge.bridge.channel import ChannelStatus
from commerce_bridge.bridge.errors import Rejected, Retryable
from commerce_bridge.bridge.protocols import Answer, NewEntry, Recorded, WebhookRequest
from commerce_bridge.bridge.receive import REFUSED, dedupe_key, new_entry, receive, unknown_channel
from commerce_bridge.connectors.custom.connector import CustomConnector
from tests.connectors.storefront import (
	CHANNEL,
	CREDENTIALS,
	NOW,
	RecordingTransport,
	message,
	order,
	signed,
	surroundings,
)


@dataclass
class Store:
	"""A journal and its transaction: rows count only once they are committed."""

	rows: dict[str, NewEntry] = field(default_factory=dict)
	deadlocks: int = 0
	commits: int = 0
	reads: int = 0
	_pending: dict[str, NewEntry] = field(default_factory=dict)

	def record(self, entries: Sequence[NewEntry]) -> list[Recorded]:
		recorded = []
		for entry in entries:
			created = entry.dedupe_key not in self.rows
			if created:
				self._pending[entry.dedupe_key] = entry
			recorded.append(Recorded("log-" + entry.dedupe_key[:8], created))
		return recorded

	def payload(self, name: str) -> str | None:
		self.reads += 1
		return next(row.payload for row in self.rows.values() if name == "log-" + row.dedupe_key[:8])

	@contextmanager
	def transaction(self) -> Iterator[None]:
		self._pending.clear()
		yield
		if self.deadlocks:
			self.deadlocks -= 1
			raise Retryable("deadlock")
		self.rows.update(self._pending)
		self.commits += 1

	def clock(self) -> datetime:
		"""A second later after each commit."""
		return NOW + timedelta(seconds=self.commits)

	@property
	def entries(self) -> list[NewEntry]:
		return list(self.rows.values())


@pytest.fixture
def store() -> Store:
	return Store()


CONNECTOR = CustomConnector(CHANNEL, CREDENTIALS, surroundings(RecordingTransport()))


def post(
	store: Store, request: WebhookRequest, channel=CHANNEL, connector=CONNECTOR, **options: Any
) -> Answer:
	return receive(connector, channel, request, store, store.transaction, NOW, clock=store.clock, **options)


def test_an_order_is_stored_and_acknowledged(store: Store):
	request = signed(message())
	answer = post(store, request)
	[entry] = store.entries
	assert (answer.status, answer.body) == (
		200,
		{"log": "log-" + entry.dedupe_key[:8], "received_at": "2026-11-20T10:00:01.000000Z"},
	)
	assert (entry.state, entry.topic, entry.channel, entry.direction) == (
		"Queued",
		"order.upserted",
		"Shop",
		"Inbound",
	)
	assert (entry.external_id, entry.external_number) == ("9001", "WEB-9001")
	assert entry.source_time == NOW - timedelta(minutes=30)
	assert entry.payload.encode() == request.body
	assert len(entry.dedupe_key) == 64


def test_a_duplicate_names_the_first_log(store: Store):
	first = post(store, signed(message()))
	again = post(store, signed(message()))
	later = {"received_at": "2026-11-20T10:00:03.000000Z"}  # two more transactions
	assert again == Answer(200, {**first.body, **later, "duplicate": True})
	assert len(store.rows) == 1


def test_a_known_id_with_another_body_is_lost_neither_the_first_nor_the_second_time(store: Store):
	first = post(store, signed(message(), "msg_1"))
	assert store.reads == 0, "the usual way costs one insert and no query"
	changed = post(store, signed(message(data=order(version=9)), "msg_1"))
	assert (changed.status, "duplicate" in changed.body) == (200, False)
	assert changed.body["log"] != first.body["log"]
	assert [entry.state for entry in store.entries] == ["Queued", "Queued"]
	for body, known in ((message(data=order(version=9)), changed), (message(), first)):
		again = post(store, signed(body, "msg_1")).body
		assert (again["log"], again["duplicate"]) == (known.body["log"], True)


def test_a_known_id_whose_first_body_expired_is_a_duplicate(store: Store):
	first = post(store, signed(message(), "msg_1"))
	store.payload = lambda name: None
	changed = post(store, signed(message(data=order(version=9)), "msg_1"))
	assert (changed.body["log"], changed.body["duplicate"]) == (first.body["log"], True)


def test_the_same_order_in_two_deliveries_is_two_rows(store: Store):
	post(store, signed(message(), "msg_1"))
	post(store, signed(message(), "msg_2"))
	assert len(store.rows) == 2


@pytest.mark.parametrize("ids", [("evt_A", "evt_a"), ("evt", "evt "), ("é", "e")])
def test_ids_a_collation_would_confuse_stay_apart(store: Store, ids: tuple[str, str]):
	for webhook_id in ids:
		post(store, signed(message(), webhook_id))
	assert len(store.rows) == 2


def test_the_same_id_on_another_channel_or_topic_is_another_row(store: Store):
	post(store, signed(message()))
	post(store, signed(message()), channel=CHANNEL.model_copy(update={"name": "Other"}))
	post(store, signed(message("order.cancelled")))
	assert len(store.rows) == 3


def test_the_parts_of_a_key_do_not_run_into_one_another():
	keys = {
		dedupe_key(*parts)
		for parts in (("Shop", "order", "1"), ("Shopo", "rder", "1"), ("Shop", "order1", ""))
	}
	assert len(keys) == 3


# --- refused: nothing is written -------------------------------------------------------------------------

GOOD = signed(message())
UNSIGNED = {
	"no signature": replace(GOOD, headers={}),
	"garbled signature": signed(message(), webhook_signature="v1"),
	"bad base64": signed(message(), webhook_signature="v1,%%%"),
	"wrong signature": signed(message(), webhook_signature="v1," + base64.b64encode(bytes(32)).decode()),
	"stale": signed(message(), webhook_timestamp="1"),
	"future": signed(message(), webhook_timestamp=str(int(NOW.timestamp()) + 301)),
	"infinite timestamp": signed(message(), webhook_timestamp="inf"),
	"huge timestamp": signed(message(), webhook_timestamp="1e400"),
	"another body": replace(GOOD, body=GOOD.body + b" "),
	"unsigned form": WebhookRequest({"content-type": "application/x-www-form-urlencoded"}, b"webhook_id=1"),
	"unsigned rubbish": WebhookRequest({}, b"\xff"),
}


@pytest.mark.parametrize("request_", UNSIGNED.values(), ids=UNSIGNED.keys())
def test_unsigned_input_is_refused_and_leaves_nothing(store: Store, request_: WebhookRequest):
	assert post(store, request_) == Answer(401)
	assert not store.rows and not store.commits


def test_a_disabled_channel_and_an_unknown_one_answer_the_same(store: Store):
	disabled = CHANNEL.model_copy(update={"status": ChannelStatus.DISABLED})
	assert post(store, GOOD, channel=disabled) == REFUSED
	assert post(store, GOOD, channel=disabled, authenticated=True) == REFUSED
	assert unknown_channel(GOOD, NOW) == REFUSED
	assert unknown_channel(UNSIGNED["no signature"], NOW) == REFUSED
	assert not store.rows


def test_a_paused_channel_accepts(store: Store):
	paused = CHANNEL.model_copy(update={"status": ChannelStatus.PAUSED})
	assert post(store, GOOD, channel=paused).status == 200
	assert store.entries[0].state == "Queued"


def test_a_permitted_user_needs_no_signature(store: Store):
	request = WebhookRequest({"content-type": "application/json"}, json.dumps(message()).encode())
	assert post(store, request, authenticated=True).status == 200
	assert post(store, request, authenticated=True).body["duplicate"] is True


@pytest.mark.parametrize("size", [1024 * 1024 + 1, 3 * 1024 * 1024])
def test_too_large_is_refused_before_anything_else(store: Store, size: int):
	assert post(store, signed(b" " * size)).status == 413
	assert post(store, WebhookRequest({}, b" " * size)).status == 413
	assert unknown_channel(WebhookRequest({}, b" " * size), NOW).status == 413
	assert not store.rows


def test_one_mebibyte_is_not_too_large(store: Store):
	body = json.dumps(message()).encode().ljust(1024 * 1024)
	assert post(store, signed(body)).status == 200


@pytest.mark.parametrize("content_type", ["application/json", "text/plain"])
def test_a_compressed_body(store: Store, content_type: str):
	body = gzip.compress(json.dumps(message()).encode())
	answer = post(store, signed(body, content_type=content_type, content_encoding="gzip"))
	assert answer.status == 415
	assert not store.rows


# --- signed, but not to be understood: 400, and the bytes are kept ---------------------------------------


def nested(depth: int) -> bytes:
	return b'{"type":"order.upserted","data":{"a":' + b"[" * depth + b"]" * depth + b"}}"


def with_raw(value: str) -> bytes:
	return b'{"type":"order.upserted","data":{"id":"1","a":' + value.encode() + b"}}"


UNREADABLE = {
	"empty body": b"",
	"truncated": b'{"type": "order.upserted", "da',
	"scalar": b"5",
	"null": b"null",
	"array root": b"[]",
	"byte order mark": b"\xef\xbb\xbf" + GOOD.body,
	"UTF-16": GOOD.body.decode().encode("utf-16"),
	"depth 100k": nested(100_000),
	"depth 65": nested(65),
	"depth 900": nested(900),
	"5000-digit integer": with_raw("9" * 5000),
	"400-digit integer": with_raw("9" * 400),
	"NaN": with_raw("NaN"),
	"Infinity": with_raw("Infinity"),
	"invalid UTF-8": b'{"type": "order.upserted", "data": {"id": "\xff"}}',
	"lone surrogate": with_raw('"\\ud800"'),
	"duplicate keys": b'{"type": "order.upserted", "type": "order.cancelled", "data": {}}',
	"not JSON": b"webhook_id=1",
	"no type": b'{"data": {}}',
	"type of another kind": b'{"type": 5, "data": {}}',
	"type with markup": b'{"type": "<script>", "data": {}}',
	"type with a line break": b'{"type": "a\\nb", "data": {}}',
	"no data": b'{"type": "order.upserted"}',
	"data of another kind": b'{"type": "order.upserted", "data": []}',
	"CloudEvents 0.3": b'{"specversion": "0.3", "type": "order.upserted", "id": "1", "source": "/", "data": {}}',
	"CloudEvent without id": b'{"specversion": "1.0", "type": "order.upserted", "source": "/", "data": {}}',
}


@pytest.mark.parametrize("content_type", ["application/json", "text/plain"])
@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_signed_but_unreadable(store: Store, body: bytes, content_type: str):
	answer = post(store, signed(body, content_type=content_type))
	[entry] = store.entries
	assert answer.status == 400
	assert answer.body == {"log": "log-" + entry.dedupe_key[:8], "error": entry.message}
	assert (entry.state, entry.error_class, entry.topic) == ("Failed", "Rejected", "unreadable")
	assert kept_bytes(entry) == body
	with pytest.raises(Rejected):
		CONNECTOR.parse(entry.topic, entry.payload)


def kept_bytes(entry: NewEntry) -> bytes:
	prefix, _, encoded = entry.payload.partition(";base64,")
	return base64.b64decode(encoded) if prefix.startswith("data:") else entry.payload.encode()


def test_repeating_an_unreadable_body_leaves_one_row(store: Store):
	for attempt in range(20):
		assert post(store, signed(b"{", f"msg_{attempt}")).status == 400
	assert len(store.rows) == 1
	post(store, signed(b"["))
	assert len(store.rows) == 2


# --- signed and understood -------------------------------------------------------------------------------


def test_nul_is_stripped(store: Store):
	answer = post(store, signed(message(data=order(customer={"first_name": "As\0ha"}))))
	[entry] = store.entries
	assert answer.status == 200
	assert "\\u0000" not in entry.payload
	assert CONNECTOR.parse(entry.topic, entry.payload).data.customer.first_name == "Asha"


def test_framework_words_in_the_body_mean_nothing(store: Store):
	hostile = {"cmd": "frappe.ping", "sid": "Administrator", "doctype": "User", "flags": {"in_test": 1}}
	assert post(store, signed(message(**hostile))).status == 200
	assert store.entries[0].state == "Queued"


@pytest.mark.parametrize("topic", ["order.exploded", "customer.deleted", "ping"])
def test_an_unknown_topic_is_kept_as_skipped(store: Store, topic: str):
	assert post(store, signed(message(topic, {"id": "1"}))).status == 200
	[entry] = store.entries
	assert (entry.state, entry.message, entry.external_id) == ("Skipped", f"unknown topic {topic}", "1")


@pytest.mark.parametrize(
	"topic",
	["buyback.upserted", "trade_in.quoted"],
)
def test_an_announced_topic_is_kept_as_skipped_and_can_be_replayed(store: Store, topic: str):
	request = signed(message(topic, {"id": "1"}))
	assert post(store, request).status == 200
	[entry] = store.entries
	assert (entry.state, entry.message, entry.error_class) == ("Skipped", "not supported yet", None)
	assert entry.payload.encode() == request.body
	assert CONNECTOR.parse(entry.topic, entry.payload).data is None


def test_an_event_id_of_10_kb_is_hashed(store: Store):
	assert post(store, signed(message(), "x" * 10_240)).status == 200
	assert post(store, signed(message(), "x" * 10_240)).body["duplicate"] is True
	assert post(store, signed(message(), "x" * 10_239 + "y")).body.get("duplicate") is None
	assert {len(key) for key in store.rows} == {64}


def test_without_an_event_id_the_body_is_the_key(store: Store):
	def deliver(data: dict) -> Answer:
		body = json.dumps(message(data=data)).encode()
		return post(store, WebhookRequest({}, body), authenticated=True)

	assert deliver(order()).status == 200
	assert deliver(order()).body["duplicate"] is True
	assert "duplicate" not in deliver(order(version=4)).body


def test_a_cloud_event_is_known_by_source_and_id(store: Store):
	def deliver(source: str, event_id: str, note: str) -> Answer:
		event = {"specversion": "1.0", "type": "order.upserted", "source": source, "id": event_id}
		body = json.dumps({**event, "data": order(note=note)}).encode()
		headers = {"content-type": "application/cloudevents+json"}
		return post(store, WebhookRequest(headers, body), authenticated=True)

	assert "duplicate" not in deliver("/shop", "1", "a").body
	assert deliver("/shop", "1", "a").body["duplicate"] is True
	assert "duplicate" not in deliver("/shop", "2", "a").body
	assert "duplicate" not in deliver("/other", "1", "a").body


def line(**changes: Any) -> dict[str, Any]:
	return {**order()["lines"][0], **changes}


SENSELESS = {
	"negative quantity": line(quantity=-1),
	"negative price": line(unit_price="-1.00"),
	"overflowing quantity": line(quantity="9" * 30),
	"overflowing price": line(unit_price="1" + "0" * 15),
	"overflowing integer": line(quantity=10**20),
	"decimal comma": line(unit_price="12,50"),
	"a fraction without quotes": line(unit_price=12.5),
	"NaN as text": line(unit_price="NaN"),
	"exponent": line(unit_price="1e3"),
}


@pytest.mark.parametrize("bad_line", SENSELESS.values(), ids=SENSELESS.keys())
def test_senseless_numbers_are_accepted_and_then_rejected(store: Store, bad_line: dict):
	assert post(store, signed(message(data=order(lines=[bad_line])))).status == 200
	[entry] = store.entries
	assert entry.state == "Queued"
	with pytest.raises(Rejected, match=r"data\.lines\[0\]\.(quantity|unit_price)"):
		CONNECTOR.parse(entry.topic, entry.payload)


def test_a_thousand_lines(store: Store):
	lines = [line(id=str(number)) for number in range(1000)]
	assert post(store, signed(message(data=order(lines=lines)))).status == 200
	[entry] = store.entries
	assert len(CONNECTOR.parse(entry.topic, entry.payload).data.lines) == 1000


@pytest.mark.parametrize(
	"sku", ["'; DROP TABLE tabItem; --", "{{ frappe.db.sql('x') }}", "{% raw %}", "${7*7}"]
)
def test_code_in_a_sku_stays_text(store: Store, sku: str):
	assert post(store, signed(message(data=order(lines=[line(sku=sku)])))).status == 200
	[entry] = store.entries
	assert CONNECTOR.parse(entry.topic, entry.payload).data.lines[0].sku == sku


@pytest.mark.parametrize("deadlocks", [1, 4])
def test_a_deadlock_is_tried_again(store: Store, deadlocks: int):
	store.deadlocks = deadlocks
	assert post(store, GOOD).status == 200
	assert len(store.rows) == 1


def test_five_deadlocks_ask_the_sender_to_come_back(store: Store):
	store.deadlocks = 5
	answer = post(store, GOOD)
	assert answer.status == 503 and int(answer.headers["retry-after"]) > 0
	assert not store.rows


class PingedConnector(CustomConnector):
	def handshake(self, request: WebhookRequest) -> Answer | None:
		return Answer(200) if request.body == b"webhook_id=1" else None


def test_an_unsigned_ping_is_the_connectors_to_answer(store: Store):
	connector = PingedConnector(CHANNEL, CREDENTIALS, surroundings(RecordingTransport()))
	assert post(store, UNSIGNED["unsigned form"], connector=connector) == Answer(200)
	assert post(store, UNSIGNED["unsigned rubbish"], connector=connector) == REFUSED
	assert not store.rows


def test_a_pushed_and_a_polled_delivery_make_the_same_kind_of_row():
	pushed = new_entry(CHANNEL, CONNECTOR.identify(GOOD))
	assert (pushed.state, pushed.message) == ("Queued", None)
	assert pushed == new_entry(CHANNEL, CONNECTOR.identify(GOOD))
