from __future__ import annotations

import json
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commerce_bridge.bridge.errors import Rejected
from commerce_bridge.bridge.model import (
	Address,
	Customer,
	Discount,
	Fee,
	Order,
	OrderCancellation,
	OrderLine,
	Payment,
	ShippingLine,
	TaxLine,
)
from commerce_bridge.connectors.custom import mapper, messages
from tests.connectors.storefront import message, order

UPDATED = datetime(2026, 11, 20, 9, 30, tzinfo=timezone.utc)


def parse(data: Any, event_type: str = "order.upserted", **envelope: Any):
	return mapper.parse(event_type, json.dumps(message(event_type, data, **envelope))).data


def line(**changes: Any) -> dict[str, Any]:
	return {"id": "l1", "sku": "A", "quantity": 1, "unit_price": "10.00", **changes}


def with_line(**changes: Any) -> OrderLine:
	return parse(order(lines=[line(**changes)])).lines[0]


def reasons(data: Any, event_type: str = "order.upserted") -> str:
	with pytest.raises(Rejected) as rejected:
		parse(data, event_type)
	return str(rejected.value)


def test_a_whole_order():
	parsed = parse(
		order(
			placed_at="2026-11-20T15:00:00+05:30",
			fees=[{"code": "gift", "title": "Gift wrap", "amount": "-5", "taxes": []}],
			discounts=[{"code": "TEN", "title": "", "amount": "10.00"}],
			payments=[
				{"id": "pay_1", "gateway": "razorpay", "status": "captured", "amount": "2419.00", "fee": "1"}
			],
			delivery_date="2026-11-30",
			note="Ring twice",
			assembly_required=True,
			custom={"loyalty_tier": "gold"},
		)
	)
	tax = TaxLine(title="IGST", code="IGST", rate=Decimal(18), amount=Decimal("360.00"))
	assert parsed == Order(
		id="9001",
		number="WEB-9001",
		version=3,
		updated_at=UPDATED,
		placed_at=UPDATED,
		status="processing",
		currency="INR",
		prices_include_tax=True,
		customer=Customer(id="c7", email="asha@example.com", first_name="Asha"),
		billing_address=Address(name="Asha", line1="1 MG Road", region="KA", country_code="IN"),
		shipping_address=None,
		lines=(
			OrderLine(
				id="l1",
				sku="PHONE-A",
				quantity=Decimal(2),
				unit_price=Decimal("1180.00"),
				total=Decimal("2360.00"),
				taxes=(tax,),
			),
		),
		shipping=(ShippingLine(code="std", amount=Decimal("59.00")),),
		fees=(Fee(code="gift", title="Gift wrap", amount=Decimal(-5)),),
		discounts=(Discount(code="TEN", amount=Decimal("10.00")),),
		payments=(
			Payment(
				id="pay_1",
				gateway="razorpay",
				status="captured",
				amount=Decimal("2419.00"),
				currency="INR",
				fee=Decimal(1),
				updated_at=UPDATED,
			),
		),
		total=Decimal("2419.00"),
		delivery_date=date(2026, 11, 30),
		note="Ring twice",
		custom={"assembly_required": True, "loyalty_tier": "gold"},
	)


def test_everything_a_line_may_carry():
	parsed = with_line(
		product_id="p",
		variant_id="v",
		barcode="b",
		name="Phone",
		quantity="2.5",
		uom="Kg",
		discount="1.00",
		total="24.01",
		location_id="store-2",
		serials=["S1", "S2"],
		grade="B",
		attributes={"colour": "red"},
		custom={"engraving": "A"},
	)
	assert parsed == OrderLine(
		id="l1",
		product_id="p",
		variant_id="v",
		sku="A",
		barcode="b",
		name="Phone",
		quantity=Decimal("2.5"),
		uom="Kg",
		unit_price=Decimal("10.00"),
		discount=Decimal("1.00"),
		total=Decimal("24.01"),
		location_id="store-2",
		serials=("S1", "S2"),
		grade="B",
		custom={"attributes": {"colour": "red"}, "engraving": "A"},
	)


def test_a_line_without_total_is_computed():
	assert with_line(quantity=3, unit_price="10.10", discount="0.30").total == Decimal("30.00")


def test_a_total_that_is_given_is_not_corrected():
	assert with_line(total="9.99").total == Decimal("9.99")


@pytest.mark.parametrize(
	("changes", "cancelled"),
	[
		({}, False),
		({"cancelled": True}, True),
		({"status": "Cancelled"}, True),
		({"status": "canceled"}, True),
	],
)
def test_a_cancelled_order(changes: dict, cancelled: bool):
	assert parse(order(**changes)).cancelled is cancelled


def test_a_guest_without_addresses():
	parsed = parse(order(customer=None, billing_address=None, shipping_address={"city": " "}))
	assert (parsed.customer, parsed.billing_address, parsed.shipping_address) == (None, None, None)


def test_empty_and_blank_text_is_absent():
	parsed = parse(order(customer={"email": "", "phone": " ", "last_name": " Rao "}))
	assert parsed.customer == Customer(last_name="Rao")


@pytest.mark.parametrize("text", ["日本", "Ünïcödé", "👩‍👩‍👧", "مرحبا", "a" * 1000])
def test_any_script(text: str):
	assert parse(order(customer={"first_name": text})).customer.first_name == text


def test_a_cancellation():
	data = {
		"id": "9001",
		"version": 4,
		"updated_at": "2026-11-20T09:30:00Z",
		"reason": "changed mind",
		"x": 1,
	}
	assert parse(data, "order.cancelled") == OrderCancellation(
		id="9001", version=4, updated_at=UPDATED, reason="changed mind"
	)


def test_a_customer():
	data = {
		"id": "c7",
		"updated_at": "2026-11-20T09:30:00Z",
		"addresses": [{"city": "Pune", "region": "Maharashtra", "region_code": "MH"}, {}],
		"loyalty_tier": "gold",
	}
	assert parse(data, "customer.upserted") == Customer(
		id="c7",
		updated_at=UPDATED,
		addresses=(Address(city="Pune", region="Maharashtra"),),
		custom={"loyalty_tier": "gold"},
	)


def test_a_customer_event_needs_an_id_and_an_orders_customer_does_not():
	assert reasons({"email": "a@example.com"}, "customer.upserted") == "data.id: is required"
	assert parse(order(customer={"email": "a@example.com"})).customer.id is None


def test_a_cloud_event_says_the_same():
	plain = parse(order())
	assert parse(order(), specversion="1.0", id="1", source="/shop") == plain


@pytest.mark.parametrize("event_type", ["trade_in.quoted", "something.else"])
def test_other_types_have_no_data_yet(event_type: str):
	event = mapper.parse(event_type, json.dumps(message(event_type, {"id": "1"})))
	assert (event.type, event.data) == (event_type, None)


# --- rejected, by the names of fields --------------------------------------------------------------------

FRACTION = 'must be a string such as "12.50", not a fraction without quotes'


@pytest.mark.parametrize(
	("data", "reason"),
	[
		(order(lines=[line(unit_price=10.5)]), f"data.lines[0].unit_price: {FRACTION}"),
		(order(totals={"grand_total": 1.0}), f"data.totals.grand_total: {FRACTION}"),
		(order(lines=[line(taxes=[{"amount": 1.5}])]), f"data.lines[0].taxes[0].amount: {FRACTION}"),
		(
			order(lines=[line(quantity=0)]),
			"data.lines[0].quantity: must be greater than 0; leave out what was removed",
		),
		(order(lines=[line(discount="-1")]), "data.lines[0].discount: must not be negative"),
		(
			order(updated_at=None),
			'data.updated_at: must be a time with an offset, such as "2026-11-20T09:30:00Z"',
		),
		(order(delivery_date="30.11.2026"), 'data.delivery_date: must be a day such as "2026-11-30"'),
		(order(lines=[line(), line(id="l2"), line()]), "data.lines[2].id: another line has the same id"),
	],
)
def test_the_reason_names_the_field(data: dict, reason: str):
	assert reasons(data) == reason


@pytest.mark.parametrize("name", ["id", "order_number", "updated_at", "currency", "lines", "totals"])
def test_what_an_order_needs(name: str):
	data = order()
	del data[name]
	assert reasons(data) == f"data.{name}: is required"


@pytest.mark.parametrize("name", ["id", "quantity", "unit_price"])
def test_what_a_line_needs(name: str):
	incomplete = line()
	del incomplete[name]
	assert reasons(order(lines=[incomplete])) == f"data.lines[0].{name}: is required"


@pytest.mark.parametrize(
	"value",
	[
		"",
		" 1",
		"1 ",
		"+1",
		".5",
		"1.",
		"1e3",
		"0x10",
		"١",
		"1_000",
		"1,5",
		"NaN",
		"Infinity",
		"1.0000000001",
		"1" * 13,
		True,
		None,
		[],
		{},
		10**12,
		-(10**12),
	],
)
def test_what_is_no_decimal(value: Any):
	assert reasons(order(lines=[line(unit_price=value)])).startswith(
		"data.lines[0].unit_price: must be a decimal string"
	)


@pytest.mark.parametrize("value", ["0", "007", "999999999999.999999999", 0, 999_999_999_999])
def test_what_is_a_decimal(value: Any):
	assert with_line(unit_price=value).unit_price == Decimal(value)


@pytest.mark.parametrize(
	"value",
	[
		"",
		"now",
		"2026-11-20",
		"2026-11-20T09:30:00",
		"2026-13-01T00:00:00Z",
		"0001-01-01T00:00:00+14:00",
		"9999-12-31T23:59:59-12:00",
		1763631000,
		True,
		[],
		{},
	],
)
def test_what_is_no_time(value: Any):
	assert reasons(order(updated_at=value)).startswith("data.updated_at: must be a time")


def test_times_become_utc():
	parsed = parse(order(updated_at="2026-11-20T15:00:00.123456+05:30"))
	assert parsed.updated_at == UPDATED + timedelta(microseconds=123456)
	assert parsed.updated_at.tzinfo is timezone.utc


@pytest.mark.parametrize("value", ["2026-11-31", "20261130", "2026-1-1", 20261130, "2026-11-30T00:00:00Z"])
def test_what_is_no_day(value: Any):
	assert reasons(order(delivery_date=value)).startswith("data.delivery_date: must be a day")


@pytest.mark.parametrize(
	("path", "data"),
	[
		("data.id", order(id=9001)),
		("data.id", order(id=" ")),
		("data.id", order(id="x" * 141)),
		("data.version", order(version="3")),
		("data.version", order(version=-1)),
		("data.version", order(version=2**63)),
		("data.version", order(version=True)),
		("data.currency", order(currency="inr")),
		("data.currency", order(currency="INR\n")),
		("data.prices_include_tax", order(prices_include_tax="yes")),
		("data.lines", order(lines=[])),
		("data.lines", order(lines={})),
		("data.lines", order(lines=[line(id=str(number)) for number in range(5001)])),
		("data.lines[0]", order(lines=["x"])),
		("data.lines[0].serials[1]", order(lines=[line(serials=["a", ""])])),
		("data.lines[0].custom", order(lines=[line(custom=[])])),
		("data.billing_address.country_code", order(billing_address={"country_code": "India"})),
		("data.customer.first_name", order(customer={"first_name": "x" * 1001})),
		("data.payments[0].gateway", order(payments=[{"id": "1", "status": "x", "amount": "1"}])),
		("data.note", order(note="x" * 20_001)),
	],
)
def test_kinds_and_lengths(path: str, data: dict):
	assert reasons(data).startswith(f"{path}: ")


def test_all_problems_are_named_up_to_ten():
	text = reasons(order(lines=[line(id=str(number), quantity="x", unit_price="x") for number in range(7)]))
	assert text.count("data.lines[") == 10
	assert text.endswith("; and 4 more")


def test_reasons_carry_no_value():
	secret = "asha@example.com"
	text = reasons(
		order(
			id=[secret],
			currency=secret,
			version=secret,
			updated_at=secret,
			customer=secret,
			billing_address={"country_code": secret, "city": {secret: secret}},
			lines=[line(unit_price=secret, quantity=secret, serials=[{secret: secret}])],
		)
	)
	assert "asha" not in text and "data.currency" in text


@pytest.mark.parametrize("payload", ["", "{", "[]", '{"type": "order.upserted"}', '{"data": {}}'])
def test_a_payload_that_is_no_message(payload: str):
	with pytest.raises(Rejected):
		mapper.parse("order.upserted", payload)


JSON_VALUES = st.recursive(
	st.none()
	| st.booleans()
	| st.integers()
	| st.floats(allow_nan=False, allow_infinity=False)
	| st.text("aé\n", max_size=5),
	lambda inner: (
		st.lists(inner, max_size=3)
		| st.dictionaries(st.sampled_from([*order(), *line(), "x"]), inner, max_size=4)
	),
	max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(list(order())), JSON_VALUES, max_size=4))
def test_whatever_stands_in_a_field_the_order_is_read_or_rejected(changes: dict):
	try:
		assert isinstance(parse(order(**changes)), Order)
	except Rejected as rejected:
		assert str(rejected)


# --- schema ----------------------------------------------------------------------------------------------


def test_the_schema_describes_every_message_both_ways():
	schema = mapper.schema()
	assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
	types = {
		name: definition["properties"]["type"]["const"]
		for name, definition in schema["$defs"].items()
		if "const" in definition.get("properties", {}).get("type", {})
	}
	assert sorted(types.values()) == [
		"customer.updated",
		"customer.upserted",
		"invoice.cancelled",
		"invoice.upserted",
		"listing.upserted",
		"order.cancelled",
		"order.changed",
		"order.status_changed",
		"order.upserted",
		"payment.updated",
		"ping",
		"price.updated",
		"refund.created",
		"refund.requested",
		"return.updated",
		"return.updated",
		"shipment.cancelled",
		"shipment.upserted",
		"stock.updated",
	]
	for side, count in (("Incoming", 6), ("Outgoing", 13)):
		references = [option["$ref"] for option in schema["$defs"][side]["oneOf"]]
		assert len(references) == count and all(ref.removeprefix("#/$defs/") in types for ref in references)
	assert all(ref.removeprefix("#/$defs/") in schema["$defs"] for ref in references_in(schema))


def references_in(part: Any) -> list[str]:
	if isinstance(part, list):
		return [ref for item in part for ref in references_in(item)]
	if not isinstance(part, dict):
		return []
	own = [part["$ref"]] if isinstance(part.get("$ref"), str) else []
	return own + [ref for item in part.values() for ref in references_in(item)]


def test_the_schema_says_what_the_reader_demands():
	definitions = mapper.schema()["$defs"]
	assert set(definitions["WireOrder"]["required"]) == {
		"id",
		"order_number",
		"updated_at",
		"currency",
		"lines",
		"totals",
	}
	price = definitions["WireLine"]["properties"]["unit_price"]["anyOf"]
	assert price == [
		{"type": "string", "pattern": r"^[0-9]{1,12}(\.[0-9]{1,9})?$"},
		{"type": "integer", "minimum": 0},
	]
	assert definitions["WireOrder"]["additionalProperties"] is True
	assert definitions["SentLevel"]["additionalProperties"] is False


@pytest.mark.parametrize(
	("number", "text"),
	[("3.000", "3"), ("2.50", "2.5"), ("100", "100"), ("1E+2", "100"), ("0", "0"), ("0.00", "0")],
)
def test_plain_numbers(number: str, text: str):
	assert messages.plain(Decimal(number)) == text
