"""A shop asks the embedded ERP what it knows of a person, and to forget them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from commerce_bridge.bridge.model import DataRequest, Event, EventData, Redaction
from commerce_bridge.bridge.protocols import NewEntry
from tests.sandbox.money_flows import keeps_books
from tests.sandbox.stage import CHANNEL, Stage

WORDS = ("grace@privacy.example", "+491512345678", "Quimby", "Larkspur Lane")
PERSON = {"id": "c-7", "email": WORDS[0], "phone": WORDS[1], "first_name": "Grace", "last_name": WORDS[2]}
ADDRESS = {"name": "Grace Quimby", "line1": "7 Larkspur Lane", "city": "Berlin", "country_code": "DE"}
REDACTION = Redaction(customer_id="c-7", email=WORDS[0], phone=WORDS[1], order_ids=("9001",))


@pytest.fixture
def stage() -> Iterator[Stage]:
	stage = Stage()
	yield stage
	stage.close()


def tables_with(stage: Stage, word: str) -> set[str]:
	"""Every table of the file one of whose values says the word."""
	database = stage.sandbox.database
	tables = [row["name"] for row in database.read("select name from sqlite_master where type = 'table'")]
	return {
		table
		for table in tables
		for row in database.read(f"select * from {table}")
		if word.casefold() in json.dumps(list(map(str, tuple(row))), ensure_ascii=False).casefold()
	}


def bought(stage: Stage, number: int, person: dict[str, Any], address: dict[str, Any]) -> None:
	order = stage.order(number, 1, PHONE=1)
	order |= {"customer": person, "billing_address": address, "shipping_address": address}
	stage.events.append(stage.shop.upsert(order))
	stage.settle()


def asked(stage: Stage, topic: str, data: EventData) -> Any:
	"""The request as an entry that was worked on."""
	key = hashlib.sha256(topic.encode()).hexdigest()
	entry = NewEntry(CHANNEL, "Inbound", topic, key, data.model_dump_json(), "c-7")
	with stage.sandbox.database.transaction():
		name = stage.sandbox.journal.record([entry])[0].name
	world = stage.world()

	def connect(*arguments: Any) -> Any:
		connector = world.connect(*arguments)
		connector.parse = lambda topic, payload: Event(type=topic, data=data)
		return connector

	stage.run(replace(world, connect=connect))
	[row] = stage.sandbox.journal.entries(name=name)
	return row


def test_nothing_of_the_person_is_left_in_any_table(stage: Stage) -> None:
	bought(stage, 1, PERSON, ADDRESS)
	assert all(tables_with(stage, word) for word in WORDS)
	entry = asked(stage, "customers/redact", REDACTION)
	assert (entry["state"], entry["payload"]) == ("Succeeded", "")
	assert {word: sorted(tables_with(stage, word)) for word in WORDS} == {word: [] for word in WORDS}
	assert len(stage.sandbox.sales_orders("9001")) == 1


def test_a_data_request_leaves_nothing_where_more_people_read(stage: Stage) -> None:
	bought(stage, 1, PERSON, ADDRESS)
	request = DataRequest(**REDACTION.model_dump(exclude={"everything"}))
	entry = asked(stage, "customers/data_request", request)
	assert entry["message"] == "Ready to be downloaded: 1 customers, 1 contacts, 1 addresses, 1 orders"
	assert not any(word in f"{entry['message']} {entry['summary']}" for word in WORDS)


def test_everything_of_a_shop(stage: Stage) -> None:
	bought(stage, 1, PERSON, ADDRESS)
	bought(stage, 2, PERSON | {"id": "c-8", "email": "alan@privacy.example"}, ADDRESS)
	assert asked(stage, "shop/redact", Redaction(everything=True))["state"] == "Succeeded"
	assert not any(tables_with(stage, word) for word in (*WORDS, "alan@privacy.example"))


def test_the_money_of_an_erased_buyers_order_is_still_booked(stage: Stage) -> None:
	keeps_books(stage, "When Paid")
	bought(stage, 1, PERSON, ADDRESS)
	asked(stage, "customers/redact", REDACTION)
	total = Decimal(stage.shop.orders["9001"]["totals"]["grand_total"])
	stage.events.append(stage.shop.pay("9001", total, stage.now()))
	stage.settle()
	[invoice] = stage.sandbox.erp.get_books(stage.sales_order(1)).invoices
	assert (invoice.total, invoice.open) == (total, 0)
	assert not any(tables_with(stage, word) for word in WORDS)


def test_a_persons_invoices_are_among_what_is_known(stage: Stage) -> None:
	keeps_books(stage, "When Paid")
	bought(stage, 1, PERSON, ADDRESS)
	bought(stage, 2, PERSON | {"id": "c-8", "email": "alan@privacy.example", "phone": None}, ADDRESS)
	for number in ("9001", "9002"):
		total = Decimal(stage.shop.orders[number]["totals"]["grand_total"])
		stage.events.append(stage.shop.pay(number, total, stage.now()))
	stage.settle()
	erp = stage.sandbox.erp
	known = json.loads(erp.personal_data(stage.channel, DataRequest(customer_id="c-7", email=WORDS[0])))
	expected = [invoice.name for invoice in erp.get_books(stage.sales_order(1)).invoices]
	assert [row["name"] for row in known["invoices"]] == expected
