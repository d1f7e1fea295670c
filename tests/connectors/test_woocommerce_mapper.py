"""What WooCommerce sends, as the canonical model: every oddity of its own making, or refused in words."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from commerce_bridge.bridge import model
from commerce_bridge.bridge.channel import FieldMap
from commerce_bridge.bridge.errors import BadRequest, BridgeError, Misconfigured, Rejected
from commerce_bridge.bridge.mapping import mapped_values
from commerce_bridge.bridge.orders import fingerprint_of, why_unwanted
from commerce_bridge.connectors.woocommerce import mapper, webhook
from commerce_bridge.connectors.woocommerce.customers import TAX_ID_KEYS, to_customer
from tests.connectors.test_woocommerce_amounts import CHANNEL, planned, read
from tests.connectors.test_woocommerce_webhook import SECRET, signed
from tests.connectors.woocommerce_cases import CARTS
from tests.connectors.woocommerce_orders import HEAD, Cart, Charge, Sold

FIXTURES = Path(__file__).parent / "fixtures" / "woocommerce"


def order(**changes: Any) -> dict[str, Any]:
	return Cart([Sold("10.00", 2)], [Charge("4.90", name="Flat rate")], changes=changes).payload()


def captured(name: str) -> Any:
	sample = json.loads((FIXTURES / f"{name}.json").read_text(encoding="utf-8"))
	return sample.get("body", sample) if isinstance(sample, dict) else sample


def parsed(topic: str, payload: dict[str, Any]) -> model.Event:
	return mapper.parse(topic, json.dumps(payload), CHANNEL)


def meta(**values: Any) -> list[dict[str, Any]]:
	return [{"id": number, "key": key, "value": value} for number, (key, value) in enumerate(values.items())]


# --- an order --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("topic", sorted(mapper.WHOLE_ORDER_TOPICS))
def test_every_way_to_an_order_is_one(topic: str) -> None:
	event = parsed(topic, order())
	assert (event.type, event.incomplete) == (topic, False)
	assert event.data == parsed("order.updated", order()).data


def test_the_captured_order() -> None:
	"""Lines without taxes, coupon in the totals, a fee, shipping, an unrounded price that nobody reads."""
	found = read(captured("order"))
	assert [(row.id, row.product_id, row.variant_id, row.sku, row.name) for row in found.lines] == [
		("1", "12", None, "SIM-1", "Simple 1"),
		("2", "15", "17", "VAR-1-M", "Shirt - M"),
	]
	assert [(row.quantity, row.unit_price, row.discount, row.total) for row in found.lines] == [
		(3, Decimal("19.99"), Decimal("5.99"), Decimal("53.98")),
		(1, Decimal("25.00"), Decimal("2.51"), Decimal("22.49")),
	]
	assert [(row.code, row.title, row.amount) for row in found.shipping] == [
		("flat_rate", "Flat rate", Decimal("4.90"))
	]
	assert [(row.title, row.amount) for row in found.fees] == [("Gift wrap", Decimal("2.00"))]
	assert found.discounts == ()
	assert (found.number, found.total, found.prices_include_tax) == ("19", Decimal("99.21"), False)
	assert (found.note, found.customer and found.customer.id) == ("Bitte klingeln – 2. OG", "2")
	assert planned(found).grand_total == Decimal("99.21")


def test_times_are_utc_though_they_do_not_say_so() -> None:
	found = read(order(date_modified="2026-11-20T23:59:59"))
	assert found.updated_at == datetime(2026, 11, 20, 9, 0, 5, tzinfo=timezone.utc)
	assert found.placed_at == datetime(2026, 11, 20, 9, 0, tzinfo=timezone.utc)


def test_a_time_with_a_zone_is_read_by_it() -> None:
	found = read(order(date_modified_gmt="2026-11-20T09:00:05+02:00"))
	assert found.updated_at == datetime(2026, 11, 20, 7, 0, 5, tzinfo=timezone.utc)


def test_an_order_that_was_never_changed_counts_from_when_it_was_made() -> None:
	assert read(order(date_modified_gmt=None)).updated_at == datetime(2026, 11, 20, 9, tzinfo=timezone.utc)
	with pytest.raises(Rejected, match="no date_modified_gmt"):
		read(order(date_modified_gmt=None, date_created_gmt=""))


@pytest.mark.parametrize(
	("status", "cancelled", "gone"),
	[
		("pending", False, None),
		("processing", False, None),
		("on-hold", False, None),
		("completed", False, None),
		("checkout-draft", False, None),
		("cancelled", True, None),
		("trash", True, None),
		("refunded", False, "refunded"),
		("failed", False, "voided"),
		("packed-by-robot", False, None),
	],
)
def test_every_status(status: str, cancelled: bool, gone: str | None) -> None:
	found = read(order(status=status))
	assert (found.status, found.cancelled, found.money_gone) == (status, cancelled, gone)


def test_what_is_imported_where_the_channel_names_no_statuses() -> None:
	policy = CHANNEL.orders.model_copy(update={"statuses": mapper.DEFAULT_STATUSES})
	channel = CHANNEL.model_copy(update={"orders": policy})
	taken = {
		status
		for status in ("checkout-draft", "pending", "processing", "on-hold", "completed", "failed", "custom")
		if why_unwanted(channel, read(order(status=status))) is None
	}
	assert taken == {"processing", "on-hold", "completed"}


def test_refunds_are_told_and_change_no_amount() -> None:
	found = read(order(refunds=[{"id": 1, "reason": "", "total": "-11.89"}, {"id": 2, "total": "--0.11"}]))
	assert (found.refunded, found.total) == (Decimal("12.00"), read(order()).total)
	assert read(order()).refunded == 0


@pytest.mark.parametrize(
	("changes", "renewal"),
	[
		({"created_via": "subscription"}, True),
		({"meta_data": meta(_subscription_renewal="31")}, True),
		({"meta_data": meta(_subscription_renewal="")}, False),
		({"created_via": "checkout"}, False),
	],
)
def test_the_renewal_of_a_subscription(changes: dict[str, Any], renewal: bool) -> None:
	assert read(order(**changes)).renewal is renewal


def test_a_buyer_whom_the_shop_erased_stays_the_buyer_of_what_is_booked() -> None:
	"""WooCommerce erases buyers of old orders by itself, and writes "[deleted]" in their place."""
	before, nobody = (
		parsed("order.updated", order()).data,
		{"first_name": "[deleted]", "email": "deleted@site.invalid"},
	)
	gone = order(billing=nobody, shipping=nobody, customer_id=0, meta_data=meta(_anonymized="yes"))
	after = parsed("order.updated", gone).data
	assert isinstance(before, model.Order) and isinstance(after, model.Order)
	assert (after.customer, after.billing_address, after.shipping_address) == (None, None, None)
	known = fingerprint_of(CHANNEL, before)
	assert fingerprint_of(CHANNEL, after, known) == known


def test_what_a_shop_says_of_an_order_that_did_not_change_books_nothing_anew() -> None:
	"""A PUT without changes, an echo of our own status, a refund: each sends the whole order again."""
	first = read(order())
	for changes in (
		{"status": "completed", "date_completed_gmt": "2026-11-20T10:00:00"},
		{"date_modified_gmt": "2026-11-21T09:00:05"},
		{"refunds": [{"id": 1, "total": "-1.00"}]},
		{"meta_data": meta(_fulfillment_status="fulfilled")},
		{"payment_url": "https://shop.example/pay", "_links": {"self": []}},
	):
		assert fingerprint_of(CHANNEL, read(order(**changes))) == fingerprint_of(CHANNEL, first)
	assert fingerprint_of(CHANNEL, read(order(currency="USD"))) != fingerprint_of(CHANNEL, first)


# --- lines -----------------------------------------------------------------------------------------------


def line(**changes: Any) -> model.OrderLine:
	payload = order()
	payload["line_items"][0] |= changes
	return read(payload).lines[0]


def test_the_price_is_that_before_the_discount_and_never_the_number_the_shop_works_out() -> None:
	found = line(subtotal="20.00", total="17.98", price=8.993333333333332)
	assert (found.unit_price, found.discount) == (Decimal("10.00"), Decimal("2.02"))


@pytest.mark.parametrize("price", [None, "abc", {}, float("1e300"), -1])
def test_the_number_may_be_anything(price: Any) -> None:
	assert line(price=price).unit_price == Decimal("10.00")


@pytest.mark.parametrize(
	("changes", "kind", "product_id"),
	[
		({"product_id": 12}, "product", "12"),
		({"product_id": 0, "sku": "GONE-1"}, "product", None),
		({"product_id": 0, "sku": None}, "custom", None),
		({"product_id": 0, "sku": ""}, "custom", None),
	],
)
def test_a_deleted_product_is_found_by_its_sku_or_is_none(
	changes: dict[str, Any], kind: str, product_id: str | None
) -> None:
	found = line(**changes)
	assert (found.kind, found.product_id, found.variant_id) == (kind, product_id, None)


def test_the_captured_order_with_an_unknown_product() -> None:
	found = read(captured("error_order_unknown_product"))
	assert [(row.kind, row.product_id, row.sku, row.name, row.total) for row in found.lines] == [
		("custom", None, None, None, Decimal(0))
	]


def test_a_barcode_is_told() -> None:
	assert line(global_unique_id="4006381333931").barcode == "4006381333931"
	assert line(global_unique_id="").barcode is None


@pytest.mark.parametrize("quantity", [2, "2", 2.0])
def test_a_quantity_is_a_number_or_a_text(quantity: Any) -> None:
	assert line(quantity=quantity).quantity == 2


def test_a_quantity_may_be_a_fraction() -> None:
	found = line(quantity=1.5, subtotal="10.00", total="10.00")
	assert (found.quantity, found.unit_price) == (Decimal("1.5"), Decimal("6.67"))
	assert found.quantity * found.unit_price - found.discount == Decimal("10.00")


def test_a_line_that_was_taken_out_is_not_booked() -> None:
	payload = Cart([Sold("10.00", 1), Sold("5.00", 0)]).payload()
	assert [row.quantity for row in read(payload).lines] == [1, 0]
	assert len(planned(read(payload)).items) == 1


@pytest.mark.parametrize("quantity", [-1, "-0.5", True, [], "many"])
def test_a_quantity_that_is_none_is_refused(quantity: Any) -> None:
	with pytest.raises(Rejected, match=r"line_items\[0\]\.quantity"):
		line(quantity=quantity)


def test_two_lines_of_one_id_are_refused() -> None:
	payload = order()
	payload["line_items"] *= 2
	with pytest.raises(Rejected, match="the same id"):
		read(payload)


def test_a_line_without_an_id_is_refused() -> None:
	with pytest.raises(Rejected, match="has no id"):
		line(id=0)


@pytest.mark.parametrize(
	("shipping", "code"),
	[
		({"method_id": "flat_rate", "instance_id": "1"}, "flat_rate:1"),
		({"method_id": "flat_rate", "instance_id": ""}, "flat_rate"),
		({"method_id": "flat_rate", "instance_id": 3}, "flat_rate:3"),
		({"method_id": "", "instance_id": ""}, None),
	],
)
def test_a_way_of_shipping_is_its_method_and_place_in_the_zone(
	shipping: dict[str, Any], code: str | None
) -> None:
	payload = order()
	payload["shipping_lines"][0] |= shipping
	assert read(payload).shipping[0].code == code


def test_a_negative_fee_is_a_reduction() -> None:
	found = read(Cart([Sold("10.00")], fees=[Charge("-2.55", name="Rabatt")]).payload())
	assert [(fee.title, fee.amount, fee.taxes[0].amount) for fee in found.fees] == [
		("Rabatt", Decimal("-2.55"), Decimal("-0.48"))
	]


# --- what PHP makes of it --------------------------------------------------------------------------------


def test_a_list_with_members_taken_out_comes_as_an_object() -> None:
	payload = order()
	for name in ("line_items", "tax_lines", "shipping_lines", "fee_lines", "refunds"):
		payload[name] = {str(place): row for place, row in enumerate(payload[name], 3)}
	payload["line_items"]["3"]["taxes"] = {"1": payload["line_items"]["3"]["taxes"][0]}
	payload["meta_data"] = {"5": {"id": 1, "key": "colour", "value": "red"}}
	found = read(payload)
	assert (found.lines[0].total, found.custom["meta"]) == (Decimal("20.00"), {"colour": "red"})
	assert planned(found).grand_total == found.total


def test_an_address_without_members_comes_as_a_list() -> None:
	found = read(order(billing=[], shipping=[]))
	assert (found.billing_address, found.shipping_address, found.customer) == (None, None, None)


@pytest.mark.parametrize("empty", [None, "", False, []])
def test_an_empty_text_comes_in_several_ways(empty: Any) -> None:
	found = read(order(billing={**HEAD["billing"], "company": empty}, customer_note=empty))
	assert found.note is None
	assert found.customer and found.customer.company is None


def test_a_postcode_may_be_a_number() -> None:
	found = read(order(billing={**HEAD["billing"], "postcode": 10115}))
	assert found.billing_address and found.billing_address.postal_code == "10115"


# --- the buyer -------------------------------------------------------------------------------------------


def test_a_guest_has_no_id() -> None:
	found = read(order())
	assert found.customer == model.Customer(
		email="max@example.com", phone="+49 30 123", first_name="Max", last_name="Mustermann"
	)


def test_addresses() -> None:
	found = read(order(shipping={**HEAD["billing"], "country": "at", "company": "ACME"}))
	assert found.billing_address == model.Address(
		name="Max Mustermann",
		line1="Musterstr. 1",
		city="Berlin",
		region="DE-BE",
		postal_code="10115",
		country_code="DE",
		phone="+49 30 123",
		email="max@example.com",
	)
	assert found.shipping_address and found.shipping_address.country_code == "AT"
	assert read(order()).shipping_address is None, "what is not shipped has an address full of empty texts"


@pytest.mark.parametrize("key", TAX_ID_KEYS)
def test_a_tax_id_is_where_the_usual_extensions_keep_it(key: str) -> None:
	found = read(order(meta_data=meta(other="x", **{key: " DE123456789 "})))
	assert found.customer and found.customer.tax_id == "DE123456789"


def test_a_tax_id_is_first_where_the_channel_says() -> None:
	channel = CHANNEL.model_copy(update={"tax_id_keys": ("our_vat", "_our_vat")})
	payload = order(meta_data=meta(vat_number="first", _our_vat="second", our_vat=""))
	found = read(payload, channel)
	assert found.customer and found.customer.tax_id == "second"


def test_a_tax_id_may_be_in_the_billing_address() -> None:
	found = read(order(billing={**HEAD["billing"], "company": "ACME GmbH", "vat_number": "ATU1"}))
	assert found.customer and (found.customer.company, found.customer.tax_id) == ("ACME GmbH", "ATU1")


@pytest.mark.parametrize("value", ["", " ", 7, None, ["x"], "x" * 141])
def test_what_cannot_be_a_tax_id_is_none(value: Any) -> None:
	found = read(order(meta_data=meta(vat_number=value)))
	assert found.customer and found.customer.tax_id is None


def test_a_customer_event() -> None:
	payload = captured("customer_updated_webhook")
	found = parsed("customer.updated", payload).data
	assert isinstance(found, model.Customer)
	assert (found.id, found.email) == (str(payload["id"]), payload["email"])
	assert found.updated_at == datetime.fromisoformat(payload["date_modified_gmt"] + "+00:00")


def test_a_customer_of_a_company() -> None:
	billing = {**HEAD["billing"], "company": "ACME GmbH"}
	payload = {
		"id": 7,
		"email": "erika@example.com",
		"first_name": "Erika",
		"last_name": "Muster",
		"billing": billing,
		"shipping": billing,
		"meta_data": meta(billing_vat="DE1"),
	}
	found = to_customer(payload)
	assert (found.company, found.tax_id, found.phone) == ("ACME GmbH", "DE1", "+49 30 123")
	assert len(found.addresses) == 1, "both are the same"


def test_a_customer_who_never_bought_has_no_address() -> None:
	assert to_customer(captured("customer_created_webhook")).addresses == ()


# --- field maps ------------------------------------------------------------------------------------------


def test_a_field_map_reads_meta_data_by_its_keys() -> None:
	payload = order(meta_data=meta(delivery_slot="morning", nested={"a": 1}))
	payload["line_items"][0]["meta_data"] = [
		*meta(engraving="Für Anna"),
		{"id": 9, "key": "engraving", "value": "2nd"},
	]
	channel = CHANNEL.model_copy(
		update={
			"fields": (
				FieldMap(path="meta.delivery_slot", doctype="Sales Order", fieldname="slot"),
				FieldMap(path="coupon_lines[0].code", doctype="Sales Order", fieldname="coupon"),
				FieldMap(path="meta.engraving", doctype="Sales Order Item", fieldname="engraving"),
			)
		}
	)
	payload["coupon_lines"] = [{"id": 6, "code": "tenoff", "discount": "8.5", "discount_tax": "1.62"}]
	found = read(payload)
	assert mapped_values(channel, "Sales Order", found.custom) == {"slot": "morning", "coupon": "tenoff"}
	assert mapped_values(channel, "Sales Order Item", found.lines[0].custom) == {"engraving": "Für Anna"}


@pytest.mark.parametrize("broken", [None, "x", 3, [None], [{"id": 1}], [{"key": 7, "value": 1}], {"a": 1}])
def test_meta_data_of_any_shape_is_read_as_far_as_it_goes(broken: Any) -> None:
	assert read(order(meta_data=broken)).custom["meta"] == {}


# --- deletions and errors --------------------------------------------------------------------------------


def test_of_a_deletion_only_the_id_is_known_and_the_shop_is_asked() -> None:
	deleted = parsed("order.deleted", captured("order_deleted_webhook"))
	assert (deleted.data, deleted.incomplete) == (model.OrderReference(id="23"), True)
	product_gone = parsed("product.deleted", captured("product_deleted_webhook"))
	assert (product_gone.data, product_gone.incomplete) == (model.ProductDeletion(id="21"), True)


def test_a_topic_that_nothing_is_done_about() -> None:
	assert parsed("customer.deleted", {"id": 3}).data is None


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("topic", ["order.updated", "product.updated", "customer.created"])
def test_an_owner_without_rights_is_told_of_with_what_to_do(topic: str, status: int) -> None:
	body = {"code": "woocommerce_rest_cannot_view", "message": "Sorry", "data": {"status": status}}
	with pytest.raises(
		Misconfigured, match=f"may not read {topic.partition('.')[0]}s.*Register Webhooks again"
	) as told:
		parsed(topic, body)
	assert (told.value.doctype, told.value.document) == ("Channel Settings", "Shop")


@pytest.mark.parametrize("data", [{"status": 500}, 500, None, {}, {"status": "x"}])
def test_another_error_in_place_of_an_order_is_told_of(data: Any) -> None:
	with pytest.raises(Rejected, match=r"sent an error .* in place of order\.created"):
		parsed("order.created", {"code": "x", "message": "SELECT secret", "data": data})


# --- what makes no sense ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
	("changes", "named"),
	[
		({"total": "12,50"}, "total: must be an amount"),
		({"total": "1e9"}, "total"),
		({"total": [1]}, "total"),
		({"currency": "EURO"}, "currency: must be a currency code"),
		({"currency": None}, "currency"),
		({"date_modified_gmt": "yesterday"}, "date_modified_gmt: must be a time"),
		({"date_modified_gmt": "2999-01-01T00:00:00"}, "date_modified_gmt"),
		({"line_items": "none"}, "line_items"),
		({"line_items": [3]}, r"line_items\[0\]"),
		({"id": 0}, "This order of WooCommerce has no id"),
		({"id": True}, "has no id"),
		({"billing": "here"}, "billing"),
		({"tax_lines": [{"rate_id": 1, "tax_total": "x"}]}, r"tax_lines\[0\]\.tax_total"),
		({"status": {"a": 1}}, "status: must be a text"),
	],
)
def test_what_is_wrong_is_named(changes: dict[str, Any], named: str) -> None:
	with pytest.raises(Rejected, match=named):
		read(order(**changes))


@pytest.mark.parametrize("missing", ["total", "currency", "line_items", "id"])
def test_what_is_missing_is_named(missing: str) -> None:
	payload = order()
	del payload[missing]
	with pytest.raises(Rejected, match=missing):
		read(payload)


def test_no_value_of_the_payload_is_said() -> None:
	with pytest.raises(Rejected) as refused:
		read(order(billing={**HEAD["billing"], "email": {"a": "ada@example.com"}}))
	assert "ada@example.com" not in str(refused.value)


@pytest.mark.parametrize("cut", [0, 1, 40, 500, -1])
def test_a_truncated_payload_is_refused(cut: int) -> None:
	with pytest.raises(Rejected):
		mapper.parse("order.created", json.dumps(order())[:cut], CHANNEL)


def test_a_great_many_lines_are_read() -> None:
	assert (
		len(read(Cart([Sold("1.00", sku=f"S{number}") for number in range(1_000)]).payload()).lines) == 1_000
	)


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
	if path:
		yield path
	if isinstance(value, dict):
		for key, item in value.items():
			yield from paths(item, (*path, key))
	elif isinstance(value, list):
		for index, item in enumerate(value):
			yield from paths(item, (*path, index))


EVENTS = [
	*(
		("order.updated", cart.payload())
		for name, cart in CARTS.items()
		if "hundred" not in name and "forty" not in name
	),
	*(
		("order.created", captured(name))
		for name in ("order", "order_created_webhook", "error_order_unknown_product")
	),
	*(("product.updated", captured(name)) for name in ("product_simple", "product_variable", "variation")),
	("product.updated", captured("product_updated_by_sale_webhook")),
	*(("customer.updated", captured(name)) for name in ("customer", "customer_updated_webhook")),
	("order.deleted", {"id": 23}),
	("product.deleted", {"id": 21}),
	("customer.deleted", {"id": 3}),
	("order.created", captured("order_created_webhook_resource_gone")),
]
PATHS = [(topic, payload, path) for topic, payload in EVENTS for path in paths(payload)]
GARBAGE = (
	st.none()
	| st.booleans()
	| st.integers()
	| st.integers(min_value=0, max_value=3)
	| st.floats(allow_nan=False, allow_infinity=False)
	| st.sampled_from(
		[
			"",
			"0.00",
			"-0.01",
			"--1",
			"1e9",
			"999999999999.99",
			"0.000000001",
			"12,5",
			"\u0000",
			"\ud800",
			"trash",
		]
	)
	| st.text(max_size=5)
	| st.sampled_from([[], {}, [{}], [None], {"0": {}}, [[]]])
)


@settings(max_examples=3000, deadline=None, suppress_health_check=list(HealthCheck))
@given(
	changes=st.lists(
		st.tuples(st.integers(0, len(PATHS) - 1), st.booleans(), GARBAGE), min_size=1, max_size=4
	)
)
def test_whatever_is_wrong_with_a_payload_only_our_own_errors_come_out(changes: list[Any]) -> None:
	topic, original, _path = PATHS[changes[0][0]]
	payload = copy.deepcopy(original)
	for index, removed, garbage in changes:
		_change(payload, PATHS[index][2], removed, garbage)
	try:
		incoming = webhook.identify(signed(topic, payload, SECRET))
		event = mapper.parse(incoming.topic, incoming.payload, CHANNEL)
		if isinstance(event.data, model.Order):
			planned(event.data)
	except BridgeError as error:
		assert isinstance(error, (BadRequest, Rejected, Misconfigured)) and str(error)


def _change(payload: Any, path: tuple[Any, ...], removed: bool, garbage: Any) -> None:
	target = payload
	for key in path[:-1]:
		try:
			target = target[key]
		except (KeyError, IndexError, TypeError):
			return
	if isinstance(target, dict) and path[-1] in target:
		target.pop(path[-1]) if removed else target.update({path[-1]: copy.deepcopy(garbage)})
	elif isinstance(target, list) and isinstance(path[-1], int) and path[-1] < len(target):
		target[path[-1]] = copy.deepcopy(garbage)
