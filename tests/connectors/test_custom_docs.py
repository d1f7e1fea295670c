"""What docs/custom-storefront-api.md tells a developer is run here: its snippets, examples, tables and vectors."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from datetime import datetime, timezone
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import TypeAdapter

from commerce_bridge.bridge import signatures
from commerce_bridge.bridge.clock import utc_now
from commerce_bridge.bridge.protocols import ShownPage, WebhookRequest
from commerce_bridge.connectors.custom import after_order, mapper, messages, webhook
from commerce_bridge.connectors.custom.client import SHOWN_PAGE_SIZE
from commerce_bridge.connectors.custom.connector import CustomConnector
from tests.connectors.storefront import (
	CHANNEL,
	CREDENTIALS,
	SECRET,
	RecordingTransport,
	message,
	surroundings,
)

DOCUMENT = (Path(__file__).parents[2] / "docs" / "custom-storefront-api.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
	return re.findall(rf"^```{language}\n(.*?)^```", DOCUMENT, re.DOTALL | re.MULTILINE)


def accept(headers: dict[str, str], body: bytes):
	"""What the endpoint does with a request made just now."""
	request = WebhookRequest({name.lower(): value for name, value in headers.items()}, body)
	connector = CustomConnector(CHANNEL, CREDENTIALS, surroundings(RecordingTransport()))
	connector.verify(request, datetime.now(timezone.utc))
	incoming = connector.identify(request)
	return incoming, connector.parse(incoming.topic, incoming.payload)


@pytest.fixture
def python_snippet() -> dict[str, Any]:
	pytest.importorskip("requests")
	[source] = blocks("python")
	namespace: dict[str, Any] = {}
	exec(compile(source, "snippet", "exec"), namespace)
	return namespace


def test_the_python_snippet_sends_what_we_accept(python_snippet, monkeypatch: pytest.MonkeyPatch):
	sent = []
	monkeypatch.setattr(
		python_snippet["requests"],
		"post",
		lambda url, data, headers, timeout: sent.append((url, data, headers)),
	)
	python_snippet["send"](message(), "order-9001-v1")
	[(url, body, headers)] = sent
	incoming, event = accept(headers, body)
	assert url.endswith("/api/method/commerce_bridge.api.webhook?channel=My%20Shop")
	assert (incoming.event_id, event.data.number) == ("order-9001-v1", "WEB-9001")


def test_the_python_snippet_verifies_what_we_send(python_snippet):
	transport = RecordingTransport()
	CustomConnector(CHANNEL, CREDENTIALS, surroundings(transport, utc_now)).check()
	[(_, _, headers, body)] = transport.sent
	verify = python_snippet["verify"]
	assert verify(headers, body)
	assert not verify(headers, body + b" ")
	assert not verify({**headers, "webhook-timestamp": str(int(time.time()) - 400)}, body)
	assert not verify({}, body)


@pytest.mark.skipif(
	not (shutil.which("bash") and shutil.which("openssl")), reason="bash and openssl sign here"
)
def test_the_shell_snippet_signs_what_we_accept(tmp_path: Path):
	body = blocks("json")[0].encode()
	(tmp_path / "order.json").write_bytes(body)
	curl = "curl() { printf '%s\\n' \"$@\"; }\n"
	done = subprocess.run(
		["bash", "-euc", curl + blocks("bash")[0]], cwd=tmp_path, check=True, capture_output=True, text=True
	)
	headers = dict(line.split(": ", 1) for line in done.stdout.splitlines() if ": " in line)
	incoming, event = accept(headers, body)
	assert (incoming.event_id, event.data.id) == ("order-9001-v1", "9001")


@pytest.mark.skipif(not shutil.which("node"), reason="node signs here")
def test_the_javascript_snippet_sends_what_we_accept():
	program = (
		"globalThis.fetch = async (url, request) => console.log(JSON.stringify(request));\n"
		+ blocks("javascript")[0]
		+ "send(JSON.parse(process.env.MESSAGE), 'order-9001-v1');\n"
	)
	environment = {**os.environ, "MESSAGE": json.dumps(message(data={**message()["data"], "note": "ü 日本"}))}
	done = subprocess.run(["node", "-e", program], check=True, capture_output=True, env=environment)
	request = json.loads(done.stdout)
	_, event = accept(request["headers"], request["body"].encode())
	assert event.data.note == "ü 日本"


OUTGOING = TypeAdapter(reduce(or_, messages.OUTGOING))
MESSAGES = [example for example in map(json.loads, blocks("json")) if "type" in example]


def is_incoming(example: dict) -> bool:
	"""A return is told both ways; what ERPNext calls it only we tell."""
	return example["type"] in webhook.SUPPORTED and "document" not in example["data"]


@pytest.mark.parametrize("example", MESSAGES, ids=lambda example: example["type"])
def test_every_example_is_a_valid_message(example: dict):
	if is_incoming(example):
		assert mapper.parse(example["type"], json.dumps(example)).data
	else:
		OUTGOING.validate_python(example)


def test_the_examples_show_every_type_and_an_order_whose_sum_is_right():
	outgoing = {get_args(message.model_fields["type"].annotation)[0] for message in messages.OUTGOING}
	# what is taken back has the data of what is not
	expected = outgoing - {"shipment.cancelled", "invoice.cancelled"}
	assert {example["type"] for example in MESSAGES if is_incoming(example)} == {*webhook.SUPPORTED}
	assert {example["type"] for example in MESSAGES if not is_incoming(example)} == expected
	order = mapper.parse("order.upserted", json.dumps(MESSAGES[0])).data
	assert order.total == sum(line.total for line in order.lines) + sum(
		line.amount for line in order.shipping
	)


def fields_in(heading: str) -> dict[str, str]:
	"""Field → its kind, from the table below a heading."""
	[section] = re.findall(rf"^### {heading}\n(.*?)(?=^##)", DOCUMENT, re.DOTALL | re.MULTILINE)
	return dict(re.findall(r"^\| `(\w+)` \| ([^|]*) \|", section, re.MULTILINE))


@pytest.mark.parametrize(
	("heading", "model"),
	[
		("Order", mapper.WireOrder),
		("Line", mapper.WireLine),
		("Tax", mapper.WireTax),
		("Shipping", mapper.WireShipping),
		("Fee", mapper.WireFee),
		("Discount", mapper.WireDiscount),
		("Payment", mapper.WirePayment),
		("Refund", mapper.WireRefund),
		("Refund line", after_order.WireRefundLine),
		("Return", mapper.WireReturn),
		("Return line", after_order.WireReturnLine),
		("Parcel", after_order.WireParcel),
		("Totals", mapper.WireTotals),
		("Address", mapper.WireAddress),
		("Cancellation", mapper.WireCancellation),
	],
)
def test_the_tables_name_every_field_and_whether_it_is_required(heading: str, model: type):
	required = {name: field.is_required() for name, field in model.model_fields.items()}
	assert {name: "required" in kind for name, kind in fields_in(heading).items()} == required


@pytest.mark.parametrize(
	("alone", "inside", "more"),
	[
		(mapper.WireKnownPayment, mapper.WirePayment, {"order_id", "currency", "updated_at"}),
		(mapper.WireKnownRefund, mapper.WireRefund, {"order_id", "currency"}),
		(mapper.WireKnownReturn, mapper.WireReturn, {"order_id", "updated_at"}),
	],
)
def test_what_comes_by_itself_needs_what_the_order_would_have_said(alone: type, inside: type, more: set):
	def required(model: type) -> set[str]:
		return {name for name, field in model.model_fields.items() if field.is_required()}

	assert required(alone) - required(inside) == more
	assert set(alone.model_fields) - set(inside.model_fields) == {"order_id"}


@pytest.mark.parametrize(
	("heading", "known"),
	[("Payments", after_order.PAYMENT_STATUSES), ("Returns", after_order.RETURN_STATUSES)],
)
def test_the_tables_name_every_status(heading: str, known: dict[str, str]):
	[section] = re.findall(rf"^### {heading}\n(.*?)(?=^##)", DOCUMENT, re.DOTALL | re.MULTILINE)
	rows = re.findall(r"^\| `(\w+)` \| ([^|]*)\|", section, re.MULTILINE)
	named = {word: status for status, also in rows for word in [status, *re.findall(r"`(\w+)`", also)]}
	assert named == known


def test_the_table_of_customers_covers_both_kinds():
	assert set(fields_in("Customer")) == set(mapper.WireKnownCustomer.model_fields)


def test_the_table_of_listings_names_every_field():
	assert set(fields_in("Listing")) == set(messages.SentListing.model_fields)


@pytest.mark.parametrize(
	("key", "read"), [("levels", mapper.read_levels), ("products", mapper.read_products)]
)
def test_the_pages_of_what_is_shown_can_be_read(key: str, read: Callable[[dict], ShownPage]):
	[page] = [example for example in map(json.loads, blocks("json")) if key in example]
	assert read(page).rows[0].sku == "PHONE-A"


def test_the_limits_are_those_of_the_connector():
	for kind, most in (
		("stock.updated", CustomConnector.batch_size),
		("price.updated", CustomConnector.batch_size),
		("listing.upserted", CustomConnector.listing_batch_size),
	):
		assert re.search(rf"\*\*`{kind}`\*\*, at most {most} \w+ at once", DOCUMENT)
	for what in ("stock", "catalog"):
		assert f"/{what}?limit={SHOWN_PAGE_SIZE}&" in DOCUMENT


def test_the_test_vectors():
	vectors = re.findall(
		r"^\| `([^`]+)` \| (`[^`]+`|nothing[^|]*) \| `(v1,[^`]+)` \|", DOCUMENT, re.MULTILINE
	)
	assert len(vectors) == 3 and vectors[0][0] == SECRET
	for secret, body, signature in vectors:
		raw = body.strip("`").encode() if body.startswith("`") else b""
		assert signatures.sign(secret, "msg_vector_1", 1795168800, raw) == signature


@pytest.mark.parametrize("topic", [*webhook.SUPPORTED, *webhook.ANNOUNCED])
def test_every_incoming_type_is_listed(topic: str):
	assert f"`{topic}`" in DOCUMENT
